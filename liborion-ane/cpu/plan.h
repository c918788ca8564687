/* SPDX-License-Identifier: MIT */
/*
 * How a graph becomes a flat list of kernel calls.
 *
 * Planning is one walk over the nodes of the graph (plan.c). Every value ends as a view: a buffer,
 * an offset and strides. Reshapes, transposes, slices and splits only make views; elementwise nodes
 * wait in groups until somebody needs a result (fuse.c); all other nodes emit steps when they are
 * reached (lower-*.c). A buffer is a port's tensor, a constant, or a piece of the workspace whose
 * offset is chosen when all steps, and so all lifetimes, are known (memory.c). The plan is linked
 * to addresses per run: executing is a loop over `step->run(context, step->desc, addresses)`
 * (backend-cpu.c, steps.c).
 *
 * Floats are f32 wherever the planner decides: f16 and bf16 exist in ports and constants only.
 * docs/device-cpu.md has the whole story.
 */
#ifndef CPU_PLAN_H
#define CPU_PLAN_H

#include "../backend.h"
#include "cpu.h"

/* ---- the finished plan ---- */

typedef struct cpu_device {
    orion_allocator allocator;
    const cpu_kernels *kernels;
    cpu_pool *pool;
} cpu_device;

/* What a step sees beside its own operands. One per execution. */
typedef struct cpu_context {
    const cpu_kernels *kernels;
    cpu_pool *pool;
    void *scratch;
    orion_diag *diag;
    orion_status status; /* set by a step that returns CPU_STEP_FAILED */
    uint32_t reserved;
} cpu_context;

/* Returns CPU_INDICES_OK, the place of an index out of range, or CPU_STEP_FAILED. */
#define CPU_STEP_FAILED ((int64_t)-2)
typedef int64_t cpu_step_fn(cpu_context *x, const void *desc, void *const *at);

typedef struct cpu_step {
    cpu_step_fn *run;
    const void *desc;
    uint32_t first, count; /* its operands, in the plan's addresses */
    uint32_t op;           /* for diagnostics and timing: an orion_ir_op */
    uint32_t nodes;        /* graph nodes it computes */
    const char *subject;   /* name of its result, or NULL */
    int64_t limit;         /* steps that read indices: they must be in [0, limit) */
    uint32_t indices;      /* which operand holds them */
    uint32_t reserved;
} cpu_step;

typedef enum cpu_place {
    CPU_PLACE_WORKSPACE = 0,
    CPU_PLACE_CONSTANT = 1,
    CPU_PLACE_PORT = 2
} cpu_place;

/* An operand's address: offset from the workspace or a port's tensor, or a pointer to a constant.
 */
typedef struct cpu_address {
    const void *constant;
    size_t offset;
    uint32_t place, port;
} cpu_address;

/* Memory made while planning that lives as long as the plan: packed or converted constants. */
typedef struct cpu_owned {
    void *data;
    size_t bytes;
} cpu_owned;

typedef struct cpu_plan {
    ane_code code; /* first: a plan is the CPU's ane_code */
    const cpu_device *device;
    orion_ir_graph *graph; /* holds names and constant blobs */
    orn_arena arena;       /* descriptors and ports */
    cpu_step *steps;
    size_t step_count, step_capacity;
    cpu_address *addresses;
    size_t address_count, address_capacity;
    cpu_owned *owned;
    size_t owned_count, owned_capacity;
    orion_ir_graph **graphs; /* of reference steps */
    size_t graph_count, graph_capacity;
    size_t workspace_bytes, scratch_bytes; /* scratch lies behind the workspace */
} cpu_plan;

/* Takes the graph, also on failure. */
orion_status cpu_plan_create(const cpu_device *device, orion_ir_graph *graph, orion_diag *diag,
                             cpu_plan **out_plan);
void cpu_plan_destroy(cpu_plan *plan);

/* ---- a run of it (backend-cpu.c) ---- */

typedef struct cpu_run {
    const cpu_plan *plan;
    orion_ane_tensor **tensors; /* per port, borrowed from the public run */
    void **at;                  /* the plan's addresses, resolved */
    char *memory;               /* workspace, then scratch */
    size_t memory_bytes;
} cpu_run;

/* A context to execute its steps in. */
cpu_context cpu_run_context(const cpu_run *run, orion_diag *diag);
static inline int64_t cpu_run_step(const cpu_run *run, cpu_context *x, const cpu_step *step) {
    return step->run(x, step->desc, run->at + step->first);
}

/* ---- views (views.c) ---- */

typedef struct cpu_view {
    uint32_t buffer;
    uint32_t dtype, rank;
    uint32_t reserved;
    int64_t offset; /* bytes */
    int64_t dims[CPU_RANK_MAX];
    int64_t strides[CPU_RANK_MAX]; /* elements; 0: broadcast */
} cpu_view;

int64_t cpu_elements(uint32_t rank, const int64_t *dims);
size_t cpu_dtype_bytes(uint32_t dtype);
/* What values of a dtype are held in: f32 for the floats. */
uint32_t cpu_working_dtype(uint32_t dtype);
/* Strides of dims stored with axis order[rank - 1] innermost; order NULL: row-major. */
void cpu_strides_in_order(uint32_t rank, const int64_t *dims, const uint32_t *order,
                          int64_t *strides);
/* Row-major without gaps; axes of extent 1 may have any stride. */
bool cpu_view_is_packed(const cpu_view *v);
/* Without gaps or repetition in some order of the axes, which goes to `order`. */
bool cpu_view_is_dense(const cpu_view *v, uint32_t *order);
/* The same elements under another shape, if strides can say so. */
bool cpu_view_reshape(const cpu_view *v, uint32_t rank, const int64_t *dims, cpu_view *out);
cpu_view cpu_view_transpose(const cpu_view *v, const int64_t *perm);
cpu_view cpu_view_slice(const cpu_view *v, const int64_t *begin, const int64_t *end,
                        const int64_t *step);
/* As operand of an op whose result has these dims (NumPy broadcasting). */
cpu_view cpu_view_broadcast(const cpu_view *v, uint32_t rank, const int64_t *dims);
/* Can the axes [first, last) be walked as one, and by what stride? */
bool cpu_view_joins(const cpu_view *v, uint32_t first, uint32_t last, int64_t *out_stride);
/* As a matrix of rows of the packed last axis: all other axes joined. */
bool cpu_view_rows(const cpu_view *v, int64_t *out_stride);
/*
 * The coarsest space that both shapes are views of by splitting axes; false if there is none or it
 * has more than CPU_RANK_MAX axes. [6, 4] and [2, 12] give [2, 3, 4]. In place on `space` is fine.
 */
bool cpu_space_refine(uint32_t *rank, int64_t *space, uint32_t other_rank, const int64_t *other);
/* Strides over `dims` as strides over a refinement of it. */
void cpu_strides_refine(uint32_t rank, const int64_t *dims, const int64_t *strides,
                        uint32_t space_rank, const int64_t *space, int64_t *out);

/* ---- the planner's state ---- */

enum { CPU_NONE = UINT32_MAX };

typedef struct cpu_node {
    const orion_ir_node *ir;
    uint32_t op;
    uint32_t input_count, first_input; /* into planner.operands: value ids */
    uint32_t result_count, result;     /* value ids from `result` on */
    bool visited, deferred;            /* deferred: a product that waits for the add behind it */
} cpu_node;

typedef struct cpu_value {
    orion_ir_type type;
    cpu_view view;
    cpu_view wide;                   /* as f32, packed; valid if has_wide */
    uint32_t node;                   /* that makes it; CPU_NONE: graph input */
    uint32_t uses;                   /* by nodes and as outputs */
    uint32_t first_user, user_count; /* nodes, into planner.users; one entry per operand */
    uint32_t output;                 /* first output port that it is, or CPU_NONE */
    uint32_t group;                  /* that it waits in, or CPU_NONE */
    uint32_t lazy_depth;             /* view nodes between it and what waits */
    uint32_t number_in_chain;        /* while its group is emitted: the chain's number for it */
    uint32_t inner; /* while its group is emitted: uses that the group itself serves */
    bool has_view, has_wide;
    bool is_reduced; /* a reduction that joined the group: no use to other members */
    bool is_lazy;    /* a view node's result, resolved when somebody needs it */
    bool is_splat;   /* a constant all of whose elements are `number` */
    double number;
} cpu_value;

typedef struct cpu_buffer {
    cpu_place place;
    uint32_t port;
    const void *data; /* constant */
    size_t bytes, offset;
    uint32_t first, last; /* steps that touch it; first > last: none */
    uint32_t refs;        /* uses of values in it that no step has served yet */
    bool fixed;           /* refs tells nothing: never written in place */
} cpu_buffer;

typedef struct cpu_output {
    uint32_t value, buffer;
    uint32_t owner; /* the value made in the port itself, or CPU_NONE */
    bool stored;    /* nothing is left to be done for it */
} cpu_output;

typedef struct cpu_group cpu_group;
typedef struct cpu_rope_memo {
    cpu_view table;
    uint32_t position;
    int64_t depth;
    double theta;
} cpu_rope_memo;
typedef struct cpu_pack_memo {
    const void *data;
    int64_t n, k, ldb;
    uint32_t buffer;
    bool trans;
} cpu_pack_memo;

typedef struct cpu_planner {
    cpu_plan *plan;
    const cpu_device *device;
    const orion_ir_graph *graph;
    orion_diag *diag;
    orion_allocator allocator;
    orn_arena arena; /* dies with planning */
    cpu_node *nodes;
    size_t node_count;
    uint32_t *operands;
    uint32_t *users;
    cpu_value *values; /* by value id */
    size_t value_bound;
    cpu_buffer *buffers;
    size_t buffer_count, buffer_capacity;
    cpu_group **groups;
    size_t group_count, group_capacity;
    size_t waiting, oldest; /* groups not emitted: how many, and none before this one */
    cpu_rope_memo *ropes;
    size_t rope_count, rope_capacity;
    cpu_pack_memo *packs;
    size_t pack_count, pack_capacity;
    cpu_output *outputs;
    size_t input_count, output_count;
    uint32_t epoch; /* of searches over groups */
    uint32_t here;  /* node being lowered, for step diagnostics */
} cpu_planner;

static inline uint32_t cpu_input(const cpu_planner *p, const cpu_node *n, size_t i) {
    return p->operands[n->first_input + i];
}
static inline cpu_value *cpu_val(const cpu_planner *p, uint32_t id) {
    return &p->values[id];
}

/* ---- the graph as arrays (tables.c) ---- */

/* Nodes, values, ports and their buffers, from p->graph. */
orion_status cpu_read_graph(cpu_planner *p);

/* ---- values and buffers (plan.c) ---- */

/* The view of a value, emitting whatever it waits for. */
orion_status cpu_need(cpu_planner *p, uint32_t value, cpu_view *out);
/* The same, floats as f32. */
orion_status cpu_need_f32(cpu_planner *p, uint32_t value, cpu_view *out);
/* The same, and packed. */
orion_status cpu_need_packed(cpu_planner *p, uint32_t value, cpu_view *out);
/* One use of the value is served by the steps emitted so far. */
void cpu_served(cpu_planner *p, uint32_t value);
/* Is `uses` all that is left to be read of what the value lies in, and may it be overwritten? */
bool cpu_dying(const cpu_planner *p, uint32_t value, uint32_t uses);
/* A workspace buffer. */
orion_status cpu_new_buffer(cpu_planner *p, size_t bytes, uint32_t *out);
/* Memory for a result, in its output port if it is one; `order` as in cpu_strides_in_order. */
orion_status cpu_result(cpu_planner *p, uint32_t value, const uint32_t *order, cpu_view *out);
/* The result lies in memory that exists already. */
void cpu_define(cpu_planner *p, uint32_t value, const cpu_view *view);
/* A packed f32 (or integer) temporary of this shape that is nobody's value. */
orion_status cpu_temporary(cpu_planner *p, uint32_t dtype, uint32_t rank, const int64_t *dims,
                           cpu_view *out);
/* The output port that the value, or a reshape of it or an update of it, is to end in; CPU_NONE. */
uint32_t cpu_output_of(const cpu_planner *p, uint32_t value);
/* Do all users transpose the value alike, keeping the last axis? Then their axis order. */
bool cpu_wanted_order(const cpu_planner *p, uint32_t value, uint32_t *order);
/* All zero-copy constants: the raw data of a constant's view, or NULL. */
const void *cpu_constant_data(const cpu_planner *p, const cpu_view *v);
/* Memory that lives as long as the plan. */
orion_status cpu_own(cpu_planner *p, size_t bytes, void **out);
/* A constant buffer around memory that outlives the plan or is owned by it. */
orion_status cpu_constant(cpu_planner *p, const void *data, size_t bytes, uint32_t *out_buffer);

/* ---- steps ---- */

/* Copy a descriptor into the plan; NULL if there is no memory. */
void *cpu_keep(cpu_planner *p, const void *desc, size_t bytes);
/* Append a step that touches these views, in the order in which `run` wants the addresses. */
orion_status cpu_emit(cpu_planner *p, cpu_step_fn *run, const void *desc,
                      const cpu_view *const *views, size_t count, size_t scratch);
/* Of the step just emitted: operand `which` holds indices into [0, limit). */
void cpu_emit_indices(cpu_planner *p, uint32_t which, int64_t limit);
/* Copy all elements, converting floats to the dtype of `to`. */
orion_status cpu_emit_copy(cpu_planner *p, const cpu_view *from, const cpu_view *to);

cpu_step_fn cpu_step_gemm, cpu_step_chain, cpu_step_reduce, cpu_step_softmax, cpu_step_rms_norm,
    cpu_step_layer_norm, cpu_step_rope_table, cpu_step_rope, cpu_step_attention,
    cpu_step_attention_position, cpu_step_cross_entropy, cpu_step_gather, cpu_step_scatter_add,
    cpu_step_slice_update, cpu_step_copy, cpu_step_reference;

/* Descriptors that are more than the kernel's own. */
typedef struct cpu_rope_table_desc {
    int64_t rows, half;
    const double *frequencies;
} cpu_rope_table_desc;
typedef struct cpu_cross_entropy_desc {
    int64_t rows, classes;
} cpu_cross_entropy_desc;

typedef struct cpu_reference {
    orion_ir_graph *graph; /* of one node; owned by the plan */
    size_t input_count, result_count;
    size_t *elements; /* per operand, then per result */
    uint32_t *dtypes;
} cpu_reference;

/* ---- number.c ---- */

double cpu_load_number(uint32_t dtype, const void *data, size_t i);
void cpu_store_number(uint32_t dtype, void *data, size_t i, double v);

/* ---- fuse.c ---- */

bool cpu_is_elementwise(uint32_t op);
/* Let an elementwise node wait in a group. */
orion_status cpu_fuse(cpu_planner *p, uint32_t node);
/* Let a reduction join the group that makes its operand, if it can. */
orion_status cpu_fuse_reduction(cpu_planner *p, uint32_t node, bool *out_joined);
/* Emit a group, and before it those that it reads from. */
orion_status cpu_flush(cpu_planner *p, uint32_t group);
orion_status cpu_flush_all(cpu_planner *p);
/* A node has been visited: emit groups that nothing more can join. */
orion_status cpu_settle(cpu_planner *p, uint32_t node);

/* ---- lowering: one function per op or family, each emits the steps of one node ---- */

typedef orion_status cpu_lower_fn(cpu_planner *p, cpu_node *n);
cpu_lower_fn cpu_lower_product, cpu_lower_reduce, cpu_lower_softmax, cpu_lower_norm, cpu_lower_rope,
    cpu_lower_attention, cpu_lower_cross_entropy, cpu_lower_gather, cpu_lower_scatter_add,
    cpu_lower_slice_update, cpu_lower_concat, cpu_lower_pad, cpu_lower_tile, cpu_lower_reference;
/* An add one of whose operands is a deferred product: add into the other operand, if that may be
 * overwritten. */
orion_status cpu_lower_accumulate(cpu_planner *p, cpu_node *n, bool *out_done);

/* ---- memory.c ---- */

/* Give every workspace buffer an offset; buffers share bytes if their lifetimes do not meet. */
orion_status cpu_place_buffers(cpu_planner *p);

#endif
