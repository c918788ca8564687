/* SPDX-License-Identifier: MIT */
/* Surfaces: shared memory with a lock count, which is all that the hardware makes of an
 * IOSurface. */
#define _GNU_SOURCE /* memfd_create */
#include "emu.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct emu_surface {
    void *base;
    size_t bytes;
    atomic_uint locks;
    uint32_t id;
};

/* The descriptor is not kept: an app has more surfaces than a process has descriptors. */
static void *map_shared(size_t bytes) {
    int fd = memfd_create("emulated-iosurface", MFD_CLOEXEC);
    if (fd < 0) return MAP_FAILED;
    void *base = MAP_FAILED;
    if (ftruncate(fd, (off_t)bytes) == 0) {
        base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    }
    close(fd);
    return base;
}

emu_surface *emu_surface_create(size_t bytes) {
    static atomic_uint last;
    if (bytes == 0 || bytes > (size_t)1 << 40) return NULL;
    emu_surface *s = calloc(1, sizeof *s);
    if (s == NULL) return NULL;
    s->bytes = bytes;
    s->base = map_shared(bytes);
    if (s->base == MAP_FAILED) {
        free(s);
        return NULL;
    }
    s->id = atomic_fetch_add(&last, 1) + 1;
    emu_count(EMU_SURFACES, 1);
    emu_count(EMU_SURFACE_BYTES, (int64_t)bytes);
    return s;
}

void emu_surface_destroy(emu_surface *s) {
    if (s == NULL) return;
    munmap(s->base, s->bytes);
    emu_count(EMU_SURFACES, -1);
    emu_count(EMU_SURFACE_BYTES, -(int64_t)s->bytes);
    free(s);
}

void *emu_surface_base(emu_surface *s) {
    return s->base;
}

size_t emu_surface_bytes(const emu_surface *s) {
    return s->bytes;
}

uint32_t emu_surface_id(const emu_surface *s) {
    return s->id;
}

void emu_surface_lock(emu_surface *s) {
    atomic_fetch_add(&s->locks, 1);
}

bool emu_surface_unlock(emu_surface *s) {
    unsigned n = atomic_load(&s->locks);
    while (n > 0 && !atomic_compare_exchange_weak(&s->locks, &n, n - 1)) continue;
    return n > 0;
}

bool emu_surface_locked(const emu_surface *s) {
    return atomic_load(&s->locks) > 0;
}
