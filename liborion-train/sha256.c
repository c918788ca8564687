/* SPDX-License-Identifier: MIT */
/* SHA-256 by CommonCrypto on macOS and by nettle elsewhere. */
#include "model-internal.h"

#if defined(__APPLE__)
#include <CommonCrypto/CommonDigest.h>
typedef CC_SHA256_CTX context;
static void start(context *h) {
    CC_SHA256_Init(h);
}
static void add(context *h, const unsigned char *p, size_t n) {
    while (n != 0) { /* its lengths have 32 bits */
        size_t part = ORN_MIN(n, (size_t)1 << 30);
        CC_SHA256_Update(h, p, (CC_LONG)part);
        p += part;
        n -= part;
    }
}
static void end(context *h, unsigned char *digest) {
    CC_SHA256_Final(digest, h);
}
#else
#include <nettle/sha2.h>
typedef struct sha256_ctx context;
static void start(context *h) {
    sha256_init(h);
}
static void add(context *h, const unsigned char *p, size_t n) {
    if (n != 0) sha256_update(h, n, p);
}
static void end(context *h, unsigned char *digest) {
    sha256_digest(h, 32, digest);
}
#endif

_Static_assert(sizeof(context) <= sizeof(train_sha256), "the state fits");

void train_sha256_start(train_sha256 *h) {
    start((context *)(void *)h);
}

void train_sha256_add(train_sha256 *h, const void *bytes, size_t n) {
    add((context *)(void *)h, bytes, n);
}

void train_sha256_end(train_sha256 *h, char out_hex[65]) {
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[32];
    end((context *)(void *)h, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        out_hex[2 * i] = digits[digest[i] >> 4];
        out_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    out_hex[64] = '\0';
}
