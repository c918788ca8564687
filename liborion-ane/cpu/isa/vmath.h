/* SPDX-License-Identifier: MIT */
/*
 * Elementary functions on vectors of floats.  docs/kernels.md has the error bounds, which the tests
 * hold to; tests/tools/fit-vmath.py prints the polynomials.
 *
 * All follow one pattern: bring the argument into a short interval, evaluate a minimax polynomial
 * there, undo the reduction.  NaN gives NaN, infinities the limit, and nothing traps; special
 * arguments are put right by selection at the end, so every lane costs the same.
 */
#ifndef CPU_VMATH_H
#define CPU_VMATH_H

#include "simd.h"

/* c[0] + c[1] x + ... by Horner's rule; the count is a constant at every call. */
INLINE vf v_poly(vf x, const float *c, int count) {
    vf y = v_set(c[count - 1]);
#pragma GCC unroll 16
    for (int i = count - 2; i >= 0; i--) y = v_fma(y, x, v_set(c[i]));
    return y;
}
#define V_POLY(x, ...)                                                                             \
    v_poly((x), (const float[]){__VA_ARGS__}, sizeof((float[]){__VA_ARGS__}) / sizeof(float))

/*
 * e^x = 2^n e^r with n = round(x / ln 2), so |r| <= ln 2 / 2.  ln 2 is taken away in two parts, the
 * first short enough that n times it is exact.  2^n is applied in two factors, so that results
 * below the normal numbers round once and those beyond the largest become infinite by themselves.
 * What is 0 for certain, as masked scores are, is selected at the end: an underflow on the way
 * would cost a hundred cycles each time.
 */
INLINE vf v_exp(vf x) {
    vm vanishes = v_lt(x, v_set(-104.0f));
    x = v_select(v_lt(v_set(89.0f), x), v_set(89.0f), x);
    x = v_select(vanishes, v_set(0.0f), x);
    vf n = v_round(x * 0x1.715476p+0f);
    vf r = v_fma(n, v_set(-0x1.62e4p-1f), x);
    r = v_fma(n, v_set(-0x1.7f7d1cp-20f), r);
    vf p =
        V_POLY(r, 0x1.fffffcp-2f, 0x1.55548cp-3f, 0x1.55585ap-5f, 0x1.123d5cp-7f, 0x1.6ab784p-10f);
    p = v_fma(r * r, p, r) + 1.0f;
    vi whole = v_to_int(n), half = whole >> 1;
    vf first = v_from_bits(vi_shift_left(half + 127, 23));
    vf second = v_from_bits(vi_shift_left(whole - half + 127, 23));
    return v_select(vanishes, v_set(0.0f), p * first * second);
}

/*
 * log x = e ln 2 + log m with x = 2^e m, sqrt(1/2) <= m < sqrt 2.  Arguments below the normal
 * numbers are scaled up first.
 */
INLINE vf v_log(vf x) {
    vm tiny = v_lt(x, v_set(0x1p-126f));
    vi bits = vi_sub(v_bits(v_select(tiny, x * 0x1p23f, x)), vi_set(0x3f3504f3));
    vi exponent = bits >> 23;
    vf f = v_from_bits((bits & 0x7fffff) + 0x3f3504f3) - 1.0f;
    vf e = v_from_int(exponent) - v_select(tiny, v_set(23.0f), v_set(0.0f));
    vf p = V_POLY(f, 0x1.555548p-2f, -0x1.00007p-2f, 0x1.99a542p-3f, -0x1.552f1p-3f, 0x1.2302d8p-3f,
                  -0x1.01050ap-3f, 0x1.f0088ep-4f, -0x1.bf153ep-4f, 0x1.b4930ap-5f);
    vf square = f * f;
    vf tail = v_fma(p, f * square, e * 0x1.7f7d1cp-20f);
    tail = v_fma(square, v_set(-0.5f), tail);
    vf y = v_fma(e, v_set(0x1.62e4p-1f), tail + f);
    y = v_select(v_eq(x, v_set(0.0f)), v_set(-INFINITY), y);
    y = v_select(v_eq(x, v_set(INFINITY)), x, y);
    return v_select(vm_or(v_lt(x, v_set(0.0f)), v_is_nan(x)), v_set(NAN), y);
}

/* Near 0 an odd polynomial; beyond, 1 - 2 / (e^2x + 1), which needs no limit. */
INLINE vf v_tanh(vf x) {
    vf a = v_abs(x), square = x * x;
    vf p = V_POLY(square, -0x1.555554p-2f, 0x1.11107ap-3f, -0x1.b9f188p-5f, 0x1.63a55p-6f,
                  -0x1.0c5edp-7f, 0x1.1a2816p-9f);
    vf small = v_fma(p * square, a, a);
    vf large = 1.0f - 2.0f / (v_exp(a + a) + 1.0f);
    return v_copysign(v_select(v_lt(a, v_set(0.625f)), small, large), x);
}

/* 1 / (1 + e^-x), written with e^-|x| so that small results keep their precision. */
INLINE vf v_sigmoid(vf x) {
    vf e = v_exp(v_neg(v_abs(x)));
    return v_select(v_lt(x, v_set(0.0f)), e, v_set(1.0f)) / (1.0f + e);
}

/* Near 0 an odd polynomial; beyond, 1 - erfc, whose logarithm is a polynomial; 1 from 4 on. */
INLINE vf v_erf(vf x) {
    vf a = v_abs(x), square = x * x;
    vf p = V_POLY(square, 0x1.06eba8p-3f, -0x1.812740p-2f, 0x1.ce2d64p-4f, -0x1.b80118p-6f,
                  0x1.5441eep-8f, -0x1.a55a3p-11f, 0x1.4bbc3ap-14f);
    vf small = v_fma(p, a, a);
    vf t = v_select(v_lt(v_set(4.0f), a), v_set(4.0f), a);
    vf q = V_POLY(t, 0x1.20ef7p+0f, 0x1.452fd8p-1f, 0x1.b349bep-4f, -0x1.85d03cp-6f, 0x1.df54f8p-9f,
                  -0x1.565002p-12f, 0x1.8561bcp-17f);
    vf large = 1.0f - v_exp(v_neg(t * q));
    return v_copysign(v_select(v_lt(a, v_set(0.9277f)), small, large), x);
}

/*
 * Sine and cosine.  x = n pi/2 + r is taken apart in double with pi/2 in two parts, which is exact
 * enough while |n| < 2^20; lanes beyond that are left to the C library by the callers.
 */
enum { V_TRIG_LIMIT = 1 << 20 };

/* From an angle in [-pi/4, pi/4] and the quarter it was in: the sine, or with n + 1 the cosine. */
INLINE vf v_quarter_sine(vf r, vi n) {
    vf square = r * r;
    vf s = V_POLY(square, -0x1.555556p-3f, 0x1.111176p-7f, -0x1.a05ba8p-13f, 0x1.7ccf1p-19f);
    vf c = V_POLY(square, 0x1.55554ap-5f, -0x1.6c0c28p-10f, 0x1.99e80cp-16f);
    s = v_fma(s * square, r, r);
    /* 1 - x^2/2 is rounded; what that lost is added with the small terms. */
    vf half = square * 0.5f, main = 1.0f - half;
    c = main + v_fma(c * square, square, (1.0f - main) - half);
    vf y = v_select(vi_eq(n & 1, vi_set(0)), s, c);
    return v_from_bits(v_bits(y) ^ vi_shift_left(n & 2, 30));
}

/* r and n of the lanes of x. */
INLINE vf v_reduce_angle(vd x, vi *n) {
    const double round = 0x1.8p52; /* adding it leaves the nearest integer in the low bits */
    vd shifted = x * 0x1.45f306dc9c883p-1 + round;
    vd quarters = shifted - round;
    *n = __builtin_convertvector(quarters, vi);
    vd r = x - quarters * 0x1.921fb544p+0; /* the first 33 bits of pi/2 */
    return __builtin_convertvector(r - quarters * 0x1.0b4611a626331p-34, vf);
}

INLINE vf v_sin_or_cos(vf x, int32_t quarter, double (*scalar)(double)) {
    vm far = v_lt(v_set((float)V_TRIG_LIMIT), v_abs(x));
    vm odd = vm_or(far, v_is_nan(x));
    vi n;
    vf r = v_reduce_angle(__builtin_convertvector(v_select(odd, v_set(0.0f), x), vd), &n);
    vf y = v_quarter_sine(r, n + quarter);
    if (vm_any(odd)) {
        vi marks = vi_from_mask(odd);
        for (int i = 0; i < VL; i++) {
            if (marks[i] != 0) y[i] = (float)scalar((double)x[i]);
        }
    }
    return y;
}
INLINE vf v_sin(vf x) {
    /* r is 0 only for 0 itself, whose sign the sum with 0 in the reduction loses. */
    return v_select(v_eq(x, v_set(0.0f)), x, v_sin_or_cos(x, 0, sin));
}
INLINE vf v_cos(vf x) {
    return v_sin_or_cos(x, 1, cos);
}

/* Squares, which are most of them, without the library's double precision; it would round alike. */
INLINE vf v_pow(vf x, vf y) {
    vf z = x * x;
    for (int i = 0; i < VL; i++) {
        if (y[i] != 2.0f) z[i] = (float)pow((double)x[i], (double)y[i]);
    }
    return z;
}

INLINE vf v_rsqrt(vf x) {
    return 1.0f / v_sqrt(x);
}
INLINE vf v_relu(vf x) {
    return v_max(x, v_set(0.0f));
}
INLINE vf v_silu(vf x) {
    return x * v_sigmoid(x);
}
INLINE vf v_gelu(vf x) {
    return 0.5f * x * (1.0f + v_erf(x * 0x1.6a09e6p-1f));
}
/* 0.5 (1 + tanh u) is sigmoid(2u). */
INLINE vf v_gelu_tanh(vf x) {
    vf u = x * v_fma(x * x, v_set(0x1.6e4e26p-5f), v_set(1.0f)); /* 0.044715 */
    return x * v_sigmoid(u * 0x1.988454p+0f);                    /* 2 sqrt(2/pi) */
}

#endif
