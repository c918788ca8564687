/* SPDX-License-Identifier: MIT */
/* The reference interpreter's quantisation: each element with the scale and zero of its block. */
#include "eval-internal.h"

#include <math.h>

/* Operand k's number for element i of x. */
static double of_block(const ir_eval *e, size_t k, int64_t i) {
    const orion_ir_type *x = ir_eval_in_type(e, 0), *type = ir_eval_in_type(e, k);
    int64_t at = 0, step = 1;
    for (uint32_t d = type->rank; d-- > 0; i /= x->dims[d]) {
        int64_t block = x->dims[d] / type->dims[d];
        at += i % x->dims[d] / block * step;
        step *= type->dims[d];
    }
    return ir_eval_in(e, k)[at];
}

static double saturated(double v, orion_ir_dtype dtype) {
    switch (dtype) {
    case ORION_IR_I8: return ORN_MIN(ORN_MAX(v, INT8_MIN), INT8_MAX);
    case ORION_IR_U8: return ORN_MIN(ORN_MAX(v, 0), UINT8_MAX);
    case ORION_IR_U16: return ORN_MIN(ORN_MAX(v, 0), UINT16_MAX);
    default: return ORN_MIN(ORN_MAX(v, INT32_MIN), INT32_MAX);
    }
}

orion_status ir_eval_quantize(ir_eval *e) {
    bool quantize = e->node->op == ORION_IR_OP_quantize;
    const orion_ir_type *y = ir_eval_out_type(e, 0);
    int64_t count = orion_ir_type_elements(y);
    for (int64_t i = 0; i < count; i++) {
        double x = ir_eval_in(e, 0)[i], scale = of_block(e, 1, i);
        double zero = e->node->n_in == 3 ? of_block(e, 2, i) : 0;
        double q = rint(x / scale) + zero;
        ir_eval_out(e, 0)[i] = !quantize  ? (x - zero) * scale
                               : isnan(q) ? 0
                                          : saturated(q, (orion_ir_dtype)y->dtype);
    }
    return ORION_OK;
}
