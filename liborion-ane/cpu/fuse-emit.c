/* SPDX-License-Identifier: MIT */
/*
 * Emitting a group: the chain, its inputs, and where its results go.
 *
 * A member's result is stored only if it has uses that the group does not serve itself. Each stored
 * result goes, in this order of preference, to its output port, into the memory of an input that
 * nothing reads any more, or to new memory whose axis order is the one its users transpose it to,
 * or else that of the inputs. 16-bit output ports are stored to by the chain beside that.
 */
#include "fuse.h"

typedef struct emission {
    cpu_group *g;
    cpu_chain_input inputs[GROUP_VALUES];
    cpu_view at_input[GROUP_VALUES];
    cpu_chain_node nodes[2 * GROUP_VALUES]; /* members, and constants that are one number */
    cpu_chain_output *outputs;
    cpu_view *at_output;
    size_t n_inputs, n_nodes, n_outputs;
} emission;

/* ---- operands ---- */

static bool is_inner(const cpu_planner *p, const cpu_node *n, size_t i, uint32_t group) {
    return cpu_group_of_operand(p, n, i) == group;
}

/* A splat needs no memory. */
static bool is_number(const cpu_planner *p, uint32_t value) {
    return cpu_val(p, value)->is_splat;
}

/* Make sure that everything from outside is there, and count the uses that stay inside. */
static orion_status gather_operands(cpu_planner *p, cpu_group *g, uint32_t group) {
    for (size_t m = 0; m < g->node_count; m++) {
        const cpu_node *n = &p->nodes[g->nodes[m]];
        for (size_t i = 0; i < n->input_count; i++) {
            uint32_t value = cpu_input(p, n, i);
            cpu_view view;
            if (!is_inner(p, n, i, group)) {
                TRY(cpu_need(p, value, &view));
                continue;
            }
            /* A reshape all of whose uses are inside is itself a use inside. */
            while (++cpu_val(p, value)->inner == cpu_val(p, value)->uses &&
                   cpu_val(p, value)->is_lazy) {
                value = cpu_input(p, &p->nodes[cpu_val(p, value)->node], 0);
            }
        }
    }
    return ORION_OK;
}

/* The strides of an operand from outside over the group's space. Only elementwise members have any.
 */
static void spread(const cpu_planner *p, const emission *e, const cpu_node *n, const cpu_view *view,
                   int64_t *strides) {
    const orion_ir_type *over = &cpu_val(p, n->result)->type;
    cpu_view operand = cpu_view_broadcast(view, over->rank, over->dims);
    cpu_strides_refine(over->rank, over->dims, operand.strides, e->g->rank, e->g->space, strides);
}

static uint32_t input_number(const cpu_planner *p, emission *e, const cpu_node *n, uint32_t value) {
    const cpu_view *view = &cpu_val(p, value)->view;
    int64_t strides[CPU_RANK_MAX] = {0};
    spread(p, e, n, view, strides);
    for (uint32_t i = 0; i < e->n_inputs; i++) {
        if (e->at_input[i].buffer == view->buffer && e->at_input[i].offset == view->offset &&
            e->inputs[i].dtype == view->dtype &&
            memcmp(e->inputs[i].strides, strides, sizeof strides) == 0) {
            return i;
        }
    }
    cpu_chain_input *in = &e->inputs[e->n_inputs];
    *in = (cpu_chain_input){.dtype = view->dtype};
    memcpy(in->strides, strides, sizeof strides);
    e->at_input[e->n_inputs] = *view;
    return (uint32_t)e->n_inputs++;
}

/* Inputs first: nodes are numbered behind all of them. */
static void list_inputs(cpu_planner *p, emission *e, uint32_t group) {
    for (size_t m = 0; m < e->g->node_count; m++) {
        const cpu_node *n = &p->nodes[e->g->nodes[m]];
        for (size_t i = 0; i < n->input_count; i++) {
            uint32_t value = cpu_input(p, n, i);
            if (!is_inner(p, n, i, group) && !is_number(p, value)) input_number(p, e, n, value);
        }
    }
}

/* ---- nodes ---- */

static uint32_t constant_number(emission *e, uint32_t dtype, double number) {
    for (uint32_t i = 0; i < e->n_nodes; i++) {
        const cpu_chain_node *c = &e->nodes[i];
        if (c->op == ORION_IR_OP_const && c->dtype == dtype &&
            memcmp(&c->number, &number, sizeof number) == 0) {
            return (uint32_t)e->n_inputs + i;
        }
    }
    e->nodes[e->n_nodes] =
        (cpu_chain_node){.op = ORION_IR_OP_const, .dtype = (uint8_t)dtype, .number = number};
    return (uint32_t)(e->n_inputs + e->n_nodes++);
}

static uint32_t operand_number(cpu_planner *p, emission *e, const cpu_node *n, size_t i,
                               uint32_t group) {
    uint32_t value = cpu_input(p, n, i);
    if (is_inner(p, n, i, group)) return cpu_val(p, cpu_group_base(p, value))->number_in_chain;
    if (is_number(p, value)) {
        return constant_number(e, cpu_val(p, value)->type.dtype, cpu_val(p, value)->number);
    }
    return input_number(p, e, n, value);
}

static void list_nodes(cpu_planner *p, emission *e, uint32_t group) {
    for (size_t m = 0; m < e->g->node_count; m++) {
        const cpu_node *n = &p->nodes[e->g->nodes[m]];
        cpu_value *v = cpu_val(p, n->result);
        cpu_chain_node node = {.op = (uint16_t)n->op};
        for (size_t i = 0; i < n->input_count; i++) {
            node.in[i] = (uint16_t)operand_number(p, e, n, i, group);
        }
        if (!cpu_is_elementwise(n->op)) { /* a reduction is an output of its operand */
            v->number_in_chain = node.in[0];
            continue;
        }
        size_t typed = n->op == ORION_IR_OP_select ? 1 : 0;
        node.dtype = (uint8_t)cpu_val(p, cpu_input(p, n, typed))->type.dtype;
        if (n->op == ORION_IR_OP_cast) node.to = (uint8_t)v->type.dtype;
        if (n->op == ORION_IR_OP_gelu) {
            node.flags = orion_ir_node_int(n->ir, "tanh_approximation") != 0;
        }
        v->number_in_chain = (uint32_t)(e->n_inputs + e->n_nodes);
        e->nodes[e->n_nodes++] = node;
    }
}

/* ---- results ---- */

/* Uses that the group is about to serve of all that lies in a buffer. */
static uint32_t uses_of(const cpu_planner *p, const cpu_group *g, uint32_t group, uint32_t buffer) {
    uint32_t uses = 0;
    for (size_t m = 0; m < g->node_count; m++) {
        const cpu_node *n = &p->nodes[g->nodes[m]];
        for (size_t i = 0; i < n->input_count; i++) {
            const cpu_value *v = cpu_val(p, cpu_input(p, n, i));
            uses += !is_inner(p, n, i, group) && v->view.buffer == buffer;
        }
    }
    return uses;
}

/* May the result overwrite input `i`: is that all of its buffer, read by nobody else, and read here
 * only element by element in one way? */
static bool may_overwrite(const cpu_planner *p, const emission *e, uint32_t group, size_t i,
                          size_t bytes) {
    const cpu_buffer *b = &p->buffers[e->at_input[i].buffer];
    uint32_t order[CPU_RANK_MAX];
    if (b->place != CPU_PLACE_WORKSPACE || b->fixed || b->bytes != bytes) return false;
    if (!cpu_view_is_dense(&e->at_input[i], order)) return false;
    if (b->refs != uses_of(p, e->g, group, e->at_input[i].buffer)) return false;
    for (size_t k = 0; k < e->n_inputs; k++) {
        if (k != i && e->at_input[k].buffer == e->at_input[i].buffer) return false;
    }
    for (size_t k = 0; k < e->n_outputs; k++) {
        if (e->at_output[k].buffer == e->at_input[i].buffer) return false;
    }
    return true;
}

/* The result's view over the memory of a dying input, if there is one. */
static bool place_over_input(cpu_planner *p, const emission *e, uint32_t group, uint32_t value,
                             cpu_view *out) {
    const cpu_value *v = cpu_val(p, value);
    uint32_t wanted[CPU_RANK_MAX];
    if (v->is_reduced || cpu_output_of(p, value) != CPU_NONE ||
        cpu_wanted_order(p, value, wanted)) {
        return false;
    }
    uint32_t dtype = cpu_working_dtype(v->type.dtype);
    size_t elements = (size_t)orion_ir_type_elements(&v->type);
    for (size_t i = 0; i < e->n_inputs; i++) {
        cpu_view view;
        if (e->at_input[i].dtype != dtype ||
            !may_overwrite(p, e, group, i, elements * cpu_dtype_bytes(dtype)) ||
            !cpu_view_reshape(&e->at_input[i], v->type.rank, v->type.dims, &view)) {
            continue;
        }
        *out = view;
        cpu_define(p, value, &view);
        return true;
    }
    return false;
}

/* The axis order of the inputs of the result's own shape, if all that have it agree. */
static bool order_of_inputs(const emission *e, const cpu_value *v, uint32_t *order) {
    bool found = false;
    uint32_t mine[CPU_RANK_MAX];
    for (size_t i = 0; i < e->n_inputs; i++) {
        const cpu_view *in = &e->at_input[i];
        if (in->rank != v->type.rank ||
            memcmp(in->dims, v->type.dims, in->rank * sizeof *in->dims) != 0) {
            continue;
        }
        if (!cpu_view_is_dense(in, mine)) return false;
        if (found && memcmp(mine, order, in->rank * sizeof *order) != 0) return false;
        memcpy(order, mine, sizeof mine);
        found = true;
    }
    return found && order[v->type.rank - 1] == v->type.rank - 1;
}

static orion_status place_result(cpu_planner *p, emission *e, uint32_t group, uint32_t value,
                                 cpu_view *out) {
    const cpu_value *v = cpu_val(p, value);
    uint32_t order[CPU_RANK_MAX];
    if (place_over_input(p, e, group, value, out)) return ORION_OK;
    bool ordered = !v->is_reduced && v->type.rank > 0 &&
                   (cpu_wanted_order(p, value, order) || order_of_inputs(e, v, order));
    return cpu_result(p, value, ordered ? order : NULL, out);
}

static uint32_t reduction_of(uint32_t op) {
    switch (op) {
    case ORION_IR_OP_reduce_sum: return CPU_REDUCE_SUM;
    case ORION_IR_OP_reduce_mean: return CPU_REDUCE_MEAN;
    case ORION_IR_OP_reduce_max: return CPU_REDUCE_MAX;
    case ORION_IR_OP_reduce_min: return CPU_REDUCE_MIN;
    default: return CPU_REDUCE_NONE;
    }
}

/* One more output of the chain: a member's result to that view of it. */
static void add_output(const cpu_planner *p, emission *e, uint32_t value, const cpu_view *view) {
    const cpu_value *v = cpu_val(p, value);
    uint32_t rank = e->g->rank - (v->is_reduced ? 1 : 0);
    cpu_chain_output out = {.value = v->number_in_chain,
                            .dtype = view->dtype,
                            .reduction = reduction_of(p->nodes[v->node].op)};
    cpu_strides_refine(view->rank, view->dims, view->strides, rank, e->g->space, out.strides);
    e->at_output[e->n_outputs] = *view;
    e->outputs[e->n_outputs++] = out;
}

/* Output ports of 16-bit floats are written straight from the lanes. */
static void store_to_ports(cpu_planner *p, emission *e, uint32_t value) {
    cpu_value *v = cpu_val(p, value);
    if (v->output == CPU_NONE || cpu_working_dtype(v->type.dtype) == v->type.dtype) return;
    for (size_t i = v->output; i < p->output_count; i++) {
        cpu_output *o = &p->outputs[i];
        if (o->value != value || o->stored) continue;
        cpu_view view = {.buffer = o->buffer, .dtype = v->type.dtype, .rank = v->type.rank};
        memcpy(view.dims, v->type.dims, sizeof view.dims);
        cpu_strides_in_order(view.rank, view.dims, NULL, view.strides);
        add_output(p, e, value, &view);
        o->stored = true;
        v->inner++;
    }
}

static orion_status list_outputs(cpu_planner *p, emission *e, uint32_t group) {
    size_t most = e->g->node_count + p->output_count;
    e->outputs = orn_arena_alloc(&p->arena, most * sizeof *e->outputs);
    e->at_output = orn_arena_alloc(&p->arena, most * sizeof *e->at_output);
    if (e->outputs == NULL || e->at_output == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t m = 0; m < e->g->node_count; m++) {
        uint32_t value = p->nodes[e->g->nodes[m]].result;
        cpu_value *v = cpu_val(p, value);
        cpu_view view;
        store_to_ports(p, e, value);
        if (v->inner < v->uses) {
            TRY(place_result(p, e, group, value, &view));
            add_output(p, e, value, &view);
        }
    }
    return ORION_OK;
}

/* ---- the step ---- */

/* Walk memory in the order in which the first output, or input, lies: then axes collapse. */
static void order_axes(const emission *e, uint32_t *order) {
    const int64_t *strides = e->outputs[0].strides;
    uint32_t rank = e->g->rank, sorted = rank - (e->g->reduced != 0 ? 1 : 0);
    for (uint32_t i = 0; i < rank; i++) order[i] = i;
    if (e->g->reduced != 0 && e->n_inputs > 0) strides = e->inputs[0].strides;
    for (uint32_t i = 1; i < sorted; i++) {
        for (uint32_t k = i; k > 0 && strides[order[k - 1]] < strides[order[k]]; k--) {
            uint32_t swap = order[k - 1];
            order[k - 1] = order[k];
            order[k] = swap;
        }
    }
}

static void reorder(const uint32_t *order, uint32_t rank, int64_t *list) {
    int64_t old[CPU_RANK_MAX];
    memcpy(old, list, sizeof old);
    for (uint32_t i = 0; i < rank; i++) list[i] = old[order[i]];
}

static orion_status emit_chain(cpu_planner *p, emission *e) {
    cpu_chain_desc desc = {.rank = e->g->rank,
                           .inputs = e->inputs,
                           .nodes = e->nodes,
                           .outputs = e->outputs,
                           .n_inputs = e->n_inputs,
                           .n_nodes = e->n_nodes,
                           .n_outputs = e->n_outputs};
    uint32_t order[CPU_RANK_MAX];
    order_axes(e, order);
    memcpy(desc.dims, e->g->space, sizeof desc.dims);
    reorder(order, desc.rank, desc.dims);
    for (size_t i = 0; i < e->n_inputs; i++) reorder(order, desc.rank, e->inputs[i].strides);
    for (size_t i = 0; i < e->n_outputs; i++) reorder(order, desc.rank, e->outputs[i].strides);
    cpu_chain *chain;
    TRY(cpu_chain_create(&p->plan->arena, &desc, &chain));
    size_t count = e->n_inputs + e->n_outputs;
    const cpu_view **views = orn_arena_alloc(&p->arena, count * sizeof *views);
    if (views == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < e->n_inputs; i++) views[i] = &e->at_input[i];
    for (size_t i = 0; i < e->n_outputs; i++) views[e->n_inputs + i] = &e->at_output[i];
    TRY(cpu_emit(p, cpu_step_chain, chain, views, count, 0));
    p->plan->steps[p->plan->step_count - 1].nodes = (uint32_t)e->g->node_count;
    return ORION_OK;
}

orion_status cpu_flush(cpu_planner *p, uint32_t group) {
    cpu_group *g = p->groups[group];
    if (g->done) return ORION_OK;
    g->done = true;
    p->waiting--;
    emission *e = orn_arena_alloc(&p->arena, sizeof *e);
    if (e == NULL) return ORION_ERROR_NO_MEMORY;
    e->g = g;
    uint32_t here = p->here;
    TRY(gather_operands(p, g, group));
    p->here = g->nodes[g->node_count - 1];
    list_inputs(p, e, group);
    list_nodes(p, e, group);
    TRY(list_outputs(p, e, group));
    if (e->n_outputs != 0) TRY(emit_chain(p, e));
    for (size_t m = 0; m < g->node_count; m++) {
        const cpu_node *n = &p->nodes[g->nodes[m]];
        for (size_t i = 0; i < n->input_count; i++) {
            if (!is_inner(p, n, i, group)) cpu_served(p, cpu_input(p, n, i));
        }
    }
    for (size_t m = 0; m < g->node_count; m++) {
        cpu_val(p, p->nodes[g->nodes[m]].result)->group = CPU_NONE;
    }
    p->here = here;
    return ORION_OK;
}
