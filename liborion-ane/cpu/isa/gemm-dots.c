/* SPDX-License-Identifier: MIT */
/*
 * Products with few rows, as dot products: x [m, K] with the rows of w [n, K] (a linear layer's
 * weight as it is stored).
 *
 * VL dot products run side by side, one accumulator each: 1 row of x with VL rows of w, or 2 with
 * VL/2, or 4 with VL/4.  At the end the VL vectors are summed at once: log2(VL) steps, each of
 * which folds two vectors into one.  Lane i of an accumulator takes elements i, i + VL, i + 2 VL
 * ... of both rows, and lanes are then added by halves, so a value depends neither on its place in
 * the group nor on the groups there are.
 */
#include "gemm.h"

/* Of two vectors whose segments of 2w lanes are partial sums of one dot product each: segments of w
 * lanes, the first half from u, the second from v. */
#define LOW(i, w)  (((i) < VL / 2 ? 0 : VL) + (i) % (VL / 2) / (w)*2 * (w) + (i) % (w))
#define HIGH(i, w) (LOW(i, w) + (w))
#define FOLD(acc, count, w)                                                                        \
    _Pragma("GCC unroll 16") for (int i = 0; i < (count); i++) {                                   \
        vf u = (acc)[2 * i], v = (acc)[2 * i + 1];                                                 \
        (acc)[i] = __builtin_shufflevector(u, v, V_LIST(LOW, w)) +                                 \
                   __builtin_shufflevector(u, v, V_LIST(HIGH, w));                                 \
    }

/* Lane i of the result is the sum of the lanes of acc[i]. */
INLINE vf sum_each(vf acc[VL]) {
#if CPU_LEVEL == 2
    FOLD(acc, VL / 2, 8)
    FOLD(acc, VL / 4, 4)
    FOLD(acc, VL / 8, 2)
#elif CPU_LEVEL == 1
    FOLD(acc, VL / 2, 4)
    FOLD(acc, VL / 4, 2)
#else
    FOLD(acc, VL / 2, 2)
#endif
    FOLD(acc, 1, 1)
    return acc[0];
}

/* Rows m .. m + mt of x with rows n .. n + count of w, count <= nt = VL / mt; nt and mt constant.
 * Missing rows of w are read as the last one, and not stored. */
SPECIALISED void group(const int mt, const cpu_dots *d, int64_t m, int64_t n, int64_t count) {
    const int nt = VL / mt;
    vf acc[VL];
    const float *x = d->x + m * d->ldx, *w[VL];
#pragma GCC unroll 16
    for (int j = 0; j < nt; j++) w[j] = d->w + (n + (j < count ? j : count - 1)) * d->ldw;
#pragma GCC unroll 16
    for (int i = 0; i < VL; i++) acc[i] = (vf){0};
    int64_t k = 0;
    for (; k + VL <= d->k; k += VL) {
        vf xs[4];
#pragma GCC unroll 4
        for (int i = 0; i < mt; i++) xs[i] = v_load(x + i * d->ldx + k);
#pragma GCC unroll 16
        for (int j = 0; j < nt; j++) {
            vf row = v_load(w[j] + k);
#pragma GCC unroll 4
            for (int i = 0; i < mt; i++) acc[i * nt + j] = v_fma(xs[i], row, acc[i * nt + j]);
        }
    }
    if (k < d->k) {
        int64_t rest = d->k - k;
        vf xs[4];
#pragma GCC unroll 4
        for (int i = 0; i < mt; i++) xs[i] = v_load_n(x + i * d->ldx + k, rest);
#pragma GCC unroll 16
        for (int j = 0; j < nt; j++) {
            vf row = v_load_n(w[j] + k, rest);
#pragma GCC unroll 4
            for (int i = 0; i < mt; i++) acc[i * nt + j] = v_fma(xs[i], row, acc[i * nt + j]);
        }
    }
    vf sums = sum_each(acc);
    if (mt == 1 && d->c_col == 1 && (d->bias == NULL || d->bias_col == 1)) {
        float *c = d->c + m * d->c_row + n;
        if (d->add) sums += v_load_n(c, count);
        if (d->bias != NULL) sums += v_load_n(d->bias + m * d->bias_row + n, count);
        v_store_n(c, sums, count);
        return;
    }
    for (int i = 0; i < mt; i++) {
        for (int64_t j = 0; j < count; j++) {
            float *c = d->c + (m + i) * d->c_row + (n + j) * d->c_col, y = sums[i * nt + j];
            if (d->add) y += *c;
            if (d->bias != NULL) y += d->bias[(m + i) * d->bias_row + (n + j) * d->bias_col];
            *c = y;
        }
    }
}

/* All rows of x with at most VL rows of w. */
static void block(const cpu_dots *d, int64_t n, int64_t end) {
    int64_t m = 0;
#if CPU_LEVEL > 0
    for (; m + 4 <= d->m; m += 4) {
        for (int64_t j = n; j < end; j += VL / 4) group(4, d, m, j, ORN_MIN(end - j, VL / 4));
    }
#endif
    for (; m + 2 <= d->m; m += 2) {
        for (int64_t j = n; j < end; j += VL / 2) group(2, d, m, j, ORN_MIN(end - j, VL / 2));
    }
    if (m < d->m) group(1, d, m, n, end - n);
}

void CPU_FN(dots)(const cpu_dots *d, int64_t begin, int64_t end) {
    for (int64_t n = begin; n < end; n += VL) block(d, n, ORN_MIN(end, n + VL));
}
