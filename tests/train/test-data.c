/* SPDX-License-Identifier: MIT */
/* Training data: texts, token files, stories; entropy, fingerprint and batches. */
#include "train-support.h"

#include <math.h>

#include "trainer-internal.h"

enum { BOS = ORION_TRAIN_BYTE_VOCAB - 1 };

typedef struct desk {
    orion_diag *diag;
    orion_train_tokenizer *bytes;
    orion_train_data *data;
} desk;

static desk desk_open(void) {
    desk d = {0};
    assert_int_equal(orion_diag_create(NULL, &d.diag), ORION_OK);
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &d.bytes), ORION_OK);
    return d;
}

static void desk_close(desk *d) {
    orion_train_data_unref(&d->data);
    orion_train_tokenizer_unref(&d->bytes);
    orion_diag_destroy(&d->diag);
}

static void load_text(desk *d, const char *text) {
    orion_train_data_unref(&d->data);
    assert_ok(orion_train_data_create_text(d->bytes, text, strlen(text), NULL, d->diag, &d->data),
              d->diag);
}

static void assert_tokens(const desk *d, const int32_t *expected, size_t count) {
    size_t actual;
    const int32_t *tokens = orion_train_data_tokens(d->data, &actual);
    assert_int_equal(actual, count);
    assert_memory_equal(tokens, expected, count * sizeof *expected);
}

static void test_text(void **state) {
    (void)state;
    desk d = desk_open();
    load_text(&d, "\nab\n<|endoftext|>\n<|endoftext|>c");
    const int32_t expected[] = {BOS, 'a', 'b', BOS, 'c'};
    assert_tokens(&d, expected, ORN_COUNT(expected));
    /* Two of five tokens are equal: -(2/5 ln 2/5 + 3/5 ln 1/5). */
    double actual = orion_train_data_unigram_entropy(d.data);
    double entropy = -(0.4 * log(0.4) + 0.6 * log(0.2));
    assert_doubles_near(&actual, &entropy, 1, 0, 1e-12);
    assert_int_equal(train_data_largest(d.data), BOS);
    desk_close(&d);
}

static void test_too_few(void **state) {
    (void)state;
    desk d = desk_open();
    static const char *const texts[] = {"", "\n\n", "<|endoftext|>"};
    for (size_t i = 0; i < ORN_COUNT(texts); i++) {
        orion_status status = orion_train_data_create_text(d.bytes, texts[i], strlen(texts[i]),
                                                           NULL, d.diag, &d.data);
        assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, d.diag, ORION_MESSAGE_TRAIN_DATA,
                       "0 tokens");
        assert_null(d.data);
    }
    load_text(&d, "a"); /* with the begin token it is two */
    desk_close(&d);
}

static void test_files(void **state) {
    (void)state;
    desk d = desk_open();
    test_dir dir;
    test_dir_create(&dir);
    const char *text = test_dir_file(&dir, "text.txt"), *ids = test_dir_file(&dir, "ids.bin");
    test_write_file(text, "hi", 2);
    assert_ok(orion_train_data_load(text, d.bytes, NULL, d.diag, &d.data), d.diag);
    const int32_t hi[] = {BOS, 'h', 'i'};
    assert_tokens(&d, hi, ORN_COUNT(hi));
    orion_train_data_unref(&d.data);

    test_write_file(ids, "\x00\x01\x05\x00\xff\x00", 6);
    assert_ok(orion_train_data_load(ids, d.bytes, NULL, d.diag, &d.data), d.diag);
    const int32_t numbers[] = {256, 5, 255};
    assert_tokens(&d, numbers, ORN_COUNT(numbers));
    orion_train_data_unref(&d.data);

    static const struct {
        const char *bytes;
        size_t size;
        orion_status status;
        orion_message message;
        const char *part;
    } bad[] = {
        {"\x00\x01\x05", 3, ORION_ERROR_VERIFY, ORION_MESSAGE_TRAIN_TOKEN_FILE, "3 bytes"},
        {"\x00\x01\x01\x01", 4, ORION_ERROR_VERIFY, ORION_MESSAGE_TRAIN_TOKEN_FILE,
         "byte 2 is 257"},
        {"", 0, ORION_ERROR_INVALID_ARGUMENT, ORION_MESSAGE_TRAIN_DATA, "0 tokens"},
        {"\x01\x00", 2, ORION_ERROR_INVALID_ARGUMENT, ORION_MESSAGE_TRAIN_DATA, "1 tokens"},
    };
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        test_write_file(ids, bad[i].bytes, bad[i].size);
        assert_refused(orion_train_data_load(ids, d.bytes, NULL, d.diag, &d.data), bad[i].status,
                       d.diag, bad[i].message, bad[i].part);
        assert_null(d.data);
    }
    assert_refused(
        orion_train_data_load(test_dir_file(&dir, "none"), d.bytes, NULL, d.diag, &d.data),
        ORION_ERROR_NOT_FOUND, d.diag, ORION_MESSAGE_FILE_NOT_FOUND, "none");
    assert_refused(orion_train_data_load(dir.path, d.bytes, NULL, d.diag, &d.data), ORION_ERROR_IO,
                   d.diag, ORION_MESSAGE_FILE_UNREADABLE, NULL);
    test_dir_remove(&dir);
    desk_close(&d);
}

static void test_stories(void **state) {
    (void)state;
    desk d = desk_open();
    assert_ok(orion_train_data_create_stories(d.bytes, 9, 1000, NULL, d.diag, &d.data), d.diag);
    size_t count, at = 0;
    const int32_t *tokens = orion_train_data_tokens(d.data, &count);
    assert_in_range(count, 1000, 1500);
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    for (uint64_t index = 0; at < count; index++) {
        orion_buffer_clear(buffer);
        orion_writer writer = orion_buffer_writer(buffer);
        assert_int_equal(orion_train_stories_print(9, index, &writer), ORION_OK);
        const char *text = orion_buffer_data(buffer);
        assert_int_equal(tokens[at++], BOS);
        assert_true(at + orion_buffer_size(buffer) <= count);
        for (size_t i = 0; i < orion_buffer_size(buffer); i++)
            assert_int_equal(tokens[at++], (unsigned char)text[i]);
    }
    orion_buffer_destroy(&buffer);
    orion_train_data_unref(&d.data);

    const uint64_t bad[] = {0, (UINT64_C(1) << 31) + 1, UINT64_MAX};
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        orion_status status =
            orion_train_data_create_stories(d.bytes, 1, bad[i], NULL, d.diag, &d.data);
        assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, d.diag, ORION_MESSAGE_TRAIN_DATA,
                       "2^31");
        assert_null(d.data);
    }
    desk_close(&d);
}

static void test_fingerprint(void **state) {
    (void)state;
    desk d = desk_open();
    char hash[ORN_SHA256_DIGITS + 1], other[ORN_SHA256_DIGITS + 1];
    load_text(&d, "a");
    train_data_hash(d.data, hash);
    /* printf '\0\1\0\0a\0\0\0' | sha256sum */
    assert_string_equal(hash, "b709a34845a75e10d1ace60b51167c0586a8c6d5fcb193668d5da4ac0b55f24e");
    load_text(&d, "b");
    train_data_hash(d.data, other);
    assert_string_not_equal(hash, other);
    /* Longer than the pieces it is hashed in. */
    orion_train_data_unref(&d.data);
    assert_ok(orion_train_data_create_stories(d.bytes, 1, 3000, NULL, d.diag, &d.data), d.diag);
    train_data_hash(d.data, hash);
    orion_train_data_unref(&d.data);
    assert_ok(orion_train_data_create_stories(d.bytes, 1, 3000, NULL, d.diag, &d.data), d.diag);
    train_data_hash(d.data, other);
    assert_string_equal(hash, other);
    desk_close(&d);
}

/* ---- batches ---- */

enum { ROWS = 6, LENGTH = 20 };

static void test_batches_are_windows(void **state) {
    (void)state;
    desk d = desk_open();
    assert_ok(orion_train_data_create_stories(d.bytes, 1, 4000, NULL, d.diag, &d.data), d.diag);
    size_t count, starts = 0, firsts = 0;
    const int32_t *tokens = orion_train_data_tokens(d.data, &count);
    int32_t in[ROWS * LENGTH], out[ROWS * LENGTH];
    for (uint64_t step = 0; step < 200; step++) {
        orion_train_data_batch(d.data, 7, step, ROWS, LENGTH, in, out);
        for (size_t row = 0; row < ROWS; row++) {
            const int32_t *window = in + row * LENGTH;
            for (size_t i = 0; i + 1 < LENGTH; i++)
                assert_int_equal(window[i + 1], out[row * LENGTH + i]);
            /* It stands in the data, with its last target. */
            size_t at = 0;
            while (at + LENGTH < count &&
                   (memcmp(tokens + at, window, LENGTH * sizeof *window) != 0 ||
                    tokens[at + LENGTH] != out[row * LENGTH + LENGTH - 1])) {
                at++;
            }
            assert_true(at + LENGTH < count);
            /* It begins with a document if one begins in the window before. */
            starts += window[0] == BOS;
            firsts += at == 0;
            for (size_t back = 1; window[0] != BOS && back < LENGTH && back <= at; back++)
                assert_int_not_equal(tokens[at - back], BOS);
        }
    }
    /* One window in twenty or so is at the beginning of a story of 400 tokens. */
    assert_in_range(starts, 20, 200);
    assert_in_range(firsts, 0, 60);
    desk_close(&d);
}

static void test_batches_depend_on_seed_step_row(void **state) {
    (void)state;
    desk d = desk_open();
    assert_ok(orion_train_data_create_stories(d.bytes, 1, 9000, NULL, d.diag, &d.data), d.diag);
    int32_t a[ROWS * LENGTH], b[ROWS * LENGTH], targets[ROWS * LENGTH];
    orion_train_data_batch(d.data, 1, 5, ROWS, LENGTH, a, targets);
    orion_train_data_batch(d.data, 1, 5, ROWS, LENGTH, b, targets);
    assert_memory_equal(a, b, sizeof a);
    orion_train_data_batch(d.data, 2, 5, ROWS, LENGTH, b, targets);
    assert_memory_not_equal(a, b, sizeof a);
    orion_train_data_batch(d.data, 1, 6, ROWS, LENGTH, b, targets);
    assert_memory_not_equal(a, b, sizeof a);
    /* The same rows in two halves. */
    train_data_rows(d.data, 1, 5, 0, ROWS / 2, LENGTH, b, targets);
    train_data_rows(d.data, 1, 5, ROWS / 2, ROWS / 2, LENGTH, b + ROWS / 2 * LENGTH, targets);
    assert_memory_equal(a, b, sizeof a);
    desk_close(&d);
}

static void test_short_data(void **state) {
    (void)state;
    desk d = desk_open();
    load_text(&d, "abc"); /* four tokens: three pairs */
    int32_t in[2 * 5], out[2 * 5];
    orion_train_data_batch(d.data, 1, 0, 2, 5, in, out);
    const int32_t tokens[] = {BOS, 'a', 'b', 0, 0}, targets[] = {'a', 'b', 'c', -1, -1};
    for (size_t row = 0; row < 2; row++) {
        assert_memory_equal(in + 5 * row, tokens, sizeof tokens);
        assert_memory_equal(out + 5 * row, targets, sizeof targets);
    }
    /* Just one window. */
    orion_train_data_batch(d.data, 1, 0, 1, 3, in, out);
    assert_memory_equal(in, tokens, 3 * sizeof *in);
    assert_memory_equal(out, targets, 3 * sizeof *in);
    desk_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_too_few),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_stories),
        cmocka_unit_test(test_fingerprint),
        cmocka_unit_test(test_batches_are_windows),
        cmocka_unit_test(test_batches_depend_on_seed_step_row),
        cmocka_unit_test(test_short_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
