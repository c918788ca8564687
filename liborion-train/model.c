/* SPDX-License-Identifier: MIT */
/* Llama-style models: the description and its limits, the parameter table, random weights,
 * reference counts. */
#include "train-internal.h"

#include <math.h>

/* One limit of the description: what, least, most. */
typedef struct limit {
    const char *name;
    uint32_t value, least, most;
} limit;

#define REFUSE(what, ...)                                                                          \
    (orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_MODEL, source, 0, 0, (what),         \
              __VA_ARGS__),                                                                        \
     ORION_ERROR_INVALID_ARGUMENT)

static orion_status check_limits(const orion_train_model_config *c, const char *source,
                                 orion_diag *diag) {
    const limit limits[] = {
        {"dim", c->dim, 2, 1u << 16},         {"hidden", c->hidden, 1, 1u << 20},
        {"layers", c->layers, 1, 1024},       {"heads", c->heads, 1, 4096},
        {"kv_heads", c->kv_heads, 1, 4096},   {"vocab", c->vocab, 2, 1u << 24},
        {"context", c->context, 2, 1u << 20}, {"untied", c->untied, 0, 1},
        {"rope_split", c->rope_split, 0, 1},
    };
    for (size_t i = 0; i < ORN_COUNT(limits); i++) {
        const limit *l = &limits[i];
        if (l->value < l->least || l->value > l->most) {
            return REFUSE(l->name, "%s is %u, but must be from %u to %u", l->name, l->value,
                          l->least, l->most);
        }
    }
    if (c->dim % c->heads != 0 || c->dim / c->heads % 2 != 0) {
        return REFUSE("heads", "%u heads do not cut dim %u into parts of one even width", c->heads,
                      c->dim);
    }
    if (c->heads % c->kv_heads != 0) {
        return REFUSE("kv_heads", "%u kv_heads do not divide the %u heads", c->kv_heads, c->heads);
    }
    if (!(c->rope_theta >= 1 && c->rope_theta <= 1e12)) {
        return REFUSE("rope_theta", "rope_theta is not from 1 to 1e12");
    }
    if (!(c->norm_epsilon > 0 && c->norm_epsilon <= 0.1)) {
        return REFUSE("norm_epsilon", "norm_epsilon is not above 0 and at most 0.1");
    }
    return ORION_OK;
}

orion_status train_config_complete(const orion_train_model_config *in, const char *source,
                                   orion_diag *diag, orion_train_model_config *out) {
    orion_train_model_config c;
    TRY(orn_check_size(in, &c, sizeof c));
    if (c.dim == 0) c.dim = 128;
    if (c.layers == 0) c.layers = 4;
    if (c.heads == 0) c.heads = c.dim % 32 == 0 ? c.dim / 32 : 4;
    if (c.kv_heads == 0) c.kv_heads = c.heads;
    if (c.context == 0) c.context = 256;
    if (c.vocab == 0) c.vocab = ORION_TRAIN_BYTE_VOCAB;
    if (c.hidden == 0) c.hidden = (uint32_t)(((uint64_t)c.dim * 8 / 3 + 15) & ~(uint64_t)15);
    if (c.rope_theta == 0) c.rope_theta = 10000;
    if (c.norm_epsilon == 0) c.norm_epsilon = 1e-5;
    TRY(check_limits(&c, source, diag));
    *out = c;
    return ORION_OK;
}

/* Append one parameter; the name is "layers_L_what" or "what". */
static bool add(orion_train_model *model, int layer, const char *what, uint32_t rows,
                uint32_t columns, bool residual) {
    orn_text name;
    orn_text_init(&name, &model->allocator);
    if (layer >= 0) {
        orn_text_printf(&name, "layers_%d_%s", layer, what);
    } else {
        orn_text_puts(&name, what);
    }
    const char *copy = name.failed ? NULL : orn_arena_strndup(&model->arena, name.data, name.size);
    orn_text_free(&name);
    if (copy == NULL) return false;
    int64_t dims[2] = {rows, columns};
    train_parameter *p = &model->parameters[model->count++];
    *p = (train_parameter){.name = copy, .is_matrix = columns != 0, .is_residual = residual};
    p->type = orion_ir_type_make(ORION_IR_F32, columns != 0 ? 2 : 1, dims);
    p->elements = (size_t)rows * (columns != 0 ? columns : 1); /* < 2^40: see the limits */
    model->elements += p->elements;
    return true;
}

static bool add_layer(orion_train_model *m, int layer) {
    const orion_train_model_config *c = &m->config;
    uint32_t kv = train_head_dim(c) * c->kv_heads;
    return add(m, layer, "attention_norm", c->dim, 0, false) &&
           add(m, layer, "wq", c->dim, c->dim, false) && add(m, layer, "wk", kv, c->dim, false) &&
           add(m, layer, "wv", kv, c->dim, false) && add(m, layer, "wo", c->dim, c->dim, true) &&
           add(m, layer, "ffn_norm", c->dim, 0, false) &&
           add(m, layer, "w1", c->hidden, c->dim, false) &&
           add(m, layer, "w2", c->dim, c->hidden, true) &&
           add(m, layer, "w3", c->hidden, c->dim, false);
}

orion_status train_model_new(const orion_train_model_config *config,
                             const orion_allocator *allocator, orion_train_model **out) {
    *out = NULL;
    orion_allocator a = orn_allocator(allocator);
    orion_train_model *m = orn_zalloc(&a, sizeof *m);
    if (m == NULL) return ORION_ERROR_NO_MEMORY;
    m->allocator = a;
    m->config = *config;
    atomic_init(&m->refs, 1);
    orn_arena_init(&m->arena, &a);
    size_t count = (size_t)config->layers * TRAIN_PER_LAYER + 2 + (config->untied ? 1 : 0);
    m->parameters = orn_arena_alloc(&m->arena, count * sizeof *m->parameters);
    bool fine =
        m->parameters != NULL && add(m, -1, "tok_embedding", config->vocab, config->dim, false);
    for (uint32_t i = 0; fine && i < config->layers; i++) fine = add_layer(m, (int)i);
    fine = fine && add(m, -1, "final_norm", config->dim, 0, false);
    if (fine && config->untied) fine = add(m, -1, "output", config->vocab, config->dim, false);
    if (!fine) {
        orion_train_model_unref(&m);
        return ORION_ERROR_NO_MEMORY;
    }
    *out = m;
    return ORION_OK;
}

void train_model_set(orion_train_model *model, size_t i, orion_blob *blob, size_t offset) {
    model->parameters[i].blob = orion_blob_ref(blob);
    model->parameters[i].offset = offset;
}

const float *train_model_data(const orion_train_model *model, size_t i) {
    const train_parameter *p = &model->parameters[i];
    return (const float *)(const void *)((const char *)orion_blob_data(p->blob) + p->offset);
}

orion_train_model *orion_train_model_ref(orion_train_model *model) {
    atomic_fetch_add_explicit(&model->refs, 1, memory_order_relaxed);
    return model;
}

void orion_train_model_unref(orion_train_model **model) {
    if (model == NULL || *model == NULL) return;
    orion_train_model *m = *model;
    *model = NULL;
    if (atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < m->count; i++) orion_blob_unref(&m->parameters[i].blob);
    orn_arena_clear(&m->arena);
    orion_allocator a = m->allocator;
    orn_free(&a, m, sizeof *m);
}

/* Bytes of all parameters, each start aligned to 64; 0 on overflow. */
static size_t layout_bytes(const orion_train_model *m) {
    size_t total = 0, bytes;
    for (size_t i = 0; i < m->count; i++) {
        if (!orn_mul(m->parameters[i].elements, sizeof(float), &bytes) ||
            !orn_align_up(bytes, 64, &bytes) || !orn_add(total, bytes, &total)) {
            return 0;
        }
    }
    return total;
}

/* Normal numbers by Box and Muller: each two from a distance and an angle. */
static void fill_normal(train_rng rng, float deviation, float *values, size_t count) {
    for (size_t k = 0; k < count; k += 2) {
        double distance = deviation * sqrt(-2 * log(1 - train_rng_unit(&rng)));
        double angle = 6.283185307179586476925 * train_rng_unit(&rng);
        values[k] = (float)(distance * cos(angle));
        if (k + 1 < count) values[k + 1] = (float)(distance * sin(angle));
    }
}

orion_status orion_train_model_create_random(const orion_train_model_config *config, uint64_t seed,
                                             const orion_allocator *allocator, orion_diag *diag,
                                             orion_train_model **out_model) {
    *out_model = NULL;
    orion_train_model_config c;
    TRY(train_config_complete(config, NULL, diag, &c));
    orion_train_model *m;
    TRY(train_model_new(&c, allocator, &m));
    orion_blob *blob = NULL;
    size_t bytes = layout_bytes(m);
    orion_status status =
        bytes == 0 ? ORION_ERROR_NO_MEMORY : orion_blob_copy(NULL, bytes, &m->allocator, &blob);
    if (status != ORION_OK) {
        orion_train_model_unref(&m);
        return status;
    }
    double residual = 0.02 / sqrt(2.0 * c.layers);
    char *data = (char *)(uintptr_t)orion_blob_data(blob); /* ours alone until we return */
    size_t offset = 0;
    for (size_t i = 0; i < m->count; i++) {
        const train_parameter *p = &m->parameters[i];
        float *values = (float *)(void *)(data + offset);
        if (p->is_matrix) {
            train_rng rng = train_rng_make(seed, TRAIN_STREAM_INIT, i);
            fill_normal(rng, (float)(p->is_residual ? residual : 0.02), values, p->elements);
        } else {
            for (size_t k = 0; k < p->elements; k++) values[k] = 1;
        }
        train_model_set(m, i, blob, offset);
        offset += (p->elements * sizeof(float) + 63) & ~(size_t)63;
    }
    orion_blob_unref(&blob);
    *out_model = m;
    return ORION_OK;
}

orion_status train_model_check_values(const orion_train_model *model, const char *source,
                                      orion_diag *diag) {
    static const float largest = 1e4f;
    for (size_t i = 0; i < model->count; i++) {
        const train_parameter *p = &model->parameters[i];
        const float *values = train_model_data(model, i);
        double sum = 0;
        for (size_t k = 0; k < p->elements; k++) {
            float size = fabsf(values[k]);
            if (!(size <= largest)) {
                orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_VALUES, source, 0, 0,
                         p->name, "%s[%zu] at byte %zu is %s", p->name, k,
                         p->offset + k * sizeof(float),
                         size != size ? "not a number" : "larger than any trained weight");
                return ORION_ERROR_VERIFY;
            }
            sum += size;
        }
        if (sum < 1e-9 * (double)p->elements) {
            orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_VALUES, source, 0, 0, p->name,
                     "%s at byte %zu is all but zero", p->name, p->offset);
            return ORION_ERROR_VERIFY;
        }
    }
    return ORION_OK;
}

orion_status orion_train_model_get_config(const orion_train_model *model,
                                          orion_train_model_config *out_config) {
    return orn_fill_sized(&model->config, out_config, sizeof model->config);
}

size_t orion_train_model_parameter_count(const orion_train_model *model) {
    return model->count;
}

uint64_t orion_train_model_elements(const orion_train_model *model) {
    return model->elements;
}

orion_status orion_train_model_parameter(const orion_train_model *model, size_t i,
                                         orion_train_parameter *out_parameter) {
    if (i >= model->count) return ORION_ERROR_NOT_FOUND;
    const train_parameter *p = &model->parameters[i];
    orion_train_parameter view = {
        .name = p->name, .type = p->type, .data = train_model_data(model, i)};
    view.elements = p->elements;
    return orn_fill_sized(&view, out_parameter, sizeof view);
}
