/* SPDX-License-Identifier: MIT */
/* Files of a model: written, read and removed as the framework and its daemon do it. */
#define _XOPEN_SOURCE 700 /* nftw */
#include "emu.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* "folder/relative"; false if that would leave the folder or be too long. */
static bool join(char *path, const char *folder, const char *relative) {
    if (strstr(relative, "..") != NULL) return false;
    int n = snprintf(path, PATH_BYTES, "%s/%s", folder, relative);
    return n > 0 && n < PATH_BYTES;
}

static bool make_parents(char *path) {
    for (char *at = path + 1; *at != '\0'; at++) {
        if (*at != '/') continue;
        *at = '\0';
        bool made = mkdir(path, 0700) == 0 || errno == EEXIST;
        *at = '/';
        if (!made) return false;
    }
    return true;
}

bool emu_folder_write(const char *folder, const char *relative, const void *bytes, size_t size) {
    char path[PATH_BYTES];
    if (emu_fault_strikes(EMU_FAULT_DISK_FULL)) return false;
    if (!join(path, folder, relative) || !make_parents(path)) return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return false;
    orion_writer writer = orion_writer_fd(fd);
    bool fine = writer.write(writer.ctx, bytes, size) == ORION_OK;
    return close(fd) == 0 && fine;
}

orion_blob *emu_folder_read(const char *folder, const char *relative) {
    char path[PATH_BYTES];
    struct stat st;
    if (!join(path, folder, relative)) return NULL;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return NULL;
    orion_blob *blob = NULL;
    bool fine = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                orion_blob_copy(NULL, (size_t)st.st_size, NULL, &blob) == ORION_OK;
    char *to = fine ? (char *)(uintptr_t)orion_blob_data(blob) : NULL;
    for (size_t have = 0; fine && have < (size_t)st.st_size;) {
        ssize_t n = read(fd, to + have, (size_t)st.st_size - have);
        if (n <= 0 && !(n < 0 && errno == EINTR)) fine = false;
        if (n > 0) have += (size_t)n;
    }
    close(fd);
    if (!fine) orion_blob_unref(&blob);
    return blob;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    (void)st;
    (void)type;
    (void)at;
    (void)remove(path);
    return 0;
}

void emu_folder_remove(const char *folder) {
    enum { DESCRIPTORS = 8 };
    (void)nftw(folder, remove_one, DESCRIPTORS, FTW_DEPTH | FTW_PHYS);
}
