/* SPDX-License-Identifier: MIT */
/* The table of algebraic rewrites: every rule lowers the weight, has a file, and keeps what it
 * says, on numbers that are hard. */
#include "graphs.h"
#include "op-support.h"
#include "passes/algebra.h"

#include <math.h>

static const double hard[] = {
    0,     -0.0, 1,     -1,   2,      -3.5,       0.1,           INFINITY, -INFINITY, NAN,
    1e-45, 6e-8, 65504, -7e4, 3.4e38, 2147483647, -2147483648.0, 127,      -128};
enum { HARD = sizeof hard / sizeof hard[0] };

static ir_rule rule_at(size_t i) {
    ir_rule rule;
    if (!ir_rule_compile(i, &rule)) fail_msg("cannot read %s", rule.text);
    return rule;
}

static void test_rules_lower_the_weight(void **state) {
    (void)state;
    for (size_t i = 0; i < ir_rule_count(); i++) {
        ir_rule rule = rule_at(i);
        ir_rule_weight before = ir_rule_weigh(&rule, rule.pattern);
        ir_rule_weight after = ir_rule_weigh(&rule, rule.result);
        int64_t lost = (int64_t)before.numbers - after.numbers;     /* if every letter weighs 1 */
        if (rule.terms[rule.result].kind == IR_TERM_NUMBER) lost--; /* becomes a tile */
        for (size_t k = 0; k < IR_RULE_LETTERS; k++) {
            if (after.letters[k] > before.letters[k]) fail_msg("%s repeats a letter", rule.name);
            lost += (int64_t)before.letters[k] - after.letters[k];
        }
        if (lost <= 0) fail_msg("%s does not lower the weight", rule.name);
        if (rule.exact && rule.result_ops > 1) fail_msg("%s may grow the graph", rule.name);
    }
}

/* ---- what a rule does ---- */

/* The graph of a rule's file, with N x N tensors of this dtype. */
static orion_ir_graph *graph_of(const ir_rule *rule, const char *dtype) {
    char path[128], *text, *end;
    orion_buffer *out = NULL;
    snprintf(path, sizeof path, "golden/ir/algebra/%s.oir", rule->name);
    text = test_read_file(test_source(path), NULL);
    assert_int_equal(orion_buffer_create(NULL, &out), ORION_OK);
    orion_writer writer = orion_buffer_writer(out);
    for (char *at = text; *at != '\0'; at = end) {
        char square[16];
        const char *put = NULL;
        end = at + 1;
        if (strncmp(at, "f32", 3) == 0 || strncmp(at, "i32", 3) == 0) put = dtype, end = at + 3;
        if (strncmp(at, "[2,3]", 5) == 0) {
            snprintf(square, sizeof square, "[%d,%d]", HARD, HARD);
            put = square, end = at + 5;
        }
        if (put == NULL) put = at;
        size_t n = put == at ? 1 : strlen(put);
        assert_int_equal(writer.write(writer.ctx, put, n), ORION_OK);
    }
    orion_ir_graph *g = graph_parse(orion_buffer_data(out));
    orion_buffer_destroy(&out);
    free(text);
    return g;
}

/* All pairs of hard numbers, or of mild ones, and some triples. */
static op_buffers numbers_for(const orion_ir_graph *g, bool mild) {
    op_buffers in = op_inputs_of(g);
    for (size_t k = 0; k < in.count; k++) {
        for (size_t i = 0; i < in.elements[k]; i++) {
            size_t row = i / HARD, column = i % HARD;
            size_t at = k == 0 ? row : k == 1 ? column : (row + column) % HARD;
            in.data[k][i] = mild ? 0.5 + (double)at / HARD : hard[at];
        }
    }
    return in;
}

static bool same_bits(double a, double b) {
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static bool near(double a, double b) {
    return fabs(a - b) <= 1e-5 * (1 + fabs(b));
}

static void check_rule(const ir_rule *rule, const char *dtype, const char *pass, bool mild,
                       bool (*same)(double, double)) {
    orion_ir_graph *g = graph_of(rule, dtype);
    op_buffers in = numbers_for(g, mild);
    op_buffers want = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
    int changed = 0;
    assert_int_equal(orion_ir_run_passes(g, pass, NULL, NULL, &changed), ORION_OK);
    if (changed == 0) fail_msg("%s does nothing for %s", rule->name, dtype);
    assert_graph_valid(g);
    op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
    for (size_t i = 0; i < want.elements[0]; i++) {
        if (same(got.data[0][i], want.data[0][i])) continue;
        fail_msg("%s, %s, x %g y %g: %.9g instead of %.9g", rule->name, dtype,
                 in.count > 0 ? in.data[0][i] : 0, in.count > 1 ? in.data[1][i] : 0, got.data[0][i],
                 want.data[0][i]);
    }
    op_buffers_free(&in);
    op_buffers_free(&want);
    op_buffers_free(&got);
    orion_ir_graph_destroy(&g);
}

static void test_exact_rules_keep_every_bit(void **state) {
    (void)state;
    static const char *const floats[] = {"f32", "f16", "bf16"}, *const ints[] = {"i32", "i8"};
    for (size_t i = 0; i < ir_rule_count(); i++) {
        ir_rule rule = rule_at(i);
        for (size_t k = 0; rule.exact && rule.dtypes != IR_RULE_int && k < ORN_COUNT(floats); k++) {
            check_rule(&rule, floats[k], "algebra", false, same_bits);
        }
        for (size_t k = 0; rule.exact && rule.dtypes != IR_RULE_float && k < ORN_COUNT(ints); k++) {
            check_rule(&rule, ints[k], "algebra", false, same_bits);
        }
    }
}

/* Inexact rules keep ordinary numbers, and are off elsewhere. */
static void test_inexact_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < ir_rule_count(); i++) {
        ir_rule rule = rule_at(i);
        if (rule.exact) continue;
        check_rule(&rule, "f32", "algebra_inexact", true, near);
        check_rule(&rule, "f32", "inexact", true, near);
        orion_ir_graph *g = graph_of(&rule, "f32");
        int changed = 0;
        assert_int_equal(orion_ir_run_passes(g, "algebra", NULL, NULL, &changed), ORION_OK);
        if (changed != 0) fail_msg("%s is on by default", rule.name);
        orion_ir_graph_destroy(&g);
    }
}

/* ---- where a rule must not be taken ---- */

static void assert_stays(const char *pass, const char *text) {
    orion_ir_graph *g = graph_parse(text);
    int changed = 0;
    assert_int_equal(orion_ir_run_passes(g, pass, NULL, NULL, &changed), ORION_OK);
    char *now = graph_text(g);
    assert_string_equal(now, text);
    assert_int_equal(changed, 0);
    free(now);
    orion_ir_graph_destroy(&g);
}

static void test_shapes_dtypes_and_sharing(void **state) {
    (void)state;
    /* The result would be smaller than what is replaced. */
    assert_stays("algebra", "oir 1\n"
                            "graph @g(%x: f32[1,3]) -> (%y) {\n"
                            "  %0 = const -1 : f32[2,1]\n"
                            "  %y = mul %x, %0 : f32[2,3]\n"
                            "}\n");
    assert_stays("algebra", "oir 1\n"
                            "graph @g(%x: f32[3], %z: f32[2,3]) -> (%y) {\n"
                            "  %0 = const true : bool[]\n"
                            "  %y = select %0, %x, %z : f32[2,3]\n"
                            "}\n");
    /* Integers saturate. */
    assert_stays("algebra", "oir 1\n"
                            "graph @g(%x: i32[3], %z: i32[3]) -> (%y) {\n"
                            "  %0 = neg %z : i32[3]\n"
                            "  %y = add %x, %0 : i32[3]\n"
                            "}\n");
    /* 3 is no power of two; zeros have a sign. */
    assert_stays("algebra", "oir 1\n"
                            "graph @g(%x: f32[3]) -> (%y) {\n"
                            "  %0 = const 3 : f32[]\n"
                            "  %y = div %x, %0 : f32[3]\n"
                            "}\n");
    assert_stays("algebra", "oir 1\n"
                            "graph @g(%x: f32[3]) -> (%y) {\n"
                            "  %0 = const -0 : f32[]\n"
                            "  %y = max %x, %0 : f32[3]\n"
                            "}\n");
    /* Four ops instead of three: somebody else reads the products. */
    assert_stays("algebra_inexact", "oir 1\n"
                                    "graph @g(%x: f32[3], %z: f32[3]) -> (%y, %p, %q) {\n"
                                    "  %p = mul %x, %z : f32[3]\n"
                                    "  %q = mul %x, %x : f32[3]\n"
                                    "  %y = add %p, %q : f32[3]\n"
                                    "}\n");
}

/* What a new node completes is found in the next round of the pipeline. */
static void test_rules_feed_each_other(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[3]) -> (%y) {\n"
                                    "  %0 = const -1 : f32[]\n"
                                    "  %1 = div %x, %0 : f32[3]\n"
                                    "  %2 = abs %1 : f32[3]\n"
                                    "  %3 = const 0 : f32[]\n"
                                    "  %y = max %2, %3 : f32[3]\n"
                                    "}\n");
    assert_int_equal(orion_ir_run_passes(g, "default", NULL, NULL, NULL), ORION_OK);
    char *text = graph_text(g);
    assert_string_equal(text, "oir 1\n"
                              "graph @g(%x: f32[3]) -> (%y) {\n"
                              "  %y = abs %x : f32[3]\n"
                              "}\n");
    free(text);
    orion_ir_graph_destroy(&g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_lower_the_weight),
        cmocka_unit_test(test_exact_rules_keep_every_bit),
        cmocka_unit_test(test_inexact_rules),
        cmocka_unit_test(test_shapes_dtypes_and_sharing),
        cmocka_unit_test(test_rules_feed_each_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
