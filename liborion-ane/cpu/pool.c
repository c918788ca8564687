/* SPDX-License-Identifier: MIT */
/*
 * The thread pool: callers publish jobs, workers take tasks from them, callers wait for their own.
 *
 * A job lives on its caller's stack while it is in the pool's list.  A worker joins a job under the
 * lock (users + 1), draws task numbers from an atomic counter until there are none, and leaves
 * (users - 1).  The caller draws tasks too, then takes the job off the list, so that nobody joins
 * any more, and waits until users is 0: every task has been drawn, and who draws is either the
 * caller or a user, so the job is then done.  Nobody touches a job after leaving it.
 *
 * An idle worker watches the epoch, which each new job raises, for a few microseconds before it
 * sleeps: steps of a program follow each other within that time.  The spin is short because the
 * cores may belong to somebody else.
 */
#define _POSIX_C_SOURCE 200809L
#include "cpu.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

/* Pauses before sleeping: some 5 to 10 microseconds where a pause takes 140 cycles. */
enum { SPINS = 150 };

typedef struct job {
    struct job *next;
    cpu_task_fn fn;
    void *ctx;
    size_t tasks;
    atomic_size_t drawn;
    atomic_size_t users;
} job;

typedef struct worker {
    cpu_pool *pool;
    size_t index;
    pthread_t thread;
} worker;

struct cpu_pool {
    orion_allocator allocator;
    size_t bytes; /* of this struct */
    size_t threads, started;
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was added, or the pool stops */
    pthread_cond_t left; /* somebody left a job that its caller waits for */
    job *jobs;           /* under lock */
    size_t sleepers;     /* under lock */
    bool stop;           /* under lock */
    atomic_uint epoch;
    atomic_size_t waiting; /* callers asleep on `left` */
    worker workers[];
};

static void pause_once(void) {
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

static void draw(job *j, size_t worker_index) {
    for (;;) {
        size_t task = atomic_fetch_add(&j->drawn, 1);
        if (task >= j->tasks) return;
        j->fn(j->ctx, task, worker_index);
    }
}

/* The first job that still has tasks to draw. Under lock. */
static job *open_job(const cpu_pool *pool) {
    for (job *j = pool->jobs; j != NULL; j = j->next) {
        if (atomic_load(&j->drawn) < j->tasks) return j;
    }
    return NULL;
}

static void leave(cpu_pool *pool, job *j) {
    if (atomic_fetch_sub(&j->users, 1) == 1 && atomic_load(&pool->waiting) != 0) {
        pthread_mutex_lock(&pool->lock);
        pthread_cond_broadcast(&pool->left);
        pthread_mutex_unlock(&pool->lock);
    }
}

static void watch(cpu_pool *pool, unsigned seen) {
    for (int i = 0; i < SPINS && atomic_load(&pool->epoch) == seen; i++) pause_once();
}

static void *worker_main(void *arg) {
    const worker *self = arg;
    cpu_pool *pool = self->pool;
    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        unsigned seen = atomic_load(&pool->epoch);
        job *j = open_job(pool);
        if (j != NULL) {
            atomic_fetch_add(&j->users, 1);
            pthread_mutex_unlock(&pool->lock);
            draw(j, self->index);
            leave(pool, j);
            watch(pool, seen);
            pthread_mutex_lock(&pool->lock);
            continue;
        }
        pool->sleepers++;
        pthread_cond_wait(&pool->work, &pool->lock);
        pool->sleepers--;
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Workers take no signals: those belong to the program's own threads. */
static bool start_workers(cpu_pool *pool) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (pool->started < pool->threads - 1) {
        worker *w = &pool->workers[pool->started];
        *w = (worker){.pool = pool, .index = pool->started + 1};
        if (pthread_create(&w->thread, NULL, worker_main, w) != 0) break;
        pool->started++;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return pool->started == pool->threads - 1;
}

orion_status cpu_pool_create(const orion_allocator *allocator, uint32_t threads, cpu_pool **out) {
    *out = NULL;
    orion_allocator a = orn_allocator(allocator);
    size_t extra = threads == 0 ? 0 : threads - 1;
    size_t bytes;
    if (!orn_mul(extra, sizeof(worker), &bytes) || !orn_add(bytes, sizeof(cpu_pool), &bytes)) {
        return ORION_ERROR_NO_MEMORY;
    }
    cpu_pool *pool = orn_zalloc(&a, bytes);
    if (pool == NULL) return ORION_ERROR_NO_MEMORY;
    pool->allocator = a;
    pool->bytes = bytes;
    pool->threads = extra + 1;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pthread_cond_init(&pool->left, NULL);
    if (!start_workers(pool)) {
        cpu_pool_destroy(&pool);
        return ORION_ERROR_NO_MEMORY;
    }
    *out = pool;
    return ORION_OK;
}

void cpu_pool_destroy(cpu_pool **pool_ref) {
    if (pool_ref == NULL || *pool_ref == NULL) return;
    cpu_pool *pool = *pool_ref;
    *pool_ref = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (size_t i = 0; i < pool->started; i++) pthread_join(pool->workers[i].thread, NULL);
    pthread_cond_destroy(&pool->left);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    orion_allocator a = pool->allocator;
    orn_free(&a, pool, pool->bytes);
}

size_t cpu_pool_threads(const cpu_pool *pool) {
    return pool == NULL ? 1 : pool->threads;
}

static void publish(cpu_pool *pool, job *j) {
    pthread_mutex_lock(&pool->lock);
    job **tail = &pool->jobs;
    while (*tail != NULL) tail = &(*tail)->next;
    *tail = j;
    atomic_fetch_add(&pool->epoch, 1);
    size_t wake = ORN_MIN(pool->sleepers, j->tasks - 1);
    for (size_t i = 0; i < wake; i++) pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

static void withdraw(cpu_pool *pool, job *j) {
    pthread_mutex_lock(&pool->lock);
    job **at = &pool->jobs;
    while (*at != j) at = &(*at)->next;
    *at = j->next;
    pthread_mutex_unlock(&pool->lock);
}

/* Until nobody uses the job: a short spin, then sleep.  `waiting` is raised before users is looked
 * at, and leave() looks at them in the other order, so one of both sees the other. */
static void await_users(cpu_pool *pool, job *j) {
    for (int i = 0; i < SPINS; i++) {
        if (atomic_load(&j->users) == 0) return;
        pause_once();
    }
    pthread_mutex_lock(&pool->lock);
    atomic_fetch_add(&pool->waiting, 1);
    while (atomic_load(&j->users) != 0) pthread_cond_wait(&pool->left, &pool->lock);
    atomic_fetch_sub(&pool->waiting, 1);
    pthread_mutex_unlock(&pool->lock);
}

void cpu_pool_run(cpu_pool *pool, size_t tasks, cpu_task_fn fn, void *ctx) {
    if (tasks <= 1 || cpu_pool_threads(pool) == 1) {
        for (size_t task = 0; task < tasks; task++) fn(ctx, task, 0);
        return;
    }
    job j = {.fn = fn, .ctx = ctx, .tasks = tasks};
    publish(pool, &j);
    draw(&j, 0);
    withdraw(pool, &j);
    await_users(pool, &j);
}
