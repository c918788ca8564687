/* SPDX-License-Identifier: MIT */
/* The op table, the sticky builder, and reading of what it built. */
#include "graphs.h"

#include "ir-internal.h"

static const int64_t shape[] = {2, 3};

static orion_ir_type f32_2x3(void) {
    return orion_ir_type_make(ORION_IR_F32, 2, shape);
}

/* ---- types and the op table ---- */

static void test_types(void **state) {
    (void)state;
    static const struct {
        const char *name;
        orion_ir_dtype dtype;
        size_t bytes;
    } dtypes[] = {{"f32", ORION_IR_F32, 4}, {"f16", ORION_IR_F16, 2},  {"bf16", ORION_IR_BF16, 2},
                  {"i32", ORION_IR_I32, 4}, {"u16", ORION_IR_U16, 2},  {"u8", ORION_IR_U8, 1},
                  {"i8", ORION_IR_I8, 1},   {"bool", ORION_IR_BOOL, 1}};
    for (size_t i = 0; i < ORN_COUNT(dtypes); i++) {
        assert_string_equal(orion_ir_dtype_name(dtypes[i].dtype), dtypes[i].name);
        assert_int_equal(orion_ir_dtype_from_name(dtypes[i].name), dtypes[i].dtype);
        assert_int_equal(orion_ir_dtype_bytes(dtypes[i].dtype), dtypes[i].bytes);
    }
    assert_string_equal(orion_ir_dtype_name((orion_ir_dtype)99), "none");
    assert_int_equal(orion_ir_dtype_from_name("f64"), ORION_IR_DTYPE_NONE);
    assert_int_equal(orion_ir_dtype_from_name(""), ORION_IR_DTYPE_NONE);
    assert_int_equal(orion_ir_dtype_bytes(ORION_IR_DTYPE_NONE), 0);

    orion_ir_type a = f32_2x3(), b = a, scalar = orion_ir_type_make(ORION_IR_F16, 0, NULL);
    assert_int_equal(orion_ir_type_elements(&a), 6);
    assert_int_equal(orion_ir_type_bytes(&a), 24);
    assert_int_equal(orion_ir_type_elements(&scalar), 1);
    assert_int_equal(orion_ir_type_bytes(&scalar), 2);
    assert_true(orion_ir_type_equal(&a, &b));
    b.dims[1] = 4;
    assert_false(orion_ir_type_equal(&a, &b));
    b = a;
    b.rank = 1;
    assert_false(orion_ir_type_equal(&a, &b));
    b = a;
    b.dtype = ORION_IR_I32;
    assert_false(orion_ir_type_equal(&a, &b));
}

static void test_types_that_are_not_legal(void **state) {
    (void)state;
    const int64_t most = 2147483647;
    const orion_ir_type bad[] = {
        {.dtype = 0, .rank = 1, .dims = {1}},
        {.dtype = 9, .rank = 1, .dims = {1}},
        {.dtype = ORION_IR_F32, .rank = 9, .dims = {1}},
        {.dtype = ORION_IR_F32, .rank = 1, .dims = {0}},
        {.dtype = ORION_IR_F32, .rank = 1, .dims = {-1}},
        {.dtype = ORION_IR_F32, .rank = 1, .dims = {most + 1}},
        {.dtype = ORION_IR_F32, .rank = 1, .dims = {1, 1}},
        {.dtype = ORION_IR_U8, .rank = 2, .dims = {1 << 24, 1 << 24}},
        {.dtype = ORION_IR_U8, .rank = 4, .dims = {most, most, most, most}},
    };
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        assert_int_equal(orion_ir_type_elements(&bad[i]), 0);
        assert_int_equal(orion_ir_type_bytes(&bad[i]), 0);
    }
    const orion_ir_type largest = {
        .dtype = ORION_IR_U8, .rank = 2, .dims = {1 << 24, (1 << 24) - 1}};
    assert_true(orion_ir_type_bytes(&largest) < (size_t)1 << 48);
    assert_true(orion_ir_type_bytes(&largest) != 0);
}

static void test_op_table(void **state) {
    (void)state;
    assert_null(orion_ir_op_at(orion_ir_op_count()));
    assert_null(orion_ir_op_find(ORION_IR_OP_NONE));
    assert_null(orion_ir_op_find((orion_ir_op)200));
    assert_null(orion_ir_op_from_name("addd"));
    assert_null(orion_ir_op_from_name("ad"));
    assert_null(orion_ir_op_attr((orion_ir_op)200, 0));
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const orion_ir_op_info *info = orion_ir_op_at(i);
        assert_ptr_equal(orion_ir_op_from_name(info->name), info);
        assert_ptr_equal(orion_ir_op_find((orion_ir_op)info->op), info);
        assert_true(strlen(info->doc) != 0);
        for (size_t k = 0; k < info->attr_count; k++) {
            const orion_ir_attr_info *attr = orion_ir_op_attr((orion_ir_op)info->op, k);
            assert_true(strlen(attr->doc) != 0);
            assert_in_range(attr->kind, ORION_IR_ATTR_INT, ORION_IR_ATTR_DTYPE);
        }
        assert_null(orion_ir_op_attr((orion_ir_op)info->op, info->attr_count));
    }
}

/* ---- the builder ---- */

/* What a call does wrong; it gets a builder with the input x: f32[2,3]. */
typedef void misuse(orion_ir_builder *b, orion_ir_value x);

static void no_output(orion_ir_builder *b, orion_ir_value x) {
    (void)b, (void)x;
}
static void bad_input_name(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_input(b, "9x", f32_2x3());
}
static void taken_input_name(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_input(b, "x", f32_2x3());
}
static void bad_input_type(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_input(b, "z", orion_ir_type_make(ORION_IR_F32, 1, (const int64_t[]){0}));
}
static void short_constant(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_constant(b, f32_2x3(), "12345", 5);
}
static void bad_constant_type(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_constant(b, orion_ir_type_make(ORION_IR_DTYPE_NONE, 2, shape), "", 0);
}
static void bad_bool(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_constant(b, orion_ir_type_make(ORION_IR_BOOL, 2, shape), "\1\0\1\0\2\0", 6);
}
static void blob_too_short(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_blob *blob = NULL;
    assert_int_equal(orion_blob_copy(NULL, 30, NULL, &blob), ORION_OK);
    orion_ir_constant_blob(b, f32_2x3(), blob, 7);
    orion_blob_unref(&blob);
}
static void bad_splat_type(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_splat(b, orion_ir_type_make(ORION_IR_F32, 1, (const int64_t[]){-1}), 1);
}
static void no_such_op(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_build1(b, (orion_ir_op)200, x);
}
static void build_const(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_build(b, ORION_IR_OP_const, &x, 0, NULL, 0);
}
static void no_such_attribute(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_attr attr = orion_ir_attr_int("axes", 0);
    orion_ir_build(b, ORION_IR_OP_softmax, &x, 1, &attr, 1);
}
static void attribute_twice(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_attr attrs[] = {orion_ir_attr_int("axis", 0), orion_ir_attr_int("axis", 0)};
    orion_ir_build(b, ORION_IR_OP_softmax, &x, 1, attrs, 2);
}
static void attribute_missing(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_build(b, ORION_IR_OP_transpose, &x, 1, NULL, 0);
}
static void attribute_out_of_range(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_attr attr = orion_ir_attr_int("tanh_approximation", 2);
    orion_ir_build(b, ORION_IR_OP_gelu, &x, 1, &attr, 1);
}
static void attribute_no_dtype(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_cast(b, x, (orion_ir_dtype)77);
}
static void split_into_nothing(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_attr attrs[] = {orion_ir_attr_int("axis", 0), orion_ir_attr_ints("sizes", shape, 0)};
    orion_ir_build(b, ORION_IR_OP_split, &x, 1, attrs, 2);
}
static void foreign_operand(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_neg(b, (orion_ir_value){77});
}
static void no_operand(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_add(b, x, (orion_ir_value){0});
}
static void too_many_operands(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_value *in = malloc(70000 * sizeof *in);
    assert_non_null(in);
    for (size_t i = 0; i < 70000; i++) in[i] = x;
    orion_ir_attr attr = orion_ir_attr_int("axis", 0);
    orion_ir_build(b, ORION_IR_OP_concat, in, 70000, &attr, 1);
    free(in);
}
static void no_such_result(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_result(b, orion_ir_neg(b, x), 1);
}
static void result_of_input(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_result(b, x, 0);
}
static void bad_name(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_name(b, orion_ir_neg(b, x), "a-b");
}
static void taken_name(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_name(b, orion_ir_neg(b, x), "x");
}
static void name_of_nothing(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_name(b, (orion_ir_value){9}, "a");
}
static void bad_output_name(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_output(b, "", x);
}
static void output_twice(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_output(b, "y", x);
    orion_ir_output(b, "y", x);
}
static void output_named_as_input(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_output(b, "x", orion_ir_neg(b, x));
}
static void output_of_nothing(orion_ir_builder *b, orion_ir_value x) {
    (void)x;
    orion_ir_output(b, "y", (orion_ir_value){9});
}
/* The first mistake is the one reported. */
static void first_of_two(orion_ir_builder *b, orion_ir_value x) {
    orion_ir_matmul(b, x, x, 0, 0);
    orion_ir_neg(b, (orion_ir_value){77});
}

static void test_builder_errors(void **state) {
    (void)state;
    static const struct {
        misuse *call;
        orion_message message;
        const char *words;
    } rows[] = {
        {no_output, ORION_MESSAGE_IR_GRAPH, "graph @g has no output"},
        {bad_input_name, ORION_MESSAGE_IR_NAME, "\"9x\" is not a legal name for an input"},
        {taken_input_name, ORION_MESSAGE_IR_NAME, "there is a value %x already"},
        {bad_input_type, ORION_MESSAGE_IR_SHAPE, "input %z: f32[0] is not a legal type"},
        {short_constant, ORION_MESSAGE_IR_DATA, "f32[2,3] has 24 bytes, 5 are given"},
        {bad_constant_type, ORION_MESSAGE_IR_SHAPE, "none[2,3] is not a legal type"},
        {bad_bool, ORION_MESSAGE_IR_DATA, "bool 4 is 2, not 0 or 1"},
        {blob_too_short, ORION_MESSAGE_IR_DATA, "needs 24 bytes at 7, the blob has 30"},
        {bad_splat_type, ORION_MESSAGE_IR_SHAPE, "f32[-1] is not a legal type"},
        {no_such_op, ORION_MESSAGE_IR_OP, "op number 200 is not in the table"},
        {build_const, ORION_MESSAGE_IR_OP, "const, which orion_ir_constant makes"},
        {no_such_attribute, ORION_MESSAGE_IR_ATTRIBUTE, "\"axes\" is unknown or given twice"},
        {attribute_twice, ORION_MESSAGE_IR_ATTRIBUTE, "\"axis\" is unknown or given twice"},
        {attribute_missing, ORION_MESSAGE_IR_ATTRIBUTE, "\"perm\" must be given"},
        {attribute_out_of_range, ORION_MESSAGE_IR_ATTRIBUTE, "tanh_approximation must be 0 or 1"},
        {attribute_no_dtype, ORION_MESSAGE_IR_ATTRIBUTE, "dtype is no dtype"},
        {split_into_nothing, ORION_MESSAGE_IR_ATTRIBUTE, "at least one part"},
        {foreign_operand, ORION_MESSAGE_IR_OPERANDS, "neg: operand 0 is no value"},
        {no_operand, ORION_MESSAGE_IR_OPERANDS, "add: operand 1 is no value"},
        {too_many_operands, ORION_MESSAGE_IR_OPERANDS, "70000 operands are given, at most 65535"},
        {no_such_result, ORION_MESSAGE_IR_OPERANDS, "no result 1 behind value 2"},
        {result_of_input, ORION_MESSAGE_IR_OPERANDS, "no result 0 behind value 1"},
        {bad_name, ORION_MESSAGE_IR_NAME, "\"a-b\" is not a legal name"},
        {taken_name, ORION_MESSAGE_IR_NAME, "\"x\" is taken"},
        {name_of_nothing, ORION_MESSAGE_IR_NAME, "\"a\" is given to no value"},
        {bad_output_name, ORION_MESSAGE_IR_NAME, "\"\" is not a legal name for an output"},
        {output_twice, ORION_MESSAGE_IR_NAME, "there is an output \"y\" already"},
        {output_named_as_input, ORION_MESSAGE_IR_NAME, "the name of an input that is another"},
        {output_of_nothing, ORION_MESSAGE_IR_OPERANDS, "output \"y\" is no value"},
        {first_of_two, ORION_MESSAGE_IR_TYPE, "matmul: the inner dims differ"},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        test_heap heap;
        char why[160];
        orion_ir_builder *b = NULL;
        orion_ir_graph *g = (void *)1;
        orion_diag *diag = NULL;
        test_heap_init(&heap);
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_builder_create("g", &heap.allocator, &b), ORION_OK);
        rows[i].call(b, orion_ir_input(b, "x", f32_2x3()));
        assert_int_equal(orion_ir_builder_finish(&b, diag, &g), ORION_ERROR_INVALID_ARGUMENT);
        assert_null(b);
        assert_null(g);
        assert_int_equal(orion_diag_count(diag), 1);
        assert_diag(diag, rows[i].message, rows[i].words);
        if (test_heap_check(&heap, why, sizeof why) != NULL) fail_msg("%s", why);
        test_heap_fini(&heap);
        orion_diag_destroy(&diag);
    }
}

/* After a failure every call is harmless and yields nothing. */
static void test_builder_is_sticky(void **state) {
    (void)state;
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL;
    assert_int_equal(orion_ir_builder_create("9", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", f32_2x3());
    assert_int_equal(x.id, 0);
    assert_int_equal(orion_ir_splat(b, f32_2x3(), 1).id, 0);
    assert_int_equal(orion_ir_constant(b, f32_2x3(), "", 0).id, 0);
    assert_int_equal(orion_ir_neg(b, x).id, 0);
    assert_int_equal(orion_ir_result(b, x, 0).id, 0);
    assert_int_equal(orion_ir_builder_type(b, x).dtype, ORION_IR_DTYPE_NONE);
    orion_ir_name(b, x, "n");
    orion_ir_output(b, "y", x);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_ERROR_INVALID_ARGUMENT);
    assert_null(b);
    orion_ir_builder_destroy(&b);
    orion_ir_builder_destroy(NULL);
}

/* Every inline builder of ir.h, in one graph. */
static void test_inline_builders(void **state) {
    (void)state;
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL;
    orion_diag *diag = NULL;
    const int64_t square[] = {2, 2}, two[] = {2}, one[] = {1}, four[] = {1, 1, 2, 2};
    const int64_t all[] = {0, 1};
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_builder_create("all", NULL, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, square));
    orion_ir_value v = orion_ir_input(b, "v", orion_ir_type_make(ORION_IR_F32, 1, two));
    orion_ir_value i = orion_ir_input(b, "i", orion_ir_type_make(ORION_IR_I32, 1, two));
    orion_ir_value at = orion_ir_input(b, "at", orion_ir_type_make(ORION_IR_I32, 1, one));
    orion_ir_value q = orion_ir_reshape(b, x, four, 4);
    orion_ir_value (*const unary[])(orion_ir_builder *, orion_ir_value) = {
        orion_ir_neg,   orion_ir_abs,   orion_ir_exp,      orion_ir_log,
        orion_ir_sqrt,  orion_ir_rsqrt, orion_ir_tanh,     orion_ir_sigmoid,
        orion_ir_relu,  orion_ir_erf,   orion_ir_sin,      orion_ir_cos,
        orion_ir_floor, orion_ir_round, orion_ir_identity, orion_ir_silu};
    orion_ir_value (*const binary[])(orion_ir_builder *, orion_ir_value, orion_ir_value) = {
        orion_ir_add, orion_ir_sub, orion_ir_mul, orion_ir_div,
        orion_ir_max, orion_ir_min, orion_ir_pow};
    for (size_t k = 0; k < ORN_COUNT(unary); k++) x = unary[k](b, x);
    for (size_t k = 0; k < ORN_COUNT(binary); k++) x = binary[k](b, x, v);
    orion_ir_value p = orion_ir_less(b, x, v);
    x = orion_ir_select(b, orion_ir_equal(b, p, orion_ir_less_equal(b, x, v)), x, v);
    x = orion_ir_linear(b, x, x);
    x = orion_ir_matmul(b, x, orion_ir_transpose(b, x, (const int64_t[]){1, 0}, 2), 1, 0);
    x = orion_ir_rms_norm(b, orion_ir_softmax(b, x, -1), v, 1e-6);
    x = orion_ir_slice_update(b, orion_ir_rope(b, x, i, 1e6, 0), x, at, 0);
    x = orion_ir_add(b, x, orion_ir_reduce_sum(b, x, all, 2, 0));
    x = orion_ir_add(b, x, orion_ir_reduce_mean(b, x, all, 2, 1));
    x = orion_ir_add(b, x, orion_ir_reduce_max(b, x, all, 1, 0));
    x = orion_ir_add(b, x, orion_ir_reduce_min(b, x, all, 1, 0));
    x = orion_ir_add(b, x, orion_ir_embedding(b, i, x));
    orion_ir_output(b, "attention", orion_ir_attention(b, q, q, q, i, 0));
    orion_ir_output(b, "loss", orion_ir_cast(b, orion_ir_cross_entropy(b, x, i), ORION_IR_F16));
    assert_ok(orion_ir_builder_finish(&b, diag, &g), diag);
    assert_round_trip(g);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&g);
}

/* ---- reading ---- */

static void test_reading(void **state) {
    (void)state;
    orion_ir_graph *g =
        graph_parse("oir 1\n"
                    "graph @g(%x: f32[2,3], %d: f32[3]) -> (%a, second = %b) {\n"
                    "  %a, %b = split %x {axis=0, sizes=[1, 1]} : f32[1,3], f32[1,3]\n"
                    "  %c = const [1, 2] : f16[2]\n"
                    "  %0 = rms_norm %a, %d {epsilon=0.5} : f32[1,3]\n"
                    "}\n");
    size_t n;
    assert_string_equal(orion_ir_graph_name(g), "g");
    assert_int_equal(orion_ir_graph_input_count(g), 2);
    assert_int_equal(orion_ir_graph_input(g, 2).id, 0);
    assert_int_equal(orion_ir_graph_output_count(g), 2);
    assert_string_equal(orion_ir_graph_output_name(g, 1), "second");
    assert_string_equal(orion_ir_graph_output_name(g, 2), "");
    assert_int_equal(orion_ir_graph_output(g, 2).id, 0);
    assert_int_equal(orion_ir_graph_node_count(g), 3);
    orion_ir_value x = orion_ir_graph_input(g, 0), nothing = {orion_ir_graph_value_bound(g)};
    assert_string_equal(orion_ir_value_name(g, x), "x");
    assert_null(orion_ir_value_node(g, x));
    assert_null(orion_ir_value_node(g, nothing));
    assert_null(orion_ir_value_name(g, nothing));
    assert_int_equal(orion_ir_value_type(g, nothing).dtype, ORION_IR_DTYPE_NONE);

    const orion_ir_node *split = orion_ir_graph_first(g), *constant = orion_ir_node_next(split);
    assert_int_equal(orion_ir_node_op(split), ORION_IR_OP_split);
    assert_int_equal(orion_ir_node_input_count(split), 1);
    assert_int_equal(orion_ir_node_input(split, 0).id, x.id);
    assert_int_equal(orion_ir_node_input(split, 1).id, 0);
    assert_int_equal(orion_ir_node_result_count(split), 2);
    assert_int_equal(orion_ir_node_result(split, 1).id, orion_ir_graph_output(g, 1).id);
    assert_int_equal(orion_ir_node_result(split, 2).id, 0);
    assert_ptr_equal(orion_ir_value_node(g, orion_ir_node_result(split, 1)), split);
    assert_int_equal(orion_ir_node_ints(split, "sizes", &n)[1], 1);
    assert_int_equal(n, 2);
    assert_non_null(orion_ir_node_ints(split, "axis", &n));
    assert_int_equal(n, 0);
    assert_int_equal(orion_ir_node_int(split, "sizes"), 0);
    assert_int_equal(orion_ir_node_int(split, "nothing"), 0);
    assert_true(orion_ir_node_float(split, "axis") == 0);
    assert_null(orion_ir_node_data(split, &n));
    assert_int_equal(n, 0);
    assert_null(orion_ir_node_blob(split, &n));

    assert_non_null(orion_ir_node_data(constant, &n));
    assert_int_equal(n, 4);
    assert_non_null(orion_ir_node_blob(constant, &n));
    assert_int_equal(n, 0);
    const orion_ir_node *norm = orion_ir_node_next(constant);
    assert_true(orion_ir_node_float(norm, "epsilon") == 0.5);
    assert_null(orion_ir_node_next(norm));
    orion_ir_graph_destroy(&g);
    assert_null(g);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(NULL);
}

/* A constant lives in the caller's blob, which the graph and its clones hold. */
static void drop(void *ctx) {
    ++*(int *)ctx;
}
static void test_clone_shares_blobs(void **state) {
    (void)state;
    static const char bytes[] = "xxxabcdefghijklmnopqrstuvwx";
    int dropped = 0;
    orion_blob *blob = NULL;
    orion_ir_builder *b = NULL;
    orion_ir_graph *g = NULL, *copy = NULL;
    size_t offset;
    char why[160];
    assert_int_equal(orion_blob_wrap(bytes, sizeof bytes, drop, &dropped, NULL, &blob), ORION_OK);
    assert_int_equal(orion_ir_builder_create("g", NULL, &b), ORION_OK);
    orion_ir_value c = orion_ir_constant_blob(b, f32_2x3(), blob, 3);
    orion_ir_output(b, "y", orion_ir_neg(b, c));
    orion_blob_unref(&blob);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    assert_int_equal(orion_ir_graph_clone(g, NULL, &copy), ORION_OK);
    assert_null(graph_difference(g, copy, why, sizeof why));
    const orion_ir_node *n = orion_ir_graph_first(copy);
    assert_ptr_equal(orion_ir_node_data(n, NULL), bytes + 3);
    assert_ptr_equal(orion_blob_data(orion_ir_node_blob(n, &offset)), bytes);
    assert_int_equal(offset, 3);
    orion_ir_graph_destroy(&g);
    assert_int_equal(dropped, 0);
    assert_graph_valid(copy);
    orion_ir_graph_destroy(&copy);
    assert_int_equal(dropped, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_types_that_are_not_legal),
        cmocka_unit_test(test_op_table),
        cmocka_unit_test(test_builder_errors),
        cmocka_unit_test(test_builder_is_sticky),
        cmocka_unit_test(test_inline_builders),
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_clone_shares_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
