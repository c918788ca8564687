/* SPDX-License-Identifier: MIT */
/*
 * Identity elimination: remove nodes that yield one of their operands, and join reshapes of
 * reshapes and transposes of transposes.
 *
 * Needs:  a valid graph.
 * Keeps:  every value, bit for bit (one NaN is as good as another). Therefore x + 0 goes only where
 *         the 0 is negative or the dtype an integer: -0 + 0 is 0. A sum over no axes stays for the
 *         same reason.
 *
 * The sweep visits operands before their users and redirects them, so a whole chain falls in one
 * run.
 */
#include "ir-internal.h"

#include <math.h>

/* What is known of each value, by id: asked once, because a constant may be large and used often.
 */
typedef struct splat {
    enum { UNASKED, NO, YES } is;
    double number; /* in every place, if YES */
} splat;

static bool counts_up(const ir_attr *list) {
    for (size_t i = 0; i < list->count; i++) {
        if (list->ints[i] != (int64_t)i) return false;
    }
    return true;
}

/* ---- does the node yield one of its operands? ---- */

/* Is operand i a constant with this number in every place? Zeros have a sign. */
static bool is_number(const ir_sweep *s, const orion_ir_node *n, uint32_t i, double number) {
    splat *known = (splat *)s->ctx + n->in[i];
    if (known->is == UNASKED) {
        known->is = ir_splat_of(s->g, n->in[i], &known->number) ? YES : NO;
    }
    return known->is == YES && known->number == number && signbit(known->number) == signbit(number);
}

/* The operand that an arithmetic op yields because the other one is neutral; n_in if none. */
static uint32_t beside_neutral(const ir_sweep *s, const orion_ir_node *n) {
    bool is_float = ir_is_float(ir_val(s->g, n->out)->type.dtype);
    double zero = is_float ? -0.0 : 0.0;
    switch (n->op) {
    case ORION_IR_OP_add:
        return is_number(s, n, 1, zero) ? 0 : is_number(s, n, 0, zero) ? 1 : n->n_in;
    case ORION_IR_OP_sub: return is_number(s, n, 1, 0.0) ? 0 : n->n_in;
    case ORION_IR_OP_mul: return is_number(s, n, 1, 1) ? 0 : is_number(s, n, 0, 1) ? 1 : n->n_in;
    case ORION_IR_OP_div: return is_number(s, n, 1, 1) ? 0 : n->n_in;
    default: return n->n_in;
    }
}

/* f(f(x)) = f(x). */
static bool is_idempotent(uint32_t op) {
    return op == ORION_IR_OP_abs || op == ORION_IR_OP_relu || op == ORION_IR_OP_floor ||
           op == ORION_IR_OP_round;
}

/* An op that moves elements, but none if its type is that of its operand. */
static bool moves_nothing(const orion_ir_node *n) {
    switch (n->op) {
    case ORION_IR_OP_identity:
    case ORION_IR_OP_reshape:
    case ORION_IR_OP_slice:
    case ORION_IR_OP_concat:
    case ORION_IR_OP_split:
    case ORION_IR_OP_pad:
    case ORION_IR_OP_tile:
    case ORION_IR_OP_reduce_max:
    case ORION_IR_OP_reduce_min: return true;
    case ORION_IR_OP_transpose: return counts_up(&n->attrs[IR_ATTR(transpose, perm)]);
    default: return false;
    }
}

/* The operand whose elements are those of the result if the types agree; n_in if there is none. */
static uint32_t yielded_operand(const ir_sweep *s, const orion_ir_node *n) {
    const orion_ir_node *inner = n->n_in == 0 ? NULL : ir_def(s->g, n->in[0]);
    if (moves_nothing(n)) return 0;
    if (is_idempotent(n->op) && inner != NULL && inner->op == n->op) return 0;
    if (n->op == ORION_IR_OP_select && n->in[1] == n->in[2]) return 1;
    if ((n->op == ORION_IR_OP_max || n->op == ORION_IR_OP_min) && n->in[0] == n->in[1]) return 0;
    return beside_neutral(s, n);
}

/* ---- chains ---- */

/* reshape of reshape: only the last shape counts. */
static void skip_reshape(ir_sweep *s, orion_ir_node *n, const orion_ir_node *inner) {
    n->in[0] = inner->in[0];
    s->changed = true;
}

/* transpose of transpose: result dim i is x dim inner[outer[i]]. */
static orion_status join_transposes(ir_sweep *s, orion_ir_node *n, const orion_ir_node *inner) {
    ir_attr *outer = &n->attrs[IR_ATTR(transpose, perm)];
    const ir_attr *first = &inner->attrs[IR_ATTR(transpose, perm)];
    int64_t *perm = orn_arena_alloc(&s->g->arena, ORN_MAX(outer->count, 1) * sizeof *perm);
    if (perm == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < outer->count; i++) perm[i] = first->ints[outer->ints[i]];
    outer->ints = perm;
    n->in[0] = inner->in[0];
    s->changed = true;
    return ORION_OK;
}

/* -(-x): not for integers, whose least number has no opposite. */
static bool is_double_negation(const orion_ir_graph *g, const orion_ir_node *n,
                               const orion_ir_node *inner) {
    return n->op == ORION_IR_OP_neg && inner->op == ORION_IR_OP_neg &&
           ir_is_float(ir_val(g, n->out)->type.dtype);
}

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    const orion_ir_graph *g = s->g;
    const orion_ir_node *inner = n->n_in == 0 ? NULL : ir_def(g, n->in[0]);
    if (inner != NULL && inner->op == n->op) {
        if (n->op == ORION_IR_OP_reshape) skip_reshape(s, n, inner);
        if (n->op == ORION_IR_OP_transpose) TRY(join_transposes(s, n, inner));
        if (is_double_negation(g, n, inner)) return ir_sweep_replace(s, n->out, inner->in[0]);
    }
    uint32_t i = yielded_operand(s, n);
    if (i >= n->n_in) return ORION_OK;
    if (!orion_ir_type_equal(&ir_val(g, n->in[i])->type, &ir_val(g, n->out)->type)) return ORION_OK;
    return ir_sweep_replace(s, n->out, n->in[i]);
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    const orion_allocator *a = &g->arena.allocator;
    size_t bytes = g->value_count * sizeof(splat);
    splat *splats = orn_zalloc(a, bytes);
    if (splats == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ir_sweep_graph(g, visit, splats, changed);
    orn_free(a, splats, bytes);
    return status;
}

const ir_pass ir_pass_identity = {
    .name = "identity",
    .doc = "remove nodes that yield one of their operands; join chains of reshapes and transposes",
    .shrinks = true,
    .run = run,
};
