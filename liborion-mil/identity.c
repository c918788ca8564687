/* SPDX-License-Identifier: MIT */
/* Program identity: three SHA-256 hashes, by CommonCrypto on macOS and by nettle elsewhere. */
#include "mil-internal.h"

#if defined(__APPLE__)
#include <CommonCrypto/CommonDigest.h>
typedef CC_SHA256_CTX sha256;
static void sha256_start(sha256 *h) {
    CC_SHA256_Init(h);
}
static void sha256_add(sha256 *h, const void *bytes, size_t n) {
    const unsigned char *p = bytes;
    while (n != 0) { /* its lengths have 32 bits */
        size_t part = ORN_MIN(n, (size_t)1 << 30);
        CC_SHA256_Update(h, p, (CC_LONG)part);
        p += part;
        n -= part;
    }
}
static void sha256_end(sha256 *h, unsigned char *digest) {
    CC_SHA256_Final(digest, h);
}
#else
#include <nettle/sha2.h>
typedef struct sha256_ctx sha256;
static void sha256_start(sha256 *h) {
    sha256_init(h);
}
static void sha256_add(sha256 *h, const void *bytes, size_t n) {
    if (n != 0) sha256_update(h, n, bytes);
}
static void sha256_end(sha256 *h, unsigned char *digest) {
    sha256_digest(h, 32, digest);
}
#endif

static char *end_hex(sha256 *h, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    unsigned char digest[32];
    sha256_end(h, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        *out++ = digits[digest[i] >> 4];
        *out++ = digits[digest[i] & 15];
    }
    return out;
}

void orion_mil_identity(const char *text, size_t length, const orion_mil_weights *weights,
                        const void *options, size_t options_length, char *out_hex) {
    sha256 h;
    sha256_start(&h);
    sha256_add(&h, text, length);
    char *at = end_hex(&h, out_hex);
    *at++ = '_';
    sha256_start(&h);
    sha256_add(&h, "\0\0\0\0", 4);
    for (size_t i = 0; i < orion_mil_weights_count(weights); i++) {
        const orion_blob *blob = orion_mil_weights_get(weights, i);
        sha256_add(&h, orion_blob_data(blob), orion_blob_size(blob));
    }
    at = end_hex(&h, at);
    *at++ = '_';
    sha256_start(&h);
    if (options != NULL) sha256_add(&h, options, options_length);
    at = end_hex(&h, at);
    *at = '\0';
}
