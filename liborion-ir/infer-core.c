/* SPDX-License-Identifier: MIT */
/* Shape and dtype rules of the core ops. */
#include "infer-internal.h"

/* ---- constants and elementwise ---- */

/* The type was given by the maker of the constant and is in place already. */
orion_status ir_infer_const(ir_infer_context *c) {
    (void)c;
    return ORION_OK;
}

orion_status ir_infer_binary(ir_infer_context *c) {
    TRY(ir_need_same_dtype(c, 0, 1));
    if (!ir_is_number(c->in[0].dtype)) return TYPE_ERROR(c, "operands must be numbers, not bool");
    return ir_broadcast_operands(c, &c->in[0], 1, &c->out[0]);
}

orion_status ir_infer_binary_float(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    TRY(ir_need_same_dtype(c, 0, 1));
    return ir_broadcast_operands(c, &c->in[0], 1, &c->out[0]);
}

orion_status ir_infer_compare(ir_infer_context *c) {
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(ir_broadcast_operands(c, &c->in[0], 1, &c->out[0]));
    c->out[0].dtype = ORION_IR_BOOL;
    return ORION_OK;
}

orion_status ir_infer_logical(ir_infer_context *c) {
    for (size_t i = 0; i < c->n_in; i++) TRY(ir_need_dtype(c, i, ORION_IR_BOOL));
    c->out[0] = c->in[0];
    return c->n_in == 1 ? ORION_OK : ir_broadcast_operands(c, &c->in[0], 1, &c->out[0]);
}

orion_status ir_infer_select(ir_infer_context *c) {
    TRY(ir_need_dtype(c, 0, ORION_IR_BOOL));
    TRY(ir_need_same_dtype(c, 1, 2));
    orion_ir_type branches;
    TRY(ir_broadcast_operands(c, &c->in[1], 2, &branches));
    return ir_broadcast_operands(c, &branches, 0, &c->out[0]);
}

orion_status ir_infer_unary(ir_infer_context *c) {
    uint32_t dtype = c->in[0].dtype;
    bool sign = ir_is_float(dtype) || dtype == ORION_IR_I32 || dtype == ORION_IR_I8;
    if (!sign && c->op->info.op != ORION_IR_OP_identity) {
        return TYPE_ERROR(c, "operand 0 must be a signed number");
    }
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_unary_float(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_cast(ir_infer_context *c) {
    c->out[0] = c->in[0];
    c->out[0].dtype = (uint32_t)c->attrs[IR_ATTR(cast, dtype)].i;
    return ORION_OK;
}

/* ---- reductions ---- */

_Static_assert(IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_mean, axes) &&
                   IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_max, axes) &&
                   IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_min, axes) &&
                   IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_logsumexp, axes) &&
                   IR_ATTR(reduce_argmax, axis) == IR_ATTR(reduce_argmin, axis),
               "ops that share a rule have the same schema");

orion_status ir_infer_reduce(ir_infer_context *c) {
    ir_attr *axes = &c->attrs[IR_ATTR(reduce_sum, axes)];
    bool keep = c->attrs[IR_ATTR(reduce_sum, keep_dims)].i != 0;
    const orion_ir_type *x = &c->in[0];
    bool reduced[ORION_IR_RANK_MAX] = {false};
    if (!ir_is_number(x->dtype)) return TYPE_ERROR(c, "operand 0 must be a number, not bool");
    if (axes->count > x->rank) {
        return ATTR_ERROR(c, "%zu axes are given, operand 0 has rank %u", axes->count, x->rank);
    }
    for (size_t i = 0; i < axes->count; i++) {
        int64_t axis = axes->ints[i];
        TRY(ir_axis_in(c, &axis, x->rank));
        if (reduced[axis]) return ATTR_ERROR(c, "axis %lld is given twice", (long long)axis);
        reduced[axis] = true;
    }
    int64_t sorted[ORION_IR_RANK_MAX];
    size_t n = 0;
    orion_ir_type out = {.dtype = x->dtype};
    for (uint32_t i = 0; i < x->rank; i++) {
        if (reduced[i]) sorted[n++] = i;
        if (!reduced[i]) out.dims[out.rank++] = x->dims[i];
        if (reduced[i] && keep) out.dims[out.rank++] = 1;
    }
    c->out[0] = out;
    return ir_set_ints(c, axes, sorted, n);
}

orion_status ir_infer_reduce_float(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    return ir_infer_reduce(c);
}

orion_status ir_infer_arg(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(reduce_argmax, axis)];
    bool keep = c->attrs[IR_ATTR(reduce_argmax, keep_dims)].i != 0;
    const orion_ir_type *x = &c->in[0];
    orion_ir_type out = {.dtype = ORION_IR_I32};
    if (!ir_is_number(x->dtype)) return TYPE_ERROR(c, "operand 0 must be a number, not bool");
    TRY(ir_axis_in(c, &axis->i, x->rank));
    for (uint32_t i = 0; i < x->rank; i++) {
        bool reduced = (int64_t)i == axis->i;
        if (!reduced || keep) out.dims[out.rank++] = reduced ? 1 : x->dims[i];
    }
    c->out[0] = out;
    return ORION_OK;
}

/* ---- products ---- */

orion_status ir_infer_matmul(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *y = &c->in[1];
    bool tx = c->attrs[IR_ATTR(matmul, transpose_x)].i != 0;
    bool ty = c->attrs[IR_ATTR(matmul, transpose_y)].i != 0;
    TRY(ir_need_float(c, 0));
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(ir_need_rank_from(c, 0, 2));
    TRY(ir_need_rank_from(c, 1, 2));
    const int64_t *mx = x->dims + x->rank - 2, *my = y->dims + y->rank - 2;
    if (mx[tx ? 0 : 1] != my[ty ? 1 : 0]) {
        return TYPE_ERROR(c, "the inner dims differ: x has K = %lld, y has K = %lld",
                          (long long)mx[tx ? 0 : 1], (long long)my[ty ? 1 : 0]);
    }
    orion_ir_type out = {.dtype = x->dtype};
    if (!ir_broadcast(x->dims, x->rank - 2, y->dims, y->rank - 2, out.dims, &out.rank)) {
        return TYPE_ERROR(c, "the leading dims do not broadcast");
    }
    out.dims[out.rank++] = mx[tx ? 1 : 0];
    out.dims[out.rank++] = my[ty ? 0 : 1];
    c->out[0] = out;
    return ORION_OK;
}

/* ---- shape and movement ---- */

orion_status ir_infer_reshape(ir_infer_context *c) {
    ir_attr *shape = &c->attrs[IR_ATTR(reshape, shape)];
    const orion_ir_type *x = &c->in[0];
    if (shape->count > ORION_IR_RANK_MAX) {
        return ATTR_ERROR(c, "shape has %zu dims, at most %d are possible", shape->count,
                          ORION_IR_RANK_MAX);
    }
    orion_ir_type out = {.dtype = x->dtype, .rank = (uint32_t)shape->count};
    int64_t total = orion_ir_type_elements(x), known = 1;
    int inferred = -1;
    for (uint32_t i = 0; i < out.rank; i++) {
        out.dims[i] = shape->ints[i];
        if (out.dims[i] == -1 && inferred < 0) {
            inferred = (int)i;
        } else if (out.dims[i] < 1 || __builtin_mul_overflow(known, out.dims[i], &known)) {
            return ATTR_ERROR(c, "shape[%u] is %lld; dims are positive, and one may be -1", i,
                              (long long)out.dims[i]);
        }
    }
    if (inferred >= 0) {
        if (total % known != 0) {
            return ATTR_ERROR(c, "%lld elements do not divide by %lld, so the -1 has no value",
                              (long long)total, (long long)known);
        }
        out.dims[inferred] = total / known;
    } else if (known != total) {
        return ATTR_ERROR(c, "the shape has %lld elements, the operand %lld", (long long)known,
                          (long long)total);
    }
    c->out[0] = out;
    return inferred >= 0 ? ir_set_ints(c, shape, out.dims, out.rank) : ORION_OK;
}

orion_status ir_infer_transpose(ir_infer_context *c) {
    const ir_attr *given = &c->attrs[IR_ATTR(transpose, perm)];
    const orion_ir_type *x = &c->in[0];
    bool seen[ORION_IR_RANK_MAX] = {false};
    int64_t perm[ORION_IR_RANK_MAX];
    if (given->count != x->rank) {
        return ATTR_ERROR(c, "perm has %zu entries, operand 0 has rank %u", given->count, x->rank);
    }
    c->out[0] = *x;
    for (uint32_t i = 0; i < x->rank; i++) {
        perm[i] = given->ints[i];
        TRY(ir_axis_in(c, &perm[i], x->rank));
        if (seen[perm[i]]) return ATTR_ERROR(c, "perm has axis %lld twice", (long long)perm[i]);
        seen[perm[i]] = true;
        c->out[0].dims[i] = x->dims[perm[i]];
    }
    return ir_set_ints(c, &c->attrs[IR_ATTR(transpose, perm)], perm, x->rank);
}

/* A list attribute with one entry per axis of operand 0. */
static orion_status per_axis(ir_infer_context *c, const ir_attr *attr, const char *name,
                             int64_t least) {
    return ir_list_of(c, attr, name, c->in[0].rank, least);
}

orion_status ir_infer_slice(ir_infer_context *c) {
    const ir_attr *begin = &c->attrs[IR_ATTR(slice, begin)];
    const ir_attr *end = &c->attrs[IR_ATTR(slice, end)];
    const ir_attr *stride = &c->attrs[IR_ATTR(slice, stride)];
    const orion_ir_type *x = &c->in[0];
    TRY(per_axis(c, begin, "begin", 0));
    TRY(per_axis(c, end, "end", 1));
    TRY(per_axis(c, stride, "stride", 1));
    c->out[0] = *x;
    for (uint32_t i = 0; i < x->rank; i++) {
        int64_t b = begin->ints[i], e = end->ints[i], s = stride->ints[i];
        if (b >= e || e > x->dims[i]) {
            return ATTR_ERROR(c, "on axis %u, [%lld, %lld) is empty or not within [0, %lld)", i,
                              (long long)b, (long long)e, (long long)x->dims[i]);
        }
        c->out[0].dims[i] = (e - b + s - 1) / s;
    }
    return ORION_OK;
}

orion_status ir_infer_concat(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(concat, axis)];
    c->out[0] = c->in[0];
    TRY(ir_axis_in(c, &axis->i, c->in[0].rank));
    for (size_t i = 1; i < c->n_in; i++) {
        TRY(ir_need_same_dtype(c, 0, i));
        TRY(ir_need_rank(c, i, c->in[0].rank));
        for (uint32_t d = 0; d < c->in[0].rank; d++) {
            if ((int64_t)d == axis->i) {
                c->out[0].dims[d] += c->in[i].dims[d]; /* at most 2^16 operands of at most 2^31 */
            } else {
                TRY(ir_need_dim(c, i, d, c->in[0].dims[d], "as in operand 0"));
            }
        }
    }
    return ORION_OK;
}

orion_status ir_infer_split(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(split, axis)];
    const ir_attr *sizes = &c->attrs[IR_ATTR(split, sizes)];
    TRY(ir_axis_in(c, &axis->i, c->in[0].rank));
    int64_t left = c->in[0].dims[axis->i];
    for (size_t i = 0; i < sizes->count; i++) {
        if (sizes->ints[i] < 1 || sizes->ints[i] > left) {
            return ATTR_ERROR(c, "sizes[%zu] is %lld, but %lld are left of axis %lld", i,
                              (long long)sizes->ints[i], (long long)left, (long long)axis->i);
        }
        left -= sizes->ints[i];
        c->out[i] = c->in[0];
        c->out[i].dims[axis->i] = sizes->ints[i];
    }
    if (left != 0) {
        return ATTR_ERROR(c, "sizes leave %lld of axis %lld over", (long long)left,
                          (long long)axis->i);
    }
    return ORION_OK;
}

orion_status ir_infer_pad(ir_infer_context *c) {
    const ir_attr *before = &c->attrs[IR_ATTR(pad, before)];
    const ir_attr *after = &c->attrs[IR_ATTR(pad, after)];
    double value = c->attrs[IR_ATTR(pad, value)].f;
    orion_ir_dtype dtype = (orion_ir_dtype)c->in[0].dtype;
    TRY(per_axis(c, before, "before", 0));
    TRY(per_axis(c, after, "after", 0));
    if (!ir_is_float(c->in[0].dtype) && ir_round_to(dtype, value) != value) {
        return ATTR_ERROR(c, "value is not a number of dtype %s", orion_ir_dtype_name(dtype));
    }
    c->out[0] = c->in[0];
    for (uint32_t i = 0; i < c->in[0].rank; i++) {
        c->out[0].dims[i] += before->ints[i] + after->ints[i];
    }
    return ORION_OK;
}

orion_status ir_infer_tile(ir_infer_context *c) {
    const ir_attr *reps = &c->attrs[IR_ATTR(tile, reps)];
    TRY(per_axis(c, reps, "reps", 1));
    c->out[0] = c->in[0];
    for (uint32_t i = 0; i < c->in[0].rank; i++) c->out[0].dims[i] *= reps->ints[i]; /* < 2^62 */
    return ORION_OK;
}

orion_status ir_gathered(ir_infer_context *c, size_t x, size_t indices, uint32_t axis) {
    const orion_ir_type *from = &c->in[x], *ids = &c->in[indices];
    orion_ir_type out = {.dtype = from->dtype};
    if (from->rank - 1 + ids->rank > ORION_IR_RANK_MAX) {
        return TYPE_ERROR(c, "the result would have rank %u, above %d", from->rank - 1 + ids->rank,
                          ORION_IR_RANK_MAX);
    }
    for (uint32_t i = 0; i < axis; i++) out.dims[out.rank++] = from->dims[i];
    for (uint32_t i = 0; i < ids->rank; i++) out.dims[out.rank++] = ids->dims[i];
    for (uint32_t i = axis + 1; i < from->rank; i++) out.dims[out.rank++] = from->dims[i];
    c->out[0] = out;
    return ORION_OK;
}

orion_status ir_infer_gather(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(gather, axis)];
    TRY(ir_need_dtype(c, 1, ORION_IR_I32));
    TRY(ir_need_rank_from(c, 0, 1));
    TRY(ir_axis_in(c, &axis->i, c->in[0].rank));
    return ir_gathered(c, 0, 1, (uint32_t)axis->i);
}

orion_status ir_infer_scatter_add(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *updates = &c->in[1], *ids = &c->in[2];
    if (!ir_is_number(x->dtype)) return TYPE_ERROR(c, "operand 0 must be a number, not bool");
    TRY(ir_need_rank_from(c, 0, 1));
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(ir_need_dtype(c, 2, ORION_IR_I32));
    TRY(ir_need_rank(c, 1, ids->rank + x->rank - 1));
    for (uint32_t i = 0; i < updates->rank; i++) {
        if (i < ids->rank) {
            TRY(ir_need_dim(c, 1, i, ids->dims[i], "as in operand 2"));
        } else {
            TRY(ir_need_dim(c, 1, i, x->dims[i - ids->rank + 1],
                            "as the dims of operand 0 behind its first"));
        }
    }
    c->out[0] = *x;
    return ORION_OK;
}

orion_status ir_infer_slice_update(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(slice_update, axis)];
    const orion_ir_type *x = &c->in[0], *update = &c->in[1];
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(ir_need_rank(c, 1, x->rank));
    TRY(ir_need_dtype(c, 2, ORION_IR_I32));
    TRY(ir_need_vector(c, 2, 1, "the index where the update begins"));
    TRY(ir_axis_in(c, &axis->i, x->rank));
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((int64_t)i != axis->i) TRY(ir_need_dim(c, 1, i, x->dims[i], "as in operand 0"));
    }
    if (update->dims[axis->i] > x->dims[axis->i]) {
        return TYPE_ERROR(c, "the update is longer than operand 0 along axis %lld",
                          (long long)axis->i);
    }
    c->out[0] = *x;
    return ORION_OK;
}
