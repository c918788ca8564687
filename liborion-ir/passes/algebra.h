/* SPDX-License-Identifier: MIT */
/* The table of algebraic rewrites in a form that can be matched; for the passes and their tests. */
#ifndef IR_ALGEBRA_H
#define IR_ALGEBRA_H

#include "ir-internal.h"

enum { IR_TERM_OPERANDS = 3, IR_RULE_TERMS = 12, IR_RULE_LETTERS = 26 };

typedef enum ir_term_kind {
    IR_TERM_VALUE,    /* any value */
    IR_TERM_CONSTANT, /* a constant with one number in every place */
    IR_TERM_POWER,    /* the same, a power of two whose reciprocal the dtype has */
    IR_TERM_NUMBER,
    IR_TERM_OP,
    IR_TERM_TIMES, /* these three, in results alone, are numbers computed from numbers */
    IR_TERM_PLUS,
    IR_TERM_RECIP
} ir_term_kind;

typedef struct ir_term {
    ir_term_kind kind;
    uint16_t op;
    uint8_t letter; /* 0..25 */
    uint8_t flip;   /* 1 << i for the i-th op of the pattern whose operands match in either order */
    uint8_t n_in;
    uint8_t in[IR_TERM_OPERANDS]; /* places in `terms` */
    double number;
} ir_term;

typedef enum ir_rule_dtypes { IR_RULE_any, IR_RULE_float, IR_RULE_int } ir_rule_dtypes;

typedef struct ir_rule {
    const char *name, *text;
    bool exact;
    ir_rule_dtypes dtypes;
    uint8_t pattern, result; /* places in `terms` */
    uint8_t flips;           /* so many ops of the pattern match in either order */
    uint8_t result_ops;
    ir_term terms[IR_RULE_TERMS];
} ir_rule;

size_t ir_rule_count(void);
/* Rule i of the table; false if its text is wrong, which a test rules out. */
bool ir_rule_compile(size_t i, ir_rule *out);

/*
 * What a term weighs, given the weights of its letters, as a sum: letters[i] times the weight of
 * letter i, plus `numbers`.
 */
typedef struct ir_rule_weight {
    uint32_t letters[IR_RULE_LETTERS];
    uint32_t numbers;
} ir_rule_weight;
ir_rule_weight ir_rule_weigh(const ir_rule *rule, uint8_t term);

#endif
