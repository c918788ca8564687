/* SPDX-License-Identifier: MIT */
/* Shared by the tests of MIL that others wrote. */
#include "foreign-support.h"

#include <math.h>

static void compare(const foreign_case *c, const char *who, size_t output, const double *got,
                    size_t n, ane_tolerance t) {
    const double *want = c->expected[output];
    for (size_t i = 0; i < n; i++) {
        bool both_nan = isnan(got[i]) && isnan(want[i]);
        double d = fabs(got[i] - want[i]);
        if (got[i] == want[i] || both_nan || d <= t.absolute + t.relative * fabs(want[i])) continue;
        fail_msg("%s\n%s: output %zu [%zu] is %.9g, not %.9g", c->text, who, output, i, got[i],
                 want[i]);
    }
}

static orion_mil_program *parse(const char *text, orion_diag *diag) {
    orion_mil_program *program;
    orion_status status =
        orion_mil_parse(text, strlen(text), "test.mil", NULL, NULL, diag, &program);
    if (status != ORION_OK)
        fail_msg("does not parse:\n%s\n%s", text, orion_diag_get(diag, 0)->text);
    return program;
}

static orion_buffer *spell(const char *text, orion_mil_dialect dialect, orion_diag *diag) {
    orion_buffer *buffer;
    orion_mil_program *program = parse(text, diag);
    orion_mil_print_options options = {.size = sizeof options, .dialect = (uint32_t)dialect};
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_mil_print(program, &options, &writer), ORION_OK);
    orion_mil_program_destroy(&program);
    return buffer;
}

/* The reference; also the types of the outputs. */
static op_buffers check_exact(const foreign_case *c, const orion_buffer *text, orion_diag *diag,
                              uint32_t *dtypes) {
    orion_ir_graph *graph;
    orion_mil_program *program = parse(orion_buffer_data(text), diag);
    orion_status status =
        orion_mil_raise(program, c->weights, c->function, NULL, NULL, diag, &graph);
    if (status != ORION_OK) {
        fail_msg("%s\n%s", orion_buffer_data(text), orion_diag_get(diag, 0)->text);
    }
    op_buffers out = op_outputs_of(graph);
    assert_int_equal(out.count, c->expected_count);
    assert_ok(orion_ir_eval(graph, ORION_IR_EVAL_EXACT, c->inputs, out.data, diag), diag);
    for (size_t i = 0; i < out.count; i++) {
        dtypes[i] = orion_ir_value_type(graph, orion_ir_graph_output(graph, i)).dtype;
        compare(c, "reference", i, out.data[i], out.elements[i], c->exact);
    }
    orion_ir_graph_destroy(&graph);
    orion_mil_program_destroy(&program);
    return out;
}

static void check_device(const foreign_case *c, const orion_buffer *text, orion_diag *diag,
                         const uint32_t *dtypes, const op_buffers *out) {
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 2);
    orion_ane_program *program;
    orion_ane_program_stats stats = {.size = sizeof stats};
    orion_ane_source source = {.size = sizeof source,
                               .text = orion_buffer_data(text),
                               .length = orion_buffer_size(text),
                               .weights = c->weights,
                               .function = c->function};
    assert_ok(orion_ane_program_compile(device, &source, diag, &program), diag);
    assert_int_equal(orion_ane_program_get_stats(program, &stats), ORION_OK);
    if (stats.reference_steps > c->reference_steps) {
        fail_msg("%s\n%llu steps are left to the reference", orion_buffer_data(text),
                 (unsigned long long)stats.reference_steps);
    }
    ane_bound b = ane_bind(program, false);
    for (size_t i = 0; i < b.inputs; i++) ane_write(&b, i, c->inputs[i]);
    assert_ok(orion_ane_run_execute(b.run, diag), diag);
    for (size_t i = 0; i < out->count; i++) {
        bool given = c->device.absolute != 0 || c->device.relative != 0;
        ane_read(&b, b.inputs + i, out->data[i]);
        compare(c, "device", i, out->data[i], out->elements[i],
                given ? c->device : ane_tolerance_of(dtypes[i]));
    }
    ane_bound_free(&b);
    orion_ane_device_unref(&device);
}

void foreign_check(const foreign_case *c) {
    static const orion_mil_dialect spellings[] = {ORION_MIL_IOS16, ORION_MIL_IOS18};
    for (size_t i = 0; i < ORN_COUNT(spellings); i++) {
        orion_diag *diag;
        uint32_t dtypes[16];
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        orion_buffer *text = spell(c->text, spellings[i], diag);
        op_buffers out = check_exact(c, text, diag, dtypes);
        check_device(c, text, diag, dtypes, &out);
        op_buffers_free(&out);
        orion_buffer_destroy(&text);
        orion_diag_destroy(&diag);
    }
}
