/* SPDX-License-Identifier: MIT */
/* What raise.c (names, statements, the function), raise-operands.c (operands, parameters, the
 * table) and the files that raise ops which need more than the table share. */
#ifndef MIL_RAISE_H
#define MIL_RAISE_H

#include "mil-internal.h"

/* What a MIL name stands for. */
typedef struct mil_raised {
    orion_ir_value value;           /* id 0: a constant not yet made, or nothing */
    const orion_mil_value *literal; /* of a const statement, or folded */
    const orion_mil_type *type;     /* as declared */
    const orion_mil_statement *at;  /* NULL for a parameter */
    const char *input_name;         /* of a parameter, until it is returned */
    bool wanted;                    /* a const that is some op's operand */
    bool used;
    bool refused;          /* by a statement that was; what depends on it is skipped in silence */
    bool written;          /* a state whose value is not the input's any more */
    bool folded;           /* asked for as a constant; if it is one, `literal` is set */
    orion_ir_value hidden; /* while its user is folded */
} mil_raised;

typedef struct mil_raiser {
    const orion_mil_program *program;
    const orion_mil_function *function;
    const orion_mil_weights *weights;
    orion_diag *diag;
    orion_allocator allocator;
    orn_arena scratch;
    orion_ir_builder *b;
    bool lenient;         /* towards weight files */
    bool broken;          /* the builder has failed */
    mil_raised *raised;   /* one per parameter and result, in order */
    orn_map names;        /* MIL name -> index in `raised` */
    orn_map value_names;  /* taken in the graph -> next suffix to try */
    orn_map output_names; /* the same for outputs */
    orn_map ops;          /* MIL op -> row, see mil_raise_row */
    orn_map missing;      /* weight files reported as missing */
    orion_status refused; /* of the first statement refused; the graph is then not made */
    /* Of the statement being raised: */
    orion_ir_op op;        /* of its row */
    orion_ir_value first;  /* what result 0 is, if not the first of the node */
    orion_ir_value second; /* what result 1 is, if not the second of the node */
    orion_mil_dtype hint;  /* for literals without a type: that of the first computed operand */
    /* While folding: */
    bool folding;
    uint32_t depth;
} mil_raiser;

typedef struct mil_ints {
    const int64_t *items;
    size_t count;
} mil_ints;

/* Emits the op of a statement; *out is the first result. A failure of the builder need not be
 * noticed. */
typedef orion_status mil_raise_fn(mil_raiser *r, const orion_mil_statement *s, orion_ir_value *out);

/* ---- raise.c ---- */
/* Report against a statement: MIL_OP gives ORION_ERROR_UNSUPPORTED, everything else
 * ORION_ERROR_VERIFY; once the builder has failed ORION_ERROR_INVALID_STATE, in silence. */
orion_status mil_refuse(mil_raiser *r, const orion_mil_statement *s, orion_message message,
                        const char *fmt, ...) __attribute__((format(printf, 4, 5)));
mil_raised *mil_find_name(mil_raiser *r, const char *name);
/* Make the IR const of a const statement, if it is not made yet. */
orion_status mil_make_raised(mil_raiser *r, mil_raised *x);

/* Raise the op of a statement: *out is its first result. */
orion_status mil_emit(mil_raiser *r, const orion_mil_statement *s, orion_ir_value *out);

/* ---- raise-fold.c ---- */
/* Make a computed value's literal, if it is computed from constants alone; else nothing happens.
 * ORION_ERROR_NO_MEMORY. */
orion_status mil_fold(mil_raiser *r, mil_raised *x);

/* ---- raise-operands.c ---- */
/* The element type of the graph for one of MIL: int16 becomes i32. NONE if there is none. */
orion_ir_dtype mil_raise_dtype(orion_mil_dtype dtype);
orion_status mil_raise_type(const orion_mil_type *type, orion_ir_type *out);
/* Why mil_raise_type said no. */
const char *mil_type_problem(const orion_mil_type *type);
/* The type of a value; rank 0 if the builder has failed, which is noted. */
orion_ir_type mil_raised_type(mil_raiser *r, orion_ir_value v);
/* An IR const of a literal; `type` is what it is declared or spelled as. */
orion_status mil_make_const(mil_raiser *r, const orion_mil_statement *s, const orion_mil_value *v,
                            const orion_mil_type *type, orion_ir_value *out);
/* Operand by argument name; out id 0 if it is left out and `optional`. */
orion_status mil_operand(mil_raiser *r, const orion_mil_statement *s, const char *name,
                         bool optional, orion_ir_value *out);
/* The operands of a tuple argument, in scratch. */
orion_status mil_operands(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          const orion_ir_value **out, size_t *count);
/* The constant behind an argument, or NULL if it is left out or computed. */
const orion_mil_value *mil_literal(mil_raiser *r, const orion_mil_statement *s, const char *name);
/* Constant parameters. *given (may be NULL: then it must be given) tells whether it was; if not,
 * *out keeps its value. */
orion_status mil_int(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                     int64_t *out);
orion_status mil_bool(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                      bool *out);
orion_status mil_float(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                       double *out);
orion_status mil_string(mil_raiser *r, const orion_mil_statement *s, const char *name, bool *given,
                        const char **out);
/* Integers or booleans of any shape, flattened. */
orion_status mil_integers(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          bool *given, mil_ints *out);
/* Refuse arguments not listed; `names` ends in NULL. */
orion_status mil_only(mil_raiser *r, const orion_mil_statement *s, const char *const *names);

/* ---- raise-build.c: sticky like the builder ---- */
orion_ir_value mil_scalar(mil_raiser *r, orion_ir_dtype dtype, double v);
orion_ir_dtype mil_dtype_of(mil_raiser *r, orion_ir_value v);
bool mil_is_float(orion_ir_dtype dtype);
/* x in this element type; x itself if it has it. */
orion_ir_value mil_to_dtype(mil_raiser *r, orion_ir_value x, orion_ir_dtype dtype);
/* x in f32 or i32 if it has fewer bits: where sums, exponentials and their like would lose too
 * much. */
orion_ir_value mil_widen(mil_raiser *r, orion_ir_value x);
/* gather along an axis. */
orion_ir_value mil_take(mil_raiser *r, orion_ir_value x, orion_ir_value indices, int64_t axis);
orion_ir_value mil_take_list(mil_raiser *r, orion_ir_value x, const int32_t *indices, int64_t count,
                             int64_t axis);
/* x[begin:end] of one axis; x with zeros around one axis; x and y end to end. */
orion_ir_value mil_slice_axis(mil_raiser *r, orion_ir_value x, uint32_t axis, int64_t begin,
                              int64_t end);
orion_ir_value mil_pad_axis(mil_raiser *r, orion_ir_value x, uint32_t axis, int64_t before,
                            int64_t after);
orion_ir_value mil_join(mil_raiser *r, orion_ir_value x, orion_ir_value y, int64_t axis);
/* A vector with one number per channel, so that it broadcasts with [N, C, ...] of that rank. */
orion_ir_value mil_channels(mil_raiser *r, orion_ir_value v, uint32_t rank);
/* x with new axes of extent 1 where the result's axes are marked. */
orion_ir_value mil_insert_axes(mil_raiser *r, orion_ir_value x, const bool *marked, uint32_t rank);
/* x without the marked axes, which must have extent 1. */
orion_status mil_drop_axes(mil_raiser *r, const orion_mil_statement *s, orion_ir_value x,
                           const bool *marked, orion_ir_value *out);
/* All elements equal to v; takes no memory in the graph. */
orion_ir_value mil_fill(mil_raiser *r, const orion_ir_type *type, double v);
/* Room in scratch for the numbers of a constant; refused if they are too many. */
orion_status mil_new_indices(mil_raiser *r, const orion_mil_statement *s, int64_t count,
                             int32_t **out);
orion_status mil_new_floats(mil_raiser *r, const orion_mil_statement *s, int64_t count,
                            float **out);
/* A list with one entry per axis; left out: `fallback` everywhere. */
orion_status mil_per_axis(mil_raiser *r, const orion_mil_statement *s, const char *name,
                          bool optional, uint32_t rank, int64_t fallback, int64_t *out);
/* Mark the axes that a list names, counted among `rank`. */
orion_status mil_mark_axes(mil_raiser *r, const orion_mil_statement *s, mil_ints axes,
                           uint32_t rank, bool *marked);
/* One axis, from 0; it must be given if the fallback is MIL_REQUIRED. */
#define MIL_REQUIRED INT64_MIN
orion_status mil_axis(mil_raiser *r, const orion_mil_statement *s, const char *name, uint32_t rank,
                      int64_t fallback, uint32_t *out);

/* ---- raise-formula.c ---- */
mil_raise_fn mil_raise_formula;
/* A formula, phrase or elementwise IR op of these operands, as wide as they are. */
orion_ir_value mil_apply(mil_raiser *r, const char *name, const orion_ir_value *values,
                         size_t count);

/* ---- raise-reduce.c: MIL_REDUCE ---- */
mil_raise_fn mil_raise_reduction;

/* ---- raise-state.c ---- */
/* T of state<T>; NULL for any other type. */
const orion_mil_type *mil_state_type(const orion_mil_type *type);

/* ---- raise-table.c ---- */
typedef struct mil_raise_op {
    const char *name;
    mil_raise_fn *raise;
    uint16_t op; /* orion_ir_op; NONE for ops that are only raised */
} mil_raise_op;
/* All ops that are raised, one by one; NULL past the end. */
const mil_raise_op *mil_raise_row(size_t i);
/* Why an op without a row has none; NULL if nothing is known of it. */
const char *mil_refusal(const char *op);

/* ---- one function per way to raise: raise-operands.c has `generic`, by the table alone ---- */
#define MIL_OP(op_, name_, lower_, raise_) mil_raise_fn mil_raise_##raise_;
#define MIL_FOREIGN(name_, raise_)         mil_raise_fn mil_raise_##raise_;
#include "mil-ops.def"

#endif
