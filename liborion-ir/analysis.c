/* SPDX-License-Identifier: MIT */
/* Facts about a graph that several passes want. */
#include "ir-internal.h"

uint32_t *ir_use_counts(const orion_ir_graph *g, const orion_allocator *a) {
    orion_allocator allocator = orn_allocator(a);
    uint32_t *uses = orn_zalloc(&allocator, g->value_count * sizeof *uses);
    if (uses == NULL) return NULL;
    ir_foreach_node (g, n) {
        for (uint32_t i = 0; i < n->n_in; i++) uses[n->in[i]]++;
    }
    for (size_t i = 0; i < g->output_count; i++) uses[g->outputs[i].value]++;
    return uses;
}
