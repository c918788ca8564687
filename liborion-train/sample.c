/* SPDX-License-Identifier: MIT */
/* Choosing a token from logits: greedy, by temperature, from a nucleus. */
#include "train-internal.h"

#include <math.h>

/* The highest logit; of equal ones the first. */
static uint32_t best(const float *logits, uint32_t vocab) {
    uint32_t id = 0;
    for (uint32_t i = 1; i < vocab; i++) {
        if (logits[i] > logits[id]) id = i;
    }
    return id;
}

/* weights[i] = exp((logits[i] - highest) / temperature). Returns their sum. */
static double weigh(const float *logits, uint32_t vocab, double highest, double temperature,
                    float *weights) {
    double sum = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        weights[i] = expf((float)(((double)logits[i] - highest) / temperature));
        sum += (double)weights[i];
    }
    return sum;
}

/*
 * The nucleus without sorting the vocabulary: a heap of the candidates, from which the likeliest is
 * taken until the probabilities taken reach top_p. As a rule that is a few of many thousands.
 *
 * Most tokens are not even candidates. If the nucleus has more than its first token, then before
 * its last one came at least one token and less than top_p; so the other n - 1 or fewer tokens
 * share more than 1 - top_p, and the likeliest of them, the last one, has at least (1 - top_p) / (n
 * - 1).
 *
 * Ids are stored as floats, in which they are exact: a vocabulary has at most 2^24 tokens.
 */
typedef struct nucleus {
    const float *weights;
    float *ids; /* the heap [0, waiting), then what was taken, the likeliest last */
    size_t waiting;
} nucleus;

static bool before(const nucleus *h, float a, float b) {
    float x = h->weights[(size_t)a], y = h->weights[(size_t)b];
    return x != y ? x > y : a < b;
}

/* Put `id` at place i of the heap or below, where it belongs. */
static void sift(nucleus *h, size_t i, float id) {
    size_t child;
    while ((child = 2 * i + 1) < h->waiting) {
        if (child + 1 < h->waiting && before(h, h->ids[child + 1], h->ids[child])) child++;
        if (!before(h, h->ids[child], id)) break;
        h->ids[i] = h->ids[child];
        i = child;
    }
    h->ids[i] = id;
}

/* Move the likeliest behind the heap. */
static float take(nucleus *h) {
    float top = h->ids[0], last = h->ids[--h->waiting];
    if (h->waiting != 0) sift(h, 0, last);
    h->ids[h->waiting] = top;
    return h->weights[(size_t)top];
}

static uint32_t from_nucleus(const float *weights, uint32_t vocab, double sum, double top_p,
                             double unit, float *ids) {
    nucleus h = {weights, ids, 0};
    /* A little less than the bound, for the rounding of the sum. */
    double least = 0.999 * sum * (1 - top_p) / (vocab > 1 ? vocab - 1 : 1);
    for (uint32_t i = 0; i < vocab; i++) {
        if ((double)weights[i] >= least) ids[h.waiting++] = (float)i;
    }
    if (h.waiting == 0) return best(weights, vocab); /* all equal, and top_p below each */
    size_t candidates = h.waiting;
    for (size_t i = candidates / 2; i-- > 0;) sift(&h, i, ids[i]);
    double taken = 0;
    while (h.waiting != 0 && taken < top_p * sum) taken += (double)take(&h);
    double reach = 0;
    for (size_t i = candidates; i-- > h.waiting;) {
        reach += (double)weights[(size_t)ids[i]];
        if (unit * taken < reach) return (uint32_t)ids[i];
    }
    return (uint32_t)ids[h.waiting];
}

static uint32_t from_all(const float *weights, uint32_t vocab, double sum, double unit) {
    double reach = 0;
    uint32_t last = 0;
    for (uint32_t i = 0; i < vocab; i++) {
        if (weights[i] == 0) continue;
        last = i;
        reach += (double)weights[i];
        if (unit * sum < reach) break;
    }
    return last;
}

int32_t orion_train_sample(const float *logits, uint32_t vocab,
                           const orion_train_generate_options *options, uint64_t position,
                           float *scratch) {
    orion_train_generate_options o;
    uint32_t top = best(logits, vocab);
    if (orn_check_size(options, &o, sizeof o) != ORION_OK || !(o.temperature > 0)) {
        return (int32_t)top;
    }
    double sum = weigh(logits, vocab, (double)logits[top], o.temperature, scratch);
    if (!(sum > 0 && sum - sum == 0)) return (int32_t)top; /* the logits are not finite */
    train_rng rng = train_rng_make(o.seed, TRAIN_STREAM_SAMPLE, position);
    double unit = train_rng_unit(&rng);
    bool all = !(o.top_p > 0 && o.top_p < 1);
    return (int32_t)(all ? from_all(scratch, vocab, sum, unit)
                         : from_nucleus(scratch, vocab, sum, o.top_p, unit, scratch + vocab));
}
