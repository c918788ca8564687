/* SPDX-License-Identifier: MIT */
/* What an import of the system is bound to. */
#define _GNU_SOURCE /* RTLD_DEFAULT */
#include "machorun.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* There are functions of these names here, but with other structs, constants or calling conventions
 * than on Darwin, and nothing of ours translates them. */
static const char *const different[] = {
    "asprintf",
    "bind",
    "connect",
    "err",
    "errx",
    "execl",
    "execlp",
    "fstatfs",
    "fts_open",
    "getaddrinfo",
    "getrusage",
    "glob",
    "longjmp",
    "lstat",
    "mprotect",
    "msync",
    "pathconf",
    "poll",
    "posix_spawn",
    "scanf",
    "select",
    "setjmp",
    "setsockopt",
    "siglongjmp",
    "sigprocmask",
    "sigsetjmp",
    "socket",
    "statfs",
    "sysctl",
    "syslog",
    "tcgetattr",
    "tcsetattr",
    "times",
    "uname",
    "vasprintf",
    "vprintf",
    "vsprintf",
    "vsscanf",
    "wait4",
    "waitid",
    "warn",
    "warnx",
    "pthread_attr_init",
    "pthread_cond_timedwait",
    "pthread_once",
    "pthread_rwlock_rdlock",
    "pthread_rwlock_wrlock",
};

static const void *substituted(const char *name) {
    const substitute *const tables[] = {darwin_calls,   darwin_files,  darwin_text,
                                        darwin_threads, darwin_loader, darwin_hash};
    for (size_t t = 0; t < sizeof tables / sizeof *tables; t++) {
        for (const substitute *s = tables[t]; s->name != NULL; s++) {
            if (strcmp(s->name, name) == 0) return s->address;
        }
    }
    return NULL;
}

/* Darwin's names have an underscore in front, and some a variant behind a dollar. */
void *system_symbol(const char *name, int weak) {
    char plain[256];
    int n = snprintf(plain, sizeof plain, "%.*s", (int)strcspn(name, "$"),
                     name[0] == '_' ? name + 1 : name);
    if (n < 0 || (size_t)n >= sizeof plain) refuse("symbol too long: %s", name);
    char *dollar = strchr(plain, '$');
    if (dollar != NULL) *dollar = '\0';
    const void *found = substituted(plain);
    for (size_t i = 0; found == NULL && i < sizeof different / sizeof *different; i++) {
        if (strcmp(different[i], plain) == 0) refuse("%s is not the same here", name);
    }
    if (found == NULL) found = dlsym(RTLD_DEFAULT, plain);
    if (found == NULL && !weak) refuse("no symbol %s here", name);
    return (void *)(uintptr_t)found;
}
