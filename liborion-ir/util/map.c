/* SPDX-License-Identifier: MIT */
/* Hashing of byte strings and an open-addressing map from names to numbers. */
#include "util.h"

uint64_t orn_hash_bytes(const void *data, size_t n, uint64_t seed) {
    /* FNV-1a over bytes, then a final mix: stable everywhere, quick enough for names and small
     * constants. */
    const unsigned char *p = data;
    uint64_t h = 0xcbf29ce484222325ull ^ seed;
    for (size_t i = 0; i < n; i++) h = (h ^ p[i]) * 0x100000001b3ull;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93ull;
    return h ^ h >> 32;
}

void orn_map_init(orn_map *m, const orion_allocator *a) {
    *m = (orn_map){.allocator = orn_allocator(a)};
}

void orn_map_free(orn_map *m) {
    orn_free(&m->allocator, m->slots, m->capacity * sizeof(orn_map_slot));
    m->slots = NULL;
    m->capacity = m->count = 0;
}

/*
 * Names come from files of strangers, so the hash is seeded with where the table lies: nobody can
 * prepare names that all meet in one slot. Nothing but time depends on it, for a map is never
 * walked.
 */
static orn_map_slot *find(const orn_map *m, const char *key, size_t n) {
    size_t mask = m->capacity - 1;
    size_t i = (size_t)orn_hash_bytes(key, n, (uint64_t)(uintptr_t)m->slots) & mask;
    while (m->slots[i].key != NULL &&
           (m->slots[i].length != n || memcmp(m->slots[i].key, key, n) != 0)) {
        i = (i + 1) & mask;
    }
    return &m->slots[i];
}

uint32_t *orn_map_get(const orn_map *m, const char *key, size_t n) {
    if (m->capacity == 0) return NULL;
    orn_map_slot *slot = find(m, key, n);
    return slot->key == NULL ? NULL : &slot->value;
}

orion_status orn_map_put(orn_map *m, const char *key, size_t n, uint32_t value) {
    if (n > UINT32_MAX) return ORION_ERROR_INVALID_ARGUMENT;
    if (m->count * 2 >= m->capacity) {
        orn_map bigger = {.allocator = m->allocator};
        bigger.capacity = m->capacity == 0 ? 16 : m->capacity * 2;
        bigger.slots = orn_zalloc(&m->allocator, bigger.capacity * sizeof(orn_map_slot));
        if (bigger.slots == NULL) return ORION_ERROR_NO_MEMORY;
        for (size_t i = 0; i < m->capacity; i++) {
            if (m->slots[i].key != NULL) {
                *find(&bigger, m->slots[i].key, m->slots[i].length) = m->slots[i];
            }
        }
        bigger.count = m->count;
        orn_free(&m->allocator, m->slots, m->capacity * sizeof(orn_map_slot));
        *m = bigger;
    }
    orn_map_slot *slot = find(m, key, n);
    if (slot->key == NULL) {
        *slot = (orn_map_slot){.key = key, .length = (uint32_t)n};
        m->count++;
    }
    slot->value = value;
    return ORION_OK;
}
