/* SPDX-License-Identifier: MIT */
/*
 * machorun: runs programs built for macOS on Apple silicon on AArch64 Linux (or qemu).
 *
 * Code for both is the same machine's; what differs is the file format and the C library. So the
 * loader (image.c) maps Mach-O files, and their imports of libSystem are bound to glibc where the
 * two agree and to functions of ours (darwin-*.c) where they do not. It knows what Orion's
 * libraries and tests import, and ends with a message on everything else. It is made to execute
 * what the compiler made of our sources for Apple's calling convention, not to be a macOS.
 */
#ifndef ORION_TESTS_MACHORUN_H
#define ORION_TESTS_MACHORUN_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

/* Prints "machorun: ..." and ends the process with 127. */
noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* ---- image.c ---- */

typedef struct image image;

/* Loads a file and what it links to, once; NULL if there is no such file. */
image *image_load(const char *path);
/* The address of an exported symbol (with its underscore); NULL if there is none. */
void *image_symbol(const image *m, const char *name);
/* Runs the initialisers of all images that have not run, those of dependencies first. */
void image_initialise(int argc, char **argv, char **environment);
/* The function at LC_MAIN; NULL in a library. */
typedef int (*main_function)(int, char **, char **);
main_function image_main(const image *m);

/* ---- symbols.c ---- */

/* The address for an import that no Mach-O file defines; refuses unless `weak`. */
void *system_symbol(const char *name, int weak);

/* A row of the table of what differs: the name on Darwin and what we give for it. */
typedef struct substitute {
    const char *name;
    const void *address;
} substitute;

/* A function as an address of data, which is what bind tables hold. */
#define ADDRESS_OF(function) ((const void *)(uintptr_t)(function))

/*
 * A function with `...`: Darwin puts those arguments on the stack, eight bytes each, where Linux
 * would use registers first. sub_NAME hands the address of the first, behind the NAMED others, to
 * variadic_NAME, a static function of the same file.
 */
#define VARIADIC(name, named)                                                                      \
    void sub_##name(void);                                                                         \
    __asm__(".text\n"                                                                              \
            ".global sub_" #name "\n"                                                              \
            "sub_" #name ":\n"                                                                     \
            "    mov x" #named ", sp\n"                                                            \
            "    b variadic_" #name "\n");

/* ---- darwin-*.c: one table each, ended by a row without name ---- */

extern const substitute darwin_calls[];   /* errors, clocks, limits, signals, locales */
extern const substitute darwin_files[];   /* open, stat, folders */
extern const substitute darwin_text[];    /* functions with `...` and va_list, ctype */
extern const substitute darwin_threads[]; /* mutexes and conditions initialised by constants */
extern const substitute darwin_loader[];  /* dlopen and dlsym */
extern const substitute darwin_hash[];    /* CommonCrypto's SHA-256 */

/* Numbers of errors, both ways. */
int darwin_error(int linux_error);
int linux_error(int darwin_error);

#endif
