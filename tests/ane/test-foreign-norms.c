/* SPDX-License-Identifier: MIT */
/* MIL reductions, running sums and normalisations, against loops in f64. */
#include "foreign-support.h"

#include <math.h>

enum { N = 2, C = 4, H = 3, W = 5, ALL = N * C * H * W };

static double x[ALL], want[ALL];

static int fill_x(void **state) {
    uint64_t seed = 11;
    (void)state;
    for (int i = 0; i < ALL; i++) x[i] = test_random_unit(&seed) * 2;
    return 0;
}

/* The statements give z from x [2, 4, 3, 5] of `dtype`, written %1$s in them. */
static void check(const char *dtype, const char *statements, double absolute) {
    char text[4096], body[2048], parameters[64];
    size_t n = 0;
    for (const char *c = statements; *c != '\0'; c++) { /* $ stands for the element type */
        const char *piece = *c == '$' ? dtype : (const char[]){*c, '\0'};
        size_t length = strlen(piece);
        assert_true(n + length < sizeof body);
        memcpy(body + n, piece, length);
        n += length;
    }
    body[n] = '\0';
    snprintf(parameters, sizeof parameters, "tensor<%s, [2, 4, 3, 5]> x", dtype);
    snprintf(text, sizeof text, FOREIGN("%s", "%s", "z"), parameters, body);
    bool half = strcmp(dtype, "fp16") == 0;
    double t = half ? 4e-3 : absolute;
    foreign_check(&(foreign_case){.text = text,
                                  .inputs = (const double *const[]){x},
                                  .expected = (const double *const[]){want},
                                  .expected_count = 1,
                                  .exact = {t, t},
                                  .device = {half ? 8e-3 : 4e-6, half ? 8e-3 : 4e-6}});
}
static void check_both(const char *statements) {
    check("fp32", statements, 1e-6);
    check("fp16", statements, 1e-6);
}

static double at(int n, int c, int h, int w) {
    return x[((n * C + c) * H + h) * W + w];
}

typedef struct folds {
    double l1, squares, sum, product;
} folds;

/* Over axes 1 and 3. */
static folds fold(int n, int h) {
    folds f = {.product = 1};
    for (int c = 0; c < C; c++) {
        for (int w = 0; w < W; w++) {
            double v = at(n, c, h, w);
            f.l1 += fabs(v);
            f.squares += v * v;
            f.sum += v + 3;
            f.product *= v;
        }
    }
    return f;
}

static void test_reductions(void **state) {
    (void)state;
    for (int i = 0; i < N * H; i++) want[i] = fold(i / H, i % H).l1;
    check_both("tensor<$, [2, 3]> z = reduce_l1_norm(x = x, axes = [1, 3]);\n");
    check_both("tensor<$, [2, 1, 3, 1]> z = reduce_l1_norm(x = x, axes = [-1, -3], keep_dims = "
               "true);\n");
    for (int i = 0; i < N * H; i++) want[i] = sqrt(fold(i / H, i % H).squares);
    check_both("tensor<$, [2, 3]> z = reduce_l2_norm(x = x, axes = [1, 3]);\n");
    for (int i = 0; i < N * H; i++) want[i] = fold(i / H, i % H).squares;
    check_both("tensor<$, [2, 3]> z = reduce_sum_square(x = x, axes = [1, 3]);\n");
    for (int i = 0; i < N * H; i++) want[i] = log(fold(i / H, i % H).sum);
    check_both("tensor<$, [2, 4, 3, 5]> p = add(x = x, y = $(3));\n"
               "tensor<$, [2, 3]> z = reduce_log_sum(x = p, axes = [1, 3]);\n");
    for (int i = 0; i < N * H; i++) want[i] = fold(i / H, i % H).product;
    check_both("tensor<$, [2, 3]> z = reduce_prod(x = x, axes = [1, 3]);\n");
    check_both(
        "tensor<$, [2, 1, 3, 1]> z = reduce_prod(x = x, axes = [3, 1], keep_dims = true);\n");
    want[0] = 0;
    for (int i = 0; i < ALL; i++) want[0] += fabs(x[i]);
    check_both("$ z = reduce_l1_norm(x = x);\n");
    double all = 1;
    for (int i = 0; i < ALL; i++) all *= 1 + x[i] / 8;
    want[0] = all;
    check_both("tensor<$, [2, 4, 3, 5]> s = mul(x = x, y = $(0.125));\n"
               "tensor<$, [2, 4, 3, 5]> p = add(x = s, y = $(1));\n"
               "$ z = reduce_prod(x = p);\n");
}

/* Over axis 1: y[c] is the sum of x[k] with k before c, or behind it, with c or without. */
static void want_cumsum(bool exclusive, bool reverse) {
    for (int i = 0; i < ALL; i++) {
        int n = i / (C * H * W), c = i / (H * W) % C, h = i / W % H, w = i % W;
        want[i] = 0;
        for (int k = 0; k < C; k++) {
            bool side = reverse ? k > c : k < c;
            if (side || (k == c && !exclusive)) want[i] += at(n, k, h, w);
        }
    }
}

static void test_cumsum(void **state) {
    (void)state;
    want_cumsum(false, false);
    check_both("tensor<$, [2, 4, 3, 5]> z = cumsum(x = x, axis = 1);\n");
    want_cumsum(true, false);
    check_both("tensor<$, [2, 4, 3, 5]> z = cumsum(x = x, axis = -3, exclusive = true);\n");
    want_cumsum(false, true);
    check_both("tensor<$, [2, 4, 3, 5]> z = cumsum(x = x, axis = 1, reverse = true);\n");
    want_cumsum(true, true);
    check_both("tensor<$, [2, 4, 3, 5]> z = cumsum(x = x, axis = 1, exclusive = true, reverse = "
               "true);\n");
    for (int i = 0; i < ALL; i++) want[i] = x[i] + (i >= ALL / 2 ? x[i - ALL / 2] : 0);
    check_both("tensor<$, [2, 4, 3, 5]> z = cumsum(x = x);\n");
}

static void test_batch_norm(void **state) {
    (void)state;
    static const double mean[] = {0.5, -1, 0, 2}, variance[] = {1, 4, 0.25, 2},
                        gamma[] = {1, 2, -1, 0.5}, beta[] = {0, 1, 2, 3};
#define VECTORS                                                                                    \
    "tensor<$, [4]> m = const()[val = tensor<$, [4]>([0.5, -1, 0, 2])];\n"                         \
    "tensor<$, [4]> v = const()[val = tensor<$, [4]>([1, 4, 0.25, 2])];\n"                         \
    "tensor<$, [4]> g = const()[val = tensor<$, [4]>([1, 2, -1, 0.5])];\n"                         \
    "tensor<$, [4]> b = const()[val = tensor<$, [4]>([0, 1, 2, 3])];\n"
    for (int i = 0; i < ALL; i++) {
        int c = i / (H * W) % C;
        want[i] = (x[i] - mean[c]) / sqrt(variance[c] + 1e-5);
    }
    check_both(VECTORS "tensor<$, [2, 4, 3, 5]> z = batch_norm(x = x, mean = m, variance = v);\n");
    for (int i = 0; i < ALL; i++) {
        int c = i / (H * W) % C;
        want[i] = (x[i] - mean[c]) / sqrt(variance[c] + 0.25) * gamma[c] + beta[c];
    }
    check_both(VECTORS
               "tensor<$, [2, 4, 3, 5]> z = batch_norm(x = x, mean = m, variance = v, gamma "
               "= g, beta = b, epsilon = $(0.25));\n");
}

/* Mean and variance of `count` numbers, `stride` apart. */
static void normalise(double *out, const double *in, int count, int stride, double epsilon) {
    double mean = 0, variance = 0;
    for (int i = 0; i < count; i++) mean += in[i * stride] / count;
    for (int i = 0; i < count; i++) variance += pow(in[i * stride] - mean, 2) / count;
    for (int i = 0; i < count; i++)
        out[i * stride] = (in[i * stride] - mean) / sqrt(variance + epsilon);
}

static void test_instance_and_layer_norm(void **state) {
    (void)state;
    static const double gamma[] = {1, 2, -1, 0.5}, beta[] = {0, 1, 2, 3};
    for (int i = 0; i < N * C; i++) normalise(want + i * H * W, x + i * H * W, H * W, 1, 1e-5);
    check_both("tensor<$, [2, 4, 3, 5]> z = instance_norm(x = x);\n");
    check_both("tensor<$, [2, 4, 3, 5]> z = layer_norm(x = x, axes = [2, -1]);\n");
    for (int i = 0; i < ALL; i++) {
        int c = i / (H * W) % C;
        want[i] = want[i] * gamma[c] + beta[c];
    }
    check_both(VECTORS "tensor<$, [2, 4, 3, 5]> z = instance_norm(x = x, gamma = g, beta = b);\n");
    for (int i = 0; i < N * H * W; i++) { /* over the channels, as in a net laid out [N, C, H, W] */
        int from = i / (H * W) * C * H * W + i % (H * W);
        normalise(want + from, x + from, C, H * W, 0.5);
    }
    check_both("tensor<$, [2, 4, 3, 5]> z = layer_norm(x = x, axes = [1], epsilon = $(0.5));\n");
    for (int i = 0; i < ALL; i++) {
        int c = i / (H * W) % C;
        want[i] = want[i] * gamma[c] + beta[c];
    }
    check_both(VECTORS "tensor<$, [2, 4, 3, 5]> z = layer_norm(x = x, axes = [-3], gamma = g, beta "
                       "= b, epsilon = $(0.5));\n");
}

static void test_l2_norm_and_response_norm(void **state) {
    (void)state;
    for (int n = 0; n < N; n++) {
        double sum = 0;
        for (int i = 0; i < C * H * W; i++) sum += pow(x[n * C * H * W + i], 2);
        for (int i = 0; i < C * H * W; i++)
            want[n * C * H * W + i] = x[n * C * H * W + i] / sqrt(sum + 1e-6);
    }
    check_both("tensor<$, [2, 4, 3, 5]> z = l2_norm(x = x);\n");
    for (int i = 0; i < ALL; i++) {
        int n = i / (C * H * W), c = i / (H * W) % C, h = i / W % H, w = i % W;
        double sum = 0;
        for (int k = c - 1; k <= c + 1; k++) {
            if (k >= 0 && k < C) sum += pow(at(n, k, h, w), 2);
        }
        want[i] = x[i] / pow(2 + 0.5 / 3 * sum, 0.25);
    }
    check_both("tensor<$, [2, 4, 3, 5]> z = local_response_norm(x = x, size = 3, alpha = $(0.5), "
               "beta = $(0.25), k = $(2));\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reductions),
        cmocka_unit_test(test_cumsum),
        cmocka_unit_test(test_batch_norm),
        cmocka_unit_test(test_instance_and_layer_norm),
        cmocka_unit_test(test_l2_norm_and_response_norm),
    };
    return cmocka_run_group_tests(tests, fill_x, NULL);
}
