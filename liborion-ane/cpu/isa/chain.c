/* SPDX-License-Identifier: MIT */
/*
 * Running an elementwise chain: for each block load what is not in place, execute the instructions
 * one after another on the whole block, store or reduce the results.
 *
 * A task is a run of blocks, or of rows if something is reduced.  Sums of a row are formed in
 * pieces of one block, each a tree over vectors, and the pieces are added in order in double: no
 * order depends on how rows were dealt out to tasks.
 */
#include "table.h"

#include "lanes.h"
#include "rows.h"
#include "vmath.h"

/* ---- instructions ---- */

typedef void (*lane_fn)(const cpu_lane_code *code, int64_t n, void *out, const void *in0,
                        const void *in1, const void *in2);

/* One loop per instruction: whole vectors, then what is left.  a, b and c are the operands. */
#define LOOP(name, out_type, store, load_a, load_b, load_c, expression)                            \
    static void lane_##name(const cpu_lane_code *code, int64_t n, void *out, const void *in0,      \
                            const void *in1, const void *in2) {                                    \
        (void)code, (void)in1, (void)in2;                                                          \
        int64_t i = 0;                                                                             \
        for (; i + VL <= n; i += VL) {                                                             \
            load_a(a, in0, VL);                                                                    \
            load_b(b, in1, VL);                                                                    \
            load_c(c, in2, VL);                                                                    \
            out_type y = (expression);                                                             \
            store((out_type##_item *)out + i, y);                                                  \
        }                                                                                          \
        if (i < n) {                                                                               \
            load_a(a, in0, n - i);                                                                 \
            load_b(b, in1, n - i);                                                                 \
            load_c(c, in2, n - i);                                                                 \
            out_type y = (expression);                                                             \
            store##_n((out_type##_item *)out + i, y, n - i);                                       \
        }                                                                                          \
    }
typedef float vf_item;
typedef int32_t vi_item;
#define NO_LOAD(name, from, count)
#define F_LOAD(name, from, count)                                                                  \
    vf name = (count) == VL ? v_load((const float *)(from) + i)                                    \
                            : v_load_n((const float *)(from) + i, (count))
#define I_LOAD(name, from, count)                                                                  \
    vi name = (count) == VL ? vi_load((const int32_t *)(from) + i)                                 \
                            : vi_load_n((const int32_t *)(from) + i, (count))

#define F_F(name, e)  LOOP(name, vf, v_store, F_LOAD, NO_LOAD, NO_LOAD, e)
#define FF_F(name, e) LOOP(name, vf, v_store, F_LOAD, F_LOAD, NO_LOAD, e)
#define FF_I(name, e) LOOP(name, vi, vi_store, F_LOAD, F_LOAD, NO_LOAD, vi_from_mask(e))
#define F_I(name, e)  LOOP(name, vi, vi_store, F_LOAD, NO_LOAD, NO_LOAD, e)
#define I_I(name, e)  LOOP(name, vi, vi_store, I_LOAD, NO_LOAD, NO_LOAD, e)
#define I_F(name, e)  LOOP(name, vf, v_store, I_LOAD, NO_LOAD, NO_LOAD, e)
#define II_I(name, e) LOOP(name, vi, vi_store, I_LOAD, I_LOAD, NO_LOAD, e)
#define SATURATE(v)   vi_clamp((v), code->low, code->high)

/* Sums that overflow have a sign that neither operand has; they saturate to the sign of a. */
INLINE vi add_saturated(vi a, vi b) {
    vi sum = vi_add(a, b), limit = (a >> 31) ^ INT32_MAX;
    return vi_select(vi_lt((a ^ sum) & (b ^ sum), vi_set(0)), limit, sum);
}
INLINE vi sub_saturated(vi a, vi b) {
    vi difference = vi_sub(a, b), limit = (a >> 31) ^ INT32_MAX;
    return vi_select(vi_lt((a ^ b) & (a ^ difference), vi_set(0)), limit, difference);
}
INLINE vi mul_saturated(vi a, vi b) {
    vi y;
    for (int i = 0; i < VL; i++) {
        int64_t product = (int64_t)a[i] * b[i];
        y[i] = (int32_t)ORN_MIN(ORN_MAX(product, INT32_MIN), INT32_MAX);
    }
    return y;
}
INLINE vi neg_saturated(vi a) {
    return sub_saturated(vi_set(0), a);
}

/* From 2^24 on an integer does not fit a float: its low byte is folded into one sticky bit, far
 * below those that bf16 keeps, so that it is rounded once. */
INLINE vf bf16_from_int(vi a) {
    vi sticky = vi_select(vi_eq(a & 0xff, vi_set(0)), vi_set(0), vi_set(0x100));
    vm small = vm_and(vi_lt(vi_set(-(1 << 24)), a), vi_lt(a, vi_set(1 << 24)));
    vf exact = v_from_int(vi_select(small, a, (a & ~0xff) | sticky));
    return v_from_bf16(v_to_bf16(exact));
}

FF_F(add, a + b)
FF_F(sub, a - b)
FF_F(mul, a *b)
FF_F(div, a / b)
FF_F(max, v_max(a, b))
FF_F(min, v_min(a, b))
FF_F(pow, v_pow(a, b))
FF_I(equal, v_eq(a, b))
FF_I(less, v_lt(a, b))
FF_I(less_equal, v_le(a, b))
F_F(neg, v_neg(a))
F_F(abs, v_abs(a))
F_F(exp, v_exp(a))
F_F(log, v_log(a))
F_F(sqrt, v_sqrt(a))
F_F(rsqrt, v_rsqrt(a))
F_F(tanh, v_tanh(a))
F_F(sigmoid, v_sigmoid(a))
F_F(relu, v_relu(a))
F_F(erf, v_erf(a))
F_F(sin, v_sin(a))
F_F(cos, v_cos(a))
F_F(floor, v_floor(a))
F_F(round, v_round(a))
F_F(silu, v_silu(a))
F_F(gelu, v_gelu(a))
F_F(gelu_tanh, v_gelu_tanh(a))
LOOP(select, vi, vi_store, I_LOAD, I_LOAD, I_LOAD, vi_select(vi_eq(a, vi_set(0)), c, b))
II_I(i_add, SATURATE(add_saturated(a, b)))
II_I(i_sub, SATURATE(sub_saturated(a, b)))
II_I(i_mul, SATURATE(mul_saturated(a, b)))
II_I(i_max, vi_max(a, b))
II_I(i_min, vi_min(a, b))
II_I(i_equal, vi_from_mask(vi_eq(a, b)))
II_I(i_less, vi_from_mask(vi_lt(a, b)))
II_I(i_less_equal, vi_set(1) - vi_from_mask(vi_lt(b, a)))
I_I(i_neg, SATURATE(neg_saturated(a)))
I_I(i_abs, SATURATE(vi_max(a, neg_saturated(a))))
I_I(i_not, vi_set(1) - a)
F_I(f_to_i, v_to_int_saturated(a, code->low, code->high))
F_I(f_to_bool, vi_set(1) - vi_from_mask(v_eq(a, v_set(0))))
F_F(f_to_f16, v_from_f16(v_to_f16(a)))
F_F(f_to_bf16, v_from_bf16(v_to_bf16(a)))
I_F(i_to_f, v_from_int(a))
I_F(i_to_f16, v_from_f16(v_to_f16(v_from_int(a))))
I_F(i_to_bf16, bf16_from_int(a))
I_I(i_to_i, SATURATE(a))
I_I(i_to_bool, vi_set(1) - vi_from_mask(vi_eq(a, vi_set(0))))

static const lane_fn lane_fns[CPU_LANE_COUNT] = {
#define CPU_LANE(name, operands, cost) [CPU_LANE_##name] = lane_##name,
#include "lane-ops.def"
#undef CPU_LANE
};

/* ---- places ---- */

/* Where a block begins: its first lane as an index of the collapsed axes. */
typedef struct place {
    int64_t at[CPU_RANK_MAX];
} place;

static place place_of(const cpu_chain *c, int64_t row, int64_t lane) {
    place p = {{0}};
    for (int64_t d = (int64_t)c->rank - 2; d >= 0; d--) {
        p.at[d] = row % c->dims[d];
        row /= c->dims[d];
    }
    if (c->rank > 0) p.at[c->rank - 1] = lane;
    return p;
}

/* To the first lane of the next row. */
static void next_row(const cpu_chain *c, place *p) {
    p->at[c->rank - 1] = 0;
    for (int64_t d = (int64_t)c->rank - 2; d >= 0; d--) {
        if (++p->at[d] < c->dims[d]) return;
        p->at[d] = 0;
    }
}

/* The element at `p`, of which the first `axes` axes count. */
static char *address(const cpu_chain_port *port, void *data, const place *p, uint32_t axes) {
    int64_t offset = 0;
    for (uint32_t d = 0; d < axes; d++) offset += p->at[d] * port->strides[d];
    return (char *)data + offset * (int64_t)orion_ir_dtype_bytes(port->dtype);
}

/* Copy n lanes that begin at `p` between a tensor and a register, row by row. */
static void copy_lanes(const cpu_chain *c, const cpu_chain_port *port, void *data, place p,
                       int64_t n, void *lanes, bool store) {
    int64_t stride = c->rank == 0 ? 0 : port->strides[c->rank - 1];
    char *reg = lanes;
    while (n > 0) {
        int64_t rest = c->rank == 0 ? 1 : c->row - p.at[c->rank - 1];
        int64_t count = ORN_MIN(n, rest);
        char *tensor = address(port, data, &p, c->rank);
        if (store) {
            CPU_FN(lanes_store)(port->dtype, count, reg, tensor, stride);
        } else {
            CPU_FN(lanes_load)(port->dtype, count, tensor, stride, reg);
        }
        reg += count * 4;
        n -= count;
        if (n > 0) next_row(c, &p);
    }
}

/* ---- reductions of rows ---- */

typedef struct partial {
    double sum;
    float extreme;
} partial;

static void reduce_into(cpu_reduction kind, const float *x, int64_t n, partial *p) {
    switch (kind) {
    case CPU_REDUCE_MAX: p->extreme = larger(p->extreme, row_max(x, n)); break;
    case CPU_REDUCE_MIN: p->extreme = smaller(p->extreme, row_min(x, n)); break;
    default: p->sum += (double)row_sum(x, n); break;
    }
}
static partial reduce_start(cpu_reduction kind) {
    return (partial){0, kind == CPU_REDUCE_MAX ? -INFINITY : INFINITY};
}
static float reduce_end(cpu_reduction kind, const partial *p, int64_t n) {
    switch (kind) {
    case CPU_REDUCE_MAX:
    case CPU_REDUCE_MIN: return p->extreme;
    case CPU_REDUCE_MEAN: return (float)(p->sum / (double)n);
    default: return (float)p->sum;
    }
}

static void store_reduced(const cpu_chain *c, const cpu_chain_port *port, void *data,
                          const place *p, const partial *part) {
    float y = reduce_end(port->reduction, part, c->row);
    CPU_FN(lanes_store)(port->dtype, 1, &y, address(port, data, p, c->rank - 1), 1);
}

/* ---- blocks ---- */

typedef struct worker {
    const cpu_chain *c;
    void *const *data;
    char *slots[CPU_CHAIN_SLOTS];
    partial partials[CPU_CHAIN_SLOTS - CPU_CHAIN_LIVE]; /* of outputs, of a row in pieces */
} worker;

/* Everything but reduction and stores of n lanes from `p` on. */
static void execute(worker *w, const place *p, int64_t n) {
    const cpu_chain *c = w->c;
    for (size_t i = 0; i < c->n_inputs; i++) {
        const cpu_chain_port *port = &c->inputs[i];
        if (port->access == CPU_ACCESS_DIRECT) {
            w->slots[port->slot] = address(port, w->data[i], p, c->rank);
        } else if (port->access == CPU_ACCESS_BLOCK) {
            copy_lanes(c, port, w->data[i], *p, n, w->slots[port->slot], false);
        }
    }
    for (size_t o = 0; o < c->n_outputs; o++) {
        const cpu_chain_port *port = &c->outputs[o];
        if (port->access != CPU_ACCESS_DIRECT) continue;
        w->slots[port->slot] = address(port, w->data[c->n_inputs + o], p, c->rank);
    }
    for (size_t i = 0; i < c->n_code; i++) {
        const cpu_lane_code *code = &c->code[i];
        lane_fns[code->op](code, n, w->slots[code->out], w->slots[code->in[0]],
                           w->slots[code->in[1]], w->slots[code->in[2]]);
    }
    for (size_t o = 0; o < c->n_outputs; o++) {
        const cpu_chain_port *port = &c->outputs[o];
        if (port->access != CPU_ACCESS_BLOCK || port->reduction != CPU_REDUCE_NONE) continue;
        copy_lanes(c, port, w->data[c->n_inputs + o], *p, n, w->slots[port->slot], true);
    }
}

/* A block of `rows` whole rows. */
static void run_rows(worker *w, int64_t row, int64_t rows) {
    const cpu_chain *c = w->c;
    place p = place_of(c, row, 0);
    execute(w, &p, rows * c->row);
    for (size_t o = 0; o < c->n_outputs && c->reduces; o++) {
        const cpu_chain_port *port = &c->outputs[o];
        if (port->reduction == CPU_REDUCE_NONE) continue;
        place at = p;
        const float *x = (const float *)w->slots[port->slot];
        for (int64_t r = 0; r < rows; r++) {
            partial part = reduce_start(port->reduction);
            reduce_into(port->reduction, x + r * c->row, c->row, &part);
            store_reduced(c, port, w->data[c->n_inputs + o], &at, &part);
            next_row(c, &at);
        }
    }
}

/* A piece of a row; reductions gather in partials. */
static void run_piece(worker *w, int64_t row, int64_t lane) {
    const cpu_chain *c = w->c;
    place p = place_of(c, row, lane);
    int64_t n = ORN_MIN(c->row - lane, c->block);
    execute(w, &p, n);
    for (size_t o = 0; o < c->n_outputs && c->reduces; o++) {
        const cpu_chain_port *port = &c->outputs[o];
        if (port->reduction == CPU_REDUCE_NONE) continue;
        if (lane == 0) w->partials[o] = reduce_start(port->reduction);
        reduce_into(port->reduction, (const float *)w->slots[port->slot], n, &w->partials[o]);
        if (lane + n < c->row) continue;
        store_reduced(c, port, w->data[c->n_inputs + o], &p, &w->partials[o]);
    }
}

/* Constants, and inputs that are the same in every block. */
static void fill_pinned(worker *w) {
    const cpu_chain *c = w->c;
    int64_t lanes = c->group > 0 ? c->group * c->row : c->block;
    for (size_t i = 0; i < c->n_constants; i++) {
        int32_t *reg = (int32_t *)(void *)w->slots[c->constants[i].slot];
        for (int64_t k = 0; k < lanes; k++) reg[k] = (int32_t)c->constants[i].bits;
    }
    for (size_t i = 0; i < c->n_inputs; i++) {
        const cpu_chain_port *port = &c->inputs[i];
        if (port->access != CPU_ACCESS_PINNED) continue;
        char *reg = w->slots[port->slot];
        if (c->group > 0) {
            place first = place_of(c, 0, 0);
            copy_lanes(c, port, w->data[i], first, lanes, reg, false);
        } else {
            CPU_FN(lanes_load)(port->dtype, lanes, w->data[i], 0, reg);
        }
    }
}

typedef struct chain_job {
    const cpu_chain *c;
    void *const *data;
    cpu_cut cut;    /* of groups of rows, of rows, or of pieces */
    int64_t pieces; /* of a row */
} chain_job;

static void chain_task(void *ctx, size_t task, size_t worker_index) {
    (void)worker_index;
    const chain_job *j = ctx;
    const cpu_chain *c = j->c;
    _Alignas(64) char room[CPU_CHAIN_ROOM];
    worker w = {.c = c, .data = j->data};
    size_t register_bytes = (size_t)c->block * sizeof(float);
    for (size_t r = 0; r < c->registers; r++) w.slots[r] = room + r * register_bytes;
    fill_pinned(&w);
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        if (c->group > 0) {
            int64_t row = i * c->group;
            run_rows(&w, row, ORN_MIN(c->rows - row, c->group));
        } else if (c->reduces) {
            for (int64_t p = 0; p < j->pieces; p++) run_piece(&w, i, p * c->block);
        } else {
            run_piece(&w, i / j->pieces, i % j->pieces * c->block);
        }
    }
}

void CPU_FN(chain)(cpu_pool *pool, const cpu_chain *c, void *const *data) {
    chain_job j = {.c = c, .data = data, .pieces = cpu_ceil_div(c->row, c->block)};
    int64_t items, lanes;
    if (c->group > 0) {
        items = cpu_ceil_div(c->rows, c->group);
        lanes = c->group * c->row;
    } else if (c->reduces) {
        items = c->rows;
        lanes = c->row;
    } else {
        items = c->rows * j.pieces;
        lanes = ORN_MIN(c->row, c->block);
    }
    j.cut = cpu_cut_by(items, lanes * c->lane_cost);
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), chain_task, &j);
}

/* A chain of one cast, without a compiler. */
void CPU_FN(convert)(cpu_pool *pool, size_t count, orion_ir_dtype from, const void *src,
                     orion_ir_dtype to, void *dst) {
    cpu_lane_code code;
    bool same = !cpu_cast_code(from, to, &code);
    code.out = 1;
    code.in[0] = 0;
    cpu_chain_port in = {.access = CPU_ACCESS_BLOCK, .dtype = from, .slot = 0, .strides = {1}};
    cpu_chain_port out = {
        .access = CPU_ACCESS_BLOCK, .dtype = to, .slot = same ? 0 : 1, .strides = {1}};
    int64_t n = (int64_t)count, block = CPU_CHAIN_ROOM / 8 / 4;
    cpu_chain c = {.rank = 1,
                   .dims = {n},
                   .rows = 1,
                   .row = n,
                   .block = block,
                   .group = n <= block ? 1 : 0,
                   .lane_cost = 4,
                   .registers = 2,
                   .n_inputs = 1,
                   .n_outputs = 1,
                   .n_code = same ? 0 : 1,
                   .inputs = &in,
                   .outputs = &out,
                   .code = &code};
    if (n == 0) return;
    CPU_FN(chain)(pool, &c, (void *const[]){(void *)(uintptr_t)src, dst});
}
