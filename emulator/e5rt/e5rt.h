/* SPDX-License-Identifier: MIT */
/*
 * The C symbols of Espresso's dispatch interface, e5rt_*, over the core: what all files share.
 *
 * Every call returns 0 or a number other than 0, with a text for the thread in
 * e5rt_get_last_error_message. A handle is a counted object that knows its kind: a handle of
 * another kind is an error instead of a crash, which is kinder than the original. What the numbers
 * of errors are there is not known; docs/emulator.md lists what else is left out.
 */
#ifndef E5RT_H
#define E5RT_H

#include "../core/emu.h"

/* The original has no header, so nothing declares these functions but their definitions. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#define FACE __attribute__((visibility("default")))

enum { FINE = 0, BAD_ARGUMENT = 2, FAILED = 11 };

/* ---- errors ---- */

/* Where the core puts what went wrong in this thread. */
emu_error *e5_error(void);
/* Sets the thread's text and returns the code. */
int64_t e5_fail(int64_t code, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Leaves the calling function if something it was given is not what it must be. */
#define NEED(condition)                                                                            \
    if (!(condition)) return e5_fail(BAD_ARGUMENT, "%s: invalid argument: %s", __func__, #condition)

/* ---- handles ---- */

typedef enum e5_kind {
    E5_CONFIG = 1,
    E5_COMPILER,
    E5_OPTIONS,
    E5_LIBRARY,
    E5_FUNCTION,
    E5_OP_OPTIONS,
    E5_OPERATION,
    E5_PORT,
    E5_BUFFER,
    E5_STREAM,
    E5_EVENT
} e5_kind;

/* Begins every object. */
typedef struct e5_object {
    void (*destroy)(void *self); /* frees what the object holds, not the object; may be NULL */
    uint32_t kind, refs;
} e5_object;

/* A zeroed object with one reference, or NULL. */
void *e5_make(e5_kind kind, size_t size, void (*destroy)(void *));
void *e5_ref(void *any);
void e5_unref(void *any); /* NULL is fine */
bool e5_is(const void *any, e5_kind kind);
/* Hands an object to the caller; NULL is out of memory. */
int64_t e5_give(void *made, void **out);
/* What every release function does. */
int64_t e5_release(void **handle, e5_kind kind, const char *function);

#define RELEASE(name, kind)                                                                        \
    FACE int64_t name(void **handle) {                                                             \
        return e5_release(handle, kind, #name);                                                    \
    }

/* ---- what more than one file looks into ---- */

typedef struct e5_library {
    e5_object base;
    char *folder;
    emu_instance *instance;
    char hex[ORION_MIL_IDENTITY_BYTES];
} e5_library;

typedef struct e5_function {
    e5_object base;
    e5_library *library;
    const emu_procedure *procedure;
    uint32_t index, reserved;
} e5_function;

typedef struct e5_buffer {
    e5_object base;
    emu_surface *surface;
} e5_buffer;

typedef struct e5_event e5_event;
/* Waits until the event has reached its active future value; signals it. */
int64_t e5_event_wait(e5_event *event);
void e5_event_signal(e5_event *event);

#endif
