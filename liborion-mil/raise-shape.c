/* SPDX-License-Identifier: MIT */
/* Shapes: padding, blocks between channels and places, tensors that depend on shapes alone. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* ---- pad ---- */

/* Which element of [0, n) stands at place i, which may lie outside. */
static int64_t reflected(int64_t i, int64_t n) {
    if (i < 0) return -i;
    return i >= n ? 2 * (n - 1) - i : i;
}

static int64_t replicated(int64_t i, int64_t n) {
    return i < 0 ? 0 : ORN_MIN(i, n - 1);
}

/* Reflection and replication read elements again: a gather along every padded axis. */
static orion_status pad_by_copies(mil_raiser *r, statement *s, orion_ir_value x, const char *mode,
                                  const int64_t *before, const int64_t *after,
                                  orion_ir_value *out) {
    bool reflect = strcmp(mode, "reflect") == 0;
    if (!reflect && strcmp(mode, "replicate") != 0)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "there is no mode '%s'", mode);
    orion_ir_type type = mil_raised_type(r, x);
    *out = x;
    for (uint32_t axis = 0; axis < type.rank; axis++) {
        int64_t n = type.dims[axis], b = before[axis], a = after[axis], most = reflect ? n - 1 : 0;
        if (b == 0 && a == 0) continue;
        if (b < 0 || a < 0 || (reflect && (b > most || a > most))) {
            return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                              "axis %u of extent %lld cannot be padded by %lld and %lld",
                              (unsigned)axis, (long long)n, (long long)b, (long long)a);
        }
        int32_t *indices;
        TRY(mil_new_indices(r, s, b + n + a, &indices));
        for (int64_t i = 0; i < b + n + a; i++)
            indices[i] = (int32_t)(reflect ? reflected(i - b, n) : replicated(i - b, n));
        *out = mil_take_list(r, *out, indices, b + n + a, axis);
    }
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
    if (strcmp(mode, "constant") != 0) return pad_by_copies(r, s, x, mode, before, after, out);
    orion_ir_attr attrs[] = {orion_ir_attr_ints("before", before, rank),
                             orion_ir_attr_ints("after", after, rank),
                             orion_ir_attr_float("value", value)};
    *out = orion_ir_build(r->b, r->op, &x, 1, attrs, ORN_COUNT(attrs));
    return ORION_OK;
}

/* ---- blocks of places become channels, and back ---- */

/*
 * x [N, C, H, W] is seen in six dims, permuted, and seen in four again. Below, c is what is left of
 * the channels, h and w of the places, b the extent of a block.
 */
typedef struct rearrangement {
    const char *name, *size; /* the parameter that b is */
    char from[7], to[7];     /* letters n c h w, and p q for the two b */
} rearrangement;

static const rearrangement rearrangements[] = {
    {"depth_to_space", "block_size", "npqchw", "nchpwq"},
    {"space_to_depth", "block_size", "nchpwq", "npqchw"},
    {"pixel_shuffle", "upscale_factor", "ncpqhw", "nchpwq"},
    {"pixel_unshuffle", "downscale_factor", "nchpwq", "ncpqhw"},
};

/* The extents of n c h w; false if b does not divide. */
static bool letters(const orion_ir_type *x, bool to_space, int64_t b, int64_t *extents) {
    int64_t c = x->dims[1], h = x->dims[2], w = x->dims[3];
    if (to_space ? c % (b * b) != 0 : h % b != 0 || w % b != 0) return false;
    extents[0] = x->dims[0];
    extents[1] = to_space ? c / (b * b) : c;
    extents[2] = to_space ? h : h / b;
    extents[3] = to_space ? w : w / b;
    return true;
}

orion_status mil_raise_rearrange(mil_raiser *r, statement *s, orion_ir_value *out) {
    const rearrangement *row = rearrangements;
    while (strcmp(row->name, s->op) != 0) row++; /* that is how we came here */
    const char *names[] = {"x", row->size, NULL};
    orion_ir_value x;
    int64_t b, extents[4], seen[6], perm[6], dims[4];
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_int(r, s, row->size, NULL, &b));
    orion_ir_type type = mil_raised_type(r, x);
    bool to_space = row->to[1] == 'c' && row->to[3] == 'p';
    if (type.rank != 4 || b < 1 || b > INT16_MAX || !letters(&type, to_space, b, extents)) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "x must be [N, C, H, W], and %s must divide %s", row->size,
                          to_space ? "C twice" : "H and W");
    }
    for (size_t i = 0; i < 6; i++) {
        const char *letter = strchr("nchw", row->from[i]);
        seen[i] = letter == NULL ? b : extents[letter - "nchw"];
        perm[i] = strchr(row->from, row->to[i]) - row->from;
    }
    dims[0] = extents[0];
    dims[1] = to_space ? extents[1] : extents[1] * b * b;
    dims[2] = to_space ? extents[2] * b : extents[2];
    dims[3] = to_space ? extents[3] * b : extents[3];
    orion_ir_value y = orion_ir_reshape(r->b, x, seen, 6);
    *out = orion_ir_reshape(r->b, orion_ir_transpose(r->b, y, perm, 6), dims, 4);
    return ORION_OK;
}

orion_status mil_raise_flatten2d(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axis", NULL};
    orion_ir_value x;
    int64_t axis = 1, dims[2] = {1, -1};
    bool given;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_int(r, s, "axis", &given, &axis));
    orion_ir_type type = mil_raised_type(r, x);
    if (axis < 0) axis += type.rank;
    if (axis < 0 || axis > type.rank)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "axis must be in [-%u, %u]",
                          (unsigned)type.rank, (unsigned)type.rank);
    for (int64_t i = 0; i < axis; i++) dims[0] *= type.dims[i];
    *out = orion_ir_reshape(r->b, x, dims, 2);
    return ORION_OK;
}

/*
 * Blocks of places become batches, block by block, and back: x [N, C, H, W] with b = [p, q] is seen
 * as [N, C, H/p, p, W/q, q] and becomes [p, q, N, C, H/p, W/q].
 */
static orion_status read_blocks(mil_raiser *r, statement *s, const char *margins, orion_ir_value *x,
                                mil_ints *block, mil_ints *margin) {
    const char *const names[] = {"x", "block_shape", margins, NULL};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, x));
    TRY(mil_integers(r, s, "block_shape", NULL, block));
    TRY(mil_integers(r, s, margins, NULL, margin));
    bool good = mil_raised_type(r, *x).rank == 4 && block->count == 2 && margin->count == 4;
    for (size_t i = 0; i < 2 && good; i++)
        good = block->items[i] >= 1 && block->items[i] <= INT16_MAX;
    for (size_t i = 0; i < 4 && good; i++)
        good = margin->items[i] >= 0 && margin->items[i] <= INT32_MAX;
    return good ? ORION_OK
                : mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                             "x must be [N, C, H, W], block_shape two numbers, %s two pairs",
                             margins);
}

orion_status mil_raise_space_to_batch(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const int64_t perm[] = {3, 5, 0, 1, 2, 4};
    orion_ir_value x;
    mil_ints b, pad;
    TRY(read_blocks(r, s, "paddings", &x, &b, &pad));
    for (uint32_t i = 0; i < 2; i++) {
        const int64_t *by = pad.items + 2 * (size_t)i;
        if (by[0] != 0 || by[1] != 0) x = mil_pad_axis(r, x, 2 + i, by[0], by[1]);
    }
    orion_ir_type t = mil_raised_type(r, x);
    int64_t p = b.items[0], q = b.items[1], h = t.dims[2], w = t.dims[3];
    if (h % p != 0 || w % q != 0)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "block_shape must divide H and W");
    const int64_t seen[] = {t.dims[0], t.dims[1], h / p, p, w / q, q};
    const int64_t dims[] = {p * q * t.dims[0], t.dims[1], h / p, w / q};
    orion_ir_value y = orion_ir_reshape(r->b, x, seen, 6);
    *out = orion_ir_reshape(r->b, orion_ir_transpose(r->b, y, perm, 6), dims, 4);
    return ORION_OK;
}

orion_status mil_raise_batch_to_space(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const int64_t perm[] = {2, 3, 4, 0, 5, 1};
    orion_ir_value x;
    mil_ints b, crop;
    TRY(read_blocks(r, s, "crops", &x, &b, &crop));
    orion_ir_type t = mil_raised_type(r, x);
    int64_t p = b.items[0], q = b.items[1], h = t.dims[2], w = t.dims[3], n = t.dims[0] / (p * q);
    const int64_t *c = crop.items;
    if (t.dims[0] % (p * q) != 0 || c[0] + c[1] >= h * p || c[2] + c[3] >= w * q)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "block_shape must divide N, and crops must leave something");
    const int64_t seen[] = {p, q, n, t.dims[1], h, w}, dims[] = {n, t.dims[1], h * p, w * q};
    orion_ir_value y = orion_ir_transpose(r->b, orion_ir_reshape(r->b, x, seen, 6), perm, 6);
    y = orion_ir_reshape(r->b, y, dims, 4);
    if (c[0] != 0 || c[1] != 0) y = mil_slice_axis(r, y, 2, c[0], h * p - c[1]);
    if (c[2] != 0 || c[3] != 0) y = mil_slice_axis(r, y, 3, c[2], w * q - c[3]);
    *out = y;
    return ORION_OK;
}

/* ---- concat ---- */

/* Interleaved, element i of the result's axis is of value i % count: the values are joined along a
 * new axis behind, which then becomes part of it. */
orion_status mil_raise_concat(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"values", "axis", "interleave", NULL};
    const orion_ir_value *values;
    size_t count;
    uint32_t axis;
    bool given, interleave = false, marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_bool(r, s, "interleave", &given, &interleave));
    if (!interleave) return mil_raise_generic(r, s, out);
    TRY(mil_only(r, s, names));
    TRY(mil_operands(r, s, "values", &values, &count));
    orion_ir_type type = mil_raised_type(r, values[0]);
    TRY(mil_axis(r, s, "axis", type.rank, MIL_REQUIRED, &axis));
    if (type.rank == ORION_IR_RANK_MAX)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank 9 is above %d", ORION_IR_RANK_MAX);
    orion_ir_value *parts = orn_arena_alloc(&r->scratch, count * sizeof *parts);
    if (parts == NULL) return ORION_ERROR_NO_MEMORY;
    marked[axis + 1] = true;
    for (size_t i = 0; i < count; i++) {
        if (mil_raised_type(r, values[i]).rank != type.rank)
            return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the values differ in rank");
        parts[i] = mil_insert_axes(r, values[i], marked, type.rank + 1);
    }
    orion_ir_attr attr = orion_ir_attr_int("axis", axis + 1);
    *out = orion_ir_build(r->b, ORION_IR_OP_concat, parts, count, &attr, 1);
    type.dims[axis] *= (int64_t)count;
    *out = orion_ir_reshape(r->b, *out, type.dims, type.rank);
    return ORION_OK;
}

/* The extents [begins[k], ends[k]) of each reference, one behind the other. */
orion_status mil_raise_reshape_like(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "ref_tensors", "begins", "ends", "end_masks", NULL};
    const orion_ir_value *like;
    orion_ir_value x;
    size_t count, rank = 0;
    mil_ints begins, ends, masks;
    int64_t dims[ORION_IR_RANK_MAX];
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_operands(r, s, "ref_tensors", &like, &count));
    TRY(mil_integers(r, s, "begins", NULL, &begins));
    TRY(mil_integers(r, s, "ends", NULL, &ends));
    TRY(mil_integers(r, s, "end_masks", NULL, &masks));
    bool good = begins.count == count && ends.count == count && masks.count == count;
    for (size_t k = 0; k < count && good; k++) {
        orion_ir_type type = mil_raised_type(r, like[k]);
        int64_t from = begins.items[k], to = masks.items[k] != 0 ? type.rank : ends.items[k];
        if (from < 0) from += type.rank;
        if (to < 0) to += type.rank;
        good = from >= 0 && to <= type.rank;
        for (; from < to && good; from++) {
            good = rank < ORION_IR_RANK_MAX;
            if (good) dims[rank++] = type.dims[from];
        }
    }
    if (!good)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                          "begins, ends and end_masks must name axes of each of ref_tensors");
    *out = orion_ir_reshape(r->b, x, dims, rank);
    return ORION_OK;
}

/* ---- tensors that depend on shapes and parameters alone ---- */

/* The type that the statement declares. */
static orion_status declared_type(mil_raiser *r, statement *s, orion_ir_type *out) {
    if (mil_raise_type(s->results[0].type, out) == ORION_OK) return ORION_OK;
    return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "'%s' is %s", s->results[0].name,
                      mil_type_problem(s->results[0].type));
}

/* A number or a bool; its element type is what the result is declared as. */
static orion_status fill_value(mil_raiser *r, statement *s, const char *name, double *out) {
    bool given, truth = false;
    const orion_mil_value *v = mil_literal(r, s, name);
    if (v == NULL || v->form != ORION_MIL_VALUE_BOOL) return mil_float(r, s, name, &given, out);
    TRY(mil_bool(r, s, name, &given, &truth));
    *out = truth;
    return ORION_OK;
}

orion_status mil_raise_fill(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"shape", "value", NULL};
    orion_ir_type type;
    mil_ints shape;
    double value = 0;
    TRY(mil_only(r, s, names));
    TRY(mil_integers(r, s, "shape", NULL, &shape));
    TRY(fill_value(r, s, "value", &value));
    TRY(declared_type(r, s, &type));
    if (shape.count > ORION_IR_RANK_MAX)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "rank %zu is above %d", shape.count,
                          ORION_IR_RANK_MAX);
    type = orion_ir_type_make((orion_ir_dtype)type.dtype, (uint32_t)shape.count, shape.items);
    *out = mil_fill(r, &type, value);
    return ORION_OK;
}

orion_status mil_raise_fill_like(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"ref_tensor", "value", NULL};
    orion_ir_value like;
    orion_ir_type type;
    double value = 0;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "ref_tensor", false, &like));
    TRY(fill_value(r, s, "value", &value));
    TRY(declared_type(r, s, &type));
    orion_ir_type shape = mil_raised_type(r, like);
    shape.dtype = type.dtype;
    *out = mil_fill(r, &shape, value);
    return ORION_OK;
}

orion_status mil_raise_shape(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "output_dtype", NULL};
    orion_ir_value x;
    orion_ir_type declared;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(declared_type(r, s, &declared));
    orion_ir_type type = mil_raised_type(r, x);
    int32_t dims[ORION_IR_RANK_MAX];
    int64_t rank = type.rank;
    for (uint32_t i = 0; i < type.rank; i++) dims[i] = (int32_t)type.dims[i];
    if (rank == 0) return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the shape of a scalar is empty");
    orion_ir_type list = orion_ir_type_make(ORION_IR_I32, 1, &rank);
    *out = orion_ir_constant(r->b, list, dims, (size_t)rank * sizeof *dims);
    *out = mil_to_dtype(r, *out, (orion_ir_dtype)declared.dtype);
    return ORION_OK;
}

orion_status mil_raise_range_1d(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"start", "end", "step", NULL};
    double range[3];
    orion_ir_type type;
    float *numbers;
    TRY(mil_only(r, s, names));
    for (size_t i = 0; i < 3; i++) TRY(mil_float(r, s, names[i], NULL, &range[i]));
    TRY(declared_type(r, s, &type));
    double span = (range[1] - range[0]) / range[2];
    if (!(span > 0 && span < INT32_MAX))
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the range is empty or endless");
    int64_t count = (int64_t)span;
    if ((double)count < span) count++;
    if (mil_is_float((orion_ir_dtype)type.dtype)) {
        TRY(mil_new_floats(r, s, count, &numbers));
        for (int64_t i = 0; i < count; i++) numbers[i] = (float)(range[0] + (double)i * range[2]);
        orion_ir_type list = orion_ir_type_make(ORION_IR_F32, 1, &count);
        *out = orion_ir_constant(r->b, list, numbers, (size_t)count * sizeof *numbers);
    } else {
        int32_t *whole;
        TRY(mil_new_indices(r, s, count, &whole));
        for (int64_t i = 0; i < count; i++) whole[i] = (int32_t)(range[0] + (double)i * range[2]);
        orion_ir_type list = orion_ir_type_make(ORION_IR_I32, 1, &count);
        *out = orion_ir_constant(r->b, list, whole, (size_t)count * sizeof *whole);
    }
    *out = mil_to_dtype(r, *out, (orion_ir_dtype)type.dtype);
    return ORION_OK;
}

/* The index is compared with every number that it can have, along a new axis. */
orion_status mil_raise_one_hot(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"indices",  "one_hot_vector_size", "axis",
                                        "on_value", "off_value",           NULL};
    orion_ir_value indices;
    orion_ir_type type;
    int64_t size, dims[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    uint32_t axis;
    int32_t *numbers;
    double on = 1, off = 0;
    bool marked[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "indices", false, &indices));
    TRY(mil_int(r, s, "one_hot_vector_size", NULL, &size));
    TRY(fill_value(r, s, "on_value", &on));
    TRY(fill_value(r, s, "off_value", &off));
    TRY(declared_type(r, s, &type));
    uint32_t rank = mil_raised_type(r, indices).rank + 1;
    if (rank > ORION_IR_RANK_MAX || size < 1)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "one_hot_vector_size must be at least 1, and the rank at most %d",
                          ORION_IR_RANK_MAX);
    TRY(mil_axis(r, s, "axis", rank, -1, &axis));
    TRY(mil_new_indices(r, s, size, &numbers));
    for (int64_t i = 0; i < size; i++) numbers[i] = (int32_t)i;
    dims[axis] = size;
    marked[axis] = true;
    orion_ir_type list = orion_ir_type_make(ORION_IR_I32, rank, dims);
    orion_ir_value choice = orion_ir_constant(r->b, list, numbers, (size_t)size * sizeof *numbers);
    orion_ir_value index = mil_insert_axes(r, mil_to_dtype(r, indices, ORION_IR_I32), marked, rank);
    orion_ir_value hit = orion_ir_equal(r->b, index, choice);
    orion_ir_dtype dtype = type.dtype == ORION_IR_BOOL ? ORION_IR_I32 : (orion_ir_dtype)type.dtype;
    orion_ir_value yes = mil_scalar(r, dtype, on), no = mil_scalar(r, dtype, off);
    *out = mil_to_dtype(r, orion_ir_select(r->b, hit, yes, no), (orion_ir_dtype)type.dtype);
    return ORION_OK;
}

/* x within `lower` diagonals below and `upper` above the main one, 0 elsewhere; a negative number
 * keeps all. */
orion_status mil_raise_band_part(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "lower", "upper", NULL};
    orion_ir_value x;
    int64_t lower = -1, upper = -1;
    bool given;
    int32_t *places;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_int(r, s, "lower", &given, &lower));
    TRY(mil_int(r, s, "upper", &given, &upper));
    orion_ir_type type = mil_raised_type(r, x);
    if (type.rank < 2) return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "x must be a matrix");
    int64_t rows = type.dims[type.rank - 2], columns = type.dims[type.rank - 1];
    TRY(mil_new_indices(r, s, rows * columns, &places));
    for (int64_t i = 0; i < rows; i++) {
        for (int64_t k = 0; k < columns; k++) {
            bool kept = (lower < 0 || i - k <= lower) && (upper < 0 || k - i <= upper);
            places[i * columns + k] = kept;
        }
    }
    orion_ir_type list = orion_ir_type_make(ORION_IR_I32, 2, (const int64_t[]){rows, columns});
    orion_ir_value mask =
        orion_ir_constant(r->b, list, places, (size_t)(rows * columns) * sizeof *places);
    mask = orion_ir_cast(r->b, mask, ORION_IR_BOOL);
    if (type.dtype == ORION_IR_BOOL) {
        *out = orion_ir_logical_and(r->b, x, mask);
    } else {
        *out = orion_ir_select(r->b, mask, x, mil_scalar(r, (orion_ir_dtype)type.dtype, 0));
    }
    return ORION_OK;
}
