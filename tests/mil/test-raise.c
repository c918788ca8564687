/* SPDX-License-Identifier: MIT */
/* Other people's MIL to a graph: the defaults of coremltools, ops that the IR has only in other
 * words, and refusals op by op with line and reason. */
#include "mil-support.h"

#include <math.h>

/* One function: x f32[2,3], i i32[2], and what the test adds. */
#define BODY(statements, outputs)                                                                  \
    MIL_PROGRAM("tensor<fp32, [2, 3]> x, tensor<int32, [2]> i, tensor<bool, [2, 3]> b",            \
                statements, outputs)

static orion_ir_graph *raise_ok(const char *text) {
    orion_diag *diag;
    orion_ir_graph *graph = NULL;
    orion_mil_program *program = parse_mil(text);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    if (orion_mil_raise(program, NULL, NULL, NULL, NULL, diag, &graph) != ORION_OK) {
        show_diag(diag);
        fail_msg("not raised: %s", text);
    }
    orion_mil_program_destroy(&program);
    orion_diag_destroy(&diag);
    return graph;
}

/* The first output of the program at x = [1 2 3; 4 5 6], i = [1 0], b = [1 0 0; 1 1 0]. */
static void assert_computes(const char *text, const double *expected, size_t count) {
    static const double x[] = {1, 2, 3, 4, 5, 6}, i[] = {1, 0}, b[] = {1, 0, 0, 1, 1, 0};
    const double *const inputs[] = {x, i, b};
    double out[64];
    double *outputs[8] = {out};
    orion_ir_graph *graph = raise_ok(text);
    orion_ir_type type = orion_ir_value_type(graph, orion_ir_graph_output(graph, 0));
    assert_int_equal(orion_ir_graph_output_count(graph), 1);
    if ((size_t)orion_ir_type_elements(&type) != count) {
        char *oir = print_graph(graph);
        fail_msg("%zu elements wanted:\n%s", count, oir);
    }
    assert_int_equal(orion_ir_eval(graph, ORION_IR_EVAL_EXACT, inputs, outputs, NULL), ORION_OK);
    for (size_t k = 0; k < count; k++) {
        if (fabs(out[k] - expected[k]) <= 1e-12 * fabs(expected[k]) || out[k] == expected[k])
            continue;
        fail_msg("%s\n[%zu] is %.17g, not %.17g", text, k, out[k], expected[k]);
    }
    orion_ir_graph_destroy(&graph);
}
#define ASSERT_COMPUTES(text, ...)                                                                 \
    do {                                                                                           \
        const double expected_[] = {__VA_ARGS__};                                                  \
        assert_computes((text), expected_, sizeof expected_ / sizeof *expected_);                  \
    } while (0)

static void test_parameters_left_out(void **state) {
    (void)state;
    ASSERT_COMPUTES(BODY("fp32 y = reduce_sum(x = x);\n", "y"), 21);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2]> y = reduce_max(x = x, axes = [1]);\n", "y"), 3, 6);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2, 2]> y = matmul(x = x, y = x, transpose_y = true);\n", "y"), 14, 32,
        32, 77);
    ASSERT_COMPUTES(BODY("tensor<fp32, [1, 1]> y = slice_by_index(x = x, begin = [-1, 0], end = "
                         "[2, -2]);\n",
                         "y"),
                    4);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = gather(x = x, indices = i);\n", "y"), 4, 5, 6, 1,
                    2, 3);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 4]> y = pad(x = x, pad = [1, 0]);\n", "y"), 0, 1, 2, 3,
                    0, 4, 5, 6);
    const double e = 1e-5, d = sqrt(2.0 / 3 + e);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = layer_norm(x = x, axes = [-1]);\n", "y"), -1 / d,
                    0, 1 / d, -1 / d, 0, 1 / d);
    const double s = exp(-2) + exp(-1) + 1;
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = softmax(x = x);\n", "y"), exp(-2) / s,
                    exp(-1) / s, 1 / s, exp(-2) / s, exp(-1) / s, 1 / s);
    ASSERT_COMPUTES(BODY("tensor<fp32, [1]> one = const()[val = tensor<fp32, [1]>([-1])];\n"
                         "tensor<fp32, [1]> y = gelu(x = one);\n",
                         "y"),
                    -0.5 * erfc(sqrt(0.5)));
}

/* The numbers added inside log, rsqrt and inverse; in fp16 they round to nothing. */
static void test_epsilons(void **state) {
    (void)state;
#define CONSTANT(dtype, value)                                                                     \
    "tensor<" dtype ", [1]> c = const()[val = tensor<" dtype ", [1]>([" value "])];\n"
    ASSERT_COMPUTES(BODY(CONSTANT("fp32", "0") "tensor<fp32, [1]> y = rsqrt(x = c);\n", "y"),
                    1 / sqrt((double)1e-12f));
    ASSERT_COMPUTES(BODY(CONSTANT("fp32", "0") "tensor<fp32, [1]> y = log(x = c);\n", "y"),
                    log((double)1e-45f));
    ASSERT_COMPUTES(BODY(CONSTANT("fp32", "1") "tensor<fp32, [1]> y = inverse(x = c);\n", "y"),
                    1 / (1 + (double)1e-4f));
    ASSERT_COMPUTES(
        BODY(CONSTANT("fp32", "0.25") "tensor<fp32, [1]> y = rsqrt(x = c, epsilon = fp32(0.75));\n",
             "y"),
        1);
    ASSERT_COMPUTES(BODY(CONSTANT("fp16", "4") "tensor<fp16, [1]> y = rsqrt(x = c);\n", "y"), 0.5);
    orion_ir_graph *graph =
        raise_ok(BODY(CONSTANT("fp16", "4") "tensor<fp16, [1]> y = rsqrt(x = c);\n", "y"));
    assert_int_equal(orion_ir_graph_node_count(graph), 2);
    orion_ir_graph_destroy(&graph);
}

static void test_ops_in_other_words(void **state) {
    (void)state;
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = square(x = x);\n", "y"), 1, 4, 9, 16, 25, 36);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = clip(x = x, alpha = 2.5, beta = 5);\n", "y"),
                    2.5, 2.5, 3, 4, 5, 5);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> z = mul(x = x, y = fp32(2));\n"
                         "tensor<fp32, [2, 3]> y = relu6(x = z);\n",
                         "y"),
                    2, 4, 6, 6, 6, 6);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> y = greater(x = x, y = 3);\n", "y"), 0, 0, 0, 1, 1,
                    1);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> y = greater_equal(x = x, y = 3);\n", "y"), 0, 0, 1,
                    1, 1, 1);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> y = not_equal(x = x, y = 3);\n", "y"), 1, 1, 0, 1, 1,
                    1);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> c = less(x = x, y = 5);\n"
                         "tensor<bool, [2, 3]> y = logical_and(x = c, y = b);\n",
                         "y"),
                    1, 0, 0, 1, 0, 0);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> c = less(x = x, y = 3);\n"
                         "tensor<bool, [2, 3]> y = logical_or(x = c, y = b);\n",
                         "y"),
                    1, 1, 0, 1, 1, 0);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> y = logical_not(x = b);\n", "y"), 0, 1, 1, 0, 0, 1);
    ASSERT_COMPUTES(BODY("tensor<bool, [2, 3]> c = less(x = x, y = 3);\n"
                         "tensor<bool, [2, 3]> y = logical_xor(x = c, y = b);\n",
                         "y"),
                    0, 1, 0, 1, 1, 0);
    ASSERT_COMPUTES(BODY("tensor<int32, [2]> y = reduce_argmax(x = x);\n", "y"), 2, 2);
    ASSERT_COMPUTES(BODY("tensor<uint16, [1, 3]> y = reduce_argmin(x = x, axis = 0, keep_dims = "
                         "true, output_dtype = \"uint16\");\n",
                         "y"),
                    0, 0, 0);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2, 3]> y = gelu(x = x, mode = \"SIGMOID_APPROXIMATION\");\n", "y"),
        1 / (1 + exp(-(double)1.702f)), 2 / (1 + exp(-2 * (double)1.702f)),
        3 / (1 + exp(-3 * (double)1.702f)), 4 / (1 + exp(-4 * (double)1.702f)),
        5 / (1 + exp(-5 * (double)1.702f)), 6 / (1 + exp(-6 * (double)1.702f)));
}

static void test_shapes_in_other_words(void **state) {
    (void)state;
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 1, 3, 1]> e = expand_dims(x = x, axes = [1, -1]);\n"
                         "tensor<fp32, [2, 3, 1]> q = squeeze(x = e, axes = [1]);\n"
                         "tensor<fp32, [2, 3]> y = squeeze(x = q);\n",
                         "y"),
                    1, 2, 3, 4, 5, 6);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 2, 3]> y = stack(values = (x, x), axis = 1);\n", "y"), 1,
                    2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3, 2]> y = stack(values = (x, x), axis = -1);\n", "y"),
                    1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = reshape(x = x, shape = [0, -1]);\n", "y"), 1, 2,
                    3, 4, 5, 6);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [1, 2]> y = slice_by_size(x = x, begin = [1, 1], size = [1, -1]);\n",
             "y"),
        5, 6);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2]> y = slice_by_index(x = x, begin = [1, -1], end = [0, 0], "
             "begin_mask = [true, false], end_mask = [true, false], stride = [1, 2], "
             "squeeze_mask = [false, true]);\n",
             "y"),
        3, 6);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2, 1]> y = slice_by_index(x = x, begin = [-9, 2], end = [9, 4]);\n",
             "y"),
        3, 6); /* indices past either end stop there */
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 1]> a, tensor<fp32, [2, 1]> m, tensor<fp32, [2, 1]> y = "
                         "split(x = x, axis = -1, num_splits = 3);\n",
                         "y"),
                    3, 6);
    ASSERT_COMPUTES(BODY("tensor<int32, [2]> at = const()[val = tensor<int32, [2]>([-1, 0])];\n"
                         "tensor<fp32, [2, 2]> y = gather(x = x, indices = at, axis = 1);\n",
                         "y"),
                    3, 1, 6, 4);
    ASSERT_COMPUTES(BODY("tensor<int16, [2]> at = cast(x = i, dtype = \"int16\");\n"
                         "tensor<uint8, [2]> small = cast(x = at, dtype = \"uint8\");\n"
                         "tensor<fp32, [2, 3]> y = gather(x = x, indices = small);\n",
                         "y"),
                    4, 5, 6, 1, 2, 3);
}

static void test_layer_norm_over_other_axes(void **state) {
    (void)state;
    const double d = sqrt(2.25 + 0.5);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2]> g = const()[val = tensor<fp32, [2]>([2, 4])];\n"
                         "tensor<fp32, [2]> z = const()[val = tensor<fp32, [2]>([0, 1])];\n"
                         "tensor<fp32, [2, 3]> y = layer_norm(x = x, axes = [0], gamma = g, beta = "
                         "z, epsilon = 0.5);\n",
                         "y"),
                    -3 / d, -3 / d, -3 / d, 1 + 6 / d, 1 + 6 / d, 1 + 6 / d);
    const double all = sqrt(35.0 / 12 + 1e-5f);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = layer_norm(x = x);\n", "y"), -2.5 / all,
                    -1.5 / all, -0.5 / all, 0.5 / all, 1.5 / all, 2.5 / all);
}

/* MIL's attention: with a mask that hides, with one that is added, without any. */
static void test_attention(void **state) {
    (void)state;
#define QKV                                                                                        \
    "tensor<fp32, [1, 2, 3]> q = expand_dims(x = x, axes = [0]);\n"                                \
    "tensor<bool, [2, 2]> hide = const()[val = tensor<bool, [2, 2]>([[true, false], [true, "       \
    "true]])];\n"                                                                                  \
    "tensor<fp32, [2, 2]> bias = const()[val = tensor<fp32, [2, 2]>([[0, 100], [0, 0]])];\n"
    const double r = (double)(float)(1 / sqrt(3.0)), w = 1 / (1 + exp((32 - 77) * r));
    ASSERT_COMPUTES(BODY(QKV "tensor<fp32, [1, 2, 3]> y = scaled_dot_product_attention(query = q, "
                             "key = q, value = q, attn_mask = hide);\n",
                         "y"),
                    1, 2, 3, 1 + 3 * w, 2 + 3 * w, 3 + 3 * w);
    const double v = 1 / (1 + exp((14 - 32) * r)), u = 1 / (1 + exp((14 - 32) * r - 100));
    ASSERT_COMPUTES(BODY(QKV "tensor<fp32, [1, 2, 3]> y = scaled_dot_product_attention(query = q, "
                             "key = q, value = q, attn_mask = bias);\n",
                         "y"),
                    1 + 3 * u, 2 + 3 * u, 3 + 3 * u, 1 + 3 * w, 2 + 3 * w, 3 + 3 * w);
    ASSERT_COMPUTES(BODY(QKV "tensor<fp32, [1, 2, 3]> y = scaled_dot_product_attention(query = q, "
                             "key = q, value = q);\n",
                         "y"),
                    1 + 3 * v, 2 + 3 * v, 3 + 3 * v, 1 + 3 * w, 2 + 3 * w, 3 + 3 * w);
}

/* Names that the IR does not have, names that meet, a value returned twice. */
static void test_names(void **state) {
    (void)state;
    orion_ir_graph *graph =
        raise_ok(MIL_PROGRAM("fp32 a@1, fp32 a_1",
                             "fp32 v.2 = add(x = a@1, y = a_1)[name = \"anything\"];\n"
                             "fp32 v_2 = exp(x = v.2);\n",
                             "v.2, v_2, v_2, a_1, a@1"));
    char *text = print_graph(graph);
    assert_string_equal(text, "oir 1\n"
                              "graph @main(%a_1: f32[], %a_1_1: f32[]) -> (\n"
                              "    %v_2,\n"
                              "    %v_2_1,\n"
                              "    v_2_2 = %v_2_1,\n"
                              "    %a_1_1,\n"
                              "    %a_1\n"
                              ") {\n"
                              "  %v_2 = add %a_1, %a_1_1 : f32[]\n"
                              "  %v_2_1 = exp %v_2 : f32[]\n"
                              "}\n");
    free(text);
    orion_ir_graph_destroy(&graph);
}

/* Hints are only believed where they are true. */
static void test_hints_do_not_change_the_meaning(void **state) {
    (void)state;
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = mul(x = x, y = fp32(2))[name = "
                         "\"orion_neg_y\"];\n",
                         "y"),
                    2, 4, 6, 8, 10, 12);
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2, 3]> y = mul(x = x, y = x)[name = \"orion_neg_y\"];\n", "y"), 1, 4, 9,
        16, 25, 36);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 2]> y = gather(x = x, indices = i, axis = 1)[name = "
                         "\"orion_embedding_y\"];\n",
                         "y"),
                    2, 1, 5, 4);
    ASSERT_COMPUTES(BODY("tensor<fp32, [2, 3]> y = exp(x = x)[name = \"orion_output_y\"];\n", "y"),
                    exp(1), exp(2), exp(3), exp(4), exp(5), exp(6));
    ASSERT_COMPUTES(
        BODY("tensor<fp32, [2, 3]> y = add(x = x, y = x)[name = \"orion_neg_y\"];\n", "y"), 2, 4, 6,
        8, 10, 12);
}

static void test_other_functions(void **state) {
    (void)state;
    orion_mil_program *p =
        parse_mil("program(1.3)\n{\nfunc a(fp32 x) {} -> (x);\nfunc b.c(fp32 z) {} -> (z);\n}\n");
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_raise(p, NULL, "b.c", NULL, NULL, diag, &graph), ORION_OK);
    assert_string_equal(orion_ir_graph_name(graph), "b_c");
    orion_ir_graph_destroy(&graph);
    assert_int_equal(orion_mil_raise(p, NULL, NULL, NULL, NULL, diag, &graph),
                     ORION_ERROR_NOT_FOUND);
    assert_null(graph);
    assert_diag(diag, ORION_MESSAGE_MIL_FUNCTION,
                "the program has no function 'main'; it has 'a', 'b.c'");
    struct {
        orion_mil_raise_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    assert_int_equal(orion_mil_raise(p, NULL, "a", &newer.known, NULL, diag, &graph),
                     ORION_ERROR_ABI);
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&p);
}

/* ---- refusals ---- */

typedef struct refusal {
    const char *statements; /* from line 4 on */
    const char *outputs;
    orion_status status;
    orion_message message;
    uint32_t line, column;
    const char *part;
} refusal;

static void assert_refused(const refusal *c) {
    char text[2048];
    snprintf(text, sizeof text,
             "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [2, 3]> x, tensor<int32, [2]> i, "
             "tensor<bool, [2, 3]> b) {\n%s\n} -> (%s);\n}\n",
             c->statements, c->outputs);
    orion_mil_program *program = parse_mil(text);
    orion_diag *diag;
    orion_ir_graph *graph = (orion_ir_graph *)&diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status status = orion_mil_raise(program, NULL, NULL, NULL, NULL, diag, &graph);
    if (status != c->status) {
        show_diag(diag);
        fail_msg("%s: %s", c->statements, orion_status_string(status));
    }
    assert_null(graph);
    assert_diag_at(diag, c->message, c->line, c->column, c->part);
    assert_string_equal(orion_diag_get(diag, 0)->source, "test.mil");
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&program);
}

#define UNSUPPORTED ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_MIL_OP
#define PARAMETER   ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_PARAMETER
#define TYPE        ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_TYPE

static void test_refusals(void **state) {
    (void)state;
    static const refusal cases[] = {
        {"fp32 y = non_zero(x = x);", "y", UNSUPPORTED, 4, 1,
         "non_zero: the IR has no counterpart of this op: the shape of its result depends on the "
         "data"},
        {"fp32 y = while_loop(x = x);", "y", UNSUPPORTED, 4, 1, "a graph has no control flow"},
        {"fp32 y = no_such_op(x = x);", "y", UNSUPPORTED, 4, 1, "counterpart of this op"},
        {"fp32 y = reduce_argmax(x = x, output_dtype = \"fp32\");", "y", UNSUPPORTED, 4, 1,
         "there are no indices of type 'fp32'"},
        {"fp32 y = constexpr_sparse_to_dense()[axis = 0];", "y", UNSUPPORTED, 4, 1,
         "constexpr_sparse_to_dense: the IR has no counterpart"},
        {"fp32 y = exp(x = x, z = x);", "y", PARAMETER, 4, 1, "there is no parameter 'z'"},
        {"fp32 y = squeeze(x = x, z = x);", "y", PARAMETER, 4, 1, "there is no parameter 'z'"},
        {"fp32 y = exp();", "y", PARAMETER, 4, 1, "the argument 'x' is missing"},
        {"fp32 y = concat(axis = 0);", "y", PARAMETER, 4, 1, "the argument 'values' is missing"},
        {"fp32 y = concat(values = x);", "y", PARAMETER, 4, 1, "the parameter 'axis' is missing"},
        {"fp32 y = exp(x = \"s\");", "y", PARAMETER, 4, 1, "'x' must be a tensor"},
        {"fp32 y = exp(x = 1);", "y", PARAMETER, 4, 1, "'x' must be a tensor"},
        {"fp32 y = add(x = x, y = \"s\");", "y", PARAMETER, 4, 1, "'y' must be a tensor"},
        {"fp32 y = add(x = x, y = fp64(1));", "y", UNSUPPORTED, 4, 1,
         "a constant is of an element type that the IR does not have"},
        {"fp32 y = transpose(x = x, perm = i);", "y", UNSUPPORTED, 4, 1,
         "the parameter 'perm' must be a constant, 'i' is computed"},
        {"fp32 y = transpose(x = x, perm = \"s\");", "y", PARAMETER, 4, 1,
         "the parameter 'perm' must be a list of integers"},
        {"fp32 y = softmax(x = x, axis = 1.5);", "y", PARAMETER, 4, 1,
         "the parameter 'axis' must be an integer"},
        {"fp32 y = reduce_sum(x = x, keep_dims = 2);", "y", PARAMETER, 4, 1,
         "the parameter 'keep_dims' must be true or false"},
        {"fp32 y = cast(x = x, dtype = 3);", "y", PARAMETER, 4, 1,
         "the parameter 'dtype' must be a string"},
        {"fp32 y = cast(x = x, dtype = \"int64\");", "y", UNSUPPORTED, 4, 1,
         "the IR has no element type 'int64'"},
        {"fp32 y = layer_norm(x = x, epsilon = true);", "y", PARAMETER, 4, 1,
         "the parameter 'epsilon' must be a number"},
        {"fp32 y = concat(values = (x, i), axis = 0, interleave = true);", "y", TYPE, 4, 1,
         "the values differ in rank"},
        {"fp32 y = scatter(data = x, updates = x, indices = i, axis = 1);", "y", UNSUPPORTED, 4, 1,
         "axis must be 0"},
        {"fp32 y = scatter(data = x, updates = x, indices = i, mode = \"update\");", "y",
         UNSUPPORTED, 4, 1, "mode must be add"},
        {"fp32 y = pad(x = x, pad = [0, 1], mode = \"wrap\");", "y", PARAMETER, 4, 1,
         "there is no mode 'wrap'"},
        {"fp32 y = pad(x = x, pad = [0, 3], mode = \"reflect\");", "y", PARAMETER, 4, 1,
         "axis 1 of extent 3 cannot be padded by 0 and 3"},
        {"fp32 y = pad(x = x, pad = [0, 1, 2]);", "y", TYPE, 4, 1, "pad has 3 numbers"},
        {"fp32 y = pad(x = x, pad = [0, 1, 2, 3, 4, 5]);", "y", TYPE, 4, 1, "pad has 6 numbers"},
        {"fp32 y = gelu(x = x, mode = \"NONE\");", "y", PARAMETER, 4, 1, "there is no mode 'NONE'"},
        {"fp32 y = gather(x = x, indices = i, batch_dims = 1);", "y", PARAMETER, 4, 1,
         "batch_dims must be in [0, axis]"},
        {"fp32 y = gather(x = x, indices = i, axis = 2);", "y", TYPE, 4, 1,
         "axis 2 is not one of 2 or is given twice"},
        {"fp32 y = squeeze(x = x, axes = [0]);", "y", TYPE, 4, 1, "axis 0 has extent 2, not 1"},
        {"fp32 y = expand_dims(x = x, axes = [0, 0]);", "y", TYPE, 4, 1, "is given twice"},
        {"fp32 y = expand_dims(x = x, axes = [0, 1, 2, 3, 4, 5, 6]);", "y", UNSUPPORTED, 4, 1,
         "rank 9 is above 8"},
        {"fp32 y = reshape(x = x, shape = [1, 1, 1, 1, 1, 1, 1, 1, 6]);", "y", UNSUPPORTED, 4, 1,
         "rank 9 is above 8"},
        {"fp32 y = slice_by_index(x = x, begin = [0], end = [1]);", "y", TYPE, 4, 1,
         "begin has 1 entries, x has rank 2"},
        {"fp32 y = slice_by_index(x = x, begin = [1, 0], end = [0, 1], stride = [-1, -1]);", "y",
         UNSUPPORTED, 4, 1, "nothing is left of axis 1"},
        {"fp32 y = slice_by_index(x = x, begin = [1, 1], end = [0, 0], stride = [1, 0]);", "y",
         PARAMETER, 4, 1, "a stride must not be 0"},
        {"fp32 y = slice_by_index(x = x, begin = [1, 1], end = [1, 2]);", "y", UNSUPPORTED, 4, 1,
         "nothing is left of axis 0"},
        {"fp32 y = slice_update(x = x, update = x, begin = [0, 0], end = [2, 6], stride = [1, 2]);",
         "y", UNSUPPORTED, 4, 1, "strides must be 1 where x is written"},
        {"fp32 y = slice_update(x = x, update = fp32(1), begin = [0, 0], end = [1, 1]);", "y", TYPE,
         4, 1, "the update does not have the rank of x"},
        {"fp32 y = slice_update(x = x, update = x, begin = i, end = [1, 1]);", "y", UNSUPPORTED, 4,
         1, "'begin' must be constant, or joined by concat"},
        {"fp32 y = slice_by_size(x = x, begin = [1, 0], size = [2, 1]);", "y", TYPE, 4, 1,
         "axis 0 ends past its extent 2"},
        {"fp32 y = split(x = x, axis = 1);", "y", PARAMETER, 4, 1, "needs split_sizes"},
        {"fp32 y = split(x = x, axis = 1, num_splits = 2);", "y", PARAMETER, 4, 1,
         "a num_splits that divides 3"},
        {"fp32 y = split(x = x, axis = 1, split_sizes = [1, 2]);", "y", TYPE, 4, 1,
         "gives 2 results, 1 are declared"},
        {"fp32 y = split(x = x, axis = 1, num_splits = 3);", "y", TYPE, 4, 1,
         "gives 3 results, 1 are declared"},
        {"fp32 y, fp32 z = exp(x = x);", "y", TYPE, 4, 1, "gives 1 result, 2 are declared"},
        {"tensor<fp32, [3, 2]> y = exp(x = x);", "y", TYPE, 4, 1,
         "exp: gives f32[2,3], but 'y' is declared as f32[3,2]"},
        {"fp16 y = reduce_sum(x = x);", "y", TYPE, 4, 1,
         "gives f32[], but 'y' is declared as f16[]"},
        {"tensor<fp32, [?, 3]> y = exp(x = x);", "y", UNSUPPORTED, 4, 1,
         "'y' is of a shape that is not known"},
        {"list<fp32> y = exp(x = x);", "y", UNSUPPORTED, 4, 1, "'y' is not a tensor"},
        {"fp32 y = matmul(x = x, y = x);", "y", TYPE, 4, 1, "matmul"},
        {"fp32 y = scaled_dot_product_attention(query = x, key = x, value = x);", "y", TYPE, 4, 1,
         "query has rank 2, not 3 or more"},
        {"tensor<fp32, [2, 1, 3]> q = expand_dims(x = x, axes = [1]);\n"
         "tensor<fp32, [1, 2, 3]> k = expand_dims(x = x, axes = [0]);\n"
         "fp32 y = scaled_dot_product_attention(query = q, key = k, value = k);",
         "y", TYPE, 6, 1, "the dims of query and key before their last two must be equal"},
        {"fp32 y = layer_norm(x = x, axes = [0], gamma = x);", "y", TYPE, 4, 1,
         "gamma does not have the shape of the normalised axes"},
        {"fp32 y = const();", "y", PARAMETER, 4, 1, "the attribute 'val' is missing"},
        {"fp32 y = const()[val = x];", "y", PARAMETER, 4, 1, "the value must be a literal"},
        {"fp32 y = const()[val = fp16(1)];", "y", TYPE, 4, 1,
         "the value's type is not the declared one"},
        {"tensor<int32, [2]> y = const()[val = tensor<int32, [2]>([1])];", "y", TYPE, 4, 57,
         "the list has 1 items, its type says 2"},
        {"tensor<int32, [2]> y = const()[val = [1, 2.5]];", "y", TYPE, 4, 42,
         "not a value of type int32"},
        {"string y = const()[val = \"s\"];", "y", UNSUPPORTED, 4, 1,
         "a constant is of an element type that the IR does not have"},
        {"", "", UNSUPPORTED, 3, 1, "the function 'main' returns nothing"},
        {"", "z", ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_NAME, 5, 7, "returns 'z'"},
        {"fp32 y = add(x = x, y = z);", "y", ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_NAME, 4, 25,
         "'z' is not defined"},
        {"fp32 y = const()[val = fp32(BLOBFILE(path = \"w.bin\", offset = 64))];", "y",
         ORION_ERROR_NOT_FOUND, ORION_MESSAGE_MIL_WEIGHTS, 4, 1, "there is no weight file 'w.bin'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_refused(&cases[i]);
}

static void test_parameters_the_ir_does_not_have(void **state) {
    (void)state;
    static const char *const types[][2] = {
        {"state<tensor<fp16, [?]>>", "of a shape that is not known"},
        {"tensor<fp16, [?]>", "of a shape that is not known"},
        {"tensor<int64, [2]>", "of an element type that the IR does not have"},
        {"tensor<fp16, [0]>", "of a shape past the IR's limits"},
        {"tensor<fp16, [2147483647, 2147483647]>", "of a shape past the IR's limits"},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        char text[256];
        snprintf(text, sizeof text,
                 "program(1.0) {\nfunc main(%s x) {\nfp16 y = exp(x = x);\n} -> "
                 "(y); }",
                 types[i][0]);
        orion_mil_program *p = parse_mil(text);
        orion_diag *diag;
        orion_ir_graph *graph;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_mil_raise(p, NULL, NULL, NULL, NULL, diag, &graph),
                         ORION_ERROR_UNSUPPORTED);
        assert_diag_at(diag, ORION_MESSAGE_MIL_OP, 2, 11, types[i][1]);
        assert_int_equal(orion_diag_count(diag), 1); /* what depends on it is not reported */
        orion_diag_destroy(&diag);
        orion_mil_program_destroy(&p);
    }
}

/* States are read and written by ops of their own. */
static void test_states_misused(void **state) {
    (void)state;
    static const struct {
        const char *statement, *part;
        orion_message message;
    } cases[] = {
        {"tensor<fp16, [2]> y = exp(x = s);", "'s' is a state; read_state gives its value",
         ORION_MESSAGE_MIL_PARAMETER},
        {"tensor<fp16, [2]> y = read_state(input = x);", "'input' must be a parameter that is a",
         ORION_MESSAGE_MIL_PARAMETER},
        {"tensor<fp16, [2]> y = read_state();", "'input' must be a parameter that is a state",
         ORION_MESSAGE_MIL_PARAMETER},
        {"tensor<fp16, [3]> y = coreml_update_state(state = s, value = x);",
         "the value does not have the state's type", ORION_MESSAGE_MIL_TYPE},
        {"write_state(input = s, data = x);\ntensor<fp16, [3]> y = exp(x = x);",
         "the value does not have the state's type", ORION_MESSAGE_MIL_TYPE},
        {"exp(x = x);\ntensor<fp16, [3]> y = exp(x = x);", "gives 1 result, 0 are declared",
         ORION_MESSAGE_MIL_TYPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        snprintf(text, sizeof text,
                 "program(1.3) {\nfunc main(state<tensor<fp16, [2]>> s, tensor<fp16, [3]> x) "
                 "{\n%s\n} -> (y); }",
                 cases[i].statement);
        orion_mil_program *p = parse_mil(text);
        orion_diag *diag;
        orion_ir_graph *graph;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_mil_raise(p, NULL, NULL, NULL, NULL, diag, &graph),
                         ORION_ERROR_VERIFY);
        assert_diag_at(diag, cases[i].message, 3, 1, cases[i].part);
        orion_diag_destroy(&diag);
        orion_mil_program_destroy(&p);
    }
}

static void test_all_refusals_of_one_run(void **state) {
    (void)state;
    orion_mil_program *p = parse_mil(BODY("fp32 a = gru(x = x);\n"
                                          "fp32 c = exp(x = a);\n"
                                          "fp32 d = add(x = c, y = x);\n"
                                          "fp32 e = rnn(x = x);\n"
                                          "fp32 f = reduce_sum(x = x);\n"
                                          "fp16 g = exp(x = f);\n",
                                          "d"));
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_raise(p, NULL, NULL, NULL, NULL, diag, &graph),
                     ORION_ERROR_UNSUPPORTED);
    assert_int_equal(orion_diag_count(diag), 3);
    assert_diag_at(diag, ORION_MESSAGE_MIL_OP, 4, 1, "gru");
    assert_diag_at(diag, ORION_MESSAGE_MIL_OP, 7, 1, "rnn");
    assert_diag_at(diag, ORION_MESSAGE_MIL_TYPE, 9, 1, "exp");
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&p);
}

/* ---- weight files ---- */

static orion_mil_weights *weights_with(orion_mil_dtype dtype, const void *data, size_t bytes,
                                       uint64_t elements, uint64_t *offset) {
    orion_mil_weights *weights;
    orion_mil_blob_writer *writer;
    orion_blob *blob;
    assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &writer), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_add(writer, dtype, data, bytes, elements, offset),
                     ORION_OK);
    assert_int_equal(orion_mil_blob_writer_finish(writer, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_add(weights, "w.bin", blob), ORION_OK);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&writer);
    return weights;
}

/* As other people's benchmarks write it: a size that fits one program only, no data offset; or
 * bytes behind the header and nothing else. */
static void test_lenient_weight_files(void **state) {
    (void)state;
    unsigned char file[256] = {1, 0, 0, 0, 2};
    memcpy(file + 64, "\xef\xbe\xad\xde\x01\0\0\0\0\0\x08", 11);
    memcpy(file + 128, "\x00\x3c\x00\xc0", 4);
    orion_mil_program *p =
        parse_mil("program(1.3)\n{\nfunc main<ios18>() {\n"
                  "tensor<fp16, [2]> y = const()[val = tensor<fp16, [2]>(BLOBFILE(path = "
                  "string(\"w.bin\"), offset = uint64(64)))];\n"
                  "tensor<int8, [3]> z = const()[val = tensor<int8, [3]>(BLOBFILE(path = "
                  "string(\"w.bin\"), offset = uint64(130)))];\n"
                  "tensor<int32, [1]> axes = const()[val = tensor<int32, [1]>(BLOBFILE(path = "
                  "string(\"w.bin\"), offset = uint64(192)))];\n"
                  "tensor<fp16, [1, 2]> w = expand_dims(x = y, axes = axes);\n"
                  "} -> (w, z);\n}\n");
    const orion_mil_raise_options lenient = {.size = sizeof lenient, .lenient = 1};
    orion_mil_weights *weights;
    orion_blob *blob;
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
    assert_int_equal(orion_blob_copy(file, sizeof file, NULL, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_add(weights, "w.bin", blob), ORION_OK);
    orion_blob_unref(&blob);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_raise(p, weights, NULL, NULL, NULL, diag, &graph),
                     ORION_ERROR_VERIFY);
    orion_diag_clear(diag);
    assert_int_equal(orion_mil_raise(p, weights, NULL, &lenient, NULL, diag, &graph), ORION_OK);
    static const char *const fields[] = {"offset", "sentinel", "data offset", "size", "sentinel"};
    assert_int_equal(orion_diag_count(diag), 5);
    for (size_t i = 0; i < 5; i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        assert_int_equal(e->severity, ORION_SEVERITY_WARNING);
        assert_int_equal(e->message, ORION_MESSAGE_MIL_BLOB_REPAIRED);
        assert_string_equal(e->subject, fields[i]);
    }
    const orion_ir_node *y = orion_ir_value_node(graph, orion_ir_graph_output(graph, 0));
    assert_memory_equal(
        orion_ir_node_data(orion_ir_value_node(graph, orion_ir_node_input(y, 0)), NULL),
        "\x00\x3c\x00\xc0", 4);
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    orion_mil_weights_destroy(&weights);
    orion_mil_program_destroy(&p);
}

static void test_weight_files(void **state) {
    (void)state;
    static const int16_t numbers[] = {-1, 0, 300};
    static const struct {
        const char *statement;
        orion_status status;
        orion_message message;
        const char *part;
    } cases[] = {
        {"tensor<int16, [3]> y = const()[val = tensor<int16, [3]>(BLOBFILE(path = \"w.bin\", "
         "offset = 64))];",
         ORION_OK, ORION_MESSAGE_NONE, NULL},
        {"tensor<int16, [2]> y = const()[val = tensor<int16, [2]>(BLOBFILE(path = \"w.bin\", "
         "offset = 64))];",
         ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_TYPE, "the weight file has 3 elements, the type 2"},
        {"tensor<fp16, [3]> y = const()[val = tensor<fp16, [3]>(BLOBFILE(path = \"w.bin\", offset "
         "= 64))];",
         ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_BLOB, "the file says int16, the program fp16"},
        {"tensor<int16, [3]> y = const()[val = tensor<int16, [3]>(BLOBFILE(path = \"w.bin\", "
         "offset = 128))];",
         ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_BLOB, "cannot read its data from 'w.bin' at 128"},
        {"tensor<int16, [3]> at = const()[val = tensor<int16, [3]>(BLOBFILE(path = \"w.bin\", "
         "offset = 64))];\ntensor<fp32, [3]> y = softmax(x = t, axis = at);",
         ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_PARAMETER,
         "the parameter 'axis' must be an integer"},
        {"tensor<int16, [3]> at = const()[val = tensor<int16, [3]>(BLOBFILE(path = \"w.bin\", "
         "offset = 64))];\ntensor<fp32, [3]> y = tile(x = t, reps = at);",
         ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_TYPE, "tile"},
        {"tensor<int16, [3]> at = const()[val = tensor<int16, [3]>(BLOBFILE(path = \"w.bin\", "
         "offset = 64))];\ntensor<fp32, [3]> y = gather(x = t, indices = at);",
         ORION_OK, ORION_MESSAGE_NONE, NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[1024];
        uint64_t offset;
        snprintf(text, sizeof text,
                 "program(1.0) {\nfunc main(tensor<fp32, [301]> t) {\n%s\n} -> "
                 "(y); }",
                 cases[i].statement);
        orion_mil_weights *w = weights_with(ORION_MIL_INT16, numbers, sizeof numbers, 3, &offset);
        orion_mil_program *p = parse_mil(text);
        orion_diag *diag;
        orion_ir_graph *graph;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        orion_status status = orion_mil_raise(p, w, NULL, NULL, NULL, diag, &graph);
        if (status != cases[i].status) show_diag(diag);
        assert_int_equal(status, cases[i].status);
        if (cases[i].part != NULL) assert_diag(diag, cases[i].message, cases[i].part);
        orion_ir_graph_destroy(&graph);
        orion_diag_destroy(&diag);
        orion_mil_program_destroy(&p);
        orion_mil_weights_destroy(&w);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parameters_left_out),
        cmocka_unit_test(test_epsilons),
        cmocka_unit_test(test_ops_in_other_words),
        cmocka_unit_test(test_shapes_in_other_words),
        cmocka_unit_test(test_layer_norm_over_other_axes),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hints_do_not_change_the_meaning),
        cmocka_unit_test(test_other_functions),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_parameters_the_ir_does_not_have),
        cmocka_unit_test(test_states_misused),
        cmocka_unit_test(test_all_refusals_of_one_run),
        cmocka_unit_test(test_lenient_weight_files),
        cmocka_unit_test(test_weight_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
