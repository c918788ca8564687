/* SPDX-License-Identifier: MIT */
/*
 * The `cpu` back end: MIL text to a graph, the graph to a plan, runs of the plan.
 *
 * A plan's steps address the workspace, constants and ports symbolically. A run owns a workspace
 * and the resolved addresses; binding a tensor rewrites those of its port. Executing walks the
 * steps and allocates nothing.
 */
#include "ane-internal.h"
#include "cpu/plan.h"

static orion_status cpu_open(const ane_host *host, orion_diag *diag, void **out_device) {
    (void)diag;
    cpu_device *d = orn_zalloc(&host->allocator, sizeof *d);
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->allocator = host->allocator;
    d->kernels = cpu_kernels_for(cpu_features());
    orion_status status = cpu_pool_create(&d->allocator, host->threads, &d->pool);
    if (status != ORION_OK) {
        orn_free(&host->allocator, d, sizeof *d);
        return status;
    }
    *out_device = d;
    return ORION_OK;
}

static void cpu_close(void *device) {
    cpu_device *d = device;
    orion_allocator a = d->allocator;
    cpu_pool_destroy(&d->pool);
    orn_free(&a, d, sizeof *d);
}

/* Raising verifies the program; both report with line and op. */
static orion_status read_graph(const orion_allocator *a, const orion_ane_source *source,
                               orion_diag *diag, orion_ir_graph **out_graph) {
    orion_mil_program *program;
    TRY(orion_mil_parse(source->text, source->length, source->name, NULL, a, diag, &program));
    orion_status status =
        orion_mil_raise(program, source->weights, source->function, NULL, a, diag, out_graph);
    orion_mil_program_destroy(&program);
    return status;
}

static orion_status cpu_compile(void *device, const orion_ane_source *source, orion_diag *diag,
                                ane_code **out_code) {
    const cpu_device *d = device;
    orion_ir_graph *graph;
    cpu_plan *plan;
    TRY(read_graph(&d->allocator, source, diag, &graph));
    orion_status status = orion_ir_run_passes(graph, "default", NULL, diag, NULL);
    if (status != ORION_OK) {
        orion_ir_graph_destroy(&graph);
        return status;
    }
    TRY(cpu_plan_create(d, graph, diag, &plan));
    plan->code.backend = &ane_backend_cpu;
    *out_code = &plan->code;
    return ORION_OK;
}

static void cpu_release(ane_code *code) {
    cpu_plan_destroy((cpu_plan *)code);
}

static void cpu_dispose(void *run) {
    cpu_run *r = run;
    const orion_allocator *a = &r->plan->device->allocator;
    orn_free(a, r->tensors, r->plan->code.port_count * sizeof *r->tensors);
    orn_free(a, r->at, r->plan->address_count * sizeof *r->at);
    orn_free(a, r->memory, r->memory_bytes);
    orn_free(a, r, sizeof *r);
}

static orion_status cpu_prepare(ane_code *code, void **out_run) {
    const cpu_plan *plan = (const cpu_plan *)code;
    const orion_allocator *a = &plan->device->allocator;
    cpu_run *r = orn_zalloc(a, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->plan = plan;
    r->memory_bytes = plan->workspace_bytes + plan->scratch_bytes;
    r->tensors = orn_zalloc(a, code->port_count * sizeof *r->tensors);
    r->at = orn_zalloc(a, plan->address_count * sizeof *r->at);
    r->memory = orn_alloc_aligned(a, r->memory_bytes, CPU_SCRATCH_ALIGN);
    if (r->tensors == NULL || r->at == NULL || r->memory == NULL) {
        cpu_dispose(r);
        return ORION_ERROR_NO_MEMORY;
    }
    memset(r->memory, 0, r->memory_bytes); /* page faults are taken here, not while executing */
    for (size_t i = 0; i < plan->address_count; i++) {
        const cpu_address *address = &plan->addresses[i];
        if (address->place == CPU_PLACE_WORKSPACE) r->at[i] = r->memory + address->offset;
        /* Kernels read constants through pointers that could be written through. */
        if (address->place == CPU_PLACE_CONSTANT) r->at[i] = (void *)(uintptr_t)address->constant;
    }
    *out_run = r;
    return ORION_OK;
}

static void cpu_bind(void *run, size_t port, orion_ane_tensor *tensor) {
    cpu_run *r = run;
    r->tensors[port] = tensor;
    for (size_t i = 0; i < r->plan->address_count; i++) {
        const cpu_address *address = &r->plan->addresses[i];
        if (address->place == CPU_PLACE_PORT && address->port == port) {
            r->at[i] = (char *)tensor->memory.data + address->offset;
        }
    }
}

/* A step found an index out of range. */
static orion_status bad_index(const cpu_run *r, const cpu_step *step, int64_t place,
                              orion_diag *diag) {
    const int32_t *indices = r->at[step->first + step->indices];
    const char *op = orion_ir_op_find((orion_ir_op)step->op)->name;
    ORN_ERROR(diag, IR_INDEX, step->subject == NULL ? op : step->subject,
              "%s: index %d, number %lld of its indices, is outside [0, %lld)", op, indices[place],
              (long long)place, (long long)step->limit);
    return ORION_ERROR_INVALID_ARGUMENT;
}

cpu_context cpu_run_context(const cpu_run *run, orion_diag *diag) {
    return (cpu_context){.kernels = run->plan->device->kernels,
                         .pool = run->plan->device->pool,
                         .scratch = run->memory + run->plan->workspace_bytes,
                         .diag = diag};
}

static orion_status run_steps(const cpu_run *r, orion_diag *diag) {
    cpu_context x = cpu_run_context(r, diag);
    const cpu_step *step = r->plan->steps, *end = step + r->plan->step_count;
    for (; step < end; step++) {
        int64_t place = cpu_run_step(r, &x, step);
        if (place == CPU_INDICES_OK) continue;
        return place == CPU_STEP_FAILED ? x.status : bad_index(r, step, place, diag);
    }
    return ORION_OK;
}

static orion_status cpu_execute(void *run, orion_diag *diag) {
    cpu_run *r = run;
    const ane_code *code = &r->plan->code;
    orion_status status = ORION_OK;
    size_t begun = 0;
    for (; begun < code->port_count && status == ORION_OK; begun++) {
        uint32_t access = code->ports[begun].is_output ? ORION_ANE_WRITE : ORION_ANE_READ;
        status = ane_memory_begin(&r->tensors[begun]->memory, access);
    }
    if (status == ORION_OK) {
        status = run_steps(r, diag);
    } else {
        begun--; /* the last one did not begin */
    }
    while (begun-- > 0) {
        uint32_t access = code->ports[begun].is_output ? ORION_ANE_WRITE : ORION_ANE_READ;
        ane_memory_end(&r->tensors[begun]->memory, access);
    }
    return status;
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
