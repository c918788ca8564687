/* SPDX-License-Identifier: MIT */
/* Quantisation in terms of core ops: scales and zeros are repeated to the extents of x. */
#include "decompose.h"

/* v, one number for each block of x, with each number repeated over its block. In f32. */
static orion_ir_value over_blocks(orion_ir_builder *b, orion_ir_value v, const orion_ir_type *x) {
    v = ir_widen(b, v);
    orion_ir_type type = ir_type_of(b, v);
    for (uint32_t d = 0; d < type.rank; d++) {
        if (type.dims[d] == 1 || type.dims[d] == x->dims[d]) continue; /* it broadcasts */
        int64_t outer = 1, inner = 1;
        for (uint32_t i = 0; i < d; i++) outer *= type.dims[i];
        for (uint32_t i = d + 1; i < type.rank; i++) inner *= type.dims[i];
        int64_t reps[] = {1, 1, x->dims[d] / type.dims[d], 1};
        orion_ir_attr attr = orion_ir_attr_ints("reps", reps, 4);
        v = IR_RESHAPE(b, v, outer, type.dims[d], 1, inner);
        v = orion_ir_build(b, ORION_IR_OP_tile, &v, 1, &attr, 1);
        type.dims[d] = x->dims[d];
        v = ir_reshape_to(b, v, type.dims, type.rank);
    }
    return v;
}

orion_ir_value ir_decompose_quantize(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_type x = ir_type_of(b, ir_operand(n, 0));
    orion_ir_value scale = over_blocks(b, ir_operand(n, 1), &x);
    orion_ir_value quotient = orion_ir_div(b, ir_widen(b, ir_operand(n, 0)), scale);
    orion_ir_value whole = orion_ir_build1(b, ORION_IR_OP_round, quotient);
    if (n->n_in == 3) whole = orion_ir_add(b, whole, over_blocks(b, ir_operand(n, 2), &x));
    return orion_ir_cast(b, whole, (orion_ir_dtype)n->attrs[IR_ATTR(quantize, dtype)].i);
}

orion_ir_value ir_decompose_dequantize(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_type x = ir_type_of(b, ir_operand(n, 0));
    orion_ir_value y = ir_widen(b, ir_operand(n, 0));
    if (n->n_in == 3) y = orion_ir_sub(b, y, over_blocks(b, ir_operand(n, 2), &x));
    y = orion_ir_mul(b, y, over_blocks(b, ir_operand(n, 1), &x));
    return ir_to_dtype(b, y, ir_dtype_of(b, ir_first_result(n)));
}
