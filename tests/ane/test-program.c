/* SPDX-License-Identifier: MIT */
/* Programs: ports, identity, the cache, what is wrong with a source, statistics. */
#include "ane-support.h"

static const char silu[] = "program(1.3)\n"
                           "{\n"
                           "    func main<ios18>(tensor<fp32, [2, 3]> x) {\n"
                           "        tensor<fp32, [2, 3]> y = silu(x = x);\n"
                           "    } -> (y);\n"
                           "    func twice<ios18>(tensor<fp32, [2, 3]> x) {\n"
                           "        tensor<fp32, [2, 3]> z = add(x = x, y = x);\n"
                           "    } -> (z);\n"
                           "}\n";

typedef struct bench {
    orion_ane_device *device;
    orion_diag *diag;
} bench;

static bench bench_with(uint32_t cache_entries) {
    bench b;
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    assert_ok(orion_ane_device_open(orion_ane_device_options(.backend = ORION_ANE_BACKEND_CPU,
                                                             .cache_entries = cache_entries),
                                    b.diag, &b.device),
              b.diag);
    return b;
}

static void bench_free(bench *b) {
    orion_ane_device_unref(&b->device);
    orion_diag_destroy(&b->diag);
}

static orion_ane_source source_of(const char *text) {
    return (orion_ane_source){
        .size = sizeof(orion_ane_source), .text = text, .length = strlen(text), .name = "t.mil"};
}

static orion_ane_program *compile(bench *b, const char *text, const char *function) {
    orion_ane_source source = source_of(text);
    orion_ane_program *program;
    source.function = function;
    assert_ok(orion_ane_program_compile(b->device, &source, b->diag, &program), b->diag);
    return program;
}

static void refuse(bench *b, orion_ane_source source, orion_status status, orion_message message,
                   const char *part) {
    orion_ane_program *program = (orion_ane_program *)1;
    orion_diag_clear(b->diag);
    assert_int_equal(orion_ane_program_compile(b->device, &source, b->diag, &program), status);
    assert_null(program);
    assert_diag(b->diag, message, part);
}

static void test_ports(void **state) {
    (void)state;
    bench b = bench_with(0);
    orion_ane_program *program = compile(&b, silu, NULL);
    orion_ane_port port = {.size = sizeof port}, named = {.size = sizeof named};
    assert_int_equal(orion_ane_program_port_count(program), 2);
    assert_int_equal(orion_ane_program_port(program, 0, &port), ORION_OK);
    assert_string_equal(port.name, "x");
    assert_false(port.is_output);
    assert_int_equal(orion_ane_program_port(program, 1, &port), ORION_OK);
    assert_string_equal(port.name, "y");
    assert_true(port.is_output);
    assert_int_equal(port.type.dtype, ORION_IR_F32);
    assert_int_equal(port.type.rank, 2);
    assert_int_equal(port.strides[0], 12);
    assert_int_equal(port.strides[1], 4);
    assert_int_equal(port.strides[2], 0);
    assert_int_equal(port.bytes, 24);
    assert_int_equal(orion_ane_program_find_port(program, "y", &named), ORION_OK);
    assert_memory_equal(&named, &port, sizeof port);
    orion_ane_program_unref(&program);
    assert_null(program);
    orion_ane_program_unref(&program);
    orion_ane_program_unref(NULL);
    bench_free(&b);
}

static void test_no_port(void **state) {
    (void)state;
    bench b = bench_with(0);
    orion_ane_program *program = compile(&b, silu, NULL);
    orion_ane_port port = {.size = sizeof port, .bytes = 7};
    assert_int_equal(orion_ane_program_port(program, 2, &port), ORION_ERROR_NOT_FOUND);
    assert_int_equal(port.bytes, 0);
    assert_int_equal(port.size, sizeof port);
    assert_int_equal(orion_ane_program_find_port(program, "w", &port), ORION_ERROR_NOT_FOUND);
    /* A caller that knows only the first fields gets only those. */
    struct {
        size_t size;
        const char *name;
        uint64_t beyond;
    } older = {.size = 2 * sizeof(size_t), .beyond = 9};
    assert_int_equal(orion_ane_program_port(program, 0, (orion_ane_port *)(void *)&older),
                     ORION_OK);
    assert_string_equal(older.name, "x");
    assert_int_equal(older.beyond, 9);
    older.size = 0;
    assert_int_equal(orion_ane_program_port(program, 0, (orion_ane_port *)(void *)&older),
                     ORION_ERROR_INVALID_ARGUMENT);
    orion_ane_tensor *tensor = (orion_ane_tensor *)1;
    assert_int_equal(orion_ane_tensor_create_for(program, "w", b.diag, &tensor),
                     ORION_ERROR_NOT_FOUND);
    assert_null(tensor);
    assert_diag(b.diag, ORION_MESSAGE_ANE_PORT, "x, y");
    orion_ane_program_unref(&program);
    bench_free(&b);
}

static void expect_cache(const bench *b, uint64_t hits, uint64_t misses, uint64_t evictions,
                         uint64_t entries) {
    orion_ane_cache_stats stats = {.size = sizeof stats};
    assert_int_equal(orion_ane_device_cache_stats(b->device, &stats), ORION_OK);
    assert_int_equal(stats.hits, hits);
    assert_int_equal(stats.misses, misses);
    assert_int_equal(stats.evictions, evictions);
    assert_int_equal(stats.entries, entries);
}

static void test_cache(void **state) {
    (void)state;
    bench b = bench_with(2);
    orion_ane_program *first = compile(&b, silu, NULL), *again = compile(&b, silu, "main");
    char identity[ORION_MIL_IDENTITY_BYTES];
    orion_mil_identity(silu, strlen(silu), NULL, NULL, 0, identity);
    assert_string_equal(orion_ane_program_identity(first), identity);
    assert_string_equal(orion_ane_program_identity(again), identity);
    expect_cache(&b, 1, 1, 0, 1);
    orion_ane_program *twice = compile(&b, silu, "twice"); /* the same text, another function */
    expect_cache(&b, 1, 2, 0, 2);
    orion_ane_port port = {.size = sizeof port};
    assert_int_equal(orion_ane_program_find_port(twice, "z", &port), ORION_OK);

    /* One byte more is another program; "main" has not been used for longest and goes. */
    orion_ane_program_unref(&again);
    char *spaced = malloc(sizeof silu + 1);
    memcpy(spaced, silu, sizeof silu);
    strcat(spaced, "\n");
    orion_ane_program *other = compile(&b, spaced, NULL);
    free(spaced);
    assert_string_not_equal(orion_ane_program_identity(other), identity);
    expect_cache(&b, 1, 3, 1, 2);
    again = compile(&b, silu, NULL);
    expect_cache(&b, 1, 4, 2, 2);
    orion_ane_device_cache_clear(b.device);
    expect_cache(&b, 1, 4, 2, 0);

    /* Those in use live on, also without their device. */
    bench_free(&b);
    assert_int_equal(orion_ane_program_port_count(first), 2);
    orion_ane_program *shared = orion_ane_program_ref(first);
    orion_ane_program_unref(&first);
    assert_string_equal(orion_ane_program_identity(shared), identity);
    orion_ane_program_unref(&shared);
    orion_ane_program_unref(&again);
    orion_ane_program_unref(&twice);
    orion_ane_program_unref(&other);
}

static void test_bad_sources(void **state) {
    (void)state;
    bench b = bench_with(0);
    refuse(&b, source_of("program(1.3)\n{ func main<ios18>(tensor<fp32, [2]> x) {"),
           ORION_ERROR_SYNTAX, ORION_MESSAGE_MIL_SYNTAX, NULL);
    assert_string_equal(orion_diag_get(b.diag, 0)->source, "t.mil");
    assert_int_equal(orion_diag_get(b.diag, 0)->line, 2);
    refuse(&b,
           source_of("program(1.3) { func main<ios18>(tensor<fp32, [2]> x) {\n"
                     "tensor<fp32, [2]> y = frobnicate(x = x); } -> (y); }"),
           ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_MIL_OP, "frobnicate");
    assert_int_equal(orion_diag_get(b.diag, 0)->line, 2);
    refuse(&b,
           source_of("program(1.3) { func main<ios18>(tensor<fp32, [2]> x) {\n"
                     "tensor<fp32, [2]> y = relu(x = w); } -> (y); }"),
           ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_NAME, "w");
    refuse(&b,
           source_of("program(1.3) { func main<ios18>(tensor<fp32, [2]> x) {\n"
                     "tensor<fp32, [3]> y = relu(x = x); } -> (y); }"),
           ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_TYPE, NULL);
    orion_ane_source absent = source_of(silu);
    absent.function = "thrice";
    refuse(&b, absent, ORION_ERROR_NOT_FOUND, ORION_MESSAGE_MIL_FUNCTION, "thrice");
    refuse(&b,
           source_of("program(1.3) { func main<ios18>(tensor<fp32, [2]> x) {\n"
                     "tensor<fp32, [2]> w = const()[name = string(\"w\"), val = tensor<fp32, "
                     "[2]>(BLOBFILE(path = string(\"@model_path/w.bin\"), offset = uint64(64)))];\n"
                     "tensor<fp32, [2]> y = add(x = x, y = w); } -> (y); }"),
           ORION_ERROR_NOT_FOUND, ORION_MESSAGE_MIL_WEIGHTS, "w.bin");
    struct {
        orion_ane_source known;
        uint64_t news;
    } newer = {.known = source_of(silu), .news = 1};
    newer.known.size = sizeof newer;
    orion_ane_program *program;
    assert_int_equal(orion_ane_program_compile(b.device, &newer.known, NULL, &program),
                     ORION_ERROR_ABI);
    assert_null(program);
    bench_free(&b);
}

static void test_stats(void **state) {
    (void)state;
    bench b = bench_with(0);
    op_tensors x = op_parse_tensors("f32[4,4]; f32[4,4]");
    orion_ir_graph *graph = op_graph("linear", &x, "");
    orion_ane_program *program = ane_compile(b.device, graph);
    orion_ane_program_stats stats = {.size = sizeof stats};
    assert_int_equal(orion_ane_program_get_stats(program, &stats), ORION_OK);
    assert_int_equal(stats.nodes, 1);
    assert_int_equal(stats.steps, 1);
    assert_int_equal(stats.reference_steps, 0);
    assert_int_equal(stats.constant_bytes, 0);
    stats.size = 0;
    assert_int_equal(orion_ane_program_get_stats(program, &stats), ORION_ERROR_INVALID_ARGUMENT);
    orion_ane_program_unref(&program);
    orion_ir_graph_destroy(&graph);
    bench_free(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ports), cmocka_unit_test(test_no_port),
        cmocka_unit_test(test_cache), cmocka_unit_test(test_bad_sources),
        cmocka_unit_test(test_stats),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
