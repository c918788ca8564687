/* SPDX-License-Identifier: MIT */
/* Out of memory in ir.h. */
#include "oom.h"

static orion_status on_ir_builder_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_builder *b = NULL;
    oom_arm(oom);
    orion_status status = orion_ir_builder_create("layer", &oom->heap.allocator, &b);
    oom_disarm(oom);
    oom_output(oom, status, b);
    orion_ir_builder_destroy(&b);
    return status;
}

/* All calls between create and finish fail silently; finish says so. */
static orion_status on_ir_builder_finish(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_builder *b = NULL;
    orion_ir_graph *graph = NULL;
    oom_prepared(orion_ir_builder_create("layer", &oom->heap.allocator, &b));
    oom_arm(oom);
    oom_build_layer(b);
    orion_status status = orion_ir_builder_finish(&b, NULL, &graph);
    oom_disarm(oom);
    oom_output(oom, status, graph);
    if (b != NULL) oom->mistake = "finish leaves the builder";
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_graph_clone(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL), *copy = NULL;
    oom_arm(oom);
    orion_status status = orion_ir_graph_clone(graph, &oom->heap.allocator, &copy);
    oom_disarm(oom);
    oom_output(oom, status, copy);
    orion_ir_graph_destroy(&copy);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_verify(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    oom_arm(oom);
    orion_status status = orion_ir_verify(graph, NULL);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_print(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    const orion_writer writer = oom_sink();
    oom_arm(oom);
    orion_status status = orion_ir_print(graph, &writer);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_parse(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *layer = oom_layer(NULL), *graph = NULL;
    orion_buffer *text = NULL;
    oom_prepared(orion_buffer_create(NULL, &text));
    const orion_writer writer = orion_buffer_writer(text);
    oom_prepared(orion_ir_print(layer, &writer));
    oom_arm(oom);
    orion_status status = orion_ir_parse(orion_buffer_data(text), orion_buffer_size(text), "layer",
                                         &oom->heap.allocator, NULL, &graph);
    oom_disarm(oom);
    oom_output(oom, status, graph);
    orion_ir_graph_destroy(&graph);
    orion_ir_graph_destroy(&layer);
    orion_buffer_destroy(&text);
    return status;
}

/* With the most that can fail: every pass, printed, parsed and verified in between. */
static orion_status on_ir_run_passes(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    const orion_writer writer = oom_sink();
    int changed = 0;
    oom_arm(oom);
    orion_status status = orion_ir_run_passes(
        graph, "decompose,default,remat(budget=0),uniform_outputs,dead_inputs",
        &(const orion_ir_pass_options){sizeof(orion_ir_pass_options), 1, 1, &writer}, NULL,
        &changed);
    oom_disarm(oom);
    oom_prepared(orion_ir_verify(graph, NULL)); /* it is valid, though perhaps half done */
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_eval(oom_case *oom, void *ctx) {
    (void)ctx;
    enum { INPUTS_MAX = 16, ELEMENTS_MAX = 128 };
    static const double zeros[ELEMENTS_MAX];
    const double *inputs[INPUTS_MAX];
    double loss = 0, *outputs[] = {&loss};
    for (size_t i = 0; i < INPUTS_MAX; i++) inputs[i] = zeros;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    assert_in_range(orion_ir_graph_input_count(graph), 1, INPUTS_MAX);
    oom_arm(oom);
    orion_status status = orion_ir_eval(graph, ORION_IR_EVAL_EXACT, inputs, outputs, NULL);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_grad(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL), *gradient = NULL;
    oom_arm(oom);
    orion_status status = orion_ir_grad(graph, NULL, &oom->heap.allocator, NULL, &gradient);
    oom_disarm(oom);
    oom_output(oom, status, gradient);
    orion_ir_graph_destroy(&gradient);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_memory_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL);
    orion_ir_memory *memory = NULL;
    oom_arm(oom);
    orion_status status = orion_ir_memory_create(graph, 0, &oom->heap.allocator, &memory);
    oom_disarm(oom);
    oom_output(oom, status, memory);
    orion_ir_memory_destroy(&memory);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_graph_used_inputs(oom_case *oom, void *ctx) {
    (void)ctx;
    enum { INPUTS_MAX = 16 };
    uint8_t used[INPUTS_MAX];
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    assert_in_range(orion_ir_graph_input_count(graph), 1, INPUTS_MAX);
    oom_arm(oom);
    orion_status status = orion_ir_graph_used_inputs(graph, used);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_graph_hash(oom_case *oom, void *ctx) {
    (void)ctx;
    uint64_t hash = 0;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    oom_arm(oom);
    orion_status status = orion_ir_graph_hash(graph, &hash);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_graph_equal(oom_case *oom, void *ctx) {
    (void)ctx;
    int equal = 0;
    orion_ir_graph *graph = oom_layer(&oom->heap.allocator);
    oom_arm(oom);
    orion_status status = orion_ir_graph_equal(graph, graph, &equal);
    oom_disarm(oom);
    orion_ir_graph_destroy(&graph);
    return status;
}

static const orion_ir_outline_options short_parts = {sizeof(orion_ir_outline_options), 1};

static orion_status on_ir_outline_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL);
    orion_ir_outline *outline = NULL;
    oom_arm(oom);
    orion_status status =
        orion_ir_outline_create(graph, &short_parts, &oom->heap.allocator, &outline);
    oom_disarm(oom);
    oom_output(oom, status, outline);
    orion_ir_outline_destroy(&outline);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_outline_inline(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL), *inlined = NULL;
    orion_ir_outline *outline = NULL;
    oom_prepared(orion_ir_outline_create(graph, &short_parts, &oom->heap.allocator, &outline));
    oom_arm(oom);
    orion_status status = orion_ir_outline_inline(outline, &oom->heap.allocator, NULL, &inlined);
    oom_disarm(oom);
    oom_output(oom, status, inlined);
    orion_ir_graph_destroy(&inlined);
    orion_ir_outline_destroy(&outline);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ir_parameterize(oom_case *oom, void *ctx) {
    (void)ctx;
    static const char text[] = "oir 1\n"
                               "graph @g(%x: f32[2]) -> (%y) {\n"
                               "  %k = const [1, 2] : f32[2]\n"
                               "  %y = mul %x, %k : f32[2]\n"
                               "}\n";
    static const char *const names[] = {"k"};
    orion_ir_graph *graph = NULL, *out = NULL;
    oom_prepared(orion_ir_parse(text, strlen(text), NULL, NULL, NULL, &graph));
    oom_arm(oom);
    orion_status status = orion_ir_parameterize(graph, names, 1, &oom->heap.allocator, NULL, &out);
    oom_disarm(oom);
    oom_output(oom, status, out);
    orion_ir_graph_destroy(&out);
    orion_ir_graph_destroy(&graph);
    return status;
}

static const oom_row rows[] = {
    ROW(ir_builder_create), ROW(ir_builder_finish), ROW(ir_graph_clone),       ROW(ir_verify),
    ROW(ir_print),          ROW(ir_parse),          ROW(ir_run_passes),        ROW(ir_eval),
    ROW(ir_grad),           ROW(ir_memory_create),  ROW(ir_graph_used_inputs), ROW(ir_graph_hash),
    ROW(ir_graph_equal),    ROW(ir_outline_create), ROW(ir_outline_inline),    ROW(ir_parameterize),
};

int main(void) {
    return OOM_RUN(rows);
}
