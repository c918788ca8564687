/* SPDX-License-Identifier: MIT */
/* MIL Blob Storage version 2: known bytes, what is written reads back, and every check of the
 * reader broken once. */
#include "mil-support.h"

#include <math.h>

static void put32(unsigned char *at, uint32_t v) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *at, uint64_t v) {
    put32(at, (uint32_t)v);
    put32(at + 4, (uint32_t)(v >> 32));
}

/* ---- writing ---- */

/* Two entries: 3 halves and 5 nibbles, laid out by hand after the format's description. */
static void known_file(unsigned char file[384]) {
    memset(file, 0, 384);
    put32(file, 2);               /* entries */
    put32(file + 4, 2);           /* version */
    put32(file + 64, 0xDEADBEEF); /* first metadata: fp16 */
    put32(file + 68, 1);
    put64(file + 72, 6);
    put64(file + 80, 128);
    memcpy(file + 128, "\x00\x3c\x00\xc0\xff\x7b", 6); /* 1, -2, 65504 */
    put32(file + 192, 0xDEADBEEF);                     /* second: int4, 4 bits unused */
    put32(file + 196, 8);
    put64(file + 200, 3);
    put64(file + 208, 256);
    put64(file + 216, 4);
    memcpy(file + 256, "\x21\x43\x05", 3);
}
enum { KNOWN_BYTES = 320 };

static orion_mil_blob_writer *known_writer(const orion_allocator *allocator) {
    orion_mil_blob_writer *w;
    uint64_t offset;
    assert_int_equal(orion_mil_blob_writer_create(NULL, allocator, &w), ORION_OK);
    assert_int_equal(
        orion_mil_blob_writer_add(w, ORION_MIL_FP16, "\x00\x3c\x00\xc0\xff\x7b", 6, 3, &offset),
        ORION_OK);
    assert_int_equal(offset, 64);
    assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_INT4, "\x21\x43\x05", 3, 5, &offset),
                     ORION_OK);
    assert_int_equal(offset, 192);
    return w;
}

static void test_known_bytes(void **state) {
    (void)state;
    unsigned char expected[384];
    known_file(expected);
    orion_mil_blob_writer *w = known_writer(NULL);
    orion_blob *blob;
    assert_int_equal(orion_mil_blob_writer_finish(w, &blob), ORION_OK);
    assert_int_equal(orion_blob_size(blob), KNOWN_BYTES);
    assert_memory_equal(orion_blob_data(blob), expected, KNOWN_BYTES);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&w);
    assert_null(w);
    orion_mil_blob_writer_destroy(NULL);
}

static void test_saved_file_is_the_same(void **state) {
    (void)state;
    test_dir dir;
    size_t size;
    unsigned char expected[384];
    known_file(expected);
    test_dir_create(&dir);
    orion_mil_blob_writer *w = known_writer(NULL);
    const char *path = test_dir_file(&dir, "weight.bin");
    assert_int_equal(orion_mil_blob_writer_save(w, path, NULL), ORION_OK);
    char *bytes = test_read_file(path, &size);
    assert_int_equal(size, KNOWN_BYTES);
    assert_memory_equal(bytes, expected, KNOWN_BYTES);
    free(bytes);
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_save(w, test_dir_file(&dir, "no/such/dir"), diag),
                     ORION_ERROR_IO);
    assert_int_equal(orion_diag_count(diag), 1);
    orion_diag_destroy(&diag);
    orion_mil_blob_writer_destroy(&w);
    test_dir_remove(&dir);
}

static void test_equal_entries_are_stored_once(void **state) {
    (void)state;
    for (uint32_t keep = 0; keep < 2; keep++) {
        orion_mil_blob_writer_options options = {.size = sizeof options, .keep_duplicates = keep};
        orion_mil_blob_writer *w;
        uint64_t a, b, c, d;
        assert_int_equal(orion_mil_blob_writer_create(&options, NULL, &w), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_UINT8, "abcd", 4, 4, &a), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_UINT8, "abcd", 4, 4, &b), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_FP16, "abcd", 4, 2, &c), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_UINT8, "abce", 4, 4, &d), ORION_OK);
        assert_int_equal(a == b, keep == 0);
        assert_true(c != a && d != a && c != d);
        assert_int_equal(orion_mil_blob_writer_count(w), keep == 0 ? 3 : 4);
        /* The same bytes are another entry with another dtype or number of elements. */
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_INT8, "abcd", 4, 4, &b), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_INT4, "ab", 2, 4, &c), ORION_OK);
        assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_INT4, "ab", 2, 3, &d), ORION_OK);
        assert_true(b != a && c != d);
        orion_mil_blob_writer_destroy(&w);
    }
}

/* Enough entries that the table of equal ones grows. */
static void test_many_entries(void **state) {
    (void)state;
    orion_mil_blob_writer *w;
    orion_blob *blob;
    orion_mil_blob_entry entry;
    uint64_t offset, at = 0;
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &w), ORION_OK);
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 500; i++) {
            assert_int_equal(orion_mil_blob_writer_add(w, ORION_MIL_INT32, &i, 4, 1, &offset),
                             ORION_OK);
            assert_int_equal(offset, 64 + (uint64_t)i * 128);
        }
    }
    assert_int_equal(orion_mil_blob_writer_finish(w, &blob), ORION_OK);
    orion_mil_blob_writer_destroy(&w);
    uint32_t count = 0, value;
    orion_status status;
    while ((status = orion_mil_blob_next(blob, &at, NULL, NULL, &entry)) == ORION_OK) {
        memcpy(&value, (const char *)orion_blob_data(blob) + entry.data_offset, 4);
        assert_int_equal(value, count++);
        assert_int_equal(entry.dtype, ORION_MIL_INT32);
        assert_int_equal(entry.elements, 1);
    }
    assert_int_equal(status, ORION_ERROR_NOT_FOUND);
    assert_int_equal(count, 500);
    orion_blob_unref(&blob);
}

static void released(void *ctx) {
    ++*(int *)ctx;
}

static void test_blobs_are_not_copied(void **state) {
    (void)state;
    char data[96] = "................needle";
    int releases = 0;
    orion_blob *lent, *file;
    orion_mil_blob_writer *w;
    uint64_t offset;
    assert_int_equal(orion_blob_wrap(data, sizeof data, released, &releases, NULL, &lent),
                     ORION_OK);
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &w), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_add_blob(w, ORION_MIL_UINT8, lent, 16, 6, 6, &offset),
                     ORION_OK);
    orion_blob_unref(&lent);
    assert_int_equal(releases, 0);
    data[16] = 'N'; /* seen, because only a reference was kept */
    assert_int_equal(orion_mil_blob_writer_finish(w, &file), ORION_OK);
    assert_memory_equal((const char *)orion_blob_data(file) + 128, "Needle", 6);
    orion_blob_unref(&file);
    orion_mil_blob_writer_destroy(&w);
    assert_int_equal(releases, 1);
}

static void test_writer_refuses(void **state) {
    (void)state;
    orion_mil_blob_writer *w;
    orion_blob *blob;
    uint64_t offset = 1;
    struct {
        orion_mil_blob_writer_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    assert_int_equal(orion_mil_blob_writer_create(&newer.known, NULL, &w), ORION_ERROR_ABI);
    assert_null(w);
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &w), ORION_OK);
    static const struct {
        orion_mil_dtype dtype;
        size_t bytes;
        uint64_t elements;
    } cases[] = {
        {ORION_MIL_DTYPE_NONE, 4, 4}, {ORION_MIL_BOOL, 4, 4},
        {ORION_MIL_STRING, 4, 4},     {ORION_MIL_INT64, 8, 1},
        {(orion_mil_dtype)77, 4, 4},  {ORION_MIL_FP16, 4, 1},
        {ORION_MIL_FP16, 4, 3},       {ORION_MIL_INT4, 4, 9},
        {ORION_MIL_INT4, 4, 6},       {ORION_MIL_FP16, 4, (uint64_t)1 << 63},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(orion_mil_blob_writer_add(w, cases[i].dtype, "abcd", cases[i].bytes,
                                                   cases[i].elements, &offset),
                         ORION_ERROR_INVALID_ARGUMENT);
        assert_int_equal(offset, 0);
    }
    assert_int_equal(orion_blob_copy("abcd", 4, NULL, &blob), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_add_blob(w, ORION_MIL_UINT8, blob, 2, 3, 3, &offset),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(
        orion_mil_blob_writer_add_blob(w, ORION_MIL_UINT8, blob, SIZE_MAX, 3, 3, &offset),
        ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_mil_blob_writer_count(w), 0);
    orion_blob_unref(&blob);
    assert_int_equal(orion_mil_blob_writer_finish(w, &blob), ORION_OK);
    assert_int_equal(orion_blob_size(blob), 64);
    uint64_t at = 0;
    orion_mil_blob_entry entry;
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &entry), ORION_ERROR_NOT_FOUND);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&w);
}

/* ---- reading ---- */

static orion_blob *wrap(const unsigned char *bytes, size_t size) {
    orion_blob *blob;
    assert_int_equal(orion_blob_wrap(bytes, size, NULL, NULL, NULL, &blob), ORION_OK);
    return blob;
}

static void test_entries_are_read(void **state) {
    (void)state;
    unsigned char file[384];
    known_file(file);
    orion_blob *blob = wrap(file, KNOWN_BYTES);
    orion_mil_blob_entry e;
    assert_int_equal(orion_mil_blob_read(blob, 64, ORION_MIL_FP16, NULL, NULL, &e), ORION_OK);
    assert_int_equal(e.offset, 64);
    assert_int_equal(e.data_offset, 128);
    assert_int_equal(e.bytes, 6);
    assert_int_equal(e.elements, 3);
    assert_int_equal(e.dtype, ORION_MIL_FP16);
    assert_int_equal(e.padding_bits, 0);
    assert_int_equal(orion_mil_blob_read(blob, 192, ORION_MIL_DTYPE_NONE, NULL, NULL, &e),
                     ORION_OK);
    assert_int_equal(e.dtype, ORION_MIL_INT4);
    assert_int_equal(e.elements, 5);
    assert_int_equal(e.padding_bits, 4);
    uint64_t at = 0;
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &e), ORION_OK);
    assert_int_equal(at, 64);
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &e), ORION_OK);
    assert_int_equal(at, 192);
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &e), ORION_ERROR_NOT_FOUND);
    orion_blob_unref(&blob);
}

/* Junk in the reserved fields, as files from before iOS 18 have it, does not matter. */
static void test_reserved_fields_are_ignored(void **state) {
    (void)state;
    unsigned char file[384];
    known_file(file);
    memset(file + 8, 0xAA, 56);
    memset(file + 88, 0xAA, 40); /* padding too: it counts below 8 bits only */
    orion_blob *blob = wrap(file, KNOWN_BYTES);
    orion_mil_blob_entry e;
    assert_int_equal(orion_mil_blob_read(blob, 64, ORION_MIL_FP16, NULL, NULL, &e), ORION_OK);
    assert_int_equal(e.elements, 3);
    assert_int_equal(e.padding_bits, 0);
    orion_blob_unref(&blob);
}

typedef struct damage {
    size_t at;
    uint32_t bytes; /* 4 or 8 */
    uint64_t value;
    size_t size;     /* of the file; 0: all */
    uint64_t offset; /* read there */
    orion_mil_dtype dtype;
    const char *subject, *part;
} damage;

static void test_every_check(void **state) {
    (void)state;
    static const damage cases[] = {
        {0, 4, 2, 63, 64, 0, "header", "the file has 63 bytes, its header alone needs 64"},
        {0, 4, 2, 1, 64, 0, "header", "the file has 1 bytes"},
        {4, 4, 1, 0, 64, 0, "version", "the file has version 1, only version 2 is known"},
        {0, 4, 2, 0, 0, 0, "offset", "is not a multiple of 64 past the header (0)"},
        {0, 4, 2, 0, 65, 0, "offset", "is not a multiple of 64 past the header (65)"},
        {0, 4, 2, 0, 320, 0, "offset", "is past the end of the file of (320)"},
        {0, 4, 2, 250, 192, 0, "offset", "is past the end of the file of (250)"},
        {0, 4, 2, 0, UINT64_MAX - 63, 0, "offset", "is past the end of the file of (320)"},
        {64, 4, 0xDEADBEEE, 0, 64, 0, "sentinel", "is not 0xDEADBEEF (3735928558)"},
        {68, 4, 0, 0, 64, 0, "dtype", "is not one of the format's (0)"},
        {68, 4, 18, 0, 64, 0, "dtype", "is not one of the format's (18)"},
        {68, 4, 35, 0, 64, 0, "dtype", "is not one of the format's (35)"},
        {68, 4, 1, 0, 64, ORION_MIL_FP32, "dtype", "the file says fp16, the program fp32"},
        {80, 8, 130, 0, 64, 0, "data offset", "is not a multiple of 64 past the header (130)"},
        {80, 8, 0, 0, 64, 0, "data offset", "is not a multiple of 64 past the header (0)"},
        {80, 8, UINT64_MAX - 63, 0, 64, 0, "size", "does not fit into the file of (320)"},
        {80, 8, 64, 0, 64, 0, "data offset", "overlaps the metadata (64)"},
        {72, 8, 194, 0, 64, 0, "size", "does not fit into the file of (320)"},
        {72, 8, UINT64_MAX, 0, 64, 0, "size", "does not fit into the file of (320)"},
        {72, 8, 5, 0, 64, 0, "size", "is not a whole number of elements (5)"},
        {216, 8, 8, 0, 192, 0, "padding", "is 8 bits or more (8)"},
        {216, 8, UINT64_MAX, 0, 192, 0, "padding", "is 8 bits or more"},
        {216, 8, 3, 0, 192, 0, "size", "is not a whole number of elements (3)"},
        {200, 8, 0, 0, 192, 0, "padding", "is 8 bits or more (4)"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const damage *c = &cases[i];
        unsigned char file[384];
        known_file(file);
        if (c->bytes == 8) {
            put64(file + c->at, c->value);
        } else {
            put32(file + c->at, (uint32_t)c->value);
        }
        orion_blob *blob = wrap(file, c->size == 0 ? KNOWN_BYTES : c->size);
        orion_mil_blob_options options = {.size = sizeof options, .source = "w.bin"};
        orion_mil_blob_entry e = {.elements = 77};
        orion_diag *diag;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_mil_blob_read(blob, c->offset, c->dtype, &options, diag, &e),
                         ORION_ERROR_VERIFY);
        assert_int_equal(e.elements, 0);
        assert_int_equal(orion_diag_count(diag), 1);
        assert_diag(diag, ORION_MESSAGE_MIL_BLOB, c->part);
        assert_string_equal(orion_diag_get(diag, 0)->subject, c->subject);
        assert_string_equal(orion_diag_get(diag, 0)->source, "w.bin");
        orion_diag_destroy(&diag);
        orion_blob_unref(&blob);
    }
}

/* ---- lenient ---- */

typedef struct repair {
    damage damage;
    uint64_t elements;    /* of the program's type */
    uint64_t data_offset; /* what is read */
    uint64_t bytes;
    bool refused; /* nothing makes up for the field */
} repair;

/* Every field that others write wrong, as they do; and the same without anything to go by. */
static void test_lenient_repairs(void **state) {
    (void)state;
    static const repair cases[] = {
        /* fp16 with a size that fits one program only, and no data offset */
        {{72, 8, 0x80000, 0, 64, ORION_MIL_FP16, "size", "is not what the program's type takes"},
         3,
         128,
         6,
         false},
        {{80, 8, 0, 0, 64, ORION_MIL_FP16, "data offset", "taken as behind the metadata"},
         3,
         128,
         6,
         false},
        {{80, 8, 0, 0, 64, 0, "data offset", "taken as behind the metadata"}, 0, 128, 6, false},
        {{80, 8, 130, 0, 64, 0, "data offset", "(130); taken as it is"}, 0, 130, 6, false},
        /* int8 under the number of fp16 */
        {{68, 4, 1, 0, 64, ORION_MIL_INT8, "dtype", "the file says fp16, the program int8"},
         6,
         128,
         6,
         false},
        {{68, 4, 99, 0, 64, ORION_MIL_FP16, "dtype", "is not one of the format's (99)"},
         3,
         128,
         6,
         false},
        /* bare data behind the header */
        {{64, 4, 7, 0, 64, ORION_MIL_INT8, "sentinel", "is not 0xDEADBEEF (7); taken as data"},
         100,
         64,
         100,
         false},
        {{64, 4, 7, 70, 64, ORION_MIL_INT8, "sentinel", "taken as data"}, 6, 64, 6, false},
        {{0, 4, 2, 0, 72, ORION_MIL_INT8, "offset", "(72); taken as it is"}, 4, 72, 4, false},
        /* there is nothing to go by, or not so much data */
        {{64, 4, 7, 0, 64, 0, "sentinel", "is not 0xDEADBEEF"}, 100, 0, 0, true},
        {{64, 4, 7, 0, 64, ORION_MIL_INT8, "sentinel", "is not 0xDEADBEEF"}, 0, 0, 0, true},
        {{64, 4, 7, 0, 64, ORION_MIL_BOOL, "sentinel", "is not 0xDEADBEEF"}, 9, 0, 0, true},
        {{64, 4, 7, 0, 64, ORION_MIL_INT8, "size", "does not fit"}, 257, 0, 0, true},
        {{68, 4, 99, 0, 64, 0, "dtype", "is not one of the format's (99)"}, 3, 0, 0, true},
        {{72, 8, 0x80000, 0, 64, ORION_MIL_FP16, "size", "does not fit"}, 0, 0, 0, true},
        {{0, 4, 2, 0, 64, ORION_MIL_FP16, "size", "does not fit"}, 1000, 0, 0, true},
        {{0, 4, 2, 0, 64, ORION_MIL_FP16, "size", "does not fit"}, UINT64_MAX, 0, 0, true},
        {{80, 8, 1, 0, 64, ORION_MIL_FP16, "data offset", "past the header (1)"}, 3, 0, 0, true},
        {{80, 8, 66, 0, 64, ORION_MIL_FP16, "data offset", "overlaps the metadata"}, 3, 0, 0, true},
        {{0, 4, 2, 0, 8, ORION_MIL_FP16, "offset", "past the header (8)"}, 3, 0, 0, true},
        {{0, 4, 2, 0, 321, ORION_MIL_FP16, "offset", "past the end"}, 3, 0, 0, true},
        {{4, 4, 1, 0, 64, ORION_MIL_FP16, "version", "only version 2"}, 3, 0, 0, true},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const repair *c = &cases[i];
        unsigned char file[384];
        known_file(file);
        if (c->damage.bytes == 8) {
            put64(file + c->damage.at, c->damage.value);
        } else {
            put32(file + c->damage.at, (uint32_t)c->damage.value);
        }
        orion_blob *blob = wrap(file, c->damage.size == 0 ? KNOWN_BYTES : c->damage.size);
        orion_mil_blob_options options = {
            .size = sizeof options, .source = "w.bin", .elements = c->elements, .lenient = 1};
        orion_mil_blob_entry e;
        orion_diag *diag;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        orion_status status =
            orion_mil_blob_read(blob, c->damage.offset, c->damage.dtype, &options, diag, &e);
        assert_int_equal(status, c->refused ? ORION_ERROR_VERIFY : ORION_OK);
        assert_int_equal(e.data_offset, c->data_offset);
        assert_int_equal(e.bytes, c->bytes);
        const orion_diag_entry *first = orion_diag_get(diag, 0);
        assert_diag(diag,
                    c->refused && first->severity == ORION_SEVERITY_ERROR
                        ? ORION_MESSAGE_MIL_BLOB
                        : ORION_MESSAGE_MIL_BLOB_REPAIRED,
                    c->refused ? NULL : c->damage.part);
        const orion_diag_entry *last = orion_diag_get(diag, orion_diag_count(diag) - 1);
        assert_int_equal(last->severity,
                         c->refused ? ORION_SEVERITY_ERROR : ORION_SEVERITY_WARNING);
        if (c->refused) {
            assert_string_equal(last->subject, c->damage.subject);
            assert_non_null(strstr(last->text, c->damage.part));
        } else {
            assert_string_equal(first->subject, c->damage.subject);
        }
        orion_diag_destroy(&diag);
        orion_blob_unref(&blob);
    }
}

/* A sound file gives a lenient reader what it gives a strict one, and no warning. */
static void test_lenient_is_silent_about_sound_files(void **state) {
    (void)state;
    unsigned char file[384];
    known_file(file);
    orion_blob *blob = wrap(file, KNOWN_BYTES);
    orion_mil_blob_options options = {.size = sizeof options, .elements = 5, .lenient = 1};
    orion_mil_blob_entry e;
    orion_diag *diag;
    uint64_t at = 0;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_mil_blob_read(blob, 192, ORION_MIL_INT4, &options, diag, &e), ORION_OK);
    assert_int_equal(e.elements, 5);
    assert_int_equal(e.padding_bits, 4);
    assert_int_equal(orion_mil_blob_next(blob, &at, &options, diag, &e), ORION_OK);
    assert_int_equal(orion_mil_blob_next(blob, &at, &options, diag, &e), ORION_OK);
    assert_int_equal(orion_mil_blob_next(blob, &at, &options, diag, &e), ORION_ERROR_NOT_FOUND);
    assert_int_equal(orion_diag_count(diag), 0);
    /* A walk warns once of what it reads. */
    put64(file + 80, 0);
    at = 0;
    while (orion_mil_blob_next(blob, &at, &options, diag, &e) == ORION_OK) continue;
    assert_int_equal(at, 192);
    assert_int_equal(orion_diag_count(diag), 1);
    orion_diag_destroy(&diag);
    orion_blob_unref(&blob);
}

/* ---- fp16 ---- */

static void test_halves_are_counted(void **state) {
    (void)state;
    const float floats[] = {1, -65504, 65519,    65520,    -1e9f,     INFINITY, -INFINITY, NAN,
                            0, -0.0f,  0x1p-14f, 0x1p-15f, -0x1p-24f, 0x1p-26f, -1e-30f};
    const uint16_t halves[] = {0x3c00, 0x7c00, 0xfc00, 0x7e00, 0x8000, 0x0001, 0x83ff, 0x0400};
    orion_mil_half_report r = {.size = sizeof r};
    assert_int_equal(orion_mil_half_count(floats, ORION_MIL_FP32, 15, &r), ORION_OK);
    assert_int_equal(r.elements, 15);
    assert_int_equal(r.overflows, 2);
    assert_int_equal(r.infinities, 2);
    assert_int_equal(r.nans, 1);
    assert_int_equal(r.subnormals, 2);
    assert_int_equal(r.vanished, 2);
    assert_true(r.largest == 1e9);
    assert_int_equal(orion_mil_half_count(halves, ORION_MIL_FP16, 8, &r), ORION_OK);
    assert_int_equal(r.elements, 23);
    assert_int_equal(r.overflows, 2);
    assert_int_equal(r.infinities, 4);
    assert_int_equal(r.nans, 2);
    assert_int_equal(r.subnormals, 4);
    assert_int_equal(r.vanished, 2);
    assert_int_equal(orion_mil_half_count(floats, ORION_MIL_INT32, 1, &r),
                     ORION_ERROR_INVALID_ARGUMENT);
    r.size = 0;
    assert_int_equal(orion_mil_half_count(floats, ORION_MIL_FP32, 1, &r),
                     ORION_ERROR_INVALID_ARGUMENT);
}

static void test_floats_are_written_as_halves(void **state) {
    (void)state;
    const float floats[] = {1, -2, 65519, 1e9f, -1e9f, INFINITY, 0x1p-25f, 0x1.8p-25f};
    const uint16_t expected[] = {0x3c00, 0xc000, 0x7bff, 0x7bff, 0xfbff, 0x7c00, 0x0000, 0x0001};
    orion_mil_half_report report = {.size = sizeof report};
    orion_mil_blob_writer *w;
    orion_mil_blob_entry e;
    orion_blob *blob;
    uint64_t offset, again;
    assert_int_equal(orion_mil_blob_writer_create(NULL, NULL, &w), ORION_OK);
    assert_int_equal(orion_mil_blob_writer_add_half(w, floats, 8, &report, &offset), ORION_OK);
    assert_int_equal(offset, 64);
    assert_int_equal(report.overflows, 2);
    assert_int_equal(report.subnormals, 1);
    assert_int_equal(report.vanished, 1);
    assert_int_equal(orion_mil_blob_writer_add_half(w, floats, 8, NULL, &again), ORION_OK);
    assert_int_equal(again, offset);
    report.size = 0;
    assert_int_equal(orion_mil_blob_writer_add_half(w, floats, 8, &report, &again),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_mil_blob_writer_add_half(w, floats, UINT64_MAX, NULL, &again),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(again, 0);
    assert_int_equal(orion_mil_blob_writer_finish(w, &blob), ORION_OK);
    assert_int_equal(orion_mil_blob_read(blob, 64, ORION_MIL_FP16, NULL, NULL, &e), ORION_OK);
    assert_int_equal(e.elements, 8);
    assert_memory_equal((const char *)orion_blob_data(blob) + e.data_offset, expected,
                        sizeof expected);
    orion_blob_unref(&blob);
    orion_mil_blob_writer_destroy(&w);
}

static void test_reader_options_of_another_version(void **state) {
    (void)state;
    unsigned char file[384];
    known_file(file);
    orion_blob *blob = wrap(file, KNOWN_BYTES);
    struct {
        orion_mil_blob_options known;
        uint64_t more;
    } newer = {.known = {.size = sizeof newer}, .more = 1};
    orion_mil_blob_entry e;
    uint64_t at = 0;
    assert_int_equal(orion_mil_blob_read(blob, 64, ORION_MIL_FP16, &newer.known, NULL, &e),
                     ORION_ERROR_ABI);
    assert_int_equal(orion_mil_blob_next(blob, &at, &newer.known, NULL, &e), ORION_ERROR_ABI);
    orion_blob_unref(&blob);
}

/* Walking ends, however the entries point; and says so if one is broken. */
static void test_walk_never_goes_back(void **state) {
    (void)state;
    unsigned char file[384];
    known_file(file);
    put64(file + 208, 128); /* the second entry's data are the first's */
    orion_blob *blob = wrap(file, KNOWN_BYTES);
    orion_mil_blob_entry e;
    uint64_t at = 192;
    orion_status status = orion_mil_blob_next(blob, &at, NULL, NULL, &e);
    assert_int_equal(status, ORION_ERROR_VERIFY); /* at 256 there is no metadata */
    assert_int_equal(at, 192);
    put32(file, 0);
    at = 0;
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &e), ORION_ERROR_NOT_FOUND);
    put32(file + 4, 7);
    assert_int_equal(orion_mil_blob_next(blob, &at, NULL, NULL, &e), ORION_ERROR_VERIFY);
    orion_blob_unref(&blob);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_bytes),
        cmocka_unit_test(test_saved_file_is_the_same),
        cmocka_unit_test(test_equal_entries_are_stored_once),
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_blobs_are_not_copied),
        cmocka_unit_test(test_writer_refuses),
        cmocka_unit_test(test_entries_are_read),
        cmocka_unit_test(test_reserved_fields_are_ignored),
        cmocka_unit_test(test_every_check),
        cmocka_unit_test(test_lenient_repairs),
        cmocka_unit_test(test_lenient_is_silent_about_sound_files),
        cmocka_unit_test(test_halves_are_counted),
        cmocka_unit_test(test_floats_are_written_as_halves),
        cmocka_unit_test(test_reader_options_of_another_version),
        cmocka_unit_test(test_walk_never_goes_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
