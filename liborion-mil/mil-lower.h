/* SPDX-License-Identifier: MIT */
/* What lower.c (names, the whole graph), lower-ops.c (one node) and lower-values.c (literals,
 * constants, statements) share. */
#ifndef MIL_LOWER_H
#define MIL_LOWER_H

#include "mil-internal.h"

typedef struct mil_lowering {
    const orion_ir_graph *graph;
    orion_mil_program *program;
    orion_mil_function *function;
    orion_mil_blob_writer *writer; /* NULL until a constant needs it */
    orion_diag *diag;
    const char *weights_path;
    const char **value_names;  /* [value bound] */
    const char **output_alias; /* [output count] name of the identity it needs, or NULL */
    size_t inline_elements;
    bool terse;
    orn_map names;           /* taken names -> next suffix to try */
    orn_text text, suffixed; /* scratch */
    mil_binding *arguments;  /* of the op being built */
    size_t argument_count, argument_capacity;
} mil_lowering;

#define NO_MEMORY_IF(condition)                                                                    \
    do {                                                                                           \
        if (condition) return ORION_ERROR_NO_MEMORY;                                               \
    } while (0)

/* ---- lower.c ---- */
/* A MIL identifier like `base` that nothing else has. */
orion_status mil_unique_name(mil_lowering *l, const char *base, const char **out);
static inline const char *mil_value_name(const mil_lowering *l, orion_ir_value v) {
    return l->value_names[v.id];
}

/* ---- lower-values.c ---- */
orion_status mil_lower_intern(mil_lowering *l, const char *s, const char **out);
orion_status mil_lower_type(mil_lowering *l, orion_ir_type type, const orion_mil_type **out);
orion_mil_value mil_name_value(const char *name);
/* Literals with their types in front. */
orion_status mil_int_value(mil_lowering *l, int64_t i, orion_mil_value *out);
orion_status mil_bool_value(mil_lowering *l, bool b, orion_mil_value *out);
orion_status mil_string_value(mil_lowering *l, const char *s, orion_mil_value *out);
/* A number of `dtype`; integer types take f without its fraction, within 32 bits. */
orion_status mil_number_value(mil_lowering *l, double f, orion_mil_dtype dtype,
                              orion_mil_value *out);
/* A rank 1 list of integers or booleans. */
orion_status mil_list_value(mil_lowering *l, orion_mil_dtype dtype, const int64_t *items,
                            size_t count, orion_mil_value *out);
/* A statement with its results and a name attribute. */
orion_status mil_new_statement(mil_lowering *l, const char *op, const mil_port *results,
                               size_t result_count, const char *name, orion_mil_statement **out);
/* `T name = const()[name = attribute, val = value]`. */
orion_status mil_emit_const(mil_lowering *l, const char *name, const char *attribute,
                            orion_mil_value value);
/* The text of a value's name attribute; in l->text, until the next call. `hint`: the prefix that
 * tells the op, or NULL. */
orion_status mil_name_attribute(mil_lowering *l, orion_ir_value v, const char *hint,
                                const char **out);
orion_status mil_lower_const(mil_lowering *l, const orion_ir_node *node);

/* ---- lower-ops.c ---- */
orion_status mil_lower_node(mil_lowering *l, const orion_ir_node *node);

#endif
