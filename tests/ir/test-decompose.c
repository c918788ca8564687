/* SPDX-License-Identifier: MIT */
/* The decomposition of every model op equals the op itself, in f64 and in each float dtype. */
#include "op-cases.h"
#include "op-support.h"

static bool is_model(const char *op) {
    return orion_ir_op_from_name(op)->is_model != 0;
}

/* Replace the only node of a graph by its decomposition. */
static orion_status decompose(orion_ir_graph *g, orion_diag *diag) {
    orion_ir_node *n = g->last;
    orion_ir_builder b = ir_builder_at(g, n, diag);
    orion_ir_value y[IR_MODEL_RESULTS_MAX];
    ir_decompose(&b, n, y);
    if (b.status != ORION_OK) return b.status;
    ir_replacements r;
    orion_status status = ORION_OK;
    TRY(ir_replacements_init(&r, g));
    for (uint32_t i = 0; i < n->n_out; i++) {
        assert_int_not_equal(y[i].id, 0);
        orion_ir_type have = orion_ir_value_type(g, y[i]);
        assert_true(orion_ir_type_equal(&have, &ir_val(g, n->out + i)->type));
        if (status == ORION_OK) status = ir_replace(&r, n->out + i, y[i].id);
    }
    if (status == ORION_OK) status = ir_apply(g, &r);
    if (status == ORION_OK) ir_remove(g, n);
    ir_replacements_free(&r);
    return status;
}

/* All float operands in another dtype. */
static op_tensors in_dtype(op_tensors operands, orion_ir_dtype dtype) {
    for (size_t i = 0; i < operands.count; i++) {
        if (ir_is_float(operands.at[i].type.dtype)) operands.at[i].type.dtype = (uint32_t)dtype;
    }
    return operands;
}

static void check_case(const op_case *c, orion_ir_dtype dtype, orion_ir_eval_mode mode,
                       double tolerance) {
    op_tensors operands = op_parse_tensors(c->operands);
    operands = in_dtype(operands, dtype);
    orion_ir_graph *g = op_graph(c->op, &operands, c->attrs);
    op_buffers in = op_inputs(g, &operands, 1), want = op_eval(g, mode, &in);
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(decompose(g, diag), diag);
    assert_ok(orion_ir_verify(g, diag), diag);
    ir_foreach_node (g, n) assert_false(ir_op_get(n->op)->info.is_model);
    op_buffers have = op_eval(g, mode, &in);
    for (size_t i = 0; i < want.count; i++)
        assert_doubles_near(have.data[i], want.data[i], want.elements[i], tolerance, tolerance);
    op_buffers_free(&in);
    op_buffers_free(&want);
    op_buffers_free(&have);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&g);
}

static void walk(orion_ir_dtype dtype, orion_ir_eval_mode mode, double tolerance) {
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        if (!is_model(op_cases[i].op)) continue;
        print_message("%s(%s) %s\n", op_cases[i].op, op_cases[i].operands, op_cases[i].attrs);
        check_case(&op_cases[i], dtype, mode, tolerance);
    }
}

/* What is left of a difference is that constants such as epsilon and sqrt(2/pi) are f32 numbers. */
static void test_f64(void **state) {
    (void)state;
    walk(ORION_IR_F32, ORION_IR_EVAL_EXACT, 2e-8);
}

/* No constant but exact ones: nothing is left. */
static void test_f64_tight(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        bool norm = strstr(c->op, "_norm") != NULL && strstr(c->attrs, "epsilon") == NULL;
        bool scale = strcmp(c->op, "attention") == 0 && strstr(c->operands, "[1,2,1,3]") != NULL;
        if (!is_model(c->op) || norm || scale || strcmp(c->op, "gelu") == 0) continue;
        check_case(c, ORION_IR_F32, ORION_IR_EVAL_EXACT, 1e-14);
    }
}

static void test_rounded(void **state) {
    (void)state;
    walk(ORION_IR_F32, ORION_IR_EVAL_ROUNDED, 1e-6);
    walk(ORION_IR_F16, ORION_IR_EVAL_ROUNDED, 4e-3);
    walk(ORION_IR_BF16, ORION_IR_EVAL_ROUNDED, 3e-2);
}

static void test_every_model_op_has_a_case(void **state) {
    (void)state;
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const orion_ir_op_info *info = orion_ir_op_at(i);
        bool found = !info->is_model;
        for (size_t j = 0; j < ORN_COUNT(op_cases); j++) {
            found |= strcmp(op_cases[j].op, info->name) == 0;
        }
        if (!found) fail_msg("%s has no case", info->name);
    }
}

/* Core ops have none. */
static void test_core_op(void **state) {
    (void)state;
    op_tensors operands = op_parse_tensors("f32[2]");
    orion_ir_graph *g = op_graph("exp", &operands, "");
    orion_ir_builder b = ir_builder_at(g, NULL, NULL);
    orion_ir_value y[IR_MODEL_RESULTS_MAX];
    ir_decompose(&b, g->first, y);
    assert_int_equal(y[0].id, 0);
    assert_int_equal(b.status, ORION_OK);
    orion_ir_graph_destroy(&g);
}

/* Scores of a masked key count for nothing, however large they are, in every dtype. */
static void test_mask_beats_scores(void **state) {
    (void)state;
    static const op_case c = {"attention", "f32[1,1,2,1] 150; f32[1,1,2,1] 1 400; f32[1,1,2,1] 1 3",
                              "causal=1"};
    check_case(&c, ORION_IR_F32, ORION_IR_EVAL_ROUNDED, 0);
    check_case(&c, ORION_IR_F16, ORION_IR_EVAL_ROUNDED, 0);
    check_case(&c, ORION_IR_BF16, ORION_IR_EVAL_ROUNDED, 0);
}

static orion_status decompose_oom(oom_case *oom, void *ctx) {
    const op_case *c = ctx;
    op_tensors operands = op_parse_tensors(c->operands);
    orion_ir_graph *plain = op_graph(c->op, &operands, c->attrs), *g;
    assert_int_equal(orion_ir_graph_clone(plain, &oom->heap.allocator, &g), ORION_OK);
    oom_arm(oom);
    orion_status status = decompose(g, NULL);
    oom_disarm(oom);
    if (status != ORION_OK) assert_int_equal(orion_ir_verify(g, NULL), ORION_OK);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&plain);
    return status;
}

static void test_out_of_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        op_case c = op_cases[i];
        if (is_model(c.op)) oom_loop(c.op, decompose_oom, &c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f64),           cmocka_unit_test(test_f64_tight),
        cmocka_unit_test(test_rounded),       cmocka_unit_test(test_every_model_op_has_a_case),
        cmocka_unit_test(test_core_op),       cmocka_unit_test(test_mask_beats_scores),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
