/* SPDX-License-Identifier: MIT */
/* Inputs from the command line, and what the reference interpreter makes of them. */
#include "opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static size_t elements(const orion_ir_graph *g, orion_ir_value v) {
    orion_ir_type type = orion_ir_value_type(g, v);
    return (size_t)orion_ir_type_elements(&type);
}

static int is_float(const orion_ir_graph *g, orion_ir_value v) {
    orion_ir_dtype dtype = orion_ir_value_type(g, v).dtype;
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

/* ---- where numbers come from ---- */

/* splitmix64 */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15U;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    return z ^ z >> 31;
}

/* In [-1, 1); for integers 0 or 1, which is an index into nearly everything. */
static void fill_random(uint64_t *state, int floats, double *data, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = next_random(state);
        data[i] = floats ? (double)(bits >> 11) * 0x1p-52 - 1 : (double)(bits >> 63);
    }
}

/* `text` is numbers between commas: as many as there are elements, or one for all. */
static int fill_given(const char *name, const char *text, double *data, size_t n) {
    size_t count = 0;
    for (const char *at = text; count <= n; at++) {
        char *end = NULL;
        double x = strtod(at, &end);
        if (end == at || (*end != ',' && *end != '\0')) {
            fprintf(stderr, "orion-opt: --input=%s: \"%s\" is not a number\n", name, at);
            return 0;
        }
        if (count < n) data[count] = x;
        count++;
        at = end;
        if (*end == '\0') break;
    }
    for (size_t i = 1; count == 1 && i < n; i++) data[i] = data[0];
    if (count == 1 || count == n) return 1;
    fprintf(stderr, "orion-opt: --input=%s: %s than the %zu numbers of the input\n", name,
            count < n ? "fewer" : "more", n);
    return 0;
}

/* The numbers that --input gives for a name; the last one counts. */
static const char *find_given(const opt_command *c, const char *name) {
    size_t length = strlen(name);
    for (size_t i = c->given_count; i-- > 0;) {
        const char *given = c->given[i];
        if (strncmp(given, name, length) == 0 && given[length] == '=') return given + length + 1;
    }
    return NULL;
}

/* Every --input must name an input. */
static int check_given(const opt_command *c, const orion_ir_graph *g) {
    for (size_t k = 0; k < c->given_count; k++) {
        size_t length = strcspn(c->given[k], "="), n = orion_ir_graph_input_count(g), i = 0;
        for (; i < n; i++) {
            const char *name = orion_ir_value_name(g, orion_ir_graph_input(g, i));
            if (name != NULL && strlen(name) == length && strncmp(name, c->given[k], length) == 0) {
                break;
            }
        }
        if (i < n) continue;
        fprintf(stderr, "orion-opt: --input=%s: there is no such input\n", c->given[k]);
        return 0;
    }
    return 1;
}

static int fill_inputs(const opt_command *c, const orion_ir_graph *g, double **data) {
    uint64_t state = c->random != NULL ? strtoull(c->random, NULL, 10) : 0;
    double number = c->fill != NULL ? strtod(c->fill, NULL) : 1;
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        const char *name = orion_ir_value_name(g, v);
        const char *given = name != NULL ? find_given(c, name) : NULL;
        size_t n = elements(g, v);
        if (given != NULL) {
            if (!fill_given(name, given, data[i], n)) return 0;
        } else if (c->random != NULL) {
            fill_random(&state, is_float(g, v), data[i], n);
        } else {
            for (size_t k = 0; k < n; k++) data[i][k] = number;
        }
    }
    return 1;
}

/* ---- the run ---- */

static void print_output(const orion_ir_graph *g, size_t i, const double *data) {
    size_t n = elements(g, orion_ir_graph_output(g, i));
    printf("%s =", orion_ir_graph_output_name(g, i));
    for (size_t k = 0; k < n; k++) printf(" %.9g", data[k]);
    printf("\n");
}

static orion_ir_eval_mode mode_of(const opt_command *c) {
    return c->exact ? ORION_IR_EVAL_EXACT : c->half ? ORION_IR_EVAL_HALF : ORION_IR_EVAL_ROUNDED;
}

orion_status opt_eval(const opt_command *c, const orion_ir_graph *g, orion_diag *diag) {
    size_t n_in = orion_ir_graph_input_count(g), n_out = orion_ir_graph_output_count(g);
    double **data = calloc(n_in + n_out, sizeof *data);
    orion_status status = data == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    for (size_t i = 0; i < n_in + n_out && status == ORION_OK; i++) {
        orion_ir_value v =
            i < n_in ? orion_ir_graph_input(g, i) : orion_ir_graph_output(g, i - n_in);
        data[i] = calloc(elements(g, v), sizeof *data[i]);
        if (data[i] == NULL) status = ORION_ERROR_NO_MEMORY;
    }
    if (status == ORION_OK && (!check_given(c, g) || !fill_inputs(c, g, data))) {
        status = ORION_ERROR_INVALID_ARGUMENT;
    }
    if (status == ORION_OK) {
        status = orion_ir_eval(g, mode_of(c), (const double *const *)data, data + n_in, diag);
    }
    for (size_t i = 0; i < n_out && status == ORION_OK; i++) print_output(g, i, data[n_in + i]);
    for (size_t i = 0; data != NULL && i < n_in + n_out; i++) free(data[i]);
    free(data);
    return status;
}
