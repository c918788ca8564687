/* SPDX-License-Identifier: MIT */
/* `orion eval`: how well a model predicts a text, in nats per token. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <math.h>

static const command eval_command = {
    .name = "eval",
    .summary = "measure a model on a text",
    .usage = "orion eval --checkpoint FILE --data FILE [options]\n"
             "       orion eval --weights FILE --tokenizer FILE --data FILE [options]",
    .details = "Prints the mean negative log-likelihood per token in nats, and the perplexity,\n"
               "which is its exponential. Documents of the text are separated by <|endoftext|>;\n"
               "each is predicted by itself, from the begin token on.",
    .examples =
        "  orion eval --checkpoint out/model.safetensors --data text.txt\n"
        "  orion eval --weights stories260K.bin --tokenizer tok512.bin --data text.txt --json",
};

static int on_progress(void *ctx, uint64_t done, uint64_t total) {
    progress *bar = ctx;
    if (bar->what == NULL) progress_begin(bar, "eval", 0, total);
    progress_update(bar, done, "documents");
    return interrupted();
}

static int print_result(const orion_train_eval_result *result, bool json) {
    double nats = result->nats / (double)result->tokens;
    record r = {.output = true};
    char line[256], documents[32], tokens[32];
    if (json) {
        record_begin(&r, "eval");
        record_number(&r, "nats_per_token", nats, 9);
        record_number(&r, "perplexity", exp(nats), 9);
        record_count(&r, "tokens", result->tokens);
        record_count(&r, "documents", result->documents);
        return record_end(&r) ? EXIT_DONE : EXIT_FAILED;
    }
    int n = snprintf(line, sizeof line,
                     "%.4f nats/token, perplexity %.4f (%s tokens in %s documents)\n", nats,
                     exp(nats), format_count(tokens, (double)result->tokens),
                     format_count(documents, (double)result->documents));
    return write_output(line, (size_t)n) ? EXIT_DONE : EXIT_FAILED;
}

static int evaluate(session *s, const char *path, const orion_train_eval_options *how,
                    progress *bar, bool json) {
    orion_blob *text = NULL;
    orion_train_eval_result result = {.size = sizeof result};
    orion_status status = orion_blob_map_file(path, NULL, s->diag, &text);
    if (status == ORION_OK) {
        catch_interrupts();
        status = orion_train_evaluate(s->model, s->tokenizer, s->device, orion_blob_data(text),
                                      orion_blob_size(text), how, s->diag, &result);
    }
    orion_blob_unref(&text);
    if (bar->what != NULL) progress_clear(bar);
    if (status == ORION_ERROR_CANCELLED) return EXIT_INTERRUPTED;
    if (report(s->diag, status, path) != EXIT_DONE) return EXIT_FAILED;
    return print_result(&result, json);
}

int cmd_eval(int argc, char **argv) {
    session s = {0};
    progress bar = {0};
    const char *data = NULL;
    uint64_t length = 0, batch = 0;
    bool json = false;
    option_list list = {.command = &eval_command};
    option_text(&list, "data", "FILE", "the text to predict", &data);
    option_count(&list, "length", "positions that count per document [the model's context]",
                 &length, 1, UINT32_MAX);
    option_count(&list, "batch", "documents at once [8]", &batch, 1, UINT32_MAX);
    session_options(&s, &list);
    option_flag(&list, "json", "print one JSON object", &json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!session_has_model(&s, eval_command.name)) return EXIT_USAGE;
    if (data == NULL) {
        complain("eval: give --data FILE; try 'orion eval --help'");
        return EXIT_USAGE;
    }
    int code = session_open(&s);
    if (code == EXIT_DONE) code = session_load(&s);
    if (code == EXIT_DONE) {
        orion_train_eval_options how = {
            .size = sizeof how,
            .batch = (uint32_t)batch,
            .length = (uint32_t)length,
            .progress = on_progress,
            .ctx = &bar,
        };
        code = evaluate(&s, data, &how, &bar, json);
    }
    session_close(&s);
    return code;
}
