/* SPDX-License-Identifier: MIT */
/*
 * What only training needs: data, the safetensors container, checkpoints, the optimizer, the
 * schedule, the trainer.
 */
#ifndef TRAINER_INTERNAL_H
#define TRAINER_INTERNAL_H

#include "train-internal.h"
#include "util/sha256.h"

/* ---- fields of the two descriptions by name (fields.c) ---- */

typedef enum train_field_kind {
    TRAIN_FIELD_U32,
    TRAIN_FIELD_U64,
    TRAIN_FIELD_F64,
    TRAIN_FIELD_FLAG /* u32, 0 or 1; also false and true */
} train_field_kind;

typedef struct train_field {
    const char *name;
    train_field_kind kind;
    size_t offset; /* in the struct */
} train_field;

/* The fields of one struct, under the name that recipes and checkpoints have for it. */
typedef struct train_section {
    const char *name;
    const train_field *fields;
    size_t count;
} train_section;
extern const train_section train_section_model; /* of orion_train_model_config */
extern const train_section train_section_train; /* of orion_train_options */

/* NULL if there is no such field. */
const train_field *train_field_find(const train_section *section, const char *name);
/* Set the field from all of a text; false if that is no number of its kind and range. */
bool train_field_parse(const train_field *field, const char *text, size_t length, void *base);
/* A text that train_field_parse takes back to the same value. */
void train_field_print(const train_field *field, const void *base, orn_text *out);
/* What the field takes, for a person: "a whole number from 0 to 4294967295". */
const char *train_field_range(const train_field *field);
/* Copy the fields of `from` that are not zero over those of `to`. */
void train_fields_overlay(const train_section *section, const void *from, void *to);

/* ---- the safetensors container (safetensors.c, safetensors-write.c) ---- */

typedef struct train_tensor {
    const char *name;
    orion_ir_type type;
    size_t offset; /* in the file */
    size_t bytes;
} train_tensor;

typedef struct train_pair {
    const char *key, *value;
} train_pair;

/* A container that has been checked as a whole; all strings are in the arena. */
typedef struct train_safetensors {
    orn_arena arena;
    orion_blob *blob; /* a reference is held */
    const char *source;
    train_tensor *tensors; /* sorted by offset */
    size_t count;
    train_pair *metadata;
    size_t metadata_count;
    size_t header_bytes; /* of the JSON, which begins at byte 8 */
} train_safetensors;

/*
 * Check the whole container: the tensors then lie inside the file without gap or overlap, aligned
 * to their elements. ORION_ERROR_SYNTAX if the header is not JSON, ORION_ERROR_VERIFY for all else.
 * On failure `out` is empty.
 */
orion_status train_safetensors_open(train_safetensors *out, orion_blob *blob, const char *source,
                                    const orion_allocator *allocator, orion_diag *diag);
void train_safetensors_close(train_safetensors *file); /* also of an empty one */
/* NULL if there is no such tensor. */
const train_tensor *train_safetensors_find(const train_safetensors *file, const char *name);
const void *train_safetensors_data(const train_safetensors *file, const train_tensor *tensor);
/* "F32" and so on; NULL if the container has no name for it. */
const char *train_safetensors_dtype_name(uint32_t dtype);
/* NULL if there is no such key. */
const char *train_safetensors_get(const train_safetensors *file, const char *key);

/* What is to be written; borrowed. */
typedef struct train_out_tensor {
    const char *name; /* printable ASCII without quote and backslash */
    orion_ir_type type;
    const void *data; /* packed; aligned in the file if larger elements come first */
} train_out_tensor;
/* Key under which the writer keeps the SHA-256 of the file, counted with zeros for the 64 digits
 * themselves. */
#define TRAIN_SAFETENSORS_HASH "orion.sha256"
/* Write all or nothing. Keys and values are printable ASCII without quote and backslash. */
orion_status train_safetensors_write(const char *path, const train_pair *metadata,
                                     size_t metadata_count, const train_out_tensor *tensors,
                                     size_t count, const orion_allocator *allocator,
                                     orion_diag *diag);
/* Check the hash; ORION_ERROR_VERIFY also for a file without one. */
orion_status train_safetensors_verify(const train_safetensors *file, orion_diag *diag);

/* ---- recipes (recipe.c) ---- */

/* orion_train_recipe_load from memory. */
orion_status train_recipe_parse(const char *text, size_t length, const char *path, orion_diag *diag,
                                orion_train_model_config *config, orion_train_options *options);

/* ---- data (data.c) ---- */

orion_allocator train_data_allocator(const orion_train_data *data);
int32_t train_data_largest(const orion_train_data *data); /* token */
/* SHA-256 of the tokens as little-endian i32. */
void train_data_hash(const orion_train_data *data, char out_hex[ORN_SHA256_DIGITS + 1]);
/* Rows [first, first + rows) of a step's batch; orion_train_data_batch for a part of it. */
void train_data_rows(const orion_train_data *data, uint64_t seed, uint64_t step, uint64_t first,
                     uint32_t rows, uint32_t length, int32_t *out_tokens, int32_t *out_targets);

/* ---- checkpoints (checkpoint.c, checkpoint-write.c) ---- */

/* Where a run stands, beside weights and moments. */
typedef struct train_progress {
    uint64_t step;        /* steps done, skipped ones included */
    uint64_t updates;     /* of the weights */
    uint64_t skipped;     /* steps skipped in a row, up to now */
    uint64_t data_tokens; /* of the data it was trained on, and their hash */
    char data_sha256[ORN_SHA256_DIGITS + 1];
} train_progress;

/* The two moments that AdamW keeps of each parameter, and the names of their tensors. */
enum { TRAIN_MEAN, TRAIN_SQUARE, TRAIN_MOMENTS };
extern const char *const train_moment_prefix[TRAIN_MOMENTS];
/* Name and texts of what is beside parameters and moments. */
#define TRAIN_CHECKPOINT_FORMAT    "orion.format"
#define TRAIN_CHECKPOINT_VERSION   "checkpoint 1"
#define TRAIN_CHECKPOINT_TOKENIZER "tokenizer"
enum { TRAIN_STATES = 4 };
typedef struct train_state_field {
    const char *key;
    size_t offset; /* of an uint64_t in train_progress */
} train_state_field;
extern const train_state_field train_state_fields[TRAIN_STATES];
#define TRAIN_CHECKPOINT_DATA_HASH "data.sha256"

/* A checkpoint that has been checked. */
typedef struct train_checkpoint {
    train_safetensors file;
    orion_train_model *model;         /* its data are those of the file */
    orion_train_tokenizer *tokenizer; /* NULL: it holds none */
    bool has_optimizer;               /* if not, options, progress and moments are not there */
    orion_train_options options;
    train_progress progress;
    const float **moments[TRAIN_MOMENTS]; /* per parameter; in the file's arena and bytes */
} train_checkpoint;

/* On failure `out` is empty. The bytes of the blob are aligned to those of a float. */
orion_status train_checkpoint_parse(train_checkpoint *out, orion_blob *blob, const char *source,
                                    const orion_allocator *allocator, orion_diag *diag);
orion_status train_checkpoint_load(train_checkpoint *out, const char *path,
                                   const orion_allocator *allocator, orion_diag *diag);
void train_checkpoint_close(train_checkpoint *checkpoint); /* also of an empty one */

/* What is to be saved; borrowed. Arrays are per parameter of `shape`. */
typedef struct train_snapshot {
    const orion_train_model *shape;         /* description and names; its data are not looked at */
    const orion_train_tokenizer *tokenizer; /* may be NULL */
    const orion_train_options *options;
    const train_progress *progress;
    const float *const *values;
    const float *const *moments[TRAIN_MOMENTS];
} train_snapshot;
orion_status train_checkpoint_save(const train_snapshot *snapshot, const char *path,
                                   const orion_allocator *allocator, orion_diag *diag);

/* ---- the optimizer (optim.c, schedule.c) ---- */

typedef struct train_adamw {
    double lr, beta1, beta2, epsilon, weight_decay;
    double gradient_scale; /* of every gradient, before anything else */
    uint64_t step;         /* 1 for the first update */
} train_adamw;
/* One fused pass over n parameters: moments, decoupled decay (if `decay`), update. */
void train_adamw_update(const train_adamw *o, size_t n, float *restrict p, const float *restrict g,
                        float *restrict m, float *restrict v, bool decay);
/* Sum of squares in f64, in an order of its own: the same on every machine and with any number of
 * threads. NaN or inf if any g is. */
double train_sum_squares(const float *g, size_t n);
/* sum = weight * g if it is the first, else sum += weight * g. */
void train_accumulate(float *restrict sum, const float *restrict g, size_t n, float weight,
                      bool first);
/* Learning rate of a step counted from 0: linear warm-up, then a cosine down to the floor at the
 * last step. */
double train_schedule(double lr, double floor, uint64_t warmup, uint64_t steps, uint64_t step);

/* ---- the trainer (trainer.c, trainer-step.c) ---- */

/* The run gives up after so many steps in a row without a finite loss and gradient. */
enum { TRAIN_SKIPPED_MAX = 10 };

/* What one parameter has: tensors that the program reads and writes, and the host's arrays. */
typedef struct train_slot {
    orion_ane_tensor *value, *gradient; /* packed */
    float *moments[TRAIN_MOMENTS];
    float *sum; /* of the micro-batches' gradients; NULL if a step has only one */
    size_t elements;
    bool decays;
} train_slot;

struct orion_train_trainer {
    orion_allocator allocator;
    orion_train_model *shape; /* description and names, no data */
    orion_train_tokenizer *tokenizer;
    orion_train_data *data;
    orion_train_options options; /* complete */
    train_stage stage;
    orion_ane_tensor *tokens, *targets, *loss;
    train_slot *slots; /* [shape->count] */
    float *arrays;     /* moments and sums of all slots */
    size_t array_elements;
    train_progress progress;
};

/* Fill the defaults in and check every range. */
orion_status train_options_complete(const orion_train_options *in,
                                    const orion_train_model_config *config, orion_diag *diag,
                                    orion_train_options *out);

#endif
