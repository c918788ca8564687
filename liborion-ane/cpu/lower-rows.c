/* SPDX-License-Identifier: MIT */
/* Ops that work along rows: reductions, softmax, norms, cross entropy. */
#include "plan.h"

static bool is_float(uint32_t dtype) {
    return cpu_working_dtype(dtype) == ORION_IR_F32;
}

/* The result takes the place of an operand that dies here, else memory of its own. */
static orion_status result_over(cpu_planner *p, const cpu_node *n, uint32_t operand,
                                const cpu_view *view, cpu_view *out) {
    const cpu_value *v = cpu_val(p, operand);
    bool same = v->view.buffer == view->buffer; /* not a copy made for the kernel */
    if (same && cpu_dying(p, operand, 1) && cpu_output_of(p, n->result) == CPU_NONE) {
        *out = *view;
        cpu_define(p, n->result, out);
        return ORION_OK;
    }
    return cpu_result(p, n->result, NULL, out);
}

static uint32_t reduction_of(uint32_t op) {
    switch (op) {
    case ORION_IR_OP_reduce_sum: return CPU_REDUCE_SUM;
    case ORION_IR_OP_reduce_mean: return CPU_REDUCE_MEAN;
    case ORION_IR_OP_reduce_max: return CPU_REDUCE_MAX;
    default: return CPU_REDUCE_MIN;
    }
}

/* Integers narrower than i32 are reduced as i32. */
orion_status cpu_lower_reduce(cpu_planner *p, cpu_node *n) {
    bool joined;
    TRY(cpu_fuse_reduction(p, (uint32_t)(n - p->nodes), &joined));
    if (joined) return ORION_OK;
    uint32_t operand = cpu_input(p, n, 0);
    cpu_view x, y, wide;
    TRY(cpu_need_f32(p, operand, &x));
    bool narrow = !is_float(x.dtype) && x.dtype != ORION_IR_I32;
    if (narrow) {
        TRY(cpu_temporary(p, ORION_IR_I32, x.rank, x.dims, &wide));
        TRY(cpu_emit_copy(p, &x, &wide));
        x = wide;
    }
    size_t count;
    const int64_t *axes = orion_ir_node_ints(n->ir, "axes", &count);
    cpu_reduce r = {.reduction = reduction_of(n->op), .dtype = x.dtype, .rank = x.rank};
    memcpy(r.dims, x.dims, sizeof r.dims);
    memcpy(r.strides, x.strides, sizeof r.strides);
    for (size_t i = 0; i < count; i++) r.axes |= 1u << axes[i];
    TRY(cpu_result(p, n->result, NULL, &y));
    wide = y;
    if (narrow) TRY(cpu_temporary(p, ORION_IR_I32, y.rank, y.dims, &wide));
    const cpu_view *views[] = {&x, &wide};
    TRY(cpu_emit(p, cpu_step_reduce, cpu_keep(p, &r, sizeof r), views, 2,
                 p->device->kernels->reduce_scratch(&r)));
    if (narrow) TRY(cpu_emit_copy(p, &wide, &y));
    cpu_served(p, operand);
    return ORION_OK;
}

orion_status cpu_lower_softmax(cpu_planner *p, cpu_node *n) {
    uint32_t operand = cpu_input(p, n, 0), axis = (uint32_t)orion_ir_node_int(n->ir, "axis");
    cpu_view x, y;
    TRY(cpu_need_packed(p, operand, &x));
    cpu_softmax s = {.outer = cpu_elements(axis, x.dims),
                     .n = x.dims[axis],
                     .inner = cpu_elements(x.rank - axis - 1, x.dims + axis + 1),
                     .log = n->op == ORION_IR_OP_log_softmax};
    TRY(result_over(p, n, operand, &x, &y));
    const cpu_view *views[] = {&x, &y};
    TRY(cpu_emit(p, cpu_step_softmax, cpu_keep(p, &s, sizeof s), views, 2, 0));
    cpu_served(p, operand);
    return ORION_OK;
}

/* rms_norm and layer_norm, by the number of their operands. */
orion_status cpu_lower_norm(cpu_planner *p, cpu_node *n) {
    uint32_t operand = cpu_input(p, n, 0);
    cpu_view x, y, gamma, beta;
    cpu_norm norm = {.epsilon = orion_ir_node_float(n->ir, "epsilon")};
    TRY(cpu_need_f32(p, operand, &x));
    if (!cpu_view_rows(&x, &norm.x_stride)) {
        TRY(cpu_need_packed(p, operand, &x));
        cpu_view_rows(&x, &norm.x_stride);
    }
    TRY(cpu_need_packed(p, cpu_input(p, n, 1), &gamma));
    if (n->input_count == 3) TRY(cpu_need_packed(p, cpu_input(p, n, 2), &beta));
    norm.d = x.dims[x.rank - 1];
    norm.rows = cpu_elements(x.rank - 1, x.dims);
    TRY(result_over(p, n, operand, &x, &y));
    cpu_view_rows(&y, &norm.y_stride);
    const void *desc = cpu_keep(p, &norm, sizeof norm);
    if (n->input_count == 3) {
        const cpu_view *views[] = {&x, &gamma, &beta, &y};
        TRY(cpu_emit(p, cpu_step_layer_norm, desc, views, 4, 0));
    } else {
        const cpu_view *views[] = {&x, &gamma, &y};
        TRY(cpu_emit(p, cpu_step_rms_norm, desc, views, 3, 0));
    }
    for (size_t i = 0; i < n->input_count; i++) cpu_served(p, cpu_input(p, n, i));
    return ORION_OK;
}

orion_status cpu_lower_cross_entropy(cpu_planner *p, cpu_node *n) {
    cpu_view logits, targets, loss;
    TRY(cpu_need_packed(p, cpu_input(p, n, 0), &logits));
    TRY(cpu_need_packed(p, cpu_input(p, n, 1), &targets));
    TRY(cpu_result(p, n->result, NULL, &loss));
    cpu_cross_entropy_desc desc = {.rows = logits.dims[0], .classes = logits.dims[1]};
    const cpu_view *views[] = {&logits, &targets, &loss};
    TRY(cpu_emit(p, cpu_step_cross_entropy, cpu_keep(p, &desc, sizeof desc), views, 3,
                 (size_t)desc.rows * sizeof(float)));
    cpu_emit_indices(p, 1, desc.classes);
    cpu_served(p, cpu_input(p, n, 0));
    cpu_served(p, cpu_input(p, n, 1));
    return ORION_OK;
}
