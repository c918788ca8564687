/* SPDX-License-Identifier: MIT */
/*
 * The reference interpreter: every node in order, every element a double.
 *
 * Nothing here is meant to be fast; it is meant to be checked by reading. A value lives from its
 * node to its last use, so the memory needed is that of the values alive at one point.
 */
#include "eval-internal.h"

#include <math.h>

typedef struct evaluator {
    ir_eval eval;
    orion_allocator allocator;
    orion_ir_eval_mode mode;
    bool *borrowed; /* by value id: the data are the caller's */
    uint32_t *uses; /* by value id: uses still to come */
} evaluator;

static size_t bytes_of(const orion_ir_graph *g, uint32_t id) {
    size_t bytes;
    int64_t elements = orion_ir_type_elements(&ir_val(g, id)->type);
    return orn_mul((size_t)elements, sizeof(double), &bytes) ? bytes : SIZE_MAX;
}

static orion_status make_value(evaluator *e, uint32_t id) {
    size_t bytes = bytes_of(e->eval.graph, id);
    e->eval.data[id] = bytes == SIZE_MAX ? NULL : orn_alloc(&e->allocator, bytes);
    return e->eval.data[id] == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static void free_value(evaluator *e, uint32_t id) {
    if (!e->borrowed[id]) {
        orn_free(&e->allocator, e->eval.data[id], bytes_of(e->eval.graph, id));
    }
    e->eval.data[id] = NULL;
}

static void release_if_done(evaluator *e, uint32_t id) {
    if (e->uses[id] == 0) free_value(e, id);
}

static void round_value(const evaluator *e, uint32_t id) {
    const orion_ir_type *type = &ir_val(e->eval.graph, id)->type;
    bool half = e->mode == ORION_IR_EVAL_HALF && ir_is_float(type->dtype);
    orion_ir_dtype dtype = half ? ORION_IR_F16 : (orion_ir_dtype)type->dtype;
    int64_t elements = orion_ir_type_elements(type);
    double *data = e->eval.data[id];
    for (int64_t i = 0; i < elements; i++) data[i] = ir_round_to(dtype, data[i]);
}

/* A device would see inputs rounded, so the modes that round work on a copy. */
static orion_status take_inputs(evaluator *e, const double *const *inputs) {
    const orion_ir_graph *g = e->eval.graph;
    for (size_t i = 0; i < g->input_count; i++) {
        uint32_t id = g->inputs[i];
        if (e->mode == ORION_IR_EVAL_EXACT) {
            e->eval.data[id] = (double *)(uintptr_t)inputs[i]; /* never written through */
            e->borrowed[id] = true;
            continue;
        }
        TRY(make_value(e, id));
        memcpy(e->eval.data[id], inputs[i], bytes_of(g, id));
        round_value(e, id);
        release_if_done(e, id);
    }
    return ORION_OK;
}

static orion_status run_node(evaluator *e, const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_out; i++) TRY(make_value(e, n->out + i));
    e->eval.node = n;
    TRY(ir_op_get(n->op)->info.is_model ? ir_eval_model(&e->eval) : ir_eval_core(&e->eval));
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (e->mode != ORION_IR_EVAL_EXACT) round_value(e, n->out + i);
        release_if_done(e, n->out + i);
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        e->uses[n->in[i]]--;
        release_if_done(e, n->in[i]);
    }
    return ORION_OK;
}

static orion_status run(evaluator *e, const double *const *inputs, double *const *outputs) {
    const orion_ir_graph *g = e->eval.graph;
    TRY(take_inputs(e, inputs));
    ir_foreach_node (g, n) TRY(run_node(e, n));
    for (size_t i = 0; i < g->output_count; i++) {
        uint32_t id = g->outputs[i].value;
        memcpy(outputs[i], e->eval.data[id], bytes_of(g, id));
    }
    return ORION_OK;
}

orion_status orion_ir_eval(const orion_ir_graph *graph, orion_ir_eval_mode mode,
                           const double *const *inputs, double *const *outputs, orion_diag *diag) {
    const orion_allocator *a = &graph->arena.allocator;
    size_t count = graph->value_count;
    evaluator e = {.eval = {.graph = graph, .diag = diag}, .allocator = *a, .mode = mode};
    orion_status status = ORION_ERROR_NO_MEMORY;
    e.eval.data = orn_zalloc(a, count * sizeof *e.eval.data);
    e.borrowed = orn_zalloc(a, count * sizeof *e.borrowed);
    e.uses = ir_use_counts(graph, a);
    if (e.eval.data != NULL && e.borrowed != NULL && e.uses != NULL) {
        status = run(&e, inputs, outputs);
        for (uint32_t id = 1; id < count; id++) free_value(&e, id);
    }
    orn_free(a, e.eval.data, count * sizeof *e.eval.data);
    orn_free(a, e.borrowed, count * sizeof *e.borrowed);
    orn_free(a, e.uses, count * sizeof *e.uses);
    return status;
}

/* ---- shared by the ops ---- */

orion_status ir_eval_index(const ir_eval *e, size_t operand, int64_t at, int64_t least,
                           int64_t limit, int64_t *out) {
    double v = ir_eval_in(e, operand)[at];
    if (v >= (double)least && v < (double)limit && v == floor(v)) {
        *out = (int64_t)v;
        return ORION_OK;
    }
    const orion_ir_node *n = e->node;
    const char *name = ir_op_get(n->op)->info.name;
    char number[40];
    orn_format_f64(number, v);
    orn_diag(e->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_IR_INDEX, NULL, n->line, 0, name,
             "%s: element %lld of operand %zu is %s, which is no index in [%lld, %lld)", name,
             (long long)at, operand, number, (long long)least, (long long)limit);
    return ORION_ERROR_INVALID_ARGUMENT;
}

void ir_eval_multiply(const ir_eval_product *p) {
    for (int64_t m = 0; m < p->m; m++) {
        for (int64_t n = 0; n < p->n; n++) {
            const double *x = p->x + m * p->x_row, *y = p->y + n * p->y_row;
            double sum = 0;
            for (int64_t k = 0; k < p->k; k++) sum += x[k * p->x_step] * y[k * p->y_step];
            p->out[m * p->n + n] = sum;
        }
    }
}

ir_eval_lines ir_eval_lines_of(const orion_ir_type *type, int64_t axis) {
    ir_eval_lines lines = {1, type->dims[axis], 1};
    for (int64_t d = 0; d < axis; d++) lines.outer *= type->dims[d];
    for (int64_t d = axis + 1; d < (int64_t)type->rank; d++) lines.inner *= type->dims[d];
    return lines;
}
