/* SPDX-License-Identifier: MIT */
/*
 * Where the elements of tensors live: an IOSurface on macOS, shared anonymous memory elsewhere.
 *
 * Both can be mapped by another process without a copy, which is how a device outside of this one
 * reaches them. Systems that have neither give memory of the caller's allocator. The IOSurface part
 * is resolved at run time, so nothing links to the framework; it has never run on a Mac.
 */
#if defined(__linux__)
#define _GNU_SOURCE /* memfd_create */
#endif
#include "ane-internal.h"

enum { KIND_HEAP = 0, KIND_SHARED = 1, KIND_SURFACE = 2, ALIGNMENT = 64 };

static orion_status create_heap(const orion_allocator *a, size_t bytes, ane_memory *out) {
    void *data = orn_alloc_aligned(a, bytes, ALIGNMENT);
    if (data == NULL) return ORION_ERROR_NO_MEMORY;
    memset(data, 0, bytes);
    *out = (ane_memory){.data = data, .bytes = bytes, .kind = KIND_HEAP};
    return ORION_OK;
}

#if defined(__APPLE__)

#include <dlfcn.h>

/* What we use of IOSurface and CoreFoundation, by their documented C interfaces. */
typedef struct surface_api {
    void *(*create)(const void *properties);
    void *(*base)(void *surface);
    int (*lock)(void *surface, uint32_t options, uint32_t *seed);
    int (*unlock)(void *surface, uint32_t options, uint32_t *seed);
    void (*release)(const void *object);
    const void *(*number)(const void *allocator, long type, const void *value);
    const void *(*dictionary)(const void *allocator, const void **keys, const void **values,
                              long count, const void *key_calls, const void *value_calls);
    const void *key_calls, *value_calls;
    const void *keys[6];
} surface_api;

enum { SURFACE_READ_ONLY = 1, NUMBER_SINT64 = 4 };

/* dlsym gives an object pointer; ISO C converts it to a function pointer only through memory. */
static bool resolve(void *library, const char *name, void *slot) {
    void *address = dlsym(library, name);
    memcpy(slot, &address, sizeof address);
    return address != NULL;
}

/* The frameworks stay loaded with the process: opening them again only counts. */
static bool load(surface_api *api) {
    void *s = dlopen("/System/Library/Frameworks/IOSurface.framework/IOSurface", RTLD_LAZY);
    void *c =
        dlopen("/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation", RTLD_LAZY);
    if (s == NULL || c == NULL) return false;
    static const char *const names[] = {"kIOSurfaceWidth",           "kIOSurfaceHeight",
                                        "kIOSurfaceBytesPerElement", "kIOSurfaceBytesPerRow",
                                        "kIOSurfaceAllocSize",       "kIOSurfacePixelFormat"};
    for (size_t i = 0; i < ORN_COUNT(names); i++) {
        const void **key;
        if (!resolve(s, names[i], &key)) return false;
        api->keys[i] = *key;
    }
    return resolve(s, "IOSurfaceCreate", &api->create) &&
           resolve(s, "IOSurfaceGetBaseAddress", &api->base) &&
           resolve(s, "IOSurfaceLock", &api->lock) && resolve(s, "IOSurfaceUnlock", &api->unlock) &&
           resolve(c, "CFRelease", &api->release) && resolve(c, "CFNumberCreate", &api->number) &&
           resolve(c, "CFDictionaryCreate", &api->dictionary) &&
           resolve(c, "kCFTypeDictionaryKeyCallBacks", &api->key_calls) &&
           resolve(c, "kCFTypeDictionaryValueCallBacks", &api->value_calls);
}

/* A surface of one row of bytes. */
static void *create_row(const surface_api *api, size_t bytes) {
    const int64_t numbers[6] = {(int64_t)bytes, 1, 1, (int64_t)bytes, (int64_t)bytes, 0};
    const void *values[6] = {NULL}, *keys[6];
    const void *properties = NULL;
    void *surface = NULL;
    size_t made = 0;
    while (made < 6 && (values[made] = api->number(NULL, NUMBER_SINT64, &numbers[made])) != NULL) {
        keys[made] = api->keys[made];
        made++;
    }
    if (made == 6) {
        properties = api->dictionary(NULL, keys, values, 6, api->key_calls, api->value_calls);
    }
    if (properties != NULL) surface = api->create(properties);
    if (properties != NULL) api->release(properties);
    while (made > 0) api->release(values[--made]);
    return surface;
}

orion_status ane_memory_create(const orion_allocator *a, size_t bytes, ane_memory *out) {
    surface_api *api = orn_zalloc(a, sizeof *api);
    if (api == NULL) return ORION_ERROR_NO_MEMORY;
    if (!load(api)) {
        orn_free(a, api, sizeof *api);
        return create_heap(a, bytes, out);
    }
    *out = (ane_memory){.bytes = bytes, .system = api, .kind = KIND_SURFACE};
    out->surface = create_row(api, bytes);
    orion_status status = out->surface == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) status = ane_memory_begin(out, ORION_ANE_WRITE);
    if (status != ORION_OK) {
        ane_memory_destroy(a, out);
        return status;
    }
    out->data = api->base(out->surface);
    memset(out->data, 0, bytes);
    ane_memory_end(out, ORION_ANE_WRITE);
    return ORION_OK;
}

void ane_memory_destroy(const orion_allocator *a, ane_memory *memory) {
    if (memory->kind == KIND_HEAP) {
        orn_free(a, memory->data, memory->bytes);
        return;
    }
    surface_api *api = memory->system;
    if (memory->surface != NULL) api->release(memory->surface);
    orn_free(a, api, sizeof *api);
}

static uint32_t lock_options(uint32_t access) {
    return access == ORION_ANE_READ ? SURFACE_READ_ONLY : 0;
}

orion_status ane_memory_begin(ane_memory *memory, uint32_t access) {
    if (memory->kind != KIND_SURFACE) return ORION_OK;
    const surface_api *api = memory->system;
    bool fine = api->lock(memory->surface, lock_options(access), NULL) == 0;
    return fine ? ORION_OK : ORION_ERROR_DEVICE;
}

void ane_memory_end(ane_memory *memory, uint32_t access) {
    if (memory->kind != KIND_SURFACE) return;
    const surface_api *api = memory->system;
    api->unlock(memory->surface, lock_options(access), NULL);
}

#else

#include <sys/mman.h>
#include <unistd.h>

#if defined(__linux__)
/* Named, so that /proc/PID/maps says whose it is. The descriptor is not kept: there are more
 * tensors in a training run than descriptors in a process. */
static void *map_shared(size_t bytes) {
    int fd = memfd_create("orion-tensor", MFD_CLOEXEC);
    if (fd < 0) return MAP_FAILED;
    void *data = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) {
        data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    return data;
}
#else
static void *map_shared(size_t bytes) {
    (void)bytes;
    return MAP_FAILED;
}
#endif

orion_status ane_memory_create(const orion_allocator *a, size_t bytes, ane_memory *out) {
    void *data = map_shared(bytes);
    if (data == MAP_FAILED) return create_heap(a, bytes, out);
    *out = (ane_memory){.data = data, .bytes = bytes, .kind = KIND_SHARED};
    return ORION_OK;
}

void ane_memory_destroy(const orion_allocator *a, ane_memory *memory) {
    if (memory->kind == KIND_SHARED) {
        munmap(memory->data, memory->bytes);
    } else {
        orn_free(a, memory->data, memory->bytes);
    }
}

orion_status ane_memory_begin(ane_memory *memory, uint32_t access) {
    (void)memory;
    (void)access;
    return ORION_OK;
}

void ane_memory_end(ane_memory *memory, uint32_t access) {
    (void)memory;
    (void)access;
}

#endif
