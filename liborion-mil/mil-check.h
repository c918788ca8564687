/* SPDX-License-Identifier: MIT */
/*
 * What the checks of rules share.
 *
 * A rule that can be decided from the text has rows in the tables of check-ops.c (looked at per
 * statement) or check-ports.c (per function). A row is reached only if its rule holds for the
 * target, so a function says what breaks the rule and nothing about targets beyond their limits.
 */
#ifndef MIL_CHECK_H
#define MIL_CHECK_H

#include "mil-target.h"

typedef struct mil_checker {
    const orion_mil_program *program;
    const orion_mil_weights *weights; /* may be NULL */
    const orion_mil_target *target;
    orion_diag *diag;
    const orion_mil_function *function; /* at hand */
    const orion_mil_rule *rule;         /* at hand */
    uint32_t level; /* orion_severity of the findings that are reported in this round */
    size_t errors;
    orion_status status; /* NO_MEMORY of a check; sticky */
} mil_checker;

/* A place in the text. */
typedef struct mil_place {
    uint32_t line, column;
} mil_place;

/* The rule at hand is broken there. */
void mil_finding(mil_checker *c, mil_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, but at most a warning, unless the target takes rules as the paper words them. */
void mil_doubtful_finding(mil_checker *c, mil_place at, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

mil_place mil_place_of(const orion_mil_statement *s);
mil_place mil_place_of_function(const orion_mil_function *f);
/* The limit of the target; UINT64_MAX if it has none. */
uint64_t mil_limit_of(const mil_checker *c, mil_limit limit);
/* The name of the statement's first result, or "". */
const char *mil_result_of(const orion_mil_statement *s);
/* The type of an argument: of the value it names, or written in front of the literal. */
const orion_mil_type *mil_argument_type(const mil_checker *c, const orion_mil_statement *s,
                                        const char *name);
/* The literal that an argument is, directly or by the name of a const; NULL if it is computed. */
const orion_mil_value *mil_constant(const mil_checker *c, const orion_mil_value *v);
/* Is it known when the program is compiled: a literal, a const, or the result of a constexpr op? */
bool mil_is_constant(const mil_checker *c, const orion_mil_value *v);
/* A tensor or scalar without symbols, of at least this rank. */
bool mil_is_shaped(const orion_mil_type *type, uint32_t rank);
/* Bytes of a tensor as it stands in memory, packed; UINT64_MAX if that overflows, 0 if unknown. */
uint64_t mil_type_bytes(const orion_mil_type *type);

/* Rule X-7 on one type. */
void mil_check_extents(mil_checker *c, const orion_mil_type *type, const char *name, mil_place at);

typedef struct mil_statement_check {
    const char *rule;
    const char *op; /* NULL: every statement */
    void (*check)(mil_checker *c, const orion_mil_statement *s);
} mil_statement_check;
typedef struct mil_function_check {
    const char *rule;
    void (*check)(mil_checker *c, const orion_mil_function *f);
} mil_function_check;

extern const mil_statement_check mil_statement_checks[];
extern const size_t mil_statement_check_count;
extern const mil_function_check mil_function_checks[];
extern const size_t mil_function_check_count;

#endif
