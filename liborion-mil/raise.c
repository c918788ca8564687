/* SPDX-License-Identifier: MIT */
/*
 * MIL to a graph: names, constants, parameters, and every op that the table describes wholly.
 *
 * A const statement makes no node by itself: it binds its name to a literal. Where an op takes it
 * as a parameter the literal is read; where an op takes it as an operand it becomes an IR const,
 * once. To keep our own programs in their order the consts that are operands of table ops are found
 * beforehand and made where they stand.
 *
 * A statement that is refused is reported and its results are marked; what depends on them is
 * skipped, so one run reports every statement that is refused for itself.
 */
#include "mil-raise.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- reporting ---- */

orion_status mil_refuse(mil_raiser *r, const orion_mil_statement *s, orion_message message,
                        const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    orn_diag(r->diag, ORION_SEVERITY_ERROR, message, r->program->source, s->line, s->column,
             s->result_count != 0 ? s->results[0].name : s->op, "%s: %s", s->op, text);
    return message == ORION_MESSAGE_MIL_OP ? ORION_ERROR_UNSUPPORTED : ORION_ERROR_VERIFY;
}

static void print_ir_type(char *buf, size_t size, const orion_ir_type *type) {
    size_t n = (size_t)snprintf(buf, size, "%s[", orion_ir_dtype_name((orion_ir_dtype)type->dtype));
    for (uint32_t i = 0; i < type->rank && n < size; i++) {
        n += (size_t)snprintf(buf + n, size - n, i == 0 ? "%lld" : ",%lld",
                              (long long)type->dims[i]);
    }
    if (n < size) snprintf(buf + n, size - n, "]");
}

/* ---- types ---- */

orion_ir_dtype mil_raise_dtype(orion_mil_dtype dtype) {
    return dtype == ORION_MIL_INT16 ? ORION_IR_I32 : orion_mil_dtype_to_ir(dtype);
}

static orion_status raise_type(const orion_mil_type *type, orion_ir_type *out) {
    if (type != NULL && type->form == ORION_MIL_TYPE_TENSOR && type->dtype == ORION_MIL_INT16) {
        orion_mil_type widened = *type;
        widened.dtype = ORION_MIL_INT32;
        return orion_mil_type_to_ir(&widened, out);
    }
    return orion_mil_type_to_ir(type, out);
}

/* Why raise_type said no. */
static const char *type_problem(const orion_mil_type *type) {
    if (type->form == ORION_MIL_TYPE_STATE) return "a state, which the IR does not have";
    if (type->form != ORION_MIL_TYPE_TENSOR) return "not a tensor";
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i].symbol != NULL) return "of a shape that is not known";
    }
    if (mil_raise_dtype((orion_mil_dtype)type->dtype) == ORION_IR_DTYPE_NONE)
        return "of an element type that the IR does not have";
    return "of a shape past the IR's limits";
}

orion_ir_type mil_raised_type(mil_raiser *r, orion_ir_value v) {
    return orion_ir_builder_type(r->b, v);
}

/* ---- constants ---- */

static void write_element(unsigned char *at, orion_ir_dtype dtype, const orion_mil_value *v) {
    double f = orion_mil_value_float(v);
    int32_t i = (int32_t)orion_mil_value_int(v); /* verified to fit */
    float single = (float)f;
    uint16_t half = 0;
    switch (dtype) {
    case ORION_IR_F32: memcpy(at, &single, 4); break;
    case ORION_IR_F16:
        half = orn_f16_from_f64(f);
        memcpy(at, &half, 2);
        break;
    case ORION_IR_BF16:
        half = orn_bf16_from_f32(single);
        memcpy(at, &half, 2);
        break;
    case ORION_IR_I32: memcpy(at, &i, 4); break;
    case ORION_IR_U16:
        half = (uint16_t)i;
        memcpy(at, &half, 2);
        break;
    default: *at = (unsigned char)i; break;
    }
}

static unsigned char *write_literal(unsigned char *at, const orion_ir_type *type,
                                    const orion_mil_value *v) {
    if (v->form == ORION_MIL_VALUE_LIST) {
        for (uint32_t i = 0; i < v->count; i++) at = write_literal(at, type, &v->u.items[i]);
        return at;
    }
    write_element(at, (orion_ir_dtype)type->dtype, v);
    return at + orion_ir_dtype_bytes((orion_ir_dtype)type->dtype);
}

/* The entry of a weight file that a BLOBFILE value names. */
static orion_status find_entry(mil_raiser *r, const orion_mil_statement *s,
                               const orion_mil_value *v, const orion_mil_type *type,
                               orion_blob **blob, orion_mil_blob_entry *entry) {
    const char *path = orion_mil_value_text(v);
    *blob = orion_mil_weights_find(r->weights, path);
    if (*blob == NULL) {
        mil_refuse(r, s, ORION_MESSAGE_MIL_WEIGHTS, "there is no weight file '%s'", path);
        return ORION_ERROR_NOT_FOUND;
    }
    orion_mil_blob_options options = {.size = sizeof options, .source = path};
    orion_status status = orion_mil_blob_read(
        *blob, orion_mil_value_offset(v), (orion_mil_dtype)type->dtype, &options, r->diag, entry);
    if (status != ORION_OK) {
        mil_refuse(r, s, ORION_MESSAGE_MIL_BLOB, "cannot read its data from '%s' at %llu", path,
                   (unsigned long long)orion_mil_value_offset(v));
    }
    return status;
}

static orion_status make_blob(mil_raiser *r, const orion_mil_statement *s, const orion_mil_value *v,
                              const orion_mil_type *mil_type, const orion_ir_type *type,
                              orion_ir_value *out) {
    orion_blob *blob;
    orion_mil_blob_entry entry;
    TRY(find_entry(r, s, v, mil_type, &blob, &entry));
    uint64_t elements = (uint64_t)orion_ir_type_elements(type);
    if (entry.elements != elements) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "the weight file has %llu elements, the type %llu",
                          (unsigned long long)entry.elements, (unsigned long long)elements);
    }
    if (mil_type->dtype != ORION_MIL_INT16) {
        *out = orion_ir_constant_blob(r->b, *type, blob, (size_t)entry.data_offset);
        return ORION_OK;
    }
    int32_t *wide = orn_arena_alloc(&r->scratch, (size_t)elements * sizeof *wide);
    if (wide == NULL) return ORION_ERROR_NO_MEMORY;
    const unsigned char *data = (const unsigned char *)orion_blob_data(blob) + entry.data_offset;
    for (size_t i = 0; i < elements; i++) {
        int16_t narrow;
        memcpy(&narrow, data + 2 * i, 2);
        wide[i] = narrow;
    }
    *out = orion_ir_constant(r->b, *type, wide, (size_t)elements * sizeof *wide);
    return ORION_OK;
}

/* An IR const of a literal; `mil_type` is what it is declared or spelled as. */
static orion_status make_const(mil_raiser *r, const orion_mil_statement *s,
                               const orion_mil_value *v, const orion_mil_type *mil_type,
                               orion_ir_value *out) {
    orion_ir_type type;
    if (raise_type(mil_type, &type) != ORION_OK) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "a constant is %s", type_problem(mil_type));
    }
    if (v->form == ORION_MIL_VALUE_BLOB) return make_blob(r, s, v, mil_type, &type, out);
    orion_mil_value typed = *v;
    typed.type = mil_type;
    if (!mil_check_literal(&typed, r->program->source, r->diag)) return ORION_ERROR_VERIFY;
    size_t bytes = orion_ir_type_bytes(&type);
    unsigned char *data = orn_alloc(&r->allocator, bytes);
    if (data == NULL) return ORION_ERROR_NO_MEMORY;
    write_literal(data, &type, v);
    *out = orion_ir_constant(r->b, type, data, bytes);
    orn_free(&r->allocator, data, bytes);
    return ORION_OK;
}

/* ---- names and operands ---- */

static mil_raised *find_name(mil_raiser *r, const char *name) {
    const uint32_t *at = orn_map_get(&r->names, name, strlen(name));
    return at == NULL ? NULL : &r->raised[*at];
}

/* The name attribute's text or the variable's, made a name of the graph, if nothing has it yet. */
static const char *graph_name(mil_raiser *r, const char *name) {
    size_t n = ORN_MIN(strlen(name), (size_t)200);
    char *copy = orn_arena_strndup(&r->scratch, name, n);
    if (copy == NULL) return NULL;
    for (size_t i = 0; i < n; i++) {
        if (copy[i] == '@' || copy[i] == '.') copy[i] = '_';
    }
    return copy;
}

static orion_status reserve_name(mil_raiser *r, const char **name) {
    const char *base = *name;
    for (unsigned suffix = 1; orn_map_get(&r->ir_names, *name, strlen(*name)) != NULL; suffix++) {
        char *other = orn_arena_alloc(&r->scratch, 224);
        if (other == NULL) return ORION_ERROR_NO_MEMORY;
        snprintf(other, 224, "%s_%u", base, suffix);
        *name = other;
    }
    return orn_map_put(&r->ir_names, *name, strlen(*name), 1);
}

static orion_status make_raised(mil_raiser *r, mil_raised *x) {
    if (x->value.id != 0) return ORION_OK;
    orion_ir_value v = {0};
    TRY(make_const(r, x->at, x->literal, x->type, &v));
    x->value = v;
    return ORION_OK;
}

static orion_status value_operand(mil_raiser *r, const orion_mil_statement *s, const char *name,
                                  const orion_mil_value *v, orion_ir_value *out) {
    if (v->form == ORION_MIL_VALUE_NAME) {
        mil_raised *x = find_name(r, v->u.text);
        if (x == NULL)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_NAME, "'%s' is not defined", v->u.text);
        if (x->refused != 0) return ORION_ERROR_UNSUPPORTED;
        if (x->value.id == 0) TRY(make_raised(r, x));
        *out = x->value;
        return ORION_OK;
    }
    if (v->type != NULL) return make_const(r, s, v, v->type, out);
    bool number = v->form == ORION_MIL_VALUE_INT || v->form == ORION_MIL_VALUE_FLOAT ||
                  v->form == ORION_MIL_VALUE_BOOL;
    if (!number || r->hint == ORION_MIL_DTYPE_NONE) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "'%s' must be a tensor", name);
    }
    orion_mil_type type = {.form = ORION_MIL_TYPE_TENSOR, .dtype = (uint16_t)r->hint, .terse = 1};
    return make_const(r, s, v, &type, out);
}

orion_status mil_operand(mil_raiser *r, const orion_mil_statement *s, const char *name,
                         bool optional, orion_ir_value *out) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    *out = (orion_ir_value){0};
    if (v != NULL) return value_operand(r, s, name, v, out);
    return optional ? ORION_OK
                    : mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the argument '%s' is missing",
                                 name);
}

orion_status mil_operands(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          const orion_ir_value **out, size_t *count) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    if (v == NULL)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the argument '%s' is missing", name);
    bool tuple = v->form == ORION_MIL_VALUE_TUPLE;
    *count = tuple ? v->count : 1;
    orion_ir_value *values = orn_arena_alloc(&r->scratch, *count * sizeof *values);
    if (values == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < *count; i++)
        TRY(value_operand(r, s, name, tuple ? &v->u.items[i] : v, &values[i]));
    *out = values;
    return ORION_OK;
}

/* ---- parameters ---- */

/* The literal behind a parameter; NULL if it is left out. `*type` is its declared type, if it has
 * one. */
static orion_status parameter(mil_raiser *r, const orion_mil_statement *s, const char *name,
                              bool *given, const orion_mil_value **out,
                              const orion_mil_type **type) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    *out = NULL;
    *type = v == NULL ? NULL : v->type;
    if (given != NULL) *given = v != NULL;
    if (v == NULL) {
        return given != NULL ? ORION_OK
                             : mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                                          "the parameter '%s' is missing", name);
    }
    if (v->form == ORION_MIL_VALUE_NAME) {
        const mil_raised *x = find_name(r, v->u.text);
        if (x == NULL)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_NAME, "'%s' is not defined", v->u.text);
        if (x->refused != 0) return ORION_ERROR_UNSUPPORTED;
        if (x->literal == NULL) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                              "the parameter '%s' must be a constant, '%s' is computed", name,
                              v->u.text);
        }
        *type = x->type;
        v = x->literal;
    }
    *out = v;
    return ORION_OK;
}

static orion_status wrong_kind(mil_raiser *r, const orion_mil_statement *s, const char *name,
                               const char *kind) {
    return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the parameter '%s' must be %s", name,
                      kind);
}

/* A scalar, also when spelled as a list of one. */
static const orion_mil_value *scalar_of(const orion_mil_value *v) {
    while (v->form == ORION_MIL_VALUE_LIST && v->count == 1) v = &v->u.items[0];
    return v;
}

orion_status mil_int(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                     int64_t *out) {
    const orion_mil_value *v;
    const orion_mil_type *type;
    TRY(parameter(r, s, name, given, &v, &type));
    if (v == NULL) return ORION_OK;
    v = scalar_of(v);
    if (v->form != ORION_MIL_VALUE_INT) return wrong_kind(r, s, name, "an integer");
    *out = v->u.i;
    return ORION_OK;
}

orion_status mil_bool(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                      bool *out) {
    const orion_mil_value *v;
    const orion_mil_type *type;
    TRY(parameter(r, s, name, given, &v, &type));
    if (v == NULL) return ORION_OK;
    v = scalar_of(v);
    bool number = v->form == ORION_MIL_VALUE_INT && (v->u.i == 0 || v->u.i == 1);
    if (v->form != ORION_MIL_VALUE_BOOL && !number) return wrong_kind(r, s, name, "true or false");
    *out = v->u.i != 0;
    return ORION_OK;
}

orion_status mil_float(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                       double *out) {
    const orion_mil_value *v;
    const orion_mil_type *type;
    TRY(parameter(r, s, name, given, &v, &type));
    if (v == NULL) return ORION_OK;
    v = scalar_of(v);
    if (v->form != ORION_MIL_VALUE_FLOAT && v->form != ORION_MIL_VALUE_INT)
        return wrong_kind(r, s, name, "a number");
    *out = orion_mil_value_float(v);
    return ORION_OK;
}

orion_status mil_string(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                        const char **out) {
    const orion_mil_value *v;
    const orion_mil_type *type;
    TRY(parameter(r, s, name, given, &v, &type));
    if (v == NULL) return ORION_OK;
    v = scalar_of(v);
    if (v->form != ORION_MIL_VALUE_STRING) return wrong_kind(r, s, name, "a string");
    *out = v->u.text;
    return ORION_OK;
}

static size_t count_leaves(const orion_mil_value *v) {
    if (v->form != ORION_MIL_VALUE_LIST) return 1;
    size_t n = 0;
    for (uint32_t i = 0; i < v->count; i++) n += count_leaves(&v->u.items[i]);
    return n;
}

static bool flatten(const orion_mil_value *v, int64_t **at) {
    if (v->form == ORION_MIL_VALUE_LIST) {
        for (uint32_t i = 0; i < v->count; i++) {
            if (!flatten(&v->u.items[i], at)) return false;
        }
        return true;
    }
    if (v->form != ORION_MIL_VALUE_INT && v->form != ORION_MIL_VALUE_BOOL) return false;
    *(*at)++ = v->u.i;
    return true;
}

/* Long int32 parameters may live in a weight file. */
static orion_status integers_from_blob(mil_raiser *r, const orion_mil_statement *s,
                                       const char *name, const orion_mil_value *v,
                                       const orion_mil_type *type, mil_ints *out) {
    orion_blob *blob;
    orion_mil_blob_entry entry;
    if (type == NULL || type->dtype != ORION_MIL_INT32)
        return wrong_kind(r, s, name, "a list of int32");
    TRY(find_entry(r, s, v, type, &blob, &entry));
    int64_t *items = orn_arena_alloc(&r->scratch, (size_t)entry.elements * sizeof *items);
    if (items == NULL) return ORION_ERROR_NO_MEMORY;
    const unsigned char *data = (const unsigned char *)orion_blob_data(blob) + entry.data_offset;
    for (size_t i = 0; i < entry.elements; i++) {
        int32_t item;
        memcpy(&item, data + 4 * i, 4);
        items[i] = item;
    }
    *out = (mil_ints){items, (size_t)entry.elements};
    return ORION_OK;
}

orion_status mil_integers(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          bool *given, mil_ints *out) {
    const orion_mil_value *v;
    const orion_mil_type *type;
    TRY(parameter(r, s, name, given, &v, &type));
    if (v == NULL) return ORION_OK;
    if (v->form == ORION_MIL_VALUE_BLOB) return integers_from_blob(r, s, name, v, type, out);
    size_t count = count_leaves(v);
    int64_t *items = orn_arena_alloc(&r->scratch, count * sizeof *items), *at = items;
    if (items == NULL) return ORION_ERROR_NO_MEMORY;
    if (!flatten(v, &at)) return wrong_kind(r, s, name, "a list of integers");
    *out = (mil_ints){items, count};
    return ORION_OK;
}

orion_status mil_only(mil_raiser *r, const orion_mil_statement *s, const char *const *names) {
    for (uint32_t i = 0; i < s->argument_count; i++) {
        const char *const *n = names;
        while (*n != NULL && strcmp(*n, s->arguments[i].name) != 0) n++;
        if (*n != NULL) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "there is no parameter '%s'",
                          s->arguments[i].name);
    }
    return ORION_OK;
}

/* ---- ops by the table ---- */

static double number_of(const char *word) {
    double f = 0;
    (void)orn_parse_f64(word, strlen(word),
                        &f); /* words of the table are numbers where numbers are due */
    return f;
}

static orion_status raise_attr(mil_raiser *r, const orion_mil_statement *s, const mil_row *row,
                               const orion_ir_type *x, orion_ir_attr *out) {
    bool given = false, flag = strcmp(row->value, "true") == 0;
    bool *optional = *row->value == '\0' ? NULL : &given;
    mil_ints ints = {NULL, 0};
    const char *word = "";
    *out = (orion_ir_attr){
        .name = row->attr, .i = (int64_t)number_of(row->value), .f = number_of(row->value)};
    switch (row->kind) {
    case MIL_KIND_INT: return mil_int(r, s, row->name, optional, &out->i);
    case MIL_KIND_BOOL:
        TRY(mil_bool(r, s, row->name, optional, &flag));
        out->i = flag;
        return ORION_OK;
    case MIL_KIND_INTS:
        TRY(mil_integers(r, s, row->name, optional, &ints));
        if (optional != NULL && !given) { /* "all" */
            int64_t *all = orn_arena_alloc(&r->scratch, ORION_IR_RANK_MAX * sizeof *all);
            if (all == NULL) return ORION_ERROR_NO_MEMORY;
            for (uint32_t i = 0; i < x->rank; i++) all[i] = i;
            ints = (mil_ints){all, x->rank};
        }
        out->ints = ints.items;
        out->int_count = ints.count;
        return ORION_OK;
    case MIL_KIND_DTYPE:
        TRY(mil_string(r, s, row->name, optional, &word));
        out->i = mil_raise_dtype(orion_mil_dtype_from_name(word));
        if (out->i != ORION_IR_DTYPE_NONE) return ORION_OK;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the IR has no element type '%s'", word);
    default: return mil_float(r, s, row->name, optional, &out->f);
    }
}

/* Is a fixed parameter what it must be? */
static orion_status check_fixed(mil_raiser *r, const orion_mil_statement *s, const mil_row *row) {
    bool given, same = true, flag = false;
    int64_t i = (int64_t)number_of(row->value);
    double f = number_of(row->value);
    const char *word = row->value;
    switch (row->kind) {
    case MIL_KIND_INT:
        TRY(mil_int(r, s, row->name, &given, &i));
        same = i == (int64_t)number_of(row->value);
        break;
    case MIL_KIND_BOOL:
        flag = strcmp(word, "true") == 0;
        TRY(mil_bool(r, s, row->name, &given, &flag));
        same = flag == (strcmp(word, "true") == 0);
        break;
    case MIL_KIND_STRING:
        TRY(mil_string(r, s, row->name, &given, &word));
        same = strcmp(word, row->value) == 0;
        break;
    default:
        TRY(mil_float(r, s, row->name, &given, &f));
        same = f == number_of(row->value);
        break;
    }
    return same ? ORION_OK
                : mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "%s must be %s", row->name, row->value);
}

static orion_status check_known(mil_raiser *r, const orion_mil_statement *s, const mil_row *rows,
                                size_t count) {
    for (uint32_t i = 0; i < s->argument_count; i++) {
        size_t j = 0;
        while (j < count && strcmp(rows[j].name, s->arguments[i].name) != 0) j++;
        if (j < count) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "there is no parameter '%s'",
                          s->arguments[i].name);
    }
    return ORION_OK;
}

orion_status mil_raise_generic(mil_raiser *r, const orion_mil_statement *s, orion_ir_op op,
                               orion_ir_value *out) {
    orion_ir_attr attrs[8];
    orion_ir_value fixed[8];
    const orion_ir_value *inputs = fixed;
    size_t count, input_count = 0, attr_count = 0;
    const mil_row *rows = mil_rows(op, &count);
    TRY(check_known(r, s, rows, count));
    for (size_t i = 0; i < count; i++) {
        if (rows[i].role != MIL_ROLE_IN) continue;
        if (rows[i].need == MIL_NEED_MANY) {
            TRY(mil_operands(r, s, rows[i].name, &inputs, &input_count));
        } else {
            TRY(mil_operand(r, s, rows[i].name, rows[i].need == MIL_NEED_OPTIONAL,
                            &fixed[input_count]));
            if (fixed[input_count].id != 0) input_count++;
        }
    }
    orion_ir_type x = {0};
    if (input_count != 0) x = mil_raised_type(r, inputs[0]);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].role == MIL_ROLE_ATTR)
            TRY(raise_attr(r, s, &rows[i], &x, &attrs[attr_count++]));
        if (rows[i].role == MIL_ROLE_FIXED && rows[i].need == MIL_NEED_SAME)
            TRY(check_fixed(r, s, &rows[i]));
    }
    *out = orion_ir_build(r->b, op, inputs, input_count, attrs, attr_count);
    return ORION_OK;
}

/* ---- statements ---- */

static const orion_mil_value *const_value(const orion_mil_statement *s) {
    const orion_mil_value *v = orion_mil_statement_find_attribute(s, "val");
    return v != NULL ? v : orion_mil_statement_find_argument(s, "val");
}

static bool is_const(const orion_mil_statement *s) {
    return strcmp(s->op, "const") == 0 && s->result_count == 1;
}

static bool same_type(const orion_mil_type *a, const orion_mil_type *b) {
    if (a->form != b->form || a->dtype != b->dtype || a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++) {
        if (a->dims[i].extent != b->dims[i].extent) return false;
    }
    return true;
}

static orion_status raise_const(mil_raiser *r, const orion_mil_statement *s, mil_raised *x) {
    const orion_mil_value *v = const_value(s);
    orion_ir_type unused;
    if (v == NULL)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the attribute 'val' is missing");
    if (v->form == ORION_MIL_VALUE_NAME) return wrong_kind(r, s, "val", "a literal");
    if (v->type != NULL && !same_type(v->type, x->type)) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the value's type is not the declared one");
    }
    x->literal = v;
    bool idle =
        x->used == 0 && raise_type(x->type, &unused) == ORION_OK; /* an unused constant of ours */
    return x->wanted != 0 || idle ? make_raised(r, x) : ORION_OK;
}

/* What the op gives must be what the statement declares. */
static orion_status check_result(mil_raiser *r, const orion_mil_statement *s, uint32_t i,
                                 orion_ir_value v) {
    orion_ir_type made = mil_raised_type(r, v), declared;
    const orion_mil_type *type = s->results[i].type;
    if (made.dtype == ORION_IR_DTYPE_NONE)
        return ORION_ERROR_INVALID_STATE; /* the builder has failed */
    if (raise_type(type, &declared) != ORION_OK) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "'%s' is %s", s->results[i].name,
                          type_problem(type));
    }
    if (orion_ir_type_equal(&made, &declared)) return ORION_OK;
    char is[160], says[160];
    print_ir_type(is, sizeof is, &made);
    print_ir_type(says, sizeof says, &declared);
    return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "gives %s, but '%s' is declared as %s", is,
                      s->results[i].name, says);
}

static orion_status raise_op(mil_raiser *r, const orion_mil_statement *s, mil_raised *results) {
    const mil_raise_op *row = mil_raise_find(s);
    if (row == NULL) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the IR has no counterpart of this op");
    }
    bool multiple = row->op == ORION_IR_OP_split;
    if (s->result_count != 1 && !multiple) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "gives one result, %u are declared",
                          (unsigned)s->result_count);
    }
    r->hint = ORION_MIL_DTYPE_NONE;
    for (uint32_t i = 0; i < s->argument_count && r->hint == ORION_MIL_DTYPE_NONE; i++) {
        const orion_mil_value *v = &s->arguments[i].value;
        const mil_raised *x = v->form == ORION_MIL_VALUE_NAME ? find_name(r, v->u.text) : NULL;
        if (x != NULL && x->literal == NULL) r->hint = (orion_mil_dtype)x->type->dtype;
    }
    orion_ir_value out = {0};
    TRY(row->raise(r, s, (orion_ir_op)row->op, &out));
    for (uint32_t i = 0; i < s->result_count; i++) {
        orion_ir_value v = multiple ? orion_ir_result(r->b, out, i) : out;
        TRY(check_result(r, s, i, v));
        results[i].value = v;
        const char *name = graph_name(r, s->results[i].name);
        if (name == NULL) return ORION_ERROR_NO_MEMORY;
        bool alias = strncmp(mil_name_attribute(s), "orion_output_", 13) == 0;
        if (alias || orn_map_get(&r->ir_names, name, strlen(name)) != NULL) continue;
        TRY(reserve_name(r, &name));
        orion_ir_name(r->b, v, name);
    }
    return ORION_OK;
}

/* ---- the function ---- */

static void mark(mil_raiser *r, const orion_mil_value *v, bool operand) {
    if (v->form == ORION_MIL_VALUE_NAME) {
        mil_raised *x = find_name(r, v->u.text);
        if (x == NULL) return;
        x->used = 1;
        if (operand) x->wanted = 1;
    }
    for (size_t i = 0; i < orion_mil_value_count(v); i++) mark(r, &v->u.items[i], operand);
}

static bool is_operand(const mil_raise_op *row, const char *argument) {
    size_t count;
    const mil_row *rows = mil_rows((orion_ir_op)row->op, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, argument) == 0) return rows[i].role == MIL_ROLE_IN;
    }
    return false;
}

/* Which constants are operands, and which are used at all. */
static void mark_uses(mil_raiser *r) {
    for (size_t i = 0; i < r->function->statement_count; i++) {
        const orion_mil_statement *s = &r->function->statements[i];
        const mil_raise_op *row = mil_raise_find(s);
        for (uint32_t a = 0; a < s->argument_count; a++) {
            mark(r, &s->arguments[a].value,
                 row != NULL && row->generic && is_operand(row, s->arguments[a].name));
        }
    }
    for (uint32_t i = 0; i < r->function->output_count; i++) {
        mil_raised *x = find_name(r, r->function->outputs[i].name);
        if (x != NULL) x->used = x->wanted = 1;
    }
}

static orion_status bind_names(mil_raiser *r) {
    const orion_mil_function *f = r->function;
    size_t count = f->parameter_count, at = 0;
    for (size_t i = 0; i < f->statement_count; i++) count += f->statements[i].result_count;
    r->raised = orn_arena_alloc(&r->scratch, (count + 1) * sizeof *r->raised);
    if (r->raised == NULL) return ORION_ERROR_NO_MEMORY;
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        r->raised[at].type = f->parameters[i].type;
        TRY(orn_map_put(&r->names, f->parameters[i].name, strlen(f->parameters[i].name),
                        (uint32_t)at++));
    }
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        for (uint32_t k = 0; k < s->result_count; k++) {
            r->raised[at].type = s->results[k].type;
            r->raised[at].at = s;
            TRY(orn_map_put(&r->names, s->results[k].name, strlen(s->results[k].name),
                            (uint32_t)at++));
        }
    }
    return ORION_OK;
}

static orion_status raise_parameters(mil_raiser *r) {
    for (uint32_t i = 0; i < r->function->parameter_count; i++) {
        const mil_port *port = &r->function->parameters[i];
        orion_ir_type type;
        if (raise_type(port->type, &type) != ORION_OK) {
            orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_OP, r->program->source,
                     port->line, port->column, port->name, "the parameter '%s' is %s", port->name,
                     type_problem(port->type));
            r->raised[i].refused = 1;
            if (r->refused == ORION_OK) r->refused = ORION_ERROR_UNSUPPORTED;
            continue;
        }
        const char *name = graph_name(r, port->name);
        if (name == NULL) return ORION_ERROR_NO_MEMORY;
        TRY(reserve_name(r, &name));
        r->raised[i].value = orion_ir_input(r->b, name, type);
    }
    return ORION_OK;
}

/* The builder has stopped: say why, at this statement. */
static orion_status builder_failed(mil_raiser *r, const orion_mil_statement *s) {
    orion_diag *why = NULL;
    orion_ir_graph *graph = NULL;
    orion_status status = orion_diag_create(&r->allocator, &why);
    if (status != ORION_OK) return status;
    status = orion_ir_builder_finish(&r->b, why, &graph);
    orion_ir_graph_destroy(&graph);
    if (status != ORION_ERROR_NO_MEMORY) {
        const orion_diag_entry *entry = orion_diag_get(why, 0);
        mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "%s",
                   entry == NULL ? orion_status_string(status) : entry->text);
        status = ORION_ERROR_VERIFY;
    }
    orion_diag_destroy(&why);
    return status;
}

static bool builder_broken(mil_raiser *r, const mil_raised *first, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (first[i].value.id != 0 &&
            mil_raised_type(r, first[i].value).dtype == ORION_IR_DTYPE_NONE)
            return true;
    }
    return false;
}

static orion_status raise_statements(mil_raiser *r) {
    size_t at = r->function->parameter_count;
    for (size_t i = 0; i < r->function->statement_count; i++) {
        const orion_mil_statement *s = &r->function->statements[i];
        mil_raised *results = &r->raised[at];
        at += s->result_count;
        orion_status status = is_const(s) ? raise_const(r, s, results) : raise_op(r, s, results);
        if (status == ORION_ERROR_NO_MEMORY) return status;
        if (status == ORION_ERROR_INVALID_STATE ||
            (status == ORION_OK && builder_broken(r, results, s->result_count))) {
            return builder_failed(r, s);
        }
        if (status == ORION_OK) continue;
        if (r->refused == ORION_OK) r->refused = status;
        for (uint32_t k = 0; k < s->result_count; k++) results[k].refused = 1;
    }
    return ORION_OK;
}

static orion_status raise_outputs(mil_raiser *r) {
    for (uint32_t i = 0; i < r->function->output_count && r->refused == ORION_OK; i++) {
        const char *mil_name = r->function->outputs[i].name;
        const mil_raised *x = find_name(r, mil_name);
        if (x == NULL || x->value.id == 0) {
            orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_NAME, r->program->source,
                     r->function->outputs[i].line, r->function->outputs[i].column, mil_name,
                     "'%s' is returned but is no tensor", mil_name);
            return ORION_ERROR_VERIFY;
        }
        const char *name = graph_name(r, mil_name);
        if (name == NULL) return ORION_ERROR_NO_MEMORY;
        /* The value has this very name, unless another took it. */
        bool own = orn_map_get(&r->ir_names, name, strlen(name)) != NULL;
        for (uint32_t k = 0; k < i && own; k++)
            own = strcmp(r->function->outputs[k].name, mil_name) != 0;
        if (!own || strcmp(name, mil_name) != 0) TRY(reserve_name(r, &name));
        orion_ir_output(r->b, name, x->value);
    }
    return ORION_OK;
}

static orion_status raise_function(mil_raiser *r, orion_ir_graph **out_graph) {
    size_t violations = 0;
    TRY(mil_verify_function(r->program, r->function, r->diag, &violations));
    if (violations != 0) return ORION_ERROR_VERIFY;
    const char *name = graph_name(r, r->function->name);
    if (name == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(orion_ir_builder_create(name, &r->allocator, &r->b));
    TRY(bind_names(r));
    mark_uses(r);
    TRY(raise_parameters(r));
    TRY(raise_statements(r));
    TRY(raise_outputs(r));
    if (r->refused != ORION_OK) return r->refused;
    return orion_ir_builder_finish(&r->b, r->diag, out_graph);
}

orion_status orion_mil_raise(const orion_mil_program *program, const orion_mil_weights *weights,
                             const char *function, const orion_mil_raise_options *options,
                             const orion_allocator *allocator, orion_diag *diag,
                             orion_ir_graph **out_graph) {
    orion_mil_raise_options o;
    *out_graph = NULL;
    TRY(orn_check_size(options, &o, sizeof o));
    const char *name = function == NULL ? "main" : function;
    const orion_mil_function *f = orion_mil_program_find(program, name);
    if (f == NULL) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_FUNCTION, program->source, 0, 0,
                 name, "the program has no function '%s'", name);
        return ORION_ERROR_NOT_FOUND;
    }
    mil_raiser r = {.program = program, .function = f, .weights = weights, .diag = diag};
    r.allocator = orn_allocator(allocator);
    orn_arena_init(&r.scratch, &r.allocator);
    orn_map_init(&r.names, &r.allocator);
    orn_map_init(&r.ir_names, &r.allocator);
    orion_status status = raise_function(&r, out_graph);
    orion_ir_builder_destroy(&r.b);
    orn_map_free(&r.names);
    orn_map_free(&r.ir_names);
    orn_arena_clear(&r.scratch);
    return status;
}
