/* SPDX-License-Identifier: MIT */
/* Any bytes as a recipe: refused with a place, or fields that are finite numbers. */
#include "fuzz.h"

#include "trainer-internal.h"

static void check_section(const train_section *section, const void *base) {
    for (size_t i = 0; i < section->count; i++) {
        double number = 0;
        if (section->fields[i].kind != TRAIN_FIELD_F64) continue;
        memcpy(&number, (const char *)base + section->fields[i].offset, sizeof number);
        FUZZ_CHECK(number - number == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_train_model_config config = {.size = sizeof config};
    orion_train_options options = {.size = sizeof options};
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    orion_status status =
        train_recipe_parse((const char *)data, size, "fuzz", diag, &config, &options);
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    FUZZ_CHECK(status == ORION_OK || status == ORION_ERROR_SYNTAX || status == ORION_ERROR_VERIFY);
    check_section(&train_section_model, &config);
    check_section(&train_section_train, &options);
    orion_diag_destroy(&diag);
    return 0;
}
