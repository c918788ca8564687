/* SPDX-License-Identifier: MIT */
/* Made-up stories: always the same, all different, clean, and consistent in themselves. */
#define _POSIX_C_SOURCE 200809L
#include "train-support.h"

#include <ctype.h>

#include "util/util.h"

enum { SHORTEST = 250, LONGEST = 500, MANY = 4000 };

/* Story `index` of a seed; free() it. */
static char *story(uint64_t seed, uint64_t index) {
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_train_stories_print(seed, index, &writer), ORION_OK);
    char *text = strdup(orion_buffer_data(buffer));
    assert_non_null(text);
    orion_buffer_destroy(&buffer);
    return text;
}

/* A change here changes every corpus, and with it checkpoints' fingerprints of data. */
static void test_known_answer(void **state) {
    (void)state;
    char *text = story(1, 0);
    assert_string_equal(text,
                        "Once upon a time, there was a little girl named Nora. Nora was afraid of "
                        "the dark. One night, she heard a noise behind the wall. Squeak, squeak!\n"
                        "\"Who is there?\" asked Nora. She was scared, but she went to look. It "
                        "was only a tiny mouse! It was looking for some bread.\n"
                        "Nora laughed and gave it a warm bed. \"The dark is not so bad,\" said "
                        "Nora, and she slept well. That night, she told her grandpa all about it.");
    free(text);
}

static void test_depends_on_seed_and_index_alone(void **state) {
    (void)state;
    char *late = story(3, 77), *again, *other;
    for (uint64_t i = 0; i < 5; i++) free(story(i, 2 * i));
    again = story(3, 77);
    assert_string_equal(late, again);
    other = story(4, 77);
    assert_string_not_equal(late, other);
    free(other);
    other = story(3, 78);
    assert_string_not_equal(late, other);
    free(other);
    free(again);
    free(late);
    free(story(UINT64_MAX, UINT64_MAX));
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void test_clean_and_distinct(void **state) {
    (void)state;
    static char *stories[MANY];
    for (size_t i = 0; i < MANY; i++) {
        const char *text = stories[i] = story(1, i);
        size_t n = strlen(text);
        assert_in_range(n, SHORTEST, LONGEST);
        assert_true(isupper((unsigned char)text[0]));
        assert_non_null(strchr(".!\"", text[n - 1]));
        for (size_t k = 0; k < n; k++) {
            bool printable = text[k] == '\n' || (text[k] >= ' ' && text[k] <= '~');
            if (!printable || strchr("{}|=_", text[k]) != NULL) fail_msg("%s", text);
        }
        bool blanks = strstr(text, "  ") != NULL || strstr(text, " \n") != NULL ||
                      strstr(text, "\n ") != NULL || strstr(text, "\n\n") != NULL ||
                      strstr(text, " .") != NULL || strstr(text, " ,") != NULL;
        if (blanks) fail_msg("%s", text);
    }
    qsort(stories, MANY, sizeof *stories, by_text);
    size_t twins = 0;
    for (size_t i = 1; i < MANY; i++) twins += strcmp(stories[i - 1], stories[i]) == 0;
    assert_in_range(twins, 0, MANY / 200);
    for (size_t i = 0; i < MANY; i++) free(stories[i]);
}

/* Does the word stand in the text? */
static bool has_word(const char *text, const char *word) {
    size_t n = strlen(word);
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) {
        bool begins = at == text || !isalpha((unsigned char)at[-1]);
        if (begins && !isalpha((unsigned char)at[n])) return true;
    }
    return false;
}

/* The alternatives of every rule, by name. */
#define STORY_RULE(name, ...) static const char *const rule_##name[] = {__VA_ARGS__};
#include "stories.def"
static const struct rule {
    const char *name;
    const char *const *alternatives;
    size_t count;
} rules[] = {
#define STORY_RULE(name, ...) {#name, rule_##name, ORN_COUNT(rule_##name)},
#include "stories.def"
};

/* A story has one hero with one set of pronouns, at most one friend, and one sort of limbs. */
static void test_consistent(void **state) {
    (void)state;
    for (uint64_t i = 0; i < MANY; i++) {
        char *text = story(2, i);
        bool male = has_word(text, "he") || has_word(text, "He") || has_word(text, "him") ||
                    has_word(text, "his") || has_word(text, "His");
        bool female = has_word(text, "she") || has_word(text, "She") || has_word(text, "her") ||
                      has_word(text, "Her");
        size_t names = 0;
        for (size_t k = 0; k < ORN_COUNT(rule_girl); k++) names += has_word(text, rule_girl[k]);
        for (size_t k = 0; k < ORN_COUNT(rule_boy); k++) names += has_word(text, rule_boy[k]);
        bool limbs = has_word(text, "hand") + has_word(text, "hands") && has_word(text, "paw");
        if ((male && female) || names < 1 || names > 2 || limbs) fail_msg("%s", text);
        free(text);
    }
}

/*
 * Every piece of text in the grammar comes up: no rule is out of reach, and no name in braces is
 * misspelt (its text would be missing).
 */
static void test_whole_grammar_is_used(void **state) {
    (void)state;
    size_t size = 0;
    char *corpus = malloc((size_t)MANY * (LONGEST + 1) + 1);
    assert_non_null(corpus);
    for (uint64_t i = 0; i < MANY; i++) {
        char *text = story(5, i);
        size += (size_t)sprintf(corpus + size, "%s\n", text);
        free(text);
    }
    for (size_t i = 0; i < ORN_COUNT(rules); i++) {
        for (size_t k = 0; k < rules[i].count; k++) {
            const char *at = rules[i].alternatives[k];
            while (*at != '\0') {
                char piece[256];
                size_t n = strcspn(at, "{|=:");
                bool is_name = at[n] == '=' || at[n] == ':'; /* a key, not text */
                memcpy(piece, at, n);
                piece[n] = '\0';
                if (!is_name && strstr(corpus, piece) == NULL)
                    fail_msg("%s: never seen: %s", rules[i].name, piece);
                at += at[n] == '{' ? n + strcspn(at + n, "}") + 1 : n + (at[n] != '\0');
            }
        }
    }
    free(corpus);
}

/* A writer that takes `left` calls. */
static orion_status refuse_later(void *ctx, const void *bytes, size_t n) {
    (void)bytes;
    (void)n;
    int *left = ctx;
    return (*left)-- > 0 ? ORION_OK : ORION_ERROR_IO;
}

static void test_writer_fails(void **state) {
    (void)state;
    for (int calls = 0; calls < 40; calls += 13) {
        int left = calls;
        const orion_writer writer = {sizeof writer, &left, refuse_later};
        assert_int_equal(orion_train_stories_print(1, 0, &writer), ORION_ERROR_IO);
        assert_int_equal(left, -1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answer),
        cmocka_unit_test(test_depends_on_seed_and_index_alone),
        cmocka_unit_test(test_clean_and_distinct),
        cmocka_unit_test(test_consistent),
        cmocka_unit_test(test_whole_grammar_is_used),
        cmocka_unit_test(test_writer_fails),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
