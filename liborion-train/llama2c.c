/* SPDX-License-Identifier: MIT */
/*
 * llama2.c's first ("legacy") file format: seven i32 and then fp32 tensors, without magic or
 * checksum.
 *
 *   i32 dim, hidden, layers, heads, kv_heads, vocab (negative: the output matrix is not the
 * embedding), context embedding [V,D] x attention norms [L,D] x wq [L,D,D] x wk [L,K,D] x wv
 * [L,K,D] x wo [L,D,D] x ffn norms [L,D] w1 [L,H,D] x w2 [L,D,H] x w3 [L,H,D] x final norm [D] x
 * cosines [S,d/2] x sines [S,d/2] x output [V,D] if untied
 *
 * Because there is no checksum, everything that can be checked is: the exact size, finite and
 * plausible weights, and the rotary tables, which must be those of theta 10000 (or all zero, as
 * some exporters write them). A file whose matrices were transposed on the way has the right size
 * and finite values, but wrong tables.
 */
#include "train-internal.h"

#include <math.h>

enum { HEADER_BYTES = 28 };

static int32_t read_i32(const unsigned char *p) {
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                     (uint32_t)p[3] << 24);
}

static orion_status refuse(orion_diag *diag, const char *source, const char *what, const char *text,
                           uint64_t a, uint64_t b) {
    orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_LLAMA2C, source, 0, 0, what, text,
             (unsigned long long)a, (unsigned long long)b);
    return ORION_ERROR_VERIFY;
}

static orion_status read_header(orion_blob *blob, const char *source, orion_diag *diag,
                                orion_train_model_config *out) {
    static const char *const names[7] = {"dim",      "hidden", "layers", "heads",
                                         "kv_heads", "vocab",  "context"};
    size_t size = orion_blob_size(blob);
    if (size < HEADER_BYTES) {
        return refuse(diag, source, "header",
                      "the file has %llu bytes, but its header alone has %llu", size, HEADER_BYTES);
    }
    const unsigned char *bytes = orion_blob_data(blob);
    uint32_t fields[7];
    for (size_t i = 0; i < 7; i++) {
        int32_t n = read_i32(bytes + 4 * i);
        if (n == INT32_MIN || n == 0 || (n < 0 && i != 5)) {
            if (i == 0 && memcmp(bytes, "24ka", 4) == 0) {
                return refuse(
                    diag, source, "magic",
                    "this is llama2.c's newer format (magic \"ak42\" at byte %llu, version %llu); "
                    "export the weights in the legacy format, version 0",
                    0, (uint64_t)read_i32(bytes + 4));
            }
            return refuse(diag, source, names[i],
                          "the header's field at byte %llu is zero or negative (%llu as unsigned)",
                          4 * i, (uint32_t)n);
        }
        fields[i] = (uint32_t)(n < 0 ? -n : n);
    }
    *out = (orion_train_model_config){.size = sizeof *out,
                                      .dim = fields[0],
                                      .hidden = fields[1],
                                      .layers = fields[2],
                                      .heads = fields[3],
                                      .kv_heads = fields[4],
                                      .vocab = fields[5],
                                      .context = fields[6],
                                      .tied = read_i32(bytes + 20) > 0};
    orion_train_model_config complete;
    orion_status status = train_config_complete(out, source, diag, &complete);
    if (status != ORION_OK)
        return status == ORION_ERROR_INVALID_ARGUMENT ? ORION_ERROR_VERIFY : status;
    *out = complete;
    return ORION_OK;
}

/* Point the parameters at their places, in the file's order. Returns the offset of the rotary
 * tables. */
static size_t place(orion_train_model *m, orion_blob *blob) {
    static const unsigned char order[TRAIN_PER_LAYER] = {
        TRAIN_ATTENTION_NORM, TRAIN_WQ, TRAIN_WK, TRAIN_WV, TRAIN_WO,
        TRAIN_FFN_NORM,       TRAIN_W1, TRAIN_W2, TRAIN_W3};
    const orion_train_model_config *c = &m->config;
    size_t offset = HEADER_BYTES;
    train_model_set(m, 0, blob, offset);
    offset += m->parameters[0].elements * sizeof(float);
    for (size_t k = 0; k < TRAIN_PER_LAYER; k++) {
        for (uint32_t layer = 0; layer < c->layers; layer++) {
            size_t i = train_at_layer(layer, order[k]);
            train_model_set(m, i, blob, offset);
            offset += m->parameters[i].elements * sizeof(float);
        }
    }
    size_t norm = train_at_final_norm(c);
    train_model_set(m, norm, blob, offset);
    offset += m->parameters[norm].elements * sizeof(float);
    size_t tables = (size_t)c->context * train_head_dim(c) * sizeof(float);
    if (!c->tied) train_model_set(m, train_at_output(c), blob, offset + tables);
    return offset;
}

static orion_status check_tables(const orion_train_model *m, const float *tables, size_t offset,
                                 const char *source, orion_diag *diag) {
    const orion_train_model_config *c = &m->config;
    size_t half = train_head_dim(c) / 2, count = half * c->context;
    bool zero = true;
    for (size_t i = 0; zero && i < 2 * count; i++) zero = tables[i] == 0;
    if (zero) return ORION_OK;
    for (size_t k = 0; k < half; k++) {
        double frequency = pow(c->rope_theta, -(double)k / (double)half);
        /* The writer's angles are fp32 products: their error grows with the angle. */
        for (size_t t = 0; t < c->context; t++) {
            double angle = (double)t * frequency, slack = 1e-3 + 1e-6 * angle;
            size_t i = t * half + k;
            bool fine = fabs((double)tables[i] - cos(angle)) <= slack &&
                        fabs((double)tables[count + i] - sin(angle)) <= slack;
            if (!fine) {
                return refuse(
                    diag, source, "rotary tables",
                    "the cosine or sine at byte %llu (position %llu) is not that of theta 10000: "
                    "the file is damaged, was written in another layout, or is for another theta",
                    offset + i * sizeof(float), t);
            }
        }
    }
    return ORION_OK;
}

orion_status orion_train_model_parse_llama2c(orion_blob *blob, const char *source,
                                             const orion_allocator *allocator, orion_diag *diag,
                                             orion_train_model **out_model) {
    *out_model = NULL;
    orion_train_model_config c;
    TRY(read_header(blob, source, diag, &c));
    /* All fields are below their limits here, so 64 bits hold every sum. The size is checked before
     * anything is allocated. */
    uint64_t d = c.dim, kv = (uint64_t)c.kv_heads * train_head_dim(&c);
    uint64_t layer = 2 * d + 2 * d * d + 2 * kv * d + 3 * d * c.hidden;
    uint64_t floats = (c.tied ? 1 : 2) * (uint64_t)c.vocab * d + c.layers * layer + d +
                      (uint64_t)c.context * train_head_dim(&c);
    uint64_t expected = HEADER_BYTES + floats * sizeof(float);
    if (expected != orion_blob_size(blob)) {
        return refuse(
            diag, source, "size",
            "the file has %llu bytes, but its header asks for exactly %llu: it is truncated, has "
            "something behind it, or is no llama2.c file",
            orion_blob_size(blob), expected);
    }
    if ((uintptr_t)orion_blob_data(blob) % sizeof(float) != 0) {
        orion_blob *copy;
        TRY(orion_blob_copy(orion_blob_data(blob), orion_blob_size(blob), allocator, &copy));
        orion_status status =
            orion_train_model_parse_llama2c(copy, source, allocator, diag, out_model);
        orion_blob_unref(&copy);
        return status;
    }
    orion_train_model *m;
    TRY(train_model_new(&c, allocator, &m));
    size_t tables = place(m, blob);
    const float *table_data =
        (const float *)(const void *)((const char *)orion_blob_data(blob) + tables);
    orion_status status = train_model_check_values(m, source, diag);
    if (status == ORION_OK) status = check_tables(m, table_data, tables, source, diag);
    if (status != ORION_OK) {
        orion_train_model_unref(&m);
        return status;
    }
    *out_model = m;
    return ORION_OK;
}

orion_status orion_train_model_load_llama2c(const char *path, const orion_allocator *allocator,
                                            orion_diag *diag, orion_train_model **out_model) {
    *out_model = NULL;
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status = orion_train_model_parse_llama2c(blob, path, allocator, diag, out_model);
    orion_blob_unref(&blob);
    return status;
}
