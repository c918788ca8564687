/* SPDX-License-Identifier: MIT */
/* Ops that read indices. */
#include "conformance.h"

static const op_case cases[] = {
    {"gather", "f32[50,7]; i32[6] 49 0 3 3 12 1", ""},
    {"gather", "f32[3,5,7]; i32[2,2] 4 0 0 2", "axis=1"},
    {"gather", "f32[3,5]; i32[4] 4 0 2 2", "axis=1"},
    {"gather", "u8[5] below 200; i32[3] 4 0 4", ""},
    {"gather", "bool[5] truth; i32[3] 4 0 4", ""},
    {"embedding", "i32[5] 31 0 7 7 2; f32[32,16]", ""},
    {"embedding", "i32[2,3] 1 0 7 7 2 5; f32[8,9]", ""},
    {"scatter_add", "f32[16,5]; f32[6,5]; i32[6] 15 0 3 3 3 1", ""},
    {"scatter_add", "f32[9]; f32[4]; i32[4] 8 8 0 8", ""},
    {"scatter_add", "i32[3] 1 2 3; i32[4] 10 20 30 40; i32[4] 0 2 2 2", ""},
    {"slice_update", "f32[2,3,8,4]; f32[2,3,1,4]; i32[1] 7", "axis=2"},
    {"slice_update", "f32[2,3,8,4]; f32[2,3,5,4]; i32[1] 2", "axis=2"},
    {"slice_update", "f32[6]; f32[6]; i32[1] 0", "axis=0"},
    {"slice_update", "u8[4,2] below 9; u8[4,1] below 9; i32[1] 1", "axis=1"},
};

const conformance_family family_indices = {
    .name = "indices", .cases = cases, .count = ORN_COUNT(cases)};
