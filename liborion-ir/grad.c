/* SPDX-License-Identifier: MIT */
/*
 * Reverse-mode differentiation of a graph.
 *
 * The new graph is a copy of the old one with backward nodes behind it. A value is active if it
 * depends on a wanted input and the output depends on it, both through operands that pass
 * gradients; only active values get a cotangent. The nodes are visited from the last to the first:
 * when a node is met, all its users have been, so the cotangents of its results are complete, and
 * its rule adds to those of its operands. Ops without a rule of their own are expanded in the
 * forward part first, so that what they compute is computed once and used by both parts.
 */
#include "grad-internal.h"

enum { NAME_MAX_LENGTH = 255 };

typedef struct request {
    const orion_ir_graph *graph;
    orion_ir_grad_options options;
    uint32_t output;  /* value id */
    uint32_t *inputs; /* value ids of the wanted ones */
    size_t input_count;
} request;

static ir_grad_rule rule_of(uint32_t op) {
    const ir_op *row = ir_op_get(op);
    if (row == NULL) return (ir_grad_rule){0};
    return row->info.is_model ? ir_grad_model(op) : ir_grad_core(op);
}

static bool has_rule(const ir_grad_rule *r) {
    return r->unary != NULL || r->general != NULL || r->expand != NULL;
}

bool ir_op_differentiable(uint32_t op) {
    ir_grad_rule r = rule_of(op);
    return has_rule(&r);
}

/* ---- what is asked for ---- */

static orion_status find_output(request *r, orion_diag *diag) {
    const orion_ir_graph *g = r->graph;
    const char *name = r->options.output;
    size_t i = name == NULL ? 0 : ir_find_output(g, name, strlen(name));
    if (i >= g->output_count) {
        ORN_ERROR(diag, IR_GRAD_NAME, name, "graph @%s has no output \"%.64s\"", g->name, name);
        return ORION_ERROR_NOT_FOUND;
    }
    r->output = g->outputs[i].value;
    orion_ir_type type = ir_val(g, r->output)->type;
    if (ir_is_float(type.dtype) && (type.rank == 0 || r->options.seed != NULL)) return ORION_OK;
    char text[IR_TYPE_TEXT];
    ir_format_type(text, &type);
    ORN_ERROR(diag, IR_GRAD_TYPE, g->outputs[i].name, "output \"%s\" is %s, which is no float%s",
              g->outputs[i].name, text, r->options.seed == NULL ? " scalar" : "");
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* Input value of that name, or 0. */
static uint32_t input_named(const orion_ir_graph *g, const char *name) {
    uint32_t id = ir_find_name(g, name, strlen(name));
    return id != 0 && ir_def(g, id) == NULL ? id : 0;
}

static orion_status add_input(request *r, const char *name, orion_diag *diag) {
    const orion_ir_graph *g = r->graph;
    uint32_t id = input_named(g, name);
    if (id == 0) {
        ORN_ERROR(diag, IR_GRAD_NAME, name, "graph @%s has no input \"%.64s\"", g->name, name);
        return ORION_ERROR_NOT_FOUND;
    }
    for (size_t i = 0; i < r->input_count; i++) {
        if (r->inputs[i] != id) continue;
        ORN_ERROR(diag, IR_GRAD_NAME, name, "input \"%s\" is listed twice", name);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    if (!ir_is_float(ir_val(g, id)->type.dtype)) {
        ORN_ERROR(diag, IR_GRAD_TYPE, name, "input \"%s\" is %s, which is no float", name,
                  orion_ir_dtype_name((orion_ir_dtype)ir_val(g, id)->type.dtype));
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    r->inputs[r->input_count++] = id;
    return ORION_OK;
}

static orion_status find_inputs(request *r, orion_diag *diag) {
    const orion_ir_graph *g = r->graph;
    if (r->options.inputs != NULL) {
        for (size_t i = 0; i < r->options.input_count; i++) {
            TRY(add_input(r, r->options.inputs[i], diag));
        }
        return ORION_OK;
    }
    for (size_t i = 0; i < g->input_count; i++) {
        if (ir_is_float(ir_val(g, g->inputs[i])->type.dtype)) {
            r->inputs[r->input_count++] = g->inputs[i];
        }
    }
    return ORION_OK;
}

/* ---- which values are active ---- */

/* Values that depend on a wanted input. */
static void mark_forward(const ir_grad *c, const request *r, bool *reached) {
    const orion_ir_graph *g = c->b.graph;
    for (size_t i = 0; i < r->input_count; i++) reached[r->inputs[i]] = true;
    ir_foreach_node (g, n) {
        ir_grad_rule rule = rule_of(n->op);
        bool any = false;
        for (uint32_t i = 0; i < n->n_in; i++) {
            any |= reached[n->in[i]] && (rule.operands >> ORN_MIN(i, 31) & 1) != 0;
        }
        for (uint32_t i = 0; i < n->n_out; i++) {
            reached[n->out + i] = any && ir_is_float(ir_val(g, n->out + i)->type.dtype);
        }
    }
}

/* Of those, the ones that the output depends on. */
static void mark_backward(const ir_grad *c, uint32_t output, const bool *reached) {
    c->active[output] = reached[output];
    ir_foreach_node_reverse (c->b.graph, n) {
        ir_grad_rule rule = rule_of(n->op);
        bool any = false;
        for (uint32_t i = 0; i < n->n_out; i++) any |= c->active[n->out + i];
        for (uint32_t i = 0; any && i < n->n_in; i++) {
            bool passes = (rule.operands >> ORN_MIN(i, 31) & 1) != 0;
            c->active[n->in[i]] |= passes && reached[n->in[i]];
        }
    }
}

static void free_tables(ir_grad *c, size_t count) {
    const orion_allocator *a = &c->b.graph->arena.allocator;
    orn_free(a, c->active, count * sizeof *c->active);
    orn_free(a, c->cotangent, count * sizeof *c->cotangent);
    c->active = NULL;
    c->cotangent = NULL;
}

static orion_status make_tables(ir_grad *c, const request *r) {
    const orion_allocator *a = &c->b.graph->arena.allocator;
    size_t count = c->b.graph->value_count;
    bool *reached = orn_zalloc(a, count * sizeof *reached);
    c->active = orn_zalloc(a, count * sizeof *c->active);
    c->cotangent = orn_zalloc(a, count * sizeof *c->cotangent);
    bool ok = reached != NULL && c->active != NULL && c->cotangent != NULL;
    if (ok) {
        mark_forward(c, r, reached);
        mark_backward(c, r->output, reached);
    }
    orn_free(a, reached, count * sizeof *reached);
    if (!ok) free_tables(c, count);
    return ok ? ORION_OK : ORION_ERROR_NO_MEMORY;
}

static bool is_active(const ir_grad *c, const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (c->active[n->out + i]) return true;
    }
    return false;
}

/* ---- the forward part ---- */

static orion_status refuse(const ir_grad *c, const orion_ir_node *n) {
    const char *op = ir_op_get(n->op)->info.name, *name = ir_val(c->b.graph, n->out)->name;
    orn_diag(c->b.diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_IR_GRAD_OP, NULL, n->line, 0, op,
             "%s has no derivative, but its result%s%s is between the inputs and the output", op,
             name == NULL ? "" : " %", name == NULL ? "" : name);
    return ORION_ERROR_UNSUPPORTED;
}

/* Refuse what has no rule; expand what has none of its own. */
static orion_status prepare(ir_grad *c, ir_replacements *replaced, bool *expanded) {
    orion_ir_graph *g = c->b.graph;
    ir_foreach_node (g, n) {
        ir_grad_rule rule = rule_of(n->op);
        if (!is_active(c, n)) continue;
        if (!has_rule(&rule)) return refuse(c, n);
        if (rule.expand == NULL) continue;
        orion_ir_builder b = ir_builder_at(g, n, c->b.diag);
        orion_ir_value y[IR_MODEL_RESULTS_MAX];
        rule.expand(&b, n, y);
        TRY(b.status);
        for (uint32_t i = 0; i < n->n_out; i++) TRY(ir_replace(replaced, n->out + i, y[i].id));
        *expanded = true;
    }
    return ORION_OK;
}

static void remove_expanded(orion_ir_graph *g, const ir_replacements *replaced) {
    ir_foreach_node_safe (g, n) {
        if (ir_resolve(replaced, n->out) != n->out) ir_remove(g, n);
    }
}

static orion_status expand(ir_grad *c, request *r) {
    orion_ir_graph *g = c->b.graph;
    size_t count = g->value_count;
    ir_replacements replaced;
    bool expanded = false;
    TRY(make_tables(c, r));
    orion_status status = ir_replacements_init(&replaced, g);
    if (status == ORION_OK) {
        status = prepare(c, &replaced, &expanded);
        if (status == ORION_OK && expanded) status = ir_apply(g, &replaced);
        if (status == ORION_OK && expanded) remove_expanded(g, &replaced);
        r->output = ir_resolve(&replaced, r->output);
        ir_replacements_free(&replaced);
    }
    free_tables(c, count);
    return status;
}

/* ---- the backward part ---- */

bool ir_grad_wants(const ir_grad *c, const orion_ir_node *n, size_t i) {
    return c->active[n->in[i]];
}

/*
 * The cotangent of a value, of its type; no value if nothing flowed there. While contributions are
 * added up it may be f32 where the value has 16 bits, so that a sum over many users is rounded
 * once: here.
 */
static orion_ir_value cotangent_of(ir_grad *c, uint32_t id) {
    uint32_t *sum = &c->cotangent[id];
    if (*sum == 0) return (orion_ir_value){0};
    orion_ir_dtype dtype = (orion_ir_dtype)ir_val(c->b.graph, id)->type.dtype;
    *sum = ir_to_dtype(&c->b, (orion_ir_value){*sum}, dtype).id;
    return (orion_ir_value){*sum};
}

orion_ir_value ir_grad_of(ir_grad *c, const orion_ir_node *n, size_t i) {
    uint32_t id = n->out + (uint32_t)i;
    orion_ir_value v = cotangent_of(c, id);
    return v.id != 0 ? v : ir_fill(&c->b, ir_val(c->b.graph, id)->type, 0);
}

/* v summed over the axes along which a value of type `to` was broadcast to it. */
static orion_ir_value sum_to(orion_ir_builder *b, orion_ir_value v, orion_ir_type to) {
    orion_ir_type from = ir_type_of(b, v);
    int64_t axes[ORION_IR_RANK_MAX];
    size_t n = 0;
    if (b->status != ORION_OK) return v;
    uint32_t extra = from.rank - to.rank;
    for (uint32_t d = 0; d < from.rank; d++) {
        if (d < extra || to.dims[d - extra] != from.dims[d]) axes[n++] = d;
    }
    if (n != 0) v = orion_ir_reduce_sum(b, v, axes, n, 0);
    return ir_reshape_to(b, v, to.dims, to.rank);
}

void ir_grad_add(ir_grad *c, const orion_ir_node *n, size_t i, orion_ir_value v) {
    uint32_t id = n->in[i], *sum = &c->cotangent[id];
    if (!c->active[id]) return;
    v = sum_to(&c->b, v, ir_val(c->b.graph, id)->type);
    if (*sum != 0) {
        orion_ir_value before = ir_widen(&c->b, (orion_ir_value){*sum});
        v = orion_ir_add(&c->b, before, ir_widen(&c->b, v));
    }
    *sum = v.id;
}

void ir_grad_scatter(ir_grad *c, const orion_ir_node *n, size_t i, orion_ir_value updates,
                     orion_ir_value indices) {
    uint32_t id = n->in[i], *sum = &c->cotangent[id];
    if (!c->active[id]) return;
    orion_ir_value base = cotangent_of(c, id);
    if (base.id == 0) base = ir_fill(&c->b, ir_val(c->b.graph, id)->type, 0);
    orion_ir_value in[] = {base, updates, indices};
    *sum = orion_ir_build(&c->b, ORION_IR_OP_scatter_add, in, 3, NULL, 0).id;
}

static void apply_rule(ir_grad *c, const orion_ir_node *n) {
    ir_grad_rule rule = rule_of(n->op);
    if (rule.unary == NULL) {
        rule.general(c, n);
        return;
    }
    ir_grad_point p = {&c->b, ir_operand(n, 0), ir_first_result(n), ir_grad_of(c, n, 0)};
    ir_grad_add(c, n, 0, rule.unary(&p));
}

static void run_backward(ir_grad *c, const request *r) {
    orion_ir_graph *g = c->b.graph;
    const orion_ir_node *last = g->last;
    const char *seed = r->options.seed;
    orion_ir_type type = ir_val(g, r->output)->type;
    orion_ir_value cotangent = seed == NULL ? orion_ir_splat(&c->b, type, 1)
                                            : ir_emit_input(&c->b, seed, strlen(seed), type);
    if (c->active[r->output]) c->cotangent[r->output] = cotangent.id;
    for (const orion_ir_node *n = last; n != NULL && c->b.status == ORION_OK; n = n->prev) {
        if (is_active(c, n)) apply_rule(c, n);
    }
}

/* ---- the result ---- */

/* grad_NAME, with more grad_ in front while an output or an input has that name already. */
static void name_output(ir_grad *c, const char *input, orion_ir_value v) {
    const orion_ir_graph *g = c->b.graph;
    char name[NAME_MAX_LENGTH + 8] = "";
    size_t length = strlen(input);
    memcpy(name, input, length);
    do {
        memmove(name + 5, name, length + 1);
        memcpy(name, "grad_", 5);
        length += 5;
    } while (length <= NAME_MAX_LENGTH &&
             (ir_find_output(g, name, length) != g->output_count || input_named(g, name) != 0));
    ir_emit_output(&c->b, name, length, v);
}

static void emit_outputs(ir_grad *c, const request *r) {
    for (size_t i = 0; i < r->input_count && c->b.status == ORION_OK; i++) {
        uint32_t id = r->inputs[i];
        orion_ir_value v = cotangent_of(c, id);
        if (v.id == 0) v = ir_fill(&c->b, ir_val(c->b.graph, id)->type, 0);
        name_output(c, ir_val(c->b.graph, id)->name, v);
    }
}

static orion_status differentiate(request *r, orion_ir_graph *copy, orion_diag *diag) {
    ir_grad c = {.b = ir_builder_at(copy, NULL, diag)};
    TRY(expand(&c, r));
    size_t count = copy->value_count;
    TRY(make_tables(&c, r));
    run_backward(&c, r);
    emit_outputs(&c, r);
    free_tables(&c, count);
    TRY(c.b.status);
    bool changed = false;
    TRY(ir_pass_dce.run(copy, diag, &changed));
    return orion_ir_verify(copy, diag);
}

orion_status orion_ir_grad(const orion_ir_graph *graph, const orion_ir_grad_options *options,
                           const orion_allocator *allocator, orion_diag *diag,
                           orion_ir_graph **out_graph) {
    orion_allocator a = orn_allocator(allocator);
    orion_ir_graph *copy = NULL;
    request r = {.graph = graph};
    size_t bytes = (graph->input_count + 1) * sizeof *r.inputs;
    *out_graph = NULL;
    TRY(orn_check_size(options, &r.options, sizeof r.options));
    r.inputs = orn_alloc(&a, bytes);
    if (r.inputs == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = find_output(&r, diag);
    if (status == ORION_OK) status = find_inputs(&r, diag);
    if (status == ORION_OK) status = orion_ir_graph_clone(graph, &a, &copy);
    if (status == ORION_OK) status = differentiate(&r, copy, diag);
    if (status != ORION_OK) orion_ir_graph_destroy(&copy);
    orn_free(&a, r.inputs, bytes);
    *out_graph = copy;
    return status;
}
