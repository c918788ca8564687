/* SPDX-License-Identifier: MIT */
/* Real compiled models below $ORION_TEST_DATA/mil: parsed, printed, verified, and raised or refused
 * op by op. */
#define _POSIX_C_SOURCE 200809L
#include "mil-support.h"

#include <dirent.h>
#include <unistd.h>

static const char weights_path[] = "@model_path/weights/weight.bin";

typedef struct model {
    char *text;
    orion_mil_program *program;
    orion_mil_weights *weights; /* empty if there is no file */
} model;

static void open_model(const char *folder, model *m) {
    char path[600];
    orion_blob *blob;
    snprintf(path, sizeof path, "%s/model.mil", folder);
    m->text = test_read_file(path, NULL);
    m->program = parse_mil(m->text);
    assert_int_equal(orion_mil_weights_create(NULL, &m->weights), ORION_OK);
    snprintf(path, sizeof path, "%s/weights/weight.bin", folder);
    if (access(path, R_OK) != 0) return;
    assert_int_equal(orion_blob_map_file(path, NULL, NULL, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_add(m->weights, weights_path, blob), ORION_OK);
    orion_blob_unref(&blob);
}

static void close_model(model *m) {
    free(m->text);
    orion_mil_program_destroy(&m->program);
    orion_mil_weights_destroy(&m->weights);
}

/* We print as Apple's compiler does, so its text comes back byte for byte but for the last newline,
 * which it leaves out at times. */
static void check_text(const model *m) {
    static const orion_mil_dialect dialects[] = {ORION_MIL_AS_IS, ORION_MIL_IOS16, ORION_MIL_IOS18};
    assert_int_equal(orion_mil_verify(m->program, NULL), ORION_OK);
    for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++) {
        char *once = print_mil(m->program, dialects[i]);
        if (dialects[i] == ORION_MIL_AS_IS) {
            size_t n = strlen(m->text);
            assert_int_equal(strncmp(once, m->text, n), 0);
            assert_string_equal(once + n, m->text[n - 1] == '\n' ? "" : "\n");
        }
        orion_mil_program *again = parse_mil(once);
        char *twice = print_mil(again, ORION_MIL_AS_IS);
        assert_string_equal(twice, once);
        free(once);
        free(twice);
        orion_mil_program_destroy(&again);
    }
}

/* Raised; or every refusal names an op that has no counterpart, or the missing weight file. */
static void check_raise(const model *m) {
    orion_diag *diag;
    orion_ir_graph *graph;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status status = orion_mil_raise(m->program, m->weights, NULL, NULL, NULL, diag, &graph);
    if (status == ORION_OK) {
        assert_int_equal(orion_diag_count(diag), 0);
        assert_int_equal(orion_ir_verify(graph, NULL), ORION_OK);
    }
    assert_int_equal(orion_diag_dropped(diag), 0);
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        bool op = e->message == ORION_MESSAGE_MIL_OP &&
                  strstr(e->text, "the IR has no counterpart of this op") != NULL;
        if ((!op && e->message != ORION_MESSAGE_MIL_WEIGHTS) || e->line == 0) {
            show_diag(diag);
            fail_msg("an unexpected refusal: %s", e->text);
        }
    }
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
}

static int is_folder(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static void test_every_model(void **state) {
    (void)state;
    char folder[300];
    struct dirent **entries;
    snprintf(folder, sizeof folder, "%s", test_data("mil"));
    int n = scandir(folder, &entries, is_folder, alphasort);
    assert_true(n > 0);
    for (int i = 0; i < n; i++) {
        char path[600];
        model m;
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        open_model(path, &m);
        check_text(&m);
        check_raise(&m);
        close_model(&m);
        free(entries[i]);
    }
    free(entries);
}

/* The smallest model runs. */
static void test_add_is_raised(void **state) {
    (void)state;
    model m;
    orion_ir_graph *graph;
    char folder[300];
    double x[10], y[10], z[10], *outputs[] = {z};
    const double *const inputs[] = {x, y};
    snprintf(folder, sizeof folder, "%s", test_data("mil/add"));
    open_model(folder, &m);
    assert_int_equal(orion_mil_raise(m.program, NULL, NULL, NULL, NULL, NULL, &graph), ORION_OK);
    for (int i = 0; i < 10; i++) {
        x[i] = i;
        y[i] = 0.5 * i;
    }
    assert_int_equal(orion_ir_eval(graph, ORION_IR_EVAL_ROUNDED, inputs, outputs, NULL), ORION_OK);
    for (int i = 0; i < 10; i++) assert_true(z[i] == x[i] * y[i]);
    orion_ir_graph_destroy(&graph);
    close_model(&m);
}

/* A model with all its weights is raised whole. */
static void test_silero_is_raised(void **state) {
    (void)state;
    model m;
    orion_ir_graph *graph;
    char folder[300];
    snprintf(folder, sizeof folder, "%s", test_data("mil/silero"));
    open_model(folder, &m);
    assert_int_equal(orion_mil_raise(m.program, m.weights, NULL, NULL, NULL, NULL, &graph),
                     ORION_OK);
    assert_int_equal(orion_ir_graph_input_count(graph), 1);
    orion_ir_graph_destroy(&graph);
    close_model(&m);
}

/* Every reference of the text reads an entry of the declared type and size. */
static void test_silero_weights_fit(void **state) {
    (void)state;
    model m;
    char folder[300];
    size_t references = 0, entries = 0;
    snprintf(folder, sizeof folder, "%s", test_data("mil/silero"));
    open_model(folder, &m);
    orion_blob *file = orion_mil_weights_find(m.weights, weights_path);
    const orion_mil_function *f = orion_mil_program_function(m.program, 0);
    for (size_t i = 0; i < orion_mil_function_statement_count(f); i++) {
        const orion_mil_value *v =
            orion_mil_statement_find_attribute(orion_mil_function_statement(f, i), "val");
        if (orion_mil_value_kind(v) != ORION_MIL_VALUE_BLOB) continue;
        const orion_mil_type *type = orion_mil_value_type(v);
        orion_mil_blob_entry entry;
        uint64_t elements = 1;
        assert_string_equal(orion_mil_value_text(v), weights_path);
        assert_int_equal(orion_mil_blob_read(file, orion_mil_value_offset(v),
                                             orion_mil_type_dtype(type), NULL, NULL, &entry),
                         ORION_OK);
        for (size_t k = 0; k < orion_mil_type_rank(type); k++)
            elements *= (uint64_t)orion_mil_type_dim(type, k);
        assert_int_equal(entry.elements, elements);
        references++;
    }
    assert_int_equal(references, 32);
    uint64_t at = 0;
    orion_mil_blob_entry entry;
    while (orion_mil_blob_next(file, &at, NULL, NULL, &entry) == ORION_OK) entries++;
    assert_true(entries > 0 && entries <= references);
    close_model(&m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_model),
        cmocka_unit_test(test_add_is_raised),
        cmocka_unit_test(test_silero_is_raised),
        cmocka_unit_test(test_silero_weights_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
