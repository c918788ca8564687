/* SPDX-License-Identifier: MIT */
/* Matrix products of all shapes and kinds against sums in double. */
#include "kernel-support.h"

#include <math.h>

typedef struct gemm_case {
    cpu_gemm g;
    float *a, *b, *bias, *before;
    double *expected, *bound;
    size_t c_count;
} gemm_case;

static float at(const float *x, int64_t ld, bool trans, int64_t row, int64_t col) {
    return trans ? x[col * ld + row] : x[row * ld + col];
}

static int64_t items(const cpu_gemm *g) {
    int64_t n = 1;
    for (uint32_t d = 0; d < g->batch_rank; d++) n *= g->batch[d];
    return n;
}

static int64_t item_offset(const cpu_gemm *g, const int64_t *strides, int64_t index) {
    int64_t offset = 0;
    for (uint32_t d = g->batch_rank; d-- > 0; index /= g->batch[d]) {
        offset += index % g->batch[d] * strides[d];
    }
    return offset;
}

/* Places of c that the product does not own expect what was there, exactly. */
static void reference(gemm_case *t) {
    const cpu_gemm *g = &t->g;
    for (size_t i = 0; i < t->c_count; i++) {
        t->expected[i] = (double)t->before[i];
        t->bound[i] = 0;
    }
    for (int64_t item = 0; item < items(g); item++) {
        const float *a = t->a + item_offset(g, g->batch_a, item);
        const float *b = t->b + item_offset(g, g->batch_b, item);
        int64_t c = item_offset(g, g->batch_c, item);
        for (int64_t m = 0; m < g->m; m++) {
            for (int64_t n = 0; n < g->n; n++) {
                int64_t place = c + m * g->ldc + n;
                double sum = g->accumulate ? t->expected[place] : 0, absolute = fabs(sum);
                for (int64_t k = 0; k < g->k; k++) {
                    double product = (double)at(a, g->lda, g->trans_a, m, k) *
                                     (double)at(b, g->ldb, g->trans_b, k, n);
                    sum += product;
                    absolute += fabs(product);
                }
                if (g->has_bias) {
                    sum += (double)t->bias[n];
                    absolute += fabs((double)t->bias[n]);
                }
                t->expected[place] = sum;
                t->bound[place] = 0x1p-24 * (double)(g->k + 4) * absolute;
            }
        }
    }
}

static void run(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    gemm_case *t = ctx;
    const cpu_gemm *g = &t->g;
    const float *b = t->b;
    float *packed = NULL;
    if (g->packed) {
        packed = new_scratch(kernels->gemm_pack_bytes(g->n, g->k));
        kernels->gemm_pack(pool, g->n, g->k, t->b, g->ldb, g->trans_b, packed);
        b = packed;
    }
    void *scratch = new_scratch(kernels->gemm_scratch(g, cpu_pool_threads(pool)));
    kernels->gemm(pool, g, t->a, b, t->bias, out, scratch);
    free(scratch);
    free(packed);
}

static void check(void *ctx, const cpu_kernels *kernels, const void *out) {
    gemm_case *t = ctx;
    const cpu_gemm *g = &t->g;
    const float *c = out;
    for (size_t i = 0; i < t->c_count; i++) {
        if (fabs((double)c[i] - t->expected[i]) <= t->bound[i]) continue;
        fail_msg("%s: m %lld n %lld k %lld %c%c packed %d add %d bias %d: c[%zu] is %.9g, not %.9g",
                 kernels->name, (long long)g->m, (long long)g->n, (long long)g->k,
                 g->trans_a ? 'T' : 'N', g->trans_b ? 'T' : 'N', g->packed, g->accumulate,
                 g->has_bias, i, (double)c[i], t->expected[i]);
    }
}

/* Elements from the first to the last of a matrix of that many rows. */
static int64_t extent(int64_t rows, int64_t cols, int64_t ld) {
    return rows == 0 || cols == 0 ? 0 : (rows - 1) * ld + cols;
}

static void try_case(kernel_test *k, gemm_case *t) {
    cpu_gemm *g = &t->g;
    int64_t a_rows = g->trans_a ? g->k : g->m, a_cols = g->trans_a ? g->m : g->k;
    int64_t b_rows = g->trans_b ? g->n : g->k, b_cols = g->trans_b ? g->k : g->n;
    g->lda = a_cols + random_between(k, 0, 3);
    g->ldb = b_cols + random_between(k, 0, 3);
    g->ldc = g->n + random_between(k, 0, 3);
    int64_t a_last = 0, b_last = 0, c_last = 0;
    int64_t step = extent(g->m, g->n, g->ldc) + random_between(k, 0, 5);
    for (uint32_t d = g->batch_rank; d-- > 0;) {
        bool shared = g->packed || random_between(k, 0, 2) == 0;
        g->batch_a[d] = random_between(k, 0, 2) == 0 ? 0 : extent(a_rows, a_cols, g->lda);
        g->batch_b[d] = shared ? 0 : extent(b_rows, b_cols, g->ldb);
        g->batch_c[d] = step;
        step *= g->batch[d];
        a_last += (g->batch[d] - 1) * g->batch_a[d];
        b_last += (g->batch[d] - 1) * g->batch_b[d];
        c_last += (g->batch[d] - 1) * g->batch_c[d];
    }
    t->c_count = (size_t)(c_last + extent(g->m, g->n, g->ldc));
    t->a = random_floats(k, (size_t)(a_last + extent(a_rows, a_cols, g->lda)), 1);
    t->b = random_floats(k, (size_t)(b_last + extent(b_rows, b_cols, g->ldb)), 1);
    t->bias = random_floats(k, (size_t)g->n, 1);
    t->before = random_floats(k, t->c_count, 1);
    t->expected = new_bytes(t->c_count * sizeof(double));
    t->bound = new_bytes(t->c_count * sizeof(double));
    reference(t);
    for_all(k, t->c_count * sizeof(float), t->before, run, check, t);
    free(t->a);
    free(t->b);
    free(t->bias);
    free(t->before);
    free(t->expected);
    free(t->bound);
}

static cpu_gemm random_kind(kernel_test *k) {
    return (cpu_gemm){.trans_a = random_between(k, 0, 1) != 0,
                      .trans_b = random_between(k, 0, 1) != 0,
                      .packed = random_between(k, 0, 3) == 0,
                      .accumulate = random_between(k, 0, 1) != 0,
                      .has_bias = random_between(k, 0, 1) != 0};
}

static void test_small(void **state) {
    kernel_test *k = *state;
    for (int i = 0; i < 400; i++) {
        gemm_case t = {.g = random_kind(k)};
        t.g.m = RANDOM_OF(k, 1, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17, 29, 43);
        t.g.n = RANDOM_OF(k, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 48, 64, 65);
        t.g.k = RANDOM_OF(k, 0, 1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33, 64, 65);
        try_case(k, &t);
    }
}

/* Several blocks of m, n and k, and tasks for all threads. */
static void test_blocks(void **state) {
    kernel_test *k = *state;
    for (int i = 0; i < 40; i++) {
        gemm_case t = {.g = random_kind(k)};
        t.g.m = RANDOM_OF(k, 1, 3, 16, 17, 30, 71, 75, 150, 171);
        t.g.n = RANDOM_OF(k, 3, 16, 64, 130, 255, 257, 300, 515);
        t.g.k = RANDOM_OF(k, 16, 63, 256, 257, 320, 321, 640, 700);
        if (t.g.m * t.g.n * t.g.k > 6000000) continue; /* valgrind is patient, people are not */
        try_case(k, &t);
    }
}

static void test_batches(void **state) {
    kernel_test *k = *state;
    for (int i = 0; i < 120; i++) {
        gemm_case t = {.g = random_kind(k)};
        t.g.m = RANDOM_OF(k, 1, 2, 5, 17);
        t.g.n = RANDOM_OF(k, 1, 4, 9, 33);
        t.g.k = RANDOM_OF(k, 1, 8, 17, 40);
        t.g.batch_rank = (uint32_t)random_between(k, 1, 4);
        for (uint32_t d = 0; d < t.g.batch_rank; d++) t.g.batch[d] = random_between(k, 1, 4);
        try_case(k, &t);
    }
}

/* An infinity or a NaN in one row reaches that row alone, in spite of padding and masks. */
static void test_special_values(void **state) {
    kernel_test *k = *state;
    enum { M = 30, N = 35, K = 19 };
    for (int kind = 0; kind < 4; kind++) {
        cpu_gemm g = {.m = M, .n = N, .k = K, .trans_a = kind & 1, .trans_b = kind >> 1 & 1};
        g.lda = g.trans_a ? M : K;
        g.ldb = g.trans_b ? K : N;
        g.ldc = N;
        float *a = random_floats(k, M * K, 1), *b = random_floats(k, K * N, 1);
        for (int i = 0; i < K * N; i++) b[i] += b[i] < 0 ? -0.5f : 0.5f;
        a[g.trans_a ? 2 * M + 7 : 7 * K + 2] = INFINITY;
        a[g.trans_a ? 3 * M + 11 : 11 * K + 3] = NAN;
        float c[M * N];
        const cpu_kernels *kernels;
        for (size_t i = 0; (kernels = kernel_set(i)) != NULL; i++) {
            void *scratch = new_scratch(kernels->gemm_scratch(&g, 1));
            kernels->gemm(NULL, &g, a, b, NULL, c, scratch);
            free(scratch);
            for (int m = 0; m < M; m++) {
                for (int n = 0; n < N; n++) {
                    float y = c[m * N + n];
                    assert_true(m == 7 ? isinf(y) : m == 11 ? isnan(y) : isfinite(y));
                }
            }
        }
        free(a);
        free(b);
    }
}

static void test_pack_overflow(void **state) {
    (void)state;
    const cpu_kernels *kernels;
    for (size_t i = 0; (kernels = kernel_set(i)) != NULL; i++) {
        assert_int_equal(kernels->gemm_pack_bytes((int64_t)1 << 40, (int64_t)1 << 40), 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_small),         cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_batches),       cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_pack_overflow),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
