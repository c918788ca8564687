/* SPDX-License-Identifier: MIT */
/* Ops that slide a window: one and two axes, all strides, paddings, dilations and groups. */
#include "conformance.h"

static const op_case cases[] = {
    {"conv", "f32[1,1,1]; f32[1,1,1]", ""},
    {"conv", "f32[2,3,70]; f32[5,3,3]; f32[5]", "before=[1] after=[1]"},
    {"conv", "f32[1,8,33]; f32[8,1,9]", "before=[4] after=[4] groups=8"},
    {"conv", "f32[1,4,20]; f32[6,2,3]; f32[6]", "stride=[2] dilation=[3] groups=2"},
    {"conv", "f32[1,16,1]; f32[33,16,1]; f32[33]", ""},
    {"conv", "f32[1,3,9,10]; f32[4,3,3,3]; f32[4]", "stride=[2,2] before=[1,1] after=[1,1]"},
    {"conv", "f32[2,4,5,7]; f32[4,2,2,3]", "groups=2 dilation=[2,1] after=[0,2]"},
    {"conv", "f32[1,64,1,17]; f32[48,64,1,1]", ""},
    {"max_pool", "f32[2,3,40]", "window=[3] stride=[2] before=[1] after=[1]"},
    {"max_pool", "f32[1,4,9,10]", "window=[2,3] stride=[2,3]"},
    {"max_pool", "f32[1,1,4] 1 nan -inf -inf", "window=[2]"},
    {"avg_pool", "f32[2,3,40]", "window=[7] before=[3] after=[3]"},
    {"avg_pool", "f32[1,4,9,10]", "window=[3,3] before=[1,1] after=[1,1] exclude_padding=1"},
    {"conv_transpose", "f32[2,3,20]; f32[3,4,5]; f32[4]", "stride=[2] before=[2] after=[1]"},
    {"conv_transpose", "f32[1,4,3,5]; f32[4,2,3,2]", "stride=[2,3] groups=2 dilation=[1,2]"},
};

const conformance_family family_windows = {
    .name = "windows", .cases = cases, .count = ORN_COUNT(cases), .looseness = 50};
