/* SPDX-License-Identifier: MIT */
/* What the tests of autodiff share: finite differences of a graph in f64. */
#include "grad-support.h"

#include "graphs.h"

#include <math.h>

static const double relative = 1e-6, absolute = 1e-9;

orion_ir_graph *grad_graph(const orion_ir_graph *g, const orion_ir_grad_options *options) {
    orion_ir_graph *grad;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_grad(g, options, NULL, diag, &grad), diag);
    assert_ok(orion_ir_verify(grad, diag), diag);
    orion_diag_destroy(&diag);
    return grad;
}

size_t output_at(const orion_ir_graph *g, const char *name) {
    size_t count = orion_ir_graph_output_count(g);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(orion_ir_graph_output_name(g, i), name) == 0) return i;
    }
    fail_msg("no output %s", name);
    return count;
}

/* One number that depends on the inputs: the output times the seed. */
typedef struct objective {
    const orion_ir_graph *graph;
    op_buffers *in;
    size_t output;
    const double *seed; /* NULL: 1 */
} objective;

static double value_of(const objective *o) {
    op_buffers out = op_eval(o->graph, ORION_IR_EVAL_EXACT, o->in);
    double sum = 0;
    for (size_t i = 0; i < out.elements[o->output]; i++) {
        sum += out.data[o->output][i] * (o->seed == NULL ? 1 : o->seed[i]);
    }
    op_buffers_free(&out);
    return sum;
}

/* Central differences of fourth order: the error is about h^4. */
static double difference(const objective *o, double *x) {
    const double h = 1e-3, at = *x;
    double f[4];
    const double offsets[] = {-2 * h, -h, h, 2 * h};
    for (int i = 0; i < 4; i++) {
        *x = at + offsets[i];
        f[i] = value_of(o);
    }
    *x = at;
    return (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h);
}

static void check_input(const objective *o, size_t input, const char *name,
                        const double *gradient) {
    for (size_t i = 0; i < o->in->elements[input]; i++) {
        double want = difference(o, &o->in->data[input][i]);
        if (fabs(gradient[i] - want) <= absolute + relative * fabs(want)) continue;
        fail_msg("grad_%s[%zu] is %.12g, by differences %.12g", name, i, gradient[i], want);
    }
}

/* The outputs of the source come first and have not changed, but for the f32 scale of an attention
 * in parts. */
static void check_outputs(const orion_ir_graph *g, const op_buffers *in, const op_buffers *out) {
    op_buffers want = op_eval(g, ORION_IR_EVAL_EXACT, in);
    for (size_t i = 0; i < want.count; i++) {
        assert_doubles_near(out->data[i], want.data[i], want.elements[i], 1e-7, 1e-7);
    }
    op_buffers_free(&want);
}

void check_gradients(const orion_ir_graph *g, const orion_ir_grad_options *options,
                     op_buffers *in) {
    char *before = graph_text(g);
    orion_ir_graph *grad = grad_graph(g, options);
    assert_round_trip(grad);
    size_t inputs = orion_ir_graph_input_count(g), outputs = orion_ir_graph_output_count(g);
    const char *name = options == NULL || options->output == NULL ? orion_ir_graph_output_name(g, 0)
                                                                  : options->output;
    op_buffers all = op_inputs_of(grad);
    for (size_t i = 0; i < inputs; i++) {
        memcpy(all.data[i], in->data[i], in->elements[i] * sizeof(double));
    }
    bool seeded = options != NULL && options->seed != NULL;
    assert_int_equal(all.count, inputs + seeded);
    uint64_t state = 7;
    for (size_t i = 0; seeded && i < all.elements[inputs]; i++) {
        all.data[inputs][i] = test_random_unit(&state);
    }
    op_buffers out = op_eval(grad, ORION_IR_EVAL_EXACT, &all);
    check_outputs(g, in, &out);
    objective o = {g, in, output_at(g, name), seeded ? all.data[inputs] : NULL};
    for (size_t i = outputs; i < out.count; i++) {
        const char *wanted = orion_ir_graph_output_name(grad, i) + strlen("grad_");
        uint32_t id = ir_find_name(g, wanted, strlen(wanted));
        size_t input = 0;
        while (input < inputs && g->inputs[input] != id) input++;
        assert_true(input < inputs);
        orion_ir_type type = orion_ir_value_type(grad, orion_ir_graph_output(grad, i));
        assert_true(orion_ir_type_equal(&type, &ir_val(g, id)->type));
        check_input(&o, input, wanted, out.data[i]);
    }
    char *after = graph_text(g);
    assert_string_equal(before, after);
    free(before);
    free(after);
    op_buffers_free(&all);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&grad);
}
