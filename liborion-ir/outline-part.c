/* SPDX-License-Identifier: MIT */
/*
 * A part of an outline: one graph for the stretches of all its calls.
 *
 * The stretches agree in everything but the values that come from outside. Each operand from
 * outside is a slot; in every call it gets some value. Two slots become one input of the part if
 * they get the same value in every call: the slots are split into classes, call by call, as long
 * as they differ. A class that gets an equal constant in every call becomes that constant instead.
 */
#include "outline-internal.h"

typedef struct slot {
    uint32_t node, operand; /* from the begin of the stretch; of the node */
    uint32_t group;         /* its class */
} slot;

typedef struct maker {
    orion_ir_outline *o;
    const ir_sequence *s;
    const bool *exported;
    ir_call *const *calls;
    size_t call_count, length;
    orion_ir_graph *part;
    slot *slots;
    size_t slot_count;
    size_t *first; /* by group: its first slot */
    uint32_t *ids; /* by group: the value in the part */
    size_t group_count;
} maker;

static uint32_t value_at(const maker *m, size_t call, const slot *at) {
    return m->s->nodes[m->calls[call]->start + at->node]->in[at->operand];
}

/* ---- slots and their groups ---- */

static size_t count_operands(const maker *m) {
    size_t n = 0;
    for (size_t k = 0; k < m->length; k++) n += m->s->nodes[m->calls[0]->start + k]->n_in;
    return n;
}

static void find_slots(maker *m) {
    size_t start = m->calls[0]->start;
    for (size_t k = 0; k < m->length; k++) {
        const orion_ir_node *n = m->s->nodes[start + k];
        for (uint32_t i = 0; i < n->n_in; i++) {
            if (ir_from_inside(m->s, n->in[i], start)) continue;
            m->slots[m->slot_count++] = (slot){(uint32_t)k, i, 0};
        }
    }
}

/* Split the groups by the values of one call. New groups are numbered as they are met. */
static orion_status split(maker *m, size_t call, uint32_t (*keys)[2]) {
    orn_map groups;
    orion_status status = ORION_OK;
    orn_map_init(&groups, &m->o->arena.allocator);
    m->group_count = 0;
    for (size_t i = 0; i < m->slot_count && status == ORION_OK; i++) {
        keys[i][0] = m->slots[i].group;
        keys[i][1] = value_at(m, call, &m->slots[i]);
        const uint32_t *known = orn_map_get(&groups, (char *)keys[i], sizeof keys[i]);
        m->slots[i].group = known != NULL ? *known : (uint32_t)m->group_count;
        if (known != NULL) continue;
        m->first[m->group_count] = i;
        status = orn_map_put(&groups, (char *)keys[i], sizeof keys[i], (uint32_t)m->group_count++);
    }
    orn_map_free(&groups);
    return status;
}

static orion_status group_slots(maker *m) {
    const orion_allocator *a = &m->o->arena.allocator;
    uint32_t(*keys)[2] = orn_alloc(a, m->slot_count * sizeof *keys);
    orion_status status = keys == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    for (size_t c = 0; c < m->call_count && status == ORION_OK; c++) status = split(m, c, keys);
    orn_free(a, keys, m->slot_count * sizeof *keys);
    return status;
}

/* ---- the graph ---- */

/* Does the group get an equal constant in every call? */
static bool is_constant(const maker *m, size_t group) {
    const orion_ir_graph *g = m->s->g;
    const slot *at = &m->slots[m->first[group]];
    const orion_ir_node *first = ir_const_of(g, value_at(m, 0, at));
    if (first == NULL) return false;
    for (size_t c = 1; c < m->call_count; c++) {
        const orion_ir_node *other = ir_const_of(g, value_at(m, c, at));
        if (other == NULL) return false;
        if (other != first && !ir_same_constant(g, first, g, other)) return false;
    }
    return true;
}

static orion_status add_list(maker *m, uint32_t **list, size_t n) {
    *list = orn_arena_alloc(&m->o->arena, n * sizeof **list);
    return *list == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status add_inputs(maker *m) {
    const orion_ir_graph *g = m->s->g;
    for (size_t c = 0; c < m->call_count; c++) {
        TRY(add_list(m, &m->calls[c]->in, m->group_count));
    }
    for (size_t i = 0; i < m->group_count; i++) {
        const slot *at = &m->slots[m->first[i]];
        uint32_t v = value_at(m, 0, at);
        if (is_constant(m, i)) {
            TRY(ir_copy_node(m->part, g, ir_def(g, v), NULL, NULL, &m->ids[i]));
            continue;
        }
        char name[IR_NUMBERED_NAME];
        size_t n = ir_numbered_name(name, "in", m->part->input_count);
        TRY(ir_add_input(m->part, name, n, ir_val(g, v)->type, &m->ids[i]));
        for (size_t c = 0; c < m->call_count; c++) {
            ir_call *call = m->calls[c];
            call->in[call->in_count++] = value_at(m, c, at);
        }
    }
    return ORION_OK;
}

static bool is_exported(const maker *m, size_t k, uint32_t result) {
    for (size_t c = 0; c < m->call_count; c++) {
        const orion_ir_node *n = m->s->nodes[m->calls[c]->start + k];
        if (m->exported[n->out + result]) return true;
    }
    return false;
}

/* Result `result` of node k, which is `value` in the part, becomes an output. */
static orion_status add_output(maker *m, size_t k, uint32_t result, uint32_t value) {
    char name[IR_NUMBERED_NAME];
    size_t n = ir_numbered_name(name, "out", m->part->output_count);
    TRY(ir_set_name(m->part, value, name, n));
    TRY(ir_add_output(m->part, name, n, value));
    for (size_t c = 0; c < m->call_count; c++) {
        ir_call *call = m->calls[c];
        call->out[call->out_count++] = m->s->nodes[call->start + k]->out + result;
    }
    return ORION_OK;
}

/* Operands from inside by `ids`, those from outside by their slots, which come in order. */
static orion_status add_node(maker *m, size_t k, size_t *next_slot, uint32_t *ids) {
    const orion_ir_node *n = m->s->nodes[m->calls[0]->start + k];
    uint32_t out;
    TRY(ir_copy_node(m->part, m->s->g, n, NULL, ids, &out));
    for (; *next_slot < m->slot_count && m->slots[*next_slot].node == k; ++*next_slot) {
        const slot *at = &m->slots[*next_slot];
        ir_def(m->part, out)->in[at->operand] = m->ids[at->group];
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        ids[n->out + i] = out + i;
        if (is_exported(m, k, i)) TRY(add_output(m, k, i, out + i));
    }
    return ORION_OK;
}

static orion_status add_nodes(maker *m) {
    const orion_allocator *a = &m->o->arena.allocator;
    size_t results = 0, next_slot = 0, values = m->s->g->value_count;
    for (size_t k = 0; k < m->length; k++) results += m->s->nodes[m->calls[0]->start + k]->n_out;
    for (size_t c = 0; c < m->call_count; c++) TRY(add_list(m, &m->calls[c]->out, results));
    uint32_t *ids = orn_zalloc(a, values * sizeof *ids);
    orion_status status = ids == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    for (size_t k = 0; k < m->length && status == ORION_OK; k++) {
        status = add_node(m, k, &next_slot, ids);
    }
    orn_free(a, ids, values * sizeof *ids);
    return status;
}

static orion_status make(maker *m) {
    char name[IR_NUMBERED_NAME];
    ir_numbered_name(name, "part", m->calls[0]->part);
    TRY(ir_graph_create(name, &m->o->arena.allocator, &m->part));
    m->o->parts[m->calls[0]->part] = m->part;
    find_slots(m);
    TRY(group_slots(m));
    TRY(add_inputs(m));
    return add_nodes(m);
}

orion_status ir_make_part(orion_ir_outline *outline, const ir_sequence *sequence,
                          const bool *exported, ir_call *const *calls, size_t count) {
    const orion_allocator *a = &outline->arena.allocator;
    maker m = {.o = outline,
               .s = sequence,
               .exported = exported,
               .calls = calls,
               .call_count = count,
               .length = calls[0]->length};
    size_t n = count_operands(&m);
    m.slots = orn_alloc(a, n * sizeof *m.slots);
    m.first = orn_alloc(a, n * sizeof *m.first);
    m.ids = orn_alloc(a, n * sizeof *m.ids);
    bool ok = m.slots != NULL && m.first != NULL && m.ids != NULL;
    orion_status status = ok ? make(&m) : ORION_ERROR_NO_MEMORY;
    orn_free(a, m.slots, n * sizeof *m.slots);
    orn_free(a, m.first, n * sizeof *m.first);
    orn_free(a, m.ids, n * sizeof *m.ids);
    return status;
}
