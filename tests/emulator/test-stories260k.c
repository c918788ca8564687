/* SPDX-License-Identifier: MIT */
/*
 * A real model on the back ends `ane-objc` and `ane-e5rt`: what can be done in f16 runs on the
 * emulated Neural Engine, the rest on the CPU. Compared with the CPU device, whose results are
 * llama2.c's, and with the text that llama2.c wrote. Skipped where the data are absent.
 */
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <orion/train.h>

enum { VOCABULARY = 512, POSITIONS = 200 };
/* docs/numerics.md, "The Neural Engine, emulated". */
static const float LOGIT_TOLERANCE = 0.06F;

typedef struct side {
    orion_ane_device *device;
    orion_train_generator *generator;
} side;

typedef struct stories {
    orion_diag *diag;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
    side cpu, ane;
} stories;

static side open_side(const stories *s, orion_ane_backend backend) {
    side d;
    const orion_ane_device_options *options =
        orion_ane_device_options(.backend = backend, .framework = getenv("ORION_TEST_EMULATOR"));
    assert_ok(orion_ane_device_open(options, s->diag, &d.device), s->diag);
    assert_ok(orion_train_generator_create(s->model, d.device, NULL, s->diag, &d.generator),
              s->diag);
    return d;
}

static void close_side(side *d) {
    orion_train_generator_destroy(&d->generator);
    orion_ane_device_unref(&d->device);
}

static stories open_stories(void *const *state) {
    const orion_ane_backend *backend = *state;
    stories s = {0};
    const char *weights = test_data("stories260K/stories260K.bin");
    const char *vocabulary = test_data("stories260K/tok512.bin");
    assert_int_equal(orion_diag_create(NULL, &s.diag), ORION_OK);
    assert_ok(orion_train_model_load_llama2c(weights, NULL, s.diag, &s.model), s.diag);
    assert_ok(
        orion_train_tokenizer_load_llama2c(vocabulary, VOCABULARY, NULL, s.diag, &s.tokenizer),
        s.diag);
    s.cpu = open_side(&s, ORION_ANE_BACKEND_CPU);
    s.ane = open_side(&s, *backend);
    return s;
}

static void close_stories(stories *s) {
    close_side(&s->cpu);
    close_side(&s->ane);
    orion_train_tokenizer_unref(&s->tokenizer);
    orion_train_model_unref(&s->model);
    orion_diag_destroy(&s->diag);
}

static json_t *load_reference(void) {
    json_error_t error;
    const char *path = test_data("stories260K/reference-greedy.json");
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

/* The largest logit, and how far it is ahead of the next. */
static size_t best_of(const float *logits, float *out_margin) {
    size_t best = 0;
    float next = -INFINITY;
    for (size_t i = 1; i < VOCABULARY; i++) {
        if (logits[i] > logits[best]) best = i;
    }
    for (size_t i = 0; i < VOCABULARY; i++) {
        if (i != best) next = fmaxf(next, logits[i]);
    }
    *out_margin = logits[best] - next;
    return best;
}

static void test_logits(void **state) {
    json_t *reference = load_reference();
    json_t *tokens = json_object_get(reference, "tokens");
    stories s = open_stories(state);
    float worst = 0;
    size_t decided = 0, count = json_array_size(tokens);
    assert_true(count >= POSITIONS);
    for (size_t i = 0; i < POSITIONS; i++) {
        int32_t token = (int32_t)json_integer_value(json_array_get(tokens, i));
        assert_ok(orion_train_generator_feed(s.cpu.generator, &token, 1, s.diag), s.diag);
        assert_ok(orion_train_generator_feed(s.ane.generator, &token, 1, s.diag), s.diag);
        const float *want = orion_train_generator_logits(s.cpu.generator);
        const float *have = orion_train_generator_logits(s.ane.generator);
        float margin, other;
        for (size_t k = 0; k < VOCABULARY; k++) worst = fmaxf(worst, fabsf(have[k] - want[k]));
        size_t best = best_of(want, &margin);
        if (margin <= 2 * LOGIT_TOLERANCE) continue;
        assert_int_equal(best_of(have, &other), best);
        decided++;
    }
    print_message("largest difference of logits %.4f; %zu of %d positions decided\n", (double)worst,
                  decided, (int)POSITIONS);
    assert_true(worst > 0 && worst <= LOGIT_TOLERANCE);
    assert_true(decided > POSITIONS / 2);
    close_stories(&s);
    json_decref(reference);
}

typedef struct received {
    char text[4096];
    size_t length;
} received;

static int receive(void *ctx, const char *bytes, size_t length, int32_t token) {
    received *r = ctx;
    (void)token;
    assert_true(r->length + length < sizeof r->text);
    memcpy(r->text + r->length, bytes, length);
    r->length += length;
    r->text[r->length] = '\0';
    return 0;
}

static void test_text(void **state) {
    char *want = test_read_file(test_data("stories260K/reference-greedy.txt"), NULL);
    stories s = open_stories(state);
    received r = {.length = 0};
    orion_train_generate_result result = {.size = sizeof result};
    const orion_train_generate_options *options =
        orion_train_generate_options(.piece = receive, .ctx = &r, .max_tokens = POSITIONS - 1);
    assert_ok(orion_train_generate(s.ane.generator, s.tokenizer, "", 0, options, s.diag, &result),
              s.diag);
    size_t same = 0, sentences = 0;
    for (; r.text[same] != '\0' && r.text[same] == want[same]; same++)
        sentences += want[same] == '.';
    print_message("%zu of %zu bytes are the reference's, %zu sentences\n", same, strlen(want),
                  sentences);
    assert_true(sentences >= 2);
    close_stories(&s);
    free(want);
}

static void test_likelihood(void **state) {
    size_t length;
    char *text = test_read_file(test_data("text/tinystories_sample_4k.txt"), &length);
    stories s = open_stories(state);
    orion_train_eval_result result = {.size = sizeof result};
    assert_ok(orion_train_evaluate(s.model, s.tokenizer, s.ane.device, text, length, NULL, s.diag,
                                   &result),
              s.diag);
    print_message("%.5f nats per token\n", result.nats / (double)result.tokens);
    assert_int_equal(result.tokens, 1804);
    assert_true(fabs(result.nats / (double)result.tokens - 1.2664) <= 0.005);
    close_stories(&s);
    free(text);
}

int main(void) {
    static orion_ane_backend objc = ORION_ANE_BACKEND_ANE_OBJC, e5rt = ORION_ANE_BACKEND_ANE_E5RT;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(test_logits, &objc),
        cmocka_unit_test_prestate(test_text, &objc),
        cmocka_unit_test_prestate(test_likelihood, &objc),
        cmocka_unit_test_prestate(test_logits, &e5rt),
        cmocka_unit_test_prestate(test_text, &e5rt),
        cmocka_unit_test_prestate(test_likelihood, &e5rt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
