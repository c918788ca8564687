/* SPDX-License-Identifier: MIT */
/* What generator.c and generate.c share. */
#ifndef GENERATOR_INTERNAL_H
#define GENERATOR_INTERNAL_H

#include "train-internal.h"

/* A program that reads `length` tokens at once. */
typedef struct reader {
    train_stage stage;
    orion_ane_tensor *tokens, *position;
    uint32_t length;
} reader;

enum { ROWS = 3 }; /* the logits, and scratch for two more rows */

struct orion_train_generator {
    orion_allocator allocator;
    orion_train_model *model;
    orion_ane_device *device;
    reader readers[2]; /* of one token; of `prefill` tokens, unless that is 1 */
    size_t reader_count;
    orion_ane_tensor **caches; /* [2 layers]: keys and values in turn */
    size_t cache_count;
    orion_ane_tensor *logits;
    float *row;         /* [ROWS, vocab]: the logits last read; scratch */
    int32_t *positions; /* [prefill] */
    size_t position;    /* tokens read */
    uint32_t context, prefill;
};

#endif
