/* SPDX-License-Identifier: MIT */
/*
 * Random graphs of every op, cut into programs for every target: the programs are legal, and the
 * calls give what the legal graph gives; with tame numbers, what the graph itself gives, but for
 * constants in fp16.
 */
#include "plan-support.h"

#include "random-graph.h"

enum { GRAPHS = 140, NODES = 24 };

static const char *const targets[] = {"h12", "h13", "h14", "h15", "h16", "h17", "orion-paper"};

static void check(const random_graph *r, uint64_t seed, const char *name) {
    orion_mil_target *target = target_of(name);
    orion_mil_plan *plan = plan_of(r->graph, target, NULL);
    orion_ir_graph *legal = legal_graph(r->graph, target);
    op_buffers in = random_graph_inputs(r, seed);
    assert_legal(plan, target);
    assert_plan_agrees(plan, legal, in.data, ORION_IR_EVAL_EXACT, 1e-6);
    if ((r->flags & RANDOM_TAME) != 0)
        assert_plan_agrees(plan, r->graph, in.data, ORION_IR_EVAL_EXACT, 0.02);
    op_buffers_free(&in);
    orion_ir_graph_destroy(&legal);
    orion_mil_plan_destroy(&plan);
    orion_mil_target_destroy(&target);
}

static void check_graphs(unsigned flags) {
    for (uint64_t seed = 1; seed <= GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, flags);
        check(&r, seed, targets[seed % (sizeof targets / sizeof targets[0])]);
        orion_ir_graph_destroy(&r.graph);
    }
}

static void test_tame_graphs(void **state) {
    (void)state;
    check_graphs(RANDOM_TAME);
}

static void test_wild_graphs(void **state) {
    (void)state;
    check_graphs(0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_tame_graphs),
                                       cmocka_unit_test(test_wild_graphs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
