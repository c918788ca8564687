/* SPDX-License-Identifier: MIT */
/*
 * Any graph as .oir text: lowered to MIL in both spellings, through the text, and raised to the
 * same graph. Names of values within it may differ; inputs and outputs keep theirs.
 */
#include "fuzz.h"

#include <orion/mil.h>

/* ---- equality ---- */

static int same_type(const orion_ir_graph *a, orion_ir_value x, const orion_ir_graph *b,
                     orion_ir_value y) {
    orion_ir_type s = orion_ir_value_type(a, x), t = orion_ir_value_type(b, y);
    return orion_ir_type_equal(&s, &t);
}

/* Is attribute `name` the same, bit for bit? */
static int same_attribute(const orion_ir_node *m, const orion_ir_node *n,
                          const orion_ir_attr_info *info) {
    size_t p, q;
    const int64_t *x = orion_ir_node_ints(m, info->name, &p);
    const int64_t *y = orion_ir_node_ints(n, info->name, &q);
    double f = orion_ir_node_float(m, info->name), g = orion_ir_node_float(n, info->name);
    return p == q && (p == 0 || memcmp(x, y, p * sizeof *x) == 0) &&
           memcmp(&f, &g, sizeof f) == 0 &&
           orion_ir_node_int(m, info->name) == orion_ir_node_int(n, info->name);
}

static int same_data(const orion_ir_node *m, const orion_ir_node *n) {
    size_t p = 0, q = 0;
    const void *x = orion_ir_node_data(m, &p), *y = orion_ir_node_data(n, &q);
    return p == q && (p == 0 || memcmp(x, y, p) == 0);
}

/* `to` maps the values of a to those of b. */
static void check_node(const orion_ir_graph *a, const orion_ir_node *m, const orion_ir_graph *b,
                       const orion_ir_node *n, uint32_t *to) {
    orion_ir_op op = orion_ir_node_op(m);
    const orion_ir_attr_info *info;
    FUZZ_CHECK(orion_ir_node_op(n) == op);
    FUZZ_CHECK(orion_ir_node_input_count(n) == orion_ir_node_input_count(m));
    for (size_t i = 0; i < orion_ir_node_input_count(m); i++)
        FUZZ_CHECK(to[orion_ir_node_input(m, i).id] == orion_ir_node_input(n, i).id);
    for (size_t i = 0; (info = orion_ir_op_attr(op, i)) != NULL; i++)
        FUZZ_CHECK(same_attribute(m, n, info));
    FUZZ_CHECK(same_data(m, n));
    FUZZ_CHECK(orion_ir_node_result_count(n) == orion_ir_node_result_count(m));
    for (size_t i = 0; i < orion_ir_node_result_count(m); i++) {
        orion_ir_value x = orion_ir_node_result(m, i), y = orion_ir_node_result(n, i);
        FUZZ_CHECK(same_type(a, x, b, y));
        to[x.id] = y.id;
    }
}

static void check_equal(const orion_ir_graph *a, const orion_ir_graph *b) {
    uint32_t *to = calloc(orion_ir_graph_value_bound(a), sizeof *to);
    FUZZ_CHECK(to != NULL);
    FUZZ_CHECK(orion_ir_graph_input_count(a) == orion_ir_graph_input_count(b));
    for (size_t i = 0; i < orion_ir_graph_input_count(a); i++) {
        orion_ir_value x = orion_ir_graph_input(a, i), y = orion_ir_graph_input(b, i);
        FUZZ_CHECK(same_type(a, x, b, y));
        FUZZ_CHECK(strcmp(orion_ir_value_name(a, x), orion_ir_value_name(b, y)) == 0);
        to[x.id] = y.id;
    }
    const orion_ir_node *n = orion_ir_graph_first(b);
    for (const orion_ir_node *m = orion_ir_graph_first(a); m != NULL; m = orion_ir_node_next(m)) {
        FUZZ_CHECK(n != NULL);
        check_node(a, m, b, n, to);
        n = orion_ir_node_next(n);
    }
    FUZZ_CHECK(n == NULL);
    FUZZ_CHECK(orion_ir_graph_output_count(a) == orion_ir_graph_output_count(b));
    for (size_t i = 0; i < orion_ir_graph_output_count(a); i++) {
        FUZZ_CHECK(strcmp(orion_ir_graph_output_name(a, i), orion_ir_graph_output_name(b, i)) == 0);
        FUZZ_CHECK(to[orion_ir_graph_output(a, i).id] == orion_ir_graph_output(b, i).id);
    }
    free(to);
}

/* ---- there and back ---- */

static orion_ir_graph *through_text(const orion_mil_program *program,
                                    const orion_mil_weights *weights) {
    orion_buffer *text = NULL;
    orion_mil_program *parsed = NULL;
    orion_ir_graph *raised = NULL;
    FUZZ_CHECK(orion_buffer_create(NULL, &text) == ORION_OK);
    orion_writer writer = orion_buffer_writer(text);
    FUZZ_CHECK(orion_mil_print(program, NULL, &writer) == ORION_OK);
    FUZZ_CHECK(orion_mil_parse(orion_buffer_data(text), orion_buffer_size(text), NULL, NULL, NULL,
                               NULL, &parsed) == ORION_OK);
    FUZZ_CHECK(orion_mil_verify(parsed, NULL) == ORION_OK);
    FUZZ_CHECK(orion_mil_raise(parsed, weights, NULL, NULL, NULL, NULL, &raised) == ORION_OK);
    orion_mil_program_destroy(&parsed);
    orion_buffer_destroy(&text);
    return raised;
}

static void check(const orion_ir_graph *g, uint32_t dialect, uint32_t inline_elements) {
    orion_mil_lower_options options = {
        .size = sizeof options, .dialect = dialect, .inline_elements = inline_elements};
    orion_mil_program *program = NULL;
    orion_mil_weights *weights = NULL;
    FUZZ_CHECK(orion_mil_lower(g, &options, NULL, NULL, &program, &weights) == ORION_OK);
    orion_ir_graph *raised = through_text(program, weights);
    check_equal(g, raised);
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
