/* SPDX-License-Identifier: MIT */
/*
 * The forward graphs of a Llama-style decoder.
 *
 * The stream of activations is one matrix [B*T, dim] from the embedding to the logits; only
 * attention sees heads. One layer:
 *
 *   h = rms_norm(x)                                        [B*T, dim]
 *   q, k, v = heads(linear(h, wq | wk | wv))               [B, H or G, T, head_dim]
 *   q, k = rope(q | k, position)
 *   k, v = slice_update(cache, k | v, position[0])         [1, G, context, head_dim], DECODE only
 *   x += linear(rows(attention(q, k, v, position)), wo)
 *   h = rms_norm(x)
 *   x += linear(silu(linear(h, w1)) * linear(h, w3), w2)
 *
 * Model ops stay whole: a target takes them as they are or decomposed. DECODE wants the logits of
 * the last token alone, so its last layer drops the other rows as soon as their keys and values are
 * in the cache.
 */
#include "train-internal.h"

typedef struct llama {
    orion_ir_builder *b;
    const orion_train_model *model;
    const orion_train_model_config *c;
    orn_text name; /* of the value being made */
    orion_train_graph_kind kind;
    int64_t batch, length; /* of the rows of x */
    int64_t context;       /* DECODE: of the cache */
    orion_ir_value position;
    orion_ir_value begin; /* DECODE: where the new rows go in the cache */
    bool weights_are_inputs;
} llama;

static orion_ir_type type_of(uint32_t dtype, uint32_t rank, int64_t a, int64_t b, int64_t c,
                             int64_t d) {
    const int64_t dims[] = {a, b, c, d};
    return orion_ir_type_make((orion_ir_dtype)dtype, rank, dims);
}

/* Parameter i; made when first used, so that a graph reads from top to bottom. */
static orion_ir_value parameter(llama *g, size_t i) {
    const train_parameter *p = &g->model->parameters[i];
    if (g->weights_are_inputs) return orion_ir_input(g->b, p->name, p->type);
    orion_ir_value v = orion_ir_constant_blob(g->b, p->type, p->blob, p->offset);
    orion_ir_name(g->b, v, p->name);
    return v;
}

/* x parameter^T */
static orion_ir_value product(llama *g, orion_ir_value x, size_t i) {
    return orion_ir_linear(g->b, x, parameter(g, i));
}

static orion_ir_value norm(llama *g, orion_ir_value x, size_t i) {
    return orion_ir_rms_norm(g->b, x, parameter(g, i), g->c->norm_epsilon);
}

/* [B*T, heads * head_dim] -> [B, heads, T, head_dim]. Rows of one token move nowhere. */
static orion_ir_value split_heads(llama *g, orion_ir_value x, uint32_t heads) {
    int64_t width = train_head_dim(g->c);
    const int64_t one[] = {g->batch, heads, 1, width};
    const int64_t many[] = {g->batch, g->length, heads, width}, swap[] = {0, 2, 1, 3};
    if (g->length == 1) return orion_ir_reshape(g->b, x, one, 4);
    return orion_ir_transpose(g->b, orion_ir_reshape(g->b, x, many, 4), swap, 4);
}

/* The way back. */
static orion_ir_value join_heads(llama *g, orion_ir_value x) {
    const int64_t rows[] = {g->batch * g->length, g->c->dim}, swap[] = {0, 2, 1, 3};
    if (g->length != 1) x = orion_ir_transpose(g->b, x, swap, 4);
    return orion_ir_reshape(g->b, x, rows, 2);
}

static orion_ir_value turn(llama *g, orion_ir_value x) {
    return orion_ir_rope(g->b, x, g->position, g->c->rope_theta, !g->c->rope_split);
}

/* Input "cache_k_L" with the new rows written into it, also an output. */
static orion_ir_value update_cache(llama *g, char which, uint32_t layer, orion_ir_value rows) {
    orn_text *name = &g->name;
    name->size = 0;
    orn_text_printf(name, "cache_%c_%u", which, layer);
    if (orn_text_status(name) != ORION_OK) return (orion_ir_value){0};
    orion_ir_value cache = orion_ir_input(
        g->b, name->data,
        type_of(ORION_IR_F32, 4, 1, g->c->kv_heads, g->context, train_head_dim(g->c)));
    orion_ir_value v = orion_ir_slice_update(g->b, cache, rows, g->begin, 2);
    orn_text_puts(name, "_out");
    if (orn_text_status(name) != ORION_OK) return (orion_ir_value){0};
    orion_ir_output(g->b, name->data, v);
    return v;
}

/* Row `length - 1` of x [length, width] or element of x [length]. */
static orion_ir_value last_row(llama *g, orion_ir_value x) {
    orion_ir_type t = orion_ir_builder_type(g->b, x);
    int64_t begin[2] = {g->length - 1, 0}, step[2] = {1, 1};
    orion_ir_attr attrs[] = {orion_ir_attr_ints("begin", begin, t.rank),
                             orion_ir_attr_ints("end", t.dims, t.rank),
                             orion_ir_attr_ints("stride", step, t.rank)};
    return orion_ir_build(g->b, ORION_IR_OP_slice, &x, 1, attrs, ORN_COUNT(attrs));
}

static orion_ir_value attend(llama *g, orion_ir_value *x, uint32_t layer) {
    size_t at = train_at_layer(layer, 0);
    orion_ir_value h = norm(g, *x, at + TRAIN_ATTENTION_NORM);
    orion_ir_value k = turn(g, split_heads(g, product(g, h, at + TRAIN_WK), g->c->kv_heads));
    orion_ir_value v = split_heads(g, product(g, h, at + TRAIN_WV), g->c->kv_heads);
    if (g->kind == ORION_TRAIN_GRAPH_DECODE) {
        k = update_cache(g, 'k', layer, k);
        v = update_cache(g, 'v', layer, v);
        if (layer + 1 == g->c->layers && g->length > 1) {
            h = last_row(g, h);
            *x = last_row(g, *x);
            g->position = last_row(g, g->position);
            g->length = 1;
        }
    }
    orion_ir_value q = turn(g, split_heads(g, product(g, h, at + TRAIN_WQ), g->c->heads));
    orion_ir_value y = join_heads(g, orion_ir_attention(g->b, q, k, v, g->position, 0));
    return orion_ir_add(g->b, *x, product(g, y, at + TRAIN_WO));
}

static orion_ir_value feed_forward(llama *g, orion_ir_value x, uint32_t layer) {
    size_t at = train_at_layer(layer, 0);
    orion_ir_value h = norm(g, x, at + TRAIN_FFN_NORM);
    orion_ir_value gate = orion_ir_silu(g->b, product(g, h, at + TRAIN_W1));
    h = orion_ir_mul(g->b, gate, product(g, h, at + TRAIN_W3));
    return orion_ir_add(g->b, x, product(g, h, at + TRAIN_W2));
}

/* Token ids [B*T] -> logits [B*T, vocab] ([1, vocab] for DECODE). */
static orion_ir_value forward(llama *g, orion_ir_value tokens) {
    orion_ir_value table = parameter(g, 0);
    orion_ir_value x = orion_ir_embedding(g->b, tokens, table);
    for (uint32_t layer = 0; layer < g->c->layers; layer++) {
        x = attend(g, &x, layer);
        x = feed_forward(g, x, layer);
    }
    x = norm(g, x, train_at_final_norm(g->c));
    orion_ir_value output = g->c->untied ? parameter(g, train_at_output(g->c)) : table;
    return orion_ir_linear(g->b, x, output);
}

static void decode(llama *g) {
    orion_ir_type row = type_of(ORION_IR_I32, 1, g->length, 0, 0, 0);
    orion_ir_value tokens = orion_ir_input(g->b, "tokens", row);
    g->position = orion_ir_input(g->b, "position", row);
    const int64_t zero = 0, one = 1;
    orion_ir_attr first[] = {orion_ir_attr_ints("begin", &zero, 1),
                             orion_ir_attr_ints("end", &one, 1),
                             orion_ir_attr_ints("stride", &one, 1)};
    g->begin = g->length == 1 ? g->position
                              : orion_ir_build(g->b, ORION_IR_OP_slice, &g->position, 1, first,
                                               ORN_COUNT(first));
    orion_ir_output(g->b, "logits", forward(g, tokens));
}

/* An i32 [B, T] input as a list. */
static orion_ir_value input_list(llama *g, const char *name) {
    int64_t count = g->batch * g->length;
    orion_ir_value v =
        orion_ir_input(g->b, name, type_of(ORION_IR_I32, 2, g->batch, g->length, 0, 0));
    return orion_ir_reshape(g->b, v, &count, 1);
}

static orion_status whole_sequences(llama *g) {
    size_t bytes = (size_t)g->length * sizeof(int32_t); /* at most 2^20 positions */
    int32_t *count = orn_alloc(&g->name.allocator, bytes);
    if (count == NULL) return ORION_ERROR_NO_MEMORY;
    for (int64_t t = 0; t < g->length; t++) count[t] = (int32_t)t;
    orion_ir_value tokens = input_list(g, "tokens"), targets = {0};
    if (g->kind == ORION_TRAIN_GRAPH_LOSS) targets = input_list(g, "targets");
    g->position =
        orion_ir_constant(g->b, type_of(ORION_IR_I32, 1, g->length, 0, 0, 0), count, bytes);
    orn_free(&g->name.allocator, count, bytes);
    orion_ir_value logits = forward(g, tokens);
    if (g->kind == ORION_TRAIN_GRAPH_LOSS) {
        orion_ir_output(g->b, "loss", orion_ir_cross_entropy(g->b, logits, targets));
    } else {
        const int64_t shape[] = {g->batch, g->length, g->c->vocab};
        orion_ir_output(g->b, "logits", orion_ir_reshape(g->b, logits, shape, 3));
    }
    return ORION_OK;
}

static orion_status build(llama *g, orion_diag *diag, orion_ir_graph **out) {
    static const char *const names[] = {"decode", "loss", "logits"};
    TRY(orion_ir_builder_create(names[g->kind], &g->name.allocator, &g->b));
    orion_status status = ORION_OK;
    if (g->kind == ORION_TRAIN_GRAPH_DECODE) {
        decode(g);
        status = orn_text_status(&g->name);
    } else {
        status = whole_sequences(g);
    }
    if (status == ORION_OK) return orion_ir_builder_finish(&g->b, diag, out);
    orion_ir_builder_destroy(&g->b);
    return status;
}

#define REFUSE(what, ...) (ORN_ERROR(diag, TRAIN_OPTION, what, __VA_ARGS__), false)

/* Fill in the defaults and check the ranges. */
static bool complete(const orion_train_model_config *c, orion_train_graph_options *o,
                     orion_diag *diag) {
    bool decodes = o->kind == ORION_TRAIN_GRAPH_DECODE;
    if (o->kind > ORION_TRAIN_GRAPH_LOGITS) return REFUSE("kind", "there is no kind %u", o->kind);
    if (o->weights > 1) return REFUSE("weights", "weights is %u, neither 0 nor 1", o->weights);
    if (o->batch == 0) o->batch = 1;
    if (o->batch > (decodes ? 1 : 1u << 20)) {
        return REFUSE("batch", "batch is %u, but must be at most %u", o->batch,
                      decodes ? 1 : 1u << 20);
    }
    if (o->context == 0 || !decodes) o->context = c->context;
    if (o->context > c->context) {
        return REFUSE("context", "context is %u, more than the model's %u", o->context, c->context);
    }
    if (o->length == 0) o->length = decodes ? 1 : c->context;
    if (o->length > o->context) {
        return REFUSE("length", "length is %u, more than the context of %u", o->length, o->context);
    }
    return true;
}

orion_status orion_train_model_graph(const orion_train_model *model,
                                     const orion_train_graph_options *options,
                                     const orion_allocator *allocator, orion_diag *diag,
                                     orion_ir_graph **out_graph) {
    *out_graph = NULL;
    orion_train_graph_options o;
    TRY(orn_check_size(options, &o, sizeof o));
    if (!complete(&model->config, &o, diag)) return ORION_ERROR_INVALID_ARGUMENT;
    llama g = {.model = model,
               .c = &model->config,
               .kind = (orion_train_graph_kind)o.kind,
               .batch = o.batch,
               .length = o.length,
               .context = o.context,
               .weights_are_inputs = o.weights != 0};
    orion_allocator a = orn_allocator(allocator);
    orn_text_init(&g.name, &a);
    orion_status status = build(&g, diag, out_graph);
    orn_text_free(&g.name);
    return status;
}
