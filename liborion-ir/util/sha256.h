/* SPDX-License-Identifier: MIT */
/*
 * SHA-256 for the libraries that name programs and check files: nettle, or CommonCrypto on macOS.
 *
 * A hidden library of its own (dep_util_sha256), so that liborion-ir needs libc and libm alone.
 */
#ifndef ORN_SHA256_H
#define ORN_SHA256_H

#include <stdbool.h>
#include <stddef.h>

#if defined(__APPLE__)
#include <CommonCrypto/CommonDigest.h>
typedef CC_SHA256_CTX orn_sha256;
#else
#include <nettle/sha2.h>
typedef struct sha256_ctx orn_sha256;
#endif

enum { ORN_SHA256_DIGITS = 64 };

void orn_sha256_start(orn_sha256 *h);
void orn_sha256_add(orn_sha256 *h, const void *bytes, size_t n); /* any n, any number of times */
/* The digest as 64 hexadecimal digits and a NUL, whose place is returned. Start again before the
 * next use. */
char *orn_sha256_end(orn_sha256 *h, bool upper_case, char out_hex[ORN_SHA256_DIGITS + 1]);

#endif
