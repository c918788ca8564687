/* SPDX-License-Identifier: MIT */
/*
 * Expansion: model ops that the target does not take whole become core ops.
 *
 * Needs:  any graph.
 * Keeps:  every value up to rounding; gelu by the normal distribution becomes its tanh form, off by
 *         at most 5e-4, where the target refuses gelu.
 *
 * Most are written out by liborion-ir's own pass, on a graph of that op alone. Two have a form of
 * their own, for the Neural Engine takes no integers and slices of the last axis are dangerous on
 * M1: rope becomes x cos + (x R) sin, where R exchanges the partners of a pair, and attention keeps
 * its softmax. What depends on positions alone (angles, the mask) is then computed by the host.
 * embedding and cross_entropy stay as they are: they run on the host.
 */
#include "../mil-legal.h"

#include <math.h>

/* ---- by liborion-ir ---- */

/* Of one model op. */
enum { OPERANDS_MAX = 8 };

/* A graph of the node alone: inputs x0, x1 ..., outputs y0, y1 ... */
static orion_status lone_graph(mil_rewrite *r, const orion_ir_node *n, const char *attribute,
                               int64_t number, orion_ir_graph **out) {
    orion_ir_builder *b;
    orion_ir_value operands[OPERANDS_MAX];
    char name[] = "x0", result[] = "y0";
    size_t count = ORN_MIN(orion_ir_node_input_count(n), ORN_COUNT(operands));
    TRY(orion_ir_builder_create("op", &r->allocator, &b));
    for (size_t i = 0; i < count; i++, name[1]++)
        operands[i] = orion_ir_input(b, name, mil_type_of(r->b, mil_mapped(r, n, i)));
    orion_ir_value y = mil_emit_with(b, n, operands, attribute, number);
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++, result[1]++)
        orion_ir_output(b, result, orion_ir_result(b, y, i));
    return orion_ir_builder_finish(&b, r->diag, out);
}

/* Emit the nodes of a graph whose inputs are the operands of n; its outputs stand for n's results.
 */
static orion_status splice(mil_rewrite *r, const orion_ir_node *n, const orion_ir_graph *g) {
    mil_rewrite inner = {.from = g, .allocator = r->allocator, .diag = r->diag, .b = r->b};
    size_t bytes = orion_ir_graph_value_bound(g) * sizeof *inner.map;
    inner.map = orn_zalloc(&r->allocator, bytes);
    if (inner.map == NULL) return ORION_ERROR_NO_MEMORY;
    inner.bound = UINT32_MAX; /* names of the small graph do not count */
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++)
        inner.map[orion_ir_graph_input(g, i).id] = mil_mapped(r, n, i);
    orion_status status = ORION_OK;
    mil_foreach_node(g, node) {
        if (status == ORION_OK) status = mil_keep(&inner, node);
    }
    for (size_t i = 0; status == ORION_OK && i < orion_ir_node_result_count(n); i++)
        mil_set_result(r, n, i, inner.map[orion_ir_graph_output(g, i).id]);
    orn_free(&r->allocator, inner.map, bytes);
    r->changed = true;
    return status;
}

static orion_status decompose(mil_rewrite *r, const orion_ir_node *n, const char *attribute,
                              int64_t number) {
    orion_ir_graph *g;
    TRY(lone_graph(r, n, attribute, number, &g));
    orion_status status = orion_ir_run_passes(g, "decompose,default", NULL, r->diag, NULL);
    if (status == ORION_OK) status = splice(r, n, g);
    orion_ir_graph_destroy(&g);
    return status;
}

/* ---- rope ---- */

/* theta^(-2j/D) for each pair: f32 [1, D/2]. */
static orion_ir_value frequencies(mil_rewrite *r, double theta, int64_t half) {
    const int64_t dims[] = {1, half};
    size_t bytes = (size_t)half * sizeof(float);
    float *f = orn_alloc(&r->allocator, bytes);
    if (f == NULL) return (orion_ir_value){0};
    for (int64_t j = 0; j < half; j++) f[j] = (float)pow(theta, -(double)j / (double)half);
    orion_ir_value v = orion_ir_constant(r->b, orion_ir_type_make(ORION_IR_F32, 2, dims), f, bytes);
    orn_free(&r->allocator, f, bytes);
    return v;
}

/* [T, D/2] -> [T, D]: the number of a pair for both of its partners. */
static orion_ir_value for_both(orion_ir_builder *b, orion_ir_value x, bool neighbours) {
    orion_ir_type type = mil_type_of(b, x);
    int64_t t = type.dims[0], half = type.dims[1];
    if (!neighbours) return mil_concat(b, (const orion_ir_value[]){x, x}, 2, 1);
    x = MIL_RESHAPE(b, x, t, half, 1);
    return MIL_RESHAPE(b, mil_concat(b, (const orion_ir_value[]){x, x}, 2, 2), t, 2 * half);
}

/* R [D, D]: (x R) has at each place the partner's number, negative at the first of a pair. */
static orion_ir_value exchange(mil_rewrite *r, uint32_t dtype, int64_t width, bool neighbours) {
    const int64_t dims[] = {width, width};
    size_t d = (size_t)width, bytes = d * d * sizeof(float);
    float *m = orn_zalloc(&r->allocator, bytes);
    if (m == NULL) return (orion_ir_value){0};
    for (size_t j = 0; j < d / 2; j++) {
        size_t first = neighbours ? 2 * j : j, second = neighbours ? 2 * j + 1 : j + d / 2;
        m[second * d + first] = -1;
        m[first * d + second] = 1;
    }
    orion_ir_value v = orion_ir_constant(r->b, orion_ir_type_make(ORION_IR_F32, 2, dims), m, bytes);
    orn_free(&r->allocator, m, bytes);
    return mil_cast(r->b, v, dtype);
}

static orion_status expand_rope(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_builder *b = r->b;
    orion_ir_value x = mil_mapped(r, n, 0);
    orion_ir_type type = mil_type_of(b, x);
    bool neighbours = orion_ir_node_int(n, "interleaved") != 0;
    int64_t width = type.dims[type.rank - 1], rows = type.dims[type.rank - 2];
    orion_ir_value position = mil_cast(b, mil_mapped(r, n, 1), ORION_IR_F32);
    orion_ir_value f = frequencies(r, orion_ir_node_float(n, "theta"), width / 2);
    orion_ir_value partners = exchange(r, type.dtype, width, neighbours);
    if (f.id == 0 || partners.id == 0) return ORION_ERROR_NO_MEMORY;
    orion_ir_value angle = orion_ir_mul(b, MIL_RESHAPE(b, position, rows, 1), f);
    orion_ir_value c = for_both(b, orion_ir_cos(b, angle), neighbours);
    orion_ir_value s = for_both(b, orion_ir_sin(b, angle), neighbours);
    if (orion_ir_node_int(n, "inverse") != 0) s = orion_ir_neg(b, s);
    c = mil_cast(b, c, type.dtype);
    s = mil_cast(b, s, type.dtype);
    orion_ir_value kept = orion_ir_mul(b, x, c), turned = orion_ir_matmul(b, x, partners, 0, 0);
    return MIL_REPLACE(r, n, orion_ir_add(b, kept, orion_ir_mul(b, turned, s)));
}

/* ---- attention ---- */

static orion_ir_value iota(mil_rewrite *r, int64_t count) {
    size_t bytes = (size_t)count * sizeof(int32_t);
    int32_t *numbers = orn_alloc(&r->allocator, bytes);
    if (numbers == NULL) return (orion_ir_value){0};
    for (int64_t i = 0; i < count; i++) numbers[i] = (int32_t)i;
    orion_ir_value v =
        orion_ir_constant(r->b, orion_ir_type_make(ORION_IR_I32, 1, &count), numbers, bytes);
    orn_free(&r->allocator, numbers, bytes);
    return v;
}

/* bool [T, S]: row t sees key s. */
static orion_ir_value visible(mil_rewrite *r, const orion_ir_node *n, int64_t t, int64_t s) {
    orion_ir_builder *b = r->b;
    orion_ir_value last = {0}, keys = iota(r, s);
    if (orion_ir_node_input_count(n) == 4) {
        last = mil_mapped(r, n, 3);
    } else {
        last = iota(r, t);
        if (s != t && last.id != 0)
            last = orion_ir_add(b, last, mil_number(b, last, (double)(s - t)));
    }
    if (last.id == 0 || keys.id == 0) return (orion_ir_value){0};
    return orion_ir_less_equal(b, keys, MIL_RESHAPE(b, last, t, 1));
}

/*
 * The R query heads of one key head lie behind each other, so [B, G*R, T, D] is [B, G, R*T, D]
 * without moving anything: one product per key head. Only the mask wants R and T apart.
 */
static orion_status expand_attention(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_builder *b = r->b;
    orion_ir_value q = mil_mapped(r, n, 0), k = mil_mapped(r, n, 1), v = mil_mapped(r, n, 2);
    orion_ir_type qt = mil_type_of(b, q), kt = mil_type_of(b, k), vt = mil_type_of(b, v);
    int64_t batch = qt.dims[0], groups = kt.dims[1], ratio = qt.dims[1] / groups;
    int64_t t = qt.dims[2], s = kt.dims[2], d = qt.dims[3], e = vt.dims[3];
    double scale = orion_ir_node_float(n, "scale");
    bool masked = orion_ir_node_input_count(n) == 4 || orion_ir_node_int(n, "causal") != 0;
    q = orion_ir_mul(b, q, mil_number(b, q, scale == 0 ? 1 / sqrt((double)d) : scale));
    q = MIL_RESHAPE(b, q, batch, groups, ratio * t, d);
    orion_ir_value score = orion_ir_matmul(b, q, k, 0, 1);
    if (masked) {
        orion_ir_value mask = visible(r, n, t, s);
        if (mask.id == 0) return ORION_ERROR_NO_MEMORY;
        if (ratio != 1) score = MIL_RESHAPE(b, score, batch, groups, ratio, t, s);
        score = orion_ir_select(b, mask, score, mil_number(b, score, -1e4));
    }
    orion_ir_value p = orion_ir_softmax(b, score, -1);
    p = MIL_RESHAPE(b, p, batch, groups, ratio * t, s);
    orion_ir_value y = orion_ir_matmul(b, p, v, 0, 0);
    return MIL_REPLACE(r, n, MIL_RESHAPE(b, y, batch, groups * ratio, t, e));
}

/* ---- which ---- */

static bool is_whole(const orion_mil_target *t, const char *op) {
    for (size_t i = 0; i < t->whole_count; i++) {
        if (strcmp(t->whole[i].op, op) == 0) return !mil_refuses(t, op);
    }
    return false;
}

/* Is an operand no value, because the builder has failed? Then so is the result; finish tells. */
static bool has_failed(const mil_rewrite *r, const orion_ir_node *n) {
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
        if (mil_type_of(r->b, mil_mapped(r, n, i)).dtype == ORION_IR_DTYPE_NONE) return true;
    }
    return false;
}

static orion_status visit(mil_rewrite *r, const orion_ir_node *n) {
    const orion_ir_op_info *info = orion_ir_op_find(orion_ir_node_op(n));
    bool stays = info->is_model == 0 || is_whole(r->target, info->name);
    orion_ir_op op = orion_ir_node_op(n);
    if (stays || op == ORION_IR_OP_embedding || op == ORION_IR_OP_cross_entropy || has_failed(r, n))
        return mil_keep(r, n);
    if (op == ORION_IR_OP_rope) return expand_rope(r, n);
    bool masked = op == ORION_IR_OP_attention && orion_ir_node_input_count(n) == 4 &&
                  mil_type_of(r->b, mil_mapped(r, n, 3)).rank == 4;
    if (op == ORION_IR_OP_attention && !masked) return expand_attention(r, n);
    return op == ORION_IR_OP_gelu ? decompose(r, n, "tanh_approximation", 1)
                                  : decompose(r, n, NULL, 0);
}

const mil_pass mil_pass_expand = {
    .name = "expand",
    .doc = "write model ops that the target does not take whole in core ops",
    .visit = visit,
};
