/* SPDX-License-Identifier: MIT */
/* What goes wrong outside of the program: the right status, nothing left behind, and the device
 * works afterwards. */
#define _GNU_SOURCE /* DT_DIR, setenv */
#include "emulator-support.h"

#include <dirent.h>

/* Files and folders below $TMPDIR, which is this test's own. */
static size_t count_files(const char *path) {
    DIR *dir = opendir(path);
    size_t count = 0;
    if (dir == NULL) return 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char inner[1024];
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        snprintf(inner, sizeof inner, "%s/%s", path, e->d_name);
        count += count_files(inner) + (e->d_type != DT_DIR);
    }
    closedir(dir);
    return count;
}

/* Nothing of a program is left: no object, slot, surface or file. */
static void expect_clean(void) {
    orion_emulator_counters now = emulator_counters();
    assert_int_equal(now.objects_now, 0);
    assert_int_equal(now.surfaces_now, 0);
    assert_int_equal(now.instances_now, 0);
    assert_int_equal(count_files(getenv("TMPDIR")), 0);
}

static void expect_usable(bench *b, const char *text) {
    ane_bound bound = ane_bind(bench_compile(b, text, NULL), false);
    assert_ok(bench_execute(b, &bound), b->diag);
    ane_bound_free(&bound);
}

typedef struct fault_case {
    const char *settings;
    orion_status status;
    orion_message message;
    const char *part;
} fault_case;

static void test_compile_and_load(void **state) {
    (void)state;
    static const fault_case cases[] = {
        {"fault=compiler-crash", ORION_ERROR_DEVICE, ORION_MESSAGE_ANE_COMPILE, "compiler service"},
        {"fault=disk-full", ORION_ERROR_IO, ORION_MESSAGE_ANE_COMPILE, "without an error"},
        {"fault=lost-daemon", ORION_ERROR_DEVICE, ORION_MESSAGE_ANE_COMPILE,
         "NSCocoaErrorDomain 4097"},
        {"compile-limit=0", ORION_ERROR_COMPILE, ORION_MESSAGE_ANE_COMPILE, "used up its compiles"},
        {"slot-limit=0", ORION_ERROR_BUDGET, ORION_MESSAGE_ANE_LOAD, "no program slot"},
        {"device=off", ORION_ERROR_UNSUPPORTED, ORION_MESSAGE_ANE_LOAD, "virtual machine"},
    };
    char *text = two_outputs_text(2, 3);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        bench b = bench_open(cases[i].settings);
        bench_refuse(&b, text, cases[i].status, cases[i].message, cases[i].part);
        expect_clean();
        emulator_configure("profile=faithful");
        expect_usable(&b, text);
        bench_close(&b);
        expect_clean();
    }
    free(text);
}

/* A load that fails once is tried again. */
static void test_second_load(void **state) {
    (void)state;
    static const char *const faults[] = {"fault=no-slot", "fault=lost-daemon@2"};
    char *text = two_outputs_text(2, 3);
    for (size_t i = 0; i < ORN_COUNT(faults); i++) {
        bench b = bench_open(faults[i]);
        expect_usable(&b, text);
        assert_int_equal(emulator_counters().faults, 1);
        bench_close(&b);
        expect_clean();
    }
    free(text);
}

static void test_evaluate(void **state) {
    (void)state;
    static const fault_case cases[] = {
        {"fault=timeout@2", ORION_ERROR_DEVICE, ORION_MESSAGE_ANE_EVALUATE, "did not answer"},
        {"fault=inference-error@2", ORION_ERROR_DEVICE, ORION_MESSAGE_ANE_EVALUATE,
         "failed while it ran"},
    };
    char *text = two_outputs_text(2, 3);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        bench b = bench_open(cases[i].settings);
        ane_bound bound = ane_bind(bench_compile(&b, text, NULL), false);
        assert_ok(bench_execute(&b, &bound), b.diag);
        assert_int_equal(bench_execute(&b, &bound), cases[i].status);
        assert_diag(b.diag, cases[i].message, cases[i].part);
        assert_ok(bench_execute(&b, &bound), b.diag);
        ane_bound_free(&bound);
        bench_close(&b);
        expect_clean();
    }
    free(text);
}

/* Unloading loses the daemon: the program is gone all the same. */
static void test_unload(void **state) {
    (void)state;
    bench b = bench_open("fault=lost-daemon@3");
    char *text = two_outputs_text(2, 3);
    expect_usable(&b, text);
    bench_close(&b);
    assert_int_equal(emulator_counters().faults, 1);
    expect_clean();
    free(text);
}

/* The slot limit holds for what is loaded, and releasing frees slots. */
static void test_slots(void **state) {
    (void)state;
    bench b = bench_open("slot-limit=2");
    char *texts[3];
    orion_ane_program *programs[2];
    for (int i = 0; i < 3; i++) texts[i] = two_outputs_text(2, 3 + i);
    for (int i = 0; i < 2; i++) programs[i] = bench_compile(&b, texts[i], NULL);
    bench_refuse(&b, texts[2], ORION_ERROR_BUDGET, ORION_MESSAGE_ANE_LOAD, "0x50004");
    orion_ane_program_unref(&programs[0]);
    orion_ane_device_cache_clear(b.device);
    expect_usable(&b, texts[2]);
    orion_ane_program_unref(&programs[1]);
    bench_close(&b);
    for (int i = 0; i < 3; i++) free(texts[i]);
    expect_clean();
}

static void expect_complaint(const char *settings, const char *part) {
    const char *wrong = emulator_complaint(settings);
    assert_non_null(wrong);
    if (strstr(wrong, part) == NULL) fail_msg("'%s' does not say '%s'", wrong, part);
}

static void test_settings(void **state) {
    (void)state;
    emulator_reset();
    assert_null(emulator_complaint(""));
    assert_null(emulator_complaint("profile=m1, strict=on,, reload=paper ,compile-limit=7"));
    expect_complaint("profile=m9", "m9");
    expect_complaint("strict=perhaps", "perhaps");
    expect_complaint("fault=flood", "flood");
    expect_complaint("fault=timeout@0", "timeout@0");
    expect_complaint("slot-limit=-1", "-1");
    expect_complaint("nonsense", "NAME=VALUE");
    expect_complaint("trace=/nowhere/trace", "cannot be opened");
    emulator_reset();
}

/* What GNUstep makes for itself stays there: temporary folders are counted from an own, empty one.
 */
static int own_folder(void **state) {
    static test_dir dir;
    *state = &dir;
    test_dir_create(&dir);
    return setenv("TMPDIR", dir.path, 1);
}

static int remove_folder(void **state) {
    test_dir_remove(*state);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compile_and_load),
        cmocka_unit_test(test_second_load),
        cmocka_unit_test(test_evaluate),
        cmocka_unit_test(test_unload),
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_settings),
    };
    return cmocka_run_group_tests(tests, own_folder, remove_folder);
}
