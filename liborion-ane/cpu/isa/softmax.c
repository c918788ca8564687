/* SPDX-License-Identifier: MIT */
/* Softmax, its logarithm, the logarithm of its denominator, and cross entropy. */
#include "table.h"

#include "rows.h"

/* ---- over the last axis ---- */

static void log_softmax_row(const float *x, int64_t n, float *y) {
    float max = row_max(x, n), log_sum = (float)log((double)row_sum_exp(x, n, max));
    int64_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, (v_load(x + i) - max) - log_sum);
    if (i < n) v_store_n(y + i, (v_load_n(x + i, n - i) - max) - log_sum, n - i);
}

/* log(sum(e^x)); an infinite maximum is the result, and would not survive the subtraction. */
static float log_sum_exp_row(const float *x, int64_t n) {
    float max = row_max(x, n);
    if (isinf(max)) return max;
    return (float)((double)max + log((double)row_sum_exp(x, n, max)));
}

/* ---- over another axis: columns side by side ---- */

/* Sum of e^(x - max) of `width` <= VL columns of x [n, inner]. */
INLINE vf column_sums(const cpu_softmax *s, const float *x, int64_t width, vf *max) {
    vf sum = {0};
    *max = v_set(-INFINITY);
    for (int64_t i = 0; i < s->n; i++) *max = v_max(*max, v_load_n(x + i * s->inner, width));
    for (int64_t i = 0; i < s->n; i++) sum += v_exp(v_load_n(x + i * s->inner, width) - *max);
    return sum;
}

static void softmax_columns(const cpu_softmax *s, const float *x, int64_t width, float *y) {
    vf max, sum = column_sums(s, x, width, &max);
    vf scale = s->log ? v_log(sum) : 1.0f / sum;
    for (int64_t i = 0; i < s->n; i++) {
        vf d = v_load_n(x + i * s->inner, width) - max;
        v_store_n(y + i * s->inner, s->log ? d - scale : v_exp(d) * scale, width);
    }
}

static void log_sum_exp_columns(const cpu_softmax *s, const float *x, int64_t width, float *y) {
    vf max, sum = column_sums(s, x, width, &max);
    vm infinite = v_eq(v_abs(max), v_set(INFINITY));
    v_store_n(y, v_select(infinite, max, max + v_log(sum)), width);
}

/* ---- tasks ---- */

typedef struct softmax_job {
    const cpu_softmax *s;
    const float *x;
    float *y;
    bool reduces; /* to log_sum_exp */
    cpu_cut cut;  /* of rows, or of groups of VL columns */
} softmax_job;

static void rows_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const softmax_job *j = ctx;
    int64_t n = j->s->n;
    for (int64_t r = cpu_cut_begin(j->cut, task); r < cpu_cut_end(j->cut, task); r++) {
        if (j->reduces) {
            j->y[r] = log_sum_exp_row(j->x + r * n, n);
        } else if (j->s->log) {
            log_softmax_row(j->x + r * n, n, j->y + r * n);
        } else {
            softmax_row(j->x + r * n, n, j->y + r * n);
        }
    }
}

static void columns_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const softmax_job *j = ctx;
    int64_t inner = j->s->inner, n = j->s->n, groups = cpu_ceil_div(inner, VL);
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t column = i % groups * VL, outer = i / groups, width = ORN_MIN(inner - column, VL);
        const float *x = j->x + outer * n * inner + column;
        if (j->reduces) {
            log_sum_exp_columns(j->s, x, width, j->y + outer * inner + column);
        } else {
            softmax_columns(j->s, x, width, j->y + outer * n * inner + column);
        }
    }
}

static void run(cpu_pool *pool, softmax_job *j) {
    const cpu_softmax *s = j->s;
    if (s->inner == 1) {
        j->cut = cpu_cut_by(s->outer, 6 * s->n);
        cpu_pool_run(pool, cpu_cut_tasks(j->cut), rows_task, j);
    } else {
        j->cut = cpu_cut_by(s->outer * cpu_ceil_div(s->inner, VL), 10 * VL * s->n);
        cpu_pool_run(pool, cpu_cut_tasks(j->cut), columns_task, j);
    }
}

void CPU_FN(softmax)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y) {
    softmax_job j = {.s = s, .x = x, .y = y};
    run(pool, &j);
}

void CPU_FN(log_sum_exp)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y) {
    softmax_job j = {.s = s, .x = x, .y = y, .reduces = true};
    run(pool, &j);
}

/* ---- cross entropy ---- */

typedef struct loss_job {
    int64_t classes;
    const float *logits;
    const int32_t *targets;
    float *losses; /* per row */
    cpu_cut cut;
} loss_job;

static void loss_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const loss_job *j = ctx;
    for (int64_t r = cpu_cut_begin(j->cut, task); r < cpu_cut_end(j->cut, task); r++) {
        if (j->targets[r] < 0) continue;
        const float *x = j->logits + r * j->classes;
        float max = row_max(x, j->classes);
        double log_sum = log((double)row_sum_exp(x, j->classes, max));
        j->losses[r] = (float)(log_sum - ((double)x[j->targets[r]] - (double)max));
    }
}

int64_t CPU_FN(cross_entropy)(cpu_pool *pool, int64_t rows, int64_t classes, const float *logits,
                              const int32_t *targets, float *loss, float *scratch) {
    for (int64_t r = 0; r < rows; r++) {
        if (targets[r] >= classes) return r;
    }
    loss_job j = {classes, logits, targets, scratch, cpu_cut_by(rows, 4 * classes)};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), loss_task, &j);
    double total = 0;
    int64_t counted = 0;
    for (int64_t r = 0; r < rows; r++) {
        if (targets[r] < 0) continue;
        total += (double)scratch[r];
        counted++;
    }
    *loss = counted == 0 ? 0.0f : (float)(total / (double)counted);
    return CPU_INDICES_OK;
}
