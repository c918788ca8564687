/* SPDX-License-Identifier: MIT */
/* MIL Blob Storage version 2: the file format of weights, written and read with every field
 * checked. */
#include "mil-internal.h"

enum {
    ALIGN = 64,
    HEADER_BYTES = 64,
    METADATA_BYTES = 64,
    VERSION = 2,
};
#define SENTINEL 0xDEADBEEFu

static void put32(unsigned char *at, uint32_t v) {
    for (int i = 0; i < 4; i++) at[i] = (unsigned char)(v >> 8 * i);
}

static void put64(unsigned char *at, uint64_t v) {
    for (int i = 0; i < 8; i++) at[i] = (unsigned char)(v >> 8 * i);
}

static uint32_t get32(const unsigned char *at) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++) v |= (uint32_t)at[i] << 8 * i;
    return v;
}

static uint64_t get64(const unsigned char *at) {
    return get32(at) | (uint64_t)get32(at + 4) << 32;
}

/* 0 if the dtype cannot be stored. */
static uint32_t storage_bits(uint32_t dtype) {
    return dtype <= ORION_MIL_FP8E5M2 ? orion_mil_dtype_bits((orion_mil_dtype)dtype) : 0;
}

/* ---- writing ---- */

typedef struct entry {
    orion_blob *blob; /* a reference is held */
    size_t at, bytes;
    uint64_t elements, offset, hash;
    uint32_t dtype;
    uint32_t next; /* 1 + index of the next entry in the same bucket; 0 ends */
} entry;

struct orion_mil_blob_writer {
    orion_allocator allocator;
    entry *entries;
    size_t count, capacity;
    uint32_t *buckets;   /* 1 + index of an entry; 0 empty */
    size_t bucket_count; /* a power of two */
    size_t end;          /* where the next metadata goes */
    bool keep_duplicates;
};

orion_status orion_mil_blob_writer_create(const orion_mil_blob_writer_options *options,
                                          const orion_allocator *allocator,
                                          orion_mil_blob_writer **out_writer) {
    orion_mil_blob_writer_options o;
    *out_writer = NULL;
    TRY(orn_check_size(options, &o, sizeof o));
    orion_allocator a = orn_allocator(allocator);
    orion_mil_blob_writer *w = orn_zalloc(&a, sizeof *w);
    if (w == NULL) return ORION_ERROR_NO_MEMORY;
    w->allocator = a;
    w->end = HEADER_BYTES;
    w->keep_duplicates = o.keep_duplicates != 0;
    *out_writer = w;
    return ORION_OK;
}

void orion_mil_blob_writer_destroy(orion_mil_blob_writer **writer) {
    if (writer == NULL || *writer == NULL) return;
    orion_mil_blob_writer *w = *writer;
    *writer = NULL;
    for (size_t i = 0; i < w->count; i++) orion_blob_unref(&w->entries[i].blob);
    orn_free(&w->allocator, w->entries, w->capacity * sizeof *w->entries);
    orn_free(&w->allocator, w->buckets, w->bucket_count * sizeof *w->buckets);
    orn_free(&w->allocator, w, sizeof *w);
}

/* Weights are large: eight bytes a step. Only equality within this process matters. */
static uint64_t hash_data(const unsigned char *p, size_t n) {
    uint64_t h = 0x9e3779b97f4a7c15ull ^ n;
    for (; n >= 8; p += 8, n -= 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        h = (h ^ word) * 0xd6e8feb86659fd93ull;
        h ^= h >> 29;
    }
    for (; n != 0; p++, n--) h = (h ^ *p) * 0x100000001b3ull;
    return h ^ h >> 32;
}

static const unsigned char *entry_data(const entry *e) {
    return (const unsigned char *)orion_blob_data(e->blob) + e->at;
}

static const entry *find_equal(const orion_mil_blob_writer *w, const entry *wanted) {
    if (w->bucket_count == 0 || w->keep_duplicates) return NULL;
    for (uint32_t i = w->buckets[wanted->hash & (w->bucket_count - 1)]; i != 0;
         i = w->entries[i - 1].next) {
        const entry *e = &w->entries[i - 1];
        if (e->hash == wanted->hash && e->dtype == wanted->dtype && e->bytes == wanted->bytes &&
            e->elements == wanted->elements &&
            memcmp(entry_data(e), entry_data(wanted), e->bytes) == 0) {
            return e;
        }
    }
    return NULL;
}

static bool rehash(orion_mil_blob_writer *w) {
    size_t count = w->bucket_count == 0 ? 64 : w->bucket_count * 2;
    uint32_t *buckets = orn_zalloc(&w->allocator, count * sizeof *buckets);
    if (buckets == NULL) return false;
    for (size_t i = 0; i < w->count; i++) {
        uint32_t *bucket = &buckets[w->entries[i].hash & (count - 1)];
        w->entries[i].next = *bucket;
        *bucket = (uint32_t)i + 1;
    }
    orn_free(&w->allocator, w->buckets, w->bucket_count * sizeof *w->buckets);
    w->buckets = buckets;
    w->bucket_count = count;
    return true;
}

/* Does `bytes` hold exactly `elements` of `bits`, and would the file still have a sane size? */
static bool size_fits(uint32_t bits, size_t bytes, uint64_t elements) {
    return elements < (uint64_t)1 << 56 && bytes < (size_t)1 << 48 &&
           bytes == (elements * bits + 7) / 8;
}

orion_status orion_mil_blob_writer_add_blob(orion_mil_blob_writer *writer, orion_mil_dtype dtype,
                                            orion_blob *blob, size_t at, size_t bytes,
                                            uint64_t elements, uint64_t *out_offset) {
    orion_mil_blob_writer *w = writer;
    *out_offset = 0;
    uint32_t bits = storage_bits((uint32_t)dtype);
    size_t stop, data, end;
    if (bits == 0 || !size_fits(bits, bytes, elements) || !orn_add(at, bytes, &stop) ||
        stop > orion_blob_size(blob) || !orn_add(w->end, METADATA_BYTES, &data) ||
        !orn_add(data, bytes, &end) || !orn_align_up(end, ALIGN, &end)) {
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    entry e = {.blob = blob,
               .at = at,
               .bytes = bytes,
               .elements = elements,
               .offset = w->end,
               .dtype = (uint32_t)dtype};
    if (!w->keep_duplicates) e.hash = hash_data(entry_data(&e), bytes);
    const entry *equal = find_equal(w, &e);
    if (equal != NULL) {
        *out_offset = equal->offset;
        return ORION_OK;
    }
    if (w->count >= UINT32_MAX - 1) return ORION_ERROR_INVALID_ARGUMENT;
    if (!ORN_GROW(&w->allocator, w->entries, w->capacity, w->count + 1) ||
        (w->count >= w->bucket_count && !rehash(w))) {
        return ORION_ERROR_NO_MEMORY;
    }
    uint32_t *bucket = &w->buckets[e.hash & (w->bucket_count - 1)];
    e.next = *bucket;
    *bucket = (uint32_t)w->count + 1;
    orion_blob_ref(blob);
    w->entries[w->count++] = e;
    w->end = end;
    *out_offset = e.offset;
    return ORION_OK;
}

orion_status orion_mil_blob_writer_add(orion_mil_blob_writer *writer, orion_mil_dtype dtype,
                                       const void *data, size_t bytes, uint64_t elements,
                                       uint64_t *out_offset) {
    *out_offset = 0;
    uint32_t bits = storage_bits((uint32_t)dtype);
    if (bits == 0 || !size_fits(bits, bytes, elements)) return ORION_ERROR_INVALID_ARGUMENT;
    orion_blob *blob;
    TRY(orion_blob_copy(data, bytes, &writer->allocator, &blob));
    orion_status status =
        orion_mil_blob_writer_add_blob(writer, dtype, blob, 0, bytes, elements, out_offset);
    orion_blob_unref(&blob);
    return status;
}

size_t orion_mil_blob_writer_count(const orion_mil_blob_writer *writer) {
    return writer->count;
}

static void make_header(const orion_mil_blob_writer *w, unsigned char *header) {
    memset(header, 0, HEADER_BYTES);
    put32(header, (uint32_t)w->count);
    put32(header + 4, VERSION);
}

static void make_metadata(const entry *e, unsigned char *metadata) {
    memset(metadata, 0, METADATA_BYTES);
    put32(metadata, SENTINEL);
    put32(metadata + 4, e->dtype);
    put64(metadata + 8, e->bytes);
    put64(metadata + 16, e->offset + METADATA_BYTES);
    put64(metadata + 24, (uint64_t)e->bytes * 8 - e->elements * storage_bits(e->dtype));
}

orion_status orion_mil_blob_writer_finish(const orion_mil_blob_writer *writer,
                                          orion_blob **out_blob) {
    *out_blob = NULL;
    orion_blob *blob;
    TRY(orion_blob_copy(NULL, writer->end, &writer->allocator, &blob));
    unsigned char *bytes =
        (unsigned char *)(uintptr_t)orion_blob_data(blob); /* ours alone until returned */
    make_header(writer, bytes);
    for (size_t i = 0; i < writer->count; i++) {
        const entry *e = &writer->entries[i];
        make_metadata(e, bytes + e->offset);
        if (e->bytes != 0) memcpy(bytes + e->offset + METADATA_BYTES, entry_data(e), e->bytes);
    }
    *out_blob = blob;
    return ORION_OK;
}

static orion_status save_entries(const orion_mil_blob_writer *w, orn_file *file, orion_diag *diag) {
    static const unsigned char zeros[ALIGN];
    unsigned char block[METADATA_BYTES];
    make_header(w, block);
    TRY(orn_file_write(file, block, sizeof block, diag));
    for (size_t i = 0; i < w->count; i++) {
        const entry *e = &w->entries[i];
        make_metadata(e, block);
        TRY(orn_file_write(file, block, sizeof block, diag));
        TRY(orn_file_write(file, entry_data(e), e->bytes, diag));
        TRY(orn_file_write(file, zeros, (ALIGN - e->bytes % ALIGN) % ALIGN, diag));
    }
    return ORION_OK;
}

orion_status orion_mil_blob_writer_save(const orion_mil_blob_writer *writer, const char *path,
                                        orion_diag *diag) {
    orn_file file;
    TRY(orn_file_begin(&file, path, &writer->allocator, diag));
    orion_status status = save_entries(writer, &file, diag);
    if (status == ORION_OK) status = orn_file_commit(&file, diag);
    orn_file_abort(&file);
    return status;
}

/* ---- reading ---- */

static orion_status malformed(orion_diag *diag, const char *source, const char *field,
                              uint64_t offset, const char *what, uint64_t found) {
    orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_BLOB, source, 0, 0, field,
             "entry at %llu: %s %s (%llu)", (unsigned long long)offset, field, what,
             (unsigned long long)found);
    return ORION_ERROR_VERIFY;
}

static orion_status check_header(const orion_blob *blob, const char *source, orion_diag *diag) {
    const unsigned char *bytes = orion_blob_data(blob);
    size_t size = orion_blob_size(blob);
    if (size < HEADER_BYTES) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_BLOB, source, 0, 0, "header",
                 "the file has %zu bytes, its header alone needs 64", size);
        return ORION_ERROR_VERIFY;
    }
    if (get32(bytes + 4) != VERSION) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_BLOB, source, 0, 0, "version",
                 "the file has version %u, only version 2 is known", (unsigned)get32(bytes + 4));
        return ORION_ERROR_VERIFY;
    }
    return ORION_OK;
}

/* Everything but the header. `out` is filled only if all is well. */
static orion_status read_entry(const orion_blob *blob, uint64_t offset, uint32_t dtype,
                               const char *source, orion_diag *diag, orion_mil_blob_entry *out) {
    size_t size = orion_blob_size(blob);
    if (offset < HEADER_BYTES || offset % ALIGN != 0) {
        return malformed(diag, source, "offset", offset, "is not a multiple of 64 past the header",
                         offset);
    }
    if (offset > size || size - offset < METADATA_BYTES) {
        return malformed(diag, source, "offset", offset, "is past the end of the file of", size);
    }
    const unsigned char *m = (const unsigned char *)orion_blob_data(blob) + offset;
    orion_mil_blob_entry e = {.size = sizeof e,
                              .offset = offset,
                              .bytes = get64(m + 8),
                              .data_offset = get64(m + 16),
                              .dtype = get32(m + 4)};
    uint64_t padding = get64(m + 24);
    uint32_t bits = storage_bits(e.dtype);
    if (get32(m) != SENTINEL)
        return malformed(diag, source, "sentinel", offset, "is not 0xDEADBEEF", get32(m));
    if (bits == 0)
        return malformed(diag, source, "dtype", offset, "is not one of the format's", e.dtype);
    if (dtype != ORION_MIL_DTYPE_NONE && e.dtype != dtype) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_BLOB, source, 0, 0, "dtype",
                 "entry at %llu: the file says %s, the program %s", (unsigned long long)offset,
                 orion_mil_dtype_name((orion_mil_dtype)e.dtype),
                 orion_mil_dtype_name((orion_mil_dtype)dtype));
        return ORION_ERROR_VERIFY;
    }
    if (e.data_offset % ALIGN != 0 || e.data_offset < HEADER_BYTES) {
        return malformed(diag, source, "data offset", offset,
                         "is not a multiple of 64 past the header", e.data_offset);
    }
    if (e.data_offset > size || e.bytes > size - e.data_offset) {
        return malformed(diag, source, "size", offset, "does not fit into the file of", size);
    }
    if (e.data_offset < offset + METADATA_BYTES && e.data_offset + e.bytes > offset) {
        return malformed(diag, source, "data offset", offset, "overlaps the metadata",
                         e.data_offset);
    }
    /* Before iOS 18 padding is a reserved field with junk; it counts only for dtypes below 8 bits.
     */
    if (bits >= 8) padding = 0;
    if (padding >= 8 || padding > e.bytes * 8)
        return malformed(diag, source, "padding", offset, "is 8 bits or more", padding);
    if ((e.bytes * 8 - padding) % bits != 0) {
        return malformed(diag, source, "size", offset, "is not a whole number of elements",
                         e.bytes);
    }
    e.padding_bits = (uint32_t)padding;
    e.elements = (e.bytes * 8 - padding) / bits;
    *out = e;
    return ORION_OK;
}

orion_status orion_mil_blob_read(const orion_blob *blob, uint64_t offset, orion_mil_dtype dtype,
                                 const orion_mil_blob_options *options, orion_diag *diag,
                                 orion_mil_blob_entry *out_entry) {
    orion_mil_blob_options o;
    *out_entry = (orion_mil_blob_entry){.size = sizeof *out_entry};
    TRY(orn_check_size(options, &o, sizeof o));
    TRY(check_header(blob, o.source, diag));
    return read_entry(blob, offset, (uint32_t)dtype, o.source, diag, out_entry);
}

orion_status orion_mil_blob_next(const orion_blob *blob, uint64_t *offset,
                                 const orion_mil_blob_options *options, orion_diag *diag,
                                 orion_mil_blob_entry *out_entry) {
    orion_mil_blob_options o;
    *out_entry = (orion_mil_blob_entry){.size = sizeof *out_entry};
    TRY(orn_check_size(options, &o, sizeof o));
    TRY(check_header(blob, o.source, diag));
    size_t size = orion_blob_size(blob);
    uint64_t at = HEADER_BYTES;
    if (*offset != 0) {
        orion_mil_blob_entry previous;
        TRY(read_entry(blob, *offset, ORION_MIL_DTYPE_NONE, o.source, diag, &previous));
        /* Never backwards, wherever the data are: a walk ends. */
        at = ORN_MAX(previous.data_offset + previous.bytes, previous.offset + METADATA_BYTES);
        at = (at + ALIGN - 1) / ALIGN * ALIGN;
    }
    if (at >= size || (*offset == 0 && get32(orion_blob_data(blob)) == 0))
        return ORION_ERROR_NOT_FOUND;
    TRY(read_entry(blob, at, ORION_MIL_DTYPE_NONE, o.source, diag, out_entry));
    *offset = at;
    return ORION_OK;
}
