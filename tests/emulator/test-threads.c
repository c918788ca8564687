/* SPDX-License-Identifier: MIT */
/* Several threads on one device: runs of one program side by side, and compiling beside them. */
#include "emulator-support.h"

#include <pthread.h>

enum { THREADS = 4, ROUNDS = 50, CHANNELS = 2, WIDTH = 5, ELEMENTS = CHANNELS * WIDTH };

typedef struct worker {
    pthread_t thread;
    orion_ane_device *device;
    orion_ane_program *program;
    int number;
    const char *failure; /* threads cannot assert */
} worker;

/* x and y of this thread and round, and what a = x - y and b = x y must be. */
static const char *evaluate(const ane_bound *bound, int number, int round) {
    double x[ELEMENTS], y[ELEMENTS], product[ELEMENTS], difference[ELEMENTS];
    for (int i = 0; i < ELEMENTS; i++) {
        x[i] = number + i;
        y[i] = round % 8;
    }
    ane_write(bound, 0, y);
    ane_write(bound, 1, x);
    if (orion_ane_run_execute(bound->run, NULL) != ORION_OK) return "a run failed";
    ane_read(bound, 2, product);
    ane_read(bound, 3, difference);
    for (int i = 0; i < ELEMENTS; i++) {
        if (product[i] != x[i] * y[i] || difference[i] != x[i] - y[i]) return "wrong results";
    }
    return NULL;
}

/* A program that no other thread has, once in a while. */
static const char *compile_another(const worker *w, int round) {
    char *text = two_outputs_text(3 + w->number, 8 + round);
    const orion_ane_source source = {.size = sizeof source, .text = text, .length = strlen(text)};
    orion_ane_program *program;
    orion_status status = orion_ane_program_compile(w->device, &source, NULL, &program);
    orion_ane_program_unref(&program);
    free(text);
    return status == ORION_OK ? NULL : "a program did not compile";
}

static void *work(void *arg) {
    worker *w = arg;
    ane_bound bound = ane_bind(orion_ane_program_ref(w->program), false);
    for (int round = 0; round < ROUNDS && w->failure == NULL; round++) {
        w->failure = evaluate(&bound, w->number, round);
        if (w->failure == NULL && round % 10 == 0) w->failure = compile_another(w, round);
    }
    ane_bound_free(&bound);
    return NULL;
}

static void test_threads(void **state) {
    (void)state;
    worker workers[THREADS];
    bench b = bench_open("");
    char *text = two_outputs_text(CHANNELS, WIDTH);
    orion_ane_program *program = bench_compile(&b, text, NULL);
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){.device = b.device, .program = program, .number = i};
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        if (workers[i].failure != NULL) fail_msg("thread %d: %s", i, workers[i].failure);
    }
    orion_ane_program_unref(&program);
    free(text);
    bench_close(&b);
    orion_emulator_counters now = emulator_counters();
    assert_int_equal(now.objects_now, 0);
    assert_int_equal(now.surfaces_now, 0);
    assert_int_equal(now.instances_now, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
