/* SPDX-License-Identifier: MIT */
/* GPT-2 and the Llama family on the public builder. */
#include "models.h"

#include <math.h>

const model_shape model_gpt2 = {.name = "GPT-2 124M",
                                .layers = 12,
                                .dim = 768,
                                .hidden = 3072,
                                .heads = 12,
                                .kv_heads = 12,
                                .head_dim = 64,
                                .vocab = 50257,
                                .tokens = 1024,
                                .gpt2 = true};
const model_shape model_stories110m = {.name = "Stories110M",
                                       .layers = 12,
                                       .dim = 768,
                                       .hidden = 2048,
                                       .heads = 12,
                                       .kv_heads = 12,
                                       .head_dim = 64,
                                       .vocab = 32000,
                                       .tokens = 256,
                                       .theta = 10000};
const model_shape model_qwen3 = {.name = "Qwen3-0.6B",
                                 .layers = 28,
                                 .dim = 1024,
                                 .hidden = 3072,
                                 .heads = 16,
                                 .kv_heads = 8,
                                 .head_dim = 128,
                                 .vocab = 151936,
                                 .tokens = 256,
                                 .theta = 1e6,
                                 .qk_norm = true,
                                 .halves = true};

model_shape model_small(const model_shape *shape, int64_t layers) {
    model_shape s = *shape;
    s.layers = layers;
    s.dim = 16;
    s.hidden = 24;
    s.heads = 4;
    s.kv_heads = shape->kv_heads == shape->heads ? 4 : 2;
    s.head_dim = shape->qk_norm ? 8 : 4;
    s.vocab = 40;
    s.tokens = 6;
    return s;
}

typedef struct model {
    orion_ir_builder *b;
    const model_shape *s;
    orion_ir_value position;
    int64_t layer;
} model;

static orion_ir_value weight(const model *m, const char *name, int64_t rows, int64_t columns) {
    char full[64];
    const int64_t dims[] = {rows, columns};
    orion_ir_type type = orion_ir_type_make(ORION_IR_F32, columns == 0 ? 1 : 2, dims);
    snprintf(full, sizeof full, "%s_%d", name, (int)m->layer);
    if (!m->s->constants) return orion_ir_input(m->b, full, type);
    orion_ir_value v = orion_ir_splat(m->b, type, columns == 0 ? 1 : 0.01 * (double)m->layer);
    orion_ir_name(m->b, v, full);
    return v;
}

static orion_ir_value norm(const model *m, const char *name, orion_ir_value x, int64_t width) {
    char beta[32];
    orion_ir_value gamma = weight(m, name, width, 0);
    if (!m->s->gpt2) return orion_ir_rms_norm(m->b, x, gamma, 1e-5);
    snprintf(beta, sizeof beta, "%s_beta", name);
    orion_ir_value in[] = {x, gamma, weight(m, beta, width, 0)};
    return orion_ir_build(m->b, ORION_IR_OP_layer_norm, in, 3, NULL, 0);
}

static orion_ir_value linear(const model *m, const char *name, orion_ir_value x, int64_t out,
                             int64_t in) {
    char bias[32];
    orion_ir_value operands[] = {x, weight(m, name, out, in), {0}};
    if (!m->s->gpt2) return orion_ir_build(m->b, ORION_IR_OP_linear, operands, 2, NULL, 0);
    snprintf(bias, sizeof bias, "%s_bias", name);
    operands[2] = weight(m, bias, out, 0);
    return orion_ir_build(m->b, ORION_IR_OP_linear, operands, 3, NULL, 0);
}

/* [T, heads * D] -> [1, heads, T, D] */
static orion_ir_value heads(const model *m, orion_ir_value x, int64_t count) {
    const int64_t shape[] = {1, m->s->tokens, count, m->s->head_dim}, perm[] = {0, 2, 1, 3};
    return orion_ir_transpose(m->b, orion_ir_reshape(m->b, x, shape, 4), perm, 4);
}

static orion_ir_value turned(const model *m, const char *name, orion_ir_value x) {
    if (m->s->qk_norm) x = norm(m, name, x, m->s->head_dim);
    if (m->s->gpt2) return x;
    return orion_ir_rope(m->b, x, m->position, m->s->theta, !m->s->halves);
}

static orion_ir_value attention(const model *m, orion_ir_value x) {
    const model_shape *s = m->s;
    const int64_t width = s->heads * s->head_dim, kv = s->kv_heads * s->head_dim;
    const int64_t flat[] = {s->tokens, width}, perm[] = {0, 2, 1, 3};
    orion_ir_value q = heads(m, linear(m, "wq", x, width, s->dim), s->heads);
    orion_ir_value k = heads(m, linear(m, "wk", x, kv, s->dim), s->kv_heads);
    orion_ir_value v = heads(m, linear(m, "wv", x, kv, s->dim), s->kv_heads);
    q = turned(m, "q_norm", q);
    k = turned(m, "k_norm", k);
    orion_ir_value a = orion_ir_attention(m->b, q, k, v, m->position, 0);
    a = orion_ir_reshape(m->b, orion_ir_transpose(m->b, a, perm, 4), flat, 2);
    return linear(m, "wo", a, s->dim, width);
}

static orion_ir_value feed_forward(const model *m, orion_ir_value x) {
    const model_shape *s = m->s;
    orion_ir_value h = linear(m, "w1", x, s->hidden, s->dim);
    if (s->gpt2) {
        orion_ir_attr form = orion_ir_attr_int("tanh_approximation", 1);
        h = orion_ir_build(m->b, ORION_IR_OP_gelu, &h, 1, &form, 1);
    } else {
        orion_ir_value gate = orion_ir_silu(m->b, h);
        h = orion_ir_mul(m->b, gate, linear(m, "w3", x, s->hidden, s->dim));
    }
    return linear(m, "w2", h, s->dim, s->hidden);
}

static orion_ir_value layer(const model *m, orion_ir_value x) {
    orion_ir_value h = norm(m, "norm_a", x, m->s->dim);
    x = orion_ir_add(m->b, x, attention(m, h));
    h = norm(m, "norm_f", x, m->s->dim);
    return orion_ir_add(m->b, x, feed_forward(m, h));
}

static orion_ir_value logits(model *m, orion_ir_value tokens) {
    orion_ir_value table = weight(m, "table", m->s->vocab, m->s->dim);
    orion_ir_value x = orion_ir_embedding(m->b, tokens, table);
    if (m->s->gpt2) x = orion_ir_add(m->b, x, weight(m, "positions", m->s->tokens, m->s->dim));
    for (m->layer = 0; m->layer < m->s->layers; m->layer++) x = layer(m, x);
    return orion_ir_linear(m->b, norm(m, "final_norm", x, m->s->dim), table);
}

orion_ir_graph *model_graph(const model_shape *shape, model_kind kind) {
    model m = {.s = shape};
    orion_ir_graph *forward, *gradient;
    bool is_layer = kind == MODEL_LAYER || kind == MODEL_LAYER_GRADIENT;
    const int64_t rows[] = {shape->tokens, shape->dim};
    orion_ir_type ids = orion_ir_type_make(ORION_IR_I32, 1, rows);
    assert_int_equal(orion_ir_builder_create("main", NULL, &m.b), ORION_OK);
    m.position = orion_ir_input(m.b, "position", ids);
    if (is_layer) {
        orion_ir_type type = orion_ir_type_make(ORION_IR_F32, 2, rows);
        orion_ir_output(m.b, "y", layer(&m, orion_ir_input(m.b, "x", type)));
    } else {
        orion_ir_value l = logits(&m, orion_ir_input(m.b, "tokens", ids));
        if (kind == MODEL_LOGITS) {
            orion_ir_output(m.b, "logits", l);
        } else {
            orion_ir_value targets = orion_ir_input(m.b, "targets", ids);
            orion_ir_output(m.b, "loss", orion_ir_cross_entropy(m.b, l, targets));
        }
    }
    assert_ok(orion_ir_builder_finish(&m.b, NULL, &forward), NULL);
    if (kind == MODEL_LAYER || kind == MODEL_LOGITS) return forward;
    orion_ir_grad_options options = {.size = sizeof options, .seed = is_layer ? "dy" : NULL};
    assert_ok(orion_ir_grad(forward, &options, NULL, NULL, &gradient), NULL);
    orion_ir_graph_destroy(&forward);
    return gradient;
}
