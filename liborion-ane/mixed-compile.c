/* SPDX-License-Identifier: MIT */
/* Mixed programs: from a graph to compiled parts, values with a layout, and ports. */
#include "mixed.h"

/* ---- parts ---- */

static orion_status compile_part(mixed_code *m, const orion_mil_plan_program *program,
                                 const orion_mil_target *target, orion_diag *diag,
                                 mixed_part *part) {
    orion_ane_device *d = m->device;
    const orion_allocator *a = &d->host.allocator;
    const orion_mil_lower_options options = {
        .size = sizeof options,
        .dialect = program->on_host != 0 ? 0 : (uint32_t)orion_mil_target_dialect(target)};
    ane_source_text source;
    TRY(ane_lower(program->graph, &options, a, diag, &source));
    part->backend = program->on_host != 0 ? &ane_backend_cpu : d->backend;
    void *state = program->on_host != 0 ? d->host_state : d->state;
    orion_status status = part->backend->compile(state, &source.source, diag, &part->code);
    ane_source_free(&source);
    if (status != ORION_OK) part->code = NULL;
    return status;
}

static orion_status compile_parts(mixed_code *m, const orion_mil_plan *plan,
                                  const orion_mil_target *target, orion_diag *diag) {
    m->part_count = orion_mil_plan_program_count(plan);
    m->parts = orn_arena_alloc(&m->arena, (m->part_count + 1) * sizeof *m->parts);
    if (m->parts == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < m->part_count; i++) {
        orion_mil_plan_program program = {.size = sizeof program};
        TRY(orion_mil_plan_get_program(plan, i, &program));
        if (program.before != NULL || program.after != NULL) {
            ORN_ERROR(diag, ANE_LAYOUT, program.name,
                      "target %s wants ports of one size, which graphs are not run for",
                      orion_mil_target_name(target));
            return ORION_ERROR_UNSUPPORTED;
        }
        TRY(compile_part(m, &program, target, diag, &m->parts[i]));
        m->code.stats.nodes += program.ops;
        m->code.stats.constant_bytes += program.constant_bytes;
    }
    return ORION_OK;
}

/* ---- calls and values ---- */

static orion_status copy_calls(mixed_code *m, const orion_mil_plan *plan) {
    m->call_count = orion_mil_plan_call_count(plan);
    m->calls = orn_arena_alloc(&m->arena, (m->call_count + 1) * sizeof *m->calls);
    if (m->calls == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < m->call_count; i++) {
        orion_mil_plan_call call = {.size = sizeof call};
        TRY(orion_mil_plan_get_call(plan, i, &call));
        size_t count = call.input_count + call.output_count;
        uint32_t *values = orn_arena_alloc(&m->arena, (count + 1) * sizeof *values);
        if (values == NULL) return ORION_ERROR_NO_MEMORY;
        for (size_t k = 0; k < call.input_count; k++) values[k] = call.inputs[k];
        for (size_t k = 0; k < call.output_count; k++) {
            values[call.input_count + k] = call.outputs[k];
        }
        m->calls[i] = (mixed_call){.values = values, .part = call.program};
    }
    m->code.stats.steps = m->call_count;
    return ORION_OK;
}

static orion_status copy_values(mixed_code *m, const orion_mil_plan *plan) {
    m->value_count = orion_mil_plan_value_count(plan);
    m->values = orn_arena_alloc(&m->arena, (m->value_count + 1) * sizeof *m->values);
    if (m->values == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < m->value_count; i++) {
        orion_mil_plan_value value = {.size = sizeof value};
        TRY(orion_mil_plan_get_value(plan, i, &value));
        m->values[i] = (mixed_value){.type = value.type, .input = value.input, .port = MIXED_OWN};
    }
    return ORION_OK;
}

/* Packed, unless only ports of the device have it: then as the first of them. */
static void lay_out_values(mixed_code *m) {
    for (size_t i = 0; i < m->value_count; i++) {
        bool inner = m->values[i].input == ORION_MIL_NO_INPUT && m->values[i].port == MIXED_OWN;
        const int64_t *strides = NULL;
        for (size_t c = 0; c < m->call_count && inner; c++) {
            const mixed_part *part = &m->parts[m->calls[c].part];
            for (size_t p = 0; p < part->code->port_count && inner; p++) {
                if (m->calls[c].values[p] != i) continue;
                inner = part->backend != &ane_backend_cpu;
                if (strides == NULL) strides = part->code->ports[p].strides;
            }
        }
        ane_packed_strides(&m->values[i].type, m->values[i].strides);
        if (inner && strides != NULL)
            memcpy(m->values[i].strides, strides, sizeof m->values[i].strides);
    }
}

/* ---- ports ---- */

/* Does anything read the value from this call on? */
static bool read_from(const mixed_code *m, size_t call, uint32_t value) {
    for (size_t c = call; c < m->call_count; c++) {
        const ane_code *code = m->parts[m->calls[c].part].code;
        for (size_t p = 0; p < code->input_count; p++) {
            if (m->calls[c].values[p] == value) return true;
        }
    }
    return false;
}

/* Is the value an output as it is? */
static bool is_output(const mixed_code *m, uint32_t value) {
    for (size_t i = 0; i < m->code.port_count - m->code.input_count; i++) {
        if (m->outputs[i] == value) return true;
    }
    return false;
}

/* Of the output of a call that its program writes in place of an input: that input's port, if both
 * are the callers' tensors and nobody wants the old value afterwards. */
static uint32_t alias_in_call(const mixed_code *m, size_t call, size_t port) {
    const uint32_t *values = m->calls[call].values;
    uint32_t input = values[m->parts[m->calls[call].part].code->ports[port].alias - 1];
    if (m->values[input].port == MIXED_OWN || m->values[values[port]].port == MIXED_OWN) return 0;
    return read_from(m, call + 1, input) || is_output(m, input) ? 0 : m->values[input].port + 1;
}

/* 1 + the input that an output may share a tensor with; 0: none. */
static uint32_t alias_of(const mixed_code *m, uint32_t output) {
    const mixed_value *v = &m->values[output];
    if (v->input != ORION_MIL_NO_INPUT) return v->port == MIXED_OWN ? 0 : v->port + 1;
    for (size_t c = 0; c < m->call_count; c++) {
        const ane_code *code = m->parts[m->calls[c].part].code;
        for (size_t p = code->input_count; p < code->port_count; p++) {
            bool in_place = m->calls[c].values[p] == output && code->ports[p].alias != 0;
            if (in_place) return alias_in_call(m, c, p);
        }
    }
    return 0;
}

static bool same_type(const orion_ir_type *a, const orion_ir_type *b) {
    return orion_ir_type_equal(a, b) != 0;
}

static orion_status make_port(mixed_code *m, const orion_ir_graph *graph, size_t i) {
    orion_ane_port *port = &m->code.ports[i];
    size_t inputs = m->code.input_count;
    orion_ir_value v =
        i < inputs ? orion_ir_graph_input(graph, i) : orion_ir_graph_output(graph, i - inputs);
    const char *name =
        i < inputs ? orion_ir_value_name(graph, v) : orion_ir_graph_output_name(graph, i - inputs);
    port->size = sizeof *port;
    port->name = orn_arena_strndup(&m->arena, name, strlen(name));
    port->type = orion_ir_value_type(graph, v);
    port->bytes = orion_ir_type_bytes(&port->type);
    port->is_output = i >= inputs;
    ane_packed_strides(&port->type, port->strides);
    return port->name == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

/* Which values are the callers' tensors. */
static void claim_values(mixed_code *m) {
    size_t inputs = m->code.input_count;
    for (size_t i = 0; i < m->value_count; i++) {
        mixed_value *v = &m->values[i];
        if (v->input == ORION_MIL_NO_INPUT) continue;
        if (same_type(&v->type, &m->code.ports[v->input].type)) v->port = v->input;
    }
    for (size_t i = inputs; i < m->code.port_count; i++) {
        mixed_value *v = &m->values[m->outputs[i - inputs]];
        if (v->input != ORION_MIL_NO_INPUT || v->port != MIXED_OWN) continue;
        if (same_type(&v->type, &m->code.ports[i].type)) v->port = (uint32_t)i;
    }
}

static orion_status make_ports(mixed_code *m, const orion_mil_plan *plan,
                               const orion_ir_graph *graph) {
    ane_code *c = &m->code;
    size_t outputs = orion_ir_graph_output_count(graph);
    c->input_count = orion_ir_graph_input_count(graph);
    c->port_count = c->input_count + outputs;
    c->ports = orn_arena_alloc(&m->arena, (c->port_count + 1) * sizeof *c->ports);
    m->outputs = orn_arena_alloc(&m->arena, (outputs + 1) * sizeof *m->outputs);
    if (c->ports == NULL || m->outputs == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < outputs; i++) m->outputs[i] = (uint32_t)orion_mil_plan_output(plan, i);
    for (size_t i = 0; i < c->port_count; i++) TRY(make_port(m, graph, i));
    claim_values(m);
    for (size_t i = c->input_count; i < c->port_count; i++) {
        c->ports[i].alias = alias_of(m, m->outputs[i - c->input_count]);
    }
    return ORION_OK;
}

/* ---- all of it ---- */

static orion_status build(mixed_code *m, const orion_ir_graph *graph,
                          const orion_mil_target *target, orion_diag *diag) {
    orion_mil_plan *plan;
    TRY(orion_mil_partition(graph, target, NULL, &m->device->host.allocator, diag, &plan));
    orion_status status = compile_parts(m, plan, target, diag);
    if (status == ORION_OK) status = copy_calls(m, plan);
    if (status == ORION_OK) status = copy_values(m, plan);
    if (status == ORION_OK) status = make_ports(m, plan, graph);
    if (status == ORION_OK) lay_out_values(m);
    orion_mil_plan_destroy(&plan);
    return status;
}

orion_status ane_mixed_compile(orion_ane_device *device, const orion_ir_graph *graph,
                               const char *target_name, orion_diag *diag, ane_code **out_code) {
    const orion_allocator *a = &device->host.allocator;
    orion_mil_target *target;
    mixed_code *m = orn_zalloc(a, sizeof *m);
    if (m == NULL) return ORION_ERROR_NO_MEMORY;
    m->code.backend = &ane_mixed;
    m->device = device;
    orn_arena_init(&m->arena, a);
    orion_status status = orion_mil_target_find(target_name, a, diag, &target);
    if (status == ORION_OK) {
        status = build(m, graph, target, diag);
        orion_mil_target_destroy(&target);
    }
    if (status != ORION_OK) {
        ane_mixed.release(&m->code);
        return status;
    }
    *out_code = &m->code;
    return ORION_OK;
}
