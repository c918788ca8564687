/* SPDX-License-Identifier: MIT */
/* The pass of docs/writing-a-pass.md: the page shows the file that is compiled, and it works. */
#include "graphs.h"
#include "random-graph.h"

#include <math.h>

extern const ir_pass ir_pass_reciprocal;

static void test_page_shows_the_file(void **state) {
    (void)state;
    char *file = test_read_file(test_source("ir/example-pass.c"), NULL);
    char *page = test_read_file(test_source("../docs/writing-a-pass.md"), NULL);
    const char *shown = strchr(file, '\n') + 1; /* without the licence line */
    if (strstr(page, shown) == NULL) fail_msg("the page shows another text than the file has");
    free(file);
    free(page);
}

static void test_it_rewrites(void **state) {
    (void)state;
    bool changed = false;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @g(%x: f32[2,3]) -> (%a, %b, %c) {\n"
                                    "  %four = const 4 : f32[3]\n"
                                    "  %three = const 3 : f32[]\n"
                                    "  %a = div %x, %four : f32[2,3]\n"
                                    "  %b = div %x, %three : f32[2,3]\n"
                                    "  %c = div %four, %x : f32[2,3]\n"
                                    "}\n");
    assert_int_equal(ir_pass_reciprocal.run(g, NULL, &changed), ORION_OK);
    assert_true(changed);
    char *text = graph_text(g);
    assert_string_equal(text, "oir 1\n"
                              "graph @g(%x: f32[2,3]) -> (%a, %b, %c) {\n"
                              "  %four = const 4 : f32[3]\n"
                              "  %three = const 3 : f32[]\n"
                              "  %0 = const 0.25 : f32[3]\n"
                              "  %a = mul %x, %0 : f32[2,3]\n"
                              "  %b = div %x, %three : f32[2,3]\n"
                              "  %c = div %four, %x : f32[2,3]\n"
                              "}\n");
    free(text);
    orion_ir_graph_destroy(&g);
}

/* The promise in its head: every bit is kept. */
static void test_it_keeps_every_bit(void **state) {
    (void)state;
    static const double divisors[] = {1, -2, 0.5, 0x1p-14, 0x1p-24, 65536, 3, 0, 1e-40};
    for (size_t i = 0; i < ORN_COUNT(divisors); i++) {
        for (int dtype = ORION_IR_F32; dtype <= ORION_IR_BF16; dtype++) {
            const int64_t all = 0x10000;
            orion_ir_builder *b = NULL;
            orion_ir_graph *g = NULL;
            bool changed = false;
            assert_int_equal(orion_ir_builder_create("g", NULL, &b), ORION_OK);
            orion_ir_value x =
                orion_ir_input(b, "x", orion_ir_type_make((orion_ir_dtype)dtype, 1, &all));
            orion_ir_type number = orion_ir_type_make((orion_ir_dtype)dtype, 0, NULL);
            orion_ir_output(b, "y", orion_ir_div(b, x, orion_ir_splat(b, number, divisors[i])));
            assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
            op_buffers in = op_inputs_of(g);
            for (size_t k = 0; k < 0x10000; k++) {
                uint16_t bits = (uint16_t)k;
                in.data[0][k] = ir_load(
                    dtype == ORION_IR_F32 ? ORION_IR_BF16 : (orion_ir_dtype)dtype, &bits, 0);
            }
            op_buffers want = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
            assert_int_equal(ir_pass_reciprocal.run(g, NULL, &changed), ORION_OK);
            assert_graph_valid(g);
            op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
            for (size_t k = 0; k < 0x10000; k++) {
                if (isnan(want.data[0][k]) && isnan(got.data[0][k])) continue;
                assert_memory_equal(&want.data[0][k], &got.data[0][k], sizeof(double));
            }
            op_buffers_free(&in);
            op_buffers_free(&want);
            op_buffers_free(&got);
            orion_ir_graph_destroy(&g);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page_shows_the_file),
        cmocka_unit_test(test_it_rewrites),
        cmocka_unit_test(test_it_keeps_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
