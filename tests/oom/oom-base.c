/* SPDX-License-Identifier: MIT */
/* Out of memory in base.h. */
#include "oom.h"

static orion_status on_buffer_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_buffer *buffer = NULL;
    oom_arm(oom);
    orion_status status = orion_buffer_create(&oom->heap.allocator, &buffer);
    oom_output(oom, status, buffer);
    if (status == ORION_OK) {
        const orion_writer writer = orion_buffer_writer(buffer);
        char bytes[100] = {0};
        for (int i = 0; i < 20 && status == ORION_OK; i++)
            status = writer.write(writer.ctx, bytes, sizeof bytes);
    }
    oom_disarm(oom);
    orion_buffer_destroy(&buffer);
    return status;
}

static orion_status on_blob_map_file(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_blob *blob = NULL;
    oom_arm(oom);
    orion_status status =
        orion_blob_map_file(test_source("meson.build"), &oom->heap.allocator, NULL, &blob);
    oom_disarm(oom);
    oom_output(oom, status, blob);
    orion_blob_unref(&blob);
    return status;
}

static orion_status on_blob_copy(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_blob *blob = NULL;
    oom_arm(oom);
    orion_status status = orion_blob_copy("12345", 5, &oom->heap.allocator, &blob);
    oom_disarm(oom);
    oom_output(oom, status, blob);
    orion_blob_unref(&blob);
    return status;
}

static void count(void *ctx) {
    ++*(int *)ctx;
}

static orion_status on_blob_wrap(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_blob *blob = NULL;
    int released = 0;
    oom_arm(oom);
    orion_status status =
        orion_blob_wrap("12345", 5, count, &released, &oom->heap.allocator, &blob);
    oom_disarm(oom);
    oom_output(oom, status, blob);
    orion_blob_unref(&blob);
    if (released != (status == ORION_OK)) oom->mistake = "release is called when wrap failed";
    return status;
}

static orion_status on_diag_create(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_diag *diag = NULL;
    oom_arm(oom);
    orion_status status = orion_diag_create(&oom->heap.allocator, &diag);
    oom_output(oom, status, diag);
    if (status == ORION_OK) {
        /* Adding cannot fail: what does not fit is counted. */
        const orion_diag_entry entry = {
            .size = sizeof entry, .message = 1, .source = "a", .subject = "b", .text = "c"};
        orion_diag_add(diag, &entry);
        if (orion_diag_count(diag) + orion_diag_dropped(diag) != 1) oom->mistake = "lost an entry";
        if (orion_diag_dropped(diag) != 0) status = ORION_ERROR_NO_MEMORY;
    }
    oom_disarm(oom);
    orion_diag_destroy(&diag);
    return status;
}

static orion_status on_diag_print(oom_case *oom, void *ctx) {
    (void)ctx;
    orion_diag *diag = NULL;
    const orion_writer writer = oom_sink();
    const orion_diag_entry entry = {.size = sizeof entry, .message = 1, .text = "c"};
    oom_prepared(orion_diag_create(&oom->heap.allocator, &diag));
    orion_diag_add(diag, &entry);
    oom_arm(oom);
    orion_status status = orion_diag_print(diag, &writer);
    oom_disarm(oom);
    orion_diag_destroy(&diag);
    return status;
}

static const oom_row rows[] = {
    ROW(buffer_create), ROW(blob_map_file), ROW(blob_copy),
    ROW(blob_wrap),     ROW(diag_create),   ROW(diag_print),
};

int main(void) {
    return OOM_RUN(rows);
}
