/* SPDX-License-Identifier: MIT */
/* What tests of devices share: opening one, running a graph on it, comparing with the reference. */
#ifndef ANE_SUPPORT_H
#define ANE_SUPPORT_H

#include "op-support.h"

#include <orion/ane.h>

/* A device or the test fails; those of the Neural Engine by $ORION_TEST_EMULATOR. */
orion_ane_device *ane_open(orion_ane_backend backend, uint32_t threads);
/* The graph compiled the whole way, through MIL text; fails the test with the diagnostics. */
orion_ane_program *ane_compile(orion_ane_device *device, const orion_ir_graph *graph);

/* A run of a program with a tensor bound to every port. */
typedef struct ane_bound {
    orion_ane_program *program;
    orion_ane_run *run;
    orion_ane_tensor *tensors[96]; /* by port */
    size_t count, inputs;
} ane_bound;
/* Takes the program. With `share`, outputs that may alias an input get the input's tensor. */
ane_bound ane_bind(orion_ane_program *program, bool share);
void ane_bound_free(ane_bound *b);
/* Elements as doubles, converted to the port's dtype, and back. */
void ane_write(const ane_bound *b, size_t port, const double *data);
void ane_read(const ane_bound *b, size_t port, double *data);

/* Compile, bind, write, execute, read: what orion_ir_eval gives, by the device. */
op_buffers ane_eval(orion_ane_device *device, const orion_ir_graph *graph, const op_buffers *in);

/* Tolerances by dtype: |device - reference| <= absolute + relative * |reference|. */
typedef struct ane_tolerance {
    double absolute, relative;
} ane_tolerance;
/* docs/numerics.md, "The CPU device"; exact for integers and bool. */
ane_tolerance ane_tolerance_of(uint32_t dtype);

#endif
