/* SPDX-License-Identifier: MIT */
/*
 * What both halves of liborion-train share: random numbers, models, tokenizers, documents.
 *
 * A model is immutable: its parameters are slices of reference-counted blobs (a mapped file or
 * memory of our own). A trainer works on copies and makes a new model when asked; what only it
 * needs is in trainer-internal.h.
 */
#ifndef TRAIN_INTERNAL_H
#define TRAIN_INTERNAL_H

#include "util/util.h"
#include <orion/train.h>
#include <stdatomic.h>

/* ---- random numbers (rng.c) ---- */

/* What the numbers are for. Each kind has streams of its own. */
typedef enum train_stream {
    TRAIN_STREAM_INIT = 1,   /* index: parameter */
    TRAIN_STREAM_SAMPLE = 2, /* index: position */
    TRAIN_STREAM_BATCH = 3,  /* index: step */
    TRAIN_STREAM_STORY = 4   /* index: story */
} train_stream;

/* A place in the stream (seed, kind, index). A value: copy it to remember the place. */
typedef struct train_rng {
    uint64_t seed, index;
    uint64_t counter; /* kind << 56 | blocks made so far */
    uint64_t spare;   /* second half of the last block */
    bool has_spare;
} train_rng;
train_rng train_rng_make(uint64_t seed, train_stream kind, uint64_t index);
uint64_t train_rng_next(train_rng *rng);
/* In [0, 1), a multiple of 2^-53. */
double train_rng_unit(train_rng *rng);
/* In [0, n), every number equally likely; n > 0. */
uint64_t train_rng_below(train_rng *rng, uint64_t n);

/* ---- models (model.c) ---- */

typedef struct train_parameter {
    const char *name; /* in the model's arena */
    orion_ir_type type;
    size_t elements;
    orion_blob *blob;     /* a reference is held */
    size_t offset;        /* in bytes; the data are aligned to 4 */
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
    return c->untied ? train_at_final_norm(c) + 1 : 0;
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

/* ---- graphs on a device (stage.c) ---- */

/* A program and one run of it. Zero: none. */
typedef struct train_stage {
    orion_ane_program *program;
    orion_ane_run *run;
} train_stage;
/* Nothing is bound yet. On failure *out is zero. */
orion_status train_stage_create(const orion_train_model *model,
                                const orion_train_graph_options *options, orion_ane_device *device,
                                orion_diag *diag, train_stage *out);
/* The same from a graph. */
orion_status train_stage_compile(const orion_ir_graph *graph, orion_ane_device *device,
                                 orion_diag *diag, train_stage *out);
void train_stage_destroy(train_stage *stage);
/* Make a tensor for a port and bind it. The caller owns *out_tensor, even if binding fails. */
orion_status train_stage_tensor(const train_stage *stage, const char *port, orion_diag *diag,
                                orion_ane_tensor **out_tensor);

/* ---- tokenizers (tokenizer.c) ---- */

/* The `tokenizer.bin` it was made from (borrowed); NULL for the byte-level tokenizer. */
orion_blob *train_tokenizer_file(const orion_train_tokenizer *tokenizer);

/* ORION_ERROR_INVALID_ARGUMENT if it has tokens that the model does not know. */
orion_status train_tokenizer_check(const orion_train_tokenizer *tokenizer,
                                   const orion_train_model *model, orion_diag *diag);

/* ---- documents (documents.c) ---- */

/* A text cut at `<|endoftext|>`; line ends around a document do not belong to it. */
typedef struct train_documents {
    const char *at, *end;
} train_documents;
static inline train_documents train_documents_make(const char *text, size_t length) {
    return (train_documents){text, text + length};
}
/* The next document that is not empty; false behind the last. */
bool train_documents_next(train_documents *d, const char **out_text, size_t *out_length);

#endif
