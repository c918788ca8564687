/* SPDX-License-Identifier: MIT */
/*
 * Tokenizers: both kinds, refusals of damaged files, and the result of encoding, which must be that
 * of llama2.c's greedy algorithm, written down here as it is there.
 */
#include "train-support.h"

#include <math.h>

enum { BEGIN = 1, END = 2, FIRST_BYTE = 3, FIRST_PIECE = 259 };

/* ---- llama2.c's algorithm ---- */

typedef struct piece {
    const char *bytes;
    size_t length;
    float score;
} piece;

typedef struct oracle {
    piece *pieces;
    size_t count;
} oracle;

static oracle read_pieces(const unsigned char *file, size_t size) {
    oracle o = {calloc(size / 8, sizeof(piece)), 0};
    assert_non_null(o.pieces);
    for (size_t at = 4; at < size;) {
        piece *p = &o.pieces[o.count++];
        uint32_t length;
        memcpy(&p->score, file + at, 4);
        memcpy(&length, file + at + 4, 4);
        p->length = length;
        p->bytes = (const char *)file + at + 8;
        at += 8 + length;
    }
    return o;
}

static int find_piece(const oracle *o, const char *a, size_t an, const char *b, size_t bn) {
    for (size_t i = FIRST_PIECE; i < o->count; i++) {
        const piece *p = &o->pieces[i];
        if (p->length != an + bn || an + bn == 0) continue;
        if (memcmp(p->bytes, a, an) == 0 && (bn == 0 || memcmp(p->bytes + an, b, bn) == 0)) {
            return (int)i;
        }
    }
    return -1;
}

static size_t greedy_characters(const oracle *o, const char *text, size_t length, int32_t *out) {
    size_t count = 0;
    int space = find_piece(o, " ", 1, NULL, 0);
    if (length != 0 && space >= 0) out[count++] = space;
    for (size_t at = 0; at < length;) {
        size_t n = 1;
        while (n < 4 && at + n < length && ((unsigned char)text[at + n] & 0xc0) == 0x80) n++;
        int id = find_piece(o, text + at, n, NULL, 0);
        if (id >= 0) out[count++] = id;
        for (size_t i = 0; id < 0 && i < n; i++) {
            out[count++] = FIRST_BYTE + (unsigned char)text[at + i];
        }
        at += n;
    }
    return count;
}

static size_t greedy_encode(const oracle *o, const char *text, size_t length, int32_t *out) {
    size_t count = greedy_characters(o, text, length, out);
    for (;;) {
        float best = -1e10f;
        int best_id = -1;
        size_t place = 0;
        for (size_t i = 0; i + 1 < count; i++) {
            if (out[i] < FIRST_PIECE || out[i + 1] < FIRST_PIECE) continue;
            const piece *a = &o->pieces[out[i]], *b = &o->pieces[out[i + 1]];
            int id = find_piece(o, a->bytes, a->length, b->bytes, b->length);
            if (id >= 0 && o->pieces[id].score > best) {
                best = o->pieces[id].score;
                best_id = id;
                place = i;
            }
        }
        if (best_id < 0) return count;
        out[place] = best_id;
        memmove(out + place + 1, out + place + 2, (count - place - 2) * sizeof *out);
        count--;
    }
}

/* ---- helpers ---- */

static orion_train_tokenizer *parse(const void *bytes, size_t size, uint32_t vocab) {
    orion_blob *blob = blob_of(bytes, size);
    orion_train_tokenizer *t = NULL;
    assert_ok(orion_train_tokenizer_parse_llama2c(blob, vocab, NULL, NULL, NULL, &t), NULL);
    orion_blob_unref(&blob);
    return t;
}

static void assert_encodes(const orion_train_tokenizer *t, const char *text, size_t length,
                           const int32_t *expected, size_t expected_count) {
    int32_t *tokens = malloc(ORION_TRAIN_TOKENS_MAX(length) * sizeof *tokens);
    size_t count = 99;
    assert_non_null(tokens);
    assert_int_equal(orion_train_tokenizer_encode(t, text, length, 0, tokens, &count), ORION_OK);
    assert_int_equal(count, expected_count);
    assert_memory_equal(tokens, expected, count * sizeof *tokens);
    free(tokens);
}

static void assert_round_trip(const orion_train_tokenizer *t, const char *text, size_t length) {
    int32_t *tokens = malloc(ORION_TRAIN_TOKENS_MAX(length) * sizeof *tokens);
    char *back = malloc(length + 1);
    size_t count, size = 0;
    assert_true(tokens != NULL && back != NULL);
    assert_int_equal(orion_train_tokenizer_encode(t, text, length, 1, tokens, &count), ORION_OK);
    assert_int_equal(tokens[0], orion_train_tokenizer_bos(t));
    for (size_t i = 1; i < count; i++) {
        size_t n;
        const char *bytes = orion_train_tokenizer_piece(t, tokens[i - 1], tokens[i], &n);
        assert_true(size + n <= length);
        memcpy(back + size, bytes, n);
        size += n;
    }
    assert_int_equal(size, length);
    assert_memory_equal(back, text, length);
    free(tokens);
    free(back);
}

/* ---- bytes ---- */

static void test_bytes(void **state) {
    (void)state;
    orion_train_tokenizer *t = NULL;
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &t), ORION_OK);
    assert_int_equal(orion_train_tokenizer_vocab(t), ORION_TRAIN_BYTE_VOCAB);
    assert_int_equal(orion_train_tokenizer_bos(t), 256);
    assert_int_equal(orion_train_tokenizer_eos(t), 256);
    const int32_t expected[] = {'a', 0, 0xc3, 0xa9};
    assert_encodes(t, "a\0\xc3\xa9", 4, expected, 4);
    assert_encodes(t, "", 0, expected, 0);
    char all[256];
    for (int i = 0; i < 256; i++) all[i] = (char)(unsigned char)i;
    assert_round_trip(t, all, sizeof all);
    assert_round_trip(t, " x", 2);
    size_t n = 9;
    assert_string_equal(orion_train_tokenizer_piece(t, 0, 256, &n), "");
    assert_int_equal(n, 0);
    orion_train_tokenizer_unref(&t);
    assert_null(t);
}

/* ---- llama2.c ---- */

static vocabulary letters(void) {
    vocabulary v = vocabulary_begin(8);
    vocabulary_add(&v, " ", 1, -10);        /* 259 */
    vocabulary_add(&v, "a", 1, -10);        /* 260 */
    vocabulary_add(&v, "b", 1, -10);        /* 261 */
    vocabulary_add(&v, "ab", 2, -1);        /* 262 */
    vocabulary_add(&v, "ba", 2, -1);        /* 263 */
    vocabulary_add(&v, " a", 2, -2);        /* 264 */
    vocabulary_add(&v, "abba", 4, -3);      /* 265 */
    vocabulary_add(&v, "aa", 2, -1e11f);    /* 266: never merged */
    vocabulary_add(&v, "\xc3\xa9", 2, -20); /* 267 */
    vocabulary_add(&v, "", 0, 0);           /* 268: padding of the vocabulary */
    vocabulary_add(&v, "ab", 2, 5);         /* 269: the first of that piece is meant */
    return v;
}

static void test_rules(void **state) {
    (void)state;
    vocabulary v = letters();
    orion_train_tokenizer *t = parse(v.bytes, v.size, 0);
    assert_int_equal(orion_train_tokenizer_vocab(t), 270);
    assert_int_equal(orion_train_tokenizer_bos(t), BEGIN);
    assert_int_equal(orion_train_tokenizer_eos(t), END);
    static const struct {
        const char *text;
        int32_t expected[8];
        size_t count;
    } cases[] = {
        {"", {0}, 0},
        {"a", {264}, 1},             /* the space in front belongs to the text */
        {"ab", {259, 262}, 2},       /* the better score first, though it is further right */
        {"aba", {259, 262, 260}, 3}, /* the leftmost of equals */
        {"abba", {259, 265}, 2},     /* a merge of merges */
        {"aa", {264, 260}, 2},       /* too low a score */
        {"\xc3\xa9", {259, 267}, 2}, /* one character */
        {"\xa9", {259, FIRST_BYTE + 0xa9}, 2},
        {"\xc3z", {259, FIRST_BYTE + 0xc3, FIRST_BYTE + 'z'}, 3},
        {"\xc3\xa9\xa9", {259, FIRST_BYTE + 0xc3, FIRST_BYTE + 0xa9, FIRST_BYTE + 0xa9}, 4},
        {"\n", {259, FIRST_BYTE + '\n'}, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t length = strlen(cases[i].text);
        assert_encodes(t, cases[i].text, length, cases[i].expected, cases[i].count);
        assert_round_trip(t, cases[i].text, length);
    }
    assert_round_trip(t, "  a\0b", 5);
    orion_train_tokenizer_unref(&t);
    vocabulary_free(&v);
}

static void test_pieces(void **state) {
    (void)state;
    vocabulary v = letters();
    orion_train_tokenizer *t = parse(v.bytes, v.size, 270);
    static const struct {
        int32_t previous, token;
        const char *expected;
        size_t length;
    } cases[] = {
        {260, 264, " a", 2},
        {BEGIN, 264, "a", 1},
        {BEGIN, 259, "", 0},
        {BEGIN, 261, "b", 1},
        {-1, 264, " a", 2},
        {260, FIRST_BYTE, "\0", 1},
        {260, FIRST_BYTE + 255, "\xff", 1},
        {BEGIN, FIRST_BYTE + ' ', " ", 1},
        {260, BEGIN, "", 0},
        {260, END, "", 0},
        {260, 0, "<unk>", 5},
        {260, 268, "", 0},
        {260, 270, "", 0},
        {260, -1, "", 0},
        {260, INT32_MAX, "", 0},
        {260, INT32_MIN, "", 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t n = 99;
        const char *p = orion_train_tokenizer_piece(t, cases[i].previous, cases[i].token, &n);
        assert_int_equal(n, cases[i].length);
        assert_memory_equal(p, cases[i].expected, n);
    }
    orion_train_tokenizer *other = orion_train_tokenizer_ref(t);
    orion_train_tokenizer_unref(&t);
    assert_int_equal(orion_train_tokenizer_vocab(other), 270);
    orion_train_tokenizer_unref(&other);
    orion_train_tokenizer_unref(&other);
    orion_train_tokenizer_unref(NULL);
    vocabulary_free(&v);
}

/* Without a piece for the space none is put in front. */
static void test_no_space(void **state) {
    (void)state;
    vocabulary v = vocabulary_begin(6);
    orion_train_tokenizer *t = parse(v.bytes, v.size, FIRST_PIECE);
    const int32_t expected[] = {FIRST_BYTE + ' ', FIRST_BYTE + 'q'};
    assert_encodes(t, " q", 2, expected, 2);
    assert_round_trip(t, " q", 2);
    orion_train_tokenizer_unref(&t);
    vocabulary_free(&v);
}

/* Random vocabularies over few characters, so that merges compete; scores with many equals. */
static void test_equals_greedy(void **state) {
    (void)state;
    static const char *const characters[] = {"a",    "b", " ", "\xc3\xa9", "\xe2\x82\xac",
                                             "\x80", "<", "\n"};
    uint64_t random = 7;
    for (int round = 0; round < 60; round++) {
        vocabulary v = vocabulary_begin(16);
        for (int i = 0; i < 8; i++) {
            if (test_random(&random) % 8 != 0) {
                vocabulary_add(&v, characters[i], strlen(characters[i]), -1);
            }
        }
        for (int i = 0; i < 40; i++) {
            char bytes[16];
            size_t n = 0;
            for (size_t k = 2 + test_random(&random) % 3; k-- > 0;) {
                const char *c = characters[test_random(&random) % 8];
                memcpy(bytes + n, c, strlen(c));
                n += strlen(c);
            }
            vocabulary_add(&v, bytes, n, (float)(test_random(&random) % 6));
        }
        orion_train_tokenizer *t = parse(v.bytes, v.size, 0);
        oracle o = read_pieces(v.bytes, v.size);
        for (int i = 0; i < 40; i++) {
            char text[64];
            int32_t expected[sizeof text + 2];
            size_t n = test_random(&random) % (sizeof text - 4), length = 0;
            while (length < n) {
                const char *c = characters[test_random(&random) % 8];
                memcpy(text + length, c, strlen(c));
                length += strlen(c);
            }
            size_t count = greedy_encode(&o, text, length, expected);
            assert_encodes(t, text, length, expected, count);
            assert_round_trip(t, text, length);
        }
        free(o.pieces);
        orion_train_tokenizer_unref(&t);
        vocabulary_free(&v);
    }
}

/* ---- real vocabularies ---- */

static void check_real(const char *vocabulary_file, uint32_t vocab) {
    static const char *const texts[] = {"text/tinystories_sample_4k.txt",
                                        "text/tinyshakespeare.txt", "text/moby-dick.txt",
                                        "text/tinystories_smallGPT_944k.txt"};
    const char *path = test_data(vocabulary_file);
    size_t size;
    char *file = test_read_file(path, &size);
    oracle o = read_pieces((const unsigned char *)file, size);
    orion_train_tokenizer *t = NULL;
    assert_ok(orion_train_tokenizer_load_llama2c(path, vocab, NULL, NULL, &t), NULL);
    assert_int_equal(o.count, vocab);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t length;
        char *text = test_read_file(test_data(texts[i]), &length);
        int32_t expected[402];
        assert_round_trip(t, text, length);
        assert_encodes(t, text + 1000, 120, expected,
                       greedy_encode(&o, text + 1000, 120, expected));
        free(text);
    }
    free(o.pieces);
    free(file);
    orion_train_tokenizer_unref(&t);
}

static void test_real_512(void **state) {
    (void)state;
    check_real("stories260K/tok512.bin", 512);
}

static void test_real_32000(void **state) {
    (void)state;
    check_real("tokenizers/tokenizer.bin", 32000);
}

/* ---- refusals ---- */

typedef struct refusal {
    orion_diag *diag;
    unsigned char *bytes;
    size_t size;
} refusal;

static void assert_file_refused(refusal *r, size_t size, uint32_t vocab, const char *part) {
    orion_blob *blob = blob_of(r->bytes, size);
    orion_train_tokenizer *t = (orion_train_tokenizer *)r;
    orion_status status =
        orion_train_tokenizer_parse_llama2c(blob, vocab, "t.bin", NULL, r->diag, &t);
    assert_null(t);
    assert_refused(status, ORION_ERROR_VERIFY, r->diag, ORION_MESSAGE_TRAIN_TOKENIZER, part);
    orion_blob_unref(&blob);
}

/* With the four bytes at `at` replaced. */
static void assert_patch_refused(refusal *r, size_t at, uint32_t value, const char *part) {
    unsigned char old[4];
    memcpy(old, r->bytes + at, 4);
    for (int i = 0; i < 4; i++) r->bytes[at + (size_t)i] = (unsigned char)(value >> 8 * i);
    assert_file_refused(r, r->size, 0, part);
    memcpy(r->bytes + at, old, 4);
}

static void test_refusals(void **state) {
    (void)state;
    vocabulary v = letters();
    refusal r = {.bytes = v.bytes, .size = v.size};
    assert_int_equal(orion_diag_create(NULL, &r.diag), ORION_OK);
    size_t specials = 4 + 3 * 8 + 5 + 5 + 6, pieces = specials + 256 * 14;
    assert_file_refused(&r, 0, 0, "header has 4");
    assert_file_refused(&r, 3, 0, "header has 4");
    assert_file_refused(&r, 9, 0, "inside token 0");
    assert_file_refused(&r, v.size - 1, 0, "inside the piece of token 269");
    assert_file_refused(&r, v.size - 3, 0, "inside token 269");
    assert_file_refused(&r, pieces - 14, 0, "after 258 of 259");
    assert_file_refused(&r, v.size, 271, "after 270 of 271");
    assert_file_refused(&r, v.size, 269, "10 bytes follow the last of 269 tokens");
    assert_patch_refused(&r, 0, 0x7fffffff, "longest piece has 2147483647");
    assert_patch_refused(&r, 0, 3, "length of token 0 at byte 8 is 5, but the longest has 3");
    assert_patch_refused(&r, pieces, 0x7fc00000, "score of token 259");
    assert_patch_refused(&r, pieces, 0xff800000, "score of token 259");
    assert_patch_refused(&r, pieces + 4, 0xffffffff, "length of token 259");
    assert_patch_refused(&r, specials + 8, 0x3130783c, "token 3 at byte 52 is not <0x00>");
    orion_diag_destroy(&r.diag);
    vocabulary_free(&v);
}

static void test_files(void **state) {
    (void)state;
    test_dir dir;
    test_dir_create(&dir);
    orion_diag *diag = NULL;
    orion_train_tokenizer *t = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    const char *path = test_dir_file(&dir, "t.bin");
    assert_refused(orion_train_tokenizer_load_llama2c(path, 0, NULL, diag, &t),
                   ORION_ERROR_NOT_FOUND, diag, ORION_MESSAGE_FILE_NOT_FOUND, "t.bin");
    assert_refused(orion_train_tokenizer_load_llama2c(dir.path, 0, NULL, diag, &t), ORION_ERROR_IO,
                   diag, ORION_MESSAGE_FILE_UNREADABLE, NULL);
    vocabulary v = letters();
    test_write_file(path, v.bytes, v.size);
    assert_ok(orion_train_tokenizer_load_llama2c(path, 270, NULL, diag, &t), diag);
    assert_round_trip(t, "abba", 4);
    orion_train_tokenizer_unref(&t);
    vocabulary_free(&v);
    orion_diag_destroy(&diag);
    test_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),         cmocka_unit_test(test_rules),
        cmocka_unit_test(test_pieces),        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_equals_greedy), cmocka_unit_test(test_real_512),
        cmocka_unit_test(test_real_32000),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
