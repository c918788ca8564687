/* SPDX-License-Identifier: MIT */
/* Write text with a model, piece by piece: 06-generate [WEIGHTS TOKENIZER [PROMPT]], files of
 * llama2.c. Without files the model is random, and so is what it writes. */
#include <orion/train.h>
#include <stdio.h>
#include <string.h>

enum { TOKENS = 100 };

/* Called for every piece of text as soon as it is known. */
static int print(void *ctx, const char *bytes, size_t length, int32_t token) {
    (void)ctx;
    (void)token;
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)bytes[i];
        putchar(c < ' ' && c != '\n' ? '.' : c); /* control characters would upset a terminal */
    }
    return fflush(stdout); /* nonzero ends the generation */
}

static orion_status load(char **files, orion_diag *diag, orion_train_model **out_model,
                         orion_train_tokenizer **out_tokenizer) {
    orion_train_model_config config = {.size = sizeof config};
    if (files == NULL) {
        orion_status s = orion_train_model_create_random(
            orion_train_model_config(.dim = 64, .layers = 2), 1, NULL, diag, out_model);
        return s != ORION_OK ? s : orion_train_tokenizer_create_bytes(NULL, out_tokenizer);
    }
    orion_status s = orion_train_model_load_llama2c(files[0], NULL, diag, out_model);
    if (s == ORION_OK) s = orion_train_model_get_config(*out_model, &config);
    if (s != ORION_OK) return s;
    return orion_train_tokenizer_load_llama2c(files[1], config.vocab, NULL, diag, out_tokenizer);
}

int main(int argc, char **argv) {
    orion_diag *diag = NULL;
    orion_train_model *model = NULL;
    orion_train_tokenizer *tokenizer = NULL;
    orion_ane_device *device = NULL;
    orion_train_generator *generator = NULL;
    orion_train_generate_result result = {.size = sizeof result};
    const char *prompt = argc > 3 ? argv[3] : "Once upon a time";
    const orion_writer err = orion_writer_fd(2);

    orion_status s = orion_diag_create(NULL, &diag);
    if (s == ORION_OK) s = load(argc > 2 ? argv + 1 : NULL, diag, &model, &tokenizer);
    if (s == ORION_OK)
        s = orion_ane_device_open(orion_ane_device_options(.threads = 2), diag, &device);
    if (s == ORION_OK) s = orion_train_generator_create(model, device, NULL, diag, &generator);
    if (s == ORION_OK) {
        s = orion_train_generate(generator, tokenizer, prompt, strlen(prompt),
                                 orion_train_generate_options(.piece = print, .temperature = 0.8,
                                                              .top_p = 0.9, .max_tokens = TOKENS),
                                 diag, &result);
    }
    if (s == ORION_OK) {
        double seconds = 1e-9 * (double)(result.prompt_ns + result.new_ns);
        printf("\n%llu tokens in %.3f s\n", (unsigned long long)result.new_tokens, seconds);
    } else {
        fprintf(stderr, "%s\n", orion_status_string(s));
        if (orion_diag_print(diag, &err) != ORION_OK) fprintf(stderr, "(no diagnostics)\n");
    }
    orion_train_generator_destroy(&generator);
    orion_ane_device_unref(&device);
    orion_train_tokenizer_unref(&tokenizer);
    orion_train_model_unref(&model);
    orion_diag_destroy(&diag);
    return s == ORION_OK ? 0 : 1;
}
