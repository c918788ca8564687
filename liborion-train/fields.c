/* SPDX-License-Identifier: MIT */
/* The fields of a model's and a run's description by name: for recipes and checkpoints. */
#include "trainer-internal.h"

#define FIELD(type, kind, name)                                                                    \
    { #name, TRAIN_FIELD_##kind, offsetof(type, name) }
#define MODEL(kind, name) FIELD(orion_train_model_config, kind, name)
#define TRAIN(kind, name) FIELD(orion_train_options, kind, name)

static const train_field model_fields[] = {
    MODEL(U32, dim),         MODEL(U32, hidden),     MODEL(U32, layers),      MODEL(U32, heads),
    MODEL(U32, kv_heads),    MODEL(U32, vocab),      MODEL(U32, context),     MODEL(FLAG, untied),
    MODEL(FLAG, rope_split), MODEL(F64, rope_theta), MODEL(F64, norm_epsilon)};

static const train_field train_fields[] = {
    TRAIN(U64, steps),         TRAIN(U64, warmup),         TRAIN(U64, seed),
    TRAIN(U32, batch),         TRAIN(U32, length),         TRAIN(U32, accumulation),
    TRAIN(F64, learning_rate), TRAIN(F64, learning_floor), TRAIN(F64, beta1),
    TRAIN(F64, beta2),         TRAIN(F64, epsilon),        TRAIN(F64, weight_decay),
    TRAIN(F64, clip)};

const train_section train_section_model = {"model", model_fields, ORN_COUNT(model_fields)};
const train_section train_section_train = {"train", train_fields, ORN_COUNT(train_fields)};

const train_field *train_field_find(const train_section *section, const char *name) {
    for (size_t i = 0; i < section->count; i++) {
        if (strcmp(section->fields[i].name, name) == 0) return &section->fields[i];
    }
    return NULL;
}

static size_t size_of(const train_field *field) {
    bool small = field->kind == TRAIN_FIELD_U32 || field->kind == TRAIN_FIELD_FLAG;
    return small ? sizeof(uint32_t) : sizeof(uint64_t);
}

static bool is_word(const char *text, size_t length, const char *word) {
    return length == strlen(word) && memcmp(text, word, length) == 0;
}

bool train_field_parse(const train_field *field, const char *text, size_t length, void *base) {
    void *place = (char *)base + field->offset;
    if (field->kind == TRAIN_FIELD_F64) {
        double number;
        if (!orn_parse_f64(text, length, &number) || number - number != 0) return false;
        memcpy(place, &number, sizeof number);
        return true;
    }
    uint64_t number, most = UINT64_MAX;
    if (field->kind == TRAIN_FIELD_U32) most = UINT32_MAX;
    if (field->kind == TRAIN_FIELD_FLAG) {
        most = 1;
        if (is_word(text, length, "false")) text = "0", length = 1;
        if (is_word(text, length, "true")) text = "1", length = 1;
    }
    if (!orn_parse_u64(text, length, &number) || number > most) return false;
    uint32_t narrow = (uint32_t)number;
    if (size_of(field) == sizeof narrow) {
        memcpy(place, &narrow, sizeof narrow);
    } else {
        memcpy(place, &number, sizeof number);
    }
    return true;
}

void train_field_print(const train_field *field, const void *base, orn_text *out) {
    const char *place = (const char *)base + field->offset;
    if (field->kind == TRAIN_FIELD_F64) {
        char digits[32];
        double number;
        memcpy(&number, place, sizeof number);
        orn_text_bytes(out, digits, orn_format_f64(digits, number));
    } else if (field->kind == TRAIN_FIELD_U64) {
        uint64_t number;
        memcpy(&number, place, sizeof number);
        orn_text_uint(out, number);
    } else {
        uint32_t number;
        memcpy(&number, place, sizeof number);
        orn_text_uint(out, number);
    }
}

const char *train_field_range(const train_field *field) {
    switch (field->kind) {
    case TRAIN_FIELD_U32: return "a whole number from 0 to 4294967295";
    case TRAIN_FIELD_U64: return "a whole number from 0 to 18446744073709551615";
    case TRAIN_FIELD_F64: return "a finite number";
    case TRAIN_FIELD_FLAG: return "true or false";
    }
    return "";
}

void train_fields_overlay(const train_section *section, const void *from, void *to) {
    static const unsigned char zero[sizeof(uint64_t)];
    for (size_t i = 0; i < section->count; i++) {
        const train_field *field = &section->fields[i];
        const char *value = (const char *)from + field->offset;
        if (memcmp(value, zero, size_of(field)) != 0)
            memcpy((char *)to + field->offset, value, size_of(field));
    }
}
