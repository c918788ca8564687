/* SPDX-License-Identifier: MIT */
/*
 * What shape and dtype rules share: infer.c has the checks and calls the rules, infer-core.c and
 * infer-model.c have one function per `rule` of the op table.
 */
#ifndef IR_INFER_INTERNAL_H
#define IR_INFER_INTERNAL_H

#include "ir-internal.h"

#define TYPE_ERROR(c, ...) ir_infer_fail((c), ORION_MESSAGE_IR_TYPE, __VA_ARGS__)
#define ATTR_ERROR(c, ...) ir_infer_fail((c), ORION_MESSAGE_IR_ATTRIBUTE, __VA_ARGS__)

static inline bool ir_is_number(uint32_t dtype) {
    return dtype != ORION_IR_BOOL;
}

/* ---- checks of operands ---- */
orion_status ir_need_float(ir_infer_context *c, size_t i);
orion_status ir_need_dtype(ir_infer_context *c, size_t i, orion_ir_dtype dtype);
orion_status ir_need_same_dtype(ir_infer_context *c, size_t a, size_t b);
orion_status ir_need_rank(ir_infer_context *c, size_t i, uint32_t rank);
orion_status ir_need_rank_from(ir_infer_context *c, size_t i, uint32_t least);
/* Operand i is a vector of `dim` elements, which is what `what` says. */
orion_status ir_need_vector(ir_infer_context *c, size_t i, int64_t dim, const char *what);
orion_status ir_need_dim(ir_infer_context *c, size_t i, uint32_t d, int64_t dim, const char *what);

/* ---- shapes ---- */
/* NumPy broadcasting of the `rank_a` and `rank_b` leading dims, aligned at their ends, into dims.
 */
bool ir_broadcast(const int64_t *a, uint32_t rank_a, const int64_t *b, uint32_t rank_b,
                  int64_t *dims, uint32_t *rank);
/* The shape of type a and operand b broadcast, with a's dtype, into *out. */
orion_status ir_broadcast_operands(ir_infer_context *c, const orion_ir_type *a, size_t b,
                                   orion_ir_type *out);
/* out[0]: operand x with its dim [axis] replaced by the dims of operand `indices`. */
orion_status ir_gathered(ir_infer_context *c, size_t x, size_t indices, uint32_t axis);

/* ---- checks of attributes ---- */
/* Make an axis positive. */
orion_status ir_axis_in(ir_infer_context *c, int64_t *axis, uint32_t rank);
/* A list with `count` entries, each at least `least` and below 2^31. */
orion_status ir_list_of(ir_infer_context *c, const ir_attr *attr, const char *name, uint32_t count,
                        int64_t least);
orion_status ir_finite_from_zero(ir_infer_context *c, double v, const char *name);
/* Replace a list by these integers. */
orion_status ir_set_ints(ir_infer_context *c, ir_attr *attr, const int64_t *ints, size_t count);

#endif
