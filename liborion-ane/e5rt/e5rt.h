/* SPDX-License-Identifier: MIT */
/*
 * The `ane-e5rt` back end: the dispatch interface of Espresso.framework, a C interface that Apple
 * does not document.
 *
 * Ports are bound by name, so no order can be got wrong. Layouts are not read, because the calls
 * that tell them are not known: rows are taken to begin at multiples of 64 bytes, as everywhere on
 * this hardware, and the first compilation of a device proves it with a small program (layout.c).
 * Two streams in flight at once hang, so a device has one, and runs take turns.
 */
#ifndef ANE_E5RT_H
#define ANE_E5RT_H

#include "ane-internal.h"
#include "folder.h"

/* The functions, as calls.def lists them. */
typedef struct e5_api {
    ane_libraries libraries;
    const char *(*last_error)(void);
#define E5_CALL(name, arguments) int64_t(*name) arguments;
#include "calls.def"
} e5_api;

/* What buffer_object_alloc makes: an IOSurface, which the hardware reaches without a copy. */
enum { E5_BUFFER_SURFACE = 2 };

typedef enum e5_layout {
    E5_LAYOUT_UNKNOWN = 0,
    E5_LAYOUT_ROWS,  /* rows begin at multiples of 64 bytes */
    E5_LAYOUT_PACKED /* elements stand one behind the other */
} e5_layout;

typedef struct e5_device {
    orion_allocator allocator;
    e5_api api;
    void *compiler, *options, *stream;
    char *folder;         /* of this device, for models and what the compiler caches */
    pthread_mutex_t lock; /* the compiler, the stream, `layout` and `models` */
    uint64_t models;      /* written so far: each has its own folder */
    e5_layout layout;
} e5_device;

typedef struct e5_code {
    ane_code code;
    e5_device *device;
    ane_symbols symbols;
    void *library, *function;
} e5_code;

typedef struct e5_run {
    const e5_code *code;
    void *operation;
    void **ports;  /* handles, by port */
    size_t failed; /* 1 + the port whose last binding was refused; 0: none */
} e5_run;

/* Report a call that failed, with the framework's words. `doing` begins the sentence. */
orion_status e5_failure(const e5_device *d, orion_message message, orion_status status,
                        const char *doing, const char *subject, orion_diag *diag);

/* backend.c; all with the device's lock not held */
orion_status e5_compile_source(e5_device *d, const orion_ane_source *source, e5_layout layout,
                               orion_diag *diag, e5_code **out_code);
void e5_code_release(e5_code *code);
orion_status e5_run_create(const e5_code *code, e5_run **out_run);
void e5_run_destroy(e5_run *run);
void e5_run_bind(e5_run *run, size_t port, void *buffer);
orion_status e5_run_execute(e5_run *run, orion_diag *diag);

/* ports.c */
void e5_ports_lay_out(ane_code *code, e5_layout layout);

/* layout.c: finds out, once for a device, how tensors are laid out. */
orion_status e5_find_layout(e5_device *d, orion_diag *diag, e5_layout *out_layout);

#endif
