/* SPDX-License-Identifier: MIT */
/* Train a tiny model on made-up stories for a few seconds and let it write: 04-train-tiny
 * [CHECKPOINT], which is where to save it. */
#include <orion/train.h>
#include <stdio.h>

enum { STEPS = 120, EVERY = 20 };

/* All that a run takes; the trainer keeps references to what it needs. */
typedef struct run {
    orion_diag *diag;
    orion_ane_device *device;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
    orion_train_data *data;
    orion_train_trainer *trainer;
} run;

static orion_status prepare(run *r) {
    orion_status s = orion_diag_create(NULL, &r->diag);
    if (s == ORION_OK)
        s = orion_ane_device_open(orion_ane_device_options(.threads = 2), r->diag, &r->device);
    if (s == ORION_OK) {
        s = orion_train_model_create_random(
            orion_train_model_config(.dim = 64, .layers = 2, .context = 64), 1, NULL, r->diag,
            &r->model);
    }
    if (s == ORION_OK) s = orion_train_tokenizer_create_bytes(NULL, &r->tokenizer);
    if (s == ORION_OK) {
        s = orion_train_data_create_stories(r->tokenizer, 1, 100000, NULL, r->diag, &r->data);
    }
    if (s == ORION_OK) {
        s = orion_train_trainer_create(r->model, r->tokenizer, r->data, r->device,
                                       orion_train_options(.steps = STEPS, .batch = 8), r->diag,
                                       &r->trainer);
    }
    return s;
}

static orion_status train(run *r) {
    orion_train_step step = {.size = sizeof step};
    printf("knowing only how often each letter occurs: %.2f nats per letter\n",
           orion_train_data_unigram_entropy(r->data));
    for (int i = 0; i < STEPS; i++) {
        orion_status s = orion_train_trainer_step(r->trainer, r->diag, &step);
        if (s != ORION_OK) return s;
        if (step.step == 1 || step.step % EVERY == 0)
            printf("step %3llu  loss %.3f\n", (unsigned long long)step.step, step.loss);
    }
    return ORION_OK;
}

static int print(void *ctx, const char *bytes, size_t length, int32_t token) {
    (void)token;
    return fwrite(bytes, 1, length, ctx) != length; /* nonzero ends the generation */
}

/* The weights as they are now, on the same device. */
static orion_status write_something(run *r) {
    orion_train_model *model = NULL;
    orion_train_generator *generator = NULL;
    orion_status s = orion_train_trainer_model(r->trainer, &model);
    if (s == ORION_OK)
        s = orion_train_generator_create(model, r->device, NULL, r->diag, &generator);
    if (s == ORION_OK) {
        s = orion_train_generate(generator, r->tokenizer, "", 0,
                                 orion_train_generate_options(.piece = print, .ctx = stdout,
                                                              .temperature = 0.5, .seed = 1),
                                 r->diag, NULL);
        printf("\n");
    }
    orion_train_generator_destroy(&generator);
    orion_train_model_unref(&model);
    return s;
}

int main(int argc, char **argv) {
    run r = {0};
    const orion_writer err = orion_writer_fd(2);
    orion_status s = prepare(&r);
    if (s == ORION_OK) s = train(&r);
    if (s == ORION_OK) s = write_something(&r);
    if (s == ORION_OK && argc > 1) s = orion_train_trainer_save(r.trainer, argv[1], r.diag);
    if (s != ORION_OK) {
        fprintf(stderr, "%s\n", orion_status_string(s));
        if (orion_diag_print(r.diag, &err) != ORION_OK) return 2;
    }
    orion_train_trainer_destroy(&r.trainer);
    orion_train_data_unref(&r.data);
    orion_train_tokenizer_unref(&r.tokenizer);
    orion_train_model_unref(&r.model);
    orion_ane_device_unref(&r.device);
    orion_diag_destroy(&r.diag);
    return s == ORION_OK ? 0 : 1;
}
