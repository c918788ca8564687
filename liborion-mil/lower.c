/* SPDX-License-Identifier: MIT */
/*
 * A graph to a MIL program for target "cpu": model ops stay whole, every parameter is a named const
 * of its own.
 *
 * Names come first. Inputs and outputs keep theirs; so do named values, as far as they are unique;
 * the rest become _<id>. Then one pass over the nodes emits, per node, its parameters and the op. A
 * value that is returned twice, an input or a constant that is returned directly gets an `identity`
 * whose name attribute begins with orion_output_, which raising takes away again.
 */
#include "mil-lower.h"

/* ---- names ---- */

/* Names of the IR are names of MIL, but for words of the grammar, which get an @; the IR's names
 * have none. Names that are taken get a number. */
orion_status mil_unique_name(mil_lowering *l, const char *base, const char **out) {
    orn_text *t = &l->suffixed;
    t->size = 0;
    orn_text_printf(t, "%s%s", base, mil_is_word(base, strlen(base)) ? "@" : "");
    TRY(orn_text_status(t));
    TRY(mil_lower_intern(l, t->data, out));
    const char *key = *out;
    size_t n = t->size;
    const uint32_t *next = orn_map_get(&l->names, key, n);
    if (next == NULL) return orn_map_put(&l->names, key, n, 1);
    uint32_t suffix = *next;
    do {
        t->size = 0;
        orn_text_printf(t, "%s_%u", key, (unsigned)suffix++);
        TRY(orn_text_status(t));
    } while (orn_map_get(&l->names, t->data, t->size) != NULL);
    TRY(orn_map_put(&l->names, key, n, suffix));
    TRY(mil_lower_intern(l, t->data, out));
    return orn_map_put(&l->names, *out, t->size, 1);
}

static orion_status name_inputs(mil_lowering *l) {
    for (size_t i = 0; i < orion_ir_graph_input_count(l->graph); i++) {
        orion_ir_value v = orion_ir_graph_input(l->graph, i);
        TRY(mil_unique_name(l, orion_ir_value_name(l->graph, v), &l->value_names[v.id]));
    }
    return ORION_OK;
}

/* What a node computes takes the name of the first output that it is; everything else that is
 * returned needs an identity, but for an input under its own name. */
static orion_status name_outputs(mil_lowering *l) {
    const orion_ir_graph *g = l->graph;
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++) {
        orion_ir_value v = orion_ir_graph_output(g, i);
        const orion_ir_node *node = orion_ir_value_node(g, v);
        const char *name = orion_ir_graph_output_name(g, i);
        if (node == NULL && strcmp(name, orion_ir_value_name(g, v)) == 0) continue;
        bool computed = node != NULL && orion_ir_node_op(node) != ORION_IR_OP_const;
        bool free_name = computed && l->value_names[v.id] == NULL;
        TRY(mil_unique_name(l, name, free_name ? &l->value_names[v.id] : &l->output_alias[i]));
    }
    return ORION_OK;
}

/* The values that have a name in the graph, or those that have none. */
static orion_status name_others(mil_lowering *l, bool named) {
    const orion_ir_graph *g = l->graph;
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n)) {
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
            orion_ir_value v = orion_ir_node_result(n, i);
            const char *name = orion_ir_value_name(g, v);
            if (l->value_names[v.id] != NULL || named != (name != NULL)) continue;
            l->text.size = 0;
            if (!named) orn_text_printf(&l->text, "_%u", (unsigned)v.id);
            TRY(orn_text_status(&l->text));
            TRY(mil_unique_name(l, named ? name : l->text.data, &l->value_names[v.id]));
        }
    }
    return ORION_OK;
}

/* ---- the whole graph ---- */

static orion_status lower_inputs(mil_lowering *l) {
    size_t count = orion_ir_graph_input_count(l->graph);
    mil_port *ports = orn_arena_alloc(&l->program->arena, count * sizeof *ports);
    NO_MEMORY_IF(ports == NULL);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_graph_input(l->graph, i);
        ports[i].name = mil_value_name(l, v);
        TRY(mil_lower_type(l, orion_ir_value_type(l->graph, v), &ports[i].type));
    }
    l->function->parameters = ports;
    l->function->parameter_count = (uint32_t)count;
    return ORION_OK;
}

/* `name = identity(x = v)`, with its hint. */
static orion_status lower_alias(mil_lowering *l, orion_ir_value v, const char *name) {
    mil_port result = {.name = name};
    mil_binding x = {.value = mil_name_value(mil_value_name(l, v))};
    orion_mil_statement *s;
    l->text.size = 0;
    orn_text_printf(&l->text, "%s%s", MIL_HINT_OUTPUT, name);
    TRY(orn_text_status(&l->text));
    TRY(mil_lower_type(l, orion_ir_value_type(l->graph, v), &result.type));
    TRY(mil_new_statement(l, "identity", &result, 1, l->text.data, &s));
    TRY(mil_lower_intern(l, "x", &x.name));
    s->arguments = MIL_COPY(l->program, &x, 1);
    NO_MEMORY_IF(s->arguments == NULL);
    s->argument_count = 1;
    return ORION_OK;
}

static orion_status lower_outputs(mil_lowering *l) {
    size_t count = orion_ir_graph_output_count(l->graph);
    mil_output *outputs = orn_arena_alloc(&l->program->arena, count * sizeof *outputs);
    NO_MEMORY_IF(outputs == NULL);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_graph_output(l->graph, i);
        const char *alias = l->output_alias[i];
        if (alias != NULL) TRY(lower_alias(l, v, alias));
        outputs[i].name = alias != NULL ? alias : mil_value_name(l, v);
    }
    l->function->outputs = outputs;
    l->function->output_count = (uint32_t)count;
    return ORION_OK;
}

/* buildInfo as coremltools writes it; Apple's older compilers want the first row alone. */
static orion_status lower_build_info(mil_lowering *l) {
    static const char *const info[] = {"coremlc-version",
                                       "3505.4.1",
                                       "coremlc-component-MIL",
                                       "3510.2.1",
                                       "coremltools-component-milinternal",
                                       "",
                                       "coremltools-version",
                                       "9.0"};
    size_t count = l->terse ? ORN_COUNT(info) : 2;
    orion_mil_value *items = orn_arena_alloc(&l->program->arena, count * sizeof *items);
    orion_mil_type *type = orn_arena_alloc(&l->program->arena, sizeof *type);
    const orion_mil_type **pair = orn_arena_alloc(&l->program->arena, 2 * sizeof *pair);
    mil_binding *attribute = orn_arena_alloc(&l->program->arena, sizeof *attribute);
    NO_MEMORY_IF(items == NULL || type == NULL || pair == NULL || attribute == NULL);
    for (size_t i = 0; i < count; i++) {
        TRY(mil_string_value(l, info[i], &items[i]));
        pair[0] = pair[1] = items[i].type;
        items[i].type = NULL;
    }
    *type = (orion_mil_type){.form = ORION_MIL_TYPE_DICT, .items = pair, .item_count = 2};
    attribute->value = (orion_mil_value){
        .form = ORION_MIL_VALUE_DICT, .type = type, .count = (uint32_t)count, .u.items = items};
    TRY(mil_lower_intern(l, "buildInfo", &attribute->name));
    l->program->attributes = attribute;
    l->program->attribute_count = 1;
    return ORION_OK;
}

static orion_status lower_graph(mil_lowering *l) {
    TRY(mil_lower_intern(l, l->terse ? "1.3" : "1.0", &l->program->version));
    TRY(lower_build_info(l));
    l->function = mil_function_add(l->program);
    NO_MEMORY_IF(l->function == NULL);
    TRY(mil_lower_intern(l, "main", &l->function->name));
    TRY(mil_lower_intern(l, l->terse ? "ios18" : "ios16", &l->function->opset));
    TRY(name_inputs(l));
    TRY(name_outputs(l));
    TRY(name_others(l, true));
    TRY(name_others(l, false));
    TRY(lower_inputs(l));
    for (const orion_ir_node *n = orion_ir_graph_first(l->graph); n != NULL;
         n = orion_ir_node_next(n))
        TRY(mil_lower_node(l, n));
    TRY(lower_outputs(l));
    NO_MEMORY_IF(!mil_function_index(l->function));
    return ORION_OK;
}

static orion_status lower_weights(const mil_lowering *l, orion_mil_weights *weights) {
    orion_blob *blob;
    if (l->writer == NULL) return ORION_OK;
    TRY(orion_mil_blob_writer_finish(l->writer, &blob));
    orion_status status = orion_mil_weights_add(weights, l->weights_path, blob);
    orion_blob_unref(&blob);
    return status;
}

static orion_status check_options(const orion_mil_lower_options *o, orion_diag *diag) {
    if (o->target != NULL && strcmp(o->target, "cpu") != 0) {
        ORN_ERROR(diag, MIL_TARGET, o->target, "there is no target '%s' to lower to", o->target);
        return ORION_ERROR_UNSUPPORTED;
    }
    if (o->dialect != 0 && o->dialect != ORION_MIL_IOS16 && o->dialect != ORION_MIL_IOS18) {
        ORN_ERROR(diag, MIL_TARGET, NULL, "there is no MIL dialect %u", (unsigned)o->dialect);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    if (o->weights_path != NULL && *o->weights_path == '\0') {
        ORN_ERROR(diag, MIL_TARGET, NULL, "the path of the weight file is empty");
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    return ORION_OK;
}

orion_status orion_mil_lower(const orion_ir_graph *graph, const orion_mil_lower_options *options,
                             const orion_allocator *allocator, orion_diag *diag,
                             orion_mil_program **out_program, orion_mil_weights **out_weights) {
    orion_mil_lower_options o;
    *out_program = NULL;
    *out_weights = NULL;
    TRY(orn_check_size(options, &o, sizeof o));
    TRY(check_options(&o, diag));
    orion_allocator a = orn_allocator(allocator);
    size_t values = orion_ir_graph_value_bound(graph), outputs = orion_ir_graph_output_count(graph);
    mil_lowering l = {.graph = graph,
                      .diag = diag,
                      .terse = o.dialect != ORION_MIL_IOS16,
                      .inline_elements = o.inline_elements == 0 ? 64 : o.inline_elements,
                      .weights_path = o.weights_path == NULL ? "@model_path/weights/weight.bin"
                                                             : o.weights_path};
    orion_mil_weights *weights = NULL;
    orn_map_init(&l.names, &a);
    orn_text_init(&l.text, &a);
    orn_text_init(&l.suffixed, &a);
    l.program = mil_program_new(&a);
    l.value_names = orn_zalloc(&a, values * sizeof *l.value_names);
    l.output_alias = orn_zalloc(&a, outputs * sizeof *l.output_alias);
    orion_status status = l.program == NULL || l.value_names == NULL || l.output_alias == NULL
                              ? ORION_ERROR_NO_MEMORY
                              : orion_mil_weights_create(&a, &weights);
    if (status == ORION_OK) status = lower_graph(&l);
    if (status == ORION_OK) status = lower_weights(&l, weights);
    orion_mil_blob_writer_destroy(&l.writer);
    orn_free(&a, l.value_names, values * sizeof *l.value_names);
    orn_free(&a, l.output_alias, outputs * sizeof *l.output_alias);
    orn_free(&a, l.arguments, l.argument_capacity * sizeof *l.arguments);
    orn_map_free(&l.names);
    orn_text_free(&l.text);
    orn_text_free(&l.suffixed);
    if (status != ORION_OK) {
        orion_mil_program_destroy(&l.program);
        orion_mil_weights_destroy(&weights);
        return status;
    }
    *out_program = l.program;
    *out_weights = weights;
    return ORION_OK;
}
