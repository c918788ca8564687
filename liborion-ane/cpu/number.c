/* SPDX-License-Identifier: MIT */
/* One element of any dtype as a double, and back: rounded to nearest even, integers saturated. */
#include "plan.h"

#include <math.h>

double cpu_load_number(uint32_t dtype, const void *data, size_t i) {
    switch (dtype) {
    case ORION_IR_F32: return (double)((const float *)data)[i];
    case ORION_IR_F16: return (double)orn_f32_from_f16(((const uint16_t *)data)[i]);
    case ORION_IR_BF16: return (double)orn_f32_from_bf16(((const uint16_t *)data)[i]);
    case ORION_IR_I32: return ((const int32_t *)data)[i];
    case ORION_IR_U16: return ((const uint16_t *)data)[i];
    case ORION_IR_I8: return ((const int8_t *)data)[i];
    default: return ((const uint8_t *)data)[i]; /* u8, bool */
    }
}

/* NaN, which no integer is, gives 0. */
static double clamp(double v, double least, double most) {
    return isnan(v) ? 0 : v < least ? least : v > most ? most : v;
}

void cpu_store_number(uint32_t dtype, void *data, size_t i, double v) {
    switch (dtype) {
    case ORION_IR_F32: ((float *)data)[i] = (float)v; break;
    case ORION_IR_F16: ((uint16_t *)data)[i] = orn_f16_from_f64(v); break;
    case ORION_IR_BF16: ((uint16_t *)data)[i] = orn_bf16_from_f32((float)v); break;
    case ORION_IR_I32: ((int32_t *)data)[i] = (int32_t)clamp(v, INT32_MIN, INT32_MAX); break;
    case ORION_IR_U16: ((uint16_t *)data)[i] = (uint16_t)clamp(v, 0, UINT16_MAX); break;
    case ORION_IR_I8: ((int8_t *)data)[i] = (int8_t)clamp(v, INT8_MIN, INT8_MAX); break;
    case ORION_IR_U8: ((uint8_t *)data)[i] = (uint8_t)clamp(v, 0, UINT8_MAX); break;
    default: ((uint8_t *)data)[i] = v != 0; break;
    }
}
