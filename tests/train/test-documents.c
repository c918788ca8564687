/* SPDX-License-Identifier: MIT */
/* Cutting a text into documents. */
#include "train-support.h"

#include "train-internal.h"

/* The documents of a text, joined by "|". */
static void assert_documents(const char *text, size_t length, const char *expected) {
    char joined[256] = "";
    size_t n = 0, bytes;
    const char *document;
    train_documents d = train_documents_make(text, length);
    while (train_documents_next(&d, &document, &bytes)) {
        assert_true(n + bytes + 2 < sizeof joined);
        if (n != 0) joined[n++] = '|';
        memcpy(joined + n, document, bytes);
        n += bytes;
    }
    assert_null(document);
    assert_int_equal(bytes, 0);
    assert_false(train_documents_next(&d, &document, &bytes));
    assert_int_equal(n, strlen(expected));
    assert_memory_equal(joined, expected, n);
}

static void test_documents(void **state) {
    (void)state;
    static const char *const cases[][2] = {
        {"", ""},
        {"\n\r\n", ""},
        {"a", "a"},
        {"\n a b \n\n", " a b "},
        {"a\nb", "a\nb"},
        {"a<|endoftext|>b", "a|b"},
        {"a\n<|endoftext|>\nb\n<|endoftext|>", "a|b"},
        {"<|endoftext|><|endoftext|>\n<|endoftext|>a<|endoftext|>", "a"},
        {"a<<|endoftext|>|b<|endoftext", "a<||b<|endoftext"},
        {"<|endoftext|", "<|endoftext|"},
        {"a\r\n<|endoftext|>\r\nb", "a|b"},
    };
    for (size_t i = 0; i < ORN_COUNT(cases); i++) {
        assert_documents(cases[i][0], strlen(cases[i][0]), cases[i][1]);
    }
}

/* The text ends where it is said to, whatever follows. */
static void test_length_counts(void **state) {
    (void)state;
    assert_documents("a<|endoftext|>b", 13, "a<|endoftext|");
    assert_documents("a<|endoftext|>b", 14, "a");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_length_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
