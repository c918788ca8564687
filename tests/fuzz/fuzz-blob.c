/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a weight file: a walk ends, every entry lies within the file, and what a writer
 * makes of the entries reads back as the same data.
 */
#include "fuzz.h"

#include <orion/mil.h>
#include <stdbool.h>

static void check_entry(const orion_blob *file, const orion_mil_blob_entry *e) {
    uint64_t size = orion_blob_size(file);
    FUZZ_CHECK(e->data_offset <= size && e->bytes <= size - e->data_offset);
    uint32_t bits = orion_mil_dtype_bits((orion_mil_dtype)e->dtype);
    FUZZ_CHECK(bits != 0 && e->elements * bits + e->padding_bits == e->bytes * 8);
}

/* The copy holds the same data under the offset that the writer gave. */
static void check_copy(const orion_mil_blob_writer *writer, uint64_t offset,
                       const orion_blob *original, const orion_mil_blob_entry *e) {
    orion_blob *copy = NULL;
    orion_mil_blob_entry again;
    FUZZ_CHECK(orion_mil_blob_writer_finish(writer, &copy) == ORION_OK);
    FUZZ_CHECK(orion_mil_blob_read(copy, offset, (orion_mil_dtype)e->dtype, NULL, NULL, &again) ==
               ORION_OK);
    FUZZ_CHECK(again.bytes == e->bytes && again.elements == e->elements);
    FUZZ_CHECK(memcmp((const char *)orion_blob_data(copy) + again.data_offset,
                      (const char *)orion_blob_data(original) + e->data_offset,
                      (size_t)e->bytes) == 0);
    orion_blob_unref(&copy);
}

/* A lenient reader stays in the file too, and takes what a strict one does. */
static void check_lenient(const orion_blob *file, uint64_t offset, orion_mil_dtype dtype,
                          uint64_t elements) {
    const orion_mil_blob_options options = {
        .size = sizeof options, .elements = elements, .lenient = 1};
    orion_mil_blob_entry strict, lenient;
    bool sound = orion_mil_blob_read(file, offset, dtype, NULL, NULL, &strict) == ORION_OK &&
                 strict.elements == elements;
    bool read = orion_mil_blob_read(file, offset, dtype, &options, NULL, &lenient) == ORION_OK;
    if (read) check_entry(file, &lenient);
    if (read && dtype != ORION_MIL_DTYPE_NONE) FUZZ_CHECK(lenient.dtype == dtype);
    if (read && elements != 0) FUZZ_CHECK(lenient.elements == elements);
    if (sound) FUZZ_CHECK(read && lenient.data_offset == strict.data_offset);
}

static void walk_leniently(const orion_blob *file) {
    const orion_mil_blob_options options = {.size = sizeof options, .lenient = 1};
    orion_mil_blob_entry e;
    uint64_t at = 0, before = 0;
    while (orion_mil_blob_next(file, &at, &options, NULL, &e) == ORION_OK) {
        FUZZ_CHECK(at > before);
        before = at;
        check_entry(file, &e);
        orion_mil_half_report report = {.size = sizeof report};
        (void)!orion_mil_half_count((const char *)orion_blob_data(file) + e.data_offset,
                                    (orion_mil_dtype)e.dtype, e.elements, &report);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    orion_blob *file = NULL;
    orion_diag *diag = NULL;
    orion_mil_blob_writer *writer = NULL;
    FUZZ_CHECK(orion_diag_create(NULL, &diag) == ORION_OK);
    FUZZ_CHECK(orion_blob_wrap(data, size, NULL, NULL, NULL, &file) == ORION_OK);
    FUZZ_CHECK(orion_mil_blob_writer_create(NULL, NULL, &writer) == ORION_OK);
    orion_mil_blob_entry e;
    orion_status status;
    uint64_t at = 0, before = 0, offset;
    while ((status = orion_mil_blob_next(file, &at, NULL, diag, &e)) == ORION_OK) {
        FUZZ_CHECK(at > before);
        before = at;
        check_entry(file, &e);
        FUZZ_CHECK(orion_mil_blob_writer_add_blob(writer, (orion_mil_dtype)e.dtype, file,
                                                  (size_t)e.data_offset, (size_t)e.bytes,
                                                  e.elements, &offset) == ORION_OK);
        check_copy(writer, offset, file, &e);
    }
    FUZZ_CHECK((status == ORION_ERROR_NOT_FOUND) == (orion_diag_count(diag) == 0));
    for (uint64_t i = 0; i < size + 128; i += 32) { /* any offset may be asked for */
        if (orion_mil_blob_read(file, i, ORION_MIL_DTYPE_NONE, NULL, NULL, &e) == ORION_OK)
            check_entry(file, &e);
        check_lenient(file, i, (orion_mil_dtype)(i / 32 % 20), i / 8);
    }
    walk_leniently(file);
    orion_mil_blob_writer_destroy(&writer);
    orion_blob_unref(&file);
    orion_diag_destroy(&diag);
    return 0;
}
