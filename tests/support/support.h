/* SPDX-License-Identifier: MIT */
/*
 * What tests share: a counting and failing allocator, the out-of-memory loop, temporary folders,
 * data files, tensor compare.
 *
 * Includes cmocka with the headers it needs. Nothing here is part of Orion; tests link it as
 * dep_test_support.
 */
#ifndef ORION_TEST_SUPPORT_H
#define ORION_TEST_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <orion/base.h>

/* ---- memory ---- */

/*
 * An allocator that counts, checks its callers and can fail. Every block is filled with junk when
 * it is made and when it is freed; a wrong old_size, a foreign pointer or a broken alignment counts
 * as misuse. Any thread may call it.
 */
typedef struct test_heap {
    orion_allocator allocator; /* give &heap->allocator to Orion */
    void *lock;
    size_t live_bytes, live_blocks, peak_bytes;
    uint64_t requests;   /* allocations and growths since test_heap_arm (or init) */
    uint64_t fail_at;    /* the request of this number fails, 0-based; UINT64_MAX: none */
    uint64_t failures;   /* requests refused */
    uint64_t misuse;     /* calls that break the allocator's contract */
    const char *blunder; /* the first of them */
} test_heap;
void test_heap_init(test_heap *heap);
/* Checks nothing; frees the lock. */
void test_heap_fini(test_heap *heap);
/* Start counting requests at 0; the one numbered n fails. */
void test_heap_arm(test_heap *heap, uint64_t n);
/* No request fails any more. */
void test_heap_disarm(test_heap *heap);
/* NULL if nothing is live and nothing was misused, else what is wrong (in `why`). */
const char *test_heap_check(const test_heap *heap, char *why, size_t size);

/* ---- out of memory ---- */

typedef struct oom_case {
    test_heap heap;      /* prepare the arguments with &heap.allocator, before oom_arm */
    uint64_t n;          /* the request that fails in this round */
    const char *mistake; /* set by oom_output */
    bool armed;
} oom_case;
/*
 * One call of a fallible entry point. It may prepare anything; then oom_arm, the call, oom_disarm;
 * then oom_output for every output of the call; then it releases all. Returns the status of the
 * call.
 */
typedef orion_status (*oom_fn)(oom_case *oom, void *ctx);
void oom_arm(oom_case *oom);
void oom_disarm(oom_case *oom);
/* The output must be NULL exactly if the call failed. */
void oom_output(oom_case *oom, orion_status status, const void *output);
/*
 * Call fn with request 0, 1, 2 ... failing until none did. Each round in which one failed must
 * return ORION_ERROR_NO_MEMORY, leave outputs NULL and, at the end, no byte live; the last round
 * must return ORION_OK. NULL if so, else what was wrong.
 */
const char *oom_run(oom_fn fn, void *ctx, char *why, size_t size, uint64_t *out_rounds);
/* The same as an assertion. */
void oom_loop(const char *name, oom_fn fn, void *ctx);

/* ---- files ---- */

/* A fresh empty folder below $TMPDIR or /tmp. Static storage of the caller; asserts on failure. */
typedef struct test_dir {
    char path[256];
} test_dir;
void test_dir_create(test_dir *dir);
/* Remove it and all in it. */
void test_dir_remove(test_dir *dir);
/* "dir/name" in a buffer of dir; valid until the next 8 calls. */
const char *test_dir_file(const test_dir *dir, const char *name);
/* Path of a file below $ORION_TEST_DATA, valid until the next 8 calls; prints why and skips the
 * test if it is not there. */
const char *test_data(const char *relative);
/* The same below tests/ of the source tree ($ORION_TEST_SOURCE); asserts that it is there. */
const char *test_source(const char *relative);
/* All of a file, NUL-terminated; asserts that it can be read. free() it. */
char *test_read_file(const char *path, size_t *out_size);
void test_write_file(const char *path, const void *bytes, size_t size);

/* ---- numbers ---- */

/* |actual - expected| <= absolute + relative * |expected| for all n; NaN equals NaN. Prints the
 * worst place. */
void assert_floats_near(const float *actual, const float *expected, size_t n, double absolute,
                        double relative);
void assert_doubles_near(const double *actual, const double *expected, size_t n, double absolute,
                         double relative);
/* A small deterministic generator: the same numbers on every machine. */
uint64_t test_random(uint64_t *state);
/* In [-1, 1). */
double test_random_unit(uint64_t *state);

/* ---- diagnostics ---- */

/* Asserts that `diag` has an entry with this message, and that its text contains `part` (NULL:
 * any). */
void assert_diag(const orion_diag *diag, orion_message message, const char *part);
/* Prints the diagnostics of a failed call and fails, unless status is ORION_OK. */
#define assert_ok(status, diag) test_assert_ok((status), (diag), #status, __FILE__, __LINE__)
void test_assert_ok(orion_status status, const orion_diag *diag, const char *what, const char *file,
                    int line);

#endif
