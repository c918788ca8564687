/* SPDX-License-Identifier: MIT */
/**
 * @file ane.h
 * liborion-ane: run MIL programs. device -> program -> run, with tensors bound to ports by name.
 *
 * @code
 *     orion_ane_device *device;
 *     orion_ane_program *program;
 *     orion_ane_run *run;
 *     orion_ane_tensor *x, *y;
 *     status = orion_ane_device_open(orion_ane_device_options(.threads = 2), diag, &device);
 *     status = orion_ane_program_compile_graph(device, graph, diag, &program);
 *     status = orion_ane_tensor_create_for(program, "x", diag, &x);
 *     status = orion_ane_tensor_create_for(program, "y", diag, &y);
 *     status = orion_ane_run_create(program, &run);
 *     status = orion_ane_run_bind(run, "x", x, diag);
 *     status = orion_ane_run_bind(run, "y", y, diag);
 *     status = orion_ane_tensor_write(x, ORION_IR_F32, data, sizeof data, diag);
 *     status = orion_ane_run_execute(run, diag);
 *     status = orion_ane_tensor_read(y, ORION_IR_F32, result, sizeof result, diag);
 * @endcode
 *
 * Threads: device and program are immutable and shareable (reference-counted); a tensor and a run
 * are externally synchronised. Two runs of one program may execute at the same time if they share
 * no written tensor.
 */
#ifndef ORION_ANE_H
#define ORION_ANE_H

#include "base.h"
#include "ir.h"
#include "mil.h"

#define ORION_ANE_VERSION_MAJOR 0
#define ORION_ANE_VERSION_MINOR 1
#define ORION_ANE_VERSION_PATCH 0
#define ORION_ANE_VERSION_AT_LEAST(major, minor)                                                   \
    (ORION_ANE_VERSION_MAJOR > (major) ||                                                          \
     (ORION_ANE_VERSION_MAJOR == (major) && ORION_ANE_VERSION_MINOR >= (minor)))

ORION_BEGIN_DECLS

/** major << 16 | minor << 8 | patch of the library at run time. */
ORION_API uint32_t orion_ane_version(void);

/* ---- device ------------------------------------------------------------------------------- */

/** What executes programs. Numbers are stable. */
typedef enum orion_ane_backend {
    ORION_ANE_BACKEND_AUTO = 0, /**< the best one that works here */
    ORION_ANE_BACKEND_CPU = 1,
    /** the Neural Engine by the Objective-C classes of AppleNeuralEngine.framework, or of what
     * takes its place (orion_ane_device_options.framework); docs/private-api.md */
    ORION_ANE_BACKEND_ANE_OBJC = 2,
    /** the Neural Engine by the C interface of Espresso.framework, or of what takes its place */
    ORION_ANE_BACKEND_ANE_E5RT = 3
} orion_ane_backend;

/** "auto", "cpu", "ane-objc", "ane-e5rt"; "unknown" otherwise. Static. */
ORION_API const char *orion_ane_backend_name(orion_ane_backend backend);
/** @return ORION_OK; ORION_ERROR_NOT_FOUND (the diagnostic lists the names there are) */
ORION_API ORION_MUST_CHECK orion_status orion_ane_backend_from_name(const char *name,
                                                                    orion_diag *ORION_NULLABLE diag,
                                                                    orion_ane_backend *out_backend);

typedef struct orion_ane_device_options {
    size_t size;
    const orion_allocator
        *ORION_NULLABLE allocator; /**< NULL: libc; used by everything made from the device */
    uint32_t backend;              /**< an orion_ane_backend */
    uint32_t threads; /**< CPU workers including the caller; 0: one. Results do not depend on it */
    uint32_t cache_entries; /**< programs kept in the in-memory cache; 0: 64 */
    uint32_t saturate;      /**< 1: orion_ane_tensor_write makes f32 that overflow f16 +-65504, not
                               infinite; infinities and NaN stay */
    /** Path of the library to use for Apple's frameworks, such as the emulator's; NULL: Apple's
     * own. Tensors of the device are then its IOSurfaces, whatever the back end. */
    const char *ORION_NULLABLE framework;
} orion_ane_device_options;
/** Options by name: orion_ane_device_options(.threads = 2). */
#define orion_ane_device_options(...)                                                              \
    (&(const orion_ane_device_options){.size = sizeof(orion_ane_device_options), __VA_ARGS__})

typedef struct orion_ane_device orion_ane_device;
typedef struct orion_ane_program orion_ane_program;
typedef struct orion_ane_tensor orion_ane_tensor;
typedef struct orion_ane_run orion_ane_run;

/**
 * Open a device.
 * @return ORION_OK; ORION_ERROR_UNSUPPORTED if the back end is not there or its framework lacks
 * something (the diagnostic says what);
 * ORION_ERROR_NO_MEMORY; ORION_ERROR_INVALID_ARGUMENT for more than 256 threads; ORION_ERROR_ABI
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ane_device_open(const orion_ane_device_options *ORION_NULLABLE options,
                      orion_diag *ORION_NULLABLE diag, orion_ane_device **out_device);
ORION_API orion_ane_device *orion_ane_device_ref(orion_ane_device *device);
/** Programs, tensors and runs keep the device alive; the last of them closes it. */
ORION_API void orion_ane_device_unref(orion_ane_device **device);
ORION_API orion_ane_backend orion_ane_device_backend(const orion_ane_device *device);
ORION_API uint32_t orion_ane_device_threads(const orion_ane_device *device);

/** Counters of the in-memory program cache, keyed by program identity (orion_mil_identity). */
typedef struct orion_ane_cache_stats {
    size_t size;
    uint64_t hits, misses, evictions, entries;
} orion_ane_cache_stats;
/** Fill `out_stats`, whose `size` the caller has set. @return ORION_OK;
 * ORION_ERROR_INVALID_ARGUMENT for a bad size */
ORION_API ORION_MUST_CHECK orion_status
orion_ane_device_cache_stats(const orion_ane_device *device, orion_ane_cache_stats *out_stats);
/** Forget cached programs; those in use live on. */
ORION_API void orion_ane_device_cache_clear(orion_ane_device *device);

/* ---- program ------------------------------------------------------------------------------ */

/** A MIL program and its weights. Borrowed for the call. */
typedef struct orion_ane_source {
    size_t size;
    const char *text; /**< MIL text */
    size_t length;
    const char *ORION_NULLABLE name; /**< for diagnostics */
    const orion_mil_weights
        *ORION_NULLABLE weights;         /**< files that BLOBFILE refers to; NULL: none */
    const char *ORION_NULLABLE function; /**< NULL: "main" */
} orion_ane_source;

/**
 * Compile a program, or find it in the device's cache (same text, weights and function).
 * @return ORION_OK; ORION_ERROR_SYNTAX if the text does not parse; ORION_ERROR_VERIFY /
 * ORION_ERROR_UNSUPPORTED naming the op and line that the device cannot take; ORION_ERROR_COMPILE;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_program_compile(orion_ane_device *device,
                                                                  const orion_ane_source *source,
                                                                  orion_diag *ORION_NULLABLE diag,
                                                                  orion_ane_program **out_program);
/**
 * Lower a graph to MIL text and weights for the device, then orion_ane_program_compile: the one
 * path, in one call. For a Neural Engine the graph is cut first (orion_mil_partition): what it
 * cannot take runs on the CPU, in the graph's own types, and what it takes in fp16. Ports are the
 * graph's and packed. Returns as orion_ane_program_compile.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_ane_program_compile_graph(orion_ane_device *device, const orion_ir_graph *graph,
                                orion_diag *ORION_NULLABLE diag, orion_ane_program **out_program);
ORION_API orion_ane_program *orion_ane_program_ref(orion_ane_program *program);
ORION_API void orion_ane_program_unref(orion_ane_program **program);
/** The 194-character identity of text, weights and options. */
ORION_API const char *orion_ane_program_identity(const orion_ane_program *program);

/** A named input or output of a compiled program; layout as the program wants it. Strings borrowed
 * from the program. */
typedef struct orion_ane_port {
    size_t size;
    const char *name;
    orion_ir_type type;
    int64_t strides[ORION_IR_RANK_MAX]; /**< in bytes, per axis; 0 beyond the rank */
    size_t bytes;                       /**< smallest tensor that can be bound */
    uint32_t is_output;
    uint32_t alias; /**< output: 1 + index of the input port it may share a tensor with (updated in
                       place); 0: none */
} orion_ane_port;
ORION_API size_t orion_ane_program_port_count(const orion_ane_program *program);
/** Port i (inputs first, each in the program's order); `out_port->size` is set by the caller.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND past the end; ORION_ERROR_INVALID_ARGUMENT for a bad size
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_program_port(const orion_ane_program *program,
                                                               size_t i, orion_ane_port *out_port);
/** The port of that name; returns as orion_ane_program_port. */
ORION_API ORION_MUST_CHECK orion_status orion_ane_program_find_port(
    const orion_ane_program *program, const char *name, orion_ane_port *out_port);

/** What the compiled program is made of. */
typedef struct orion_ane_program_stats {
    size_t size;
    uint64_t nodes;           /**< graph nodes after optimisation, constants not counted */
    uint64_t steps;           /**< kernel calls per run */
    uint64_t reference_steps; /**< of these, served by the slow reference interpreter (0 for every
                                 op of the usual models) */
    uint64_t fused_nodes;     /**< nodes that became part of another step */
    uint64_t workspace_bytes; /**< memory for intermediate values, after reuse */
    uint64_t value_bytes;     /**< what they would need without reuse */
    uint64_t constant_bytes;
    uint64_t packed_bytes; /**< constants rearranged for large products */
} orion_ane_program_stats;
/** Fill `out_stats`, whose `size` the caller has set. @return ORION_OK;
 * ORION_ERROR_INVALID_ARGUMENT for a bad size */
ORION_API ORION_MUST_CHECK orion_status
orion_ane_program_get_stats(const orion_ane_program *program, orion_ane_program_stats *out_stats);

/* ---- tensor ------------------------------------------------------------------------------- */

/**
 * A tensor in memory that programs can share: an IOSurface on macOS, shared anonymous memory
 * elsewhere. Zeroed.
 * @param strides bytes per axis, or NULL for packed row-major; each a multiple of the element size
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for a bad type or overlapping strides;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_tensor_create(
    orion_ane_device *device, const orion_ir_type *type, const int64_t *ORION_NULLABLE strides,
    orion_diag *ORION_NULLABLE diag, orion_ane_tensor **out_tensor);
/** A tensor laid out for one port. Also ORION_ERROR_NOT_FOUND for an unknown port. */
ORION_API ORION_MUST_CHECK orion_status
orion_ane_tensor_create_for(const orion_ane_program *program, const char *port,
                            orion_diag *ORION_NULLABLE diag, orion_ane_tensor **out_tensor);
ORION_API orion_ane_tensor *orion_ane_tensor_ref(orion_ane_tensor *tensor);
ORION_API void orion_ane_tensor_unref(orion_ane_tensor **tensor);
ORION_API orion_ir_type orion_ane_tensor_type(const orion_ane_tensor *tensor);
/** Bytes per axis; ORION_IR_RANK_MAX entries, borrowed. */
ORION_API const int64_t *orion_ane_tensor_strides(const orion_ane_tensor *tensor);
ORION_API size_t orion_ane_tensor_bytes(const orion_ane_tensor *tensor);

/** What a lock is for. */
enum { ORION_ANE_READ = 1, ORION_ANE_WRITE = 2 };
/**
 * Look at the elements in place. Never hold a lock while a run executes: the hardware would wait
 * for ever.
 * @return ORION_OK; ORION_ERROR_INVALID_STATE if it is locked already; ORION_ERROR_DEVICE
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_tensor_lock(orion_ane_tensor *tensor,
                                                              uint32_t access, void **out_data);
ORION_API void orion_ane_tensor_unlock(orion_ane_tensor *tensor);
/**
 * Copy packed row-major elements of `dtype` in, converting and placing them (floats round to
 * nearest even; f32 to f16 overflow gives inf, or what the device's `saturate` says). `bytes` must
 * be the packed size exactly.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if the size is wrong or the dtypes do not convert
 * (float <-> integer); ORION_ERROR_INVALID_STATE if locked
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_tensor_write(orion_ane_tensor *tensor,
                                                               orion_ir_dtype dtype,
                                                               const void *data, size_t bytes,
                                                               orion_diag *ORION_NULLABLE diag);
/** The opposite of orion_ane_tensor_write. */
ORION_API ORION_MUST_CHECK orion_status orion_ane_tensor_read(orion_ane_tensor *tensor,
                                                              orion_ir_dtype dtype, void *data,
                                                              size_t bytes,
                                                              orion_diag *ORION_NULLABLE diag);

/* ---- run ---------------------------------------------------------------------------------- */

/** A program with tensors bound to its ports, and its workspace. Bind once, execute often: nothing
 * is allocated then. */
ORION_API ORION_MUST_CHECK orion_status orion_ane_run_create(orion_ane_program *program,
                                                             orion_ane_run **out_run);
ORION_API void orion_ane_run_destroy(orion_ane_run **run);
/**
 * Bind a tensor to a port (a reference is kept). Rebinding replaces. One tensor may serve an output
 * of one program and an input of another, or an output and the input it aliases (see
 * orion_ane_port); any other sharing inside one run is refused by execute. A tensor of another
 * device may be bound if the device reaches it: "cpu" reaches all, "ane-objc" IOSurfaces,
 * "ane-e5rt" its own.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND naming the ports there are; ORION_ERROR_INVALID_ARGUMENT
 * if dtype, shape or strides do not fit the port, or the device does not reach the tensor
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_run_bind(orion_ane_run *run, const char *port,
                                                           orion_ane_tensor *tensor,
                                                           orion_diag *ORION_NULLABLE diag);
/**
 * Execute and wait.
 * @return ORION_OK; ORION_ERROR_INVALID_STATE naming an unbound port, a locked tensor or a
 * forbidden sharing; ORION_ERROR_INVALID_ARGUMENT if an index in the data is out of range (the
 * diagnostic names op and index; outputs are then undefined); ORION_ERROR_DEVICE;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_ane_run_execute(orion_ane_run *run,
                                                              orion_diag *ORION_NULLABLE diag);

ORION_END_DECLS

#endif
