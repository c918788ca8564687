/* SPDX-License-Identifier: MIT */
/* matmul and linear: one row, sizes around the tiles of kernels, batches, all transposes. */
#include "conformance.h"

static const op_case cases[] = {
    {"matmul", "f32[1,1]; f32[1,1]", ""},
    {"matmul", "f32[1,64]; f32[64,48]", ""},
    {"matmul", "f32[1,64]; f32[48,64]", "transpose_y=1"},
    {"matmul", "f32[33,17]; f32[17,65]", ""},
    {"matmul", "f32[17,33]; f32[65,17]", "transpose_x=1 transpose_y=1"},
    {"matmul", "f32[17,33]; f32[17,65]", "transpose_x=1"},
    {"matmul", "f32[33,1]; f32[1,65]", ""},
    {"matmul", "f32[3,33,17]; f32[17,20]", ""},
    {"matmul", "f32[2,3,5,7]; f32[2,1,7,9]", ""},
    {"matmul", "f32[2,3,7,5]; f32[3,9,7]", "transpose_x=1 transpose_y=1"},
    {"matmul", "f32[4,1,8]; f32[4,8,1]", ""},
    {"matmul", "f32[70,300]; f32[300,40]", ""},
    {"linear", "f32[1,64]; f32[172,64]", ""},
    {"linear", "f32[64]; f32[33,64]", ""},
    {"linear", "f32[40,64]; f32[100,64]; f32[100]", ""},
    {"linear", "f32[2,3,5,16]; f32[24,16]", ""},
    {"linear", "f32[9,1]; f32[5,1]; f32[5]", ""},
};

const conformance_family family_products = {
    .name = "products", .cases = cases, .count = ORN_COUNT(cases), .looseness = 50};
