/* SPDX-License-Identifier: MIT */
/* SHA-256 by nettle, or by CommonCrypto on macOS, with the digest as text. */
#include "util/sha256.h"

enum { DIGEST_BYTES = ORN_SHA256_DIGITS / 2 };

#if defined(__APPLE__)
void orn_sha256_start(orn_sha256 *h) {
    CC_SHA256_Init(h);
}

void orn_sha256_add(orn_sha256 *h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    while (n != 0) { /* its lengths have 32 bits */
        size_t part = n < (size_t)1 << 30 ? n : (size_t)1 << 30;
        CC_SHA256_Update(h, p, (CC_LONG)part);
        p += part;
        n -= part;
    }
}

static void digest_of(orn_sha256 *h, unsigned char *digest) {
    CC_SHA256_Final(digest, h);
}
#else
void orn_sha256_start(orn_sha256 *h) {
    sha256_init(h);
}

void orn_sha256_add(orn_sha256 *h, const void *bytes, size_t n) {
    if (n != 0) sha256_update(h, n, bytes);
}

static void digest_of(orn_sha256 *h, unsigned char *digest) {
    sha256_digest(h, DIGEST_BYTES, digest);
}
#endif

char *orn_sha256_end(orn_sha256 *h, bool upper_case, char out_hex[ORN_SHA256_DIGITS + 1]) {
    const char *digits = upper_case ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned char digest[DIGEST_BYTES];
    digest_of(h, digest);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        out_hex[2 * i] = digits[digest[i] >> 4];
        out_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    out_hex[ORN_SHA256_DIGITS] = '\0';
    return out_hex + ORN_SHA256_DIGITS;
}
