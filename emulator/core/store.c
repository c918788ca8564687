/* SPDX-License-Identifier: MIT */
/*
 * The daemon: compiled programs by identity, and the instances that clients have loaded.
 *
 * A compiled program is kept when its last instance goes, as on disk; of those the oldest are
 * forgotten when there are more than KEPT of them. Loading what is kept reads no file: that is why
 * new weights under an old identity have no effect.
 */
#include "instance.h"

#include <stdlib.h>

enum { KEPT = 32 };

typedef struct kept {
    struct kept *next; /* used longer ago */
    emu_program *program;
    char hex[ORION_MIL_IDENTITY_BYTES];
} kept;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static kept *newest;

/* With the lock held: where the pointer to the entry is. */
static kept **find(const char *hex) {
    kept **at = &newest;
    while (*at != NULL && strcmp((*at)->hex, hex) != 0) at = &(*at)->next;
    return at;
}

/* With the lock held. */
static void forget(kept **at) {
    kept *k = *at;
    *at = k->next;
    emu_program_unref(k->program);
    free(k);
    emu_count(EMU_PROGRAMS, -1);
}

static bool keep(const char *hex, emu_program *program) {
    kept *k = calloc(1, sizeof *k);
    if (k == NULL || strlen(hex) >= sizeof k->hex) {
        free(k);
        return false;
    }
    memcpy(k->hex, hex, strlen(hex) + 1);
    k->program = emu_program_ref(program);
    pthread_mutex_lock(&lock);
    kept **at = find(hex);
    if (*at != NULL) forget(at);
    k->next = newest;
    newest = k;
    emu_count(EMU_PROGRAMS, 1);
    at = &newest;
    for (size_t n = 0; *at != NULL && n < KEPT; n++) at = &(*at)->next;
    if (*at != NULL) forget(at);
    pthread_mutex_unlock(&lock);
    return true;
}

/* A reference to what is kept under the identity, or NULL. */
static emu_program *lookup(const char *hex) {
    pthread_mutex_lock(&lock);
    kept *k = *find(hex);
    emu_program *program = k == NULL ? NULL : emu_program_ref(k->program);
    pthread_mutex_unlock(&lock);
    return program;
}

bool emu_compiled(const char *hex) {
    emu_program *program = lookup(hex);
    emu_program_unref(program);
    return program != NULL;
}

void emu_purge(const char *hex) {
    pthread_mutex_lock(&lock);
    kept **at = find(hex);
    if (*at != NULL) forget(at);
    pthread_mutex_unlock(&lock);
}

void emu_purge_all(void) {
    pthread_mutex_lock(&lock);
    while (newest != NULL) forget(&newest);
    pthread_mutex_unlock(&lock);
}

/* ---- compiling ---- */

/* Framework 382.11 and later compare the files with what the descriptor was made of. */
static bool verify_files(const char *hex, const emu_program *program, const char *folder,
                         emu_error *error) {
    size_t digits = strlen(program->identity) - 64; /* text and weights */
    if (strncmp(hex, program->identity, digits) == 0) return true;
    return emu_fail(error, EMU_DOMAIN, 9, "hash mismatch for weights in bundle %s (TOCTOU?)",
                    folder);
}

static bool compile(const char *hex, const char *folder, emu_error *error,
                    emu_program **out_program) {
    emu_settings settings = emu_settings_now();
    if (!emu_program_create(folder, &settings, error, out_program)) return false;
    emu_count(EMU_CLOCK_NS, (int64_t)(*out_program)->compile_ns);
    bool fine = !settings.verify_hashes || verify_files(hex, *out_program, folder, error);
    if (fine && !keep(hex, *out_program)) fine = emu_fail_compile(error, false, "out of memory");
    if (fine) return true;
    emu_program_unref(*out_program);
    *out_program = NULL;
    return false;
}

bool emu_compile(const char *hex, const char *folder, emu_error *error) {
    emu_program *program;
    if (emu_fault_strikes(EMU_FAULT_LOST_DAEMON)) return emu_fail_daemon(error);
    uint64_t compiles = emu_count(EMU_COMPILES, 1);
    if (compiles > emu_settings_now().profile.compile_limit) {
        return emu_fail_compile(
            error, false, "the process has used up its compiles: start another one (rule E-5)");
    }
    if (!compile(hex, folder, error, &program)) return false;
    emu_program_unref(program);
    return true;
}

/* ---- instances ---- */

/* In strict mode: files beside a kept program that are not those it was made of. */
static bool check_baked(const emu_program *program, const char *folder, emu_error *error) {
    char identity[ORION_MIL_IDENTITY_BYTES];
    if (!emu_folder_identity(folder, identity) || strcmp(identity, program->identity) == 0) {
        return true;
    }
    return emu_fail(error, EMU_DOMAIN, EMU_LOAD_FAILED,
                    "the files in %s have changed since this model was compiled, but loading does "
                    "not read them: weights are baked in (rule E-7)",
                    folder);
}

/* What to load: kept, or compiled now. */
static bool obtain(const char *hex, const char *folder, emu_error *error,
                   emu_program **out_program) {
    emu_settings settings = emu_settings_now();
    *out_program = lookup(hex);
    char identity[ORION_MIL_IDENTITY_BYTES];
    if (*out_program != NULL && settings.reload_reads_files &&
        emu_folder_identity(folder, identity) && strcmp(identity, (*out_program)->identity) != 0) {
        emu_program_unref(*out_program);
        *out_program = NULL;
    }
    if (*out_program == NULL) {
        emu_count(EMU_IMPLICIT_COMPILES, 1);
        return compile(hex, folder, error, out_program);
    }
    if (!settings.strict || check_baked(*out_program, folder, error)) return true;
    emu_program_unref(*out_program);
    return false;
}

static void destroy(emu_instance *instance) {
    for (size_t i = 0; instance->runs != NULL && i < instance->program->procedure_count; i++) {
        emu_run *run = &instance->runs[i];
        size_t ports = run->port_count;
        orion_ane_run_destroy(&run->run);
        for (size_t k = 0; run->tensors != NULL && k < ports; k++) {
            orion_ane_tensor_unref(&run->tensors[k]);
        }
        free(run->tensors);
    }
    free(instance->runs);
    pthread_mutex_destroy(&instance->lock);
    emu_program_unref(instance->program);
    free(instance);
}

bool emu_load(const char *hex, const char *folder, emu_error *error, emu_instance **out_instance) {
    static const char method[] = "loadModel:options:qos:error:";
    static _Atomic(uint64_t) handles;
    *out_instance = NULL;
    emu_settings settings = emu_settings_now();
    if (emu_fault_strikes(EMU_FAULT_LOST_DAEMON)) return emu_fail_daemon(error);
    if (settings.no_device) return emu_fail_code(error, method, EMU_HOST_TOO_OLD, 0);
    emu_program *program;
    if (!obtain(hex, folder, error, &program)) return false;
    emu_instance *instance = calloc(1, sizeof *instance);
    emu_run *runs = calloc(program->procedure_count, sizeof *runs);
    bool full = emu_count(EMU_INSTANCES, 1) > settings.profile.slot_limit ||
                emu_fault_strikes(EMU_FAULT_NO_SLOT);
    if (full || instance == NULL || runs == NULL) {
        emu_count(EMU_INSTANCES, -1);
        free(instance);
        free(runs);
        emu_program_unref(program);
        return emu_fail_code(error, method, EMU_LOAD_FAILED, EMU_STATUS_NO_INSTANCE);
    }
    *instance = (emu_instance){.program = program, .runs = runs};
    pthread_mutex_init(&instance->lock, NULL);
    instance->handle = atomic_fetch_add(&handles, 1) + 1;
    emu_count(EMU_LOADS, 1);
    emu_count(EMU_CLOCK_NS, (int64_t)program->load_ns);
    *out_instance = instance;
    return true;
}

bool emu_unload(emu_instance *instance, emu_error *error) {
    bool lost = emu_fault_strikes(EMU_FAULT_LOST_DAEMON);
    if (instance != NULL) {
        destroy(instance);
        emu_count(EMU_INSTANCES, -1);
        emu_count(EMU_UNLOADS, 1);
    }
    return !lost || emu_fail_daemon(error);
}

const emu_program *emu_instance_program(const emu_instance *instance) {
    return instance->program;
}

uint64_t emu_instance_handle(const emu_instance *instance) {
    return instance->handle;
}

void emu_instance_looked_at(emu_instance *instance) {
    atomic_store(&instance->looked_at, true);
}
