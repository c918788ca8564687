/* SPDX-License-Identifier: MIT */
/* Every family on every back end, and the proof that no op is left out. */
#include "conformance.h"

/* A new back end is a row here. */
static const struct backend_row {
    orion_ane_backend backend;
    bool half;     /* computes in f16 whatever the graph says */
    bool emulated; /* only where there is an emulator */
} backends[] = {
    {ORION_ANE_BACKEND_CPU, false, false},
    {ORION_ANE_BACKEND_ANE_OBJC, true, true},
    {ORION_ANE_BACKEND_ANE_E5RT, true, true},
};

/* The rows that the tests of decompositions and gradients use, too. */
static const conformance_family family_shared = {
    .name = "shared", .cases = op_cases, .count = ORN_COUNT(op_cases)};

static const conformance_family *const families[] = {
    &family_attention,  &family_elementwise, &family_indices, &family_moves,  &family_products,
    &family_reductions, &family_rows,        &family_shared,  &family_windows};

static void test_complete(void **state) {
    (void)state;
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const char *op = orion_ir_op_at(i)->name;
        bool covered = strcmp(op, "const") == 0; /* the surroundings have them */
        for (size_t f = 0; f < ORN_COUNT(families); f++) {
            covered = covered || (families[f] != &family_shared && family_covers(families[f], op));
        }
        if (!covered) fail_msg("no family has a row for %s", op);
    }
}

static void test_family(void **state) {
    const conformance_family *family = *state;
    for (size_t i = 0; i < ORN_COUNT(backends); i++) {
        if (backends[i].emulated && getenv("ORION_TEST_EMULATOR") == NULL) continue;
        for (uint32_t threads = 1; threads <= 2; threads++) {
            orion_ane_device *device = ane_open(backends[i].backend, threads);
            family_run(family, device, backends[i].half);
            orion_ane_device_unref(&device);
        }
    }
}

int main(void) {
    struct CMUnitTest tests[1 + ORN_COUNT(families)] = {cmocka_unit_test(test_complete)};
    for (size_t i = 0; i < ORN_COUNT(families); i++) {
        tests[1 + i] = (struct CMUnitTest){.name = families[i]->name,
                                           .test_func = test_family,
                                           .initial_state = (void *)(uintptr_t)families[i]};
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
