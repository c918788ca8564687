/* SPDX-License-Identifier: MIT */
/* Program identity: three SHA-256 hashes, as Apple's framework makes them. */
#include "mil-support.h"

/* Known of the framework: no weights, and no options. */
#define NO_WEIGHTS "DF3F619804A92FDB4057192DC43DD748EA778ADC52BC498CE80524C014B81119"
#define NO_OPTIONS "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"
/* FIPS 180: SHA-256 of "abc". */
#define ABC "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"

static void test_known_constants(void **state) {
    (void)state;
    char id[ORION_MIL_IDENTITY_BYTES];
    memset(id, '?', sizeof id);
    orion_mil_identity("abc", 3, NULL, NULL, 0, id);
    assert_string_equal(id, ABC "_" NO_WEIGHTS "_" NO_OPTIONS);
    assert_int_equal(strlen(id), ORION_MIL_IDENTITY_BYTES - 1);
    orion_mil_identity("", 0, NULL, "abc", 3, id);
    assert_string_equal(id, NO_OPTIONS "_" NO_WEIGHTS "_" ABC);
}

static void add(orion_mil_weights *w, const char *path, const char *bytes) {
    orion_blob *blob;
    assert_int_equal(orion_blob_copy(bytes, strlen(bytes), NULL, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_add(w, path, blob), ORION_OK);
    orion_blob_unref(&blob);
}

/* SHA-256 of 00 00 00 00 "one" "two", made with sha256sum. */
#define ONE_TWO "E062B9D80CD5FD10083D6A0A57673EADC7C1758D54465BEA2A0F21EB4B634407"

static void test_weights_count_in_order_of_their_paths(void **state) {
    (void)state;
    char first[ORION_MIL_IDENTITY_BYTES], second[ORION_MIL_IDENTITY_BYTES];
    orion_mil_weights *a, *b;
    assert_int_equal(orion_mil_weights_create(NULL, &a), ORION_OK);
    assert_int_equal(orion_mil_weights_create(NULL, &b), ORION_OK);
    add(a, "a.bin", "one");
    add(a, "b.bin", "two");
    add(b, "z.bin", "two"); /* paths order, but do not count */
    add(b, "Z.bin", "one");
    orion_mil_identity("abc", 3, a, NULL, 0, first);
    orion_mil_identity("abc", 3, b, NULL, 0, second);
    assert_string_equal(first, second);
    assert_string_equal(first, ABC "_" ONE_TWO "_" NO_OPTIONS);
    add(b, "zz.bin", "!");
    orion_mil_identity("abc", 3, b, NULL, 0, second);
    assert_string_not_equal(first, second);
    orion_mil_weights_destroy(&a);
    orion_mil_weights_destroy(&b);
}

static void test_weights_are_a_sorted_set(void **state) {
    (void)state;
    orion_mil_weights *w;
    orion_blob *blob;
    assert_int_equal(orion_mil_weights_create(NULL, &w), ORION_OK);
    assert_int_equal(orion_blob_copy("x", 1, NULL, &blob), ORION_OK);
    add(w, "m", "1");
    add(w, "a", "2");
    add(w, "z", "3");
    assert_int_equal(orion_mil_weights_add(w, "a", blob), ORION_ERROR_INVALID_ARGUMENT);
    assert_int_equal(orion_mil_weights_add(w, "", blob), ORION_ERROR_INVALID_ARGUMENT);
    orion_blob_unref(&blob);
    assert_int_equal(orion_mil_weights_count(w), 3);
    assert_string_equal(orion_mil_weights_path(w, 0), "a");
    assert_string_equal(orion_mil_weights_path(w, 2), "z");
    assert_null(orion_mil_weights_path(w, 3));
    assert_null(orion_mil_weights_get(w, 3));
    assert_ptr_equal(orion_mil_weights_get(w, 1), orion_mil_weights_find(w, "m"));
    assert_memory_equal(orion_blob_data(orion_mil_weights_find(w, "m")), "1", 1);
    assert_null(orion_mil_weights_find(w, "b"));
    assert_null(orion_mil_weights_find(NULL, "m"));
    assert_int_equal(orion_mil_weights_count(NULL), 0);
    orion_mil_weights_destroy(&w);
    assert_null(w);
    orion_mil_weights_destroy(&w);
    orion_mil_weights_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_constants),
        cmocka_unit_test(test_weights_count_in_order_of_their_paths),
        cmocka_unit_test(test_weights_are_a_sorted_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
