/* SPDX-License-Identifier: MIT */
/* The `ane-objc` back end: opening, refused programs, lifetimes. */
#include "emulator-support.h"

#include <dlfcn.h>

/* ---- opening ---- */

static bool can_load(const char *library) {
    void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
    if (handle == NULL) return false;
    dlclose(handle);
    return true;
}

static void test_open(void **state) {
    (void)state;
    refuse_open(ORION_ANE_BACKEND_ANE_OBJC, NULL, "AppleNeuralEngine");
    refuse_open(ORION_ANE_BACKEND_ANE_OBJC, "/nowhere/libframework.so", "/nowhere/libframework.so");
    refuse_open(ORION_ANE_BACKEND_ANE_OBJC, "libm.so.6", "objc_getClass");
    if (can_load("libgnustep-base.so.1.28"))
        refuse_open(ORION_ANE_BACKEND_ANE_OBJC, "libgnustep-base.so.1.28", "objc_msgSend");
    bench b = bench_open("");
    assert_int_equal(orion_ane_device_backend(b.device), ORION_ANE_BACKEND_ANE_OBJC);
    assert_string_equal(orion_ane_backend_name(ORION_ANE_BACKEND_ANE_OBJC), "ane-objc");
    bench_close(&b);
}

/* ---- programs ---- */

static void test_wrong_programs(void **state) {
    (void)state;
    bench b = bench_open("");
    bench_refuse(&b, "program(", ORION_ERROR_SYNTAX, ORION_MESSAGE_MIL_SYNTAX, NULL);
    char *none = mil_text("", "        fp16 y = const()[val = fp16(1)];\n", "y");
    bench_refuse(&b, none, ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_ANE_LAYOUT, "no input");
    char *state_port = mil_text("state<tensor<fp16, [2]>> x", "", "x");
    bench_refuse(&b, state_port, ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_ANE_LAYOUT, "'x'");
    char *integer = mil_text("tensor<int32, [1, 1, 1, 4]> x",
                             "        tensor<int32, [1, 1, 1, 4]> y = add(x = x, y = x);\n", "y");
    bench_refuse(&b, integer, ORION_ERROR_COMPILE, ORION_MESSAGE_ANE_COMPILE, "FAILED");
    char *implicit = mil_text("tensor<fp16, [1, 1, 1, 4]> x",
                              "        tensor<fp16, [1, 1, 1, 4]> y = gelu(x = x);\n", "y");
    bench_refuse(&b, implicit, ORION_ERROR_COMPILE, ORION_MESSAGE_ANE_COMPILE,
                 "ANECCompile() FAILED err=(");
    free(none);
    free(state_port);
    free(integer);
    free(implicit);
    assert_int_equal(emulator_counters().objects_now, 0);
    assert_int_equal(emulator_counters().instances_now, 0);
    bench_close(&b);
}

/* ---- life ---- */

static void test_lifetimes(void **state) {
    (void)state;
    enum { ROUNDS = 100 }; /* within the budget of compiles */
    bench b = bench_open("");
    char *text = two_outputs_text(2, 3);
    for (int i = 0; i < ROUNDS; i++) {
        ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
        assert_ok(bench_execute(&b, &bound), b.diag);
        ane_bound_free(&bound);
        orion_ane_device_cache_clear(b.device);
        orion_emulator_counters now = emulator_counters();
        assert_int_equal(now.objects_now, 0);
        assert_int_equal(now.surfaces_now, 0);
        assert_int_equal(now.instances_now, 0);
        assert_int_equal(now.compiles, i + 1);
        assert_int_equal(now.evaluations, i + 1);
        assert_int_equal(now.unloads, i + 1);
    }
    free(text);
    bench_close(&b);
}

/* A cached program lives without its maker; a run keeps it. */
static void test_cache(void **state) {
    (void)state;
    bench b = bench_open("");
    char *text = two_outputs_text(2, 3);
    orion_ane_program *program = bench_compile(&b, text, NULL);
    orion_ane_program_unref(&program);
    ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
    assert_int_equal(emulator_counters().compiles, 1);
    orion_ane_device_cache_clear(b.device);
    assert_int_equal(emulator_counters().instances_now, 1);
    assert_ok(bench_execute(&b, &bound), b.diag);
    ane_bound_free(&bound);
    assert_int_equal(emulator_counters().instances_now, 0);
    free(text);
    bench_close(&b);
}

/* ---- order ---- */

/* Nothing lists the symbols: a probe finds the order out, once per device. */
static void test_probed_order(void **state) {
    (void)state;
    static const char *const settings[] = {"symbols=hidden", "symbols=hidden, order=declared"};
    for (size_t i = 0; i < ORN_COUNT(settings); i++) {
        bench b = bench_open(settings[i]);
        for (int width = 5; width < 7; width++) {
            char *text = two_outputs_text(3, width);
            ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
            assert_ok(bench_execute(&b, &bound), b.diag);
            double product[21], difference[21];
            ane_read(&bound, 2, product); /* b = x y, with y = 1, 2 ... and x = 2, 3 ... */
            ane_read(&bound, 3, difference);
            for (int k = 0; k < 3 * width; k++) {
                assert_true(product[k] == (double)((k + 1) * (k + 2)) && difference[k] == 1);
            }
            ane_bound_free(&bound);
            free(text);
        }
        assert_int_equal(emulator_counters().compiles, 3); /* two programs and the probe */
        bench_close(&b);
    }
    assert_int_equal(emulator_counters().objects_now, 0);
    assert_int_equal(emulator_counters().surfaces_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),         cmocka_unit_test(test_wrong_programs),
        cmocka_unit_test(test_lifetimes),    cmocka_unit_test(test_cache),
        cmocka_unit_test(test_probed_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
