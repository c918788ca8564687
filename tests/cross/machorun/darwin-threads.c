/* SPDX-License-Identifier: MIT */
/* Mutexes and conditions: Darwin's are as large as ours or larger; one that a constant initialised
 * becomes one of ours when it is first used. */
#include "machorun.h"

#include <pthread.h>
#include <stdatomic.h>

/* Both of Darwin's start with a word that says what they are. */
#define MUTEX_CONSTANT     UINT64_C(0x32aaaba7)
#define CONDITION_CONSTANT UINT64_C(0x3cb0b1bb)
_Static_assert(sizeof(pthread_mutex_t) <= 64 && sizeof(pthread_cond_t) <= 48, "room for ours");

/* Zero is what PTHREAD_MUTEX_INITIALIZER and PTHREAD_COND_INITIALIZER are here. The thread that
 * loses the exchange finds the word cleared already. */
static void *ours(void *object, uint64_t constant) {
    uint64_t expected = constant;
    atomic_compare_exchange_strong((_Atomic uint64_t *)object, &expected, 0);
    return object;
}

static int sub_mutex_lock(void *m) {
    return darwin_error(pthread_mutex_lock(ours(m, MUTEX_CONSTANT)));
}

static int sub_mutex_trylock(void *m) {
    return darwin_error(pthread_mutex_trylock(ours(m, MUTEX_CONSTANT)));
}

static int sub_mutex_unlock(void *m) {
    return darwin_error(pthread_mutex_unlock(ours(m, MUTEX_CONSTANT)));
}

static int sub_mutex_init(pthread_mutex_t *m, const void *attributes) {
    if (attributes != NULL) refuse("pthread_mutex_init: attributes");
    return darwin_error(pthread_mutex_init(m, NULL));
}

static int sub_condition_wait(void *c, void *m) {
    return darwin_error(pthread_cond_wait(ours(c, CONDITION_CONSTANT), ours(m, MUTEX_CONSTANT)));
}

static int sub_condition_signal(void *c) {
    return darwin_error(pthread_cond_signal(ours(c, CONDITION_CONSTANT)));
}

static int sub_condition_broadcast(void *c) {
    return darwin_error(pthread_cond_broadcast(ours(c, CONDITION_CONSTANT)));
}

static int sub_condition_init(pthread_cond_t *c, const void *attributes) {
    if (attributes != NULL) refuse("pthread_cond_init: attributes");
    return darwin_error(pthread_cond_init(c, NULL));
}

static int sub_create(pthread_t *thread, const void *attributes, void *(*run)(void *),
                      void *argument) {
    if (attributes != NULL) refuse("pthread_create: attributes");
    return darwin_error(pthread_create(thread, NULL, run, argument));
}

const substitute darwin_threads[] = {
    {"pthread_mutex_lock", ADDRESS_OF(sub_mutex_lock)},
    {"pthread_mutex_trylock", ADDRESS_OF(sub_mutex_trylock)},
    {"pthread_mutex_unlock", ADDRESS_OF(sub_mutex_unlock)},
    {"pthread_mutex_init", ADDRESS_OF(sub_mutex_init)},
    {"pthread_cond_wait", ADDRESS_OF(sub_condition_wait)},
    {"pthread_cond_signal", ADDRESS_OF(sub_condition_signal)},
    {"pthread_cond_broadcast", ADDRESS_OF(sub_condition_broadcast)},
    {"pthread_cond_init", ADDRESS_OF(sub_condition_init)},
    {"pthread_create", ADDRESS_OF(sub_create)},
    {NULL, NULL},
};
