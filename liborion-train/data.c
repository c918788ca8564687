/* SPDX-License-Identifier: MIT */
/* Training data: texts, token files and made-up stories as one stream of tokens, cut into batches.
 */
#include "trainer-internal.h"

#include <math.h>

#include "util/sha256.h"

struct orion_train_data {
    orion_allocator allocator;
    atomic_uint refs;
    int32_t *tokens;
    size_t count, capacity;
    int32_t bos;     /* begins every document */
    int32_t largest; /* token */
    double entropy;
};

static orion_status new_data(const orion_train_tokenizer *tokenizer,
                             const orion_allocator *allocator, orion_train_data **out) {
    orion_allocator a = orn_allocator(allocator);
    orion_train_data *d = orn_zalloc(&a, sizeof *d);
    *out = d;
    if (d == NULL) return ORION_ERROR_NO_MEMORY;
    d->allocator = a;
    d->bos = orion_train_tokenizer_bos(tokenizer);
    atomic_init(&d->refs, 1);
    return ORION_OK;
}

/* ---- filling ---- */

static orion_status add_document(orion_train_data *d, const orion_train_tokenizer *tokenizer,
                                 const char *text, size_t length) {
    size_t need, added;
    if (!orn_add(length, ORION_TRAIN_TOKENS_MAX(0), &need) || !orn_add(need, d->count, &need) ||
        !ORN_GROW(&d->allocator, d->tokens, d->capacity, need)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(orion_train_tokenizer_encode(tokenizer, text, length, 1, d->tokens + d->count, &added));
    d->count += added;
    return ORION_OK;
}

static orion_status add_text(orion_train_data *d, const orion_train_tokenizer *tokenizer,
                             const char *text, size_t length) {
    train_documents documents = train_documents_make(text, length);
    const char *document;
    size_t bytes;
    while (train_documents_next(&documents, &document, &bytes))
        TRY(add_document(d, tokenizer, document, bytes));
    return ORION_OK;
}

/* llama2.c's shards: u16, little-endian, each document after a begin token. */
static orion_status add_token_file(orion_train_data *d, const orion_train_tokenizer *tokenizer,
                                   const orion_blob *blob, const char *path, orion_diag *diag) {
    size_t size = orion_blob_size(blob), count = size / 2;
    const unsigned char *bytes = orion_blob_data(blob);
    uint32_t vocab = orion_train_tokenizer_vocab(tokenizer);
    if (size % 2 != 0) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_TOKEN_FILE, path, 0, 0, "size",
                 "the file has %zu bytes, but 16-bit tokens take an even number", size);
        return ORION_ERROR_VERIFY;
    }
    if (!ORN_GROW(&d->allocator, d->tokens, d->capacity, count)) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        uint32_t id = (uint32_t)bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
        if (id >= vocab) {
            orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_TOKEN_FILE, path, 0, 0,
                     "token", "the token at byte %zu is %u, but the tokenizer has only %u", 2 * i,
                     id, vocab);
            return ORION_ERROR_VERIFY;
        }
        d->tokens[i] = (int32_t)id;
    }
    d->count = count;
    return ORION_OK;
}

static orion_status add_stories(orion_train_data *d, const orion_train_tokenizer *tokenizer,
                                uint64_t seed, uint64_t tokens) {
    orion_buffer *text;
    TRY(orion_buffer_create(&d->allocator, &text));
    orion_writer writer = orion_buffer_writer(text);
    orion_status status = ORION_OK;
    for (uint64_t index = 0; status == ORION_OK && d->count < tokens; index++) {
        orion_buffer_clear(text);
        status = orion_train_stories_print(seed, index, &writer);
        if (status == ORION_OK)
            status = add_document(d, tokenizer, orion_buffer_data(text), orion_buffer_size(text));
    }
    orion_buffer_destroy(&text);
    return status;
}

/* -sum of p log p over the tokens that occur. */
static orion_status measure(orion_train_data *d, uint32_t vocab) {
    uint64_t *seen = orn_zalloc(&d->allocator, (size_t)vocab * sizeof *seen);
    if (seen == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < d->count; i++) {
        seen[d->tokens[i]]++;
        d->largest = ORN_MAX(d->largest, d->tokens[i]);
    }
    for (uint32_t i = 0; i < vocab; i++) {
        double p = (double)seen[i] / (double)d->count;
        if (seen[i] != 0) d->entropy -= p * log(p);
    }
    orn_free(&d->allocator, seen, (size_t)vocab * sizeof *seen);
    return ORION_OK;
}

/* Hand the filled data over, or free them. */
static orion_status finish(orion_train_data *d, const orion_train_tokenizer *tokenizer,
                           const char *source, orion_status status, orion_diag *diag,
                           orion_train_data **out) {
    if (status == ORION_OK && d->count < 2) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_DATA, source, 0, 0, "tokens",
                 "there are %zu tokens, but training takes at least 2", d->count);
        status = ORION_ERROR_INVALID_ARGUMENT;
    }
    if (status == ORION_OK) status = measure(d, orion_train_tokenizer_vocab(tokenizer));
    if (status != ORION_OK) orion_train_data_unref(&d);
    *out = d;
    return status;
}

orion_status orion_train_data_create_text(const orion_train_tokenizer *tokenizer, const char *text,
                                          size_t length, const orion_allocator *allocator,
                                          orion_diag *diag, orion_train_data **out_data) {
    TRY(new_data(tokenizer, allocator, out_data));
    orion_status status = add_text(*out_data, tokenizer, text, length);
    return finish(*out_data, tokenizer, NULL, status, diag, out_data);
}

static bool is_token_file(const char *path) {
    size_t n = strlen(path);
    return n >= 4 && memcmp(path + n - 4, ".bin", 4) == 0;
}

orion_status orion_train_data_load(const char *path, const orion_train_tokenizer *tokenizer,
                                   const orion_allocator *allocator, orion_diag *diag,
                                   orion_train_data **out_data) {
    *out_data = NULL;
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status = new_data(tokenizer, allocator, out_data);
    if (status == ORION_OK) {
        orion_train_data *d = *out_data;
        status = is_token_file(path)
                     ? add_token_file(d, tokenizer, blob, path, diag)
                     : add_text(d, tokenizer, orion_blob_data(blob), orion_blob_size(blob));
        status = finish(d, tokenizer, path, status, diag, out_data);
    }
    orion_blob_unref(&blob);
    return status;
}

orion_status orion_train_data_create_stories(const orion_train_tokenizer *tokenizer, uint64_t seed,
                                             uint64_t tokens, const orion_allocator *allocator,
                                             orion_diag *diag, orion_train_data **out_data) {
    *out_data = NULL;
    if (tokens == 0 || tokens > (uint64_t)1 << 31) {
        ORN_ERROR(diag, TRAIN_DATA, "tokens", "%llu tokens of stories are not from 1 to 2^31",
                  (unsigned long long)tokens);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    TRY(new_data(tokenizer, allocator, out_data));
    orion_status status = add_stories(*out_data, tokenizer, seed, tokens);
    return finish(*out_data, tokenizer, NULL, status, diag, out_data);
}

orion_train_data *orion_train_data_ref(orion_train_data *data) {
    atomic_fetch_add_explicit(&data->refs, 1, memory_order_relaxed);
    return data;
}

void orion_train_data_unref(orion_train_data **data) {
    if (data == NULL || *data == NULL) return;
    orion_train_data *d = *data;
    *data = NULL;
    if (atomic_fetch_sub_explicit(&d->refs, 1, memory_order_acq_rel) != 1) return;
    orion_allocator a = d->allocator;
    orn_free(&a, d->tokens, d->capacity * sizeof *d->tokens);
    orn_free(&a, d, sizeof *d);
}

/* ---- reading ---- */

const int32_t *orion_train_data_tokens(const orion_train_data *data, size_t *out_count) {
    *out_count = data->count;
    return data->tokens;
}

double orion_train_data_unigram_entropy(const orion_train_data *data) {
    return data->entropy;
}

orion_allocator train_data_allocator(const orion_train_data *data) {
    return data->allocator;
}

int32_t train_data_largest(const orion_train_data *data) {
    return data->largest;
}

void train_data_hash(const orion_train_data *data, char out_hex[ORN_SHA256_DIGITS + 1]) {
    unsigned char chunk[4096];
    orn_sha256 h;
    orn_sha256_start(&h);
    for (size_t i = 0; i < data->count;) {
        size_t used = 0;
        for (; used < sizeof chunk && i < data->count; i++, used += 4) {
            uint32_t id = (uint32_t)data->tokens[i];
            for (int byte = 0; byte < 4; byte++) chunk[used + (size_t)byte] = id >> 8 * byte & 0xff;
        }
        orn_sha256_add(&h, chunk, used);
    }
    (void)orn_sha256_end(&h, false, out_hex);
}

/* ---- batches ---- */

/*
 * Where the window of a row begins. A place is drawn from the whole stream, every token equally
 * likely; if a document begins less than a window before it, the window begins there. So whatever
 * is close enough to the beginning of its document to be seen together with it is seen so, as it
 * will be when the model writes; of long documents every part comes up.
 */
static size_t window_begin(const orion_train_data *d, uint64_t seed, uint64_t step, uint64_t row,
                           size_t length) {
    if (d->count <= length) return 0;
    train_rng rng = train_rng_make(seed, TRAIN_STREAM_BATCH, step);
    rng.counter += row; /* each row has a block of the step's stream */
    size_t place = (size_t)train_rng_below(&rng, d->count - length);
    for (size_t back = 0; back < length && back <= place; back++) {
        if (d->tokens[place - back] == d->bos) return place - back;
    }
    return place;
}

void train_data_rows(const orion_train_data *data, uint64_t seed, uint64_t step, uint64_t first,
                     uint32_t rows, uint32_t length, int32_t *out_tokens, int32_t *out_targets) {
    size_t pairs = ORN_MIN(data->count - 1, length);
    for (uint32_t row = 0; row < rows; row++) {
        const int32_t *window = data->tokens + window_begin(data, seed, step, first + row, length);
        for (size_t i = 0; i < length; i++) {
            *out_tokens++ = i < pairs ? window[i] : 0;
            *out_targets++ = i < pairs ? window[i + 1] : -1;
        }
    }
}

void orion_train_data_batch(const orion_train_data *data, uint64_t seed, uint64_t step,
                            uint32_t batch, uint32_t length, int32_t *out_tokens,
                            int32_t *out_targets) {
    train_data_rows(data, seed, step, 0, batch, length, out_tokens, out_targets);
}
