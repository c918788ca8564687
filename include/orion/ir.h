/* SPDX-License-Identifier: MIT */
/**
 * @file ir.h
 * liborion-ir: the graph IR. Pure functions on tensors, with text, passes, evaluation and
 * reverse-mode autodiff.
 *
 * A graph is one pure function: named inputs, named outputs, nodes in an order that is always
 * topological. It knows nothing of MIL, devices or weight files. Build one with a builder (errors
 * are sticky: only finish reports), or parse `.oir` text:
 *
 * @code
 *     orion_ir_builder *b;
 *     orion_ir_graph *g;
 *     if (orion_ir_builder_create("ffn", NULL, &b) != ORION_OK) return 1;
 *     const int64_t rows[] = {16, 64}, weights[] = {172, 64};
 *     orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, rows));
 *     orion_ir_value w = orion_ir_input(b, "w", orion_ir_type_make(ORION_IR_F32, 2, weights));
 *     orion_ir_output(b, "y", orion_ir_silu(b, orion_ir_linear(b, x, w)));
 *     orion_status status = orion_ir_builder_finish(&b, diag, &g);
 * @endcode
 *
 * Threads: a graph is externally synchronised; const functions may run in parallel on a graph
 * nobody changes.
 */
#ifndef ORION_IR_H
#define ORION_IR_H

#include "base.h"

#define ORION_IR_VERSION_MAJOR 0
#define ORION_IR_VERSION_MINOR 1
#define ORION_IR_VERSION_PATCH 0
#define ORION_IR_VERSION_AT_LEAST(major, minor)                                                    \
    (ORION_IR_VERSION_MAJOR > (major) ||                                                           \
     (ORION_IR_VERSION_MAJOR == (major) && ORION_IR_VERSION_MINOR >= (minor)))

/** All ops; see ir-ops.def for what each one means. Numbers are stable. */
typedef enum orion_ir_op {
    ORION_IR_OP_NONE = 0,
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    ORION_IR_OP_##name = number,
#include "ir-ops.def"
} orion_ir_op;

ORION_BEGIN_DECLS

/** major << 16 | minor << 8 | patch of the library at run time. */
ORION_API uint32_t orion_ir_version(void);

/* ---- types -------------------------------------------------------------------------------- */

/** Element types. Numbers are stable. */
typedef enum orion_ir_dtype {
    ORION_IR_DTYPE_NONE = 0,
    ORION_IR_F32 = 1,
    ORION_IR_F16 = 2,
    ORION_IR_BF16 = 3,
    ORION_IR_I32 = 4,
    ORION_IR_U16 = 5,
    ORION_IR_U8 = 6,
    ORION_IR_I8 = 7,
    ORION_IR_BOOL = 8 /**< one byte, 0 or 1 */
} orion_ir_dtype;

/** Highest rank of a tensor. A target may allow less. */
#define ORION_IR_RANK_MAX 8

/** Dtype and shape. dims[rank..] are 0. A rank of 0 is a scalar. Each dim is in [1, 2^31), the
 * bytes in all < 2^48. */
typedef struct orion_ir_type {
    uint32_t dtype; /**< an orion_ir_dtype */
    uint32_t rank;
    int64_t dims[ORION_IR_RANK_MAX];
} orion_ir_type;

/** "f32", "i32" ...; "none" for anything else. Static. */
ORION_API const char *orion_ir_dtype_name(orion_ir_dtype dtype);
/** The dtype of that name, or ORION_IR_DTYPE_NONE. */
ORION_API orion_ir_dtype orion_ir_dtype_from_name(const char *name);
/** Bytes per element; 0 for no dtype. */
ORION_API size_t orion_ir_dtype_bytes(orion_ir_dtype dtype);
/** A type from dtype, rank and dims. Not checked here but where it is used; rank is clipped to
 * ORION_IR_RANK_MAX. */
ORION_API orion_ir_type orion_ir_type_make(orion_ir_dtype dtype, uint32_t rank,
                                           const int64_t *ORION_NULLABLE dims);
/** Product of dims, 1 for a scalar; 0 if the type is not valid (see orion_ir_type). */
ORION_API int64_t orion_ir_type_elements(const orion_ir_type *type);
/** elements x bytes per element; 0 if the type is not valid. */
ORION_API size_t orion_ir_type_bytes(const orion_ir_type *type);
/** 1 if dtype, rank and dims agree, else 0. */
ORION_API int orion_ir_type_equal(const orion_ir_type *a, const orion_ir_type *b);

/* ---- the op table ------------------------------------------------------------------------- */

typedef enum orion_ir_attr_kind {
    ORION_IR_ATTR_INT = 1,
    ORION_IR_ATTR_FLOAT = 2,
    ORION_IR_ATTR_BOOL = 3,
    ORION_IR_ATTR_INTS =
        4, /**< list of up to ORION_IR_RANK_MAX (split sizes: any number) integers */
    ORION_IR_ATTR_DTYPE = 5
} orion_ir_attr_kind;

/** One row of the op table. Static strings. */
typedef struct orion_ir_op_info {
    size_t size;
    const char *name;
    const char *doc;
    uint32_t op;       /**< an orion_ir_op */
    uint32_t is_model; /**< 1: a model op, with a decomposition into core ops */
    uint32_t min_inputs;
    uint32_t max_inputs; /**< 255: any number */
    uint32_t results;    /**< 255: as many as the attributes say */
    uint32_t attr_count;
} orion_ir_op_info;

/** One attribute of an op. Static strings. */
typedef struct orion_ir_attr_info {
    size_t size;
    const char *name;
    const char *fallback; /**< default as text; "" if it must be given */
    const char *doc;
    uint32_t kind; /**< an orion_ir_attr_kind */
    uint32_t reserved;
} orion_ir_attr_info;

/** Number of ops in the table. */
ORION_API size_t orion_ir_op_count(void);
/** Row i in table order, or NULL past the end. */
ORION_API const orion_ir_op_info *ORION_NULLABLE orion_ir_op_at(size_t i);
/** The row of an op, or NULL. */
ORION_API const orion_ir_op_info *ORION_NULLABLE orion_ir_op_find(orion_ir_op op);
/** The row of that name, or NULL. */
ORION_API const orion_ir_op_info *ORION_NULLABLE orion_ir_op_from_name(const char *name);
/** Attribute i of an op, or NULL. */
ORION_API const orion_ir_attr_info *ORION_NULLABLE orion_ir_op_attr(orion_ir_op op, size_t i);

/* ---- building ----------------------------------------------------------------------------- */

typedef struct orion_ir_graph orion_ir_graph;
typedef struct orion_ir_node orion_ir_node;
typedef struct orion_ir_builder orion_ir_builder;

/** A value of one graph: an input or a result of a node. id 0 is no value. */
typedef struct orion_ir_value {
    uint32_t id;
} orion_ir_value;

/** An attribute given to orion_ir_build. Set the member that its kind in the op table names. */
typedef struct orion_ir_attr {
    const char *name;
    const int64_t *ORION_NULLABLE ints; /**< INTS; borrowed for the call */
    size_t int_count;
    int64_t i; /**< INT, BOOL (0/1), DTYPE */
    double f;  /**< FLOAT */
} orion_ir_attr;

/**
 * Start a graph. Names are [A-Za-z_][A-Za-z0-9_]*, at most 255 bytes.
 * @return ORION_OK; ORION_ERROR_NO_MEMORY. A bad name is reported by finish.
 * Ownership: the caller owns the builder until finish or destroy.  Threads: externally
 * synchronised.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_builder_create(const char *name, const orion_allocator *ORION_NULLABLE allocator,
                        orion_ir_builder **out_builder);
ORION_API void orion_ir_builder_destroy(orion_ir_builder **builder);
/**
 * End building: takes the builder (NULLs it, also on failure) and returns the graph, verified.
 * @return ORION_OK; the first sticky error, with its diagnostic naming op, operands and types:
 * ORION_ERROR_INVALID_ARGUMENT (wrong operand, shape, dtype, attribute or name),
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_builder_finish(orion_ir_builder **builder,
                                                                orion_diag *ORION_NULLABLE diag,
                                                                orion_ir_graph **out_graph);
/** A named input. */
ORION_API orion_ir_value orion_ir_input(orion_ir_builder *b, const char *name, orion_ir_type type);
/** A constant with `bytes` bytes of row-major data in the type's dtype, copied. */
ORION_API orion_ir_value orion_ir_constant(orion_ir_builder *b, orion_ir_type type,
                                           const void *data, size_t bytes);
/** A constant whose data are in `blob` at `offset` (a reference is kept, nothing is copied; any
 * alignment). */
ORION_API orion_ir_value orion_ir_constant_blob(orion_ir_builder *b, orion_ir_type type,
                                                orion_blob *blob, size_t offset);
/** A constant filled with one number, converted to the dtype; rank 0 for a scalar. */
ORION_API orion_ir_value orion_ir_splat(orion_ir_builder *b, orion_ir_type type, double number);
/** Any op. Inputs and attributes as in the op table; attributes not given take their defaults.
 * Returns the first result. */
ORION_API orion_ir_value orion_ir_build(orion_ir_builder *b, orion_ir_op op,
                                        const orion_ir_value *inputs, size_t input_count,
                                        const orion_ir_attr *ORION_NULLABLE attrs,
                                        size_t attr_count);
/** Result i of the node that made `first` (for ops with several results). */
ORION_API orion_ir_value orion_ir_result(orion_ir_builder *b, orion_ir_value first, size_t i);
/** Name a value (shown in text; must be unique in the graph). */
ORION_API void orion_ir_name(orion_ir_builder *b, orion_ir_value v, const char *name);
/** Declare an output. An unnamed value takes the name too. Inputs and outputs share one name space
 * only if they are one value. */
ORION_API void orion_ir_output(orion_ir_builder *b, const char *name, orion_ir_value v);
/** Type of a value under construction; dtype 0 if the builder has failed. */
ORION_API orion_ir_type orion_ir_builder_type(const orion_ir_builder *b, orion_ir_value v);

/* One call per op; shapes as in ir-ops.def. A failed operand gives a failed result; the first error
 * is kept. */

static inline orion_ir_value orion_ir_build1(orion_ir_builder *b, orion_ir_op op,
                                             orion_ir_value x) {
    return orion_ir_build(b, op, &x, 1, 0, 0);
}
static inline orion_ir_value orion_ir_build2(orion_ir_builder *b, orion_ir_op op, orion_ir_value x,
                                             orion_ir_value y) {
    orion_ir_value in[2];
    in[0] = x;
    in[1] = y;
    return orion_ir_build(b, op, in, 2, 0, 0);
}
static inline orion_ir_attr orion_ir_attr_int(const char *name, int64_t i) {
    orion_ir_attr a = {name, 0, 0, 0, 0};
    a.i = i;
    return a;
}
static inline orion_ir_attr orion_ir_attr_float(const char *name, double f) {
    orion_ir_attr a = {name, 0, 0, 0, 0};
    a.f = f;
    return a;
}
static inline orion_ir_attr orion_ir_attr_ints(const char *name, const int64_t *ints,
                                               size_t count) {
    orion_ir_attr a = {name, 0, 0, 0, 0};
    a.ints = ints;
    a.int_count = count;
    return a;
}

#define ORION_IR_UNARY(name)                                                                       \
    static inline orion_ir_value orion_ir_##name(orion_ir_builder *b, orion_ir_value x) {          \
        return orion_ir_build1(b, ORION_IR_OP_##name, x);                                          \
    }
#define ORION_IR_BINARY(name)                                                                      \
    static inline orion_ir_value orion_ir_##name(orion_ir_builder *b, orion_ir_value x,            \
                                                 orion_ir_value y) {                               \
        return orion_ir_build2(b, ORION_IR_OP_##name, x, y);                                       \
    }
#define ORION_IR_REDUCE(name)                                                                      \
    static inline orion_ir_value orion_ir_##name(                                                  \
        orion_ir_builder *b, orion_ir_value x, const int64_t *axes, size_t count, int keep_dims) { \
        orion_ir_attr a[2];                                                                        \
        a[0] = orion_ir_attr_ints("axes", axes, count);                                            \
        a[1] = orion_ir_attr_int("keep_dims", keep_dims);                                          \
        return orion_ir_build(b, ORION_IR_OP_##name, &x, 1, a, 2);                                 \
    }
ORION_IR_BINARY(add)
ORION_IR_BINARY(sub)
ORION_IR_BINARY(mul)
ORION_IR_BINARY(div)
ORION_IR_BINARY(max)
ORION_IR_BINARY(min)
ORION_IR_BINARY(pow)
ORION_IR_BINARY(equal)
ORION_IR_BINARY(less)
ORION_IR_BINARY(less_equal)
ORION_IR_BINARY(logical_and)
ORION_IR_BINARY(logical_or)
ORION_IR_BINARY(linear)
ORION_IR_BINARY(embedding)
ORION_IR_BINARY(cross_entropy)
ORION_IR_UNARY(neg)
ORION_IR_UNARY(abs)
ORION_IR_UNARY(exp)
ORION_IR_UNARY(log)
ORION_IR_UNARY(sqrt)
ORION_IR_UNARY(rsqrt)
ORION_IR_UNARY(tanh)
ORION_IR_UNARY(sigmoid)
ORION_IR_UNARY(relu)
ORION_IR_UNARY(erf)
ORION_IR_UNARY(sin)
ORION_IR_UNARY(cos)
ORION_IR_UNARY(floor)
ORION_IR_UNARY(round)
ORION_IR_UNARY(identity)
ORION_IR_UNARY(logical_not)
ORION_IR_UNARY(silu)
ORION_IR_REDUCE(reduce_sum)
ORION_IR_REDUCE(reduce_mean)
ORION_IR_REDUCE(reduce_max)
ORION_IR_REDUCE(reduce_min)
ORION_IR_REDUCE(reduce_logsumexp)
#undef ORION_IR_UNARY
#undef ORION_IR_BINARY
#undef ORION_IR_REDUCE

static inline orion_ir_value orion_ir_select(orion_ir_builder *b, orion_ir_value condition,
                                             orion_ir_value x, orion_ir_value y) {
    orion_ir_value in[3];
    in[0] = condition;
    in[1] = x;
    in[2] = y;
    return orion_ir_build(b, ORION_IR_OP_select, in, 3, 0, 0);
}
static inline orion_ir_value orion_ir_clip(orion_ir_builder *b, orion_ir_value x, double low,
                                           double high) {
    orion_ir_attr a[2];
    a[0] = orion_ir_attr_float("low", low);
    a[1] = orion_ir_attr_float("high", high);
    return orion_ir_build(b, ORION_IR_OP_clip, &x, 1, a, 2);
}
static inline orion_ir_value orion_ir_reduce_argmax(orion_ir_builder *b, orion_ir_value x,
                                                    int64_t axis, int keep_dims) {
    orion_ir_attr a[2];
    a[0] = orion_ir_attr_int("axis", axis);
    a[1] = orion_ir_attr_int("keep_dims", keep_dims);
    return orion_ir_build(b, ORION_IR_OP_reduce_argmax, &x, 1, a, 2);
}
static inline orion_ir_value orion_ir_cast(orion_ir_builder *b, orion_ir_value x,
                                           orion_ir_dtype dtype) {
    orion_ir_attr a = orion_ir_attr_int("dtype", (int64_t)dtype);
    return orion_ir_build(b, ORION_IR_OP_cast, &x, 1, &a, 1);
}
static inline orion_ir_value orion_ir_matmul(orion_ir_builder *b, orion_ir_value x,
                                             orion_ir_value y, int transpose_x, int transpose_y) {
    orion_ir_value in[2];
    orion_ir_attr a[2];
    in[0] = x;
    in[1] = y;
    a[0] = orion_ir_attr_int("transpose_x", transpose_x);
    a[1] = orion_ir_attr_int("transpose_y", transpose_y);
    return orion_ir_build(b, ORION_IR_OP_matmul, in, 2, a, 2);
}
static inline orion_ir_value orion_ir_reshape(orion_ir_builder *b, orion_ir_value x,
                                              const int64_t *shape, size_t rank) {
    orion_ir_attr a = orion_ir_attr_ints("shape", shape, rank);
    return orion_ir_build(b, ORION_IR_OP_reshape, &x, 1, &a, 1);
}
static inline orion_ir_value orion_ir_transpose(orion_ir_builder *b, orion_ir_value x,
                                                const int64_t *perm, size_t rank) {
    orion_ir_attr a = orion_ir_attr_ints("perm", perm, rank);
    return orion_ir_build(b, ORION_IR_OP_transpose, &x, 1, &a, 1);
}
static inline orion_ir_value orion_ir_softmax(orion_ir_builder *b, orion_ir_value x, int64_t axis) {
    orion_ir_attr a = orion_ir_attr_int("axis", axis);
    return orion_ir_build(b, ORION_IR_OP_softmax, &x, 1, &a, 1);
}
static inline orion_ir_value orion_ir_rms_norm(orion_ir_builder *b, orion_ir_value x,
                                               orion_ir_value gamma, double epsilon) {
    orion_ir_value in[2];
    orion_ir_attr a = orion_ir_attr_float("epsilon", epsilon);
    in[0] = x;
    in[1] = gamma;
    return orion_ir_build(b, ORION_IR_OP_rms_norm, in, 2, &a, 1);
}
static inline orion_ir_value orion_ir_rope(orion_ir_builder *b, orion_ir_value x,
                                           orion_ir_value position, double theta, int interleaved) {
    orion_ir_value in[2];
    orion_ir_attr a[2];
    in[0] = x;
    in[1] = position;
    a[0] = orion_ir_attr_float("theta", theta);
    a[1] = orion_ir_attr_int("interleaved", interleaved);
    return orion_ir_build(b, ORION_IR_OP_rope, in, 2, a, 2);
}
/** Attention over keys 0..position[t]; scale 0 means 1/sqrt(D). */
static inline orion_ir_value orion_ir_attention(orion_ir_builder *b, orion_ir_value q,
                                                orion_ir_value k, orion_ir_value v,
                                                orion_ir_value position, double scale) {
    orion_ir_value in[4];
    orion_ir_attr a = orion_ir_attr_float("scale", scale);
    in[0] = q;
    in[1] = k;
    in[2] = v;
    in[3] = position;
    return orion_ir_build(b, ORION_IR_OP_attention, in, 4, &a, 1);
}
static inline orion_ir_value orion_ir_slice_update(orion_ir_builder *b, orion_ir_value x,
                                                   orion_ir_value update, orion_ir_value begin,
                                                   int64_t axis) {
    orion_ir_value in[3];
    orion_ir_attr a = orion_ir_attr_int("axis", axis);
    in[0] = x;
    in[1] = update;
    in[2] = begin;
    return orion_ir_build(b, ORION_IR_OP_slice_update, in, 3, &a, 1);
}

/* ---- reading a graph ---------------------------------------------------------------------- */

ORION_API void orion_ir_graph_destroy(orion_ir_graph **graph);
/** A deep copy (constant blobs are shared). */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_graph_clone(const orion_ir_graph *graph, const orion_allocator *ORION_NULLABLE allocator,
                     orion_ir_graph **out_graph);
/* Names and node pointers are borrowed from the graph until it changes. */
ORION_API const char *orion_ir_graph_name(const orion_ir_graph *graph);
ORION_API size_t orion_ir_graph_input_count(const orion_ir_graph *graph);
/** Input i in declaration order; no value if i is past the end. */
ORION_API orion_ir_value orion_ir_graph_input(const orion_ir_graph *graph, size_t i);
ORION_API size_t orion_ir_graph_output_count(const orion_ir_graph *graph);
ORION_API orion_ir_value orion_ir_graph_output(const orion_ir_graph *graph, size_t i);
ORION_API const char *orion_ir_graph_output_name(const orion_ir_graph *graph, size_t i);
/** Number of nodes, constants included. */
ORION_API size_t orion_ir_graph_node_count(const orion_ir_graph *graph);
/** Upper bound of value ids: every id is below it. */
ORION_API uint32_t orion_ir_graph_value_bound(const orion_ir_graph *graph);
/** Nodes in topological order: first, then next until NULL. */
ORION_API const orion_ir_node *ORION_NULLABLE orion_ir_graph_first(const orion_ir_graph *graph);
ORION_API const orion_ir_node *ORION_NULLABLE orion_ir_node_next(const orion_ir_node *node);

/** Type of a value; dtype 0 if there is no such value. */
ORION_API orion_ir_type orion_ir_value_type(const orion_ir_graph *graph, orion_ir_value v);
/** Name of a value, or NULL if it has none. */
ORION_API const char *ORION_NULLABLE orion_ir_value_name(const orion_ir_graph *graph,
                                                         orion_ir_value v);
/** The node that makes a value, or NULL for an input. */
ORION_API const orion_ir_node *ORION_NULLABLE orion_ir_value_node(const orion_ir_graph *graph,
                                                                  orion_ir_value v);

ORION_API orion_ir_op orion_ir_node_op(const orion_ir_node *node);
ORION_API size_t orion_ir_node_input_count(const orion_ir_node *node);
ORION_API orion_ir_value orion_ir_node_input(const orion_ir_node *node, size_t i);
ORION_API size_t orion_ir_node_result_count(const orion_ir_node *node);
ORION_API orion_ir_value orion_ir_node_result(const orion_ir_node *node, size_t i);
/* Attributes by name. An unknown name or wrong kind gives 0 or an empty list. */
ORION_API int64_t orion_ir_node_int(const orion_ir_node *node,
                                    const char *attr); /**< INT, BOOL, DTYPE */
ORION_API double orion_ir_node_float(const orion_ir_node *node, const char *attr);
ORION_API const int64_t *orion_ir_node_ints(const orion_ir_node *node, const char *attr,
                                            size_t *out_count);
/** Row-major data of a const node (borrowed; may be unaligned), or NULL for any other op. */
ORION_API const void *ORION_NULLABLE orion_ir_node_data(const orion_ir_node *node,
                                                        size_t *ORION_NULLABLE out_bytes);
/** The blob behind a const node and the offset in it (borrowed), or NULL for any other op. */
ORION_API orion_blob *ORION_NULLABLE orion_ir_node_blob(const orion_ir_node *node,
                                                        size_t *out_offset);

/**
 * Check every invariant and report all violations.
 * @return ORION_OK; ORION_ERROR_VERIFY with one diagnostic per violation; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_verify(const orion_ir_graph *graph,
                                                        orion_diag *ORION_NULLABLE diag);

/* ---- text --------------------------------------------------------------------------------- */

/**
 * Print canonical .oir (docs/ir-language.md). print(parse(print(g))) == print(g), byte for byte.
 * @return ORION_OK; ORION_ERROR_NO_MEMORY; else what the writer returned, unchanged
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_print(const orion_ir_graph *graph,
                                                       const orion_writer *writer);
/**
 * Parse .oir text; no NUL needed. Safe on any bytes: time and memory are proportional to the text,
 * within the limits of docs/ir-language.md.
 * @param source name shown in diagnostics, or NULL
 * @return ORION_OK; ORION_ERROR_SYNTAX (several diagnostics with line and column);
 * ORION_ERROR_VERIFY (parses, but a name, op, attribute, shape or dtype is wrong, or a limit is
 * passed: line and column of it); ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_parse(const char *text, size_t length, const char *ORION_NULLABLE source,
               const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
               orion_ir_graph **out_graph);

/* ---- passes ------------------------------------------------------------------------------- */

/** How passes are run. */
typedef struct orion_ir_pass_options {
    size_t size;
    uint32_t verify_each; /**< 1: verify the graph after every pass */
    uint32_t stress;      /**< 1: print and parse the graph after every pass */
    /** If set, the graph is printed there after every pass that changed it, under a comment that
     * names the pass. */
    const orion_writer *ORION_NULLABLE dump;
} orion_ir_pass_options;

/** Number of passes; docs/passes.md says what each does. */
ORION_API size_t orion_ir_pass_count(void);
/** Name of pass i ("dce", "identity", "cast" ...), or NULL past the end. */
ORION_API const char *ORION_NULLABLE orion_ir_pass_name(size_t i);
/** One sentence about pass i. */
ORION_API const char *ORION_NULLABLE orion_ir_pass_doc(size_t i);
/** Name of the number that pass i must be given ("budget"), or NULL if it takes none. */
ORION_API const char *ORION_NULLABLE orion_ir_pass_option(size_t i);
/** Name of the i-th pipeline that has one ("default" ...), or NULL past the end. */
ORION_API const char *ORION_NULLABLE orion_ir_pipeline_name(size_t i);
/**
 * Run a pipeline: items between commas, e.g. "decompose,default,remat(budget=1048576)". An item is
 * a pass, with its number if it takes one; the name of a pipeline; or repeat(...), whose passes are
 * run until none changes the graph. "default" stands for the usual passes, repeated, which keep
 * every bit; "inexact" adds those that may round differently. "" is no pass at all.
 * @param out_changed [out, optional] 1 if the graph changed
 * @return ORION_OK; ORION_ERROR_NOT_FOUND names the unknown pass (nothing is run);
 * ORION_ERROR_INVALID_ARGUMENT if the pipeline is not well formed, an option is missing or unknown,
 * or repeat(...) holds a pass that need not come to an end (nothing is run), or if "decompose"
 * would need a tensor beyond the limits; ORION_ERROR_VERIFY if verify_each finds something; what
 * the dump's writer returns; ORION_ERROR_ABI if the options are newer than the library;
 * ORION_ERROR_NO_MEMORY. On failure the graph is valid and equal in value, perhaps partly
 * rewritten.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_run_passes(orion_ir_graph *graph, const char *pipeline,
                    const orion_ir_pass_options *ORION_NULLABLE options,
                    orion_diag *ORION_NULLABLE diag, int *ORION_NULLABLE out_changed);
/**
 * Print a pipeline with all names of pipelines written out, as it can be given to run again.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND, ORION_ERROR_INVALID_ARGUMENT as when it is run; what the
 * writer returns. Takes no memory.
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_print_pipeline(const char *pipeline,
                                                                const orion_writer *writer,
                                                                orion_diag *ORION_NULLABLE diag);

/**
 * Which inputs a node or an output reads. "dead_inputs" removes the others; their order stays.
 * @param out_used  one byte per input: 1 if it stays, else 0
 * @return ORION_OK; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_graph_used_inputs(const orion_ir_graph *graph,
                                                                   uint8_t *out_used);
/**
 * What output i holds in front of the zeros that "uniform_outputs" put behind it: a tensor of this
 * type, packed in row-major order from the first byte. The output's own type if it is not padded;
 * dtype 0 if there is no such output. It is read off the graph: pad of a vector, or of a reshape to
 * one; so it survives text, but ask before other passes rewrite those two.
 */
ORION_API orion_ir_type orion_ir_graph_output_content(const orion_ir_graph *graph, size_t i);

/**
 * Turn constants into inputs, so that gradients with respect to them can be taken and other data be
 * given: a new graph with the named constants as inputs behind those there are, in the order of the
 * names, which they keep. Values keep their numbers: orion_ir_value_node(graph, v) of the original
 * is the constant that input v was. The pass "parameters(elements=N)" does it to all float
 * constants of at least N elements, in the order of the nodes; those without a name become param0,
 * param1 ... One that cannot keep its name, because an output has it that is another value, gets
 * such a name too.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND if there is no constant of a name, or it is listed twice;
 * ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the graph, which keeps nothing of the original but its blobs.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_parameterize(const orion_ir_graph *graph, const char *const *names, size_t count,
                      const orion_allocator *ORION_NULLABLE allocator,
                      orion_diag *ORION_NULLABLE diag, orion_ir_graph **out_graph);

/* ---- memory ------------------------------------------------------------------------------- */

/**
 * How much memory the values of a graph take while its nodes run in order, against a budget: what
 * fits into a device's fast memory, and what spills.
 *
 * A value takes orion_ir_type_bytes of its type. It is live from the node that makes it (an input:
 * from the first) to the last one that reads it (an output: to the last node). A constant is part
 * of the program and counts at the nodes that read it. Nothing shares memory, so a device that puts
 * views and results over operands needs less.
 * Threads: immutable, may be shared. It does not refer to the graph.
 */
typedef struct orion_ir_memory orion_ir_memory;
/**
 * Find out. Linear in the graph.
 * @param budget  bytes
 * @return ORION_OK; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the result.
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_memory_create(
    const orion_ir_graph *graph, uint64_t budget, const orion_allocator *ORION_NULLABLE allocator,
    orion_ir_memory **out_memory);
ORION_API void orion_ir_memory_destroy(orion_ir_memory **memory);
/** Bytes live while node i runs, operands and results included; nodes count from 0 in the order of
 * the graph. 0 past the end. */
ORION_API uint64_t orion_ir_memory_live(const orion_ir_memory *memory, size_t node);
/** The most bytes live at a node, and which is the first such node; 0 without nodes. */
ORION_API uint64_t orion_ir_memory_peak(const orion_ir_memory *memory,
                                        size_t *ORION_NULLABLE out_node);
/** Number of nodes at which more is live than the budget. */
ORION_API size_t orion_ir_memory_over(const orion_ir_memory *memory);
/** 1 if the value is live at such a node (a constant: is read there), else 0. */
ORION_API int orion_ir_memory_spills(const orion_ir_memory *memory, orion_ir_value v);

/* ---- structure ---------------------------------------------------------------------------- */

/**
 * A number that two graphs of the same structure share: ops, attributes, types, which result goes
 * to which operand, the order of inputs and of outputs, and the contents of constants. Names,
 * numbers of values, the order of nodes, and nodes that no output depends on do not matter; nor
 * does whether one constant or two equal ones are read. The same in every process. Not
 * cryptographic: orion_ir_graph_equal decides. Linear in the graph and its constants.
 * @return ORION_OK; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_graph_hash(const orion_ir_graph *graph,
                                                            uint64_t *out_hash);
/**
 * Do two graphs have the same structure, in the sense of orion_ir_graph_hash?
 * @param out_equal  1 if they do, else 0
 * @return ORION_OK; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_graph_equal(const orion_ir_graph *a,
                                                             const orion_ir_graph *b,
                                                             int *out_equal);

/**
 * A graph as calls of parts: the same layer twelve times is one part, called twelve times.
 *
 * A part is a graph. A call names a part, the values that its inputs get, and those that its
 * outputs are; values are those of orion_ir_outline_graph. Running all calls in order computes
 * every value that is neither an input nor a constant there:
 *
 * @code
 *     orion_ir_outline *o;
 *     if (orion_ir_outline_create(graph, NULL, NULL, &o) != ORION_OK) return 1;
 *     const orion_ir_graph *whole = orion_ir_outline_graph(o);
 *     for (size_t i = 0; i < orion_ir_outline_part_count(o); i++) {
 *         compile(orion_ir_outline_part(o, i));
 *     }
 *     for (size_t c = 0; c < orion_ir_outline_call_count(o); c++) {
 *         size_t part = orion_ir_outline_call_part(o, c);
 *         const orion_ir_graph *callee = orion_ir_outline_part(o, part);
 *         for (size_t i = 0; i < orion_ir_graph_input_count(callee); i++) {
 *             bind(part, i, orion_ir_value_type(whole, orion_ir_outline_call_input(o, c, i)));
 *         }
 *     }
 * @endcode
 *
 * A constant of which all calls of a part read an equal one is in the part. One that differs from
 * call to call (a weight) becomes an input of the part, and the calls name the constants: so layers
 * of equal shape share a part whatever their weights are.
 *
 * The inputs of parts are named in0, in1 ..., the outputs out0, out1 ...; other values have no
 * name. What stands between the repeated parts becomes parts that are called once.
 * Threads: externally synchronised, like the graphs in it.
 */
typedef struct orion_ir_outline orion_ir_outline;

typedef struct orion_ir_outline_options {
    size_t size;
    size_t min_nodes; /**< fewest nodes, constants not counted, of what is called more than once; 0:
                         8 */
} orion_ir_outline_options;

/**
 * Find equal stretches of nodes and make parts of them. Stretches are looked for in the order of
 * the nodes, so layers must stand one after the other, as builders and orion_ir_grad leave them; a
 * pass like "cse" that computes for all layers in the first makes that one differ. Nodes that no
 * output depends on are left out.
 * @return ORION_OK; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the result, which keeps nothing of `graph` but its blobs.
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_outline_create(
    const orion_ir_graph *graph, const orion_ir_outline_options *ORION_NULLABLE options,
    const orion_allocator *ORION_NULLABLE allocator, orion_ir_outline **out_outline);
ORION_API void orion_ir_outline_destroy(orion_ir_outline **outline);
/** The graph that was cut up: a copy, whose values have the numbers they had in the original. */
ORION_API const orion_ir_graph *orion_ir_outline_graph(const orion_ir_outline *outline);
ORION_API size_t orion_ir_outline_part_count(const orion_ir_outline *outline);
/** Part i, in the order of their first calls; NULL past the end. Borrowed. It may be rewritten by
 * passes, once for all calls; orion_ir_outline_inline checks that its ports are as they were. */
ORION_API orion_ir_graph *ORION_NULLABLE orion_ir_outline_part(const orion_ir_outline *outline,
                                                               size_t i);
ORION_API size_t orion_ir_outline_call_count(const orion_ir_outline *outline);
/** Which part call `call` is of; 0 past the end. */
ORION_API size_t orion_ir_outline_call_part(const orion_ir_outline *outline, size_t call);
/** What input i of the part gets: an input, a constant, or an output of an earlier call. No value
 * past the end. */
ORION_API orion_ir_value orion_ir_outline_call_input(const orion_ir_outline *outline, size_t call,
                                                     size_t i);
/** The value that output i of the part is in this call; it need not be used by any other. No value
 * past the end. */
ORION_API orion_ir_value orion_ir_outline_call_output(const orion_ir_outline *outline, size_t call,
                                                      size_t i);
/**
 * One graph again, with every call replaced by the nodes of its part. As long as no part was
 * rewritten its structure is that of the original (orion_ir_graph_equal).
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if a part no longer has the inputs and outputs it
 * had; ORION_ERROR_VERIFY if one is not valid; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the graph.
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_outline_inline(
    const orion_ir_outline *outline, const orion_allocator *ORION_NULLABLE allocator,
    orion_diag *ORION_NULLABLE diag, orion_ir_graph **out_graph);

/* ---- evaluation --------------------------------------------------------------------------- */

typedef enum orion_ir_eval_mode {
    ORION_IR_EVAL_EXACT =
        0, /**< all arithmetic in f64, nothing rounded to its dtype: for finite differences */
    ORION_IR_EVAL_ROUNDED = 1, /**< arithmetic in f64, every result rounded once to its dtype */
    ORION_IR_EVAL_HALF = 2 /**< the same, but floats of any dtype are rounded to f16: what a device
                              without another float would give */
} orion_ir_eval_mode;

/**
 * Evaluate a graph slowly and obviously right: the oracle of everything above.
 * Every element is a double, whatever its dtype; buffers are packed row-major. docs/numerics.md
 * says what each mode does. A value's memory is freed after its last use.
 * @param inputs   one buffer per graph input, in order; ROUNDED and HALF round a copy first
 * @param outputs  one buffer per graph output, filled; untouched on failure
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if an index (gather, scatter_add, slice_update,
 * embedding, cross_entropy, position of attention) is out of range: the diagnostic names op,
 * operand, element and range; ORION_ERROR_NO_MEMORY
 * Threads: any number may evaluate one graph at a time.
 */
ORION_API ORION_MUST_CHECK orion_status orion_ir_eval(const orion_ir_graph *graph,
                                                      orion_ir_eval_mode mode,
                                                      const double *const *inputs,
                                                      double *const *outputs,
                                                      orion_diag *ORION_NULLABLE diag);

/* ---- autodiff ----------------------------------------------------------------------------- */

/** What to differentiate. */
typedef struct orion_ir_grad_options {
    size_t size;
    const char *ORION_NULLABLE
        output; /**< output to differentiate; NULL: the first. A float of any shape */
    const char *ORION_NULLABLE const
        *ORION_NULLABLE inputs; /**< inputs to differentiate by; NULL: all float inputs */
    size_t input_count;
    const char
        *ORION_NULLABLE seed; /**< NULL: the cotangent is 1 (the output must be a scalar); else the
                                 name of a new input with the output's type that carries it */
} orion_ir_grad_options;

/**
 * Reverse-mode differentiation: a new graph with the inputs of `graph` (and the seed), its outputs,
 * and then one output `grad_NAME` per differentiated input, of that input's type and in their order
 * (more `grad_` in front while that name is an output or input already). With a seed, the gradient
 * is that of the sum of seed x output. Inputs without influence get zeros; docs/autodiff.md has the
 * rule of each op.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND for an unknown output or input;
 * ORION_ERROR_INVALID_ARGUMENT if the output is not a float, or not a scalar and no seed is given,
 * if an input is not float or listed twice, if the seed's name is taken or not legal, or if a name
 * would pass 255 bytes;
 * ORION_ERROR_UNSUPPORTED naming an op on the path that has no derivative; ORION_ERROR_ABI;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ir_grad(const orion_ir_graph *graph, const orion_ir_grad_options *ORION_NULLABLE options,
              const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
              orion_ir_graph **out_graph);

ORION_END_DECLS

#endif
