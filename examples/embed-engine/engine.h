/* SPDX-License-Identifier: MIT */
/*
 * A small tensor engine that has nothing to do with Orion: matrices of floats, the operations of a
 * two-layer network, and one hook for whoever can multiply matrices better.
 */
#ifndef ENGINE_H
#define ENGINE_H

#include <stddef.h>

typedef struct matrix {
    size_t rows, columns;
    float *data; /* row after row */
} matrix;

/* Zeroed; data is NULL if memory runs out. */
matrix matrix_create(size_t rows, size_t columns);
void matrix_free(matrix *m);

/* Which operand of a product is taken with rows and columns exchanged. */
typedef enum transposed { NEITHER = 0, FIRST = 1, SECOND = 2 } transposed;

/*
 * Somebody who multiplies: out = a b. Returns 0 if it cannot, and the engine does it itself. The
 * shapes fit each other when it is called.
 */
typedef struct multiplier {
    int (*multiply)(void *self, const matrix *a, const matrix *b, transposed which, matrix *out);
    void *self;
} multiplier;

typedef struct engine {
    multiplier multiplier; /* multiply NULL: none */
    size_t offloaded, own; /* products so far */
} engine;

void multiply(engine *e, const matrix *a, const matrix *b, transposed which, matrix *out);
/* The same without anybody's help: what the others are compared with. */
void multiply_plainly(const matrix *a, const matrix *b, transposed which, matrix *out);

void add_row(matrix *m, const matrix *row);            /* to each row */
void sum_rows(const matrix *m, matrix *out_row);       /* of all rows */
void rectify(matrix *m);                               /* max(x, 0) */
void rectify_back(matrix *gradient, const matrix *of); /* zero where the result was */
void step(matrix *m, const matrix *gradient, float rate);
/* The mean of -log softmax(scores)[label]; its gradient replaces the scores. */
float cross_entropy(matrix *scores, const int *labels);

/* offload.c: liborion-ane as multiplier, on the CPU device or, with the path of a framework or of
 * its emulator, on a Neural Engine. NULL, and a message on standard error, if that fails. */
typedef struct offload offload;
offload *offload_create(const char *framework);
void offload_destroy(offload *o); /* NULL is fine */
multiplier offload_multiplier(offload *o);

#endif
