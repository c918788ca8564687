/* SPDX-License-Identifier: MIT */
/*
 * Elementwise chains against one-element-at-a-time evaluation.
 *
 * Random programs use only ops that IEEE arithmetic rounds exactly, so results must be equal bit by
 * bit, whatever the layout, the dtypes and the blocks.  The other functions have a test of their
 * own (test-kernels-vmath.c).
 */
#include "kernel-support.h"

#include <math.h>

enum { MOST_INPUTS = 5, MOST_NODES = 16, MOST_OUTPUTS = 3 };
enum { MOST_VALUES = MOST_INPUTS + MOST_NODES };

typedef union lane {
    float f;
    int32_t i;
} lane;

/* ---- the reference ---- */

static bool is_float(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

static int64_t saturate(uint32_t dtype, int64_t v) {
    int64_t low = INT32_MIN, high = INT32_MAX;
    if (dtype == ORION_IR_U16) low = 0, high = UINT16_MAX;
    if (dtype == ORION_IR_U8) low = 0, high = UINT8_MAX;
    if (dtype == ORION_IR_I8) low = INT8_MIN, high = INT8_MAX;
    return v < low ? low : v > high ? high : v;
}

static float round_float(uint32_t dtype, double x) {
    if (dtype == ORION_IR_F16) return orn_f32_from_f16(orn_f16_from_f64(x));
    float f = (float)x;
    if (dtype == ORION_IR_F32) return f;
    if ((double)f != x && !isnan(x)) { /* round to odd, so that the next rounding is right */
        if (fabs((double)f) > fabs(x)) f = nextafterf(f, 0);
        f = orn_bits_f32(orn_f32_bits(f) | 1);
    }
    return orn_f32_from_bf16(orn_bf16_from_f32(f));
}

static lane cast(uint32_t from, uint32_t to, lane x) {
    if (is_float(to)) return (lane){.f = round_float(to, is_float(from) ? (double)x.f : x.i)};
    if (!is_float(from)) {
        return (lane){.i = to == ORION_IR_BOOL ? x.i != 0 : (int32_t)saturate(to, x.i)};
    }
    if (to == ORION_IR_BOOL) return (lane){.i = x.f != 0};
    if (isnan(x.f)) return (lane){.i = 0};
    double bounded = fmin(fmax((double)x.f, -1e15), 1e15);
    return (lane){.i = (int32_t)saturate(to, (int64_t)bounded)};
}

static lane float_op(uint16_t op, float a, float b) {
    switch (op) {
    case ORION_IR_OP_add: return (lane){.f = a + b};
    case ORION_IR_OP_sub: return (lane){.f = a - b};
    case ORION_IR_OP_mul: return (lane){.f = a * b};
    case ORION_IR_OP_div: return (lane){.f = a / b};
    case ORION_IR_OP_max: return (lane){.f = isnan(a) || a > b ? a : b};
    case ORION_IR_OP_min: return (lane){.f = isnan(a) || a < b ? a : b};
    case ORION_IR_OP_pow: return (lane){.f = (float)pow((double)a, (double)b)};
    case ORION_IR_OP_equal: return (lane){.i = a == b};
    case ORION_IR_OP_less: return (lane){.i = a < b};
    case ORION_IR_OP_less_equal: return (lane){.i = a <= b};
    case ORION_IR_OP_neg: return (lane){.f = -a};
    case ORION_IR_OP_abs: return (lane){.f = fabsf(a)};
    case ORION_IR_OP_sqrt: return (lane){.f = sqrtf(a)};
    case ORION_IR_OP_relu: return (lane){.f = isnan(a) || a > 0 ? a : 0};
    case ORION_IR_OP_floor: return (lane){.f = floorf(a)};
    case ORION_IR_OP_round: return (lane){.f = nearbyintf(a)};
    default: return (lane){.f = a};
    }
}

static int64_t integer_op(uint16_t op, int64_t a, int64_t b) {
    switch (op) {
    case ORION_IR_OP_add: return a + b;
    case ORION_IR_OP_sub: return a - b;
    case ORION_IR_OP_mul: return a * b;
    case ORION_IR_OP_max: return a > b ? a : b;
    case ORION_IR_OP_min: return a < b ? a : b;
    case ORION_IR_OP_equal: return a == b;
    case ORION_IR_OP_less: return a < b;
    case ORION_IR_OP_less_equal: return a <= b;
    case ORION_IR_OP_neg: return -a;
    case ORION_IR_OP_abs: return a < 0 ? -a : a;
    default: return a;
    }
}

static lane node_value(const cpu_chain_node *n, const lane *values) {
    lane a = values[n->in[0]], b = values[n->in[1]];
    if (n->op == ORION_IR_OP_const) {
        lane number = {.f = (float)n->number};
        return cast(ORION_IR_F32, n->dtype, number);
    }
    if (n->op == ORION_IR_OP_cast) return cast(n->dtype, n->to, a);
    if (n->op == ORION_IR_OP_logical_and) return (lane){.i = a.i && b.i};
    if (n->op == ORION_IR_OP_logical_or) return (lane){.i = a.i || b.i};
    if (n->op == ORION_IR_OP_logical_not) return (lane){.i = !a.i};
    if (n->op == ORION_IR_OP_select) return a.i != 0 ? b : values[n->in[2]];
    if (is_float(n->dtype)) return float_op(n->op, a.f, b.f);
    return (lane){.i = (int32_t)saturate(n->dtype, integer_op(n->op, a.i, b.i))};
}

static lane load(uint32_t dtype, const void *data, int64_t at) {
    switch (dtype) {
    case ORION_IR_F32: return (lane){.f = ((const float *)data)[at]};
    case ORION_IR_F16: return (lane){.f = orn_f32_from_f16(((const uint16_t *)data)[at])};
    case ORION_IR_BF16: return (lane){.f = orn_f32_from_bf16(((const uint16_t *)data)[at])};
    case ORION_IR_I32: return (lane){.i = ((const int32_t *)data)[at]};
    case ORION_IR_U16: return (lane){.i = ((const uint16_t *)data)[at]};
    case ORION_IR_I8: return (lane){.i = ((const int8_t *)data)[at]};
    case ORION_IR_BOOL: return (lane){.i = ((const uint8_t *)data)[at] != 0};
    default: return (lane){.i = ((const uint8_t *)data)[at]};
    }
}

/* ---- a case ---- */

typedef struct chain_case {
    uint32_t rank;
    int64_t dims[CPU_RANK_MAX], count;
    cpu_chain_input inputs[MOST_INPUTS];
    cpu_chain_node nodes[MOST_NODES];
    cpu_chain_output outputs[MOST_OUTPUTS];
    size_t n_inputs, n_nodes, n_outputs;
    uint32_t dtypes[MOST_VALUES]; /* of the values */
    void *data[MOST_INPUTS];
    size_t out_at[MOST_OUTPUTS], out_bytes; /* in the one buffer for all outputs */
    cpu_chain *chain;
    orn_arena arena;
} chain_case;

static size_t value_count(const chain_case *c) {
    return c->n_inputs + c->n_nodes;
}

/* A value below `end` whose dtype pleases, or SIZE_MAX; dtype 0: any. */
static size_t pick(kernel_test *t, const chain_case *c, size_t end, uint32_t dtype) {
    size_t from = (size_t)random_between(t, 0, (int64_t)end - 1);
    for (size_t i = 0; i < end; i++) {
        size_t v = (from + i) % end;
        if (dtype == 0 || c->dtypes[v] == dtype) return v;
    }
    return SIZE_MAX;
}

static void random_shape(kernel_test *t, chain_case *c) {
    do {
        c->count = 1;
        c->rank = (uint32_t)random_between(t, 0, 4);
        for (uint32_t d = 0; d < c->rank; d++) {
            c->dims[d] = RANDOM_OF(t, 1, 1, 2, 3, 5, 8, 16, 17, 64, 100, 1030, 2500, 5000);
            c->count *= c->dims[d];
        }
    } while (c->count > 20000);
}

/* Strides of a tensor in any axis order, with gaps, or broadcast (inputs); its extent. */
static int64_t random_strides(kernel_test *t, const chain_case *c, uint32_t axes, bool broadcast,
                              int64_t *strides) {
    uint32_t order[CPU_RANK_MAX];
    for (uint32_t d = 0; d < axes; d++) order[d] = d;
    bool turned = random_between(t, 0, 3) == 0, gaps = random_between(t, 0, 3) == 0;
    for (uint32_t d = axes; turned && d > 1; d--) {
        uint32_t other = (uint32_t)random_between(t, 0, d - 1), kept = order[d - 1];
        order[d - 1] = order[other];
        order[other] = kept;
    }
    int64_t step = gaps ? random_between(t, 1, 3) : 1, last = 0;
    for (uint32_t i = axes; i-- > 0;) {
        uint32_t d = order[i];
        strides[d] = broadcast && random_between(t, 0, 2) == 0 ? 0 : step;
        if (strides[d] == 0) continue;
        last += (c->dims[d] - 1) * step;
        step = step * c->dims[d] + (gaps ? random_between(t, 0, 2) : 0);
    }
    return last + 1;
}

static const int64_t all_dtypes[] = {ORION_IR_F32,  ORION_IR_F32, ORION_IR_F32, ORION_IR_F16,
                                     ORION_IR_BF16, ORION_IR_I32, ORION_IR_U16, ORION_IR_U8,
                                     ORION_IR_I8,   ORION_IR_BOOL};

static void random_input(kernel_test *t, chain_case *c) {
    size_t i = c->n_inputs++;
    uint32_t dtype = (uint32_t)random_of(t, all_dtypes, ORN_COUNT(all_dtypes));
    c->inputs[i] = (cpu_chain_input){.dtype = dtype};
    bool broadcast = random_between(t, 0, 2) == 0;
    int64_t count = random_strides(t, c, c->rank, broadcast, c->inputs[i].strides);
    size_t size = orion_ir_dtype_bytes((orion_ir_dtype)dtype);
    c->dtypes[i] = dtype;
    unsigned char *data = c->data[i] = new_bytes((size_t)count * size);
    double scale = random_between(t, 0, 3) == 0 ? 1e10 : 4;
    for (int64_t k = 0; k < count; k++) {
        double x = scale * test_random_unit(&t->random);
        float f = (float)x;
        uint16_t half = dtype == ORION_IR_F16 ? orn_f16_from_f32(f) : orn_bf16_from_f32(f);
        uint64_t bits = test_random(&t->random);
        if (dtype == ORION_IR_F32) memcpy(data + k * 4, &f, 4);
        if (dtype == ORION_IR_F16 || dtype == ORION_IR_BF16) memcpy(data + k * 2, &half, 2);
        if (!is_float(dtype)) memcpy(data + (size_t)k * size, &bits, size);
        if (dtype == ORION_IR_BOOL) data[k] = bits & 1;
    }
}

static void random_node(kernel_test *t, chain_case *c) {
    static const int64_t float_ops[] = {
        ORION_IR_OP_add,  ORION_IR_OP_sub,  ORION_IR_OP_mul,   ORION_IR_OP_div,
        ORION_IR_OP_max,  ORION_IR_OP_min,  ORION_IR_OP_equal, ORION_IR_OP_less,
        ORION_IR_OP_neg,  ORION_IR_OP_abs,  ORION_IR_OP_sqrt,  ORION_IR_OP_less_equal,
        ORION_IR_OP_relu, ORION_IR_OP_pow,  ORION_IR_OP_floor, ORION_IR_OP_identity,
        ORION_IR_OP_cast, ORION_IR_OP_cast, ORION_IR_OP_round, ORION_IR_OP_const};
    static const int64_t integer_ops[] = {
        ORION_IR_OP_add, ORION_IR_OP_sub,   ORION_IR_OP_mul,  ORION_IR_OP_max,
        ORION_IR_OP_min, ORION_IR_OP_equal, ORION_IR_OP_less, ORION_IR_OP_less_equal,
        ORION_IR_OP_neg, ORION_IR_OP_abs,   ORION_IR_OP_cast, ORION_IR_OP_identity};
    size_t v = value_count(c), a = pick(t, c, v, 0);
    uint32_t dtype = c->dtypes[a];
    size_t b = pick(t, c, v, dtype);
    uint16_t op = ORION_IR_OP_cast;
    if (is_float(dtype)) op = (uint16_t)random_of(t, float_ops, ORN_COUNT(float_ops));
    if (!is_float(dtype) && dtype != ORION_IR_BOOL) {
        op = (uint16_t)random_of(t, integer_ops, ORN_COUNT(integer_ops));
    }
    if (dtype == ORION_IR_BOOL) {
        op = (uint16_t)RANDOM_OF(t, ORION_IR_OP_logical_and, ORION_IR_OP_logical_or,
                                 ORION_IR_OP_logical_not, ORION_IR_OP_cast);
    }
    size_t condition = pick(t, c, v, ORION_IR_BOOL);
    cpu_chain_node n = {.op = op, .dtype = (uint8_t)dtype, .in = {(uint16_t)a, (uint16_t)b, 0}};
    if (condition != SIZE_MAX && random_between(t, 0, 3) == 0) {
        n.op = ORION_IR_OP_select;
        n.in[0] = (uint16_t)condition;
        n.in[1] = (uint16_t)a;
        n.in[2] = (uint16_t)b;
    }
    if (op == ORION_IR_OP_cast && n.op != ORION_IR_OP_select) {
        n.to = (uint8_t)random_of(t, all_dtypes, ORN_COUNT(all_dtypes));
    }
    if (n.op == ORION_IR_OP_const) n.number = floor(8 * test_random_unit(&t->random)) / 2;
    if (n.op == ORION_IR_OP_const && random_between(t, 0, 1) == 0) n.number = 2;
    bool compares =
        n.op == ORION_IR_OP_equal || n.op == ORION_IR_OP_less || n.op == ORION_IR_OP_less_equal;
    c->dtypes[v] = n.op == ORION_IR_OP_cast ? n.to : compares ? ORION_IR_BOOL : dtype;
    /* A narrow float op keeps f32 in its lanes, which is what a store will round. */
    c->nodes[c->n_nodes++] = n;
}

static void random_output(kernel_test *t, chain_case *c) {
    size_t o = c->n_outputs++;
    size_t v = random_between(t, 0, 1) ? value_count(c) - 1 : pick(t, c, value_count(c), 0);
    cpu_chain_output *out = &c->outputs[o];
    *out = (cpu_chain_output){.value = (uint32_t)v, .dtype = c->dtypes[v]};
    if (is_float(out->dtype)) {
        out->dtype =
            (uint32_t)RANDOM_OF(t, ORION_IR_F32, ORION_IR_F32, ORION_IR_F16, ORION_IR_BF16);
        if (c->rank > 0 && random_between(t, 0, 2) == 0) {
            out->reduction = (uint32_t)random_between(t, CPU_REDUCE_SUM, CPU_REDUCE_MIN);
        }
    }
    uint32_t axes = c->rank - (out->reduction != CPU_REDUCE_NONE);
    int64_t count = random_strides(t, c, axes, false, out->strides);
    c->out_at[o] = (c->out_bytes + 7) / 8 * 8;
    c->out_bytes = c->out_at[o] + (size_t)count * orion_ir_dtype_bytes((orion_ir_dtype)out->dtype);
}

static void run(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out) {
    chain_case *c = ctx;
    void *data[MOST_INPUTS + MOST_OUTPUTS];
    for (size_t i = 0; i < c->n_inputs; i++) data[i] = c->data[i];
    for (size_t o = 0; o < c->n_outputs; o++) data[c->n_inputs + o] = (char *)out + c->out_at[o];
    kernels->chain(pool, c->chain, data);
}

static bool same(uint32_t dtype, lane got, lane want, double slack) {
    if (!is_float(dtype)) return got.i == want.i;
    if (isnan(got.f) || isnan(want.f)) return isnan(got.f) && isnan(want.f);
    return got.f == want.f || fabs((double)got.f - (double)want.f) <= slack;
}

static double fold(uint32_t kind, double total, double x) {
    if (kind == CPU_REDUCE_MAX) return isnan(total) || total > x ? total : x;
    if (kind == CPU_REDUCE_MIN) return isnan(total) || total < x ? total : x;
    return total + x;
}

static double fold_start(uint32_t kind) {
    if (kind == CPU_REDUCE_MAX) return -(double)INFINITY;
    return kind == CPU_REDUCE_MIN ? (double)INFINITY : 0;
}

static void check(void *ctx, const cpu_kernels *kernels, const void *out) {
    const chain_case *c = ctx;
    double totals[MOST_OUTPUTS] = {0}, sizes[MOST_OUTPUTS] = {0};
    int64_t row = c->rank == 0 ? 1 : c->dims[c->rank - 1];
    for (int64_t index = 0; index < c->count; index++) {
        int64_t at[CPU_RANK_MAX] = {0}, rest = index;
        for (uint32_t d = c->rank; d-- > 0; rest /= c->dims[d]) at[d] = rest % c->dims[d];
        lane values[MOST_VALUES];
        for (size_t i = 0; i < c->n_inputs; i++) {
            int64_t place = 0;
            for (uint32_t d = 0; d < c->rank; d++) place += at[d] * c->inputs[i].strides[d];
            values[i] = load(c->inputs[i].dtype, c->data[i], place);
        }
        for (size_t i = 0; i < c->n_nodes; i++) {
            values[c->n_inputs + i] = node_value(&c->nodes[i], values);
        }
        for (size_t o = 0; o < c->n_outputs; o++) {
            const cpu_chain_output *output = &c->outputs[o];
            lane want = values[output->value];
            uint32_t kind = output->reduction;
            double slack = 0;
            if (kind != CPU_REDUCE_NONE) {
                if (index % row == 0) {
                    totals[o] = fold_start(kind);
                    sizes[o] = 0;
                }
                totals[o] = fold(kind, totals[o], (double)want.f);
                sizes[o] += fabs((double)want.f);
                if (index % row != row - 1) continue;
                if (kind == CPU_REDUCE_MEAN) totals[o] /= (double)row, sizes[o] /= (double)row;
                if (kind == CPU_REDUCE_SUM || kind == CPU_REDUCE_MEAN) {
                    double unit = output->dtype == ORION_IR_F16    ? 0x1p-11
                                  : output->dtype == ORION_IR_BF16 ? 0x1p-8
                                                                   : 0x1p-24;
                    slack = sizes[o] * 64 * 0x1p-24 + 2 * unit * fabs(totals[o]) + 0x1p-24;
                }
                if (isinf(slack) || sizes[o] > 60000) continue; /* overflow depends on the order */
                want.f = (float)totals[o];
            }
            if (is_float(output->dtype)) want = cast(ORION_IR_F32, output->dtype, want);
            int64_t place = 0;
            for (uint32_t d = 0; d < c->rank - (kind != CPU_REDUCE_NONE); d++) {
                place += at[d] * output->strides[d];
            }
            lane got = load(output->dtype, (const char *)out + c->out_at[o], place);
            if (same(output->dtype, got, want, slack)) continue;
            fail_msg(
                "%s: output %zu (reduction %u, %s) at %lld of %lld is %.9g / %d, not %.9g / %d",
                kernels->name, o, kind, orion_ir_dtype_name((orion_ir_dtype)output->dtype),
                (long long)index, (long long)c->count, (double)got.f, got.i, (double)want.f,
                want.i);
        }
    }
}

static cpu_chain_desc describe(const chain_case *c) {
    cpu_chain_desc desc = {.rank = c->rank,
                           .inputs = c->inputs,
                           .nodes = c->nodes,
                           .outputs = c->outputs,
                           .n_inputs = c->n_inputs,
                           .n_nodes = c->n_nodes,
                           .n_outputs = c->n_outputs};
    memcpy(desc.dims, c->dims, sizeof desc.dims);
    return desc;
}

static void test_random_chains(void **state) {
    kernel_test *t = *state;
    for (int i = 0; i < 300; i++) {
        chain_case *c = calloc(1, sizeof *c);
        assert_non_null(c);
        random_shape(t, c);
        int64_t inputs = random_between(t, 1, MOST_INPUTS);
        for (int64_t k = 0; k < inputs; k++) random_input(t, c);
        int64_t nodes = random_between(t, 0, MOST_NODES);
        for (int64_t k = 0; k < nodes; k++) random_node(t, c);
        int64_t outputs = random_between(t, 1, MOST_OUTPUTS);
        for (int64_t k = 0; k < outputs; k++) random_output(t, c);
        orn_arena_init(&c->arena, NULL);
        cpu_chain_desc desc = describe(c);
        assert_int_equal(cpu_chain_create(&c->arena, &desc, &c->chain), ORION_OK);
        for_all(t, c->out_bytes, NULL, run, check, c);
        orn_arena_clear(&c->arena);
        for (size_t k = 0; k < c->n_inputs; k++) free(c->data[k]);
        free(c);
    }
}

/* ---- in place ---- */

/* a' = a * b + 1, b' = a - b: two outputs over the two inputs, and a also copied to a third. */
static void test_in_place(void **state) {
    kernel_test *t = *state;
    enum { N = 5000 };
    cpu_chain_input in[2] = {{ORION_IR_F32, {1}}, {ORION_IR_F32, {1}}};
    cpu_chain_node nodes[4] = {
        {.op = ORION_IR_OP_mul, .dtype = ORION_IR_F32, .in = {0, 1}},
        {.op = ORION_IR_OP_const, .dtype = ORION_IR_F32, .number = 1},
        {.op = ORION_IR_OP_add, .dtype = ORION_IR_F32, .in = {2, 3}},
        {.op = ORION_IR_OP_sub, .dtype = ORION_IR_F32, .in = {0, 1}},
    };
    cpu_chain_output out[3] = {{4, ORION_IR_F32, CPU_REDUCE_NONE, {1}},
                               {5, ORION_IR_F32, CPU_REDUCE_NONE, {1}},
                               {0, ORION_IR_F32, CPU_REDUCE_NONE, {1}}};
    cpu_chain_desc desc = {.rank = 1,
                           .dims = {N},
                           .inputs = in,
                           .nodes = nodes,
                           .outputs = out,
                           .n_inputs = 2,
                           .n_nodes = 4};
    float *a = random_floats(t, N, 1), *b = random_floats(t, N, 1);
    float *x = new_floats(N), *y = new_floats(N), *copy = new_floats(N);
    const cpu_kernels *kernels;
    for (size_t s = 0; (kernels = kernel_set(s)) != NULL; s++) {
        for (desc.n_outputs = 1; desc.n_outputs <= 3; desc.n_outputs++) {
            orn_arena arena;
            orn_arena_init(&arena, NULL);
            cpu_chain *chain;
            assert_int_equal(cpu_chain_create(&arena, &desc, &chain), ORION_OK);
            memcpy(x, a, N * sizeof *x);
            memcpy(y, b, N * sizeof *y);
            kernels->chain(t->pools[1], chain, (void *const[]){x, y, x, y, copy});
            for (int i = 0; i < N; i++) {
                assert_true(x[i] == a[i] * b[i] + 1.0f);
                if (desc.n_outputs > 1) assert_true(y[i] == a[i] - b[i]);
                if (desc.n_outputs > 2) assert_true(copy[i] == a[i]);
            }
            orn_arena_clear(&arena);
        }
    }
    free(a);
    free(b);
    free(x);
    free(y);
    free(copy);
}

/* ---- refusals ---- */

static orion_status create(const cpu_chain_desc *desc) {
    orn_arena arena;
    orn_arena_init(&arena, NULL);
    cpu_chain *chain = (cpu_chain *)(uintptr_t)1;
    orion_status status = cpu_chain_create(&arena, desc, &chain);
    assert_int_equal(chain == NULL, status != ORION_OK);
    orn_arena_clear(&arena);
    return status;
}

static void test_refusals(void **state) {
    (void)state;
    enum { MANY = 2 * CPU_CHAIN_LIVE };
    cpu_chain_input in = {ORION_IR_F32, {1}};
    cpu_chain_node nodes[MANY] = {{.op = ORION_IR_OP_exp, .dtype = ORION_IR_F32}};
    cpu_chain_output out = {1, ORION_IR_F32, CPU_REDUCE_NONE, {1}};
    cpu_chain_desc desc = {.rank = 1,
                           .dims = {100},
                           .inputs = &in,
                           .nodes = nodes,
                           .outputs = &out,
                           .n_inputs = 1,
                           .n_nodes = 1,
                           .n_outputs = 1};
    assert_int_equal(create(&desc), ORION_OK);
    nodes[0].in[0] = 1; /* itself */
    assert_int_equal(create(&desc), ORION_ERROR_INVALID_ARGUMENT);
    nodes[0].in[0] = 0;
    nodes[0].op = ORION_IR_OP_matmul;
    assert_int_equal(create(&desc), ORION_ERROR_INVALID_ARGUMENT);
    nodes[0].op = ORION_IR_OP_exp;
    nodes[0].dtype = ORION_IR_I32;
    assert_int_equal(create(&desc), ORION_ERROR_INVALID_ARGUMENT);
    nodes[0].dtype = ORION_IR_F32;
    out.value = 2;
    assert_int_equal(create(&desc), ORION_ERROR_INVALID_ARGUMENT);

    /* exp of x, of that, ...; then the sum of all: as many alive as there are exponentials. */
    for (int half = CPU_CHAIN_LIVE - 4; half <= CPU_CHAIN_LIVE; half += 4) {
        for (int i = 0; i < half; i++) {
            nodes[i] = (cpu_chain_node){.op = ORION_IR_OP_exp, .dtype = ORION_IR_F32};
            nodes[i].in[0] = (uint16_t)i;
            nodes[half + i] = (cpu_chain_node){.op = ORION_IR_OP_add, .dtype = ORION_IR_F32};
            nodes[half + i].in[0] = (uint16_t)(half + i);
            nodes[half + i].in[1] = (uint16_t)(half - i);
        }
        desc.n_nodes = (size_t)(2 * half);
        out.value = (uint32_t)desc.n_nodes;
        assert_int_equal(create(&desc), half < CPU_CHAIN_LIVE ? ORION_OK : ORION_ERROR_UNSUPPORTED);
    }
}

static orion_status create_failing(oom_case *oom, void *ctx) {
    orn_arena arena;
    orn_arena_init(&arena, &oom->heap.allocator);
    cpu_chain *chain = NULL;
    oom_arm(oom);
    orion_status status = cpu_chain_create(&arena, ctx, &chain);
    oom_disarm(oom);
    oom_output(oom, status, chain);
    orn_arena_clear(&arena);
    return status;
}

static void test_no_memory(void **state) {
    (void)state;
    enum { MANY = 3000 };
    cpu_chain_node *nodes = calloc(MANY, sizeof *nodes);
    assert_non_null(nodes);
    for (int i = 0; i < MANY; i++) {
        nodes[i] = (cpu_chain_node){.op = ORION_IR_OP_neg, .dtype = ORION_IR_F32};
        nodes[i].in[0] = (uint16_t)i;
    }
    cpu_chain_input in = {ORION_IR_F32, {1}};
    cpu_chain_output out = {MANY, ORION_IR_F32, CPU_REDUCE_NONE, {1}};
    cpu_chain_desc desc = {.rank = 1,
                           .dims = {100},
                           .inputs = &in,
                           .nodes = nodes,
                           .outputs = &out,
                           .n_inputs = 1,
                           .n_nodes = MANY,
                           .n_outputs = 1};
    oom_loop("cpu_chain_create", create_failing, &desc);
    free(nodes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_chains),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
