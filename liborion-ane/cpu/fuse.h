/* SPDX-License-Identifier: MIT */
/* What choosing the members of a group (fuse.c) and emitting it (fuse-emit.c) share. */
#ifndef CPU_FUSE_H
#define CPU_FUSE_H

#include "plan.h"

/* Members and inputs of a group together, so that a chain never has more values alive than it may.
 */
enum { GROUP_VALUES = CPU_CHAIN_LIVE };

/* A value from outside, and a member that reads it: whose shape it is spread over. */
typedef struct cpu_group_input {
    uint32_t value, node;
} cpu_group_input;

struct cpu_group {
    size_t node_count, input_count;
    uint32_t nodes[GROUP_VALUES]; /* members, in topological order */
    cpu_group_input inputs[GROUP_VALUES];
    int64_t space[CPU_RANK_MAX];
    int64_t reduced; /* extent of the last axis, if some member reduces it; else 0 */
    uint32_t rank;
    uint32_t open;  /* uses of members by nodes not visited yet */
    uint32_t epoch; /* of the last search that came by */
    bool done;      /* emitted, or merged into another */
};

/* The waiting group of which operand i of the node is a member's result over the whole shape, so
 * that the node could join; else CPU_NONE. */
uint32_t cpu_group_of_operand(const cpu_planner *p, const cpu_node *n, size_t i);
/* The value behind the waiting reshapes over it. */
uint32_t cpu_group_base(const cpu_planner *p, uint32_t value);
/* The shape that a member steps through: a reduction's is its operand's, with the axes that it
 * reduces joined to one. */
void cpu_group_shape(const cpu_planner *p, const cpu_node *n, uint32_t *rank, int64_t *dims);

#endif
