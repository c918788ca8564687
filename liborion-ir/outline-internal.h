/* SPDX-License-Identifier: MIT */
/* Outlining in three steps: find equal stretches of nodes (outline-find.c), lay the calls out
 * (outline.c), make a graph of each part (outline-part.c); and the way back (outline-inline.c). */
#ifndef IR_OUTLINE_INTERNAL_H
#define IR_OUTLINE_INTERNAL_H

#include "ir-internal.h"

/* The nodes of a graph but its constants, which stand nowhere in particular. */
typedef struct ir_sequence {
    const orion_ir_graph *g;
    orion_ir_node **nodes;
    size_t count;
    uint32_t *position; /* by value id: where its node is, or IR_NOWHERE */
    uint32_t *last_use; /* by value id: position of the last reader; `count` for an output */
} ir_sequence;
#define IR_NOWHERE UINT32_MAX

/* Stretches that do the same: same ops, attributes, types, and operands from the same place in the
 * stretch or all from outside. They do not overlap. */
typedef struct ir_repetition {
    size_t length;
    uint32_t *starts; /* [count], ascending, in the arena */
    size_t count;
} ir_repetition;

typedef struct ir_repetitions {
    ir_repetition *at; /* from the arena's allocator */
    size_t count, capacity;
} ir_repetitions;

/* Stretches of different repeats do not overlap either. `out` is to be freed in any case. */
orion_status ir_find_repetitions(const ir_sequence *sequence, size_t min_nodes, orn_arena *arena,
                                 ir_repetitions *out);

/* Is the operand v of a node made by the stretch that begins at `start`? The stretch must reach as
 * far as that node. */
static inline bool ir_from_inside(const ir_sequence *s, uint32_t v, size_t start) {
    return s->position[v] != IR_NOWHERE && s->position[v] >= start;
}

/* One call, and the stretch of the sequence that it stands for. */
typedef struct ir_call {
    size_t part, start, length;
    uint32_t *in, *out; /* values of the whole graph, in the arena */
    size_t in_count, out_count;
} ir_call;

struct orion_ir_outline {
    orn_arena arena;
    orion_ir_graph *whole;
    orion_ir_graph **parts;
    size_t part_count, part_capacity;
    ir_call *calls;
    size_t call_count, call_capacity;
};

/* Make the graph of the part that these calls are of, and their lists of values. `exported`, by
 * value id: is it an output, or read outside the call that makes it? */
orion_status ir_make_part(orion_ir_outline *outline, const ir_sequence *sequence,
                          const bool *exported, ir_call *const *calls, size_t count);

#endif
