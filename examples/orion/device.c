/* SPDX-License-Identifier: MIT */
/* Devices by the names of the command line. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>

/* The library does not know the emulator: it is the Neural Engine's back end with another
 * framework. */
#define EMULATOR "liborion-emulator.so.0"

const char *const device_names[] = {"cpu", "ane-objc", "ane-e5rt", "emulator", NULL};

/* $ORION_ANE_FRAMEWORK, if set, takes the place of Apple's framework and of the emulator. */
static const char *framework_of(bool emulator) {
    const char *path = getenv("ORION_ANE_FRAMEWORK");
    if (path != NULL && path[0] != '\0') return path;
    return emulator ? EMULATOR : NULL;
}

orion_status find_device(const char *name, uint64_t threads, orion_diag *diag,
                         orion_ane_device **out_device) {
    orion_ane_backend backend = ORION_ANE_BACKEND_ANE_OBJC;
    bool emulator = strcmp(name, "emulator") == 0;
    *out_device = NULL;
    if (!emulator) {
        orion_status status = orion_ane_backend_from_name(name, diag, &backend);
        if (status != ORION_OK) return status;
    }
    bool processor = backend == ORION_ANE_BACKEND_CPU || backend == ORION_ANE_BACKEND_AUTO;
    return orion_ane_device_open(
        orion_ane_device_options(.backend = backend, .threads = (uint32_t)threads,
                                 .framework = processor ? NULL : framework_of(emulator)),
        diag, out_device);
}
