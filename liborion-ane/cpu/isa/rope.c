/* SPDX-License-Identifier: MIT */
/* Rotary embedding: the table of cosines and sines, and the turning of pairs. */
#include "table.h"

#include "vmath.h"

/* ---- the table ---- */

typedef struct table_job {
    int64_t half;
    const double *frequencies;
    const int32_t *position;
    float *table;
    cpu_cut cut; /* of rows */
} table_job;

/* Angles are products in double, so a row far into a text is as exact as the first. */
static void table_row(const table_job *j, double position, float *cosines, float *sines) {
    for (int64_t i = 0; i < j->half; i += VL) {
        int64_t n = ORN_MIN(j->half - i, VL);
        vd angle = {0};
        for (int64_t l = 0; l < n; l++) angle[l] = position * j->frequencies[i + l];
        vi quarter;
        vf r = v_reduce_angle(angle, &quarter);
        v_store_n(cosines + i, v_quarter_sine(r, quarter + 1), n);
        v_store_n(sines + i, v_quarter_sine(r, quarter), n);
    }
}

static void far_row(const table_job *j, double position, float *cosines, float *sines) {
    for (int64_t i = 0; i < j->half; i++) {
        cosines[i] = (float)cos(position * j->frequencies[i]);
        sines[i] = (float)sin(position * j->frequencies[i]);
    }
}

static void table_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const table_job *j = ctx;
    for (int64_t t = cpu_cut_begin(j->cut, task); t < cpu_cut_end(j->cut, task); t++) {
        double position = (double)j->position[t];
        float *cosines = j->table + t * 2 * j->half, *sines = cosines + j->half;
        if (fabs(position) < V_TRIG_LIMIT) {
            table_row(j, position, cosines, sines);
        } else {
            far_row(j, position, cosines, sines);
        }
    }
}

void CPU_FN(rope_table)(cpu_pool *pool, int64_t rows, int64_t half, const double *frequencies,
                        const int32_t *position, float *table) {
    table_job j = {half, frequencies, position, table, cpu_cut_by(rows, 16 * half)};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), table_task, &j);
}

/* ---- turning ---- */

typedef struct rope_job {
    const cpu_rope *r;
    const float *x, *table;
    float *y;
    cpu_cut cut; /* of rows */
} rope_job;

/* Partners half a row apart. */
static void turn_halves(const float *x, const float *cosines, const float *sines, int64_t half,
                        float direction, float *y) {
    for (int64_t i = 0; i < half; i += VL) {
        int64_t n = ORN_MIN(half - i, VL);
        vf a = v_load_n(x + i, n), b = v_load_n(x + half + i, n);
        vf c = v_load_n(cosines + i, n), s = v_load_n(sines + i, n) * direction;
        v_store_n(y + i, v_fma(a, c, -(b * s)), n);
        v_store_n(y + half + i, v_fma(a, s, b * c), n);
    }
}

#define PAIR(i, unused) ((i) / 2)

/* Partners side by side: a vector holds VL/2 pairs, and its neighbour-swapped copy the partners. */
static void turn_neighbours(const float *x, const float *cosines, const float *sines, int64_t half,
                            float direction, float *y) {
    vf sign;
    for (int i = 0; i < VL; i++) sign[i] = i % 2 == 0 ? -direction : direction;
    for (int64_t i = 0; i < half; i += VL / 2) {
        int64_t pairs = ORN_MIN(half - i, VL / 2);
        vf v = v_load_n(x + 2 * i, 2 * pairs), c = v_load_n(cosines + i, pairs);
        vf s = v_load_n(sines + i, pairs);
        c = __builtin_shufflevector(c, c, V_LIST(PAIR, 0));
        s = __builtin_shufflevector(s, s, V_LIST(PAIR, 0)) * sign;
        v_store_n(y + 2 * i, v_fma(v, c, V_SWAP(v, 1) * s), 2 * pairs);
    }
}

static void rope_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const rope_job *j = ctx;
    const cpu_rope *r = j->r;
    int64_t half = r->dims[3] / 2;
    float direction = r->inverse ? -1.0f : 1.0f;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t t = i % r->dims[2], h = i / r->dims[2] % r->dims[1];
        int64_t b = i / r->dims[2] / r->dims[1];
        const float *x = j->x + b * r->x_strides[0] + h * r->x_strides[1] + t * r->x_strides[2];
        float *y = j->y + b * r->y_strides[0] + h * r->y_strides[1] + t * r->y_strides[2];
        const float *cosines = j->table + t * 2 * half, *sines = cosines + half;
        if (r->interleaved) {
            turn_neighbours(x, cosines, sines, half, direction, y);
        } else {
            turn_halves(x, cosines, sines, half, direction, y);
        }
    }
}

void CPU_FN(rope)(cpu_pool *pool, const cpu_rope *r, const float *x, const float *table, float *y) {
    int64_t rows = r->dims[0] * r->dims[1] * r->dims[2];
    rope_job j = {r, x, table, y, cpu_cut_by(rows, 2 * r->dims[3])};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), rope_task, &j);
}
