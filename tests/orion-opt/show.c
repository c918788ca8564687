/* SPDX-License-Identifier: MIT */
/* A graph in numbers, and as a drawing. */
#include "opt.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- statistics ---- */

static void print_ops(const orion_ir_graph *g) {
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const orion_ir_op_info *info = orion_ir_op_at(i);
        size_t count = 0;
        for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n))
            count += orion_ir_node_op(n) == (orion_ir_op)info->op;
        if (count != 0) printf("op %s %zu\n", info->name, count);
    }
}

static uint64_t constant_bytes(const orion_ir_graph *g) {
    uint64_t bytes = 0;
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n)) {
        if (orion_ir_node_op(n) != ORION_IR_OP_const) continue;
        orion_ir_type type = orion_ir_value_type(g, orion_ir_node_result(n, 0));
        bytes += orion_ir_type_bytes(&type);
    }
    return bytes;
}

orion_status opt_stats(const orion_ir_graph *g) {
    orion_ir_memory *memory = NULL;
    orion_ir_outline *outline = NULL;
    uint64_t hash = 0;
    size_t where = 0;
    orion_status status = orion_ir_memory_create(g, UINT64_MAX, NULL, &memory);
    if (status == ORION_OK) status = orion_ir_graph_hash(g, &hash);
    if (status == ORION_OK) status = orion_ir_outline_create(g, NULL, NULL, &outline);
    if (status == ORION_OK) {
        uint64_t peak = orion_ir_memory_peak(memory, &where);
        printf("graph %s\n", orion_ir_graph_name(g));
        printf("inputs %zu\noutputs %zu\nnodes %zu\n", orion_ir_graph_input_count(g),
               orion_ir_graph_output_count(g), orion_ir_graph_node_count(g));
        printf("bytes of constants %" PRIu64 "\n", constant_bytes(g));
        printf("bytes live at most %" PRIu64 " at node %zu\n", peak, where);
        printf("hash %016" PRIx64 "\n", hash);
        printf("parts %zu\ncalls %zu\n", orion_ir_outline_part_count(outline),
               orion_ir_outline_call_count(outline));
        print_ops(g);
    }
    orion_ir_outline_destroy(&outline);
    orion_ir_memory_destroy(&memory);
    return status;
}

/* ---- Graphviz ---- */

/* f32[2,3] */
static void print_type(orion_ir_type type) {
    printf("%s[", orion_ir_dtype_name(type.dtype));
    for (uint32_t i = 0; i < type.rank; i++) printf("%s%" PRId64, i == 0 ? "" : ",", type.dims[i]);
    printf("]");
}

/* A node is drawn as n and the number of its first result, an input as v and its own. */
static void print_edge(const orion_ir_graph *g, orion_ir_value from, char to, uint64_t number) {
    const orion_ir_node *node = orion_ir_value_node(g, from);
    if (node == NULL) {
        printf("  v%" PRIu32, from.id);
    } else {
        printf("  n%" PRIu32, orion_ir_node_result(node, 0).id);
    }
    printf(" -> %c%" PRIu64 " [label=\"", to, number);
    print_type(orion_ir_value_type(g, from));
    printf("\"];\n");
}

static void print_node(const orion_ir_graph *g, const orion_ir_node *node) {
    orion_ir_value result = orion_ir_node_result(node, 0);
    const char *name = orion_ir_value_name(g, result);
    const orion_ir_op_info *info = orion_ir_op_find(orion_ir_node_op(node));
    printf("  n%" PRIu32 " [label=\"%s", result.id, info->name);
    if (name != NULL) printf("\\n%s", name);
    printf("\"%s];\n", info->op == ORION_IR_OP_const ? ", shape=note" : "");
    for (size_t i = 0; i < orion_ir_node_input_count(node); i++) {
        print_edge(g, orion_ir_node_input(node, i), 'n', result.id);
    }
}

void opt_dot(const orion_ir_graph *g) {
    printf("digraph \"%s\" {\n  node [shape=box];\n", orion_ir_graph_name(g));
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        printf("  v%" PRIu32 " [label=\"%s\", shape=ellipse];\n", v.id, orion_ir_value_name(g, v));
    }
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n)) {
        print_node(g, n);
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++) {
        printf("  o%zu [label=\"%s\", shape=ellipse, peripheries=2];\n", i,
               orion_ir_graph_output_name(g, i));
        print_edge(g, orion_ir_graph_output(g, i), 'o', i);
    }
    printf("}\n");
}
