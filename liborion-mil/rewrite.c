/* SPDX-License-Identifier: MIT */
/* Building a graph anew, node by node, and the phrases that rewrites are written in. */
#include "mil-legal.h"

enum { ATTRIBUTES_MAX = 16 };

/* ---- the walk ---- */

static orion_status rewrite_inputs(mil_rewrite *r) {
    for (size_t i = 0; i < orion_ir_graph_input_count(r->from); i++) {
        orion_ir_value v = orion_ir_graph_input(r->from, i);
        r->map[v.id] =
            orion_ir_input(r->b, orion_ir_value_name(r->from, v), orion_ir_value_type(r->from, v));
        r->bound = ORN_MAX(r->bound, r->map[v.id].id);
    }
    return ORION_OK;
}

static orion_status rewrite_nodes(mil_rewrite *r, mil_visit *visit) {
    mil_foreach_node(r->from, n) TRY(visit(r, n));
    return ORION_OK;
}

static void rewrite_outputs(mil_rewrite *r) {
    for (size_t i = 0; i < orion_ir_graph_output_count(r->from); i++) {
        orion_ir_value v = orion_ir_graph_output(r->from, i);
        orion_ir_output(r->b, orion_ir_graph_output_name(r->from, i), r->map[v.id]);
    }
}

orion_status mil_rewrite_graph(const orion_ir_graph *graph, const orion_mil_target *target,
                               mil_visit *visit, void *ctx, const orion_allocator *allocator,
                               orion_diag *diag, orion_ir_graph **out, bool *changed) {
    *out = NULL;
    mil_rewrite r = {.from = graph, .target = target, .diag = diag, .ctx = ctx};
    r.allocator = orn_allocator(allocator);
    size_t bytes = orion_ir_graph_value_bound(graph) * sizeof *r.map;
    TRY(orion_ir_builder_create(orion_ir_graph_name(graph), &r.allocator, &r.b));
    r.map = orn_zalloc(&r.allocator, bytes);
    orion_status status = r.map == NULL ? ORION_ERROR_NO_MEMORY : rewrite_inputs(&r);
    if (status == ORION_OK) status = rewrite_nodes(&r, visit);
    if (status == ORION_OK) {
        rewrite_outputs(&r);
        status = orion_ir_builder_finish(&r.b, diag, out);
    }
    orion_ir_builder_destroy(&r.b);
    orn_free(&r.allocator, r.map, bytes);
    *changed = r.changed;
    return status;
}

orion_ir_value mil_mapped(const mil_rewrite *r, const orion_ir_node *n, size_t i) {
    return r->map[orion_ir_node_input(n, i).id];
}

void mil_set_result(mil_rewrite *r, const orion_ir_node *n, size_t i, orion_ir_value v) {
    orion_ir_value old = orion_ir_node_result(n, i);
    const char *name = orion_ir_value_name(r->from, old);
    if (name != NULL && v.id > r->bound) orion_ir_name(r->b, v, name);
    r->map[old.id] = v;
    r->bound = ORN_MAX(r->bound, v.id);
}

orion_status mil_keep(mil_rewrite *r, const orion_ir_node *n) {
    size_t count = orion_ir_node_input_count(n);
    orion_ir_value few[8], *operands = few;
    if (count > ORN_COUNT(few)) operands = orn_alloc(&r->allocator, count * sizeof *operands);
    if (operands == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) operands[i] = mil_mapped(r, n, i);
    orion_ir_value first = mil_emit_like(r->b, r->from, n, operands);
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
        mil_set_result(r, n, i, orion_ir_result(r->b, first, i));
    if (operands != few) orn_free(&r->allocator, operands, count * sizeof *operands);
    return ORION_OK;
}

/* ---- nodes ---- */

static orion_ir_attr attribute_of(const orion_ir_node *n, const orion_ir_attr_info *info) {
    orion_ir_attr a = {.name = info->name};
    switch ((orion_ir_attr_kind)info->kind) {
    case ORION_IR_ATTR_FLOAT: a.f = orion_ir_node_float(n, info->name); break;
    case ORION_IR_ATTR_INTS: a.ints = orion_ir_node_ints(n, info->name, &a.int_count); break;
    default: a.i = orion_ir_node_int(n, info->name); break;
    }
    return a;
}

static orion_ir_value emit(orion_ir_builder *b, const orion_ir_node *n,
                           const orion_ir_value *operands, size_t operand_count, const char *name,
                           int64_t number) {
    orion_ir_attr attributes[ATTRIBUTES_MAX];
    orion_ir_op op = orion_ir_node_op(n);
    const orion_ir_attr_info *info;
    size_t count = 0;
    while (count < ATTRIBUTES_MAX && (info = orion_ir_op_attr(op, count)) != NULL) {
        attributes[count] = attribute_of(n, info);
        if (name != NULL && strcmp(info->name, name) == 0) attributes[count].i = number;
        count++;
    }
    return orion_ir_build(b, op, operands, operand_count, attributes, count);
}

orion_ir_value mil_emit_some(orion_ir_builder *b, const orion_ir_node *n,
                             const orion_ir_value *operands, size_t count) {
    return emit(b, n, operands, count, NULL, 0);
}

orion_ir_value mil_emit_like(orion_ir_builder *b, const orion_ir_graph *from,
                             const orion_ir_node *n, const orion_ir_value *operands) {
    if (!mil_is_const_node(n)) return mil_emit_some(b, n, operands, orion_ir_node_input_count(n));
    size_t offset;
    orion_blob *blob = orion_ir_node_blob(n, &offset);
    return orion_ir_constant_blob(b, orion_ir_value_type(from, orion_ir_node_result(n, 0)), blob,
                                  offset);
}

orion_ir_value mil_emit_with(orion_ir_builder *b, const orion_ir_node *n,
                             const orion_ir_value *operands, const char *name, int64_t number) {
    return emit(b, n, operands, orion_ir_node_input_count(n), name, number);
}

const orion_ir_node *mil_const_operand(const orion_ir_graph *g, const orion_ir_node *n, size_t i) {
    const orion_ir_node *def = orion_ir_value_node(g, orion_ir_node_input(n, i));
    return mil_is_const_node(def) ? def : NULL;
}

double mil_const_element(orion_ir_dtype dtype, const void *data, size_t i) {
    float f;
    uint16_t h;
    if (dtype == ORION_IR_F32) {
        memcpy(&f, (const char *)data + i * sizeof f, sizeof f);
        return (double)f;
    }
    memcpy(&h, (const char *)data + i * sizeof h, sizeof h);
    return (double)(dtype == ORION_IR_F16 ? orn_f32_from_f16(h) : orn_f32_from_bf16(h));
}

bool mil_is_splat(const orion_ir_graph *g, const orion_ir_node *n, double *number) {
    size_t bytes;
    const char *data = orion_ir_node_data(n, &bytes);
    orion_ir_type type = orion_ir_value_type(g, orion_ir_node_result(n, 0));
    size_t each = orion_ir_dtype_bytes((orion_ir_dtype)type.dtype);
    if (data == NULL || !mil_is_float(type.dtype)) return false;
    if (bytes > each && memcmp(data, data + each, bytes - each) != 0) return false;
    *number = mil_const_element((orion_ir_dtype)type.dtype, data, 0);
    return true;
}

/* ---- phrases ---- */

orion_ir_type mil_type_of(const orion_ir_builder *b, orion_ir_value v) {
    return orion_ir_builder_type(b, v);
}

orion_ir_value mil_number(orion_ir_builder *b, orion_ir_value like, double number) {
    orion_ir_dtype dtype = (orion_ir_dtype)mil_type_of(b, like).dtype;
    return orion_ir_splat(b, orion_ir_type_make(dtype, 0, NULL), number);
}

orion_ir_value mil_reshape(orion_ir_builder *b, orion_ir_value x, const int64_t *dims,
                           uint32_t rank) {
    orion_ir_type type = mil_type_of(b, x);
    if (type.rank == rank && memcmp(type.dims, dims, rank * sizeof *dims) == 0) return x;
    return orion_ir_reshape(b, x, dims, rank);
}

orion_ir_value mil_concat(orion_ir_builder *b, const orion_ir_value *parts, size_t count,
                          int64_t axis) {
    orion_ir_attr a = orion_ir_attr_int("axis", axis);
    return count == 1 ? parts[0] : orion_ir_build(b, ORION_IR_OP_concat, parts, count, &a, 1);
}

orion_ir_value mil_slice(orion_ir_builder *b, orion_ir_value x, uint32_t axis, int64_t begin,
                         int64_t size) {
    orion_ir_type type = mil_type_of(b, x);
    int64_t from[ORION_IR_RANK_MAX] = {0}, step[ORION_IR_RANK_MAX];
    if (begin == 0 && size == type.dims[axis]) return x;
    for (uint32_t i = 0; i < type.rank; i++) step[i] = 1;
    from[axis] = begin;
    type.dims[axis] = begin + size;
    const orion_ir_attr a[] = {orion_ir_attr_ints("begin", from, type.rank),
                               orion_ir_attr_ints("end", type.dims, type.rank),
                               orion_ir_attr_ints("stride", step, type.rank)};
    return orion_ir_build(b, ORION_IR_OP_slice, &x, 1, a, ORN_COUNT(a));
}

orion_ir_value mil_pad(orion_ir_builder *b, orion_ir_value x, uint32_t axis, int64_t before,
                       int64_t after, double value) {
    int64_t front[ORION_IR_RANK_MAX] = {0}, back[ORION_IR_RANK_MAX] = {0};
    uint32_t rank = mil_type_of(b, x).rank;
    if (before == 0 && after == 0) return x;
    front[axis] = before;
    back[axis] = after;
    const orion_ir_attr a[] = {orion_ir_attr_ints("before", front, rank),
                               orion_ir_attr_ints("after", back, rank),
                               orion_ir_attr_float("value", value)};
    return orion_ir_build(b, ORION_IR_OP_pad, &x, 1, a, ORN_COUNT(a));
}

orion_ir_value mil_cast(orion_ir_builder *b, orion_ir_value x, uint32_t dtype) {
    if (mil_type_of(b, x).dtype == dtype) return x;
    return orion_ir_cast(b, x, (orion_ir_dtype)dtype);
}
