/* SPDX-License-Identifier: MIT */
/* llama2.c's weight files: written and read back, and every way in which one can be wrong. */
#define _XOPEN_SOURCE 700
#include "train-support.h"

#include <dirent.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

/* A file in memory, and a diag. */
typedef struct file {
    orion_diag *diag;
    unsigned char *bytes;
    size_t size;
    test_dir dir;
} file;

static file save_small(uint32_t untied) {
    file f = {0};
    orion_train_model_config c = small_config();
    orion_train_model *m = NULL;
    c.untied = untied;
    test_dir_create(&f.dir);
    assert_int_equal(orion_diag_create(NULL, &f.diag), ORION_OK);
    assert_ok(orion_train_model_create_random(&c, 3, NULL, f.diag, &m), f.diag);
    assert_ok(orion_train_model_save_llama2c(m, test_dir_file(&f.dir, "m.bin"), f.diag), f.diag);
    orion_train_model_unref(&m);
    f.bytes = (unsigned char *)test_read_file(test_dir_file(&f.dir, "m.bin"), &f.size);
    return f;
}

static void file_close(file *f) {
    free(f->bytes);
    orion_diag_destroy(&f->diag);
    test_dir_remove(&f->dir);
}

static int32_t field(const file *f, size_t i) {
    int32_t n;
    memcpy(&n, f->bytes + 4 * i, 4);
    return n;
}

/* ---- round trip ---- */

static void assert_same_model(const orion_train_model *a, const orion_train_model *b) {
    orion_train_model_config ca = {.size = sizeof ca}, cb = {.size = sizeof cb};
    assert_int_equal(orion_train_model_get_config(a, &ca), ORION_OK);
    assert_int_equal(orion_train_model_get_config(b, &cb), ORION_OK);
    assert_memory_equal(&ca, &cb, sizeof ca);
    assert_int_equal(orion_train_model_parameter_count(a), orion_train_model_parameter_count(b));
    for (size_t i = 0; i < orion_train_model_parameter_count(a); i++) {
        orion_train_parameter p = {.size = sizeof p}, q = {.size = sizeof q};
        assert_int_equal(orion_train_model_parameter(a, i, &p), ORION_OK);
        assert_int_equal(orion_train_model_parameter(b, i, &q), ORION_OK);
        assert_string_equal(p.name, q.name);
        assert_memory_equal(p.data, q.data, p.elements * sizeof(float));
    }
}

static void check_round_trip(uint32_t untied) {
    file f = save_small(untied);
    orion_train_model_config c = small_config();
    orion_train_model *original = NULL, *loaded = NULL, *parsed = NULL;
    c.untied = untied;
    assert_int_equal(field(&f, 0), 16);
    assert_int_equal(field(&f, 5), untied ? -257 : 257);
    assert_int_equal(field(&f, 6), 32);
    assert_ok(orion_train_model_create_random(&c, 3, NULL, f.diag, &original), f.diag);
    assert_ok(orion_train_model_load_llama2c(test_dir_file(&f.dir, "m.bin"), NULL, f.diag, &loaded),
              f.diag);
    assert_same_model(original, loaded);
    /* Memory at an odd address, which cannot be pointed into. */
    unsigned char *odd = malloc(f.size + 1);
    orion_blob *blob = NULL;
    assert_non_null(odd);
    memcpy(odd + 1, f.bytes, f.size);
    assert_int_equal(orion_blob_wrap(odd + 1, f.size, NULL, NULL, NULL, &blob), ORION_OK);
    assert_ok(orion_train_model_parse_llama2c(blob, NULL, NULL, f.diag, &parsed), f.diag);
    orion_blob_unref(&blob);
    free(odd);
    assert_same_model(original, parsed);
    orion_train_model_unref(&original);
    orion_train_model_unref(&loaded);
    orion_train_model_unref(&parsed);
    file_close(&f);
}

static void test_round_trip_tied(void **state) {
    (void)state;
    check_round_trip(0);
}

static void test_round_trip_untied(void **state) {
    (void)state;
    check_round_trip(1);
}

/* The real file comes back byte for byte, but for the last digits of its rotary tables. */
static void test_real_file(void **state) {
    (void)state;
    const char *path = test_data("stories260K/stories260K.bin");
    test_dir dir;
    size_t size, again_size, tables = 0;
    orion_train_model *m = NULL;
    test_dir_create(&dir);
    assert_ok(orion_train_model_load_llama2c(path, NULL, NULL, &m), NULL);
    assert_ok(orion_train_model_save_llama2c(m, test_dir_file(&dir, "m.bin"), NULL), NULL);
    char *bytes = test_read_file(path, &size);
    char *again = test_read_file(test_dir_file(&dir, "m.bin"), &again_size);
    assert_int_equal(size, again_size);
    tables = size - 2 * 512 * 4 * sizeof(float);
    assert_memory_equal(bytes, again, tables);
    assert_floats_near((const float *)(const void *)(again + tables),
                       (const float *)(const void *)(bytes + tables), 2 * 512 * 4, 1e-4, 0);
    free(bytes);
    free(again);
    orion_train_model_unref(&m);
    test_dir_remove(&dir);
}

/* ---- refusals ---- */

static void assert_bytes_refused(file *f, size_t size, orion_message message, const char *part) {
    orion_blob *blob = blob_of(f->bytes, size);
    orion_train_model *m = (orion_train_model *)f;
    orion_status status = orion_train_model_parse_llama2c(blob, "m.bin", NULL, f->diag, &m);
    assert_null(m);
    assert_refused(status, ORION_ERROR_VERIFY, f->diag, message, part);
    orion_blob_unref(&blob);
}

/* With one float or integer replaced. */
static void assert_patch_refused(file *f, size_t at, const void *word, orion_message message,
                                 const char *part) {
    unsigned char old[4];
    memcpy(old, f->bytes + at, 4);
    memcpy(f->bytes + at, word, 4);
    assert_bytes_refused(f, f->size, message, part);
    memcpy(f->bytes + at, old, 4);
}

static void test_sizes(void **state) {
    (void)state;
    file f = save_small(0);
    assert_bytes_refused(&f, 0, ORION_MESSAGE_TRAIN_LLAMA2C, "its header alone has 28");
    assert_bytes_refused(&f, 27, ORION_MESSAGE_TRAIN_LLAMA2C, "its header alone has 28");
    const size_t sizes[] = {28, 29, 1000, f.size / 2, f.size - 4, f.size - 1};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_bytes_refused(&f, sizes[i], ORION_MESSAGE_TRAIN_LLAMA2C, "asks for exactly");
    }
    f.bytes = realloc(f.bytes, f.size + 4);
    assert_non_null(f.bytes);
    memset(f.bytes + f.size, 0, 4);
    assert_bytes_refused(&f, f.size + 1, ORION_MESSAGE_TRAIN_LLAMA2C, "something behind it");
    assert_bytes_refused(&f, f.size + 4, ORION_MESSAGE_TRAIN_LLAMA2C, "something behind it");
    file_close(&f);
}

static void test_header(void **state) {
    (void)state;
    static const char *const names[7] = {"dim",      "hidden", "layers", "heads",
                                         "kv_heads", "vocab",  "context"};
    file f = save_small(0);
    const int32_t zero = 0, minus = -5, least = INT32_MIN, most = INT32_MAX, three = 3;
    for (size_t i = 0; i < 7; i++) {
        char place[32];
        snprintf(place, sizeof place, "%s at byte %zu", names[i], 4 * i);
        assert_patch_refused(&f, 4 * i, &zero, ORION_MESSAGE_TRAIN_LLAMA2C, place);
        assert_patch_refused(&f, 4 * i, &least, ORION_MESSAGE_TRAIN_LLAMA2C, place);
        if (i != 5) assert_patch_refused(&f, 4 * i, &minus, ORION_MESSAGE_TRAIN_LLAMA2C, place);
        assert_patch_refused(&f, 4 * i, &most, ORION_MESSAGE_TRAIN_MODEL, names[i]);
        assert_patch_refused(&f, 4 * i, &most, ORION_MESSAGE_TRAIN_LLAMA2C, "bytes 0 to 27");
    }
    assert_patch_refused(&f, 12, &three, ORION_MESSAGE_TRAIN_MODEL, "heads");
    /* As large as the limits allow: refused by size, before anything is allocated. */
    const int32_t largest[7] = {65536, 1 << 20, 1024, 1024, 1024, 1 << 24, 1 << 20};
    memcpy(f.bytes, largest, sizeof largest);
    assert_bytes_refused(&f, f.size, ORION_MESSAGE_TRAIN_LLAMA2C, "asks for exactly");
    file_close(&f);
}

static void test_newer_format(void **state) {
    (void)state;
    file f = save_small(0);
    memcpy(f.bytes, "24ka\1\0\0\0", 8);
    assert_bytes_refused(&f, f.size, ORION_MESSAGE_TRAIN_LLAMA2C, "\"ak42\" at byte 0, version 1");
    file_close(&f);
}

static void test_values(void **state) {
    (void)state;
    file f = save_small(1);
    const float nan = NAN, infinite = -INFINITY, large = 2e4f;
    assert_patch_refused(&f, 28, &nan, ORION_MESSAGE_TRAIN_VALUES,
                         "tok_embedding[0] at byte 28 is not a number");
    assert_patch_refused(&f, 28 + 4 * 100, &infinite, ORION_MESSAGE_TRAIN_VALUES,
                         "tok_embedding[100] at byte 428 is larger");
    assert_patch_refused(&f, f.size - 4, &large, ORION_MESSAGE_TRAIN_VALUES, "output[4111]");
    memset(f.bytes + f.size - 257 * 16 * 4, 0, 257 * 16 * 4);
    assert_bytes_refused(&f, f.size, ORION_MESSAGE_TRAIN_VALUES, "all but zero");
    file_close(&f);
}

/* Swap rows and columns of n floats seen as [rows, columns]. */
static void transpose(unsigned char *bytes, size_t rows, size_t columns) {
    float *copy = malloc(rows * columns * sizeof *copy);
    assert_non_null(copy);
    memcpy(copy, bytes, rows * columns * sizeof *copy);
    for (size_t i = 0; i < rows; i++) {
        for (size_t k = 0; k < columns; k++) {
            memcpy(bytes + (k * rows + i) * sizeof *copy, &copy[i * columns + k], sizeof *copy);
        }
    }
    free(copy);
}

/* A file whose matrices were transposed on the way has nothing wrong but its tables. */
static void test_rotary_tables(void **state) {
    (void)state;
    file f = save_small(0);
    const size_t positions = 32, pairs = 2, tables = f.size - 2 * positions * pairs * sizeof(float);
    transpose(f.bytes + tables, positions, pairs);
    assert_bytes_refused(&f, f.size, ORION_MESSAGE_TRAIN_LLAMA2C, "not that of theta 10000");
    transpose(f.bytes + tables, pairs, positions);
    const float off = 0.9f, nan = NAN;
    assert_patch_refused(&f, tables, &off, ORION_MESSAGE_TRAIN_LLAMA2C, "position 0, pair 0");
    assert_patch_refused(&f, f.size - 4, &off, ORION_MESSAGE_TRAIN_LLAMA2C, "position 31, pair 1");
    assert_patch_refused(&f, f.size - 4, &nan, ORION_MESSAGE_TRAIN_LLAMA2C, "position 31, pair 1");
    memset(f.bytes + tables, 0, f.size - tables);
    assert_bytes_refused(&f, f.size, ORION_MESSAGE_TRAIN_LLAMA2C, "position 0, pair 0");
    file_close(&f);
}

/* Noise anywhere is refused or gives a model; it never harms (see also tests/fuzz). */
static void test_noise(void **state) {
    (void)state;
    file f = save_small(0);
    uint64_t random = 9;
    for (int i = 0; i < 200; i++) {
        size_t at = test_random(&random) % (i % 2 == 0 ? 28 : f.size);
        unsigned char old = f.bytes[at];
        f.bytes[at] = (unsigned char)test_random(&random);
        orion_blob *blob = blob_of(f.bytes, f.size);
        orion_train_model *m = NULL;
        orion_status status = orion_train_model_parse_llama2c(blob, NULL, NULL, NULL, &m);
        assert_true(status == ORION_OK ? m != NULL : status == ORION_ERROR_VERIFY && m == NULL);
        orion_train_model_unref(&m);
        orion_blob_unref(&blob);
        f.bytes[at] = old;
    }
    file_close(&f);
}

static void test_files(void **state) {
    (void)state;
    file f = save_small(0);
    orion_train_model *m = NULL;
    const char *path = test_dir_file(&f.dir, "none.bin");
    assert_refused(orion_train_model_load_llama2c(path, NULL, f.diag, &m), ORION_ERROR_NOT_FOUND,
                   f.diag, ORION_MESSAGE_FILE_NOT_FOUND, "none.bin");
    assert_refused(orion_train_model_load_llama2c(f.dir.path, NULL, f.diag, &m), ORION_ERROR_IO,
                   f.diag, ORION_MESSAGE_FILE_UNREADABLE, NULL);
    file_close(&f);
}

static void test_save_refusals(void **state) {
    (void)state;
    static const struct {
        const char *field;
        double theta, epsilon;
        uint32_t split;
    } cases[] = {{"rope_theta", 1e6, 0, 0}, {"norm_epsilon", 0, 1e-6, 0}, {"rope_split", 0, 0, 1}};
    file f = save_small(0);
    orion_train_model *m = NULL;
    const char *path = test_dir_file(&f.dir, "other.bin");
    for (size_t i = 0; i < 3; i++) {
        orion_train_model_config c = small_config();
        c.rope_theta = cases[i].theta;
        c.norm_epsilon = cases[i].epsilon;
        c.rope_split = cases[i].split;
        assert_ok(orion_train_model_create_random(&c, 3, NULL, f.diag, &m), f.diag);
        assert_refused(orion_train_model_save_llama2c(m, path, f.diag), ORION_ERROR_UNSUPPORTED,
                       f.diag, ORION_MESSAGE_TRAIN_EXPORT, cases[i].field);
        assert_int_not_equal(access(path, F_OK), 0);
        orion_train_model_unref(&m);
    }
    orion_train_model_config c = small_config();
    assert_ok(orion_train_model_create_random(&c, 3, NULL, f.diag, &m), f.diag);
    path = test_dir_file(&f.dir, "no/folder.bin");
    assert_refused(orion_train_model_save_llama2c(m, path, f.diag), ORION_ERROR_IO, f.diag,
                   ORION_MESSAGE_FILE_UNWRITABLE, "folder.bin");
    orion_train_model_unref(&m);
    file_close(&f);
}

static size_t count_files(const char *folder) {
    size_t count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

/* The disk is full after 1000 bytes: the old file stays, and nothing else does. */
static void test_full_disk(void **state) {
    (void)state;
    file f = save_small(0);
    orion_train_model_config c = small_config();
    orion_train_model *m = random_model(&c, 8);
    const char *path = test_dir_file(&f.dir, "m.bin");
    struct rlimit old, low;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = (struct rlimit){.rlim_cur = 1000, .rlim_max = old.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
    orion_status status = orion_train_model_save_llama2c(m, path, f.diag);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    signal(SIGXFSZ, handler);
    assert_refused(status, ORION_ERROR_IO, f.diag, ORION_MESSAGE_FILE_UNWRITABLE, "m.bin");
    assert_int_equal(count_files(f.dir.path), 1);
    size_t size;
    char *bytes = test_read_file(path, &size);
    assert_int_equal(size, f.size);
    assert_memory_equal(bytes, f.bytes, size);
    free(bytes);
    orion_train_model_unref(&m);
    file_close(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip_tied), cmocka_unit_test(test_round_trip_untied),
        cmocka_unit_test(test_real_file),       cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_header),          cmocka_unit_test(test_newer_format),
        cmocka_unit_test(test_values),          cmocka_unit_test(test_rotary_tables),
        cmocka_unit_test(test_noise),           cmocka_unit_test(test_files),
        cmocka_unit_test(test_save_refusals),   cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
