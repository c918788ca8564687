/* SPDX-License-Identifier: MIT */
/* An LSTM in terms of core ops: one product for all steps of x, then step after step. */
#include "decompose.h"

typedef struct lstm {
    orion_ir_builder *b;
    int64_t steps, batch, size;  /* of the state */
    orion_ir_value gates;        /* what x adds to the gates: [T, N, 4H] */
    orion_ir_value weight, h, c; /* of the state; the state */
} lstm;

/* x of all steps through the weight, and the bias, [T, N, 4H]. */
static orion_ir_value gates_of(orion_ir_builder *b, const orion_ir_node *n) {
    orion_ir_value x = ir_widen(b, ir_operand(n, 0)), weight = ir_widen(b, ir_operand(n, 3));
    orion_ir_type in = ir_type_of(b, x), w = ir_type_of(b, weight);
    x = IR_RESHAPE(b, x, in.dims[0] * in.dims[1], in.dims[2]);
    orion_ir_value gates = orion_ir_matmul(b, x, weight, 0, 1);
    if (n->n_in == 6) gates = orion_ir_add(b, gates, ir_widen(b, ir_operand(n, 5)));
    return IR_RESHAPE(b, gates, in.dims[0], in.dims[1], w.dims[0]);
}

/* Gate number k, of [N, 4H]. */
static orion_ir_value gate(const lstm *s, orion_ir_value all, int64_t k) {
    const int64_t begin[] = {0, k * s->size}, dims[] = {s->batch, s->size};
    return ir_cut_out(s->b, all, begin, dims, 2);
}

static void step(lstm *s, int64_t t) {
    orion_ir_builder *b = s->b;
    const int64_t begin[] = {t, 0, 0}, dims[] = {1, s->batch, 4 * s->size};
    orion_ir_value x = ir_cut_out(b, s->gates, begin, dims, 3);
    orion_ir_value h = orion_ir_matmul(b, s->h, s->weight, 0, 1);
    orion_ir_value all = orion_ir_add(b, IR_RESHAPE(b, x, dims[1], dims[2]), h);
    orion_ir_value in = orion_ir_sigmoid(b, gate(s, all, 0));
    orion_ir_value forget = orion_ir_sigmoid(b, gate(s, all, 1));
    orion_ir_value out = orion_ir_sigmoid(b, gate(s, all, 2));
    orion_ir_value cell = orion_ir_tanh(b, gate(s, all, 3));
    orion_ir_value kept = orion_ir_mul(b, forget, s->c), added = orion_ir_mul(b, in, cell);
    s->c = orion_ir_add(b, kept, added);
    s->h = orion_ir_mul(b, out, orion_ir_tanh(b, s->c));
}

/* All steps; the states stand in `each`, one per step, as [1, N, H]. */
static void run(lstm *s, bool reverse, orion_ir_value *each) {
    for (int64_t i = 0; i < s->steps && s->b->status == ORION_OK; i++) {
        int64_t t = reverse ? s->steps - 1 - i : i;
        step(s, t);
        each[t] = IR_RESHAPE(s->b, s->h, 1, s->batch, s->size);
    }
}

void ir_decompose_lstm(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value out[3]) {
    const orion_allocator *a = &b->graph->arena.allocator;
    orion_ir_type y = ir_val(b->graph, n->out)->type;
    orion_ir_dtype dtype = (orion_ir_dtype)y.dtype;
    size_t bytes = (size_t)y.dims[0] * sizeof(orion_ir_value); /* T < 2^31 */
    orion_ir_value *each = orn_alloc(a, bytes);
    out[0] = out[1] = out[2] = (orion_ir_value){0};
    if (each == NULL) {
        ir_fail(b, ORION_ERROR_NO_MEMORY);
        return;
    }
    lstm s = {.b = b, .steps = y.dims[0], .batch = y.dims[1], .size = y.dims[2]};
    s.gates = gates_of(b, n);
    s.weight = ir_widen(b, ir_operand(n, 4));
    s.h = ir_widen(b, ir_operand(n, 1));
    s.c = ir_widen(b, ir_operand(n, 2));
    run(&s, n->attrs[IR_ATTR(lstm, reverse)].i != 0, each);
    orion_ir_attr axis = orion_ir_attr_int("axis", 0);
    orion_ir_value all =
        s.steps == 1 ? each[0]
                     : orion_ir_build(b, ORION_IR_OP_concat, each, (size_t)s.steps, &axis, 1);
    out[0] = ir_to_dtype(b, all, dtype);
    out[1] = ir_to_dtype(b, s.h, dtype);
    out[2] = ir_to_dtype(b, s.c, dtype);
    orn_free(a, each, bytes);
}
