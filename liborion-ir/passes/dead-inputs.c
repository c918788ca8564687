/* SPDX-License-Identifier: MIT */
/*
 * Dead inputs: remove inputs that no node reads and that are no outputs.
 *
 * Needs:  a valid graph; run dce first, or a dead node keeps its inputs.
 * Keeps:  the order and the names of the other inputs, and everything else. This is the one pass
 *         that changes what the graph is called with: orion_ir_graph_used_inputs tells how.
 */
#include "ir-internal.h"

orion_status orion_ir_graph_used_inputs(const orion_ir_graph *graph, uint8_t *out_used) {
    uint32_t *uses = ir_use_counts(graph, &graph->arena.allocator);
    if (uses == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < graph->input_count; i++) out_used[i] = uses[graph->inputs[i]] != 0;
    orn_free(&graph->arena.allocator, uses, graph->value_count * sizeof *uses);
    return ORION_OK;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    uint32_t *uses = ir_use_counts(g, &g->arena.allocator);
    size_t kept = 0;
    if (uses == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < g->input_count; i++) {
        uint32_t id = g->inputs[i];
        if (uses[id] != 0) {
            g->inputs[kept++] = id;
        } else {
            g->values[id] = (ir_value){0};
        }
    }
    *changed = kept != g->input_count;
    g->input_count = kept;
    orn_free(&g->arena.allocator, uses, g->value_count * sizeof *uses);
    return ORION_OK;
}

const ir_pass ir_pass_dead_inputs = {
    .name = "dead_inputs",
    .doc = "remove inputs that nobody reads",
    .run = run,
};
