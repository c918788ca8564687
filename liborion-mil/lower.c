/* SPDX-License-Identifier: MIT */
/*
 * A graph to a MIL program for target "cpu": model ops stay whole, every parameter is a named const
 * of its own.
 *
 * Names come first. Inputs and outputs keep theirs; so do named values, as far as they are unique;
 * the rest become v<id>. Then one pass over the nodes emits, per node, its parameters and the op. A
 * value that is returned twice, an input or a constant that is returned directly gets an `identity`
 * whose name attribute begins with orion_output_, which raising takes away again.
 */
#include "mil-internal.h"

#include <math.h>

typedef struct lowering {
    const orion_ir_graph *graph;
    orion_mil_program *program;
    orion_mil_function *function;
    orion_mil_blob_writer *writer;
    orion_diag *diag;
    const char *weights_path;
    const char **value_names;  /* [value bound] */
    const char **output_alias; /* [output count] name of the identity it needs, or NULL */
    size_t inline_elements;
    bool terse;
    orn_map names; /* taken names -> next suffix to try */
    orn_text scratch;
    mil_binding *arguments; /* of the op being built */
    size_t argument_count, argument_capacity;
} lowering;

#define NO_MEMORY_IF(condition)                                                                    \
    do {                                                                                           \
        if (condition) return ORION_ERROR_NO_MEMORY;                                               \
    } while (0)

/* ---- names ---- */

static orion_status intern(lowering *l, const char *s, size_t n, const char **out) {
    *out = mil_intern(l->program, s, n);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static bool is_letter(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

/* A MIL identifier like `base` that nothing else has: other bytes become _, words of the grammar
 * and taken names get a suffix. */
static orion_status unique_name(lowering *l, const char *base, const char **out) {
    orn_text *t = &l->scratch;
    orn_text clean;
    orn_text_init(&clean, &t->allocator);
    if (!is_letter(base[0])) orn_text_char(&clean, '_');
    for (const char *s = base; *s != '\0'; s++)
        orn_text_char(&clean, is_letter(*s) || (*s >= '0' && *s <= '9') ? *s : '_');
    if (!clean.failed && (strcmp(clean.data, "true") == 0 || strcmp(clean.data, "false") == 0))
        orn_text_char(&clean, '_');
    const char *key = clean.failed ? NULL : mil_intern(l->program, clean.data, clean.size);
    size_t key_size = clean.size;
    orn_text_free(&clean);
    NO_MEMORY_IF(key == NULL);
    const uint32_t *taken = orn_map_get(&l->names, key, key_size);
    if (taken == NULL) {
        *out = key;
        return orn_map_put(&l->names, key, key_size, 1);
    }
    for (uint32_t suffix = *taken;; suffix++) {
        t->size = 0;
        orn_text_printf(t, "%s_%u", key, (unsigned)suffix);
        NO_MEMORY_IF(t->failed);
        if (orn_map_get(&l->names, t->data, t->size) != NULL) continue;
        TRY(intern(l, t->data, t->size, out));
        TRY(orn_map_put(&l->names, key, key_size, suffix + 1));
        return orn_map_put(&l->names, *out, t->size, 1);
    }
}

/* ---- values and types of the syntax tree ---- */

static orion_status tensor_type(lowering *l, const orion_ir_type *type,
                                const orion_mil_type **out) {
    *out = mil_type_tensor(l->program, orion_mil_dtype_from_ir((orion_ir_dtype)type->dtype),
                           type->rank, type->dims, l->terse);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status scalar_type(lowering *l, orion_mil_dtype dtype, const orion_mil_type **out) {
    *out = mil_type_tensor(l->program, dtype, 0, NULL, l->terse);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_mil_value int_value(int64_t i) {
    return (orion_mil_value){.form = ORION_MIL_VALUE_INT, .u.i = i};
}

static orion_mil_value bool_value(bool b) {
    return (orion_mil_value){.form = ORION_MIL_VALUE_BOOL, .u.i = b};
}

/* Hexadecimal if the element type holds the number exactly, as Apple's tools write it; else the
 * shortest decimal. */
static orion_mil_value float_value(double f, orion_mil_dtype dtype) {
    bool exact = dtype == ORION_MIL_FP16 ? (double)orn_f32_from_f16(orn_f16_from_f64(f)) == f
                 : dtype == ORION_MIL_BF16
                     ? (double)orn_f32_from_bf16(orn_bf16_from_f32((float)f)) == f
                     : (double)(float)f == f;
    return (orion_mil_value){
        .form = ORION_MIL_VALUE_FLOAT, .flags = exact ? MIL_VALUE_HEX : 0, .u.f = f};
}

static orion_status string_value(lowering *l, const char *s, orion_mil_value *out) {
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_STRING};
    TRY(intern(l, s, strlen(s), &out->u.text));
    return scalar_type(l, ORION_MIL_STRING, &out->type);
}

static orion_mil_value name_value(const char *name) {
    return (orion_mil_value){.form = ORION_MIL_VALUE_NAME, .u.text = name};
}

/* A rank 1 list of integers or booleans. */
static orion_status list_value(lowering *l, orion_mil_dtype dtype, const int64_t *items,
                               size_t count, orion_mil_value *out) {
    orion_mil_value *copy = orn_arena_alloc(&l->program->arena, count * sizeof *copy);
    NO_MEMORY_IF(copy == NULL);
    for (size_t i = 0; i < count; i++)
        copy[i] = dtype == ORION_MIL_BOOL ? bool_value(items[i] != 0) : int_value(items[i]);
    *out =
        (orion_mil_value){.form = ORION_MIL_VALUE_LIST, .count = (uint32_t)count, .u.items = copy};
    int64_t dim = (int64_t)count;
    out->type = mil_type_tensor(l->program, dtype, 1, &dim, l->terse);
    NO_MEMORY_IF(out->type == NULL);
    return ORION_OK;
}

/* ---- statements ---- */

/* Where results and their types go: the arena. */
static orion_status new_statement(lowering *l, const char *op, const mil_port *results,
                                  size_t result_count, const char *name_attribute,
                                  orion_mil_statement **out) {
    orion_mil_statement *s = mil_statement_add(l->program, l->function);
    mil_binding *attributes = orn_arena_alloc(&l->program->arena, 2 * sizeof *attributes);
    NO_MEMORY_IF(s == NULL || attributes == NULL);
    s->results = MIL_COPY(l->program, results, result_count);
    NO_MEMORY_IF(s->results == NULL);
    s->result_count = (uint32_t)result_count;
    TRY(intern(l, op, strlen(op), &s->op));
    TRY(intern(l, "name", 4, &attributes[0].name));
    TRY(string_value(l, name_attribute, &attributes[0].value));
    s->attributes = attributes;
    s->attribute_count = 1;
    *out = s;
    return ORION_OK;
}

/* `T name = const()[name = "name", val = value]`. */
static orion_status emit_const(lowering *l, const char *name, orion_mil_value value) {
    orion_mil_statement *s;
    mil_port result = {.name = name, .type = value.type};
    TRY(new_statement(l, "const", &result, 1, name, &s));
    mil_binding *attributes = (mil_binding *)s->attributes; /* made above, with room for two */
    TRY(intern(l, "val", 3, &attributes[1].name));
    attributes[1].value = value;
    s->attribute_count = 2;
    return ORION_OK;
}

static orion_status add_argument(lowering *l, const char *name, orion_mil_value value) {
    NO_MEMORY_IF(!ORN_GROW(&l->program->arena.allocator, l->arguments, l->argument_capacity,
                           l->argument_count + 1));
    mil_binding *b = &l->arguments[l->argument_count];
    b->value = value;
    TRY(intern(l, name, strlen(name), &b->name));
    l->argument_count++;
    return ORION_OK;
}

/* A const of its own for a parameter, named after the result it is for. */
static orion_status add_parameter(lowering *l, const char *result, const char *parameter,
                                  orion_mil_value value) {
    orn_text base;
    const char *name = NULL;
    orn_text_init(&base, &l->program->arena.allocator);
    orn_text_printf(&base, "%s_%s_0", result, parameter);
    orion_status status = base.failed ? ORION_ERROR_NO_MEMORY : unique_name(l, base.data, &name);
    orn_text_free(&base);
    TRY(status);
    TRY(emit_const(l, name, value));
    return add_argument(l, parameter, name_value(name));
}

/* ---- parameters ---- */

static orion_mil_dtype operand_dtype(const lowering *l, const orion_ir_node *node) {
    return orion_mil_dtype_from_ir(
        (orion_ir_dtype)orion_ir_value_type(l->graph, orion_ir_node_input(node, 0)).dtype);
}

static bool is_float(orion_mil_dtype dtype) {
    return dtype == ORION_MIL_FP16 || dtype == ORION_MIL_FP32 || dtype == ORION_MIL_BF16;
}

/* A number of `dtype`; integer types take f without its fraction, within 32 bits. */
static orion_status number_value(lowering *l, double f, orion_mil_dtype dtype,
                                 orion_mil_value *out) {
    double near = isnan(f) ? 0 : ORN_MAX(ORN_MIN(f, (double)INT32_MAX), (double)INT32_MIN);
    *out = is_float(dtype)           ? float_value(f, dtype)
           : dtype == ORION_MIL_BOOL ? bool_value(f != 0)
                                     : int_value((int64_t)near);
    return scalar_type(l, dtype, &out->type);
}

static orion_status attr_value(lowering *l, const orion_ir_node *node, const mil_row *row,
                               orion_mil_value *out) {
    size_t count;
    const int64_t *ints;
    switch (row->kind) {
    case MIL_KIND_INT:
        *out = int_value(orion_ir_node_int(node, row->attr));
        return scalar_type(l, ORION_MIL_INT32, &out->type);
    case MIL_KIND_BOOL:
        *out = bool_value(orion_ir_node_int(node, row->attr) != 0);
        return scalar_type(l, ORION_MIL_BOOL, &out->type);
    case MIL_KIND_INTS:
        ints = orion_ir_node_ints(node, row->attr, &count);
        return list_value(l, ORION_MIL_INT32, ints, count, out);
    case MIL_KIND_DTYPE:
        return string_value(l,
                            orion_mil_dtype_name(orion_mil_dtype_from_ir(
                                (orion_ir_dtype)orion_ir_node_int(node, row->attr))),
                            out);
    case MIL_KIND_FLOATX:
        return number_value(l, orion_ir_node_float(node, row->attr), operand_dtype(l, node), out);
    default: return number_value(l, orion_ir_node_float(node, row->attr), ORION_MIL_FP32, out);
    }
}

static orion_status fixed_value(lowering *l, const orion_ir_node *node, const mil_row *row,
                                orion_mil_value *out) {
    int64_t number = 0;
    (void)orn_parse_i64(row->value, strlen(row->value), &number); /* words are not numbers */
    int64_t none[ORION_IR_RANK_MAX] = {0};
    switch (row->kind) {
    case MIL_KIND_INT: *out = int_value(number); return scalar_type(l, ORION_MIL_INT32, &out->type);
    case MIL_KIND_BOOL:
        *out = bool_value(strcmp(row->value, "true") == 0);
        return scalar_type(l, ORION_MIL_BOOL, &out->type);
    case MIL_KIND_INTS: return list_value(l, ORION_MIL_INT32, &number, 1, out);
    case MIL_KIND_MASK:
        return list_value(l, ORION_MIL_BOOL, none,
                          orion_ir_value_type(l->graph, orion_ir_node_input(node, 0)).rank, out);
    case MIL_KIND_FLOATX: return number_value(l, (double)number, operand_dtype(l, node), out);
    default: return string_value(l, row->value, out);
    }
}

/* ---- one op ---- */

static const char *value_name(const lowering *l, orion_ir_value v) {
    return l->value_names[v.id];
}

static int by_name(const mil_binding *a, const mil_binding *b) {
    return strcmp(a->name, b->name);
}

/* Arguments in the order of their names, as Apple's tools print them: few, so insertion sort. */
static void sort_arguments(lowering *l) {
    for (size_t i = 1; i < l->argument_count; i++) {
        mil_binding b = l->arguments[i];
        size_t at = i;
        for (; at > 0 && by_name(&b, &l->arguments[at - 1]) < 0; at--)
            l->arguments[at] = l->arguments[at - 1];
        l->arguments[at] = b;
    }
}

/* The op itself, with the arguments gathered. `prefix` goes before the name attribute, if any. */
static orion_status emit_op(lowering *l, const orion_ir_node *node, const char *op,
                            const char *prefix) {
    size_t count = orion_ir_node_result_count(node);
    orion_allocator *a = &l->program->arena.allocator;
    mil_port one, *results = count == 1 ? &one : orn_alloc(a, count * sizeof *results);
    NO_MEMORY_IF(results == NULL);
    orion_status status = ORION_OK;
    for (size_t i = 0; i < count && status == ORION_OK; i++) {
        orion_ir_value v = orion_ir_node_result(node, i);
        orion_ir_type type = orion_ir_value_type(l->graph, v);
        results[i] = (mil_port){.name = value_name(l, v)};
        status = tensor_type(l, &type, &results[i].type);
    }
    orn_text name;
    orn_text_init(&name, a);
    /* A name of the user's own must not look like one of ours. */
    const char *first = value_name(l, orion_ir_node_result(node, 0));
    if (prefix == NULL && strncmp(first, "orion_", 6) == 0) prefix = "op_";
    orn_text_printf(&name, "%s%s", prefix == NULL ? "" : prefix, first);
    orion_mil_statement *s = NULL;
    if (status == ORION_OK) status = name.failed ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) status = new_statement(l, op, results, count, name.data, &s);
    orn_text_free(&name);
    if (results != &one) orn_free(a, results, count * sizeof *results);
    TRY(status);
    sort_arguments(l);
    s->arguments = MIL_COPY(l->program, l->arguments, l->argument_count);
    NO_MEMORY_IF(s->arguments == NULL);
    s->argument_count = (uint32_t)l->argument_count;
    return ORION_OK;
}

/* A tuple of operands. */
static orion_status add_many(lowering *l, const orion_ir_node *node, size_t from,
                             const char *argument) {
    size_t count = orion_ir_node_input_count(node) - from;
    orion_mil_value *items = orn_arena_alloc(&l->program->arena, count * sizeof *items);
    NO_MEMORY_IF(items == NULL);
    for (size_t i = 0; i < count; i++)
        items[i] = name_value(value_name(l, orion_ir_node_input(node, from + i)));
    return add_argument(l, argument,
                        (orion_mil_value){.form = ORION_MIL_VALUE_TUPLE,
                                          .count = (uint32_t)count,
                                          .u.items = items});
}

/* All arguments that the table gives for the node's op. */
static orion_status add_rows(lowering *l, const orion_ir_node *node) {
    const char *result = value_name(l, orion_ir_node_result(node, 0));
    size_t count, input = 0;
    const mil_row *rows = mil_rows(orion_ir_node_op(node), &count);
    for (size_t i = 0; i < count; i++) {
        const mil_row *row = &rows[i];
        orion_mil_value value;
        if (row->role == MIL_ROLE_IN) {
            if (row->need == MIL_NEED_MANY) {
                TRY(add_many(l, node, input, row->name));
            } else if (input < orion_ir_node_input_count(node)) {
                TRY(add_argument(l, row->name,
                                 name_value(value_name(l, orion_ir_node_input(node, input++)))));
            }
            continue;
        }
        TRY(row->role == MIL_ROLE_ATTR ? attr_value(l, node, row, &value)
                                       : fixed_value(l, node, row, &value));
        TRY(add_parameter(l, result, row->name, value));
    }
    return ORION_OK;
}

static orion_status lower_generic(lowering *l, const orion_ir_node *node, const char *op,
                                  const char *prefix) {
    TRY(add_rows(l, node));
    return emit_op(l, node, op, prefix);
}

/* Both carry their hint in the name attribute; the table says the rest. */
#define lower_neg       lower_generic
#define lower_embedding lower_generic

static orion_status lower_gelu(lowering *l, const orion_ir_node *node, const char *op,
                               const char *prefix) {
    orion_mil_value mode;
    TRY(add_rows(l, node));
    TRY(string_value(
        l, orion_ir_node_int(node, "tanh_approximation") != 0 ? "TANH_APPROXIMATION" : "EXACT",
        &mode));
    TRY(add_parameter(l, value_name(l, orion_ir_node_result(node, 0)), "mode", mode));
    return emit_op(l, node, op, prefix);
}

/* before and after, interleaved: [before 0, after 0, before 1, after 1 ...]. */
static orion_status lower_pad(lowering *l, const orion_ir_node *node, const char *op,
                              const char *prefix) {
    int64_t both[2 * ORION_IR_RANK_MAX];
    size_t rank, after_count;
    const int64_t *before = orion_ir_node_ints(node, "before", &rank);
    const int64_t *after = orion_ir_node_ints(node, "after", &after_count);
    for (size_t i = 0; i < rank; i++) {
        both[2 * i] = before[i];
        both[2 * i + 1] = after[i];
    }
    orion_mil_value pad;
    TRY(add_rows(l, node));
    TRY(list_value(l, ORION_MIL_INT32, both, 2 * rank, &pad));
    TRY(add_parameter(l, value_name(l, orion_ir_node_result(node, 0)), "pad", pad));
    return emit_op(l, node, op, prefix);
}

/* MIL's own attention where it means the same: as many key heads as query heads, scale 1/sqrt(D),
 * nothing masked. */
static orion_status lower_attention(lowering *l, const orion_ir_node *node, const char *op,
                                    const char *prefix) {
    static const char *const arguments[] = {"query", "key", "value"};
    orion_ir_type q = orion_ir_value_type(l->graph, orion_ir_node_input(node, 0));
    orion_ir_type k = orion_ir_value_type(l->graph, orion_ir_node_input(node, 1));
    bool plain = orion_ir_node_input_count(node) == 3 && q.dims[1] == k.dims[1] &&
                 q.dims[0] == k.dims[0] && orion_ir_node_float(node, "scale") == 0 &&
                 orion_ir_node_int(node, "causal") == 0;
    if (!plain) return lower_generic(l, node, op, prefix);
    for (size_t i = 0; i < 3; i++) {
        TRY(add_argument(l, arguments[i], name_value(value_name(l, orion_ir_node_input(node, i)))));
    }
    return emit_op(l, node, "scaled_dot_product_attention", prefix);
}

/* ---- constants ---- */

static double element(const unsigned char *data, orion_mil_dtype dtype, size_t i) {
    uint16_t h;
    uint32_t w;
    switch (dtype) {
    case ORION_MIL_FP16: memcpy(&h, data + 2 * i, 2); return (double)orn_f32_from_f16(h);
    case ORION_MIL_BF16: memcpy(&h, data + 2 * i, 2); return (double)orn_f32_from_bf16(h);
    case ORION_MIL_UINT16: memcpy(&h, data + 2 * i, 2); return h;
    case ORION_MIL_FP32: memcpy(&w, data + 4 * i, 4); return (double)orn_bits_f32(w);
    case ORION_MIL_INT32: memcpy(&w, data + 4 * i, 4); return (int32_t)w;
    case ORION_MIL_INT8: return (int8_t)data[i];
    default: return data[i];
    }
}

/* Text cannot carry the payload of a NaN; the weight file can. */
static bool has_nan(const unsigned char *data, orion_mil_dtype dtype, size_t count) {
    for (size_t i = 0; is_float(dtype) && i < count; i++) {
        if (isnan(element(data, dtype, i))) return true;
    }
    return false;
}

/* Nested lists of the type's shape from `axis` on; `*data` moves along. */
static orion_status nested(lowering *l, const orion_ir_type *type, uint32_t axis,
                           const unsigned char *data, size_t *at, orion_mil_value *out) {
    orion_mil_dtype dtype = orion_mil_dtype_from_ir((orion_ir_dtype)type->dtype);
    if (axis == type->rank) {
        double v = element(data, dtype, (*at)++);
        *out = is_float(dtype)           ? float_value(v, dtype)
               : dtype == ORION_MIL_BOOL ? bool_value(v != 0)
                                         : int_value((int64_t)v);
        return ORION_OK;
    }
    size_t count = (size_t)type->dims[axis];
    orion_mil_value *items = orn_arena_alloc(&l->program->arena, count * sizeof *items);
    NO_MEMORY_IF(items == NULL);
    for (size_t i = 0; i < count; i++) TRY(nested(l, type, axis + 1, data, at, &items[i]));
    *out =
        (orion_mil_value){.form = ORION_MIL_VALUE_LIST, .count = (uint32_t)count, .u.items = items};
    return ORION_OK;
}

static orion_status blob_value(lowering *l, const orion_ir_node *node, orion_mil_dtype dtype,
                               uint64_t elements, orion_mil_value *out) {
    size_t at, bytes;
    uint64_t offset;
    orion_blob *blob = orion_ir_node_blob(node, &at);
    (void)orion_ir_node_data(node, &bytes);
    if (l->writer == NULL)
        TRY(orion_mil_blob_writer_create(NULL, &l->program->arena.allocator, &l->writer));
    TRY(orion_mil_blob_writer_add_blob(l->writer, dtype, blob, at, bytes, elements, &offset));
    orion_mil_value *items = orn_arena_alloc(&l->program->arena, 2 * sizeof *items);
    NO_MEMORY_IF(items == NULL);
    TRY(string_value(l, l->weights_path, &items[0]));
    items[1] = int_value((int64_t)offset);
    TRY(scalar_type(l, ORION_MIL_UINT64, &items[1].type));
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_BLOB, .u.items = items};
    return ORION_OK;
}

static orion_status lower_const(lowering *l, const orion_ir_node *node) {
    orion_ir_value v = orion_ir_node_result(node, 0);
    orion_ir_type type = orion_ir_value_type(l->graph, v);
    orion_mil_dtype dtype = orion_mil_dtype_from_ir((orion_ir_dtype)type.dtype);
    size_t elements = (size_t)orion_ir_type_elements(&type), at = 0;
    const unsigned char *data = orion_ir_node_data(node, NULL);
    /* The format of weight files has no bool. */
    bool in_text = dtype == ORION_MIL_BOOL ||
                   (elements <= l->inline_elements && !has_nan(data, dtype, elements));
    orion_mil_value value;
    TRY(in_text ? nested(l, &type, 0, data, &at, &value)
                : blob_value(l, node, dtype, elements, &value));
    TRY(tensor_type(l, &type, &value.type));
    return emit_const(l, value_name(l, v), value);
}

/* ---- the whole graph ---- */

static orion_status lower_node(lowering *l, const orion_ir_node *node) {
    static const struct {
        uint16_t op;
        orion_status (*lower)(lowering *, const orion_ir_node *, const char *, const char *);
    } lowerings[] = {
#define MIL_OP(op_, name_, how, unused) {ORION_IR_OP_##op_, lower_##how},
#include "mil-ops.def"
    };
    orion_ir_op op = orion_ir_node_op(node);
    if (op == ORION_IR_OP_const) return lower_const(l, node);
    const char *prefix, *name = mil_op_name(op, &prefix);
    l->argument_count = 0;
    for (size_t i = 0; i < ORN_COUNT(lowerings); i++) {
        if (lowerings[i].op == op) return lowerings[i].lower(l, node, name, prefix);
    }
    const orion_ir_op_info *info = orion_ir_op_find(op);
    ORN_ERROR(l->diag, MIL_OP, value_name(l, orion_ir_node_result(node, 0)),
              "the IR op %s has no MIL form", info == NULL ? "?" : info->name);
    return ORION_ERROR_UNSUPPORTED;
}

/* Inputs and outputs first, then named values, then the rest. */
static orion_status name_values(lowering *l) {
    const orion_ir_graph *g = l->graph;
    char fresh[16] = "v";
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        const char *name = orion_ir_value_name(g, v);
        TRY(unique_name(l, name == NULL ? "input" : name, &l->value_names[v.id]));
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++) {
        orion_ir_value v = orion_ir_graph_output(g, i);
        const orion_ir_node *node = orion_ir_value_node(g, v);
        bool computed = node != NULL && orion_ir_node_op(node) != ORION_IR_OP_const;
        const char *name = orion_ir_graph_output_name(g, i);
        bool input_itself = node == NULL && orion_ir_value_name(g, v) != NULL &&
                            strcmp(name, orion_ir_value_name(g, v)) == 0;
        if (input_itself) continue;
        bool free_name = computed && l->value_names[v.id] == NULL;
        TRY(unique_name(l, name, free_name ? &l->value_names[v.id] : &l->output_alias[i]));
    }
    for (int named = 1; named >= 0; named--) {
        for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL;
             n = orion_ir_node_next(n)) {
            for (size_t r = 0; r < orion_ir_node_result_count(n); r++) {
                orion_ir_value v = orion_ir_node_result(n, r);
                const char *name = orion_ir_value_name(g, v);
                if (l->value_names[v.id] != NULL || (named != 0) != (name != NULL)) continue;
                if (name == NULL) {
                    size_t at = sizeof fresh - 1;
                    for (uint32_t id = v.id; id != 0 || at == sizeof fresh - 1; id /= 10)
                        fresh[--at] = (char)('0' + id % 10);
                    fresh[--at] = 'v';
                    name = fresh + at;
                }
                TRY(unique_name(l, name, &l->value_names[v.id]));
            }
        }
    }
    return ORION_OK;
}

static orion_status lower_ports(lowering *l) {
    const orion_ir_graph *g = l->graph;
    size_t count = orion_ir_graph_input_count(g);
    mil_port *ports = orn_arena_alloc(&l->program->arena, count * sizeof *ports);
    NO_MEMORY_IF(ports == NULL);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        orion_ir_type type = orion_ir_value_type(g, v);
        ports[i].name = value_name(l, v);
        TRY(tensor_type(l, &type, &ports[i].type));
    }
    l->function->parameters = ports;
    l->function->parameter_count = (uint32_t)count;
    return ORION_OK;
}

/* `out = identity(x = v)[name = "orion_output_out"]` where a name alone does not do. */
static orion_status lower_outputs(lowering *l) {
    const orion_ir_graph *g = l->graph;
    size_t count = orion_ir_graph_output_count(g);
    mil_output *outputs = orn_arena_alloc(&l->program->arena, count * sizeof *outputs);
    NO_MEMORY_IF(outputs == NULL);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_graph_output(g, i);
        orion_ir_type type = orion_ir_value_type(g, v);
        mil_port result = {.name = value_name(l, v)};
        if (l->output_alias[i] != NULL) {
            orion_mil_statement *s = NULL;
            orn_text name;
            result.name = l->output_alias[i];
            TRY(tensor_type(l, &type, &result.type));
            orn_text_init(&name, &l->program->arena.allocator);
            orn_text_printf(&name, "orion_output_%s", result.name);
            orion_status status = name.failed
                                      ? ORION_ERROR_NO_MEMORY
                                      : new_statement(l, "identity", &result, 1, name.data, &s);
            orn_text_free(&name);
            TRY(status);
            mil_binding argument = {.value = name_value(value_name(l, v))};
            TRY(intern(l, "x", 1, &argument.name));
            s->arguments = MIL_COPY(l->program, &argument, 1);
            NO_MEMORY_IF(s->arguments == NULL);
            s->argument_count = 1;
        }
        outputs[i].name = result.name;
    }
    l->function->outputs = outputs;
    l->function->output_count = (uint32_t)count;
    return ORION_OK;
}

/* buildInfo as coremltools writes it; Apple's older compilers want the first row alone. */
static orion_status lower_build_info(lowering *l) {
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
        TRY(string_value(l, info[i], &items[i]));
        items[i].type = NULL;
    }
    TRY(scalar_type(l, ORION_MIL_STRING, &pair[0]));
    pair[1] = pair[0];
    *type = (orion_mil_type){.form = ORION_MIL_TYPE_DICT, .items = pair, .item_count = 2};
    attribute->value = (orion_mil_value){
        .form = ORION_MIL_VALUE_DICT, .type = type, .count = (uint32_t)count, .u.items = items};
    TRY(intern(l, "buildInfo", 9, &attribute->name));
    l->program->attributes = attribute;
    l->program->attribute_count = 1;
    return ORION_OK;
}

static orion_status lower_graph(lowering *l) {
    TRY(intern(l, l->terse ? "1.3" : "1.0", 3, &l->program->version));
    TRY(lower_build_info(l));
    l->function = mil_function_add(l->program);
    NO_MEMORY_IF(l->function == NULL);
    TRY(intern(l, "main", 4, &l->function->name));
    TRY(intern(l, l->terse ? "ios18" : "ios16", 5, &l->function->opset));
    TRY(name_values(l));
    TRY(lower_ports(l));
    for (const orion_ir_node *n = orion_ir_graph_first(l->graph); n != NULL;
         n = orion_ir_node_next(n))
        TRY(lower_node(l, n));
    TRY(lower_outputs(l));
    NO_MEMORY_IF(!mil_function_index(l->function));
    return ORION_OK;
}

static orion_status lower_weights(const lowering *l, orion_mil_weights *weights) {
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
    lowering l = {.graph = graph,
                  .diag = diag,
                  .terse = o.dialect != ORION_MIL_IOS16,
                  .inline_elements = o.inline_elements == 0 ? 64 : o.inline_elements,
                  .weights_path =
                      o.weights_path == NULL ? "@model_path/weights/weight.bin" : o.weights_path};
    orion_mil_weights *weights = NULL;
    l.program = mil_program_new(&a);
    l.value_names = orn_zalloc(&a, values * sizeof *l.value_names);
    l.output_alias = orn_zalloc(&a, outputs * sizeof *l.output_alias);
    orn_map_init(&l.names, &a);
    orn_text_init(&l.scratch, &a);
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
    orn_text_free(&l.scratch);
    if (status != ORION_OK) {
        orion_mil_program_destroy(&l.program);
        orion_mil_weights_destroy(&weights);
        return status;
    }
    *out_program = l.program;
    *out_weights = weights;
    return ORION_OK;
}
