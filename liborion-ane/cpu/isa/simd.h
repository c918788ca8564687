/* SPDX-License-Identifier: MIT */
/*
 * Vectors of one instruction set, chosen by CPU_LEVEL: the only place where instruction sets
 * differ.
 *
 *   CPU_LEVEL 0  4 lanes, GCC's vector extension alone: SSE2, NEON, or whatever the target has
 *   CPU_LEVEL 1  8 lanes, AVX2, FMA and F16C
 *   CPU_LEVEL 2  16 lanes, AVX-512 F, BW, DQ and VL
 *
 * vf is a vector of VL floats, vi of VL 32-bit integers; + - * / and, for vi, & | ^ ~ << >> are the
 * language's own.  vm is a mask as comparisons give it.  Memory needs no alignment.  The functions
 * with a count n touch the first n lanes only, 0 <= n <= VL; loads fill the rest with 0.
 */
#ifndef CPU_SIMD_H
#define CPU_SIMD_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#if CPU_LEVEL > 0
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#define INLINE static inline __attribute__((always_inline, unused))

/*
 * A function of which one copy is made for each set of constant arguments.  Sanitizers multiply the
 * size of unrolled code, and compilers take minutes over it: there one general copy serves all.
 */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SPECIALISED static __attribute__((noinline))
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SPECIALISED static __attribute__((noinline))
#endif
#endif
#if !defined(SPECIALISED)
#define SPECIALISED INLINE
#endif

#if CPU_LEVEL == 2
enum { VL = 16 };
#elif CPU_LEVEL == 1
enum { VL = 8 };
#else
enum { VL = 4 };
#endif

typedef float vf __attribute__((vector_size(VL * 4)));
typedef int32_t vi __attribute__((vector_size(VL * 4)));
typedef uint32_t vu __attribute__((vector_size(VL * 4)));
typedef double vd __attribute__((vector_size(VL * 8)));
typedef float vf_any __attribute__((vector_size(VL * 4), aligned(4), may_alias));
typedef int32_t vi_any __attribute__((vector_size(VL * 4), aligned(4), may_alias));

INLINE vf v_load(const float *p) {
    return *(const vf_any *)p;
}
INLINE void v_store(float *p, vf v) {
    *(vf_any *)p = v;
}
INLINE vi vi_load(const int32_t *p) {
    return *(const vi_any *)p;
}
INLINE void vi_store(int32_t *p, vi v) {
    *(vi_any *)p = v;
}
INLINE vf v_set(float x) {
    return x - (vf){0};
}
INLINE vi vi_set(int32_t x) {
    return x - (vi){0};
}
INLINE vi v_bits(vf v) {
    return (vi)v;
}
INLINE vf v_from_bits(vi v) {
    return (vf)v;
}
INLINE vf v_from_int(vi v) {
    return __builtin_convertvector(v, vf);
}
/* Integers that wrap around, which the language's own operators may not. */
INLINE vi vi_add(vi a, vi b) {
    return (vi)((vu)a + (vu)b);
}
INLINE vi vi_sub(vi a, vi b) {
    return (vi)((vu)a - (vu)b);
}
INLINE vi vi_shift_left(vi a, int count) {
    return (vi)((vu)a << count);
}
/* Towards zero; the caller keeps the values in range. */
INLINE vi v_to_int(vf v) {
    return __builtin_convertvector(v, vi);
}

/* ---- a * b + c, rounded once where the processor can ---- */
#if CPU_LEVEL == 2
INLINE vf v_fma(vf a, vf b, vf c) {
    return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
}
#elif CPU_LEVEL == 1
INLINE vf v_fma(vf a, vf b, vf c) {
    return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
}
#elif defined(__aarch64__)
INLINE vf v_fma(vf a, vf b, vf c) {
    return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
}
#else
INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
#endif

/* ---- parts of vectors ---- */
#if CPU_LEVEL == 2
INLINE __mmask16 v_first(int64_t n) {
    return (__mmask16)((1u << n) - 1u);
}
INLINE vf v_load_n(const float *p, int64_t n) {
    return (vf)_mm512_maskz_loadu_ps(v_first(n), p);
}
INLINE void v_store_n(float *p, vf v, int64_t n) {
    _mm512_mask_storeu_ps(p, v_first(n), (__m512)v);
}
INLINE vi vi_load_n(const int32_t *p, int64_t n) {
    return (vi)_mm512_maskz_loadu_epi32(v_first(n), p);
}
INLINE void vi_store_n(int32_t *p, vi v, int64_t n) {
    _mm512_mask_storeu_epi32(p, v_first(n), (__m512i)v);
}
#elif CPU_LEVEL == 1
INLINE __m256i v_first(int64_t n) {
    const vi lane = {0, 1, 2, 3, 4, 5, 6, 7};
    return (__m256i)(lane < vi_set((int32_t)n));
}
INLINE vf v_load_n(const float *p, int64_t n) {
    return (vf)_mm256_maskload_ps(p, v_first(n));
}
INLINE void v_store_n(float *p, vf v, int64_t n) {
    _mm256_maskstore_ps(p, v_first(n), (__m256)v);
}
INLINE vi vi_load_n(const int32_t *p, int64_t n) {
    return (vi)_mm256_maskload_epi32(p, v_first(n));
}
INLINE void vi_store_n(int32_t *p, vi v, int64_t n) {
    _mm256_maskstore_epi32(p, v_first(n), (__m256i)v);
}
#else
INLINE vf v_load_n(const float *p, int64_t n) {
    vf v = {0};
    for (int64_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE void v_store_n(float *p, vf v, int64_t n) {
    for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
INLINE vi vi_load_n(const int32_t *p, int64_t n) {
    vi v = {0};
    for (int64_t i = 0; i < n; i++) v[i] = p[i];
    return v;
}
INLINE void vi_store_n(int32_t *p, vi v, int64_t n) {
    for (int64_t i = 0; i < n; i++) p[i] = v[i];
}
#endif

/* ---- comparisons, masks, selection ---- */
#if CPU_LEVEL == 2
typedef __mmask16 vm;
INLINE vm v_lt(vf a, vf b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LT_OQ);
}
INLINE vm v_le(vf a, vf b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_LE_OQ);
}
INLINE vm v_eq(vf a, vf b) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)b, _CMP_EQ_OQ);
}
INLINE vm v_is_nan(vf a) {
    return _mm512_cmp_ps_mask((__m512)a, (__m512)a, _CMP_UNORD_Q);
}
INLINE vm vi_lt(vi a, vi b) {
    return _mm512_cmplt_epi32_mask((__m512i)a, (__m512i)b);
}
INLINE vm vi_eq(vi a, vi b) {
    return _mm512_cmpeq_epi32_mask((__m512i)a, (__m512i)b);
}
INLINE vm vm_or(vm a, vm b) {
    return (vm)(a | b);
}
INLINE vm vm_and(vm a, vm b) {
    return (vm)(a & b);
}
INLINE bool vm_any(vm m) {
    return m != 0;
}
INLINE vf v_select(vm m, vf a, vf b) {
    return (vf)_mm512_mask_blend_ps(m, (__m512)b, (__m512)a);
}
INLINE vi vi_select(vm m, vi a, vi b) {
    return (vi)_mm512_mask_blend_epi32(m, (__m512i)b, (__m512i)a);
}
#else
typedef vi vm;
INLINE vm v_lt(vf a, vf b) {
    return a < b;
}
INLINE vm v_le(vf a, vf b) {
    return a <= b;
}
INLINE vm v_eq(vf a, vf b) {
    return a == b;
}
INLINE vm v_is_nan(vf a) {
    return a != a;
}
INLINE vm vi_lt(vi a, vi b) {
    return a < b;
}
INLINE vm vi_eq(vi a, vi b) {
    return a == b;
}
INLINE vm vm_or(vm a, vm b) {
    return a | b;
}
INLINE vm vm_and(vm a, vm b) {
    return a & b;
}
INLINE vi vi_select(vm m, vi a, vi b) {
#if CPU_LEVEL == 1
    return (vi)_mm256_blendv_epi8((__m256i)b, (__m256i)a, (__m256i)m);
#else
    return (m & a) | (~m & b);
#endif
}
INLINE vf v_select(vm m, vf a, vf b) {
    return (vf)vi_select(m, (vi)a, (vi)b);
}
INLINE bool vm_any(vm m) {
#if CPU_LEVEL == 1
    return _mm256_movemask_ps((__m256)m) != 0;
#else
    return (m[0] | m[1] | m[2] | m[3]) != 0;
#endif
}
#endif

/* Ones where the mask holds, zeros elsewhere: how bool values travel. */
INLINE vi vi_from_mask(vm m) {
    return vi_select(m, vi_set(1), vi_set(0));
}

/* The larger and the smaller; of a NaN and a number, the NaN. */
#if CPU_LEVEL == 2
INLINE vf v_max(vf a, vf b) {
    return v_select(v_is_nan(a), a, (vf)_mm512_max_ps((__m512)a, (__m512)b));
}
INLINE vf v_min(vf a, vf b) {
    return v_select(v_is_nan(a), a, (vf)_mm512_min_ps((__m512)a, (__m512)b));
}
#else
INLINE vf v_max(vf a, vf b) {
    return v_select(vm_or(v_lt(b, a), v_is_nan(a)), a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_select(vm_or(v_lt(a, b), v_is_nan(a)), a, b);
}
#endif
INLINE vi vi_max(vi a, vi b) {
    return vi_select(vi_lt(b, a), a, b);
}
INLINE vi vi_min(vi a, vi b) {
    return vi_select(vi_lt(a, b), a, b);
}
/* Into [low, high]; a NaN becomes low. */
INLINE vf v_clamp(vf x, float low, float high) {
    x = v_select(v_lt(v_set(low), x), x, v_set(low));
    return v_select(v_lt(x, v_set(high)), x, v_set(high));
}

INLINE vf v_abs(vf x) {
    return v_from_bits(v_bits(x) & 0x7fffffff);
}
INLINE vf v_neg(vf x) {
    return v_from_bits(v_bits(x) ^ vi_set(INT32_MIN));
}
/* |magnitude| with the sign of `sign`. */
INLINE vf v_copysign(vf magnitude, vf sign) {
    return v_from_bits((v_bits(magnitude) & 0x7fffffff) | (v_bits(sign) & vi_set(INT32_MIN)));
}

INLINE vf v_sqrt(vf x) {
#if CPU_LEVEL == 2
    return (vf)_mm512_sqrt_ps((__m512)x);
#elif CPU_LEVEL == 1
    return (vf)_mm256_sqrt_ps((__m256)x);
#elif defined(__aarch64__)
    return (vf)vsqrtq_f32((float32x4_t)x);
#else
    vf y;
    for (int i = 0; i < VL; i++) y[i] = sqrtf(x[i]);
    return y;
#endif
}

/* To the nearest integer, ties to even, as a float with the sign of x. */
INLINE vf v_round(vf x) {
#if CPU_LEVEL == 2
    return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif CPU_LEVEL == 1
    return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
    /* Adding and taking away 2^23 leaves no room for a fraction; larger values have none. */
    vf magic = v_copysign(v_set(0x1p23f), x);
    vf y = v_copysign((x + magic) - magic, x);
    return v_select(v_lt(v_abs(x), v_set(0x1p23f)), y, x);
#endif
}
INLINE vf v_floor(vf x) {
#if CPU_LEVEL == 2
    return (vf)_mm512_roundscale_ps((__m512)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#elif CPU_LEVEL == 1
    return (vf)_mm256_round_ps((__m256)x, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC);
#else
    vf y = v_round(x);
    return v_select(v_lt(x, y), v_copysign(y - v_set(1), x), y);
#endif
}

/* X(lane, w) for every lane: the index list of a shuffle. */
#define V_LIST_4(X, w) X(0, w), X(1, w), X(2, w), X(3, w)
#define V_LIST_8(X, w) V_LIST_4(X, w), X(4, w), X(5, w), X(6, w), X(7, w)
#define V_LIST_16(X, w)                                                                            \
    V_LIST_8(X, w), X(8, w), X(9, w), X(10, w), X(11, w), X(12, w), X(13, w), X(14, w), X(15, w)
#if CPU_LEVEL == 2
#define V_LIST V_LIST_16
#elif CPU_LEVEL == 1
#define V_LIST V_LIST_8
#else
#define V_LIST V_LIST_4
#endif

/* ---- all lanes to one: by halves, so the order is that of a balanced tree ---- */

/* Lane i of the result is lane i ^ k of v. */
#define V_ACROSS(i, k) ((i) ^ (k))
#define V_SWAP(v, k)   __builtin_shufflevector((v), (v), V_LIST(V_ACROSS, k))

INLINE float v_sum(vf v) {
#if CPU_LEVEL == 2
    v += V_SWAP(v, 8);
#endif
#if CPU_LEVEL >= 1
    v += V_SWAP(v, 4);
#endif
    v += V_SWAP(v, 2);
    v += V_SWAP(v, 1);
    return v[0];
}
INLINE float v_max_lane(vf v) {
#if CPU_LEVEL == 2
    v = v_max(v, V_SWAP(v, 8));
#endif
#if CPU_LEVEL >= 1
    v = v_max(v, V_SWAP(v, 4));
#endif
    v = v_max(v, V_SWAP(v, 2));
    v = v_max(v, V_SWAP(v, 1));
    return v[0];
}
INLINE float v_min_lane(vf v) {
    return -v_max_lane(v_neg(v));
}

/* ---- a square of vectors on its other side ----
 *
 * log2(VL) rounds; the one of width w exchanges, between rows i and i + w, the w-lane blocks that
 * are above the diagonal of their square of 2w by 2w with those below.
 */
#define V_UPPER(i, w) ((i) & (w) ? VL + (i) - (w) : (i))
#define V_LOWER(i, w) ((i) & (w) ? VL + (i) : (i) + (w))
#define V_EXCHANGE(rows, w)                                                                        \
    _Pragma("GCC unroll 16") for (int i = 0; i < VL; i++) {                                        \
        if ((i & (w)) != 0) continue;                                                              \
        vf u = (rows)[i], v = (rows)[i + (w)];                                                     \
        (rows)[i] = __builtin_shufflevector(u, v, V_LIST(V_UPPER, w));                             \
        (rows)[i + (w)] = __builtin_shufflevector(u, v, V_LIST(V_LOWER, w));                       \
    }
INLINE void v_transpose(vf rows[VL]) {
#if CPU_LEVEL == 2
    V_EXCHANGE(rows, 8)
#endif
#if CPU_LEVEL >= 1
    V_EXCHANGE(rows, 4)
#endif
    V_EXCHANGE(rows, 2)
    V_EXCHANGE(rows, 1)
}

#endif
