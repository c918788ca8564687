/* SPDX-License-Identifier: MIT */
/*
 * topk and argsort of few elements. The IR does not sort: the best element is taken k times, each
 * time without those that were taken. Of equal elements the first comes first.
 */
#include "mil-raise.h"

#include <math.h>

typedef const orion_mil_statement statement;

enum { BEST_MAX = 64 };

typedef struct choice {
    orion_ir_value x, places; /* places: 0, 1 ... along the axis */
    orion_ir_value left;      /* bool: not taken yet; id 0: all are left */
    uint32_t axis;
    int64_t extent;
    double worst; /* what is never better than an element */
    bool ascending;
} choice;

static orion_ir_value best_along(mil_raiser *r, orion_ir_value x, uint32_t axis, bool least) {
    const int64_t axes[] = {axis};
    return least ? orion_ir_reduce_min(r->b, x, axes, 1, 1)
                 : orion_ir_reduce_max(r->b, x, axes, 1, 1);
}

/* The best value that is left, and its place; both keep the axis. */
static void take_best(mil_raiser *r, choice *c, orion_ir_value *value, orion_ir_value *place) {
    orion_ir_value y = c->x;
    orion_ir_dtype dtype = mil_dtype_of(r, y);
    if (c->left.id != 0) y = orion_ir_select(r->b, c->left, y, mil_scalar(r, dtype, c->worst));
    *value = best_along(r, y, c->axis, c->ascending);
    orion_ir_value hit = orion_ir_equal(r->b, y, *value);
    if (c->left.id != 0) hit = orion_ir_logical_and(r->b, hit, c->left);
    orion_ir_value none = mil_scalar(r, ORION_IR_I32, (double)c->extent - 1);
    *place = best_along(r, orion_ir_select(r->b, hit, c->places, none), c->axis, true);
    orion_ir_value other = orion_ir_logical_not(r->b, orion_ir_equal(r->b, c->places, *place));
    c->left = c->left.id == 0 ? other : orion_ir_logical_and(r->b, c->left, other);
}

static orion_ir_value joined(mil_raiser *r, const orion_ir_value *parts, int64_t count,
                             uint32_t axis) {
    orion_ir_attr attr = orion_ir_attr_int("axis", axis);
    return orion_ir_build(r->b, ORION_IR_OP_concat, parts, (size_t)count, &attr, 1);
}

/* Values and places of the k best. */
static orion_status take(mil_raiser *r, statement *s, choice *c, int64_t k, orion_ir_value *values,
                         orion_ir_value *places) {
    orion_ir_value v[BEST_MAX], p[BEST_MAX];
    int64_t dims[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    int32_t *list;
    orion_ir_type type = mil_raised_type(r, c->x);
    if (k < 1 || k > ORN_MIN(c->extent, BEST_MAX)) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "the IR does not sort: at most %d elements can be taken out of at least "
                          "as many, not %lld of %lld",
                          BEST_MAX, (long long)k, (long long)c->extent);
    }
    bool floats = mil_is_float((orion_ir_dtype)type.dtype);
    c->worst = floats ? (double)INFINITY : (double)INT32_MAX;
    if (!c->ascending) c->worst = floats ? -c->worst : (double)INT32_MIN;
    TRY(mil_new_indices(r, s, c->extent, &list));
    for (int64_t i = 0; i < c->extent; i++) list[i] = (int32_t)i;
    dims[c->axis] = c->extent;
    orion_ir_type steps = orion_ir_type_make(ORION_IR_I32, type.rank, dims);
    c->places = orion_ir_constant(r->b, steps, list, (size_t)c->extent * sizeof *list);
    for (int64_t i = 0; i < k; i++) take_best(r, c, &v[i], &p[i]);
    *values = joined(r, v, k, c->axis);
    *places = joined(r, p, k, c->axis);
    return ORION_OK;
}

/* x, widened if it is an integer, and the axis. */
static orion_status read_choice(mil_raiser *r, statement *s, choice *c) {
    bool given;
    *c = (choice){.ascending = false};
    TRY(mil_operand(r, s, "x", false, &c->x));
    orion_ir_type type = mil_raised_type(r, c->x);
    TRY(mil_axis(r, s, "axis", type.rank, -1, &c->axis));
    TRY(mil_bool(r, s, "ascending", &given, &c->ascending));
    c->extent = type.dims[c->axis];
    if (!mil_is_float((orion_ir_dtype)type.dtype)) c->x = mil_widen(r, c->x);
    return ORION_OK;
}

/* Places in the integer type that result k is declared with. */
static orion_ir_value as_declared(mil_raiser *r, statement *s, uint32_t k, orion_ir_value places) {
    orion_ir_type type;
    bool known = k < s->result_count && mil_raise_type(s->results[k].type, &type) == ORION_OK;
    return known ? mil_to_dtype(r, places, (orion_ir_dtype)type.dtype) : places;
}

orion_status mil_raise_topk(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {
        "x", "k", "axis", "ascending", "sort", "return_indices", "output_indices_dtype", NULL};
    choice c;
    int64_t k = 1;
    bool given;
    orion_ir_value places;
    TRY(mil_only(r, s, names));
    TRY(read_choice(r, s, &c));
    TRY(mil_int(r, s, "k", &given, &k));
    orion_ir_value x;
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(take(r, s, &c, k, out, &places));
    *out = mil_to_dtype(r, *out, mil_dtype_of(r, x));
    r->second = as_declared(r, s, 1, places);
    return ORION_OK;
}

orion_status mil_raise_argsort(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "axis", "ascending", "output_dtype", NULL};
    choice c;
    orion_ir_value values;
    TRY(mil_only(r, s, names));
    TRY(read_choice(r, s, &c));
    TRY(take(r, s, &c, c.extent, &values, out));
    *out = as_declared(r, s, 0, *out);
    return ORION_OK;
}
