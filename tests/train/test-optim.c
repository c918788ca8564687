/* SPDX-License-Identifier: MIT */
/* AdamW against PyTorch's figures and against f64; sums of squares and accumulation. */
#include "train-support.h"

#include <math.h>

#include "trainer-internal.h"

enum { COUNT = 11 }; /* of record-adamw.py */

static void read_row(figures *f, float *row) {
    for (size_t i = 0; i < COUNT; i++) row[i] = (float)figures_number(f);
}

/* One case of adamw.txt. */
static void check_case(figures *f) {
    size_t steps = (size_t)figures_number(f);
    train_adamw o = {.lr = figures_number(f), .gradient_scale = 1};
    o.beta1 = figures_number(f);
    o.beta2 = figures_number(f);
    o.epsilon = figures_number(f);
    o.weight_decay = figures_number(f);
    double clip = figures_number(f);
    float p[COUNT], g[COUNT], expected[COUNT], m[COUNT] = {0}, v[COUNT] = {0};
    read_row(f, p);
    for (o.step = 1; o.step <= steps; o.step++) {
        read_row(f, g);
        read_row(f, expected);
        double norm = sqrt(train_sum_squares(g, COUNT));
        if (clip > 0) o.gradient_scale = fmin(1, clip / (norm + 1e-6));
        train_adamw_update(&o, COUNT, p, g, m, v, true);
        assert_floats_near(p, expected, COUNT, 1e-7, 3e-6);
    }
}

static void test_pytorch(void **state) {
    (void)state;
    figures f = figures_open(test_source("train/adamw.txt"));
    int cases = 0;
    for (const char *word; (word = figures_word(&f)) != NULL; cases++) {
        assert_string_equal(word, "case");
        check_case(&f);
    }
    assert_int_equal(cases, 3);
    figures_close(&f);
}

/* The textbook in f64, for more elements and steps. */
static void test_double(void **state) {
    (void)state;
    enum { N = 100, STEPS = 60 };
    const train_adamw start = {.lr = 2e-3,
                               .beta1 = 0.9,
                               .beta2 = 0.99,
                               .epsilon = 1e-8,
                               .weight_decay = 0.3,
                               .gradient_scale = 0.5};
    for (int decay = 0; decay < 2; decay++) {
        train_adamw o = start;
        float p[N], g[N], m[N] = {0}, v[N] = {0};
        double exact[N], mean[N] = {0}, square[N] = {0};
        uint64_t random = 7;
        for (size_t i = 0; i < N; i++) exact[i] = p[i] = (float)test_random_unit(&random);
        for (o.step = 1; o.step <= STEPS; o.step++) {
            for (size_t i = 0; i < N; i++) g[i] = (float)test_random_unit(&random);
            train_adamw_update(&o, N, p, g, m, v, decay != 0);
            for (size_t i = 0; i < N; i++) {
                double gradient = 0.5 * (double)g[i], steps = (double)o.step;
                mean[i] = o.beta1 * mean[i] + (1 - o.beta1) * gradient;
                square[i] = o.beta2 * square[i] + (1 - o.beta2) * gradient * gradient;
                double corrected = square[i] / (1 - pow(o.beta2, steps));
                if (decay != 0) exact[i] *= 1 - o.lr * o.weight_decay;
                exact[i] -=
                    o.lr * mean[i] / (1 - pow(o.beta1, steps)) / (sqrt(corrected) + o.epsilon);
            }
        }
        float rounded[N];
        for (size_t i = 0; i < N; i++) rounded[i] = (float)exact[i];
        assert_floats_near(p, rounded, N, 2e-6, 1e-5);
    }
}

/* A gradient of zero moves nothing but what decays. */
static void test_zero_gradient(void **state) {
    (void)state;
    const train_adamw o = {.lr = 0.1,
                           .beta1 = 0.9,
                           .beta2 = 0.999,
                           .epsilon = 1e-8,
                           .weight_decay = 0.5,
                           .gradient_scale = 1,
                           .step = 1};
    float p[3] = {1, -2, 0}, g[3] = {0}, m[3] = {0}, v[3] = {0};
    train_adamw_update(&o, 3, p, g, m, v, false);
    assert_true(p[0] == 1 && p[1] == -2 && p[2] == 0);
    train_adamw_update(&o, 3, p, g, m, v, true);
    assert_true(p[0] == 0.95f && p[1] == -1.9f && p[2] == 0);
}

/* Every length, so that the lanes and what is left over are all seen. */
static void test_sum_squares(void **state) {
    (void)state;
    float g[40];
    uint64_t random = 3;
    for (size_t i = 0; i < ORN_COUNT(g); i++) g[i] = (float)test_random_unit(&random);
    for (size_t n = 0; n <= ORN_COUNT(g); n++) {
        double expected = 0;
        for (size_t i = 0; i < n; i++) expected += (double)g[i] * (double)g[i];
        double actual = train_sum_squares(g, n);
        assert_doubles_near(&actual, &expected, 1, 0, 1e-14);
    }
    g[13] = NAN;
    assert_true(isnan(train_sum_squares(g, 40)));
    g[13] = -INFINITY;
    assert_true(isinf(train_sum_squares(g, 40)));
    /* Squares past the range of a float do not overflow. */
    const float large[2] = {1e30f, 1e30f};
    double sum = train_sum_squares(large, 2), expected = 2e60;
    assert_doubles_near(&sum, &expected, 1, 0, 1e-6);
}

static void test_accumulate(void **state) {
    (void)state;
    float sum[5] = {9, 9, 9, 9, 9};
    const float a[5] = {1, 2, 3, 4, 5}, b[5] = {-1, 0, 1, 0, 3};
    const float expected[5] = {0, 1, 2, 2, 4};
    train_accumulate(sum, a, 5, 0.5f, true);
    train_accumulate(sum, b, 5, 0.5f, false);
    assert_floats_near(sum, expected, 5, 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),       cmocka_unit_test(test_double),
        cmocka_unit_test(test_zero_gradient), cmocka_unit_test(test_sum_squares),
        cmocka_unit_test(test_accumulate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
