/* SPDX-License-Identifier: MIT */
/* Graphs and MIL programs into files. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

orion_status graph_read(const char *path, orion_diag *diag, orion_ir_graph **out_graph) {
    orion_blob *text = NULL;
    *out_graph = NULL;
    orion_status status = orion_blob_map_file(path, NULL, diag, &text);
    if (status != ORION_OK) return status;
    status =
        orion_ir_parse(orion_blob_data(text), orion_blob_size(text), path, NULL, diag, out_graph);
    orion_blob_unref(&text);
    return status;
}

/* ---- one file ---- */

typedef orion_status (*print_fn)(const void *object, const orion_mil_print_options *options,
                                 const orion_writer *writer);

static orion_status print_program(const void *program, const orion_mil_print_options *options,
                                  const orion_writer *writer) {
    return orion_mil_print(program, options, writer);
}

static orion_status print_graph(const void *graph, const orion_mil_print_options *options,
                                const orion_writer *writer) {
    (void)options;
    return orion_ir_print(graph, writer);
}

static orion_status print_plan(const void *plan, const orion_mil_print_options *options,
                               const orion_writer *writer) {
    (void)options;
    return orion_mil_plan_print(plan, writer);
}

static int write_file(const char *path, print_fn print, const void *object, uint32_t dialect) {
    const orion_mil_print_options options = {.size = sizeof options, .dialect = dialect};
    new_file file;
    if (!new_file_begin(&file, path)) return EXIT_FAILED;
    const orion_writer writer = stream_writer(file.stream);
    orion_status status = print(object, &options, &writer);
    if (status != ORION_OK && status != ORION_ERROR_IO) report(NULL, status, path);
    return new_file_end(&file) && status == ORION_OK ? EXIT_DONE : EXIT_FAILED;
}

int mil_write(const orion_mil_program *program, const char *path, uint32_t dialect) {
    return write_file(path, print_program, program, dialect);
}

int graph_write(const orion_ir_graph *graph, const char *path) {
    return write_file(path, print_graph, graph, ORION_MIL_AS_IS);
}

int plan_write(const orion_mil_plan *plan, const char *path) {
    return write_file(path, print_plan, plan, ORION_MIL_AS_IS);
}

/* ---- a program with its weights ---- */

char *path_in(const char *folder, const char *name) {
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = malloc(size);
    if (path == NULL) {
        complain("out of memory");
    } else {
        snprintf(path, size, "%s/%s", folder, name);
    }
    return path;
}

bool make_folder(const char *path) {
    if (mkdir(path, 0777) == 0 || errno == EEXIST) return true;
    complain("cannot make the folder %s: %s", path, strerror(errno));
    return false;
}

static int write_blob(const char *path, const orion_blob *blob) {
    new_file file;
    if (!new_file_begin(&file, path)) return EXIT_FAILED;
    fwrite(orion_blob_data(blob), 1, orion_blob_size(blob), file.stream);
    return new_file_end(&file) ? EXIT_DONE : EXIT_FAILED;
}

/* weights/weight.bin in the folder, to which lowering refers as below @model_path. */
static int write_weights(const char *folder, const orion_mil_weights *weights) {
    if (orion_mil_weights_count(weights) == 0) return EXIT_DONE;
    char *inner = path_in(folder, "weights"), *path = path_in(folder, "weights/weight.bin");
    int code = EXIT_FAILED;
    if (inner != NULL && path != NULL && make_folder(inner)) {
        code = write_blob(path, orion_mil_weights_get(weights, 0));
    }
    free(inner);
    free(path);
    return code;
}

int graph_lower_to(const orion_ir_graph *graph, const char *path, uint32_t dialect,
                   orion_diag *diag) {
    const orion_mil_lower_options options = {.size = sizeof options, .dialect = dialect};
    orion_mil_program *program = NULL;
    orion_mil_weights *weights = NULL;
    char *folder = folder_of(path);
    orion_status status = folder == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) {
        status = orion_mil_lower(graph, &options, NULL, diag, &program, &weights);
    }
    int code = report(diag, status, path);
    if (code == EXIT_DONE) code = write_weights(folder, weights);
    if (code == EXIT_DONE) code = mil_write(program, path, dialect);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    free(folder);
    return code;
}
