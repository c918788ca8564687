/* SPDX-License-Identifier: MIT */
/* Moving whole pieces of memory: gather, slice update, and the plan-time part of rope. */
#include "kernels.h"

#include <math.h>

void cpu_rope_frequencies(double theta, int64_t d, double *out) {
    for (int64_t j = 0; j < d / 2; j++) out[j] = pow(theta, -2 * (double)j / (double)d);
}

typedef struct gather_job {
    const cpu_gather *g;
    const char *x;
    const int32_t *indices;
    char *y;
    cpu_cut cut; /* of outer x count */
} gather_job;

static void gather_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const gather_job *j = ctx;
    const cpu_gather *g = j->g;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t row = i / g->count * g->extent + j->indices[i % g->count];
        memcpy(j->y + (size_t)i * g->inner_bytes, j->x + (size_t)row * g->inner_bytes,
               g->inner_bytes);
    }
}

int64_t cpu_gather_rows(cpu_pool *pool, const cpu_gather *g, const void *x, const int32_t *indices,
                        void *y) {
    for (int64_t i = 0; i < g->count; i++) {
        if (indices[i] < 0 || indices[i] >= g->extent) return i;
    }
    gather_job j = {.g = g, .x = x, .indices = indices, .y = y};
    j.cut = cpu_cut_by(g->outer * g->count, (int64_t)(g->inner_bytes / sizeof(float)) + 8);
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), gather_task, &j);
    return CPU_INDICES_OK;
}

typedef struct update_job {
    const cpu_slice_update *s;
    const char *x, *update;
    size_t begin, bytes; /* of the update in a row, and how long it is there */
    char *y;
    cpu_cut cut; /* of outer */
} update_job;

static void update_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const update_job *j = ctx;
    size_t row_bytes = (size_t)j->s->extent * j->s->inner_bytes;
    size_t rest = row_bytes - j->begin - j->bytes;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        const char *x = j->x + (size_t)i * row_bytes;
        char *y = j->y + (size_t)i * row_bytes;
        if (x != y) {
            memcpy(y, x, j->begin);
            memcpy(y + j->begin + j->bytes, x + j->begin + j->bytes, rest);
        }
        memcpy(y + j->begin, j->update + (size_t)i * j->bytes, j->bytes);
    }
}

int64_t cpu_update_slice(cpu_pool *pool, const cpu_slice_update *s, const void *x,
                         const void *update, const int32_t *begin, void *y) {
    if (*begin < 0 || *begin > s->extent - s->count) return 0;
    update_job j = {.s = s,
                    .x = x,
                    .update = update,
                    .begin = (size_t)*begin * s->inner_bytes,
                    .bytes = (size_t)s->count * s->inner_bytes,
                    .y = y};
    int64_t touched = x == y ? s->count : s->extent;
    j.cut = cpu_cut_by(s->outer, touched * (int64_t)(s->inner_bytes / sizeof(float)) + 8);
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), update_task, &j);
    return CPU_INDICES_OK;
}
