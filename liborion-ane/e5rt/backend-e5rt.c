/* SPDX-License-Identifier: MIT */
/* The `ane-e5rt` back end: devices, compiling, runs. */
#include "e5rt.h"

#include <stddef.h>

/* ---- the framework ---- */

static const char *const paths[] = {
    "/System/Library/PrivateFrameworks/Espresso.framework/Espresso",
};

static const struct {
    const char *name;
    size_t slot;
} calls[] = {
    {"e5rt_get_last_error_message", offsetof(e5_api, last_error)},
#define E5_CALL(name, arguments) {"e5rt_" #name, offsetof(e5_api, name)},
#include "calls.def"
};

/* ORION_ERROR_UNSUPPORTED naming the first function that is missing. */
static orion_status api_open(e5_api *api, const char *framework, orion_diag *diag) {
    if (!ane_libraries_open(&api->libraries, framework, paths, ORN_COUNT(paths), diag)) {
        return ORION_ERROR_UNSUPPORTED;
    }
    for (size_t i = 0; i < ORN_COUNT(calls); i++) {
        if (ane_resolve(&api->libraries, calls[i].name, (char *)api + calls[i].slot)) continue;
        ORN_ERROR(diag, ANE_FRAMEWORK, calls[i].name, "the framework has no function %s",
                  calls[i].name);
        ane_libraries_close(&api->libraries);
        return ORION_ERROR_UNSUPPORTED;
    }
    return ORION_OK;
}

orion_status e5_failure(const e5_device *d, orion_message message, orion_status status,
                        const char *doing, const char *subject, orion_diag *diag) {
    const char *words = d->api.last_error();
    orn_diag(diag, ORION_SEVERITY_ERROR, message, NULL, 0, 0, subject, "cannot %s %s: %s", doing,
             subject, words == NULL || words[0] == '\0' ? "the framework gives no reason" : words);
    return status;
}

/* ---- devices ---- */

static void e5_close(void *device) {
    e5_device *d = device;
    orion_allocator a = d->allocator;
    if (d->stream != NULL) (void)d->api.execution_stream_release(&d->stream);
    if (d->options != NULL) (void)d->api.e5_compiler_options_release(&d->options);
    if (d->compiler != NULL) (void)d->api.e5_compiler_release(&d->compiler);
    if (d->folder != NULL) {
        ane_folder_remove(d->folder);
        orn_free(&a, d->folder, strlen(d->folder) + 1);
    }
    ane_libraries_close(&d->api.libraries);
    pthread_mutex_destroy(&d->lock);
    orn_free(&a, d, sizeof *d);
}

/* A compiler that uses the Neural Engine and nothing else: what does not fit there is an error. */
static orion_status make_compiler(e5_device *d, orion_diag *diag) {
    enum { ANE_ONLY = 4 };
    const e5_api *api = &d->api;
    void *config = NULL;
    bool fine = api->e5_compiler_config_options_create(&config) == 0 &&
                api->e5_compiler_config_options_set_cache_bundle_location(config, d->folder) == 0 &&
                api->e5_compiler_create_with_config(&d->compiler, config) == 0 &&
                api->e5_compiler_options_create(&d->options) == 0 &&
                api->e5_compiler_options_set_compute_device_types_mask(d->options, ANE_ONLY) == 0 &&
                api->execution_stream_create(&d->stream) == 0;
    if (config != NULL) (void)api->e5_compiler_config_options_release(&config);
    if (fine) return ORION_OK;
    return e5_failure(d, ORION_MESSAGE_ANE_FRAMEWORK, ORION_ERROR_UNSUPPORTED, "open", "ane-e5rt",
                      diag);
}

static orion_status e5_open(const ane_host *host, orion_diag *diag, void **out_device) {
    e5_device *d = orn_zalloc(&host->allocator, sizeof *d);
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->allocator = host->allocator;
    pthread_mutex_init(&d->lock, NULL);
    orion_status status = api_open(&d->api, host->framework, diag);
    if (status == ORION_OK) status = ane_folder_make(&d->allocator, diag, &d->folder);
    if (status == ORION_OK) status = make_compiler(d, diag);
    if (status == ORION_OK) {
        *out_device = d;
    } else {
        e5_close(d);
    }
    return status;
}

/* ---- tensors: buffers of the framework, which both sides reach ---- */

static orion_status e5_alloc(void *device, size_t bytes, void **out_object, void **out_data) {
    const e5_api *api = &((const e5_device *)device)->api;
    if (api->buffer_object_alloc(out_object, bytes, E5_BUFFER_SURFACE) != 0) {
        return ORION_ERROR_NO_MEMORY;
    }
    if (api->buffer_object_get_data_ptr(*out_object, out_data) == 0) return ORION_OK;
    (void)api->buffer_object_release(out_object);
    return ORION_ERROR_DEVICE;
}

static void e5_free(void *device, void *object) {
    (void)((const e5_device *)device)->api.buffer_object_release(&object);
}

/* The interface does not tell which chip there is: graphs are cut for the one that most is known
 * of. */
static const char *e5_target(const void *device) {
    (void)device;
    return "h16";
}

/* ---- compiling ---- */

void e5_code_release(e5_code *code) {
    const e5_device *d = code->device;
    if (code->function != NULL) (void)d->api.program_function_release(&code->function);
    if (code->library != NULL) (void)d->api.program_library_release(&code->library);
    ane_declared_free(&d->allocator, &code->code, &code->symbols);
    orn_free(&d->allocator, code, sizeof *code);
}

/* With the device's lock held. */
static orion_status compile_folder(e5_code *code, const char *folder,
                                   const orion_ane_source *source, orion_diag *diag) {
    e5_device *d = code->device;
    const char *name = source->name == NULL ? "the program" : source->name;
    orn_text path;
    orn_text_init(&path, &d->allocator);
    orn_text_printf(&path, "%s/model.mil", folder);
    orion_status status = orn_text_status(&path);
    if (status == ORION_OK &&
        d->api.e5_compiler_compile(d->compiler, path.data, d->options, &code->library) != 0) {
        status =
            e5_failure(d, ORION_MESSAGE_ANE_COMPILE, ORION_ERROR_COMPILE, "compile", name, diag);
    }
    if (status == ORION_OK && d->api.program_library_retain_program_function(
                                  code->library, source->function, &code->function) != 0) {
        status = e5_failure(d, ORION_MESSAGE_ANE_LOAD, ORION_ERROR_DEVICE, "load", name, diag);
    }
    orn_text_free(&path);
    return status;
}

/* Writes the files, compiles them, and removes them: the result has what it needs of them. */
static orion_status compile_files(e5_code *code, const orion_ane_source *source, orion_diag *diag) {
    e5_device *d = code->device;
    orn_text folder;
    orn_text_init(&folder, &d->allocator);
    pthread_mutex_lock(&d->lock);
    orn_text_printf(&folder, "%s/%llu", d->folder, (unsigned long long)d->models++);
    orion_status status = orn_text_status(&folder);
    if (status == ORION_OK) {
        status = ane_folder_write(folder.data, source, &d->allocator, diag);
        if (status == ORION_OK) status = compile_folder(code, folder.data, source, diag);
        ane_folder_remove(folder.data);
    }
    pthread_mutex_unlock(&d->lock);
    orn_text_free(&folder);
    return status;
}

/* A program has one set of buffers per operation, so every run is an operation of its own; all that
 * is kept here is the function. */
orion_status e5_compile_source(e5_device *d, const orion_ane_source *source, e5_layout layout,
                               orion_diag *diag, e5_code **out_code) {
    e5_code *code = orn_zalloc(&d->allocator, sizeof *code);
    if (code == NULL) return ORION_ERROR_NO_MEMORY;
    code->device = d;
    code->code.backend = &ane_backend_e5rt;
    orion_status status = ane_declare(&d->allocator, source, diag, &code->code, &code->symbols);
    if (status == ORION_OK) e5_ports_lay_out(&code->code, layout);
    if (status == ORION_OK) status = compile_files(code, source, diag);
    if (status == ORION_OK) {
        code->code.stats = (orion_ane_program_stats){.size = sizeof code->code.stats, .steps = 1};
        *out_code = code;
    } else {
        e5_code_release(code);
    }
    return status;
}

static orion_status e5_compile(void *device, const orion_ane_source *source, orion_diag *diag,
                               ane_code **out_code) {
    e5_layout layout;
    e5_code *code;
    TRY(e5_find_layout(device, diag, &layout));
    TRY(e5_compile_source(device, source, layout, diag, &code));
    *out_code = &code->code;
    return ORION_OK;
}

static void e5_release(ane_code *code) {
    e5_code_release((e5_code *)code);
}

/* ---- runs ---- */

void e5_run_destroy(e5_run *run) {
    if (run == NULL) return;
    const ane_code *code = &run->code->code;
    const e5_device *d = run->code->device;
    for (size_t i = 0; run->ports != NULL && i < code->port_count; i++) {
        if (run->ports[i] != NULL) (void)d->api.io_port_release(&run->ports[i]);
    }
    if (run->operation != NULL) (void)d->api.execution_stream_operation_release(&run->operation);
    orn_free(&d->allocator, run->ports, code->port_count * sizeof *run->ports);
    orn_free(&d->allocator, run, sizeof *run);
}

static bool make_operation(const e5_code *code, e5_run *r) {
    const e5_api *api = &code->device->api;
    void *options = NULL;
    bool fine =
        api->precompiled_compute_op_create_options_create_with_program_function(
            &options, code->function) == 0 &&
        api->precompiled_compute_op_create_options_set_operation_name(options, "orion") == 0 &&
        api->execution_stream_operation_create_precompiled_compute_operation_with_options(
            &r->operation, options) == 0;
    if (options != NULL) (void)api->precompiled_compute_op_create_options_release(&options);
    for (size_t i = 0; i < code->code.port_count && fine; i++) {
        const orion_ane_port *port = &code->code.ports[i];
        fine = (port->is_output ? api->execution_stream_operation_retain_output_port
                                : api->execution_stream_operation_retain_input_port)(
                   r->operation, code->symbols.names[i], &r->ports[i]) == 0;
    }
    return fine;
}

orion_status e5_run_create(const e5_code *code, e5_run **out_run) {
    const orion_allocator *a = &code->device->allocator;
    e5_run *r = orn_zalloc(a, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->code = code;
    r->ports = orn_zalloc(a, code->code.port_count * sizeof *r->ports);
    orion_status status = r->ports == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK && !make_operation(code, r)) status = ORION_ERROR_DEVICE;
    if (status == ORION_OK) {
        *out_run = r;
    } else {
        e5_run_destroy(r);
    }
    return status;
}

void e5_run_bind(e5_run *run, size_t port, void *buffer) {
    bool fine = run->code->device->api.io_port_bind_buffer_object(run->ports[port], buffer) == 0;
    if (!fine) {
        run->failed = port + 1;
    } else if (run->failed == port + 1) {
        run->failed = 0;
    }
}

orion_status e5_run_execute(e5_run *run, orion_diag *diag) {
    e5_device *d = run->code->device;
    const e5_api *api = &d->api;
    if (run->failed != 0) {
        const char *port = run->code->code.ports[run->failed - 1].name;
        ORN_ERROR(diag, ANE_EVALUATE, port, "the framework refused the tensor for port '%s'", port);
        return ORION_ERROR_DEVICE;
    }
    pthread_mutex_lock(&d->lock);
    bool fine = api->execution_stream_operation_prepare_op_for_encode(run->operation) == 0 &&
                api->execution_stream_encode_operation(d->stream, run->operation) == 0 &&
                api->execution_stream_execute_sync(d->stream) == 0;
    orion_status status = ORION_OK;
    if (!fine) {
        status = e5_failure(d, ORION_MESSAGE_ANE_EVALUATE, ORION_ERROR_DEVICE, "run", "the program",
                            diag);
    }
    (void)api->execution_stream_reset(d->stream);
    pthread_mutex_unlock(&d->lock);
    return status;
}

static orion_status e5_prepare(ane_code *code, void **out_run) {
    e5_run *r;
    TRY(e5_run_create((const e5_code *)code, &r));
    *out_run = r;
    return ORION_OK;
}

static void e5_bind(void *run, size_t port, orion_ane_tensor *tensor) {
    e5_run_bind(run, port, tensor->memory.surface);
}

static orion_status e5_execute(void *run, orion_diag *diag) {
    return e5_run_execute(run, diag);
}

static void e5_dispose(void *run) {
    e5_run_destroy(run);
}

const ane_backend ane_backend_e5rt = {.id = ORION_ANE_BACKEND_ANE_E5RT,
                                      .reach = ANE_REACH_OWN,
                                      .name = "ane-e5rt",
                                      .open = e5_open,
                                      .close = e5_close,
                                      .alloc = e5_alloc,
                                      .free = e5_free,
                                      .target = e5_target,
                                      .compile = e5_compile,
                                      .release = e5_release,
                                      .prepare = e5_prepare,
                                      .bind = e5_bind,
                                      .execute = e5_execute,
                                      .dispose = e5_dispose};
