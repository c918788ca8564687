/* SPDX-License-Identifier: MIT */
/*
 * MIL ops that are a formula of elementwise IR ops: MIL_FORMULA in mil-ops.def, read as it stands.
 *
 *   expression := sum [ ("<" | "<=" | "==") sum ]
 *   sum        := product { ("+" | "-") product }
 *   product    := unary { ("*" | "/") unary }
 *   unary      := "-" unary | NUMBER | NAME | NAME "(" expression { "," expression } ")"
 *               | "(" expression ")"
 *
 * A NUMBER has the type of the operands, or f32 if it has a point and they are integers. A NAME is
 * a parameter of the formula; with parentheses behind it another formula, float (as f32), int (as
 * i32) or an IR op. Formulas are walked once, emitting nodes on the way; every argument of a
 * formula is emitted once, however often it is used.
 *
 * As a kernel of the whole op would, a formula computes in f32 or i32 and rounds to the element
 * type once at its end. Comparisons, whose result is a bool, need no wider numbers.
 *
 * Formulas are part of the library: a mistake in one gives a value that the builder refuses, which
 * the test of every formula would see.
 */
#include "mil-raise.h"

typedef struct formula {
    const char *name, *parameters, *text;
    const char *integers; /* the text for integer operands; NULL: the same */
} formula;

static const formula formulas[] = {
#define MIL_FORMULA(name_, parameters_, text_)                                                     \
    {.name = name_, .parameters = parameters_, .text = text_},
#define MIL_FORMULA2(name_, parameters_, text_, integers_)                                         \
    {.name = name_, .parameters = parameters_, .text = text_, .integers = integers_},
#define MIL_PHRASE(name_, parameters_, text_) MIL_FORMULA(name_, parameters_, text_)
#include "mil-ops.def"
};

static const formula *find_formula(const char *name, size_t n) {
    for (size_t i = 0; i < ORN_COUNT(formulas); i++) {
        if (strlen(formulas[i].name) == n && memcmp(formulas[i].name, name, n) == 0)
            return &formulas[i];
    }
    return NULL;
}

/* ---- words ---- */

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

typedef struct word {
    const char *at;
    size_t n;
} word;

static word read_word(const char **at) {
    word w = {*at, 0};
    while (is_letter(w.at[w.n]) || (w.n != 0 && is_digit(w.at[w.n]))) w.n++;
    *at += w.n;
    return w;
}

static bool is_word(word w, const char *text) {
    return strlen(text) == w.n && memcmp(w.at, text, w.n) == 0;
}

/* 12, 0.5, 1e-05 */
static double read_number(const char **at) {
    double v = 0;
    const char *from = *at;
    while (is_digit(**at) || **at == '.' || **at == 'e' || (**at == '-' && (*at)[-1] == 'e')) ++*at;
    (void)orn_parse_f64(from, (size_t)(*at - from), &v);
    return v;
}

/* ---- expressions ---- */

enum { PARAMETERS = 4 };

typedef struct scope {
    mil_raiser *r;
    const char *at;
    orion_ir_dtype dtype; /* of numbers */
    size_t count;
    word names[PARAMETERS];
    orion_ir_value values[PARAMETERS];
} scope;

static orion_ir_value expression(scope *s);

static bool skip(scope *s, char c) {
    while (*s->at == ' ') s->at++;
    if (*s->at != c) return false;
    s->at++;
    return true;
}

static orion_ir_value run(mil_raiser *r, const formula *f, orion_ir_dtype dtype,
                          const orion_ir_value *values, size_t count);

/* A formula, or an IR op. */
static orion_ir_value apply(mil_raiser *r, word name, orion_ir_dtype dtype,
                            const orion_ir_value *values, size_t count) {
    const formula *f = find_formula(name.at, name.n);
    if (f != NULL) return run(r, f, dtype, values, count);
    char text[32] = "";
    memcpy(text, name.at, ORN_MIN(name.n, sizeof text - 1));
    const orion_ir_op_info *info = orion_ir_op_from_name(text);
    orion_ir_op op = info == NULL ? ORION_IR_OP_NONE : (orion_ir_op)info->op;
    return orion_ir_build(r->b, op, values, count, NULL, 0);
}

static orion_ir_value call(scope *s, word name) {
    orion_ir_value in[PARAMETERS] = {{0}};
    size_t count = 0;
    do {
        in[count++] = expression(s);
    } while (skip(s, ',') && count < PARAMETERS);
    (void)skip(s, ')');
    if (is_word(name, "float")) return mil_to_dtype(s->r, in[0], ORION_IR_F32);
    if (is_word(name, "int")) return mil_to_dtype(s->r, in[0], ORION_IR_I32);
    return apply(s->r, name, s->dtype, in, count);
}

static orion_ir_value unary(scope *s) {
    if (skip(s, '(')) {
        orion_ir_value v = expression(s);
        (void)skip(s, ')');
        return v;
    }
    bool minus = skip(s, '-');
    if (is_digit(*s->at)) {
        const char *from = s->at;
        double v = read_number(&s->at);
        bool point = memchr(from, '.', (size_t)(s->at - from)) != NULL;
        bool f32 = point && !mil_is_float(s->dtype);
        return mil_scalar(s->r, f32 ? ORION_IR_F32 : s->dtype, minus ? -v : v);
    }
    if (minus) return orion_ir_neg(s->r->b, unary(s));
    word name = read_word(&s->at);
    if (skip(s, '(')) return call(s, name);
    for (size_t i = 0; i < s->count; i++) {
        if (s->names[i].n == name.n && memcmp(s->names[i].at, name.at, name.n) == 0)
            return s->values[i];
    }
    return (orion_ir_value){0};
}

static orion_ir_value product(scope *s) {
    orion_ir_value v = unary(s);
    for (;;) {
        orion_ir_op op = skip(s, '*')   ? ORION_IR_OP_mul
                         : skip(s, '/') ? ORION_IR_OP_div
                                        : ORION_IR_OP_NONE;
        if (op == ORION_IR_OP_NONE) return v;
        orion_ir_value y = unary(s);
        v = orion_ir_build2(s->r->b, op, v, y);
    }
}

static orion_ir_value sum(scope *s) {
    orion_ir_value v = product(s);
    for (;;) {
        orion_ir_op op = skip(s, '+')   ? ORION_IR_OP_add
                         : skip(s, '-') ? ORION_IR_OP_sub
                                        : ORION_IR_OP_NONE;
        if (op == ORION_IR_OP_NONE) return v;
        orion_ir_value y = product(s);
        v = orion_ir_build2(s->r->b, op, v, y);
    }
}

static orion_ir_value expression(scope *s) {
    orion_ir_value x = sum(s), y;
    bool less = skip(s, '<'), equal = skip(s, '=');
    if (!less && !equal) return x;
    if (!less) (void)skip(s, '=');
    y = sum(s);
    if (!less) return orion_ir_equal(s->r->b, x, y);
    return equal ? orion_ir_less_equal(s->r->b, x, y) : orion_ir_less(s->r->b, x, y);
}

/* ---- parameters: "x, y" are operands, "alpha[]" has one number per channel, others are numbers
 * with or without a fallback ---- */

typedef struct parameter {
    word name;
    bool vector, has_fallback;
    double fallback;
} parameter;

static bool next_parameter(const char **at, parameter *out) {
    while (**at == ' ' || **at == ',') ++*at;
    if (**at == '\0') return false;
    *out = (parameter){.name = read_word(at)};
    if (**at == '[') {
        out->vector = true;
        *at += 2;
    }
    if (strncmp(*at, " = ", 3) == 0) {
        *at += 3;
        out->has_fallback = true;
        out->fallback = read_number(at);
    }
    return true;
}

static orion_ir_value run(mil_raiser *r, const formula *f, orion_ir_dtype dtype,
                          const orion_ir_value *values, size_t count) {
    const char *at = f->parameters;
    parameter p;
    bool floats = mil_is_float(dtype) || f->integers == NULL;
    scope s = {.r = r, .at = floats ? f->text : f->integers, .dtype = dtype};
    while (s.count < count && next_parameter(&at, &p)) {
        s.names[s.count] = p.name;
        s.values[s.count] = values[s.count];
        s.count++;
    }
    return expression(&s);
}

orion_ir_value mil_apply(mil_raiser *r, const char *name, const orion_ir_value *values,
                         size_t count) {
    return apply(r, (word){name, strlen(name)}, mil_dtype_of(r, values[0]), values, count);
}

/* Is the op declared to give a bool? */
static bool gives_bool(const orion_mil_statement *s) {
    return orion_mil_type_dtype(s->results[0].type) == ORION_MIL_BOOL;
}

static orion_status read_parameter(mil_raiser *r, const orion_mil_statement *s, const parameter *p,
                                   const char *name, const orion_ir_value *x, orion_ir_value *out) {
    bool given, operand = is_word(p->name, "x") || is_word(p->name, "y");
    double number = p->fallback;
    if (operand || p->vector) {
        TRY(mil_operand(r, s, name, false, out));
        if (!gives_bool(s)) *out = mil_widen(r, *out);
        if (p->vector) *out = mil_channels(r, *out, mil_raised_type(r, *x).rank);
        return ORION_OK;
    }
    TRY(mil_float(r, s, name, p->has_fallback ? &given : NULL, &number));
    *out = mil_scalar(r, mil_dtype_of(r, *x), number);
    return ORION_OK;
}

orion_status mil_raise_formula(mil_raiser *r, const orion_mil_statement *s, orion_ir_value *out) {
    const formula *f = find_formula(s->op, strlen(s->op));
    const char *names[PARAMETERS + 1] = {NULL}, *at = f->parameters;
    orion_ir_value values[PARAMETERS], x;
    parameter p[PARAMETERS];
    size_t count = 0;
    for (; count < PARAMETERS && next_parameter(&at, &p[count]); count++) {
        names[count] = orn_arena_strndup(&r->scratch, p[count].name.at, p[count].name.n);
        if (names[count] == NULL) return ORION_ERROR_NO_MEMORY;
    }
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, names[0], false, &x));
    for (size_t i = 0; i < count; i++)
        TRY(read_parameter(r, s, &p[i], names[i], values, &values[i]));
    orion_ir_value y = run(r, f, mil_dtype_of(r, values[0]), values, count);
    *out = gives_bool(s) ? y : mil_to_dtype(r, y, mil_dtype_of(r, x));
    return ORION_OK;
}
