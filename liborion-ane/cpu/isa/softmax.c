/* SPDX-License-Identifier: MIT */
/* Softmax, its logarithm, and cross entropy. */
#include "table.h"

#include "rows.h"

/* ---- over the last axis ---- */

static void log_softmax_row(const float *x, int64_t n, float *y) {
    float max = row_max(x, n), log_sum = (float)log((double)row_sum_exp(x, n, max));
    int64_t i = 0;
    for (; i + VL <= n; i += VL) v_store(y + i, (v_load(x + i) - max) - log_sum);
    if (i < n) v_store_n(y + i, (v_load_n(x + i, n - i) - max) - log_sum, n - i);
}

/* ---- over another axis: columns side by side ---- */

/* `width` <= VL columns of x [n, inner]; three passes. */
static void softmax_columns(const cpu_softmax *s, const float *x, int64_t width, float *y) {
    vf max = v_set(-INFINITY), sum = {0};
    for (int64_t i = 0; i < s->n; i++) max = v_max(max, v_load_n(x + i * s->inner, width));
    for (int64_t i = 0; i < s->n; i++) {
        vf d = v_load_n(x + i * s->inner, width) - max, e = v_exp(d);
        sum += e;
        v_store_n(y + i * s->inner, s->log ? d : e, width);
    }
    vf scale = s->log ? v_log(sum) : 1.0f / sum;
    for (int64_t i = 0; i < s->n; i++) {
        vf v = v_load_n(y + i * s->inner, width);
        v_store_n(y + i * s->inner, s->log ? v - scale : v * scale, width);
    }
}

typedef struct softmax_job {
    const cpu_softmax *s;
    const float *x;
    float *y;
    cpu_cut cut; /* of rows, or of groups of VL columns */
} softmax_job;

static void rows_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const softmax_job *j = ctx;
    int64_t n = j->s->n;
    for (int64_t r = cpu_cut_begin(j->cut, task); r < cpu_cut_end(j->cut, task); r++) {
        if (j->s->log) {
            log_softmax_row(j->x + r * n, n, j->y + r * n);
        } else {
            softmax_row(j->x + r * n, n, j->y + r * n);
        }
    }
}

static void columns_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const softmax_job *j = ctx;
    int64_t inner = j->s->inner, groups = cpu_ceil_div(inner, VL);
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t column = i % groups * VL, at = i / groups * j->s->n * inner + column;
        softmax_columns(j->s, j->x + at, ORN_MIN(inner - column, VL), j->y + at);
    }
}

void CPU_FN(softmax)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y) {
    softmax_job j = {.s = s, .x = x, .y = y};
    if (s->inner == 1) {
        j.cut = cpu_cut_by(s->outer, 6 * s->n);
        cpu_pool_run(pool, cpu_cut_tasks(j.cut), rows_task, &j);
    } else {
        j.cut = cpu_cut_by(s->outer * cpu_ceil_div(s->inner, VL), 6 * VL * s->n);
        cpu_pool_run(pool, cpu_cut_tasks(j.cut), columns_task, &j);
    }
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
