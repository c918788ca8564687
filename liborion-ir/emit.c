/* SPDX-License-Identifier: MIT */
/* Phrases that decompositions and gradients are written in. */
#include "emit.h"

orion_ir_value ir_number(orion_ir_builder *b, orion_ir_value like, double v) {
    return orion_ir_splat(b, orion_ir_type_make(ir_dtype_of(b, like), 0, NULL), v);
}

orion_ir_value ir_scale(orion_ir_builder *b, orion_ir_value x, double v) {
    return orion_ir_mul(b, x, ir_number(b, x, v));
}

orion_ir_value ir_offset(orion_ir_builder *b, orion_ir_value x, double v) {
    return orion_ir_add(b, x, ir_number(b, x, v));
}

orion_ir_value ir_square(orion_ir_builder *b, orion_ir_value x) {
    return orion_ir_mul(b, x, x);
}

orion_ir_value ir_iota(orion_ir_builder *b, int64_t n) {
    if (b->status != ORION_OK) return (orion_ir_value){0};
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, 1, &n);
    orion_blob *blob;
    orion_status status =
        orion_blob_copy(NULL, orion_ir_type_bytes(&type), &b->graph->arena.allocator, &blob);
    if (status != ORION_OK) return ir_fail(b, status);
    int32_t *data = (int32_t *)(uintptr_t)orion_blob_data(blob); /* ours alone until returned */
    for (int64_t i = 0; i < n; i++) data[i] = (int32_t)i;
    orion_ir_value result = ir_emit_const(b, type, blob, 0);
    orion_blob_unref(&blob);
    return result;
}

orion_ir_value ir_fill(orion_ir_builder *b, orion_ir_type type, double v) {
    static const int64_t ones[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    orion_ir_type one = orion_ir_type_make((orion_ir_dtype)type.dtype, type.rank, ones);
    orion_ir_value number = orion_ir_splat(b, one, v);
    if (orion_ir_type_elements(&type) <= 1) return number;
    orion_ir_attr reps = orion_ir_attr_ints("reps", type.dims, type.rank);
    return orion_ir_build(b, ORION_IR_OP_tile, &number, 1, &reps, 1);
}

orion_ir_value ir_to_dtype(orion_ir_builder *b, orion_ir_value x, orion_ir_dtype dtype) {
    return ir_dtype_of(b, x) == dtype ? x : orion_ir_cast(b, x, dtype);
}

orion_ir_value ir_widen(orion_ir_builder *b, orion_ir_value x) {
    return ir_to_dtype(b, x, ORION_IR_F32);
}

orion_ir_value ir_reshape_to(orion_ir_builder *b, orion_ir_value x, const int64_t *dims,
                             uint32_t rank) {
    orion_ir_type have = ir_type_of(b, x);
    orion_ir_type want = orion_ir_type_make((orion_ir_dtype)have.dtype, rank, dims);
    int64_t rest = orion_ir_type_elements(&have);
    for (uint32_t d = 0; d < want.rank && b->status == ORION_OK; d++) {
        if (want.dims[d] > 0) rest /= want.dims[d];
    }
    for (uint32_t d = 0; d < want.rank; d++) {
        if (want.dims[d] == -1) want.dims[d] = rest;
    }
    return orion_ir_type_equal(&have, &want) ? x : orion_ir_reshape(b, x, want.dims, want.rank);
}

orion_ir_value ir_reduce_axis(orion_ir_builder *b, orion_ir_op op, orion_ir_value x, int64_t axis) {
    orion_ir_attr attrs[] = {orion_ir_attr_ints("axes", &axis, 1),
                             orion_ir_attr_int("keep_dims", 1)};
    return orion_ir_build(b, op, &x, 1, attrs, ORN_COUNT(attrs));
}

orion_ir_value ir_join(orion_ir_builder *b, orion_ir_value x, orion_ir_value y, int64_t axis) {
    orion_ir_value in[] = {x, y};
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    return orion_ir_build(b, ORION_IR_OP_concat, in, 2, &attr, 1);
}

orion_ir_value ir_surround(orion_ir_builder *b, orion_ir_value x, const int64_t *before,
                           const int64_t *after, uint32_t rank) {
    bool any = false;
    for (uint32_t d = 0; d < rank; d++) any |= before[d] != 0 || after[d] != 0;
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", before, rank),
                             orion_ir_attr_ints("after", after, rank)};
    return any ? orion_ir_build(b, ORION_IR_OP_pad, &x, 1, attrs, 2) : x;
}

orion_ir_value ir_cut_out(orion_ir_builder *b, orion_ir_value x, const int64_t *begin,
                          const int64_t *dims, uint32_t rank) {
    int64_t end[ORION_IR_RANK_MAX], stride[ORION_IR_RANK_MAX];
    for (uint32_t d = 0; d < rank; d++) {
        end[d] = begin[d] + dims[d];
        stride[d] = 1;
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", begin, rank),
                             orion_ir_attr_ints("end", end, rank),
                             orion_ir_attr_ints("stride", stride, rank)};
    return orion_ir_build(b, ORION_IR_OP_slice, &x, 1, attrs, 3);
}
