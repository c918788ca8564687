/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as llama2.c's tokenizer.bin: refused with a diagnostic, or a tokenizer that encodes the
 * end of the file itself, and any part of it, and decodes to the same bytes.
 */
#include "fuzz.h"

#include <orion/train.h>

enum { TEXT_BYTES = 400 };

static void check_text(const orion_train_tokenizer *t, const char *text, size_t length) {
    int32_t tokens[ORION_TRAIN_TOKENS_MAX(TEXT_BYTES)];
    char back[TEXT_BYTES];
    size_t count = 0, size = 0;
    FUZZ_CHECK(orion_train_tokenizer_encode(t, text, length, 1, tokens, &count) == ORION_OK);
    FUZZ_CHECK(count >= 1 && count <= ORION_TRAIN_TOKENS_MAX(length));
    for (size_t i = 1; i < count; i++) {
        size_t n;
        const char *bytes = orion_train_tokenizer_piece(t, tokens[i - 1], tokens[i], &n);
        FUZZ_CHECK(tokens[i] >= 0 && (uint32_t)tokens[i] < orion_train_tokenizer_vocab(t));
        FUZZ_CHECK(size + n <= length);
        memcpy(back + size, bytes, n);
        size += n;
    }
    FUZZ_CHECK(size == length && memcmp(back, text, length) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_diag *diag = NULL;
    orion_blob *blob = NULL;
    orion_train_tokenizer *t = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    FUZZ_CHECK(orion_blob_copy(size == 0 ? (const uint8_t *)"" : data, size, NULL, &blob) ==
               ORION_OK);
    orion_status status = orion_train_tokenizer_parse_llama2c(blob, 0, "fuzz", NULL, diag, &t);
    FUZZ_CHECK((status == ORION_OK) == (t != NULL));
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    if (t != NULL) {
        size_t length = size < TEXT_BYTES ? size : TEXT_BYTES;
        const char *text = (const char *)data + size - length;
        check_text(t, text, length);
        check_text(t, text + length / 3, length / 3);
        check_text(t, text, 0);
    }
    orion_train_tokenizer_unref(&t);
    orion_blob_unref(&blob);
    orion_diag_destroy(&diag);
    return 0;
}
