/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a checkpoint: refused with a diagnostic, or a model with all its parameters inside
 * the file. The checksum would stop every mutation, so the bytes are also read with it put right.
 */
#include "fuzz.h"

#include "trainer-internal.h"

static const char mark[] = "\"" TRAIN_SAFETENSORS_HASH "\":\"";

/* The first place of the digits, or NULL. */
static char *find_digits(char *bytes, size_t size) {
    size_t n = sizeof mark - 1;
    for (size_t i = 0; i + n + ORN_SHA256_DIGITS <= size; i++) {
        if (memcmp(bytes + i, mark, n) == 0) return bytes + i + n;
    }
    return NULL;
}

static void put_checksum_right(char *bytes, size_t size) {
    char digits[ORN_SHA256_DIGITS + 1], *place = find_digits(bytes, size);
    if (place == NULL) return;
    memset(place, '0', ORN_SHA256_DIGITS);
    orn_sha256 h;
    orn_sha256_start(&h);
    orn_sha256_add(&h, bytes, size);
    (void)orn_sha256_end(&h, false, digits);
    memcpy(place, digits, ORN_SHA256_DIGITS);
}

static void check_model(const train_checkpoint *c, const char *begin, size_t size) {
    for (size_t i = 0; i < c->model->count; i++) {
        const char *data = (const char *)train_model_data(c->model, i);
        size_t bytes = c->model->parameters[i].elements * sizeof(float);
        FUZZ_CHECK(data >= begin && (size_t)(data - begin) <= size - bytes);
        for (size_t which = 0; c->has_optimizer && which < TRAIN_MOMENTS; which++) {
            const char *moment = (const char *)c->moments[which][i];
            FUZZ_CHECK(moment >= begin && (size_t)(moment - begin) <= size - bytes);
        }
    }
}

static void check_parse(orion_blob *blob) {
    orion_diag *diag = NULL;
    train_checkpoint c;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    orion_status status = train_checkpoint_parse(&c, blob, "fuzz", NULL, diag);
    FUZZ_CHECK((status == ORION_OK) == (c.model != NULL));
    FUZZ_CHECK((status == ORION_OK) == (orion_diag_count(diag) == 0));
    if (status == ORION_OK) check_model(&c, orion_blob_data(blob), orion_blob_size(blob));
    train_checkpoint_close(&c);
    orion_diag_destroy(&diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_blob *blob = NULL;
    FUZZ_CHECK(orion_blob_copy(size == 0 ? (const uint8_t *)"" : data, size, NULL, &blob) ==
               ORION_OK);
    check_parse(blob);
    put_checksum_right((char *)(uintptr_t)orion_blob_data(blob), size);
    check_parse(blob);
    orion_blob_unref(&blob);
    return 0;
}
