/* SPDX-License-Identifier: MIT */
/* The safetensors container: what is written reads back, and whatever is not whole is refused. */
#include "train-support.h"

#include "trainer-internal.h"

/* A file: the length of the JSON, the JSON with blanks to a multiple of 8, `data` bytes of zeros.
 */
static orion_blob *file_of(const char *json, size_t data) {
    size_t n = strlen(json), header = (n + 7) & ~(size_t)7, size = 8 + header + data;
    unsigned char *bytes = calloc(1, size);
    assert_non_null(bytes);
    for (size_t i = 0; i < 8; i++) bytes[i] = (unsigned char)(header >> 8 * i);
    memset(bytes + 8, ' ', header);
    memcpy(bytes + 8, json, n);
    orion_blob *blob = blob_of(bytes, size);
    free(bytes);
    return blob;
}

static orion_status open_file(const char *json, size_t data, orion_diag *diag,
                              train_safetensors *out) {
    orion_blob *blob = file_of(json, data);
    orion_status status = train_safetensors_open(out, blob, "x.safetensors", NULL, diag);
    orion_blob_unref(&blob);
    return status;
}

static void test_accepts(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t data, tensors;
    } cases[] = {
        {"{}", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{ \"a\" : {\"shape\":[], \"data_offsets\":[0,4], \"dtype\":\"F32\"} }", 4, 1},
        /* Not in the order of the file; as many dims as there may be. */
        {"{\"b\":{\"dtype\":\"F16\",\"shape\":[1,1,1,1,1,1,1,2],\"data_offsets\":[8,12]},"
         "\"a\":{\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}} ",
         12, 2},
        {"{\"a\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U16\",\"shape\":[1],\"data_offsets\":[2,4]},"
         "\"c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[4,5]},"
         "\"d\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[5,6]},"
         "\"e\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[6,9]}}  ",
         9, 5},
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_safetensors file;
        assert_ok(open_file(cases[i].json, cases[i].data, diag, &file), diag);
        assert_int_equal(file.count, cases[i].tensors);
        for (size_t k = 1; k < file.count; k++)
            assert_true(file.tensors[k - 1].offset < file.tensors[k].offset);
        train_safetensors_close(&file);
        train_safetensors_close(&file);
    }
    orion_diag_destroy(&diag);
}

#define TENSOR(dtype, shape, offsets)                                                              \
    "{\"a\":{\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets "}}"

static void test_refuses(void **state) {
    (void)state;
    static const struct {
        const char *json;
        size_t data;
        const char *part; /* of the text of the diagnostic */
    } cases[] = {
        {"", 0, "header must be"},
        {" {}", 0, "header must be"},
        {"[]", 0, "header must be"},
        {"{\"a\":1}", 0, "wants dtype"},
        {"{\"__metadata__\":[]}", 0, "not an object of texts"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "value of k is not a text"},
        {TENSOR("\"F32\"", "[1]", "[0,4],\"more\":1"), 4, "nothing else"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, "wants dtype"},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, "data_offsets must"},
        {TENSOR("\"F64\"", "[1]", "[0,8]"), 8, "dtype is F64"},
        {TENSOR("\"f32\"", "[1]", "[0,4]"), 4, "dtype is f32"},
        {TENSOR("1", "[1]", "[0,4]"), 4, "not given as a text"},
        {TENSOR("\"F32\"", "1", "[0,4]"), 4, "a list of at most 8"},
        {TENSOR("\"F32\"", "[1,1,1,1,1,1,1,1,1]", "[0,4]"), 4, "a list of at most 8"},
        {TENSOR("\"F32\"", "[0]", "[0,0]"), 0, "every dim"},
        {TENSOR("\"F32\"", "[-1]", "[0,4]"), 4, "every dim"},
        {TENSOR("\"F32\"", "[1.0]", "[0,4]"), 4, "every dim"},
        {TENSOR("\"F32\"", "[2147483648]", "[0,4]"), 4, "every dim"},
        {TENSOR("\"F32\"", "[2147483647,2147483647,2147483647]", "[0,4]"), 4, "every dim"},
        {TENSOR("\"F32\"", "[1]", "[0]"), 4, "data_offsets must"},
        {TENSOR("\"F32\"", "[1]", "[0,4,8]"), 8, "data_offsets must"},
        {TENSOR("\"F32\"", "[1]", "{\"0\":4}"), 4, "data_offsets must"},
        {TENSOR("\"F32\"", "[1]", "[4,0]"), 4, "data_offsets must"},
        {TENSOR("\"F32\"", "[1]", "[-4,0]"), 4, "data_offsets must"},
        {TENSOR("\"F32\"", "[1]", "[0,4.0]"), 4, "data_offsets must"},
        {TENSOR("\"F32\"", "[2]", "[0,8]"), 4, "truncated"},
        {TENSOR("\"F32\"", "[2]", "[0,4]"), 4, "take 8 bytes, its data_offsets 4"},
        {TENSOR("\"F32\"", "[1]", "[4,8]"), 8, "begins at byte 68"},
        {TENSOR("\"F32\"", "[1]", "[0,4]"), 8, "end at byte 68, but the file has 72"},
        {TENSOR("\"F32\"", "[1]", "[2,6]"), 6, "begins at byte 66 of the file, amid an element"},
        {"{}", 1, "end at byte 16, but the file has 17"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[1,3]}}",
         3, "tensor b begins"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]},"
         "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
         2, "but the one before ends"},
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_safetensors file;
        orion_status status = open_file(cases[i].json, cases[i].data, diag, &file);
        if (status == ORION_OK) fail_msg("accepted: %s", cases[i].json);
        assert_refused(status, ORION_ERROR_VERIFY, diag, ORION_MESSAGE_TRAIN_SAFETENSORS,
                       cases[i].part);
        assert_null(file.blob);
        assert_int_equal(file.count, 0);
    }
    orion_diag_destroy(&diag);
}

static void test_refuses_what_is_not_json(void **state) {
    (void)state;
    static const char *const cases[] = {
        "{",
        "{]",
        "{}x",
        "{} {}",
        "{'a':1}",
        "{\"a\":}",
        "{\"a\":{},\"a\":{}}", /* twice */
        "{\"a\":\"\\u0000\"}",
        "{\"a\":\"\xff\"}",
        "{\"a\":NaN}",
        "{\"a\":99999999999999999999}",
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_safetensors file;
        assert_refused(open_file(cases[i], 0, diag, &file), ORION_ERROR_SYNTAX, diag,
                       ORION_MESSAGE_TRAIN_SAFETENSORS, "not JSON");
    }
    /* Nesting that would exhaust the stack. */
    enum { DEEP = 100000 };
    char *deep = malloc(DEEP + 1);
    assert_non_null(deep);
    memset(deep, '[', DEEP);
    memcpy(deep, "{\"a\":", 5);
    deep[DEEP] = '\0';
    train_safetensors file;
    assert_refused(open_file(deep, 0, diag, &file), ORION_ERROR_SYNTAX, diag,
                   ORION_MESSAGE_TRAIN_SAFETENSORS, "not JSON");
    free(deep);
    orion_diag_destroy(&diag);
}

/* The first eight bytes promise what is not there, or too much. */
static void test_refuses_lengths(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
    } cases[] = {
        {"", 0},
        {"\x02\0\0\0\0\0\0", 7},
        {"\x02\0\0\0\0\0\0\0", 8},
        {"\x02\0\0\0\0\0\0\0{", 9},
        {"\x03\0\0\0\0\0\0\0{}", 10},
        {"\xff\xff\xff\xff\xff\xff\xff\xff{}", 10},
        {"\0\0\0\0\0\0\0\0", 8},
        {"\x01\0\0\0\0\0\0\0{", 9},
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    train_safetensors file;
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        orion_blob *blob = blob_of(cases[i].bytes, cases[i].size);
        orion_status status = train_safetensors_open(&file, blob, NULL, NULL, diag);
        assert_refused(status, ORION_ERROR_VERIFY, diag, ORION_MESSAGE_TRAIN_SAFETENSORS, NULL);
        orion_blob_unref(&blob);
    }
    /* A header longer than any real one. */
    size_t big = (4 << 20) + 1;
    char *json = malloc(big + 1);
    assert_non_null(json);
    memset(json, ' ', big);
    memcpy(json, "{}", 2);
    json[big] = '\0';
    assert_refused(open_file(json, 0, diag, &file), ORION_ERROR_VERIFY, diag,
                   ORION_MESSAGE_TRAIN_SAFETENSORS, "4194304");
    json[big - 1] = '\0';
    assert_ok(open_file(json, 0, diag, &file), diag);
    train_safetensors_close(&file);
    free(json);
    orion_diag_destroy(&diag);
}

/* ---- writing ---- */

static const float floats[6] = {1, -2, 0.5f, 1e-30f, 3e38f, 0};
static const unsigned char octets[5] = "abcd";

static void write_example(const char *path, orion_diag *diag) {
    static const train_pair pairs[] = {{"key", "value"}, {"empty", ""}};
    static const int64_t dims[] = {2, 3}, five = 5;
    const train_out_tensor tensors[] = {
        {"matrix", orion_ir_type_make(ORION_IR_F32, 2, dims), floats},
        {"scalar", orion_ir_type_make(ORION_IR_F32, 0, NULL), floats + 2},
        {"octets", orion_ir_type_make(ORION_IR_U8, 1, &five), octets},
    };
    assert_ok(train_safetensors_write(path, pairs, ORN_COUNT(pairs), tensors, ORN_COUNT(tensors),
                                      NULL, diag),
              diag);
}

static void test_round_trip(void **state) {
    (void)state;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    test_dir dir;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "x.safetensors");
    write_example(path, diag);
    orion_blob *blob = NULL;
    train_safetensors file;
    assert_ok(orion_blob_map_file(path, NULL, diag, &blob), diag);
    assert_ok(train_safetensors_open(&file, blob, path, NULL, diag), diag);
    orion_blob_unref(&blob); /* the file keeps it */
    assert_ok(train_safetensors_verify(&file, diag), diag);

    assert_string_equal(train_safetensors_get(&file, "key"), "value");
    assert_string_equal(train_safetensors_get(&file, "empty"), "");
    assert_null(train_safetensors_get(&file, "none"));
    assert_int_equal(strlen(train_safetensors_get(&file, TRAIN_SAFETENSORS_HASH)), 64);
    assert_int_equal(file.count, 3);
    const train_tensor *matrix = train_safetensors_find(&file, "matrix");
    assert_non_null(matrix);
    assert_int_equal(matrix->offset % 64, 0);
    assert_int_equal(matrix->type.rank, 2);
    assert_memory_equal(train_safetensors_data(&file, matrix), floats, sizeof floats);
    const train_tensor *scalar = train_safetensors_find(&file, "scalar");
    assert_memory_equal(train_safetensors_data(&file, scalar), floats + 2, sizeof(float));
    const train_tensor *tail = train_safetensors_find(&file, "octets");
    assert_memory_equal(train_safetensors_data(&file, tail), octets, sizeof octets);
    assert_null(train_safetensors_find(&file, "Matrix"));
    train_safetensors_close(&file);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

/* The same bytes from the same content, whenever and wherever. */
static void test_reproducible(void **state) {
    (void)state;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    test_dir dir;
    test_dir_create(&dir);
    size_t a_size, b_size;
    write_example(test_dir_file(&dir, "a"), diag);
    write_example(test_dir_file(&dir, "b"), diag);
    char *a = test_read_file(test_dir_file(&dir, "a"), &a_size);
    char *b = test_read_file(test_dir_file(&dir, "b"), &b_size);
    assert_int_equal(a_size, b_size);
    assert_memory_equal(a, b, a_size);
    free(a);
    free(b);
    test_dir_remove(&dir);
    orion_diag_destroy(&diag);
}

static void test_checksum(void **state) {
    (void)state;
    static const struct {
        const char *json, *part;
    } cases[] = {
        {"{}", "no checksum"},
        {"{\"__metadata__\":{\"orion.sha256\":\"abc\"}}", "no checksum"},
        {"{\"__metadata__\":{\"orion.sha256\": "
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
         "not written as Orion writes it"},
        {"{\"__metadata__\":{\"orion.sha256\":"
         "\"0000000000000000000000000000000000000000000000000000000000000000\"}}",
         "damaged"},
    };
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        train_safetensors file;
        assert_ok(open_file(cases[i].json, 0, diag, &file), diag);
        assert_refused(train_safetensors_verify(&file, diag), ORION_ERROR_VERIFY, diag,
                       ORION_MESSAGE_TRAIN_CHECKSUM, cases[i].part);
        train_safetensors_close(&file);
    }
    orion_diag_destroy(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accepts),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_refuses_what_is_not_json),
        cmocka_unit_test(test_refuses_lengths),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_reproducible),
        cmocka_unit_test(test_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
