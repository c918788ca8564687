/* SPDX-License-Identifier: MIT */
/* Tensors: strides, sizes, conversion between all dtypes, locks. */
#include "ane-support.h"

#include <math.h>

typedef struct bench {
    orion_ane_device *device;
    orion_diag *diag;
} bench;

static int setup(void **state) {
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->device = ane_open(ORION_ANE_BACKEND_AUTO, 1);
    assert_int_equal(orion_diag_create(NULL, &b->diag), ORION_OK);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    bench *b = *state;
    orion_diag_destroy(&b->diag);
    orion_ane_device_unref(&b->device);
    free(b);
    return 0;
}

static orion_ir_type type_of(orion_ir_dtype dtype, int64_t rows, int64_t columns) {
    const int64_t dims[] = {rows, columns};
    return orion_ir_type_make(dtype, 2, dims);
}

static orion_ane_tensor *create(const bench *b, orion_ir_type type, const int64_t *strides) {
    orion_ane_tensor *t;
    assert_ok(orion_ane_tensor_create(b->device, &type, strides, b->diag, &t), b->diag);
    return t;
}

static void test_packed(void **state) {
    orion_ane_tensor *t = create(*state, type_of(ORION_IR_F16, 3, 5), NULL);
    orion_ir_type type = orion_ane_tensor_type(t);
    assert_int_equal(type.dtype, ORION_IR_F16);
    assert_int_equal(orion_ane_tensor_strides(t)[0], 10);
    assert_int_equal(orion_ane_tensor_strides(t)[1], 2);
    assert_int_equal(orion_ane_tensor_strides(t)[2], 0);
    assert_int_equal(orion_ane_tensor_bytes(t), 30);
    float data[15];
    memset(data, 0xFF, sizeof data);
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, data, sizeof data, NULL), ORION_OK);
    for (size_t i = 0; i < 15; i++) assert_true(data[i] == 0);
    orion_ane_tensor *other = orion_ane_tensor_ref(t);
    orion_ane_tensor_unref(&t);
    assert_null(t);
    assert_int_equal(orion_ane_tensor_bytes(other), 30);
    orion_ane_tensor_unref(&other);
    orion_ane_tensor_unref(&other);
    orion_ane_tensor_unref(NULL);
}

static void test_scalar(void **state) {
    orion_ane_tensor *t = create(*state, orion_ir_type_make(ORION_IR_I32, 0, NULL), NULL);
    const int32_t in = -77;
    int32_t out = 0;
    assert_int_equal(orion_ane_tensor_bytes(t), 4);
    assert_int_equal(orion_ane_tensor_write(t, ORION_IR_I32, &in, sizeof in, NULL), ORION_OK);
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_I32, &out, sizeof out, NULL), ORION_OK);
    assert_int_equal(out, in);
    orion_ane_tensor_unref(&t);
}

/* Rows 64 bytes apart, as devices like them; and columns first. */
static void test_strides(void **state) {
    static const int64_t layouts[][2] = {{64, 4}, {4, 12}, {4, 64}, {24, 8}};
    for (size_t l = 0; l < ORN_COUNT(layouts); l++) {
        orion_ane_tensor *t = create(*state, type_of(ORION_IR_F32, 3, 2), layouts[l]);
        assert_int_equal(orion_ane_tensor_bytes(t), 2 * layouts[l][0] + layouts[l][1] + 4);
        const float in[6] = {1, 2, 3, 4, 5, 6};
        float out[6];
        void *data;
        assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, in, sizeof in, NULL), ORION_OK);
        assert_int_equal(orion_ane_tensor_lock(t, ORION_ANE_READ, &data), ORION_OK);
        for (int64_t i = 0; i < 6; i++) {
            float v;
            memcpy(&v, (char *)data + i / 2 * layouts[l][0] + i % 2 * layouts[l][1], sizeof v);
            assert_true(v == in[i]);
        }
        orion_ane_tensor_unlock(t);
        assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, out, sizeof out, NULL), ORION_OK);
        assert_memory_equal(in, out, sizeof in);
        orion_ane_tensor_unref(&t);
    }
}

static void refuse(const bench *b, orion_ir_type type, const int64_t *strides, const char *part) {
    orion_ane_tensor *t = (orion_ane_tensor *)1;
    orion_diag_clear(b->diag);
    assert_int_equal(orion_ane_tensor_create(b->device, &type, strides, b->diag, &t),
                     ORION_ERROR_INVALID_ARGUMENT);
    assert_null(t);
    assert_diag(b->diag, ORION_MESSAGE_ANE_TENSOR, part);
}

static void test_bad_strides(void **state) {
    orion_ir_type type = type_of(ORION_IR_F32, 3, 2);
    refuse(*state, type, (const int64_t[]){8, 2}, "multiple");
    refuse(*state, type, (const int64_t[]){4, 4}, "overlap");
    refuse(*state, type, (const int64_t[]){8, 0}, "overlap");
    refuse(*state, type, (const int64_t[]){-8, 4}, "overlap");
    refuse(*state, type, (const int64_t[]){4, 8}, "overlap");
    refuse(*state, type, (const int64_t[]){(int64_t)1 << 48, 4}, "larger");
    refuse(*state, type, (const int64_t[]){INT64_MAX - 3, 4}, "larger");
    refuse(*state, type_of(ORION_IR_F32, 3, 0), NULL, "cannot be made");
    refuse(*state, type_of((orion_ir_dtype)99, 3, 1), NULL, "cannot be made");
    /* An axis of extent 1 is never stepped along. */
    orion_ane_tensor *t = create(*state, type_of(ORION_IR_F32, 1, 2), (const int64_t[]){0, 4});
    assert_int_equal(orion_ane_tensor_bytes(t), 8);
    orion_ane_tensor_unref(&t);
}

static bool is_float(orion_ir_dtype dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

/* What an element of `from` becomes in `to`: the interpreter's rounding, integers saturated. */
static double converted(orion_ir_dtype to, double v) {
    char room[8];
    ir_store(to, room, 0, v);
    return ir_load(to, room, 0);
}

static const double samples[] = {0,    1,   -1,   0.1,   -0.1,       2.5,           65504, 65520,
                                 1e-7, 300, -300, 40000, 2147483647, -2147483648.0, 3,     127};
enum { SAMPLES = ORN_COUNT(samples) };

static void check_pair(const bench *b, orion_ir_dtype from, orion_ir_dtype to,
                       const int64_t *strides) {
    orion_ane_tensor *t = create(b, type_of(to, 4, SAMPLES / 4), strides);
    char in[SAMPLES * 4], out[SAMPLES * 4];
    size_t bytes = SAMPLES * orion_ir_dtype_bytes(from);
    for (size_t i = 0; i < SAMPLES; i++) ir_store(from, in, i, samples[i]);
    orion_status status = orion_ane_tensor_write(t, from, in, bytes, b->diag);
    if (is_float(from) != is_float(to)) {
        assert_int_equal(status, ORION_ERROR_INVALID_ARGUMENT);
        assert_diag(b->diag, ORION_MESSAGE_ANE_TRANSFER, "convert");
        assert_int_equal(orion_ane_tensor_read(t, from, out, bytes, NULL),
                         ORION_ERROR_INVALID_ARGUMENT);
    } else {
        assert_int_equal(status, ORION_OK);
        assert_int_equal(orion_ane_tensor_read(t, from, out, bytes, NULL), ORION_OK);
        for (size_t i = 0; i < SAMPLES; i++) {
            double want = converted(from, converted(to, ir_load(from, in, i)));
            double have = ir_load(from, out, i);
            if (have != want) {
                fail_msg("%s through %s: %.9g becomes %.9g, not %.9g", orion_ir_dtype_name(from),
                         orion_ir_dtype_name(to), ir_load(from, in, i), have, want);
            }
        }
    }
    orion_ane_tensor_unref(&t);
}

static void test_conversion(void **state) {
    for (int from = ORION_IR_F32; from <= ORION_IR_BOOL; from++) {
        for (int to = ORION_IR_F32; to <= ORION_IR_BOOL; to++) {
            const int64_t turned[] = {(int64_t)orion_ir_dtype_bytes((orion_ir_dtype)to), 64};
            check_pair(*state, (orion_ir_dtype)from, (orion_ir_dtype)to, NULL);
            check_pair(*state, (orion_ir_dtype)from, (orion_ir_dtype)to, turned);
        }
    }
}

static void test_not_finite(void **state) {
    orion_ane_tensor *t = create(*state, type_of(ORION_IR_F16, 1, 4), NULL);
    const float in[] = {INFINITY, -INFINITY, NAN, 1e9f};
    float out[4];
    assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, in, sizeof in, NULL), ORION_OK);
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, out, sizeof out, NULL), ORION_OK);
    assert_true(out[0] == INFINITY && out[1] == -INFINITY && out[3] == INFINITY);
    assert_true(out[2] != out[2]);
    orion_ane_tensor_unref(&t);
}

/* Runs of every length, in vectors and what is left over, equal one element at a time. */
static void test_long_runs(void **state) {
    enum { MOST = 70 };
    const orion_ir_dtype dtypes[] = {ORION_IR_F16, ORION_IR_BF16};
    uint64_t seed = 9;
    float x[MOST], y[MOST];
    for (int i = 0; i < MOST; i++) x[i] = (float)ldexp(test_random_unit(&seed), i % 44 - 26);
    for (int64_t n = 1; n <= MOST; n++) {
        for (size_t d = 0; d < ORN_COUNT(dtypes); d++) {
            orion_ane_tensor *t = create(*state, type_of(dtypes[d], 1, n), NULL);
            size_t bytes = (size_t)n * sizeof(float);
            assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, x, bytes, NULL), ORION_OK);
            assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, y, bytes, NULL), ORION_OK);
            for (int64_t i = 0; i < n; i++) {
                float want = dtypes[d] == ORION_IR_F16 ? orn_f32_from_f16(orn_f16_from_f32(x[i]))
                                                       : orn_f32_from_bf16(orn_bf16_from_f32(x[i]));
                assert_true(y[i] == want);
            }
            orion_ane_tensor_unref(&t);
        }
    }
}

/* A device that saturates writes the largest f16 where another writes infinity; padded rows too. */
static void test_saturation(void **state) {
    (void)state;
    const float x[] = {65519.0F, 65520.0F, -1e30F, INFINITY, -INFINITY, NAN, 1, -65504};
    const float want[] = {65504, 65504, -65504, INFINITY, -INFINITY, NAN, 1, -65504};
    const int64_t padded[] = {64, 2}, apart[] = {2, 64};
    const int64_t *const strides[] = {NULL, padded, apart};
    orion_ane_device *device;
    assert_int_equal(orion_ane_device_open(orion_ane_device_options(.saturate = 1), NULL, &device),
                     ORION_OK);
    for (size_t s = 0; s < ORN_COUNT(strides); s++) {
        orion_ir_type type = s == 2 ? type_of(ORION_IR_F16, 1, 8) : type_of(ORION_IR_F16, 2, 4);
        orion_ane_tensor *t;
        float y[8];
        assert_int_equal(orion_ane_tensor_create(device, &type, strides[s], NULL, &t), ORION_OK);
        assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, x, sizeof x, NULL), ORION_OK);
        assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, y, sizeof y, NULL), ORION_OK);
        for (size_t i = 0; i < ORN_COUNT(want); i++) {
            assert_true(y[i] == want[i] || (isnan(y[i]) && isnan(want[i])));
        }
        orion_ane_tensor_unref(&t);
    }
    orion_ane_device_unref(&device);
}

/* A buffer may lie at any address. */
static void test_unaligned(void **state) {
    orion_ane_tensor *t = create(*state, type_of(ORION_IR_F16, 2, 2), NULL);
    char room[17], back[17];
    const float in[] = {1, 2, 3, 4};
    memcpy(room + 1, in, sizeof in);
    assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, room + 1, sizeof in, NULL), ORION_OK);
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, back + 1, sizeof in, NULL), ORION_OK);
    assert_memory_equal(room + 1, back + 1, sizeof in);
    orion_ane_tensor_unref(&t);
}

static void test_sizes(void **state) {
    const bench *b = *state;
    orion_ane_tensor *t = create(b, type_of(ORION_IR_F32, 2, 2), NULL);
    float data[5] = {0};
    static const size_t wrong[] = {0, 15, 17, 20};
    for (size_t i = 0; i < ORN_COUNT(wrong); i++) {
        assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, data, wrong[i], b->diag),
                         ORION_ERROR_INVALID_ARGUMENT);
        assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, data, wrong[i], b->diag),
                         ORION_ERROR_INVALID_ARGUMENT);
    }
    assert_diag(b->diag, ORION_MESSAGE_ANE_TRANSFER, "16");
    assert_int_equal(orion_ane_tensor_write(t, ORION_IR_DTYPE_NONE, data, 0, NULL),
                     ORION_ERROR_INVALID_ARGUMENT);
    orion_ane_tensor_unref(&t);
}

static void test_locks(void **state) {
    const bench *b = *state;
    orion_ane_tensor *t = create(b, type_of(ORION_IR_F32, 1, 1), NULL);
    void *data, *again = t;
    float v = 0;
    assert_int_equal(orion_ane_tensor_lock(t, 0, &data), ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_ane_tensor_lock(t, 4, &data), ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_ane_tensor_lock(t, ORION_ANE_READ | ORION_ANE_WRITE, &data), ORION_OK);
    *(float *)data = 7;
    assert_int_equal(orion_ane_tensor_lock(t, ORION_ANE_READ, &again), ORION_ERROR_INVALID_STATE);
    assert_null(again);
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, &v, sizeof v, b->diag),
                     ORION_ERROR_INVALID_STATE);
    assert_diag(b->diag, ORION_MESSAGE_ANE_STATE, "locked");
    assert_int_equal(orion_ane_tensor_write(t, ORION_IR_F32, &v, sizeof v, NULL),
                     ORION_ERROR_INVALID_STATE);
    orion_ane_tensor_unlock(t);
    orion_ane_tensor_unlock(t); /* nothing */
    assert_int_equal(orion_ane_tensor_read(t, ORION_IR_F32, &v, sizeof v, NULL), ORION_OK);
    assert_true(v == 7);
    orion_ane_tensor_unref(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_packed),     cmocka_unit_test(test_scalar),
        cmocka_unit_test(test_strides),    cmocka_unit_test(test_bad_strides),
        cmocka_unit_test(test_conversion), cmocka_unit_test(test_not_finite),
        cmocka_unit_test(test_unaligned),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_locks),      cmocka_unit_test(test_long_runs),
        cmocka_unit_test(test_saturation),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
