/* SPDX-License-Identifier: MIT */
/* Runs: a program with tensors bound to its ports. */
#include "ane-internal.h"

orion_status orion_ane_run_create(orion_ane_program *program, orion_ane_run **out_run) {
    *out_run = NULL;
    const orion_allocator *a = &program->device->host.allocator;
    const ane_code *code = program->entry->code;
    orion_ane_run *run = orn_zalloc(a, sizeof *run);
    if (run == NULL) return ORION_ERROR_NO_MEMORY;
    run->tensors = orn_zalloc(a, code->port_count * sizeof *run->tensors);
    orion_status status = run->tensors == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) {
        status = program->entry->code->backend->prepare(program->entry->code, &run->state);
    }
    if (status != ORION_OK) {
        orn_free(a, run->tensors, code->port_count * sizeof *run->tensors);
        orn_free(a, run, sizeof *run);
        return status;
    }
    run->program = orion_ane_program_ref(program);
    *out_run = run;
    return ORION_OK;
}

void orion_ane_run_destroy(orion_ane_run **run) {
    if (run == NULL || *run == NULL) return;
    orion_ane_run *r = *run;
    *run = NULL;
    orion_ane_program *program = r->program;
    const orion_allocator *a = &program->device->host.allocator;
    size_t count = program->entry->code->port_count;
    program->entry->code->backend->dispose(r->state);
    for (size_t i = 0; i < count; i++) orion_ane_tensor_unref(&r->tensors[i]);
    orn_free(a, r->tensors, count * sizeof *r->tensors);
    orn_free(a, r, sizeof *r);
    orion_ane_program_unref(&program);
}

static orion_status misfit(orion_diag *diag, const orion_ane_port *port, const char *what,
                           uint32_t axis, int64_t have, int64_t want) {
    ORN_ERROR(diag, ANE_BINDING, port->name, "port '%s': %s of axis %u is %lld, the port has %lld",
              port->name, what, axis, (long long)have, (long long)want);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* Strides count only where an axis has more than one element. */
static orion_status check_fit(const orion_ane_port *port, const orion_ane_tensor *t,
                              orion_diag *diag) {
    if (t->type.dtype != port->type.dtype || t->type.rank != port->type.rank) {
        ORN_ERROR(diag, ANE_BINDING, port->name,
                  "port '%s' is %s of rank %u, the tensor is %s of rank %u", port->name,
                  orion_ir_dtype_name((orion_ir_dtype)port->type.dtype), port->type.rank,
                  orion_ir_dtype_name((orion_ir_dtype)t->type.dtype), t->type.rank);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    for (uint32_t i = 0; i < port->type.rank; i++) {
        if (t->type.dims[i] == port->type.dims[i]) continue;
        return misfit(diag, port, "the extent", i, t->type.dims[i], port->type.dims[i]);
    }
    for (uint32_t i = 0; i < port->type.rank; i++) {
        if (port->type.dims[i] != 1 && t->strides[i] != port->strides[i]) {
            return misfit(diag, port, "the stride in bytes", i, t->strides[i], port->strides[i]);
        }
    }
    return ORION_OK;
}

/* Can the device see the tensor's memory? */
static orion_status check_reach(const orion_ane_device *device, const char *port,
                                const orion_ane_tensor *t, orion_diag *diag) {
    ane_reach reach = device->backend->reach;
    if (reach == ANE_REACH_ALL || t->device == device) return ORION_OK;
    bool own = t->device->backend->reach == ANE_REACH_OWN;
    if (reach == ANE_REACH_SURFACES && t->memory.surface != NULL && !own) return ORION_OK;
    ORN_ERROR(diag, ANE_BINDING, port,
              "port '%s': the device %s does not reach the memory of a tensor of the device %s",
              port, device->backend->name, t->device->backend->name);
    return ORION_ERROR_INVALID_ARGUMENT;
}

orion_status orion_ane_run_bind(orion_ane_run *run, const char *port, orion_ane_tensor *tensor,
                                orion_diag *diag) {
    const ane_code *code = run->program->entry->code;
    size_t first;
    TRY(ane_program_port_index(run->program, port, diag, &first));
    TRY(check_fit(&code->ports[first], tensor, diag));
    TRY(check_reach(run->program->device, port, tensor, diag));
    /* An input that is an output under the same name is two ports, and the tensor is for both. */
    for (size_t i = first; i < code->port_count; i++) {
        if (strcmp(code->ports[i].name, port) != 0) continue;
        orion_ane_tensor *old = run->tensors[i];
        run->tensors[i] = orion_ane_tensor_ref(tensor);
        orion_ane_tensor_unref(&old);
        code->backend->bind(run->state, i, tensor);
    }
    run->checked = false;
    return ORION_OK;
}

/* Every port has a tensor, and none that is written serves another port, save the input it may
 * alias. */
static orion_status check_bindings(const orion_ane_run *run, orion_diag *diag) {
    const ane_code *code = run->program->entry->code;
    for (size_t i = 0; i < code->port_count; i++) {
        if (run->tensors[i] == NULL) {
            ORN_ERROR(diag, ANE_STATE, code->ports[i].name, "no tensor is bound to port '%s'",
                      code->ports[i].name);
            return ORION_ERROR_INVALID_STATE;
        }
    }
    for (size_t i = code->input_count; i < code->port_count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (run->tensors[k] != run->tensors[i] || code->ports[i].alias == k + 1) continue;
            ORN_ERROR(diag, ANE_STATE, code->ports[i].name,
                      "output '%s' and port '%s' are bound to one tensor", code->ports[i].name,
                      code->ports[k].name);
            return ORION_ERROR_INVALID_STATE;
        }
    }
    return ORION_OK;
}

orion_status orion_ane_run_execute(orion_ane_run *run, orion_diag *diag) {
    const ane_code *code = run->program->entry->code;
    if (!run->checked) {
        TRY(check_bindings(run, diag));
        run->checked = true;
    }
    for (size_t i = 0; i < code->port_count; i++) {
        if (run->tensors[i]->locked == 0) continue;
        ORN_ERROR(diag, ANE_STATE, code->ports[i].name, "the tensor of port '%s' is locked",
                  code->ports[i].name);
        return ORION_ERROR_INVALID_STATE;
    }
    return code->backend->execute(run->state, diag);
}
