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
#define LSTM_PARAMETERS                                                                            \
    "tensor<fp32, [3, 2, 5]> x, tensor<fp32, [2, 4]> h, tensor<fp32, [2, 4]> c, tensor<fp32, "     \
    "[16, "                                                                                        \
    "5]> w, tensor<fp32, [16, 4]> u"
#define LSTM_RESULTS                                                                               \
    "tensor<fp32, [1, 2, 4]> y, tensor<fp32, [2, 4]> h_1, tensor<fp32, [2, 4]> c_1 = "

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
    /* pooling */
    {X3, "tensor<fp32, [1, 4, 4]> y = max_pool(x = x, kernel_sizes = [3], strides = [2]);\n",
     "  %y = max_pool %x {window=[3], stride=[2], before=[0], after=[0]} : f32[1,4,4]\n"},
    {X3,
     "tensor<fp32, [1, 4, 5]> y = max_pool(x = x, kernel_sizes = [2], strides = [2], ceil_mode = "
     "true);\n",
     "  %y = max_pool %x {window=[2], stride=[2], before=[0], after=[1]} : f32[1,4,5]\n"},
    {X3, /* a window that began behind x does not count */
     "tensor<fp32, [1, 4, 5]> y = max_pool(x = x, kernel_sizes = [2], strides = [2], pad_type = "
     "\"custom\", pad = [0, 1], ceil_mode = true);\n",
     "  %y = max_pool %x {window=[2], stride=[2], before=[0], after=[1]} : f32[1,4,5]\n"},
    {X4,
     "tensor<fp32, [1, 2, 5, 6]> y = avg_pool(x = x, kernel_sizes = [3, 2], pad_type = \"same\", "
     "exclude_padding_from_average = true);\n",
     "  %y = avg_pool %x {window=[3, 2], stride=[1, 1], before=[1, 0], after=[1, 1], "
     "exclude_padding=true} : f32[1,2,5,6]\n"},
    {X3, "tensor<fp32, [1, 4, 8]> y = l2_pool(x = x, kernel_sizes = [2]);\n",
     "  %0 = mul %x, %x : f32[1,4,9]\n"
     "  %1 = avg_pool %0 {window=[2], stride=[1], before=[0], after=[0]} : f32[1,4,8]\n"
     "  %2 = const 2 : f32[]\n"
     "  %3 = mul %1, %2 : f32[1,4,8]\n"
     "  %y = sqrt %3 : f32[1,4,8]\n"},
    /* lstm */
    {LSTM_PARAMETERS,
     "tensor<fp32, [3, 2, 4]> y, tensor<fp32, [2, 4]> h_1, tensor<fp32, [2, 4]> c_1 = lstm(x = x, "
     "initial_h = h, initial_c = c, weight_ih = w, weight_hh = u, output_sequence = true, "
     "direction = \"reverse\", activation = \"tanh\");\n",
     "  %y, %h_1, %c_1 = lstm %x, %h, %c, %w, %u {reverse=true} : f32[3,2,4], f32[2,4], "
     "f32[2,4]\n"},
    {LSTM_PARAMETERS,
     "tensor<fp32, [1, 2, 4]> y, tensor<fp32, [2, 4]> h_1, tensor<fp32, [2, 4]> c_1 = lstm(x = x, "
     "initial_h = h, initial_c = c, weight_ih = w, weight_hh = u);\n",
     "  %0, %h_1, %c_1 = lstm %x, %h, %c, %w, %u : f32[3,2,4], f32[2,4], f32[2,4]\n"
     "  %y = reshape %h_1 {shape=[1, 2, 4]} : f32[1,2,4]\n"},
    /* quantisation */
    {X3 ", tensor<fp32, [4]> s, tensor<uint8, [4]> z",
     "tensor<uint8, [1, 4, 9]> y = quantize(input = x, scale = s, zero_point = z, axis = -2, "
     "output_dtype = \"uint8\");\n",
     "  %0 = reshape %s {shape=[1, 4, 1]} : f32[1,4,1]\n"
     "  %1 = reshape %z {shape=[1, 4, 1]} : u8[1,4,1]\n"
     "  %y = quantize %x, %0, %1 {dtype=u8} : u8[1,4,9]\n"},
    {"tensor<int8, [2, 3]> x, fp16 s",
     "tensor<fp16, [2, 3]> y = dequantize(input = x, scale = s);\n",
     "  %y = dequantize %x, %s : f16[2,3]\n"},
    {X3,
     "tensor<fp32, [2, 2]> y = constexpr_affine_dequantize()[axis = int32(0), name = "
     "string(\"y\"), quantized_data = tensor<uint8, [2, 2]>([[1, 2], [3, 4]]), scale = "
     "tensor<fp32, [2]>([0.5, 2]), zero_point = uint8(3)];\n",
     "  %0 = const [1, 2, 3, 4] : u8[2,2]\n"
     "  %1 = const [0.5, 2] : f32[2]\n"
     "  %2 = const 3 : u8[]\n"
     "  %3 = reshape %1 {shape=[2, 1]} : f32[2,1]\n"
     "  %y = dequantize %0, %3, %2 : f32[2,2]\n"},
    {X3,
     "tensor<fp32, [2, 4]> y = constexpr_blockwise_shift_scale(data = tensor<int4, [2, "
     "4]>([[1, -2, 3, -4], [5, 6, 7, -8]]), scale = tensor<fp32, [1, 2]>([[0.5, 2]]));\n",
     "  %0 = const [1, -2, 3, -4, 5, 6, 7, -8] : i8[2,4]\n"
     "  %1 = const [0.5, 2] : f32[1,2]\n"
     "  %y = dequantize %0, %1 : f32[2,4]\n"},
    {X3, /* 10 01 11 00 and 01 */
     "tensor<fp32, [5]> y = constexpr_lut_to_dense()[indices = tensor<uint8, [2]>([156, 1]), lut = "
     "tensor<fp32, [4]>([1, 2, 4, 8]), shape = tensor<uint32, [1]>([5])];\n",
     "  %0 = const [1, 2, 4, 8] : f32[4]\n"
     "  %1 = const [0, 3, 1, 2, 1] : i32[5]\n"
     "  %y = gather %0, %1 : f32[5]\n"},
    {X3,
     "tensor<fp16, [2, 2]> y = constexpr_lut_to_dense(indices = tensor<uint1, [2, 2]>([[0, 1], "
     "[1, 0]]), lut = tensor<fp16, [2, 1, 2, 1]>([[[[1], [2]]], [[[3], [4]]]]));\n",
     "  %0 = const [1, 2, 3, 4] : f16[2,1,2,1]\n"
     "  %1 = const [0, 1, 1, 0] : u8[2,2]\n"
     "  %2 = const 1 : f32[]\n"
     "  %3 = const [0, -2] : f32[2,1]\n"
     "  %4 = dequantize %1, %2, %3 : f32[2,2]\n"
     "  %5 = cast %4 {dtype=i32} : i32[2,2]\n"
     "  %6 = reshape %0 {shape=[4]} : f16[4]\n"
     "  %y = gather %6, %5 : f16[2,2]\n"},
    {X3,
     "tensor<fp32, [2]> y = constexpr_cast()[source_val = tensor<fp16, [2]>([1, 2]), output_dtype "
     "= string(\"fp32\")];\n",
     "  %0 = const [1, 2] : f16[2]\n"
     "  %y = cast %0 {dtype=f32} : f32[2]\n"},
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
    {X3, "tensor<fp32, [1, 4, 9]> y = max_pool(x = x);\n", "'kernel_sizes' is missing"},
    {X3,
     "tensor<fp32, [1, 4, 9]> y = max_pool(x = x, kernel_sizes = [1], "
     "exclude_padding_from_average = true);\n",
     "there is no parameter 'exclude_padding_from_average'"},
    {X3,
     "tensor<fp32, [1, 4, 5]> y = avg_pool(x = x, kernel_sizes = [2], strides = [2], ceil_mode = "
     "true);\n",
     "ceil_mode needs exclude_padding_from_average"},
    {LSTM_PARAMETERS,
     LSTM_RESULTS "lstm(x = x, initial_h = h, initial_c = c, weight_ih = w, weight_hh = u, "
                  "direction = \"bidirectional\");\n",
     "direction must be forward or reverse, not 'bidirectional'"},
    {LSTM_PARAMETERS,
     LSTM_RESULTS "lstm(x = x, initial_h = h, initial_c = c, weight_ih = w, weight_hh = u, "
                  "cell_activation = \"relu\");\n",
     "cell_activation must be tanh, not 'relu'"},
    {LSTM_PARAMETERS,
     LSTM_RESULTS "lstm(x = x, initial_h = h, initial_c = c, weight_ih = w, weight_hh = u, "
                  "clip = 1);\n",
     "there is no parameter 'clip'"},
    {LSTM_PARAMETERS,
     "tensor<fp32, [1, 2, 4]> y = lstm(x = x, initial_h = h, initial_c = c, weight_ih = w, "
     "weight_hh = u);\n",
     "gives 3 results, 1 are declared"},
    {X3 ", fp32 s",
     "tensor<int32, [1, 4, 9]> y = quantize(input = x, scale = s, output_dtype = "
     "\"int32\");\n",
     "output_dtype must be int8 or uint8"},
    {"tensor<int8, [2, 3]> x, tensor<fp16, [2]> s",
     "tensor<fp16, [2, 3]> y = dequantize(input = x, scale = s, axis = 1);\n",
     "a vector of 2 stands along axis 1 of extent 3"},
    {"tensor<int8, [2, 3]> x, tensor<fp16, [2, 1]> s",
     "tensor<fp16, [2, 3]> y = dequantize(input = x, scale = s, axis = 1);\n",
     "scale and zero_point must be numbers or vectors"},
    {X3,
     "tensor<fp32, [5]> y = constexpr_lut_to_dense()[indices = tensor<uint8, [2]>([0, 0]), lut = "
     "tensor<fp32, [3]>([1, 2, 4]), shape = tensor<uint32, [1]>([5])];\n",
     "lut must be a vector of 1, 2, 4 ... 256 numbers"},
    {X3,
     "tensor<fp32, [9]> y = constexpr_lut_to_dense()[indices = tensor<uint8, [2]>([0, 0]), lut = "
     "tensor<fp32, [4]>([1, 2, 4, 8]), shape = tensor<uint32, [1]>([9])];\n",
     "indices has 2 bytes, which is not what the shape needs"},
    {X3,
     "tensor<fp32, [2]> y = constexpr_lut_to_dense(indices = tensor<uint1, [2]>([0, 1]), lut = "
     "tensor<fp32, [1, 2]>([[1, 2]]));\n",
     "two more axes, the last of extent 1"},
    {X3,
     "tensor<fp64, [1]> y = constexpr_cast()[source_val = tensor<fp16, [1]>([1]), output_dtype = "
     "string(\"fp64\")];\n",
     "the IR has no element type 'fp64'"},
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
        char *text = print_graph(graph), *nodes = strstr(text, " {\n"), wanted[1024];
        assert_non_null(nodes);
        snprintf(wanted, sizeof wanted, " {\n%s}\n", good[i].nodes);
        assert_string_equal(nodes, wanted);
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
