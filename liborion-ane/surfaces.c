/* SPDX-License-Identifier: MIT */
/* IOSurfaces by their documented C interface: memory that other processes and devices see. */
#include "dynamic.h"

#include <orion/ane.h>

enum { SURFACE_READ_ONLY = 1, NUMBER_SINT64 = 4 };

static const char *const paths[] = {
    "/System/Library/Frameworks/IOSurface.framework/IOSurface",
    "/System/Library/Frameworks/CoreFoundation.framework/CoreFoundation",
};

static const char *const key_names[] = {"kIOSurfaceWidth",           "kIOSurfaceHeight",
                                        "kIOSurfaceBytesPerElement", "kIOSurfaceBytesPerRow",
                                        "kIOSurfaceAllocSize",       "kIOSurfacePixelFormat"};

static bool resolve_all(ane_surfaces *s) {
    const ane_libraries *l = &s->libraries;
    for (size_t i = 0; i < ORN_COUNT(key_names); i++) {
        const void **key;
        if (!ane_resolve(l, key_names[i], &key)) return false;
        s->keys[i] = *key;
    }
    return ane_resolve(l, "IOSurfaceCreate", &s->create) &&
           ane_resolve(l, "IOSurfaceGetBaseAddress", &s->base) &&
           ane_resolve(l, "IOSurfaceLock", &s->lock) &&
           ane_resolve(l, "IOSurfaceUnlock", &s->unlock) &&
           ane_resolve(l, "CFRelease", &s->release) &&
           ane_resolve(l, "CFNumberCreate", &s->number) &&
           ane_resolve(l, "CFDictionaryCreate", &s->dictionary) &&
           ane_resolve(l, "kCFTypeDictionaryKeyCallBacks", &s->key_calls) &&
           ane_resolve(l, "kCFTypeDictionaryValueCallBacks", &s->value_calls);
}

bool ane_surfaces_open(ane_surfaces *surfaces, const char *path) {
    *surfaces = (ane_surfaces){.create = NULL};
    if (!ane_libraries_open(&surfaces->libraries, path, paths, ORN_COUNT(paths), NULL))
        return false;
    if (resolve_all(surfaces)) return true;
    ane_libraries_close(&surfaces->libraries);
    return false;
}

void ane_surfaces_close(ane_surfaces *surfaces) {
    ane_libraries_close(&surfaces->libraries);
}

/* One row of bytes: the hardware asks for the size alone. */
static void *create_row(const ane_surfaces *s, size_t bytes) {
    const int64_t numbers[] = {(int64_t)bytes, 1, 1, (int64_t)bytes, (int64_t)bytes, 0};
    const void *values[ORN_COUNT(numbers)], *keys[ORN_COUNT(numbers)];
    const void *properties = NULL;
    void *surface = NULL;
    size_t made = 0;
    while (made < ORN_COUNT(numbers) &&
           (values[made] = s->number(NULL, NUMBER_SINT64, &numbers[made])) != NULL) {
        keys[made] = s->keys[made];
        made++;
    }
    if (made == ORN_COUNT(numbers)) {
        properties = s->dictionary(NULL, keys, values, (long)made, s->key_calls, s->value_calls);
    }
    if (properties != NULL) surface = s->create(properties);
    if (properties != NULL) s->release(properties);
    while (made > 0) s->release(values[--made]);
    return surface;
}

void *ane_surfaces_create(const ane_surfaces *s, size_t bytes) {
    void *surface = create_row(s, bytes);
    if (surface == NULL) return NULL;
    if (!ane_surfaces_lock(s, surface, ORION_ANE_WRITE)) {
        s->release(surface);
        return NULL;
    }
    memset(s->base(surface), 0, bytes);
    ane_surfaces_unlock(s, surface, ORION_ANE_WRITE);
    return surface;
}

static uint32_t lock_options(uint32_t access) {
    return access == ORION_ANE_READ ? SURFACE_READ_ONLY : 0;
}

bool ane_surfaces_lock(const ane_surfaces *s, void *surface, uint32_t access) {
    return s->lock(surface, lock_options(access), NULL) == 0;
}

void ane_surfaces_unlock(const ane_surfaces *s, void *surface, uint32_t access) {
    s->unlock(surface, lock_options(access), NULL);
}
