/* SPDX-License-Identifier: MIT */
/*
 * Where the elements of tensors live: the device's own memory if it wants that, an IOSurface where
 * there are any, shared anonymous memory elsewhere.
 *
 * The last two can be mapped by another process without a copy, which is how a device outside of
 * this one reaches them. Systems that have neither give memory of the caller's allocator.
 */
#if defined(__linux__)
#define _GNU_SOURCE /* memfd_create */
#endif
#include "ane-internal.h"

enum { KIND_HEAP = 0, KIND_SHARED, KIND_SURFACE, KIND_DEVICE, ALIGNMENT = 64 };

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

static orion_status create_surface(const ane_surfaces *surfaces, size_t bytes, ane_memory *out) {
    *out = (ane_memory){.bytes = bytes, .surfaces = surfaces, .kind = KIND_SURFACE};
    out->surface = ane_surfaces_create(surfaces, bytes);
    if (out->surface == NULL) return ORION_ERROR_NO_MEMORY;
    out->data = surfaces->base(out->surface);
    return ORION_OK;
}

orion_status ane_memory_create(orion_ane_device *device, size_t bytes, ane_memory *out) {
    if (device->backend->reach == ANE_REACH_OWN) {
        *out = (ane_memory){.bytes = bytes, .kind = KIND_DEVICE};
        return device->backend->alloc(device->state, bytes, &out->surface, &out->data);
    }
    if (device->surfaces != NULL) return create_surface(device->surfaces, bytes, out);
    *out = (ane_memory){.data = map_shared(bytes), .bytes = bytes, .kind = KIND_SHARED};
    if (out->data != NULL) return ORION_OK;
    out->kind = KIND_HEAP;
    out->data = orn_alloc_aligned(&device->host.allocator, bytes, ALIGNMENT);
    if (out->data == NULL) return ORION_ERROR_NO_MEMORY;
    memset(out->data, 0, bytes);
    return ORION_OK;
}

void ane_memory_destroy(orion_ane_device *device, ane_memory *memory) {
    switch (memory->kind) {
    case KIND_DEVICE: device->backend->free(device->state, memory->surface); break;
    case KIND_SURFACE: memory->surfaces->release(memory->surface); break;
    case KIND_SHARED: unmap_shared(memory->data, memory->bytes); break;
    default: orn_free(&device->host.allocator, memory->data, memory->bytes); break;
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
