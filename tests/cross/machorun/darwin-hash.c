/* SPDX-License-Identifier: MIT */
/* CommonCrypto's SHA-256, made of nettle's. */
#include "machorun.h"

#include <nettle/sha2.h>
#include <stdlib.h>

/* The caller's context has 104 bytes, nettle's needs more: it holds the address of one. */
static int sub_init(struct sha256_ctx **context) {
    *context = malloc(sizeof **context);
    if (*context == NULL) refuse("no memory");
    sha256_init(*context);
    return 1;
}

static int sub_update(struct sha256_ctx **context, const void *data, uint32_t size) {
    sha256_update(*context, size, data);
    return 1;
}

static int sub_final(unsigned char *digest, struct sha256_ctx **context) {
    sha256_digest(*context, SHA256_DIGEST_SIZE, digest);
    free(*context);
    *context = NULL;
    return 1;
}

const substitute darwin_hash[] = {
    {"CC_SHA256_Init", ADDRESS_OF(sub_init)},
    {"CC_SHA256_Update", ADDRESS_OF(sub_update)},
    {"CC_SHA256_Final", ADDRESS_OF(sub_final)},
    {NULL, NULL},
};
