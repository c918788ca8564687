/* SPDX-License-Identifier: MIT */
/*
 * Model ops in terms of core ops.
 *
 * The decomposition is the definition of the op that a target without it uses; a test holds it to
 * the reference interpreter. 16-bit floats are widened to f32 wherever the op exponentiates,
 * squares or sums, and narrowed once at the end, as a kernel of the whole op would do.
 */
#include "decompose.h"

#include <math.h>

static double attr_float(const orion_ir_node *n, int at) {
    return n->attrs[at].f;
}

static bool attr_bool(const orion_ir_node *n, int at) {
    return n->attrs[at].i != 0;
}

/* The result of a computation in f32, in the dtype of the node's result. */
static orion_ir_value finish(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value y) {
    return ir_to_dtype(b, y, ir_dtype_of(b, ir_first_result(n)));
}

/* ---- softmax family ---- */

/* x - max(x), so that no exponential overflows. */
static orion_ir_value below_max(orion_ir_builder *b, orion_ir_value x, int64_t axis) {
    return orion_ir_sub(b, x, ir_reduce_axis(b, ORION_IR_OP_reduce_max, x, axis));
}

static orion_ir_value softmax(orion_ir_builder *b, orion_ir_value x, int64_t axis) {
    orion_ir_value e = orion_ir_exp(b, below_max(b, ir_widen(b, x), axis));
    orion_ir_value y = orion_ir_div(b, e, ir_reduce_axis(b, ORION_IR_OP_reduce_sum, e, axis));
    return ir_to_dtype(b, y, ir_dtype_of(b, x));
}

/* In f32. */
static orion_ir_value log_softmax(orion_ir_builder *b, orion_ir_value x, int64_t axis) {
    orion_ir_value y = below_max(b, ir_widen(b, x), axis);
    orion_ir_value sum = ir_reduce_axis(b, ORION_IR_OP_reduce_sum, orion_ir_exp(b, y), axis);
    return orion_ir_sub(b, y, orion_ir_log(b, sum));
}

static orion_ir_value decompose_softmax(orion_ir_builder *b, const orion_ir_node *n) {
    return softmax(b, ir_operand(n, 0), n->attrs[IR_ATTR(softmax, axis)].i);
}

static orion_ir_value decompose_log_softmax(orion_ir_builder *b, const orion_ir_node *n) {
    return finish(b, n, log_softmax(b, ir_operand(n, 0), n->attrs[IR_ATTR(log_softmax, axis)].i));
}

/* The most negative number of a float dtype. Not -inf, which some targets turn into NaN. */
static double lowest(orion_ir_dtype dtype) {
    switch (dtype) {
    case ORION_IR_F16: return -65504;
    case ORION_IR_BF16: return -0x1.fep127;
    default: return -0x1.fffffep127;
    }
}

/* What is taken off before exponentiating is finite, so that infinities leave no NaN behind. */
static orion_ir_value decompose_reduce_logsumexp(orion_ir_builder *b, const orion_ir_node *n) {
    const ir_attr *axes = &n->attrs[IR_ATTR(reduce_logsumexp, axes)];
    int keep = attr_bool(n, IR_ATTR(reduce_logsumexp, keep_dims));
    orion_ir_type out = ir_type_of(b, ir_first_result(n));
    orion_ir_value x = ir_widen(b, ir_operand(n, 0));
    orion_ir_value m = orion_ir_reduce_max(b, x, axes->ints, axes->count, 1);
    m = orion_ir_max(b, m, ir_number(b, m, lowest(ORION_IR_F32)));
    m = orion_ir_min(b, m, ir_number(b, m, -lowest(ORION_IR_F32)));
    orion_ir_value e = orion_ir_exp(b, orion_ir_sub(b, x, m));
    orion_ir_value sum = orion_ir_reduce_sum(b, e, axes->ints, axes->count, keep);
    m = ir_reshape_to(b, m, out.dims, out.rank);
    return finish(b, n, orion_ir_add(b, orion_ir_log(b, sum), m));
}

orion_ir_value ir_one_hot(orion_ir_builder *b, const orion_ir_node *cross_entropy) {
    orion_ir_type logits = ir_type_of(b, ir_operand(cross_entropy, 0));
    orion_ir_value target = IR_RESHAPE(b, ir_operand(cross_entropy, 1), logits.dims[0], 1);
    return orion_ir_equal(b, target, ir_iota(b, logits.dims[1]));
}

orion_ir_value ir_counted_rows(orion_ir_builder *b, const orion_ir_node *cross_entropy) {
    orion_ir_value target = ir_operand(cross_entropy, 1);
    orion_ir_value counts = orion_ir_less_equal(b, ir_number(b, target, 0), target);
    return orion_ir_cast(b, counts, ORION_IR_F32);
}

orion_ir_value ir_row_count(orion_ir_builder *b, orion_ir_value counted) {
    orion_ir_value n = orion_ir_reduce_sum(b, counted, (const int64_t[]){0}, 1, 0);
    return orion_ir_max(b, n, ir_number(b, n, 1));
}

/* A negative target equals no class, so its row adds nothing to the sum. */
static orion_ir_value decompose_cross_entropy(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value log_p = log_softmax(b, ir_operand(n, 0), 1);
    orion_ir_value hit = ir_one_hot(b, n), zero = ir_number(b, log_p, 0);
    orion_ir_value picked = orion_ir_select(b, hit, log_p, zero);
    orion_ir_value total = orion_ir_reduce_sum(b, picked, (const int64_t[]){0, 1}, 2, 0);
    orion_ir_value count = ir_row_count(b, ir_counted_rows(b, n));
    return finish(b, n, orion_ir_neg(b, orion_ir_div(b, total, count)));
}

/* ---- elementwise ---- */

static orion_ir_value decompose_clip(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_operand(n, 0);
    x = orion_ir_max(b, x, ir_number(b, x, attr_float(n, IR_ATTR(clip, low))));
    return orion_ir_min(b, x, ir_number(b, x, attr_float(n, IR_ATTR(clip, high))));
}

static orion_ir_value decompose_silu(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_widen(b, ir_operand(n, 0));
    return finish(b, n, orion_ir_mul(b, x, orion_ir_sigmoid(b, x)));
}

static orion_ir_value decompose_gelu(orion_ir_builder *b, const orion_ir_node *n) {
    const double pi = 3.14159265358979323846;
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), s;
    if (attr_bool(n, IR_ATTR(gelu, tanh_approximation))) {
        orion_ir_value cubic = ir_offset(b, ir_scale(b, ir_square(b, x), 0.044715), 1);
        s = orion_ir_tanh(b, ir_scale(b, orion_ir_mul(b, x, cubic), sqrt(2 / pi)));
    } else {
        s = orion_ir_erf(b, ir_scale(b, x, 1 / sqrt(2)));
    }
    orion_ir_value half = ir_scale(b, x, 0.5), weight = ir_offset(b, s, 1);
    return finish(b, n, orion_ir_mul(b, half, weight));
}

/* ---- linear, embedding, norms ---- */

/* One product of [rows, K], however many leading dims x has. */
static orion_ir_value decompose_linear(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_type w = ir_type_of(b, ir_operand(n, 1));
    orion_ir_type out = ir_type_of(b, ir_first_result(n));
    orion_ir_value x = IR_RESHAPE(b, ir_operand(n, 0), -1, w.dims[1]);
    orion_ir_value y = orion_ir_matmul(b, x, ir_operand(n, 1), 0, 1);
    if (n->n_in == 3) y = orion_ir_add(b, y, ir_operand(n, 2));
    return ir_reshape_to(b, y, out.dims, out.rank);
}

static orion_ir_value decompose_embedding(orion_ir_builder *b, const orion_ir_node *n) {
    return orion_ir_build2(b, ORION_IR_OP_gather, ir_operand(n, 1), ir_operand(n, 0));
}

/* x / sqrt(mean(x^2) + epsilon) over the last axis. */
static orion_ir_value over_rms(orion_ir_builder *b, orion_ir_value x, double epsilon) {
    orion_ir_value mean = ir_reduce_axis(b, ORION_IR_OP_reduce_mean, ir_square(b, x), -1);
    return orion_ir_mul(b, x, orion_ir_rsqrt(b, ir_offset(b, mean, epsilon)));
}

static orion_ir_value decompose_rms_norm(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), gamma = ir_widen(b, ir_operand(n, 1));
    orion_ir_value y = over_rms(b, x, attr_float(n, IR_ATTR(rms_norm, epsilon)));
    return finish(b, n, orion_ir_mul(b, y, gamma));
}

static orion_ir_value decompose_layer_norm(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), gamma = ir_widen(b, ir_operand(n, 1));
    orion_ir_value beta = ir_widen(b, ir_operand(n, 2));
    x = orion_ir_sub(b, x, ir_reduce_axis(b, ORION_IR_OP_reduce_mean, x, -1));
    orion_ir_value y = over_rms(b, x, attr_float(n, IR_ATTR(layer_norm, epsilon)));
    return finish(b, n, orion_ir_add(b, orion_ir_mul(b, y, gamma), beta));
}

/* ---- rope ---- */

/* f32 [T, D/2]: position[t] * theta^(-j / (D/2)). */
static orion_ir_value rope_angles(orion_ir_builder *b, const orion_ir_node *n, int64_t half) {
    orion_ir_value position = orion_ir_cast(b, ir_operand(n, 1), ORION_IR_F32);
    orion_ir_value j = orion_ir_cast(b, ir_iota(b, half), ORION_IR_F32);
    orion_ir_value exponent = orion_ir_div(b, j, ir_number(b, j, -(double)half));
    orion_ir_value theta = ir_number(b, j, attr_float(n, IR_ATTR(rope, theta)));
    orion_ir_value frequency = orion_ir_pow(b, theta, exponent);
    return orion_ir_mul(b, IR_RESHAPE(b, position, -1, 1), frequency);
}

/*
 * The partners of all pairs lie along one axis of extent 2: the last if they are neighbours, the
 * one before if they are halves. Cut there, turn, join again. Leading dims are collapsed, for the
 * new axis must not lead past the highest rank.
 */
static orion_ir_value decompose_rope(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_operand(n, 0);
    orion_ir_type type = ir_type_of(b, x);
    if (type.rank == 0) return (orion_ir_value){0};
    int64_t t = type.dims[type.rank - 2], half = type.dims[type.rank - 1] / 2;
    bool neighbours = attr_bool(n, IR_ATTR(rope, interleaved));
    int64_t axis = neighbours ? 3 : 2;
    orion_ir_value angle = rope_angles(b, n, half);
    orion_ir_value c = orion_ir_cos(b, angle), s = orion_ir_sin(b, angle);
    if (neighbours) {
        x = IR_RESHAPE(b, x, -1, t, half, 2);
        c = IR_RESHAPE(b, c, t, half, 1);
        s = IR_RESHAPE(b, s, t, half, 1);
    } else {
        x = IR_RESHAPE(b, x, -1, t, 2, half);
        c = IR_RESHAPE(b, c, t, 1, half);
        s = IR_RESHAPE(b, s, t, 1, half);
    }
    if (attr_bool(n, IR_ATTR(rope, inverse))) s = orion_ir_neg(b, s);
    orion_ir_attr cut[] = {orion_ir_attr_int("axis", axis),
                           orion_ir_attr_ints("sizes", (const int64_t[]){1, 1}, 2)};
    x = ir_widen(b, x);
    orion_ir_value first = orion_ir_build(b, ORION_IR_OP_split, &x, 1, cut, 2);
    orion_ir_value second = orion_ir_result(b, first, 1);
    orion_ir_value cos_first = orion_ir_mul(b, first, c), sin_first = orion_ir_mul(b, first, s);
    orion_ir_value cos_second = orion_ir_mul(b, second, c), sin_second = orion_ir_mul(b, second, s);
    orion_ir_value turned = orion_ir_sub(b, cos_first, sin_second);
    orion_ir_value y = ir_join(b, turned, orion_ir_add(b, sin_first, cos_second), axis);
    return finish(b, n, ir_reshape_to(b, y, type.dims, type.rank));
}

/* ---- attention ---- */

/* bool [T, S]: row t sees key s, as position or causal says. No value if it sees all. */
static orion_ir_value visible_keys(orion_ir_builder *b, const orion_ir_node *attention) {
    int64_t t = ir_type_of(b, ir_operand(attention, 0)).dims[2];
    int64_t s = ir_type_of(b, ir_operand(attention, 1)).dims[2];
    orion_ir_value last; /* key that a row sees */
    if (attention->n_in == 4 && ir_type_of(b, ir_operand(attention, 3)).rank == 1) {
        last = ir_operand(attention, 3);
    } else if (attr_bool(attention, IR_ATTR(attention, causal))) {
        last = ir_iota(b, t);
        if (s != t) last = ir_offset(b, last, (double)(s - t));
    } else {
        return (orion_ir_value){0};
    }
    orion_ir_value key = ir_iota(b, s);
    return orion_ir_less_equal(b, key, IR_RESHAPE(b, last, t, 1));
}

/* The scores as [B, G, (R,) T, S], with what rows do not see at the lowest number, and with a mask
 * that is added. */
static orion_ir_value mask_scores(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value score,
                                  int64_t groups, int64_t r) {
    orion_ir_value visible = visible_keys(b, n);
    orion_ir_type type = ir_type_of(b, score); /* [B, G, R*T, S] */
    int64_t t = type.dims[2] / r;
    if (r != 1) score = IR_RESHAPE(b, score, type.dims[0], groups, r, t, type.dims[3]);
    orion_ir_value low = ir_number(b, score, lowest(ir_dtype_of(b, score)));
    if (n->n_in == 4 && ir_type_of(b, ir_operand(n, 3)).rank == 4) {
        orion_ir_value mask = ir_operand(n, 3);
        const int64_t *m = ir_val(b->graph, mask.id)->type.dims;
        bool shared = m[1] == 1;
        if (r != 1)
            mask = IR_RESHAPE(b, mask, m[0], shared ? 1 : groups, shared ? 1 : r, m[2], m[3]);
        score = ir_dtype_of(b, mask) == ORION_IR_BOOL ? orion_ir_select(b, mask, score, low)
                                                      : orion_ir_add(b, score, mask);
    }
    return visible.id == 0 ? score : orion_ir_select(b, visible, score, low);
}

/*
 * The R query heads that read one key head lie behind each other, so [B, G*R, T, D] is, without
 * moving anything, [B, G, R*T, D]: one product per key head, and in the gradient of k and v the sum
 * over the query heads is part of the product. Only the mask wants R and T apart.
 */
orion_ir_value ir_expand_attention(orion_ir_builder *b, const orion_ir_node *n,
                                   bool whole_softmax) {
    orion_ir_value q = ir_operand(n, 0), k = ir_operand(n, 1), v = ir_operand(n, 2);
    orion_ir_type qt = ir_type_of(b, q), kt = ir_type_of(b, k),
                  out = ir_type_of(b, ir_first_result(n));
    if (out.rank == 0) return (orion_ir_value){0};
    int64_t batch = qt.dims[0], groups = kt.dims[1], r = qt.dims[1] / groups;
    int64_t t = qt.dims[2], s = kt.dims[2], d = qt.dims[3];
    double scale = attr_float(n, IR_ATTR(attention, scale));
    q = ir_scale(b, q, scale == 0 ? 1 / sqrt((double)d) : scale);
    q = IR_RESHAPE(b, q, batch, groups, r * t, d);
    orion_ir_value score = orion_ir_matmul(b, q, k, 0, 1);
    if (n->n_in == 4 || attr_bool(n, IR_ATTR(attention, causal)))
        score = mask_scores(b, n, score, groups, r);
    orion_ir_value p = whole_softmax ? orion_ir_softmax(b, score, -1) : softmax(b, score, -1);
    p = IR_RESHAPE(b, p, batch, groups, r * t, s);
    return ir_reshape_to(b, orion_ir_matmul(b, p, v, 0, 0), out.dims, out.rank);
}

static orion_ir_value decompose_attention(orion_ir_builder *b, const orion_ir_node *n) {
    return ir_expand_attention(b, n, false);
}

/* ---- all model ops ---- */

static orion_ir_value single_result(orion_ir_builder *b, const orion_ir_node *n) {
    switch ((orion_ir_op)n->op) {
    case ORION_IR_OP_softmax: return decompose_softmax(b, n);
    case ORION_IR_OP_log_softmax: return decompose_log_softmax(b, n);
    case ORION_IR_OP_reduce_logsumexp: return decompose_reduce_logsumexp(b, n);
    case ORION_IR_OP_clip: return decompose_clip(b, n);
    case ORION_IR_OP_silu: return decompose_silu(b, n);
    case ORION_IR_OP_gelu: return decompose_gelu(b, n);
    case ORION_IR_OP_linear: return decompose_linear(b, n);
    case ORION_IR_OP_embedding: return decompose_embedding(b, n);
    case ORION_IR_OP_rms_norm: return decompose_rms_norm(b, n);
    case ORION_IR_OP_layer_norm: return decompose_layer_norm(b, n);
    case ORION_IR_OP_rope: return decompose_rope(b, n);
    case ORION_IR_OP_attention: return decompose_attention(b, n);
    case ORION_IR_OP_cross_entropy: return decompose_cross_entropy(b, n);
    case ORION_IR_OP_max_pool: return ir_decompose_max_pool(b, n);
    case ORION_IR_OP_avg_pool: return ir_decompose_avg_pool(b, n);
    case ORION_IR_OP_quantize: return ir_decompose_quantize(b, n);
    case ORION_IR_OP_dequantize: return ir_decompose_dequantize(b, n);
    default: return (orion_ir_value){0};
    }
}

void ir_decompose(orion_ir_builder *b, const orion_ir_node *n,
                  orion_ir_value out[IR_MODEL_RESULTS_MAX]) {
    if (n->op == ORION_IR_OP_lstm) {
        ir_decompose_lstm(b, n, out);
    } else {
        out[0] = single_result(b, n);
    }
}
