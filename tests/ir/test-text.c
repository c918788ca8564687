/* SPDX-License-Identifier: MIT */
/* The .oir language: canonical print, tolerant parse, exact numbers, errors with their places. */
#include "graphs.h"

#include "ir-internal.h"
#include <math.h>

/* Every construct of the language, in canonical form. */
static const char tour[] =
    "oir 1\n"
    "graph @tour(%x: f32[2,3], %ids: i32[4], %h: f16[2,3]) -> (%y, logits = %3, %x, last = %4) {\n"
    "  %0 = const 0.5 : f32[2,3]\n"
    "  %w = const [1, 2.5, -0, 1e-45, inf, nan(0x1)] : f32[2,3]\n"
    "  %k = const [\n"
    "    0, 1, -2147483648, 2147483647, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,\n"
    "    16, 17\n"
    "  ] : i32[18]\n"
    "  %flag = const [true, false] : bool[2,1]\n"
    "  %scalar = const -nan : bf16[]\n"
    "  %1 = const 1 : f32[4,3]\n"
    "  %2 = linear %x, %1 : f32[2,4]\n"
    "  %3, %4 = split %2 {axis=1, sizes=[1, 3]} : f32[2,1], f32[2,3]\n"
    "  %m = reduce_max %4 {axes=[0, 1]} : f32[]\n"
    "  %n = reduce_max %4 {axes=[], keep_dims=true} : f32[2,3]\n"
    "  %5 = cast %h {dtype=f32} : f32[2,3]\n"
    "  %6 = pad %5 {before=[0, 1], after=[1, 0], value=-inf} : f32[3,4]\n"
    "  %y = select %flag, %w, %0 : f32[2,3]\n"
    "}\n";

static void assert_prints_itself(const char *text) {
    orion_ir_graph *g = graph_parse(text);
    char *out = graph_text(g);
    assert_string_equal(out, text);
    free(out);
    assert_round_trip(g);
    orion_ir_graph_destroy(&g);
}

static void test_canonical_text_is_kept(void **state) {
    (void)state;
    assert_prints_itself(tour);
    assert_prints_itself("oir 1\n"
                         "graph @many(\n"
                         "    %a: i8[1],\n"
                         "    %b: u8[1],\n"
                         "    %c: u16[1],\n"
                         "    %d: bool[1],\n"
                         "    %e: bf16[8,7,6,5,4,3,2,1]\n"
                         ") -> (\n"
                         "    %a,\n"
                         "    %b,\n"
                         "    %c,\n"
                         "    %d,\n"
                         "    again = %d\n"
                         ") {\n"
                         "}\n");
}

static void test_free_form_is_read(void **state) {
    (void)state;
    static const char loose[] = "# a comment\r\n"
                                "oir 1 graph@f (%x:f32[ 2 , 4 ])->(%y){ # inputs, outputs\r\n"
                                "\t%17=softmax %x{axis=-1}:f32[2,4] %y = reduce_sum\n"
                                "      %17 { keep_dims = false, axes = [ -1 , 0 ] } # both\n"
                                "   : f32 [] %03 = const [0x1p-3, +1e+0, .5] : f32[3]\n"
                                "   %4 = const\"3F80\" \"bf80\"# hex\n"
                                "   \"00\" \"00\" : bf16[3]"
                                "}";
    orion_ir_graph *g = graph_parse(loose);
    char *text = graph_text(g);
    assert_string_equal(text, "oir 1\n"
                              "graph @f(%x: f32[2,4]) -> (%y) {\n"
                              "  %0 = softmax %x {axis=1} : f32[2,4]\n"
                              "  %y = reduce_sum %0 {axes=[0, 1]} : f32[]\n"
                              "  %1 = const [0.125, 1, 0.5] : f32[3]\n"
                              "  %2 = const [1, -1, 0] : bf16[3]\n"
                              "}\n");
    free(text);
    assert_round_trip(g);
    orion_ir_graph_destroy(&g);
}

/* ---- the page ---- */

/* The block behind a heading of docs/ir-language.md, or the first one. free() it. */
static char *block_of_page(const char *heading) {
    char *page = test_read_file(test_source("../docs/ir-language.md"), NULL);
    const char *at = strstr(page, heading);
    assert_non_null(at);
    const char *begin = strstr(at, "\n```\n"),
               *end = begin == NULL ? NULL : strstr(begin + 5, "```\n");
    assert_non_null(end);
    size_t n = (size_t)(end - begin) - 5;
    char *block = malloc(n + 1);
    assert_non_null(block);
    memcpy(block, begin + 5, n);
    block[n] = '\0';
    free(page);
    return block;
}

static void test_page_shows_canonical_text(void **state) {
    (void)state;
    char *example = block_of_page("#");
    assert_prints_itself(example);
    free(example);
}

/* The grammar of the page is the one on top of the printer. */
static void test_page_shows_the_grammar(void **state) {
    (void)state;
    char *source = test_read_file(test_source("../liborion-ir/print.c"), NULL);
    char *grammar = block_of_page("## Grammar");
    char line[160];
    for (char *at = grammar, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
        snprintf(line, sizeof line, " *   %.*s\n", (int)(end - at), at);
        if (strstr(source, line) == NULL) fail_msg("print.c has no line \"%s\"", line);
    }
    free(grammar);
    free(source);
}

/* ---- numbers ---- */

/* Each element prints to a text that gives its bits back. */
static void assert_element_survives(orion_ir_dtype dtype, uint64_t bits) {
    unsigned char in[4], out[4] = {0};
    char text[IR_NUMBER_TEXT];
    ir_store_bits(dtype, in, 0, bits);
    size_t n = ir_format_element(text, dtype, in, 0);
    if (!ir_parse_element(dtype, text, n, out, 0) || ir_load_bits(dtype, out, 0) != bits) {
        fail_msg("%s 0x%llx is printed as %s", orion_ir_dtype_name(dtype), (unsigned long long)bits,
                 text);
    }
}

static void test_every_small_number_survives(void **state) {
    (void)state;
    for (uint64_t bits = 0; bits < 0x10000; bits++) {
        assert_element_survives(ORION_IR_F16, bits);
        assert_element_survives(ORION_IR_BF16, bits);
        assert_element_survives(ORION_IR_U16, bits);
        if (bits > 0xff) continue;
        assert_element_survives(ORION_IR_U8, bits);
        assert_element_survives(ORION_IR_I8, bits);
        if (bits <= 1) assert_element_survives(ORION_IR_BOOL, bits);
    }
}

static void test_sampled_numbers_survive(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int i = 0; i < 100000; i++) {
        uint64_t bits = test_random(&seed);
        assert_element_survives(ORION_IR_F32, bits & 0xffffffff);
        assert_element_survives(ORION_IR_I32, bits & 0xffffffff);
        char text[IR_NUMBER_TEXT];
        double v, back;
        memcpy(&v, &bits, sizeof v);
        assert_true(ir_parse_real(text, ir_format_real(text, v), &back));
        assert_memory_equal(&v, &back, sizeof v);
    }
    for (uint64_t bits = 0; bits < 600; bits++) { /* around zero, infinity and the NaNs */
        assert_element_survives(ORION_IR_F32, bits);
        assert_element_survives(ORION_IR_F32, 0x80000000 + bits);
        assert_element_survives(ORION_IR_F32, 0x7f800000 - 300 + bits);
        assert_element_survives(ORION_IR_F32, 0xffc00000 - 300 + bits);
    }
}

static void test_number_spellings(void **state) {
    (void)state;
    static const struct {
        orion_ir_dtype dtype;
        const char *text;
        int64_t bits; /* -1: refused */
    } rows[] = {
        {ORION_IR_F32, "1", 0x3f800000},
        {ORION_IR_F32, "nan", 0x7fc00000},
        {ORION_IR_F32, "-nan", 0xffc00000},
        {ORION_IR_F32, "nan(0x7fffff)", 0x7fffffff},
        {ORION_IR_F32, "nan(0x800000)", -1},
        {ORION_IR_F32, "nan(0x0)", -1},
        {ORION_IR_F32, "nan()", -1},
        {ORION_IR_F32, "nan(0x)", -1},
        {ORION_IR_F32, "nan(1)", -1},
        {ORION_IR_F32, "+nan", -1},
        {ORION_IR_F32, "NaN", -1},
        {ORION_IR_F32, "infinity", -1},
        {ORION_IR_F32, "-inf", 0xff800000},
        {ORION_IR_F32, "1e39", -1},
        {ORION_IR_F32, "1,5", -1},
        {ORION_IR_F32, "", -1},
        {ORION_IR_F32, "true", -1},
        {ORION_IR_F16, "65504", 0x7bff},
        {ORION_IR_F16, "65520", -1},
        {ORION_IR_F16, "nan(0x3ff)", 0x7fff},
        {ORION_IR_F16, "nan(0x400)", -1},
        {ORION_IR_BF16, "nan(0x7f)", 0x7fff},
        {ORION_IR_BF16, "1e-45", 0},
        {ORION_IR_I32, "-2147483648", 0x80000000},
        {ORION_IR_I32, "2147483648", -1},
        {ORION_IR_I32, "9223372036854775807", -1},
        {ORION_IR_I32, "1.0", -1},
        {ORION_IR_U16, "65535", 0xffff},
        {ORION_IR_U16, "-1", -1},
        {ORION_IR_U8, "256", -1},
        {ORION_IR_I8, "-128", 0x80},
        {ORION_IR_I8, "128", -1},
        {ORION_IR_BOOL, "true", 1},
        {ORION_IR_BOOL, "false", 0},
        {ORION_IR_BOOL, "1", -1},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        unsigned char data[4] = {0};
        bool good = ir_parse_element(rows[i].dtype, rows[i].text, strlen(rows[i].text), data, 0);
        int64_t bits = good ? (int64_t)ir_load_bits(rows[i].dtype, data, 0) : -1;
        if (bits != rows[i].bits) {
            fail_msg("%s %s is 0x%llx", orion_ir_dtype_name(rows[i].dtype), rows[i].text,
                     (long long)bits);
        }
    }
}

/* Constants at the borders between the three forms, in every dtype, with any bits. */
static void test_constants_survive(void **state) {
    (void)state;
    static const int64_t counts[] = {1, 2, 15, 16, 17, 64, 65, 80, 81, 5000};
    uint64_t seed = 3;
    for (uint32_t dtype = ORION_IR_F32; dtype <= ORION_IR_BOOL; dtype++) {
        orion_ir_builder *b = NULL;
        orion_ir_graph *g = NULL;
        assert_int_equal(orion_ir_builder_create("constants", NULL, &b), ORION_OK);
        for (size_t c = 0; c < ORN_COUNT(counts); c++) {
            orion_ir_type type = orion_ir_type_make((orion_ir_dtype)dtype, 1, &counts[c]);
            size_t bytes = orion_ir_type_bytes(&type);
            unsigned char *data = malloc(bytes);
            assert_non_null(data);
            for (size_t i = 0; i < bytes; i++) {
                data[i] =
                    (unsigned char)(test_random(&seed) >> 32 & (dtype == ORION_IR_BOOL ? 1 : 255));
            }
            orion_ir_value v = orion_ir_constant(b, type, data, bytes);
            free(data);
            if (c == 0) orion_ir_output(b, "first", v);
        }
        assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
        assert_round_trip(g);
        orion_ir_graph_destroy(&g);
    }
}

/* One number for all elements needs all to have the same bits: NaNs and zeros differ. */
static void test_splats_are_exact(void **state) {
    (void)state;
    static const struct {
        uint32_t bits[2];
        const char *line;
    } rows[] = {
        {{0x3f800000, 0x3f800000}, "const 1 :"},
        {{0x00000000, 0x80000000}, "const [0, -0] :"},
        {{0x7fc00000, 0x7fc00000}, "const nan :"},
        {{0x7fc00000, 0x7fc00001}, "const [nan, nan(0x400001)] :"},
    };
    const int64_t two = 2;
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        orion_ir_builder *b = NULL;
        orion_ir_graph *g = NULL;
        assert_int_equal(orion_ir_builder_create("splat", NULL, &b), ORION_OK);
        orion_ir_output(b, "y",
                        orion_ir_constant(b, orion_ir_type_make(ORION_IR_F32, 1, &two),
                                          rows[i].bits, sizeof rows[i].bits));
        assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
        char *text = graph_text(g);
        assert_non_null(strstr(text, rows[i].line));
        free(text);
        assert_round_trip(g);
        orion_ir_graph_destroy(&g);
    }
}

/* ---- errors ---- */

typedef struct mistake {
    uint32_t message, line, column;
    const char *words;
} mistake;

static void assert_mistakes(const char *text, size_t length, orion_status status,
                            const mistake *wanted, size_t count) {
    test_heap heap;
    char why[160];
    orion_diag *diag = NULL;
    orion_ir_graph *g = (void *)1;
    test_heap_init(&heap);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status got = orion_ir_parse(text, length, "t.oir", &heap.allocator, diag, &g);
    for (size_t i = 0; i < ORN_MAX(count, orion_diag_count(diag)); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        bool good = e != NULL && i < count && e->message == wanted[i].message &&
                    e->line == wanted[i].line && e->column == wanted[i].column &&
                    strstr(e->text, wanted[i].words) != NULL && strcmp(e->source, "t.oir") == 0;
        if (good) continue;
        print_message("%.*s\n", (int)ORN_MIN(length, 2000), text);
        if (e == NULL) fail_msg("no diagnostic %zu: %s", i, wanted[i].words);
        fail_msg("diagnostic %zu: ORN-%04u %u:%u %s", i, e->message, e->line, e->column, e->text);
    }
    assert_int_equal(got, status);
    assert_null(g);
    if (test_heap_check(&heap, why, sizeof why) != NULL) fail_msg("%s", why);
    test_heap_fini(&heap);
    orion_diag_destroy(&diag);
}

/* One mistake each, in a line of its own behind "oir 1\ngraph @g(%x: f32[2,3]) -> (%x) {\n". */
static void test_node_errors(void **state) {
    (void)state;
    enum { SYNTAX = ORION_ERROR_SYNTAX, RULE = ORION_ERROR_VERIFY };
    static const struct {
        const char *line;
        int status;
        uint32_t message, column;
        const char *words;
    } rows[] = {
        {"  %a = ad %x, %x : f32[2,3]", RULE, ORION_MESSAGE_IR_OP, 8, "no op \"ad\""},
        {"  %a = add %x, %q : f32[2,3]", RULE, ORION_MESSAGE_IR_NAME, 17, "no value %q"},
        {"  %a = add %x : f32[2,3]", RULE, ORION_MESSAGE_IR_OPERANDS, 3, "1 operands are given"},
        {"  %a = add %x, %x : f32[3,2]", RULE, ORION_MESSAGE_IR_RESULT_TYPE, 3,
         "written as f32[3,2], but the op yields f32[2,3]"},
        {"  %a, %b = add %x, %x : f32[2,3]", RULE, ORION_MESSAGE_IR_RESULT_TYPE, 3,
         "add yields 1 values; 2 are named and 1 types given"},
        {"  %a = not %x, %x : f32[2,3]", RULE, ORION_MESSAGE_IR_OP, 8, "no op"},
        {"  %a = neg %x {axis=1} : f32[2,3]", RULE, ORION_MESSAGE_IR_ATTRIBUTE, 16,
         "neg has no attribute \"axis\""},
        {"  %a = softmax %x {axis=1, axis=1} : f32[2,3]", RULE, ORION_MESSAGE_IR_ATTRIBUTE, 28,
         "given twice"},
        {"  %a = softmax %x {axis=2} : f32[2,3]", RULE, ORION_MESSAGE_IR_ATTRIBUTE, 3,
         "axis 2 is outside"},
        {"  %a = transpose %x : f32[3,2]", RULE, ORION_MESSAGE_IR_ATTRIBUTE, 3,
         "\"perm\" must be given"},
        {"  %a = transpose %x {perm=1} : f32[3,2]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 27,
         "expected '['"},
        {"  %a = transpose %x {perm=[1, 0.5]} : f32[3,2]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 31,
         "0.5, which is no 64-bit integer"},
        {"  %a = softmax %x {axis=one} : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 25,
         "one, which is no 64-bit integer"},
        {"  %a = cast %x {dtype=f64} : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 23,
         "f64 is no value for dtype"},
        {"  %a = gelu %x {tanh_approximation=1} : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 36,
         "1 is no value for tanh_approximation"},
        {"  %a = pad %x {before=[0,0], after=[0,0], value=x} : f32[2,3]", SYNTAX,
         ORION_MESSAGE_IR_SYNTAX, 49, "x is no value for value"},
        {"  %x = neg %x : f32[2,3]", RULE, ORION_MESSAGE_IR_NAME, 4, "%x is defined twice"},
        {"  %a, %a = split %x {axis=0, sizes=[1,1]} : f32[1,3], f32[1,3]", RULE,
         ORION_MESSAGE_IR_NAME, 8, "%a is defined twice"},
        {"  %a = const [1, 2] : f32[3]", RULE, ORION_MESSAGE_IR_DATA, 3,
         "f32[3] has 3 elements, 2 are given"},
        {"  %a = const [1, x] : f32[2]", RULE, ORION_MESSAGE_IR_DATA, 18, "x is no number"},
        {"  %a = const 300 : u8[7]", RULE, ORION_MESSAGE_IR_DATA, 14, "300 is no number of dtype"},
        {"  %a = const \"3f80\" : f32[1]", RULE, ORION_MESSAGE_IR_DATA, 3,
         "has 8 hexadecimal digits, 4 are given"},
        {"  %a = const \"3f8x\" : f32[1]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 18,
         "a hexadecimal digit or '\"', found 'x'"},
        {"  %a = const \"02\" : bool[1]", RULE, ORION_MESSAGE_IR_DATA, 3, "bool 0 is 2"},
        {"  %a = const nan(2 : f32[1]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 19, "')' behind"},
        {"  %a = const 0 : f32[1,1,1,1,1,1,1,1,1]", RULE, ORION_MESSAGE_IR_SHAPE, 18,
         "more than 8 dims"},
        {"  %a = const 0 : f32[0]", RULE, ORION_MESSAGE_IR_SHAPE, 3, "f32[0] is not a legal"},
        {"  %a = const 0 : f32[-1]", RULE, ORION_MESSAGE_IR_SHAPE, 3, "f32[-1] is not a legal"},
        {"  %a = const 0 : f32[2147483648]", RULE, ORION_MESSAGE_IR_SHAPE, 3, "not a legal"},
        {"  %a = const 0 : f32[65536,65536,65536]", RULE, ORION_MESSAGE_IR_SHAPE, 3, "not a legal"},
        {"  %a = const 0 : f32[99999999999999999999]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 22,
         "no 64-bit integer"},
        {"  %a = const 0 : f32[67108865]", RULE, ORION_MESSAGE_IR_LIMIT, 3,
         "more than 268435456 bytes"},
        {"  %a = const 0 : f31[2]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 18, "no dtype \"f31\""},
        {"  %a = const 0 : f32", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 3, "'[' and the dims"},
        {"  %a = const 0", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 3, "':' and the type"},
        {"  %a add %x, %x : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 6, "'=' and an op"},
        {"  %a = : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 8, "expected an op, found ':'"},
        {"  a = neg %x : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 3, "expected a value"},
        {"  %- = neg %x : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 4, "behind '%'"},
        {"  %a = neg \x07 : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 12, "the byte 0x07"},
        {"  %a = neg \xff : f32[2,3]", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 12, "the byte 0xff"},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        char text[600];
        /* What is missing at the end of a line is missed at the next token. */
        bool next = rows[i].column == 3 && rows[i].status == SYNTAX && rows[i].line[2] == '%';
        mistake wanted = {rows[i].message, next ? 4 : 3, rows[i].column, rows[i].words};
        int n = snprintf(text, sizeof text,
                         "oir 1\ngraph @g(%%x: f32[2,3]) -> (%%x) {\n%s\n  %%z = neg %%x : "
                         "f32[2,3]\n  %%y = neg %%z : f32[2,3]\n}\n",
                         rows[i].line);
        assert_mistakes(text, (size_t)n, (orion_status)rows[i].status, &wanted, 1);
    }
}

static void test_header_errors(void **state) {
    (void)state;
    enum { SYNTAX = ORION_ERROR_SYNTAX, RULE = ORION_ERROR_VERIFY };
    static const struct {
        const char *text;
        int status;
        uint32_t message, line, column;
        const char *words;
    } rows[] = {
        {"", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 1, 1, "the text ends"},
        {"mil 1", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 1, 1, "does not begin with \"oir 1\""},
        {"oir 2\ngraph", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 1, 5, "version 2"},
        {"oir 1\nmodule", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 1, "found \"module\""},
        {"oir 1\ngraph g", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 7, "'@'"},
        {"oir 1\ngraph @9", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 8, "name of the graph"},
        {"oir 1\ngraph @g(%x: f32[1]) -> () {}", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 26,
         "expected an output, found ')'"},
        {"oir 1\ngraph @g(%x: f32[1]) (%x) {}", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 22, "'->'"},
        {"oir 1\ngraph @g(%x f32[1]) -> (%x) {}", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 13, "':'"},
        {"oir 1\ngraph @g(%x: f32[1] %y: f32[1]) -> (%x) {}", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2,
         21, "',' or ')'"},
        {"oir 1\ngraph @g(%x: f32[1]) -> (%x) {", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 31,
         "a node or '}', but the text ends"},
        {"oir 1\ngraph @g(%x: f32[1]) -> (%x) {} x", SYNTAX, ORION_MESSAGE_IR_SYNTAX, 2, 33,
         "the end of the text"},
        {"oir 1\ngraph @g(%x: f32[1], %x: f32[1]) -> (%x) {}", RULE, ORION_MESSAGE_IR_NAME, 2, 23,
         "%x is defined twice"},
        {"oir 1\ngraph @g(%0: f32[1]) -> (y = %0) {}", RULE, ORION_MESSAGE_IR_NAME, 2, 11,
         "not a number"},
        {"oir 1\ngraph @g(%x: f32[0]) -> (%x) {}", RULE, ORION_MESSAGE_IR_SHAPE, 2, 10,
         "f32[0] is not a legal type"},
        {"oir 1\ngraph @g(%x: f32[1]) -> (%y) {}", RULE, ORION_MESSAGE_IR_NAME, 2, 27,
         "defines no value %y"},
        {"oir 1\ngraph @g(%x: f32[1]) -> (%x, %x) {}", RULE, ORION_MESSAGE_IR_NAME, 2, 31,
         "an output \"x\" already"},
        {"oir 1\ngraph @g(%x: f32[1], %y: f32[1]) -> (y = %x) {}", RULE, ORION_MESSAGE_IR_NAME, 2,
         43, "has the name of an input"},
        {"oir 1\ngraph @g(%x: f32[1]) -> (%0) { %0 = neg %x : f32[1] }", RULE,
         ORION_MESSAGE_IR_NAME, 2, 27, "needs a name in front"},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        mistake wanted = {rows[i].message, rows[i].line, rows[i].column, rows[i].words};
        assert_mistakes(rows[i].text, strlen(rows[i].text), (orion_status)rows[i].status, &wanted,
                        1);
    }
}

/* One mistake is one message: what follows from it is not reported. */
static void test_many_errors_in_one_run(void **state) {
    (void)state;
    static const char text[] = "oir 1\n"
                               "graph @g(%x: f32[2,3], %i: f32[0]) -> (%y, %gone) {\n"
                               "  %a = add %x, %nothing : f32[2,3]\n"
                               "  %b = neg %a : f32[9]\n"
                               "  %c = nope %b : f32[2,3]\n"
                               "  %d = add %x %x : f32[2,3]\n"
                               "  %e = add %d, %c : f32[2,3] %f = neg %e : f32[7]\n"
                               "  %k = const [1,\n"
                               "    2, q q,\n"
                               "    3] : f32[3]\n"
                               "  %g = add %i, %k : f32[2,3]\n"
                               "  %y = neg %x : f32[3,3]\n"
                               "  %y = neg %x : f32[2,3]\n"
                               "}\n";
    static const mistake wanted[] = {
        {ORION_MESSAGE_IR_SHAPE, 2, 24, "f32[0]"},
        {ORION_MESSAGE_IR_NAME, 3, 17, "no value %nothing"},
        {ORION_MESSAGE_IR_OP, 5, 8, "nope"},
        {ORION_MESSAGE_IR_SYNTAX, 6, 15, "':' and the type of the result, found '%'"},
        {ORION_MESSAGE_IR_SYNTAX, 9, 10, "',' or ']', found 'q'"},
        {ORION_MESSAGE_IR_RESULT_TYPE, 12, 3, "f32[2,3]"},
        {ORION_MESSAGE_IR_NAME, 13, 4, "%y is defined twice"},
        {ORION_MESSAGE_IR_NAME, 2, 45, "no value %gone"},
    };
    assert_mistakes(text, strlen(text), ORION_ERROR_SYNTAX, wanted, ORN_COUNT(wanted));

    static const char header[] = "oir 1\n"
                                 "graph @g(%x: f32[2,3]; %i: f32[2]) -> (%y) {\n"
                                 "  %a = neg %i : f32[2]\n"
                                 "  %b = neg %a { : f32[2]\n"
                                 "}\n";
    static const mistake in_header[] = {
        {ORION_MESSAGE_IR_SYNTAX, 2, 22, "',' or ')', found ';'"},
        {ORION_MESSAGE_IR_SYNTAX, 4, 17, "an attribute, found ':'"},
    };
    assert_mistakes(header, strlen(header), ORION_ERROR_SYNTAX, in_header, ORN_COUNT(in_header));
}

static void test_limits(void **state) {
    (void)state;
    char name[300], text[1400];
    memset(name, 'n', 256);
    name[255] = '\0';
    int n = snprintf(text, sizeof text, "oir 1\ngraph @%s(%%%s: f32[1]) -> (%%%s) {\n}\n", name,
                     name, name);
    assert_prints_itself(text);
    name[255] = 'n';
    name[256] = '\0';
    n = snprintf(text, sizeof text, "oir 1\ngraph @g(%%%s: f32[1]) -> (%%x) {\n}\n", name);
    const mistake long_name = {ORION_MESSAGE_IR_NAME, 2, 11, "longer than 255 bytes"};
    assert_mistakes(text, (size_t)n, ORION_ERROR_VERIFY, &long_name, 1);
    memset(name, '1', 256);
    n = snprintf(text, sizeof text,
                 "oir 1\ngraph @g(%%x: f32[1]) -> (%%x) {\n%%%s = neg %%x : f32[1]\n}\n", name);
    const mistake long_number = {ORION_MESSAGE_IR_NAME, 3, 2, "more than 255 digits"};
    assert_mistakes(text, (size_t)n, ORION_ERROR_VERIFY, &long_number, 1);
    /* Two halves of the allowance are fine, one byte more is not. */
    n = snprintf(text, sizeof text,
                 "oir 1\ngraph @g(%%x: f32[1]) -> (%%x) {\n%%0 = const 0 : u8[200000000]\n"
                 "%%1 = const 0 : u8[68435456]\n%%2 = const 0 : u8[1]\n}\n");
    const mistake splats = {ORION_MESSAGE_IR_LIMIT, 5, 1, "written as one number"};
    assert_mistakes(text, (size_t)n, ORION_ERROR_VERIFY, &splats, 1);
}

/* ---- hostile text ---- */

/* Every prefix is refused, in order and without a leak. */
static void test_truncated_text(void **state) {
    (void)state;
    size_t length = strlen(tour) - 1; /* without the last line end it is still whole */
    for (size_t n = 0; n < length; n++) {
        char *prefix = malloc(ORN_MAX(n, 1)); /* exact, so that a sanitizer sees reads behind it */
        assert_non_null(prefix);
        memcpy(prefix, tour, n);
        orion_ir_graph *g = NULL;
        orion_status status = orion_ir_parse(prefix, n, NULL, NULL, NULL, &g);
        if (status != ORION_ERROR_SYNTAX) fail_msg("prefix of %zu bytes: %d", n, (int)status);
        free(prefix);
    }
}

/* Random damage is refused or gives a valid graph that round trips. */
static void test_damaged_text(void **state) {
    (void)state;
    static const char bytes[] = "%{}[](),:=\"#@-> \n0123456789aefnx\xff\x01";
    size_t length = strlen(tour), parsed = 0;
    uint64_t seed = 11;
    for (int round = 0; round < 4000; round++) {
        char *copy = malloc(length);
        assert_non_null(copy);
        memcpy(copy, tour, length);
        for (uint64_t k = test_random(&seed) % 3 + 1; k != 0; k--) {
            size_t at = (size_t)(test_random(&seed) % length);
            copy[at] = bytes[test_random(&seed) % (sizeof bytes - 1)];
        }
        orion_ir_graph *g = NULL;
        if (orion_ir_parse(copy, length, NULL, NULL, NULL, &g) == ORION_OK) {
            parsed++;
            assert_graph_valid(g);
            assert_round_trip(g);
            orion_ir_graph_destroy(&g);
        }
        assert_null(g);
        free(copy);
    }
    assert_in_range(parsed, 100, 3900); /* both outcomes are really met */
}

/* ---- out of memory, failing writer ---- */

static orion_status parse_and_print(oom_case *oom, void *ctx) {
    orion_ir_graph *g = NULL;
    orion_buffer *buffer = NULL;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(&oom->heap.allocator, &diag), ORION_OK);
    assert_int_equal(orion_buffer_create(&oom->heap.allocator, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    oom_arm(oom);
    orion_status status = orion_ir_parse(ctx, strlen(ctx), "t", &oom->heap.allocator, diag, &g);
    oom_output(oom, status, g);
    if (status == ORION_OK) status = orion_ir_print(g, &writer);
    oom_disarm(oom);
    orion_ir_graph_destroy(&g);
    orion_buffer_destroy(&buffer);
    orion_diag_destroy(&diag);
    return status;
}

static void test_no_memory(void **state) {
    (void)state;
    char text[sizeof tour];
    memcpy(text, tour, sizeof text);
    oom_loop("parse and print", parse_and_print, text);
}

static orion_status refuse(void *ctx, const void *bytes, size_t n) {
    (void)bytes;
    size_t *room = ctx;
    if (n > *room) return ORION_ERROR_IO;
    *room -= n;
    return ORION_OK;
}

static void test_writer_errors_come_back(void **state) {
    (void)state;
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL;
    int64_t many = 100000;
    float *data = calloc((size_t)many, sizeof *data);
    assert_non_null(data);
    data[7] = 1;
    assert_int_equal(orion_ir_builder_create("big", NULL, &b), ORION_OK);
    orion_ir_type type = orion_ir_type_make(ORION_IR_F32, 1, &many);
    orion_ir_output(b, "y", orion_ir_constant(b, type, data, (size_t)many * sizeof *data));
    free(data);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    char *text = graph_text(g);
    for (size_t room = 0; room < strlen(text); room += 50000) {
        size_t left = room;
        orion_writer writer = {.size = sizeof writer, .ctx = &left, .write = refuse};
        assert_int_equal(orion_ir_print(g, &writer), ORION_ERROR_IO);
    }
    free(text);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text_is_kept),
        cmocka_unit_test(test_free_form_is_read),
        cmocka_unit_test(test_page_shows_canonical_text),
        cmocka_unit_test(test_page_shows_the_grammar),
        cmocka_unit_test(test_every_small_number_survives),
        cmocka_unit_test(test_sampled_numbers_survive),
        cmocka_unit_test(test_number_spellings),
        cmocka_unit_test(test_constants_survive),
        cmocka_unit_test(test_splats_are_exact),
        cmocka_unit_test(test_node_errors),
        cmocka_unit_test(test_header_errors),
        cmocka_unit_test(test_many_errors_in_one_run),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_truncated_text),
        cmocka_unit_test(test_damaged_text),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_writer_errors_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
