/* SPDX-License-Identifier: MIT */
/*
 * The graphs of a model against a decoder written down plainly in f64: every kind, grouped heads,
 * both rotary layouts, tied and untied, weights as constants and as inputs.
 */
#include "train-support.h"

#include <math.h>

enum { T = 7, DIM_MAX = 16, HIDDEN_MAX = 24, CONTEXT = 32, VOCAB = ORION_TRAIN_BYTE_VOCAB };

/* ---- the plain decoder ---- */

typedef struct decoder {
    const orion_train_model *model;
    orion_train_model_config c;
    double keys[2][CONTEXT][DIM_MAX], values[2][CONTEXT][DIM_MAX]; /* per layer and position */
} decoder;

static const float *weight(const decoder *d, const char *name) {
    for (size_t i = 0; i < orion_train_model_parameter_count(d->model); i++) {
        orion_train_parameter p = {.size = sizeof p};
        assert_int_equal(orion_train_model_parameter(d->model, i, &p), ORION_OK);
        if (strcmp(p.name, name) == 0) return p.data;
    }
    fail_msg("no parameter %s", name);
    return NULL;
}

static const float *layer_weight(const decoder *d, size_t layer, const char *what) {
    char name[64];
    snprintf(name, sizeof name, "layers_%zu_%s", layer, what);
    return weight(d, name);
}

static void product(double *y, const float *w, const double *x, size_t rows, size_t columns) {
    for (size_t i = 0; i < rows; i++) {
        y[i] = 0;
        for (size_t k = 0; k < columns; k++) y[i] += (double)w[i * columns + k] * x[k];
    }
}

static void norm(double *y, const double *x, const float *gamma, size_t n, double epsilon) {
    double squares = 0;
    for (size_t i = 0; i < n; i++) squares += x[i] * x[i];
    for (size_t i = 0; i < n; i++) {
        y[i] = x[i] / sqrt(squares / (double)n + epsilon) * (double)gamma[i];
    }
}

static void turn(const decoder *d, double *x, size_t heads, size_t position) {
    size_t width = d->c.dim / d->c.heads;
    for (size_t h = 0; h < heads; h++) {
        for (size_t j = 0; j < width / 2; j++) {
            size_t first = h * width + (d->c.rope_split ? j : 2 * j);
            size_t second = first + (d->c.rope_split ? width / 2 : 1);
            double angle = (double)position * pow(d->c.rope_theta, -2 * (double)j / (double)width);
            double a = x[first], b = x[second];
            x[first] = a * cos(angle) - b * sin(angle);
            x[second] = a * sin(angle) + b * cos(angle);
        }
    }
}

static void attend(decoder *d, size_t layer, size_t position, const double *q, double *y) {
    size_t width = d->c.dim / d->c.heads;
    for (size_t h = 0; h < d->c.heads; h++) {
        size_t at = h * d->c.kv_heads / d->c.heads * width;
        double score[CONTEXT], highest = -INFINITY, sum = 0;
        for (size_t t = 0; t <= position; t++) {
            score[t] = 0;
            for (size_t i = 0; i < width; i++) {
                score[t] += q[h * width + i] * d->keys[layer][t][at + i] / sqrt((double)width);
            }
            highest = fmax(highest, score[t]);
        }
        for (size_t t = 0; t <= position; t++) sum += score[t] = exp(score[t] - highest);
        for (size_t i = 0; i < width; i++) {
            y[h * width + i] = 0;
            for (size_t t = 0; t <= position; t++) {
                y[h * width + i] += score[t] / sum * d->values[layer][t][at + i];
            }
        }
    }
}

/* Logits behind one more token. */
static void plain_step(decoder *d, int32_t token, size_t position, double *logits) {
    size_t n = d->c.dim, hidden = d->c.hidden, kv = n / d->c.heads * d->c.kv_heads;
    double x[DIM_MAX], h[DIM_MAX], q[DIM_MAX], y[DIM_MAX], gate[HIDDEN_MAX], up[HIDDEN_MAX];
    const float *table = weight(d, "tok_embedding");
    for (size_t i = 0; i < n; i++) x[i] = (double)table[(size_t)token * n + i];
    for (size_t l = 0; l < d->c.layers; l++) {
        norm(h, x, layer_weight(d, l, "attention_norm"), n, d->c.norm_epsilon);
        product(q, layer_weight(d, l, "wq"), h, n, n);
        product(d->keys[l][position], layer_weight(d, l, "wk"), h, kv, n);
        product(d->values[l][position], layer_weight(d, l, "wv"), h, kv, n);
        turn(d, q, d->c.heads, position);
        turn(d, d->keys[l][position], d->c.kv_heads, position);
        attend(d, l, position, q, y);
        product(h, layer_weight(d, l, "wo"), y, n, n);
        for (size_t i = 0; i < n; i++) x[i] += h[i];
        norm(h, x, layer_weight(d, l, "ffn_norm"), n, d->c.norm_epsilon);
        product(gate, layer_weight(d, l, "w1"), h, hidden, n);
        product(up, layer_weight(d, l, "w3"), h, hidden, n);
        for (size_t i = 0; i < hidden; i++) gate[i] *= up[i] / (1 + exp(-gate[i]));
        product(h, layer_weight(d, l, "w2"), gate, n, hidden);
        for (size_t i = 0; i < n; i++) x[i] += h[i];
    }
    norm(h, x, weight(d, "final_norm"), n, d->c.norm_epsilon);
    product(logits, d->c.untied ? weight(d, "output") : table, h, d->c.vocab, n);
}

/* ---- graphs ---- */

static orion_ir_graph *graph_of(const orion_train_model *m, const orion_train_graph_options *o) {
    orion_ir_graph *g = NULL;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_train_model_graph(m, o, NULL, diag, &g), diag);
    assert_ok(orion_ir_verify(g, diag), diag);
    orion_diag_destroy(&diag);
    return g;
}

/* A graph with a buffer per input and output, found by name. */
typedef struct evaluation {
    orion_ir_graph *graph;
    double *in[64], *out[16];
    size_t in_count, out_count;
} evaluation;

static double *elements_of(const orion_ir_graph *g, orion_ir_value v) {
    orion_ir_type t = orion_ir_value_type(g, v);
    double *p = calloc((size_t)orion_ir_type_elements(&t), sizeof *p);
    assert_non_null(p);
    return p;
}

static evaluation evaluation_of(const orion_train_model *m, const orion_train_graph_options *o) {
    evaluation e = {.graph = graph_of(m, o)};
    e.in_count = orion_ir_graph_input_count(e.graph);
    e.out_count = orion_ir_graph_output_count(e.graph);
    assert_true(e.in_count <= 64 && e.out_count <= 16);
    for (size_t i = 0; i < e.in_count; i++) {
        e.in[i] = elements_of(e.graph, orion_ir_graph_input(e.graph, i));
    }
    for (size_t i = 0; i < e.out_count; i++) {
        e.out[i] = elements_of(e.graph, orion_ir_graph_output(e.graph, i));
    }
    return e;
}

static double *input(const evaluation *e, const char *name) {
    for (size_t i = 0; i < e->in_count; i++) {
        orion_ir_value v = orion_ir_graph_input(e->graph, i);
        if (strcmp(orion_ir_value_name(e->graph, v), name) != 0) continue;
        return e->in[i];
    }
    fail_msg("no input %s", name);
    return NULL;
}

static double *output(const evaluation *e, const char *name) {
    for (size_t i = 0; i < e->out_count; i++) {
        if (strcmp(orion_ir_graph_output_name(e->graph, i), name) == 0) return e->out[i];
    }
    fail_msg("no output %s", name);
    return NULL;
}

static void evaluate(const evaluation *e) {
    const double *in[64];
    for (size_t i = 0; i < e->in_count; i++) in[i] = e->in[i];
    assert_ok(orion_ir_eval(e->graph, ORION_IR_EVAL_EXACT, in, e->out, NULL), NULL);
}

static void evaluation_free(evaluation *e) {
    for (size_t i = 0; i < e->in_count; i++) free(e->in[i]);
    for (size_t i = 0; i < e->out_count; i++) free(e->out[i]);
    orion_ir_graph_destroy(&e->graph);
}

/* Weights that are inputs of the graph. */
static void give_weights(const evaluation *e, const orion_train_model *m) {
    for (size_t i = 0; i < orion_train_model_parameter_count(m); i++) {
        orion_train_parameter p = {.size = sizeof p};
        assert_int_equal(orion_train_model_parameter(m, i, &p), ORION_OK);
        double *values = input(e, p.name);
        for (size_t k = 0; k < p.elements; k++) values[k] = (double)p.data[k];
    }
}

/* ---- comparisons ---- */

typedef struct reference {
    orion_train_model *model;
    orion_train_model_config c;
    int32_t tokens[2][T];
    double logits[2][T][VOCAB];
} reference;

static reference make_reference(const orion_train_model_config *config) {
    reference r = {.c = *config};
    uint64_t random = 11;
    assert_ok(orion_train_model_create_random(config, 2, NULL, NULL, &r.model), NULL);
    for (size_t row = 0; row < 2; row++) {
        decoder d = {.model = r.model, .c = {.size = sizeof d.c}};
        assert_int_equal(orion_train_model_get_config(r.model, &d.c), ORION_OK);
        for (size_t t = 0; t < T; t++) {
            r.tokens[row][t] = (int32_t)(test_random(&random) % config->vocab);
            plain_step(&d, r.tokens[row][t], t, r.logits[row][t]);
        }
    }
    return r;
}

static void check_logits(const reference *r, uint32_t weights) {
    evaluation e = evaluation_of(
        r->model, orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_LOGITS, .batch = 2,
                                            .length = T, .weights = weights));
    double *tokens = input(&e, "tokens");
    for (size_t i = 0; i < 2 * T; i++) tokens[i] = r->tokens[i / T][i % T];
    if (weights) give_weights(&e, r->model);
    evaluate(&e);
    assert_int_equal(e.in_count, weights ? 1 + orion_train_model_parameter_count(r->model) : 1);
    assert_doubles_near(output(&e, "logits"), r->logits[0][0], 2 * T * r->c.vocab, 1e-9, 0);
    evaluation_free(&e);
}

/* Targets are the next tokens; the last of the first row and all but one of the second are left
 * out. */
static void check_loss(const reference *r) {
    evaluation e = evaluation_of(r->model, orion_train_graph_options(.kind = ORION_TRAIN_GRAPH_LOSS,
                                                                     .batch = 2, .length = T));
    double *tokens = input(&e, "tokens"), *targets = input(&e, "targets"), loss = 0;
    for (size_t i = 0; i < 2 * T; i++) {
        size_t row = i / T, t = i % T;
        tokens[i] = r->tokens[row][t];
        bool counts = row == 0 ? t + 1 < T : t == 2;
        targets[i] = counts ? r->tokens[row][t + 1] : -1;
        if (!counts) continue;
        const double *logits = r->logits[row][t];
        double sum = 0;
        for (size_t k = 0; k < r->c.vocab; k++) sum += exp(logits[k]);
        loss += (log(sum) - logits[r->tokens[row][t + 1]]) / T;
    }
    evaluate(&e);
    assert_doubles_near(output(&e, "loss"), &loss, 1, 1e-9, 0);
    evaluation_free(&e);
}

/* The first `pieces[0]` tokens at once, then the next, each behind the cache of those before. */
static void check_decode(const reference *r, const uint32_t *pieces) {
    double *caches[4] = {NULL};
    size_t position = 0;
    static const char *const names[] = {"cache_k_0", "cache_v_0", "cache_k_1", "cache_v_1"};
    static const char *const updated[] = {"cache_k_0_out", "cache_v_0_out", "cache_k_1_out",
                                          "cache_v_1_out"};
    for (size_t n = 0; pieces[n] != 0; n++) {
        evaluation e =
            evaluation_of(r->model, orion_train_graph_options(.length = pieces[n], .context = 9));
        double *tokens = input(&e, "tokens"), *places = input(&e, "position");
        for (size_t i = 0; i < pieces[n]; i++) {
            tokens[i] = r->tokens[0][position + i];
            places[i] = (double)(position + i);
        }
        size_t elements = r->c.kv_heads * 9 * (r->c.dim / r->c.heads);
        for (size_t i = 0; i < 4; i++) {
            double *in = input(&e, names[i]);
            /* What is in the cache behind the position must not matter. */
            for (size_t k = 0; k < elements; k++) in[k] = caches[i] == NULL ? 5 : caches[i][k];
        }
        evaluate(&e);
        position += pieces[n];
        assert_doubles_near(output(&e, "logits"), r->logits[0][position - 1], r->c.vocab, 1e-9, 0);
        for (size_t i = 0; i < 4; i++) {
            free(caches[i]);
            caches[i] = malloc(elements * sizeof **caches);
            assert_non_null(caches[i]);
            memcpy(caches[i], output(&e, updated[i]), elements * sizeof **caches);
        }
        evaluation_free(&e);
    }
    for (size_t i = 0; i < 4; i++) free(caches[i]);
}

static void check_all(const orion_train_model_config *config) {
    reference r = make_reference(config);
    check_logits(&r, 0);
    check_logits(&r, 1);
    check_loss(&r);
    check_decode(&r, (const uint32_t[]){1, 1, 1, 1, 1, 1, 1, 0});
    check_decode(&r, (const uint32_t[]){4, 1, 2, 0});
    check_decode(&r, (const uint32_t[]){7, 0});
    orion_train_model_unref(&r.model);
}

static void test_grouped_heads(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    check_all(&c);
}

static void test_untied_with_one_key_head(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    c.untied = 1;
    c.kv_heads = 1;
    c.norm_epsilon = 1e-2;
    check_all(&c);
}

static void test_split_pairs(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    c.rope_split = 1;
    c.rope_theta = 100;
    c.kv_heads = 4;
    check_all(&c);
}

/* ---- the shape of graphs ---- */

static size_t count_ops(const orion_ir_graph *g, orion_ir_op op) {
    size_t count = 0;
    for (const orion_ir_node *n = orion_ir_graph_first(g); n != NULL; n = orion_ir_node_next(n)) {
        count += orion_ir_node_op(n) == op;
    }
    return count;
}

/* Model ops stay whole, a single token is never transposed, weights are not copied. */
static void test_shape(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    orion_train_model *m = NULL;
    assert_ok(orion_train_model_create_random(&c, 1, NULL, NULL, &m), NULL);
    orion_ir_graph *g = graph_of(m, NULL);
    assert_int_equal(count_ops(g, ORION_IR_OP_transpose), 0);
    assert_int_equal(count_ops(g, ORION_IR_OP_slice), 0);
    assert_int_equal(count_ops(g, ORION_IR_OP_attention), 2);
    assert_int_equal(count_ops(g, ORION_IR_OP_rope), 4);
    assert_int_equal(count_ops(g, ORION_IR_OP_rms_norm), 5);
    assert_int_equal(count_ops(g, ORION_IR_OP_linear), 2 * 7 + 1);
    assert_int_equal(count_ops(g, ORION_IR_OP_silu), 2);
    assert_int_equal(count_ops(g, ORION_IR_OP_slice_update), 4);
    assert_int_equal(count_ops(g, ORION_IR_OP_const), orion_train_model_parameter_count(m));
    orion_train_parameter p = {.size = sizeof p};
    assert_int_equal(orion_train_model_parameter(m, 0, &p), ORION_OK);
    assert_ptr_equal(orion_ir_node_data(orion_ir_graph_first(g), NULL), p.data);
    orion_train_model_unref(&m); /* the graph keeps the weights */
    assert_ptr_equal(orion_ir_node_data(orion_ir_graph_first(g), NULL), p.data);
    assert_true(isfinite(p.data[0]));
    orion_ir_graph_destroy(&g);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *part;
        orion_train_graph_options options;
    } cases[] = {
        {"kind 3", {.kind = 3}},
        {"kind", {.kind = UINT32_MAX}},
        {"batch is 2", {.batch = 2}},
        {"batch", {.kind = ORION_TRAIN_GRAPH_LOSS, .batch = (1u << 20) + 1}},
        {"context is 33", {.context = 33}},
        {"length is 33", {.length = 33}},
        {"length is 9, more than the context of 8", {.length = 9, .context = 8}},
        {"length is 33", {.kind = ORION_TRAIN_GRAPH_LOSS, .length = 33}},
        {"weights is 2", {.weights = 2}},
    };
    orion_diag *diag = NULL;
    orion_train_model *m = NULL;
    orion_train_model_config c = small_config();
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_train_model_create_random(&c, 1, NULL, diag, &m), diag);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        orion_train_graph_options o = cases[i].options;
        orion_ir_graph *g = (orion_ir_graph *)diag;
        o.size = sizeof o;
        orion_status status = orion_train_model_graph(m, &o, NULL, diag, &g);
        assert_null(g);
        assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, diag, ORION_MESSAGE_TRAIN_OPTION,
                       cases[i].part);
    }
    orion_train_model_unref(&m);
    orion_diag_destroy(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grouped_heads), cmocka_unit_test(test_untied_with_one_key_head),
        cmocka_unit_test(test_split_pairs),   cmocka_unit_test(test_shape),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
