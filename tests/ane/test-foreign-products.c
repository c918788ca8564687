/* SPDX-License-Identifier: MIT */
/* MIL products: matmul of vectors, einsum, attention with masks; and parameters that a program
 * computes from shapes. */
#include "foreign-support.h"

#include <math.h>

enum { ROOM = 1024 };

static double x[ROOM], y[ROOM], want[ROOM];

static int fill(void **state) {
    uint64_t seed = 3;
    (void)state;
    for (int i = 0; i < ROOM; i++) x[i] = test_random_unit(&seed);
    for (int i = 0; i < ROOM; i++) y[i] = test_random_unit(&seed);
    return 0;
}

static void check(const char *parameters, const char *statements, double tolerance) {
    char text[4096];
    snprintf(text, sizeof text, FOREIGN("%s", "%s", "z"), parameters, statements);
    foreign_check(&(foreign_case){.text = text,
                                  .inputs = (const double *const[]){x, y},
                                  .expected = (const double *const[]){want},
                                  .expected_count = 1,
                                  .exact = {tolerance, tolerance},
                                  .device = {fmax(tolerance, 2e-6), fmax(tolerance, 2e-6)}});
}

static void test_vectors(void **state) {
    (void)state;
    for (int i = 0; i < 4; i++) {
        want[i] = 0;
        for (int k = 0; k < 3; k++) want[i] += x[k] * y[k * 4 + i];
    }
    check("tensor<fp32, [3]> x, tensor<fp32, [3, 4]> y",
          "tensor<fp32, [4]> z = matmul(x = x, y = y);\n", 1e-12);
    for (int i = 0; i < 4; i++) {
        want[i] = 0;
        for (int k = 0; k < 3; k++) want[i] += y[k] * x[k * 4 + i];
    }
    check("tensor<fp32, [3, 4]> x, tensor<fp32, [3]> y",
          "tensor<fp32, [4]> z = matmul(x = x, y = y, transpose_x = true);\n", 1e-12);
    want[0] = x[0] * y[0] + x[1] * y[1] + x[2] * y[2];
    check("tensor<fp32, [3]> x, tensor<fp32, [3]> y", "fp32 z = matmul(x = x, y = y);\n", 1e-12);
    for (int n = 0; n < 2; n++) {
        for (int i = 0; i < 4; i++) {
            want[n * 4 + i] = 0;
            for (int k = 0; k < 3; k++) want[n * 4 + i] += y[k] * x[(n * 4 + i) * 3 + k];
        }
    }
    check("tensor<fp32, [2, 4, 3]> x, tensor<fp32, [3]> y",
          "tensor<fp32, [2, 4]> z = matmul(x = x, y = y);\n", 1e-12);
}

/* ---- einsum ---- */

static int extent_of(char letter) {
    return letter == '\0' ? 1 : 2 + (letter - 'a') % 3;
}

static size_t offset_of(const char *term, const int *at) {
    size_t offset = 0;
    for (; *term >= 'a' && *term <= 'z'; term++)
        offset = offset * (size_t)extent_of(*term) + (size_t)at[*term - 'a'];
    return offset;
}

/* Every letter takes every value: the definition of einsum, at its own pace. */
static void add_all(const char *letters, const char *const *terms, int *at) {
    if (*letters == '\0') {
        want[offset_of(terms[2], at)] += x[offset_of(terms[0], at)] * y[offset_of(terms[1], at)];
        return;
    }
    for (int i = 0; i < extent_of(*letters); i++) {
        at[*letters - 'a'] = i;
        add_all(letters + 1, terms, at);
    }
}

static void write_type(char *out, const char *term, const char *name) {
    out += sprintf(out, "tensor<fp32, [");
    for (int i = 0; term[i] != '\0'; i++)
        out += sprintf(out, i == 0 ? "%d" : ", %d", extent_of(term[i]));
    sprintf(out, "]> %s", name);
}

static void check_einsum(const char *a, const char *b, const char *out) {
    const char *const terms[] = {a, b, out};
    char letters[32] = "", parameters[256], result[128], statement[512];
    int at[26] = {0};
    for (size_t t = 0; t < 2; t++) {
        for (const char *c = terms[t]; *c != '\0'; c++) {
            if (strchr(letters, *c) == NULL) strncat(letters, c, 1);
        }
    }
    memset(want, 0, sizeof want);
    add_all(letters, terms, at);
    write_type(parameters, a, "x, ");
    write_type(parameters + strlen(parameters), b, "y");
    write_type(result, out, "z");
    snprintf(statement, sizeof statement,
             "%s = einsum(values = (x, y), equation = \"%s,%s->%s\");\n", result, a, b, out);
    check(parameters, statement, 1e-12);
}

static void test_einsum(void **state) {
    (void)state;
    static const char *const cases[][3] = {
        {"bnqd", "bnkd", "bnqk"}, /* scores */
        {"bnqk", "bnkd", "bnqd"}, /* values */
        {"bqnd", "bknd", "bnqk"}, /* heads in the middle */
        {"bhwc", "cd", "bhwd"},   /* a linear layer */
        {"abc", "acd", "abd"},    /* coremltools' own example */
        {"ab", "bc", "ca"},       {"ab", "cb", "ac"},  {"ab", "cd", "abcd"}, {"a", "a", ""},
        {"abc", "abc", "abc"},    {"abc", "cb", "ca"}, {"abd", "b", "b"},    {"ba", "bc", "abc"},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++)
        check_einsum(cases[i][0], cases[i][1], cases[i][2]);
}

/* ---- attention ---- */

enum { B = 2, T = 3, S = 4, D = 5 };

static void want_attention(const double *mask, bool hide) {
    for (int b = 0; b < B; b++) {
        for (int t = 0; t < T; t++) {
            double weights[S], sum = 0;
            for (int s = 0; s < S; s++) {
                double score = 0;
                for (int d = 0; d < D; d++)
                    score += x[(b * T + t) * D + d] * y[(b * S + s) * D + d];
                score /= sqrt(D);
                if (mask != NULL && !hide) score += mask[t * S + s];
                weights[s] = mask != NULL && hide && mask[t * S + s] == 0 ? 0 : exp(score);
                sum += weights[s];
            }
            for (int d = 0; d < D; d++) {
                want[(b * T + t) * D + d] = 0;
                for (int s = 0; s < S; s++)
                    want[(b * T + t) * D + d] += weights[s] / sum * y[(b * S + s) * D + d];
            }
        }
    }
}

#define QK    "tensor<fp32, [2, 3, 5]> x, tensor<fp32, [2, 4, 5]> y"
#define HEADS "tensor<fp32, [2, 1, 3, 5]> x, tensor<fp32, [2, 1, 4, 5]> y"

static void test_attention(void **state) {
    (void)state;
    static const double hide[] = {1, 0, 0, 1, 1, 1, 0, 0, 1, 1, 1, 1},
                        bias[] = {0, -1, 2, 0, 0.5, 0, -3, 1, 0, 0, 0, 0};
    want_attention(NULL, false);
    check(QK,
          "tensor<fp32, [2, 3, 5]> z = scaled_dot_product_attention(query = x, key = y, value = "
          "y);\n",
          1e-7);
    check(HEADS,
          "tensor<fp32, [2, 1, 3, 5]> z = scaled_dot_product_attention(query = x, key = y, value = "
          "y);\n",
          1e-7);
#define HIDE                                                                                       \
    "tensor<bool, [3, 4]> m = const()[val = tensor<bool, [3, 4]>([true, false, false, true, "      \
    "true, true, false, false, true, true, true, true])];\n"
#define BIAS                                                                                       \
    "tensor<fp32, [3, 4]> m = const()[val = tensor<fp32, [3, 4]>([0, -1, 2, 0, 0.5, 0, -3, 1, 0, " \
    "0, 0, 0])];\n"
    want_attention(hide, true);
    check(HEADS,
          HIDE "tensor<fp32, [2, 1, 3, 5]> z = scaled_dot_product_attention(query = x, key = y, "
               "value = y, attn_mask = m);\n",
          1e-7);
    check(QK,
          HIDE "tensor<fp32, [2, 3, 5]> z = scaled_dot_product_attention(query = x, key = y, value "
               "= y, attn_mask = m);\n",
          1e-7);
    want_attention(bias, false);
    check(HEADS,
          BIAS "tensor<fp32, [2, 1, 3, 5]> z = scaled_dot_product_attention(query = x, key = y, "
               "value = y, attn_mask = m);\n",
          1e-7);
}

/* ---- parameters computed from shapes, as converters of PyTorch leave them ---- */

static void test_shape_arithmetic(void **state) {
    (void)state;
    for (int i = 0; i < 24; i++) want[i] = x[i / 12 * 12 + i % 3 * 4 + i / 3 % 4];
    check("tensor<fp32, [2, 3, 4]> x",
          "tensor<int32, [3]> s = shape(x = x);\n"
          "tensor<int32, []> zero = const()[val = tensor<int32, []>(0)];\n"
          "tensor<int32, [1]> first = slice_by_index(x = s, begin = [0], end = [1]);\n"
          "int32 last = gather(x = s, indices = int32(2), axis = 0);\n"
          "tensor<int32, [1]> lasts = expand_dims(x = last, axes = [0]);\n"
          "tensor<int32, [1]> middle = slice_by_index(x = s, begin = [-2], end = [-1]);\n"
          "tensor<int32, [3]> p = concat(values = (first, lasts, middle), axis = 0, interleave = "
          "false);\n"
          "tensor<int32, [3]> perm = sub(x = p, y = tensor<int32, [3]>([2, 2, 2]));\n"
          "tensor<fp32, [2, 4, 3]> t = transpose(x = x, perm = perm);\n"
          "int32 half = floor_div(x = last, y = int32(2));\n"
          "int32 six = mul(x = half, y = int32(6));\n"
          "tensor<int32, [1]> sixes = expand_dims(x = six, axes = [0]);\n"
          "tensor<int32, [1]> minus = const()[val = tensor<int32, [1]>([-1])];\n"
          "tensor<int32, [2]> flat = concat(values = (minus, sixes), axis = 0, interleave = "
          "false);\n"
          "tensor<fp32, [2, 12]> z = reshape(x = t, shape = flat);\n",
          0);
    /* min, select and a comparison decide how far a slice goes; a float in between */
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 3; k++) want[i * 3 + k] = x[i * 4 + k];
    }
    check("tensor<fp32, [2, 4]> x",
          "tensor<int32, [2]> s = shape(x = x);\n"
          "tensor<int32, [1]> a, tensor<int32, [1]> b = split(x = s, axis = 0, num_splits = 2);\n"
          "tensor<fp32, [1]> f = cast(x = b, dtype = \"fp32\");\n"
          "tensor<fp32, [1]> q = mul(x = f, y = fp32(0.8));\n"
          "tensor<fp32, [1]> g = floor(x = q);\n"
          "tensor<int32, [1]> n = cast(x = g, dtype = \"int32\");\n"
          "tensor<bool, [1]> c = greater(x = n, y = a);\n"
          "tensor<int32, [1]> e = select(cond = c, a = n, b = a);\n"
          "tensor<int32, [2]> end = concat(values = (a, e), axis = 0, interleave = false);\n"
          "tensor<fp32, [2, 3]> z = slice_by_index(x = x, begin = [0, 0], end = end);\n",
          0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_einsum),
        cmocka_unit_test(test_attention),
        cmocka_unit_test(test_shape_arithmetic),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
