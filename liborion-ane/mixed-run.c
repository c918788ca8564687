/* SPDX-License-Identifier: MIT */
/* Mixed programs: a tensor for every value, a run for every call, and one after the other. */
#include "mixed.h"

typedef struct mixed_run {
    const mixed_code *code;
    orion_ane_tensor **ports;   /* the caller's; borrowed */
    orion_ane_tensor **values;  /* by value; of those that are ports: borrowed */
    orion_ane_tensor ***staged; /* by call and port: a tensor of the port's layout, or NULL */
    void **runs;                /* by call */
} mixed_run;

static const ane_code *code_of(const mixed_code *m, size_t call) {
    return m->parts[m->calls[call].part].code;
}

static const ane_backend *backend_of(const mixed_code *m, size_t call) {
    return m->parts[m->calls[call].part].backend;
}

/* ---- life ---- */
/* Arrays have room for one more: an allocation of nothing may be NULL. */

static void release(ane_code *base) {
    mixed_code *m = (mixed_code *)base;
    orion_allocator a = m->device->host.allocator;
    for (size_t i = 0; m->parts != NULL && i < m->part_count; i++) {
        if (m->parts[i].code != NULL) m->parts[i].backend->release(m->parts[i].code);
    }
    orn_arena_clear(&m->arena);
    orn_free(&a, m, sizeof *m);
}

static void free_call(mixed_run *r, size_t call) {
    const orion_allocator *a = &r->code->device->host.allocator;
    size_t ports = code_of(r->code, call)->port_count;
    if (r->runs[call] != NULL) backend_of(r->code, call)->dispose(r->runs[call]);
    if (r->staged[call] == NULL) return;
    for (size_t p = 0; p < ports; p++) orion_ane_tensor_unref(&r->staged[call][p]);
    orn_free(a, r->staged[call], ports * sizeof *r->staged[call]);
}

static void dispose(void *run) {
    mixed_run *r = run;
    const mixed_code *m = r->code;
    const orion_allocator *a = &m->device->host.allocator;
    if (r->runs != NULL && r->staged != NULL) {
        for (size_t i = 0; i < m->call_count; i++) free_call(r, i);
    }
    for (size_t i = 0; r->values != NULL && i < m->value_count; i++) {
        if (m->values[i].port == MIXED_OWN) orion_ane_tensor_unref(&r->values[i]);
    }
    orn_free(a, r->ports, (m->code.port_count + 1) * sizeof *r->ports);
    orn_free(a, r->values, (m->value_count + 1) * sizeof *r->values);
    orn_free(a, r->staged, (m->call_count + 1) * sizeof *r->staged);
    orn_free(a, r->runs, (m->call_count + 1) * sizeof *r->runs);
    orn_free(a, r, sizeof *r);
}

/* Strides count only where an axis has more than one element. */
static bool same_layout(const mixed_value *v, const orion_ane_port *port) {
    for (uint32_t i = 0; i < port->type.rank; i++) {
        if (port->type.dims[i] != 1 && v->strides[i] != port->strides[i]) return false;
    }
    return orion_ir_type_equal(&v->type, &port->type) != 0;
}

static orion_status prepare_call(mixed_run *r, size_t call) {
    const mixed_code *m = r->code;
    ane_code *code = m->parts[m->calls[call].part].code;
    const ane_backend *backend = backend_of(m, call);
    TRY(backend->prepare(code, &r->runs[call]));
    r->staged[call] =
        orn_zalloc(&m->device->host.allocator, code->port_count * sizeof *r->staged[call]);
    if (r->staged[call] == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t p = 0; p < code->port_count; p++) {
        const orion_ane_port *port = &code->ports[p];
        uint32_t value = m->calls[call].values[p];
        orion_ane_tensor **staged = &r->staged[call][p];
        if (!same_layout(&m->values[value], port)) {
            TRY(orion_ane_tensor_create(m->device, &port->type, port->strides, NULL, staged));
            backend->bind(r->runs[call], p, *staged);
        } else if (r->values[value] != NULL) {
            backend->bind(r->runs[call], p, r->values[value]);
        }
    }
    return ORION_OK;
}

static orion_status prepare_all(mixed_run *r) {
    const mixed_code *m = r->code;
    for (size_t i = 0; i < m->value_count; i++) {
        const mixed_value *v = &m->values[i];
        if (v->port != MIXED_OWN) continue;
        TRY(orion_ane_tensor_create(m->device, &v->type, v->strides, NULL, &r->values[i]));
    }
    for (size_t i = 0; i < m->call_count; i++) TRY(prepare_call(r, i));
    return ORION_OK;
}

static orion_status prepare(ane_code *base, void **out_run) {
    const mixed_code *m = (const mixed_code *)base;
    const orion_allocator *a = &m->device->host.allocator;
    mixed_run *r = orn_zalloc(a, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->code = m;
    r->ports = orn_zalloc(a, (base->port_count + 1) * sizeof *r->ports);
    r->values = orn_zalloc(a, (m->value_count + 1) * sizeof *r->values);
    r->staged = orn_zalloc(a, (m->call_count + 1) * sizeof *r->staged);
    r->runs = orn_zalloc(a, (m->call_count + 1) * sizeof *r->runs);
    bool fine = r->ports != NULL && r->values != NULL && r->staged != NULL && r->runs != NULL;
    orion_status status = fine ? prepare_all(r) : ORION_ERROR_NO_MEMORY;
    if (status != ORION_OK) {
        dispose(r);
        return status;
    }
    *out_run = r;
    return ORION_OK;
}

/* ---- binding ---- */

static void bind_value(mixed_run *r, size_t value, orion_ane_tensor *tensor) {
    const mixed_code *m = r->code;
    r->values[value] = tensor;
    for (size_t c = 0; c < m->call_count; c++) {
        for (size_t p = 0; p < code_of(m, c)->port_count; p++) {
            if (m->calls[c].values[p] != value || r->staged[c][p] != NULL) continue;
            backend_of(m, c)->bind(r->runs[c], p, tensor);
        }
    }
}

static void bind(void *run, size_t port, orion_ane_tensor *tensor) {
    mixed_run *r = run;
    r->ports[port] = tensor;
    for (size_t i = 0; i < r->code->value_count; i++) {
        if (r->code->values[i].port == port) bind_value(r, i, tensor);
    }
}

/* ---- executing ---- */

static orion_status copy(orion_ane_tensor *to, orion_ane_tensor *from) {
    TRY(ane_memory_begin(&from->memory, ORION_ANE_READ));
    orion_status status = ane_memory_begin(&to->memory, ORION_ANE_WRITE);
    if (status == ORION_OK) {
        ane_region source = {
            .data = from->memory.data, .strides = from->strides, .dtype = from->type.dtype};
        ane_region target = {
            .data = to->memory.data, .strides = to->strides, .dtype = to->type.dtype};
        ane_convert(to->type.rank, to->type.dims, &target, &source);
        ane_memory_end(&to->memory, ORION_ANE_WRITE);
    }
    ane_memory_end(&from->memory, ORION_ANE_READ);
    return status;
}

static orion_status execute_call(mixed_run *r, size_t call, orion_diag *diag) {
    const mixed_code *m = r->code;
    const ane_code *code = code_of(m, call);
    const uint32_t *values = m->calls[call].values;
    orion_ane_tensor **staged = r->staged[call];
    for (size_t p = 0; p < code->input_count; p++) {
        if (staged[p] != NULL) TRY(copy(staged[p], r->values[values[p]]));
    }
    TRY(backend_of(m, call)->execute(r->runs[call], diag));
    for (size_t p = code->input_count; p < code->port_count; p++) {
        if (staged[p] != NULL) TRY(copy(r->values[values[p]], staged[p]));
    }
    return ORION_OK;
}

static orion_status execute(void *run, orion_diag *diag) {
    mixed_run *r = run;
    const mixed_code *m = r->code;
    size_t inputs = m->code.input_count;
    for (size_t i = 0; i < m->value_count; i++) {
        const mixed_value *v = &m->values[i];
        if (v->input == ORION_MIL_NO_INPUT || v->port != MIXED_OWN) continue;
        TRY(copy(r->values[i], r->ports[v->input]));
    }
    for (size_t i = 0; i < m->call_count; i++) TRY(execute_call(r, i, diag));
    for (size_t i = inputs; i < m->code.port_count; i++) {
        uint32_t value = m->outputs[i - inputs];
        if (r->ports[i] != r->values[value]) TRY(copy(r->ports[i], r->values[value]));
    }
    return ORION_OK;
}

const ane_backend ane_mixed = {.name = "mixed",
                               .release = release,
                               .prepare = prepare,
                               .bind = bind,
                               .execute = execute,
                               .dispose = dispose};
