/* SPDX-License-Identifier: MIT */
/*
 * llama2.c's first ("legacy") file format: seven i32 and then fp32 tensors, without magic or
 * checksum.
 *
 *   i32 dim, hidden, layers, heads, kv_heads, vocab (negative: the output matrix is not the
 *       embedding), context
 *   embedding [V,D]   attention norms [L,D]   wq [L,D,D]   wk [L,K,D]   wv [L,K,D]   wo [L,D,D]
 *   ffn norms [L,D]   w1 [L,H,D]   w2 [L,D,H]   w3 [L,H,D]   final norm [D]
 *   cosines [S,d/2]   sines [S,d/2]   output [V,D] if it is not the embedding
 *
 * Because there is no checksum, everything that can be checked is: the exact size, finite and
 * plausible weights, and the rotary tables, which must be those of theta 10000. A file whose
 * matrices were transposed on the way has the right size and finite values, but wrong tables.
 */
#include "train-internal.h"

#include <math.h>

enum { FIELDS = 7, FIELD_VOCAB = 5, HEADER_BYTES = 4 * FIELDS };
static const double theta = 10000;

#define REFUSE(what, ...)                                                                          \
    (orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_TRAIN_LLAMA2C, source, 0, 0, (what),       \
              __VA_ARGS__),                                                                        \
     ORION_ERROR_VERIFY)

/* ---- reading ---- */

static int32_t read_i32(const unsigned char *p) {
    return (int32_t)((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
                     (uint32_t)p[3] << 24);
}

static orion_status read_header(orion_blob *blob, const char *source, orion_diag *diag,
                                orion_train_model_config *out) {
    static const char *const names[FIELDS] = {"dim",      "hidden", "layers", "heads",
                                              "kv_heads", "vocab",  "context"};
    size_t size = orion_blob_size(blob);
    if (size < HEADER_BYTES) {
        return REFUSE("header", "the file has %zu bytes, but its header alone has %d", size,
                      (int)HEADER_BYTES);
    }
    const unsigned char *bytes = orion_blob_data(blob);
    if (memcmp(bytes, "24ka", 4) == 0) {
        return REFUSE("magic",
                      "this is llama2.c's newer format (magic \"ak42\" at byte 0, version %d): "
                      "export the weights in the legacy format, version 0",
                      read_i32(bytes + 4));
    }
    uint32_t fields[FIELDS];
    for (size_t i = 0; i < FIELDS; i++) {
        int32_t n = read_i32(bytes + 4 * i);
        if (n == INT32_MIN || n == 0 || (n < 0 && i != FIELD_VOCAB)) {
            return REFUSE(names[i], "the header's %s at byte %zu is %d", names[i], 4 * i, n);
        }
        fields[i] = (uint32_t)(n < 0 ? -n : n);
    }
    orion_train_model_config given = {.size = sizeof given,
                                      .dim = fields[0],
                                      .hidden = fields[1],
                                      .layers = fields[2],
                                      .heads = fields[3],
                                      .kv_heads = fields[4],
                                      .vocab = fields[FIELD_VOCAB],
                                      .context = fields[6],
                                      .untied = read_i32(bytes + 4 * FIELD_VOCAB) < 0,
                                      .rope_theta = theta};
    if (train_config_complete(&given, source, diag, out) != ORION_OK) {
        return REFUSE("header", "the header, bytes 0 to %d, describes no possible model",
                      (int)HEADER_BYTES - 1);
    }
    return ORION_OK;
}

/* Bytes of the whole file. The limits of a description leave room for every sum in 64 bits. */
static uint64_t file_bytes(const orion_train_model_config *c) {
    uint64_t d = c->dim, kv = (uint64_t)c->kv_heads * train_head_dim(c);
    uint64_t layer = 2 * d + 2 * d * d + 2 * kv * d + 3 * d * c->hidden;
    uint64_t floats = (c->untied ? 2 : 1) * (uint64_t)c->vocab * d + c->layers * layer + d +
                      (uint64_t)c->context * train_head_dim(c);
    return HEADER_BYTES + floats * sizeof(float);
}

/* Parameter number `n` of the file, in the file's order. */
static size_t file_order(const orion_train_model_config *c, size_t n) {
    static const unsigned char kinds[TRAIN_PER_LAYER] = {
        TRAIN_ATTENTION_NORM, TRAIN_WQ, TRAIN_WK, TRAIN_WV, TRAIN_WO,
        TRAIN_FFN_NORM,       TRAIN_W1, TRAIN_W2, TRAIN_W3};
    if (n == 0 || n >= train_at_final_norm(c)) return n;
    return train_at_layer((uint32_t)((n - 1) % c->layers), kinds[(n - 1) / c->layers]);
}

static size_t table_elements(const orion_train_model_config *c) {
    return (size_t)c->context * (train_head_dim(c) / 2);
}

/* Point the parameters at their places. Returns the offset of the rotary tables, which lie before
 * the output matrix. */
static size_t place(orion_train_model *m, orion_blob *blob) {
    size_t offset = HEADER_BYTES, tables = 0;
    for (size_t n = 0; n < m->count; n++) {
        size_t i = file_order(&m->config, n);
        train_model_set(m, i, blob, offset);
        offset += m->parameters[i].elements * sizeof(float);
        if (i == train_at_final_norm(&m->config)) {
            tables = offset;
            offset += 2 * table_elements(&m->config) * sizeof(float);
        }
    }
    return tables;
}

static orion_status check_tables(const orion_train_model_config *c, const float *cosines,
                                 size_t offset, const char *source, orion_diag *diag) {
    size_t half = train_head_dim(c) / 2;
    const float *sines = cosines + table_elements(c);
    for (size_t k = 0; k < half; k++) {
        double frequency = pow(theta, -(double)k / (double)half);
        for (size_t t = 0; t < c->context; t++) {
            /* The writer's angles are fp32 products: their error grows with the angle. */
            double angle = (double)t * frequency, slack = 1e-3 + 1e-6 * angle;
            size_t i = t * half + k;
            if (!(fabs((double)cosines[i] - cos(angle)) <= slack &&
                  fabs((double)sines[i] - sin(angle)) <= slack)) {
                return REFUSE("rotary tables",
                              "the cosine at byte %zu or its sine (position %zu, pair %zu) is not "
                              "that of theta 10000: the file is damaged, was written in another "
                              "layout, or is for another theta",
                              offset + i * sizeof(float), t, k);
            }
        }
    }
    return ORION_OK;
}

static orion_status read_model(orion_blob *blob, const char *source,
                               const orion_allocator *allocator, orion_diag *diag,
                               orion_train_model **out_model) {
    orion_train_model_config c;
    TRY(read_header(blob, source, diag, &c));
    /* Before anything is allocated by the header's word. */
    if (file_bytes(&c) != orion_blob_size(blob)) {
        return REFUSE("size",
                      "the file has %zu bytes, but its header asks for exactly %llu: it is "
                      "truncated, has something behind it, or is no llama2.c file",
                      orion_blob_size(blob), (unsigned long long)file_bytes(&c));
    }
    TRY(train_model_new(&c, allocator, out_model));
    size_t tables = place(*out_model, blob);
    const char *bytes = orion_blob_data(blob);
    TRY(train_model_check_values(*out_model, source, diag));
    return check_tables(&c, (const float *)(const void *)(bytes + tables), tables, source, diag);
}

orion_status orion_train_model_parse_llama2c(orion_blob *blob, const char *source,
                                             const orion_allocator *allocator, orion_diag *diag,
                                             orion_train_model **out_model) {
    *out_model = NULL;
    orion_blob *aligned = NULL;
    if ((uintptr_t)orion_blob_data(blob) % sizeof(float) == 0) {
        aligned = orion_blob_ref(blob);
    } else {
        TRY(orion_blob_copy(orion_blob_data(blob), orion_blob_size(blob), allocator, &aligned));
    }
    orion_status status = read_model(aligned, source, allocator, diag, out_model);
    orion_blob_unref(&aligned);
    if (status != ORION_OK) orion_train_model_unref(out_model);
    return status;
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

/* ---- writing ---- */

/* The file holds little-endian numbers; so do the machines that Orion runs on. */
static orion_status write_header(orn_file *f, const orion_train_model_config *c, orion_diag *diag) {
    int32_t vocab = (int32_t)c->vocab;
    const int32_t fields[FIELDS] = {
        (int32_t)c->dim,      (int32_t)c->hidden,         (int32_t)c->layers, (int32_t)c->heads,
        (int32_t)c->kv_heads, c->untied ? -vocab : vocab, (int32_t)c->context};
    return orn_file_write(f, fields, sizeof fields, diag);
}

/* Cosines, then sines, in pieces: nothing is allocated. */
static orion_status write_tables(orn_file *f, const orion_train_model_config *c, orion_diag *diag) {
    float piece[256];
    size_t half = train_head_dim(c) / 2, used = 0;
    for (int sine = 0; sine < 2; sine++) {
        for (size_t i = 0; i < table_elements(c); i++) {
            double frequency = pow(theta, -(double)(i % half) / (double)half);
            double angle = (double)(i / half) * frequency;
            piece[used++] = (float)(sine ? sin(angle) : cos(angle));
            if (used == ORN_COUNT(piece)) {
                TRY(orn_file_write(f, piece, sizeof piece, diag));
                used = 0;
            }
        }
    }
    return orn_file_write(f, piece, used * sizeof *piece, diag);
}

static orion_status write_model(orn_file *f, const orion_train_model *m, orion_diag *diag) {
    TRY(write_header(f, &m->config, diag));
    for (size_t n = 0; n < m->count; n++) {
        size_t i = file_order(&m->config, n);
        TRY(orn_file_write(f, train_model_data(m, i), m->parameters[i].elements * sizeof(float),
                           diag));
        if (i == train_at_final_norm(&m->config)) TRY(write_tables(f, &m->config, diag));
    }
    return ORION_OK;
}

orion_status orion_train_model_save_llama2c(const orion_train_model *model, const char *path,
                                            orion_diag *diag) {
    const orion_train_model_config *c = &model->config;
    const char *obstacle = c->rope_theta != theta    ? "rope_theta"
                           : c->rope_split           ? "rope_split"
                           : c->norm_epsilon != 1e-5 ? "norm_epsilon"
                                                     : NULL;
    if (obstacle != NULL) {
        ORN_ERROR(diag, TRAIN_EXPORT, obstacle,
                  "llama2.c's format cannot express this model's %s: there rope_theta is 10000, "
                  "rope_split 0 and norm_epsilon 1e-5",
                  obstacle);
        return ORION_ERROR_UNSUPPORTED;
    }
    orn_file f;
    TRY(orn_file_begin(&f, path, &model->allocator, diag));
    orion_status status = write_model(&f, model, diag);
    if (status == ORION_OK) return orn_file_commit(&f, diag);
    orn_file_abort(&f);
    return status;
}
