/* SPDX-License-Identifier: MIT */
/* Model ops of the reference interpreter, each written down as its row in ir-ops.def says it. */
#include "eval-internal.h"

#include <math.h>

static double attr_float(const ir_eval *e, int at) {
    return e->node->attrs[at].f;
}

static bool attr_bool(const ir_eval *e, int at) {
    return e->node->attrs[at].i != 0;
}

/* ---- elementwise ---- */

static double silu(double x) {
    return x / (1 + exp(-x));
}

static double gelu_exact(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}

static double gelu_tanh(double x) {
    const double pi = 3.14159265358979323846;
    return 0.5 * x * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x)));
}

static void map(ir_eval *e, double (*f)(double)) {
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    for (int64_t i = 0; i < count; i++) ir_eval_out(e, 0)[i] = f(ir_eval_in(e, 0)[i]);
}

static orion_status eval_clip(ir_eval *e) {
    double low = attr_float(e, IR_ATTR(clip, low)), high = attr_float(e, IR_ATTR(clip, high));
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    for (int64_t i = 0; i < count; i++) {
        double x = ir_eval_in(e, 0)[i];
        ir_eval_out(e, 0)[i] = x < low ? low : x > high ? high : x;
    }
    return ORION_OK;
}

static orion_status eval_silu(ir_eval *e) {
    map(e, silu);
    return ORION_OK;
}

static orion_status eval_gelu(ir_eval *e) {
    map(e, attr_bool(e, IR_ATTR(gelu, tanh_approximation)) ? gelu_tanh : gelu_exact);
    return ORION_OK;
}

/* ---- softmax family ---- */

/* n numbers, `step` apart. */
static double largest(const double *x, int64_t n, int64_t step) {
    double max = x[0];
    for (int64_t i = 1; i < n; i++) {
        double v = x[i * step];
        if (isnan(v) || v > max) max = v;
    }
    return max;
}

/* The sum of exp(x - max). */
static double sum_exp(const double *x, int64_t n, int64_t step, double max) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += exp(x[i * step] - max);
    return sum;
}

static void softmax(const double *x, double *y, int64_t n, int64_t step) {
    double max = largest(x, n, step), sum = sum_exp(x, n, step, max);
    for (int64_t i = 0; i < n; i++) y[i * step] = exp(x[i * step] - max) / sum;
}

static void log_softmax(const double *x, double *y, int64_t n, int64_t step) {
    double max = largest(x, n, step), total = log(sum_exp(x, n, step, max));
    for (int64_t i = 0; i < n; i++) y[i * step] = x[i * step] - max - total;
}

static orion_status over_axis(ir_eval *e,
                              void (*f)(const double *x, double *y, int64_t n, int64_t step)) {
    int64_t axis = e->node->attrs[IR_ATTR(softmax, axis)].i;
    ir_eval_lines lines = ir_eval_lines_of(ir_eval_in_type(e, 0), axis);
    for (int64_t o = 0; o < lines.outer; o++) {
        for (int64_t p = 0; p < lines.inner; p++) {
            int64_t at = o * lines.n * lines.inner + p;
            f(ir_eval_in(e, 0) + at, ir_eval_out(e, 0) + at, lines.n, lines.inner);
        }
    }
    return ORION_OK;
}

static orion_status eval_softmax(ir_eval *e) {
    return over_axis(e, softmax);
}

static orion_status eval_log_softmax(ir_eval *e) {
    return over_axis(e, log_softmax);
}

/* log(e^x + e^y) */
static double log_add(double x, double y) {
    if (x == y) return x + log(2); /* two infinities, too */
    return (x > y ? x : y) + log1p(exp(-fabs(x - y)));
}

static orion_status eval_reduce_logsumexp(ir_eval *e) {
    ir_eval_reduce(e, log_add, -INFINITY);
    return ORION_OK;
}

static orion_status eval_cross_entropy(ir_eval *e) {
    const orion_ir_type *logits = ir_eval_in_type(e, 0);
    int64_t rows = logits->dims[0], n = logits->dims[1], counted = 0;
    double total = 0;
    for (int64_t r = 0; r < rows; r++) {
        int64_t target;
        TRY(ir_eval_index(e, 1, r, INT32_MIN, n, &target));
        if (target < 0) continue;
        const double *x = ir_eval_in(e, 0) + r * n;
        double max = largest(x, n, 1);
        total += log(sum_exp(x, n, 1, max)) - (x[target] - max);
        counted++;
    }
    ir_eval_out(e, 0)[0] = counted == 0 ? 0 : total / (double)counted;
    return ORION_OK;
}

/* ---- linear, embedding, norms ---- */

static orion_status eval_linear(ir_eval *e) {
    const orion_ir_type *x = ir_eval_in_type(e, 0), *w = ir_eval_in_type(e, 1);
    int64_t n = w->dims[0], k = w->dims[1], rows = orion_ir_type_elements(x) / k;
    ir_eval_product p = {.out = ir_eval_out(e, 0),
                         .x = ir_eval_in(e, 0),
                         .y = ir_eval_in(e, 1),
                         .m = rows,
                         .n = n,
                         .k = k,
                         .x_row = k,
                         .x_step = 1,
                         .y_row = k,
                         .y_step = 1};
    ir_eval_multiply(&p);
    for (int64_t i = 0; e->node->n_in == 3 && i < rows * n; i++)
        p.out[i] += ir_eval_in(e, 2)[i % n];
    return ORION_OK;
}

static orion_status eval_embedding(ir_eval *e) {
    const orion_ir_type *table = ir_eval_in_type(e, 1);
    int64_t count = orion_ir_type_elements(ir_eval_in_type(e, 0)), d = table->dims[1];
    for (int64_t i = 0; i < count; i++) {
        int64_t row;
        TRY(ir_eval_index(e, 0, i, 0, table->dims[0], &row));
        memcpy(ir_eval_out(e, 0) + i * d, ir_eval_in(e, 1) + row * d, (size_t)d * sizeof(double));
    }
    return ORION_OK;
}

static orion_status eval_rms_norm(ir_eval *e) {
    int64_t d = ir_eval_in_type(e, 1)->dims[0];
    int64_t rows = orion_ir_type_elements(ir_eval_in_type(e, 0)) / d;
    double epsilon = attr_float(e, IR_ATTR(rms_norm, epsilon));
    const double *gamma = ir_eval_in(e, 1);
    for (int64_t r = 0; r < rows; r++) {
        const double *x = ir_eval_in(e, 0) + r * d;
        double square = 0;
        for (int64_t i = 0; i < d; i++) square += x[i] * x[i];
        double rms = sqrt(square / (double)d + epsilon);
        for (int64_t i = 0; i < d; i++) ir_eval_out(e, 0)[r * d + i] = x[i] / rms * gamma[i];
    }
    return ORION_OK;
}

static orion_status eval_layer_norm(ir_eval *e) {
    int64_t d = ir_eval_in_type(e, 1)->dims[0];
    int64_t rows = orion_ir_type_elements(ir_eval_in_type(e, 0)) / d;
    double epsilon = attr_float(e, IR_ATTR(layer_norm, epsilon));
    const double *gamma = ir_eval_in(e, 1), *beta = ir_eval_in(e, 2);
    for (int64_t r = 0; r < rows; r++) {
        const double *x = ir_eval_in(e, 0) + r * d;
        double *y = ir_eval_out(e, 0) + r * d, mean = 0, variance = 0;
        for (int64_t i = 0; i < d; i++) mean += x[i] / (double)d;
        for (int64_t i = 0; i < d; i++) variance += (x[i] - mean) * (x[i] - mean) / (double)d;
        double deviation = sqrt(variance + epsilon);
        for (int64_t i = 0; i < d; i++) y[i] = (x[i] - mean) / deviation * gamma[i] + beta[i];
    }
    return ORION_OK;
}

/* ---- rope and attention ---- */

static orion_status eval_rope(ir_eval *e) {
    const orion_ir_type *type = ir_eval_in_type(e, 0);
    int64_t d = type->dims[type->rank - 1], t_count = type->dims[type->rank - 2], half = d / 2;
    int64_t rows = orion_ir_type_elements(type) / d;
    double theta = attr_float(e, IR_ATTR(rope, theta));
    bool interleaved = attr_bool(e, IR_ATTR(rope, interleaved));
    double direction = attr_bool(e, IR_ATTR(rope, inverse)) ? -1 : 1;
    for (int64_t r = 0; r < rows; r++) {
        const double *x = ir_eval_in(e, 0) + r * d;
        double *y = ir_eval_out(e, 0) + r * d, position = ir_eval_in(e, 1)[r % t_count];
        for (int64_t j = 0; j < half; j++) {
            int64_t a = interleaved ? 2 * j : j, b = interleaved ? 2 * j + 1 : j + half;
            double angle = direction * position * pow(theta, -2 * (double)j / (double)d);
            y[a] = x[a] * cos(angle) - x[b] * sin(angle);
            y[b] = x[a] * sin(angle) + x[b] * cos(angle);
        }
    }
    return ORION_OK;
}

typedef struct attention {
    int64_t batch, heads, groups, rows, keys, d, v_d;
    double scale;
} attention;

static attention attention_of(const ir_eval *e) {
    const int64_t *q = ir_eval_in_type(e, 0)->dims, *v = ir_eval_in_type(e, 2)->dims;
    double scale = attr_float(e, IR_ATTR(attention, scale));
    return (attention){.batch = q[0],
                       .heads = q[1],
                       .groups = v[1],
                       .rows = q[2],
                       .keys = v[2],
                       .d = q[3],
                       .v_d = v[3],
                       .scale = scale == 0 ? 1 / sqrt((double)q[3]) : scale};
}

/* How many of the keys row t sees. */
static orion_status visible_keys(const ir_eval *e, const attention *s, int64_t t, int64_t *out) {
    int64_t last = s->keys - 1;
    if (e->node->n_in == 4 && ir_eval_in_type(e, 3)->rank == 1) {
        TRY(ir_eval_index(e, 3, t, 0, INT32_MAX + (int64_t)1, &last));
    } else if (attr_bool(e, IR_ATTR(attention, causal))) {
        last = t + s->keys - s->rows;
    }
    *out = ORN_MIN(last + 1, s->keys);
    return ORION_OK;
}

/* A row of a mask: its first element, and how far the next one is. */
typedef struct mask_row {
    const double *at; /* NULL: there is none */
    int64_t step;
    bool hides; /* 0 hides a key; else the mask is added */
} mask_row;

static mask_row row_of_mask(const ir_eval *e, const attention *s, int64_t head, int64_t t) {
    if (e->node->n_in != 4 || ir_eval_in_type(e, 3)->rank != 4) return (mask_row){NULL, 0, false};
    const orion_ir_type *type = ir_eval_in_type(e, 3);
    const int64_t index[] = {head / s->heads, head % s->heads, t};
    int64_t at = 0;
    for (uint32_t d = 0; d < 3; d++) at = at * type->dims[d] + (type->dims[d] == 1 ? 0 : index[d]);
    return (mask_row){.at = ir_eval_in(e, 3) + at * type->dims[3],
                      .step = type->dims[3] != 1,
                      .hides = type->dtype == ORION_IR_BOOL};
}

/* Scores of keys that are hidden: finite, so that a row which sees none weighs all alike. */
static const double hidden = -1e300;

/* With a mask, keys that a row does not see are hidden ones, too. */
static void apply_mask(const mask_row *m, int64_t keys, int64_t seen, double *p) {
    for (int64_t i = 0; i < keys; i++) {
        double v = m->at[i * m->step];
        if (!m->hides) p[i] += v;
        if (i >= seen || (m->hides && v == 0)) p[i] = hidden;
    }
}

/* One row of one head: weights over the `seen` first keys into p, their mean of v into y. */
static void attend(const attention *s, const double *q, const double *k, const double *v,
                   const mask_row *mask, int64_t seen, double *p, double *y) {
    int64_t keys = mask->at == NULL ? seen : s->keys;
    for (int64_t i = 0; i < keys; i++) {
        p[i] = 0;
        for (int64_t j = 0; j < s->d; j++) p[i] += q[j] * k[i * s->d + j];
        p[i] *= s->scale;
    }
    if (mask->at != NULL) apply_mask(mask, keys, seen, p);
    seen = keys;
    softmax(p, p, seen, 1);
    for (int64_t j = 0; j < s->v_d; j++) {
        y[j] = 0;
        for (int64_t i = 0; i < seen; i++) y[j] += p[i] * v[i * s->v_d + j];
    }
}

static orion_status attend_all(ir_eval *e, const attention *s, double *p) {
    const double *q = ir_eval_in(e, 0);
    double *y = ir_eval_out(e, 0);
    for (int64_t head = 0; head < s->batch * s->heads; head++) {
        int64_t group = head / s->heads * s->groups + head % s->heads * s->groups / s->heads;
        const double *k = ir_eval_in(e, 1) + group * s->keys * s->d;
        const double *v = ir_eval_in(e, 2) + group * s->keys * s->v_d;
        for (int64_t t = 0; t < s->rows; t++, q += s->d, y += s->v_d) {
            int64_t seen;
            TRY(visible_keys(e, s, t, &seen));
            mask_row mask = row_of_mask(e, s, head, t);
            attend(s, q, k, v, &mask, seen, p, y);
        }
    }
    return ORION_OK;
}

static orion_status eval_attention(ir_eval *e) {
    const orion_allocator *a = &e->graph->arena.allocator;
    attention s = attention_of(e);
    size_t bytes = (size_t)s.keys * sizeof(double); /* keys < 2^31 */
    double *p = orn_alloc(a, bytes);
    if (p == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = attend_all(e, &s, p);
    orn_free(a, p, bytes);
    return status;
}

/* ---- all model ops ---- */

orion_status ir_eval_model(ir_eval *e) {
    switch ((orion_ir_op)e->node->op) {
    case ORION_IR_OP_softmax: return eval_softmax(e);
    case ORION_IR_OP_log_softmax: return eval_log_softmax(e);
    case ORION_IR_OP_reduce_logsumexp: return eval_reduce_logsumexp(e);
    case ORION_IR_OP_clip: return eval_clip(e);
    case ORION_IR_OP_silu: return eval_silu(e);
    case ORION_IR_OP_gelu: return eval_gelu(e);
    case ORION_IR_OP_linear: return eval_linear(e);
    case ORION_IR_OP_embedding: return eval_embedding(e);
    case ORION_IR_OP_rms_norm: return eval_rms_norm(e);
    case ORION_IR_OP_layer_norm: return eval_layer_norm(e);
    case ORION_IR_OP_rope: return eval_rope(e);
    case ORION_IR_OP_attention: return eval_attention(e);
    case ORION_IR_OP_cross_entropy: return eval_cross_entropy(e);
    case ORION_IR_OP_max_pool:
    case ORION_IR_OP_avg_pool: return ir_eval_pool(e);
    case ORION_IR_OP_lstm: return ir_eval_lstm(e);
    case ORION_IR_OP_quantize:
    case ORION_IR_OP_dequantize: return ir_eval_quantize(e);
    default: return ORION_OK;
    }
}
