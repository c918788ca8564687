/* SPDX-License-Identifier: MIT */
/* Program identity: three SHA-256 hashes, of the text, the weights and the options. */
#include "mil-internal.h"
#include "util/sha256.h"

void orion_mil_identity(const char *text, size_t length, const orion_mil_weights *weights,
                        const void *options, size_t options_length, char *out_hex) {
    orn_sha256 h;
    orn_sha256_start(&h);
    orn_sha256_add(&h, text, length);
    char *at = orn_sha256_end(&h, true, out_hex);
    *at++ = '_';
    orn_sha256_start(&h);
    orn_sha256_add(&h, "\0\0\0\0", 4);
    for (size_t i = 0; i < orion_mil_weights_count(weights); i++) {
        const orion_blob *blob = orion_mil_weights_get(weights, i);
        orn_sha256_add(&h, orion_blob_data(blob), orion_blob_size(blob));
    }
    at = orn_sha256_end(&h, true, at);
    *at++ = '_';
    orn_sha256_start(&h);
    if (options != NULL) orn_sha256_add(&h, options, options_length);
    (void)orn_sha256_end(&h, true, at);
}
