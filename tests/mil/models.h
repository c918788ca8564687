/* SPDX-License-Identifier: MIT */
/* Graphs of language models, with weights as inputs so that their size costs nothing. */
#ifndef MIL_MODELS_H
#define MIL_MODELS_H

#include "mil-support.h"

typedef struct model_shape {
    const char *name;
    int64_t layers, dim, hidden, heads, kv_heads, head_dim, vocab, tokens;
    double theta;
    bool gpt2;      /* layer_norm, biases, learned positions, gelu; else rms_norm, rope, SwiGLU */
    bool qk_norm;   /* as in Qwen3 */
    bool halves;    /* rope pairs (j, j + d/2) */
    bool constants; /* weights are constants, all zero but norms */
} model_shape;

extern const model_shape model_gpt2, model_stories110m, model_qwen3;
/* The same with other sizes: small enough to evaluate. */
model_shape model_small(const model_shape *shape, int64_t layers);

typedef enum model_kind {
    MODEL_LOGITS,   /* tokens to logits */
    MODEL_TRAINING, /* tokens and targets to loss and the gradients of all weights */
    MODEL_LAYER,    /* one layer: activations to activations */
    MODEL_LAYER_GRADIENT
} model_kind;
orion_ir_graph *model_graph(const model_shape *shape, model_kind kind);

#endif
