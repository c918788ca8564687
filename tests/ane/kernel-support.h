/* SPDX-License-Identifier: MIT */
/*
 * What the tests of the CPU device's kernels share: every instruction set this machine has, pools
 * of 1 to 4 threads, buffers of exact size, and the rule that threads change no bit.
 */
#ifndef KERNEL_SUPPORT_H
#define KERNEL_SUPPORT_H

#include "support.h"

#include "cpu.h"

enum { TEST_THREADS = 4 };

typedef struct kernel_test {
    uint64_t random;
    cpu_pool *pools[TEST_THREADS]; /* of 1 .. 4 threads */
} kernel_test;
/* cmocka group fixtures; the state is a kernel_test. */
int kernel_setup(void **state);
int kernel_teardown(void **state);

/* All instruction sets that can run here: kernel_set(0), kernel_set(1) ... until NULL. */
const cpu_kernels *kernel_set(size_t i);

/* In [low, high]. */
int64_t random_between(kernel_test *t, int64_t low, int64_t high);
/* One of the `count` values. */
int64_t random_of(kernel_test *t, const int64_t *values, size_t count);
#define RANDOM_OF(t, ...)                                                                          \
    random_of((t), (const int64_t[]){__VA_ARGS__}, sizeof((int64_t[]){__VA_ARGS__}) / 8)

/* Exactly that many bytes, so that the sanitizers see every step beyond; 64-byte aligned if asked
 * for by new_scratch. free() them. */
void *new_bytes(size_t bytes);
void *new_scratch(size_t bytes);
float *new_floats(size_t count);
/* Uniform in [-scale, scale). */
float *random_floats(kernel_test *t, size_t count, double scale);

/*
 * Call run(ctx, kernels, pool, out) for all instruction sets and pools. `out` holds `bytes` bytes
 * and is filled with `before` (or 0xAA bytes if NULL) each time; outputs of one instruction set
 * must be equal for all pools, bit by bit. Then check(ctx, kernels, out) once per instruction set.
 */
typedef void (*kernel_run)(void *ctx, const cpu_kernels *kernels, cpu_pool *pool, void *out);
typedef void (*kernel_check)(void *ctx, const cpu_kernels *kernels, const void *out);
void for_all(kernel_test *t, size_t bytes, const void *before, kernel_run run, kernel_check check,
             void *ctx);

#endif
