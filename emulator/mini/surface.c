/* SPDX-License-Identifier: MIT */
/* IOSurface and what of CoreFoundation goes with it: C functions on the same objects. */
#include "mini.h"

/* Constant strings: never released, since they have no references to count. */
#define CONSTANT(name, text)                                                                       \
    static NSString string_##name = {                                                              \
        .object = {.isa = &class_NSString}, .length = sizeof(text) - 1, .bytes = (char[]){text}};  \
    MINI_API extern NSString *const name;                                                          \
    NSString *const name = &string_##name
CONSTANT(kIOSurfaceWidth, "IOSurfaceWidth");
CONSTANT(kIOSurfaceHeight, "IOSurfaceHeight");
CONSTANT(kIOSurfaceBytesPerElement, "IOSurfaceBytesPerElement");
CONSTANT(kIOSurfaceBytesPerRow, "IOSurfaceBytesPerRow");
CONSTANT(kIOSurfaceAllocSize, "IOSurfaceAllocSize");
CONSTANT(kIOSurfacePixelFormat, "IOSurfacePixelFormat");

/* Only their addresses are used. */
#define CALLBACKS(name)                                                                            \
    MINI_API extern const char name[1];                                                            \
    const char name[1] = {0}
CALLBACKS(kCFTypeDictionaryKeyCallBacks);
CALLBACKS(kCFTypeDictionaryValueCallBacks);

static uint64_t property(const NSDictionary *properties, const NSString *key) {
    mini_id value = mini_value(properties, &key->object);
    return mini_is(value, &class_NSNumber) ? ((NSNumber *)value)->value : 0;
}

static void surface_dealloc(mini_id self) {
    IOSurface *surface = (IOSurface *)self;
    emu_surface_destroy(surface->memory);
    mini_release((mini_id)surface->properties);
}

static const mini_method IOSurface_methods[] = {MINI_END};
static const mini_method IOSurface_class_methods[] = {MINI_END};
MINI_CLASS(IOSurface, &class_NSObject, surface_dealloc, 0);

/* The size is given, or that of the rows. */
MINI_API IOSurface *IOSurfaceCreate(NSDictionary *properties);
IOSurface *IOSurfaceCreate(NSDictionary *properties) {
    size_t bytes = property(properties, kIOSurfaceAllocSize);
    size_t rows = property(properties, kIOSurfaceHeight);
    if (bytes == 0 && !orn_mul(property(properties, kIOSurfaceBytesPerRow), rows, &bytes)) {
        return NULL;
    }
    IOSurface *surface = (IOSurface *)mini_new(&class_IOSurface);
    if (surface == NULL) return NULL;
    surface->memory = emu_surface_create(bytes);
    if (surface->memory == NULL) {
        mini_release(&surface->object);
        return NULL;
    }
    surface->properties = (NSDictionary *)mini_retain((mini_id)properties);
    return surface;
}

enum { IO_SUCCESS = 0, IO_NOT_LOCKED = (int)0xe00002cdu };

MINI_API int IOSurfaceLock(IOSurface *surface, uint32_t options, uint32_t *seed);
int IOSurfaceLock(IOSurface *surface, uint32_t options, uint32_t *seed) {
    (void)options;
    if (seed != NULL) *seed = 1;
    emu_surface_lock(surface->memory);
    return IO_SUCCESS;
}

MINI_API int IOSurfaceUnlock(IOSurface *surface, uint32_t options, uint32_t *seed);
int IOSurfaceUnlock(IOSurface *surface, uint32_t options, uint32_t *seed) {
    (void)options;
    if (seed != NULL) *seed = 1;
    return emu_surface_unlock(surface->memory) ? IO_SUCCESS : IO_NOT_LOCKED;
}

MINI_API void *IOSurfaceGetBaseAddress(IOSurface *surface);
void *IOSurfaceGetBaseAddress(IOSurface *surface) {
    return emu_surface_base(surface->memory);
}

MINI_API size_t IOSurfaceGetAllocSize(IOSurface *surface);
size_t IOSurfaceGetAllocSize(IOSurface *surface) {
    return emu_surface_bytes(surface->memory);
}

MINI_API uint32_t IOSurfaceGetID(IOSurface *surface);
uint32_t IOSurfaceGetID(IOSurface *surface) {
    return emu_surface_id(surface->memory);
}

/* ---- CoreFoundation: its objects are Foundation's ---- */

MINI_API mini_id CFRetain(mini_id object);
mini_id CFRetain(mini_id object) {
    return mini_retain(object);
}

MINI_API void CFRelease(mini_id object);
void CFRelease(mini_id object) {
    mini_release(object);
}

/* Functions named Create give a reference: made in a pool of their own, kept beyond it. */
static mini_id keep(mini_id object, mini_id pool) {
    mini_retain(object);
    mini_release(pool);
    return object;
}

MINI_API NSNumber *CFNumberCreate(const void *allocator, long type, const void *value);
NSNumber *CFNumberCreate(const void *allocator, long type, const void *value) {
    enum { SINT32 = 3, SINT64 = 4, INT = 9, LONG = 10, LONG_LONG = 11 };
    int64_t n = 0;
    int32_t small;
    (void)allocator;
    switch (type) {
    case SINT32:
    case INT:
        memcpy(&small, value, sizeof small);
        n = small;
        break;
    case SINT64:
    case LONG:
    case LONG_LONG: memcpy(&n, value, sizeof n); break;
    default: return NULL;
    }
    mini_id pool = mini_pool();
    return (NSNumber *)keep((mini_id)mini_number((uint64_t)n), pool);
}

MINI_API NSDictionary *CFDictionaryCreate(const void *allocator, const mini_id *keys,
                                          const mini_id *values, long count, const void *key_calls,
                                          const void *value_calls);
NSDictionary *CFDictionaryCreate(const void *allocator, const mini_id *keys, const mini_id *values,
                                 long count, const void *key_calls, const void *value_calls) {
    (void)allocator;
    (void)key_calls;
    (void)value_calls;
    mini_id pool = mini_pool();
    return (NSDictionary *)keep((mini_id)mini_dictionary(keys, values, (size_t)count), pool);
}
