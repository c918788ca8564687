/* SPDX-License-Identifier: MIT */
/*
 * Mixed programs: a graph of which a device runs what it can, and the CPU the rest.
 *
 * liborion-mil cuts the graph into programs and calls that exchange values (orion_mil_partition).
 * Here the programs are compiled, each by the back end of its side, and a run gives every value a
 * tensor. A value that both sides or the caller touch is packed; one that only the device touches
 * is laid out as its ports are. Where a port wants another layout it gets a tensor of its own,
 * filled before the call or read after it.
 *
 * Ports of a mixed program are those of the graph, packed. The caller's tensor is the value's where
 * their types agree; else it is converted before the first call or after the last.
 */
#ifndef ANE_MIXED_H
#define ANE_MIXED_H

#include "ane-internal.h"

/* One program of the plan. */
typedef struct mixed_part {
    const ane_backend *backend;
    ane_code *code;
} mixed_part;

typedef struct mixed_value {
    orion_ir_type type;
    int64_t strides[ORION_IR_RANK_MAX];
    uint32_t input; /* the graph input that fills it, or ORION_MIL_NO_INPUT */
    uint32_t port;  /* the port whose tensor it is; MIXED_OWN: its own */
} mixed_value;
enum { MIXED_OWN = UINT32_MAX };

/* One call: the values of its program's ports, inputs first. */
typedef struct mixed_call {
    uint32_t *values;
    uint32_t part, reserved;
} mixed_call;

typedef struct mixed_code {
    ane_code code;
    orion_ane_device *device; /* not counted: code dies with it at the latest */
    orn_arena arena;
    mixed_part *parts;
    mixed_value *values;
    mixed_call *calls;
    uint32_t *outputs; /* the value of each output */
    size_t part_count, value_count, call_count;
} mixed_code;

/* Cut the graph for a target and compile its programs. */
orion_status ane_mixed_compile(orion_ane_device *device, const orion_ir_graph *graph,
                               const char *target, orion_diag *diag, ane_code **out_code);
/* The functions of its runs; it opens and compiles nothing. */
extern const ane_backend ane_mixed;

#endif
