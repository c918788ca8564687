/* SPDX-License-Identifier: MIT */
/* The `ane-objc` back end: devices and compiled programs. */
#include "objc.h"

static orion_status open_device(const ane_host *host, orion_diag *diag, void **out_device) {
    objc_device *d = orn_zalloc(&host->allocator, sizeof *d);
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->allocator = host->allocator;
    orion_status status = objc_system_open(&d->system, host->framework, diag);
    if (status == ORION_OK && !ane_surfaces_open(&d->surfaces, host->framework)) {
        ORN_ERROR(diag, ANE_FRAMEWORK, "IOSurface", "the framework has no IOSurfaces");
        objc_system_close(&d->system);
        status = ORION_ERROR_UNSUPPORTED;
    }
    if (status != ORION_OK || pthread_mutex_init(&d->order_lock, NULL) != 0) {
        orn_free(&host->allocator, d, sizeof *d);
        return status == ORION_OK ? ORION_ERROR_NO_MEMORY : status;
    }
    *out_device = d;
    return ORION_OK;
}

static void close_device(void *device) {
    objc_device *d = device;
    orion_allocator a = d->allocator;
    pthread_mutex_destroy(&d->order_lock);
    ane_surfaces_close(&d->surfaces);
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

void objc_code_release(objc_code *code) {
    objc_device *d = code->device;
    objc_id pool = objc_pool_push(&d->system);
    objc_model_destroy(code);
    objc_pool_pop(&d->system, pool);
    orn_free(&d->allocator, code->indices, code->code.port_count * sizeof *code->indices);
    ane_declared_free(&d->allocator, &code->code, &code->symbols);
    orn_free(&d->allocator, code, sizeof *code);
}

orion_status objc_code_create(objc_device *d, const orion_ane_source *source, bool probe,
                              orion_diag *diag, objc_code **out_code) {
    objc_code *code = orn_zalloc(&d->allocator, sizeof *code);
    if (code == NULL) return ORION_ERROR_NO_MEMORY;
    code->device = d;
    code->probe = probe;
    code->code.backend = &ane_backend_objc;
    objc_id pool = objc_pool_push(&d->system);
    orion_status status = ane_declare(&d->allocator, source, diag, &code->code, &code->symbols);
    if (status == ORION_OK) status = objc_model_create(code, source, diag);
    if (status == ORION_OK) status = objc_ports_lay_out(code, source->function, diag);
    objc_pool_pop(&d->system, pool);
    if (status != ORION_OK) {
        objc_code_release(code);
        return status;
    }
    *out_code = code;
    return ORION_OK;
}

static orion_status compile(void *device, const orion_ane_source *source, orion_diag *diag,
                            ane_code **out_code) {
    objc_code *code;
    TRY(objc_code_create(device, source, false, diag, &code));
    *out_code = &code->code;
    return ORION_OK;
}

static void release(ane_code *code) {
    objc_code_release((objc_code *)code);
}

/* ---- runs ---- */

static orion_status prepare(ane_code *code, void **out_run) {
    objc_run *r;
    TRY(objc_run_create((objc_code *)code, &r));
    *out_run = r;
    return ORION_OK;
}

static void bind(void *run, size_t port, orion_ane_tensor *tensor) {
    objc_run_bind(run, port, tensor->memory.surface);
}

static orion_status execute(void *run, orion_diag *diag) {
    return objc_run_execute(run, diag);
}

static void dispose(void *run) {
    objc_run_destroy(run);
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
