/* SPDX-License-Identifier: MIT */
/*
 * Shape and dtype rules: one function per `rule` of the op table.
 *
 * A rule checks operands and attributes, normalises the attributes in c->attrs (negative axes
 * become positive, axes are sorted, a -1 in a shape becomes its value) and fills c->out. It never
 * sees a wrong number of operands, nor an attribute whose kind is wrong; result types are checked
 * for size by ir_infer itself. Every complaint goes through ir_infer_fail, which puts the op in
 * front and the operand types behind.
 */
#include "ir-internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

orion_status ir_infer_fail(ir_infer_context *c, orion_message message, const char *fmt, ...) {
    if (c->diag == NULL) return ORION_ERROR_INVALID_ARGUMENT;
    char text[512], operands[384];
    size_t at = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    operands[0] = '\0';
    for (size_t i = 0; i < c->n_in; i++) {
        char type[IR_TYPE_TEXT];
        size_t n = ir_format_type(type, &c->in[i]);
        if (at + n + 8 > sizeof operands) {
            memcpy(operands + at, ", ...", 6);
            break;
        }
        if (i != 0) {
            memcpy(operands + at, ", ", 2);
            at += 2;
        }
        memcpy(operands + at, type, n + 1);
        at += n;
    }
    orn_diag(c->diag, ORION_SEVERITY_ERROR, message, c->source, c->line, c->column,
             c->op->info.name, c->n_in == 0 ? "%s: %s%s" : "%s: %s; operands: %s", c->op->info.name,
             text, operands);
    return ORION_ERROR_INVALID_ARGUMENT;
}

#define TYPE_ERROR(c, ...) ir_infer_fail((c), ORION_MESSAGE_IR_TYPE, __VA_ARGS__)
#define ATTR_ERROR(c, ...) ir_infer_fail((c), ORION_MESSAGE_IR_ATTRIBUTE, __VA_ARGS__)

/* ---- shared checks ---- */

static bool is_number(uint32_t dtype) {
    return dtype != ORION_IR_BOOL;
}

static orion_status need_float(ir_infer_context *c, size_t i) {
    if (ir_is_float(c->in[i].dtype)) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be f32, f16 or bf16", i);
}

static orion_status need_dtype(ir_infer_context *c, size_t i, orion_ir_dtype dtype) {
    if (c->in[i].dtype == (uint32_t)dtype) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be %s", i, orion_ir_dtype_name(dtype));
}

static orion_status need_same_dtype(ir_infer_context *c, size_t a, size_t b) {
    if (c->in[a].dtype == c->in[b].dtype) return ORION_OK;
    return TYPE_ERROR(c, "operands %zu and %zu must have one dtype", a, b);
}

static orion_status need_rank(ir_infer_context *c, size_t i, uint32_t rank) {
    if (c->in[i].rank == rank) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must have rank %u", i, rank);
}

static orion_status need_rank_from(ir_infer_context *c, size_t i, uint32_t least) {
    if (c->in[i].rank >= least) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must have at least rank %u", i, least);
}

/* Operand i is a vector of `dim` elements, which is what `what` says. */
static orion_status need_vector(ir_infer_context *c, size_t i, int64_t dim, const char *what) {
    if (c->in[i].rank == 1 && c->in[i].dims[0] == dim) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be a vector of %lld, %s", i, (long long)dim, what);
}

static orion_status need_dim(ir_infer_context *c, size_t i, uint32_t d, int64_t dim,
                             const char *what) {
    if (c->in[i].dims[d] == dim) return ORION_OK;
    return TYPE_ERROR(c, "dim %u of operand %zu must be %lld, %s", d, i, (long long)dim, what);
}

/* NumPy broadcasting of the `rank_a` and `rank_b` leading dims, aligned at their ends, into dims.
 */
static bool broadcast(const int64_t *a, uint32_t rank_a, const int64_t *b, uint32_t rank_b,
                      int64_t *dims, uint32_t *rank) {
    int64_t out[ORION_IR_RANK_MAX] = {0};
    *rank = ORN_MAX(rank_a, rank_b);
    for (uint32_t i = 0; i < *rank; i++) { /* i counts from the end */
        int64_t x = i < rank_a ? a[rank_a - 1 - i] : 1;
        int64_t y = i < rank_b ? b[rank_b - 1 - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        out[*rank - 1 - i] = x == 1 ? y : x;
    }
    memcpy(dims, out, sizeof out);
    return true;
}

/* The shape of operands a and b broadcast, with a's dtype, into *out. */
static orion_status broadcast_operands(ir_infer_context *c, const orion_ir_type *a, size_t b,
                                       orion_ir_type *out) {
    orion_ir_type type = {.dtype = a->dtype};
    const orion_ir_type *in = &c->in[b];
    if (!broadcast(a->dims, a->rank, in->dims, in->rank, type.dims, &type.rank)) {
        char text[IR_TYPE_TEXT];
        ir_format_type(text, a);
        return TYPE_ERROR(c,
                          "operand %zu does not broadcast with %s: aligned at the last dim, "
                          "extents must be equal or 1",
                          b, text);
    }
    *out = type;
    return ORION_OK;
}

/* Make an axis positive. */
static orion_status axis_in(ir_infer_context *c, int64_t *axis, uint32_t rank) {
    if (*axis < -(int64_t)rank || *axis >= (int64_t)rank) {
        return ATTR_ERROR(c, "axis %lld is outside [-%u, %u)", (long long)*axis, rank, rank);
    }
    if (*axis < 0) *axis += rank;
    return ORION_OK;
}

/* A list attribute with one entry per axis of operand 0, each at least `least`. */
static orion_status per_axis(ir_infer_context *c, const ir_attr *attr, const char *name,
                             int64_t least) {
    uint32_t rank = c->in[0].rank;
    if (attr->count != rank) {
        return ATTR_ERROR(c, "%s has %zu entries, operand 0 has rank %u", name, attr->count, rank);
    }
    for (uint32_t i = 0; i < rank; i++) {
        if (attr->ints[i] < least || attr->ints[i] > INT32_MAX) {
            return ATTR_ERROR(c, "%s[%u] is %lld, outside [%lld, 2^31)", name, i,
                              (long long)attr->ints[i], (long long)least);
        }
    }
    return ORION_OK;
}

static orion_status finite_from_zero(ir_infer_context *c, double v, const char *name) {
    if (isfinite(v) && v >= 0) return ORION_OK;
    return ATTR_ERROR(c, "%s must be finite and not negative", name);
}

static void set_ints(ir_infer_context *c, ir_attr *attr, const int64_t *ints,
                     orion_status *status) {
    int64_t *copy = orn_arena_alloc(c->arena, ORN_MAX(attr->count, 1) * sizeof *copy);
    if (copy == NULL) {
        *status = ORION_ERROR_NO_MEMORY;
        return;
    }
    memcpy(copy, ints, attr->count * sizeof *copy);
    attr->ints = copy;
}

/* ---- constants and elementwise ---- */

/* The type was given by the maker of the constant and is in place already. */
orion_status ir_infer_const(ir_infer_context *c) {
    (void)c;
    return ORION_OK;
}

orion_status ir_infer_binary(ir_infer_context *c) {
    TRY(need_same_dtype(c, 0, 1));
    if (!is_number(c->in[0].dtype)) return TYPE_ERROR(c, "operands must be numbers, not bool");
    return broadcast_operands(c, &c->in[0], 1, &c->out[0]);
}

orion_status ir_infer_binary_float(ir_infer_context *c) {
    TRY(need_float(c, 0));
    TRY(need_same_dtype(c, 0, 1));
    return broadcast_operands(c, &c->in[0], 1, &c->out[0]);
}

orion_status ir_infer_compare(ir_infer_context *c) {
    TRY(need_same_dtype(c, 0, 1));
    TRY(broadcast_operands(c, &c->in[0], 1, &c->out[0]));
    c->out[0].dtype = ORION_IR_BOOL;
    return ORION_OK;
}

orion_status ir_infer_select(ir_infer_context *c) {
    TRY(need_dtype(c, 0, ORION_IR_BOOL));
    TRY(need_same_dtype(c, 1, 2));
    orion_ir_type branches;
    TRY(broadcast_operands(c, &c->in[1], 2, &branches));
    return broadcast_operands(c, &branches, 0, &c->out[0]);
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
    TRY(need_float(c, 0));
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_cast(ir_infer_context *c) {
    c->out[0] = c->in[0];
    c->out[0].dtype = (uint32_t)c->attrs[IR_ATTR(cast, dtype)].i;
    return ORION_OK;
}

/* ---- reductions ---- */

orion_status ir_infer_reduce(ir_infer_context *c) {
    ir_attr *axes = &c->attrs[IR_ATTR(reduce_sum, axes)];
    bool keep = c->attrs[IR_ATTR(reduce_sum, keep_dims)].i != 0;
    const orion_ir_type *x = &c->in[0];
    bool reduced[ORION_IR_RANK_MAX] = {false};
    if (!is_number(x->dtype)) return TYPE_ERROR(c, "operand 0 must be a number, not bool");
    if (axes->count > x->rank) {
        return ATTR_ERROR(c, "%zu axes are given, operand 0 has rank %u", axes->count, x->rank);
    }
    for (size_t i = 0; i < axes->count; i++) {
        int64_t axis = axes->ints[i];
        TRY(axis_in(c, &axis, x->rank));
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
    orion_status status = ORION_OK;
    set_ints(c, axes, sorted, &status);
    return status;
}

orion_status ir_infer_reduce_float(ir_infer_context *c) {
    TRY(need_float(c, 0));
    return ir_infer_reduce(c);
}

/* ---- products ---- */

orion_status ir_infer_matmul(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *y = &c->in[1];
    bool tx = c->attrs[IR_ATTR(matmul, transpose_x)].i != 0;
    bool ty = c->attrs[IR_ATTR(matmul, transpose_y)].i != 0;
    TRY(need_float(c, 0));
    TRY(need_same_dtype(c, 0, 1));
    TRY(need_rank_from(c, 0, 2));
    TRY(need_rank_from(c, 1, 2));
    const int64_t *mx = x->dims + x->rank - 2, *my = y->dims + y->rank - 2;
    if (mx[tx ? 0 : 1] != my[ty ? 1 : 0]) {
        return TYPE_ERROR(c, "the inner dims differ: x has K = %lld, y has K = %lld",
                          (long long)mx[tx ? 0 : 1], (long long)my[ty ? 1 : 0]);
    }
    orion_ir_type out = {.dtype = x->dtype};
    if (!broadcast(x->dims, x->rank - 2, y->dims, y->rank - 2, out.dims, &out.rank)) {
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
    orion_status status = ORION_OK;
    if (inferred >= 0) set_ints(c, shape, out.dims, &status);
    return status;
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
        TRY(axis_in(c, &perm[i], x->rank));
        if (seen[perm[i]]) return ATTR_ERROR(c, "perm has axis %lld twice", (long long)perm[i]);
        seen[perm[i]] = true;
        c->out[0].dims[i] = x->dims[perm[i]];
    }
    orion_status status = ORION_OK;
    set_ints(c, &c->attrs[IR_ATTR(transpose, perm)], perm, &status);
    return status;
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
    TRY(axis_in(c, &axis->i, c->in[0].rank));
    for (size_t i = 1; i < c->n_in; i++) {
        TRY(need_same_dtype(c, 0, i));
        TRY(need_rank(c, i, c->in[0].rank));
        for (uint32_t d = 0; d < c->in[0].rank; d++) {
            if ((int64_t)d == axis->i) {
                c->out[0].dims[d] += c->in[i].dims[d]; /* at most 2^16 operands of at most 2^31 */
            } else {
                TRY(need_dim(c, i, d, c->in[0].dims[d], "as in operand 0"));
            }
        }
    }
    return ORION_OK;
}

orion_status ir_infer_split(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(split, axis)];
    const ir_attr *sizes = &c->attrs[IR_ATTR(split, sizes)];
    TRY(axis_in(c, &axis->i, c->in[0].rank));
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

/* in[x] with its dims [axis] replaced by the dims of in[indices]. */
static orion_status gathered(ir_infer_context *c, size_t x, size_t indices, uint32_t axis) {
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
    TRY(need_dtype(c, 1, ORION_IR_I32));
    TRY(need_rank_from(c, 0, 1));
    TRY(axis_in(c, &axis->i, c->in[0].rank));
    return gathered(c, 0, 1, (uint32_t)axis->i);
}

orion_status ir_infer_scatter_add(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *updates = &c->in[1], *ids = &c->in[2];
    if (!is_number(x->dtype)) return TYPE_ERROR(c, "operand 0 must be a number, not bool");
    TRY(need_rank_from(c, 0, 1));
    TRY(need_same_dtype(c, 0, 1));
    TRY(need_dtype(c, 2, ORION_IR_I32));
    TRY(need_rank(c, 1, ids->rank + x->rank - 1));
    for (uint32_t i = 0; i < updates->rank; i++) {
        if (i < ids->rank) {
            TRY(need_dim(c, 1, i, ids->dims[i], "as in operand 2"));
        } else {
            TRY(need_dim(c, 1, i, x->dims[i - ids->rank + 1],
                         "as the dims of operand 0 behind its first"));
        }
    }
    c->out[0] = *x;
    return ORION_OK;
}

orion_status ir_infer_slice_update(ir_infer_context *c) {
    ir_attr *axis = &c->attrs[IR_ATTR(slice_update, axis)];
    const orion_ir_type *x = &c->in[0], *update = &c->in[1];
    TRY(need_same_dtype(c, 0, 1));
    TRY(need_rank(c, 1, x->rank));
    TRY(need_dtype(c, 2, ORION_IR_I32));
    TRY(need_vector(c, 2, 1, "the index where the update begins"));
    TRY(axis_in(c, &axis->i, x->rank));
    for (uint32_t i = 0; i < x->rank; i++) {
        if ((int64_t)i != axis->i) TRY(need_dim(c, 1, i, x->dims[i], "as in operand 0"));
    }
    if (update->dims[axis->i] > x->dims[axis->i]) {
        return TYPE_ERROR(c, "the update is longer than operand 0 along axis %lld",
                          (long long)axis->i);
    }
    c->out[0] = *x;
    return ORION_OK;
}

/* ---- model ops ---- */

orion_status ir_infer_axis_float(ir_infer_context *c) {
    TRY(need_float(c, 0));
    TRY(axis_in(c, &c->attrs[IR_ATTR(softmax, axis)].i, c->in[0].rank));
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_linear(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *w = &c->in[1];
    TRY(need_float(c, 0));
    TRY(need_same_dtype(c, 0, 1));
    TRY(need_rank_from(c, 0, 1));
    TRY(need_rank(c, 1, 2));
    TRY(need_dim(c, 1, 1, x->dims[x->rank - 1], "the last dim of operand 0"));
    if (c->n_in == 3) {
        TRY(need_same_dtype(c, 0, 2));
        TRY(need_vector(c, 2, w->dims[0], "one per row of the weight"));
    }
    c->out[0] = *x;
    c->out[0].dims[x->rank - 1] = w->dims[0];
    return ORION_OK;
}

orion_status ir_infer_embedding(ir_infer_context *c) {
    TRY(need_dtype(c, 0, ORION_IR_I32));
    TRY(need_float(c, 1));
    TRY(need_rank(c, 1, 2));
    return gathered(c, 1, 0, 0);
}

static orion_status norm(ir_infer_context *c, double epsilon) {
    const orion_ir_type *x = &c->in[0];
    TRY(need_float(c, 0));
    TRY(need_rank_from(c, 0, 1));
    for (size_t i = 1; i < c->n_in; i++) {
        TRY(need_same_dtype(c, 0, i));
        TRY(need_vector(c, i, x->dims[x->rank - 1], "one per element of the last axis"));
    }
    c->out[0] = *x;
    return finite_from_zero(c, epsilon, "epsilon");
}

orion_status ir_infer_rms_norm(ir_infer_context *c) {
    return norm(c, c->attrs[IR_ATTR(rms_norm, epsilon)].f);
}

orion_status ir_infer_layer_norm(ir_infer_context *c) {
    return norm(c, c->attrs[IR_ATTR(layer_norm, epsilon)].f);
}

orion_status ir_infer_rope(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0];
    double theta = c->attrs[IR_ATTR(rope, theta)].f;
    TRY(need_float(c, 0));
    TRY(need_rank_from(c, 0, 2));
    if (x->dims[x->rank - 1] % 2 != 0)
        return TYPE_ERROR(c, "the last dim of operand 0 must be even");
    TRY(need_dtype(c, 1, ORION_IR_I32));
    TRY(need_vector(c, 1, x->dims[x->rank - 2], "one position per row"));
    if (!isfinite(theta) || theta <= 0) return ATTR_ERROR(c, "theta must be finite and positive");
    c->out[0] = *x;
    return ORION_OK;
}

orion_status ir_infer_attention(ir_infer_context *c) {
    const orion_ir_type *q = &c->in[0], *k = &c->in[1], *v = &c->in[2];
    bool causal = c->attrs[IR_ATTR(attention, causal)].i != 0;
    TRY(need_float(c, 0));
    for (size_t i = 0; i < 3; i++) {
        TRY(need_same_dtype(c, 0, i));
        TRY(need_rank(c, i, 4));
    }
    TRY(need_dim(c, 1, 0, q->dims[0], "the batch of q"));
    TRY(need_dim(c, 2, 0, q->dims[0], "the batch of q"));
    TRY(need_dim(c, 2, 1, k->dims[1], "the heads of k"));
    TRY(need_dim(c, 2, 2, k->dims[2], "the keys of k"));
    TRY(need_dim(c, 1, 3, q->dims[3], "the head size of q"));
    if (q->dims[1] % k->dims[1] != 0) {
        return TYPE_ERROR(c, "%lld query heads do not divide into %lld key heads",
                          (long long)q->dims[1], (long long)k->dims[1]);
    }
    if (c->n_in == 4) {
        TRY(need_dtype(c, 3, ORION_IR_I32));
        TRY(need_vector(c, 3, q->dims[2], "one position per row of q"));
        if (causal) return ATTR_ERROR(c, "causal and a position operand exclude each other");
    }
    if (causal && k->dims[2] < q->dims[2]) {
        return TYPE_ERROR(c,
                          "causal needs at least as many keys as rows, or the first rows see none");
    }
    TRY(finite_from_zero(c, c->attrs[IR_ATTR(attention, scale)].f, "scale"));
    c->out[0] = *q;
    c->out[0].dims[3] = v->dims[3];
    return ORION_OK;
}

orion_status ir_infer_cross_entropy(ir_infer_context *c) {
    TRY(need_float(c, 0));
    TRY(need_rank(c, 0, 2));
    TRY(need_dtype(c, 1, ORION_IR_I32));
    TRY(need_vector(c, 1, c->in[0].dims[0], "one target per row"));
    c->out[0] = (orion_ir_type){.dtype = c->in[0].dtype};
    return ORION_OK;
}

/* ---- all ops ---- */

size_t ir_result_count(const ir_op *op, const ir_attr *attrs) {
    return op->info.results != 255 ? op->info.results : attrs[IR_ATTR(split, sizes)].count;
}

_Static_assert(IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_mean, axes) &&
                   IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_max, axes) &&
                   IR_ATTR(reduce_sum, axes) == IR_ATTR(reduce_min, axes) &&
                   IR_ATTR(softmax, axis) == IR_ATTR(log_softmax, axis),
               "ops that share a rule have the same schema");

static orion_status check_attribute(ir_infer_context *c, const orion_ir_attr_info *info,
                                    const ir_attr *attr) {
    if (info->kind == ORION_IR_ATTR_BOOL && attr->i != 0 && attr->i != 1) {
        return ATTR_ERROR(c, "%s must be 0 or 1", info->name);
    }
    if (info->kind == ORION_IR_ATTR_DTYPE &&
        (attr->i < 0 || attr->i > UINT8_MAX || !ir_dtype_valid((uint32_t)attr->i))) {
        return ATTR_ERROR(c, "%s is no dtype", info->name);
    }
    return ORION_OK;
}

orion_status ir_infer(ir_infer_context *c) {
    const orion_ir_op_info *info = &c->op->info;
    if (c->n_in < info->min_inputs || (info->max_inputs != 255 && c->n_in > info->max_inputs)) {
        return ir_infer_fail(c, ORION_MESSAGE_IR_OPERANDS, "%zu operands are given, %u%s needed",
                             c->n_in, info->min_inputs,
                             info->max_inputs == info->min_inputs ? " are" : " or more are");
    }
    for (uint32_t i = 0; i < info->attr_count; i++) {
        TRY(check_attribute(c, &ir_op_attrs(c->op)[i], &c->attrs[i]));
    }
    if (c->n_out == 0) return ATTR_ERROR(c, "there must be at least one part");
    TRY(c->op->infer(c));
    for (size_t i = 0; i < c->n_out; i++) {
        if (ir_type_valid(&c->out[i])) continue;
        char text[IR_TYPE_TEXT];
        ir_format_type(text, &c->out[i]);
        return ir_infer_fail(c, ORION_MESSAGE_IR_SHAPE,
                             "the result would be %s, which is not legal", text);
    }
    return ORION_OK;
}
