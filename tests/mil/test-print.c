/* SPDX-License-Identifier: MIT */
/* Canonical MIL text: print(parse(print(p))) == print(p), and numbers that read back as the same
 * value. */
#include "mil-support.h"

#include <math.h>

/* Prints the same after another round, in every dialect, and verifies the same. */
static void assert_law(const char *text) {
    static const orion_mil_dialect dialects[] = {ORION_MIL_AS_IS, ORION_MIL_IOS16, ORION_MIL_IOS18};
    orion_mil_program *p = parse_mil(text);
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        char *once = print_mil(p, dialects[i]);
        orion_mil_program *again = parse_mil(once);
        char *twice = print_mil(again, dialects[i]), *as_is = print_mil(again, ORION_MIL_AS_IS);
        assert_string_equal(twice, once);
        assert_string_equal(as_is, once);
        assert_int_equal(orion_mil_verify(again, NULL), orion_mil_verify(p, NULL));
        free(once);
        free(twice);
        free(as_is);
        orion_mil_program_destroy(&again);
    }
    orion_mil_program_destroy(&p);
}

static void test_law_holds(void **state) {
    (void)state;
    assert_law("program(0.0) { }");
    assert_law("program(1.3) [] { func f() [a = b] { } -> (); }");
    assert_law(MIL_PROGRAM("fp16 x", "", "x, x"));
    assert_law(MIL_PROGRAM(
        "fp16 x, bool tensor, string fp16",
        "fp16 y = op(a = tensor, b = fp16, c = true, d = (x), e = [], f = {}, g = (), h = [(x)]);\n"
        "fp16 z = op(a = -inf, b = +inf, c = +nan, d = fp16(-inf), e = fp16(inf), f = -0.0)\n"
        "[v = -0, w = 1e300, x = 0x1.fffffffffffffp+1023, y = 0x0p+0, z = 123456789012345678];\n"
        "string s = op(a = \"\\x01\\x7f\\xff \\\\x41\", b = \"\");\n",
        "y"));
    assert_law(MIL_PROGRAM("tensor<fp16, [a, ?, 3]> x, dict<string, list<fp16>> d, "
                           "tuple<fp16, tensor<fp16, []>> t",
                           "", "x"));
}

/* What `value` is printed as. */
static void assert_value_prints(const char *value, const char *expected) {
    char text[256], wanted[256];
    snprintf(text, sizeof text, MIL_PROGRAM("", "fp16 y = op(v = %s);\n", "y"), value);
    snprintf(wanted, sizeof wanted, "op(v = %s);", expected);
    orion_mil_program *p = parse_mil(text);
    char *out = print_mil(p, ORION_MIL_AS_IS);
    if (strstr(out, wanted) == NULL) fail_msg("'%s' prints as %s", value, out);
    free(out);
    orion_mil_program_destroy(&p);
}

static void test_numbers_print_shortest(void **state) {
    (void)state;
    assert_value_prints("1.50", "1.5");
    assert_value_prints("2.0", "2.0");
    assert_value_prints("+7", "7");
    assert_value_prints("9223372036854775807", "9223372036854775807");
    assert_value_prints("18446744073709551615", "18446744073709551615");
    assert_value_prints("18446744073709551616", "1.8446744073709552e+19");
    assert_value_prints("-9223372036854775809", "-9.223372036854776e+18");
    assert_value_prints("0.1", "0.1");
    assert_value_prints("1e-05", "1e-05");
    assert_value_prints("0x1p-3", "0x1p-3");
    assert_value_prints("0x3p+0", "0x1.8p+1");
    assert_value_prints("0X.8P1", "0x1p+0");
    assert_value_prints("-0x1.5566p-2", "-0x1.5566p-2");
    assert_value_prints("0x1p-1074", "0x1p-1074");
    assert_value_prints("0x1.fffffffffffff8p+0", "0x1p+1");
    assert_value_prints("0x0.0000000000000000000000000001p0", "0x1p-112");
    assert_value_prints("-0x0p+0", "-0x0p+0");
    assert_value_prints("fp16(inf)", "fp16(inf)");
}

/* Random doubles keep their bits, in both spellings. */
static void test_numbers_keep_their_bits(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 2000; i++) {
        uint64_t bits = test_random(&seed), back;
        double v, w;
        memcpy(&v, &bits, sizeof v);
        if (isnan(v) || isinf(v)) continue;
        char text[256];
        snprintf(text, sizeof text, MIL_PROGRAM("", "fp16 y = op(v = %a, w = %.17g);\n", "y"), v,
                 v);
        for (char *c = text; *c != '\0'; c++) { /* printf's decimal comma */
            if (c[0] == ',' && c[1] != ' ' && c[1] != '\n') *c = '.';
        }
        orion_mil_program *p = parse_mil(text);
        char *out = print_mil(p, ORION_MIL_AS_IS);
        orion_mil_program *again = parse_mil(out);
        const orion_mil_statement *s =
            orion_mil_function_definition(orion_mil_program_find(again, "main"), "y");
        for (size_t k = 0; k < 2; k++) {
            w = orion_mil_value_float(orion_mil_statement_argument(s, k));
            memcpy(&back, &w, sizeof back);
            assert_int_equal(back, bits);
        }
        free(out);
        orion_mil_program_destroy(&p);
        orion_mil_program_destroy(&again);
    }
}

static orion_status refuse(void *ctx, const void *bytes, size_t n) {
    (void)bytes;
    (void)n;
    ++*(int *)ctx;
    return ORION_ERROR_IO;
}

static void test_print_fails(void **state) {
    (void)state;
    int calls = 0;
    orion_writer broken = {.size = sizeof broken, .ctx = &calls, .write = refuse};
    orion_mil_program *p = parse_mil("program(1.0) { func f(fp16 x) { } -> (); }");
    assert_int_equal(orion_mil_print(p, NULL, &broken), ORION_ERROR_IO);
    assert_int_equal(calls, 1);
    orion_mil_print_options options = {.size = sizeof options, .dialect = 17};
    assert_int_equal(orion_mil_print(p, &options, &broken), ORION_ERROR_INVALID_ARGUMENT);
    options = (orion_mil_print_options){.size = sizeof options, .reserved = 0};
    struct {
        orion_mil_print_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    assert_int_equal(orion_mil_print(p, &newer.known, &broken), ORION_ERROR_ABI);
    const orion_mil_type *type =
        orion_mil_function_parameter_type(orion_mil_program_function(p, 0), 0);
    assert_int_equal(orion_mil_type_print(type, &broken), ORION_ERROR_IO);
    orion_mil_program_destroy(&p);
}

static void test_type_prints_alone(void **state) {
    (void)state;
    static const char *const types[] = {"fp16", "tensor<fp16, []>", "tensor<int32, [1, ?, n]>",
                                        "dict<string, list<tuple<bool, uint64>, 3>>",
                                        "state<tensor<fp16, [2]>>"};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[256];
        snprintf(text, sizeof text, "program(1.0) { func f(%s x) { } -> (); }", types[i]);
        orion_mil_program *p = parse_mil(text);
        orion_buffer *buffer;
        assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
        orion_writer writer = orion_buffer_writer(buffer);
        const orion_mil_function *f = orion_mil_program_function(p, 0);
        assert_int_equal(orion_mil_type_print(orion_mil_function_parameter_type(f, 0), &writer),
                         ORION_OK);
        assert_string_equal(orion_buffer_data(buffer), types[i]);
        orion_buffer_destroy(&buffer);
        orion_mil_program_destroy(&p);
    }
}

/* Text longer than one flush arrives whole. */
static void test_long_text_is_whole(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    char *list = malloc(COUNT * 8 + 1), *text = malloc(COUNT * 8 + 512);
    assert_non_null(list);
    assert_non_null(text);
    char *at = list;
    for (int i = 0; i < COUNT; i++) at += sprintf(at, i == 0 ? "%d" : ", %d", i);
    sprintf(text, MIL_PROGRAM("", "tensor<int32, [%d]> y = const()[val = [%s]];\n", "y"), COUNT,
            list);
    orion_mil_program *p = parse_mil(text);
    char *out = print_mil(p, ORION_MIL_AS_IS);
    assert_non_null(strstr(out, list));
    free(out);
    free(list);
    free(text);
    orion_mil_program_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law_holds),
        cmocka_unit_test(test_numbers_print_shortest),
        cmocka_unit_test(test_numbers_keep_their_bits),
        cmocka_unit_test(test_print_fails),
        cmocka_unit_test(test_type_prints_alone),
        cmocka_unit_test(test_long_text_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
