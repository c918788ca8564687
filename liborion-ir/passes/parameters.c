/* SPDX-License-Identifier: MIT */
/*
 * Parameters: constants become inputs, so that a program can be given others, and gradients with
 * respect to them can be taken.
 *
 * Needs:  a valid graph.
 * Keeps:  the inputs there are, in front; every value, if the new inputs get the data that the
 *         constants had. Values keep their numbers, so orion_ir_value_node of the original graph
 *         finds the constant behind a new input.
 */
#include "ir-internal.h"

/* ---- one constant ---- */

/* An input must not have the name of an output that is another value; any other value may. */
static bool may_be_input(const orion_ir_graph *g, uint32_t value, const char *name, size_t n) {
    size_t output = ir_find_output(g, name, n);
    uint32_t owner = ir_find_name(g, name, n);
    bool is_free = owner == 0 || owner == value;
    return is_free && (output == g->output_count || g->outputs[output].value == value);
}

/* Its own name, or that of an output that it is, or the next free one of param0, param1 ... */
static orion_status name_parameter(orion_ir_graph *g, uint32_t value, size_t *number) {
    const char *own = ir_val(g, value)->name;
    char name[IR_NUMBERED_NAME];
    if (own != NULL && may_be_input(g, value, own, strlen(own))) return ORION_OK;
    for (size_t i = 0; i < g->output_count; i++) {
        const ir_output *o = &g->outputs[i];
        if (o->value != value || !may_be_input(g, value, o->name, strlen(o->name))) continue;
        return ir_set_name(g, value, o->name, strlen(o->name));
    }
    size_t n;
    do {
        n = ir_numbered_name(name, "param", (*number)++);
    } while (!may_be_input(g, value, name, n));
    return ir_set_name(g, value, name, n);
}

static orion_status make_input(orion_ir_graph *g, orion_ir_node *n, size_t *number) {
    uint32_t id = n->out;
    if (!ORN_GROW(&g->arena.allocator, g->inputs, g->input_capacity, g->input_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(name_parameter(g, id, number));
    ir_value value = *ir_val(g, id);
    ir_remove(g, n);
    value.def = NULL;
    *ir_val(g, id) = value;
    g->inputs[g->input_count++] = id;
    return ORION_OK;
}

/* ---- the pass: all large ones ---- */

static orion_status run_with(orion_ir_graph *g, int64_t elements, orion_diag *diag, bool *changed) {
    size_t number = 0;
    (void)diag;
    ir_foreach_node_safe (g, n) {
        if (n->op != ORION_IR_OP_const) continue;
        const orion_ir_type *type = &ir_val(g, n->out)->type;
        bool wanted = ir_is_float(type->dtype) && orion_ir_type_elements(type) >= elements;
        if (!wanted) continue;
        *changed = true;
        TRY(make_input(g, n, &number));
    }
    return ORION_OK;
}

const ir_pass ir_pass_parameters = {
    .name = "parameters",
    .doc = "turn float constants of at least that many elements into inputs",
    .option = "elements",
    .run_with = run_with,
};

/* ---- named ones ---- */

static orion_status make_named(orion_ir_graph *g, const char *name, orion_diag *diag) {
    uint32_t id = ir_find_name(g, name, strlen(name));
    orion_ir_node *n = id == 0 ? NULL : ir_const_of(g, id);
    size_t number = 0;
    if (n != NULL) return make_input(g, n, &number);
    ORN_ERROR(diag, IR_PARAMETER, name, "graph @%s has no constant \"%.64s\"", g->name, name);
    return ORION_ERROR_NOT_FOUND;
}

orion_status orion_ir_parameterize(const orion_ir_graph *graph, const char *const *names,
                                   size_t count, const orion_allocator *allocator, orion_diag *diag,
                                   orion_ir_graph **out_graph) {
    orion_ir_graph *copy = NULL;
    *out_graph = NULL;
    TRY(orion_ir_graph_clone(graph, allocator, &copy));
    orion_status status = ORION_OK;
    for (size_t i = 0; i < count && status == ORION_OK; i++) {
        status = make_named(copy, names[i], diag);
    }
    if (status != ORION_OK) orion_ir_graph_destroy(&copy);
    *out_graph = copy;
    return status;
}
