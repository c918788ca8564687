/* SPDX-License-Identifier: MIT */
/* Writing a safetensors file: whole or not at all, with the SHA-256 of its bytes in its metadata.
 */
#include "trainer-internal.h"

#include "util/sha256.h"

/*
 * The checksum covers the whole file, itself included: it is counted with 64 zeros in the place of
 * its digits. So the header is made with zeros, the hash taken over header and tensors, and the
 * digits put in before the first byte is written.
 *
 * Blanks fill the header up so that the tensors begin at a multiple of 64 bytes: a mapped file can
 * then be used in place.
 */
enum { PREFIX_BYTES = 8, DATA_ALIGN = 64 };

static const char hash_head[] = "\"" TRAIN_SAFETENSORS_HASH "\":\"";

static void put_metadata(orn_text *t, const train_pair *metadata, size_t count) {
    orn_text_puts(t, "{\"__metadata__\":{");
    orn_text_puts(t, hash_head);
    for (int i = 0; i < ORN_SHA256_DIGITS; i++) orn_text_char(t, '0');
    orn_text_char(t, '"');
    for (size_t i = 0; i < count; i++)
        orn_text_printf(t, ",\"%s\":\"%s\"", metadata[i].key, metadata[i].value);
    orn_text_char(t, '}');
}

/* False if the offsets overflow. */
static bool put_tensors(orn_text *t, const train_out_tensor *tensors, size_t count) {
    size_t begin = 0;
    for (size_t i = 0; i < count; i++) {
        const orion_ir_type *type = &tensors[i].type;
        size_t end;
        if (!orn_add(begin, orion_ir_type_bytes(type), &end)) return false;
        orn_text_printf(t, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[", tensors[i].name,
                        train_safetensors_dtype_name(type->dtype));
        for (uint32_t axis = 0; axis < type->rank; axis++)
            orn_text_printf(t, "%s%lld", axis == 0 ? "" : ",", (long long)type->dims[axis]);
        orn_text_printf(t, "],\"data_offsets\":[%zu,%zu]}", begin, end);
        begin = end;
    }
    orn_text_char(t, '}');
    return true;
}

/* Length and header, with zeros for the checksum. */
static orion_status make_header(orn_text *t, const train_pair *metadata, size_t metadata_count,
                                const train_out_tensor *tensors, size_t count) {
    orn_text_bytes(t, "\0\0\0\0\0\0\0\0", PREFIX_BYTES);
    put_metadata(t, metadata, metadata_count);
    if (!put_tensors(t, tensors, count)) return ORION_ERROR_NO_MEMORY;
    while (!t->failed && t->size % DATA_ALIGN != 0) orn_text_char(t, ' ');
    TRY(orn_text_status(t));
    uint64_t bytes = t->size - PREFIX_BYTES;
    for (size_t i = 0; i < PREFIX_BYTES; i++) t->data[i] = (char)(bytes >> 8 * i & 0xff);
    return ORION_OK;
}

static void put_hash(orn_text *header, const train_out_tensor *tensors, size_t count) {
    orn_sha256 h;
    char digits[ORN_SHA256_DIGITS + 1];
    orn_sha256_start(&h);
    orn_sha256_add(&h, header->data, header->size);
    for (size_t i = 0; i < count; i++)
        orn_sha256_add(&h, tensors[i].data, orion_ir_type_bytes(&tensors[i].type));
    (void)orn_sha256_end(&h, false, digits);
    char *place = header->data + PREFIX_BYTES + strlen("{\"__metadata__\":{") + strlen(hash_head);
    memcpy(place, digits, ORN_SHA256_DIGITS);
}

static orion_status write_file(const char *path, const orn_text *header,
                               const train_out_tensor *tensors, size_t count,
                               const orion_allocator *allocator, orion_diag *diag) {
    orn_file file;
    TRY(orn_file_begin(&file, path, allocator, diag));
    TRY(orn_file_write(&file, header->data, header->size, diag));
    for (size_t i = 0; i < count; i++)
        TRY(orn_file_write(&file, tensors[i].data, orion_ir_type_bytes(&tensors[i].type), diag));
    return orn_file_commit(&file, diag);
}

orion_status train_safetensors_write(const char *path, const train_pair *metadata,
                                     size_t metadata_count, const train_out_tensor *tensors,
                                     size_t count, const orion_allocator *allocator,
                                     orion_diag *diag) {
    orn_text header;
    orn_text_init(&header, allocator);
    orion_status status = make_header(&header, metadata, metadata_count, tensors, count);
    if (status == ORION_OK) {
        put_hash(&header, tensors, count);
        status = write_file(path, &header, tensors, count, allocator, diag);
    }
    orn_text_free(&header);
    return status;
}
