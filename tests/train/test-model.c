/* SPDX-License-Identifier: MIT */
/* Descriptions and their limits, parameters, random weights. */
#include "train-support.h"

#include <math.h>

static orion_diag *new_diag(void) {
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    return diag;
}

static orion_train_model_config config_of(const orion_train_model *m) {
    orion_train_model_config c = {.size = sizeof c};
    assert_int_equal(orion_train_model_get_config(m, &c), ORION_OK);
    return c;
}

static orion_train_parameter parameter_of(const orion_train_model *m, size_t i) {
    orion_train_parameter p = {.size = sizeof p};
    assert_int_equal(orion_train_model_parameter(m, i, &p), ORION_OK);
    return p;
}

static void test_defaults(void **state) {
    (void)state;
    orion_train_model *m = random_model(NULL, 1);
    orion_train_model_config c = config_of(m);
    assert_int_equal(c.dim, 128);
    assert_int_equal(c.hidden, 352);
    assert_int_equal(c.layers, 4);
    assert_int_equal(c.heads, 4);
    assert_int_equal(c.kv_heads, 4);
    assert_int_equal(c.vocab, ORION_TRAIN_BYTE_VOCAB);
    assert_int_equal(c.context, 256);
    assert_int_equal(c.untied, 0);
    assert_int_equal(c.rope_split, 0);
    assert_true(c.rope_theta == 10000);
    assert_true(c.norm_epsilon == 1e-5);
    orion_train_model_unref(&m);
    m = random_model(orion_train_model_config(.dim = 64, .layers = 1), 1);
    c = config_of(m);
    assert_int_equal(c.heads, 2);
    assert_int_equal(c.hidden, 176);
    orion_train_model_unref(&m);
    m = random_model(orion_train_model_config(.dim = 40, .layers = 1, .hidden = 8), 1);
    assert_int_equal(config_of(m).heads, 4);
    orion_train_model_unref(&m);
}

static void test_limits(void **state) {
    (void)state;
    orion_diag *diag = new_diag();
    const struct {
        const char *field;
        orion_train_model_config config;
    } cases[] = {
        {"dim", {.dim = 1}},
        {"dim", {.dim = 65538}},
        {"hidden", {.hidden = (1u << 20) + 1}},
        {"layers", {.layers = 1025}},
        {"heads", {.heads = 4097}},
        {"kv_heads", {.kv_heads = 4097}},
        {"vocab", {.vocab = 1}},
        {"vocab", {.vocab = (1u << 24) + 1}},
        {"context", {.context = 1}},
        {"context", {.context = (1u << 20) + 1}},
        {"untied", {.untied = 2}},
        {"rope_split", {.rope_split = 2}},
        {"heads", {.heads = 3}},
        {"heads", {.dim = 12, .heads = 4}}, /* heads of width 3 */
        {"kv_heads", {.heads = 4, .kv_heads = 3}},
        {"rope_theta", {.rope_theta = 0.5}},
        {"rope_theta", {.rope_theta = 1e13}},
        {"rope_theta", {.rope_theta = NAN}},
        {"norm_epsilon", {.norm_epsilon = -1e-5}},
        {"norm_epsilon", {.norm_epsilon = 0.2}},
        {"norm_epsilon", {.norm_epsilon = NAN}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        orion_train_model_config c = cases[i].config;
        orion_train_model *m = (orion_train_model *)diag;
        c.size = sizeof c;
        orion_status status = orion_train_model_create_random(&c, 1, NULL, diag, &m);
        assert_null(m);
        assert_refused(status, ORION_ERROR_INVALID_ARGUMENT, diag, ORION_MESSAGE_TRAIN_MODEL,
                       cases[i].field);
    }
    orion_diag_destroy(&diag);
}

/* Callers compiled against an older or a newer header. */
static void test_sizes(void **state) {
    (void)state;
    struct {
        orion_train_model_config config;
        uint64_t tail;
    } newer = {.config = small_config()};
    orion_train_model *m = NULL;
    newer.config.size = sizeof newer;
    assert_int_equal(orion_train_model_create_random(&newer.config, 1, NULL, NULL, &m), ORION_OK);
    assert_int_equal(orion_train_model_get_config(m, &newer.config), ORION_OK);
    assert_int_equal(newer.config.dim, 16);
    assert_int_equal(newer.config.size, sizeof newer);
    orion_train_model_unref(&m);
    newer.tail = 1;
    assert_int_equal(orion_train_model_create_random(&newer.config, 1, NULL, NULL, &m),
                     ORION_ERROR_ABI);
    assert_null(m);

    orion_train_model_config older = small_config();
    older.size = offsetof(orion_train_model_config, layers);
    m = random_model(&older, 1);
    assert_int_equal(config_of(m).layers, 4); /* not read */
    older.layers = 77;
    assert_int_equal(orion_train_model_get_config(m, &older), ORION_OK);
    assert_int_equal(older.layers, 77); /* not written */
    assert_int_equal(older.dim, 16);
    older.size = 3;
    assert_int_equal(orion_train_model_get_config(m, &older), ORION_ERROR_INVALID_ARGUMENT);
    orion_train_parameter p = {.size = 0};
    assert_int_equal(orion_train_model_parameter(m, 0, &p), ORION_ERROR_INVALID_ARGUMENT);
    orion_train_model_unref(&m);
}

static void test_parameters(void **state) {
    (void)state;
    static const struct {
        const char *name;
        int64_t rows, columns;
    } expected[] = {
        {"tok_embedding", 257, 16},   {"layers_0_attention_norm", 16, 0},
        {"layers_0_wq", 16, 16},      {"layers_0_wk", 8, 16},
        {"layers_0_wv", 8, 16},       {"layers_0_wo", 16, 16},
        {"layers_0_ffn_norm", 16, 0}, {"layers_0_w1", 24, 16},
        {"layers_0_w2", 16, 24},      {"layers_0_w3", 24, 16},
    };
    orion_train_model_config c = small_config();
    c.untied = 1;
    orion_train_model *m = random_model(&c, 1);
    size_t count = orion_train_model_parameter_count(m), elements = 0;
    assert_int_equal(count, 1 + 2 * 9 + 2);
    for (size_t i = 0; i < count; i++) {
        orion_train_parameter p = parameter_of(m, i);
        elements += p.elements;
        assert_int_equal(orion_ir_type_elements(&p.type), p.elements);
        if (i >= sizeof expected / sizeof expected[0]) continue;
        assert_string_equal(p.name, expected[i].name);
        assert_int_equal(p.type.dims[0], expected[i].rows);
        assert_int_equal(p.type.dims[1], expected[i].columns);
        assert_int_equal(p.type.rank, expected[i].columns == 0 ? 1 : 2);
    }
    assert_string_equal(parameter_of(m, 10).name, "layers_1_attention_norm");
    assert_string_equal(parameter_of(m, 19).name, "final_norm");
    assert_string_equal(parameter_of(m, 20).name, "output");
    assert_int_equal(orion_train_model_elements(m), elements);
    orion_train_parameter p = {.size = sizeof p};
    assert_int_equal(orion_train_model_parameter(m, count, &p), ORION_ERROR_NOT_FOUND);
    orion_train_model_unref(&m);
}

/* Mean and deviation of a tensor. */
static double deviation(const orion_train_parameter *p, double *out_mean) {
    double sum = 0, squares = 0, n = (double)p->elements;
    for (size_t i = 0; i < p->elements; i++) {
        sum += (double)p->data[i];
        squares += (double)p->data[i] * (double)p->data[i];
    }
    *out_mean = sum / n;
    return sqrt(squares / n - *out_mean * *out_mean);
}

static void test_random_weights(void **state) {
    (void)state;
    orion_train_model *m = random_model(orion_train_model_config(.dim = 96, .layers = 2), 5);
    for (size_t i = 0; i < orion_train_model_parameter_count(m); i++) {
        orion_train_parameter p = parameter_of(m, i);
        double mean, d = deviation(&p, &mean), n = sqrt((double)p.elements);
        if (p.type.rank == 1) {
            assert_true(mean == 1 && d == 0);
            continue;
        }
        size_t length = strlen(p.name);
        bool residual =
            strcmp(p.name + length - 3, "_wo") == 0 || strcmp(p.name + length - 3, "_w2") == 0;
        double expected = residual ? 0.02 / 2 : 0.02; /* sqrt(2 layers) = 2 */
        assert_true(fabs(mean) < 5 * expected / n);
        assert_true(fabs(d - expected) < 5 * expected / n);
    }
    orion_train_model_unref(&m);
}

static bool equal_weights(const orion_train_model *a, const orion_train_model *b, size_t i) {
    orion_train_parameter p = parameter_of(a, i), q = parameter_of(b, i);
    return memcmp(p.data, q.data, p.elements * sizeof(float)) == 0;
}

static void test_seed(void **state) {
    (void)state;
    orion_train_model_config c = small_config();
    orion_train_model *a = random_model(&c, 5), *b = random_model(&c, 5), *d = random_model(&c, 6);
    for (size_t i = 0; i < orion_train_model_parameter_count(a); i++) {
        assert_true(equal_weights(a, b, i));
        assert_int_equal(equal_weights(a, d, i), parameter_of(a, i).type.rank == 1);
    }
    orion_train_parameter first = parameter_of(a, 2), second = parameter_of(a, 11);
    assert_true(memcmp(first.data, second.data, first.elements * sizeof(float)) != 0);
    orion_train_model *shared = orion_train_model_ref(a);
    orion_train_model_unref(&a);
    assert_null(a);
    assert_int_equal(config_of(shared).dim, 16);
    orion_train_model_unref(&shared);
    orion_train_model_unref(&b);
    orion_train_model_unref(&d);
    orion_train_model_unref(&d);
    orion_train_model_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),       cmocka_unit_test(test_limits),
        cmocka_unit_test(test_sizes),          cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_random_weights), cmocka_unit_test(test_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
