/* SPDX-License-Identifier: MIT */
/* Reductions, softmax, norms and cross entropy against double. */
#include "kernel-support.h"

#include <math.h>

/* ---- reductions ---- */

typedef struct reduce_case {
    cpu_reduce r;
    int64_t kept, total;
    void *x;
    double *expected, *sizes;
} reduce_case;

static void run_reduce(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    reduce_case *c = ctx;
    void *scratch = new_scratch(kernels->reduce_scratch(&c->r));
    kernels->reduce(pool, &c->r, c->x, out, scratch);
    free(scratch);
}

static void check_reduce(void *ctx, const cpu_kernels *kernels, const void *out) {
    const reduce_case *c = ctx;
    for (int64_t i = 0; i < c->kept; i++) {
        double got = c->r.dtype == ORION_IR_F32 ? (double)((const float *)out)[i]
                                                : (double)((const int32_t *)out)[i];
        double want = c->expected[i], slack = c->sizes[i] * 0x1p-20 + fabs(want) * 0x1p-24;
        if (c->r.dtype != ORION_IR_F32) slack = 0;
        if ((isnan(got) && isnan(want)) || got == want || fabs(got - want) <= slack) continue;
        fail_msg("%s: reduction %u of dtype %u, axes %x, at %lld: %.9g, not %.9g", kernels->name,
                 c->r.reduction, c->r.dtype, c->r.axes, (long long)i, got, want);
    }
}

static double join(uint32_t kind, double total, double x) {
    if (kind == CPU_REDUCE_MAX) return isnan(total) || total > x ? total : x;
    if (kind == CPU_REDUCE_MIN) return isnan(total) || total < x ? total : x;
    return total + x;
}

static void reference_reduce(reduce_case *c) {
    const cpu_reduce *r = &c->r;
    double start = r->reduction == CPU_REDUCE_MAX   ? -(double)INFINITY
                   : r->reduction == CPU_REDUCE_MIN ? (double)INFINITY
                                                    : 0;
    c->expected = new_bytes((size_t)c->kept * sizeof(double));
    c->sizes = new_bytes((size_t)c->kept * sizeof(double));
    for (int64_t i = 0; i < c->kept; i++) {
        c->expected[i] = start;
        c->sizes[i] = 0;
    }
    bool sums = r->reduction == CPU_REDUCE_SUM || r->reduction == CPU_REDUCE_MEAN;
    for (int64_t index = 0; index < c->total; index++) {
        int64_t rest = index, from = 0, to = 0, step = 1;
        for (uint32_t d = r->rank; d-- > 0; rest /= r->dims[d]) {
            int64_t at = rest % r->dims[d];
            from += at * r->strides[d];
            if (r->axes >> d & 1) continue;
            to += at * step;
            step *= r->dims[d];
        }
        double x = r->dtype == ORION_IR_F32 ? (double)((float *)c->x)[from]
                                            : (double)((int32_t *)c->x)[from];
        c->expected[to] = join(r->reduction, c->expected[to], x);
        if (sums) c->sizes[to] += fabs(x);
    }
    for (int64_t i = 0; i < c->kept; i++) {
        double n = (double)(c->total / c->kept);
        if (r->reduction == CPU_REDUCE_MEAN) c->expected[i] /= n, c->sizes[i] /= n;
        if (r->dtype == ORION_IR_F32) continue;
        c->expected[i] = fmin(fmax(c->expected[i], (double)INT32_MIN), (double)INT32_MAX);
    }
}

static void random_layout(kernel_test *t, reduce_case *c, int64_t *extent) {
    cpu_reduce *r = &c->r;
    int64_t step = random_between(t, 0, 4) == 0 ? 2 : 1;
    c->kept = c->total = 1;
    bool reversed = random_between(t, 0, 4) == 0;
    *extent = 1;
    for (uint32_t i = r->rank; i-- > 0;) {
        uint32_t d = reversed ? r->rank - 1 - i : i;
        r->strides[d] = step;
        *extent += (r->dims[d] - 1) * step;
        step *= r->dims[d];
        c->total *= r->dims[d];
        if ((r->axes >> d & 1) == 0) c->kept *= r->dims[d];
    }
}

static void test_reduce(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 300; i++) {
        reduce_case c = {.r.rank = (uint32_t)random_between(t, 0, 5)};
        bool integers = random_between(t, 0, 3) == 0;
        c.r.dtype = integers ? ORION_IR_I32 : ORION_IR_F32;
        c.r.reduction = (uint32_t)random_between(t, CPU_REDUCE_SUM, CPU_REDUCE_MIN);
        if (integers && c.r.reduction == CPU_REDUCE_MEAN) c.r.reduction = CPU_REDUCE_SUM;
        c.r.axes = (uint32_t)random_between(t, 0, 31) & ((1u << c.r.rank) - 1);
        int64_t limit = 1;
        for (uint32_t d = 0; d < c.r.rank; d++) {
            c.r.dims[d] = RANDOM_OF(t, 1, 2, 3, 7, 16, 33, 64, 130, 300);
            if (limit * c.r.dims[d] > 60000) c.r.dims[d] = 1;
            limit *= c.r.dims[d];
        }
        int64_t extent;
        random_layout(t, &c, &extent);
        float *x = random_floats(t, (size_t)extent, 1);
        c.x = x;
        for (int64_t k = 0; integers && k < extent; k++) {
            ((int32_t *)c.x)[k] = (int32_t)test_random(&t->random);
        }
        if (!integers && random_between(t, 0, 9) == 0) x[extent / 2] = NAN;
        reference_reduce(&c);
        for_all(t, (size_t)c.kept * 4, NULL, run_reduce, check_reduce, &c);
        free(c.x);
        free(c.expected);
        free(c.sizes);
    }
}

/* Long enough for chunks and for runs of columns. */
static void test_reduce_long(void **state) {
    kernel_test *t = *state;
    for (uint32_t axes = 1; axes <= 3; axes++) {
        for (uint32_t kind = CPU_REDUCE_SUM; kind <= CPU_REDUCE_MIN; kind++) {
            reduce_case c = {.r = {.reduction = kind,
                                   .dtype = ORION_IR_F32,
                                   .rank = 2,
                                   .axes = axes,
                                   .dims = {1013, 97},
                                   .strides = {97, 1}},
                             .total = 1013 * 97};
            c.kept = axes == 1 ? 97 : axes == 2 ? 1013 : 1;
            c.x = random_floats(t, 1013 * 97, 1);
            reference_reduce(&c);
            for_all(t, (size_t)c.kept * 4, NULL, run_reduce, check_reduce, &c);
            free(c.x);
            free(c.expected);
            free(c.sizes);
        }
    }
}

/* ---- softmax ---- */

typedef struct softmax_case {
    cpu_softmax s;
    float *x;
    bool in_place;
} softmax_case;

static size_t softmax_count(const cpu_softmax *s) {
    return (size_t)(s->outer * s->n * s->inner);
}

static void run_softmax(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    softmax_case *c = ctx;
    if (c->in_place) memcpy(out, c->x, softmax_count(&c->s) * sizeof(float));
    kernels->softmax(pool, &c->s, c->in_place ? out : c->x, out);
}

static void check_softmax(void *ctx, const cpu_kernels *kernels, const void *out) {
    const softmax_case *c = ctx;
    const cpu_softmax *s = &c->s;
    const float *y = out;
    for (int64_t line = 0; line < s->outer * s->inner; line++) {
        int64_t at = line / s->inner * s->n * s->inner + line % s->inner;
        double max = -(double)INFINITY, sum = 0, longer = 2 + (double)s->n / 64;
        for (int64_t i = 0; i < s->n; i++) max = fmax(max, (double)c->x[at + i * s->inner]);
        for (int64_t i = 0; i < s->n; i++) sum += exp((double)c->x[at + i * s->inner] - max);
        for (int64_t i = 0; i < s->n; i++) {
            double d = (double)c->x[at + i * s->inner] - max;
            double want = s->log ? d - log(sum) : exp(d) / sum;
            double slack = s->log ? (fabs(d) + log(sum) + longer) * 0x1p-22
                                  : want * (longer - d) * 0x1p-22 + 0x1p-149;
            double got = (double)y[at + i * s->inner];
            if (fabs(got - want) <= slack) continue;
            fail_msg("%s: %s of %lld, inner %lld: %.9g, not %.9g", kernels->name,
                     s->log ? "log_softmax" : "softmax", (long long)s->n, (long long)s->inner, got,
                     want);
        }
    }
}

static void test_softmax(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 120; i++) {
        softmax_case c = {.in_place = i & 1};
        c.s.outer = RANDOM_OF(t, 1, 2, 5, 40);
        c.s.n = RANDOM_OF(t, 1, 2, 15, 16, 17, 64, 100, 513);
        c.s.inner = RANDOM_OF(t, 1, 1, 2, 7, 16, 19);
        c.s.log = i & 2;
        c.x = random_floats(t, softmax_count(&c.s), (double)RANDOM_OF(t, 1, 30, 1000));
        for_all(t, softmax_count(&c.s) * sizeof(float), NULL, run_softmax, check_softmax, &c);
        free(c.x);
    }
}

static void run_log_sum_exp(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    softmax_case *c = ctx;
    kernels->log_sum_exp(pool, &c->s, c->x, out);
}

static void check_log_sum_exp(void *ctx, const cpu_kernels *kernels, const void *out) {
    const softmax_case *c = ctx;
    const cpu_softmax *s = &c->s;
    for (int64_t line = 0; line < s->outer * s->inner; line++) {
        int64_t at = line / s->inner * s->n * s->inner + line % s->inner;
        double max = -(double)INFINITY, sum = 0;
        for (int64_t i = 0; i < s->n; i++) max = fmax(max, (double)c->x[at + i * s->inner]);
        for (int64_t i = 0; i < s->n; i++) sum += exp((double)c->x[at + i * s->inner] - max);
        double want = isinf(max) ? max : max + log(sum), got = (double)((const float *)out)[line];
        double slack = (fabs(max) + log((double)s->n) + 2) * 0x1p-22;
        if (got == want || fabs(got - want) <= slack) continue;
        fail_msg("%s: log_sum_exp of %lld, inner %lld: %.9g, not %.9g", kernels->name,
                 (long long)s->n, (long long)s->inner, got, want);
    }
}

static void test_log_sum_exp(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 60; i++) {
        softmax_case c = {.s.outer = RANDOM_OF(t, 1, 2, 40), .s.inner = RANDOM_OF(t, 1, 1, 7, 19)};
        c.s.n = RANDOM_OF(t, 1, 2, 16, 17, 100);
        c.x = random_floats(t, softmax_count(&c.s), (double)RANDOM_OF(t, 1, 30, 1000));
        for (size_t k = 0; i % 3 == 0 && k < softmax_count(&c.s); k++) {
            if (random_between(t, 0, 3) != 0) c.x[k] = -INFINITY;
        }
        if (i % 6 == 0) c.x[0] = INFINITY;
        size_t bytes = (size_t)(c.s.outer * c.s.inner) * sizeof(float);
        for_all(t, bytes, NULL, run_log_sum_exp, check_log_sum_exp, &c);
        free(c.x);
    }
}

/* ---- where the extreme is ---- */

typedef struct arg_case {
    cpu_arg a;
    void *x;
} arg_case;

static void run_arg(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    arg_case *c = ctx;
    kernels->arg(pool, &c->a, c->x, out);
}

static void check_arg(void *ctx, const cpu_kernels *kernels, const void *out) {
    const arg_case *c = ctx;
    const cpu_arg *a = &c->a;
    for (int64_t line = 0; line < a->outer * a->inner; line++) {
        int64_t at = line / a->inner * a->n * a->inner + line % a->inner, want = -1;
        double extreme = 0;
        for (int64_t i = 0; i < a->n; i++) {
            int64_t place = at + i * a->inner;
            double x = a->dtype == ORION_IR_F32 ? (double)((float *)c->x)[place]
                                                : (double)((int32_t *)c->x)[place];
            bool better = a->least ? x < extreme : x > extreme;
            if (want < 0 || (!isnan(extreme) && (isnan(x) || better))) {
                want = i;
                extreme = x;
            }
        }
        if (((const int32_t *)out)[line] == want) continue;
        fail_msg("%s: arg %s of %lld, inner %lld: %d, not %lld", kernels->name,
                 a->least ? "min" : "max", (long long)a->n, (long long)a->inner,
                 ((const int32_t *)out)[line], (long long)want);
    }
}

static void test_arg(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 100; i++) {
        arg_case c = {.a = {.outer = RANDOM_OF(t, 1, 3, 40), .inner = RANDOM_OF(t, 1, 1, 5, 20)}};
        c.a.n = RANDOM_OF(t, 1, 2, 17, 100, 600);
        c.a.least = i & 1;
        c.a.dtype = i % 5 == 4 ? ORION_IR_I32 : ORION_IR_F32;
        size_t count = (size_t)(c.a.outer * c.a.n * c.a.inner);
        float *x = random_floats(t, count, 4);
        c.x = x;
        for (size_t k = 0; k < count; k++) {
            if (i & 2) x[k] = floorf(x[k]); /* many are equal */
            if (i % 10 == 3 && random_between(t, 0, 99) == 0) x[k] = NAN;
            if (c.a.dtype == ORION_IR_I32) ((int32_t *)c.x)[k] = (int32_t)random_between(t, -9, 9);
        }
        size_t bytes = (size_t)(c.a.outer * c.a.inner) * sizeof(int32_t);
        for_all(t, bytes, NULL, run_arg, check_arg, &c);
        free(c.x);
    }
}

/* ---- norms ---- */

typedef struct norm_case {
    cpu_norm n;
    float *x, *gamma, *beta; /* beta NULL: rms norm */
} norm_case;

static void run_norm(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    norm_case *c = ctx;
    if (c->beta == NULL) {
        kernels->rms_norm(pool, &c->n, c->x, c->gamma, out);
    } else {
        kernels->layer_norm(pool, &c->n, c->x, c->gamma, c->beta, out);
    }
}

static void check_norm(void *ctx, const cpu_kernels *kernels, const void *out) {
    const norm_case *c = ctx;
    const float *y = out;
    for (int64_t r = 0; r < c->n.rows; r++) {
        const float *x = c->x + r * c->n.x_stride;
        double mean = 0, square = 0, d = (double)c->n.d;
        for (int64_t i = 0; i < c->n.d && c->beta != NULL; i++) mean += (double)x[i] / d;
        for (int64_t i = 0; i < c->n.d; i++) {
            square += ((double)x[i] - mean) * ((double)x[i] - mean) / d;
        }
        double scale = 1 / sqrt(square + c->n.epsilon);
        for (int64_t i = 0; i < c->n.d; i++) {
            double want = ((double)x[i] - mean) * scale * (double)c->gamma[i];
            if (c->beta != NULL) want += (double)c->beta[i];
            double got = (double)y[r * c->n.y_stride + i];
            double slack = (fabs((double)x[i]) + fabs(mean)) * scale * 0x1p-20 + 0x1p-21;
            if (fabs(got - want) <= slack) continue;
            fail_msg("%s: norm of %lld at %lld: %.9g, not %.9g", kernels->name, (long long)c->n.d,
                     (long long)i, got, want);
        }
    }
}

static void test_norms(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 80; i++) {
        norm_case c = {.n.rows = RANDOM_OF(t, 1, 2, 9, 130), .n.epsilon = 1e-5};
        c.n.d = RANDOM_OF(t, 1, 3, 16, 17, 64, 65, 288, 768);
        c.n.x_stride = c.n.d + random_between(t, 0, 2);
        c.n.y_stride = c.n.d;
        c.x = random_floats(t, (size_t)((c.n.rows - 1) * c.n.x_stride + c.n.d), 3);
        c.gamma = random_floats(t, (size_t)c.n.d, 1);
        if (i & 1) c.beta = random_floats(t, (size_t)c.n.d, 1);
        for_all(t, (size_t)(c.n.rows * c.n.d) * sizeof(float), NULL, run_norm, check_norm, &c);
        free(c.x);
        free(c.gamma);
        free(c.beta);
    }
}

/* ---- cross entropy ---- */

typedef struct loss_case {
    int64_t rows, classes;
    float *logits;
    int32_t *targets;
    double expected;
} loss_case;

static void run_loss(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    loss_case *c = ctx;
    float *scratch = new_floats((size_t)c->rows);
    assert_int_equal(
        kernels->cross_entropy(pool, c->rows, c->classes, c->logits, c->targets, out, scratch),
        CPU_INDICES_OK);
    free(scratch);
}

static void check_loss(void *ctx, const cpu_kernels *kernels, const void *out) {
    const loss_case *c = ctx;
    double got = (double)*(const float *)out;
    if (fabs(got - c->expected) <= 1e-6 * (1 + c->expected)) return;
    fail_msg("%s: loss is %.9g, not %.9g", kernels->name, got, c->expected);
}

static void test_cross_entropy(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 40; i++) {
        loss_case c = {.rows = RANDOM_OF(t, 1, 3, 64), .classes = RANDOM_OF(t, 2, 17, 512, 1000)};
        c.logits = random_floats(t, (size_t)(c.rows * c.classes), 10);
        c.targets = new_bytes((size_t)c.rows * sizeof *c.targets);
        double total = 0;
        int counted = 0;
        for (int64_t r = 0; r < c.rows; r++) {
            c.targets[r] = (int32_t)random_between(t, i == 0 ? -1 : 0, i == 0 ? -1 : c.classes - 1);
            if (random_between(t, 0, 4) == 0) c.targets[r] = -100;
            if (c.targets[r] < 0) continue;
            const float *x = c.logits + r * c.classes;
            double sum = 0;
            for (int64_t k = 0; k < c.classes; k++) sum += exp((double)x[k]);
            total += log(sum) - (double)x[c.targets[r]];
            counted++;
        }
        c.expected = counted == 0 ? 0 : total / counted;
        for_all(t, sizeof(float), NULL, run_loss, check_loss, &c);
        float loss, scratch[64];
        c.targets[c.rows - 1] = (int32_t)c.classes;
        assert_int_equal(kernel_set(0)->cross_entropy(NULL, c.rows, c.classes, c.logits, c.targets,
                                                      &loss, scratch),
                         c.rows - 1);
        free(c.logits);
        free(c.targets);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reduce),        cmocka_unit_test(test_reduce_long),
        cmocka_unit_test(test_softmax),       cmocka_unit_test(test_norms),
        cmocka_unit_test(test_cross_entropy), cmocka_unit_test(test_log_sum_exp),
        cmocka_unit_test(test_arg),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
