/* SPDX-License-Identifier: MIT */
/* The learning rate: warm-up, cosine, floor. */
#include "train-support.h"

#include "trainer-internal.h"

static void assert_rate(double actual, double expected) {
    assert_doubles_near(&actual, &expected, 1, 0, 1e-12);
}

static void test_warmup(void **state) {
    (void)state;
    for (uint64_t step = 0; step < 5; step++)
        assert_rate(train_schedule(1, 0.1, 5, 100, step), (double)(step + 1) / 5);
    assert_rate(train_schedule(1, 0.1, 5, 100, 5), 1);
    assert_rate(train_schedule(1, 0.1, 0, 100, 0), 1);
}

static void test_cosine(void **state) {
    (void)state;
    /* 11 steps without warm-up: the sixth is half-way, the last at the floor. */
    assert_rate(train_schedule(3, 1, 0, 11, 5), 2);
    assert_rate(train_schedule(3, 1, 0, 11, 10), 1);
    /* cos(pi / 3) = 1/2 at a third of the way. */
    assert_rate(train_schedule(3, 1, 2, 12, 5), 2.5);
    for (uint64_t step = 5; step + 1 < 200; step++)
        assert_true(train_schedule(1, 0.1, 5, 200, step + 1) <
                    train_schedule(1, 0.1, 5, 200, step));
}

static void test_ends(void **state) {
    (void)state;
    assert_rate(train_schedule(1, 0.1, 0, 1, 0), 0.1); /* the only step is the last */
    assert_rate(train_schedule(1, 0.1, 0, 100, 99), 0.1);
    assert_rate(train_schedule(1, 0.1, 0, 100, 5000), 0.1); /* past the end */
    assert_rate(train_schedule(1, 0.1, 10, 10, 9), 1);      /* nothing but warm-up */
    assert_rate(train_schedule(0.5, 0.5, 3, 9, 6), 0.5);    /* constant */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_warmup),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
