/* SPDX-License-Identifier: MIT */
/* Handles and the text of a thread's last error. */
#include "e5rt.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- errors ---- */

static _Thread_local emu_error last;

emu_error *e5_error(void) {
    return &last;
}

int64_t e5_fail(int64_t code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    vsnprintf(last.text, sizeof last.text, fmt, args);
    va_end(args);
    return code;
}

FACE const char *e5rt_get_last_error_message(void) {
    return last.text;
}

/* ---- handles ---- */

void *e5_make(e5_kind kind, size_t size, void (*destroy)(void *)) {
    e5_object *o = calloc(1, size);
    if (o == NULL) return NULL;
    *o = (e5_object){.destroy = destroy, .kind = kind, .refs = 1};
    emu_count(EMU_OBJECTS, 1);
    return o;
}

void *e5_ref(void *any) {
    e5_object *o = any;
    __atomic_fetch_add(&o->refs, 1, __ATOMIC_RELAXED);
    return any;
}

void e5_unref(void *any) {
    e5_object *o = any;
    if (o == NULL || __atomic_fetch_sub(&o->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (o->destroy != NULL) o->destroy(o);
    emu_count(EMU_OBJECTS, -1);
    free(o);
}

bool e5_is(const void *any, e5_kind kind) {
    const e5_object *o = any;
    return o != NULL && o->kind == (uint32_t)kind;
}

int64_t e5_give(void *made, void **out) {
    if (made == NULL) return e5_fail(FAILED, "out of memory");
    *out = made;
    return FINE;
}

int64_t e5_release(void **handle, e5_kind kind, const char *function) {
    emu_trace("%s", function);
    if (handle == NULL || !e5_is(*handle, kind)) {
        return e5_fail(BAD_ARGUMENT, "%s: invalid handle", function);
    }
    e5_unref(*handle);
    *handle = NULL;
    return FINE;
}
