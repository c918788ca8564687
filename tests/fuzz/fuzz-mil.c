/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as MIL text: refused with a diagnostic, or a program whose text and whose text's text
 * are equal in both spellings; and what can be raised to a graph goes to MIL and back unchanged.
 */
#include "fuzz.h"

#include <orion/mil.h>

static orion_buffer *print(const orion_mil_program *p, orion_mil_dialect dialect) {
    orion_mil_print_options options = {.size = sizeof options, .dialect = (uint32_t)dialect};
    orion_buffer *text = NULL;
    FUZZ_CHECK(orion_buffer_create(NULL, &text) == ORION_OK);
    orion_writer writer = orion_buffer_writer(text);
    FUZZ_CHECK(orion_mil_print(p, &options, &writer) == ORION_OK);
    return text;
}

static void check_equal(orion_buffer *a, orion_buffer *b) {
    FUZZ_CHECK(orion_buffer_size(a) == orion_buffer_size(b));
    FUZZ_CHECK(memcmp(orion_buffer_data(a), orion_buffer_data(b), orion_buffer_size(a)) == 0);
    orion_buffer_destroy(&a);
    orion_buffer_destroy(&b);
}

static void check_text(const orion_mil_program *p, orion_mil_dialect dialect) {
    orion_mil_program *again = NULL;
    orion_buffer *text = print(p, dialect);
    FUZZ_CHECK(orion_mil_parse(orion_buffer_data(text), orion_buffer_size(text), NULL, NULL, NULL,
                               NULL, &again) == ORION_OK);
    FUZZ_CHECK(orion_mil_verify(again, NULL) == orion_mil_verify(p, NULL));
    check_equal(text, print(again, ORION_MIL_AS_IS));
    orion_mil_program_destroy(&again);
}

static orion_buffer *print_graph(const orion_ir_graph *g) {
    orion_buffer *text = NULL;
    FUZZ_CHECK(orion_buffer_create(NULL, &text) == ORION_OK);
    orion_writer writer = orion_buffer_writer(text);
    FUZZ_CHECK(orion_ir_print(g, &writer) == ORION_OK);
    return text;
}

static void check_round_trip(const orion_ir_graph *g) {
    orion_mil_program *p = NULL;
    orion_mil_weights *weights = NULL;
    orion_ir_graph *back = NULL;
    FUZZ_CHECK(orion_mil_lower(g, NULL, NULL, NULL, &p, &weights) == ORION_OK);
    FUZZ_CHECK(orion_mil_verify(p, NULL) == ORION_OK);
    FUZZ_CHECK(orion_mil_raise(p, weights, NULL, NULL, NULL, NULL, &back) == ORION_OK);
    orion_buffer *a = print_graph(g), *b = print_graph(back);
    /* Only the graph's own name may differ. */
    const char *x = strchr(orion_buffer_data(a), '('), *y = strchr(orion_buffer_data(b), '(');
    FUZZ_CHECK(strcmp(x, y) == 0);
    orion_buffer_destroy(&a);
    orion_buffer_destroy(&b);
    orion_ir_graph_destroy(&back);
    orion_mil_program_destroy(&p);
    orion_mil_weights_destroy(&weights);
}

static void check_raise(const orion_mil_program *p, orion_diag *diag) {
    for (size_t i = 0; i < orion_mil_program_function_count(p); i++) {
        const char *name = orion_mil_function_name(orion_mil_program_function(p, i));
        orion_ir_graph *g = NULL;
        orion_diag_clear(diag);
        orion_status status = orion_mil_raise(p, NULL, name, NULL, NULL, diag, &g);
        FUZZ_CHECK((status == ORION_OK) == (g != NULL));
        FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
        if (g == NULL) continue;
        FUZZ_CHECK(orion_ir_verify(g, diag) == ORION_OK);
        check_round_trip(g);
        orion_ir_graph_destroy(&g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_mil_program *p = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    orion_status status = orion_mil_parse((const char *)data, size, "fuzz", NULL, NULL, diag, &p);
    FUZZ_CHECK((status == ORION_OK) == (p != NULL));
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    if (p != NULL) {
        status = orion_mil_verify(p, diag);
        FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
        check_text(p, ORION_MIL_AS_IS);
        check_text(p, ORION_MIL_IOS16);
        check_text(p, ORION_MIL_IOS18);
        check_raise(p, diag);
    }
    orion_mil_program_destroy(&p);
    orion_diag_destroy(&diag);
    return 0;
}
