/* SPDX-License-Identifier: MIT */
/* Out of memory in mil.h. */
#include "oom.h"

#include <orion/mil.h>

enum { MANY = 100 }; /* elements: enough for the weight file */

/* y = x w^T with a constant that goes to the weight file and one that stays in the text. */
static orion_ir_graph *small_graph(const orion_allocator *a) {
    const int64_t shape[] = {MANY / 10, 10}, row[] = {1, 10};
    static const float weights[MANY] = {1, 2, 3};
    orion_ir_builder *b = NULL;
    orion_ir_graph *graph = NULL;
    oom_prepared(orion_ir_builder_create("small", a, &b));
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, row));
    orion_ir_value w =
        orion_ir_constant(b, orion_ir_type_make(ORION_IR_F32, 2, shape), weights, sizeof weights);
    orion_ir_value half = orion_ir_splat(b, orion_ir_type_make(ORION_IR_F32, 0, NULL), 0.5);
    orion_ir_output(b, "y", orion_ir_silu(b, orion_ir_mul(b, orion_ir_linear(b, x, w), half)));
    oom_prepared(orion_ir_builder_finish(&b, NULL, &graph));
    return graph;
}

/* A graph as MIL. */
typedef struct lowered {
    orion_mil_program *program;
    orion_mil_weights *weights;
} lowered;

static lowered lower(const orion_allocator *a, orion_ir_graph *graph) {
    lowered l = {NULL, NULL};
    oom_prepared(orion_mil_lower(graph, NULL, a, NULL, &l.program, &l.weights));
    orion_ir_graph_destroy(&graph);
    return l;
}

static void drop(lowered *l) {
    orion_mil_program_destroy(&l->program);
    orion_mil_weights_destroy(&l->weights);
}

static orion_status on_mil_parse(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(NULL, oom_layer(NULL));
    orion_mil_program *program = NULL;
    orion_buffer *text = NULL;
    oom_prepared(orion_buffer_create(NULL, &text));
    const orion_writer writer = orion_buffer_writer(text);
    oom_prepared(orion_mil_print(l.program, NULL, &writer));
    oom_arm(oom);
    orion_status status = orion_mil_parse(orion_buffer_data(text), orion_buffer_size(text), "layer",
                                          NULL, &oom->heap.allocator, NULL, &program);
    oom_disarm(oom);
    oom_output(oom, status, program);
    orion_mil_program_destroy(&program);
    orion_buffer_destroy(&text);
    drop(&l);
    return status;
}

static orion_status on_mil_print(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(&oom->heap.allocator, oom_layer(NULL));
    const orion_writer writer = oom_sink();
    oom_arm(oom);
    orion_status status = orion_mil_print(l.program, NULL, &writer);
    oom_disarm(oom);
    drop(&l);
    return status;
}

static orion_status on_mil_verify(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(&oom->heap.allocator, oom_layer(NULL));
    oom_arm(oom);
    orion_status status = orion_mil_verify(l.program, NULL);
    oom_disarm(oom);
    drop(&l);
    return status;
}

static const orion_mil_type *a_type(const lowered *l) {
    const orion_mil_function *main = orion_mil_program_find(l->program, "main");
    assert_non_null(main);
    const orion_mil_type *type = orion_mil_function_parameter_type(main, 0);
    assert_non_null(type);
    return type;
}

static orion_status on_mil_type_to_ir(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(&oom->heap.allocator, small_graph(NULL));
    orion_ir_type type;
    oom_arm(oom);
    orion_status status = orion_mil_type_to_ir(a_type(&l), &type);
    oom_disarm(oom);
    drop(&l);
    return status;
}

static orion_status on_mil_type_print(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(&oom->heap.allocator, small_graph(NULL));
    const orion_writer writer = oom_sink();
    oom_arm(oom);
    orion_status status = orion_mil_type_print(a_type(&l), &writer);
    oom_disarm(oom);
    drop(&l);
    return status;
}

/* ---- targets ---- */

static orion_status on_mil_target_find(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_target *target = NULL;
    oom_arm(oom);
    orion_status status = orion_mil_target_find("h13", &oom->heap.allocator, NULL, &target);
    oom_disarm(oom);
    oom_output(oom, status, target);
    orion_mil_target_destroy(&target);
    return status;
}

static orion_status on_mil_target_load(oom_case *oom, void *ctx) {
    (void)ctx;
    static const char text[] = "target: mine\nbase: h13\nsummary: mine\nlevels: {E-1: off}\n";
    test_dir dir;
    orion_mil_target *target = NULL;
    test_dir_create(&dir);
    test_write_file(test_dir_file(&dir, "mine.yaml"), text, strlen(text));
    oom_arm(oom);
    orion_status status = orion_mil_target_load(test_dir_file(&dir, "mine.yaml"),
                                                &oom->heap.allocator, NULL, &target);
    oom_disarm(oom);
    test_dir_remove(&dir);
    oom_output(oom, status, target);
    orion_mil_target_destroy(&target);
    return status;
}

static orion_status on_mil_check(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered l = lower(&oom->heap.allocator, oom_layer(NULL));
    orion_mil_target *target = NULL;
    oom_prepared(orion_mil_target_find("ane", NULL, NULL, &target));
    oom_arm(oom);
    orion_status status = orion_mil_check(l.program, l.weights, target, NULL);
    oom_disarm(oom);
    orion_mil_target_destroy(&target);
    drop(&l);
    /* The program breaks rules, which is not what this is about. */
    return status == ORION_ERROR_VERIFY ? ORION_OK : status;
}

static orion_status on_mil_diff(oom_case *oom, void *ctx) {
    (void)ctx;
    lowered a = lower(NULL, oom_layer(NULL)), b = lower(NULL, small_graph(NULL));
    const orion_writer writer = oom_sink();
    size_t differences = 0;
    oom_arm(oom);
    orion_status status =
        orion_mil_diff(a.program, b.program, &oom->heap.allocator, &writer, &differences);
    oom_disarm(oom);
    if ((status == ORION_OK) != (differences != 0)) oom->mistake = "differences and status";
    drop(&a);
    drop(&b);
    return status;
}

/* ---- weight files ---- */

static const float numbers[MANY] = {1, 2, 3, 4};

static orion_mil_blob_writer *writer_with_entries(const orion_allocator *a, int count) {
    orion_mil_blob_writer *writer = NULL;
    uint64_t offset;
    oom_prepared(orion_mil_blob_writer_create(NULL, a, &writer));
    for (int i = 0; i < count; i++) {
        oom_prepared(orion_mil_blob_writer_add(writer, ORION_MIL_FP32, numbers, 4 + 4 * (size_t)i,
                                               1 + (uint64_t)i, &offset));
    }
    return writer;
}

static orion_status on_mil_blob_writer_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_blob_writer *writer = NULL;
    oom_arm(oom);
    orion_status status = orion_mil_blob_writer_create(NULL, &oom->heap.allocator, &writer);
    oom_disarm(oom);
    oom_output(oom, status, writer);
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_blob_writer_add(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_blob_writer *writer = writer_with_entries(&oom->heap.allocator, 0);
    uint64_t offset = 1;
    size_t added = 0;
    orion_status status = ORION_OK;
    oom_arm(oom);
    /* Several, so that the list grows while it has entries. */
    for (size_t n = 1; n <= 20 && status == ORION_OK; n++) {
        status = orion_mil_blob_writer_add(writer, ORION_MIL_FP32, numbers, 4 * n, n, &offset);
        added += status == ORION_OK;
    }
    oom_disarm(oom);
    if (orion_mil_blob_writer_count(writer) != added) oom->mistake = "a failed add adds an entry";
    if (status != ORION_OK && offset != 0) oom->mistake = "an offset after a failure";
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_blob_writer_add_blob(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_blob_writer *writer = writer_with_entries(&oom->heap.allocator, 0);
    orion_blob *blob = NULL;
    uint64_t offset;
    oom_prepared(orion_blob_copy(numbers, sizeof numbers, &oom->heap.allocator, &blob));
    oom_arm(oom);
    orion_status status = orion_mil_blob_writer_add_blob(writer, ORION_MIL_FP32, blob, 0,
                                                         sizeof numbers, MANY, &offset);
    oom_disarm(oom);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_blob_writer_add_half(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_blob_writer *writer = writer_with_entries(&oom->heap.allocator, 0);
    orion_mil_half_report report = {.size = sizeof report};
    uint64_t offset = 1;
    oom_arm(oom);
    orion_status status = orion_mil_blob_writer_add_half(writer, numbers, MANY, &report, &offset);
    oom_disarm(oom);
    if (status != ORION_OK && offset != 0) oom->mistake = "an offset after a failure";
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_half_count(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_half_report report = {.size = sizeof report};
    oom_arm(oom);
    orion_status status = orion_mil_half_count(numbers, ORION_MIL_FP32, MANY, &report);
    oom_disarm(oom);
    return status;
}

static orion_status on_mil_blob_writer_finish(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_blob_writer *writer = writer_with_entries(&oom->heap.allocator, 3);
    orion_blob *file = NULL;
    oom_arm(oom);
    orion_status status = orion_mil_blob_writer_finish(writer, &file);
    oom_disarm(oom);
    oom_output(oom, status, file);
    orion_blob_unref(&file);
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_blob_writer_save(oom_case *oom, void *ctx) {
    (void)ctx;
    test_dir dir;
    test_dir_create(&dir);
    orion_mil_blob_writer *writer = writer_with_entries(&oom->heap.allocator, 3);
    oom_arm(oom);
    orion_status status = orion_mil_blob_writer_save(writer, test_dir_file(&dir, "w.bin"), NULL);
    oom_disarm(oom);
    orion_mil_blob_writer_destroy(&writer);
    test_dir_remove(&dir);
    return status;
}

typedef orion_status (*read_fn)(const orion_blob *file, orion_mil_blob_entry *out);

static orion_status read_first(const orion_blob *file, orion_mil_blob_entry *out) {
    return orion_mil_blob_read(file, 64, ORION_MIL_FP32, NULL, NULL, out);
}

static orion_status walk_first(const orion_blob *file, orion_mil_blob_entry *out) {
    uint64_t offset = 0;
    return orion_mil_blob_next(file, &offset, NULL, NULL, out);
}

static orion_status read_case(oom_case *oom, read_fn read) {
    orion_mil_blob_writer *writer = writer_with_entries(NULL, 3);
    orion_blob *file = NULL;
    orion_mil_blob_entry entry = {.size = sizeof entry};
    oom_prepared(orion_mil_blob_writer_finish(writer, &file));
    oom_arm(oom);
    orion_status status = read(file, &entry);
    oom_disarm(oom);
    orion_blob_unref(&file);
    orion_mil_blob_writer_destroy(&writer);
    return status;
}

static orion_status on_mil_blob_read(oom_case *oom, void *ctx) {
    (void)ctx;
    return read_case(oom, read_first);
}

static orion_status on_mil_blob_next(oom_case *oom, void *ctx) {
    (void)ctx;
    return read_case(oom, walk_first);
}

/* ---- weights, lowering, raising ---- */

static orion_status on_mil_weights_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_weights *weights = NULL;
    oom_arm(oom);
    orion_status status = orion_mil_weights_create(&oom->heap.allocator, &weights);
    oom_disarm(oom);
    oom_output(oom, status, weights);
    orion_mil_weights_destroy(&weights);
    return status;
}

static orion_status on_mil_weights_add(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_mil_weights *weights = NULL;
    orion_blob *blob = NULL;
    oom_prepared(orion_mil_weights_create(&oom->heap.allocator, &weights));
    oom_prepared(orion_blob_copy(numbers, sizeof numbers, &oom->heap.allocator, &blob));
    oom_arm(oom);
    orion_status status = orion_mil_weights_add(weights, "@model_path/a.bin", blob);
    oom_disarm(oom);
    if (orion_mil_weights_count(weights) != (status == ORION_OK)) oom->mistake = "half added";
    orion_blob_unref(&blob);
    orion_mil_weights_destroy(&weights);
    return status;
}

static orion_status lower_case(oom_case *oom, orion_ir_graph *graph) {
    orion_mil_program *program = NULL;
    orion_mil_weights *weights = NULL;
    oom_arm(oom);
    orion_status status =
        orion_mil_lower(graph, NULL, &oom->heap.allocator, NULL, &program, &weights);
    oom_disarm(oom);
    oom_output(oom, status, program);
    oom_output(oom, status, weights);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_mil_lower(oom_case *oom, void *ctx) {
    (void)ctx;
    return lower_case(oom, oom_layer(NULL));
}

static orion_status lower_with_weights(oom_case *oom, void *ctx) {
    (void)ctx;
    return lower_case(oom, small_graph(&oom->heap.allocator));
}

static orion_status raise_case(oom_case *oom, orion_ir_graph *graph) {
    lowered l = lower(&oom->heap.allocator, graph);
    orion_ir_graph *raised = NULL;
    oom_arm(oom);
    orion_status status =
        orion_mil_raise(l.program, l.weights, NULL, NULL, &oom->heap.allocator, NULL, &raised);
    oom_disarm(oom);
    oom_output(oom, status, raised);
    orion_ir_graph_destroy(&raised);
    drop(&l);
    return status;
}

static orion_status on_mil_raise(oom_case *oom, void *ctx) {
    (void)ctx;
    return raise_case(oom, oom_layer(NULL));
}

static orion_status raise_with_weights(oom_case *oom, void *ctx) {
    (void)ctx;
    return raise_case(oom, small_graph(NULL));
}

/* A pass that emits much, and one that looks at sides. */
static orion_status run_pass(oom_case *oom, const char *name) {
    orion_ir_graph *graph = oom_layer(NULL), *out = NULL;
    orion_mil_target *target = NULL;
    oom_prepared(orion_mil_target_find("h13", NULL, NULL, &target));
    oom_arm(oom);
    orion_status status = orion_mil_run_pass(graph, name, target, &oom->heap.allocator, NULL, &out);
    oom_disarm(oom);
    oom_output(oom, status, out);
    orion_ir_graph_destroy(&out);
    orion_ir_graph_destroy(&graph);
    orion_mil_target_destroy(&target);
    return status;
}

static orion_status on_mil_run_pass(oom_case *oom, void *ctx) {
    (void)ctx;
    return run_pass(oom, "expand");
}

static orion_status run_half(oom_case *oom, void *ctx) {
    (void)ctx;
    return run_pass(oom, "half");
}

typedef orion_status (*plan_fn)(const orion_ir_graph *graph, const orion_mil_target *target,
                                const orion_mil_partition_options *options,
                                const orion_allocator *allocator, orion_diag *diag,
                                orion_mil_plan **out_plan);

static orion_status plan_case(oom_case *oom, plan_fn make, const char *name) {
    orion_ir_graph *graph = oom_layer(NULL);
    orion_mil_target *target = NULL;
    orion_mil_plan *plan = NULL;
    oom_prepared(orion_mil_target_find(name, NULL, NULL, &target));
    oom_arm(oom);
    orion_status status = make(graph, target, NULL, &oom->heap.allocator, NULL, &plan);
    oom_disarm(oom);
    oom_output(oom, status, plan);
    orion_mil_plan_destroy(&plan);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_mil_partition(oom_case *oom, void *ctx) {
    (void)ctx;
    return plan_case(oom, orion_mil_partition, "orion-paper"); /* ports get one size */
}

static orion_status partition_for_m1(oom_case *oom, void *ctx) {
    (void)ctx;
    return plan_case(oom, orion_mil_partition, "h13"); /* products become convs */
}

static orion_status on_mil_legalize(oom_case *oom, void *ctx) {
    (void)ctx;
    return plan_case(oom, orion_mil_legalize, "h16");
}

static orion_status on_mil_plan_print(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ir_graph *graph = oom_layer(NULL);
    orion_mil_target *target = NULL;
    orion_mil_plan *plan = NULL;
    const orion_writer writer = oom_sink();
    oom_prepared(orion_mil_target_find("h16", NULL, NULL, &target));
    oom_prepared(orion_mil_partition(graph, target, NULL, &oom->heap.allocator, NULL, &plan));
    oom_arm(oom);
    orion_status status = orion_mil_plan_print(plan, &writer);
    oom_disarm(oom);
    orion_mil_plan_destroy(&plan);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status place_case(oom_case *oom, orion_mil_placement placement) {
    orion_ir_graph *graph = small_graph(NULL), *before = NULL, *placed = NULL;
    oom_arm(oom);
    orion_status status =
        orion_mil_place(graph, placement, NULL, &oom->heap.allocator, NULL, &before, &placed);
    oom_disarm(oom);
    oom_output(oom, status, before);
    oom_output(oom, status, placed);
    orion_ir_graph_destroy(&before);
    orion_ir_graph_destroy(&placed);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status on_mil_place(oom_case *oom, void *ctx) {
    (void)ctx;
    return place_case(oom, ORION_MIL_PLACE_INPUT);
}

static orion_status place_packed(oom_case *oom, void *ctx) {
    (void)ctx;
    return place_case(oom, ORION_MIL_PLACE_PACKED);
}

static const oom_row rows[] = {
    ROW(mil_parse),
    ROW(mil_print),
    ROW(mil_verify),
    ROW(mil_type_to_ir),
    ROW(mil_type_print),
    ROW(mil_blob_writer_create),
    ROW(mil_blob_writer_add),
    ROW(mil_blob_writer_add_blob),
    ROW(mil_blob_writer_add_half),
    ROW(mil_half_count),
    ROW(mil_blob_writer_finish),
    ROW(mil_blob_writer_save),
    ROW(mil_blob_read),
    ROW(mil_blob_next),
    ROW(mil_target_find),
    ROW(mil_target_load),
    ROW(mil_run_pass),
    {"orion_mil_run_pass half", run_half},
    ROW(mil_place),
    {"orion_mil_place packed", place_packed},
    ROW(mil_partition),
    {"orion_mil_partition for M1", partition_for_m1},
    ROW(mil_legalize),
    ROW(mil_plan_print),
    ROW(mil_check),
    ROW(mil_diff),
    ROW(mil_weights_create),
    ROW(mil_weights_add),
    ROW(mil_lower),
    {"orion_mil_lower with weights", lower_with_weights},
    ROW(mil_raise),
    {"orion_mil_raise with weights", raise_with_weights},
};

int main(void) {
    return OOM_RUN(rows);
}
