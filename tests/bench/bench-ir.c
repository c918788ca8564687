/* SPDX-License-Identifier: MIT */
/*
 * What the IR costs per node, and that this does not grow with the graph: building, verifying,
 * printing, parsing, hashing, outlining, differentiating, each pass and the usual pipelines, on a
 * chain of elementwise ops and on a stack of decoder layers, of 1000, 10,000 and 100,000 nodes.
 * The last column is the time per node of the largest graph over that of the smallest; more than 2
 * is marked.
 *
 * Processor time, the least of some rounds. Every round starts with cold caches and with memory
 * that the process already has: otherwise the smallest graph alone would lie in the caches, and
 * what is compared would be them and the kernel's page faults, not the work.
 *
 * One pass goes beyond 2 on the chain: remat goes over the graph for each of the plans that it
 * tries, as many at every size (passes/remat.c), and in between a small graph stays in the caches.
 *
 *   bench-ir [SMALLEST [ROUNDS]]
 */
#define _POSIX_C_SOURCE 200809L
#include <orion/ir.h>

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SIZES = 3, GROWTH = 10, WIDTH = 8, TOKENS = 4, HEADS = 2, EVICTED = 64 << 20 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(orion_status status, const char *what) {
    if (status == ORION_OK) return;
    fprintf(stderr, "%s: %s\n", what, orion_status_string(status));
    exit(1);
}

/* ---- equal conditions ---- */

/* What is freed stays with the process, where the C library can be asked for that. */
#if defined(__GLIBC__)
#include <malloc.h>
static void keep_memory(void) {
    if (mallopt(M_MMAP_MAX, 0) == 0 || mallopt(M_TRIM_THRESHOLD, INT_MAX) == 0) {
        fprintf(stderr, "bench-ir: memory goes back to the system after each round\n");
    }
}
#else
static void keep_memory(void) {
    fprintf(stderr, "bench-ir: memory may go back to the system after each round\n");
}
#endif

/* Write more than the caches hold. */
static void cool_caches(void) {
    static unsigned char other[EVICTED];
    static unsigned char turns;
    memset(other, ++turns, sizeof other);
    if (other[turns] != turns) exit(1);
}

/* ---- the graphs ---- */

static orion_ir_value tensor(orion_ir_builder *b, const char *name, size_t i, int64_t rows,
                             int64_t columns) {
    char full[32];
    const int64_t dims[] = {rows, columns};
    snprintf(full, sizeof full, "%s%zu", name, i);
    return orion_ir_input(
        b, full, orion_ir_type_make(ORION_IR_F32, rows == 0 ? 1 : 2, rows == 0 ? dims + 1 : dims));
}

static void finish(orion_ir_builder *b, orion_ir_value x, orion_ir_graph **out) {
    const int64_t axes[] = {0, 1};
    orion_ir_output(b, "y", orion_ir_reduce_sum(b, x, axes, 2, 0));
    check(orion_ir_builder_finish(&b, NULL, out), "build");
}

/* Each turn of the chain has something to do for the passes: a product with 1, a quotient that is a
 * product, a sum of constants, a value computed twice, one that nobody uses. */
enum { TURN = 12 };

static orion_ir_value turn(orion_ir_builder *b, orion_ir_value x) {
    const orion_ir_type scalar = orion_ir_type_make(ORION_IR_F32, 0, NULL);
    orion_ir_value one = orion_ir_splat(b, scalar, 1), half = orion_ir_splat(b, scalar, 0.5);
    orion_ir_value same = orion_ir_mul(b, x, one);
    orion_ir_value quotient = orion_ir_div(b, same, half);
    orion_ir_value sum = orion_ir_add(b, one, half);
    orion_ir_value first = orion_ir_tanh(b, quotient), second = orion_ir_tanh(b, quotient);
    orion_ir_value both = orion_ir_add(b, first, second);
    orion_ir_exp(b, both);
    orion_ir_value less = orion_ir_mul(b, both, sum);
    return orion_ir_sub(b, orion_ir_sigmoid(b, less), x);
}

static void build_chain(size_t nodes, orion_ir_graph **out) {
    orion_ir_builder *b = NULL;
    check(orion_ir_builder_create("chain", NULL, &b), "builder");
    orion_ir_value x = tensor(b, "x", 0, TOKENS, WIDTH);
    for (size_t i = 0; i < nodes / TURN; i++) x = turn(b, x);
    finish(b, x, out);
}

enum { LAYER = 23 };

static orion_ir_value split_heads(orion_ir_builder *b, orion_ir_value x) {
    const int64_t shape[] = {1, TOKENS, HEADS, WIDTH / HEADS}, perm[] = {0, 2, 1, 3};
    return orion_ir_transpose(b, orion_ir_reshape(b, x, shape, 4), perm, 4);
}

static orion_ir_value product(orion_ir_builder *b, const char *name, size_t i, orion_ir_value x) {
    return orion_ir_linear(b, x, tensor(b, name, i, WIDTH, WIDTH));
}

static orion_ir_value layer(orion_ir_builder *b, size_t i, orion_ir_value x,
                            orion_ir_value position) {
    const int64_t flat[] = {TOKENS, WIDTH}, perm[] = {0, 2, 1, 3};
    orion_ir_value h = orion_ir_rms_norm(b, x, tensor(b, "norm", i, 0, WIDTH), 1e-5);
    orion_ir_value q = split_heads(b, product(b, "q", i, h));
    orion_ir_value k = split_heads(b, product(b, "k", i, h));
    orion_ir_value v = split_heads(b, product(b, "v", i, h));
    q = orion_ir_rope(b, q, position, 10000, 0);
    k = orion_ir_rope(b, k, position, 10000, 0);
    orion_ir_value a = orion_ir_attention(b, q, k, v, position, 0);
    a = orion_ir_reshape(b, orion_ir_transpose(b, a, perm, 4), flat, 2);
    x = orion_ir_add(b, x, product(b, "o", i, a));
    h = orion_ir_rms_norm(b, x, tensor(b, "norm_mlp", i, 0, WIDTH), 1e-5);
    orion_ir_value gate = orion_ir_silu(b, product(b, "gate", i, h));
    orion_ir_value up = product(b, "up", i, h);
    return orion_ir_add(b, x, product(b, "down", i, orion_ir_mul(b, gate, up)));
}

static void build_layers(size_t nodes, orion_ir_graph **out) {
    orion_ir_builder *b = NULL;
    const int64_t row[] = {TOKENS};
    check(orion_ir_builder_create("layers", NULL, &b), "builder");
    orion_ir_value position =
        orion_ir_input(b, "position", orion_ir_type_make(ORION_IR_I32, 1, row));
    orion_ir_value x = tensor(b, "x", 0, TOKENS, WIDTH);
    for (size_t i = 0; i < nodes / LAYER; i++) x = layer(b, i, x, position);
    finish(b, x, out);
}

typedef struct family {
    const char *name;
    void (*build)(size_t nodes, orion_ir_graph **out);
} family;
static const family families[] = {{"chain", build_chain}, {"layers", build_layers}};

/* ---- what is measured ---- */

/* Each takes a graph that is its own to change and returns nanoseconds. */
typedef double action(const family *f, orion_ir_graph *g, const char *pipeline);

static double time_build(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)pipeline;
    orion_ir_graph *made = NULL;
    double start = now();
    f->build(orion_ir_graph_node_count(g), &made);
    double time = now() - start;
    orion_ir_graph_destroy(&made);
    return time;
}

static double time_verify(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    double start = now();
    check(orion_ir_verify(g, NULL), "verify");
    return now() - start;
}

static double time_clone(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    orion_ir_graph *copy = NULL;
    double start = now();
    check(orion_ir_graph_clone(g, NULL, &copy), "clone");
    double time = now() - start;
    orion_ir_graph_destroy(&copy);
    return time;
}

static orion_buffer *printed(const orion_ir_graph *g) {
    orion_buffer *text = NULL;
    check(orion_buffer_create(NULL, &text), "buffer");
    orion_writer writer = orion_buffer_writer(text);
    check(orion_ir_print(g, &writer), "print");
    return text;
}

static double time_print(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    double start = now();
    orion_buffer *text = printed(g);
    double time = now() - start;
    orion_buffer_destroy(&text);
    return time;
}

static double time_parse(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    orion_ir_graph *read = NULL;
    orion_buffer *text = printed(g);
    double start = now();
    check(
        orion_ir_parse(orion_buffer_data(text), orion_buffer_size(text), "text", NULL, NULL, &read),
        "parse");
    double time = now() - start;
    orion_ir_graph_destroy(&read);
    orion_buffer_destroy(&text);
    return time;
}

static double time_hash(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    uint64_t hash = 0;
    double start = now();
    check(orion_ir_graph_hash(g, &hash), "hash");
    return now() - start;
}

static double time_memory(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    orion_ir_memory *memory = NULL;
    double start = now();
    check(orion_ir_memory_create(g, 1, NULL, &memory), "memory");
    double time = now() - start;
    orion_ir_memory_destroy(&memory);
    return time;
}

static double time_outline(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    orion_ir_outline *outline = NULL;
    double start = now();
    check(orion_ir_outline_create(g, NULL, NULL, &outline), "outline");
    double time = now() - start;
    orion_ir_outline_destroy(&outline);
    return time;
}

static double time_grad(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    orion_ir_graph *gradient = NULL;
    double start = now();
    check(orion_ir_grad(g, NULL, NULL, NULL, &gradient), "grad");
    double time = now() - start;
    orion_ir_graph_destroy(&gradient);
    return time;
}

static double time_passes(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f;
    double start = now();
    check(orion_ir_run_passes(g, pipeline, NULL, NULL, NULL), pipeline);
    return now() - start;
}

/* The pass on a gradient, for which it is made, with a quarter of the memory that is live there. */
static double time_remat(const family *f, orion_ir_graph *g, const char *pipeline) {
    (void)f, (void)pipeline;
    char item[48];
    orion_ir_graph *gradient = NULL;
    orion_ir_memory *memory = NULL;
    check(orion_ir_grad(g, NULL, NULL, NULL, &gradient), "grad");
    check(orion_ir_memory_create(gradient, 1, NULL, &memory), "memory");
    snprintf(item, sizeof item, "remat(budget=%" PRIu64 ")",
             orion_ir_memory_peak(memory, NULL) / 4 + 1);
    double start = now();
    check(orion_ir_run_passes(gradient, item, NULL, NULL, NULL), item);
    double time = now() - start;
    orion_ir_memory_destroy(&memory);
    orion_ir_graph_destroy(&gradient);
    return time;
}

/* ---- the table ---- */

typedef struct bench {
    const family *family;
    size_t smallest, rounds;
    orion_ir_graph *graphs[SIZES];
} bench;

/* The least of some rounds, two or as many as two seconds have room for; per node. */
static double measure(const bench *t, const orion_ir_graph *g, action *what, const char *pipeline) {
    double least = 0, spent = 0;
    for (size_t i = 0; i < t->rounds && (i < 2 || spent < 2e9); i++) {
        orion_ir_graph *copy = NULL;
        double start = now();
        check(orion_ir_graph_clone(g, NULL, &copy), "clone");
        cool_caches();
        double time = what(t->family, copy, pipeline);
        orion_ir_graph_destroy(&copy);
        if (i == 0 || time < least) least = time;
        spent += now() - start;
    }
    return least / (double)orion_ir_graph_node_count(g);
}

static void print_row(const bench *t, const char *name, action *what, const char *pipeline) {
    double time[SIZES];
    printf("%-8s %-20s", t->family->name, name);
    for (size_t i = 0; i < SIZES; i++) {
        time[i] = measure(t, t->graphs[i], what, pipeline);
        printf(" %8.0f", time[i]);
    }
    double ratio = time[SIZES - 1] / time[0];
    printf(" %7.2f%s\n", ratio, ratio > 2 ? " *" : "");
    fflush(stdout);
}

static void print_passes(const bench *t) {
    char item[64];
    for (size_t i = 0; i < orion_ir_pass_count(); i++) {
        const char *name = orion_ir_pass_name(i), *option = orion_ir_pass_option(i);
        if (strcmp(name, "remat") == 0) {
            print_row(t, name, time_remat, NULL);
            continue;
        }
        snprintf(item, sizeof item, "%s%s%s%s", name, option == NULL ? "" : "(",
                 option == NULL ? "" : option, option == NULL ? "" : "=1)");
        print_row(t, name, time_passes, item);
    }
    for (size_t i = 0; orion_ir_pipeline_name(i) != NULL; i++) {
        print_row(t, orion_ir_pipeline_name(i), time_passes, orion_ir_pipeline_name(i));
    }
}

static void print_family(bench *t) {
    static const struct {
        const char *name;
        action *what;
    } actions[] = {{"build", time_build},   {"verify", time_verify},   {"clone", time_clone},
                   {"print", time_print},   {"parse", time_parse},     {"hash", time_hash},
                   {"memory", time_memory}, {"outline", time_outline}, {"grad", time_grad}};
    for (size_t i = 0, nodes = t->smallest; i < SIZES; i++, nodes *= GROWTH) {
        t->family->build(nodes, &t->graphs[i]);
    }
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        print_row(t, actions[i].name, actions[i].what, NULL);
    }
    print_passes(t);
    for (size_t i = 0; i < SIZES; i++) orion_ir_graph_destroy(&t->graphs[i]);
}

int main(int argc, char **argv) {
    size_t smallest = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;
    size_t rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 20;
    if (argc > 3 || smallest < LAYER || smallest > 100000 || rounds == 0) {
        fprintf(stderr, "usage: bench-ir [SMALLEST [ROUNDS]], SMALLEST from %d to 100000\n", LAYER);
        return 2;
    }
    keep_memory();
    printf("%-8s %-20s nanoseconds per node of %zu, %zu, %zu nodes; growth\n", "graph", "step",
           smallest, smallest * GROWTH, smallest * GROWTH * GROWTH);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++) {
        bench t = {.family = &families[i], .smallest = smallest, .rounds = rounds};
        print_family(&t);
    }
    return 0;
}
