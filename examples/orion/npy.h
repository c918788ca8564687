/* SPDX-License-Identifier: MIT */
/* NumPy's file of one array, .npy: format versions 1 to 3, little-endian, row-major. */
#ifndef NPY_H
#define NPY_H

#include <orion/ir.h>
#include <stdbool.h>

/* An array inside the bytes of a file. */
typedef struct npy_array {
    orion_ir_type type; /* what the elements become when they are read */
    const char *data;   /* packed row-major, as the file has them */
    size_t elements;
    uint32_t wide; /* the file has f64 (f32 here) or i64 (i32 here) */
    uint32_t reserved;
} npy_array;

/* NULL, or what is wrong with the file, in words that follow its name. Refused: what is not .npy,
 * Fortran order, big-endian, dtypes that tensors do not have, more axes or bytes than a tensor has,
 * and a size that does not fit the shape. */
const char *npy_parse(const void *bytes, size_t size, npy_array *out);
/* The elements in the type's dtype, packed, into `out` of orion_ir_type_bytes: those of wider
 * dtypes are rounded to nearest. False if an i64 is no i32. */
bool npy_read(const npy_array *array, void *out);

enum { NPY_HEADER_MAX = 256 };
/* The bytes in front of the elements of an array of this type; their number, 0 if NumPy lacks the
 * dtype (bf16). */
size_t npy_header(const orion_ir_type *type, char out[NPY_HEADER_MAX]);

#endif
