/* SPDX-License-Identifier: MIT */
/* Element types and tensor types: names, sizes, and numbers in and out of raw data. */
#include "ir-internal.h"

#include <math.h>

static const struct dtype {
    const char *name;
    uint32_t bytes;
    int64_t least, most; /* of the integers */
} dtypes[] = {
    [ORION_IR_F32] = {"f32", 4, 0, 0},
    [ORION_IR_F16] = {"f16", 2, 0, 0},
    [ORION_IR_BF16] = {"bf16", 2, 0, 0},
    [ORION_IR_I32] = {"i32", 4, INT32_MIN, INT32_MAX},
    [ORION_IR_U16] = {"u16", 2, 0, UINT16_MAX},
    [ORION_IR_U8] = {"u8", 1, 0, UINT8_MAX},
    [ORION_IR_I8] = {"i8", 1, INT8_MIN, INT8_MAX},
    [ORION_IR_BOOL] = {"bool", 1, 0, 1},
};

bool ir_dtype_valid(uint32_t dtype) {
    return dtype != ORION_IR_DTYPE_NONE && dtype < ORN_COUNT(dtypes);
}

const char *orion_ir_dtype_name(orion_ir_dtype dtype) {
    return ir_dtype_valid((uint32_t)dtype) ? dtypes[dtype].name : "none";
}

orion_ir_dtype ir_dtype_by_name(const char *name, size_t length) {
    for (uint32_t i = 1; i < ORN_COUNT(dtypes); i++) {
        if (strlen(dtypes[i].name) == length && memcmp(dtypes[i].name, name, length) == 0) {
            return (orion_ir_dtype)i;
        }
    }
    return ORION_IR_DTYPE_NONE;
}

orion_ir_dtype orion_ir_dtype_from_name(const char *name) {
    return name == NULL ? ORION_IR_DTYPE_NONE : ir_dtype_by_name(name, strlen(name));
}

size_t orion_ir_dtype_bytes(orion_ir_dtype dtype) {
    return ir_dtype_valid((uint32_t)dtype) ? dtypes[dtype].bytes : 0;
}

orion_ir_type orion_ir_type_make(orion_ir_dtype dtype, uint32_t rank, const int64_t *dims) {
    orion_ir_type type = {.dtype = (uint32_t)dtype, .rank = ORN_MIN(rank, ORION_IR_RANK_MAX)};
    for (uint32_t i = 0; i < type.rank && dims != NULL; i++) type.dims[i] = dims[i];
    return type;
}

/* Elements of a valid type, else 0. */
static int64_t count_elements(const orion_ir_type *type) {
    if (!ir_dtype_valid(type->dtype) || type->rank > ORION_IR_RANK_MAX) return 0;
    int64_t n = 1;
    for (uint32_t i = 0; i < ORION_IR_RANK_MAX; i++) {
        int64_t dim = type->dims[i];
        if (i >= type->rank) {
            if (dim != 0) return 0;
        } else if (dim < 1 || dim > INT32_MAX || __builtin_mul_overflow(n, dim, &n)) {
            return 0;
        }
    }
    int64_t bytes;
    if (__builtin_mul_overflow(n, (int64_t)dtypes[type->dtype].bytes, &bytes)) return 0;
    return bytes < (int64_t)1 << 48 ? n : 0;
}

bool ir_type_valid(const orion_ir_type *type) {
    return count_elements(type) != 0;
}

int64_t orion_ir_type_elements(const orion_ir_type *type) {
    return count_elements(type);
}

size_t orion_ir_type_bytes(const orion_ir_type *type) {
    size_t bytes;
    int64_t n = count_elements(type);
    if (n == 0 || (uint64_t)n > SIZE_MAX) return 0;
    return orn_mul((size_t)n, dtypes[type->dtype].bytes, &bytes) ? bytes : 0;
}

int orion_ir_type_equal(const orion_ir_type *a, const orion_ir_type *b) {
    if (a->dtype != b->dtype || a->rank != b->rank || a->rank > ORION_IR_RANK_MAX) return 0;
    for (uint32_t i = 0; i < a->rank; i++) {
        if (a->dims[i] != b->dims[i]) return 0;
    }
    return 1;
}

static size_t append(char *buf, size_t at, const char *s) {
    size_t n = strlen(s);
    memcpy(buf + at, s, n);
    return at + n;
}

size_t ir_format_type(char buf[IR_TYPE_TEXT], const orion_ir_type *type) {
    size_t at = append(buf, 0, orion_ir_dtype_name((orion_ir_dtype)type->dtype));
    buf[at++] = '[';
    for (uint32_t i = 0; i < ORN_MIN(type->rank, ORION_IR_RANK_MAX); i++) {
        char digits[24];
        size_t d = sizeof digits;
        int64_t dim = type->dims[i];
        uint64_t rest = dim < 0 ? 0 - (uint64_t)dim : (uint64_t)dim;
        digits[--d] = '\0';
        do {
            digits[--d] = (char)('0' + rest % 10);
            rest /= 10;
        } while (rest != 0);
        if (dim < 0) digits[--d] = '-';
        if (i != 0) buf[at++] = ',';
        at = append(buf, at, digits + d);
    }
    buf[at++] = ']';
    buf[at] = '\0';
    return at;
}

/* ---- numbers ---- */

double ir_load(orion_ir_dtype dtype, const void *data, size_t i) {
    const unsigned char *p = (const unsigned char *)data + i * orion_ir_dtype_bytes(dtype);
    uint16_t u16;
    int32_t i32;
    float f32;
    switch (dtype) {
    case ORION_IR_F32: memcpy(&f32, p, sizeof f32); return (double)f32;
    case ORION_IR_F16: memcpy(&u16, p, sizeof u16); return (double)orn_f32_from_f16(u16);
    case ORION_IR_BF16: memcpy(&u16, p, sizeof u16); return (double)orn_f32_from_bf16(u16);
    case ORION_IR_I32: memcpy(&i32, p, sizeof i32); return (double)i32;
    case ORION_IR_U16: memcpy(&u16, p, sizeof u16); return (double)u16;
    case ORION_IR_U8: return (double)*p;
    case ORION_IR_I8: return *p < 128 ? (double)*p : (double)*p - 256;
    case ORION_IR_BOOL: return *p != 0 ? 1 : 0;
    case ORION_IR_DTYPE_NONE: break;
    }
    return 0;
}

/*
 * f64 to bf16 with one rounding. f32 rounded to odd keeps enough of the discarded bits (sticky in
 * the last place) that the second rounding, to nearest even, sees on which side of the halfway
 * point the f64 was.
 */
static uint16_t bf16_from_f64(double d) {
    float f = (float)d;
    if (!isnan(d) && (double)f != d && !isinf(f)) {
        uint32_t u = orn_f32_bits(f);
        bool away = fabs((double)f) > fabs(d);
        if (away) u--; /* truncate towards zero */
        f = orn_bits_f32(u | 1);
    }
    return orn_bf16_from_f32(f);
}

static int64_t saturate(orion_ir_dtype dtype, double v) {
    if (dtype == ORION_IR_BOOL) return v != 0 ? 1 : 0;
    if (isnan(v)) return 0;
    if (v <= (double)dtypes[dtype].least) return dtypes[dtype].least;
    if (v >= (double)dtypes[dtype].most) return dtypes[dtype].most;
    return (int64_t)v;
}

void ir_store(orion_ir_dtype dtype, void *data, size_t i, double v) {
    unsigned char *p = (unsigned char *)data + i * orion_ir_dtype_bytes(dtype);
    uint16_t u16;
    int32_t i32;
    float f32;
    switch (dtype) {
    case ORION_IR_F32:
        f32 = (float)v;
        memcpy(p, &f32, sizeof f32);
        break;
    case ORION_IR_F16:
        u16 = orn_f16_from_f64(v);
        memcpy(p, &u16, sizeof u16);
        break;
    case ORION_IR_BF16:
        u16 = bf16_from_f64(v);
        memcpy(p, &u16, sizeof u16);
        break;
    case ORION_IR_I32:
        i32 = (int32_t)saturate(dtype, v);
        memcpy(p, &i32, sizeof i32);
        break;
    case ORION_IR_U16:
        u16 = (uint16_t)saturate(dtype, v);
        memcpy(p, &u16, sizeof u16);
        break;
    case ORION_IR_U8:
    case ORION_IR_I8:
    case ORION_IR_BOOL: *p = (unsigned char)(saturate(dtype, v) & 0xff); break;
    case ORION_IR_DTYPE_NONE: break;
    }
}

double ir_round_to(orion_ir_dtype dtype, double v) {
    unsigned char buf[8];
    ir_store(dtype, buf, 0, v);
    return ir_load(dtype, buf, 0);
}

/* Copies of ever longer prefixes. */
void ir_repeat(void *data, size_t elem, size_t bytes) {
    char *p = data;
    for (size_t filled = elem; filled < bytes;) {
        size_t n = ORN_MIN(filled, bytes - filled);
        memcpy(p + filled, p, n);
        filled += n;
    }
}
