/* SPDX-License-Identifier: MIT */
/* What the tests of liborion-mil share: texts to programs and graphs and back, asserting. */
#ifndef MIL_SUPPORT_H
#define MIL_SUPPORT_H

#include "support.h"

#include <orion/mil.h>

/* A program of one function around statements; `outputs` is what stands in -> (). */
#define MIL_PROGRAM(parameters, statements, outputs)                                               \
    "program(1.3)\n{\n    func main<ios18>(" parameters ") {\n" statements                         \
    "        } -> (" outputs ");\n}\n"

/* Parse, failing the test with the diagnostics if that fails. */
orion_mil_program *parse_mil(const char *text);
orion_ir_graph *parse_graph(const char *oir);
/* Canonical text; free() it. */
char *print_mil(const orion_mil_program *program, orion_mil_dialect dialect);
char *print_graph(const orion_ir_graph *graph);
/* Fails the test unless parsing `text` gives `status` and a diagnostic of that message, at that
 * place, whose text contains `part`. */
void assert_parse_error(const char *text, orion_status status, orion_message message, uint32_t line,
                        uint32_t column, const char *part);
/* The entry of `diag` with this message whose text contains `part`; fails the test if there is none
 * or if it is not at this place. */
void assert_diag_at(const orion_diag *diag, orion_message message, uint32_t line, uint32_t column,
                    const char *part);
/* Numbers for the inputs of a graph: floats in [-1, 1) from a seed, integers and bools counting up
 * from 0 (modulo 2 for bools). One buffer per input; free_numbers() them. */
double **input_numbers(const orion_ir_graph *graph, uint64_t seed);
/* Zeroed room for the outputs. */
double **output_numbers(const orion_ir_graph *graph);
void free_numbers(double **buffers, size_t count);
/* Two graphs with inputs and outputs of the same names give the same results in exact arithmetic,
 * up to `tolerance`, absolute and relative. */
void assert_graphs_agree(const orion_ir_graph *a, const orion_ir_graph *b, double tolerance);
/* Print the diagnostics to standard error. */
void show_diag(const orion_diag *diag);

#endif
