/* SPDX-License-Identifier: MIT */
/*
 * Frameworks found at run time: nothing links to them, and a machine without them has none of the
 * devices that need them.
 *
 * Where they are is a list of paths: Apple's, or the one that the caller names. A library is
 * searched with all that it depends on, so that one path is enough for a library that brings the
 * whole of it, as the emulator does.
 */
#ifndef ANE_DYNAMIC_H
#define ANE_DYNAMIC_H

#include "util/util.h"

enum { ANE_LIBRARIES_MAX = 4 };

typedef struct ane_libraries {
    void *handles[ANE_LIBRARIES_MAX];
    size_t count;
} ane_libraries;

/* Open `path`, or if it is NULL every one of `defaults` that is there. False, with the system's
 * reason in the diagnostic, if `path` or the first of the defaults cannot be opened. Libraries with
 * Objective-C classes cannot be unloaded: closing only gives the handles back. */
bool ane_libraries_open(ane_libraries *libraries, const char *path, const char *const *defaults,
                        size_t count, orion_diag *diag);
void ane_libraries_close(ane_libraries *libraries);
/* Store the address of a function or variable in the pointer at `slot`; false if nothing has that
 * name, which leaves NULL there. */
bool ane_resolve(const ane_libraries *libraries, const char *name, void *slot);

/* ---- surfaces.c: IOSurface, and what of CoreFoundation makes one ---- */

typedef struct ane_surfaces {
    ane_libraries libraries;
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
} ane_surfaces;

/* False if there are no surfaces here; nothing need be closed then. */
bool ane_surfaces_open(ane_surfaces *surfaces, const char *path);
void ane_surfaces_close(ane_surfaces *surfaces);
/* A surface of at least `bytes` bytes, zeroed, or NULL. */
void *ane_surfaces_create(const ane_surfaces *surfaces, size_t bytes);
bool ane_surfaces_lock(const ane_surfaces *surfaces, void *surface, uint32_t access);
void ane_surfaces_unlock(const ane_surfaces *surfaces, void *surface, uint32_t access);

#endif
