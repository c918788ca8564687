/* SPDX-License-Identifier: MIT */
/*
 * The .oir reader: recursive descent over (pointer, length), one function per rule of the grammar
 * at the top of print.c.
 *
 * A run reports many errors. One inside a node makes its results `poisoned`: the parser goes on at
 * the next line that begins a node, and nodes that use a poisoned value are read but not built, so
 * that one mistake is one message. Two kinds are told apart: what does not follow the grammar
 * (ORION_ERROR_SYNTAX) and what does, but breaks a rule of the IR (ORION_ERROR_VERIFY).
 *
 * Hostile text: nothing nests, so there is no recursion. Every byte is looked at a bounded number
 * of times (constants twice: their type stands behind the data), every token is bounded, and memory
 * is proportional to the text, except for constants given by one number, whose sum is limited.
 */
#include "ir-internal.h"
#include "scan.h"

enum { SPLAT_BYTES_MAX = 1 << 28 }; /* of all constants given by one number */

typedef struct output {
    ir_word name, value;
} output;

typedef struct parser {
    ir_scan s;
    orion_ir_builder b;
    orion_allocator allocator;
    orn_map labels;   /* name or number behind '%' -> value id; 0: poisoned */
    bool lost_inputs; /* the header did not parse: undefined names are not reported */
    bool whole;       /* the node at hand is read to its end, right or wrong */
    size_t splat_bytes;
    /* Lists of the construct being read; they keep their memory. */
    ir_word *results;
    size_t result_count, result_capacity;
    orion_ir_value *operands;
    size_t operand_count, operand_capacity;
    orion_ir_type *types;
    size_t type_count, type_capacity;
    int64_t *ints;
    size_t int_capacity;
    output *outputs;
    size_t output_count, output_capacity;
} parser;

/* Take over a failure of the builder, which has reported it, and let the builder go on. */
static bool builder_failed(parser *p) {
    ir_scan_worsen(&p->s, p->b.status == ORION_ERROR_NO_MEMORY ? ORION_ERROR_NO_MEMORY
                                                               : ORION_ERROR_VERIFY);
    p->b.status = ORION_OK;
    return false;
}

/* ---- values ---- */

/* Is this the first definition of the label? */
static bool check_new(parser *p, ir_word label) {
    if (orn_map_get(&p->labels, label.s, label.n) == NULL) return true;
    return IR_RULE_ERROR(&p->s, IR_NAME, label.at, "%%%.*s is defined twice", IR_SHOWN(label));
}

static bool enter(parser *p, ir_word label, uint32_t id) {
    return orn_map_put(&p->labels, label.s, label.n, id) == ORION_OK || ir_scan_no_memory(&p->s);
}

static bool define(parser *p, ir_word label, uint32_t id) {
    if (!check_new(p, label) || !enter(p, label, id)) return false;
    if (ir_is_digit(label.s[0])) return true;
    return ir_set_name(p->b.graph, id, label.s, label.n) == ORION_OK || ir_scan_no_memory(&p->s);
}

/* Results of a broken node; those that are defined elsewhere stay as they are. */
static void poison_results(parser *p) {
    for (size_t i = 0; i < p->result_count; i++) {
        const ir_word *label = &p->results[i];
        if (orn_map_get(&p->labels, label->s, label->n) == NULL) enter(p, *label, 0);
    }
}

/* The value of a label; 0 if it is poisoned or, which is reported, unknown. */
static uint32_t resolve(parser *p, ir_word label) {
    const uint32_t *id = orn_map_get(&p->labels, label.s, label.n);
    if (id == NULL && !p->lost_inputs) {
        IR_RULE_ERROR(&p->s, IR_NAME, label.at, "there is no value %%%.*s before this line",
                      IR_SHOWN(label));
    }
    return id == NULL ? 0 : *id;
}

/* ---- types ---- */

static bool parse_type(ir_scan *s, orion_ir_type *out) {
    ir_word dtype;
    if (!ir_scan_name(s, "a type", &dtype)) return false;
    *out = (orion_ir_type){.dtype = (uint32_t)ir_dtype_by_name(dtype.s, dtype.n)};
    if (out->dtype == ORION_IR_DTYPE_NONE) {
        return IR_SYNTAX_ERROR(s, dtype.at, "there is no dtype \"%.*s\"", IR_SHOWN(dtype));
    }
    if (!ir_scan_expect(s, "[", "'[' and the dims of the type")) return false;
    if (ir_scan_accept(s, "]")) return true;
    do {
        int64_t extent;
        if (!ir_scan_int(s, "a dim", &extent)) return false;
        if (out->rank == ORION_IR_RANK_MAX) {
            return IR_RULE_ERROR(s, IR_SHAPE, dtype.at, "a type has more than %d dims",
                                 ORION_IR_RANK_MAX);
        }
        out->dims[out->rank++] = extent;
    } while (ir_scan_accept(s, ","));
    return ir_scan_expect(s, "]", "',' or ']'");
}

static bool push_type(parser *p) {
    if (!ORN_GROW(&p->allocator, p->types, p->type_capacity, p->type_count + 1)) {
        return ir_scan_no_memory(&p->s);
    }
    return parse_type(&p->s, &p->types[p->type_count++]);
}

/* ":" type { "," type } */
static bool parse_types(parser *p) {
    ir_scan *s = &p->s;
    p->type_count = 0;
    if (!ir_scan_expect(s, ":", "':' and the type of the result")) return false;
    do {
        if (!push_type(p)) return false;
    } while (ir_scan_accept(s, ","));
    return true;
}

/* The types behind a node must be as many as it has results. */
static bool check_counts(parser *p, const char *op, ir_place at, size_t yields) {
    if (p->result_count == yields && p->type_count == yields) return true;
    return IR_RULE_ERROR(&p->s, IR_RESULT_TYPE, at,
                         "%s yields %zu values; %zu are named and %zu types given", op, yields,
                         p->result_count, p->type_count);
}

/* ---- constants ---- */

typedef struct data {
    enum { ONE_NUMBER, NUMBERS, HEX } form;
    size_t count;    /* numbers, or digits */
    ir_cursor begin; /* in front of the first */
} data;

/* The strings of a constant: digits are counted if `out` is NULL, else converted. */
static bool parse_hex(ir_scan *s, orion_ir_dtype dtype, void *out, size_t *digits) {
    size_t per_element = 2 * orion_ir_dtype_bytes(dtype), n = 0;
    uint64_t bits = 0;
    while (ir_scan_accept(s, "\"")) {
        for (; ir_hex_digit(ir_scan_peek(s)) >= 0; s->c.at++) {
            bits = bits << 4 | (unsigned)ir_hex_digit(ir_scan_peek(s));
            n++;
            if (out != NULL && n % per_element == 0) {
                ir_store_bits(dtype, out, n / per_element - 1, bits);
                bits = 0;
            }
        }
        if (ir_scan_peek(s) != '"') return ir_scan_expected(s, "a hexadecimal digit or '\"'");
        s->c.at++;
    }
    *digits = n;
    return true;
}

/* The numbers of a list: counted if `out` is NULL, else converted. */
static bool parse_numbers(ir_scan *s, orion_ir_dtype dtype, void *out, size_t *count) {
    size_t n = 0;
    do {
        ir_word number = {0};
        if (!ir_scan_number(s, "a number", &number)) return false;
        if (out != NULL && !ir_parse_element(dtype, number.s, number.n, out, n)) {
            return IR_RULE_ERROR(s, IR_DATA, number.at, "%.*s is no number of dtype %s",
                                 IR_SHOWN(number), orion_ir_dtype_name(dtype));
        }
        n++;
    } while (ir_scan_accept(s, ","));
    *count = n;
    return true;
}

/* Find the end of the data and count them; their type is not known yet. */
static bool skip_data(ir_scan *s, data *d) {
    ir_word number;
    ir_scan_blanks(s);
    if (ir_scan_peek(s) == '"') {
        *d = (data){.form = HEX, .begin = s->c};
        return parse_hex(s, ORION_IR_DTYPE_NONE, NULL, &d->count);
    }
    if (ir_scan_accept(s, "[")) {
        *d = (data){.form = NUMBERS, .begin = s->c};
        return parse_numbers(s, ORION_IR_DTYPE_NONE, NULL, &d->count) &&
               ir_scan_expect(s, "]", "',' or ']'");
    }
    *d = (data){.form = ONE_NUMBER, .count = 1, .begin = s->c};
    return ir_scan_number(s, "the data of the constant", &number);
}

/* Do the data have the size of the type, and is that allowed? */
static bool check_size(parser *p, const data *d, const orion_ir_type *type, ir_place at) {
    ir_scan *s = &p->s;
    char text[IR_TYPE_TEXT];
    size_t bytes = orion_ir_type_bytes(type), elements = (size_t)orion_ir_type_elements(type);
    ir_format_type(text, type);
    if (bytes == 0) return IR_RULE_ERROR(s, IR_SHAPE, at, "const: %s is not a legal type", text);
    if (d->form == HEX && d->count != 2 * bytes) {
        return IR_RULE_ERROR(s, IR_DATA, at, "const: %s has %zu hexadecimal digits, %zu are given",
                             text, 2 * bytes, d->count);
    }
    if (d->form == NUMBERS && d->count != elements) {
        return IR_RULE_ERROR(s, IR_DATA, at, "const: %s has %zu elements, %zu are given", text,
                             elements, d->count);
    }
    if (d->form != ONE_NUMBER) return true;
    if (bytes > SPLAT_BYTES_MAX - p->splat_bytes) {
        return IR_RULE_ERROR(
            s, IR_LIMIT, at,
            "const: with %s, the constants written as one number have more than %d bytes", text,
            SPLAT_BYTES_MAX);
    }
    p->splat_bytes += bytes;
    return true;
}

static bool read_data(ir_scan *s, const data *d, const orion_ir_type *type, void *out) {
    orion_ir_dtype dtype = (orion_ir_dtype)type->dtype;
    size_t n;
    s->c = d->begin;
    if (d->form == HEX) return parse_hex(s, dtype, out, &n);
    if (!parse_numbers(s, dtype, out, &n)) return false;
    if (d->form == NUMBERS) return true;
    ir_repeat(out, orion_ir_dtype_bytes(dtype), orion_ir_type_bytes(type));
    return true;
}

/* const. The data are read into memory that the constant then owns. */
static bool parse_const(parser *p, ir_place at, uint32_t *first) {
    ir_scan *s = &p->s;
    data d;
    if (!skip_data(s, &d) || !parse_types(p)) return false;
    p->whole = true;
    if (!check_counts(p, "const", at, 1) || !check_size(p, &d, &p->types[0], at)) return false;
    ir_cursor behind = s->c;
    orion_blob *blob;
    if (orion_blob_copy(NULL, orion_ir_type_bytes(&p->types[0]), &p->allocator, &blob) !=
        ORION_OK) {
        return ir_scan_no_memory(&p->s);
    }
    bool good = read_data(s, &d, &p->types[0], (void *)(uintptr_t)orion_blob_data(blob));
    s->c = behind;
    *first = good ? ir_emit_const(&p->b, p->types[0], blob, 0).id : 0;
    orion_blob_unref(&blob);
    return !good || *first != 0 ? good : builder_failed(p);
}

/* ---- nodes ---- */

/* "[" [ NUMBER { "," NUMBER } ] "]" into the graph's arena. */
static bool parse_ints(parser *p, ir_attr *out) {
    ir_scan *s = &p->s;
    size_t n = 0;
    if (!ir_scan_expect(s, "[", "'['")) return false;
    if (!ir_scan_accept(s, "]")) {
        do {
            if (!ORN_GROW(&p->allocator, p->ints, p->int_capacity, n + 1)) {
                return ir_scan_no_memory(s);
            }
            if (!ir_scan_int(s, "an integer", &p->ints[n++])) return false;
        } while (ir_scan_accept(s, ","));
        if (!ir_scan_expect(s, "]", "',' or ']'")) return false;
    }
    int64_t *copy = orn_arena_alloc(&p->b.graph->arena, ORN_MAX(n, 1) * sizeof *copy);
    if (copy == NULL) return ir_scan_no_memory(s);
    if (n != 0) memcpy(copy, p->ints, n * sizeof *copy);
    *out = (ir_attr){.ints = copy, .count = n};
    return true;
}

static bool parse_attr_value(parser *p, const orion_ir_attr_info *info, ir_attr *out) {
    ir_scan *s = &p->s;
    ir_word w = {0};
    if (info->kind == ORION_IR_ATTR_INTS) return parse_ints(p, out);
    if (info->kind == ORION_IR_ATTR_INT) return ir_scan_int(s, "an integer", &out->i);
    if (!ir_scan_number(s, "the value of the attribute", &w)) return false;
    switch (info->kind) {
    case ORION_IR_ATTR_BOOL:
        out->i = ir_word_is(w, "true");
        if (out->i != 0 || ir_word_is(w, "false")) return true;
        break;
    case ORION_IR_ATTR_DTYPE:
        out->i = ir_dtype_by_name(w.s, w.n);
        if (out->i != ORION_IR_DTYPE_NONE) return true;
        break;
    default:
        if (ir_parse_real(w.s, w.n, &out->f)) return true;
        break;
    }
    return IR_SYNTAX_ERROR(s, w.at, "%.*s is no value for %s", IR_SHOWN(w), info->name);
}

static bool parse_attr(parser *p, const ir_op *op, ir_attr *attrs, bool *set) {
    ir_scan *s = &p->s;
    const orion_ir_attr_info *schema = ir_op_attrs(op);
    ir_word name;
    if (!ir_scan_name(s, "an attribute", &name)) return false;
    if (!ir_scan_expect(s, "=", "'=' and the value of the attribute")) return false;
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        if (!ir_word_is(name, schema[i].name)) continue;
        if (set[i]) {
            return IR_RULE_ERROR(s, IR_ATTRIBUTE, name.at, "%s: attribute %s is given twice",
                                 op->info.name, schema[i].name);
        }
        set[i] = true;
        return parse_attr_value(p, &schema[i], &attrs[i]);
    }
    return IR_RULE_ERROR(s, IR_ATTRIBUTE, name.at, "%s has no attribute \"%.*s\"", op->info.name,
                         IR_SHOWN(name));
}

/* [ value { "," value } ]. Unknown values are reported; the list then has a 0. */
static bool parse_operands(parser *p) {
    ir_scan *s = &p->s;
    p->operand_count = 0;
    ir_scan_blanks(s);
    if (ir_scan_peek(s) != '%') return true;
    do {
        ir_word label = {0};
        if (!ORN_GROW(&p->allocator, p->operands, p->operand_capacity, p->operand_count + 1)) {
            return ir_scan_no_memory(s);
        }
        if (!ir_scan_label(s, &label)) return false;
        p->operands[p->operand_count++] = (orion_ir_value){resolve(p, label)};
    } while (ir_scan_accept(s, ","));
    return true;
}

static bool check_result_types(parser *p, const char *op, ir_place at, uint32_t first) {
    for (size_t i = 0; i < p->type_count; i++) {
        const orion_ir_type *yields = &ir_val(p->b.graph, first + (uint32_t)i)->type;
        char given[IR_TYPE_TEXT], must[IR_TYPE_TEXT];
        if (orion_ir_type_equal(yields, &p->types[i])) continue;
        ir_format_type(given, &p->types[i]);
        ir_format_type(must, yields);
        return IR_RULE_ERROR(&p->s, IR_RESULT_TYPE, at,
                             "%s: result %zu is written as %s, but the op yields %s", op, i, given,
                             must);
    }
    return true;
}

/* op. */
static bool parse_op(parser *p, ir_word name, ir_place at, uint32_t *first) {
    ir_scan *s = &p->s;
    ir_attr attrs[IR_ATTRS_MAX] = {{0}};
    bool set[IR_ATTRS_MAX] = {false};
    const ir_op *op = ir_op_by_name(name.s, name.n);
    if (op == NULL) {
        return IR_RULE_ERROR(s, IR_OP, name.at, "there is no op \"%.*s\"", IR_SHOWN(name));
    }
    if (!parse_operands(p)) return false;
    if (ir_scan_accept(s, "{")) {
        do {
            if (!parse_attr(p, op, attrs, set)) return false;
        } while (ir_scan_accept(s, ","));
        if (!ir_scan_expect(s, "}", "',' or '}'")) return false;
    }
    if (!parse_types(p)) return false;
    p->whole = true;
    for (size_t i = 0; i < p->operand_count; i++) {
        if (p->operands[i].id == 0) return false;
    }
    if (!ir_complete_attributes(&p->b, op, attrs, set)) return builder_failed(p);
    if (!check_counts(p, op->info.name, at, ir_result_count(op, attrs))) return false;
    *first = ir_emit(&p->b, op, p->operands, p->operand_count, attrs).id;
    if (*first == 0) return builder_failed(p);
    return check_result_types(p, op->info.name, at, *first);
}

/* node. On failure `results` holds the labels read so far. */
static bool parse_node(parser *p) {
    ir_scan *s = &p->s;
    ir_word op;
    ir_scan_blanks(s);
    ir_place at = ir_scan_here(s);
    p->b.line = at.line;
    p->b.column = at.column;
    p->result_count = 0;
    p->whole = false;
    do {
        ir_word label = {0};
        if (!ORN_GROW(&p->allocator, p->results, p->result_capacity, p->result_count + 1)) {
            return ir_scan_no_memory(s);
        }
        if (!ir_scan_label(s, &label)) return false;
        p->results[p->result_count++] = label;
    } while (ir_scan_accept(s, ","));
    uint32_t first = 0;
    if (!ir_scan_expect(s, "=", "'=' and an op") || !ir_scan_name(s, "an op", &op)) return false;
    if (!(ir_word_is(op, "const") ? parse_const(p, at, &first) : parse_op(p, op, at, &first))) {
        return false;
    }
    for (size_t i = 0; i < p->result_count; i++) {
        if (!define(p, p->results[i], first + (uint32_t)i)) return false;
    }
    return true;
}

/* Go to the next line that begins with '%' or '}', or to the end. It may be this one, if what was
 * missed is the end of the line before. */
static void skip_to_node(parser *p) {
    ir_scan *s = &p->s;
    while (!ir_scan_at_end(s) &&
           !(ir_scan_at_line_start(s) && (ir_scan_peek(s) == '%' || ir_scan_peek(s) == '}'))) {
        ir_scan_line(s);
        ir_scan_blanks(s);
    }
}

static void parse_body(parser *p) {
    ir_scan *s = &p->s;
    while (s->status != ORION_ERROR_NO_MEMORY && !ir_scan_accept(s, "}")) {
        if (ir_scan_at_end(s)) {
            ir_scan_expected(s, "a node or '}'");
            return;
        }
        if (parse_node(p)) continue;
        poison_results(p);
        if (!p->whole) skip_to_node(p);
    }
}

/* ---- the graph ---- */

static bool parse_input(parser *p) {
    ir_scan *s = &p->s;
    ir_word label;
    orion_ir_type type;
    ir_scan_blanks(s);
    ir_place at = ir_scan_here(s);
    p->b.line = at.line;
    p->b.column = at.column;
    if (!ir_scan_label(s, &label) || !ir_scan_expect(s, ":", "':' and the type of the input") ||
        !parse_type(s, &type)) {
        return false;
    }
    if (ir_is_digit(label.s[0])) {
        IR_RULE_ERROR(s, IR_NAME, label.at, "an input has a name, not a number");
        return enter(p, label, 0);
    }
    if (!check_new(p, label)) return true;
    uint32_t id = ir_emit_input(&p->b, label.s, label.n, type).id;
    if (id == 0) builder_failed(p);
    return enter(p, label, id);
}

static bool parse_output(parser *p) {
    ir_scan *s = &p->s;
    output o = {0};
    ir_scan_blanks(s);
    bool named = ir_scan_peek(s) != '%';
    if (named &&
        (!ir_scan_name(s, "an output", &o.name) || !ir_scan_expect(s, "=", "'=' and a value"))) {
        return false;
    }
    if (!ir_scan_label(s, &o.value)) return false;
    if (!named) o.name = o.value;
    if (!ORN_GROW(&p->allocator, p->outputs, p->output_capacity, p->output_count + 1)) {
        return ir_scan_no_memory(s);
    }
    p->outputs[p->output_count++] = o;
    return true;
}

static bool parse_ports(parser *p, bool (*parse_port)(parser *p)) {
    ir_scan *s = &p->s;
    do {
        if (!parse_port(p)) return false;
    } while (ir_scan_accept(s, ","));
    return ir_scan_expect(s, ")", "',' or ')'");
}

/* "(" [ inputs ] ")" "->" "(" outputs ")" "{" */
static bool parse_signature(parser *p) {
    ir_scan *s = &p->s;
    if (!ir_scan_expect(s, "(", "'(' and the inputs")) return false;
    if (!ir_scan_accept(s, ")") && !parse_ports(p, parse_input)) return false;
    if (!ir_scan_accept(s, "->")) return ir_scan_expected(s, "'->' and the outputs");
    if (!ir_scan_expect(s, "(", "'(' and the outputs") || !parse_ports(p, parse_output))
        return false;
    return ir_scan_expect(s, "{", "'{' and the nodes");
}

/* Outputs stand in front of the nodes and are resolved behind them. */
static void add_outputs(parser *p) {
    ir_scan *s = &p->s;
    for (size_t i = 0; i < p->output_count && s->status != ORION_ERROR_NO_MEMORY; i++) {
        const output *o = &p->outputs[i];
        const uint32_t *id = orn_map_get(&p->labels, o->value.s, o->value.n);
        p->b.line = o->value.at.line;
        p->b.column = o->value.at.column;
        if (id == NULL) {
            IR_RULE_ERROR(s, IR_NAME, o->value.at, "the graph defines no value %%%.*s",
                          IR_SHOWN(o->value));
        } else if (ir_is_digit(o->name.s[0])) {
            IR_RULE_ERROR(s, IR_NAME, o->name.at, "output %zu needs a name in front: NAME = %%%.*s",
                          i, IR_SHOWN(o->value));
        } else if (*id != 0) {
            ir_emit_output(&p->b, o->name.s, o->name.n, (orion_ir_value){*id});
            if (p->b.status != ORION_OK) builder_failed(p);
        }
    }
}

static void parse_graph(parser *p) {
    ir_scan *s = &p->s;
    if (!parse_signature(p)) {
        /* Go on with the nodes, if the line that ends the header can be found. */
        if (s->status == ORION_ERROR_NO_MEMORY) return;
        p->lost_inputs = true;
        p->output_count = 0;
        if (!ir_scan_find(s, '{')) return;
    }
    parse_body(p);
    if (s->status == ORION_ERROR_NO_MEMORY) return;
    ir_scan_blanks(s);
    if (!ir_scan_at_end(s) && s->status != ORION_ERROR_SYNTAX)
        ir_scan_expected(s, "the end of the text");
    add_outputs(p);
}

/* "oir" "1" "graph" "@" NAME: without these the text is none of ours and nothing else is read. */
static bool parse_head(parser *p, ir_word *name) {
    ir_scan *s = &p->s;
    ir_word w = {0};
    if (!ir_scan_name(s, "\"oir 1\"", &w)) return false;
    if (!ir_word_is(w, "oir")) {
        return IR_SYNTAX_ERROR(s, w.at, "the text does not begin with \"oir 1\"");
    }
    if (!ir_scan_number(s, "the version", &w)) return false;
    if (!ir_word_is(w, "1")) {
        return IR_SYNTAX_ERROR(s, w.at, "the text has version %.*s; this library reads version 1",
                               IR_SHOWN(w));
    }
    if (!ir_scan_name(s, "\"graph\"", &w)) return false;
    if (!ir_word_is(w, "graph")) {
        return IR_SYNTAX_ERROR(s, w.at, "expected \"graph\", found \"%.*s\"", IR_SHOWN(w));
    }
    return ir_scan_expect(s, "@", "'@' and the name of the graph") &&
           ir_scan_name(s, "the name of the graph", name);
}

static void parse_file(parser *p) {
    ir_scan *s = &p->s;
    ir_word name;
    char text[IR_NAME_LENGTH_MAX + 1];
    if ((uint64_t)(p->s.end - p->s.c.at) > UINT32_MAX) {
        IR_RULE_ERROR(s, IR_LIMIT, ir_scan_here(s), "the text is longer than 4 GiB");
        return;
    }
    if (!parse_head(p, &name)) return;
    memcpy(text, name.s, name.n);
    text[name.n] = '\0';
    if (ir_graph_create(text, &p->allocator, &p->b.graph) != ORION_OK) {
        ir_scan_no_memory(s);
        return;
    }
    parse_graph(p);
    if (s->status == ORION_OK) s->status = orion_ir_verify(p->b.graph, p->b.diag);
}

orion_status orion_ir_parse(const char *text, size_t length, const char *source,
                            const orion_allocator *allocator, orion_diag *diag,
                            orion_ir_graph **out_graph) {
    parser p = {.s = {.c = {text, text, 1}, .end = text + length, .source = source, .diag = diag},
                .b = {.diag = diag, .source = source},
                .allocator = orn_allocator(allocator)};
    *out_graph = NULL;
    orn_map_init(&p.labels, &p.allocator);
    parse_file(&p);
    if (p.s.status == ORION_OK) {
        *out_graph = p.b.graph;
    } else {
        orion_ir_graph_destroy(&p.b.graph);
    }
    orn_map_free(&p.labels);
    orn_free(&p.allocator, p.results, p.result_capacity * sizeof *p.results);
    orn_free(&p.allocator, p.operands, p.operand_capacity * sizeof *p.operands);
    orn_free(&p.allocator, p.types, p.type_capacity * sizeof *p.types);
    orn_free(&p.allocator, p.ints, p.int_capacity * sizeof *p.ints);
    orn_free(&p.allocator, p.outputs, p.output_capacity * sizeof *p.outputs);
    return p.s.status;
}
