/* SPDX-License-Identifier: MIT */
/* base.h: status, messages, diagnostics, buffers, writers, blobs. */
#define _POSIX_C_SOURCE 200809L
#include "support.h"

#include "util/util.h"
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* ---- status and messages ---- */

static void test_status_strings(void **state) {
    (void)state;
    const char *unknown = orion_status_string((orion_status)-99);
    assert_string_equal(orion_status_string(ORION_OK), "success");
    assert_string_equal(orion_status_string(ORION_ERROR_NO_MEMORY), "out of memory");
    for (int status = ORION_ERROR_CANCELLED; status <= ORION_OK; status++) {
        const char *text = orion_status_string((orion_status)status);
        assert_string_not_equal(text, unknown);
        for (int other = status + 1; other <= ORION_OK; other++) {
            assert_string_not_equal(text, orion_status_string((orion_status)other));
        }
    }
    assert_string_equal(orion_status_string((orion_status)1), unknown);
}

static void test_messages(void **state) {
    (void)state;
    static const orion_message all[] = {
#define ORION_MESSAGE(number, name, summary, remedy) ORION_MESSAGE_##name,
#include <orion/messages.def>
#undef ORION_MESSAGE
    };
    for (size_t i = 0; i < ORN_COUNT(all); i++) {
        assert_true(strlen(orion_message_summary(all[i])) > 5);
        assert_true(strlen(orion_message_remedy(all[i])) > 5);
    }
    assert_string_equal(orion_message_summary(ORION_MESSAGE_NONE), "");
    assert_string_equal(orion_message_remedy((orion_message)99999), "");
}

/* ---- diagnostics ---- */

static orion_diag *new_diag(void) {
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    return diag;
}

static char *printed(const orion_diag *diag) {
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_diag_print(diag, &writer), ORION_OK);
    char *text = strdup(orion_buffer_data(buffer));
    assert_non_null(text);
    orion_buffer_destroy(&buffer);
    return text;
}

static void test_diag_keeps_copies(void **state) {
    (void)state;
    char source[] = "a.oir", subject[] = "x", text[] = "it is wrong";
    orion_diag *diag = new_diag();
    orion_diag_add(diag, &(orion_diag_entry){.size = sizeof(orion_diag_entry),
                                             .message = ORION_MESSAGE_IR_SYNTAX,
                                             .severity = ORION_SEVERITY_WARNING,
                                             .source = source,
                                             .line = 3,
                                             .column = 7,
                                             .subject = subject,
                                             .text = text});
    source[0] = subject[0] = text[0] = '?';
    assert_int_equal(orion_diag_count(diag), 1);
    const orion_diag_entry *e = orion_diag_get(diag, 0);
    assert_string_equal(e->source, "a.oir");
    assert_string_equal(e->subject, "x");
    assert_string_equal(e->text, "it is wrong");
    assert_int_equal(e->severity, ORION_SEVERITY_WARNING);
    assert_null(orion_diag_get(diag, 1));
    orion_diag_clear(diag);
    assert_int_equal(orion_diag_count(diag), 0);
    assert_null(orion_diag_get(diag, 0));
    orion_diag_destroy(&diag);
    assert_null(diag);
}

static void test_diag_prints(void **state) {
    (void)state;
    orion_diag *diag = new_diag();
    orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_FILE_NOT_FOUND, "a.oir", 3, 7, NULL, "no %s",
             "file");
    orn_diag(diag, ORION_SEVERITY_NOTE, ORION_MESSAGE_FILE_NOT_FOUND, "a.oir", 0, 0, NULL, "b");
    orn_diag(diag, ORION_SEVERITY_WARNING, ORION_MESSAGE_FILE_NOT_FOUND, NULL, 0, 0, NULL, "c");
    char *text = printed(diag);
    assert_string_equal(text, "a.oir:3:7: error: no file [ORN-0001]\n    Check the path.\n"
                              "a.oir: note: b [ORN-0001]\n    Check the path.\n"
                              "warning: c [ORN-0001]\n    Check the path.\n");
    free(text);
    orion_diag_destroy(&diag);
}

/* 256 entries are kept, the rest is counted. */
static void test_diag_is_bounded(void **state) {
    (void)state;
    orion_diag *diag = new_diag();
    for (int i = 0; i < 300; i++) ORN_ERROR(diag, IR_SYNTAX, NULL, "number %d", i);
    assert_int_equal(orion_diag_count(diag), 256);
    assert_int_equal(orion_diag_dropped(diag), 44);
    assert_string_equal(orion_diag_get(diag, 255)->text, "number 255");
    char *text = printed(diag);
    assert_non_null(strstr(text, "... and 44 more\n"));
    free(text);
    orion_diag_clear(diag);
    assert_int_equal(orion_diag_dropped(diag), 0);
    orion_diag_destroy(&diag);
}

/* A caller built against an older or newer header. */
static void test_diag_entry_sizes(void **state) {
    (void)state;
    struct {
        orion_diag_entry known;
        uint64_t news;
    } newer = {.known = {.size = sizeof newer, .text = "newer"}};
    orion_diag_entry older = {.size = offsetof(orion_diag_entry, subject), .message = 22};
    orion_diag *diag = new_diag();
    orion_diag_add(diag, &newer.known);
    orion_diag_add(diag, &older);
    assert_int_equal(orion_diag_count(diag), 2);
    assert_string_equal(orion_diag_get(diag, 1)->text,
                        orion_message_summary(ORION_MESSAGE_IR_SYNTAX));
    newer.news = 1;
    orion_diag_add(diag, &newer.known);
    assert_int_equal(orion_diag_count(diag), 2);
    assert_int_equal(orion_diag_dropped(diag), 1);
    orion_diag_destroy(&diag);
}

static void test_no_diag_is_fine(void **state) {
    (void)state;
    orion_diag_add(NULL, &(orion_diag_entry){.size = sizeof(orion_diag_entry)});
    ORN_ERROR(NULL, IR_SYNTAX, NULL, "nobody reads this");
    orion_diag_clear(NULL);
    orion_diag_destroy(NULL);
    assert_int_equal(orion_diag_count(NULL), 0);
    assert_int_equal(orion_diag_dropped(NULL), 0);
    assert_null(orion_diag_get(NULL, 0));
    char *text = printed(NULL);
    assert_string_equal(text, "");
    free(text);
}

/* ---- buffers and writers ---- */

static void test_buffer(void **state) {
    (void)state;
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    assert_string_equal(orion_buffer_data(buffer), "");
    assert_int_equal(orion_buffer_size(buffer), 0);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(writer.write(writer.ctx, "ab\0c", 4), ORION_OK);
    assert_int_equal(writer.write(writer.ctx, "", 0), ORION_OK);
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(writer.write(writer.ctx, "0123456789", 10), ORION_OK);
    }
    assert_int_equal(orion_buffer_size(buffer), 10004);
    assert_memory_equal(orion_buffer_data(buffer), "ab\0c0123", 8);
    assert_int_equal(orion_buffer_data(buffer)[10004], '\0');
    orion_buffer_clear(buffer);
    assert_string_equal(orion_buffer_data(buffer), "");
    orion_buffer_destroy(&buffer);
    assert_null(buffer);
    orion_buffer_destroy(&buffer);
    orion_buffer_destroy(NULL);
}

/* A refused write leaves the buffer as it was, and the next one may succeed. */
static void test_buffer_without_memory(void **state) {
    (void)state;
    test_heap heap;
    char why[160];
    orion_buffer *buffer = NULL;
    test_heap_init(&heap);
    assert_int_equal(orion_buffer_create(&heap.allocator, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(writer.write(writer.ctx, "abc", 3), ORION_OK);
    test_heap_arm(&heap, 0);
    char big[1000] = {0};
    assert_int_equal(writer.write(writer.ctx, big, sizeof big), ORION_ERROR_NO_MEMORY);
    assert_string_equal(orion_buffer_data(buffer), "abc");
    test_heap_disarm(&heap);
    assert_int_equal(writer.write(writer.ctx, "def", 3), ORION_OK);
    assert_string_equal(orion_buffer_data(buffer), "abcdef");
    orion_buffer_destroy(&buffer);
    assert_null(test_heap_check(&heap, why, sizeof why));
    test_heap_fini(&heap);
}

static void test_writer_to_files(void **state) {
    (void)state;
    test_dir dir;
    size_t size;
    test_dir_create(&dir);
    int fd = open(test_dir_file(&dir, "out"), O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    orion_writer writer = orion_writer_fd(fd);
    assert_int_equal(writer.write(writer.ctx, "hello ", 6), ORION_OK);
    assert_int_equal(writer.write(writer.ctx, "", 0), ORION_OK);
    assert_int_equal(writer.write(writer.ctx, "world", 5), ORION_OK);
    close(fd);
    assert_int_equal(writer.write(writer.ctx, "x", 1), ORION_ERROR_IO);
    char *text = test_read_file(test_dir_file(&dir, "out"), &size);
    assert_string_equal(text, "hello world");
    free(text);
    test_dir_remove(&dir);
}

static void test_writer_to_full_disk(void **state) {
    (void)state;
    int fd = open("/dev/full", O_WRONLY);
    if (fd < 0) skip();
    orion_writer writer = orion_writer_fd(fd);
    assert_int_equal(writer.write(writer.ctx, "x", 1), ORION_ERROR_IO);
    close(fd);
}

/* ---- blobs ---- */

static void count_release(void *ctx) {
    ++*(int *)ctx;
}

static void test_blobs(void **state) {
    (void)state;
    int released = 0;
    orion_blob *copy = NULL, *lent = NULL, *zero = NULL;
    char bytes[] = "abc";
    assert_int_equal(orion_blob_copy(bytes, 3, NULL, &copy), ORION_OK);
    assert_int_equal(orion_blob_wrap(bytes, 3, count_release, &released, NULL, &lent), ORION_OK);
    assert_int_equal(orion_blob_copy(NULL, 5, NULL, &zero), ORION_OK);
    bytes[0] = 'x';
    assert_memory_equal(orion_blob_data(copy), "abc", 3);
    assert_int_equal((uintptr_t)orion_blob_data(copy) % 64, 0);
    assert_ptr_equal(orion_blob_data(lent), bytes);
    assert_int_equal(orion_blob_size(lent), 3);
    assert_memory_equal(orion_blob_data(zero), "\0\0\0\0\0", 5);
    orion_blob *second = orion_blob_ref(lent);
    assert_ptr_equal(second, lent);
    orion_blob_unref(&lent);
    assert_null(lent);
    assert_int_equal(released, 0);
    orion_blob_unref(&second);
    assert_int_equal(released, 1);
    orion_blob_unref(&second);
    orion_blob_unref(NULL);
    orion_blob_unref(&copy);
    orion_blob_unref(&zero);
}

static void test_blob_of_a_file(void **state) {
    (void)state;
    test_dir dir;
    orion_blob *blob = NULL;
    orion_diag *diag = new_diag();
    test_dir_create(&dir);
    test_write_file(test_dir_file(&dir, "a"), "hello", 5);
    test_write_file(test_dir_file(&dir, "empty"), "", 0);
    assert_ok(orion_blob_map_file(test_dir_file(&dir, "a"), NULL, diag, &blob), diag);
    assert_int_equal(orion_blob_size(blob), 5);
    assert_memory_equal(orion_blob_data(blob), "hello", 5);
    orion_blob_unref(&blob);
    assert_ok(orion_blob_map_file(test_dir_file(&dir, "empty"), NULL, diag, &blob), diag);
    assert_int_equal(orion_blob_size(blob), 0);
    assert_non_null(orion_blob_data(blob));
    orion_blob_unref(&blob);

    static const struct {
        const char *name;
        orion_status status;
        orion_message message;
    } bad[] = {
        {"nothing", ORION_ERROR_NOT_FOUND, ORION_MESSAGE_FILE_NOT_FOUND},
        {"a/below", ORION_ERROR_NOT_FOUND, ORION_MESSAGE_FILE_NOT_FOUND},
        {".", ORION_ERROR_IO, ORION_MESSAGE_FILE_UNREADABLE},
    };
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        orion_diag_clear(diag);
        blob = (void *)1;
        const char *path = test_dir_file(&dir, bad[i].name);
        assert_int_equal(orion_blob_map_file(path, NULL, diag, &blob), bad[i].status);
        assert_null(blob);
        assert_diag(diag, bad[i].message, path);
    }
    orion_diag_destroy(&diag);
    test_dir_remove(&dir);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_strings),        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_diag_keeps_copies),     cmocka_unit_test(test_diag_prints),
        cmocka_unit_test(test_diag_is_bounded),       cmocka_unit_test(test_diag_entry_sizes),
        cmocka_unit_test(test_no_diag_is_fine),       cmocka_unit_test(test_buffer),
        cmocka_unit_test(test_buffer_without_memory), cmocka_unit_test(test_writer_to_files),
        cmocka_unit_test(test_writer_to_full_disk),   cmocka_unit_test(test_blobs),
        cmocka_unit_test(test_blob_of_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
