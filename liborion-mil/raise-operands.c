/* SPDX-License-Identifier: MIT */
/*
 * What a MIL op is given: operands, constant parameters, and the ops that the table describes
 * wholly.
 */
#include "mil-raise.h"

/* ---- types ---- */

/* The next wider element type that the IR has. */
static orion_mil_dtype widened(orion_mil_dtype dtype) {
    switch (dtype) {
    case ORION_MIL_INT16: return ORION_MIL_INT32;
    case ORION_MIL_INT4: return ORION_MIL_INT8;
    case ORION_MIL_UINT1:
    case ORION_MIL_UINT2:
    case ORION_MIL_UINT3:
    case ORION_MIL_UINT4:
    case ORION_MIL_UINT6: return ORION_MIL_UINT8;
    default: return dtype;
    }
}

orion_ir_dtype mil_raise_dtype(orion_mil_dtype dtype) {
    return orion_mil_dtype_to_ir(widened(dtype));
}

orion_status mil_raise_type(const orion_mil_type *type, orion_ir_type *out) {
    if (type == NULL || type->form != ORION_MIL_TYPE_TENSOR) return orion_mil_type_to_ir(type, out);
    orion_mil_type wide = *type;
    wide.dtype = (uint16_t)widened((orion_mil_dtype)type->dtype);
    return orion_mil_type_to_ir(&wide, out);
}

const char *mil_type_problem(const orion_mil_type *type) {
    if (mil_state_type(type) != NULL) type = mil_state_type(type);
    if (type->form != ORION_MIL_TYPE_TENSOR) return "not a tensor";
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i].symbol != NULL) return "of a shape that is not known";
    }
    if (mil_raise_dtype((orion_mil_dtype)type->dtype) == ORION_IR_DTYPE_NONE)
        return "of an element type that the IR does not have";
    return "of a shape past the IR's limits";
}

orion_ir_type mil_raised_type(mil_raiser *r, orion_ir_value v) {
    orion_ir_type type = orion_ir_builder_type(r->b, v);
    if (type.dtype == ORION_IR_DTYPE_NONE) r->broken = true;
    return type;
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
                               uint64_t elements, orion_blob **blob, orion_mil_blob_entry *entry) {
    const char *path = orion_mil_value_text(v);
    *blob = orion_mil_weights_find(r->weights, path);
    if (*blob == NULL) { /* one file may hold everything: once is enough */
        if (orn_map_get(&r->missing, path, strlen(path)) == NULL)
            mil_refuse(r, s, ORION_MESSAGE_MIL_WEIGHTS, "there is no weight file '%s'", path);
        TRY(orn_map_put(&r->missing, path, strlen(path), 1));
        return ORION_ERROR_NOT_FOUND;
    }
    orion_mil_blob_options options = {
        .size = sizeof options, .source = path, .elements = elements, .lenient = r->lenient};
    orion_status status = orion_mil_blob_read(
        *blob, orion_mil_value_offset(v), (orion_mil_dtype)type->dtype, &options, r->diag, entry);
    if (status != ORION_OK) {
        mil_refuse(r, s, ORION_MESSAGE_MIL_BLOB, "cannot read its data from '%s' at %llu", path,
                   (unsigned long long)orion_mil_value_offset(v));
    }
    return status;
}

/* Element i of packed integers; below 8 bits the first stand in the lowest bits. */
static int64_t stored_integer(const unsigned char *data, orion_mil_dtype dtype, size_t i) {
    uint32_t bits = orion_mil_dtype_bits(dtype);
    int32_t word;
    int16_t half;
    uint16_t unsigned_half;
    switch (dtype) {
    case ORION_MIL_INT32: memcpy(&word, data + 4 * i, 4); return word;
    case ORION_MIL_INT16: memcpy(&half, data + 2 * i, 2); return half;
    case ORION_MIL_UINT16: memcpy(&unsigned_half, data + 2 * i, 2); return unsigned_half;
    case ORION_MIL_INT8: return (int8_t)data[i];
    default: break;
    }
    int64_t v = 0;
    for (size_t k = 0; k < bits; k++) {
        size_t at = i * bits + k;
        v |= (int64_t)(data[at / 8] >> at % 8 & 1) << k;
    }
    return dtype == ORION_MIL_INT4 && v > 7 ? v - 16 : v;
}

static orion_status make_blob(mil_raiser *r, const orion_mil_statement *s, const orion_mil_value *v,
                              const orion_mil_type *mil_type, const orion_ir_type *type,
                              orion_ir_value *out) {
    orion_blob *blob;
    orion_mil_blob_entry entry;
    uint64_t elements = (uint64_t)orion_ir_type_elements(type);
    TRY(find_entry(r, s, v, mil_type, elements, &blob, &entry));
    if (entry.elements != elements) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "the weight file has %llu elements, the type %llu",
                          (unsigned long long)entry.elements, (unsigned long long)elements);
    }
    orion_mil_dtype dtype = (orion_mil_dtype)mil_type->dtype;
    if (widened(dtype) == dtype) {
        *out = orion_ir_constant_blob(r->b, *type, blob, (size_t)entry.data_offset);
        return ORION_OK;
    }
    const unsigned char *data = (const unsigned char *)orion_blob_data(blob) + entry.data_offset;
    size_t bytes = orion_ir_type_bytes(type);
    unsigned char *wide = orn_alloc(&r->allocator, bytes);
    if (wide == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < elements; i++) {
        int32_t element = (int32_t)stored_integer(data, dtype, i);
        if (dtype == ORION_MIL_INT16) {
            memcpy(wide + i * sizeof element, &element, sizeof element);
        } else {
            wide[i] = (unsigned char)element;
        }
    }
    *out = orion_ir_constant(r->b, *type, wide, bytes);
    orn_free(&r->allocator, wide, bytes);
    return ORION_OK;
}

orion_status mil_make_const(mil_raiser *r, const orion_mil_statement *s, const orion_mil_value *v,
                            const orion_mil_type *mil_type, orion_ir_value *out) {
    orion_ir_type type;
    if (mil_raise_type(mil_type, &type) != ORION_OK) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "a constant is %s",
                          mil_type_problem(mil_type));
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

/* ---- operands ---- */

static orion_status value_operand(mil_raiser *r, const orion_mil_statement *s, const char *name,
                                  const orion_mil_value *v, orion_ir_value *out) {
    if (v->form == ORION_MIL_VALUE_NAME) {
        mil_raised *x = mil_find_name(r, v->u.text);
        if (x == NULL)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_NAME, "'%s' is not defined", v->u.text);
        if (x->refused) return ORION_ERROR_UNSUPPORTED;
        if (mil_state_type(x->type) != NULL)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                              "'%s' is a state; read_state gives its value", v->u.text);
        TRY(mil_make_raised(r, x));
        *out = x->value;
        return ORION_OK;
    }
    if (v->type != NULL) return mil_make_const(r, s, v, v->type, out);
    bool number = v->form == ORION_MIL_VALUE_INT || v->form == ORION_MIL_VALUE_FLOAT ||
                  v->form == ORION_MIL_VALUE_BOOL;
    if (!number || r->hint == ORION_MIL_DTYPE_NONE) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "'%s' must be a tensor", name);
    }
    orion_mil_type type = {.form = ORION_MIL_TYPE_TENSOR, .dtype = (uint16_t)r->hint, .terse = 1};
    return mil_make_const(r, s, v, &type, out);
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
        mil_raised *x = mil_find_name(r, v->u.text);
        if (x == NULL)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_NAME, "'%s' is not defined", v->u.text);
        if (x->refused) return ORION_ERROR_UNSUPPORTED;
        TRY(mil_fold(r, x));
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

const orion_mil_value *mil_literal(mil_raiser *r, const orion_mil_statement *s, const char *name) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    if (v == NULL || v->form != ORION_MIL_VALUE_NAME) return v;
    const mil_raised *x = mil_find_name(r, v->u.text);
    return x == NULL ? NULL : x->literal;
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
    if (v->form != ORION_MIL_VALUE_INT || (v->flags & MIL_VALUE_HUGE) != 0)
        return wrong_kind(r, s, name, "an integer");
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
    if ((v->flags & MIL_VALUE_HUGE) != 0) return false;
    *(*at)++ = v->u.i;
    return true;
}

/* Long lists of integers may live in a weight file. */
static orion_status integers_from_blob(mil_raiser *r, const orion_mil_statement *s,
                                       const char *name, const orion_mil_value *v,
                                       const orion_mil_type *type, mil_ints *out) {
    orion_blob *blob;
    orion_mil_blob_entry entry;
    orion_mil_dtype dtype = orion_mil_type_dtype(type);
    if (dtype != ORION_MIL_INT32 && dtype != ORION_MIL_INT16 && dtype != ORION_MIL_UINT16 &&
        dtype != ORION_MIL_INT8 && dtype != ORION_MIL_UINT8)
        return wrong_kind(r, s, name, "a list of integers");
    int64_t extent = orion_mil_type_rank(type) == 1 ? orion_mil_type_dim(type, 0) : 0;
    TRY(find_entry(r, s, v, type, extent > 0 ? (uint64_t)extent : 0, &blob, &entry));
    size_t count = (size_t)entry.elements;
    int64_t *items = orn_arena_alloc(&r->scratch, count * sizeof *items);
    if (items == NULL) return ORION_ERROR_NO_MEMORY;
    const unsigned char *data = (const unsigned char *)orion_blob_data(blob) + entry.data_offset;
    for (size_t i = 0; i < count; i++) items[i] = stored_integer(data, dtype, i);
    *out = (mil_ints){items, count};
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

orion_status mil_raise_generic(mil_raiser *r, const orion_mil_statement *s, orion_ir_value *out) {
    orion_ir_attr attrs[8];
    orion_ir_value fixed[8];
    const orion_ir_value *inputs = fixed;
    size_t count, input_count = 0, attr_count = 0;
    const mil_row *rows = mil_rows(r->op, &count);
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
    *out = orion_ir_build(r->b, r->op, inputs, input_count, attrs, attr_count);
    return ORION_OK;
}
