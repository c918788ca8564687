/* SPDX-License-Identifier: MIT */
/* Training: the loss falls, how a step is cut does not matter, and what is wrong is said. */
#include "train-support.h"

#include <math.h>

#include "trainer-internal.h"

/* A bench with data, and trainers on it. */
typedef struct school {
    bench b;
    orion_train_data *data;
} school;

static school school_open(const orion_train_model_config *config) {
    school s = {.b = bench_open()};
    s.b.model = random_model(config, 3);
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &s.b.tokenizer), ORION_OK);
    assert_ok(orion_train_data_create_stories(s.b.tokenizer, 1, 3000, NULL, s.b.diag, &s.data),
              s.b.diag);
    return s;
}

static void school_close(school *s) {
    orion_train_data_unref(&s->data);
    bench_close(&s->b);
}

/* Small enough for many steps. */
static orion_train_model_config tiny_config(void) {
    orion_train_model_config config = small_config();
    config.dim = 8;
    config.hidden = 12;
    config.layers = 1;
    config.heads = 2;
    config.kv_heads = 1;
    config.context = 16;
    return config;
}

static orion_train_trainer *begin(school *s, const orion_train_options *options) {
    orion_train_trainer *trainer = NULL;
    assert_ok(orion_train_trainer_create(s->b.model, s->b.tokenizer, s->data, s->b.device, options,
                                         s->b.diag, &trainer),
              s->b.diag);
    return trainer;
}

static orion_train_step step(school *s, orion_train_trainer *trainer) {
    orion_train_step done = {.size = sizeof done};
    assert_ok(orion_train_trainer_step(trainer, s->b.diag, &done), s->b.diag);
    return done;
}

static orion_train_model *weights_of(const orion_train_trainer *trainer) {
    orion_train_model *model = NULL;
    assert_int_equal(orion_train_trainer_model(trainer, &model), ORION_OK);
    return model;
}

static bool same_weights(const orion_train_trainer *a, const orion_train_trainer *b) {
    orion_train_model *x = weights_of(a), *y = weights_of(b);
    bool same = x->count == y->count;
    for (size_t i = 0; same && i < x->count; i++) {
        same = memcmp(train_model_data(x, i), train_model_data(y, i),
                      x->parameters[i].elements * sizeof(float)) == 0;
    }
    orion_train_model_unref(&x);
    orion_train_model_unref(&y);
    return same;
}

static void test_loss_falls(void **state) {
    (void)state;
    enum { STEPS = 100 };
    orion_train_model_config config = small_config();
    school s = school_open(&config);
    static const char song[] = "row, row, row your boat, gently down the stream; "
                               "merrily, merrily, merrily, merrily, life is but a dream; "
                               "row, row, row your boat, gently down the stream; ";
    orion_train_data_unref(&s.data);
    assert_ok(
        orion_train_data_create_text(s.b.tokenizer, song, strlen(song), NULL, s.b.diag, &s.data),
        s.b.diag);
    orion_train_trainer *trainer =
        begin(&s, orion_train_options(.steps = STEPS, .batch = 4, .learning_rate = 2e-2));
    double first = 0, last = 0;
    for (uint64_t i = 0; i < STEPS; i++) {
        orion_train_step done = step(&s, trainer);
        assert_int_equal(done.step, i + 1);
        assert_int_equal(done.tokens, 4 * 32);
        assert_int_equal(done.skipped, 0);
        assert_true(done.gradient_norm > 0 && done.learning_rate > 0);
        if (i == 0) first = done.loss;
        if (i >= STEPS - 10) last += done.loss / 10;
    }
    /* It begins with knowing nothing and ends below what counting letters reaches. */
    assert_true(fabs(first - log(ORION_TRAIN_BYTE_VOCAB)) < 0.1);
    if (!(last < orion_train_data_unigram_entropy(s.data) - 0.2))
        fail_msg("from %g to %g only", first, last);
    assert_int_equal(orion_train_trainer_position(trainer), STEPS);
    assert_refused(orion_train_trainer_step(trainer, s.b.diag, NULL), ORION_ERROR_INVALID_STATE,
                   s.b.diag, ORION_MESSAGE_TRAIN_FINISHED, "100 steps");
    orion_train_trainer_destroy(&trainer);
    school_close(&s);
}

/* Two micro-batches of 4 rows are the same step as one of 8. */
static void test_accumulation(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    orion_train_trainer *whole = begin(&s, orion_train_options(.steps = 4, .batch = 8));
    orion_train_trainer *parts =
        begin(&s, orion_train_options(.steps = 4, .batch = 4, .accumulation = 2));
    for (int i = 0; i < 4; i++) {
        orion_train_step a = step(&s, whole), b = step(&s, parts);
        assert_int_equal(a.tokens, b.tokens);
        assert_doubles_near(&b.loss, &a.loss, 1, 0, 1e-6);
        assert_doubles_near(&b.gradient_norm, &a.gradient_norm, 1, 0, 1e-5);
    }
    orion_train_model *x = weights_of(whole), *y = weights_of(parts);
    for (size_t i = 0; i < x->count; i++) {
        /* AdamW divides by the size of the gradient: where that is noise, so is the update. */
        assert_floats_near(train_model_data(y, i), train_model_data(x, i),
                           x->parameters[i].elements, 2e-4, 1e-4);
    }
    orion_train_model_unref(&x);
    orion_train_model_unref(&y);
    orion_train_trainer_destroy(&whole);
    orion_train_trainer_destroy(&parts);
    school_close(&s);
}

static void test_threads_do_not_matter(void **state) {
    (void)state;
    orion_train_model_config config = small_config();
    school s = school_open(&config);
    const orion_train_options *options =
        orion_train_options(.steps = 5, .batch = 3, .accumulation = 2);
    orion_train_trainer *one = begin(&s, options);
    orion_ane_device *device = s.b.device;
    assert_ok(orion_ane_device_open(orion_ane_device_options(.threads = 2), s.b.diag, &s.b.device),
              s.b.diag);
    orion_train_trainer *two = begin(&s, options);
    for (int i = 0; i < 5; i++) {
        orion_train_step a = step(&s, one), b = step(&s, two);
        assert_memory_equal(&a, &b, sizeof a);
    }
    assert_true(same_weights(one, two));
    orion_train_trainer_destroy(&one);
    orion_train_trainer_destroy(&two);
    orion_ane_device_unref(&device);
    school_close(&s);
}

/* The model given stays as it is, and so does one taken out. */
static void test_models_are_copies(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    const orion_train_options *options = orion_train_options(.steps = 3, .batch = 2);
    orion_train_trainer *trainer = begin(&s, options), *still = begin(&s, options);
    assert_true(same_weights(trainer, still));
    orion_train_model *before = weights_of(trainer);
    float first = train_model_data(before, 0)[0];
    step(&s, trainer);
    assert_false(same_weights(trainer, still));
    assert_true(train_model_data(before, 0)[0] == first);
    assert_true(train_model_data(s.b.model, 0)[0] == first);
    assert_memory_equal(&before->config, &s.b.model->config, sizeof before->config);
    orion_train_model_unref(&before);
    orion_train_trainer_destroy(&trainer);
    orion_train_trainer_destroy(&still);
    school_close(&s);
}

/* ---- what is not finite ---- */

/* Replace the first weight; the one that was there is returned. */
static float poke(orion_train_trainer *trainer, float value) {
    void *data;
    orion_ane_tensor *tensor = trainer->slots[0].value;
    assert_int_equal(orion_ane_tensor_lock(tensor, ORION_ANE_READ | ORION_ANE_WRITE, &data),
                     ORION_OK);
    float *first = data, old = *first;
    *first = value;
    orion_ane_tensor_unlock(tensor);
    return old;
}

static void test_skips_and_gives_up(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    config.vocab = ORION_TRAIN_BYTE_VOCAB;
    school s = school_open(&config);
    const orion_train_options *options = orion_train_options(.steps = 100, .batch = 4);
    orion_train_trainer *trainer = begin(&s, options), *still = begin(&s, options);
    /* One bad step: position and schedule go on, weights and moments stay. */
    float old = poke(trainer, NAN);
    orion_train_step done = step(&s, trainer);
    assert_int_equal(done.skipped, 1);
    assert_int_equal(done.step, 1);
    poke(trainer, old);
    assert_true(same_weights(trainer, still));
    assert_int_equal(trainer->progress.updates, 0);
    assert_true(trainer->slots[0].moments[TRAIN_MEAN][0] == 0);
    done = step(&s, trainer);
    assert_int_equal(done.skipped, 0);
    assert_int_equal(done.step, 2);
    assert_int_equal(trainer->progress.updates, 1);
    assert_false(same_weights(trainer, still));
    /* Ten in a row: the run has diverged. */
    poke(trainer, INFINITY);
    for (uint64_t i = 0; i < TRAIN_SKIPPED_MAX; i++) {
        done = step(&s, trainer);
        assert_int_equal(done.skipped, 1);
        assert_int_equal(done.step, 3 + i);
    }
    assert_refused(orion_train_trainer_step(trainer, s.b.diag, NULL), ORION_ERROR_INVALID_STATE,
                   s.b.diag, ORION_MESSAGE_TRAIN_DIVERGED, "10 steps in a row");
    assert_int_equal(orion_train_trainer_position(trainer), 12);
    orion_train_trainer_destroy(&trainer);
    orion_train_trainer_destroy(&still);
    school_close(&s);
}

/* A tensor that somebody holds locked is an error of this step, not the end of the run. */
static void test_locked_tensors(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    orion_train_trainer *trainer = begin(&s, orion_train_options(.steps = 2, .batch = 2));
    orion_ane_tensor *tensors[] = {trainer->tokens, trainer->targets};
    for (size_t i = 0; i < ORN_COUNT(tensors); i++) {
        void *data;
        assert_int_equal(orion_ane_tensor_lock(tensors[i], ORION_ANE_READ, &data), ORION_OK);
        assert_refused(orion_train_trainer_step(trainer, s.b.diag, NULL), ORION_ERROR_DEVICE,
                       s.b.diag, ORION_MESSAGE_TRAIN_STEP, "access");
        orion_ane_tensor_unlock(tensors[i]);
    }
    assert_int_equal(orion_train_trainer_position(trainer), 0);
    step(&s, trainer);
    orion_train_trainer_destroy(&trainer);
    school_close(&s);
}

/* ---- options ---- */

static void test_defaults(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    orion_train_trainer *trainer = begin(&s, orion_train_options(.steps = 200, .clip = -1));
    orion_train_options o = {.size = sizeof o};
    assert_int_equal(orion_train_trainer_get_options(trainer, &o), ORION_OK);
    assert_int_equal(o.size, sizeof o);
    assert_int_equal(o.steps, 200);
    assert_int_equal(o.warmup, 10);
    assert_int_equal(o.length, config.context);
    assert_int_equal(o.accumulation, 1);
    assert_true(o.learning_floor == o.learning_rate / 10);
    assert_true(o.beta1 == 0.9 && o.beta2 == 0.95 && o.epsilon == 1e-8);
    assert_true(o.weight_decay == 0.1 && o.clip == -1);
    o.size = 4;
    assert_int_equal(orion_train_trainer_get_options(trainer, &o), ORION_ERROR_INVALID_ARGUMENT);
    orion_train_trainer_destroy(&trainer);
    school_close(&s);
}

static void test_refuses_options(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    const struct {
        orion_train_options options;
        const char *part;
    } cases[] = {
        {*orion_train_options(.steps = (UINT64_C(1) << 40) + 1), "steps is"},
        {*orion_train_options(.steps = 10, .warmup = 11), "warmup is 11"},
        {*orion_train_options(.batch = (1 << 16) + 1), "batch is"},
        {*orion_train_options(.length = 17), "length is 17, but must be from 1 to 16"},
        {*orion_train_options(.accumulation = (1 << 16) + 1), "accumulation is"},
        {*orion_train_options(.learning_rate = -1e-3), "learning_rate"},
        {*orion_train_options(.learning_rate = 11), "learning_rate"},
        {*orion_train_options(.learning_rate = (double)NAN), "learning_rate"},
        {*orion_train_options(.learning_rate = 1e-3, .learning_floor = 2e-3), "learning_floor"},
        {*orion_train_options(.learning_floor = -1), "learning_floor"},
        {*orion_train_options(.beta1 = 1), "beta1"},
        {*orion_train_options(.beta1 = -0.5), "beta1"},
        {*orion_train_options(.beta2 = 1.5), "beta2"},
        {*orion_train_options(.epsilon = -1e-8), "epsilon"},
        {*orion_train_options(.epsilon = 2), "epsilon"},
        {*orion_train_options(.weight_decay = 11), "weight_decay"},
        {*orion_train_options(.weight_decay = (double)NAN), "weight_decay"},
        {*orion_train_options(.clip = (double)INFINITY), "clip"},
    };
    orion_train_trainer *trainer = NULL;
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        orion_status status = orion_train_trainer_create(
            s.b.model, s.b.tokenizer, s.data, s.b.device, &cases[i].options, s.b.diag, &trainer);
        if (status == ORION_OK) fail_msg("accepted: %s", cases[i].part);
        assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, s.b.diag, ORION_MESSAGE_TRAIN_OPTION,
                       cases[i].part);
        assert_null(trainer);
    }
    struct {
        orion_train_options known;
        uint64_t unknown;
    } newer = {.known = {.size = sizeof newer}, .unknown = 1};
    assert_int_equal(orion_train_trainer_create(s.b.model, s.b.tokenizer, s.data, s.b.device,
                                                &newer.known, s.b.diag, &trainer),
                     ORION_ERROR_ABI);
    assert_null(trainer);
    school_close(&s);
}

static void test_refuses_data(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    config.vocab = 200; /* less than the byte tokenizer has */
    school s = school_open(&config);
    orion_train_trainer *trainer = NULL;
    assert_refused(orion_train_trainer_create(s.b.model, s.b.tokenizer, s.data, s.b.device, NULL,
                                              s.b.diag, &trainer),
                   ORION_ERROR_INVALID_ARGUMENT, s.b.diag, ORION_MESSAGE_TRAIN_VOCABULARY, NULL);
    /* Without a tokenizer only the tokens themselves count. */
    assert_refused(
        orion_train_trainer_create(s.b.model, NULL, s.data, s.b.device, NULL, s.b.diag, &trainer),
        ORION_ERROR_INVALID_ARGUMENT, s.b.diag, ORION_MESSAGE_TRAIN_TOKENS,
        "token 256, but the model knows only 200");
    assert_null(trainer);
    school_close(&s);
}

/* ---- resuming ---- */

static void test_resume_checks_data(void **state) {
    (void)state;
    orion_train_model_config config = tiny_config();
    school s = school_open(&config);
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "c");
    orion_train_trainer *trainer = begin(&s, orion_train_options(.steps = 9, .batch = 2));
    step(&s, trainer);
    assert_ok(orion_train_trainer_save(trainer, path, s.b.diag), s.b.diag);
    orion_train_trainer_destroy(&trainer);

    orion_train_data *other = NULL;
    assert_ok(
        orion_train_data_create_text(s.b.tokenizer, "something else", 14, NULL, s.b.diag, &other),
        s.b.diag);
    assert_refused(orion_train_trainer_resume(path, other, 0, s.b.device, NULL, s.b.diag, &trainer),
                   ORION_ERROR_INVALID_ARGUMENT, s.b.diag, ORION_MESSAGE_TRAIN_RESUME,
                   "other data");
    assert_null(trainer);
    /* If it is meant, it is done; options that are given replace those of the checkpoint. */
    assert_ok(orion_train_trainer_resume(path, other, 1, s.b.device,
                                         orion_train_options(.steps = 20, .clip = 3), s.b.diag,
                                         &trainer),
              s.b.diag);
    orion_train_options o = {.size = sizeof o};
    assert_int_equal(orion_train_trainer_get_options(trainer, &o), ORION_OK);
    assert_int_equal(o.steps, 20);
    assert_int_equal(o.batch, 2);
    assert_true(o.clip == 3);
    assert_int_equal(orion_train_trainer_position(trainer), 1);
    orion_train_data_unref(&s.data);
    s.data = other;
    assert_int_equal(step(&s, trainer).step, 2);
    orion_train_trainer_destroy(&trainer);
    assert_refused(orion_train_trainer_resume(path, s.data, 1, s.b.device,
                                              orion_train_options(.length = 17), s.b.diag,
                                              &trainer),
                   ORION_ERROR_INVALID_ARGUMENT, s.b.diag, ORION_MESSAGE_TRAIN_OPTION, "length");
    assert_null(trainer);
    test_dir_remove(&dir);
    school_close(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_loss_falls),
        cmocka_unit_test(test_accumulation),
        cmocka_unit_test(test_threads_do_not_matter),
        cmocka_unit_test(test_models_are_copies),
        cmocka_unit_test(test_skips_and_gives_up),
        cmocka_unit_test(test_locked_tensors),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refuses_options),
        cmocka_unit_test(test_refuses_data),
        cmocka_unit_test(test_resume_checks_data),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
