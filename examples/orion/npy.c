/* SPDX-License-Identifier: MIT */
/*
 * Reading and writing .npy.
 *
 * The file is "\x93NUMPY", a version, the length of a header, and the header: a Python dictionary
 * like {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), } with spaces and a newline behind
 * it. The three keys are read in any order; nothing else of Python is understood.
 */
#include "npy.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { VALUE_MAX = 8 };

typedef struct dtype_row {
    const char *descr;
    uint32_t dtype, wide;
} dtype_row;

/* Big-endian has '>', so that it is not found. The first row of a dtype is how it is written. */
static const dtype_row dtypes[] = {
    {"<f4", ORION_IR_F32, 0},  {"<f2", ORION_IR_F16, 0}, {"<i4", ORION_IR_I32, 0},
    {"<u2", ORION_IR_U16, 0},  {"|u1", ORION_IR_U8, 0},  {"|i1", ORION_IR_I8, 0},
    {"|b1", ORION_IR_BOOL, 0}, {"<f8", ORION_IR_F32, 1}, {"<i8", ORION_IR_I32, 1},
};

/* ---- the header ---- */

typedef struct reader {
    const char *at, *end;
} reader;

static void skip_spaces(reader *r) {
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\n' || *r->at == '\t')) r->at++;
}

static bool take(reader *r, const char *word) {
    size_t n = strlen(word);
    skip_spaces(r);
    if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n) != 0) return false;
    r->at += n;
    return true;
}

/* A text between equal quotes, short and without escapes. */
static bool take_text(reader *r, char out[], size_t size) {
    if (!take(r, "'") && !take(r, "\"")) return false;
    char quote = r->at[-1];
    size_t n = 0;
    while (r->at < r->end && *r->at != quote && *r->at != '\\' && n + 1 < size) out[n++] = *r->at++;
    out[n] = '\0';
    return r->at < r->end && *r->at++ == quote;
}

static bool take_extent(reader *r, int64_t *out) {
    int64_t n = 0;
    skip_spaces(r);
    const char *begin = r->at;
    for (; r->at < r->end && *r->at >= '0' && *r->at <= '9'; r->at++) {
        if (n > ((int64_t)1 << 48)) return false;
        n = n * 10 + (*r->at - '0');
    }
    *out = n;
    return r->at > begin;
}

/* (), (3,), (3, 4), (3, 4,) */
static const char *take_shape(reader *r, orion_ir_type *type) {
    if (!take(r, "(")) return "the shape is no tuple";
    type->rank = 0;
    while (!take(r, ")")) {
        if (type->rank == ORION_IR_RANK_MAX) return "it has more axes than a tensor has";
        if (!take_extent(r, &type->dims[type->rank])) return "the shape is no tuple of numbers";
        if (type->dims[type->rank++] == 0) return "it has no elements";
        if (take(r, ",")) continue;
        if (!take(r, ")")) return "the shape is no tuple of numbers";
        break;
    }
    return NULL;
}

static const char *find_dtype(const char *descr, npy_array *out) {
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0]; i++) {
        if (strcmp(dtypes[i].descr, descr) != 0) continue;
        out->type.dtype = dtypes[i].dtype;
        out->wide = dtypes[i].wide;
        return NULL;
    }
    return "its dtype is not one of f2, f4, f8, i1, i4, i8, u1, u2, b1, little-endian";
}

enum { HAS_DESCR = 1, HAS_ORDER = 2, HAS_SHAPE = 4, HAS_ALL = 7 };

static const char *take_entry(reader *r, npy_array *out, unsigned *seen) {
    char key[16], descr[VALUE_MAX];
    if (!take_text(r, key, sizeof key) || !take(r, ":")) return "its header is no dictionary";
    if (strcmp(key, "descr") == 0) {
        *seen |= HAS_DESCR;
        return take_text(r, descr, sizeof descr) ? find_dtype(descr, out)
                                                 : "its dtype is a structure, not a number";
    }
    if (strcmp(key, "fortran_order") == 0) {
        *seen |= HAS_ORDER;
        return take(r, "False") ? NULL
                                : "it is in Fortran order; save numpy.ascontiguousarray of it";
    }
    if (strcmp(key, "shape") == 0) {
        *seen |= HAS_SHAPE;
        return take_shape(r, &out->type);
    }
    return "its header has a key that .npy does not have";
}

static const char *parse_header(reader r, npy_array *out) {
    unsigned seen = 0;
    if (!take(&r, "{")) return "its header is no dictionary";
    while (!take(&r, "}")) {
        const char *wrong = take_entry(&r, out, &seen);
        if (wrong != NULL) return wrong;
        if (take(&r, ",")) continue;
        if (!take(&r, "}")) return "its header is no dictionary";
        break;
    }
    return seen == HAS_ALL ? NULL : "its header lacks descr, fortran_order or shape";
}

/* ---- the file ---- */

static size_t element_bytes(const npy_array *array) {
    return array->wide != 0 ? 8 : orion_ir_dtype_bytes((orion_ir_dtype)array->type.dtype);
}

const char *npy_parse(const void *bytes, size_t size, npy_array *out) {
    static const char magic[] = "\x93NUMPY";
    enum { MAGIC = sizeof magic - 1, SHORT = MAGIC + 4, LONG = MAGIC + 6 };
    const unsigned char *b = bytes;
    *out = (npy_array){.data = NULL};
    if (size < LONG || memcmp(b, magic, MAGIC) != 0) return "it is no .npy file";
    unsigned version = b[MAGIC];
    if (version < 1 || version > 3) return "it has a version of .npy that is not known";
    size_t begin = version == 1 ? SHORT : LONG, length = b[MAGIC + 2] | (size_t)b[MAGIC + 3] << 8;
    if (version > 1) length |= (size_t)b[MAGIC + 4] << 16 | (size_t)b[MAGIC + 5] << 24;
    if (length > size - begin) return "it ends within its header";
    const char *header = (const char *)b + begin;
    const char *wrong = parse_header((reader){header, header + length}, out);
    if (wrong != NULL) return wrong;
    int64_t elements = orion_ir_type_elements(&out->type);
    if (elements <= 0 || elements >= (int64_t)1 << 45) return "it is larger than any tensor";
    out->elements = (size_t)elements;
    out->data = header + length;
    size_t have = size - begin - length, want = out->elements * element_bytes(out);
    if (have < want) return "it ends before its last element";
    return have == want ? NULL : "something follows its last element";
}

bool npy_read(const npy_array *array, void *out) {
    if (array->wide == 0) {
        memcpy(out, array->data, array->elements * element_bytes(array));
        return true;
    }
    for (size_t i = 0; i < array->elements; i++) {
        double number;
        int64_t whole;
        if (array->type.dtype == ORION_IR_F32) {
            memcpy(&number, array->data + i * sizeof number, sizeof number);
            ((float *)out)[i] = (float)number;
        } else {
            memcpy(&whole, array->data + i * sizeof whole, sizeof whole);
            if (whole < INT32_MIN || whole > INT32_MAX) return false;
            ((int32_t *)out)[i] = (int32_t)whole;
        }
    }
    return true;
}

/* ---- writing ---- */

size_t npy_header(const orion_ir_type *type, char out[NPY_HEADER_MAX]) {
    enum { FRONT = 10, ALIGNMENT = 64 };
    const char *descr = NULL;
    for (size_t i = 0; i < sizeof dtypes / sizeof dtypes[0] && descr == NULL; i++) {
        if (dtypes[i].dtype == type->dtype) descr = dtypes[i].descr;
    }
    if (descr == NULL) return 0;
    char shape[ORION_IR_RANK_MAX * 24 + 4] = "(";
    size_t n = 1;
    for (uint32_t i = 0; i < type->rank; i++) {
        n += (size_t)snprintf(shape + n, sizeof shape - n, "%s%lld%s", i == 0 ? "" : ", ",
                              (long long)type->dims[i], type->rank == 1 ? "," : "");
    }
    snprintf(shape + n, sizeof shape - n, ")");
    memcpy(out, "\x93NUMPY\1\0", FRONT - 2);
    size_t length =
        FRONT + (size_t)snprintf(out + FRONT, NPY_HEADER_MAX - FRONT,
                                 "{'descr': '%s', 'fortran_order': False, 'shape': %s, }", descr,
                                 shape);
    size_t padded = (length + 1 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    memset(out + length, ' ', padded - length);
    out[padded - 1] = '\n';
    out[FRONT - 2] = (char)((padded - FRONT) & 0xff);
    out[FRONT - 1] = (char)((padded - FRONT) >> 8);
    return padded;
}
