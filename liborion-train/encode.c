/* SPDX-License-Identifier: MIT */
/* Text to tokens, with the results of llama2.c in O(n log n). */
#include "tokenizer-internal.h"

/*
 * llama2.c puts a space in front of the text (if there is a piece for it), looks every character up
 * (one that no piece covers becomes byte tokens), and then, again and again, looks at all
 * neighbours and merges the pair whose joined piece has the best score, the leftmost of equals,
 * until no pair can be merged.
 *
 * Here the pairs wait in a heap ordered by score, then place. Merging one removes it, makes its two
 * neighbour pairs anew, and leaves their old entries in the heap, to be recognised as stale when
 * they surface: what they promise to join is no longer there. The order of merges, and so the
 * result, is that of the scan.
 *
 * The text is worked off in spans. Where two adjacent bytes stand side by side in no piece, no
 * merge can reach across, and the merges on either side know nothing of each other; with usual
 * vocabularies a span is a word, so the heap stays small whatever the length of the text.
 *
 * Byte tokens and the begin token never merge. In llama2.c they could, if a piece contained the
 * spelling "<0x0A>"; no real vocabulary has one, and text would not decode to itself.
 */

enum { NONE = -1, LONGEST_CHARACTER = 4 };
static const float least_score = -1e10f; /* llama2.c merges nothing below */

typedef struct symbol {
    int32_t id;            /* NONE: merged into the one before it */
    uint32_t length;       /* bytes of its piece */
    size_t previous, next; /* neighbours in the span; SIZE_MAX: none */
} symbol;

typedef struct merge {
    float score;
    int32_t id;      /* of the joined piece */
    size_t left;     /* index of the left symbol */
    uint32_t length; /* bytes of the joined piece */
} merge;

typedef struct encoder {
    const orion_train_tokenizer *t;
    symbol *symbols; /* of the span */
    merge *heap;
    char *joined; /* room for two pieces */
    size_t symbol_count, symbol_capacity, heap_count, heap_capacity;
    char last; /* byte before the next character */
    int32_t *out;
    size_t out_count;
} encoder;

/* ---- the heap ---- */

static bool before(const merge *a, const merge *b) {
    return a->score != b->score ? a->score > b->score : a->left < b->left;
}

static orion_status push(encoder *e, merge m) {
    if (!ORN_GROW(&e->t->allocator, e->heap, e->heap_capacity, e->heap_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    size_t i = e->heap_count++;
    for (; i != 0 && before(&m, &e->heap[(i - 1) / 2]); i = (i - 1) / 2) {
        e->heap[i] = e->heap[(i - 1) / 2];
    }
    e->heap[i] = m;
    return ORION_OK;
}

static merge pop(encoder *e) {
    merge top = e->heap[0], m = e->heap[--e->heap_count];
    size_t i = 0, child;
    while ((child = 2 * i + 1) < e->heap_count) {
        if (child + 1 < e->heap_count && before(&e->heap[child + 1], &e->heap[child])) child++;
        if (!before(&e->heap[child], &m)) break;
        e->heap[i] = e->heap[child];
        i = child;
    }
    if (e->heap_count != 0) e->heap[i] = m;
    return top;
}

/* ---- merging a span ---- */

/* Put the pair (left, its neighbour) into the heap if it can be merged. */
static orion_status consider(encoder *e, size_t left) {
    const orion_train_tokenizer *t = e->t;
    if (left == SIZE_MAX || e->symbols[left].next == SIZE_MAX) return ORION_OK;
    const symbol *a = &e->symbols[left], *b = &e->symbols[a->next];
    if (a->id < TRAIN_FIRST_PIECE || b->id < TRAIN_FIRST_PIECE) return ORION_OK;
    uint64_t length = (uint64_t)a->length + b->length;
    if (length > t->longest) return ORION_OK;
    memcpy(e->joined, t->pieces[a->id].bytes, a->length);
    memcpy(e->joined + a->length, t->pieces[b->id].bytes, b->length);
    const uint32_t *id = orn_map_get(&t->ids, e->joined, (size_t)length);
    if (id == NULL || !(t->pieces[*id].score > least_score)) return ORION_OK;
    return push(e, (merge){t->pieces[*id].score, (int32_t)*id, left, (uint32_t)length});
}

/* Is the pair that the entry wants to join still there? Symbols only grow, so lengths tell. */
static bool is_current(const encoder *e, const merge *m) {
    const symbol *a = &e->symbols[m->left];
    return a->id != NONE && a->next != SIZE_MAX &&
           (uint64_t)a->length + e->symbols[a->next].length == m->length;
}

static void join(encoder *e, const merge *m) {
    symbol *a = &e->symbols[m->left], *b = &e->symbols[a->next];
    a->id = m->id;
    a->length = m->length;
    a->next = b->next;
    b->id = NONE;
    if (b->next != SIZE_MAX) e->symbols[b->next].previous = m->left;
}

/* Merge what can be merged in the span, write its tokens, begin a new one. */
static orion_status finish_span(encoder *e) {
    for (size_t i = 0; i < e->symbol_count; i++) {
        symbol *s = &e->symbols[i];
        s->previous = i == 0 ? SIZE_MAX : i - 1;
        s->next = i + 1 == e->symbol_count ? SIZE_MAX : i + 1;
    }
    for (size_t i = 0; i < e->symbol_count; i++) TRY(consider(e, i));
    while (e->heap_count != 0) {
        merge m = pop(e);
        if (!is_current(e, &m)) continue;
        join(e, &m);
        TRY(consider(e, e->symbols[m.left].previous));
        TRY(consider(e, m.left));
    }
    for (size_t i = 0; i < e->symbol_count; i++) {
        if (e->symbols[i].id != NONE) e->out[e->out_count++] = e->symbols[i].id;
    }
    e->symbol_count = 0;
    return ORION_OK;
}

/* ---- characters ---- */

static orion_status add_symbol(encoder *e, int32_t id, uint32_t length) {
    if (!ORN_GROW(&e->t->allocator, e->symbols, e->symbol_capacity, e->symbol_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    e->symbols[e->symbol_count++] = (symbol){.id = id, .length = length};
    return ORION_OK;
}

/* One character of `length` bytes, as a piece or as bytes. */
static orion_status add_character(encoder *e, const char *s, uint32_t length) {
    if (!train_pair_is_marked(e->t, e->last, s[0])) TRY(finish_span(e));
    e->last = s[length - 1];
    const uint32_t *id = orn_map_get(&e->t->ids, s, length);
    if (id != NULL) return add_symbol(e, (int32_t)*id, length);
    for (uint32_t i = 0; i < length; i++) {
        TRY(add_symbol(e, TRAIN_FIRST_BYTE + (unsigned char)s[i], 1));
    }
    return ORION_OK;
}

static bool continues(char c) {
    return ((unsigned char)c & 0xc0) == 0x80;
}

static orion_status encode(encoder *e, const char *text, size_t length) {
    size_t joined = 2 * (size_t)e->t->longest;
    e->joined = orn_alloc(&e->t->allocator, joined);
    if (e->joined == NULL) return ORION_ERROR_NO_MEMORY;
    bool has_space = orn_map_get(&e->t->ids, " ", 1) != NULL;
    orion_status status = has_space ? add_character(e, " ", 1) : ORION_OK;
    /* A character is a byte and up to three continuation bytes, whatever the first one is. */
    for (size_t at = 0; at < length && status == ORION_OK;) {
        uint32_t n = 1;
        while (n < LONGEST_CHARACTER && at + n < length && continues(text[at + n])) n++;
        status = add_character(e, text + at, n);
        at += n;
    }
    if (status == ORION_OK) status = finish_span(e);
    orn_free(&e->t->allocator, e->joined, joined);
    orn_free(&e->t->allocator, e->symbols, e->symbol_capacity * sizeof *e->symbols);
    orn_free(&e->t->allocator, e->heap, e->heap_capacity * sizeof *e->heap);
    return status;
}

orion_status orion_train_tokenizer_encode(const orion_train_tokenizer *tokenizer, const char *text,
                                          size_t length, uint32_t bos, int32_t *out_tokens,
                                          size_t *out_count) {
    encoder e = {.t = tokenizer, .out = out_tokens};
    *out_count = 0;
    if (bos) e.out[e.out_count++] = orion_train_tokenizer_bos(tokenizer);
    if (tokenizer->file == NULL) {
        for (size_t i = 0; i < length; i++) e.out[e.out_count++] = (unsigned char)text[i];
    } else if (length != 0) {
        TRY(encode(&e, text, length));
    }
    *out_count = e.out_count;
    return ORION_OK;
}
