/* SPDX-License-Identifier: MIT */
/*
 * Pairs of files in tests/golden/mil: NAME.oir is lowered to NAME.mil in the ios18 spelling and to
 * NAME.ios16.mil in the other, byte for byte, and both are raised to NAME.oir. With --update the
 * files are written instead, NAME.oir in canonical form.
 */
#define _POSIX_C_SOURCE 200809L
#include "mil-support.h"

#include <dirent.h>

static bool update;

static void compare(const char *path, const char *text) {
    if (update) {
        test_write_file(path, text, strlen(text));
        return;
    }
    char *expected = test_read_file(path, NULL);
    if (strcmp(expected, text) != 0) {
        size_t at = 0;
        while (expected[at] == text[at] && text[at] != '\0') at++;
        size_t line = 1;
        for (size_t i = 0; i < at; i++) line += text[i] == '\n';
        fail_msg("%s differs in line %zu; this is what comes out:\n%s", path, line, text);
    }
    free(expected);
}

static void with_suffix(char out[512], const char *oir, const char *suffix) {
    snprintf(out, 512, "%.*s%s", (int)(strlen(oir) - strlen(".oir")), oir, suffix);
}

static void check_pair(const char *oir, uint32_t dialect, const char *suffix) {
    orion_mil_lower_options options = {.size = sizeof options, .dialect = dialect};
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_ir_graph *back;
    orion_diag *diag;
    char path[512], *source = test_read_file(oir, NULL);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_ir_graph *graph = parse_graph(source);
    assert_ok(orion_mil_lower(graph, &options, NULL, diag, &program, &weights), diag);
    char *mil = print_mil(program, ORION_MIL_AS_IS);
    with_suffix(path, oir, suffix);
    compare(path, mil);
    assert_ok(orion_mil_raise(program, weights, NULL, NULL, NULL, diag, &back), diag);
    char *raised = print_graph(back);
    compare(oir, raised);
    free(source);
    free(mil);
    free(raised);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&graph);
    orion_ir_graph_destroy(&back);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
}

static int is_oir(const struct dirent *entry) {
    size_t n = strlen(entry->d_name);
    return n > 4 && strcmp(entry->d_name + n - 4, ".oir") == 0;
}

static void test_pairs(void **state) {
    (void)state;
    char folder[256];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s", test_source("golden/mil"));
    int n = scandir(folder, &entries, is_oir, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        check_pair(path, ORION_MIL_IOS18, ".mil");
        check_pair(path, ORION_MIL_IOS16, ".ios16.mil");
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pairs)};
    update = argc > 1 && strcmp(argv[1], "--update") == 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
