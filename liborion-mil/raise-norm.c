/* SPDX-License-Identifier: MIT */
/* Normalisations. What has no op in the IR is spelled out, in f32 whatever the element type. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* (x - mean) / sqrt(variance + epsilon) over axes, which stay with extent 1 inside. */
static orion_ir_value normalise(mil_raiser *r, orion_ir_value x, const int64_t *axes, size_t count,
                                double epsilon) {
    orion_ir_dtype dtype = mil_dtype_of(r, x);
    orion_ir_value mean = orion_ir_reduce_mean(r->b, x, axes, count, 1);
    orion_ir_value centred = orion_ir_sub(r->b, x, mean);
    orion_ir_value square = orion_ir_mul(r->b, centred, centred);
    orion_ir_value variance = orion_ir_reduce_mean(r->b, square, axes, count, 1);
    orion_ir_value shifted = orion_ir_add(r->b, variance, mil_scalar(r, dtype, epsilon));
    return orion_ir_div(r->b, centred, orion_ir_sqrt(r->b, shifted));
}

/* y * gamma + beta, each if it is there; they have the shape to broadcast with. */
static orion_ir_value stretch(mil_raiser *r, orion_ir_value y, orion_ir_value gamma,
                              orion_ir_value beta) {
    if (gamma.id != 0) y = orion_ir_mul(r->b, y, mil_widen(r, gamma));
    if (beta.id != 0) y = orion_ir_add(r->b, y, mil_widen(r, beta));
    return y;
}

/* ---- layer_norm ---- */

typedef struct norm {
    orion_ir_value x, gamma, beta; /* id 0: left out */
    double epsilon;
    int64_t axes[ORION_IR_RANK_MAX];
    size_t count;
} norm;

/* The axes, and whether gamma and beta have their shape. */
static orion_status norm_axes(mil_raiser *r, statement *s, norm *n) {
    mil_ints list = {NULL, 0};
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    orion_ir_type x = mil_raised_type(r, n->x), shape = {.dtype = x.dtype};
    TRY(mil_integers(r, s, "axes", &given, &list));
    TRY(mil_mark_axes(r, s, list, x.rank, marked));
    for (uint32_t i = 0; i < x.rank; i++) {
        if (given && !marked[i]) continue;
        n->axes[n->count++] = i;
        shape.dims[shape.rank++] = x.dims[i];
    }
    const orion_ir_value affine[] = {n->gamma, n->beta};
    for (size_t i = 0; i < ORN_COUNT(affine); i++) {
        if (affine[i].id == 0) continue;
        orion_ir_type type = mil_raised_type(r, affine[i]);
        if (orion_ir_type_equal(&type, &shape)) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "%s does not have the shape of the normalised axes",
                          i == 0 ? "gamma" : "beta");
    }
    return ORION_OK;
}

/* The op of the IR has gamma and beta and knows the last axis only; anything else is spelled out.
 */
static orion_ir_value spell_layer_norm(mil_raiser *r, const norm *n) {
    orion_ir_type type = mil_raised_type(r, n->x);
    bool others[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) others[i] = true;
    for (size_t i = 0; i < n->count; i++) others[n->axes[i]] = false;
    orion_ir_value gamma = n->gamma, beta = n->beta;
    if (gamma.id != 0) gamma = mil_insert_axes(r, gamma, others, type.rank);
    if (beta.id != 0) beta = mil_insert_axes(r, beta, others, type.rank);
    orion_ir_value y = normalise(r, mil_widen(r, n->x), n->axes, n->count, n->epsilon);
    return mil_to_dtype(r, stretch(r, y, gamma, beta), (orion_ir_dtype)type.dtype);
}

orion_status mil_raise_layer_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axes", "gamma", "beta", "epsilon", NULL};
    norm n = {.epsilon = 1e-5};
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &n.x));
    TRY(mil_operand(r, s, "gamma", true, &n.gamma));
    TRY(mil_operand(r, s, "beta", true, &n.beta));
    TRY(mil_float(r, s, "epsilon", &given, &n.epsilon));
    TRY(norm_axes(r, s, &n));
    bool last = n.count == 1 && n.axes[0] == (int64_t)mil_raised_type(r, n.x).rank - 1;
    if (!last || n.gamma.id == 0 || n.beta.id == 0) {
        *out = spell_layer_norm(r, &n);
        return ORION_OK;
    }
    orion_ir_value in[] = {n.x, n.gamma, n.beta};
    orion_ir_attr attr = orion_ir_attr_float("epsilon", n.epsilon);
    *out = orion_ir_build(r->b, r->op, in, ORN_COUNT(in), &attr, 1);
    return ORION_OK;
}

/* ---- batch_norm, instance_norm: x [N, C, ...], one number per channel ---- */

/* An operand with one number per channel, to broadcast with x; id 0 if it is left out. */
static orion_status channel_operand(mil_raiser *r, statement *s, const char *name, bool optional,
                                    orion_ir_value x, orion_ir_value *out) {
    TRY(mil_operand(r, s, name, optional, out));
    if (out->id == 0) return ORION_OK;
    orion_ir_type type = mil_raised_type(r, x), is = mil_raised_type(r, *out);
    if (type.rank < 2 || is.rank != 1 || is.dims[0] != type.dims[1]) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "%s must have one number for each of the channels, axis 1 of x", name);
    }
    *out = mil_channels(r, mil_widen(r, *out), type.rank);
    return ORION_OK;
}

orion_status mil_raise_batch_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "mean", "variance", "gamma", "beta", "epsilon", NULL};
    orion_ir_value x, mean, variance, gamma, beta;
    double epsilon = 1e-5;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(channel_operand(r, s, "mean", false, x, &mean));
    TRY(channel_operand(r, s, "variance", false, x, &variance));
    TRY(channel_operand(r, s, "gamma", true, x, &gamma));
    TRY(channel_operand(r, s, "beta", true, x, &beta));
    TRY(mil_float(r, s, "epsilon", &given, &epsilon));
    orion_ir_value wide = mil_widen(r, x);
    orion_ir_value number = mil_scalar(r, mil_dtype_of(r, wide), epsilon);
    orion_ir_value scale = orion_ir_rsqrt(r->b, orion_ir_add(r->b, variance, number));
    if (gamma.id != 0) scale = orion_ir_mul(r->b, scale, gamma);
    orion_ir_value y = stretch(r, orion_ir_sub(r->b, wide, mean), scale, beta);
    *out = mil_to_dtype(r, y, mil_dtype_of(r, x));
    return ORION_OK;
}

orion_status mil_raise_instance_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "gamma", "beta", "epsilon", NULL};
    static const int64_t axes[] = {2, 3, 4, 5, 6, 7};
    orion_ir_value x, gamma, beta;
    double epsilon = 1e-5;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(channel_operand(r, s, "gamma", true, x, &gamma));
    TRY(channel_operand(r, s, "beta", true, x, &beta));
    TRY(mil_float(r, s, "epsilon", &given, &epsilon));
    orion_ir_type type = mil_raised_type(r, x);
    if (type.rank < 3)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "x has rank %u, not 3 or more",
                          (unsigned)type.rank);
    orion_ir_value y = normalise(r, mil_widen(r, x), axes, type.rank - 2, epsilon);
    *out = mil_to_dtype(r, stretch(r, y, gamma, beta), (orion_ir_dtype)type.dtype);
    return ORION_OK;
}

/* ---- l2_norm, local_response_norm ---- */

/* x / sqrt(sum of squares over the last three axes + epsilon) */
orion_status mil_raise_l2_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "epsilon", NULL};
    static const int64_t axes[] = {-3, -2, -1};
    double epsilon = 1e-6;
    bool given;
    orion_ir_value x;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_float(r, s, "epsilon", &given, &epsilon));
    orion_ir_value wide = mil_widen(r, x);
    orion_ir_value square = orion_ir_mul(r->b, wide, wide);
    orion_ir_value sum = orion_ir_reduce_sum(r->b, square, axes, ORN_COUNT(axes), 1);
    sum = orion_ir_add(r->b, sum, mil_scalar(r, mil_dtype_of(r, wide), epsilon));
    orion_ir_value y = orion_ir_div(r->b, wide, orion_ir_sqrt(r->b, sum));
    *out = mil_to_dtype(r, y, mil_dtype_of(r, x));
    return ORION_OK;
}

/* x / (k + alpha / size * sum of x^2 over the `size` channels around it)^beta. The sum is that of
 * `size` shifted copies. */
orion_status mil_raise_local_response_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "size", "alpha", "beta", "k", NULL};
    double alpha = 1e-4, beta = 0.75, k = 1;
    int64_t size;
    bool given;
    orion_ir_value x;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_int(r, s, "size", NULL, &size));
    TRY(mil_float(r, s, "alpha", &given, &alpha));
    TRY(mil_float(r, s, "beta", &given, &beta));
    TRY(mil_float(r, s, "k", &given, &k));
    orion_ir_type type = mil_raised_type(r, x);
    if (size < 1 || size % 2 == 0 || size > 255 || type.rank < 2) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "x must have channels, and size must be odd and below 256: a window of "
                          "%lld channels has no middle",
                          (long long)size);
    }
    orion_ir_value wide = mil_widen(r, x), square = orion_ir_mul(r->b, wide, wide);
    orion_ir_value padded = mil_pad_axis(r, square, 1, size / 2, size / 2);
    orion_ir_value sum = mil_slice_axis(r, padded, 1, 0, type.dims[1]);
    for (int64_t i = 1; i < size; i++)
        sum = orion_ir_add(r->b, sum, mil_slice_axis(r, padded, 1, i, i + type.dims[1]));
    orion_ir_dtype dtype = mil_dtype_of(r, wide);
    sum = orion_ir_mul(r->b, sum, mil_scalar(r, dtype, alpha / (double)size));
    sum = orion_ir_add(r->b, sum, mil_scalar(r, dtype, k));
    sum = orion_ir_pow(r->b, sum, mil_scalar(r, dtype, beta));
    *out = mil_to_dtype(r, orion_ir_div(r->b, wide, sum), (orion_ir_dtype)type.dtype);
    return ORION_OK;
}
