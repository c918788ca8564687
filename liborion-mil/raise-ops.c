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

/* ---- attention ---- */

/* softmax(q.k / sqrt(D) + mask).v, where a bool mask hides the keys at which it is false. */
orion_status mil_raise_sdpa(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"query", "key", "value", "attn_mask", NULL};
    orion_ir_value in[4], mask;
    TRY(mil_only(r, s, names));
    for (size_t i = 0; i < 3; i++) TRY(mil_operand(r, s, names[i], false, &in[i]));
    TRY(mil_operand(r, s, "attn_mask", true, &mask));
    orion_ir_type q = mil_raised_type(r, in[0]), k = mil_raised_type(r, in[1]);
    for (uint32_t i = 0; i + 2 < q.rank; i++) {
        if (k.rank == q.rank && k.dims[i] == q.dims[i]) continue;
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "the dims of query and key before their last two must be equal");
    }
    if (q.rank == 4 && (mask.id == 0 || mil_raised_type(r, mask).rank == 4)) {
        in[3] = mask;
        *out = orion_ir_build(r->b, ORION_IR_OP_attention, in, mask.id == 0 ? 3 : 4, NULL, 0);
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
