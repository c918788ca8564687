/* SPDX-License-Identifier: MIT */
/* Why ops that the IR has only in other words are refused: each check has a program that fails it,
 * and the message names what is wrong. That they compute what they should is in tests/ane. */
#include "mil-support.h"

typedef struct refusal {
    const char *statement; /* on line 4 */
    orion_status status;
    orion_message message;
    const char *part;
} refusal;

#define UNSUPPORTED ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_MIL_OP
#define PARAMETER   ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_PARAMETER
#define TYPE        ORION_ERROR_VERIFY, ORION_MESSAGE_MIL_TYPE

static void assert_refused(const refusal *c) {
    char text[2048];
    snprintf(text, sizeof text,
             "program(1.3)\n{\nfunc main<ios18>(tensor<fp32, [2, 3]> x, tensor<int32, [2]> i, "
             "tensor<fp32, [1, 4, 2, 2]> m, fp32 s, tensor<fp32, [70000, 70000]> big) {\n%s\n} -> "
             "(y);\n}\n",
             c->statement);
    orion_mil_program *program = parse_mil(text);
    orion_diag *diag;
    orion_ir_graph *graph = (orion_ir_graph *)&diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status status = orion_mil_raise(program, NULL, NULL, NULL, NULL, diag, &graph);
    if (status != c->status) {
        show_diag(diag);
        fail_msg("%s: %s", c->statement, orion_status_string(status));
    }
    assert_null(graph);
    assert_diag_at(diag, c->message, 4, 1, c->part);
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&program);
}

static void test_refusals(void **state) {
    (void)state;
    static const refusal cases[] = {
        /* formulas and reductions */
        {"fp32 y = elu(x = x, gamma = 1);", PARAMETER, "there is no parameter 'gamma'"},
        {"fp32 y = threshold(x = x);", PARAMETER, "the parameter 'alpha' is missing"},
        {"fp32 y = elu(x = x, alpha = s);", UNSUPPORTED,
         "the parameter 'alpha' must be a constant, 's' is computed"},
        {"fp32 y = atan(x = i);", TYPE, "must have one dtype"},
        {"fp32 y = reduce_l1_norm(x = x, axes = [2]);", TYPE, "axis 2 is not one of 2"},
        {"fp32 y = reduce_prod(x = x, axes = [0, 0]);", TYPE, "given twice"},
        {"fp32 y = cumsum(x = x, axis = 2);", TYPE, "axis 2 is not one of 2"},
        /* normalisations */
        {"fp32 y = batch_norm(x = m, mean = i, variance = i);", TYPE,
         "mean must have one number for each of the channels"},
        {"fp32 y = batch_norm(x = m, variance = i);", PARAMETER, "the argument 'mean' is missing"},
        {"fp32 y = instance_norm(x = x);", TYPE, "x has rank 2, not 3 or more"},
        {"fp32 y = local_response_norm(x = m, size = 2);", UNSUPPORTED, "size must be odd"},
        /* cuts */
        {"fp32 y = reverse(x = x, axes = [5]);", TYPE, "axis 5 is not one of 2"},
        {"fp32 y = crop(x = m, crop_height = [1, 1], crop_width = [0, 0]);", UNSUPPORTED,
         "nothing is left of axis 2"},
        {"fp32 y = crop(x = m, crop_height = [1], crop_width = [0, 0]);", TYPE, "two numbers each"},
        {"fp32 y = sliding_windows(x = x, size = 2);", PARAMETER, "'axis' is missing"},
        {"fp32 y = sliding_windows(x = x, axis = 1, size = 4);", PARAMETER, "size must be in"},
        {"fp32 y = sliding_windows(x = big, axis = 0, size = 30000);", UNSUPPORTED,
         "a constant of 1200030000 numbers"},
        /* gathers and scatters */
        {"fp32 y = gather_along_axis(x = x, indices = i, axis = 1);", TYPE,
         "indices must have the shape of the data"},
        {"fp32 y = gather_along_axis(x = big, indices = big, axis = 1);", UNSUPPORTED,
         "more elements than i32 counts"},
        {"fp32 y = gather_nd(x = x, indices = i, batch_dims = 2);", PARAMETER,
         "batch_dims must be in [0, 2)"},
        {"fp32 y = gather_nd(x = x, indices = tensor<int32, [1, 3]>([0, 0, 0]));", TYPE,
         "indices must end in at most as many coordinates"},
        {"fp32 y = gather(x = m, indices = tensor<int32, [3, 1]>([0, 0, 0]), axis = 1, batch_dims "
         "= 1);",
         TYPE, "the batch dims of x and indices differ"},
        {"fp32 y = scatter_nd(data = x, indices = i, updates = x, mode = \"update\");", UNSUPPORTED,
         "mode must be add, not 'update'"},
        {"fp32 y = scatter_along_axis(data = x, indices = i, updates = x);", TYPE,
         "indices must have the shape of the data"},
        {"fp32 y = topk(x = big, k = 65);", UNSUPPORTED, "at most 64 elements can be taken"},
        {"fp32 y = topk(x = x, k = 4);", UNSUPPORTED, "not 4 of 3"},
        {"fp32 y = argsort(x = big);", UNSUPPORTED, "not 70000 of 70000"},
        /* blocks and images */
        {"fp32 y = depth_to_space(x = x, block_size = 2);", TYPE, "x must be [N, C, H, W]"},
        {"fp32 y = pixel_shuffle(x = m, upscale_factor = 3);", TYPE,
         "upscale_factor must divide C twice"},
        {"fp32 y = space_to_depth(x = m, block_size = 3);", TYPE, "block_size must divide H and W"},
        {"fp32 y = flatten2d(x = x, axis = 3);", PARAMETER, "axis must be in [-2, 2]"},
        {"fp32 y = resize_bilinear(x = m, target_size_height = 0);", PARAMETER,
         "the new extent must be in [1, 32767]"},
        {"fp32 y = resize_bilinear(x = m, sampling_mode = \"ELSE\");", PARAMETER,
         "there is no sampling_mode 'ELSE'"},
        {"fp32 y = upsample_bilinear(x = m, scale_factor_height = 0.1);", PARAMETER,
         "the new extent must be in [1, 32767]"},
        {"fp32 y = upsample_nearest_neighbor(x = s);", TYPE, "x must have two axes"},
        {"fp32 y = resize(x = m, shape = [1, 4, 4], resized_dims = 3);", UNSUPPORTED,
         "one or two axes can be resized"},
        {"fp32 y = space_to_batch(x = x, block_shape = [2, 2], paddings = [0, 0, 0, 0]);", TYPE,
         "x must be [N, C, H, W]"},
        {"fp32 y = space_to_batch(x = m, block_shape = [3, 2], paddings = [0, 0, 0, 0]);", TYPE,
         "block_shape must divide H and W"},
        {"fp32 y = batch_to_space(x = m, block_shape = [2, 2], crops = [0, 0, 0, 0]);", TYPE,
         "block_shape must divide N"},
        {"fp32 y = reshape_like(x = x, ref_tensors = (x), begins = [0], ends = [3], end_masks = "
         "[false]);",
         PARAMETER, "must name axes of each of ref_tensors"},
        /* tensors out of parameters */
        {"fp32 y = fill(shape = i);", UNSUPPORTED,
         "the parameter 'shape' must be a constant, 'i' is computed"},
        {"fp32 y = fill(shape = [1, 1, 1, 1, 1, 1, 1, 1, 1]);", UNSUPPORTED, "rank 9 is above 8"},
        {"list<fp32> y = fill(shape = [1]);", UNSUPPORTED, "'y' is not a tensor"},
        {"fp32 y = shape(x = s);", UNSUPPORTED, "the shape of a scalar is empty"},
        {"fp32 y = range_1d(start = 1, end = 0, step = 1);", PARAMETER, "empty or endless"},
        {"fp32 y = range_1d(start = 1, end = 0, step = 0);", PARAMETER, "empty or endless"},
        {"fp32 y = one_hot(indices = i, one_hot_vector_size = 0);", UNSUPPORTED,
         "one_hot_vector_size must be at least 1"},
        {"fp32 y = band_part(x = i);", TYPE, "x must be a matrix"},
        {"fp32 y = band_part(x = big);", UNSUPPORTED, "a constant of 4900000000 numbers"},
        /* products */
        {"fp32 y = einsum(values = (x, x), equation = \"ab,bc\");", UNSUPPORTED,
         "'ab,bc' is not of the form ab,bc->ac"},
        {"fp32 y = einsum(values = (x, x), equation = \"aa,ab->b\");", UNSUPPORTED, "is not of"},
        {"fp32 y = einsum(values = (x, x), equation = \"ab,bc->ad\");", UNSUPPORTED, "is not of"},
        {"fp32 y = einsum(values = (x), equation = \"ab->ba\");", UNSUPPORTED, "is not of"},
        {"fp32 y = einsum(values = (x, x), equation = \"ab,bc->ac\");", TYPE,
         "operand 1 does not have the axes"},
        {"fp32 y = einsum(values = (x, i), equation = \"ab,bc->ac\");", TYPE,
         "operand 1 does not have the axes"},
        {"fp32 y = matmul(x = i, y = i);", TYPE, "operand 0"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) assert_refused(&cases[i]);
}

/* ---- parameters that are computed ---- */

/* A chain of `length` additions of 0 to the shape that a reshape takes. */
static void check_chain(int length, bool raised) {
    orion_buffer *buffer;
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    char line[256];
    const char head[] = "program(1.3) {\nfunc main(tensor<fp32, [2, 3]> x) {\n"
                        "tensor<int32, [2]> c0 = shape(x = x);\n";
    assert_int_equal(writer.write(writer.ctx, head, sizeof head - 1), ORION_OK);
    for (int i = 0; i < length; i++) {
        int n = snprintf(line, sizeof line, "tensor<int32, [2]> c%d = add(x = c%d, y = 0);\n",
                         i + 1, i);
        assert_int_equal(writer.write(writer.ctx, line, (size_t)n), ORION_OK);
    }
    int n = snprintf(line, sizeof line,
                     "tensor<fp32, [2, 3]> y = reshape(x = x, shape = c%d);\n} -> (y); }", length);
    assert_int_equal(writer.write(writer.ctx, line, (size_t)n), ORION_OK);
    orion_mil_program *p = parse_mil(orion_buffer_data(buffer));
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status status = orion_mil_raise(p, NULL, NULL, NULL, NULL, diag, &graph);
    assert_int_equal(status, raised ? ORION_OK : ORION_ERROR_UNSUPPORTED);
    if (!raised) assert_diag(diag, ORION_MESSAGE_MIL_OP, "must be a constant");
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    orion_mil_program_destroy(&p);
    orion_buffer_destroy(&buffer);
}

static void test_depth_of_folding(void **state) {
    (void)state;
    check_chain(1, true);
    check_chain(90, true);
    check_chain(100000, false);
}

/* What is asked for twice is evaluated once and gives the same; names and order of the graph do not
 * depend on it. */
static void test_folding_leaves_no_trace(void **state) {
    (void)state;
    orion_ir_graph *graph;
    orion_mil_program *p = parse_mil(
        MIL_PROGRAM("tensor<fp32, [2, 3]> x",
                    "tensor<int32, [2]> two = const()[val = tensor<int32, [2]>([1, 2])];\n"
                    "tensor<int32, [2]> four = mul(x = two, y = two);\n"
                    "tensor<fp32, [2, 12]> a = tile(x = x, reps = four);\n"
                    "tensor<fp32, [2, 12]> b = tile(x = x, reps = four);\n",
                    "a, b"));
    assert_int_equal(orion_mil_raise(p, NULL, NULL, NULL, NULL, NULL, &graph), ORION_OK);
    char *text = print_graph(graph);
    assert_string_equal(text, "oir 1\n"
                              "graph @main(%x: f32[2,3]) -> (%a, %b) {\n"
                              "  %two = const [1, 2] : i32[2]\n"
                              "  %four = mul %two, %two : i32[2]\n"
                              "  %a = tile %x {reps=[1, 4]} : f32[2,12]\n"
                              "  %b = tile %x {reps=[1, 4]} : f32[2,12]\n"
                              "}\n");
    free(text);
    orion_ir_graph_destroy(&graph);
    orion_mil_program_destroy(&p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_depth_of_folding),
        cmocka_unit_test(test_folding_leaves_no_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
