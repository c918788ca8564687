/* SPDX-License-Identifier: MIT */
/* Checkpoints: all that is saved comes back, everything damaged or incomplete is refused. */
#define _XOPEN_SOURCE 700
#include "train-support.h"

#include <dirent.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "trainer-internal.h"

/* The smallest model there is: small files can be damaged in every place. */
static const orion_train_model_config least = {
    .size = sizeof least, .dim = 2, .hidden = 1, .layers = 1, .heads = 1, .vocab = 2, .context = 2};

static const orion_train_options options = {.size = sizeof options,
                                            .steps = 1000000007,
                                            .warmup = 3,
                                            .seed = UINT64_MAX,
                                            .batch = 7,
                                            .length = 2,
                                            .accumulation = 5,
                                            .learning_rate = 1.0 / 3,
                                            .learning_floor = 1e-5,
                                            .beta1 = 0.9,
                                            .beta2 = 0.95,
                                            .epsilon = 1e-8,
                                            .weight_decay = -1,
                                            .clip = 1e9};

static const train_progress progress = {
    .step = 123456789012345,
    .updates = 123456789012344,
    .skipped = 1,
    .data_tokens = 77,
    .data_sha256 = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"};

/* Something to save: a model, and moments that are other numbers of the same shapes. */
typedef struct run {
    orion_train_model *values, *moments[TRAIN_MOMENTS];
    orion_train_tokenizer *tokenizer;
    const float **arrays;
    train_snapshot snapshot;
} run;

static void run_make(run *r, const orion_train_model_config *config,
                     orion_train_tokenizer *tokenizer) {
    *r = (run){.values = random_model(config, 1), .tokenizer = tokenizer};
    size_t count = r->values->count;
    r->arrays = calloc((1 + TRAIN_MOMENTS) * count, sizeof *r->arrays);
    assert_non_null(r->arrays);
    for (size_t i = 0; i < count; i++) r->arrays[i] = train_model_data(r->values, i);
    r->snapshot = (train_snapshot){.shape = r->values,
                                   .tokenizer = tokenizer,
                                   .options = &options,
                                   .progress = &progress,
                                   .values = r->arrays};
    for (size_t which = 0; which < TRAIN_MOMENTS; which++) {
        r->moments[which] = random_model(config, 2 + which);
        const float **at = r->arrays + (1 + which) * count;
        for (size_t i = 0; i < count; i++) at[i] = train_model_data(r->moments[which], i);
        r->snapshot.moments[which] = at;
    }
}

static void run_free(run *r) {
    free(r->arrays);
    for (size_t which = 0; which < TRAIN_MOMENTS; which++)
        orion_train_model_unref(&r->moments[which]);
    orion_train_model_unref(&r->values);
    orion_train_tokenizer_unref(&r->tokenizer);
}

static orion_diag *make_diag(void) {
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    return diag;
}

static void assert_same_values(const orion_train_model *a, const orion_train_model *b) {
    assert_int_equal(a->count, b->count);
    for (size_t i = 0; i < a->count; i++) {
        assert_string_equal(a->parameters[i].name, b->parameters[i].name);
        assert_int_equal(a->parameters[i].elements, b->parameters[i].elements);
        assert_memory_equal(train_model_data(a, i), train_model_data(b, i),
                            a->parameters[i].elements * sizeof(float));
    }
}

/* ---- what is saved comes back ---- */

static void check_round_trip(const orion_train_model_config *config,
                             orion_train_tokenizer *tokenizer) {
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "model.safetensors");
    run r;
    run_make(&r, config, tokenizer);
    assert_ok(train_checkpoint_save(&r.snapshot, path, NULL, diag), diag);
    train_checkpoint c;
    assert_ok(train_checkpoint_load(&c, path, NULL, diag), diag);
    assert_memory_equal(&c.model->config, &r.values->config, sizeof c.model->config);
    assert_same_values(c.model, r.values);
    assert_true(c.has_optimizer);
    assert_memory_equal(&c.options, &options, sizeof options);
    assert_memory_equal(&c.progress, &progress, sizeof progress);
    for (size_t which = 0; which < TRAIN_MOMENTS; which++) {
        for (size_t i = 0; i < c.model->count; i++) {
            assert_memory_equal(c.moments[which][i], r.snapshot.moments[which][i],
                                c.model->parameters[i].elements * sizeof(float));
        }
    }
    assert_int_equal(c.tokenizer == NULL, tokenizer == NULL);
    if (tokenizer != NULL) {
        assert_int_equal(orion_train_tokenizer_vocab(c.tokenizer),
                         orion_train_tokenizer_vocab(tokenizer));
        int32_t a[16], b[16];
        size_t n, m;
        const char *text = "hello \xc3\xa4";
        assert_int_equal(orion_train_tokenizer_encode(tokenizer, text, 8, 1, a, &n), ORION_OK);
        assert_int_equal(orion_train_tokenizer_encode(c.tokenizer, text, 8, 1, b, &m), ORION_OK);
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n * sizeof *a);
    }
    train_checkpoint_close(&c);

    /* The public way gives model and tokenizer, or the model alone. */
    orion_train_model *model = NULL;
    orion_train_tokenizer *loaded = NULL;
    assert_ok(orion_train_model_load_checkpoint(path, NULL, diag, &model, &loaded), diag);
    assert_same_values(model, r.values);
    assert_int_equal(loaded == NULL, tokenizer == NULL);
    orion_train_tokenizer_unref(&loaded);
    orion_train_model_unref(&model);
    assert_ok(orion_train_model_load_checkpoint(path, NULL, diag, &model, NULL), diag);
    orion_train_model_unref(&model);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

static void test_round_trip(void **state) {
    (void)state;
    orion_train_model_config config = small_config();
    check_round_trip(&least, NULL);
    config.untied = config.rope_split = 1;
    config.rope_theta = 5e5;
    config.norm_epsilon = 1e-6;
    orion_train_tokenizer *bytes = NULL;
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &bytes), ORION_OK);
    check_round_trip(&config, bytes);

    vocabulary v = vocabulary_begin(8);
    vocabulary_add(&v, "h", 1, -1);
    vocabulary_add(&v, "e", 1, -1);
    vocabulary_add(&v, "he", 2, -2);
    orion_blob *blob = blob_of(v.bytes, v.size);
    orion_train_tokenizer *pieces = NULL;
    assert_int_equal(orion_train_tokenizer_parse_llama2c(blob, 0, NULL, NULL, NULL, &pieces),
                     ORION_OK);
    config.vocab = 300;
    check_round_trip(&config, pieces);
    orion_blob_unref(&blob);
    vocabulary_free(&v);
}

/* ---- damage ---- */

/* The bytes of a small checkpoint; free() them. */
static char *small_checkpoint(size_t *out_size) {
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "c");
    run r;
    run_make(&r, &least, NULL);
    assert_int_equal(train_checkpoint_save(&r.snapshot, path, NULL, NULL), ORION_OK);
    char *bytes = test_read_file(path, out_size);
    run_free(&r);
    test_dir_remove(&dir);
    return bytes;
}

static orion_status parse(const char *bytes, size_t size, orion_diag *diag) {
    orion_blob *blob = NULL;
    train_checkpoint c;
    assert_int_equal(orion_blob_wrap(bytes, size, NULL, NULL, NULL, &blob), ORION_OK);
    orion_status status = train_checkpoint_parse(&c, blob, "c", NULL, diag);
    orion_blob_unref(&blob);
    train_checkpoint_close(&c);
    return status;
}

static bool is_refusal(orion_status status) {
    return status == ORION_ERROR_SYNTAX || status == ORION_ERROR_VERIFY;
}

static void test_every_truncation(void **state) {
    (void)state;
    size_t size;
    char *bytes = small_checkpoint(&size);
    assert_int_equal(parse(bytes, size, NULL), ORION_OK);
    for (size_t n = 0; n < size; n++) {
        /* A copy of its own, so that a read behind the end is noticed. */
        char *part = malloc(n == 0 ? 1 : n);
        assert_non_null(part);
        memcpy(part, bytes, n);
        if (!is_refusal(parse(part, n, NULL))) fail_msg("accepted with %zu of %zu bytes", n, size);
        free(part);
    }
    bytes = realloc(bytes, size + 1);
    assert_non_null(bytes);
    bytes[size] = '\0';
    assert_true(is_refusal(parse(bytes, size + 1, NULL)));
    free(bytes);
}

static void test_every_flipped_bit(void **state) {
    (void)state;
    size_t size;
    char *bytes = small_checkpoint(&size);
    for (size_t i = 0; i < 8 * size; i++) {
        char mask = (char)(1u << i % 8);
        bytes[i / 8] ^= mask;
        if (!is_refusal(parse(bytes, size, NULL)))
            fail_msg("accepted with bit %zu of byte %zu flipped", i % 8, i / 8);
        bytes[i / 8] ^= mask;
    }
    assert_int_equal(parse(bytes, size, NULL), ORION_OK);
    free(bytes);
}

/* ---- contents that do not fit, under a good checksum ---- */

/* A checkpoint taken apart: it can be changed and written again. */
typedef struct parts {
    train_safetensors file;
    train_pair pairs[64];
    train_out_tensor tensors[64];
    size_t pair_count, tensor_count;
} parts;

static void parts_open(parts *p, const char *path) {
    orion_blob *blob = NULL;
    assert_int_equal(orion_blob_map_file(path, NULL, NULL, &blob), ORION_OK);
    assert_int_equal(train_safetensors_open(&p->file, blob, NULL, NULL, NULL), ORION_OK);
    orion_blob_unref(&blob);
    p->pair_count = p->tensor_count = 0;
    for (size_t i = 0; i < p->file.metadata_count; i++) {
        if (strcmp(p->file.metadata[i].key, TRAIN_SAFETENSORS_HASH) != 0)
            p->pairs[p->pair_count++] = p->file.metadata[i];
    }
    for (size_t i = 0; i < p->file.count; i++) {
        const train_tensor *t = &p->file.tensors[i];
        p->tensors[p->tensor_count++] =
            (train_out_tensor){t->name, t->type, train_safetensors_data(&p->file, t)};
    }
    assert_true(p->pair_count < ORN_COUNT(p->pairs) && p->tensor_count < ORN_COUNT(p->tensors));
}

static orion_status parts_load(const parts *p, const char *path, orion_diag *diag) {
    assert_int_equal(train_safetensors_write(path, p->pairs, p->pair_count, p->tensors,
                                             p->tensor_count, NULL, NULL),
                     ORION_OK);
    train_checkpoint c;
    orion_status status = train_checkpoint_load(&c, path, NULL, diag);
    train_checkpoint_close(&c);
    return status;
}

static train_pair *find_pair(parts *p, const char *key) {
    for (size_t i = 0; i < p->pair_count; i++) {
        if (strcmp(p->pairs[i].key, key) == 0) return &p->pairs[i];
    }
    fail_msg("no %s", key);
    return NULL;
}

static void test_metadata_must_fit(void **state) {
    (void)state;
    static const struct {
        const char *key, *value; /* NULL: the key is missing */
        orion_message message;
        const char *part;
    } cases[] = {
        {"orion.format", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say orion.format"},
        {"orion.format", "checkpoint 2", ORION_MESSAGE_TRAIN_CHECKPOINT, "is 'checkpoint 2'"},
        {"model.dim", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say model.dim"},
        {"model.dim", "", ORION_MESSAGE_TRAIN_CHECKPOINT, "not a whole number"},
        {"model.dim", "-2", ORION_MESSAGE_TRAIN_CHECKPOINT, "'-2'"},
        {"model.dim", "3", ORION_MESSAGE_TRAIN_MODEL, NULL},
        {"model.dim", "4", ORION_MESSAGE_TRAIN_CHECKPOINT, "another type"},
        {"model.layers", "2", ORION_MESSAGE_TRAIN_CHECKPOINT, "layers_1_attention_norm is missing"},
        {"model.untied", "1", ORION_MESSAGE_TRAIN_CHECKPOINT, "output is missing"},
        {"model.untied", "2", ORION_MESSAGE_TRAIN_CHECKPOINT, "true or false"},
        {"model.rope_theta", "inf", ORION_MESSAGE_TRAIN_CHECKPOINT, "a finite number"},
        {"tokenizer", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say tokenizer"},
        {"tokenizer", "words", ORION_MESSAGE_TRAIN_CHECKPOINT, "'words' is not known"},
        {"tokenizer", "bytes", ORION_MESSAGE_TRAIN_CHECKPOINT, "more tokens than the model"},
        {"tokenizer", "llama2c", ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say tokenizer.vocab"},
        {"train.clip", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say train.clip"},
        {"train.clip", "1,5", ORION_MESSAGE_TRAIN_CHECKPOINT, "'1,5'"},
        {"state.updates", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say state.updates"},
        {"state.updates", "0x1", ORION_MESSAGE_TRAIN_CHECKPOINT, "no whole number"},
        {"state.updates", "123456789012346", ORION_MESSAGE_TRAIN_CHECKPOINT, "more updates"},
        {"state.skipped", "123456789012346", ORION_MESSAGE_TRAIN_CHECKPOINT, "skipped steps"},
        {"state.step", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "33 tensors, but"},
        {"data.sha256", NULL, ORION_MESSAGE_TRAIN_CHECKPOINT, "do not say data.sha256"},
        {"data.sha256", "0123", ORION_MESSAGE_TRAIN_CHECKPOINT, "64 digits"},
    };
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *good = test_dir_file(&dir, "good"), *bad = test_dir_file(&dir, "bad");
    run r;
    run_make(&r, &least, NULL);
    assert_ok(train_checkpoint_save(&r.snapshot, good, NULL, diag), diag);
    parts p;
    parts_open(&p, good);
    assert_ok(parts_load(&p, bad, diag), diag); /* nothing changed yet */
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_pair *pair = find_pair(&p, cases[i].key), saved = *pair;
        if (cases[i].value != NULL) {
            pair->value = cases[i].value;
        } else {
            pair->key = "unused";
        }
        orion_status status = parts_load(&p, bad, diag);
        if (status == ORION_OK) fail_msg("accepted: %s %s", cases[i].key, cases[i].value);
        assert_refused(status, ORION_ERROR_VERIFY, diag, cases[i].message, cases[i].part);
        *pair = saved;
    }
    train_safetensors_close(&p.file);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

static void test_tensors_must_fit(void **state) {
    (void)state;
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *good = test_dir_file(&dir, "good"), *bad = test_dir_file(&dir, "bad");
    run r;
    run_make(&r, &least, NULL);
    assert_ok(train_checkpoint_save(&r.snapshot, good, NULL, diag), diag);
    parts p;
    parts_open(&p, good);
    /* Each under another name: it is missing. */
    for (size_t i = 0; i < p.tensor_count; i++) {
        train_out_tensor saved = p.tensors[i];
        p.tensors[i].name = "other";
        assert_refused(parts_load(&p, bad, diag), ORION_ERROR_VERIFY, diag,
                       ORION_MESSAGE_TRAIN_CHECKPOINT, "is missing");
        p.tensors[i] = saved;
    }
    /* The same bytes in another dtype. */
    p.tensors[0].type.dtype = ORION_IR_I32;
    assert_refused(parts_load(&p, bad, diag), ORION_ERROR_VERIFY, diag,
                   ORION_MESSAGE_TRAIN_CHECKPOINT, "another type");
    p.tensors[0].type.dtype = ORION_IR_F32;
    /* One more than there should be. */
    p.tensors[p.tensor_count] = p.tensors[0];
    p.tensors[p.tensor_count++].name = "more";
    assert_refused(parts_load(&p, bad, diag), ORION_ERROR_VERIFY, diag,
                   ORION_MESSAGE_TRAIN_CHECKPOINT, "34 tensors, but");
    train_safetensors_close(&p.file);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

/* Weights alone make a model, but no run to continue. */
static void test_without_optimizer(void **state) {
    (void)state;
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "m");
    run r;
    run_make(&r, &least, NULL);
    assert_ok(train_checkpoint_save(&r.snapshot, path, NULL, diag), diag);
    parts p;
    parts_open(&p, path);
    p.tensor_count = r.values->count;
    find_pair(&p, "state.step")->key = "unused";
    assert_ok(parts_load(&p, path, diag), diag);
    train_safetensors_close(&p.file);
    orion_train_model *model = NULL;
    assert_ok(orion_train_model_load_checkpoint(path, NULL, diag, &model, NULL), diag);
    assert_same_values(model, r.values);
    orion_train_model_unref(&model);

    bench b = bench_open();
    orion_train_data *data = NULL;
    orion_train_trainer *trainer = NULL;
    assert_int_equal(orion_train_tokenizer_create_bytes(NULL, &b.tokenizer), ORION_OK);
    assert_ok(orion_train_data_create_text(b.tokenizer, "abc", 3, NULL, diag, &data), diag);
    assert_refused(orion_train_trainer_resume(path, data, 1, b.device, NULL, diag, &trainer),
                   ORION_ERROR_INVALID_ARGUMENT, diag, ORION_MESSAGE_TRAIN_RESUME, "no optimizer");
    assert_null(trainer);
    orion_train_data_unref(&data);
    bench_close(&b);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

static void test_other_files(void **state) {
    (void)state;
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "f");
    orion_train_model *model = NULL;
    orion_train_tokenizer *tokenizer = NULL;
    assert_refused(orion_train_model_load_checkpoint(path, NULL, diag, &model, &tokenizer),
                   ORION_ERROR_NOT_FOUND, diag, ORION_MESSAGE_FILE_NOT_FOUND, NULL);
    assert_refused(orion_train_model_load_checkpoint(dir.path, NULL, diag, &model, &tokenizer),
                   ORION_ERROR_IO, diag, ORION_MESSAGE_FILE_UNREADABLE, NULL);
    test_write_file(path, "not a checkpoint", 16);
    assert_refused(orion_train_model_load_checkpoint(path, NULL, diag, &model, &tokenizer),
                   ORION_ERROR_VERIFY, diag, ORION_MESSAGE_TRAIN_SAFETENSORS, "truncated");
    test_write_file(path, "", 0);
    assert_refused(orion_train_model_load_checkpoint(path, NULL, diag, &model, &tokenizer),
                   ORION_ERROR_VERIFY, diag, ORION_MESSAGE_TRAIN_SAFETENSORS, NULL);
    assert_null(model);
    assert_null(tokenizer);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

/* ---- where nothing can be written ---- */

static size_t count_files(const char *folder) {
    size_t count = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (const struct dirent *e; (e = readdir(d)) != NULL;) count += e->d_name[0] != '.';
    closedir(d);
    return count;
}

static void assert_unwritable(const run *r, const char *path, orion_diag *diag) {
    assert_refused(train_checkpoint_save(&r->snapshot, path, NULL, diag), ORION_ERROR_IO, diag,
                   ORION_MESSAGE_FILE_UNWRITABLE, NULL);
}

static void test_unwritable_places(void **state) {
    (void)state;
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    run r;
    run_make(&r, &least, NULL);
    const char *file = test_dir_file(&dir, "file"), *locked = test_dir_file(&dir, "locked");
    test_write_file(file, "old", 3);
    assert_unwritable(&r, test_dir_file(&dir, "missing/model"), diag);
    assert_unwritable(&r, test_dir_file(&dir, "file/model"), diag);

    /* A folder without leave to write; root gives its rights up for the moment. */
    assert_int_equal(mkdir(locked, 0555), 0);
    bool is_root = geteuid() == 0;
    if (is_root) assert_int_equal(seteuid(65534), 0);
    orion_status status =
        train_checkpoint_save(&r.snapshot, test_dir_file(&dir, "locked/model"), NULL, diag);
    if (is_root) assert_int_equal(seteuid(0), 0);
    assert_refused(status, ORION_ERROR_IO, diag, ORION_MESSAGE_FILE_UNWRITABLE, "locked/model");
    assert_int_equal(count_files(locked), 0);

    /* A folder in the place of the file: it stays, and so does nothing else. */
    assert_unwritable(&r, locked, diag);
    assert_int_equal(count_files(dir.path), 2);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

/* The file may grow to `limit` bytes: the write fails in the middle, as on a full disk. */
static void test_no_room(void **state) {
    (void)state;
    orion_diag *diag = make_diag();
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "model.safetensors");
    run r;
    run_make(&r, &least, NULL);
    assert_ok(train_checkpoint_save(&r.snapshot, path, NULL, diag), diag);
    size_t size, after;
    char *old = test_read_file(path, &size);

    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    const size_t limits[] = {0, 1, 8, 100, size / 2, size - 1};
    for (size_t i = 0; i < ORN_COUNT(limits); i++) {
        const struct rlimit limit = {limits[i], before.rlim_max};
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
        orion_status status = train_checkpoint_save(&r.snapshot, path, NULL, diag);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_refused(status, ORION_ERROR_IO, diag, ORION_MESSAGE_FILE_UNWRITABLE, "cannot write");
        assert_int_equal(count_files(dir.path), 1);
    }
    signal(SIGXFSZ, handler);
    char *now = test_read_file(path, &after);
    assert_int_equal(after, size);
    assert_memory_equal(now, old, size);
    free(now);
    free(old);
    run_free(&r);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_flipped_bit), cmocka_unit_test(test_metadata_must_fit),
        cmocka_unit_test(test_tensors_must_fit),  cmocka_unit_test(test_without_optimizer),
        cmocka_unit_test(test_other_files),       cmocka_unit_test(test_unwritable_places),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
