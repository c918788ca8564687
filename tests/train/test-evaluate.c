/* SPDX-License-Identifier: MIT */
/* Evaluation: the sum over documents, whatever the batches, and what is refused. */
#include "train-support.h"

#include <math.h>

static const char text[] = "One.\n<|endoftext|>\nTwo and three.\n<|endoftext|>\n\n<|endoftext|>4";
enum { TOKENS = 4 + 14 + 1 };

static bench open_random(void) {
    orion_train_model_config c = small_config();
    bench b = bench_open();
    b.model = random_model(&c, 4);
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &b.tokenizer), ORION_OK);
    return b;
}

static orion_train_eval_result evaluate(bench *b, const char *what, uint32_t batch,
                                        uint32_t length) {
    orion_train_eval_result r = {.size = sizeof r};
    assert_ok(orion_train_evaluate(b->model, b->tokenizer, b->device, what, strlen(what),
                                   orion_train_eval_options(.batch = batch, .length = length),
                                   b->diag, &r),
              b->diag);
    return r;
}

/* -log p of every token of one document after the first, by a generator. */
static double nats_of(bench *b, const char *document) {
    double nats = 0;
    int32_t token = orion_train_tokenizer_bos(b->tokenizer);
    assert_ok(orion_train_generator_create(b->model, b->device, NULL, b->diag, &b->generator),
              b->diag);
    for (const char *c = document; *c != '\0'; c++) {
        assert_ok(orion_train_generator_feed(b->generator, &token, 1, b->diag), b->diag);
        const float *logits = orion_train_generator_logits(b->generator);
        double sum = 0;
        for (size_t i = 0; i < ORION_TRAIN_BYTE_VOCAB; i++) sum += exp((double)logits[i]);
        token = (unsigned char)*c;
        nats += log(sum) - (double)logits[token];
    }
    orion_train_generator_destroy(&b->generator);
    return nats;
}

static void test_sum(void **state) {
    (void)state;
    bench b = open_random();
    double nats = nats_of(&b, "One.") + nats_of(&b, "Two and three.") + nats_of(&b, "4");
    for (uint32_t batch = 0; batch < 5; batch++) {
        orion_train_eval_result r = evaluate(&b, text, batch, 0);
        assert_int_equal(r.documents, 3);
        assert_int_equal(r.tokens, TOKENS);
        assert_int_equal(r.size, sizeof r);
        assert_true(fabs(r.nats - nats) < 1e-4);
    }
    bench_close(&b);
}

static void test_length(void **state) {
    (void)state;
    bench b = open_random();
    orion_train_eval_result r = evaluate(&b, text, 0, 3);
    assert_int_equal(r.tokens, 3 + 3 + 1);
    assert_true(fabs(r.nats - nats_of(&b, "One") - nats_of(&b, "Two") - nats_of(&b, "4")) < 1e-4);
    r = evaluate(&b, "123456789 123456789 123456789 123456789", 0, 0);
    assert_int_equal(r.tokens, 32); /* the context */
    bench_close(&b);
}

static int count_calls(void *ctx, uint64_t done, uint64_t total) {
    uint64_t *calls = ctx;
    assert_int_equal(total, 3);
    assert_int_equal(done, calls[0] == 0 ? 2 : 3);
    return ++calls[0] == calls[1];
}

static void test_progress(void **state) {
    (void)state;
    bench b = open_random();
    for (uint64_t enough = 0; enough < 3; enough++) {
        uint64_t calls[2] = {0, enough};
        orion_train_eval_result r = {.size = sizeof r};
        orion_status status = orion_train_evaluate(
            b.model, b.tokenizer, b.device, text, strlen(text),
            orion_train_eval_options(.batch = 2, .progress = count_calls, .ctx = calls), b.diag,
            &r);
        assert_int_equal(status, enough == 0 ? ORION_OK : ORION_ERROR_CANCELLED);
        assert_int_equal(calls[0], enough == 0 ? 2 : enough);
        assert_int_equal(r.documents, enough == 0 ? 3 : 0);
    }
    bench_close(&b);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const nothing[] = {"", "\n\r\n", "\n<|endoftext|>\n<|endoftext|>"};
    bench b = open_random();
    orion_train_eval_result r = {.size = sizeof r};
    for (size_t i = 0; i < 3; i++) {
        assert_refused(orion_train_evaluate(b.model, b.tokenizer, b.device, nothing[i],
                                            strlen(nothing[i]), NULL, b.diag, &r),
                       ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_EVALUATE,
                       "no document");
    }
    assert_refused(orion_train_evaluate(b.model, b.tokenizer, b.device, "a", 1,
                                        orion_train_eval_options(.length = 33), b.diag, &r),
                   ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_OPTION,
                   "length is 33");
    orion_train_model_config c = small_config();
    c.vocab = 100;
    orion_train_model_unref(&b.model);
    b.model = random_model(&c, 1);
    assert_refused(orion_train_evaluate(b.model, b.tokenizer, b.device, "a", 1, NULL, b.diag, &r),
                   ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_VOCABULARY, NULL);
    r.size = 1;
    assert_int_equal(orion_train_evaluate(b.model, b.tokenizer, b.device, "a", 1, NULL, b.diag, &r),
                     ORION_ERROR_INVALID_ARGUMENT);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_length),
        cmocka_unit_test(test_progress),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
