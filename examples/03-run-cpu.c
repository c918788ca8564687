/* SPDX-License-Identifier: MIT */
/* Build a graph, compile it for the CPU device, run it. This is the program in README.md. */
#include <orion/ane.h>
#include <stdio.h>

int main(void) {
    orion_ir_builder *b = NULL;
    orion_ir_graph *graph = NULL;
    orion_ane_device *device = NULL;
    orion_ane_program *program = NULL;
    orion_ane_run *run = NULL;
    orion_ane_tensor *x = NULL, *y = NULL;
    const int64_t row[] = {1, 2}, square[] = {2, 2};
    const float identity[] = {1, 0, 0, 1}, data[] = {1, -1};
    float result[2] = {0, 0};

    orion_status s = orion_ir_builder_create("demo", NULL, &b);
    if (s != ORION_OK) return 1;
    orion_ir_value in = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, row));
    orion_ir_value w = orion_ir_constant(b, orion_ir_type_make(ORION_IR_F32, 2, square), identity,
                                         sizeof identity);
    orion_ir_output(b, "y", orion_ir_silu(b, orion_ir_linear(b, in, w)));
    s = orion_ir_builder_finish(&b, NULL, &graph); /* the first error of all the calls above */

    if (s == ORION_OK) s = orion_ane_device_open(NULL, NULL, &device);
    if (s == ORION_OK) s = orion_ane_program_compile_graph(device, graph, NULL, &program);
    if (s == ORION_OK) s = orion_ane_tensor_create_for(program, "x", NULL, &x);
    if (s == ORION_OK) s = orion_ane_tensor_create_for(program, "y", NULL, &y);
    if (s == ORION_OK) s = orion_ane_run_create(program, &run);
    if (s == ORION_OK) s = orion_ane_run_bind(run, "x", x, NULL);
    if (s == ORION_OK) s = orion_ane_run_bind(run, "y", y, NULL);
    if (s == ORION_OK) s = orion_ane_tensor_write(x, ORION_IR_F32, data, sizeof data, NULL);
    if (s == ORION_OK) s = orion_ane_run_execute(run, NULL);
    if (s == ORION_OK) s = orion_ane_tensor_read(y, ORION_IR_F32, result, sizeof result, NULL);
    printf("%s: %.4f %.4f\n", orion_status_string(s), (double)result[0], (double)result[1]);

    orion_ane_run_destroy(&run);
    orion_ane_tensor_unref(&x);
    orion_ane_tensor_unref(&y);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    orion_ir_graph_destroy(&graph);
    return s == ORION_OK ? 0 : 1;
}
