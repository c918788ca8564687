/* SPDX-License-Identifier: MIT */
/*
 * orion-opt: read .oir, differentiate, run passes, and print, evaluate or describe what comes out.
 * For tests and for people who work on passes; not installed. Written on public headers only.
 */
#ifndef ORION_OPT_H
#define ORION_OPT_H

#include <orion/ir.h>

/* What stands on the command line. Strings are the arguments themselves; an option that was not
 * given is NULL or 0. */
typedef struct opt_command {
    const char *file, *before, *passes;
    const char *grad, *by, *seed; /* `grad` is "" for the first output */
    const char *fill, *random;    /* a number for all elements; a seed */
    const char **given;           /* NAME=NUMBERS, `given_count` of them */
    size_t given_count;
    int exact, half, verify, eval, stats, dot, list, pipeline, help;
    uint32_t verify_each, stress, dump;
} opt_command;

/* Run the graph on the inputs that the command gives and print its outputs. A name or number that
 * does not fit is a message on standard error. */
orion_status opt_eval(const opt_command *c, const orion_ir_graph *g, orion_diag *diag);

/* Counts and sizes, one a line. */
orion_status opt_stats(const orion_ir_graph *g);

/* The graph in the language of Graphviz. */
void opt_dot(const orion_ir_graph *g);

#endif
