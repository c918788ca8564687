/* SPDX-License-Identifier: MIT */
/*
 * Programs as coremltools leaves them: every parameter a const of its own, values named after the
 * tensors of the source framework. A decoder layer with a key-value cache in states, and the end of
 * an image classifier. Compared with loops in f64.
 */
#include "foreign-support.h"

#include <math.h>
#include <stdarg.h>

/* ---- a decoder layer of a language model: grouped queries, rotary halves, a cache of 6 rows ----
 */

enum { D = 8, HEADS = 4, GROUPS = 2, HD = 4, ROWS = 6, Q = HEADS * HD, KV = GROUPS * HD };

typedef struct layer {
    double norm[D], wq[Q * D], wk[KV * D], wv[KV * D], wo[D * Q], cos[ROWS * HD], sin[ROWS * HD];
    double k_cache[GROUPS * ROWS * HD], v_cache[GROUPS * ROWS * HD];
} layer;

static void draw(double *out, size_t n, uint64_t *seed) {
    for (size_t i = 0; i < n; i++) out[i] = floor(test_random_unit(seed) * 32) / 64;
}

static void linear(const double *x, const double *w, size_t rows, size_t columns, double *out) {
    for (size_t i = 0; i < rows; i++) {
        out[i] = 0;
        for (size_t k = 0; k < columns; k++) out[i] += w[i * columns + k] * x[k];
    }
}

/* The second half of a head, negated, comes first. */
static void rotate(double *heads, int count, const double *cos, const double *sin) {
    for (int h = 0; h < count; h++) {
        double turned[HD];
        for (int d = 0; d < HD; d++) {
            double other = d < HD / 2 ? -heads[h * HD + d + HD / 2] : heads[h * HD + d - HD / 2];
            turned[d] = heads[h * HD + d] * cos[d] + other * sin[d];
        }
        memcpy(heads + h * HD, turned, sizeof turned);
    }
}

/* One step at `position`; writes the caches and gives the new hidden state. */
static void step(layer *l, const double *x, int position, double *out) {
    double mean = 0, n[D], q[Q], k[KV], v[KV], a[Q];
    for (int i = 0; i < D; i++) mean += x[i] * x[i] / D;
    for (int i = 0; i < D; i++) n[i] = x[i] / sqrt(mean + 1e-5) * l->norm[i];
    linear(n, l->wq, Q, D, q);
    linear(n, l->wk, KV, D, k);
    linear(n, l->wv, KV, D, v);
    rotate(q, HEADS, l->cos + position * HD, l->sin + position * HD);
    rotate(k, GROUPS, l->cos + position * HD, l->sin + position * HD);
    for (int g = 0; g < GROUPS; g++) {
        memcpy(l->k_cache + (g * ROWS + position) * HD, k + g * HD, HD * sizeof *k);
        memcpy(l->v_cache + (g * ROWS + position) * HD, v + g * HD, HD * sizeof *v);
    }
    for (int h = 0; h < HEADS; h++) {
        const double *keys = l->k_cache + h / 2 * ROWS * HD,
                     *values = l->v_cache + h / 2 * ROWS * HD;
        double weights[ROWS], sum = 0;
        for (int t = 0; t <= position; t++) {
            double dot = 0;
            for (int d = 0; d < HD; d++) dot += q[h * HD + d] * keys[t * HD + d];
            sum += weights[t] = exp(dot * 0.5);
        }
        for (int d = 0; d < HD; d++) {
            a[h * HD + d] = 0;
            for (int t = 0; t <= position; t++)
                a[h * HD + d] += weights[t] / sum * values[t * HD + d];
        }
    }
    linear(a, l->wo, D, Q, out);
    for (int i = 0; i < D; i++) out[i] += x[i];
}

typedef struct writer {
    char text[16384];
    size_t n;
} writer;

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(w->text + w->n, sizeof w->text - w->n, fmt, args);
    va_end(args);
    assert_true(n > 0 && w->n + (size_t)n < sizeof w->text);
    w->n += (size_t)n;
}

static void put_weights(writer *w, const char *name, const char *shape, const double *v, size_t n) {
    put(w, "tensor<fp32, [%s]> %s = const()[name = string(\"%s\"), val = tensor<fp32, [%s]>([",
        shape, name, name, shape);
    for (size_t i = 0; i < n; i++) put(w, i == 0 ? "%.17g" : ", %.17g", v[i]);
    put(w, "])];\n");
}

/* `what` is "q", "k" or "v": heads of the projected hidden state, turned if `rope`. */
static void put_heads(writer *w, const char *what, int heads, bool rope) {
    put(w,
        "tensor<fp32, [1, 1, %d]> %s_lin = linear(weight = w%s, x = normed)[name = "
        "string(\"%s_lin\")];\n"
        "tensor<int32, [4]> %s_shape = const()[val = tensor<int32, [4]>([1, 1, %d, -1])];\n"
        "tensor<fp32, [1, 1, %d, 4]> %s_split = reshape(shape = %s_shape, x = %s_lin);\n"
        "tensor<int32, [4]> %s_perm = const()[val = tensor<int32, [4]>([0, 2, -3, -1])];\n"
        "tensor<fp32, [1, %d, 1, 4]> %s_heads = transpose(perm = %s_perm, x = %s_split);\n",
        heads * HD, what, what, what, what, heads, heads, what, what, what, what, heads, what, what,
        what);
    if (!rope) return;
    put(w,
        "tensor<fp32, [1, %d, 1, 2]> %s_first = slice_by_index(begin = low_begin, end = low_end, "
        "end_mask = low_mask, x = %s_heads);\n"
        "tensor<fp32, [1, %d, 1, 2]> %s_last = slice_by_index(begin = high_begin, end = high_end, "
        "end_mask = all_mask, x = %s_heads);\n"
        "tensor<fp32, [1, %d, 1, 2]> %s_minus = mul(x = %s_last, y = minus_one);\n"
        "tensor<fp32, [1, %d, 1, 4]> %s_rot = concat(axis = last_axis, interleave = no, values = "
        "(%s_minus, %s_first));\n"
        "tensor<fp32, [1, %d, 1, 4]> %s_c = mul(x = %s_heads, y = cos);\n"
        "tensor<fp32, [1, %d, 1, 4]> %s_s = mul(x = %s_rot, y = sin);\n"
        "tensor<fp32, [1, %d, 1, 4]> %s_rope = add(x = %s_c, y = %s_s);\n",
        heads, what, what, heads, what, what, heads, what, what, heads, what, what, what, heads,
        what, what, heads, what, what, heads, what, what, what);
}

/* The cache with the new row, and its groups repeated for every head. */
static void put_cache(writer *w, const char *what, const char *row) {
    put(w,
        "tensor<fp32, [1, 2, 6, 4]> %s_old = read_state(input = %s_cache);\n"
        "tensor<fp32, [1, 2, 6, 4]> %s_new = slice_update(begin = at_begin, begin_mask = "
        "none_mask, "
        "end = at_end, end_mask = at_mask, squeeze_mask = none_mask, stride = ones, update = %s, x "
        "= %s_old);\n"
        "write_state(data = %s_new, input = %s_cache)[name = string(\"%s_write\")];\n"
        "tensor<fp32, [1, 2, 6, 4]> %s_read = read_state(input = %s_cache);\n"
        "tensor<int32, [1]> %s_axes = const()[val = tensor<int32, [1]>([2])];\n"
        "tensor<fp32, [1, 2, 1, 6, 4]> %s_exp = expand_dims(axes = %s_axes, x = %s_read);\n"
        "tensor<int32, [5]> %s_reps = const()[val = tensor<int32, [5]>([1, 1, 2, 1, 1])];\n"
        "tensor<fp32, [1, 2, 2, 6, 4]> %s_tile = tile(reps = %s_reps, x = %s_exp);\n"
        "tensor<int32, [4]> %s_flat = const()[val = tensor<int32, [4]>([1, 4, 6, 4])];\n"
        "tensor<fp32, [1, 4, 6, 4]> %s_all = reshape(shape = %s_flat, x = %s_tile);\n",
        what, what, what, row, what, what, what, what, what, what, what, what, what, what, what,
        what, what, what, what, what, what, what);
}

static void put_layer(writer *w, const layer *l) {
    put(w, "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [1, 1, 8]> hidden, tensor<int32, [1]> "
           "position, tensor<fp32, [1, 1, 1, 6]> causal_mask, state<tensor<fp32, [1, 2, 6, 4]>> "
           "k_cache, state<tensor<fp32, [1, 2, 6, 4]>> v_cache) {\n");
    put_weights(w, "norm_weight", "8", l->norm, D);
    put_weights(w, "wq", "16, 8", l->wq, Q * D);
    put_weights(w, "wk", "8, 8", l->wk, KV * D);
    put_weights(w, "wv", "8, 8", l->wv, KV * D);
    put_weights(w, "wo", "8, 16", l->wo, D * Q);
    put_weights(w, "cos_table", "6, 4", l->cos, ROWS * HD);
    put_weights(w, "sin_table", "6, 4", l->sin, ROWS * HD);
    put(w, "%s",
        "fp32 minus_one = const()[val = fp32(-0x1p+0)];\n"
        "int32 last_axis = const()[val = int32(-1)];\n"
        "bool no = const()[val = bool(false)];\n"
        "bool yes = const()[val = bool(true)];\n"
        "tensor<int32, [4]> low_begin = const()[val = tensor<int32, [4]>([0, 0, 0, 0])];\n"
        "tensor<int32, [4]> low_end = const()[val = tensor<int32, [4]>([1, 4, 1, 2])];\n"
        "tensor<bool, [4]> low_mask = const()[val = tensor<bool, [4]>([true, true, true, "
        "false])];\n"
        "tensor<int32, [4]> high_begin = const()[val = tensor<int32, [4]>([0, 0, 0, 2])];\n"
        "tensor<int32, [4]> high_end = const()[val = tensor<int32, [4]>([1, 4, 1, 4])];\n"
        "tensor<bool, [4]> all_mask = const()[val = tensor<bool, [4]>([true, true, true, true])];\n"
        "tensor<bool, [4]> none_mask = const()[val = tensor<bool, [4]>([false, false, false, "
        "false])];\n"
        "tensor<bool, [4]> at_mask = const()[val = tensor<bool, [4]>([true, true, false, true])];\n"
        "tensor<int32, [4]> ones = const()[val = tensor<int32, [4]>([1, 1, 1, 1])];\n"
        "tensor<int32, [1]> zero = const()[val = tensor<int32, [1]>([0])];\n"
        "int32 one = const()[val = int32(1)];\n"
        "int32 list_axis = const()[val = int32(0)];\n"
        "tensor<int32, [1]> next = add(x = position, y = one);\n"
        "tensor<int32, [4]> at_begin = concat(axis = list_axis, interleave = no, values = (zero, "
        "zero, position, zero));\n"
        "tensor<int32, [4]> at_end = concat(axis = list_axis, interleave = no, values = (zero, "
        "zero, next, zero));\n"
        "int32 batch_dims = const()[val = int32(0)];\n"
        "tensor<fp32, [1, 4]> cos = gather(axis = list_axis, batch_dims = batch_dims, indices = "
        "position, validate_indices = no, x = cos_table);\n"
        "tensor<fp32, [1, 4]> sin = gather(axis = list_axis, batch_dims = batch_dims, indices = "
        "position, validate_indices = no, x = sin_table);\n"
        "tensor<fp32, [1, 1, 8]> squared = square(x = hidden);\n"
        "tensor<int32, [1]> mean_axes = const()[val = tensor<int32, [1]>([-1])];\n"
        "tensor<fp32, [1, 1, 1]> mean = reduce_mean(axes = mean_axes, keep_dims = yes, x = "
        "squared);\n"
        "fp32 eps = const()[val = fp32(0x1.4f8b58p-17)];\n"
        "tensor<fp32, [1, 1, 1]> inv = rsqrt(epsilon = eps, x = mean);\n"
        "tensor<fp32, [1, 1, 8]> scaled = mul(x = hidden, y = inv);\n"
        "tensor<fp32, [1, 1, 8]> normed = mul(x = scaled, y = norm_weight);\n");
    put_heads(w, "q", HEADS, true);
    put_heads(w, "k", GROUPS, true);
    put_heads(w, "v", GROUPS, false);
    put_cache(w, "k", "k_rope");
    put_cache(w, "v", "v_heads");
    put(w, "%s",
        "tensor<fp32, [1, 4, 1, 6]> dots = matmul(transpose_x = no, transpose_y = yes, x = q_rope, "
        "y = k_all);\n"
        "fp32 scale = const()[val = fp32(0x1p-1)];\n"
        "tensor<fp32, [1, 4, 1, 6]> scores = mul(x = dots, y = scale);\n"
        "tensor<fp32, [1, 4, 1, 6]> masked = add(x = scores, y = causal_mask);\n"
        "tensor<fp32, [1, 4, 1, 6]> weights = softmax(axis = last_axis, x = masked);\n"
        "tensor<fp32, [1, 4, 1, 4]> mixed = matmul(transpose_x = no, transpose_y = no, x = "
        "weights, "
        "y = v_all);\n"
        "tensor<int32, [4]> back = const()[val = tensor<int32, [4]>([0, 2, 1, 3])];\n"
        "tensor<fp32, [1, 1, 4, 4]> rows = transpose(perm = back, x = mixed);\n"
        "tensor<int32, [3]> joined_shape = const()[val = tensor<int32, [3]>([1, 1, -1])];\n"
        "tensor<fp32, [1, 1, 16]> joined = reshape(shape = joined_shape, x = rows);\n"
        "tensor<fp32, [1, 1, 8]> out_lin = linear(weight = wo, x = joined);\n"
        "tensor<fp32, [1, 1, 8]> output = add(x = hidden, y = out_lin);\n"
        "} -> (output);\n}\n");
}

/* Four steps; each takes the caches that the one before has left. */
static void test_decoder_layer(void **state) {
    (void)state;
    layer l;
    uint64_t seed = 9;
    writer *w = calloc(1, sizeof *w);
    assert_non_null(w);
    draw(l.norm, D, &seed);
    draw(l.wq, Q * D, &seed);
    draw(l.wk, KV * D, &seed);
    draw(l.wv, KV * D, &seed);
    draw(l.wo, D * Q, &seed);
    draw(l.cos, ROWS * HD, &seed);
    draw(l.sin, ROWS * HD, &seed);
    draw(l.k_cache, GROUPS * ROWS * HD, &seed); /* what the mask hides must not matter */
    draw(l.v_cache, GROUPS * ROWS * HD, &seed);
    put_layer(w, &l);
    for (int t = 0; t < 4; t++) {
        double x[D], position[] = {t}, mask[ROWS], out[D];
        layer after = l;
        draw(x, D, &seed);
        for (int i = 0; i < ROWS; i++) mask[i] = i <= t ? 0 : -10000;
        step(&after, x, t, out);
        foreign_check(&(foreign_case){
            .text = w->text,
            .inputs = (const double *const[]){x, position, mask, l.k_cache, l.v_cache},
            .expected = (const double *const[]){out, after.k_cache, after.v_cache},
            .expected_count = 3,
            .exact = {1e-7, 1e-7},
            .device = {2e-6, 1e-5}});
        l = after;
    }
    free(w);
}

/* ---- the end of an image classifier of 2021: convolution, batch norm, hard swish, pooling ---- */

static void test_classifier(void **state) {
    (void)state;
    double x[2 * 4 * 4], mean[3] = {0}, logits[2], want[2], sum;
    static const double w[3][2] = {{0.5, -1}, {2, 0.25}, {-0.75, 1}}, gamma[] = {1, 0.5, 2},
                        beta[] = {0.25, 0, -0.5}, mu[] = {0.125, -0.25, 0}, var[] = {1, 0.5, 2};
    uint64_t seed = 2;
    draw(x, ORN_COUNT(x), &seed);
    for (int o = 0; o < 3; o++) {
        for (int i = 0; i < 16; i++) {
            double v = w[o][0] * x[i] + w[o][1] * x[16 + i];
            v = (v - mu[o]) / sqrt(var[o] + 1e-5) * gamma[o] + beta[o];
            mean[o] += v * fmin(fmax(v / 6 + 0.5, 0), 1) / 16;
        }
    }
    logits[0] = mean[0] - mean[1] + 0.5 * mean[2] + 0.25;
    logits[1] = 0.5 * mean[0] + mean[1] - 0.25;
    sum = exp(logits[0]) + exp(logits[1]);
    for (int i = 0; i < 2; i++) want[i] = exp(logits[i]) / sum;
    foreign_check(&(foreign_case){
        .text =
            "program(1.0)\n{\nfunc main<ios15>(tensor<fp32, [1, 2, 4, 4]> image) {\n"
            "tensor<string, []> pad_type = const()[val = tensor<string, []>(\"custom\")];\n"
            "tensor<int32, [2]> strides = const()[val = tensor<int32, [2]>([1, 1])];\n"
            "tensor<int32, [4]> pad = const()[val = tensor<int32, [4]>([0, 0, 0, 0])];\n"
            "tensor<int32, [2]> dilations = const()[val = tensor<int32, [2]>([1, 1])];\n"
            "tensor<int32, []> groups = const()[val = tensor<int32, []>(1)];\n"
            "tensor<fp32, [3, 2, 1, 1]> w = const()[val = tensor<fp32, [3, 2, 1, 1]>([[[[0.5]], "
            "[[-1]]], [[[2]], [[0.25]]], [[[-0.75]], [[1]]]])];\n"
            "tensor<fp32, [3]> gamma = const()[val = tensor<fp32, [3]>([1, 0.5, 2])];\n"
            "tensor<fp32, [3]> beta = const()[val = tensor<fp32, [3]>([0.25, 0, -0.5])];\n"
            "tensor<fp32, [3]> mu = const()[val = tensor<fp32, [3]>([0.125, -0.25, 0])];\n"
            "tensor<fp32, [3]> var = const()[val = tensor<fp32, [3]>([1, 0.5, 2])];\n"
            "tensor<fp32, []> eps = const()[val = tensor<fp32, []>(0x1.4f8b58p-17)];\n"
            "tensor<fp32, []> a = const()[val = tensor<fp32, []>(0x1.555556p-3)];\n"
            "tensor<fp32, []> b = const()[val = tensor<fp32, []>(0x1p-1)];\n"
            "tensor<int32, [2]> axes = const()[val = tensor<int32, [2]>([-1, -2])];\n"
            "tensor<bool, []> keep = const()[val = tensor<bool, []>(true)];\n"
            "tensor<int32, [2]> squeezed = const()[val = tensor<int32, [2]>([-2, -1])];\n"
            "tensor<fp32, [2, 3]> fc = const()[val = tensor<fp32, [2, 3]>([1, -1, 0.5, 0.5, 1, "
            "0])];\n"
            "tensor<fp32, [2]> fb = const()[val = tensor<fp32, [2]>([0.25, -0.25])];\n"
            "tensor<int32, []> axis = const()[val = tensor<int32, []>(-1)];\n"
            "tensor<fp32, [1, 3, 4, 4]> c = conv(dilations = dilations, groups = groups, pad = "
            "pad, "
            "pad_type = pad_type, strides = strides, weight = w, x = image);\n"
            "tensor<fp32, [1, 3, 4, 4]> n = batch_norm(beta = beta, epsilon = eps, gamma = gamma, "
            "mean = mu, variance = var, x = c);\n"
            "tensor<fp32, [1, 3, 4, 4]> h = sigmoid_hard(alpha = a, beta = b, x = n);\n"
            "tensor<fp32, [1, 3, 4, 4]> s = mul(x = n, y = h);\n"
            "tensor<fp32, [1, 3, 1, 1]> p = reduce_mean(axes = axes, keep_dims = keep, x = s);\n"
            "tensor<fp32, [1, 3]> q = squeeze(axes = squeezed, x = p);\n"
            "tensor<fp32, [1, 2]> l = linear(bias = fb, weight = fc, x = q);\n"
            "tensor<fp32, [1, 2]> probabilities = softmax(axis = axis, x = l);\n"
            "} -> (probabilities);\n}\n",
        .inputs = (const double *const[]){x},
        .expected = (const double *const[]){want},
        .expected_count = 1,
        .exact = {1e-7, 1e-7},
        .reference_steps = 1 /* the convolution */});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decoder_layer),
        cmocka_unit_test(test_classifier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
