/* SPDX-License-Identifier: MIT */
/* `orion generate`: write text with a model, piece by piece as it comes. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const command generate_command = {
    .name = "generate",
    .summary = "write text with a model",
    .usage = "orion generate --checkpoint FILE [--prompt TEXT] [options]\n"
             "       orion generate --weights FILE --tokenizer FILE [--prompt TEXT] [options]",
    .details =
        "Writes the prompt and its continuation to standard output, each piece as soon as it is\n"
        "known, until the model ends the text, --max-tokens are written or the context is full.\n"
        "The same options give the same text with any number of threads, on machines of one kind\n"
        "with one build of Orion. Others may round differently, which can turn a word.",
    .examples = "  orion generate --checkpoint out/model.safetensors --prompt \"One day \"\n"
                "  orion generate --weights stories260K.bin --tokenizer tok512.bin --temperature 0",
};

/* Where the pieces go. */
typedef struct sink {
    record json;
    char *text; /* with --json: all pieces */
    size_t size, capacity;
    bool failed;
} sink;

static bool keep_text(sink *out, const char *bytes, size_t n) {
    if (n > out->capacity - out->size) {
        size_t capacity = (out->size + n) * 2;
        char *text = realloc(out->text, capacity);
        if (text == NULL) return false;
        out->text = text;
        out->capacity = capacity;
    }
    if (n != 0) memcpy(out->text + out->size, bytes, n);
    out->size += n;
    return true;
}

static int on_piece(void *ctx, const char *bytes, size_t n, int32_t token) {
    sink *out = ctx;
    bool fine;
    if (out->json.output) {
        record_begin(&out->json, "piece");
        record_count(&out->json, "token", (uint64_t)token);
        record_text(&out->json, "text", bytes, n);
        fine = record_end(&out->json) && keep_text(out, bytes, n);
    } else {
        fine = write_text(bytes, n);
    }
    if (!fine) out->failed = true;
    return !fine || interrupted();
}

static const char *stop_name(uint32_t stop) {
    switch ((orion_train_stop)stop) {
    case ORION_TRAIN_STOP_MAX_TOKENS: return "max_tokens";
    case ORION_TRAIN_STOP_END: return "end";
    case ORION_TRAIN_STOP_CONTEXT: return "context";
    case ORION_TRAIN_STOP_CALLBACK: break;
    }
    return "interrupted";
}

static bool finish(sink *out, const orion_train_generate_result *result) {
    double seconds = 1e-9 * (double)result->new_ns;
    double rate = seconds > 0 ? (double)result->new_tokens / seconds : 0;
    char count[32];
    if (out->json.output) {
        const char *stop = stop_name(result->stop);
        record_begin(&out->json, "end");
        record_text(&out->json, "text", out->text, out->size);
        record_count(&out->json, "prompt_tokens", result->prompt_tokens);
        record_count(&out->json, "new_tokens", result->new_tokens);
        record_text(&out->json, "stop", stop, strlen(stop));
        record_number(&out->json, "tokens_per_second", rate, 6);
        return record_end(&out->json);
    }
    /* A pipe or file gets the text alone; on a terminal the next prompt starts on its own line. */
    if (isatty(STDOUT_FILENO) && !write_output("\n", 1)) return false;
    fprintf(stderr, "%s %s, ", format_count(count, (double)result->new_tokens),
            result->new_tokens == 1 ? "token" : "tokens");
    fprintf(stderr, "%s tokens/s\n", format_count(count, rate));
    return true;
}

static int generate(session *s, const char *prompt, orion_train_generate_options *how, sink *out) {
    orion_train_generator *generator = NULL;
    orion_train_generate_result result = {.size = sizeof result};
    orion_status status =
        orion_train_generator_create(s->model, s->device, NULL, s->diag, &generator);
    if (status == ORION_OK) {
        catch_interrupts();
        status = orion_train_generate(generator, s->tokenizer, prompt, strlen(prompt), how, s->diag,
                                      &result);
    }
    orion_train_generator_destroy(&generator);
    if (report(s->diag, status, "generate") != EXIT_DONE || out->failed) return EXIT_FAILED;
    if (!finish(out, &result)) return EXIT_FAILED;
    return interrupted() ? EXIT_INTERRUPTED : EXIT_DONE;
}

int cmd_generate(int argc, char **argv) {
    session s = {0};
    sink out = {0};
    const char *prompt = "";
    uint64_t max_tokens = 0, seed = 1;
    double temperature = 0.8, top_p = 0.9;
    option_list list = {.command = &generate_command};
    option_text(&list, "prompt", "TEXT", "what the text begins with [nothing]", &prompt);
    option_count(&list, "max-tokens", "most tokens to write; 0: what the context holds [0]",
                 &max_tokens, 0, UINT32_MAX);
    option_number(&list, "temperature", "T", "0: always the likeliest token [0.8]", &temperature, 0,
                  100);
    option_number(&list, "top-p", "P", "choose among the likeliest tokens of this mass [0.9]",
                  &top_p, 0, 1);
    option_count(&list, "seed", "of the choices [1]", &seed, 0, UINT64_MAX);
    session_options(&s, &list);
    option_flag(&list, "json", "one JSON object per piece, then one for the whole",
                &out.json.output);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!session_has_model(&s, generate_command.name)) return EXIT_USAGE;

    int code = session_open(&s);
    if (code == EXIT_DONE) code = session_load(&s);
    if (code == EXIT_DONE) {
        orion_train_generate_options how = {
            .size = sizeof how,
            .piece = on_piece,
            .ctx = &out,
            .temperature = temperature,
            .top_p = top_p,
            .seed = seed,
            .max_tokens = (uint32_t)max_tokens,
        };
        code = generate(&s, prompt, &how, &out);
    }
    free(out.text);
    session_close(&s);
    return code;
}
