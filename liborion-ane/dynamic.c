/* SPDX-License-Identifier: MIT */
/* Frameworks found at run time: opening them and looking names up. */
#if defined(__linux__)
#define _GNU_SOURCE /* RTLD_NODELETE */
#endif
#include "dynamic.h"

#include <dlfcn.h>

static bool open_one(ane_libraries *libraries, const char *path) {
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (handle != NULL) libraries->handles[libraries->count++] = handle;
    return handle != NULL;
}

bool ane_libraries_open(ane_libraries *libraries, const char *path, const char *const *defaults,
                        size_t count, orion_diag *diag) {
    libraries->count = 0;
    const char *first = path != NULL ? path : defaults[0];
    if (!open_one(libraries, first)) {
        const char *why = dlerror();
        ORN_ERROR(diag, ANE_FRAMEWORK, first, "%s", why == NULL ? first : why);
        return false;
    }
    for (size_t i = 1; i < count && path == NULL; i++) (void)open_one(libraries, defaults[i]);
    return true;
}

void ane_libraries_close(ane_libraries *libraries) {
    while (libraries->count > 0) dlclose(libraries->handles[--libraries->count]);
}

bool ane_resolve(const ane_libraries *libraries, const char *name, void *slot) {
    void *address = NULL;
    for (size_t i = 0; i < libraries->count && address == NULL; i++) {
        address = dlsym(libraries->handles[i], name);
    }
    /* dlsym gives an object pointer; ISO C makes it one to a function only through memory. */
    memcpy(slot, &address, sizeof address);
    return address != NULL;
}
