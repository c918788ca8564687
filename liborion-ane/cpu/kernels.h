/* SPDX-License-Identifier: MIT */
/*
 * What the kernels share among themselves: names per instruction set, the compiled chain, cutting
 * work into tasks.
 */
#ifndef CPU_KERNELS_H
#define CPU_KERNELS_H

#include "cpu.h"

#if defined(__x86_64__) || defined(__i386__)
#define CPU_HAVE_X86 1
#else
#define CPU_HAVE_X86 0
#endif

extern const cpu_kernels cpu_kernels_base;
#if CPU_HAVE_X86
extern const cpu_kernels cpu_kernels_avx2, cpu_kernels_avx512;
#endif

/*
 * Sources in isa/ are compiled once per instruction set, with CPU_LEVEL and CPU_SUFFIX given by the
 * build; CPU_FN(gemm) is cpu_gemm_avx2 there.
 */
#define CPU_JOIN_(a, b) cpu_##a##_##b
#define CPU_JOIN(a, b)  CPU_JOIN_(a, b)
#define CPU_FN(name)    CPU_JOIN(name, CPU_SUFFIX)

/* ---- compiled chains (chain.c makes them, isa/chain.c runs them) ---- */

typedef enum cpu_lane_op {
#define CPU_LANE(name, operands, cost) CPU_LANE_##name,
#include "lane-ops.def"
#undef CPU_LANE
    CPU_LANE_COUNT
} cpu_lane_op;

typedef struct cpu_lane_code {
    uint16_t op;         /* a cpu_lane_op */
    uint16_t out, in[3]; /* slots */
    int32_t low, high;   /* what integer results saturate to */
} cpu_lane_code;

/*
 * Where a value lives while a block is worked on: a slot.  Slots below `registers` are blocks of
 * lanes in the worker's room; the others point into the tensors, and move with the block.
 */
enum { CPU_CHAIN_ROOM = 32 * 1024, CPU_CHAIN_SLOTS = 128 };
typedef enum cpu_access {
    CPU_ACCESS_DIRECT, /* the slot points into the tensor */
    CPU_ACCESS_BLOCK,  /* copied between tensor and register for each block */
    CPU_ACCESS_PINNED, /* an input that is the same in every block: copied once */
    CPU_ACCESS_UNUSED  /* an input nobody reads */
} cpu_access;

typedef struct cpu_chain_port {
    cpu_access access;
    orion_ir_dtype dtype;
    uint16_t slot;
    cpu_reduction reduction;
    int64_t strides[CPU_RANK_MAX];
} cpu_chain_port;

/* A register that holds one number, as bits of a lane. */
typedef struct cpu_chain_constant {
    uint16_t slot;
    uint32_t bits;
} cpu_chain_constant;

/*
 * The iteration space is `rows` rows of `row` lanes, the last axis.  A block is `group` whole rows;
 * if a row is longer than `block` lanes, group is 0 and a block is a piece of a row.
 */
struct cpu_chain {
    uint32_t rank;
    int64_t dims[CPU_RANK_MAX];
    int64_t rows, row, block, group;
    int64_t lane_cost; /* of one lane in all instructions and ports */
    bool reduces;
    size_t registers, n_inputs, n_outputs, n_constants, n_code;
    cpu_chain_port *inputs, *outputs;
    cpu_chain_constant *constants;
    cpu_lane_code *code;
};

/* The instruction of a cast, slots left 0; false if lanes stay as they are. */
bool cpu_cast_code(orion_ir_dtype from, orion_ir_dtype to, cpu_lane_code *out);

/* Kernels that are the same for every instruction set (move.c). */
int64_t cpu_gather_rows(cpu_pool *pool, const cpu_gather *g, const void *x, const int32_t *indices,
                        void *y);
int64_t cpu_update_slice(cpu_pool *pool, const cpu_slice_update *s, const void *x,
                         const void *update, const int32_t *begin, void *y);

/* ---- cutting work ---- */

static inline int64_t cpu_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/*
 * `count` items in tasks of `grain` items, the last one shorter.  The grain depends on the cost of
 * an item, never on values: a task should take some tens of microseconds, long against the price of
 * handing it to another thread, short against the whole.
 */
typedef struct cpu_cut {
    int64_t count, grain;
} cpu_cut;

/* Work of about one task, in floats streamed through a core. */
enum { CPU_TASK_FLOATS = 32 * 1024 };

/* A cut of `count` items that stream `floats` floats each. */
static inline cpu_cut cpu_cut_by(int64_t count, int64_t floats) {
    int64_t grain = CPU_TASK_FLOATS / ORN_MAX(floats, 1);
    return (cpu_cut){count, ORN_MAX(grain, 1)};
}
static inline size_t cpu_cut_tasks(cpu_cut c) {
    return (size_t)cpu_ceil_div(c.count, c.grain);
}
static inline int64_t cpu_cut_begin(cpu_cut c, size_t task) {
    return (int64_t)task * c.grain;
}
static inline int64_t cpu_cut_end(cpu_cut c, size_t task) {
    return ORN_MIN(c.count, ((int64_t)task + 1) * c.grain);
}

#endif
