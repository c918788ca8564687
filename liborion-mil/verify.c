/* SPDX-License-Identifier: MIT */
/* What the grammar cannot say of a MIL program: names defined once and before use, literals that
 * fit their types. */
#include "mil-internal.h"

static bool report(orion_message message, orion_diag *diag, const char *source,
                   const orion_mil_value *v, const char *subject, const char *text,
                   const char *name) {
    orn_diag(diag, ORION_SEVERITY_ERROR, message, source, v->line, v->column, subject, "%s%s", text,
             name);
    return false;
}

/* ---- literals ---- */

/* Least and greatest integer of a dtype; false for floats, bool and string. */
static bool integer_range(orion_mil_dtype dtype, int64_t *low, int64_t *high) {
    uint32_t bits = orion_mil_dtype_bits(dtype);
    switch (dtype) {
    case ORION_MIL_INT4:
    case ORION_MIL_INT8:
    case ORION_MIL_INT16:
    case ORION_MIL_INT32:
    case ORION_MIL_INT64:
        *high = bits == 64 ? INT64_MAX : ((int64_t)1 << (bits - 1)) - 1;
        *low = -*high - 1;
        return true;
    case ORION_MIL_UINT1:
    case ORION_MIL_UINT2:
    case ORION_MIL_UINT3:
    case ORION_MIL_UINT4:
    case ORION_MIL_UINT6:
    case ORION_MIL_UINT8:
    case ORION_MIL_UINT16:
    case ORION_MIL_UINT32:
    case ORION_MIL_UINT64:
        *high = bits == 64 ? INT64_MAX : ((int64_t)1 << bits) - 1;
        *low = 0;
        return true;
    default: return false;
    }
}

static bool scalar_fits(const orion_mil_value *v, orion_mil_dtype dtype) {
    int64_t low, high;
    if (dtype == ORION_MIL_STRING) return v->form == ORION_MIL_VALUE_STRING;
    if (dtype == ORION_MIL_BOOL) {
        return v->form == ORION_MIL_VALUE_BOOL ||
               (v->form == ORION_MIL_VALUE_INT && (v->u.i == 0 || v->u.i == 1));
    }
    if ((v->flags & MIL_VALUE_HUGE) != 0 && v->form == ORION_MIL_VALUE_INT)
        return dtype == ORION_MIL_UINT64 || !integer_range(dtype, &low, &high);
    if (integer_range(dtype, &low, &high))
        return v->form == ORION_MIL_VALUE_INT && v->u.i >= low && v->u.i <= high;
    return v->form == ORION_MIL_VALUE_INT || v->form == ORION_MIL_VALUE_FLOAT;
}

/* Nested lists must have the type's shape; a flat list must have its number of elements. */
static bool check_list(const orion_mil_value *v, const orion_mil_type *type, uint32_t axis,
                       const char *source, orion_diag *diag) {
    bool flat = axis == 0 && type->rank > 1 &&
                (v->count == 0 || v->u.items[0].form != ORION_MIL_VALUE_LIST);
    int64_t want = axis < type->rank ? type->dims[axis].extent : 0;
    if (flat) {
        want = 1;
        for (uint32_t i = 0; i < type->rank; i++) {
            if (type->dims[i].symbol != NULL ||
                __builtin_mul_overflow(want, type->dims[i].extent, &want)) {
                return report(ORION_MESSAGE_MIL_TYPE, diag, source, v, NULL,
                              "a literal needs a known shape", "");
            }
        }
    }
    if (want == ORION_MIL_DIM_UNKNOWN) want = v->count;
    if (want != (int64_t)v->count) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_TYPE, source, v->line, v->column,
                 NULL, "the list has %u items, its type says %lld", (unsigned)v->count,
                 (long long)want);
        return false;
    }
    for (uint32_t i = 0; i < v->count; i++) {
        const orion_mil_value *item = &v->u.items[i];
        if (!flat && axis + 1 < type->rank) {
            if (item->form != ORION_MIL_VALUE_LIST || item->type != NULL) {
                return report(ORION_MESSAGE_MIL_TYPE, diag, source, item, NULL,
                              "expected a nested list", "");
            }
            if (!check_list(item, type, axis + 1, source, diag)) return false;
        } else if (item->type != NULL || !scalar_fits(item, (orion_mil_dtype)type->dtype)) {
            return report(ORION_MESSAGE_MIL_TYPE, diag, source, item, NULL, "not a value of type ",
                          orion_mil_dtype_name((orion_mil_dtype)type->dtype));
        }
    }
    return true;
}

bool mil_check_literal(const orion_mil_value *v, const char *source, orion_diag *diag) {
    const orion_mil_type *type = v->type;
    if (type == NULL || type->form != ORION_MIL_TYPE_TENSOR) return true;
    const char *dtype = orion_mil_dtype_name((orion_mil_dtype)type->dtype);
    if (v->form == ORION_MIL_VALUE_BLOB) {
        return orion_mil_dtype_bits((orion_mil_dtype)type->dtype) != 0 ||
               report(ORION_MESSAGE_MIL_TYPE, diag, source, v, NULL, "a weight file cannot hold ",
                      dtype);
    }
    if (v->form == ORION_MIL_VALUE_LIST) {
        return type->rank != 0 ? check_list(v, type, 0, source, diag)
                               : report(ORION_MESSAGE_MIL_TYPE, diag, source, v, NULL,
                                        "a list for a scalar ", dtype);
    }
    if (!scalar_fits(v, (orion_mil_dtype)type->dtype)) {
        return report(ORION_MESSAGE_MIL_TYPE, diag, source, v, NULL, "not a value of type ", dtype);
    }
    for (uint32_t i = 0; i < type->rank; i++) { /* one number for a tensor of one element */
        if (type->dims[i].extent != 1) {
            return report(ORION_MESSAGE_MIL_TYPE, diag, source, v, NULL,
                          "one value for a tensor of several ", dtype);
        }
    }
    return true;
}

/* ---- names ---- */

typedef struct checker {
    orn_map defined; /* name -> 1 */
    const char *source;
    orion_diag *diag;
    size_t *violations;
    bool outputs; /* look at returned names too */
} checker;

static orion_status define(checker *c, const mil_port *port) {
    size_t n = strlen(port->name);
    if (orn_map_get(&c->defined, port->name, n) != NULL) {
        orn_diag(c->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_NAME, c->source, port->line,
                 port->column, port->name, "'%s' is defined twice", port->name);
        ++*c->violations;
    }
    return orn_map_put(&c->defined, port->name, n, 1);
}

static void check_value(checker *c, const orion_mil_value *v, bool names) {
    if (v->form == ORION_MIL_VALUE_NAME && names &&
        orn_map_get(&c->defined, v->u.text, strlen(v->u.text)) == NULL) {
        orn_diag(c->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_NAME, c->source, v->line,
                 v->column, v->u.text, "'%s' is not defined before this use", v->u.text);
        ++*c->violations;
    }
    if (v->type != NULL) {
        if (!mil_check_literal(v, c->source, c->diag)) ++*c->violations;
        if (v->type->form == ORION_MIL_TYPE_TENSOR) return;
    }
    for (size_t i = 0; i < orion_mil_value_count(v); i++) check_value(c, &v->u.items[i], names);
}

static void check_bindings(checker *c, const mil_binding *bindings, uint32_t count, bool names) {
    for (uint32_t i = 0; i < count; i++) {
        check_value(c, &bindings[i].value, names);
        /* Ops have few arguments, so comparing all pairs is fine; a text with thousands is checked
         * up to a limit. */
        for (uint32_t j = 0; j < ORN_MIN(i, 64u); j++) {
            if (strcmp(bindings[i].name, bindings[j].name) != 0) continue;
            report(ORION_MESSAGE_MIL_PARAMETER, c->diag, c->source, &bindings[i].value,
                   bindings[i].name, "given twice: ", bindings[i].name);
            ++*c->violations;
            break;
        }
    }
}

static orion_status check_function(checker *c, const orion_mil_function *f) {
    check_bindings(c, f->attributes, f->attribute_count, false);
    for (uint32_t i = 0; i < f->parameter_count; i++) TRY(define(c, &f->parameters[i]));
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        check_bindings(c, s->arguments, s->argument_count, true);
        check_bindings(c, s->attributes, s->attribute_count, false);
        for (uint32_t r = 0; r < s->result_count; r++) TRY(define(c, &s->results[r]));
    }
    for (uint32_t i = 0; i < f->output_count && c->outputs; i++) {
        const mil_output *o = &f->outputs[i];
        if (orn_map_get(&c->defined, o->name, strlen(o->name)) != NULL) continue;
        orn_diag(c->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_NAME, c->source, o->line,
                 o->column, o->name, "the function returns '%s', which is not defined", o->name);
        ++*c->violations;
    }
    return ORION_OK;
}

static orion_status verify_function(const orion_mil_program *p, const orion_mil_function *f,
                                    bool outputs, orion_diag *diag, size_t *violations) {
    checker c = {.source = p->source, .diag = diag, .violations = violations, .outputs = outputs};
    orn_map_init(&c.defined, &p->arena.allocator);
    orion_status status = check_function(&c, f);
    orn_map_free(&c.defined);
    return status;
}

orion_status mil_verify_function(const orion_mil_program *p, const orion_mil_function *f,
                                 orion_diag *diag, size_t *violations) {
    return verify_function(p, f, true, diag, violations);
}

orion_status mil_verify(const orion_mil_program *program, bool outputs, orion_diag *diag,
                        size_t *violations) {
    checker c = {.source = program->source, .diag = diag, .violations = violations};
    check_bindings(&c, program->attributes, (uint32_t)program->attribute_count, false);
    orn_map functions;
    orn_map_init(&functions, &program->arena.allocator);
    orion_status status = ORION_OK;
    for (size_t i = 0; i < program->function_count && status == ORION_OK; i++) {
        const orion_mil_function *f = &program->functions[i];
        if (orn_map_get(&functions, f->name, strlen(f->name)) != NULL) {
            orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_NAME, program->source, f->line,
                     f->column, f->name, "function '%s' is defined twice", f->name);
            ++*violations;
        }
        status = orn_map_put(&functions, f->name, strlen(f->name), 1);
        if (status == ORION_OK) status = verify_function(program, f, outputs, diag, violations);
    }
    orn_map_free(&functions);
    return status;
}

orion_status orion_mil_verify(const orion_mil_program *program, orion_diag *diag) {
    size_t violations = 0;
    TRY(mil_verify(program, true, diag, &violations));
    return violations == 0 ? ORION_OK : ORION_ERROR_VERIFY;
}
