/* SPDX-License-Identifier: MIT */
/*
 * Live memory at each node, against a budget.
 *
 * A value is live on an interval of node positions: from the node that makes it (an input: 0) to
 * the last one that reads it (an output: the last node). Adding its bytes at the begin and taking
 * them off behind the end gives, summed up from the left, the live bytes of every position: linear
 * in the graph. A constant is in the program, not in memory, and counts where it is read.
 */
#include "ir-internal.h"

typedef struct interval {
    uint32_t first, last; /* node positions */
    bool exists, is_constant, spills;
} interval;

struct orion_ir_memory {
    orion_allocator allocator;
    uint64_t budget, peak;
    size_t node_count, value_count, peak_at, over_count;
    uint64_t *live;      /* [node_count + 1] */
    uint32_t *over;      /* [node_count + 1], nodes over the budget before this one */
    interval *intervals; /* [value_count], by value id */
};

static void find_intervals(orion_ir_memory *m, const orion_ir_graph *g) {
    uint32_t at = 0, end = (uint32_t)m->node_count - 1;
    for (size_t i = 0; i < g->input_count; i++) m->intervals[g->inputs[i]].exists = true;
    ir_foreach_node (g, n) {
        for (uint32_t i = 0; i < n->n_in; i++) m->intervals[n->in[i]].last = at;
        for (uint32_t i = 0; i < n->n_out; i++) {
            bool is_constant = n->op == ORION_IR_OP_const;
            m->intervals[n->out + i] = (interval){at, at, true, is_constant, false};
        }
        at++;
    }
    for (size_t i = 0; i < g->output_count; i++) m->intervals[g->outputs[i].value].last = end;
}

/* Does operand i of n stand among the operands before it? */
static bool is_repeated(const orion_ir_node *n, uint32_t i) {
    for (uint32_t k = 0; k < i; k++) {
        if (n->in[k] == n->in[i]) return true;
    }
    return false;
}

static uint64_t bytes_of(const orion_ir_graph *g, uint32_t id) {
    return orion_ir_type_bytes(&ir_val(g, id)->type);
}

/* The bytes of all constants that n reads. */
static uint64_t constant_bytes(const orion_ir_memory *m, const orion_ir_graph *g,
                               const orion_ir_node *n) {
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < n->n_in; i++) {
        bool counts = m->intervals[n->in[i]].is_constant && !is_repeated(n, i);
        if (counts) bytes += bytes_of(g, n->in[i]);
    }
    return bytes;
}

/* Sums of less than 2^32 values of less than 2^48 bytes may wrap on the way, but not where the
 * number of bytes that are really live does not. */
static void add_up(orion_ir_memory *m, const orion_ir_graph *g) {
    for (uint32_t id = 1; id < m->value_count; id++) {
        const interval *v = &m->intervals[id];
        if (!v->exists || v->is_constant) continue;
        m->live[v->first] += bytes_of(g, id);
        m->live[v->last + (size_t)1] -= bytes_of(g, id);
    }
    for (size_t i = 1; i < m->node_count; i++) m->live[i] += m->live[i - 1];
    size_t at = 0;
    ir_foreach_node (g, n) m->live[at++] += constant_bytes(m, g, n);
}

static void compare(orion_ir_memory *m, const orion_ir_graph *g) {
    for (size_t i = 0; i < m->node_count; i++) {
        bool over = m->live[i] > m->budget;
        m->over[i + 1] = m->over[i] + (over ? 1 : 0);
        m->over_count += over ? 1 : 0;
        if (m->live[i] > m->peak) {
            m->peak = m->live[i];
            m->peak_at = i;
        }
    }
    for (uint32_t id = 1; id < m->value_count; id++) {
        interval *v = &m->intervals[id];
        v->spills = v->exists && !v->is_constant && m->over[v->last + 1] != m->over[v->first];
    }
    size_t at = 0;
    ir_foreach_node (g, n) {
        for (uint32_t i = 0; i < n->n_in && m->live[at] > m->budget; i++) {
            interval *v = &m->intervals[n->in[i]];
            v->spills = v->spills || v->is_constant;
        }
        at++;
    }
}

orion_status orion_ir_memory_create(const orion_ir_graph *graph, uint64_t budget,
                                    const orion_allocator *allocator,
                                    orion_ir_memory **out_memory) {
    orion_allocator a = orn_allocator(allocator);
    *out_memory = NULL;
    orion_ir_memory *m = orn_zalloc(&a, sizeof *m);
    if (m == NULL) return ORION_ERROR_NO_MEMORY;
    *m = (orion_ir_memory){.allocator = a,
                           .budget = budget,
                           .node_count = graph->node_count,
                           .value_count = graph->value_count};
    m->live = orn_zalloc(&a, (m->node_count + 1) * sizeof *m->live);
    m->over = orn_zalloc(&a, (m->node_count + 1) * sizeof *m->over);
    m->intervals = orn_zalloc(&a, m->value_count * sizeof *m->intervals);
    if (m->live == NULL || m->over == NULL || m->intervals == NULL) {
        orion_ir_memory_destroy(&m);
        return ORION_ERROR_NO_MEMORY;
    }
    if (m->node_count != 0) {
        find_intervals(m, graph);
        add_up(m, graph);
        compare(m, graph);
    }
    *out_memory = m;
    return ORION_OK;
}

void orion_ir_memory_destroy(orion_ir_memory **memory) {
    if (memory == NULL || *memory == NULL) return;
    orion_ir_memory *m = *memory;
    orion_allocator a = m->allocator;
    orn_free(&a, m->live, (m->node_count + 1) * sizeof *m->live);
    orn_free(&a, m->over, (m->node_count + 1) * sizeof *m->over);
    orn_free(&a, m->intervals, m->value_count * sizeof *m->intervals);
    orn_free(&a, m, sizeof *m);
    *memory = NULL;
}

uint64_t orion_ir_memory_live(const orion_ir_memory *memory, size_t node) {
    return node < memory->node_count ? memory->live[node] : 0;
}

uint64_t orion_ir_memory_peak(const orion_ir_memory *memory, size_t *out_node) {
    if (out_node != NULL) *out_node = memory->peak_at;
    return memory->peak;
}

size_t orion_ir_memory_over(const orion_ir_memory *memory) {
    return memory->over_count;
}

int orion_ir_memory_spills(const orion_ir_memory *memory, orion_ir_value v) {
    return v.id < memory->value_count && memory->intervals[v.id].spills;
}
