/* SPDX-License-Identifier: MIT */
/*
 * Outlining: a graph as calls of parts.
 *
 * The nodes stand in an order, and every call is a stretch of it; so calls in that order are in a
 * valid order, whatever the parts are, and putting the nodes back gives the graph as it was. The
 * repeats that are found become parts with several calls; a stretch between them is a part with
 * one.
 */
#include "outline-internal.h"

enum { DEFAULT_MIN_NODES = 8 };

/* ---- the sequence ---- */

static void free_sequence(ir_sequence *s, const orion_allocator *a) {
    size_t values = s->g->value_count;
    orn_free(a, s->nodes, s->g->node_count * sizeof(orion_ir_node *));
    orn_free(a, s->position, values * sizeof *s->position);
    orn_free(a, s->last_use, values * sizeof *s->last_use);
}

static void fill_sequence(ir_sequence *s) {
    const orion_ir_graph *g = s->g;
    for (uint32_t id = 0; id < g->value_count; id++) s->position[id] = IR_NOWHERE;
    ir_foreach_node (g, n) {
        if (n->op == ORION_IR_OP_const) continue;
        uint32_t at = (uint32_t)s->count;
        for (uint32_t i = 0; i < n->n_in; i++) s->last_use[n->in[i]] = at;
        for (uint32_t i = 0; i < n->n_out; i++) s->position[n->out + i] = at;
        s->nodes[s->count++] = n;
    }
    for (size_t i = 0; i < g->output_count; i++) {
        s->last_use[g->outputs[i].value] = (uint32_t)s->count;
    }
}

static orion_status make_sequence(ir_sequence *s, const orion_ir_graph *g,
                                  const orion_allocator *a) {
    *s = (ir_sequence){.g = g};
    s->nodes = orn_alloc(a, g->node_count * sizeof(orion_ir_node *));
    s->position = orn_alloc(a, g->value_count * sizeof *s->position);
    s->last_use = orn_zalloc(a, g->value_count * sizeof *s->last_use);
    if (s->nodes == NULL || s->position == NULL || s->last_use == NULL) {
        return ORION_ERROR_NO_MEMORY;
    }
    fill_sequence(s);
    return ORION_OK;
}

/* ---- calls and parts ---- */

/* Which repeat begins where; between them, the rest. */
typedef struct layout {
    orion_ir_outline *o;
    ir_sequence s;
    ir_repetitions repeats;
    uint32_t *begins; /* [sequence count]: repeat + 1, or 0 */
    size_t *part_of;  /* [repeat count]: part + 1, or 0 */
    size_t *call_of;  /* [sequence count]: by position */
    bool *exported;   /* [value count] */
    ir_call **group;  /* [call count]: the calls of one part */
} layout;

static orion_status add_call(layout *l, size_t part, size_t start, size_t length) {
    orion_ir_outline *o = l->o;
    const orion_allocator *a = &o->arena.allocator;
    if (!ORN_GROW(a, o->calls, o->call_capacity, o->call_count + 1)) return ORION_ERROR_NO_MEMORY;
    for (size_t k = 0; k < length; k++) l->call_of[start + k] = o->call_count;
    o->calls[o->call_count++] = (ir_call){.part = part, .start = start, .length = length};
    if (part != o->part_count) return ORION_OK;
    if (!ORN_GROW(a, o->parts, o->part_capacity, part + 1)) return ORION_ERROR_NO_MEMORY;
    o->parts[o->part_count++] = NULL;
    return ORION_OK;
}

static orion_status lay_out(layout *l) {
    for (size_t r = 0; r < l->repeats.count; r++) {
        const ir_repetition *repeat = &l->repeats.at[r];
        for (size_t i = 0; i < repeat->count; i++) l->begins[repeat->starts[i]] = (uint32_t)r + 1;
    }
    for (size_t at = 0, length; at < l->s.count; at += length) {
        size_t part = l->o->part_count, r = l->begins[at];
        for (length = 1; r == 0 && at + length < l->s.count && l->begins[at + length] == 0;) {
            length++;
        }
        if (r != 0) {
            length = l->repeats.at[r - 1].length;
            if (l->part_of[r - 1] == 0) l->part_of[r - 1] = part + 1;
            part = l->part_of[r - 1] - 1;
        }
        TRY(add_call(l, part, at, length));
    }
    return ORION_OK;
}

static void mark_exported(layout *l) {
    const orion_ir_graph *g = l->s.g;
    for (size_t at = 0; at < l->s.count; at++) {
        const orion_ir_node *n = l->s.nodes[at];
        for (uint32_t i = 0; i < n->n_in; i++) {
            uint32_t def = l->s.position[n->in[i]];
            if (def != IR_NOWHERE && l->call_of[def] != l->call_of[at]) {
                l->exported[n->in[i]] = true;
            }
        }
    }
    for (size_t i = 0; i < g->output_count; i++) l->exported[g->outputs[i].value] = true;
}

/* Sort the calls by part, then make the parts. */
static orion_status make_parts(layout *l, size_t *begin) {
    orion_ir_outline *o = l->o;
    for (size_t c = 0; c < o->call_count; c++) begin[o->calls[c].part]++;
    for (size_t p = 1; p < o->part_count; p++) begin[p] += begin[p - 1];
    for (size_t c = o->call_count; c-- != 0;) {
        l->group[--begin[o->calls[c].part]] = &o->calls[c];
    }
    for (size_t p = 0; p < o->part_count; p++) {
        size_t end = p + 1 < o->part_count ? begin[p + 1] : o->call_count;
        TRY(ir_make_part(o, &l->s, l->exported, l->group + begin[p], end - begin[p]));
    }
    return ORION_OK;
}

static orion_status lay_out_and_make(layout *l) {
    const orion_allocator *a = &l->o->arena.allocator;
    size_t nodes = l->s.count, repeats = l->repeats.count, values = l->s.g->value_count;
    orion_status status = ORION_ERROR_NO_MEMORY;
    l->begins = orn_zalloc(a, nodes * sizeof *l->begins);
    l->part_of = orn_zalloc(a, repeats * sizeof *l->part_of);
    l->call_of = orn_zalloc(a, nodes * sizeof *l->call_of);
    l->exported = orn_zalloc(a, values * sizeof *l->exported);
    l->group = orn_alloc(a, nodes * sizeof(ir_call *));
    size_t *begin = orn_zalloc(a, nodes * sizeof *begin);
    if (l->begins != NULL && l->part_of != NULL && l->call_of != NULL && l->exported != NULL &&
        l->group != NULL && begin != NULL) {
        status = lay_out(l);
        mark_exported(l);
        if (status == ORION_OK) status = make_parts(l, begin);
    }
    orn_free(a, l->begins, nodes * sizeof *l->begins);
    orn_free(a, l->part_of, repeats * sizeof *l->part_of);
    orn_free(a, l->call_of, nodes * sizeof *l->call_of);
    orn_free(a, l->exported, values * sizeof *l->exported);
    orn_free(a, l->group, nodes * sizeof(ir_call *));
    orn_free(a, begin, nodes * sizeof *begin);
    return status;
}

static orion_status fill(orion_ir_outline *o, const orion_ir_graph *graph, size_t min_nodes) {
    const orion_allocator *a = &o->arena.allocator;
    layout l = {.o = o};
    bool changed = false;
    TRY(orion_ir_graph_clone(graph, a, &o->whole));
    TRY(ir_pass_dce.run(o->whole, NULL, &changed));
    orion_status status = make_sequence(&l.s, o->whole, a);
    if (status == ORION_OK) status = ir_find_repetitions(&l.s, min_nodes, &o->arena, &l.repeats);
    if (status == ORION_OK) status = lay_out_and_make(&l);
    orn_free(a, l.repeats.at, l.repeats.capacity * sizeof *l.repeats.at);
    free_sequence(&l.s, a);
    return status;
}

orion_status orion_ir_outline_create(const orion_ir_graph *graph,
                                     const orion_ir_outline_options *options,
                                     const orion_allocator *allocator,
                                     orion_ir_outline **out_outline) {
    orion_allocator a = orn_allocator(allocator);
    orion_ir_outline_options known;
    *out_outline = NULL;
    TRY(orn_check_size(options, &known, sizeof known));
    orion_ir_outline *o = orn_zalloc(&a, sizeof *o);
    if (o == NULL) return ORION_ERROR_NO_MEMORY;
    orn_arena_init(&o->arena, &a);
    orion_status status =
        fill(o, graph, known.min_nodes == 0 ? DEFAULT_MIN_NODES : known.min_nodes);
    if (status != ORION_OK) orion_ir_outline_destroy(&o);
    *out_outline = o;
    return status;
}

void orion_ir_outline_destroy(orion_ir_outline **outline) {
    if (outline == NULL || *outline == NULL) return;
    orion_ir_outline *o = *outline;
    orion_allocator a = o->arena.allocator;
    for (size_t i = 0; i < o->part_count; i++) orion_ir_graph_destroy(&o->parts[i]);
    orn_free(&a, o->parts, o->part_capacity * sizeof(orion_ir_graph *));
    orn_free(&a, o->calls, o->call_capacity * sizeof *o->calls);
    orion_ir_graph_destroy(&o->whole);
    orn_arena_clear(&o->arena);
    orn_free(&a, o, sizeof *o);
    *outline = NULL;
}

/* ---- reading ---- */

const orion_ir_graph *orion_ir_outline_graph(const orion_ir_outline *outline) {
    return outline->whole;
}

size_t orion_ir_outline_part_count(const orion_ir_outline *outline) {
    return outline->part_count;
}

orion_ir_graph *orion_ir_outline_part(const orion_ir_outline *outline, size_t i) {
    return i < outline->part_count ? outline->parts[i] : NULL;
}

size_t orion_ir_outline_call_count(const orion_ir_outline *outline) {
    return outline->call_count;
}

size_t orion_ir_outline_call_part(const orion_ir_outline *outline, size_t call) {
    return call < outline->call_count ? outline->calls[call].part : 0;
}

orion_ir_value orion_ir_outline_call_input(const orion_ir_outline *outline, size_t call, size_t i) {
    if (call >= outline->call_count) return (orion_ir_value){0};
    const ir_call *c = &outline->calls[call];
    return (orion_ir_value){i < c->in_count ? c->in[i] : 0};
}

orion_ir_value orion_ir_outline_call_output(const orion_ir_outline *outline, size_t call,
                                            size_t i) {
    if (call >= outline->call_count) return (orion_ir_value){0};
    const ir_call *c = &outline->calls[call];
    return (orion_ir_value){i < c->out_count ? c->out[i] : 0};
}
