/* SPDX-License-Identifier: MIT */
/*
 * What only training needs: the safetensors container, checksums, the optimizer, the schedule.
 */
#ifndef TRAINER_INTERNAL_H
#define TRAINER_INTERNAL_H

#include "train-internal.h"

/* ---- the safetensors container (safetensors.c) ---- */

typedef struct train_tensor {
    const char *name;
    orion_ir_type type;
    size_t offset; /* in the file */
    size_t bytes;
} train_tensor;

typedef struct train_pair {
    const char *key, *value;
} train_pair;

typedef struct train_safetensors {
    orion_allocator allocator;
    orn_arena arena;
    orion_blob *blob;
    const char *source;
    train_tensor *tensors; /* sorted by offset */
    size_t count;
    train_pair *metadata;
    size_t metadata_count;
    size_t header_bytes; /* of the JSON */
} train_safetensors;

/* Check the whole container; the tensors then lie inside the file without gap or overlap. */
orion_status train_safetensors_open(orion_blob *blob, const char *source,
                                    const orion_allocator *allocator, orion_diag *diag,
                                    train_safetensors **out);
void train_safetensors_close(train_safetensors **file);
const train_tensor *train_safetensors_find(const train_safetensors *file, const char *name);
/* NULL if there is no such key. */
const char *train_safetensors_get(const train_safetensors *file, const char *key);

/* What is to be written; borrowed. */
typedef struct train_out_tensor {
    const char *name; /* printable ASCII without quote and backslash */
    orion_ir_type type;
    const void *data; /* packed */
} train_out_tensor;
/* Key under which the writer keeps the SHA-256 of the file (with its own 64 digits replaced by
 * zeros). */
#define TRAIN_SAFETENSORS_HASH "orion.sha256"
/* Write all or nothing. Keys and values are printable ASCII without quote and backslash. */
orion_status train_safetensors_write(const char *path, const train_pair *metadata,
                                     size_t metadata_count, const train_out_tensor *tensors,
                                     size_t count, const orion_allocator *allocator,
                                     orion_diag *diag);
/* Check the hash; a file without one is refused. */
orion_status train_safetensors_verify(const train_safetensors *file, orion_diag *diag);

/* ---- the optimizer (optim.c, schedule.c) ---- */

typedef struct train_adamw {
    double lr, beta1, beta2, epsilon, weight_decay;
    double gradient_scale; /* of every gradient, before anything else */
    uint64_t step;         /* 1 for the first update */
} train_adamw;
/* One fused pass over n parameters: moments, decoupled decay (if `decay`), update. */
void train_adamw_update(const train_adamw *o, size_t n, float *p, const float *g, float *m,
                        float *v, bool decay);
/* Sum of squares in f64, in order: the same on every machine and with any number of threads. NaN or
 * inf if any g is. */
double train_sum_squares(const float *g, size_t n);
/* acc = g or acc += weight * g. */
void train_accumulate(float *acc, const float *g, size_t n, float weight, bool first);
/* Learning rate of a step counted from 0: linear warm-up, then a cosine down to the floor at the
 * last step. */
double train_schedule(double lr, double floor, uint64_t warmup, uint64_t steps, uint64_t step);

#endif
