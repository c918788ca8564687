/* SPDX-License-Identifier: MIT */
/*
 * orion-opt: read .oir, run passes, print .oir. For tests and for people who work on passes; not
 * installed. Written on public headers only.
 */
#include <orion/ir.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: orion-opt [options] [FILE.oir | -]\n"
    "  --pass=LIST     run these passes: names between commas, or \"default\"\n"
    "  --grad[=NAME]   differentiate output NAME (the first) by all float inputs, before the "
    "passes\n"
    "  --seed=NAME     with --grad: the cotangent is a new input NAME, not 1\n"
    "  --eval[=X]      print the outputs for inputs filled with X (1), not the graph\n"
    "  --verify-each   verify after every pass\n"
    "  --stress        print and parse after every pass\n"
    "  --dump          print the graph after every pass that changed it\n"
    "  --passes        list the passes\n"
    "Reads standard input if no file is named. Prints the graph in canonical form.\n"
    "Exit code: 0, 1 if the text or a pass fails (diagnostics on standard error), 2 for bad "
    "usage.\n";

typedef struct command {
    const char *passes, *grad, *seed, *eval, *file;
    uint32_t verify_each, stress, dump, list;
} command;

/* `--name` or `--name=value`; false if the argument is another one. */
static int takes(const char *arg, const char *name, const char **value) {
    size_t n = strlen(name);
    if (strncmp(arg, name, n) != 0 || (arg[n] != '\0' && arg[n] != '=')) return 0;
    *value = arg[n] == '=' ? arg + n + 1 : "";
    return 1;
}

static int parse_command(int argc, char **argv, command *c) {
    const char *none;
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i];
        if (takes(arg, "--pass", &c->passes) || takes(arg, "--grad", &c->grad) ||
            takes(arg, "--seed", &c->seed) || takes(arg, "--eval", &c->eval)) {
            continue;
        } else if (takes(arg, "--verify-each", &none)) {
            c->verify_each = 1;
        } else if (takes(arg, "--stress", &none)) {
            c->stress = 1;
        } else if (takes(arg, "--dump", &none)) {
            c->dump = 1;
        } else if (takes(arg, "--passes", &none)) {
            c->list = 1;
        } else if ((arg[0] == '-' && arg[1] != '\0') || c->file != NULL) {
            return 0;
        } else {
            c->file = arg;
        }
    }
    return 1;
}

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

static orion_status read_graph(const command *c, orion_diag *diag, orion_ir_graph **out) {
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

static orion_status differentiate(const command *c, orion_diag *diag, orion_ir_graph **g) {
    orion_ir_grad_options options = {.size = sizeof options, .seed = c->seed};
    orion_ir_graph *gradient = NULL;
    if (c->grad[0] != '\0') options.output = c->grad;
    orion_status status = orion_ir_grad(*g, &options, NULL, diag, &gradient);
    if (status != ORION_OK) return status;
    orion_ir_graph_destroy(g);
    *g = gradient;
    return ORION_OK;
}

/* ---- evaluation ---- */

static double *filled(orion_ir_type type, double x) {
    size_t n = (size_t)orion_ir_type_elements(&type);
    double *data = calloc(n, sizeof *data);
    for (size_t i = 0; data != NULL && i < n; i++) data[i] = x;
    return data;
}

static void print_output(const orion_ir_graph *g, size_t i, const double *data) {
    orion_ir_type type = orion_ir_value_type(g, orion_ir_graph_output(g, i));
    size_t n = (size_t)orion_ir_type_elements(&type);
    printf("%s =", orion_ir_graph_output_name(g, i));
    for (size_t k = 0; k < n; k++) printf(" %.9g", data[k]);
    printf("\n");
}

static orion_status evaluate(const orion_ir_graph *g, double x, orion_diag *diag) {
    size_t n_in = orion_ir_graph_input_count(g), n_out = orion_ir_graph_output_count(g);
    double **data = calloc(n_in + n_out, sizeof *data);
    orion_status status = data == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    for (size_t i = 0; i < n_in + n_out && status == ORION_OK; i++) {
        orion_ir_value v =
            i < n_in ? orion_ir_graph_input(g, i) : orion_ir_graph_output(g, i - n_in);
        data[i] = filled(orion_ir_value_type(g, v), x);
        if (data[i] == NULL) status = ORION_ERROR_NO_MEMORY;
    }
    if (status == ORION_OK) {
        status =
            orion_ir_eval(g, ORION_IR_EVAL_ROUNDED, (const double *const *)data, data + n_in, diag);
    }
    for (size_t i = 0; i < n_out && status == ORION_OK; i++) print_output(g, i, data[n_in + i]);
    for (size_t i = 0; data != NULL && i < n_in + n_out; i++) free(data[i]);
    free(data);
    return status;
}

/* ---- the whole ---- */

static orion_status run(const command *c, orion_diag *diag, const orion_writer *out) {
    orion_ir_pass_options options = {.size = sizeof options,
                                     .verify_each = c->verify_each,
                                     .stress = c->stress,
                                     .dump = c->dump != 0 ? out : NULL};
    orion_ir_graph *g = NULL;
    orion_status status = read_graph(c, diag, &g);
    if (status == ORION_OK && c->grad != NULL) status = differentiate(c, diag, &g);
    if (status == ORION_OK && c->passes != NULL) {
        status = orion_ir_run_passes(g, c->passes, &options, diag, NULL);
    }
    if (status == ORION_OK) status = orion_ir_verify(g, diag);
    if (status == ORION_OK && c->eval != NULL) {
        status = evaluate(g, c->eval[0] == '\0' ? 1 : strtod(c->eval, NULL), diag);
    } else if (status == ORION_OK && c->dump == 0) {
        status = orion_ir_print(g, out);
    }
    orion_ir_graph_destroy(&g);
    return status;
}

int main(int argc, char **argv) {
    command c = {0};
    orion_diag *diag = NULL;
    orion_writer out = orion_writer_fd(1), err = orion_writer_fd(2);
    if (!parse_command(argc, argv, &c)) {
        fputs(usage, stderr);
        return 2;
    }
    for (size_t i = 0; c.list != 0 && i < orion_ir_pass_count(); i++) {
        printf("%-10s %s\n", orion_ir_pass_name(i), orion_ir_pass_doc(i));
    }
    if (c.list != 0) return 0;
    orion_status status = orion_diag_create(NULL, &diag);
    if (status == ORION_OK) status = run(&c, diag, &out);
    if (status != ORION_OK) {
        fprintf(stderr, "orion-opt: %s\n", orion_status_string(status));
        if (orion_diag_print(diag, &err) != ORION_OK) status = ORION_ERROR_IO;
    }
    orion_diag_destroy(&diag);
    return status == ORION_OK ? 0 : 1;
}
