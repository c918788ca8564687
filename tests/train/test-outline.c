/* SPDX-License-Identifier: MIT */
/* The graphs of a model, and their gradients, as calls of one layer. */
#include "train-support.h"
#include "util/util.h"

enum { LAYERS = 12 };

/* A model whose weights differ from layer to layer. */
static orion_train_model *make_model(void) {
    orion_train_model *model = NULL;
    const orion_train_model_config *config =
        orion_train_model_config(.dim = 32, .layers = LAYERS, .heads = 4, .kv_heads = 2,
                                 .vocab = 40, .context = 16);
    assert_int_equal(orion_train_model_create_random(config, 1, NULL, NULL, &model), ORION_OK);
    return model;
}

static orion_ir_graph *make_graph(const orion_train_model *model, orion_train_graph_kind kind,
                                  uint32_t weights) {
    orion_ir_graph *g = NULL;
    /* The last layer of a longer decoding step computes the last row alone, and is another one. */
    uint32_t length = kind == ORION_TRAIN_GRAPH_DECODE ? 1 : 3;
    const orion_train_graph_options *options =
        orion_train_graph_options(.kind = (uint32_t)kind, .length = length, .weights = weights);
    assert_int_equal(orion_train_model_graph(model, options, NULL, NULL, &g), ORION_OK);
    return g;
}

/* Of so many parts, these are called once for each layer, the others once; and inlining gives the
 * graph back. */
static void check_layers(const orion_ir_graph *g, size_t parts, size_t repeated_parts) {
    orion_ir_outline *o = NULL;
    orion_ir_graph *back = NULL;
    int equal = 0;
    assert_int_equal(orion_ir_outline_create(g, NULL, NULL, &o), ORION_OK);
    assert_int_equal(orion_ir_outline_part_count(o), parts);
    size_t others = parts - repeated_parts;
    assert_int_equal(orion_ir_outline_call_count(o), repeated_parts * LAYERS + others);
    for (size_t p = 0; p < parts; p++) {
        size_t calls = 0;
        for (size_t c = 0; c < orion_ir_outline_call_count(o); c++) {
            calls += orion_ir_outline_call_part(o, c) == p;
        }
        assert_true(calls == 1 || calls == LAYERS);
    }
    assert_int_equal(orion_ir_outline_inline(o, NULL, NULL, &back), ORION_OK);
    assert_int_equal(orion_ir_graph_equal(g, back, &equal), ORION_OK);
    assert_int_equal(equal, 1);
    orion_ir_graph_destroy(&back);
    orion_ir_outline_destroy(&o);
}

/* What is in front of the layers, a layer twelve times, what is behind. */
static void test_forward(void **state) {
    (void)state;
    static const orion_train_graph_kind kinds[] = {ORION_TRAIN_GRAPH_DECODE, ORION_TRAIN_GRAPH_LOSS,
                                                   ORION_TRAIN_GRAPH_LOGITS};
    orion_train_model *model = make_model();
    for (size_t i = 0; i < ORN_COUNT(kinds); i++) {
        for (uint32_t weights = 0; weights <= 1; weights++) {
            orion_ir_graph *g = make_graph(model, kinds[i], weights);
            check_layers(g, 3, 1);
            orion_ir_graph_destroy(&g);
        }
    }
    orion_train_model_unref(&model);
}

/* The forward half of a layer twelve times, the loss, the backward half twelve times; before passes
 * and after them. */
static void test_gradient(void **state) {
    (void)state;
    static const char *const pipelines[] = {"", "default", "decompose,default"};
    orion_train_model *model = make_model();
    orion_ir_graph *g = make_graph(model, ORION_TRAIN_GRAPH_LOSS, 1), *gradient = NULL;
    assert_int_equal(orion_ir_grad(g, NULL, NULL, NULL, &gradient), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(pipelines); i++) {
        assert_int_equal(orion_ir_run_passes(gradient, pipelines[i], NULL, NULL, NULL), ORION_OK);
        check_layers(gradient, 5, 2);
    }
    orion_ir_graph_destroy(&gradient);
    orion_ir_graph_destroy(&g);
    orion_train_model_unref(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
