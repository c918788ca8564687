/* SPDX-License-Identifier: MIT */
/*
 * Every rule on small programs: tests/golden/rules/ID/break-*.mil breaks rule ID and no other, and
 * its findings are break-*.expect; ID/keep-*.mil breaks none. The first line of a program names its
 * target, `// target: h16`. Findings are lines `LINE:COLUMN LEVEL ID text`; advice of level note
 * counts only for the rule at hand. With --update the expectations are written instead.
 */
#define _POSIX_C_SOURCE 200809L
#include "mil-support.h"

#include <dirent.h>

static bool update;
static int broken_count, kept_count;

static orion_mil_target *target_of(const char *path, const char *text) {
    char name[64];
    orion_mil_target *target;
    if (sscanf(text, "// target: %63[a-z0-9-]", name) != 1)
        fail_msg("%s: the first line must be `// target: NAME`", path);
    assert_ok(orion_mil_target_find(name, NULL, NULL, &target), NULL);
    return target;
}

/* The findings as lines; free() them. */
static char *findings(const orion_diag *diag, const char *id, bool *others) {
    static const char *const levels[] = {"error", "warning", "note"};
    orion_buffer *buffer;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    const orion_writer writer = orion_buffer_writer(buffer);
    *others = false;
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        bool ours = e->subject != NULL && strcmp(e->subject, id) == 0;
        char line[1200];
        if (e->message == ORION_MESSAGE_MIL_RULE) i++; /* the note with the workaround */
        if (!ours && e->message == ORION_MESSAGE_MIL_RULE && e->severity == ORION_SEVERITY_NOTE)
            continue;
        *others |= !ours;
        int n = snprintf(line, sizeof line, "%u:%u %s %s %s\n", e->line, e->column,
                         levels[e->severity], e->subject, e->text);
        assert_int_equal(writer.write(writer.ctx, line, (size_t)n), ORION_OK);
    }
    char *text = strdup(orion_buffer_data(buffer));
    orion_buffer_destroy(&buffer);
    return text;
}

static void compare(const char *mil, const char *found) {
    char path[512];
    snprintf(path, sizeof path, "%.*s.expect", (int)(strlen(mil) - strlen(".mil")), mil);
    if (update) {
        test_write_file(path, found, strlen(found));
        return;
    }
    char *expected = test_read_file(path, NULL);
    if (strcmp(expected, found) != 0) fail_msg("%s is\n%sbut should be\n%s", path, expected, found);
    free(expected);
}

static void check_file(const char *path, const char *id, bool breaks) {
    orion_diag *diag;
    orion_mil_program *program;
    bool others;
    char *text = test_read_file(path, NULL);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_mil_target *target = target_of(path, text);
    assert_ok(orion_mil_parse(text, strlen(text), path, NULL, NULL, diag, &program), diag);
    orion_status status = orion_mil_check(program, NULL, target, diag);
    char *found = findings(diag, id, &others);
    if (others || (found[0] != '\0') != breaks)
        fail_msg("%s should %s, but gives\n%s", path, breaks ? "break its rule only" : "break none",
                 found);
    assert_true(status == ORION_OK || (status == ORION_ERROR_VERIFY && breaks));
    if (breaks) compare(path, found);
    free(found);
    free(text);
    orion_mil_target_destroy(&target);
    orion_mil_program_destroy(&program);
    orion_diag_destroy(&diag);
}

static int is_mil(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".mil") == 0;
}

static void check_rule(const char *id) {
    char folder[256];
    struct dirent **entries;
    int broken = 0, kept = 0;
    snprintf(folder, sizeof folder, "%s/%s", test_source("golden/rules"), id);
    int n = scandir(folder, &entries, is_mil, alphasort);
    for (int i = 0; i < n; i++) {
        char path[512];
        bool breaks = strncmp(entries[i]->d_name, "break-", 6) == 0;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        check_file(path, id, breaks);
        broken += breaks;
        kept += !breaks;
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    if (broken == 0 || kept == 0)
        fail_msg("rule %s has %d programs that break it and %d that keep it", id, broken, kept);
    broken_count += broken;
    kept_count += kept;
}

/* A rule that can be decided without a program on each side fails here. */
static void test_every_rule(void **state) {
    (void)state;
    orion_mil_target *target;
    orion_mil_rule rule = {.size = sizeof rule};
    assert_ok(orion_mil_target_find("ane", NULL, NULL, &target), NULL);
    for (size_t i = 0; orion_mil_target_rule(target, i, &rule) == ORION_OK; i++) {
        if (rule.decidable) check_rule(rule.id);
    }
    orion_mil_target_destroy(&target);
    print_message("%d programs break a rule, %d keep one\n", broken_count, kept_count);
    assert_true(broken_count + kept_count >= 60);
}

/* More notes than a list of diagnostics holds do not hide the error behind them. */
static void test_errors_come_first(void **state) {
    (void)state;
    enum { INPUTS = 300, LINE = 64 };
    char *text = malloc((INPUTS + 8) * LINE);
    int n = sprintf(text, "program(1.3)\n{\nfunc main<ios18>(");
    for (int i = 0; i < INPUTS; i++)
        n += sprintf(text + n, "%stensor<fp16, [1, 1, 1, 8]> x%d\n", i == 0 ? "" : ", ", i);
    sprintf(text + n, ") {\ntensor<fp16, [1, 1, 1, 8]> y = neg(x = x0);\n} -> (y);\n}\n");
    orion_mil_program *program = parse_mil(text);
    orion_mil_target *target;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_target_find("h16", NULL, diag, &target), diag);
    assert_int_equal(orion_mil_check(program, NULL, target, diag), ORION_ERROR_VERIFY);
    assert_true(orion_diag_dropped(diag) != 0);
    bool found = false;
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        found |= e->severity == ORION_SEVERITY_ERROR && e->line == 3 + INPUTS + 1;
    }
    assert_true(found);
    orion_diag_destroy(&diag);
    orion_mil_target_destroy(&target);
    orion_mil_program_destroy(&program);
    free(text);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_rule),
        cmocka_unit_test(test_errors_come_first),
    };
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
