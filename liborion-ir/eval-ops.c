/* SPDX-License-Identifier: MIT */
/*
 * Core ops of the reference interpreter.
 *
 * Almost all of them are one thing: visit the elements of some shape in row-major order while an
 * offset into each buffer moves along with a step per axis. Broadcasting is a step of 0, a
 * transpose is permuted steps, a reduction is an output step of 0, a slice begins at an offset and
 * has longer steps, a concat does so in the output. `walk` is that loop; the ops only set up its
 * steps.
 */
#include "eval-internal.h"

#include <math.h>

enum { WALK_RANK = 2 * ORION_IR_RANK_MAX, WALK_STREAMS = 4 };

typedef struct walk {
    uint32_t rank;
    int64_t dims[WALK_RANK], at[WALK_RANK];
    int64_t step[WALK_STREAMS][WALK_RANK];
    int64_t offset[WALK_STREAMS]; /* of the element now visited, in each stream */
} walk;

/* Go to the next element; false after the last one. */
static bool next(walk *w) {
    for (uint32_t d = w->rank; d-- > 0;) {
        for (int s = 0; s < WALK_STREAMS; s++) w->offset[s] += w->step[s][d];
        if (++w->at[d] < w->dims[d]) return true;
        for (int s = 0; s < WALK_STREAMS; s++) w->offset[s] -= w->step[s][d] * w->dims[d];
        w->at[d] = 0;
    }
    return false;
}

static walk walk_over(const int64_t *dims, uint32_t rank) {
    walk w = {.rank = rank};
    memcpy(w.dims, dims, rank * sizeof *dims);
    return w;
}

static void packed_steps(const int64_t *dims, uint32_t rank, int64_t steps[ORION_IR_RANK_MAX]) {
    int64_t step = 1;
    for (uint32_t d = rank; d-- > 0;) {
        steps[d] = step;
        step *= dims[d];
    }
}

/* Stream s reads a buffer of these dims, broadcast to the walk's first `rank` dims. */
static void broadcast_dims(walk *w, int s, const int64_t *dims, uint32_t rank) {
    int64_t steps[ORION_IR_RANK_MAX];
    packed_steps(dims, rank, steps);
    for (uint32_t d = 0; d < rank; d++) {
        w->step[s][w->rank - rank + d] = dims[d] == 1 ? 0 : steps[d];
    }
}

static void broadcast(walk *w, int s, const orion_ir_type *type) {
    broadcast_dims(w, s, type->dims, type->rank);
}

static int64_t attr_int(const ir_eval *e, int at) {
    return e->node->attrs[at].i;
}

static const int64_t *attr_ints(const ir_eval *e, int at) {
    return e->node->attrs[at].ints;
}

/* ---- elementwise ---- */

static double add(double x, double y) {
    return x + y;
}
static double sub(double x, double y) {
    return x - y;
}
static double mul(double x, double y) {
    return x * y;
}
static double divide(double x, double y) {
    return x / y;
}
/* Unlike fmax and fmin: NaN if either is. */
static double larger(double x, double y) {
    return isnan(x) || x > y ? x : y;
}
static double smaller(double x, double y) {
    return isnan(x) || x < y ? x : y;
}
static double equal(double x, double y) {
    return x == y;
}
static double less(double x, double y) {
    return x < y;
}
static double less_equal(double x, double y) {
    return x <= y;
}
static double logical_and(double x, double y) {
    return x != 0 && y != 0;
}
static double logical_or(double x, double y) {
    return x != 0 || y != 0;
}
static double logical_not(double x) {
    return x == 0;
}
static double neg(double x) {
    return -x;
}
static double rsqrt(double x) {
    return 1 / sqrt(x);
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double relu(double x) {
    return larger(x, 0);
}
static double identity(double x) {
    return x;
}

static void map1(ir_eval *e, double (*f)(double)) {
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    for (int64_t i = 0; i < count; i++) ir_eval_out(e, 0)[i] = f(ir_eval_in(e, 0)[i]);
}

static walk walk_operands(const ir_eval *e) {
    const orion_ir_type *out = ir_eval_out_type(e, 0);
    walk w = walk_over(out->dims, out->rank);
    for (uint32_t i = 0; i < e->node->n_in; i++) broadcast(&w, (int)i, ir_eval_in_type(e, i));
    return w;
}

static void map2(ir_eval *e, double (*f)(double, double)) {
    walk w = walk_operands(e);
    double *out = ir_eval_out(e, 0);
    do {
        *out++ = f(ir_eval_in(e, 0)[w.offset[0]], ir_eval_in(e, 1)[w.offset[1]]);
    } while (next(&w));
}

static orion_status eval_select(ir_eval *e) {
    walk w = walk_operands(e);
    double *out = ir_eval_out(e, 0);
    do {
        size_t chosen = ir_eval_in(e, 0)[w.offset[0]] != 0 ? 1 : 2;
        *out++ = ir_eval_in(e, chosen)[w.offset[chosen]];
    } while (next(&w));
    return ORION_OK;
}

/* To a float nothing happens here: rounding is the mode's business. Integers are the op's meaning.
 */
static orion_status eval_cast(ir_eval *e) {
    orion_ir_dtype dtype = (orion_ir_dtype)attr_int(e, IR_ATTR(cast, dtype));
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    for (int64_t i = 0; i < count; i++) {
        double x = ir_eval_in(e, 0)[i];
        ir_eval_out(e, 0)[i] = ir_is_float((uint32_t)dtype) ? x : ir_round_to(dtype, x);
    }
    return ORION_OK;
}

static orion_status eval_const(ir_eval *e) {
    const orion_ir_type *type = ir_eval_out_type(e, 0);
    size_t count = (size_t)orion_ir_type_elements(type);
    const void *data = orion_ir_node_data(e->node, NULL);
    for (size_t i = 0; i < count; i++) {
        ir_eval_out(e, 0)[i] = ir_load((orion_ir_dtype)type->dtype, data, i);
    }
    return ORION_OK;
}

/* ---- reductions and products ---- */

void ir_eval_reduce(ir_eval *e, double (*f)(double, double), double start) {
    const ir_attr *axes = &e->node->attrs[IR_ATTR(reduce_sum, axes)];
    const orion_ir_type *x = ir_eval_in_type(e, 0);
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    double *out = ir_eval_out(e, 0);
    for (int64_t i = 0; i < count; i++) out[i] = start;
    int64_t kept[ORION_IR_RANK_MAX];
    memcpy(kept, x->dims, sizeof kept);
    for (size_t i = 0; i < axes->count; i++) kept[axes->ints[i]] = 1;
    walk w = walk_over(x->dims, x->rank);
    broadcast_dims(&w, 0, kept, x->rank);
    const double *in = ir_eval_in(e, 0);
    do {
        out[w.offset[0]] = f(out[w.offset[0]], *in++);
    } while (next(&w));
}

static orion_status eval_reduce_sum(ir_eval *e) {
    ir_eval_reduce(e, add, 0);
    return ORION_OK;
}

static orion_status eval_reduce_mean(ir_eval *e) {
    ir_eval_reduce(e, add, 0);
    int64_t all = orion_ir_type_elements(ir_eval_in_type(e, 0));
    int64_t count = orion_ir_type_elements(ir_eval_out_type(e, 0));
    for (int64_t i = 0; i < count; i++) ir_eval_out(e, 0)[i] /= (double)(all / count);
    return ORION_OK;
}

static orion_status eval_reduce_max(ir_eval *e) {
    ir_eval_reduce(e, larger, -(double)INFINITY);
    return ORION_OK;
}

static orion_status eval_reduce_min(ir_eval *e) {
    ir_eval_reduce(e, smaller, (double)INFINITY);
    return ORION_OK;
}

/* Of n numbers `step` apart, the first whose product with `sign` no other exceeds, or the first
 * NaN.
 */
static int64_t first_extreme(const double *x, int64_t n, int64_t step, double sign) {
    int64_t best = 0;
    for (int64_t i = 0; i < n; i++) {
        if (isnan(x[i * step])) return i;
        if (sign * x[i * step] > sign * x[best * step]) best = i;
    }
    return best;
}

static void arg_reduce(ir_eval *e, double sign) {
    ir_eval_lines lines =
        ir_eval_lines_of(ir_eval_in_type(e, 0), attr_int(e, IR_ATTR(reduce_argmax, axis)));
    double *out = ir_eval_out(e, 0);
    for (int64_t o = 0; o < lines.outer; o++) {
        const double *x = ir_eval_in(e, 0) + o * lines.n * lines.inner;
        for (int64_t p = 0; p < lines.inner; p++) {
            *out++ = (double)first_extreme(x + p, lines.n, lines.inner, sign);
        }
    }
}

static orion_status eval_reduce_argmax(ir_eval *e) {
    arg_reduce(e, 1);
    return ORION_OK;
}

static orion_status eval_reduce_argmin(ir_eval *e) {
    arg_reduce(e, -1);
    return ORION_OK;
}

static orion_status eval_matmul(ir_eval *e) {
    bool tx = attr_int(e, IR_ATTR(matmul, transpose_x)) != 0;
    bool ty = attr_int(e, IR_ATTR(matmul, transpose_y)) != 0;
    const orion_ir_type *x = ir_eval_in_type(e, 0), *y = ir_eval_in_type(e, 1);
    const orion_ir_type *out = ir_eval_out_type(e, 0);
    const int64_t *mx = x->dims + x->rank - 2, *my = y->dims + y->rank - 2;
    ir_eval_product p = {.out = ir_eval_out(e, 0),
                         .m = out->dims[out->rank - 2],
                         .n = out->dims[out->rank - 1],
                         .k = mx[tx ? 0 : 1],
                         .x_row = tx ? 1 : mx[1],
                         .x_step = tx ? mx[1] : 1,
                         .y_row = ty ? my[1] : 1,
                         .y_step = ty ? 1 : my[1]};
    walk w = walk_over(out->dims, out->rank - 2); /* over the matrices */
    broadcast_dims(&w, 0, x->dims, x->rank - 2);
    broadcast_dims(&w, 1, y->dims, y->rank - 2);
    do {
        p.x = ir_eval_in(e, 0) + w.offset[0] * mx[0] * mx[1];
        p.y = ir_eval_in(e, 1) + w.offset[1] * my[0] * my[1];
        ir_eval_multiply(&p);
        p.out += p.m * p.n;
    } while (next(&w));
    return ORION_OK;
}

/* ---- shape and movement ---- */

static orion_status eval_reshape(ir_eval *e) {
    map1(e, identity);
    return ORION_OK;
}

static orion_status eval_transpose(ir_eval *e) {
    const int64_t *perm = attr_ints(e, IR_ATTR(transpose, perm));
    const orion_ir_type *x = ir_eval_in_type(e, 0), *out = ir_eval_out_type(e, 0);
    int64_t steps[ORION_IR_RANK_MAX];
    packed_steps(x->dims, x->rank, steps);
    walk w = walk_over(out->dims, out->rank);
    for (uint32_t d = 0; d < out->rank; d++) w.step[0][d] = steps[perm[d]];
    double *to = ir_eval_out(e, 0);
    do {
        *to++ = ir_eval_in(e, 0)[w.offset[0]];
    } while (next(&w));
    return ORION_OK;
}

/*
 * Copy between a box of shape `dims` packed in `part` and its place in a whole of type `whole`,
 * which begins at begin[] and has stride[] (NULL: all 1) along each axis.
 */
typedef struct box {
    const orion_ir_type *whole;
    const int64_t *dims, *begin, *stride;
} box;

static walk walk_box(const box *b) {
    int64_t steps[ORION_IR_RANK_MAX];
    packed_steps(b->whole->dims, b->whole->rank, steps);
    walk w = walk_over(b->dims, b->whole->rank);
    for (uint32_t d = 0; d < w.rank; d++) {
        w.step[0][d] = steps[d] * (b->stride == NULL ? 1 : b->stride[d]);
        w.offset[0] += steps[d] * b->begin[d];
    }
    return w;
}

static void copy_out_of(const box *b, const double *whole, double *part) {
    walk w = walk_box(b);
    do {
        *part++ = whole[w.offset[0]];
    } while (next(&w));
}

static void copy_into(const box *b, double *whole, const double *part) {
    walk w = walk_box(b);
    do {
        whole[w.offset[0]] = *part++;
    } while (next(&w));
}

static orion_status eval_slice(ir_eval *e) {
    box b = {ir_eval_in_type(e, 0), ir_eval_out_type(e, 0)->dims,
             attr_ints(e, IR_ATTR(slice, begin)), attr_ints(e, IR_ATTR(slice, stride))};
    copy_out_of(&b, ir_eval_in(e, 0), ir_eval_out(e, 0));
    return ORION_OK;
}

static orion_status eval_concat(ir_eval *e) {
    int64_t begin[ORION_IR_RANK_MAX] = {0}, axis = attr_int(e, IR_ATTR(concat, axis));
    for (uint32_t i = 0; i < e->node->n_in; i++) {
        box b = {ir_eval_out_type(e, 0), ir_eval_in_type(e, i)->dims, begin, NULL};
        copy_into(&b, ir_eval_out(e, 0), ir_eval_in(e, i));
        begin[axis] += ir_eval_in_type(e, i)->dims[axis];
    }
    return ORION_OK;
}

static orion_status eval_split(ir_eval *e) {
    int64_t begin[ORION_IR_RANK_MAX] = {0}, axis = attr_int(e, IR_ATTR(split, axis));
    for (uint32_t i = 0; i < e->node->n_out; i++) {
        box b = {ir_eval_in_type(e, 0), ir_eval_out_type(e, i)->dims, begin, NULL};
        copy_out_of(&b, ir_eval_in(e, 0), ir_eval_out(e, i));
        begin[axis] += ir_eval_out_type(e, i)->dims[axis];
    }
    return ORION_OK;
}

static orion_status eval_pad(ir_eval *e) {
    const orion_ir_type *out = ir_eval_out_type(e, 0);
    int64_t count = orion_ir_type_elements(out);
    for (int64_t i = 0; i < count; i++) {
        ir_eval_out(e, 0)[i] = e->node->attrs[IR_ATTR(pad, value)].f;
    }
    box b = {out, ir_eval_in_type(e, 0)->dims, attr_ints(e, IR_ATTR(pad, before)), NULL};
    copy_into(&b, ir_eval_out(e, 0), ir_eval_in(e, 0));
    return ORION_OK;
}

/* Every axis becomes two: the repetition, which does not move in x, and the axis itself. */
static orion_status eval_tile(ir_eval *e) {
    const int64_t *reps = attr_ints(e, IR_ATTR(tile, reps));
    const orion_ir_type *x = ir_eval_in_type(e, 0);
    int64_t steps[ORION_IR_RANK_MAX];
    packed_steps(x->dims, x->rank, steps);
    walk w = {.rank = 2 * x->rank};
    for (uint32_t d = 0; d < x->rank; d++) {
        w.dims[2 * d] = reps[d];
        w.dims[2 * d + 1] = x->dims[d];
        w.step[0][2 * d + 1] = steps[d];
    }
    double *out = ir_eval_out(e, 0);
    do {
        *out++ = ir_eval_in(e, 0)[w.offset[0]];
    } while (next(&w));
    return ORION_OK;
}

static orion_status eval_gather(ir_eval *e) {
    ir_eval_lines x = ir_eval_lines_of(ir_eval_in_type(e, 0), attr_int(e, IR_ATTR(gather, axis)));
    int64_t count = orion_ir_type_elements(ir_eval_in_type(e, 1));
    double *out = ir_eval_out(e, 0);
    for (int64_t o = 0; o < x.outer; o++) {
        for (int64_t i = 0; i < count; i++) {
            int64_t row;
            TRY(ir_eval_index(e, 1, i, 0, x.n, &row));
            const double *from = ir_eval_in(e, 0) + (o * x.n + row) * x.inner;
            for (int64_t p = 0; p < x.inner; p++) *out++ = from[p];
        }
    }
    return ORION_OK;
}

static orion_status eval_scatter_add(ir_eval *e) {
    map1(e, identity);
    ir_eval_lines x = ir_eval_lines_of(ir_eval_in_type(e, 0), 0);
    int64_t count = orion_ir_type_elements(ir_eval_in_type(e, 2));
    const double *update = ir_eval_in(e, 1);
    for (int64_t i = 0; i < count; i++) {
        int64_t row;
        TRY(ir_eval_index(e, 2, i, 0, x.n, &row));
        double *to = ir_eval_out(e, 0) + row * x.inner;
        for (int64_t p = 0; p < x.inner; p++) to[p] += *update++;
    }
    return ORION_OK;
}

static orion_status eval_slice_update(ir_eval *e) {
    const orion_ir_type *x = ir_eval_in_type(e, 0), *update = ir_eval_in_type(e, 1);
    int64_t begin[ORION_IR_RANK_MAX] = {0}, axis = attr_int(e, IR_ATTR(slice_update, axis));
    TRY(ir_eval_index(e, 2, 0, 0, x->dims[axis] - update->dims[axis] + 1, &begin[axis]));
    map1(e, identity);
    box b = {x, update->dims, begin, NULL};
    copy_into(&b, ir_eval_out(e, 0), ir_eval_in(e, 1));
    return ORION_OK;
}

/* ---- all core ops ---- */

/* One of the three. */
static const struct kernel {
    double (*one)(double);
    double (*two)(double, double);
    orion_status (*node)(ir_eval *e);
} kernels[] = {
    [ORION_IR_OP_const] = {.node = eval_const},
    [ORION_IR_OP_add] = {.two = add},
    [ORION_IR_OP_sub] = {.two = sub},
    [ORION_IR_OP_mul] = {.two = mul},
    [ORION_IR_OP_div] = {.two = divide},
    [ORION_IR_OP_max] = {.two = larger},
    [ORION_IR_OP_min] = {.two = smaller},
    [ORION_IR_OP_pow] = {.two = pow},
    [ORION_IR_OP_equal] = {.two = equal},
    [ORION_IR_OP_less] = {.two = less},
    [ORION_IR_OP_less_equal] = {.two = less_equal},
    [ORION_IR_OP_logical_and] = {.two = logical_and},
    [ORION_IR_OP_logical_or] = {.two = logical_or},
    [ORION_IR_OP_select] = {.node = eval_select},
    [ORION_IR_OP_neg] = {.one = neg},
    [ORION_IR_OP_abs] = {.one = fabs},
    [ORION_IR_OP_exp] = {.one = exp},
    [ORION_IR_OP_log] = {.one = log},
    [ORION_IR_OP_sqrt] = {.one = sqrt},
    [ORION_IR_OP_rsqrt] = {.one = rsqrt},
    [ORION_IR_OP_tanh] = {.one = tanh},
    [ORION_IR_OP_sigmoid] = {.one = sigmoid},
    [ORION_IR_OP_relu] = {.one = relu},
    [ORION_IR_OP_erf] = {.one = erf},
    [ORION_IR_OP_sin] = {.one = sin},
    [ORION_IR_OP_cos] = {.one = cos},
    [ORION_IR_OP_floor] = {.one = floor},
    [ORION_IR_OP_round] = {.one = nearbyint},
    [ORION_IR_OP_identity] = {.one = identity},
    [ORION_IR_OP_logical_not] = {.one = logical_not},
    [ORION_IR_OP_cast] = {.node = eval_cast},
    [ORION_IR_OP_reduce_sum] = {.node = eval_reduce_sum},
    [ORION_IR_OP_reduce_mean] = {.node = eval_reduce_mean},
    [ORION_IR_OP_reduce_max] = {.node = eval_reduce_max},
    [ORION_IR_OP_reduce_min] = {.node = eval_reduce_min},
    [ORION_IR_OP_reduce_argmax] = {.node = eval_reduce_argmax},
    [ORION_IR_OP_reduce_argmin] = {.node = eval_reduce_argmin},
    [ORION_IR_OP_matmul] = {.node = eval_matmul},
    [ORION_IR_OP_conv] = {.node = ir_eval_conv},
    [ORION_IR_OP_conv_transpose] = {.node = ir_eval_conv},
    [ORION_IR_OP_reshape] = {.node = eval_reshape},
    [ORION_IR_OP_transpose] = {.node = eval_transpose},
    [ORION_IR_OP_slice] = {.node = eval_slice},
    [ORION_IR_OP_concat] = {.node = eval_concat},
    [ORION_IR_OP_split] = {.node = eval_split},
    [ORION_IR_OP_pad] = {.node = eval_pad},
    [ORION_IR_OP_tile] = {.node = eval_tile},
    [ORION_IR_OP_gather] = {.node = eval_gather},
    [ORION_IR_OP_scatter_add] = {.node = eval_scatter_add},
    [ORION_IR_OP_slice_update] = {.node = eval_slice_update},
};

orion_status ir_eval_core(ir_eval *e) {
    const struct kernel *k = &kernels[e->node->op];
    if (k->node != NULL) return k->node(e);
    if (k->one != NULL) map1(e, k->one);
    if (k->two != NULL) map2(e, k->two);
    return ORION_OK;
}
