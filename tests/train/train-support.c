/* SPDX-License-Identifier: MIT */
/* What the tests of liborion-train share. */
#include "train-support.h"

#include "util/util.h"

bench bench_open(void) {
    bench b = {0};
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    assert_ok(orion_ane_device_open(NULL, b.diag, &b.device), b.diag);
    return b;
}

void bench_close(bench *b) {
    orion_train_generator_destroy(&b->generator);
    orion_train_tokenizer_unref(&b->tokenizer);
    orion_train_model_unref(&b->model);
    orion_ane_device_unref(&b->device);
    orion_diag_destroy(&b->diag);
}

orion_train_model_config small_config(void) {
    return (orion_train_model_config){.size = sizeof(orion_train_model_config),
                                      .dim = 16,
                                      .hidden = 24,
                                      .layers = 2,
                                      .heads = 4,
                                      .kv_heads = 2,
                                      .vocab = ORION_TRAIN_BYTE_VOCAB,
                                      .context = 32};
}

orion_train_model *random_model(const orion_train_model_config *config, uint64_t seed) {
    orion_train_model *m = NULL;
    assert_ok(orion_train_model_create_random(config, seed, NULL, NULL, &m), NULL);
    return m;
}

/* All embeddings are ones, which the random layers hardly change, and so is the row of the output
 * matrix that belongs to the token. The others are small. */
orion_train_model *stubborn_model(int32_t token) {
    orion_train_model_config c = small_config();
    c.untied = 1;
    c.vocab = 259;
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "m.bin");
    orion_train_model *m = random_model(&c, 1);
    assert_ok(orion_train_model_save_llama2c(m, path, NULL), NULL);
    orion_train_model_unref(&m);
    size_t size, row = c.dim * sizeof(float), output = c.vocab * row;
    char *bytes = test_read_file(path, &size);
    const float one = 1;
    for (size_t i = 0; i < c.vocab * c.dim; i++) memcpy(bytes + 28 + i * sizeof one, &one, 4);
    memcpy(bytes + size - output + (size_t)token * row, bytes + 28, row);
    test_write_file(path, bytes, size);
    free(bytes);
    assert_ok(orion_train_model_load_llama2c(path, NULL, NULL, &m), NULL);
    test_dir_remove(&dir);
    return m;
}

void assert_refused(orion_status status, orion_status expected, orion_diag *diag,
                    orion_message message, const char *part) {
    assert_int_equal(status, expected);
    assert_diag(diag, message, part);
    orion_diag_clear(diag);
}

orion_blob *blob_of(const void *bytes, size_t size) {
    orion_blob *blob = NULL;
    assert_int_equal(orion_blob_copy(size == 0 ? "" : bytes, size, NULL, &blob), ORION_OK);
    return blob;
}

static void append(vocabulary *v, const void *bytes, size_t n) {
    v->bytes = realloc(v->bytes, v->size + n + 1);
    assert_non_null(v->bytes);
    if (n != 0) memcpy(v->bytes + v->size, bytes, n);
    v->size += n;
}

static void append_u32(vocabulary *v, uint32_t n) {
    const unsigned char bytes[] = {(unsigned char)n, (unsigned char)(n >> 8),
                                   (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
    append(v, bytes, sizeof bytes);
}

void vocabulary_add(vocabulary *v, const char *piece, size_t length, float score) {
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    append_u32(v, bits);
    append_u32(v, (uint32_t)length);
    append(v, piece, length);
}

vocabulary vocabulary_begin(uint32_t longest) {
    vocabulary v = {0};
    append_u32(&v, longest);
    vocabulary_add(&v, "<unk>", 5, 0);
    vocabulary_add(&v, "\n<s>\n", 5, 0);
    vocabulary_add(&v, "\n</s>\n", 6, 0);
    for (unsigned i = 0; i < 256; i++) {
        char name[8];
        snprintf(name, sizeof name, "<0x%02X>", i);
        vocabulary_add(&v, name, 6, 0);
    }
    return v;
}

void vocabulary_free(vocabulary *v) {
    free(v->bytes);
    *v = (vocabulary){0};
}

figures figures_open(const char *path) {
    figures f = {.text = test_read_file(path, NULL)};
    f.at = f.text;
    return f;
}

void figures_close(figures *f) {
    free(f->text);
    *f = (figures){0};
}

const char *figures_word(figures *f) {
    f->at += strspn(f->at, " \n");
    while (*f->at == '#') {
        f->at += strcspn(f->at, "\n");
        f->at += strspn(f->at, " \n");
    }
    if (*f->at == '\0') return NULL;
    char *word = f->at;
    f->at += strcspn(f->at, " \n");
    if (*f->at != '\0') *f->at++ = '\0';
    return word;
}

void figures_expect(figures *f, const char *word) {
    const char *actual = figures_word(f);
    assert_non_null(actual);
    assert_string_equal(actual, word);
}

double figures_number(figures *f) {
    const char *word = figures_word(f);
    double number = 0;
    assert_non_null(word);
    if (!orn_parse_f64(word, strlen(word), &number)) fail_msg("%s is no number", word);
    return number;
}
