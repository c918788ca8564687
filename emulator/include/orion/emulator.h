/* SPDX-License-Identifier: MIT */
/**
 * @file emulator.h
 * Steering the emulation of Apple's Neural Engine frameworks: profiles, switches, faults, counters.
 *
 * The emulator is a library that takes the place of AppleNeuralEngine, IOSurface and the parts of
 * CoreFoundation that go with them (docs/emulator.md). Code that talks to those needs nothing of
 * this header; tests do. Link with -lorion-emulator, or look the functions up with dlsym.
 *
 * @code
 *     orion_emulator_configure("profile=m1, strict=on, fault=lost-daemon@2");
 *     ...
 *     orion_emulator_counters counters = {.size = sizeof counters};
 *     orion_emulator_get_counters(&counters);
 *     orion_emulator_reset();
 * @endcode
 *
 * Before the first call of anything, the settings are those in the environment variable
 * ORION_EMULATOR, in the same language. All functions may be called from any thread.
 */
#ifndef ORION_EMULATOR_H
#define ORION_EMULATOR_H

#include <stddef.h>
#include <stdint.h>

#if defined(__cplusplus)
extern "C" {
#endif

#if defined(__GNUC__)
#define ORION_EMULATOR_API __attribute__((visibility("default")))
#else
#define ORION_EMULATOR_API
#endif

/**
 * Change settings: items "name=value" between commas; docs/emulator.md lists them. "profile=..."
 * sets all others to the profile's, so it comes first. Items before a wrong one are in force.
 * @return NULL, or what is wrong with the first item that is (valid until the thread's next call)
 */
ORION_EMULATOR_API const char *orion_emulator_configure(const char *settings);
/** Forget settings, faults, counters, the virtual clock and all compiled programs that nobody has
 * loaded; read the environment again. */
ORION_EMULATOR_API void orion_emulator_reset(void);

/** What has happened since the start or the last reset, and what is there now. */
typedef struct orion_emulator_counters {
    size_t size;                /**< sizeof(orion_emulator_counters), set by the caller */
    uint64_t compiles;          /**< by compileWithQoS: and its like, failed ones too */
    uint64_t implicit_compiles; /**< by loading what was not compiled */
    uint64_t loads, unloads, evaluations;
    uint64_t faults;        /**< that have struck */
    uint64_t clock_ns;      /**< virtual time that the work would have taken on the chip */
    uint64_t programs_now;  /**< compiled and kept */
    uint64_t instances_now; /**< loaded: slots in use */
    uint64_t surfaces_now;  /**< IOSurfaces that live */
    uint64_t surface_bytes; /**< their memory */
    uint64_t objects_now;   /**< descriptors, models, requests and wrappers that live */
} orion_emulator_counters;
/** Fill as much of `out` as its size says. */
ORION_EMULATOR_API void orion_emulator_get_counters(orion_emulator_counters *out);

#if defined(__cplusplus)
}
#endif

#endif
