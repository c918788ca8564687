/* SPDX-License-Identifier: MIT */
/*
 * The sticky builder, over a fresh graph for users and over an existing one for passes, autodiff
 * and the parser.
 *
 * The first failure is recorded with its diagnostics; from then on every call does nothing and
 * returns no value.
 */
#include "ir-internal.h"

static const orion_ir_value no_value = {0};

static orion_diag *diag_of(const orion_ir_builder *b) {
    return b->diag != NULL ? b->diag : b->first;
}

orion_ir_value ir_fail(orion_ir_builder *b, orion_status status) {
    if (b->status == ORION_OK) b->status = status;
    return no_value;
}

orion_ir_builder ir_builder_at(orion_ir_graph *g, orion_ir_node *before, orion_diag *diag) {
    return (orion_ir_builder){.graph = g, .before = before, .diag = diag};
}

/* Fail with one formatted entry about `subject`. */
#define FAIL(b, message, subject, ...)                                                             \
    (orn_diag(diag_of(b), ORION_SEVERITY_ERROR, ORION_MESSAGE_##message, (b)->source, (b)->line,   \
              (b)->column, (subject), __VA_ARGS__),                                                \
     ir_fail((b), ORION_ERROR_INVALID_ARGUMENT))

static bool alive(const orion_ir_graph *g, uint32_t id) {
    return id != 0 && id < g->value_count && g->values[id].type.dtype != ORION_IR_DTYPE_NONE;
}

/* ---- life ---- */

orion_status orion_ir_builder_create(const char *name, const orion_allocator *allocator,
                                     orion_ir_builder **out_builder) {
    orion_allocator a = orn_allocator(allocator);
    orion_ir_graph *graph = NULL;
    orion_diag *first = NULL;
    *out_builder = NULL;
    orion_ir_builder *b = orn_alloc(&a, sizeof *b);
    orion_status status = b == NULL ? ORION_ERROR_NO_MEMORY : orion_diag_create(&a, &first);
    if (status == ORION_OK) status = ir_graph_create(name == NULL ? "" : name, &a, &graph);
    if (status != ORION_OK) {
        orion_diag_destroy(&first);
        orn_free(&a, b, sizeof *b);
        return status;
    }
    *b = (orion_ir_builder){.graph = graph, .first = first};
    if (!ir_name_valid(graph->name, strlen(graph->name))) {
        FAIL(b, IR_NAME, graph->name, "\"%.64s\" is not a legal name for a graph", graph->name);
    }
    *out_builder = b;
    return ORION_OK;
}

void orion_ir_builder_destroy(orion_ir_builder **builder) {
    if (builder == NULL || *builder == NULL) return;
    orion_ir_builder *b = *builder;
    orion_allocator a = b->graph->arena.allocator;
    orion_ir_graph_destroy(&b->graph);
    orion_diag_destroy(&b->first);
    orn_free(&a, b, sizeof *b);
    *builder = NULL;
}

orion_status orion_ir_builder_finish(orion_ir_builder **builder, orion_diag *diag,
                                     orion_ir_graph **out_graph) {
    orion_ir_builder *b = *builder;
    *out_graph = NULL;
    if (b->status == ORION_OK && b->graph->output_count == 0) {
        FAIL(b, IR_GRAPH, b->graph->name, "graph @%s has no output", b->graph->name);
    }
    orion_status status = b->status;
    for (size_t i = 0; i < orion_diag_count(b->first); i++) {
        orion_diag_add(diag, orion_diag_get(b->first, i));
    }
    if (status == ORION_OK) status = orion_ir_verify(b->graph, diag);
    if (status == ORION_OK) {
        *out_graph = b->graph;
        orion_allocator a = b->graph->arena.allocator;
        orion_diag_destroy(&b->first);
        orn_free(&a, b, sizeof *b);
        *builder = NULL;
    } else {
        orion_ir_builder_destroy(builder);
    }
    return status;
}

/* ---- nodes ---- */

static orion_ir_node *new_node(orion_ir_builder *b, const ir_op *op, size_t n_in) {
    orion_ir_graph *g = b->graph;
    orion_ir_node *n = orn_arena_alloc(&g->arena, sizeof *n);
    if (n == NULL || g->next_node_id == UINT32_MAX) return NULL;
    n->op = (uint16_t)op->info.op;
    n->line = b->line;
    n->n_in = (uint16_t)n_in;
    if (n_in != 0 && (n->in = orn_arena_alloc(&g->arena, n_in * sizeof *n->in)) == NULL)
        return NULL;
    if (op->info.attr_count != 0) {
        n->attrs = orn_arena_alloc(&g->arena, op->info.attr_count * sizeof *n->attrs);
        if (n->attrs == NULL) return NULL;
    }
    return n;
}

/* Give the node its results and its place. */
static orion_ir_value finish_node(orion_ir_builder *b, orion_ir_node *n, const orion_ir_type *types,
                                  size_t n_out) {
    orion_status status = ir_add_values(b->graph, types, n_out, n, &n->out);
    if (status != ORION_OK) return ir_fail(b, status);
    n->n_out = (uint32_t)n_out;
    n->id = b->graph->next_node_id++;
    ir_link(b->graph, n, b->before);
    return (orion_ir_value){n->out};
}

/* Are all operands values of this graph? */
static bool check_operands(orion_ir_builder *b, const ir_op *op, const orion_ir_value *in,
                           size_t n_in) {
    if (n_in > UINT16_MAX) {
        FAIL(b, IR_OPERANDS, op->info.name, "%s: %zu operands are given, at most %u are possible",
             op->info.name, n_in, UINT16_MAX);
        return false;
    }
    for (size_t i = 0; i < n_in; i++) {
        if (alive(b->graph, in[i].id)) continue;
        FAIL(b, IR_OPERANDS, op->info.name, "%s: operand %zu is no value of this graph",
             op->info.name, i);
        return false;
    }
    return true;
}

orion_ir_value ir_emit(orion_ir_builder *b, const ir_op *op, const orion_ir_value *in, size_t n_in,
                       const ir_attr *attrs) {
    if (b->status != ORION_OK || !check_operands(b, op, in, n_in)) return no_value;
    const orion_allocator *a = &b->graph->arena.allocator;
    orion_ir_value result = no_value;
    size_t n_out = ir_result_count(op, attrs), count, bytes;
    if (!orn_add(n_in, n_out, &count) || !orn_mul(count + 1, sizeof(orion_ir_type), &bytes)) {
        return ir_fail(b, ORION_ERROR_NO_MEMORY);
    }
    orion_ir_type few[8], *types = bytes <= sizeof few ? few : orn_alloc(a, bytes);
    orion_ir_node *n = types == NULL ? NULL : new_node(b, op, n_in);
    if (n == NULL) {
        ir_fail(b, ORION_ERROR_NO_MEMORY);
        goto out;
    }
    for (size_t i = 0; i < n_in; i++) {
        n->in[i] = in[i].id;
        types[i] = ir_val(b->graph, in[i].id)->type;
    }
    if (op->info.attr_count != 0) memcpy(n->attrs, attrs, op->info.attr_count * sizeof *attrs);
    ir_infer_context c = {.arena = &b->graph->arena,
                          .op = op,
                          .in = types,
                          .n_in = n_in,
                          .attrs = n->attrs,
                          .out = types + n_in,
                          .n_out = n_out,
                          .diag = diag_of(b),
                          .source = b->source,
                          .line = b->line,
                          .column = b->column};
    memset(c.out, 0, n_out * sizeof *c.out);
    orion_status status = ir_infer(&c);
    result = status == ORION_OK ? finish_node(b, n, c.out, n_out) : ir_fail(b, status);
out:
    if (types != few) orn_free(a, types, bytes);
    return result;
}

orion_ir_value ir_emit_const(orion_ir_builder *b, orion_ir_type type, orion_blob *blob,
                             size_t offset) {
    if (b->status != ORION_OK) return no_value;
    char text[IR_TYPE_TEXT];
    ir_format_type(text, &type);
    if (!ir_type_valid(&type))
        return FAIL(b, IR_SHAPE, "const", "const: %s is not a legal type", text);
    size_t bytes = orion_ir_type_bytes(&type), size = orion_blob_size(blob);
    if (offset > size || bytes > size - offset) {
        return FAIL(b, IR_DATA, "const", "const: %s needs %zu bytes at %zu, the blob has %zu", text,
                    bytes, offset, size);
    }
    if (type.dtype == ORION_IR_BOOL) {
        const unsigned char *p = (const unsigned char *)orion_blob_data(blob) + offset;
        for (size_t i = 0; i < bytes; i++) {
            if (p[i] > 1)
                return FAIL(b, IR_DATA, "const", "const: bool %zu is %u, not 0 or 1", i, p[i]);
        }
    }
    orion_ir_node *n = new_node(b, ir_op_get(ORION_IR_OP_const), 0);
    if (n == NULL) return ir_fail(b, ORION_ERROR_NO_MEMORY);
    n->offset = offset;
    n->bytes = bytes;
    orion_ir_value result = finish_node(b, n, &type, 1);
    if (result.id != 0) n->blob = orion_blob_ref(blob);
    return result;
}

orion_ir_value ir_emit_input(orion_ir_builder *b, const char *name, size_t length,
                             orion_ir_type type) {
    if (b->status != ORION_OK) return no_value;
    int shown = (int)ORN_MIN(length, 64);
    if (!ir_name_valid(name, length)) {
        return FAIL(b, IR_NAME, NULL, "\"%.*s\" is not a legal name for an input", shown, name);
    }
    if (ir_find_name(b->graph, name, length) != 0) {
        return FAIL(b, IR_NAME, NULL, "there is a value %%%.*s already", shown, name);
    }
    if (!ir_type_valid(&type)) {
        char text[IR_TYPE_TEXT];
        ir_format_type(text, &type);
        return FAIL(b, IR_SHAPE, NULL, "input %%%.*s: %s is not a legal type", shown, name, text);
    }
    uint32_t id;
    orion_status status = ir_add_input(b->graph, name, length, type, &id);
    return status == ORION_OK ? (orion_ir_value){id} : ir_fail(b, status);
}

void ir_emit_output(orion_ir_builder *b, const char *name, size_t length, orion_ir_value v) {
    if (b->status != ORION_OK) return;
    int shown = (int)ORN_MIN(length, 64);
    uint32_t owner = ir_find_name(b->graph, name, length);
    if (!ir_name_valid(name, length)) {
        FAIL(b, IR_NAME, NULL, "\"%.*s\" is not a legal name for an output", shown, name);
    } else if (!alive(b->graph, v.id)) {
        FAIL(b, IR_OPERANDS, NULL, "output \"%.*s\" is no value of this graph", shown, name);
    } else if (ir_find_output(b->graph, name, length) != b->graph->output_count) {
        FAIL(b, IR_NAME, NULL, "there is an output \"%.*s\" already", shown, name);
    } else if (owner != 0 && owner != v.id && ir_def(b->graph, owner) == NULL) {
        FAIL(b, IR_NAME, NULL, "output \"%.*s\" has the name of an input that is another value",
             shown, name);
    } else {
        orion_status status = ir_add_output(b->graph, name, length, v.id);
        if (status != ORION_OK) ir_fail(b, status);
    }
}

/* ---- the public calls ---- */

orion_ir_value orion_ir_input(orion_ir_builder *b, const char *name, orion_ir_type type) {
    return ir_emit_input(b, name == NULL ? "" : name, name == NULL ? 0 : strlen(name), type);
}

orion_ir_value orion_ir_constant(orion_ir_builder *b, orion_ir_type type, const void *data,
                                 size_t bytes) {
    if (b->status != ORION_OK) return no_value;
    if (orion_ir_type_bytes(&type) != bytes && ir_type_valid(&type)) {
        char text[IR_TYPE_TEXT];
        ir_format_type(text, &type);
        return FAIL(b, IR_DATA, "const", "const: %s has %zu bytes, %zu are given", text,
                    orion_ir_type_bytes(&type), bytes);
    }
    orion_blob *blob;
    orion_status status = orion_blob_copy(data, bytes, &b->graph->arena.allocator, &blob);
    if (status != ORION_OK) return ir_fail(b, status);
    orion_ir_value result = ir_emit_const(b, type, blob, 0);
    orion_blob_unref(&blob);
    return result;
}

orion_ir_value orion_ir_constant_blob(orion_ir_builder *b, orion_ir_type type, orion_blob *blob,
                                      size_t offset) {
    return ir_emit_const(b, type, blob, offset);
}

orion_ir_value orion_ir_splat(orion_ir_builder *b, orion_ir_type type, double number) {
    if (b->status != ORION_OK) return no_value;
    size_t bytes = orion_ir_type_bytes(&type);
    orion_blob *blob;
    orion_status status = orion_blob_copy(NULL, bytes, &b->graph->arena.allocator, &blob);
    if (status != ORION_OK) return ir_fail(b, status);
    /* The blob is ours alone until it is returned. */
    void *data = (void *)(uintptr_t)orion_blob_data(blob);
    orion_ir_dtype dtype = (orion_ir_dtype)type.dtype;
    if (bytes != 0) ir_store(dtype, data, 0, number);
    if (bytes != 0) ir_repeat(data, orion_ir_dtype_bytes(dtype), bytes);
    orion_ir_value result = ir_emit_const(b, type, blob, 0);
    orion_blob_unref(&blob);
    return result;
}

/* Copy one given attribute into its schema row. */
static orion_status take_attribute(orion_ir_builder *b, const ir_op *op, const orion_ir_attr *given,
                                   ir_attr *attrs, bool *set) {
    const orion_ir_attr_info *schema = ir_op_attrs(op);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        if (strcmp(schema[i].name, given->name) != 0) continue;
        if (set[i]) break;
        set[i] = true;
        attrs[i] = (ir_attr){.i = given->i, .f = given->f};
        if (schema[i].kind == ORION_IR_ATTR_FLOAT) attrs[i].i = 0;
        if (schema[i].kind != ORION_IR_ATTR_FLOAT) attrs[i].f = 0;
        if (schema[i].kind != ORION_IR_ATTR_INTS) return ORION_OK;
        attrs[i].i = 0;
        attrs[i].count = given->int_count;
        size_t bytes;
        if (!orn_mul(ORN_MAX(given->int_count, 1), sizeof(int64_t), &bytes))
            return ORION_ERROR_NO_MEMORY;
        int64_t *copy = orn_arena_alloc(&b->graph->arena, bytes);
        if (copy == NULL) return ORION_ERROR_NO_MEMORY;
        if (given->int_count != 0) memcpy(copy, given->ints, given->int_count * sizeof *copy);
        attrs[i].ints = copy;
        return ORION_OK;
    }
    FAIL(b, IR_ATTRIBUTE, op->info.name, "%s: attribute \"%s\" is unknown or given twice",
         op->info.name, given->name);
    return b->status;
}

bool ir_complete_attributes(orion_ir_builder *b, const ir_op *op, ir_attr *attrs, const bool *set) {
    const orion_ir_attr_info *schema = ir_op_attrs(op);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        if (set[i] || ir_attr_default(&schema[i], &b->graph->arena, &attrs[i])) continue;
        if (schema[i].fallback[0] != '\0') {
            ir_fail(b, ORION_ERROR_NO_MEMORY);
        } else {
            FAIL(b, IR_ATTRIBUTE, op->info.name, "%s: attribute \"%s\" must be given",
                 op->info.name, schema[i].name);
        }
        return false;
    }
    return true;
}

orion_ir_value orion_ir_build(orion_ir_builder *b, orion_ir_op op, const orion_ir_value *inputs,
                              size_t input_count, const orion_ir_attr *attrs, size_t attr_count) {
    if (b->status != ORION_OK) return no_value;
    const ir_op *row = ir_op_get((uint32_t)op);
    if (row == NULL || op == ORION_IR_OP_const) {
        return FAIL(b, IR_OP, NULL, "op number %d is %s", (int)op,
                    row == NULL ? "not in the table" : "const, which orion_ir_constant makes");
    }
    ir_attr values[IR_ATTRS_MAX] = {{0}};
    bool set[IR_ATTRS_MAX] = {false};
    for (size_t i = 0; i < attr_count; i++) {
        orion_status status = take_attribute(b, row, &attrs[i], values, set);
        if (status != ORION_OK) return ir_fail(b, status);
    }
    if (!ir_complete_attributes(b, row, values, set)) return no_value;
    return ir_emit(b, row, inputs, input_count, values);
}

orion_ir_value orion_ir_result(orion_ir_builder *b, orion_ir_value first, size_t i) {
    if (b->status != ORION_OK) return no_value;
    const orion_ir_node *n = alive(b->graph, first.id) ? ir_def(b->graph, first.id) : NULL;
    if (n == NULL || n->out != first.id || i >= n->n_out) {
        return FAIL(b, IR_OPERANDS, NULL, "there is no result %zu behind value %u", i, first.id);
    }
    return (orion_ir_value){first.id + (uint32_t)i};
}

void orion_ir_name(orion_ir_builder *b, orion_ir_value v, const char *name) {
    if (b->status != ORION_OK) return;
    if (!alive(b->graph, v.id)) {
        FAIL(b, IR_NAME, name, "\"%.64s\" is given to no value of this graph", name);
        return;
    }
    uint32_t owner = ir_find_name(b->graph, name, strlen(name));
    if (!ir_name_valid(name, strlen(name)) || (owner != 0 && owner != v.id)) {
        FAIL(b, IR_NAME, name, "\"%.64s\" is %s", name, owner != 0 ? "taken" : "not a legal name");
        return;
    }
    orion_status status = ir_set_name(b->graph, v.id, name, strlen(name));
    if (status != ORION_OK) ir_fail(b, status);
}

void orion_ir_output(orion_ir_builder *b, const char *name, orion_ir_value v) {
    ir_emit_output(b, name, strlen(name), v);
    if (b->status != ORION_OK || ir_val(b->graph, v.id)->name != NULL) return;
    if (ir_find_name(b->graph, name, strlen(name)) != 0) return;
    orion_status status = ir_set_name(b->graph, v.id, name, strlen(name));
    if (status != ORION_OK) ir_fail(b, status);
}

orion_ir_type orion_ir_builder_type(const orion_ir_builder *b, orion_ir_value v) {
    bool known = b->status == ORION_OK && alive(b->graph, v.id);
    return known ? ir_val(b->graph, v.id)->type : (orion_ir_type){0};
}
