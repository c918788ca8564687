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

const orion_allocator *mil_blob_writer_allocator(const orion_mil_blob_writer *writer) {
    return &writer->allocator;
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

/* What is asked for. */
typedef struct request {
    const orion_blob *blob;
    const char *source;
    orion_diag *diag;
    uint64_t offset;
    uint64_t elements; /* lenient: as the program says; 0: not known */
    uint32_t dtype;    /* as the program says; 0: not known */
    bool lenient;
} request;

static orion_status malformed(const request *r, const char *field, const char *what,
                              uint64_t found) {
    orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_BLOB, r->source, 0, 0, field,
             "entry at %llu: %s %s (%llu)", (unsigned long long)r->offset, field, what,
             (unsigned long long)found);
    return ORION_ERROR_VERIFY;
}

/* A field that the rest makes up for, if the reader is lenient and `known` holds: a warning. */
static orion_status doubtful(const request *r, bool known, const char *field, const char *what,
                             uint64_t found, const char *instead) {
    if (!r->lenient || !known) return malformed(r, field, what, found);
    orn_diag(r->diag, ORION_SEVERITY_WARNING, ORION_MESSAGE_MIL_BLOB_REPAIRED, r->source, 0, 0,
             field, "entry at %llu: %s %s (%llu); %s", (unsigned long long)r->offset, field, what,
             (unsigned long long)found, instead);
    return ORION_OK;
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

static orion_status check_offset(const request *r) {
    if (r->offset < HEADER_BYTES || r->offset % ALIGN != 0) {
        TRY(doubtful(r, r->offset >= HEADER_BYTES, "offset",
                     "is not a multiple of 64 past the header", r->offset, "taken as it is"));
    }
    uint64_t size = orion_blob_size(r->blob);
    if (r->offset > size) return malformed(r, "offset", "is past the end of the file of", size);
    return ORION_OK;
}

static orion_status read_dtype(const request *r, uint32_t *dtype) {
    bool wanted = r->dtype != ORION_MIL_DTYPE_NONE;
    if (storage_bits(*dtype) == 0) {
        TRY(doubtful(r, wanted, "dtype", "is not one of the format's", *dtype,
                     "taken as the program says"));
    } else if (wanted && *dtype != r->dtype) {
        orn_diag(r->diag, r->lenient ? ORION_SEVERITY_WARNING : ORION_SEVERITY_ERROR,
                 r->lenient ? ORION_MESSAGE_MIL_BLOB_REPAIRED : ORION_MESSAGE_MIL_BLOB, r->source,
                 0, 0, "dtype", "entry at %llu: the file says %s, the program %s%s",
                 (unsigned long long)r->offset, orion_mil_dtype_name((orion_mil_dtype)*dtype),
                 orion_mil_dtype_name((orion_mil_dtype)r->dtype),
                 r->lenient ? "; taken as the program says" : "");
        if (!r->lenient) return ORION_ERROR_VERIFY;
    }
    if (wanted) *dtype = r->dtype;
    return ORION_OK;
}

static orion_status read_data_offset(const request *r, uint64_t *data_offset) {
    if (*data_offset % ALIGN == 0 && *data_offset >= HEADER_BYTES) return ORION_OK;
    bool missing = *data_offset == 0;
    TRY(doubtful(r, missing || *data_offset >= HEADER_BYTES, "data offset",
                 "is not a multiple of 64 past the header", *data_offset,
                 missing ? "taken as behind the metadata" : "taken as it is"));
    if (missing) *data_offset = r->offset + METADATA_BYTES;
    return ORION_OK;
}

/* Bytes that the program's type takes; UINT64_MAX if no file has so many. */
static uint64_t wanted_bytes(const request *r, uint32_t bits) {
    return r->elements < (uint64_t)1 << 56 ? (r->elements * bits + 7) / 8 : UINT64_MAX;
}

/* Size and padding; then the number of elements. */
static orion_status read_size(const request *r, uint64_t padding, orion_mil_blob_entry *e) {
    uint32_t bits = storage_bits(e->dtype);
    bool known = r->lenient && r->elements != 0;
    if (known && e->bytes != wanted_bytes(r, bits)) {
        TRY(doubtful(r, true, "size", "is not what the program's type takes", e->bytes,
                     "taken as the program says"));
        e->bytes = wanted_bytes(r, bits);
    }
    uint64_t size = orion_blob_size(r->blob);
    if (e->data_offset > size || e->bytes > size - e->data_offset)
        return malformed(r, "size", "does not fit into the file of", size);
    /* Before iOS 18 padding is a reserved field with junk; it counts only for dtypes below 8 bits.
     */
    if (bits >= 8) padding = 0;
    if (known) padding = e->bytes * 8 - r->elements * bits;
    if (padding >= 8 || padding > e->bytes * 8)
        return malformed(r, "padding", "is 8 bits or more", padding);
    if ((e->bytes * 8 - padding) % bits != 0)
        return malformed(r, "size", "is not a whole number of elements", e->bytes);
    e->padding_bits = (uint32_t)padding;
    e->elements = (e->bytes * 8 - padding) / bits;
    return ORION_OK;
}

/* A file that has a header and then bare data: the program alone says what they are. */
static orion_status read_bare(const request *r, uint64_t found, orion_mil_blob_entry *e) {
    bool known =
        r->dtype != ORION_MIL_DTYPE_NONE && storage_bits(r->dtype) != 0 && r->elements != 0;
    TRY(doubtful(r, known, "sentinel", "is not 0xDEADBEEF", found, "taken as data"));
    e->dtype = r->dtype;
    e->data_offset = r->offset;
    e->bytes = wanted_bytes(r, storage_bits(r->dtype));
    return read_size(r, 0, e);
}

static orion_status read_metadata(const request *r, const unsigned char *m,
                                  orion_mil_blob_entry *e) {
    e->dtype = get32(m + 4);
    e->bytes = get64(m + 8);
    e->data_offset = get64(m + 16);
    TRY(read_dtype(r, &e->dtype));
    TRY(read_data_offset(r, &e->data_offset));
    TRY(read_size(r, get64(m + 24), e));
    if (e->data_offset < r->offset + METADATA_BYTES && e->data_offset + e->bytes > r->offset)
        return malformed(r, "data offset", "overlaps the metadata", e->data_offset);
    return ORION_OK;
}

/* Everything but the header. `out` is filled only if all is well. */
static orion_status read_entry(const request *r, orion_mil_blob_entry *out) {
    orion_mil_blob_entry e = {.size = sizeof e, .offset = r->offset};
    TRY(check_offset(r));
    uint64_t size = orion_blob_size(r->blob), left = size - r->offset;
    const unsigned char *m = (const unsigned char *)orion_blob_data(r->blob) + r->offset;
    if (left < METADATA_BYTES && !r->lenient)
        return malformed(r, "offset", "is past the end of the file of", size);
    uint32_t sentinel = left < 4 ? 0 : get32(m);
    if (left < METADATA_BYTES || sentinel != SENTINEL) {
        TRY(read_bare(r, sentinel, &e));
    } else {
        TRY(read_metadata(r, m, &e));
    }
    *out = e;
    return ORION_OK;
}

static request make_request(const orion_blob *blob, const orion_mil_blob_options *o,
                            orion_diag *diag) {
    return (request){.blob = blob, .source = o->source, .diag = diag, .lenient = o->lenient != 0};
}

orion_status orion_mil_blob_read(const orion_blob *blob, uint64_t offset, orion_mil_dtype dtype,
                                 const orion_mil_blob_options *options, orion_diag *diag,
                                 orion_mil_blob_entry *out_entry) {
    orion_mil_blob_options o;
    *out_entry = (orion_mil_blob_entry){.size = sizeof *out_entry};
    TRY(orn_check_size(options, &o, sizeof o));
    TRY(check_header(blob, o.source, diag));
    request r = make_request(blob, &o, diag);
    r.offset = offset;
    r.dtype = (uint32_t)dtype;
    r.elements = o.elements;
    return read_entry(&r, out_entry);
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
    request r = make_request(blob, &o, diag);
    if (*offset != 0) {
        orion_mil_blob_entry previous;
        r.offset = *offset;
        r.diag = NULL; /* its warnings came when it was read */
        orion_status status = read_entry(&r, &previous);
        r.diag = diag;
        if (status != ORION_OK) return read_entry(&r, &previous);
        /* Never backwards, wherever the data are: a walk ends. */
        at = ORN_MAX(previous.data_offset + previous.bytes, previous.offset + METADATA_BYTES);
        at = (at + ALIGN - 1) / ALIGN * ALIGN;
    }
    if (at >= size || (*offset == 0 && get32(orion_blob_data(blob)) == 0))
        return ORION_ERROR_NOT_FOUND;
    r.offset = at;
    TRY(read_entry(&r, out_entry));
    *offset = at;
    return ORION_OK;
}
