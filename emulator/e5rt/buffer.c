/* SPDX-License-Identifier: MIT */
/* Memory that ports are bound to, and events. */
#define _XOPEN_SOURCE 700 /* clock_gettime */
#include "e5rt.h"

#include <errno.h>
#include <pthread.h>
#include <time.h>

/* ---- buffers ---- */

static void buffer_destroy(void *self) {
    emu_surface_destroy(((e5_buffer *)self)->surface);
}

FACE int64_t e5rt_buffer_object_alloc(void **out, uint64_t bytes, uint32_t type) {
    enum { BUFFER_TYPES = 3 };
    NEED(out != NULL);
    if (type >= BUFFER_TYPES) return e5_fail(BAD_ARGUMENT, "Invalid BufferType");
    emu_surface *surface = emu_surface_create((size_t)bytes);
    e5_buffer *b = surface == NULL ? NULL : e5_make(E5_BUFFER, sizeof *b, buffer_destroy);
    if (b == NULL) {
        emu_surface_destroy(surface);
        return e5_fail(FAILED, "Failed to allocate a buffer of %llu bytes",
                       (unsigned long long)bytes);
    }
    b->surface = surface;
    *out = b;
    return FINE;
}
RELEASE(e5rt_buffer_object_release, E5_BUFFER)

FACE int64_t e5rt_buffer_object_get_data_ptr(void *handle, void **out) {
    NEED(e5_is(handle, E5_BUFFER) && out != NULL);
    *out = emu_surface_base(((e5_buffer *)handle)->surface);
    return FINE;
}

FACE int64_t e5rt_buffer_object_get_size(void *handle, uint64_t *out) {
    NEED(e5_is(handle, E5_BUFFER) && out != NULL);
    *out = emu_surface_bytes(((e5_buffer *)handle)->surface);
    return FINE;
}

/* ---- events ---- */

struct e5_event {
    e5_object base;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t value, future;
};

static void event_destroy(void *self) {
    pthread_cond_destroy(&((e5_event *)self)->changed);
    pthread_mutex_destroy(&((e5_event *)self)->lock);
}

FACE int64_t e5rt_async_event_create(void **out, const char *name, uint32_t value) {
    NEED(out != NULL);
    if (name == NULL) return e5_fail(BAD_ARGUMENT, "eventName is NULL");
    e5_event *e = e5_make(E5_EVENT, sizeof *e, event_destroy);
    if (e == NULL) return e5_fail(FAILED, "out of memory");
    pthread_mutex_init(&e->lock, NULL);
    pthread_cond_init(&e->changed, NULL);
    e->value = e->future = value;
    *out = e;
    return FINE;
}
RELEASE(e5rt_async_event_release, E5_EVENT)

FACE int64_t e5rt_async_event_set_active_future_value(void *handle, uint64_t value) {
    NEED(e5_is(handle, E5_EVENT));
    e5_event *e = handle;
    pthread_mutex_lock(&e->lock);
    e->future = value;
    pthread_mutex_unlock(&e->lock);
    return FINE;
}

void e5_event_signal(e5_event *e) {
    pthread_mutex_lock(&e->lock);
    if (e->future > e->value) e->value = e->future;
    pthread_cond_broadcast(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

FACE int64_t e5rt_async_event_signal(void *handle) {
    NEED(e5_is(handle, E5_EVENT));
    e5_event_signal(handle);
    return FINE;
}

FACE int64_t e5rt_async_event_get_last_signaled_value(void *handle, uint64_t *out) {
    NEED(e5_is(handle, E5_EVENT) && out != NULL);
    e5_event *e = handle;
    pthread_mutex_lock(&e->lock);
    *out = e->value;
    pthread_mutex_unlock(&e->lock);
    return FINE;
}

/* The original can wait for ever, this one ten seconds. */
int64_t e5_event_wait(e5_event *e) {
    enum { PATIENCE_S = 10 };
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    int waited = 0;
    pthread_mutex_lock(&e->lock);
    while (e->value < e->future && waited != ETIMEDOUT) {
        waited = pthread_cond_timedwait(&e->changed, &e->lock, &end);
    }
    bool reached = e->value >= e->future;
    pthread_mutex_unlock(&e->lock);
    return reached ? FINE : e5_fail(FAILED, "timed out");
}

FACE int64_t e5rt_async_event_sync_wait(void *handle) {
    NEED(e5_is(handle, E5_EVENT));
    return e5_event_wait(handle);
}
