/* SPDX-License-Identifier: MIT */
/*
 * Rewriting a graph for a target: what the passes of legalisation, placement and the plan share.
 *
 * liborion-mil sees graphs through ir.h alone, so a rewrite builds a new graph beside the old one:
 * mil_rewrite_graph visits every node in order, and a visit either copies its node or emits
 * something else and says what stands for the results from there on. Nothing is edited in place.
 */
#ifndef MIL_LEGAL_H
#define MIL_LEGAL_H

#include "mil-target.h"

typedef struct mil_rewrite {
    const orion_ir_graph *from;
    const orion_mil_target *target; /* NULL where a rewrite needs none */
    orion_allocator allocator;
    orion_diag *diag;
    orion_ir_builder *b;
    orion_ir_value *map; /* old id -> new value */
    uint32_t bound;      /* no value that `map` knows has a greater id */
    bool changed;
    void *ctx; /* the visit's own */
} mil_rewrite;

/* Emit what stands for a node; must say mil_set_result for each of its results. */
typedef orion_status mil_visit(mil_rewrite *r, const orion_ir_node *n);

/* ---- rewrite.c ---- */
/* A new graph of the same name, inputs and outputs. */
orion_status mil_rewrite_graph(const orion_ir_graph *graph, const orion_mil_target *target,
                               mil_visit *visit, void *ctx, const orion_allocator *allocator,
                               orion_diag *diag, orion_ir_graph **out, bool *changed);
/* What stands for operand i of a node. */
orion_ir_value mil_mapped(const mil_rewrite *r, const orion_ir_node *n, size_t i);
/* `v` stands for result i; it takes the name, if it is new. */
void mil_set_result(mil_rewrite *r, const orion_ir_node *n, size_t i, orion_ir_value v);
/* The visit that changes nothing. */
orion_status mil_keep(mil_rewrite *r, const orion_ir_node *n);
#define MIL_REPLACE(r, n, v) (mil_set_result((r), (n), 0, (v)), (r)->changed = true, ORION_OK)

/* The same op with the same attributes on other operands; returns the first result. A const is
 * copied with its data. */
orion_ir_value mil_emit_like(orion_ir_builder *b, const orion_ir_graph *from,
                             const orion_ir_node *n, const orion_ir_value *operands);
/* The same with attribute `name` set to a number. */
orion_ir_value mil_emit_with(orion_ir_builder *b, const orion_ir_node *n,
                             const orion_ir_value *operands, const char *name, int64_t number);
/* The same with so many operands. */
orion_ir_value mil_emit_some(orion_ir_builder *b, const orion_ir_node *n,
                             const orion_ir_value *operands, size_t count);
/* The node that makes operand i if that is a const, or NULL. */
const orion_ir_node *mil_const_operand(const orion_ir_graph *g, const orion_ir_node *n, size_t i);
/* Is the const a float with the same number in every place? */
bool mil_is_splat(const orion_ir_graph *g, const orion_ir_node *n, double *number);
/* Element i of a float const. */
double mil_const_element(orion_ir_dtype dtype, const void *data, size_t i);

/* Phrases over the public builder. */
orion_ir_type mil_type_of(const orion_ir_builder *b, orion_ir_value v);
/* A scalar that broadcasts with values of `like`'s dtype. */
orion_ir_value mil_number(orion_ir_builder *b, orion_ir_value like, double number);
/* x under other dims; x itself if it has them. */
orion_ir_value mil_reshape(orion_ir_builder *b, orion_ir_value x, const int64_t *dims,
                           uint32_t rank);
#define MIL_RESHAPE(b, x, ...)                                                                     \
    mil_reshape((b), (x), (const int64_t[]){__VA_ARGS__},                                          \
                sizeof((const int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
orion_ir_value mil_concat(orion_ir_builder *b, const orion_ir_value *parts, size_t count,
                          int64_t axis);
/* x[begin, begin + size) on one axis. */
orion_ir_value mil_slice(orion_ir_builder *b, orion_ir_value x, uint32_t axis, int64_t begin,
                         int64_t size);
/* x with zeros around one axis. */
orion_ir_value mil_pad(orion_ir_builder *b, orion_ir_value x, uint32_t axis, int64_t before,
                       int64_t after, double value);
orion_ir_value mil_cast(orion_ir_builder *b, orion_ir_value x, uint32_t dtype);
static inline bool mil_is_float(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}
static inline bool mil_is_integer(uint32_t dtype) {
    return dtype == ORION_IR_I32 || dtype == ORION_IR_U16 || dtype == ORION_IR_U8 ||
           dtype == ORION_IR_I8;
}
/* What makes a pass over a device worth while. */
static inline bool mil_is_product(const orion_ir_node *n) {
    orion_ir_op op = orion_ir_node_op(n);
    return op == ORION_IR_OP_matmul || op == ORION_IR_OP_conv || op == ORION_IR_OP_conv_transpose;
}
static inline bool mil_is_const_node(const orion_ir_node *n) {
    return n != NULL && orion_ir_node_op(n) == ORION_IR_OP_const;
}
/* Nodes in order; those that are visited with their results. */
#define mil_foreach_node(g, n)                                                                     \
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n))

/* ---- legal/sides.c: where a node runs ---- */
typedef enum mil_side {
    MIL_SIDE_ANY = 0, /* constants: wherever they are used */
    MIL_SIDE_DEVICE = 1,
    MIL_SIDE_HOST = 2
} mil_side;
/* Why a node stays on the host. */
typedef enum mil_reason {
    MIL_REASON_NONE = 0,
    MIL_REASON_INTEGERS,  /* integers go in or come out, or it depends on nothing else */
    MIL_REASON_REFUSED,   /* the target refuses the op */
    MIL_REASON_LIMITS,    /* an operand or result is beyond a limit */
    MIL_REASON_LOSS,      /* it depends on the targets of the loss */
    MIL_REASON_GRADIENT,  /* the product that is the gradient of a weight */
    MIL_REASON_FEEDS_HOST /* cheap, and only the host uses it */
} mil_reason;
typedef struct mil_sides {
    orion_allocator allocator;
    uint8_t *cells; /* by value id: the side, and 4 x the reason */
    size_t count;
} mil_sides;
typedef struct mil_side_options {
    bool gradients_on_device; /* products that are gradients of weights */
} mil_side_options;
orion_status mil_sides_find(const orion_ir_graph *g, const orion_mil_target *target,
                            const mil_side_options *options, const orion_allocator *allocator,
                            mil_sides *out);
void mil_sides_free(mil_sides *s);
static inline mil_side mil_side_of(const mil_sides *s, orion_ir_value v) {
    return (mil_side)(s->cells[v.id] & 3);
}
static inline mil_reason mil_reason_of(const mil_sides *s, orion_ir_value v) {
    return (mil_reason)(s->cells[v.id] >> 2);
}
static inline uint8_t mil_cell(mil_side side, mil_reason reason) {
    return (uint8_t)((unsigned)side | (unsigned)reason << 2);
}
static inline mil_side mil_node_side(const mil_sides *s, const orion_ir_node *n) {
    return mil_side_of(s, orion_ir_node_result(n, 0));
}
/* A word for the reason, for tables. */
const char *mil_reason_name(mil_reason reason);
/* Does the target refuse the op of MIL, believing what is not doubtful (or all, in the paper's
 * wording)? */
bool mil_refuses(const orion_mil_target *t, const char *mil_op);

/* ---- legal/half.c ---- */
/* The graph with all that runs on the device in fp16 and casts where a value changes sides; `sides`
 * are those of `g` and become those of the new graph. */
orion_status mil_make_half(const orion_ir_graph *g, const orion_mil_target *target,
                           mil_sides *sides, bool wide_ports, const orion_allocator *allocator,
                           orion_diag *diag, orion_ir_graph **out);

/* ---- legal/pass.c ---- */
typedef struct mil_pass {
    const char *name, *doc;
    mil_visit *visit; /* of a pass that looks at one node at a time, or */
    orion_status (*run)(const orion_ir_graph *g, const orion_mil_target *target,
                        const mil_side_options *options, const orion_allocator *allocator,
                        orion_diag *diag, orion_ir_graph **out, bool *changed);
} mil_pass;
extern const mil_pass mil_pass_expand, mil_pass_norm, mil_pass_rank, mil_pass_limits, mil_pass_conv,
    mil_pass_concat, mil_pass_bias, mil_pass_rsqrt, mil_pass_truth, mil_pass_slice, mil_pass_pad,
    mil_pass_mask, mil_pass_half;
/* All passes but half. */
orion_status mil_legalize_ops(const orion_ir_graph *graph, const orion_mil_target *target,
                              const mil_side_options *options, const orion_allocator *allocator,
                              orion_diag *diag, orion_ir_graph **out);

#endif
