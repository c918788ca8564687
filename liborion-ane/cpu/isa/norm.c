/* SPDX-License-Identifier: MIT */
/* RMS norm and layer norm of rows. */
#include "table.h"

#include "rows.h"

typedef struct norm_job {
    const cpu_norm *n;
    const float *x, *gamma, *beta;
    float *y;
    cpu_cut cut;
} norm_job;

/* y = (x - mean) * scale * gamma + beta, the last only if there is a beta. */
INLINE void apply(const norm_job *j, const float *x, float mean, float scale, float *y) {
    int64_t d = j->n->d;
    for (int64_t i = 0; i < d; i += VL) {
        int64_t n = ORN_MIN(d - i, VL);
        vf v = n == VL ? v_load(x + i) : v_load_n(x + i, n);
        vf g = n == VL ? v_load(j->gamma + i) : v_load_n(j->gamma + i, n);
        if (j->beta == NULL) {
            v = v * scale * g;
        } else {
            vf b = n == VL ? v_load(j->beta + i) : v_load_n(j->beta + i, n);
            v = v_fma((v - mean) * scale, g, b);
        }
        if (n == VL) {
            v_store(y + i, v);
        } else {
            v_store_n(y + i, v, n);
        }
    }
}

static void norm_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const norm_job *j = ctx;
    int64_t d = j->n->d;
    for (int64_t r = cpu_cut_begin(j->cut, task); r < cpu_cut_end(j->cut, task); r++) {
        const float *x = j->x + r * j->n->x_stride;
        float mean = 0, squares;
        if (j->beta == NULL) {
            squares = row_sum_squares(x, d);
        } else {
            mean = row_sum(x, d) / (float)d;
            squares = row_sum_deviations(x, d, mean);
        }
        double scale = 1 / sqrt((double)squares / (double)d + j->n->epsilon);
        apply(j, x, mean, (float)scale, j->y + r * j->n->y_stride);
    }
}

static void run(cpu_pool *pool, norm_job *j) {
    j->cut = cpu_cut_by(j->n->rows, 4 * j->n->d);
    cpu_pool_run(pool, cpu_cut_tasks(j->cut), norm_task, j);
}

void CPU_FN(rms_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                      float *y) {
    norm_job j = {.n = n, .x = x, .gamma = gamma, .y = y};
    run(pool, &j);
}

void CPU_FN(layer_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                        const float *beta, float *y) {
    norm_job j = {.n = n, .x = x, .gamma = gamma, .beta = beta, .y = y};
    run(pool, &j);
}
