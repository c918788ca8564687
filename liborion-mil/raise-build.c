/* SPDX-License-Identifier: MIT */
/* Small graphs and checks that the functions which raise ops are written in. */
#include "mil-raise.h"

/* ---- values ---- */

orion_ir_value mil_scalar(mil_raiser *r, orion_ir_dtype dtype, double v) {
    return orion_ir_splat(r->b, orion_ir_type_make(dtype, 0, NULL), v);
}

orion_ir_dtype mil_dtype_of(mil_raiser *r, orion_ir_value v) {
    return (orion_ir_dtype)mil_raised_type(r, v).dtype;
}

orion_ir_value mil_to_dtype(mil_raiser *r, orion_ir_value x, orion_ir_dtype dtype) {
    return mil_dtype_of(r, x) == dtype ? x : orion_ir_cast(r->b, x, dtype);
}

orion_ir_value mil_widen(mil_raiser *r, orion_ir_value x) {
    switch (mil_dtype_of(r, x)) {
    case ORION_IR_F16:
    case ORION_IR_BF16: return orion_ir_cast(r->b, x, ORION_IR_F32);
    case ORION_IR_I8:
    case ORION_IR_U8:
    case ORION_IR_U16: return orion_ir_cast(r->b, x, ORION_IR_I32);
    default: return x;
    }
}

bool mil_is_float(orion_ir_dtype dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

orion_ir_value mil_take(mil_raiser *r, orion_ir_value x, orion_ir_value indices, int64_t axis) {
    orion_ir_value in[2];
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    in[0] = x;
    in[1] = indices;
    return orion_ir_build(r->b, ORION_IR_OP_gather, in, 2, &attr, 1);
}

orion_ir_value mil_take_list(mil_raiser *r, orion_ir_value x, const int32_t *indices, int64_t count,
                             int64_t axis) {
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, 1, &count);
    orion_ir_value list = orion_ir_constant(r->b, type, indices, (size_t)count * sizeof *indices);
    return mil_take(r, x, list, axis);
}

orion_ir_value mil_slice_axis(mil_raiser *r, orion_ir_value x, uint32_t axis, int64_t begin,
                              int64_t end) {
    int64_t from[ORION_IR_RANK_MAX] = {0}, to[ORION_IR_RANK_MAX], step[ORION_IR_RANK_MAX];
    orion_ir_type type = mil_raised_type(r, x);
    for (uint32_t i = 0; i < type.rank; i++) {
        to[i] = type.dims[i];
        step[i] = 1;
    }
    from[axis] = begin;
    to[axis] = end;
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", from, type.rank),
                             orion_ir_attr_ints("end", to, type.rank),
                             orion_ir_attr_ints("stride", step, type.rank)};
    return orion_ir_build(r->b, ORION_IR_OP_slice, &x, 1, attrs, ORN_COUNT(attrs));
}

orion_ir_value mil_pad_axis(mil_raiser *r, orion_ir_value x, uint32_t axis, int64_t before,
                            int64_t after) {
    int64_t first[ORION_IR_RANK_MAX] = {0}, last[ORION_IR_RANK_MAX] = {0};
    uint32_t rank = mil_raised_type(r, x).rank;
    first[axis] = before;
    last[axis] = after;
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", first, rank),
                             orion_ir_attr_ints("after", last, rank)};
    return orion_ir_build(r->b, ORION_IR_OP_pad, &x, 1, attrs, ORN_COUNT(attrs));
}

orion_ir_value mil_join(mil_raiser *r, orion_ir_value x, orion_ir_value y, int64_t axis) {
    orion_ir_value in[2];
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    in[0] = x;
    in[1] = y;
    return orion_ir_build(r->b, ORION_IR_OP_concat, in, 2, &attr, 1);
}

orion_ir_value mil_channels(mil_raiser *r, orion_ir_value v, uint32_t rank) {
    int64_t dims[ORION_IR_RANK_MAX] = {-1, 1, 1, 1, 1, 1, 1, 1};
    return orion_ir_reshape(r->b, v, dims, rank < 2 ? 1 : rank - 1);
}

orion_ir_value mil_fill(mil_raiser *r, const orion_ir_type *type, double v) {
    static const int64_t ones[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    orion_ir_value one = mil_scalar(r, (orion_ir_dtype)type->dtype, v);
    if (type->rank == 0) return one;
    one = orion_ir_reshape(r->b, one, ones, type->rank);
    orion_ir_attr attr = orion_ir_attr_ints("reps", type->dims, type->rank);
    return orion_ir_build(r->b, ORION_IR_OP_tile, &one, 1, &attr, 1);
}

/* ---- lists made for constants ---- */

enum { LIST_MAX = 1 << 24 };

static orion_status new_list(mil_raiser *r, const orion_mil_statement *s, int64_t count,
                             size_t item, void *out) {
    if (count > LIST_MAX) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "it would take a constant of %lld numbers, above %d", (long long)count,
                          LIST_MAX);
    }
    void *items = orn_arena_alloc(&r->scratch, (size_t)count * item);
    memcpy(out, &items, sizeof items);
    return items == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

orion_status mil_new_indices(mil_raiser *r, const orion_mil_statement *s, int64_t count,
                             int32_t **out) {
    return new_list(r, s, count, sizeof **out, out);
}

orion_status mil_new_floats(mil_raiser *r, const orion_mil_statement *s, int64_t count,
                            float **out) {
    return new_list(r, s, count, sizeof **out, out);
}

/* ---- arguments ---- */

orion_status mil_per_axis(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          bool optional, uint32_t rank, int64_t fallback, int64_t *out) {
    mil_ints list = {NULL, 0};
    bool given = true;
    TRY(mil_integers(r, s, name, optional ? &given : NULL, &list));
    if (given && list.count != rank) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "%s has %zu entries, x has rank %u", name,
                          list.count, (unsigned)rank);
    }
    for (uint32_t i = 0; i < rank; i++) out[i] = given ? list.items[i] : fallback;
    return ORION_OK;
}

/* ---- axes ---- */

orion_status mil_mark_axes(mil_raiser *r, const orion_mil_statement *s, mil_ints axes,
                           uint32_t rank, bool *marked) {
    for (size_t i = 0; i < axes.count; i++) {
        int64_t axis = axes.items[i] < 0 ? axes.items[i] + rank : axes.items[i];
        if (axis < 0 || axis >= rank || marked[axis]) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                              "axis %lld is not one of %u or is given twice",
                              (long long)axes.items[i], (unsigned)rank);
        }
        marked[axis] = true;
    }
    return ORION_OK;
}

orion_status mil_axis(mil_raiser *r, const orion_mil_statement *s, const char *name, uint32_t rank,
                      int64_t fallback, uint32_t *out) {
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_int(r, s, name, fallback == MIL_REQUIRED ? NULL : &given, &fallback));
    TRY(mil_mark_axes(r, s, (mil_ints){&fallback, 1}, rank, marked));
    *out = (uint32_t)(fallback < 0 ? fallback + rank : fallback);
    return ORION_OK;
}

orion_status mil_drop_axes(mil_raiser *r, const orion_mil_statement *s, orion_ir_value x,
                           const bool *marked, orion_ir_value *out) {
    orion_ir_type type = mil_raised_type(r, x);
    int64_t dims[ORION_IR_RANK_MAX];
    size_t rank = 0;
    for (uint32_t i = 0; i < type.rank; i++) {
        if (!marked[i]) {
            dims[rank++] = type.dims[i];
        } else if (type.dims[i] != 1) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "axis %u has extent %lld, not 1",
                              (unsigned)i, (long long)type.dims[i]);
        }
    }
    *out = orion_ir_reshape(r->b, x, dims, rank);
    return ORION_OK;
}

orion_ir_value mil_insert_axes(mil_raiser *r, orion_ir_value x, const bool *marked, uint32_t rank) {
    orion_ir_type type = mil_raised_type(r, x);
    int64_t dims[ORION_IR_RANK_MAX];
    for (uint32_t i = 0, from = 0; i < rank; i++) dims[i] = marked[i] ? 1 : type.dims[from++];
    return orion_ir_reshape(r->b, x, dims, rank);
}
