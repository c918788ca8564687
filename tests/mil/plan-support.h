/* SPDX-License-Identifier: MIT */
/* What tests of plans share: making them, running them with the reference interpreter. */
#ifndef MIL_PLAN_SUPPORT_H
#define MIL_PLAN_SUPPORT_H

#include "mil-support.h"

orion_mil_target *target_of(const char *name);
/* A plan, or the test fails with the diagnostics. */
orion_mil_plan *plan_of(const orion_ir_graph *graph, const orion_mil_target *target,
                        const orion_mil_partition_options *options);
/* Items of a plan that are there. */
orion_mil_plan_program program_at(const orion_mil_plan *plan, size_t i);
orion_mil_plan_call call_at(const orion_mil_plan *plan, size_t i);
orion_mil_plan_value value_at(const orion_mil_plan *plan, size_t i);

/* Calls in order, on numbers from input_numbers or `in` (which may be NULL), give what the graph
 * gives. */
void assert_plan_agrees(const orion_mil_plan *plan, const orion_ir_graph *graph, double **in,
                        orion_ir_eval_mode mode, double tolerance);
/* Lowered, every program of the device keeps the rules of the target, but for advice of level note:
 * rows of other lengths, products with constants (E-17) and large values cost time
 * only. */
void assert_legal(const orion_mil_plan *plan, const orion_mil_target *target);
/* The legal graph that a plan is cut from, made by one pass after the other. */
orion_ir_graph *legal_graph(const orion_ir_graph *graph, const orion_mil_target *target);

#endif
