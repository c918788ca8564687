/* SPDX-License-Identifier: MIT */
/**
 * @file base.h
 * What all four libraries share: status codes, diagnostics, allocators, byte sinks and byte blobs.
 *
 * Exported by liborion-ir, the bottom of the stack.  The rules that hold everywhere:
 *
 *  - A status says what a program can do; a diagnostic says what a person should know.
 *  - On failure every output is NULL or 0 and the state is as before, unless the function says
 *    otherwise.
 *  - `create`, `load`, `parse`, `ref` give the caller ownership; `get`-like accessors borrow until
 *    the parent goes.
 *  - `X_destroy(X **)` and `X_unref(X **)` set the caller's pointer to NULL and accept NULL and a
 *    pointer to NULL.
 *  - Option structs and strings need live only for the call.  Zero means default; a NULL options
 *    pointer means all defaults.
 */
#ifndef ORION_BASE_H
#define ORION_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ORION_EXTERN_C_BEGIN extern "C" {
#define ORION_EXTERN_C_END   }
#else
#define ORION_EXTERN_C_BEGIN
#define ORION_EXTERN_C_END
#endif

/* Pointers are non-null unless marked ORION_NULLABLE; clang tells Swift so. */
#if defined(__clang__)
#define ORION_NULLABLE _Nullable
#define ORION_BEGIN_DECLS                                                                          \
    ORION_EXTERN_C_BEGIN _Pragma("clang diagnostic push")                                          \
        _Pragma("clang diagnostic ignored \"-Wnullability-extension\"")                            \
            _Pragma("clang diagnostic ignored \"-Wnullability-completeness\"")                     \
                _Pragma("clang assume_nonnull begin")
#define ORION_END_DECLS                                                                            \
    _Pragma("clang assume_nonnull end") _Pragma("clang diagnostic pop") ORION_EXTERN_C_END
#else
#define ORION_NULLABLE
#define ORION_BEGIN_DECLS ORION_EXTERN_C_BEGIN
#define ORION_END_DECLS   ORION_EXTERN_C_END
#endif

#if defined(__GNUC__)
#define ORION_API        __attribute__((visibility("default")))
#define ORION_MUST_CHECK __attribute__((warn_unused_result))
#else
#define ORION_API
#define ORION_MUST_CHECK
#endif

/** Stable numbers of every message Orion can give, printed as ORN-0123; texts and remedies are in
 * docs/errors.md. */
typedef enum orion_message {
    ORION_MESSAGE_NONE = 0,
#define ORION_MESSAGE(number, name, summary, remedy) ORION_MESSAGE_##name = number,
#include "messages.def"
#undef ORION_MESSAGE
} orion_message;

ORION_BEGIN_DECLS

/* ---- status ------------------------------------------------------------------------------- */

/** What a caller can branch on.  Append only; numbers are never reused. */
typedef enum orion_status {
    ORION_OK = 0,
    ORION_ERROR_NO_MEMORY = -1,        /**< an allocation failed; retry may help */
    ORION_ERROR_INVALID_ARGUMENT = -2, /**< the call itself is wrong; retry cannot help */
    ORION_ERROR_INVALID_STATE = -3, /**< right call, wrong time (finished builder, unbound port) */
    ORION_ERROR_SYNTAX = -4,      /**< a text or file does not parse; diagnostics give the place */
    ORION_ERROR_VERIFY = -5,      /**< it parses, but breaks a rule of its format */
    ORION_ERROR_UNSUPPORTED = -6, /**< legal, but not offered by this build, device or op */
    ORION_ERROR_NOT_FOUND = -7,   /**< no such name, file, port, device */
    ORION_ERROR_IO = -8,          /**< the operating system refused; nothing half-written remains */
    ORION_ERROR_DEVICE = -9,      /**< the device failed while running; retry may help */
    ORION_ERROR_COMPILE = -10,    /**< the device's compiler refused the program */
    ORION_ERROR_BUDGET = -11,   /**< a limit would be passed (compiles per process, slots, bytes) */
    ORION_ERROR_ABI = -12,      /**< an options struct is newer than this library understands */
    ORION_ERROR_CANCELLED = -13 /**< a callback asked to stop */
} orion_status;

/** A short English phrase such as "out of memory".  Static; never NULL; any number is accepted. */
ORION_API const char *orion_status_string(orion_status status);

/* ---- memory ------------------------------------------------------------------------------- */

/**
 * Where an object takes its memory.  One function allocates (ptr NULL), resizes, and frees
 * (new_size 0, result ignored). `align` is a power of two; old_size is exact.  Copied by value at
 * `create`; `ctx` must outlive every object made with it. Threads: called from whatever thread
 * calls Orion; CPU devices also call it from the thread that runs a program.
 */
typedef struct orion_allocator {
    size_t size; /**< sizeof(orion_allocator) */
    void *ORION_NULLABLE ctx;
    void *ORION_NULLABLE (*ORION_NULLABLE realloc)(void *ORION_NULLABLE ctx,
                                                   void *ORION_NULLABLE ptr, size_t old_size,
                                                   size_t new_size, size_t align);
} orion_allocator;

/* ---- byte sinks and byte blobs ------------------------------------------------------------ */

/** Where text and bytes go.  `write` takes all n bytes or returns an error, which the caller then
 * returns unchanged. */
typedef struct orion_writer {
    size_t size; /**< sizeof(orion_writer) */
    void *ORION_NULLABLE ctx;
    orion_status (*ORION_NULLABLE write)(void *ORION_NULLABLE ctx, const void *bytes, size_t n);
} orion_writer;

/** A writer to an open file descriptor (borrowed).  Retries short writes and EINTR; errors are
 * ORION_ERROR_IO. */
ORION_API orion_writer orion_writer_fd(int fd);

/** A growing byte buffer that is also a writer.  Externally synchronised. */
typedef struct orion_buffer orion_buffer;
ORION_API ORION_MUST_CHECK orion_status
orion_buffer_create(const orion_allocator *ORION_NULLABLE allocator, orion_buffer **out_buffer);
ORION_API void orion_buffer_destroy(orion_buffer **buffer);
/** The writer that appends to `buffer`; valid as long as the buffer.  Fails only with
 * ORION_ERROR_NO_MEMORY. */
ORION_API orion_writer orion_buffer_writer(orion_buffer *buffer);
/** The bytes so far, followed by a NUL that is not counted.  Borrowed until the next write or
 * destroy. */
ORION_API const char *orion_buffer_data(const orion_buffer *buffer);
ORION_API size_t orion_buffer_size(const orion_buffer *buffer);
ORION_API void orion_buffer_clear(orion_buffer *buffer);

typedef struct orion_diag orion_diag;

/** Immutable bytes with a reference count: a file mapped or memory lent.  Immutable and shareable
 * between threads. */
typedef struct orion_blob orion_blob;
/**
 * Map a whole regular file read-only.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND if there is no such file; ORION_ERROR_IO if it cannot be
 * opened, is not a regular file or cannot be mapped; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_blob_map_file(const char *path, const orion_allocator *ORION_NULLABLE allocator,
                    orion_diag *ORION_NULLABLE diag, orion_blob **out_blob);
/** Copy `size` bytes (64-byte aligned).  `data` NULL gives zeroed bytes, reachable through
 * orion_blob_data. */
ORION_API ORION_MUST_CHECK orion_status
orion_blob_copy(const void *ORION_NULLABLE data, size_t size,
                const orion_allocator *ORION_NULLABLE allocator, orion_blob **out_blob);
/** Lend memory.  `release(ctx)` is called once, when the last reference goes; never when this call
 * fails. */
ORION_API ORION_MUST_CHECK orion_status
orion_blob_wrap(const void *data, size_t size,
                void (*ORION_NULLABLE release)(void *ORION_NULLABLE ctx), void *ORION_NULLABLE ctx,
                const orion_allocator *ORION_NULLABLE allocator, orion_blob **out_blob);
ORION_API orion_blob *orion_blob_ref(orion_blob *blob);
ORION_API void orion_blob_unref(orion_blob **blob);
ORION_API const void *orion_blob_data(const orion_blob *blob);
ORION_API size_t orion_blob_size(const orion_blob *blob);

/* ---- diagnostics -------------------------------------------------------------------------- */

typedef enum orion_severity {
    ORION_SEVERITY_ERROR = 0,
    ORION_SEVERITY_WARNING = 1,
    ORION_SEVERITY_NOTE = 2
} orion_severity;

/** One diagnostic.  Strings are borrowed from the diag until it is cleared or destroyed. */
typedef struct orion_diag_entry {
    size_t size;                       /**< sizeof(orion_diag_entry) */
    uint32_t message;                  /**< an orion_message */
    uint32_t severity;                 /**< an orion_severity */
    const char *ORION_NULLABLE source; /**< file or text it is about, or NULL */
    uint32_t line;                     /**< 1-based; 0 unknown */
    uint32_t column;                   /**< 1-based, in bytes; 0 unknown */
    const char
        *ORION_NULLABLE subject; /**< the value, op, port, tensor or option it is about, or NULL */
    const char *text;            /**< one sentence: what is wrong here */
} orion_diag_entry;

/**
 * A list of diagnostics, filled by any fallible call that takes one; NULL is always accepted there.
 * Externally synchronised. When memory runs out while adding, the entry is dropped and counted.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_diag_create(const orion_allocator *ORION_NULLABLE allocator, orion_diag **out_diag);
ORION_API void orion_diag_destroy(orion_diag **diag);
/** Append a copy of `entry`.  At most 256 entries are kept; the rest is counted in
 * orion_diag_dropped. */
ORION_API void orion_diag_add(orion_diag *ORION_NULLABLE diag, const orion_diag_entry *entry);
ORION_API size_t orion_diag_count(const orion_diag *ORION_NULLABLE diag);
ORION_API size_t orion_diag_dropped(const orion_diag *ORION_NULLABLE diag);
/** Entry i, or NULL if i is past the end.  Borrowed until clear or destroy. */
ORION_API const orion_diag_entry *ORION_NULLABLE
orion_diag_get(const orion_diag *ORION_NULLABLE diag, size_t i);
ORION_API void orion_diag_clear(orion_diag *ORION_NULLABLE diag);
/** Print all: `source:line:column: error: text [ORN-0123]` and, indented, the remedy.  Returns the
 * writer's status. */
ORION_API ORION_MUST_CHECK orion_status orion_diag_print(const orion_diag *ORION_NULLABLE diag,
                                                         const orion_writer *writer);
/** What a message means in general, and what to do about it.  Static strings; "" for an unknown
 * number. */
ORION_API const char *orion_message_summary(orion_message message);
ORION_API const char *orion_message_remedy(orion_message message);

ORION_END_DECLS

#endif
