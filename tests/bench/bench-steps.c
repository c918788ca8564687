/* SPDX-License-Identifier: MIT */
/*
 * Where the time of a program goes on the CPU device: every kernel call measured, by op.
 *
 *   bench-steps train  [--dim 128] [--layers 4] [--heads 4] [--context 256] [--batch 8] [--threads
 * 2] bench-steps decode [--dim 64] [--layers 5] [--heads 8] [--vocab 512] [--position 100]
 *
 * `train` is the loss of a model and its gradients by all weights, which are inputs; `decode` one
 * token with constant weights and a cache. Add `--list 1` for a line per step, in order. Weights
 * are random. The clock costs some 30 ns per step, which is in the figures.
 */
#define _POSIX_C_SOURCE 200809L
#include "ane-internal.h"
#include "plan.h"

#include <orion/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { OPS = 256 };

typedef struct settings {
    orion_train_model_config config;
    uint32_t batch, threads, rounds, position, list, decode;
} settings;

/* What one op has cost, over all steps and rounds. */
typedef struct line {
    uint32_t op, steps;
    double ns, flops;
} line;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return 1e9 * (double)t.tv_sec + (double)t.tv_nsec;
}

static void check(orion_status status, const orion_diag *diag) {
    if (status == ORION_OK) return;
    orion_writer writer = orion_writer_fd(2);
    if (orion_diag_print(diag, &writer) != ORION_OK) fputs("no message\n", stderr);
    exit(1);
}

static int parse(settings *s, int argc, char **argv) {
    struct {
        const char *name;
        uint32_t *number;
    } options[] = {
        {"--dim", &s->config.dim},           {"--hidden", &s->config.hidden},
        {"--layers", &s->config.layers},     {"--heads", &s->config.heads},
        {"--kv-heads", &s->config.kv_heads}, {"--vocab", &s->config.vocab},
        {"--context", &s->config.context},   {"--batch", &s->batch},
        {"--threads", &s->threads},          {"--rounds", &s->rounds},
        {"--position", &s->position},        {"--list", &s->list},
    };
    if (argc < 2 || (strcmp(argv[1], "train") != 0 && strcmp(argv[1], "decode") != 0)) return 2;
    s->decode = argv[1][0] == 'd';
    for (int i = 2; i < argc; i += 2) {
        size_t k = 0;
        while (k < ORN_COUNT(options) && strcmp(argv[i], options[k].name) != 0) k++;
        if (k == ORN_COUNT(options) || i + 1 == argc) return 2;
        *options[k].number = (uint32_t)strtoul(argv[i + 1], NULL, 10);
    }
    return 0;
}

static orion_ir_graph *make_graph(const settings *s, orion_diag *diag) {
    orion_train_model *model;
    orion_ir_graph *graph, *backward;
    check(orion_train_model_create_random(&s->config, 1, NULL, diag, &model), diag);
    const orion_train_graph_options *options =
        orion_train_graph_options(.kind =
                                      s->decode ? ORION_TRAIN_GRAPH_DECODE : ORION_TRAIN_GRAPH_LOSS,
                                  .batch = s->batch, .weights = !s->decode);
    check(orion_train_model_graph(model, options, NULL, diag, &graph), diag);
    orion_train_model_unref(&model);
    if (s->decode) return graph;
    check(orion_ir_grad(graph, NULL, NULL, diag, &backward), diag);
    orion_ir_graph_destroy(&graph);
    return backward;
}

/* Fill a tensor with small numbers, or tokens and positions that exist. */
static void fill(const settings *s, orion_ane_tensor *t, const char *name, orion_diag *diag) {
    orion_ir_type type = orion_ane_tensor_type(t);
    size_t n = (size_t)orion_ir_type_elements(&type);
    void *data = malloc(n * 4);
    if (data == NULL) exit(1);
    for (size_t i = 0; i < n; i++) {
        if (type.dtype != ORION_IR_I32) {
            ((float *)data)[i] = (float)((i * 7919) % 1000) * 1e-4f - 0.05f;
        } else {
            bool position = strcmp(name, "position") == 0;
            ((int32_t *)data)[i] = position ? (int32_t)s->position : (int32_t)(i * 31 % 200);
        }
    }
    check(orion_ane_tensor_write(t, (orion_ir_dtype)type.dtype, data, n * 4, diag), diag);
    free(data);
}

static orion_ane_run *bind(const settings *s, orion_ane_program *program, orion_diag *diag) {
    orion_ane_run *run;
    orion_ane_tensor *tensors[4096];
    size_t count = orion_ane_program_port_count(program);
    if (count > ORN_COUNT(tensors)) exit(1);
    check(orion_ane_run_create(program, &run), diag);
    for (size_t i = 0; i < count; i++) {
        orion_ane_port port = {.size = sizeof port};
        check(orion_ane_program_port(program, i, &port), diag);
        if (port.alias != 0) {
            tensors[i] = orion_ane_tensor_ref(tensors[port.alias - 1]);
        } else {
            check(orion_ane_tensor_create_for(program, port.name, diag, &tensors[i]), diag);
        }
        if (!port.is_output) fill(s, tensors[i], port.name, diag);
        check(orion_ane_run_bind(run, port.name, tensors[i], diag), diag);
    }
    for (size_t i = 0; i < count; i++) orion_ane_tensor_unref(&tensors[i]);
    return run;
}

static double flops_of(const cpu_step *step) {
    if (step->run != cpu_step_gemm) return 0;
    const cpu_gemm *g = step->desc;
    double flops = 2.0 * (double)g->m * (double)g->n * (double)g->k;
    for (uint32_t i = 0; i < g->batch_rank; i++) flops *= (double)g->batch[i];
    return flops;
}

static void describe(const cpu_step *step, double ns) {
    printf("%9.1f us  %-14s %-24s", ns / 1e3, orion_ir_op_find((orion_ir_op)step->op)->name,
           step->subject == NULL ? "" : step->subject);
    if (step->run == cpu_step_gemm) {
        const cpu_gemm *g = step->desc;
        printf(" %lld x %lld x %lld%s%s%s batch", (long long)g->m, (long long)g->n, (long long)g->k,
               g->trans_a ? " ta" : "", g->trans_b ? " tb" : "", g->accumulate ? " +=" : "");
        for (uint32_t i = 0; i < g->batch_rank; i++) printf(" %lld", (long long)g->batch[i]);
        printf("  %.1f GFLOP/s", flops_of(step) / ns);
    } else if (step->run == cpu_step_chain) {
        printf(" %u nodes, %u operands", step->nodes, step->count);
    } else if (step->run == cpu_step_copy) {
        const cpu_copy *c = step->desc;
        for (uint32_t i = 0; i < c->rank; i++) printf(" %lld", (long long)c->dims[i]);
    }
    putchar('\n');
}

static int by_time(const void *a, const void *b) {
    double x = ((const line *)a)->ns, y = ((const line *)b)->ns;
    return x < y ? 1 : x > y ? -1 : 0;
}

static void measure(const settings *s, const cpu_run *run) {
    const cpu_plan *plan = run->plan;
    line lines[OPS] = {{0}};
    double *best = malloc((plan->step_count + 1) * sizeof *best), total = 0, flops = 0;
    if (best == NULL) exit(1);
    cpu_context x = cpu_run_context(run, NULL);
    for (uint32_t round = 0; round < s->rounds; round++) {
        for (size_t i = 0; i < plan->step_count; i++) {
            double begin = now();
            if (cpu_run_step(run, &x, &plan->steps[i]) != CPU_INDICES_OK) exit(1);
            double ns = now() - begin;
            if (round == 0 || ns < best[i]) best[i] = ns;
        }
    }
    for (size_t i = 0; i < plan->step_count; i++) {
        const cpu_step *step = &plan->steps[i];
        line *l = &lines[step->run == cpu_step_copy    ? OPS - 1
                         : step->run == cpu_step_chain ? OPS - 2
                                                       : step->op % OPS];
        l->op = step->op;
        l->steps++;
        l->ns += best[i];
        l->flops += flops_of(step);
        total += best[i];
        flops += flops_of(step);
        if (s->list != 0) describe(step, best[i]);
    }
    lines[OPS - 1].op = lines[OPS - 2].op = OPS;
    const char *names[] = {"(chain)", "(copy)"};
    for (size_t i = 0; i < 2; i++) lines[OPS - 2 + i].op = OPS + (uint32_t)i;
    qsort(lines, OPS, sizeof *lines, by_time);
    printf("\n%-16s %6s %12s %7s %9s\n", "op", "steps", "us", "share", "GFLOP/s");
    for (size_t i = 0; i < OPS && lines[i].steps != 0; i++) {
        const line *l = &lines[i];
        const char *name =
            l->op >= OPS ? names[l->op - OPS] : orion_ir_op_find((orion_ir_op)l->op)->name;
        printf("%-16s %6u %12.1f %6.1f%% %9.1f\n", name, l->steps, l->ns / 1e3, 100 * l->ns / total,
               l->flops / l->ns);
    }
    printf("%-16s %6zu %12.1f %7s %9.1f\n", "all", plan->step_count, total / 1e3, "",
           flops / total);
    free(best);
}

int main(int argc, char **argv) {
    settings s = {.config = {.size = sizeof s.config}, .threads = 1, .rounds = 5, .position = 100};
    if (parse(&s, argc, argv) != 0) {
        fputs("usage: bench-steps train|decode [--dim N] [--hidden N] [--layers N] [--heads N]\n"
              "         [--kv-heads N] [--vocab N] [--context N] [--batch N] [--threads N]\n"
              "         [--rounds N] [--position N] [--list 1]\n",
              stderr);
        return 2;
    }
    orion_diag *diag;
    orion_ane_device *device;
    orion_ane_program *program;
    if (orion_diag_create(NULL, &diag) != ORION_OK) return 1;
    check(orion_ane_device_open(orion_ane_device_options(.threads = s.threads), diag, &device),
          diag);
    orion_ir_graph *graph = make_graph(&s, diag);
    double begin = now();
    check(orion_ane_program_compile_graph(device, graph, diag, &program), diag);
    double compiled = now();
    orion_ane_run *run = bind(&s, program, diag);
    check(orion_ane_run_execute(run, diag), diag);
    orion_ane_program_stats stats = {.size = sizeof stats};
    check(orion_ane_program_get_stats(program, &stats), diag);
    measure(&s, run->state);
    printf("compiled in %.1f ms; %llu nodes, %llu steps (%llu reference), %llu fused; workspace "
           "%.2f MB of %.2f MB, constants %.2f MB, packed %.2f MB\n",
           (compiled - begin) / 1e6, (unsigned long long)stats.nodes,
           (unsigned long long)stats.steps, (unsigned long long)stats.reference_steps,
           (unsigned long long)stats.fused_nodes, (double)stats.workspace_bytes / 1e6,
           (double)stats.value_bytes / 1e6, (double)stats.constant_bytes / 1e6,
           (double)stats.packed_bytes / 1e6);
    orion_ane_run_destroy(&run);
    orion_ane_program_unref(&program);
    orion_ane_device_unref(&device);
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    return 0;
}
