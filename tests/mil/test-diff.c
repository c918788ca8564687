/* SPDX-License-Identifier: MIT */
/* Differences of programs: what counts, what does not, how it is told. */
#define _POSIX_C_SOURCE 200809L
#include "mil-support.h"

#define T "tensor<fp16, [1, 4, 1, 8]>"

/* The lines for two texts; free() them. */
static char *diff(const char *a, const char *b, size_t *count) {
    orion_mil_program *x = parse_mil(a), *y = parse_mil(b);
    orion_buffer *buffer;
    size_t again = 99;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    const orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_mil_diff(x, y, NULL, &writer, count), ORION_OK);
    assert_int_equal(orion_mil_diff(x, y, NULL, NULL, &again), ORION_OK);
    assert_int_equal(again, *count);
    char *text = strdup(orion_buffer_data(buffer));
    orion_buffer_destroy(&buffer);
    orion_mil_program_destroy(&x);
    orion_mil_program_destroy(&y);
    return text;
}

static void assert_diff(const char *a, const char *b, const char *expected) {
    size_t count, lines = 0;
    char *text = diff(a, b, &count);
    for (const char *s = text; *s != '\0'; s++) lines += *s == '\n';
    assert_string_equal(text, expected);
    assert_int_equal(count, lines);
    free(text);
}

/* Names, order, spelling, name attributes, nesting of literals, and where a const stands. */
static void test_same(void **state) {
    (void)state;
    static const char a[] =
        MIL_PROGRAM(T " p, " T " q",
                    T " s = add(x = p, y = q);\n" T " t = mul(x = p, y = q);\n"
                      "int32 axis = const()[name = string(\"axis\"), val = int32(1)];\n"
                      "bool i = const()[val = bool(false)];\n"
                      "tensor<fp16, [1, 8, 1, 8]> u = concat(axis = axis, interleave = i, "
                      "values = (s, t))[name = string(\"u\")];\n",
                    "u");
    static const char b[] =
        "program(1.0)\n{ func main<ios16>(" T " x1, " T " x2) {\n"
        "tensor<bool, []> i = const()[val = tensor<bool, []>(false)];\n" T
        " two = mul(y = x2, x = x1);\n" T " one = add(y = x2, x = x1);\n"
        "tensor<fp16, [1, 8, 1, 8]> out = concat(values = (one, two), interleave = i, "
        "axis = tensor<int32, []>(1))[name = tensor<string, []>(\"other\")];\n} -> (out);\n}\n";
    assert_diff(a, b, "");
    assert_diff(a, a, "");
}

/* With the same names in another order, inputs are what they are called. */
static void test_inputs_by_name(void **state) {
    (void)state;
    static const char a[] = MIL_PROGRAM(T " p, " T " q", T " y = sub(x = p, y = q);\n", "y");
    static const char b[] = MIL_PROGRAM(T " q, " T " p", T " y = sub(x = p, y = q);\n", "y");
    static const char c[] = MIL_PROGRAM(T " q, " T " p", T " y = sub(x = q, y = p);\n", "y");
    assert_diff(a, b, "");
    assert_diff(a, c, "~ sub 'y' (line 4) / sub 'y' (line 4): x p / q; y q / p\n");
}

/* One change, and nothing about what depends on it. */
static void test_change(void **state) {
    (void)state;
    static const char a[] =
        MIL_PROGRAM(T " x",
                    "int32 k = const()[val = int32(3)];\n" T " h = softmax(axis = k, x = x);\n" T
                    " i = relu(x = h);\n" T " j = tanh(x = i);\n",
                    "j");
    static const char b[] =
        MIL_PROGRAM(T " x",
                    "int32 k = const()[val = int32(1)];\n" T " h = softmax(axis = k, x = x);\n" T
                    " i = relu(x = h);\n" T " j = tanh(x = i);\n",
                    "j");
    assert_diff(a, b, "~ softmax 'h' (line 5) / softmax 'h' (line 5): axis int32(3) / int32(1)\n");
}

static void test_added_and_removed(void **state) {
    (void)state;
    static const char a[] = MIL_PROGRAM(
        T " x", T " h = relu(x = x);\n" T " i = exp(x = h);\n" T " y = tanh(x = i);\n", "y");
    static const char b[] = MIL_PROGRAM(
        T " x", T " h = relu(x = x);\n" T " i = sqrt(x = h);\n" T " y = tanh(x = i);\n", "y");
    assert_diff(a, b,
                "+ sqrt 'i' (line 5)\n"
                "~ tanh 'y' (line 6) / tanh 'y' (line 6): x i / i\n"
                "- exp 'i' (line 5)\n");
}

static void test_interface(void **state) {
    (void)state;
    static const char a[] =
        MIL_PROGRAM(T " x", T " h = relu(x = x);\n" T " i = exp(x = h);\n", "h, i");
    static const char b[] =
        MIL_PROGRAM(T " x", T " h = relu(x = x);\n" T " i = exp(x = h);\n", "i");
    static const char c[] =
        MIL_PROGRAM(T " x", T " h = relu(x = x);\n" T " i = exp(x = h);\n", "i, h");
    static const char d[] =
        MIL_PROGRAM(T " x", T " h = relu(x = x);\n" T " i = exp(x = h);\n", "h, h");
    assert_diff(a, b,
                "~ number of outputs: 2 / 1\n"
                "~ output 'i' is another value: 'h' (line 6) / 'i' (line 6)\n");
    assert_diff(a, c, "");
    assert_diff(a, d, "~ output 'h' is another value: 'i' (line 6) / 'h' (line 6)\n");
    static const char e[] =
        MIL_PROGRAM("tensor<fp32, [1, 4, 1, 8]> x", T " h = relu(x = x);\n", "h");
    static const char f[] = MIL_PROGRAM(T " x", T " h = relu(x = x);\n", "h");
    assert_diff(e, f,
                "~ input 'x': type tensor<fp32, [1, 4, 1, 8]> / tensor<fp16, [1, 4, 1, 8]>\n");
}

static void test_types_and_literals(void **state) {
    (void)state;
    static const char a[] =
        MIL_PROGRAM("",
                    "tensor<int32, [2, 2]> y = identity(x = tensor<int32, [2, 2]>([[1, 2], [3, "
                    "4]]));\n",
                    "y");
    static const char b[] = MIL_PROGRAM(
        "", "tensor<int32, [2, 2]> y = identity(x = tensor<int32, [2, 2]>([1, 2, 3, 4]));\n", "y");
    static const char c[] = MIL_PROGRAM(
        "", "tensor<int32, [4]> y = identity(x = tensor<int32, [2, 2]>([1, 2, 3, 4]));\n", "y");
    assert_diff(a, b, "");
    assert_diff(b, c,
                "~ identity 'y' (line 4) / identity 'y' (line 4): type tensor<int32, [2, 2]> / "
                "tensor<int32, [4]>\n");
}

static void test_functions(void **state) {
    (void)state;
    static const char a[] = "program(1.3)\n{ func f<ios18>(" T " x) { " T " y = relu(x = x); } -> "
                            "(y);\nfunc g<ios18>(" T " x) { " T " y = exp(x = x); } -> (y); }\n";
    static const char b[] = "program(1.3)\n{ func g<ios18>(" T " x) { " T " y = exp(x = x); } -> "
                            "(y);\nfunc h<ios18>(" T " x) { " T " y = exp(x = x); } -> (y); }\n";
    assert_diff(a, b, "- function 'f' (line 2)\n+ function 'h' (line 3)\n");
    assert_diff(a, a, "");
}

/* A program and what comes out of printing it in either spelling. */
static void test_spellings(void **state) {
    (void)state;
    char *text = test_read_file(test_source("golden/mil/llama-layer.mil"), NULL);
    orion_mil_program *program = parse_mil(text);
    char *verbose = print_mil(program, ORION_MIL_IOS16);
    assert_diff(text, verbose, "");
    free(verbose);
    free(text);
    orion_mil_program_destroy(&program);
}

/* Thousands of statements, one of them other than before. */
static void test_long(void **state) {
    (void)state;
    enum { COUNT = 5000 };
    char *texts[2];
    for (int t = 0; t < 2; t++) {
        char *at = texts[t] = malloc(COUNT * 80 + 200);
        assert_non_null(at);
        at += sprintf(at, "program(1.3)\n{ func main<ios18>(" T " v0) {\n");
        for (int i = 1; i <= COUNT; i++) {
            bool changed = t == 1 && i == COUNT / 2;
            at += sprintf(at, T " v%d = mul(x = v%d, y = fp16(%d));\n", i, i - 1,
                          changed ? 1000 : i % 7);
        }
        sprintf(at, "} -> (v%d);\n}\n", COUNT);
    }
    size_t count;
    char *text = diff(texts[0], texts[1], &count);
    assert_int_equal(count, 1);
    assert_non_null(strstr(text, "y fp16(1) / fp16(1000)"));
    free(text);
    free(texts[0]);
    free(texts[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same),      cmocka_unit_test(test_inputs_by_name),
        cmocka_unit_test(test_change),    cmocka_unit_test(test_added_and_removed),
        cmocka_unit_test(test_interface), cmocka_unit_test(test_types_and_literals),
        cmocka_unit_test(test_functions), cmocka_unit_test(test_spellings),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
