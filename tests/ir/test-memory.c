/* SPDX-License-Identifier: MIT */
/* Live memory, and the passes about memory and ports: remat, dead_inputs, uniform_outputs. */
#include "graphs.h"
#include "random-graph.h"

#include <math.h>

enum { GRAPHS = 500, NODES = 32 };

static orion_ir_memory *measure(const orion_ir_graph *g, uint64_t budget) {
    orion_ir_memory *m = NULL;
    assert_int_equal(orion_ir_memory_create(g, budget, NULL, &m), ORION_OK);
    return m;
}

static uint64_t peak_of(const orion_ir_graph *g) {
    orion_ir_memory *m = measure(g, 0);
    uint64_t peak = orion_ir_memory_peak(m, NULL);
    orion_ir_memory_destroy(&m);
    return peak;
}

static void run(orion_ir_graph *g, const char *pipeline) {
    orion_diag *diag = NULL;
    orion_ir_pass_options options = {.size = sizeof options, .verify_each = 1};
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_run_passes(g, pipeline, &options, diag, NULL), diag);
    orion_diag_destroy(&diag);
}

static orion_ir_value named(const orion_ir_graph *g, const char *name) {
    orion_ir_value v = {ir_find_name(g, name, strlen(name))};
    assert_int_not_equal(v.id, 0);
    return v;
}

/* ---- live memory ---- */

static const char chain[] = "oir 1\n"
                            "graph @chain(%x: f32[4]) -> (%y) {\n"
                            "  %k = const [1, 2, 3, 4] : f32[4]\n"
                            "  %a = relu %x : f32[4]\n"
                            "  %b = mul %k, %a : f32[4]\n"
                            "  %y = add %a, %b : f32[4]\n"
                            "}\n";

/* Each vector has 16 bytes: x; x a; k a b; a b y. */
static void test_live(void **state) {
    (void)state;
    static const uint64_t want[] = {16, 32, 48, 48};
    orion_ir_graph *g = graph_parse(chain);
    orion_ir_memory *m = measure(g, 40);
    size_t at = 99;
    for (size_t i = 0; i < ORN_COUNT(want); i++) {
        assert_int_equal(orion_ir_memory_live(m, i), want[i]);
    }
    assert_int_equal(orion_ir_memory_live(m, ORN_COUNT(want)), 0);
    assert_int_equal(orion_ir_memory_peak(m, &at), 48);
    assert_int_equal(at, 2);
    assert_int_equal(orion_ir_memory_over(m), 2);
    assert_int_equal(orion_ir_memory_spills(m, named(g, "x")), 0);
    assert_int_equal(orion_ir_memory_spills(m, named(g, "k")), 1);
    assert_int_equal(orion_ir_memory_spills(m, named(g, "a")), 1);
    assert_int_equal(orion_ir_memory_spills(m, named(g, "y")), 1);
    assert_int_equal(orion_ir_memory_spills(m, (orion_ir_value){12345}), 0);
    orion_ir_memory_destroy(&m);
    m = measure(g, 48);
    assert_int_equal(orion_ir_memory_over(m), 0);
    assert_int_equal(orion_ir_memory_spills(m, named(g, "k")), 0);
    orion_ir_memory_destroy(&m);
    orion_ir_memory_destroy(&m);
    orion_ir_graph_destroy(&g);
}

static void test_no_nodes(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\ngraph @g(%x: f32[4]) -> (%x) {\n}\n");
    orion_ir_memory *m = measure(g, 0);
    size_t at = 99;
    assert_int_equal(orion_ir_memory_peak(m, &at), 0);
    assert_int_equal(at, 0);
    assert_int_equal(orion_ir_memory_over(m), 0);
    assert_int_equal(orion_ir_memory_live(m, 0), 0);
    orion_ir_memory_destroy(&m);
    orion_ir_graph_destroy(&g);
}

/* ---- the same from the definition, slowly ---- */

static bool reads(const orion_ir_node *n, uint32_t id) {
    bool found = false;
    for (uint32_t i = 0; i < n->n_in; i++) found = found || n->in[i] == id;
    return found;
}

static bool read_from(const orion_ir_node *n, uint32_t id) {
    bool found = false;
    for (; n != NULL; n = n->next) found = found || reads(n, id);
    return found;
}

static bool is_output(const orion_ir_graph *g, uint32_t id) {
    bool found = false;
    for (size_t i = 0; i < g->output_count; i++) found = found || g->outputs[i].value == id;
    return found;
}

static bool made_before_end_of(const orion_ir_node *n, const orion_ir_node *maker) {
    bool found = maker == NULL; /* an input */
    for (; n != NULL; n = n->prev) found = found || n == maker;
    return found;
}

static bool lives_at(const orion_ir_graph *g, const orion_ir_node *n, uint32_t id) {
    const orion_ir_node *maker = ir_def(g, id);
    if (maker != NULL && maker->op == ORION_IR_OP_const) return reads(n, id);
    return made_before_end_of(n, maker) && (maker == n || is_output(g, id) || read_from(n, id) ||
                                            (maker == NULL && n->prev == NULL));
}

static uint64_t live_at(const orion_ir_graph *g, const orion_ir_node *n) {
    uint64_t sum = 0;
    for (uint32_t id = 1; id < g->value_count; id++) {
        bool is_value = ir_val(g, id)->type.dtype != 0;
        if (is_value && lives_at(g, n, id)) sum += orion_ir_type_bytes(&ir_val(g, id)->type);
    }
    return sum;
}

static void test_live_on_random_graphs(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS / 4; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        uint64_t budget = peak_of(r.graph) / 2;
        orion_ir_memory *m = measure(r.graph, budget);
        bool spills[4096] = {false};
        size_t at = 0, over = 0;
        assert_true(r.graph->value_count < ORN_COUNT(spills));
        ir_foreach_node (r.graph, n) {
            uint64_t live = live_at(r.graph, n);
            assert_int_equal(orion_ir_memory_live(m, at++), live);
            if (live <= budget) continue;
            over++;
            for (uint32_t id = 1; id < r.graph->value_count; id++) {
                spills[id] = spills[id] || lives_at(r.graph, n, id);
            }
        }
        assert_int_equal(orion_ir_memory_over(m), over);
        for (uint32_t id = 1; id < r.graph->value_count; id++) {
            if (ir_val(r.graph, id)->type.dtype == 0) continue;
            assert_int_equal(orion_ir_memory_spills(m, (orion_ir_value){id}), spills[id]);
        }
        orion_ir_memory_destroy(&m);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* ---- remat ---- */

static bool same_bits(double a, double b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static void assert_same_values(const orion_ir_graph *before, const orion_ir_graph *after,
                               const op_buffers *in) {
    op_buffers want = op_eval(before, ORION_IR_EVAL_ROUNDED, in);
    op_buffers got = op_eval(after, ORION_IR_EVAL_ROUNDED, in);
    assert_int_equal(want.count, got.count);
    for (size_t i = 0; i < want.count; i++) {
        assert_int_equal(want.elements[i], got.elements[i]);
        for (size_t k = 0; k < want.elements[i]; k++) {
            assert_true(same_bits(want.data[i][k], got.data[i][k]));
        }
    }
    op_buffers_free(&want);
    op_buffers_free(&got);
}

static void test_remat_on_random_graphs(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        orion_ir_graph *g = NULL;
        char pipeline[64];
        uint64_t peak = peak_of(r.graph);
        snprintf(pipeline, sizeof pipeline, "remat(budget=%llu)",
                 (unsigned long long)(seed % 2 == 0 ? 0 : peak / 2));
        assert_int_equal(orion_ir_graph_clone(r.graph, NULL, &g), ORION_OK);
        run(g, pipeline);
        assert_true(peak_of(g) <= peak);
        op_buffers in = random_graph_inputs(&r, seed);
        assert_same_values(r.graph, g, &in);
        op_buffers_free(&in);
        assert_round_trip(g);
        orion_ir_graph_destroy(&g);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* The loss of a stack of layers of 16 rows, each x -> tanh(x w) and a pointwise tail. */
static orion_ir_graph *stack_gradient(int layers) {
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL, *gradient = NULL;
    const int64_t rows[] = {16, 8}, square[] = {8, 8};
    assert_int_equal(orion_ir_builder_create("stack", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, rows));
    orion_ir_value w = orion_ir_input(b, "w", orion_ir_type_make(ORION_IR_F32, 2, square));
    for (int i = 0; i < layers; i++) {
        orion_ir_value y = orion_ir_tanh(b, orion_ir_linear(b, x, w));
        x = orion_ir_add(b, x, orion_ir_silu(b, orion_ir_sigmoid(b, orion_ir_sin(b, y))));
    }
    orion_ir_output(b, "loss", orion_ir_reduce_mean(b, x, (const int64_t[]){0, 1}, 2, 0));
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    assert_int_equal(orion_ir_grad(g, NULL, NULL, NULL, &gradient), ORION_OK);
    run(gradient, "default");
    orion_ir_graph_destroy(&g);
    return gradient;
}

static void test_remat_reaches_budgets(void **state) {
    (void)state;
    orion_ir_graph *g = stack_gradient(12);
    uint64_t peak = peak_of(g);
    size_t nodes = orion_ir_graph_node_count(g);
    op_buffers in = op_inputs_of(g);
    uint64_t seed = 3;
    for (size_t i = 0; i < in.count; i++) {
        for (size_t k = 0; k < in.elements[i]; k++) in.data[i][k] = test_random_unit(&seed) - 0.5;
    }
    for (uint64_t part = 2; part <= 3; part++) {
        char pipeline[64];
        orion_ir_graph *small = NULL;
        snprintf(pipeline, sizeof pipeline, "remat(budget=%llu)",
                 (unsigned long long)(peak / part));
        assert_int_equal(orion_ir_graph_clone(g, NULL, &small), ORION_OK);
        run(small, pipeline);
        assert_true(peak_of(small) <= peak / part);
        assert_true(orion_ir_graph_node_count(small) > nodes);
        assert_true(orion_ir_graph_node_count(small) < 3 * nodes);
        assert_same_values(g, small, &in);
        orion_ir_graph_destroy(&small);
    }
    op_buffers_free(&in);
    orion_ir_graph_destroy(&g);
}

/* ---- dead_inputs ---- */

static void test_dead_inputs_on_random_graphs(void **state) {
    (void)state;
    size_t removed = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        orion_ir_graph *g = NULL;
        uint8_t used[RANDOM_INPUTS_MAX] = {0};
        run(r.graph, "dce");
        assert_int_equal(orion_ir_graph_clone(r.graph, NULL, &g), ORION_OK);
        assert_int_equal(orion_ir_graph_used_inputs(r.graph, used), ORION_OK);
        run(g, "dead_inputs");
        op_buffers in = random_graph_inputs(&r, seed), fewer = {.count = 0};
        for (size_t i = 0; i < in.count; i++) {
            if (used[i] == 0) {
                removed++;
                continue;
            }
            const char *name = ir_val(r.graph, r.graph->inputs[i])->name;
            assert_string_equal(ir_val(g, g->inputs[fewer.count])->name, name);
            fewer.data[fewer.count] = in.data[i];
            fewer.elements[fewer.count++] = in.elements[i];
        }
        assert_int_equal(orion_ir_graph_input_count(g), fewer.count);
        op_buffers want = op_eval(r.graph, ORION_IR_EVAL_ROUNDED, &in);
        op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &fewer);
        for (size_t i = 0; i < want.count; i++) {
            for (size_t k = 0; k < want.elements[i]; k++) {
                assert_true(same_bits(want.data[i][k], got.data[i][k]));
            }
        }
        assert_round_trip(g);
        op_buffers_free(&in);
        op_buffers_free(&want);
        op_buffers_free(&got);
        orion_ir_graph_destroy(&g);
        orion_ir_graph_destroy(&r.graph);
    }
    assert_true(removed > 0);
}

/* ---- uniform_outputs ---- */

static bool has_input_as_output(const orion_ir_graph *g) {
    bool found = false;
    for (size_t i = 0; i < g->input_count; i++) found = found || is_output(g, g->inputs[i]);
    return found;
}

static void test_uniform_outputs_on_random_graphs(void **state) {
    (void)state;
    size_t grown = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        orion_ir_graph *g = NULL;
        assert_int_equal(orion_ir_graph_clone(r.graph, NULL, &g), ORION_OK);
        if (orion_ir_run_passes(g, "uniform_outputs", NULL, NULL, NULL) != ORION_OK) {
            assert_true(has_input_as_output(r.graph)); /* shown by a golden file */
            orion_ir_graph_destroy(&g);
            orion_ir_graph_destroy(&r.graph);
            continue;
        }
        assert_graph_valid(g);
        assert_round_trip(g);
        op_buffers in = random_graph_inputs(&r, seed);
        op_buffers want = op_eval(r.graph, ORION_IR_EVAL_ROUNDED, &in);
        op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
        size_t bytes = 0;
        for (size_t i = 0; i < want.count; i++) {
            orion_ir_type before = ir_val(r.graph, r.graph->outputs[i].value)->type;
            orion_ir_type after = ir_val(g, g->outputs[i].value)->type;
            orion_ir_type content = orion_ir_graph_output_content(g, i);
            assert_int_equal(after.dtype, before.dtype);
            bytes = i == 0 ? orion_ir_type_bytes(&after) : bytes;
            assert_int_equal(orion_ir_type_bytes(&after), bytes);
            for (size_t k = 0; k < got.elements[i]; k++) {
                double expected = k < want.elements[i] ? want.data[i][k] : 0;
                assert_true(same_bits(got.data[i][k], expected));
            }
            if (got.elements[i] == want.elements[i]) continue;
            grown++;
            assert_int_equal(orion_ir_type_elements(&content), orion_ir_type_elements(&before));
        }
        assert_int_equal(orion_ir_graph_output_content(g, want.count).dtype, 0);
        op_buffers_free(&in);
        op_buffers_free(&want);
        op_buffers_free(&got);
        orion_ir_graph_destroy(&g);
        orion_ir_graph_destroy(&r.graph);
    }
    assert_true(grown > 0);
}

/* The type in front of the padding is told, rank and all. */
static void test_output_content(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2,3]) -> (%a, %b) {\n"
                                    "  %a = relu %x : f32[2,3]\n"
                                    "  %b = reduce_sum %x {axes=[0], keep_dims=true} : f32[1,3]\n"
                                    "}\n");
    run(g, "uniform_outputs");
    orion_ir_type content = orion_ir_graph_output_content(g, 1);
    assert_int_equal(content.rank, 2);
    assert_int_equal(content.dims[0], 1);
    assert_int_equal(content.dims[1], 3);
    content = orion_ir_graph_output_content(g, 0);
    assert_int_equal(content.dims[0], 2);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live),
        cmocka_unit_test(test_no_nodes),
        cmocka_unit_test(test_live_on_random_graphs),
        cmocka_unit_test(test_remat_on_random_graphs),
        cmocka_unit_test(test_remat_reaches_budgets),
        cmocka_unit_test(test_dead_inputs_on_random_graphs),
        cmocka_unit_test(test_uniform_outputs_on_random_graphs),
        cmocka_unit_test(test_output_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
