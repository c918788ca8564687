/* SPDX-License-Identifier: MIT */
/*
 * An outline as one graph again: every call becomes a copy of the nodes of its part.
 *
 * Constants of a part are copied at its first call and used by all; those that calls name are
 * copied in front of the first that does.
 */
#include "outline-internal.h"

typedef struct inliner {
    const orion_ir_outline *o;
    orion_ir_graph *to;
    uint32_t *ids;    /* by value id of the whole graph: the value in `to`, or 0 */
    uint32_t **local; /* by part: the same by value id of the part; made at its first call */
    size_t *bound;    /* by part: entries of local[part] */
    orion_diag *diag;
} inliner;

/* ---- parts may have been rewritten ---- */

static bool same_port(const inliner *c, const orion_ir_graph *part, uint32_t port, uint32_t value) {
    return orion_ir_type_equal(&ir_val(part, port)->type, &ir_val(c->o->whole, value)->type) != 0;
}

static bool same_ports(const inliner *c, const orion_ir_graph *part, const ir_call *call) {
    bool same = part->input_count == call->in_count && part->output_count == call->out_count;
    for (size_t i = 0; same && i < call->in_count; i++) {
        same = same_port(c, part, part->inputs[i], call->in[i]);
    }
    for (size_t i = 0; same && i < call->out_count; i++) {
        same = same_port(c, part, part->outputs[i].value, call->out[i]);
    }
    return same;
}

static orion_status check(const inliner *c, const ir_call *call) {
    const orion_ir_graph *part = c->o->parts[call->part];
    TRY(orion_ir_verify(part, c->diag));
    if (same_ports(c, part, call)) return ORION_OK;
    ORN_ERROR(c->diag, IR_OUTLINE, part->name,
              "@%s no longer has the inputs and outputs of the calls of part %zu", part->name,
              call->part);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* ---- copying ---- */

/* Make a value of the whole graph exist in `to`: it does, or it is a constant. */
static orion_status need(inliner *c, uint32_t value) {
    if (c->ids[value] != 0) return ORION_OK;
    return ir_copy_node(c->to, c->o->whole, ir_def(c->o->whole, value), NULL, NULL, &c->ids[value]);
}

/* Give a value that a call or an output names the name it has in the whole graph. */
static orion_status keep_name(inliner *c, uint32_t value) {
    const char *name = ir_val(c->o->whole, value)->name;
    uint32_t id = c->ids[value];
    if (name == NULL || ir_val(c->to, id)->name != NULL) return ORION_OK;
    return ir_set_name(c->to, id, name, strlen(name));
}

/* The table of a part's values; it is cleared when it is made, so that its constants are known to
 * be there from the second call on. */
static orion_status local_table(inliner *c, size_t part, uint32_t **out) {
    size_t count = c->o->parts[part]->value_count;
    if (c->local[part] == NULL) {
        c->local[part] = orn_zalloc(&c->to->arena.allocator, count * sizeof **out);
        c->bound[part] = count;
    }
    *out = c->local[part];
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status copy_call(inliner *c, const ir_call *call) {
    const orion_ir_graph *part = c->o->parts[call->part];
    uint32_t *local, out;
    bool first = c->local[call->part] == NULL;
    if (first) TRY(check(c, call));
    TRY(local_table(c, call->part, &local));
    for (size_t i = 0; i < call->in_count; i++) {
        TRY(need(c, call->in[i]));
        local[part->inputs[i]] = c->ids[call->in[i]];
    }
    ir_foreach_node (part, n) {
        if (n->op == ORION_IR_OP_const && !first) continue;
        TRY(ir_copy_node(c->to, part, n, NULL, local, &out));
        for (uint32_t i = 0; i < n->n_out; i++) local[n->out + i] = out + i;
    }
    for (size_t i = 0; i < call->out_count; i++) {
        c->ids[call->out[i]] = local[part->outputs[i].value];
        TRY(keep_name(c, call->out[i]));
    }
    return ORION_OK;
}

static orion_status copy_ports(inliner *c, const orion_ir_graph *whole) {
    for (size_t i = 0; i < whole->input_count; i++) {
        const ir_value *v = ir_val(whole, whole->inputs[i]);
        TRY(ir_add_input(c->to, v->name, strlen(v->name), v->type, &c->ids[whole->inputs[i]]));
    }
    for (size_t i = 0; i < c->o->call_count; i++) TRY(copy_call(c, &c->o->calls[i]));
    for (size_t i = 0; i < whole->output_count; i++) {
        const ir_output *o = &whole->outputs[i];
        TRY(need(c, o->value));
        TRY(keep_name(c, o->value));
        TRY(ir_add_output(c->to, o->name, strlen(o->name), c->ids[o->value]));
    }
    return ORION_OK;
}

static orion_status run(inliner *c) {
    const orion_ir_outline *o = c->o;
    const orion_allocator *a = &c->to->arena.allocator;
    orion_status status = ORION_ERROR_NO_MEMORY;
    c->ids = orn_zalloc(a, o->whole->value_count * sizeof *c->ids);
    c->local = orn_zalloc(a, o->part_count * sizeof(uint32_t *));
    c->bound = orn_zalloc(a, o->part_count * sizeof *c->bound);
    if (c->ids != NULL && c->local != NULL && c->bound != NULL) {
        status = copy_ports(c, o->whole);
        for (size_t i = 0; i < o->part_count; i++) {
            orn_free(a, c->local[i], c->bound[i] * sizeof **c->local);
        }
    }
    orn_free(a, c->ids, o->whole->value_count * sizeof *c->ids);
    orn_free(a, c->local, o->part_count * sizeof(uint32_t *));
    orn_free(a, c->bound, o->part_count * sizeof *c->bound);
    return status;
}

orion_status orion_ir_outline_inline(const orion_ir_outline *outline,
                                     const orion_allocator *allocator, orion_diag *diag,
                                     orion_ir_graph **out_graph) {
    inliner c = {.o = outline, .diag = diag};
    *out_graph = NULL;
    TRY(ir_graph_create(outline->whole->name, allocator, &c.to));
    orion_status status = run(&c);
    if (status == ORION_OK) status = orion_ir_verify(c.to, diag);
    if (status != ORION_OK) orion_ir_graph_destroy(&c.to);
    *out_graph = c.to;
    return status;
}
