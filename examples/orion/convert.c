/* SPDX-License-Identifier: MIT */
/* `orion convert`: MIL from one spelling to the other, and between MIL and .oir. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const command convert_command = {
    .name = "convert",
    .summary = "change the spelling of MIL, or between MIL and .oir",
    .usage = "orion convert IN OUT [--dialect ios16|ios18] [--weights DIR] [--json]",
    .details = "IN and OUT end in .mil or .oir. MIL to MIL prints the program anew, in the "
               "spelling asked\n"
               "for. To .oir, the function main becomes a graph, with its constants. From .oir, "
               "constants of\n"
               "more than 64 elements go to weights/weight.bin beside OUT.",
    .examples = "  orion convert model.mil old.mil --dialect ios16\n"
                "  orion convert model.mil model.oir\n"
                "  orion convert model.oir model.mil",
};

typedef struct conversion {
    const char *in, *out, *folder;
    uint32_t dialect;
} conversion;

/* Is the end of a path one that is known? */
static bool is_known(const char *path) {
    return has_suffix(path, ".mil") || has_suffix(path, ".oir");
}

/* Write what `print` prints to OUT. */
typedef orion_status (*print_fn)(const void *object, const conversion *c,
                                 const orion_writer *writer);

static orion_status print_mil(const void *program, const conversion *c,
                              const orion_writer *writer) {
    const orion_mil_print_options options = {.size = sizeof options, .dialect = c->dialect};
    return orion_mil_print(program, &options, writer);
}

static orion_status print_oir(const void *graph, const conversion *c, const orion_writer *writer) {
    (void)c;
    return orion_ir_print(graph, writer);
}

static int write_file(const conversion *c, print_fn print, const void *object) {
    new_file file;
    if (!new_file_begin(&file, c->out)) return EXIT_FAILED;
    const orion_writer writer = stream_writer(file.stream);
    orion_status status = print(object, c, &writer);
    if (status != ORION_OK && status != ORION_ERROR_IO) report(NULL, status, c->out);
    return new_file_end(&file) && status == ORION_OK ? EXIT_DONE : EXIT_FAILED;
}

/* ---- from MIL ---- */

static int raise_program(const conversion *c, mil_file *f) {
    orion_ir_graph *graph = NULL;
    int code = report(f->diag, mil_file_weights(f, c->folder), c->in);
    if (code != EXIT_DONE) return code;
    orion_status status =
        orion_mil_raise(f->program, f->weights, NULL, NULL, NULL, f->diag, &graph);
    code = report(f->diag, status, c->in);
    if (code == EXIT_DONE) code = write_file(c, print_oir, graph);
    orion_ir_graph_destroy(&graph);
    return code;
}

static int from_mil(const conversion *c) {
    mil_file f;
    int code = mil_file_open(&f, c->in);
    if (code == EXIT_DONE)
        code =
            has_suffix(c->out, ".oir") ? raise_program(c, &f) : write_file(c, print_mil, f.program);
    mil_file_close(&f);
    return code;
}

/* ---- from .oir ---- */

static bool write_blob(const char *path, const orion_blob *blob) {
    new_file file;
    if (!new_file_begin(&file, path)) return false;
    fwrite(orion_blob_data(blob), 1, orion_blob_size(blob), file.stream);
    return new_file_end(&file);
}

/* OUT's folder gets weights/weight.bin, to which lowering refers as below @model_path. */
static int write_weights(const conversion *c, const orion_mil_weights *weights) {
    if (orion_mil_weights_count(weights) == 0) return EXIT_DONE;
    char *folder = folder_of(c->out), *path = NULL;
    size_t size = folder == NULL ? 0 : strlen(folder) + sizeof "/weights/weight.bin";
    int code = EXIT_FAILED;
    if (folder != NULL) path = malloc(size);
    if (path == NULL) {
        complain("out of memory");
    } else {
        snprintf(path, size, "%s/weights", folder);
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            complain("cannot make the folder %s: %s", path, strerror(errno));
        } else {
            snprintf(path, size, "%s/weights/weight.bin", folder);
            if (write_blob(path, orion_mil_weights_get(weights, 0))) code = EXIT_DONE;
        }
    }
    free(folder);
    free(path);
    return code;
}

static int lower_graph(const conversion *c, const orion_ir_graph *graph, orion_diag *diag) {
    const orion_mil_lower_options options = {.size = sizeof options, .dialect = c->dialect};
    orion_mil_program *program = NULL;
    orion_mil_weights *weights = NULL;
    orion_status status = orion_mil_lower(graph, &options, NULL, diag, &program, &weights);
    int code = report(diag, status, c->in);
    if (code == EXIT_DONE) code = write_weights(c, weights);
    if (code == EXIT_DONE) code = write_file(c, print_mil, program);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    return code;
}

static int from_oir(const conversion *c) {
    orion_diag *diag = NULL;
    orion_blob *text = NULL;
    orion_ir_graph *graph = NULL;
    orion_status status = orion_diag_create(NULL, &diag);
    if (status == ORION_OK) status = orion_blob_map_file(c->in, NULL, diag, &text);
    if (status == ORION_OK)
        status =
            orion_ir_parse(orion_blob_data(text), orion_blob_size(text), c->in, NULL, diag, &graph);
    int code = report(diag, status, c->in);
    if (code == EXIT_DONE)
        code = has_suffix(c->out, ".oir") ? write_file(c, print_oir, graph)
                                          : lower_graph(c, graph, diag);
    orion_ir_graph_destroy(&graph);
    orion_blob_unref(&text);
    orion_diag_destroy(&diag);
    return code;
}

int cmd_convert(int argc, char **argv) {
    conversion c = {NULL, NULL, NULL, ORION_MIL_AS_IS};
    const char *dialect = "";
    bool json = false;
    option_list list = {.command = &convert_command};
    option_operand(&list, "IN", &c.in);
    option_operand(&list, "OUT", &c.out);
    option_text(&list, "dialect", "NAME", "ios16 (verbose) or ios18 (terse) [as it is; ios18]",
                &dialect);
    option_text(&list, "weights", "DIR", "where IN's weight files are [where IN is]", &c.folder);
    option_flag(&list, "json", "print one JSON object", &json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (strcmp(dialect, "ios16") == 0) {
        c.dialect = ORION_MIL_IOS16;
    } else if (strcmp(dialect, "ios18") == 0) {
        c.dialect = ORION_MIL_IOS18;
    } else if (dialect[0] != '\0') {
        complain("convert: --dialect wants ios16 or ios18, not '%s'", dialect);
        return EXIT_USAGE;
    }
    if (!is_known(c.in) || !is_known(c.out)) {
        complain("convert: '%s' does not end in .mil or .oir", is_known(c.in) ? c.out : c.in);
        return EXIT_USAGE;
    }
    int code = has_suffix(c.in, ".mil") ? from_mil(&c) : from_oir(&c);
    if (code == EXIT_DONE && json) {
        record r = {.output = true};
        record_begin(&r, "convert");
        record_text(&r, "in", c.in, strlen(c.in));
        record_text(&r, "out", c.out, strlen(c.out));
        if (!record_end(&r)) code = EXIT_FAILED;
    }
    return code;
}
