/* SPDX-License-Identifier: MIT */
/* Parts of tensors: slices with masks, backwards, by size, reversed, cropped, windows, updates. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

typedef struct window { /* strides are not 0 */
    int64_t begin[ORION_IR_RANK_MAX], end[ORION_IR_RANK_MAX], stride[ORION_IR_RANK_MAX];
} window;

/* Axis `i` read backwards, from begin down to end, which is not read: the IR's slices go forward,
 * so its indices are listed. The window is then the whole of what was read. */
static orion_status read_backwards(mil_raiser *r, statement *s, orion_ir_value *x, window *w,
                                   uint32_t i) {
    int64_t step = -w->stride[i], count = (w->begin[i] - w->end[i] + step - 1) / step;
    int32_t *indices;
    TRY(mil_new_indices(r, s, count, &indices));
    for (int64_t k = 0; k < count; k++) indices[k] = (int32_t)(w->begin[i] - k * step);
    *x = mil_take_list(r, *x, indices, count, i);
    w->begin[i] = 0;
    w->end[i] = count;
    w->stride[i] = 1;
    return ORION_OK;
}

static orion_status build_slice(mil_raiser *r, statement *s, orion_ir_value x, window *w,
                                orion_ir_value *out) {
    uint32_t rank = mil_raised_type(r, x).rank;
    for (uint32_t i = 0; i < rank; i++) {
        bool forward = w->stride[i] > 0;
        if (forward ? w->begin[i] >= w->end[i] : w->begin[i] <= w->end[i]) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                              "nothing is left of axis %u, and the IR has no empty tensors",
                              (unsigned)i);
        }
        if (!forward) TRY(read_backwards(r, s, &x, w, i));
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", w->begin, rank),
                             orion_ir_attr_ints("end", w->end, rank),
                             orion_ir_attr_ints("stride", w->stride, rank)};
    *out = orion_ir_build(r->b, ORION_IR_OP_slice, &x, 1, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

/* Where an index that may count from the end points to, within the extent. */
static int64_t position(int64_t index, int64_t extent) {
    if (index < 0) index = index < -extent ? 0 : index + extent;
    return ORN_MIN(index, extent);
}

/* The same for going backwards, where one before the first is the last end. */
static int64_t position_back(int64_t index, int64_t extent) {
    if (index < 0) index = index < -extent ? -1 : index + extent;
    return ORN_MIN(index, extent - 1);
}

static void place(window *w, uint32_t i, int64_t extent, bool from_first, bool to_last) {
    bool forward = w->stride[i] > 0;
    int64_t begin = forward ? 0 : extent - 1, end = forward ? extent : -1;
    if (!from_first)
        begin = forward ? position(w->begin[i], extent) : position_back(w->begin[i], extent);
    if (!to_last) end = forward ? position(w->end[i], extent) : position_back(w->end[i], extent);
    w->begin[i] = begin;
    w->end[i] = end;
}

orion_status mil_raise_slice_by_index(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",          "begin",    "end",          "stride",
                                        "begin_mask", "end_mask", "squeeze_mask", NULL};
    orion_ir_value x;
    window w;
    int64_t open_begin[ORION_IR_RANK_MAX], open_end[ORION_IR_RANK_MAX], squeeze[ORION_IR_RANK_MAX];
    bool marked[ORION_IR_RANK_MAX] = {false}, any = false;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_per_axis(r, s, "begin", false, type.rank, 0, w.begin));
    TRY(mil_per_axis(r, s, "end", false, type.rank, 0, w.end));
    TRY(mil_per_axis(r, s, "stride", true, type.rank, 1, w.stride));
    TRY(mil_per_axis(r, s, "begin_mask", true, type.rank, 0, open_begin));
    TRY(mil_per_axis(r, s, "end_mask", true, type.rank, 0, open_end));
    TRY(mil_per_axis(r, s, "squeeze_mask", true, type.rank, 0, squeeze));
    for (uint32_t i = 0; i < type.rank; i++) {
        int64_t extent = type.dims[i];
        if (w.stride[i] == 0)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "a stride must not be 0");
        if (squeeze[i] != 0) w.stride[i] = 1;
        place(&w, i, extent, open_begin[i] != 0, open_end[i] != 0);
        if (squeeze[i] == 0) continue;
        w.end[i] = ORN_MIN(w.begin[i] + 1, extent);
        marked[i] = any = true;
    }
    TRY(build_slice(r, s, x, &w, out));
    return any ? mil_drop_axes(r, s, *out, marked, out) : ORION_OK;
}

/* A size of -1 takes what is left. */
orion_status mil_raise_slice_by_size(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "begin", "size", NULL};
    orion_ir_value x;
    window w;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_per_axis(r, s, "begin", false, type.rank, 0, w.begin));
    TRY(mil_per_axis(r, s, "size", false, type.rank, 0, w.end));
    for (uint32_t i = 0; i < type.rank; i++) {
        int64_t extent = type.dims[i], size = w.end[i];
        w.begin[i] = position(w.begin[i], extent);
        w.end[i] = size == -1 ? extent : w.begin[i] + ORN_MIN(size, extent - w.begin[i]);
        w.stride[i] = 1;
        if (size > extent - w.begin[i]) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "axis %u ends past its extent %lld",
                              (unsigned)i, (long long)extent);
        }
    }
    return build_slice(r, s, x, &w, out);
}

/* ---- other cuts ---- */

orion_status mil_raise_reverse(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axes", NULL};
    orion_ir_value x;
    mil_ints axes = {NULL, 0};
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    window w;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "axes", &given, &axes));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_mark_axes(r, s, axes, type.rank, marked));
    for (uint32_t i = 0; i < type.rank; i++) {
        bool turned = marked[i] || !given;
        w.begin[i] = turned ? type.dims[i] - 1 : 0;
        w.end[i] = turned ? -1 : type.dims[i];
        w.stride[i] = turned ? -1 : 1;
    }
    return build_slice(r, s, x, &w, out);
}

/* [front, back] taken off the last two axes of [N, C, H, W]. */
orion_status mil_raise_crop(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "crop_height", "crop_width", NULL};
    orion_ir_value x;
    mil_ints cut[2];
    window w;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "crop_height", NULL, &cut[0]));
    TRY(mil_integers(r, s, "crop_width", NULL, &cut[1]));
    orion_ir_type type = mil_raised_type(r, x);
    if (type.rank < 2 || cut[0].count != 2 || cut[1].count != 2) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "x needs two axes, crop_height and crop_width two numbers each");
    }
    for (uint32_t i = 0; i < type.rank; i++) {
        bool cropped = i + 2 >= type.rank;
        const int64_t *by = cut[i + 1 == type.rank].items;
        w.begin[i] = cropped ? position(by[0], type.dims[i]) : 0;
        w.end[i] = type.dims[i] - (cropped ? position(by[1], type.dims[i]) : 0);
        w.stride[i] = 1;
    }
    return build_slice(r, s, x, &w, out);
}

/* All windows of `size` elements along an axis, which becomes two: window and place in it. */
orion_status mil_raise_sliding_windows(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axis", "size", "stride", NULL};
    orion_ir_value x;
    int64_t size, stride = 1, dims[2];
    uint32_t axis;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_axis(r, s, "axis", type.rank, MIL_REQUIRED, &axis));
    TRY(mil_int(r, s, "size", NULL, &size));
    TRY(mil_int(r, s, "stride", &given, &stride));
    if (size < 1 || stride < 1 || size > type.dims[axis]) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                          "size must be in [1, %lld] and stride at least 1",
                          (long long)type.dims[axis]);
    }
    dims[0] = (type.dims[axis] - size) / stride + 1;
    dims[1] = size;
    int32_t *indices;
    TRY(mil_new_indices(r, s, dims[0] * size, &indices)); /* below 2^62 */
    for (int64_t i = 0; i < dims[0] * size; i++)
        indices[i] = (int32_t)(i / size * stride + i % size);
    orion_ir_type list = orion_ir_type_make(ORION_IR_I32, 2, dims);
    *out = mil_take(
        r, x, orion_ir_constant(r->b, list, indices, (size_t)(dims[0] * size) * sizeof *indices),
        axis);
    return ORION_OK;
}

/* ---- slice_update: x with `update` written over a part of it ---- */

/* Element i of a list that the program joins from single numbers, as [1] of i32. */
static orion_status joined_element(mil_raiser *r, statement *s, const mil_raised *list, uint32_t i,
                                   orion_ir_value *out) {
    static const int64_t one[] = {1};
    const orion_mil_value *tuple = list == NULL || list->at == NULL
                                       ? NULL
                                       : orion_mil_statement_find_argument(list->at, "values");
    bool joined = tuple != NULL && strcmp(list->at->op, "concat") == 0 &&
                  tuple->form == ORION_MIL_VALUE_TUPLE && tuple->count > i &&
                  tuple->u.items[i].form == ORION_MIL_VALUE_NAME;
    mil_raised *x = joined ? mil_find_name(r, tuple->u.items[i].u.text) : NULL;
    if (x == NULL || x->refused) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "'begin' must be constant, or joined by concat from one number per axis");
    }
    TRY(mil_make_raised(r, x));
    *out = mil_to_dtype(r, orion_ir_reshape(r->b, x->value, one, 1), ORION_IR_I32);
    return ORION_OK;
}

/* Where the update begins on each axis, as [1] of i32, and whether that is the axis' begin. */
static orion_status update_begins(mil_raiser *r, statement *s, const orion_ir_type *x,
                                  orion_ir_value *begins, bool *at_first) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, "begin");
    mil_raised *list =
        v != NULL && v->form == ORION_MIL_VALUE_NAME ? mil_find_name(r, v->u.text) : NULL;
    int64_t given[ORION_IR_RANK_MAX], open[ORION_IR_RANK_MAX];
    if (list != NULL) TRY(mil_fold(r, list));
    bool constant = list == NULL || list->literal != NULL;
    if (constant) TRY(mil_per_axis(r, s, "begin", false, x->rank, 0, given));
    TRY(mil_per_axis(r, s, "begin_mask", true, x->rank, 0, open));
    for (uint32_t i = 0; i < x->rank; i++) {
        int32_t place = (int32_t)(constant && open[i] == 0 ? position(given[i], x->dims[i]) : 0);
        at_first[i] = (constant || open[i] != 0) && place == 0;
        if (constant || open[i] != 0) {
            orion_ir_type type = orion_ir_type_make(ORION_IR_I32, 1, (const int64_t[]){1});
            begins[i] = orion_ir_constant(r->b, type, &place, sizeof place);
        } else if (x->rank == 1) {
            TRY(mil_operand(r, s, "begin", false, &begins[i]));
            begins[i] = mil_to_dtype(r, begins[i], ORION_IR_I32);
        } else {
            TRY(joined_element(r, s, list, i, &begins[i]));
        }
    }
    return ORION_OK;
}

/* `n` of x's rows along an axis, from a computed begin. */
static orion_status rows_from(mil_raiser *r, statement *s, orion_ir_value x, uint32_t axis,
                              int64_t n, orion_ir_value begin, orion_ir_value *out) {
    int32_t *list;
    TRY(mil_new_indices(r, s, n, &list));
    for (int64_t k = 0; k < n; k++) list[k] = (int32_t)k;
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, 1, &n);
    orion_ir_value steps = orion_ir_constant(r->b, type, list, (size_t)n * sizeof *list);
    *out = mil_take(r, x, orion_ir_add(r->b, steps, begin), axis);
    return ORION_OK;
}

/*
 * Where the update is smaller than x on several axes, the part of x along the first of them is
 * taken out, updated on the others, and written back. What begins at 0 and has x's extent needs
 * nothing.
 */
orion_status mil_raise_slice_update(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",          "update",   "begin",        "end", "stride",
                                        "begin_mask", "end_mask", "squeeze_mask", NULL};
    orion_ir_value x, update, begins[ORION_IR_RANK_MAX], parts[ORION_IR_RANK_MAX];
    uint32_t axes[ORION_IR_RANK_MAX], count = 0;
    int64_t stride[ORION_IR_RANK_MAX], squeeze[ORION_IR_RANK_MAX];
    bool at_first[ORION_IR_RANK_MAX], marked[ORION_IR_RANK_MAX];
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_operand(r, s, "update", false, &update));
    orion_ir_type type = mil_raised_type(r, x), of = mil_raised_type(r, update);
    TRY(mil_per_axis(r, s, "stride", true, type.rank, 1, stride));
    TRY(mil_per_axis(r, s, "squeeze_mask", true, type.rank, 0, squeeze));
    TRY(update_begins(r, s, &type, begins, at_first));
    uint32_t squeezed = 0;
    for (uint32_t i = 0; i < type.rank; i++) {
        marked[i] = squeeze[i] != 0;
        squeezed += marked[i];
        if (stride[i] != 1)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "strides must be 1 where x is written");
    }
    if (of.rank + squeezed != type.rank)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the update does not have the rank of x");
    update = mil_insert_axes(r, update, marked, type.rank);
    of = mil_raised_type(r, update);
    for (uint32_t i = 0; i < type.rank; i++) {
        if (at_first[i] && of.dims[i] == type.dims[i]) continue;
        uint32_t last = count == 0 ? 0 : axes[count - 1];
        if (count != 0) TRY(rows_from(r, s, x, last, of.dims[last], begins[last], &x));
        parts[count] = x;
        axes[count++] = i;
    }
    *out = update;
    while (count-- > 0)
        *out = orion_ir_slice_update(r->b, parts[count], *out, begins[axes[count]], axes[count]);
    return ORION_OK;
}
