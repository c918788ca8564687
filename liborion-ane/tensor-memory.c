/* SPDX-License-Identifier: MIT */
/*
 * Where the elements of tensors live: an IOSurface where there are any, shared anonymous memory
 * elsewhere.
 *
 * Both can be mapped by another process without a copy, which is how a device outside of this one
 * reaches them. Systems that have neither give memory of the caller's allocator.
 */
#if defined(__linux__)
#define _GNU_SOURCE /* memfd_create */
#endif
#include "ane-internal.h"

enum { KIND_HEAP = 0, KIND_SHARED = 1, KIND_SURFACE = 2, ALIGNMENT = 64 };

#if defined(__linux__)
#include <sys/mman.h>
#include <unistd.h>

/* Named, so that /proc/PID/maps says whose it is. The descriptor is not kept: there are more
 * tensors in a training run than descriptors in a process. */
static void *map_shared(size_t bytes) {
    int fd = memfd_create("orion-tensor", MFD_CLOEXEC);
    if (fd < 0) return NULL;
    void *data = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) {
        data = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    return data == MAP_FAILED ? NULL : data;
}

static void unmap_shared(void *data, size_t bytes) {
    munmap(data, bytes);
}
#else
static void *map_shared(size_t bytes) {
    (void)bytes;
    return NULL;
}

static void unmap_shared(void *data, size_t bytes) {
    (void)data;
    (void)bytes;
}
#endif

orion_status ane_memory_create(const ane_surfaces *surfaces, const orion_allocator *a, size_t bytes,
                               ane_memory *out) {
    *out = (ane_memory){.bytes = bytes, .surfaces = surfaces};
    if (surfaces != NULL) {
        out->kind = KIND_SURFACE;
        out->surface = ane_surfaces_create(surfaces, bytes);
        if (out->surface == NULL) return ORION_ERROR_NO_MEMORY;
        out->data = surfaces->base(out->surface);
        return ORION_OK;
    }
    out->kind = KIND_SHARED;
    out->data = map_shared(bytes);
    if (out->data != NULL) return ORION_OK;
    out->kind = KIND_HEAP;
    out->data = orn_alloc_aligned(a, bytes, ALIGNMENT);
    if (out->data == NULL) return ORION_ERROR_NO_MEMORY;
    memset(out->data, 0, bytes);
    return ORION_OK;
}

void ane_memory_destroy(const orion_allocator *a, ane_memory *memory) {
    switch (memory->kind) {
    case KIND_SURFACE: memory->surfaces->release(memory->surface); break;
    case KIND_SHARED: unmap_shared(memory->data, memory->bytes); break;
    default: orn_free(a, memory->data, memory->bytes); break;
    }
}

orion_status ane_memory_begin(ane_memory *memory, uint32_t access) {
    if (memory->kind != KIND_SURFACE) return ORION_OK;
    bool fine = ane_surfaces_lock(memory->surfaces, memory->surface, access);
    return fine ? ORION_OK : ORION_ERROR_DEVICE;
}

void ane_memory_end(ane_memory *memory, uint32_t access) {
    if (memory->kind == KIND_SURFACE) {
        ane_surfaces_unlock(memory->surfaces, memory->surface, access);
    }
}
