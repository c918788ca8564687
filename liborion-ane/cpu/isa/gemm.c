/* SPDX-License-Identifier: MIT */
/*
 * Matrix products: which way, packing, blocks, threads.
 *
 * Three ways, chosen by shape alone:
 *
 *  - dots: few rows of a against rows of b as stored (trans_b).  Nothing is copied and every weight
 *    is read once: the speed is that of memory.
 *  - tiles without packing: b is read as it is when it is small enough to stay in cache, or too
 *    rarely read again to pay for a copy; so is a.
 *  - tiles with packing: c is cut into column blocks of BLOCK_N, k into blocks of at most BLOCK_K.
 *    A task packs one BLOCK_K x BLOCK_N block of b (L2), then for every BLOCK_M rows of a packs
 *    those (L2) and walks the tiles: panels of b (L1) outside, panels of a inside.
 *
 * A task owns a rectangle of c and all of k, so nothing is shared and there are no barriers.
 * Partial sums over blocks of k are added in order into c.  The cut of k and the way depend on
 * shape only; the rectangles may depend on the threads, as no value depends on them.
 */
#include "gemm.h"

enum { BLOCK_M = TILE_ROWS * 12, BLOCK_N = 256, BLOCK_K = 256 };

typedef struct plan {
    int64_t kc;        /* k per block */
    bool dots;         /* few rows of a, trans_b */
    bool dots_columns; /* few columns of b: the same with a and b exchanged */
    bool pack_a, pack_b;
} plan;

/* k in equal blocks of at most BLOCK_K, except that a little more is not worth a second block. */
static int64_t k_block(int64_t k) {
    if (k <= BLOCK_K + BLOCK_K / 4) return ORN_MAX(k, 1);
    int64_t blocks = cpu_ceil_div(k, BLOCK_K);
    return cpu_ceil_div(cpu_ceil_div(k, blocks), 8) * 8;
}

static plan make_plan(const cpu_gemm *g) {
    plan p = {.kc = k_block(g->k)};
    if (!g->packed && g->trans_b && !g->trans_a && g->m <= 16) {
        p.dots = true;
        return p;
    }
    bool thin = g->trans_b ? g->n <= 4 : g->n == 1 && g->ldb == 1;
    if (!g->packed && !g->trans_a && thin && g->m > g->n) {
        p.dots_columns = true;
        return p;
    }
    if (g->m <= TILE_ROWS && (g->packed || !g->trans_b)) {
        p.kc = ORN_MAX(g->k, 1);
        return p;
    }
    p.pack_a = g->n > 4 * PANEL;
    p.pack_b = !g->packed && (g->trans_b || g->m > 2 * TILE_ROWS) &&
               (g->trans_b || g->k * g->n > 64 * 256);
    return p;
}

/* ---- packing ---- */

/* Panels of PANEL columns, each [kc, PANEL], 0 beyond the last column, of columns n .. n + cols. */
static void pack_rows(const float *b, int64_t ldb, int64_t kc, int64_t cols, float *out) {
    for (int64_t j = 0; j < cols; j += PANEL) {
        int64_t width = ORN_MIN(cols - j, PANEL);
        for (int64_t k = 0; k < kc; k++) {
            const float *row = b + k * ldb + j;
            for (int v = 0; v < TILE_VECTORS; v++) {
                int64_t n = ORN_MIN(ORN_MAX(width - v * VL, 0), VL);
                v_store(out + v * VL, n == VL ? v_load(row + v * VL) : v_load_n(row + v * VL, n));
            }
            out += PANEL;
        }
    }
}

/*
 * Vectors of `width` <= VL rows of a row-major matrix, turned: out[k * step + i] = in[i * ld + k].
 * `whole`: VL lanes are stored, 0 beyond width; else only width.
 */
INLINE void turn(const float *in, int64_t ld, int64_t kc, int64_t width, bool whole, float *out,
                 int64_t step) {
    for (int64_t k = 0; k < kc; k += VL) {
        int64_t depth = ORN_MIN(kc - k, VL);
        vf square[VL];
        if (width == VL && depth == VL) {
#pragma GCC unroll 16
            for (int i = 0; i < VL; i++) square[i] = v_load(in + i * ld + k);
        } else {
            for (int i = 0; i < VL; i++) {
                square[i] = i < width ? v_load_n(in + i * ld + k, depth) : (vf){0};
            }
        }
        v_transpose(square);
        if (depth == VL && (whole || width == VL)) {
#pragma GCC unroll 16
            for (int i = 0; i < VL; i++) v_store(out + (k + i) * step, square[i]);
        } else {
            for (int i = 0; i < depth; i++) {
                v_store_n(out + (k + i) * step, square[i], whole ? VL : width);
            }
        }
    }
}

static void pack_columns(const float *b, int64_t ldb, int64_t kc, int64_t cols, float *out) {
    for (int64_t j = 0; j < cols; j += PANEL) {
        for (int v = 0; v < TILE_VECTORS; v++) {
            int64_t n = j + v * VL, width = ORN_MIN(ORN_MAX(cols - n, 0), VL);
            turn(b + n * ldb, ldb, kc, width, true, out + v * VL, PANEL);
        }
        out += kc * PANEL;
    }
}

/* Panels of TILE_ROWS rows of op(a) (fewer in the last), each [kc, rows]. */
static void pack_a(const cpu_gemm *g, const float *a, int64_t m, int64_t rows, int64_t k,
                   int64_t kc, float *out) {
    for (int64_t i = 0; i < rows; i += TILE_ROWS) {
        int64_t height = ORN_MIN(rows - i, TILE_ROWS);
        for (int64_t v = 0; v < height; v += VL) {
            int64_t width = ORN_MIN(height - v, VL);
            if (!g->trans_a) {
                turn(a + (m + i + v) * g->lda + k, g->lda, kc, width, false, out + v, height);
                continue;
            }
            const float *from = a + k * g->lda + m + i + v;
            for (int64_t kk = 0; kk < kc; kk++) {
                v_store_n(out + kk * height + v, v_load_n(from + kk * g->lda, width), width);
            }
        }
        out += kc * height;
    }
}

size_t CPU_FN(gemm_pack_bytes)(int64_t n, int64_t k) {
    size_t bytes;
    if (!orn_mul((size_t)cpu_ceil_div(n, PANEL) * PANEL, (size_t)ORN_MAX(k, 1), &bytes)) return 0;
    return orn_mul(bytes, sizeof(float), &bytes) ? bytes : 0;
}

typedef struct pack_job {
    int64_t n, k, ldb;
    const float *b;
    bool trans_b;
    float *packed;
    cpu_cut cut;
} pack_job;

static void pack_task(void *ctx, size_t task, size_t worker) {
    (void)worker;
    const pack_job *j = ctx;
    for (int64_t p = cpu_cut_begin(j->cut, task); p < cpu_cut_end(j->cut, task); p++) {
        int64_t n = p * PANEL, cols = ORN_MIN(j->n - n, PANEL);
        float *out = j->packed + n * j->k;
        if (j->trans_b) {
            pack_columns(j->b + n * j->ldb, j->ldb, j->k, cols, out);
        } else {
            pack_rows(j->b + n, j->ldb, j->k, cols, out);
        }
    }
}

void CPU_FN(gemm_pack)(cpu_pool *pool, int64_t n, int64_t k, const float *b, int64_t ldb,
                       bool trans_b, float *packed) {
    pack_job j = {n, k, ldb, b, trans_b, packed, cpu_cut_by(cpu_ceil_div(n, PANEL), k * PANEL)};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), pack_task, &j);
}

/* ---- one rectangle of c, on one thread ---- */

typedef struct rect {
    int64_t m, m_end, n, n_end;
} rect;

typedef struct operands {
    const float *a, *b, *bias;
    float *c;
} operands;

/* Floats of a packed block of a; behind it, those of b. */
static int64_t a_floats(const cpu_gemm *g, const plan *p) {
    return p->pack_a ? ORN_MIN(g->m, BLOCK_M) * p->kc : 0;
}
static int64_t b_floats(const cpu_gemm *g, const plan *p) {
    return p->pack_b ? cpu_ceil_div(ORN_MIN(g->n, BLOCK_N), PANEL) * PANEL * p->kc : 0;
}

static void walk_tiles(const cpu_gemm *g, const plan *p, const operands *o, rect r, int64_t k,
                       int64_t kc, const float *packed_a, const float *packed_b) {
    cpu_tile t = {.k = kc, .ldc = g->ldc, .add = g->accumulate || k > 0};
    bool last = k + kc >= g->k;
    for (int64_t n = r.n; n < r.n_end; n += PANEL) {
        t.cols = ORN_MIN(r.n_end - n, PANEL);
        t.bias = last && g->has_bias ? o->bias + n : NULL;
        t.whole = true;
        t.b_k = PANEL;
        if (g->packed) {
            t.b = o->b + n * g->k + k * PANEL;
        } else if (p->pack_b) {
            t.b = packed_b + (n - r.n) * kc;
        } else {
            t.b = o->b + k * g->ldb + n;
            t.b_k = g->ldb;
            t.whole = false;
        }
        for (int64_t m = r.m; m < r.m_end; m += TILE_ROWS) {
            int64_t rows = ORN_MIN(r.m_end - m, TILE_ROWS);
            t.c = o->c + m * g->ldc + n;
            if (p->pack_a) {
                t.a = packed_a + (m - r.m) * kc;
                t.a_row = 1;
                t.a_k = rows;
            } else {
                t.a = o->a + (g->trans_a ? k * g->lda + m : m * g->lda + k);
                t.a_row = g->trans_a ? 1 : g->lda;
                t.a_k = g->trans_a ? g->lda : 1;
            }
            CPU_FN(tile)(rows, &t);
        }
    }
}

static void run_tiles(const cpu_gemm *g, const plan *p, const operands *o, rect r, float *scratch) {
    float *packed_a = scratch, *packed_b = scratch + a_floats(g, p);
    for (int64_t n = r.n; n < r.n_end; n += BLOCK_N) {
        int64_t n_end = ORN_MIN(r.n_end, n + BLOCK_N);
        int64_t k = 0;
        do {
            int64_t kc = ORN_MIN(g->k - k, p->kc);
            if (p->pack_b && g->trans_b) {
                pack_columns(o->b + n * g->ldb + k, g->ldb, kc, n_end - n, packed_b);
            } else if (p->pack_b) {
                pack_rows(o->b + k * g->ldb + n, g->ldb, kc, n_end - n, packed_b);
            }
            for (int64_t m = r.m; m < r.m_end; m += BLOCK_M) {
                int64_t m_end = ORN_MIN(r.m_end, m + BLOCK_M);
                if (p->pack_a) pack_a(g, o->a, m, m_end - m, k, kc, packed_a);
                walk_tiles(g, p, o, (rect){m, m_end, n, n_end}, k, kc, packed_a, packed_b);
            }
            k += p->kc;
        } while (k < g->k);
    }
}

static void run_rect(const cpu_gemm *g, const plan *p, const operands *o, rect r, float *scratch) {
    if (p->dots) {
        cpu_dots d = {.m = r.m_end - r.m,
                      .k = g->k,
                      .x = o->a + r.m * g->lda,
                      .ldx = g->lda,
                      .w = o->b,
                      .ldw = g->ldb,
                      .c = o->c + r.m * g->ldc,
                      .c_row = g->ldc,
                      .c_col = 1,
                      .bias = g->has_bias ? o->bias : NULL,
                      .bias_col = 1,
                      .add = g->accumulate};
        CPU_FN(dots)(&d, r.n, r.n_end);
    } else if (p->dots_columns) {
        cpu_dots d = {.m = r.n_end - r.n,
                      .k = g->k,
                      .x = o->b + r.n * g->ldb,
                      .ldx = g->ldb,
                      .w = o->a,
                      .ldw = g->lda,
                      .c = o->c + r.n,
                      .c_row = 1,
                      .c_col = g->ldc,
                      .bias = g->has_bias ? o->bias + r.n : NULL,
                      .bias_row = 1,
                      .add = g->accumulate};
        CPU_FN(dots)(&d, r.m, r.m_end);
    } else {
        run_tiles(g, p, o, r, scratch);
    }
}

/* ---- threads ---- */

size_t CPU_FN(gemm_room)(int64_t m) {
    return (size_t)(ORN_MIN(m, BLOCK_M) + BLOCK_N) * (BLOCK_K + BLOCK_K / 4) * sizeof(float);
}

static size_t item_scratch(const cpu_gemm *g) {
    plan p = make_plan(g);
    size_t bytes = (size_t)(a_floats(g, &p) + b_floats(g, &p)) * sizeof(float);
    return (bytes + CPU_SCRATCH_ALIGN - 1) / CPU_SCRATCH_ALIGN * CPU_SCRATCH_ALIGN;
}

void CPU_FN(gemm_item)(const cpu_gemm *g, const float *a, const float *b, const float *bias,
                       float *c, float *scratch) {
    plan p = make_plan(g);
    operands o = {a, b, bias, c};
    run_rect(g, &p, &o, (rect){0, g->m, 0, g->n}, scratch);
}

size_t CPU_FN(gemm_scratch)(const cpu_gemm *g, size_t workers) {
    return item_scratch(g) * workers;
}

typedef struct gemm_job {
    const cpu_gemm *g;
    plan plan;
    operands o;
    float *scratch;
    size_t scratch_floats;  /* per worker */
    int64_t rows, cols;     /* of a rectangle */
    int64_t m_cuts, n_cuts; /* rectangles of an item */
    cpu_cut cut;            /* of all rectangles */
} gemm_job;

/* The operands of item `index` of the batch. */
static operands item_operands(const gemm_job *j, int64_t index) {
    const cpu_gemm *g = j->g;
    operands o = j->o;
    for (uint32_t d = g->batch_rank; d-- > 0;) {
        int64_t i = index % g->batch[d];
        index /= g->batch[d];
        o.a += i * g->batch_a[d];
        if (!g->packed) o.b += i * g->batch_b[d];
        o.c += i * g->batch_c[d];
    }
    return o;
}

static void gemm_task(void *ctx, size_t task, size_t worker) {
    const gemm_job *j = ctx;
    float *scratch = j->scratch + worker * j->scratch_floats;
    int64_t cuts = j->m_cuts * j->n_cuts;
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        operands o = item_operands(j, i / cuts);
        int64_t m = i % cuts % j->m_cuts * j->rows, n = i % cuts / j->m_cuts * j->cols;
        rect r = {m, ORN_MIN(j->g->m, m + j->rows), n, ORN_MIN(j->g->n, n + j->cols)};
        run_rect(j->g, &j->plan, &o, r, scratch);
    }
}

/* Multiply-adds that are worth a task of their own, and bytes of b that are (when it is read once).
 */
enum { TASK_WORK = 512 * 1024, TASK_FLOATS = 16 * 1024 };

/*
 * Rectangles for `threads`: columns are cut first, as each cut of rows packs b again.  Three
 * rectangles per thread even out what the threads get, unless they become too small.
 */
static void cut_item(gemm_job *j, int64_t batch, int64_t threads) {
    const cpu_gemm *g = j->g;
    int64_t unit_n = j->plan.dots ? VL : PANEL, unit_m = j->plan.dots_columns ? VL : TILE_ROWS;
    int64_t work = ORN_MIN(g->m * g->k, (int64_t)1 << 30) * g->n;
    int64_t most = ORN_MAX(work / TASK_WORK, g->n * g->k / TASK_FLOATS);
    int64_t want = threads == 1 ? 1 : ORN_MIN(cpu_ceil_div(3 * threads, batch), ORN_MAX(most, 1));
    int64_t n_units = cpu_ceil_div(g->n, unit_n), m_units = cpu_ceil_div(g->m, unit_m);
    int64_t n_cuts = ORN_MIN(want, ORN_MAX(n_units / 2, 1));
    int64_t m_cuts = ORN_MIN(cpu_ceil_div(want, n_cuts), m_units);
    j->cols = cpu_ceil_div(n_units, n_cuts) * unit_n;
    j->rows = cpu_ceil_div(m_units, m_cuts) * unit_m;
    j->n_cuts = cpu_ceil_div(g->n, j->cols);
    j->m_cuts = cpu_ceil_div(g->m, j->rows);
}

void CPU_FN(gemm)(cpu_pool *pool, const cpu_gemm *g, const float *a, const float *b,
                  const float *bias, float *c, void *scratch) {
    gemm_job j = {.g = g,
                  .plan = make_plan(g),
                  .o = {a, b, bias, c},
                  .scratch = scratch,
                  .scratch_floats = item_scratch(g) / sizeof(float)};
    int64_t batch = 1;
    for (uint32_t d = 0; d < g->batch_rank; d++) batch *= g->batch[d];
    cut_item(&j, batch, (int64_t)cpu_pool_threads(pool));
    int64_t work = j.rows * j.cols * ORN_MAX(g->k, 1);
    j.cut = (cpu_cut){batch * j.m_cuts * j.n_cuts, ORN_MAX(TASK_WORK / work, 1)};
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), gemm_task, &j);
}
