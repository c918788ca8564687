/* SPDX-License-Identifier: MIT */
/* Texts and graphs that take many paths, with request 0, 1, 2 ... of memory failing on each;
 * tests/oom has every function once. */
#include "mil-support.h"

/* Everything that allocates on the way to a graph and back. */
static const char graph_text[] =
    "oir 1\n"
    "graph @main(%x: f32[2,3], %i: i32[2], %g: f32[3]) -> (%y, again = %y, %c, %x, same = %x) {\n"
    "  %c = const 0.5 : f32[5,13]\n"
    "  %mask = const [true, false] : bool[2,1]\n"
    "  %0 = rms_norm %x, %g : f32[2,3]\n"
    "  %1 = neg %0 : f32[2,3]\n"
    "  %2 = gather %1, %i : f32[2,3]\n"
    "  %3, %4 = split %2 {axis=1, sizes=[1, 2]} : f32[2,1], f32[2,2]\n"
    "  %5 = concat %3, %4 {axis=1} : f32[2,3]\n"
    "  %6 = pad %5 {before=[0, 0], after=[0, 0]} : f32[2,3]\n"
    "  %7 = gelu %6 : f32[2,3]\n"
    "  %8 = layer_norm %7, %g, %g : f32[2,3]\n"
    "  %y = select %mask, %8, %x : f32[2,3]\n"
    "}\n";

/* And other people's words. */
static const char foreign_text[] = MIL_PROGRAM(
    "tensor<fp32, [2, 3]> x, tensor<int16, [2]> i, tensor<bool, [2, 3]> b",
    "tensor<int32, [2]> at = const()[val = tensor<int32, [2]>([-1, 0])];\n"
    "tensor<fp32, [2, 3]> a = gather(x = x, indices = i);\n"
    "tensor<fp32, [2, 3]> c = gather(x = a, indices = at);\n"
    "tensor<fp32, [2, 3]> d = layer_norm(x = c);\n"
    "tensor<fp32, [2, 1, 3]> e = expand_dims(x = d, axes = [1]);\n"
    "tensor<fp32, [2, 3]> f = squeeze(x = e);\n"
    "tensor<fp32, [2, 2, 3]> g = stack(values = (f, x), axis = 1);\n"
    "tensor<fp32, [2, 3]> h = slice_by_index(x = g, begin = [0, 1, 0], end = [0, 0, 0], end_mask = "
    "[true, true, true], squeeze_mask = [false, true, false]);\n"
    "tensor<fp32, [2, 1]> j, tensor<fp32, [2, 1]> k, tensor<fp32, [2, 1]> l = split(x = h, axis = "
    "1, num_splits = 3);\n"
    "tensor<fp32, [2, 2]> m = concat(values = (j, k), axis = 1);\n"
    "tensor<fp32, [2, 2]> n = slice_by_size(x = m, begin = [0, 0], size = [-1, 2]);\n"
    "tensor<fp32, [1, 2, 2]> o = expand_dims(x = n, axes = [0]);\n"
    "tensor<fp32, [1, 2, 2]> p = scaled_dot_product_attention(query = o, key = o, value = o);\n"
    "tensor<fp32, [1, 2, 2]> q = clip(x = p, alpha = 0, beta = 1);\n"
    "tensor<fp32, [1, 2, 2]> r = rsqrt(x = q);\n"
    "tensor<fp32, [1, 2, 2]> s = gelu(x = r, mode = \"SIGMOID_APPROXIMATION\");\n"
    "tensor<bool, [1, 2, 2]> t = not_equal(x = s, y = s);\n"
    "fp32 u = reduce_sum(x = s);\n"
    "tensor<fp32, [1, 4]> v = reshape(x = s, shape = [1, -1]);\n",
    "t, u, v, t");

/* Formulas, constants made on the way, folding, states. */
static const char more_foreign_text[] = MIL_PROGRAM(
    "tensor<fp16, [2, 3]> x, tensor<int32, [2, 3]> i, state<tensor<fp16, [2, 3]>> s",
    "tensor<fp16, [2, 3]> old = read_state(input = s);\n"
    "tensor<fp16, [2, 3]> a = softplus(x = x);\n"
    "tensor<fp16, [2, 3]> b = cumsum(x = a, axis = 1, reverse = true);\n"
    "tensor<fp16, [2, 3]> c = reverse(x = b);\n"
    "tensor<fp16, [2, 3]> d = gather_along_axis(x = c, indices = i);\n"
    "tensor<int32, [2]> n = shape(x = d);\n"
    "tensor<int32, [2]> m = add(x = n, y = tensor<int32, [2]>([0, 0]));\n"
    "tensor<fp16, [2, 3]> e = reshape(x = d, shape = m);\n"
    "tensor<fp16, [2, 2]> f = einsum(values = (e, x), equation = \"ab,cb->ac\");\n"
    "fp16 g = reduce_prod(x = f);\n"
    "tensor<fp16, [4, 4]> h = upsample_bilinear(x = f, scale_factor_height = 2, "
    "scale_factor_width = 2);\n"
    "tensor<fp16, [2, 3]> k = slice_update(x = old, update = x, begin = [0, 0], end = [2, 3]);\n"
    "write_state(input = s, data = k);\n",
    "g, h");

static orion_mil_program *parse_on(const test_heap *heap, const char *text) {
    orion_mil_program *p;
    assert_int_equal(orion_mil_parse(text, strlen(text), "x", NULL, &heap->allocator, NULL, &p),
                     ORION_OK);
    return p;
}

static orion_status parse(oom_case *oom, void *ctx) {
    orion_mil_program *p;
    const char *text = ctx;
    oom_arm(oom);
    orion_status status =
        orion_mil_parse(text, strlen(text), "x", NULL, &oom->heap.allocator, NULL, &p);
    oom_disarm(oom);
    oom_output(oom, status, p);
    orion_mil_program_destroy(&p);
    return status;
}

static orion_status verify(oom_case *oom, void *ctx) {
    orion_mil_program *p = parse_on(&oom->heap, ctx);
    oom_arm(oom);
    orion_status status = orion_mil_verify(p, NULL);
    oom_disarm(oom);
    orion_mil_program_destroy(&p);
    return status;
}

static orion_status discard(void *ctx, const void *bytes, size_t n) {
    (void)ctx;
    (void)bytes;
    (void)n;
    return ORION_OK;
}

static orion_status print(oom_case *oom, void *ctx) {
    orion_mil_program *p = parse_on(&oom->heap, ctx);
    orion_writer writer = {.size = sizeof writer, .write = discard};
    oom_arm(oom);
    orion_status status = orion_mil_print(p, NULL, &writer);
    oom_disarm(oom);
    orion_mil_program_destroy(&p);
    return status;
}

static orion_status lower(oom_case *oom, void *ctx) {
    orion_ir_graph *graph;
    orion_mil_program *p;
    orion_mil_weights *w;
    orion_mil_lower_options options = {.size = sizeof options, .dialect = *(uint32_t *)ctx};
    assert_int_equal(orion_ir_parse(graph_text, strlen(graph_text), NULL, NULL, NULL, &graph),
                     ORION_OK);
    oom_arm(oom);
    orion_status status = orion_mil_lower(graph, &options, &oom->heap.allocator, NULL, &p, &w);
    oom_disarm(oom);
    oom_output(oom, status, p);
    oom_output(oom, status, w);
    orion_mil_program_destroy(&p);
    orion_mil_weights_destroy(&w);
    orion_ir_graph_destroy(&graph);
    return status;
}

static orion_status raise_own(oom_case *oom, void *ctx) {
    orion_ir_graph *graph, *back;
    orion_mil_program *p;
    orion_mil_weights *w;
    (void)ctx;
    assert_int_equal(orion_ir_parse(graph_text, strlen(graph_text), NULL, NULL, NULL, &graph),
                     ORION_OK);
    assert_int_equal(orion_mil_lower(graph, NULL, &oom->heap.allocator, NULL, &p, &w), ORION_OK);
    oom_arm(oom);
    orion_status status = orion_mil_raise(p, w, NULL, NULL, &oom->heap.allocator, NULL, &back);
    oom_disarm(oom);
    oom_output(oom, status, back);
    orion_ir_graph_destroy(&back);
    orion_ir_graph_destroy(&graph);
    orion_mil_program_destroy(&p);
    orion_mil_weights_destroy(&w);
    return status;
}

static orion_status raise_foreign(oom_case *oom, void *ctx) {
    orion_ir_graph *graph;
    orion_mil_program *p = parse_on(&oom->heap, ctx);
    oom_arm(oom);
    orion_status status = orion_mil_raise(p, NULL, NULL, NULL, &oom->heap.allocator, NULL, &graph);
    oom_disarm(oom);
    oom_output(oom, status, graph);
    orion_ir_graph_destroy(&graph);
    orion_mil_program_destroy(&p);
    return status;
}

static void test_programs(void **state) {
    (void)state;
    uint32_t dialects[] = {ORION_MIL_IOS16, ORION_MIL_IOS18};
    oom_loop("parse", parse, (void *)(uintptr_t)foreign_text);
    oom_loop("verify", verify, (void *)(uintptr_t)foreign_text);
    oom_loop("print", print, (void *)(uintptr_t)foreign_text);
    oom_loop("lower to ios16", lower, &dialects[0]);
    oom_loop("lower to ios18", lower, &dialects[1]);
    oom_loop("raise", raise_own, NULL);
    oom_loop("raise other people's", raise_foreign, (void *)(uintptr_t)foreign_text);
    oom_loop("raise more of them", raise_foreign, (void *)(uintptr_t)more_foreign_text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_programs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
