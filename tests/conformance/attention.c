/* SPDX-License-Identifier: MIT */
/* Rotary embedding and attention: heads, groups, positions, both layouts of pairs. */
#include "conformance.h"

static const op_case cases[] = {
    {"rope", "f32[2,4,5,16]; i32[5] 0 1 2 3 9", ""},
    {"rope", "f32[2,4,5,16]; i32[5] 4 5 6 7 500", "interleaved=0 theta=500000"},
    {"rope", "f32[1,8,1,8]; i32[1] 37", ""},
    {"rope", "f32[3,6]; i32[3] 2 4 6", "inverse=1"},
    {"rope", "f32[3,2]; i32[3] 2 4 6", "interleaved=0"},
    {"attention", "f32[1,8,1,8]; f32[1,4,64,8]; f32[1,4,64,8]; i32[1] 37", ""},
    {"attention", "f32[2,4,9,16]; f32[2,2,9,16]; f32[2,2,9,16]", "causal=1"},
    {"attention", "f32[2,4,9,16]; f32[2,2,9,16]; f32[2,2,9,16]", ""},
    {"attention", "f32[1,6,3,5]; f32[1,2,7,5]; f32[1,2,7,9]; i32[3] 2 3 4", "scale=0.25"},
    {"attention", "f32[1,1,70,4]; f32[1,1,70,4]; f32[1,1,70,4]", "causal=1"},
    {"attention", "f32[1,2,3,1]; f32[1,2,3,1]; f32[1,2,3,1]; i32[3] 0 1 2", ""},
    {"attention", "f32[2,4,5,8]; f32[2,2,6,8]; f32[2,2,6,8]; f32[2,4,5,6]", ""},
    {"attention", "f32[1,4,2,8]; f32[1,2,3,8]; f32[1,2,3,8]; bool[1,1,2,3] 1 0 1 1 1 0",
     "causal=1"},
};

const conformance_family family_attention = {
    .name = "attention", .cases = cases, .count = ORN_COUNT(cases), .looseness = 5};
