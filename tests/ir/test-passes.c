/* SPDX-License-Identifier: MIT */
/* The pass driver. What each pass does to a graph is shown by the files of tests/golden/ir; what
 * all keep is tested by test-random.c. */
#include "graphs.h"
#include "random-graph.h"

enum { NODES = 32 };

static int run(orion_ir_graph *g, const char *pipeline, const orion_ir_pass_options *options) {
    orion_diag *diag = NULL;
    int changed = -1;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_run_passes(g, pipeline, options, diag, &changed), diag);
    assert_int_equal(orion_diag_count(diag), 0);
    orion_diag_destroy(&diag);
    return changed;
}

/* ---- the driver ---- */

static const char chain[] = "oir 1\n"
                            "graph @chain(%x: f32[2,3]) -> (%y) {\n"
                            "  %0 = identity %x : f32[2,3]\n"
                            "  %1 = reshape %0 {shape=[6]} : f32[6]\n"
                            "  %2 = reshape %1 {shape=[2, 3]} : f32[2,3]\n"
                            "  %y = relu %2 : f32[2,3]\n"
                            "}\n";

static void test_passes_have_names(void **state) {
    (void)state;
    static const char *const names[] = {
        "decompose", "identity", "cast",        "algebra",         "algebra_inexact", "fold",
        "cse",       "dce",      "dead_inputs", "uniform_outputs", "remat",           "parameters"};
    assert_int_equal(orion_ir_pass_count(), ORN_COUNT(names));
    for (size_t i = 0; i < ORN_COUNT(names); i++) {
        assert_string_equal(orion_ir_pass_name(i), names[i]);
        assert_true(strlen(orion_ir_pass_doc(i)) > 10);
        orion_ir_graph *g = graph_parse(chain);
        const char *option = orion_ir_pass_option(i);
        char item[64];
        snprintf(item, sizeof item, option == NULL ? "%s" : "%s(%s=100)", names[i], option);
        run(g, item, NULL);
        orion_ir_graph_destroy(&g);
    }
    assert_null(orion_ir_pass_option(ORN_COUNT(names)));
    assert_null(orion_ir_pass_name(ORN_COUNT(names)));
    assert_null(orion_ir_pass_doc(ORN_COUNT(names)));
}

static void test_pipelines(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse(chain);
    assert_int_equal(run(g, "", NULL), 0);
    assert_int_equal(run(g, "cast,cse", NULL), 0);
    assert_int_equal(run(g, "dce", NULL), 0);
    assert_int_equal(run(g, "cast,identity", NULL), 1);
    assert_int_equal(orion_ir_graph_node_count(g), 2);
    assert_int_equal(run(g, "default", NULL), 1);
    assert_int_equal(orion_ir_graph_node_count(g), 1);
    assert_int_equal(run(g, "default", NULL), 0);
    assert_int_equal(run(g, "decompose,default,dce", NULL), 0);
    assert_int_equal(orion_ir_run_passes(g, "default", NULL, NULL, NULL), ORION_OK);
    orion_ir_graph_destroy(&g);
}

static void test_unknown_pass_runs_nothing(void **state) {
    (void)state;
    static const char *const wrong[] = {"nope",          "dce,nope", "identity,", ",identity",
                                        "identity,,dce", "defaul",   "defaults",  "identity ",
                                        "repeat(nope)",  "repeat()", "nope(x=1)", "default(x=1)"};
    orion_ir_graph *g = graph_parse(chain);
    for (size_t i = 0; i < ORN_COUNT(wrong); i++) {
        orion_diag *diag = NULL;
        int changed = -1;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_run_passes(g, wrong[i], NULL, diag, &changed),
                         ORION_ERROR_NOT_FOUND);
        assert_diag(diag, ORION_MESSAGE_IR_PASS, "there is no pass");
        assert_int_equal(changed, 0);
        orion_diag_destroy(&diag);
    }
    char *text = graph_text(g);
    assert_string_equal(text, chain);
    free(text);
    orion_ir_graph_destroy(&g);
}

static orion_status refuse(void *ctx, const void *bytes, size_t n) {
    (void)ctx, (void)bytes, (void)n;
    return ORION_ERROR_CANCELLED;
}

static void test_malformed_pipelines(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "dce()",
        "dce(",
        "dce(x=1)",
        "repeat(decompose)",
        "repeat(default)",
        "repeat(dce",
        "repeat(dce)x",
        "dce(),cse",
        "repeat(repeat(dce))",
        "remat",
        "remat()",
        "remat(x=1)",
        "remat(budget=x)",
        "repeat(dead_inputs)",
        "remat(budget=9223372036854775808)",
        "repeat(parameters(elements=1))",
    };
    orion_ir_graph *g = graph_parse(chain);
    orion_writer writer = {.size = sizeof writer, .write = refuse};
    for (size_t i = 0; i < ORN_COUNT(wrong); i++) {
        orion_diag *diag = NULL;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_run_passes(g, wrong[i], NULL, diag, NULL),
                         ORION_ERROR_INVALID_ARGUMENT);
        assert_diag(diag, ORION_MESSAGE_IR_PIPELINE, "\"");
        assert_int_equal(orion_ir_print_pipeline(wrong[i], &writer, NULL),
                         ORION_ERROR_INVALID_ARGUMENT);
        orion_diag_destroy(&diag);
    }
    assert_int_equal(orion_ir_print_pipeline("nope", &writer, NULL), ORION_ERROR_NOT_FOUND);
    assert_int_equal(orion_ir_print_pipeline("dce", &writer, NULL), ORION_ERROR_CANCELLED);
    assert_int_equal(orion_ir_run_passes(g, "repeat(identity,dce)", NULL, NULL, NULL), ORION_OK);
    assert_int_equal(orion_ir_graph_node_count(g), 1);
    orion_ir_graph_destroy(&g);
}

/* Printing writes names of pipelines out; the result can be run and printed again. */
static void test_printed_pipelines(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"", ""},
        {"dce", "dce"},
        {"decompose,default", "decompose,repeat(identity,cast,algebra,fold,cse,dce)"},
        {"inexact,dce", "repeat(identity,cast,algebra,algebra_inexact,fold,cse,dce),dce"},
        {"repeat(cse,dce)", "repeat(cse,dce)"},
    };
    for (size_t i = 0; i < ORN_COUNT(pairs); i++) {
        for (size_t k = 0; k < 2; k++) {
            orion_buffer *buffer = NULL;
            assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
            orion_writer writer = orion_buffer_writer(buffer);
            assert_int_equal(orion_ir_print_pipeline(pairs[i][k], &writer, NULL), ORION_OK);
            assert_int_equal(orion_buffer_size(buffer), strlen(pairs[i][1]));
            assert_memory_equal(orion_buffer_data(buffer), pairs[i][1], strlen(pairs[i][1]));
            orion_buffer_destroy(&buffer);
        }
    }
    assert_string_equal(orion_ir_pipeline_name(0), "default");
    assert_string_equal(orion_ir_pipeline_name(1), "inexact");
    assert_null(orion_ir_pipeline_name(2));
}

static void test_dump(void **state) {
    (void)state;
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    orion_ir_pass_options options = {.size = sizeof options, .dump = &writer};
    orion_ir_graph *g = graph_parse(chain);
    run(g, "cast,identity,dce", &options);
    assert_string_equal(orion_buffer_data(buffer), "# after identity\n"
                                                   "oir 1\n"
                                                   "graph @chain(%x: f32[2,3]) -> (%y) {\n"
                                                   "  %0 = reshape %x {shape=[6]} : f32[6]\n"
                                                   "  %y = relu %x : f32[2,3]\n"
                                                   "}\n"
                                                   "# after dce\n"
                                                   "oir 1\n"
                                                   "graph @chain(%x: f32[2,3]) -> (%y) {\n"
                                                   "  %y = relu %x : f32[2,3]\n"
                                                   "}\n");
    orion_buffer_destroy(&buffer);
    orion_ir_graph_destroy(&g);
}

static void test_options(void **state) {
    (void)state;
    struct {
        orion_ir_pass_options known;
        uint64_t news;
    } newer = {.known = {.size = sizeof newer}, .news = 0};
    orion_writer writer = {.size = sizeof writer, .write = refuse};
    orion_ir_pass_options options = {.size = sizeof options, .dump = &writer};
    orion_ir_graph *g = graph_parse(chain);
    int changed = -1;
    newer.news = 1;
    assert_int_equal(orion_ir_run_passes(g, "dce", &newer.known, NULL, &changed), ORION_ERROR_ABI);
    assert_int_equal(changed, 0);
    newer.news = 0;
    assert_int_equal(run(g, "dce", &newer.known), 0);
    assert_int_equal(orion_ir_run_passes(g, "default", &options, NULL, &changed),
                     ORION_ERROR_CANCELLED);
    assert_int_equal(changed, 0);
    assert_graph_valid(g);
    orion_ir_graph_destroy(&g);
}

/* What verify_each is for: a graph that a pass has broken. */
static void test_verify_each(void **state) {
    (void)state;
    orion_ir_pass_options options = {.size = sizeof options, .verify_each = 1};
    orion_ir_graph *g = graph_parse(chain);
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    ir_val(g, g->last->out)->type.dims[1] = 4;
    assert_int_equal(orion_ir_run_passes(g, "dce", NULL, diag, NULL), ORION_OK);
    assert_int_equal(orion_ir_run_passes(g, "dce", &options, diag, NULL), ORION_ERROR_VERIFY);
    assert_diag(diag, ORION_MESSAGE_IR_RESULT_TYPE, "f32[2,4]");
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&g);
}

/* A decomposition that needs a tensor beyond the limits fails; the graph stays whole. */
static void test_decompose_beyond_limits(void **state) {
    (void)state;
    orion_ir_graph *g =
        graph_parse("oir 1\n"
                    "graph @g(%q: f16[1,1,16777216,1], %k: f16[1,1,16777216,1]) -> (%y) {\n"
                    "  %y = attention %q, %k, %k : f16[1,1,16777216,1]\n"
                    "}\n");
    orion_diag *diag = NULL;
    int changed = -1;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_run_passes(g, "decompose", NULL, diag, &changed),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(changed, 0);
    assert_diag(diag, ORION_MESSAGE_IR_SHAPE, "not legal");
    assert_graph_valid(g);
    assert_int_equal(run(g, "dce", NULL), 1);
    assert_int_equal(orion_ir_graph_node_count(g), 1);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&g);
}

/* ---- casts ---- */

/* Every number of a 16-bit dtype, or as many bit patterns of a wider one. */
static op_buffers all_numbers(const orion_ir_graph *g, orion_ir_dtype dtype) {
    op_buffers in = op_inputs_of(g);
    uint64_t seed = 5;
    for (size_t i = 0; i < in.elements[0]; i++) {
        unsigned char data[4];
        uint64_t bits = orion_ir_dtype_bytes(dtype) == 4 ? test_random(&seed) : i;
        ir_store_bits(dtype, data, 0, dtype == ORION_IR_BOOL ? bits & 1 : bits);
        in.data[0][i] = ir_load(dtype, data, 0);
    }
    return in;
}

/* x -> B -> C for all pairs of dtypes, as outputs of one graph. */
static orion_ir_graph *all_cast_pairs(orion_ir_dtype from) {
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL;
    const int64_t n = (int64_t)1 << (orion_ir_dtype_bytes(from) == 1 ? 8 : 16);
    assert_int_equal(orion_ir_builder_create("casts", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(from, 1, &n));
    for (int middle = ORION_IR_F32; middle <= ORION_IR_BOOL; middle++) {
        orion_ir_value y = orion_ir_cast(b, x, (orion_ir_dtype)middle);
        for (int to = ORION_IR_F32; to <= ORION_IR_BOOL; to++) {
            char name[16];
            snprintf(name, sizeof name, "y%d_%d", middle, to);
            orion_ir_output(b, name, orion_ir_cast(b, y, (orion_ir_dtype)to));
        }
    }
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    return g;
}

static void test_cast_keeps_every_number(void **state) {
    (void)state;
    for (int from = ORION_IR_F32; from <= ORION_IR_BOOL; from++) {
        orion_ir_graph *g = all_cast_pairs((orion_ir_dtype)from);
        op_buffers in = all_numbers(g, (orion_ir_dtype)from);
        op_buffers want = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
        assert_int_equal(run(g, "cast", NULL), 1);
        op_buffers got = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
        for (size_t i = 0; i < want.count; i++) {
            for (size_t k = 0; k < want.elements[i]; k++) {
                if (same_number(got.data[i][k], want.data[i][k])) continue;
                fail_msg("%s: %g to %s was %g, is %g", orion_ir_dtype_name((orion_ir_dtype)from),
                         in.data[0][k], orion_ir_graph_output_name(g, i), want.data[i][k],
                         got.data[i][k]);
            }
        }
        op_buffers_free(&in);
        op_buffers_free(&want);
        op_buffers_free(&got);
        orion_ir_graph_destroy(&g);
    }
}

/* ---- out of memory ---- */

static orion_status run_without_memory(oom_case *oom, void *ctx) {
    const char *pipeline = ctx;
    random_graph r = random_graph_make(42, NODES, 0);
    orion_ir_graph *g = NULL;
    int changed = -1;
    assert_int_equal(orion_ir_graph_clone(r.graph, &oom->heap.allocator, &g), ORION_OK);
    oom_arm(oom);
    orion_status status = orion_ir_run_passes(g, pipeline, NULL, NULL, &changed);
    oom_disarm(oom);
    if (status != ORION_OK) assert_int_equal(changed, 0);
    assert_graph_valid(g);
    bool keeps_bits = strstr(pipeline, "decompose") == NULL && strstr(pipeline, "inexact") == NULL;
    if (keeps_bits && orion_ir_graph_input_count(g) == orion_ir_graph_input_count(r.graph)) {
        assert_same_function(&r, g, ORION_IR_EVAL_ROUNDED, same_number, pipeline, 42);
    }
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&r.graph);
    return status;
}

static void test_no_memory(void **state) {
    (void)state;
    static char pipelines[][24] = {"identity",
                                   "cast",
                                   "algebra",
                                   "algebra_inexact",
                                   "fold",
                                   "cse",
                                   "dce",
                                   "decompose",
                                   "default",
                                   "inexact",
                                   "remat(budget=0)",
                                   "parameters(elements=1)"};
    for (size_t i = 0; i < ORN_COUNT(pipelines); i++) {
        oom_loop(pipelines[i], run_without_memory, pipelines[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_passes_have_names),
        cmocka_unit_test(test_pipelines),
        cmocka_unit_test(test_unknown_pass_runs_nothing),
        cmocka_unit_test(test_malformed_pipelines),
        cmocka_unit_test(test_printed_pipelines),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_verify_each),
        cmocka_unit_test(test_decompose_beyond_limits),
        cmocka_unit_test(test_cast_keeps_every_number),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
