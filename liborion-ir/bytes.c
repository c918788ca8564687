/* SPDX-License-Identifier: MIT */
/* Byte sinks and byte blobs: orion_writer_fd, orion_buffer, orion_blob. */
#define _POSIX_C_SOURCE 200809L
#include "util/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static orion_status write_fd(void *ctx, const void *bytes, size_t n) {
    int fd = (int)(intptr_t)ctx;
    const char *p = bytes;
    while (n != 0) {
        ssize_t wrote = write(fd, p, ORN_MIN(n, (size_t)1 << 30));
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return ORION_ERROR_IO;
        }
        p += wrote;
        n -= (size_t)wrote;
    }
    return ORION_OK;
}

orion_writer orion_writer_fd(int fd) {
    return (orion_writer){
        .size = sizeof(orion_writer), .ctx = (void *)(intptr_t)fd, .write = write_fd};
}

struct orion_buffer {
    orn_text text;
};

orion_status orion_buffer_create(const orion_allocator *allocator, orion_buffer **out_buffer) {
    orion_allocator a = orn_allocator(allocator);
    *out_buffer = orn_zalloc(&a, sizeof(orion_buffer));
    if (*out_buffer == NULL) return ORION_ERROR_NO_MEMORY;
    orn_text_init(&(*out_buffer)->text, &a);
    return ORION_OK;
}

void orion_buffer_destroy(orion_buffer **buffer) {
    if (buffer == NULL || *buffer == NULL) return;
    orion_allocator a = (*buffer)->text.allocator;
    orn_text_free(&(*buffer)->text);
    orn_free(&a, *buffer, sizeof(orion_buffer));
    *buffer = NULL;
}

static orion_status write_buffer(void *ctx, const void *bytes, size_t n) {
    orion_buffer *buffer = ctx;
    orn_text_bytes(&buffer->text, bytes, n);
    orion_status status = orn_text_status(&buffer->text);
    buffer->text.failed = false; /* the caller has been told; the bytes before are intact */
    return status;
}

orion_writer orion_buffer_writer(orion_buffer *buffer) {
    return (orion_writer){.size = sizeof(orion_writer), .ctx = buffer, .write = write_buffer};
}

const char *orion_buffer_data(const orion_buffer *buffer) {
    return buffer->text.data == NULL ? "" : buffer->text.data;
}

size_t orion_buffer_size(const orion_buffer *buffer) {
    return buffer->text.size;
}

void orion_buffer_clear(orion_buffer *buffer) {
    buffer->text.size = 0;
    if (buffer->text.data != NULL) buffer->text.data[0] = '\0';
}

struct orion_blob {
    orion_allocator allocator;
    atomic_size_t references;
    const void *data;
    size_t size;
    void (*release)(void *ctx);
    void *ctx;
    enum { BLOB_LENT, BLOB_OWNED, BLOB_MAPPED } kind;
};

static orion_blob *new_blob(const orion_allocator *allocator) {
    orion_allocator a = orn_allocator(allocator);
    orion_blob *blob = orn_zalloc(&a, sizeof *blob);
    if (blob == NULL) return NULL;
    blob->allocator = a;
    atomic_init(&blob->references, 1);
    return blob;
}

orion_status orion_blob_copy(const void *data, size_t size, const orion_allocator *allocator,
                             orion_blob **out_blob) {
    *out_blob = NULL;
    orion_blob *blob = new_blob(allocator);
    if (blob == NULL) return ORION_ERROR_NO_MEMORY;
    void *copy = orn_alloc_aligned(&blob->allocator, size, 64);
    if (copy == NULL) {
        orn_free(&blob->allocator, blob, sizeof *blob);
        return ORION_ERROR_NO_MEMORY;
    }
    if (data != NULL && size != 0) memcpy(copy, data, size);
    if (data == NULL) memset(copy, 0, size);
    blob->kind = BLOB_OWNED;
    blob->data = copy;
    blob->size = size;
    *out_blob = blob;
    return ORION_OK;
}

orion_status orion_blob_wrap(const void *data, size_t size, void (*release)(void *ctx), void *ctx,
                             const orion_allocator *allocator, orion_blob **out_blob) {
    *out_blob = NULL;
    orion_blob *blob = new_blob(allocator);
    if (blob == NULL) return ORION_ERROR_NO_MEMORY;
    blob->kind = BLOB_LENT;
    blob->data = data;
    blob->size = size;
    blob->release = release;
    blob->ctx = ctx;
    *out_blob = blob;
    return ORION_OK;
}

static orion_status unreadable(orion_diag *diag, const char *path, const char *why) {
    ORN_ERROR(diag, FILE_UNREADABLE, path, "cannot read %s: %s", path, why);
    return ORION_ERROR_IO;
}

orion_status orion_blob_map_file(const char *path, const orion_allocator *allocator,
                                 orion_diag *diag, orion_blob **out_blob) {
    *out_blob = NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno == ENOENT || errno == ENOTDIR) {
            ORN_ERROR(diag, FILE_NOT_FOUND, path, "no such file: %s", path);
            return ORION_ERROR_NOT_FOUND;
        }
        return unreadable(diag, path, strerror(errno));
    }
    struct stat st;
    orion_status status = ORION_OK;
    void *data = NULL;
    if (fstat(fd, &st) != 0) {
        status = unreadable(diag, path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        status = unreadable(diag, path, "it is not a regular file");
    } else if (st.st_size > 0) {
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (data == MAP_FAILED) status = unreadable(diag, path, strerror(errno));
    }
    close(fd);
    if (status != ORION_OK) return status;
    orion_blob *blob = new_blob(allocator);
    if (blob == NULL) {
        if (data != NULL) munmap(data, (size_t)st.st_size);
        return ORION_ERROR_NO_MEMORY;
    }
    blob->kind = BLOB_MAPPED;
    blob->data = data == NULL ? "" : data;
    blob->size = (size_t)st.st_size;
    *out_blob = blob;
    return ORION_OK;
}

orion_blob *orion_blob_ref(orion_blob *blob) {
    atomic_fetch_add_explicit(&blob->references, 1, memory_order_relaxed);
    return blob;
}

void orion_blob_unref(orion_blob **slot) {
    if (slot == NULL || *slot == NULL) return;
    orion_blob *blob = *slot;
    *slot = NULL;
    if (atomic_fetch_sub_explicit(&blob->references, 1, memory_order_acq_rel) != 1) return;
    switch (blob->kind) {
    case BLOB_LENT:
        if (blob->release != NULL) blob->release(blob->ctx);
        break;
    case BLOB_OWNED: orn_free(&blob->allocator, (void *)(uintptr_t)blob->data, blob->size); break;
    case BLOB_MAPPED:
        if (blob->size != 0) munmap((void *)(uintptr_t)blob->data, blob->size);
        break;
    }
    orion_allocator a = blob->allocator;
    orn_free(&a, blob, sizeof *blob);
}

const void *orion_blob_data(const orion_blob *blob) {
    return blob->data;
}

size_t orion_blob_size(const orion_blob *blob) {
    return blob->size;
}
