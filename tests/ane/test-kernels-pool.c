/* SPDX-License-Identifier: MIT */
/* The thread pool: every task once, callers at the same time, no memory, no threads. */
#include "kernel-support.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct count_job {
    atomic_int runs[1000];
    atomic_int busy[TEST_THREADS]; /* tasks that a worker is in: 0 or 1 */
    atomic_int mistakes;
    size_t threads;
} count_job;

static void count(void *ctx, size_t task, size_t worker) {
    count_job *j = ctx;
    if (worker >= j->threads || atomic_fetch_add(&j->busy[worker], 1) != 0) {
        atomic_fetch_add(&j->mistakes, 1);
    }
    atomic_fetch_add(&j->runs[task], 1);
    atomic_fetch_sub(&j->busy[worker], 1);
}

static void check_run(cpu_pool *pool, size_t tasks) {
    count_job j = {.threads = cpu_pool_threads(pool)};
    cpu_pool_run(pool, tasks, count, &j);
    assert_int_equal(atomic_load(&j.mistakes), 0);
    for (size_t i = 0; i < ORN_COUNT(j.runs); i++) {
        assert_int_equal(atomic_load(&j.runs[i]), i < tasks ? 1 : 0);
    }
}

static void test_each_task_once(void **state) {
    kernel_test *t = *state;
    for (size_t i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(cpu_pool_threads(t->pools[i]), i + 1);
        for (int round = 0; round < 30; round++) {
            check_run(t->pools[i], 0);
            check_run(t->pools[i], 1);
            check_run(t->pools[i], 2);
            check_run(t->pools[i], 1000);
        }
    }
    assert_int_equal(cpu_pool_threads(NULL), 1);
    check_run(NULL, 10);
}

typedef struct caller {
    cpu_pool *pool;
    atomic_int sum;
} caller;

static void add_one(void *ctx, size_t task, size_t worker) {
    (void)task, (void)worker;
    atomic_fetch_add((atomic_int *)ctx, 1);
}

static void *call_often(void *arg) {
    caller *c = arg;
    for (int i = 0; i < 300; i++) cpu_pool_run(c->pool, (size_t)(i % 9), add_one, &c->sum);
    return NULL;
}

/* Callers see their own tasks done, and nobody else's. */
static void test_callers_at_once(void **state) {
    kernel_test *t = *state;
    int expected = 0;
    for (int i = 0; i < 300; i++) expected += i % 9;
    for (size_t p = 0; p < TEST_THREADS; p++) {
        caller callers[3] = {{.pool = t->pools[p]}, {.pool = t->pools[p]}, {.pool = t->pools[p]}};
        pthread_t threads[3];
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, call_often, &callers[i]), 0);
        }
        for (int i = 0; i < 3; i++) {
            assert_int_equal(pthread_join(threads[i], NULL), 0);
            assert_int_equal(atomic_load(&callers[i].sum), expected);
        }
    }
}

static orion_status create(oom_case *oom, void *ctx) {
    (void)ctx;
    cpu_pool *pool;
    oom_arm(oom);
    orion_status status = cpu_pool_create(&oom->heap.allocator, 3, &pool);
    oom_disarm(oom);
    oom_output(oom, status, pool);
    cpu_pool_destroy(&pool);
    assert_null(pool);
    return status;
}

static void test_no_memory(void **state) {
    (void)state;
    oom_loop("cpu_pool_create", create, NULL);
}

static void test_edges(void **state) {
    (void)state;
    cpu_pool *pool;
    assert_int_equal(cpu_pool_create(NULL, 0, &pool), ORION_OK);
    assert_int_equal(cpu_pool_threads(pool), 1);
    cpu_pool_destroy(&pool);
    cpu_pool_destroy(&pool);
    cpu_pool_destroy(NULL);
}

/* Levels below the best one are there, and the best one is the one reported. */
static void test_instruction_sets(void **state) {
    (void)state;
    assert_non_null(cpu_kernels_for(CPU_ISA_BASE));
    for (int isa = CPU_ISA_BASE; isa <= CPU_ISA_AVX512; isa++) {
        const cpu_kernels *kernels = cpu_kernels_for((cpu_isa)isa);
        assert_int_equal(kernels != NULL, isa <= (int)cpu_features());
        if (kernels != NULL) print_message("%s\n", kernels->name);
    }
    assert_null(cpu_kernels_for((cpu_isa)99));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_task_once),   cmocka_unit_test(test_callers_at_once),
        cmocka_unit_test(test_no_memory),        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_instruction_sets),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
