/* SPDX-License-Identifier: MIT */
/*
 * Gradient rules of the model ops.
 *
 * The forward ops stay whole. What a rule needs of their insides it computes again where that is a
 * row's worth of arithmetic (the rms, the probabilities of the loss), and shares where it is a
 * product (attention, whose parts replace it in the forward graph). Rules are written so that one
 * tensor-sized pass after a reduction suffices. 16-bit floats are widened as in the decompositions.
 */
#include "grad-internal.h"

#include <math.h>

static const double pi = 3.14159265358979323846;

/* ---- softmax family ---- */

/* y (g - sum(g y)) */
static void grad_softmax(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    int64_t axis = n->attrs[IR_ATTR(softmax, axis)].i;
    orion_ir_value y = ir_widen(b, ir_first_result(n)), g = ir_widen(b, ir_grad_of(c, n, 0));
    orion_ir_value dot = ir_reduce_axis(b, ORION_IR_OP_reduce_sum, orion_ir_mul(b, g, y), axis);
    ir_grad_add(c, n, 0, orion_ir_mul(b, y, orion_ir_sub(b, g, dot)));
}

/* g - exp(y) sum(g) */
static void grad_log_softmax(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    int64_t axis = n->attrs[IR_ATTR(log_softmax, axis)].i;
    orion_ir_value y = ir_widen(b, ir_first_result(n)), g = ir_widen(b, ir_grad_of(c, n, 0));
    orion_ir_value sum = ir_reduce_axis(b, ORION_IR_OP_reduce_sum, g, axis);
    ir_grad_add(c, n, 0, orion_ir_sub(b, g, orion_ir_mul(b, orion_ir_exp(b, y), sum)));
}

/* g exp(x - y) */
static void grad_reduce_logsumexp(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value g = ir_grad_keep_axes(b, n, ir_widen(b, ir_grad_of(c, n, 0)));
    orion_ir_value y = ir_grad_keep_axes(b, n, ir_widen(b, ir_first_result(n)));
    orion_ir_value share = orion_ir_exp(b, orion_ir_sub(b, ir_widen(b, ir_operand(n, 0)), y));
    ir_grad_add(c, n, 0, orion_ir_mul(b, g, share));
}

/* (softmax - one hot) g / count, in rows that count. */
static void grad_cross_entropy(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value p = orion_ir_softmax(b, ir_widen(b, ir_operand(n, 0)), 1);
    orion_ir_value counted = ir_counted_rows(b, n), g = ir_widen(b, ir_grad_of(c, n, 0));
    orion_ir_value each = orion_ir_div(b, g, ir_row_count(b, counted));
    orion_ir_value weight = IR_RESHAPE(b, orion_ir_mul(b, counted, each), -1, 1);
    orion_ir_value hit = ir_one_hot(b, n), less = ir_offset(b, p, -1);
    orion_ir_value difference = orion_ir_select(b, hit, less, p);
    ir_grad_add(c, n, 0, orion_ir_mul(b, difference, weight));
}

/* ---- elementwise ---- */

/* g within the bounds and on them. */
static void grad_clip(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value x = ir_operand(n, 0), g = ir_grad_of(c, n, 0);
    orion_ir_value low = ir_number(b, x, n->attrs[IR_ATTR(clip, low)].f);
    orion_ir_value high = ir_number(b, x, n->attrs[IR_ATTR(clip, high)].f);
    orion_ir_value above = orion_ir_less_equal(b, low, x), below = orion_ir_less_equal(b, x, high);
    orion_ir_value inside = orion_ir_logical_and(b, above, below);
    ir_grad_add(c, n, 0, orion_ir_select(b, inside, g, ir_number(b, g, 0)));
}

/* g s (1 + x (1 - s)), s = sigmoid(x) */
static orion_ir_value grad_silu(const ir_grad_point *p) {
    orion_ir_builder *b = p->b;
    orion_ir_value x = ir_widen(b, p->x), g = ir_widen(b, p->g), s = orion_ir_sigmoid(b, x);
    orion_ir_value rest = orion_ir_sub(b, ir_number(b, s, 1), s);
    orion_ir_value slope = orion_ir_mul(b, s, ir_offset(b, orion_ir_mul(b, x, rest), 1));
    return orion_ir_mul(b, g, slope);
}

/* g (cdf + x pdf), cdf = (1 + erf(x / sqrt 2)) / 2, pdf = exp(-x^2 / 2) / sqrt(2 pi) */
static orion_ir_value gelu_slope(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_value erf = orion_ir_erf(b, ir_scale(b, x, 1 / sqrt(2)));
    orion_ir_value cdf = ir_offset(b, ir_scale(b, erf, 0.5), 0.5);
    orion_ir_value bell = orion_ir_exp(b, ir_scale(b, ir_square(b, x), -0.5));
    orion_ir_value pdf = ir_scale(b, bell, 1 / sqrt(2 * pi));
    return orion_ir_add(b, cdf, orion_ir_mul(b, x, pdf));
}

/* y = x (1 + t) / 2, t = tanh(k (x + a x^3)): (1 + t + x (1 - t^2) k (1 + 3 a x^2)) / 2 */
static orion_ir_value gelu_tanh_slope(orion_ir_builder *b, orion_ir_value x) {
    const double k = sqrt(2 / pi), a = 0.044715;
    orion_ir_value square = ir_square(b, x);
    orion_ir_value inner = orion_ir_mul(b, x, ir_offset(b, ir_scale(b, square, k * a), k));
    orion_ir_value t = orion_ir_tanh(b, inner);
    orion_ir_value one = ir_number(b, t, 1), bend = orion_ir_sub(b, one, ir_square(b, t));
    orion_ir_value steep = ir_offset(b, ir_scale(b, square, 3 * k * a), k);
    orion_ir_value rest = orion_ir_mul(b, orion_ir_mul(b, x, bend), steep);
    return ir_scale(b, orion_ir_add(b, ir_offset(b, t, 1), rest), 0.5);
}

static void grad_gelu(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    bool tanh_form = n->attrs[IR_ATTR(gelu, tanh_approximation)].i != 0;
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), g = ir_widen(b, ir_grad_of(c, n, 0));
    ir_grad_add(c, n, 0, orion_ir_mul(b, g, tanh_form ? gelu_tanh_slope(b, x) : gelu_slope(b, x)));
}

/* ---- linear, embedding, norms ---- */

/* Three products at most, each over [rows, .], however many leading dims x has. */
static void grad_linear(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_type x = ir_type_of(b, ir_operand(n, 0)), w = ir_type_of(b, ir_operand(n, 1));
    orion_ir_value g = IR_RESHAPE(b, ir_grad_of(c, n, 0), -1, w.dims[0]);
    if (ir_grad_wants(c, n, 0)) {
        orion_ir_value dx = orion_ir_matmul(b, g, ir_operand(n, 1), 0, 0);
        ir_grad_add(c, n, 0, ir_reshape_to(b, dx, x.dims, x.rank));
    }
    if (ir_grad_wants(c, n, 1)) {
        orion_ir_value rows = IR_RESHAPE(b, ir_operand(n, 0), -1, w.dims[1]);
        ir_grad_add(c, n, 1, orion_ir_matmul(b, g, rows, 1, 0));
    }
    if (n->n_in == 3) ir_grad_add(c, n, 2, g);
}

static void grad_embedding(ir_grad *c, const orion_ir_node *n) {
    ir_grad_scatter(c, n, 1, ir_grad_of(c, n, 0), ir_operand(n, 0));
}

/*
 * y = x r gamma (+ beta), r = 1 / sqrt(mean(x^2) + epsilon), where layer_norm has x - mean(x) for
 * x. With h = g gamma: dx = r (h - x r^2 mean(h x)), and layer_norm takes the mean of h off too,
 * which is the gradient of taking off the mean. dgamma = sum(g x r), dbeta = sum(g).
 */
static void grad_norm(ir_grad *c, const orion_ir_node *n, double epsilon, bool centred) {
    orion_ir_builder *b = &c->b;
    const orion_ir_op mean = ORION_IR_OP_reduce_mean;
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), gamma = ir_widen(b, ir_operand(n, 1));
    orion_ir_value g = ir_widen(b, ir_grad_of(c, n, 0));
    if (centred) {
        x = orion_ir_sub(b, x, ir_reduce_axis(b, mean, x, -1));
        ir_grad_add(c, n, 2, g);
    }
    orion_ir_value square = ir_reduce_axis(b, mean, ir_square(b, x), -1);
    orion_ir_value r = orion_ir_rsqrt(b, ir_offset(b, square, epsilon));
    if (ir_grad_wants(c, n, 0)) {
        orion_ir_value h = orion_ir_mul(b, g, gamma);
        orion_ir_value along = ir_reduce_axis(b, mean, orion_ir_mul(b, h, x), -1);
        orion_ir_value factor = orion_ir_mul(b, along, ir_square(b, r));
        if (centred) h = orion_ir_sub(b, h, ir_reduce_axis(b, mean, h, -1));
        orion_ir_value rest = orion_ir_sub(b, h, orion_ir_mul(b, x, factor));
        ir_grad_add(c, n, 0, orion_ir_mul(b, r, rest));
    }
    if (!ir_grad_wants(c, n, 1)) return;
    ir_grad_add(c, n, 1, orion_ir_mul(b, g, orion_ir_mul(b, x, r)));
}

static void grad_rms_norm(ir_grad *c, const orion_ir_node *n) {
    grad_norm(c, n, n->attrs[IR_ATTR(rms_norm, epsilon)].f, false);
}

static void grad_layer_norm(ir_grad *c, const orion_ir_node *n) {
    grad_norm(c, n, n->attrs[IR_ATTR(layer_norm, epsilon)].f, true);
}

/* ---- rope and attention ---- */

/* A rotation: its transpose turns the other way. */
static void grad_rope(ir_grad *c, const orion_ir_node *n) {
    ir_attr attrs[IR_ATTRS_MAX];
    const ir_op *op = ir_op_get(n->op);
    memcpy(attrs, n->attrs, op->info.attr_count * sizeof *attrs);
    attrs[IR_ATTR(rope, inverse)].i = !attrs[IR_ATTR(rope, inverse)].i;
    orion_ir_value in[] = {ir_grad_of(c, n, 0), ir_operand(n, 1)};
    ir_grad_add(c, n, 0, ir_emit(&c->b, op, in, 2, attrs));
}

static void expand_attention(orion_ir_builder *b, const orion_ir_node *n,
                             orion_ir_value out[IR_MODEL_RESULTS_MAX]) {
    out[0] = ir_expand_attention(b, n, true);
}

/* ---- the table ---- */

ir_grad_rule ir_grad_model(uint32_t op) {
    switch ((orion_ir_op)op) {
    case ORION_IR_OP_softmax: return (ir_grad_rule){.operands = 1, .general = grad_softmax};
    case ORION_IR_OP_log_softmax: return (ir_grad_rule){.operands = 1, .general = grad_log_softmax};
    case ORION_IR_OP_reduce_logsumexp:
        return (ir_grad_rule){.operands = 1, .general = grad_reduce_logsumexp};
    case ORION_IR_OP_clip: return (ir_grad_rule){.operands = 1, .general = grad_clip};
    case ORION_IR_OP_silu: return (ir_grad_rule){.operands = 1, .unary = grad_silu};
    case ORION_IR_OP_gelu: return (ir_grad_rule){.operands = 1, .general = grad_gelu};
    case ORION_IR_OP_linear: return (ir_grad_rule){.operands = 7, .general = grad_linear};
    case ORION_IR_OP_embedding: return (ir_grad_rule){.operands = 2, .general = grad_embedding};
    case ORION_IR_OP_rms_norm: return (ir_grad_rule){.operands = 3, .general = grad_rms_norm};
    case ORION_IR_OP_layer_norm: return (ir_grad_rule){.operands = 7, .general = grad_layer_norm};
    case ORION_IR_OP_rope: return (ir_grad_rule){.operands = 1, .general = grad_rope};
    case ORION_IR_OP_attention: return (ir_grad_rule){.operands = 15, .expand = expand_attention};
    case ORION_IR_OP_cross_entropy:
        return (ir_grad_rule){.operands = 1, .general = grad_cross_entropy};
    case ORION_IR_OP_max_pool:
    case ORION_IR_OP_avg_pool: return (ir_grad_rule){.operands = 1, .expand = ir_decompose};
    case ORION_IR_OP_lstm: return (ir_grad_rule){.operands = 63, .expand = ir_decompose};
    case ORION_IR_OP_dequantize: return (ir_grad_rule){.operands = 6, .expand = ir_decompose};
    default: return (ir_grad_rule){0};
    }
}
