/* SPDX-License-Identifier: MIT */
/*
 * Reciprocals: division by a power of two becomes multiplication.
 *
 * Needs:  a valid graph.
 * Keeps:  every value, bit for bit: x / 2^k and x * 2^-k are the same number before rounding.
 */
#include "ir-internal.h"

#include <math.h>

/* Is 1/v a number of the dtype too, and exact? Only for powers of two. */
static bool has_exact_reciprocal(orion_ir_dtype dtype, double v) {
    int exponent;
    return fabs(frexp(v, &exponent)) == 0.5 && ir_round_to(dtype, 1 / v) == 1 / v;
}

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    double v;
    if (n->op != ORION_IR_OP_div || !ir_splat_of(s->g, n->in[1], &v)) return ORION_OK;
    orion_ir_type divisor = ir_val(s->g, n->in[1])->type;
    if (!has_exact_reciprocal((orion_ir_dtype)divisor.dtype, v)) return ORION_OK;

    orion_ir_builder b = ir_builder_at(s->g, n, NULL); /* new nodes go in front of n */
    b.line = n->line;
    orion_ir_value factor = orion_ir_splat(&b, divisor, 1 / v);
    orion_ir_value product = orion_ir_mul(&b, (orion_ir_value){n->in[0]}, factor);
    TRY(b.status);
    return ir_sweep_replace(s, n->out, product.id);
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    return ir_sweep_graph(g, visit, NULL, changed);
}

extern const ir_pass ir_pass_reciprocal;
const ir_pass ir_pass_reciprocal = {
    .name = "reciprocal",
    .doc = "write division by a power of two as multiplication",
    .shrinks = true, /* a product weighs less than a quotient */
    .run = run,
};
