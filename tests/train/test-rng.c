/* SPDX-License-Identifier: MIT */
/* Random numbers: the published answers of Philox 2x64-10, and the streams made of them. */
#include "train-support.h"

#include "train-internal.h"

/* Random123's kat_vectors for philox2x64 with 10 rounds: counter, key, result. A stream's first
 * block has the counter (kind << 56, index), so that counter words are chosen through both. */
static void test_known_answers(void **state) {
    (void)state;
    static const uint64_t cases[][5] = {
        {0, 0, 0, UINT64_C(0xca00a0459843d731), UINT64_C(0x66c24222c9a845b5)},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_C(0x65b021d60cd8310f),
         UINT64_C(0x4d02f3222f86df20)},
        {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707344), UINT64_C(0xa4093822299f31d0),
         UINT64_C(0x0a5e742c2997341c), UINT64_C(0xb0f883d38000de5d)},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_rng rng = {.counter = cases[i][0], .index = cases[i][1], .seed = cases[i][2]};
        assert_true(train_rng_next(&rng) == cases[i][3]);
        assert_true(train_rng_next(&rng) == cases[i][4]);
    }
}

static void test_streams_differ(void **state) {
    (void)state;
    enum { STREAMS = 6, NUMBERS = 64 };
    const train_rng streams[STREAMS] = {
        train_rng_make(1, TRAIN_STREAM_INIT, 0),  train_rng_make(2, TRAIN_STREAM_INIT, 0),
        train_rng_make(1, TRAIN_STREAM_INIT, 1),  train_rng_make(1, TRAIN_STREAM_SAMPLE, 0),
        train_rng_make(1, TRAIN_STREAM_BATCH, 0), train_rng_make(1, TRAIN_STREAM_STORY, 0),
    };
    uint64_t numbers[STREAMS * NUMBERS];
    for (size_t i = 0; i < STREAMS; i++) {
        train_rng rng = streams[i], copy;
        for (size_t k = 0; k < NUMBERS; k++) {
            copy = rng;
            numbers[i * NUMBERS + k] = train_rng_next(&rng);
            assert_true(train_rng_next(&copy) == numbers[i * NUMBERS + k]);
        }
    }
    for (size_t i = 0; i < ORN_COUNT(numbers); i++) {
        for (size_t k = 0; k < i; k++) assert_true(numbers[i] != numbers[k]);
    }
}

static void test_ranges(void **state) {
    (void)state;
    train_rng rng = train_rng_make(3, TRAIN_STREAM_SAMPLE, 9);
    double sum = 0;
    size_t counts[6] = {0};
    for (int i = 0; i < 6000; i++) {
        double u = train_rng_unit(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        uint64_t n = train_rng_below(&rng, 6);
        assert_in_range(n, 0, 5);
        counts[n]++;
        assert_true(train_rng_below(&rng, 1) == 0);
    }
    assert_true(sum > 2900 && sum < 3100);
    for (size_t i = 0; i < 6; i++) assert_in_range(counts[i], 880, 1120);
    /* Three quarters of the range of 64 bits: a plain remainder would favour the lower third. */
    size_t low = 0;
    for (int i = 0; i < 6000; i++) {
        low += train_rng_below(&rng, UINT64_C(3) << 62) < UINT64_C(1) << 62;
    }
    assert_in_range(low, 1850, 2150);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_streams_differ),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
