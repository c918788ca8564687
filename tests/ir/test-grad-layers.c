/* SPDX-License-Identifier: MIT */
/*
 * Whole layers of Llama, GPT-2 and Qwen3 with embedding, logits and loss: loss, logits and the
 * gradient of every parameter against figures recorded with PyTorch, and against finite
 * differences.
 */
#include "grad-support.h"
#include "graphs.h"

#include <math.h>

enum { IGNORED_ROW = 3 };

/* The file NAME-layer.SUFFIX; free() it. */
static char *layer_file(const char *name, const char *suffix) {
    char path[64];
    size_t size;
    snprintf(path, sizeof path, "ir/data/%s-layer.%s", name, suffix);
    return test_read_file(test_source(path), &size);
}

static orion_ir_graph *layer(const char *name) {
    char *text = layer_file(name, "oir");
    orion_ir_graph *g = graph_parse(text);
    free(text);
    return g;
}

/* Inputs as record-layers.py draws them. */
static op_buffers layer_inputs(const orion_ir_graph *g) {
    op_buffers in = op_inputs_of(g);
    uint64_t state = 1;
    for (size_t i = 0; i < in.count; i++) {
        const ir_value *v = ir_val(g, g->inputs[i]);
        for (size_t j = 0; j < in.elements[i]; j++) {
            double *x = &in.data[i][j];
            if (strcmp(v->name, "position") == 0) {
                *x = (double)j;
            } else if (v->type.dtype == ORION_IR_I32) {
                *x = (double)(test_random(&state) % 13);
            } else {
                double u = test_random_unit(&state);
                *x = v->type.rank == 1 ? 1 + u / 4 : u / 2;
            }
        }
        if (strcmp(v->name, "targets") == 0) in.data[i][IGNORED_ROW] = -100;
    }
    return in;
}

/* The next number of a text of figures. */
static double next_number(const char **at) {
    double v = 0;
    *at += strspn(*at, " \n");
    size_t length = strcspn(*at, " \n");
    assert_true(orn_parse_f64(*at, length, &v));
    *at += length;
    return v;
}

/* Hold each record "name count numbers" of the figures to the output of that name. The tolerance
 * is relative to the largest number of a record, for what a sum nearly cancels has no figures of
 * its own. */
static size_t check_figures(const char *text, const orion_ir_graph *g, const op_buffers *out,
                            double relative) {
    size_t records = 0;
    const char *at = text + strcspn(text, "\n"); /* behind the comment */
    for (at += strspn(at, " \n"); *at != '\0'; at += strspn(at, " \n"), records++) {
        char name[64];
        size_t length = strcspn(at, " ");
        assert_in_range(length, 1, sizeof name - 1);
        memcpy(name, at, length);
        name[length] = '\0';
        at += length;
        size_t output = output_at(g, name), count = (size_t)next_number(&at);
        assert_int_equal(count, out->elements[output]);
        double *want = malloc(count * sizeof *want);
        assert_non_null(want);
        double largest = 0;
        for (size_t i = 0; i < count; i++) {
            want[i] = next_number(&at);
            largest = fmax(largest, fabs(want[i]));
        }
        print_message("%s\n", name);
        assert_doubles_near(out->data[output], want, count, relative * largest, 0);
        free(want);
    }
    return records;
}

static void check_mode(const char *name, const char *pipeline, orion_ir_eval_mode mode,
                       double relative) {
    char *figures = layer_file(name, "txt");
    orion_ir_graph *g = layer(name), *grad = grad_graph(g, NULL);
    assert_int_equal(orion_ir_run_passes(grad, pipeline, NULL, NULL, NULL), ORION_OK);
    op_buffers in = layer_inputs(g), out = op_eval(grad, mode, &in);
    assert_int_equal(check_figures(figures, grad, &out, relative), out.count);
    free(figures);
    op_buffers_free(&in);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&grad);
}

static void test_pytorch(void **state) {
    check_mode(*state, "", ORION_IR_EVAL_EXACT, 1e-7);
}

/* With every value rounded to f32. */
static void test_pytorch_f32(void **state) {
    check_mode(*state, "", ORION_IR_EVAL_ROUNDED, 1e-5);
}

/* After rewriting. Folded frequencies of rope are f32 numbers. */
static void test_pytorch_after_passes(void **state) {
    check_mode(*state, "default", ORION_IR_EVAL_EXACT, 1e-7);
    check_mode(*state, "decompose,default", ORION_IR_EVAL_EXACT, 1e-6);
    check_mode(*state, "decompose,default", ORION_IR_EVAL_ROUNDED, 1e-5);
}

static void test_differences(void **state) {
    orion_ir_graph *g = layer(*state);
    op_buffers in = layer_inputs(g);
    check_gradients(g, NULL, &in);
    op_buffers_free(&in);
    orion_ir_graph_destroy(&g);
}

/* What a training step needs stays whole, and nothing of the size of the scores is made in vain. */
static void test_shape_of_the_gradient(void **state) {
    (void)state;
    orion_ir_graph *g = layer("llama"), *grad = grad_graph(g, NULL);
    size_t counts[128] = {0}, scores = 0, tables = 0;
    const int64_t score_elements = 2 * 4 * 5 * 5, table_elements = 13 * 16;
    ir_foreach_node (grad, n) {
        int64_t elements = orion_ir_type_elements(&ir_val(grad, n->out)->type);
        bool moves = n->op == ORION_IR_OP_reshape || n->op == ORION_IR_OP_const;
        counts[n->op]++;
        if (n->op == ORION_IR_OP_reshape) {
            assert_false(
                orion_ir_type_equal(&ir_val(grad, n->in[0])->type, &ir_val(grad, n->out)->type));
        }
        scores += elements == score_elements && !moves;
        tables += elements == table_elements && !moves;
    }
    assert_int_equal(counts[ORION_IR_OP_rms_norm], 3);
    assert_int_equal(counts[ORION_IR_OP_linear], 8);
    assert_int_equal(counts[ORION_IR_OP_silu], 1);
    assert_int_equal(counts[ORION_IR_OP_embedding], 1);
    assert_int_equal(counts[ORION_IR_OP_cross_entropy], 1);
    assert_int_equal(counts[ORION_IR_OP_attention], 0);
    assert_int_equal(counts[ORION_IR_OP_rope], 4);
    assert_int_equal(counts[ORION_IR_OP_softmax], 2); /* of the attention, of the loss */
    /* Two of each linear, two forward and four backward in attention. */
    assert_int_equal(counts[ORION_IR_OP_matmul], 16 + 6);
    /* Forward: product, mask, softmax. Backward: product, its product with the weights, difference,
     * product with the weights, mask. */
    assert_int_equal(scores, 3 + 5);
    assert_int_equal(tables, 2); /* the product of the output layer; the rows added to it */
    assert_int_equal(counts[ORION_IR_OP_tile], 0);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&grad);
}

#define LAYER(test, layer)                                                                         \
    { #test " " layer, test, NULL, NULL, (void *)(uintptr_t)(layer) }
#define LAYERS(test) LAYER(test, "llama"), LAYER(test, "gpt2"), LAYER(test, "qwen3")

int main(void) {
    const struct CMUnitTest tests[] = {
        LAYERS(test_pytorch),
        LAYERS(test_pytorch_f32),
        LAYERS(test_pytorch_after_passes),
        LAYERS(test_differences),
        cmocka_unit_test(test_shape_of_the_gradient),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
