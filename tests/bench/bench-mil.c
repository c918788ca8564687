/* SPDX-License-Identifier: MIT */
/*
 * How fast graphs go to MIL and back, and that the time is linear: training graphs of 3 to 48 Llama
 * layers (or as many as is said), processor time of each step, best of five. Prints a table, then
 * another for the way to a Neural Engine: the training step of Stories110M in 1 to 48 layers is cut
 * into programs, and these are lowered.
 *
 *   bench-mil [LAYERS]
 */
#define _POSIX_C_SOURCE 200809L
#include <orion/mil.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ROUNDS = 5 };

typedef struct model_shape {
    int64_t dim, hidden, heads, keys, tokens, vocabulary;
} model_shape;
static const model_shape small = {64, 172, 8, 4, 32, 512};
static const model_shape stories110m = {768, 2048, 12, 12, 256, 32000};

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void check(orion_status status, const char *what) {
    if (status == ORION_OK) return;
    fprintf(stderr, "%s: %s\n", what, orion_status_string(status));
    exit(1);
}

/* ---- the graph ---- */

static orion_ir_value matrix(orion_ir_builder *b, const char *name, int layer, int64_t rows,
                             int64_t columns) {
    char full[32];
    const int64_t dims[] = {rows, columns};
    snprintf(full, sizeof full, "%s%d", name, layer);
    return orion_ir_input(b, full, orion_ir_type_make(ORION_IR_F32, 2, dims));
}

static orion_ir_value norm(orion_ir_builder *b, const model_shape *s, const char *name, int layer,
                           orion_ir_value x) {
    char full[32];
    const int64_t dims[] = {s->dim};
    snprintf(full, sizeof full, "%s%d", name, layer);
    return orion_ir_rms_norm(
        b, x, orion_ir_input(b, full, orion_ir_type_make(ORION_IR_F32, 1, dims)), 1e-5);
}

/* [T, heads * D] -> [1, heads, T, D] */
static orion_ir_value split_heads(orion_ir_builder *b, const model_shape *s, orion_ir_value x,
                                  int64_t heads) {
    const int64_t shape[] = {1, s->tokens, heads, s->dim / s->heads}, perm[] = {0, 2, 1, 3};
    return orion_ir_transpose(b, orion_ir_reshape(b, x, shape, 4), perm, 4);
}

static orion_ir_value layer(orion_ir_builder *b, const model_shape *s, int i, orion_ir_value x,
                            orion_ir_value position) {
    const int64_t keys = s->dim / s->heads * s->keys, flat[] = {s->tokens, s->dim},
                  perm[] = {0, 2, 1, 3};
    orion_ir_value h = norm(b, s, "attention_norm", i, x);
    orion_ir_value q = orion_ir_linear(b, h, matrix(b, "wq", i, s->dim, s->dim));
    orion_ir_value k = orion_ir_linear(b, h, matrix(b, "wk", i, keys, s->dim));
    orion_ir_value v = orion_ir_linear(b, h, matrix(b, "wv", i, keys, s->dim));
    q = orion_ir_rope(b, split_heads(b, s, q, s->heads), position, 10000, 1);
    k = orion_ir_rope(b, split_heads(b, s, k, s->keys), position, 10000, 1);
    orion_ir_value a = orion_ir_attention(b, q, k, split_heads(b, s, v, s->keys), position, 0);
    a = orion_ir_reshape(b, orion_ir_transpose(b, a, perm, 4), flat, 2);
    x = orion_ir_add(b, x, orion_ir_linear(b, a, matrix(b, "wo", i, s->dim, s->dim)));
    h = norm(b, s, "ffn_norm", i, x);
    orion_ir_value gate =
        orion_ir_silu(b, orion_ir_linear(b, h, matrix(b, "w1_", i, s->hidden, s->dim)));
    orion_ir_value up = orion_ir_linear(b, h, matrix(b, "w3_", i, s->hidden, s->dim));
    orion_ir_value down = matrix(b, "w2_", i, s->dim, s->hidden);
    return orion_ir_add(b, x, orion_ir_linear(b, orion_ir_mul(b, gate, up), down));
}

/* Loss and the gradients of all weights. */
static orion_ir_graph *training_graph(const model_shape *s, int layers) {
    const int64_t row[] = {s->tokens};
    orion_ir_builder *b;
    orion_ir_graph *forward, *graph;
    check(orion_ir_builder_create("main", NULL, &b), "builder");
    orion_ir_type ids = orion_ir_type_make(ORION_IR_I32, 1, row);
    orion_ir_value tokens = orion_ir_input(b, "tokens", ids);
    orion_ir_value targets = orion_ir_input(b, "targets", ids);
    orion_ir_value position = orion_ir_input(b, "position", ids);
    orion_ir_value table = matrix(b, "embedding", 0, s->vocabulary, s->dim);
    orion_ir_value x = orion_ir_embedding(b, tokens, table);
    for (int i = 0; i < layers; i++) x = layer(b, s, i, x, position);
    orion_ir_value logits = orion_ir_linear(b, norm(b, s, "final_norm", 0, x), table);
    orion_ir_output(b, "loss", orion_ir_cross_entropy(b, logits, targets));
    check(orion_ir_builder_finish(&b, NULL, &forward), "finish");
    check(orion_ir_grad(forward, NULL, NULL, NULL, &graph), "grad");
    orion_ir_graph_destroy(&forward);
    return graph;
}

/* ---- the steps ---- */

typedef struct times {
    double lower, print, parse, raise; /* ms */
} times;

static void least(double *best, double t) {
    if (*best == 0 || t < *best) *best = t;
}

static size_t run(const orion_ir_graph *graph, times *best) {
    orion_mil_program *program, *parsed;
    orion_mil_weights *weights;
    orion_ir_graph *raised;
    orion_buffer *text;
    check(orion_buffer_create(NULL, &text), "buffer");
    orion_writer writer = orion_buffer_writer(text);
    double t0 = now();
    check(orion_mil_lower(graph, NULL, NULL, NULL, &program, &weights), "lower");
    double t1 = now();
    check(orion_mil_print(program, NULL, &writer), "print");
    double t2 = now();
    size_t bytes = orion_buffer_size(text);
    check(orion_mil_parse(orion_buffer_data(text), bytes, NULL, NULL, NULL, NULL, &parsed),
          "parse");
    double t3 = now();
    check(orion_mil_raise(parsed, weights, NULL, NULL, NULL, NULL, &raised), "raise");
    double t4 = now();
    least(&best->lower, t1 - t0);
    least(&best->print, t2 - t1);
    least(&best->parse, t3 - t2);
    least(&best->raise, t4 - t3);
    orion_ir_graph_destroy(&raised);
    orion_mil_program_destroy(&parsed);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    orion_buffer_destroy(&text);
    return bytes;
}

/* ---- the way to a Neural Engine ---- */

typedef struct plan_times {
    double cut, lower, longest; /* ms: the plan, all its programs, the slowest of them */
    size_t programs;
} plan_times;

static void run_plan(const orion_ir_graph *graph, const orion_mil_target *target,
                     plan_times *best) {
    orion_mil_plan *plan;
    orion_mil_plan_program program = {.size = sizeof program};
    double t0 = now(), lower = 0, longest = 0;
    check(orion_mil_partition(graph, target, NULL, NULL, NULL, &plan), "partition");
    least(&best->cut, now() - t0);
    best->programs = 0;
    for (size_t i = 0; orion_mil_plan_get_program(plan, i, &program) == ORION_OK; i++) {
        orion_mil_program *mil;
        orion_mil_weights *weights;
        if (program.on_host != 0) continue;
        double t1 = now();
        check(orion_mil_lower(program.graph, NULL, NULL, NULL, &mil, &weights), "lower");
        double t = now() - t1;
        lower += t;
        longest = t > longest ? t : longest;
        best->programs++;
        orion_mil_program_destroy(&mil);
        orion_mil_weights_destroy(&weights);
    }
    least(&best->lower, lower);
    least(&best->longest, longest);
    orion_mil_plan_destroy(&plan);
}

/* Growth: time per node, beside that of the first row with layers to share. */
static void bench_plans(int most) {
    orion_mil_target *target;
    double first = 0;
    check(orion_mil_target_find("h16", NULL, NULL, &target), "target");
    printf("\n%7s %7s %9s | %8s %8s %8s | %s\n", "layers", "nodes", "programs", "cut", "lower",
           "longest", "cut, growth per node");
    for (int layers = 1; layers <= most; layers = layers == 12 ? 24 : layers * 2) {
        if (layers == 16) layers = 12;
        orion_ir_graph *graph = training_graph(&stories110m, layers);
        size_t nodes = orion_ir_graph_node_count(graph);
        plan_times t = {0};
        for (int i = 0; i < ROUNDS; i++) run_plan(graph, target, &t);
        double each = t.cut / (double)nodes;
        if (first == 0) first = each;
        printf("%7d %7zu %9zu | %8.3f %8.3f %8.3f | %.2f\n", layers, nodes, t.programs, t.cut,
               t.lower, t.longest, each / first);
        orion_ir_graph_destroy(&graph);
    }
    orion_mil_target_destroy(&target);
}

int main(int argc, char **argv) {
    int most = argc > 1 ? atoi(argv[1]) : 48;
    printf("%7s %7s %9s | %8s %8s %8s %8s | %7s %7s | %s\n", "layers", "nodes", "bytes", "lower",
           "print", "parse", "raise", "print", "parse", "all steps");
    printf("%7s %7s %9s | %8s %8s %8s %8s | %7s %7s | %s\n", "", "", "", "ms", "ms", "ms", "ms",
           "MB/s", "MB/s", "us/node");
    for (int layers = 3; layers <= most; layers *= 2) {
        orion_ir_graph *graph = training_graph(&small, layers);
        size_t nodes = orion_ir_graph_node_count(graph), bytes = 0;
        times t = {0};
        for (int i = 0; i < ROUNDS; i++) bytes = run(graph, &t);
        double megabytes = (double)bytes * 1e-6;
        printf("%7d %7zu %9zu | %8.3f %8.3f %8.3f %8.3f | %7.1f %7.1f | %.3f\n", layers, nodes,
               bytes, t.lower, t.print, t.parse, t.raise, megabytes / t.print * 1e3,
               megabytes / t.parse * 1e3,
               (t.lower + t.print + t.parse + t.raise) / (double)nodes * 1e3);
        orion_ir_graph_destroy(&graph);
    }
    bench_plans(most);
    return 0;
}
