/* SPDX-License-Identifier: MIT */
/* Allocators, growing arrays, the bump arena and sized option structs. */
#include "util.h"

#include <stdlib.h>

/* libc's allocator behind orion_allocator's one function. Alignments above malloc's own are served
 * by aligned_alloc. */
static void *libc_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size, size_t align) {
    (void)ctx;
    if (new_size == 0) {
        free(ptr);
        return NULL;
    }
    if (align <= _Alignof(max_align_t)) return realloc(ptr, new_size);
    size_t rounded;
    if (!orn_align_up(new_size, align, &rounded)) return NULL;
    void *fresh = aligned_alloc(align, rounded);
    if (fresh != NULL && ptr != NULL) {
        memcpy(fresh, ptr, ORN_MIN(old_size, new_size));
        free(ptr);
    }
    return fresh;
}

orion_allocator orn_allocator(const orion_allocator *a) {
    if (a != NULL && a->realloc != NULL) return *a;
    return (orion_allocator){.size = sizeof(orion_allocator), .realloc = libc_realloc};
}

void *orn_alloc_aligned(const orion_allocator *a, size_t size, size_t align) {
    return a->realloc(a->ctx, NULL, 0, size == 0 ? 1 : size, align);
}

void *orn_alloc(const orion_allocator *a, size_t size) {
    return orn_alloc_aligned(a, size, 16);
}

void *orn_zalloc(const orion_allocator *a, size_t size) {
    void *p = orn_alloc(a, size);
    if (p != NULL) memset(p, 0, size);
    return p;
}

void orn_free(const orion_allocator *a, void *ptr, size_t size) {
    if (ptr != NULL) a->realloc(a->ctx, ptr, size == 0 ? 1 : size, 0, 16);
}

bool orn_grow(const orion_allocator *a, void **ptr, size_t *capacity, size_t need, size_t elem) {
    if (need <= *capacity) return true;
    size_t grown = *capacity < 8 ? 8 : *capacity;
    while (grown < need) {
        if (!orn_mul(grown, 2, &grown)) return false;
    }
    size_t bytes;
    if (!orn_mul(grown, elem, &bytes)) return false;
    void *fresh = a->realloc(a->ctx, *ptr, *capacity * elem, bytes, 16);
    if (fresh == NULL) return false;
    *ptr = fresh;
    *capacity = grown;
    return true;
}

char *orn_strdup(const orion_allocator *a, const char *s) {
    size_t n = strlen(s) + 1;
    char *copy = orn_alloc(a, n);
    if (copy != NULL) memcpy(copy, s, n);
    return copy;
}

void orn_strfree(const orion_allocator *a, char *s) {
    if (s != NULL) orn_free(a, s, strlen(s) + 1);
}

struct orn_arena_block {
    orn_arena_block *next;
    size_t bytes, used; /* of the whole block, header included */
    size_t reserved;
};

enum { ARENA_BLOCK_BYTES = 16 * 1024 };

void orn_arena_init(orn_arena *arena, const orion_allocator *a) {
    *arena = (orn_arena){.allocator = orn_allocator(a)};
}

void orn_arena_clear(orn_arena *arena) {
    while (arena->blocks != NULL) {
        orn_arena_block *block = arena->blocks;
        arena->blocks = block->next;
        orn_free(&arena->allocator, block, block->bytes);
    }
}

void *orn_arena_alloc(orn_arena *arena, size_t size) {
    size_t rounded;
    if (!orn_align_up(size == 0 ? 1 : size, 16, &rounded)) return NULL;
    orn_arena_block *block = arena->blocks;
    if (block == NULL || block->bytes - block->used < rounded) {
        size_t bytes;
        if (!orn_add(rounded, sizeof(orn_arena_block), &bytes)) return NULL;
        if (bytes < ARENA_BLOCK_BYTES) bytes = ARENA_BLOCK_BYTES;
        orn_arena_block *fresh = orn_alloc(&arena->allocator, bytes);
        if (fresh == NULL) return NULL;
        *fresh = (orn_arena_block){.bytes = bytes, .used = sizeof(orn_arena_block)};
        /* A big block goes behind the current one, so that the room left there is not lost. */
        if (block != NULL && rounded >= ARENA_BLOCK_BYTES / 2) {
            fresh->next = block->next;
            block->next = fresh;
        } else {
            fresh->next = block;
            arena->blocks = fresh;
        }
        block = fresh;
    }
    void *p = (char *)block + block->used;
    block->used += rounded;
    memset(p, 0, rounded);
    return p;
}

char *orn_arena_strndup(orn_arena *arena, const char *s, size_t n) {
    size_t bytes;
    if (!orn_add(n, 1, &bytes)) return NULL;
    char *copy = orn_arena_alloc(arena, bytes);
    if (copy != NULL && n != 0) memcpy(copy, s, n);
    return copy;
}

orion_status orn_check_size(const void *in, void *out, size_t known) {
    memset(out, 0, known);
    memcpy(out, &known, sizeof known);
    if (in == NULL) return ORION_OK;
    size_t size;
    memcpy(&size, in, sizeof size);
    if (size < sizeof size) return ORION_ERROR_INVALID_ARGUMENT;
    const unsigned char *bytes = in;
    for (size_t i = known; i < size; i++) {
        if (bytes[i] != 0) return ORION_ERROR_ABI;
    }
    memcpy(out, in, ORN_MIN(size, known));
    memcpy(out, &known, sizeof known);
    return ORION_OK;
}

orion_status orn_fill_sized(const void *in, void *out, size_t known) {
    size_t size;
    memcpy(&size, out, sizeof size);
    if (size < sizeof size) return ORION_ERROR_INVALID_ARGUMENT;
    memset(out, 0, size);
    memcpy(out, in, ORN_MIN(size, known));
    memcpy(out, &size, sizeof size);
    return ORION_OK;
}
