/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as .oir text: refused with a diagnostic, or a valid graph whose text and whose text's
 * text are equal.
 */
#include "fuzz.h"

#include <orion/ir.h>

static orion_buffer *print(const orion_ir_graph *g) {
    orion_buffer *text = NULL;
    FUZZ_CHECK(orion_buffer_create(NULL, &text) == ORION_OK);
    orion_writer writer = orion_buffer_writer(text);
    FUZZ_CHECK(orion_ir_print(g, &writer) == ORION_OK);
    return text;
}

static void check_text(const orion_ir_graph *g) {
    orion_ir_graph *again = NULL;
    orion_buffer *text = print(g);
    FUZZ_CHECK(orion_ir_parse(orion_buffer_data(text), orion_buffer_size(text), NULL, NULL, NULL,
                              &again) == ORION_OK);
    orion_buffer *second = print(again);
    FUZZ_CHECK(orion_buffer_size(text) == orion_buffer_size(second));
    FUZZ_CHECK(
        memcmp(orion_buffer_data(text), orion_buffer_data(second), orion_buffer_size(text)) == 0);
    orion_buffer_destroy(&text);
    orion_buffer_destroy(&second);
    orion_ir_graph_destroy(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_ir_graph *g = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    orion_status status = orion_ir_parse((const char *)data, size, "fuzz", NULL, diag, &g);
    FUZZ_CHECK((status == ORION_OK) == (g != NULL));
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    if (g != NULL) {
        FUZZ_CHECK(orion_ir_verify(g, diag) == ORION_OK);
        check_text(g);
    }
    orion_ir_graph_destroy(&g);
    orion_diag_destroy(&diag);
    return 0;
}
