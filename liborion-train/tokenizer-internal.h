/* SPDX-License-Identifier: MIT */
/* What tokenizer.c and encode.c share: the tables of a tokenizer. */
#ifndef TOKENIZER_INTERNAL_H
#define TOKENIZER_INTERNAL_H

#include "train-internal.h"

enum {
    /* llama2.c */
    TRAIN_BEGIN = 1,
    TRAIN_END = 2,
    TRAIN_FIRST_BYTE = 3,
    TRAIN_FIRST_PIECE = TRAIN_FIRST_BYTE + 256,
    TRAIN_VOCAB_MAX = 1 << 24,
    /* byte level */
    TRAIN_BYTES_END = 256
};

typedef struct train_piece {
    const char *bytes; /* in the file */
    uint32_t length;
    float score;
} train_piece;

struct orion_train_tokenizer {
    orion_allocator allocator;
    orion_blob *file; /* NULL: byte level; then only `vocab` and `bytes` are used */
    train_piece *pieces;
    size_t capacity; /* of pieces */
    orn_map ids;     /* pieces from TRAIN_FIRST_PIECE on, by their bytes */
    atomic_uint refs;
    uint32_t vocab, longest;
    char bytes[256];      /* every byte, to point at */
    uint64_t pairs[1024]; /* bit 256 a + b: some piece has byte b behind byte a */
};

static inline uint32_t train_pair_bit(char a, char b) {
    return (uint32_t)(unsigned char)a << 8 | (unsigned char)b;
}
static inline void train_pair_mark(orion_train_tokenizer *t, char a, char b) {
    uint32_t bit = train_pair_bit(a, b);
    t->pairs[bit >> 6] |= (uint64_t)1 << (bit & 63);
}
static inline bool train_pair_is_marked(const orion_train_tokenizer *t, char a, char b) {
    uint32_t bit = train_pair_bit(a, b);
    return t->pairs[bit >> 6] >> (bit & 63) & 1;
}

#endif
