/* SPDX-License-Identifier: MIT */
/* Temporary folders and test data. */
#define _XOPEN_SOURCE 700
#include "support.h"

#include <ftw.h>
#include <unistd.h>

/* One of eight rotating buffers, so that a test can hold a few paths without freeing them. */
static const char *join(const char *folder, const char *name) {
    static char buffers[8][1024];
    static unsigned next;
    char *buffer = buffers[next++ % 8];
    int n = snprintf(buffer, sizeof buffers[0], "%s/%s", folder, name);
    assert_in_range((unsigned long)n, 0, sizeof buffers[0] - 1);
    return buffer;
}

void test_dir_create(test_dir *dir) {
    const char *base = getenv("TMPDIR");
    int n = snprintf(dir->path, sizeof dir->path, "%s/orion-test-XXXXXX",
                     base != NULL && base[0] != '\0' ? base : "/tmp");
    assert_in_range((unsigned long)n, 0, sizeof dir->path - 1);
    assert_non_null(mkdtemp(dir->path));
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw) {
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_dir_remove(test_dir *dir) {
    nftw(dir->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

const char *test_dir_file(const test_dir *dir, const char *name) {
    return join(dir->path, name);
}

const char *test_data(const char *relative) {
    const char *folder = getenv("ORION_TEST_DATA");
    const char *path = join(folder == NULL ? "." : folder, relative);
    if (folder == NULL || access(path, R_OK) != 0) {
        print_message("skipped: no data file %s (ORION_TEST_DATA)\n", path);
        skip();
    }
    return path;
}

const char *test_source(const char *relative) {
    const char *folder = getenv("ORION_TEST_SOURCE");
    assert_non_null(folder);
    const char *path = join(folder, relative);
    if (access(path, R_OK) != 0) fail_msg("cannot read %s", path);
    return path;
}

char *test_read_file(const char *path, size_t *out_size) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("cannot open %s", path);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    long size = ftell(f);
    assert_true(size >= 0);
    rewind(f);
    char *data = malloc((size_t)size + 1);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, (size_t)size, f), (size_t)size);
    data[size] = '\0';
    fclose(f);
    if (out_size != NULL) *out_size = (size_t)size;
    return data;
}

void test_write_file(const char *path, const void *bytes, size_t size) {
    FILE *f = fopen(path, "wb");
    if (f == NULL) fail_msg("cannot create %s", path);
    if (size != 0) assert_int_equal(fwrite(bytes, 1, size, f), size);
    assert_int_equal(fclose(f), 0);
}
