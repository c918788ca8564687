/* SPDX-License-Identifier: MIT */
/*
 * Rank: ops on tensors of too high a rank are done on fewer axes.
 *
 * Needs:  core ops (expand).
 * Keeps:  every value.
 *
 * Neighbouring axes that an op treats alike are one axis to it: those along which the same operands
 * are repeated (elementwise ops), which are all reduced or all kept (reductions, softmax), which
 * stay side by side (transpose); an axis of extent 1 counts for nothing. The op is done on the
 * merged axes, between two reshapes; reshapes behind each other become one, so that no tensor of
 * the high rank is left but inputs and outputs, which the host reshapes. Other ops stay as they
 * are, for the host.
 */
#include "../mil-legal.h"

/* The axes of an op that are longer than 1; neighbours of one kind may be merged. */
typedef struct merging {
    uint32_t rank;
    int64_t dims[ORION_IR_RANK_MAX];
    uint32_t kind[ORION_IR_RANK_MAX];
    uint32_t place[ORION_IR_RANK_MAX]; /* transpose: of the axis in x */
} merging;

static void add_axis(merging *m, int64_t extent, uint32_t kind, uint32_t place) {
    if (extent == 1) return;
    m->dims[m->rank] = extent;
    m->kind[m->rank] = kind;
    m->place[m->rank++] = place;
}

/* Merge the two neighbours that are shortest together until the rank is legal, so that no axis gets
 * longer than it must; false if that does not do. */
static bool merge(merging *m, uint64_t most) {
    while (m->rank > most) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i + 1 < m->rank; i++) {
            if (m->kind[i] != m->kind[i + 1]) continue;
            if (best == UINT32_MAX ||
                m->dims[i] * m->dims[i + 1] < m->dims[best] * m->dims[best + 1])
                best = i;
        }
        if (best == UINT32_MAX) return false;
        m->dims[best] *= m->dims[best + 1];
        m->rank--;
        for (uint32_t i = best + 1; i < m->rank; i++) {
            m->dims[i] = m->dims[i + 1];
            m->kind[i] = m->kind[i + 1];
            m->place[i] = m->place[i + 1];
        }
    }
    return true;
}

static uint64_t most_axes(const mil_rewrite *r) {
    return mil_target_limit(r->target, MIL_LIMIT_RANK);
}

static bool is_elementwise(orion_ir_op op) {
    switch (op) {
    case ORION_IR_OP_add:
    case ORION_IR_OP_sub:
    case ORION_IR_OP_mul:
    case ORION_IR_OP_div:
    case ORION_IR_OP_max:
    case ORION_IR_OP_min:
    case ORION_IR_OP_pow:
    case ORION_IR_OP_equal:
    case ORION_IR_OP_less:
    case ORION_IR_OP_less_equal:
    case ORION_IR_OP_select:
    case ORION_IR_OP_neg:
    case ORION_IR_OP_abs:
    case ORION_IR_OP_exp:
    case ORION_IR_OP_log:
    case ORION_IR_OP_sqrt:
    case ORION_IR_OP_rsqrt:
    case ORION_IR_OP_tanh:
    case ORION_IR_OP_sigmoid:
    case ORION_IR_OP_relu:
    case ORION_IR_OP_erf:
    case ORION_IR_OP_floor:
    case ORION_IR_OP_round:
    case ORION_IR_OP_cast:
    case ORION_IR_OP_silu:
    case ORION_IR_OP_gelu: return true;
    default: return false;
    }
}

static bool is_reduction(orion_ir_op op) {
    return op == ORION_IR_OP_reduce_sum || op == ORION_IR_OP_reduce_mean ||
           op == ORION_IR_OP_reduce_max || op == ORION_IR_OP_reduce_min;
}

/* Extent of axis i of `rank` axes, of a type that stands at the right. */
static int64_t extent_at(const orion_ir_type *type, uint32_t rank, uint32_t i) {
    uint32_t missing = rank - type->rank;
    return i < missing ? 1 : type->dims[i - missing];
}

static orion_ir_type type_of_operand(const mil_rewrite *r, const orion_ir_node *n, size_t i) {
    return orion_ir_value_type(r->from, orion_ir_node_input(n, i));
}

static orion_ir_type type_of_result(const mil_rewrite *r, const orion_ir_node *n) {
    return orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
}

/* The result under its own dims. */
static orion_status finish(mil_rewrite *r, const orion_ir_node *n, orion_ir_value v) {
    orion_ir_type type = type_of_result(r, n);
    return MIL_REPLACE(r, n, mil_reshape(r->b, v, type.dims, type.rank));
}

/* ---- elementwise: kind is the set of operands that are repeated along the axis ---- */

static orion_status merge_elementwise(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_value operands[3];
    orion_ir_type out = type_of_result(r, n);
    size_t count = orion_ir_node_input_count(n);
    merging m = {0};
    for (uint32_t i = 0; i < out.rank; i++) {
        uint32_t repeated = 0;
        for (uint32_t k = 0; k < count; k++) {
            orion_ir_type type = type_of_operand(r, n, k);
            if (extent_at(&type, out.rank, i) != out.dims[i]) repeated |= 1u << k;
        }
        add_axis(&m, out.dims[i], repeated, i);
    }
    if (!merge(&m, most_axes(r))) return mil_keep(r, n);
    for (uint32_t k = 0; k < count; k++) {
        int64_t dims[ORION_IR_RANK_MAX] = {0};
        for (uint32_t i = 0; i < m.rank; i++) dims[i] = (m.kind[i] >> k & 1) != 0 ? 1 : m.dims[i];
        operands[k] = mil_reshape(r->b, mil_mapped(r, n, k), dims, m.rank);
    }
    return finish(r, n, mil_emit_like(r->b, r->from, n, operands));
}

/* ---- reductions and softmax: kind is whether the axis is one of the op's ---- */

static void add_axes(merging *m, const orion_ir_type *x, const int64_t *axes, size_t count) {
    for (uint32_t i = 0; i < x->rank; i++) {
        uint32_t is_one = 0;
        for (size_t k = 0; k < count; k++) is_one |= axes[k] == i;
        add_axis(m, x->dims[i], is_one, i);
    }
}

static orion_status merge_reduction(mil_rewrite *r, const orion_ir_node *n) {
    size_t count;
    orion_ir_type x = type_of_operand(r, n, 0);
    const int64_t *axes = orion_ir_node_ints(n, "axes", &count);
    int64_t merged[ORION_IR_RANK_MAX];
    merging m = {0};
    add_axes(&m, &x, axes, count);
    if (!merge(&m, most_axes(r))) return mil_keep(r, n);
    count = 0;
    for (uint32_t i = 0; i < m.rank; i++) {
        if (m.kind[i] != 0) merged[count++] = i;
    }
    if (count == 0) return mil_keep(r, n);
    const orion_ir_attr a[] = {orion_ir_attr_ints("axes", merged, count),
                               orion_ir_attr_int("keep_dims", 0)};
    orion_ir_value v = mil_reshape(r->b, mil_mapped(r, n, 0), m.dims, m.rank);
    return finish(r, n, orion_ir_build(r->b, orion_ir_node_op(n), &v, 1, a, ORN_COUNT(a)));
}

static orion_status merge_softmax(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_type x = type_of_operand(r, n, 0);
    int64_t axis = orion_ir_node_int(n, "axis"), merged = -1;
    merging m = {0};
    add_axes(&m, &x, &axis, 1);
    if (!merge(&m, most_axes(r))) return mil_keep(r, n);
    for (uint32_t i = 0; i < m.rank; i++) {
        if (m.kind[i] != 0) merged = i;
    }
    if (merged < 0) return mil_keep(r, n);
    orion_ir_value v = mil_reshape(r->b, mil_mapped(r, n, 0), m.dims, m.rank);
    return finish(r, n, orion_ir_softmax(r->b, v, merged));
}

/* ---- transpose: kind is the place of the axis in x, counted from the axis that leads its run ----
 */

static orion_status merge_transpose(mil_rewrite *r, const orion_ir_node *n) {
    size_t count;
    orion_ir_type x = type_of_operand(r, n, 0);
    const int64_t *perm = orion_ir_node_ints(n, "perm", &count);
    uint32_t order[ORION_IR_RANK_MAX]; /* of each axis of x among those longer than 1 */
    uint32_t places = 0, last = UINT32_MAX, run = 0;
    merging m = {0};
    for (uint32_t i = 0; i < x.rank; i++) order[i] = x.dims[i] == 1 ? 0 : places++;
    for (uint32_t i = 0; i < x.rank; i++) {
        uint32_t axis = (uint32_t)perm[i];
        if (x.dims[axis] == 1) continue;
        if (last == UINT32_MAX || order[axis] != last + 1) run = order[axis];
        last = order[axis];
        add_axis(&m, x.dims[axis], run, order[axis]);
    }
    if (!merge(&m, most_axes(r))) return mil_keep(r, n);
    int64_t dims[ORION_IR_RANK_MAX] = {0}, merged[ORION_IR_RANK_MAX] = {0};
    for (uint32_t i = 0; i < m.rank; i++) {
        for (uint32_t k = 0; k < m.rank; k++) merged[i] += m.place[k] < m.place[i];
        dims[merged[i]] = m.dims[i];
    }
    orion_ir_value v = mil_reshape(r->b, mil_mapped(r, n, 0), dims, m.rank);
    return finish(r, n, orion_ir_transpose(r->b, v, merged, m.rank));
}

static bool is_too_high(const mil_rewrite *r, const orion_ir_node *n) {
    uint64_t most = most_axes(r);
    bool high = false;
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++)
        high |= type_of_operand(r, n, i).rank > most;
    return high || (orion_ir_node_result_count(n) != 0 && type_of_result(r, n).rank > most);
}

static orion_status visit(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_op op = orion_ir_node_op(n);
    if (mil_is_const_node(n) || !is_too_high(r, n)) return mil_keep(r, n);
    if (is_elementwise(op)) return merge_elementwise(r, n);
    if (is_reduction(op)) return merge_reduction(r, n);
    if (op == ORION_IR_OP_softmax) return merge_softmax(r, n);
    return op == ORION_IR_OP_transpose ? merge_transpose(r, n) : mil_keep(r, n);
}

const mil_pass mil_pass_rank = {
    .name = "rank",
    .doc = "merge axes that an op treats alike where a rank is beyond the limit of the target",
    .visit = visit,
};
