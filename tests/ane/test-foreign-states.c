/* SPDX-License-Identifier: MIT */
/* States of MIL: read, written, carried from run to run in place; and parts of tensors written. */
#include "foreign-support.h"

enum { LENGTH = 6, WIDTH = 4 };

/*
 * A cache as a converter of language models leaves it: the new row is written at a position that is
 * an input, and what is read is the whole cache.
 */
#define CACHE(update)                                                                              \
    "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [1, 1, 4]> row, tensor<int32, [1]> position, " \
    "state<tensor<fp32, [1, 6, 4]>> cache) {\n"                                                    \
    "tensor<fp32, [1, 6, 4]> old = read_state(input = cache)[name = string(\"old\")];\n"           \
    "tensor<int32, [1]> first = const()[val = tensor<int32, [1]>([0])];\n"                         \
    "tensor<int32, [1]> zero = const()[val = tensor<int32, [1]>([0])];\n"                          \
    "tensor<int32, [1]> one = const()[val = tensor<int32, [1]>([1])];\n"                           \
    "tensor<int32, [1]> behind = add(x = position, y = one);\n"                                    \
    "tensor<int32, [3]> begin = concat(axis = 0, interleave = false, values = (first, position, "  \
    "zero));\n"                                                                                    \
    "tensor<int32, [3]> end = concat(axis = 0, interleave = false, values = (one, behind, "        \
    "zero));\n"                                                                                    \
    "tensor<fp32, [1, 6, 4]> new = slice_update(x = old, update = row, begin = begin, end = end, " \
    "begin_mask = [false, false, false], end_mask = [true, false, true], squeeze_mask = [false, "  \
    "false, false], stride = [1, 1, 1]);\n" update                                                 \
    "tensor<fp32, [1, 4]> sum = reduce_sum(x = now, axes = [1]);\n"                                \
    "} -> (sum);\n}\n"

static const char *const caches[] = {
    CACHE("tensor<fp32, [1, 6, 4]> now = coreml_update_state(state = cache, value = new);\n"),
    CACHE("write_state(data = new, input = cache)[name = string(\"w\")];\n"
          "tensor<fp32, [1, 6, 4]> now = read_state(input = cache)[name = string(\"now\")];\n"),
};

static orion_ane_program *compile(orion_ane_device *device, const char *text) {
    orion_ane_program *program;
    orion_diag *diag;
    orion_ane_source source = {.size = sizeof source, .text = text, .length = strlen(text)};
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ane_program_compile(device, &source, diag, &program), diag);
    orion_diag_destroy(&diag);
    return program;
}

/* One tensor is bound to the state and to what it becomes: nobody copies it between runs. */
static void test_cache_in_place(void **state) {
    (void)state;
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 1);
    for (size_t i = 0; i < ORN_COUNT(caches); i++) {
        ane_bound b = ane_bind(compile(device, caches[i]), true);
        orion_ane_port port = {.size = sizeof port};
        double want[LENGTH * WIDTH] = {0}, cache[LENGTH * WIDTH], sum[WIDTH];
        assert_int_equal(b.inputs, 3);
        assert_int_equal(b.count, 5);
        assert_int_equal(orion_ane_program_port(b.program, 4, &port), ORION_OK);
        assert_string_equal(port.name, "cache_next");
        assert_int_equal(port.alias, 3);
        ane_write(&b, 2, want);
        for (int step = 0; step < LENGTH; step++) {
            double row[WIDTH], position[] = {step == 2 ? 0 : step}, expected[WIDTH] = {0};
            for (int k = 0; k < WIDTH; k++) row[k] = 10 * step + k;
            memcpy(want + (int)position[0] * WIDTH, row, sizeof row);
            ane_write(&b, 0, row);
            ane_write(&b, 1, position);
            assert_int_equal(orion_ane_run_execute(b.run, NULL), ORION_OK);
            for (int k = 0; k < LENGTH * WIDTH; k++) expected[k % WIDTH] += want[k];
            ane_read(&b, 3, sum);
            ane_read(&b, 4, cache);
            assert_doubles_near(sum, expected, WIDTH, 1e-5, 0);
            assert_doubles_near(cache, want, LENGTH * WIDTH, 0, 0);
        }
        ane_bound_free(&b);
    }
    orion_ane_device_unref(&device);
}

/* Written without any read; a function that returns nothing else. */
static void test_write_only(void **state) {
    (void)state;
    static const double x[] = {1, 2}, old[] = {7, 8}, want[] = {2, 3};
    foreign_check(&(foreign_case){
        .text = "program(1.3)\n{\nfunc main<ios18>(tensor<fp16, [2]> x, state<tensor<fp16, [2]>> "
                "s) {\ntensor<fp16, [2]> y = add(x = x, y = fp16(1));\n"
                "write_state(input = s, data = y);\n} -> ();\n}\n",
        .inputs = (const double *const[]){x, old},
        .expected = (const double *const[]){want},
        .expected_count = 1});
}

/* A state that is read only is an input like any other; one read before and behind a write. */
static void test_order_of_reads(void **state) {
    (void)state;
    static const double x[] = {1, 2}, old[] = {7, 8}, before[] = {7, 8}, after[] = {1, 2};
    foreign_check(&(foreign_case){
        .text = "program(1.3)\n{\nfunc main<ios18>(tensor<fp16, [2]> x, state<tensor<fp16, [2]>> "
                "s) {\ntensor<fp16, [2]> a = read_state(input = s);\n"
                "write_state(input = s, data = x);\n"
                "tensor<fp16, [2]> b = read_state(input = s);\n} -> (a, b);\n}\n",
        .inputs = (const double *const[]){x, old},
        .expected = (const double *const[]){before, after, after},
        .expected_count = 3});
    foreign_check(&(foreign_case){
        .text = "program(1.3)\n{\nfunc main<ios18>(tensor<fp16, [2]> x, state<tensor<fp16, [2]>> "
                "s) {\ntensor<fp16, [2]> a = read_state(input = s);\n"
                "tensor<fp16, [2]> b = sub(x = a, y = x);\n} -> (b);\n}\n",
        .inputs = (const double *const[]){x, old},
        .expected = (const double *const[]){(const double[]){6, 6}},
        .expected_count = 1});
}

/* Parts on several axes, from the end, squeezed, the whole. */
static void test_updates(void **state) {
    (void)state;
    static const double update[] = {-1, -2, -3, -4};
    double x[24], want[24];
    for (int i = 0; i < 24; i++) x[i] = want[i] = i;

    static const struct {
        const char *statement;
        int places[4];
    } cases[] = {
        {"tensor<fp32, [2, 1, 2]> v = reshape(x = u, shape = [2, 1, 2]);\n"
         "tensor<fp32, [2, 3, 4]> z = slice_update(x = x, update = v, begin = [0, 1, 2], end = [2, "
         "2, 4]);\n",
         {6, 7, 18, 19}},
        {"tensor<fp32, [1, 2, 2]> v = reshape(x = u, shape = [1, 2, 2]);\n"
         "tensor<fp32, [2, 3, 4]> z = slice_update(x = x, update = v, begin = [-1, 1, 0], end = "
         "[2, 3, 2], begin_mask = [false, false, true]);\n",
         {16, 17, 20, 21}},
        {"tensor<fp32, [2, 3, 4]> z = slice_update(x = x, update = u, begin = [1, 2, 0], end = [0, "
         "0, 0], end_mask = [false, false, true], squeeze_mask = [true, true, false]);\n",
         {20, 21, 22, 23}},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        char text[1024];
        for (int k = 0; k < 24; k++) want[k] = x[k];
        for (int k = 0; k < 4; k++) want[cases[i].places[k]] = update[k];
        snprintf(text, sizeof text,
                 FOREIGN("tensor<fp32, [2, 3, 4]> x, tensor<fp32, [4]> u", "%s", "z"),
                 cases[i].statement);
        foreign_check(&(foreign_case){.text = text,
                                      .inputs = (const double *const[]){x, update},
                                      .expected = (const double *const[]){want},
                                      .expected_count = 1});
    }
    for (int k = 0; k < 24; k++) want[k] = x[k] + 1;
    foreign_check(&(foreign_case){
        .text = FOREIGN("tensor<fp32, [2, 3, 4]> x",
                        "tensor<fp32, [2, 3, 4]> v = add(x = x, y = fp32(1));\n"
                        "tensor<fp32, [2, 3, 4]> z = slice_update(x = x, update = v, begin = [0, "
                        "0, 0], end = [2, 3, 4]);\n",
                        "z"),
        .inputs = (const double *const[]){x},
        .expected = (const double *const[]){want},
        .expected_count = 1});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cache_in_place),
        cmocka_unit_test(test_write_only),
        cmocka_unit_test(test_order_of_reads),
        cmocka_unit_test(test_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
