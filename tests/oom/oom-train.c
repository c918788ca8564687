/* SPDX-License-Identifier: MIT */
/* Out of memory in train.h. */
#include "oom.h"

#include <orion/train.h>

static const char text[] = "one two\n<|endoftext|>\nthree four five six seven eight nine ten";

/* A model of bytes with its tokenizer, device and data, all in one memory. */
typedef struct bench {
    orion_ane_device *device;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
    orion_train_data *data;
    test_dir dir;
} bench;

static const orion_train_options *few_steps(void) {
    static const orion_train_options options = {
        .size = sizeof options, .steps = 3, .batch = 2, .length = 8};
    return &options;
}

static orion_status tiny_model(const orion_allocator *a, orion_train_model **out) {
    return orion_train_model_create_random(orion_train_model_config(.dim = 8, .hidden = 16,
                                                                    .layers = 1, .heads = 2,
                                                                    .kv_heads = 1, .context = 16),
                                           1, a, NULL, out);
}

static void prepare(const orion_allocator *a, bench *p) {
    *p = (bench){NULL, NULL, NULL, NULL, {""}};
    oom_prepared(orion_ane_device_open(orion_ane_device_options(.allocator = a), NULL, &p->device));
    oom_prepared(tiny_model(a, &p->model));
    oom_prepared(orion_train_tokenizer_create_bytes(a, &p->tokenizer));
    oom_prepared(
        orion_train_data_create_text(p->tokenizer, text, sizeof text - 1, a, NULL, &p->data));
    test_dir_create(&p->dir);
}

static void clear(bench *p) {
    orion_train_data_unref(&p->data);
    orion_train_tokenizer_unref(&p->tokenizer);
    orion_train_model_unref(&p->model);
    orion_ane_device_unref(&p->device);
    test_dir_remove(&p->dir);
}

/* ---- tokenizers ---- */

/* tokenizer.bin with the obligatory 259 tokens and a merge; the size is returned. */
enum { PIECES = 262, TOKENIZER_BYTES = 4 + PIECES * 16 };
static size_t tokenizer_file(unsigned char *out) {
    unsigned char *p = out;
    const uint32_t longest = 6;
    memcpy(p, &longest, 4);
    p += 4;
    for (int i = 0; i < PIECES; i++) {
        char piece[16];
        const float score = (float)-i;
        if (i < 259) {
            snprintf(piece, sizeof piece, "<0x%02X>", (unsigned)(i + 253) & 255);
        } else {
            snprintf(piece, sizeof piece, "%s", i == 259 ? "o" : i == 260 ? "n" : "on");
        }
        const int32_t length = (int32_t)strlen(piece);
        memcpy(p, &score, 4);
        memcpy(p + 4, &length, 4);
        memcpy(p + 8, piece, (size_t)length);
        p += 8 + length;
    }
    return (size_t)(p - out);
}

static orion_status on_train_tokenizer_create_bytes(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_train_tokenizer *tokenizer = NULL;
    oom_arm(oom);
    orion_status status = orion_train_tokenizer_create_bytes(&oom->heap.allocator, &tokenizer);
    oom_disarm(oom);
    oom_output(oom, status, tokenizer);
    orion_train_tokenizer_unref(&tokenizer);
    return status;
}

static orion_status on_train_tokenizer_load_llama2c(oom_case *oom, void *ctx) {
    (void)ctx;
    unsigned char bytes[TOKENIZER_BYTES];
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "tok.bin");
    test_write_file(path, bytes, tokenizer_file(bytes));
    orion_train_tokenizer *tokenizer = NULL;
    oom_arm(oom);
    orion_status status =
        orion_train_tokenizer_load_llama2c(path, 0, &oom->heap.allocator, NULL, &tokenizer);
    oom_disarm(oom);
    oom_output(oom, status, tokenizer);
    orion_train_tokenizer_unref(&tokenizer);
    test_dir_remove(&dir);
    return status;
}

static orion_status parse_tokenizer(const orion_allocator *a, orion_train_tokenizer **out) {
    unsigned char bytes[TOKENIZER_BYTES];
    orion_blob *blob = NULL;
    oom_prepared(orion_blob_copy(bytes, tokenizer_file(bytes), NULL, &blob));
    orion_status status = orion_train_tokenizer_parse_llama2c(blob, PIECES, NULL, a, NULL, out);
    orion_blob_unref(&blob);
    return status;
}

static orion_status on_train_tokenizer_parse_llama2c(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_train_tokenizer *tokenizer = NULL;
    oom_arm(oom);
    orion_status status = parse_tokenizer(&oom->heap.allocator, &tokenizer);
    oom_disarm(oom);
    oom_output(oom, status, tokenizer);
    orion_train_tokenizer_unref(&tokenizer);
    return status;
}

static orion_status on_train_tokenizer_encode(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_train_tokenizer *tokenizer = NULL;
    int32_t tokens[ORION_TRAIN_TOKENS_MAX(sizeof text)];
    size_t count = 1;
    oom_prepared(parse_tokenizer(&oom->heap.allocator, &tokenizer));
    oom_arm(oom);
    orion_status status =
        orion_train_tokenizer_encode(tokenizer, text, sizeof text - 1, 1, tokens, &count);
    oom_disarm(oom);
    if ((count != 0) != (status == ORION_OK)) oom->mistake = "a count after a failure";
    orion_train_tokenizer_unref(&tokenizer);
    return status;
}

/* ---- models ---- */

static orion_status on_train_model_create_random(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_train_model *model = NULL;
    oom_arm(oom);
    orion_status status = tiny_model(&oom->heap.allocator, &model);
    oom_disarm(oom);
    oom_output(oom, status, model);
    orion_train_model_unref(&model);
    return status;
}

static const char *saved_model(const bench *p) {
    const char *path = test_dir_file(&p->dir, "model.bin");
    oom_prepared(orion_train_model_save_llama2c(p->model, path, NULL));
    return path;
}

static orion_status on_train_model_load_llama2c(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(NULL, &p);
    const char *path = saved_model(&p);
    orion_train_model *model = NULL;
    oom_arm(oom);
    orion_status status = orion_train_model_load_llama2c(path, &oom->heap.allocator, NULL, &model);
    oom_disarm(oom);
    oom_output(oom, status, model);
    orion_train_model_unref(&model);
    clear(&p);
    return status;
}

static orion_status on_train_model_parse_llama2c(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(NULL, &p);
    orion_blob *blob = NULL;
    orion_train_model *model = NULL;
    oom_prepared(orion_blob_map_file(saved_model(&p), NULL, NULL, &blob));
    oom_arm(oom);
    orion_status status =
        orion_train_model_parse_llama2c(blob, NULL, &oom->heap.allocator, NULL, &model);
    oom_disarm(oom);
    oom_output(oom, status, model);
    orion_train_model_unref(&model);
    orion_blob_unref(&blob);
    clear(&p);
    return status;
}

static orion_status on_train_model_save_llama2c(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    oom_arm(oom);
    orion_status status =
        orion_train_model_save_llama2c(p.model, test_dir_file(&p.dir, "model.bin"), NULL);
    oom_disarm(oom);
    clear(&p);
    return status;
}

static orion_status on_train_model_graph(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(NULL, &p);
    orion_status status = ORION_OK;
    oom_arm(oom);
    for (uint32_t kind = ORION_TRAIN_GRAPH_DECODE; kind <= ORION_TRAIN_GRAPH_LOGITS; kind++) {
        orion_ir_graph *graph = NULL;
        status = orion_train_model_graph(p.model, orion_train_graph_options(.kind = kind),
                                         &oom->heap.allocator, NULL, &graph);
        oom_output(oom, status, graph);
        orion_ir_graph_destroy(&graph);
        if (status != ORION_OK) break;
    }
    oom_disarm(oom);
    clear(&p);
    return status;
}

/* ---- generation and evaluation ---- */

static orion_status on_train_generator_create(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_generator *generator = NULL;
    oom_arm(oom);
    orion_status status = orion_train_generator_create(p.model, p.device, NULL, NULL, &generator);
    oom_disarm(oom);
    oom_output(oom, status, generator);
    orion_train_generator_destroy(&generator);
    clear(&p);
    return status;
}

static orion_status on_train_generator_feed(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    const int32_t tokens[] = {256, 65, 66, 67, 68};
    orion_train_generator *generator = NULL;
    oom_prepared(orion_train_generator_create(p.model, p.device, NULL, NULL, &generator));
    oom_arm(oom);
    orion_status status = orion_train_generator_feed(generator, tokens, 5, NULL);
    oom_disarm(oom);
    if (orion_train_generator_position(generator) != (status == ORION_OK ? 5 : 0))
        oom->mistake = "the position moved after a failure";
    orion_train_generator_destroy(&generator);
    clear(&p);
    return status;
}

static orion_status on_train_generate(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_generator *generator = NULL;
    oom_prepared(orion_train_generator_create(p.model, p.device, NULL, NULL, &generator));
    oom_arm(oom);
    orion_status status = orion_train_generate(
        generator, p.tokenizer, "ab", 2,
        orion_train_generate_options(.max_tokens = 4, .temperature = 1, .top_p = 0.9), NULL, NULL);
    oom_disarm(oom);
    orion_train_generator_destroy(&generator);
    clear(&p);
    return status;
}

static orion_status on_train_evaluate(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_eval_result result = {.size = sizeof result};
    oom_arm(oom);
    orion_status status =
        orion_train_evaluate(p.model, p.tokenizer, p.device, text, sizeof text - 1,
                             orion_train_eval_options(.batch = 1), NULL, &result);
    oom_disarm(oom);
    clear(&p);
    return status;
}

/* ---- data ---- */

static orion_status on_train_data_create_text(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_data *data = NULL;
    oom_arm(oom);
    orion_status status = orion_train_data_create_text(p.tokenizer, text, sizeof text - 1,
                                                       &oom->heap.allocator, NULL, &data);
    oom_disarm(oom);
    oom_output(oom, status, data);
    orion_train_data_unref(&data);
    clear(&p);
    return status;
}

static orion_status load_data(oom_case *oom, const char *name, const void *bytes, size_t size) {
    bench p;
    prepare(&oom->heap.allocator, &p);
    const char *path = test_dir_file(&p.dir, name);
    test_write_file(path, bytes, size);
    orion_train_data *data = NULL;
    oom_arm(oom);
    orion_status status =
        orion_train_data_load(path, p.tokenizer, &oom->heap.allocator, NULL, &data);
    oom_disarm(oom);
    oom_output(oom, status, data);
    orion_train_data_unref(&data);
    clear(&p);
    return status;
}

static orion_status on_train_data_load(oom_case *oom, void *ctx) {
    (void)ctx;
    return load_data(oom, "text.txt", text, sizeof text - 1);
}

static orion_status load_token_ids(oom_case *oom, void *ctx) {
    (void)ctx;
    static const uint16_t ids[] = {1, 2, 3, 4, 5, 6};
    return load_data(oom, "ids.bin", ids, sizeof ids);
}

static orion_status on_train_data_create_stories(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_data *data = NULL;
    oom_arm(oom);
    orion_status status =
        orion_train_data_create_stories(p.tokenizer, 1, 2000, &oom->heap.allocator, NULL, &data);
    oom_disarm(oom);
    oom_output(oom, status, data);
    orion_train_data_unref(&data);
    clear(&p);
    return status;
}

static orion_status on_train_stories_print(oom_case *oom, void *ctx) {
    (void)ctx;
    const orion_writer writer = oom_sink();
    oom_arm(oom);
    orion_status status = orion_train_stories_print(1, 0, &writer);
    oom_disarm(oom);
    return status;
}

/* ---- training ---- */

static orion_train_trainer *trainer_of(const bench *p) {
    orion_train_trainer *trainer = NULL;
    oom_prepared(orion_train_trainer_create(p->model, p->tokenizer, p->data, p->device, few_steps(),
                                            NULL, &trainer));
    return trainer;
}

static const char *checkpoint_of(const bench *p) {
    const char *path = test_dir_file(&p->dir, "model.safetensors");
    orion_train_trainer *trainer = trainer_of(p);
    oom_prepared(orion_train_trainer_step(trainer, NULL, NULL));
    oom_prepared(orion_train_trainer_save(trainer, path, NULL));
    orion_train_trainer_destroy(&trainer);
    return path;
}

static orion_status on_train_model_load_checkpoint(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(NULL, &p);
    const char *path = checkpoint_of(&p);
    orion_train_model *model = NULL;
    orion_train_tokenizer *tokenizer = NULL;
    oom_arm(oom);
    orion_status status =
        orion_train_model_load_checkpoint(path, &oom->heap.allocator, NULL, &model, &tokenizer);
    oom_disarm(oom);
    oom_output(oom, status, model);
    oom_output(oom, status, tokenizer);
    orion_train_model_unref(&model);
    orion_train_tokenizer_unref(&tokenizer);
    clear(&p);
    return status;
}

static orion_status on_train_trainer_create(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_trainer *trainer = NULL;
    oom_arm(oom);
    orion_status status = orion_train_trainer_create(p.model, p.tokenizer, p.data, p.device,
                                                     few_steps(), NULL, &trainer);
    oom_disarm(oom);
    oom_output(oom, status, trainer);
    orion_train_trainer_destroy(&trainer);
    clear(&p);
    return status;
}

static orion_status on_train_trainer_resume(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    const char *path = checkpoint_of(&p);
    orion_train_trainer *trainer = NULL;
    oom_arm(oom);
    orion_status status =
        orion_train_trainer_resume(path, p.data, 0, p.device, NULL, NULL, &trainer);
    oom_disarm(oom);
    oom_output(oom, status, trainer);
    orion_train_trainer_destroy(&trainer);
    clear(&p);
    return status;
}

static orion_status on_train_trainer_step(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_trainer *trainer = trainer_of(&p);
    oom_arm(oom);
    orion_status status = orion_train_trainer_step(trainer, NULL, NULL);
    oom_disarm(oom);
    if (orion_train_trainer_position(trainer) != (status == ORION_OK))
        oom->mistake = "a failed step counts";
    orion_train_trainer_destroy(&trainer);
    clear(&p);
    return status;
}

static orion_status on_train_trainer_model(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_trainer *trainer = trainer_of(&p);
    orion_train_model *model = NULL;
    oom_arm(oom);
    orion_status status = orion_train_trainer_model(trainer, &model);
    oom_disarm(oom);
    oom_output(oom, status, model);
    orion_train_model_unref(&model);
    orion_train_trainer_destroy(&trainer);
    clear(&p);
    return status;
}

static orion_status on_train_trainer_save(oom_case *oom, void *ctx) {
    (void)ctx;
    bench p;
    prepare(&oom->heap.allocator, &p);
    orion_train_trainer *trainer = trainer_of(&p);
    oom_arm(oom);
    orion_status status =
        orion_train_trainer_save(trainer, test_dir_file(&p.dir, "model.safetensors"), NULL);
    oom_disarm(oom);
    orion_train_trainer_destroy(&trainer);
    clear(&p);
    return status;
}

static orion_status on_train_recipe_load(oom_case *oom, void *ctx) {
    (void)ctx;
    static const char recipe[] = "model:\n  dim: 64\n  rope_theta: 5e5\ntrain: {steps: 7}\n";
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "recipe.yaml");
    test_write_file(path, recipe, sizeof recipe - 1);
    orion_train_model_config config = {.size = sizeof config};
    orion_train_options options = {.size = sizeof options};
    oom_arm(oom);
    orion_status status =
        orion_train_recipe_load(path, &oom->heap.allocator, NULL, &config, &options);
    oom_disarm(oom);
    test_dir_remove(&dir);
    return status;
}

static const oom_row rows[] = {
    ROW(train_tokenizer_create_bytes),
    ROW(train_tokenizer_load_llama2c),
    ROW(train_tokenizer_parse_llama2c),
    ROW(train_tokenizer_encode),
    ROW(train_model_create_random),
    ROW(train_model_load_llama2c),
    ROW(train_model_parse_llama2c),
    ROW(train_model_save_llama2c),
    ROW(train_model_load_checkpoint),
    ROW(train_model_graph),
    ROW(train_generator_create),
    ROW(train_generator_feed),
    ROW(train_generate),
    ROW(train_evaluate),
    ROW(train_data_create_text),
    ROW(train_data_load),
    {"orion_train_data_load of token ids", load_token_ids},
    ROW(train_data_create_stories),
    ROW(train_stories_print),
    ROW(train_trainer_create),
    ROW(train_trainer_resume),
    ROW(train_trainer_step),
    ROW(train_trainer_model),
    ROW(train_trainer_save),
    ROW(train_recipe_load),
};

int main(void) {
    return OOM_RUN(rows);
}
