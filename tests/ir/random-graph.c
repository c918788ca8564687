/* SPDX-License-Identifier: MIT */
/*
 * A pool of values grows op by op. For each shape rule of the op table there is a maker, which
 * draws operands that fit from the pool, or makes inputs and constants where none does.
 */
#include "random-graph.h"

#include "graphs.h"

#include <math.h>

enum { POOL_MAX = 64, ELEMENTS_MAX = 96 }; /* op_buffers hold 64 outputs */

typedef struct maker {
    orion_ir_builder *b;
    uint64_t state;
    unsigned flags;
    orion_ir_value pool[POOL_MAX];
    size_t count, inputs;
    int64_t below[RANDOM_INPUTS_MAX];
    orion_ir_op op; /* the one to make */
} maker;

/* ---- drawing ---- */

static size_t draw(maker *m, size_t n) {
    return (size_t)(test_random(&m->state) % n);
}

static bool coin(maker *m) {
    return draw(m, 2) == 0;
}

static bool tame(const maker *m) {
    return (m->flags & RANDOM_TAME) != 0;
}

static orion_ir_type type_of(const maker *m, orion_ir_value v) {
    return orion_ir_builder_type(m->b, v);
}

static orion_ir_type type_like(orion_ir_type like, uint32_t rank, const int64_t *dims) {
    return orion_ir_type_make((orion_ir_dtype)like.dtype, rank, dims);
}

static orion_ir_dtype draw_float(maker *m) {
    static const orion_ir_dtype floats[] = {ORION_IR_F32, ORION_IR_F32, ORION_IR_F16,
                                            ORION_IR_BF16};
    return tame(m) ? ORION_IR_F32 : floats[draw(m, ORN_COUNT(floats))];
}

static orion_ir_dtype draw_dtype(maker *m) {
    return tame(m) || coin(m) ? draw_float(m) : (orion_ir_dtype)(1 + draw(m, ORION_IR_BOOL));
}

static orion_ir_type draw_type(maker *m, orion_ir_dtype dtype, uint32_t least_rank) {
    int64_t dims[ORION_IR_RANK_MAX];
    uint32_t rank = least_rank + (uint32_t)draw(m, 4 - least_rank);
    for (uint32_t i = 0; i < rank; i++) dims[i] = 1 + (int64_t)draw(m, 4);
    return orion_ir_type_make(dtype, rank, dims);
}

/* ---- values ---- */

static void keep(maker *m, orion_ir_value v) {
    orion_ir_type type = type_of(m, v);
    if (v.id == 0 || orion_ir_type_elements(&type) > ELEMENTS_MAX) return;
    m->pool[m->count < POOL_MAX ? m->count++ : draw(m, POOL_MAX)] = v;
}

static double draw_number(maker *m, orion_ir_dtype dtype) {
    static const double special[] = {0, -0.0, 1, -1, 70000};
    if (dtype == ORION_IR_BOOL) return (double)draw(m, 2);
    if (!tame(m) && draw(m, 4) == 0) return special[draw(m, ORN_COUNT(special))];
    if (ir_is_float((uint32_t)dtype)) return test_random_unit(&m->state);
    if (dtype == ORION_IR_I32 || dtype == ORION_IR_I8) return (double)draw(m, 9) - 4;
    return (double)draw(m, 9);
}

/* A constant; with `below`, of whole numbers from 0..below-1. */
static orion_ir_value constant(maker *m, orion_ir_type type, int64_t below) {
    unsigned char data[ELEMENTS_MAX * 64];
    size_t n = (size_t)orion_ir_type_elements(&type), bytes = orion_ir_type_bytes(&type);
    bool splat = coin(m);
    assert_true(bytes <= sizeof data);
    for (size_t i = 0; i < n; i++) {
        double v = below != 0 ? (double)draw(m, (size_t)below)
                              : draw_number(m, (orion_ir_dtype)type.dtype);
        ir_store((orion_ir_dtype)type.dtype, data, i, v);
    }
    if (splat) ir_repeat(data, orion_ir_dtype_bytes((orion_ir_dtype)type.dtype), bytes);
    return orion_ir_constant(m->b, type, data, bytes);
}

/* A constant or, while there are few, an input. */
static orion_ir_value fresh(maker *m, orion_ir_type type, int64_t below) {
    char name[16];
    if (m->inputs == RANDOM_INPUTS_MAX || draw(m, 3) == 0) return constant(m, type, below);
    snprintf(name, sizeof name, "in%zu", m->inputs);
    m->below[m->inputs++] = below;
    return orion_ir_input(m->b, name, type);
}

static orion_ir_value fresh_indices(maker *m, uint32_t rank, const int64_t *dims, int64_t below) {
    return fresh(m, orion_ir_type_make(ORION_IR_I32, rank, dims), below);
}

/* A value of just this type. */
static orion_ir_value value_of(maker *m, orion_ir_type type) {
    for (int i = 0; i < 12 && m->count != 0; i++) {
        orion_ir_value v = m->pool[draw(m, m->count)];
        orion_ir_type have = type_of(m, v);
        if (orion_ir_type_equal(&have, &type)) return v;
    }
    orion_ir_value v = fresh(m, type, 0);
    keep(m, v);
    return v;
}

typedef bool dtype_test(uint32_t dtype);
static bool any_dtype(uint32_t dtype) {
    return dtype != 0;
}
static bool number_dtype(uint32_t dtype) {
    return dtype != ORION_IR_BOOL;
}
static bool signed_dtype(uint32_t dtype) {
    return ir_is_float(dtype) || dtype == ORION_IR_I32 || dtype == ORION_IR_I8;
}

/* A value whose dtype passes the test, of at least that rank. */
static orion_ir_value value_with(maker *m, dtype_test *test, uint32_t least_rank) {
    for (int i = 0; i < 12 && m->count != 0; i++) {
        orion_ir_value v = m->pool[draw(m, m->count)];
        orion_ir_type have = type_of(m, v);
        if (test(have.dtype) && have.rank >= least_rank) return v;
    }
    orion_ir_dtype dtype = draw_dtype(m);
    if (!test((uint32_t)dtype)) dtype = ORION_IR_F32;
    orion_ir_value v = fresh(m, draw_type(m, dtype, least_rank), 0);
    keep(m, v);
    return v;
}

static orion_ir_value float_value(maker *m, uint32_t least_rank) {
    return value_with(m, ir_is_float, least_rank);
}

/* A value that broadcasts against `type`: leading dims dropped, others made 1. */
static orion_ir_value value_beside(maker *m, orion_ir_type type) {
    uint32_t drop = (uint32_t)draw(m, type.rank + 1);
    int64_t dims[ORION_IR_RANK_MAX];
    if (coin(m)) return value_of(m, type);
    for (uint32_t i = drop; i < type.rank; i++) dims[i - drop] = coin(m) ? 1 : type.dims[i];
    return value_of(m, type_like(type, type.rank - drop, dims));
}

static orion_ir_value vector_like(maker *m, orion_ir_type type, int64_t n) {
    return value_of(m, type_like(type, 1, &n));
}

/* ---- emitting ---- */

static orion_ir_value emit(maker *m, const orion_ir_value *in, size_t n_in,
                           const orion_ir_attr *attrs, size_t n_attrs) {
    return orion_ir_build(m->b, m->op, in, n_in, attrs, n_attrs);
}

static orion_ir_value emit_plain(maker *m, const orion_ir_value *in, size_t n_in) {
    return emit(m, in, n_in, NULL, 0);
}

static int64_t some_axis(maker *m, orion_ir_type type) {
    int64_t axis = (int64_t)draw(m, type.rank);
    return coin(m) ? axis : axis - type.rank; /* the same axis, counted from the end */
}

/* One maker per rule; each returns the first result. */

static orion_ir_value make_const(maker *m) {
    return constant(m, draw_type(m, draw_dtype(m), 0), 0);
}

static orion_ir_value make_pair(maker *m, orion_ir_value x) {
    orion_ir_value in[2] = {x, value_beside(m, type_of(m, x))};
    if (coin(m)) {
        in[0] = in[1];
        in[1] = x;
    }
    return emit_plain(m, in, 2);
}

static orion_ir_value make_binary(maker *m) {
    return make_pair(m, value_with(m, number_dtype, 0));
}

static orion_ir_value make_binary_float(maker *m) {
    return make_pair(m, float_value(m, 0));
}

static orion_ir_value make_compare(maker *m) {
    return make_pair(m, value_with(m, any_dtype, 0));
}

static orion_ir_value make_logical(maker *m) {
    orion_ir_value x = value_of(m, draw_type(m, ORION_IR_BOOL, 0));
    return m->op == ORION_IR_OP_logical_not ? emit_plain(m, &x, 1) : make_pair(m, x);
}

static orion_ir_value make_clip(maker *m) {
    double low = coin(m) ? -0.5 : -(double)INFINITY, high = coin(m) ? 0.75 : (double)INFINITY;
    return orion_ir_clip(m->b, float_value(m, 0), low, high);
}

static orion_ir_value make_select(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    orion_ir_type type = type_of(m, x), truth = type;
    truth.dtype = ORION_IR_BOOL;
    orion_ir_value in[3] = {value_beside(m, truth), x, value_beside(m, type)};
    return emit_plain(m, in, 3);
}

static orion_ir_value make_unary(maker *m) {
    orion_ir_value x = value_with(m, signed_dtype, 0);
    return emit_plain(m, &x, 1);
}

static orion_ir_value make_unary_float(maker *m) {
    orion_ir_value x = float_value(m, 0);
    orion_ir_attr approximate = orion_ir_attr_int("tanh_approximation", coin(m));
    return emit(m, &x, 1, &approximate, m->op == ORION_IR_OP_gelu);
}

static orion_ir_value make_cast(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    return orion_ir_cast(m->b, x, tame(m) ? ORION_IR_F32 : draw_dtype(m));
}

static orion_ir_value reduce(maker *m, orion_ir_value x) {
    orion_ir_type type = type_of(m, x);
    int64_t axes[ORION_IR_RANK_MAX];
    size_t n = 0;
    for (uint32_t i = 0; i < type.rank; i++) {
        if (coin(m)) axes[n++] = coin(m) ? (int64_t)i : (int64_t)i - type.rank;
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("axes", axes, n),
                             orion_ir_attr_int("keep_dims", coin(m))};
    return emit(m, &x, 1, attrs, 2);
}

static orion_ir_value make_reduce(maker *m) {
    return reduce(m, value_with(m, number_dtype, 0));
}

static orion_ir_value make_reduce_float(maker *m) {
    return reduce(m, float_value(m, 0));
}

static orion_ir_value make_arg(maker *m) {
    orion_ir_value x = value_with(m, number_dtype, 1);
    orion_ir_attr attrs[] = {orion_ir_attr_int("axis", some_axis(m, type_of(m, x))),
                             orion_ir_attr_int("keep_dims", coin(m))};
    return emit(m, &x, 1, attrs, 2);
}

static orion_ir_value make_matmul(maker *m) {
    orion_ir_value x = float_value(m, 2);
    orion_ir_type type = type_of(m, x);
    int tx = coin(m), ty = coin(m);
    int64_t k = type.dims[type.rank - (tx ? 2 : 1)], n = 1 + (int64_t)draw(m, 3);
    orion_ir_type other = type;
    other.dims[type.rank - 2] = ty ? n : k;
    other.dims[type.rank - 1] = ty ? k : n;
    uint32_t drop = (uint32_t)draw(m, type.rank - 1);
    orion_ir_value y = value_of(m, type_like(other, other.rank - drop, other.dims + drop));
    return orion_ir_matmul(m->b, x, y, tx, ty);
}

/* A weight, sometimes a bias, and attributes that leave something of x, [N, C, s..]. */
static orion_ir_value convolve(maker *m, bool transposed) {
    orion_ir_type x = draw_type(m, draw_float(m), 3), w = x;
    int64_t lists[4][2], groups = coin(m) ? 1 : x.dims[1], channels = 1 + (int64_t)draw(m, 2);
    uint32_t axes = x.rank - 2;
    w.dims[0] = transposed ? x.dims[1] : channels * groups;
    w.dims[1] = transposed ? channels : x.dims[1] / groups;
    for (uint32_t i = 0; i < axes; i++) {
        w.dims[i + 2] = 1 + (int64_t)draw(m, (size_t)x.dims[i + 2]);
        lists[0][i] = 1 + (int64_t)draw(m, 3);
        lists[1][i] = transposed ? 0 : (int64_t)draw(m, 2);
        lists[2][i] = transposed ? 0 : (int64_t)draw(m, 3);
        lists[3][i] = w.dims[i + 2] == 1 || transposed ? 1 + (int64_t)draw(m, 2) : 1;
    }
    orion_ir_attr attrs[] = {
        orion_ir_attr_ints("stride", lists[0], axes), orion_ir_attr_ints("before", lists[1], axes),
        orion_ir_attr_ints("after", lists[2], axes), orion_ir_attr_ints("dilation", lists[3], axes),
        orion_ir_attr_int("groups", groups)};
    orion_ir_value in[] = {value_of(m, x), value_of(m, w),
                           vector_like(m, x, transposed ? channels * groups : w.dims[0])};
    return emit(m, in, coin(m) ? 3 : 2, attrs, ORN_COUNT(attrs));
}

static orion_ir_value make_conv(maker *m) {
    return convolve(m, false);
}

static orion_ir_value make_conv_transpose(maker *m) {
    return convolve(m, true);
}

static orion_ir_value make_pool(maker *m) {
    orion_ir_value x = value_of(m, draw_type(m, draw_float(m), 3));
    orion_ir_type type = type_of(m, x);
    int64_t lists[4][2];
    for (uint32_t i = 0; i + 2 < type.rank; i++) {
        lists[0][i] = 1 + (int64_t)draw(m, (size_t)type.dims[i + 2]);
        lists[1][i] = 1 + (int64_t)draw(m, 3);
        lists[2][i] = (int64_t)draw(m, (size_t)lists[0][i]);
        lists[3][i] = (int64_t)draw(m, (size_t)lists[0][i]);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("window", lists[0], type.rank - 2),
                             orion_ir_attr_ints("stride", lists[1], type.rank - 2),
                             orion_ir_attr_ints("before", lists[2], type.rank - 2),
                             orion_ir_attr_ints("after", lists[3], type.rank - 2),
                             orion_ir_attr_int("exclude_padding", coin(m))};
    return emit(m, &x, 1, attrs, m->op == ORION_IR_OP_avg_pool ? 5 : 4);
}

static orion_ir_value make_lstm(maker *m) {
    int64_t h = 1 + (int64_t)draw(m, 2),
            x[] = {1 + (int64_t)draw(m, 3), 1 + (int64_t)draw(m, 2), 1 + (int64_t)draw(m, 3)};
    int64_t state[] = {x[1], h}, ih[] = {4 * h, x[2]}, hh[] = {4 * h, h};
    orion_ir_dtype dtype = draw_float(m);
    orion_ir_value in[6] = {value_of(m, orion_ir_type_make(dtype, 3, x)),
                            value_of(m, orion_ir_type_make(dtype, 2, state)),
                            value_of(m, orion_ir_type_make(dtype, 2, state)),
                            value_of(m, orion_ir_type_make(dtype, 2, ih)),
                            value_of(m, orion_ir_type_make(dtype, 2, hh)),
                            value_of(m, orion_ir_type_make(dtype, 1, ih))};
    orion_ir_attr attr = orion_ir_attr_int("reverse", coin(m));
    return emit(m, in, 5 + draw(m, 2), &attr, 1);
}

/* A number, or one for each of equal blocks of x. */
static orion_ir_value value_of_blocks(maker *m, orion_ir_type x, uint32_t dtype) {
    x.dtype = dtype;
    for (uint32_t d = 0; d < x.rank; d++) {
        if (x.dims[d] % 2 == 0 && coin(m)) x.dims[d] /= 2;
        if (coin(m)) x.dims[d] = 1;
    }
    return value_of(m, coin(m) ? x : type_like(x, 0, NULL));
}

static orion_ir_value make_quantize(maker *m) {
    static const orion_ir_dtype dtypes[] = {ORION_IR_I8, ORION_IR_U8, ORION_IR_U16, ORION_IR_I32};
    orion_ir_value in[3] = {float_value(m, 0)};
    orion_ir_type x = type_of(m, in[0]);
    orion_ir_dtype dtype = dtypes[draw(m, 4)];
    in[1] = value_of_blocks(m, x, x.dtype);
    in[2] = value_of_blocks(m, x, (uint32_t)dtype);
    orion_ir_attr attr = orion_ir_attr_int("dtype", (int64_t)dtype);
    return emit(m, in, 2 + draw(m, 2), &attr, 1);
}

static bool integer_dtype(uint32_t dtype) {
    return dtype != ORION_IR_BOOL && !ir_is_float(dtype) && dtype != 0;
}

static orion_ir_value make_dequantize(maker *m) {
    orion_ir_value in[3] = {value_with(m, integer_dtype, 0)};
    orion_ir_type x = type_of(m, in[0]);
    if (!integer_dtype(x.dtype)) {
        x.dtype = ORION_IR_I8;
        in[0] = value_of(m, x);
    }
    uint32_t dtype = (uint32_t)draw_float(m);
    in[1] = value_of_blocks(m, x, dtype);
    in[2] = value_of_blocks(m, x, coin(m) ? dtype : x.dtype);
    return emit(m, in, 2 + draw(m, 2), NULL, 0);
}

static orion_ir_value make_reshape(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    orion_ir_type type = type_of(m, x);
    int64_t shape[ORION_IR_RANK_MAX], left = orion_ir_type_elements(&type);
    size_t rank = 0;
    while (left > 1 && rank < 4) {
        int64_t factor = 2 + (int64_t)draw(m, 3);
        if (left % factor != 0) factor = left;
        shape[rank++] = factor;
        left /= factor;
    }
    if (left > 1) shape[rank - 1] *= left;
    if (rank < 4 && coin(m)) shape[rank++] = 1;
    if (rank != 0 && coin(m)) shape[draw(m, rank)] = -1;
    return orion_ir_reshape(m->b, x, shape, rank);
}

static orion_ir_value make_transpose(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    uint32_t rank = type_of(m, x).rank;
    int64_t perm[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < rank; i++) {
        size_t j = draw(m, i + 1);
        perm[i] = perm[j];
        perm[j] = (int64_t)i;
    }
    return orion_ir_transpose(m->b, x, perm, rank);
}

static orion_ir_value make_slice(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 1);
    orion_ir_type type = type_of(m, x);
    int64_t begin[ORION_IR_RANK_MAX], end[ORION_IR_RANK_MAX], stride[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) {
        begin[i] = coin(m) ? 0 : (int64_t)draw(m, (size_t)type.dims[i]);
        end[i] = coin(m) ? type.dims[i]
                         : begin[i] + 1 + (int64_t)draw(m, (size_t)(type.dims[i] - begin[i]));
        stride[i] = coin(m) ? 1 : 1 + (int64_t)draw(m, 3);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", begin, type.rank),
                             orion_ir_attr_ints("end", end, type.rank),
                             orion_ir_attr_ints("stride", stride, type.rank)};
    return emit(m, &x, 1, attrs, 3);
}

static orion_ir_value make_concat(maker *m) {
    orion_ir_value in[3] = {value_with(m, any_dtype, 1)};
    orion_ir_type type = type_of(m, in[0]);
    int64_t axis = some_axis(m, type);
    size_t n = 1 + draw(m, 3);
    for (size_t i = 1; i < n; i++) {
        orion_ir_type part = type;
        part.dims[axis < 0 ? axis + type.rank : axis] = 1 + (int64_t)draw(m, 3);
        in[i] = value_of(m, part);
    }
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    return emit(m, in, n, &attr, 1);
}

static orion_ir_value make_split(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 1);
    orion_ir_type type = type_of(m, x);
    int64_t axis = some_axis(m, type), sizes[ELEMENTS_MAX];
    int64_t left = type.dims[axis < 0 ? axis + type.rank : axis];
    size_t n = 0;
    while (left > 0) {
        sizes[n] = coin(m) ? left : 1 + (int64_t)draw(m, (size_t)left);
        left -= sizes[n++];
    }
    orion_ir_attr attrs[] = {orion_ir_attr_int("axis", axis),
                             orion_ir_attr_ints("sizes", sizes, n)};
    orion_ir_value first = emit(m, &x, 1, attrs, 2);
    for (size_t i = 1; i < n; i++) keep(m, orion_ir_result(m->b, first, i));
    return first;
}

static orion_ir_value make_pad(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    orion_ir_type type = type_of(m, x);
    int64_t before[ORION_IR_RANK_MAX], after[ORION_IR_RANK_MAX];
    bool none = draw(m, 4) == 0;
    for (uint32_t i = 0; i < type.rank; i++) {
        before[i] = none ? 0 : (int64_t)draw(m, 2);
        after[i] = none ? 0 : (int64_t)draw(m, 2);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", before, type.rank),
                             orion_ir_attr_ints("after", after, type.rank),
                             orion_ir_attr_float("value", coin(m) ? 0 : 1)};
    return emit(m, &x, 1, attrs, 3);
}

static orion_ir_value make_tile(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 0);
    int64_t reps[ORION_IR_RANK_MAX];
    bool once = draw(m, 4) == 0;
    for (uint32_t i = 0; i < type_of(m, x).rank; i++) reps[i] = once || coin(m) ? 1 : 2;
    orion_ir_attr attr = orion_ir_attr_ints("reps", reps, type_of(m, x).rank);
    return emit(m, &x, 1, &attr, 1);
}

static orion_ir_value make_gather(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 1);
    orion_ir_type type = type_of(m, x);
    int64_t axis = some_axis(m, type), dims[] = {2, 3};
    int64_t limit = type.dims[axis < 0 ? axis + type.rank : axis];
    orion_ir_value in[2] = {x, fresh_indices(m, (uint32_t)draw(m, 3), dims, limit)};
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    return emit(m, in, 2, &attr, 1);
}

static orion_ir_value make_scatter_add(maker *m) {
    orion_ir_value x = value_with(m, number_dtype, 1);
    orion_ir_type type = type_of(m, x), updates = type;
    updates.dims[0] = 1 + (int64_t)draw(m, 4);
    orion_ir_value in[3] = {x, value_of(m, updates),
                            fresh_indices(m, 1, updates.dims, type.dims[0])};
    return emit_plain(m, in, 3);
}

static orion_ir_value make_slice_update(maker *m) {
    orion_ir_value x = value_with(m, any_dtype, 1);
    orion_ir_type type = type_of(m, x), update = type;
    int64_t axis = some_axis(m, type), one = 1;
    uint32_t d = (uint32_t)(axis < 0 ? axis + type.rank : axis);
    update.dims[d] = 1 + (int64_t)draw(m, (size_t)type.dims[d]);
    orion_ir_value begin = fresh_indices(m, 1, &one, type.dims[d] - update.dims[d] + 1);
    return orion_ir_slice_update(m->b, x, value_of(m, update), begin, axis);
}

static orion_ir_value make_axis_float(maker *m) {
    orion_ir_value x = float_value(m, 1);
    orion_ir_attr attr = orion_ir_attr_int("axis", some_axis(m, type_of(m, x)));
    return emit(m, &x, 1, &attr, 1);
}

static orion_ir_value make_linear(maker *m) {
    orion_ir_value x = float_value(m, 1);
    orion_ir_type type = type_of(m, x);
    int64_t dims[] = {1 + (int64_t)draw(m, 4), type.dims[type.rank - 1]};
    orion_ir_value in[3] = {x, value_of(m, type_like(type, 2, dims)),
                            vector_like(m, type, dims[0])};
    return emit_plain(m, in, 2 + draw(m, 2));
}

static orion_ir_value make_embedding(maker *m) {
    int64_t table[] = {1 + (int64_t)draw(m, 5), 1 + (int64_t)draw(m, 4)}, ids[] = {2, 2};
    orion_ir_value in[2] = {fresh_indices(m, (uint32_t)draw(m, 3), ids, table[0]),
                            value_of(m, orion_ir_type_make(draw_float(m), 2, table))};
    return emit_plain(m, in, 2);
}

static orion_ir_value make_norm(maker *m, size_t n_in) {
    orion_ir_value x = float_value(m, 1);
    orion_ir_type type = type_of(m, x);
    int64_t n = type.dims[type.rank - 1];
    orion_ir_value in[3] = {x, vector_like(m, type, n), vector_like(m, type, n)};
    orion_ir_attr attr = orion_ir_attr_float("epsilon", coin(m) ? 1e-5 : 0.1);
    return emit(m, in, n_in, &attr, 1);
}

static orion_ir_value make_rms_norm(maker *m) {
    return make_norm(m, 2);
}

static orion_ir_value make_layer_norm(maker *m) {
    return make_norm(m, 3);
}

static orion_ir_value make_rope(maker *m) {
    int64_t dims[] = {1 + (int64_t)draw(m, 2), 1 + (int64_t)draw(m, 4), 4};
    uint32_t skip = (uint32_t)draw(m, 2);
    orion_ir_value in[2] = {value_of(m, orion_ir_type_make(draw_float(m), 3 - skip, dims + skip)),
                            fresh_indices(m, 1, dims + 1, 20)};
    orion_ir_attr attrs[] = {orion_ir_attr_float("theta", coin(m) ? 10000 : 100),
                             orion_ir_attr_int("interleaved", coin(m)),
                             orion_ir_attr_int("inverse", coin(m))};
    return emit(m, in, 2, attrs, 3);
}

static orion_ir_value make_attention(maker *m) {
    int64_t g = 1 + (int64_t)draw(m, 2), h = g * (1 + (int64_t)draw(m, 2));
    int64_t t = 1 + (int64_t)draw(m, 3), s = t + (int64_t)draw(m, 2), d = 2;
    orion_ir_dtype dtype = draw_float(m);
    int64_t q[] = {1, h, t, d}, k[] = {1, g, s, d}, v[] = {1, g, s, 1 + (int64_t)draw(m, 2)};
    size_t n = 3 + draw(m, 2);
    orion_ir_value in[4] = {value_of(m, orion_ir_type_make(dtype, 4, q)),
                            value_of(m, orion_ir_type_make(dtype, 4, k)),
                            value_of(m, orion_ir_type_make(dtype, 4, v))};
    bool masked = n == 4 && coin(m);
    int64_t mask[] = {1, coin(m) ? h : 1, coin(m) ? t : 1, coin(m) ? s : 1};
    if (masked) {
        in[3] = value_of(m, orion_ir_type_make(coin(m) ? dtype : ORION_IR_BOOL, 4, mask));
    } else if (n == 4) {
        in[3] = fresh_indices(m, 1, &t, s);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_float("scale", coin(m) ? 0 : 0.5),
                             orion_ir_attr_int("causal", (n == 3 || masked) && coin(m))};
    return emit(m, in, n, attrs, 2);
}

static orion_ir_value make_cross_entropy(maker *m) {
    int64_t dims[] = {1 + (int64_t)draw(m, 4), 1 + (int64_t)draw(m, 5)};
    orion_ir_value in[2] = {value_of(m, orion_ir_type_make(draw_float(m), 2, dims)),
                            fresh_indices(m, 1, dims, dims[1])};
    return emit_plain(m, in, 2);
}

/* ---- what passes remove ---- */

/* x, by way of another dtype: the same again, or rounded. */
static orion_ir_value there_and_back(maker *m, orion_ir_value x, orion_ir_dtype dtype) {
    orion_ir_value y = orion_ir_cast(m->b, x, draw_dtype(m));
    keep(m, y);
    return orion_ir_cast(m->b, y, dtype);
}

/* An op on x and y, and on y and x: the same again, or not. */
static orion_ir_value both_orders(maker *m, orion_ir_value x) {
    static const orion_ir_op ops[] = {ORION_IR_OP_add,   ORION_IR_OP_sub, ORION_IR_OP_mul,
                                      ORION_IR_OP_equal, ORION_IR_OP_max, ORION_IR_OP_min,
                                      ORION_IR_OP_less};
    size_t n = ORN_COUNT(ops) - (tame(m) ? 1 : 0);
    orion_ir_value y = value_of(m, type_of(m, x));
    orion_ir_op op = ops[draw(m, n)];
    if (tame(m) && op == ORION_IR_OP_equal) return x;
    keep(m, orion_ir_build2(m->b, op, x, y));
    return orion_ir_build2(m->b, op, y, x);
}

/* Something that is x again, or nearly: the passes must know which. */
static orion_ir_value make_redundant(maker *m) {
    size_t kind = draw(m, 10);
    orion_ir_value x = value_with(m, kind < 4 ? any_dtype : number_dtype, 0);
    orion_ir_type type = type_of(m, x);
    orion_ir_dtype dtype = (orion_ir_dtype)type.dtype;
    orion_ir_type number = orion_ir_type_make(dtype, 0, NULL);
    orion_ir_type truth = orion_ir_type_make(ORION_IR_BOOL, 0, NULL);
    switch (kind) {
    case 0: return orion_ir_identity(m->b, x);
    case 1: return orion_ir_reshape(m->b, x, type.dims, type.rank);
    case 2: return orion_ir_select(m->b, value_of(m, truth), x, x);
    case 3: return tame(m) ? x : there_and_back(m, x, dtype);
    case 4: return orion_ir_mul(m->b, orion_ir_splat(m->b, number, coin(m) ? 1 : -1), x);
    case 5: return orion_ir_max(m->b, x, x);
    case 6: return orion_ir_add(m->b, x, orion_ir_splat(m->b, number, coin(m) ? 0 : -0.0));
    case 7: return orion_ir_sub(m->b, x, orion_ir_splat(m->b, number, coin(m) ? 0 : -0.0));
    case 8: return orion_ir_reduce_sum(m->b, x, type.dims, 0, coin(m));
    default: return both_orders(m, x);
    }
}

/* ---- graphs ---- */

typedef orion_ir_value make_fn(maker *m);
static const struct {
    orion_ir_op op;
    make_fn *make;
} makers[] = {
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    {ORION_IR_OP_##name, make_##rule},
#include <orion/ir-ops.def>
};

/* Ops that jump, or leave the range in which f64 sees no difference. */
static bool is_wild(orion_ir_op op) {
    switch (op) {
    case ORION_IR_OP_div:
    case ORION_IR_OP_pow:
    case ORION_IR_OP_equal:
    case ORION_IR_OP_less:
    case ORION_IR_OP_less_equal:
    case ORION_IR_OP_reduce_argmax:
    case ORION_IR_OP_reduce_argmin:
    case ORION_IR_OP_quantize:
    case ORION_IR_OP_exp:
    case ORION_IR_OP_log:
    case ORION_IR_OP_sqrt:
    case ORION_IR_OP_rsqrt:
    case ORION_IR_OP_floor:
    case ORION_IR_OP_round: return true;
    default: return false;
    }
}

static void make_node(maker *m) {
    size_t i = draw(m, ORN_COUNT(makers));
    m->op = makers[i].op;
    if (draw(m, 4) == 0) {
        keep(m, make_redundant(m));
    } else if (!tame(m) || !is_wild(m->op)) {
        orion_ir_value v = makers[i].make(m);
        keep(m, v);
        if (draw(m, 8) == 0) keep(m, makers[i].make(m)); /* often the same again */
    }
}

random_graph random_graph_make(uint64_t seed, size_t nodes, unsigned flags) {
    maker m = {.state = seed, .flags = flags};
    random_graph r = {.flags = flags};
    orion_diag *diag = NULL;
    char name[24];
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_builder_create("random", NULL, &m.b), ORION_OK);
    for (size_t i = 0; i < nodes && m.b->status == ORION_OK; i++) make_node(&m);
    /* Either a few values are outputs and much is dead, or all are and nothing is. */
    size_t outputs = coin(&m) ? draw(&m, 4) + 1 : m.count;
    for (size_t i = 0; i < outputs && m.b->status == ORION_OK; i++) {
        snprintf(name, sizeof name, "out%zu", i);
        orion_ir_output(m.b, name, outputs == m.count ? m.pool[i] : value_with(&m, any_dtype, 0));
    }
    orion_status status = orion_ir_builder_finish(&m.b, diag, &r.graph);
    if (status != ORION_OK) print_message("seed %llu\n", (unsigned long long)seed);
    assert_ok(status, diag);
    memcpy(r.below, m.below, sizeof r.below);
    orion_diag_destroy(&diag);
    return r;
}

op_buffers random_graph_inputs(const random_graph *r, uint64_t seed) {
    op_buffers in = op_inputs_of(r->graph);
    maker m = {.state = seed, .flags = r->flags};
    for (size_t i = 0; i < in.count; i++) {
        orion_ir_type type = orion_ir_value_type(r->graph, orion_ir_graph_input(r->graph, i));
        for (size_t k = 0; k < in.elements[i]; k++) {
            in.data[i][k] = r->below[i] != 0 ? (double)draw(&m, (size_t)r->below[i])
                                             : draw_number(&m, (orion_ir_dtype)type.dtype);
        }
    }
    return in;
}

/* ---- comparing ---- */

bool same_number(double got, double want) {
    return (isnan(got) && isnan(want)) || memcmp(&got, &want, sizeof got) == 0;
}

static bool within(double got, double want, double tolerance) {
    return same_number(got, want) || fabs(got - want) <= tolerance * (1 + fabs(want));
}

bool near_number(double got, double want) {
    return within(got, want, 1e-6);
}

bool close_number(double got, double want) {
    return within(got, want, 1e-4);
}

/* The first element that differs, as a text, or NULL. */
static const char *difference(const op_buffers *want, const op_buffers *got, number_test *same,
                              char *text, size_t size) {
    assert_int_equal(want->count, got->count);
    for (size_t i = 0; i < want->count; i++) {
        assert_int_equal(want->elements[i], got->elements[i]);
        for (size_t k = 0; k < want->elements[i]; k++) {
            if (same(got->data[i][k], want->data[i][k])) continue;
            snprintf(text, size, "output %zu element %zu was %.17g, is %.17g", i, k,
                     want->data[i][k], got->data[i][k]);
            return text;
        }
    }
    return NULL;
}

void assert_same_outputs(const op_buffers *want, const op_buffers *got, number_test *same,
                         const char *what, uint64_t seed) {
    char text[160];
    if (difference(want, got, same, text, sizeof text) == NULL) return;
    fail_msg("%s, seed %llu: %s", what, (unsigned long long)seed, text);
}

void assert_same_function(const random_graph *before, const orion_ir_graph *after,
                          orion_ir_eval_mode mode, number_test *same, const char *pipeline,
                          uint64_t seed) {
    char text[160];
    op_buffers in = random_graph_inputs(before, seed + 1000);
    op_buffers want = op_eval(before->graph, mode, &in), got = op_eval(after, mode, &in);
    if (difference(&want, &got, same, text, sizeof text) != NULL) {
        char *was = graph_text(before->graph), *now = graph_text(after);
        print_message("%s\nis after %s\n%s\n", was, pipeline, now);
        free(was);
        free(now);
        fail_msg("seed %llu: %s", (unsigned long long)seed, text);
    }
    op_buffers_free(&in);
    op_buffers_free(&want);
    op_buffers_free(&got);
}
