/* SPDX-License-Identifier: MIT */
/* Generators: reading tokens in pieces, the context, text from prompts, reasons to stop. */
#include "train-support.h"

#include <math.h>

enum { VOCAB = ORION_TRAIN_BYTE_VOCAB, CONTEXT = 32, END = 256 };

static void make_generator(bench *b, uint32_t prefill) {
    orion_train_generator_destroy(&b->generator);
    assert_ok(orion_train_generator_create(b->model, b->device,
                                           orion_train_generator_options(.prefill = prefill),
                                           b->diag, &b->generator),
              b->diag);
}

static bench open_with(orion_train_model *model) {
    bench b = bench_open();
    b.model = model;
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &b.tokenizer), ORION_OK);
    make_generator(&b, 0);
    return b;
}

static bench open_random(void) {
    orion_train_model_config c = small_config();
    return open_with(random_model(&c, 4));
}

/* ---- reading ---- */

static void some_tokens(int32_t *tokens, size_t count) {
    uint64_t random = 5;
    for (size_t i = 0; i < count; i++) tokens[i] = (int32_t)(test_random(&random) % VOCAB);
}

static void test_pieces_agree(void **state) {
    (void)state;
    bench b = open_random();
    int32_t tokens[CONTEXT];
    float expected[CONTEXT][VOCAB];
    some_tokens(tokens, CONTEXT);
    make_generator(&b, 1);
    for (size_t i = 0; i < CONTEXT; i++) {
        assert_ok(orion_train_generator_feed(b.generator, tokens + i, 1, b.diag), b.diag);
        memcpy(expected[i], orion_train_generator_logits(b.generator), sizeof expected[i]);
        assert_int_equal(orion_train_generator_position(b.generator), i + 1);
    }
    static const uint32_t prefills[] = {0, 2, 5, 8, 32, 1000};
    static const size_t cuts[][6] = {{32}, {1, 31}, {8, 8, 8, 8}, {7, 9, 2, 14}, {31, 1}};
    for (size_t p = 0; p < 6; p++) {
        make_generator(&b, prefills[p]);
        for (size_t c = 0; c < 5; c++) {
            orion_train_generator_reset(b.generator);
            size_t at = 0;
            for (size_t i = 0; cuts[c][i] != 0; i++) {
                size_t count = cuts[c][i];
                assert_ok(orion_train_generator_feed(b.generator, tokens + at, count, b.diag),
                          b.diag);
                at += count;
                assert_floats_near(orion_train_generator_logits(b.generator), expected[at - 1],
                                   VOCAB, 1e-6, 1e-5);
            }
        }
    }
    bench_close(&b);
}

static void test_reset(void **state) {
    (void)state;
    bench b = open_random();
    float first[VOCAB];
    const float zeros[VOCAB] = {0};
    const int32_t tokens[] = {3, 1, 4};
    assert_memory_equal(orion_train_generator_logits(b.generator), zeros, sizeof zeros);
    assert_ok(orion_train_generator_feed(b.generator, tokens, 3, b.diag), b.diag);
    memcpy(first, orion_train_generator_logits(b.generator), sizeof first);
    assert_ok(orion_train_generator_feed(b.generator, tokens, 3, b.diag), b.diag);
    assert_memory_not_equal(orion_train_generator_logits(b.generator), first, sizeof first);
    orion_train_generator_reset(b.generator);
    assert_int_equal(orion_train_generator_position(b.generator), 0);
    assert_memory_equal(orion_train_generator_logits(b.generator), zeros, sizeof zeros);
    assert_ok(orion_train_generator_feed(b.generator, tokens, 3, b.diag), b.diag);
    assert_memory_equal(orion_train_generator_logits(b.generator), first, sizeof first);
    bench_close(&b);
}

static void test_feed_refusals(void **state) {
    (void)state;
    bench b = open_random();
    int32_t tokens[CONTEXT + 1] = {0};
    assert_ok(orion_train_generator_feed(b.generator, tokens, 2, b.diag), b.diag);
    assert_refused(orion_train_generator_feed(b.generator, tokens, 0, b.diag),
                   ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_TOKENS, "no token");
    static const int32_t wrong[] = {-1, VOCAB, INT32_MAX, INT32_MIN};
    for (size_t i = 0; i < 4; i++) {
        tokens[1] = wrong[i];
        assert_refused(orion_train_generator_feed(b.generator, tokens, 2, b.diag),
                       ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_TOKENS,
                       "token 1 is");
    }
    tokens[1] = 0;
    assert_refused(orion_train_generator_feed(b.generator, tokens, CONTEXT - 1, b.diag),
                   ORION_ERROR_BUDGET, b.diag, ORION_MESSAGE_TRAIN_CONTEXT,
                   "31 tokens more than the 2 read");
    assert_int_equal(orion_train_generator_position(b.generator), 2);
    assert_ok(orion_train_generator_feed(b.generator, tokens, CONTEXT - 2, b.diag), b.diag);
    assert_refused(orion_train_generator_feed(b.generator, tokens, 1, b.diag), ORION_ERROR_BUDGET,
                   b.diag, ORION_MESSAGE_TRAIN_CONTEXT, NULL);
    bench_close(&b);
}

static void test_options(void **state) {
    (void)state;
    bench b = open_random();
    orion_train_generator *g = (orion_train_generator *)&b;
    orion_status status = orion_train_generator_create(
        b.model, b.device, orion_train_generator_options(.context = CONTEXT + 1), b.diag, &g);
    assert_null(g);
    assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_OPTION,
                   "context is 33");
    struct {
        orion_train_generator_options options;
        uint64_t tail;
    } newer = {.options = {.size = sizeof newer}, .tail = 1};
    assert_int_equal(orion_train_generator_create(b.model, b.device, &newer.options, b.diag, &g),
                     ORION_ERROR_ABI);
    assert_null(g);
    assert_ok(orion_train_generator_create(b.model, b.device,
                                           orion_train_generator_options(.context = 5), b.diag, &g),
              b.diag);
    const int32_t tokens[6] = {0};
    assert_refused(orion_train_generator_feed(g, tokens, 6, b.diag), ORION_ERROR_BUDGET, b.diag,
                   ORION_MESSAGE_TRAIN_CONTEXT, "context of 5");
    assert_ok(orion_train_generator_feed(g, tokens, 5, b.diag), b.diag);
    orion_train_generator_destroy(&g);
    assert_null(g);
    orion_train_generator_destroy(&g);
    orion_train_generator_destroy(NULL);
    bench_close(&b);
}

/* Not a bit of the logits depends on the number of threads. */
static void test_threads(void **state) {
    (void)state;
    int32_t tokens[CONTEXT];
    float expected[2][300];
    some_tokens(tokens, CONTEXT);
    for (uint32_t threads = 1; threads <= 3; threads++) {
        bench b = {0};
        assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
        assert_ok(
            orion_ane_device_open(orion_ane_device_options(.threads = threads), b.diag, &b.device),
            b.diag);
        orion_train_model_config c = {.size = sizeof c, .dim = 192, .layers = 2, .vocab = 300};
        b.model = random_model(&c, 6);
        make_generator(&b, 16);
        for (size_t i = 0; i < 2; i++) { /* a piece and single tokens; then a single one */
            assert_ok(orion_train_generator_feed(b.generator, tokens, i == 0 ? 19 : 1, b.diag),
                      b.diag);
            const float *logits = orion_train_generator_logits(b.generator);
            if (threads == 1) memcpy(expected[i], logits, sizeof expected[i]);
            assert_memory_equal(logits, expected[i], sizeof expected[i]);
        }
        bench_close(&b);
    }
}

/* After creation and one run of each program, feeding takes no memory. */
static void test_no_allocation(void **state) {
    (void)state;
    test_heap heap;
    test_heap_init(&heap);
    bench b = {0};
    orion_train_model_config c = small_config();
    int32_t tokens[CONTEXT] = {0};
    assert_int_equal(orion_diag_create(NULL, &b.diag), ORION_OK);
    assert_ok(orion_ane_device_open(orion_ane_device_options(.allocator = &heap.allocator), b.diag,
                                    &b.device),
              b.diag);
    assert_ok(orion_train_model_create_random(&c, 1, &heap.allocator, b.diag, &b.model), b.diag);
    make_generator(&b, 8);
    assert_ok(orion_train_generator_feed(b.generator, tokens, 9, b.diag), b.diag);
    test_heap_arm(&heap, UINT64_MAX);
    assert_ok(orion_train_generator_feed(b.generator, tokens, 11, b.diag), b.diag);
    orion_train_generator_reset(b.generator);
    assert_ok(orion_train_generator_feed(b.generator, tokens, CONTEXT, b.diag), b.diag);
    assert_int_equal(heap.requests, 0);
    bench_close(&b);
    char why[256];
    assert_null(test_heap_check(&heap, why, sizeof why));
    test_heap_fini(&heap);
}

/* ---- text ---- */

/* What the callback received, and when it has enough. */
typedef struct received {
    char text[128];
    size_t length, calls, enough;
} received;

static int receive(void *ctx, const char *bytes, size_t length, int32_t token) {
    received *r = ctx;
    assert_true(length == 1 && (unsigned char)bytes[0] == token && r->length < sizeof r->text);
    r->text[r->length++] = bytes[0];
    r->calls++;
    return r->calls == r->enough;
}

typedef struct outcome {
    received got;
    orion_train_generate_result result;
} outcome;

static outcome generate(bench *b, const char *prompt, orion_train_generate_options options,
                        size_t enough) {
    outcome o = {.got = {.enough = enough}, .result = {.size = sizeof o.result}};
    options.size = sizeof options;
    options.piece = receive;
    options.ctx = &o.got;
    assert_ok(orion_train_generate(b->generator, b->tokenizer, prompt, strlen(prompt), &options,
                                   b->diag, &o.result),
              b->diag);
    return o;
}

static void assert_outcome(const outcome *o, const char *text, size_t prompt_tokens,
                           size_t new_tokens, orion_train_stop stop) {
    assert_int_equal(o->got.length, strlen(text));
    assert_memory_equal(o->got.text, text, o->got.length);
    assert_int_equal(o->result.prompt_tokens, prompt_tokens);
    assert_int_equal(o->result.new_tokens, new_tokens);
    assert_int_equal(o->result.stop, stop);
    assert_int_equal(o->result.size, sizeof o->result);
}

static void test_stops(void **state) {
    (void)state;
    bench b = open_with(stubborn_model('a'));
    const orion_train_generate_options five = {.max_tokens = 5}, all = {.max_tokens = 0};
    const orion_train_generate_options exact = {.max_tokens = CONTEXT - 3};
    const orion_train_generate_options more = {.max_tokens = CONTEXT - 2};
    static const char rest[] = "hiaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"; /* 31, and the begin token */
    outcome o = generate(&b, "hi", five, 0);
    assert_outcome(&o, "hiaaaaa", 3, 5, ORION_TRAIN_STOP_MAX_TOKENS);
    assert_int_equal(orion_train_generator_position(b.generator), 7); /* the last is not fed */
    o = generate(&b, "", five, 0);
    assert_outcome(&o, "aaaaa", 1, 5, ORION_TRAIN_STOP_MAX_TOKENS);
    o = generate(&b, "hi", all, 0);
    assert_outcome(&o, rest, 3, CONTEXT - 3, ORION_TRAIN_STOP_CONTEXT);
    o = generate(&b, "hi", exact, 0);
    assert_outcome(&o, rest, 3, CONTEXT - 3, ORION_TRAIN_STOP_MAX_TOKENS);
    o = generate(&b, "hi", more, 0);
    assert_outcome(&o, rest, 3, CONTEXT - 3, ORION_TRAIN_STOP_CONTEXT);
    o = generate(&b, rest, five, 0); /* the prompt fills the context */
    assert_outcome(&o, rest, CONTEXT, 0, ORION_TRAIN_STOP_CONTEXT);
    o = generate(&b, "hi", five, 1);
    assert_outcome(&o, "h", 3, 0, ORION_TRAIN_STOP_CALLBACK);
    o = generate(&b, "hi", five, 4);
    assert_outcome(&o, "hiaa", 3, 2, ORION_TRAIN_STOP_CALLBACK);
    bench_close(&b);
    b = open_with(stubborn_model(END));
    o = generate(&b, "hi", five, 0);
    assert_outcome(&o, "hi", 3, 0, ORION_TRAIN_STOP_END);
    bench_close(&b);
}

/* With llama2.c's tokens a text ends at the end token, and where the next one begins. */
static void test_ends(void **state) {
    (void)state;
    vocabulary v = vocabulary_begin(6);
    orion_blob *blob = blob_of(v.bytes, v.size);
    for (int32_t token = 0; token <= 3; token++) {
        bench b = open_with(stubborn_model(token));
        orion_train_generate_result result = {.size = sizeof result};
        orion_train_tokenizer_unref(&b.tokenizer);
        assert_ok(orion_train_tokenizer_parse_llama2c(blob, 0, NULL, NULL, b.diag, &b.tokenizer),
                  b.diag);
        const orion_train_generate_options *options = orion_train_generate_options(.max_tokens = 4);
        assert_ok(orion_train_generate(b.generator, b.tokenizer, "x", 1, options, b.diag, &result),
                  b.diag);
        bool ends = token == 1 || token == 2;
        assert_int_equal(result.stop, ends ? ORION_TRAIN_STOP_END : ORION_TRAIN_STOP_MAX_TOKENS);
        assert_int_equal(result.new_tokens, ends ? 0 : 4);
        bench_close(&b);
    }
    orion_blob_unref(&blob);
    vocabulary_free(&v);
}

/* Nobody need listen, and what came before does not matter. */
static void test_silence(void **state) {
    (void)state;
    bench b = open_random();
    orion_train_generate_result result = {.size = sizeof result};
    for (int i = 0; i < 2; i++) {
        assert_ok(orion_train_generate(b.generator, b.tokenizer, "x", 1, NULL, b.diag, &result),
                  b.diag);
        assert_int_equal(result.prompt_tokens, 2);
        assert_ok(orion_train_generate(b.generator, b.tokenizer, "x", 1, NULL, b.diag, NULL),
                  b.diag);
    }
    bench_close(&b);
}

static void test_seeds(void **state) {
    (void)state;
    bench b = open_random();
    orion_train_generate_options options = {.temperature = 1, .top_p = 0.9, .seed = 1};
    outcome first = generate(&b, "go", options, 0), again = generate(&b, "go", options, 0);
    options.seed = 2;
    outcome other = generate(&b, "go", options, 0);
    assert_int_equal(first.got.length, again.got.length);
    assert_memory_equal(first.got.text, again.got.text, first.got.length);
    assert_true(first.got.length > 5);
    assert_true(first.got.length != other.got.length ||
                memcmp(first.got.text, other.got.text, first.got.length) != 0);
    make_generator(&b, 1); /* the choice depends on the place alone, not on how it was reached */
    options.seed = 1;
    again = generate(&b, "go", options, 0);
    assert_memory_equal(first.got.text, again.got.text, first.got.length);
    bench_close(&b);
}

static void test_generate_refusals(void **state) {
    (void)state;
    static const struct {
        const char *part;
        double temperature, top_p;
    } cases[] = {
        {"temperature", -0.1, 0}, {"temperature", (double)NAN, 0}, {"top_p", 1, -0.1},
        {"top_p", 1, 1.1},        {"top_p", 1, (double)NAN},
    };
    bench b = open_random();
    orion_train_generate_result result = {.size = sizeof result};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const orion_train_generate_options *options =
            orion_train_generate_options(.temperature = cases[i].temperature,
                                         .top_p = cases[i].top_p);
        assert_refused(
            orion_train_generate(b.generator, b.tokenizer, "x", 1, options, b.diag, &result),
            ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_OPTION, cases[i].part);
    }
    char prompt[CONTEXT + 1] = {0};
    assert_refused(
        orion_train_generate(b.generator, b.tokenizer, prompt, CONTEXT, NULL, b.diag, &result),
        ORION_ERROR_BUDGET, b.diag, ORION_MESSAGE_TRAIN_CONTEXT, "prompt has 33 tokens");
    assert_int_equal(result.prompt_tokens, 0);
    result.size = 4;
    assert_int_equal(orion_train_generate(b.generator, b.tokenizer, "x", 1, NULL, b.diag, &result),
                     ORION_ERROR_INVALID_ARGUMENT);
    struct {
        orion_train_generate_options options;
        uint64_t tail;
    } newer = {.options = {.size = sizeof newer}, .tail = 1};
    assert_int_equal(
        orion_train_generate(b.generator, b.tokenizer, "x", 1, &newer.options, b.diag, NULL),
        ORION_ERROR_ABI);
    bench_close(&b);
}

static void test_vocabularies(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    c.vocab = 256;
    bench b = open_with(random_model(&c, 1));
    assert_refused(orion_train_generate(b.generator, b.tokenizer, "x", 1, NULL, b.diag, NULL),
                   ORION_ERROR_INVALID_ARGUMENT, b.diag, ORION_MESSAGE_TRAIN_VOCABULARY,
                   "has 257 tokens, the model only 256");
    bench_close(&b);
    c.vocab = 300; /* tokens that the tokenizer does not know have no text */
    b = open_with(random_model(&c, 1));
    assert_ok(orion_train_generate(b.generator, b.tokenizer, "x", 1, NULL, b.diag, NULL), b.diag);
    bench_close(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces_agree),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_feed_refusals),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_allocation),
        cmocka_unit_test(test_stops),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_generate_refusals),
        cmocka_unit_test(test_vocabularies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
