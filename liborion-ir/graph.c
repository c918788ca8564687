/* SPDX-License-Identifier: MIT */
/* Storage of a graph, the accessors that read it, and the edits that rewrite it. */
#include "ir-internal.h"

#include <math.h>

/* ---- life ---- */

bool ir_name_valid(const char *name, size_t length) {
    if (length == 0 || length > 255) return false;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && !(i != 0 && c >= '0' && c <= '9')) return false;
    }
    return true;
}

size_t ir_numbered_name(char name[IR_NUMBERED_NAME], const char *prefix, size_t number) {
    char digits[IR_NUMBERED_NAME];
    size_t n = strlen(prefix), count = 0;
    memcpy(name, prefix, n);
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    while (count != 0) name[n++] = digits[--count];
    name[n] = '\0';
    return n;
}

orion_status ir_graph_create(const char *name, const orion_allocator *allocator,
                             orion_ir_graph **out) {
    orion_allocator a = orn_allocator(allocator);
    *out = NULL;
    orion_ir_graph *g = orn_zalloc(&a, sizeof *g);
    if (g == NULL) return ORION_ERROR_NO_MEMORY;
    orn_arena_init(&g->arena, &a);
    orn_map_init(&g->names, &a);
    orn_map_init(&g->output_names, &a);
    g->next_node_id = 1;
    g->name = orn_arena_strndup(&g->arena, name, strlen(name));
    if (g->name == NULL || !ORN_GROW(&a, g->values, g->value_capacity, 1)) {
        orion_ir_graph_destroy(&g);
        return ORION_ERROR_NO_MEMORY;
    }
    g->values[0] = (ir_value){0};
    g->value_count = 1;
    *out = g;
    return ORION_OK;
}

void orion_ir_graph_destroy(orion_ir_graph **graph) {
    if (graph == NULL || *graph == NULL) return;
    orion_ir_graph *g = *graph;
    orion_allocator a = g->arena.allocator;
    ir_foreach_node (g, n) orion_blob_unref(&n->blob);
    orn_map_free(&g->names);
    orn_map_free(&g->output_names);
    orn_free(&a, g->values, g->value_capacity * sizeof *g->values);
    orn_free(&a, g->inputs, g->input_capacity * sizeof *g->inputs);
    orn_free(&a, g->outputs, g->output_capacity * sizeof *g->outputs);
    orn_arena_clear(&g->arena);
    orn_free(&a, g, sizeof *g);
    *graph = NULL;
}

/* A copy of n elements in the arena; NULL for none or no memory. */
static void *copy_array(orn_arena *arena, const void *from, size_t n, size_t elem) {
    size_t bytes;
    if (n == 0 || !orn_mul(n, elem, &bytes)) return NULL;
    void *to = orn_arena_alloc(arena, bytes);
    if (to != NULL) memcpy(to, from, bytes);
    return to;
}

/* A copy of n in the arena of `to` that is not linked yet; operands and results are those of n. */
static orion_ir_node *copy_parts(orion_ir_graph *to, const orion_ir_node *n) {
    orn_arena *arena = &to->arena;
    const ir_op *op = ir_op_get(n->op);
    orion_ir_node *copy = copy_array(arena, n, 1, sizeof *n);
    if (copy == NULL) return NULL;
    copy->next = copy->prev = NULL;
    copy->blob = NULL;
    copy->in = copy_array(arena, n->in, n->n_in, sizeof *n->in);
    copy->attrs = copy_array(arena, n->attrs, op->info.attr_count, sizeof *n->attrs);
    if ((copy->in == NULL && n->n_in != 0) || (copy->attrs == NULL && op->info.attr_count != 0)) {
        return NULL;
    }
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        ir_attr *attr = &copy->attrs[i];
        if (attr->count == 0) continue;
        attr->ints = copy_array(arena, attr->ints, attr->count, sizeof *attr->ints);
        if (attr->ints == NULL) return NULL;
    }
    return copy;
}

static orion_status clone_node(orion_ir_graph *to, const orion_ir_node *n) {
    orion_ir_node *copy = copy_parts(to, n);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    if (n->blob != NULL) copy->blob = orion_blob_ref(n->blob);
    ir_link(to, copy, NULL);
    for (uint32_t i = 0; i < n->n_out; i++) to->values[n->out + i].def = copy;
    return ORION_OK;
}

orion_status ir_copy_node(orion_ir_graph *to, const orion_ir_graph *from, const orion_ir_node *n,
                          orion_ir_node *before, const uint32_t *ids, uint32_t *out) {
    orion_ir_node *copy = copy_parts(to, n);
    if (copy == NULL || to->next_node_id == UINT32_MAX) return ORION_ERROR_NO_MEMORY;
    for (uint32_t i = 0; i < n->n_in; i++) copy->in[i] = ids[n->in[i]];
    for (uint32_t i = 0; i < n->n_out; i++) {
        uint32_t id;
        orion_ir_type type = ir_val(from, n->out + i)->type;
        TRY(ir_add_values(to, &type, 1, copy, &id));
        if (i == 0) copy->out = id;
    }
    if (n->blob != NULL) copy->blob = orion_blob_ref(n->blob);
    copy->id = to->next_node_id++;
    ir_link(to, copy, before);
    *out = copy->out;
    return ORION_OK;
}

void ir_graph_exchange(orion_ir_graph *a, orion_ir_graph *b) {
    orion_ir_graph old = *a;
    *a = *b;
    *b = old;
}

static orion_status clone_into(orion_ir_graph *to, const orion_ir_graph *from) {
    const orion_allocator *a = &to->arena.allocator;
    if (!ORN_GROW(a, to->values, to->value_capacity, from->value_count) ||
        !ORN_GROW(a, to->inputs, to->input_capacity, from->input_count)) {
        return ORION_ERROR_NO_MEMORY;
    }
    for (uint32_t id = 1; id < from->value_count; id++) {
        const ir_value *v = &from->values[id];
        to->values[id] = (ir_value){.type = v->type};
        to->value_count = id + (size_t)1;
        if (v->name != NULL) TRY(ir_set_name(to, id, v->name, strlen(v->name)));
    }
    for (size_t i = 0; i < from->input_count; i++) to->inputs[i] = from->inputs[i];
    to->input_count = from->input_count;
    for (size_t i = 0; i < from->output_count; i++) {
        const ir_output *o = &from->outputs[i];
        TRY(ir_add_output(to, o->name, strlen(o->name), o->value));
    }
    ir_foreach_node (from, n) TRY(clone_node(to, n));
    to->next_node_id = from->next_node_id;
    return ORION_OK;
}

orion_status orion_ir_graph_clone(const orion_ir_graph *graph, const orion_allocator *allocator,
                                  orion_ir_graph **out_graph) {
    orion_ir_graph *copy;
    *out_graph = NULL;
    TRY(ir_graph_create(graph->name, allocator, &copy));
    orion_status status = clone_into(copy, graph);
    if (status != ORION_OK) {
        orion_ir_graph_destroy(&copy);
        return status;
    }
    *out_graph = copy;
    return ORION_OK;
}

/* ---- adding ---- */

orion_status ir_add_values(orion_ir_graph *g, const orion_ir_type *types, size_t n,
                           orion_ir_node *def, uint32_t *first) {
    size_t count;
    if (!orn_add(g->value_count, n, &count) || count > UINT32_MAX ||
        !ORN_GROW(&g->arena.allocator, g->values, g->value_capacity, count)) {
        return ORION_ERROR_NO_MEMORY;
    }
    *first = (uint32_t)g->value_count;
    for (size_t i = 0; i < n; i++) {
        g->values[g->value_count++] = (ir_value){.type = types[i], .def = def};
    }
    return ORION_OK;
}

void ir_link(orion_ir_graph *g, orion_ir_node *n, orion_ir_node *before) {
    n->next = before;
    n->prev = before == NULL ? g->last : before->prev;
    if (n->prev == NULL) {
        g->first = n;
    } else {
        n->prev->next = n;
    }
    if (before == NULL) {
        g->last = n;
    } else {
        before->prev = n;
    }
    g->node_count++;
}

static void unlink_node(orion_ir_graph *g, orion_ir_node *n) {
    if (n->prev == NULL) {
        g->first = n->next;
    } else {
        n->prev->next = n->next;
    }
    if (n->next == NULL) {
        g->last = n->prev;
    } else {
        n->next->prev = n->prev;
    }
    n->next = n->prev = NULL;
    g->node_count--;
}

orion_status ir_add_input(orion_ir_graph *g, const char *name, size_t length, orion_ir_type type,
                          uint32_t *out) {
    if (!ORN_GROW(&g->arena.allocator, g->inputs, g->input_capacity, g->input_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(ir_add_values(g, &type, 1, NULL, out));
    orion_status status = ir_set_name(g, *out, name, length);
    if (status != ORION_OK) {
        g->value_count--;
        return status;
    }
    g->inputs[g->input_count++] = *out;
    return ORION_OK;
}

/*
 * The map never forgets a key: a name belongs to a value only if the value says so too. A removed
 * or renamed value leaves an entry behind that the next owner of the name overwrites.
 */
uint32_t ir_find_name(const orion_ir_graph *g, const char *name, size_t length) {
    const uint32_t *id = orn_map_get(&g->names, name, length);
    if (id == NULL || *id >= g->value_count) return 0;
    const char *own = g->values[*id].name;
    return own != NULL && strncmp(own, name, length) == 0 && own[length] == '\0' ? *id : 0;
}

orion_status ir_set_name(orion_ir_graph *g, uint32_t value, const char *name, size_t length) {
    uint32_t owner = ir_find_name(g, name, length);
    if (owner == value && owner != 0) return ORION_OK;
    if (owner != 0 || !ir_name_valid(name, length)) return ORION_ERROR_INVALID_ARGUMENT;
    char *copy = orn_arena_strndup(&g->arena, name, length);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(orn_map_put(&g->names, copy, length, value));
    g->values[value].name = copy;
    return ORION_OK;
}

orion_status ir_add_output(orion_ir_graph *g, const char *name, size_t length, uint32_t value) {
    if (g->output_count == UINT32_MAX ||
        !ORN_GROW(&g->arena.allocator, g->outputs, g->output_capacity, g->output_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    char *copy = orn_arena_strndup(&g->arena, name, length);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(orn_map_put(&g->output_names, copy, length, (uint32_t)g->output_count));
    g->outputs[g->output_count++] = (ir_output){copy, value};
    return ORION_OK;
}

size_t ir_find_output(const orion_ir_graph *g, const char *name, size_t length) {
    const uint32_t *i = orn_map_get(&g->output_names, name, length);
    if (i == NULL || *i >= g->output_count) return g->output_count;
    const char *own = g->outputs[*i].name;
    return strncmp(own, name, length) == 0 && own[length] == '\0' ? *i : g->output_count;
}

void ir_remove(orion_ir_graph *g, orion_ir_node *n) {
    unlink_node(g, n);
    orion_blob_unref(&n->blob);
    for (uint32_t i = 0; i < n->n_out; i++) g->values[n->out + i] = (ir_value){0};
}

/* ---- constants ---- */

orion_ir_node *ir_const_of(const orion_ir_graph *g, uint32_t id) {
    orion_ir_node *n = ir_def(g, id);
    return n != NULL && n->op == ORION_IR_OP_const ? n : NULL;
}

bool ir_splat_of(const orion_ir_graph *g, uint32_t id, double *out) {
    const orion_ir_node *n = ir_const_of(g, id);
    if (n == NULL) return false;
    const orion_ir_type *type = &ir_val(g, id)->type;
    orion_ir_dtype dtype = (orion_ir_dtype)type->dtype;
    const char *data = (const char *)orion_blob_data(n->blob) + n->offset;
    size_t elem = orion_ir_dtype_bytes(dtype), bytes = orion_ir_type_bytes(type);
    /* All elements equal the first iff the data equal themselves shifted by one element. */
    if (memcmp(data, data + elem, bytes - elem) != 0) return false;
    double v = ir_load(dtype, data, 0);
    if (isnan(v)) return false;
    *out = v;
    return true;
}

/* ---- rewriting ---- */

orion_status ir_replacements_init(ir_replacements *r, const orion_ir_graph *g) {
    *r = (ir_replacements){.allocator = g->arena.allocator};
    r->to = orn_zalloc(&r->allocator, g->value_count * sizeof *r->to);
    if (r->to == NULL) return ORION_ERROR_NO_MEMORY;
    r->count = g->value_count;
    return ORION_OK;
}

void ir_replacements_free(ir_replacements *r) {
    orn_free(&r->allocator, r->to, r->count * sizeof *r->to);
    *r = (ir_replacements){.allocator = r->allocator};
}

orion_status ir_replace(ir_replacements *r, uint32_t from, uint32_t to) {
    if (from >= r->count) {
        size_t count = ORN_MAX(r->count * 2, from + (size_t)1);
        uint32_t *grown = r->allocator.realloc(r->allocator.ctx, r->to, r->count * sizeof *grown,
                                               count * sizeof *grown, 16);
        if (grown == NULL) return ORION_ERROR_NO_MEMORY;
        memset(grown + r->count, 0, (count - r->count) * sizeof *grown);
        r->to = grown;
        r->count = count;
    }
    uint32_t target = ir_resolve(r, to);
    if (target != from) r->to[from] = target;
    return ORION_OK;
}

uint32_t ir_resolve(const ir_replacements *r, uint32_t value) {
    uint32_t last = value;
    while (last < r->count && r->to[last] != 0) last = r->to[last];
    while (value != last) { /* shorten the chain for the next one who walks it */
        uint32_t next = r->to[value];
        r->to[value] = last;
        value = next;
    }
    return last;
}

orion_status ir_apply(orion_ir_graph *g, const ir_replacements *r) {
    ir_foreach_node (g, n) {
        for (uint32_t i = 0; i < n->n_in; i++) n->in[i] = ir_resolve(r, n->in[i]);
    }
    for (size_t i = 0; i < g->output_count; i++) {
        g->outputs[i].value = ir_resolve(r, g->outputs[i].value);
    }
    for (uint32_t id = 1; id < g->value_count && id < r->count; id++) {
        if (r->to[id] == 0) continue;
        ir_value *from = &g->values[id], *to = &g->values[ir_resolve(r, id)];
        if (from->name == NULL || to->name != NULL || from->def == NULL) continue;
        to->name = from->name;
        from->name = NULL;
        *orn_map_get(&g->names, to->name, strlen(to->name)) = (uint32_t)(to - g->values);
    }
    return ORION_OK;
}

/*
 * Depth first from every node in list order, so that a node moves only as far up as its first user
 * needs. `stack` holds the path from the node being placed down to the operand being looked at; a
 * node met again on the path is a cycle.
 */
typedef struct sort_frame {
    orion_ir_node *node;
    uint32_t next_input;
} sort_frame;

enum { UNSEEN = 0, ON_PATH = 1, PLACED = 2 };

static orion_status place(orion_ir_graph *g, orion_ir_node *root, uint8_t *state, sort_frame *stack,
                          orion_ir_node **tail) {
    size_t depth = 0;
    stack[depth++] = (sort_frame){root, 0};
    state[root->id] = ON_PATH;
    while (depth != 0) {
        sort_frame *top = &stack[depth - 1];
        orion_ir_node *n = top->node;
        if (top->next_input < n->n_in) {
            orion_ir_node *def = ir_def(g, n->in[top->next_input++]);
            if (def == NULL || state[def->id] == PLACED) continue;
            if (state[def->id] == ON_PATH) return ORION_ERROR_VERIFY;
            state[def->id] = ON_PATH;
            stack[depth++] = (sort_frame){def, 0};
            continue;
        }
        state[n->id] = PLACED;
        n->prev = *tail; /* next pointers stay as they were until all nodes are placed */
        *tail = n;
        depth--;
    }
    return ORION_OK;
}

orion_status ir_sort(orion_ir_graph *g) {
    const orion_allocator *a = &g->arena.allocator;
    orion_status status = ORION_ERROR_NO_MEMORY;
    uint8_t *state = orn_zalloc(a, g->next_node_id);
    sort_frame *stack = orn_alloc(a, g->node_count * sizeof *stack);
    orion_ir_node *tail = NULL;
    if (state == NULL || stack == NULL) goto out;
    status = ORION_OK;
    ir_foreach_node (g, n) {
        if (state[n->id] == UNSEEN) status = place(g, n, state, stack, &tail);
        if (status != ORION_OK) break;
    }
    if (status != ORION_OK) { /* leave the list as it was */
        orion_ir_node *prev = NULL;
        ir_foreach_node (g, n) {
            n->prev = prev;
            prev = n;
        }
        goto out;
    }
    g->last = tail;
    orion_ir_node *next = NULL;
    for (orion_ir_node *n = tail; n != NULL; n = n->prev) {
        n->next = next;
        next = n;
    }
    g->first = next;
out:
    orn_free(a, state, g->next_node_id);
    orn_free(a, stack, g->node_count * sizeof *stack);
    return status;
}

/* ---- reading ---- */

const char *orion_ir_graph_name(const orion_ir_graph *graph) {
    return graph->name;
}

size_t orion_ir_graph_input_count(const orion_ir_graph *graph) {
    return graph->input_count;
}

orion_ir_value orion_ir_graph_input(const orion_ir_graph *graph, size_t i) {
    return (orion_ir_value){i < graph->input_count ? graph->inputs[i] : 0};
}

size_t orion_ir_graph_output_count(const orion_ir_graph *graph) {
    return graph->output_count;
}

orion_ir_value orion_ir_graph_output(const orion_ir_graph *graph, size_t i) {
    return (orion_ir_value){i < graph->output_count ? graph->outputs[i].value : 0};
}

const char *orion_ir_graph_output_name(const orion_ir_graph *graph, size_t i) {
    return i < graph->output_count ? graph->outputs[i].name : "";
}

size_t orion_ir_graph_node_count(const orion_ir_graph *graph) {
    return graph->node_count;
}

uint32_t orion_ir_graph_value_bound(const orion_ir_graph *graph) {
    return (uint32_t)graph->value_count;
}

const orion_ir_node *orion_ir_graph_first(const orion_ir_graph *graph) {
    return graph->first;
}

const orion_ir_node *orion_ir_node_next(const orion_ir_node *node) {
    return node->next;
}

orion_ir_type orion_ir_value_type(const orion_ir_graph *graph, orion_ir_value v) {
    return v.id < graph->value_count ? graph->values[v.id].type : (orion_ir_type){0};
}

const char *orion_ir_value_name(const orion_ir_graph *graph, orion_ir_value v) {
    return v.id < graph->value_count ? graph->values[v.id].name : NULL;
}

const orion_ir_node *orion_ir_value_node(const orion_ir_graph *graph, orion_ir_value v) {
    return v.id < graph->value_count ? graph->values[v.id].def : NULL;
}

orion_ir_op orion_ir_node_op(const orion_ir_node *node) {
    return (orion_ir_op)node->op;
}

size_t orion_ir_node_input_count(const orion_ir_node *node) {
    return node->n_in;
}

orion_ir_value orion_ir_node_input(const orion_ir_node *node, size_t i) {
    return (orion_ir_value){i < node->n_in ? node->in[i] : 0};
}

size_t orion_ir_node_result_count(const orion_ir_node *node) {
    return node->n_out;
}

orion_ir_value orion_ir_node_result(const orion_ir_node *node, size_t i) {
    return (orion_ir_value){i < node->n_out ? node->out + (uint32_t)i : 0};
}

/* The attribute of that name, and its kind; NULL if the op has none. */
static const ir_attr *find_attr(const orion_ir_node *node, const char *name, uint32_t *kind) {
    const ir_op *op = ir_op_get(node->op);
    const orion_ir_attr_info *schema = ir_op_attrs(op);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        if (strcmp(schema[i].name, name) != 0) continue;
        *kind = schema[i].kind;
        return &node->attrs[i];
    }
    return NULL;
}

int64_t orion_ir_node_int(const orion_ir_node *node, const char *attr) {
    uint32_t kind;
    const ir_attr *found = find_attr(node, attr, &kind);
    bool fits = found != NULL && kind != ORION_IR_ATTR_FLOAT && kind != ORION_IR_ATTR_INTS;
    return fits ? found->i : 0;
}

double orion_ir_node_float(const orion_ir_node *node, const char *attr) {
    uint32_t kind;
    const ir_attr *found = find_attr(node, attr, &kind);
    return found != NULL && kind == ORION_IR_ATTR_FLOAT ? found->f : 0;
}

const int64_t *orion_ir_node_ints(const orion_ir_node *node, const char *attr, size_t *out_count) {
    static const int64_t none[1] = {0};
    uint32_t kind;
    const ir_attr *found = find_attr(node, attr, &kind);
    *out_count = found != NULL && kind == ORION_IR_ATTR_INTS ? found->count : 0;
    return *out_count == 0 ? none : found->ints;
}

const void *orion_ir_node_data(const orion_ir_node *node, size_t *out_bytes) {
    if (out_bytes != NULL) *out_bytes = 0;
    if (node->blob == NULL) return NULL;
    if (out_bytes != NULL) *out_bytes = node->bytes;
    return (const char *)orion_blob_data(node->blob) + node->offset;
}

orion_blob *orion_ir_node_blob(const orion_ir_node *node, size_t *out_offset) {
    *out_offset = node->blob == NULL ? 0 : node->offset;
    return node->blob;
}
