/* SPDX-License-Identifier: MIT */
/* What tests share that drive the back ends of the Neural Engine against the emulator. */
#define _POSIX_C_SOURCE 200809L /* setenv */
#include "emulator-support.h"

#include <dlfcn.h>

/* Programs with the same text have the same folder below the one for temporary files: each process
 * has one of its own, from before the framework looks until the end. */
static test_dir temporary;

__attribute__((constructor)) static void begin(void) {
    test_dir_create(&temporary);
    setenv("TMPDIR", temporary.path, 1);
    setenv("TEMP", temporary.path, 1); /* what GNUstep reads */
}

__attribute__((destructor)) static void end(void) {
    test_dir_remove(&temporary);
}

const char *emulator_path(void) {
    const char *path = getenv("ORION_TEST_EMULATOR");
    assert_non_null(path);
    return path;
}

static void *find(const char *name) {
    static void *library;
    if (library == NULL) library = dlopen(emulator_path(), RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fail_msg("%s", dlerror());
    void *address = dlsym(library, name);
    assert_non_null(address);
    return address;
}

#define FUNCTION(variable, name)                                                                   \
    __typeof__(&name) variable;                                                                    \
    void *address_ = find(#name);                                                                  \
    memcpy(&variable, &address_, sizeof variable)

void emulator_reset(void) {
    FUNCTION(reset, orion_emulator_reset);
    reset();
}

const char *emulator_complaint(const char *settings) {
    FUNCTION(configure, orion_emulator_configure);
    return configure(settings);
}

void emulator_configure(const char *settings) {
    const char *wrong = emulator_complaint(settings);
    if (wrong != NULL) fail_msg("%s", wrong);
}

orion_emulator_counters emulator_counters(void) {
    FUNCTION(get, orion_emulator_get_counters);
    orion_emulator_counters counters = {.size = sizeof counters};
    get(&counters);
    return counters;
}

static orion_ane_backend wanted_backend(void) {
    orion_ane_backend backend = ORION_ANE_BACKEND_ANE_OBJC;
    const char *name = getenv("ORION_TEST_BACKEND");
    if (name != NULL) {
        assert_int_equal(orion_ane_backend_from_name(name, NULL, &backend), ORION_OK);
    }
    return backend;
}

bench bench_open(const char *settings) {
    bench b;
    emulator_reset();
    emulator_configure(settings);
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    b.device = ane_open(wanted_backend(), 1);
    return b;
}

void refuse_open(orion_ane_backend backend, const char *framework, const char *part) {
    orion_diag *diag;
    orion_ane_device *device = (orion_ane_device *)1;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ane_device_open(orion_ane_device_options(.backend = (uint32_t)backend,
                                                                    .framework = framework),
                                           diag, &device),
                     ORION_ERROR_UNSUPPORTED);
    assert_null(device);
    assert_diag(diag, ORION_MESSAGE_ANE_FRAMEWORK, part);
    orion_diag_destroy(&diag);
}

void bench_close(bench *b) {
    orion_ane_device_unref(&b->device);
    orion_diag_destroy(&b->diag);
}

char *mil_text(const char *parameters, const char *statements, const char *results) {
    static const char form[] = "program(1.3)\n"
                               "{\n"
                               "    func main<ios18>(%s) {\n"
                               "%s"
                               "    } -> (%s);\n"
                               "}\n";
    size_t size = sizeof form + strlen(parameters) + strlen(statements) + strlen(results);
    char *text = malloc(size);
    assert_non_null(text);
    snprintf(text, size, form, parameters, statements, results);
    return text;
}

char *two_outputs_text(int channels, int width) {
    char type[64], parameters[160], statements[512];
    snprintf(type, sizeof type, "tensor<fp16, [1, %d, 1, %d]>", channels, width);
    snprintf(parameters, sizeof parameters, "%s y, %s x", type, type);
    snprintf(statements, sizeof statements,
             "        %s b = mul(x = x, y = y)[name = string(\"b\")];\n"
             "        %s a = sub(x = x, y = y)[name = string(\"a\")];\n",
             type, type);
    return mil_text(parameters, statements, "b, a");
}

orion_mil_weights *half_weights(const char *path, const float *data, size_t count) {
    orion_mil_blob_writer *writer;
    orion_mil_weights *weights;
    orion_blob *blob;
    uint16_t halves[64];
    uint64_t offset;
    assert_true(count <= ORN_COUNT(halves));
    for (size_t i = 0; i < count; i++) halves[i] = orn_f16_from_f32(data[i]);
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &writer), ORION_OK);
    assert_int_equal(
        orion_mil_blob_writer_add(writer, ORION_MIL_FP16, halves, 2 * count, count, &offset),
        ORION_OK);
    assert_int_equal(offset, 64);
    assert_int_equal(orion_mil_blob_writer_finish(writer, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
    assert_int_equal(orion_mil_weights_add(weights, path, blob), ORION_OK);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&writer);
    return weights;
}

orion_status bench_try(bench *b, const char *text, const orion_mil_weights *weights,
                       orion_ane_program **out_program) {
    const orion_ane_source source = {.size = sizeof source,
                                     .text = text,
                                     .length = strlen(text),
                                     .name = "t.mil",
                                     .weights = weights};
    orion_diag_clear(b->diag);
    return orion_ane_program_compile(b->device, &source, b->diag, out_program);
}

orion_ane_program *bench_compile(bench *b, const char *text, const orion_mil_weights *weights) {
    orion_ane_program *program;
    assert_ok(bench_try(b, text, weights, &program), b->diag);
    return program;
}

void bench_refuse(bench *b, const char *text, orion_status status, orion_message message,
                  const char *part) {
    orion_ane_program *program = (orion_ane_program *)1;
    assert_int_equal(bench_try(b, text, NULL, &program), status);
    assert_null(program);
    assert_diag(b->diag, message, part);
}

orion_status bench_execute(bench *b, ane_bound *bound) {
    for (size_t i = 0; i < bound->inputs; i++) {
        orion_ir_type type = orion_ane_tensor_type(bound->tensors[i]);
        size_t n = (size_t)orion_ir_type_elements(&type);
        double *data = malloc(n * sizeof *data);
        assert_non_null(data);
        for (size_t k = 0; k < n; k++) data[k] = (double)(1 + i + k);
        ane_write(bound, i, data);
        free(data);
    }
    orion_diag_clear(b->diag);
    return orion_ane_run_execute(bound->run, b->diag);
}
