/* SPDX-License-Identifier: MIT */
/* Scalar conversions between f32/f64 and the 16-bit floats; arrays are the CPU back end's business.
 */
#include "util.h"

float orn_f32_from_f16(uint16_t h) {
    uint32_t sign = (uint32_t)(h & 0x8000u) << 16;
    uint32_t exponent = (h >> 10) & 0x1fu;
    uint32_t mantissa = h & 0x3ffu;
    if (exponent == 31) return orn_bits_f32(sign | 0x7f800000u | mantissa << 13);
    if (exponent != 0) return orn_bits_f32(sign | (exponent + 112) << 23 | mantissa << 13);
    /* Subnormal: mantissa x 2^-24, exact in f32. */
    float magnitude = (float)mantissa * 0x1p-24f;
    return orn_bits_f32(sign | orn_f32_bits(magnitude));
}

/* Round the magnitude `bits` (a double's, sign cleared) to a half: one rounding, to nearest even.
 */
uint16_t orn_f16_from_f64(double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    uint16_t sign = (uint16_t)(bits >> 48 & 0x8000u);
    bits &= 0x7fffffffffffffffull;
    if (bits > 0x7ff0000000000000ull) return (uint16_t)(sign | 0x7e00u);
    int exponent = (int)(bits >> 52) - 1023;
    if (exponent >= 16) return (uint16_t)(sign | 0x7c00u);
    if (exponent < -25) return sign;
    uint64_t mantissa = (bits & 0xfffffffffffffull) | 0x10000000000000ull;
    int drop = exponent >= -14 ? 42 : 42 + (-14 - exponent); /* bits below the half's last place */
    uint64_t kept = mantissa >> drop;
    uint64_t rest = mantissa & ((1ull << drop) - 1), half = 1ull << (drop - 1);
    if (rest > half || (rest == half && (kept & 1))) kept++;
    /* A carry out of the mantissa runs into the exponent, which is what is wanted. */
    if (exponent >= -14) kept += (uint64_t)(exponent + 14) << 10;
    return (uint16_t)(sign | (uint16_t)kept);
}

uint16_t orn_f16_from_f32(float f) {
    return orn_f16_from_f64((double)f);
}

uint16_t orn_bf16_from_f32(float f) {
    uint32_t bits = orn_f32_bits(f);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return (uint16_t)(bits >> 16 | 0x40u);
    return (uint16_t)((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}
