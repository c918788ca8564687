/* SPDX-License-Identifier: MIT */
/* _ANEInMemoryModel: compile, load, evaluate and unload, and what the framework does around them.
 */
#define _XOPEN_SOURCE 700 /* nftw, strdup */
#include "mini.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct _ANEInMemoryModel {
    mini_object object;
    _ANEInMemoryModelDescriptor *descriptor; /* until its files are written */
    NSString *hex, *folder;
    NSDictionary *attributes;
    emu_instance *instance;
    uint32_t saved, reserved; /* the files are written */
} _ANEInMemoryModel;

static NSString *folder_of(const NSString *hex) {
    const NSString *root = NSTemporaryDirectory();
    char path[4096];
    if (root == NULL) return NULL;
    int n = snprintf(path, sizeof path, "%s%s", root->bytes, hex->bytes);
    return n < 0 || (size_t)n >= sizeof path ? NULL : mini_string(path);
}

/* A program that its owner forgets to unload frees its slot with the object. */
static void model_dealloc(mini_id self) {
    _ANEInMemoryModel *m = (_ANEInMemoryModel *)self;
    (void)emu_unload(m->instance, NULL);
    mini_release((mini_id)m->descriptor);
    mini_release((mini_id)m->hex);
    mini_release((mini_id)m->folder);
    mini_release((mini_id)m->attributes);
}

static mini_id with_descriptor(const mini_class *class, mini_sel selector,
                               _ANEInMemoryModelDescriptor *descriptor) {
    (void)selector;
    emu_trace("+[_ANEInMemoryModel inMemoryModelWithDescriptor:%s]",
              mini_class_of((mini_id)descriptor));
    if (descriptor == NULL) return NULL;
    _ANEInMemoryModel *m = (_ANEInMemoryModel *)mini_new(class);
    if (m == NULL) return NULL;
    m->descriptor = (_ANEInMemoryModelDescriptor *)mini_retain((mini_id)descriptor);
    m->hex = (NSString *)mini_retain((mini_id)descriptor->hex);
    m->folder = (NSString *)mini_retain((mini_id)folder_of(m->hex));
    m->attributes = (NSDictionary *)mini_retain((mini_id)mini_dictionary(NULL, NULL, 0));
    if (m->folder == NULL || m->attributes == NULL) {
        mini_release(&m->object);
        return NULL;
    }
    return mini_autorelease(&m->object);
}

/* ---- files ---- */

static bool write_data(const _ANEInMemoryModel *m, const char *name, const NSData *data) {
    return emu_folder_write(m->folder->bytes, name, data->bytes, data->length);
}

/* The weights are written under the keys of the inner dictionaries, which clients think are names
 * of fields: the last one wins. */
static bool write_weights(const _ANEInMemoryModel *m) {
    const NSDictionary *files = m->descriptor->weights;
    for (size_t i = 0; i < files->count; i++) {
        const NSString *name;
        const NSData *data = mini_weight_file((NSDictionary *)files->items[i], &name);
        if (data == NULL || !write_data(m, name->bytes, data)) return false;
    }
    return true;
}

static bool save_files(_ANEInMemoryModel *m) {
    if (m->saved) return true;
    const _ANEInMemoryModelDescriptor *d = m->descriptor;
    if (!write_data(m, "net.plist", d->text)) return false;
    if (d->options != NULL && !write_data(m, "compiler_options.plist", d->options)) return false;
    if (!write_weights(m)) return false;
    m->saved = 1;
    mini_release((mini_id)m->descriptor);
    m->descriptor = NULL;
    return true;
}

/* ---- files, for the trace ---- */

/* nftw has no context. */
static _Thread_local struct {
    size_t root;
    char **names;
    size_t count, capacity;
} listing;

static int list_file(const char *path, const struct stat *st, int type, struct FTW *place) {
    (void)st;
    (void)place;
    if (type != FTW_F) return 0;
    const orion_allocator libc = orn_allocator(NULL);
    if (!ORN_GROW(&libc, listing.names, listing.capacity, listing.count + 1)) return 1;
    char *name = orn_strdup(&libc, path + listing.root + 1);
    if (name != NULL) listing.names[listing.count++] = name;
    return name == NULL;
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void trace_files(const _ANEInMemoryModel *m) {
    enum { DESCRIPTORS = 8 };
    const orion_allocator libc = orn_allocator(NULL);
    if (!emu_tracing()) return;
    listing.root = m->folder->length;
    (void)nftw(m->folder->bytes, list_file, DESCRIPTORS, FTW_PHYS);
    if (listing.count > 1) qsort(listing.names, listing.count, sizeof *listing.names, by_name);
    for (size_t i = 0; i < listing.count; i++) {
        emu_trace("  %s", listing.names[i]);
        orn_strfree(&libc, listing.names[i]);
    }
    orn_free(&libc, listing.names, listing.capacity * sizeof *listing.names);
    listing.names = NULL;
    listing.count = listing.capacity = 0;
}

/* ---- the four calls ---- */

static const char *out_parameter(NSError *const *error) {
    return error == NULL ? "NULL" : "out";
}

static unsigned char compile(_ANEInMemoryModel *m, mini_sel selector, unsigned qos, mini_id options,
                             NSError **error) {
    emu_error e = {.domain = NULL};
    (void)selector;
    bool saved = save_files(m);
    emu_trace("-[_ANEInMemoryModel compileWithQoS:%u options:%s error:%s]", qos,
              mini_class_of(options), out_parameter(error));
    trace_files(m);
    if (!saved) return 0;
    return emu_compile(m->hex->bytes, m->folder->bytes, &e) || mini_give_error(&e, error);
}

static unsigned char load(_ANEInMemoryModel *m, mini_sel selector, unsigned qos, mini_id options,
                          NSError **error) {
    emu_error e = {.domain = NULL};
    emu_instance *loaded;
    (void)selector;
    emu_trace("-[_ANEInMemoryModel loadWithQoS:%u options:%s error:%s]", qos,
              mini_class_of(options), out_parameter(error));
    if (!emu_compiled(m->hex->bytes) && !save_files(m)) return 0;
    if (!emu_load(m->hex->bytes, m->folder->bytes, &e, &loaded)) return mini_give_error(&e, error);
    (void)emu_unload(m->instance, NULL); /* loaded twice */
    m->instance = loaded;
    mini_id before = (mini_id)m->attributes;
    m->attributes =
        (NSDictionary *)mini_retain((mini_id)mini_attributes(emu_instance_program(loaded)));
    mini_release(before);
    return 1;
}

/* Surfaces and indices of one side; nothing where the arrays do not fit each other. */
static size_t bindings_of(const NSArray *objects, const NSArray *indices, emu_binding *out,
                          size_t most) {
    if (objects == NULL || indices == NULL) return 0;
    size_t count = objects->count;
    if (count != indices->count || count > most) return 0;
    for (size_t i = 0; i < count; i++) {
        const _ANEIOSurfaceObject *object = (_ANEIOSurfaceObject *)objects->items[i];
        out[i] = (emu_binding){.surface = object->surface->memory,
                               .index = (uint32_t)((NSNumber *)indices->items[i])->value};
    }
    return count;
}

static unsigned char evaluate(_ANEInMemoryModel *m, mini_sel selector, unsigned qos,
                              mini_id options, _ANERequest *request, NSError **error) {
    enum { MOST = 256 };
    emu_binding inputs[MOST], outputs[MOST];
    emu_error e = {.domain = NULL};
    emu_trace("-[_ANEInMemoryModel evaluateWithQoS:%u options:%s request:%s error:%s]", qos,
              mini_class_of(options), mini_class_of((mini_id)request), out_parameter(error));
    emu_request r = {.inputs = inputs, .outputs = outputs};
    if (request != NULL) {
        r.input_count = bindings_of(request->inputs, request->input_indices, inputs, MOST);
        r.output_count = bindings_of(request->outputs, request->output_indices, outputs, MOST);
        r.procedure = request->procedure == NULL ? 0 : (uint32_t)request->procedure->value;
    }
    return emu_evaluate(m->instance, selector, &r, &e) || mini_give_error(&e, error);
}

static unsigned char unload(_ANEInMemoryModel *m, mini_sel selector, unsigned qos,
                            NSError **error) {
    emu_error e = {.domain = NULL};
    (void)selector;
    emu_trace("-[_ANEInMemoryModel unloadWithQoS:%u error:%s]", qos, out_parameter(error));
    bool fine = emu_unload(m->instance, &e);
    m->instance = NULL;
    if (!emu_settings_now().unload_keeps_folder) emu_folder_remove(m->folder->bytes);
    return fine || mini_give_error(&e, error);
}

/* ---- properties ---- */

static NSString *hex(_ANEInMemoryModel *m, mini_sel selector) {
    (void)selector;
    emu_trace("-[_ANEInMemoryModel hexStringIdentifier]");
    return m->hex;
}

static NSDictionary *attributes(_ANEInMemoryModel *m, mini_sel selector) {
    (void)selector;
    emu_trace("-[_ANEInMemoryModel modelAttributes]");
    if (m->instance != NULL) emu_instance_looked_at(m->instance);
    return m->attributes;
}

static unsigned char compiled(_ANEInMemoryModel *m, mini_sel selector) {
    (void)selector;
    return emu_compiled(m->hex->bytes);
}

static void purge(_ANEInMemoryModel *m, mini_sel selector) {
    (void)selector;
    emu_trace("-[_ANEInMemoryModel purgeCompiledModel]");
    emu_purge(m->hex->bytes);
}

static const mini_method _ANEInMemoryModel_methods[] = {
    MINI_METHOD("compileWithQoS:options:error:", compile),
    MINI_METHOD("loadWithQoS:options:error:", load),
    MINI_METHOD("evaluateWithQoS:options:request:error:", evaluate),
    MINI_METHOD("unloadWithQoS:error:", unload),
    MINI_METHOD("hexStringIdentifier", hex),
    MINI_METHOD("modelAttributes", attributes),
    MINI_METHOD("compiledModelExists", compiled),
    MINI_METHOD("purgeCompiledModel", purge),
    MINI_END,
};
static const mini_method _ANEInMemoryModel_class_methods[] = {
    MINI_METHOD("inMemoryModelWithDescriptor:", with_descriptor),
    MINI_END,
};
MINI_CLASS(_ANEInMemoryModel, &class_NSObject, model_dealloc, 1);
