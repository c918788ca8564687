/* SPDX-License-Identifier: MIT */
/* Every invariant of a graph; all violations are reported, nothing is ever dereferenced before it
 * is checked. */
#include "ir-internal.h"

typedef struct verifier {
    const orion_ir_graph *g;
    orion_diag *diag;
    uint8_t *defined;   /* by value id */
    uint8_t *seen_node; /* by node id */
    orn_arena scratch;  /* for the attributes that inference normalises */
    orion_status status;
} verifier;

/* Report about node n (NULL: the graph). */
#define REPORT(v, n, message, ...)                                                                 \
    ((v)->status = ORION_ERROR_VERIFY,                                                             \
     orn_diag((v)->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_##message, NULL, line_of(n), 0,       \
              subject_of((v), (n)), __VA_ARGS__))

static uint32_t line_of(const orion_ir_node *n) {
    return n == NULL ? 0 : n->line;
}

static const char *subject_of(const verifier *v, const orion_ir_node *n) {
    const ir_op *op = n == NULL ? NULL : ir_op_get(n->op);
    return op == NULL ? v->g->name : op->info.name;
}

static bool alive(const orion_ir_graph *g, uint32_t id) {
    return id != 0 && id < g->value_count && g->values[id].type.dtype != ORION_IR_DTYPE_NONE;
}

/* The list's links agree with each other and with the count. Without that nothing else can be
 * walked. */
static bool check_list(verifier *v) {
    const orion_ir_graph *g = v->g;
    const orion_ir_node *prev = NULL;
    size_t count = 0;
    for (const orion_ir_node *n = g->first; n != NULL; prev = n, n = n->next) {
        if (n->prev != prev || count++ == g->node_count) {
            REPORT(v, NULL, IR_GRAPH, "the node list is broken behind node %u",
                   prev == NULL ? 0 : prev->id);
            return false;
        }
        if (n->id == 0 || n->id >= g->next_node_id || v->seen_node[n->id]++ != 0) {
            REPORT(v, n, IR_GRAPH, "node id %u is out of range or used twice", n->id);
            return false;
        }
    }
    if (g->last != prev || count != g->node_count) {
        REPORT(v, NULL, IR_GRAPH, "the node list has %zu nodes and the wrong end, %zu are counted",
               count, g->node_count);
        return false;
    }
    return true;
}

static void check_values(verifier *v) {
    const orion_ir_graph *g = v->g;
    for (uint32_t id = 1; id < g->value_count; id++) {
        const ir_value *value = &g->values[id];
        if (!alive(g, id)) continue;
        if (!ir_type_valid(&value->type)) {
            char text[IR_TYPE_TEXT];
            ir_format_type(text, &value->type);
            REPORT(v, value->def, IR_SHAPE, "value %u has type %s, which is not legal", id, text);
        }
        if (value->name == NULL) continue;
        size_t length = strlen(value->name);
        if (!ir_name_valid(value->name, length)) {
            REPORT(v, value->def, IR_NAME, "value %u has the name \"%.64s\", which is not legal",
                   id, value->name);
        } else if (ir_find_name(g, value->name, length) != id) {
            REPORT(v, value->def, IR_NAME, "the name %%%s of value %u belongs to another value",
                   value->name, id);
        }
    }
}

static void check_inputs(verifier *v) {
    const orion_ir_graph *g = v->g;
    if (!ir_name_valid(g->name, strlen(g->name))) {
        REPORT(v, NULL, IR_NAME, "\"%.64s\" is not a legal name for a graph", g->name);
    }
    for (size_t i = 0; i < g->input_count; i++) {
        uint32_t id = g->inputs[i];
        if (!alive(g, id) || g->values[id].def != NULL || g->values[id].name == NULL) {
            REPORT(v, NULL, IR_GRAPH, "input %zu is no free-standing, named value", i);
        } else if (v->defined[id]++ != 0) {
            REPORT(v, NULL, IR_GRAPH, "input %zu is listed twice", i);
        }
    }
}

static void check_data(verifier *v, const orion_ir_node *n) {
    if (n->op != ORION_IR_OP_const) {
        if (n->blob != NULL) REPORT(v, n, IR_GRAPH, "node %u is no const but has data", n->id);
        return;
    }
    size_t bytes = orion_ir_type_bytes(&ir_val(v->g, n->out)->type);
    size_t size = n->blob == NULL ? 0 : orion_blob_size(n->blob);
    if (bytes == 0 || n->bytes != bytes || n->offset > size || bytes > size - n->offset) {
        REPORT(v, n, IR_DATA, "const node %u needs %zu bytes at %zu, its blob has %zu", n->id,
               bytes, n->offset, size);
        return;
    }
    if (ir_val(v->g, n->out)->type.dtype != ORION_IR_BOOL) return;
    const unsigned char *p = (const unsigned char *)orion_blob_data(n->blob) + n->offset;
    for (size_t i = 0; i < bytes; i++) {
        if (p[i] <= 1) continue;
        REPORT(v, n, IR_DATA, "const node %u: bool %zu is %u, not 0 or 1", n->id, i, p[i]);
        return;
    }
}

/* The types the rules give are the types the values have, and the attributes are in their normal
 * form. */
static orion_status check_types(verifier *v, const orion_ir_node *n, const ir_op *op) {
    const orion_allocator *a = &v->scratch.allocator;
    ir_attr attrs[IR_ATTRS_MAX];
    size_t count = n->n_in + (size_t)n->n_out;
    orion_ir_type few[8],
        *types = count <= ORN_COUNT(few) ? few : orn_alloc(a, count * sizeof *types);
    if (types == NULL) return ORION_ERROR_NO_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) types[i] = ir_val(v->g, n->in[i])->type;
    for (uint32_t i = 0; i < n->n_out; i++) types[n->n_in + i] = ir_val(v->g, n->out + i)->type;
    if (op->info.attr_count != 0) memcpy(attrs, n->attrs, op->info.attr_count * sizeof *attrs);
    ir_infer_context c = {.arena = &v->scratch,
                          .op = op,
                          .in = types,
                          .n_in = n->n_in,
                          .attrs = attrs,
                          .out = types + n->n_in,
                          .n_out = n->n_out,
                          .diag = v->diag,
                          .line = n->line};
    orion_status status = ir_infer(&c);
    if (status == ORION_ERROR_INVALID_ARGUMENT) v->status = ORION_ERROR_VERIFY;
    for (uint32_t i = 0; status == ORION_OK && i < n->n_out; i++) {
        const orion_ir_type *have = &ir_val(v->g, n->out + i)->type;
        if (orion_ir_type_equal(have, &c.out[i])) continue;
        char is[IR_TYPE_TEXT], must[IR_TYPE_TEXT];
        ir_format_type(is, have);
        ir_format_type(must, &c.out[i]);
        REPORT(v, n, IR_RESULT_TYPE, "%s: result %u has type %s, but the op yields %s",
               op->info.name, i, is, must);
    }
    for (uint32_t i = 0; status == ORION_OK && i < op->info.attr_count; i++) {
        const orion_ir_attr_info *info = &ir_op_attrs(op)[i];
        if (ir_attr_equal(info->kind, &attrs[i], &n->attrs[i])) continue;
        REPORT(v, n, IR_ATTRIBUTE, "%s: attribute %s is not in its normal form", op->info.name,
               info->name);
    }
    if (types != few) orn_free(a, types, count * sizeof *types);
    if (v->scratch.blocks != NULL) orn_arena_clear(&v->scratch);
    return status == ORION_ERROR_NO_MEMORY ? status : ORION_OK;
}

static orion_status check_node(verifier *v, const orion_ir_node *n) {
    const orion_ir_graph *g = v->g;
    const ir_op *op = ir_op_get(n->op);
    bool sound = true;
    if (op == NULL) {
        REPORT(v, n, IR_OP, "node %u has the unknown op number %u", n->id, n->op);
        sound = false;
    }
    for (uint32_t i = 0; i < n->n_in; i++) {
        uint32_t id = n->in[i];
        if (alive(g, id) && v->defined[id] != 0) continue;
        REPORT(v, n, IR_GRAPH, "operand %u of node %u is value %u, which is not defined before it",
               i, n->id, id);
        sound = sound && alive(g, id);
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        uint32_t id = n->out + i;
        bool mine = alive(g, id) && g->values[id].def == n;
        if (mine && v->defined[id]++ == 0) continue;
        REPORT(v, n, IR_GRAPH, "result %u of node %u is value %u, which is not its own", i, n->id,
               id);
        sound = sound && mine;
    }
    if (!sound) return ORION_OK;
    if (n->out == 0 || (op->info.attr_count != 0 && n->attrs == NULL) ||
        n->n_out != ir_result_count(op, n->attrs)) {
        REPORT(v, n, IR_GRAPH, "node %u lacks its attributes or has %u results", n->id, n->n_out);
        return ORION_OK;
    }
    check_data(v, n);
    return check_types(v, n, op);
}

static orion_status check_outputs(verifier *v) {
    const orion_ir_graph *g = v->g;
    orion_status status = ORION_OK;
    orn_map names;
    orn_map_init(&names, &g->arena.allocator);
    if (g->output_count == 0) REPORT(v, NULL, IR_GRAPH, "graph @%.64s has no output", g->name);
    for (size_t i = 0; i < g->output_count && status == ORION_OK; i++) {
        const ir_output *o = &g->outputs[i];
        size_t length = strlen(o->name);
        uint32_t owner = ir_find_name(g, o->name, length);
        if (!alive(g, o->value) || v->defined[o->value] == 0) {
            REPORT(v, NULL, IR_GRAPH, "output %zu is value %u, which is not defined", i, o->value);
        }
        if (!ir_name_valid(o->name, length)) {
            REPORT(v, NULL, IR_NAME, "\"%.64s\" is not a legal name for an output", o->name);
        } else if (orn_map_get(&names, o->name, length) != NULL) {
            REPORT(v, NULL, IR_NAME, "two outputs have the name \"%s\"", o->name);
        } else if (owner != 0 && owner != o->value && ir_def(g, owner) == NULL) {
            REPORT(v, NULL, IR_NAME, "output \"%s\" has the name of an input that is another value",
                   o->name);
        }
        status = orn_map_put(&names, o->name, length, 1);
    }
    orn_map_free(&names);
    return status;
}

static orion_status verify(verifier *v) {
    if (!check_list(v)) return ORION_OK;
    check_values(v);
    check_inputs(v);
    ir_foreach_node (v->g, n) TRY(check_node(v, n));
    for (uint32_t id = 1; id < v->g->value_count; id++) {
        if (alive(v->g, id) && v->defined[id] == 0) {
            REPORT(v, NULL, IR_GRAPH, "value %u is neither an input nor the result of a node", id);
        }
    }
    return check_outputs(v);
}

orion_status orion_ir_verify(const orion_ir_graph *graph, orion_diag *diag) {
    const orion_allocator *a = &graph->arena.allocator;
    verifier v = {.g = graph, .diag = diag};
    orion_status status = ORION_ERROR_NO_MEMORY;
    orn_arena_init(&v.scratch, a);
    v.defined = orn_zalloc(a, graph->value_count);
    v.seen_node = orn_zalloc(a, graph->next_node_id);
    if (v.defined != NULL && v.seen_node != NULL) status = verify(&v);
    orn_free(a, v.defined, graph->value_count);
    orn_free(a, v.seen_node, graph->next_node_id);
    orn_arena_clear(&v.scratch);
    return status == ORION_OK ? v.status : status;
}
