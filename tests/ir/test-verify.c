/* SPDX-License-Identifier: MIT */
/* The verifier on graphs broken by hand, and the edits that passes are made of. */
#include "graphs.h"

#include "ir-internal.h"

static const char sound[] = "oir 1\n"
                            "graph @g(%x: f32[2,3], %i: i32[2]) -> (%y, z = %c) {\n"
                            "  %a = exp %x : f32[2,3]\n"
                            "  %b = softmax %a {axis=1} : f32[2,3]\n"
                            "  %c = const true : bool[2]\n"
                            "  %d, %e = split %b {axis=0, sizes=[1, 1]} : f32[1,3], f32[1,3]\n"
                            "  %y = neg %d : f32[1,3]\n"
                            "}\n";

static orion_ir_node *at(orion_ir_graph *g, int i) {
    orion_ir_node *n = g->first;
    while (i-- > 0) n = n->next;
    return n;
}

/* ---- ways to break a graph's storage ---- */

typedef void breakage(orion_ir_graph *g);

static void use_before_definition(orion_ir_graph *g) {
    at(g, 0)->in[0] = at(g, 1)->out;
}
static void use_of_removed(orion_ir_graph *g) {
    ir_remove(g, at(g, 0));
}
static void use_of_nothing(orion_ir_graph *g) {
    at(g, 4)->in[0] = 0;
}
static void use_past_end(orion_ir_graph *g) {
    at(g, 4)->in[0] = 4000000000u;
}
static void broken_list(orion_ir_graph *g) {
    at(g, 2)->prev = NULL;
}
static void wrong_node_count(orion_ir_graph *g) {
    g->node_count++;
}
static void endless_list(orion_ir_graph *g) {
    g->last->next = g->first;
    g->first->prev = g->last;
}
static void node_id_twice(orion_ir_graph *g) {
    at(g, 1)->id = at(g, 0)->id;
}
static void unknown_op(orion_ir_graph *g) {
    at(g, 1)->op = 250;
}
static void wrong_type(orion_ir_graph *g) {
    ir_val(g, at(g, 1)->out)->type.dims[0] = 3;
}
static void illegal_type(orion_ir_graph *g) {
    ir_val(g, g->inputs[0])->type.rank = 77;
}
static void operand_of_wrong_type(orion_ir_graph *g) {
    at(g, 0)->in[0] = g->inputs[1];
}
static void too_many_operands(orion_ir_graph *g) {
    static uint32_t ids[2];
    ids[0] = ids[1] = g->inputs[0];
    at(g, 0)->in = ids;
    at(g, 0)->n_in = 2;
}
static void attribute_not_normal(orion_ir_graph *g) {
    at(g, 1)->attrs[0].i = -1;
}
static void attribute_illegal(orion_ir_graph *g) {
    at(g, 1)->attrs[0].i = 7;
}
static void attributes_lost(orion_ir_graph *g) {
    at(g, 1)->attrs = NULL;
}
static void too_few_results(orion_ir_graph *g) {
    at(g, 3)->n_out = 1;
}
static void result_of_another(orion_ir_graph *g) {
    ir_val(g, at(g, 1)->out)->def = at(g, 0);
}
static void data_past_blob(orion_ir_graph *g) {
    at(g, 2)->offset = 1;
}
static void no_data(orion_ir_graph *g) {
    orion_blob_unref(&at(g, 2)->blob);
}
static void data_where_none_belong(orion_ir_graph *g) {
    at(g, 0)->blob = orion_blob_ref(at(g, 2)->blob);
}
static void bool_of_two(orion_ir_graph *g) {
    ((char *)(uintptr_t)orion_blob_data(at(g, 2)->blob))[1] = 2;
}
static void input_twice(orion_ir_graph *g) {
    g->inputs[1] = g->inputs[0];
}
static void input_that_is_a_result(orion_ir_graph *g) {
    g->inputs[1] = at(g, 0)->out;
}
static void input_without_name(orion_ir_graph *g) {
    ir_val(g, g->inputs[0])->name = NULL;
}
static void name_of_two_values(orion_ir_graph *g) {
    ir_val(g, at(g, 0)->out)->name = "b";
}
static void illegal_value_name(orion_ir_graph *g) {
    ir_val(g, at(g, 0)->out)->name = "a b";
}
static void illegal_graph_name(orion_ir_graph *g) {
    g->name = "";
}
static void output_that_is_nothing(orion_ir_graph *g) {
    g->outputs[1].value = 0;
}
static void outputs_of_one_name(orion_ir_graph *g) {
    g->outputs[1].name = "y";
}
static void illegal_output_name(orion_ir_graph *g) {
    g->outputs[1].name = "1";
}
static void output_with_name_of_input(orion_ir_graph *g) {
    g->outputs[1].name = "x";
}
static void no_outputs(orion_ir_graph *g) {
    g->output_count = 0;
}

static const struct {
    breakage *fault;
    orion_message message;
    const char *words;
} faults[] = {
    {use_before_definition, ORION_MESSAGE_IR_GRAPH, "which is not defined before it"},
    {use_of_removed, ORION_MESSAGE_IR_GRAPH, "which is not defined before it"},
    {use_of_nothing, ORION_MESSAGE_IR_GRAPH, "value 0, which is not defined"},
    {use_past_end, ORION_MESSAGE_IR_GRAPH, "value 4000000000, which is not defined"},
    {broken_list, ORION_MESSAGE_IR_GRAPH, "the node list is broken behind node 2"},
    {wrong_node_count, ORION_MESSAGE_IR_GRAPH, "the node list has 5 nodes"},
    {endless_list, ORION_MESSAGE_IR_GRAPH, "the node list is broken"},
    {node_id_twice, ORION_MESSAGE_IR_GRAPH, "node id 1 is out of range or used twice"},
    {unknown_op, ORION_MESSAGE_IR_OP, "unknown op number 250"},
    {wrong_type, ORION_MESSAGE_IR_RESULT_TYPE, "result 0 has type f32[3,3], but the op yields"},
    {illegal_type, ORION_MESSAGE_IR_SHAPE, "which is not legal"},
    {operand_of_wrong_type, ORION_MESSAGE_IR_TYPE, "exp: operand 0 must be f32"},
    {too_many_operands, ORION_MESSAGE_IR_OPERANDS, "2 operands are given"},
    {attribute_not_normal, ORION_MESSAGE_IR_ATTRIBUTE, "axis is not in its normal form"},
    {attribute_illegal, ORION_MESSAGE_IR_ATTRIBUTE, "axis 7 is outside"},
    {attributes_lost, ORION_MESSAGE_IR_GRAPH, "lacks its attributes"},
    {too_few_results, ORION_MESSAGE_IR_GRAPH, "has 1 results"},
    {result_of_another, ORION_MESSAGE_IR_GRAPH, "which is not its own"},
    {data_past_blob, ORION_MESSAGE_IR_DATA, "needs 2 bytes at 1, its blob has 2"},
    {no_data, ORION_MESSAGE_IR_DATA, "its blob has 0"},
    {data_where_none_belong, ORION_MESSAGE_IR_GRAPH, "is no const but has data"},
    {bool_of_two, ORION_MESSAGE_IR_DATA, "bool 1 is 2"},
    {input_twice, ORION_MESSAGE_IR_GRAPH, "input 1 is listed twice"},
    {input_that_is_a_result, ORION_MESSAGE_IR_GRAPH, "input 1 is no free-standing"},
    {input_without_name, ORION_MESSAGE_IR_GRAPH, "input 0 is no free-standing, named value"},
    {name_of_two_values, ORION_MESSAGE_IR_NAME, "belongs to another value"},
    {illegal_value_name, ORION_MESSAGE_IR_NAME, "\"a b\", which is not legal"},
    {illegal_graph_name, ORION_MESSAGE_IR_NAME, "not a legal name for a graph"},
    {output_that_is_nothing, ORION_MESSAGE_IR_GRAPH, "output 1 is value 0"},
    {outputs_of_one_name, ORION_MESSAGE_IR_NAME, "two outputs have the name \"y\""},
    {illegal_output_name, ORION_MESSAGE_IR_NAME, "\"1\" is not a legal name for an output"},
    {output_with_name_of_input, ORION_MESSAGE_IR_NAME, "the name of an input that is another"},
    {no_outputs, ORION_MESSAGE_IR_GRAPH, "graph @g has no output"},
};

static void test_every_invariant(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(faults); i++) {
        orion_diag *diag = NULL;
        orion_ir_graph *g = graph_parse(sound);
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_verify(g, diag), ORION_OK);
        assert_int_equal(orion_diag_count(diag), 0);
        faults[i].fault(g);
        assert_int_equal(orion_ir_verify(g, diag), ORION_ERROR_VERIFY);
        assert_int_equal(orion_ir_verify(g, NULL), ORION_ERROR_VERIFY);
        assert_diag(diag, faults[i].message, faults[i].words);
        if (faults[i].fault == endless_list) g->last->next = g->first->prev = NULL;
        orion_ir_graph_destroy(&g);
        orion_diag_destroy(&diag);
    }
}

/* All violations are reported in one run. */
static void test_all_are_reported(void **state) {
    (void)state;
    orion_diag *diag = NULL;
    orion_ir_graph *g = graph_parse(sound);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    wrong_type(g);
    bool_of_two(g);
    outputs_of_one_name(g);
    assert_int_equal(orion_ir_verify(g, diag), ORION_ERROR_VERIFY);
    assert_diag(diag, ORION_MESSAGE_IR_RESULT_TYPE, "softmax");
    assert_diag(diag, ORION_MESSAGE_IR_DATA, "bool");
    assert_diag(diag, ORION_MESSAGE_IR_NAME, "two outputs");
    orion_ir_graph_destroy(&g);
    orion_diag_destroy(&diag);
}

/* ---- edits ---- */

static void test_sort(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse(sound);
    /* Move the first node to the end: its users are before it now. */
    orion_ir_node *moved = at(g, 0);
    g->first = moved->next;
    g->first->prev = NULL;
    g->node_count--;
    ir_link(g, moved, NULL);
    assert_int_equal(orion_ir_verify(g, NULL), ORION_ERROR_VERIFY);
    assert_int_equal(ir_sort(g), ORION_OK);
    assert_graph_valid(g);
    assert_ptr_equal(g->first, moved);
    /* A cycle is refused and nothing moves. */
    moved->in[0] = at(g, 1)->out;
    assert_int_equal(ir_sort(g), ORION_ERROR_VERIFY);
    moved->in[0] = g->inputs[0];
    assert_graph_valid(g);
    orion_ir_graph_destroy(&g);
}

/* Chains of replacements are followed; names move to values that have none. */
static void test_replacements(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2]) -> (%y) {\n"
                                    "  %0 = neg %x : f32[2]\n"
                                    "  %a = identity %0 : f32[2]\n"
                                    "  %b = identity %a : f32[2]\n"
                                    "  %y = identity %b : f32[2]\n"
                                    "}\n");
    ir_replacements r;
    assert_int_equal(ir_replacements_init(&r, g), ORION_OK);
    uint32_t first = at(g, 0)->out, a = at(g, 1)->out, b = at(g, 2)->out, y = at(g, 3)->out;
    assert_int_equal(ir_replace(&r, y, b), ORION_OK);
    assert_int_equal(ir_replace(&r, b, a), ORION_OK);
    assert_int_equal(ir_replace(&r, a, first), ORION_OK);
    assert_int_equal(ir_replace(&r, first, first), ORION_OK);
    assert_int_equal(ir_resolve(&r, y), first);
    assert_int_equal(ir_apply(g, &r), ORION_OK);
    ir_replacements_free(&r);
    for (int i = 0; i < 3; i++) ir_remove(g, g->last);
    char *text = graph_text(g);
    assert_string_equal(text, "oir 1\n"
                              "graph @g(%x: f32[2]) -> (y = %a) {\n"
                              "  %a = neg %x : f32[2]\n"
                              "}\n");
    free(text);
    assert_graph_valid(g);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_invariant),
        cmocka_unit_test(test_all_are_reported),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_replacements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
