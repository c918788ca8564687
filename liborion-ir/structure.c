/* SPDX-License-Identifier: MIT */
/*
 * The structure of a graph: its hash, and equality of two.
 *
 * Both look at the nodes in an order that follows from the structure alone: depth first from the
 * outputs, in their order, operands in theirs, each node once all its operands have been placed.
 * Values are numbered on the way, inputs first. Then two graphs of one structure are the same list
 * of (op, attributes, numbers of operands, types of results), whatever order their nodes stand in.
 * Constants have no number: wherever one is read, its contents stand for it.
 */
#include "ir-internal.h"

typedef struct frame {
    orion_ir_node *node;
    uint32_t next_operand;
} frame;

typedef struct structure {
    const orion_ir_graph *g;
    uint32_t *number;      /* by value id; 0: not met, or a constant */
    uint64_t *contents;    /* by value id: hash of a constant */
    orion_ir_node **order; /* [node count] */
    frame *stack;          /* [node count] */
    uint32_t numbers;
    size_t count; /* of nodes in order */
} structure;

static void release(structure *s) {
    const orion_allocator *a = &s->g->arena.allocator;
    orn_free(a, s->number, s->g->value_count * sizeof *s->number);
    orn_free(a, s->contents, s->g->value_count * sizeof *s->contents);
    orn_free(a, s->order, s->g->node_count * sizeof(orion_ir_node *));
    orn_free(a, s->stack, s->g->node_count * sizeof *s->stack);
}

/* Place the node and all it needs; every node that can be on the stack has no number yet. */
static void place(structure *s, orion_ir_node *root) {
    size_t depth = 0;
    s->stack[depth++] = (frame){root, 0};
    while (depth != 0) {
        frame *top = &s->stack[depth - 1];
        orion_ir_node *n = top->node;
        if (top->next_operand < n->n_in) {
            uint32_t id = n->in[top->next_operand++];
            orion_ir_node *def = ir_def(s->g, id);
            bool waits = s->number[id] == 0 && def->op != ORION_IR_OP_const;
            if (waits) s->stack[depth++] = (frame){def, 0};
            continue;
        }
        for (uint32_t i = 0; i < n->n_out; i++) s->number[n->out + i] = ++s->numbers;
        s->order[s->count++] = n;
        depth--;
    }
}

static void place_all(structure *s) {
    const orion_ir_graph *g = s->g;
    for (size_t i = 0; i < g->input_count; i++) s->number[g->inputs[i]] = ++s->numbers;
    for (size_t i = 0; i < g->output_count; i++) {
        uint32_t id = g->outputs[i].value;
        if (s->number[id] == 0 && ir_const_of(g, id) == NULL) place(s, ir_def(g, id));
    }
}

static orion_status prepare(structure *s, const orion_ir_graph *g) {
    const orion_allocator *a = &g->arena.allocator;
    *s = (structure){.g = g};
    s->number = orn_zalloc(a, g->value_count * sizeof *s->number);
    s->contents = orn_zalloc(a, g->value_count * sizeof *s->contents);
    s->order = orn_alloc(a, g->node_count * sizeof(orion_ir_node *));
    s->stack = orn_alloc(a, g->node_count * sizeof *s->stack);
    bool ok = s->number != NULL && s->contents != NULL && s->order != NULL && s->stack != NULL;
    if (!ok) {
        release(s);
        return ORION_ERROR_NO_MEMORY;
    }
    place_all(s);
    return ORION_OK;
}

/* ---- the hash ---- */

static uint64_t hash_number(uint64_t h, uint64_t number) {
    return orn_hash_bytes(&number, sizeof number, h);
}

static uint64_t hash_type(const structure *s, uint64_t h, uint32_t id) {
    return orn_hash_bytes(&ir_val(s->g, id)->type, sizeof(orion_ir_type), h);
}

static uint64_t hash_value(structure *s, uint64_t h, uint32_t id) {
    if (s->number[id] != 0) return hash_number(h, s->number[id]);
    if (s->contents[id] == 0) s->contents[id] = ir_hash_constant(s->g, ir_def(s->g, id), 0);
    return hash_number(h, s->contents[id]);
}

static uint64_t hash_node(structure *s, uint64_t h, const orion_ir_node *n) {
    uint64_t head[] = {n->op, n->n_in, n->n_out};
    h = ir_hash_attributes(n, orn_hash_bytes(head, sizeof head, h));
    for (uint32_t i = 0; i < n->n_in; i++) h = hash_value(s, h, n->in[i]);
    for (uint32_t i = 0; i < n->n_out; i++) h = hash_type(s, h, n->out + i);
    return h;
}

orion_status orion_ir_graph_hash(const orion_ir_graph *graph, uint64_t *out_hash) {
    structure s;
    *out_hash = 0;
    TRY(prepare(&s, graph));
    uint64_t counts[] = {graph->input_count, s.count, graph->output_count};
    uint64_t h = orn_hash_bytes(counts, sizeof counts, 0);
    for (size_t i = 0; i < graph->input_count; i++) h = hash_type(&s, h, graph->inputs[i]);
    for (size_t i = 0; i < s.count; i++) h = hash_node(&s, h, s.order[i]);
    for (size_t i = 0; i < graph->output_count; i++) {
        h = hash_value(&s, h, graph->outputs[i].value);
    }
    release(&s);
    *out_hash = h;
    return ORION_OK;
}

/* ---- equality ---- */

static bool same_type(const structure *a, uint32_t x, const structure *b, uint32_t y) {
    return orion_ir_type_equal(&ir_val(a->g, x)->type, &ir_val(b->g, y)->type) != 0;
}

/* A pair of constants that was found equal is noted, so that each is compared once. */
static bool same_value(structure *a, uint32_t x, const structure *b, uint32_t y) {
    if (a->number[x] != 0 || b->number[y] != 0) return a->number[x] == b->number[y];
    if (a->contents[x] == y) return true;
    bool same = ir_same_constant(a->g, ir_def(a->g, x), b->g, ir_def(b->g, y));
    if (same) a->contents[x] = y;
    return same;
}

static bool same_node(structure *a, const orion_ir_node *x, const structure *b,
                      const orion_ir_node *y) {
    if (x->op != y->op || x->n_in != y->n_in || x->n_out != y->n_out) return false;
    if (!ir_same_attributes(x, y)) return false;
    for (uint32_t i = 0; i < x->n_in; i++) {
        if (!same_value(a, x->in[i], b, y->in[i])) return false;
    }
    for (uint32_t i = 0; i < x->n_out; i++) {
        if (!same_type(a, x->out + i, b, y->out + i)) return false;
    }
    return true;
}

static bool same_structure(structure *a, const structure *b) {
    const orion_ir_graph *x = a->g, *y = b->g;
    if (x->input_count != y->input_count || a->count != b->count ||
        x->output_count != y->output_count) {
        return false;
    }
    for (size_t i = 0; i < x->input_count; i++) {
        if (!same_type(a, x->inputs[i], b, y->inputs[i])) return false;
    }
    for (size_t i = 0; i < a->count; i++) {
        if (!same_node(a, a->order[i], b, b->order[i])) return false;
    }
    for (size_t i = 0; i < x->output_count; i++) {
        if (!same_value(a, x->outputs[i].value, b, y->outputs[i].value)) return false;
    }
    return true;
}

orion_status orion_ir_graph_equal(const orion_ir_graph *a, const orion_ir_graph *b,
                                  int *out_equal) {
    structure x, y;
    *out_equal = 0;
    TRY(prepare(&x, a));
    orion_status status = prepare(&y, b);
    if (status == ORION_OK) {
        *out_equal = same_structure(&x, &y);
        release(&y);
    }
    release(&x);
    return status;
}
