/* SPDX-License-Identifier: MIT */
/* `orion inspect`: what is in a MIL program or in a weight file. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const command inspect_command = {
    .name = "inspect",
    .summary = "show what is in a MIL program or a weight file",
    .usage = "orion inspect FILE [--target NAME] [--weights DIR] [--json]",
    .details =
        "Of a MIL program: functions, inputs, outputs, how often each op occurs, weight files,\n"
        "the identity that Apple's framework gives it, and what it is predicted to cost on a\n"
        "target. Of a weight file: its entries, and how many of their floats fp16 holds badly.",
    .examples = "  orion inspect model.mil\n"
                "  orion inspect model.mil --target M5\n"
                "  orion inspect weights/weight.bin --json",
};

/* ---- weight files ---- */

/* Version 2 of the storage begins with a number of entries and a 2. */
static bool is_weight_file(const orion_blob *blob) {
    const unsigned char *bytes = orion_blob_data(blob);
    return orion_blob_size(blob) >= 64 && bytes[4] == 2 && bytes[5] == 0 && bytes[6] == 0 &&
           bytes[7] == 0 && memcmp(bytes, "prog", 4) != 0;
}

/* Floats that fp16 holds badly; false if the entry has no floats to look at. */
static bool count_halves(const orion_blob *blob, const orion_mil_blob_entry *e,
                         orion_mil_half_report *half) {
    *half = (orion_mil_half_report){.size = sizeof *half};
    const char *data = (const char *)orion_blob_data(blob) + e->data_offset;
    return orion_mil_half_count(data, (orion_mil_dtype)e->dtype, e->elements, half) == ORION_OK;
}

/* ": 3 overflow as fp16, 2 NaN ..." of what there is. */
static void put_halves(char *line, size_t size, const orion_mil_half_report *half) {
    const struct {
        uint64_t count;
        const char *what;
    } rows[] = {
        {half->overflows, "overflow as fp16"}, {half->nans, "NaN"},
        {half->infinities, "infinite"},        {half->subnormals, "subnormal in fp16"},
        {half->vanished, "0 in fp16"},
    };
    const char *between = ":";
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].count == 0) continue;
        size_t n = strlen(line);
        snprintf(line + n, size - n, "%s %" PRIu64 " %s", between, rows[i].count, rows[i].what);
        between = ",";
    }
}

static bool print_entry(const orion_blob *blob, const orion_mil_blob_entry *e, bool json) {
    const char *dtype = orion_mil_dtype_name((orion_mil_dtype)e->dtype);
    orion_mil_half_report half;
    bool floats = count_halves(blob, e, &half);
    if (json) {
        record r = {.output = true};
        record_begin(&r, "entry");
        record_count(&r, "offset", e->offset);
        record_text(&r, "dtype", dtype, strlen(dtype));
        record_count(&r, "elements", e->elements);
        record_count(&r, "bytes", e->bytes);
        record_count(&r, "data_offset", e->data_offset);
        if (floats) record_halves(&r, &half);
        return record_end(&r);
    }
    char line[400];
    snprintf(line, sizeof line,
             "%12" PRIu64 "  %-10s %12" PRIu64 " elements %12" PRIu64 " bytes at %" PRIu64,
             e->offset, dtype, e->elements, e->bytes, e->data_offset);
    if (floats) put_halves(line, sizeof line - 1, &half);
    strcat(line, "\n"); /* room was left */
    return write_output(line, strlen(line));
}

static int inspect_weights(const orion_blob *blob, const char *path, bool json) {
    orion_diag *diag = NULL;
    orion_status status = orion_diag_create(NULL, &diag);
    const orion_mil_blob_options options = {.size = sizeof options, .source = path, .lenient = 1};
    orion_mil_blob_entry entry = {.size = sizeof entry};
    uint64_t offset = 0;
    bool written = true;
    while (status == ORION_OK && written) {
        status = orion_mil_blob_next(blob, &offset, &options, diag, &entry);
        if (status == ORION_OK) written = print_entry(blob, &entry, json);
    }
    if (status == ORION_ERROR_NOT_FOUND) status = ORION_OK;
    int code = report(diag, status, path);
    orion_diag_destroy(&diag);
    return written ? code : EXIT_FAILED;
}

/* ---- programs ---- */

/* The ops of a function with how often each occurs, most frequent first. */
typedef struct op_count {
    const char *op;
    uint64_t count;
} op_count;

static int by_count(const void *a, const void *b) {
    const op_count *x = a, *y = b;
    if (x->count != y->count) return x->count > y->count ? -1 : 1;
    return strcmp(x->op, y->op);
}

/* The number of different ops; *ops is to be freed and NULL if memory is out. */
static size_t count_ops(const orion_mil_function *f, op_count **ops) {
    size_t statements = orion_mil_function_statement_count(f), kinds = 0;
    *ops = calloc(statements + 1, sizeof **ops);
    for (size_t i = 0; i < statements && *ops != NULL; i++) {
        const char *op = orion_mil_statement_op(orion_mil_function_statement(f, i));
        size_t k = 0;
        while (k < kinds && strcmp((*ops)[k].op, op) != 0) k++;
        kinds += k == kinds;
        (*ops)[k].op = op;
        (*ops)[k].count++;
    }
    if (*ops != NULL) qsort(*ops, kinds, sizeof **ops, by_count);
    return kinds;
}

static void put_type(FILE *out, const orion_mil_type *type) {
    const orion_writer writer = stream_writer(out);
    if (type == NULL || orion_mil_type_print(type, &writer) != ORION_OK) fputs("?", out);
}

static void put_ports(FILE *out, const orion_mil_function *f) {
    for (size_t i = 0; i < orion_mil_function_parameter_count(f); i++) {
        fprintf(out, "  input   %-20s ", orion_mil_function_parameter_name(f, i));
        put_type(out, orion_mil_function_parameter_type(f, i));
        fputc('\n', out);
    }
    for (size_t i = 0; i < orion_mil_function_output_count(f); i++) {
        const char *name = orion_mil_function_output(f, i);
        fprintf(out, "  output  %-20s ", name);
        put_type(out, orion_mil_function_type_of(f, name));
        fputc('\n', out);
    }
}

static bool put_function(FILE *out, const orion_mil_function *f) {
    op_count *ops;
    size_t kinds = count_ops(f, &ops);
    if (ops == NULL) return false;
    fprintf(out, "function %s (%s), %zu statements\n", orion_mil_function_name(f),
            orion_mil_function_opset(f), orion_mil_function_statement_count(f));
    put_ports(out, f);
    for (size_t i = 0; i < kinds; i++) fprintf(out, "  %6" PRIu64 " %s\n", ops[i].count, ops[i].op);
    free(ops);
    return true;
}

/* The identity needs the bytes of every weight file. */
static const char *identity_of(const mil_file *f, char *hex) {
    if (f->missing != NULL) return NULL;
    orion_mil_identity(orion_blob_data(f->text), orion_blob_size(f->text), f->weights, NULL, 0,
                       hex);
    return hex;
}

/* ---- cost ---- */

/* One part of a cost: how it is called in text and in JSON. */
typedef struct cost_part {
    const char *name, *key;
    uint32_t part;
    double ms;
} cost_part;

enum { COST_PARTS = 5 };

static void parts_of(const orion_mil_cost *cost, cost_part parts[COST_PARTS]) {
    const cost_part all[COST_PARTS] = {
        {"compile", "compile_ms", ORION_MIL_COST_COMPILE, cost->compile_ms},
        {"load", "load_ms", ORION_MIL_COST_LOAD, cost->load_ms},
        {"load with other weights", "update_ms", ORION_MIL_COST_UPDATE, cost->update_ms},
        {"dispatch", "dispatch_ms", ORION_MIL_COST_DISPATCH, cost->dispatch_ms},
        {"arithmetic or memory", "run_ms", ORION_MIL_COST_RUN, cost->run_ms},
    };
    memcpy(parts, all, sizeof all);
}

/* Costs are predicted from what the program does, so it must be one that can be raised. */
static orion_status predict(const mil_file *f, const orion_mil_target *target,
                            orion_mil_cost *cost) {
    orion_ir_graph *graph = NULL;
    orion_mil_work work = {.size = sizeof work};
    const orion_mil_raise_options options = {.size = sizeof options, .lenient = 1};
    orion_status status = orion_mil_raise(f->program, f->weights, mil_file_function(f, NULL),
                                          &options, NULL, NULL, &graph);
    if (status == ORION_OK) status = orion_mil_measure(graph, &work);
    if (status == ORION_OK) status = orion_mil_predict(target, &work, 1, cost);
    orion_ir_graph_destroy(&graph);
    return status;
}

static void put_cost(FILE *out, const mil_file *f, const orion_mil_target *target) {
    orion_mil_cost cost = {.size = sizeof cost};
    cost_part parts[COST_PARTS];
    orion_status status = predict(f, target, &cost);
    if (status != ORION_OK) {
        fprintf(out, "cost not known: %s\n",
                f->missing != NULL ? "weight files are missing" : "the program cannot be raised");
        return;
    }
    fprintf(out, "cost on %s, predicted from published figures\n", orion_mil_target_name(target));
    parts_of(&cost, parts);
    for (size_t i = 0; i < COST_PARTS; i++) {
        if ((cost.known & parts[i].part) != 0) {
            fprintf(out, "  %10.3f ms  %s\n", parts[i].ms, parts[i].name);
        } else {
            fprintf(out, "   not known     %s\n", parts[i].name);
        }
    }
}

static bool put_program(FILE *out, const mil_file *f, const orion_mil_target *target) {
    char hex[ORION_MIL_IDENTITY_BYTES];
    bool fine = true;
    fprintf(out, "program %s, %zu bytes\n", orion_mil_program_version(f->program),
            orion_blob_size(f->text));
    for (size_t i = 0; i < orion_mil_program_function_count(f->program) && fine; i++)
        fine = put_function(out, orion_mil_program_function(f->program, i));
    for (size_t i = 0; i < orion_mil_weights_count(f->weights); i++)
        fprintf(out, "weights  %s, %zu bytes\n", orion_mil_weights_path(f->weights, i),
                orion_blob_size(orion_mil_weights_get(f->weights, i)));
    if (identity_of(f, hex) != NULL) {
        fprintf(out, "identity %s\n", hex);
    } else {
        fprintf(out, "identity not known: there is no weight file %s (give --weights DIR)\n",
                f->missing);
    }
    put_cost(out, f, target);
    return fine;
}

static void record_cost(record *r, const mil_file *f, const orion_mil_target *target) {
    orion_mil_cost cost = {.size = sizeof cost};
    cost_part parts[COST_PARTS];
    if (predict(f, target, &cost) != ORION_OK) return;
    const char *name = orion_mil_target_name(target);
    record_text(r, "target", name, strlen(name));
    parts_of(&cost, parts);
    for (size_t i = 0; i < COST_PARTS; i++) {
        if ((cost.known & parts[i].part) != 0) record_number(r, parts[i].key, parts[i].ms, 6);
    }
}

static bool print_json(const mil_file *f, const orion_mil_target *target) {
    char hex[ORION_MIL_IDENTITY_BYTES];
    const char *version = orion_mil_program_version(f->program);
    uint64_t statements = 0;
    for (size_t i = 0; i < orion_mil_program_function_count(f->program); i++)
        statements += orion_mil_function_statement_count(orion_mil_program_function(f->program, i));
    record r = {.output = true};
    record_begin(&r, "program");
    record_text(&r, "version", version, strlen(version));
    record_count(&r, "bytes", orion_blob_size(f->text));
    record_count(&r, "functions", orion_mil_program_function_count(f->program));
    record_count(&r, "statements", statements);
    record_count(&r, "weight_files",
                 orion_mil_weights_count(f->weights) + (f->missing != NULL ? 1 : 0));
    if (identity_of(f, hex) != NULL) record_text(&r, "identity", hex, strlen(hex));
    record_cost(&r, f, target);
    return record_end(&r);
}

static int inspect_program(const char *path, const char *folder, const char *target_name,
                           bool json) {
    mil_file f;
    orion_mil_target *target = NULL;
    int code = mil_file_open(&f, path);
    if (code == EXIT_DONE) code = report(f.diag, mil_file_weights(&f, folder), path);
    if (code == EXIT_DONE)
        code = report(f.diag, mil_target_open(target_name, f.diag, &target), target_name);
    char *text = NULL;
    size_t size = 0;
    if (code == EXIT_DONE && json) {
        code = print_json(&f, target) ? EXIT_DONE : EXIT_FAILED;
    } else if (code == EXIT_DONE) {
        FILE *out = open_memstream(&text, &size);
        bool fine = out != NULL && put_program(out, &f, target);
        fine = out != NULL && fclose(out) == 0 && fine;
        if (!fine) complain("out of memory");
        code = fine && write_text(text, size) ? EXIT_DONE : EXIT_FAILED;
        free(text);
    }
    orion_mil_target_destroy(&target);
    mil_file_close(&f);
    return code;
}

int cmd_inspect(int argc, char **argv) {
    const char *path = NULL, *folder = NULL, *target = "h16";
    bool json = false;
    option_list list = {.command = &inspect_command};
    option_operand(&list, "FILE", &path);
    option_text(&list, "target", "NAME", "on what the cost is predicted [h16]", &target);
    option_text(&list, "weights", "DIR", "where the program's weight files are [where it is]",
                &folder);
    option_flag(&list, "json", "print JSON objects", &json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    orion_diag *diag = NULL;
    orion_blob *blob = NULL;
    orion_status status = orion_diag_create(NULL, &diag);
    if (status == ORION_OK) status = orion_blob_map_file(path, NULL, diag, &blob);
    int code = report(diag, status, path);
    if (code == EXIT_DONE)
        code = is_weight_file(blob) ? inspect_weights(blob, path, json)
                                    : inspect_program(path, folder, target, json);
    orion_blob_unref(&blob);
    orion_diag_destroy(&diag);
    return code;
}
