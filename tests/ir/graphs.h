/* SPDX-License-Identifier: MIT */
/* What tests of the IR share: graphs from text, text from graphs, equality of graphs. */
#ifndef TEST_GRAPHS_H
#define TEST_GRAPHS_H

#include "support.h"

#include <orion/ir.h>

/* The graph of a text; asserts that it parses. */
orion_ir_graph *graph_parse(const char *text);
/* Its canonical text; free() it. */
char *graph_text(const orion_ir_graph *g);
/*
 * NULL if both graphs are the same function, node by node: names, order, ops, attributes, types
 * and data bit for bit; else what differs (in `why`).
 */
const char *graph_difference(const orion_ir_graph *a, const orion_ir_graph *b, char *why,
                             size_t size);
/* The laws of .oir: parse(print(g)) is g, and printing it again gives the same bytes. */
void assert_round_trip(const orion_ir_graph *g);
/* Asserts that the graph obeys all invariants; prints it if it does not. */
void assert_graph_valid(const orion_ir_graph *g);

#endif
