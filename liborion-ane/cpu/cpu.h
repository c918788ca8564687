/* SPDX-License-Identifier: MIT */
/*
 * The CPU device's kernels and thread pool: what the planner calls.
 *
 * A kernel is a member of `cpu_kernels`, one table per instruction set (cpu_kernels_for); nothing
 * here has state, so any number of programs may run at the same time.  The rules for all kernels:
 *
 *  - A call is (pool, descriptor, pointers).  The descriptor holds shapes and choices, is made at
 *    plan time and never written; pointers are given at each run.  Kernels do not allocate: the
 *    ones that need room take `scratch`, 64-byte aligned, of the size that the function of the same
 *    name ending in _scratch tells for that descriptor and number of workers.
 *  - Element type is f32 unless said otherwise; the planner converts f16 and bf16 at the borders
 *    (a chain loads and stores every dtype).  Strides count elements (bytes in cpu_copy), may be 0
 *    for broadcast, and never need alignment beyond the element's.
 *  - Results never depend on the number of threads: work is cut only where values do not meet, or
 *    in places that the shape alone decides.  Between instruction sets they differ by rounding.
 *  - Extents may be 0 only where said.  The planner guarantees that products of extents fit size_t.
 *  - Kernels that read indices return the place of the first index (in the index array) that is out
 *    of range, else CPU_INDICES_OK; outputs are then undefined, but nothing outside was touched.
 *  - Outputs may not overlap inputs unless said.
 */
#ifndef CPU_H
#define CPU_H

#include <orion/ir.h>

#include "util/util.h"

enum { CPU_RANK_MAX = ORION_IR_RANK_MAX, CPU_SCRATCH_ALIGN = 64 };
#define CPU_INDICES_OK ((int64_t)-1)

/* ---- thread pool (pool.c) --------------------------------------------------------------------
 *
 * `threads` counts the caller: a pool of 1 starts no thread.  Several callers may run at the same
 * time; each waits for its own tasks only, and a task may not call run itself.
 */
typedef struct cpu_pool cpu_pool;
/* fn(ctx, task, worker): task in [0, tasks); worker in [0, threads), distinct among the threads
 * that work for one run, so it may index scratch. */
typedef void (*cpu_task_fn)(void *ctx, size_t task, size_t worker);
orion_status cpu_pool_create(const orion_allocator *allocator, uint32_t threads, cpu_pool **out);
void cpu_pool_destroy(cpu_pool **pool);
size_t cpu_pool_threads(const cpu_pool *pool); /* 1 for NULL */
/* All tasks, each once, in any order; inline if there is 1 task or 1 thread. pool may be NULL. */
void cpu_pool_run(cpu_pool *pool, size_t tasks, cpu_task_fn fn, void *ctx);

/* ---- matrix products -------------------------------------------------------------------------
 *
 * c[M, N] = op(a) op(b) (+ c if accumulate) (+ bias), for every index of up to CPU_GEMM_BATCH
 * batch axes.  op(a) is [M, K], stored [K, M] if trans_a; op(b) is [K, N], stored [N, K] if
 * trans_b (a linear layer's weight).  ld* is the distance between rows as stored.  The sum over K
 * runs in one order that only the shape decides.  K may be 0.
 */
enum { CPU_GEMM_BATCH = CPU_RANK_MAX - 2 };
typedef struct cpu_gemm {
    int64_t m, n, k;
    int64_t lda, ldb, ldc;
    bool trans_a, trans_b;
    bool accumulate; /* add to what is in c */
    bool has_bias;   /* add bias[N] to every row */
    bool packed;     /* b was made by gemm_pack: then ldb, trans_b and batch strides of b unused */
    uint32_t batch_rank;
    int64_t batch[CPU_GEMM_BATCH];
    int64_t batch_a[CPU_GEMM_BATCH], batch_b[CPU_GEMM_BATCH], batch_c[CPU_GEMM_BATCH];
} cpu_gemm;

/* ---- elementwise chains (chain.c) ------------------------------------------------------------
 *
 * A small program applied to every index of an iteration space of `rank` axes, in blocks of lanes
 * that stay in the L1 cache.  Values are numbered: input i is value i, node j is value n_inputs+j.
 * A lane holds f32 for the float dtypes, else a 32-bit integer (bool: 0 or 1), so loads of f16 are
 * exact and only a cast, or the store, rounds.
 */
typedef struct cpu_chain_input {
    uint32_t dtype;                /* any */
    int64_t strides[CPU_RANK_MAX]; /* per axis of the iteration space; 0: broadcast */
} cpu_chain_input;

/*
 * op: an elementwise op of ir-ops.def (add .. logical_or, neg .. logical_not, silu, gelu) or
 * ORION_IR_OP_const.  Meaning is that table's: max and min pass NaN on; integers saturate to their
 * dtype; cast from float truncates and saturates (NaN gives 0); a float to a smaller float rounds
 * the lane.
 */
typedef struct cpu_chain_node {
    uint16_t op;
    uint8_t dtype;  /* of the operands (select: of a and b); const: of the value */
    uint8_t to;     /* cast: dtype of the result */
    uint16_t in[3]; /* value numbers, all below this one */
    uint16_t flags; /* gelu: 1 = tanh_approximation */
    double number;  /* const */
} cpu_chain_node;

typedef enum cpu_reduction {
    CPU_REDUCE_NONE = 0,
    CPU_REDUCE_SUM = 1,
    CPU_REDUCE_MEAN = 2,
    CPU_REDUCE_MAX = 3, /* NaN if any is NaN */
    CPU_REDUCE_MIN = 4
} cpu_reduction;

typedef struct cpu_chain_output {
    uint32_t value;                /* the value stored, an input allowed */
    uint32_t dtype;                /* of the store; kind (float, integer, bool) as the value's */
    uint32_t reduction;            /* a cpu_reduction over the last axis; floats only */
    int64_t strides[CPU_RANK_MAX]; /* distinct places; the last unused if reduced */
} cpu_chain_output;

typedef struct cpu_chain_desc {
    uint32_t rank;
    int64_t dims[CPU_RANK_MAX];
    const cpu_chain_input *inputs;
    const cpu_chain_node *nodes;
    const cpu_chain_output *outputs;
    size_t n_inputs, n_nodes, n_outputs; /* at least one output */
} cpu_chain_desc;

/*
 * Compile: collapse axes, allocate registers, choose the block.  The chain lives in `arena`;
 * nothing of `desc` is kept.  ORION_ERROR_NO_MEMORY; ORION_ERROR_UNSUPPORTED if more than
 * CPU_CHAIN_LIVE values are alive at once (cut the chain); ORION_ERROR_INVALID_ARGUMENT for an op
 * that is not elementwise or a value number out of order.
 */
enum { CPU_CHAIN_LIVE = 64 };
typedef struct cpu_chain cpu_chain;
orion_status cpu_chain_create(orn_arena *arena, const cpu_chain_desc *desc, cpu_chain **out);

/* ---- reductions ------------------------------------------------------------------------------
 *
 * y = x reduced over the axes in `axes` (a bit per axis), y packed over the kept axes in order.
 * dtype f32 or i32 (sum saturates at the end; no mean).
 */
typedef struct cpu_reduce {
    uint32_t reduction, dtype, rank, axes;
    int64_t dims[CPU_RANK_MAX], strides[CPU_RANK_MAX]; /* of x */
} cpu_reduce;

/* softmax or log_softmax of x [outer, n, inner] over n. */
typedef struct cpu_softmax {
    int64_t outer, n, inner;
    bool log;
} cpu_softmax;

/* Index along n of the first largest (or least) of x [outer, n, inner]; the first NaN, if any. */
typedef struct cpu_arg {
    int64_t outer, n, inner;
    uint32_t dtype; /* f32 or i32 */
    bool least;
} cpu_arg;

/* Rows of `d` elements, `x_stride` and `y_stride` apart. */
typedef struct cpu_norm {
    int64_t rows, d, x_stride, y_stride;
    double epsilon;
} cpu_norm;

/* ---- rotary embedding ------------------------------------------------------------------------
 *
 * x [B, H, T, D] with the last axis packed.  The table [T, 2, D/2] holds the cosines, then the
 * sines of position[t] * theta^(-2j/D); one table serves every rope of a run with the same
 * position, D and theta.
 */
typedef struct cpu_rope {
    int64_t dims[4];                    /* B, H, T, D (even) */
    int64_t x_strides[3], y_strides[3]; /* of B, H, T */
    bool interleaved;                   /* pairs (2j, 2j+1), else (j, j + D/2) */
    bool inverse;                       /* turn backwards */
} cpu_rope;
/* theta^(-2j/D) for j < D/2: plan time. */
void cpu_rope_frequencies(double theta, int64_t d, double *out);

/* ---- attention -------------------------------------------------------------------------------
 *
 * q [B, H, T, D], k [B, G, S, D], v [B, G, S, E] -> y [B, H, T, E], last axes packed; query head h
 * reads head h*G/H.  Row t sees keys 0..position[t] if position is given (all of them if that is
 * past the last), else 0..t+S-T if causal, else all.  Work is proportional to the keys seen.  A row
 * that sees none is 0; graphs have none, and a negative position is out of range.
 */
typedef struct cpu_attention {
    int64_t batch, heads, groups, rows, keys, depth, value_depth;   /* B H G T S D E */
    int64_t q_strides[3], k_strides[3], v_strides[3], y_strides[3]; /* of B, H or G, T or S */
    float scale;                                                    /* as it is: no default */
    bool causal;
} cpu_attention;

/* ---- moving data ---- */

/* y[o, i, :] = x[o, indices[i], :]; x [outer, extent, inner bytes], y [outer, count, inner]. */
typedef struct cpu_gather {
    int64_t outer, extent, count;
    size_t inner_bytes;
} cpu_gather;

/* y = x [extent, inner]; then y[indices[i]] += updates[i] for i = 0, 1 .. count-1. */
typedef struct cpu_scatter_add {
    int64_t extent, inner, count;
} cpu_scatter_add;

/* y = x [outer, extent, inner bytes] with update [outer, count, inner bytes] written at begin. */
typedef struct cpu_slice_update {
    int64_t outer, extent, count;
    size_t inner_bytes;
} cpu_slice_update;

/*
 * dst[i0, i1 ..] = src[i0, i1 ..] by strides in bytes: transpose, slice, concat, split, pad, tile.
 * Offsets are the planner's: it gives the pointers of the first elements.  A source whose strides
 * are all 0 fills.  Strides of dst give distinct places; src may be dst if the strides agree.
 */
typedef struct cpu_copy {
    uint32_t rank, element_bytes; /* 1, 2 or 4 */
    int64_t dims[CPU_RANK_MAX], src_strides[CPU_RANK_MAX], dst_strides[CPU_RANK_MAX];
} cpu_copy;

/* ---- the table ---- */

typedef struct cpu_kernels {
    const char *name; /* "base", "avx2", "avx512" */

    /* Bytes of op(b) [K, N] packed (64-byte aligned); 0 if that overflows. */
    size_t (*gemm_pack_bytes)(int64_t n, int64_t k);
    void (*gemm_pack)(cpu_pool *pool, int64_t n, int64_t k, const float *b, int64_t ldb,
                      bool trans_b, float *packed);
    size_t (*gemm_scratch)(const cpu_gemm *g, size_t workers);
    void (*gemm)(cpu_pool *pool, const cpu_gemm *g, const float *a, const float *b,
                 const float *bias, float *c, void *scratch);

    /* data: inputs, then outputs. An output may be an input if dtype and strides agree. */
    void (*chain)(cpu_pool *pool, const cpu_chain *chain, void *const *data);

    size_t (*reduce_scratch)(const cpu_reduce *r);
    void (*reduce)(cpu_pool *pool, const cpu_reduce *r, const void *x, void *y, void *scratch);

    void (*softmax)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y); /* y = x ok */
    /* y [outer, inner] = log(sum(exp(x))) over n; `log` unused; -inf where all are -inf */
    void (*log_sum_exp)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y);
    void (*arg)(cpu_pool *pool, const cpu_arg *a, const void *x, int32_t *y); /* [outer, inner] */
    /* x / sqrt(mean(x^2) + epsilon) * gamma; y = x ok with equal strides */
    void (*rms_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                     float *y);
    /* (x - mean) / sqrt(var + epsilon) * gamma + beta; y = x ok with equal strides */
    void (*layer_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                       const float *beta, float *y);

    /* table [rows, 2, half] */
    void (*rope_table)(cpu_pool *pool, int64_t rows, int64_t half, const double *frequencies,
                       const int32_t *position, float *table);
    void (*rope)(cpu_pool *pool, const cpu_rope *r, const float *x, const float *table,
                 float *y); /* y = x ok with equal strides */

    size_t (*attention_scratch)(const cpu_attention *a, size_t workers);
    /* position i32 [T], negative is out of range; or NULL */
    int64_t (*attention)(cpu_pool *pool, const cpu_attention *a, const float *q, const float *k,
                         const float *v, const int32_t *position, float *y, void *scratch);

    /*
     * Mean over the rows whose target is not negative of -log softmax(logits)[target]; 0 if there
     * is no such row.  logits [rows, classes] packed; scratch: rows floats.  A target of classes or
     * more is out of range.
     */
    int64_t (*cross_entropy)(cpu_pool *pool, int64_t rows, int64_t classes, const float *logits,
                             const int32_t *targets, float *loss, float *scratch);

    int64_t (*gather)(cpu_pool *pool, const cpu_gather *g, const void *x, const int32_t *indices,
                      void *y);
    int64_t (*scatter_add)(cpu_pool *pool, const cpu_scatter_add *s, const float *x,
                           const float *updates, const int32_t *indices, float *y); /* y = x ok */
    /* y = x ok, and then only the update is written */
    int64_t (*slice_update)(cpu_pool *pool, const cpu_slice_update *s, const void *x,
                            const void *update, const int32_t *begin, void *y);
    void (*copy)(cpu_pool *pool, const cpu_copy *c, const void *src, void *dst);
    /* `count` elements from one dtype to another, packed, with the rules of cast */
    void (*convert)(cpu_pool *pool, size_t count, orion_ir_dtype from, const void *src,
                    orion_ir_dtype to, void *dst);
    /* n floats to f32 and from it, `stride` elements apart on the side of the dtype; serial */
    void (*lanes_load)(orion_ir_dtype dtype, int64_t n, const void *from, int64_t stride,
                       void *lanes);
    void (*lanes_store)(orion_ir_dtype dtype, int64_t n, const void *lanes, void *to,
                        int64_t stride);
} cpu_kernels;

/* ---- instruction sets (features.c) ---- */
typedef enum cpu_isa { CPU_ISA_BASE = 0, CPU_ISA_AVX2 = 1, CPU_ISA_AVX512 = 2 } cpu_isa;
/* The best one that this build has and this machine can run. */
cpu_isa cpu_features(void);
/* The kernels of an instruction set, or NULL if this build or machine lacks it. */
const cpu_kernels *cpu_kernels_for(cpu_isa isa);

#endif
