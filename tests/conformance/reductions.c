/* SPDX-License-Identifier: MIT */
/* Reductions over first, middle, last, several, all and no axes. */
#include "conformance.h"

static const op_case cases[] = {
    {"reduce_sum", "f32[5,70]", "axes=[1]"},
    {"reduce_sum", "f32[5,70]", "axes=[0]"},
    {"reduce_sum", "f32[3,4,5,6]", "axes=[1,3]"},
    {"reduce_sum", "f32[3,4,5,6]", "axes=[2,3] keep_dims=1"},
    {"reduce_sum", "f32[3,4,5,6]", "axes=[0,1]"},
    {"reduce_sum", "f32[1000]", "axes=[0]"},
    {"reduce_sum", "f32[3,1,2]", "axes=[1]"},
    {"reduce_sum", "i32[2,3] 1 2 3 4 5 6", "axes=[1]"},
    {"reduce_sum", "u8[2,3] 1 2 3 4 5 6", "axes=[0]"},
    {"reduce_mean", "f32[5,70]", "axes=[1] keep_dims=1"},
    {"reduce_mean", "f32[70,5]", "axes=[0]"},
    {"reduce_mean", "f32[2,3,4]", "axes=[]"},
    {"reduce_max", "f32[5,70]", "axes=[1]"},
    {"reduce_max", "f32[2,3] 1 nan 2 3 4 -inf", "axes=[1]"},
    {"reduce_max", "i8[2,3] 1 -2 3 4 -5 6", "axes=[0]"},
    {"reduce_min", "f32[5,70]", "axes=[0]"},
    {"reduce_min", "f32[2,3] 1 nan 2 3 4 -inf", "axes=[1]"},
    {"reduce_min", "i32[2,3] 1 -2 3 4 -5 6", "axes=[0,1]"},
    {"reduce_argmax", "f32[5,70] apart", "axis=1"},
    {"reduce_argmax", "f32[5,70] apart", "axis=0 keep_dims=1"},
    {"reduce_argmax", "f32[2,4] 1 3 3 2 nan 1 nan 2", "axis=1"},
    {"reduce_argmin", "f32[3,4,5] apart", "axis=1"},
    {"reduce_argmin", "i32[2,3] 4 -1 -1 7 7 7", "axis=1"},
    {"reduce_logsumexp", "f32[5,70]", "axes=[1]"},
    {"reduce_logsumexp", "f32[3,4,5]", "axes=[0,2] keep_dims=1"},
    {"reduce_logsumexp", "f32[2,2] 1000 1000 -1000 -1001", "axes=[1]"},
};

const conformance_family family_reductions = {
    .name = "reductions", .cases = cases, .count = ORN_COUNT(cases), .looseness = 10};
