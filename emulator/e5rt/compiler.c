/* SPDX-License-Identifier: MIT */
/* Compilers, and the libraries of functions that they make of a model's folder. */
#define _XOPEN_SOURCE 700 /* strdup */
#include "e5rt.h"

#include <stdlib.h>
#include <sys/stat.h>

/* ---- compilers and their options ---- */

typedef struct options {
    e5_object base;
    uint64_t devices;
    int force;
} options;

enum { DEVICE_ANE = 4, DEVICES_ALL = 7 };

FACE int64_t e5rt_e5_compiler_config_options_create(void **out) {
    emu_trace("%s", __func__);
    NEED(out != NULL);
    return e5_give(e5_make(E5_CONFIG, sizeof(e5_object), NULL), out);
}
RELEASE(e5rt_e5_compiler_config_options_release, E5_CONFIG)

/* What is compiled is kept in memory, so the folder stays empty. */
FACE int64_t e5rt_e5_compiler_config_options_set_cache_bundle_location(void *config,
                                                                       const char *folder) {
    emu_trace("%s", __func__);
    NEED(e5_is(config, E5_CONFIG) && folder != NULL);
    return FINE;
}

FACE int64_t e5rt_e5_compiler_create_with_config(void **out, void *config) {
    emu_trace("%s", __func__);
    NEED(out != NULL && e5_is(config, E5_CONFIG));
    return e5_give(e5_make(E5_COMPILER, sizeof(e5_object), NULL), out);
}

FACE int64_t e5rt_e5_compiler_create(void **out) {
    emu_trace("%s", __func__);
    NEED(out != NULL);
    return e5_give(e5_make(E5_COMPILER, sizeof(e5_object), NULL), out);
}
RELEASE(e5rt_e5_compiler_release, E5_COMPILER)

FACE int64_t e5rt_e5_compiler_options_create(void **out) {
    emu_trace("%s", __func__);
    NEED(out != NULL);
    options *o = e5_make(E5_OPTIONS, sizeof *o, NULL);
    if (o != NULL) o->devices = DEVICES_ALL;
    return e5_give(o, out);
}
RELEASE(e5rt_e5_compiler_options_release, E5_OPTIONS)

FACE int64_t e5rt_e5_compiler_options_set_compute_device_types_mask(void *handle, uint64_t mask) {
    emu_trace("%s %llu", __func__, (unsigned long long)mask);
    NEED(e5_is(handle, E5_OPTIONS) && mask != 0 && mask <= DEVICES_ALL);
    ((options *)handle)->devices = mask;
    return FINE;
}

FACE int64_t e5rt_e5_compiler_options_get_compute_device_types_mask(void *handle, uint64_t *out) {
    NEED(e5_is(handle, E5_OPTIONS) && out != NULL);
    *out = ((options *)handle)->devices;
    return FINE;
}

FACE int64_t e5rt_e5_compiler_options_set_force_recompilation(void *handle, int force) {
    emu_trace("%s %d", __func__, force);
    NEED(e5_is(handle, E5_OPTIONS));
    ((options *)handle)->force = force;
    return FINE;
}

/* ---- libraries and functions ---- */

static void library_destroy(void *self) {
    e5_library *l = self;
    (void)emu_unload(l->instance, NULL);
    free(l->folder);
}

static void function_destroy(void *self) {
    e5_unref(((e5_function *)self)->library);
}

/* The folder of a model: the path itself, or what holds the model.mil that it names. */
static char *folder_of(const char *path) {
    static const char name[] = "/model.mil";
    struct stat st;
    size_t length = strlen(path);
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return strdup(path);
    if (length <= strlen(name) || strcmp(path + length - strlen(name), name) != 0) return NULL;
    return strndup(path, length - strlen(name));
}

/* Compiles what is not compiled yet; `out` becomes a library. */
static int64_t open_library(const char *path, bool force, void **out) {
    e5_library *l = e5_make(E5_LIBRARY, sizeof *l, library_destroy);
    if (l == NULL) return e5_fail(FAILED, "out of memory");
    l->folder = folder_of(path);
    int64_t result = FAILED;
    if (l->folder == NULL) {
        result = e5_fail(BAD_ARGUMENT, "Invalid E5 path specified: %s", path);
    } else if (!emu_folder_identity(l->folder, l->hex)) {
        /* Compiling says what is wrong with the folder. */
        memcpy(l->hex, "unreadable", sizeof "unreadable");
        bool compiled = emu_compile(l->hex, l->folder, e5_error());
        if (compiled) result = e5_fail(FAILED, "Model is invalid");
    } else {
        if (force) emu_purge(l->hex);
        if (emu_compiled(l->hex) || emu_compile(l->hex, l->folder, e5_error())) result = FINE;
    }
    if (result == FINE && !emu_load(l->hex, l->folder, e5_error(), &l->instance)) result = FAILED;
    if (result == FINE) {
        *out = l;
    } else {
        e5_unref(l);
    }
    return result;
}

FACE int64_t e5rt_e5_compiler_compile(void *compiler, const char *path, void *handle, void **out) {
    emu_trace("%s", __func__);
    NEED(e5_is(compiler, E5_COMPILER) && path != NULL && e5_is(handle, E5_OPTIONS) && out != NULL);
    const options *o = handle;
    if ((o->devices & DEVICE_ANE) == 0) {
        return e5_fail(FAILED, "Some ops are not supported on any of the specified backends");
    }
    return open_library(path, o->force != 0, out);
}

FACE int64_t e5rt_program_library_create(void **out, const char *path) {
    emu_trace("%s", __func__);
    NEED(out != NULL && path != NULL);
    return open_library(path, false, out);
}
RELEASE(e5rt_program_library_release, E5_LIBRARY)

FACE int64_t e5rt_program_library_get_num_functions(void *handle, uint64_t *out) {
    NEED(e5_is(handle, E5_LIBRARY) && out != NULL);
    *out = emu_instance_program(((e5_library *)handle)->instance)->procedure_count;
    return FINE;
}

FACE int64_t e5rt_program_library_get_function_names(void *handle, uint64_t count,
                                                     const char **out) {
    NEED(e5_is(handle, E5_LIBRARY) && out != NULL);
    const emu_program *program = emu_instance_program(((e5_library *)handle)->instance);
    for (uint64_t i = 0; i < count && i < program->procedure_count; i++) {
        out[i] = program->procedures[i].name;
    }
    return FINE;
}

FACE int64_t e5rt_program_library_retain_program_function(void *handle, const char *name,
                                                          void **out) {
    emu_trace("%s %s", __func__, name == NULL ? "NULL" : name);
    NEED(e5_is(handle, E5_LIBRARY) && name != NULL && out != NULL);
    e5_library *l = handle;
    const emu_program *program = emu_instance_program(l->instance);
    size_t i = 0;
    while (i < program->procedure_count && strcmp(program->procedures[i].name, name) != 0) i++;
    if (i == program->procedure_count) return e5_fail(FAILED, "Function '%s' not found", name);
    e5_function *f = e5_make(E5_FUNCTION, sizeof *f, function_destroy);
    if (f == NULL) return e5_fail(FAILED, "out of memory");
    f->library = e5_ref(l);
    f->procedure = &program->procedures[i];
    f->index = (uint32_t)i;
    *out = f;
    return FINE;
}
RELEASE(e5rt_program_function_release, E5_FUNCTION)

FACE int64_t e5rt_program_function_load_for_execution(void *handle) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_FUNCTION));
    return FINE;
}
