/* SPDX-License-Identifier: MIT */
/*
 * Common subexpressions: of nodes that compute the same, the first stays.
 *
 * Needs:  a valid graph.
 * Keeps:  every value, bit for bit.
 *
 * Two nodes compute the same if op, attributes and operands agree (for add, mul and equal in either
 * order) or, for constants, type and data bits. Operands are compared by value id; the sweep has
 * redirected them to the first of their kind already, so equal trees of any height fall in one run.
 * Nodes are found in a hash table of node pointers.
 *
 * Constants above 64 KiB are merged only if they are the same bytes of the same blob: to compare
 * the weights of a model costs more than it can win.
 */
#include "ir-internal.h"

enum { COMPARED_BYTES_MAX = 64 * 1024 };

typedef struct table {
    const orion_ir_node **slots; /* capacity is a power of two above twice the node count */
    size_t capacity;
} table;

static bool commutes(uint32_t op) {
    return op == ORION_IR_OP_add || op == ORION_IR_OP_mul || op == ORION_IR_OP_equal;
}

/* ---- equality and its hash ---- */

static bool is_compared(const orion_ir_node *n) {
    return n->bytes <= COMPARED_BYTES_MAX;
}

static bool same_constant(const orion_ir_graph *g, const orion_ir_node *a, const orion_ir_node *b) {
    bool same_place = a->blob == b->blob && a->offset == b->offset;
    return (same_place || (is_compared(a) && is_compared(b))) && ir_same_constant(g, a, g, b);
}

static bool same_operands(const orion_ir_node *a, const orion_ir_node *b) {
    if (a->n_in != b->n_in) return false;
    if (commutes(a->op) && a->in[0] == b->in[1] && a->in[1] == b->in[0]) return true;
    return a->n_in == 0 || memcmp(a->in, b->in, a->n_in * sizeof *a->in) == 0;
}

static bool same(const orion_ir_graph *g, const orion_ir_node *a, const orion_ir_node *b) {
    if (a->op != b->op || !same_operands(a, b)) return false;
    if (a->op == ORION_IR_OP_const) return same_constant(g, a, b);
    return ir_same_attributes(a, b);
}

static uint64_t hash_constant(const orion_ir_graph *g, const orion_ir_node *n, uint64_t seed) {
    if (is_compared(n)) return ir_hash_constant(g, n, seed);
    uint64_t place[2] = {(uint64_t)(uintptr_t)n->blob, n->offset};
    return orn_hash_bytes(place, sizeof place, seed);
}

/* Seeded with where the table lies, so that no graph can be prepared to meet in one slot. */
static uint64_t hash(const table *t, const orion_ir_graph *g, const orion_ir_node *n) {
    uint64_t h = n->op ^ (uint64_t)(uintptr_t)t->slots;
    if (n->op == ORION_IR_OP_const) return hash_constant(g, n, h);
    if (commutes(n->op)) {
        uint32_t pair[2] = {ORN_MIN(n->in[0], n->in[1]), ORN_MAX(n->in[0], n->in[1])};
        h = orn_hash_bytes(pair, sizeof pair, h);
    } else {
        h = orn_hash_bytes(n->in, n->n_in * sizeof *n->in, h);
    }
    return ir_hash_attributes(n, h);
}

/* ---- the pass ---- */

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    table *t = s->ctx;
    size_t i = (size_t)hash(t, s->g, n) & (t->capacity - 1);
    while (t->slots[i] != NULL && !same(s->g, t->slots[i], n)) i = (i + 1) & (t->capacity - 1);
    if (t->slots[i] == NULL) {
        t->slots[i] = n;
        return ORION_OK;
    }
    for (uint32_t k = 0; k < n->n_out; k++) {
        TRY(ir_sweep_replace(s, n->out + k, t->slots[i]->out + k));
    }
    return ORION_OK;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    const orion_allocator *a = &g->arena.allocator;
    table t = {.capacity = 16};
    size_t bytes;
    while (t.capacity / 2 <= g->node_count) t.capacity *= 2;
    if (!orn_mul(t.capacity, sizeof(void *), &bytes)) return ORION_ERROR_NO_MEMORY;
    t.slots = orn_zalloc(a, bytes);
    if (t.slots == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ir_sweep_graph(g, visit, &t, changed);
    orn_free(a, t.slots, bytes);
    return status;
}

const ir_pass ir_pass_cse = {
    .name = "cse",
    .doc = "of nodes that compute the same, keep the first",
    .shrinks = true,
    .run = run,
};
