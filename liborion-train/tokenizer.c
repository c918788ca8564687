/* SPDX-License-Identifier: MIT */
/* Tokenizers: one token per byte, and llama2.c's `tokenizer.bin`. Encoding is in encode.c. */
#include "tokenizer-internal.h"

enum { ENTRY_BYTES = 8 }; /* in front of each piece: f32 score, i32 length */

#define REFUSE(what, ...)                                                                          \
    (orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_TOKENIZER, source, 0, 0, (what),     \
              __VA_ARGS__),                                                                        \
     ORION_ERROR_VERIFY)

static orion_status new_tokenizer(const orion_allocator *allocator, orion_train_tokenizer **out) {
    orion_allocator a = orn_allocator(allocator);
    orion_train_tokenizer *t = orn_zalloc(&a, sizeof *t);
    *out = t;
    if (t == NULL) return ORION_ERROR_NO_MEMORY;
    t->allocator = a;
    atomic_init(&t->refs, 1);
    orn_map_init(&t->ids, &a);
    for (size_t i = 0; i < sizeof t->bytes; i++) t->bytes[i] = (char)(unsigned char)i;
    return ORION_OK;
}

orion_status orion_train_tokenizer_create_bytes(const orion_allocator *allocator,
                                                orion_train_tokenizer **out_tokenizer) {
    TRY(new_tokenizer(allocator, out_tokenizer));
    (*out_tokenizer)->vocab = ORION_TRAIN_BYTE_VOCAB;
    return ORION_OK;
}

/* ---- tokenizer.bin ---- */

static uint32_t read_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

/* A token of the file without its bytes. */
typedef struct entry {
    float score;
    uint32_t length;
} entry;

/* Check the token at byte *at of the file and step over it. */
static orion_status read_entry(orion_train_tokenizer *t, const char *source, uint32_t id,
                               orion_diag *diag, size_t *at, entry *out) {
    size_t size = orion_blob_size(t->file);
    const unsigned char *bytes = orion_blob_data(t->file);
    if (size - *at < ENTRY_BYTES) {
        return REFUSE("size", "the file ends at byte %zu, inside token %u", size, id);
    }
    *out = (entry){orn_bits_f32(read_u32(bytes + *at)), read_u32(bytes + *at + 4)};
    if (out->score - out->score != 0) {
        return REFUSE("score", "the score of token %u at byte %zu is not finite", id, *at);
    }
    if (out->length > t->longest) {
        return REFUSE("length",
                      "the length of token %u at byte %zu is %u, but the longest has %u bytes", id,
                      *at + 4, out->length, t->longest);
    }
    if (size - *at - ENTRY_BYTES < out->length) {
        return REFUSE("size", "the file ends at byte %zu, inside the piece of token %u", size, id);
    }
    *at += ENTRY_BYTES + out->length;
    return ORION_OK;
}

/* A piece that text can give: find it by its bytes, and note which bytes stand side by side. If two
 * tokens have the same piece, the first is meant. */
static orion_status learn(orion_train_tokenizer *t, uint32_t id, const char *piece,
                          uint32_t length) {
    if (length == 0 || orn_map_get(&t->ids, piece, length) != NULL) return ORION_OK;
    for (uint32_t i = 0; i + 1 < length; i++) train_pair_mark(t, piece[i], piece[i + 1]);
    return orn_map_put(&t->ids, piece, length, id);
}

static orion_status check_byte(orion_train_tokenizer *t, const char *source, uint32_t id,
                               const char *piece, uint32_t length, orion_diag *diag) {
    static const char digits[] = "0123456789ABCDEF";
    uint32_t byte = id - TRAIN_FIRST_BYTE;
    const char expected[] = {'<', '0', 'x', digits[byte >> 4], digits[byte & 15], '>'};
    if (length == sizeof expected && memcmp(piece, expected, sizeof expected) == 0) return ORION_OK;
    return REFUSE("bytes", "the piece of token %u at byte %zu is not %.*s", id,
                  (size_t)(piece - (const char *)orion_blob_data(t->file)), (int)sizeof expected,
                  expected);
}

/* Read all tokens; `vocab` of them if it is not 0. */
static orion_status read_file(orion_train_tokenizer *t, uint32_t vocab, const char *source,
                              orion_diag *diag) {
    size_t size = orion_blob_size(t->file), at = 4, capacity = 0;
    const char *bytes = orion_blob_data(t->file);
    if (size < at) return REFUSE("header", "the file has %zu bytes, but its header has 4", size);
    t->longest = read_u32((const unsigned char *)bytes);
    if (t->longest > size) {
        return REFUSE("longest", "the longest piece has %u bytes by byte 0, the whole file %zu",
                      t->longest, size);
    }
    while (at < size && (vocab == 0 || t->vocab < vocab)) {
        uint32_t id = t->vocab;
        size_t start = at + ENTRY_BYTES;
        entry e;
        TRY(read_entry(t, source, id, diag, &at, &e));
        if (id == TRAIN_VOCAB_MAX) {
            return REFUSE("size", "there are more than %d tokens", (int)TRAIN_VOCAB_MAX);
        }
        if (!ORN_GROW(&t->allocator, t->pieces, capacity, (size_t)id + 1)) {
            return ORION_ERROR_NO_MEMORY;
        }
        t->capacity = capacity;
        t->pieces[id] = (train_piece){bytes + start, e.length, e.score};
        t->vocab++;
        if (id >= TRAIN_FIRST_PIECE) {
            TRY(learn(t, id, bytes + start, e.length));
        } else if (id >= TRAIN_FIRST_BYTE) {
            TRY(check_byte(t, source, id, bytes + start, e.length, diag));
        }
    }
    if (t->vocab < ORN_MAX(vocab, TRAIN_FIRST_PIECE)) {
        return REFUSE("size", "the file ends at byte %zu after %u of %u tokens", size, t->vocab,
                      ORN_MAX(vocab, TRAIN_FIRST_PIECE));
    }
    if (at < size) {
        return REFUSE("size", "%zu bytes follow the last of %u tokens at byte %zu", size - at,
                      vocab, at);
    }
    return ORION_OK;
}

orion_status orion_train_tokenizer_parse_llama2c(orion_blob *blob, uint32_t vocab,
                                                 const char *source,
                                                 const orion_allocator *allocator, orion_diag *diag,
                                                 orion_train_tokenizer **out_tokenizer) {
    TRY(new_tokenizer(allocator, out_tokenizer));
    (*out_tokenizer)->file = orion_blob_ref(blob);
    orion_status status = read_file(*out_tokenizer, vocab, source, diag);
    if (status != ORION_OK) orion_train_tokenizer_unref(out_tokenizer);
    return status;
}

orion_status orion_train_tokenizer_load_llama2c(const char *path, uint32_t vocab,
                                                const orion_allocator *allocator, orion_diag *diag,
                                                orion_train_tokenizer **out_tokenizer) {
    *out_tokenizer = NULL;
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status =
        orion_train_tokenizer_parse_llama2c(blob, vocab, path, allocator, diag, out_tokenizer);
    orion_blob_unref(&blob);
    return status;
}

/* ---- the object ---- */

orion_train_tokenizer *orion_train_tokenizer_ref(orion_train_tokenizer *tokenizer) {
    atomic_fetch_add_explicit(&tokenizer->refs, 1, memory_order_relaxed);
    return tokenizer;
}

void orion_train_tokenizer_unref(orion_train_tokenizer **tokenizer) {
    if (tokenizer == NULL || *tokenizer == NULL) return;
    orion_train_tokenizer *t = *tokenizer;
    *tokenizer = NULL;
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    orn_map_free(&t->ids);
    orn_free(&t->allocator, t->pieces, t->capacity * sizeof *t->pieces);
    orion_blob_unref(&t->file);
    orion_allocator a = t->allocator;
    orn_free(&a, t, sizeof *t);
}

uint32_t orion_train_tokenizer_vocab(const orion_train_tokenizer *tokenizer) {
    return tokenizer->vocab;
}

int32_t orion_train_tokenizer_bos(const orion_train_tokenizer *tokenizer) {
    return tokenizer->file == NULL ? TRAIN_BYTES_END : TRAIN_BEGIN;
}

int32_t orion_train_tokenizer_eos(const orion_train_tokenizer *tokenizer) {
    return tokenizer->file == NULL ? TRAIN_BYTES_END : TRAIN_END;
}

orion_blob *train_tokenizer_file(const orion_train_tokenizer *tokenizer) {
    return tokenizer->file;
}

orion_status train_tokenizer_check(const orion_train_tokenizer *tokenizer,
                                   const orion_train_model *model, orion_diag *diag) {
    if (tokenizer->vocab <= model->config.vocab) return ORION_OK;
    ORN_ERROR(diag, TRAIN_VOCABULARY, NULL, "the tokenizer has %u tokens, the model only %u",
              tokenizer->vocab, model->config.vocab);
    return ORION_ERROR_INVALID_ARGUMENT;
}

const char *orion_train_tokenizer_piece(const orion_train_tokenizer *tokenizer, int32_t previous,
                                        int32_t token, size_t *out_length) {
    bool is_bytes = tokenizer->file == NULL;
    int32_t first_byte = is_bytes ? 0 : TRAIN_FIRST_BYTE;
    *out_length = 0;
    if (token < 0 || (uint32_t)token >= tokenizer->vocab) return "";
    if (token >= first_byte && token < first_byte + 256) {
        *out_length = 1;
        return tokenizer->bytes + (token - first_byte);
    }
    if (is_bytes || token == TRAIN_BEGIN || token == TRAIN_END) return "";
    const train_piece *p = &tokenizer->pieces[token];
    size_t skip = previous == TRAIN_BEGIN && p->length != 0 && p->bytes[0] == ' ';
    *out_length = p->length - skip;
    return p->bytes + skip;
}
