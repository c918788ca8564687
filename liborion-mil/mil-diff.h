/* SPDX-License-Identifier: MIT */
/* What the two halves of orion_mil_diff share. */
#ifndef MIL_DIFF_H
#define MIL_DIFF_H

#include "mil-internal.h"

#define MIL_NOTHING UINT32_MAX /* no statement, no partner */

/* One statement. */
typedef struct mil_diff_node {
    uint64_t hash;    /* of all that it computes */
    uint32_t partner; /* on the other side */
    uint32_t next;    /* in a list of those with one hash or one op */
} mil_diff_node;

/* One of two functions that are compared. */
typedef struct mil_diff_side {
    const orion_mil_function *f;
    mil_diff_node *nodes;   /* [f->statement_count] */
    uint32_t *input_pairs;  /* [f->parameter_count]: the number under which both sides know it */
    uint32_t *output_pairs; /* [f->output_count] */
} mil_diff_side;

/* What a name stands for. */
typedef enum mil_diff_kind {
    MIL_DIFF_INPUT,
    MIL_DIFF_LITERAL,
    MIL_DIFF_RESULT,
    MIL_DIFF_UNKNOWN
} mil_diff_kind;
typedef struct mil_diff_meaning {
    mil_diff_kind kind;
    uint32_t index;  /* of the input or statement */
    uint32_t result; /* of the statement */
    const orion_mil_value *literal;
} mil_diff_meaning;

mil_diff_meaning mil_diff_resolve(const mil_diff_side *side, const orion_mil_value *v);
/* A const is not a statement of its own: it belongs to those that use it. */
bool mil_diff_is_const(const orion_mil_statement *s);
uint64_t mil_diff_hash_type(const orion_mil_type *type);
/* Of a value without names. */
uint64_t mil_diff_hash_literal(const orion_mil_value *v);
/* Fill the hashes; input_pairs is set. */
void mil_diff_hash(mil_diff_side *side);

#endif
