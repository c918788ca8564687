/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all: temporary beside the target, fsync, rename, fsync of the
 * directory. */
#define _POSIX_C_SOURCE 200809L
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static orion_status refuse(orn_file *f, const char *what, const char *why, orion_diag *diag) {
    ORN_ERROR(diag, FILE_UNWRITABLE, f->path, "cannot %s %s: %s", what, f->path, why);
    orn_file_abort(f);
    return ORION_ERROR_IO;
}

static orion_status fail(orn_file *f, const char *what, orion_diag *diag) {
    int code = errno;
    orion_status status = refuse(f, what, strerror(code), diag);
    return code == ENOMEM ? ORION_ERROR_NO_MEMORY : status;
}

static orion_status no_memory(orn_file *f) {
    orn_file_abort(f);
    return ORION_ERROR_NO_MEMORY;
}

/*
 * Create "PATH.tmp-PID-N" for the first N that is free. Not mkstemp: that ignores the umask, and to
 * ask for the umask is to change it for all threads.
 */
static orion_status create_beside(orn_file *f, orion_diag *diag) {
    enum { ATTEMPTS = 1000 };
    orion_status status = ORION_OK;
    orn_text name;
    orn_text_init(&name, &f->allocator);
    for (unsigned n = 0; n < ATTEMPTS && f->fd < 0 && status == ORION_OK; n++) {
        name.size = 0;
        orn_text_printf(&name, "%s.tmp-%lld-%u", f->path, (long long)getpid(), n);
        status = orn_text_status(&name);
        if (status != ORION_OK) break;
        f->fd = open(name.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd < 0 && errno != EEXIST) status = fail(f, "create a file beside", diag);
    }
    if (f->fd < 0 && status == ORION_OK) status = fail(f, "create a file beside", diag);
    if (f->fd >= 0) f->temporary = orn_strdup(&f->allocator, name.data);
    if (f->fd >= 0 && f->temporary == NULL) {
        unlink(name.data);
        status = ORION_ERROR_NO_MEMORY;
    }
    orn_text_free(&name);
    return status == ORION_ERROR_NO_MEMORY ? no_memory(f) : status;
}

orion_status orn_file_begin(orn_file *f, const char *path, const orion_allocator *a,
                            orion_diag *diag) {
    struct stat st;
    *f = (orn_file){.allocator = orn_allocator(a), .fd = -1};
    f->path = orn_strdup(&f->allocator, path);
    if (f->path == NULL) return no_memory(f);
    /* A rename would put a file in the place of a device or a pipe. */
    if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
        return refuse(f, "replace", "it is not a regular file", diag);
    }
    return create_beside(f, diag);
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
