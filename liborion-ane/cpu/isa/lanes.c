/* SPDX-License-Identifier: MIT */
/* Elements of every dtype to lanes and back. */
#include "kernels.h"

#include "lanes.h"

/* ---- one element: strided places, and what is left over of packed ones ---- */

static uint32_t load_one(orion_ir_dtype dtype, const void *p) {
    uint32_t u32;
    uint16_t u16;
    int8_t i8;
    switch (dtype) {
    case ORION_IR_F32:
    case ORION_IR_I32: memcpy(&u32, p, sizeof u32); return u32;
    case ORION_IR_F16: memcpy(&u16, p, sizeof u16); return orn_f32_bits(orn_f32_from_f16(u16));
    case ORION_IR_BF16: memcpy(&u16, p, sizeof u16); return (uint32_t)u16 << 16;
    case ORION_IR_U16: memcpy(&u16, p, sizeof u16); return u16;
    case ORION_IR_I8: memcpy(&i8, p, sizeof i8); return (uint32_t)(int32_t)i8;
    case ORION_IR_BOOL: return *(const uint8_t *)p != 0 ? 1 : 0;
    default: return *(const uint8_t *)p;
    }
}

static void store_one(orion_ir_dtype dtype, uint32_t lane, void *p) {
    uint16_t u16 = (uint16_t)lane;
    switch (dtype) {
    case ORION_IR_F32:
    case ORION_IR_I32: memcpy(p, &lane, sizeof lane); return;
    case ORION_IR_F16: u16 = orn_f16_from_f32(orn_bits_f32(lane)); break;
    case ORION_IR_BF16: u16 = orn_bf16_from_f32(orn_bits_f32(lane)); break;
    case ORION_IR_U16: break;
    default: *(uint8_t *)p = (uint8_t)lane; return;
    }
    memcpy(p, &u16, sizeof u16);
}

/* ---- many ---- */

#define LOAD_LOOP(size, expression)                                                                \
    for (; i + VL <= n; i += VL) {                                                                 \
        const char *p = (const char *)from + i * (size);                                           \
        vi_store(to + i, (vi)(expression));                                                        \
    }
#define STORE_LOOP(size, statement)                                                                \
    for (; i + VL <= n; i += VL) {                                                                 \
        char *p = (char *)to + i * (size);                                                         \
        vi v = vi_load(from + i);                                                                  \
        statement;                                                                                 \
    }

static void load_packed(orion_ir_dtype dtype, int64_t n, const void *from, int32_t *to) {
    size_t size = orion_ir_dtype_bytes(dtype);
    int64_t i = 0;
    switch (dtype) {
    case ORION_IR_F32:
    case ORION_IR_I32: memcpy(to, from, (size_t)n * sizeof *to); return;
    case ORION_IR_F16: LOAD_LOOP(2, v_from_f16(vi_load_u16(p))) break;
    case ORION_IR_BF16: LOAD_LOOP(2, v_from_bf16(vi_load_u16(p))) break;
    case ORION_IR_U16: LOAD_LOOP(2, vi_load_u16(p)) break;
    case ORION_IR_I8: LOAD_LOOP(1, vi_load_i8(p)) break;
    case ORION_IR_BOOL:
        LOAD_LOOP(1, vi_select(vi_eq(vi_load_u8(p), vi_set(0)), vi_set(0), vi_set(1))) break;
    default: LOAD_LOOP(1, vi_load_u8(p)) break;
    }
    for (; i < n; i++) to[i] = (int32_t)load_one(dtype, (const char *)from + (size_t)i * size);
}

static void store_packed(orion_ir_dtype dtype, int64_t n, const int32_t *from, void *to) {
    size_t size = orion_ir_dtype_bytes(dtype);
    int64_t i = 0;
    switch (dtype) {
    case ORION_IR_F32:
    case ORION_IR_I32: memcpy(to, from, (size_t)n * sizeof *from); return;
    case ORION_IR_F16: STORE_LOOP(2, vi_store_u16(p, v_to_f16((vf)v))) break;
    case ORION_IR_BF16: STORE_LOOP(2, vi_store_u16(p, v_to_bf16((vf)v))) break;
    case ORION_IR_U16: STORE_LOOP(2, vi_store_u16(p, v)) break;
    default: STORE_LOOP(1, vi_store_u8(p, v)) break;
    }
    for (; i < n; i++) store_one(dtype, (uint32_t)from[i], (char *)to + (size_t)i * size);
}

void CPU_FN(lanes_load)(orion_ir_dtype dtype, int64_t n, const void *from, int64_t stride,
                        void *lanes) {
    int32_t *to = lanes;
    if (stride == 1) {
        load_packed(dtype, n, from, to);
    } else if (stride == 0) {
        int32_t lane = (int32_t)load_one(dtype, from);
        for (int64_t i = 0; i < n; i++) to[i] = lane;
    } else if (dtype == ORION_IR_F32 || dtype == ORION_IR_I32) {
        const char *p = from;
        for (int64_t i = 0; i < n; i++) memcpy(to + i, p + i * stride * 4, 4);
    } else {
        int64_t step = stride * (int64_t)orion_ir_dtype_bytes(dtype);
        const char *p = from;
        for (int64_t i = 0; i < n; i++) to[i] = (int32_t)load_one(dtype, p + i * step);
    }
}

void CPU_FN(lanes_store)(orion_ir_dtype dtype, int64_t n, const void *lanes, void *to,
                         int64_t stride) {
    const int32_t *from = lanes;
    if (stride == 1) {
        store_packed(dtype, n, from, to);
        return;
    }
    int64_t step = stride * (int64_t)orion_ir_dtype_bytes(dtype);
    for (int64_t i = 0; i < n; i++) store_one(dtype, (uint32_t)from[i], (char *)to + i * step);
}
