/* SPDX-License-Identifier: MIT */
/* Shared by the tests of liborion-mil. */
#include "mil-support.h"

void show_diag(const orion_diag *diag) {
    orion_writer err = orion_writer_fd(2);
    fflush(stderr);
    (void)!orion_diag_print(diag, &err);
}

orion_mil_program *parse_mil(const char *text) {
    orion_diag *diag;
    orion_mil_program *program;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_parse(text, strlen(text), "test.mil", NULL, NULL, diag, &program), diag);
    assert_int_equal(orion_diag_count(diag), 0);
    orion_diag_destroy(&diag);
    return program;
}

orion_ir_graph *parse_graph(const char *oir) {
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_parse(oir, strlen(oir), "test.oir", NULL, diag, &graph), diag);
    orion_diag_destroy(&diag);
    return graph;
}

static char *take_text(orion_buffer *buffer) {
    size_t size = orion_buffer_size(buffer);
    char *text = malloc(size + 1);
    assert_non_null(text);
    memcpy(text, orion_buffer_data(buffer), size + 1);
    orion_buffer_destroy(&buffer);
    return text;
}

char *print_mil(const orion_mil_program *program, orion_mil_dialect dialect) {
    orion_buffer *buffer;
    orion_mil_print_options options = {.size = sizeof options, .dialect = (uint32_t)dialect};
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_mil_print(program, &options, &writer), ORION_OK);
    return take_text(buffer);
}

char *print_graph(const orion_ir_graph *graph) {
    orion_buffer *buffer;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_ir_print(graph, &writer), ORION_OK);
    return take_text(buffer);
}

void assert_diag_at(const orion_diag *diag, orion_message message, uint32_t line, uint32_t column,
                    const char *part) {
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        if (e->message != (uint32_t)message || strstr(e->text, part) == NULL) continue;
        if (e->line == line && e->column == column) return;
        show_diag(diag);
        fail_msg("'%s' is reported at %u:%u, not at %u:%u", part, e->line, e->column, line, column);
    }
    show_diag(diag);
    fail_msg("nothing says '%s' with ORN-%04d", part, (int)message);
}

void assert_parse_error(const char *text, orion_status status, orion_message message, uint32_t line,
                        uint32_t column, const char *part) {
    orion_diag *diag;
    orion_mil_program *program = (orion_mil_program *)&diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_parse(text, strlen(text), NULL, NULL, NULL, diag, &program), status);
    assert_null(program);
    assert_diag_at(diag, message, line, column, part);
    orion_diag_destroy(&diag);
}

/* ---- numbers ---- */

static size_t elements_of(const orion_ir_graph *graph, orion_ir_value v) {
    orion_ir_type type = orion_ir_value_type(graph, v);
    return (size_t)orion_ir_type_elements(&type);
}

double **input_numbers(const orion_ir_graph *graph, uint64_t seed) {
    size_t count = orion_ir_graph_input_count(graph);
    double **buffers = calloc(count + 1, sizeof *buffers);
    assert_non_null(buffers);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_graph_input(graph, i);
        uint32_t dtype = orion_ir_value_type(graph, v).dtype;
        size_t n = elements_of(graph, v);
        buffers[i] = malloc(n * sizeof **buffers);
        assert_non_null(buffers[i]);
        for (size_t k = 0; k < n; k++) {
            bool is_float =
                dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
            double whole = (double)(dtype == ORION_IR_BOOL ? k % 2 : k);
            buffers[i][k] = is_float ? test_random_unit(&seed) : whole;
        }
    }
    return buffers;
}

double **output_numbers(const orion_ir_graph *graph) {
    size_t count = orion_ir_graph_output_count(graph);
    double **buffers = calloc(count + 1, sizeof *buffers);
    assert_non_null(buffers);
    for (size_t i = 0; i < count; i++) {
        buffers[i] = calloc(elements_of(graph, orion_ir_graph_output(graph, i)), sizeof **buffers);
        assert_non_null(buffers[i]);
    }
    return buffers;
}

void free_numbers(double **buffers, size_t count) {
    for (size_t i = 0; i < count; i++) free(buffers[i]);
    free(buffers);
}

void assert_graphs_agree(const orion_ir_graph *a, const orion_ir_graph *b, double tolerance) {
    size_t inputs = orion_ir_graph_input_count(a), outputs = orion_ir_graph_output_count(a);
    assert_int_equal(inputs, orion_ir_graph_input_count(b));
    assert_int_equal(outputs, orion_ir_graph_output_count(b));
    double **in = input_numbers(a, 1), **x = output_numbers(a), **y = output_numbers(b);
    const double *const *given = (const double *const *)in;
    assert_ok(orion_ir_eval(a, ORION_IR_EVAL_EXACT, given, x, NULL), NULL);
    assert_ok(orion_ir_eval(b, ORION_IR_EVAL_EXACT, given, y, NULL), NULL);
    for (size_t i = 0; i < outputs; i++) {
        assert_string_equal(orion_ir_graph_output_name(a, i), orion_ir_graph_output_name(b, i));
        assert_doubles_near(y[i], x[i], elements_of(a, orion_ir_graph_output(a, i)), tolerance,
                            tolerance);
    }
    free_numbers(in, inputs);
    free_numbers(x, outputs);
    free_numbers(y, outputs);
}
