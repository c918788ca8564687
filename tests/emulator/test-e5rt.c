/* SPDX-License-Identifier: MIT */
/* The `ane-e5rt` back end: opening, finding out the layout, errors in the framework's words. */
#include "emulator-support.h"

#include <unistd.h>

static bench open_e5rt(const char *settings) {
    bench b;
    emulator_reset();
    emulator_configure(settings);
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    b.device = ane_open(ORION_ANE_BACKEND_ANE_E5RT, 1);
    return b;
}

/* ---- opening ---- */

static void test_open(void **state) {
    (void)state;
    refuse_open(ORION_ANE_BACKEND_ANE_E5RT, NULL, "Espresso");
    refuse_open(ORION_ANE_BACKEND_ANE_E5RT, "/nowhere/libframework.so", "/nowhere/libframework.so");
    refuse_open(ORION_ANE_BACKEND_ANE_E5RT, "libm.so.6", "no function e5rt_get_last_error_message");
    bench b = open_e5rt("");
    assert_int_equal(orion_ane_device_backend(b.device), ORION_ANE_BACKEND_ANE_E5RT);
    assert_string_equal(orion_ane_backend_name(ORION_ANE_BACKEND_ANE_E5RT), "ane-e5rt");
    bench_close(&b);
    assert_int_equal(emulator_counters().objects_now, 0);
}

/* ---- layout ---- */

static size_t port_bytes(const orion_ane_program *program) {
    orion_ane_port port = {.size = sizeof port};
    assert_int_equal(orion_ane_program_port(program, 0, &port), ORION_OK);
    return port.bytes;
}

/* The probe runs once for a device, and sees which of the layouts the device has. */
static void test_layout_is_found_out(void **state) {
    (void)state;
    static const struct {
        const char *settings;
        size_t bytes, evaluations;
    } cases[] = {
        {"", 3 * 64, 1}, {"row-align=1", 3 * 5 * 2, 2}, /* the first layout gave wrong results */
    };
    char *text = two_outputs_text(3, 5);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        bench b = open_e5rt(cases[i].settings);
        orion_ane_program *program = bench_compile(&b, text, NULL);
        assert_int_equal(port_bytes(program), cases[i].bytes);
        assert_int_equal(emulator_counters().evaluations, cases[i].evaluations);
        orion_ane_program_unref(&program);
        orion_ane_device_cache_clear(b.device);
        ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
        assert_ok(bench_execute(&b, &bound), b.diag);
        assert_int_equal(emulator_counters().evaluations, cases[i].evaluations + 1);
        double y[15];
        ane_read(&bound, 2, y);
        for (size_t k = 0; k < 15; k++) assert_true(y[k] == (double)((k + 1) * (k + 2)));
        ane_bound_free(&bound);
        bench_close(&b);
    }
    free(text);
}

static void test_unknown_layout(void **state) {
    (void)state;
    bench b = open_e5rt("row-align=16");
    char *text = two_outputs_text(3, 5);
    bench_refuse(&b, text, ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_ANE_LAYOUT, "each layout");
    free(text);
    bench_close(&b);
}

/* ---- errors ---- */

static void test_refusals(void **state) {
    (void)state;
    bench b = open_e5rt("");
    bench_refuse(&b, "program(", ORION_ERROR_SYNTAX, ORION_MESSAGE_MIL_SYNTAX, NULL);
    char *implicit = mil_text("tensor<fp16, [1, 1, 1, 4]> x",
                              "        tensor<fp16, [1, 1, 1, 4]> y = gelu(x = x);\n", "y");
    bench_refuse(&b, implicit, ORION_ERROR_COMPILE, ORION_MESSAGE_ANE_COMPILE,
                 "cannot compile t.mil: _ANECompiler : ANECCompile() FAILED");
    free(implicit);
    bench_close(&b);
    assert_int_equal(emulator_counters().objects_now, 0);
    assert_int_equal(emulator_counters().instances_now, 0);
}

static void test_faults(void **state) {
    (void)state;
    bench b = open_e5rt("");
    char *text = two_outputs_text(2, 3);
    ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
    emulator_configure("fault=inference-error");
    assert_int_equal(bench_execute(&b, &bound), ORION_ERROR_DEVICE);
    assert_diag(b.diag, ORION_MESSAGE_ANE_EVALUATE, "status=0x12");
    assert_ok(bench_execute(&b, &bound), b.diag);
    emulator_configure("fault=timeout");
    assert_int_equal(bench_execute(&b, &bound), ORION_ERROR_DEVICE);
    assert_diag(b.diag, ORION_MESSAGE_ANE_EVALUATE, "timeout");
    assert_ok(bench_execute(&b, &bound), b.diag);
    ane_bound_free(&bound);
    orion_ane_device_cache_clear(b.device);
    char *other = two_outputs_text(2, 4);
    emulator_configure("fault=compiler-crash");
    bench_refuse(&b, other, ORION_ERROR_COMPILE, ORION_MESSAGE_ANE_COMPILE, "helper application");
    orion_ane_program *program = bench_compile(&b, other, NULL);
    orion_ane_program_unref(&program);
    free(text);
    free(other);
    bench_close(&b);
    assert_int_equal(emulator_counters().objects_now, 0);
    assert_int_equal(emulator_counters().surfaces_now, 0);
}

/* What is made goes, round after round; compiling again what the daemon keeps costs no compile. */
static void test_lifetimes(void **state) {
    (void)state;
    enum { ROUNDS = 200 };
    bench b = open_e5rt("");
    char *text = two_outputs_text(2, 3);
    uint64_t objects = 0;
    for (int i = 0; i < ROUNDS; i++) {
        ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
        assert_ok(bench_execute(&b, &bound), b.diag);
        ane_bound_free(&bound);
        orion_ane_device_cache_clear(b.device);
        orion_emulator_counters now = emulator_counters();
        if (i == 0) objects = now.objects_now;
        assert_int_equal(now.objects_now, objects);
        assert_int_equal(now.surfaces_now, 0);
        assert_int_equal(now.instances_now, 0);
        assert_int_equal(now.compiles, 2); /* the probe and the program */
    }
    free(text);
    bench_close(&b);
    assert_int_equal(emulator_counters().objects_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),           cmocka_unit_test(test_layout_is_found_out),
        cmocka_unit_test(test_unknown_layout), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_faults),         cmocka_unit_test(test_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
