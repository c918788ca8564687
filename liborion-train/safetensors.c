/* SPDX-License-Identifier: MIT */
/* The safetensors container: reading, with every byte of the file accounted for. */
#include "trainer-internal.h"

#include <jansson.h>
#include <stdlib.h>

#include "util/sha256.h"

/*
 *   u64 little-endian   N, bytes of the header
 *   N bytes             JSON, an object; blanks may follow it:
 *                         "NAME": {"dtype": "F32", "shape": [2, 3], "data_offsets": [BEGIN, END]}
 *                         "__metadata__": {"KEY": "VALUE"}
 *   the rest            the tensors' bytes; offsets count from here
 *
 * A file is taken only if it could have been written in one way: the header is one object, shapes
 * and dtypes give exactly the bytes between the offsets, and the tensors cover the rest of the file
 * without gap or overlap. Whoever finds a tensor here may use it without another check.
 *
 * jansson allocates with malloc; what is kept is copied into the arena, and the limit on the header
 * bounds what a hostile file can make it take (about 30 bytes per byte of header).
 */
enum { PREFIX_BYTES = 8, HEADER_BYTES_MAX = 4 << 20 };

typedef struct reader {
    train_safetensors *file;
    orion_diag *diag;
    const char *name;  /* of the tensor being read */
    size_t data_bytes; /* behind the header */
} reader;

/* One refusal; `subject` is the tensor, the key or the part of the file. */
#define REFUSE(r, subject, ...)                                                                    \
    (orn_diag((r)->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_SAFETENSORS, (r)->file->source, \
              0, 0, (subject), __VA_ARGS__),                                                       \
     ORION_ERROR_VERIFY)

static const struct dtype {
    const char *name;
    orion_ir_dtype dtype;
} dtypes[] = {
    {"F32", ORION_IR_F32}, {"F16", ORION_IR_F16}, {"BF16", ORION_IR_BF16}, {"I32", ORION_IR_I32},
    {"U16", ORION_IR_U16}, {"U8", ORION_IR_U8},   {"I8", ORION_IR_I8},     {"BOOL", ORION_IR_BOOL},
};

const char *train_safetensors_dtype_name(uint32_t dtype) {
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        if (dtypes[i].dtype == dtype) return dtypes[i].name;
    }
    return NULL;
}

static orion_status read_dtype(reader *r, const json_t *value, orion_ir_type *out) {
    const char *name = json_string_value(value);
    for (size_t i = 0; name != NULL && i < ORN_COUNT(dtypes); i++) {
        if (strcmp(dtypes[i].name, name) == 0) {
            out->dtype = dtypes[i].dtype;
            return ORION_OK;
        }
    }
    return REFUSE(r, r->name, "tensor %s: its dtype is %s, which is not among those of Orion",
                  r->name, name == NULL ? "not given as a text" : name);
}

static orion_status read_shape(reader *r, const json_t *value, orion_ir_type *out) {
    size_t rank = json_array_size(value);
    if (!json_is_array(value) || rank > ORION_IR_RANK_MAX) {
        return REFUSE(r, r->name, "tensor %s: its shape must be a list of at most %d numbers",
                      r->name, ORION_IR_RANK_MAX);
    }
    out->rank = (uint32_t)rank;
    for (size_t i = 0; i < rank; i++) {
        const json_t *dim = json_array_get(value, i);
        out->dims[i] = json_is_integer(dim) ? (int64_t)json_integer_value(dim) : 0;
    }
    if (orion_ir_type_bytes(out) == 0) {
        return REFUSE(r, r->name,
                      "tensor %s: every dim of its shape must be a whole number from 1 to 2^31-1, "
                      "with less than 2^48 bytes in all",
                      r->name);
    }
    return ORION_OK;
}

static bool read_offset(const json_t *value, size_t i, uint64_t *out) {
    const json_t *offset = json_array_get(value, i);
    if (!json_is_integer(offset) || json_integer_value(offset) < 0) return false;
    *out = (uint64_t)json_integer_value(offset);
    return true;
}

static orion_status read_offsets(reader *r, const json_t *value, train_tensor *t) {
    uint64_t begin, end;
    bool fine = json_array_size(value) == 2 && read_offset(value, 0, &begin) &&
                read_offset(value, 1, &end) && begin <= end && end <= r->data_bytes;
    if (!fine) {
        return REFUSE(r, r->name,
                      "tensor %s: its data_offsets must be two numbers, in order and within the "
                      "%zu bytes behind the header (is the file truncated?)",
                      r->name, r->data_bytes);
    }
    t->bytes = orion_ir_type_bytes(&t->type);
    if (end - begin != t->bytes) {
        return REFUSE(r, r->name,
                      "tensor %s: its shape and dtype take %zu bytes, its data_offsets %llu",
                      r->name, t->bytes, (unsigned long long)(end - begin));
    }
    t->offset = PREFIX_BYTES + r->file->header_bytes + (size_t)begin;
    if (t->offset % orion_ir_dtype_bytes((orion_ir_dtype)t->type.dtype) != 0) {
        return REFUSE(r, r->name, "tensor %s begins at byte %zu of the file, amid an element",
                      r->name, t->offset);
    }
    return ORION_OK;
}

static orion_status keep(reader *r, const char *text, const char **out) {
    *out = orn_arena_strndup(&r->file->arena, text, strlen(text));
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status read_tensor(reader *r, const char *name, const json_t *value) {
    train_tensor *t = &r->file->tensors[r->file->count];
    TRY(keep(r, name, &t->name));
    r->name = t->name;
    if (json_object_size(value) != 3) {
        return REFUSE(r, name, "tensor %s: wants dtype, shape and data_offsets, and nothing else",
                      name);
    }
    TRY(read_dtype(r, json_object_get(value, "dtype"), &t->type));
    TRY(read_shape(r, json_object_get(value, "shape"), &t->type));
    TRY(read_offsets(r, json_object_get(value, "data_offsets"), t));
    r->file->count++;
    return ORION_OK;
}

static orion_status read_metadata(reader *r, json_t *value) {
    train_safetensors *file = r->file;
    if (!json_is_object(value)) {
        return REFUSE(r, "__metadata__", "__metadata__ is not an object of texts");
    }
    size_t bytes;
    if (!orn_mul(json_object_size(value), sizeof *file->metadata, &bytes))
        return ORION_ERROR_NO_MEMORY;
    file->metadata = orn_arena_alloc(&file->arena, bytes);
    if (file->metadata == NULL) return ORION_ERROR_NO_MEMORY;
    const char *key;
    json_t *text;
    json_object_foreach(value, key, text) {
        if (!json_is_string(text)) {
            return REFUSE(r, key, "__metadata__: the value of %s is not a text", key);
        }
        train_pair *pair = &file->metadata[file->metadata_count++];
        TRY(keep(r, key, &pair->key));
        TRY(keep(r, json_string_value(text), &pair->value));
    }
    return ORION_OK;
}

static int by_offset(const void *a, const void *b) {
    const train_tensor *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Sorted by offset, each tensor must begin where the one before ends. */
static orion_status check_cover(reader *r) {
    train_safetensors *file = r->file;
    if (file->count != 0) qsort(file->tensors, file->count, sizeof *file->tensors, by_offset);
    size_t at = PREFIX_BYTES + file->header_bytes;
    for (size_t i = 0; i < file->count; i++) {
        const train_tensor *t = &file->tensors[i];
        if (t->offset != at) {
            return REFUSE(r, t->name,
                          "tensor %s begins at byte %zu, but the one before ends at %zu", t->name,
                          t->offset, at);
        }
        at += t->bytes;
    }
    size_t size = orion_blob_size(file->blob);
    if (at != size) {
        return REFUSE(r, "data", "the tensors end at byte %zu, but the file has %zu", at, size);
    }
    return ORION_OK;
}

static orion_status read_header(reader *r, json_t *header) {
    train_safetensors *file = r->file;
    size_t bytes;
    if (!orn_mul(json_object_size(header), sizeof *file->tensors, &bytes))
        return ORION_ERROR_NO_MEMORY;
    file->tensors = orn_arena_alloc(&file->arena, bytes);
    if (file->tensors == NULL) return ORION_ERROR_NO_MEMORY;
    const char *key;
    json_t *value;
    json_object_foreach(header, key, value) {
        if (strcmp(key, "__metadata__") == 0) {
            TRY(read_metadata(r, value));
        } else {
            TRY(read_tensor(r, key, value));
        }
    }
    return check_cover(r);
}

/* Its place in the file, from the place in the text that jansson counts in. */
static orion_status refuse_json(reader *r, const json_error_t *error) {
    if (json_error_code(error) == json_error_out_of_memory) return ORION_ERROR_NO_MEMORY;
    orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_SAFETENSORS, r->file->source, 0, 0,
             "header", "the header is not JSON: %s (byte %d of the file)", error->text,
             PREFIX_BYTES + error->position);
    return ORION_ERROR_SYNTAX;
}

static orion_status read_file(reader *r) {
    train_safetensors *file = r->file;
    const unsigned char *bytes = orion_blob_data(file->blob);
    size_t size = orion_blob_size(file->blob);
    uint64_t header_bytes = 0;
    for (size_t i = 0; size >= PREFIX_BYTES && i < PREFIX_BYTES; i++)
        header_bytes |= (uint64_t)bytes[i] << 8 * i;
    if (size < PREFIX_BYTES || header_bytes > size - PREFIX_BYTES) {
        return REFUSE(r, "header",
                      "the file has %zu bytes, and its first 8 announce a header of %llu: it is "
                      "truncated, or no safetensors file",
                      size, (unsigned long long)header_bytes);
    }
    if (header_bytes < 2 || header_bytes > HEADER_BYTES_MAX || bytes[PREFIX_BYTES] != '{') {
        return REFUSE(r, "header", "the header must be a JSON object of 2 to %d bytes, not of %llu",
                      HEADER_BYTES_MAX, (unsigned long long)header_bytes);
    }
    file->header_bytes = (size_t)header_bytes;
    r->data_bytes = size - PREFIX_BYTES - file->header_bytes;
    json_error_t error;
    json_t *header = json_loadb((const char *)bytes + PREFIX_BYTES, file->header_bytes,
                                JSON_REJECT_DUPLICATES, &error);
    if (header == NULL) return refuse_json(r, &error);
    orion_status status = read_header(r, header);
    json_decref(header);
    return status;
}

orion_status train_safetensors_open(train_safetensors *out, orion_blob *blob, const char *source,
                                    const orion_allocator *allocator, orion_diag *diag) {
    *out = (train_safetensors){.blob = orion_blob_ref(blob)};
    orn_arena_init(&out->arena, allocator);
    reader r = {.file = out, .diag = diag};
    orion_status status = source == NULL ? ORION_OK : keep(&r, source, &out->source);
    if (status == ORION_OK) status = read_file(&r);
    if (status != ORION_OK) train_safetensors_close(out);
    return status;
}

void train_safetensors_close(train_safetensors *file) {
    orion_blob_unref(&file->blob);
    orn_arena_clear(&file->arena);
    *file = (train_safetensors){.count = 0};
}

const train_tensor *train_safetensors_find(const train_safetensors *file, const char *name) {
    for (size_t i = 0; i < file->count; i++) {
        if (strcmp(file->tensors[i].name, name) == 0) return &file->tensors[i];
    }
    return NULL;
}

const void *train_safetensors_data(const train_safetensors *file, const train_tensor *tensor) {
    return (const char *)orion_blob_data(file->blob) + tensor->offset;
}

const char *train_safetensors_get(const train_safetensors *file, const char *key) {
    for (size_t i = 0; i < file->metadata_count; i++) {
        if (strcmp(file->metadata[i].key, key) == 0) return file->metadata[i].value;
    }
    return NULL;
}

static orion_status refuse_hash(const train_safetensors *file, orion_diag *diag, const char *why) {
    orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_CHECKSUM, file->source, 0, 0,
             TRAIN_SAFETENSORS_HASH, "%s", why);
    return ORION_ERROR_VERIFY;
}

orion_status train_safetensors_verify(const train_safetensors *file, orion_diag *diag) {
    static const char mark[] = "\"" TRAIN_SAFETENSORS_HASH "\":\"";
    static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";
    _Static_assert(sizeof zeros - 1 == ORN_SHA256_DIGITS, "one zero per digit");
    const char *bytes = orion_blob_data(file->blob);
    const char *expected = train_safetensors_get(file, TRAIN_SAFETENSORS_HASH);
    size_t marked = sizeof mark - 1, end = PREFIX_BYTES + file->header_bytes;
    if (expected == NULL || strlen(expected) != ORN_SHA256_DIGITS) {
        return refuse_hash(file, diag, "the file has no checksum of 64 digits");
    }
    /* The digits where the writer puts them, not merely somewhere in the JSON. */
    size_t at = PREFIX_BYTES;
    while (at + marked + ORN_SHA256_DIGITS <= end && memcmp(bytes + at, mark, marked) != 0) at++;
    at += marked;
    if (at + ORN_SHA256_DIGITS > end || memcmp(bytes + at, expected, ORN_SHA256_DIGITS) != 0) {
        return refuse_hash(file, diag, "the checksum is not written as Orion writes it");
    }
    orn_sha256 h;
    char actual[ORN_SHA256_DIGITS + 1];
    orn_sha256_start(&h);
    orn_sha256_add(&h, bytes, at);
    orn_sha256_add(&h, zeros, ORN_SHA256_DIGITS);
    at += ORN_SHA256_DIGITS;
    orn_sha256_add(&h, bytes + at, orion_blob_size(file->blob) - at);
    (void)orn_sha256_end(&h, false, actual);
    if (strcmp(actual, expected) != 0) {
        return refuse_hash(file, diag,
                           "the bytes of the file do not have its checksum: it is "
                           "damaged");
    }
    return ORION_OK;
}
