/* SPDX-License-Identifier: MIT */
/*
 * Which elementwise nodes become one step.
 *
 * An elementwise node does not emit anything when it is visited: it joins the group that makes one
 * of its operands, or begins one. A group is emitted (fuse-emit.c) when somebody outside needs a
 * result of it, or when nothing that comes later can join. So a chain grows as far as the graph
 * lets it, and a value that only later nodes want is computed with them.
 *
 * All members of a group visit the same elements in the same order: the group's space is the
 * coarsest shape that the shapes of all members split into, [B*T, D] and [B, T, D] both being views
 * of [B, T, D]. A reshape between two members is thus no obstacle; it waits with the group. A
 * reduction over last axes may join, too: it is one more output of the chain, but for other nodes
 * its result is as good as outside.
 *
 * The danger is a cycle: a node may not join a group G if another of its operands depends on G
 * through anything that is not in G. Everything with a view is computed already, so only groups
 * that wait need be searched, and at most GROUPS_WAITING do.
 */
#include "fuse.h"

enum { GROUPS_WAITING = 16 };

bool cpu_is_elementwise(uint32_t op) {
    return (op >= ORION_IR_OP_add && op <= ORION_IR_OP_logical_or) ||
           op == ORION_IR_OP_logical_not || (op >= ORION_IR_OP_neg && op <= ORION_IR_OP_round) ||
           op == ORION_IR_OP_cast || op == ORION_IR_OP_silu || op == ORION_IR_OP_gelu;
}

uint32_t cpu_group_base(const cpu_planner *p, uint32_t value) {
    for (;;) {
        const cpu_value *v = cpu_val(p, value);
        if (!v->is_lazy) return value;
        const cpu_node *n = &p->nodes[v->node];
        if (n->op != ORION_IR_OP_reshape && n->op != ORION_IR_OP_identity) return value;
        value = cpu_input(p, n, 0);
    }
}

/* The group that a value waits for, through views of any kind; CPU_NONE if it is computed. */
static uint32_t waits_for(const cpu_planner *p, uint32_t value) {
    while (cpu_val(p, value)->is_lazy) {
        value = cpu_input(p, &p->nodes[cpu_val(p, value)->node], 0);
    }
    return cpu_val(p, value)->has_view ? CPU_NONE : cpu_val(p, value)->group;
}

uint32_t cpu_group_of_operand(const cpu_planner *p, const cpu_node *n, size_t i) {
    uint32_t value = cpu_input(p, n, i);
    const cpu_value *base = cpu_val(p, cpu_group_base(p, value));
    if (base->group == CPU_NONE || base->is_reduced) return CPU_NONE;
    const orion_ir_type *to = &cpu_val(p, n->result)->type;
    bool whole = cpu_is_elementwise(n->op) ? orion_ir_type_elements(&cpu_val(p, value)->type) ==
                                                 orion_ir_type_elements(to)
                                           : true;
    return whole ? base->group : CPU_NONE;
}

/* Does group `from` read, over any number of waiting groups, what group `to` makes? */
static bool reaches(cpu_planner *p, uint32_t from, uint32_t to) {
    cpu_group *g = p->groups[from];
    if (from == to) return true;
    if (g->epoch == p->epoch) return false; /* searched already */
    g->epoch = p->epoch;
    for (size_t i = 0; i < g->input_count; i++) {
        uint32_t next = waits_for(p, g->inputs[i].value);
        if (next != CPU_NONE && reaches(p, next, to)) return true;
    }
    return false;
}

static bool depends(cpu_planner *p, uint32_t from, uint32_t to) {
    p->epoch++;
    return reaches(p, from, to);
}

/* Two operands are one input of the chain if they are one value, spread over the same shape. */
static bool has_input(const cpu_planner *p, const cpu_group *g, uint32_t value, uint32_t node) {
    const orion_ir_type *type = &cpu_val(p, p->nodes[node].result)->type;
    for (size_t i = 0; i < g->input_count; i++) {
        if (g->inputs[i].value != value) continue;
        const orion_ir_type *other = &cpu_val(p, p->nodes[g->inputs[i].node].result)->type;
        if (other->rank == type->rank && memcmp(other->dims, type->dims, sizeof type->dims) == 0) {
            return true;
        }
    }
    return false;
}

void cpu_group_shape(const cpu_planner *p, const cpu_node *n, uint32_t *rank, int64_t *dims) {
    const orion_ir_type *type = &cpu_val(p, n->result)->type;
    if (cpu_is_elementwise(n->op)) {
        *rank = type->rank;
        memcpy(dims, type->dims, sizeof type->dims);
        return;
    }
    size_t axes;
    (void)orion_ir_node_ints(n->ir, "axes", &axes);
    const orion_ir_type *in = &cpu_val(p, cpu_input(p, n, 0))->type;
    uint32_t kept = in->rank - (uint32_t)axes;
    memcpy(dims, in->dims, sizeof in->dims);
    dims[kept] = cpu_elements((uint32_t)axes, in->dims + kept);
    *rank = kept + 1;
}

/* Is there room for the node, and a space for all? Fills the refined space. */
static bool fits(const cpu_planner *p, const cpu_group *g, uint32_t node, uint32_t *rank,
                 int64_t *space) {
    const cpu_node *n = &p->nodes[node];
    int64_t dims[CPU_RANK_MAX];
    uint32_t dims_rank;
    if (g->node_count + g->input_count + 1 + n->input_count > GROUP_VALUES) return false;
    cpu_group_shape(p, n, &dims_rank, dims);
    *rank = g->rank;
    memcpy(space, g->space, sizeof g->space);
    if (!cpu_space_refine(rank, space, dims_rank, dims)) return false;
    int64_t reduced = cpu_is_elementwise(n->op) ? g->reduced : dims[dims_rank - 1];
    return (g->reduced == 0 || g->reduced == reduced) &&
           (reduced == 0 || (*rank > 0 && space[*rank - 1] == reduced));
}

/* May the node join without a cycle? */
static bool may_join(cpu_planner *p, uint32_t group, uint32_t node) {
    const cpu_node *n = &p->nodes[node];
    uint32_t rank;
    int64_t space[CPU_RANK_MAX];
    if (!fits(p, p->groups[group], node, &rank, space)) return false;
    for (size_t i = 0; i < n->input_count; i++) {
        if (cpu_group_of_operand(p, n, i) == group) continue;
        uint32_t other = waits_for(p, cpu_input(p, n, i));
        if (other != CPU_NONE && depends(p, other, group)) return false;
    }
    return true;
}

static void add_member(cpu_planner *p, uint32_t group, uint32_t node) {
    cpu_group *g = p->groups[group];
    const cpu_node *n = &p->nodes[node];
    int64_t dims[CPU_RANK_MAX];
    uint32_t rank;
    cpu_group_shape(p, n, &rank, dims);
    cpu_space_refine(&g->rank, g->space, rank, dims);
    for (size_t i = 0; i < n->input_count; i++) {
        uint32_t value = cpu_input(p, n, i);
        if (cpu_group_of_operand(p, n, i) == group || has_input(p, g, value, node)) continue;
        g->inputs[g->input_count++] = (cpu_group_input){.value = value, .node = node};
    }
    g->nodes[g->node_count++] = node;
    cpu_val(p, n->result)->group = group;
    g->open += cpu_val(p, n->result)->user_count;
}

/* Move the members of group b to group a, keeping them in topological order. */
static void merge(cpu_planner *p, uint32_t a, uint32_t b) {
    cpu_group *to = p->groups[a], *from = p->groups[b];
    size_t i = to->node_count, k = from->node_count;
    for (size_t at = i + k; k > 0; at--) {
        bool mine = i > 0 && to->nodes[i - 1] > from->nodes[k - 1];
        to->nodes[at - 1] = mine ? to->nodes[--i] : from->nodes[--k];
    }
    for (k = 0; k < from->node_count; k++) {
        cpu_val(p, p->nodes[from->nodes[k]].result)->group = a;
    }
    to->node_count += from->node_count;
    for (k = 0; k < from->input_count; k++) {
        const cpu_group_input *in = &from->inputs[k];
        if (!has_input(p, to, in->value, in->node)) to->inputs[to->input_count++] = *in;
    }
    cpu_space_refine(&to->rank, to->space, from->rank, from->space);
    to->reduced = ORN_MAX(to->reduced, from->reduced);
    to->open += from->open;
    from->done = true;
    p->waiting--;
}

/* May both become one group that the node then joins? */
static bool may_merge(cpu_planner *p, uint32_t a, uint32_t b, uint32_t node) {
    const cpu_group *x = p->groups[a], *y = p->groups[b];
    cpu_group both = *x;
    uint32_t rank;
    int64_t space[CPU_RANK_MAX];
    both.node_count += y->node_count;
    both.input_count += y->input_count;
    both.reduced = ORN_MAX(x->reduced, y->reduced);
    if (x->reduced != 0 && y->reduced != 0 && x->reduced != y->reduced) return false;
    return cpu_space_refine(&both.rank, both.space, y->rank, y->space) &&
           fits(p, &both, node, &rank, space) && may_join(p, b, node) && !depends(p, a, b) &&
           !depends(p, b, a);
}

/* An empty group whose space is the node's shape. */
static orion_status begin(cpu_planner *p, uint32_t node, uint32_t *out) {
    if (p->waiting == GROUPS_WAITING) {
        while (p->groups[p->oldest]->done) p->oldest++;
        TRY(cpu_flush(p, (uint32_t)p->oldest));
    }
    if (!ORN_GROW(&p->allocator, p->groups, p->group_capacity, p->group_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    cpu_group *g = orn_arena_alloc(&p->arena, sizeof *g);
    if (g == NULL) return ORION_ERROR_NO_MEMORY;
    int64_t dims[CPU_RANK_MAX];
    uint32_t rank;
    cpu_group_shape(p, &p->nodes[node], &rank, dims);
    g->rank = rank;
    memcpy(g->space, dims, sizeof dims);
    cpu_space_refine(&g->rank, g->space, rank, dims); /* drops extents of 1 */
    p->waiting++;
    *out = (uint32_t)p->group_count;
    p->groups[p->group_count++] = g;
    return ORION_OK;
}

orion_status cpu_fuse(cpu_planner *p, uint32_t node) {
    const cpu_node *n = &p->nodes[node];
    uint32_t best = CPU_NONE;
    for (size_t i = 0; i < n->input_count; i++) {
        uint32_t group = cpu_group_of_operand(p, n, i);
        if (group == CPU_NONE || group == best) continue;
        if (best == CPU_NONE) {
            if (may_join(p, group, node)) best = group;
        } else if (may_merge(p, best, group, node)) {
            merge(p, best, group);
        }
    }
    if (best == CPU_NONE) TRY(begin(p, node, &best));
    add_member(p, best, node);
    return ORION_OK;
}

/* Floats over one or more last axes. */
static bool can_reduce(const cpu_planner *p, const cpu_node *n) {
    const orion_ir_type *in = &cpu_val(p, cpu_input(p, n, 0))->type;
    size_t count;
    const int64_t *axes = orion_ir_node_ints(n->ir, "axes", &count);
    if (in->dtype != ORION_IR_F32 && in->dtype != ORION_IR_F16 && in->dtype != ORION_IR_BF16) {
        return false;
    }
    for (size_t i = 0; i < count; i++) { /* sorted by inference */
        if (axes[i] != (int64_t)(in->rank - count + i)) return false;
    }
    return count != 0 && cpu_elements((uint32_t)count, in->dims + in->rank - count) > 1;
}

orion_status cpu_fuse_reduction(cpu_planner *p, uint32_t node, bool *out_joined) {
    cpu_node *n = &p->nodes[node];
    uint32_t group = cpu_group_of_operand(p, n, 0);
    *out_joined = group != CPU_NONE && can_reduce(p, n) && may_join(p, group, node);
    if (!*out_joined) return ORION_OK;
    uint32_t rank;
    int64_t dims[CPU_RANK_MAX];
    cpu_group_shape(p, n, &rank, dims);
    add_member(p, group, node);
    p->groups[group]->reduced = dims[rank - 1];
    cpu_val(p, n->result)->is_reduced = true;
    return ORION_OK;
}

/* Uses by nodes still to come keep a group open; a view of a waiting value passes them on. */
orion_status cpu_settle(cpu_planner *p, uint32_t node) {
    const cpu_node *n = &p->nodes[node];
    for (size_t i = 0; i < n->input_count; i++) {
        uint32_t group = waits_for(p, cpu_input(p, n, i));
        if (group != CPU_NONE) p->groups[group]->open--;
    }
    for (uint32_t i = 0; i < n->result_count; i++) {
        const cpu_value *v = cpu_val(p, n->result + i);
        uint32_t group = v->is_lazy ? waits_for(p, n->result + i) : CPU_NONE;
        if (group != CPU_NONE) p->groups[group]->open += v->user_count;
    }
    for (size_t i = 0; i < n->input_count; i++) {
        uint32_t group = waits_for(p, cpu_input(p, n, i));
        if (group != CPU_NONE && p->groups[group]->open == 0) TRY(cpu_flush(p, group));
    }
    uint32_t own = n->result_count == 1 ? cpu_val(p, n->result)->group : CPU_NONE;
    return own != CPU_NONE && p->groups[own]->open == 0 ? cpu_flush(p, own) : ORION_OK;
}

orion_status cpu_flush_all(cpu_planner *p) {
    for (uint32_t i = 0; i < p->group_count; i++) TRY(cpu_flush(p, i));
    return ORION_OK;
}
