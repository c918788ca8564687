/* SPDX-License-Identifier: MIT */
/* Saving a run: the tensors and metadata of docs/checkpoint-format.md. */
#include "trainer-internal.h"

const char *const train_moment_prefix[TRAIN_MOMENTS] = {"adamw_mean.", "adamw_square."};

const train_state_field train_state_fields[TRAIN_STATES] = {
    {"state.step", offsetof(train_progress, step)},
    {"state.updates", offsetof(train_progress, updates)},
    {"state.skipped", offsetof(train_progress, skipped)},
    {"data.tokens", offsetof(train_progress, data_tokens)},
};

/* Metadata and tensors as they grow; the texts are in the arena. Sticky: `failed`. */
typedef struct draft {
    orion_allocator allocator;
    orn_arena arena;
    orn_text scratch;
    train_pair *pairs;
    size_t pair_count, pair_capacity;
    train_out_tensor *tensors;
    size_t tensor_count, tensor_capacity;
    bool failed;
} draft;

/* What is in the scratch text, which is then empty again. */
static const char *take_scratch(draft *d) {
    const char *text =
        d->scratch.failed ? NULL : orn_arena_strndup(&d->arena, d->scratch.data, d->scratch.size);
    if (text == NULL) d->failed = true;
    d->scratch.size = 0;
    return text;
}

static void put_pair(draft *d, const char *key, const char *value) {
    d->failed =
        d->failed || !ORN_GROW(&d->allocator, d->pairs, d->pair_capacity, d->pair_count + 1);
    if (!d->failed) d->pairs[d->pair_count++] = (train_pair){key, value};
}

static void put_number(draft *d, const char *key, uint64_t number) {
    orn_text_uint(&d->scratch, number);
    put_pair(d, key, take_scratch(d));
}

static void put_tensor(draft *d, const char *name, const orion_ir_type *type, const void *data) {
    d->failed =
        d->failed || !ORN_GROW(&d->allocator, d->tensors, d->tensor_capacity, d->tensor_count + 1);
    if (!d->failed) d->tensors[d->tensor_count++] = (train_out_tensor){name, *type, data};
}

static void put_section(draft *d, const train_section *section, const void *values) {
    for (size_t i = 0; i < section->count; i++) {
        const train_field *field = &section->fields[i];
        orn_text_printf(&d->scratch, "%s.%s", section->name, field->name);
        const char *key = take_scratch(d);
        train_field_print(field, values, &d->scratch);
        put_pair(d, key, take_scratch(d));
    }
}

static void put_state(draft *d, const train_progress *progress) {
    for (size_t i = 0; i < TRAIN_STATES; i++) {
        uint64_t number;
        memcpy(&number, (const char *)progress + train_state_fields[i].offset, sizeof number);
        put_number(d, train_state_fields[i].key, number);
    }
    put_pair(d, TRAIN_CHECKPOINT_DATA_HASH, progress->data_sha256);
}

static void put_parameters(draft *d, const train_snapshot *s) {
    for (size_t i = 0; i < s->shape->count; i++)
        put_tensor(d, s->shape->parameters[i].name, &s->shape->parameters[i].type, s->values[i]);
    for (size_t which = 0; which < TRAIN_MOMENTS; which++) {
        for (size_t i = 0; i < s->shape->count; i++) {
            const train_parameter *p = &s->shape->parameters[i];
            orn_text_printf(&d->scratch, "%s%s", train_moment_prefix[which], p->name);
            put_tensor(d, take_scratch(d), &p->type, s->moments[which][i]);
        }
    }
}

/* Last of all, since its bytes are aligned to nothing. */
static void put_tokenizer(draft *d, const orion_train_tokenizer *tokenizer) {
    if (tokenizer == NULL) {
        put_pair(d, TRAIN_CHECKPOINT_TOKENIZER, "none");
        return;
    }
    const orion_blob *file = train_tokenizer_file(tokenizer);
    put_pair(d, TRAIN_CHECKPOINT_TOKENIZER, file == NULL ? "bytes" : "llama2c");
    if (file == NULL) return;
    put_number(d, TRAIN_CHECKPOINT_TOKENIZER ".vocab", orion_train_tokenizer_vocab(tokenizer));
    const int64_t bytes = (int64_t)orion_blob_size(file);
    orion_ir_type type = orion_ir_type_make(ORION_IR_U8, 1, &bytes);
    put_tensor(d, TRAIN_CHECKPOINT_TOKENIZER, &type, orion_blob_data(file));
}

orion_status train_checkpoint_save(const train_snapshot *snapshot, const char *path,
                                   const orion_allocator *allocator, orion_diag *diag) {
    draft d = {.allocator = orn_allocator(allocator)};
    orn_arena_init(&d.arena, allocator);
    orn_text_init(&d.scratch, allocator);
    put_pair(&d, TRAIN_CHECKPOINT_FORMAT, TRAIN_CHECKPOINT_VERSION);
    put_section(&d, &train_section_model, &snapshot->shape->config);
    put_section(&d, &train_section_train, snapshot->options);
    put_state(&d, snapshot->progress);
    put_parameters(&d, snapshot);
    put_tokenizer(&d, snapshot->tokenizer);
    orion_status status = d.failed ? ORION_ERROR_NO_MEMORY
                                   : train_safetensors_write(path, d.pairs, d.pair_count, d.tensors,
                                                             d.tensor_count, allocator, diag);
    orn_free(&d.allocator, d.tensors, d.tensor_capacity * sizeof *d.tensors);
    orn_free(&d.allocator, d.pairs, d.pair_capacity * sizeof *d.pairs);
    orn_text_free(&d.scratch);
    orn_arena_clear(&d.arena);
    return status;
}
