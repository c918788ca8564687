/* SPDX-License-Identifier: MIT */
/*
 * The cost model beside what others measured on M4 Max: Orion's paper and maderix/ANE. Each of
 * their workloads is described by its shapes; the predicted and the measured number stand side by
 * side in a table, and must agree within 25 percent.
 */
#include "models.h"

#include <math.h>

/* Stories110M as Orion and maderix/ANE train it. */
enum { D = 768, H = 2048, V = 32000, L = 12, S = 256, HEADS = 12, HALF = 2, SINGLE = 4 };

/* A program for the device that is called once a layer, in each of `programs` copies. */
typedef struct kernel {
    uint64_t ops, weights, conv_flops, matmul_flops, port_elements;
} kernel;

static const uint64_t scores = (uint64_t)HEADS * S;       /* channels of one row of scores */
static const uint64_t attention_flops = 2ull * S * S * D; /* one product in attention */
static const uint64_t square = (uint64_t)D * D, wide = (uint64_t)D * H;

/* Six programs a layer; ops as in the MIL that Orion generates. */
static size_t orion_kernels(kernel out[6]) {
    const kernel kernels[6] = {
        {24, 4 * square + S * S, 2 * S * 4 * square, 2 * attention_flops, 7 * D * S},
        {13, 3 * wide, 2 * S * 3 * wide, 0, (3 * D + 3 * H) * S},
        {17, 3 * wide, 2 * S * 3 * wide, 0, 2 * (D + 2 * H) * S},
        {24, square + S * S, 2 * S * square, 3 * attention_flops, (5 * D + 2 * scores) * S},
        {12, 0, 0, 2 * attention_flops, (2 * scores + 4 * D) * S},
        {8, 3 * square, 2 * S * 3 * square, 0, 4 * D * S},
    };
    memcpy(out, kernels, sizeof kernels);
    return 6;
}

/* The same arithmetic in ten programs that are given their weights, as products. */
static size_t dynamic_kernels(kernel out[10]) {
    const uint64_t row = D * S;
    const kernel kernels[10] = {
        {46, 0, 0, 2 * S * 3 * square + 2 * attention_flops, 7 * row + 3 * square},
        {8, 0, 0, 2 * S * square, 2 * row + square},
        {26, 0, 0, 2 * S * 3 * wide, 3 * row + 3 * H * S + 3 * wide},
        {8, 0, 0, 2 * S * wide, row + H * S + wide},
        {14, 0, 0, 2 * S * 2 * wide, row + 2 * H * S + 2 * wide},
        {8, 0, 0, 2 * S * square, 2 * row + square},
        {24, 0, 0, 3 * attention_flops, 5 * row + 2 * scores * S},
        {12, 0, 0, 2 * attention_flops, 4 * row + 2 * scores * S},
        {8, 0, 0, 2 * S * square, 2 * row + square},
        {14, 0, 0, 2 * S * 2 * square, 3 * row + 2 * square},
    };
    memcpy(out, kernels, sizeof kernels);
    return 10;
}

static orion_mil_work device_work(const kernel *k, uint64_t calls) {
    return (orion_mil_work){.size = sizeof(orion_mil_work),
                            .calls = calls,
                            .ops = k->ops,
                            .constant_bytes = k->weights * HALF,
                            .conv_flops = k->conv_flops,
                            .matmul_flops = k->matmul_flops,
                            .port_bytes = k->port_elements * HALF};
}

static orion_mil_work host_work(uint64_t flops, uint64_t bytes, bool background) {
    return (orion_mil_work){.size = sizeof(orion_mil_work),
                            .calls = 1,
                            .on_host = 1,
                            .background = background,
                            .matmul_flops = flops,
                            .moved_bytes = bytes};
}

/* What the host does in a step, `port_bytes` being what crosses. */
static size_t host_works(orion_mil_work *out, uint64_t port_bytes) {
    const uint64_t logits = (uint64_t)S * V;
    out[0] = host_work(3 * 2 * logits * D, 0, false);  /* classifier and its gradients */
    out[1] = host_work(0, 6 * logits * SINGLE, false); /* softmax and loss */
    out[2] = host_work(0, port_bytes * 3, false);      /* fp16 read, fp32 written, or back */
    out[3] = host_work(2 * S * (4 * square + 3 * wide) * L, 0, true); /* gradients of weights */
    return 4;
}

static orion_mil_cost cost_of(const orion_mil_work *works, size_t count) {
    orion_mil_target *target;
    orion_mil_cost cost = {.size = sizeof cost};
    assert_ok(orion_mil_target_find("orion-paper", NULL, NULL, &target), NULL);
    assert_ok(orion_mil_predict(target, works, count, &cost), NULL);
    assert_int_equal(cost.known, ORION_MIL_COST_ALL);
    orion_mil_target_destroy(&target);
    return cost;
}

/* A training step of `kernels` in every layer. */
static orion_mil_cost step_cost(const kernel *kernels, size_t count) {
    orion_mil_work works[16];
    uint64_t port_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        works[i] = device_work(&kernels[i], L);
        port_bytes += works[i].port_bytes * L;
    }
    return cost_of(works, count + host_works(&works[count], port_bytes));
}

static void beside(const char *what, double predicted, double measured, const char *source) {
    print_message("%-52s %9.1f %9.1f %+6.1f%%  %s\n", what, predicted, measured,
                  (predicted / measured - 1) * 100, source);
}

static void beside_within(const char *what, double predicted, double measured, const char *source) {
    beside(what, predicted, measured, source);
    assert_true(fabs(predicted / measured - 1) <= 0.25);
}

/* GPT-2 decoding: 24 programs on 16 columns of fp32, the rest on the host. */
static orion_mil_cost decode_cost(void) {
    const uint64_t hidden = 3072, column = 16, vocabulary = 50257;
    const kernel project = {16, 3 * square, 2 * column * 3 * square, 0, 4 * 2 * D * column};
    const kernel forward = {21, 2 * D * hidden, 2 * column * 2 * D * hidden, 0, 2 * 2 * D * column};
    const uint64_t host_weights = L * square + vocabulary * D;
    const orion_mil_work works[] = {device_work(&project, L), device_work(&forward, L),
                                    host_work(2 * host_weights, host_weights * SINGLE, false)};
    return cost_of(works, 3);
}

static void test_beside_measurements(void **state) {
    (void)state;
    kernel kernels[16];
    orion_mil_work works[60];
    size_t count = orion_kernels(kernels), weighted = 0;
    for (size_t layer = 0; layer < L; layer++) {
        for (size_t i = 0; i < count; i++) {
            if (kernels[i].weights != 0) works[weighted++] = device_work(&kernels[i], 1);
        }
    }
    orion_mil_cost sixty = cost_of(works, weighted), step = step_cost(kernels, count);
    print_message("%-52s %9s %9s\n", "ms on M4 Max", "predicted", "measured");
    assert_int_equal(weighted, 60);
    beside_within("compile 60 programs with weights again", sixty.compile_ms, 4200, "Orion paper");
    beside_within("load 60 programs with other weights", sixty.update_ms, 494, "Orion paper");
    beside_within("train, 10 sequences a step", 10 * step.step_ms, 849, "Orion paper");
    beside_within("a token of GPT-2 124M", decode_cost().step_ms, 5.8, "Orion paper");
    beside_within("a step, weights compiled in", step.step_ms, (64 + 72.4) / 2,
                  "maderix/ANE: 64 to 72.4");
    count = dynamic_kernels(kernels);
    orion_mil_cost dynamic = step_cost(kernels, count);
    beside_within("a step, weights as inputs", dynamic.step_ms, (91 + 115) / 2.0,
                  "maderix/ANE: 91 to 115");
    beside_within("compile 10 programs without weights", dynamic.compile_ms, 400, "maderix/ANE");
    const kernel add = {1, 0, 0, 0, 0};
    works[0] = device_work(&add, 1);
    beside_within("compile one add", cost_of(works, 1).compile_ms, 17.1, "Orion");
}

/* A figure that is not known makes its part of the cost 0 and unknown. */
static void test_unknown_figures(void **state) {
    (void)state;
    orion_mil_target *target;
    orion_mil_work work = {.size = sizeof work, .calls = 1, .matmul_flops = 1000};
    orion_mil_cost cost = {.size = sizeof cost};
    assert_ok(orion_mil_target_find("h13", NULL, NULL, &target), NULL);
    assert_ok(orion_mil_predict(target, &work, 1, &cost), NULL);
    assert_int_equal(cost.known,
                     ORION_MIL_COST_ALL & ~(ORION_MIL_COST_COMPILE | ORION_MIL_COST_LOAD));
    assert_true(fabs(cost.dispatch_ms - 0.23) < 1e-9 && cost.step_ms > cost.dispatch_ms);
    assert_true(cost.compile_ms == 0);
    work.port_bytes = 64;
    assert_ok(orion_mil_predict(target, &work, 1, &cost), NULL);
    assert_int_equal(cost.known & (ORION_MIL_COST_PORTS | ORION_MIL_COST_STEP), 0);
    assert_true(cost.step_ms == 0);
    cost.size = 0;
    assert_int_equal(orion_mil_predict(target, &work, 1, &cost), ORION_ERROR_INVALID_ARGUMENT);
    struct {
        orion_mil_work known;
        uint64_t tail;
    } newer = {.known.size = sizeof newer, .tail = 1};
    cost.size = sizeof cost;
    assert_int_equal(orion_mil_predict(target, &newer.known, 1, &cost), ORION_ERROR_ABI);
    orion_mil_target_destroy(&target);
}

/* Counting: products, and what moves. */
static void test_measure(void **state) {
    (void)state;
    static const char text[] =
        "oir 1\ngraph @main(%x: f16[4,8], %q: f32[1,4,3,8], %k: f32[1,2,5,8], %v: f32[1,2,5,8]) -> "
        "(%y, %z, %a) {\n"
        "  %w = const 1 : f16[6,8]\n"
        "  %y = linear %x, %w : f16[4,6]\n"
        "  %z = matmul %x, %x {transpose_x=true} : f16[8,8]\n"
        "  %a = attention %q, %k, %v : f32[1,4,3,8]\n}\n";
    orion_ir_graph *graph = parse_graph(text);
    orion_mil_work work = {.size = sizeof work};
    assert_int_equal(orion_mil_measure(graph, &work), ORION_OK);
    assert_int_equal(work.ops, 3);
    assert_int_equal(work.constant_bytes, 96);
    assert_int_equal(work.matmul_flops, 2 * 4 * 6 * 8 + 2 * 8 * 8 * 4 + 2 * 2 * 4 * 3 * 5 * 8);
    assert_int_equal(work.largest_bytes, 4 * 96);
    work.size = 0;
    assert_int_equal(orion_mil_measure(graph, &work), ORION_ERROR_INVALID_ARGUMENT);
    orion_ir_graph_destroy(&graph);
}

/* A plan costs what its programs cost; fewer dispatches cost less. */
static void test_plans(void **state) {
    (void)state;
    static const char *const targets[] = {"h16", "orion-paper"};
    orion_ir_graph *graph = model_graph(&model_stories110m, MODEL_TRAINING);
    for (size_t t = 0; t < 2; t++) {
        orion_mil_target *target;
        orion_mil_plan *one, *four;
        orion_mil_cost a = {.size = sizeof a}, b = {.size = sizeof b};
        orion_mil_partition_options options = {.size = sizeof options, .blocks = 4};
        assert_ok(orion_mil_target_find(targets[t], NULL, NULL, &target), NULL);
        assert_ok(orion_mil_partition(graph, target, NULL, NULL, NULL, &one), NULL);
        assert_ok(orion_mil_partition(graph, target, &options, NULL, NULL, &four), NULL);
        assert_ok(orion_mil_plan_cost(one, target, &a), NULL);
        assert_ok(orion_mil_plan_cost(four, target, &b), NULL);
        assert_int_equal(a.known, ORION_MIL_COST_ALL);
        assert_true(a.dispatch_ms > b.dispatch_ms);
        print_message("%s: dispatch %.2f run %.1f ports %.1f host %.1f step %.1f ms\n", targets[t],
                      a.dispatch_ms, a.run_ms, a.port_ms, a.host_ms, a.step_ms);
        a.size = 0;
        assert_int_equal(orion_mil_plan_cost(one, target, &a), ORION_ERROR_INVALID_ARGUMENT);
        orion_mil_plan_destroy(&one);
        orion_mil_plan_destroy(&four);
        orion_mil_target_destroy(&target);
    }
    orion_ir_graph_destroy(&graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_beside_measurements),
        cmocka_unit_test(test_unknown_figures),
        cmocka_unit_test(test_measure),
        cmocka_unit_test(test_plans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
