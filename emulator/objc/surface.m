/* SPDX-License-Identifier: MIT */
/* IOSurface: the class, its C functions, and the CoreFoundation functions that clients use with it.
 */
#import "face.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT NSString *const kIOSurfaceWidth = @"IOSurfaceWidth";
EXPORT NSString *const kIOSurfaceHeight = @"IOSurfaceHeight";
EXPORT NSString *const kIOSurfaceBytesPerElement = @"IOSurfaceBytesPerElement";
EXPORT NSString *const kIOSurfaceBytesPerRow = @"IOSurfaceBytesPerRow";
EXPORT NSString *const kIOSurfaceAllocSize = @"IOSurfaceAllocSize";
EXPORT NSString *const kIOSurfacePixelFormat = @"IOSurfacePixelFormat";

/* C functions are called where there is no pool. */
static unsigned long property(NSDictionary *properties, NSString *key) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    unsigned long n = [[properties objectForKey:key] unsignedLongValue];
    [pool drain];
    return n;
}

@implementation IOSurface
/* The size is given, or that of the rows. */
- (id)initWithProperties:(NSDictionary *)given {
    size_t bytes = property(given, kIOSurfaceAllocSize), height = property(given, kIOSurfaceHeight);
    if (bytes == 0 && !orn_mul(property(given, kIOSurfaceBytesPerRow), height, &bytes)) bytes = 0;
    memory = emu_surface_create(bytes);
    if (memory == NULL) {
        [self release];
        return nil;
    }
    properties = [given copy];
    return self;
}
- (void)dealloc {
    emu_surface_destroy(memory);
    [properties release];
    [super dealloc];
}
- (NSUInteger)allocationSize {
    return emu_surface_bytes(memory);
}
- (void *)baseAddress {
    return emu_surface_base(memory);
}
@end

enum { IO_SUCCESS = 0, IO_NOT_LOCKED = (int)0xe00002cdu };

EXPORT IOSurface *IOSurfaceCreate(NSDictionary *properties);
IOSurface *IOSurfaceCreate(NSDictionary *properties) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    IOSurface *surface = [[IOSurface alloc] initWithProperties:properties];
    [pool drain];
    return surface;
}

EXPORT int IOSurfaceLock(IOSurface *surface, uint32_t options, uint32_t *seed);
int IOSurfaceLock(IOSurface *surface, uint32_t options, uint32_t *seed) {
    (void)options;
    if (seed != NULL) *seed = 1;
    emu_surface_lock(surface->memory);
    return IO_SUCCESS;
}

EXPORT int IOSurfaceUnlock(IOSurface *surface, uint32_t options, uint32_t *seed);
int IOSurfaceUnlock(IOSurface *surface, uint32_t options, uint32_t *seed) {
    (void)options;
    if (seed != NULL) *seed = 1;
    return emu_surface_unlock(surface->memory) ? IO_SUCCESS : IO_NOT_LOCKED;
}

EXPORT void *IOSurfaceGetBaseAddress(IOSurface *surface);
void *IOSurfaceGetBaseAddress(IOSurface *surface) {
    return emu_surface_base(surface->memory);
}

EXPORT size_t IOSurfaceGetAllocSize(IOSurface *surface);
size_t IOSurfaceGetAllocSize(IOSurface *surface) {
    return emu_surface_bytes(surface->memory);
}

EXPORT uint32_t IOSurfaceGetID(IOSurface *surface);
uint32_t IOSurfaceGetID(IOSurface *surface) {
    return emu_surface_id(surface->memory);
}

EXPORT uint32_t IOSurfaceGetSeed(IOSurface *surface);
uint32_t IOSurfaceGetSeed(IOSurface *surface) {
    (void)surface;
    return 1;
}

#define SURFACE_GETTER(type, name, key)                                                            \
    EXPORT type IOSurfaceGet##name(IOSurface *surface);                                            \
    type IOSurfaceGet##name(IOSurface *surface) {                                                  \
        return (type)property(surface->properties, key);                                           \
    }
SURFACE_GETTER(size_t, Width, kIOSurfaceWidth)
SURFACE_GETTER(size_t, Height, kIOSurfaceHeight)
SURFACE_GETTER(size_t, BytesPerRow, kIOSurfaceBytesPerRow)
SURFACE_GETTER(size_t, BytesPerElement, kIOSurfaceBytesPerElement)
SURFACE_GETTER(uint32_t, PixelFormat, kIOSurfacePixelFormat)

/* ---- CoreFoundation: its objects are Foundation's ---- */

/* Only their addresses are used. */
EXPORT const char kCFTypeDictionaryKeyCallBacks[1] = {0};
EXPORT const char kCFTypeDictionaryValueCallBacks[1] = {0};

EXPORT id CFRetain(id object);
id CFRetain(id object) {
    return [object retain];
}

EXPORT void CFRelease(id object);
void CFRelease(id object) {
    [object release];
}

EXPORT NSNumber *CFNumberCreate(const void *allocator, long type, const void *value);
NSNumber *CFNumberCreate(const void *allocator, long type, const void *value) {
    enum { SINT32 = 3, SINT64 = 4, INT = 9, LONG = 10, LONG_LONG = 11 };
    (void)allocator;
    long long n = 0;
    int32_t small;
    switch (type) {
    case SINT32:
    case INT:
        memcpy(&small, value, sizeof small);
        n = small;
        break;
    case SINT64:
    case LONG:
    case LONG_LONG: memcpy(&n, value, sizeof n); break;
    default: return nil;
    }
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSNumber *number = [[NSNumber alloc] initWithLongLong:n];
    [pool drain];
    return number;
}

EXPORT NSDictionary *CFDictionaryCreate(const void *allocator, id *keys, id *values, long count,
                                        const void *key_calls, const void *value_calls);
NSDictionary *CFDictionaryCreate(const void *allocator, id *keys, id *values, long count,
                                 const void *key_calls, const void *value_calls) {
    (void)allocator;
    (void)key_calls;
    (void)value_calls;
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSDictionary *dictionary = [[NSDictionary alloc] initWithObjects:values
                                                             forKeys:keys
                                                               count:(NSUInteger)count];
    [pool drain];
    return dictionary;
}
