/* SPDX-License-Identifier: MIT */
/* liborion-ir/util: numbers and text, half precision, memory, maps, files. */
#define _XOPEN_SOURCE 700
#include "support.h"

#include "util/util.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- numbers as text ---- */

static void assert_f32_survives(uint32_t bits) {
    char text[32];
    double back;
    float v = orn_bits_f32(bits);
    size_t n = orn_format_f32(text, v);
    assert_int_equal(text[n], '\0');
    if (!orn_parse_f64(text, n, &back)) fail_msg("0x%08x is printed as %s", bits, text);
    if (isnan(v)) {
        assert_true(isnan(back));
    } else if (orn_f32_bits((float)back) != bits) {
        fail_msg("0x%08x is printed as %s", bits, text);
    }
}

static void test_f32_text(void **state) {
    (void)state;
    uint64_t seed = 1;
    for (int i = 0; i < 200000; i++) assert_f32_survives((uint32_t)test_random(&seed));
    for (uint32_t exponent = 0; exponent < 256; exponent++) { /* around powers of two */
        for (uint32_t i = 0; i < 64; i++) assert_f32_survives((exponent << 23) - 32 + i);
    }
}

static void test_f64_text(void **state) {
    (void)state;
    uint64_t seed = 2;
    for (int i = 0; i < 50000; i++) {
        uint64_t bits = test_random(&seed);
        char text[32];
        double v, back;
        memcpy(&v, &bits, sizeof v);
        assert_true(orn_parse_f64(text, orn_format_f64(text, v), &back));
        if (isnan(v) ? !isnan(back) : memcmp(&v, &back, sizeof v) != 0) fail_msg("%s", text);
    }
}

static void test_shortest_text(void **state) {
    (void)state;
    static const struct {
        double v;
        const char *f32, *f64;
    } rows[] = {
        {0, "0", "0"},
        {-0.0, "-0", "-0"},
        {1, "1", "1"},
        {0.1, "0.1", "0.1"},
        {-2.5, "-2.5", "-2.5"},
        {100, "100", "100"},
        {500000, "500000", "500000"},
        {1234567, "1234567", "1234567"},
        {9999999, "9999999", "9999999"},
        {1e7, "1e+07", "1e+07"},
        {1e-5, "1e-05", "1e-05"},
        {0.0001, "0.0001", "0.0001"},
        {16777216, "16777216", "16777216"},
        {1.0 / 3, "0.33333334", "0.3333333333333333"},
        {1e-45, "1e-45", "1e-45"},
        {5e-324, "0", "5e-324"},
        {1.7976931348623157e308, "inf", "1.7976931348623157e+308"},
        {(double)INFINITY, "inf", "inf"},
        {-(double)INFINITY, "-inf", "-inf"},
        {(double)NAN, "nan", "nan"},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        char text[32];
        orn_format_f32(text, (float)rows[i].v);
        assert_string_equal(text, rows[i].f32);
        orn_format_f64(text, rows[i].v);
        assert_string_equal(text, rows[i].f64);
    }
}

static void test_reading_numbers(void **state) {
    (void)state;
    static const char *const bad[] = {"",   "x",   "1x",   "1 ", " 1",  "--1",      "+-1",
                                      "0x", "1,5", ".",    "e5", "1e",  "infinity", "nan1",
                                      "in", "-",   "1.5.", "1d", "Inf", "NAN"};
    double v;
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        if (orn_parse_f64(bad[i], strlen(bad[i]), &v)) fail_msg("\"%s\" is read as %g", bad[i], v);
    }
    static const struct {
        const char *text;
        double v;
    } good[] = {{"1", 1},
                {"+1.5", 1.5},
                {"-1e3", -1000},
                {"0x1p-3", 0.125},
                {".5", 0.5},
                {"5.", 5},
                {"-inf", -(double)INFINITY},
                {"1e400", (double)INFINITY},
                {"1e-400", 0}};
    for (size_t i = 0; i < ORN_COUNT(good); i++) {
        assert_true(orn_parse_f64(good[i].text, strlen(good[i].text), &v));
        assert_true(v == good[i].v);
    }
    assert_true(orn_parse_f64("12junk", 2, &v)); /* only what was given is read */
    assert_true(v == 12);
    char digits[200];
    memset(digits, '1', sizeof digits);
    assert_true(orn_parse_f64(digits, 100, &v));
    assert_false(orn_parse_f64(digits, sizeof digits, &v));
}

static void test_reading_integers(void **state) {
    (void)state;
    static const char *const bad[] = {"",
                                      "-",
                                      "+",
                                      "1x",
                                      "x",
                                      "1.0",
                                      " 1",
                                      "0x1",
                                      "--1",
                                      "9223372036854775808",
                                      "-9223372036854775809",
                                      "99999999999999999999999"};
    int64_t i64;
    uint64_t u64;
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        if (orn_parse_i64(bad[i], strlen(bad[i]), &i64)) fail_msg("%s", bad[i]);
    }
    assert_true(orn_parse_i64("-9223372036854775808", 20, &i64) && i64 == INT64_MIN);
    assert_true(orn_parse_i64("9223372036854775807", 19, &i64) && i64 == INT64_MAX);
    assert_true(orn_parse_i64("+007", 4, &i64) && i64 == 7);
    assert_true(orn_parse_u64("18446744073709551615", 20, &u64) && u64 == UINT64_MAX);
    assert_false(orn_parse_u64("18446744073709551616", 20, &u64));
    assert_false(orn_parse_u64("-1", 2, &u64));
    assert_false(orn_parse_u64("", 0, &u64));
}

/* ---- half precision ---- */

static bool is_nan16(uint16_t h, uint16_t infinity) {
    return (h & 0x7fff) > infinity;
}

/* Every 16-bit float survives the way through f32; a NaN stays one. */
static void test_every_half_survives(void **state) {
    (void)state;
    for (uint32_t i = 0; i < 0x10000; i++) {
        uint16_t h = (uint16_t)i;
        uint16_t f16 = orn_f16_from_f32(orn_f32_from_f16(h));
        uint16_t bf16 = orn_bf16_from_f32(orn_f32_from_bf16(h));
        assert_true(is_nan16(h, 0x7c00) ? is_nan16(f16, 0x7c00) : f16 == h);
        assert_true(is_nan16(h, 0x7f80) ? is_nan16(bf16, 0x7f80) : bf16 == h);
    }
}

/* Between two neighbours the nearer wins; in the middle the even one. In one step from f64. */
static void test_rounding_to_f16(void **state) {
    (void)state;
    for (uint16_t h = 0; h < 0x7bff; h++) {
        double a = (double)orn_f32_from_f16(h), b = (double)orn_f32_from_f16((uint16_t)(h + 1));
        double middle = (a + b) / 2;
        uint16_t even = (uint16_t)(h + (h & 1));
        assert_int_equal(orn_f16_from_f64(middle), even);
        assert_int_equal(orn_f16_from_f64(nextafter(middle, 0)), h);
        assert_int_equal(orn_f16_from_f64(nextafter(middle, 1e9)), h + 1);
        assert_int_equal(orn_f16_from_f64(-middle), even | 0x8000);
    }
    assert_int_equal(orn_f16_from_f64(65519.999), 0x7bff);
    assert_int_equal(orn_f16_from_f64(65520), 0x7c00);
    assert_int_equal(orn_f16_from_f64(1e300), 0x7c00);
    assert_int_equal(orn_f16_from_f64(-1e-300), 0x8000);
    assert_int_equal(orn_f16_from_f64(0x1p-25), 0);
    assert_int_equal(orn_f16_from_f64(0x1.8p-25), 1);
}

static void test_rounding_to_bf16(void **state) {
    (void)state;
    for (uint16_t h = 0; h < 0x7f7f; h++) {
        uint32_t bits = (uint32_t)h << 16;
        assert_int_equal(orn_bf16_from_f32(orn_bits_f32(bits + 0x7fff)), h);
        assert_int_equal(orn_bf16_from_f32(orn_bits_f32(bits + 0x8000)), h + (h & 1));
        assert_int_equal(orn_bf16_from_f32(orn_bits_f32(bits + 0x8001)), h + 1);
    }
    assert_int_equal(orn_bf16_from_f32(3.4e38f), 0x7f80);
}

/* ---- memory ---- */

static void test_checked_sizes(void **state) {
    (void)state;
    size_t n = 7;
    assert_true(orn_mul(SIZE_MAX / 2, 2, &n));
    assert_int_equal(n, SIZE_MAX - 1);
    assert_false(orn_mul(SIZE_MAX / 2 + 1, 2, &n));
    assert_false(orn_add(SIZE_MAX, 1, &n));
    assert_int_equal(n, SIZE_MAX - 1);
    assert_true(orn_align_up(65, 64, &n));
    assert_int_equal(n, 128);
    assert_false(orn_align_up(SIZE_MAX - 5, 64, &n));
}

static void test_growing(void **state) {
    (void)state;
    test_heap heap;
    char why[160];
    uint64_t *items = NULL;
    size_t capacity = 0;
    test_heap_init(&heap);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(ORN_GROW(&heap.allocator, items, capacity, i + 1));
        items[i] = i;
    }
    for (size_t i = 0; i < 1000; i++) assert_int_equal(items[i], i);
    uint64_t *before = items;
    assert_false(ORN_GROW(&heap.allocator, items, capacity, SIZE_MAX / 4));
    assert_false(ORN_GROW(&heap.allocator, items, capacity, SIZE_MAX));
    assert_ptr_equal(items, before);
    assert_int_equal(capacity, 1024);
    orn_free(&heap.allocator, items, capacity * sizeof *items);
    assert_null(test_heap_check(&heap, why, sizeof why));
    test_heap_fini(&heap);
}

static void test_arena(void **state) {
    (void)state;
    test_heap heap;
    char why[160];
    orn_arena arena;
    test_heap_init(&heap);
    orn_arena_init(&arena, &heap.allocator);
    uint64_t seed = 3;
    for (int i = 0; i < 2000; i++) {
        size_t n = (size_t)(test_random(&seed) % (i % 100 == 0 ? 40000 : 100));
        unsigned char *p = orn_arena_alloc(&arena, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % 16, 0);
        for (size_t k = 0; k < n; k++) assert_int_equal(p[k], 0);
        memset(p, 0xff, n);
    }
    assert_null(orn_arena_alloc(&arena, SIZE_MAX));
    assert_null(orn_arena_alloc(&arena, SIZE_MAX - 20));
    assert_string_equal(orn_arena_strndup(&arena, "hello", 4), "hell");
    orn_arena_clear(&arena);
    assert_null(test_heap_check(&heap, why, sizeof why));
    assert_non_null(orn_arena_alloc(&arena, 1)); /* usable again */
    orn_arena_clear(&arena);
    test_heap_fini(&heap);
}

/* Option structs of callers built against other versions. */
static void test_sized_structs(void **state) {
    (void)state;
    struct options {
        size_t size;
        uint32_t a, b;
    } out, newer[2] = {{.size = sizeof newer, .a = 1, .b = 2}}, full = {sizeof full, 3, 4};
    struct {
        size_t size;
        uint32_t a;
        uint32_t canary;
    } older = {offsetof(struct options, b), 5, 99};
    assert_int_equal(orn_check_size(NULL, &out, sizeof out), ORION_OK);
    assert_true(out.size == sizeof out && out.a == 0 && out.b == 0);
    assert_int_equal(orn_check_size(&full, &out, sizeof out), ORION_OK);
    assert_true(out.a == 3 && out.b == 4);
    assert_int_equal(orn_check_size(&older, &out, sizeof out), ORION_OK);
    assert_true(out.size == sizeof out && out.a == 5 && out.b == 0);
    assert_int_equal(orn_check_size(newer, &out, sizeof out), ORION_OK);
    assert_true(out.a == 1 && out.b == 2);
    newer[1].b = 1;
    assert_int_equal(orn_check_size(newer, &out, sizeof out), ORION_ERROR_ABI);
    full.size = 3;
    assert_int_equal(orn_check_size(&full, &out, sizeof out), ORION_ERROR_INVALID_ARGUMENT);

    full = (struct options){sizeof full, 3, 4};
    assert_int_equal(orn_fill_sized(&full, &older, sizeof full), ORION_OK);
    assert_true(older.size == offsetof(struct options, b) && older.a == 3 && older.canary == 99);
}

/* ---- text, maps, hashing, places ---- */

static void test_text(void **state) {
    (void)state;
    test_heap heap;
    orn_text t;
    test_heap_init(&heap);
    orn_text_init(&t, &heap.allocator);
    orn_text_puts(&t, "a");
    orn_text_char(&t, 'b');
    orn_text_int(&t, INT64_MIN);
    orn_text_char(&t, ' ');
    orn_text_uint(&t, UINT64_MAX);
    orn_text_printf(&t, " %s %.*s %d %u %zu", "x", 2, "yz!", -1, 2u, (size_t)3);
    orn_text_char(&t, ' ');
    orn_text_float(&t, 0.5, 9);
    assert_string_equal(t.data, "ab-9223372036854775808 18446744073709551615 x yz -1 2 3 0.5");
    /* After a failure nothing is added, and the failure is kept. */
    size_t size = t.size;
    test_heap_arm(&heap, 0);
    for (int i = 0; i < 100; i++) orn_text_puts(&t, "0123456789");
    test_heap_disarm(&heap);
    orn_text_puts(&t, "more");
    assert_int_equal(orn_text_status(&t), ORION_ERROR_NO_MEMORY);
    assert_in_range(t.size, size, size + 1000);
    assert_null(strstr(t.data, "more"));
    orn_text_free(&t);
    assert_int_equal(heap.live_blocks, 0);
    test_heap_fini(&heap);
}

static void test_map(void **state) {
    (void)state;
    static char keys[5000][8];
    orn_map m;
    orn_map_init(&m, NULL);
    assert_null(orn_map_get(&m, "x", 1));
    for (uint32_t i = 0; i < 5000; i++) {
        int n = snprintf(keys[i], sizeof keys[i], "k%u", i);
        assert_int_equal(orn_map_put(&m, keys[i], (size_t)n, i), ORION_OK);
    }
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t *v = orn_map_get(&m, keys[i], strlen(keys[i]));
        assert_non_null(v);
        assert_int_equal(*v, i);
    }
    assert_int_equal(m.count, 5000);
    assert_int_equal(orn_map_put(&m, "k7", 2, 99), ORION_OK);
    assert_int_equal(m.count, 5000);
    assert_int_equal(*orn_map_get(&m, "k7", 2), 99);
    assert_null(orn_map_get(&m, "k", 1)); /* a prefix is another key */
    assert_null(orn_map_get(&m, "k5000", 5));
    assert_int_equal(orn_map_put(&m, "", 0, 1), ORION_OK);
    assert_int_equal(*orn_map_get(&m, "", 0), 1);
    orn_map_free(&m);
    assert_null(orn_map_get(&m, "k1", 2));
}

static void test_hash_is_fixed(void **state) {
    (void)state;
    assert_true(orn_hash_bytes("", 0, 0) == orn_hash_bytes("x", 0, 0));
    assert_true(orn_hash_bytes("abc", 3, 0) != orn_hash_bytes("acb", 3, 0));
    assert_true(orn_hash_bytes("abc", 3, 0) != orn_hash_bytes("abc", 3, 1));
}

static void test_places(void **state) {
    (void)state;
    static const char text[] = "ab\ncd\n\nx";
    orn_scan scan = {.begin = text, .end = text + sizeof text - 1};
    uint32_t line, column;
    orn_scan_place(&scan, text, &line, &column);
    assert_true(line == 1 && column == 1);
    orn_scan_place(&scan, text + 4, &line, &column);
    assert_true(line == 2 && column == 2);
    orn_scan_place(&scan, scan.end, &line, &column);
    assert_true(line == 4 && column == 2);
}

/* ---- files ---- */

static size_t entries_of(const test_dir *dir) {
    DIR *d = opendir(dir->path);
    size_t n = 0;
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void assert_content(const char *path, const char *text) {
    char *have = test_read_file(path, NULL);
    assert_string_equal(have, text);
    free(have);
}

static void test_file_appears_whole(void **state) {
    (void)state;
    test_dir dir;
    orn_file f, g;
    struct stat st;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "file");
    mode_t mask = umask(027);
    assert_int_equal(orn_file_begin(&f, path, NULL, NULL), ORION_OK);
    assert_int_equal(orn_file_begin(&g, path, NULL, NULL), ORION_OK); /* two at once */
    umask(mask);
    assert_int_equal(orn_file_write(&f, "hello ", 6, NULL), ORION_OK);
    assert_int_equal(orn_file_write(&f, "world", 5, NULL), ORION_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(orn_file_commit(&f, NULL), ORION_OK);
    assert_content(path, "hello world");
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(orn_file_write(&g, "second", 6, NULL), ORION_OK);
    assert_int_equal(orn_file_commit(&g, NULL), ORION_OK);
    assert_content(path, "second");
    orn_file_abort(&g);
    assert_int_equal(entries_of(&dir), 1);
    test_dir_remove(&dir);
}

static void test_file_aborted(void **state) {
    (void)state;
    test_dir dir;
    orn_file f;
    test_dir_create(&dir);
    const char *path = test_dir_file(&dir, "file");
    test_write_file(path, "old", 3);
    assert_int_equal(orn_file_begin(&f, path, NULL, NULL), ORION_OK);
    assert_int_equal(orn_file_write(&f, "new", 3, NULL), ORION_OK);
    orn_file_abort(&f);
    orn_file_abort(&f);
    assert_content(path, "old");
    assert_int_equal(entries_of(&dir), 1);
    test_dir_remove(&dir);
}

/* Where no file can be made or replaced: nothing changes, and the message names the path. */
static void test_file_refused(void **state) {
    (void)state;
    test_dir dir;
    orion_diag *diag = NULL;
    test_dir_create(&dir);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    test_write_file(test_dir_file(&dir, "file"), "old", 3);
    assert_int_equal(mkfifo(test_dir_file(&dir, "pipe"), 0600), 0);
    assert_int_equal(mkdir(test_dir_file(&dir, "locked"), 0500), 0);
    const char *const paths[] = {test_dir_file(&dir, "nothing/file"),
                                 test_dir_file(&dir, "file/x"),
                                 dir.path,
                                 test_dir_file(&dir, "pipe"),
                                 "/dev/full",
                                 test_dir_file(&dir, "locked/file")};
    size_t n = ORN_COUNT(paths) - (geteuid() == 0 ? 1 : 0); /* root may write anywhere */
    for (size_t i = 0; i < n; i++) {
        orn_file f;
        orion_diag_clear(diag);
        assert_int_equal(orn_file_begin(&f, paths[i], NULL, diag), ORION_ERROR_IO);
        assert_diag(diag, ORION_MESSAGE_FILE_UNWRITABLE, paths[i]);
        orn_file_abort(&f);
    }
    assert_int_equal(entries_of(&dir), 3);
    orion_diag_destroy(&diag);
    test_dir_remove(&dir);
}

/* A disk that fills up half-way, as a limit on the size of files. */
static void test_file_on_a_full_disk(void **state) {
    (void)state;
    test_dir dir;
    orn_file f;
    struct rlimit was, small;
    orion_diag *diag = NULL;
    char chunk[4096] = {0};
    test_dir_create(&dir);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    const char *path = test_dir_file(&dir, "file");
    test_write_file(path, "old", 3);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = 10000;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    orion_status status = orn_file_begin(&f, path, NULL, diag);
    for (int i = 0; i < 5 && status == ORION_OK; i++) {
        status = orn_file_write(&f, chunk, sizeof chunk, diag);
    }
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(status, ORION_ERROR_IO);
    assert_diag(diag, ORION_MESSAGE_FILE_UNWRITABLE, path);
    assert_content(path, "old");
    assert_int_equal(entries_of(&dir), 1);
    orion_diag_destroy(&diag);
    test_dir_remove(&dir);
}

static orion_status write_a_file(oom_case *oom, void *ctx) {
    const test_dir *dir = ctx;
    orn_file f;
    oom_arm(oom);
    orion_status status =
        orn_file_begin(&f, test_dir_file(dir, "file"), &oom->heap.allocator, NULL);
    if (status == ORION_OK) status = orn_file_commit(&f, NULL);
    oom_disarm(oom);
    return status;
}

static void test_file_without_memory(void **state) {
    (void)state;
    test_dir dir;
    test_dir_create(&dir);
    oom_loop("file", write_a_file, &dir);
    assert_int_equal(entries_of(&dir), 1);
    test_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_f32_text),
        cmocka_unit_test(test_f64_text),
        cmocka_unit_test(test_shortest_text),
        cmocka_unit_test(test_reading_numbers),
        cmocka_unit_test(test_reading_integers),
        cmocka_unit_test(test_every_half_survives),
        cmocka_unit_test(test_rounding_to_f16),
        cmocka_unit_test(test_rounding_to_bf16),
        cmocka_unit_test(test_checked_sizes),
        cmocka_unit_test(test_growing),
        cmocka_unit_test(test_arena),
        cmocka_unit_test(test_sized_structs),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_hash_is_fixed),
        cmocka_unit_test(test_places),
        cmocka_unit_test(test_file_appears_whole),
        cmocka_unit_test(test_file_aborted),
        cmocka_unit_test(test_file_refused),
        cmocka_unit_test(test_file_on_a_full_disk),
        cmocka_unit_test(test_file_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
