/* SPDX-License-Identifier: MIT */
/* Elementary functions against libm in double: bounds in units of the last place, and edges. */
#include "kernel-support.h"

#include <math.h>

static double rsqrt(double x) {
    return 1 / sqrt(x);
}
static double sigmoid(double x) {
    return 1 / (1 + exp(-x));
}
static double relu(double x) {
    return x > 0 || isnan(x) ? x : 0;
}
static double silu(double x) {
    return x / (1 + exp(-x));
}
static double gelu(double x) {
    return 0.5 * x * (1 + erf(x / sqrt(2)));
}
static double gelu_tanh(double x) {
    return 0.5 * x * (1 + tanh(sqrt(2 / 3.14159265358979323846) * (x + 0.044715 * x * x * x)));
}
static double identity(double x) {
    return x;
}
static double negative(double x) {
    return -x;
}

/* The bounds of docs/kernels.md.  `absolute` counts units of 2^-24 times the larger of |x| and 1.
 */
static const struct function {
    uint16_t op, flags;
    double (*exact)(double);
    double ulps, absolute;
} functions[] = {
    {ORION_IR_OP_exp, 0, exp, 1, 0},         {ORION_IR_OP_log, 0, log, 1, 0},
    {ORION_IR_OP_sqrt, 0, sqrt, 0.5, 0},     {ORION_IR_OP_rsqrt, 0, rsqrt, 1.5, 0},
    {ORION_IR_OP_tanh, 0, tanh, 1.5, 0},     {ORION_IR_OP_sigmoid, 0, sigmoid, 2.5, 0},
    {ORION_IR_OP_erf, 0, erf, 1.25, 0},      {ORION_IR_OP_sin, 0, sin, 1.5, 0},
    {ORION_IR_OP_cos, 0, cos, 1.5, 0},       {ORION_IR_OP_silu, 0, silu, 3.5, 0x1p-149},
    {ORION_IR_OP_gelu, 0, gelu, 2, 0x1p-23}, {ORION_IR_OP_gelu, 1, gelu_tanh, 4, 0x1p-23},
    {ORION_IR_OP_relu, 0, relu, 0, 0},       {ORION_IR_OP_floor, 0, floor, 0, 0},
    {ORION_IR_OP_round, 0, nearbyint, 0, 0}, {ORION_IR_OP_abs, 0, fabs, 0, 0},
    {ORION_IR_OP_neg, 0, negative, 0, 0},    {ORION_IR_OP_identity, 0, identity, 0, 0},
};

/* y = op(x) for n floats. */
static void apply(const cpu_kernels *kernels, uint16_t op, uint16_t flags, int64_t n, float *x,
                  float *y) {
    orn_arena arena;
    orn_arena_init(&arena, NULL);
    cpu_chain_input in = {.dtype = ORION_IR_F32, .strides = {1}};
    cpu_chain_output out = {.value = 1, .dtype = ORION_IR_F32, .strides = {1}};
    cpu_chain_node node = {.op = op, .dtype = ORION_IR_F32, .flags = flags};
    cpu_chain_desc desc = {.rank = 1,
                           .dims = {n},
                           .inputs = &in,
                           .nodes = &node,
                           .outputs = &out,
                           .n_inputs = 1,
                           .n_nodes = 1,
                           .n_outputs = 1};
    cpu_chain *chain;
    assert_int_equal(cpu_chain_create(&arena, &desc, &chain), ORION_OK);
    kernels->chain(NULL, chain, (void *const[]){x, y});
    orn_arena_clear(&arena);
}

/* Distance in units of the last place of a float of that size. */
static double ulps_between(double y, double exact) {
    int exponent;
    frexp(exact, &exponent);
    return fabs(y - exact) / ldexp(1, exponent - 24 < -149 ? -149 : exponent - 24);
}

static double error_of(const struct function *f, float x, float y) {
    double exact = f->exact((double)x);
    if (isnan(exact)) return isnan(y) ? 0 : INFINITY;
    if (isinf(exact) || fabs(exact) >= 0x1.ffffffp127) { /* rounds to infinity */
        return isinf(y) && (y < 0) == (exact < 0) ? 0 : INFINITY;
    }
    double slack = f->absolute * fmax(fabs((double)x), 1);
    if (isfinite(y) && fabs((double)y - exact) <= slack) return 0;
    return ulps_between((double)y, exact);
}

static void check_function(const cpu_kernels *kernels, const struct function *f, int64_t n,
                           float *x, float *y) {
    apply(kernels, f->op, f->flags, n, x, y);
    double worst = 0;
    int64_t where = 0;
    for (int64_t i = 0; i < n; i++) {
        double error = error_of(f, x[i], y[i]);
        if (!(error > worst)) continue;
        worst = error;
        where = i;
    }
    const char *name = orion_ir_op_find((orion_ir_op)f->op)->name;
    printf("%-7s %-9s %.3f ulp\n", kernels->name, name, worst);
    if (worst > f->ulps) {
        fail_msg("%s %s(%.9g) is %.9g, off by %.3f ulp", kernels->name, name, (double)x[where],
                 (double)y[where], worst);
    }
}

/* Bit patterns at even distances: all signs, exponents, subnormal numbers, NaN. */
static void test_everywhere(void **state) {
    (void)state;
    enum { STEP = 20011, COUNT = (int)(UINT32_MAX / STEP) };
    float *x = new_floats(COUNT), *y = new_floats(COUNT);
    for (int i = 0; i < COUNT; i++) x[i] = orn_bits_f32((uint32_t)i * STEP);
    const cpu_kernels *kernels;
    for (size_t s = 0; (kernels = kernel_set(s)) != NULL; s++) {
        for (size_t i = 0; i < ORN_COUNT(functions); i++) {
            check_function(kernels, &functions[i], COUNT, x, y);
        }
    }
    free(x);
    free(y);
}

/* Where networks live, densely. */
static void test_usual_range(void **state) {
    (void)state;
    enum { COUNT = 60001 };
    float *x = new_floats(COUNT), *y = new_floats(COUNT);
    for (int i = 0; i < COUNT; i++) x[i] = (float)(i - COUNT / 2) * 0.0007f;
    const cpu_kernels *kernels;
    for (size_t s = 0; (kernels = kernel_set(s)) != NULL; s++) {
        for (size_t i = 0; i < ORN_COUNT(functions); i++) {
            check_function(kernels, &functions[i], COUNT, x, y);
        }
    }
    free(x);
    free(y);
}

/* Exact results at the places where functions change their mind. */
static void test_edges(void **state) {
    (void)state;
    static const struct {
        uint16_t op;
        float x, y;
    } edges[] = {
        {ORION_IR_OP_exp, 0, 1},
        {ORION_IR_OP_exp, -0.0f, 1},
        {ORION_IR_OP_exp, 88.72284f, INFINITY},
        {ORION_IR_OP_exp, 1e30f, INFINITY},
        {ORION_IR_OP_exp, -103.97f, 0x1p-149f},
        {ORION_IR_OP_exp, -103.98f, 0},
        {ORION_IR_OP_exp, -INFINITY, 0},
        {ORION_IR_OP_log, 1, 0},
        {ORION_IR_OP_log, 0, -INFINITY},
        {ORION_IR_OP_log, -0.0f, -INFINITY},
        {ORION_IR_OP_log, -1, NAN},
        {ORION_IR_OP_log, INFINITY, INFINITY},
        {ORION_IR_OP_log, 0x1p-149f, -103.278929f},
        {ORION_IR_OP_sqrt, -1, NAN},
        {ORION_IR_OP_rsqrt, 0, INFINITY},
        {ORION_IR_OP_rsqrt, INFINITY, 0},
        {ORION_IR_OP_tanh, -0.0f, -0.0f},
        {ORION_IR_OP_tanh, 20, 1},
        {ORION_IR_OP_tanh, -INFINITY, -1},
        {ORION_IR_OP_sigmoid, 0, 0.5f},
        {ORION_IR_OP_sigmoid, INFINITY, 1},
        {ORION_IR_OP_sigmoid, -INFINITY, 0},
        {ORION_IR_OP_erf, -0.0f, -0.0f},
        {ORION_IR_OP_erf, 5, 1},
        {ORION_IR_OP_erf, -INFINITY, -1},
        {ORION_IR_OP_sin, -0.0f, -0.0f},
        {ORION_IR_OP_sin, INFINITY, NAN},
        {ORION_IR_OP_cos, INFINITY, NAN},
        {ORION_IR_OP_cos, 0, 1},
        {ORION_IR_OP_relu, -0.0f, 0},
        {ORION_IR_OP_relu, -INFINITY, 0},
        {ORION_IR_OP_round, 0.5f, 0},
        {ORION_IR_OP_round, 1.5f, 2},
        {ORION_IR_OP_round, -0.25f, -0.0f},
        {ORION_IR_OP_round, 8388607.5f, 8388608},
        {ORION_IR_OP_floor, -0.25f, -1},
        {ORION_IR_OP_floor, -8388607.5f, -8388608},
        {ORION_IR_OP_floor, -0.0f, -0.0f},
        {ORION_IR_OP_silu, 1e30f, 1e30f},
        {ORION_IR_OP_gelu, -30, -0.0f},
    };
    const cpu_kernels *kernels;
    for (size_t s = 0; (kernels = kernel_set(s)) != NULL; s++) {
        for (size_t i = 0; i < ORN_COUNT(edges); i++) {
            float x = edges[i].x, y;
            apply(kernels, edges[i].op, 0, 1, &x, &y);
            bool same = isnan(edges[i].y) ? isnan(y) : orn_f32_bits(y) == orn_f32_bits(edges[i].y);
            if (same) continue;
            fail_msg("%s %s(%.9g) is %.9g, not %.9g", kernels->name,
                     orion_ir_op_find((orion_ir_op)edges[i].op)->name, (double)x, (double)y,
                     (double)edges[i].y);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everywhere),
        cmocka_unit_test(test_usual_range),
        cmocka_unit_test(test_edges),
    };
    return cmocka_run_group_tests(tests, kernel_setup, kernel_teardown);
}
