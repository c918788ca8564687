/* SPDX-License-Identifier: MIT */
/*
 * Whole graphs on the device: random ones and the gradients of a Llama layer, against the reference
 * interpreter, bit for bit the same with any number of threads, twice, and with outputs in the
 * tensors of the inputs that they may alias.
 */
#include "ane-support.h"
#include "graphs.h"
#include "random-graph.h"

#include <math.h>

enum { SEEDS = 150, NODES = 40, THREADS = 4 };

/* Execute a bound program on these inputs. */
static op_buffers execute(const ane_bound *b, const orion_ir_graph *g, const op_buffers *in) {
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    op_buffers out = op_outputs_of(g);
    for (size_t i = 0; i < b->inputs; i++) ane_write(b, i, in->data[i]);
    assert_ok(orion_ane_run_execute(b->run, diag), diag);
    for (size_t i = 0; i < out.count; i++) ane_read(b, b->inputs + i, out.data[i]);
    orion_diag_destroy(&diag);
    return out;
}

static void assert_same_bits(const op_buffers *a, const op_buffers *b, const orion_ir_graph *g,
                             const char *what) {
    for (size_t i = 0; i < a->count; i++) {
        for (size_t k = 0; k < a->elements[i]; k++) {
            double x = a->data[i][k], y = b->data[i][k];
            if (x == y || (x != x && y != y)) continue;
            char *text = graph_text(g);
            print_message("%s", text);
            free(text);
            fail_msg("%s: output %zu element %zu is %.9g, then %.9g", what, i, k, x, y);
        }
    }
}

/* All ways to run a graph give the same bits; returns them. */
static op_buffers run_all_ways(const orion_ir_graph *g, const op_buffers *in) {
    op_buffers first = {0};
    for (uint32_t threads = 1; threads <= THREADS; threads++) {
        orion_ane_device *device = ane_open(ORION_ANE_BACKEND_AUTO, threads);
        for (int way = 0; way < 3; way++) {
            ane_bound b = ane_bind(ane_compile(device, g), way == 1);
            op_buffers out = execute(&b, g, in);
            if (way == 2) { /* again, in the same run */
                op_buffers_free(&out);
                out = execute(&b, g, in);
            }
            if (first.count == 0) {
                first = out;
            } else {
                assert_same_bits(&first, &out, g, way == 1 ? "aliased" : "again");
                op_buffers_free(&out);
            }
            ane_bound_free(&b);
        }
        orion_ane_device_unref(&device);
    }
    return first;
}

static void assert_near(const op_buffers *have, const op_buffers *want, const orion_ir_graph *g,
                        uint64_t seed, double tolerance) {
    for (size_t i = 0; i < want->count; i++) {
        for (size_t k = 0; k < want->elements[i]; k++) {
            double x = have->data[i][k], y = want->data[i][k];
            if (fabs(x - y) <= tolerance * (1 + fabs(y)) || x == y || (x != x && y != y)) continue;
            char *text = graph_text(g);
            print_message("%s", text);
            free(text);
            fail_msg("seed %llu: output %zu element %zu is %.9g, the reference has %.9g",
                     (unsigned long long)seed, i, k, x, y);
        }
    }
}

static void test_tame(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        random_graph r = random_graph_make(seed, NODES, RANDOM_TAME);
        op_buffers in = random_graph_inputs(&r, seed);
        op_buffers want = op_eval(r.graph, ORION_IR_EVAL_ROUNDED, &in);
        op_buffers have = run_all_ways(r.graph, &in);
        assert_near(&have, &want, r.graph, seed, 1e-4);
        op_buffers_free(&in);
        op_buffers_free(&want);
        op_buffers_free(&have);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* All dtypes and ops. Where they round or jump a device may differ; from itself it may not. */
static void test_wild(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        op_buffers in = random_graph_inputs(&r, seed);
        op_buffers have = run_all_ways(r.graph, &in);
        op_buffers_free(&in);
        op_buffers_free(&have);
        orion_ir_graph_destroy(&r.graph);
    }
}

/* The layers of tests/ir/test-grad-layers.c, whose reference gradients are PyTorch's. */
static orion_ir_graph *layer_with_gradients(const char *path) {
    size_t size;
    orion_ir_graph *g;
    char *text = test_read_file(test_source(path), &size);
    orion_ir_graph *forward = graph_parse(text);
    free(text);
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    const orion_ir_grad_options options = {.size = sizeof options, .output = "loss"};
    assert_ok(orion_ir_grad(forward, &options, NULL, diag, &g), diag);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&forward);
    return g;
}

static op_buffers layer_inputs(const orion_ir_graph *g) {
    op_buffers in = op_inputs_of(g);
    uint64_t state = 1;
    for (size_t i = 0; i < in.count; i++) {
        orion_ir_value v = orion_ir_graph_input(g, i);
        orion_ir_type type = orion_ir_value_type(g, v);
        bool position = strcmp(orion_ir_value_name(g, v), "position") == 0;
        for (size_t k = 0; k < in.elements[i]; k++) {
            double u = test_random_unit(&state);
            in.data[i][k] = position                     ? (double)k
                            : type.dtype == ORION_IR_I32 ? (double)(test_random(&state) % 13)
                            : type.rank == 1             ? 1 + u / 4
                                                         : u / 2;
        }
    }
    return in;
}

static void check_layer(const char *path) {
    orion_ir_graph *g = layer_with_gradients(path);
    op_buffers in = layer_inputs(g), want = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
    op_buffers have = run_all_ways(g, &in);
    assert_near(&have, &want, g, 0, 2e-6);
    op_buffers_free(&in);
    op_buffers_free(&want);
    op_buffers_free(&have);
    orion_ir_graph_destroy(&g);
}

static void test_layers_with_gradients(void **state) {
    (void)state;
    check_layer("ir/data/llama-layer.oir");
    check_layer("ir/data/gpt2-layer.oir");
    check_layer("ir/data/qwen3-layer.oir");
}

/* Nothing of a language model needs the reference interpreter. */
static void expect_kernels(const char *path) {
    orion_ir_graph *g = layer_with_gradients(path);
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 1);
    orion_ane_program *program = ane_compile(device, g);
    orion_ane_program_stats stats = {.size = sizeof stats};
    assert_int_equal(orion_ane_program_get_stats(program, &stats), ORION_OK);
    assert_int_equal(stats.reference_steps, 0);
    assert_true(stats.fused_nodes > 0 && stats.steps < stats.nodes);
    assert_true(stats.workspace_bytes < stats.value_bytes);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    orion_ir_graph_destroy(&g);
}

static void test_layers_have_kernels(void **state) {
    (void)state;
    expect_kernels("ir/data/llama-layer.oir");
    expect_kernels("ir/data/gpt2-layer.oir");
    expect_kernels("ir/data/qwen3-layer.oir");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tame),
        cmocka_unit_test(test_wild),
        cmocka_unit_test(test_layers_with_gradients),
        cmocka_unit_test(test_layers_have_kernels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
