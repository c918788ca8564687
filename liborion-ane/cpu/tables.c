/* SPDX-License-Identifier: MIT */
/* The graph as arrays: nodes by position, values by id, users of each value, ports. */
#include "plan.h"

/* Constants of at most so many elements are looked at to see whether they are one number. */
enum { SPLAT_ELEMENTS = 1 << 16 };

/* Constants are used where they lie, unless they lie where no element may. */
static orion_status read_constant(cpu_planner *p, cpu_node *n) {
    cpu_value *v = cpu_val(p, n->result);
    size_t bytes, size = cpu_dtype_bytes(v->type.dtype);
    const void *data = orion_ir_node_data(n->ir, &bytes);
    if ((uintptr_t)data % size != 0) {
        void *copy;
        TRY(cpu_own(p, bytes, &copy));
        memcpy(copy, data, bytes);
        data = copy;
    }
    cpu_view view = {.dtype = v->type.dtype, .rank = v->type.rank};
    memcpy(view.dims, v->type.dims, sizeof view.dims);
    cpu_strides_in_order(view.rank, view.dims, NULL, view.strides);
    TRY(cpu_constant(p, data, bytes, &view.buffer));
    cpu_define(p, n->result, &view);
    v->is_splat = bytes / size <= SPLAT_ELEMENTS &&
                  (bytes == size || memcmp(data, (const char *)data + size, bytes - size) == 0);
    if (v->is_splat) v->number = cpu_load_number(v->type.dtype, data, 0);
    p->plan->code.stats.constant_bytes += bytes;
    return ORION_OK;
}

static orion_status allocate(cpu_planner *p) {
    size_t operands = 0;
    const orion_ir_node *n = orion_ir_graph_first(p->graph);
    for (; n != NULL; n = orion_ir_node_next(n)) operands += orion_ir_node_input_count(n);
    p->node_count = orion_ir_graph_node_count(p->graph);
    p->value_bound = orion_ir_graph_value_bound(p->graph);
    p->input_count = orion_ir_graph_input_count(p->graph);
    p->output_count = orion_ir_graph_output_count(p->graph);
    ane_code *code = &p->plan->code;
    code->input_count = p->input_count;
    code->port_count = p->input_count + p->output_count;
    /* One node more than there are: what steps of a graph without nodes are attributed to. */
    p->nodes = orn_arena_alloc(&p->arena, (p->node_count + 1) * sizeof *p->nodes);
    p->operands = orn_arena_alloc(&p->arena, operands * sizeof *p->operands);
    p->users = orn_arena_alloc(&p->arena, operands * sizeof *p->users);
    p->values = orn_arena_alloc(&p->arena, p->value_bound * sizeof *p->values);
    p->outputs = orn_arena_alloc(&p->arena, p->output_count * sizeof *p->outputs);
    code->ports = orn_arena_alloc(&p->plan->arena, code->port_count * sizeof *code->ports);
    bool fine = p->nodes != NULL && p->operands != NULL && p->users != NULL && p->values != NULL &&
                p->outputs != NULL && code->ports != NULL;
    p->here = (uint32_t)p->node_count;
    return fine ? ORION_OK : ORION_ERROR_NO_MEMORY;
}

static void read_nodes(cpu_planner *p) {
    uint32_t i = 0, operand = 0;
    for (const orion_ir_node *ir = orion_ir_graph_first(p->graph); ir != NULL;
         ir = orion_ir_node_next(ir)) {
        cpu_node *n = &p->nodes[i];
        *n = (cpu_node){.ir = ir,
                        .op = orion_ir_node_op(ir),
                        .first_input = operand,
                        .input_count = (uint32_t)orion_ir_node_input_count(ir),
                        .result = orion_ir_node_result(ir, 0).id,
                        .result_count = (uint32_t)orion_ir_node_result_count(ir)};
        for (uint32_t k = 0; k < n->input_count; k++) {
            uint32_t value = orion_ir_node_input(ir, k).id;
            p->operands[operand++] = value;
            cpu_val(p, value)->user_count++;
        }
        for (uint32_t k = 0; k < n->result_count; k++) cpu_val(p, n->result + k)->node = i;
        i++;
    }
}

/* Users by value: counted above, so each value's part of the list begins where the last ends. */
static void read_users(cpu_planner *p) {
    uint32_t at = 0;
    for (size_t i = 0; i < p->value_bound; i++) {
        cpu_value *v = &p->values[i];
        v->first_user = at;
        at += v->user_count;
        v->uses = v->user_count;
        v->user_count = 0;
    }
    for (uint32_t i = 0; i < p->node_count; i++) {
        const cpu_node *n = &p->nodes[i];
        for (uint32_t k = 0; k < n->input_count; k++) {
            cpu_value *v = cpu_val(p, cpu_input(p, n, k));
            p->users[v->first_user + v->user_count++] = i;
        }
    }
}

static orion_status add_port(cpu_planner *p, size_t i, const char *name, orion_ir_type type,
                             uint32_t *out_buffer) {
    orion_ane_port *port = &p->plan->code.ports[i];
    *port = (orion_ane_port){
        .size = sizeof *port, .name = name, .type = type, .is_output = i >= p->input_count};
    port->bytes = orion_ir_type_bytes(&type);
    cpu_strides_in_order(type.rank, type.dims, NULL, port->strides);
    for (uint32_t k = 0; k < type.rank; k++) {
        port->strides[k] *= (int64_t)cpu_dtype_bytes(type.dtype);
    }
    TRY(cpu_new_buffer(p, port->bytes, out_buffer));
    p->buffers[*out_buffer].place = CPU_PLACE_PORT;
    p->buffers[*out_buffer].port = (uint32_t)i;
    return ORION_OK;
}

static orion_status read_ports(cpu_planner *p) {
    for (size_t i = 0; i < p->output_count; i++) {
        uint32_t value = orion_ir_graph_output(p->graph, i).id;
        cpu_value *v = cpu_val(p, value);
        p->outputs[i] = (cpu_output){.value = value, .owner = CPU_NONE};
        TRY(add_port(p, p->input_count + i, orion_ir_graph_output_name(p->graph, i), v->type,
                     &p->outputs[i].buffer));
        if (v->output == CPU_NONE) v->output = (uint32_t)i;
        v->uses++;
    }
    for (size_t i = 0; i < p->input_count; i++) {
        orion_ir_value id = orion_ir_graph_input(p->graph, i);
        const orion_ir_type *type = &cpu_val(p, id.id)->type;
        cpu_view view = {.dtype = type->dtype, .rank = type->rank};
        memcpy(view.dims, type->dims, sizeof view.dims);
        cpu_strides_in_order(view.rank, view.dims, NULL, view.strides);
        TRY(add_port(p, i, orion_ir_value_name(p->graph, id), *type, &view.buffer));
        cpu_define(p, id.id, &view);
    }
    return ORION_OK;
}

orion_status cpu_read_graph(cpu_planner *p) {
    TRY(allocate(p));
    for (size_t i = 0; i < p->value_bound; i++) {
        orion_ir_value id = {(uint32_t)i};
        p->values[i] = (cpu_value){.type = orion_ir_value_type(p->graph, id),
                                   .node = CPU_NONE,
                                   .output = CPU_NONE,
                                   .group = CPU_NONE};
    }
    read_nodes(p);
    read_users(p);
    TRY(read_ports(p));
    for (size_t i = 0; i < p->node_count; i++) {
        if (p->nodes[i].op == ORION_IR_OP_const) {
            TRY(read_constant(p, &p->nodes[i]));
        } else {
            p->plan->code.stats.nodes++;
        }
    }
    return ORION_OK;
}
