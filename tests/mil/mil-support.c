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
