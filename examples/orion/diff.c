/* SPDX-License-Identifier: MIT */
/* `orion diff`: what two MIL programs compute differently. */
#include "cli.h"

#include <string.h>

enum { DIFF_SAME = 0, DIFF_DIFFERENT = 1, DIFF_TROUBLE = 2 };

static const command diff_command = {
    .name = "diff",
    .summary = "say what two MIL programs compute differently",
    .usage = "orion diff A.mil B.mil [--json]",
    .details = "Names of values, the order of statements, spelling, and whether a parameter is "
               "inline or a\n"
               "const do not count. Lines begin with - (only in A), + (only in B) or ~ (in both, "
               "changed);\n"
               "what merely depends on a change is not told.\n\n"
               "Exit code: 0 the same, 1 different, 2 trouble.",
    .examples = "  orion diff before.mil after.mil",
};

/* Lines of the library to JSON; it writes whole lines. */
static orion_status to_json(void *ctx, const void *bytes, size_t n) {
    (void)ctx;
    record r = {.output = true};
    record_begin(&r, "difference");
    record_text(&r, "text", bytes, n - 1);
    return record_end(&r) ? ORION_OK : ORION_ERROR_IO;
}

static orion_status to_output(void *ctx, const void *bytes, size_t n) {
    (void)ctx;
    return write_text(bytes, n) ? ORION_OK : ORION_ERROR_IO;
}

static int compare(const mil_file *a, const mil_file *b, bool json) {
    const orion_writer writer = {.size = sizeof writer, .write = json ? to_json : to_output};
    size_t differences;
    orion_status status = orion_mil_diff(a->program, b->program, NULL, &writer, &differences);
    if (status == ORION_ERROR_IO) return DIFF_TROUBLE; /* said when standard output is closed */
    if (report(a->diag, status, a->path) != EXIT_DONE) return DIFF_TROUBLE;
    if (json) {
        record r = {.output = true};
        record_begin(&r, "diff");
        record_count(&r, "differences", differences);
        if (!record_end(&r)) return DIFF_TROUBLE;
    }
    return differences == 0 ? DIFF_SAME : DIFF_DIFFERENT;
}

int cmd_diff(int argc, char **argv) {
    mil_file a = {0}, b = {0};
    const char *paths[2] = {NULL, NULL};
    bool json = false;
    option_list list = {.command = &diff_command};
    option_operand(&list, "A.mil", &paths[0]);
    option_operand(&list, "B.mil", &paths[1]);
    option_flag(&list, "json", "print one JSON object per difference", &json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    int code = DIFF_TROUBLE;
    if (mil_file_open(&a, paths[0]) == EXIT_DONE && mil_file_open(&b, paths[1]) == EXIT_DONE)
        code = compare(&a, &b, json);
    mil_file_close(&a);
    mil_file_close(&b);
    return code;
}
