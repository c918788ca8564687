/* SPDX-License-Identifier: MIT */
/* `orion convert`: MIL from one spelling to the other, and between MIL and .oir. */
#include "cli.h"

#include <string.h>

static const command convert_command = {
    .name = "convert",
    .summary = "change the spelling of MIL, or between MIL and .oir",
    .usage = "orion convert IN OUT [--dialect ios16|ios18] [--weights DIR]\n"
             "                      [--function NAME] [--lenient] [--json]",
    .details = "IN and OUT end in .mil or .oir. MIL to MIL prints the program anew, in the "
               "spelling asked\n"
               "for. To .oir, a function becomes a graph, with its constants. From .oir, "
               "constants of\n"
               "more than 64 elements go to weights/weight.bin beside OUT.",
    .examples = "  orion convert model.mil old.mil --dialect ios16\n"
                "  orion convert model.mil model.oir\n"
                "  orion convert model.oir model.mil",
};

typedef struct conversion {
    const char *in, *out, *folder, *function;
    uint32_t dialect, lenient;
} conversion;

/* Is the end of a path one that is known? */
static bool is_known(const char *path) {
    return has_suffix(path, ".mil") || has_suffix(path, ".oir");
}

/* ---- from MIL ---- */

static int raise_program(const conversion *c, mil_file *f) {
    orion_ir_graph *graph = NULL;
    int code = report(f->diag, mil_file_weights(f, c->folder), c->in);
    if (code != EXIT_DONE) return code;
    const orion_mil_raise_options options = {.size = sizeof options, .lenient = c->lenient};
    orion_status status = orion_mil_raise(f->program, f->weights, mil_file_function(f, c->function),
                                          &options, NULL, f->diag, &graph);
    code = report(f->diag, status, c->in);
    if (code == EXIT_DONE) code = graph_write(graph, c->out);
    orion_ir_graph_destroy(&graph);
    return code;
}

static int from_mil(const conversion *c) {
    mil_file f;
    int code = mil_file_open(&f, c->in);
    if (code == EXIT_DONE)
        code = has_suffix(c->out, ".oir") ? raise_program(c, &f)
                                          : mil_write(f.program, c->out, c->dialect);
    mil_file_close(&f);
    return code;
}

/* ---- from .oir ---- */

static int from_oir(const conversion *c) {
    orion_diag *diag = NULL;
    orion_ir_graph *graph = NULL;
    orion_status status = orion_diag_create(NULL, &diag);
    if (status == ORION_OK) status = graph_read(c->in, diag, &graph);
    int code = report(diag, status, c->in);
    if (code == EXIT_DONE)
        code = has_suffix(c->out, ".oir") ? graph_write(graph, c->out)
                                          : graph_lower_to(graph, c->out, c->dialect, diag);
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    return code;
}

int cmd_convert(int argc, char **argv) {
    conversion c = {.dialect = ORION_MIL_AS_IS};
    const char *dialect = "";
    bool json = false, lenient = false;
    option_list list = {.command = &convert_command};
    option_operand(&list, "IN", &c.in);
    option_operand(&list, "OUT", &c.out);
    option_text(&list, "dialect", "NAME", "ios16 (verbose) or ios18 (terse) [as it is; ios18]",
                &dialect);
    option_text(&list, "weights", "DIR", "where IN's weight files are [where IN is]", &c.folder);
    option_text(&list, "function", "NAME", "to .oir: which of several [main, or the only one]",
                &c.function);
    option_flag(&list, "lenient", "read malformed weight files, with warnings", &lenient);
    option_flag(&list, "json", "print one JSON object", &json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!dialect_from_name(&list, dialect, &c.dialect)) return EXIT_USAGE;
    if (!is_known(c.in) || !is_known(c.out)) {
        complain("convert: '%s' does not end in .mil or .oir", is_known(c.in) ? c.out : c.in);
        return EXIT_USAGE;
    }
    c.lenient = lenient;
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
