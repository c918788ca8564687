/* SPDX-License-Identifier: MIT */
/* Build a graph, differentiate it, print both as .oir text, evaluate one. */
#include <orion/ir.h>
#include <stdio.h>

enum { ROWS = 2, IN = 3, OUT = 4 };

/* loss = mean over all of silu(x w^T), a scalar. */
static orion_status build(orion_diag *diag, orion_ir_graph **out_graph) {
    const int64_t x_shape[] = {ROWS, IN}, w_shape[] = {OUT, IN}, axes[] = {0, 1};
    orion_ir_builder *b = NULL;
    orion_status s = orion_ir_builder_create("layer", NULL, &b);
    if (s != ORION_OK) return s;
    /* No call needs checking: errors are sticky, and finish reports the first one. */
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, x_shape));
    orion_ir_value w = orion_ir_input(b, "w", orion_ir_type_make(ORION_IR_F32, 2, w_shape));
    orion_ir_value y = orion_ir_silu(b, orion_ir_linear(b, x, w));
    orion_ir_output(b, "loss", orion_ir_reduce_mean(b, y, axes, 2, 0));
    return orion_ir_builder_finish(&b, diag, out_graph);
}

static orion_status evaluate(const orion_ir_graph *gradient, orion_diag *diag) {
    const double x[ROWS * IN] = {1, 2, 3, -1, 0, 1};
    const double w[OUT * IN] = {0.5, 0, 0, 0, 0.5, 0, 0, 0, 0.5, 0.1, 0.1, 0.1};
    double loss = 0, grad_x[ROWS * IN] = {0}, grad_w[OUT * IN] = {0};
    const double *inputs[] = {x, w};
    double *outputs[] = {&loss, grad_x, grad_w}; /* loss, then one gradient per input */
    orion_status s = orion_ir_eval(gradient, ORION_IR_EVAL_EXACT, inputs, outputs, diag);
    if (s != ORION_OK) return s;
    printf("\nloss %.6f, d loss / d x =", loss);
    for (int i = 0; i < ROWS * IN; i++) printf(" %.4f", grad_x[i]);
    printf("\n");
    return ORION_OK;
}

int main(void) {
    orion_diag *diag = NULL;
    orion_ir_graph *graph = NULL, *gradient = NULL;
    const orion_writer out = orion_writer_fd(1), err = orion_writer_fd(2);

    orion_status s = orion_diag_create(NULL, &diag);
    if (s == ORION_OK) s = build(diag, &graph);
    if (s == ORION_OK) s = orion_ir_print(graph, &out);
    if (s == ORION_OK) s = orion_ir_grad(graph, NULL, NULL, diag, &gradient);
    if (s == ORION_OK) s = orion_ir_run_passes(gradient, "default", NULL, diag, NULL);
    if (s == ORION_OK) s = orion_ir_print(gradient, &out);
    if (s == ORION_OK) s = evaluate(gradient, diag);
    if (s != ORION_OK) {
        fprintf(stderr, "%s\n", orion_status_string(s));
        if (orion_diag_print(diag, &err) != ORION_OK) fprintf(stderr, "(no diagnostics)\n");
    }
    orion_ir_graph_destroy(&gradient);
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    return s == ORION_OK ? 0 : 1;
}
