/* SPDX-License-Identifier: MIT */
/* Files and folders: flags and structs that differ. */
#define _GNU_SOURCE /* F_DUPFD_CLOEXEC, nftw */
#include "machorun.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- open and fcntl ---- */

typedef struct flag {
    int darwin, here;
} flag;

static const flag open_flags[] = {
    {0x4, O_NONBLOCK},       {0x8, O_APPEND},        {0x80, O_SYNC},  {0x100, O_NOFOLLOW},
    {0x200, O_CREAT},        {0x400, O_TRUNC},       {0x800, O_EXCL}, {0x20000, O_NOCTTY},
    {0x100000, O_DIRECTORY}, {0x1000000, O_CLOEXEC},
};

static int open_flags_here(int flags) {
    int here = flags & 3, left = flags & ~3;
    for (size_t i = 0; i < sizeof open_flags / sizeof *open_flags; i++) {
        if (!(left & open_flags[i].darwin)) continue;
        here |= open_flags[i].here;
        left &= ~open_flags[i].darwin;
    }
    if (left != 0) refuse("open: flags 0x%x", (unsigned)left);
    return here;
}

VARIADIC(open, 2)
static __attribute__((used)) int variadic_open(const char *path, int flags,
                                               const uint64_t *arguments) {
    return open(path, open_flags_here(flags), flags & 0x200 ? (mode_t)*arguments : 0);
}

VARIADIC(fcntl, 2)
static __attribute__((used)) int variadic_fcntl(int fd, int command, const uint64_t *arguments) {
    enum { DUPFD = 0, GETFD = 1, SETFD = 2, GETFL = 3, FULLFSYNC = 51, DUPFD_CLOEXEC = 67 };
    switch (command) {
    case DUPFD: return fcntl(fd, F_DUPFD, (int)*arguments);
    case DUPFD_CLOEXEC: return fcntl(fd, F_DUPFD_CLOEXEC, (int)*arguments);
    case GETFD: return fcntl(fd, F_GETFD);
    case SETFD: return fcntl(fd, F_SETFD, (int)*arguments);
    case FULLFSYNC: return fsync(fd);
    default: refuse("fcntl: command %d", command);
    }
}

VARIADIC(ioctl, 2)
static __attribute__((used)) int variadic_ioctl(int fd, unsigned long request,
                                                const uint64_t *arguments) {
    enum { GET_WINDOW_SIZE = 0x40087468 };
    if (request != GET_WINDOW_SIZE) refuse("ioctl: request 0x%lx", request);
    return ioctl(fd, TIOCGWINSZ, (void *)(uintptr_t)*arguments);
}

/* ---- stat ---- */

typedef struct darwin_stat {
    int32_t device;
    uint16_t mode, links;
    uint64_t inode;
    uint32_t user, group;
    int32_t special_device, padding;
    struct timespec accessed, modified, changed, born;
    int64_t size, blocks;
    int32_t block_size;
    uint32_t flags, generation, spare;
    int64_t spares[2];
} darwin_stat;
_Static_assert(sizeof(darwin_stat) == 144, "struct stat of Darwin");

static darwin_stat stat_of(const struct stat *st) {
    return (darwin_stat){
        .device = (int32_t)st->st_dev,
        .mode = (uint16_t)st->st_mode,
        .links = (uint16_t)st->st_nlink,
        .inode = st->st_ino,
        .user = st->st_uid,
        .group = st->st_gid,
        .accessed = st->st_atim,
        .modified = st->st_mtim,
        .changed = st->st_ctim,
        .born = st->st_ctim,
        .size = st->st_size,
        .blocks = st->st_blocks,
        .block_size = (int32_t)st->st_blksize,
    };
}

static int sub_stat(const char *path, darwin_stat *out) {
    struct stat st;
    int result = stat(path, &st);
    if (result == 0) *out = stat_of(&st);
    return result;
}

static int sub_lstat(const char *path, darwin_stat *out) {
    struct stat st;
    int result = lstat(path, &st);
    if (result == 0) *out = stat_of(&st);
    return result;
}

static int sub_fstat(int fd, darwin_stat *out) {
    struct stat st;
    int result = fstat(fd, &st);
    if (result == 0) *out = stat_of(&st);
    return result;
}

/* ---- folders ---- */

typedef struct darwin_entry {
    uint64_t inode, offset;
    uint16_t record, name_length;
    uint8_t type;
    char name[1024];
} darwin_entry;

static darwin_entry entry_of(const struct dirent *e) {
    darwin_entry entry = {.inode = e->d_ino, .type = e->d_type};
    entry.name_length = (uint16_t)snprintf(entry.name, sizeof entry.name, "%s", e->d_name);
    entry.record = sizeof entry;
    return entry;
}

static darwin_entry *sub_readdir(DIR *folder) {
    static _Thread_local darwin_entry entry;
    const struct dirent *e = readdir(folder);
    if (e == NULL) return NULL;
    entry = entry_of(e);
    return &entry;
}

typedef int (*entry_filter)(const darwin_entry *);
typedef int (*entry_order)(const darwin_entry **, const darwin_entry **);

static int sub_alphasort(const darwin_entry **a, const darwin_entry **b) {
    return strcmp((*a)->name, (*b)->name);
}

static int sub_scandir(const char *path, darwin_entry ***out, entry_filter wanted,
                       entry_order order) {
    struct dirent **found;
    int n = scandir(path, &found, NULL, NULL), kept = 0;
    if (n < 0) return n;
    darwin_entry **list = calloc((size_t)n + 1, sizeof *list);
    for (int i = 0; list != NULL && i < n; i++) {
        darwin_entry entry = entry_of(found[i]);
        if (wanted != NULL && wanted(&entry) == 0) continue;
        if ((list[kept] = malloc(sizeof entry)) == NULL) refuse("no memory");
        *list[kept++] = entry;
    }
    for (int i = 0; i < n; i++) free(found[i]);
    free(found);
    if (list == NULL) refuse("no memory");
    if (order != NULL) {
        qsort(list, (size_t)kept, sizeof *list, (int (*)(const void *, const void *))order);
    }
    *out = list;
    return kept;
}

typedef int (*walker)(const char *, const darwin_stat *, int, struct FTW *);

static _Thread_local walker walk;

static int walk_entry(const char *path, const struct stat *st, int type, struct FTW *place) {
    /* Ours are files, folders before and after their contents, unreadable ones, links. */
    static const int types[] = {[FTW_F] = 0,  [FTW_D] = 1,  [FTW_DNR] = 2, [FTW_DP] = 3,
                                [FTW_NS] = 4, [FTW_SL] = 5, [FTW_SLN] = 6};
    darwin_stat converted = stat_of(st);
    return walk(path, &converted, types[type], place);
}

static int sub_nftw(const char *path, walker function, int descriptors, int flags) {
    enum { PHYSICAL = 1, MOUNT = 2, DEPTH = 4, CHANGE_FOLDER = 8 };
    walk = function;
    return nftw(path, walk_entry, descriptors,
                (flags & PHYSICAL ? FTW_PHYS : 0) | (flags & MOUNT ? FTW_MOUNT : 0) |
                    (flags & DEPTH ? FTW_DEPTH : 0) | (flags & CHANGE_FOLDER ? FTW_CHDIR : 0));
}

static int sub_unlinkat(int folder, const char *path, int flags) {
    enum { CURRENT_FOLDER = -2, REMOVE_FOLDER = 0x80 };
    return unlinkat(folder == CURRENT_FOLDER ? AT_FDCWD : folder, path,
                    flags & REMOVE_FOLDER ? AT_REMOVEDIR : 0);
}

const substitute darwin_files[] = {
    {"open", ADDRESS_OF(sub_open)},           {"fcntl", ADDRESS_OF(sub_fcntl)},
    {"ioctl", ADDRESS_OF(sub_ioctl)},         {"stat", ADDRESS_OF(sub_stat)},
    {"lstat", ADDRESS_OF(sub_lstat)},         {"fstat", ADDRESS_OF(sub_fstat)},
    {"readdir", ADDRESS_OF(sub_readdir)},     {"scandir", ADDRESS_OF(sub_scandir)},
    {"alphasort", ADDRESS_OF(sub_alphasort)}, {"nftw", ADDRESS_OF(sub_nftw)},
    {"unlinkat", ADDRESS_OF(sub_unlinkat)},   {NULL, NULL},
};
