/* SPDX-License-Identifier: MIT */
/*
 * Ports of one size, for targets that bind surfaces as the Orion paper saw it: all inputs of a
 * program have as many bytes, so have all outputs, and none has fewer than the target allows.
 *
 * Every port becomes a matrix of fp16 with R rows of W elements. A tensor stands in its upper left
 * corner, with its last axis as rows; the rest is 0. Cutting and padding are done in the program
 * on one side of a port, and on the other by two small graphs for the host: `before` makes the
 * ports from the values, `after` the values from the ports.
 */
#include "../mil-plan.h"

/* The common shape of the ports on one side. */
typedef struct shape {
    int64_t rows, width;
    bool wanted;
} shape;

static int64_t last_of(orion_ir_type type) {
    return type.rank == 0 ? 1 : type.dims[type.rank - 1];
}

typedef orion_ir_value (*port_fn)(const orion_ir_graph *g, size_t i);

static shape common_shape(const mil_planner *p, const orion_ir_graph *g, port_fn port, size_t count,
                          const char *rule) {
    shape s = {1, 1, false};
    bool equal = mil_rule_holds(p->target, rule);
    uint64_t least = mil_rule_holds(p->target, "E-4")
                         ? mil_target_limit(p->target, MIL_LIMIT_MIN_SURFACE_BYTES)
                         : 0;
    for (size_t i = 0; i < count; i++) {
        orion_ir_type type = orion_ir_value_type(g, port(g, i));
        uint64_t bytes = orion_ir_type_bytes(&type);
        s.width = ORN_MAX(s.width, last_of(type));
        s.rows = ORN_MAX(s.rows, orion_ir_type_elements(&type) / last_of(type));
        s.wanted |= least != UINT64_MAX && bytes < least;
        s.wanted |= equal && bytes != mil_value_bytes(g, port(g, 0));
    }
    if (least == UINT64_MAX) least = 0;
    int64_t row_bytes = s.width * (int64_t)sizeof(uint16_t);
    s.rows = ORN_MAX(s.rows, ((int64_t)least + row_bytes - 1) / row_bytes);
    return s;
}

static orion_ir_type port_type(shape s, orion_ir_type type) {
    const int64_t dims[] = {s.rows, s.width};
    return s.wanted ? orion_ir_type_make((orion_ir_dtype)type.dtype, 2, dims) : type;
}

/* A tensor in the corner of a port, and back. */
static orion_ir_value into_port(orion_ir_builder *b, orion_ir_value x, shape s) {
    orion_ir_type type = mil_type_of(b, x);
    if (!s.wanted || type.dtype == ORION_IR_DTYPE_NONE) return x;
    int64_t width = last_of(type), rows = orion_ir_type_elements(&type) / width;
    const int64_t before[] = {0, 0}, after[] = {s.rows - rows, s.width - width};
    const orion_ir_attr a[] = {orion_ir_attr_ints("before", before, 2),
                               orion_ir_attr_ints("after", after, 2)};
    x = MIL_RESHAPE(b, x, rows, width);
    return after[0] == 0 && after[1] == 0
               ? x
               : orion_ir_build(b, ORION_IR_OP_pad, &x, 1, a, ORN_COUNT(a));
}

static orion_ir_value from_port(orion_ir_builder *b, orion_ir_value x, orion_ir_type type,
                                shape s) {
    if (!s.wanted) return x;
    int64_t width = last_of(type);
    x = mil_slice(b, x, 0, 0, orion_ir_type_elements(&type) / width);
    return mil_reshape(b, mil_slice(b, x, 1, 0, width), type.dims, type.rank);
}

/* The program itself with other ports: a rewrite whose inputs and outputs are wrapped. */
static orion_status wrap(const mil_planner *p, const orion_ir_graph *g, shape in, shape out,
                         orion_ir_graph **made) {
    mil_rewrite r = {.from = g, .allocator = p->allocator, .diag = p->diag};
    size_t bytes = orion_ir_graph_value_bound(g) * sizeof *r.map;
    TRY(orion_ir_builder_create(orion_ir_graph_name(g), &p->allocator, &r.b));
    r.map = orn_zalloc(&p->allocator, bytes);
    orion_status status = r.map == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    r.bound = UINT32_MAX; /* inner values need no names */
    for (size_t i = 0; i < orion_ir_graph_input_count(g) && status == ORION_OK; i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        orion_ir_type type = orion_ir_value_type(g, v);
        orion_ir_value x = orion_ir_input(r.b, orion_ir_value_name(g, v), port_type(in, type));
        r.map[v.id] = from_port(r.b, x, type, in);
    }
    mil_foreach_node(g, n) {
        if (status == ORION_OK) status = mil_keep(&r, n);
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(g) && status == ORION_OK; i++) {
        orion_ir_value v = into_port(r.b, r.map[orion_ir_graph_output(g, i).id], out);
        orion_ir_output(r.b, orion_ir_graph_output_name(g, i), v);
    }
    if (status == ORION_OK) status = orion_ir_builder_finish(&r.b, p->diag, made);
    orion_ir_builder_destroy(&r.b);
    orn_free(&p->allocator, r.map, bytes);
    return status;
}

static const char *port_name(const orion_ir_graph *g, size_t i, bool is_input) {
    return is_input ? orion_ir_value_name(g, orion_ir_graph_input(g, i))
                    : orion_ir_graph_output_name(g, i);
}

/* v and a number, with underscores behind it while a port is called so. */
static orion_status value_name(const orion_ir_graph *g, size_t i, size_t count, bool is_input,
                               orn_text *name) {
    name->size = 0;
    orn_text_printf(name, "v%zu", i);
    for (size_t k = 0; k < count && !name->failed; k++) {
        if (strcmp(port_name(g, k, is_input), name->data) != 0) continue;
        orn_text_char(name, '_');
        k = SIZE_MAX; /* again from the first */
    }
    return orn_text_status(name);
}

/* What the host does in front of the program, or behind it. Ports keep their names. */
static orion_status border(const mil_planner *p, const orion_ir_graph *g, shape s, bool is_before,
                           orion_ir_graph **out) {
    orion_ir_builder *b;
    orn_text name;
    orn_text_init(&name, &p->allocator);
    TRY(orion_ir_builder_create(is_before ? "before" : "after", &p->allocator, &b));
    size_t count = is_before ? orion_ir_graph_input_count(g) : orion_ir_graph_output_count(g);
    orion_status status = ORION_OK;
    for (size_t i = 0; i < count && status == ORION_OK; i++) {
        orion_ir_value v = is_before ? orion_ir_graph_input(g, i) : orion_ir_graph_output(g, i);
        const char *port = port_name(g, i, is_before);
        orion_ir_type type = orion_ir_value_type(g, v);
        status = value_name(g, i, count, is_before, &name);
        if (status != ORION_OK) break;
        if (is_before) {
            orion_ir_output(b, port, into_port(b, orion_ir_input(b, name.data, type), s));
        } else {
            orion_ir_value x = orion_ir_input(b, port, port_type(s, type));
            orion_ir_output(b, name.data, from_port(b, x, type, s));
        }
    }
    if (status == ORION_OK) status = orion_ir_builder_finish(&b, p->diag, out);
    orion_ir_builder_destroy(&b);
    orn_text_free(&name);
    return status;
}

orion_status mil_make_uniform(const mil_planner *p, mil_plan_program *program) {
    orion_ir_graph *g = program->graph, *wrapped;
    shape in = common_shape(p, g, orion_ir_graph_input, orion_ir_graph_input_count(g), "E-18");
    shape out = common_shape(p, g, orion_ir_graph_output, orion_ir_graph_output_count(g), "E-2");
    if (!in.wanted && !out.wanted) return ORION_OK;
    if (in.wanted) TRY(border(p, g, in, true, &program->before));
    if (out.wanted) TRY(border(p, g, out, false, &program->after));
    TRY(wrap(p, g, in, out, &wrapped));
    orion_ir_graph_destroy(&program->graph);
    program->graph = wrapped;
    return ORION_OK;
}
