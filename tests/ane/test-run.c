/* SPDX-License-Identifier: MIT */
/* Runs: binding, aliasing, tensors shared between programs, errors in the data, several at once. */
#include "ane-support.h"

#include <math.h>
#include <pthread.h>

typedef struct bench {
    orion_ane_device *device;
    orion_diag *diag;
} bench;

static bench bench_new(void) {
    bench b = {.device = ane_open(ORION_ANE_BACKEND_CPU, 2)};
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    return b;
}

static void bench_free(bench *b) {
    orion_ane_device_unref(&b->device);
    orion_diag_destroy(&b->diag);
}

static orion_ane_program *program_of(bench *b, const char *op, const char *operands,
                                     const char *attrs) {
    op_tensors in = op_parse_tensors(operands);
    orion_ir_graph *graph = op_graph(op, &in, attrs);
    orion_ane_program *program = ane_compile(b->device, graph);
    orion_ir_graph_destroy(&graph);
    return program;
}

static orion_ane_tensor *tensor_of(bench *b, orion_ir_dtype dtype, int64_t rows, int64_t columns,
                                   const int64_t *strides) {
    orion_ir_type type = orion_ir_type_make(dtype, 2, (const int64_t[]){rows, columns});
    orion_ane_tensor *t;
    assert_ok(orion_ane_tensor_create(b->device, &type, strides, b->diag, &t), b->diag);
    return t;
}

/* Binding to x0 is refused with this text; takes the tensor. */
static void refuse_tensor(bench *b, ane_bound *bound, orion_ane_tensor *t, const char *part) {
    orion_diag_clear(b->diag);
    assert_int_equal(orion_ane_run_bind(bound->run, "x0", t, b->diag),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b->diag, ORION_MESSAGE_ANE_BINDING, part);
    orion_ane_tensor_unref(&t);
}

static void test_binding(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound bound = ane_bind(program_of(&b, "relu", "f32[2,3]", ""), false);
    refuse_tensor(&b, &bound, tensor_of(&b, ORION_IR_F16, 2, 3, NULL), "f16");
    refuse_tensor(&b, &bound, tensor_of(&b, ORION_IR_F32, 2, 4, NULL), "extent of axis 1 is 4");
    refuse_tensor(&b, &bound, tensor_of(&b, ORION_IR_F32, 2, 3, (const int64_t[]){64, 4}),
                  "stride in bytes of axis 0 is 64");
    orion_diag_clear(b.diag);
    assert_int_equal(orion_ane_run_bind(bound.run, "w", bound.tensors[0], b.diag),
                     ORION_ERROR_NOT_FOUND);
    assert_diag(b.diag, ORION_MESSAGE_ANE_PORT, "x0, y0");

    /* The refused ones changed nothing; rebinding replaces. */
    const double first[] = {-1, 2, -3, 4, -5, 6}, second[] = {1, 1, -1, -1, 2, 2};
    double y[6];
    ane_write(&bound, 0, first);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    ane_read(&bound, 1, y);
    assert_doubles_near(y, (const double[]){0, 2, 0, 4, 0, 6}, 6, 0, 0);
    orion_ane_tensor_unref(&bound.tensors[0]);
    bound.tensors[0] = tensor_of(&b, ORION_IR_F32, 2, 3, NULL);
    assert_ok(orion_ane_run_bind(bound.run, "x0", bound.tensors[0], b.diag), b.diag);
    ane_write(&bound, 0, second);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    ane_read(&bound, 1, y);
    assert_doubles_near(y, (const double[]){1, 1, 0, 0, 2, 2}, 6, 0, 0);
    ane_bound_free(&bound);
    bench_free(&b);
}

static void refuse_run(bench *b, const ane_bound *bound, const char *part) {
    orion_diag_clear(b->diag);
    assert_int_equal(orion_ane_run_execute(bound->run, b->diag), ORION_ERROR_INVALID_STATE);
    assert_diag(b->diag, ORION_MESSAGE_ANE_STATE, part);
}

static void test_not_ready(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound bound = {.program = program_of(&b, "relu", "f32[2,3]", "")};
    assert_int_equal(orion_ane_run_create(bound.program, &bound.run), ORION_OK);
    refuse_run(&b, &bound, "port 'x0'");
    orion_ane_tensor *x = tensor_of(&b, ORION_IR_F32, 2, 3, NULL);
    assert_ok(orion_ane_run_bind(bound.run, "x0", x, b.diag), b.diag);
    refuse_run(&b, &bound, "port 'y0'");
    assert_ok(orion_ane_run_bind(bound.run, "y0", x, b.diag), b.diag);
    refuse_run(&b, &bound, "bound to one tensor");
    orion_ane_tensor *y = tensor_of(&b, ORION_IR_F32, 2, 3, NULL);
    assert_ok(orion_ane_run_bind(bound.run, "y0", y, b.diag), b.diag);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    void *data;
    assert_int_equal(orion_ane_tensor_lock(y, ORION_ANE_READ, &data), ORION_OK);
    refuse_run(&b, &bound, "'y0' is locked");
    orion_ane_tensor_unlock(y);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    orion_ane_tensor_unref(&x);
    orion_ane_tensor_unref(&y);
    ane_bound_free(&bound);
    bench_free(&b);
}

/* A cache that is read from and written to: in place if one tensor is bound to both ports, else
 * copied; the same numbers either way. */
static void test_alias(void **state) {
    (void)state;
    bench b = bench_new();
    const double cache[] = {1, 2, 3, 4, 5, 6, 7, 8}, row[] = {-1, -2}, begin[] = {2};
    const double expected[] = {1, 2, 3, 4, -1, -2, 7, 8};
    for (int share = 0; share < 2; share++) {
        ane_bound bound = ane_bind(
            program_of(&b, "slice_update", "f32[4,2]; f32[1,2]; i32[1] 0", "axis=0"), share != 0);
        orion_ane_port port = {.size = sizeof port};
        assert_int_equal(orion_ane_program_find_port(bound.program, "y0", &port), ORION_OK);
        assert_int_equal(port.alias, 1);
        assert_int_equal(bound.tensors[3] == bound.tensors[0], share);
        ane_write(&bound, 0, cache);
        ane_write(&bound, 1, row);
        ane_write(&bound, 2, begin);
        assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
        double y[8], x[8];
        ane_read(&bound, 3, y);
        assert_doubles_near(y, expected, 8, 0, 0);
        ane_read(&bound, 0, x);
        assert_doubles_near(x, share ? expected : cache, 8, 0, 0);
        ane_bound_free(&bound);
    }
    bench_free(&b);
}

/* The output of one program is the input of the next, without a copy. */
static void test_chain(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound first = ane_bind(program_of(&b, "neg", "f32[2,3]", ""), false);
    ane_bound second = ane_bind(program_of(&b, "exp", "f32[2,3]", ""), false);
    assert_ok(orion_ane_run_bind(second.run, "x0", first.tensors[1], b.diag), b.diag);
    const double x[] = {0, 1, 2, -1, -2, 3};
    double y[6], expected[6];
    for (size_t i = 0; i < 6; i++) expected[i] = exp(-x[i]);
    ane_write(&first, 0, x);
    assert_ok(orion_ane_run_execute(first.run, b.diag), b.diag);
    assert_ok(orion_ane_run_execute(second.run, b.diag), b.diag);
    ane_read(&second, 1, y);
    assert_doubles_near(y, expected, 6, 0, 1e-6);
    ane_bound_free(&first);
    ane_bound_free(&second);
    bench_free(&b);
}

static void test_bad_index(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound bound = ane_bind(program_of(&b, "embedding", "i32[3] 0; f32[5,2]", ""), false);
    const double fine[] = {0, 4, 2}, past[] = {0, 5, 2}, below[] = {0, 1, -1};
    ane_write(&bound, 0, fine);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    ane_write(&bound, 0, past);
    assert_int_equal(orion_ane_run_execute(bound.run, b.diag), ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b.diag, ORION_MESSAGE_IR_INDEX, "5");
    ane_write(&bound, 0, below);
    assert_int_equal(orion_ane_run_execute(bound.run, b.diag), ORION_ERROR_INVALID_ARGUMENT);
    ane_write(&bound, 0, fine);
    orion_diag_clear(b.diag);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    ane_bound_free(&bound);
    bench_free(&b);
}

/* The reference refuses it too: test-eval.c. */
static void test_negative_position(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound bound = ane_bind(
        program_of(&b, "attention", "f32[1,1,2,4]; f32[1,1,3,4]; f32[1,1,3,4]; i32[2] 0", ""),
        false);
    const double fine[] = {0, 7}, below[] = {0, -1};
    ane_write(&bound, 3, fine);
    assert_ok(orion_ane_run_execute(bound.run, b.diag), b.diag);
    ane_write(&bound, 3, below);
    assert_int_equal(orion_ane_run_execute(bound.run, b.diag), ORION_ERROR_INVALID_ARGUMENT);
    assert_diag(b.diag, ORION_MESSAGE_IR_INDEX, "-1");
    ane_bound_free(&bound);
    bench_free(&b);
}

/* ---- several at once ---- */

enum { ROUNDS = 200, EDGE = 24 };

typedef struct worker {
    pthread_t thread;
    ane_bound bound;
    double expected[EDGE * EDGE];
    int wrong;
} worker;

/* No assertions here: cmocka's jump must not leave the thread. */
static void *work(void *ctx) {
    worker *w = ctx;
    float y[EDGE * EDGE];
    for (int round = 0; round < ROUNDS; round++) {
        memset(y, 0, sizeof y);
        bool ran = orion_ane_run_execute(w->bound.run, NULL) == ORION_OK &&
                   orion_ane_tensor_read(w->bound.tensors[w->bound.count - 1], ORION_IR_F32, y,
                                         sizeof y, NULL) == ORION_OK;
        for (size_t i = 0; ran && i < EDGE * EDGE; i++) ran = (double)y[i] == w->expected[i];
        w->wrong += !ran;
    }
    return NULL;
}

/* Runs of one program and one pool execute at the same time and do not see each other. */
static void test_concurrent(void **state) {
    (void)state;
    bench b = bench_new();
    worker workers[3];
    orion_ane_program *program = program_of(&b, "matmul", "f32[24,24]; f32[24,24]", "");
    for (size_t i = 0; i < ORN_COUNT(workers); i++) {
        worker *w = &workers[i];
        double x[EDGE * EDGE], identity[EDGE * EDGE] = {0};
        w->wrong = 0;
        w->bound = ane_bind(orion_ane_program_ref(program), false);
        for (size_t k = 0; k < EDGE * EDGE; k++) {
            x[k] = (double)(k % 97) + 100 * (double)i;
            w->expected[k] = 2 * x[k];
        }
        for (size_t k = 0; k < EDGE; k++) identity[k * EDGE + k] = 2;
        ane_write(&w->bound, 0, x);
        ane_write(&w->bound, 1, identity);
    }
    for (size_t i = 0; i < ORN_COUNT(workers); i++)
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    for (size_t i = 0; i < ORN_COUNT(workers); i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        assert_int_equal(workers[i].wrong, 0);
        ane_bound_free(&workers[i].bound);
    }
    orion_ane_program_unref(&program);
    bench_free(&b);
}

/* The program and its device live as long as a run. */
static void test_lifetimes(void **state) {
    (void)state;
    bench b = bench_new();
    ane_bound bound = ane_bind(program_of(&b, "relu", "f32[2]", ""), false);
    orion_ane_program_unref(&bound.program);
    bench_free(&b);
    const double x[] = {-1, 1};
    double y[2];
    ane_write(&bound, 0, x);
    assert_int_equal(orion_ane_run_execute(bound.run, NULL), ORION_OK);
    ane_read(&bound, 1, y);
    assert_doubles_near(y, (const double[]){0, 1}, 2, 0, 0);
    ane_bound_free(&bound);
    orion_ane_run_destroy(&bound.run);
    orion_ane_run_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_binding),    cmocka_unit_test(test_not_ready),
        cmocka_unit_test(test_alias),      cmocka_unit_test(test_chain),
        cmocka_unit_test(test_bad_index),  cmocka_unit_test(test_negative_position),
        cmocka_unit_test(test_concurrent), cmocka_unit_test(test_lifetimes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
