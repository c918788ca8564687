/* SPDX-License-Identifier: MIT */
/*
 * Products as 1x1 convs, for targets that are said to have no matmul, however doubtful that is.
 *
 * Needs:  products within the limits (limits).
 * Keeps:  every value.
 *
 * [M, K] x [K, N] is the conv of an image [1, K, 1, M] with weights [N, K, 1, 1], whose result is
 * [1, N, 1, M]. G products side by side, as the heads of attention are, are one conv in G groups:
 * image [1, G*K, 1, M], weights [G*N, K, 1, 1]. Weights may be computed, for the batch is 1 (rule
 * What is laid out the other way is transposed. Products of the host stay as they are.
 */
#include "../mil-legal.h"

/* A matrix, or as many of them as there are groups. */
typedef struct matrices {
    orion_ir_value v;
    orion_ir_type type;
    int64_t groups, rows, columns; /* after transposing */
    bool transposed;
} matrices;

static matrices operand(const mil_rewrite *r, const orion_ir_node *n, size_t i, const char *flag) {
    matrices m = {.v = mil_mapped(r, n, i), .groups = 1};
    m.type = mil_type_of(r->b, m.v);
    m.transposed = orion_ir_node_int(n, flag) != 0;
    if (m.type.rank < 2) return m;
    m.rows = m.type.dims[m.type.rank - 2];
    m.columns = m.type.dims[m.type.rank - 1];
    for (uint32_t k = 0; k + 2 < m.type.rank; k++) m.groups *= m.type.dims[k];
    if (m.transposed) {
        int64_t rows = m.rows;
        m.rows = m.columns;
        m.columns = rows;
    }
    return m;
}

/* The operand with its last two axes as the conv wants them: [G, columns, rows] if `columns_first`,
 * else [G, rows, columns]. */
static orion_ir_value laid_out(mil_rewrite *r, const matrices *m, bool columns_first) {
    int64_t a = m->transposed ? m->columns : m->rows, b = m->transposed ? m->rows : m->columns;
    orion_ir_value v = MIL_RESHAPE(r->b, m->v, m->groups, a, b);
    if (m->transposed == columns_first) return v;
    return orion_ir_transpose(r->b, v, (const int64_t[]){0, 2, 1}, 3);
}

/* Is there one matrix, for all of the other operand's? */
static bool is_single(const matrices *m) {
    return m->groups == 1;
}

/* As many matrices as the result has, by repeating those that broadcast. */
static void repeat_to(mil_rewrite *r, matrices *m, const orion_ir_type *out) {
    int64_t dims[ORION_IR_RANK_MAX] = {0}, reps[ORION_IR_RANK_MAX] = {0}, groups = 1;
    uint32_t missing = out->rank - m->type.rank;
    bool repeats = false;
    for (uint32_t i = 0; i < out->rank; i++) {
        dims[i] = i < missing ? 1 : m->type.dims[i - missing];
        reps[i] = i + 2 < out->rank ? out->dims[i] / dims[i] : 1;
        if (i + 2 < out->rank) groups *= out->dims[i];
        repeats |= reps[i] != 1;
    }
    m->groups = groups;
    if (!repeats) return;
    orion_ir_attr a = orion_ir_attr_ints("reps", reps, out->rank);
    m->v = mil_reshape(r->b, m->v, dims, out->rank);
    m->v = orion_ir_build(r->b, ORION_IR_OP_tile, &m->v, 1, &a, 1);
}

/* All matrices as one, their rows under each other. */
static void stack_rows(mil_rewrite *r, matrices *m) {
    if (m->transposed) {
        m->v = MIL_RESHAPE(r->b, m->v, m->groups, m->columns, m->rows);
        m->v = orion_ir_transpose(r->b, m->v, (const int64_t[]){0, 2, 1}, 3);
        m->transposed = false;
    }
    m->rows *= m->groups;
    m->groups = 1;
}

/* Does the target's file refuse matmul, doubtful or not? */
static bool has_no_matmul(const orion_mil_target *t) {
    for (size_t i = 0; i < t->op_count; i++) {
        if (strcmp(t->ops[i].op, "matmul") == 0) return mil_rule_holds(t, t->ops[i].rule);
    }
    return false;
}

static bool within_limits(const mil_rewrite *r, const matrices *x, const matrices *y) {
    return (uint64_t)(x->groups * x->columns) <=
               mil_target_limit(r->target, MIL_LIMIT_CONV_INPUT_CHANNELS) &&
           (uint64_t)(y->groups * y->columns) <=
               mil_target_limit(r->target, MIL_LIMIT_CONV_OUTPUT_CHANNELS) &&
           (uint64_t)x->rows <= mil_target_limit(r->target, MIL_LIMIT_WIDTH);
}

static orion_status visit(mil_rewrite *r, const orion_ir_node *n) {
    const mil_sides *sides = r->ctx;
    if (orion_ir_node_op(n) != ORION_IR_OP_matmul || mil_node_side(sides, n) != MIL_SIDE_DEVICE)
        return mil_keep(r, n);
    matrices x = operand(r, n, 0, "transpose_x"), y = operand(r, n, 1, "transpose_y");
    orion_ir_type out = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    if (x.rows == 0 || y.rows == 0) return mil_keep(r, n);
    if (is_single(&y) && !is_single(&x)) {
        stack_rows(r, &x);
    } else if (!is_single(&x) || !is_single(&y)) {
        repeat_to(r, &x, &out);
        repeat_to(r, &y, &out);
    }
    if (!within_limits(r, &x, &y)) return mil_keep(r, n);
    orion_ir_value image = laid_out(r, &x, true), weights = laid_out(r, &y, true);
    image = MIL_RESHAPE(r->b, image, 1, x.groups * x.columns, 1, x.rows);
    weights = MIL_RESHAPE(r->b, weights, y.groups * y.columns, y.rows, 1, 1);
    const orion_ir_value in[] = {image, weights};
    const orion_ir_attr groups = orion_ir_attr_int("groups", x.groups);
    orion_ir_value v = orion_ir_build(r->b, ORION_IR_OP_conv, in, 2, &groups, 1);
    v = MIL_RESHAPE(r->b, v, x.groups, y.columns, x.rows);
    v = orion_ir_transpose(r->b, v, (const int64_t[]){0, 2, 1}, 3);
    return MIL_REPLACE(r, n, mil_reshape(r->b, v, out.dims, out.rank));
}

static orion_status run(const orion_ir_graph *g, const orion_mil_target *target,
                        const mil_side_options *options, const orion_allocator *allocator,
                        orion_diag *diag, orion_ir_graph **out, bool *changed) {
    mil_sides sides;
    *out = NULL;
    *changed = false;
    if (!has_no_matmul(target)) return orion_ir_graph_clone(g, allocator, out);
    TRY(mil_sides_find(g, target, options, allocator, &sides));
    orion_status status =
        mil_rewrite_graph(g, target, visit, &sides, allocator, diag, out, changed);
    mil_sides_free(&sides);
    return status;
}

const mil_pass mil_pass_conv = {
    .name = "conv",
    .doc = "write products as 1x1 convs where the target is said to have no matmul",
    .run = run,
};
