/* SPDX-License-Identifier: MIT */
/* The `ane-objc` back end: devices, compiled programs, and runs with their cached requests. */
#include "objc.h"

static orion_status open_device(const ane_host *host, orion_diag *diag, void **out_device) {
    objc_device *d = orn_zalloc(&host->allocator, sizeof *d);
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->allocator = host->allocator;
    orion_status status = objc_system_open(&d->system, host->framework, diag);
    if (status != ORION_OK) {
        orn_free(&host->allocator, d, sizeof *d);
        return status;
    }
    *out_device = d;
    return ORION_OK;
}

static void close_device(void *device) {
    objc_device *d = device;
    orion_allocator a = d->allocator;
    objc_system_close(&d->system);
    orn_free(&a, d, sizeof *d);
}

/* The family of a chip is the beginning of its architecture: "h16g" is of h16. What is not known is
 * taken to be the one that most is known of. */
static const char *target(const void *device) {
    const objc_device *d = device;
    const objc_system *s = &d->system;
    const char *name, *found = "h16";
    if (s->selectors[OBJC_SEND_architecture] == NULL) return found;
    objc_id pool = objc_pool_push(s);
    objc_id info = (objc_id)s->classes[OBJC__ANEDeviceInfo];
    const char *architecture =
        objc_text_of(s, OBJC_CALL(s, architecture, info, objc_id, (objc_id, objc_sel)));
    for (size_t i = 0; (name = orion_mil_target_builtin(i)) != NULL; i++) {
        if (name[0] == 'h' && strncmp(architecture, name, strlen(name)) == 0) found = name;
    }
    objc_pool_pop(s, pool);
    return found;
}

/* ---- programs ---- */

static void release(ane_code *base) {
    objc_code *code = (objc_code *)base;
    objc_device *d = code->device;
    objc_id pool = objc_pool_push(&d->system);
    objc_model_destroy(code);
    objc_pool_pop(&d->system, pool);
    orn_free(&d->allocator, code->indices, code->code.port_count * sizeof *code->indices);
    ane_declared_free(&d->allocator, &code->code, &code->symbols);
    orn_free(&d->allocator, code, sizeof *code);
}

static orion_status compile(void *device, const orion_ane_source *source, orion_diag *diag,
                            ane_code **out_code) {
    objc_device *d = device;
    objc_code *code = orn_zalloc(&d->allocator, sizeof *code);
    if (code == NULL) return ORION_ERROR_NO_MEMORY;
    code->device = d;
    code->code.backend = &ane_backend_objc;
    objc_id pool = objc_pool_push(&d->system);
    orion_status status = ane_declare(&d->allocator, source, diag, &code->code, &code->symbols);
    if (status == ORION_OK) status = objc_model_create(code, source, diag);
    if (status == ORION_OK) status = objc_ports_lay_out(code, source->function, diag);
    objc_pool_pop(&d->system, pool);
    if (status != ORION_OK) {
        release(&code->code);
        return status;
    }
    *out_code = &code->code;
    return ORION_OK;
}

/* ---- runs ---- */

typedef struct objc_run {
    objc_code *code;
    objc_id request;            /* retained; NULL: to be made of the tensors */
    orion_ane_tensor **tensors; /* by port */
    objc_id *objects;           /* room for the arrays of a request, by port */
} objc_run;

static void dispose(void *run) {
    objc_run *r = run;
    const orion_allocator *a = &r->code->device->allocator;
    size_t ports = r->code->code.port_count;
    objc_release_object(&r->code->device->system, r->request);
    orn_free(a, r->tensors, ports * sizeof *r->tensors);
    orn_free(a, r->objects, 2 * ports * sizeof *r->objects);
    orn_free(a, r, sizeof *r);
}

static orion_status prepare(ane_code *base, void **out_run) {
    objc_code *code = (objc_code *)base;
    const orion_allocator *a = &code->device->allocator;
    objc_run *r = orn_zalloc(a, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->code = code;
    r->tensors = orn_zalloc(a, base->port_count * sizeof *r->tensors);
    r->objects = orn_zalloc(a, 2 * base->port_count * sizeof *r->objects);
    if (r->tensors == NULL || r->objects == NULL) {
        dispose(r);
        return ORION_ERROR_NO_MEMORY;
    }
    *out_run = r;
    return ORION_OK;
}

/* A request holds its surfaces: another tensor needs another request. */
static void bind(void *run, size_t port, orion_ane_tensor *tensor) {
    objc_run *r = run;
    if (r->tensors[port] == tensor) return;
    r->tensors[port] = tensor;
    objc_release_object(&r->code->device->system, r->request);
    r->request = NULL;
}

/* Surfaces and indices of the ports [first, end), as two arrays. */
static bool make_arrays(objc_run *r, size_t first, size_t end, objc_id *out_surfaces,
                        objc_id *out_indices) {
    const objc_system *s = &r->code->device->system;
    objc_id class = (objc_id)s->classes[OBJC__ANEIOSurfaceObject];
    size_t count = end - first;
    for (size_t i = 0; i < count; i++) {
        r->objects[i] = OBJC_CALL(s, surface, class, objc_id, (objc_id, objc_sel, void *),
                                  r->tensors[first + i]->memory.surface);
        r->objects[count + i] = objc_number(s, r->code->indices[first + i]);
        if (r->objects[i] == NULL || r->objects[count + i] == NULL) return false;
    }
    *out_surfaces = objc_array(s, r->objects, count);
    *out_indices = objc_array(s, r->objects + count, count);
    return *out_surfaces != NULL && *out_indices != NULL;
}

static orion_status make_request(objc_run *r) {
    const objc_system *s = &r->code->device->system;
    const ane_code *c = &r->code->code;
    objc_id inputs, input_indices, outputs, output_indices;
    if (!make_arrays(r, 0, c->input_count, &inputs, &input_indices) ||
        !make_arrays(r, c->input_count, c->port_count, &outputs, &output_indices)) {
        return ORION_ERROR_NO_MEMORY;
    }
    objc_id request = OBJC_CALL(
        s, request, (objc_id)s->classes[OBJC__ANERequest], objc_id,
        (objc_id, objc_sel, objc_id, objc_id, objc_id, objc_id, objc_id, objc_id, objc_id), inputs,
        input_indices, outputs, output_indices, NULL, NULL,
        objc_number(s, r->code->symbols.procedure));
    if (request == NULL) return ORION_ERROR_NO_MEMORY;
    r->request = objc_retain_object(s, request);
    return ORION_OK;
}

static orion_status evaluate(objc_run *r, orion_diag *diag) {
    const objc_system *s = &r->code->device->system;
    objc_id error = NULL;
    if (r->request == NULL) TRY(make_request(r));
    objc_bool fine = OBJC_CALL(s, model_evaluate, r->code->model, objc_bool,
                               (objc_id, objc_sel, unsigned, objc_id, objc_id, objc_id *), OBJC_QOS,
                               r->code->options, r->request, &error);
    if (fine != 0) return ORION_OK;
    return objc_failure(s, OBJC_EVALUATING, error, NULL, diag);
}

static orion_status execute(void *run, orion_diag *diag) {
    objc_run *r = run;
    objc_id pool = objc_pool_push(&r->code->device->system);
    orion_status status = evaluate(r, diag);
    objc_pool_pop(&r->code->device->system, pool);
    return status;
}

const ane_backend ane_backend_objc = {.id = ORION_ANE_BACKEND_ANE_OBJC,
                                      .reach = ANE_REACH_SURFACES,
                                      .name = "ane-objc",
                                      .open = open_device,
                                      .close = close_device,
                                      .target = target,
                                      .compile = compile,
                                      .release = release,
                                      .prepare = prepare,
                                      .bind = bind,
                                      .execute = execute,
                                      .dispose = dispose};
