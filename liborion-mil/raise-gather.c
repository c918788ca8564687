/* SPDX-License-Identifier: MIT */
/* Elements chosen by indices: gather with batches, along an axis, by coordinates; scatter. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* ---- gather ---- */

/* Indices as i32; constant ones that count from the end are turned round. */
static orion_status gather_indices(mil_raiser *r, statement *s, int64_t extent,
                                   orion_ir_value *out) {
    mil_ints list = {NULL, 0};
    bool negative = false;
    TRY(mil_operand(r, s, "indices", false, out));
    orion_ir_type type = mil_raised_type(r, *out);
    if (type.dtype != ORION_IR_I32) *out = orion_ir_cast(r->b, *out, ORION_IR_I32);
    if (mil_literal(r, s, "indices") == NULL) return ORION_OK;
    TRY(mil_integers(r, s, "indices", NULL, &list));
    int32_t *turned = orn_arena_alloc(&r->scratch, list.count * sizeof *turned);
    if (turned == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < list.count; i++) {
        negative |= list.items[i] < 0;
        turned[i] = (int32_t)(list.items[i] < 0 ? list.items[i] + extent : list.items[i]);
    }
    if (!negative) return ORION_OK;
    type.dtype = ORION_IR_I32;
    *out = orion_ir_constant(r->b, type, turned, list.count * sizeof *turned);
    return ORION_OK;
}

/*
 * With batch dims, x [B.., between.., N, rest..] and indices [B.., I..] give
 * [B.., between.., I.., rest..]: x becomes [B.. * N, between.., rest..], where each batch has its
 * own rows, and what is gathered from it is put in order again.
 */
static orion_status gather_batches(mil_raiser *r, statement *s, orion_ir_value x,
                                   orion_ir_value indices, uint32_t axis, uint32_t batch,
                                   orion_ir_value *out) {
    orion_ir_type from = mil_raised_type(r, x), ids = mil_raised_type(r, indices);
    int64_t perm[ORION_IR_RANK_MAX], flat[ORION_IR_RANK_MAX], order[ORION_IR_RANK_MAX];
    int64_t batches = 1, starts[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    for (uint32_t i = 0; i < from.rank; i++) perm[i] = i;
    for (uint32_t i = batch; i < axis; i++) perm[i + 1] = i;
    perm[batch] = axis;
    for (uint32_t i = 0; i < batch; i++) {
        batches *= from.dims[i];
        starts[i] = from.dims[i];
        if (ids.rank > i && ids.dims[i] == from.dims[i]) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the batch dims of x and indices differ");
    }
    uint32_t inner = ids.rank - batch, between = axis - batch, rank = from.rank - 1 + inner;
    if (rank > ORION_IR_RANK_MAX)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank %u is above %d", (unsigned)rank,
                          ORION_IR_RANK_MAX);
    flat[0] = batches * from.dims[axis];
    for (uint32_t i = batch + 1; i < from.rank; i++) flat[i - batch] = from.dims[perm[i]];
    x = orion_ir_transpose(r->b, x, perm, from.rank);
    x = orion_ir_reshape(r->b, x, flat, from.rank - batch);
    int32_t *start;
    TRY(mil_new_indices(r, s, batches, &start));
    for (int64_t i = 0; i < batches; i++) start[i] = (int32_t)(i * from.dims[axis]);
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, ids.rank, starts);
    orion_ir_value first = orion_ir_constant(r->b, type, start, (size_t)batches * sizeof *start);
    orion_ir_value y = mil_take(r, x, orion_ir_add(r->b, indices, first), 0);
    for (uint32_t i = 0; i < rank; i++) order[i] = i;
    for (uint32_t i = 0; i < between; i++) order[batch + i] = batch + inner + i;
    for (uint32_t i = 0; i < inner; i++) order[batch + between + i] = batch + i;
    *out = between == 0 ? y : orion_ir_transpose(r->b, y, order, rank);
    return ORION_OK;
}

orion_status mil_raise_gather(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",          "indices",          "axis",
                                        "batch_dims", "validate_indices", NULL};
    orion_ir_value in[2];
    int64_t axis = 0, batch_dims = 0;
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &in[0]));
    TRY(mil_int(r, s, "axis", &given, &axis));
    TRY(mil_int(r, s, "batch_dims", &given, &batch_dims));
    orion_ir_type type = mil_raised_type(r, in[0]);
    TRY(mil_mark_axes(r, s, (mil_ints){&axis, 1}, type.rank, marked));
    uint32_t from_front = (uint32_t)(axis < 0 ? axis + type.rank : axis);
    TRY(gather_indices(r, s, type.dims[from_front], &in[1]));
    if (batch_dims != 0) {
        if (batch_dims < 0 || batch_dims > from_front)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "batch_dims must be in [0, axis]");
        return gather_batches(r, s, in[0], in[1], from_front, (uint32_t)batch_dims, out);
    }
    if (r->op == ORION_IR_OP_embedding && type.rank == 2 && axis == 0) {
        *out = orion_ir_embedding(r->b, in[1], in[0]);
        return ORION_OK;
    }
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    *out = orion_ir_build(r->b, ORION_IR_OP_gather, in, 2, &attr, 1);
    return ORION_OK;
}

/* ---- by places in the whole tensor ---- */

/* Computed indices as i32, those that count from the end turned round. */
static orion_ir_value from_front(mil_raiser *r, orion_ir_value indices, int64_t extent) {
    indices = mil_to_dtype(r, indices, ORION_IR_I32);
    orion_ir_value n = mil_scalar(r, ORION_IR_I32, (double)extent);
    orion_ir_value zero = mil_scalar(r, ORION_IR_I32, 0);
    orion_ir_value turned = orion_ir_add(r->b, indices, n);
    return orion_ir_select(r->b, orion_ir_less(r->b, indices, zero), turned, indices);
}

/* How many elements lie behind each index of an axis. */
static int64_t elements_behind(const orion_ir_type *type, uint32_t axis) {
    int64_t n = 1;
    for (uint32_t i = axis + 1; i < type->rank; i++) n *= type->dims[i];
    return n;
}

static orion_status check_places(mil_raiser *r, statement *s, const orion_ir_type *type) {
    if (orion_ir_type_elements(type) <= INT32_MAX) return ORION_OK;
    return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the tensor has more elements than i32 counts");
}

/* 0, step, 2 step ... along one axis of a tensor of that rank. */
static orion_status steps_along(mil_raiser *r, statement *s, uint32_t axis, uint32_t rank,
                                int64_t count, int64_t step, orion_ir_value *out) {
    int64_t dims[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    int32_t *list;
    TRY(mil_new_indices(r, s, count, &list));
    for (int64_t i = 0; i < count; i++) list[i] = (int32_t)(i * step);
    dims[axis] = count;
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, rank, dims);
    *out = orion_ir_constant(r->b, type, list, (size_t)count * sizeof *list);
    return ORION_OK;
}

/* The place in x that each index along an axis means: every other coordinate is its own. */
static orion_status places_along(mil_raiser *r, statement *s, const orion_ir_type *x,
                                 orion_ir_value indices, uint32_t axis, orion_ir_value *out) {
    orion_ir_type ids = mil_raised_type(r, indices);
    bool fits = ids.rank == x->rank;
    for (uint32_t i = 0; i < x->rank && fits; i++) fits = i == axis || ids.dims[i] == x->dims[i];
    if (!fits) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "indices must have the shape of the data but along the axis");
    }
    TRY(check_places(r, s, x));
    int64_t behind = elements_behind(x, axis);
    orion_ir_value step = mil_scalar(r, ORION_IR_I32, (double)behind);
    orion_ir_value at = orion_ir_mul(r->b, from_front(r, indices, x->dims[axis]), step);
    for (uint32_t i = 0; i < x->rank; i++) {
        orion_ir_value own;
        if (i == axis || x->dims[i] == 1) continue;
        TRY(steps_along(r, s, i, x->rank, x->dims[i], elements_behind(x, i), &own));
        at = orion_ir_add(r->b, at, own);
    }
    *out = at;
    return ORION_OK;
}

/* All elements in one axis. */
static orion_ir_value flatten(mil_raiser *r, orion_ir_value x) {
    static const int64_t all[] = {-1};
    return orion_ir_reshape(r->b, x, all, 1);
}

orion_status mil_raise_gather_along_axis(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "indices", "axis", "validate_indices", NULL};
    orion_ir_value x, indices, places;
    uint32_t axis;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_operand(r, s, "indices", false, &indices));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_axis(r, s, "axis", type.rank, 0, &axis));
    TRY(places_along(r, s, &type, indices, axis, &places));
    *out = mil_take(r, flatten(r, x), places, 0);
    return ORION_OK;
}

/* Where the last axis of `indices` [B.., I.., K] points to in x [B.., K dims, rest..]: the number
 * of a block of `rest` elements, [B.., I..]. */
static orion_status places_of_coordinates(mil_raiser *r, statement *s, const orion_ir_type *x,
                                          orion_ir_value indices, uint32_t batch,
                                          uint32_t *coordinates, orion_ir_value *out) {
    orion_ir_type ids = mil_raised_type(r, indices);
    uint32_t last = ids.rank - 1;
    bool good = ids.rank > batch && ids.dims[last] <= x->rank - batch;
    for (uint32_t i = 0; i < batch && good; i++) good = ids.dims[i] == x->dims[i];
    if (!good) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "indices must end in at most as many coordinates as the data have axes "
                          "behind the batch dims, which must be equal");
    }
    TRY(check_places(r, s, x));
    *coordinates = (uint32_t)ids.dims[last];
    uint32_t stop = batch + *coordinates;
    int64_t block = elements_behind(x, stop - 1);
    bool drop[ORION_IR_RANK_MAX] = {false};
    drop[last] = true;
    *out = mil_scalar(r, ORION_IR_I32, 0);
    for (uint32_t i = 0; i < stop; i++) {
        orion_ir_value at;
        if (i < batch) {
            if (x->dims[i] == 1) continue;
            TRY(steps_along(r, s, i, last, x->dims[i], elements_behind(x, i) / block, &at));
        } else {
            at = mil_slice_axis(r, indices, last, i - batch, i - batch + 1);
            TRY(mil_drop_axes(r, s, at, drop, &at));
            orion_ir_value step =
                mil_scalar(r, ORION_IR_I32, (double)(elements_behind(x, i) / block));
            at = orion_ir_mul(r->b, from_front(r, at, x->dims[i]), step);
        }
        *out = orion_ir_add(r->b, *out, at);
    }
    return ORION_OK;
}

/* x as blocks of what lies behind its first `axes` axes. */
static orion_ir_value blocks_of(mil_raiser *r, orion_ir_value x, uint32_t axes) {
    orion_ir_type type = mil_raised_type(r, x);
    int64_t dims[ORION_IR_RANK_MAX + 1] = {-1};
    for (uint32_t i = axes; i < type.rank; i++) dims[1 + i - axes] = type.dims[i];
    return orion_ir_reshape(r->b, x, dims, 1 + type.rank - axes);
}

orion_status mil_raise_gather_nd(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "indices", "batch_dims", "validate_indices", NULL};
    orion_ir_value x, indices, places;
    int64_t batch = 0;
    uint32_t coordinates;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_operand(r, s, "indices", false, &indices));
    TRY(mil_int(r, s, "batch_dims", &given, &batch));
    orion_ir_type type = mil_raised_type(r, x);
    if (batch < 0 || batch >= type.rank)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "batch_dims must be in [0, %u)",
                          (unsigned)type.rank);
    TRY(places_of_coordinates(r, s, &type, indices, (uint32_t)batch, &coordinates, &places));
    *out = mil_take(r, blocks_of(r, x, (uint32_t)batch + coordinates), places, 0);
    return ORION_OK;
}

/* ---- scatter: what is added up; other modes depend on an order that is not said ---- */

static orion_status scatter_mode(mil_raiser *r, statement *s) {
    const char *mode = "add";
    bool given;
    TRY(mil_string(r, s, "mode", &given, &mode));
    if (strcmp(mode, "add") == 0) return ORION_OK;
    return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "mode must be add, not '%s'", mode);
}

static orion_ir_value scatter(mil_raiser *r, orion_ir_value data, orion_ir_value updates,
                              orion_ir_value places) {
    orion_ir_value in[3];
    in[0] = data;
    in[1] = updates;
    in[2] = places;
    return orion_ir_build(r->b, ORION_IR_OP_scatter_add, in, 3, NULL, 0);
}

orion_status mil_raise_scatter_along_axis(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"data", "indices",          "updates", "axis",
                                        "mode", "validate_indices", NULL};
    orion_ir_value data, indices, updates, places;
    uint32_t axis;
    TRY(mil_only(r, s, names));
    TRY(scatter_mode(r, s));
    TRY(mil_operand(r, s, "data", false, &data));
    TRY(mil_operand(r, s, "indices", false, &indices));
    TRY(mil_operand(r, s, "updates", false, &updates));
    orion_ir_type type = mil_raised_type(r, data);
    TRY(mil_axis(r, s, "axis", type.rank, 0, &axis));
    TRY(places_along(r, s, &type, indices, axis, &places));
    data = flatten(r, data);
    updates = flatten(r, updates);
    orion_ir_value y = scatter(r, data, updates, flatten(r, places));
    *out = orion_ir_reshape(r->b, y, type.dims, type.rank);
    return ORION_OK;
}

orion_status mil_raise_scatter_nd(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"data", "indices",          "updates",
                                        "mode", "validate_indices", NULL};
    orion_ir_value data, indices, updates, places;
    uint32_t coordinates;
    TRY(mil_only(r, s, names));
    TRY(scatter_mode(r, s));
    TRY(mil_operand(r, s, "data", false, &data));
    TRY(mil_operand(r, s, "indices", false, &indices));
    TRY(mil_operand(r, s, "updates", false, &updates));
    orion_ir_type type = mil_raised_type(r, data);
    TRY(places_of_coordinates(r, s, &type, indices, 0, &coordinates, &places));
    orion_ir_value y = scatter(r, blocks_of(r, data, coordinates), updates, places);
    *out = orion_ir_reshape(r->b, y, type.dims, type.rank);
    return ORION_OK;
}
