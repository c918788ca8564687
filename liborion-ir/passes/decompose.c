/* SPDX-License-Identifier: MIT */
/*
 * Decomposition: every model op becomes core ops.
 *
 * Needs:  a valid graph.
 * Keeps:  every value up to rounding: the steps of a model op are now rounded one by one
 *         (docs/numerics.md).
 *
 * What ir_decompose emits is visited in turn, so a decomposition may use other model ops; that ends
 * because none leads back to itself. An op without a decomposition stays.
 */
#include "ir-internal.h"

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    if (ir_op_get(n->op)->info.is_model == 0) return ORION_OK;
    orion_ir_builder b = ir_builder_at(s->g, n, s->ctx);
    b.line = n->line;
    orion_ir_value v[IR_MODEL_RESULTS_MAX];
    ir_decompose(&b, n, v);
    TRY(b.status);
    for (uint32_t i = 0; v[0].id != 0 && i < n->n_out; i++)
        TRY(ir_sweep_replace(s, n->out + i, v[i].id));
    return ORION_OK;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    return ir_sweep_graph(g, visit, diag, changed);
}

const ir_pass ir_pass_decompose = {
    .name = "decompose",
    .doc = "write every model op in core ops",
    .run = run,
};
