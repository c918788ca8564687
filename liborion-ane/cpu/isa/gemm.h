/* SPDX-License-Identifier: MIT */
/* The parts of the matrix product: tiles, dot products, and one item on one thread. */
#ifndef CPU_GEMM_H
#define CPU_GEMM_H

#include "simd.h"
#include "table.h"

/* Rows and vectors of a tile: as many accumulators as registers allow beside operands. */
#if CPU_LEVEL == 2
enum { TILE_ROWS = 14, TILE_VECTORS = 2 };
#elif CPU_LEVEL == 0 && defined(__aarch64__)
enum { TILE_ROWS = 12, TILE_VECTORS = 2 };
#else
enum { TILE_ROWS = 6, TILE_VECTORS = 2 };
#endif
enum { PANEL = TILE_VECTORS * VL }; /* columns of a tile, and of a panel of packed b */

/*
 * c[rows, cols] = a b (+ c if add) (+ bias), cols <= PANEL and rows <= TILE_ROWS.  Element (r, k)
 * of a is a[r * a_row + k * a_k], where one of the strides is 1; row k of b is b + k * b_k.
 */
typedef struct cpu_tile {
    int64_t k;
    const float *a;
    int64_t a_row, a_k;
    const float *b;
    int64_t b_k;
    float *c;
    int64_t ldc;
    int64_t cols;
    const float *bias; /* or NULL */
    bool add;
    bool whole; /* whole panels of b may be read, also beyond cols */
} cpu_tile;
void CPU_FN(tile)(int64_t rows, const cpu_tile *t);

/*
 * c[m, n] = dot product of row m of x and row n of w (+ c if add) (+ bias), for n in [begin, end);
 * every row of w is read once from memory.
 */
typedef struct cpu_dots {
    int64_t m, k;
    const float *x;
    int64_t ldx;
    const float *w;
    int64_t ldw;
    float *c;
    int64_t c_row, c_col; /* distances in c from one m, one n to the next */
    const float *bias;    /* or NULL; element of c[m, n]: bias[m * bias_row + n * bias_col] */
    int64_t bias_row, bias_col;
    bool add;
} cpu_dots;
void CPU_FN(dots)(const cpu_dots *d, int64_t begin, int64_t end);

/* Bytes that any product with at most m rows needs on one thread. */
size_t CPU_FN(gemm_room)(int64_t m);
/* One product without batch on the calling thread. */
void CPU_FN(gemm_item)(const cpu_gemm *g, const float *a, const float *b, const float *bias,
                       float *c, float *scratch);

#endif
