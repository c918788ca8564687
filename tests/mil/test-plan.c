/* SPDX-License-Identifier: MIT */
/* Graphs cut into programs: they compute the same, the target takes them, layers are shared. */
#include "models.h"
#include "plan-support.h"

static const char *const targets[] = {"h11", "h13", "h14", "h15", "h16", "h17", "orion-paper"};

static size_t dispatches_of(const orion_mil_plan *plan) {
    size_t count = 0;
    for (size_t i = 0; i < orion_mil_plan_program_count(plan); i++) {
        orion_mil_plan_program program = program_at(plan, i);
        if (program.on_host == 0) count += program.calls;
    }
    return count;
}

/* ---- tests ---- */

/* Rows that fp16 cannot square, large and small, and one of zeros: norm and gradient come out
 * right. */
static void test_norms_in_half(void **state) {
    (void)state;
    static const char text[] = "oir 1\ngraph @main(%x: f32[3,8], %g: f32[8]) -> (%y) {\n"
                               "  %y = rms_norm %x, %g {epsilon=1e-06} : f32[3,8]\n}\n";
    double x[24], ones[8], *in[] = {x, ones}, out[24], wanted[24], *outs[] = {out}, *w[] = {wanted};
    orion_mil_target *target = target_of("h16");
    orion_ir_graph *graph = parse_graph(text);
    orion_mil_plan *plan;
    assert_ok(orion_mil_legalize(graph, target, NULL, NULL, NULL, &plan), NULL);
    for (int i = 0; i < 24; i++) {
        x[i] = i < 8 ? 400.0 * (i - 4) : i < 16 ? 0.0001 * (i - 9) : 0;
        if (i < 8) ones[i] = 1;
    }
    assert_int_equal(orion_mil_plan_call_count(plan), 1);
    const orion_ir_graph *program = program_at(plan, 0).graph;
    bool swapped = orion_ir_value_type(program, orion_ir_graph_input(program, 0)).rank == 1;
    const double *given[] = {in[swapped], in[!swapped]}, *all[] = {x, ones};
    assert_ok(orion_ir_eval(program, ORION_IR_EVAL_ROUNDED, given, outs, NULL), NULL);
    assert_ok(orion_ir_eval(graph, ORION_IR_EVAL_EXACT, all, w, NULL), NULL);
    assert_doubles_near(out, wanted, 24, 1e-4, 0.01);
    orion_mil_plan_destroy(&plan);
    orion_ir_graph_destroy(&graph);
    orion_mil_target_destroy(&target);
}

static void print_table(const orion_mil_plan *plan, const char *name, const char *what) {
    orion_writer out = orion_writer_fd(1);
    print_message("%s, %s:\n", name, what);
    fflush(stdout);
    assert_int_equal(orion_mil_plan_print(plan, &out), ORION_OK);
}

static const model_shape *const shapes[] = {&model_gpt2, &model_stories110m, &model_qwen3};

/* Layers of real size, forward and gradient, on every target. */
static void test_layers_are_legal(void **state) {
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        for (int k = MODEL_LAYER; k <= MODEL_LAYER_GRADIENT; k++) {
            orion_ir_graph *graph = model_graph(shapes[s], (model_kind)k);
            for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
                orion_mil_target *target = target_of(targets[t]);
                orion_mil_plan *plan = plan_of(graph, target, NULL);
                assert_legal(plan, target);
                if (dispatches_of(plan) != 1) print_table(plan, shapes[s]->name, targets[t]);
                assert_int_equal(dispatches_of(plan), 1);
                orion_mil_plan_destroy(&plan);
                orion_mil_target_destroy(&target);
            }
            orion_ir_graph_destroy(&graph);
        }
    }
}

/*
 * Small models, forward and training step, on every target. In exact arithmetic the calls give what
 * the legal graph gives, and that is the graph but for its constants in fp16; rounded to fp16 the
 * numbers are close.
 */
static void test_plans_compute_the_same(void **state) {
    (void)state;
    for (size_t s = 0; s < 3; s++) {
        model_shape small = model_small(shapes[s], 3);
        for (int k = MODEL_LOGITS; k <= MODEL_TRAINING; k++) {
            orion_ir_graph *graph = model_graph(&small, (model_kind)k);
            for (size_t t = 0; t < sizeof targets / sizeof targets[0]; t++) {
                orion_mil_target *target = target_of(targets[t]);
                orion_mil_partition_options options = {.size = sizeof options,
                                                       .weight_gradients = t % 2};
                orion_mil_plan *plan = plan_of(graph, target, &options);
                assert_legal(plan, target);
                orion_ir_graph *legal = legal_graph(graph, target);
                assert_plan_agrees(plan, legal, NULL, ORION_IR_EVAL_EXACT, 1e-9);
                assert_graphs_agree(legal, graph, 2e-3);
                assert_plan_agrees(plan, graph, NULL, ORION_IR_EVAL_ROUNDED, 0.05);
                orion_ir_graph_destroy(&legal);
                orion_mil_plan_destroy(&plan);
                orion_mil_target_destroy(&target);
            }
            orion_ir_graph_destroy(&graph);
        }
    }
}

/* The whole models: layers are one program, five dispatches a layer or fewer. */
static void test_models(void **state) {
    (void)state;
    orion_mil_target *target = target_of("h16");
    for (size_t s = 0; s < 3; s++) {
        for (int k = MODEL_LOGITS; k <= MODEL_TRAINING; k++) {
            orion_ir_graph *graph = model_graph(shapes[s], (model_kind)k);
            orion_mil_plan *plan = plan_of(graph, target, NULL);
            print_table(plan, shapes[s]->name, k == MODEL_LOGITS ? "forward" : "training step");
            assert_legal(plan, target);
            assert_true(dispatches_of(plan) <= (size_t)shapes[s]->layers * 5);
            uint32_t most = 0;
            for (size_t i = 0; i < orion_mil_plan_program_count(plan); i++) {
                orion_mil_plan_program program = program_at(plan, i);
                if (program.on_host == 0 && program.calls > most) most = program.calls;
            }
            assert_true(most + 2 >= shapes[s]->layers);
            orion_mil_plan_destroy(&plan);
            orion_ir_graph_destroy(&graph);
        }
    }
    orion_mil_target_destroy(&target);
}

static void assert_same_text(const orion_ir_graph *a, const orion_ir_graph *b) {
    char *x = print_graph(a), *y = print_graph(b);
    assert_string_equal(x, y);
    free(x);
    free(y);
}

/* The same graph gives the same plan, call for call and byte for byte. */
static void test_plans_are_deterministic(void **state) {
    (void)state;
    model_shape small = model_small(&model_qwen3, 4);
    orion_ir_graph *graph = model_graph(&small, MODEL_TRAINING);
    orion_mil_target *target = target_of("orion-paper");
    orion_mil_plan *a = plan_of(graph, target, NULL), *b = plan_of(graph, target, NULL);
    assert_int_equal(orion_mil_plan_program_count(a), orion_mil_plan_program_count(b));
    assert_int_equal(orion_mil_plan_call_count(a), orion_mil_plan_call_count(b));
    for (size_t i = 0; i < orion_mil_plan_program_count(a); i++)
        assert_same_text(program_at(a, i).graph, program_at(b, i).graph);
    for (size_t i = 0; i < orion_mil_plan_call_count(a); i++) {
        orion_mil_plan_call x = call_at(a, i), y = call_at(b, i);
        assert_int_equal(x.program, y.program);
        assert_int_equal(x.input_count, y.input_count);
        assert_memory_equal(x.inputs, y.inputs, x.input_count * sizeof *x.inputs);
        assert_memory_equal(x.outputs, y.outputs, x.output_count * sizeof *x.outputs);
    }
    orion_mil_plan_destroy(&a);
    orion_mil_plan_destroy(&b);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
}

/* Layers whose weights are constants are programs of their own; several fit into one if asked. */
static void test_constants_and_blocks(void **state) {
    (void)state;
    model_shape small = model_small(&model_stories110m, 6);
    small.constants = true;
    orion_ir_graph *graph = model_graph(&small, MODEL_LOGITS);
    orion_mil_target *target = target_of("h16");
    orion_mil_partition_options options = {.size = sizeof options};
    orion_mil_plan *each = plan_of(graph, target, NULL);
    options.blocks = 3;
    orion_mil_plan *three = plan_of(graph, target, &options);
    assert_true(dispatches_of(each) >= 6);
    assert_true(dispatches_of(three) <= 4);
    options.constant_bytes = 1400;
    orion_mil_plan *parts = plan_of(graph, target, &options);
    assert_true(dispatches_of(parts) > dispatches_of(each));
    for (size_t i = 0; i < orion_mil_plan_program_count(parts); i++) {
        orion_mil_plan_program program = program_at(parts, i);
        assert_true(program.on_host != 0 || program.constant_bytes <= 1400);
    }
    assert_plan_agrees(three, graph, NULL, ORION_IR_EVAL_ROUNDED, 0.05);
    assert_plan_agrees(parts, graph, NULL, ORION_IR_EVAL_ROUNDED, 0.05);
    orion_mil_plan_destroy(&each);
    orion_mil_plan_destroy(&three);
    orion_mil_plan_destroy(&parts);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
}

/* One op alone has more constants than a program may. */
static void test_too_large(void **state) {
    (void)state;
    static const char text[] = "oir 1\ngraph @main(%x: f32[2,8]) -> (%y) {\n"
                               "  %w = const 1 : f32[8,8]\n  %y = matmul %x, %w : f32[2,8]\n}\n";
    orion_ir_graph *graph = parse_graph(text);
    orion_mil_target *target = target_of("h16");
    orion_mil_partition_options options = {.size = sizeof options, .constant_bytes = 100};
    orion_mil_plan *plan;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_partition(graph, target, &options, NULL, diag, &plan),
                     ORION_ERROR_UNSUPPORTED);
    assert_null(plan);
    assert_diag(diag, ORION_MESSAGE_MIL_PLAN, "one matmul has 128 bytes");
    struct {
        orion_mil_partition_options known;
        uint64_t tail;
    } newer = {.known.size = sizeof newer, .tail = 1};
    assert_int_equal(orion_mil_partition(graph, target, &newer.known, NULL, NULL, &plan),
                     ORION_ERROR_ABI);
    orion_diag_destroy(&diag);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
}

/* One program with the host before and behind it; not if the host is needed in between. */
static void test_legalize(void **state) {
    (void)state;
    model_shape small = model_small(&model_stories110m, 3);
    orion_mil_target *target = target_of("h16");
    orion_ir_graph *graph = model_graph(&small, MODEL_LOGITS);
    orion_ir_graph *training = model_graph(&small, MODEL_TRAINING);
    orion_mil_plan *plan;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (uint32_t wide = 0; wide < 2; wide++) {
        orion_mil_partition_options options = {.size = sizeof options, .wide_ports = wide};
        assert_ok(orion_mil_legalize(graph, target, &options, NULL, diag, &plan), diag);
        assert_int_equal(orion_mil_plan_call_count(plan), 2);
        assert_int_equal(program_at(plan, 0).on_host, 1);
        orion_mil_plan_program program = program_at(plan, 1);
        assert_int_equal(program.on_host, 0);
        orion_ir_type type =
            orion_ir_value_type(program.graph, orion_ir_graph_output(program.graph, 0));
        assert_int_equal(type.dtype, wide != 0 ? ORION_IR_F32 : ORION_IR_F16);
        assert_legal(plan, target);
        assert_plan_agrees(plan, graph, NULL, ORION_IR_EVAL_ROUNDED, 0.05);
        orion_mil_plan_destroy(&plan);
    }
    assert_int_equal(orion_mil_legalize(training, target, NULL, NULL, diag, &plan),
                     ORION_ERROR_UNSUPPORTED);
    assert_null(plan);
    assert_diag(diag, ORION_MESSAGE_MIL_PLAN, "2 programs for h16, not one");
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&training);
    orion_ir_graph_destroy(&graph);
    orion_mil_target_destroy(&target);
}

static void test_past_the_end(void **state) {
    (void)state;
    orion_ir_graph *graph = parse_graph("oir 1\ngraph @main(%x: f32[2]) -> (%y, same = %x) {\n"
                                        "  %y = exp %x : f32[2]\n}\n");
    orion_mil_target *target = target_of("h16");
    orion_mil_plan *plan = plan_of(graph, target, NULL);
    orion_mil_plan_program program = {.size = sizeof program};
    orion_mil_plan_call call = {.size = sizeof call};
    orion_mil_plan_value value = {.size = sizeof value};
    assert_int_equal(orion_mil_plan_program_count(plan), 1);
    assert_int_equal(orion_mil_plan_get_program(plan, 1, &program), ORION_ERROR_NOT_FOUND);
    assert_int_equal(orion_mil_plan_get_call(plan, 1, &call), ORION_ERROR_NOT_FOUND);
    assert_int_equal(orion_mil_plan_get_value(plan, 99, &value), ORION_ERROR_NOT_FOUND);
    assert_true(orion_mil_plan_output(plan, 2) == SIZE_MAX);
    program.size = 0;
    assert_int_equal(orion_mil_plan_get_program(plan, 0, &program), ORION_ERROR_INVALID_ARGUMENT);
    assert_plan_agrees(plan, graph, NULL, ORION_IR_EVAL_EXACT, 1e-9);
    orion_mil_plan_destroy(&plan);
    orion_mil_target_destroy(&target);
    orion_ir_graph_destroy(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layers_are_legal),
        cmocka_unit_test(test_plans_compute_the_same),
        cmocka_unit_test(test_norms_in_half),
        cmocka_unit_test(test_models),
        cmocka_unit_test(test_plans_are_deterministic),
        cmocka_unit_test(test_constants_and_blocks),
        cmocka_unit_test(test_too_large),
        cmocka_unit_test(test_legalize),
        cmocka_unit_test(test_past_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
