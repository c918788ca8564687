/* SPDX-License-Identifier: MIT */
/* Gradients of every op, and of graphs, against finite differences in f64; what is refused. */
#include "grad-support.h"
#include "graphs.h"
#include "op-cases.h"

#include <math.h>

/* Ops that pass no gradient, and why. All others must have cases in op_cases. */
static const char *const ends[] = {/* a path ends here */
                                   "const",         "equal",      "less",        "less_equal",
                                   "logical_and",   "logical_or", "logical_not", "reduce_argmax",
                                   "reduce_argmin", "quantize"};
static const char *const refused[] = {"floor", "round"}; /* no derivative */

static bool listed(const char *const *names, size_t n, const char *name) {
    for (size_t i = 0; i < n; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return false;
}

static const char *seeded_output(size_t i) {
    static const char *const names[] = {"y0", "y1", "y2", "y3"};
    return names[i];
}

/* ---- one op ---- */

static void test_every_op(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        if (listed(ends, ORN_COUNT(ends), c->op) || listed(refused, ORN_COUNT(refused), c->op)) {
            continue;
        }
        print_message("%s(%s) %s\n", c->op, c->operands, c->attrs);
        op_tensors operands = op_parse_tensors(c->operands);
        orion_ir_graph *g = op_graph(c->op, &operands, c->attrs);
        op_buffers in = op_inputs(g, &operands, 3);
        for (size_t output = 0; output < orion_ir_graph_output_count(g); output++) {
            orion_ir_grad_options options = {
                .size = sizeof options, .output = seeded_output(output), .seed = "seed"};
            check_gradients(g, &options, &in);
        }
        op_buffers_free(&in);
        orion_ir_graph_destroy(&g);
    }
}

/* One operand at a time: a rule must not need the others to be wanted, nor make more than asked. */
static void test_each_operand_alone(void **state) {
    (void)state;
    static const char *const names[OP_TENSORS_MAX] = {"x0", "x1", "x2", "x3", "x4", "x5"};
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        op_tensors operands = op_parse_tensors(c->operands);
        if (operands.count < 2 || !ir_op_differentiable(orion_ir_op_from_name(c->op)->op)) continue;
        orion_ir_graph *g = op_graph(c->op, &operands, c->attrs);
        op_buffers in = op_inputs(g, &operands, 3);
        for (size_t j = 0; j < operands.count; j++) {
            if (!ir_is_float(operands.at[j].type.dtype)) continue;
            orion_ir_grad_options options = {
                .size = sizeof options, .inputs = &names[j], .input_count = 1, .seed = "seed"};
            check_gradients(g, &options, &in);
        }
        op_buffers_free(&in);
        orion_ir_graph_destroy(&g);
    }
}

static void test_every_op_is_covered(void **state) {
    (void)state;
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const orion_ir_op_info *info = orion_ir_op_at(i);
        bool stops = listed(ends, ORN_COUNT(ends), info->name) ||
                     listed(refused, ORN_COUNT(refused), info->name);
        bool found = false;
        for (size_t j = 0; j < ORN_COUNT(op_cases); j++) {
            found |= strcmp(op_cases[j].op, info->name) == 0;
        }
        if (stops == ir_op_differentiable(info->op)) {
            fail_msg("%s %s a gradient rule", info->name, stops ? "has" : "lacks");
        }
        if (!stops && !found) fail_msg("%s has no case", info->name);
    }
    assert_false(ir_op_differentiable(0));
    assert_false(ir_op_differentiable(UINT32_MAX));
}

/* 16-bit graphs: types hold, and the figures are those of f32 but for rounding. */
static void check_narrow(const op_case *c, orion_ir_dtype dtype, double tolerance) {
    op_tensors wide = op_parse_tensors(c->operands), narrow = wide;
    for (size_t i = 0; i < narrow.count; i++) {
        if (ir_is_float(narrow.at[i].type.dtype)) narrow.at[i].type.dtype = (uint32_t)dtype;
    }
    orion_ir_grad_options options = {.size = sizeof options, .seed = "seed"};
    orion_ir_graph *graphs[] = {op_graph(c->op, &wide, c->attrs),
                                op_graph(c->op, &narrow, c->attrs)};
    op_buffers out[2];
    for (size_t i = 0; i < 2; i++) {
        orion_ir_graph *grad = grad_graph(graphs[i], &options);
        op_buffers in = op_inputs(graphs[i], &wide, 3), all = op_inputs_of(grad);
        for (size_t j = 0; j < in.count; j++) {
            memcpy(all.data[j], in.data[j], in.elements[j] * sizeof(double));
        }
        for (size_t j = 0; j < all.elements[in.count]; j++) all.data[in.count][j] = 0.5;
        out[i] = op_eval(grad, i == 0 ? ORION_IR_EVAL_EXACT : ORION_IR_EVAL_ROUNDED, &all);
        op_buffers_free(&in);
        op_buffers_free(&all);
        orion_ir_graph_destroy(&grad);
        orion_ir_graph_destroy(&graphs[i]);
    }
    for (size_t i = 0; i < out[0].count; i++) {
        assert_doubles_near(out[1].data[i], out[0].data[i], out[0].elements[i], tolerance,
                            tolerance);
    }
    op_buffers_free(&out[0]);
    op_buffers_free(&out[1]);
}

static void test_narrow_floats(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        if (!ir_op_differentiable(orion_ir_op_from_name(c->op)->op)) continue;
        if (strcmp(c->op, "cast") == 0 || strstr(c->operands, "apart") != NULL) continue;
        print_message("%s(%s) %s\n", c->op, c->operands, c->attrs);
        check_narrow(c, ORION_IR_F16, 1e-2);
        check_narrow(c, ORION_IR_BF16, 6e-2);
    }
}

/* ---- kinks ---- */

/* At ties the convention decides: finite differences cannot. */
static void check_exactly(const char *op, const char *operands, const char *attrs,
                          const char *gradient) {
    op_tensors x = op_parse_tensors(operands), want = op_parse_tensors(gradient);
    orion_ir_graph *g = op_graph(op, &x, attrs);
    orion_ir_grad_options options = {.size = sizeof options, .seed = "seed"};
    orion_ir_graph *grad = grad_graph(g, &options);
    op_buffers in = op_inputs_of(grad), source = op_inputs(g, &x, 1);
    for (size_t i = 0; i < source.count; i++) {
        memcpy(in.data[i], source.data[i], source.elements[i] * sizeof(double));
    }
    for (size_t i = 0; i < in.elements[source.count]; i++) in.data[source.count][i] = 1;
    op_buffers out = op_eval(grad, ORION_IR_EVAL_EXACT, &in);
    for (size_t i = 0; i < want.count; i++) {
        assert_doubles_near(out.data[1 + i], want.at[i].numbers, want.at[i].count, 1e-15, 0);
    }
    op_buffers_free(&in);
    op_buffers_free(&source);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&grad);
    orion_ir_graph_destroy(&g);
}

static void test_kinks(void **state) {
    (void)state;
    check_exactly("relu", "f32[3] -1 0 1", "", "f32[3] 0 0 1");
    check_exactly("abs", "f32[3] -1 0 1", "", "f32[3] -1 0 1");
    check_exactly("clip", "f32[5] -2 -1 0 1 2", "low=-1 high=1", "f32[5] 0 1 1 1 0");
    check_exactly("reduce_logsumexp", "f32[3] 2 -inf 2", "axes=[0]", "f32[3] 0.5 0 0.5");
    check_exactly("max", "f32[3] 1 2 3; f32[3] 2 2 2", "", "f32[3] 0 0.5 1; f32[3] 1 0.5 0");
    check_exactly("min", "f32[3] 1 2 3; f32[3] 2 2 2", "", "f32[3] 1 0.5 0; f32[3] 0 0.5 1");
    check_exactly("reduce_max", "f32[2,3] 1 5 5 7 7 7", "axes=[1]",
                  "f32[2,3] 0 0.5 0.5 0.3333333333333333 0.3333333333333333 0.3333333333333333");
    check_exactly("reduce_min", "f32[3] 1 5 5", "axes=[0]", "f32[3] 1 0 0");
    check_exactly("pow", "f32[3] 0 0 0; f32[3] 0 1 2", "", "f32[3] 0 1 0; f32[3] 0 0 0");
    check_exactly("attention", "f32[1,1,1,1] 1; f32[1,1,2,1] 1 5; f32[1,1,2,1] 2 9; i32[1] 0", "",
                  "f32[1] 0; f32[2] 0 0; f32[2] 1 0");
    check_exactly("cross_entropy", "f32[2,2] 0 0 0 0; i32[2] -1 1", "", "f32[2,2] 0 0 0.5 -0.5");
    check_exactly("cross_entropy", "f32[1,2] 0 0; i32[1] -1", "", "f32[1,2] 0 0");
}

/* ---- graphs ---- */

static void check_text(const char *text, const orion_ir_grad_options *options) {
    orion_ir_graph *g = graph_parse(text);
    op_buffers in = op_inputs_of(g);
    uint64_t state = 5;
    for (size_t i = 0; i < in.count; i++) {
        op_tensor t = {.fill = OP_ANY};
        if (ir_val(g, g->inputs[i])->type.dtype == ORION_IR_I32) t = (op_tensor){.below = 2};
        if (t.below != 0) t.fill = OP_BELOW;
        op_fill(&t, in.data[i], in.elements[i], &state);
    }
    check_gradients(g, options, &in);
    op_buffers_free(&in);
    orion_ir_graph_destroy(&g);
}

/* Contributions of several users are added up in f32: 1 + 2^-11 + 2^-11 is 1 in f16, step by step.
 */
static void test_fan_out_is_rounded_once(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @f(%x: f16[]) -> (%y) {\n"
                                    "  %t = const 0.00048828125 : f16[]\n"
                                    "  %one = const 1 : f16[]\n"
                                    "  %a = mul %x, %t : f16[]\n"
                                    "  %b = mul %x, %t : f16[]\n"
                                    "  %c = mul %x, %one : f16[]\n"
                                    "  %s = add %a, %b : f16[]\n"
                                    "  %y = add %s, %c : f16[]\n"
                                    "}\n");
    orion_ir_graph *grad = grad_graph(g, NULL);
    op_buffers in = op_inputs_of(grad), out;
    in.data[0][0] = 3;
    out = op_eval(grad, ORION_IR_EVAL_ROUNDED, &in);
    assert_true(out.data[1][0] == 1.0009765625);
    op_buffers_free(&in);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&grad);
    orion_ir_graph_destroy(&g);
}

/* A value used often, by one op twice, and by the output itself. */
static void test_fan_out(void **state) {
    (void)state;
    check_text("oir 1\n"
               "graph @f(%x: f32[3]) -> (%y) {\n"
               "  %a = mul %x, %x : f32[3]\n"
               "  %b = exp %a : f32[3]\n"
               "  %c = mul %b, %a : f32[3]\n"
               "  %d = add %c, %x : f32[3]\n"
               "  %y = reduce_sum %d {axes=[0]} : f32[]\n"
               "}\n",
               NULL);
}

static void test_output_is_an_input(void **state) {
    (void)state;
    orion_ir_grad_options options = {.size = sizeof options, .seed = "s"};
    check_text("oir 1\n"
               "graph @f(%x: f32[3], %z: f32[2]) -> (y = %x) {\n"
               "}\n",
               &options);
}

/* Inputs that have no influence, or only through integers, get zeros. */
static void test_unused_inputs(void **state) {
    (void)state;
    check_text("oir 1\n"
               "graph @f(%x: f32[3], %unused: f32[2,2], %i: i32[1], %cut: f32[3], %scalar: f32[])"
               " -> (%y, %other) {\n"
               "  %rows = cast %cut {dtype=i32} : i32[3]\n"
               "  %back = cast %rows {dtype=f32} : f32[3]\n"
               "  %a = mul %x, %back : f32[3]\n"
               "  %y = reduce_sum %a {axes=[0]} : f32[]\n"
               "  %other = exp %unused : f32[2,2]\n"
               "}\n",
               NULL);
}

/* A second output, an op without a derivative and a dead node, none of them on the path. */
static void test_off_the_path(void **state) {
    (void)state;
    static const char *const wanted[] = {"x"};
    orion_ir_grad_options options = {
        .size = sizeof options, .output = "y", .inputs = wanted, .input_count = 1};
    check_text("oir 1\n"
               "graph @f(%x: f32[3], %z: f32[3]) -> (%r, %y) {\n"
               "  %r = round %x : f32[3]\n"
               "  %dead = exp %x : f32[3]\n"
               "  %f = floor %z : f32[3]\n"
               "  %a = mul %x, %f : f32[3]\n"
               "  %y = reduce_sum %a {axes=[0]} : f32[]\n"
               "}\n",
               &options);
}

/* What nobody reads is not there: the caller's dead node, and parts of rules that were not needed.
 */
static void test_no_dead_code(void **state) {
    (void)state;
    static const char *const wanted[] = {"beta"};
    orion_ir_grad_options options = {
        .size = sizeof options, .inputs = wanted, .input_count = 1, .seed = "s"};
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @f(%x: f32[2,3], %gamma: f32[3], %beta: f32[3])"
                                    " -> (%y) {\n"
                                    "  %dead = exp %x : f32[2,3]\n"
                                    "  %y = layer_norm %x, %gamma, %beta : f32[2,3]\n"
                                    "}\n");
    orion_ir_graph *grad = grad_graph(g, &options);
    assert_int_equal(orion_ir_graph_node_count(grad), 2); /* layer_norm, reduce_sum */
    orion_ir_graph_destroy(&grad);
    orion_ir_graph_destroy(&g);
}

/* Model ops in core ops first: the rules of the core ops compose to those of the model ops. */
static void test_decomposed(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        const op_case *c = &op_cases[i];
        const orion_ir_op_info *info = orion_ir_op_from_name(c->op);
        if (info->is_model == 0 || !ir_op_differentiable(info->op)) continue;
        print_message("%s(%s) %s\n", c->op, c->operands, c->attrs);
        op_tensors operands = op_parse_tensors(c->operands);
        orion_ir_graph *g = op_graph(c->op, &operands, c->attrs);
        op_buffers in = op_inputs(g, &operands, 3);
        orion_ir_grad_options options = {.size = sizeof options, .seed = "seed"};
        assert_int_equal(orion_ir_run_passes(g, "decompose,default", NULL, NULL, NULL), ORION_OK);
        check_gradients(g, &options, &in);
        op_buffers_free(&in);
        orion_ir_graph_destroy(&g);
    }
}

/* A table used by embedding and, transposed, by the last product: both reach one cotangent. */
static void test_tied_table(void **state) {
    (void)state;
    const char *text = "oir 1\n"
                       "graph @f(%ids: i32[3], %table: f32[5,2], %targets: i32[3]) -> (%loss) {\n"
                       "  %x = embedding %ids, %table : f32[3,2]\n"
                       "  %h = tanh %x : f32[3,2]\n"
                       "  %logits = linear %h, %table : f32[3,5]\n"
                       "  %loss = cross_entropy %logits, %targets : f32[]\n"
                       "}\n";
    check_text(text, NULL);
    /* The rows are added to the product of the output layer: no table of zeros is made. */
    orion_ir_graph *g = graph_parse(text), *grad = grad_graph(g, NULL);
    ir_foreach_node (grad, n) assert_int_not_equal(n->op, ORION_IR_OP_tile);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&grad);
}

/* Attention whose heads are not wanted stays whole; else its softmax is one op, made once. */
static void test_attention_is_expanded_where_needed(void **state) {
    (void)state;
    const char *text = "oir 1\n"
                       "graph @f(%x: f32[1,4,3,2], %k: f32[1,2,3,2], %w: f32[2]) -> (%s) {\n"
                       "  %a = attention %x, %k, %k {causal=true} : f32[1,4,3,2]\n"
                       "  %b = mul %a, %w : f32[1,4,3,2]\n"
                       "  %c = attention %b, %k, %k : f32[1,4,3,2]\n"
                       "  %s = reduce_sum %c {axes=[0,1,2,3]} : f32[]\n"
                       "}\n";
    static const char *const wanted[] = {"w"};
    orion_ir_grad_options options = {.size = sizeof options, .inputs = wanted, .input_count = 1};
    orion_ir_graph *g = graph_parse(text), *grad = grad_graph(g, &options);
    size_t whole = 0, softmaxes = 0;
    ir_foreach_node (grad, n) {
        whole += n->op == ORION_IR_OP_attention;
        softmaxes += n->op == ORION_IR_OP_softmax;
    }
    assert_int_equal(whole, 1);
    assert_int_equal(softmaxes, 1);
    assert_non_null(orion_ir_value_node(grad, (orion_ir_value){ir_find_name(grad, "c", 1)}));
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&grad);
    check_text(text, &options);
    check_text(text, NULL);
}

/* The gradient of a gradient, under the next free name. */
static void test_second_order(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @f(%x: f32[3], %w: f32[2,3]) -> (%y) {\n"
                                    "  %h = linear %x, %w : f32[2]\n"
                                    "  %a = silu %h : f32[2]\n"
                                    "  %p = softmax %a : f32[2]\n"
                                    "  %q = mul %p, %a : f32[2]\n"
                                    "  %y = reduce_sum %q {axes=[0]} : f32[]\n"
                                    "}\n");
    orion_ir_graph *first = grad_graph(g, NULL);
    orion_ir_grad_options options = {.size = sizeof options, .output = "grad_x", .seed = "seed"};
    orion_ir_graph *second = grad_graph(first, &options);
    output_at(second, "grad_grad_x");
    output_at(second, "grad_grad_w");
    /* check_gradients finds inputs by what follows "grad_", so give it one whose names are free. */
    orion_ir_graph *plain;
    char *text = graph_text(first);
    for (char *p = text; (p = strstr(p, "grad_x")) != NULL;) memcpy(p, "dydx_x", 6);
    for (char *p = text; (p = strstr(p, "grad_w")) != NULL;) memcpy(p, "dydw_w", 6);
    plain = graph_parse(text);
    free(text);
    op_buffers in = op_inputs_of(plain);
    uint64_t random = 3;
    op_tensor any = {.fill = OP_ANY};
    for (size_t i = 0; i < in.count; i++) op_fill(&any, in.data[i], in.elements[i], &random);
    options.output = "dydx_x";
    check_gradients(plain, &options, &in);
    op_buffers_free(&in);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&first);
    orion_ir_graph_destroy(&second);
    orion_ir_graph_destroy(&plain);
}

/* The same call gives the same graph, and the source can be used again. */
static void test_repeated_use(void **state) {
    (void)state;
    op_tensors x = op_parse_tensors("f32[1,2,3,4]; f32[1,1,3,4]; f32[1,1,3,4]");
    orion_ir_graph *g = op_graph("attention", &x, "causal=1");
    orion_ir_grad_options options = {.size = sizeof options, .seed = "seed"};
    orion_ir_graph *a = grad_graph(g, &options), *b = grad_graph(g, &options);
    char *ta = graph_text(a), *tb = graph_text(b);
    assert_string_equal(ta, tb);
    free(ta);
    free(tb);
    orion_ir_graph_destroy(&a);
    orion_ir_graph_destroy(&b);
    orion_ir_graph_destroy(&g);
}

/* ---- names ---- */

static void test_names(void **state) {
    (void)state;
    orion_ir_graph *g = graph_parse("oir 1\n"
                                    "graph @f(%x: f32[], %grad_x: f32[]) -> (%y, grad_grad_x = %y) "
                                    "{\n"
                                    "  %y = mul %x, %grad_x : f32[]\n"
                                    "}\n");
    orion_ir_graph *grad = grad_graph(g, NULL);
    output_at(grad, "grad_grad_grad_x");
    output_at(grad, "grad_grad_grad_grad_x");
    assert_int_equal(orion_ir_graph_output_count(grad), 4);
    orion_ir_graph_destroy(&grad);
    orion_ir_grad_options options = {.size = sizeof options, .seed = "s"};
    grad = grad_graph(g, &options);
    assert_int_equal(orion_ir_graph_input_count(grad), 3);
    assert_string_equal(orion_ir_value_name(grad, orion_ir_graph_input(grad, 2)), "s");
    orion_ir_graph_destroy(&grad);
    options = (orion_ir_grad_options){.size = sizeof options, .inputs = (const char *const[]){"x"}};
    grad = grad_graph(g, &options); /* none of them */
    assert_int_equal(orion_ir_graph_output_count(grad), 2);
    orion_ir_graph_destroy(&grad);
    orion_ir_graph_destroy(&g);
}

/* 250 bytes leave room for "grad_", 251 do not. */
static void test_long_names(void **state) {
    (void)state;
    for (size_t length = 250; length <= 251; length++) {
        char name[256] = "";
        orion_ir_builder *b;
        orion_ir_graph *g, *grad;
        orion_diag *diag;
        memset(name, 'x', length);
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        assert_int_equal(orion_ir_builder_create("long", NULL, &b), ORION_OK);
        orion_ir_value x = orion_ir_input(b, name, orion_ir_type_make(ORION_IR_F32, 0, NULL));
        orion_ir_output(b, "y", orion_ir_exp(b, x));
        assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
        orion_status status = orion_ir_grad(g, NULL, NULL, diag, &grad);
        assert_int_equal(status, length == 250 ? ORION_OK : ORION_ERROR_INVALID_ARGUMENT);
        if (status != ORION_OK) assert_diag(diag, ORION_MESSAGE_IR_NAME, "not a legal name");
        orion_ir_graph_destroy(&grad);
        orion_ir_graph_destroy(&g);
        orion_diag_destroy(&diag);
    }
}

/* ---- refusals ---- */

static const char *const refusals = "oir 1\n"
                                    "graph @f(%x: f32[2], %i: i32[2]) -> (%y, %v, %n, %r) {\n"
                                    "  %v = exp %x : f32[2]\n"
                                    "  %y = reduce_sum %v {axes=[0]} : f32[]\n"
                                    "  %n = less %v, %x : bool[2]\n"
                                    "  %rounded = round %v : f32[2]\n"
                                    "  %r = reduce_sum %rounded {axes=[0]} : f32[]\n"
                                    "}\n";

static void check_refusal(orion_ir_grad_options options, orion_status status, orion_message message,
                          const char *part) {
    orion_ir_graph *g = graph_parse(refusals), *grad = g;
    orion_diag *diag;
    options.size = sizeof options;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_grad(g, &options, NULL, diag, &grad), status);
    assert_null(grad);
    assert_diag(diag, message, part);
    assert_int_equal(orion_ir_grad(g, &options, NULL, NULL, &grad), status);
    orion_diag_destroy(&diag);
    orion_ir_graph_destroy(&g);
}

static void test_refusals(void **state) {
    (void)state;
    static const char *const z[] = {"z"}, *const v[] = {"v"}, *const i[] = {"i"};
    static const char *const xx[] = {"x", "x"};
    const orion_status unknown = ORION_ERROR_NOT_FOUND, bad = ORION_ERROR_INVALID_ARGUMENT;
    check_refusal((orion_ir_grad_options){.output = "z"}, unknown, ORION_MESSAGE_IR_GRAD_NAME,
                  "no output \"z\"");
    check_refusal((orion_ir_grad_options){.inputs = z, .input_count = 1}, unknown,
                  ORION_MESSAGE_IR_GRAD_NAME, "no input \"z\"");
    check_refusal((orion_ir_grad_options){.inputs = v, .input_count = 1}, unknown,
                  ORION_MESSAGE_IR_GRAD_NAME, "no input \"v\"");
    check_refusal((orion_ir_grad_options){.inputs = xx, .input_count = 2}, bad,
                  ORION_MESSAGE_IR_GRAD_NAME, "input \"x\" is listed twice");
    check_refusal((orion_ir_grad_options){.inputs = i, .input_count = 1}, bad,
                  ORION_MESSAGE_IR_GRAD_TYPE, "input \"i\" is i32");
    check_refusal((orion_ir_grad_options){.output = "v"}, bad, ORION_MESSAGE_IR_GRAD_TYPE,
                  "output \"v\" is f32[2], which is no float scalar");
    check_refusal((orion_ir_grad_options){.output = "n", .seed = "s"}, bad,
                  ORION_MESSAGE_IR_GRAD_TYPE, "output \"n\" is bool[2], which is no float");
    check_refusal((orion_ir_grad_options){.output = "r"}, ORION_ERROR_UNSUPPORTED,
                  ORION_MESSAGE_IR_GRAD_OP, "round has no derivative, but its result %rounded");
    check_refusal((orion_ir_grad_options){.output = "v", .seed = "x"}, bad, ORION_MESSAGE_IR_NAME,
                  "%x already");
    check_refusal((orion_ir_grad_options){.output = "v", .seed = "1x"}, bad, ORION_MESSAGE_IR_NAME,
                  "\"1x\"");
}

/* Options of another version: older ones are shorter, newer ones may only add zeros. */
static void test_options_size(void **state) {
    (void)state;
    struct {
        orion_ir_grad_options known;
        uint64_t more;
    } options = {{.size = sizeof options}, 0};
    orion_ir_graph *g = graph_parse(refusals), *grad;
    assert_int_equal(orion_ir_grad(g, &options.known, NULL, NULL, &grad), ORION_OK);
    orion_ir_graph_destroy(&grad);
    options.more = 1;
    assert_int_equal(orion_ir_grad(g, &options.known, NULL, NULL, &grad), ORION_ERROR_ABI);
    assert_null(grad);
    options.known.size = 1;
    assert_int_equal(orion_ir_grad(g, &options.known, NULL, NULL, &grad),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_null(grad);
    orion_ir_graph_destroy(&g);
}

static orion_status grad_oom(oom_case *oom, void *ctx) {
    const op_case *c = ctx;
    op_tensors operands = op_parse_tensors(c->operands);
    orion_ir_graph *g = op_graph(c->op, &operands, c->attrs), *grad;
    orion_ir_grad_options options = {.size = sizeof options, .seed = "seed"};
    oom_arm(oom);
    orion_status status = orion_ir_grad(g, &options, &oom->heap.allocator, NULL, &grad);
    oom_disarm(oom);
    oom_output(oom, status, grad);
    orion_ir_graph_destroy(&grad);
    orion_ir_graph_destroy(&g);
    return status;
}

static void test_out_of_memory(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(op_cases); i++) {
        op_case c = op_cases[i];
        if (ir_op_differentiable(orion_ir_op_from_name(c.op)->op)) oom_loop(c.op, grad_oom, &c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_op),
        cmocka_unit_test(test_each_operand_alone),
        cmocka_unit_test(test_every_op_is_covered),
        cmocka_unit_test(test_narrow_floats),
        cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_fan_out),
        cmocka_unit_test(test_fan_out_is_rounded_once),
        cmocka_unit_test(test_output_is_an_input),
        cmocka_unit_test(test_unused_inputs),
        cmocka_unit_test(test_off_the_path),
        cmocka_unit_test(test_no_dead_code),
        cmocka_unit_test(test_decomposed),
        cmocka_unit_test(test_tied_table),
        cmocka_unit_test(test_attention_is_expanded_where_needed),
        cmocka_unit_test(test_second_order),
        cmocka_unit_test(test_repeated_use),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_options_size),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
