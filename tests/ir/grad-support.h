/* SPDX-License-Identifier: MIT */
/* What the tests of autodiff share: finite differences of a graph in f64. */
#ifndef TEST_IR_GRAD_SUPPORT_H
#define TEST_IR_GRAD_SUPPORT_H

#include "op-support.h"

/*
 * Differentiate `g` as the options say and hold every gradient to finite differences of the output,
 * weighted by the seed if there is one, at the inputs `in` (which are restored). Also: the outputs
 * keep their values, and the source graph keeps its text.
 */
void check_gradients(const orion_ir_graph *g, const orion_ir_grad_options *options, op_buffers *in);

/* The gradient graph; fails the test with the diagnostics if there is none. */
orion_ir_graph *grad_graph(const orion_ir_graph *g, const orion_ir_grad_options *options);

/* Position of an output by name; asserts that it is there. */
size_t output_at(const orion_ir_graph *g, const char *name);

#endif
