/* SPDX-License-Identifier: MIT */
/* The `cpu` back end: MIL text to a graph, the graph through the reference interpreter. */
#include "ane-internal.h"

typedef struct cpu_code {
    ane_code code;
    ane_host host;
    orion_ir_graph *graph;
    orn_arena arena;
} cpu_code;

typedef struct cpu_run {
    cpu_code *code;
    orion_ane_tensor **tensors;
    double **data;
    double *memory;
    size_t elements;
} cpu_run;

static orion_status cpu_open(const ane_host *host, orion_diag *diag, void **out_device) {
    (void)diag;
    ane_host *copy = orn_alloc(&host->allocator, sizeof *copy);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    *copy = *host;
    *out_device = copy;
    return ORION_OK;
}

static void cpu_close(void *device) {
    ane_host host = *(ane_host *)device;
    orn_free(&host.allocator, device, sizeof host);
}

static void cpu_release(ane_code *code) {
    cpu_code *c = (cpu_code *)code;
    ane_host host = c->host;
    orion_ir_graph_destroy(&c->graph);
    orn_arena_clear(&c->arena);
    orn_free(&host.allocator, c, sizeof *c);
}

/* Text to a graph. */
static orion_status read_graph(const ane_host *host, const orion_ane_source *source,
                               orion_diag *diag, orion_ir_graph **out_graph) {
    orion_mil_program *program;
    TRY(orion_mil_parse(source->text, source->length, source->name, NULL, &host->allocator, diag,
                        &program));
    orion_status status = orion_mil_raise(program, source->weights, source->function, NULL,
                                          &host->allocator, diag, out_graph);
    orion_mil_program_destroy(&program);
    return status;
}

/* 1 + index of the input that an output is after a slice_update; else 0. */
static uint32_t updated_input(const orion_ir_graph *graph, orion_ir_value v) {
    const orion_ir_node *n = orion_ir_value_node(graph, v);
    if (n == NULL || orion_ir_node_op(n) != ORION_IR_OP_slice_update) return 0;
    for (size_t i = 0; i < orion_ir_graph_input_count(graph); i++) {
        if (orion_ir_graph_input(graph, i).id == orion_ir_node_input(n, 0).id) {
            return (uint32_t)i + 1;
        }
    }
    return 0;
}

static orion_status make_ports(cpu_code *c) {
    size_t inputs = orion_ir_graph_input_count(c->graph);
    size_t outputs = orion_ir_graph_output_count(c->graph);
    c->code.input_count = inputs;
    c->code.port_count = inputs + outputs;
    c->code.ports = orn_arena_alloc(&c->arena, c->code.port_count * sizeof *c->code.ports);
    if (c->code.ports == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < c->code.port_count; i++) {
        orion_ane_port *port = &c->code.ports[i];
        bool in = i < inputs;
        orion_ir_value v =
            in ? orion_ir_graph_input(c->graph, i) : orion_ir_graph_output(c->graph, i - inputs);
        *port = (orion_ane_port){.size = sizeof *port,
                                 .name = in ? orion_ir_value_name(c->graph, v)
                                            : orion_ir_graph_output_name(c->graph, i - inputs),
                                 .type = orion_ir_value_type(c->graph, v),
                                 .is_output = !in};
        port->bytes = orion_ir_type_bytes(&port->type);
        ane_packed_strides(&port->type, port->strides);
        if (!in) port->alias = updated_input(c->graph, v);
    }
    return ORION_OK;
}

static orion_status cpu_compile(void *device, const orion_ane_source *source, orion_diag *diag,
                                ane_code **out_code) {
    const ane_host *host = device;
    cpu_code *c = orn_zalloc(&host->allocator, sizeof *c);
    if (c == NULL) return ORION_ERROR_NO_MEMORY;
    c->host = *host;
    orn_arena_init(&c->arena, &host->allocator);
    orion_status status = read_graph(host, source, diag, &c->graph);
    if (status == ORION_OK) status = make_ports(c);
    if (status != ORION_OK) {
        cpu_release(&c->code);
        return status;
    }
    c->code.stats = (orion_ane_program_stats){.size = sizeof c->code.stats,
                                              .nodes = orion_ir_graph_node_count(c->graph),
                                              .steps = 1,
                                              .reference_steps = 1};
    *out_code = &c->code;
    return ORION_OK;
}

static void cpu_dispose(void *run) {
    cpu_run *r = run;
    ane_host host = r->code->host;
    size_t ports = r->code->code.port_count;
    orn_free(&host.allocator, r->tensors, ports * sizeof *r->tensors);
    orn_free(&host.allocator, r->data, ports * sizeof *r->data);
    orn_free(&host.allocator, r->memory, r->elements * sizeof *r->memory);
    orn_free(&host.allocator, r, sizeof *r);
}

static orion_status cpu_prepare(ane_code *code, void **out_run) {
    cpu_code *c = (cpu_code *)code;
    cpu_run *r = orn_zalloc(&c->host.allocator, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->code = c;
    for (size_t i = 0; i < code->port_count; i++) {
        r->elements += (size_t)orion_ir_type_elements(&code->ports[i].type);
    }
    r->tensors = orn_zalloc(&c->host.allocator, code->port_count * sizeof *r->tensors);
    r->data = orn_zalloc(&c->host.allocator, code->port_count * sizeof *r->data);
    r->memory = orn_zalloc(&c->host.allocator, r->elements * sizeof *r->memory);
    if (r->tensors == NULL || r->data == NULL || r->memory == NULL) {
        cpu_dispose(r);
        return ORION_ERROR_NO_MEMORY;
    }
    double *at = r->memory;
    for (size_t i = 0; i < code->port_count; i++) {
        r->data[i] = at;
        at += orion_ir_type_elements(&code->ports[i].type);
    }
    *out_run = r;
    return ORION_OK;
}

static void cpu_bind(void *run, size_t port, orion_ane_tensor *tensor) {
    ((cpu_run *)run)->tensors[port] = tensor;
}

/* The oracle's element format is the double. */
static double load(uint32_t dtype, const void *data, size_t i) {
    switch (dtype) {
    case ORION_IR_F32: return (double)((const float *)data)[i];
    case ORION_IR_F16: return (double)orn_f32_from_f16(((const uint16_t *)data)[i]);
    case ORION_IR_BF16: return (double)orn_f32_from_bf16(((const uint16_t *)data)[i]);
    case ORION_IR_I32: return ((const int32_t *)data)[i];
    case ORION_IR_U16: return ((const uint16_t *)data)[i];
    case ORION_IR_I8: return ((const int8_t *)data)[i];
    default: return ((const uint8_t *)data)[i];
    }
}

static void store(uint32_t dtype, void *data, size_t i, double v) {
    switch (dtype) {
    case ORION_IR_F32: ((float *)data)[i] = (float)v; break;
    case ORION_IR_F16: ((uint16_t *)data)[i] = orn_f16_from_f64(v); break;
    case ORION_IR_BF16: ((uint16_t *)data)[i] = orn_bf16_from_f32((float)v); break;
    case ORION_IR_I32: ((int32_t *)data)[i] = (int32_t)v; break;
    case ORION_IR_U16: ((uint16_t *)data)[i] = (uint16_t)v; break;
    case ORION_IR_I8: ((int8_t *)data)[i] = (int8_t)v; break;
    default: ((uint8_t *)data)[i] = (uint8_t)v; break;
    }
}

static orion_status cpu_execute(void *run, orion_diag *diag) {
    cpu_run *r = run;
    const ane_code *code = &r->code->code;
    for (size_t i = 0; i < code->input_count; i++) {
        size_t n = (size_t)orion_ir_type_elements(&code->ports[i].type);
        for (size_t k = 0; k < n; k++) {
            r->data[i][k] = load(code->ports[i].type.dtype, r->tensors[i]->memory.data, k);
        }
    }
    TRY(orion_ir_eval(r->code->graph, ORION_IR_EVAL_ROUNDED, (const double *const *)r->data,
                      r->data + code->input_count, diag));
    for (size_t i = code->input_count; i < code->port_count; i++) {
        size_t n = (size_t)orion_ir_type_elements(&code->ports[i].type);
        for (size_t k = 0; k < n; k++) {
            store(code->ports[i].type.dtype, r->tensors[i]->memory.data, k, r->data[i][k]);
        }
    }
    return ORION_OK;
}

const ane_backend ane_backend_cpu = {.id = ORION_ANE_BACKEND_CPU,
                                     .name = "cpu",
                                     .open = cpu_open,
                                     .close = cpu_close,
                                     .compile = cpu_compile,
                                     .release = cpu_release,
                                     .prepare = cpu_prepare,
                                     .bind = cpu_bind,
                                     .execute = cpu_execute,
                                     .dispose = cpu_dispose};
