/* SPDX-License-Identifier: MIT */
/* Switches, faults and counters: what orion/emulator.h sets and shows. One per process, as the
 * daemon that is emulated. */
#include "emu.h"

#include <orion/emulator.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static emu_settings now;
static uint32_t occasions[EMU_FAULTS]; /* until the fault strikes, this one included; 0: never */
static bool ready;
static _Atomic(uint64_t) counters[EMU_COUNTERS];
static _Thread_local char complaint[1200];

/* ---- the language of settings ---- */

typedef struct choice {
    const char *name; /* of the setting */
    const char *off, *on;
    size_t offset; /* of a bool in emu_settings */
} choice;

static const choice choices[] = {
    {"strict", "off", "on", offsetof(emu_settings, strict)},
    {"reload", "baked", "paper", offsetof(emu_settings, reload_reads_files)},
    {"unload", "removes", "keeps", offsetof(emu_settings, unload_keeps_folder)},
    {"hashes", "off", "verify", offsetof(emu_settings, verify_hashes)},
    {"device", "on", "off", offsetof(emu_settings, no_device)},
    {"symbols", "shown", "hidden", offsetof(emu_settings, hide_symbols)},
    {"layout", "shown", "hidden", offsetof(emu_settings, hide_layout)},
    {"order", "names", "declared", offsetof(emu_settings, declared_order)},
};

typedef struct number {
    const char *name;
    size_t offset; /* of a uint32_t in emu_profile */
} number;

static const number numbers[] = {
    {"compile-limit", offsetof(emu_profile, compile_limit)},
    {"slot-limit", offsetof(emu_profile, slot_limit)},
    {"min-surface", offsetof(emu_profile, min_surface)},
    {"row-align", offsetof(emu_profile, row_align)},
};

static const char *const fault_names[EMU_FAULTS] = {
    [EMU_FAULT_COMPILER_CRASH] = "compiler-crash",
    [EMU_FAULT_TIMEOUT] = "timeout",
    [EMU_FAULT_INFERENCE] = "inference-error",
    [EMU_FAULT_DISK_FULL] = "disk-full",
    [EMU_FAULT_LOST_DAEMON] = "lost-daemon",
    [EMU_FAULT_NO_SLOT] = "no-slot",
    [EMU_FAULT_TAMPER] = "tamper",
};

static const char *complain(const char *fmt, const char *name, const char *value) {
    snprintf(complaint, sizeof complaint, fmt, name, value);
    return complaint;
}

/* "name" or "name@N": the N-th occasion from now. */
static const char *set_fault(const char *value) {
    const char *at = strchr(value, '@');
    size_t length = at == NULL ? strlen(value) : (size_t)(at - value);
    uint64_t n = 1;
    bool counted = at == NULL || (orn_parse_u64(at + 1, strlen(at + 1), &n) && n >= 1);
    for (size_t i = 0; i < EMU_FAULTS; i++) {
        if (strlen(fault_names[i]) != length || strncmp(fault_names[i], value, length) != 0)
            continue;
        if (!counted || n > UINT32_MAX) break;
        occasions[i] = (uint32_t)n;
        return NULL;
    }
    return complain("%s=%s: there is no such fault, or no such occasion", "fault", value);
}

static const char *set_profile(const char *value) {
    const emu_profile *profile = emu_profile_find(value);
    if (profile == NULL) return complain("%s=%s: there is no such profile", "profile", value);
    now = (emu_settings){.profile = *profile};
    return NULL;
}

/* Any target that is compiled in, under the rest of the profile. */
static const char *set_target(const char *value) {
    const char *name;
    for (size_t i = 0; (name = orion_mil_target_builtin(i)) != NULL; i++) {
        if (strcmp(name, value) != 0) continue;
        now.profile.target = name;
        return NULL;
    }
    return complain("%s=%s: there is no such target", "target", value);
}

static const char *set(const char *name, const char *value) {
    if (strcmp(name, "target") == 0) return set_target(value);
    if (strcmp(name, "profile") == 0) return set_profile(value);
    if (strcmp(name, "fault") == 0) return set_fault(value);
    if (strcmp(name, "trace") == 0) {
        return emu_trace_open(value) ? NULL : complain("%s=%s: cannot be opened", name, value);
    }
    for (size_t i = 0; i < ORN_COUNT(choices); i++) {
        if (strcmp(choices[i].name, name) != 0) continue;
        bool on = strcmp(value, choices[i].on) == 0;
        if (!on && strcmp(value, choices[i].off) != 0) break;
        memcpy((char *)&now + choices[i].offset, &on, sizeof on);
        return NULL;
    }
    for (size_t i = 0; i < ORN_COUNT(numbers); i++) {
        uint64_t n;
        if (strcmp(numbers[i].name, name) != 0) continue;
        if (!orn_parse_u64(value, strlen(value), &n) || n > UINT32_MAX) break;
        uint32_t small = (uint32_t)n;
        memcpy((char *)&now.profile + numbers[i].offset, &small, sizeof small);
        return NULL;
    }
    return complain("%s=%s: there is no such setting, or no such value", name, value);
}

/* One item, blanks around it cut off. */
static const char *set_item(const char *item, size_t length) {
    char text[512];
    while (length > 0 && (*item == ' ' || *item == '\n')) item++, length--;
    while (length > 0 && (item[length - 1] == ' ' || item[length - 1] == '\n')) length--;
    if (length == 0) return NULL;
    if (length >= sizeof text) return complain("%s%s", "a setting is too long", "");
    memcpy(text, item, length);
    text[length] = '\0';
    char *equals = strchr(text, '=');
    if (equals == NULL) return complain("%s%s: a setting is NAME=VALUE", text, "");
    *equals = '\0';
    return set(text, equals + 1);
}

static const char *configure(const char *settings) {
    const char *wrong = NULL;
    while (wrong == NULL && *settings != '\0') {
        size_t length = strcspn(settings, ",");
        wrong = set_item(settings, length);
        settings += length + (settings[length] == ',');
    }
    return wrong;
}

/* With the lock held. A wrong environment cannot be answered: it is reported and goes as far as it
 * is right. */
static void make_ready(void) {
    if (ready) return;
    ready = true;
    memset(occasions, 0, sizeof occasions);
    (void)set_profile("faithful");
    const char *environment = getenv("ORION_EMULATOR");
    const char *wrong = environment == NULL ? NULL : configure(environment);
    if (wrong != NULL) fprintf(stderr, "orion-emulator: $ORION_EMULATOR: %s\n", wrong);
}

const char *orion_emulator_configure(const char *settings) {
    pthread_mutex_lock(&lock);
    make_ready();
    const char *wrong = configure(settings);
    pthread_mutex_unlock(&lock);
    return wrong;
}

emu_settings emu_settings_now(void) {
    pthread_mutex_lock(&lock);
    make_ready();
    emu_settings copy = now;
    pthread_mutex_unlock(&lock);
    return copy;
}

bool emu_fault_strikes(emu_fault fault) {
    pthread_mutex_lock(&lock);
    make_ready();
    bool strikes = occasions[fault] == 1;
    if (occasions[fault] > 0) occasions[fault]--;
    pthread_mutex_unlock(&lock);
    if (strikes) emu_count(EMU_FAULTS_STRUCK, 1);
    return strikes;
}

/* ---- counters ---- */

uint64_t emu_count(emu_counter counter, int64_t delta) {
    return atomic_fetch_add(&counters[counter], (uint64_t)delta) + (uint64_t)delta;
}

void orion_emulator_get_counters(orion_emulator_counters *out) {
    uint64_t n[EMU_COUNTERS];
    for (size_t i = 0; i < EMU_COUNTERS; i++) n[i] = atomic_load(&counters[i]);
    orion_emulator_counters all = {.compiles = n[EMU_COMPILES],
                                   .implicit_compiles = n[EMU_IMPLICIT_COMPILES],
                                   .loads = n[EMU_LOADS],
                                   .unloads = n[EMU_UNLOADS],
                                   .evaluations = n[EMU_EVALUATIONS],
                                   .faults = n[EMU_FAULTS_STRUCK],
                                   .clock_ns = n[EMU_CLOCK_NS],
                                   .programs_now = n[EMU_PROGRAMS],
                                   .instances_now = n[EMU_INSTANCES],
                                   .surfaces_now = n[EMU_SURFACES],
                                   .surface_bytes = n[EMU_SURFACE_BYTES],
                                   .objects_now = n[EMU_OBJECTS]};
    size_t size = ORN_MIN(out->size, sizeof all);
    all.size = out->size;
    memcpy(out, &all, size);
}

void orion_emulator_reset(void) {
    emu_purge_all();
    for (size_t i = 0; i <= EMU_CLOCK_NS; i++) atomic_store(&counters[i], 0);
    (void)emu_trace_open("");
    pthread_mutex_lock(&lock);
    ready = false;
    make_ready();
    pthread_mutex_unlock(&lock);
}
