/* SPDX-License-Identifier: MIT */
/* dlopen and dlsym. Frameworks are not there, unless $MACHORUN_MAP says what stands for them. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "machorun.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * $MACHORUN_MAP is a list "PATH=FILE:PATH=FILE...": a program that asks for PATH, a framework's,
 * gets FILE, a shared library for this machine. What is not in the list and not a file is not
 * there, as on a Mac without it.
 */
static const char *mapped(const char *path, char *out, size_t size) {
    const char *rest = getenv("MACHORUN_MAP");
    size_t length = strlen(path);
    while (rest != NULL && *rest != '\0') {
        size_t item = strcspn(rest, ":");
        if (item > length && rest[length] == '=' && strncmp(rest, path, length) == 0) {
            int n = snprintf(out, size, "%.*s", (int)(item - length - 1), rest + length + 1);
            if (n < 0 || (size_t)n >= size) refuse("MACHORUN_MAP: path too long");
            return out;
        }
        rest += item + (rest[item] == ':');
    }
    return path;
}

static void *sub_dlopen(const char *path, int flags) {
    enum { LAZY = 1, NOW = 2, LOCAL = 4, GLOBAL = 8, NODELETE = 0x80 };
    char file[1024];
    if (flags & ~(LAZY | NOW | LOCAL | GLOBAL | NODELETE))
        refuse("dlopen: flags 0x%x", (unsigned)flags);
    int here = (flags & NOW ? RTLD_NOW : RTLD_LAZY) | (flags & GLOBAL ? RTLD_GLOBAL : RTLD_LOCAL) |
               (flags & NODELETE ? RTLD_NODELETE : 0);
    return dlopen(path == NULL ? NULL : mapped(path, file, sizeof file), here);
}

static void *sub_dlsym(void *library, const char *name) {
    enum { DEFAULT = -2, LEAST = -5 };
    intptr_t special = (intptr_t)library;
    if (special == DEFAULT) return dlsym(RTLD_DEFAULT, name);
    if (special < 0 && special >= LEAST) refuse("dlsym: special handle %d", (int)special);
    return dlsym(library, name);
}

const substitute darwin_loader[] = {
    {"dlopen", ADDRESS_OF(sub_dlopen)},
    {"dlsym", ADDRESS_OF(sub_dlsym)},
    {NULL, NULL},
};
