/* SPDX-License-Identifier: MIT */
/* Pools, buffers and the loop over instruction sets. */
#include "kernel-support.h"

int kernel_setup(void **state) {
    kernel_test *t = calloc(1, sizeof *t);
    assert_non_null(t);
    t->random = 1;
    for (uint32_t i = 0; i < TEST_THREADS; i++) {
        assert_int_equal(cpu_pool_create(NULL, i + 1, &t->pools[i]), ORION_OK);
    }
    *state = t;
    return 0;
}

int kernel_teardown(void **state) {
    kernel_test *t = *state;
    for (size_t i = 0; i < TEST_THREADS; i++) cpu_pool_destroy(&t->pools[i]);
    free(t);
    return 0;
}

const cpu_kernels *kernel_set(size_t i) {
    for (int isa = CPU_ISA_BASE; isa <= CPU_ISA_AVX512; isa++) {
        const cpu_kernels *kernels = cpu_kernels_for((cpu_isa)isa);
        if (kernels != NULL && i-- == 0) return kernels;
    }
    return NULL;
}

int64_t random_between(kernel_test *t, int64_t low, int64_t high) {
    return low + (int64_t)(test_random(&t->random) % (uint64_t)(high - low + 1));
}

int64_t random_of(kernel_test *t, const int64_t *values, size_t count) {
    return values[random_between(t, 0, (int64_t)count - 1)];
}

void *new_bytes(size_t bytes) {
    void *p = malloc(bytes == 0 ? 1 : bytes);
    assert_non_null(p);
    return p;
}

void *new_scratch(size_t bytes) {
    if (bytes == 0) return NULL;
    size_t whole = (bytes + CPU_SCRATCH_ALIGN - 1) / CPU_SCRATCH_ALIGN * CPU_SCRATCH_ALIGN;
    void *p = aligned_alloc(CPU_SCRATCH_ALIGN, whole);
    assert_non_null(p);
    return p;
}

float *new_floats(size_t count) {
    return new_bytes(count * sizeof(float));
}

float *random_floats(kernel_test *t, size_t count, double scale) {
    float *p = new_floats(count);
    for (size_t i = 0; i < count; i++) p[i] = (float)(scale * test_random_unit(&t->random));
    return p;
}

void for_all(kernel_test *t, size_t bytes, const void *before, kernel_run run, kernel_check check,
             void *ctx) {
    unsigned char *first = new_bytes(bytes), *out = new_bytes(bytes);
    const cpu_kernels *kernels;
    for (size_t i = 0; (kernels = kernel_set(i)) != NULL; i++) {
        for (size_t p = 0; p < TEST_THREADS; p++) {
            unsigned char *to = p == 0 ? first : out;
            memset(to, 0xAA, bytes);
            if (before != NULL) memcpy(to, before, bytes);
            run(ctx, kernels, t->pools[p], to);
            if (p > 0 && memcmp(first, out, bytes) != 0) {
                fail_msg("%s: %zu threads change the result", kernels->name, p + 1);
            }
        }
        check(ctx, kernels, first);
    }
    free(first);
    free(out);
}
