/* SPDX-License-Identifier: MIT */
/* Elements of every dtype to lanes and back: f32 for floats, 32-bit integers for the rest. */
#ifndef CPU_LANES_H
#define CPU_LANES_H

#include "simd.h"

/* ---- f16 and bf16 as the low 16 bits of integer lanes ---- */

#if CPU_LEVEL == 2
INLINE vf v_from_f16(vi bits) {
    return (vf)_mm512_cvtph_ps(_mm512_cvtepi32_epi16((__m512i)bits));
}
INLINE vi v_to_f16(vf x) {
    return (vi)_mm512_cvtepu16_epi32(
        _mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif CPU_LEVEL == 1
INLINE vf v_from_f16(vi bits) {
    __m256i pairs = _mm256_packus_epi32((__m256i)(bits & 0xffff), _mm256_setzero_si256());
    __m128i halves = _mm256_castsi256_si128(_mm256_permute4x64_epi64(pairs, 0x08));
    return (vf)_mm256_cvtph_ps(halves);
}
INLINE vi v_to_f16(vf x) {
    return (vi)_mm256_cvtepu16_epi32(
        _mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC));
}
#elif defined(__aarch64__)
INLINE vf v_from_f16(vi bits) {
    return (vf)vcvt_f32_f16(vreinterpret_f16_u16(vmovn_u32((uint32x4_t)bits)));
}
INLINE vi v_to_f16(vf x) {
    return (vi)vmovl_u16(vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)x)));
}
#else
/*
 * The exponent moves by 127 - 15.  Subnormal halves are integers times 2^-24, which the float unit
 * scales; infinities and NaN need the rest of a float's exponent.
 */
INLINE vf v_from_f16(vi bits) {
    vi magnitude = bits & 0x7fff, wide = (magnitude << 13) + (112 << 23);
    wide = vi_select(vi_lt(vi_set(0x7bff), magnitude), wide + (112 << 23), wide);
    vf y = v_select(vi_lt(magnitude, vi_set(0x400)), v_from_int(magnitude) * 0x1p-24f,
                    v_from_bits(wide));
    return v_copysign(y, v_from_bits(vi_shift_left(bits, 16)));
}
/*
 * Round to nearest even.  For normal halves: add just below half of the last place kept, and one
 * more if that is odd; carries run into the exponent, as they should.  For subnormal ones the
 * float unit rounds: in 0.5 + |x| the last place is 2^-24.
 */
INLINE vi v_to_f16(vf x) {
    vi sign = (v_bits(x) >> 16) & 0x8000, a = v_bits(x) & 0x7fffffff;
    vi normal = (a - (112 << 23) + (0xfff + ((a >> 13) & 1))) >> 13;
    vi small = v_bits(v_abs(x) + 0.5f) - 0x3f000000;
    vi y = vi_select(vi_lt(a, vi_set(0x38800000)), small, normal);
    y = vi_select(vi_lt(vi_set(0x477fefff), a), vi_set(0x7c00), y);
    y = vi_select(vi_lt(vi_set(0x7f800000), a), vi_set(0x7e00), y);
    return y | sign;
}
#endif

INLINE vf v_from_bf16(vi bits) {
    return v_from_bits(vi_shift_left(bits, 16));
}
INLINE vi v_to_bf16(vf x) {
    vi bits = v_bits(x), rounded = vi_add(bits, 0x7fff + ((bits >> 16) & 1));
    vi y = vi_select(v_is_nan(x), bits | 0x400000, rounded);
    return (y >> 16) & 0xffff;
}

/* ---- integers ---- */

INLINE vi vi_clamp(vi x, int32_t low, int32_t high) {
    return vi_min(vi_max(x, vi_set(low)), vi_set(high));
}
/* Truncated; NaN is 0, and what does not fit saturates to [low, high]. */
INLINE vi v_to_int_saturated(vf x, int32_t low, int32_t high) {
    vf bounded = v_clamp(x, -0x1p31f, 0x1.fffffep30f);
    vi y = v_to_int(bounded);
    y = vi_select(v_le(v_set(0x1p31f), x), vi_set(INT32_MAX), y);
    y = vi_select(v_is_nan(x), vi_set(0), y);
    return vi_clamp(y, low, high);
}

/* ---- packed memory: VL elements, or the first n of them ---- */

typedef uint16_t v16 __attribute__((vector_size(VL * 2), aligned(2), may_alias));
typedef uint8_t v8 __attribute__((vector_size(VL), aligned(1), may_alias));
typedef int8_t v8s __attribute__((vector_size(VL), aligned(1), may_alias));

INLINE vi vi_load_u16(const void *p) {
    return __builtin_convertvector(*(const v16 *)p, vi);
}
INLINE vi vi_load_u8(const void *p) {
    return __builtin_convertvector(*(const v8 *)p, vi);
}
INLINE vi vi_load_i8(const void *p) {
    return __builtin_convertvector(*(const v8s *)p, vi);
}
INLINE void vi_store_u16(void *p, vi v) {
    *(v16 *)p = __builtin_convertvector(v, v16);
}
INLINE void vi_store_u8(void *p, vi v) {
    *(v8 *)p = __builtin_convertvector(v, v8);
}

/* n elements of `dtype`, `stride` apart, to n lanes. */
void CPU_FN(lanes_load)(orion_ir_dtype dtype, int64_t n, const void *from, int64_t stride,
                        void *lanes);
/* And back: floats round to nearest even, integers are in range already. */
void CPU_FN(lanes_store)(orion_ir_dtype dtype, int64_t n, const void *lanes, void *to,
                         int64_t stride);

#endif
