/* SPDX-License-Identifier: MIT */
/*
 * Golden files of the passes of legalisation: tests/golden/legal/PASS/NAME.oir begins with a line
 * `# target NAME`; NAME.expect is what the pass makes of it. Both compute the same, too. PASS may
 * be `plan`: then it is the table of the plan with its programs and calls. With --update the
 * expectations are written instead.
 */
#define _POSIX_C_SOURCE 200809L
#include "mil-support.h"

#include <dirent.h>

static bool update;

static orion_mil_target *target_of(const char *path, const char *text) {
    char name[64];
    orion_mil_target *target;
    if (sscanf(text, "# target %63[a-z0-9-]", name) != 1)
        fail_msg("%s: the first line must be `# target NAME`", path);
    assert_ok(orion_mil_target_find(name, NULL, NULL, &target), NULL);
    return target;
}

static void compare_text(const char *oir, const char *text) {
    char path[512];
    snprintf(path, sizeof path, "%.*s.expect", (int)(strlen(oir) - strlen(".oir")), oir);
    if (update) {
        test_write_file(path, text, strlen(text));
        return;
    }
    char *expected = test_read_file(path, NULL);
    if (strcmp(expected, text) != 0) fail_msg("%s is\n%sbut should be\n%s", path, expected, text);
    free(expected);
}

/* ---- plans ---- */

static void print_line(const orion_writer *writer, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
static void print_line(const orion_writer *writer, const char *fmt, ...) {
    char line[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(line, sizeof line, fmt, args);
    va_end(args);
    assert_int_equal(writer->write(writer->ctx, line, (size_t)n), ORION_OK);
}

static void print_values(const orion_mil_plan *plan, const orion_writer *writer,
                         const uint32_t *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        orion_mil_plan_value value = {.size = sizeof value};
        assert_int_equal(orion_mil_plan_get_value(plan, values[i], &value), ORION_OK);
        bool is_input = value.input != ORION_MIL_NO_INPUT;
        print_line(writer, " %s:%s%s", value.name,
                   orion_ir_dtype_name((orion_ir_dtype)value.type.dtype),
                   is_input ? "(input)" : "");
    }
}

static void print_plan(const orion_mil_plan *plan, const orion_writer *writer) {
    orion_mil_plan_program program = {.size = sizeof program};
    orion_mil_plan_call call = {.size = sizeof call};
    assert_int_equal(orion_mil_plan_print(plan, writer), ORION_OK);
    for (size_t i = 0; orion_mil_plan_get_call(plan, i, &call) == ORION_OK; i++) {
        print_line(writer, "program_%u", call.program);
        print_values(plan, writer, call.inputs, call.input_count);
        print_line(writer, " ->");
        print_values(plan, writer, call.outputs, call.output_count);
        print_line(writer, "\n");
    }
    for (size_t i = 0; orion_mil_plan_get_program(plan, i, &program) == ORION_OK; i++) {
        const orion_ir_graph *const graphs[] = {program.before, program.graph, program.after};
        static const char *const what[] = {"before ", "", "after "};
        for (size_t g = 0; g < 3; g++) {
            if (graphs[g] == NULL) continue;
            print_line(writer, "\n# %s%s\n", what[g], program.name);
            assert_int_equal(orion_ir_print(graphs[g], writer), ORION_OK);
        }
    }
}

static void check_plan(const char *path) {
    orion_mil_plan *plan;
    orion_buffer *text;
    char *source = test_read_file(path, NULL);
    orion_mil_target *target = target_of(path, source);
    orion_ir_graph *graph = parse_graph(source);
    assert_int_equal(orion_buffer_create(NULL, &text), ORION_OK);
    const orion_writer writer = orion_buffer_writer(text);
    assert_ok(orion_mil_partition(graph, target, NULL, NULL, NULL, &plan), NULL);
    print_plan(plan, &writer);
    compare_text(path, orion_buffer_data(text));
    orion_buffer_destroy(&text);
    orion_mil_plan_destroy(&plan);
    orion_ir_graph_destroy(&graph);
    orion_mil_target_destroy(&target);
    free(source);
}

/* ---- passes ---- */

static void check_file(const char *pass, const char *path) {
    orion_diag *diag;
    orion_ir_graph *after;
    char *source = test_read_file(path, NULL);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_mil_target *target = target_of(path, source);
    orion_ir_graph *before = parse_graph(source);
    assert_ok(orion_mil_run_pass(before, pass, target, NULL, diag, &after), diag);
    assert_ok(orion_ir_verify(after, diag), diag);
    char *text = print_graph(after);
    compare_text(path, text);
    assert_graphs_agree(before, after, strcmp(pass, "expand") == 0 ? 1e-3 : 1e-9);
    free(text);
    free(source);
    orion_ir_graph_destroy(&before);
    orion_ir_graph_destroy(&after);
    orion_mil_target_destroy(&target);
    orion_diag_destroy(&diag);
}

static int is_oir(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".oir") == 0;
}

/* Every file in a folder, of a pass or of plans (pass NULL). */
static void check_folder(const char *pass) {
    char folder[256];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s/%s", test_source("golden/legal"),
             pass == NULL ? "plan" : pass);
    int n = scandir(folder, &entries, is_oir, alphasort);
    if (n <= 0) fail_msg("%s has no golden file", folder);
    for (int f = 0; f < n; f++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entries[f]->d_name);
        if (pass == NULL) {
            check_plan(path);
        } else {
            check_file(pass, path);
        }
        free(entries[f]);
    }
    free(entries);
}

static void test_every_pass(void **state) {
    (void)state;
    const char *pass;
    size_t i = 0;
    for (; (pass = orion_mil_pass_name(i)) != NULL; i++) {
        assert_non_null(orion_mil_pass_doc(i));
        check_folder(pass);
    }
    assert_int_equal(i, orion_mil_pass_count());
    assert_null(orion_mil_pass_doc(i));
}

static void test_plans(void **state) {
    (void)state;
    check_folder(NULL);
}

static void test_no_such_pass(void **state) {
    (void)state;
    orion_diag *diag;
    orion_mil_target *target;
    orion_ir_graph *graph = parse_graph("oir 1\ngraph @main(%x: f32[2]) -> (%x) {\n}\n"),
                   *out = graph;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_mil_target_find("h16", NULL, NULL, &target), NULL);
    assert_int_equal(orion_mil_run_pass(graph, "magic", target, NULL, diag, &out),
                     ORION_ERROR_NOT_FOUND);
    assert_null(out);
    assert_diag(diag, ORION_MESSAGE_MIL_PASS, "\"magic\"");
    orion_ir_graph_destroy(&graph);
    orion_mil_target_destroy(&target);
    orion_diag_destroy(&diag);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_pass),
                                       cmocka_unit_test(test_plans),
                                       cmocka_unit_test(test_no_such_pass)};
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
