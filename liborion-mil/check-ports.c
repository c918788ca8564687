/* SPDX-License-Identifier: MIT */
/* Rules about a function as a whole: its inputs and outputs, its weight files, its spelling. */
#include "mil-check.h"

#define CHECK(name) static void name(mil_checker *c, const orion_mil_function *f)

/* ---- inputs and outputs alike ---- */

typedef struct port {
    const char *name;
    const orion_mil_type *type; /* NULL if it is not defined */
    mil_place at;
} port;

static port input(const orion_mil_function *f, uint32_t i) {
    const mil_port *p = &f->parameters[i];
    return (port){p->name, p->type, {p->line, p->column}};
}

static port output(const orion_mil_function *f, uint32_t i) {
    const mil_output *o = &f->outputs[i];
    return (port){o->name, orion_mil_function_type_of(f, o->name), {o->line, o->column}};
}

typedef struct side {
    const char *what;
    uint32_t count;
    port (*get)(const orion_mil_function *f, uint32_t i);
} side;

static side inputs(const orion_mil_function *f) {
    return (side){"input", f->parameter_count, input};
}

static side outputs(const orion_mil_function *f) {
    return (side){"output", f->output_count, output};
}

/* Ports that are not sorted by name are bound to each other's surfaces. */
static void check_order(mil_checker *c, const orion_mil_function *f, side s) {
    for (uint32_t i = 1; i < s.count; i++) {
        port before = s.get(f, i - 1), p = s.get(f, i);
        if (strcmp(before.name, p.name) <= 0) continue;
        mil_finding(c, p.at, "%s '%s' stands behind '%s', but is bound before it", s.what, p.name,
                    before.name);
        return;
    }
}

static void check_sizes(mil_checker *c, const orion_mil_function *f, side s) {
    for (uint32_t i = 1; i < s.count; i++) {
        port first = s.get(f, 0), p = s.get(f, i);
        uint64_t wanted = mil_type_bytes(first.type), bytes = mil_type_bytes(p.type);
        if (bytes == wanted) continue;
        mil_finding(c, p.at, "%s '%s' has %llu bytes, '%s' %llu", s.what, p.name,
                    (unsigned long long)bytes, first.name, (unsigned long long)wanted);
        return;
    }
}

CHECK(output_order) {
    check_order(c, f, outputs(f));
}

CHECK(input_order) {
    check_order(c, f, inputs(f));
}

CHECK(output_sizes) {
    check_sizes(c, f, outputs(f));
}

CHECK(input_sizes) {
    check_sizes(c, f, inputs(f));
}

/* Call `check` for every input, then for every output. */
static void each_port(mil_checker *c, const orion_mil_function *f,
                      void (*check)(mil_checker *c, port p, const char *what)) {
    const side sides[] = {inputs(f), outputs(f)};
    for (size_t n = 0; n < ORN_COUNT(sides); n++) {
        for (uint32_t i = 0; i < sides[n].count; i++) check(c, sides[n].get(f, i), sides[n].what);
    }
}

static void check_surface(mil_checker *c, port p, const char *what) {
    uint64_t least = mil_limit_of(c, MIL_LIMIT_MIN_SURFACE_BYTES), bytes = mil_type_bytes(p.type);
    if (least == UINT64_MAX || bytes == 0 || bytes >= least) return;
    mil_finding(c, p.at, "%s '%s' has %llu bytes, fewer than %llu", what, p.name,
                (unsigned long long)bytes, (unsigned long long)least);
}

CHECK(surfaces) {
    each_port(c, f, check_surface);
}

static void check_port_dtype(mil_checker *c, port p, const char *what) {
    if (p.type == NULL || p.type->form != ORION_MIL_TYPE_TENSOR) return;
    orion_mil_dtype dtype = (orion_mil_dtype)p.type->dtype;
    if (dtype == ORION_MIL_FP16 || dtype == ORION_MIL_FP32 || dtype == ORION_MIL_UINT8) return;
    mil_finding(c, p.at, "%s '%s' is %s", what, p.name, orion_mil_dtype_name(dtype));
}

CHECK(port_dtypes) {
    each_port(c, f, check_port_dtype);
}

static void check_row(mil_checker *c, port p, const char *what) {
    uint64_t step = mil_limit_of(c, MIL_LIMIT_ROW_ELEMENTS);
    if (step == UINT64_MAX || !mil_is_shaped(p.type, 1)) return;
    int64_t last = p.type->dims[p.type->rank - 1].extent;
    if ((uint64_t)last % step != 0)
        mil_finding(c, p.at, "the last axis of %s '%s' has %lld elements", what, p.name,
                    (long long)last);
}

CHECK(rows) {
    each_port(c, f, check_row);
}

CHECK(port_count) {
    const side sides[] = {inputs(f), outputs(f)};
    uint64_t most = mil_limit_of(c, MIL_LIMIT_PORTS);
    for (size_t n = 0; n < ORN_COUNT(sides); n++) {
        if (sides[n].count != 0 && sides[n].count <= most) continue;
        mil_finding(c, mil_place_of_function(f), "function '%s' has %u %ss", f->name,
                    sides[n].count, sides[n].what);
    }
}

/* Undefined everywhere; for the paper an input or a const is no live op either. */
CHECK(returned_names) {
    for (uint32_t i = 0; i < f->output_count; i++) {
        port p = output(f, i);
        const orion_mil_statement *s = orion_mil_function_definition(f, p.name);
        if (p.type == NULL) {
            mil_finding(c, p.at, "the returned '%s' is not defined", p.name);
        } else if (c->target->paper && (s == NULL || strcmp(s->op, "const") == 0)) {
            mil_finding(c, p.at, "the returned '%s' is not the result of an op", p.name);
        }
    }
}

/* ---- states and symbols among the inputs ---- */

CHECK(input_forms) {
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        port p = input(f, i);
        if (p.type->form == ORION_MIL_TYPE_STATE) {
            mil_finding(c, p.at, "input '%s' is a state", p.name);
        } else if (!mil_is_shaped(p.type, 0)) {
            mil_finding(c, p.at, "input '%s' has symbolic extents", p.name);
        }
    }
}

CHECK(input_extents) {
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        port p = input(f, i);
        mil_check_extents(c, p.type, p.name, p.at);
    }
}

/* ---- weight files ---- */

/* What takes one of the few places for weights. */
typedef struct places {
    uint64_t files, scalars;
    mil_place file_past; /* the first file past the limit */
    mil_place scalar;    /* the first inline scalar */
    const char *op;      /* its op */
} places;

static bool is_scalar_literal(const mil_checker *c, const orion_mil_value *v) {
    const orion_mil_value *literal = mil_constant(c, v);
    return literal != NULL && literal->type != NULL && literal->type->rank == 0 &&
           literal->form != ORION_MIL_VALUE_BLOB && literal->form != ORION_MIL_VALUE_TUPLE;
}

static void count_scalars(const mil_checker *c, const orion_mil_statement *s, places *p) {
    if (strcmp(s->op, "add") != 0 && strcmp(s->op, "mul") != 0 && strcmp(s->op, "pow") != 0) return;
    for (uint32_t i = 0; i < s->argument_count; i++) {
        if (!is_scalar_literal(c, &s->arguments[i].value)) continue;
        if (p->scalars++ != 0) continue;
        p->scalar = mil_place_of(s);
        p->op = s->op;
    }
}

static orion_status count_file(orn_map *seen, const orion_mil_value *v, uint64_t most, places *p) {
    const char *path = orion_mil_value_text(v);
    size_t n = strlen(path);
    if (orn_map_get(seen, path, n) != NULL) return ORION_OK;
    if (++p->files == most + 1) p->file_past = (mil_place){v->line, v->column};
    return orn_map_put(seen, path, n, 1);
}

static orion_status count_places(mil_checker *c, const orion_mil_function *f, uint64_t most,
                                 orn_map *seen, places *p) {
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        count_scalars(c, s, p);
        for (uint32_t n = 0; n < s->attribute_count; n++) {
            const orion_mil_value *v = &s->attributes[n].value;
            if (v->form == ORION_MIL_VALUE_BLOB) TRY(count_file(seen, v, most, p));
        }
    }
    return ORION_OK;
}

static places places_of(mil_checker *c, const orion_mil_function *f) {
    places p = {0};
    orn_map seen;
    orn_map_init(&seen, &c->program->arena.allocator);
    orion_status status = count_places(c, f, mil_limit_of(c, MIL_LIMIT_WEIGHT_FILES), &seen, &p);
    orn_map_free(&seen);
    if (c->status == ORION_OK) c->status = status;
    return p;
}

CHECK(weight_files) {
    uint64_t most = mil_limit_of(c, MIL_LIMIT_WEIGHT_FILES);
    places p = places_of(c, f);
    if (p.files > most)
        mil_finding(c, p.file_past, "this is weight file %llu; the program refers to %llu",
                    (unsigned long long)most + 1, (unsigned long long)p.files);
}

/* However many scalars there are, they take one place. */
CHECK(inline_scalars) {
    uint64_t most = mil_limit_of(c, MIL_LIMIT_WEIGHT_FILES);
    places p = places_of(c, f);
    if (p.scalars != 0 && p.files == most)
        mil_finding(c, p.scalar, "the scalar of %s is one too many beside %llu weight files", p.op,
                    (unsigned long long)p.files);
}

/* ---- memory ---- */

CHECK(operands) {
    uint64_t fast = mil_limit_of(c, MIL_LIMIT_FAST_OPERAND_BYTES), largest = fast;
    const mil_port *found = NULL;
    size_t count = 0;
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        if (strcmp(s->op, "const") == 0) continue;
        for (uint32_t r = 0; r < s->result_count; r++) {
            uint64_t bytes = mil_type_bytes(s->results[r].type);
            count += bytes > fast;
            if (bytes <= largest) continue;
            largest = bytes;
            found = &s->results[r];
        }
    }
    if (found == NULL) return;
    mil_finding(c, (mil_place){found->line, found->column},
                "'%s' has %llu bytes, more than the %llu that are fast (values of that kind: %zu)",
                found->name, (unsigned long long)largest, (unsigned long long)fast, count);
}

/* ---- spelling ---- */

static bool is_terse(const orion_mil_value *v) {
    return v->type != NULL && v->type->form == ORION_MIL_TYPE_TENSOR && v->type->terse != 0;
}

CHECK(spelling) {
    if (strcmp(c->program->version, "1.0") != 0 || strcmp(f->opset, "ios16") != 0) {
        mil_finding(c, mil_place_of_function(f), "the program is %s with %s, not 1.0 with ios16",
                    c->program->version, f->opset);
        return;
    }
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        for (uint32_t n = 0; n < s->attribute_count; n++) {
            const orion_mil_value *v = &s->attributes[n].value;
            if (!is_terse(v)) continue;
            mil_finding(c, (mil_place){v->line, v->column}, "a scalar without tensor<..., []>");
            return;
        }
    }
}

const mil_function_check mil_function_checks[] = {
    {"E-2", output_sizes},  {"E-3", output_order}, {"E-4", surfaces},     {"E-14", returned_names},
    {"E-18", input_sizes},  {"E-19", input_order}, {"X-2", weight_files}, {"X-3", inline_scalars},
    {"X-7", input_extents}, {"X-11", spelling},    {"X-12", port_dtypes}, {"X-13", input_forms},
    {"X-14", port_count},   {"X-20", rows},        {"X-21", operands},
};
const size_t mil_function_check_count = ORN_COUNT(mil_function_checks);
