/* SPDX-License-Identifier: MIT */
/*
 * Where in the workspace each buffer lies.
 *
 * A buffer is alive from the first to the last step that touches it. The largest buffers are placed
 * first, each in the tightest gap that it fits in between those already placed that are alive at
 * the same time. Placing by size rather than by time leaves the small gaps for small buffers, and
 * comes out at, or close to, the most that is alive at once.
 */
#include "plan.h"

typedef struct placing {
    const cpu_buffer *buffers;
    uint32_t *order;  /* buffer numbers, in the order of placing */
    uint32_t *placed; /* by offset */
    size_t count, placed_count;
} placing;

/* A total order, so that a plan comes out the same every time. */
static bool goes_first(const placing *s, uint32_t a, uint32_t b) {
    const cpu_buffer *x = &s->buffers[a], *y = &s->buffers[b];
    if (x->bytes != y->bytes) return x->bytes > y->bytes;
    return x->first != y->first ? x->first < y->first : a < b;
}

/* Heap sort: the root of the heap is what goes last. */
static void sift(const placing *s, size_t root, size_t count) {
    uint32_t *list = s->order;
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && goes_first(s, list[child], list[child + 1])) child++;
        if (goes_first(s, list[child], list[root])) return;
        uint32_t swap = list[root];
        list[root] = list[child];
        list[child] = swap;
    }
}

static void sort(const placing *s) {
    for (size_t i = s->count / 2; i-- > 0;) sift(s, i, s->count);
    for (size_t n = s->count; n-- > 1;) {
        uint32_t swap = s->order[0];
        s->order[0] = s->order[n];
        s->order[n] = swap;
        sift(s, 0, n);
    }
}

/* The lowest of the tightest gaps, or the end of all that is alive with b. */
static size_t find_offset(const placing *s, const cpu_buffer *b) {
    size_t end = 0, best = 0, tightest = SIZE_MAX; /* end: of the buffers passed so far */
    for (size_t i = 0; i < s->placed_count; i++) {
        const cpu_buffer *other = &s->buffers[s->placed[i]];
        if (other->last < b->first || b->last < other->first) continue;
        if (other->offset >= end) {
            size_t gap = other->offset - end;
            if (gap >= b->bytes && gap < tightest) {
                tightest = gap;
                best = end;
            }
        }
        end = ORN_MAX(end, other->offset + other->bytes);
    }
    return tightest == SIZE_MAX ? end : best;
}

static void insert(placing *s, uint32_t number) {
    size_t at = s->placed_count++;
    for (; at > 0 && s->buffers[s->placed[at - 1]].offset > s->buffers[number].offset; at--) {
        s->placed[at] = s->placed[at - 1];
    }
    s->placed[at] = number;
}

orion_status cpu_place_buffers(cpu_planner *p) {
    orion_ane_program_stats *stats = &p->plan->code.stats;
    placing s = {.buffers = p->buffers,
                 .order = orn_arena_alloc(&p->arena, p->buffer_count * sizeof(uint32_t)),
                 .placed = orn_arena_alloc(&p->arena, p->buffer_count * sizeof(uint32_t))};
    if (s.order == NULL || s.placed == NULL) return ORION_ERROR_NO_MEMORY;
    for (uint32_t i = 0; i < p->buffer_count; i++) {
        cpu_buffer *b = &p->buffers[i];
        if (b->place != CPU_PLACE_WORKSPACE || b->first == CPU_NONE) continue;
        if (!orn_align_up(b->bytes, CPU_SCRATCH_ALIGN, &b->bytes)) return ORION_ERROR_NO_MEMORY;
        stats->value_bytes += b->bytes;
        s.order[s.count++] = i;
    }
    sort(&s);
    size_t total = 0;
    for (size_t i = 0; i < s.count; i++) {
        cpu_buffer *b = &p->buffers[s.order[i]];
        b->offset = find_offset(&s, b);
        size_t end;
        if (!orn_add(b->offset, b->bytes, &end)) return ORION_ERROR_NO_MEMORY;
        total = ORN_MAX(total, end);
        insert(&s, s.order[i]);
    }
    p->plan->workspace_bytes = total;
    stats->workspace_bytes = total;
    return ORION_OK;
}
