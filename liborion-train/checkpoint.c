/* SPDX-License-Identifier: MIT */
/* Reading a checkpoint: docs/checkpoint-format.md. What is there must be all and fit together. */
#include "trainer-internal.h"

#define REFUSE(c, subject, ...)                                                                    \
    (orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_CHECKPOINT, (c)->file.source, 0, 0,  \
              (subject), __VA_ARGS__),                                                             \
     ORION_ERROR_VERIFY)

/* ---- metadata ---- */

static orion_status get_text(const train_checkpoint *c, const char *key, orion_diag *diag,
                             const char **out) {
    *out = train_safetensors_get(&c->file, key);
    if (*out != NULL) return ORION_OK;
    return REFUSE(c, key, "the metadata do not say %s", key);
}

static orion_status get_number(const train_checkpoint *c, const char *key, orion_diag *diag,
                               uint64_t *out) {
    const char *text;
    TRY(get_text(c, key, diag, &text));
    if (orn_parse_u64(text, strlen(text), out)) return ORION_OK;
    return REFUSE(c, key, "the metadata say %s of '%.40s', which is no whole number", key, text);
}

static orion_status get_section(const train_checkpoint *c, const train_section *section, void *into,
                                orion_diag *diag) {
    orn_text key;
    orn_text_init(&key, &c->file.arena.allocator);
    orion_status status = ORION_OK;
    for (size_t i = 0; status == ORION_OK && i < section->count; i++) {
        const train_field *field = &section->fields[i];
        const char *text = NULL;
        key.size = 0;
        orn_text_printf(&key, "%s.%s", section->name, field->name);
        status = orn_text_status(&key);
        if (status == ORION_OK) status = get_text(c, key.data, diag, &text);
        if (status == ORION_OK && !train_field_parse(field, text, strlen(text), into)) {
            status = REFUSE(c, key.data, "the metadata say %s is '%.40s', which is not %s",
                            key.data, text, train_field_range(field));
        }
    }
    orn_text_free(&key);
    return status;
}

static orion_status get_progress(train_checkpoint *c, orion_diag *diag) {
    for (size_t i = 0; i < TRAIN_STATES; i++) {
        uint64_t number;
        TRY(get_number(c, train_state_fields[i].key, diag, &number));
        memcpy((char *)&c->progress + train_state_fields[i].offset, &number, sizeof number);
    }
    const char *hash;
    TRY(get_text(c, TRAIN_CHECKPOINT_DATA_HASH, diag, &hash));
    if (strlen(hash) != ORN_SHA256_DIGITS) {
        return REFUSE(c, TRAIN_CHECKPOINT_DATA_HASH, "%s does not have 64 digits",
                      TRAIN_CHECKPOINT_DATA_HASH);
    }
    memcpy(c->progress.data_sha256, hash, ORN_SHA256_DIGITS + 1);
    if (c->progress.updates > c->progress.step || c->progress.skipped > c->progress.step) {
        return REFUSE(c, "state", "more updates or skipped steps than the %llu steps",
                      (unsigned long long)c->progress.step);
    }
    return ORION_OK;
}

/* ---- tensors ---- */

/* The tensor "prefix name" of a parameter; it must have the parameter's type. */
static orion_status find_parameter(const train_checkpoint *c, const char *prefix,
                                   const train_parameter *p, orion_diag *diag,
                                   const train_tensor **out) {
    orn_text name;
    orn_text_init(&name, &c->file.arena.allocator);
    orn_text_printf(&name, "%s%s", prefix, p->name);
    orion_status status = orn_text_status(&name);
    if (status == ORION_OK) {
        *out = train_safetensors_find(&c->file, name.data);
        if (*out == NULL) {
            status = REFUSE(c, name.data, "the tensor %s is missing", name.data);
        } else if (!orion_ir_type_equal(&(*out)->type, &p->type)) {
            status = REFUSE(c, name.data,
                            "the tensor %s has another type than the description "
                            "of the model asks for",
                            name.data);
        }
    }
    orn_text_free(&name);
    return status;
}

static orion_status place_parameters(train_checkpoint *c, orion_diag *diag) {
    for (size_t i = 0; i < c->model->count; i++) {
        const train_tensor *t;
        TRY(find_parameter(c, "", &c->model->parameters[i], diag, &t));
        train_model_set(c->model, i, c->file.blob, t->offset);
    }
    return ORION_OK;
}

static orion_status place_moments(train_checkpoint *c, orion_diag *diag) {
    for (size_t which = 0; which < TRAIN_MOMENTS; which++) {
        const float **moments = orn_arena_alloc(&c->file.arena, c->model->count * sizeof *moments);
        if (moments == NULL) return ORION_ERROR_NO_MEMORY;
        for (size_t i = 0; i < c->model->count; i++) {
            const train_tensor *t;
            TRY(find_parameter(c, train_moment_prefix[which], &c->model->parameters[i], diag, &t));
            moments[i] = train_safetensors_data(&c->file, t);
        }
        c->moments[which] = moments;
    }
    return ORION_OK;
}

/* Every tensor has a meaning: as many are there as were asked for. */
static orion_status check_count(const train_checkpoint *c, orion_diag *diag) {
    size_t expected = c->model->count * (c->has_optimizer ? 1 + TRAIN_MOMENTS : 1);
    expected += c->tokenizer != NULL && train_tokenizer_file(c->tokenizer) != NULL;
    if (c->file.count == expected) return ORION_OK;
    return REFUSE(c, "tensors", "there are %zu tensors, but a model of this description has %zu",
                  c->file.count, expected);
}

/* ---- model and tokenizer ---- */

static orion_status read_model(train_checkpoint *c, const orion_allocator *allocator,
                               orion_diag *diag) {
    orion_train_model_config config = {.size = sizeof config};
    TRY(get_section(c, &train_section_model, &config, diag));
    orion_status status = train_config_complete(&config, c->file.source, diag, &config);
    if (status != ORION_OK) return ORION_ERROR_VERIFY;
    TRY(train_model_new(&config, allocator, &c->model));
    return place_parameters(c, diag);
}

static orion_status read_tokenizer_file(train_checkpoint *c, const orion_allocator *allocator,
                                        orion_diag *diag) {
    uint64_t vocab;
    TRY(get_number(c, TRAIN_CHECKPOINT_TOKENIZER ".vocab", diag, &vocab));
    const train_tensor *t = train_safetensors_find(&c->file, TRAIN_CHECKPOINT_TOKENIZER);
    if (t == NULL || t->type.dtype != ORION_IR_U8 || vocab == 0 || vocab > c->model->config.vocab) {
        return REFUSE(c, TRAIN_CHECKPOINT_TOKENIZER,
                      "the bytes of the tokenizer are missing, or it has more tokens than the "
                      "model");
    }
    orion_blob *bytes;
    TRY(orion_blob_copy(train_safetensors_data(&c->file, t), t->bytes, allocator, &bytes));
    orion_status status = orion_train_tokenizer_parse_llama2c(
        bytes, (uint32_t)vocab, c->file.source, allocator, diag, &c->tokenizer);
    orion_blob_unref(&bytes);
    return status;
}

static orion_status read_tokenizer(train_checkpoint *c, const orion_allocator *allocator,
                                   orion_diag *diag) {
    const char *kind;
    TRY(get_text(c, TRAIN_CHECKPOINT_TOKENIZER, diag, &kind));
    if (strcmp(kind, "none") == 0) return ORION_OK;
    if (strcmp(kind, "llama2c") == 0) return read_tokenizer_file(c, allocator, diag);
    if (strcmp(kind, "bytes") != 0 || c->model->config.vocab < ORION_TRAIN_BYTE_VOCAB) {
        return REFUSE(c, TRAIN_CHECKPOINT_TOKENIZER,
                      "the tokenizer '%.40s' is not known, or has more tokens than the model",
                      kind);
    }
    return orion_train_tokenizer_create_bytes(allocator, &c->tokenizer);
}

/* ---- the whole ---- */

static orion_status read_checkpoint(train_checkpoint *c, const orion_allocator *allocator,
                                    orion_diag *diag) {
    TRY(train_safetensors_verify(&c->file, diag));
    const char *format;
    TRY(get_text(c, TRAIN_CHECKPOINT_FORMAT, diag, &format));
    if (strcmp(format, TRAIN_CHECKPOINT_VERSION) != 0) {
        return REFUSE(c, TRAIN_CHECKPOINT_FORMAT, "the format is '%.40s', not '%s'", format,
                      TRAIN_CHECKPOINT_VERSION);
    }
    TRY(read_model(c, allocator, diag));
    TRY(read_tokenizer(c, allocator, diag));
    c->has_optimizer = train_safetensors_get(&c->file, train_state_fields[0].key) != NULL;
    TRY(check_count(c, diag));
    if (!c->has_optimizer) return ORION_OK;
    c->options.size = sizeof c->options;
    TRY(get_section(c, &train_section_train, &c->options, diag));
    TRY(get_progress(c, diag));
    return place_moments(c, diag);
}

orion_status train_checkpoint_parse(train_checkpoint *out, orion_blob *blob, const char *source,
                                    const orion_allocator *allocator, orion_diag *diag) {
    *out = (train_checkpoint){.has_optimizer = false};
    TRY(train_safetensors_open(&out->file, blob, source, allocator, diag));
    orion_status status = read_checkpoint(out, allocator, diag);
    if (status != ORION_OK) train_checkpoint_close(out);
    return status;
}

orion_status train_checkpoint_load(train_checkpoint *out, const char *path,
                                   const orion_allocator *allocator, orion_diag *diag) {
    *out = (train_checkpoint){.has_optimizer = false};
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status = train_checkpoint_parse(out, blob, path, allocator, diag);
    orion_blob_unref(&blob);
    return status;
}

void train_checkpoint_close(train_checkpoint *checkpoint) {
    orion_train_model_unref(&checkpoint->model);
    orion_train_tokenizer_unref(&checkpoint->tokenizer);
    train_safetensors_close(&checkpoint->file);
    *checkpoint = (train_checkpoint){.has_optimizer = false};
}

orion_status orion_train_model_load_checkpoint(const char *path, const orion_allocator *allocator,
                                               orion_diag *diag, orion_train_model **out_model,
                                               orion_train_tokenizer **out_tokenizer) {
    *out_model = NULL;
    if (out_tokenizer != NULL) *out_tokenizer = NULL;
    train_checkpoint c;
    TRY(train_checkpoint_load(&c, path, allocator, diag));
    *out_model = orion_train_model_ref(c.model);
    if (out_tokenizer != NULL && c.tokenizer != NULL)
        *out_tokenizer = orion_train_tokenizer_ref(c.tokenizer);
    train_checkpoint_close(&c);
    return ORION_OK;
}
