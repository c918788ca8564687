/* SPDX-License-Identifier: MIT */
/*
 * Pooling in terms of core ops.
 *
 * A window is worked off axis by axis. On one axis windows of 2, 4, 8 ... elements are made at
 * every place, each from two of half the size, and those of the sizes that add up to the window are
 * put together: the number of ops grows with the logarithm of the window. Then every stride-th is
 * taken.
 */
#include "decompose.h"

#include <math.h>

/* For every place of one axis, the combination of the `width` elements from there on. */
typedef struct windows {
    orion_ir_value value;
    int64_t width;
} windows;

typedef struct pooling {
    orion_ir_builder *b;
    orion_ir_op op; /* max or add */
    uint32_t axis;
    orion_ir_type x; /* before this axis is worked off */
} pooling;

/* n places of the axis from `begin` on. */
static orion_ir_value places(const pooling *p, orion_ir_value v, int64_t begin, int64_t n) {
    int64_t from[ORION_IR_RANK_MAX] = {0};
    orion_ir_type type = ir_type_of(p->b, v);
    if (begin == 0 && type.dims[p->axis] == n) return v;
    from[p->axis] = begin;
    type.dims[p->axis] = n;
    return ir_cut_out(p->b, v, from, type.dims, type.rank);
}

/* Windows of both widths together, one behind the other. */
static windows combine(const pooling *p, windows first, windows second) {
    windows both = {.width = first.width + second.width};
    int64_t n = p->x.dims[p->axis] - both.width + 1;
    orion_ir_value x = places(p, first.value, 0, n);
    orion_ir_value y = places(p, second.value, first.width, n);
    both.value = orion_ir_build2(p->b, p->op, x, y);
    return both;
}

static orion_ir_value every(const pooling *p, orion_ir_value v, int64_t stride) {
    static const int64_t begin[ORION_IR_RANK_MAX];
    int64_t steps[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    orion_ir_type type = ir_type_of(p->b, v);
    steps[p->axis] = stride;
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", begin, type.rank),
                             orion_ir_attr_ints("end", type.dims, type.rank),
                             orion_ir_attr_ints("stride", steps, type.rank)};
    return stride == 1 ? v : orion_ir_build(p->b, ORION_IR_OP_slice, &v, 1, attrs, 3);
}

static orion_ir_value pool_axis(const pooling *p, orion_ir_value x, int64_t width, int64_t stride) {
    windows power = {x, 1}, sum = {{0}, 0};
    while (p->b->status == ORION_OK) {
        if ((width & power.width) != 0) sum = sum.width == 0 ? power : combine(p, sum, power);
        if (power.width > width / 2) break;
        power = combine(p, power, power);
    }
    return every(p, sum.value, stride);
}

/* x surrounded by `value`, then all axes. */
static orion_ir_value pool(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value x,
                           orion_ir_op op, double value) {
    const int64_t *window = n->attrs[IR_ATTR(max_pool, window)].ints;
    const int64_t *stride = n->attrs[IR_ATTR(max_pool, stride)].ints;
    int64_t before[4] = {0}, after[4] = {0}, pads = 0;
    uint32_t rank = ir_val(b->graph, n->in[0])->type.rank;
    for (uint32_t i = 2; i < rank; i++) {
        pads += before[i] = n->attrs[IR_ATTR(max_pool, before)].ints[i - 2];
        pads += after[i] = n->attrs[IR_ATTR(max_pool, after)].ints[i - 2];
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", before, rank),
                             orion_ir_attr_ints("after", after, rank),
                             orion_ir_attr_float("value", value)};
    if (pads != 0) x = orion_ir_build(b, ORION_IR_OP_pad, &x, 1, attrs, ORN_COUNT(attrs));
    for (uint32_t i = 2; i < rank; i++) {
        pooling p = {b, op, i, ir_type_of(b, x)};
        x = pool_axis(&p, x, window[i - 2], stride[i - 2]);
    }
    return x;
}

orion_ir_value ir_decompose_max_pool(orion_ir_builder *b, const orion_ir_node *n) {
    return pool(b, n, ir_operand(n, 0), ORION_IR_OP_max, -INFINITY);
}

/* The sum over the elements, divided by their number: pooled from ones where padding is excluded.
 */
orion_ir_value ir_decompose_avg_pool(orion_ir_builder *b, const orion_ir_node *n) {
    bool exclude = n->attrs[IR_ATTR(avg_pool, exclude_padding)].i != 0;
    const ir_attr *window = &n->attrs[IR_ATTR(avg_pool, window)];
    orion_ir_value x = ir_widen(b, ir_operand(n, 0));
    orion_ir_value sum = pool(b, n, x, ORION_IR_OP_add, 0), count;
    if (exclude) {
        orion_ir_type type = ir_type_of(b, x);
        type.dims[0] = type.dims[1] = 1;
        count = pool(b, n, ir_fill(b, type, 1), ORION_IR_OP_add, 0);
    } else {
        double all = 1;
        for (size_t i = 0; i < window->count; i++) all *= (double)window->ints[i];
        count = ir_number(b, sum, all);
    }
    orion_ir_value mean = orion_ir_div(b, sum, count);
    return ir_to_dtype(b, mean, ir_dtype_of(b, ir_first_result(n)));
}
