/* SPDX-License-Identifier: MIT */
/*
 * Copy elements between strided regions, converting their dtype.
 *
 * Both regions are folded to as few axes as their strides allow, so that packed tensors are one run
 * of elements; a run goes through one loop per pair of dtypes, or through the vector kernels of the
 * CPU device. Floats round to nearest even, f64
 * and double rounding never occur; integers saturate, and to bool anything but 0 is 1.
 */
#include "ane-internal.h"
#include "cpu/cpu.h"

bool ane_converts(uint32_t from, uint32_t to) {
    bool known = orion_ir_dtype_bytes((orion_ir_dtype)from) != 0 &&
                 orion_ir_dtype_bytes((orion_ir_dtype)to) != 0;
    bool from_float = from == ORION_IR_F32 || from == ORION_IR_F16 || from == ORION_IR_BF16;
    bool to_float = to == ORION_IR_F32 || to == ORION_IR_F16 || to == ORION_IR_BF16;
    return known && from_float == to_float;
}

/* One element through the widest type of its kind. memcpy: a caller's buffer may lie anywhere. */
#define LOAD(type, p)     (*(const type *)memcpy(&(type){0}, (p), sizeof(type)))
#define STORE(type, p, v) memcpy((p), &(type){v}, sizeof(type))

static inline float load_float(uint32_t dtype, const char *p) {
    switch (dtype) {
    case ORION_IR_F16: return orn_f32_from_f16(LOAD(uint16_t, p));
    case ORION_IR_BF16: return orn_f32_from_bf16(LOAD(uint16_t, p));
    default: return LOAD(float, p);
    }
}

static inline void store_float(uint32_t dtype, char *p, float v) {
    switch (dtype) {
    case ORION_IR_F16: STORE(uint16_t, p, orn_f16_from_f32(v)); break;
    case ORION_IR_BF16: STORE(uint16_t, p, orn_bf16_from_f32(v)); break;
    default: STORE(float, p, v); break;
    }
}

static inline int32_t load_integer(uint32_t dtype, const char *p) {
    switch (dtype) {
    case ORION_IR_U16: return LOAD(uint16_t, p);
    case ORION_IR_I8: return LOAD(int8_t, p);
    case ORION_IR_I32: return LOAD(int32_t, p);
    default: return LOAD(uint8_t, p); /* u8, bool */
    }
}

static inline int32_t clamp(int32_t v, int32_t least, int32_t most) {
    return v < least ? least : v > most ? most : v;
}

static inline void store_integer(uint32_t dtype, char *p, int32_t v) {
    switch (dtype) {
    case ORION_IR_U16: STORE(uint16_t, p, (uint16_t)clamp(v, 0, UINT16_MAX)); break;
    case ORION_IR_I8: STORE(int8_t, p, (int8_t)clamp(v, INT8_MIN, INT8_MAX)); break;
    case ORION_IR_U8: STORE(uint8_t, p, (uint8_t)clamp(v, 0, UINT8_MAX)); break;
    case ORION_IR_BOOL: STORE(uint8_t, p, v != 0); break;
    default: STORE(int32_t, p, v); break;
    }
}

typedef void run_fn(char *to, int64_t to_step, const char *from, int64_t from_step, int64_t n);

/* One loop per pair, so that the compiler sees both dtypes as constants. */
#define RUN(kind, from_dtype, to_dtype)                                                            \
    static void run_##from_dtype##_##to_dtype(char *to, int64_t to_step, const char *from,         \
                                              int64_t from_step, int64_t n) {                      \
        for (int64_t i = 0; i < n; i++) {                                                          \
            store_##kind(ORION_IR_##to_dtype, to + i * to_step,                                    \
                         load_##kind(ORION_IR_##from_dtype, from + i * from_step));                \
        }                                                                                          \
    }
#define FLOAT_PAIRS(from)                                                                          \
    RUN(float, from, F32)                                                                          \
    RUN(float, from, F16)                                                                          \
    RUN(float, from, BF16)
#define INTEGER_PAIRS(from)                                                                        \
    RUN(integer, from, I32)                                                                        \
    RUN(integer, from, U16)                                                                        \
    RUN(integer, from, U8)                                                                         \
    RUN(integer, from, I8)                                                                         \
    RUN(integer, from, BOOL)
FLOAT_PAIRS(F32)
FLOAT_PAIRS(F16)
FLOAT_PAIRS(BF16)
INTEGER_PAIRS(I32)
INTEGER_PAIRS(U16)
INTEGER_PAIRS(U8)
INTEGER_PAIRS(I8)
INTEGER_PAIRS(BOOL)

/* [from][to]; pairs that do not convert are NULL. */
#define FLOAT_ROW(from)                                                                            \
    [ORION_IR_##from] = {[ORION_IR_F32] = run_##from##_F32,                                        \
                         [ORION_IR_F16] = run_##from##_F16,                                        \
                         [ORION_IR_BF16] = run_##from##_BF16}
#define INTEGER_ROW(from)                                                                          \
    [ORION_IR_##from] = {[ORION_IR_I32] = run_##from##_I32,                                        \
                         [ORION_IR_U16] = run_##from##_U16,                                        \
                         [ORION_IR_U8] = run_##from##_U8,                                          \
                         [ORION_IR_I8] = run_##from##_I8,                                          \
                         [ORION_IR_BOOL] = run_##from##_BOOL}
static run_fn *const runs[ORION_IR_BOOL + 1][ORION_IR_BOOL + 1] = {
    FLOAT_ROW(F32),   FLOAT_ROW(F16),  FLOAT_ROW(BF16), INTEGER_ROW(I32),
    INTEGER_ROW(U16), INTEGER_ROW(U8), INTEGER_ROW(I8), INTEGER_ROW(BOOL)};

/* ---- runs of elements side by side, in vectors ---- */

static bool is_aligned(const ane_region *region) {
    return (uintptr_t)region->data % orion_ir_dtype_bytes((orion_ir_dtype)region->dtype) == 0;
}

/* f32 to or from another float: a run that the kernels of the CPU device do faster. They want
 * elements where their type may lie, which a caller's buffer need not. */
static bool is_fast(const ane_region *to, const ane_region *from, int64_t to_step,
                    int64_t from_step) {
    bool floats = to->dtype <= ORION_IR_BF16 && from->dtype <= ORION_IR_BF16;
    return floats && to->dtype != from->dtype && is_aligned(to) && is_aligned(from) &&
           (to->dtype == ORION_IR_F32 || from->dtype == ORION_IR_F32) &&
           to_step == (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)to->dtype) &&
           from_step == (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)from->dtype);
}

static void run_fast(const cpu_kernels *kernels, const ane_region *to, const ane_region *from,
                     char *out, const char *in, int64_t n) {
    if (from->dtype == ORION_IR_F32) {
        kernels->lanes_store((orion_ir_dtype)to->dtype, n, in, out, 1);
    } else {
        kernels->lanes_load((orion_ir_dtype)from->dtype, n, in, 1, out);
    }
}

/* Finite numbers that became infinite in f16 become the largest one there is. */
static void saturate(char *out, int64_t out_step, const char *in, int64_t in_step, int64_t n) {
    enum { EXPONENT = 0x7c00, LARGEST = 0x7bff, SIGN = 0x8000 };
    for (int64_t i = 0; i < n; i++) {
        uint16_t half = LOAD(uint16_t, out + i * out_step);
        float x = LOAD(float, in + i * in_step);
        if ((half & ~SIGN) != EXPONENT || x - x != 0) continue;
        STORE(uint16_t, out + i * out_step, (uint16_t)((half & SIGN) | LARGEST));
    }
}

/* Axes of extent > 1, neighbours joined where one step of the outer is all of the inner in both. */
static uint32_t fold(uint32_t rank, const int64_t *dims, const int64_t *to, const int64_t *from,
                     int64_t n[], int64_t to_step[], int64_t from_step[]) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < rank; i++) {
        if (dims[i] == 1) continue;
        bool joins = count != 0 && to_step[count - 1] == to[i] * dims[i] &&
                     from_step[count - 1] == from[i] * dims[i];
        if (!joins) {
            count++;
            n[count - 1] = 1;
        }
        n[count - 1] *= dims[i];
        to_step[count - 1] = to[i];
        from_step[count - 1] = from[i];
    }
    return count;
}

void ane_convert(uint32_t rank, const int64_t *dims, const ane_region *to, const ane_region *from) {
    int64_t n[ORION_IR_RANK_MAX], to_step[ORION_IR_RANK_MAX], from_step[ORION_IR_RANK_MAX];
    int64_t at[ORION_IR_RANK_MAX] = {0};
    uint32_t axes = fold(rank, dims, to->strides, from->strides, n, to_step, from_step);
    int64_t size = (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)to->dtype);
    if (axes == 0) { /* one element */
        n[0] = 1;
        to_step[0] = from_step[0] = size;
        axes = 1;
    }
    uint32_t last = axes - 1;
    bool copies = to->dtype == from->dtype && to_step[last] == size && from_step[last] == size;
    run_fn *run = runs[from->dtype][to->dtype];
    bool fast = is_fast(to, from, to_step[last], from_step[last]);
    bool saturates = to->saturates && to->dtype == ORION_IR_F16 && from->dtype == ORION_IR_F32;
    const cpu_kernels *kernels = fast ? cpu_kernels_for(cpu_features()) : NULL;
    char *out = to->data;
    const char *in = from->data;
    for (;;) {
        if (copies) {
            memcpy(out, in, (size_t)(n[last] * size));
        } else if (fast) {
            run_fast(kernels, to, from, out, in, n[last]);
        } else {
            run(out, to_step[last], in, from_step[last], n[last]);
        }
        if (saturates) saturate(out, to_step[last], in, from_step[last], n[last]);
        uint32_t i = last;
        while (i > 0) { /* the next position of the outer axes */
            i--;
            out += to_step[i];
            in += from_step[i];
            if (++at[i] < n[i]) break;
            at[i] = 0;
            out -= to_step[i] * n[i];
            in -= from_step[i] * n[i];
            if (i == 0) return;
        }
        if (last == 0) return;
    }
}
