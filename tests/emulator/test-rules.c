/* SPDX-License-Identifier: MIT */
/*
 * Rules of targets as they show: the programs of tests/golden/rules, compiled as anybody would.
 *
 * A program that breaks a rule of the compiler is refused in Apple's words, in strict mode by the
 * rule's name; one that breaks a rule about data or numbers is taken, in strict mode it is not; one
 * that breaks none is taken. The emulator lacks some ops and all weight files of these programs:
 * what it refuses for that reason must not be for a rule.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "client.h"
#include <orion/emulator.h>
#include <orion/mil.h>

#include <dirent.h>

static int refused, explained, taken;

static answer compile(const char *text) {
    client *c = client_create(text, NULL, 0);
    assert_non_null(c);
    answer a = client_compile(c);
    client_destroy(c);
    return a;
}

static orion_mil_rule rule_of(const char *target_name, const char *id, orion_mil_target **target) {
    orion_mil_rule rule = {.size = sizeof rule};
    assert_int_equal(orion_mil_target_find(target_name, NULL, NULL, target), ORION_OK);
    assert_int_equal(orion_mil_target_find_rule(*target, id, &rule), ORION_OK);
    return rule;
}

static bool is_any(const char *word, const char *const *words) {
    while (*words != NULL && strcmp(*words, word) != 0) words++;
    return *words != NULL;
}

/* Does the emulated compiler stop at this program? Beside it stands at what level its findings are.
 */
static bool stops(const orion_mil_rule *rule, const char *path) {
    static const char *const defaults[] = {"H-1", "E-1", "E-10", "E-12", "X-4", NULL};
    char expect[1024];
    snprintf(expect, sizeof expect, "%.*s.expect", (int)(strlen(path) - strlen(".mil")), path);
    char *findings = test_read_file(expect, NULL);
    bool error = strstr(findings, " error ") != NULL;
    free(findings);
    bool compiler = strcmp(rule->severity, "compile") == 0 || strcmp(rule->severity, "crash") == 0;
    return compiler && (error || is_any(rule->id, defaults));
}

/* Wrong data or numbers, in silence: only strict mode says so. Rules that others contradict are not
 * held against anybody. E-3, E-19 and E-8 show when data come: test-traps.c. */
static bool is_trap(const orion_mil_rule *rule) {
    static const char *const later[] = {"E-8", NULL};
    bool silent =
        strcmp(rule->severity, "wrong-data") == 0 || strcmp(rule->severity, "numeric") == 0;
    return silent && rule->level != ORION_SEVERITY_NOTE && rule->verdict != ORION_MIL_DOUBTFUL &&
           !is_any(rule->id, later);
}

static void expect_rule(const char *path, const answer *a, const char *id) {
    char name[32];
    snprintf(name, sizeof name, "(rule %s of", id);
    if (a->yes || strstr(a->text, name) == NULL) {
        fail_msg("%s: strict mode does not name %s: %s", path, id, a->text);
    }
    explained++;
}

static void break_rule(const char *path, const char *text, const char *target_name,
                       const char *id) {
    orion_mil_target *target;
    orion_mil_rule rule = rule_of(target_name, id, &target);
    char settings[128];
    snprintf(settings, sizeof settings, "profile=faithful,compile-limit=10000,target=%s",
             target_name);
    assert_null(orion_emulator_configure(settings));
    answer plain = compile(text);
    assert_null(orion_emulator_configure("strict=on"));
    answer strict = compile(text);
    if (stops(&rule, path)) {
        if (plain.yes) fail_msg("%s: compiled", path);
        assert_true(plain.error);
        bool service = strcmp(rule.severity, "crash") == 0;
        assert_string_equal(plain.domain, service ? "NSCocoaErrorDomain"
                                                  : "com.apple.appleneuralengine.compiler");
        assert_null(strstr(plain.text, "rule"));
        if (!service)
            assert_non_null(strstr(plain.text, "_ANECompiler : ANECCompile() FAILED err=("));
        expect_rule(path, &strict, id);
        refused++;
    } else if (is_trap(&rule)) {
        assert_null(strstr(plain.text, "rule"));
        expect_rule(path, &strict, id);
    }
    orion_mil_target_destroy(&target);
}

static void keep_rules(const char *path, const char *text, const char *target_name) {
    char settings[128];
    snprintf(settings, sizeof settings, "profile=faithful,compile-limit=10000,target=%s,strict=on",
             target_name);
    assert_null(orion_emulator_configure(settings));
    answer a = compile(text);
    if (strstr(a.text, "(rule ") != NULL) fail_msg("%s: %s", path, a.text);
    taken += a.yes;
}

static void check_file(const char *path, const char *name, const char *id) {
    char target[64];
    size_t length = strlen(name);
    if (length < 4 || strcmp(name + length - 4, ".mil") != 0) return;
    char *text = test_read_file(path, NULL);
    assert_int_equal(sscanf(text, "// target: %63[a-z0-9-]", target), 1);
    if (strncmp(name, "break-", strlen("break-")) == 0) {
        break_rule(path, text, target, id);
    } else {
        keep_rules(path, text, target);
    }
    free(text);
}

static void each_entry(const char *folder, const char *id,
                       void (*visit)(const char *path, const char *name, const char *id)) {
    DIR *dir = opendir(folder);
    assert_non_null(dir);
    for (struct dirent *e; (e = readdir(dir)) != NULL;) {
        char path[1024];
        if (e->d_name[0] == '.') continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        visit(path, e->d_name, id == NULL ? e->d_name : id);
    }
    closedir(dir);
}

static void check_folder(const char *path, const char *name, const char *id) {
    (void)name;
    each_entry(path, id, check_file);
}

static void test_all(void **state) {
    (void)state;
    orion_emulator_reset();
    each_entry(test_source("golden/rules"), NULL, check_folder);
    print_message("%d refused, %d explained, %d that keep all rules compiled\n", refused, explained,
                  taken);
    assert_true(refused >= 40 && explained >= refused && taken >= 20);
    orion_emulator_reset();
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
