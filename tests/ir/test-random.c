/* SPDX-License-Identifier: MIT */
/*
 * What must hold for any graph, on random ones: text, verifier, every pass alone, all pipelines,
 * gradients before and after passes.
 *
 * usage: test-ir-random [GRAPHS]     500 of each kind if no number is given
 */
#include "graphs.h"
#include "random-graph.h"

enum { NODES = 32 };
static uint64_t graphs = 500;

static int run(orion_ir_graph *g, const char *pipeline, const orion_ir_pass_options *options) {
    orion_diag *diag = NULL;
    int changed = -1;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_run_passes(g, pipeline, options, diag, &changed), diag);
    assert_int_equal(orion_diag_count(diag), 0);
    orion_diag_destroy(&diag);
    return changed;
}

/* ---- passes ---- */

static void check_pipeline(const random_graph *r, const char *pipeline, orion_ir_eval_mode mode,
                           number_test *same, uint64_t seed) {
    orion_ir_pass_options options = {.size = sizeof options, .verify_each = 1, .stress = seed & 1};
    orion_ir_graph *g = NULL;
    assert_int_equal(orion_ir_graph_clone(r->graph, NULL, &g), ORION_OK);
    int changed = run(g, pipeline, &options);
    char why[160];
    const char *difference = graph_difference(r->graph, g, why, sizeof why);
    if (changed == 0 && difference != NULL) fail_msg("%s hides a change: %s", pipeline, why);
    assert_same_function(r, g, mode, same, pipeline, seed);
    assert_round_trip(g);
    orion_ir_graph_destroy(&g);
}

/* Passes that claim to keep every bit do, also where they meet NaN, infinities and integers. */
static void test_exact_passes(void **state) {
    (void)state;
    static const char *const pipelines[] = {"identity", "cast", "algebra", "fold",
                                            "cse",      "dce",  "default", "remat(budget=0)"};
    for (uint64_t seed = 0; seed < graphs; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        assert_graph_valid(r.graph);
        assert_round_trip(r.graph);
        for (size_t i = 0; i < ORN_COUNT(pipelines); i++) {
            check_pipeline(&r, pipelines[i], ORION_IR_EVAL_ROUNDED, same_number, seed);
        }
        orion_ir_graph_destroy(&r.graph);
    }
}

/* Core ops compute what the model op did, and rules that round differently nearly the same. What
 * the exact passes make of the core ops is the same again. */
static void test_inexact_passes(void **state) {
    (void)state;
    static const char *const single[] = {"decompose", "algebra_inexact"};
    static const char *const pipelines[] = {"inexact", "decompose,inexact"};
    for (uint64_t seed = 0; seed < graphs; seed++) {
        random_graph r = random_graph_make(seed, NODES, RANDOM_TAME);
        for (size_t i = 0; i < ORN_COUNT(single); i++) {
            check_pipeline(&r, single[i], ORION_IR_EVAL_EXACT, near_number, seed);
        }
        for (size_t i = 0; i < ORN_COUNT(pipelines); i++) {
            check_pipeline(&r, pipelines[i], ORION_IR_EVAL_EXACT, close_number, seed);
        }
        run(r.graph, "decompose", NULL);
        check_pipeline(&r, "default", ORION_IR_EVAL_ROUNDED, same_number, seed);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* After decompose there are core ops only; after default nothing is left for its passes. */
static void test_passes_finish(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < graphs; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        run(r.graph, "decompose", NULL);
        ir_foreach_node (r.graph, n) assert_int_equal(ir_op_get(n->op)->info.is_model, 0);
        assert_int_equal(run(r.graph, "decompose", NULL), 0);
        run(r.graph, "default", NULL);
        assert_int_equal(run(r.graph, "default", NULL), 0);
        assert_int_equal(run(r.graph, "identity,cast,algebra,fold,cse,dce", NULL), 0);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* ---- gradients ---- */

/* The gradient of the first output that has one, under a seed; NULL if none has. */
static orion_ir_graph *gradient_of(const orion_ir_graph *g) {
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++) {
        orion_ir_graph *gradient = NULL;
        orion_ir_grad_options options = {.size = sizeof options,
                                         .output = orion_ir_graph_output_name(g, i),
                                         .seed = "cotangent"};
        if (orion_ir_grad(g, &options, NULL, NULL, &gradient) == ORION_OK) return gradient;
    }
    return NULL;
}

static op_buffers gradient_inputs(const random_graph *r, const orion_ir_graph *gradient,
                                  uint64_t seed) {
    op_buffers in = op_inputs_of(gradient), own = random_graph_inputs(r, seed);
    assert_int_equal(in.count, own.count + 1);
    for (size_t i = 0; i < own.count; i++) {
        memcpy(in.data[i], own.data[i], in.elements[i] * sizeof(double));
    }
    for (size_t k = 0; k < in.elements[own.count]; k++) {
        in.data[own.count][k] = test_random_unit(&seed);
    }
    op_buffers_free(&own);
    return in;
}

static void assert_close_outputs(const op_buffers *want, const orion_ir_graph *g,
                                 const op_buffers *in, const char *pipeline, uint64_t seed) {
    op_buffers got = op_eval(g, ORION_IR_EVAL_EXACT, in);
    assert_same_outputs(want, &got, close_number, pipeline, seed);
    op_buffers_free(&got);
}

/* Passes and differentiation may change places. */
static void check_gradient(const random_graph *r, const orion_ir_graph *gradient,
                           const char *pipeline, uint64_t seed) {
    orion_ir_graph *after = NULL, *rewritten = NULL, *before = NULL;
    assert_int_equal(orion_ir_graph_clone(gradient, NULL, &after), ORION_OK);
    run(after, pipeline, NULL);
    assert_int_equal(orion_ir_graph_clone(r->graph, NULL, &rewritten), ORION_OK);
    run(rewritten, pipeline, NULL);
    before = gradient_of(rewritten);
    assert_non_null(before);
    op_buffers in = gradient_inputs(r, gradient, seed);
    op_buffers want = op_eval(gradient, ORION_IR_EVAL_EXACT, &in);
    assert_close_outputs(&want, before, &in, pipeline, seed);
    assert_close_outputs(&want, after, &in, pipeline, seed);
    op_buffers_free(&in);
    op_buffers_free(&want);
    orion_ir_graph_destroy(&after);
    orion_ir_graph_destroy(&before);
    orion_ir_graph_destroy(&rewritten);
}

/* The gradient of the optimised graph is the optimised gradient. */
static void test_gradients(void **state) {
    (void)state;
    static const char *const pipelines[] = {"default", "decompose,default", "inexact"};
    uint64_t checked = 0;
    for (uint64_t seed = 0; seed < graphs; seed++) {
        random_graph r = random_graph_make(seed, NODES, RANDOM_TAME);
        orion_ir_graph *gradient = gradient_of(r.graph);
        for (size_t i = 0; i < ORN_COUNT(pipelines) && gradient != NULL; i++) {
            check_gradient(&r, gradient, pipelines[i], seed);
        }
        checked += gradient != NULL;
        orion_ir_graph_destroy(&gradient);
        orion_ir_graph_destroy(&r.graph);
    }
    assert_true(checked * 10 >= graphs * 9);
}

/* The generator reaches every op, so the tests above do. */
static void test_every_op_is_reached(void **state) {
    (void)state;
    size_t seen[256] = {0};
    for (uint64_t seed = 0; seed < graphs; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        ir_foreach_node (r.graph, n) seen[n->op]++;
        orion_ir_graph_destroy(&r.graph);
    }
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        if (seen[orion_ir_op_at(i)->op] < 10) fail_msg("%s is rare", orion_ir_op_at(i)->name);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact_passes),        cmocka_unit_test(test_inexact_passes),
        cmocka_unit_test(test_passes_finish),       cmocka_unit_test(test_gradients),
        cmocka_unit_test(test_every_op_is_reached),
    };
    if (argc == 2 && !orn_parse_u64(argv[1], strlen(argv[1]), &graphs)) return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
