/* SPDX-License-Identifier: MIT */
/* Loads a program, runs it, ends with its exit code. */
#define _GNU_SOURCE /* environ */
#include "machorun.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

noreturn void refuse(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("machorun: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(127);
}

int main(int argc, char **argv) {
    if (argc < 2) refuse("usage: machorun PROGRAM [ARGUMENT]...");
    image *program = image_load(argv[1]);
    if (program == NULL) refuse("%s: no such file", argv[1]);
    main_function start = image_main(program);
    if (start == NULL) refuse("%s: a library, not a program", argv[1]);
    image_initialise(argc - 1, argv + 1, environ);
    return start(argc - 1, argv + 1, environ);
}
