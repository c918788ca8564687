/* SPDX-License-Identifier: MIT */
/* Products: matmul of vectors, einsum. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* ---- matmul ---- */

/* A vector is a row on the left and a column on the right; its axis is gone in the result. */
static orion_ir_value as_matrix(mil_raiser *r, orion_ir_value x, bool left) {
    int64_t n = mil_raised_type(r, x).dims[0];
    const int64_t dims[2] = {left ? 1 : n, left ? n : 1};
    return orion_ir_reshape(r->b, x, dims, 2);
}

orion_status mil_raise_matmul(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "y", "transpose_x", "transpose_y", NULL};
    orion_ir_value x, y;
    bool given, tx = false, ty = false, drop[ORION_IR_RANK_MAX] = {false};
    TRY(mil_only(r, s, names));
    TRY(mil_operand(r, s, "x", false, &x));
    TRY(mil_operand(r, s, "y", false, &y));
    bool row = mil_raised_type(r, x).rank == 1, column = mil_raised_type(r, y).rank == 1;
    if (!row && !column) return mil_raise_generic(r, s, out);
    TRY(mil_bool(r, s, "transpose_x", &given, &tx));
    TRY(mil_bool(r, s, "transpose_y", &given, &ty));
    if (row) x = as_matrix(r, x, true);
    if (column) y = as_matrix(r, y, false);
    *out = orion_ir_matmul(r->b, x, y, tx && !row, ty && !column);
    uint32_t rank = mil_raised_type(r, *out).rank;
    if (r->broken) return ORION_OK;
    drop[rank - 2] = row;
    drop[rank - 1] = column;
    return mil_drop_axes(r, s, *out, drop, out);
}

/* ---- einsum ---- */

/*
 * Each letter of the equation belongs to one of four kinds, by where it stands: in both operands
 * and the result (a batch), in both operands only (summed over), in one operand and the result, in
 * one operand alone (summed over beforehand). Brought into the order batch, own, summed and batch,
 * summed, own, the operands are one product of matrices.
 */
typedef struct term {
    char letters[ORION_IR_RANK_MAX + 1];
    uint32_t count;
} term;

typedef struct equation {
    term in[2], out;
    int64_t extents[128]; /* by letter */
} equation;

static bool has(const term *t, char letter) {
    return memchr(t->letters, letter, t->count) != NULL;
}

static void append(term *t, char letter) {
    t->letters[t->count++] = letter; /* no term has more letters than both operands together */
}

/* "bqd,bkd->bqk" in three terms; false if it is not of that form. */
static bool split_equation(const char *text, equation *e) {
    term *terms[] = {&e->in[0], &e->in[1], &e->out};
    size_t k = 0;
    for (const char *c = text; *c != '\0'; c++) {
        bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
        if (*c == ' ') continue;
        if (k == 0 && *c == ',') {
            k = 1;
        } else if (k == 1 && *c == '-' && c[1] == '>') {
            k = 2;
            c++;
        } else if (letter && terms[k]->count < ORION_IR_RANK_MAX && !has(terms[k], *c)) {
            append(terms[k], *c);
        } else {
            return false;
        }
    }
    return k == 2;
}

static orion_status read_extents(mil_raiser *r, statement *s, equation *e, size_t k,
                                 const orion_ir_type *type) {
    bool fits = type->rank == e->in[k].count;
    for (uint32_t i = 0; i < type->rank && fits; i++) {
        int64_t *extent = &e->extents[(unsigned char)e->in[k].letters[i]];
        fits = *extent == 0 || *extent == type->dims[i];
        *extent = type->dims[i];
    }
    return fits ? ORION_OK
                : mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                             "operand %zu does not have the axes that the equation gives it", k);
}

/* x without the letters that stand nowhere else, and its term without them. */
static orion_ir_value sum_own(mil_raiser *r, orion_ir_value x, term *t, const term *other,
                              const term *out) {
    int64_t axes[ORION_IR_RANK_MAX];
    size_t count = 0;
    term kept = {.count = 0};
    for (uint32_t i = 0; i < t->count; i++) {
        if (has(other, t->letters[i]) || has(out, t->letters[i])) {
            append(&kept, t->letters[i]);
        } else {
            axes[count++] = i;
        }
    }
    *t = kept;
    return count == 0 ? x : orion_ir_reduce_sum(r->b, x, axes, count, 0);
}

/* x with its axes in the order of `to`, which has the same letters. */
static orion_ir_value in_order(mil_raiser *r, orion_ir_value x, const term *from, const term *to) {
    int64_t perm[ORION_IR_RANK_MAX];
    bool same = true;
    for (uint32_t i = 0; i < to->count; i++) {
        perm[i] = (const char *)memchr(from->letters, to->letters[i], from->count) - from->letters;
        same = same && perm[i] == i;
    }
    return same ? x : orion_ir_transpose(r->b, x, perm, to->count);
}

/* The letters of `from` that pass the two questions, behind those of `to`; product of extents. */
static int64_t choose(const equation *e, const term *from, const term *other, bool in_other,
                      bool in_out, term *to) {
    int64_t extent = 1;
    for (uint32_t i = 0; i < from->count; i++) {
        char letter = from->letters[i];
        if (has(other, letter) != in_other || has(&e->out, letter) != in_out) continue;
        append(to, letter);
        extent *= e->extents[(unsigned char)letter];
    }
    return extent;
}

static orion_ir_value einsum(mil_raiser *r, const equation *e, orion_ir_value x, orion_ir_value y) {
    const term *a = &e->in[0], *b = &e->in[1];
    term left = {.count = 0}, right = left, result = left;
    int64_t dims[ORION_IR_RANK_MAX + 2];
    (void)choose(e, a, b, true, true, &left);
    right = result = left;
    uint32_t batch = left.count;
    for (uint32_t i = 0; i < batch; i++) dims[i] = e->extents[(unsigned char)left.letters[i]];
    int64_t rows = choose(e, a, b, false, true, &left);
    int64_t inner = choose(e, a, b, true, false, &left);
    (void)choose(e, a, b, true, false, &right);
    int64_t columns = choose(e, b, a, false, true, &right);
    (void)choose(e, a, b, false, true, &result);
    (void)choose(e, b, a, false, true, &result);
    dims[batch] = rows;
    dims[batch + 1] = inner;
    x = orion_ir_reshape(r->b, in_order(r, x, a, &left), dims, batch + 2);
    dims[batch] = inner;
    dims[batch + 1] = columns;
    y = orion_ir_reshape(r->b, in_order(r, y, b, &right), dims, batch + 2);
    orion_ir_value z = orion_ir_matmul(r->b, x, y, 0, 0);
    for (uint32_t i = 0; i < result.count; i++)
        dims[i] = e->extents[(unsigned char)result.letters[i]];
    z = orion_ir_reshape(r->b, z, dims, result.count);
    return in_order(r, z, &result, &e->out);
}

orion_status mil_raise_einsum(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"values", "equation", NULL};
    const orion_ir_value *values;
    size_t count;
    const char *text;
    equation e = {.out.count = 0};
    TRY(mil_only(r, s, names));
    TRY(mil_operands(r, s, "values", &values, &count));
    TRY(mil_string(r, s, "equation", NULL, &text));
    bool good = count == 2 && split_equation(text, &e);
    for (uint32_t i = 0; i < e.out.count && good; i++)
        good = has(&e.in[0], e.out.letters[i]) || has(&e.in[1], e.out.letters[i]);
    if (!good) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "'%s' is not of the form ab,bc->ac with two operands and no letter twice "
                          "in a term",
                          text);
    }
    for (size_t k = 0; k < 2; k++) {
        orion_ir_type type = mil_raised_type(r, values[k]);
        TRY(read_extents(r, s, &e, k, &type));
    }
    orion_ir_value x = sum_own(r, values[0], &e.in[0], &e.in[1], &e.out);
    orion_ir_value y = sum_own(r, values[1], &e.in[1], &e.in[0], &e.out);
    *out = einsum(r, &e, x, y);
    return ORION_OK;
}
