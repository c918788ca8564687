/* SPDX-License-Identifier: MIT */
/*
 * The compiler: a folder with a text and weight files becomes a program for the CPU device.
 *
 * What it refuses is decided by liborion-mil's check of the profile's target; what it computes by
 * numerics.c. Files are copied when they are read: whatever happens to them later, the program is
 * what it was when it was compiled.
 */
#define _XOPEN_SOURCE 700 /* strdup */
#include "emu.h"

#include <pthread.h>
#include <stdlib.h>

/* ---- things made once ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The target of a name; targets are few and stay. */
static const orion_mil_target *target_of(const char *name) {
    static orion_mil_target *targets[16]; /* more than there are */
    const orion_mil_target *found = NULL;
    pthread_mutex_lock(&lock);
    for (size_t i = 0; i < ORN_COUNT(targets) && found == NULL; i++) {
        if (targets[i] == NULL &&
            orion_mil_target_find(name, NULL, NULL, &targets[i]) != ORION_OK) {
            break;
        }
        if (strcmp(orion_mil_target_name(targets[i]), name) == 0) found = targets[i];
    }
    pthread_mutex_unlock(&lock);
    return found;
}

static orion_ane_device *cpu(void) {
    static orion_ane_device *device;
    pthread_mutex_lock(&lock);
    if (device == NULL) {
        const orion_ane_device_options *options =
            orion_ane_device_options(.backend = ORION_ANE_BACKEND_CPU, .cache_entries = 1);
        if (orion_ane_device_open(options, NULL, &device) != ORION_OK) device = NULL;
    }
    pthread_mutex_unlock(&lock);
    return device;
}

/* ---- reading the folder ---- */

typedef struct sources {
    orion_blob *text;
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_diag *diag;
    bool complete; /* all weight files were there */
} sources;

static void sources_free(sources *s) {
    orion_mil_program_destroy(&s->program);
    orion_mil_weights_destroy(&s->weights);
    orion_blob_unref(&s->text);
    orion_diag_destroy(&s->diag);
}

/* Reads the files that a value refers to. */
static bool read_weights(sources *s, const char *folder, const orion_mil_value *value) {
    static const char root[] = "@model_path/";
    for (size_t i = 0; i < orion_mil_value_count(value); i++) {
        if (!read_weights(s, folder, orion_mil_value_item(value, i))) return false;
    }
    if (orion_mil_value_kind(value) != ORION_MIL_VALUE_BLOB) return true;
    const char *path = orion_mil_value_text(value);
    if (orion_mil_weights_find(s->weights, path) != NULL) return true;
    size_t skip = strncmp(path, root, strlen(root)) == 0 ? strlen(root) : 0;
    orion_blob *blob = emu_folder_read(folder, path + skip);
    if (blob == NULL) return false;
    if (orion_blob_size(blob) > 0 && emu_fault_strikes(EMU_FAULT_TAMPER)) {
        char *bytes = (char *)(uintptr_t)orion_blob_data(blob);
        bytes[orion_blob_size(blob) - 1] ^= 1;
    }
    orion_status status = orion_mil_weights_add(s->weights, path, blob);
    orion_blob_unref(&blob);
    return status == ORION_OK;
}

static bool read_all_weights(sources *s, const char *folder) {
    bool fine = true;
    for (size_t f = 0; f < orion_mil_program_function_count(s->program); f++) {
        const orion_mil_function *function = orion_mil_program_function(s->program, f);
        for (size_t i = 0; i < orion_mil_function_statement_count(function); i++) {
            const orion_mil_statement *st = orion_mil_function_statement(function, i);
            for (size_t k = 0; fine && k < orion_mil_statement_argument_count(st); k++) {
                fine = read_weights(s, folder, orion_mil_statement_argument(st, k));
            }
            for (size_t k = 0; fine && k < orion_mil_statement_attribute_count(st); k++) {
                fine = read_weights(s, folder, orion_mil_statement_attribute(st, k));
            }
        }
    }
    return fine;
}

/* The first thing that was wrong. */
static const char *reason(const sources *s) {
    const orion_diag_entry *entry = orion_diag_get(s->diag, 0);
    return entry == NULL ? "out of memory" : entry->text;
}

static bool parse(sources *s, emu_error *error) {
    orion_mil_program_destroy(&s->program);
    orion_status status = orion_mil_parse(orion_blob_data(s->text), orion_blob_size(s->text),
                                          "model.mil", NULL, NULL, s->diag, &s->program);
    return status == ORION_OK || emu_fail_compile(error, true, reason(s));
}

static bool read_folder(sources *s, const char *folder, emu_error *error) {
    if (orion_diag_create(NULL, &s->diag) != ORION_OK ||
        orion_mil_weights_create(NULL, &s->weights) != ORION_OK) {
        return emu_fail_compile(error, false, "out of memory");
    }
    s->text = emu_folder_read(folder, "model.mil");
    if (s->text == NULL) {
        return emu_fail(error, EMU_DOMAIN, EMU_FILE_NOT_FOUND,
                        "compileModel: File not found: %s/model.mil", folder);
    }
    if (!parse(s, error)) return false;
    s->complete = read_all_weights(s, folder);
    return true;
}

static bool check_weights(const sources *s, emu_error *error) {
    return s->complete ||
           emu_fail_compile(error, true, "a weight file that the text names cannot be read");
}

static void identify(const sources *s, char out_hex[ORION_MIL_IDENTITY_BYTES]) {
    orion_mil_identity(orion_blob_data(s->text), orion_blob_size(s->text), s->weights, NULL, 0,
                       out_hex);
}

bool emu_folder_identity(const char *folder, char out_hex[ORION_MIL_IDENTITY_BYTES]) {
    sources s = {.text = NULL};
    bool fine = read_folder(&s, folder, NULL) && s.complete;
    if (fine) identify(&s, out_hex);
    sources_free(&s);
    return fine;
}

bool emu_identity(emu_bytes text, const emu_bytes *files, size_t count, emu_bytes options,
                  char out_hex[ORION_MIL_IDENTITY_BYTES]) {
    orion_mil_weights *weights;
    if (orion_mil_weights_create(NULL, &weights) != ORION_OK) return false;
    orion_status status = ORION_OK;
    for (size_t i = 0; i < count && status == ORION_OK; i++) {
        /* Paths do not count for the hash, only their order does. */
        char path[] = "@0000000000";
        for (size_t n = i, k = sizeof path - 2; n > 0; n /= 10) path[k--] = (char)('0' + n % 10);
        orion_blob *blob;
        status = orion_blob_wrap(files[i].data, files[i].size, NULL, NULL, NULL, &blob);
        if (status != ORION_OK) break;
        status = orion_mil_weights_add(weights, path, blob);
        orion_blob_unref(&blob);
    }
    if (status == ORION_OK) {
        orion_mil_identity(text.data, text.size, weights, options.data, options.size, out_hex);
    }
    orion_mil_weights_destroy(&weights);
    return status == ORION_OK;
}

/* ---- what is refused ---- */

/* Rules that say, op by op, that a text must not leave a parameter to a default. For linting this
 * is a hypothesis; the compiler that is emulated refuses, for every observation fits that. */
static bool is_about_defaults(const char *id) {
    static const char *const ids[] = {"H-1", "E-1", "E-10", "E-12", "X-4"};
    for (size_t i = 0; i < ORN_COUNT(ids); i++) {
        if (strcmp(ids[i], id) == 0) return true;
    }
    return false;
}

/* Does the compiler stop at this finding of the check? */
static bool stops(const orion_diag_entry *entry, const orion_mil_rule *rule, bool strict) {
    if (strcmp(rule->severity, "compile") == 0 || strcmp(rule->severity, "crash") == 0) {
        return entry->severity == ORION_SEVERITY_ERROR || is_about_defaults(rule->id);
    }
    if (!strict ||
        (strcmp(rule->severity, "wrong-data") != 0 && strcmp(rule->severity, "numeric"))) {
        return false;
    }
    return entry->severity == ORION_SEVERITY_ERROR ||
           (entry->severity == ORION_SEVERITY_WARNING && rule->verdict != ORION_MIL_DOUBTFUL);
}

static bool check_rules(const sources *s, const emu_settings *settings, emu_error *error) {
    const orion_mil_target *target = target_of(settings->profile.target);
    if (target == NULL) return emu_fail_compile(error, false, "the profile has no target");
    orion_status status =
        orion_mil_check(s->program, s->complete ? s->weights : NULL, target, s->diag);
    if (status != ORION_OK && status != ORION_ERROR_VERIFY) {
        return emu_fail_compile(error, false, orion_status_string(status));
    }
    for (size_t i = 0; i < orion_diag_count(s->diag); i++) {
        const orion_diag_entry *entry = orion_diag_get(s->diag, i);
        orion_mil_rule rule = {.size = sizeof rule};
        if (entry->severity == ORION_SEVERITY_NOTE) continue;
        if (entry->message != ORION_MESSAGE_MIL_RULE) {
            return emu_fail_compile(error, true, entry->text);
        }
        if (entry->subject == NULL ||
            orion_mil_target_find_rule(target, entry->subject, &rule) != ORION_OK ||
            !stops(entry, &rule, settings->strict)) {
            continue;
        }
        if (strcmp(rule.severity, "crash") == 0 && !settings->strict) return emu_fail_daemon(error);
        bool invalid = strstr(rule.symptom, "InvalidMILProgram") != NULL;
        return emu_fail_compile(error, invalid, entry->text);
    }
    orion_diag_clear(s->diag);
    return true;
}

/* Ops of Orion's own are for its CPU device alone. */
static bool check_ops(const sources *s, emu_error *error) {
    for (size_t f = 0; f < orion_mil_program_function_count(s->program); f++) {
        const orion_mil_function *function = orion_mil_program_function(s->program, f);
        for (size_t i = 0; i < orion_mil_function_statement_count(function); i++) {
            const char *op = orion_mil_statement_op(orion_mil_function_statement(function, i));
            if (strncmp(op, "orion_", strlen("orion_")) != 0) continue;
            return emu_fail_compile(error, true,
                                    "Some ops are not supported on any of the specified backends");
        }
    }
    return true;
}

static bool ignore_masks(sources *s, const emu_settings *settings, emu_error *error) {
    orion_mil_rule rule = {.size = sizeof rule};
    const orion_mil_target *target = target_of(settings->profile.target);
    if (orion_mil_target_find_rule(target, "E-6", &rule) != ORION_OK || rule.enabled == 0)
        return true;
    char *text = (char *)(uintptr_t)orion_blob_data(s->text); /* our copy */
    return !emu_ignore_masks(s->program, text, orion_blob_size(s->text)) || parse(s, error);
}

/* ---- one function ---- */

static bool make_symbols(const orion_mil_function *function, bool outputs, size_t count,
                         emu_symbol **out_symbols) {
    *out_symbols = calloc(count == 0 ? 1 : count, sizeof **out_symbols);
    if (*out_symbols == NULL) return false;
    for (size_t i = 0; i < count; i++) {
        emu_symbol *symbol = &(*out_symbols)[i];
        orion_ir_type type;
        const char *name = outputs ? orion_mil_function_output(function, i)
                                   : orion_mil_function_parameter_name(function, i);
        if (orion_mil_type_to_ir(orion_mil_function_type_of(function, name), &type) != ORION_OK ||
            (type.dtype != ORION_IR_F16 && type.dtype != ORION_IR_F32 &&
             type.dtype != ORION_IR_U8)) {
            return false;
        }
        symbol->name = strdup(name);
        symbol->port = (uint32_t)i;
        symbol->dtype = type.dtype;
        symbol->element = orion_ir_dtype_bytes((orion_ir_dtype)type.dtype);
        int64_t *extents[] = {&symbol->width, &symbol->height, &symbol->channels};
        symbol->batches = symbol->channels = symbol->height = symbol->width = 1;
        for (uint32_t k = 0; k < type.rank; k++) {
            int64_t extent = type.dims[type.rank - 1 - k];
            *(k < ORN_COUNT(extents) ? extents[k] : &symbol->batches) *= extent;
        }
        if (symbol->name == NULL) return false;
    }
    return true;
}

/* What the cost model predicts for the chip; nothing where it has no figures. */
static orion_status predict(const orion_ir_graph *graph, const char *target, emu_program *program,
                            emu_procedure *p) {
    enum { NS_PER_MS = 1000000 };
    orion_mil_work work = {.size = sizeof work};
    orion_mil_cost cost = {.size = sizeof cost};
    TRY(orion_mil_measure(graph, &work));
    work.calls = 1;
    TRY(orion_mil_predict(target_of(target), &work, 1, &cost));
    program->compile_ns += (uint64_t)(cost.compile_ms * NS_PER_MS);
    program->load_ns += (uint64_t)(cost.load_ms * NS_PER_MS);
    p->run_ns = (uint64_t)((cost.dispatch_ms + cost.run_ms) * NS_PER_MS);
    return ORION_OK;
}

static bool make_procedure(const sources *s, const orion_mil_function *function,
                           const emu_settings *settings, emu_program *program, emu_procedure *p,
                           emu_error *error) {
    orion_ir_graph *raised = NULL, *graph = NULL;
    p->input_count = orion_mil_function_parameter_count(function);
    p->output_count = orion_mil_function_output_count(function);
    p->name = strdup(orion_mil_function_name(function));
    if (p->name == NULL || !make_symbols(function, false, p->input_count, &p->inputs) ||
        !make_symbols(function, true, p->output_count, &p->outputs)) {
        return emu_fail_compile(error, true, "Unsupported function input or output dtype");
    }
    emu_layout(p, settings);
    orion_status status =
        orion_mil_raise(s->program, s->weights, p->name, NULL, NULL, s->diag, &raised);
    if (status == ORION_OK) status = emu_numerics(raised, &settings->profile, s->diag, &graph);
    if (status == ORION_OK) {
        status = predict(raised, settings->profile.target, program, p);
    }
    if (status == ORION_OK) {
        status = orion_ane_program_compile_graph(cpu(), graph, s->diag, &p->program);
    }
    orion_ir_graph_destroy(&raised);
    orion_ir_graph_destroy(&graph);
    return status == ORION_OK ||
           emu_fail_compile(error, status != ORION_ERROR_UNSUPPORTED, reason(s));
}

/* ---- the program ---- */

static void symbols_free(emu_symbol *symbols, size_t count) {
    for (size_t i = 0; symbols != NULL && i < count; i++) free((char *)(uintptr_t)symbols[i].name);
    free(symbols);
}

emu_program *emu_program_ref(emu_program *program) {
    __atomic_fetch_add(&program->refs, 1, __ATOMIC_RELAXED);
    return program;
}

void emu_program_unref(emu_program *program) {
    if (program == NULL) return;
    if (__atomic_fetch_sub(&program->refs, 1, __ATOMIC_ACQ_REL) != 1) return;
    for (size_t i = 0; i < program->procedure_count; i++) {
        emu_procedure *p = &program->procedures[i];
        symbols_free(p->inputs, p->input_count);
        symbols_free(p->outputs, p->output_count);
        orion_ane_program_unref(&p->program);
        free(p->name);
    }
    free(program->procedures);
    free(program);
}

static bool make_program(const sources *s, const emu_settings *settings, emu_error *error,
                         emu_program *program) {
    size_t count = orion_mil_program_function_count(s->program);
    program->procedures = calloc(count == 0 ? 1 : count, sizeof *program->procedures);
    if (program->procedures == NULL) return emu_fail_compile(error, false, "out of memory");
    program->procedure_count = count;
    size_t input = 0, output = 0;
    for (size_t i = 0; i < count; i++) {
        emu_procedure *p = &program->procedures[i];
        const orion_mil_function *function = orion_mil_program_function(s->program, i);
        if (!make_procedure(s, function, settings, program, p, error)) return false;
        p->first_input = input;
        p->first_output = output;
        input += p->input_count;
        output += p->output_count;
    }
    return count > 0 || emu_fail_compile(error, true, "the program has no function");
}

bool emu_program_create(const char *folder, const emu_settings *settings, emu_error *error,
                        emu_program **out_program) {
    *out_program = NULL;
    if (emu_fault_strikes(EMU_FAULT_COMPILER_CRASH)) return emu_fail_daemon(error);
    sources s = {.text = NULL};
    emu_program *program = calloc(1, sizeof *program);
    if (program == NULL) return emu_fail_compile(error, false, "out of memory");
    program->refs = 1;
    bool fine = read_folder(&s, folder, error) && check_rules(&s, settings, error) &&
                check_ops(&s, error) && check_weights(&s, error);
    if (fine) identify(&s, program->identity);
    fine = fine && ignore_masks(&s, settings, error) && make_program(&s, settings, error, program);
    sources_free(&s);
    if (!fine) {
        emu_program_unref(program);
        return false;
    }
    *out_program = program;
    return true;
}
