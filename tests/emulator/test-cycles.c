/* SPDX-License-Identifier: MIT */
/*
 * Compile, load, run, unload, many times: memory, descriptors, objects and temporary files stay
 * where they are. $ORION_TEST_CYCLES says how often; 10000 is what a release is tested with.
 */
#define _GNU_SOURCE /* setenv */
#include "emulator-support.h"

#include <dirent.h>
#include <unistd.h>

enum { CYCLES = 300, WARM_UP = 100 };

/* AddressSanitizer keeps freed memory for a while: how much is resident says nothing then. */
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_FREED_MEMORY true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_FREED_MEMORY true
#endif
#endif
#if !defined(KEEPS_FREED_MEMORY)
#define KEEPS_FREED_MEMORY false
#endif

static size_t entries(const char *path) {
    DIR *dir = opendir(path);
    size_t n = 0;
    if (dir == NULL) return 0;
    while (readdir(dir) != NULL) n++;
    closedir(dir);
    return n;
}

static size_t resident_bytes(void) {
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &pages, &resident), 2);
    fclose(f);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

typedef struct use {
    size_t resident, descriptors, files;
    orion_emulator_counters counters;
} use;

static use measure(const char *temporary) {
    return (use){.resident = resident_bytes(),
                 .descriptors = entries("/proc/self/fd"),
                 .files = entries(temporary),
                 .counters = emulator_counters()};
}

static void cycle(bench *b, unsigned long n) {
    /* A few different programs in turn, so that identities change too. */
    char *text = two_outputs_text(2, 3 + (int)(n % 5));
    ane_bound bound = ane_bind(bench_compile(b, text, NULL), false);
    assert_ok(bench_execute(b, &bound), b->diag);
    ane_bound_free(&bound);
    orion_ane_device_cache_clear(b->device);
    free(text);
}

static void test_cycles(void **state) {
    (void)state;
    enum { SLACK = 4 << 20 };
    const char *wanted = getenv("ORION_TEST_CYCLES");
    unsigned long count = wanted == NULL ? CYCLES : strtoul(wanted, NULL, 10);
    test_dir dir;
    test_dir_create(&dir);
    assert_int_equal(setenv("TMPDIR", dir.path, 1), 0);
    bench b = bench_open("compile-limit=4000000000");
    use first = {0};
    for (unsigned long n = 0; n < WARM_UP + count; n++) {
        if (n == WARM_UP) first = measure(dir.path);
        cycle(&b, n);
    }
    use last = measure(dir.path);
    print_message("%lu cycles: %zu bytes more\n", count,
                  last.resident > first.resident ? last.resident - first.resident : 0);
    if (!KEEPS_FREED_MEMORY) assert_true(last.resident <= first.resident + SLACK);
    assert_int_equal(last.descriptors, first.descriptors);
    assert_int_equal(last.files, first.files);
    assert_int_equal(last.counters.objects_now, first.counters.objects_now);
    assert_int_equal(last.counters.instances_now, first.counters.instances_now);
    assert_int_equal(last.counters.surfaces_now, first.counters.surfaces_now);
    assert_int_equal(last.counters.programs_now, first.counters.programs_now);
    assert_true(last.counters.evaluations >= WARM_UP + count);
    bench_close(&b);
    test_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_cycles)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
