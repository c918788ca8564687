/* SPDX-License-Identifier: MIT */
/*
 * How a MIL program is stored, and what the files of liborion-mil share.
 *
 * A program is an arena with interned strings; types, values, arguments and attributes live there
 * and are never freed singly. Functions and statements are growing arrays, so no pointer to one
 * survives adding another.
 */
#ifndef MIL_INTERNAL_H
#define MIL_INTERNAL_H

#include "util/util.h"
#include <orion/mil.h>

typedef struct mil_dim {
    int64_t extent;     /* ORION_MIL_DIM_UNKNOWN if it is a symbol */
    const char *symbol; /* "?" or a name; NULL if it is a number */
} mil_dim;

struct orion_mil_type {
    const mil_dim *dims;                /* [rank]; a list's length is dims[0] */
    const orion_mil_type *const *items; /* [item_count] */
    uint32_t rank, item_count;
    uint16_t form;  /* orion_mil_type_form */
    uint16_t dtype; /* orion_mil_dtype */
    uint32_t terse; /* rank 0 spelled `fp16` and not `tensor<fp16, []>` */
};

enum {
    MIL_VALUE_HEX = 1,  /* a float spelled in hexadecimal */
    MIL_VALUE_HUGE = 2, /* an integer of 2^63 or more: u.i has the bits of its uint64_t */
};

struct orion_mil_value {
    const orion_mil_type *type; /* written in front; NULL if none */
    union {
        int64_t i;                    /* INT, BOOL */
        double f;                     /* FLOAT */
        const char *text;             /* NAME, STRING; interned */
        const orion_mil_value *items; /* LIST, TUPLE, DICT (k, v, k, v); BLOB: path, offset */
    } u;
    uint32_t count; /* of items */
    uint16_t form;  /* orion_mil_value_form */
    uint16_t flags;
    uint32_t line, column;
};

typedef struct mil_binding { /* name = value */
    const char *name;
    orion_mil_value value;
} mil_binding;

typedef struct mil_port { /* type name */
    const char *name;
    const orion_mil_type *type;
    uint32_t line, column;
} mil_port;

struct orion_mil_statement {
    const char *op, *opset;
    const mil_port *results;
    const mil_binding *arguments, *attributes;
    uint32_t result_count, argument_count, attribute_count;
    uint32_t line, column;
    uint32_t reserved;
};

typedef struct mil_output {
    const char *name;
    uint32_t line, column;
} mil_output;

struct orion_mil_function {
    const char *name, *opset;
    const mil_port *parameters;
    const mil_binding *attributes;
    const mil_output *outputs;
    orion_mil_statement *statements;
    size_t statement_count, statement_capacity;
    uint32_t parameter_count, attribute_count, output_count;
    uint32_t line, column;
    uint32_t reserved;
    orn_map names; /* name -> statement index, or MIL_PARAMETER | parameter index; the first
                      definition */
};
#define MIL_PARAMETER 0x80000000u

struct orion_mil_program {
    orn_arena arena;
    const char *version, *source;
    const mil_binding *attributes;
    size_t attribute_count;
    orion_mil_function *functions;
    size_t function_count, function_capacity;
    const char **strings; /* interned */
    size_t string_count, string_capacity;
    orn_map string_map;
};

/* ---- ast.c: building; everything returns NULL or false when memory is out ---- */
orion_mil_program *mil_program_new(const orion_allocator *allocator);
const char *mil_intern(orion_mil_program *p, const char *s, size_t n);
/* Copy `count` items of `size` bytes to the arena; count 0 gives a valid pointer to nothing. */
void *mil_copy(orion_mil_program *p, const void *items, size_t count, size_t size);
#define MIL_COPY(p, items, count) mil_copy((p), (items), (count), sizeof *(items))
orion_mil_type *mil_type_tensor(orion_mil_program *p, orion_mil_dtype dtype, size_t rank,
                                const int64_t *dims, bool terse);
orion_mil_function *mil_function_add(orion_mil_program *p);
orion_mil_statement *mil_statement_add(orion_mil_program *p, orion_mil_function *f);
/* Fill f->names; call when the function is complete. */
bool mil_function_index(orion_mil_function *f);
/* dtype by (pointer, length). */
orion_mil_dtype mil_dtype_lookup(const char *name, size_t n);

/* ---- ops.c: mil-ops.def as tables ---- */
typedef enum mil_kind {
    MIL_KIND_INT,
    MIL_KIND_BOOL,
    MIL_KIND_INTS,
    MIL_KIND_DTYPE,
    MIL_KIND_FLOAT,
    MIL_KIND_FLOATX,
    MIL_KIND_STRING,
    MIL_KIND_MASK
} mil_kind;

typedef enum mil_role { MIL_ROLE_IN, MIL_ROLE_ATTR, MIL_ROLE_FIXED } mil_role;
typedef enum mil_need {
    MIL_NEED_ONE,
    MIL_NEED_OPTIONAL,
    MIL_NEED_MANY,
    MIL_NEED_SAME,
    MIL_NEED_ANY,
    MIL_NEED_IOS17
} mil_need;

/* One argument of an op: an operand, an attribute or a fixed parameter. */
typedef struct mil_row {
    const char *name;  /* of the argument */
    const char *attr;  /* ATTR: the IR's name */
    const char *value; /* ATTR: the fallback; FIXED: the value */
    uint16_t op;       /* orion_ir_op */
    uint8_t role, kind, need;
} mil_row;

/* The rows of an IR op, contiguous; *count of them. NULL if the table has none. */
const mil_row *mil_rows(orion_ir_op op, size_t *count);
/* The MIL op of an IR op, or NULL; *hint is the prefix of its name attribute, or NULL. */
const char *mil_op_name(orion_ir_op op, const char **hint);

/*
 * Hints: lowering writes into the name attribute what MIL has no other place for, and raising reads
 * it. A program means the same without them.
 *   orion_<op>_NAME     which of two IR ops that share a MIL op this is (MIL_HINT in mil-ops.def)
 *   orion_value_NAME    the value is called NAME in the graph, its variable otherwise
 *   orion_output_NAME   an identity that only gives a value its second name
 * NAME is _ and digits for a value without a name, as is its variable.
 */
#define MIL_HINT_VALUE  "orion_value_"
#define MIL_HINT_OUTPUT "orion_output_"
/* The IR op that a MIL op's hint names, or NONE. */
orion_ir_op mil_hinted_op(const char *mil_name, const char *attribute);
/* The NAME of a value's hint, or NULL. */
const char *mil_hinted_name(const char *attribute);
bool mil_is_alias(const char *attribute);
/* Is it a name that lowering gives to a value without one? */
bool mil_is_made_up(const char *name);
/* A word of the grammar that cannot be a name; lowering puts an @ behind it, raising takes it away.
 */
bool mil_is_word(const char *name, size_t n);

/* That of a writer of weight files. */
const orion_allocator *mil_blob_writer_allocator(const orion_mil_blob_writer *writer);

/* ---- print.c ---- */
/* The shortest C99 hex float of v, e.g. 0x1.8p+1; inf, -inf, nan. buf >= 40; returns the length. */
size_t mil_format_hex(char *buf, double v);
/* A value as it would stand in the text. */
orion_status mil_value_print(const orion_mil_value *value, const orion_allocator *allocator,
                             const orion_writer *writer);

/* ---- verify.c ---- */
/* Does a literal agree with the tensor type in front of it? Reports what does not. */
bool mil_check_literal(const orion_mil_value *value, const char *source, orion_diag *diag);
/* Names and uniqueness in one function. Adds to *violations. */
orion_status mil_verify_function(const orion_mil_program *p, const orion_mil_function *f,
                                 orion_diag *diag, size_t *violations);
/* The whole program, with or without the names that functions return. */
orion_status mil_verify(const orion_mil_program *program, bool outputs, orion_diag *diag,
                        size_t *violations);

#endif
