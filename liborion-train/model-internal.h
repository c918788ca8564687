/* SPDX-License-Identifier: MIT */
/*
 * What the model half of liborion-train shares: parameters, graphs, the safetensors container, the
 * optimizer.
 *
 * A model is immutable: its parameters are slices of reference-counted blobs (a mapped file or
 * memory of our own). A trainer works on copies and makes a new model when asked.
 */
#ifndef TRAIN_MODEL_INTERNAL_H
#define TRAIN_MODEL_INTERNAL_H

#include "util/util.h"
#include <orion/train.h>
#include <stdatomic.h>

/* ---- models (model.c) ---- */

typedef struct train_parameter {
    const char *name; /* in the model's arena */
    orion_ir_type type;
    size_t elements;
    orion_blob *blob;     /* a reference is held */
    size_t offset;        /* in bytes; a multiple of 4 */
    uint32_t is_matrix;   /* weight decay applies */
    uint32_t is_residual; /* writes to the residual stream: smaller at the start */
} train_parameter;

struct orion_train_model {
    orion_allocator allocator;
    atomic_uint refs;
    orn_arena arena;
    orion_train_model_config config; /* complete: no zero that means a default */
    train_parameter *parameters;     /* [count], in the order of docs/checkpoint-format.md */
    size_t count;
    size_t elements; /* of all parameters */
};

/* Positions in model->parameters. */
enum {
    TRAIN_ATTENTION_NORM,
    TRAIN_WQ,
    TRAIN_WK,
    TRAIN_WV,
    TRAIN_WO,
    TRAIN_FFN_NORM,
    TRAIN_W1,
    TRAIN_W2,
    TRAIN_W3,
    TRAIN_PER_LAYER
};
static inline size_t train_at_layer(uint32_t layer, size_t which) {
    return 1 + (size_t)layer * TRAIN_PER_LAYER + which;
}
static inline size_t train_at_final_norm(const orion_train_model_config *c) {
    return 1 + (size_t)c->layers * TRAIN_PER_LAYER;
}
/* The embedding itself when tied. */
static inline size_t train_at_output(const orion_train_model_config *c) {
    return c->tied ? 0 : train_at_final_norm(c) + 1;
}
static inline uint32_t train_head_dim(const orion_train_model_config *c) {
    return c->dim / c->heads;
}

/* Copy `in`, fill defaults and check every limit. */
orion_status train_config_complete(const orion_train_model_config *in, const char *source,
                                   orion_diag *diag, orion_train_model_config *out);
/* A model whose parameters have names and types but no blobs yet. `config` is complete. */
orion_status train_model_new(const orion_train_model_config *config,
                             const orion_allocator *allocator, orion_train_model **out);
/* Give parameter i its data. */
void train_model_set(orion_train_model *model, size_t i, orion_blob *blob, size_t offset);
const float *train_model_data(const orion_train_model *model, size_t i);
/* All values finite and of a size that trained weights have. */
orion_status train_model_check_values(const orion_train_model *model, const char *source,
                                      orion_diag *diag);

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

/* ---- SHA-256 (sha256.c) ---- */

typedef struct train_sha256 {
    union {
        uint64_t align;
        unsigned char bytes[256];
    } state;
} train_sha256;
void train_sha256_start(train_sha256 *h);
void train_sha256_add(train_sha256 *h, const void *bytes, size_t n);
/* 64 lower-case digits and a NUL. */
void train_sha256_end(train_sha256 *h, char out_hex[65]);

/* ---- graphs (llama.c) ---- */

orion_status train_graph_build(const orion_train_model *model,
                               const orion_train_graph_options *options,
                               const orion_allocator *allocator, orion_diag *diag,
                               orion_ir_graph **out);

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
