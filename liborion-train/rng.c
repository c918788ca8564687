/* SPDX-License-Identifier: MIT */
/* Random numbers that depend on seed, purpose, index and place alone. */
#include "train-internal.h"

/*
 * Philox 2x64-10 of Salmon and others, "Parallel random numbers: as easy as 1, 2, 3" (2011): ten
 * rounds of multiply, exchange and xor turn a 128-bit counter into 128 random bits under a 64-bit
 * key. There is no state to carry along, so a number can be had for any place of any stream, in
 * any order and on any thread.
 *
 *   key = seed      counter = (kind << 56 | block, index)
 */
enum { ROUNDS = 10, KIND_SHIFT = 56 };

/* High and low half of a product, without a 128-bit type. */
static uint64_t multiply(uint64_t a, uint64_t b, uint64_t *low) {
    uint64_t a0 = a & 0xffffffff, a1 = a >> 32, b0 = b & 0xffffffff, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t other = a0 * b1 + (middle & 0xffffffff);
    *low = a * b;
    return a1 * b1 + (middle >> 32) + (other >> 32);
}

static void philox(uint64_t key, uint64_t block[2]) {
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t low, high = multiply(UINT64_C(0xd2b74407b1ce6e93), block[0], &low);
        block[0] = high ^ key ^ block[1];
        block[1] = low;
        key += UINT64_C(0x9e3779b97f4a7c15);
    }
}

train_rng train_rng_make(uint64_t seed, train_stream kind, uint64_t index) {
    return (train_rng){.seed = seed, .index = index, .counter = (uint64_t)kind << KIND_SHIFT};
}

uint64_t train_rng_next(train_rng *rng) {
    if (rng->has_spare) {
        rng->has_spare = false;
        return rng->spare;
    }
    uint64_t block[2] = {rng->counter++, rng->index};
    philox(rng->seed, block);
    rng->spare = block[1];
    rng->has_spare = true;
    return block[0];
}

double train_rng_unit(train_rng *rng) {
    return (double)(train_rng_next(rng) >> 11) * 0x1p-53;
}

uint64_t train_rng_below(train_rng *rng, uint64_t n) {
    /* Numbers below 2^64 mod n would make the small results likelier: draw again. */
    uint64_t least = (0 - n) % n, x;
    do x = train_rng_next(rng);
    while (x < least);
    return x % n;
}
