/* SPDX-License-Identifier: MIT */
/*
 * A model on a device with its KV cache.
 *
 * Two programs of one model, one that reads a single token and one that reads `prefill` of them,
 * share the cache: one tensor per layer for the keys and one for the values, bound as input and as
 * output of both. A run writes the columns of its tokens and reads those before them; nothing is
 * copied, and after creation nothing is allocated.
 */
#include "generator-internal.h"

enum { PREFILL = 64 };

/* ---- creation ---- */

static orion_status complete(const orion_train_model *model,
                             const orion_train_generator_options *options, orion_diag *diag,
                             orion_train_generator_options *out) {
    TRY(orn_check_size(options, out, sizeof *out));
    if (out->context == 0) out->context = model->config.context;
    if (out->context > model->config.context) {
        ORN_ERROR(diag, TRAIN_OPTION, "context", "context is %u, more than the model's %u",
                  out->context, model->config.context);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    out->prefill = ORN_MIN(out->prefill == 0 ? PREFILL : out->prefill, out->context);
    return ORION_OK;
}

/* Compile the program that reads `length` tokens at once, with inputs of its own. */
static orion_status add_reader(orion_train_generator *g, reader *r, uint32_t length,
                               orion_diag *diag) {
    const orion_train_graph_options *options =
        orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_DECODE, .length = length,
                                  .context = g->context);
    r->length = length;
    TRY(train_stage_create(g->model, options, g->device, diag, &r->stage));
    TRY(train_stage_tensor(&r->stage, "tokens", diag, &r->tokens));
    return train_stage_tensor(&r->stage, "position", diag, &r->position);
}

static void remove_reader(reader *r) {
    orion_ane_tensor_unref(&r->tokens);
    orion_ane_tensor_unref(&r->position);
    train_stage_destroy(&r->stage);
}

/* Bind one tensor to a port of every program. */
static orion_status bind_all(orion_train_generator *g, const char *port, orion_ane_tensor *tensor,
                             orion_diag *diag) {
    for (size_t i = 0; i < g->reader_count; i++) {
        TRY(orion_ane_run_bind(g->readers[i].stage.run, port, tensor, diag));
    }
    return ORION_OK;
}

/* The tensor of one "cache_k_L" or "cache_v_L". */
static orion_status add_cache(orion_train_generator *g, char which, uint32_t layer, orn_text *name,
                              orion_diag *diag) {
    orion_ane_tensor **cache = &g->caches[2 * (size_t)layer + (which == 'v')];
    name->size = 0;
    orn_text_printf(name, "cache_%c_%u", which, layer);
    TRY(orn_text_status(name));
    TRY(orion_ane_tensor_create_for(g->readers[0].stage.program, name->data, diag, cache));
    TRY(bind_all(g, name->data, *cache, diag));
    orn_text_puts(name, "_out");
    TRY(orn_text_status(name));
    return bind_all(g, name->data, *cache, diag);
}

static orion_status add_caches(orion_train_generator *g, orion_diag *diag) {
    orn_text name;
    orn_text_init(&name, &g->allocator);
    orion_status status = ORION_OK;
    for (uint32_t layer = 0; layer < g->model->config.layers && status == ORION_OK; layer++) {
        status = add_cache(g, 'k', layer, &name, diag);
        if (status == ORION_OK) status = add_cache(g, 'v', layer, &name, diag);
    }
    orn_text_free(&name);
    return status;
}

static orion_status fill(orion_train_generator *g, const orion_train_generator_options *o,
                         orion_diag *diag) {
    size_t vocab = g->model->config.vocab;
    g->caches = orn_zalloc(&g->allocator, g->cache_count * sizeof *g->caches);
    g->row = orn_zalloc(&g->allocator, ROWS * vocab * sizeof *g->row);
    g->positions = orn_alloc(&g->allocator, g->prefill * sizeof *g->positions);
    if (g->caches == NULL || g->row == NULL || g->positions == NULL) return ORION_ERROR_NO_MEMORY;
    g->reader_count = 1;
    TRY(add_reader(g, &g->readers[0], 1, diag));
    if (o->prefill > 1) {
        g->reader_count = 2;
        TRY(add_reader(g, &g->readers[1], o->prefill, diag));
    }
    TRY(orion_ane_tensor_create_for(g->readers[0].stage.program, "logits", diag, &g->logits));
    TRY(bind_all(g, "logits", g->logits, diag));
    return add_caches(g, diag);
}

orion_status orion_train_generator_create(orion_train_model *model, orion_ane_device *device,
                                          const orion_train_generator_options *options,
                                          orion_diag *diag, orion_train_generator **out_generator) {
    *out_generator = NULL;
    orion_train_generator_options o;
    TRY(complete(model, options, diag, &o));
    orion_train_generator *g = orn_zalloc(&model->allocator, sizeof *g);
    if (g == NULL) return ORION_ERROR_NO_MEMORY;
    g->allocator = model->allocator;
    g->model = orion_train_model_ref(model);
    g->device = orion_ane_device_ref(device);
    g->context = o.context;
    g->prefill = o.prefill;
    g->cache_count = 2 * (size_t)model->config.layers;
    orion_status status = fill(g, &o, diag);
    if (status != ORION_OK) {
        orion_train_generator_destroy(&g);
        return status;
    }
    *out_generator = g;
    return ORION_OK;
}

void orion_train_generator_destroy(orion_train_generator **generator) {
    if (generator == NULL || *generator == NULL) return;
    orion_train_generator *g = *generator;
    *generator = NULL;
    for (size_t i = 0; i < ORN_COUNT(g->readers); i++) remove_reader(&g->readers[i]);
    for (size_t i = 0; g->caches != NULL && i < g->cache_count; i++) {
        orion_ane_tensor_unref(&g->caches[i]);
    }
    orion_ane_tensor_unref(&g->logits);
    orn_free(&g->allocator, g->caches, g->cache_count * sizeof *g->caches);
    orn_free(&g->allocator, g->row, ROWS * (size_t)g->model->config.vocab * sizeof *g->row);
    orn_free(&g->allocator, g->positions, g->prefill * sizeof *g->positions);
    orion_train_model_unref(&g->model);
    orion_ane_device_unref(&g->device);
    orion_allocator a = g->allocator;
    orn_free(&a, g, sizeof *g);
}

/* ---- use ---- */

void orion_train_generator_reset(orion_train_generator *generator) {
    generator->position = 0;
    memset(generator->row, 0, generator->model->config.vocab * sizeof *generator->row);
}

size_t orion_train_generator_position(const orion_train_generator *generator) {
    return generator->position;
}

const float *orion_train_generator_logits(const orion_train_generator *generator) {
    return generator->row;
}

static orion_status check_tokens(const orion_train_generator *g, const int32_t *tokens,
                                 size_t count, orion_diag *diag) {
    uint32_t vocab = g->model->config.vocab;
    if (count == 0) {
        ORN_ERROR(diag, TRAIN_TOKENS, NULL, "there is no token to read");
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    for (size_t i = 0; i < count; i++) {
        if (tokens[i] < 0 || (uint32_t)tokens[i] >= vocab) {
            ORN_ERROR(diag, TRAIN_TOKENS, NULL, "token %zu is %d, but the model has tokens 0 to %u",
                      i, tokens[i], vocab - 1);
            return ORION_ERROR_INVALID_ARGUMENT;
        }
    }
    if (count > g->context - g->position) {
        ORN_ERROR(diag, TRAIN_CONTEXT, NULL,
                  "%zu tokens more than the %zu read so far exceed the context of %u", count,
                  g->position, g->context);
        return ORION_ERROR_BUDGET;
    }
    return ORION_OK;
}

/* Run a program on its number of tokens, the first of which is at `position`. */
static orion_status read_tokens(orion_train_generator *g, reader *r, const int32_t *tokens,
                                size_t position, orion_diag *diag) {
    size_t bytes = r->length * sizeof *tokens;
    for (uint32_t i = 0; i < r->length; i++) g->positions[i] = (int32_t)(position + i);
    TRY(orion_ane_tensor_write(r->tokens, ORION_IR_I32, tokens, bytes, diag));
    TRY(orion_ane_tensor_write(r->position, ORION_IR_I32, g->positions, bytes, diag));
    return orion_ane_run_execute(r->stage.run, diag);
}

orion_status orion_train_generator_feed(orion_train_generator *generator, const int32_t *tokens,
                                        size_t count, orion_diag *diag) {
    orion_train_generator *g = generator;
    TRY(check_tokens(g, tokens, count, diag));
    for (size_t done = 0; done < count;) {
        reader *r = &g->readers[g->reader_count - 1];
        if (count - done < r->length) r = &g->readers[0];
        TRY(read_tokens(g, r, tokens + done, g->position + done, diag));
        done += r->length;
    }
    TRY(orion_ane_tensor_read(g->logits, ORION_IR_F32, g->row,
                              g->model->config.vocab * sizeof *g->row, diag));
    g->position += count;
    return ORION_OK;
}
