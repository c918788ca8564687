/* SPDX-License-Identifier: MIT */
/*
 * Random graphs: every op of the table, legal operands, small shapes. The same seed gives the same
 * graph on every machine.
 */
#ifndef TEST_IR_RANDOM_GRAPH_H
#define TEST_IR_RANDOM_GRAPH_H

#include "op-support.h"

enum {
    /* Only f32, and only ops that are continuous and keep numbers moderate: for comparisons with a
     * tolerance. */
    RANDOM_TAME = 1,
};

enum { RANDOM_INPUTS_MAX = 8 };

typedef struct random_graph {
    orion_ir_graph *graph;
    unsigned flags;
    int64_t below[RANDOM_INPUTS_MAX]; /* by input: an index, to be drawn from 0..below-1; 0: any */
} random_graph;

/* A graph of about `nodes` ops; either few of its values are outputs, or all. */
random_graph random_graph_make(uint64_t seed, size_t nodes, unsigned flags);
/* Buffers for its inputs, also of a rewritten copy: passes keep the inputs. */
op_buffers random_graph_inputs(const random_graph *r, uint64_t seed);

/*
 * One NaN is as good as another; same_number wants all other bits alike, near_number a relative
 * difference of 1e-6 at most, close_number of 1e-4: folded constants are rounded to f32, and norms
 * of numbers that are nearly equal make that larger.
 */
typedef bool number_test(double got, double want);
bool same_number(double got, double want);
bool near_number(double got, double want);
bool close_number(double got, double want);
/* `what` and seed are said if they differ. */
void assert_same_outputs(const op_buffers *want, const op_buffers *got, number_test *same,
                         const char *what, uint64_t seed);
/* The same for a random graph and what `pipeline` made of it, at inputs drawn from `seed`; prints
 * both if they differ. */
void assert_same_function(const random_graph *before, const orion_ir_graph *after,
                          orion_ir_eval_mode mode, number_test *same, const char *pipeline,
                          uint64_t seed);

#endif
