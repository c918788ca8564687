/* SPDX-License-Identifier: MIT */
/**
 * @file IOSurface/IOSurface.h
 * The C functions of Apple's IOSurface that the emulator provides.
 *
 * Dictionaries and strings of CoreFoundation are those of GNUstep: a cast between NSDictionary *
 * and CFDictionaryRef is all it takes, as on Apple's systems. In C, objects are plain pointers.
 */
#ifndef ORION_EMULATOR_IOSURFACE_H
#define ORION_EMULATOR_IOSURFACE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__OBJC__)
@class IOSurface, NSDictionary, NSString, NSNumber;
typedef NSDictionary *CFDictionaryRef;
typedef NSString *CFStringRef;
typedef NSNumber *CFNumberRef;
typedef id CFTypeRef;
typedef IOSurface *IOSurfaceRef;
#else
typedef const void *CFDictionaryRef;
typedef const void *CFStringRef;
typedef const void *CFNumberRef;
typedef const void *CFTypeRef;
typedef struct __IOSurface *IOSurfaceRef;
#endif
typedef int kern_return_t;
typedef int IOReturn;
typedef uint32_t IOSurfaceID;
typedef uint32_t IOSurfaceLockOptions;
typedef uint32_t OSType;

enum { kIOReturnSuccess = 0 };
enum { kIOSurfaceLockReadOnly = 1, kIOSurfaceLockAvoidSync = 2 };

extern const CFStringRef kIOSurfaceWidth;
extern const CFStringRef kIOSurfaceHeight;
extern const CFStringRef kIOSurfaceBytesPerElement;
extern const CFStringRef kIOSurfaceBytesPerRow;
extern const CFStringRef kIOSurfaceAllocSize;
extern const CFStringRef kIOSurfacePixelFormat;

IOSurfaceRef IOSurfaceCreate(CFDictionaryRef properties);
IOReturn IOSurfaceLock(IOSurfaceRef surface, IOSurfaceLockOptions options, uint32_t *seed);
IOReturn IOSurfaceUnlock(IOSurfaceRef surface, IOSurfaceLockOptions options, uint32_t *seed);
void *IOSurfaceGetBaseAddress(IOSurfaceRef surface);
size_t IOSurfaceGetAllocSize(IOSurfaceRef surface);
size_t IOSurfaceGetWidth(IOSurfaceRef surface);
size_t IOSurfaceGetHeight(IOSurfaceRef surface);
size_t IOSurfaceGetBytesPerRow(IOSurfaceRef surface);
size_t IOSurfaceGetBytesPerElement(IOSurfaceRef surface);
OSType IOSurfaceGetPixelFormat(IOSurfaceRef surface);
IOSurfaceID IOSurfaceGetID(IOSurfaceRef surface);
uint32_t IOSurfaceGetSeed(IOSurfaceRef surface);

CFTypeRef CFRetain(CFTypeRef object);
void CFRelease(CFTypeRef object);

#if defined(__cplusplus)
}
#endif

#endif
