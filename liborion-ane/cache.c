/* SPDX-License-Identifier: MIT */
/*
 * The in-memory program cache: compiled code by program identity, least recently used out first.
 *
 * A list in order of use, searched from its newest end. Comparing a few dozen identities costs
 * nothing beside computing the one that is looked for. Code is compiled and released outside of the
 * lock.
 */
#include "ane-internal.h"

orion_status ane_cache_create(const orion_allocator *a, size_t limit, ane_cache **out_cache) {
    ane_cache *cache = orn_zalloc(a, sizeof *cache);
    if (cache == NULL) return ORION_ERROR_NO_MEMORY;
    *cache = (ane_cache){.allocator = *a, .limit = limit};
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        orn_free(a, cache, sizeof *cache);
        return ORION_ERROR_NO_MEMORY;
    }
    *out_cache = cache;
    return ORION_OK;
}

static void unlink_entry(ane_cache *cache, ane_entry *e) {
    *(e->newer != NULL ? &e->newer->older : &cache->newest) = e->older;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e->newer;
    e->newer = e->older = NULL;
    cache->count--;
}

static void link_newest(ane_cache *cache, ane_entry *e) {
    e->older = cache->newest;
    *(e->older != NULL ? &e->older->newer : &cache->oldest) = e;
    cache->newest = e;
    cache->count++;
}

static ane_entry *ref(ane_entry *e) {
    atomic_fetch_add_explicit(&e->refs, 1, memory_order_relaxed);
    return e;
}

void ane_cache_unref(ane_cache *cache, ane_entry *e) {
    if (e == NULL || atomic_fetch_sub_explicit(&e->refs, 1, memory_order_acq_rel) != 1) return;
    e->code->backend->release(e->code);
    orn_strfree(&cache->allocator, e->function);
    orn_free(&cache->allocator, e, sizeof *e);
}

/* With the lock held. A found entry becomes the newest. */
static ane_entry *find_locked(ane_cache *cache, const char *identity, const char *function) {
    for (ane_entry *e = cache->newest; e != NULL; e = e->older) {
        if (strcmp(e->identity, identity) != 0 || strcmp(e->function, function) != 0) continue;
        unlink_entry(cache, e);
        link_newest(cache, e);
        return ref(e);
    }
    return NULL;
}

ane_entry *ane_cache_find(ane_cache *cache, const char *identity, const char *function) {
    pthread_mutex_lock(&cache->lock);
    ane_entry *e = find_locked(cache, identity, function);
    *(e != NULL ? &cache->hits : &cache->misses) += 1;
    pthread_mutex_unlock(&cache->lock);
    return e;
}

ane_entry *ane_cache_add(ane_cache *cache, const char *identity, const char *function,
                         ane_code *code) {
    ane_entry *e = orn_zalloc(&cache->allocator, sizeof *e);
    char *name = orn_strdup(&cache->allocator, function);
    if (e == NULL || name == NULL) {
        code->backend->release(code);
        orn_strfree(&cache->allocator, name);
        orn_free(&cache->allocator, e, sizeof *e);
        return NULL;
    }
    e->code = code;
    e->function = name;
    atomic_init(&e->refs, 1);
    memcpy(e->identity, identity, sizeof e->identity);

    ane_entry *evicted = NULL;
    pthread_mutex_lock(&cache->lock);
    ane_entry *other = find_locked(cache, identity, function);
    if (other == NULL) {
        if (cache->count == cache->limit) {
            evicted = cache->oldest;
            unlink_entry(cache, evicted);
            cache->evictions++;
        }
        link_newest(cache, ref(e));
    }
    pthread_mutex_unlock(&cache->lock);
    ane_cache_unref(cache, evicted);
    if (other != NULL) ane_cache_unref(cache, e);
    return other != NULL ? other : e;
}

void ane_cache_clear(ane_cache *cache) {
    pthread_mutex_lock(&cache->lock);
    ane_entry *first = cache->newest;
    cache->newest = cache->oldest = NULL;
    cache->count = 0;
    pthread_mutex_unlock(&cache->lock);
    while (first != NULL) {
        ane_entry *next = first->older;
        first->newer = first->older = NULL;
        ane_cache_unref(cache, first);
        first = next;
    }
}

void ane_cache_destroy(ane_cache *cache) {
    ane_cache_clear(cache);
    pthread_mutex_destroy(&cache->lock);
    orion_allocator a = cache->allocator;
    orn_free(&a, cache, sizeof *cache);
}

void ane_cache_get_stats(ane_cache *cache, orion_ane_cache_stats *out) {
    pthread_mutex_lock(&cache->lock);
    *out = (orion_ane_cache_stats){.size = sizeof *out,
                                   .hits = cache->hits,
                                   .misses = cache->misses,
                                   .evictions = cache->evictions,
                                   .entries = cache->count};
    pthread_mutex_unlock(&cache->lock);
}
