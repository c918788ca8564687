/* SPDX-License-Identifier: MIT */
/*
 * What a back end is: the table between the public objects (device.c, program.c, tensor.c, run.c)
 * and whatever executes programs.
 *
 * The public files own names, reference counts, the cache, argument checks and the diagnostics
 * about them; a back end owns compiling and executing. It never sees a wrong port, an unbound or a
 * locked tensor, or tensors shared in a way its ports do not allow. A new back end is one file with
 * one such table, and a row in device.c.
 */
#ifndef ANE_BACKEND_H
#define ANE_BACKEND_H

#include "util/util.h"
#include <orion/ane.h>

/* A compiled program, as far as the public files look into it. Back ends embed it as their first
 * member and fill it in `compile`; all of it lives until `release`. */
typedef struct ane_code {
    const struct ane_backend *backend; /* whose functions its runs have */
    orion_ane_port *ports;             /* inputs first, each in the program's order */
    size_t port_count, input_count;
    orion_ane_program_stats stats;
} ane_code;

/* What a device gives to its back end. */
typedef struct ane_host {
    orion_allocator allocator;
    const char *framework; /* path; NULL: Apple's; valid while `open` runs */
    uint32_t threads;      /* at least 1 */
    bool saturate;         /* what overflows f16 when it is written */
} ane_host;

/* Which tensors a device can reach. */
typedef enum ane_reach {
    ANE_REACH_ALL = 0,  /* every one: it runs in this process */
    ANE_REACH_SURFACES, /* IOSurfaces */
    ANE_REACH_OWN       /* those of the device itself, made by `alloc` */
} ane_reach;

typedef struct ane_backend {
    orion_ane_backend id;
    ane_reach reach;
    const char *name;
    /* ORION_ERROR_UNSUPPORTED, with a diagnostic that says why, if it cannot work here. */
    orion_status (*open)(const ane_host *host, orion_diag *diag, void **out_device);
    void (*close)(void *device);
    /* ANE_REACH_OWN: memory for a tensor, zeroed; the object becomes ane_memory.surface. */
    orion_status (*alloc)(void *device, size_t bytes, void **out_object, void **out_data);
    void (*free)(void *device, void *object);
    /* The target of liborion-mil that graphs are cut for: what it cannot take runs on the CPU.
     * NULL: the device takes graphs as they are. Static. */
    const char *(*target)(const void *device);
    /* Any thread; several at the same time. `source->function` is never NULL. */
    orion_status (*compile)(void *device, const orion_ane_source *source, orion_diag *diag,
                            ane_code **out_code);
    void (*release)(ane_code *code);
    /* One run: its memory, an address for each port as tensors are bound, execution. */
    orion_status (*prepare)(ane_code *code, void **out_run);
    void (*bind)(void *run, size_t port, orion_ane_tensor *tensor);
    orion_status (*execute)(void *run, orion_diag *diag);
    void (*dispose)(void *run);
} ane_backend;

extern const ane_backend ane_backend_cpu, ane_backend_objc, ane_backend_e5rt;

#endif
