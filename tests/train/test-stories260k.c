/* SPDX-License-Identifier: MIT */
/*
 * A real model through the whole path, compared with figures that llama2.c's run.c computed:
 * logits, tokens, text, encoding and likelihood. Skipped where the data are absent.
 */
#include "support.h"

#include <jansson.h>
#include <math.h>
#include <orion/train.h>

typedef struct stories {
    orion_diag *diag;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
    orion_ane_device *device;
    orion_train_generator *generator;
} stories;

static stories open_stories(void) {
    stories s = {0};
    const char *weights = test_data("stories260K/stories260K.bin");
    const char *vocabulary = test_data("stories260K/tok512.bin");
    assert_int_equal(orion_diag_create(NULL, &s.diag), ORION_OK);
    assert_ok(orion_train_model_load_llama2c(weights, NULL, s.diag, &s.model), s.diag);
    assert_ok(orion_train_tokenizer_load_llama2c(vocabulary, 512, NULL, s.diag, &s.tokenizer),
              s.diag);
    assert_ok(orion_ane_device_open(NULL, s.diag, &s.device), s.diag);
    return s;
}

static void open_generator(stories *s) {
    assert_ok(orion_train_generator_create(s->model, s->device, NULL, s->diag, &s->generator),
              s->diag);
}

static void close_stories(stories *s) {
    orion_train_generator_destroy(&s->generator);
    orion_ane_device_unref(&s->device);
    orion_train_tokenizer_unref(&s->tokenizer);
    orion_train_model_unref(&s->model);
    orion_diag_destroy(&s->diag);
}

static json_t *load_json(const char *path) {
    json_error_t error;
    json_t *root = json_load_file(path, 0, &error);
    if (root == NULL) fail_msg("%s:%d: %s", path, error.line, error.text);
    return root;
}

/* What the callback of generation received. */
typedef struct received {
    char text[4096];
    size_t length;
    int32_t tokens[512];
    size_t count;
} received;

static int receive(void *ctx, const char *bytes, size_t length, int32_t token) {
    received *r = ctx;
    assert_true(r->length + length < sizeof r->text && r->count < 512);
    memcpy(r->text + r->length, bytes, length);
    r->length += length;
    r->text[r->length] = '\0';
    r->tokens[r->count++] = token;
    return 0;
}

/* Generate greedily up to the reference's number of tokens; tokens and text must be its own. */
static void compare_with(const char *json, const char *txt) {
    json_t *reference = load_json(test_data(json));
    char *text = test_read_file(test_data(txt), NULL);
    stories s = open_stories();
    open_generator(&s);
    const char *prompt = json_string_value(json_object_get(reference, "prompt"));
    json_t *tokens = json_object_get(reference, "tokens");
    size_t prompt_tokens = json_array_size(json_object_get(reference, "prompt_tokens"));
    size_t count = json_array_size(tokens);
    received r = {.length = 0};
    orion_train_generate_result result = {.size = sizeof result};
    const orion_train_generate_options *options =
        orion_train_generate_options(.piece = receive, .ctx = &r,
                                     .max_tokens = (uint32_t)(count - prompt_tokens));
    assert_ok(orion_train_generate(s.generator, s.tokenizer, prompt, strlen(prompt), options,
                                   s.diag, &result),
              s.diag);
    assert_int_equal(result.prompt_tokens, prompt_tokens);
    assert_int_equal(result.new_tokens, count - prompt_tokens);
    assert_int_equal(result.stop, ORION_TRAIN_STOP_MAX_TOKENS);
    assert_int_equal(r.count, count - 1); /* the begin token has no text */
    for (size_t i = 1; i < count; i++) {
        assert_int_equal(r.tokens[i - 1], json_integer_value(json_array_get(tokens, i)));
    }
    assert_string_equal(r.text, text);
    close_stories(&s);
    json_decref(reference);
    free(text);
}

static void test_greedy_text(void **state) {
    (void)state;
    compare_with("stories260K/reference-greedy.json", "stories260K/reference-greedy.txt");
}

static void test_prompt_is_continued(void **state) {
    (void)state;
    compare_with("stories260K/reference-prompt.json", "stories260K/reference-prompt.txt");
}

static void test_prompt_is_encoded(void **state) {
    (void)state;
    json_t *reference = load_json(test_data("stories260K/reference-prompt.json"));
    stories s = open_stories();
    const char *prompt = json_string_value(json_object_get(reference, "prompt"));
    json_t *expected = json_object_get(reference, "prompt_tokens");
    int32_t tokens[64];
    size_t count;
    assert_true(ORION_TRAIN_TOKENS_MAX(strlen(prompt)) <= 64);
    assert_int_equal(
        orion_train_tokenizer_encode(s.tokenizer, prompt, strlen(prompt), 1, tokens, &count),
        ORION_OK);
    assert_int_equal(count, json_array_size(expected));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(tokens[i], json_integer_value(json_array_get(expected, i)));
    }
    close_stories(&s);
    json_decref(reference);
}

static void test_logits(void **state) {
    (void)state;
    json_t *reference = load_json(test_data("stories260K/reference-greedy.json"));
    stories s = open_stories();
    open_generator(&s);
    json_t *rows = json_object_get(reference, "logits");
    json_t *tokens = json_object_get(reference, "tokens");
    assert_int_equal(json_array_size(rows), 16);
    for (size_t i = 0; i < 16; i++) {
        float expected[512];
        json_t *row = json_array_get(rows, i);
        assert_int_equal(json_array_size(row), 512);
        for (size_t k = 0; k < 512; k++) {
            expected[k] = (float)json_number_value(json_array_get(row, k));
        }
        int32_t token = (int32_t)json_integer_value(json_array_get(tokens, i));
        assert_ok(orion_train_generator_feed(s.generator, &token, 1, s.diag), s.diag);
        assert_floats_near(orion_train_generator_logits(s.generator), expected, 512, 1e-3, 0);
    }
    close_stories(&s);
    json_decref(reference);
}

static void test_likelihood(void **state) {
    (void)state;
    size_t length;
    char *text = test_read_file(test_data("text/tinystories_sample_4k.txt"), &length);
    stories s = open_stories();
    for (uint32_t batch = 0; batch <= 2; batch += 2) {
        orion_train_eval_result result = {.size = sizeof result};
        assert_ok(orion_train_evaluate(s.model, s.tokenizer, s.device, text, length,
                                       orion_train_eval_options(.batch = batch), s.diag, &result),
                  s.diag);
        assert_int_equal(result.documents, 5);
        assert_int_equal(result.tokens, 1804);
        assert_true(fabs(result.nats / (double)result.tokens - 1.2664) <= 0.001);
    }
    close_stories(&s);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_logits),
        cmocka_unit_test(test_greedy_text),
        cmocka_unit_test(test_prompt_is_encoded),
        cmocka_unit_test(test_prompt_is_continued),
        cmocka_unit_test(test_likelihood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
