/* SPDX-License-Identifier: MIT */
/* What steps do when they run: each hands its addresses to a kernel. */
#include "plan.h"

int64_t cpu_step_gemm(cpu_context *x, const void *desc, void *const *at) {
    const cpu_gemm *g = desc;
    x->kernels->gemm(x->pool, g, at[0], at[1], g->has_bias ? at[3] : NULL, at[2], x->scratch);
    return CPU_INDICES_OK;
}

int64_t cpu_step_chain(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->chain(x->pool, desc, at);
    return CPU_INDICES_OK;
}

int64_t cpu_step_reduce(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->reduce(x->pool, desc, at[0], at[1], x->scratch);
    return CPU_INDICES_OK;
}

int64_t cpu_step_softmax(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->softmax(x->pool, desc, at[0], at[1]);
    return CPU_INDICES_OK;
}

int64_t cpu_step_rms_norm(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->rms_norm(x->pool, desc, at[0], at[1], at[2]);
    return CPU_INDICES_OK;
}

int64_t cpu_step_layer_norm(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->layer_norm(x->pool, desc, at[0], at[1], at[2], at[3]);
    return CPU_INDICES_OK;
}

int64_t cpu_step_rope_table(cpu_context *x, const void *desc, void *const *at) {
    const cpu_rope_table_desc *d = desc;
    x->kernels->rope_table(x->pool, d->rows, d->half, d->frequencies, at[0], at[1]);
    return CPU_INDICES_OK;
}

int64_t cpu_step_rope(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->rope(x->pool, desc, at[0], at[1], at[2]);
    return CPU_INDICES_OK;
}

int64_t cpu_step_attention(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->attention(x->pool, desc, at[0], at[1], at[2], NULL, at[3], x->scratch);
    return CPU_INDICES_OK;
}

int64_t cpu_step_attention_position(cpu_context *x, const void *desc, void *const *at) {
    return x->kernels->attention(x->pool, desc, at[0], at[1], at[2], at[4], at[3], x->scratch);
}

int64_t cpu_step_cross_entropy(cpu_context *x, const void *desc, void *const *at) {
    const cpu_cross_entropy_desc *d = desc;
    return x->kernels->cross_entropy(x->pool, d->rows, d->classes, at[0], at[1], at[2], x->scratch);
}

int64_t cpu_step_gather(cpu_context *x, const void *desc, void *const *at) {
    return x->kernels->gather(x->pool, desc, at[0], at[1], at[2]);
}

int64_t cpu_step_scatter_add(cpu_context *x, const void *desc, void *const *at) {
    return x->kernels->scatter_add(x->pool, desc, at[0], at[1], at[2], at[3]);
}

int64_t cpu_step_slice_update(cpu_context *x, const void *desc, void *const *at) {
    return x->kernels->slice_update(x->pool, desc, at[0], at[1], at[2], at[3]);
}

int64_t cpu_step_copy(cpu_context *x, const void *desc, void *const *at) {
    x->kernels->copy(x->pool, desc, at[0], at[1]);
    return CPU_INDICES_OK;
}

/* Scratch: the list of operands, the list of results, then the numbers of each. */
int64_t cpu_step_reference(cpu_context *x, const void *desc, void *const *at) {
    const cpu_reference *r = desc;
    size_t count = r->input_count + r->result_count;
    double **lists = x->scratch, *numbers = (double *)(void *)(lists + count);
    for (size_t i = 0; i < count; i++) {
        lists[i] = numbers;
        numbers += r->elements[i];
        for (size_t k = 0; i < r->input_count && k < r->elements[i]; k++) {
            lists[i][k] = cpu_load_number(r->dtypes[i], at[i], k);
        }
    }
    x->status = orion_ir_eval(r->graph, ORION_IR_EVAL_ROUNDED, (const double *const *)lists,
                              lists + r->input_count, x->diag);
    if (x->status != ORION_OK) return CPU_STEP_FAILED;
    for (size_t i = r->input_count; i < count; i++) {
        for (size_t k = 0; k < r->elements[i]; k++) {
            cpu_store_number(r->dtypes[i], at[i], k, lists[i][k]);
        }
    }
    return CPU_INDICES_OK;
}
