/* SPDX-License-Identifier: MIT */
/**
 * @file train.h
 * liborion-train: Llama-style language models - weights, tokenizers, generation, evaluation,
 * training and checkpoints.
 *
 * Everything that computes is a graph that runs on a device of liborion-ane; there is no
 * hand-written backward pass. Generate text:
 *
 * @code
 *     orion_train_model *model;
 *     orion_train_tokenizer *tokenizer;
 *     orion_train_generator *generator;
 *     status = orion_train_model_load_llama2c("stories260K.bin", NULL, diag, &model);
 *     status = orion_train_tokenizer_load_llama2c("tok512.bin", 512, NULL, diag, &tokenizer);
 *     status = orion_train_generator_create(model, device, NULL, diag, &generator);
 *     options = orion_train_generate_options(.max_tokens = 200, .piece = print);
 *     status = orion_train_generate(generator, tokenizer, "Once", 4, options, diag, NULL);
 * @endcode
 *
 * Train one:
 *
 * @code
 *     status = orion_train_model_create_random(NULL, 1, NULL, diag, &model);
 *     status = orion_train_tokenizer_create_bytes(NULL, &tokenizer);
 *     status = orion_train_data_create_stories(tokenizer, 1, 1 << 21, NULL, diag, &data);
 *     status = orion_train_trainer_create(model, tokenizer, data, device, NULL, diag, &trainer);
 *     while (status == ORION_OK && steps--) status = orion_train_trainer_step(trainer, diag, NULL);
 *     status = orion_train_trainer_save(trainer, "model.safetensors", diag);
 * @endcode
 *
 * Threads: models, tokenizers and data are immutable and shareable (reference-counted); generators
 * and trainers are externally synchronised.
 */
#ifndef ORION_TRAIN_H
#define ORION_TRAIN_H

#include "ane.h"
#include "base.h"
#include "ir.h"

#define ORION_TRAIN_VERSION_MAJOR 0
#define ORION_TRAIN_VERSION_MINOR 1
#define ORION_TRAIN_VERSION_PATCH 0
#define ORION_TRAIN_VERSION_AT_LEAST(major, minor)                                                 \
    (ORION_TRAIN_VERSION_MAJOR > (major) ||                                                        \
     (ORION_TRAIN_VERSION_MAJOR == (major) && ORION_TRAIN_VERSION_MINOR >= (minor)))

ORION_BEGIN_DECLS

/** major << 16 | minor << 8 | patch of the library at run time. */
ORION_API uint32_t orion_train_version(void);

/* ---- tokenizers --------------------------------------------------------------------------- */

/** Text to token ids and back. Immutable and shareable. */
typedef struct orion_train_tokenizer orion_train_tokenizer;

/** Vocabulary of the byte-level tokenizer: 0..255 are the bytes, 256 begins and ends a text. */
#define ORION_TRAIN_BYTE_VOCAB 257

/** The tokenizer that needs no file: one token per byte. ORION_ERROR_NO_MEMORY. */
ORION_API ORION_MUST_CHECK orion_status orion_train_tokenizer_create_bytes(
    const orion_allocator *ORION_NULLABLE allocator, orion_train_tokenizer **out_tokenizer);
/**
 * llama2.c's `tokenizer.bin`: u32 longest piece, then per token f32 score, i32 length, bytes.
 * Ids 0, 1, 2 are unknown, begin and end; 3..258 are the bytes; the rest are merged by score.
 * @param vocab  tokens to read, as the model has them; 0: all of the file
 * @return ORION_OK; ORION_ERROR_NOT_FOUND; ORION_ERROR_IO; ORION_ERROR_VERIFY naming the byte if
 *         the file is truncated, a length is impossible, a score is not finite, a byte token is not
 *         in its place, something follows the last token, or it has fewer tokens than `vocab`;
 *         ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_tokenizer_load_llama2c(
    const char *path, uint32_t vocab, const orion_allocator *ORION_NULLABLE allocator,
    orion_diag *ORION_NULLABLE diag, orion_train_tokenizer **out_tokenizer);
/** The same from memory (a reference is kept while pieces are borrowed). `source`: a name or NULL.
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_tokenizer_parse_llama2c(
    orion_blob *blob, uint32_t vocab, const char *ORION_NULLABLE source,
    const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
    orion_train_tokenizer **out_tokenizer);
ORION_API orion_train_tokenizer *orion_train_tokenizer_ref(orion_train_tokenizer *tokenizer);
ORION_API void orion_train_tokenizer_unref(orion_train_tokenizer *ORION_NULLABLE *tokenizer);
ORION_API uint32_t orion_train_tokenizer_vocab(const orion_train_tokenizer *tokenizer);
/** The token that begins a text. */
ORION_API int32_t orion_train_tokenizer_bos(const orion_train_tokenizer *tokenizer);
/** The token that ends a text (generation stops there). */
ORION_API int32_t orion_train_tokenizer_eos(const orion_train_tokenizer *tokenizer);

/** Most tokens that `length` bytes can give, the begin token included. */
#define ORION_TRAIN_TOKENS_MAX(length) ((size_t)(length) + 2)
/**
 * Encode text. Pairs merge best score first, leftmost first; O(n log n). Bytes that no piece covers
 * become byte tokens, so every text is encodable and decodes to itself.
 * @param bos        1: the begin token comes first
 * @param out_tokens room for ORION_TRAIN_TOKENS_MAX(length)
 * @return ORION_OK; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_tokenizer_encode(const orion_train_tokenizer *tokenizer, const char *text,
                             size_t length, uint32_t bos, int32_t *out_tokens, size_t *out_count);
/**
 * Bytes that `token` adds to a text whose last token is `previous` (a space that begins the piece
 * right after the begin token is left out, as in llama2.c). "" for begin, end and ids outside of
 * the vocabulary.
 * Borrowed from the tokenizer; may contain NUL bytes.
 */
ORION_API const char *orion_train_tokenizer_piece(const orion_train_tokenizer *tokenizer,
                                                  int32_t previous, int32_t token,
                                                  size_t *out_length);

/* ---- models ------------------------------------------------------------------------------- */

/** Llama-style decoder: RMSNorm, rotary positions, grouped-query attention, SwiGLU, residuals. */
typedef struct orion_train_model orion_train_model;

/** Shape of a model. 0 takes the default given in brackets. */
typedef struct orion_train_model_config {
    size_t size;
    uint32_t dim;        /**< width of the residual stream [128] */
    uint32_t hidden;     /**< width of the feed-forward layer [8/3 dim, rounded up to 16] */
    uint32_t layers;     /**< [4] */
    uint32_t heads;      /**< query heads; dim / heads is even [dim / 32 if that divides, else 4] */
    uint32_t kv_heads;   /**< key and value heads; divides heads [heads] */
    uint32_t vocab;      /**< [ORION_TRAIN_BYTE_VOCAB] */
    uint32_t context;    /**< longest sequence [256] */
    uint32_t untied;     /**< 1: the output matrix is not the embedding [0] */
    uint32_t rope_split; /**< 1: rotary pairs (j, j + d/2), else (2j, 2j + 1) [0] */
    uint32_t reserved;
    double rope_theta;   /**< [10000] */
    double norm_epsilon; /**< [1e-5] */
} orion_train_model_config;
/** A description by name: orion_train_model_config(.dim = 64, .layers = 5). */
#define orion_train_model_config(...)                                                              \
    (&(const orion_train_model_config){.size = sizeof(orion_train_model_config), __VA_ARGS__})

/**
 * A model with random weights: normal with deviation 0.02, matrices that write to the residual
 * stream divided by sqrt(2 layers), norms 1. Depends on config and seed alone.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT naming the field that is out of range or does not
 *         divide; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_model_create_random(const orion_train_model_config *ORION_NULLABLE config,
                                uint64_t seed, const orion_allocator *ORION_NULLABLE allocator,
                                orion_diag *ORION_NULLABLE diag, orion_train_model **out_model);
/**
 * llama2.c's legacy `.bin`. The format has no checksum, so the size must be exact, all weights
 * finite and plausible, and the rotary tables in it right. The file is mapped, not copied.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND; ORION_ERROR_IO; ORION_ERROR_VERIFY naming field and
 *         byte; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_model_load_llama2c(const char *path, const orion_allocator *ORION_NULLABLE allocator,
                               orion_diag *ORION_NULLABLE diag, orion_train_model **out_model);
/** The same from memory; keeps a reference to `blob`. */
ORION_API ORION_MUST_CHECK orion_status
orion_train_model_parse_llama2c(orion_blob *blob, const char *ORION_NULLABLE source,
                                const orion_allocator *ORION_NULLABLE allocator,
                                orion_diag *ORION_NULLABLE diag, orion_train_model **out_model);
/** Write llama2.c's legacy `.bin`, atomically. ORION_ERROR_UNSUPPORTED if rope_theta, rope_split or
 * norm_epsilon cannot be expressed there; ORION_ERROR_IO; ORION_ERROR_NO_MEMORY. */
ORION_API ORION_MUST_CHECK orion_status orion_train_model_save_llama2c(
    const orion_train_model *model, const char *path, orion_diag *ORION_NULLABLE diag);
/**
 * Model and tokenizer of a checkpoint (docs/checkpoint-format.md). The checksum is verified.
 * @param out_tokenizer  [out, optional] the tokenizer it was trained with; NULL if it holds none
 * @return ORION_OK; ORION_ERROR_NOT_FOUND; ORION_ERROR_IO; ORION_ERROR_SYNTAX or ORION_ERROR_VERIFY
 *         naming the place in the file; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_model_load_checkpoint(
    const char *path, const orion_allocator *ORION_NULLABLE allocator,
    orion_diag *ORION_NULLABLE diag, orion_train_model **out_model,
    orion_train_tokenizer *ORION_NULLABLE *ORION_NULLABLE out_tokenizer);
ORION_API orion_train_model *orion_train_model_ref(orion_train_model *model);
ORION_API void orion_train_model_unref(orion_train_model *ORION_NULLABLE *model);
/** The description with every default filled in. `out_config->size` is set by the caller.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for a bad size */
ORION_API ORION_MUST_CHECK orion_status
orion_train_model_get_config(const orion_train_model *model, orion_train_model_config *out_config);

/** One parameter tensor. Borrowed from the model. */
typedef struct orion_train_parameter {
    size_t size;
    const char *name; /**< such as "layers_0_wq"; also the graph input that carries it */
    orion_ir_type type;
    const float *data; /**< row-major */
    uint64_t elements;
} orion_train_parameter;
ORION_API size_t orion_train_model_parameter_count(const orion_train_model *model);
/** Elements of all parameters. */
ORION_API uint64_t orion_train_model_elements(const orion_train_model *model);
/** Parameter i, in the order of docs/checkpoint-format.md; `out_parameter->size` is set by the
 * caller. @return ORION_OK; ORION_ERROR_NOT_FOUND past the end; ORION_ERROR_INVALID_ARGUMENT */
ORION_API ORION_MUST_CHECK orion_status orion_train_model_parameter(
    const orion_train_model *model, size_t i, orion_train_parameter *out_parameter);

/** What a graph of a model computes. */
typedef enum orion_train_graph_kind {
    /** With a KV cache. In: tokens i32 [T], position i32 [T] (consecutive), cache_k_L and cache_v_L
     *  f32 [1, kv_heads, context, head_dim] per layer. Out: logits f32 [1, vocab] of the last row,
     *  cache_k_L_out, cache_v_L_out (may be the same tensors). */
    ORION_TRAIN_GRAPH_DECODE = 0,
    /** In: tokens i32 [B, T], targets i32 [B, T] (negative: not counted). Out: loss f32 [], the
     *  mean negative log-likelihood in nats. */
    ORION_TRAIN_GRAPH_LOSS = 1,
    /** In: tokens i32 [B, T]. Out: logits f32 [B, T, vocab]. */
    ORION_TRAIN_GRAPH_LOGITS = 2
} orion_train_graph_kind;

typedef struct orion_train_graph_options {
    size_t size;
    uint32_t kind;    /**< an orion_train_graph_kind */
    uint32_t batch;   /**< B; 0: 1 */
    uint32_t length;  /**< T; 0: 1 for DECODE, else the model's context */
    uint32_t context; /**< DECODE: length of the cache; 0: the model's context */
    uint32_t weights; /**< 0: constants in the graph; 1: inputs named as the parameters */
    uint32_t reserved;
} orion_train_graph_options;
/** Options by name: orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_LOSS, .batch = 8). */
#define orion_train_graph_options(...)                                                             \
    (&(const orion_train_graph_options){.size = sizeof(orion_train_graph_options), __VA_ARGS__})
/**
 * The model as a graph. Differentiate the loss graph with orion_ir_grad to train.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for an unknown kind or lengths past the model's
 *         context; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the graph, which keeps references to the model's weights, not the
 * model.
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_model_graph(
    const orion_train_model *model, const orion_train_graph_options *ORION_NULLABLE options,
    const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
    orion_ir_graph **out_graph);

/* ---- generation --------------------------------------------------------------------------- */

/** A model on a device with its KV cache. Externally synchronised. */
typedef struct orion_train_generator orion_train_generator;

typedef struct orion_train_generator_options {
    size_t size;
    uint32_t context; /**< longest sequence; 0: the model's context */
    uint32_t
        prefill; /**< prompts are read in pieces of up to so many tokens; 0: 64; 1: one by one */
} orion_train_generator_options;
#define orion_train_generator_options(...)                                                         \
    (&(const orion_train_generator_options){.size = sizeof(orion_train_generator_options),         \
                                            __VA_ARGS__})
/**
 * Compile the model for a device. Keeps references to model and device; memory from the model's
 * allocator, that of programs and tensors from the device's.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if context is past the model's; what
 *         orion_ane_program_compile_graph returns; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_generator_create(
    orion_train_model *model, orion_ane_device *device,
    const orion_train_generator_options *ORION_NULLABLE options, orion_diag *ORION_NULLABLE diag,
    orion_train_generator **out_generator);
ORION_API void orion_train_generator_destroy(orion_train_generator *ORION_NULLABLE *generator);
/** Forget the text; the cache need not be cleared. */
ORION_API void orion_train_generator_reset(orion_train_generator *generator);
/** Tokens fed since the last reset. */
ORION_API size_t orion_train_generator_position(const orion_train_generator *generator);
/**
 * Append tokens and compute the logits behind the last one.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for no tokens or an id past the vocabulary;
 *         ORION_ERROR_BUDGET if the context would be exceeded; ORION_ERROR_DEVICE
 *         On failure the position is as before.
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_generator_feed(orion_train_generator *generator,
                                                                   const int32_t *tokens,
                                                                   size_t count,
                                                                   orion_diag *ORION_NULLABLE diag);
/** Logits [vocab] behind the last token fed; all 0 before. Borrowed until the next feed. */
ORION_API const float *orion_train_generator_logits(const orion_train_generator *generator);

/** Why generation ended. */
typedef enum orion_train_stop {
    ORION_TRAIN_STOP_MAX_TOKENS = 0,
    ORION_TRAIN_STOP_END = 1,     /**< the model ended the text, or began the next one */
    ORION_TRAIN_STOP_CONTEXT = 2, /**< the context is full */
    ORION_TRAIN_STOP_CALLBACK = 3
} orion_train_stop;

typedef struct orion_train_generate_options {
    size_t size;
    /** Called for every piece of text as soon as it is known, the prompt's first; no lock is held.
     *  Return nonzero to stop. */
    int (*ORION_NULLABLE piece)(void *ORION_NULLABLE ctx, const char *bytes, size_t length,
                                int32_t token);
    void *ORION_NULLABLE ctx;
    double temperature;  /**< 0: greedy (ties go to the lower id) */
    double top_p;        /**< nucleus: fewest tokens whose probability reaches it; 0 or 1: all */
    uint64_t seed;       /**< of the choice at each position; the same seed gives the same text */
    uint32_t max_tokens; /**< tokens after the prompt; 0: as many as the context holds */
    uint32_t reserved;
} orion_train_generate_options;
#define orion_train_generate_options(...)                                                          \
    (&(const orion_train_generate_options){.size = sizeof(orion_train_generate_options),           \
                                           __VA_ARGS__})
typedef struct orion_train_generate_result {
    size_t size;
    uint64_t prompt_tokens; /**< the begin token included */
    uint64_t new_tokens;    /**< the end token not included */
    uint64_t prompt_ns, new_ns;
    uint32_t stop; /**< an orion_train_stop */
    uint32_t reserved;
} orion_train_generate_result;
/**
 * Reset, feed begin token and prompt, then sample token by token.
 * @param out_result  [out, optional] its `size` is set by the caller
 * @return ORION_OK, also when the callback stopped; ORION_ERROR_INVALID_ARGUMENT for a negative or
 *         NaN temperature, top_p outside [0, 1], a tokenizer whose vocabulary is larger than the
 *         model's, a bad size in `out_result`; ORION_ERROR_BUDGET if the prompt does not fit the
 *         context; ORION_ERROR_DEVICE; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_generate(
    orion_train_generator *generator, const orion_train_tokenizer *tokenizer, const char *prompt,
    size_t prompt_length, const orion_train_generate_options *ORION_NULLABLE options,
    orion_diag *ORION_NULLABLE diag, orion_train_generate_result *ORION_NULLABLE out_result);
/**
 * Choose one token, as orion_train_generate does at `position` (it uses temperature, top_p, seed).
 * @param logits  [vocab]
 * @param scratch room for 2 x vocab floats; not used, and may be NULL, at temperature 0
 */
ORION_API int32_t orion_train_sample(const float *logits, uint32_t vocab,
                                     const orion_train_generate_options *ORION_NULLABLE options,
                                     uint64_t position, float *ORION_NULLABLE scratch);

/* ---- evaluation --------------------------------------------------------------------------- */

typedef struct orion_train_eval_options {
    size_t size;
    uint32_t batch;  /**< sequences at once; 0: 8 */
    uint32_t length; /**< positions that count per document; 0: the model's context */
    /** Called after every batch with documents done and in all; return nonzero to stop
     *  (ORION_ERROR_CANCELLED). */
    int (*ORION_NULLABLE progress)(void *ORION_NULLABLE ctx, uint64_t done, uint64_t total);
    void *ORION_NULLABLE ctx;
} orion_train_eval_options;
#define orion_train_eval_options(...)                                                              \
    (&(const orion_train_eval_options){.size = sizeof(orion_train_eval_options), __VA_ARGS__})
typedef struct orion_train_eval_result {
    size_t size;
    uint64_t documents, tokens; /**< tokens predicted */
    double nats;                /**< sum of -log p; divide by tokens; perplexity is its exp */
} orion_train_eval_result;
/**
 * Negative log-likelihood of a text. Documents are split at `<|endoftext|>`, line ends around them
 * are dropped, empty ones skipped; each stands alone after the begin token; every following token
 * up to `length` positions is predicted, no end token.
 * @param out_result  its `size` is set by the caller
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if there is nothing to predict, the tokenizer's
 *         vocabulary is larger than the model's, or `length` is past its context; what
 *         orion_ane_program_compile_graph returns; ORION_ERROR_CANCELLED; ORION_ERROR_DEVICE;
 *         ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_evaluate(
    orion_train_model *model, const orion_train_tokenizer *tokenizer, orion_ane_device *device,
    const char *text, size_t length, const orion_train_eval_options *ORION_NULLABLE options,
    orion_diag *ORION_NULLABLE diag, orion_train_eval_result *out_result);

/* ---- training data ------------------------------------------------------------------------ */

/** A stream of tokens from which batches are cut. Immutable and shareable. */
typedef struct orion_train_data orion_train_data;

/**
 * Tokens of a text: split into documents at `<|endoftext|>` as in orion_train_evaluate, each after
 * a begin token.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if it has fewer than 2 tokens;
 *         ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_data_create_text(const orion_train_tokenizer *tokenizer, const char *text,
                             size_t length, const orion_allocator *ORION_NULLABLE allocator,
                             orion_diag *ORION_NULLABLE diag, orion_train_data **out_data);
/**
 * A file: `.bin` holds little-endian u16 token ids (llama2.c's pretokenized shards), anything else
 * is text.
 * @return as orion_train_data_create_text; ORION_ERROR_NOT_FOUND; ORION_ERROR_IO;
 *         ORION_ERROR_VERIFY if a `.bin` has an odd size or an id past the vocabulary (with its
 *         place)
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_data_load(const char *path, const orion_train_tokenizer *tokenizer,
                      const orion_allocator *ORION_NULLABLE allocator,
                      orion_diag *ORION_NULLABLE diag, orion_train_data **out_data);
/**
 * Made-up stories (orion_train_stories_print), as many whole ones as give at least `tokens` tokens.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if tokens is 0 or above 2^31;
 *         ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_data_create_stories(const orion_train_tokenizer *tokenizer, uint64_t seed,
                                uint64_t tokens, const orion_allocator *ORION_NULLABLE allocator,
                                orion_diag *ORION_NULLABLE diag, orion_train_data **out_data);
ORION_API orion_train_data *orion_train_data_ref(orion_train_data *data);
ORION_API void orion_train_data_unref(orion_train_data *ORION_NULLABLE *data);
/** The tokens (borrowed). */
ORION_API const int32_t *orion_train_data_tokens(const orion_train_data *data, size_t *out_count);
/** Entropy of the token frequencies in nats per token: what a model that only counts reaches. */
ORION_API double orion_train_data_unigram_entropy(const orion_train_data *data);
/**
 * The batch of a training step: `batch` windows of length + 1 tokens at places that depend on seed,
 * step and row alone. Data shorter than a window are padded with targets of -1.
 * @param out_tokens, out_targets  [batch, length]
 */
ORION_API void orion_train_data_batch(const orion_train_data *data, uint64_t seed, uint64_t step,
                                      uint32_t batch, uint32_t length, int32_t *out_tokens,
                                      int32_t *out_targets);
/**
 * Print story number `index` of a seed: a deterministic grammar of names, places, wishes, mishaps
 * and consequences; unlimited. ASCII, ends without a newline. Returns the writer's error.
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_stories_print(uint64_t seed, uint64_t index,
                                                                  const orion_writer *writer);

/* ---- training ----------------------------------------------------------------------------- */

/** Weights, optimizer and position of one training run. Externally synchronised. */
typedef struct orion_train_trainer orion_train_trainer;

/** How to train. 0 takes the default in brackets. */
typedef struct orion_train_options {
    size_t size;
    uint64_t steps;        /**< optimizer steps of the whole run, for the schedule [400] */
    uint64_t warmup;       /**< steps of linear warm-up [steps / 20] */
    uint64_t seed;         /**< of the batches */
    uint32_t batch;        /**< sequences per micro-batch [8] */
    uint32_t length;       /**< positions per sequence [the model's context] */
    uint32_t accumulation; /**< micro-batches per step [1] */
    uint32_t reserved;
    double learning_rate;  /**< at the end of warm-up [1e-3] */
    double learning_floor; /**< at the last step [learning_rate / 10] */
    double beta1, beta2;   /**< [0.9, 0.95] */
    double epsilon;        /**< [1e-8] */
    double weight_decay;   /**< decoupled, on matrices only; negative: none [0.1] */
    double clip;           /**< largest global norm of the gradient; negative: none [1] */
} orion_train_options;
/** Options by name: orion_train_options(.steps = 1000, .batch = 4). */
#define orion_train_options(...)                                                                   \
    (&(const orion_train_options){.size = sizeof(orion_train_options), __VA_ARGS__})

/**
 * Begin a run: forward and backward programs from the loss graph and its gradient, AdamW with fp32
 * masters on the host. Keeps references to all arguments; the model is copied, never changed.
 * @param tokenizer  goes into checkpoints; may be NULL
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT naming an option out of range, a length past the
 *         model's context, or data with ids past the model's vocabulary; what
 *         orion_ane_program_compile_graph returns; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_trainer_create(
    orion_train_model *model, orion_train_tokenizer *ORION_NULLABLE tokenizer,
    orion_train_data *data, orion_ane_device *device,
    const orion_train_options *ORION_NULLABLE options, orion_diag *ORION_NULLABLE diag,
    orion_train_trainer **out_trainer);
/**
 * Continue a run from a checkpoint. On the CPU device it goes on bit for bit as if it had not been
 * interrupted, if data and options are the same.
 * @param options  NULL: those in the checkpoint; else fields that are not 0 replace them
 * @return as orion_train_trainer_create and orion_train_model_load_checkpoint;
 *         ORION_ERROR_INVALID_ARGUMENT if the checkpoint was trained on other data and
 *         `other_data` is 0, or holds no optimizer state
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_trainer_resume(
    const char *path, orion_train_data *data, uint32_t other_data, orion_ane_device *device,
    const orion_train_options *ORION_NULLABLE options, orion_diag *ORION_NULLABLE diag,
    orion_train_trainer **out_trainer);
ORION_API void orion_train_trainer_destroy(orion_train_trainer *ORION_NULLABLE *trainer);

/** What one step did. */
typedef struct orion_train_step {
    size_t size;
    uint64_t step;        /**< steps done, this one included */
    uint64_t tokens;      /**< of this step */
    double loss;          /**< mean over the micro-batches, nats per token, before the update */
    double gradient_norm; /**< global, before clipping */
    double learning_rate;
    uint32_t skipped; /**< 1: loss or gradient was not finite; nothing was updated */
    uint32_t reserved;
} orion_train_step;
/**
 * One optimizer step.
 * @param out_step  [out, optional] its `size` is set by the caller
 * @return ORION_OK; ORION_ERROR_INVALID_STATE if all steps are done, or after 10 skipped steps in a
 *         row (the run has diverged); ORION_ERROR_DEVICE; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_trainer_step(orion_train_trainer *trainer, orion_diag *ORION_NULLABLE diag,
                         orion_train_step *ORION_NULLABLE out_step);
/** Steps done, those before a resume included. */
ORION_API uint64_t orion_train_trainer_position(const orion_train_trainer *trainer);
/** The options in force, defaults filled in. `out_options->size` is set by the caller.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for a bad size */
ORION_API ORION_MUST_CHECK orion_status orion_train_trainer_get_options(
    const orion_train_trainer *trainer, orion_train_options *out_options);
/** A copy of the weights as they are now. ORION_ERROR_NO_MEMORY. */
ORION_API ORION_MUST_CHECK orion_status
orion_train_trainer_model(const orion_train_trainer *trainer, orion_train_model **out_model);
/**
 * Write a checkpoint: one safetensors file with weights, optimizer, position, options, tokenizer
 * and a checksum; under a temporary name, then renamed, so that `path` is always whole.
 * @return ORION_OK; ORION_ERROR_IO (the old file is untouched); ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_train_trainer_save(const orion_train_trainer *trainer,
                                                                 const char *path,
                                                                 orion_diag *ORION_NULLABLE diag);

/**
 * Read a recipe: YAML with the mappings `model` and `train`, whose keys are the fields of the two
 * structs (docs/recipe.md). Fields not given are left 0.
 * @param config, options  their `size` is set by the caller
 * @return ORION_OK; ORION_ERROR_NOT_FOUND; ORION_ERROR_IO; ORION_ERROR_SYNTAX or ORION_ERROR_VERIFY
 *         with line and column for bad YAML, an unknown or repeated key, or a value that is not a
 *         number or out of range; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_train_recipe_load(const char *path, const orion_allocator *ORION_NULLABLE allocator,
                        orion_diag *ORION_NULLABLE diag, orion_train_model_config *config,
                        orion_train_options *options);

ORION_END_DECLS

#endif
