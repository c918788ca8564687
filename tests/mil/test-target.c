/* SPDX-License-Identifier: MIT */
/* Targets: what is compiled in, what a file may say, how mistakes are reported. */
#include "mil-support.h"

#include "mil-target.h"

static orion_mil_target *target(const char *name) {
    orion_mil_target *t;
    assert_ok(orion_mil_target_find(name, NULL, NULL, &t), NULL);
    return t;
}

static void test_builtin(void **state) {
    (void)state;
    static const char *const names[] = {"ane", "h11", "h12", "h13",        "h14",
                                        "h15", "h16", "h17", "orion-paper"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(orion_mil_target_builtin(i), names[i]);
        orion_mil_target *t = target(names[i]);
        assert_string_equal(orion_mil_target_name(t), names[i]);
        assert_true(orion_mil_target_summary(t)[0] != '\0');
        orion_mil_target_destroy(&t);
        assert_null(t);
    }
    assert_null(orion_mil_target_builtin(sizeof names / sizeof names[0]));
    orion_mil_target_destroy(NULL);
}

static void test_find_by_chip(void **state) {
    (void)state;
    static const struct {
        const char *chip, *family;
    } rows[] = {{"M1", "h13"},     {"m2 pro", "h14"}, {"M3 Ultra", "h15"},
                {"M4 MAX", "h16"}, {"M5", "h17"},     {"A12", "h11"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        orion_mil_target *t = target(rows[i].chip);
        assert_string_equal(orion_mil_target_name(t), rows[i].family);
        orion_mil_target_destroy(&t);
    }
    orion_mil_target *t = target("h16");
    assert_string_equal(orion_mil_target_chip(t, 0), "M4");
    assert_null(orion_mil_target_chip(t, 3));
    orion_mil_target_destroy(&t);
}

static void test_find_unknown(void **state) {
    (void)state;
    orion_diag *diag;
    orion_mil_target *t = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_target_find("h99", NULL, diag, &t), ORION_ERROR_NOT_FOUND);
    assert_null(t);
    assert_diag(diag, ORION_MESSAGE_MIL_NO_TARGET, "there are ane, h11, h12");
    orion_diag_clear(diag);
    assert_int_equal(orion_mil_target_load("/no/such/file.yaml", NULL, diag, &t),
                     ORION_ERROR_NOT_FOUND);
    assert_diag(diag, ORION_MESSAGE_FILE_NOT_FOUND, NULL);
    assert_null(t);
    orion_diag_destroy(&diag);
}

/* Every constraint of the paper and of the catalogue is a row; what is doubtful is no error. */
static void test_rules(void **state) {
    (void)state;
    orion_mil_target *t = target("ane");
    orion_mil_rule rule = {.size = sizeof rule};
    char id[16];
    for (int i = 1; i <= 26; i++) {
        if (i <= 20) {
            snprintf(id, sizeof id, "E-%d", i);
            assert_int_equal(orion_mil_target_find_rule(t, id, &rule), ORION_OK);
            assert_string_equal(rule.id, id);
        }
        snprintf(id, sizeof id, "X-%d", i);
        assert_int_equal(orion_mil_target_find_rule(t, id, &rule), ORION_OK);
    }
    for (size_t i = 0; orion_mil_target_rule(t, i, &rule) == ORION_OK; i++) {
        if (rule.verdict == ORION_MIL_DOUBTFUL) assert_true(rule.level != ORION_SEVERITY_ERROR);
    }
    assert_null(rule.id); /* past the end */
    assert_int_equal(orion_mil_target_find_rule(t, "E-21", &rule), ORION_ERROR_NOT_FOUND);
    rule.size = 0;
    assert_int_equal(orion_mil_target_rule(t, 0, &rule), ORION_ERROR_INVALID_ARGUMENT);
    orion_mil_target_destroy(&t);
}

static void test_limits(void **state) {
    (void)state;
    orion_mil_target *t = target("h13");
    orion_mil_limit limit = {.size = sizeof limit};
    assert_int_equal(orion_mil_target_limit(t, 0, &limit), ORION_OK);
    assert_string_equal(limit.name, "rank");
    assert_int_equal(limit.value, 5);
    assert_int_equal(orion_mil_target_limit(t, 1, &limit), ORION_OK);
    assert_string_equal(limit.name, "width");
    assert_int_equal(limit.value, 16384);
    assert_int_equal(orion_mil_target_limit(t, 99, &limit), ORION_ERROR_NOT_FOUND);
    assert_null(limit.name);
    limit.size = 0;
    assert_int_equal(orion_mil_target_limit(t, 0, &limit), ORION_ERROR_INVALID_ARGUMENT);
    orion_mil_target_destroy(&t);
}

/* What a target that is based on another takes from it, and what not. */
static void test_override(void **state) {
    (void)state;
    static const char text[] = "target: mine\n"
                               "base: h16\n"
                               "summary: my machine\n"
                               "limits:\n"
                               "  weight_files: {value: 32, source: me}\n"
                               "ops:\n"
                               "  relu: {rule: X-13, source: me}\n"
                               "levels: {X-24: warning, E-6: off}\n";
    test_dir dir;
    orion_mil_target *t;
    orion_mil_rule rule = {.size = sizeof rule};
    test_dir_create(&dir);
    test_write_file(test_dir_file(&dir, "mine.yaml"), text, strlen(text));
    assert_ok(orion_mil_target_load(test_dir_file(&dir, "mine.yaml"), NULL, NULL, &t), NULL);
    test_dir_remove(&dir);
    assert_string_equal(orion_mil_target_name(t), "mine");
    assert_string_equal(orion_mil_target_summary(t), "my machine");
    assert_null(orion_mil_target_chip(t, 0));
    assert_int_equal(t->limits[MIL_LIMIT_WEIGHT_FILES], 32);
    assert_int_equal(t->limits[MIL_LIMIT_RANK], 5);
    assert_int_equal(orion_mil_target_find_rule(t, "X-24", &rule), ORION_OK);
    assert_int_equal(rule.level, ORION_SEVERITY_WARNING);
    assert_int_equal(orion_mil_target_find_rule(t, "E-6", &rule), ORION_OK);
    assert_int_equal(rule.enabled, 0);
    assert_int_equal(orion_mil_target_find_rule(t, "X-2", &rule), ORION_OK);
    assert_int_equal(rule.enabled, 1);

    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_mil_program *program = parse_mil(MIL_PROGRAM(
        "tensor<fp16, [1, 64, 1, 64]> x", "tensor<fp16, [1, 64, 1, 64]> y = relu(x = x);\n", "y"));
    assert_int_equal(orion_mil_check(program, NULL, t, diag), ORION_ERROR_VERIFY);
    assert_diag(diag, ORION_MESSAGE_MIL_RULE, "relu is not supported: me (rule X-13 of mine)");
    orion_mil_program_destroy(&program);
    orion_diag_destroy(&diag);
    orion_mil_target_destroy(&t);
}

#define HEAD "target: t\nsummary: s\n"
#define RULE_HEAD                                                                                  \
    "id: U-1, statement: s, severity: crash, level: note, verdict: solid, when: runtime, "         \
    "targets: [t], chips: c, symptom: s, workaround: w"

/* Figures are inherited, replaced and, by 0, taken away; unknown ones are not listed. */
static void test_figures(void **state) {
    (void)state;
    static const char text[] = "target: t\nbase: h16\nsummary: s\nfigures:\n"
                               "  dispatch_ns: {value: 70000, source: me}\n"
                               "  load_ns: {value: 0, source: me}\n";
    orion_mil_target *t;
    orion_mil_figure figure = {.size = sizeof figure};
    size_t count = 0;
    assert_ok(mil_target_parse(text, strlen(text), "t", NULL, NULL, &t), NULL);
    for (; orion_mil_target_figure(t, count, &figure) == ORION_OK; count++) {
        assert_string_not_equal(figure.name, "load_ns");
        if (strcmp(figure.name, "dispatch_ns") != 0) continue;
        assert_int_equal(figure.value, 70000);
        assert_string_equal(figure.source, "me");
    }
    assert_int_equal(count, 12);
    figure.size = 0;
    assert_int_equal(orion_mil_target_figure(t, 0, &figure), ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_mil_target_dialect(t), ORION_MIL_IOS18);
    orion_mil_target_destroy(&t);
    t = target("h14");
    assert_int_equal(orion_mil_target_dialect(t), ORION_MIL_IOS16);
    orion_mil_target_destroy(&t);
}

/* A row of one's own, and one that replaces a row. */
static void test_own_rules(void **state) {
    (void)state;
    static const char text[] = HEAD "rules: [{" RULE_HEAD ", source: me}]\n";
    orion_mil_target *t;
    orion_mil_rule rule = {.size = sizeof rule};
    assert_ok(mil_target_parse(text, strlen(text), "t", NULL, NULL, &t), NULL);
    assert_int_equal(orion_mil_target_find_rule(t, "U-1", &rule), ORION_OK);
    assert_string_equal(rule.source, "me");
    assert_int_equal(rule.enabled, 1);
    assert_null(rule.os);
    assert_int_equal(orion_mil_target_find_rule(t, "E-1", &rule), ORION_OK);
    assert_int_equal(rule.enabled, 0);
    orion_mil_target_destroy(&t);
}

static void test_mistakes(void **state) {
    (void)state;
    const orion_message syntax = ORION_MESSAGE_MIL_TARGET_SYNTAX,
                        key = ORION_MESSAGE_MIL_TARGET_KEY, value = ORION_MESSAGE_MIL_TARGET_VALUE;
    const struct {
        const char *text;
        orion_message message;
        uint32_t line, column;
        const char *part;
    } rows[] = {
        {"", syntax, 1, 1, "expected a mapping"},
        {"\"a\n", syntax, 2, 1, "not YAML"},
        {"- a\n", syntax, 1, 1, "expected a mapping"},
        {HEAD "---\n", syntax, 3, 1, "expected one document"},
        {"target: &a t\n", syntax, 1, 9, "anchors"},
        {HEAD "chips: !!seq [a]\n", syntax, 3, 8, "tags"},
        {HEAD "[a]: b\n", syntax, 3, 1, "the name of a key"},
        {HEAD "limits: 3\n", syntax, 3, 9, "a mapping"},
        {HEAD "colour: red\n", key, 3, 1, "colour is not a key here"},
        {HEAD "target: u\n", key, 3, 1, "target is given twice"},
        {"target: t\n", key, 1, 1, "the file has no key summary"},
        {HEAD "limits: {depth: {value: 1, source: s}}\n", key, 3, 10, "depth is not a limit"},
        {HEAD "figures: {speed: {value: 1, source: s}}\n", key, 3, 11, "speed is not a figure"},
        {HEAD "whole: {add: {source: s}}\n", key, 3, 9, "add is not a model op"},
        {HEAD "whole: {silu: {}}\n", key, 3, 15, "silu has no key source"},
        {HEAD "limits: {rank: {value: 1}}\n", key, 3, 16, "rank has no key source"},
        {HEAD "limits:\n  rank: {value: 1, source: s}\n  rank: {value: 2, source: s}\n", key, 5, 3,
         "rank is given twice"},
        {HEAD "limits: {}\nbase: h16\n", key, 4, 7, "must stand before"},
        {HEAD "rules: [{id: U-1}]\n", key, 3, 9, "a rule has no key statement"},
        {HEAD "rules:\n  - {" RULE_HEAD ", source: a}\n  - {" RULE_HEAD ", source: b}\n", key, 5, 5,
         "U-1 is given twice"},
        {HEAD "limits: {rank: {value: -1, source: s}}\n", value, 3, 24, "a whole number"},
        {HEAD "limits: {rank: {value: '1', source: s}}\n", value, 3, 24, "a whole number"},
        {HEAD "levels: {E-1: fatal}\n", value, 3, 15, "one of: error warning note off"},
        {HEAD "levels: {E-77: error}\n", value, 3, 10, "there is no rule E-77"},
        {HEAD "ops: {relu: {rule: E-77, source: s}}\n", value, 3, 7, "there is no rule E-77"},
        {HEAD "ops: {relu: {rule: X-13, source: s, doubtful: yes}}\n", value, 3, 47, "true false"},
        {HEAD "chips: M1\n", value, 3, 8, "a list of names"},
        {HEAD "chips: [[M1]]\n", value, 3, 9, "a text"},
        {HEAD "rules: {}\n", value, 3, 8, "a list of rules"},
        {HEAD "wording: loud\n", value, 3, 10, "paper explained"},
        {HEAD "base: h99\n", value, 3, 7, "a target that is compiled in"},
        {HEAD "base: rules\n", value, 3, 7, "a target that is compiled in"},
        {"target: ''\n", value, 1, 9, "target must be a text"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        orion_diag *diag;
        orion_mil_target *t = NULL;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        orion_status status =
            mil_target_parse(rows[i].text, strlen(rows[i].text), "t.yaml", NULL, diag, &t);
        assert_int_equal(status,
                         rows[i].message == syntax ? ORION_ERROR_SYNTAX : ORION_ERROR_VERIFY);
        assert_null(t);
        assert_int_equal(orion_diag_count(diag), 1);
        assert_diag_at(diag, rows[i].message, rows[i].line, rows[i].column, rows[i].part);
        orion_diag_destroy(&diag);
    }
}

static void test_too_long(void **state) {
    (void)state;
    size_t n = (1 << 20) + 1;
    char *text = malloc(n);
    orion_mil_target *t;
    assert_non_null(text);
    memset(text, '\n', n);
    assert_int_equal(mil_target_parse(text, n, "t", NULL, NULL, &t), ORION_ERROR_SYNTAX);
    free(text);
}

/* Entries of weight files are looked at when they are given. */
static void test_weights(void **state) {
    (void)state;
    static const char text[] =
        MIL_PROGRAM("tensor<fp16, [1, 64, 1, 64]> x",
                    "tensor<fp16, [1, 64, 1, 1]> w = const()[val = tensor<fp16, [1, 64, 1, 1]>("
                    "BLOBFILE(path = string(\"w.bin\"), offset = uint64(64)))];\n"
                    "tensor<fp16, [1, 64, 1, 64]> y = add(x = x, y = w);\n",
                    "y");
    const struct {
        orion_mil_dtype dtype;
        size_t elements;
        const char *part;
    } rows[] = {{ORION_MIL_FP16, 64, NULL},
                {ORION_MIL_FP32, 32, "no entry of fp16"},
                {ORION_MIL_FP16, 32, "the entry has 64 bytes, its type 128"}};
    static const char zeros[128];
    orion_mil_target *t = target("h16");
    orion_mil_program *program = parse_mil(text);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        orion_mil_blob_writer *writer;
        orion_mil_weights *weights;
        orion_blob *blob;
        orion_diag *diag;
        uint64_t offset;
        size_t bytes = rows[i].elements * orion_mil_dtype_bits(rows[i].dtype) / 8;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &writer), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(writer, rows[i].dtype, zeros, bytes,
                                                   rows[i].elements, &offset),
                         ORION_OK);
        assert_int_equal(orion_mil_blob_writer_finish(writer, &blob), ORION_OK);
        assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
        assert_int_equal(orion_mil_weights_add(weights, "w.bin", blob), ORION_OK);
        orion_status status = orion_mil_check(program, weights, t, diag);
        assert_int_equal(status, rows[i].part == NULL ? ORION_OK : ORION_ERROR_VERIFY);
        if (rows[i].part != NULL) assert_diag(diag, ORION_MESSAGE_MIL_RULE, rows[i].part);
        orion_blob_unref(&blob);
        orion_mil_weights_destroy(&weights);
        orion_mil_blob_writer_destroy(&writer);
        orion_diag_destroy(&diag);
    }
    orion_mil_program_destroy(&program);
    orion_mil_target_destroy(&t);
}

/* A finding carries its rule; a note with workaround and evidence follows it. */
static void test_finding(void **state) {
    (void)state;
    orion_diag *diag;
    orion_mil_target *t = target("m4");
    orion_mil_program *program =
        parse_mil(MIL_PROGRAM("tensor<fp16, [1, 64, 1, 64]> x",
                              "tensor<fp16, [1, 64, 1, 64]> y = gelu(x = x);\n"
                              "tensor<fp16, [1, 64, 1, 64]> z = relu(x = undefined);\n",
                              "y"));
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_check(program, NULL, t, diag), ORION_ERROR_VERIFY);
    assert_int_equal(orion_diag_count(diag), 3);
    assert_int_equal(orion_diag_get(diag, 0)->message, ORION_MESSAGE_MIL_NAME);
    const orion_diag_entry *finding = orion_diag_get(diag, 1), *note = orion_diag_get(diag, 2);
    assert_int_equal(finding->message, ORION_MESSAGE_MIL_RULE);
    assert_int_equal(finding->severity, ORION_SEVERITY_WARNING);
    assert_string_equal(finding->subject, "E-10");
    assert_int_equal(note->severity, ORION_SEVERITY_NOTE);
    assert_string_equal(note->subject, "E-10");
    assert_int_equal(note->line, finding->line);
    assert_non_null(strstr(note->text, "string(\"EXACT\")"));
    assert_non_null(strstr(note->text, "doubtful"));
    orion_mil_program_destroy(&program);
    orion_mil_target_destroy(&t);
    orion_diag_destroy(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin),      cmocka_unit_test(test_find_by_chip),
        cmocka_unit_test(test_find_unknown), cmocka_unit_test(test_rules),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_figures),
        cmocka_unit_test(test_override),     cmocka_unit_test(test_own_rules),
        cmocka_unit_test(test_mistakes),     cmocka_unit_test(test_too_long),
        cmocka_unit_test(test_weights),      cmocka_unit_test(test_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
