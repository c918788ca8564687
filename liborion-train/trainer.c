/* SPDX-License-Identifier: MIT */
/* Trainers: options, the program of a step with its tensors, saving and resuming. */
#include "trainer-internal.h"

/* ---- options ---- */

#define REFUSE(what, ...)                                                                          \
    (ORN_ERROR(diag, TRAIN_OPTION, (what), __VA_ARGS__), ORION_ERROR_INVALID_ARGUMENT)

static void fill_defaults(orion_train_options *o, const orion_train_model_config *config) {
    if (o->steps == 0) o->steps = 400;
    if (o->warmup == 0) o->warmup = o->steps / 20;
    if (o->batch == 0) o->batch = 8;
    if (o->length == 0) o->length = config->context;
    if (o->accumulation == 0) o->accumulation = 1;
    if (o->learning_rate == 0) o->learning_rate = 1e-3;
    if (o->learning_floor == 0) o->learning_floor = o->learning_rate / 10;
    if (o->beta1 == 0) o->beta1 = 0.9;
    if (o->beta2 == 0) o->beta2 = 0.95;
    if (o->epsilon == 0) o->epsilon = 1e-8;
    if (o->weight_decay == 0) o->weight_decay = 0.1;
    if (o->clip == 0) o->clip = 1;
}

static orion_status check_counts(const orion_train_options *o, uint32_t context, orion_diag *diag) {
    const struct {
        const char *name;
        uint64_t value, least, most;
    } counts[] = {
        {"steps", o->steps, 1, UINT64_C(1) << 40},
        {"warmup", o->warmup, 0, o->steps},
        {"batch", o->batch, 1, 1 << 16},
        {"length", o->length, 1, context},
        {"accumulation", o->accumulation, 1, 1 << 16},
    };
    for (size_t i = 0; i < ORN_COUNT(counts); i++) {
        if (counts[i].value < counts[i].least || counts[i].value > counts[i].most) {
            return REFUSE(counts[i].name, "%s is %llu, but must be from %llu to %llu",
                          counts[i].name, (unsigned long long)counts[i].value,
                          (unsigned long long)counts[i].least, (unsigned long long)counts[i].most);
        }
    }
    return ORION_OK;
}

/* Written so that a NaN is out of range. */
static orion_status check_numbers(const orion_train_options *o, orion_diag *diag) {
    if (!(o->learning_rate > 0 && o->learning_rate <= 10)) {
        return REFUSE("learning_rate", "learning_rate must be above 0 and at most 10");
    }
    if (!(o->learning_floor > 0 && o->learning_floor <= o->learning_rate)) {
        return REFUSE("learning_floor", "learning_floor must be above 0 and at most learning_rate");
    }
    if (!(o->beta1 > 0 && o->beta1 < 1)) return REFUSE("beta1", "beta1 must be between 0 and 1");
    if (!(o->beta2 > 0 && o->beta2 < 1)) return REFUSE("beta2", "beta2 must be between 0 and 1");
    if (!(o->epsilon > 0 && o->epsilon <= 1)) {
        return REFUSE("epsilon", "epsilon must be above 0 and at most 1");
    }
    if (!(o->weight_decay <= 10)) return REFUSE("weight_decay", "weight_decay must be at most 10");
    if (!(o->clip <= 1e9)) return REFUSE("clip", "clip must be at most 1e9");
    return ORION_OK;
}

orion_status train_options_complete(const orion_train_options *in,
                                    const orion_train_model_config *config, orion_diag *diag,
                                    orion_train_options *out) {
    orion_train_options o;
    TRY(orn_check_size(in, &o, sizeof o));
    fill_defaults(&o, config);
    TRY(check_counts(&o, config->context, diag));
    TRY(check_numbers(&o, diag));
    *out = o;
    return ORION_OK;
}

/* ---- the program and its tensors ---- */

/* The loss, and its gradient by every parameter. */
static orion_status compile(orion_train_trainer *t, orion_ane_device *device, orion_diag *diag) {
    const orion_train_graph_options *options =
        orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_LOSS, .batch = t->options.batch,
                                  .length = t->options.length, .weights = 1);
    size_t count = t->shape->count, bytes = count * sizeof(const char *);
    const char **names = orn_alloc(&t->allocator, bytes);
    if (names == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) names[i] = t->shape->parameters[i].name;
    const orion_ir_grad_options by = {
        .size = sizeof by, .output = "loss", .inputs = names, .input_count = count};
    orion_ir_graph *forward = NULL, *both = NULL;
    orion_status status = orion_train_model_graph(t->shape, options, &t->allocator, diag, &forward);
    if (status == ORION_OK) status = orion_ir_grad(forward, &by, &t->allocator, diag, &both);
    if (status == ORION_OK) status = train_stage_compile(both, device, diag, &t->stage);
    orion_ir_graph_destroy(&both);
    orion_ir_graph_destroy(&forward);
    orn_free(&t->allocator, names, bytes);
    return status;
}

/* A packed tensor bound to the port of that name: the host works on it in place. */
static orion_status bind_packed(orion_train_trainer *t, orion_ane_device *device, const char *port,
                                const orion_ir_type *type, orion_diag *diag,
                                orion_ane_tensor **out_tensor) {
    TRY(orion_ane_tensor_create(device, type, NULL, diag, out_tensor));
    return orion_ane_run_bind(t->stage.run, port, *out_tensor, diag);
}

static orion_status bind_batch(orion_train_trainer *t, orion_ane_device *device, orion_diag *diag) {
    const int64_t dims[] = {t->options.batch, t->options.length};
    orion_ir_type rows = orion_ir_type_make(ORION_IR_I32, 2, dims);
    orion_ir_type scalar = orion_ir_type_make(ORION_IR_F32, 0, NULL);
    TRY(bind_packed(t, device, "tokens", &rows, diag, &t->tokens));
    TRY(bind_packed(t, device, "targets", &rows, diag, &t->targets));
    return bind_packed(t, device, "loss", &scalar, diag, &t->loss);
}

static orion_status bind_slot(orion_train_trainer *t, size_t i, orion_ane_device *device,
                              orn_text *port, orion_diag *diag) {
    const train_parameter *p = &t->shape->parameters[i];
    train_slot *slot = &t->slots[i];
    port->size = 0;
    orn_text_printf(port, "grad_%s", p->name);
    TRY(orn_text_status(port));
    TRY(bind_packed(t, device, p->name, &p->type, diag, &slot->value));
    return bind_packed(t, device, port->data, &p->type, diag, &slot->gradient);
}

static orion_status bind_slots(orion_train_trainer *t, orion_ane_device *device, orion_diag *diag) {
    orn_text port;
    orn_text_init(&port, &t->allocator);
    orion_status status = ORION_OK;
    for (size_t i = 0; status == ORION_OK && i < t->shape->count; i++)
        status = bind_slot(t, i, device, &port, diag);
    orn_text_free(&port);
    return status;
}

/* One allocation for the host's arrays, zeroed, each on a cache line of its own. */
static orion_status make_arrays(orion_train_trainer *t) {
    enum { LINE = 16 }; /* floats */
    size_t per_slot = TRAIN_MOMENTS + (t->options.accumulation > 1), total = 0, bytes;
    for (size_t i = 0; i < t->shape->count; i++) {
        size_t elements = t->shape->parameters[i].elements, padded;
        if (!orn_align_up(elements, LINE, &padded) || !orn_mul(padded, per_slot, &padded) ||
            !orn_add(total, padded, &total)) {
            return ORION_ERROR_NO_MEMORY;
        }
    }
    if (!orn_mul(total, sizeof *t->arrays, &bytes)) return ORION_ERROR_NO_MEMORY;
    float *at = orn_alloc_aligned(&t->allocator, bytes, LINE * sizeof *at);
    if (at == NULL) return ORION_ERROR_NO_MEMORY;
    memset(at, 0, bytes);
    t->arrays = at;
    t->array_elements = total;
    for (size_t i = 0; i < t->shape->count; i++) {
        const train_parameter *p = &t->shape->parameters[i];
        train_slot *slot = &t->slots[i];
        size_t padded = (p->elements + LINE - 1) & ~(size_t)(LINE - 1);
        slot->elements = p->elements;
        slot->decays = p->is_matrix != 0;
        for (size_t which = 0; which < TRAIN_MOMENTS; which++, at += padded)
            slot->moments[which] = at;
        if (per_slot > TRAIN_MOMENTS) slot->sum = at, at += padded;
    }
    return ORION_OK;
}

static orion_status copy_values(orion_train_trainer *t, const orion_train_model *model,
                                orion_diag *diag) {
    for (size_t i = 0; i < model->count; i++) {
        TRY(orion_ane_tensor_write(t->slots[i].value, ORION_IR_F32, train_model_data(model, i),
                                   t->slots[i].elements * sizeof(float), diag));
    }
    return ORION_OK;
}

/* ---- beginning and ending ---- */

static orion_status build(orion_train_trainer *t, const orion_train_model *model,
                          orion_ane_device *device, orion_diag *diag) {
    TRY(train_model_new(&model->config, &t->allocator, &t->shape));
    t->slots = orn_zalloc(&t->allocator, t->shape->count * sizeof *t->slots);
    if (t->slots == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(make_arrays(t));
    TRY(compile(t, device, diag));
    TRY(bind_batch(t, device, diag));
    TRY(bind_slots(t, device, diag));
    return copy_values(t, model, diag);
}

static orion_status check_tokens(const orion_train_model *model,
                                 const orion_train_tokenizer *tokenizer,
                                 const orion_train_data *data, orion_diag *diag) {
    if (tokenizer != NULL) TRY(train_tokenizer_check(tokenizer, model, diag));
    int32_t largest = train_data_largest(data);
    if ((uint32_t)largest < model->config.vocab) return ORION_OK;
    ORN_ERROR(diag, TRAIN_TOKENS, "data", "the data have a token %d, but the model knows only %u",
              largest, model->config.vocab);
    return ORION_ERROR_INVALID_ARGUMENT;
}

orion_status orion_train_trainer_create(orion_train_model *model, orion_train_tokenizer *tokenizer,
                                        orion_train_data *data, orion_ane_device *device,
                                        const orion_train_options *options, orion_diag *diag,
                                        orion_train_trainer **out_trainer) {
    *out_trainer = NULL;
    orion_train_options o;
    TRY(train_options_complete(options, &model->config, diag, &o));
    TRY(check_tokens(model, tokenizer, data, diag));
    orion_train_trainer *t = orn_zalloc(&model->allocator, sizeof *t);
    if (t == NULL) return ORION_ERROR_NO_MEMORY;
    t->allocator = model->allocator;
    t->options = o;
    t->data = orion_train_data_ref(data);
    if (tokenizer != NULL) t->tokenizer = orion_train_tokenizer_ref(tokenizer);
    size_t tokens;
    orion_train_data_tokens(data, &tokens);
    t->progress.data_tokens = tokens;
    train_data_hash(data, t->progress.data_sha256);
    orion_status status = build(t, model, device, diag);
    if (status != ORION_OK) orion_train_trainer_destroy(&t);
    *out_trainer = t;
    return status;
}

void orion_train_trainer_destroy(orion_train_trainer **trainer) {
    if (trainer == NULL || *trainer == NULL) return;
    orion_train_trainer *t = *trainer;
    *trainer = NULL;
    size_t count = t->shape == NULL || t->slots == NULL ? 0 : t->shape->count;
    for (size_t i = 0; i < count; i++) {
        orion_ane_tensor_unref(&t->slots[i].value);
        orion_ane_tensor_unref(&t->slots[i].gradient);
    }
    orion_ane_tensor_unref(&t->tokens);
    orion_ane_tensor_unref(&t->targets);
    orion_ane_tensor_unref(&t->loss);
    train_stage_destroy(&t->stage);
    orn_free(&t->allocator, t->arrays, t->array_elements * sizeof *t->arrays);
    orn_free(&t->allocator, t->slots, count * sizeof *t->slots);
    orion_train_data_unref(&t->data);
    orion_train_tokenizer_unref(&t->tokenizer);
    orion_train_model_unref(&t->shape);
    orion_allocator a = t->allocator;
    orn_free(&a, t, sizeof *t);
}

/* ---- resuming ---- */

#define REFUSE_RESUME(path, what, ...)                                                             \
    (orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_RESUME, (path), 0, 0, (what),        \
              __VA_ARGS__),                                                                        \
     ORION_ERROR_INVALID_ARGUMENT)

static orion_status check_data(const train_checkpoint *c, const orion_train_data *data,
                               const char *path, orion_diag *diag) {
    char hash[ORN_SHA256_DIGITS + 1];
    size_t tokens;
    orion_train_data_tokens(data, &tokens);
    train_data_hash(data, hash);
    if (tokens == c->progress.data_tokens && strcmp(hash, c->progress.data_sha256) == 0)
        return ORION_OK;
    return REFUSE_RESUME(path, "data",
                         "it was trained on other data: %llu tokens with SHA-256 %.16s..., these "
                         "are %zu with %.16s...",
                         (unsigned long long)c->progress.data_tokens, c->progress.data_sha256,
                         tokens, hash);
}

/* Moments and position of a checkpoint whose weights the trainer has begun with. */
static void restore(orion_train_trainer *t, const train_checkpoint *c) {
    for (size_t i = 0; i < t->shape->count; i++) {
        train_slot *slot = &t->slots[i];
        for (size_t which = 0; which < TRAIN_MOMENTS; which++)
            memcpy(slot->moments[which], c->moments[which][i], slot->elements * sizeof(float));
    }
    t->progress.step = c->progress.step;
    t->progress.updates = c->progress.updates;
    t->progress.skipped = c->progress.skipped;
}

static orion_status resume(const train_checkpoint *c, const char *path, orion_train_data *data,
                           bool other_data, orion_ane_device *device,
                           const orion_train_options *changes, orion_diag *diag,
                           orion_train_trainer **out_trainer) {
    if (!c->has_optimizer) {
        return REFUSE_RESUME(path, "optimizer", "it holds a model, but no optimizer to continue");
    }
    if (!other_data) TRY(check_data(c, data, path, diag));
    orion_train_options options = c->options;
    train_fields_overlay(&train_section_train, changes, &options);
    TRY(orion_train_trainer_create(c->model, c->tokenizer, data, device, &options, diag,
                                   out_trainer));
    restore(*out_trainer, c);
    return ORION_OK;
}

orion_status orion_train_trainer_resume(const char *path, orion_train_data *data,
                                        uint32_t other_data, orion_ane_device *device,
                                        const orion_train_options *options, orion_diag *diag,
                                        orion_train_trainer **out_trainer) {
    *out_trainer = NULL;
    orion_train_options changes;
    TRY(orn_check_size(options, &changes, sizeof changes));
    const orion_allocator allocator = train_data_allocator(data);
    train_checkpoint c;
    TRY(train_checkpoint_load(&c, path, &allocator, diag));
    orion_status status =
        resume(&c, path, data, other_data != 0, device, &changes, diag, out_trainer);
    train_checkpoint_close(&c);
    return status;
}

/* ---- looking and saving ---- */

uint64_t orion_train_trainer_position(const orion_train_trainer *trainer) {
    return trainer->progress.step;
}

orion_status orion_train_trainer_get_options(const orion_train_trainer *trainer,
                                             orion_train_options *out_options) {
    return orn_fill_sized(&trainer->options, out_options, sizeof trainer->options);
}

orion_status orion_train_trainer_model(const orion_train_trainer *trainer,
                                       orion_train_model **out_model) {
    *out_model = NULL;
    orion_train_model *m;
    TRY(train_model_new(&trainer->shape->config, &trainer->allocator, &m));
    orion_status status = ORION_OK;
    for (size_t i = 0; status == ORION_OK && i < m->count; i++) {
        size_t bytes = m->parameters[i].elements * sizeof(float);
        orion_blob *blob = NULL;
        status = orion_blob_copy(NULL, bytes, &trainer->allocator, &blob);
        if (status != ORION_OK) break;
        void *copy = (void *)(uintptr_t)orion_blob_data(blob); /* ours alone until we return */
        status = orion_ane_tensor_read(trainer->slots[i].value, ORION_IR_F32, copy, bytes, NULL);
        train_model_set(m, i, blob, 0);
        orion_blob_unref(&blob);
    }
    if (status != ORION_OK) orion_train_model_unref(&m);
    *out_model = m;
    return status;
}

/* Lock the values for reading; `count` of them are locked, also on failure. */
static orion_status lock_values(const orion_train_trainer *t, const float **values, size_t *count) {
    for (*count = 0; *count < t->shape->count; ++*count) {
        void *data;
        TRY(orion_ane_tensor_lock(t->slots[*count].value, ORION_ANE_READ, &data));
        values[*count] = data;
    }
    return ORION_OK;
}

static void unlock_values(const orion_train_trainer *t, size_t count) {
    for (size_t i = 0; i < count; i++) orion_ane_tensor_unlock(t->slots[i].value);
}

orion_status orion_train_trainer_save(const orion_train_trainer *trainer, const char *path,
                                      orion_diag *diag) {
    const orion_train_trainer *t = trainer;
    size_t count = t->shape->count, bytes = (1 + TRAIN_MOMENTS) * count * sizeof(const float *);
    const float **arrays = orn_alloc(&t->allocator, bytes);
    if (arrays == NULL) return ORION_ERROR_NO_MEMORY;
    train_snapshot s = {.shape = t->shape,
                        .tokenizer = t->tokenizer,
                        .options = &t->options,
                        .progress = &t->progress,
                        .values = arrays};
    for (size_t which = 0; which < TRAIN_MOMENTS; which++) {
        const float **moments = arrays + (1 + which) * count;
        for (size_t i = 0; i < count; i++) moments[i] = t->slots[i].moments[which];
        s.moments[which] = moments;
    }
    size_t locked;
    orion_status status = lock_values(t, arrays, &locked);
    if (status == ORION_OK) status = train_checkpoint_save(&s, path, &t->allocator, diag);
    unlock_values(t, locked);
    orn_free(&t->allocator, arrays, bytes);
    return status;
}
