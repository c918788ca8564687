/* SPDX-License-Identifier: MIT */
/* MIL ops that are formulas of elementwise ops, against the functions of math.h. */
#include "foreign-support.h"

#include <math.h>

typedef struct arguments {
    double x, y, alpha, beta; /* of one element */
} arguments;

typedef struct formula_case {
    const char *op;
    const char *parameters; /* behind x, e.g. ", alpha = 2" */
    double (*function)(arguments a);
    double low, high; /* of x */
    double alpha, beta;
} formula_case;

#define CASE(name_, expression_)                                                                   \
    static double name_(arguments a) {                                                             \
        (void)a;                                                                                   \
        return expression_;                                                                        \
    }
CASE(f_clamped_relu, fmin(a.beta, a.x < 0 ? a.x * a.alpha : a.x))
CASE(f_elu, a.x < 0 ? a.alpha * expm1(a.x) : a.x)
CASE(f_leaky_relu, a.x < 0 ? a.alpha * a.x : a.x)
CASE(f_linear, a.alpha *a.x + a.beta)
CASE(f_relu6, fmin(fmax(a.x, 0), 6))
CASE(f_scaled_tanh, a.alpha *tanh(a.beta *a.x))
CASE(f_sigmoid_hard, fmin(fmax(a.alpha *a.x + a.beta, 0), 1))
CASE(f_softplus, a.x > 30 ? a.x : log1p(exp(a.x)))
CASE(f_softplus_parametric, a.alpha *log1p(exp(a.beta *a.x)))
CASE(f_softsign, a.x / (1 + fabs(a.x)))
CASE(f_threshold, fmax(a.x, a.alpha))
CASE(f_thresholded_relu, a.x >= a.alpha ? a.x : 0)
CASE(f_gelu_sigmoid, a.x / (1 + exp(-1.702 * a.x)))
CASE(f_acos, acos(a.x))
CASE(f_asin, asin(a.x))
CASE(f_atan, atan(a.x))
CASE(f_atanh, atanh(a.x))
CASE(f_ceil, ceil(a.x))
CASE(f_cosh, cosh(a.x))
CASE(f_exp2, exp2(a.x))
CASE(f_floor_div, floor(a.x / a.y))
CASE(f_inverse, 1 / (a.x + a.alpha))
CASE(f_log, log(a.x + a.alpha))
CASE(f_rsqrt, 1 / sqrt(a.x + a.alpha))
CASE(f_mod, a.x - a.y * floor(a.x / a.y))
CASE(f_sign, (a.x > 0) - (a.x < 0))
CASE(f_sinh, sinh(a.x))
CASE(f_square, a.x *a.x)
CASE(f_tan, tan(a.x))

enum { POINTS = 24 };

/* Numbers that f16 has, from low to high, both included. */
static double point(const formula_case *c, int i) {
    return ldexp(floor(ldexp(c->low + (c->high - c->low) * i / (POINTS - 1), 6)), -6);
}

/* x is [1, 2, 12]: two channels, which softplus_parametric and prelu give numbers of their own. */
static void check_formula(const formula_case *c, const char *dtype) {
    char text[1024];
    double x[POINTS], y[POINTS], expected[POINTS];
    const double *const inputs[] = {x, y}, *const outputs[] = {expected};
    for (int i = 0; i < POINTS; i++) {
        bool second = strstr(c->parameters, "= one") != NULL && i >= POINTS / 2;
        x[i] = point(c, i);
        y[i] = i % 2 == 0 ? 2.5 : -1.75;
        expected[i] = c->function((arguments){.x = x[i],
                                              .y = y[i],
                                              .alpha = c->alpha * (second ? 2 : 1),
                                              .beta = c->beta * (second ? 2 : 1)});
    }
    snprintf(text, sizeof text,
             FOREIGN("tensor<%s, [1, 2, 12]> x, tensor<%s, [1, 2, 12]> y",
                     "tensor<%s, [2]> one = const()[val = tensor<%s, [2]>([0.5, 1.0])];\n"
                     "tensor<%s, [2]> two = const()[val = tensor<%s, [2]>([1.5, 3.0])];\n"
                     "tensor<%s, [1, 2, 12]> z = %s(x = x%s);\n",
                     "z"),
             dtype, dtype, dtype, dtype, dtype, dtype, dtype, c->op, c->parameters);
    foreign_check(&(foreign_case){.text = text,
                                  .inputs = inputs,
                                  .expected = outputs,
                                  .expected_count = 1,
                                  .exact = {1e-9, strcmp(dtype, "fp16") == 0 ? 2e-3 : 1e-6}});
}

static void test_every_formula(void **state) {
    (void)state;
    static const formula_case cases[] = {
        {"clamped_relu", ", alpha = 0.5, beta = 2", f_clamped_relu, -4, 4, 0.5, 2},
        {"elu", "", f_elu, -4, 3, 1, 0},
        {"elu", ", alpha = 0.25", f_elu, -4, 3, 0.25, 0},
        {"leaky_relu", "", f_leaky_relu, -4, 3, 0.01, 0},
        {"leaky_relu", ", alpha = 0.25", f_leaky_relu, -4, 3, 0.25, 0},
        {"linear_activation", "", f_linear, -4, 3, 1, 0},
        {"linear_activation", ", alpha = 2, beta = 0.5", f_linear, -4, 3, 2, 0.5},
        {"prelu", ", alpha = one", f_leaky_relu, -4, 3, 0.5, 0},
        {"relu6", "", f_relu6, -2, 9, 0, 0},
        {"scaled_tanh", "", f_scaled_tanh, -3, 3, 1, 1},
        {"scaled_tanh", ", alpha = 2, beta = 0.5", f_scaled_tanh, -3, 3, 2, 0.5},
        {"sigmoid_hard", "", f_sigmoid_hard, -4, 4, 0.2, 0.5},
        {"sigmoid_hard", ", alpha = 0.5, beta = 0.25", f_sigmoid_hard, -4, 4, 0.5, 0.25},
        {"softplus", "", f_softplus, -9, 40, 0, 0},
        {"softplus_parametric", ", alpha = one, beta = two", f_softplus_parametric, -3, 3, 0.5,
         1.5},
        {"softsign", "", f_softsign, -4, 4, 0, 0},
        {"threshold", ", alpha = 0.5", f_threshold, -2, 2, 0.5, 0},
        {"thresholded_relu", "", f_thresholded_relu, -2, 3, 1, 0},
        {"thresholded_relu", ", alpha = 0.5", f_thresholded_relu, -2, 3, 0.5, 0},
        {"gelu", ", mode = \"SIGMOID_APPROXIMATION\"", f_gelu_sigmoid, -4, 4, 0, 0},
        {"acos", "", f_acos, -1, 1, 0, 0},
        {"asin", "", f_asin, -1, 1, 0, 0},
        {"atan", "", f_atan, -5, 5, 0, 0},
        {"atan", "", f_atan, -40, 90, 0, 0},
        {"atanh", "", f_atanh, -0.984375, 0.984375, 0, 0},
        {"ceil", "", f_ceil, -4, 4, 0, 0},
        {"cosh", "", f_cosh, -4, 4, 0, 0},
        {"exp2", "", f_exp2, -6, 9, 0, 0},
        {"floor_div", ", y = y", f_floor_div, -9, 9, 0, 0},
        {"inverse", "", f_inverse, 0.125, 4, 1e-4, 0},
        {"inverse", ", epsilon = 0.5", f_inverse, 0.125, 4, 0.5, 0},
        {"log", "", f_log, 0.125, 4, 1e-45, 0},
        {"log", ", epsilon = 0.5", f_log, 0.125, 4, 0.5, 0},
        {"rsqrt", "", f_rsqrt, 0.125, 4, 1e-12, 0},
        {"rsqrt", ", epsilon = 0.5", f_rsqrt, 0.125, 4, 0.5, 0},
        {"mod", ", y = y", f_mod, -9, 9, 0, 0},
        {"sign", "", f_sign, -2, 2, 0, 0},
        {"sinh", "", f_sinh, -4, 4, 0, 0},
        {"square", "", f_square, -4, 4, 0, 0},
        {"tan", "", f_tan, -1.25, 1.25, 0, 0},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        check_formula(&cases[i], "fp32");
        check_formula(&cases[i], "fp16");
    }
}

#define VECTOR(n, dtype) "tensor<" dtype ", [" #n "]> x, tensor<" dtype ", [" #n "]> y"

#define UNARY(n, op) FOREIGN(VECTOR(n, "fp32"), "tensor<fp32, [" #n "]> z = " op "(x = x);\n", "z")

static void check_vector(const char *text, const double *x, const double *y, const double *z,
                         double relative) {
    foreign_check(&(foreign_case){.text = text,
                                  .inputs = (const double *const[]){x, y},
                                  .expected = (const double *const[]){z},
                                  .expected_count = 1,
                                  .exact = {0, relative}, /* tiny results count */
                                  .device = {1e-300, 3 * relative}});
}

/* Ends of domains, infinities, NaN, and arguments so small that 1 + x is 1. */
static void test_edges(void **state) {
    (void)state;
    const double inf = (double)INFINITY, nan_ = (double)NAN, half_pi = 1.5707963267948966;
    check_vector(UNARY(3, "acos"), (double[]){-1, 1, 2}, (double[3]){0},
                 (double[]){2 * half_pi, 0, nan_}, 1e-6);
    check_vector(UNARY(3, "asin"), (double[]){-1, 1, 0x1p-20}, (double[3]){0},
                 (double[]){-half_pi, half_pi, 0x1p-20}, 1e-6);
    check_vector(UNARY(4, "atan"), (double[]){-inf, inf, 0x1p-40, 0x1p30}, (double[4]){0},
                 (double[]){-half_pi, half_pi, 0x1p-40, half_pi}, 1e-6);
    check_vector(UNARY(4, "atanh"), (double[]){-1, 1, 0x1p-30, 2}, (double[4]){0},
                 (double[]){-inf, inf, 0x1p-30, nan_}, 1e-6);
    check_vector(UNARY(3, "sinh"), (double[]){0x1p-30, 100, -inf}, (double[3]){0},
                 (double[]){0x1p-30, inf, -inf}, 1e-6);
    check_vector(UNARY(4, "elu"), (double[]){-0x1p-30, -inf, inf, nan_}, (double[4]){0},
                 (double[]){-0x1p-30, -1, inf, nan_}, 1e-6);
    check_vector(UNARY(4, "softplus"), (double[]){-20, -inf, inf, 90}, (double[4]){0},
                 (double[]){log1p(exp(-20)), 0, inf, 90}, 1e-6);
    check_vector(UNARY(4, "sign"), (double[]){-inf, -0.0, 0x1p-120, 3}, (double[4]){0},
                 (double[]){-1, 0, 1, 1}, 1e-6);
}

/* Integers: exact up to the ends of their range. */
static void test_integers(void **state) {
    (void)state;
    static const double x[] = {7, -7, 7, -7, 2147483647, -2147483647, 2147483646, 16777217},
                        y[] = {2, 2, -2, -2, 3, 7, 1073741824, 16777216};
    double quotient[8], rest[8], signs[8];
    for (int i = 0; i < 8; i++) {
        quotient[i] = floor(x[i] / y[i]);
        rest[i] = x[i] - y[i] * quotient[i];
        signs[i] = x[i] > 0 ? 1 : -1;
    }
#define BINARY(dtype, op)                                                                          \
    FOREIGN(VECTOR(8, dtype), "tensor<" dtype ", [8]> z = " op "(x = x, y = y);\n", "z")
    check_vector(BINARY("int32", "floor_div"), x, y, quotient, 0);
    check_vector(BINARY("int32", "mod"), x, y, rest, 0);
    check_vector(FOREIGN(VECTOR(8, "int32"), "tensor<int32, [8]> z = sign(x = x);\n", "z"), x, y,
                 signs, 0);
    static const double small[] = {1, 2, 3, 4, 5, 100, 15, 0}, three[] = {3, 3, 3, 3, 3, 3, 3, 3};
    check_vector(BINARY("uint8", "floor_div"), small, three, (double[]){0, 0, 1, 1, 1, 33, 5, 0},
                 0);
    check_vector(BINARY("int32", "real_div"), x, y,
                 (double[]){3, -3, -3, 3, 715827882, -306783378, 1, 1}, 0);
    check_vector(
        FOREIGN(VECTOR(8, "int32"), "tensor<fp32, [8]> z = real_div(x = x, y = y);\n", "z"), small,
        three, (double[]){1.0 / 3, 2.0 / 3, 1, 4.0 / 3, 5.0 / 3, 100.0 / 3, 5, 0}, 1e-6);
}

/* Comparisons, which are formulas too, of floats, integers and bools. */
static void test_comparisons(void **state) {
    (void)state;
    static const double x[] = {1, 2, 3, -1}, y[] = {2, 2, 1, -1};
    static const struct {
        const char *op;
        double expected[4];
    } cases[] = {{"greater", {0, 0, 1, 0}},    {"greater_equal", {0, 1, 1, 1}},
                 {"not_equal", {1, 0, 1, 0}},  {"less", {1, 0, 0, 0}},
                 {"less_equal", {1, 1, 0, 1}}, {"equal", {0, 1, 0, 1}}};
    static const char *const dtypes[] = {"fp32", "fp16", "int32"};
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        for (size_t k = 0; k < ORN_COUNT(dtypes); k++) {
            char text[512];
            snprintf(text, sizeof text,
                     FOREIGN("tensor<%s, [4]> x, tensor<%s, [4]> y",
                             "tensor<bool, [4]> z = %s(x = x, y = y);\n", "z"),
                     dtypes[k], dtypes[k], cases[i].op);
            check_vector(text, x, y, cases[i].expected, 0);
        }
    }
    check_vector(
        FOREIGN(VECTOR(4, "bool"), "tensor<bool, [4]> z = logical_xor(x = x, y = y);\n", "z"),
        (double[]){0, 0, 1, 1}, (double[]){0, 1, 0, 1}, (double[]){0, 1, 1, 0}, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_formula),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_integers),
        cmocka_unit_test(test_comparisons),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
