/* SPDX-License-Identifier: MIT */
/* A loaded program, as store.c makes it and evaluate.c runs it. */
#ifndef EMU_INSTANCE_H
#define EMU_INSTANCE_H

#include "emu.h"

#include <pthread.h>
#include <stdatomic.h>

/* A procedure with the CPU device's tensors for its ports, made at its first evaluation. */
typedef struct emu_run {
    orion_ane_run *run;
    orion_ane_tensor **tensors; /* by port of the CPU program: inputs, then outputs */
    size_t port_count;
} emu_run;

struct emu_instance {
    emu_program *program;
    emu_run *runs;        /* by procedure */
    pthread_mutex_t lock; /* the device does one thing at a time */
    uint64_t handle;
    atomic_bool looked_at;
};

#endif
