/* SPDX-License-Identifier: MIT */
/* Running plans with the reference interpreter, and checking them against their target. */
#include "plan-support.h"

orion_mil_target *target_of(const char *name) {
    orion_mil_target *target;
    assert_ok(orion_mil_target_find(name, NULL, NULL, &target), NULL);
    return target;
}

orion_mil_plan *plan_of(const orion_ir_graph *graph, const orion_mil_target *target,
                        const orion_mil_partition_options *options) {
    orion_diag *diag;
    orion_mil_plan *plan;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_partition(graph, target, options, NULL, diag, &plan), diag);
    orion_diag_destroy(&diag);
    return plan;
}

orion_mil_plan_program program_at(const orion_mil_plan *plan, size_t i) {
    orion_mil_plan_program program = {.size = sizeof program};
    assert_int_equal(orion_mil_plan_get_program(plan, i, &program), ORION_OK);
    return program;
}

orion_mil_plan_call call_at(const orion_mil_plan *plan, size_t i) {
    orion_mil_plan_call call = {.size = sizeof call};
    assert_int_equal(orion_mil_plan_get_call(plan, i, &call), ORION_OK);
    return call;
}

orion_mil_plan_value value_at(const orion_mil_plan *plan, size_t i) {
    orion_mil_plan_value value = {.size = sizeof value};
    assert_int_equal(orion_mil_plan_get_value(plan, i, &value), ORION_OK);
    return value;
}

/* ---- running a plan with the reference interpreter ---- */

static orion_ir_type port_type(const orion_ir_graph *g, size_t i, bool is_input) {
    return orion_ir_value_type(g,
                               is_input ? orion_ir_graph_input(g, i) : orion_ir_graph_output(g, i));
}

/* Evaluate a graph whose outputs get fresh buffers. */
static double **evaluated(const orion_ir_graph *g, orion_ir_eval_mode mode, double **in) {
    double **out = output_numbers(g);
    assert_ok(orion_ir_eval(g, mode, (const double *const *)in, out, NULL), NULL);
    return out;
}

static void run_call(const orion_mil_plan *plan, const orion_mil_plan_call *call,
                     orion_ir_eval_mode mode, double **values) {
    orion_mil_plan_program program = program_at(plan, call->program);
    const orion_ir_graph *first = program.before != NULL ? program.before : program.graph;
    const orion_ir_graph *last = program.after != NULL ? program.after : program.graph;
    double **in = calloc(call->input_count + 1, sizeof *in);
    assert_non_null(in);
    assert_int_equal(call->input_count, orion_ir_graph_input_count(first));
    assert_int_equal(call->output_count, orion_ir_graph_output_count(last));
    for (size_t i = 0; i < call->input_count; i++) {
        orion_mil_plan_value value = value_at(plan, call->inputs[i]);
        orion_ir_type type = port_type(first, i, true);
        assert_true(orion_ir_type_equal(&value.type, &type));
        in[i] = values[call->inputs[i]];
        assert_non_null(in[i]); /* computed before it is used */
    }
    double **from = in, **next;
    const orion_ir_graph *const stages[] = {program.before, program.graph, program.after};
    for (size_t s = 0; s < 3; s++) {
        if (stages[s] == NULL) continue;
        next = evaluated(stages[s], mode, from);
        if (from != in) free_numbers(from, orion_ir_graph_input_count(stages[s]));
        from = next;
    }
    for (size_t i = 0; i < call->output_count; i++) {
        orion_mil_plan_value value = value_at(plan, call->outputs[i]);
        orion_ir_type type = port_type(last, i, false);
        assert_true(orion_ir_type_equal(&value.type, &type));
        assert_null(values[call->outputs[i]]);
        values[call->outputs[i]] = from[i];
    }
    free(from);
    free(in);
}

/* Calls in order give what the graph gives. */
void assert_plan_agrees(const orion_mil_plan *plan, const orion_ir_graph *graph, double **given,
                        orion_ir_eval_mode mode, double tolerance) {
    size_t count = orion_mil_plan_value_count(plan), inputs = orion_ir_graph_input_count(graph);
    double **in = given != NULL ? given : input_numbers(graph, 7);
    double **expected = evaluated(graph, mode, in);
    double **values = calloc(count + 1, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < count; i++) {
        orion_mil_plan_value value = value_at(plan, i);
        if (value.input == ORION_MIL_NO_INPUT) continue;
        size_t n = (size_t)orion_ir_type_elements(&value.type);
        values[i] = malloc(n * sizeof **values);
        assert_non_null(values[i]);
        memcpy(values[i], in[value.input], n * sizeof **values);
    }
    for (size_t i = 0; i < orion_mil_plan_call_count(plan); i++) {
        orion_mil_plan_call call = call_at(plan, i);
        run_call(plan, &call, mode, values);
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(graph); i++) {
        orion_ir_type type = port_type(graph, i, false);
        assert_doubles_near(values[orion_mil_plan_output(plan, i)], expected[i],
                            (size_t)orion_ir_type_elements(&type), tolerance, tolerance);
    }
    free_numbers(values, count);
    free_numbers(expected, orion_ir_graph_output_count(graph));
    if (given == NULL) free_numbers(in, inputs);
}

/* ---- what a target says about a plan ---- */

/* Advice of level note may stay: rows of other lengths, products with constants (E-17) and
 * large values cost time only. */
static bool may_stay(const orion_diag_entry *e) {
    return e->severity == ORION_SEVERITY_NOTE && strcmp(e->subject, "E-3") != 0 &&
           strcmp(e->subject, "E-19") != 0;
}

void assert_legal(const orion_mil_plan *plan, const orion_mil_target *target) {
    for (size_t i = 0; i < orion_mil_plan_program_count(plan); i++) {
        orion_mil_plan_program program = program_at(plan, i);
        orion_mil_lower_options options = {.size = sizeof options,
                                           .dialect = (uint32_t)orion_mil_target_dialect(target)};
        orion_mil_program *mil;
        orion_mil_weights *weights;
        orion_diag *diag;
        if (program.on_host != 0) continue;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_ok(orion_mil_lower(program.graph, &options, NULL, diag, &mil, &weights), diag);
        assert_ok(orion_mil_check(mil, weights, target, diag), diag);
        for (size_t k = 0; k < orion_diag_count(diag); k++) {
            const orion_diag_entry *e = orion_diag_get(diag, k);
            if (e->message == ORION_MESSAGE_MIL_RULE) k++; /* the note with the workaround */
            if (may_stay(e)) continue;
            char *text = print_mil(mil, ORION_MIL_AS_IS);
            print_message("%s\n", text);
            show_diag(diag);
            fail_msg("%s of %s is not legal", program.name, orion_mil_target_name(target));
        }
        orion_mil_program_destroy(&mil);
        orion_mil_weights_destroy(&weights);
        orion_diag_destroy(&diag);
    }
}

/* The legal graph that a plan is cut from, one pass after the other. */
orion_ir_graph *legal_graph(const orion_ir_graph *graph, const orion_mil_target *target) {
    orion_ir_graph *g, *next;
    const char *pass;
    assert_int_equal(orion_ir_graph_clone(graph, NULL, &g), ORION_OK);
    for (size_t i = 0; (pass = orion_mil_pass_name(i)) != NULL; i++) {
        assert_ok(orion_mil_run_pass(g, pass, target, NULL, NULL, &next), NULL);
        orion_ir_graph_destroy(&g);
        g = next;
        if (strcmp(pass, "expand") == 0 || strcmp(pass, "mask") == 0)
            assert_ok(orion_ir_run_passes(g, "default", NULL, NULL, NULL), NULL);
    }
    return g;
}
