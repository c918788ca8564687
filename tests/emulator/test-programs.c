/* SPDX-License-Identifier: MIT */
/* What both back ends of the Neural Engine must do alike: ports, functions, weights, chains. The
 * environment says which back end ($ORION_TEST_BACKEND). */
#include "emulator-support.h"

static void expect_port(const orion_ane_program *program, const char *name, size_t bytes,
                        uint32_t rank, const int64_t *strides) {
    orion_ane_port port = {.size = sizeof port};
    assert_int_equal(orion_ane_program_find_port(program, name, &port), ORION_OK);
    assert_int_equal(port.bytes, bytes);
    assert_int_equal(port.type.rank, rank);
    for (uint32_t i = 0; i < rank; i++) assert_int_equal(port.strides[i], strides[i]);
}

static void test_layout(void **state) {
    (void)state;
    bench b = bench_open("");
    char *text = mil_text("tensor<fp16, [1, 4, 1, 5]> x, tensor<fp16, [1, 3, 2, 40]> y, "
                          "tensor<fp16, [7]> v, tensor<fp16, [2, 1, 2, 3, 1]> w, fp16 s",
                          "        tensor<fp16, [1, 4, 1, 5]> a = add(x = x, y = s);\n"
                          "        tensor<fp16, [1, 3, 2, 40]> c = add(x = y, y = s);\n"
                          "        tensor<fp16, [7]> d = add(x = v, y = s);\n"
                          "        tensor<fp16, [2, 1, 2, 3, 1]> e = add(x = w, y = s);\n",
                          "a, c, d, e");
    orion_ane_program *program = bench_compile(&b, text, NULL);
    expect_port(program, "x", 256, 4, (const int64_t[]){256, 64, 64, 2});
    expect_port(program, "c", 768, 4, (const int64_t[]){768, 256, 128, 2});
    expect_port(program, "v", 64, 1, (const int64_t[]){2});
    expect_port(program, "e", 768, 5, (const int64_t[]){384, 384, 192, 64, 2});
    expect_port(program, "s", 64, 0, NULL);
    ane_bound bound = ane_bind(program, false);
    assert_ok(bench_execute(&b, &bound), b.diag);
    double a[20], e[12];
    ane_read(&bound, bound.inputs, a);
    ane_read(&bound, bound.inputs + 3, e);
    for (size_t k = 0; k < 20; k++) assert_true(a[k] == (double)k + 1 + 5);
    for (size_t k = 0; k < 12; k++) assert_true(e[k] == (double)k + 4 + 5);
    ane_bound_free(&bound);
    free(text);
    bench_close(&b);
}

/* Two inputs and two outputs whose text has them in the other order than their names. */
static void expect_two_outputs(bench *b) {
    char *text = two_outputs_text(3, 5);
    ane_bound bound = ane_bind(bench_compile(b, text, NULL), false);
    assert_ok(bench_execute(b, &bound), b->diag);
    double y[15], a[15];
    ane_read(&bound, 2, y); /* b = x * y with y = 1, 2 ... and x = 2, 3 ... */
    ane_read(&bound, 3, a); /* a = x - y */
    for (size_t k = 0; k < 15; k++) {
        assert_true(y[k] == (double)((k + 1) * (k + 2)));
        assert_true(a[k] == 1);
    }
    ane_bound_free(&bound);
    free(text);
}

static void test_order(void **state) {
    (void)state;
    static const char *const settings[] = {"",
                                           "layout=hidden",
                                           "symbols=hidden",
                                           "symbols=hidden, layout=hidden",
                                           "order=declared",
                                           "order=declared, layout=hidden"};
    for (size_t i = 0; i < ORN_COUNT(settings); i++) {
        bench b = bench_open(settings[i]);
        expect_two_outputs(&b);
        bench_close(&b);
    }
}

static void test_functions(void **state) {
    (void)state;
    bench b = bench_open("");
    static const char text[] = "program(1.3)\n"
                               "{\n"
                               "    func twice<ios18>(tensor<fp16, [1, 2, 1, 4]> x) {\n"
                               "        tensor<fp16, [1, 2, 1, 4]> y = add(x = x, y = x);\n"
                               "    } -> (y);\n"
                               "    func square<ios18>(tensor<fp16, [1, 3, 1, 4]> x) {\n"
                               "        tensor<fp16, [1, 3, 1, 4]> y = mul(x = x, y = x);\n"
                               "    } -> (y);\n"
                               "}\n";
    const orion_ane_source source = {
        .size = sizeof source, .text = text, .length = strlen(text), .function = "square"};
    orion_ane_program *program;
    assert_ok(orion_ane_program_compile(b.device, &source, b.diag, &program), b.diag);
    ane_bound bound = ane_bind(program, false);
    assert_ok(bench_execute(&b, &bound), b.diag);
    double y[12];
    ane_read(&bound, 1, y);
    for (size_t k = 0; k < 12; k++) assert_true(y[k] == (double)((k + 1) * (k + 1)));
    ane_bound_free(&bound);
    bench_refuse(&b, text, ORION_ERROR_NOT_FOUND, ORION_MESSAGE_MIL_FUNCTION, "main");
    bench_close(&b);
}

/* The output of one program is the input of the next, without a copy. */
static void test_chain(void **state) {
    (void)state;
    bench b = bench_open("");
    char *text = mil_text("tensor<fp16, [1, 2, 1, 8]> x",
                          "        tensor<fp16, [1, 2, 1, 8]> y = add(x = x, y = x);\n", "y");
    ane_bound first = ane_bind(bench_compile(&b, text, NULL), false);
    ane_bound second = ane_bind(bench_compile(&b, text, NULL), false);
    assert_ok(orion_ane_run_bind(second.run, "x", first.tensors[1], b.diag), b.diag);
    for (int round = 1; round <= 3; round++) {
        double x[16], y[16];
        for (size_t k = 0; k < 16; k++) x[k] = (double)k * round;
        ane_write(&first, 0, x);
        assert_ok(orion_ane_run_execute(first.run, b.diag), b.diag);
        assert_ok(orion_ane_run_execute(second.run, b.diag), b.diag);
        ane_read(&second, 1, y);
        for (size_t k = 0; k < 16; k++) assert_true(y[k] == 4 * x[k]);
    }
    ane_bound_free(&first);
    ane_bound_free(&second);
    free(text);
    bench_close(&b);
}

/* Equal texts with other weights are other programs. */
static void test_weights(void **state) {
    (void)state;
    bench b = bench_open("");
    static const char statements[] =
        "        tensor<fp16, [1, 4, 1, 1]> w = const()[name = string(\"w\"), val = "
        "tensor<fp16, [1, 4, 1, 1]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"), "
        "offset = uint64(64)))];\n"
        "        tensor<fp16, [1, 4, 1, 6]> y = mul(x = x, y = w)[name = string(\"y\")];\n";
    char *text = mil_text("tensor<fp16, [1, 4, 1, 6]> x", statements, "y");
    for (int round = 0; round < 2; round++) {
        const float data[4] = {(float)round + 1, 2, 3, 4};
        orion_mil_weights *weights = half_weights("@model_path/weights/w.bin", data, 4);
        ane_bound bound = ane_bind(bench_compile(&b, text, weights), false);
        orion_mil_weights_destroy(&weights);
        assert_ok(bench_execute(&b, &bound), b.diag);
        double y[24];
        ane_read(&bound, 1, y);
        for (size_t k = 0; k < 24; k++) assert_true(y[k] == (double)(k + 1) * (double)data[k / 6]);
        ane_bound_free(&bound);
    }
    orion_mil_weights *outside = half_weights("/etc/w.bin", (const float[]){1}, 1);
    orion_ane_program *program;
    assert_int_equal(bench_try(&b, text, outside, &program), ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b.diag, ORION_MESSAGE_ANE_FILES, "/etc/w.bin");
    orion_mil_weights_destroy(&outside);
    free(text);
    bench_close(&b);
}

/* A device does not take tensors that it cannot reach. */
static void test_reach(void **state) {
    (void)state;
    bench b = bench_open("");
    char *text = two_outputs_text(2, 32);
    ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
    orion_ane_device *cpu = ane_open(ORION_ANE_BACKEND_CPU, 1);
    const int64_t dims[] = {1, 2, 1, 32};
    orion_ir_type type = orion_ir_type_make(ORION_IR_F16, 4, dims);
    orion_ane_tensor *tensor;
    assert_ok(orion_ane_tensor_create(cpu, &type, NULL, b.diag, &tensor), b.diag);
    assert_int_equal(orion_ane_run_bind(bound.run, "x", tensor, b.diag),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b.diag, ORION_MESSAGE_ANE_BINDING, "does not reach");
    assert_ok(bench_execute(&b, &bound), b.diag);
    orion_ane_tensor_unref(&tensor);
    orion_ane_device_unref(&cpu);
    ane_bound_free(&bound);
    free(text);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),    cmocka_unit_test(test_order),
        cmocka_unit_test(test_functions), cmocka_unit_test(test_chain),
        cmocka_unit_test(test_weights),   cmocka_unit_test(test_reach),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
