/* SPDX-License-Identifier: MIT */
/* What the tests of liborion-train share: small models, vocabularies in memory, an open device. */
#ifndef TRAIN_SUPPORT_H
#define TRAIN_SUPPORT_H

#include "support.h"

#include <orion/train.h>

/* A diag, a device of one thread, and room for what tests usually make. Close frees all. */
typedef struct bench {
    orion_diag *diag;
    orion_ane_device *device;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
    orion_train_generator *generator;
} bench;
bench bench_open(void);
void bench_close(bench *b);

/* dim 16, 2 layers, 4 heads of which 2 have keys, vocabulary of bytes, context 32. */
orion_train_model_config small_config(void);

/* A random model of that description. */
orion_train_model *random_model(const orion_train_model_config *config, uint64_t seed);

/* A model like small_config(), with 259 tokens, that finds `token` likeliest, whatever came before.
 */
orion_train_model *stubborn_model(int32_t token);

/* The status is the one expected, and the diag says why; it is cleared. */
void assert_refused(orion_status status, orion_status expected, orion_diag *diag,
                    orion_message message, const char *part);

/* A copy of bytes as a blob. */
orion_blob *blob_of(const void *bytes, size_t size);

/* A tokenizer.bin being written. */
typedef struct vocabulary {
    unsigned char *bytes;
    size_t size;
} vocabulary;
/* The three special and the 256 byte tokens; `longest` is the first number of the file. */
vocabulary vocabulary_begin(uint32_t longest);
void vocabulary_add(vocabulary *v, const char *piece, size_t length, float score);
void vocabulary_free(vocabulary *v);

/* Recorded figures: a text of words and numbers. Lines that begin with # are left out. */
typedef struct figures {
    char *text, *at;
} figures;
figures figures_open(const char *path);
void figures_close(figures *f);
/* The next word; NULL behind the last. */
const char *figures_word(figures *f);
/* The next word must be this one. */
void figures_expect(figures *f, const char *word);
/* The next word must be a number; read the same in every locale. */
double figures_number(figures *f);

#endif
