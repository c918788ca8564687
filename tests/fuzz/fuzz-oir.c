/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as .oir text: refused with a diagnostic, or a valid graph whose text and whose text's
 * text are equal, also after passes and differentiation.
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

/* Small enough that what decompositions and gradients put in takes no time. */
static int is_small(const orion_ir_graph *g) {
    for (uint32_t id = 1; id < orion_ir_graph_value_bound(g); id++) {
        orion_ir_type type = orion_ir_value_type(g, (orion_ir_value){id});
        if (orion_ir_type_elements(&type) > 4096) return 0;
    }
    return 1;
}

static void check_passes(orion_ir_graph *g, const char *pipeline) {
    orion_ir_pass_options options = {.size = sizeof options, .verify_each = 1};
    int changed = 1;
    FUZZ_CHECK(orion_ir_run_passes(g, pipeline, &options, NULL, NULL) == ORION_OK);
    FUZZ_CHECK(orion_ir_run_passes(g, "default", &options, NULL, NULL) == ORION_OK);
    FUZZ_CHECK(orion_ir_run_passes(g, "default", &options, NULL, &changed) == ORION_OK);
    FUZZ_CHECK(changed == 0);
    check_text(g);
}

/* The gradient, where there is one, is a valid graph. */
static void check_gradient(const orion_ir_graph *g) {
    const orion_ir_grad_options options = {.size = sizeof options, .seed = "fuzz_seed"};
    orion_ir_graph *gradient = NULL;
    orion_status status = orion_ir_grad(g, &options, NULL, NULL, &gradient);
    FUZZ_CHECK((status == ORION_OK) == (gradient != NULL));
    if (gradient != NULL) check_text(gradient);
    orion_ir_graph_destroy(&gradient);
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
        if (is_small(g)) check_gradient(g);
        check_passes(g, is_small(g) ? "decompose" : "dce");
    }
    orion_ir_graph_destroy(&g);
    orion_diag_destroy(&diag);
    return 0;
}
