/* SPDX-License-Identifier: MIT */
/* The counting, checking, failing allocator and the out-of-memory loop. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include <pthread.h>

/* Sits right before each block; the padding before it keeps the block aligned. */
typedef struct header {
    uint64_t magic;
    size_t size, align;
    void *base;
} header;

enum { MAGIC_LIVE = 0x0410, MAGIC_DEAD = 0xdead };

static void blunder(test_heap *heap, const char *what) {
    heap->misuse++;
    if (heap->blunder == NULL) heap->blunder = what;
}

static void *block_new(test_heap *heap, size_t size, size_t align) {
    size_t real = align < sizeof(header) ? sizeof(header) : align;
    if (size > SIZE_MAX / 4) return NULL;
    void *base;
    if (posix_memalign(&base, real, size + 2 * real) != 0) return NULL;
    char *block = (char *)base + (sizeof(header) > real ? 2 * real : real);
    header *h = (header *)(void *)(block - sizeof(header));
    *h = (header){MAGIC_LIVE, size, align, base};
    memset(block, 0xa5, size);
    heap->live_bytes += size;
    heap->live_blocks++;
    if (heap->live_bytes > heap->peak_bytes) heap->peak_bytes = heap->live_bytes;
    return block;
}

static void block_free(test_heap *heap, void *block) {
    header *h = (header *)(void *)((char *)block - sizeof(header));
    heap->live_bytes -= h->size;
    heap->live_blocks--;
    memset(block, 0x5a, h->size);
    h->magic = MAGIC_DEAD;
    free(h->base);
}

static void *heap_locked(test_heap *heap, void *ptr, size_t old_size, size_t new_size,
                         size_t align) {
    const header *h = NULL;
    if (align == 0 || (align & (align - 1)) != 0) {
        blunder(heap, "alignment is not a power of two");
        return NULL;
    }
    if (ptr != NULL) {
        h = (const header *)(const void *)((char *)ptr - sizeof(header));
        if (h->magic != MAGIC_LIVE) {
            blunder(heap, "resized or freed something that is not live");
            return NULL;
        }
        if (h->size != old_size) blunder(heap, "old_size is not the size of the block");
    } else if (old_size != 0) {
        blunder(heap, "old_size without a block");
    }
    if (new_size == 0) {
        if (ptr != NULL) block_free(heap, ptr);
        return NULL;
    }
    if (heap->requests++ == heap->fail_at) {
        heap->failures++;
        return NULL;
    }
    void *block = block_new(heap, new_size, align);
    if (block == NULL) return NULL;
    if (ptr != NULL) {
        memcpy(block, ptr, h->size < new_size ? h->size : new_size);
        block_free(heap, ptr);
    }
    return block;
}

static void *heap_realloc(void *ctx, void *ptr, size_t old_size, size_t new_size, size_t align) {
    test_heap *heap = ctx;
    pthread_mutex_lock(heap->lock);
    void *block = heap_locked(heap, ptr, old_size, new_size, align);
    pthread_mutex_unlock(heap->lock);
    return block;
}

void test_heap_init(test_heap *heap) {
    *heap = (test_heap){
        .allocator = {sizeof(orion_allocator), heap, heap_realloc},
        .fail_at = UINT64_MAX,
    };
    heap->lock = calloc(1, sizeof(pthread_mutex_t));
    if (heap->lock == NULL) abort();
    pthread_mutex_init(heap->lock, NULL);
}

void test_heap_fini(test_heap *heap) {
    pthread_mutex_destroy(heap->lock);
    free(heap->lock);
    heap->lock = NULL;
}

void test_heap_arm(test_heap *heap, uint64_t n) {
    heap->requests = 0;
    heap->failures = 0;
    heap->fail_at = n;
}

void test_heap_disarm(test_heap *heap) {
    heap->fail_at = UINT64_MAX;
}

const char *test_heap_check(const test_heap *heap, char *why, size_t size) {
    if (heap->misuse != 0) {
        snprintf(why, size, "allocator misused %llu times, first: %s",
                 (unsigned long long)heap->misuse, heap->blunder);
        return why;
    }
    if (heap->live_bytes != 0 || heap->live_blocks != 0) {
        snprintf(why, size, "leaked %zu bytes in %zu blocks", heap->live_bytes, heap->live_blocks);
        return why;
    }
    return NULL;
}

void oom_arm(oom_case *oom) {
    oom->armed = true;
    test_heap_arm(&oom->heap, oom->n);
}

void oom_disarm(oom_case *oom) {
    test_heap_disarm(&oom->heap);
}

void oom_output(oom_case *oom, orion_status status, const void *output) {
    if ((status == ORION_OK) != (output != NULL)) {
        oom->mistake = status == ORION_OK ? "success without an output"
                                          : "an output is not NULL after a failure";
    }
}

static const char *oom_round(oom_case *oom, oom_fn fn, void *ctx, char *why, size_t size) {
    char leak[160];
    orion_status status = fn(oom, ctx);
    if (!oom->armed) return "the case never called oom_arm";
    if (oom->mistake != NULL) return oom->mistake;
    if (test_heap_check(&oom->heap, leak, sizeof leak) != NULL) {
        snprintf(why, size, "%s", leak);
        return why;
    }
    if (oom->heap.failures == 0 && status != ORION_OK) {
        snprintf(why, size, "fails without a failing request: %s", orion_status_string(status));
        return why;
    }
    if (oom->heap.failures != 0 && status != ORION_ERROR_NO_MEMORY) {
        snprintf(why, size, "says \"%s\" instead of \"out of memory\"",
                 orion_status_string(status));
        return why;
    }
    return NULL;
}

const char *oom_run(oom_fn fn, void *ctx, char *why, size_t size, uint64_t *out_rounds) {
    uint64_t rounds = 0;
    bool done = false;
    for (uint64_t n = 0; !done; n += 1 + n / 512) {
        oom_case oom = {.n = n};
        test_heap_init(&oom.heap);
        char reason[200];
        const char *wrong = oom_round(&oom, fn, ctx, reason, sizeof reason);
        done = oom.heap.failures == 0;
        rounds++;
        test_heap_fini(&oom.heap);
        if (wrong != NULL) {
            snprintf(why, size, "request %llu: %s", (unsigned long long)n, wrong);
            return why;
        }
    }
    if (out_rounds != NULL) *out_rounds = rounds;
    return NULL;
}

void oom_loop(const char *name, oom_fn fn, void *ctx) {
    char why[256];
    uint64_t rounds = 0;
    if (oom_run(fn, ctx, why, sizeof why, &rounds) != NULL) fail_msg("%s: %s", name, why);
    print_message("%s: %llu rounds\n", name, (unsigned long long)rounds);
}
