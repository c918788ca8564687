/* SPDX-License-Identifier: MIT */
/*
 * How fast a model writes, one token after the other, and how fast a peer does in the same minute.
 *
 *   bench-decode --weights stories260K.bin --peer 'llama2.c/run {weights} -t 0 -n {tokens}'
 *   bench-decode --dim 288 --layers 6 --heads 6 --vocab 32000 --threads 2 --peer '...'
 *
 * Without --weights the model is random, of the shape given, and written as a llama2.c file (with a
 * tokenizer.bin of as many tokens), so that both read the same weights. In the peer's command
 * {weights}, {tokenizer}, {tokens} and {threads} are replaced; it must print "achieved tok/s: N" as
 * llama2.c's run does. Both choose greedily from the begin token on. Rounds alternate; medians and
 * their ratio are printed.
 */
#define _XOPEN_SOURCE 700
#include <orion/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 99, PATH_BYTES = 512, COMMAND_BYTES = 4096, BEGIN = 1 };

typedef struct settings {
    const char *weights, *tokenizer, *peer;
    orion_train_model_config config;
    uint32_t threads, tokens, rounds;
} settings;

typedef struct bench {
    settings s;
    orion_diag *diag;
    orion_train_model *model;
    orion_ane_device *device;
    orion_train_generator *generator;
    char folder[64], weights[PATH_BYTES], tokenizer[PATH_BYTES];
} bench;

/* ---- command line ---- */

static int usage(void) {
    fputs("usage: bench-decode [--weights FILE [--tokenizer FILE]]\n"
          "         [--dim N] [--hidden N] [--layers N] [--heads N] [--kv-heads N] [--vocab N]\n"
          "         [--context N] [--untied 1] [--threads N] [--tokens N] [--rounds N]\n"
          "         [--peer 'COMMAND with {weights} {tokenizer} {tokens} {threads}']\n",
          stderr);
    return 2;
}

static int parse(settings *s, int argc, char **argv) {
    struct {
        const char *name;
        uint32_t *number;
        const char **text;
    } options[] = {
        {"--weights", NULL, &s->weights},
        {"--tokenizer", NULL, &s->tokenizer},
        {"--peer", NULL, &s->peer},
        {"--dim", &s->config.dim, NULL},
        {"--hidden", &s->config.hidden, NULL},
        {"--layers", &s->config.layers, NULL},
        {"--heads", &s->config.heads, NULL},
        {"--kv-heads", &s->config.kv_heads, NULL},
        {"--vocab", &s->config.vocab, NULL},
        {"--context", &s->config.context, NULL},
        {"--untied", &s->config.untied, NULL},
        {"--threads", &s->threads, NULL},
        {"--tokens", &s->tokens, NULL},
        {"--rounds", &s->rounds, NULL},
    };
    const size_t count = sizeof options / sizeof options[0];
    for (int i = 1; i < argc; i += 2) {
        size_t k = 0;
        while (k < count && strcmp(argv[i], options[k].name) != 0) k++;
        if (k == count || i + 1 == argc) return 0;
        if (options[k].text != NULL) {
            *options[k].text = argv[i + 1];
        } else {
            char *end;
            *options[k].number = (uint32_t)strtoul(argv[i + 1], &end, 10);
            if (*end != '\0') return 0;
        }
    }
    return s->rounds >= 1 && s->rounds <= ROUNDS_MAX && s->tokens >= 2;
}

/* ---- the model ---- */

static int complain(const bench *b, const char *what) {
    orion_writer out = orion_writer_fd(STDERR_FILENO);
    fprintf(stderr, "bench-decode: cannot %s\n", what);
    if (orion_diag_print(b->diag, &out) != ORION_OK) fputs("out of memory\n", stderr);
    return 1;
}

/* A tokenizer.bin in which every token but the bytes is called "w". */
static int write_tokenizer(const char *path, uint32_t vocab) {
    FILE *f = fopen(path, "wb");
    if (f == NULL) return 0;
    const uint32_t longest = 6;
    fwrite(&longest, 4, 1, f);
    for (uint32_t i = 0; i < vocab; i++) {
        char piece[8] = "w";
        const float score = 0;
        if (i >= 3 && i < 259) snprintf(piece, sizeof piece, "<0x%02X>", i - 3);
        uint32_t length = (uint32_t)strlen(piece);
        fwrite(&score, 4, 1, f);
        fwrite(&length, 4, 1, f);
        fwrite(piece, 1, length, f);
    }
    return fclose(f) == 0;
}

/* Load the file, or make a random model and write it for the peer. */
static orion_status make_model(bench *b) {
    if (b->s.weights != NULL) {
        snprintf(b->weights, sizeof b->weights, "%s", b->s.weights);
        snprintf(b->tokenizer, sizeof b->tokenizer, "%s",
                 b->s.tokenizer == NULL ? "" : b->s.tokenizer);
        return orion_train_model_load_llama2c(b->weights, NULL, b->diag, &b->model);
    }
    orion_status status =
        orion_train_model_create_random(&b->s.config, 1, NULL, b->diag, &b->model);
    if (status != ORION_OK || b->s.peer == NULL) return status;
    snprintf(b->folder, sizeof b->folder, "/tmp/orion-bench-XXXXXX");
    if (mkdtemp(b->folder) == NULL) {
        b->folder[0] = '\0';
        return ORION_ERROR_IO;
    }
    snprintf(b->weights, sizeof b->weights, "%s/model.bin", b->folder);
    snprintf(b->tokenizer, sizeof b->tokenizer, "%s/tokenizer.bin", b->folder);
    status = orion_train_model_save_llama2c(b->model, b->weights, b->diag);
    orion_train_model_config c = {.size = sizeof c};
    if (status == ORION_OK) status = orion_train_model_get_config(b->model, &c);
    if (status != ORION_OK) return status;
    return write_tokenizer(b->tokenizer, c.vocab) ? ORION_OK : ORION_ERROR_IO;
}

static orion_status prepare(bench *b) {
    orion_status status = make_model(b);
    orion_train_model_config c = {.size = sizeof c};
    if (status == ORION_OK) status = orion_train_model_get_config(b->model, &c);
    if (status == ORION_OK && b->s.tokens > c.context) b->s.tokens = c.context;
    if (status == ORION_OK) {
        status = orion_ane_device_open(orion_ane_device_options(.threads = b->s.threads), b->diag,
                                       &b->device);
    }
    if (status == ORION_OK) {
        status = orion_train_generator_create(b->model, b->device,
                                              orion_train_generator_options(.prefill = 1), b->diag,
                                              &b->generator);
    }
    if (status == ORION_OK) {
        printf("dim %u, hidden %u, layers %u, heads %u/%u, vocab %u: %.1f M parameters; "
               "%u tokens, %u threads\n",
               c.dim, c.hidden, c.layers, c.heads, c.kv_heads, c.vocab,
               (double)orion_train_model_elements(b->model) / 1e6, b->s.tokens,
               orion_ane_device_threads(b->device));
    }
    return status;
}

static void release(bench *b) {
    orion_train_generator_destroy(&b->generator);
    orion_ane_device_unref(&b->device);
    orion_train_model_unref(&b->model);
    orion_diag_destroy(&b->diag);
    if (b->folder[0] == '\0') return;
    unlink(b->weights);
    unlink(b->tokenizer);
    rmdir(b->folder);
}

/* ---- rounds ---- */

static double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Tokens per second from the second token on, as llama2.c counts. */
static orion_status run_ours(bench *b, double *out_rate) {
    orion_train_model_config c = {.size = sizeof c};
    orion_status status = orion_train_model_get_config(b->model, &c);
    int32_t token = BEGIN;
    double start = 0;
    orion_train_generator_reset(b->generator);
    for (uint32_t i = 0; i < b->s.tokens && status == ORION_OK; i++) {
        status = orion_train_generator_feed(b->generator, &token, 1, b->diag);
        token =
            orion_train_sample(orion_train_generator_logits(b->generator), c.vocab, NULL, i, NULL);
        if (i == 0) start = seconds();
    }
    *out_rate = (b->s.tokens - 1) / (seconds() - start);
    return status;
}

/* The peer's command with its words filled in. */
static int make_command(const bench *b, char *out) {
    char tokens[16], threads[16];
    snprintf(tokens, sizeof tokens, "%u", b->s.tokens);
    snprintf(threads, sizeof threads, "%u", orion_ane_device_threads(b->device));
    const char *const words[][2] = {{"{weights}", b->weights},
                                    {"{tokenizer}", b->tokenizer},
                                    {"{tokens}", tokens},
                                    {"{threads}", threads}};
    size_t n = 0;
    for (const char *at = b->s.peer; *at != '\0';) {
        const char *text = at;
        size_t length = 1, step = 1;
        for (size_t i = 0; i < 4; i++) {
            size_t word = strlen(words[i][0]);
            if (strncmp(at, words[i][0], word) != 0) continue;
            text = words[i][1];
            length = strlen(text);
            step = word;
        }
        if (n + length + sizeof " 2>&1" > COMMAND_BYTES) return 0;
        memcpy(out + n, text, length);
        n += length;
        at += step;
    }
    memcpy(out + n, " 2>&1", sizeof " 2>&1");
    return 1;
}

static int run_peer(const char *command, double *out_rate) {
    static const char key[] = "achieved tok/s:";
    char line[8192];
    *out_rate = 0;
    FILE *f = popen(command, "r");
    if (f == NULL) return 0;
    while (fgets(line, sizeof line, f) != NULL) {
        const char *at = strstr(line, key);
        if (at != NULL) *out_rate = strtod(at + sizeof key - 1, NULL);
    }
    return pclose(f) == 0 && *out_rate > 0;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *rates, uint32_t count) {
    qsort(rates, count, sizeof *rates, compare);
    return (rates[(count - 1) / 2] + rates[count / 2]) / 2;
}

static int measure(bench *b) {
    double ours[ROUNDS_MAX], peers[ROUNDS_MAX];
    char command[COMMAND_BYTES];
    if (b->s.peer != NULL && !make_command(b, command)) return complain(b, "make the command");
    for (uint32_t i = 0; i < b->s.rounds; i++) {
        if (run_ours(b, &ours[i]) != ORION_OK) return complain(b, "run the model");
        printf("orion  %10.1f tok/s\n", ours[i]);
        if (b->s.peer == NULL) continue;
        if (!run_peer(command, &peers[i])) return complain(b, command);
        printf("peer   %10.1f tok/s\n", peers[i]);
    }
    double our_median = median(ours, b->s.rounds);
    printf("median of %u: orion %.1f tok/s", b->s.rounds, our_median);
    if (b->s.peer != NULL) {
        double peer_median = median(peers, b->s.rounds);
        printf(", peer %.1f tok/s, ratio %.2f", peer_median, our_median / peer_median);
    }
    putchar('\n');
    return 0;
}

int main(int argc, char **argv) {
    bench b = {
        .s = {.config = {.size = sizeof b.s.config}, .threads = 1, .tokens = 256, .rounds = 5}};
    if (!parse(&b.s, argc, argv)) return usage();
    if (orion_diag_create(NULL, &b.diag) != ORION_OK) return 1;
    int result = prepare(&b) == ORION_OK ? measure(&b) : complain(&b, "prepare the model");
    release(&b);
    return result;
}
