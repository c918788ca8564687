/* SPDX-License-Identifier: MIT */
/*
 * How a graph is stored, and the tools that passes, autodiff and the reference interpreter share.
 *
 * A graph is an arena, a table of values, and a doubly linked list of nodes in topological order.
 * Values are numbered from 1; the results of one node have consecutive numbers. There are no use
 * lists: a rewrite records `old -> new` in a replacement table and one forward sweep (ir_apply)
 * redirects all operands and outputs. That keeps every pass a single loop.
 */
#ifndef IR_INTERNAL_H
#define IR_INTERNAL_H

#include "util/util.h"
#include <orion/ir.h>

/* An attribute's value; which member counts is said by the op's schema. */
typedef struct ir_attr {
    int64_t i;           /* INT, BOOL, DTYPE */
    double f;            /* FLOAT */
    const int64_t *ints; /* INTS, in the arena */
    size_t count;
} ir_attr;

struct orion_ir_node {
    orion_ir_node *next, *prev;
    uint32_t *in;     /* value ids, in the arena; never shared, so ir_apply edits them in place */
    ir_attr *attrs;   /* one per schema row of the op */
    orion_blob *blob; /* const: data at blob + offset (a reference is held); else NULL */
    size_t offset, bytes; /* where in the blob, and how many */
    uint32_t id;          /* unique in the graph, grows with age; not the position */
    uint16_t op;          /* orion_ir_op */
    uint16_t n_in;
    uint32_t out; /* first result */
    uint32_t n_out;
    uint32_t line; /* of the text it came from; 0 none */
};

typedef struct ir_value {
    orion_ir_type type;
    const char *name;   /* in the arena, or NULL */
    orion_ir_node *def; /* NULL for a graph input */
} ir_value;

typedef struct ir_output {
    const char *name;
    uint32_t value;
} ir_output;

struct orion_ir_graph {
    orn_arena arena;
    const char *name;
    ir_value *values; /* [value_count], entry 0 unused */
    size_t value_count, value_capacity;
    uint32_t *inputs;
    size_t input_count, input_capacity;
    ir_output *outputs;
    size_t output_count, output_capacity;
    orion_ir_node *first, *last;
    size_t node_count;
    uint32_t next_node_id;
    orn_map names;        /* value name -> value id; see ir_find_name */
    orn_map output_names; /* output name -> its index; see ir_find_output */
};

/* ---- op table (ops.c) ---- */
typedef struct ir_infer_context ir_infer_context;
typedef struct ir_op {
    orion_ir_op_info info;
    uint32_t first_attr; /* into the attribute table */
    /* Check operands and attributes, normalise attributes (negative axes, -1 in shapes) and fill
     * the result types. */
    orion_status (*infer)(ir_infer_context *c);
} ir_op;
const ir_op *ir_op_get(uint32_t op); /* NULL if there is none */
const ir_op *ir_op_by_name(const char *name, size_t length);
const orion_ir_attr_info *ir_op_attrs(const ir_op *op); /* info.attr_count rows */
/* Default of an attribute, from its text; false if it must be given or (INTS) memory is out. */
bool ir_attr_default(const orion_ir_attr_info *info, orn_arena *arena, ir_attr *out);
bool ir_attr_equal(uint32_t kind, const ir_attr *a, const ir_attr *b); /* floats by their bits */

/* Position of an attribute in node->attrs, by schema: IR_ATTR(reduce_sum, axes). A constant
 * expression. */
enum {
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    IR_ATTR_BEGIN_##name, IR_ATTR_BEFORE_##name = IR_ATTR_BEGIN_##name - 1,
#define ORION_IR_ATTR(op, name, kind, fallback, doc) IR_ATTR_AT_##op##_##name,
#include <orion/ir-ops.def>
    IR_ATTR_TOTAL
};
enum { IR_ATTRS_MAX = 16 }; /* of one op */
#define IR_ATTR(op, name) ((int)IR_ATTR_AT_##op##_##name - (int)IR_ATTR_BEGIN_##op)

/* ---- inference (infer.c) ---- */
/* What a rule sees and fills. Rules report by ir_infer_fail, which formats the operand types behind
 * the text. */
struct ir_infer_context {
    orn_arena *arena; /* for normalised attributes */
    const ir_op *op;
    const orion_ir_type *in;
    size_t n_in;
    ir_attr *attrs;
    orion_ir_type *out; /* [n_out] */
    size_t n_out;
    orion_diag *diag;
    const char *source;
    uint32_t line, column;
};
orion_status ir_infer(ir_infer_context *c);
orion_status ir_infer_fail(ir_infer_context *c, orion_message message, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    orion_status ir_infer_##rule(ir_infer_context *c);
#include <orion/ir-ops.def>
/* Results of an op with these attributes: the table's number, or what the attributes say (split).
 */
size_t ir_result_count(const ir_op *op, const ir_attr *attrs);

/* ---- types (types.c) ---- */
static inline bool ir_is_float(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}
bool ir_dtype_valid(uint32_t dtype);
bool ir_type_valid(const orion_ir_type *type);
/* "f32[16,64]", also of an invalid type; always NUL-terminated. Returns the length. */
enum { IR_TYPE_TEXT = 192 };
size_t ir_format_type(char buf[IR_TYPE_TEXT], const orion_ir_type *type);
/* Number of the name of length n, or ORION_IR_DTYPE_NONE. */
orion_ir_dtype ir_dtype_by_name(const char *name, size_t length);

/* ---- graph (graph.c) ---- */
orion_status ir_graph_create(const char *name, const orion_allocator *allocator,
                             orion_ir_graph **out);
bool ir_name_valid(const char *name, size_t length);
/* "in0", "out12" ...; returns the length. The prefix has at most 8 bytes. */
enum { IR_NUMBERED_NAME = 32 };
size_t ir_numbered_name(char name[IR_NUMBERED_NAME], const char *prefix, size_t number);
static inline ir_value *ir_val(const orion_ir_graph *g, uint32_t id) {
    return &g->values[id];
}
static inline orion_ir_node *ir_def(const orion_ir_graph *g, uint32_t id) {
    return g->values[id].def;
}
/* The constant behind a value, or NULL. */
orion_ir_node *ir_const_of(const orion_ir_graph *g, uint32_t id);
/* Is it a constant with all elements equal to one number? Then *out is that number. */
bool ir_splat_of(const orion_ir_graph *g, uint32_t id, double *out);
/* Element i of raw data of a dtype as a double, and back (rounded, saturated). Any alignment. */
double ir_load(orion_ir_dtype dtype, const void *data, size_t i);
void ir_store(orion_ir_dtype dtype, void *data, size_t i, double v);
/* v rounded once to the dtype. */
double ir_round_to(orion_ir_dtype dtype, double v);
/* Element i as an unsigned number made of its bits: nothing is converted. */
uint64_t ir_load_bits(orion_ir_dtype dtype, const void *data, size_t i);
void ir_store_bits(orion_ir_dtype dtype, void *data, size_t i, uint64_t bits);
/* Fill `bytes` bytes with copies of the first `elem`. */
void ir_repeat(void *data, size_t elem, size_t bytes);
orion_status ir_set_name(orion_ir_graph *g, uint32_t value, const char *name, size_t length);
orion_status ir_add_output(orion_ir_graph *g, const char *name, size_t length, uint32_t value);
/* Index of the output of that name, or output_count. */
size_t ir_find_output(const orion_ir_graph *g, const char *name, size_t length);
/* A copy of n, a node of `from`, in front of `before` in `to` (the same graph or another): operand
 * v becomes ids[v]; the results are new values of the same types, *out the first. Nothing is
 * inferred. */
orion_status ir_copy_node(orion_ir_graph *to, const orion_ir_graph *from, const orion_ir_node *n,
                          orion_ir_node *before, const uint32_t *ids, uint32_t *out);
/* Exchange two graphs with one allocator, contents and all. */
void ir_graph_exchange(orion_ir_graph *a, orion_ir_graph *b);
/* Unlink a node and drop its blob reference; its results must have no uses left. */
void ir_remove(orion_ir_graph *g, orion_ir_node *n);
/* Storage for the builder: new values of these types (unnamed), and linking of a node before
 * `before` (NULL: at the end). */
orion_status ir_add_values(orion_ir_graph *g, const orion_ir_type *types, size_t n,
                           orion_ir_node *def, uint32_t *first);
void ir_link(orion_ir_graph *g, orion_ir_node *n, orion_ir_node *before);
orion_status ir_add_input(orion_ir_graph *g, const char *name, size_t length, orion_ir_type type,
                          uint32_t *out);
/* Id of the value of that name, or 0. */
uint32_t ir_find_name(const orion_ir_graph *g, const char *name, size_t length);

#define ir_foreach_node(g, n) for (orion_ir_node *n = (g)->first; n != NULL; n = n->next)
#define ir_foreach_node_safe(g, n)                                                                 \
    for (orion_ir_node *n = (g)->first, *n##_next = n ? n->next : NULL; n != NULL;                 \
         n = n##_next, n##_next = n ? n->next : NULL)
#define ir_foreach_node_reverse(g, n) for (orion_ir_node *n = (g)->last; n != NULL; n = n->prev)
#define ir_foreach_node_reverse_safe(g, n)                                                         \
    for (orion_ir_node *n = (g)->last, *n##_prev = n ? n->prev : NULL; n != NULL;                  \
         n = n##_prev, n##_prev = n ? n->prev : NULL)

/* ---- numbers as .oir text (number.c) ---- */
enum { IR_NUMBER_TEXT = 40 };
/* Element i of raw data, and back; the bits survive, also those of a NaN. Returns the length. */
size_t ir_format_element(char buf[IR_NUMBER_TEXT], orion_ir_dtype dtype, const void *data,
                         size_t i);
/* False if the text is not a number of the dtype or is out of its range. */
bool ir_parse_element(orion_ir_dtype dtype, const char *s, size_t n, void *data, size_t i);
/* The same for attributes of kind FLOAT. */
size_t ir_format_real(char buf[IR_NUMBER_TEXT], double v);
bool ir_parse_real(const char *s, size_t n, double *out);

/* ---- emitting into a graph (builder.c) ---- */
/*
 * The public builder is this over a fresh graph. Passes and autodiff put one over an existing
 * graph: new nodes go before `before` (NULL: at the end). Sticky: after a failure every call
 * returns no value and `status` keeps the first error.
 */
struct orion_ir_builder {
    orion_ir_graph *graph;
    orion_ir_node *before;
    orion_diag *diag; /* borrowed; NULL: `first` collects for finish */
    orion_diag *first;
    orion_status status;
    const char *source;    /* text that is parsed, for diagnostics; NULL else */
    uint32_t line, column; /* line is given to new nodes; both to diagnostics */
};
/* A builder over `g` that the caller keeps on the stack. */
orion_ir_builder ir_builder_at(orion_ir_graph *g, orion_ir_node *before, orion_diag *diag);

/* A node from finished parts: attributes in schema order (checked and normalised here), and for
 * const its type and data. */
orion_ir_value ir_emit(orion_ir_builder *b, const ir_op *op, const orion_ir_value *in, size_t n_in,
                       const ir_attr *attrs);
/* Give the attributes that are not `set` their defaults; false, with a diagnostic, if one has none.
 */
bool ir_complete_attributes(orion_ir_builder *b, const ir_op *op, ir_attr *attrs, const bool *set);
orion_ir_value ir_emit_const(orion_ir_builder *b, orion_ir_type type, orion_blob *blob,
                             size_t offset);
/* An output; the value keeps its name, or stays without one. */
void ir_emit_output(orion_ir_builder *b, const char *name, size_t length, orion_ir_value v);
orion_ir_value ir_emit_input(orion_ir_builder *b, const char *name, size_t length,
                             orion_ir_type type);

/* Record the first failure. Returns no value, for `return ir_fail(...)`. */
orion_ir_value ir_fail(orion_ir_builder *b, orion_status status);

/* ---- rewriting (graph.c) ---- */
/* Replacement table indexed by value id; 0 = keep. Chains are followed. */
typedef struct ir_replacements {
    orion_allocator allocator;
    uint32_t *to;
    size_t count;
} ir_replacements;
orion_status ir_replacements_init(ir_replacements *r, const orion_ir_graph *g);
void ir_replacements_free(ir_replacements *r);
/* Values made after init are allowed as `to` and, later, as `from` (the table grows). */
orion_status ir_replace(ir_replacements *r, uint32_t from, uint32_t to);
uint32_t ir_resolve(const ir_replacements *r, uint32_t value);
/* Redirect all operands and outputs; names move to the replacement if it has none. */
orion_status ir_apply(orion_ir_graph *g, const ir_replacements *r);
/* Move the nodes into a valid topological order if edits broke it (stable). */
orion_status ir_sort(orion_ir_graph *g);

/* ---- analysis (analysis.c) ---- */
/* By value id, value_count entries from `a`; outputs count as uses; NULL on no memory. */
uint32_t *ir_use_counts(const orion_ir_graph *g, const orion_allocator *a);
/* Of two nodes of one op. */
bool ir_same_attributes(const orion_ir_node *a, const orion_ir_node *b);
uint64_t ir_hash_attributes(const orion_ir_node *n, uint64_t seed);
/* Of two const nodes, a of ga and b of gb: type and data. */
bool ir_same_constant(const orion_ir_graph *ga, const orion_ir_node *a, const orion_ir_graph *gb,
                      const orion_ir_node *b);
uint64_t ir_hash_constant(const orion_ir_graph *g, const orion_ir_node *n, uint64_t seed);

/* ---- passes (pass.c, passes/<name>.c) ---- */
typedef struct ir_pass {
    const char *name, *doc;
    bool shrinks; /* may be repeated until nothing changes: pass.c says what that asks of it */
    const char *option; /* name of the number that it must be given, or NULL */
    /* One of the two: with an option, run_with. */
    orion_status (*run)(orion_ir_graph *g, orion_diag *diag, bool *changed);
    orion_status (*run_with)(orion_ir_graph *g, int64_t number, orion_diag *diag, bool *changed);
} ir_pass;
extern const ir_pass ir_pass_decompose, ir_pass_identity, ir_pass_cast, ir_pass_algebra,
    ir_pass_algebra_inexact, ir_pass_fold, ir_pass_cse, ir_pass_dce, ir_pass_dead_inputs,
    ir_pass_uniform_outputs, ir_pass_remat, ir_pass_parameters;

/*
 * One walk in topological order that redirects values as it goes: operands of the visited node are
 * the replacements already. Nodes put in front of it are visited next. At the end outputs and names
 * are redirected and nodes whose results are all replaced are removed.
 */
typedef struct ir_sweep {
    orion_ir_graph *g;
    ir_replacements replacements;
    void *ctx;    /* the pass's own */
    bool changed; /* set it when a node is edited in place */
} ir_sweep;
typedef orion_status ir_visit(ir_sweep *s, orion_ir_node *n);
orion_status ir_sweep_graph(orion_ir_graph *g, ir_visit *visit, void *ctx, bool *changed);
/* Use `to` instead of the result `from` of the visited node from here on. */
orion_status ir_sweep_replace(ir_sweep *s, uint32_t from, uint32_t to);

/* ---- model ops (decompose.c) ---- */
/*
 * Emit the core ops of a model-op node before b->before and fill out with what they have in place
 * of its results; out[0] is no value if the op has no decomposition. The decomposition is the
 * definition of the op: eval tests hold both to each other.
 */
enum { IR_MODEL_RESULTS_MAX = 3 };
void ir_decompose(orion_ir_builder *b, const orion_ir_node *n,
                  orion_ir_value out[IR_MODEL_RESULTS_MAX]);

/* ---- autodiff (grad.c) ---- */
/* True if the op passes gradients (some input may receive one); comparisons, casts to int do not.
 */
bool ir_op_differentiable(uint32_t op);

#endif
