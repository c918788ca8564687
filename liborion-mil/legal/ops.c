/* SPDX-License-Identifier: MIT */
/*
 * Ops and forms of ops that a target refuses, one pass for each. All need nothing and keep every
 * value, but for rounding in rsqrt.
 */
#include "../mil-legal.h"

/* [outer, extent, inner]: one axis of a tensor as the second last of three. */
static orion_ir_value around_axis(orion_ir_builder *b, orion_ir_value x, uint32_t axis) {
    orion_ir_type type = mil_type_of(b, x);
    int64_t outer = 1, inner = 1;
    for (uint32_t i = 0; i < type.rank; i++) {
        if (i < axis) outer *= type.dims[i];
        if (i > axis) inner *= type.dims[i];
    }
    return MIL_RESHAPE(b, x, outer, type.dims[axis], inner);
}

/* 1 where a bool holds, else 0. */
static orion_ir_value as_number(orion_ir_builder *b, orion_ir_value x, orion_ir_dtype dtype) {
    orion_ir_type scalar = orion_ir_type_make(dtype, 0, NULL);
    orion_ir_value one = orion_ir_splat(b, scalar, 1), zero = orion_ir_splat(b, scalar, 0);
    return orion_ir_select(b, x, one, zero);
}

/* ---- rsqrt: x^-0.5 ---- */

static orion_status visit_rsqrt(mil_rewrite *r, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_rsqrt || !mil_refuses(r->target, "rsqrt"))
        return mil_keep(r, n);
    orion_ir_value x = mil_mapped(r, n, 0);
    return MIL_REPLACE(r, n, orion_ir_pow(r->b, x, mil_number(r->b, x, -0.5)));
}

const mil_pass mil_pass_rsqrt = {
    .name = "rsqrt",
    .doc = "write rsqrt as a power where the target refuses it",
    .visit = visit_rsqrt,
};

/* ---- bias: added behind the conv ---- */

/* MIL wants a constant; the paper's target none at all (E-13). */
static orion_status visit_bias(mil_rewrite *r, const orion_ir_node *n) {
    orion_ir_op op = orion_ir_node_op(n);
    bool has_bias = (op == ORION_IR_OP_conv || op == ORION_IR_OP_conv_transpose) &&
                    orion_ir_node_input_count(n) == 3;
    bool refused = r->target->paper && mil_rule_holds(r->target, "E-13");
    if (!has_bias || (!refused && mil_const_operand(r->from, n, 2) != NULL)) return mil_keep(r, n);
    orion_ir_type type = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    int64_t dims[ORION_IR_RANK_MAX] = {0};
    for (uint32_t i = 0; i < type.rank; i++) dims[i] = i == 1 ? type.dims[1] : 1;
    const orion_ir_value in[] = {mil_mapped(r, n, 0), mil_mapped(r, n, 1)};
    orion_ir_value bias = mil_reshape(r->b, mil_mapped(r, n, 2), dims, type.rank);
    orion_ir_value y = mil_emit_some(r->b, n, in, 2);
    return MIL_REPLACE(r, n, orion_ir_add(r->b, y, bias));
}

const mil_pass mil_pass_bias = {
    .name = "bias",
    .doc = "add the bias behind a conv where it is no constant, or the target takes none",
    .visit = visit_bias,
};

/* ---- truth: a bool as a number without cast ---- */

static orion_status visit_truth(mil_rewrite *r, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_cast || !mil_refuses(r->target, "cast"))
        return mil_keep(r, n);
    orion_ir_value x = mil_mapped(r, n, 0);
    uint32_t dtype = (uint32_t)orion_ir_node_int(n, "dtype");
    if (mil_type_of(r->b, x).dtype != ORION_IR_BOOL || !mil_is_float(dtype)) return mil_keep(r, n);
    return MIL_REPLACE(r, n, as_number(r->b, x, (orion_ir_dtype)dtype));
}

const mil_pass mil_pass_truth = {
    .name = "truth",
    .doc = "write casts of bools to numbers as select where the target refuses cast",
    .visit = visit_truth,
};

/* ---- slice: along the second last axis ---- */

static orion_ir_value swap_last(orion_ir_builder *b, orion_ir_value x) {
    uint32_t rank = mil_type_of(b, x).rank;
    int64_t perm[ORION_IR_RANK_MAX] = {0};
    for (uint32_t i = 0; i < rank; i++) perm[i] = i;
    if (rank >= 2) perm[rank - 1] = rank - 2, perm[rank - 2] = rank - 1;
    return orion_ir_transpose(b, x, perm, rank);
}

/* The slice with other numbers for one axis. */
static orion_ir_value slice_like(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value x,
                                 size_t axis, int64_t begin, int64_t end, int64_t stride) {
    static const char *const names[] = {"begin", "end", "stride"};
    const int64_t numbers[] = {begin, end, stride};
    int64_t lists[ORN_COUNT(names)][ORION_IR_RANK_MAX] = {{0}};
    orion_ir_attr a[ORN_COUNT(names)];
    for (size_t i = 0; i < ORN_COUNT(names); i++) {
        size_t count;
        const int64_t *list = orion_ir_node_ints(n, names[i], &count);
        memcpy(lists[i], list, count * sizeof *list);
        lists[i][axis] = numbers[i];
        a[i] = orion_ir_attr_ints(names[i], lists[i], count);
    }
    return orion_ir_build(b, ORION_IR_OP_slice, &x, 1, a, ORN_COUNT(names));
}

/* x[begin:end:stride] along the second last axis, all of the others. */
static orion_ir_value slice_rows(orion_ir_builder *b, orion_ir_value x, int64_t begin, int64_t end,
                                 int64_t stride) {
    orion_ir_type type = mil_type_of(b, x);
    int64_t from[ORION_IR_RANK_MAX] = {0}, step[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) step[i] = 1;
    if (type.rank < 2) return x; /* the builder has failed */
    from[type.rank - 2] = begin;
    type.dims[type.rank - 2] = end;
    step[type.rank - 2] = stride;
    const orion_ir_attr a[] = {orion_ir_attr_ints("begin", from, type.rank),
                               orion_ir_attr_ints("end", type.dims, type.rank),
                               orion_ir_attr_ints("stride", step, type.rank)};
    return orion_ir_build(b, ORION_IR_OP_slice, &x, 1, a, ORN_COUNT(a));
}

/* Rule X-9: on M1 and M2 an offset on the last axis multiplies by 16 inside. The other axes are cut
 * first, then the last one as the second last. */
static orion_status visit_slice(mil_rewrite *r, const orion_ir_node *n) {
    size_t count = 0;
    if (orion_ir_node_op(n) != ORION_IR_OP_slice || !mil_rule_holds(r->target, "X-9"))
        return mil_keep(r, n);
    const int64_t *begin = orion_ir_node_ints(n, "begin", &count);
    const int64_t *end = orion_ir_node_ints(n, "end", &count);
    const int64_t *stride = orion_ir_node_ints(n, "stride", &count);
    if (count == 0 || begin[count - 1] == 0) return mil_keep(r, n);
    size_t last = count - 1;
    orion_ir_value x = mil_mapped(r, n, 0);
    orion_ir_type type = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    int64_t extent = orion_ir_value_type(r->from, orion_ir_node_input(n, 0)).dims[last];
    if (count >= 2) {
        x = swap_last(r->b, slice_like(r->b, n, x, last, 0, extent, 1));
    } else {
        x = MIL_RESHAPE(r->b, x, extent, 1);
    }
    x = slice_rows(r->b, x, begin[last], end[last], stride[last]);
    if (count >= 2) return MIL_REPLACE(r, n, swap_last(r->b, x));
    return MIL_REPLACE(r, n, mil_reshape(r->b, x, type.dims, type.rank));
}

const mil_pass mil_pass_slice = {
    .name = "slice",
    .doc = "slice along the second last axis where an offset on the last one does harm",
    .visit = visit_slice,
};

/* ---- pad: one axis at a time, as the second last ---- */

static orion_status visit_pad(mil_rewrite *r, const orion_ir_node *n) {
    size_t count = 0;
    if (orion_ir_node_op(n) != ORION_IR_OP_pad || !mil_rule_holds(r->target, "X-13"))
        return mil_keep(r, n);
    const int64_t *before = orion_ir_node_ints(n, "before", &count);
    const int64_t *after = orion_ir_node_ints(n, "after", &count);
    double value = orion_ir_node_float(n, "value");
    bool only_last = true;
    for (size_t i = 0; i + 2 < count; i++) only_last &= before[i] == 0 && after[i] == 0;
    if (only_last) return mil_keep(r, n);
    orion_ir_value x = mil_mapped(r, n, 0);
    orion_ir_type type = mil_type_of(r->b, x);
    for (uint32_t i = 0; i < type.rank; i++) {
        if (before[i] == 0 && after[i] == 0) continue;
        type.dims[i] += before[i] + after[i];
        x = mil_pad(r->b, around_axis(r->b, x, i), 1, before[i], after[i], value);
        x = mil_reshape(r->b, x, type.dims, type.rank);
    }
    return MIL_REPLACE(r, n, x);
}

const mil_pass mil_pass_pad = {
    .name = "pad",
    .doc = "pad one axis at a time, as the second last, where others cannot be padded",
    .visit = visit_pad,
};

/* ---- concat: the sum of parts padded with zeros ---- */

/* Does a node of the device use a result of n? */
static bool is_used_on_device(const mil_sides *sides, const orion_ir_node *n) {
    uint32_t id = orion_ir_node_result(n, 0).id;
    for (const orion_ir_node *user = orion_ir_node_next(n); user != NULL;
         user = orion_ir_node_next(user)) {
        for (size_t i = 0; i < orion_ir_node_input_count(user); i++) {
            if (orion_ir_node_input(user, i).id == id &&
                mil_node_side(sides, user) == MIL_SIDE_DEVICE)
                return true;
        }
    }
    return false;
}

static orion_status visit_concat(mil_rewrite *r, const orion_ir_node *n) {
    const mil_sides *sides = r->ctx;
    size_t count = orion_ir_node_input_count(n);
    if (orion_ir_node_op(n) != ORION_IR_OP_concat || !mil_refuses(r->target, "concat") ||
        mil_reason_of(sides, orion_ir_node_result(n, 0)) != MIL_REASON_REFUSED ||
        !is_used_on_device(sides, n))
        return mil_keep(r, n);
    uint32_t axis = (uint32_t)orion_ir_node_int(n, "axis");
    orion_ir_type type = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    orion_ir_value sum = {0};
    int64_t at = 0;
    for (size_t i = 0; i < count; i++) {
        orion_ir_value part = around_axis(r->b, mil_mapped(r, n, i), axis);
        if (type.dtype == ORION_IR_BOOL) part = as_number(r->b, part, ORION_IR_F32);
        int64_t extent = mil_type_of(r->b, part).dims[1];
        part = mil_pad(r->b, part, 1, at, type.dims[axis] - at - extent, 0);
        sum = i == 0 ? part : orion_ir_add(r->b, sum, part);
        at += extent;
    }
    if (type.dtype == ORION_IR_BOOL) sum = orion_ir_less(r->b, mil_number(r->b, sum, 0.5), sum);
    return MIL_REPLACE(r, n, mil_reshape(r->b, sum, type.dims, type.rank));
}

static orion_status run_concat(const orion_ir_graph *g, const orion_mil_target *target,
                               const mil_side_options *options, const orion_allocator *allocator,
                               orion_diag *diag, orion_ir_graph **out, bool *changed) {
    mil_sides sides;
    *out = NULL;
    TRY(mil_sides_find(g, target, options, allocator, &sides));
    orion_status status =
        mil_rewrite_graph(g, target, visit_concat, &sides, allocator, diag, out, changed);
    mil_sides_free(&sides);
    return status;
}

const mil_pass mil_pass_concat = {
    .name = "concat",
    .doc = "write concat as a sum of padded parts where the target refuses it",
    .run = run_concat,
};
