/* SPDX-License-Identifier: MIT */
/*
 * Fine-tuning a real model, step by step as PyTorch does it: record-finetune.py made finetune.txt
 * from the same files without any of Orion's code. Skipped where the data are absent.
 */
#include "train-support.h"

#include "util/util.h"

static void test_pytorch(void **state) {
    (void)state;
    const char *weights = test_data("stories260K/stories260K.bin");
    const char *vocabulary_path = test_data("stories260K/tok512.bin");
    const char *text = test_data("text/tinystories_smallGPT_944k.txt");
    bench b = bench_open();
    orion_train_data *data = NULL;
    orion_train_trainer *trainer = NULL;
    assert_ok(orion_train_model_load_llama2c(weights, NULL, b.diag, &b.model), b.diag);
    assert_ok(orion_train_tokenizer_load_llama2c(vocabulary_path, 512, NULL, b.diag, &b.tokenizer),
              b.diag);
    assert_ok(orion_train_data_load(text, b.tokenizer, NULL, b.diag, &data), b.diag);

    figures f = figures_open(test_source("train/finetune.txt"));
    orion_train_options o = {.size = sizeof o};
    figures_expect(&f, "run");
    o.steps = (uint64_t)figures_number(&f);
    o.warmup = (uint64_t)figures_number(&f);
    o.seed = (uint64_t)figures_number(&f);
    o.batch = (uint32_t)figures_number(&f);
    o.length = (uint32_t)figures_number(&f);
    o.accumulation = (uint32_t)figures_number(&f);
    figures_expect(&f, "adamw");
    double *const numbers[] = {&o.learning_rate, &o.learning_floor, &o.beta1, &o.beta2,
                               &o.epsilon,       &o.weight_decay,   &o.clip};
    for (size_t i = 0; i < ORN_COUNT(numbers); i++) *numbers[i] = figures_number(&f);
    figures_expect(&f, "tokens");
    size_t count;
    orion_train_data_tokens(data, &count);
    assert_int_equal(count, (size_t)figures_number(&f));

    assert_ok(
        orion_train_trainer_create(b.model, b.tokenizer, data, b.device, &o, b.diag, &trainer),
        b.diag);
    for (uint64_t i = 0; i < o.steps; i++) {
        figures_expect(&f, "step");
        double loss = figures_number(&f), norm = figures_number(&f);
        orion_train_step done = {.size = sizeof done};
        assert_ok(orion_train_trainer_step(trainer, b.diag, &done), b.diag);
        assert_doubles_near(&done.loss, &loss, 1, 1e-3, 0);
        assert_doubles_near(&done.gradient_norm, &norm, 1, 0, 1e-3);
    }
    assert_null(figures_word(&f));
    figures_close(&f);
    orion_train_trainer_destroy(&trainer);
    orion_train_data_unref(&data);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pytorch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
