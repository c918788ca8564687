/* SPDX-License-Identifier: MIT */
/*
 * What the parts of the reference interpreter share: eval.c walks the graph, eval-ops.c knows the
 * core ops, eval-model.c the model ops.
 */
#ifndef IR_EVAL_INTERNAL_H
#define IR_EVAL_INTERNAL_H

#include "ir-internal.h"

/* An evaluation under way, as the function of one op sees it. */
typedef struct ir_eval {
    const orion_ir_graph *graph;
    const orion_ir_node *node; /* the one to evaluate */
    double **data;             /* by value id: operands filled, results to be filled */
    orion_diag *diag;
} ir_eval;

static inline const orion_ir_type *ir_eval_in_type(const ir_eval *e, size_t i) {
    return &ir_val(e->graph, e->node->in[i])->type;
}
static inline const orion_ir_type *ir_eval_out_type(const ir_eval *e, size_t i) {
    return &ir_val(e->graph, e->node->out + (uint32_t)i)->type;
}
static inline const double *ir_eval_in(const ir_eval *e, size_t i) {
    return e->data[e->node->in[i]];
}
static inline double *ir_eval_out(const ir_eval *e, size_t i) {
    return e->data[e->node->out + (uint32_t)i];
}

/* Fill the results of e->node. */
orion_status ir_eval_core(ir_eval *e);  /* any core op */
orion_status ir_eval_model(ir_eval *e); /* any model op */
orion_status ir_eval_conv(ir_eval *e);  /* conv and conv_transpose */
orion_status ir_eval_pool(ir_eval *e);  /* max_pool and avg_pool */
orion_status ir_eval_lstm(ir_eval *e);
orion_status ir_eval_quantize(ir_eval *e); /* quantize and dequantize */

/*
 * Element `at` of operand `operand` as an index in [least, limit). Anything else, fractions and NaN
 * too, is ORION_ERROR_INVALID_ARGUMENT with a diagnostic.
 */
orion_status ir_eval_index(const ir_eval *e, size_t operand, int64_t at, int64_t least,
                           int64_t limit, int64_t *out);

/* out = f(... f(f(start, x0), x1) ...) over the axes of a reduction of reduce_sum's schema. */
void ir_eval_reduce(ir_eval *e, double (*f)(double, double), double start);

/* out[m * N + n] = sum over k of x[m * x_row + k * x_step] * y[n * y_row + k * y_step]. */
typedef struct ir_eval_product {
    double *out;
    const double *x, *y;
    int64_t m, n, k;
    int64_t x_row, x_step, y_row, y_step;
} ir_eval_product;
void ir_eval_multiply(const ir_eval_product *p);

/* Rows of axis `axis` of a type: element i of line (o, p) is at (o * n + i) * inner + p. */
typedef struct ir_eval_lines {
    int64_t outer, n, inner;
} ir_eval_lines;
ir_eval_lines ir_eval_lines_of(const orion_ir_type *type, int64_t axis);

#endif
