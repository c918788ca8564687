/* SPDX-License-Identifier: MIT */
/* Weights as constants, as inputs and packed give equal results on the CPU device. */
#include "ane-support.h"

#include "../mil/models.h"

/* The outputs of a graph as the inputs of another. */
static op_buffers evaluated(const orion_ir_graph *g, const op_buffers *in) {
    return op_eval(g, ORION_IR_EVAL_ROUNDED, in);
}

static void assert_same(const op_buffers *a, const op_buffers *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++)
        assert_doubles_near(a->data[i], b->data[i], a->elements[i], 1e-6, 1e-5);
}

/* The graph placed, run on the device behind what its `before` gives. */
static void check(orion_ane_device *device, const orion_ir_graph *graph,
                  orion_mil_placement placement, const op_buffers *in, const op_buffers *wanted) {
    orion_ir_graph *before, *placed;
    assert_ok(orion_mil_place(graph, placement, NULL, NULL, NULL, &before, &placed), NULL);
    op_buffers between = evaluated(before, in), out = ane_eval(device, placed, &between);
    assert_same(&out, wanted);
    op_buffers_free(&between);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&before);
    orion_ir_graph_destroy(&placed);
}

static void test_placements(void **state) {
    (void)state;
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 2);
    const model_shape *const shapes[] = {&model_gpt2, &model_stories110m, &model_qwen3};
    for (size_t s = 0; s < 3; s++) {
        model_shape small = model_small(shapes[s], 2);
        small.constants = true;
        orion_ir_graph *graph = model_graph(&small, MODEL_LOGITS);
        op_buffers in = op_inputs_of(graph);
        for (size_t i = 0; i < in.count; i++) {
            for (size_t k = 0; k < in.elements[i]; k++) in.data[i][k] = (double)k;
        }
        op_buffers wanted = ane_eval(device, graph, &in);
        check(device, graph, ORION_MIL_PLACE_INPUT, &in, &wanted);
        check(device, graph, ORION_MIL_PLACE_PACKED, &in, &wanted);
        op_buffers_free(&wanted);
        op_buffers_free(&in);
        orion_ir_graph_destroy(&graph);
    }
    orion_ane_device_unref(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_placements)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
