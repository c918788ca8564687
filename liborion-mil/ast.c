/* SPDX-License-Identifier: MIT */
/* The abstract syntax of a MIL program: storage, interned names, element types and accessors. */
#include "mil-internal.h"

/* ---- element types ---- */

static const struct {
    const char *name;
    uint16_t dtype, bits, ir;
} dtypes[] = {
    {"fp16", ORION_MIL_FP16, 16, ORION_IR_F16},
    {"fp32", ORION_MIL_FP32, 32, ORION_IR_F32},
    {"int32", ORION_MIL_INT32, 32, ORION_IR_I32},
    {"bool", ORION_MIL_BOOL, 8, ORION_IR_BOOL},
    {"string", ORION_MIL_STRING, 0, ORION_IR_DTYPE_NONE},
    {"uint64", ORION_MIL_UINT64, 64, ORION_IR_DTYPE_NONE},
    {"uint8", ORION_MIL_UINT8, 8, ORION_IR_U8},
    {"int8", ORION_MIL_INT8, 8, ORION_IR_I8},
    {"bf16", ORION_MIL_BF16, 16, ORION_IR_BF16},
    {"int16", ORION_MIL_INT16, 16, ORION_IR_DTYPE_NONE},
    {"uint16", ORION_MIL_UINT16, 16, ORION_IR_U16},
    {"int4", ORION_MIL_INT4, 4, ORION_IR_DTYPE_NONE},
    {"uint1", ORION_MIL_UINT1, 1, ORION_IR_DTYPE_NONE},
    {"uint2", ORION_MIL_UINT2, 2, ORION_IR_DTYPE_NONE},
    {"uint3", ORION_MIL_UINT3, 3, ORION_IR_DTYPE_NONE},
    {"uint4", ORION_MIL_UINT4, 4, ORION_IR_DTYPE_NONE},
    {"uint6", ORION_MIL_UINT6, 6, ORION_IR_DTYPE_NONE},
    {"uint32", ORION_MIL_UINT32, 32, ORION_IR_DTYPE_NONE},
    {"fp8e4m3fn", ORION_MIL_FP8E4M3FN, 8, ORION_IR_DTYPE_NONE},
    {"fp8e5m2", ORION_MIL_FP8E5M2, 8, ORION_IR_DTYPE_NONE},
    {"fp64", ORION_MIL_FP64, 64, ORION_IR_DTYPE_NONE},
    {"int64", ORION_MIL_INT64, 64, ORION_IR_DTYPE_NONE},
};

orion_mil_dtype mil_dtype_lookup(const char *name, size_t n) {
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        if (strlen(dtypes[i].name) == n && memcmp(dtypes[i].name, name, n) == 0) {
            return (orion_mil_dtype)dtypes[i].dtype;
        }
    }
    return ORION_MIL_DTYPE_NONE;
}

const char *orion_mil_dtype_name(orion_mil_dtype dtype) {
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    }
    return "none";
}

orion_mil_dtype orion_mil_dtype_from_name(const char *name) {
    return name == NULL ? ORION_MIL_DTYPE_NONE : mil_dtype_lookup(name, strlen(name));
}

uint32_t orion_mil_dtype_bits(orion_mil_dtype dtype) {
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) return dtypes[i].bits;
    }
    return 0;
}

orion_ir_dtype orion_mil_dtype_to_ir(orion_mil_dtype dtype) {
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) return (orion_ir_dtype)dtypes[i].ir;
    }
    return ORION_IR_DTYPE_NONE;
}

orion_mil_dtype orion_mil_dtype_from_ir(orion_ir_dtype dtype) {
    for (size_t i = 0; i < ORN_COUNT(dtypes) && dtype != ORION_IR_DTYPE_NONE; i++) {
        if (dtypes[i].ir == dtype) return (orion_mil_dtype)dtypes[i].dtype;
    }
    return ORION_MIL_DTYPE_NONE;
}

/* ---- building ---- */

orion_mil_program *mil_program_new(const orion_allocator *allocator) {
    orion_allocator a = orn_allocator(allocator);
    orion_mil_program *p = orn_zalloc(&a, sizeof *p);
    if (p == NULL) return NULL;
    orn_arena_init(&p->arena, &a);
    orn_map_init(&p->string_map, &a);
    p->version = "";
    return p;
}

void orion_mil_program_destroy(orion_mil_program **program) {
    if (program == NULL || *program == NULL) return;
    orion_mil_program *p = *program;
    *program = NULL;
    orion_allocator a = p->arena.allocator;
    for (size_t i = 0; i < p->function_count; i++) {
        orion_mil_function *f = &p->functions[i];
        orn_free(&a, f->statements, f->statement_capacity * sizeof *f->statements);
        orn_map_free(&f->names);
    }
    orn_free(&a, p->functions, p->function_capacity * sizeof *p->functions);
    orn_free(&a, p->strings, p->string_capacity * sizeof *p->strings);
    orn_map_free(&p->string_map);
    orn_arena_clear(&p->arena);
    orn_free(&a, p, sizeof *p);
}

const char *mil_intern(orion_mil_program *p, const char *s, size_t n) {
    const uint32_t *known = orn_map_get(&p->string_map, s, n);
    if (known != NULL) return p->strings[*known];
    if (p->string_count >= UINT32_MAX) return NULL;
    char *copy = orn_arena_strndup(&p->arena, s, n);
    if (copy == NULL ||
        !ORN_GROW(&p->arena.allocator, p->strings, p->string_capacity, p->string_count + 1) ||
        orn_map_put(&p->string_map, copy, n, (uint32_t)p->string_count) != ORION_OK) {
        return NULL;
    }
    p->strings[p->string_count++] = copy;
    return copy;
}

void *mil_copy(orion_mil_program *p, const void *items, size_t count, size_t size) {
    size_t bytes;
    if (!orn_mul(count, size, &bytes)) return NULL;
    void *copy = orn_arena_alloc(&p->arena, bytes);
    if (copy != NULL && bytes != 0) memcpy(copy, items, bytes);
    return copy;
}

orion_mil_type *mil_type_tensor(orion_mil_program *p, orion_mil_dtype dtype, size_t rank,
                                const int64_t *dims, bool terse) {
    orion_mil_type *type = orn_arena_alloc(&p->arena, sizeof *type);
    mil_dim *copy = rank == 0 ? NULL : orn_arena_alloc(&p->arena, rank * sizeof *copy);
    if (type == NULL || (rank != 0 && copy == NULL)) return NULL;
    for (size_t i = 0; i < rank; i++) copy[i].extent = dims[i];
    *type = (orion_mil_type){.dims = copy,
                             .rank = (uint32_t)rank,
                             .form = ORION_MIL_TYPE_TENSOR,
                             .dtype = (uint16_t)dtype,
                             .terse = rank == 0 && terse};
    return type;
}

orion_mil_function *mil_function_add(orion_mil_program *p) {
    if (!ORN_GROW(&p->arena.allocator, p->functions, p->function_capacity, p->function_count + 1))
        return NULL;
    orion_mil_function *f = &p->functions[p->function_count++];
    memset(f, 0, sizeof *f);
    f->name = f->opset = "";
    orn_map_init(&f->names, &p->arena.allocator);
    return f;
}

orion_mil_statement *mil_statement_add(orion_mil_program *p, orion_mil_function *f) {
    if (f->statement_count >= MIL_PARAMETER ||
        !ORN_GROW(&p->arena.allocator, f->statements, f->statement_capacity,
                  f->statement_count + 1)) {
        return NULL;
    }
    orion_mil_statement *s = &f->statements[f->statement_count++];
    memset(s, 0, sizeof *s);
    s->op = s->opset = "";
    return s;
}

static bool index_name(orion_mil_function *f, const char *name, uint32_t value) {
    size_t n = strlen(name);
    return orn_map_get(&f->names, name, n) != NULL ||
           orn_map_put(&f->names, name, n, value) == ORION_OK;
}

bool mil_function_index(orion_mil_function *f) {
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        if (!index_name(f, f->parameters[i].name, MIL_PARAMETER | i)) return false;
    }
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        for (uint32_t r = 0; r < s->result_count; r++) {
            if (!index_name(f, s->results[r].name, (uint32_t)i)) return false;
        }
    }
    return true;
}

/* ---- accessors: program ---- */

const char *orion_mil_program_version(const orion_mil_program *program) {
    return program->version;
}

const char *orion_mil_program_source(const orion_mil_program *program) {
    return program->source;
}

size_t orion_mil_program_attribute_count(const orion_mil_program *program) {
    return program->attribute_count;
}

const char *orion_mil_program_attribute_name(const orion_mil_program *program, size_t i) {
    return i < program->attribute_count ? program->attributes[i].name : NULL;
}

const orion_mil_value *orion_mil_program_attribute(const orion_mil_program *program, size_t i) {
    return i < program->attribute_count ? &program->attributes[i].value : NULL;
}

size_t orion_mil_program_function_count(const orion_mil_program *program) {
    return program->function_count;
}

const orion_mil_function *orion_mil_program_function(const orion_mil_program *program, size_t i) {
    return i < program->function_count ? &program->functions[i] : NULL;
}

const orion_mil_function *orion_mil_program_find(const orion_mil_program *program,
                                                 const char *name) {
    for (size_t i = 0; i < program->function_count; i++) {
        if (strcmp(program->functions[i].name, name) == 0) return &program->functions[i];
    }
    return NULL;
}

/* ---- accessors: function ---- */

const char *orion_mil_function_name(const orion_mil_function *function) {
    return function->name;
}

const char *orion_mil_function_opset(const orion_mil_function *function) {
    return function->opset;
}

uint32_t orion_mil_function_line(const orion_mil_function *function) {
    return function->line;
}

size_t orion_mil_function_parameter_count(const orion_mil_function *function) {
    return function->parameter_count;
}

const char *orion_mil_function_parameter_name(const orion_mil_function *function, size_t i) {
    return i < function->parameter_count ? function->parameters[i].name : NULL;
}

const orion_mil_type *orion_mil_function_parameter_type(const orion_mil_function *function,
                                                        size_t i) {
    return i < function->parameter_count ? function->parameters[i].type : NULL;
}

size_t orion_mil_function_attribute_count(const orion_mil_function *function) {
    return function->attribute_count;
}

const char *orion_mil_function_attribute_name(const orion_mil_function *function, size_t i) {
    return i < function->attribute_count ? function->attributes[i].name : NULL;
}

const orion_mil_value *orion_mil_function_attribute(const orion_mil_function *function, size_t i) {
    return i < function->attribute_count ? &function->attributes[i].value : NULL;
}

size_t orion_mil_function_statement_count(const orion_mil_function *function) {
    return function->statement_count;
}

const orion_mil_statement *orion_mil_function_statement(const orion_mil_function *function,
                                                        size_t i) {
    return i < function->statement_count ? &function->statements[i] : NULL;
}

size_t orion_mil_function_output_count(const orion_mil_function *function) {
    return function->output_count;
}

const char *orion_mil_function_output(const orion_mil_function *function, size_t i) {
    return i < function->output_count ? function->outputs[i].name : NULL;
}

const orion_mil_statement *orion_mil_function_definition(const orion_mil_function *function,
                                                         const char *name) {
    const uint32_t *at = orn_map_get(&function->names, name, strlen(name));
    return at == NULL || (*at & MIL_PARAMETER) != 0 ? NULL : &function->statements[*at];
}

const orion_mil_type *orion_mil_function_type_of(const orion_mil_function *function,
                                                 const char *name) {
    const uint32_t *at = orn_map_get(&function->names, name, strlen(name));
    if (at == NULL) return NULL;
    if ((*at & MIL_PARAMETER) != 0) return function->parameters[*at & ~MIL_PARAMETER].type;
    const orion_mil_statement *s = &function->statements[*at];
    for (uint32_t r = 0; r < s->result_count; r++) {
        if (strcmp(s->results[r].name, name) == 0) return s->results[r].type;
    }
    return NULL;
}

/* ---- accessors: statement ---- */

const char *orion_mil_statement_op(const orion_mil_statement *statement) {
    return statement->op;
}

const char *orion_mil_statement_opset(const orion_mil_statement *statement) {
    return statement->opset;
}

uint32_t orion_mil_statement_line(const orion_mil_statement *statement) {
    return statement->line;
}

uint32_t orion_mil_statement_column(const orion_mil_statement *statement) {
    return statement->column;
}

size_t orion_mil_statement_result_count(const orion_mil_statement *statement) {
    return statement->result_count;
}

const char *orion_mil_statement_result_name(const orion_mil_statement *statement, size_t i) {
    return i < statement->result_count ? statement->results[i].name : NULL;
}

const orion_mil_type *orion_mil_statement_result_type(const orion_mil_statement *statement,
                                                      size_t i) {
    return i < statement->result_count ? statement->results[i].type : NULL;
}

static const orion_mil_value *find(const mil_binding *bindings, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(bindings[i].name, name) == 0) return &bindings[i].value;
    }
    return NULL;
}

size_t orion_mil_statement_argument_count(const orion_mil_statement *statement) {
    return statement->argument_count;
}

const char *orion_mil_statement_argument_name(const orion_mil_statement *statement, size_t i) {
    return i < statement->argument_count ? statement->arguments[i].name : NULL;
}

const orion_mil_value *orion_mil_statement_argument(const orion_mil_statement *statement,
                                                    size_t i) {
    return i < statement->argument_count ? &statement->arguments[i].value : NULL;
}

const orion_mil_value *orion_mil_statement_find_argument(const orion_mil_statement *statement,
                                                         const char *name) {
    return find(statement->arguments, statement->argument_count, name);
}

size_t orion_mil_statement_attribute_count(const orion_mil_statement *statement) {
    return statement->attribute_count;
}

const char *orion_mil_statement_attribute_name(const orion_mil_statement *statement, size_t i) {
    return i < statement->attribute_count ? statement->attributes[i].name : NULL;
}

const orion_mil_value *orion_mil_statement_attribute(const orion_mil_statement *statement,
                                                     size_t i) {
    return i < statement->attribute_count ? &statement->attributes[i].value : NULL;
}

const orion_mil_value *orion_mil_statement_find_attribute(const orion_mil_statement *statement,
                                                          const char *name) {
    return find(statement->attributes, statement->attribute_count, name);
}

/* ---- accessors: type ---- */

orion_mil_type_form orion_mil_type_kind(const orion_mil_type *type) {
    return type == NULL ? ORION_MIL_TYPE_NONE : (orion_mil_type_form)type->form;
}

orion_mil_dtype orion_mil_type_dtype(const orion_mil_type *type) {
    return type == NULL ? ORION_MIL_DTYPE_NONE : (orion_mil_dtype)type->dtype;
}

size_t orion_mil_type_rank(const orion_mil_type *type) {
    return type == NULL ? 0 : type->rank;
}

int64_t orion_mil_type_dim(const orion_mil_type *type, size_t i) {
    return type == NULL || i >= type->rank ? 0 : type->dims[i].extent;
}

const char *orion_mil_type_symbol(const orion_mil_type *type, size_t i) {
    return type == NULL || i >= type->rank ? NULL : type->dims[i].symbol;
}

size_t orion_mil_type_item_count(const orion_mil_type *type) {
    return type == NULL ? 0 : type->item_count;
}

const orion_mil_type *orion_mil_type_item(const orion_mil_type *type, size_t i) {
    return type == NULL || i >= type->item_count ? NULL : type->items[i];
}

orion_status orion_mil_type_to_ir(const orion_mil_type *type, orion_ir_type *out_type) {
    memset(out_type, 0, sizeof *out_type);
    if (type == NULL || type->form != ORION_MIL_TYPE_TENSOR || type->rank > ORION_IR_RANK_MAX) {
        return ORION_ERROR_UNSUPPORTED;
    }
    orion_ir_type t = {.dtype = (uint32_t)orion_mil_dtype_to_ir((orion_mil_dtype)type->dtype),
                       .rank = type->rank};
    for (uint32_t i = 0; i < type->rank; i++) t.dims[i] = type->dims[i].extent;
    if (t.dtype == ORION_IR_DTYPE_NONE || orion_ir_type_bytes(&t) == 0)
        return ORION_ERROR_UNSUPPORTED;
    *out_type = t;
    return ORION_OK;
}

/* ---- accessors: value ---- */

orion_mil_value_form orion_mil_value_kind(const orion_mil_value *value) {
    return value == NULL ? ORION_MIL_VALUE_NONE : (orion_mil_value_form)value->form;
}

const orion_mil_type *orion_mil_value_type(const orion_mil_value *value) {
    return value == NULL ? NULL : value->type;
}

uint32_t orion_mil_value_line(const orion_mil_value *value) {
    return value == NULL ? 0 : value->line;
}

uint32_t orion_mil_value_column(const orion_mil_value *value) {
    return value == NULL ? 0 : value->column;
}

int64_t orion_mil_value_int(const orion_mil_value *value) {
    if (value == NULL) return 0;
    return value->form == ORION_MIL_VALUE_INT || value->form == ORION_MIL_VALUE_BOOL ? value->u.i
                                                                                     : 0;
}

double orion_mil_value_float(const orion_mil_value *value) {
    if (value == NULL) return 0;
    if (value->form == ORION_MIL_VALUE_FLOAT) return value->u.f;
    int64_t i = orion_mil_value_int(value);
    return (value->flags & MIL_VALUE_HUGE) != 0 ? (double)(uint64_t)i : (double)i;
}

const char *orion_mil_value_text(const orion_mil_value *value) {
    if (value == NULL) return NULL;
    if (value->form == ORION_MIL_VALUE_BLOB) return value->u.items[0].u.text;
    return value->form == ORION_MIL_VALUE_NAME || value->form == ORION_MIL_VALUE_STRING
               ? value->u.text
               : NULL;
}

uint64_t orion_mil_value_offset(const orion_mil_value *value) {
    return value == NULL || value->form != ORION_MIL_VALUE_BLOB ? 0
                                                                : (uint64_t)value->u.items[1].u.i;
}

static bool has_items(const orion_mil_value *value) {
    return value != NULL &&
           (value->form == ORION_MIL_VALUE_LIST || value->form == ORION_MIL_VALUE_TUPLE ||
            value->form == ORION_MIL_VALUE_DICT);
}

size_t orion_mil_value_count(const orion_mil_value *value) {
    return has_items(value) ? value->count : 0;
}

const orion_mil_value *orion_mil_value_item(const orion_mil_value *value, size_t i) {
    return has_items(value) && i < value->count ? &value->u.items[i] : NULL;
}
