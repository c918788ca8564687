/* SPDX-License-Identifier: MIT */
/* SHA-256 against the examples of FIPS 180-4, in one piece and in many. */
#include "support.h"

#include "util/sha256.h"
#include "util/util.h"

static const struct example {
    const char *text;
    size_t repeats;
    const char *digest;
} examples[] = {
    {"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {"a", 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0"},
};

static void test_examples(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(examples); i++) {
        const struct example *e = &examples[i];
        orn_sha256 h;
        char digits[ORN_SHA256_DIGITS + 1];
        orn_sha256_start(&h);
        for (size_t k = 0; k < e->repeats; k++) orn_sha256_add(&h, e->text, strlen(e->text));
        const char *end = orn_sha256_end(&h, false, digits);
        assert_ptr_equal(end, digits + ORN_SHA256_DIGITS);
        assert_string_equal(digits, e->digest);
    }
}

static void test_upper_case(void **state) {
    (void)state;
    orn_sha256 h;
    char digits[ORN_SHA256_DIGITS + 1];
    orn_sha256_start(&h);
    orn_sha256_add(&h, "a", 1);
    orn_sha256_add(&h, "", 0);
    orn_sha256_add(&h, "bc", 2);
    (void)orn_sha256_end(&h, true, digits);
    assert_string_equal(digits, "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_examples),
        cmocka_unit_test(test_upper_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
