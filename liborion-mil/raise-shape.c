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
    orion_ir_value x;
    TRY(mil_one_operand(r, s, &x));
    orion_ir_type type = mil_raised_type(r, x);
    int32_t dims[ORION_IR_RANK_MAX];
    int64_t rank = type.rank;
    for (uint32_t i = 0; i < type.rank; i++) dims[i] = (int32_t)type.dims[i];
    if (rank == 0) return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the shape of a scalar is empty");
    orion_ir_type list = orion_ir_type_make(ORION_IR_I32, 1, &rank);
    *out = orion_ir_constant(r->b, list, dims, (size_t)rank * sizeof *dims);
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
