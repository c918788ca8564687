/* SPDX-License-Identifier: MIT */
/* orion-opt: the command line, and the order in which things are done. */
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: orion-opt [options] [FILE.oir | -]\n"
    "\n"
    "Reads a graph (from standard input if no file is named), differentiates it, runs passes,\n"
    "verifies it and prints it in canonical form.\n"
    "\n"
    "What is done, in this order:\n"
    "  --before=LIST       run these passes before differentiating\n"
    "  --grad[=OUTPUT]     differentiate that output (the first)\n"
    "    --by=NAMES        by these inputs, names between commas; else by all float inputs\n"
    "    --seed=NAME       the cotangent is a new input NAME, not 1\n"
    "  --pass=LIST         run these passes: names between commas, or pipelines\n"
    "    --verify-each     verify after every pass\n"
    "    --stress          print and parse after every pass\n"
    "    --dump            print the graph after every pass that changed it, and not at the end\n"
    "\n"
    "What is printed, instead of the graph:\n"
    "  --verify            nothing: the exit code says whether the graph is valid\n"
    "  --stats             counts of inputs, nodes and ops, bytes, hash, equal parts\n"
    "  --dot               a drawing for Graphviz\n"
    "  --eval[=X]          the outputs, for inputs filled with X (1)\n"
    "    --random=N        fill them at random: floats in [-1, 1), integers with 0 and 1\n"
    "    --input=NAME=X,Y  numbers of one input, in row-major order; one alone is for all "
    "elements\n"
    "    --exact           compute in f64 and round nothing; else results are rounded to their "
    "dtype\n"
    "    --half            round floats of every dtype to f16\n"
    "\n"
    "Without a graph:\n"
    "  --passes            list passes and pipelines\n"
    "  --print-pipeline    write out the pipeline of --pass\n"
    "  --help              this text\n"
    "\n"
    "Examples:\n"
    "  orion-opt --pass=decompose,default net.oir\n"
    "  orion-opt --grad=loss --by=w,b --pass=default net.oir | orion-opt --stats\n"
    "  orion-opt --before='parameters(elements=64)' --grad net.oir\n"
    "  orion-opt --eval --random=7 --input=position=3 net.oir\n"
    "  orion-opt --dot net.oir | dot -Tsvg >net.svg\n"
    "\n"
    "Exit code: 0, 1 if the text, a pass or the run fails (diagnostics on standard error), 2 for\n"
    "bad usage.\n";

/* ---- the command line ---- */

/* `--name` or `--name=value`; false if the argument is another one. */
static int takes(const char *arg, const char *name, const char **value) {
    size_t n = strlen(name);
    if (strncmp(arg, name, n) != 0 || (arg[n] != '\0' && arg[n] != '=')) return 0;
    *value = arg[n] == '=' ? arg + n + 1 : "";
    return 1;
}

/* `--name` alone. */
static int sets(const char *arg, const char *name, int *flag) {
    if (strcmp(arg, name) != 0) return 0;
    *flag = 1;
    return 1;
}

static int sets_option(const char *arg, const char *name, uint32_t *flag) {
    if (strcmp(arg, name) != 0) return 0;
    *flag = 1;
    return 1;
}

static int parse_value(opt_command *c, const char *arg) {
    const char *given;
    if (takes(arg, "--eval", &c->fill)) {
        c->eval = 1;
        if (c->fill[0] == '\0') c->fill = NULL;
        return 1;
    }
    if (takes(arg, "--input", &given)) {
        c->given[c->given_count++] = given;
        return strchr(given, '=') != NULL;
    }
    return takes(arg, "--before", &c->before) || takes(arg, "--pass", &c->passes) ||
           takes(arg, "--grad", &c->grad) || takes(arg, "--by", &c->by) ||
           takes(arg, "--seed", &c->seed) || takes(arg, "--random", &c->random);
}

static int parse_flag(opt_command *c, const char *arg) {
    return sets(arg, "--exact", &c->exact) || sets(arg, "--half", &c->half) ||
           sets(arg, "--verify", &c->verify) || sets(arg, "--stats", &c->stats) ||
           sets(arg, "--dot", &c->dot) || sets(arg, "--passes", &c->list) ||
           sets(arg, "--print-pipeline", &c->pipeline) || sets(arg, "--help", &c->help) ||
           sets_option(arg, "--verify-each", &c->verify_each) ||
           sets_option(arg, "--stress", &c->stress) || sets_option(arg, "--dump", &c->dump);
}

/* A number and nothing behind it. */
static int is_number(const char *text, int whole) {
    char *end = NULL;
    if (whole) {
        if (text[0] < '0' || text[0] > '9') return 0;
        strtoull(text, &end, 10);
    } else {
        strtod(text, &end);
    }
    return end != text && *end == '\0';
}

/* Options that only mean something beside another one are refused without it. */
static int is_consistent(const opt_command *c) {
    if (c->verify + c->stats + c->dot + c->eval + (c->dump != 0) > 1) return 0;
    if (c->grad == NULL && (c->by != NULL || c->seed != NULL)) return 0;
    if (!c->eval && (c->random != NULL || c->given_count != 0 || c->exact || c->half)) {
        return 0;
    }
    if (c->exact && c->half) return 0;
    if (c->pipeline && c->passes == NULL) return 0;
    if (c->fill != NULL && (c->random != NULL || !is_number(c->fill, 0))) return 0;
    return c->random == NULL || is_number(c->random, 1);
}

static int parse_command(int argc, char **argv, opt_command *c) {
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (arg[0] != '-' || arg[1] == '\0') {
            if (c->file != NULL) return 0;
            c->file = arg;
        } else if (!parse_value(c, arg) && !parse_flag(c, arg)) {
            return 0;
        }
    }
    return is_consistent(c);
}

/* ---- reading ---- */

/* All of a stream. */
static orion_status read_all(FILE *f, orion_buffer *out) {
    char chunk[4096];
    orion_writer writer = orion_buffer_writer(out);
    orion_status status = ORION_OK;
    for (size_t n; status == ORION_OK && (n = fread(chunk, 1, sizeof chunk, f)) != 0;) {
        status = writer.write(writer.ctx, chunk, n);
    }
    return status == ORION_OK && ferror(f) ? ORION_ERROR_IO : status;
}

static orion_status read_graph(const opt_command *c, orion_diag *diag, orion_ir_graph **out) {
    int is_stdin = c->file == NULL || strcmp(c->file, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(c->file, "rb");
    if (f == NULL) {
        fprintf(stderr, "orion-opt: cannot open %s\n", c->file);
        return ORION_ERROR_NOT_FOUND;
    }
    orion_buffer *text = NULL;
    orion_status status = orion_buffer_create(NULL, &text);
    if (status == ORION_OK) status = read_all(f, text);
    if (status == ORION_OK) {
        status = orion_ir_parse(orion_buffer_data(text), orion_buffer_size(text),
                                is_stdin ? "stdin" : c->file, NULL, diag, out);
    }
    orion_buffer_destroy(&text);
    if (!is_stdin) fclose(f);
    return status;
}

/* ---- differentiating ---- */

/* Cut `names` at its commas, in place; there is room for one name per byte. */
static size_t cut_names(char *names, const char **out) {
    size_t count = 0;
    for (char *name = strtok(names, ","); name != NULL; name = strtok(NULL, ",")) {
        out[count++] = name;
    }
    return count;
}

static orion_status differentiate(const opt_command *c, orion_diag *diag, orion_ir_graph **g) {
    orion_ir_grad_options options = {.size = sizeof options, .seed = c->seed};
    orion_ir_graph *gradient = NULL;
    size_t length = c->by != NULL ? strlen(c->by) : 0;
    char *names = malloc(length + 1);
    const char **by = malloc((length + 1) * sizeof *by);
    orion_status status = names == NULL || by == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) {
        if (c->grad[0] != '\0') options.output = c->grad;
        if (c->by != NULL) {
            memcpy(names, c->by, length + 1);
            options.input_count = cut_names(names, by);
            options.inputs = by;
        }
        status = orion_ir_grad(*g, &options, NULL, diag, &gradient);
    }
    free(by);
    free(names);
    if (status != ORION_OK) return status;
    orion_ir_graph_destroy(g);
    *g = gradient;
    return ORION_OK;
}

/* ---- the whole ---- */

static orion_status transform(const opt_command *c, const orion_writer *out, orion_diag *diag,
                              orion_ir_graph **g) {
    orion_ir_pass_options options = {.size = sizeof options,
                                     .verify_each = c->verify_each,
                                     .stress = c->stress,
                                     .dump = c->dump != 0 ? out : NULL};
    orion_status status = ORION_OK;
    if (c->before != NULL) status = orion_ir_run_passes(*g, c->before, &options, diag, NULL);
    if (status == ORION_OK && c->grad != NULL) status = differentiate(c, diag, g);
    if (status == ORION_OK && c->passes != NULL) {
        status = orion_ir_run_passes(*g, c->passes, &options, diag, NULL);
    }
    return status == ORION_OK ? orion_ir_verify(*g, diag) : status;
}

static orion_status show(const opt_command *c, const orion_ir_graph *g, const orion_writer *out,
                         orion_diag *diag) {
    if (c->verify || c->dump != 0) return ORION_OK;
    if (c->eval) return opt_eval(c, g, diag);
    if (c->stats) return opt_stats(g);
    if (!c->dot) return orion_ir_print(g, out);
    opt_dot(g);
    return ORION_OK;
}

static orion_status run(const opt_command *c, const orion_writer *out, orion_diag *diag) {
    orion_ir_graph *g = NULL;
    if (c->pipeline) return orion_ir_print_pipeline(c->passes, out, diag);
    orion_status status = read_graph(c, diag, &g);
    if (status == ORION_OK) status = transform(c, out, diag, &g);
    if (status == ORION_OK) status = show(c, g, out, diag);
    orion_ir_graph_destroy(&g);
    return status;
}

/* A pass that takes a number is shown with its option. */
static void print_passes(void) {
    for (size_t i = 0; i < orion_ir_pass_count(); i++) {
        const char *name = orion_ir_pass_name(i), *option = orion_ir_pass_option(i);
        char item[64];
        if (option == NULL) {
            snprintf(item, sizeof item, "%s", name);
        } else {
            snprintf(item, sizeof item, "%s(%s=N)", name, option);
        }
        printf("%-24s %s\n", item, orion_ir_pass_doc(i));
    }
    for (size_t i = 0; orion_ir_pipeline_name(i) != NULL; i++) {
        printf("%-24s a pipeline: --print-pipeline writes it out\n", orion_ir_pipeline_name(i));
    }
}

static int run_command(const opt_command *c) {
    orion_diag *diag = NULL;
    orion_writer out = orion_writer_fd(1), err = orion_writer_fd(2);
    orion_status status = orion_diag_create(NULL, &diag);
    if (status == ORION_OK) status = run(c, &out, diag);
    if (c->pipeline && status == ORION_OK) printf("\n");
    if (fflush(stdout) != 0 && status == ORION_OK) status = ORION_ERROR_IO;
    if (status != ORION_OK) {
        fprintf(stderr, "orion-opt: %s\n", orion_status_string(status));
        if (orion_diag_print(diag, &err) != ORION_OK) status = ORION_ERROR_IO;
    }
    orion_diag_destroy(&diag);
    return status == ORION_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    opt_command c = {.given = calloc((size_t)argc + 1, sizeof *c.given)};
    int code = 0;
    if (c.given == NULL || !parse_command(argc, argv, &c)) {
        fputs(usage, stderr);
        code = 2;
    } else if (c.help) {
        fputs(usage, stdout);
    } else if (c.list) {
        print_passes();
    } else {
        code = run_command(&c);
    }
    free(c.given);
    return code;
}
