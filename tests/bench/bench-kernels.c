/* SPDX-License-Identifier: MIT */
/*
 * How fast the kernels of the CPU device are, beside OpenBLAS where it is installed.
 *
 *   bench-kernels [--isa base|avx2|avx512] [--threads N] [--time SECONDS]
 *
 * Each line is the best of many calls within SECONDS (default 0.2), so that a neighbour on the same
 * machine disturbs little.  OpenBLAS is looked for at run time and timed on the same data in the
 * same minute; `ratio` is our speed over its.  It does not know every processor and then takes very
 * old code: OPENBLAS_CORETYPE is set to fit before it is loaded, unless it is set already.
 */
#define _XOPEN_SOURCE 700
#include "cpu.h"

#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

typedef void (*sgemm_fn)(int order, int trans_a, int trans_b, int m, int n, int k, float alpha,
                         const float *a, int lda, const float *b, int ldb, float beta, float *c,
                         int ldc);

typedef struct bench {
    const cpu_kernels *kernels;
    cpu_pool *pool;
    double seconds;
    sgemm_fn sgemm; /* NULL: no OpenBLAS */
} bench;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Seconds of the fastest call; calls too short for the clock are timed in groups. */
static double best(const bench *b, void (*call)(void *ctx), void *ctx) {
    double begin = now(), least = 1e9;
    call(ctx);
    double once = now() - begin;
    int group = once > 2e-5 ? 1 : (int)(2e-5 / (once + 1e-8)) + 1;
    do {
        double from = now();
        for (int i = 0; i < group; i++) call(ctx);
        least = fmin(least, (now() - from) / group);
    } while (now() - begin < b->seconds);
    return least;
}

static void *allocate(size_t bytes) {
    void *p = aligned_alloc(64, (bytes + 64) / 64 * 64);
    if (p == NULL) {
        fputs("bench-kernels: out of memory\n", stderr);
        exit(1);
    }
    return p;
}

static float *floats(size_t count) {
    float *p = allocate(count * sizeof *p);
    for (size_t i = 0; i < count; i++) p[i] = (float)((i * 2654435761u >> 7) % 2001) / 1000 - 1;
    return p;
}

static void report(const char *what, double seconds, double amount, const char *unit, double peer) {
    printf("%-34s %10.2f us %8.1f %s", what, seconds * 1e6, amount / seconds * 1e-9, unit);
    if (peer > 0) printf("  ratio %5.2f", peer / seconds);
    putchar('\n');
    fflush(stdout);
}

/* ---- products ---- */

typedef struct product {
    const bench *b;
    cpu_gemm g;
    float *x, *y, *packed, *c;
    void *scratch;
} product;

static void call_ours(void *ctx) {
    product *p = ctx;
    p->b->kernels->gemm(p->b->pool, &p->g, p->x, p->g.packed ? p->packed : p->y, NULL, p->c,
                        p->scratch);
}

static void call_theirs(void *ctx) {
    enum { ROW_MAJOR = 101, PLAIN = 111, TRANSPOSED = 112 };
    product *p = ctx;
    const cpu_gemm *g = &p->g;
    p->b->sgemm(ROW_MAJOR, g->trans_a ? TRANSPOSED : PLAIN, g->trans_b ? TRANSPOSED : PLAIN,
                (int)g->m, (int)g->n, (int)g->k, 1, p->x, (int)g->lda, p->y, (int)g->ldb, 0, p->c,
                (int)g->ldc);
}

static void bench_product(const bench *b, int64_t m, int64_t n, int64_t k, const char *kind) {
    product p = {.b = b, .g = {.m = m, .n = n, .k = k, .ldc = n}};
    p.g.trans_a = kind[0] == 'T';
    p.g.trans_b = kind[1] == 'T';
    p.g.packed = kind[2] == 'p';
    p.g.lda = p.g.trans_a ? m : k;
    p.g.ldb = p.g.trans_b ? k : n;
    p.x = floats((size_t)(m * k));
    p.y = floats((size_t)(n * k));
    p.c = floats((size_t)(m * n));
    p.packed = allocate(b->kernels->gemm_pack_bytes(n, k));
    b->kernels->gemm_pack(b->pool, n, k, p.y, p.g.ldb, p.g.trans_b, p.packed);
    p.scratch = allocate(b->kernels->gemm_scratch(&p.g, cpu_pool_threads(b->pool)));
    double ours = best(b, call_ours, &p);
    double theirs = b->sgemm == NULL ? 0 : best(b, call_theirs, &p);
    char what[80];
    snprintf(what, sizeof what, "gemm %s %lldx%lldx%lld", kind, (long long)m, (long long)n,
             (long long)k);
    if (m == 1) {
        report(what, ours, 4.0 * (double)(n * k), "GB/s   ", theirs);
    } else {
        report(what, ours, 2.0 * (double)(m * n * k), "GFLOP/s", theirs);
    }
    free(p.x);
    free(p.y);
    free(p.c);
    free(p.packed);
    free(p.scratch);
}

static void bench_products(const bench *b) {
    static const int64_t shapes[][3] = {
        {64, 768, 768},   {64, 3072, 768},  {128, 768, 768},  {256, 768, 768}, {256, 3072, 768},
        {256, 768, 3072}, {512, 3072, 768}, {512, 768, 3072}, {256, 64, 64},   {256, 172, 64},
        {256, 64, 172},   {512, 128, 128},  {512, 352, 128},  {64, 172, 1024}};
    static const char *kinds[] = {"NN", "NT", "TN", "NTp"};
    for (size_t s = 0; s < ORN_COUNT(shapes); s++) {
        for (size_t k = 0; k < ORN_COUNT(kinds); k++) {
            bench_product(b, shapes[s][0], shapes[s][1], shapes[s][2], kinds[k]);
        }
    }
    static const int64_t vectors[][2] = {{64, 64},    {172, 64},   {64, 172},    {768, 768},
                                         {2304, 768}, {768, 3072}, {32000, 288}, {50257, 768}};
    for (size_t s = 0; s < ORN_COUNT(vectors); s++) {
        bench_product(b, 1, vectors[s][0], vectors[s][1], "NT");
        bench_product(b, 1, vectors[s][0], vectors[s][1], "NN");
        bench_product(b, 1, vectors[s][0], vectors[s][1], "NTp");
    }
}

/* ---- elementwise ---- */

typedef struct stream {
    const bench *b;
    cpu_chain *chain;
    void *data[4];
} stream;

static void call_chain(void *ctx) {
    stream *s = ctx;
    s->b->kernels->chain(s->b->pool, s->chain, s->data);
}

/* One or two inputs of `count` floats, `nodes`, one output. */
static void bench_chain(const bench *b, const char *name, int64_t count, size_t inputs,
                        const cpu_chain_node *nodes, size_t node_count) {
    cpu_chain_input in[2] = {{ORION_IR_F32, {1}}, {ORION_IR_F32, {1}}};
    cpu_chain_output out = {
        .value = (uint32_t)(inputs + node_count - 1), .dtype = ORION_IR_F32, .strides = {1}};
    cpu_chain_desc desc = {.rank = 1,
                           .dims = {count},
                           .inputs = in,
                           .nodes = nodes,
                           .outputs = &out,
                           .n_inputs = inputs,
                           .n_nodes = node_count,
                           .n_outputs = 1};
    orn_arena arena;
    orn_arena_init(&arena, NULL);
    stream s = {.b = b};
    if (cpu_chain_create(&arena, &desc, &s.chain) != ORION_OK) exit(1);
    for (size_t i = 0; i <= inputs; i++) s.data[i] = floats((size_t)count);
    char what[80];
    snprintf(what, sizeof what, "chain %s %lld", name, (long long)count);
    report(what, best(b, call_chain, &s), 4.0 * (double)count * (double)(inputs + 1), "GB/s   ", 0);
    for (size_t i = 0; i <= inputs; i++) free(s.data[i]);
    orn_arena_clear(&arena);
}

static void bench_chains(const bench *b) {
    const cpu_chain_node add = {.op = ORION_IR_OP_add, .dtype = ORION_IR_F32, .in = {0, 1}};
    const cpu_chain_node swiglu[] = {
        {.op = ORION_IR_OP_silu, .dtype = ORION_IR_F32, .in = {0}},
        {.op = ORION_IR_OP_mul, .dtype = ORION_IR_F32, .in = {2, 1}},
    };
    static const struct {
        const char *name;
        uint16_t op;
    } functions[] = {{"exp", ORION_IR_OP_exp},   {"log", ORION_IR_OP_log},
                     {"tanh", ORION_IR_OP_tanh}, {"sigmoid", ORION_IR_OP_sigmoid},
                     {"gelu", ORION_IR_OP_gelu}, {"sin", ORION_IR_OP_sin}};
    static const int64_t counts[] = {172, 16 * 1024, 4 * 1024 * 1024};
    for (size_t i = 0; i < ORN_COUNT(counts); i++) {
        bench_chain(b, "add", counts[i], 2, &add, 1);
        bench_chain(b, "silu(a) * b", counts[i], 2, swiglu, 2);
    }
    for (size_t i = 0; i < ORN_COUNT(functions); i++) {
        cpu_chain_node node = {.op = functions[i].op, .dtype = ORION_IR_F32};
        bench_chain(b, functions[i].name, 16 * 1024, 1, &node, 1);
    }
}

/* ---- the rest ---- */

typedef struct rest {
    const bench *b;
    cpu_attention attention;
    cpu_norm norm;
    cpu_softmax softmax;
    cpu_copy copy;
    float *x, *y, *z, *w;
    int32_t position[256];
    void *scratch;
} rest;

static void call_attention(void *ctx) {
    rest *r = ctx;
    r->b->kernels->attention(r->b->pool, &r->attention, r->x, r->y, r->z, r->position, r->w,
                             r->scratch);
}
static void call_norm(void *ctx) {
    rest *r = ctx;
    r->b->kernels->rms_norm(r->b->pool, &r->norm, r->x, r->y, r->w);
}
static void call_softmax(void *ctx) {
    rest *r = ctx;
    r->b->kernels->softmax(r->b->pool, &r->softmax, r->x, r->w);
}
static void call_copy(void *ctx) {
    rest *r = ctx;
    r->b->kernels->copy(r->b->pool, &r->copy, r->x, r->w);
}
static void nothing(void *ctx, size_t task, size_t worker) {
    (void)ctx, (void)task, (void)worker;
}
static void call_pool(void *ctx) {
    rest *r = ctx;
    cpu_pool_run(r->b->pool, 4, nothing, NULL);
}

/* 12 heads of 64: `rows` rows that end at position keys - 1. */
static void bench_attention(rest *r, int64_t rows, int64_t keys) {
    enum { HEADS = 12, DEPTH = 64 };
    r->attention = (cpu_attention){.batch = 1,
                                   .heads = HEADS,
                                   .groups = HEADS,
                                   .rows = rows,
                                   .keys = keys,
                                   .depth = DEPTH,
                                   .value_depth = DEPTH,
                                   .q_strides = {0, DEPTH, HEADS * DEPTH},
                                   .k_strides = {0, keys * DEPTH, DEPTH},
                                   .v_strides = {0, keys * DEPTH, DEPTH},
                                   .y_strides = {0, DEPTH, HEADS * DEPTH},
                                   .scale = 0.125f};
    for (int64_t t = 0; t < rows; t++) r->position[t] = (int32_t)(keys - rows + t);
    r->scratch =
        allocate(r->b->kernels->attention_scratch(&r->attention, cpu_pool_threads(r->b->pool)));
    char what[80];
    snprintf(what, sizeof what, "attention 12x64, %lld rows, %lld keys", (long long)rows,
             (long long)keys);
    double seconds = best(r->b, call_attention, r);
    if (rows == 1) {
        report(what, seconds, 4.0 * 2 * HEADS * DEPTH * (double)keys, "GB/s   ", 0);
    } else {
        report(what, seconds, 4.0 * HEADS * DEPTH * (double)(rows * keys), "GFLOP/s", 0);
    }
    free(r->scratch);
}

static void bench_rest(const bench *b) {
    enum { COUNT = 1024 * 1024 };
    rest r = {.b = b, .x = floats(COUNT), .y = floats(COUNT), .z = floats(COUNT)};
    r.w = floats(COUNT);
    bench_attention(&r, 1, 64);
    bench_attention(&r, 1, 1024);
    bench_attention(&r, 64, 64);
    bench_attention(&r, 256, 256);
    bench_attention(&r, 256, 1024);
    r.norm = (cpu_norm){.rows = 1, .d = 64, .x_stride = 64, .y_stride = 64, .epsilon = 1e-5};
    report("rms_norm 1x64", best(b, call_norm, &r), 8.0 * 64, "GB/s   ", 0);
    r.norm = (cpu_norm){.rows = 256, .d = 768, .x_stride = 768, .y_stride = 768, .epsilon = 1e-5};
    report("rms_norm 256x768", best(b, call_norm, &r), 8.0 * 256 * 768, "GB/s   ", 0);
    r.softmax = (cpu_softmax){.outer = 256, .n = 1024, .inner = 1};
    report("softmax 256x1024", best(b, call_softmax, &r), 8.0 * 256 * 1024, "GB/s   ", 0);
    r.copy = (cpu_copy){.rank = 2,
                        .element_bytes = 4,
                        .dims = {768, 1000},
                        .src_strides = {4, 768 * 4},
                        .dst_strides = {4000, 4}};
    report("transpose 1000x768", best(b, call_copy, &r), 8.0 * 768 * 1000, "GB/s   ", 0);
    report("4 empty tasks", best(b, call_pool, &r), 0, "       ", 0);
    free(r.x);
    free(r.y);
    free(r.z);
    free(r.w);
}

/* ---- command line ---- */

static void find_openblas(bench *b, uint32_t threads) {
    static const char *types[] = {"Nehalem", "Haswell", "SkylakeX"};
    setenv("OPENBLAS_CORETYPE", types[cpu_features()], 0);
    void *library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *sgemm = library == NULL ? NULL : dlsym(library, "cblas_sgemm");
    if (sgemm == NULL) {
        puts("OpenBLAS is not installed: no ratios");
        return;
    }
    memcpy(&b->sgemm, &sgemm, sizeof sgemm);
    void *symbol = dlsym(library, "openblas_set_num_threads");
    void (*set_threads)(int);
    memcpy(&set_threads, &symbol, sizeof symbol);
    if (symbol != NULL) set_threads((int)threads);
    char *(*core)(void);
    symbol = dlsym(library, "openblas_get_corename");
    memcpy(&core, &symbol, sizeof symbol);
    printf("OpenBLAS with its kernels for %s\n", symbol == NULL ? "?" : core());
}

static const cpu_kernels *kernels_by_name(const char *name) {
    for (int isa = CPU_ISA_BASE; isa <= CPU_ISA_AVX512; isa++) {
        const cpu_kernels *kernels = cpu_kernels_for((cpu_isa)isa);
        if (kernels != NULL && strcmp(kernels->name, name) == 0) return kernels;
    }
    return NULL;
}

static int usage(void) {
    fputs("usage: bench-kernels [--isa base|avx2|avx512] [--threads N] [--time SECONDS]\n", stderr);
    return 2;
}

int main(int argc, char **argv) {
    bench b = {.kernels = cpu_kernels_for(cpu_features()), .seconds = 0.2};
    uint32_t threads = 1;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 == argc) return usage();
        if (strcmp(argv[i], "--isa") == 0) {
            b.kernels = kernels_by_name(argv[i + 1]);
        } else if (strcmp(argv[i], "--threads") == 0) {
            threads = (uint32_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--time") == 0) {
            b.seconds = strtod(argv[i + 1], NULL);
        } else {
            return usage();
        }
    }
    if (b.kernels == NULL || threads == 0 || threads > 256) return usage();
    if (cpu_pool_create(NULL, threads, &b.pool) != ORION_OK) return 1;
    printf("kernels %s, %u thread%s\n", b.kernels->name, threads, threads == 1 ? "" : "s");
    find_openblas(&b, threads);
    bench_products(&b);
    bench_chains(&b);
    bench_rest(&b);
    cpu_pool_destroy(&b.pool);
    return 0;
}
