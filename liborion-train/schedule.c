/* SPDX-License-Identifier: MIT */
/* The learning rate of a step: linear warm-up, then half a cosine down to a floor. */
#include "trainer-internal.h"

#include <math.h>

double train_schedule(double lr, double floor, uint64_t warmup, uint64_t steps, uint64_t step) {
    if (step < warmup) return lr * (double)(step + 1) / (double)warmup;
    if (step + 1 >= steps) return floor;
    double past = (double)(step - warmup), whole = (double)(steps - 1 - warmup);
    return floor + (lr - floor) * 0.5 * (1 + cos(3.14159265358979323846 * past / whole));
}
