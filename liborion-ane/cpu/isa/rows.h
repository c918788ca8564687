/* SPDX-License-Identifier: MIT */
/*
 * Sums and extremes of packed rows, in an order that only the length decides: four vectors side by
 * side, then their lanes by halves.
 */
#ifndef CPU_ROWS_H
#define CPU_ROWS_H

#include "vmath.h"

INLINE float larger(float a, float b) {
    return a > b || a != a ? a : b;
}
INLINE float smaller(float a, float b) {
    return a < b || a != a ? a : b;
}

/*
 * Fold `expression` of the vector x over a row into four accumulators by `op`, from `start` on.
 * Lanes beyond the end are `filler`, whose expression changes nothing.
 */
#define ROW_FOLD(p, n, start, filler, op, expression, to_lane)                                     \
    vf acc0 = v_set(start), acc1 = acc0, acc2 = acc0, acc3 = acc0;                                 \
    int64_t i = 0;                                                                                 \
    for (; i + 4 * VL <= (n); i += 4 * VL) {                                                       \
        vf x = v_load((p) + i);                                                                    \
        acc0 = op(acc0, expression);                                                               \
        x = v_load((p) + i + VL);                                                                  \
        acc1 = op(acc1, expression);                                                               \
        x = v_load((p) + i + 2 * VL);                                                              \
        acc2 = op(acc2, expression);                                                               \
        x = v_load((p) + i + 3 * VL);                                                              \
        acc3 = op(acc3, expression);                                                               \
    }                                                                                              \
    for (; i + VL <= (n); i += VL) {                                                               \
        vf x = v_load((p) + i);                                                                    \
        acc0 = op(acc0, expression);                                                               \
    }                                                                                              \
    if (i < (n)) {                                                                                 \
        vf x = v_load_else((p) + i, (n)-i, filler);                                                \
        acc1 = op(acc1, expression);                                                               \
    }                                                                                              \
    return to_lane(op(op(acc0, acc1), op(acc2, acc3)))

INLINE vf v_add(vf a, vf b) {
    return a + b;
}
/* The first n elements, `other` in the lanes beyond. */
INLINE vf v_load_else(const float *p, int64_t n, float other) {
    float lanes[VL];
    v_store(lanes, v_set(other));
    v_store_n(lanes, v_load_n(p, n), n);
    return v_load(lanes);
}

INLINE float row_sum(const float *p, int64_t n) {
    ROW_FOLD(p, n, 0.0f, 0.0f, v_add, x, v_sum);
}
INLINE float row_sum_squares(const float *p, int64_t n) {
    ROW_FOLD(p, n, 0.0f, 0.0f, v_add, x * x, v_sum);
}
INLINE float row_max(const float *p, int64_t n) {
    ROW_FOLD(p, n, -INFINITY, -INFINITY, v_max, x, v_max_lane);
}
INLINE float row_min(const float *p, int64_t n) {
    ROW_FOLD(p, n, INFINITY, INFINITY, v_min, x, v_min_lane);
}
/* Sum of (x - mean)^2. */
INLINE float row_sum_deviations(const float *p, int64_t n, float mean) {
    ROW_FOLD(p, n, 0.0f, mean, v_add, (x - mean) * (x - mean), v_sum);
}
/* Sum of e^(x - max). */
INLINE float row_sum_exp(const float *p, int64_t n, float max) {
    ROW_FOLD(p, n, 0.0f, -INFINITY, v_add, v_exp(x - max), v_sum);
}

/* y = e^(x - max) / sum; y may be x. */
INLINE void softmax_row(const float *x, int64_t n, float *y) {
    float max = row_max(x, n);
    vf sum = {0};
    int64_t i = 0;
    for (; i + VL <= n; i += VL) {
        vf e = v_exp(v_load(x + i) - max);
        sum += e;
        v_store(y + i, e);
    }
    if (i < n) {
        vf e = v_exp(v_load_else(x + i, n - i, -INFINITY) - max);
        sum += e;
        v_store_n(y + i, e, n - i);
    }
    float scale = 1.0f / v_sum(sum);
    for (i = 0; i + VL <= n; i += VL) v_store(y + i, v_load(y + i) * scale);
    if (i < n) v_store_n(y + i, v_load_n(y + i, n - i) * scale, n - i);
}

#endif
