/* SPDX-License-Identifier: MIT */
/* Hash and equality of structure; outlining, and inlining what was outlined. */
#include "graphs.h"
#include "random-graph.h"

#include <math.h>

enum { GRAPHS = 500, NODES = 32, LAYERS = 12 };

static uint64_t hash_of(const orion_ir_graph *g) {
    uint64_t hash = 0;
    assert_int_equal(orion_ir_graph_hash(g, &hash), ORION_OK);
    return hash;
}

/* Equality, which the hashes must agree with. */
static bool same_structure(const orion_ir_graph *a, const orion_ir_graph *b) {
    int equal = -1, back = -1;
    assert_int_equal(orion_ir_graph_equal(a, b, &equal), ORION_OK);
    assert_int_equal(orion_ir_graph_equal(b, a, &back), ORION_OK);
    assert_int_equal(equal, back);
    assert_int_equal(hash_of(a) == hash_of(b), equal);
    return equal == 1;
}

static void run(orion_ir_graph *g, const char *pipeline) {
    assert_int_equal(orion_ir_run_passes(g, pipeline, NULL, NULL, NULL), ORION_OK);
}

static bool same_bits(double a, double b) {
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

/* ---- structure ---- */

#define HEAD "oir 1\ngraph @g(%x: f32[2,3], %w: f32[2,3]) -> "
static const char original[] = HEAD "(%y, %z) {\n"
                                    "  %k = const [1, 2, 3] : f32[3]\n"
                                    "  %a = mul %x, %k : f32[2,3]\n"
                                    "  %b = reduce_sum %w {axes=[1], keep_dims=true} : f32[2,1]\n"
                                    "  %y = add %a, %b : f32[2,3]\n"
                                    "  %z = mul %a, %a : f32[2,3]\n"
                                    "}\n";

static void test_same_structure(void **state) {
    (void)state;
    static const char *const same[] = {
        /* other names, another order, a dead node */
        "oir 1\n"
        "graph @other(%p: f32[2,3], %q: f32[2,3]) -> (%r, %s) {\n"
        "  %0 = reduce_sum %q {axes=[-1], keep_dims=true} : f32[2,1]\n"
        "  %dead = relu %0 : f32[2,1]\n"
        "  %1 = const [1, 2, 3] : f32[3]\n"
        "  %2 = mul %p, %1 : f32[2,3]\n"
        "  %s = mul %2, %2 : f32[2,3]\n"
        "  %r = add %2, %0 : f32[2,3]\n"
        "}\n",
        /* a second constant, equal to the first, that is dead */
        HEAD "(%y, %z) {\n"
             "  %k2 = const [1, 2, 3] : f32[3]\n"
             "  %k = const [1, 2, 3] : f32[3]\n"
             "  %a = mul %x, %k2 : f32[2,3]\n"
             "  %b = reduce_sum %w {axes=[1], keep_dims=true} : f32[2,1]\n"
             "  %y = add %a, %b : f32[2,3]\n"
             "  %z = mul %a, %a : f32[2,3]\n"
             "}\n",
    };
    orion_ir_graph *g = graph_parse(original);
    assert_true(same_structure(g, g));
    for (size_t i = 0; i < ORN_COUNT(same); i++) {
        orion_ir_graph *other = graph_parse(same[i]);
        assert_true(same_structure(g, other));
        orion_ir_graph_destroy(&other);
    }
    orion_ir_graph_destroy(&g);
}

/* `original` with one text replaced by another. */
static void test_other_structure(void **state) {
    (void)state;
    static const char *const edits[][2] = {
        {"[1, 2, 3] : f32[3]", "[1, 2, 4] : f32[3]"},    /* contents */
        {"(%y, %z)", "(%z, %y)"},                        /* order of outputs */
        {"(%y, %z)", "(%y)"},                            /* number of outputs */
        {"(%y, %z)", "(%y, %k)"},                        /* a constant as an output */
        {"%x: f32[2,3], %w", "%w: f32[2,3], %x"},        /* order of inputs */
        {"%x: f32[2,3], ", "%x: f32[2,3], %v: f32[], "}, /* number of inputs */
        {"%y = add %a, %b", "%y = add %b, %a"},          /* order of operands */
        {"%y = add %a, %b", "%y = sub %a, %b"},          /* op */
        {"[1, 2, 3] : f32[3]", "[1, 2, 3] : f32[1,3]"},  /* type of a constant */
        {"%z = mul %a, %a", "%c = mul %x, %k : f32[2,3]\n  %z = mul %a, %c"}, /* sharing */
        {"%z = mul %a, %a", "%z = mul %a, %k"}, /* constant or value */
        {"reduce_sum %w {axes=[1], keep_dims=true} : f32[2,1]",
         "reduce_sum %w {axes=[0], keep_dims=true} : f32[1,3]"}, /* attribute */
    };
    orion_ir_graph *g = graph_parse(original);
    for (size_t i = 0; i < ORN_COUNT(edits); i++) {
        char text[1024];
        const char *at = strstr(original, edits[i][0]);
        assert_non_null(at);
        snprintf(text, sizeof text, "%.*s%s%s", (int)(at - original), original, edits[i][1],
                 at + strlen(edits[i][0]));
        orion_ir_graph *other = graph_parse(text);
        if (same_structure(g, other)) fail_msg("\"%s\" makes no difference", edits[i][1]);
        orion_ir_graph_destroy(&other);
    }
    orion_ir_graph_destroy(&g);
}

/* Put the nodes into another valid order: the last ones that can go there first. */
static void reorder(orion_ir_graph *g) {
    orion_ir_node *reversed = NULL;
    for (orion_ir_node *n = g->first, *next; n != NULL; n = next) {
        next = n->next;
        n->next = reversed;
        if (reversed != NULL) reversed->prev = n;
        n->prev = NULL;
        reversed = n;
    }
    g->last = g->first;
    g->first = reversed;
    assert_int_equal(ir_sort(g), ORION_OK);
    assert_graph_valid(g);
}

static void test_structure_of_random_graphs(void **state) {
    (void)state;
    orion_ir_graph *before = NULL;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        orion_ir_graph *g = NULL;
        char *text = graph_text(r.graph);
        orion_ir_graph *parsed = graph_parse(text);
        free(text);
        assert_int_equal(orion_ir_graph_clone(r.graph, NULL, &g), ORION_OK);
        reorder(g);
        assert_true(same_structure(r.graph, g));
        assert_true(same_structure(r.graph, parsed));
        run(g, "dce");
        assert_true(same_structure(r.graph, g));
        if (before != NULL) assert_false(same_structure(before, g));
        orion_ir_graph_destroy(&before);
        orion_ir_graph_destroy(&parsed);
        orion_ir_graph_destroy(&r.graph);
        before = g;
    }
    orion_ir_graph_destroy(&before);
}

/* ---- outlining ---- */

static orion_ir_outline *outline(const orion_ir_graph *g, size_t min_nodes) {
    orion_ir_outline_options options = {sizeof options, min_nodes};
    orion_ir_outline *o = NULL;
    assert_int_equal(orion_ir_outline_create(g, &options, NULL, &o), ORION_OK);
    return o;
}

static size_t calls_of(const orion_ir_outline *o, size_t part) {
    size_t calls = 0;
    for (size_t c = 0; c < orion_ir_outline_call_count(o); c++) {
        calls += orion_ir_outline_call_part(o, c) == part;
    }
    return calls;
}

/* The part that is called so often; there must be just one. */
static size_t part_called(const orion_ir_outline *o, size_t calls) {
    size_t found = SIZE_MAX;
    for (size_t p = 0; p < orion_ir_outline_part_count(o); p++) {
        if (calls_of(o, p) != calls) continue;
        assert_int_equal(found, SIZE_MAX);
        found = p;
    }
    assert_int_not_equal(found, SIZE_MAX);
    return found;
}

/* One call, with f64 values by value id of the whole graph; outputs are allocated. */
static void run_call(const orion_ir_outline *o, size_t c, double **values) {
    const orion_ir_graph *part = orion_ir_outline_part(o, orion_ir_outline_call_part(o, c));
    op_buffers in = op_inputs_of(part), out;
    for (size_t i = 0; i < in.count; i++) {
        uint32_t v = orion_ir_outline_call_input(o, c, i).id;
        assert_non_null(values[v]);
        memcpy(in.data[i], values[v], in.elements[i] * sizeof(double));
    }
    out = op_eval(part, ORION_IR_EVAL_ROUNDED, &in);
    for (size_t i = 0; i < out.count; i++) {
        double **value = &values[orion_ir_outline_call_output(o, c, i).id];
        assert_null(*value);
        *value = malloc(out.elements[i] * sizeof(double) + 1);
        assert_non_null(*value);
        memcpy(*value, out.data[i], out.elements[i] * sizeof(double));
    }
    op_buffers_free(&in);
    op_buffers_free(&out);
}

static double *constant_value(const orion_ir_graph *g, const orion_ir_node *n) {
    const orion_ir_type *type = &ir_val(g, n->out)->type;
    size_t elements = (size_t)orion_ir_type_elements(type);
    double *data = malloc(elements * sizeof *data + 1);
    assert_non_null(data);
    for (size_t i = 0; i < elements; i++) {
        data[i] = ir_load((orion_ir_dtype)type->dtype, orion_ir_node_data(n, NULL), i);
    }
    return data;
}

/* Running the calls in order computes what the graph does. */
static void assert_calls_compute(const orion_ir_outline *o, const op_buffers *in) {
    const orion_ir_graph *whole = orion_ir_outline_graph(o);
    op_buffers want = op_eval(whole, ORION_IR_EVAL_ROUNDED, in);
    double **values = calloc(whole->value_count, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < in->count; i++) {
        double *copy = malloc(in->elements[i] * sizeof *copy + 1);
        assert_non_null(copy);
        memcpy(copy, in->data[i], in->elements[i] * sizeof *copy);
        values[whole->inputs[i]] = copy;
    }
    ir_foreach_node (whole, n) {
        if (n->op == ORION_IR_OP_const) values[n->out] = constant_value(whole, n);
    }
    for (size_t c = 0; c < orion_ir_outline_call_count(o); c++) run_call(o, c, values);
    for (size_t i = 0; i < want.count; i++) {
        /* An input that is an output is rounded to its dtype by no call. */
        if (ir_def(whole, whole->outputs[i].value) == NULL) continue;
        const double *got = values[whole->outputs[i].value];
        for (size_t k = 0; k < want.elements[i]; k++) {
            assert_true(same_bits(got[k], want.data[i][k]));
        }
    }
    for (size_t id = 0; id < whole->value_count; id++) free(values[id]);
    free(values);
    op_buffers_free(&want);
}

/* All that holds for any outline of any graph. */
static void check_outline(const orion_ir_outline *o, const orion_ir_graph *g) {
    orion_ir_graph *back = NULL;
    orion_diag *diag = NULL;
    size_t nodes = 0;
    for (size_t p = 0; p < orion_ir_outline_part_count(o); p++) {
        const orion_ir_graph *part = orion_ir_outline_part(o, p);
        assert_graph_valid(part);
        assert_round_trip(part);
        assert_true(calls_of(o, p) >= 1);
        ir_foreach_node (part, n) {
            if (n->op != ORION_IR_OP_const) nodes += calls_of(o, p);
        }
    }
    ir_foreach_node (orion_ir_outline_graph(o), n) nodes -= n->op != ORION_IR_OP_const;
    assert_int_equal(nodes, 0);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_outline_inline(o, NULL, diag, &back), diag);
    assert_true(same_structure(g, back));
    assert_round_trip(back);
    for (size_t i = 0; i < g->output_count; i++) {
        assert_string_equal(back->outputs[i].name, g->outputs[i].name);
    }
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&back);
}

static void test_outlines_of_random_graphs(void **state) {
    (void)state;
    static const size_t least[] = {1, 2, 8};
    size_t repeated = 0;
    for (uint64_t seed = 0; seed < GRAPHS; seed++) {
        random_graph r = random_graph_make(seed, NODES, 0);
        op_buffers in = random_graph_inputs(&r, seed);
        for (size_t i = 0; i < ORN_COUNT(least); i++) {
            orion_ir_outline *o = outline(r.graph, least[i]);
            check_outline(o, r.graph);
            assert_calls_compute(o, &in);
            repeated += orion_ir_outline_call_count(o) > orion_ir_outline_part_count(o);
            orion_ir_outline_destroy(&o);
        }
        op_buffers_free(&in);
        orion_ir_graph_destroy(&r.graph);
    }
    assert_true(repeated > GRAPHS / 4);
}

/* ---- layers ---- */

enum { ROWS = 3, WIDTH = 8, HEADS = 2, HIDDEN = 12, VOCABULARY = 10 };

typedef struct weights {
    orion_ir_builder *b;
    bool constant;
    uint64_t state;
    size_t count;
} weights;

/* A weight: an input or a constant of random numbers. */
static orion_ir_value weight(weights *w, int64_t rows, int64_t columns) {
    const int64_t dims[] = {rows, columns};
    bool vector = rows == 0;
    orion_ir_type type = orion_ir_type_make(ORION_IR_F32, vector ? 1 : 2, vector ? dims + 1 : dims);
    float data[WIDTH * HIDDEN];
    char name[24];
    if (!w->constant) {
        snprintf(name, sizeof name, "w%zu", w->count++);
        return orion_ir_input(w->b, name, type);
    }
    for (size_t i = 0; i < orion_ir_type_bytes(&type) / sizeof *data; i++) {
        data[i] = (float)test_random_unit(&w->state) / 3;
    }
    return orion_ir_constant(w->b, type, data, orion_ir_type_bytes(&type));
}

static orion_ir_value heads(weights *w, orion_ir_value x) {
    const int64_t split[] = {1, ROWS, HEADS, WIDTH / HEADS}, swap[] = {0, 2, 1, 3};
    orion_ir_value y = orion_ir_linear(w->b, x, weight(w, WIDTH, WIDTH));
    return orion_ir_transpose(w->b, orion_ir_reshape(w->b, y, split, 4), swap, 4);
}

static orion_ir_value attend(weights *w, orion_ir_value x, orion_ir_value position) {
    const int64_t swap[] = {0, 2, 1, 3}, join[] = {ROWS, WIDTH};
    orion_ir_value y = orion_ir_rms_norm(w->b, x, weight(w, 0, WIDTH), 1e-5);
    orion_ir_value q = orion_ir_rope(w->b, heads(w, y), position, 10000, 0);
    orion_ir_value k = orion_ir_rope(w->b, heads(w, y), position, 10000, 0);
    orion_ir_value v = heads(w, y);
    y = orion_ir_attention(w->b, q, k, v, position, 0);
    y = orion_ir_reshape(w->b, orion_ir_transpose(w->b, y, swap, 4), join, 2);
    y = orion_ir_linear(w->b, y, weight(w, WIDTH, WIDTH));
    return orion_ir_add(w->b, x, y);
}

static orion_ir_value feed_forward(weights *w, orion_ir_value x) {
    orion_ir_value y = orion_ir_rms_norm(w->b, x, weight(w, 0, WIDTH), 1e-5);
    orion_ir_value gate = orion_ir_linear(w->b, y, weight(w, HIDDEN, WIDTH));
    orion_ir_value up = orion_ir_linear(w->b, y, weight(w, HIDDEN, WIDTH));
    gate = orion_ir_silu(w->b, gate);
    y = orion_ir_linear(w->b, orion_ir_mul(w->b, gate, up), weight(w, WIDTH, HIDDEN));
    return orion_ir_add(w->b, x, y);
}

/* A Llama with its loss. */
static orion_ir_graph *transformer(int layers, bool constant) {
    weights w = {.constant = constant, .state = 7};
    orion_ir_graph *g = NULL;
    orion_diag *diag = NULL;
    const int64_t rows[] = {ROWS};
    orion_ir_type ids = orion_ir_type_make(ORION_IR_I32, 1, rows);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_builder_create("transformer", NULL, &w.b), ORION_OK);
    orion_ir_value tokens = orion_ir_input(w.b, "tokens", ids);
    orion_ir_value targets = orion_ir_input(w.b, "targets", ids);
    orion_ir_value position = orion_ir_input(w.b, "position", ids);
    orion_ir_value x = orion_ir_embedding(w.b, tokens, weight(&w, VOCABULARY, WIDTH));
    for (int i = 0; i < layers; i++) x = feed_forward(&w, attend(&w, x, position));
    x = orion_ir_rms_norm(w.b, x, weight(&w, 0, WIDTH), 1e-5);
    x = orion_ir_linear(w.b, x, weight(&w, VOCABULARY, WIDTH));
    orion_ir_output(w.b, "loss", orion_ir_cross_entropy(w.b, x, targets));
    assert_ok(orion_ir_builder_finish(&w.b, diag, &g), diag);
    orion_diag_destroy(&diag);
    return g;
}

static op_buffers transformer_inputs(const orion_ir_graph *g) {
    op_buffers in = op_inputs_of(g);
    uint64_t state = 11;
    for (size_t i = 0; i < in.count; i++) {
        for (size_t k = 0; k < in.elements[i]; k++) {
            bool index = ir_val(g, g->inputs[i])->type.dtype == ORION_IR_I32;
            in.data[i][k] = index ? (double)k : (float)test_random_unit(&state) / 3;
        }
    }
    return in;
}

static size_t nodes_without_constants(const orion_ir_graph *g) {
    size_t nodes = 0;
    ir_foreach_node (g, n) nodes += n->op != ORION_IR_OP_const;
    return nodes;
}

static void check_transformer(const orion_ir_graph *g, const orion_ir_outline *o) {
    op_buffers in = transformer_inputs(g);
    check_outline(o, g);
    assert_calls_compute(o, &in);
    op_buffers_free(&in);
}

/* Twelve layers whose weights differ: the embedding, one layer twelve times, the head. */
static void test_layers(void **state) {
    (void)state;
    for (int constant = 0; constant <= 1; constant++) {
        orion_ir_graph *g = transformer(LAYERS, constant == 1);
        orion_ir_outline *o = outline(g, 0);
        assert_int_equal(orion_ir_outline_part_count(o), 3);
        assert_int_equal(orion_ir_outline_call_count(o), LAYERS + 2);
        size_t part = part_called(o, LAYERS);
        const orion_ir_graph *layer = orion_ir_outline_part(o, part);
        /* 9 weights, position, and what the layer before gives */
        assert_int_equal(orion_ir_graph_input_count(layer), 11);
        assert_int_equal(orion_ir_graph_output_count(layer), 1);
        assert_int_equal(orion_ir_graph_node_count(layer), 24);
        check_transformer(g, o);
        orion_ir_outline_destroy(&o);
        orion_ir_graph_destroy(&g);
    }
}

static size_t nodes_in_layers(const orion_ir_outline *o, size_t least_calls) {
    size_t nodes = 0;
    for (size_t p = 0; p < orion_ir_outline_part_count(o); p++) {
        size_t calls = calls_of(o, p);
        if (calls < least_calls) continue;
        nodes += calls * nodes_without_constants(orion_ir_outline_part(o, p));
    }
    return nodes;
}

/*
 * Its gradient: the forward half of a layer twelve times, and the backward half twelve times. After
 * "default" the first layer also computes what all others use, and is another one.
 */
static void test_layers_of_a_gradient(void **state) {
    (void)state;
    orion_ir_graph *g = transformer(LAYERS, false), *gradient = NULL;
    assert_int_equal(orion_ir_grad(g, NULL, NULL, NULL, &gradient), ORION_OK);
    orion_ir_outline *o = outline(gradient, 0);
    assert_int_equal(orion_ir_outline_part_count(o), 5);
    assert_int_equal(orion_ir_outline_call_count(o), 2 * LAYERS + 3);
    assert_true(nodes_in_layers(o, LAYERS) * 100 > nodes_without_constants(gradient) * 95);
    check_transformer(gradient, o);
    orion_ir_outline_destroy(&o);
    run(gradient, "default");
    o = outline(gradient, 0);
    assert_true(nodes_in_layers(o, LAYERS - 1) * 100 > nodes_without_constants(gradient) * 90);
    check_transformer(gradient, o);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&gradient);
    orion_ir_graph_destroy(&g);
}

/* ---- what becomes an input of a part ---- */

/* A constant that is equal in all calls is in the part; one that differs is an input. */
static void test_constants(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2]) -> (%y) {\n"
                                    "  %two = const [2, 2] : f32[2]\n"
                                    "  %too = const [2, 2] : f32[2]\n"
                                    "  %k = const [3, 4] : f32[2]\n"
                                    "  %l = const [5, 6] : f32[2]\n"
                                    "  %a = mul %x, %two : f32[2]\n"
                                    "  %b = add %a, %k : f32[2]\n"
                                    "  %c = tanh %b : f32[2]\n"
                                    "  %d = mul %c, %too : f32[2]\n"
                                    "  %e = add %d, %l : f32[2]\n"
                                    "  %y = tanh %e : f32[2]\n"
                                    "}\n");
    orion_ir_outline *o = outline(g, 3);
    assert_int_equal(orion_ir_outline_part_count(o), 1);
    char *text = graph_text(orion_ir_outline_part(o, 0));
    assert_string_equal(text, "oir 1\n"
                              "graph @part0(%in0: f32[2], %in1: f32[2]) -> (%out0) {\n"
                              "  %0 = const 2 : f32[2]\n"
                              "  %1 = mul %in0, %0 : f32[2]\n"
                              "  %2 = add %1, %in1 : f32[2]\n"
                              "  %out0 = tanh %2 : f32[2]\n"
                              "}\n");
    static const char *const values[2][3] = {{"x", "k", "c"}, {"c", "l", "y"}};
    const orion_ir_graph *whole = orion_ir_outline_graph(o);
    assert_int_equal(orion_ir_outline_call_count(o), 2);
    for (size_t c = 0; c < 2; c++) {
        const orion_ir_value named[] = {orion_ir_outline_call_input(o, c, 0),
                                        orion_ir_outline_call_input(o, c, 1),
                                        orion_ir_outline_call_output(o, c, 0)};
        for (size_t i = 0; i < 3; i++) {
            assert_string_equal(orion_ir_value_name(whole, named[i]), values[c][i]);
            assert_string_equal(orion_ir_value_name(g, named[i]), values[c][i]);
        }
    }
    free(text);
    check_outline(o, g);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&g);
}

/* Two operands that are one value in one call and two in another are two inputs. */
static void test_operands_that_meet(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2], %z: f32[2]) -> (%y) {\n"
                                    "  %a = mul %x, %x : f32[2]\n"
                                    "  %b = sub %a, %z : f32[2]\n"
                                    "  %c = mul %x, %b : f32[2]\n"
                                    "  %y = sub %c, %z : f32[2]\n"
                                    "}\n");
    orion_ir_outline *o = outline(g, 2);
    assert_int_equal(orion_ir_outline_part_count(o), 1);
    assert_int_equal(orion_ir_graph_input_count(orion_ir_outline_part(o, 0)), 3);
    assert_int_equal(orion_ir_outline_call_input(o, 0, 0).id, ir_find_name(g, "x", 1));
    assert_int_equal(orion_ir_outline_call_input(o, 0, 1).id, ir_find_name(g, "x", 1));
    assert_int_equal(orion_ir_outline_call_input(o, 1, 1).id, ir_find_name(g, "b", 1));
    check_outline(o, g);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&g);
}

/* Same ops, but wired otherwise inside: not the same. */
static void test_other_wiring(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2]) -> (%y) {\n"
                                    "  %a = exp %x : f32[2]\n"
                                    "  %b = exp %a : f32[2]\n"
                                    "  %c = mul %a, %b : f32[2]\n"
                                    "  %d = exp %c : f32[2]\n"
                                    "  %e = exp %c : f32[2]\n"
                                    "  %y = mul %d, %e : f32[2]\n"
                                    "}\n");
    orion_ir_outline *o = outline(g, 3);
    assert_int_equal(orion_ir_outline_part_count(o), 1);
    assert_int_equal(orion_ir_outline_call_count(o), 1);
    check_outline(o, g);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&g);
}

static void test_chain(void **state) {
    (void)state;
    enum { LENGTH = 5000 };
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL;
    const int64_t n = 2;
    assert_int_equal(orion_ir_builder_create("chain", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 1, &n));
    for (int i = 0; i < LENGTH; i++) x = orion_ir_tanh(b, x);
    orion_ir_output(b, "y", x);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    orion_ir_outline *o = outline(g, 0);
    assert_int_equal(orion_ir_outline_part_count(o), 1);
    assert_int_equal(orion_ir_outline_call_count(o), LENGTH / 8);
    check_outline(o, g);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&g);
}

/* Inputs and constants as outputs, and nothing to call. */
static void test_nothing_to_call(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2], %unused: i32[]) -> (%x, %k) {\n"
                                    "  %k = const [3, 4] : f32[2]\n"
                                    "  %dead = exp %x : f32[2]\n"
                                    "}\n");
    orion_ir_outline *o = outline(g, 0);
    assert_int_equal(orion_ir_outline_part_count(o), 0);
    assert_int_equal(orion_ir_outline_call_count(o), 0);
    assert_null(orion_ir_outline_part(o, 0));
    assert_int_equal(orion_ir_outline_call_part(o, 0), 0);
    assert_int_equal(orion_ir_outline_call_input(o, 0, 0).id, 0);
    assert_int_equal(orion_ir_outline_call_output(o, 0, 0).id, 0);
    check_outline(o, g);
    orion_ir_outline_destroy(&o);
    orion_ir_outline_destroy(&o);
    orion_ir_outline_destroy(NULL);
    orion_ir_graph_destroy(&g);
}

/* ---- parts that are rewritten ---- */

/* A part optimised once is optimised in all its calls. */
static void test_rewritten_part(void **state) {
    (void)state;
    orion_ir_graph *g = transformer(LAYERS, true), *back = NULL, *want = NULL;
    orion_ir_outline *o = outline(g, 0);
    for (size_t p = 0; p < orion_ir_outline_part_count(o); p++) {
        run(orion_ir_outline_part(o, p), "decompose,default");
    }
    assert_int_equal(orion_ir_outline_inline(o, NULL, NULL, &back), ORION_OK);
    assert_int_equal(orion_ir_graph_clone(g, NULL, &want), ORION_OK);
    run(want, "decompose");
    run(back, "decompose"); /* only core ops are left */
    assert_false(same_structure(g, back));
    op_buffers in = transformer_inputs(g);
    op_buffers a = op_eval(want, ORION_IR_EVAL_ROUNDED, &in);
    op_buffers b = op_eval(back, ORION_IR_EVAL_ROUNDED, &in);
    assert_true(same_bits(a.data[0][0], b.data[0][0]));
    assert_true(orion_ir_graph_node_count(back) < orion_ir_graph_node_count(want));
    op_buffers_free(&in);
    op_buffers_free(&a);
    op_buffers_free(&b);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&want);
    orion_ir_graph_destroy(&back);
    orion_ir_graph_destroy(&g);
}

static void test_part_with_other_ports(void **state) {
    (void)state;
    orion_ir_graph *g = transformer(LAYERS, true), *back = NULL;
    orion_ir_outline *o = outline(g, 0);
    orion_ir_graph *layer = orion_ir_outline_part(o, part_called(o, LAYERS));
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    size_t inputs = layer->input_count;
    uint32_t last = layer->inputs[0], id = 0;
    assert_int_equal(ir_add_input(layer, "more", 4, ir_val(layer, last)->type, &id), ORION_OK);
    assert_int_equal(orion_ir_outline_inline(o, NULL, diag, &back), ORION_ERROR_INVALID_ARGUMENT);
    assert_null(back);
    assert_diag(diag, ORION_MESSAGE_IR_OUTLINE, "no longer has the inputs");
    layer->input_count = inputs; /* and now not valid: a value nobody makes */
    assert_int_equal(orion_ir_outline_inline(o, NULL, NULL, &back), ORION_ERROR_VERIFY);
    orion_diag_destroy(&diag);
    orion_ir_outline_destroy(&o);
    orion_ir_graph_destroy(&g);
}

static void test_options(void **state) {
    (void)state;
    struct {
        orion_ir_outline_options known;
        uint64_t news;
    } newer = {.known = {.size = sizeof newer}, .news = 1};
    orion_ir_graph *g = graph_parse(original);
    orion_ir_outline *o = NULL;
    assert_int_equal(orion_ir_outline_create(g, &newer.known, NULL, &o), ORION_ERROR_ABI);
    assert_null(o);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_structure),
        cmocka_unit_test(test_other_structure),
        cmocka_unit_test(test_structure_of_random_graphs),
        cmocka_unit_test(test_outlines_of_random_graphs),
        cmocka_unit_test(test_layers),
        cmocka_unit_test(test_layers_of_a_gradient),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_operands_that_meet),
        cmocka_unit_test(test_other_wiring),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_nothing_to_call),
        cmocka_unit_test(test_rewritten_part),
        cmocka_unit_test(test_part_with_other_ports),
        cmocka_unit_test(test_options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
