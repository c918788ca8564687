/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all: temporary beside the target, fsync, rename, fsync of the
 * directory. */
#define _POSIX_C_SOURCE 200809L
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static orion_status fail(orn_file *f, const char *what, orion_diag *diag) {
    int code = errno;
    ORN_ERROR(diag, FILE_UNWRITABLE, f->path, "cannot %s %s: %s", what, f->path, strerror(code));
    orn_file_abort(f);
    return code == ENOMEM ? ORION_ERROR_NO_MEMORY : ORION_ERROR_IO;
}

orion_status orn_file_begin(orn_file *f, const char *path, const orion_allocator *a,
                            orion_diag *diag) {
    *f = (orn_file){.allocator = orn_allocator(a), .fd = -1};
    orn_text name;
    orn_text_init(&name, a);
    orn_text_printf(&name, "%s.tmp-XXXXXX", path);
    f->path = orn_strdup(&f->allocator, path);
    f->temporary = name.failed ? NULL : orn_strdup(&f->allocator, name.data);
    orn_text_free(&name);
    if (f->path == NULL || f->temporary == NULL) {
        orn_file_abort(f);
        return ORION_ERROR_NO_MEMORY;
    }
    f->fd = mkstemp(f->temporary);
    if (f->fd < 0) return fail(f, "create a file beside", diag);
    /* mkstemp makes 0600; give the file what open() would have given it. */
    mode_t mask = umask(0);
    umask(mask);
    if (fchmod(f->fd, 0666 & ~mask) != 0) return fail(f, "set the mode of", diag);
    return ORION_OK;
}

orion_status orn_file_write(orn_file *f, const void *bytes, size_t n, orion_diag *diag) {
    const char *p = bytes;
    while (n != 0) {
        ssize_t wrote = write(f->fd, p, ORN_MIN(n, (size_t)1 << 30));
        if (wrote < 0) {
            if (errno == EINTR) continue;
            return fail(f, "write", diag);
        }
        p += wrote;
        n -= (size_t)wrote;
    }
    return ORION_OK;
}

/* Make the rename itself durable. Some file systems refuse fsync on directories; that is not an
 * error of ours. */
static void sync_directory(const orn_file *f) {
    const char *slash = strrchr(f->path, '/');
    char dir[4096];
    if (slash == NULL) {
        memcpy(dir, ".", 2);
    } else {
        size_t n = slash == f->path ? 1 : (size_t)(slash - f->path);
        if (n >= sizeof dir) return;
        memcpy(dir, f->path, n);
        dir[n] = '\0';
    }
    int fd = open(dir, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

orion_status orn_file_commit(orn_file *f, orion_diag *diag) {
    if (fsync(f->fd) != 0) return fail(f, "flush", diag);
    int fd = f->fd;
    f->fd = -1;
    if (close(fd) != 0) return fail(f, "close", diag);
    if (rename(f->temporary, f->path) != 0) return fail(f, "replace", diag);
    orn_strfree(&f->allocator, f->temporary);
    f->temporary = NULL;
    sync_directory(f);
    orn_file_abort(f);
    return ORION_OK;
}

void orn_file_abort(orn_file *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
    if (f->temporary != NULL) unlink(f->temporary);
    orn_strfree(&f->allocator, f->temporary);
    orn_strfree(&f->allocator, f->path);
    f->temporary = f->path = NULL;
}
