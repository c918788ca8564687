/* SPDX-License-Identifier: MIT */
/*
 * What fuzz targets share. A target is one file fuzz-<what>.c with LLVMFuzzerTestOneInput, which
 * must survive any bytes; it is linked with libFuzzer (-Dfuzz=true) or with replay.c, which feeds
 * it the files of corpus/<what>. A broken law ends the program, as a sanitizer would.
 */
#ifndef ORION_FUZZ_H
#define ORION_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(law)                                                                            \
    do {                                                                                           \
        if (law) break;                                                                            \
        fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #law);                          \
        abort();                                                                                   \
    } while (0)

#endif
