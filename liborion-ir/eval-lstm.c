/* SPDX-License-Identifier: MIT */
/* The reference interpreter's LSTM, as its row in ir-ops.def says it. */
#include "eval-internal.h"

#include <math.h>

static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}

static double dot(const double *x, const double *y, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) sum += x[i] * y[i];
    return sum;
}

/* The gates of one row of the batch: 4H numbers from x and h. */
static void gates_of(const ir_eval *e, const double *x, const double *h, double *gates) {
    int64_t count = ir_eval_in_type(e, 3)->dims[0], d = ir_eval_in_type(e, 3)->dims[1];
    for (int64_t i = 0; i < count; i++) {
        double bias = e->node->n_in == 6 ? ir_eval_in(e, 5)[i] : 0;
        gates[i] = dot(ir_eval_in(e, 3) + i * d, x, d) +
                   dot(ir_eval_in(e, 4) + i * (count / 4), h, count / 4) + bias;
    }
}

static void advance(const double *gates, double *h, double *c, int64_t size) {
    const double *in = gates, *forget = in + size, *out = forget + size, *cell = out + size;
    for (int64_t i = 0; i < size; i++) {
        c[i] = sigmoid(forget[i]) * c[i] + sigmoid(in[i]) * tanh(cell[i]);
        h[i] = sigmoid(out[i]) * tanh(c[i]);
    }
}

static void run(ir_eval *e, double *gates) {
    const orion_ir_type *x = ir_eval_in_type(e, 0);
    int64_t steps = x->dims[0], batch = x->dims[1], d = x->dims[2];
    int64_t size = ir_eval_in_type(e, 1)->dims[1];
    size_t state = (size_t)(batch * size) * sizeof(double);
    double *h = ir_eval_out(e, 1), *c = ir_eval_out(e, 2);
    bool reverse = e->node->attrs[IR_ATTR(lstm, reverse)].i != 0;
    memcpy(h, ir_eval_in(e, 1), state);
    memcpy(c, ir_eval_in(e, 2), state);
    for (int64_t i = 0; i < steps; i++) {
        int64_t t = reverse ? steps - 1 - i : i;
        for (int64_t n = 0; n < batch; n++) {
            gates_of(e, ir_eval_in(e, 0) + (t * batch + n) * d, h + n * size, gates);
            advance(gates, h + n * size, c + n * size, size);
        }
        memcpy(ir_eval_out(e, 0) + t * batch * size, h, state);
    }
}

orion_status ir_eval_lstm(ir_eval *e) {
    const orion_allocator *a = &e->graph->arena.allocator;
    size_t bytes = (size_t)ir_eval_in_type(e, 3)->dims[0] * sizeof(double); /* 4H < 2^31 */
    double *gates = orn_alloc(a, bytes);
    if (gates == NULL) return ORION_ERROR_NO_MEMORY;
    run(e, gates);
    orn_free(a, gates, bytes);
    return ORION_OK;
}
