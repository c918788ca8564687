/* SPDX-License-Identifier: MIT */
/*
 * Gradient rules of the core ops.
 *
 * g is the cotangent of the result, of the result's type. A rule may hand ir_grad_add a value of
 * the result's shape where an operand was broadcast; the sum over the broadcast axes is taken
 * there.
 */
#include "grad-internal.h"

static const double two_over_sqrt_pi = 1.12837916709551257390;

/* ---- elementwise, one operand ---- */

static orion_ir_value grad_neg(const ir_grad_point *p) {
    return orion_ir_neg(p->b, p->g);
}

/* 0 at 0. */
static orion_ir_value grad_abs(const ir_grad_point *p) {
    orion_ir_value zero = ir_number(p->b, p->x, 0);
    orion_ir_value rising = orion_ir_select(p->b, orion_ir_less(p->b, zero, p->x), p->g, zero);
    orion_ir_value falls = orion_ir_less(p->b, p->x, zero);
    return orion_ir_select(p->b, falls, orion_ir_neg(p->b, p->g), rising);
}

static orion_ir_value grad_exp(const ir_grad_point *p) {
    return orion_ir_mul(p->b, p->g, p->y);
}

static orion_ir_value grad_log(const ir_grad_point *p) {
    return orion_ir_div(p->b, p->g, p->x);
}

/* g / 2y */
static orion_ir_value grad_sqrt(const ir_grad_point *p) {
    return orion_ir_div(p->b, ir_scale(p->b, p->g, 0.5), p->y);
}

/* -g y^3 / 2 */
static orion_ir_value grad_rsqrt(const ir_grad_point *p) {
    orion_ir_value cube = orion_ir_mul(p->b, ir_square(p->b, p->y), p->y);
    return orion_ir_mul(p->b, p->g, ir_scale(p->b, cube, -0.5));
}

/* g (1 - y^2) */
static orion_ir_value grad_tanh(const ir_grad_point *p) {
    orion_ir_value one = ir_number(p->b, p->y, 1);
    return orion_ir_mul(p->b, p->g, orion_ir_sub(p->b, one, ir_square(p->b, p->y)));
}

/* g y (1 - y) */
static orion_ir_value grad_sigmoid(const ir_grad_point *p) {
    orion_ir_value one = ir_number(p->b, p->y, 1);
    orion_ir_value slope = orion_ir_mul(p->b, p->y, orion_ir_sub(p->b, one, p->y));
    return orion_ir_mul(p->b, p->g, slope);
}

/* 0 at 0. */
static orion_ir_value grad_relu(const ir_grad_point *p) {
    orion_ir_value zero = ir_number(p->b, p->x, 0);
    return orion_ir_select(p->b, orion_ir_less(p->b, zero, p->x), p->g, zero);
}

/* g 2/sqrt(pi) exp(-x^2) */
static orion_ir_value grad_erf(const ir_grad_point *p) {
    orion_ir_value bell = orion_ir_exp(p->b, orion_ir_neg(p->b, ir_square(p->b, p->x)));
    return orion_ir_mul(p->b, p->g, ir_scale(p->b, bell, two_over_sqrt_pi));
}

static orion_ir_value grad_sin(const ir_grad_point *p) {
    return orion_ir_mul(p->b, p->g, orion_ir_cos(p->b, p->x));
}

static orion_ir_value grad_cos(const ir_grad_point *p) {
    return orion_ir_neg(p->b, orion_ir_mul(p->b, p->g, orion_ir_sin(p->b, p->x)));
}

/* Also of cast: ir_grad_add casts back to the operand's dtype. */
static orion_ir_value grad_identity(const ir_grad_point *p) {
    return p->g;
}

/* ---- elementwise, several operands ---- */

static void grad_add(ir_grad *c, const orion_ir_node *n) {
    ir_grad_add(c, n, 0, ir_grad_of(c, n, 0));
    ir_grad_add(c, n, 1, ir_grad_of(c, n, 0));
}

static void grad_sub(ir_grad *c, const orion_ir_node *n) {
    orion_ir_value g = ir_grad_of(c, n, 0);
    ir_grad_add(c, n, 0, g);
    if (ir_grad_wants(c, n, 1)) ir_grad_add(c, n, 1, orion_ir_neg(&c->b, g));
}

static void grad_mul(ir_grad *c, const orion_ir_node *n) {
    orion_ir_value g = ir_grad_of(c, n, 0);
    for (size_t i = 0; i < 2; i++) {
        if (!ir_grad_wants(c, n, i)) continue;
        ir_grad_add(c, n, i, orion_ir_mul(&c->b, g, ir_operand(n, 1 - i)));
    }
}

/* g / y and -(g / y) (x / y) */
static void grad_div(ir_grad *c, const orion_ir_node *n) {
    orion_ir_value part = orion_ir_div(&c->b, ir_grad_of(c, n, 0), ir_operand(n, 1));
    ir_grad_add(c, n, 0, part);
    if (!ir_grad_wants(c, n, 1)) return;
    orion_ir_value product = orion_ir_mul(&c->b, part, ir_first_result(n));
    ir_grad_add(c, n, 1, orion_ir_neg(&c->b, product));
}

/* The larger (max) or smaller (min) operand takes all; equal ones take half each. */
static void grad_extremum(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value x = ir_operand(n, 0), y = ir_operand(n, 1), g = ir_grad_of(c, n, 0);
    bool max = n->op == ORION_IR_OP_max;
    orion_ir_value wins = max ? orion_ir_less(b, y, x) : orion_ir_less(b, x, y);
    orion_ir_value zero = ir_number(b, x, 0), half = ir_number(b, x, 0.5), one = ir_number(b, x, 1);
    orion_ir_value share = orion_ir_select(b, orion_ir_equal(b, x, y), half, zero);
    share = orion_ir_select(b, wins, one, share);
    if (ir_grad_wants(c, n, 0)) ir_grad_add(c, n, 0, orion_ir_mul(b, g, share));
    if (!ir_grad_wants(c, n, 1)) return;
    ir_grad_add(c, n, 1, orion_ir_mul(b, g, orion_ir_sub(b, one, share)));
}

/* g y x^(y-1), which is 0 for y = 0 also where x = 0; g x^y log(x), taken as 0 where x = 0. */
static void grad_pow(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value x = ir_operand(n, 0), y = ir_operand(n, 1), g = ir_grad_of(c, n, 0);
    orion_ir_value zero = ir_number(b, x, 0);
    if (ir_grad_wants(c, n, 0)) {
        orion_ir_value slope = orion_ir_mul(b, y, orion_ir_pow(b, x, ir_offset(b, y, -1)));
        slope = orion_ir_select(b, orion_ir_equal(b, y, zero), zero, slope);
        ir_grad_add(c, n, 0, orion_ir_mul(b, g, slope));
    }
    if (!ir_grad_wants(c, n, 1)) return;
    orion_ir_value slope = orion_ir_mul(b, ir_first_result(n), orion_ir_log(b, x));
    slope = orion_ir_select(b, orion_ir_equal(b, x, zero), zero, slope);
    ir_grad_add(c, n, 1, orion_ir_mul(b, g, slope));
}

static void grad_select(ir_grad *c, const orion_ir_node *n) {
    orion_ir_value g = ir_grad_of(c, n, 0), condition = ir_operand(n, 0);
    orion_ir_value zero = ir_number(&c->b, g, 0);
    if (ir_grad_wants(c, n, 1)) {
        ir_grad_add(c, n, 1, orion_ir_select(&c->b, condition, g, zero));
    }
    if (!ir_grad_wants(c, n, 2)) return;
    ir_grad_add(c, n, 2, orion_ir_select(&c->b, condition, zero, g));
}

/* ---- reductions ---- */

static const ir_attr *axes_of(const orion_ir_node *n) {
    return &n->attrs[IR_ATTR(reduce_sum, axes)];
}

orion_ir_value ir_grad_keep_axes(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value v) {
    orion_ir_type type = ir_type_of(b, ir_operand(n, 0));
    const ir_attr *axes = axes_of(n);
    for (size_t i = 0; i < axes->count; i++) type.dims[axes->ints[i]] = 1;
    return ir_reshape_to(b, v, type.dims, type.rank);
}

/* v, of the type of a reduction's result, repeated along the reduced axes. */
static orion_ir_value spread(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value v) {
    orion_ir_type type = ir_type_of(b, ir_operand(n, 0));
    int64_t reps[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    const ir_attr *axes = axes_of(n);
    bool repeats = false;
    for (size_t i = 0; i < axes->count; i++) {
        reps[axes->ints[i]] = type.dims[axes->ints[i]];
        repeats |= type.dims[axes->ints[i]] != 1;
    }
    v = ir_grad_keep_axes(b, n, v);
    orion_ir_attr attr = orion_ir_attr_ints("reps", reps, type.rank);
    return repeats ? orion_ir_build(b, ORION_IR_OP_tile, &v, 1, &attr, 1) : v;
}

static void grad_reduce_sum(ir_grad *c, const orion_ir_node *n) {
    ir_grad_add(c, n, 0, spread(&c->b, n, ir_grad_of(c, n, 0)));
}

static void grad_reduce_mean(ir_grad *c, const orion_ir_node *n) {
    orion_ir_type all = ir_type_of(&c->b, ir_operand(n, 0));
    orion_ir_type kept = ir_type_of(&c->b, ir_first_result(n));
    double each = (double)orion_ir_type_elements(&kept) / (double)orion_ir_type_elements(&all);
    ir_grad_add(c, n, 0, spread(&c->b, n, ir_scale(&c->b, ir_grad_of(c, n, 0), each)));
}

/* Elements that equal the extremum share its cotangent evenly. */
static void grad_reduce_extremum(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    const ir_attr *axes = axes_of(n);
    orion_ir_value x = ir_operand(n, 0), g = ir_grad_keep_axes(b, n, ir_grad_of(c, n, 0));
    orion_ir_value hit = orion_ir_equal(b, x, ir_grad_keep_axes(b, n, ir_first_result(n)));
    hit = orion_ir_cast(b, hit, ir_dtype_of(b, x));
    orion_ir_value ties = orion_ir_reduce_sum(b, hit, axes->ints, axes->count, 1);
    ir_grad_add(c, n, 0, orion_ir_mul(b, hit, orion_ir_div(b, g, ties)));
}

/* ---- products ---- */

/* The gradient of matrices used by all of x's leading dims at once: [rows, K] and [rows, N] are one
 * product, where the general rule would make one per leading dim and add them up. */
static orion_ir_value grad_of_shared_matrix(orion_ir_builder *b, const orion_ir_node *n,
                                            orion_ir_value g, bool transpose_y) {
    orion_ir_type y = ir_type_of(b, ir_operand(n, 1)), xt = ir_type_of(b, ir_operand(n, 0));
    orion_ir_type gt = ir_type_of(b, g);
    if (b->status != ORION_OK) return g;
    orion_ir_value x = IR_RESHAPE(b, ir_operand(n, 0), -1, xt.dims[xt.rank - 1]);
    g = IR_RESHAPE(b, g, -1, gt.dims[gt.rank - 1]);
    orion_ir_value dy =
        transpose_y ? orion_ir_matmul(b, g, x, 1, 0) : orion_ir_matmul(b, x, g, 1, 0);
    return ir_reshape_to(b, dy, y.dims, y.rank);
}

/* With X and Y as they are multiplied: dX = g Y^T and dY = X^T g, each transposed if its operand
 * was. */
static void grad_matmul(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value x = ir_operand(n, 0), y = ir_operand(n, 1), g = ir_grad_of(c, n, 0);
    int tx = n->attrs[IR_ATTR(matmul, transpose_x)].i != 0;
    int ty = n->attrs[IR_ATTR(matmul, transpose_y)].i != 0;
    if (ir_grad_wants(c, n, 0)) {
        ir_grad_add(c, n, 0,
                    tx ? orion_ir_matmul(b, y, g, ty, 1) : orion_ir_matmul(b, g, y, 0, !ty));
    }
    if (!ir_grad_wants(c, n, 1)) return;
    orion_ir_type type = ir_type_of(b, y);
    int64_t matrices = 1;
    for (uint32_t d = 0; d + 2 < type.rank; d++) matrices *= type.dims[d];
    if (matrices == 1 && !tx) {
        ir_grad_add(c, n, 1, grad_of_shared_matrix(b, n, g, ty != 0));
    } else {
        ir_grad_add(c, n, 1,
                    ty ? orion_ir_matmul(b, g, x, 1, tx) : orion_ir_matmul(b, x, g, !tx, 0));
    }
}

/* ---- shape and movement ---- */

static void grad_reshape(ir_grad *c, const orion_ir_node *n) {
    orion_ir_type type = ir_type_of(&c->b, ir_operand(n, 0));
    ir_grad_add(c, n, 0, ir_reshape_to(&c->b, ir_grad_of(c, n, 0), type.dims, type.rank));
}

static void grad_transpose(ir_grad *c, const orion_ir_node *n) {
    const ir_attr *perm = &n->attrs[IR_ATTR(transpose, perm)];
    int64_t inverse[ORION_IR_RANK_MAX] = {0};
    for (size_t i = 0; i < perm->count; i++) inverse[perm->ints[i]] = (int64_t)i;
    ir_grad_add(c, n, 0, orion_ir_transpose(&c->b, ir_grad_of(c, n, 0), inverse, perm->count));
}

/* Dims as [outer, dims[axis], inner]. */
static void around_axis(const orion_ir_type *type, uint32_t axis, int64_t out[3]) {
    out[0] = out[2] = 1;
    out[1] = type->dims[axis];
    for (uint32_t d = 0; d < axis; d++) out[0] *= type->dims[d];
    for (uint32_t d = axis + 1; d < type->rank; d++) out[2] *= type->dims[d];
}

/* `stride - 1` zeros between neighbours along the axis. */
static orion_ir_value dilate(orion_ir_builder *b, orion_ir_value v, uint32_t axis, int64_t stride) {
    orion_ir_type type = ir_type_of(b, v);
    const int64_t none[ORION_IR_RANK_MAX] = {0}, after[4] = {0, 0, stride - 1, 0};
    int64_t m[3];
    around_axis(&type, axis, m);
    v = ir_surround(b, IR_RESHAPE(b, v, m[0], m[1], 1, m[2]), none, after, 4);
    type.dims[axis] *= stride;
    v = ir_reshape_to(b, v, type.dims, type.rank);
    type.dims[axis] -= stride - 1; /* no zeros behind the last */
    return ir_cut_out(b, v, none, type.dims, type.rank);
}

static void grad_slice(ir_grad *c, const orion_ir_node *n) {
    const int64_t *begin = n->attrs[IR_ATTR(slice, begin)].ints;
    const int64_t *stride = n->attrs[IR_ATTR(slice, stride)].ints;
    orion_ir_type x = ir_type_of(&c->b, ir_operand(n, 0));
    orion_ir_type part = ir_type_of(&c->b, ir_first_result(n));
    orion_ir_value g = ir_grad_of(c, n, 0);
    int64_t after[ORION_IR_RANK_MAX] = {0};
    for (uint32_t d = 0; d < x.rank; d++) {
        if (stride[d] != 1 && part.dims[d] != 1) g = dilate(&c->b, g, d, stride[d]);
        after[d] = x.dims[d] - begin[d] - ((part.dims[d] - 1) * stride[d] + 1);
    }
    ir_grad_add(c, n, 0, ir_surround(&c->b, g, begin, after, x.rank));
}

static void grad_concat(ir_grad *c, const orion_ir_node *n) {
    int64_t axis = n->attrs[IR_ATTR(concat, axis)].i, begin[ORION_IR_RANK_MAX] = {0};
    orion_ir_value g = ir_grad_of(c, n, 0);
    for (uint32_t i = 0; i < n->n_in; i++) {
        orion_ir_type part = ir_type_of(&c->b, ir_operand(n, i));
        if (ir_grad_wants(c, n, i)) {
            ir_grad_add(c, n, i, ir_cut_out(&c->b, g, begin, part.dims, part.rank));
        }
        begin[axis] += part.dims[axis];
    }
}

static void grad_split(ir_grad *c, const orion_ir_node *n) {
    const orion_allocator *a = &c->b.graph->arena.allocator;
    orion_ir_attr axis = orion_ir_attr_int("axis", n->attrs[IR_ATTR(split, axis)].i);
    size_t bytes = n->n_out * sizeof(orion_ir_value); /* as many as there are in the graph */
    orion_ir_value *parts = orn_alloc(a, bytes);
    if (parts == NULL) {
        ir_fail(&c->b, ORION_ERROR_NO_MEMORY);
        return;
    }
    for (uint32_t i = 0; i < n->n_out; i++) parts[i] = ir_grad_of(c, n, i);
    ir_grad_add(c, n, 0, orion_ir_build(&c->b, ORION_IR_OP_concat, parts, n->n_out, &axis, 1));
    orn_free(a, parts, bytes);
}

static void grad_pad(ir_grad *c, const orion_ir_node *n) {
    orion_ir_type x = ir_type_of(&c->b, ir_operand(n, 0));
    const int64_t *before = n->attrs[IR_ATTR(pad, before)].ints;
    ir_grad_add(c, n, 0, ir_cut_out(&c->b, ir_grad_of(c, n, 0), before, x.dims, x.rank));
}

/* Sum over the repetitions, one axis after the other. */
static void grad_tile(ir_grad *c, const orion_ir_node *n) {
    const ir_attr *reps = &n->attrs[IR_ATTR(tile, reps)];
    orion_ir_value g = ir_grad_of(c, n, 0);
    orion_ir_type type = ir_type_of(&c->b, g);
    for (uint32_t d = 0; d < reps->count; d++) {
        int64_t r = reps->ints[d], m[3];
        if (r == 1) continue;
        around_axis(&type, d, m);
        g = IR_RESHAPE(&c->b, g, m[0], r, m[1] / r * m[2]);
        g = orion_ir_reduce_sum(&c->b, g, (const int64_t[]){1}, 1, 0);
        type.dims[d] /= r;
    }
    ir_grad_add(c, n, 0, ir_reshape_to(&c->b, g, type.dims, type.rank));
}

static orion_ir_value gather(orion_ir_builder *b, orion_ir_value x, orion_ir_value indices,
                             int64_t axis) {
    orion_ir_value in[] = {x, indices};
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    return orion_ir_build(b, ORION_IR_OP_gather, in, 2, &attr, 1);
}

/* The axes [begin, begin + count) moved to the front. */
static orion_ir_value to_front(orion_ir_builder *b, orion_ir_value x, uint32_t begin,
                               uint32_t count) {
    uint32_t rank = ir_type_of(b, x).rank;
    int64_t perm[ORION_IR_RANK_MAX];
    if (begin == 0 || count == 0) return x;
    for (uint32_t d = 0; d < rank; d++) {
        perm[d] = d < count ? begin + d : d < count + begin ? d - count : d;
    }
    return orion_ir_transpose(b, x, perm, rank);
}

/* scatter_add knows the first axis only; other axes are moved there and back. */
static void grad_gather(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    uint32_t axis = (uint32_t)n->attrs[IR_ATTR(gather, axis)].i;
    orion_ir_value g = ir_grad_of(c, n, 0), indices = ir_operand(n, 1);
    if (axis == 0) {
        ir_grad_scatter(c, n, 0, g, indices);
        return;
    }
    orion_ir_type type = ir_type_of(b, ir_operand(n, 0));
    orion_ir_type front = type;
    memmove(front.dims + 1, type.dims, axis * sizeof *type.dims);
    front.dims[0] = type.dims[axis];
    orion_ir_value zeros = ir_fill(b, front, 0);
    orion_ir_value in[] = {zeros, to_front(b, g, axis, ir_type_of(b, indices).rank), indices};
    orion_ir_value sum = orion_ir_build(b, ORION_IR_OP_scatter_add, in, 3, NULL, 0);
    ir_grad_add(c, n, 0,
                to_front(b, sum, 1, axis)); /* what stood before the axis goes back there */
}

static void grad_scatter_add(ir_grad *c, const orion_ir_node *n) {
    orion_ir_value g = ir_grad_of(c, n, 0);
    ir_grad_add(c, n, 0, g);
    if (ir_grad_wants(c, n, 1)) ir_grad_add(c, n, 1, gather(&c->b, g, ir_operand(n, 2), 0));
}

/* What was overwritten gets nothing; the update gets what was read in its place. */
static void grad_slice_update(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    int64_t axis = n->attrs[IR_ATTR(slice_update, axis)].i;
    orion_ir_value g = ir_grad_of(c, n, 0), begin = ir_operand(n, 2);
    orion_ir_type update = ir_type_of(b, ir_operand(n, 1));
    if (ir_grad_wants(c, n, 0)) {
        ir_grad_add(c, n, 0, orion_ir_slice_update(b, g, ir_fill(b, update, 0), begin, axis));
    }
    if (!ir_grad_wants(c, n, 1)) return;
    orion_ir_value rows = orion_ir_add(b, ir_iota(b, update.dims[axis]), begin);
    ir_grad_add(c, n, 1, gather(b, g, rows, axis));
}

/* ---- the table ---- */

#define UNARY(function)                                                                            \
    { .operands = 1, .unary = function }
#define GENERAL(operands_, function)                                                               \
    { .operands = operands_, .general = function }

/* Ops that are not here end every path: const and all whose results are bools or indices. */
static const ir_grad_rule rules[] = {
    [ORION_IR_OP_add] = GENERAL(3, grad_add),
    [ORION_IR_OP_sub] = GENERAL(3, grad_sub),
    [ORION_IR_OP_mul] = GENERAL(3, grad_mul),
    [ORION_IR_OP_div] = GENERAL(3, grad_div),
    [ORION_IR_OP_max] = GENERAL(3, grad_extremum),
    [ORION_IR_OP_min] = GENERAL(3, grad_extremum),
    [ORION_IR_OP_pow] = GENERAL(3, grad_pow),
    [ORION_IR_OP_select] = GENERAL(6, grad_select),
    [ORION_IR_OP_neg] = UNARY(grad_neg),
    [ORION_IR_OP_abs] = UNARY(grad_abs),
    [ORION_IR_OP_exp] = UNARY(grad_exp),
    [ORION_IR_OP_log] = UNARY(grad_log),
    [ORION_IR_OP_sqrt] = UNARY(grad_sqrt),
    [ORION_IR_OP_rsqrt] = UNARY(grad_rsqrt),
    [ORION_IR_OP_tanh] = UNARY(grad_tanh),
    [ORION_IR_OP_sigmoid] = UNARY(grad_sigmoid),
    [ORION_IR_OP_relu] = UNARY(grad_relu),
    [ORION_IR_OP_erf] = UNARY(grad_erf),
    [ORION_IR_OP_sin] = UNARY(grad_sin),
    [ORION_IR_OP_cos] = UNARY(grad_cos),
    [ORION_IR_OP_floor] = {.operands = 1}, /* steps: refused, for a gradient of 0 would hide it */
    [ORION_IR_OP_round] = {.operands = 1},
    [ORION_IR_OP_identity] = UNARY(grad_identity),
    [ORION_IR_OP_cast] = UNARY(grad_identity),
    [ORION_IR_OP_reduce_sum] = GENERAL(1, grad_reduce_sum),
    [ORION_IR_OP_reduce_mean] = GENERAL(1, grad_reduce_mean),
    [ORION_IR_OP_reduce_max] = GENERAL(1, grad_reduce_extremum),
    [ORION_IR_OP_reduce_min] = GENERAL(1, grad_reduce_extremum),
    [ORION_IR_OP_matmul] = GENERAL(3, grad_matmul),
    [ORION_IR_OP_conv] = GENERAL(7, ir_grad_conv),
    [ORION_IR_OP_conv_transpose] = GENERAL(7, ir_grad_conv),
    [ORION_IR_OP_reshape] = GENERAL(1, grad_reshape),
    [ORION_IR_OP_transpose] = GENERAL(1, grad_transpose),
    [ORION_IR_OP_slice] = GENERAL(1, grad_slice),
    [ORION_IR_OP_concat] = GENERAL(IR_ALL_OPERANDS, grad_concat),
    [ORION_IR_OP_split] = GENERAL(1, grad_split),
    [ORION_IR_OP_pad] = GENERAL(1, grad_pad),
    [ORION_IR_OP_tile] = GENERAL(1, grad_tile),
    [ORION_IR_OP_gather] = GENERAL(1, grad_gather),
    [ORION_IR_OP_scatter_add] = GENERAL(3, grad_scatter_add),
    [ORION_IR_OP_slice_update] = GENERAL(3, grad_slice_update),
};

ir_grad_rule ir_grad_core(uint32_t op) {
    return op < ORN_COUNT(rules) ? rules[op] : (ir_grad_rule){0};
}
