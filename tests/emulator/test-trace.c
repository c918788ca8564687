/* SPDX-License-Identifier: MIT */
/* The messages that the back end sends are those that docs/private-api.md writes down. */
#include "emulator-support.h"

/* The code block of the document that is marked `trace`. */
static char *documented(void) {
    char *document = test_read_file(test_source("../docs/private-api.md"), NULL);
    char *begin = strstr(document, "```trace\n");
    assert_non_null(begin);
    begin += strlen("```trace\n");
    char *end = strstr(begin, "```");
    assert_non_null(end);
    size_t length = (size_t)(end - begin);
    char *text = malloc(length + 1);
    assert_non_null(text);
    memcpy(text, begin, length);
    text[length] = '\0';
    free(document);
    return text;
}

/* One program from compiling to unloading, executed twice, on the same tensors. */
static void life_of_a_program(const char *settings) {
    static const char statements[] =
        "        tensor<fp16, [1, 2, 1, 1]> w = const()[name = string(\"w\"), val = "
        "tensor<fp16, [1, 2, 1, 1]>(BLOBFILE(path = string(\"@model_path/weights/weight.bin\"), "
        "offset = uint64(64)))];\n"
        "        tensor<fp16, [1, 2, 1, 4]> y = mul(x = x, y = w)[name = string(\"y\")];\n";
    char *text = mil_text("tensor<fp16, [1, 2, 1, 4]> x", statements, "y");
    orion_mil_weights *weights =
        half_weights("@model_path/weights/weight.bin", (const float[]){2, 3}, 2);
    bench b = bench_open(settings);
    ane_bound bound = ane_bind(bench_compile(&b, text, weights), false);
    assert_ok(bench_execute(&b, &bound), b.diag);
    assert_ok(bench_execute(&b, &bound), b.diag);
    ane_bound_free(&bound);
    bench_close(&b);
    orion_mil_weights_destroy(&weights);
    free(text);
    emulator_reset(); /* closes the trace */
}

static void test_documented(void **state) {
    (void)state;
    test_dir dir;
    char settings[512];
    test_dir_create(&dir);
    snprintf(settings, sizeof settings, "trace=%s", test_dir_file(&dir, "trace"));
    life_of_a_program(settings);
    char *have = test_read_file(test_dir_file(&dir, "trace"), NULL);
    char *want = documented();
    if (strcmp(have, want) != 0) {
        print_message("%s", have);
        fail_msg("the messages above are not those of docs/private-api.md");
    }
    free(have);
    free(want);
    test_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documented)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
