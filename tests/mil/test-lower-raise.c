/* SPDX-License-Identifier: MIT */
/*
 * Graph to MIL and back: every op, in both spellings, with constants in text and in the weight
 * file, through the text itself. What comes back prints as the same .oir and computes the same
 * bits.
 */
#include "mil-support.h"

#include <math.h>

#define GRAPH(inputs, outputs, nodes)                                                              \
    "oir 1\ngraph @main(" inputs ") -> (" outputs ") {\n" nodes "}\n"
#define UNARY(op, type) GRAPH("%x: " type "[2,3]", "%y", "  %y = " op " %x : " type "[2,3]\n")
#define BINARY(op, type, result)                                                                   \
    GRAPH("%a: " type "[2,3], %b: " type "[3]", "%y", "  %y = " op " %a, %b : " result "[2,3]\n")
#define REDUCE(op)                                                                                 \
    GRAPH("%x: f32[2,3,4]", "%y, %z, %all",                                                        \
          "  %y = " op " %x {axes=[1]} : f32[2,4]\n"                                               \
          "  %z = " op " %x {axes=[0, 2], keep_dims=true} : f32[1,3,1]\n"                          \
          "  %all = " op " %y {axes=[0, 1]} : f32[]\n")

static const char *const cases[] = {
    /* elementwise */
    BINARY("add", "f32", "f32"),
    BINARY("add", "i32", "i32"),
    BINARY("sub", "f16", "f16"),
    BINARY("mul", "f32", "f32"),
    BINARY("div", "f32", "f32"),
    BINARY("max", "f32", "f32"),
    BINARY("min", "i32", "i32"),
    BINARY("pow", "f32", "f32"),
    BINARY("equal", "f32", "bool"),
    BINARY("less", "i32", "bool"),
    BINARY("less_equal", "f16", "bool"),
    GRAPH("%a: bool[2,1], %b: bool[3]", "%x, %y, %z",
          "  %x = logical_and %a, %b : bool[2,3]\n"
          "  %y = logical_or %a, %b : bool[2,3]\n"
          "  %z = logical_not %a : bool[2,1]\n"),
    GRAPH("%x: f32[3], %h: f16[2]", "%y, %z",
          "  %y = clip %x {low=-inf, high=0.1} : f32[3]\n"
          "  %z = clip %h {low=0.125, high=6} : f16[2]\n"),
    GRAPH("%c: bool[3], %a: f32[2,1], %b: f32[]", "%y", "  %y = select %c, %a, %b : f32[2,3]\n"),
    UNARY("neg", "f32"),
    UNARY("neg", "i32"),
    UNARY("neg", "f16"),
    UNARY("abs", "f32"),
    UNARY("exp", "f32"),
    UNARY("log", "f32"),
    UNARY("sqrt", "f32"),
    UNARY("rsqrt", "f32"),
    UNARY("rsqrt", "f16"),
    UNARY("tanh", "bf16"),
    UNARY("sigmoid", "f32"),
    UNARY("relu", "f32"),
    UNARY("erf", "f32"),
    UNARY("sin", "f32"),
    UNARY("cos", "f32"),
    UNARY("floor", "f32"),
    UNARY("round", "f32"),
    UNARY("identity", "f32"),
    UNARY("identity", "bool"),
    GRAPH("%x: f32[2,3]", "%a, %b, %c, %d",
          "  %a = cast %x {dtype=f16} : f16[2,3]\n"
          "  %b = cast %x {dtype=i32} : i32[2,3]\n"
          "  %c = cast %b {dtype=bool} : bool[2,3]\n"
          "  %d = cast %x {dtype=bf16} : bf16[2,3]\n"),
    /* reductions */
    REDUCE("reduce_sum"),
    REDUCE("reduce_mean"),
    REDUCE("reduce_max"),
    REDUCE("reduce_min"),
    REDUCE("reduce_logsumexp"),
    GRAPH("%x: f32[2,3,4], %i: i32[5]", "%a, %b, %c",
          "  %a = reduce_argmax %x {axis=1} : i32[2,4]\n"
          "  %b = reduce_argmin %x {axis=2, keep_dims=true} : i32[2,3,1]\n"
          "  %c = reduce_argmax %i {axis=0} : i32[]\n"),
    GRAPH("%x: f32[2]", "%y", "  %y = reduce_sum %x {axes=[]} : f32[2]\n"),
    /* products */
    GRAPH("%x: f32[2,1,3,4], %y: f32[5,4,6]", "%z", "  %z = matmul %x, %y : f32[2,5,3,6]\n"),
    GRAPH("%x: f32[4,3], %y: f32[6,4]", "%z",
          "  %z = matmul %x, %y {transpose_x=true, transpose_y=true} : f32[3,6]\n"),
    /* convolutions */
    GRAPH("%x: f32[2,4,9], %w: f32[6,2,3], %b: f32[6], %v: f32[4,3,3]", "%y, %z",
          "  %y = conv %x, %w, %b {stride=[2], before=[1], after=[2], dilation=[3], groups=2} : "
          "f32[2,6,3]\n"
          "  %z = conv_transpose %x, %v {stride=[2], before=[1], after=[2], dilation=[3], "
          "groups=2} : f32[2,6,20]\n"),
    GRAPH("%x: f16[1,2,4,5], %w: f16[3,2,2,1]", "%y",
          "  %y = conv %x, %w {stride=[1, 2], before=[0, 0], after=[0, 1], dilation=[1, 1]} : "
          "f16[1,3,3,3]\n"),
    GRAPH("%x: f32[1,2,9], %h: f16[1,1,4,6]", "%a, %b, %c",
          "  %a = max_pool %x {window=[3], stride=[2], before=[1], after=[2]} : f32[1,2,5]\n"
          "  %b = avg_pool %x {window=[3], stride=[1], before=[2], after=[0], "
          "exclude_padding=true} : f32[1,2,9]\n"
          "  %c = avg_pool %h {window=[2, 3], stride=[2, 3], before=[0, 0], after=[0, 0]} : "
          "f16[1,1,2,2]\n"),
    /* shape and movement */
    GRAPH("%x: f32[2,3]", "%y, %z",
          "  %y = reshape %x {shape=[3, 1, 2]} : f32[3,1,2]\n"
          "  %flat = reshape %x {shape=[6]} : f32[6]\n"
          "  %one = slice %flat {begin=[5], end=[6], stride=[1]} : f32[1]\n"
          "  %z = reshape %one {shape=[]} : f32[]\n"),
    GRAPH("%x: f32[2,3,4]", "%y", "  %y = transpose %x {perm=[2, 0, 1]} : f32[4,2,3]\n"),
    GRAPH("%x: f32[5,6]", "%y",
          "  %y = slice %x {begin=[1, 0], end=[5, 6], stride=[2, 4]} : f32[2,2]\n"),
    GRAPH("%a: f32[2,3], %b: f32[2,1]", "%y, %z",
          "  %y = concat %a, %b, %a {axis=1} : f32[2,7]\n"
          "  %z = concat %a {axis=0} : f32[2,3]\n"),
    GRAPH("%x: f32[2,6]", "%a, %c",
          "  %a, %b, %c = split %x {axis=1, sizes=[1, 2, 3]} : f32[2,1], f32[2,2], f32[2,3]\n"),
    GRAPH("%x: f32[2,3], %i: i32[2]", "%y, %z, %n",
          "  %y = pad %x {before=[0, 1], after=[2, 0]} : f32[4,4]\n"
          "  %z = pad %i {before=[1], after=[1], value=-7} : i32[4]\n"
          "  %n = pad %x {before=[0, 0], after=[0, 1], value=-inf} : f32[2,4]\n"),
    GRAPH("%x: f32[2,3]", "%y", "  %y = tile %x {reps=[3, 2]} : f32[6,6]\n"),
    GRAPH("%x: f32[2,3,4], %i: i32[5]", "%y, %z",
          "  %y = gather %x, %i {axis=1} : f32[2,5,4]\n"
          "  %z = gather %x, %i : f32[5,3,4]\n"),
    GRAPH("%x: f32[4,3], %u: f32[2,3], %i: i32[2]", "%y",
          "  %y = scatter_add %x, %u, %i : f32[4,3]\n"),
    GRAPH("%x: f32[2,5], %u: f32[2,1], %i: i32[1]", "%y",
          "  %y = slice_update %x, %u, %i {axis=1} : f32[2,5]\n"),
    /* softmax family */
    GRAPH("%x: f32[2,3,4]", "%y, %z, %l",
          "  %y = softmax %x {axis=2} : f32[2,3,4]\n"
          "  %z = softmax %x {axis=0} : f32[2,3,4]\n"
          "  %l = log_softmax %x {axis=1} : f32[2,3,4]\n"),
    /* what models are written with */
    UNARY("silu", "f32"),
    GRAPH("%x: f32[7]", "%y, %z",
          "  %y = gelu %x : f32[7]\n"
          "  %z = gelu %x {tanh_approximation=true} : f32[7]\n"),
    GRAPH("%x: f32[2,3], %w: f32[4,3], %b: f32[4]", "%y, %z",
          "  %y = linear %x, %w : f32[2,4]\n"
          "  %z = linear %x, %w, %b : f32[2,4]\n"),
    GRAPH("%ids: i32[2,2], %table: f32[5,3]", "%y", "  %y = embedding %ids, %table : f32[2,2,3]\n"),
    GRAPH("%x: f32[2,4], %g: f32[4]", "%y, %z",
          "  %y = rms_norm %x, %g : f32[2,4]\n"
          "  %z = rms_norm %x, %g {epsilon=1e-06} : f32[2,4]\n"),
    GRAPH("%x: f16[2,4], %g: f16[4], %b: f16[4]", "%y, %z",
          "  %y = layer_norm %x, %g, %b : f16[2,4]\n"
          "  %z = layer_norm %x, %g, %b {epsilon=0.001} : f16[2,4]\n"),
    GRAPH("%x: f32[2,3,4], %p: i32[3]", "%y, %z",
          "  %y = rope %x, %p : f32[2,3,4]\n"
          "  %z = rope %x, %p {theta=500000.5, interleaved=false, inverse=true} : f32[2,3,4]\n"),
    GRAPH("%q: f32[1,4,2,6], %k: f32[1,2,3,6], %v: f32[1,2,3,5], %p: i32[2], %kk: f32[1,4,3,6], "
          "%vv: f32[1,4,3,5]",
          "%a, %b, %c, %d, %e",
          "  %a = attention %q, %k, %v, %p : f32[1,4,2,5]\n"
          "  %b = attention %q, %k, %v {scale=0.3} : f32[1,4,2,5]\n"
          "  %c = attention %q, %k, %v {causal=true} : f32[1,4,2,5]\n"
          "  %d = attention %q, %kk, %vv : f32[1,4,2,5]\n" /* MIL's own, on ios18 */
          "  %e = attention %q, %kk, %vv {causal=true} : f32[1,4,2,5]\n"),
    GRAPH(
        "%q: f32[1,4,2,6], %k: f32[1,4,3,6], %v: f32[1,4,3,5], %m: bool[1,1,2,3], %a: f32[1,4,1,3]",
        "%x, %y, %z",
        "  %x = attention %q, %k, %v, %m : f32[1,4,2,5]\n" /* MIL's own, on ios18 */
        "  %y = attention %q, %k, %v, %a : f32[1,4,2,5]\n"
        "  %z = attention %q, %k, %v, %m {causal=true} : f32[1,4,2,5]\n"),
    GRAPH("%x: f32[3,4], %t: i32[3]", "%y", "  %y = cross_entropy %x, %t : f32[]\n"),
    GRAPH("%x: f32[3,2,4], %h: f32[2,5], %c: f32[2,5], %w: f32[20,4], %u: f32[20,5], %b: f32[20]",
          "%y, %z, %last",
          "  %y, %1, %2 = lstm %x, %h, %c, %w, %u, %b : f32[3,2,5], f32[2,5], f32[2,5]\n"
          "  %4, %z, %last = lstm %x, %h, %c, %w, %u {reverse=true} : f32[3,2,5], f32[2,5], "
          "f32[2,5]\n"),
    GRAPH("%x: f32[2,4], %s: f32[], %t: f32[1,2], %z: i8[]", "%a, %b, %c, %d, %e",
          "  %a = quantize %x, %s, %z : i8[2,4]\n" /* MIL's own, on ios18 */
          "  %b = quantize %x, %t {dtype=i32} : i32[2,4]\n"
          "  %c = dequantize %a, %s : f32[2,4]\n"
          "  %d = dequantize %a, %t, %z : f32[2,4]\n"
          "  %e = dequantize %a, %s, %s : f32[2,4]\n"),
    /* constants */
    GRAPH("%x: f32[2,3]", "%y",
          "  %c = const [1, 2.5, -0, 1e-45, inf, -3.4028235e+38] : f32[2,3]\n"
          "  %y = add %x, %c : f32[2,3]\n"),
    GRAPH("%x: f32[2]", "%y",
          "  %0 = const [nan(0x1), -nan] : f32[2]\n"
          "  %y = add %x, %0 : f32[2]\n"),
    GRAPH("%x: f16[2,1]", "%y, %a, %b, %c, %d, %e, %f, %g",
          "  %0 = const [65504, 6e-08] : f16[2]\n"
          "  %y = add %x, %0 : f16[2,2]\n"
          "  %a = const 1.5 : bf16[3]\n"
          "  %b = const [-2147483648, 2147483647] : i32[2]\n"
          "  %c = const [0, 65535] : u16[2]\n"
          "  %d = const [0, 255] : u8[2]\n"
          "  %e = const [-128, 127] : i8[2]\n"
          "  %f = const [true, false] : bool[1,2]\n"
          "  %g = const -7 : i32[]\n"),
    GRAPH("%x: f32[2]", "%y", /* a constant nothing uses, and one used twice */
          "  %idle = const 3 : f32[]\n"
          "  %0 = const 2 : f32[]\n"
          "  %1 = mul %x, %0 : f32[2]\n"
          "  %y = mul %1, %0 : f32[2]\n"),
    /* outputs: an input itself, under another name, a value under two names, a constant */
    GRAPH("%x: f32[2]", "%x", ""),
    GRAPH("%x: f32[2]", "y = %x, %x, z = %x", ""),
    GRAPH("%x: f32[2]", "%y, z = %y, w = %y", "  %y = exp %x : f32[2]\n"),
    GRAPH("%x: f32[2]", "out = %y, y = %z, z = %y",
          "  %y = exp %x : f32[2]\n"
          "  %z = exp %y : f32[2]\n"),
    GRAPH("", "%c, d = %c", "  %c = const 1 : f32[2]\n"),
    GRAPH("", "c = %other, other = %c",
          "  %c = const 1 : f32[2]\n"
          "  %other = const 2 : f32[2]\n"),
    /* names that mean something to MIL or to lowering */
    GRAPH("%x: f32[2,2], %fp32: f32[2,2]", "%tensor",
          "  %orion_neg_1 = exp %x : f32[2,2]\n"
          "  %orion_value_2 = neg %orion_neg_1 : f32[2,2]\n"
          "  %orion_output_3 = identity %orion_value_2 : f32[2,2]\n"
          "  %tensor_axis_0 = exp %orion_output_3 : f32[2,2]\n"
          "  %inf = add %tensor_axis_0, %fp32 : f32[2,2]\n"
          "  %list = add %inf, %inf : f32[2,2]\n"
          "  %true = add %list, %inf : f32[2,2]\n"
          "  %tensor = softmax %true : f32[2,2]\n"),
    GRAPH("%true: f32[2], %true_1: f32[2]", "%false, false_1 = %true, true_1_1 = %false",
          "  %true_1_1 = add %true, %true_1 : f32[2]\n"
          "  %false = exp %true_1_1 : f32[2]\n"),
    GRAPH("%x: f32[2]", "%y", /* nothing named but what must be */
          "  %0 = exp %x : f32[2]\n"
          "  %1 = neg %0 : f32[2]\n"
          "  %2, %3 = split %1 {axis=0, sizes=[1, 1]} : f32[1], f32[1]\n"
          "  %y = add %2, %3 : f32[1]\n"),
};
enum { CASES = sizeof cases / sizeof *cases };

/* ---- there and back ---- */

typedef struct way {
    uint32_t dialect, inline_elements;
} way;

static const way ways[] = {
    {ORION_MIL_IOS18, 0}, {ORION_MIL_IOS16, 0}, {ORION_MIL_IOS18, 1}, {ORION_MIL_IOS16, 1u << 20}};
enum { WAYS = sizeof ways / sizeof *ways };

/* Lower, print, parse, verify, raise. */
static orion_ir_graph *there_and_back(const orion_ir_graph *graph, way w) {
    orion_mil_lower_options options = {
        .size = sizeof options, .dialect = w.dialect, .inline_elements = w.inline_elements};
    orion_diag *diag;
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_ir_graph *back = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_lower(graph, &options, NULL, diag, &program, &weights), diag);
    char *text = print_mil(program, ORION_MIL_AS_IS);
    orion_mil_program_destroy(&program);
    program = parse_mil(text);
    char *again = print_mil(program, ORION_MIL_AS_IS);
    assert_string_equal(again, text);
    if (orion_mil_verify(program, diag) != ORION_OK ||
        orion_mil_raise(program, weights, NULL, NULL, NULL, diag, &back) != ORION_OK) {
        show_diag(diag);
        fail_msg("does not come back:\n%s", text);
    }
    free(text);
    free(again);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    orion_diag_destroy(&diag);
    return back;
}

static void test_every_case_comes_back(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        orion_ir_graph *graph = parse_graph(cases[i]);
        char *text = print_graph(graph);
        for (size_t w = 0; w < WAYS; w++) {
            orion_ir_graph *back = there_and_back(graph, ways[w]);
            char *again = print_graph(back);
            assert_string_equal(again, text);
            free(again);
            orion_ir_graph_destroy(&back);
        }
        free(text);
        orion_ir_graph_destroy(&graph);
    }
}

/* ---- the same bits ---- */

typedef struct buffers {
    double **items;
    size_t count;
} buffers;

static buffers new_buffers(const orion_ir_graph *g, bool outputs, uint64_t *seed) {
    buffers b = {.count = outputs ? orion_ir_graph_output_count(g) : orion_ir_graph_input_count(g)};
    b.items = calloc(b.count + 1, sizeof *b.items);
    assert_non_null(b.items);
    for (size_t i = 0; i < b.count; i++) {
        orion_ir_value v = outputs ? orion_ir_graph_output(g, i) : orion_ir_graph_input(g, i);
        orion_ir_type type = orion_ir_value_type(g, v);
        size_t n = (size_t)orion_ir_type_elements(&type);
        b.items[i] = calloc(n, sizeof(double));
        assert_non_null(b.items[i]);
        bool real = type.dtype <= ORION_IR_BF16;
        for (size_t k = 0; k < n && !outputs; k++)
            b.items[i][k] = real ? 0.125 * floor(16 * fabs(test_random_unit(seed)) + 1)
                                 : (double)(test_random(seed) >> 63); /* any index has 0 and 1 */
    }
    return b;
}

static void free_buffers(buffers *b) {
    for (size_t i = 0; i < b->count; i++) free(b->items[i]);
    free(b->items);
}

static void assert_same_bits(const orion_ir_graph *a, const orion_ir_graph *b) {
    uint64_t seed = 1;
    buffers in = new_buffers(a, false, &seed);
    buffers x = new_buffers(a, true, &seed), y = new_buffers(b, true, &seed);
    const double *const *inputs = (const double *const *)in.items;
    assert_int_equal(orion_ir_eval(a, ORION_IR_EVAL_ROUNDED, inputs, x.items, NULL), ORION_OK);
    assert_int_equal(orion_ir_eval(b, ORION_IR_EVAL_ROUNDED, inputs, y.items, NULL), ORION_OK);
    assert_int_equal(x.count, y.count);
    for (size_t i = 0; i < x.count; i++) {
        orion_ir_type s = orion_ir_value_type(a, orion_ir_graph_output(a, i));
        orion_ir_type t = orion_ir_value_type(b, orion_ir_graph_output(b, i));
        assert_true(orion_ir_type_equal(&s, &t));
        assert_string_equal(orion_ir_graph_output_name(a, i), orion_ir_graph_output_name(b, i));
        assert_memory_equal(x.items[i], y.items[i],
                            (size_t)orion_ir_type_elements(&s) * sizeof(double));
    }
    free_buffers(&in);
    free_buffers(&x);
    free_buffers(&y);
}

static void test_every_case_computes_the_same(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        orion_ir_graph *graph = parse_graph(cases[i]);
        for (size_t w = 0; w < WAYS; w++) {
            orion_ir_graph *back = there_and_back(graph, ways[w]);
            assert_same_bits(graph, back);
            orion_ir_graph_destroy(&back);
        }
        orion_ir_graph_destroy(&graph);
    }
}

/* ---- nothing is left out ---- */

static void test_every_op_has_a_case(void **state) {
    (void)state;
    for (int op = 1; op < 256; op++) {
        const orion_ir_op_info *info = orion_ir_op_find((orion_ir_op)op);
        if (info == NULL) continue;
        bool seen = false;
        for (size_t i = 0; i < CASES && !seen; i++) {
            orion_ir_graph *graph = parse_graph(cases[i]);
            for (const orion_ir_node *n = orion_ir_graph_first(graph); n != NULL;
                 n = orion_ir_node_next(n))
                seen |= orion_ir_node_op(n) == (orion_ir_op)op;
            orion_ir_graph_destroy(&graph);
        }
        if (!seen) fail_msg("no case has the op %s", info->name);
    }
}

/* Every parameter is a const of its own with a name, as Apple's compiler wants it. */
static void test_parameters_are_named_consts(void **state) {
    (void)state;
    for (size_t i = 0; i < CASES; i++) {
        orion_ir_graph *graph = parse_graph(cases[i]);
        orion_mil_program *program;
        orion_mil_weights *weights;
        assert_int_equal(orion_mil_lower(graph, NULL, NULL, NULL, &program, &weights), ORION_OK);
        const orion_mil_function *f = orion_mil_program_find(program, "main");
        for (size_t k = 0; k < orion_mil_function_statement_count(f); k++) {
            const orion_mil_statement *s = orion_mil_function_statement(f, k);
            const orion_mil_value *name = orion_mil_statement_find_attribute(s, "name");
            assert_int_equal(orion_mil_value_kind(name), ORION_MIL_VALUE_STRING);
            assert_string_not_equal(orion_mil_value_text(name), "");
            for (size_t a = 0; a < orion_mil_statement_argument_count(s); a++) {
                const orion_mil_value *v = orion_mil_statement_argument(s, a);
                bool many = orion_mil_value_kind(v) == ORION_MIL_VALUE_TUPLE;
                assert_true(many || orion_mil_value_kind(v) == ORION_MIL_VALUE_NAME);
            }
        }
        orion_mil_program_destroy(&program);
        orion_mil_weights_destroy(&weights);
        orion_ir_graph_destroy(&graph);
    }
}

/* MIL's own attention has as many key heads as query heads, and came with ios18. */
static void test_attention_of_mil(void **state) {
    (void)state;
    static const struct {
        const char *graph;
        uint32_t dialect;
        const char *op;
    } rows[] = {
#define ATTENTION(heads, attrs)                                                                    \
    GRAPH("%q: f32[1,4,2,6], %k: f32[1," heads ",3,6]", "%y",                                      \
          "  %y = attention %q, %k, %k" attrs " : f32[1,4,2,6]\n")
        {ATTENTION("4", ""), ORION_MIL_IOS18, "scaled_dot_product_attention("},
        {ATTENTION("4", ""), ORION_MIL_IOS16, "orion_attention("},
        {ATTENTION("2", ""), ORION_MIL_IOS18, "orion_attention("},
        {ATTENTION("4", " {scale=0.5}"), ORION_MIL_IOS18, "orion_attention("},
        {ATTENTION("4", " {causal=true}"), ORION_MIL_IOS18, "orion_attention("},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        orion_mil_lower_options options = {.size = sizeof options, .dialect = rows[i].dialect};
        orion_ir_graph *graph = parse_graph(rows[i].graph);
        orion_mil_program *program;
        orion_mil_weights *weights;
        assert_int_equal(orion_mil_lower(graph, &options, NULL, NULL, &program, &weights),
                         ORION_OK);
        char *text = print_mil(program, ORION_MIL_AS_IS);
        if (strstr(text, rows[i].op) == NULL) fail_msg("no %s in %s", rows[i].op, text);
        free(text);
        orion_mil_program_destroy(&program);
        orion_mil_weights_destroy(&weights);
        orion_ir_graph_destroy(&graph);
    }
}

/* Names as long as the IR allows come back; where two meet, the second is cut for its number. */
static void test_long_names(void **state) {
    (void)state;
    char name[256], oir[2048], mil[2048];
    memset(name, 'n', 255);
    name[255] = '\0';
    snprintf(oir, sizeof oir, GRAPH("%%%s: f32[2]", "%%y", "  %%y = exp %%%s : f32[2]\n"), name,
             name);
    orion_ir_graph *graph = parse_graph(oir), *back = there_and_back(graph, ways[0]);
    assert_string_equal(orion_ir_value_name(back, orion_ir_graph_input(back, 0)), name);
    orion_ir_graph_destroy(&graph);
    orion_ir_graph_destroy(&back);

    snprintf(mil, sizeof mil, MIL_PROGRAM("fp32 %s1, fp32 %s2, fp32 %s3", "", "%s1, %s2, %s3"),
             name, name, name, name, name, name);
    orion_mil_program *program = parse_mil(mil);
    assert_int_equal(orion_mil_raise(program, NULL, NULL, NULL, NULL, NULL, &graph), ORION_OK);
    assert_string_equal(orion_ir_value_name(graph, orion_ir_graph_input(graph, 0)), name);
    strcpy(name + 243, "_2");
    assert_string_equal(orion_ir_value_name(graph, orion_ir_graph_input(graph, 2)), name);
    orion_ir_graph_destroy(&graph);
    orion_mil_program_destroy(&program);
}

/* ---- options, weights ---- */

static void test_lower_options(void **state) {
    (void)state;
    orion_ir_graph *graph = parse_graph(UNARY("exp", "f32"));
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_mil_lower_options o = {.size = sizeof o, .target = "h13"};
    assert_int_equal(orion_mil_lower(graph, &o, NULL, diag, &program, &weights),
                     ORION_ERROR_UNSUPPORTED);
    assert_null(program);
    assert_null(weights);
    assert_diag(diag, ORION_MESSAGE_MIL_TARGET, "there is no target 'h13'");
    o = (orion_mil_lower_options){.size = sizeof o, .target = "cpu", .dialect = 15};
    assert_int_equal(orion_mil_lower(graph, &o, NULL, diag, &program, &weights),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(diag, ORION_MESSAGE_MIL_TARGET, "there is no MIL dialect 15");
    o = (orion_mil_lower_options){.size = sizeof o, .weights_path = ""};
    assert_int_equal(orion_mil_lower(graph, &o, NULL, diag, &program, &weights),
                     ORION_ERROR_INVALID_ARGUMENT);
    struct {
        orion_mil_lower_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    assert_int_equal(orion_mil_lower(graph, &newer.known, NULL, diag, &program, &weights),
                     ORION_ERROR_ABI);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&graph);
}

static void test_large_constants_share_one_file(void **state) {
    (void)state;
    orion_ir_builder *b;
    orion_ir_graph *graph;
    orion_mil_program *program;
    orion_mil_weights *weights;
    int64_t dims[] = {65}, short_dims[] = {64};
    assert_int_equal(orion_ir_builder_create("main", NULL, &b), ORION_OK);
    orion_ir_type type = orion_ir_type_make(ORION_IR_F32, 1, dims);
    orion_ir_value x = orion_ir_input(b, "x", type);
    orion_ir_value a = orion_ir_splat(b, type, 1), same = orion_ir_splat(b, type, 1);
    orion_ir_value other = orion_ir_splat(b, type, 2);
    orion_ir_value in_text = orion_ir_splat(b, orion_ir_type_make(ORION_IR_F32, 1, short_dims), 3);
    orion_ir_value sum = orion_ir_add(b, orion_ir_add(b, x, a), orion_ir_add(b, same, other));
    orion_ir_output(b, "y", sum);
    orion_ir_output(b, "z", in_text);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &graph), ORION_OK);
    orion_mil_lower_options o = {.size = sizeof o, .weights_path = "@model_path/w.bin"};
    assert_int_equal(orion_mil_lower(graph, &o, NULL, NULL, &program, &weights), ORION_OK);
    assert_int_equal(orion_mil_weights_count(weights), 1);
    orion_blob *file = orion_mil_weights_find(weights, "@model_path/w.bin");
    assert_non_null(file);
    uint64_t at = 0;
    size_t entries = 0;
    orion_mil_blob_entry entry;
    while (orion_mil_blob_next(file, &at, NULL, NULL, &entry) == ORION_OK) {
        assert_int_equal(entry.elements, 65);
        entries++;
    }
    assert_int_equal(entries, 2);
    char *text = print_mil(program, ORION_MIL_AS_IS);
    size_t references = 0;
    for (const char *t = text; (t = strstr(t, "BLOBFILE")) != NULL; t++) references++;
    assert_int_equal(references, 3);
    free(text);

    /* Raised constants lie in that very file. */
    orion_ir_graph *back;
    assert_int_equal(orion_mil_raise(program, weights, NULL, NULL, NULL, NULL, &back), ORION_OK);
    size_t inside = 0, offset;
    for (const orion_ir_node *n = orion_ir_graph_first(back); n != NULL; n = orion_ir_node_next(n))
        inside += orion_ir_node_blob(n, &offset) == file;
    assert_int_equal(inside, 3);
    orion_mil_weights_destroy(&weights);
    assert_same_bits(graph, back); /* after the weights are gone */
    orion_ir_graph_destroy(&back);
    orion_mil_program_destroy(&program);
    orion_ir_graph_destroy(&graph);
}

/* A long chain: every value gets its own name, and the time is linear. */
static void test_thousands_of_nodes(void **state) {
    (void)state;
    orion_ir_builder *b;
    orion_ir_graph *graph;
    int64_t dims[] = {4};
    assert_int_equal(orion_ir_builder_create("main", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 1, dims));
    for (int i = 0; i < 5000; i++) x = orion_ir_softmax(b, orion_ir_neg(b, x), -1);
    orion_ir_output(b, "y", x);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &graph), ORION_OK);
    orion_ir_graph *back = there_and_back(graph, ways[0]);
    char *one = print_graph(graph), *other = print_graph(back);
    assert_string_equal(one, other);
    free(one);
    free(other);
    orion_ir_graph_destroy(&back);
    orion_ir_graph_destroy(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_case_comes_back),
        cmocka_unit_test(test_every_case_computes_the_same),
        cmocka_unit_test(test_every_op_has_a_case),
        cmocka_unit_test(test_parameters_are_named_consts),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_attention_of_mil),
        cmocka_unit_test(test_lower_options),
        cmocka_unit_test(test_large_constants_share_one_file),
        cmocka_unit_test(test_thousands_of_nodes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
