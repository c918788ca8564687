/* SPDX-License-Identifier: MIT */
/*
 * Strided copies and scatter_add.
 *
 * A copy's axes are sorted by the strides of the destination, so that writing goes forward, and
 * joined where both sides step evenly.  What remains is one of three: runs that are packed on both
 * sides (memcpy), two axes that are packed on one side each (a transposition, done in squares that
 * pass through registers), or anything else, element by element.
 */
#include "table.h"

#include "simd.h"

/* ---- axes ---- */

typedef struct copy_axes {
    uint32_t rank;
    int64_t dims[CPU_RANK_MAX + 1], src[CPU_RANK_MAX + 1], dst[CPU_RANK_MAX + 1];
} copy_axes;

static copy_axes sort_axes(const cpu_copy *c) {
    copy_axes a = {0};
    for (uint32_t d = 0; d < c->rank; d++) {
        if (c->dims[d] == 1) continue;
        uint32_t at = a.rank++;
        for (; at > 0 && a.dst[at - 1] < c->dst_strides[d]; at--) {
            a.dims[at] = a.dims[at - 1];
            a.src[at] = a.src[at - 1];
            a.dst[at] = a.dst[at - 1];
        }
        a.dims[at] = c->dims[d];
        a.src[at] = c->src_strides[d];
        a.dst[at] = c->dst_strides[d];
    }
    uint32_t rank = 0;
    for (uint32_t d = 0; d < a.rank; d++) {
        bool joins = rank > 0 && a.dst[rank - 1] == a.dst[d] * a.dims[d] &&
                     a.src[rank - 1] == a.src[d] * a.dims[d];
        if (joins) {
            rank--;
            a.dims[d] *= a.dims[rank];
        }
        a.dims[rank] = a.dims[d];
        a.src[rank] = a.src[d];
        a.dst[rank++] = a.dst[d];
    }
    a.rank = rank;
    return a;
}

static void remove_axis(copy_axes *a, uint32_t axis) {
    a->rank--;
    for (uint32_t d = axis; d < a->rank; d++) {
        a->dims[d] = a->dims[d + 1];
        a->src[d] = a->src[d + 1];
        a->dst[d] = a->dst[d + 1];
    }
}

/* ---- a line or a square of elements ---- */

typedef struct copy_job {
    copy_axes outer;              /* walked one by one */
    int64_t dims[2];              /* rows and columns of the inner part; rows 1: a line */
    int64_t src[2], dst[2];       /* its strides, in bytes */
    int64_t rows_each, cols_each; /* of a piece of the inner part, which is the unit of tasks */
    int64_t row_pieces, col_pieces;
    size_t size;
    const char *from;
    char *to;
    cpu_cut cut;
} copy_job;

INLINE void copy_one(size_t size, const char *from, char *to) {
    memcpy(to, from, size);
}

/* n elements with constant size. */
INLINE void copy_line(size_t size, int64_t n, const char *from, int64_t src, char *to,
                      int64_t dst) {
    for (int64_t i = 0; i < n; i++) copy_one(size, from + i * src, to + i * dst);
}

static void line(const copy_job *j, int64_t n, const char *from, char *to) {
    int64_t size = (int64_t)j->size;
    if (j->src[1] == size && j->dst[1] == size) {
        memcpy(to, from, (size_t)(n * size));
    } else if (size == 4) {
        copy_line(4, n, from, j->src[1], to, j->dst[1]);
    } else if (size == 2) {
        copy_line(2, n, from, j->src[1], to, j->dst[1]);
    } else {
        copy_line(1, n, from, j->src[1], to, j->dst[1]);
    }
}

/* VL x VL elements of 4 bytes: src packed along rows of the square, dst along columns. */
INLINE void turn_square(const char *from, int64_t src, char *to, int64_t dst) {
    vf square[VL];
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) square[i] = v_load((const float *)(const void *)(from + i * src));
    v_transpose(square);
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) v_store((float *)(void *)(to + i * dst), square[i]);
}

/*
 * rows x cols of a transposition: src is packed along rows (src[0] is the size), dst along columns
 * (dst[1] is the size).  In squares, so that a cache line of either side is used while it is there.
 */
static void turn(const copy_job *j, int64_t rows, int64_t cols, const char *from, char *to) {
    int64_t r_end = j->size == 4 ? rows / VL * VL : 0, c_end = cols / VL * VL;
    for (int64_t c = 0; c < c_end; c += VL) {
        for (int64_t r = 0; r < r_end; r += VL) {
            turn_square(from + r * j->src[0] + c * j->src[1], j->src[1],
                        to + r * j->dst[0] + c * j->dst[1], j->dst[0]);
        }
    }
    for (int64_t r = 0; r < r_end; r++) {
        line(j, cols - c_end, from + r * j->src[0] + c_end * j->src[1],
             to + r * j->dst[0] + c_end * j->dst[1]);
    }
    for (int64_t r = r_end; r < rows; r++) {
        line(j, cols, from + r * j->src[0], to + r * j->dst[0]);
    }
}

static void copy_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const copy_job *j = ctx;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        int64_t col = i % j->col_pieces * j->cols_each, index = i / j->col_pieces;
        int64_t row = index % j->row_pieces * j->rows_each;
        index /= j->row_pieces;
        const char *from = j->from + row * j->src[0] + col * j->src[1];
        char *to = j->to + row * j->dst[0] + col * j->dst[1];
        for (uint32_t d = j->outer.rank; d-- > 0;) {
            from += index % j->outer.dims[d] * j->outer.src[d];
            to += index % j->outer.dims[d] * j->outer.dst[d];
            index /= j->outer.dims[d];
        }
        int64_t cols = ORN_MIN(j->dims[1] - col, j->cols_each);
        int64_t rows = ORN_MIN(j->dims[0] - row, j->rows_each);
        if (j->src[0] == (int64_t)j->size && j->dst[1] == (int64_t)j->size && rows > 1) {
            turn(j, rows, cols, from, to);
        } else {
            for (int64_t r = 0; r < rows; r++) {
                line(j, cols, from + r * j->src[0], to + r * j->dst[0]);
            }
        }
    }
}

/* The inner part: the last axis as columns, and as rows the axis along which src is packed if there
 * is one besides, else the last but one. */
static void take_inner(copy_job *j, copy_axes *a) {
    j->dims[0] = j->dims[1] = 1;
    j->src[0] = j->src[1] = j->dst[0] = j->dst[1] = 0;
    if (a->rank == 0) return;
    uint32_t last = a->rank - 1, rows = last;
    for (uint32_t d = 0; d < last; d++) {
        if (a->src[d] == (int64_t)j->size) rows = d;
    }
    if (rows == last && last > 0) rows = last - 1;
    j->dims[1] = a->dims[last];
    j->src[1] = a->src[last];
    j->dst[1] = a->dst[last];
    if (rows != last) {
        j->dims[0] = a->dims[rows];
        j->src[0] = a->src[rows];
        j->dst[0] = a->dst[rows];
    }
    remove_axis(a, last);
    if (rows != last) remove_axis(a, rows);
}

void CPU_FN(copy)(cpu_pool *pool, const cpu_copy *c, const void *src, void *dst) {
    if (src == dst) return;
    copy_job j = {.size = c->element_bytes, .from = src, .to = dst};
    j.outer = sort_axes(c);
    take_inner(&j, &j.outer);
    enum { ROWS_EACH = 64, COLS_EACH = 16 * 1024 };
    bool turns = j.src[1] != (int64_t)j.size && j.dims[0] > 1;
    j.rows_each = ROWS_EACH;
    j.cols_each = turns ? 4 * ROWS_EACH : COLS_EACH;
    j.row_pieces = cpu_ceil_div(j.dims[0], j.rows_each);
    j.col_pieces = cpu_ceil_div(j.dims[1], j.cols_each);
    int64_t count = j.row_pieces * j.col_pieces;
    for (uint32_t d = 0; d < j.outer.rank; d++) count *= j.outer.dims[d];
    int64_t piece = ORN_MIN(j.dims[0], j.rows_each) * ORN_MIN(j.dims[1], j.cols_each);
    j.cut = cpu_cut_by(count, turns ? 2 * piece : piece);
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), copy_task, &j);
}

/* ---- scatter_add ---- */

typedef struct scatter_job {
    const cpu_scatter_add *s;
    const float *updates;
    const int32_t *indices;
    float *y;
    cpu_cut cut; /* of columns */
} scatter_job;

/* All rows, a stripe of columns: rows may repeat, columns do not meet. */
static void scatter_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const scatter_job *j = ctx;
    int64_t begin = cpu_cut_begin(j->cut, task), end = cpu_cut_end(j->cut, task);
    for (int64_t i = 0; i < j->s->count; i++) {
        float *to = j->y + j->indices[i] * j->s->inner;
        const float *from = j->updates + i * j->s->inner;
        int64_t c = begin;
        for (; c + VL <= end; c += VL) v_store(to + c, v_load(to + c) + v_load(from + c));
        for (; c < end; c++) to[c] += from[c];
    }
}

int64_t CPU_FN(scatter_add)(cpu_pool *pool, const cpu_scatter_add *s, const float *x,
                            const float *updates, const int32_t *indices, float *y) {
    for (int64_t i = 0; i < s->count; i++) {
        if (indices[i] < 0 || indices[i] >= s->extent) return i;
    }
    cpu_copy whole = {.rank = 1,
                      .element_bytes = sizeof(float),
                      .dims = {s->extent * s->inner},
                      .src_strides = {sizeof(float)},
                      .dst_strides = {sizeof(float)}};
    CPU_FN(copy)(pool, &whole, x, y);
    scatter_job j = {s, updates, indices, y, cpu_cut_by(s->inner, 2 * s->count)};
    j.cut.grain = cpu_ceil_div(j.cut.grain, 64) * 64; /* whole cache lines, if y is aligned */
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), scatter_task, &j);
    return CPU_INDICES_OK;
}
