/* SPDX-License-Identifier: MIT */
/*
 * The innermost matrix product: a tile of c in registers, one pass over k.
 *
 * Each step loads one row of the panel of b as vectors, broadcasts one element per row of a, and
 * does rows x vectors multiply-adds.  Row count, vector count and which stride of a is 1 are
 * constants of each instance, so that the accumulators live in registers; the instances are made
 * from one inline function.  Every element of c has one accumulator that takes k in order, whatever
 * the size of its tile: that is what makes results independent of how c is cut.
 */
#include "gemm.h"

/* How the tile reads a and b. */
typedef enum tile_kind {
    A_COLUMNS = 0, /* a_row is 1: packed or transposed a */
    A_ROWS = 1,    /* a_k is 1: a as it is */
    B_PARTIAL = 2, /* added: the last vector of b has only some columns */
    TILE_KINDS = 4
} tile_kind;

SPECIALISED void run(const int rows, const int vectors, const int kind, const cpu_tile *t) {
    vf acc[TILE_ROWS][TILE_VECTORS];
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) acc[r][v] = (vf){0};
    }
    const int64_t a_row = (kind & A_ROWS) ? t->a_row : 1, a_k = (kind & A_ROWS) ? 1 : t->a_k;
    const int64_t b_k = t->b_k, last = t->cols - (vectors - 1) * VL;
    const float *a = t->a, *b = t->b;
    for (int64_t k = t->k; k > 0; k--) {
        vf row[TILE_VECTORS];
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            bool partial = (kind & B_PARTIAL) && v == vectors - 1;
            row[v] = partial ? v_load_n(b + v * VL, last) : v_load(b + v * VL);
        }
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            vf x = v_set(a[r * a_row]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++) acc[r][v] = v_fma(x, row[v], acc[r][v]);
        }
        a += a_k;
        b += b_k;
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        float *c = t->c + r * t->ldc;
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            int64_t n = v == vectors - 1 ? last : VL;
            vf y = acc[r][v];
            if (n == VL) {
                if (t->add) y += v_load(c + v * VL);
                if (t->bias != NULL) y += v_load(t->bias + v * VL);
                v_store(c + v * VL, y);
            } else {
                if (t->add) y += v_load_n(c + v * VL, n);
                if (t->bias != NULL) y += v_load_n(t->bias + v * VL, n);
                v_store_n(c + v * VL, y, n);
            }
        }
    }
}

#define INSTANCE(rows, vectors, kind)                                                              \
    static void tile_##rows##_##vectors##_##kind(const cpu_tile *t) {                              \
        run(rows, vectors, kind, t);                                                               \
    }
#define INSTANCES(rows)                                                                            \
    INSTANCE(rows, 1, 0)                                                                           \
    INSTANCE(rows, 1, 1)                                                                           \
    INSTANCE(rows, 1, 2)                                                                           \
    INSTANCE(rows, 1, 3)                                                                           \
    INSTANCE(rows, 2, 0)                                                                           \
    INSTANCE(rows, 2, 1)                                                                           \
    INSTANCE(rows, 2, 2)                                                                           \
    INSTANCE(rows, 2, 3)
#define ENTRY(rows)                                                                                \
    {                                                                                              \
        {tile_##rows##_1_0, tile_##rows##_1_1, tile_##rows##_1_2, tile_##rows##_1_3}, {            \
            tile_##rows##_2_0, tile_##rows##_2_1, tile_##rows##_2_2, tile_##rows##_2_3             \
        }                                                                                          \
    }

/* clang-format off */
#if CPU_LEVEL == 2
#define FOR_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13) X(14)
#elif CPU_LEVEL == 0 && defined(__aarch64__)
#define FOR_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12)
#else
#define FOR_ROWS(X) X(1) X(2) X(3) X(4) X(5) X(6)
#endif
/* clang-format on */

FOR_ROWS(INSTANCES)

typedef void (*tile_fn)(const cpu_tile *t);
#define ROW_ENTRY(rows) [rows - 1] = ENTRY(rows),
static const tile_fn tiles[TILE_ROWS][TILE_VECTORS][TILE_KINDS] = {FOR_ROWS(ROW_ENTRY)};

void CPU_FN(tile)(int64_t rows, const cpu_tile *t) {
    int64_t vectors = cpu_ceil_div(t->cols, VL);
    bool partial = !t->whole && t->cols % VL != 0;
    int kind = (t->a_row == 1 ? A_COLUMNS : A_ROWS) | (partial ? B_PARTIAL : 0);
    tiles[rows - 1][vectors - 1][kind](t);
}
