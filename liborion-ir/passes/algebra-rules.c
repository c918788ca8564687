/* SPDX-License-Identifier: MIT */
/* The table of algebraic rewrites: its reader, and what its terms weigh. */
#include "passes/algebra.h"

static const struct {
    const char *name;
    bool exact;
    ir_rule_dtypes dtypes;
    const char *text;
} rules[] = {
#define exact                               true
#define inexact                             false
#define RULE(name, exactness, dtypes, text) {#name, exactness, IR_RULE_##dtypes, text},
#include "algebra.def"
#undef exact
#undef inexact
};

size_t ir_rule_count(void) {
    return ORN_COUNT(rules);
}

/* ---- reading ---- */

typedef struct reader {
    ir_rule *rule;
    const char *at;
    uint8_t count; /* terms so far */
    bool failed;
} reader;

static void skip_blanks(reader *r) {
    while (*r->at == ' ') r->at++;
}

static bool take(reader *r, const char *token) {
    skip_blanks(r);
    size_t n = strlen(token);
    if (strncmp(r->at, token, n) != 0) return false;
    r->at += n;
    return true;
}

static bool is_letter(char c) {
    return c >= 'a' && c <= 'z';
}

static ir_term letter_term(char c) {
    ir_term_kind kind = c == 'p'               ? IR_TERM_POWER
                        : c == 'c' || c == 'd' ? IR_TERM_CONSTANT
                                               : IR_TERM_VALUE;
    return (ir_term){.kind = kind, .letter = (uint8_t)(c - 'a')};
}

static ir_term named_term(reader *r, const char *name, size_t n) {
    static const struct {
        const char *name;
        ir_term_kind kind;
    } computed[] = {{"times", IR_TERM_TIMES}, {"plus", IR_TERM_PLUS}, {"recip", IR_TERM_RECIP}};
    for (size_t i = 0; i < ORN_COUNT(computed); i++) {
        if (strlen(computed[i].name) == n && strncmp(name, computed[i].name, n) == 0) {
            return (ir_term){.kind = computed[i].kind};
        }
    }
    const ir_op *op = ir_op_by_name(name, n);
    if (op == NULL) r->failed = true;
    return (ir_term){.kind = IR_TERM_OP, .op = op == NULL ? 0 : (uint16_t)op->info.op};
}

static ir_term number_term(reader *r) {
    ir_term t = {.kind = IR_TERM_NUMBER};
    size_t n = strspn(r->at, "-.0123456789");
    if (!orn_parse_f64(r->at, n, &t.number)) r->failed = true;
    r->at += n;
    return t;
}

/* Nesting is bounded by the room for terms. */
static uint8_t read_term(reader *r) {
    ir_term t;
    uint8_t place = r->count++;
    skip_blanks(r);
    size_t n = strspn(r->at, "abcdefghijklmnopqrstuvwxyz_");
    if (place >= IR_RULE_TERMS) {
        r->failed = true;
        return 0;
    }
    if (n == 0) {
        t = number_term(r);
    } else {
        t = n == 1 && is_letter(*r->at) ? letter_term(*r->at) : named_term(r, r->at, n);
        r->at += n;
    }
    if (n > 1 && !take(r, "(")) r->failed = true;
    while (n > 1 && !r->failed && t.n_in < IR_TERM_OPERANDS) {
        t.in[t.n_in++] = read_term(r);
        if (take(r, ")")) break;
        if (!take(r, ",")) r->failed = true;
    }
    r->rule->terms[place] = t;
    return place;
}

static bool commutes(uint16_t op) {
    return op == ORION_IR_OP_add || op == ORION_IR_OP_mul || op == ORION_IR_OP_equal;
}

bool ir_rule_compile(size_t i, ir_rule *out) {
    reader r = {.rule = out, .at = rules[i].text};
    *out = (ir_rule){.name = rules[i].name,
                     .text = rules[i].text,
                     .exact = rules[i].exact,
                     .dtypes = rules[i].dtypes};
    out->pattern = read_term(&r);
    uint8_t end = r.count;
    if (!take(&r, "->")) return false;
    out->result = read_term(&r);
    for (uint8_t k = 0; k < r.count && !r.failed; k++) {
        ir_term *t = &out->terms[k];
        if (t->kind != IR_TERM_OP) continue;
        if (k >= end) {
            out->result_ops++;
        } else if (commutes(t->op)) {
            t->flip = (uint8_t)(1u << out->flips++);
        }
    }
    return !r.failed && *r.at == '\0';
}

/* ---- weights ---- */

static uint32_t weight_of_op(uint16_t op) {
    switch (op) {
    case ORION_IR_OP_tile:
    case ORION_IR_OP_neg:
    case ORION_IR_OP_abs:
    case ORION_IR_OP_relu: return 1;
    case ORION_IR_OP_div:
    case ORION_IR_OP_sqrt: return 4;
    case ORION_IR_OP_rsqrt: return 5;
    case ORION_IR_OP_exp:
    case ORION_IR_OP_log:
    case ORION_IR_OP_pow:
    case ORION_IR_OP_sigmoid:
    case ORION_IR_OP_silu: return 8;
    default: return 2;
    }
}

/* pow weighs its base twice, because x to the power 2 becomes x times x. */
static uint32_t weight_of_operand(uint16_t op, uint32_t i) {
    return op == ORION_IR_OP_pow && i == 0 ? 2 : 1;
}

ir_rule_weight ir_rule_weigh(const ir_rule *rule, uint8_t term) {
    const ir_term *t = &rule->terms[term];
    ir_rule_weight w = {{0}, 0};
    if (t->kind == IR_TERM_VALUE) {
        w.letters[t->letter] = 1;
    } else if (t->kind != IR_TERM_OP) {
        w.numbers = 1; /* constants weigh 1; computed numbers become constants */
    } else {
        w.numbers = weight_of_op(t->op);
        for (uint8_t i = 0; i < t->n_in; i++) {
            ir_rule_weight part = ir_rule_weigh(rule, t->in[i]);
            uint32_t factor = weight_of_operand(t->op, i);
            for (size_t k = 0; k < IR_RULE_LETTERS; k++) w.letters[k] += factor * part.letters[k];
            w.numbers += factor * part.numbers;
        }
    }
    return w;
}
