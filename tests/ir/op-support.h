/* SPDX-License-Identifier: MIT */
/*
 * What the tests of single ops share: ops written as text, graphs of one node, evaluation.
 *
 * A list of tensors is written "f32[2,3] 1 2 3 4 5 6; i32[2] 0 1": a type, then all elements, one
 * that stands for all, or how to draw them at random:
 *
 *   any        from [-1, -0.2] or [0.2, 1]: away from the kinks at 0 (what no text means)
 *   positive   from [0.5, 1.5]
 *   apart      all different, at least 1 / (2 * elements) from each other
 *   below N    whole numbers 0..N-1
 *   truth      0 or 1
 *
 * Attributes are written "axis=1 axes=[0,2] keep_dims=1 dtype=f16".
 */
#ifndef TEST_IR_OP_SUPPORT_H
#define TEST_IR_OP_SUPPORT_H

#include "ir-internal.h"
#include "support.h"

enum { OP_TENSORS_MAX = 6, OP_NUMBERS_MAX = 32, OP_BUFFERS_MAX = 256 };

typedef struct op_tensor {
    orion_ir_type type;
    enum op_fill {
        OP_NUMBERS,
        OP_ANY,
        OP_POSITIVE,
        OP_APART,
        OP_BELOW,
        OP_TRUTH,
    } fill;
    int64_t below;
    size_t count; /* of numbers given */
    double numbers[OP_NUMBERS_MAX];
} op_tensor;

typedef struct op_tensors {
    size_t count;
    op_tensor at[OP_TENSORS_MAX];
} op_tensors;
op_tensors op_parse_tensors(const char *text);

/* A graph of one node: operands become inputs x0, x1 ..., results become outputs y0, y1 ... Fails
 * the test if it is not legal. */
orion_ir_graph *op_graph(const char *op, const op_tensors *operands, const char *attrs);

/* The inputs or outputs of one evaluation: one buffer per port. */
typedef struct op_buffers {
    size_t count;
    double *data[OP_BUFFERS_MAX];
    size_t elements[OP_BUFFERS_MAX];
} op_buffers;
void op_buffers_free(op_buffers *b);
/* Zeroed buffers for the inputs, or the outputs, of a graph. */
op_buffers op_inputs_of(const orion_ir_graph *g);
op_buffers op_outputs_of(const orion_ir_graph *g);
/* Write the elements of t, n of them, drawn from `state` where they are not given. */
void op_fill(const op_tensor *t, double *data, size_t n, uint64_t *state);
/* Filled buffers for the inputs of a graph of these operands. */
op_buffers op_inputs(const orion_ir_graph *g, const op_tensors *operands, uint64_t seed);

/* Evaluate, or fail the test with the diagnostics. */
op_buffers op_eval(const orion_ir_graph *g, orion_ir_eval_mode mode, const op_buffers *in);

#endif
