/* SPDX-License-Identifier: MIT */
/* Any bytes as a file of a target: refused with one diagnostic, or a target whose rules are whole.
 */
#include "fuzz.h"

#include "mil-target.h"

static void check_rules(const orion_mil_target *target) {
    orion_mil_rule rule = {.size = sizeof rule};
    orion_mil_limit limit = {.size = sizeof limit};
    for (size_t i = 0; orion_mil_target_rule(target, i, &rule) == ORION_OK; i++) {
        FUZZ_CHECK(rule.id[0] != '\0' && rule.workaround[0] != '\0' && rule.source[0] != '\0');
        FUZZ_CHECK(rule.level <= ORION_SEVERITY_NOTE && rule.verdict >= ORION_MIL_SOLID);
        FUZZ_CHECK(orion_mil_target_find_rule(target, rule.id, &rule) == ORION_OK);
    }
    for (size_t i = 0; orion_mil_target_limit(target, i, &limit) == ORION_OK; i++)
        FUZZ_CHECK(limit.value != 0 && limit.source[0] != '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_mil_target *target = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    orion_status status = mil_target_parse((const char *)data, size, "fuzz", NULL, diag, &target);
    FUZZ_CHECK((status == ORION_OK) == (target != NULL));
    FUZZ_CHECK(orion_diag_count(diag) == (status != ORION_OK));
    FUZZ_CHECK(status == ORION_OK || status == ORION_ERROR_SYNTAX || status == ORION_ERROR_VERIFY);
    if (target != NULL) check_rules(target);
    orion_mil_target_destroy(&target);
    orion_diag_destroy(&diag);
    return 0;
}
