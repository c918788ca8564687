/* SPDX-License-Identifier: MIT */
/* Ops along rows: softmax, norms, cross entropy. */
#include "conformance.h"

static const op_case cases[] = {
    {"softmax", "f32[5,70]", ""},
    {"softmax", "f32[3,5,7]", "axis=1"},
    {"softmax", "f32[4] 1000 -1000 999 0", ""},
    {"softmax", "f32[2,2] nan 1 2 3", ""},
    {"log_softmax", "f32[5,70]", ""},
    {"log_softmax", "f32[70,5]", "axis=0"},
    {"log_softmax", "f32[4] 1000 -1000 999 0", ""},
    {"rms_norm", "f32[5,64]; f32[64]", ""},
    {"rms_norm", "f32[2,3,35]; f32[35]", "epsilon=0.001"},
    {"rms_norm", "f32[64]; f32[64]", ""},
    {"layer_norm", "f32[5,64]; f32[64]; f32[64]", ""},
    {"layer_norm", "f32[2,3,35]; f32[35]; f32[35]", "epsilon=0.001"},
    {"cross_entropy", "f32[7,50]; i32[7] 49 0 7 3 3 1 2", ""},
    {"cross_entropy", "f32[3,5]; i32[3] -1 4 -100", ""},
    {"cross_entropy", "f32[2,5]; i32[2] -1 -1", ""},
    {"cross_entropy", "f32[1,2] 500 -500; i32[1] 1", ""},
    {"lstm", "f32[1,1,40]; f32[1,24]; f32[1,24]; f32[96,40]; f32[96,24]; f32[96]", ""},
    {"lstm", "f32[5,3,7]; f32[3,4]; f32[3,4]; f32[16,7]; f32[16,4]", "reverse=1"},
};

const conformance_family family_rows = {
    .name = "rows", .cases = cases, .count = ORN_COUNT(cases), .looseness = 3};
