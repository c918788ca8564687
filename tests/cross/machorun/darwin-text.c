/* SPDX-License-Identifier: MIT */
/* Functions with formats, whose arguments lie elsewhere, and what <ctype.h> looks at. */
#include "machorun.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/*
 * Darwin's va_list is the address of the next argument on the stack. Ours is a struct that says how
 * much is left in the saved registers; none is, so everything comes from the stack, which has the
 * same layout on both.
 */
typedef struct linux_va_list {
    const void *stack, *general_end, *vector_end;
    int general_left, vector_left;
} linux_va_list;
_Static_assert(sizeof(linux_va_list) == sizeof(va_list), "va_list of AArch64 Linux");

#define WITH_ARGUMENTS(list, from)                                                                 \
    va_list list;                                                                                  \
    memcpy(&list, &(const linux_va_list){.stack = (from)}, sizeof list)

#define USED __attribute__((used))

VARIADIC(printf, 1)
USED static int variadic_printf(const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vprintf(format, list);
}

VARIADIC(fprintf, 2)
USED static int variadic_fprintf(FILE *file, const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vfprintf(file, format, list);
}

static int sub_vsnprintf(char *out, size_t size, const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vsnprintf(out, size, format, list);
}

VARIADIC(snprintf, 3)
USED static int variadic_snprintf(char *out, size_t size, const char *format, const void *from) {
    return sub_vsnprintf(out, size, format, from);
}

VARIADIC(sprintf, 2)
USED static int variadic_sprintf(char *out, const char *format, const void *from) {
    return sub_vsnprintf(out, SIZE_MAX / 2, format, from);
}

VARIADIC(checked_sprintf, 4)
USED static int variadic_checked_sprintf(char *out, int flags, size_t size, const char *format,
                                         const void *from) {
    (void)flags;
    int n = sub_vsnprintf(out, size, format, from);
    if (n >= 0 && (size_t)n >= size) refuse("sprintf: too long for its buffer");
    return n;
}

static int sub_vsnprintf_checked(char *out, size_t size, int flags, size_t room, const char *format,
                                 const void *from) {
    (void)flags;
    if (size > room) refuse("snprintf: larger than its buffer");
    return sub_vsnprintf(out, size, format, from);
}

VARIADIC(checked_snprintf, 5)
USED static int variadic_checked_snprintf(char *out, size_t size, int flags, size_t room,
                                          const char *format, const void *from) {
    return sub_vsnprintf_checked(out, size, flags, room, format, from);
}

static int sub_vfprintf(FILE *file, const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vfprintf(file, format, list);
}

VARIADIC(sscanf, 2)
USED static int variadic_sscanf(const char *text, const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vsscanf(text, format, list);
}

VARIADIC(fscanf, 2)
USED static int variadic_fscanf(FILE *file, const char *format, const void *from) {
    WITH_ARGUMENTS(list, from);
    return vfscanf(file, format, list);
}

/* ---- cmocka ---- */

typedef void (*cmocka_print)(const char *, va_list);

static void print_with(const char *function, const char *format, const void *from) {
    cmocka_print print;
    void *address = dlsym(RTLD_DEFAULT, function);
    if (address == NULL) refuse("cmocka is not loaded");
    memcpy(&print, &address, sizeof print);
    WITH_ARGUMENTS(list, from);
    print(format, list);
}

VARIADIC(print_message, 1)
USED static void variadic_print_message(const char *format, const void *from) {
    print_with("vprint_message", format, from);
}

VARIADIC(print_error, 1)
USED static void variadic_print_error(const char *format, const void *from) {
    print_with("vprint_error", format, from);
}

/* ---- <ctype.h> ---- */

/* The start of Darwin's _RuneLocale, with the classes of ASCII: the inline functions of its header
 * look at these and call __maskrune for the rest. */
typedef struct rune_locale {
    char magic[8], encoding[32];
    void *functions[2];
    int32_t invalid;
    uint32_t classes[256];
    int32_t lower[256], upper[256];
} rune_locale;

static rune_locale runes;

__attribute__((constructor)) static void fill_runes(void) {
    for (int c = 0; c < 128; c++) {
        runes.classes[c] =
            (isalpha(c) ? 0x100u : 0) | (iscntrl(c) ? 0x200u : 0) | (isdigit(c) ? 0x400u : 0) |
            (isgraph(c) ? 0x800u : 0) | (islower(c) ? 0x1000u : 0) | (ispunct(c) ? 0x2000u : 0) |
            (isspace(c) ? 0x4000u : 0) | (isupper(c) ? 0x8000u : 0) | (isxdigit(c) ? 0x10000u : 0) |
            (isblank(c) ? 0x20000u : 0) | (isprint(c) ? 0x40000u : 0);
    }
    for (int c = 0; c < 256; c++) {
        runes.lower[c] = tolower(c);
        runes.upper[c] = toupper(c);
    }
}

static int sub_maskrune(int c, unsigned long mask) {
    return c >= 0 && c < 256 ? (int)(runes.classes[c] & mask) : 0;
}

/* The streams are variables there, macros here. */
static FILE *input, *output, *errors;

__attribute__((constructor)) static void fill_streams(void) {
    input = stdin;
    output = stdout;
    errors = stderr;
}

const substitute darwin_text[] = {
    {"printf", ADDRESS_OF(sub_printf)},
    {"fprintf", ADDRESS_OF(sub_fprintf)},
    {"vfprintf", ADDRESS_OF(sub_vfprintf)},
    {"snprintf", ADDRESS_OF(sub_snprintf)},
    {"vsnprintf", ADDRESS_OF(sub_vsnprintf)},
    {"sprintf", ADDRESS_OF(sub_sprintf)},
    {"fscanf", ADDRESS_OF(sub_fscanf)},
    {"sscanf", ADDRESS_OF(sub_sscanf)},
    {"__sprintf_chk", ADDRESS_OF(sub_checked_sprintf)},
    {"__snprintf_chk", ADDRESS_OF(sub_checked_snprintf)},
    {"__vsnprintf_chk", ADDRESS_OF(sub_vsnprintf_checked)},
    {"print_message", ADDRESS_OF(sub_print_message)},
    {"print_error", ADDRESS_OF(sub_print_error)},
    {"_DefaultRuneLocale", &runes},
    {"__maskrune", ADDRESS_OF(sub_maskrune)},
    {"__stdinp", &input},
    {"__stdoutp", &output},
    {"__stderrp", &errors},
    {NULL, NULL},
};
