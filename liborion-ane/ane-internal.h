/* SPDX-License-Identifier: MIT */
/*
 * The public objects of liborion-ane and how they hold each other.
 *
 *   run -> program -> device -> cache -> code
 *   tensor ---------> device
 *
 * Each arrow is a counted reference. The cache holds code, the compiled part of a program, and code
 * holds nothing: so a cached program does not keep its device alive, and the last program, tensor
 * or run to go closes the device and with it the cache.
 */
#ifndef ANE_INTERNAL_H
#define ANE_INTERNAL_H

#include "backend.h"
#include "dynamic.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- cache.c: compiled code by identity, internally locked ---- */

/* A compiled program without its device. Counted: the cache and every program hold it. */
typedef struct ane_entry ane_entry;
struct ane_entry {
    ane_entry *newer, *older; /* in the cache, by last use; not linked else */
    ane_code *code;
    char *function;
    atomic_size_t refs;
    char identity[ORION_MIL_IDENTITY_BYTES];
};

typedef struct ane_cache {
    pthread_mutex_t lock;
    ane_entry *newest, *oldest;
    orion_allocator allocator;
    uint64_t hits, misses, evictions;
    size_t count, limit;
} ane_cache;

orion_status ane_cache_create(const orion_allocator *a, size_t limit, ane_cache **out_cache);
/* No entry may be used any more. */
void ane_cache_destroy(ane_cache *cache);
/* A counted reference to the entry, or NULL; counts a hit or a miss. */
ane_entry *ane_cache_find(ane_cache *cache, const char *identity, const char *function);
/*
 * Put freshly compiled code in and return a counted reference to its entry. If another thread was
 * faster, its entry is returned and `code` released. Takes `code`, also on failure (NULL).
 */
ane_entry *ane_cache_add(ane_cache *cache, const char *identity, const char *function,
                         ane_code *code);
void ane_cache_unref(ane_cache *cache, ane_entry *entry);
void ane_cache_clear(ane_cache *cache);
void ane_cache_get_stats(ane_cache *cache, orion_ane_cache_stats *out);

/* ---- device.c ---- */

struct orion_ane_device {
    ane_host host;
    const ane_backend *backend;
    void *state;      /* the back end's */
    void *host_state; /* the CPU's, for what the device leaves to it; NULL on the CPU itself */
    ane_cache *cache;
    ane_surfaces *surfaces; /* what tensors are made of; NULL: ordinary memory */
    atomic_size_t refs;
};

/* ---- program.c ---- */

struct orion_ane_program {
    orion_ane_device *device;
    ane_entry *entry;
    atomic_size_t refs;
};

/* Index of the port of that name; reports and returns ORION_ERROR_NOT_FOUND if there is none. */
orion_status ane_program_port_index(const orion_ane_program *program, const char *name,
                                    orion_diag *diag, size_t *out_index);

/* ---- declare.c: ports by the text, for devices that have a compiler of their own ---- */

/* What the text calls the ports, and which of its functions is meant. A port's name is its symbol's
 * with '_' for '@' and '.'. */
typedef struct ane_symbols {
    char **names; /* by port */
    uint32_t procedure, reserved;
} ane_symbols;

/* Parse and verify the text and fill ports, names and types of `code`, but not their layout. Both
 * are zeroed before; ane_declared_free them also on failure. ORION_ERROR_NOT_FOUND if there is no
 * such function; ORION_ERROR_UNSUPPORTED for ports that no such device takes. */
orion_status ane_declare(const orion_allocator *a, const orion_ane_source *source, orion_diag *diag,
                         ane_code *code, ane_symbols *symbols);
void ane_declared_free(const orion_allocator *a, ane_code *code, ane_symbols *symbols);

/* A graph lowered to text, and what holds it. */
typedef struct ane_source_text {
    orion_ane_source source;
    orion_buffer *text;
    orion_mil_weights *weights;
} ane_source_text;
orion_status ane_lower(const orion_ir_graph *graph, const orion_mil_lower_options *options,
                       const orion_allocator *a, orion_diag *diag, ane_source_text *out);
void ane_source_free(ane_source_text *source);

/* ---- tensor-memory.c ---- */

/* Memory of a tensor: the device's own, an IOSurface, shared anonymous memory, or the allocator's.
 */
typedef struct ane_memory {
    void *data;
    size_t bytes;  /* as mapped */
    void *surface; /* the IOSurface, or the device's object; NULL: ordinary memory */
    const ane_surfaces *surfaces;
    uint32_t kind, reserved;
} ane_memory;

/* At least `bytes` bytes, zeroed, aligned to 64 or more, of the kind that the device's back end
 * reaches; where any will do, a surface if there are any. */
orion_status ane_memory_create(orion_ane_device *device, size_t bytes, ane_memory *out);
void ane_memory_destroy(orion_ane_device *device, ane_memory *memory);
/* Between begin and end the processor may touch the data; ORION_ERROR_DEVICE if the system refuses.
 */
orion_status ane_memory_begin(ane_memory *memory, uint32_t access);
void ane_memory_end(ane_memory *memory, uint32_t access);

/* ---- tensor.c ---- */

struct orion_ane_tensor {
    orion_ane_device *device;
    orion_ir_type type;
    int64_t strides[ORION_IR_RANK_MAX];
    size_t bytes;
    ane_memory memory;
    atomic_size_t refs;
    uint32_t locked; /* the access it is locked for; 0: not locked */
    uint32_t reserved;
};

/* Packed row-major strides in bytes of a valid type. */
void ane_packed_strides(const orion_ir_type *type, int64_t strides[ORION_IR_RANK_MAX]);

/* ---- convert.c ---- */

/* Can elements of one dtype be turned into the other without a cast op? */
bool ane_converts(uint32_t from, uint32_t to);
/* A region of elements: where they are and how far apart, per axis. */
typedef struct ane_region {
    void *data;
    const int64_t *strides; /* bytes */
    uint32_t dtype;
    bool saturates; /* written to: f32 beyond the range of f16 becomes its largest number */
} ane_region;
/* Copy all elements of a shape from one region to another, converting. The regions do not overlap.
 */
void ane_convert(uint32_t rank, const int64_t *dims, const ane_region *to, const ane_region *from);

/* ---- run.c ---- */

struct orion_ane_run {
    orion_ane_program *program;
    orion_ane_tensor **tensors; /* per port; NULL: not bound */
    void *state;                /* the back end's */
    bool checked;               /* the bindings have been found right since the last change */
};

#endif
