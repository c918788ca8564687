/* SPDX-License-Identifier: MIT */
/* A graph cut into programs: how a plan is stored, and what the files that make one share. */
#ifndef MIL_PLAN_H
#define MIL_PLAN_H

#include "mil-legal.h"

typedef struct mil_plan_program {
    orion_mil_plan_program shown;
    orion_ir_graph *graph, *before, *after; /* owned */
    uint32_t part;                          /* the first part that is this program */
} mil_plan_program;

struct orion_mil_plan {
    orn_arena arena; /* names and lists */
    mil_plan_program *programs;
    size_t program_count, program_capacity;
    orion_mil_plan_call *calls;
    size_t call_count, call_capacity;
    orion_mil_plan_value *values;
    size_t value_count, value_capacity;
    uint32_t *outputs; /* values that are the graph's outputs */
    size_t output_count;
};

/* ---- plan/order.c, plan/blocks.c: the legal graph as parts ---- */
/* A node of the legal graph that runs somewhere: no constant, no conversion of an input or output.
 */
typedef struct mil_step {
    const orion_ir_node *node;
    uint32_t phase;
    uint32_t side; /* a mil_side */
    uint32_t part;
    uint32_t reserved;
} mil_step;

/* Steps [begin, begin + count) of the ordered list, which become one program. */
typedef struct mil_part {
    size_t begin, count;
    uint32_t side;
    uint32_t turn; /* where in the order of calls; see mil_order_parts */
} mil_part;

enum { MIL_IS_OUTPUT = 2 };

typedef struct mil_planner {
    orion_allocator allocator;
    orion_diag *diag;
    const orion_mil_target *target;
    orion_mil_partition_options options;
    bool whole_phases; /* cut nothing but where a limit is */
    orion_ir_graph *g; /* the legal graph */
    mil_sides sides;
    mil_step *steps; /* ordered by phase and side, then as in the graph */
    size_t step_count, step_bytes;
    uint32_t *step_of;   /* by value id: 1 + the step that makes it; 0: none */
    uint32_t *source_of; /* by value id: of a conversion, what is converted; else the value */
    uint8_t *exported;   /* by value id: 1 if used by another part, MIL_IS_OUTPUT if an output */
    size_t value_bound;
    mil_part *parts;
    size_t part_count, part_capacity;
    orion_mil_plan *plan;
} mil_planner;

/* Fill steps, step_of and source_of. */
orion_status mil_order_steps(mil_planner *p);
/* Cut the steps into parts: where side or phase change, at repeated blocks, where a limit is. */
orion_status mil_cut_parts(mil_planner *p);
/* Fill `exported` and the turns of the parts, and sort the parts by them. */
orion_status mil_order_parts(mil_planner *p);
/* The bytes of a value. */
static inline uint64_t mil_value_bytes(const orion_ir_graph *g, orion_ir_value v) {
    orion_ir_type type = orion_ir_value_type(g, v);
    return orion_ir_type_bytes(&type);
}

/* ---- plan/emit.c: parts as programs ---- */
orion_status mil_emit_plan(mil_planner *p);

/* ---- plan/uniform.c ---- */
/* Where the target wants ports of one size, replace program->graph by one that has them and add the
 * graphs that pad and cut. */
orion_status mil_make_uniform(const mil_planner *p, mil_plan_program *program);

#endif
