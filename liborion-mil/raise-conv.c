/* SPDX-License-Identifier: MIT */
/* MIL ops that slide a window along spatial axes: conv, its transpose, pooling. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

enum { SPATIAL_MAX = 2 };

/* Of each spatial axis. */
typedef struct window {
    uint32_t axes;
    int64_t size[SPATIAL_MAX]; /* of the window, without gaps */
    int64_t stride[SPATIAL_MAX], dilation[SPATIAL_MAX];
    int64_t before[SPATIAL_MAX], after[SPATIAL_MAX];
} window;

/* A list with an entry for each spatial axis; 1 everywhere if it may be and is left out. */
static orion_status per_axis(mil_raiser *r, statement *s, const char *name, bool optional,
                             uint32_t axes, int64_t *out) {
    mil_ints list = {NULL, 0};
    bool given = true;
    TRY(mil_integers(r, s, name, optional ? &given : NULL, &list));
    if (given && list.count != axes) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "%s has %zu entries, x has %u spatial axes",
                          name, list.count, (unsigned)axes);
    }
    for (uint32_t i = 0; i < axes; i++) {
        out[i] = given ? list.items[i] : 1;
        if (out[i] >= 1 && out[i] <= INT32_MAX) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "%s must be at least 1", name);
    }
    return ORION_OK;
}

/* [before, after] of each spatial axis. */
static orion_status custom_padding(mil_raiser *r, statement *s, window *w) {
    mil_ints pad = {NULL, 0};
    bool given;
    TRY(mil_integers(r, s, "pad", &given, &pad));
    if (pad.count != 2 * (size_t)w->axes) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "pad has %zu numbers, %u are needed",
                          pad.count, 2 * (unsigned)w->axes);
    }
    for (uint32_t i = 0; i < w->axes; i++) {
        w->before[i] = pad.items[2 * i];
        w->after[i] = pad.items[2 * i + 1];
    }
    return ORION_OK;
}

/*
 * `same`: ceil(extent / stride) windows. What padding that takes is halved; an odd element goes
 * behind, or for same_lower in front.
 */
static void same_padding(window *w, const int64_t *extents, bool lower) {
    for (uint32_t i = 0; i < w->axes; i++) {
        int64_t windows = (extents[i] + w->stride[i] - 1) / w->stride[i];
        int64_t covered = (windows - 1) * w->stride[i] + w->dilation[i] * (w->size[i] - 1) + 1;
        int64_t total = ORN_MAX(covered - extents[i], 0);
        w->before[i] = lower ? total - total / 2 : total / 2;
        w->after[i] = total - w->before[i];
    }
}

/* pad_type and pad; `extents` of the spatial axes, NULL if `same` cannot be. */
static orion_status padding(mil_raiser *r, statement *s, const int64_t *extents, window *w) {
    const char *type = "valid";
    bool given;
    TRY(mil_string(r, s, "pad_type", &given, &type));
    if (strcmp(type, "custom") == 0) return custom_padding(r, s, w);
    if (strcmp(type, "valid") == 0) return ORION_OK;
    bool lower = strcmp(type, "same_lower") == 0;
    if (extents == NULL || (!lower && strcmp(type, "same") != 0))
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "pad_type must not be '%s'", type);
    same_padding(w, extents, lower);
    return ORION_OK;
}

/* x and its spatial axes, of which the IR has 1 or 2. */
static orion_status sliding(mil_raiser *r, statement *s, orion_ir_value *x, orion_ir_type *type,
                            window *w) {
    TRY(mil_operand(r, s, "x", false, x));
    *type = mil_raised_type(r, *x);
    if (type->rank != 3 && type->rank != 4) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "x has rank %u, not 3 or 4",
                          (unsigned)type->rank);
    }
    w->axes = type->rank - 2;
    return ORION_OK;
}

static orion_status convolve(mil_raiser *r, statement *s, const char *const *names, bool transposed,
                             orion_ir_value *out) {
    orion_ir_value in[3];
    orion_ir_type x;
    window w = {0};
    int64_t groups = 1;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(sliding(r, s, &in[0], &x, &w));
    TRY(mil_operand(r, s, "weight", false, &in[1]));
    TRY(mil_operand(r, s, "bias", true, &in[2]));
    TRY(per_axis(r, s, "strides", true, w.axes, w.stride));
    TRY(per_axis(r, s, "dilations", true, w.axes, w.dilation));
    TRY(mil_int(r, s, "groups", &given, &groups));
    orion_ir_type weight = mil_raised_type(r, in[1]);
    for (uint32_t i = 0; i < w.axes && weight.rank == x.rank; i++) w.size[i] = weight.dims[i + 2];
    TRY(padding(r, s, transposed ? NULL : x.dims + 2, &w));
    orion_ir_attr attrs[] = {orion_ir_attr_ints("stride", w.stride, w.axes),
                             orion_ir_attr_ints("before", w.before, w.axes),
                             orion_ir_attr_ints("after", w.after, w.axes),
                             orion_ir_attr_ints("dilation", w.dilation, w.axes),
                             orion_ir_attr_int("groups", groups)};
    *out = orion_ir_build(r->b, r->op, in, in[2].id == 0 ? 2 : 3, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

orion_status mil_raise_conv(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",   "weight",    "bias",   "strides", "pad_type",
                                        "pad", "dilations", "groups", NULL};
    return convolve(r, s, names, false, out);
}

/* output_shape may say again what follows from the rest: the declared type is held to it. */
orion_status mil_raise_conv_transpose(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",   "weight",    "bias",   "strides",      "pad_type",
                                        "pad", "dilations", "groups", "output_shape", NULL};
    return convolve(r, s, names, true, out);
}

/* ---- pooling ---- */

/* ceil_mode: places behind x are added until every element is in a window that begins in x or in
 * front of it. */
static void round_up(window *w, const int64_t *extents) {
    for (uint32_t i = 0; i < w->axes; i++) {
        int64_t front = extents[i] + w->before[i], padded = front + w->after[i];
        int64_t rest = (padded - w->size[i]) % w->stride[i];
        int64_t more = padded < w->size[i] || rest == 0 ? 0 : w->stride[i] - rest;
        bool begins_inside = padded + more - w->size[i] < front;
        if (begins_inside) w->after[i] += more;
    }
}

static orion_status pool(mil_raiser *r, statement *s, orion_ir_op op, bool exclude,
                         orion_ir_value x, window *w, orion_ir_value *out) {
    bool given, ceil_mode = false;
    orion_ir_type type = mil_raised_type(r, x);
    TRY(per_axis(r, s, "kernel_sizes", false, w->axes, w->size));
    TRY(per_axis(r, s, "strides", true, w->axes, w->stride));
    for (uint32_t i = 0; i < w->axes; i++) w->dilation[i] = 1;
    TRY(padding(r, s, type.dims + 2, w));
    TRY(mil_bool(r, s, "ceil_mode", &given, &ceil_mode));
    if (ceil_mode && op == ORION_IR_OP_avg_pool && !exclude) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "ceil_mode needs exclude_padding_from_average");
    }
    if (ceil_mode) round_up(w, type.dims + 2);
    orion_ir_attr attrs[] = {orion_ir_attr_ints("window", w->size, w->axes),
                             orion_ir_attr_ints("stride", w->stride, w->axes),
                             orion_ir_attr_ints("before", w->before, w->axes),
                             orion_ir_attr_ints("after", w->after, w->axes),
                             orion_ir_attr_int("exclude_padding", exclude)};
    *out = orion_ir_build(r->b, op, &x, 1, attrs, op == ORION_IR_OP_avg_pool ? 5 : 4);
    return ORION_OK;
}

orion_status mil_raise_pool(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",   "kernel_sizes", "strides", "pad_type",
                                        "pad", "ceil_mode",    NULL};
    static const char *const mean_names[] = {"x",
                                             "kernel_sizes",
                                             "strides",
                                             "pad_type",
                                             "pad",
                                             "ceil_mode",
                                             "exclude_padding_from_average",
                                             NULL};
    bool mean = r->op == ORION_IR_OP_avg_pool, exclude = false, given;
    orion_ir_type type;
    orion_ir_value x;
    window w = {0};
    TRY(mil_only(r, s, mean ? mean_names : names));
    TRY(sliding(r, s, &x, &type, &w));
    if (mean) TRY(mil_bool(r, s, "exclude_padding_from_average", &given, &exclude));
    return pool(r, s, r->op, exclude, x, &w, out);
}

/* sqrt(sum(x^2)) of each window, in f32: the root of their mean times their number. */
orion_status mil_raise_l2_pool(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "kernel_sizes", "strides", "pad_type", "pad", NULL};
    orion_ir_type type;
    orion_ir_value x, mean;
    window w = {0};
    double count = 1;
    TRY(mil_only(r, s, names));
    TRY(sliding(r, s, &x, &type, &w));
    x = mil_widen(r, x);
    TRY(pool(r, s, ORION_IR_OP_avg_pool, false, orion_ir_mul(r->b, x, x), &w, &mean));
    for (uint32_t i = 0; i < w.axes; i++) count *= (double)w.size[i];
    orion_ir_value sum = orion_ir_mul(r->b, mean, mil_scalar(r, mil_dtype_of(r, mean), count));
    *out = mil_to_dtype(r, orion_ir_sqrt(r->b, sum), (orion_ir_dtype)type.dtype);
    return ORION_OK;
}
