/* SPDX-License-Identifier: MIT */
/* AdamW on fp32 masters in one fused pass, gradient accumulation, and the global norm. */
#include "trainer-internal.h"

#include <math.h>

/*
 * Factors are computed once in f64; elements in f32, in the order of operations of PyTorch's AdamW,
 * which the tests compare with. Every element depends on its own past alone and a square root and a
 * division are rounded exactly, so the result is the same however the loop is vectorised.
 */
void train_adamw_update(const train_adamw *o, size_t n, float *restrict p, const float *restrict g,
                        float *restrict m, float *restrict v, bool decay) {
    double correction1 = 1 - pow(o->beta1, (double)o->step);
    double correction2 = sqrt(1 - pow(o->beta2, (double)o->step));
    float scale = (float)o->gradient_scale;
    float b1 = (float)o->beta1, b2 = (float)o->beta2;
    float a1 = (float)(1 - o->beta1), a2 = (float)(1 - o->beta2);
    float keep = decay ? (float)(1 - o->lr * o->weight_decay) : 1.0f;
    float rate = (float)(o->lr / correction1), root = (float)correction2,
          epsilon = (float)o->epsilon;
    for (size_t i = 0; i < n; i++) {
        float gradient = g[i] * scale;
        float mean = b1 * m[i] + a1 * gradient;
        float square = b2 * v[i] + a2 * (gradient * gradient);
        m[i] = mean;
        v[i] = square;
        p[i] = p[i] * keep - rate * mean / (sqrtf(square) / root + epsilon);
    }
}

double train_sum_squares(const float *g, size_t n) {
    /* Eight fixed lanes: one order of additions everywhere, and fast enough. */
    double lane[8] = {0};
    size_t whole = n & ~(size_t)7;
    for (size_t i = 0; i < whole; i += 8) {
        for (size_t k = 0; k < 8; k++) lane[k] += (double)g[i + k] * (double)g[i + k];
    }
    for (size_t i = whole; i < n; i++) lane[i & 7] += (double)g[i] * (double)g[i];
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) +
           ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

void train_accumulate(float *restrict sum, const float *restrict g, size_t n, float weight,
                      bool first) {
    if (first) {
        for (size_t i = 0; i < n; i++) sum[i] = weight * g[i];
    } else {
        for (size_t i = 0; i < n; i++) sum[i] += weight * g[i];
    }
}
