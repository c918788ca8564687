/* SPDX-License-Identifier: MIT */
/* The named weight files of a program, sorted by path. */
#include "mil-internal.h"

typedef struct weight_file {
    char *path;
    orion_blob *blob;
} weight_file;

struct orion_mil_weights {
    orion_allocator allocator;
    weight_file *files; /* sorted by path */
    size_t count, capacity;
};

orion_status orion_mil_weights_create(const orion_allocator *allocator,
                                      orion_mil_weights **out_weights) {
    orion_allocator a = orn_allocator(allocator);
    orion_mil_weights *w = orn_zalloc(&a, sizeof *w);
    *out_weights = w;
    if (w == NULL) return ORION_ERROR_NO_MEMORY;
    w->allocator = a;
    return ORION_OK;
}

void orion_mil_weights_destroy(orion_mil_weights **weights) {
    if (weights == NULL || *weights == NULL) return;
    orion_mil_weights *w = *weights;
    *weights = NULL;
    for (size_t i = 0; i < w->count; i++) {
        orn_strfree(&w->allocator, w->files[i].path);
        orion_blob_unref(&w->files[i].blob);
    }
    orn_free(&w->allocator, w->files, w->capacity * sizeof *w->files);
    orn_free(&w->allocator, w, sizeof *w);
}

/* Where `path` is or would go. */
static size_t lower_bound(const orion_mil_weights *w, const char *path) {
    size_t low = 0, high = w->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(w->files[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

orion_status orion_mil_weights_add(orion_mil_weights *weights, const char *path, orion_blob *blob) {
    orion_mil_weights *w = weights;
    size_t at = lower_bound(w, path);
    if (*path == '\0' || (at < w->count && strcmp(w->files[at].path, path) == 0))
        return ORION_ERROR_INVALID_ARGUMENT;
    if (!ORN_GROW(&w->allocator, w->files, w->capacity, w->count + 1)) return ORION_ERROR_NO_MEMORY;
    char *copy = orn_strdup(&w->allocator, path);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    memmove(w->files + at + 1, w->files + at, (w->count - at) * sizeof *w->files);
    w->files[at] = (weight_file){copy, orion_blob_ref(blob)};
    w->count++;
    return ORION_OK;
}

orion_blob *orion_mil_weights_find(const orion_mil_weights *weights, const char *path) {
    if (weights == NULL) return NULL;
    size_t at = lower_bound(weights, path);
    return at < weights->count && strcmp(weights->files[at].path, path) == 0
               ? weights->files[at].blob
               : NULL;
}

size_t orion_mil_weights_count(const orion_mil_weights *weights) {
    return weights == NULL ? 0 : weights->count;
}

const char *orion_mil_weights_path(const orion_mil_weights *weights, size_t i) {
    return weights == NULL || i >= weights->count ? NULL : weights->files[i].path;
}

orion_blob *orion_mil_weights_get(const orion_mil_weights *weights, size_t i) {
    return weights == NULL || i >= weights->count ? NULL : weights->files[i].blob;
}
