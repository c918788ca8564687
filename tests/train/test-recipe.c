/* SPDX-License-Identifier: MIT */
/* Recipes: what they say, and where they are wrong. */
#include "train-support.h"

#include "trainer-internal.h"

typedef struct recipe {
    orion_train_model_config config;
    orion_train_options options;
} recipe;

static recipe recipe_make(void) {
    recipe r = {.config = {.size = sizeof r.config}, .options = {.size = sizeof r.options}};
    return r;
}

static orion_status parse(const char *text, orion_diag *diag, recipe *out) {
    *out = recipe_make();
    return train_recipe_parse(text, strlen(text), "r.yaml", diag, &out->config, &out->options);
}

static void test_reads(void **state) {
    (void)state;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    recipe r;
    assert_ok(parse("# a recipe\n"
                    "model:\n"
                    "  dim: 64\n"
                    "  hidden: 172\n"
                    "  layers: 5\n"
                    "  heads: 8\n"
                    "  kv_heads: 4\n"
                    "  vocab: 512\n"
                    "  context: 128\n"
                    "  untied: true\n"
                    "  rope_split: 1\n"
                    "  rope_theta: 5e5\n"
                    "  norm_epsilon: 1e-6\n"
                    "train: {steps: 1000, warmup: 50, seed: 18446744073709551615, batch: 4,\n"
                    "        length: 100, accumulation: 2, learning_rate: 0.001,\n"
                    "        learning_floor: 1.5e-4, beta1: .8, beta2: 0.99, epsilon: 1e-9,\n"
                    "        weight_decay: -1, clip: 2}\n",
                    diag, &r),
              diag);
    const orion_train_model_config *c = &r.config;
    const orion_train_options *o = &r.options;
    assert_int_equal(c->dim, 64);
    assert_int_equal(c->hidden, 172);
    assert_int_equal(c->layers, 5);
    assert_int_equal(c->heads, 8);
    assert_int_equal(c->kv_heads, 4);
    assert_int_equal(c->vocab, 512);
    assert_int_equal(c->context, 128);
    assert_int_equal(c->untied, 1);
    assert_int_equal(c->rope_split, 1);
    assert_true(c->rope_theta == 5e5 && c->norm_epsilon == 1e-6);
    assert_int_equal(o->steps, 1000);
    assert_int_equal(o->warmup, 50);
    assert_true(o->seed == UINT64_MAX);
    assert_int_equal(o->batch, 4);
    assert_int_equal(o->length, 100);
    assert_int_equal(o->accumulation, 2);
    assert_true(o->learning_rate == 0.001 && o->learning_floor == 1.5e-4);
    assert_true(o->beta1 == 0.8 && o->beta2 == 0.99 && o->epsilon == 1e-9);
    assert_true(o->weight_decay == -1 && o->clip == 2);
    orion_diag_destroy(&diag);
}

/* What is not given stays 0. */
static void test_empty(void **state) {
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "{}", "model:\ntrain:\n", "train: {}"};
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(texts); i++) {
        recipe r, zero = recipe_make();
        assert_ok(parse(texts[i], diag, &r), diag);
        assert_memory_equal(&r, &zero, sizeof r);
    }
    orion_diag_destroy(&diag);
}

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        const char *text;
        orion_message message;
        uint32_t line, column;
        const char *part;
    } cases[] = {
        {"model: [", ORION_MESSAGE_RECIPE_SYNTAX, 1, 8, "expected a mapping of fields"},
        {"model: {", ORION_MESSAGE_RECIPE_SYNTAX, 2, 1, "not YAML"},
        {"a: b: c", ORION_MESSAGE_RECIPE_KEY, 1, 1, "no a in a recipe"},
        {"model:\n\tdim: 1", ORION_MESSAGE_RECIPE_SYNTAX, 2, 1, "not YAML"},
        {"model: {dim: \"\xff\"}", ORION_MESSAGE_RECIPE_SYNTAX, 1, 1, "not YAML"},
        {"[1]", ORION_MESSAGE_RECIPE_SYNTAX, 1, 1, "the keys model and train"},
        {"model", ORION_MESSAGE_RECIPE_SYNTAX, 1, 1, "the keys model and train"},
        {"model: 3", ORION_MESSAGE_RECIPE_SYNTAX, 1, 8, "a mapping of fields"},
        {"model: {[1]: 2}", ORION_MESSAGE_RECIPE_SYNTAX, 1, 9, "the name of a field"},
        {"? {a: b}\n: 1", ORION_MESSAGE_RECIPE_SYNTAX, 1, 3, "model or train"},
        {"{}\n---\n{}", ORION_MESSAGE_RECIPE_SYNTAX, 2, 1, "one document"},
        {"model: &a {dim: 1}", ORION_MESSAGE_RECIPE_SYNTAX, 1, 8, "without anchors"},
        {"model: *a", ORION_MESSAGE_RECIPE_SYNTAX, 1, 8, "without anchors"},
        {"model: {dim: !!int 1}", ORION_MESSAGE_RECIPE_SYNTAX, 1, 14, "tags"},
        {"model: !m {dim: 1}", ORION_MESSAGE_RECIPE_SYNTAX, 1, 8, "tags"},
        {"models: {}", ORION_MESSAGE_RECIPE_KEY, 1, 1, "no models in a recipe"},
        {"model: {}\nmodel: {}", ORION_MESSAGE_RECIPE_KEY, 2, 1, "given twice in the recipe"},
        {"model:\n  dim: 1\n  dimm: 1", ORION_MESSAGE_RECIPE_KEY, 3, 3, "no dimm in model"},
        {"train: {dim: 1}", ORION_MESSAGE_RECIPE_KEY, 1, 9, "no dim in train"},
        {"train:\n  clip: 1\n  clip: 1", ORION_MESSAGE_RECIPE_KEY, 3, 3, "given twice in train"},
        {"model: {size: 1}", ORION_MESSAGE_RECIPE_KEY, 1, 9, "no size in model"},
        {"model: {dim: }", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "a whole number"},
        {"model: {dim: x}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "not x"},
        {"model: {dim: '1'}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "a whole number"},
        {"model: {dim: [1]}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "a whole number"},
        {"model: {dim: -1}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "from 0 to 4294967295"},
        {"model: {dim: 1.5}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "not 1.5"},
        {"model: {dim: 4294967296}", ORION_MESSAGE_RECIPE_VALUE, 1, 14, "not 4294967296"},
        {"model: {untied: 2}", ORION_MESSAGE_RECIPE_VALUE, 1, 17, "true or false"},
        {"model: {untied: yes}", ORION_MESSAGE_RECIPE_VALUE, 1, 17, "true or false"},
        {"train: {seed: 18446744073709551616}", ORION_MESSAGE_RECIPE_VALUE, 1, 15, "whole number"},
        {"train: {clip: nan}", ORION_MESSAGE_RECIPE_VALUE, 1, 15, "a finite number"},
        {"train: {clip: inf}", ORION_MESSAGE_RECIPE_VALUE, 1, 15, "a finite number"},
        {"train: {clip: 1e999}", ORION_MESSAGE_RECIPE_VALUE, 1, 15, "a finite number"},
        {"train: {clip: 1,5}", ORION_MESSAGE_RECIPE_KEY, 1, 17, "no 5 in train"},
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        recipe r, zero = recipe_make();
        orion_status status = parse(cases[i].text, diag, &r);
        if (status == ORION_OK) fail_msg("accepted: %s", cases[i].text);
        const orion_diag_entry *entry = orion_diag_get(diag, 0);
        assert_non_null(entry);
        if (entry->line != cases[i].line || entry->column != cases[i].column) {
            fail_msg("%s: refused at %u:%u (%s)", cases[i].text, entry->line, entry->column,
                     entry->text);
        }
        assert_string_equal(entry->source, "r.yaml");
        bool syntax = cases[i].message == ORION_MESSAGE_RECIPE_SYNTAX;
        assert_refused(status, syntax ? ORION_ERROR_SYNTAX : ORION_ERROR_VERIFY, diag,
                       cases[i].message, cases[i].part);
        assert_memory_equal(&r, &zero, sizeof r);
    }
    orion_diag_destroy(&diag);
}

static void test_files(void **state) {
    (void)state;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "recipe.yaml");
    recipe r = recipe_make();
    r.config.dim = 5; /* is replaced */
    test_write_file(path, "train: {steps: 7}\n", 18);
    assert_ok(orion_train_recipe_load(path, NULL, diag, &r.config, &r.options), diag);
    assert_int_equal(r.options.steps, 7);
    assert_int_equal(r.config.dim, 0);

    assert_refused(
        orion_train_recipe_load(test_dir_file(&dir, "none"), NULL, diag, &r.config, &r.options),
        ORION_ERROR_NOT_FOUND, diag, ORION_MESSAGE_FILE_NOT_FOUND, "none");
    assert_refused(orion_train_recipe_load(dir.path, NULL, diag, &r.config, &r.options),
                   ORION_ERROR_IO, diag, ORION_MESSAGE_FILE_UNREADABLE, NULL);
    assert_int_equal(r.options.steps, 0);

    size_t big = (1 << 16) + 1;
    char *text = malloc(big);
    assert_non_null(text);
    memset(text, '\n', big);
    test_write_file(path, text, big);
    free(text);
    assert_refused(orion_train_recipe_load(path, NULL, diag, &r.config, &r.options),
                   ORION_ERROR_SYNTAX, diag, ORION_MESSAGE_RECIPE_SYNTAX, "65537 bytes");

    r.config.size = 3;
    assert_int_equal(orion_train_recipe_load(path, NULL, diag, &r.config, &r.options),
                     ORION_ERROR_INVALID_ARGUMENT);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

/* Printing and parsing a field are inverse, for values that are hard to write. */
static void test_fields_round_trip(void **state) {
    (void)state;
    const train_section *section = &train_section_train;
    const double numbers[] = {0, 1e-3, 1.0 / 3, 5e-324, 1.7976931348623157e308, -1, 123456789.123};
    orn_text text;
    orn_text_init(&text, NULL);
    for (size_t i = 0; i < section->count; i++) {
        const train_field *field = &section->fields[i];
        for (size_t k = 0; k < ORN_COUNT(numbers); k++) {
            orion_train_options in = {.size = sizeof in}, out = {.size = sizeof out};
            if (field->kind == TRAIN_FIELD_F64) {
                memcpy((char *)&in + field->offset, &numbers[k], sizeof numbers[k]);
            } else {
                uint32_t n = UINT32_MAX >> k;
                memcpy((char *)&in + field->offset, &n, sizeof n);
            }
            text.size = 0;
            train_field_print(field, &in, &text);
            assert_true(train_field_parse(field, text.data, text.size, &out));
            assert_memory_equal(&in, &out, sizeof in);
        }
    }
    orn_text_free(&text);
}

/* docs/recipe.md names every field, in code type. */
static void test_documented(void **state) {
    (void)state;
    const train_section *const sections[] = {&train_section_model, &train_section_train};
    char *page = test_read_file(test_source("../docs/recipe.md"), NULL);
    for (size_t i = 0; i < ORN_COUNT(sections); i++) {
        for (size_t k = 0; k < sections[i]->count; k++) {
            char name[64];
            snprintf(name, sizeof name, "`%s`", sections[i]->fields[k].name);
            if (strstr(page, name) == NULL) fail_msg("docs/recipe.md does not have %s", name);
        }
    }
    free(page);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads),
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_fields_round_trip),
        cmocka_unit_test(test_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
