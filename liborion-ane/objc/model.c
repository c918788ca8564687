/* SPDX-License-Identifier: MIT */
/*
 * A model from text and weights to the loaded program, in the order that the framework wants:
 * descriptor, model, identifier, files, compile, load. docs/private-api.md is the long form.
 */
#if defined(__linux__)
#define _POSIX_C_SOURCE 200809L /* nanosleep */
#endif
#include "objc.h"

#include <time.h>

typedef objc_bool step_type(objc_id, objc_sel, unsigned, objc_id, objc_id *);

/* The dictionary of weights: path -> {"offset": 0, "data": bytes}. The inner keys are those of all
 * known clients. Never nil, which would give no descriptor. */
static objc_id weights_dictionary(const objc_code *code, const orion_ane_source *source) {
    const objc_system *s = &code->device->system;
    size_t count = orion_mil_weights_count(source->weights);
    objc_id *objects = orn_zalloc(&code->device->allocator, (2 * count + 1) * sizeof *objects);
    if (objects == NULL) return NULL;
    bool fine = true;
    for (size_t i = 0; i < count && fine; i++) {
        const orion_blob *blob = orion_mil_weights_get(source->weights, i);
        objc_id keys[2] = {objc_string(s, "offset"), objc_string(s, "data")};
        objc_id values[2] = {objc_number(s, 0),
                             objc_data(s, orion_blob_data(blob), orion_blob_size(blob))};
        objects[i] = objc_string(s, orion_mil_weights_path(source->weights, i));
        fine = values[1] != NULL && objects[i] != NULL;
        if (fine) objects[count + i] = objc_dictionary(s, keys, values, ORN_COUNT(keys));
    }
    objc_id all = fine ? objc_dictionary(s, objects, objects + count, count) : NULL;
    orn_free(&code->device->allocator, objects, (2 * count + 1) * sizeof *objects);
    return all;
}

/* Descriptor and model; both belong to the pool. */
static objc_id make_model(const objc_code *code, const orion_ane_source *source) {
    const objc_system *s = &code->device->system;
    objc_id text = objc_data(s, source->text, source->length);
    objc_id weights = weights_dictionary(code, source);
    if (text == NULL || weights == NULL) return NULL;
    objc_id class = (objc_id)s->classes[OBJC__ANEInMemoryModelDescriptor];
    objc_id descriptor =
        OBJC_CALL(s, descriptor, class, objc_id, (objc_id, objc_sel, objc_id, objc_id, objc_id),
                  text, weights, NULL);
    if (descriptor == NULL) return NULL;
    class = (objc_id)s->classes[OBJC__ANEInMemoryModel];
    return OBJC_CALL(s, model, class, objc_id, (objc_id, objc_sel, objc_id), descriptor);
}

/* NSTemporaryDirectory()/IDENTIFIER */
static orion_status find_folder(const objc_code *code, orn_text *path, orion_diag *diag) {
    const objc_system *s = &code->device->system;
    objc_id hex = OBJC_CALL(s, model_hex, code->model, objc_id, (objc_id, objc_sel));
    const char *root = objc_text_of(s, s->temporary_directory());
    const char *name = objc_text_of(s, hex);
    if (root[0] == '\0' || name[0] == '\0') {
        ORN_ERROR(diag, ANE_FRAMEWORK, "hexStringIdentifier",
                  "the model has no identifier, or there is no folder for temporary files");
        return ORION_ERROR_DEVICE;
    }
    size_t length = strlen(root);
    orn_text_printf(path, "%s%s%s", root, root[length - 1] == '/' ? "" : "/", name);
    return orn_text_status(path);
}

static bool step(const objc_code *code, objc_sel selector, objc_id *out_error) {
    *out_error = NULL;
    step_type *send = (step_type *)code->device->system.send;
    return send(code->model, selector, OBJC_QOS, code->options, out_error) != 0;
}

/* The first load after a compile can come too early for the daemon. */
static bool load(const objc_code *code, objc_id *out_error) {
    objc_sel selector = code->device->system.selectors[OBJC_SEND_model_load];
    const struct timespec pause = {.tv_nsec = 100000000};
    if (step(code, selector, out_error)) return true;
    nanosleep(&pause, NULL);
    return step(code, selector, out_error);
}

static orion_status compile_and_load(objc_code *code, const orion_ane_source *source,
                                     const char *folder, orion_diag *diag) {
    const objc_system *s = &code->device->system;
    objc_id error;
    TRY(ane_folder_write(folder, source, &code->device->allocator, diag));
    if (!step(code, s->selectors[OBJC_SEND_model_compile], &error)) {
        orion_status status = objc_failure(s, OBJC_COMPILING, error, source->name, diag);
        ane_folder_remove(folder);
        return status;
    }
    code->loaded = load(code, &error);
    if (code->loaded) return ORION_OK;
    orion_status status = objc_failure(s, OBJC_LOADING, error, source->name, diag);
    ane_folder_remove(folder);
    return status;
}

orion_status objc_model_create(objc_code *code, const orion_ane_source *source, orion_diag *diag) {
    const objc_system *s = &code->device->system;
    objc_id options = objc_dictionary(s, NULL, NULL, 0);
    objc_id model = make_model(code, source);
    if (options == NULL || model == NULL) return ORION_ERROR_NO_MEMORY;
    code->options = objc_retain_object(s, options);
    code->model = objc_retain_object(s, model);
    orn_text folder;
    orn_text_init(&folder, &code->device->allocator);
    orion_status status = find_folder(code, &folder, diag);
    if (status == ORION_OK) status = compile_and_load(code, source, folder.data, diag);
    orn_text_free(&folder);
    return status;
}

/* Unloading removes the folder. What it answers changes nothing: the model goes in any case. */
void objc_model_destroy(objc_code *code) {
    const objc_system *s = &code->device->system;
    objc_id error = NULL;
    if (code->loaded) {
        (void)OBJC_CALL(s, model_unload, code->model, objc_bool,
                        (objc_id, objc_sel, unsigned, objc_id *), OBJC_QOS, &error);
    }
    objc_release_object(s, code->model);
    objc_release_object(s, code->options);
}
