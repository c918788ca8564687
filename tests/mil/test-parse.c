/* SPDX-License-Identifier: MIT */
/* MIL text: both spellings, every kind of value, errors with their places, limits; and what the
 * grammar cannot check. */
#include "mil-support.h"

#include <math.h>

/* Every construct of the grammar. */
static const char tour[] =
    "\xef\xbb\xbf// a byte order mark and comments are skipped\r\n"
    "program ( 1.3 ) [buildInfo = dict<string, string>({{\"a\", \"1\"}, {\"b\", \"\"}}), empty = "
    "{}]\n"
    "{ /* two\n functions */\n"
    "  func main<ios18>(tensor<fp16, [1, ?, n]> x, state<tensor<fp16, [2]>> kept)\n"
    "      [FlexibleShapeInformation = tuple<tuple<string, dict<string, list<int32, ?>>>, int32>"
    "((((\"x\", {{\"x\", [1, -1]}})), 3))] {\n"
    "    bool b = const()[name = string(\"b\"), val = bool(true)];\n"
    "    tensor<int32, [2, 2]> i = const()[val = tensor<int32, [2, 2]>([[1, -2], [+3, 4]])];\n"
    "    tensor<fp32, [5]> f = const()[val = tensor<fp32, [5]>([0x1.8p+1, -inf, nan, 1e-3, 2])];\n"
    "    tensor<string, []> s = const()[val = tensor<string, []>(\"\\\"\\\\\\n\\t\\r\\x41\\q\")];\n"
    "    tensor<int32, [0]> none = const()[val = tensor<int32, [0]>([])];\n"
    "    tensor<fp16, [3]> w = const()[val = tensor<fp16, [3]>(BLOBFILE(offset = uint64(64),\n"
    "        path = string(\"@model_path/w.bin\")))];\n"
    "    tensor<fp16, [1]> c, tensor<fp16, [2]> d = split<ios17>(x = x, axis = 0, raw = +inf);\n"
    "    list<tensor<fp16, [2]>, 4> l = make_list(values = (c, d,d), deep = [[1], []]);\n"
    "  } -> (c, d);\n"
    "  func other() { } -> ();\n"
    "}\n";

/* The same in canonical form, as it is spelled. */
static const char tour_canonical[] =
    "program(1.3)\n"
    "[buildInfo = dict<string, string>({{\"a\", \"1\"}, {\"b\", \"\"}}), empty = {}]\n"
    "{\n"
    "    func main<ios18>(tensor<fp16, [1, ?, n]> x, state<tensor<fp16, [2]>> kept) "
    "[FlexibleShapeInformation = tuple<tuple<string, dict<string, list<int32, ?>>>, int32>"
    "((((\"x\", {{\"x\", [1, -1]}})), 3))] {\n"
    "            bool b = const()[name = string(\"b\"), val = bool(true)];\n"
    "            tensor<int32, [2, 2]> i = const()[val = tensor<int32, [2, 2]>([[1, -2], [3, "
    "4]])];\n"
    "            tensor<fp32, [5]> f = const()[val = tensor<fp32, [5]>([0x1.8p+1, -inf, nan, "
    "0.001, 2])];\n"
    "            tensor<string, []> s = const()[val = tensor<string, "
    "[]>(\"\\\"\\\\\\n\\t\\rA\\\\q\")];\n"
    "            tensor<int32, [0]> none = const()[val = tensor<int32, [0]>([])];\n"
    "            tensor<fp16, [3]> w = const()[val = tensor<fp16, [3]>(BLOBFILE(path = "
    "string(\"@model_path/w.bin\"), offset = uint64(64)))];\n"
    "            tensor<fp16, [1]> c, tensor<fp16, [2]> d = split<ios17>(x = x, axis = 0, raw = "
    "+inf);\n"
    "            list<tensor<fp16, [2]>, 4> l = make_list(values = (c, d, d), deep = [[1], []]);\n"
    "        } -> (c, d);\n"
    "    func other() {\n"
    "        } -> ();\n"
    "}\n";

static void test_tour_is_read_and_printed(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(tour);
    char *text = print_mil(p, ORION_MIL_AS_IS);
    assert_string_equal(text, tour_canonical);
    free(text);
    assert_int_equal(orion_mil_verify(p, NULL), ORION_OK);
    orion_mil_program_destroy(&p);
    assert_null(p);
}

static const orion_mil_value *constant(const orion_mil_function *f, const char *name) {
    const orion_mil_statement *s = orion_mil_function_definition(f, name);
    assert_non_null(s);
    return orion_mil_statement_find_attribute(s, "val");
}

static void test_program_is_seen(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(tour);
    assert_string_equal(orion_mil_program_version(p), "1.3");
    assert_string_equal(orion_mil_program_source(p), "test.mil");
    assert_int_equal(orion_mil_program_attribute_count(p), 2);
    assert_string_equal(orion_mil_program_attribute_name(p, 0), "buildInfo");
    assert_null(orion_mil_program_attribute_name(p, 2));
    assert_null(orion_mil_program_attribute(p, 2));
    const orion_mil_value *info = orion_mil_program_attribute(p, 0);
    assert_int_equal(orion_mil_value_kind(info), ORION_MIL_VALUE_DICT);
    assert_int_equal(orion_mil_value_count(info), 4);
    assert_string_equal(orion_mil_value_text(orion_mil_value_item(info, 2)), "b");
    assert_null(orion_mil_value_item(info, 4));
    assert_int_equal(orion_mil_program_function_count(p), 2);
    assert_null(orion_mil_program_function(p, 2));
    assert_null(orion_mil_program_find(p, "absent"));
    const orion_mil_function *other = orion_mil_program_find(p, "other");
    assert_ptr_equal(other, orion_mil_program_function(p, 1));
    assert_string_equal(orion_mil_function_name(other), "other");
    assert_string_equal(orion_mil_function_opset(other), "");
    assert_int_equal(orion_mil_function_line(other), 17);
    orion_mil_program_destroy(&p);
}

static void test_function_is_seen(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(tour);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    assert_string_equal(orion_mil_function_opset(f), "ios18");
    assert_int_equal(orion_mil_function_parameter_count(f), 2);
    assert_string_equal(orion_mil_function_parameter_name(f, 1), "kept");
    assert_null(orion_mil_function_parameter_name(f, 2));
    assert_null(orion_mil_function_parameter_type(f, 2));
    const orion_mil_type *x = orion_mil_function_parameter_type(f, 0);
    assert_ptr_equal(x, orion_mil_function_type_of(f, "x"));
    assert_int_equal(orion_mil_type_kind(x), ORION_MIL_TYPE_TENSOR);
    assert_int_equal(orion_mil_type_dtype(x), ORION_MIL_FP16);
    assert_int_equal(orion_mil_type_rank(x), 3);
    assert_int_equal(orion_mil_type_dim(x, 0), 1);
    assert_int_equal(orion_mil_type_dim(x, 1), ORION_MIL_DIM_UNKNOWN);
    assert_int_equal(orion_mil_type_dim(x, 3), 0);
    assert_null(orion_mil_type_symbol(x, 0));
    assert_string_equal(orion_mil_type_symbol(x, 1), "?");
    assert_string_equal(orion_mil_type_symbol(x, 2), "n");
    const orion_mil_type *kept = orion_mil_function_type_of(f, "kept");
    assert_int_equal(orion_mil_type_kind(kept), ORION_MIL_TYPE_STATE);
    assert_int_equal(orion_mil_type_item_count(kept), 1);
    assert_int_equal(orion_mil_type_dim(orion_mil_type_item(kept, 0), 0), 2);
    assert_null(orion_mil_type_item(kept, 1));
    assert_int_equal(orion_mil_function_attribute_count(f), 1);
    assert_string_equal(orion_mil_function_attribute_name(f, 0), "FlexibleShapeInformation");
    assert_null(orion_mil_function_attribute_name(f, 1));
    assert_null(orion_mil_function_attribute(f, 1));
    const orion_mil_type *flexible = orion_mil_value_type(orion_mil_function_attribute(f, 0));
    assert_int_equal(orion_mil_type_kind(flexible), ORION_MIL_TYPE_TUPLE);
    assert_int_equal(orion_mil_function_statement_count(f), 8);
    assert_null(orion_mil_function_statement(f, 8));
    assert_int_equal(orion_mil_function_output_count(f), 2);
    assert_string_equal(orion_mil_function_output(f, 1), "d");
    assert_null(orion_mil_function_output(f, 2));
    assert_null(orion_mil_function_definition(f, "x"));
    assert_null(orion_mil_function_definition(f, "absent"));
    assert_null(orion_mil_function_type_of(f, "absent"));
    orion_mil_program_destroy(&p);
}

static void test_statement_is_seen(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(tour);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    const orion_mil_statement *s = orion_mil_function_definition(f, "d");
    assert_string_equal(orion_mil_statement_op(s), "split");
    assert_string_equal(orion_mil_statement_opset(s), "ios17");
    assert_int_equal(orion_mil_statement_line(s), 14);
    assert_int_equal(orion_mil_statement_column(s), 5);
    assert_int_equal(orion_mil_statement_result_count(s), 2);
    assert_string_equal(orion_mil_statement_result_name(s, 1), "d");
    assert_int_equal(orion_mil_type_dim(orion_mil_statement_result_type(s, 1), 0), 2);
    assert_null(orion_mil_statement_result_name(s, 2));
    assert_null(orion_mil_statement_result_type(s, 2));
    assert_int_equal(orion_mil_statement_argument_count(s), 3);
    assert_string_equal(orion_mil_statement_argument_name(s, 1), "axis");
    assert_null(orion_mil_statement_argument_name(s, 3));
    assert_null(orion_mil_statement_argument(s, 3));
    assert_null(orion_mil_statement_find_argument(s, "y"));
    const orion_mil_value *x = orion_mil_statement_argument(s, 0);
    assert_int_equal(orion_mil_value_kind(x), ORION_MIL_VALUE_NAME);
    assert_string_equal(orion_mil_value_text(x), "x");
    assert_int_equal(orion_mil_value_line(x), 14);
    assert_int_equal(orion_mil_value_column(x), 65);
    assert_true(isinf(orion_mil_value_float(orion_mil_statement_find_argument(s, "raw"))));
    s = orion_mil_function_statement(f, 0);
    assert_int_equal(orion_mil_statement_attribute_count(s), 2);
    assert_string_equal(orion_mil_statement_attribute_name(s, 0), "name");
    assert_null(orion_mil_statement_attribute_name(s, 2));
    assert_null(orion_mil_statement_attribute(s, 2));
    assert_string_equal(orion_mil_value_text(orion_mil_statement_attribute(s, 0)), "b");
    orion_mil_program_destroy(&p);
}

static void test_values_are_seen(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(tour);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    assert_int_equal(orion_mil_value_kind(constant(f, "b")), ORION_MIL_VALUE_BOOL);
    assert_int_equal(orion_mil_value_int(constant(f, "b")), 1);
    const orion_mil_value *i = constant(f, "i");
    assert_int_equal(orion_mil_value_kind(i), ORION_MIL_VALUE_LIST);
    assert_int_equal(orion_mil_value_count(i), 2);
    assert_int_equal(orion_mil_value_int(orion_mil_value_item(orion_mil_value_item(i, 0), 1)), -2);
    const orion_mil_value *floats = constant(f, "f");
    assert_true(orion_mil_value_float(orion_mil_value_item(floats, 0)) == 3);
    assert_true(orion_mil_value_float(orion_mil_value_item(floats, 1)) == -(double)INFINITY);
    assert_true(isnan(orion_mil_value_float(orion_mil_value_item(floats, 2))));
    assert_true(orion_mil_value_float(orion_mil_value_item(floats, 3)) == 1e-3);
    assert_int_equal(orion_mil_value_kind(orion_mil_value_item(floats, 4)), ORION_MIL_VALUE_INT);
    assert_string_equal(orion_mil_value_text(constant(f, "s")), "\"\\\n\t\rA\\q");
    const orion_mil_value *blob = constant(f, "w");
    assert_int_equal(orion_mil_value_kind(blob), ORION_MIL_VALUE_BLOB);
    assert_string_equal(orion_mil_value_text(blob), "@model_path/w.bin");
    assert_int_equal(orion_mil_value_offset(blob), 64);
    assert_int_equal(orion_mil_value_count(blob), 0);
    assert_int_equal(orion_mil_value_offset(i), 0);
    assert_null(orion_mil_value_text(i));
    assert_int_equal(orion_mil_value_int(i), 0);
    assert_int_equal(orion_mil_value_kind(NULL), ORION_MIL_VALUE_NONE);
    assert_null(orion_mil_value_type(NULL));
    assert_int_equal(orion_mil_value_int(NULL), 0);
    assert_true(orion_mil_value_float(NULL) == 0);
    assert_int_equal(orion_mil_type_kind(NULL), ORION_MIL_TYPE_NONE);
    assert_int_equal(orion_mil_type_rank(NULL), 0);
    orion_mil_program_destroy(&p);
}

/* The ends of the 64-bit types are kept to the last digit. */
static void test_huge_integers(void **state) {
    (void)state;
    static const char text[] =
        "program(1.3)\n{\n"
        "    func main<ios18>(fp32 x) {\n"
        "            tensor<uint64, [3]> u = const()[val = tensor<uint64, "
        "[3]>([18446744073709551615, 9223372036854775808, 9223372036854775807])];\n"
        "            int64 i = const()[val = int64(-9223372036854775808)];\n"
        "            fp32 f = const()[val = fp32(18446744073709551615)];\n"
        "        } -> (x);\n}\n";
    orion_mil_program *p = parse_mil(text);
    char *printed = print_mil(p, ORION_MIL_AS_IS);
    assert_string_equal(printed, text);
    free(printed);
    assert_int_equal(orion_mil_verify(p, NULL), ORION_OK);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    const orion_mil_value *u = constant(f, "u");
    assert_int_equal(orion_mil_value_int(orion_mil_value_item(u, 0)), -1);
    assert_true(orion_mil_value_float(orion_mil_value_item(u, 0)) == 0x1p64);
    assert_true(orion_mil_value_float(orion_mil_value_item(u, 1)) == 0x1p63);
    assert_true(orion_mil_value_float(constant(f, "i")) == -0x1p63);
    assert_true(orion_mil_value_float(constant(f, "f")) == 0x1p64);
    orion_mil_program_destroy(&p);
    p = parse_mil("program(1.3) { func main() { int64 i = const()[val = "
                  "int64(9223372036854775808)]; } -> (i); }");
    assert_int_equal(orion_mil_verify(p, NULL), ORION_ERROR_VERIFY);
    orion_mil_program_destroy(&p);
}

/* Programs of others: everything that Orion has no meaning for comes out as it came in. */
static void test_what_is_unknown_survives(void **state) {
    (void)state;
    static const char text[] =
        "program(1.0)\n"
        "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", "
        "\"1877.40.3\"}}), later = (1, {{\"k\", [true, (0x1p-2, inner)]}})]\n"
        "{\n"
        "    func main<ios99>(tensor<fp32, [1, ?, is1]> x, state<tensor<fp16, [1, 8]>> k) "
        "[FlexibleShapeInformation = tuple<tuple<tensor<string, []>, dict<tensor<string, []>, "
        "list<tensor<int32, [2]>, ?>>>, tuple<tensor<string, []>, dict<tensor<string, []>, "
        "tensor<int32, [3]>>>>(((\"RangeDims\", {{\"x\", [[1, 1], [1, 512], [2, 2]]}}), "
        "(\"DefaultShapes\", {{\"x\", [1, 8, 2]}})))] {\n"
        "            tensor<fp16, [3]> a = const()[val = tensor<fp16, [3]>(BLOBFILE(path = "
        "tensor<string, []>(\"@model_path/w.bin\"), offset = tensor<uint64, []>(64)))];\n"
        "            tensor<fp16, [3]> b = const()[val = tensor<fp16, [3]>(BLOBFILE(path = "
        "string(\"@model_path/w.bin\"), offset = uint64(192)))];\n"
        "            tensor<fp16, [3]> q = constexpr_affine_dequantize()[axis = int32(0), "
        "quantized_data = tensor<int8, [3]>(BLOBFILE(path = string(\"@model_path/w.bin\"), "
        "offset = uint64(320))), scale = fp16(0x1p-3), zero_point = int8(0)];\n"
        "            tensor<fp32, [1, ?, is1]> y, tensor<string, []> z = "
        "my.op@2<ios98>(x = x, cfg = {{\"a\", (1, [3, {{\"b\", true}}])}}, n = (), f = "
        "-0x1.8p+1)[name = tensor<string, []>(\"y\"), foo = dict<string, tuple<int32, "
        "fp32>>({{\"k\", (1, 0x1p+2)}}), bar = [[], [1]]];\n"
        "        } -> (y, z);\n"
        "    func second(bool c) {\n"
        "        } -> (c);\n"
        "}\n";
    orion_mil_program *p = parse_mil(text);
    char *printed = print_mil(p, ORION_MIL_AS_IS);
    assert_string_equal(printed, text);
    free(printed);
    assert_int_equal(orion_mil_verify(p, NULL), ORION_OK);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    assert_string_equal(orion_mil_type_symbol(orion_mil_function_type_of(f, "x"), 2), "is1");
    assert_int_equal(orion_mil_value_offset(constant(f, "b")), 192);
    const orion_mil_statement *y = orion_mil_function_definition(f, "y");
    assert_string_equal(orion_mil_statement_op(y), "my.op@2");
    assert_string_equal(orion_mil_statement_opset(y), "ios98");
    orion_mil_program_destroy(&p);
}

static void test_spellings_mean_the_same(void **state) {
    (void)state;
    static const char terse[] =
        MIL_PROGRAM("fp16 x",
                    "bool t = const()[name = string(\"t\"), val = bool(true)];\n"
                    "fp16 y = add(x = x, y = fp16(0x1p-3))[name = string(\"y\")];\n",
                    "y");
    static const char verbose[] =
        "program(1.0)\n{\nfunc main<ios16>(tensor<fp16, []> x) {\n"
        "tensor<bool, []> t = const()[name = tensor<string, []>(\"t\"), val = tensor<bool, "
        "[]>(true)];\n"
        "tensor<fp16, []> y = add(x = x, y = tensor<fp16, []>(0x1p-3))[name = tensor<string, "
        "[]>(\"y\")];\n"
        "} -> (y);\n}\n";
    static const orion_mil_dialect dialects[] = {ORION_MIL_IOS16, ORION_MIL_IOS18};
    for (size_t i = 0; i < 2; i++) {
        orion_mil_program *a = parse_mil(terse), *b = parse_mil(verbose);
        char *one = print_mil(a, dialects[i]), *other = print_mil(b, dialects[i]);
        assert_string_equal(one, other);
        assert_non_null(strstr(one, i == 0 ? "tensor<bool, []>(true)" : "= bool(true)"));
        assert_non_null(strstr(one, i == 0 ? "program(1.0)" : "program(1.3)"));
        free(one);
        free(other);
        orion_mil_program_destroy(&a);
        orion_mil_program_destroy(&b);
    }
}

/* ---- errors ---- */

#define HEAD "program(1.3)\n{\nfunc main<ios18>(fp16 x) {\n"
#define TAIL "\n} -> (x);\n}\n"

static void test_errors_have_places(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint32_t line, column;
        const char *part;
    } cases[] = {
        {"", 1, 1, "expected 'program', found the end of the text"},
        {"module(1.3)", 1, 1, "expected 'program', found 'module'"},
        {"program(1)", 1, 9, "expected a version such as 1.3, found '1'"},
        {"program(1.3.1)", 1, 9, "expected a version"},
        {"program(1.3)\n[x = 1", 2, 7, "expected ','"},
        {"program(1.3)\n{ func main(fp17 x)", 2, 13, "expected a type, found 'fp17'"},
        {"program(1.3)\n{ func main(fp16) {} -> (x); }", 2, 17, "expected a name, found ')'"},
        {HEAD TAIL "more", 7, 1, "expected the end of the text, found 'more'"},
        {HEAD "fp16 y = add(x = );" TAIL, 4, 18, "expected a value, found ')'"},
        {HEAD "fp16 y = add(x x);" TAIL, 4, 16, "expected '=', found 'x'"},
        {HEAD "fp16 y = add(x = x)" TAIL, 5, 1, "expected ';', found '}'"},
        {HEAD "fp16 y z = add();" TAIL, 4, 8, "expected '=', found 'z'"},
        {HEAD "= add();" TAIL, 4, 1, "expected a type, found '='"},
        {HEAD "fp16 y = 3(x = x);" TAIL, 4, 10, "expected an op, found '3'"},
        {HEAD "fp16 y = add(x = \"open);" TAIL, 4, 18, "a string without closing quote"},
        {HEAD "fp16 y = add(x = \"\\x00\");" TAIL, 4, 18, "must not contain \\x00"},
        {HEAD "fp16 y = add(x = #);" TAIL, 4, 18, "a character that MIL does not use (#)"},
        {HEAD "fp16 y = add(x = \x01);" TAIL, 4, 18, "(byte 0x1)"},
        {HEAD "fp16 y = add(x = 1.2.3);" TAIL, 4, 18, "expected a number, found '1.2.3'"},
        {HEAD "fp16 y = add(x = 1e999);" TAIL, 4, 18, "the number is too large"},
        {HEAD "fp16 y = add(x = 0x1p99999);" TAIL, 4, 18, "the number is too large"},
        {HEAD "fp16 y = add(x = fp16(x));" TAIL, 4, 23, "expected a value, found 'x'"},
        {HEAD "fp16 y = add(x = fp16(fp16(1)));" TAIL, 4, 23, "found a second type"},
        {HEAD "tensor<fp16, [-1]> y = add();" TAIL, 4, 15, "expected an extent, found '-1'"},
        {HEAD "tensor<fp16> y = add();" TAIL, 4, 12, "expected ',', found '>'"},
        {HEAD "tensor<half, []> y = add();" TAIL, 4, 8, "expected an element type, found 'half'"},
        {HEAD "dict<string> y = add();" TAIL, 4, 12, "expected ',', found '>'"},
        {HEAD "fp16 y = add(x = BLOBFILE(path = 1, offset = 1));" TAIL, 4, 34,
         "the path must be a string"},
        {HEAD "fp16 y = add(x = BLOBFILE(path = \"p\", offset = -1));" TAIL, 4, 48,
         "the offset must be an integer >= 0"},
        {HEAD "fp16 y = add(x = BLOBFILE(path = \"p\", path = \"p\"));" TAIL, 4, 39,
         "expected 'offset', found 'path'"},
        {HEAD "fp16 y = add(x = {{1, 2}, 3});" TAIL, 4, 27, "expected '{', found '3'"},
        {HEAD "} -> x;\n}\n", 4, 6, "expected '(', found 'x'"},
        {HEAD "}; (x)\n", 4, 2, "expected '->', found ';'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_parse_error(cases[i].text, ORION_ERROR_SYNTAX, ORION_MESSAGE_MIL_SYNTAX,
                           cases[i].line, cases[i].column, cases[i].part);
    }
    const char nul[] = HEAD "fp16 y = add(x = \"a\0b\");" TAIL;
    orion_diag *diag;
    orion_mil_program *p;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_parse(nul, sizeof nul - 1, NULL, NULL, NULL, diag, &p),
                     ORION_ERROR_SYNTAX);
    assert_diag_at(diag, ORION_MESSAGE_MIL_SYNTAX, 4, 18, "a NUL byte in a string");
    orion_diag_destroy(&diag);
}

static void test_one_run_reports_many_errors(void **state) {
    (void)state;
    static const char text[] = HEAD "fp16 a = add(x = );\n"
                                    "fp16 b = add(x = x)[name = ];\n"
                                    "fp16 good = relu(x = x);\n"
                                    "fp99 c = add(x = x);" TAIL "func broken( { } -> ();\n"
                                    "func next<ios18>() { fp16 d = ?; } -> ();\n}\n";
    orion_diag *diag;
    orion_mil_program *p;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_mil_parse_options options = {.size = sizeof options};
    assert_int_equal(orion_mil_parse(text, strlen(text), NULL, &options, NULL, diag, &p),
                     ORION_ERROR_SYNTAX);
    assert_null(p);
    assert_diag_at(diag, ORION_MESSAGE_MIL_SYNTAX, 4, 18, "expected a value, found ')'");
    assert_diag_at(diag, ORION_MESSAGE_MIL_SYNTAX, 5, 28, "expected a value, found ']'");
    assert_diag_at(diag, ORION_MESSAGE_MIL_SYNTAX, 7, 1, "expected a type, found 'fp99'");
    assert_int_equal(orion_diag_count(diag), 4);
    orion_diag_clear(diag);
    options.max_errors = 2;
    assert_int_equal(orion_mil_parse(text, strlen(text), NULL, &options, NULL, diag, &p),
                     ORION_ERROR_SYNTAX);
    assert_int_equal(orion_diag_count(diag), 2);
    orion_diag_destroy(&diag);
}

static char *nested(const char *open, const char *middle, const char *close, size_t depth,
                    const char *before, const char *after) {
    size_t size = strlen(before) + strlen(after) + strlen(middle) +
                  depth * (strlen(open) + strlen(close)) + 1;
    char *text = malloc(size);
    assert_non_null(text);
    strcpy(text, before);
    for (size_t i = 0; i < depth; i++) strcat(text, open);
    strcat(text, middle);
    for (size_t i = 0; i < depth; i++) strcat(text, close);
    strcat(text, after);
    return text;
}

static void test_limits(void **state) {
    (void)state;
    orion_mil_parse_options options = {.size = sizeof options, .max_bytes = 10};
    orion_diag *diag;
    orion_mil_program *p;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_parse(tour, strlen(tour), NULL, &options, NULL, diag, &p),
                     ORION_ERROR_BUDGET);
    assert_null(p);
    assert_diag(diag, ORION_MESSAGE_MIL_LIMIT, "at most 10 are allowed");
    orion_diag_clear(diag);
    options = (orion_mil_parse_options){.size = sizeof options};
    for (int deep = 0; deep < 2; deep++) {
        size_t depth = deep != 0 ? 64 : 63; /* the inmost value is one level more */
        orion_status want = deep != 0 ? ORION_ERROR_BUDGET : ORION_OK;
        char *value = nested("[", "1", "]", depth, HEAD "fp16 y = add(x = ", ");" TAIL);
        char *type = nested("list<", "fp16", ">", depth, HEAD, " y = add(x = x);" TAIL);
        assert_int_equal(orion_mil_parse(value, strlen(value), NULL, NULL, NULL, diag, &p), want);
        orion_mil_program_destroy(&p);
        assert_int_equal(orion_mil_parse(type, strlen(type), NULL, NULL, NULL, diag, &p), want);
        orion_mil_program_destroy(&p);
        free(value);
        free(type);
    }
    assert_diag(diag, ORION_MESSAGE_MIL_LIMIT, "nested deeper than 64");
    char *deeper = nested("(", "1", ")", 300, HEAD "fp16 y = add(x = ", ");" TAIL);
    options.max_depth = 1000; /* is clipped to 256 */
    assert_int_equal(orion_mil_parse(deeper, strlen(deeper), NULL, &options, NULL, diag, &p),
                     ORION_ERROR_BUDGET);
    free(deeper);
    orion_diag_destroy(&diag);
}

static void test_options_of_another_version(void **state) {
    (void)state;
    struct {
        orion_mil_parse_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    orion_mil_program *p;
    assert_int_equal(orion_mil_parse(tour, strlen(tour), NULL, &newer.known, NULL, NULL, &p),
                     ORION_ERROR_ABI);
    assert_null(p);
    newer.more = 0;
    assert_int_equal(orion_mil_parse(tour, strlen(tour), NULL, &newer.known, NULL, NULL, &p),
                     ORION_OK);
    orion_mil_program_destroy(&p);
    orion_mil_program_destroy(&p);
    orion_mil_program_destroy(NULL);
}

/* ---- what the grammar cannot check ---- */

static void assert_violation(const char *text, orion_message message, uint32_t line,
                             uint32_t column, const char *part) {
    orion_diag *diag;
    orion_mil_program *p = parse_mil(text);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_verify(p, diag), ORION_ERROR_VERIFY);
    assert_diag_at(diag, message, line, column, part);
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&p);
}

static void test_names_are_checked(void **state) {
    (void)state;
    assert_violation(HEAD "fp16 y = add(x = z);" TAIL, ORION_MESSAGE_MIL_NAME, 4, 18,
                     "'z' is not defined before this use");
    assert_violation(HEAD "fp16 y = concat(values = (x, y));" TAIL, ORION_MESSAGE_MIL_NAME, 4, 30,
                     "'y' is not defined before this use");
    assert_violation(HEAD "fp16 x = relu(x = x);" TAIL, ORION_MESSAGE_MIL_NAME, 4, 1,
                     "'x' is defined twice");
    assert_violation("program(1.0)\n{\nfunc main(fp16 x) {\n} -> (y);\n}\n", ORION_MESSAGE_MIL_NAME,
                     4, 7, "returns 'y', which is not defined");
    assert_violation("program(1.0)\n{\nfunc f() {} -> ();\nfunc f() {} -> ();\n}\n",
                     ORION_MESSAGE_MIL_NAME, 4, 1, "function 'f' is defined twice");
    assert_violation(HEAD "fp16 y = add(x = x, x = x);" TAIL, ORION_MESSAGE_MIL_PARAMETER, 4, 25,
                     "given twice: x");
    assert_violation(HEAD "fp16 y = relu(x = x)[name = 1, name = 2];" TAIL,
                     ORION_MESSAGE_MIL_PARAMETER, 4, 39, "given twice: name");
}

static void test_literals_are_checked(void **state) {
    (void)state;
    static const struct {
        const char *type, *value, *part; /* part NULL: good */
    } cases[] = {
        {"int32", "2147483647", NULL},
        {"int32", "2147483648", "not a value of type int32"},
        {"uint8", "-1", "not a value of type uint8"},
        {"int8", "-128", NULL},
        {"int4", "8", "not a value of type int4"},
        {"uint1", "1", NULL},
        {"int16", "40000", "not a value of type int16"},
        {"uint64", "9223372036854775807", NULL},
        {"int32", "1.5", "not a value of type int32"},
        {"fp16", "1", NULL},
        {"fp16", "true", "not a value of type fp16"},
        {"bool", "0", NULL},
        {"bool", "2", "not a value of type bool"},
        {"string", "\"s\"", NULL},
        {"string", "1", "not a value of type string"},
        {"fp16", "[1]", "a list for a scalar fp16"},
        {"string", "BLOBFILE(path = \"p\", offset = 64)", "a weight file cannot hold string"},
        {"tensor<int32, [1, 1]>", "7", NULL},
        {"tensor<int32, [2]>", "7", "one value for a tensor of several int32"},
        {"tensor<int32, [2]>", "[1, 2, 3]", "the list has 3 items, its type says 2"},
        {"tensor<int32, [2, 2]>", "[[1, 2], [3, 4]]", NULL},
        {"tensor<int32, [2, 2]>", "[1, 2, 3, 4]", NULL},
        {"tensor<int32, [2, 2]>", "[1, 2, 3]", "the list has 3 items, its type says 4"},
        {"tensor<int32, [2, 2]>", "[[1, 2], [3]]", "the list has 1 items, its type says 2"},
        {"tensor<int32, [2, 2]>", "[[1, 2], 3]", "expected a nested list"},
        {"tensor<int32, [2, 2]>", "[[1, 2], [3, \"4\"]]", "not a value of type int32"},
        {"tensor<int32, [?]>", "[1, 2, 3]", NULL},
        {"tensor<int32, [?, 2]>", "[1, 2, 3]", "a literal needs a known shape"},
        {"tensor<int32, [4294967296, 4294967296, 4294967296]>", "[1]",
         "a literal needs a known shape"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text, HEAD "%s y = const()[val = %s(%s)];" TAIL, cases[i].type,
                 cases[i].type, cases[i].value);
        orion_diag *diag;
        orion_mil_program *p = parse_mil(text);
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        orion_status status = orion_mil_verify(p, diag);
        if (status != (cases[i].part == NULL ? ORION_OK : ORION_ERROR_VERIFY))
            fail_msg("%s(%s): %s", cases[i].type, cases[i].value, orion_status_string(status));
        if (cases[i].part != NULL) assert_diag(diag, ORION_MESSAGE_MIL_TYPE, cases[i].part);
        orion_diag_destroy(&diag);
        orion_mil_program_destroy(&p);
    }
}

/* ---- element types ---- */

static void test_element_types(void **state) {
    (void)state;
    static const struct {
        orion_mil_dtype dtype;
        const char *name;
        uint32_t bits;
        orion_ir_dtype ir;
    } rows[] = {
        {ORION_MIL_FP16, "fp16", 16, ORION_IR_F16},
        {ORION_MIL_FP32, "fp32", 32, ORION_IR_F32},
        {ORION_MIL_UINT8, "uint8", 8, ORION_IR_U8},
        {ORION_MIL_INT8, "int8", 8, ORION_IR_I8},
        {ORION_MIL_BF16, "bf16", 16, ORION_IR_BF16},
        {ORION_MIL_INT16, "int16", 16, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT16, "uint16", 16, ORION_IR_U16},
        {ORION_MIL_INT4, "int4", 4, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT1, "uint1", 1, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT2, "uint2", 2, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT4, "uint4", 4, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT3, "uint3", 3, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT6, "uint6", 6, ORION_IR_DTYPE_NONE},
        {ORION_MIL_INT32, "int32", 32, ORION_IR_I32},
        {ORION_MIL_UINT32, "uint32", 32, ORION_IR_DTYPE_NONE},
        {ORION_MIL_FP8E4M3FN, "fp8e4m3fn", 8, ORION_IR_DTYPE_NONE},
        {ORION_MIL_FP8E5M2, "fp8e5m2", 8, ORION_IR_DTYPE_NONE},
        {ORION_MIL_FP64, "fp64", 64, ORION_IR_DTYPE_NONE},
        {ORION_MIL_INT64, "int64", 64, ORION_IR_DTYPE_NONE},
        {ORION_MIL_UINT64, "uint64", 64, ORION_IR_DTYPE_NONE},
        {ORION_MIL_BOOL, "bool", 8, ORION_IR_BOOL},
        {ORION_MIL_STRING, "string", 0, ORION_IR_DTYPE_NONE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        orion_mil_dtype d = rows[i].dtype;
        assert_string_equal(orion_mil_dtype_name(d), rows[i].name);
        assert_int_equal(orion_mil_dtype_from_name(rows[i].name), d);
        assert_int_equal(orion_mil_dtype_bits(d), rows[i].bits);
        assert_int_equal(orion_mil_dtype_to_ir(d), rows[i].ir);
        if (rows[i].ir != ORION_IR_DTYPE_NONE)
            assert_int_equal(orion_mil_dtype_from_ir(rows[i].ir), d);
    }
    assert_string_equal(orion_mil_dtype_name((orion_mil_dtype)99), "none");
    assert_int_equal(orion_mil_dtype_from_name("half"), ORION_MIL_DTYPE_NONE);
    assert_int_equal(orion_mil_dtype_bits(ORION_MIL_DTYPE_NONE), 0);
    assert_int_equal(orion_mil_dtype_to_ir(ORION_MIL_DTYPE_NONE), ORION_IR_DTYPE_NONE);
    assert_int_equal(orion_mil_dtype_from_ir(ORION_IR_DTYPE_NONE), ORION_MIL_DTYPE_NONE);
    assert_int_equal(orion_mil_version(), ORION_MIL_VERSION_MAJOR << 16 |
                                              ORION_MIL_VERSION_MINOR << 8 |
                                              ORION_MIL_VERSION_PATCH);
}

static void test_types_go_to_the_ir(void **state) {
    (void)state;
    static const char text[] =
        MIL_PROGRAM("tensor<fp16, [2, 3]> good, bool scalar, tensor<fp16, [?]> unknown, "
                    "tensor<int64, [1]> wide, tensor<fp16, [0]> empty, list<fp16> items, "
                    "tensor<fp16, [1, 1, 1, 1, 1, 1, 1, 1, 1]> deep",
                    "", "good");
    orion_mil_program *p = parse_mil(text);
    const orion_mil_function *f = orion_mil_program_find(p, "main");
    for (size_t i = 0; i < orion_mil_function_parameter_count(f); i++) {
        orion_ir_type type;
        orion_status status = orion_mil_type_to_ir(orion_mil_function_parameter_type(f, i), &type);
        assert_int_equal(status, i < 2 ? ORION_OK : ORION_ERROR_UNSUPPORTED);
        assert_int_equal(type.dtype, i == 0 ? ORION_IR_F16 : i == 1 ? ORION_IR_BOOL : 0);
        assert_int_equal(type.rank, i == 0 ? 2 : 0);
        assert_int_equal(type.dims[1], i == 0 ? 3 : 0);
    }
    orion_mil_program_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tour_is_read_and_printed),
        cmocka_unit_test(test_program_is_seen),
        cmocka_unit_test(test_function_is_seen),
        cmocka_unit_test(test_statement_is_seen),
        cmocka_unit_test(test_values_are_seen),
        cmocka_unit_test(test_huge_integers),
        cmocka_unit_test(test_what_is_unknown_survives),
        cmocka_unit_test(test_spellings_mean_the_same),
        cmocka_unit_test(test_errors_have_places),
        cmocka_unit_test(test_one_run_reports_many_errors),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_options_of_another_version),
        cmocka_unit_test(test_names_are_checked),
        cmocka_unit_test(test_literals_are_checked),
        cmocka_unit_test(test_element_types),
        cmocka_unit_test(test_types_go_to_the_ir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
