/* SPDX-License-Identifier: MIT */
/* Weights as constants, as inputs and packed: the same results, bit for bit. */
#include "models.h"

typedef struct placed {
    orion_ir_graph *before, *graph;
} placed;

static placed place(const orion_ir_graph *graph, orion_mil_placement placement,
                    const orion_mil_place_options *options) {
    placed p;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_place(graph, placement, options, NULL, diag, &p.before, &p.graph), diag);
    assert_ok(orion_ir_verify(p.before, diag), diag);
    assert_ok(orion_ir_verify(p.graph, diag), diag);
    orion_diag_destroy(&diag);
    return p;
}

static void drop(placed *p) {
    orion_ir_graph_destroy(&p->before);
    orion_ir_graph_destroy(&p->graph);
}

static double **evaluated(const orion_ir_graph *g, double **in) {
    double **out = output_numbers(g);
    assert_ok(orion_ir_eval(g, ORION_IR_EVAL_ROUNDED, (const double *const *)in, out, NULL), NULL);
    return out;
}

/* graph(x) is p->graph(p->before(x)), and the names between them agree. */
static void assert_places(const orion_ir_graph *graph, const placed *p) {
    double **in = input_numbers(graph, 3), **wanted = evaluated(graph, in);
    double **between = evaluated(p->before, in), **out = evaluated(p->graph, between);
    size_t inputs = orion_ir_graph_input_count(p->graph);
    assert_int_equal(inputs, orion_ir_graph_output_count(p->before));
    for (size_t i = 0; i < inputs; i++) {
        const char *name = orion_ir_value_name(p->graph, orion_ir_graph_input(p->graph, i));
        assert_string_equal(name, orion_ir_graph_output_name(p->before, i));
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(graph); i++) {
        orion_ir_type type = orion_ir_value_type(graph, orion_ir_graph_output(graph, i));
        assert_doubles_near(out[i], wanted[i], (size_t)orion_ir_type_elements(&type), 0, 0);
    }
    free_numbers(out, orion_ir_graph_output_count(graph));
    free_numbers(wanted, orion_ir_graph_output_count(graph));
    free_numbers(between, inputs);
    free_numbers(in, orion_ir_graph_input_count(graph));
}

static size_t large_constants(const orion_ir_graph *g) {
    size_t count = 0;
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n)) {
        orion_ir_type type = orion_ir_value_type(g, orion_ir_node_result(n, 0));
        count += orion_ir_node_op(n) == ORION_IR_OP_const && orion_ir_type_elements(&type) > 64;
    }
    return count;
}

static void test_three_placements(void **state) {
    (void)state;
    const model_shape *const shapes[] = {&model_gpt2, &model_stories110m, &model_qwen3};
    for (size_t s = 0; s < 3; s++) {
        model_shape small = model_small(shapes[s], 2);
        small.constants = true;
        orion_ir_graph *graph = model_graph(&small, MODEL_LOGITS);
        assert_true(large_constants(graph) > 8);
        placed inputs = place(graph, ORION_MIL_PLACE_INPUT, NULL);
        assert_int_equal(large_constants(inputs.graph), 0);
        assert_places(graph, &inputs);
        placed packed = place(inputs.graph, ORION_MIL_PLACE_PACKED, NULL);
        assert_true(orion_ir_graph_input_count(packed.graph) <= 6);
        assert_places(inputs.graph, &packed);
        placed directly = place(graph, ORION_MIL_PLACE_PACKED, NULL);
        assert_int_equal(large_constants(directly.graph), 0);
        assert_places(graph, &directly);
        orion_mil_place_options options = {.size = sizeof options, .values = inputs.before};
        placed constants = place(inputs.graph, ORION_MIL_PLACE_CONST, &options);
        assert_int_equal(large_constants(constants.graph), large_constants(graph));
        assert_int_equal(orion_ir_graph_input_count(constants.graph),
                         orion_ir_graph_input_count(graph));
        assert_graphs_agree(graph, constants.graph, 0);
        drop(&inputs);
        drop(&packed);
        drop(&directly);
        drop(&constants);
        orion_ir_graph_destroy(&graph);
    }
}

/* The gradient of a layer, packed in pieces of few rows. */
static void test_rows(void **state) {
    (void)state;
    model_shape small = model_small(&model_stories110m, 1);
    orion_ir_graph *graph = model_graph(&small, MODEL_LAYER_GRADIENT);
    orion_mil_place_options options = {.size = sizeof options, .most_rows = 48};
    placed p = place(graph, ORION_MIL_PLACE_PACKED, &options);
    assert_places(graph, &p);
    for (size_t i = 0; i < orion_ir_graph_input_count(p.graph); i++) {
        orion_ir_type type = orion_ir_value_type(p.graph, orion_ir_graph_input(p.graph, i));
        assert_true(type.rank != 2 || type.dims[0] <= 48);
    }
    drop(&p);
    orion_ir_graph_destroy(&graph);
}

/* Unnamed constants get names that nothing has. */
static void test_names(void **state) {
    (void)state;
    static const char text[] = "oir 1\ngraph @main(%weight_0: f32[2], %x: f32[2,8]) -> (%y, %c) {\n"
                               "  %0 = const 2 : f32[8,9]\n  %y = matmul %x, %0 : f32[2,9]\n"
                               "  %c = const 3 : f32[70]\n}\n";
    orion_ir_graph *graph = parse_graph(text);
    placed p = place(graph, ORION_MIL_PLACE_INPUT, NULL);
    assert_int_equal(orion_ir_graph_input_count(p.graph), 4);
    assert_string_equal(orion_ir_graph_output_name(p.before, 2), "weight_1");
    assert_string_equal(orion_ir_graph_output_name(p.before, 3), "c");
    assert_places(graph, &p);
    drop(&p);
    orion_ir_graph_destroy(&graph);
}

static void assert_refused(const orion_ir_graph *graph, orion_mil_placement placement,
                           const orion_mil_place_options *options, const char *part) {
    placed p = {(orion_ir_graph *)&p, (orion_ir_graph *)&p};
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_place(graph, placement, options, NULL, diag, &p.before, &p.graph),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_null(p.before);
    assert_null(p.graph);
    assert_diag(diag, ORION_MESSAGE_MIL_PLACEMENT, part);
    orion_diag_destroy(&diag);
}

static void test_refused(void **state) {
    (void)state;
    orion_ir_graph *graph = parse_graph("oir 1\ngraph @main(%w: f32[2]) -> (%y) {\n"
                                        "  %y = exp %w : f32[2]\n}\n");
    orion_ir_graph *other = parse_graph("oir 1\ngraph @main() -> (%w) {\n"
                                        "  %w = const 1 : f32[3]\n}\n");
    orion_mil_place_options options = {.size = sizeof options, .values = other};
    assert_refused(graph, (orion_mil_placement)9, NULL, "no placement 9");
    assert_refused(graph, ORION_MIL_PLACE_CONST, &options, "'w' is of another type");
    orion_ir_graph_destroy(&other);
    other = parse_graph("oir 1\ngraph @main(%x: f32[2]) -> (%w) {\n  %w = exp %x : f32[2]\n}\n");
    options.values = other;
    assert_refused(graph, ORION_MIL_PLACE_CONST, &options, "'w' is computed");
    struct {
        orion_mil_place_options known;
        uint64_t tail;
    } newer = {.known.size = sizeof newer, .tail = 1};
    orion_ir_graph *a, *b;
    assert_int_equal(
        orion_mil_place(graph, ORION_MIL_PLACE_INPUT, &newer.known, NULL, NULL, &a, &b),
        ORION_ERROR_ABI);
    orion_ir_graph_destroy(&other);
    orion_ir_graph_destroy(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_placements),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
