/* SPDX-License-Identifier: MIT */
/* MIL ops of layers, raised: which nodes they become, and what is refused. */
#include "mil-support.h"

#include <stdio.h>

typedef struct layer {
    const char *parameters, *statements;
    const char *nodes; /* the graph's, or what the only diagnostic says */
} layer;

#define X3 "tensor<fp32, [1, 4, 9]> x"
#define X4 "tensor<fp32, [1, 2, 5, 6]> x"

static const layer good[] = {
    /* conv */
    {X3 ", tensor<fp32, [6, 4, 3]> w", "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w);\n",
     "  %y = conv %x, %w {stride=[1], before=[0], after=[0], dilation=[1]} : f32[1,6,7]\n"},
    {X3 ", tensor<fp32, [6, 2, 3]> w, tensor<fp32, [6]> b",
     "tensor<fp32, [1, 6, 4]> y = conv(x = x, weight = w, bias = b, strides = [2], dilations = "
     "[2], pad_type = \"custom\", pad = [0, 3], groups = 2);\n",
     "  %y = conv %x, %w, %b {stride=[2], before=[0], after=[3], dilation=[2], groups=2} : "
     "f32[1,6,4]\n"},
    {X4 ", tensor<fp32, [3, 2, 3, 2]> w",
     "tensor<fp32, [1, 3, 5, 6]> y = conv(x = x, weight = w, pad_type = \"same\");\n",
     "  %y = conv %x, %w {stride=[1, 1], before=[1, 0], after=[1, 1], dilation=[1, 1]} : "
     "f32[1,3,5,6]\n"},
    {X4 ", tensor<fp32, [3, 2, 3, 2]> w",
     "tensor<fp32, [1, 3, 3, 6]> y = conv(x = x, weight = w, pad_type = \"same_lower\", strides = "
     "[2, 1]);\n",
     "  %y = conv %x, %w {stride=[2, 1], before=[1, 1], after=[1, 0], dilation=[1, 1]} : "
     "f32[1,3,3,6]\n"},
    {X3 ", tensor<fp32, [4, 3, 2]> w",
     "tensor<fp32, [1, 6, 17]> y = conv_transpose(x = x, weight = w, strides = [2], groups = 2, "
     "pad_type = \"custom\", pad = [1, 0], output_shape = [1, 6, 17]);\n",
     "  %y = conv_transpose %x, %w {stride=[2], before=[1], after=[0], dilation=[1], groups=2} : "
     "f32[1,6,17]\n"},
};

static const layer bad[] = {
    {X3 ", tensor<fp32, [6, 4, 3]> w",
     "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w, strides = [1, 1]);\n",
     "strides has 2 entries, x has 1 spatial axes"},
    {X3 ", tensor<fp32, [6, 4, 3]> w",
     "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w, dilations = [0]);\n",
     "dilations must be at least 1"},
    {X3 ", tensor<fp32, [6, 4, 3]> w",
     "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w, pad_type = \"custom\", pad = [1]);\n",
     "pad has 1 numbers, 2 are needed"},
    {X3 ", tensor<fp32, [6, 4, 3]> w",
     "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w, pad_type = \"reflect\");\n",
     "pad_type must not be 'reflect'"},
    {X3 ", tensor<fp32, [4, 3, 2]> w",
     "tensor<fp32, [1, 3, 9]> y = conv_transpose(x = x, weight = w, pad_type = \"same\");\n",
     "pad_type must not be 'same'"},
    {X3 ", tensor<fp32, [6, 5, 3]> w", "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w);\n",
     "the channels of one group of x"},
    {"tensor<fp32, [1, 2, 5, 6, 7]> x, tensor<fp32, [1, 2, 1, 1, 1]> w",
     "tensor<fp32, [1, 1, 5, 6, 7]> y = conv(x = x, weight = w);\n", "x has rank 5, not 3 or 4"},
    {X3 ", tensor<fp32, [6, 4, 3]> w",
     "tensor<fp32, [1, 6, 7]> y = conv(x = x, weight = w, output_shape = [1]);\n",
     "there is no parameter 'output_shape'"},
};

static orion_status raise_layer(const layer *l, orion_diag *diag, orion_ir_graph **out) {
    char text[2048];
    int n = snprintf(text, sizeof text, MIL_PROGRAM("%s", "%s", "y"), l->parameters, l->statements);
    assert_in_range(n, 1, sizeof text - 1);
    orion_mil_program *program = parse_mil(text);
    orion_status status = orion_mil_raise(program, NULL, NULL, NULL, NULL, diag, out);
    orion_mil_program_destroy(&program);
    return status;
}

static void test_what_layers_become(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        orion_diag *diag;
        orion_ir_graph *graph = NULL;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        if (raise_layer(&good[i], diag, &graph) != ORION_OK) {
            show_diag(diag);
            fail_msg("not raised: %s", good[i].statements);
        }
        char *text = print_graph(graph), *nodes = strstr(text, "{\n");
        assert_non_null(nodes);
        nodes += 2;
        assert_int_equal(strlen(nodes), strlen(good[i].nodes) + 2);
        if (strncmp(nodes, good[i].nodes, strlen(good[i].nodes)) != 0)
            assert_string_equal(nodes, good[i].nodes);
        free(text);
        orion_ir_graph_destroy(&graph);
        orion_diag_destroy(&diag);
    }
}

static void test_refusals(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        orion_diag *diag;
        orion_ir_graph *graph;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_not_equal(raise_layer(&bad[i], diag, &graph), ORION_OK);
        assert_null(graph);
        bool said = false;
        for (size_t k = 0; k < orion_diag_count(diag); k++)
            said |= strstr(orion_diag_get(diag, k)->text, bad[i].nodes) != NULL;
        if (!said) {
            show_diag(diag);
            fail_msg("'%s' is not said of %s", bad[i].nodes, bad[i].statements);
        }
        orion_diag_destroy(&diag);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_layers_become),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
