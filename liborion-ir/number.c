/* SPDX-License-Identifier: MIT */
/*
 * Numbers of .oir text: every value of every dtype has one spelling that reads back bit for bit.
 *
 * Floats are written with as few digits as identify them. A NaN with the usual payload (only the
 * quiet bit) is "nan"; any other shows its mantissa, "nan(0x12)"; both may have a sign.
 */
#include "ir-internal.h"
#include "scan.h"

#include <math.h>
#include <stdio.h>

/* How the bits of a float are laid out: sign, exponent, `mantissa` bits. */
typedef struct layout {
    unsigned bits, mantissa;
} layout;

static const layout f64_layout = {64, 52};

static layout layout_of(orion_ir_dtype dtype) {
    return dtype == ORION_IR_F32 ? (layout){32, 23} : (layout){16, dtype == ORION_IR_F16 ? 10 : 7};
}

static uint64_t mask(unsigned bits) {
    return (UINT64_C(1) << bits) - 1;
}

static size_t format_nan(char *buf, layout f, uint64_t bits) {
    const char *sign = bits >> (f.bits - 1) & 1 ? "-" : "";
    uint64_t payload = bits & mask(f.mantissa);
    int n = payload == UINT64_C(1) << (f.mantissa - 1)
                ? snprintf(buf, IR_NUMBER_TEXT, "%snan", sign)
                : snprintf(buf, IR_NUMBER_TEXT, "%snan(0x%llx)", sign, (unsigned long long)payload);
    return (size_t)n;
}

/* The bits of a NaN from its text; false if the text is none of this layout. */
static bool parse_nan(layout f, const char *s, size_t n, uint64_t *bits) {
    uint64_t sign = n != 0 && s[0] == '-', payload = UINT64_C(1) << (f.mantissa - 1);
    s += sign;
    n -= (size_t)sign;
    if (n < 3 || memcmp(s, "nan", 3) != 0) return false;
    if (n > 3) {
        if (n < 8 || n > 7 + 16 || memcmp(s + 3, "(0x", 3) != 0 || s[n - 1] != ')') return false;
        payload = 0;
        for (size_t i = 6; i < n - 1; i++) {
            int digit = ir_hex_digit(s[i]);
            if (digit < 0) return false;
            payload = payload << 4 | (unsigned)digit;
        }
    }
    if (payload == 0 || payload > mask(f.mantissa)) return false;
    *bits = sign << (f.bits - 1) | mask(f.bits - 1 - f.mantissa) << f.mantissa | payload;
    return true;
}

/* The bits of element i, as an unsigned number. */
uint64_t ir_load_bits(orion_ir_dtype dtype, const void *data, size_t i) {
    size_t bytes = orion_ir_dtype_bytes(dtype);
    const unsigned char *p = (const unsigned char *)data + i * bytes;
    uint32_t u32;
    uint16_t u16;
    if (bytes == 1) return *p;
    if (bytes == 2) {
        memcpy(&u16, p, sizeof u16);
        return u16;
    }
    memcpy(&u32, p, sizeof u32);
    return u32;
}

void ir_store_bits(orion_ir_dtype dtype, void *data, size_t i, uint64_t bits) {
    size_t bytes = orion_ir_dtype_bytes(dtype);
    unsigned char *p = (unsigned char *)data + i * bytes;
    uint32_t u32 = (uint32_t)bits;
    uint16_t u16 = (uint16_t)bits;
    if (bytes == 1) *p = (unsigned char)bits;
    if (bytes == 2) memcpy(p, &u16, sizeof u16);
    if (bytes == 4) memcpy(p, &u32, sizeof u32);
}

size_t ir_format_real(char buf[IR_NUMBER_TEXT], double v) {
    if (!isnan(v)) return orn_format_f64(buf, v);
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return format_nan(buf, f64_layout, bits);
}

bool ir_parse_real(const char *s, size_t n, double *out) {
    uint64_t bits;
    if (parse_nan(f64_layout, s, n, &bits)) {
        memcpy(out, &bits, sizeof *out);
        return true;
    }
    return orn_parse_f64(s, n, out) && !isnan(*out);
}

size_t ir_format_element(char buf[IR_NUMBER_TEXT], orion_ir_dtype dtype, const void *data,
                         size_t i) {
    double v = ir_load(dtype, data, i);
    if (dtype == ORION_IR_BOOL) {
        return (size_t)snprintf(buf, IR_NUMBER_TEXT, "%s", v != 0 ? "true" : "false");
    }
    if (!ir_is_float((uint32_t)dtype)) {
        return (size_t)snprintf(buf, IR_NUMBER_TEXT, "%lld", (long long)v);
    }
    if (isnan(v)) return format_nan(buf, layout_of(dtype), ir_load_bits(dtype, data, i));
    return orn_format_f32(buf, (float)v);
}

static bool parse_float(orion_ir_dtype dtype, const char *s, size_t n, void *data, size_t i) {
    uint64_t bits;
    double v;
    if (parse_nan(layout_of(dtype), s, n, &bits)) {
        ir_store_bits(dtype, data, i, bits);
        return true;
    }
    if (!orn_parse_f64(s, n, &v) || isnan(v)) return false;
    ir_store(dtype, data, i, v);
    return isinf(v) || !isinf(ir_load(dtype, data, i)); /* a finite number stays finite */
}

bool ir_parse_element(orion_ir_dtype dtype, const char *s, size_t n, void *data, size_t i) {
    int64_t v;
    if (dtype == ORION_IR_BOOL) {
        bool yes = n == 4 && memcmp(s, "true", 4) == 0;
        ir_store(dtype, data, i, yes ? 1 : 0);
        return yes || (n == 5 && memcmp(s, "false", 5) == 0);
    }
    if (ir_is_float((uint32_t)dtype)) return parse_float(dtype, s, n, data, i);
    if (!orn_parse_i64(s, n, &v)) return false;
    ir_store(dtype, data, i, (double)v);
    /* Saturation changes what is out of range; what is in range a double holds exactly. */
    return ir_load(dtype, data, i) == (double)v;
}
