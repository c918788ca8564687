/* SPDX-License-Identifier: MIT */
/* Choosing tokens: greedy, by temperature, from a nucleus; compared with full sorting and with the
 * probabilities themselves. */
#include "train-support.h"

#include <math.h>

enum { VOCAB = 50 };

static int32_t sample(const float *logits, uint32_t vocab, double temperature, double top_p,
                      uint64_t seed, uint64_t position) {
    float scratch[2 * VOCAB];
    const orion_train_generate_options *options =
        orion_train_generate_options(.temperature = temperature, .top_p = top_p, .seed = seed);
    return orion_train_sample(logits, vocab, options, position, scratch);
}

static void random_logits(uint64_t *random, float *logits, uint32_t vocab) {
    for (uint32_t i = 0; i < vocab; i++) logits[i] = (float)(3 * test_random_unit(random));
}

static void test_greedy(void **state) {
    (void)state;
    const float ties[] = {1, 3, 2, 3}, low[] = {-5, -4};
    assert_int_equal(sample(ties, 4, 0, 0, 0, 0), 1);
    assert_int_equal(sample(ties, 4, 0, 0.5, 9, 7), 1);
    assert_int_equal(sample(low, 2, 0, 0, 0, 0), 1);
    assert_int_equal(sample(low, 1, 1, 0.9, 0, 0), 0);
    float room[4];
    assert_int_equal(orion_train_sample(ties, 2, NULL, 0, room), 1);
}

/* As often as the softmax says, for every token, whole and with a nucleus. */
static void test_frequencies(void **state) {
    (void)state;
    enum { ROUNDS = 20000, TOKENS = 6 };
    const float logits[TOKENS] = {0, 1, 2, -1, 1.5f, -3};
    static const double temperatures[] = {1, 0.5, 3};
    for (size_t t = 0; t < 3; t++) {
        double p[TOKENS], sum = 0;
        size_t counts[TOKENS] = {0};
        for (size_t i = 0; i < TOKENS; i++) sum += p[i] = exp((double)logits[i] / temperatures[t]);
        for (uint64_t i = 0; i < ROUNDS; i++) {
            counts[sample(logits, TOKENS, temperatures[t], 0, 5, i)]++;
        }
        for (size_t i = 0; i < TOKENS; i++) {
            double expected = ROUNDS * p[i] / sum, slack = 4 * sqrt(expected) + 1;
            assert_true(fabs((double)counts[i] - expected) <= slack);
        }
    }
}

/* Ids by falling probability, equal ones by id, as far as top_p asks for. */
static size_t sorted_nucleus(const float *logits, uint32_t vocab, double temperature, double top_p,
                             uint32_t *ids, double *p) {
    double sum = 0, highest = -INFINITY, reached = 0;
    for (uint32_t i = 0; i < vocab; i++) highest = fmax(highest, (double)logits[i]);
    for (uint32_t i = 0; i < vocab; i++) {
        ids[i] = i;
        sum += p[i] = exp(((double)logits[i] - highest) / temperature);
    }
    for (uint32_t i = 1; i < vocab; i++) {
        for (uint32_t k = i; k != 0 && p[ids[k]] > p[ids[k - 1]]; k--) {
            uint32_t swap = ids[k];
            ids[k] = ids[k - 1];
            ids[k - 1] = swap;
        }
    }
    size_t count = 0;
    while (count < vocab && reached < top_p * sum) reached += p[ids[count++]];
    return count;
}

static void test_nucleus(void **state) {
    (void)state;
    uint64_t random = 3;
    for (int round = 0; round < 40; round++) {
        float logits[VOCAB];
        uint32_t ids[VOCAB];
        double p[VOCAB], sum = 0, top_p = 0.05 + 0.9 * fabs(test_random_unit(&random));
        size_t counts[VOCAB] = {0};
        enum { ROUNDS = 2000 };
        random_logits(&random, logits, VOCAB);
        size_t count = sorted_nucleus(logits, VOCAB, 0.7, top_p, ids, p);
        for (uint64_t i = 0; i < ROUNDS; i++) counts[sample(logits, VOCAB, 0.7, top_p, 1, i)]++;
        for (size_t i = 0; i < count; i++) sum += p[ids[i]];
        for (size_t i = 0; i < VOCAB; i++) {
            double expected = i < count ? ROUNDS * p[ids[i]] / sum : 0;
            double slack = i < count ? 5 * sqrt(expected) + 1 : 0;
            assert_true(fabs((double)counts[ids[i]] - expected) <= slack);
        }
    }
}

static void test_nucleus_of_equals(void **state) {
    (void)state;
    float flat[VOCAB] = {0};
    size_t low = 0;
    for (uint64_t i = 0; i < 100; i++) {
        assert_int_equal(sample(flat, VOCAB, 1, 1e-6, 1, i), 0);
        int32_t token = sample(flat, VOCAB, 1, 0.1, 1, i); /* five of fifty */
        assert_in_range(token, 0, 5);
        low += token < 3;
    }
    assert_in_range(low, 30, 80);
}

static void test_seed_and_position(void **state) {
    (void)state;
    uint64_t random = 4;
    float logits[VOCAB];
    random_logits(&random, logits, VOCAB);
    size_t same_seed = 0, same_position = 0;
    for (uint64_t i = 0; i < 200; i++) {
        int32_t token = sample(logits, VOCAB, 1, 0.95, 8, i);
        assert_int_equal(sample(logits, VOCAB, 1, 0.95, 8, i), token);
        same_seed += sample(logits, VOCAB, 1, 0.95, 8, i + 1) == token;
        same_position += sample(logits, VOCAB, 1, 0.95, 9, i) == token;
    }
    assert_true(same_seed < 100 && same_position < 100);
}

/* Whatever the logits and the temperature are, a token comes out. */
static void test_extremes(void **state) {
    (void)state;
    static const double temperatures[] = {1e-300, 1e-30, 1, 1e300, INFINITY};
    static const float rows[][3] = {
        {1, 5, 2},
        {NAN, NAN, NAN},
        {1, NAN, 2},
        {INFINITY, 0, 0},
        {-INFINITY, -INFINITY, -INFINITY},
        {0, -INFINITY, 0},
        {3e38f, -3e38f, 0},
    };
    for (size_t t = 0; t < 5; t++) {
        for (size_t r = 0; r < 7; r++) {
            for (int p = 0; p < 3; p++) {
                assert_in_range(sample(rows[r], 3, temperatures[t], p * 0.4, 1, 1), 0, 2);
            }
        }
        if (temperatures[t] < 1) assert_int_equal(sample(rows[0], 3, temperatures[t], 0, 1, 1), 1);
    }
    for (uint64_t i = 0; i < 50; i++) assert_int_not_equal(sample(rows[5], 3, 1, 0, 1, i), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_greedy),
        cmocka_unit_test(test_frequencies),
        cmocka_unit_test(test_nucleus),
        cmocka_unit_test(test_nucleus_of_equals),
        cmocka_unit_test(test_seed_and_position),
        cmocka_unit_test(test_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
