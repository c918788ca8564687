/* SPDX-License-Identifier: MIT */
/* Does a program keep the rules of a target? The driver, and what the checks have in common. */
#include "mil-check.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- findings ---- */

static void finding(mil_checker *c, uint32_t level, mil_place at, const char *fmt, va_list args) {
    static const char *const verdicts[] = {"", "solid", "explained", "doubtful"};
    const orion_mil_rule *rule = c->rule;
    char text[512];
    if (level != c->level) return;
    vsnprintf(text, sizeof text, fmt, args);
    orn_diag(c->diag, (orion_severity)level, ORION_MESSAGE_MIL_RULE, c->program->source, at.line,
             at.column, rule->id, "%s (rule %s of %s)", text, rule->id, c->target->name);
    orn_diag(c->diag, ORION_SEVERITY_NOTE, ORION_MESSAGE_MIL_RULE, c->program->source, at.line,
             at.column, rule->id, "%s (%s; %s)", rule->workaround, verdicts[rule->verdict],
             rule->source);
    c->errors += level == ORION_SEVERITY_ERROR;
}

void mil_finding(mil_checker *c, mil_place at, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    finding(c, c->rule->level, at, fmt, args);
    va_end(args);
}

void mil_doubtful_finding(mil_checker *c, mil_place at, const char *fmt, ...) {
    uint32_t level = c->rule->level;
    if (!c->target->paper) level = ORN_MAX(level, (uint32_t)ORION_SEVERITY_WARNING);
    va_list args;
    va_start(args, fmt);
    finding(c, level, at, fmt, args);
    va_end(args);
}

/* ---- looking at a program ---- */

mil_place mil_place_of(const orion_mil_statement *s) {
    return (mil_place){s->line, s->column};
}

mil_place mil_place_of_function(const orion_mil_function *f) {
    return (mil_place){f->line, f->column};
}

uint64_t mil_limit_of(const mil_checker *c, mil_limit limit) {
    return mil_target_limit(c->target, limit);
}

const char *mil_result_of(const orion_mil_statement *s) {
    return s->result_count == 0 ? "" : s->results[0].name;
}

const orion_mil_type *mil_argument_type(const mil_checker *c, const orion_mil_statement *s,
                                        const char *name) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    if (v == NULL) return NULL;
    if (v->form == ORION_MIL_VALUE_NAME) return orion_mil_function_type_of(c->function, v->u.text);
    return v->type;
}

const orion_mil_value *mil_constant(const mil_checker *c, const orion_mil_value *v) {
    if (v == NULL || v->form != ORION_MIL_VALUE_NAME) return v;
    const orion_mil_statement *s = orion_mil_function_definition(c->function, v->u.text);
    if (s == NULL || strcmp(s->op, "const") != 0) return NULL;
    return orion_mil_statement_find_attribute(s, "val");
}

bool mil_is_constant(const mil_checker *c, const orion_mil_value *v) {
    if (v->form != ORION_MIL_VALUE_NAME) return true;
    const orion_mil_statement *s = orion_mil_function_definition(c->function, v->u.text);
    return s != NULL &&
           (strcmp(s->op, "const") == 0 || strncmp(s->op, "constexpr_", strlen("constexpr_")) == 0);
}

bool mil_is_shaped(const orion_mil_type *type, uint32_t rank) {
    if (type == NULL || type->form != ORION_MIL_TYPE_TENSOR || type->rank < rank) return false;
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i].symbol != NULL) return false;
    }
    return true;
}

uint64_t mil_type_bytes(const orion_mil_type *type) {
    if (!mil_is_shaped(type, 0)) return 0;
    uint64_t bits = orion_mil_dtype_bits((orion_mil_dtype)type->dtype);
    for (uint32_t i = 0; i < type->rank; i++) {
        if (__builtin_mul_overflow(bits, (uint64_t)type->dims[i].extent, &bits)) return UINT64_MAX;
    }
    return bits / 8 + (bits % 8 != 0);
}

/* ---- the driver ---- */

/* The rule if it holds for the target and can be decided, else NULL. */
static const orion_mil_rule *active(const mil_checker *c, const char *id) {
    const mil_rule *rule = mil_rule_find(c->target, id);
    return rule != NULL && rule->shown.enabled && rule->shown.decidable ? &rule->shown : NULL;
}

/* Ops that the target's file refuses, each under the rule that it names. */
static void check_refused_op(mil_checker *c, const orion_mil_statement *s) {
    for (size_t i = 0; i < c->target->op_count; i++) {
        const mil_refused_op *op = &c->target->ops[i];
        if (strcmp(op->op, s->op) != 0) continue;
        c->rule = active(c, op->rule);
        if (c->rule == NULL) return;
        if (op->doubtful) {
            mil_doubtful_finding(c, mil_place_of(s), "%s is not supported: %s", s->op, op->source);
        } else {
            mil_finding(c, mil_place_of(s), "%s is not supported: %s", s->op, op->source);
        }
        return;
    }
}

static void check_function(mil_checker *c, const orion_mil_function *f,
                           const orion_mil_rule *const *statement_rules) {
    c->function = f;
    for (size_t i = 0; i < mil_function_check_count; i++) {
        c->rule = active(c, mil_function_checks[i].rule);
        if (c->rule != NULL) mil_function_checks[i].check(c, f);
    }
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        for (size_t n = 0; n < mil_statement_check_count; n++) {
            const mil_statement_check *row = &mil_statement_checks[n];
            c->rule = statement_rules[n];
            if (c->rule != NULL && (row->op == NULL || strcmp(row->op, s->op) == 0))
                row->check(c, s);
        }
        check_refused_op(c, s);
    }
}

static void check_program(mil_checker *c) {
    enum { ROWS_MAX = 64 };
    const orion_mil_rule *statement_rules[ROWS_MAX] = {NULL};
    for (size_t i = 0; i < mil_statement_check_count; i++)
        statement_rules[i] = active(c, mil_statement_checks[i].rule);
    for (size_t i = 0; i < c->program->function_count; i++)
        check_function(c, &c->program->functions[i], statement_rules);
    uint64_t most = mil_limit_of(c, MIL_LIMIT_FUNCTIONS);
    c->rule = active(c, "X-14");
    if (c->rule != NULL && c->program->function_count > most) {
        mil_finding(c, mil_place_of_function(&c->program->functions[most]),
                    "the program has %zu functions, more than %llu", c->program->function_count,
                    (unsigned long long)most);
    }
}

orion_status orion_mil_check(const orion_mil_program *program, const orion_mil_weights *weights,
                             const orion_mil_target *target, orion_diag *diag) {
    size_t violations = 0;
    mil_checker c = {.program = program, .weights = weights, .target = target, .diag = diag};
    TRY(mil_verify(program, false, diag, &violations));
    /* A list of diagnostics takes so many and no more: what weighs most comes first. */
    for (c.level = ORION_SEVERITY_ERROR; c.level <= ORION_SEVERITY_NOTE; c.level++)
        check_program(&c);
    if (c.status != ORION_OK) return c.status;
    return c.errors + violations == 0 ? ORION_OK : ORION_ERROR_VERIFY;
}
