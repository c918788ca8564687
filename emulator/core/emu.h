/* SPDX-License-Identifier: MIT */
/*
 * The core of the emulator: all behaviour, in plain C.
 *
 * A face (Objective-C classes, C symbols) turns its caller's objects into the arguments of these
 * functions and their results back into objects; it decides nothing. The life of a program:
 *
 *   identity    emu_identity names it by the hashes of its data
 *   folder      the client, or emu_folder_write for it, puts text and weights into a folder
 *   compile     emu_compile reads the folder and keeps the result under the identity ("aned")
 *   load        emu_load makes an instance of what is kept, compiling the folder if nothing is
 *   evaluate    emu_evaluate reads and writes the memory of surfaces, in the order of its symbols
 *   unload      emu_unload; what is kept stays until emu_purge
 *
 * Facts about hardware and framework are in ane-facts tables of profile.c and errors.c; the reasons
 * are in docs/emulator.md. Everything here may be called from any thread.
 */
#ifndef EMU_H
#define EMU_H

#include "util/util.h"
#include <orion/ane.h>

/* ---- errors.c ---- */

#define EMU_DOMAIN          "com.apple.appleneuralengine"
#define EMU_DOMAIN_COMPILER "com.apple.appleneuralengine.compiler"
#define EMU_DOMAIN_DAEMON   "NSCocoaErrorDomain"

/* What becomes an NSError. No domain: the call fails without one. */
typedef struct emu_error {
    const char *domain;
    long code;
    char text[1024];
} emu_error;

/* Codes of EMU_DOMAIN. */
enum {
    EMU_TIMED_OUT = 3,
    EMU_LOAD_FAILED = 6,
    EMU_INFERENCE_ERROR = 8,
    EMU_FILE_NOT_FOUND = 16,
    EMU_HOST_TOO_OLD = 22,
    EMU_PROGRAM_NOT_FOUND = 23
};

/* What the driver answers to a request. */
enum {
    EMU_STATUS_OK = 0,
    EMU_STATUS_WRONG_SYMBOLS = 0x2,
    EMU_STATUS_TIMED_OUT = 0xf,
    EMU_STATUS_MISMATCH = 0x1d,
    EMU_STATUS_NO_INSTANCE = 0x50004
};

/* Each fills *error, which may be NULL, and returns false. `method` is the selector or function. */
bool emu_fail(emu_error *error, const char *domain, long code, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* A code of EMU_DOMAIN in the framework's words; `detail` is a driver's status, where it shows. */
bool emu_fail_code(emu_error *error, const char *method, long code, unsigned detail);
/* A request that the driver refused. In strict mode `why` is the text, else Apple's. */
bool emu_fail_request(emu_error *error, const char *method, unsigned status, const char *why);
/* The compiler's refusal; in strict mode with the reason in `why`. */
bool emu_fail_compile(emu_error *error, bool invalid_program, const char *why);
/* The daemon is gone. */
bool emu_fail_daemon(emu_error *error);

/* ---- profile.c: what is known of chips, as data ---- */

typedef struct emu_profile {
    const char *name;
    const char *target;       /* of liborion-mil: ops, limits and rules of the compiler */
    const char *architecture; /* what _ANEDeviceInfo says */
    const char *product;
    uint32_t cores;
    uint32_t row_align;     /* bytes between rows are a multiple of it; 0: rows are packed */
    uint32_t min_surface;   /* smaller surfaces are refused */
    uint32_t uniform;       /* surfaces of one direction must have one size */
    uint32_t compile_limit; /* compiles in a process */
    uint32_t slot_limit;    /* loaded programs in a process */
    uint32_t queue_depth;
    double mac_limit;        /* sums of products from here on become infinite; 0: f16's range */
    uint32_t mac_flush;      /* sums of products that are subnormal become 0 */
    uint32_t nan_rules;      /* NaN becomes inf on entry, 0 inside */
    uint32_t slice_overflow; /* slices that begin inside a row multiply by 16 on the way */
} emu_profile;

/* The profile of that name, or NULL; the i-th, or NULL past the end. */
const emu_profile *emu_profile_find(const char *name);
const emu_profile *emu_profile_at(size_t i);

/* ---- settings.c: switches, faults, counters ---- */

typedef enum emu_fault {
    EMU_FAULT_COMPILER_CRASH = 0, /* the compiler service dies */
    EMU_FAULT_TIMEOUT = 1,        /* an evaluation does not come back in time */
    EMU_FAULT_INFERENCE = 2,      /* an evaluation fails on the device */
    EMU_FAULT_DISK_FULL = 3,      /* the framework cannot write the model's files */
    EMU_FAULT_LOST_DAEMON = 4,    /* compile, load or unload lose the connection */
    EMU_FAULT_NO_SLOT = 5,        /* no free program instance */
    EMU_FAULT_TAMPER = 6,         /* somebody changes a weight file just before it is read */
    EMU_FAULTS
} emu_fault;

typedef struct emu_settings {
    emu_profile profile;     /* as changed by switches */
    bool strict;             /* what would silently give wrong data is an error that says so */
    bool reload_reads_files; /* as the Orion paper says: loading again reads the weights again */
    bool unload_keeps_folder;
    bool verify_hashes;  /* framework 382.11: files must be those that the descriptor hashed */
    bool no_device;      /* as in a virtual machine: nothing can be evaluated */
    bool hide_symbols;   /* modelAttributes without the arrays of symbols */
    bool hide_layout;    /* modelAttributes without the lists of ports */
    bool declared_order; /* symbols in the order of the text instead of by name */
} emu_settings;

emu_settings emu_settings_now(void);
/* Does the fault strike here? Each call is one occasion. */
bool emu_fault_strikes(emu_fault fault);

typedef enum emu_counter {
    EMU_COMPILES,
    EMU_IMPLICIT_COMPILES,
    EMU_LOADS,
    EMU_UNLOADS,
    EMU_EVALUATIONS,
    EMU_FAULTS_STRUCK,
    EMU_CLOCK_NS,
    EMU_PROGRAMS,
    EMU_INSTANCES,
    EMU_SURFACES,
    EMU_SURFACE_BYTES,
    EMU_OBJECTS,
    EMU_COUNTERS
} emu_counter;
/* Adds (wraps for negative numbers) and returns the sum. */
uint64_t emu_count(emu_counter counter, int64_t delta);

/* ---- trace.c: one line per message, to the file of the setting `trace` ---- */

bool emu_trace_open(const char *path); /* "" closes */
bool emu_tracing(void);
void emu_trace(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* ---- folder.c: files of a model ---- */

/* Write a file below a folder, making both the folder and what leads to the file. */
bool emu_folder_write(const char *folder, const char *relative, const void *bytes, size_t size);
/* A copy of a file's bytes, which nobody can change behind our back; NULL if it cannot be read. */
orion_blob *emu_folder_read(const char *folder, const char *relative);
void emu_folder_remove(const char *folder);

/* ---- identity ---- */

typedef struct emu_bytes {
    const void *data;
    size_t size;
} emu_bytes;
/* The framework's name for a program; `files` in the order of their keys. */
bool emu_identity(emu_bytes text, const emu_bytes *files, size_t count, emu_bytes options,
                  char out_hex[ORION_MIL_IDENTITY_BYTES]);

/* ---- compile.c: a folder becomes a program ---- */

/* One input or output as the driver sees it. */
typedef struct emu_symbol {
    const char *name; /* of the variable in the text */
    uint32_t dtype;   /* ORION_IR_F16, ORION_IR_F32 or ORION_IR_U8 */
    uint32_t port;    /* its place in the function's declaration, inputs and outputs apart */
    int64_t batches, channels, height, width;
    size_t element, row_stride, plane_stride, batch_stride;
    size_t bytes; /* what a surface must have */
} emu_symbol;

/* A function of the text. Symbols are in the order in which requests bind them. */
typedef struct emu_procedure {
    char *name;
    emu_symbol *inputs, *outputs;
    size_t input_count, output_count;
    size_t first_input, first_output; /* indices of the first symbols in the whole program */
    bool reordered;                   /* that order is not the text's */
    orion_ane_program *program;       /* for the CPU device */
    uint64_t run_ns;                  /* of an evaluation, for the virtual clock */
} emu_procedure;

typedef struct emu_program {
    uint32_t refs, reserved; /* Objective-C has no _Atomic: changed by built-in functions only */
    emu_procedure *procedures;
    size_t procedure_count;
    uint64_t compile_ns, load_ns;            /* for the virtual clock */
    char identity[ORION_MIL_IDENTITY_BYTES]; /* of the files that it was made of */
} emu_program;

/* Read `model.mil` and the weights that it names from a folder, refuse what the profile's compiler
 * refuses, and compile the rest. */
bool emu_program_create(const char *folder, const emu_settings *settings, emu_error *error,
                        emu_program **out_program);
emu_program *emu_program_ref(emu_program *program);
void emu_program_unref(emu_program *program);
/* Identity of a folder's files as they are now; false if one cannot be read. */
bool emu_folder_identity(const char *folder, char out_hex[ORION_MIL_IDENTITY_BYTES]);
/* Sorts symbols as requests bind them and finds out their layout. */
void emu_layout(emu_procedure *procedure, const emu_settings *settings);

/* masks.c: blank masks of attention out of a program's text; false if there are none. */
bool emu_ignore_masks(const orion_mil_program *program, char *text, size_t size);

/* numerics.c: what the chip would compute with; f32 values become f16, ports keep their dtype. */
orion_status emu_numerics(const orion_ir_graph *graph, const emu_profile *profile, orion_diag *diag,
                          orion_ir_graph **out_graph);

/* ---- store.c: the daemon that keeps compiled programs, and its loaded instances ---- */

typedef struct emu_instance emu_instance;

bool emu_compile(const char *hex, const char *folder, emu_error *error);
bool emu_compiled(const char *hex);
void emu_purge(const char *hex);
void emu_purge_all(void);
bool emu_load(const char *hex, const char *folder, emu_error *error, emu_instance **out_instance);
/* False if the daemon is lost; the instance is gone either way. NULL is fine. */
bool emu_unload(emu_instance *instance, emu_error *error);

const emu_program *emu_instance_program(const emu_instance *instance);
uint64_t emu_instance_handle(const emu_instance *instance);
/* The client has asked how requests are bound. */
void emu_instance_looked_at(emu_instance *instance);

/* ---- surface.c ---- */

typedef struct emu_surface emu_surface;
/* Zeroed shared memory of at least `bytes`; NULL if there is none. */
emu_surface *emu_surface_create(size_t bytes);
void emu_surface_destroy(emu_surface *surface);
void *emu_surface_base(emu_surface *surface);
size_t emu_surface_bytes(const emu_surface *surface);
void emu_surface_lock(emu_surface *surface);
bool emu_surface_unlock(emu_surface *surface); /* false if it was not locked */
bool emu_surface_locked(const emu_surface *surface);
uint32_t emu_surface_id(const emu_surface *surface);

/* ---- evaluate.c ---- */

typedef struct emu_binding {
    emu_surface *surface;
    uint32_t index; /* of the symbol */
    uint32_t reserved;
} emu_binding;

typedef struct emu_request {
    const emu_binding *inputs, *outputs;
    size_t input_count, output_count;
    uint32_t procedure, reserved;
} emu_request;

/* What the framework itself checks before it asks the driver. */
bool emu_request_valid(const emu_request *request);
/* `instance` NULL: not loaded, fails without an error. */
bool emu_evaluate(emu_instance *instance, const char *method, const emu_request *request,
                  emu_error *error);

#endif
