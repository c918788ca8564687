/* SPDX-License-Identifier: MIT */
/* Any graph as .oir text: lowered to MIL in both spellings, through the text, and raised unchanged.
 */
#include "fuzz.h"

#include <orion/mil.h>

static orion_buffer *new_buffer(void) {
    orion_buffer *buffer = NULL;
    FUZZ_CHECK(orion_buffer_create(NULL, &buffer) == ORION_OK);
    return buffer;
}

/* The text of a graph behind its name, which lowering drops. */
static orion_buffer *print_graph(const orion_ir_graph *g, const char **tail) {
    orion_buffer *text = new_buffer();
    orion_writer writer = orion_buffer_writer(text);
    FUZZ_CHECK(orion_ir_print(g, &writer) == ORION_OK);
    *tail = strchr(orion_buffer_data(text), '(');
    return text;
}

static orion_ir_graph *through_text(const orion_mil_program *program,
                                    const orion_mil_weights *weights) {
    orion_buffer *text = new_buffer();
    orion_writer writer = orion_buffer_writer(text);
    orion_mil_program *parsed = NULL;
    orion_ir_graph *raised = NULL;
    FUZZ_CHECK(orion_mil_print(program, NULL, &writer) == ORION_OK);
    FUZZ_CHECK(orion_mil_parse(orion_buffer_data(text), orion_buffer_size(text), NULL, NULL, NULL,
                               NULL, &parsed) == ORION_OK);
    FUZZ_CHECK(orion_mil_verify(parsed, NULL) == ORION_OK);
    FUZZ_CHECK(orion_mil_raise(parsed, weights, NULL, NULL, NULL, NULL, &raised) == ORION_OK);
    orion_mil_program_destroy(&parsed);
    orion_buffer_destroy(&text);
    return raised;
}

/* A value that is called _ and digits comes back without a name, and may then take that of an
 * output; so only graphs without such names must print the same. */
static int has_made_up_name(const char *text) {
    for (const char *at = text; (at = strchr(at, '%')) != NULL; at++) {
        size_t digits = at[1] == '_' ? strspn(at + 2, "0123456789") : 0;
        if (digits != 0 && strchr(" ,:)\n", at[2 + digits]) != NULL) return 1;
    }
    return 0;
}

static void check(const orion_ir_graph *g, uint32_t dialect, uint32_t inline_elements) {
    orion_mil_lower_options options = {
        .size = sizeof options, .dialect = dialect, .inline_elements = inline_elements};
    orion_mil_program *program = NULL;
    orion_mil_weights *weights = NULL;
    const char *a, *b;
    FUZZ_CHECK(orion_mil_lower(g, &options, NULL, NULL, &program, &weights) == ORION_OK);
    orion_ir_graph *raised = through_text(program, weights);
    FUZZ_CHECK(orion_ir_graph_node_count(raised) == orion_ir_graph_node_count(g));
    orion_buffer *text = print_graph(g, &a), *again = print_graph(raised, &b);
    FUZZ_CHECK(has_made_up_name(a) || strcmp(a, b) == 0);
    orion_buffer_destroy(&text);
    orion_buffer_destroy(&again);
    orion_ir_graph_destroy(&raised);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_ir_graph *g = NULL;
    if (orion_ir_parse((const char *)data, size, NULL, NULL, NULL, &g) != ORION_OK) return 0;
    check(g, ORION_MIL_IOS18, 0);
    check(g, ORION_MIL_IOS16, 1);
    orion_ir_graph_destroy(&g);
    return 0;
}
