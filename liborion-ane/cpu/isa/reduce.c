/* SPDX-License-Identifier: MIT */
/*
 * Reductions over any axes.
 *
 * Axes are sorted into kept and reduced ones and joined where they step evenly.  Then one of four
 * ways, chosen by shape:
 *
 *  - all: everything is one packed run.  It is cut into chunks of a fixed size, whose results are
 *    kept in scratch and added in order, so that many threads may work on it.
 *  - rows: the innermost reduced axis is packed.  Its rows are summed as trees (rows.h) and the
 *    rows added in double.
 *  - columns: the innermost kept axis is packed.  Vectors of neighbours go down the reduced axes
 *    together; runs of COLUMN_RUN are summed before they join the total, which keeps the error of
 *    long columns small.
 *  - one by one, in double: strides that fit neither, and integers.
 *
 * Tasks take kept elements, so no sum is ever cut by them.
 */
#include "table.h"

#include "rows.h"

enum { CHUNK = 16 * 1024, COLUMN_VECTORS = 4, COLUMN_RUN = 256 };

typedef struct axes {
    uint32_t rank;
    int64_t count; /* of index tuples */
    int64_t dims[CPU_RANK_MAX], strides[CPU_RANK_MAX];
} axes;

/* The axes whose bit in r->axes is `reduced`, neighbours joined where x steps evenly. */
static axes sort_axes(const cpu_reduce *r, bool reduced) {
    axes a = {.count = 1};
    for (uint32_t d = 0; d < r->rank; d++) {
        if (((r->axes >> d & 1) != 0) != reduced || r->dims[d] == 1) continue;
        a.count *= r->dims[d];
        if (a.rank > 0 && a.strides[a.rank - 1] == r->strides[d] * r->dims[d]) {
            a.dims[a.rank - 1] *= r->dims[d];
            a.strides[a.rank - 1] = r->strides[d];
        } else {
            a.dims[a.rank] = r->dims[d];
            a.strides[a.rank++] = r->strides[d];
        }
    }
    return a;
}

static int64_t offset_of(const axes *a, int64_t index) {
    int64_t offset = 0;
    for (uint32_t d = a->rank; d-- > 0;) {
        offset += index % a->dims[d] * a->strides[d];
        index /= a->dims[d];
    }
    return offset;
}

/* Take the innermost axis away, if it is packed; its extent, or 1. */
static int64_t peel_packed(axes *a) {
    if (a->rank == 0 || a->strides[a->rank - 1] != 1) return 1;
    int64_t extent = a->dims[--a->rank];
    a->count /= extent;
    return extent;
}

typedef enum way { WAY_ALL, WAY_ROWS, WAY_COLUMNS, WAY_SINGLE } way;

typedef struct reduce_job {
    const cpu_reduce *r;
    cpu_reduction kind;
    axes kept, reduced;
    int64_t run;   /* extent of the packed axis that was peeled off: of reduced or of kept */
    int64_t total; /* elements reduced to one */
    const void *x;
    void *y;
    double *partials;
    cpu_cut cut;
} reduce_job;

static way choose(const cpu_reduce *r, reduce_job *j) {
    j->r = r;
    j->kind = (cpu_reduction)r->reduction;
    j->kept = sort_axes(r, false);
    j->reduced = sort_axes(r, true);
    j->total = j->reduced.count;
    j->run = 1;
    if (r->dtype != ORION_IR_F32) return WAY_SINGLE;
    j->run = peel_packed(&j->reduced);
    if (j->run > 1) {
        return j->kept.count == 1 && j->reduced.count == 1 && j->run > CHUNK ? WAY_ALL : WAY_ROWS;
    }
    j->run = peel_packed(&j->kept);
    return j->run > 1 ? WAY_COLUMNS : WAY_SINGLE;
}

/* ---- accumulating in double: sums of rows, extremes as they are ---- */

static double start(cpu_reduction kind) {
    if (kind == CPU_REDUCE_MAX) return -(double)INFINITY;
    return kind == CPU_REDUCE_MIN ? (double)INFINITY : 0;
}
static double join(cpu_reduction kind, double a, double b) {
    if (kind == CPU_REDUCE_MAX) return a > b || isnan(a) ? a : b;
    if (kind == CPU_REDUCE_MIN) return a < b || isnan(a) ? a : b;
    return a + b;
}
static double of_row(cpu_reduction kind, const float *x, int64_t n) {
    if (kind == CPU_REDUCE_MAX) return (double)row_max(x, n);
    return (double)(kind == CPU_REDUCE_MIN ? row_min(x, n) : row_sum(x, n));
}
static void finish(const reduce_job *j, int64_t at, double value) {
    if (j->kind == CPU_REDUCE_MEAN) value /= (double)j->total;
    if (j->r->dtype == ORION_IR_F32) {
        ((float *)j->y)[at] = (float)value;
    } else {
        /* Sums of less than 2^22 integers are exact in double, and longer ones saturate mostly. */
        ((int32_t *)j->y)[at] =
            (int32_t)ORN_MIN(ORN_MAX(value, (double)INT32_MIN), (double)INT32_MAX);
    }
}

/* ---- the four ways ---- */

static void chunk_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const reduce_job *j = ctx;
    int64_t begin = (int64_t)task * CHUNK, n = ORN_MIN(j->run - begin, CHUNK);
    j->partials[task] = of_row(j->kind, (const float *)j->x + begin, n);
}

static void rows_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const reduce_job *j = ctx;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        const float *x = (const float *)j->x + offset_of(&j->kept, i);
        double value = start(j->kind);
        for (int64_t k = 0; k < j->reduced.count; k++) {
            value = join(j->kind, value, of_row(j->kind, x + offset_of(&j->reduced, k), j->run));
        }
        finish(j, i, value);
    }
}

INLINE vf v_join(cpu_reduction kind, vf a, vf b) {
    if (kind == CPU_REDUCE_MAX) return v_max(a, b);
    return kind == CPU_REDUCE_MIN ? v_min(a, b) : a + b;
}

/* `vectors` vectors of neighbouring columns, of which the last has `last` lanes; both constant
 * where it matters. */
SPECIALISED void columns(const reduce_job *j, const float *x, cpu_reduction kind, int vectors,
                         int64_t last, float *y) {
    vf total[COLUMN_VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) total[v] = v_set((float)start(kind));
    for (int64_t k = 0; k < j->reduced.count; k += COLUMN_RUN) {
        int64_t end = ORN_MIN(j->reduced.count, k + COLUMN_RUN);
        vf sum[COLUMN_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) sum[v] = v_set((float)start(kind));
        for (int64_t i = k; i < end; i++) {
            const float *row = x + offset_of(&j->reduced, i);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) {
                int64_t n = v == vectors - 1 ? last : VL;
                vf lanes = n == VL ? v_load(row + v * VL) : v_load_n(row + v * VL, n);
                sum[v] = v_join(kind, sum[v], lanes);
            }
        }
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) total[v] = v_join(kind, total[v], sum[v]);
    }
    for (int v = 0; v < vectors; v++) {
        if (kind == CPU_REDUCE_MEAN) total[v] /= (float)j->total;
        v_store_n(y + v * VL, total[v], v == vectors - 1 ? last : VL);
    }
}

INLINE void columns_of_kind(const reduce_job *j, cpu_reduction kind, int64_t group) {
    const int64_t width = COLUMN_VECTORS * VL, groups = cpu_ceil_div(j->run, width);
    int64_t outer = group / groups, column = group % groups * width;
    const float *x = (const float *)j->x + offset_of(&j->kept, outer) + column;
    float *y = (float *)j->y + outer * j->run + column;
    int64_t left = ORN_MIN(j->run - column, width);
    if (left == width) {
        columns(j, x, kind, COLUMN_VECTORS, VL, y);
        return;
    }
    for (; left > 0; left -= VL, x += VL, y += VL) {
        columns(j, x, kind, 1, ORN_MIN(left, VL), y);
    }
}

static void columns_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const reduce_job *j = ctx;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        switch (j->kind) {
        case CPU_REDUCE_MAX: columns_of_kind(j, CPU_REDUCE_MAX, i); break;
        case CPU_REDUCE_MIN: columns_of_kind(j, CPU_REDUCE_MIN, i); break;
        case CPU_REDUCE_MEAN: columns_of_kind(j, CPU_REDUCE_MEAN, i); break;
        default: columns_of_kind(j, CPU_REDUCE_SUM, i); break;
        }
    }
}

static void single_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const reduce_job *j = ctx;
    bool floats = j->r->dtype == ORION_IR_F32;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t at = offset_of(&j->kept, i);
        double value = start(j->kind);
        for (int64_t k = 0; k < j->reduced.count; k++) {
            int64_t from = at + offset_of(&j->reduced, k);
            double x = floats ? (double)((const float *)j->x)[from]
                              : (double)((const int32_t *)j->x)[from];
            value = join(j->kind, value, x);
        }
        finish(j, i, value);
    }
}

size_t CPU_FN(reduce_scratch)(const cpu_reduce *r) {
    reduce_job j;
    if (choose(r, &j) != WAY_ALL) return 0;
    return (size_t)cpu_ceil_div(j.run, CHUNK) * sizeof(double);
}

void CPU_FN(reduce)(cpu_pool *pool, const cpu_reduce *r, const void *x, void *y, void *scratch) {
    reduce_job j;
    way how = choose(r, &j);
    j.x = x;
    j.y = y;
    j.partials = scratch;
    if (how == WAY_ALL) {
        size_t chunks = (size_t)cpu_ceil_div(j.run, CHUNK);
        cpu_pool_run(pool, chunks, chunk_task, &j);
        double value = start(j.kind);
        for (size_t i = 0; i < chunks; i++) value = join(j.kind, value, j.partials[i]);
        finish(&j, 0, value);
    } else if (how == WAY_ROWS) {
        j.cut = cpu_cut_by(j.kept.count, j.total);
        cpu_pool_run(pool, cpu_cut_tasks(j.cut), rows_task, &j);
    } else if (how == WAY_COLUMNS) {
        const int64_t width = COLUMN_VECTORS * VL;
        j.cut = cpu_cut_by(j.kept.count * cpu_ceil_div(j.run, width), j.total * width);
        cpu_pool_run(pool, cpu_cut_tasks(j.cut), columns_task, &j);
    } else {
        j.cut = cpu_cut_by(j.kept.count, 8 * j.total);
        cpu_pool_run(pool, cpu_cut_tasks(j.cut), single_task, &j);
    }
}

/* ---- where the extreme is ---- */

typedef struct arg_job {
    const cpu_arg *a;
    const void *x;
    int32_t *y;
    cpu_cut cut; /* of outer x inner */
} arg_job;

/* A packed row: its extreme first, which is fast, then the first element like it. */
static int32_t arg_of_row(const float *x, int64_t n, bool least) {
    float extreme = least ? row_min(x, n) : row_max(x, n);
    int32_t i = 0;
    if (isnan(extreme)) {
        while (!isnan(x[i])) i++;
    } else {
        while (!(x[i] == extreme)) i++;
    }
    return i;
}

static double number_at(const arg_job *j, int64_t at) {
    return j->a->dtype == ORION_IR_F32 ? (double)((const float *)j->x)[at]
                                       : (double)((const int32_t *)j->x)[at];
}

static int32_t arg_of_line(const arg_job *j, int64_t at) {
    int32_t best = 0;
    double extreme = number_at(j, at);
    for (int64_t i = 1; i < j->a->n && !isnan(extreme); i++) {
        double x = number_at(j, at + i * j->a->inner);
        if (!isnan(x) && (j->a->least ? x >= extreme : x <= extreme)) continue;
        extreme = x;
        best = (int32_t)i;
    }
    return best;
}

static void arg_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const arg_job *j = ctx;
    const cpu_arg *a = j->a;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t at = i / a->inner * a->n * a->inner + i % a->inner;
        bool packed = a->inner == 1 && a->dtype == ORION_IR_F32;
        j->y[i] =
            packed ? arg_of_row((const float *)j->x + at, a->n, a->least) : arg_of_line(j, at);
    }
}

void CPU_FN(arg)(cpu_pool *pool, const cpu_arg *a, const void *x, int32_t *y) {
    arg_job j = {a, x, y, cpu_cut_by(a->outer * a->inner, (a->inner == 1 ? 2 : 8) * a->n)};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), arg_task, &j);
}
