/* SPDX-License-Identifier: MIT */
/* Ops that only move elements. */
#include "conformance.h"

static const op_case cases[] = {
    {"reshape", "f32[6,4]", "shape=[2,3,2,2]"},
    {"reshape", "f32[2,3,4]", "shape=[24]"},
    {"reshape", "i32[4,6]", "shape=[3,8]"},
    {"reshape", "bool[2,2] truth", "shape=[4]"},
    {"transpose", "f32[33,70]", "perm=[1,0]"},
    {"transpose", "f32[2,3,4,5]", "perm=[0,2,1,3]"},
    {"transpose", "f32[2,3,4,5]", "perm=[3,1,0,2]"},
    {"transpose", "u8[3,5] below 200", "perm=[1,0]"},
    {"slice", "f32[10,20]", "begin=[2,3] end=[9,18] stride=[1,1]"},
    {"slice", "f32[10,20]", "begin=[0,1] end=[10,20] stride=[3,4]"},
    {"slice", "u16[9] below 9000", "begin=[1] end=[8] stride=[2]"},
    {"concat", "f32[3,4,5]; f32[3,2,5]; f32[3,1,5]", "axis=1"},
    {"concat", "i32[2]; i32[3]", "axis=0"},
    {"concat", "f32[2,2]", "axis=0"},
    {"split", "f32[3,6,5]", "axis=1 sizes=[1,2,3]"},
    {"split", "f32[3,6]", "axis=-1 sizes=[3,3]"},
    {"split", "bool[4] truth", "axis=0 sizes=[1,3]"},
    {"pad", "f32[3,4]", "before=[1,2] after=[0,3] value=-1.5"},
    {"pad", "i32[3] 1 2 3", "before=[2] after=[2] value=7"},
    {"pad", "bool[2] truth", "before=[1] after=[0] value=1"},
    {"tile", "f32[3,4]", "reps=[2,3]"},
    {"tile", "f32[1,5]", "reps=[7,1]"},
    {"tile", "i8[2,1,2] below 100", "reps=[1,3,2]"},
    {"tile", "f32[2,2,2,2,2]", "reps=[2,2,2,2,2]"},
};

const conformance_family family_moves = {
    .name = "moves", .cases = cases, .count = ORN_COUNT(cases)};
