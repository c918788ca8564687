/* SPDX-License-Identifier: MIT */
/*
 * What liborion-mil calls legal, on the device: training steps of small models are cut into
 * programs for a target; those of the device run on the emulator with the chip's profile, in strict
 * mode, compiled from their MIL text; the host's are evaluated. The results are those of the whole
 * graph.
 */
#include "emulator-support.h"

#include "../mil/models.h"

typedef struct chip {
    const char *target, *settings;
} chip;

/* A program as the emulator runs it. */
typedef struct loaded {
    ane_bound bound;
    char *text;
    orion_mil_weights *weights;
} loaded;

static loaded load(bench *b, const orion_ir_graph *graph, const orion_mil_target *target) {
    loaded l;
    orion_mil_program *mil;
    orion_mil_lower_options options = {.size = sizeof options,
                                       .dialect = (uint32_t)orion_mil_target_dialect(target)};
    assert_ok(orion_mil_lower(graph, &options, NULL, b->diag, &mil, &l.weights), b->diag);
    l.text = print_mil(mil, ORION_MIL_AS_IS);
    orion_mil_program_destroy(&mil);
    l.bound = ane_bind(bench_compile(b, l.text, l.weights), false);
    return l;
}

static void unload(loaded *l) {
    ane_bound_free(&l->bound);
    orion_mil_weights_destroy(&l->weights);
    free(l->text);
}

static size_t port_of(const ane_bound *b, const char *name) {
    orion_ane_port port = {.size = sizeof port};
    for (size_t i = 0; orion_ane_program_port(b->program, i, &port) == ORION_OK; i++) {
        if (strcmp(port.name, name) == 0) return i;
    }
    fail_msg("there is no port %s", name);
    return 0;
}

/* By the emulator: numbers for the inputs of the graph to numbers of its outputs. */
static double **run_on_device(bench *b, const orion_ir_graph *g, const orion_mil_target *target,
                              double **in) {
    loaded l = load(b, g, target);
    double **out = output_numbers(g);
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        const char *name = orion_ir_value_name(g, orion_ir_graph_input(g, i));
        ane_write(&l.bound, port_of(&l.bound, name), in[i]);
    }
    assert_ok(orion_ane_run_execute(l.bound.run, b->diag), b->diag);
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++)
        ane_read(&l.bound, port_of(&l.bound, orion_ir_graph_output_name(g, i)), out[i]);
    unload(&l);
    return out;
}

static double **evaluated(const orion_ir_graph *g, orion_ir_eval_mode mode, double **in) {
    double **out = output_numbers(g);
    assert_ok(orion_ir_eval(g, mode, (const double *const *)in, out, NULL), NULL);
    return out;
}

/* One call: what is in front of the program, the program, what is behind it. Takes `in`. */
static double **run_call(bench *b, const orion_mil_plan_program *p, const orion_mil_target *target,
                         double **in, size_t count) {
    const orion_ir_graph *const stages[] = {p->before, p->graph, p->after};
    double **from = in;
    for (size_t s = 0; s < 3; s++) {
        if (stages[s] == NULL) continue;
        bool on_device = s == 1 && p->on_host == 0;
        double **next = on_device ? run_on_device(b, stages[s], target, from)
                                  : evaluated(stages[s], ORION_IR_EVAL_ROUNDED, from);
        free_numbers(from, from == in ? count : orion_ir_graph_input_count(stages[s]));
        from = next;
    }
    return from;
}

static double *copy_of(const double *data, size_t n) {
    double *copy = malloc(n * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, data, n * sizeof *copy);
    return copy;
}

static size_t elements_of(const orion_mil_plan *plan, size_t i) {
    orion_mil_plan_value value = {.size = sizeof value};
    assert_int_equal(orion_mil_plan_get_value(plan, i, &value), ORION_OK);
    return (size_t)orion_ir_type_elements(&value.type);
}

/* Returns how often the device was asked. */
static uint64_t run_plan(bench *b, const orion_mil_plan *plan, const orion_mil_target *target,
                         double **values) {
    orion_mil_plan_call call = {.size = sizeof call};
    uint64_t dispatches = 0;
    for (size_t c = 0; orion_mil_plan_get_call(plan, c, &call) == ORION_OK; c++) {
        orion_mil_plan_program program = {.size = sizeof program};
        assert_int_equal(orion_mil_plan_get_program(plan, call.program, &program), ORION_OK);
        double **in = calloc(call.input_count + 1, sizeof *in);
        assert_non_null(in);
        for (size_t i = 0; i < call.input_count; i++)
            in[i] = copy_of(values[call.inputs[i]], elements_of(plan, call.inputs[i]));
        double **out = run_call(b, &program, target, in, call.input_count);
        for (size_t i = 0; i < call.output_count; i++) values[call.outputs[i]] = out[i];
        free(out);
        dispatches += program.on_host == 0;
    }
    return dispatches;
}

static void check_graph(bench *b, const orion_ir_graph *graph, const orion_mil_target *target) {
    orion_mil_plan *plan;
    assert_ok(orion_mil_partition(graph, target, NULL, NULL, b->diag, &plan), b->diag);
    size_t count = orion_mil_plan_value_count(plan);
    double **in = input_numbers(graph, 5), **values = calloc(count + 1, sizeof *values);
    double **wanted = evaluated(graph, ORION_IR_EVAL_EXACT, in);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        orion_mil_plan_value value = {.size = sizeof value};
        assert_int_equal(orion_mil_plan_get_value(plan, i, &value), ORION_OK);
        if (value.input != ORION_MIL_NO_INPUT)
            values[i] = copy_of(in[value.input], elements_of(plan, i));
    }
    uint64_t dispatches = run_plan(b, plan, target, values);
    assert_true(dispatches >= 6);
    assert_true(emulator_counters().evaluations == dispatches);
    for (size_t i = 0; i < orion_ir_graph_output_count(graph); i++) {
        size_t v = orion_mil_plan_output(plan, i);
        assert_doubles_near(values[v], wanted[i], elements_of(plan, v), 0.05, 0.05);
    }
    free_numbers(values, count);
    free_numbers(in, orion_ir_graph_input_count(graph));
    free_numbers(wanted, orion_ir_graph_output_count(graph));
    orion_mil_plan_destroy(&plan);
}

static void test_training_steps(void **state) {
    const chip *on = *state;
    const model_shape *const shapes[] = {&model_gpt2, &model_stories110m, &model_qwen3};
    orion_mil_target *target;
    assert_ok(orion_mil_target_find(on->target, NULL, NULL, &target), NULL);
    for (size_t s = 0; s < 3; s++) {
        bench b = bench_open(on->settings);
        model_shape small = model_small(shapes[s], 3);
        orion_ir_graph *graph = model_graph(&small, MODEL_TRAINING);
        check_graph(&b, graph, target);
        orion_ir_graph_destroy(&graph);
        bench_close(&b);
    }
    orion_mil_target_destroy(&target);
}

int main(void) {
    static chip chips[] = {{"h13", "profile=m1,strict=on"},
                           {"h16", "profile=m4,strict=on"},
                           {"h17", "profile=m5,strict=on"},
                           {"orion-paper", "profile=orion-paper,strict=on"}};
    const struct CMUnitTest tests[] = {
        {"h13", test_training_steps, NULL, NULL, &chips[0]},
        {"h16", test_training_steps, NULL, NULL, &chips[1]},
        {"h17", test_training_steps, NULL, NULL, &chips[2]},
        {"orion-paper", test_training_steps, NULL, NULL, &chips[3]},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
