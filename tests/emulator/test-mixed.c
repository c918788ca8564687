/* SPDX-License-Identifier: MIT */
/*
 * Graphs on a device that needs the CPU beside it: ports, values that both sides see, what may
 * share a tensor, memory that runs out. What they compute is the conformance suite's business.
 */
#include "emulator-support.h"

#include "graphs.h"

static const char decode[] =
    "oir 1\n"
    "graph @decode(%table: f32[16,8], %cache: f32[4,8], %w: f32[8,8], %token: i32[1], %at: i32[1]) "
    "-> (%cache_out, %scores) {\n"
    "  %row = embedding %token, %table : f32[1,8]\n"
    "  %x = matmul %row, %w : f32[1,8]\n"
    "  %cache_out = slice_update %cache, %x, %at {axis=0} : f32[4,8]\n"
    "  %scores = matmul %x, %cache_out {transpose_y=true} : f32[1,4]\n"
    "}\n";

static orion_ir_graph *parse(const char *text) {
    orion_diag *diag;
    orion_ir_graph *g;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_parse(text, strlen(text), "t.oir", NULL, diag, &g), diag);
    orion_diag_destroy(&diag);
    return g;
}

static void write_ints(const ane_bound *b, size_t port, int32_t n) {
    assert_int_equal(orion_ane_tensor_write(b->tensors[port], ORION_IR_I32, &n, sizeof n, NULL),
                     ORION_OK);
}

/* Embedding and cache on the host, products on the device; the cache is written in place. */
static void test_decode(void **state) {
    (void)state;
    bench b = bench_open("");
    orion_ir_graph *g = parse(decode);
    ane_bound bound = ane_bind(ane_compile(b.device, g), true);
    assert_ptr_equal(bound.tensors[5], bound.tensors[1]);
    double table[128], w[64], cache[32], scores[4];
    for (size_t i = 0; i < 128; i++) table[i] = (double)(i / 8 + 1);
    for (size_t i = 0; i < 64; i++) w[i] = i / 8 == i % 8 ? 2 : 0;
    ane_write(&bound, 0, table);
    ane_write(&bound, 2, w);
    for (int32_t step = 0; step < 4; step++) {
        write_ints(&bound, 3, 10 + step);
        write_ints(&bound, 4, step);
        orion_diag_clear(b.diag);
        assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
        ane_read(&bound, 1, cache);
        ane_read(&bound, 6, scores);
        double x = 2 * (11 + step);
        for (int32_t t = 0; t < 4; t++) {
            double row = t <= step ? 2 * (11 + t) : 0;
            assert_true(cache[8 * t] == row && cache[8 * t + 7] == row);
            assert_true(scores[t] == orn_f32_from_f16(orn_f16_from_f64(8 * x * row)));
        }
    }
    assert_true(emulator_counters().evaluations >= 4);
    write_ints(&bound, 3, 16);
    assert_int_equal(orion_ane_run_execute(bound.run, b.diag), ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b.diag, ORION_MESSAGE_IR_INDEX, "16");
    ane_bound_free(&bound);
    orion_ir_graph_destroy(&g);
    bench_close(&b);
    assert_int_equal(emulator_counters().objects_now, 0);
}

/* An output that is an input, and one value under two names. */
static void test_edges(void **state) {
    (void)state;
    bench b = bench_open("");
    orion_ir_builder *builder;
    orion_ir_graph *g;
    assert_int_equal(orion_ir_builder_create("edges", NULL, &builder), ORION_OK);
    orion_ir_value x =
        orion_ir_input(builder, "x", orion_ir_type_make(ORION_IR_F32, 2, (const int64_t[]){2, 3}));
    orion_ir_value y = orion_ir_mul(builder, x, x);
    orion_ir_output(builder, "x", x);
    orion_ir_output(builder, "y", y);
    orion_ir_output(builder, "z", y);
    assert_ok(orion_ir_builder_finish(&builder, b.diag, &g), b.diag);
    ane_bound bound = ane_bind(ane_compile(b.device, g), true);
    assert_ptr_equal(bound.tensors[1], bound.tensors[0]);
    const double in[6] = {1, 2, 3, 4, 5, 6};
    double out[3][6];
    ane_write(&bound, 0, in);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    for (size_t i = 0; i < 3; i++) ane_read(&bound, 1 + i, out[i]);
    for (size_t k = 0; k < 6; k++) {
        assert_true(out[1][k] == in[k] * in[k] && out[2][k] == out[1][k]);
    }
    ane_bound_free(&bound);
    orion_ir_graph_destroy(&g);
    bench_close(&b);
}

/* Equal graphs are compiled once. */
static void test_cache(void **state) {
    (void)state;
    bench b = bench_open("");
    orion_ir_graph *g = parse(decode);
    orion_ane_program *first = ane_compile(b.device, g), *second = ane_compile(b.device, g);
    uint64_t compiles = emulator_counters().compiles;
    orion_ane_cache_stats stats = {.size = sizeof stats};
    assert_int_equal(orion_ane_device_cache_stats(b.device, &stats), ORION_OK);
    assert_int_equal(stats.hits, 1);
    assert_true(compiles >= 1);
    orion_ane_program_unref(&first);
    orion_ane_program_unref(&second);
    orion_ir_graph_destroy(&g);
    bench_close(&b);
}

/* ---- memory ---- */

static orion_status open_ane(oom_case *oom, orion_ane_device **out) {
    const orion_ane_device_options *options =
        orion_ane_device_options(.allocator = &oom->heap.allocator,
                                 .backend = ORION_ANE_BACKEND_ANE_OBJC,
                                 .framework = emulator_path());
    return orion_ane_device_open(options, NULL, out);
}

static orion_status on_open(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_ane_device *device = NULL;
    oom_arm(oom);
    orion_status status = open_ane(oom, &device);
    oom_disarm(oom);
    oom_output(oom, status, device);
    orion_ane_device_unref(&device);
    return status;
}

static orion_status on_compile(oom_case *oom, void *ctx) {
    orion_ane_device *device;
    orion_ane_program *program = NULL;
    assert_int_equal(open_ane(oom, &device), ORION_OK);
    oom_arm(oom);
    orion_status status = orion_ane_program_compile_graph(device, ctx, NULL, &program);
    oom_disarm(oom);
    oom_output(oom, status, program);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    return status;
}

static orion_status on_run(oom_case *oom, void *ctx) {
    orion_ane_device *device;
    orion_ane_program *program;
    orion_ane_run *run = NULL;
    assert_int_equal(open_ane(oom, &device), ORION_OK);
    assert_int_equal(orion_ane_program_compile_graph(device, ctx, NULL, &program), ORION_OK);
    oom_arm(oom);
    orion_status status = orion_ane_run_create(program, &run);
    oom_disarm(oom);
    oom_output(oom, status, run);
    orion_ane_run_destroy(&run);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    return status;
}

static void test_out_of_memory(void **state) {
    (void)state;
    static const char text[] = "oir 1\n"
                               "graph @g(%x: f32[2,4], %w: f32[4,4], %i: i32[1]) -> (%z) {\n"
                               "  %y = matmul %x, %w : f32[2,4]\n"
                               "  %z = gather %y, %i {axis=0} : f32[1,4]\n"
                               "}\n";
    emulator_reset();
    emulator_configure("compile-limit=1000000");
    orion_ir_graph *g = parse(text);
    oom_loop("open ane-objc", on_open, NULL);
    oom_loop("compile a mixed program", on_compile, g);
    oom_loop("run a mixed program", on_run, g);
    orion_ir_graph_destroy(&g);
    assert_int_equal(emulator_counters().objects_now, 0);
    assert_int_equal(emulator_counters().instances_now, 0);
    assert_int_equal(emulator_counters().surfaces_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_decode),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_cache),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
