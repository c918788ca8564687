/* SPDX-License-Identifier: MIT */
/*
 * Small tools shared by all four libraries: memory, text, numbers, scanning, hashing.
 *
 * Linked hidden into each library; nothing here is exported.  Everything that can fail returns an
 * orion_status or is sticky (orn_text), and nothing here depends on the locale.
 */
#ifndef ORN_UTIL_H
#define ORN_UTIL_H

#include <orion/base.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Return from the function if `expr` is not ORION_OK. The only macro that hides control flow. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        orion_status try_status_ = (expr);                                                         \
        if (try_status_ != ORION_OK) return try_status_;                                           \
    } while (0)

#define ORN_COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define ORN_MIN(a, b)    ((a) < (b) ? (a) : (b))
#define ORN_MAX(a, b)    ((a) > (b) ? (a) : (b))

/* ---- checked sizes: false on overflow, *out untouched then ---- */
static inline bool orn_mul(size_t a, size_t b, size_t *out) {
    size_t n;
    if (__builtin_mul_overflow(a, b, &n)) return false;
    *out = n;
    return true;
}
static inline bool orn_add(size_t a, size_t b, size_t *out) {
    size_t n;
    if (__builtin_add_overflow(a, b, &n)) return false;
    *out = n;
    return true;
}
/* Round up to a multiple of `align` (a power of two). */
static inline bool orn_align_up(size_t n, size_t align, size_t *out) {
    size_t sum;
    if (!orn_add(n, align - 1, &sum)) return false;
    *out = sum & ~(align - 1);
    return true;
}

/* ---- allocation ---- */
/* The allocator to keep: a copy of `a`, or libc's when `a` is NULL or empty. */
orion_allocator orn_allocator(const orion_allocator *a);
void *orn_alloc(const orion_allocator *a, size_t size); /* 16-byte aligned, not cleared */
void *orn_alloc_aligned(const orion_allocator *a, size_t size, size_t align);
void *orn_zalloc(const orion_allocator *a, size_t size);         /* cleared */
void orn_free(const orion_allocator *a, void *ptr, size_t size); /* NULL ok; size exact */
/* Grow array *ptr of `elem`-byte items to hold at least `need`; doubles. On failure everything
 * stays. */
bool orn_grow(const orion_allocator *a, void **ptr, size_t *capacity, size_t need, size_t elem);
#define ORN_GROW(a, ptr, capacity, need)                                                           \
    orn_grow((a), (void **)&(ptr), &(capacity), (need), sizeof(*(ptr)))
char *orn_strdup(const orion_allocator *a, const char *s); /* free with strlen+1 */
void orn_strfree(const orion_allocator *a, char *s);       /* NULL ok */

/* Bump allocator: many small things that die together. Zero-initialise, then orn_arena_init. */
typedef struct orn_arena_block orn_arena_block;
typedef struct orn_arena {
    orion_allocator allocator;
    orn_arena_block *blocks;
} orn_arena;
void orn_arena_init(orn_arena *arena, const orion_allocator *a);
void orn_arena_clear(orn_arena *arena);
void *orn_arena_alloc(orn_arena *arena, size_t size); /* 16-byte aligned, cleared */
char *orn_arena_strndup(orn_arena *arena, const char *s, size_t n);

/* ---- ABI: sized option structs ---- */
/*
 * Copy the caller's struct into `out` (`known` bytes, zero-filled). Older callers (smaller size)
 * get zeros; newer callers are accepted iff the bytes we do not know are all zero. NULL `in` gives
 * all zeros with `size` set.
 */
orion_status orn_check_size(const void *in, void *out, size_t known);
/*
 * The way back: copy `in` (`known` bytes) to the caller's struct as far as the `size` set there
 * reaches; zero what an older library does not know. ORION_ERROR_INVALID_ARGUMENT if that size
 * cannot be right.
 */
orion_status orn_fill_sized(const void *in, void *out, size_t known);

/* ---- text ---- */
/* A growing text; sticky: after an allocation failure appends do nothing and orn_text_status tells.
 * Always NUL-terminated. */
typedef struct orn_text {
    orion_allocator allocator;
    char *data;
    size_t size, capacity;
    bool failed;
} orn_text;
void orn_text_init(orn_text *t, const orion_allocator *a);
void orn_text_free(orn_text *t);
void orn_text_bytes(orn_text *t, const void *s, size_t n);
void orn_text_puts(orn_text *t, const char *s);
void orn_text_char(orn_text *t, char c);
void orn_text_int(orn_text *t, int64_t v);
void orn_text_uint(orn_text *t, uint64_t v);
/* printf for %s %.*s %d %u %zu %lld %llu %x %c only: no floats, which depend on the locale. */
void orn_text_printf(orn_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void orn_text_float(orn_text *t, double v,
                    int digits); /* %.{digits}g, '.' as point; inf, -inf, nan */
orion_status orn_text_status(const orn_text *t);

/* Shortest text that reads back as the same value: f32 (<= 9 digits), f64 (<= 17); whole numbers
 * below 10^7 without an exponent. Returns the length; buf >= 32. */
size_t orn_format_f32(char *buf, float v);
size_t orn_format_f64(char *buf, double v);
/* Parse all of s[0..n): decimal, hex float, inf, nan, with sign. False if anything else. */
bool orn_parse_f64(const char *s, size_t n, double *out);
bool orn_parse_i64(const char *s, size_t n, int64_t *out);
bool orn_parse_u64(const char *s, size_t n, uint64_t *out); /* digits alone */

/* ---- half precision (scalar; round to nearest even; NaN stays NaN, overflow gives inf) ---- */
static inline uint32_t orn_f32_bits(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    return u;
}
static inline float orn_bits_f32(uint32_t u) {
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}
uint16_t orn_f16_from_f32(float f);
float orn_f32_from_f16(uint16_t h);
/* One rounding from double, so that f64 -> f16 does not round twice. */
uint16_t orn_f16_from_f64(double d);
uint16_t orn_bf16_from_f32(float f);
static inline float orn_f32_from_bf16(uint16_t h) {
    return orn_bits_f32((uint32_t)h << 16);
}

/* ---- hashing and name tables ---- */
uint64_t orn_hash_bytes(const void *data, size_t n, uint64_t seed);
/* Map from byte strings to u32. Keys are borrowed (arena or static). */
typedef struct orn_map_slot {
    const char *key;
    uint32_t length;
    uint32_t value;
} orn_map_slot;
typedef struct orn_map {
    orion_allocator allocator;
    orn_map_slot *slots;
    size_t capacity, count; /* capacity is 0 or a power of two */
} orn_map;
void orn_map_init(orn_map *m, const orion_allocator *a);
void orn_map_free(orn_map *m);
/* Borrowed pointer to the value, or NULL; valid until the next put. */
uint32_t *orn_map_get(const orn_map *m, const char *key, size_t n);
/* Insert or overwrite. */
orion_status orn_map_put(orn_map *m, const char *key, size_t n, uint32_t value);

/* ---- diagnostics ---- */
/* Add one formatted entry; same formats as orn_text_printf. `diag` and `source` may be NULL. */
void orn_diag(orion_diag *diag, orion_severity severity, orion_message message, const char *source,
              uint32_t line, uint32_t column, const char *subject, const char *fmt, ...)
    __attribute__((format(printf, 8, 9)));
/* The common case: an error without a place in a text. */
#define ORN_ERROR(diag, message, subject, ...)                                                     \
    orn_diag((diag), ORION_SEVERITY_ERROR, ORION_MESSAGE_##message, NULL, 0, 0, (subject),         \
             __VA_ARGS__)

/* ---- scanning text (ptr + length, no NUL needed) ---- */
typedef struct orn_scan {
    const char *begin, *end, *at;
    const char *source; /* name for diagnostics, may be NULL */
} orn_scan;
void orn_scan_place(const orn_scan *s, const char *at, uint32_t *line, uint32_t *column);

/* ---- files ---- */
/* A file being written beside its final place; nothing is visible there until commit. */
typedef struct orn_file {
    orion_allocator allocator;
    char *path, *temporary;
    int fd;
} orn_file;
orion_status orn_file_begin(orn_file *f, const char *path, const orion_allocator *a,
                            orion_diag *diag);
orion_status orn_file_write(orn_file *f, const void *bytes, size_t n, orion_diag *diag);
/* fsync, rename over `path`, fsync the directory. On failure the temporary is removed and the old
 * file is untouched. */
orion_status orn_file_commit(orn_file *f, orion_diag *diag);
void orn_file_abort(orn_file *f); /* also fine after commit or a failed begin */

#endif
