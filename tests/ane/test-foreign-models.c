/* SPDX-License-Identifier: MIT */
/*
 * Every model below $ORION_TEST_DATA/mil: raised, and run on the device as the reference has it, or
 * every statement that stands in the way named with its line. Where a model comes without its
 * weights, weights of the right types and places are made up. Prints which ops are covered.
 */
#define _POSIX_C_SOURCE 200809L
#include "foreign-support.h"

#include <dirent.h>
#include <unistd.h>

typedef struct model {
    const char *name;
    char *text;
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_diag *diag;
} model;

/* ---- weights ---- */

typedef struct reference { /* of the text to a weight file */
    uint64_t offset, elements;
    uint32_t dtype;
} reference;

static size_t references_of(const orion_mil_program *program, reference *out, size_t room) {
    const orion_mil_function *f = orion_mil_program_function(program, 0);
    size_t count = 0;
    for (size_t i = 0; i < orion_mil_function_statement_count(f); i++) {
        const orion_mil_value *v =
            orion_mil_statement_find_attribute(orion_mil_function_statement(f, i), "val");
        if (v == NULL || orion_mil_value_kind(v) != ORION_MIL_VALUE_BLOB) continue;
        const orion_mil_type *type = orion_mil_value_type(v);
        assert_true(count < room);
        out[count] = (reference){.offset = orion_mil_value_offset(v),
                                 .elements = 1,
                                 .dtype = (uint32_t)orion_mil_type_dtype(type)};
        for (size_t k = 0; k < orion_mil_type_rank(type); k++)
            out[count].elements *= (uint64_t)orion_mil_type_dim(type, k);
        count++;
    }
    return count;
}

/* Small numbers of one element type, which all entries of that type share. */
static void write_numbers(unsigned char *at, uint32_t dtype, uint64_t count) {
    uint64_t seed = 1;
    assert_true(dtype == ORION_MIL_FP16 || dtype == ORION_MIL_FP32);
    for (uint64_t i = 0; i < count; i++) {
        float v = 0.04F * (float)test_random_unit(&seed);
        uint16_t half = orn_f16_from_f32(v);
        if (dtype == ORION_MIL_FP16) memcpy(at + 2 * i, &half, 2);
        if (dtype == ORION_MIL_FP32) memcpy(at + 4 * i, &v, 4);
    }
}

static void put(unsigned char *at, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) at[i] = (unsigned char)(v >> 8 * i);
}

/* A file with metadata wherever the text looks for them. Pages between them are never touched, and
 * all data lie behind the last, so that a big model costs little. */
static orion_blob *make_weights(const reference *refs, size_t count) {
    uint64_t most = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        if (refs[i].elements > most) most = refs[i].elements;
        if (refs[i].offset > last) last = refs[i].offset;
    }
    uint64_t halves = (last + 128) / 64 * 64, singles = halves + (2 * most + 63) / 64 * 64;
    size_t size = (size_t)(singles + 4 * most);
    unsigned char *file = calloc(size, 1);
    orion_blob *blob;
    assert_non_null(file);
    put(file, count, 4);
    put(file + 4, 2, 4);
    for (size_t i = 0; i < count; i++) {
        unsigned char *entry = file + refs[i].offset;
        bool half = refs[i].dtype == ORION_MIL_FP16;
        put(entry, 0xDEADBEEF, 4);
        put(entry + 4, half ? 1 : 2, 4);
        put(entry + 8, refs[i].elements * (half ? 2 : 4), 8);
        put(entry + 16, half ? halves : singles, 8);
        write_numbers(file + (half ? halves : singles), refs[i].dtype, i == 0 ? most : 0);
    }
    assert_int_equal(orion_blob_wrap(file, size, free, file, NULL, &blob), ORION_OK);
    return blob;
}

static void open_model(const char *folder, const char *name, model *m) {
    enum { REFERENCES = 1024 };
    char path[600];
    orion_blob *blob = NULL;
    *m = (model){.name = name};
    snprintf(path, sizeof path, "%s/%s/model.mil", folder, name);
    m->text = test_read_file(path, NULL);
    assert_int_equal(orion_diag_create(NULL, &m->diag), ORION_OK);
    assert_ok(orion_mil_parse(m->text, strlen(m->text), path, NULL, NULL, m->diag, &m->program),
              m->diag);
    assert_int_equal(orion_mil_weights_create(NULL, &m->weights), ORION_OK);
    snprintf(path, sizeof path, "%s/%s/weights/weight.bin", folder, name);
    if (access(path, R_OK) == 0) {
        assert_int_equal(orion_blob_map_file(path, NULL, NULL, &blob), ORION_OK);
    } else {
        reference refs[REFERENCES];
        size_t count = references_of(m->program, refs, REFERENCES);
        if (count != 0) blob = make_weights(refs, count);
    }
    if (blob == NULL) return;
    assert_int_equal(orion_mil_weights_add(m->weights, "@model_path/weights/weight.bin", blob),
                     ORION_OK);
    orion_blob_unref(&blob);
}

static void close_model(model *m) {
    free(m->text);
    orion_mil_program_destroy(&m->program);
    orion_mil_weights_destroy(&m->weights);
    orion_diag_destroy(&m->diag);
}

/* ---- running ---- */

/* Floats in [-1, 1), integers 1. */
static op_buffers inputs_of(const orion_ir_graph *graph) {
    op_buffers in = op_inputs_of(graph);
    uint64_t seed = 1;
    for (size_t i = 0; i < in.count; i++) {
        orion_ir_type type = orion_ir_value_type(graph, orion_ir_graph_input(graph, i));
        bool whole = type.dtype == ORION_IR_I32;
        for (size_t k = 0; k < in.elements[i]; k++)
            in.data[i][k] = whole ? 1 : test_random_unit(&seed);
    }
    return in;
}

/* On the device and by the reference, which are compared as fp16 allows; gives the number of steps
 * that the device leaves to the reference. */
static size_t run_model(const model *m, const orion_ir_graph *graph) {
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 2);
    orion_ane_program *program;
    orion_ane_program_stats stats = {.size = sizeof stats};
    orion_ane_source source = {.size = sizeof source,
                               .text = m->text,
                               .length = strlen(m->text),
                               .name = m->name,
                               .weights = m->weights};
    op_buffers in = inputs_of(graph), want = op_eval(graph, ORION_IR_EVAL_ROUNDED, &in);
    assert_ok(orion_ane_program_compile(device, &source, m->diag, &program), m->diag);
    assert_int_equal(orion_ane_program_get_stats(program, &stats), ORION_OK);
    ane_bound b = ane_bind(program, false);
    for (size_t i = 0; i < b.inputs; i++) ane_write(&b, i, in.data[i]);
    assert_ok(orion_ane_run_execute(b.run, m->diag), m->diag);
    for (size_t i = 0; i < want.count; i++) {
        double *got = calloc(want.elements[i], sizeof *got);
        ane_read(&b, b.inputs + i, got);
        assert_doubles_near(got, want.data[i], want.elements[i], 2e-3, 2e-3);
        free(got);
    }
    op_buffers_free(&in);
    op_buffers_free(&want);
    ane_bound_free(&b);
    orion_ane_device_unref(&device);
    return (size_t)stats.reference_steps;
}

/* ---- the table ---- */

enum { OPS = 128 };

typedef struct coverage {
    size_t count;
    struct {
        const char *op;
        size_t statements, refused;
    } rows[OPS];
} coverage;

static size_t row_of(coverage *c, const char *op) {
    for (size_t i = 0; i < c->count; i++) {
        if (strcmp(c->rows[i].op, op) == 0) return i;
    }
    assert_true(c->count < OPS);
    c->rows[c->count].op = op;
    return c->count++;
}

static void count_ops(const model *m, coverage *c) {
    const orion_mil_function *f = orion_mil_program_function(m->program, 0);
    *c = (coverage){.count = 0};
    for (size_t i = 0; i < orion_mil_function_statement_count(f); i++) {
        const orion_mil_statement *s = orion_mil_function_statement(f, i);
        c->rows[row_of(c, orion_mil_statement_op(s))].statements++;
    }
    for (size_t i = 0; i < orion_diag_count(m->diag); i++) {
        const char *text = orion_diag_get(m->diag, i)->text;
        for (size_t k = 0; k < c->count; k++) {
            size_t n = strlen(c->rows[k].op);
            if (strncmp(text, c->rows[k].op, n) == 0 && text[n] == ':') c->rows[k].refused++;
        }
    }
}

static void print_coverage(const model *m, const coverage *c) {
    for (size_t i = 0; i < c->count; i++) {
        print_message("%-12s %-28s %5zu statements, %zu refused\n", m->name, c->rows[i].op,
                      c->rows[i].statements, c->rows[i].refused);
    }
    for (size_t i = 0; i < orion_diag_count(m->diag); i++) {
        const orion_diag_entry *e = orion_diag_get(m->diag, i);
        print_message("%-12s line %u: %s\n", m->name, e->line, e->text);
    }
}

/* Raised, run and right; or refused, and then every reason has its line. */
static void check_model(const char *folder, const char *name) {
    model m;
    coverage c;
    orion_ir_graph *graph;
    open_model(folder, name, &m);
    orion_status status = orion_mil_raise(m.program, m.weights, NULL, NULL, NULL, m.diag, &graph);
    count_ops(&m, &c);
    print_coverage(&m, &c);
    if (status == ORION_OK) {
        assert_int_equal(orion_ir_verify(graph, m.diag), ORION_OK);
        size_t left = run_model(&m, graph);
        print_message("%-12s runs; %zu steps are left to the reference\n", m.name, left);
    } else {
        assert_int_equal(status, ORION_ERROR_UNSUPPORTED);
        assert_true(orion_diag_count(m.diag) > 0);
        assert_int_equal(orion_diag_dropped(m.diag), 0);
        for (size_t i = 0; i < orion_diag_count(m.diag); i++)
            assert_true(orion_diag_get(m.diag, i)->line > 0);
    }
    orion_ir_graph_destroy(&graph);
    close_model(&m);
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
        check_model(folder, entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
