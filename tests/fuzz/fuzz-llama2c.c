/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a llama2.c weight file: refused with a diagnostic, or a model whose weights lie in
 * the file and whose graphs can be built.
 */
#include "fuzz.h"

#include <orion/train.h>

static void check_weights(const orion_train_model *m, const orion_blob *blob) {
    const char *begin = orion_blob_data(blob), *end = begin + orion_blob_size(blob);
    for (size_t i = 0; i < orion_train_model_parameter_count(m); i++) {
        orion_train_parameter p = {.size = sizeof p};
        FUZZ_CHECK(orion_train_model_parameter(m, i, &p) == ORION_OK);
        FUZZ_CHECK((const char *)p.data >= begin && p.elements <= orion_blob_size(blob));
        FUZZ_CHECK((const char *)(p.data + p.elements) <= end);
        for (size_t k = 0; k < p.elements; k++) FUZZ_CHECK(p.data[k] - p.data[k] == 0);
    }
}

static void check_graphs(const orion_train_model *m, orion_diag *diag) {
    for (uint32_t kind = 0; kind <= ORION_TRAIN_GRAPH_LOGITS; kind++) {
        orion_ir_graph *g = NULL;
        FUZZ_CHECK(orion_train_model_graph(m, orion_train_graph_options(.kind = kind, .length = 2),
                                           NULL, diag, &g) == ORION_OK);
        FUZZ_CHECK(orion_ir_verify(g, diag) == ORION_OK);
        orion_ir_graph_destroy(&g);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_blob *blob = NULL;
    orion_train_model *m = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    FUZZ_CHECK(orion_blob_copy(size == 0 ? (const uint8_t *)"" : data, size, NULL, &blob) ==
               ORION_OK);
    orion_status status = orion_train_model_parse_llama2c(blob, "fuzz", NULL, diag, &m);
    FUZZ_CHECK((status == ORION_OK) == (m != NULL));
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    if (m != NULL) {
        check_weights(m, blob);
        check_graphs(m, diag);
    }
    orion_train_model_unref(&m);
    orion_blob_unref(&blob);
    orion_diag_destroy(&diag);
    return 0;
}
