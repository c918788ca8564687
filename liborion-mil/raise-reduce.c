/* SPDX-License-Identifier: MIT */
/* Reductions and running sums. Sums and products of 16-bit numbers are made in f32 or i32. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* ---- reductions over axes ---- */

typedef struct reduction {
    orion_ir_value x;
    orion_ir_dtype dtype; /* of the result */
    int64_t axes[ORION_IR_RANK_MAX];
    size_t count;
    bool keep;
} reduction;

/* The operand is widened; without axes all are reduced. */
static orion_status read_reduction(mil_raiser *r, statement *s, reduction *d) {
    static const char *const names[] = {"x", "axes", "keep_dims", NULL};
    mil_ints axes = {NULL, 0};
    bool given, any, marked[ORION_IR_RANK_MAX] = {false};
    *d = (reduction){.keep = false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &d->x));
    TRY(mil_integers(r, s, "axes", &any, &axes));
    TRY(mil_bool(r, s, "keep_dims", &given, &d->keep));
    orion_ir_type type = mil_raised_type(r, d->x);
    TRY(mil_mark_axes(r, s, axes, type.rank, marked));
    for (uint32_t i = 0; i < type.rank; i++) {
        if (marked[i] || !any) d->axes[d->count++] = i;
    }
    d->dtype = (orion_ir_dtype)type.dtype;
    d->x = mil_widen(r, d->x);
    return ORION_OK;
}

static const struct {
    const char *name, *before, *after;
    uint16_t op;
} reductions[] = {
#define MIL_REDUCE(name_, before_, op_, after_) {name_, before_, after_, ORION_IR_OP_##op_},
#include "mil-ops.def"
};

static orion_ir_value apply(mil_raiser *r, const char *name, orion_ir_value x) {
    return *name == '\0' ? x : mil_apply(r, name, &x, 1);
}

orion_status mil_raise_reduction(mil_raiser *r, statement *s, orion_ir_value *out) {
    reduction d;
    size_t row = 0;
    while (strcmp(reductions[row].name, s->op) != 0) row++; /* that is how we came here */
    TRY(read_reduction(r, s, &d));
    orion_ir_attr attrs[] = {orion_ir_attr_ints("axes", d.axes, d.count),
                             orion_ir_attr_int("keep_dims", d.keep)};
    orion_ir_value x = apply(r, reductions[row].before, d.x);
    orion_ir_value y = orion_ir_build(r->b, (orion_ir_op)reductions[row].op, &x, 1, attrs, 2);
    *out = mil_to_dtype(r, apply(r, reductions[row].after, y), d.dtype);
    return ORION_OK;
}

/* The product along the last axis: halves multiplied with each other until one number is left, so
 * that it takes few nodes and rounds little. */
static orion_ir_value fold_product(mil_raiser *r, orion_ir_value x) {
    uint32_t last = mil_raised_type(r, x).rank - 1;
    for (int64_t n = mil_raised_type(r, x).dims[last]; n > 1 && !r->broken; n -= n / 2) {
        int64_t half = n / 2;
        orion_ir_value low = mil_slice_axis(r, x, last, 0, half);
        orion_ir_value high = mil_slice_axis(r, x, last, half, 2 * half);
        orion_ir_value y = orion_ir_mul(r->b, low, high);
        if (n % 2 != 0) y = mil_join(r, y, mil_slice_axis(r, x, last, n - 1, n), last);
        x = y;
    }
    return x;
}

/* The reduced axes become one, the last. */
orion_status mil_raise_reduce_prod(mil_raiser *r, statement *s, orion_ir_value *out) {
    reduction d;
    TRY(read_reduction(r, s, &d));
    orion_ir_type type = mil_raised_type(r, d.x);
    int64_t perm[ORION_IR_RANK_MAX], flat[ORION_IR_RANK_MAX + 1], dims[ORION_IR_RANK_MAX];
    size_t front = 0, kept = 0;
    int64_t total = 1;
    for (uint32_t i = 0, next = 0; i < type.rank; i++) {
        bool reduced = next < d.count && d.axes[next] == i;
        if (reduced) {
            perm[type.rank - d.count + next++] = i;
            total *= type.dims[i];
        } else {
            flat[front] = type.dims[i];
            perm[front++] = i;
        }
        if (!reduced || d.keep) dims[kept++] = reduced ? 1 : type.dims[i];
    }
    flat[front++] = total;
    if (d.count == 0) {
        *out = mil_to_dtype(r, d.x, d.dtype);
        return ORION_OK;
    }
    orion_ir_value x = orion_ir_transpose(r->b, d.x, perm, type.rank);
    x = fold_product(r, orion_ir_reshape(r->b, x, flat, front));
    *out = mil_to_dtype(r, orion_ir_reshape(r->b, x, dims, kept), d.dtype);
    return ORION_OK;
}

/* ---- running sums ---- */

/* x moved by `steps` along the axis, zeros behind it; towards the front if `back`. */
static orion_ir_value shift(mil_raiser *r, orion_ir_value x, uint32_t axis, int64_t steps,
                            bool back) {
    int64_t n = mil_raised_type(r, x).dims[axis];
    orion_ir_value rest =
        back ? mil_slice_axis(r, x, axis, steps, n) : mil_slice_axis(r, x, axis, 0, n - steps);
    return mil_pad_axis(r, rest, axis, back ? 0 : steps, back ? steps : 0);
}

/* After step k every element is the sum of the last 2^k: log2(n) additions of whole tensors, which
 * also round less than a running sum does. */
orion_status mil_raise_cumsum(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axis", "exclusive", "reverse", NULL};
    orion_ir_value x;
    uint32_t axis;
    bool given, exclusive = false, reverse = false;
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_bool(r, s, "exclusive", &given, &exclusive));
    TRY(mil_bool(r, s, "reverse", &given, &reverse));
    orion_ir_type type = mil_raised_type(r, x);
    TRY(mil_axis(r, s, "axis", type.rank, 0, &axis));
    orion_ir_value y = mil_widen(r, x);
    int64_t n = type.dims[axis];
    if (exclusive) {
        y = n == 1 ? orion_ir_sub(r->b, y, y) : shift(r, y, axis, 1, reverse);
    }
    for (int64_t step = 1; step < n; step *= 2)
        y = orion_ir_add(r->b, y, shift(r, y, axis, step, reverse));
    *out = mil_to_dtype(r, y, (orion_ir_dtype)type.dtype);
    return ORION_OK;
}
