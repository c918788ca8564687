/* SPDX-License-Identifier: MIT */
/* Rope and attention against double, in the layouts models use. */
#include "kernel-support.h"

#include <math.h>

/* ---- rope ---- */

typedef struct rope_case {
    cpu_rope r;
    double theta;
    float *x;
    int32_t *position;
    size_t y_count;
    bool in_place;
} rope_case;

static void run_rope(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    rope_case *c = ctx;
    int64_t rows = c->r.dims[2], d = c->r.dims[3];
    double *frequencies = new_bytes((size_t)(d / 2) * sizeof(double));
    float *table = new_floats((size_t)(rows * d));
    cpu_rope_frequencies(c->theta, d, frequencies);
    kernels->rope_table(pool, rows, d / 2, frequencies, c->position, table);
    if (c->in_place) memcpy(out, c->x, c->y_count * sizeof(float));
    kernels->rope(pool, &c->r, c->in_place ? out : c->x, table, out);
    free(frequencies);
    free(table);
}

static void check_rope(void *ctx, const cpu_kernels *kernels, const void *out) {
    const rope_case *c = ctx;
    const cpu_rope *r = &c->r;
    int64_t half = r->dims[3] / 2;
    for (int64_t i = 0; i < r->dims[0] * r->dims[1] * r->dims[2] * half; i++) {
        int64_t j = i % half, t = i / half % r->dims[2], h = i / half / r->dims[2] % r->dims[1];
        int64_t b = i / half / r->dims[2] / r->dims[1];
        const float *x = c->x + b * r->x_strides[0] + h * r->x_strides[1] + t * r->x_strides[2];
        const float *y =
            (const float *)out + b * r->y_strides[0] + h * r->y_strides[1] + t * r->y_strides[2];
        int64_t first = r->interleaved ? 2 * j : j, second = r->interleaved ? first + 1 : j + half;
        double angle = c->position[t] * pow(c->theta, -(double)j / (double)half);
        if (r->inverse) angle = -angle;
        double a = (double)x[first], z = (double)x[second];
        double slack = (fabs(a) + fabs(z)) * 0x1p-22;
        if (fabs((double)y[first] - (a * cos(angle) - z * sin(angle))) <= slack &&
            fabs((double)y[second] - (a * sin(angle) + z * cos(angle))) <= slack) {
            continue;
        }
        fail_msg("%s: pair %lld of row %lld at %d is wrong", kernels->name, (long long)j,
                 (long long)t, c->position[t]);
    }
}

/* Heads outside rows, or, as a linear layer leaves them, rows outside heads. */
static void layout(int64_t b, int64_t h, int64_t t, int64_t d, bool rows_outside,
                   int64_t strides[3]) {
    (void)b;
    strides[0] = h * t * d;
    strides[1] = rows_outside ? d : t * d;
    strides[2] = rows_outside ? h * d : d;
}

static void test_rope(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 80; i++) {
        rope_case c = {.theta = i % 3 == 0 ? 1e6 : 1e4, .in_place = i % 4 == 3};
        int64_t b = random_between(t, 1, 2), h = random_between(t, 1, 3);
        int64_t rows = RANDOM_OF(t, 1, 2, 5, 64), d = RANDOM_OF(t, 2, 6, 8, 16, 34, 64, 128);
        c.r = (cpu_rope){.dims = {b, h, rows, d}, .interleaved = i & 1, .inverse = i % 5 == 0};
        layout(b, h, rows, d, random_between(t, 0, 1) != 0, c.r.x_strides);
        layout(b, h, rows, d, random_between(t, 0, 1) != 0, c.r.y_strides);
        if (c.in_place) memcpy(c.r.y_strides, c.r.x_strides, sizeof c.r.y_strides);
        c.y_count = (size_t)(b * h * rows * d);
        c.x = random_floats(t, c.y_count, 1);
        c.position = new_bytes((size_t)rows * sizeof *c.position);
        for (int64_t r = 0; r < rows; r++) {
            c.position[r] = (int32_t)RANDOM_OF(t, 0, 1, 77, 5000, 1000000, 3000000, INT32_MAX);
        }
        for_all(t, c.y_count * sizeof(float), NULL, run_rope, check_rope, &c);
        free(c.x);
        free(c.position);
    }
}

/* ---- attention ---- */

typedef struct attention_case {
    cpu_attention a;
    float *q, *k, *v;
    int32_t *position;
} attention_case;

static void run_attention(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    attention_case *c = ctx;
    void *scratch = new_scratch(kernels->attention_scratch(&c->a, cpu_pool_threads(pool)));
    assert_int_equal(kernels->attention(pool, &c->a, c->q, c->k, c->v, c->position, out, scratch),
                     CPU_INDICES_OK);
    free(scratch);
}

/* Weights of row t of head h over all keys: 0 for those it does not see. */
static void weights(const attention_case *c, int64_t b, int64_t h, int64_t t, double *p) {
    const cpu_attention *a = &c->a;
    int64_t seen = a->keys, group = h * a->groups / a->heads;
    if (c->position != NULL) {
        seen = ORN_MIN((int64_t)c->position[t] + 1, a->keys);
    } else if (a->causal) {
        seen = t + a->keys - a->rows + 1;
    }
    const float *q = c->q + b * a->q_strides[0] + h * a->q_strides[1] + t * a->q_strides[2];
    double max = -(double)INFINITY, sum = 0;
    for (int64_t s = 0; s < seen; s++) {
        const float *k = c->k + b * a->k_strides[0] + group * a->k_strides[1] + s * a->k_strides[2];
        p[s] = 0;
        for (int64_t i = 0; i < a->depth; i++) p[s] += (double)q[i] * (double)k[i];
        p[s] *= (double)a->scale;
        max = fmax(max, p[s]);
    }
    for (int64_t s = 0; s < seen; s++) sum += exp(p[s] - max);
    for (int64_t s = 0; s < a->keys; s++) p[s] = s < seen ? exp(p[s] - max) / sum : 0;
}

static void check_attention(void *ctx, const cpu_kernels *kernels, const void *out) {
    const attention_case *c = ctx;
    const cpu_attention *a = &c->a;
    double *p = new_bytes((size_t)a->keys * sizeof(double));
    for (int64_t i = 0; i < a->batch * a->heads * a->rows; i++) {
        int64_t t = i % a->rows, h = i / a->rows % a->heads, b = i / a->rows / a->heads;
        weights(c, b, h, t, p);
        const float *v = c->v + b * a->v_strides[0] + h * a->groups / a->heads * a->v_strides[1];
        const float *y =
            (const float *)out + b * a->y_strides[0] + h * a->y_strides[1] + t * a->y_strides[2];
        for (int64_t e = 0; e < a->value_depth; e++) {
            double want = 0;
            for (int64_t s = 0; s < a->keys; s++) {
                if (p[s] != 0) want += p[s] * (double)v[s * a->v_strides[2] + e];
            }
            if (fabs((double)y[e] - want) <= 1e-5) continue;
            fail_msg(
                "%s: B %lld H %lld G %lld T %lld S %lld D %lld E %lld: row %lld: %.9g, not %.9g",
                kernels->name, (long long)a->batch, (long long)a->heads, (long long)a->groups,
                (long long)a->rows, (long long)a->keys, (long long)a->depth,
                (long long)a->value_depth, (long long)t, (double)y[e], want);
        }
    }
    free(p);
}

static void try_attention(kernel_test *t, int64_t rows, int64_t keys, int how) {
    attention_case c = {.a = {.batch = random_between(t, 1, 2), .rows = rows, .keys = keys}};
    cpu_attention *a = &c.a;
    a->groups = random_between(t, 1, 3);
    a->heads = a->groups * random_between(t, 1, 4);
    a->depth = RANDOM_OF(t, 1, 8, 17, 48, 64);
    a->value_depth = RANDOM_OF(t, 1, 8, 17, 48, 64);
    a->scale = 1 / sqrtf((float)a->depth);
    a->causal = how == 1;
    layout(a->batch, a->heads, rows, a->depth, random_between(t, 0, 1) != 0, a->q_strides);
    layout(a->batch, a->groups, keys, a->depth, random_between(t, 0, 1) != 0, a->k_strides);
    layout(a->batch, a->groups, keys, a->value_depth, random_between(t, 0, 1) != 0, a->v_strides);
    layout(a->batch, a->heads, rows, a->value_depth, random_between(t, 0, 1) != 0, a->y_strides);
    c.q = random_floats(t, (size_t)(a->batch * a->heads * rows * a->depth), 2);
    c.k = random_floats(t, (size_t)(a->batch * a->groups * keys * a->depth), 2);
    c.v = random_floats(t, (size_t)(a->batch * a->groups * keys * a->value_depth), 1);
    if (how == 2) {
        c.position = new_bytes((size_t)rows * sizeof(int32_t));
        int64_t first = random_between(t, 0, keys - 1), furthest = 0;
        for (int64_t r = 0; r < rows; r++) {
            int64_t p = random_between(t, 0, 9) == 0 ? random_between(t, 0, 2 * keys) : first + r;
            c.position[r] = (int32_t)p;
            furthest = ORN_MAX(furthest, p);
        }
        /* Keys that nobody sees may hold anything, as in a cache not yet filled. */
        for (int64_t i = 0; furthest + 1 < keys && i < a->batch * a->groups; i++) {
            int64_t at = i / a->groups * a->k_strides[0] + i % a->groups * a->k_strides[1] +
                         (keys - 1) * a->k_strides[2];
            c.k[at] = NAN;
            at = i / a->groups * a->v_strides[0] + i % a->groups * a->v_strides[1] +
                 (keys - 1) * a->v_strides[2];
            c.v[at] = NAN;
        }
    }
    size_t bytes = (size_t)(a->batch * a->heads * rows * a->value_depth) * sizeof(float);
    for_all(t, bytes, NULL, run_attention, check_attention, &c);
    free(c.q);
    free(c.k);
    free(c.v);
    free(c.position);
}

static void test_decoding(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 60; i++) {
        try_attention(t, 1, RANDOM_OF(t, 1, 2, 16, 17, 100, 512, 700), i % 3);
    }
}

static void test_many_rows(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 60; i++) {
        int64_t rows = RANDOM_OF(t, 2, 3, 16, 17, 33, 65, 130), keys = rows;
        if (i % 3 != 1) keys = RANDOM_OF(t, 2, 3, 16, 40, 150);
        try_attention(t, rows, keys, i % 3);
    }
}

/* With more rows than keys, causally, the first rows see nothing. */
static void test_blind_rows(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 6; i++) try_attention(t, RANDOM_OF(t, 9, 20, 70), 4, 1);
}

static void test_bad_position(void **state) {
    (void)state;
    const cpu_kernels *kernels;
    cpu_attention a = {.batch = 1,
                       .heads = 1,
                       .groups = 1,
                       .rows = 3,
                       .keys = 2,
                       .depth = 1,
                       .value_depth = 1,
                       .q_strides = {3, 3, 1},
                       .k_strides = {2, 2, 1},
                       .v_strides = {2, 2, 1},
                       .y_strides = {3, 3, 1},
                       .scale = 1};
    float x[3] = {0}, y[3];
    for (size_t i = 0; (kernels = kernel_set(i)) != NULL; i++) {
        void *scratch = new_scratch(kernels->attention_scratch(&a, 1));
        const int32_t position[] = {0, INT32_MAX, -1};
        assert_int_equal(kernels->attention(NULL, &a, x, x, x, position, y, scratch), 2);
        free(scratch);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rope),         cmocka_unit_test(test_decoding),
        cmocka_unit_test(test_many_rows),    cmocka_unit_test(test_blind_rows),
        cmocka_unit_test(test_bad_position),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
