/* SPDX-License-Identifier: MIT */
/*
 * Rematerialisation: compute values a second time instead of keeping them, until the live memory
 * fits a budget.
 *
 * Needs:  a valid graph. Meant for gradients; run last, for cse would undo it.
 * Keeps:  every value, bit for bit: the same ops on the same operands. The budget is a wish:
 *         orion_ir_memory_create tells what was reached.
 *
 * The node at which most memory is live cuts the graph in two; in a gradient that is about where
 * the forward part ends. Values that are made before it and read after it are what the forward part
 * saves. Whether one of them is dropped is decided in the order of the nodes: `need` of a value is
 * the number of bytes that must be computed to have it again, namely its own and what its operands
 * need; inputs, constants, outputs and values that stay saved need nothing. A saved value is
 * dropped if it needs at most `segment` bytes; otherwise it stays, and what follows starts anew
 * from it. So a chain of layers is kept at some points and computed again between them. What is
 * dropped is put in front of its first reader behind the cut, with what it needs, once.
 *
 * The right segment is found by trying: first without products and what consists of them, which
 * cost most to repeat, then with them; each time with segments from small to large, because small
 * ones repeat least. The first that fits the budget wins, else the one with the lowest peak. The
 * new peak may be elsewhere, so this is repeated while the peak falls by at least an eighth of
 * itself and is above the budget: it ends after logarithmically many rounds of a fixed number of
 * tries, each linear in the graph.
 */
#include "ir-internal.h"

enum { SEGMENT_STEPS = 16 }; /* the largest segment is 2^SEGMENT_STEPS times the smallest */

static const uint64_t never = UINT64_MAX;

typedef struct plan {
    orion_ir_graph *g;
    size_t cut; /* position of the node with the peak */
    uint64_t segment;
    bool cheap_only;
    uint64_t *need;        /* by value id, as above; `never`: cannot be computed again */
    bool *saved, *output;  /* by value id */
    uint32_t *now;         /* by value id: what to read behind the cut */
    orion_ir_node **stack; /* [node count] */
} plan;

static bool is_costly(uint32_t op) {
    switch (op) {
    case ORION_IR_OP_matmul:
    case ORION_IR_OP_linear:
    case ORION_IR_OP_conv:
    case ORION_IR_OP_conv_transpose:
    case ORION_IR_OP_attention:
    case ORION_IR_OP_lstm: return true;
    default: return false;
    }
}

static uint64_t add(uint64_t a, uint64_t b) {
    return a > never - b ? never : a + b;
}

/* ---- the decision ---- */

static void find_saved(plan *p) {
    size_t at = 0;
    for (size_t i = 0; i < p->g->output_count; i++) p->output[p->g->outputs[i].value] = true;
    ir_foreach_node (p->g, n) {
        for (uint32_t i = 0; i < n->n_in && at > p->cut; i++) p->saved[n->in[i]] = true;
        at++;
    }
}

/* Bytes to compute for the results of n if none of them is at hand. */
static uint64_t need_of_node(const plan *p, const orion_ir_node *n) {
    uint64_t sum = n->op == ORION_IR_OP_const ? 0 : p->cheap_only && is_costly(n->op) ? never : 0;
    for (uint32_t i = 0; i < n->n_in; i++) sum = add(sum, p->need[n->in[i]]);
    for (uint32_t i = 0; i < n->n_out && n->op != ORION_IR_OP_const; i++) {
        sum = add(sum, orion_ir_type_bytes(&ir_val(p->g, n->out + i)->type));
    }
    return sum;
}

/* True if anything is dropped. */
static bool decide(plan *p) {
    size_t at = 0;
    bool any = false;
    ir_foreach_node (p->g, n) {
        if (at++ > p->cut) break;
        uint64_t sum = need_of_node(p, n);
        for (uint32_t i = 0; i < n->n_out; i++) {
            uint32_t id = n->out + i;
            bool kept = p->output[id] || (p->saved[id] && sum > p->segment);
            p->need[id] = kept ? 0 : sum;
            any = any || (p->saved[id] && p->need[id] != 0);
        }
    }
    return any;
}

/* ---- the copies ---- */

/* An operand of n that must be computed again and has not been, or 0. */
static uint32_t missing_operand(const plan *p, const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (p->need[n->in[i]] != 0 && p->now[n->in[i]] == n->in[i]) return n->in[i];
    }
    return 0;
}

/* Put a copy of the node behind `value`, and all that it needs, in front of `reader`. */
static orion_status compute_again(plan *p, uint32_t value, orion_ir_node *reader) {
    size_t depth = 0;
    p->stack[depth++] = ir_def(p->g, value);
    while (depth != 0) {
        orion_ir_node *n = p->stack[depth - 1];
        uint32_t missing = missing_operand(p, n), out;
        if (missing != 0) {
            p->stack[depth++] = ir_def(p->g, missing);
            continue;
        }
        TRY(ir_copy_node(p->g, p->g, n, reader, p->now, &out));
        for (uint32_t i = 0; i < n->n_out; i++) p->now[n->out + i] = out + i;
        depth--;
    }
    return ORION_OK;
}

static orion_status redirect(plan *p, size_t value_count) {
    size_t at = 0;
    ir_foreach_node (p->g, n) {
        for (uint32_t i = 0; i < n->n_in && at > p->cut; i++) {
            uint32_t id = n->in[i];
            if (id >= value_count || p->need[id] == 0) continue;
            if (p->now[id] == id) TRY(compute_again(p, id, n));
            n->in[i] = p->now[id];
        }
        at++;
    }
    return ORION_OK;
}

/* Rewrite p->g by the plan; *any tells whether anything was dropped. */
static orion_status carry_out(plan *p, bool *any) {
    const orion_allocator *a = &p->g->arena.allocator;
    size_t values = p->g->value_count, nodes = p->g->node_count;
    orion_status status = ORION_ERROR_NO_MEMORY;
    p->need = orn_zalloc(a, values * sizeof *p->need);
    p->saved = orn_zalloc(a, values * sizeof *p->saved);
    p->output = orn_zalloc(a, values * sizeof *p->output);
    p->now = orn_alloc(a, values * sizeof *p->now);
    p->stack = orn_alloc(a, nodes * sizeof(orion_ir_node *));
    if (p->need != NULL && p->saved != NULL && p->output != NULL && p->now != NULL &&
        p->stack != NULL) {
        for (uint32_t id = 0; id < values; id++) p->now[id] = id;
        find_saved(p);
        *any = decide(p);
        status = *any ? redirect(p, values) : ORION_OK;
    }
    orn_free(a, p->need, values * sizeof *p->need);
    orn_free(a, p->saved, values * sizeof *p->saved);
    orn_free(a, p->output, values * sizeof *p->output);
    orn_free(a, p->now, values * sizeof *p->now);
    orn_free(a, p->stack, nodes * sizeof(orion_ir_node *));
    return status;
}

/* ---- the search ---- */

typedef struct search {
    orion_ir_graph *g, *best;
    uint64_t budget, total;         /* total: bytes of all values */
    uint64_t start_peak, best_peak; /* of g, of best */
    size_t cut;
} search;

static orion_status measure(const orion_ir_graph *g, uint64_t *peak, size_t *at) {
    orion_ir_memory *memory;
    TRY(orion_ir_memory_create(g, 0, &g->arena.allocator, &memory));
    *peak = orion_ir_memory_peak(memory, at);
    orion_ir_memory_destroy(&memory);
    return ORION_OK;
}

/* Try one segment on a copy, and keep the copy if it is the best so far. */
static orion_status try_segment(search *s, uint64_t segment, bool cheap_only) {
    plan p = {.cut = s->cut, .segment = segment, .cheap_only = cheap_only};
    uint64_t peak = never;
    bool any = false;
    TRY(orion_ir_graph_clone(s->g, &s->g->arena.allocator, &p.g));
    orion_status status = carry_out(&p, &any);
    if (status == ORION_OK && any) status = measure(p.g, &peak, NULL);
    if (status == ORION_OK && peak < s->best_peak) {
        orion_ir_graph *worse = s->best;
        s->best = p.g;
        s->best_peak = peak;
        p.g = worse;
    }
    orion_ir_graph_destroy(&p.g);
    return status;
}

static orion_status try_all(search *s) {
    for (int costly = 0; costly <= 1; costly++) {
        for (int step = SEGMENT_STEPS; step >= 0; step--) {
            if (s->best_peak <= s->budget) return ORION_OK;
            TRY(try_segment(s, s->total >> step, costly == 0));
        }
    }
    return ORION_OK;
}

/* One round; *better if the peak fell by an eighth. */
static orion_status improve(search *s, bool *better) {
    TRY(measure(s->g, &s->start_peak, &s->cut));
    *better = false;
    s->best_peak = s->start_peak;
    if (s->start_peak <= s->budget) return ORION_OK;
    s->total = 0;
    for (uint32_t id = 1; id < s->g->value_count; id++) {
        s->total = add(s->total, orion_ir_type_bytes(&ir_val(s->g, id)->type));
    }
    orion_status status = try_all(s);
    if (status == ORION_OK && s->best != NULL) {
        ir_graph_exchange(s->g, s->best);
        *better = s->best_peak <= s->start_peak - s->start_peak / 8;
    }
    return status;
}

static orion_status run_with(orion_ir_graph *g, int64_t budget, orion_diag *diag, bool *changed) {
    (void)diag;
    search s = {.g = g, .budget = (uint64_t)budget};
    bool better = true;
    orion_status status = ORION_OK;
    while (better && status == ORION_OK) {
        status = improve(&s, &better);
        *changed = *changed || s.best != NULL;
        orion_ir_graph_destroy(&s.best);
    }
    return status;
}

const ir_pass ir_pass_remat = {
    .name = "remat",
    .doc = "compute values again instead of keeping them, until live memory fits the budget",
    .option = "budget",
    .run_with = run_with,
};
