/* SPDX-License-Identifier: MIT */
/*
 * MIL text to a program: recursive descent over (pointer, length), one token of look-ahead, several
 * errors per run.
 *
 *   program  := "program" "(" VERSION ")" [ attrs ] "{" { func } "}"
 *   func     := "func" IDENT [ "<" IDENT ">" ] "(" [ port { "," port } ] ")" [ attrs ]
 *               "{" { stmt } "}" "->" "(" [ IDENT { "," IDENT } ] ")" ";"
 *   stmt     := [ port { "," port } "=" ] IDENT [ "<" IDENT ">" ]
 *               "(" [ bind { "," bind } ] ")" [ attrs ] ";"
 *   port     := type IDENT
 *   attrs    := "[" [ bind { "," bind } ] "]"
 *   bind     := IDENT "=" value
 *   value    := type "(" value ")" | IDENT | "true" | "false" | NUMBER | STRING
 *             | "[" [ value { "," value } ] "]" | "(" [ value { "," value } ] ")"
 *             | "{" [ pair { "," pair } ] "}"
 *             | "BLOBFILE" "(" "path" "=" value "," "offset" "=" value ")"
 *   pair     := "{" value "," value "}"
 *   type     := DTYPE | "tensor" "<" DTYPE "," "[" [ dim { "," dim } ] "]" ">"
 *             | "list" "<" type [ "," dim ] ">" | "tuple" "<" type { "," type } ">"
 *             | "dict" "<" type "," type ">" | "state" "<" type ">"
 *   dim      := INT | "?" | IDENT
 *
 * After an error in a statement the parser goes on behind its semicolon. Lists are gathered on
 * stacks that all levels share and copied to the arena once, so time and memory are linear in the
 * text.
 */
#include "mil-lex.h"

#include <math.h>

#define STACK(type)                                                                                \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }

typedef struct parser {
    orion_mil_program *program;
    orion_allocator allocator;
    orion_diag *diag;
    const char *source;
    mil_lexer lex;
    uint32_t depth, max_depth, errors, max_errors;
    orion_status fatal; /* memory or a limit: stop at once */
    STACK(orion_mil_value) values;
    STACK(mil_binding) bindings;
    STACK(mil_port) ports;
    STACK(mil_output) outputs;
    STACK(const orion_mil_type *) types;
    STACK(mil_dim) dims;
    orn_text string; /* the string being decoded */
} parser;

static void next(parser *p) {
    mil_lex(&p->lex);
}

static char peek(const parser *p) {
    return mil_lex_peek(&p->lex);
}

static bool is(const parser *p, char c) {
    return p->lex.tok.kind == MIL_TOKEN_PUNCT && *p->lex.tok.at == c;
}

static bool is_word(const parser *p, const char *word) {
    return p->lex.tok.kind == MIL_TOKEN_IDENT && p->lex.tok.n == strlen(word) &&
           memcmp(p->lex.tok.at, word, p->lex.tok.n) == 0;
}

/* ---- errors; all return false ---- */

static bool out_of_memory(parser *p) {
    p->fatal = ORION_ERROR_NO_MEMORY;
    return false;
}

static bool fail_at(parser *p, uint32_t line, uint32_t column, const char *text) {
    if (p->fatal != ORION_OK) return false;
    p->errors++;
    orn_diag(p->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_SYNTAX, p->source, line, column, NULL,
             "%s", text);
    return false;
}

static bool expected(parser *p, const char *what) {
    if (p->fatal != ORION_OK) return false;
    orn_text text;
    orn_text_init(&text, &p->allocator);
    orn_text_printf(&text, "expected %s, found ", what);
    int n = (int)ORN_MIN(p->lex.tok.n, (size_t)40);
    const char *more = p->lex.tok.n > 40 ? "..." : "";
    if (p->lex.tok.kind == MIL_TOKEN_END) {
        orn_text_puts(&text, "the end of the text");
    } else if (p->lex.tok.kind == MIL_TOKEN_BAD) {
        orn_text_puts(&text, p->lex.tok.bad);
        unsigned char byte = (unsigned char)*p->lex.tok.at;
        if (p->lex.tok.n == 1 && (byte < 0x20 || byte >= 0x7f)) {
            orn_text_printf(&text, " (byte 0x%x)", (unsigned)byte);
        } else {
            orn_text_printf(&text, " (%.*s%s)", n, p->lex.tok.at, more);
        }
    } else if (p->lex.tok.kind == MIL_TOKEN_STRING) {
        orn_text_printf(&text, "the string %.*s%s", n, p->lex.tok.at, more);
    } else {
        orn_text_printf(&text, "'%.*s%s'", n, p->lex.tok.at, more);
    }
    if (text.failed) {
        out_of_memory(p);
    } else {
        fail_at(p, p->lex.tok.line, p->lex.tok.column, text.data);
    }
    orn_text_free(&text);
    return false;
}

static bool too_deep(parser *p) {
    if (p->fatal != ORION_OK) return false;
    orn_diag(p->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_LIMIT, p->source, p->lex.tok.line,
             p->lex.tok.column, NULL, "nested deeper than %u", (unsigned)p->max_depth);
    p->fatal = ORION_ERROR_BUDGET;
    return false;
}

/* ---- small pieces ---- */

static bool eat(parser *p, char c) {
    if (!is(p, c)) {
        char what[] = {'\'', c, '\'', '\0'};
        return expected(p, what);
    }
    next(p);
    return true;
}

static bool eat_word(parser *p, const char *word) {
    if (!is_word(p, word)) {
        char what[32] = "'";
        size_t n = strlen(word);
        memcpy(what + 1, word, n);
        what[n + 1] = '\'';
        return expected(p, what);
    }
    next(p);
    return true;
}

static bool ident(parser *p, const char *what, const char **out) {
    if (p->lex.tok.kind != MIL_TOKEN_IDENT) return expected(p, what);
    *out = mil_intern(p->program, p->lex.tok.at, p->lex.tok.n);
    if (*out == NULL) return out_of_memory(p);
    next(p);
    return true;
}

#define PUSH(p, stack, item)                                                                       \
    (ORN_GROW(&(p)->allocator, (p)->stack.items, (p)->stack.capacity, (p)->stack.count + 1)        \
         ? ((p)->stack.items[(p)->stack.count++] = (item), true)                                   \
         : out_of_memory(p))

/* Move what lies on the stack above `mark` to the arena; an empty stack may have no memory yet. */
#define POP(p, stack, mark, out)                                                                   \
    (((out) =                                                                                      \
          MIL_COPY((p)->program, (p)->stack.count == (mark) ? NULL : (p)->stack.items + (mark),    \
                   (p)->stack.count - (mark))),                                                    \
     (p)->stack.count = (mark), (out) != NULL || out_of_memory(p))

/* ---- numbers and strings ---- */

static bool parse_number(parser *p, orion_mil_value *out) {
    if (!mil_token_number(&p->lex.tok, out)) return expected(p, "a number");
    if (out->form == ORION_MIL_VALUE_FLOAT && isinf(out->u.f) &&
        memchr(p->lex.tok.at, 'i', p->lex.tok.n) == NULL)
        return fail_at(p, out->line, out->column, "the number is too large");
    next(p);
    return true;
}

static bool parse_string(parser *p, const char **out) {
    p->string.size = 0;
    if (!mil_token_string(&p->lex.tok, &p->string)) {
        return fail_at(p, p->lex.tok.line, p->lex.tok.column, "a string must not contain \\x00");
    }
    *out = p->string.failed ? NULL : mil_intern(p->program, p->string.data, p->string.size);
    if (*out == NULL) return out_of_memory(p);
    next(p);
    return true;
}

/* ---- types ---- */

static bool parse_dim(parser *p) {
    mil_dim dim = {0, NULL};
    if (p->lex.tok.kind == MIL_TOKEN_NUMBER) {
        if (!orn_parse_i64(p->lex.tok.at, p->lex.tok.n, &dim.extent) || dim.extent < 0)
            return expected(p, "an extent");
        next(p);
    } else if (is(p, '?')) {
        dim = (mil_dim){ORION_MIL_DIM_UNKNOWN, mil_intern(p->program, "?", 1)};
        if (dim.symbol == NULL) return out_of_memory(p);
        next(p);
    } else {
        dim.extent = ORION_MIL_DIM_UNKNOWN;
        if (!ident(p, "an extent", &dim.symbol)) return false;
    }
    return PUSH(p, dims, dim);
}

static bool parse_dtype(parser *p, orion_mil_type *type) {
    type->form = ORION_MIL_TYPE_TENSOR;
    type->dtype = (uint16_t)(p->lex.tok.kind == MIL_TOKEN_IDENT
                                 ? mil_dtype_lookup(p->lex.tok.at, p->lex.tok.n)
                                 : ORION_MIL_DTYPE_NONE);
    if (type->dtype == ORION_MIL_DTYPE_NONE) return expected(p, "an element type");
    next(p);
    return true;
}

static bool parse_tensor(parser *p, orion_mil_type *type) {
    size_t mark = p->dims.count;
    if (!eat(p, '<') || !parse_dtype(p, type) || !eat(p, ',') || !eat(p, '[')) return false;
    while (!is(p, ']')) {
        if (p->dims.count != mark && !eat(p, ',')) return false;
        if (!parse_dim(p)) return false;
    }
    next(p);
    type->rank = (uint32_t)(p->dims.count - mark);
    return POP(p, dims, mark, type->dims) && eat(p, '>');
}

static bool parse_type(parser *p, const orion_mil_type **out);

/* What stands in <>: `min` types or more, and for a list perhaps its length. */
static bool parse_items(parser *p, orion_mil_type *type, size_t min, size_t max) {
    size_t mark = p->types.count, dim_mark = p->dims.count;
    if (!eat(p, '<')) return false;
    for (size_t i = 0; i < max; i++) {
        if (i >= min && !is(p, ',')) break;
        if (i != 0 && !eat(p, ',')) return false;
        const orion_mil_type *item;
        if (!parse_type(p, &item) || !PUSH(p, types, item)) return false;
    }
    if (type->form == ORION_MIL_TYPE_LIST && is(p, ',')) {
        next(p);
        if (!parse_dim(p)) return false;
        type->rank = 1;
    }
    type->item_count = (uint32_t)(p->types.count - mark);
    return POP(p, dims, dim_mark, type->dims) && POP(p, types, mark, type->items) && eat(p, '>');
}

/* Does a type begin here? A bare word must have `<` or `(` behind it, or it is a name. */
static bool at_type(parser *p) {
    static const char *const generic[] = {"tensor", "list", "tuple", "dict", "state"};
    if (p->lex.tok.kind != MIL_TOKEN_IDENT) return false;
    for (size_t i = 0; i < ORN_COUNT(generic); i++) {
        if (is_word(p, generic[i])) return peek(p) == '<';
    }
    return mil_dtype_lookup(p->lex.tok.at, p->lex.tok.n) != ORION_MIL_DTYPE_NONE && peek(p) == '(';
}

static bool parse_type(parser *p, const orion_mil_type **out) {
    static const struct {
        const char *word;
        uint16_t form;
        size_t min, max;
    } generic[] = {
        {"list", ORION_MIL_TYPE_LIST, 1, 1},
        {"tuple", ORION_MIL_TYPE_TUPLE, 1, SIZE_MAX},
        {"dict", ORION_MIL_TYPE_DICT, 2, 2},
        {"state", ORION_MIL_TYPE_STATE, 1, 1},
    };
    if (p->depth >= p->max_depth) return too_deep(p);
    orion_mil_type *type = orn_arena_alloc(&p->program->arena, sizeof *type);
    if (type == NULL) return out_of_memory(p);
    *out = type;
    if (is_word(p, "tensor")) {
        next(p);
        return parse_tensor(p, type);
    }
    for (size_t i = 0; i < ORN_COUNT(generic); i++) {
        if (!is_word(p, generic[i].word)) continue;
        next(p);
        type->form = generic[i].form;
        p->depth++;
        bool ok = parse_items(p, type, generic[i].min, generic[i].max);
        p->depth--;
        return ok;
    }
    if (p->lex.tok.kind != MIL_TOKEN_IDENT ||
        mil_dtype_lookup(p->lex.tok.at, p->lex.tok.n) == ORION_MIL_DTYPE_NONE) {
        return expected(p, "a type");
    }
    type->terse = 1;
    return parse_dtype(p, type);
}

/* ---- values ---- */

static bool parse_value(parser *p, orion_mil_value *out, bool in_literal);

static bool parse_values(parser *p, orion_mil_value *out, uint16_t form, char close,
                         bool in_literal) {
    size_t mark = p->values.count;
    next(p);
    while (!is(p, close)) {
        orion_mil_value item;
        if (p->values.count != mark && !eat(p, ',')) return false;
        if (!parse_value(p, &item, in_literal) || !PUSH(p, values, item)) return false;
    }
    next(p);
    out->form = form;
    out->count = (uint32_t)(p->values.count - mark);
    return POP(p, values, mark, out->u.items);
}

static bool parse_dict(parser *p, orion_mil_value *out, bool in_literal) {
    size_t mark = p->values.count;
    next(p);
    while (!is(p, '}')) {
        if (p->values.count != mark && !eat(p, ',')) return false;
        if (!eat(p, '{')) return false;
        for (int i = 0; i < 2; i++) {
            orion_mil_value item;
            if (i == 1 && !eat(p, ',')) return false;
            if (!parse_value(p, &item, in_literal) || !PUSH(p, values, item)) return false;
        }
        if (!eat(p, '}')) return false;
    }
    next(p);
    out->form = ORION_MIL_VALUE_DICT;
    out->count = (uint32_t)(p->values.count - mark);
    return POP(p, values, mark, out->u.items);
}

/* BLOBFILE, either order of path and offset. */
static bool parse_blob(parser *p, orion_mil_value *out) {
    orion_mil_value *items = orn_arena_alloc(&p->program->arena, 2 * sizeof *items);
    if (items == NULL) return out_of_memory(p);
    next(p);
    if (!eat(p, '(')) return false;
    for (int i = 0; i < 2; i++) {
        if (i == 1 && !eat(p, ',')) return false;
        bool path = is_word(p, "path");
        if ((!path && !is_word(p, "offset")) || items[path ? 0 : 1].form != ORION_MIL_VALUE_NONE) {
            return expected(p, items[0].form != ORION_MIL_VALUE_NONE ? "'offset'" : "'path'");
        }
        next(p);
        if (!eat(p, '=')) return false;
        orion_mil_value *item = &items[path ? 0 : 1];
        mil_token at = p->lex.tok;
        if (!parse_value(p, item, true)) return false;
        bool good = path ? item->form == ORION_MIL_VALUE_STRING
                         : item->form == ORION_MIL_VALUE_INT && item->u.i >= 0;
        if (!good) {
            return fail_at(p, at.line, at.column,
                           path ? "the path must be a string"
                                : "the offset must be an integer >= 0");
        }
    }
    out->form = ORION_MIL_VALUE_BLOB;
    out->u.items = items;
    return eat(p, ')');
}

static bool parse_word(parser *p, orion_mil_value *out, bool in_literal) {
    if (is_word(p, "true") || is_word(p, "false")) {
        out->form = ORION_MIL_VALUE_BOOL;
        out->u.i = is_word(p, "true");
        next(p);
        return true;
    }
    if (is_word(p, "BLOBFILE") && peek(p) == '(') return parse_blob(p, out);
    if (in_literal && (is_word(p, "inf") || is_word(p, "nan"))) {
        out->form = ORION_MIL_VALUE_FLOAT;
        out->u.f = is_word(p, "inf") ? (double)INFINITY : (double)NAN;
        next(p);
        return true;
    }
    if (in_literal) return expected(p, "a value");
    out->form = ORION_MIL_VALUE_NAME;
    return ident(p, "a value", &out->u.text);
}

static bool parse_value_inside(parser *p, orion_mil_value *out, bool in_literal) {
    if (at_type(p)) {
        const orion_mil_type *type;
        if (!parse_type(p, &type) || !eat(p, '(')) return false;
        mil_token at = p->lex.tok;
        if (!parse_value(p, out, true)) return false;
        if (out->type != NULL)
            return fail_at(p, at.line, at.column, "expected a plain value, found a second type");
        out->type = type;
        return eat(p, ')');
    }
    if (p->lex.tok.kind == MIL_TOKEN_NUMBER) return parse_number(p, out);
    if (p->lex.tok.kind == MIL_TOKEN_IDENT) return parse_word(p, out, in_literal);
    if (p->lex.tok.kind == MIL_TOKEN_STRING) {
        out->form = ORION_MIL_VALUE_STRING;
        return parse_string(p, &out->u.text);
    }
    if (is(p, '[')) return parse_values(p, out, ORION_MIL_VALUE_LIST, ']', in_literal);
    if (is(p, '(')) return parse_values(p, out, ORION_MIL_VALUE_TUPLE, ')', in_literal);
    if (is(p, '{')) return parse_dict(p, out, in_literal);
    return expected(p, "a value");
}

static bool parse_value(parser *p, orion_mil_value *out, bool in_literal) {
    if (p->depth >= p->max_depth) return too_deep(p);
    memset(out, 0, sizeof *out);
    out->line = p->lex.tok.line;
    out->column = p->lex.tok.column;
    p->depth++;
    bool ok = parse_value_inside(p, out, in_literal);
    p->depth--;
    return ok;
}

/* bind { "," bind } up to `close`, which is eaten. */
static bool parse_bindings(parser *p, char close, const mil_binding **out, size_t *count) {
    size_t mark = p->bindings.count;
    while (!is(p, close)) {
        mil_binding b;
        if (p->bindings.count != mark && !eat(p, ',')) return false;
        if (!ident(p, "a name", &b.name) || !eat(p, '=') || !parse_value(p, &b.value, false))
            return false;
        if (!PUSH(p, bindings, b)) return false;
    }
    next(p);
    *count = p->bindings.count - mark;
    return POP(p, bindings, mark, *out);
}

static bool parse_attributes(parser *p, const mil_binding **out, uint32_t *count) {
    size_t n = 0;
    if (!is(p, '[')) return true;
    next(p);
    if (!parse_bindings(p, ']', out, &n)) return false;
    *count = (uint32_t)n;
    return true;
}

/* ---- statements and functions ---- */

static bool parse_opset(parser *p, const char **out) {
    if (!is(p, '<')) return true;
    next(p);
    return ident(p, "an opset", out) && eat(p, '>');
}

/* type IDENT */
static bool parse_port(parser *p) {
    mil_port port = {.line = p->lex.tok.line, .column = p->lex.tok.column};
    return parse_type(p, &port.type) && ident(p, "a name", &port.name) && PUSH(p, ports, port);
}

/* [ port { "," port } "=" ] in front of an op */
static bool parse_results(parser *p, orion_mil_statement *s) {
    size_t mark = p->ports.count;
    if (p->lex.tok.kind == MIL_TOKEN_IDENT && peek(p) == '(') {
        return POP(p, ports, mark, s->results);
    }
    while (!is(p, '=')) {
        if (p->ports.count != mark && !is(p, ',')) return expected(p, "'='");
        if (p->ports.count != mark) next(p);
        if (!parse_port(p)) return false;
    }
    if (p->ports.count == mark) return expected(p, "a type");
    next(p);
    s->result_count = (uint32_t)(p->ports.count - mark);
    return POP(p, ports, mark, s->results);
}

static bool parse_statement(parser *p, orion_mil_statement *s) {
    size_t n = 0;
    s->line = p->lex.tok.line;
    s->column = p->lex.tok.column;
    if (!parse_results(p, s)) return false;
    if (!ident(p, "an op", &s->op) || !parse_opset(p, &s->opset) || !eat(p, '(')) return false;
    if (!parse_bindings(p, ')', &s->arguments, &n)) return false;
    s->argument_count = (uint32_t)n;
    return parse_attributes(p, &s->attributes, &s->attribute_count) && eat(p, ';');
}

/* Behind the next semicolon, or at the brace that ends the function. */
static void recover(parser *p) {
    p->values.count = p->bindings.count = p->ports.count = p->types.count = p->dims.count = 0;
    while (p->lex.tok.kind != MIL_TOKEN_END && !is(p, ';') && !is_word(p, "func") &&
           !(is(p, '}') && peek(p) == '-'))
        next(p);
    if (is(p, ';')) next(p);
}

static bool going(const parser *p) {
    return p->fatal == ORION_OK && p->errors < p->max_errors;
}

static bool parse_outputs(parser *p, orion_mil_function *f) {
    if (p->lex.tok.kind != MIL_TOKEN_ARROW) return expected(p, "'->'");
    next(p);
    if (!eat(p, '(')) return false;
    p->outputs.count = 0;
    while (!is(p, ')')) {
        if (p->outputs.count != 0 && !eat(p, ',')) return false;
        mil_output o = {.line = p->lex.tok.line, .column = p->lex.tok.column};
        if (!ident(p, "a name", &o.name) || !PUSH(p, outputs, o)) return false;
    }
    next(p);
    f->output_count = (uint32_t)p->outputs.count;
    return POP(p, outputs, 0, f->outputs) && eat(p, ';');
}

static bool parse_function(parser *p, orion_mil_function *f) {
    f->line = p->lex.tok.line;
    f->column = p->lex.tok.column;
    if (!eat_word(p, "func") || !ident(p, "a function name", &f->name) ||
        !parse_opset(p, &f->opset))
        return false;
    if (!eat(p, '(')) return false;
    while (!is(p, ')')) {
        if (p->ports.count != 0 && !eat(p, ',')) return false;
        if (!parse_port(p)) return false;
    }
    next(p);
    f->parameter_count = (uint32_t)p->ports.count;
    if (!POP(p, ports, 0, f->parameters) ||
        !parse_attributes(p, &f->attributes, &f->attribute_count))
        return false;
    if (!eat(p, '{')) return false;
    while (going(p) && !is(p, '}') && p->lex.tok.kind != MIL_TOKEN_END && !is_word(p, "func")) {
        orion_mil_statement *s = mil_statement_add(p->program, f);
        if (s == NULL) return out_of_memory(p);
        if (!parse_statement(p, s)) {
            f->statement_count--;
            if (going(p)) recover(p);
        }
    }
    if (!going(p)) return false;
    return eat(p, '}') && parse_outputs(p, f) && (mil_function_index(f) || out_of_memory(p));
}

static bool parse_version(parser *p) {
    if (!eat_word(p, "program") || !eat(p, '(')) return false;
    size_t digits = 0, points = 0;
    for (size_t i = 0; i < p->lex.tok.n; i++) {
        digits += mil_is_digit(p->lex.tok.at[i]);
        points += p->lex.tok.at[i] == '.';
    }
    bool good = p->lex.tok.kind == MIL_TOKEN_NUMBER && points == 1 && digits == p->lex.tok.n - 1 &&
                mil_is_digit(p->lex.tok.at[0]) && mil_is_digit(p->lex.tok.at[p->lex.tok.n - 1]);
    if (!good) return expected(p, "a version such as 1.3");
    p->program->version = mil_intern(p->program, p->lex.tok.at, p->lex.tok.n);
    if (p->program->version == NULL) return out_of_memory(p);
    next(p);
    return eat(p, ')');
}

static void parse_program(parser *p) {
    next(p);
    uint32_t count = 0;
    if (!parse_version(p) || !parse_attributes(p, &p->program->attributes, &count)) {
        p->values.count = p->bindings.count = p->types.count = p->dims.count = 0;
        while (going(p) && p->lex.tok.kind != MIL_TOKEN_END && !is_word(p, "func")) next(p);
    } else if (!eat(p, '{')) {
        while (going(p) && p->lex.tok.kind != MIL_TOKEN_END && !is_word(p, "func")) next(p);
    }
    p->program->attribute_count = count;
    while (going(p) && !is(p, '}') && p->lex.tok.kind != MIL_TOKEN_END) {
        orion_mil_function *f = mil_function_add(p->program);
        if (f == NULL) {
            out_of_memory(p);
            return;
        }
        if (parse_function(p, f)) continue;
        recover(p);
        while (going(p) && p->lex.tok.kind != MIL_TOKEN_END && !is_word(p, "func")) next(p);
        if (p->lex.tok.kind == MIL_TOKEN_END) return;
    }
    if (!going(p) || !eat(p, '}')) return;
    if (p->lex.tok.kind != MIL_TOKEN_END) expected(p, "the end of the text");
}

orion_status orion_mil_parse(const char *text, size_t length, const char *source,
                             const orion_mil_parse_options *options,
                             const orion_allocator *allocator, orion_diag *diag,
                             orion_mil_program **out_program) {
    orion_mil_parse_options o;
    *out_program = NULL;
    TRY(orn_check_size(options, &o, sizeof o));
    uint64_t max_bytes =
        o.max_bytes == 0 ? (uint64_t)256 << 20 : ORN_MIN(o.max_bytes, (uint64_t)UINT32_MAX);
    if (length > max_bytes) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_LIMIT, source, 0, 0, NULL,
                 "the text has %zu bytes, at most %llu are allowed", length,
                 (unsigned long long)max_bytes);
        return ORION_ERROR_BUDGET;
    }
    orion_mil_program *program = mil_program_new(allocator);
    if (program == NULL) return ORION_ERROR_NO_MEMORY;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) { /* a byte order mark */
        text += 3;
        length -= 3;
    }
    parser p = {.program = program,
                .allocator = program->arena.allocator,
                .diag = diag,
                .source = source,
                .lex = {.at = text, .end = text + length, .line_start = text, .line = 1},
                .max_depth = o.max_depth == 0 ? 64 : ORN_MIN(o.max_depth, 256u),
                .max_errors = o.max_errors == 0 ? 20 : o.max_errors};
    orn_text_init(&p.string, allocator);
    if (source != NULL && (program->source = mil_intern(program, source, strlen(source))) == NULL) {
        p.fatal = ORION_ERROR_NO_MEMORY;
    } else {
        parse_program(&p);
    }
    orn_free(&p.allocator, p.values.items, p.values.capacity * sizeof *p.values.items);
    orn_free(&p.allocator, p.bindings.items, p.bindings.capacity * sizeof *p.bindings.items);
    orn_free(&p.allocator, p.ports.items, p.ports.capacity * sizeof *p.ports.items);
    orn_free(&p.allocator, p.outputs.items, p.outputs.capacity * sizeof *p.outputs.items);
    orn_free(&p.allocator, p.types.items, p.types.capacity * sizeof *p.types.items);
    orn_free(&p.allocator, p.dims.items, p.dims.capacity * sizeof *p.dims.items);
    orn_text_free(&p.string);
    orion_status status = p.fatal != ORION_OK ? p.fatal
                          : p.errors != 0     ? ORION_ERROR_SYNTAX
                                              : ORION_OK;
    if (status != ORION_OK) {
        orion_mil_program_destroy(&program);
        return status;
    }
    *out_program = program;
    return ORION_OK;
}
