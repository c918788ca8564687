/* SPDX-License-Identifier: MIT */
/* The engine's own arithmetic: plain loops. */
#include "engine.h"

#include <math.h>
#include <stdlib.h>

matrix matrix_create(size_t rows, size_t columns) {
    return (matrix){rows, columns, calloc(rows * columns, sizeof(float))};
}

void matrix_free(matrix *m) {
    free(m->data);
    m->data = NULL;
}

void multiply_plainly(const matrix *a, const matrix *b, transposed which, matrix *out) {
    size_t inner = which == FIRST ? a->rows : a->columns;
    size_t a_row = which == FIRST ? 1 : a->columns, a_column = which == FIRST ? a->columns : 1;
    size_t b_row = which == SECOND ? 1 : b->columns, b_column = which == SECOND ? b->columns : 1;
    for (size_t i = 0; i < out->rows; i++) {
        for (size_t j = 0; j < out->columns; j++) {
            float sum = 0;
            for (size_t k = 0; k < inner; k++) {
                sum += a->data[i * a_row + k * a_column] * b->data[k * b_row + j * b_column];
            }
            out->data[i * out->columns + j] = sum;
        }
    }
}

void multiply(engine *e, const matrix *a, const matrix *b, transposed which, matrix *out) {
    const multiplier *m = &e->multiplier;
    if (m->multiply != NULL && m->multiply(m->self, a, b, which, out)) {
        e->offloaded++;
        return;
    }
    multiply_plainly(a, b, which, out);
    e->own++;
}

void add_row(matrix *m, const matrix *row) {
    for (size_t i = 0; i < m->rows * m->columns; i++) m->data[i] += row->data[i % m->columns];
}

void sum_rows(const matrix *m, matrix *out_row) {
    for (size_t j = 0; j < m->columns; j++) out_row->data[j] = 0;
    for (size_t i = 0; i < m->rows * m->columns; i++) out_row->data[i % m->columns] += m->data[i];
}

void rectify(matrix *m) {
    for (size_t i = 0; i < m->rows * m->columns; i++) m->data[i] = fmaxf(m->data[i], 0);
}

void rectify_back(matrix *gradient, const matrix *of) {
    for (size_t i = 0; i < of->rows * of->columns; i++) {
        if (of->data[i] <= 0) gradient->data[i] = 0;
    }
}

void step(matrix *m, const matrix *gradient, float rate) {
    for (size_t i = 0; i < m->rows * m->columns; i++) m->data[i] -= rate * gradient->data[i];
}

float cross_entropy(matrix *scores, const int *labels) {
    float loss = 0, rows = (float)scores->rows;
    for (size_t i = 0; i < scores->rows; i++) {
        float *row = scores->data + i * scores->columns, most = row[0], sum = 0;
        for (size_t j = 1; j < scores->columns; j++) most = fmaxf(most, row[j]);
        for (size_t j = 0; j < scores->columns; j++) sum += row[j] = expf(row[j] - most);
        for (size_t j = 0; j < scores->columns; j++) row[j] /= sum * rows;
        float *right = &row[labels[i]];
        loss -= logf(*right * rows);
        *right -= 1 / rows;
    }
    return loss / rows;
}
