/* SPDX-License-Identifier: MIT */
/* modelAttributes: what a loaded program says of its inputs and outputs. */
#include "mini.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct entry {
    const char *key;
    const void *value; /* an object */
} entry;

/* NULL if one of the values is, which passes a lack of memory on. */
static NSDictionary *dictionary(const entry *entries, size_t count) {
    enum { MOST = 16 };
    mini_id keys[MOST], values[MOST];
    for (size_t i = 0; i < count; i++) {
        keys[i] = (mini_id)mini_string(entries[i].key);
        values[i] = (mini_id)(uintptr_t)entries[i].value;
    }
    return mini_dictionary(keys, values, count);
}
#define DICTIONARY(...)                                                                            \
    dictionary((const entry[]){__VA_ARGS__}, ORN_COUNT(((const entry[]){__VA_ARGS__})))

/* The i-th object of a list of `count`. */
typedef const void *maker(const void *context, size_t i);

static NSArray *array(size_t count, maker *make, const void *context) {
    mini_id *items = calloc(count + 1, sizeof *items);
    for (size_t i = 0; items != NULL && i < count; i++) {
        items[i] = (mini_id)(uintptr_t)make(context, i);
    }
    NSArray *result = items == NULL ? NULL : mini_array(items, count);
    free(items);
    return result;
}

static const char *type_name(uint32_t dtype) {
    switch (dtype) {
    case ORION_IR_F16: return "Float16";
    case ORION_IR_F32: return "Float32";
    default: return "UInt8";
    }
}

/* One entry of LiveInputList or LiveOutputList. */
static const void *describe(const void *context, size_t i) {
    const emu_symbol *s = (const emu_symbol *)context + i;
    return DICTIONARY(
        {"Name", mini_string(s->name)}, {"Symbol", mini_string(s->name)},
        {"Type", mini_string(type_name(s->dtype))}, {"Batches", mini_number((uint64_t)s->batches)},
        {"Channels", mini_number((uint64_t)s->channels)},
        {"Height", mini_number((uint64_t)s->height)}, {"Width", mini_number((uint64_t)s->width)},
        {"RowStride", mini_number(s->row_stride)}, {"PlaneStride", mini_number(s->plane_stride)},
        {"BatchStride", mini_number(s->batch_stride)});
}

static const void *live_lists(const void *context, size_t i) {
    const emu_procedure *p = &((const emu_program *)context)->procedures[i];
    return DICTIONARY({"Name", mini_string(p->name)},
                      {"LiveInputList", array(p->input_count, describe, p->inputs)},
                      {"LiveOutputList", array(p->output_count, describe, p->outputs)});
}

static const void *count_from(const void *context, size_t i) {
    return mini_number(*(const size_t *)context + i);
}

static const void *describe_procedure(const void *context, size_t i) {
    const emu_procedure *p = &((const emu_program *)context)->procedures[i];
    return DICTIONARY(
        {"ANEFModelProcedureID", mini_number(i)},
        {"ANEFModelInputSymbolIndexArray", array(p->input_count, count_from, &p->first_input)},
        {"ANEFModelOutputSymbolIndexArray", array(p->output_count, count_from, &p->first_output)});
}

/* The i-th symbol of all procedures' inputs, or outputs, and how the array of symbols writes it. */
static const void *input_name(const void *context, size_t i) {
    const emu_procedure *p = ((const emu_program *)context)->procedures;
    while (i >= p->first_input + p->input_count) p++;
    return mini_string(p->inputs[i - p->first_input].name);
}

static const void *output_name(const void *context, size_t i) {
    const emu_procedure *p = ((const emu_program *)context)->procedures;
    while (i >= p->first_output + p->output_count) p++;
    const char *name = p->outputs[i - p->first_output].name;
    size_t size = strlen(name) + sizeof "@output";
    char *written = malloc(size);
    if (written == NULL) return NULL;
    snprintf(written, size, "%s@output", name);
    const NSString *string = mini_string(written);
    free(written);
    return string;
}

static const void *procedure_name(const void *context, size_t i) {
    return mini_string(((const emu_program *)context)->procedures[i].name);
}

static NSDictionary *describe_model(const emu_program *program) {
    size_t count = program->procedure_count;
    const emu_procedure *last = &program->procedures[count - 1];
    const size_t zero = 0;
    NSArray *names = array(count, procedure_name, program);
    NSArray *numbers = array(count, count_from, &zero);
    if (names == NULL || numbers == NULL) return NULL;
    return DICTIONARY({"kANEFModelInputSymbolsArrayKey",
                       array(last->first_input + last->input_count, input_name, program)},
                      {"kANEFModelOutputSymbolsArrayKey",
                       array(last->first_output + last->output_count, output_name, program)},
                      {"ANEFModelProcedures", array(count, describe_procedure, program)},
                      {"kANEFModelProcedureNameToIDMapKey",
                       mini_dictionary(names->items, numbers->items, count)});
}

NSDictionary *mini_attributes(const emu_program *program) {
    emu_settings settings = emu_settings_now();
    entry entries[2];
    size_t count = 0;
    if (!settings.hide_layout) {
        entries[count++] =
            (entry){"NetworkStatusList", array(program->procedure_count, live_lists, program)};
    }
    if (!settings.hide_symbols) {
        entries[count++] = (entry){"ANEFModelDescription", describe_model(program)};
    }
    return dictionary(entries, count);
}
