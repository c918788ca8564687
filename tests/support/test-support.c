/* SPDX-License-Identifier: MIT */
/* Proves that the test harness can fail: leaks, ignored failures, wrong sizes and stale outputs are
 * all noticed. */
#include "support.h"

enum fault { NONE, LEAK, IGNORES_FAILURE, WRONG_STATUS, WRONG_SIZE, STALE_OUTPUT, NOT_ARMED };

/* Keeps the deliberately leaked block in sight of the leak sanitizer. */
static void *volatile leaked;

/* What a library call does: two allocations, the second resized; with one deliberate fault. */
static orion_status work(const orion_allocator *a, enum fault fault, void **out) {
    void *(*take)(void *, void *, size_t, size_t, size_t) = a->realloc;
    *out = NULL;
    void *one = take(a->ctx, NULL, 0, 24, 64);
    if (one == NULL) return fault == WRONG_STATUS ? ORION_ERROR_IO : ORION_ERROR_NO_MEMORY;
    assert_int_equal((uintptr_t)one % 64, 0);
    void *two = take(a->ctx, NULL, 0, 100, 16);
    void *grown = two == NULL ? NULL : take(a->ctx, two, 100, 200, 16);
    if (grown == NULL) {
        if (two != NULL) take(a->ctx, two, 100, 0, 16);
        if (fault == LEAK) {
            leaked = one;
        } else {
            take(a->ctx, one, 24, 0, 64);
        }
        if (fault == STALE_OUTPUT) *out = one;
        return fault == IGNORES_FAILURE ? ORION_OK : ORION_ERROR_NO_MEMORY;
    }
    take(a->ctx, grown, fault == WRONG_SIZE ? 199 : 200, 0, 16);
    *out = one;
    return ORION_OK;
}

static orion_status round_of(oom_case *oom, void *ctx) {
    enum fault fault = *(enum fault *)ctx;
    void *out = NULL;
    if (fault != NOT_ARMED) oom_arm(oom);
    orion_status status = work(&oom->heap.allocator, fault, &out);
    oom_disarm(oom);
    if (fault != IGNORES_FAILURE) oom_output(oom, status, out);
    if (status == ORION_OK && out != NULL) {
        oom->heap.allocator.realloc(oom->heap.allocator.ctx, out, 24, 0, 64);
    }
    return status;
}

static void test_sound_code_passes(void **state) {
    (void)state;
    enum fault fault = NONE;
    char why[256];
    uint64_t rounds = 0;
    assert_null(oom_run(round_of, &fault, why, sizeof why, &rounds));
    assert_int_equal(rounds, 4); /* three requests fail in turn, then none */
}

static void expect_fault(enum fault fault, const char *words) {
    char why[256];
    const char *wrong = oom_run(round_of, &fault, why, sizeof why, NULL);
    assert_non_null(wrong);
    if (strstr(wrong, words) == NULL) fail_msg("\"%s\" does not say \"%s\"", wrong, words);
}

static void test_faults_are_noticed(void **state) {
    (void)state;
    expect_fault(LEAK, "leaked 24 bytes in 1 blocks");
    expect_fault(IGNORES_FAILURE, "instead of \"out of memory\"");
    expect_fault(WRONG_STATUS, "instead of \"out of memory\"");
    expect_fault(WRONG_SIZE, "old_size is not the size");
    expect_fault(STALE_OUTPUT, "not NULL after a failure");
    expect_fault(NOT_ARMED, "never called oom_arm");
}

static void test_heap_refuses_bad_alignment(void **state) {
    (void)state;
    test_heap heap;
    char why[160];
    test_heap_init(&heap);
    assert_null(heap.allocator.realloc(heap.allocator.ctx, NULL, 0, 8, 24));
    assert_non_null(test_heap_check(&heap, why, sizeof why));
    test_heap_fini(&heap);
}

static void test_folders_come_and_go(void **state) {
    (void)state;
    test_dir dir;
    size_t size;
    test_dir_create(&dir);
    test_write_file(test_dir_file(&dir, "a"), "hello", 5);
    char *text = test_read_file(test_dir_file(&dir, "a"), &size);
    assert_int_equal(size, 5);
    assert_string_equal(text, "hello");
    free(text);
    test_dir_remove(&dir);
    assert_null(fopen(test_dir_file(&dir, "a"), "rb"));
}

/* Random data are the same on every machine. */
static void test_random_is_fixed(void **state) {
    (void)state;
    uint64_t seed = 1;
    assert_true(test_random(&seed) == UINT64_C(0x910a2dec89025cc1));
    for (int i = 0; i < 1000; i++) {
        double v = test_random_unit(&seed);
        assert_true(v >= -1.0 && v < 1.0);
    }
}

/* Under `run.sh --locale` the decimal point really is a comma here. */
static void test_locale_is_in_force(void **state) {
    (void)state;
    char text[16];
    const char *wanted = getenv("ORION_TEST_LOCALE");
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, wanted != NULL && wanted[0] != '\0' ? "0,5" : "0.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sound_code_passes),
        cmocka_unit_test(test_faults_are_noticed),
        cmocka_unit_test(test_heap_refuses_bad_alignment),
        cmocka_unit_test(test_folders_come_and_go),
        cmocka_unit_test(test_random_is_fixed),
        cmocka_unit_test(test_locale_is_in_force),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
