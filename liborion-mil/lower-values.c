/* SPDX-License-Identifier: MIT */
/* The pieces of a lowered program: types, literals, statements, constants in text or in the weight
 * file. */
#include "mil-lower.h"

#include <math.h>

orion_status mil_lower_intern(mil_lowering *l, const char *s, const char **out) {
    *out = mil_intern(l->program, s, strlen(s));
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

orion_status mil_lower_type(mil_lowering *l, orion_ir_type type, const orion_mil_type **out) {
    *out = mil_type_tensor(l->program, orion_mil_dtype_from_ir((orion_ir_dtype)type.dtype),
                           type.rank, type.dims, l->terse);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status scalar_type(mil_lowering *l, orion_mil_dtype dtype,
                                const orion_mil_type **out) {
    *out = mil_type_tensor(l->program, dtype, 0, NULL, l->terse);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

/* ---- literals ---- */

static bool is_float(orion_mil_dtype dtype) {
    return dtype == ORION_MIL_FP16 || dtype == ORION_MIL_FP32 || dtype == ORION_MIL_BF16;
}

/* Hexadecimal if the element type holds the number exactly, as Apple's tools write it; else the
 * shortest decimal. */
static orion_mil_value plain_float(double f, orion_mil_dtype dtype) {
    bool exact = dtype == ORION_MIL_FP16 ? (double)orn_f32_from_f16(orn_f16_from_f64(f)) == f
                 : dtype == ORION_MIL_BF16
                     ? (double)orn_f32_from_bf16(orn_bf16_from_f32((float)f)) == f
                     : (double)(float)f == f;
    return (orion_mil_value){
        .form = ORION_MIL_VALUE_FLOAT, .flags = exact ? MIL_VALUE_HEX : 0, .u.f = f};
}

/* An element of that dtype; integers are exact in a double. */
static orion_mil_value plain_value(double v, orion_mil_dtype dtype) {
    if (is_float(dtype)) return plain_float(v, dtype);
    if (dtype == ORION_MIL_BOOL)
        return (orion_mil_value){.form = ORION_MIL_VALUE_BOOL, .u.i = v != 0};
    return (orion_mil_value){.form = ORION_MIL_VALUE_INT, .u.i = (int64_t)v};
}

orion_mil_value mil_name_value(const char *name) {
    return (orion_mil_value){.form = ORION_MIL_VALUE_NAME, .u.text = name};
}

orion_status mil_int_value(mil_lowering *l, int64_t i, orion_mil_value *out) {
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_INT, .u.i = i};
    return scalar_type(l, ORION_MIL_INT32, &out->type);
}

orion_status mil_bool_value(mil_lowering *l, bool b, orion_mil_value *out) {
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_BOOL, .u.i = b};
    return scalar_type(l, ORION_MIL_BOOL, &out->type);
}

orion_status mil_string_value(mil_lowering *l, const char *s, orion_mil_value *out) {
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_STRING};
    TRY(mil_lower_intern(l, s, &out->u.text));
    return scalar_type(l, ORION_MIL_STRING, &out->type);
}

orion_status mil_number_value(mil_lowering *l, double f, orion_mil_dtype dtype,
                              orion_mil_value *out) {
    bool whole = !is_float(dtype);
    double near = isnan(f) ? 0 : ORN_MAX(ORN_MIN(f, (double)INT32_MAX), (double)INT32_MIN);
    *out = plain_value(whole ? trunc(near) : f, dtype);
    return scalar_type(l, dtype, &out->type);
}

orion_status mil_list_value(mil_lowering *l, orion_mil_dtype dtype, const int64_t *items,
                            size_t count, orion_mil_value *out) {
    orion_mil_value *copy = orn_arena_alloc(&l->program->arena, count * sizeof *copy);
    NO_MEMORY_IF(copy == NULL);
    for (size_t i = 0; i < count; i++) copy[i] = plain_value((double)items[i], dtype);
    *out =
        (orion_mil_value){.form = ORION_MIL_VALUE_LIST, .count = (uint32_t)count, .u.items = copy};
    int64_t dim = (int64_t)count;
    out->type = mil_type_tensor(l->program, dtype, 1, &dim, l->terse);
    NO_MEMORY_IF(out->type == NULL);
    return ORION_OK;
}

/* ---- statements ---- */

orion_status mil_new_statement(mil_lowering *l, const char *op, const mil_port *results,
                               size_t result_count, const char *name, orion_mil_statement **out) {
    orion_mil_statement *s = mil_statement_add(l->program, l->function);
    mil_binding *attributes = orn_arena_alloc(&l->program->arena, 2 * sizeof *attributes);
    NO_MEMORY_IF(s == NULL || attributes == NULL);
    s->results = MIL_COPY(l->program, results, result_count);
    NO_MEMORY_IF(s->results == NULL);
    s->result_count = (uint32_t)result_count;
    TRY(mil_lower_intern(l, op, &s->op));
    TRY(mil_lower_intern(l, "name", &attributes[0].name));
    TRY(mil_string_value(l, name, &attributes[0].value));
    s->attributes = attributes;
    s->attribute_count = 1;
    *out = s;
    return ORION_OK;
}

orion_status mil_emit_const(mil_lowering *l, const char *name, const char *attribute,
                            orion_mil_value value) {
    orion_mil_statement *s;
    mil_port result = {.name = name, .type = value.type};
    TRY(mil_new_statement(l, "const", &result, 1, attribute, &s));
    mil_binding *attributes = (mil_binding *)s->attributes; /* made above, with room for two */
    TRY(mil_lower_intern(l, "val", &attributes[1].name));
    attributes[1].value = value;
    s->attribute_count = 2;
    return ORION_OK;
}

orion_status mil_name_attribute(mil_lowering *l, orion_ir_value v, const char *hint,
                                const char **out) {
    const char *variable = mil_value_name(l, v), *name = orion_ir_value_name(l->graph, v);
    bool same = name == NULL ? mil_is_made_up(variable) : strcmp(name, variable) == 0;
    /* A name of the user's own must not look like a hint. */
    if (hint == NULL && (!same || strncmp(variable, "orion_", 6) == 0)) hint = MIL_HINT_VALUE;
    l->text.size = 0;
    orn_text_puts(&l->text, hint == NULL ? "" : hint);
    if (name != NULL) {
        orn_text_puts(&l->text, name);
    } else {
        orn_text_printf(&l->text, "_%u", (unsigned)v.id);
    }
    *out = l->text.data;
    return orn_text_status(&l->text);
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

/* Nested lists of the type's shape from `axis` on; `*at` moves along. */
static orion_status nested(mil_lowering *l, const orion_ir_type *type, uint32_t axis,
                           const unsigned char *data, size_t *at, orion_mil_value *out) {
    orion_mil_dtype dtype = orion_mil_dtype_from_ir((orion_ir_dtype)type->dtype);
    if (axis == type->rank) {
        *out = plain_value(element(data, dtype, (*at)++), dtype);
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

static orion_status blob_value(mil_lowering *l, const orion_ir_node *node, orion_mil_dtype dtype,
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
    TRY(mil_string_value(l, l->weights_path, &items[0]));
    items[1] = (orion_mil_value){.form = ORION_MIL_VALUE_INT, .u.i = (int64_t)offset};
    TRY(scalar_type(l, ORION_MIL_UINT64, &items[1].type));
    *out = (orion_mil_value){.form = ORION_MIL_VALUE_BLOB, .u.items = items};
    return ORION_OK;
}

orion_status mil_lower_const(mil_lowering *l, const orion_ir_node *node) {
    orion_ir_value v = orion_ir_node_result(node, 0);
    orion_ir_type type = orion_ir_value_type(l->graph, v);
    orion_mil_dtype dtype = orion_mil_dtype_from_ir((orion_ir_dtype)type.dtype);
    size_t elements = (size_t)orion_ir_type_elements(&type), at = 0;
    const unsigned char *data = orion_ir_node_data(node, NULL);
    /* The format of weight files has no bool. */
    bool in_text = dtype == ORION_MIL_BOOL ||
                   (elements <= l->inline_elements && !has_nan(data, dtype, elements));
    orion_mil_value value;
    const char *attribute;
    TRY(in_text ? nested(l, &type, 0, data, &at, &value)
                : blob_value(l, node, dtype, elements, &value));
    TRY(mil_lower_type(l, type, &value.type));
    TRY(mil_name_attribute(l, v, NULL, &attribute));
    return mil_emit_const(l, mil_value_name(l, v), attribute, value);
}
