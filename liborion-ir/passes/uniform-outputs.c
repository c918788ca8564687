/* SPDX-License-Identifier: MIT */
/*
 * Uniform outputs: all outputs take the same number of bytes, as the Neural Engine asks for.
 *
 * Needs:  a valid graph in which no output that must grow has the name of an input.
 * Keeps:  inputs; names, order and dtypes of outputs. An output that has the size already keeps its
 *         type; any other becomes a vector: its elements in row-major order, then zeros.
 *         orion_ir_graph_output_content reads the original type off the graph.
 *
 * The size is that of the largest output, rounded up to a multiple of the largest element, so that
 * every dtype can fill it.
 */
#include "emit.h"

static size_t common_bytes(const orion_ir_graph *g) {
    size_t most = 0, element = 1;
    for (size_t i = 0; i < g->output_count; i++) {
        const orion_ir_type *type = &ir_val(g, g->outputs[i].value)->type;
        most = ORN_MAX(most, orion_ir_type_bytes(type));
        element = ORN_MAX(element, orion_ir_dtype_bytes((orion_ir_dtype)type->dtype));
    }
    return (most + element - 1) / element * element;
}

static bool must_grow(const orion_ir_graph *g, const ir_output *o, size_t bytes) {
    return orion_ir_type_bytes(&ir_val(g, o->value)->type) != bytes;
}

/* Once it is another value, such an output could not keep its name. */
static orion_status check_names(const orion_ir_graph *g, size_t bytes, orion_diag *diag) {
    for (size_t i = 0; i < g->output_count; i++) {
        const ir_output *o = &g->outputs[i];
        uint32_t owner = ir_find_name(g, o->name, strlen(o->name));
        if (owner == 0 || ir_def(g, owner) != NULL || !must_grow(g, o, bytes)) continue;
        ORN_ERROR(diag, IR_UNIFORM, o->name, "output \"%s\" is an input too and cannot be padded",
                  o->name);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    return ORION_OK;
}

static orion_ir_value pad_to(orion_ir_builder *b, orion_ir_value v, int64_t elements) {
    orion_ir_type type = ir_type_of(b, v);
    int64_t have = orion_ir_type_elements(&type), before = 0, after = elements - have;
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", &before, 1),
                             orion_ir_attr_ints("after", &after, 1)};
    v = IR_RESHAPE(b, v, have);
    return orion_ir_build(b, ORION_IR_OP_pad, &v, 1, attrs, 2);
}

static orion_status grow(orion_ir_graph *g, ir_output *o, size_t bytes, orion_diag *diag) {
    orion_ir_builder b = ir_builder_at(g, NULL, diag);
    ir_value *old = ir_val(g, o->value);
    size_t element = orion_ir_dtype_bytes((orion_ir_dtype)old->type.dtype);
    orion_ir_value v = pad_to(&b, (orion_ir_value){o->value}, (int64_t)(bytes / element));
    TRY(b.status);
    old = ir_val(g, o->value); /* the table may have moved */
    if (old->name != NULL && strcmp(old->name, o->name) == 0) {
        old->name = NULL;
        TRY(ir_set_name(g, v.id, o->name, strlen(o->name)));
    }
    o->value = v.id;
    return ORION_OK;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    size_t bytes = common_bytes(g);
    TRY(check_names(g, bytes, diag));
    for (size_t i = 0; i < g->output_count; i++) {
        if (!must_grow(g, &g->outputs[i], bytes)) continue;
        TRY(grow(g, &g->outputs[i], bytes, diag));
        *changed = true;
    }
    return ORION_OK;
}

/* ---- the way back ---- */

/* Is n a vector with nothing but zeros behind its operand? */
static bool pads_behind(const orion_ir_graph *g, const orion_ir_node *n) {
    if (n == NULL || n->op != ORION_IR_OP_pad || ir_val(g, n->out)->type.rank != 1) return false;
    return n->attrs[IR_ATTR(pad, before)].ints[0] == 0 && n->attrs[IR_ATTR(pad, value)].f == 0;
}

orion_ir_type orion_ir_graph_output_content(const orion_ir_graph *graph, size_t i) {
    if (i >= graph->output_count) return (orion_ir_type){0};
    uint32_t id = graph->outputs[i].value;
    const orion_ir_node *pad = ir_def(graph, id);
    if (!pads_behind(graph, pad)) return ir_val(graph, id)->type;
    const orion_ir_node *reshape = ir_def(graph, pad->in[0]);
    bool flattens = reshape != NULL && reshape->op == ORION_IR_OP_reshape;
    return ir_val(graph, flattens ? reshape->in[0] : pad->in[0])->type;
}

const ir_pass ir_pass_uniform_outputs = {
    .name = "uniform_outputs",
    .doc = "pad all outputs with zeros to the same number of bytes",
    .run = run,
};
