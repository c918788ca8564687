/* SPDX-License-Identifier: MIT */
/*
 * Dead-code elimination: remove nodes none of whose results is used.
 *
 * Needs:  a valid graph.
 * Keeps:  inputs, outputs, all values that an output depends on.
 *
 * Every op is pure, so a node matters only through its results. One walk from the last node to the
 * first: by the time a node is reached, all its users have been judged.
 */
#include "ir-internal.h"

static bool is_used(const orion_ir_node *n, const bool *used) {
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (used[n->out + i]) return true;
    }
    return false;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    const orion_allocator *a = &g->arena.allocator;
    bool *used = orn_zalloc(a, g->value_count * sizeof *used);
    if (used == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < g->output_count; i++) used[g->outputs[i].value] = true;
    ir_foreach_node_reverse_safe (g, n) {
        if (is_used(n, used)) {
            for (uint32_t i = 0; i < n->n_in; i++) used[n->in[i]] = true;
        } else {
            ir_remove(g, n);
            *changed = true;
        }
    }
    orn_free(a, used, g->value_count * sizeof *used);
    return ORION_OK;
}

const ir_pass ir_pass_dce = {
    .name = "dce",
    .doc = "remove nodes whose results nobody uses",
    .shrinks = true,
    .run = run,
};
