/* SPDX-License-Identifier: MIT */
/*
 * What surprises people at run time, each as the evidence has it, and in strict mode with a reason:
 * identity, files, baked weights, order, sizes, limits, numbers.
 */
#define _POSIX_C_SOURCE 200809L
#include "support.h"
#include "util/util.h"

#include "client.h"
#include <orion/emulator.h>
#include <orion/mil.h>

#include <math.h>
#include <sys/stat.h>
#include <unistd.h>

static void settings(const char *text) {
    orion_emulator_reset();
    const char *wrong = orion_emulator_configure(text);
    if (wrong != NULL) fail_msg("%s", wrong);
}

static orion_emulator_counters counters(void) {
    orion_emulator_counters now = {.size = sizeof now};
    orion_emulator_get_counters(&now);
    return now;
}

/* ---- programs ---- */

#define PROGRAM(parameters, statements, results)                                                   \
    "program(1.3)\n{\n    func main<ios18>(" parameters ") {\n" statements "    } -> (" results    \
    ");\n}\n"
#define ROW "tensor<fp16, [1, 2, 1, 32]>"

static const char two_outputs[] =
    PROGRAM(ROW " y, " ROW " x",
            "        " ROW " b = add(x = x, y = x)[name = string(\"b\")];\n"
            "        " ROW " a = add(x = y, y = y)[name = string(\"a\")];\n",
            "b, a");

static const char scaled[] =
    PROGRAM(ROW " x",
            "        tensor<fp16, [1, 2, 1, 1]> w = const()[name = string(\"w\"), val = "
            "tensor<fp16, [1, 2, 1, 1]>(BLOBFILE(path = string(\"@model_path/weights/w.bin\"), "
            "offset = uint64(64)))];\n"
            "        " ROW " y = mul(x = x, y = w)[name = string(\"y\")];\n",
            "y");

/* A weight file with two numbers, as they have been written by hand: 128 bytes and the data. */
typedef struct weight_file {
    unsigned char bytes[132];
} weight_file;

static weight_file weights(float first, float second) {
    weight_file f = {{0}};
    const uint32_t header[] = {1, 2}, entry[] = {0xdeadbeef, 1, 4, 0, 128, 0};
    const uint16_t data[] = {orn_f16_from_f32(first), orn_f16_from_f32(second)};
    memcpy(f.bytes, header, sizeof header);
    memcpy(f.bytes + 64, entry, sizeof entry);
    memcpy(f.bytes + 128, data, sizeof data);
    return f;
}

static client_file file_of(const weight_file *f) {
    return (client_file){"@model_path/weights/w.bin", f->bytes, sizeof f->bytes};
}

static client *ready(const char *text, const client_file *files, size_t count) {
    client *c = client_create(text, files, count);
    assert_non_null(c);
    answer compiled = client_compile(c), loaded = {false};
    if (compiled.yes) loaded = client_load(c);
    if (!loaded.yes) fail_msg("%s%s", compiled.text, loaded.text);
    return c;
}

static void *filled(size_t bytes, float value) {
    void *surface = client_surface(bytes);
    assert_non_null(surface);
    uint16_t *halves = client_bytes(surface);
    for (size_t i = 0; i < bytes / 2; i++) halves[i] = orn_f16_from_f32(value);
    return surface;
}

static float element(void *surface, size_t i) {
    return orn_f32_from_f16(((const uint16_t *)client_bytes(surface))[i]);
}

static void expect(answer a, bool yes, const char *part) {
    if (a.yes != yes || (part != NULL && strstr(a.text, part) == NULL) ||
        a.error != (part != NULL)) {
        fail_msg("answer %d, error %d: %s", a.yes, a.error, a.text);
    }
}

/* ---- identity and files ---- */

static void test_identity(void **state) {
    (void)state;
    settings("");
    const weight_file one = weights(1, 2), two = weights(3, 4);
    client *a = client_create(scaled, (const client_file[]){file_of(&one)}, 1);
    client *b = client_create(scaled, (const client_file[]){file_of(&two)}, 1);
    client *c = client_create(two_outputs, NULL, 0);
    const char *id = client_identity(a), *plain = client_identity(c);
    assert_int_equal(strlen(id), 194);
    assert_string_not_equal(id, client_identity(b)); /* other weights, another program */
    assert_non_null(strstr(
        plain,
        "_DF3F619804A92FDB4057192DC43DD748EA778ADC52BC498CE80524C014B81119_E3B0C44298FC1C149A"
        "FBF4C8996FB92427AE41E4649B934CA495991B7852B855"));
    char want[ORION_MIL_IDENTITY_BYTES];
    orion_mil_identity(two_outputs, strlen(two_outputs), NULL, NULL, 0, want);
    assert_string_equal(plain, want);
    client_destroy(a);
    client_destroy(b);
    client_destroy(c);
    assert_int_equal(counters().objects_now, 0);
}

static bool there(const client *c, const char *name) {
    char path[1024];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", client_folder(c), name);
    return stat(path, &st) == 0;
}

/* The framework writes the text as net.plist and the weights as "data"; unloading removes all. */
static void test_files(void **state) {
    (void)state;
    settings("");
    const weight_file w = weights(1, 2);
    client *c = ready(scaled, (const client_file[]){file_of(&w)}, 1);
    assert_true(there(c, "net.plist") && there(c, "data") && there(c, "model.mil"));
    expect(client_unload(c), true, NULL);
    assert_false(there(c, ""));
    client_destroy(c);
    settings("unload=keeps");
    c = ready(scaled, (const client_file[]){file_of(&w)}, 1);
    expect(client_unload(c), true, NULL);
    assert_true(there(c, "model.mil"));
    client_destroy(c);
}

/* model.mil must be there before the compiler is called. */
static void test_no_file(void **state) {
    (void)state;
    char path[1024];
    settings("");
    client *c = client_create(two_outputs, NULL, 0);
    snprintf(path, sizeof path, "%s/model.mil", client_folder(c));
    assert_int_equal(unlink(path), 0);
    expect(client_compile(c), false, "model.mil");
    client_destroy(c);
}

/* newer frameworks notice files that are not what the descriptor was made of. */
static void test_tampering(void **state) {
    (void)state;
    const weight_file w = weights(1, 2);
    const client_file file = file_of(&w);
    settings("fault=tamper");
    client_destroy(ready(scaled, &file, 1));
    assert_int_equal(counters().faults, 1);
    settings("fault=tamper, hashes=verify");
    client *c = client_create(scaled, &file, 1);
    expect(client_compile(c), false, "TOCTOU");
    expect(client_compile(c), true, NULL);
    client_destroy(c);
}

/* ---- weights: E-7, X-18 ---- */

static float run_scaled(client *c) {
    void *in[] = {filled(128, 1)}, *out[] = {filled(128, 0)};
    expect(client_evaluate(c, in, 1, out, 1, 0), true, NULL);
    return element(out[0], 0);
}

/* The paper's delta compilation: unload, write other weights, load. */
static answer reload(client *c, const weight_file *other) {
    const client_file file = file_of(other);
    expect(client_unload(c), true, NULL);
    client_write(c, scaled, &file, 1);
    return client_load(c);
}

static void test_baked(void **state) {
    (void)state;
    const weight_file one = weights(5, 5), other = weights(7, 7);
    const client_file file = file_of(&one);
    settings("");
    client *c = ready(scaled, &file, 1);
    assert_true(run_scaled(c) == 5);
    expect(reload(c, &other), true, NULL);
    assert_true(run_scaled(c) == 5); /* fast, successful and stale */
    assert_int_equal(counters().compiles, 1);
    assert_int_equal(counters().implicit_compiles, 0);
    client_destroy(c);
    settings("reload=paper");
    c = ready(scaled, &file, 1);
    expect(reload(c, &other), true, NULL);
    assert_true(run_scaled(c) == 7);
    client_destroy(c);
    settings("strict=on");
    c = ready(scaled, &file, 1);
    expect(reload(c, &other), false, "E-7");
    client_destroy(c);
}

/* Loading what was never compiled compiles it, and no counter of the client notices. */
static void test_implicit_compile(void **state) {
    (void)state;
    const weight_file w = weights(6, 6);
    const client_file file = file_of(&w);
    settings("compile-limit=0");
    client *c = client_create(scaled, &file, 1);
    expect(client_load(c), true, NULL);
    assert_true(run_scaled(c) == 6);
    assert_int_equal(counters().implicit_compiles, 1);
    expect(client_unload(c), true, NULL);
    expect(client_load(c), true, NULL);
    assert_int_equal(counters().implicit_compiles, 1);
    client_destroy(c);
}

/* ---- binding: E-3, E-19 ---- */

static void test_order(void **state) {
    (void)state;
    settings("");
    client *c = ready(two_outputs, NULL, 0);
    /* Symbol 0 is x, though the text begins with y; output 0 is a, though the text returns b. */
    void *in[] = {filled(128, 1), filled(128, 10)}, *out[] = {filled(128, 0), filled(128, 0)};
    expect(client_evaluate(c, in, 2, out, 2, 0), true, NULL);
    assert_true(element(out[0], 0) == 20 && element(out[1], 0) == 2);
    client_destroy(c);
    settings("strict=on");
    c = ready(two_outputs, NULL, 0);
    expect(client_evaluate(c, in, 2, out, 2, 0), false, "E-19");
    client_look(c);
    expect(client_evaluate(c, in, 2, out, 2, 0), true, NULL);
    client_destroy(c);
}

/* ---- requests, X-26 ---- */

static void test_requests(void **state) {
    (void)state;
    void *in[] = {filled(128, 1), filled(128, 1)}, *out[] = {filled(128, 0), filled(128, 0)};
    void *small[] = {filled(128, 0), filled(126, 0)};
    settings("");
    client *c = ready(two_outputs, NULL, 0);
    expect(client_evaluate(c, in, 2, small, 2, 0), false,
           "ANEProgramProcessRequestDirect() Failed with status=0x1d : statusType=0x9: Program "
           "Inference error");
    expect(client_evaluate(c, in, 1, out, 2, 0), false, "status=0x2 ");
    expect(client_evaluate(c, in, 0, out, 2, 0), false, NULL);
    expect(client_evaluate(c, in, 2, out, 2, 129), false, NULL);
    expect(client_evaluate(c, in, 2, out, 2, 15), true, NULL); /* one procedure takes any number */
    expect(client_unload(c), true, NULL);
    expect(client_evaluate(c, in, 2, out, 2, 0), false, NULL);
    client_destroy(c);
    settings("strict=on");
    c = ready(two_outputs, NULL, 0);
    client_look(c);
    expect(client_evaluate(c, in, 2, small, 2, 0), false,
           "'b' has 126 bytes, the program needs 128");
    expect(client_evaluate(c, in, 0, out, 2, 0), false, "X-14");
    client_lock(out[1], true);
    expect(client_evaluate(c, in, 2, out, 2, 0), false, "X-26");
    client_lock(out[1], false);
    expect(client_evaluate(c, in, 2, out, 2, 0), true, NULL);
    expect(client_unload(c), true, NULL);
    expect(client_evaluate(c, in, 2, out, 2, 0), false, "X-19");
    client_destroy(c);
}

/* E-2, E-4, E-18 and E-20 as the paper has them. */
static void test_paper(void **state) {
    (void)state;
    static const char text[] = PROGRAM(
        "tensor<fp16, [1, 512, 1, 48]> x",
        "        tensor<fp16, [1, 512, 1, 48]> y = add(x = x, y = x)[name = string(\"y\")];\n",
        "y");
    enum { PACKED = 49152, ROWS = 65536 };
    settings("profile=orion-paper");
    client *c = ready(text, NULL, 0);
    void *in[] = {filled(PACKED, 1)}, *out[] = {filled(PACKED, 0)}, *small[] = {filled(49150, 0)};
    expect(client_evaluate(c, in, 1, out, 1, 0), true, NULL);
    for (size_t i = 0; i < PACKED / 2; i++) assert_true(element(out[0], i) == 2); /* packed */
    expect(client_evaluate(c, in, 1, small, 1, 0), false, "0x1d");
    client_destroy(c);
    settings("");
    c = ready(text, NULL, 0);
    expect(client_evaluate(c, in, 1, out, 1, 0), false, "0x1d"); /* rows of 128 bytes */
    void *wide_in[] = {filled(ROWS, 1)}, *wide_out[] = {filled(ROWS, 0)};
    expect(client_evaluate(c, wide_in, 1, wide_out, 1, 0), true, NULL);
    assert_true(element(wide_out[0], 47) == 2 && element(wide_out[0], 48) == 0);
    assert_true(element(wide_out[0], 64) == 2);
    client_destroy(c);
    settings("profile=orion-paper, min-surface=0");
    c = ready(two_outputs, NULL, 0);
    void *two_in[] = {filled(128, 1), filled(256, 1)},
         *two_out[] = {filled(128, 0), filled(128, 0)};
    expect(client_evaluate(c, two_in, 2, two_out, 2, 0), false, "0x1d"); /* one size a side */
    client_destroy(c);
}

/* ---- limits: E-5 ---- */

static void test_compile_limit(void **state) {
    (void)state;
    settings("");
    client *c = client_create(two_outputs, NULL, 0);
    for (int i = 0; i < 119; i++) expect(client_compile(c), true, NULL);
    expect(client_compile(c), false, "_ANECompiler : ANECCompile() FAILED err=( )");
    expect(client_load(c), true, NULL);
    assert_null(orion_emulator_configure("strict=on"));
    expect(client_compile(c), false, "E-5");
    client_destroy(c);
}

/* ---- numbers, X-25 ---- */

static const char product[] = PROGRAM(
    "tensor<fp16, [1, 1, 32, 32]> x, tensor<fp16, [1, 1, 32, 32]> y",
    "        bool f = const()[name = string(\"f\"), val = bool(false)];\n"
    "        tensor<fp16, [1, 1, 32, 32]> z = matmul(transpose_x = f, transpose_y = f, x = x, "
    "y = y)[name = string(\"z\")];\n",
    "z");

/* M1 takes the verbose spelling only. */
static const char product_m1[] =
    "program(1.0)\n{\n    func main<ios16>(tensor<fp16, [1, 1, 32, 32]> x, tensor<fp16, [1, 1, 32, "
    "32]> y) {\n"
    "        tensor<bool, []> f = const()[name = tensor<string, []>(\"f\"), val = tensor<bool, "
    "[]>(false)];\n"
    "        tensor<fp16, [1, 1, 32, 32]> z = matmul(transpose_x = f, transpose_y = f, x = x, y = "
    "y)[name = tensor<string, []>(\"z\")];\n"
    "    } -> (z);\n}\n";

static float multiply(const char *text, float x, float y) {
    client *c = ready(text, NULL, 0);
    void *in[] = {filled(2048, x), filled(2048, y)}, *out[] = {filled(2048, 0)};
    expect(client_evaluate(c, in, 2, out, 1, 0), true, NULL);
    client_destroy(c);
    return element(out[0], 5);
}

static void test_products(void **state) {
    (void)state;
    settings("profile=m4");
    assert_true(multiply(product, 32, 32) == 32768); /* 32 x 32 x 32 */
    assert_true(multiply(product, 64, 64) == INFINITY);
    assert_true(multiply(product, 0x1p-11F, 0x1p-10F) == 0x1p-16F);
    settings("profile=m1");
    assert_true(multiply(product_m1, 32, 32) == INFINITY); /* */
    assert_true(multiply(product_m1, 32, -32) == -INFINITY);
    assert_true(multiply(product_m1, 32, 31) == 31744);
    assert_true(multiply(product_m1, 0x1p-11F, 0x1p-10F) == 0); /* subnormal sums are flushed */
    assert_true(multiply(product_m1, NAN, 1) == INFINITY);      /* */
}

static float unary(const char *statement, float x) {
    char text[768];
    snprintf(text, sizeof text,
             "program(1.0)\n{\n    func main<ios16>(tensor<fp16, [1, 1, 1, 32]> x) {\n"
             "        tensor<fp16, []> e = const()[name = tensor<string, []>(\"e\"), val = "
             "tensor<fp16, []>(0)];\n"
             "        tensor<fp16, [1, 1, 1, 32]> y = %s[name = tensor<string, []>(\"y\")];\n"
             "    } -> (y);\n}\n",
             statement);
    client *c = ready(text, NULL, 0);
    void *in[] = {filled(64, x)}, *out[] = {filled(64, 0)};
    expect(client_evaluate(c, in, 1, out, 1, 0), true, NULL);
    client_destroy(c);
    return element(out[0], 0);
}

static void test_special_numbers(void **state) {
    (void)state;
    settings("profile=m1");
    assert_true(unary("sqrt(x = x)", -1) == 0);
    assert_true(unary("sub(x = x, y = x)", INFINITY) == 0);
    assert_true(unary("log(epsilon = e, x = x)", 0) == -45440);
    assert_true(unary("log(epsilon = e, x = x)", -1) == 0);
    settings("profile=m5, target=h13");
    assert_true(isnan(unary("sqrt(x = x)", -1)));
    assert_true(unary("exp(x = x)", 12) == INFINITY);
}

static void test_slices(void **state) {
    (void)state;
    static const char text[] =
        "program(1.0)\n{\n    func main<ios16>(tensor<fp16, [1, 1, 1, 64]> x) {\n"
        "        tensor<int32, [4]> b = const()[name = tensor<string, []>(\"b\"), val = "
        "tensor<int32, [4]>([0, 0, 0, 32])];\n"
        "        tensor<int32, [4]> s = const()[name = tensor<string, []>(\"s\"), val = "
        "tensor<int32, [4]>([1, 1, 1, 32])];\n"
        "        tensor<fp16, [1, 1, 1, 32]> y = slice_by_size(begin = b, size = s, x = x)[name = "
        "tensor<string, []>(\"y\")];\n"
        "    } -> (y);\n}\n";
    settings("profile=m1");
    client *c = ready(text, NULL, 0);
    void *in[] = {filled(128, 4090)}, *out[] = {filled(64, 0)}, *large[] = {filled(128, 4100)};
    expect(client_evaluate(c, in, 1, out, 1, 0), true, NULL);
    assert_true(element(out[0], 0) == 4090);
    expect(client_evaluate(c, large, 1, out, 1, 0), true, NULL);
    assert_true(element(out[0], 0) == INFINITY);
    client_destroy(c);
    settings("profile=m1, strict=on");
    c = client_create(text, NULL, 0);
    expect(client_compile(c), false, "X-9");
    client_destroy(c);
}

/* ---- E-6: the mask of attention ---- */

#define HEAD "tensor<fp16, [1, 1, 32, 32]>"

static float attend(const char *statement) {
    char text[1024];
    snprintf(text, sizeof text,
             PROGRAM(HEAD " k, " HEAD " m, " HEAD " q, " HEAD " v",
                     "        " HEAD " y = scaled_dot_product_attention(%s)[name = "
                     "string(\"y\")];\n",
                     "y"),
             statement);
    client *c = ready(text, NULL, 0);
    /* Keys are equal; the mask lets row 0 see value 0 alone, which is 1 where the others are 3. */
    void *in[] = {filled(2048, 1), filled(2048, 0), filled(2048, 1), filled(2048, 3)};
    void *out[] = {filled(2048, 0)};
    for (size_t i = 1; i < 32; i++) ((uint16_t *)client_bytes(in[1]))[i] = orn_f16_from_f32(-10000);
    for (size_t i = 0; i < 32; i++) ((uint16_t *)client_bytes(in[3]))[i] = orn_f16_from_f32(1);
    expect(client_evaluate(c, in, 4, out, 1, 0), true, NULL);
    client_destroy(c);
    return element(out[0], 0);
}

static void test_mask(void **state) {
    (void)state;
    static const char *const orders[] = {"attn_mask = m, key = k, query = q, value = v",
                                         "key = k, query = q, value = v, attn_mask = m",
                                         "key=k,attn_mask=m,query=q,value=v"};
    for (size_t i = 0; i < ORN_COUNT(orders); i++) {
        settings("profile=m4");
        assert_true(fabsf(attend(orders[i]) - (1 + 31 * 3) / 32.0F) < 0.01F);
        settings("profile=m5");
        assert_true(attend(orders[i]) == 1);
    }
}

/* ---- the clock ---- */

/* What liborion-mil's cost model says of the chip. */
static void test_clock(void **state) {
    (void)state;
    static const struct {
        const char *profile;
        uint64_t dispatch_ns;
    } rows[] = {{"profile=m4", 95000}, {"profile=m5", 110000}};
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        settings(rows[i].profile);
        client *c = ready(two_outputs, NULL, 0);
        uint64_t ready_ns = counters().clock_ns;
        assert_in_range(ready_ns, 10000000, 40000000); /* compile and load: tens of milliseconds */
        void *in[] = {filled(128, 1), filled(128, 1)}, *out[] = {filled(128, 0), filled(128, 0)};
        for (uint64_t n = 1; n <= 3; n++) {
            expect(client_evaluate(c, in, 2, out, 2, 0), true, NULL);
            uint64_t run_ns = counters().clock_ns - ready_ns;
            assert_in_range(run_ns, n * rows[i].dispatch_ns, n * (rows[i].dispatch_ns + 100));
        }
        client_destroy(c);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity), cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_file),  cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_baked),    cmocka_unit_test(test_implicit_compile),
        cmocka_unit_test(test_order),    cmocka_unit_test(test_requests),
        cmocka_unit_test(test_paper),    cmocka_unit_test(test_compile_limit),
        cmocka_unit_test(test_products), cmocka_unit_test(test_special_numbers),
        cmocka_unit_test(test_slices),   cmocka_unit_test(test_mask),
        cmocka_unit_test(test_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
