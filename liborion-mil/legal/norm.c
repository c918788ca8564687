/* SPDX-License-Identifier: MIT */
/*
 * Norms within the range of fp16.
 *
 * Needs:  norms in core ops (expand); so they are in gradients.
 * Keeps:  every value.
 *
 * What a norm divides by is r = 1 / sqrt(mean(x^2) + epsilon). In fp16 x^2 is infinite from |x| =
 * 256 on, which the activations of real models reach, and loses its digits below 0.01. So each row
 * is divided by its largest magnitude first:
 *
 *   m = max(max |x|, 2^-14)    z = x / m    r = (1 / sqrt(mean(z^2) + epsilon / m^2)) / m
 *
 * Now 1/n <= mean(z^2) <= 1 for rows of n numbers, unless all are tiny. 2^-14 is the least normal
 * number of fp16: it keeps rows of zeros apart from a division by zero.
 */
#include "../mil-legal.h"

static const double least = 0x1p-14;

/* The node that makes a value, if it is of that op. */
static const orion_ir_node *made_by(const mil_rewrite *r, orion_ir_value v, orion_ir_op op) {
    const orion_ir_node *n = orion_ir_value_node(r->from, v);
    return n != NULL && orion_ir_node_op(n) == op ? n : NULL;
}

/* reduce_mean(x * x) with its axes kept behind operand i of a sum, or NULL. */
static const orion_ir_node *mean_square(const mil_rewrite *r, const orion_ir_node *sum, size_t i) {
    const orion_ir_node *mean = made_by(r, orion_ir_node_input(sum, i), ORION_IR_OP_reduce_mean);
    if (mean == NULL || orion_ir_node_int(mean, "keep_dims") == 0) return NULL;
    const orion_ir_node *square = made_by(r, orion_ir_node_input(mean, 0), ORION_IR_OP_mul);
    bool fits =
        square != NULL && orion_ir_node_input(square, 0).id == orion_ir_node_input(square, 1).id;
    return fits ? mean : NULL;
}

static orion_status visit(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_builder *b = r->b;
    const orion_ir_node *sum = orion_ir_node_op(n) == ORION_IR_OP_rsqrt
                                   ? made_by(r, orion_ir_node_input(n, 0), ORION_IR_OP_add)
                                   : NULL;
    if (sum == NULL) return mil_keep(r, n);
    double epsilon;
    size_t side = mean_square(r, sum, 0) != NULL ? 0 : 1, count;
    const orion_ir_node *mean = mean_square(r, sum, side);
    const orion_ir_node *constant = mil_const_operand(r->from, sum, 1 - side);
    if (mean == NULL || constant == NULL || !mil_is_splat(r->from, constant, &epsilon))
        return mil_keep(r, n);
    const orion_ir_node *square = orion_ir_value_node(r->from, orion_ir_node_input(mean, 0));
    orion_ir_value x = mil_mapped(r, square, 0);
    const int64_t *axes = orion_ir_node_ints(mean, "axes", &count);
    orion_ir_value m = orion_ir_reduce_max(b, orion_ir_abs(b, x), axes, count, 1);
    m = orion_ir_max(b, m, mil_number(b, m, least));
    orion_ir_value z = orion_ir_div(b, x, m);
    orion_ir_value part = orion_ir_reduce_mean(b, orion_ir_mul(b, z, z), axes, count, 1);
    orion_ir_value rest = orion_ir_div(b, mil_number(b, m, epsilon), m);
    rest = orion_ir_div(b, rest, m);
    orion_ir_value root = orion_ir_rsqrt(b, orion_ir_add(b, part, rest));
    return MIL_REPLACE(r, n, orion_ir_div(b, root, m));
}

const mil_pass mil_pass_norm = {
    .name = "norm",
    .doc = "divide rows by their largest magnitude before norms square them",
    .visit = visit,
};
