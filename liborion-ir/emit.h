/* SPDX-License-Identifier: MIT */
/*
 * Phrases that decompositions and gradients are written in, over the builder of ir.h.
 *
 * All are sticky like the builder: a failed operand gives a failed result, and the types of failed
 * values are all zero, so nothing here need look at errors.
 */
#ifndef IR_EMIT_H
#define IR_EMIT_H

#include "ir-internal.h"

static inline orion_ir_type ir_type_of(const orion_ir_builder *b, orion_ir_value v) {
    return orion_ir_builder_type(b, v);
}
static inline orion_ir_dtype ir_dtype_of(const orion_ir_builder *b, orion_ir_value v) {
    return (orion_ir_dtype)ir_type_of(b, v).dtype;
}
/* Operand i, and the first result, of a node. */
static inline orion_ir_value ir_operand(const orion_ir_node *n, size_t i) {
    return (orion_ir_value){n->in[i]};
}
static inline orion_ir_value ir_first_result(const orion_ir_node *n) {
    return (orion_ir_value){n->out};
}

/* A scalar that broadcasts with values of `like`'s dtype. */
orion_ir_value ir_number(orion_ir_builder *b, orion_ir_value like, double v);
/* x * v, x + v. */
orion_ir_value ir_scale(orion_ir_builder *b, orion_ir_value x, double v);
orion_ir_value ir_offset(orion_ir_builder *b, orion_ir_value x, double v);
/* x * x. */
orion_ir_value ir_square(orion_ir_builder *b, orion_ir_value x);
/* i32 [n]: 0, 1 ... n - 1. */
orion_ir_value ir_iota(orion_ir_builder *b, int64_t n);
/* All elements of the type equal to v, made by repetition: costs no memory in the graph. */
orion_ir_value ir_fill(orion_ir_builder *b, orion_ir_type type, double v);

/* x in f32 if it has 16 bits: where sums, exponentials and their like would lose too much. */
orion_ir_value ir_widen(orion_ir_builder *b, orion_ir_value x);
/* x in this dtype; x itself if it has it. */
orion_ir_value ir_to_dtype(orion_ir_builder *b, orion_ir_value x, orion_ir_dtype dtype);

/* x under other dims, of which one may be -1; x itself if it has them. */
orion_ir_value ir_reshape_to(orion_ir_builder *b, orion_ir_value x, const int64_t *dims,
                             uint32_t rank);
#define IR_RESHAPE(b, x, ...)                                                                      \
    ir_reshape_to((b), (x), (const int64_t[]){__VA_ARGS__},                                        \
                  sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
/* A reduction over one axis, which stays with extent 1. */
orion_ir_value ir_reduce_axis(orion_ir_builder *b, orion_ir_op op, orion_ir_value x, int64_t axis);
/* [x, y] along the axis. */
orion_ir_value ir_join(orion_ir_builder *b, orion_ir_value x, orion_ir_value y, int64_t axis);
/* x surrounded by zeros; x itself if there are none. */
orion_ir_value ir_surround(orion_ir_builder *b, orion_ir_value x, const int64_t *before,
                           const int64_t *after, uint32_t rank);
/* The part of x that begins at begin[] and has these dims. */
orion_ir_value ir_cut_out(orion_ir_builder *b, orion_ir_value x, const int64_t *begin,
                          const int64_t *dims, uint32_t rank);

/* ---- pieces of model ops that have a gradient rule and a decomposition ---- */

/*
 * Attention in parts. With `whole_softmax` the softmax stays one model op, which is what autodiff
 * wants; else everything is core ops.
 */
orion_ir_value ir_expand_attention(orion_ir_builder *b, const orion_ir_node *n, bool whole_softmax);
/* Of cross_entropy: bool [N, V], true at each row's target. */
orion_ir_value ir_one_hot(orion_ir_builder *b, const orion_ir_node *cross_entropy);
/* Of cross_entropy, f32: [N] 1 for each row that counts, and the number of them, but at least 1. */
orion_ir_value ir_counted_rows(orion_ir_builder *b, const orion_ir_node *cross_entropy);
orion_ir_value ir_row_count(orion_ir_builder *b, orion_ir_value counted);

#endif
