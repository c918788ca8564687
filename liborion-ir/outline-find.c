/* SPDX-License-Identifier: MIT */
/*
 * Equal stretches in a sequence of nodes.
 *
 * Every node gets a letter: nodes have the same one if op, attributes and types agree. Stretches
 * that do the same spell the same word, so candidates are words that occur more than once. All of
 * them are intervals of the suffix array: suffixes that begin with the same word stand side by
 * side. An interval is a word of some length, which cannot be made longer without losing an
 * occurrence, and the places where it occurs.
 *
 * A stack of layers is one word again and again. There, long words overlap themselves: if two
 * occurrences are d apart and the word is longer than d, it has the period d, and the word wanted
 * is its first d letters.
 *
 * Of a candidate those places count that do not overlap, and whose operands come from the same
 * place in the stretch. It is worth what it saves: its length for every call but the first; of two
 * that save the same, the one with fewer values going in and out wins. The best is taken, its nodes
 * become letters that occur once, and so on. What a candidate is worth can only fall while others
 * are taken; so a heap of generous estimates finds the best without looking at all of them: the top
 * is measured, and either is the best or sinks.
 *
 * A word that lost places could still be worth something if it were shorter. So all is done again,
 * with the letters as they are then, until nothing is found; at most ROUNDS_MAX times.
 */
#include "outline-internal.h"

enum { ROUNDS_MAX = 8, KINDS_MAX = 3 /* of wiring tried for one word */ };

typedef struct word {
    size_t length, parent; /* letters; any more than `parent` would be as good */
    size_t left, right;    /* its occurrences are suffixes[left..right] */
    size_t gap;            /* least distance of two that are neighbours there */
} word;

typedef struct heap_item {
    uint64_t key;
    uint32_t item;
} heap_item;

typedef struct finder {
    const ir_sequence *s;
    size_t n, min_nodes;
    orn_arena *arena;
    uint32_t *letters;
    size_t letter_count;
    uint32_t *suffixes, *rank, *common, *buckets, *spare; /* [n], buckets [2 n + 2] */
    uint32_t *stamp;                                      /* by value id, see interface_of */
    uint32_t stamps;
    bool *taken; /* [n] */
    word *words;
    size_t word_count, word_capacity;
    heap_item *heap, *places; /* [word_count]; [n] */
    uint32_t *starts, *best;  /* [n] */
} finder;

/* ---- a heap with the greatest key on top; of equal keys, the lower item ---- */

static bool above(heap_item a, heap_item b) {
    return a.key != b.key ? a.key > b.key : a.item < b.item;
}

static void sift_down(heap_item *heap, size_t n, size_t i) {
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && above(heap[child + 1], heap[child])) child++;
        if (!above(heap[child], heap[i])) return;
        heap_item old = heap[i];
        heap[i] = heap[child];
        heap[child] = old;
        i = child;
    }
}

static void make_heap(heap_item *heap, size_t n) {
    for (size_t i = n / 2; i-- != 0;) sift_down(heap, n, i);
}

/* Ascending by key. */
static void sort(heap_item *items, size_t n) {
    make_heap(items, n);
    for (size_t left = n; left > 1; left--) {
        heap_item greatest = items[0];
        items[0] = items[left - 1];
        items[left - 1] = greatest;
        sift_down(items, left - 1, 0);
    }
}

/* ---- letters ---- */

static const orion_ir_type *type_of(const finder *f, uint32_t id) {
    return &ir_val(f->s->g, id)->type;
}

static uint64_t hash_node(const finder *f, const orion_ir_node *n) {
    uint64_t head[] = {n->op, n->n_in, n->n_out};
    uint64_t h = ir_hash_attributes(n, orn_hash_bytes(head, sizeof head, 0));
    for (uint32_t i = 0; i < n->n_in; i++) {
        h = orn_hash_bytes(type_of(f, n->in[i]), sizeof(orion_ir_type), h);
    }
    return h;
}

/* Number the hashes in the order in which they are met. Two nodes with one hash by accident do no
 * harm: same_node looks again. */
static orion_status assign_letters(finder *f) {
    const orion_allocator *a = &f->arena->allocator;
    uint64_t *hashes = orn_alloc(a, f->n * sizeof *hashes);
    orion_status status = hashes == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    orn_map numbers;
    orn_map_init(&numbers, a);
    for (size_t i = 0; i < f->n && status == ORION_OK; i++) {
        hashes[i] = hash_node(f, f->s->nodes[i]);
        const uint32_t *known = orn_map_get(&numbers, (char *)&hashes[i], sizeof *hashes);
        f->letters[i] = known != NULL ? *known : (uint32_t)f->letter_count++;
        if (known != NULL) continue;
        status = orn_map_put(&numbers, (char *)&hashes[i], sizeof *hashes, f->letters[i]);
    }
    orn_map_free(&numbers);
    orn_free(a, hashes, f->n * sizeof *hashes);
    return status;
}

/* ---- the suffix array ---- */

/* Stable: put what is in `spare` into `suffixes`, by rank. */
static void sort_by_rank(finder *f, size_t ranks) {
    memset(f->buckets, 0, (ranks + 1) * sizeof *f->buckets);
    for (size_t i = 0; i < f->n; i++) f->buckets[f->rank[i] + 1]++;
    for (size_t r = 0; r < ranks; r++) f->buckets[r + 1] += f->buckets[r];
    for (size_t i = 0; i < f->n; i++) {
        f->suffixes[f->buckets[f->rank[f->spare[i]]]++] = f->spare[i];
    }
}

static bool same_rank(const finder *f, uint32_t a, uint32_t b, size_t step) {
    if (f->rank[a] != f->rank[b]) return false;
    bool a_ends = a + step >= f->n, b_ends = b + step >= f->n;
    return a_ends || b_ends ? a_ends && b_ends : f->rank[a + step] == f->rank[b + step];
}

/* Ranks by 2 * step letters from those by step letters; returns how many there are. */
static size_t refine_ranks(finder *f, size_t step) {
    uint32_t ranks = 0;
    for (size_t i = 0; i < f->n; i++) {
        bool same = i != 0 && same_rank(f, f->suffixes[i - 1], f->suffixes[i], step);
        if (i != 0 && !same) ranks++;
        f->spare[f->suffixes[i]] = ranks;
    }
    memcpy(f->rank, f->spare, f->n * sizeof *f->rank);
    return ranks + (size_t)1;
}

/* By doubling: suffixes sorted by their first letter, then by 2, 4, 8 ... letters. */
static void sort_suffixes(finder *f) {
    size_t ranks = f->letter_count;
    for (size_t i = 0; i < f->n; i++) {
        f->rank[i] = f->letters[i];
        f->spare[i] = (uint32_t)i;
    }
    sort_by_rank(f, ranks);
    ranks = refine_ranks(f, f->n);
    for (size_t step = 1; ranks < f->n; step *= 2) {
        size_t to = 0;
        for (size_t i = f->n - step; i < f->n; i++) f->spare[to++] = (uint32_t)i;
        for (size_t i = 0; i < f->n; i++) {
            if (f->suffixes[i] >= step) f->spare[to++] = f->suffixes[i] - (uint32_t)step;
        }
        sort_by_rank(f, ranks);
        ranks = refine_ranks(f, step);
    }
}

/* common[i]: letters that suffixes[i - 1] and suffixes[i] begin with alike (Kasai's way). */
static void count_common(finder *f) {
    size_t h = 0;
    for (size_t i = 0; i < f->n; i++) {
        if (f->rank[i] == 0) {
            f->common[0] = 0;
            h = 0;
            continue;
        }
        size_t j = f->suffixes[f->rank[i] - 1];
        while (i + h < f->n && j + h < f->n && f->letters[i + h] == f->letters[j + h]) h++;
        f->common[f->rank[i]] = (uint32_t)h;
        h -= h != 0;
    }
}

/* ---- words ---- */

/* The length of the word to take, if its occurrences are at least `gap` apart; 0: none, for there
 * is a better word. */
static size_t useful_length(const finder *f, const word *w, size_t gap) {
    if (gap >= w->length) return w->length;
    size_t periods = (f->min_nodes + gap - 1) / gap * gap;
    if (periods > w->parent && periods <= w->length) return periods;
    return w->length < 2 * gap ? w->length : 0;
}

/* An interval that is being read: a word, and the least gap between neighbours in it. */
typedef struct open_word {
    size_t length, left, gap;
} open_word;

static orion_status close_word(finder *f, const open_word *o, size_t parent, size_t right) {
    word w = {o->length, ORN_MAX(parent, f->min_nodes - 1), o->left, right, o->gap};
    if (w.length < f->min_nodes || useful_length(f, &w, o->gap) == 0) return ORION_OK;
    if (!ORN_GROW(&f->arena->allocator, f->words, f->word_capacity, f->word_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    f->words[f->word_count++] = w;
    return ORION_OK;
}

static size_t gap_at(const finder *f, size_t i) {
    size_t a = f->suffixes[i - 1], b = f->suffixes[i];
    return a > b ? a - b : b - a;
}

/* One walk along `common`, with a stack of the intervals that are open; the stack is as high as
 * `common` is, so at most n. */
static orion_status find_words(finder *f, open_word *stack) {
    size_t depth = 0;
    f->word_count = 0;
    for (size_t i = 1; i <= f->n; i++) {
        size_t length = i < f->n ? f->common[i] : 0, gap = i < f->n ? gap_at(f, i) : SIZE_MAX;
        size_t left = i - 1;
        while (depth != 0 && stack[depth - 1].length > length) {
            open_word *o = &stack[--depth];
            size_t parent = depth == 0 ? length : ORN_MAX(length, stack[depth - 1].length);
            TRY(close_word(f, o, parent, i - 1));
            left = o->left;
            gap = ORN_MIN(gap, o->gap);
        }
        if (length == 0) continue;
        if (depth == 0 || stack[depth - 1].length < length) {
            stack[depth++] = (open_word){length, left, SIZE_MAX};
        }
        stack[depth - 1].gap = ORN_MIN(stack[depth - 1].gap, gap);
    }
    return ORION_OK;
}

/* ---- what a word is worth ---- */

static bool same_node(const finder *f, size_t a_start, size_t b_start, size_t k) {
    const ir_sequence *s = f->s;
    const orion_ir_node *a = s->nodes[a_start + k], *b = s->nodes[b_start + k];
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out) return false;
    if (!ir_same_attributes(a, b)) return false;
    for (uint32_t i = 0; i < a->n_in; i++) {
        uint32_t x = a->in[i], y = b->in[i];
        bool inside = ir_from_inside(s, x, a_start);
        if (inside != ir_from_inside(s, y, b_start)) return false;
        if (inside) {
            const orion_ir_node *p = ir_def(s->g, x), *q = ir_def(s->g, y);
            if (s->position[x] - a_start != s->position[y] - b_start) return false;
            if (x - p->out != y - q->out) return false;
        } else if (orion_ir_type_equal(type_of(f, x), type_of(f, y)) == 0) {
            return false;
        }
    }
    return true;
}

static bool same_stretch(const finder *f, size_t a, size_t b, size_t length) {
    for (size_t k = 0; k < length; k++) {
        if (f->letters[a + k] != f->letters[b + k] || !same_node(f, a, b, k)) return false;
    }
    return true;
}

static bool is_free(const finder *f, size_t start, size_t length) {
    if (f->taken[start] || f->taken[start + length - 1]) return false;
    for (size_t k = 1; k + 1 < length; k++) {
        if (f->taken[start + k]) return false;
    }
    return true;
}

/* How many values go into a stretch and come out of it. */
static size_t interface_of(finder *f, size_t start, size_t length) {
    const ir_sequence *s = f->s;
    size_t values = 0;
    f->stamps++;
    for (size_t k = 0; k < length; k++) {
        const orion_ir_node *n = s->nodes[start + k];
        for (uint32_t i = 0; i < n->n_in; i++) {
            if (ir_from_inside(s, n->in[i], start) || f->stamp[n->in[i]] == f->stamps) continue;
            f->stamp[n->in[i]] = f->stamps;
            values++;
        }
        for (uint32_t i = 0; i < n->n_out; i++) values += s->last_use[n->out + i] >= start + length;
    }
    return values;
}

/* One number to compare by: nodes saved, and among equals the smaller interface. */
static uint64_t worth(size_t saved, size_t interface) {
    enum { BITS = 24 };
    uint64_t least = ((uint64_t)1 << BITS) - 1;
    return saved == 0 ? 0 : (uint64_t)saved << BITS | (least - ORN_MIN(interface, least));
}

/*
 * From places[0..count), ascending, take those that are free, do not overlap and do what the first
 * free one does, into `starts`; returns how many. The places that are free but do something else
 * stay in places[0..*left).
 */
static size_t take_alike(finder *f, size_t length, size_t count, size_t *left) {
    size_t taken = 0, end = 0;
    *left = 0;
    for (size_t i = 0; i < count; i++) {
        size_t at = (size_t)f->places[i].key;
        if (!is_free(f, at, length)) continue;
        if (taken != 0 && !same_stretch(f, f->starts[0], at, length)) {
            f->places[(*left)++] = f->places[i];
        } else if (taken == 0 || at >= end) {
            f->starts[taken++] = (uint32_t)at;
            end = at + length;
        }
    }
    return taken;
}

/* The best of what a word can give as things are; its starts are in `best` then. */
static uint64_t measure(finder *f, const word *w, ir_repetition *out) {
    size_t count = w->right - w->left + 1, gap = SIZE_MAX;
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) f->places[i].key = f->suffixes[w->left + i];
    sort(f->places, count);
    for (size_t i = 1; i < count; i++) {
        gap = ORN_MIN(gap, (size_t)(f->places[i].key - f->places[i - 1].key));
    }
    size_t length = useful_length(f, w, gap);
    for (int kind = 0; kind < KINDS_MAX && count != 0 && length != 0; kind++) {
        size_t taken = take_alike(f, length, count, &count);
        if (taken < 2) continue;
        uint64_t value = worth(length * (taken - 1), interface_of(f, f->starts[0], length));
        if (value <= most) continue;
        most = value;
        memcpy(f->best, f->starts, taken * sizeof *f->best);
        *out = (ir_repetition){length, f->best, taken};
    }
    return most;
}

/* What it is worth if all occurrences count: it cannot be more, unless two that are no neighbours
 * in the suffix array are closer than all that are. */
static uint64_t estimate(const finder *f, const word *w) {
    size_t saved = useful_length(f, w, w->gap) * (w->right - w->left);
    return worth(ORN_MIN(saved, f->n - w->parent), 0);
}

/* ---- taking the best ---- */

static orion_status take(finder *f, ir_repetition found, ir_repetitions *out) {
    uint32_t *starts = orn_arena_alloc(f->arena, found.count * sizeof *starts);
    if (starts == NULL || !ORN_GROW(&f->arena->allocator, out->at, out->capacity, out->count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    memcpy(starts, found.starts, found.count * sizeof *starts);
    for (size_t i = 0; i < found.count; i++) {
        memset(f->taken + starts[i], true, found.length * sizeof *f->taken);
    }
    out->at[out->count++] = (ir_repetition){found.length, starts, found.count};
    return ORION_OK;
}

/* Take words as long as one saves anything; *any if one was taken. */
static orion_status take_best(finder *f, ir_repetitions *out, bool *any) {
    for (size_t i = 0; i < f->word_count; i++) {
        f->heap[i] = (heap_item){estimate(f, &f->words[i]), (uint32_t)i};
    }
    make_heap(f->heap, f->word_count);
    while (f->word_count != 0 && f->heap[0].key != 0) {
        ir_repetition found = {0};
        uint32_t item = f->heap[0].item;
        f->heap[0].key = measure(f, &f->words[item], &found);
        sift_down(f->heap, f->word_count, 0);
        if (f->heap[0].item != item || f->heap[0].key == 0) continue;
        TRY(take(f, found, out));
        *any = true;
    }
    return ORION_OK;
}

static orion_status search(finder *f, open_word *stack, ir_repetitions *out) {
    const orion_allocator *a = &f->arena->allocator;
    size_t kinds = f->letter_count;
    bool any = true;
    for (int round = 0; round < ROUNDS_MAX && any; round++) {
        any = false;
        for (size_t i = 0; i < f->n; i++) {
            if (f->taken[i]) f->letters[i] = (uint32_t)(kinds + i);
        }
        f->letter_count = kinds + f->n;
        sort_suffixes(f);
        count_common(f);
        TRY(find_words(f, stack));
        f->heap = orn_alloc(a, f->word_count * sizeof *f->heap);
        if (f->heap == NULL) return ORION_ERROR_NO_MEMORY;
        orion_status status = take_best(f, out, &any);
        orn_free(a, f->heap, f->word_count * sizeof *f->heap);
        TRY(status);
    }
    return ORION_OK;
}

/* ---- memory ---- */

orion_status ir_find_repetitions(const ir_sequence *sequence, size_t min_nodes, orn_arena *arena,
                                 ir_repetitions *out) {
    const orion_allocator *a = &arena->allocator;
    size_t n = sequence->count, values = sequence->g->value_count;
    finder f = {.s = sequence, .n = n, .min_nodes = min_nodes, .arena = arena};
    uint32_t **const rows[] = {&f.letters, &f.suffixes, &f.rank, &f.common,
                               &f.spare,   &f.starts,   &f.best};
    if (n > UINT32_MAX / 4) return ORION_ERROR_NO_MEMORY; /* more letters than numbers for them */
    orion_status status = ORION_OK;
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        *rows[i] = orn_alloc(a, n * sizeof(uint32_t));
        if (*rows[i] == NULL) status = ORION_ERROR_NO_MEMORY;
    }
    f.buckets = orn_alloc(a, (2 * n + 2) * sizeof *f.buckets);
    f.stamp = orn_zalloc(a, values * sizeof *f.stamp);
    f.taken = orn_zalloc(a, n * sizeof *f.taken);
    f.places = orn_zalloc(a, n * sizeof *f.places);
    open_word *stack = orn_alloc(a, n * sizeof *stack);
    if (f.buckets == NULL || f.stamp == NULL || f.taken == NULL || f.places == NULL ||
        stack == NULL) {
        status = ORION_ERROR_NO_MEMORY;
    }
    if (status == ORION_OK) status = assign_letters(&f);
    if (status == ORION_OK && n != 0) status = search(&f, stack, out);
    for (size_t i = 0; i < ORN_COUNT(rows); i++) orn_free(a, *rows[i], n * sizeof(uint32_t));
    orn_free(a, f.buckets, (2 * n + 2) * sizeof *f.buckets);
    orn_free(a, f.stamp, values * sizeof *f.stamp);
    orn_free(a, f.taken, n * sizeof *f.taken);
    orn_free(a, f.places, n * sizeof *f.places);
    orn_free(a, stack, n * sizeof *stack);
    orn_free(a, f.words, f.word_capacity * sizeof *f.words);
    return status;
}
