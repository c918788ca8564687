/* SPDX-License-Identifier: MIT */
/*
 * Trains a two-layer network to tell two interleaved spirals apart, with the engine's own code for
 * everything but matrix products, which liborion-ane does. Without arguments on the CPU device;
 * with the path of a framework, or of its emulator, on a Neural Engine.
 */
#include "engine.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum { POINTS = 128, HIDDEN = 32, CLASSES = 2, FEATURES = 6, STEPS = 400 };

typedef struct network {
    matrix w1, b1, w2, b2;
} network;

/* A generator of its own, so that every machine trains the same. */
static float random_unit(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return (float)(*state >> 8) / 8388608.0f - 1.0f;
}

static void randomise(matrix *m, float scale, uint32_t *state) {
    for (size_t i = 0; i < m->rows * m->columns; i++) m->data[i] = scale * random_unit(state);
}

static void make_spirals(matrix *points, int *labels) {
    for (size_t i = 0; i < POINTS; i++) {
        float t = (float)(i / 2) / (POINTS / 2), angle = 4 * t + (i % 2 == 0 ? 0 : 3.14159265f);
        float x = t * cosf(angle), y = t * sinf(angle);
        const float features[FEATURES] = {x, y, x * x, y * y, sinf(3 * x), sinf(3 * y)};
        for (size_t j = 0; j < FEATURES; j++) points->data[i * FEATURES + j] = features[j];
        labels[i] = (int)(i % 2);
    }
}

/* How far the engine's product is from that of plain loops. */
static float distance(engine *e, const matrix *a, const matrix *b, transposed which, matrix *out) {
    matrix plain = matrix_create(out->rows, out->columns);
    float most = 0;
    if (plain.data == NULL) return INFINITY;
    multiply(e, a, b, which, out);
    multiply_plainly(a, b, which, &plain);
    for (size_t i = 0; i < out->rows * out->columns; i++) {
        most = fmaxf(most, fabsf(out->data[i] - plain.data[i]));
    }
    matrix_free(&plain);
    return most;
}

/* Forward, backward, and one step down; returns the loss before it. */
static float train_step(engine *e, network *n, const matrix *points, const int *labels,
                        matrix *hidden, matrix *scores, network *gradient, matrix *hidden_back) {
    multiply(e, points, &n->w1, NEITHER, hidden);
    add_row(hidden, &n->b1);
    rectify(hidden);
    multiply(e, hidden, &n->w2, NEITHER, scores);
    add_row(scores, &n->b2);
    float loss = cross_entropy(scores, labels); /* scores are now its gradient */

    multiply(e, hidden, scores, FIRST, &gradient->w2);
    sum_rows(scores, &gradient->b2);
    multiply(e, scores, &n->w2, SECOND, hidden_back);
    rectify_back(hidden_back, hidden);
    multiply(e, points, hidden_back, FIRST, &gradient->w1);
    sum_rows(hidden_back, &gradient->b1);

    step(&n->w1, &gradient->w1, 1);
    step(&n->b1, &gradient->b1, 1);
    step(&n->w2, &gradient->w2, 1);
    step(&n->b2, &gradient->b2, 1);
    return loss;
}

static network network_create(void) {
    return (network){.w1 = matrix_create(FEATURES, HIDDEN),
                     .b1 = matrix_create(1, HIDDEN),
                     .w2 = matrix_create(HIDDEN, CLASSES),
                     .b2 = matrix_create(1, CLASSES)};
}

static void network_free(network *n) {
    matrix_free(&n->w1);
    matrix_free(&n->b1);
    matrix_free(&n->w2);
    matrix_free(&n->b2);
}

int main(int argc, char **argv) {
    const char *framework = argc > 1 ? argv[1] : NULL;
    offload *o = offload_create(framework);
    if (o == NULL) return 1;
    engine e = {.multiplier = offload_multiplier(o)};
    network n = network_create(), gradient = network_create();
    matrix points = matrix_create(POINTS, FEATURES), hidden = matrix_create(POINTS, HIDDEN);
    matrix scores = matrix_create(POINTS, CLASSES), back = matrix_create(POINTS, HIDDEN);
    int labels[POINTS];
    uint32_t seed = 1;
    make_spirals(&points, labels);
    randomise(&n.w1, 0.8f, &seed);
    randomise(&n.w2, 0.3f, &seed);

    float off = distance(&e, &points, &n.w1, NEITHER, &hidden);
    float first = 0, loss = 0;
    for (int i = 0; i < STEPS; i++) {
        loss = train_step(&e, &n, &points, labels, &hidden, &scores, &gradient, &back);
        if (i == 0) first = loss;
    }
    printf("%zu products by liborion-ane on %s, %zu by plain loops, off by %g at most\n",
           e.offloaded, framework == NULL ? "cpu" : "ane-objc", e.own, (double)off);
    printf("loss %.3f before, %.3f after %d steps\n", (double)first, (double)loss, STEPS);

    network_free(&n);
    network_free(&gradient);
    matrix_free(&points);
    matrix_free(&hidden);
    matrix_free(&scores);
    matrix_free(&back);
    offload_destroy(o);
    /* A Neural Engine computes products in fp16. */
    int close = off < (framework == NULL ? 1e-5f : 1e-2f);
    return e.own == 0 && close && loss < first / 2 ? 0 : 1;
}
