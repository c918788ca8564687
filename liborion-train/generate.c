/* SPDX-License-Identifier: MIT */
/* Text from a prompt: feed, choose, hand out the piece, until there is a reason to stop. */
#define _POSIX_C_SOURCE 200809L
#include "generator-internal.h"

#include <time.h>

typedef struct generation {
    orion_train_generator *g;
    const orion_train_tokenizer *tokenizer;
    orion_train_generate_options options;
    orion_train_generate_result result;
    int32_t last; /* the token before the next one; -1: none */
} generation;

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static orion_status check(const generation *x, orion_diag *diag) {
    TRY(train_tokenizer_check(x->tokenizer, x->g->model, diag));
    if (!(x->options.temperature >= 0)) {
        ORN_ERROR(diag, TRAIN_OPTION, "temperature", "temperature is negative or not a number");
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    if (!(x->options.top_p >= 0 && x->options.top_p <= 1)) {
        ORN_ERROR(diag, TRAIN_OPTION, "top_p", "top_p is not from 0 to 1");
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    return ORION_OK;
}

/* Hand out the text of a token. False: the callback wants no more. */
static bool emit(generation *x, int32_t token) {
    size_t length;
    const char *bytes = orion_train_tokenizer_piece(x->tokenizer, x->last, token, &length);
    x->last = token;
    return length == 0 || x->options.piece == NULL ||
           x->options.piece(x->options.ctx, bytes, length, token) == 0;
}

static orion_status read_prompt(generation *x, const int32_t *tokens, size_t count,
                                orion_diag *diag) {
    uint64_t start = now();
    TRY(orion_train_generator_feed(x->g, tokens, count, diag));
    x->result.prompt_ns = now() - start;
    return ORION_OK;
}

/* Models end a text with the end token, or begin the next one. */
static bool ends(const generation *x, int32_t token) {
    return token == orion_train_tokenizer_eos(x->tokenizer) ||
           token == orion_train_tokenizer_bos(x->tokenizer);
}

/* A token a round. The last one is not fed: nobody asks for the logits behind it. */
static orion_status write_text(generation *x, orion_diag *diag) {
    orion_train_generator *g = x->g;
    uint32_t vocab = g->model->config.vocab;
    uint64_t most = g->context - g->position;
    x->result.stop = ORION_TRAIN_STOP_CONTEXT;
    if (x->options.max_tokens != 0 && x->options.max_tokens <= most) {
        most = x->options.max_tokens;
        x->result.stop = ORION_TRAIN_STOP_MAX_TOKENS;
    }
    while (x->result.new_tokens < most) {
        int32_t token = orion_train_sample(g->row, vocab, &x->options, g->position, g->row + vocab);
        if (ends(x, token)) {
            x->result.stop = ORION_TRAIN_STOP_END;
            return ORION_OK;
        }
        x->result.new_tokens++;
        if (!emit(x, token)) {
            x->result.stop = ORION_TRAIN_STOP_CALLBACK;
            return ORION_OK;
        }
        if (x->result.new_tokens < most) TRY(orion_train_generator_feed(g, &token, 1, diag));
    }
    return ORION_OK;
}

/* The prompt is handed out first, so that a reader sees it while the device works on it. */
static orion_status run(generation *x, const int32_t *tokens, size_t count, orion_diag *diag) {
    orion_train_generator_reset(x->g);
    if (count > x->g->context) {
        ORN_ERROR(diag, TRAIN_CONTEXT, "prompt", "the prompt has %zu tokens, the context %u", count,
                  x->g->context);
        return ORION_ERROR_BUDGET;
    }
    x->result.prompt_tokens = count;
    for (size_t i = 0; i < count; i++) {
        if (!emit(x, tokens[i])) {
            x->result.stop = ORION_TRAIN_STOP_CALLBACK;
            return ORION_OK;
        }
    }
    TRY(read_prompt(x, tokens, count, diag));
    uint64_t start = now();
    orion_status status = write_text(x, diag);
    x->result.new_ns = now() - start;
    return status;
}

orion_status orion_train_generate(orion_train_generator *generator,
                                  const orion_train_tokenizer *tokenizer, const char *prompt,
                                  size_t prompt_length, const orion_train_generate_options *options,
                                  orion_diag *diag, orion_train_generate_result *out_result) {
    generation x = {.g = generator, .tokenizer = tokenizer, .last = -1};
    if (out_result != NULL) TRY(orn_fill_sized(&x.result, out_result, sizeof x.result));
    TRY(orn_check_size(options, &x.options, sizeof x.options));
    TRY(check(&x, diag));
    size_t bytes;
    if (!orn_add(prompt_length, ORION_TRAIN_TOKENS_MAX(0), &bytes) ||
        !orn_mul(bytes, sizeof(int32_t), &bytes)) {
        return ORION_ERROR_NO_MEMORY;
    }
    int32_t *tokens = orn_alloc(&generator->allocator, bytes);
    if (tokens == NULL) return ORION_ERROR_NO_MEMORY;
    size_t count;
    orion_status status =
        orion_train_tokenizer_encode(tokenizer, prompt, prompt_length, 1, tokens, &count);
    if (status == ORION_OK) status = run(&x, tokens, count, diag);
    orn_free(&generator->allocator, tokens, bytes);
    if (status == ORION_OK && out_result != NULL) {
        return orn_fill_sized(&x.result, out_result, sizeof x.result);
    }
    return status;
}
