/* SPDX-License-Identifier: MIT */
/* Constants turned into inputs, and gradients with respect to them. */
#include "grad-support.h"
#include "graphs.h"
#include "random-graph.h"

enum { GRAPHS = 500, NODES = 32 };

/* Inputs for a graph made from `original` by parameters: those that were there get `first`, the
 * others the data of the constants that they were. */
static op_buffers inputs_with_constants(const orion_ir_graph *original, const orion_ir_graph *g,
                                        const op_buffers *first) {
    op_buffers in = op_inputs_of(g);
    for (size_t i = 0; i < in.count; i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        if (i < first->count) {
            assert_int_equal(v.id, orion_ir_graph_input(original, i).id);
            memcpy(in.data[i], first->data[i], in.elements[i] * sizeof(double));
            continue;
        }
        const orion_ir_node *constant = orion_ir_value_node(original, v);
        assert_int_equal(orion_ir_node_op(constant), ORION_IR_OP_const);
        orion_ir_dtype dtype = (orion_ir_dtype)orion_ir_value_type(g, v).dtype;
        for (size_t k = 0; k < in.elements[i]; k++) {
            in.data[i][k] = ir_load(dtype, orion_ir_node_data(constant, NULL), k);
        }
    }
    return in;
}

/* No float constant is left, and with the data they had nothing has changed. */
static void test_pass_on_random_graphs(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        orion_ir_graph *g = NULL;
        assert_int_equal(orion_ir_graph_clone(r.graph, NULL, &g), ORION_OK);
        assert_int_equal(orion_ir_run_passes(g, "parameters(elements=1)", NULL, NULL, NULL),
                         ORION_OK);
        assert_graph_valid(g);
        assert_round_trip(g);
        ir_foreach_node (g, n) {
            bool is_float = ir_is_float(ir_val(g, n->out)->type.dtype);
            assert_false(n->op == ORION_IR_OP_const && is_float);
        }
        op_buffers first = random_graph_inputs(&r, seed);
        op_buffers in = inputs_with_constants(r.graph, g, &first);
        op_buffers want = op_eval(r.graph, ORION_IR_EVAL_ROUNDED, &first);
        op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
        assert_same_outputs(&want, &got, same_number, "parameters", seed);
        op_buffers_free(&want);
        op_buffers_free(&got);
        op_buffers_free(&first);
        op_buffers_free(&in);
        orion_ir_graph_destroy(&g);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* A small network whose weights are constants, one of them read twice. */
static const char network[] =
    "oir 1\n"
    "graph @network(%tokens: i32[3], %targets: i32[3]) -> (%loss) {\n"
    "  %table = const [0.3, -0.2, 0.5, 0.1, 0.7, -0.4, -0.6, 0.2] : f32[4,2]\n"
    "  %gamma = const [0.9, 1.1] : f32[2]\n"
    "  %up = const [0.2, -0.5, 0.4, 0.3, -0.1, 0.6] : f32[3,2]\n"
    "  %0 = const [0.1, -0.2, 0.3] : f32[3]\n"
    "  %x = embedding %tokens, %table : f32[3,2]\n"
    "  %n = rms_norm %x, %gamma {epsilon=1e-05} : f32[3,2]\n"
    "  %h = linear %n, %up : f32[3,3]\n"
    "  %b = add %h, %0 : f32[3,3]\n"
    "  %a = silu %b : f32[3,3]\n"
    "  %y = matmul %a, %up : f32[3,2]\n"
    "  %logits = linear %y, %table : f32[3,4]\n"
    "  %loss = cross_entropy %logits, %targets : f32[]\n"
    "}\n";

static void check_network(const orion_ir_graph *original, const orion_ir_graph *g) {
    op_buffers first = op_inputs_of(original);
    for (size_t k = 0; k < 3; k++) {
        first.data[0][k] = (double)(k + 1);
        first.data[1][k] = (double)k;
    }
    op_buffers in = inputs_with_constants(original, g, &first);
    orion_ir_graph *grad = grad_graph(g, NULL);
    size_t floats = orion_ir_graph_input_count(g) - orion_ir_graph_input_count(original);
    assert_int_equal(orion_ir_graph_output_count(grad), 1 + floats);
    check_gradients(g, NULL, &in);
    op_buffers_free(&first);
    op_buffers_free(&in);
    orion_ir_graph_destroy(&grad);
}

/* The gradient of every weight is what finite differences of the weight give. */
static void test_gradients_of_constants(void **state) {
    (void)state;
    static const char *const names[] = {"up", "table"};
    orion_ir_graph *g = graph_parse(network), *all = NULL, *some = NULL;
    assert_int_equal(orion_ir_graph_clone(g, NULL, &all), ORION_OK);
    assert_int_equal(orion_ir_run_passes(all, "parameters(elements=2)", NULL, NULL, NULL),
                     ORION_OK);
    assert_int_equal(orion_ir_graph_input_count(all), 6);
    assert_string_equal(orion_ir_value_name(all, orion_ir_graph_input(all, 5)), "param0");
    check_network(g, all);
    assert_int_equal(orion_ir_parameterize(g, names, 2, NULL, NULL, &some), ORION_OK);
    assert_int_equal(orion_ir_graph_input_count(some), 4);
    for (size_t i = 0; i < 2; i++) {
        assert_string_equal(orion_ir_value_name(some, orion_ir_graph_input(some, 2 + i)), names[i]);
    }
    assert_graph_valid(some);
    check_network(g, some);
    orion_ir_graph_destroy(&some);
    orion_ir_graph_destroy(&all);
    orion_ir_graph_destroy(&g);
}

static void test_no_such_constant(void **state) {
    (void)state;
    static const char *const wrong[][2] = {
        {"nothing", "up"}, {"tokens", "up"}, {"h", "up"}, {"up", "up"}};
    orion_ir_graph *g = graph_parse(network), *out = g;
    for (size_t i = 0; i < ORN_COUNT(wrong); i++) {
        orion_diag *diag = NULL;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_parameterize(g, wrong[i], 2, NULL, diag, &out),
                         ORION_ERROR_NOT_FOUND);
        assert_null(out);
        assert_diag(diag, ORION_MESSAGE_IR_PARAMETER, wrong[i][0]);
        orion_diag_destroy(&diag);
    }
    assert_int_equal(orion_ir_parameterize(g, wrong[0], 0, NULL, NULL, &out), ORION_OK);
    assert_int_equal(orion_ir_graph_input_count(out), 2);
    orion_ir_graph_destroy(&out);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pass_on_random_graphs),
        cmocka_unit_test(test_gradients_of_constants),
        cmocka_unit_test(test_no_such_constant),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
