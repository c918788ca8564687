/* SPDX-License-Identifier: MIT */
/* How well a model predicts a text. */
#include "train-internal.h"

enum { BATCH = 8 };

/* Documents as tokens, each after the begin token and cut to what counts. */
typedef struct corpus {
    orion_allocator allocator;
    int32_t *tokens;
    size_t *ends; /* of each document in `tokens` */
    size_t count, capacity, documents, ends_capacity;
    size_t longest; /* predicted tokens of one document */
} corpus;

typedef struct evaluation {
    corpus documents;
    train_stage stage;
    orion_ane_tensor *tokens, *targets, *loss;
    int32_t *rows; /* [2, batch, length]: tokens, then targets */
    size_t batch, length;
    orion_train_eval_result result;
} evaluation;

static orion_status add_document(corpus *c, const orion_train_tokenizer *tokenizer,
                                 const char *text, size_t length, size_t most) {
    size_t need, added;
    if (!orn_add(length, ORION_TRAIN_TOKENS_MAX(0), &need) || !orn_add(need, c->count, &need) ||
        !ORN_GROW(&c->allocator, c->tokens, c->capacity, need) ||
        !ORN_GROW(&c->allocator, c->ends, c->ends_capacity, c->documents + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(orion_train_tokenizer_encode(tokenizer, text, length, 1, c->tokens + c->count, &added));
    size_t predicted = ORN_MIN(added - 1, most);
    c->count += 1 + predicted;
    c->ends[c->documents++] = c->count;
    c->longest = ORN_MAX(c->longest, predicted);
    return ORION_OK;
}

static orion_status read_text(corpus *c, const orion_train_tokenizer *tokenizer, const char *text,
                              size_t length, size_t most, orion_diag *diag) {
    train_documents d = train_documents_make(text, length);
    const char *document;
    size_t bytes;
    while (train_documents_next(&d, &document, &bytes)) {
        TRY(add_document(c, tokenizer, document, bytes, most));
    }
    if (c->documents != 0) return ORION_OK;
    ORN_ERROR(diag, TRAIN_EVALUATE, NULL, "the text of %zu bytes has no document", length);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* The loss graph for no more and no longer documents than there are. */
static orion_status prepare(evaluation *e, const orion_train_model *model, orion_ane_device *device,
                            uint32_t batch, orion_diag *diag) {
    e->length = e->documents.longest;
    e->batch = ORN_MIN(batch, e->documents.documents);
    size_t elements = e->batch * e->length; /* below 2^52: see the limits of both */
    const orion_train_graph_options *options =
        orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_LOSS, .batch = (uint32_t)e->batch,
                                  .length = (uint32_t)e->length);
    TRY(train_stage_create(model, options, device, diag, &e->stage));
    e->rows = orn_alloc(&e->documents.allocator, 2 * elements * sizeof *e->rows);
    if (e->rows == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(train_stage_tensor(&e->stage, "tokens", diag, &e->tokens));
    TRY(train_stage_tensor(&e->stage, "targets", diag, &e->targets));
    return train_stage_tensor(&e->stage, "loss", diag, &e->loss);
}

/* Documents [first, first + batch) as rows. Returns how many tokens are predicted. */
static size_t fill_rows(evaluation *e, size_t first) {
    const corpus *c = &e->documents;
    size_t elements = e->batch * e->length, predicted = 0;
    int32_t *tokens = e->rows, *targets = e->rows + elements;
    for (size_t i = 0; i < elements; i++) {
        tokens[i] = 0;
        targets[i] = -1;
    }
    for (size_t row = 0; row < e->batch && first + row < c->documents; row++) {
        size_t document = first + row;
        size_t begin = document == 0 ? 0 : c->ends[document - 1];
        size_t n = c->ends[document] - begin - 1;
        memcpy(tokens + row * e->length, c->tokens + begin, n * sizeof *tokens);
        memcpy(targets + row * e->length, c->tokens + begin + 1, n * sizeof *tokens);
        predicted += n;
    }
    return predicted;
}

static orion_status run(evaluation *e, const orion_train_eval_options *o, orion_diag *diag) {
    size_t elements = e->batch * e->length, bytes = elements * sizeof *e->rows;
    size_t documents = e->documents.documents;
    for (size_t done = 0; done < documents;) {
        size_t predicted = fill_rows(e, done);
        float mean;
        TRY(orion_ane_tensor_write(e->tokens, ORION_IR_I32, e->rows, bytes, diag));
        TRY(orion_ane_tensor_write(e->targets, ORION_IR_I32, e->rows + elements, bytes, diag));
        TRY(orion_ane_run_execute(e->stage.run, diag));
        TRY(orion_ane_tensor_read(e->loss, ORION_IR_F32, &mean, sizeof mean, diag));
        e->result.nats += (double)mean * (double)predicted;
        e->result.tokens += predicted;
        done = ORN_MIN(done + e->batch, documents);
        if (o->progress != NULL && o->progress(o->ctx, done, documents) != 0) {
            return ORION_ERROR_CANCELLED;
        }
    }
    e->result.documents = documents;
    return ORION_OK;
}

static void release(evaluation *e) {
    corpus *c = &e->documents;
    orn_free(&c->allocator, e->rows, 2 * e->batch * e->length * sizeof *e->rows);
    orn_free(&c->allocator, c->tokens, c->capacity * sizeof *c->tokens);
    orn_free(&c->allocator, c->ends, c->ends_capacity * sizeof *c->ends);
    orion_ane_tensor_unref(&e->tokens);
    orion_ane_tensor_unref(&e->targets);
    orion_ane_tensor_unref(&e->loss);
    train_stage_destroy(&e->stage);
}

orion_status orion_train_evaluate(orion_train_model *model, const orion_train_tokenizer *tokenizer,
                                  orion_ane_device *device, const char *text, size_t length,
                                  const orion_train_eval_options *options, orion_diag *diag,
                                  orion_train_eval_result *out_result) {
    evaluation e = {.documents = {.allocator = model->allocator}};
    orion_train_eval_options o;
    TRY(orn_fill_sized(&e.result, out_result, sizeof e.result));
    TRY(orn_check_size(options, &o, sizeof o));
    TRY(train_tokenizer_check(tokenizer, model, diag));
    if (o.batch == 0) o.batch = BATCH;
    if (o.length == 0) o.length = model->config.context;
    if (o.length > model->config.context) {
        ORN_ERROR(diag, TRAIN_OPTION, "length", "length is %u, more than the model's context of %u",
                  o.length, model->config.context);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    orion_status status = read_text(&e.documents, tokenizer, text, length, o.length, diag);
    if (status == ORION_OK) status = prepare(&e, model, device, o.batch, diag);
    if (status == ORION_OK) status = run(&e, &o, diag);
    if (status == ORION_OK) status = orn_fill_sized(&e.result, out_result, sizeof e.result);
    release(&e);
    return status;
}
