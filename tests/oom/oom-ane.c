/* SPDX-License-Identifier: MIT */
/* Out of memory in ane.h. */
#include "oom.h"

#include <orion/ane.h>

/* y = silu(x w^T) ready to run in some memory. */
typedef struct bench {
    orion_ane_device *device;
    orion_ane_program *program;
    orion_ane_tensor *x, *y;
    orion_ane_run *run;
} bench;

enum { SIDE = 10 };
static const float weights[SIDE * SIDE] = {1, 2, 3};

static orion_ir_graph *graph_of(void) {
    const int64_t row[] = {1, SIDE}, square[] = {SIDE, SIDE};
    orion_ir_builder *b = NULL;
    orion_ir_graph *graph = NULL;
    oom_prepared(orion_ir_builder_create("small", NULL, &b));
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, row));
    orion_ir_value w =
        orion_ir_constant(b, orion_ir_type_make(ORION_IR_F32, 2, square), weights, sizeof weights);
    orion_ir_output(b, "y", orion_ir_silu(b, orion_ir_linear(b, x, w)));
    oom_prepared(orion_ir_builder_finish(&b, NULL, &graph));
    return graph;
}

static orion_status open_device(const orion_allocator *a, orion_ane_device **out) {
    return orion_ane_device_open(orion_ane_device_options(.allocator = a, .threads = 2), NULL, out);
}

static void prepare(oom_case *oom, bench *p) {
    *p = (bench){NULL, NULL, NULL, NULL, NULL};
    orion_ir_graph *graph = graph_of();
    oom_prepared(open_device(&oom->heap.allocator, &p->device));
    oom_prepared(orion_ane_program_compile_graph(p->device, graph, NULL, &p->program));
    oom_prepared(orion_ane_tensor_create_for(p->program, "x", NULL, &p->x));
    oom_prepared(orion_ane_tensor_create_for(p->program, "y", NULL, &p->y));
    oom_prepared(orion_ane_run_create(p->program, &p->run));
    oom_prepared(orion_ane_run_bind(p->run, "y", p->y, NULL));
    orion_ir_graph_destroy(&graph);
}

static void clear(bench *p) {
    orion_ane_run_destroy(&p->run);
    orion_ane_tensor_unref(&p->x);
    orion_ane_tensor_unref(&p->y);
    orion_ane_program_unref(&p->program);
    orion_ane_device_unref(&p->device);
}

static orion_status on_ane_device_open(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ane_device *device = NULL;
    oom_arm(oom);
    orion_status status = open_device(&oom->heap.allocator, &device);
    oom_disarm(oom);
    oom_output(oom, status, device);
    orion_ane_device_unref(&device);
    return status;
}

static orion_status on_ane_program_compile(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = graph_of();
    orion_mil_program *mil = NULL;
    orion_mil_weights *files = NULL;
    orion_buffer *text = NULL;
    orion_ane_device *device = NULL;
    orion_ane_program *program = NULL;
    oom_prepared(orion_mil_lower(graph, NULL, NULL, NULL, &mil, &files));
    oom_prepared(orion_buffer_create(NULL, &text));
    const orion_writer writer = orion_buffer_writer(text);
    oom_prepared(orion_mil_print(mil, NULL, &writer));
    oom_prepared(open_device(&oom->heap.allocator, &device));
    const orion_ane_source source = {.size = sizeof source,
                                     .text = orion_buffer_data(text),
                                     .length = orion_buffer_size(text),
                                     .weights = files};
    oom_arm(oom);
    orion_status status = orion_ane_program_compile(device, &source, NULL, &program);
    oom_disarm(oom);
    oom_output(oom, status, program);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    orion_buffer_destroy(&text);
    orion_mil_weights_destroy(&files);
    orion_mil_program_destroy(&mil);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status compile_case(oom_case *oom, orion_ir_graph *graph) {
    orion_ane_device *device = NULL;
    orion_ane_program *program = NULL;
    oom_prepared(open_device(&oom->heap.allocator, &device));
    oom_arm(oom);
    orion_status status = orion_ane_program_compile_graph(device, graph, NULL, &program);
    oom_disarm(oom);
    oom_output(oom, status, program);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_ane_program_compile_graph(oom_case *oom, void *ctx) {
    (void)ctx;
    return compile_case(oom, graph_of());
}

static orion_status compile_layer(oom_case *oom, void *ctx) {
    (void)ctx;
    return compile_case(oom, oom_layer(NULL));
}

static orion_status on_ane_tensor_create(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    const int64_t dims[] = {3, 5}, strides[] = {64, 8};
    const orion_ir_type type = orion_ir_type_make(ORION_IR_F32, 2, dims);
    orion_ane_tensor *tensor = NULL;
    oom_arm(oom);
    orion_status status = orion_ane_tensor_create(p.device, &type, strides, NULL, &tensor);
    oom_disarm(oom);
    oom_output(oom, status, tensor);
    orion_ane_tensor_unref(&tensor);
    clear(&p);
    return status;
}

static orion_status on_ane_tensor_create_for(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    orion_ane_tensor *tensor = NULL;
    oom_arm(oom);
    orion_status status = orion_ane_tensor_create_for(p.program, "x", NULL, &tensor);
    oom_disarm(oom);
    oom_output(oom, status, tensor);
    orion_ane_tensor_unref(&tensor);
    clear(&p);
    return status;
}

static orion_status on_ane_tensor_write(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    oom_arm(oom);
    orion_status status =
        orion_ane_tensor_write(p.x, ORION_IR_F32, weights, SIDE * sizeof(float), NULL);
    oom_disarm(oom);
    clear(&p);
    return status;
}

static orion_status on_ane_tensor_read(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    float values[SIDE];
    oom_arm(oom);
    orion_status status = orion_ane_tensor_read(p.x, ORION_IR_F32, values, sizeof values, NULL);
    oom_disarm(oom);
    clear(&p);
    return status;
}

static orion_status on_ane_run_create(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    orion_ane_run *run = NULL;
    oom_arm(oom);
    orion_status status = orion_ane_run_create(p.program, &run);
    oom_disarm(oom);
    oom_output(oom, status, run);
    orion_ane_run_destroy(&run);
    clear(&p);
    return status;
}

static orion_status on_ane_run_bind(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    oom_arm(oom);
    orion_status status = orion_ane_run_bind(p.run, "x", p.x, NULL);
    oom_disarm(oom);
    clear(&p);
    return status;
}

static orion_status on_ane_run_execute(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(oom, &p);
    oom_prepared(orion_ane_run_bind(p.run, "x", p.x, NULL));
    oom_arm(oom);
    orion_status status = orion_ane_run_execute(p.run, NULL);
    oom_disarm(oom);
    clear(&p);
    return status;
}

static const oom_row rows[] = {
    ROW(ane_device_open),
    ROW(ane_program_compile),
    ROW(ane_program_compile_graph),
    {"orion_ane_program_compile_graph of a layer", compile_layer},
    ROW(ane_tensor_create),
    ROW(ane_tensor_create_for),
    ROW(ane_tensor_write),
    ROW(ane_tensor_read),
    ROW(ane_run_create),
    ROW(ane_run_bind),
    ROW(ane_run_execute),
};

int main(void) {
    return OOM_RUN(rows);
}
