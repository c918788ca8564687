/* SPDX-License-Identifier: MIT */
/*
 * MIL ops that need more than the table: parameters that the IR spells otherwise, and ops that the
 * IR has only as a combination of others.
 */
#include "mil-raise.h"

#include <math.h>

typedef const orion_mil_statement statement;

/* ---- elementwise ---- */

/* What was lowered from neg; if the factor is no longer -1 it is a product like any other. */
orion_status mil_raise_neg(mil_raiser *r, statement *s, orion_ir_value *out) {
    const orion_mil_value *y = mil_literal(r, s, "y");
    bool minus_one = y != NULL && orion_mil_value_float(y) == -1;
    if (!minus_one) r->op = ORION_IR_OP_mul;
    return mil_raise_generic(r, s, out);
}

/* Integers give an integer cut off towards zero, or a float, as the result is declared. */
orion_status mil_raise_real_div(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "y", NULL};
    orion_ir_value in[2];
    orion_ir_type declared;
    TRY(mil_only(r, s, names));
    for (size_t i = 0; i < 2; i++) TRY(mil_operand(r, s, names[i], false, &in[i]));
    bool floats = mil_is_float(mil_dtype_of(r, in[0])) || mil_is_float(mil_dtype_of(r, in[1]));
    if (floats || mil_raise_type(s->results[0].type, &declared) != ORION_OK)
        return mil_raise_generic(r, s, out);
    bool cut = !mil_is_float((orion_ir_dtype)declared.dtype);
    for (size_t i = 0; i < 2; i++)
        in[i] = mil_to_dtype(r, in[i], cut ? ORION_IR_I32 : ORION_IR_F32);
    *out = cut ? mil_apply(r, "int_div", in, 2) : orion_ir_div(r->b, in[0], in[1]);
    *out = mil_to_dtype(r, *out, (orion_ir_dtype)declared.dtype);
    return ORION_OK;
}

/* log(x + epsilon), 1 / sqrt(x + epsilon). What rounds to 0 in the element type is not added. */
static orion_status add_epsilon(mil_raiser *r, statement *s, double epsilon, orion_ir_value *out) {
    static const char *const names[] = {"x", "epsilon", NULL};
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, out));
    TRY(mil_float(r, s, "epsilon", &given, &epsilon));
    orion_ir_dtype dtype = mil_dtype_of(r, *out);
    double rounded = dtype == ORION_IR_F16 ? (double)orn_f32_from_f16(orn_f16_from_f64(epsilon))
                                           : (double)(float)epsilon;
    if (rounded != 0) *out = orion_ir_add(r->b, *out, mil_scalar(r, dtype, epsilon));
    return ORION_OK;
}

orion_status mil_raise_epsilon(mil_raiser *r, statement *s, orion_ir_value *out) {
    TRY(add_epsilon(r, s, r->op == ORION_IR_OP_log ? 1e-45 : 1e-12, out));
    *out = orion_ir_build1(r->b, r->op, *out);
    return ORION_OK;
}

orion_status mil_raise_gelu(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "mode", NULL};
    const char *mode = "EXACT";
    bool given;
    orion_ir_value x;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_string(r, s, "mode", &given, &mode));
    bool tanh = strcmp(mode, "TANH_APPROXIMATION") == 0;
    if (tanh || strcmp(mode, "EXACT") == 0) {
        orion_ir_attr attr = orion_ir_attr_int("tanh_approximation", tanh);
        *out = orion_ir_build(r->b, r->op, &x, 1, &attr, 1);
        return ORION_OK;
    }
    if (strcmp(mode, "SIGMOID_APPROXIMATION") != 0) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "there is no mode '%s'", mode);
    }
    orion_ir_value scaled = orion_ir_mul(r->b, x, mil_scalar(r, mil_dtype_of(r, x), 1.702));
    *out = orion_ir_mul(r->b, x, orion_ir_sigmoid(r->b, scaled));
    return ORION_OK;
}

/* ---- comparisons and logic ---- */

/* Indices may be asked for in another integer type. */
orion_status mil_raise_arg(mil_raiser *r, statement *s, orion_ir_value *out) {
    bool given;
    const char *word = "int32";
    TRY(mil_string(r, s, "output_dtype", &given, &word));
    orion_ir_dtype dtype = mil_raise_dtype(orion_mil_dtype_from_name(word));
    if (dtype != ORION_IR_I32 && dtype != ORION_IR_U16)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "there are no indices of type '%s'", word);
    TRY(mil_raise_generic(r, s, out));
    if (dtype != ORION_IR_I32) *out = orion_ir_cast(r->b, *out, dtype);
    return ORION_OK;
}

/* ---- shapes ---- */

/* An extent of 0 is that of the operand. */
orion_status mil_raise_reshape(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "shape", NULL};
    orion_ir_value x;
    mil_ints shape;
    int64_t dims[ORION_IR_RANK_MAX];
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "shape", NULL, &shape));
    orion_ir_type type = mil_raised_type(r, x);
    if (shape.count > ORION_IR_RANK_MAX) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank %zu is above %d", shape.count,
                          ORION_IR_RANK_MAX);
    }
    for (size_t i = 0; i < shape.count; i++)
        dims[i] = shape.items[i] == 0 && i < type.rank ? type.dims[i] : shape.items[i];
    *out = orion_ir_reshape(r->b, x, dims, shape.count);
    return ORION_OK;
}

orion_status mil_raise_squeeze(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axes", NULL};
    orion_ir_value x;
    mil_ints axes = {NULL, 0};
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "axes", &given, &axes));
    orion_ir_type type = mil_raised_type(r, x);
    for (uint32_t i = 0; i < type.rank && !given; i++) marked[i] = type.dims[i] == 1;
    TRY(mil_mark_axes(r, s, axes, type.rank, marked));
    return mil_drop_axes(r, s, x, marked, out);
}

orion_status mil_raise_expand_dims(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axes", NULL};
    orion_ir_value x;
    mil_ints axes;
    bool marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "axes", NULL, &axes));
    size_t rank = mil_raised_type(r, x).rank + axes.count;
    if (rank > ORION_IR_RANK_MAX) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank %zu is above %d", rank,
                          ORION_IR_RANK_MAX);
    }
    TRY(mil_mark_axes(r, s, axes, (uint32_t)rank, marked));
    *out = mil_insert_axes(r, x, marked, (uint32_t)rank);
    return ORION_OK;
}

/* Each value gets the new axis, then they are joined along it. */
orion_status mil_raise_stack(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"values", "axis", NULL};
    const orion_ir_value *values;
    size_t count;
    int64_t axis;
    TRY(mil_only(r, s, names));
    TRY(mil_operands(r, s, "values", &values, &count));
    TRY(mil_int(r, s, "axis", NULL, &axis));
    orion_ir_value *parts = orn_arena_alloc(&r->scratch, count * sizeof *parts);
    if (parts == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        bool marked[ORION_IR_RANK_MAX] = {false};
        uint32_t rank = mil_raised_type(r, values[i]).rank + 1;
        if (rank > ORION_IR_RANK_MAX) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank %u is above %d", (unsigned)rank,
                              ORION_IR_RANK_MAX);
        }
        TRY(mil_mark_axes(r, s, (mil_ints){&axis, 1}, rank, marked));
        parts[i] = mil_insert_axes(r, values[i], marked, rank);
    }
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    *out = orion_ir_build(r->b, ORION_IR_OP_concat, parts, count, &attr, 1);
    return ORION_OK;
}

orion_status mil_raise_split(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axis", "num_splits", "split_sizes", NULL};
    orion_ir_value x;
    mil_ints sizes = {NULL, 0};
    int64_t axis, parts = 0;
    bool by_size, by_number;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_int(r, s, "axis", NULL, &axis));
    TRY(mil_integers(r, s, "split_sizes", &by_size, &sizes));
    TRY(mil_int(r, s, "num_splits", &by_number, &parts));
    orion_ir_type type = mil_raised_type(r, x);
    bool marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_mark_axes(r, s, (mil_ints){&axis, 1}, type.rank, marked));
    int64_t extent = type.dims[axis < 0 ? axis + type.rank : axis];
    if (!by_size) {
        if (!by_number || parts < 1 || extent % parts != 0) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                              "needs split_sizes, or a num_splits that divides %lld",
                              (long long)extent);
        }
        int64_t *equal = orn_arena_alloc(&r->scratch, (size_t)parts * sizeof *equal);
        if (equal == NULL) return ORION_ERROR_NO_MEMORY;
        for (int64_t i = 0; i < parts; i++) equal[i] = extent / parts;
        sizes = (mil_ints){equal, (size_t)parts};
    }
    if (sizes.count != s->result_count) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "gives %zu results, %u are declared",
                          sizes.count, (unsigned)s->result_count);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_int("axis", axis),
                             orion_ir_attr_ints("sizes", sizes.items, sizes.count)};
    *out = orion_ir_build(r->b, r->op, &x, 1, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

/* [before, after] of the last axes. */
orion_status mil_raise_pad(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "pad", "mode", "constant_val", NULL};
    orion_ir_value x;
    mil_ints pad;
    const char *mode = "constant";
    double value = 0;
    bool given, truth = false;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_integers(r, s, "pad", NULL, &pad));
    TRY(mil_string(r, s, "mode", &given, &mode));
    if (mil_raised_type(r, x).dtype == ORION_IR_BOOL) {
        TRY(mil_bool(r, s, "constant_val", &given, &truth));
        value = truth;
    } else {
        TRY(mil_float(r, s, "constant_val", &given, &value));
    }
    uint32_t rank = mil_raised_type(r, x).rank;
    if (strcmp(mode, "constant") != 0)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "mode must be constant, not '%s'", mode);
    if (pad.count % 2 != 0 || pad.count / 2 > rank) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "pad has %zu numbers, at most %u pairs fit",
                          pad.count, (unsigned)rank);
    }
    int64_t before[ORION_IR_RANK_MAX] = {0}, after[ORION_IR_RANK_MAX] = {0};
    size_t first = rank - pad.count / 2;
    for (size_t i = first; i < rank; i++) {
        before[i] = pad.items[2 * (i - first)];
        after[i] = pad.items[2 * (i - first) + 1];
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", before, rank),
                             orion_ir_attr_ints("after", after, rank),
                             orion_ir_attr_float("value", value)};
    *out = orion_ir_build(r->b, r->op, &x, 1, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

/* ---- slices ---- */

typedef struct window {
    int64_t begin[ORION_IR_RANK_MAX], end[ORION_IR_RANK_MAX], stride[ORION_IR_RANK_MAX];
} window;

static orion_status build_slice(mil_raiser *r, statement *s, orion_ir_value x, const window *w,
                                orion_ir_value *out) {
    uint32_t rank = mil_raised_type(r, x).rank;
    for (uint32_t i = 0; i < rank; i++) {
        if (w->begin[i] < w->end[i]) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "nothing is left of axis %u, and the IR has no empty tensors",
                          (unsigned)i);
    }
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", w->begin, rank),
                             orion_ir_attr_ints("end", w->end, rank),
                             orion_ir_attr_ints("stride", w->stride, rank)};
    *out = orion_ir_build(r->b, ORION_IR_OP_slice, &x, 1, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

/* Where an index that may count from the end points to, within the extent. */
static int64_t position(int64_t index, int64_t extent) {
    if (index < 0) index = index < -extent ? 0 : index + extent;
    return ORN_MIN(index, extent);
}

orion_status mil_raise_slice_by_index(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",          "begin",    "end",          "stride",
                                        "begin_mask", "end_mask", "squeeze_mask", NULL};
    orion_ir_value x;
    window w;
    int64_t open_begin[ORION_IR_RANK_MAX], open_end[ORION_IR_RANK_MAX], squeeze[ORION_IR_RANK_MAX];
    bool marked[ORION_IR_RANK_MAX] = {false}, any = false;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_per_axis(r, s, "begin", false, type.rank, 0, w.begin));
    TRY(mil_per_axis(r, s, "end", false, type.rank, 0, w.end));
    TRY(mil_per_axis(r, s, "stride", true, type.rank, 1, w.stride));
    TRY(mil_per_axis(r, s, "begin_mask", true, type.rank, 0, open_begin));
    TRY(mil_per_axis(r, s, "end_mask", true, type.rank, 0, open_end));
    TRY(mil_per_axis(r, s, "squeeze_mask", true, type.rank, 0, squeeze));
    for (uint32_t i = 0; i < type.rank; i++) {
        int64_t extent = type.dims[i];
        if (w.stride[i] < 1)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "a stride must be at least 1");
        w.begin[i] = open_begin[i] != 0 ? 0 : position(w.begin[i], extent);
        w.end[i] = open_end[i] != 0 ? extent : position(w.end[i], extent);
        if (squeeze[i] == 0) continue;
        w.end[i] = ORN_MIN(w.begin[i] + 1, extent);
        marked[i] = any = true;
    }
    TRY(build_slice(r, s, x, &w, out));
    return any ? mil_drop_axes(r, s, *out, marked, out) : ORION_OK;
}

/* A size of -1 takes what is left. */
orion_status mil_raise_slice_by_size(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "begin", "size", NULL};
    orion_ir_value x;
    window w;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_per_axis(r, s, "begin", false, type.rank, 0, w.begin));
    TRY(mil_per_axis(r, s, "size", false, type.rank, 0, w.end));
    for (uint32_t i = 0; i < type.rank; i++) {
        int64_t extent = type.dims[i], size = w.end[i];
        w.begin[i] = position(w.begin[i], extent);
        w.end[i] = size == -1 ? extent : w.begin[i] + ORN_MIN(size, extent - w.begin[i]);
        w.stride[i] = 1;
        if (size > extent - w.begin[i]) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "axis %u ends past its extent %lld",
                              (unsigned)i, (long long)extent);
        }
    }
    return build_slice(r, s, x, &w, out);
}

/* ---- gather ---- */

/* Indices as i32; constant ones that count from the end are turned round. */
static orion_status gather_indices(mil_raiser *r, statement *s, int64_t extent,
                                   orion_ir_value *out) {
    mil_ints list = {NULL, 0};
    bool negative = false;
    TRY(mil_operand(r, s, "indices", false, out));
    orion_ir_type type = mil_raised_type(r, *out);
    if (type.dtype != ORION_IR_I32) *out = orion_ir_cast(r->b, *out, ORION_IR_I32);
    if (mil_literal(r, s, "indices") == NULL) return ORION_OK;
    TRY(mil_integers(r, s, "indices", NULL, &list));
    int32_t *turned = orn_arena_alloc(&r->scratch, list.count * sizeof *turned);
    if (turned == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < list.count; i++) {
        negative |= list.items[i] < 0;
        turned[i] = (int32_t)(list.items[i] < 0 ? list.items[i] + extent : list.items[i]);
    }
    if (!negative) return ORION_OK;
    type.dtype = ORION_IR_I32;
    *out = orion_ir_constant(r->b, type, turned, list.count * sizeof *turned);
    return ORION_OK;
}

orion_status mil_raise_gather(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",          "indices",          "axis",
                                        "batch_dims", "validate_indices", NULL};
    orion_ir_value in[2];
    int64_t axis = 0, batch_dims = 0;
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &in[0]));
    TRY(mil_int(r, s, "axis", &given, &axis));
    TRY(mil_int(r, s, "batch_dims", &given, &batch_dims));
    if (batch_dims != 0) return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "batch_dims must be 0");
    orion_ir_type type = mil_raised_type(r, in[0]);
    TRY(mil_mark_axes(r, s, (mil_ints){&axis, 1}, type.rank, marked));
    TRY(gather_indices(r, s, type.dims[axis < 0 ? axis + type.rank : axis], &in[1]));
    if (r->op == ORION_IR_OP_embedding && type.rank == 2 && axis == 0) {
        *out = orion_ir_embedding(r->b, in[1], in[0]);
        return ORION_OK;
    }
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    *out = orion_ir_build(r->b, ORION_IR_OP_gather, in, 2, &attr, 1);
    return ORION_OK;
}

/* ---- layer_norm ---- */

typedef struct norm {
    orion_ir_value x, gamma, beta; /* id 0: left out */
    double epsilon;
    int64_t axes[ORION_IR_RANK_MAX];
    size_t count;
} norm;

/* The axes, and whether gamma and beta have their shape. */
static orion_status norm_axes(mil_raiser *r, statement *s, norm *n) {
    mil_ints list = {NULL, 0};
    bool given, marked[ORION_IR_RANK_MAX] = {false};
    orion_ir_type x = mil_raised_type(r, n->x), shape = {.dtype = x.dtype};
    TRY(mil_integers(r, s, "axes", &given, &list));
    TRY(mil_mark_axes(r, s, list, x.rank, marked));
    for (uint32_t i = 0; i < x.rank; i++) {
        if (given && !marked[i]) continue;
        n->axes[n->count++] = i;
        shape.dims[shape.rank++] = x.dims[i];
    }
    const orion_ir_value affine[] = {n->gamma, n->beta};
    for (size_t i = 0; i < ORN_COUNT(affine); i++) {
        if (affine[i].id == 0) continue;
        orion_ir_type type = mil_raised_type(r, affine[i]);
        if (orion_ir_type_equal(&type, &shape)) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "%s does not have the shape of the normalised axes",
                          i == 0 ? "gamma" : "beta");
    }
    return ORION_OK;
}

/* The op of the IR has gamma and beta and knows the last axis only; anything else is spelled out.
 */
static orion_ir_value normalise(mil_raiser *r, const norm *n) {
    orion_ir_type type = mil_raised_type(r, n->x);
    orion_ir_dtype dtype = (orion_ir_dtype)type.dtype;
    bool others[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) others[i] = true;
    for (size_t i = 0; i < n->count; i++) others[n->axes[i]] = false;
    orion_ir_value mean = orion_ir_reduce_mean(r->b, n->x, n->axes, n->count, 1);
    orion_ir_value centred = orion_ir_sub(r->b, n->x, mean);
    orion_ir_value square = orion_ir_mul(r->b, centred, centred);
    orion_ir_value variance = orion_ir_reduce_mean(r->b, square, n->axes, n->count, 1);
    orion_ir_value shifted = orion_ir_add(r->b, variance, mil_scalar(r, dtype, n->epsilon));
    orion_ir_value y = orion_ir_div(r->b, centred, orion_ir_sqrt(r->b, shifted));
    if (n->gamma.id != 0)
        y = orion_ir_mul(r->b, y, mil_insert_axes(r, n->gamma, others, type.rank));
    if (n->beta.id != 0) y = orion_ir_add(r->b, y, mil_insert_axes(r, n->beta, others, type.rank));
    return y;
}

orion_status mil_raise_layer_norm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axes", "gamma", "beta", "epsilon", NULL};
    norm n = {.epsilon = 1e-5};
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &n.x));
    TRY(mil_operand(r, s, "gamma", true, &n.gamma));
    TRY(mil_operand(r, s, "beta", true, &n.beta));
    TRY(mil_float(r, s, "epsilon", &given, &n.epsilon));
    TRY(norm_axes(r, s, &n));
    bool last = n.count == 1 && n.axes[0] == (int64_t)mil_raised_type(r, n.x).rank - 1;
    if (!last || n.gamma.id == 0 || n.beta.id == 0) {
        *out = normalise(r, &n);
        return ORION_OK;
    }
    orion_ir_value in[] = {n.x, n.gamma, n.beta};
    orion_ir_attr attr = orion_ir_attr_float("epsilon", n.epsilon);
    *out = orion_ir_build(r->b, r->op, in, ORN_COUNT(in), &attr, 1);
    return ORION_OK;
}

/* ---- attention ---- */

/* softmax(q.k / sqrt(D) + mask).v, where a bool mask hides the keys at which it is false. */
orion_status mil_raise_sdpa(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"query", "key", "value", "attn_mask", NULL};
    orion_ir_value in[3], mask;
    TRY(mil_only(r, s, names));
    for (size_t i = 0; i < 3; i++) TRY(mil_operand(r, s, names[i], false, &in[i]));
    TRY(mil_operand(r, s, "attn_mask", true, &mask));
    orion_ir_type q = mil_raised_type(r, in[0]), k = mil_raised_type(r, in[1]);
    for (uint32_t i = 0; i + 2 < q.rank; i++) {
        if (k.rank == q.rank && k.dims[i] == q.dims[i]) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "the dims of query and key before their last two must be equal");
    }
    if (q.rank == 4 && mask.id == 0) {
        *out = orion_ir_build(r->b, ORION_IR_OP_attention, in, 3, NULL, 0);
        return ORION_OK;
    }
    if (q.rank < 3)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "query has rank %u, not 3 or more",
                          (unsigned)q.rank);
    orion_ir_dtype dtype = (orion_ir_dtype)q.dtype;
    orion_ir_value scale = mil_scalar(r, dtype, 1 / sqrt((double)q.dims[q.rank - 1]));
    orion_ir_value scores = orion_ir_mul(r->b, orion_ir_matmul(r->b, in[0], in[1], 0, 1), scale);
    if (mask.id != 0 && mil_dtype_of(r, mask) == ORION_IR_BOOL) {
        scores = orion_ir_select(r->b, mask, scores, mil_scalar(r, dtype, -(double)INFINITY));
    } else if (mask.id != 0) {
        scores = orion_ir_add(r->b, scores, mask);
    }
    *out = orion_ir_matmul(r->b, orion_ir_softmax(r->b, scores, -1), in[2], 0, 0);
    return ORION_OK;
}
