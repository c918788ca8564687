/* SPDX-License-Identifier: MIT */
/*
 * The folder of a model: its text and weights must be there, under the names that the text uses,
 * before a compiler of Apple's is called.
 */
#if !defined(__APPLE__)
#define _XOPEN_SOURCE 700 /* mkdtemp, nftw */
#endif
#include "folder.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static orion_status fail(orion_diag *diag, const char *path) {
    ORN_ERROR(diag, ANE_FILES, path, "%s: %s", path, strerror(errno));
    return ORION_ERROR_IO;
}

/* Folders of a path that are not there yet. */
static orion_status make_parents(char *path, orion_diag *diag) {
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        bool made = mkdir(path, S_IRWXU) == 0 || errno == EEXIST || errno == EISDIR;
        orion_status status = made ? ORION_OK : fail(diag, path);
        *at = '/';
        if (status != ORION_OK) return status;
    }
    return ORION_OK;
}

static orion_status write_bytes(char *path, const void *bytes, size_t size, orion_diag *diag) {
    TRY(make_parents(path, diag));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return fail(diag, path);
    orion_writer writer = orion_writer_fd(fd);
    orion_status status = writer.write(writer.ctx, bytes, size);
    if (close(fd) != 0 && status == ORION_OK) status = ORION_ERROR_IO;
    return status == ORION_OK ? status : fail(diag, path);
}

/* Below the folder: what stands behind "@model_path/". NULL if it leads elsewhere. */
static const char *relative_path(const char *path) {
    static const char root[] = "@model_path/";
    if (strncmp(path, root, strlen(root)) == 0) path += strlen(root);
    return path[0] == '/' || path[0] == '\0' || strstr(path, "..") != NULL ? NULL : path;
}

static orion_status write_one(const char *folder, const char *name, const void *bytes, size_t size,
                              const orion_allocator *a, orion_diag *diag) {
    const char *relative = relative_path(name);
    if (relative == NULL) {
        ORN_ERROR(diag, ANE_FILES, name, "weight file '%s' is not below @model_path/", name);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    orn_text path;
    orn_text_init(&path, a);
    orn_text_printf(&path, "%s/%s", folder, relative);
    orion_status status = orn_text_status(&path);
    if (status == ORION_OK) status = write_bytes(path.data, bytes, size, diag);
    orn_text_free(&path);
    return status;
}

orion_status ane_folder_write(const char *path, const orion_ane_source *source,
                              const orion_allocator *a, orion_diag *diag) {
    orion_status status = write_one(path, "model.mil", source->text, source->length, a, diag);
    for (size_t i = 0; i < orion_mil_weights_count(source->weights) && status == ORION_OK; i++) {
        const orion_blob *blob = orion_mil_weights_get(source->weights, i);
        status = write_one(path, orion_mil_weights_path(source->weights, i), orion_blob_data(blob),
                           orion_blob_size(blob), a, diag);
    }
    if (status != ORION_OK) ane_folder_remove(path);
    return status;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *place) {
    (void)st;
    (void)place;
    (void)(kind == FTW_DP ? rmdir(path) : unlink(path));
    return 0;
}

void ane_folder_remove(const char *path) {
    enum { DESCRIPTORS = 8 };
    (void)nftw(path, remove_entry, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}

/* Where the system wants temporary files; ends with a slash. */
static void temporary_folder(char path[PATH_MAX]) {
#if defined(__APPLE__)
    size_t size = confstr(_CS_DARWIN_USER_TEMP_DIR, path, PATH_MAX);
    if (size > 1 && size <= PATH_MAX) return;
#endif
    memcpy(path, P_tmpdir "/", sizeof P_tmpdir "/");
}

orion_status ane_folder_make(const orion_allocator *a, orion_diag *diag, char **out_path) {
    char root[PATH_MAX];
    orn_text path;
    temporary_folder(root);
    orn_text_init(&path, a);
    orn_text_printf(&path, "%sorion-XXXXXX", root);
    orion_status status = orn_text_status(&path);
    if (status == ORION_OK && mkdtemp(path.data) == NULL) status = fail(diag, path.data);
    if (status == ORION_OK) {
        *out_path = orn_alloc(a, path.size + 1);
        if (*out_path == NULL) status = ORION_ERROR_NO_MEMORY;
    }
    if (status == ORION_OK) memcpy(*out_path, path.data, path.size + 1);
    orn_text_free(&path);
    return status;
}
