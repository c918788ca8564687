/* SPDX-License-Identifier: MIT */
/* The device, model and tokenizer that a command line asks for. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <unistd.h>

enum { THREADS_MAX = 256 };

static uint64_t processors(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > THREADS_MAX ? THREADS_MAX : (uint64_t)n;
}

void session_options(session *s, option_list *list) {
    s->device_name = "auto";
    s->threads = processors();
    option_text(list, "weights", "FILE", "llama2.c weights (.bin); they need --tokenizer",
                &s->weights);
    option_text(list, "checkpoint", "FILE", "a model of 'orion train' (.safetensors)",
                &s->checkpoint);
    option_text(list, "tokenizer", "FILE", "llama2.c tokenizer (tokenizer.bin)",
                &s->tokenizer_path);
    option_text(list, "device", "NAME",
                "where to compute: auto, cpu, ane-objc, ane-e5rt, emulator [auto]",
                &s->device_name);
    option_count(list, "threads", "processor threads; never change a result [all processors]",
                 &s->threads, 1, THREADS_MAX);
}

int session_open(session *s) {
    orion_status status = orion_diag_create(NULL, &s->diag);
    if (status != ORION_OK) return report(NULL, status, "start");
    status = find_device(s->device_name, s->threads, s->diag, &s->device);
    if (status == ORION_ERROR_NOT_FOUND) {
        report(s->diag, status, s->device_name);
        return EXIT_USAGE;
    }
    return report(s->diag, status, "open the device");
}

bool session_has_model(const session *s, const char *name) {
    if (s->weights != NULL && s->checkpoint != NULL) {
        complain("%s: give --weights or --checkpoint, not both", name);
    } else if (s->weights == NULL && s->checkpoint == NULL) {
        complain("%s: give --weights FILE or --checkpoint FILE; try 'orion %s --help'", name, name);
    } else {
        return true;
    }
    return false;
}

int session_load(session *s) {
    const char *path = s->weights != NULL ? s->weights : s->checkpoint;
    orion_status status;
    if (s->weights != NULL) {
        status = orion_train_model_load_llama2c(path, NULL, s->diag, &s->model);
    } else {
        status = orion_train_model_load_checkpoint(path, NULL, s->diag, &s->model, &s->tokenizer);
    }
    if (report(s->diag, status, path) != EXIT_DONE) return EXIT_FAILED;

    orion_train_model_config config = {.size = sizeof config};
    status = orion_train_model_get_config(s->model, &config);
    if (report(s->diag, status, path) != EXIT_DONE) return EXIT_FAILED;
    if (s->tokenizer_path != NULL) {
        orion_train_tokenizer_unref(&s->tokenizer);
        status = orion_train_tokenizer_load_llama2c(s->tokenizer_path, config.vocab, NULL, s->diag,
                                                    &s->tokenizer);
        return report(s->diag, status, s->tokenizer_path);
    }
    if (s->tokenizer != NULL) return EXIT_DONE;
    if (config.vocab != ORION_TRAIN_BYTE_VOCAB) {
        complain("%s does not say how its %u tokens are spelt; add --tokenizer FILE", path,
                 config.vocab);
        return EXIT_USAGE;
    }
    status = orion_train_tokenizer_create_bytes(NULL, &s->tokenizer);
    return report(s->diag, status, "make the byte tokenizer");
}

void session_close(session *s) {
    orion_train_tokenizer_unref(&s->tokenizer);
    orion_train_model_unref(&s->model);
    orion_ane_device_unref(&s->device);
    orion_diag_destroy(&s->diag);
}
