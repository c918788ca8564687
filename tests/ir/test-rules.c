/* SPDX-License-Identifier: MIT */
/* Shape and dtype rules: for every op of the table, what is legal and what is refused, and why. */
#include "graphs.h"

#include "ir-internal.h"

/*
 * One node over inputs. Legal (message 0): the text must print as itself, so types and attributes
 * are what the rule yields, or as `becomes`. Not legal: a diagnostic with this number and words.
 */
typedef struct rule {
    const char *inputs, *node;
    orion_message message;
    const char *words; /* or what the node becomes */
} rule;

#define GOOD             ORION_MESSAGE_NONE
#define BAD(message)     ORION_MESSAGE_##message
#define XY(x, y)         "%x: " x ", %y: " y
#define XYZ(x, y, z)     "%x: " x ", %y: " y ", %z: " z
#define XYZP(x, y, z, p) "%x: " x ", %y: " y ", %z: " z ", %p: " p

static const rule rules[] = {
    {"", "%r = const 1 : f32[2]", GOOD, NULL},
    {"", "%r = const 1 : f32[0]", BAD(IR_SHAPE), "f32[0] is not a legal type"},

    /* binary */
    {XY("f32[2,3]", "f32[3]"), "%r = add %x, %y : f32[2,3]", GOOD, NULL},
    {XY("i32[]", "i32[4]"), "%r = add %x, %y : i32[4]", GOOD, NULL},
    {XY("f16[2,1,3]", "f16[4,1]"), "%r = add %x, %y : f16[2,4,3]", GOOD, NULL},
    {XY("f32[2]", "f16[2]"), "%r = add %x, %y : f32[2]", BAD(IR_TYPE),
     "add: operands 0 and 1 must have one dtype; operands: f32[2], f16[2]"},
    {XY("bool[2]", "bool[2]"), "%r = add %x, %y : bool[2]", BAD(IR_TYPE), "not bool"},
    {XY("f32[2,3]", "f32[2]"), "%r = add %x, %y : f32[2,3]", BAD(IR_TYPE), "broadcast"},
    {XY("f32[2147483647,1]", "f32[1,2147483647]"), "%r = add %x, %y : f32[1]", BAD(IR_SHAPE),
     "the result would be f32[2147483647,2147483647]"},
    {"%x: f32[2]", "%r = add %x : f32[2]", BAD(IR_OPERANDS), "1 operands are given, 2 are needed"},
    {XYZ("f32[2]", "f32[2]", "f32[2]"), "%r = add %x, %y, %z : f32[2]", BAD(IR_OPERANDS), "3"},
    {XY("u8[2]", "u8[2]"), "%r = sub %x, %y : u8[2]", GOOD, NULL},
    {XY("bool[2]", "bool[2]"), "%r = sub %x, %y : bool[2]", BAD(IR_TYPE), "not bool"},
    {XY("bf16[2]", "bf16[]"), "%r = mul %x, %y : bf16[2]", GOOD, NULL},
    {XY("bf16[2]", "f16[]"), "%r = mul %x, %y : bf16[2]", BAD(IR_TYPE), "one dtype"},
    {XY("u16[1]", "u16[5]"), "%r = max %x, %y : u16[5]", GOOD, NULL},
    {XY("u16[2]", "u16[5]"), "%r = max %x, %y : u16[5]", BAD(IR_TYPE), "broadcast"},
    {XY("i8[5]", "i8[5]"), "%r = min %x, %y : i8[5]", GOOD, NULL},
    {XY("i8[5]", "u8[5]"), "%r = min %x, %y : i8[5]", BAD(IR_TYPE), "one dtype"},

    /* binary_float */
    {XY("f32[2]", "f32[3,1]"), "%r = div %x, %y : f32[3,2]", GOOD, NULL},
    {XY("i32[2]", "i32[2]"), "%r = div %x, %y : i32[2]", BAD(IR_TYPE), "f32, f16 or bf16"},
    {XY("f16[2]", "f16[2]"), "%r = pow %x, %y : f16[2]", GOOD, NULL},
    {XY("f16[2]", "f32[2]"), "%r = pow %x, %y : f16[2]", BAD(IR_TYPE), "one dtype"},

    /* compare, select */
    {XY("bool[2]", "bool[]"), "%r = equal %x, %y : bool[2]", GOOD, NULL},
    {XY("i32[2]", "f32[2]"), "%r = equal %x, %y : bool[2]", BAD(IR_TYPE), "one dtype"},
    {XY("f32[2,1]", "f32[3]"), "%r = less %x, %y : bool[2,3]", GOOD, NULL},
    {XY("f32[2]", "f32[3]"), "%r = less %x, %y : bool[3]", BAD(IR_TYPE), "broadcast"},
    {XY("i8[2]", "i8[2]"), "%r = less_equal %x, %y : bool[2]", GOOD, NULL},
    {XY("i8[2]", "i8[3]"), "%r = less_equal %x, %y : bool[2]", BAD(IR_TYPE), "broadcast"},
    {XY("bool[2,1]", "bool[3]"), "%r = logical_and %x, %y : bool[2,3]", GOOD, NULL},
    {XY("bool[2]", "f32[2]"), "%r = logical_and %x, %y : bool[2]", BAD(IR_TYPE),
     "operand 1 must be bool"},
    {XY("bool[2]", "bool[3]"), "%r = logical_and %x, %y : bool[2]", BAD(IR_TYPE), "broadcast"},
    {XY("bool[]", "bool[3]"), "%r = logical_or %x, %y : bool[3]", GOOD, NULL},
    {XY("u8[2]", "bool[2]"), "%r = logical_or %x, %y : bool[2]", BAD(IR_TYPE),
     "operand 0 must be bool"},
    {"%x: bool[2]", "%r = logical_not %x : bool[2]", GOOD, NULL},
    {"%x: i32[2]", "%r = logical_not %x : bool[2]", BAD(IR_TYPE), "operand 0 must be bool"},
    {XYZ("bool[2,1]", "f32[3]", "f32[]"), "%r = select %x, %y, %z : f32[2,3]", GOOD, NULL},
    {XYZ("bool[]", "bool[3]", "bool[1]"), "%r = select %x, %y, %z : bool[3]", GOOD, NULL},
    {XYZ("i32[3]", "f32[3]", "f32[3]"), "%r = select %x, %y, %z : f32[3]", BAD(IR_TYPE),
     "operand 0 must be bool"},
    {XYZ("bool[3]", "f32[3]", "f16[3]"), "%r = select %x, %y, %z : f32[3]", BAD(IR_TYPE),
     "operands 1 and 2 must have one dtype"},
    {XYZ("bool[2]", "f32[3]", "f32[3]"), "%r = select %x, %y, %z : f32[3]", BAD(IR_TYPE),
     "broadcast"},

    /* unary */
    {"%x: i8[2]", "%r = neg %x : i8[2]", GOOD, NULL},
    {"%x: u8[2]", "%r = neg %x : u8[2]", BAD(IR_TYPE), "signed number"},
    {"%x: i32[2]", "%r = abs %x : i32[2]", GOOD, NULL},
    {"%x: bool[2]", "%r = abs %x : bool[2]", BAD(IR_TYPE), "signed number"},
    {"%x: bool[]", "%r = identity %x : bool[]", GOOD, NULL},
    {XY("f32[]", "f32[]"), "%r = identity %x, %y : f32[]", BAD(IR_OPERANDS), "2 operands"},

/* unary_float */
#define UNARY_FLOAT(op)                                                                            \
    {"%x: f32[2]", "%r = " op " %x : f32[2]", GOOD, NULL},                                         \
        {"%x: bf16[]", "%r = " op " %x : bf16[]", GOOD, NULL}, {                                   \
        "%x: i32[2]", "%r = " op " %x : i32[2]", BAD(IR_TYPE), op ": operand 0 must be f32, f16"   \
    }
    UNARY_FLOAT("exp"),
    UNARY_FLOAT("log"),
    UNARY_FLOAT("sqrt"),
    UNARY_FLOAT("rsqrt"),
    UNARY_FLOAT("tanh"),
    UNARY_FLOAT("sigmoid"),
    UNARY_FLOAT("relu"),
    UNARY_FLOAT("erf"),
    UNARY_FLOAT("sin"),
    UNARY_FLOAT("cos"),
    UNARY_FLOAT("floor"),
    UNARY_FLOAT("round"),
    UNARY_FLOAT("silu"),
    UNARY_FLOAT("gelu"),
    {"%x: f16[2]", "%r = gelu %x {tanh_approximation=true} : f16[2]", GOOD, NULL},
    {"%x: f16[2]", "%r = gelu %x {tanh_approximation=false} : f16[2]", GOOD,
     "%r = gelu %x : f16[2]"},

    {"%x: f16[2]", "%r = clip %x {low=-0.5, high=inf} : f16[2]", GOOD, NULL},
    {"%x: f32[]", "%r = clip %x {low=1, high=1} : f32[]", GOOD, NULL},
    {"%x: f32[2]", "%r = clip %x {low=1, high=0.5} : f32[2]", BAD(IR_ATTRIBUTE),
     "low must not be above high"},
    {"%x: f32[2]", "%r = clip %x {low=nan, high=0.5} : f32[2]", BAD(IR_ATTRIBUTE), "NaN"},
    {"%x: f32[2]", "%r = clip %x {low=0} : f32[2]", BAD(IR_ATTRIBUTE), "\"high\" must be given"},
    {"%x: i32[2]", "%r = clip %x {low=0, high=1} : i32[2]", BAD(IR_TYPE), "f32, f16 or bf16"},

    /* cast */
    {"%x: f32[2,3]", "%r = cast %x {dtype=bool} : bool[2,3]", GOOD, NULL},
    {"%x: f32[2]", "%r = cast %x : f32[2]", BAD(IR_ATTRIBUTE), "\"dtype\" must be given"},

    /* reduce */
    {"%x: f32[2,3,4]", "%r = reduce_sum %x {axes=[0, 2]} : f32[3]", GOOD, NULL},
    {"%x: f32[2,3,4]", "%r = reduce_sum %x {axes=[-1, 0]} : f32[3]", GOOD,
     "%r = reduce_sum %x {axes=[0, 2]} : f32[3]"},
    {"%x: i32[2,3]", "%r = reduce_sum %x {axes=[1], keep_dims=true} : i32[2,1]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = reduce_sum %x {axes=[]} : f32[2,3]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = reduce_sum %x {axes=[2]} : f32[2,3]", BAD(IR_ATTRIBUTE),
     "axis 2 is outside [-2, 2)"},
    {"%x: f32[2,3]", "%r = reduce_sum %x {axes=[1, -1]} : f32[2]", BAD(IR_ATTRIBUTE),
     "axis 1 is given twice"},
    {"%x: f32[2,3]", "%r = reduce_sum %x {axes=[0, 1, 0]} : f32[2]", BAD(IR_ATTRIBUTE),
     "3 axes are given, operand 0 has rank 2"},
    {"%x: bool[2,3]", "%r = reduce_sum %x {axes=[0]} : bool[3]", BAD(IR_TYPE), "not bool"},
    {"%x: f32[2,3]", "%r = reduce_sum %x : f32[]", BAD(IR_ATTRIBUTE), "\"axes\" must be given"},
    {"%x: f16[2,3]", "%r = reduce_mean %x {axes=[0, 1]} : f16[]", GOOD, NULL},
    {"%x: i32[2,3]", "%r = reduce_mean %x {axes=[0]} : i32[3]", BAD(IR_TYPE), "f32, f16 or bf16"},
    {"%x: u8[2,3]", "%r = reduce_max %x {axes=[1]} : u8[2]", GOOD, NULL},
    {"%x: u8[]", "%r = reduce_max %x {axes=[0]} : u8[]", BAD(IR_ATTRIBUTE), "1 axes are given"},
    {"%x: i8[2,3]", "%r = reduce_min %x {axes=[1]} : i8[2]", GOOD, NULL},
    {"%x: i8[2,3]", "%r = reduce_min %x {axes=[-3]} : i8[2]", BAD(IR_ATTRIBUTE), "axis -3"},

    /* matmul */
    {XY("f32[2,3]", "f32[3,4]"), "%r = matmul %x, %y : f32[2,4]", GOOD, NULL},
    {XY("f32[3,2]", "f32[4,3]"),
     "%r = matmul %x, %y {transpose_x=true, transpose_y=true} : f32[2,4]", GOOD, NULL},
    {XY("f16[5,1,2,3]", "f16[6,3,4]"), "%r = matmul %x, %y : f16[5,6,2,4]", GOOD, NULL},
    {XY("f32[2,3]", "f32[4,3]"), "%r = matmul %x, %y : f32[2,4]", BAD(IR_TYPE),
     "x has K = 3, y has K = 4"},
    {XY("f32[3]", "f32[3,4]"), "%r = matmul %x, %y : f32[4]", BAD(IR_TYPE),
     "operand 0 must have at least rank 2"},
    {XY("f32[4,3]", "f32[3]"), "%r = matmul %x, %y : f32[4]", BAD(IR_TYPE),
     "operand 1 must have at least rank 2"},
    {XY("f32[5,2,3]", "f32[6,3,4]"), "%r = matmul %x, %y : f32[2,4]", BAD(IR_TYPE),
     "leading dims do not broadcast"},
    {XY("i32[2,3]", "i32[3,4]"), "%r = matmul %x, %y : i32[2,4]", BAD(IR_TYPE), "f32, f16"},
    {XY("f32[2,3]", "f16[3,4]"), "%r = matmul %x, %y : f32[2,4]", BAD(IR_TYPE), "one dtype"},

    /* conv */
    {XYZ("f16[2,4,9]", "f16[6,2,3]", "f16[6]"),
     "%r = conv %x, %y, %z {stride=[2], before=[1], after=[2], dilation=[3], groups=2} : "
     "f16[2,6,3]",
     GOOD, NULL},
    {XY("f32[2,3,5,4]", "f32[7,3,2,4]"), "%r = conv %x, %y : f32[2,7,4,1]", GOOD,
     "%r = conv %x, %y {stride=[1, 1], before=[0, 0], after=[0, 0], dilation=[1, 1]} : "
     "f32[2,7,4,1]"},
    {XY("f32[3,5]", "f32[7,3]"), "%r = conv %x, %y : f32[7,5]", BAD(IR_TYPE),
     "operand 0 must have rank 3 or 4"},
    {XY("i32[1,3,5]", "i32[7,3,1]"), "%r = conv %x, %y : i32[1,7,5]", BAD(IR_TYPE), "f32, f16"},
    {XY("f32[1,3,5]", "f16[7,3,1]"), "%r = conv %x, %y : f32[1,7,5]", BAD(IR_TYPE), "one dtype"},
    {XY("f32[1,3,5]", "f32[7,3,1,1]"), "%r = conv %x, %y : f32[1,7,5]", BAD(IR_TYPE),
     "operand 1 must have rank 3"},
    {XY("f32[1,3,5]", "f32[7,2,1]"), "%r = conv %x, %y : f32[1,7,5]", BAD(IR_TYPE),
     "dim 1 of operand 1 must be 3, the channels of one group of x"},
    {XYZ("f32[1,3,5]", "f32[7,3,1]", "f32[3]"), "%r = conv %x, %y, %z : f32[1,7,5]", BAD(IR_TYPE),
     "operand 2 must be a vector of 7"},
    {XY("f32[1,3,5]", "f32[7,3,6]"), "%r = conv %x, %y : f32[1,7,1]", BAD(IR_TYPE),
     "on spatial axis 0 the window covers 6, x has 5"},
    {XY("f32[1,3,5]", "f32[7,3,3]"), "%r = conv %x, %y {dilation=[3]} : f32[1,7,1]", BAD(IR_TYPE),
     "the window covers 7"},
    {XY("f32[1,4,5]", "f32[7,2,1]"), "%r = conv %x, %y {groups=2} : f32[1,7,5]", BAD(IR_ATTRIBUTE),
     "groups is 2, which does not divide the 7 channels of the result"},
    {XY("f32[1,4,5]", "f32[6,1,1]"), "%r = conv %x, %y {groups=3} : f32[1,6,5]", BAD(IR_ATTRIBUTE),
     "the 4 channels of x"},
    {XY("f32[1,4,5]", "f32[6,4,1]"), "%r = conv %x, %y {groups=0} : f32[1,6,5]", BAD(IR_ATTRIBUTE),
     "groups is 0"},
    {XY("f32[1,4,5]", "f32[6,4,1]"), "%r = conv %x, %y {stride=[0]} : f32[1,6,5]",
     BAD(IR_ATTRIBUTE), "stride[0] is 0"},
    {XY("f32[1,4,5]", "f32[6,4,1]"), "%r = conv %x, %y {before=[-1]} : f32[1,6,5]",
     BAD(IR_ATTRIBUTE), "before[0] is -1"},
    {XY("f32[1,4,5]", "f32[6,4,1]"), "%r = conv %x, %y {after=[1, 1]} : f32[1,6,5]",
     BAD(IR_ATTRIBUTE), "after has 2 entries, 1 are needed"},
    {XYZ("f32[2,4,5]", "f32[4,3,3]", "f32[6]"),
     "%r = conv_transpose %x, %y, %z {stride=[2], before=[1], after=[2], dilation=[3], groups=2} : "
     "f32[2,6,12]",
     GOOD, NULL},
    {XY("bf16[1,2,3,4]", "bf16[2,5,2,1]"), "%r = conv_transpose %x, %y : bf16[1,5,4,4]", GOOD,
     "%r = conv_transpose %x, %y {stride=[1, 1], before=[0, 0], after=[0, 0], dilation=[1, 1]} : "
     "bf16[1,5,4,4]"},
    {XY("f32[1,2,3]", "f32[3,5,2]"), "%r = conv_transpose %x, %y : f32[1,5,4]", BAD(IR_TYPE),
     "dim 0 of operand 1 must be 2, the channels of x"},
    {XY("f32[1,2,3]", "f32[2,5,2]"), "%r = conv_transpose %x, %y {before=[2], after=[2]} : f32[1]",
     BAD(IR_ATTRIBUTE), "on spatial axis 0 before and after leave nothing of 4"},
    {XYZ("f32[1,2,3]", "f32[2,5,2]", "f32[2]"), "%r = conv_transpose %x, %y, %z : f32[1,5,4]",
     BAD(IR_TYPE), "operand 2 must be a vector of 5"},
    {XY("f32[1,3,3]", "f32[3,5,2]"), "%r = conv_transpose %x, %y {groups=2} : f32[1,10,4]",
     BAD(IR_ATTRIBUTE), "the 3 channels of x"},

    /* pooling */
    {"%x: f32[2,3,9]",
     "%r = max_pool %x {window=[4], stride=[2], before=[3], after=[2]} : f32[2,3,6]", GOOD, NULL},
    {"%x: bf16[2,3,9,5]", "%r = max_pool %x {window=[4, 5]} : bf16[2,3,6,1]", GOOD,
     "%r = max_pool %x {window=[4, 5], stride=[1, 1], before=[0, 0], after=[0, 0]} : "
     "bf16[2,3,6,1]"},
    {"%x: f16[2,3,9]",
     "%r = avg_pool %x {window=[2], stride=[9], before=[1], after=[1], exclude_padding=true} : "
     "f16[2,3,2]",
     GOOD, NULL},
    {"%x: i32[2,3,9]", "%r = max_pool %x {window=[4]} : i32[2,3,6]", BAD(IR_TYPE), "f32, f16"},
    {"%x: f32[3,9]", "%r = max_pool %x {window=[4]} : f32[3,6]", BAD(IR_TYPE), "rank 3 or 4"},
    {"%x: f32[2,3,9]", "%r = max_pool %x {window=[4, 4]} : f32[2,3,6]", BAD(IR_ATTRIBUTE),
     "window has 2 entries, 1 are needed"},
    {"%x: f32[2,3,9]", "%r = avg_pool %x {window=[0]} : f32[2,3,6]", BAD(IR_ATTRIBUTE),
     "window[0] is 0"},
    {"%x: f32[2,3,9]", "%r = avg_pool %x {window=[10]} : f32[2,3,1]", BAD(IR_TYPE),
     "on spatial axis 0 the window covers 10, x has 9"},
    {"%x: f32[2,3,9]", "%r = avg_pool %x {window=[4], before=[4]} : f32[2,3,10]", BAD(IR_ATTRIBUTE),
     "on spatial axis 0 a window lies outside x"},
    {"%x: f32[2,3,9]", "%r = max_pool %x {window=[4], after=[4]} : f32[2,3,10]", BAD(IR_ATTRIBUTE),
     "a window lies outside x"},
    {"%x: f32[2,3,9]", "%r = max_pool %x {window=[1], after=[2147483647]} : f32[2,3,1]",
     BAD(IR_TYPE), "x has 2147483656"},

    /* shape and movement */
    {"%x: bool[2,3]", "%r = reshape %x {shape=[3, 1, 2]} : bool[3,1,2]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = reshape %x {shape=[2, -1]} : f32[2,3]", GOOD,
     "%r = reshape %x {shape=[2, 3]} : f32[2,3]"},
    {"%x: f32[1]", "%r = reshape %x {shape=[]} : f32[]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = reshape %x {shape=[5]} : f32[5]", BAD(IR_ATTRIBUTE),
     "the shape has 5 elements, the operand 6"},
    {"%x: f32[2,3]", "%r = reshape %x {shape=[-1, -1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "shape[1] is -1; dims are positive, and one may be -1"},
    {"%x: f32[2,3]", "%r = reshape %x {shape=[0, 6]} : f32[5]", BAD(IR_ATTRIBUTE), "shape[0] is 0"},
    {"%x: f32[2,3]", "%r = reshape %x {shape=[4, -1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "6 elements do not divide by 4"},
    {"%x: f32[2]", "%r = reshape %x {shape=[2, 1, 1, 1, 1, 1, 1, 1, 1]} : f32[2]",
     BAD(IR_ATTRIBUTE), "shape has 9 dims, at most 8"},
    {"%x: f32[2]", "%r = reshape %x {shape=[9223372036854775807, 9223372036854775807]} : f32[2]",
     BAD(IR_ATTRIBUTE), "shape[1] is 9223372036854775807"},
    {"%x: f32[2,3,4]", "%r = transpose %x {perm=[2, 0, 1]} : f32[4,2,3]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = transpose %x {perm=[-1, 0]} : f32[3,2]", GOOD,
     "%r = transpose %x {perm=[1, 0]} : f32[3,2]"},
    {"%x: f32[2,3]", "%r = transpose %x {perm=[0, 0]} : f32[3,2]", BAD(IR_ATTRIBUTE),
     "perm has axis 0 twice"},
    {"%x: f32[2,3]", "%r = transpose %x {perm=[0]} : f32[3,2]", BAD(IR_ATTRIBUTE),
     "perm has 1 entries, operand 0 has rank 2"},
    {"%x: f32[2,3]", "%r = transpose %x {perm=[0, 2]} : f32[3,2]", BAD(IR_ATTRIBUTE), "axis 2"},
    {"%x: f32[5,6]", "%r = slice %x {begin=[1, 0], end=[4, 6], stride=[2, 4]} : f32[2,2]", GOOD,
     NULL},
    {"%x: f32[5]", "%r = slice %x {begin=[0, 0], end=[5], stride=[1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "begin has 2 entries, 1 are needed"},
    {"%x: f32[5]", "%r = slice %x {begin=[-1], end=[5], stride=[1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "begin[0] is -1"},
    {"%x: f32[5]", "%r = slice %x {begin=[3], end=[3], stride=[1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "[3, 3) is empty or not within [0, 5)"},
    {"%x: f32[5]", "%r = slice %x {begin=[0], end=[6], stride=[1]} : f32[5]", BAD(IR_ATTRIBUTE),
     "[0, 6) is empty or not within [0, 5)"},
    {"%x: f32[5]", "%r = slice %x {begin=[0], end=[5], stride=[0]} : f32[5]", BAD(IR_ATTRIBUTE),
     "stride[0] is 0"},
    {"%x: f32[5]", "%r = slice %x {begin=[0], end=[5], stride=[2147483648]} : f32[5]",
     BAD(IR_ATTRIBUTE), "stride[0] is 2147483648"},
    {XY("f32[2,3]", "f32[2,1]"), "%r = concat %x, %y {axis=1} : f32[2,4]", GOOD, NULL},
    {XY("f32[2,3]", "f32[1,3]"), "%r = concat %x, %y {axis=-2} : f32[3,3]", GOOD,
     "%r = concat %x, %y {axis=0} : f32[3,3]"},
    {XY("f32[2,3]", "f32[2,3]"), "%r = concat %x, %y {axis=2} : f32[2,3]", BAD(IR_ATTRIBUTE),
     "axis 2 is outside"},
    {XY("f32[]", "f32[]"), "%r = concat %x, %y {axis=0} : f32[2]", BAD(IR_ATTRIBUTE), "axis 0"},
    {XY("f32[2,3]", "f32[3,3]"), "%r = concat %x, %y {axis=1} : f32[2,3]", BAD(IR_TYPE),
     "dim 0 of operand 1 must be 2, as in operand 0"},
    {XY("f32[2,3]", "f32[2]"), "%r = concat %x, %y {axis=1} : f32[2,3]", BAD(IR_TYPE), "rank 2"},
    {XY("f32[2]", "f16[2]"), "%r = concat %x, %y {axis=0} : f32[4]", BAD(IR_TYPE), "one dtype"},
    {XY("u8[2147483647]", "u8[2147483647]"), "%r = concat %x, %y {axis=0} : u8[4]", BAD(IR_SHAPE),
     "would be u8[4294967294]"},
    {"%x: f32[2,6]", "%r, %s = split %x {axis=1, sizes=[4, 2]} : f32[2,4], f32[2,2]", GOOD, NULL},
    {"%x: f32[2]", "%r = split %x {axis=-1, sizes=[2]} : f32[2]", GOOD,
     "%r = split %x {axis=0, sizes=[2]} : f32[2]"},
    {"%x: f32[6]", "%r, %s = split %x {axis=0, sizes=[4, 1]} : f32[4], f32[2]", BAD(IR_ATTRIBUTE),
     "sizes leave 1 of axis 0 over"},
    {"%x: f32[6]", "%r, %s = split %x {axis=0, sizes=[4, 3]} : f32[4], f32[2]", BAD(IR_ATTRIBUTE),
     "sizes[1] is 3, but 2 are left of axis 0"},
    {"%x: f32[6]", "%r, %s = split %x {axis=0, sizes=[6, 0]} : f32[4], f32[2]", BAD(IR_ATTRIBUTE),
     "sizes[1] is 0"},
    {"%x: f32[6]", "%r = split %x {axis=1, sizes=[6]} : f32[6]", BAD(IR_ATTRIBUTE), "axis 1"},
    {"%x: u8[2,3]", "%r = pad %x {before=[1, 0], after=[0, 2], value=7} : u8[3,5]", GOOD, NULL},
    {"%x: f32[]", "%r = pad %x {before=[], after=[]} : f32[]", GOOD, NULL},
    {"%x: f32[2]", "%r = pad %x {before=[-1], after=[0]} : f32[1]", BAD(IR_ATTRIBUTE),
     "before[0] is -1"},
    {"%x: f32[2]", "%r = pad %x {before=[1], after=[]} : f32[1]", BAD(IR_ATTRIBUTE),
     "after has 0 entries"},
    {"%x: u8[2]", "%r = pad %x {before=[1], after=[1], value=300} : u8[4]", BAD(IR_ATTRIBUTE),
     "value is not a number of dtype u8"},
    {"%x: i32[2]", "%r = pad %x {before=[1], after=[1], value=0.5} : i32[4]", BAD(IR_ATTRIBUTE),
     "dtype i32"},
    {"%x: u8[2]", "%r = pad %x {before=[2147483647], after=[0]} : u8[4]", BAD(IR_SHAPE),
     "u8[2147483649]"},
    {"%x: f32[2,3]", "%r = tile %x {reps=[1, 4]} : f32[2,12]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = tile %x {reps=[0, 4]} : f32[2,12]", BAD(IR_ATTRIBUTE), "reps[0] is 0"},
    {"%x: f32[2,3]", "%r = tile %x {reps=[2]} : f32[2,12]", BAD(IR_ATTRIBUTE), "1 entries"},
    {"%x: f32[9,9]", "%r = tile %x {reps=[2147483647, 1]} : f32[1]", BAD(IR_SHAPE),
     "f32[19327352823,9]"},
    {XY("f32[5,3]", "i32[2,4]"), "%r = gather %x, %y : f32[2,4,3]", GOOD, NULL},
    {XY("bool[5,3]", "i32[]"), "%r = gather %x, %y {axis=-1} : bool[5]", GOOD,
     "%r = gather %x, %y {axis=1} : bool[5]"},
    {XY("f32[5,3]", "f32[2]"), "%r = gather %x, %y : f32[2,3]", BAD(IR_TYPE),
     "operand 1 must be i32"},
    {XY("f32[]", "i32[2]"), "%r = gather %x, %y : f32[2]", BAD(IR_TYPE), "at least rank 1"},
    {XY("f32[5]", "i32[2]"), "%r = gather %x, %y {axis=1} : f32[2]", BAD(IR_ATTRIBUTE), "axis 1"},
    {XY("f32[1,1,1,1,1]", "i32[1,1,1,1,1]"), "%r = gather %x, %y : f32[2]", BAD(IR_TYPE),
     "the result would have rank 9, above 8"},
    {XYZ("f32[5,3]", "f32[2,4,3]", "i32[2,4]"), "%r = scatter_add %x, %y, %z : f32[5,3]", GOOD,
     NULL},
    {XYZ("i8[5]", "i8[]", "i32[]"), "%r = scatter_add %x, %y, %z : i8[5]", GOOD, NULL},
    {XYZ("f32[5,3]", "f32[2,4]", "i32[2]"), "%r = scatter_add %x, %y, %z : f32[5,3]", BAD(IR_TYPE),
     "dim 1 of operand 1 must be 3"},
    {XYZ("f32[5,3]", "f32[2,3]", "i32[4]"), "%r = scatter_add %x, %y, %z : f32[5,3]", BAD(IR_TYPE),
     "dim 0 of operand 1 must be 4, as in operand 2"},
    {XYZ("f32[5,3]", "f32[2]", "i32[2]"), "%r = scatter_add %x, %y, %z : f32[5,3]", BAD(IR_TYPE),
     "operand 1 must have rank 2"},
    {XYZ("f32[5]", "f16[2]", "i32[2]"), "%r = scatter_add %x, %y, %z : f32[5]", BAD(IR_TYPE),
     "one dtype"},
    {XYZ("f32[5]", "f32[2]", "u8[2]"), "%r = scatter_add %x, %y, %z : f32[5]", BAD(IR_TYPE),
     "operand 2 must be i32"},
    {XYZ("bool[5]", "bool[2]", "i32[2]"), "%r = scatter_add %x, %y, %z : bool[5]", BAD(IR_TYPE),
     "not bool"},
    {XYZ("f32[]", "f32[]", "i32[]"), "%r = scatter_add %x, %y, %z : f32[]", BAD(IR_TYPE),
     "at least rank 1"},
    {XYZ("f32[5,3]", "f32[5,1]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=1} : f32[5,3]",
     GOOD, NULL},
    {XYZ("bool[5]", "bool[5]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=-1} : bool[5]", GOOD,
     "%r = slice_update %x, %y, %z {axis=0} : bool[5]"},
    {XYZ("f32[5,3]", "f32[4,1]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=1} : f32[5,3]",
     BAD(IR_TYPE), "dim 0 of operand 1 must be 5, as in operand 0"},
    {XYZ("f32[5,3]", "f32[5,4]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=1} : f32[5,3]",
     BAD(IR_TYPE), "the update is longer than operand 0 along axis 1"},
    {XYZ("f32[5]", "f32[1]", "i32[]"), "%r = slice_update %x, %y, %z {axis=0} : f32[5]",
     BAD(IR_TYPE), "operand 2 must be a vector of 1, the index where the update begins"},
    {XYZ("f32[5]", "f32[1]", "f32[1]"), "%r = slice_update %x, %y, %z {axis=0} : f32[5]",
     BAD(IR_TYPE), "operand 2 must be i32"},
    {XYZ("f32[5]", "f16[1]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=0} : f32[5]",
     BAD(IR_TYPE), "one dtype"},
    {XYZ("f32[5]", "f32[1,1]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=0} : f32[5]",
     BAD(IR_TYPE), "operand 1 must have rank 1"},
    {XYZ("f32[5]", "f32[1]", "i32[1]"), "%r = slice_update %x, %y, %z {axis=1} : f32[5]",
     BAD(IR_ATTRIBUTE), "axis 1"},

    /* arg */
    {"%x: f32[2,3,4]", "%r = reduce_argmax %x {axis=1} : i32[2,4]", GOOD, NULL},
    {"%x: f32[2,3]", "%r = reduce_argmax %x {keep_dims=true} : i32[2,1]", GOOD,
     "%r = reduce_argmax %x {axis=1, keep_dims=true} : i32[2,1]"},
    {"%x: bool[2]", "%r = reduce_argmax %x {axis=0} : i32[]", BAD(IR_TYPE), "not bool"},
    {"%x: f32[]", "%r = reduce_argmax %x : i32[]", BAD(IR_ATTRIBUTE), "axis -1 is outside"},
    {"%x: u8[2,3]", "%r = reduce_argmin %x {axis=0} : i32[3]", GOOD, NULL},
    {"%x: u8[2,3]", "%r = reduce_argmin %x {axis=2} : i32[3]", BAD(IR_ATTRIBUTE), "axis 2"},
    {"%x: f16[2,3]", "%r = reduce_logsumexp %x {axes=[1]} : f16[2]", GOOD, NULL},
    {"%x: i32[2,3]", "%r = reduce_logsumexp %x {axes=[1]} : i32[2]", BAD(IR_TYPE),
     "f32, f16 or bf16"},

    /* softmax family */
    {"%x: f32[2,3]", "%r = softmax %x : f32[2,3]", GOOD, "%r = softmax %x {axis=1} : f32[2,3]"},
    {"%x: f16[2,3]", "%r = softmax %x {axis=0} : f16[2,3]", GOOD, NULL},
    {"%x: f32[]", "%r = softmax %x : f32[]", BAD(IR_ATTRIBUTE), "axis -1 is outside [-0, 0)"},
    {"%x: i32[2]", "%r = softmax %x : i32[2]", BAD(IR_TYPE), "f32, f16 or bf16"},
    {"%x: bf16[2]", "%r = log_softmax %x {axis=0} : bf16[2]", GOOD, NULL},
    {"%x: bf16[2]", "%r = log_softmax %x {axis=1} : bf16[2]", BAD(IR_ATTRIBUTE), "axis 1"},

    /* linear, embedding, norms */
    {XY("f32[5,2,3]", "f32[4,3]"), "%r = linear %x, %y : f32[5,2,4]", GOOD, NULL},
    {XYZ("f16[3]", "f16[4,3]", "f16[4]"), "%r = linear %x, %y, %z : f16[4]", GOOD, NULL},
    {XY("f32[2,3]", "f32[3,4]"), "%r = linear %x, %y : f32[2,4]", BAD(IR_TYPE),
     "dim 1 of operand 1 must be 3, the last dim of operand 0"},
    {XYZ("f32[2,3]", "f32[4,3]", "f32[3]"), "%r = linear %x, %y, %z : f32[2,4]", BAD(IR_TYPE),
     "operand 2 must be a vector of 4, one per row of the weight"},
    {XYZ("f32[2,3]", "f32[4,3]", "f16[4]"), "%r = linear %x, %y, %z : f32[2,4]", BAD(IR_TYPE),
     "operands 0 and 2 must have one dtype"},
    {XY("f32[2,3]", "f32[1,4,3]"), "%r = linear %x, %y : f32[2,4]", BAD(IR_TYPE), "rank 2"},
    {XY("f32[]", "f32[4,3]"), "%r = linear %x, %y : f32[4]", BAD(IR_TYPE), "at least rank 1"},
    {XY("i32[3]", "i32[4,3]"), "%r = linear %x, %y : i32[4]", BAD(IR_TYPE), "f32, f16 or bf16"},
    {XY("i32[2,4]", "f32[9,3]"), "%r = embedding %x, %y : f32[2,4,3]", GOOD, NULL},
    {XY("f32[2,4]", "f32[9,3]"), "%r = embedding %x, %y : f32[2,4,3]", BAD(IR_TYPE),
     "operand 0 must be i32"},
    {XY("i32[2]", "i32[9,3]"), "%r = embedding %x, %y : i32[2,3]", BAD(IR_TYPE), "operand 1"},
    {XY("i32[2]", "f32[9]"), "%r = embedding %x, %y : f32[2]", BAD(IR_TYPE), "rank 2"},
    {XY("i32[1,1,1,1,1,1,1,1]", "f32[9,3]"), "%r = embedding %x, %y : f32[2]", BAD(IR_TYPE),
     "rank 9"},
    {XY("f32[2,3]", "f32[3]"), "%r = rms_norm %x, %y {epsilon=1e-06} : f32[2,3]", GOOD, NULL},
    {XY("f32[2,3]", "f32[3]"), "%r = rms_norm %x, %y {epsilon=1e-05} : f32[2,3]", GOOD,
     "%r = rms_norm %x, %y : f32[2,3]"},
    {XY("f32[2,3]", "f32[2]"), "%r = rms_norm %x, %y : f32[2,3]", BAD(IR_TYPE),
     "operand 1 must be a vector of 3, one per element of the last axis"},
    {XY("f32[2,3]", "f16[3]"), "%r = rms_norm %x, %y : f32[2,3]", BAD(IR_TYPE), "one dtype"},
    {XY("f32[]", "f32[3]"), "%r = rms_norm %x, %y : f32[]", BAD(IR_TYPE), "at least rank 1"},
    {XY("f32[3]", "f32[3]"), "%r = rms_norm %x, %y {epsilon=-1} : f32[3]", BAD(IR_ATTRIBUTE),
     "epsilon must be finite and not negative"},
    {XY("f32[3]", "f32[3]"), "%r = rms_norm %x, %y {epsilon=nan} : f32[3]", BAD(IR_ATTRIBUTE),
     "epsilon"},
    {XYZ("bf16[2,3]", "bf16[3]", "bf16[3]"), "%r = layer_norm %x, %y, %z : bf16[2,3]", GOOD, NULL},
    {XYZ("f32[2,3]", "f32[3]", "f32[1]"), "%r = layer_norm %x, %y, %z : f32[2,3]", BAD(IR_TYPE),
     "operand 2 must be a vector of 3"},
    {XYZ("f32[3]", "f32[3]", "f32[3]"), "%r = layer_norm %x, %y, %z {epsilon=inf} : f32[3]",
     BAD(IR_ATTRIBUTE), "epsilon"},

    /* rope, attention, cross_entropy */
    {XY("f32[2,5,4]", "i32[5]"),
     "%r = rope %x, %y {theta=500000, interleaved=false, inverse=true} : f32[2,5,4]", GOOD, NULL},
    {XY("f16[5,4]", "i32[5]"), "%r = rope %x, %y : f16[5,4]", GOOD, NULL},
    {XY("f32[5,3]", "i32[5]"), "%r = rope %x, %y : f32[5,3]", BAD(IR_TYPE), "must be even"},
    {XY("f32[4]", "i32[4]"), "%r = rope %x, %y : f32[4]", BAD(IR_TYPE), "at least rank 2"},
    {XY("f32[5,4]", "i32[4]"), "%r = rope %x, %y : f32[5,4]", BAD(IR_TYPE),
     "operand 1 must be a vector of 5, one position per row"},
    {XY("f32[5,4]", "f32[5]"), "%r = rope %x, %y : f32[5,4]", BAD(IR_TYPE), "must be i32"},
    {XY("f32[5,4]", "i32[5]"), "%r = rope %x, %y {theta=0} : f32[5,4]", BAD(IR_ATTRIBUTE),
     "theta must be finite and positive"},
    {XY("f32[5,4]", "i32[5]"), "%r = rope %x, %y {theta=inf} : f32[5,4]", BAD(IR_ATTRIBUTE),
     "theta"},
    {XY("i32[5,4]", "i32[5]"), "%r = rope %x, %y : i32[5,4]", BAD(IR_TYPE), "f32, f16 or bf16"},
    {XYZ("f32[2,4,3,8]", "f32[2,2,5,8]", "f32[2,2,5,6]"),
     "%r = attention %x, %y, %z {scale=0.5, causal=true} : f32[2,4,3,6]", GOOD, NULL},
    {XYZP("f16[1,4,3,8]", "f16[1,4,5,8]", "f16[1,4,5,8]", "i32[3]"),
     "%r = attention %x, %y, %z, %p : f16[1,4,3,8]", GOOD, NULL},
    {XYZ("f32[2,4,3,8]", "f32[1,2,5,8]", "f32[2,2,5,6]"),
     "%r = attention %x, %y, %z : f32[2,4,3,6]", BAD(IR_TYPE), "dim 0 of operand 1 must be 2"},
    {XYZ("f32[2,4,3,8]", "f32[2,2,5,8]", "f32[1,2,5,6]"),
     "%r = attention %x, %y, %z : f32[2,4,3,6]", BAD(IR_TYPE), "dim 0 of operand 2 must be 2"},
    {XYZ("f32[2,4,3,8]", "f32[2,2,5,8]", "f32[2,4,5,6]"),
     "%r = attention %x, %y, %z : f32[2,4,3,6]", BAD(IR_TYPE), "the heads of k"},
    {XYZ("f32[2,4,3,8]", "f32[2,2,5,8]", "f32[2,2,4,6]"),
     "%r = attention %x, %y, %z : f32[2,4,3,6]", BAD(IR_TYPE), "the keys of k"},
    {XYZ("f32[2,4,3,8]", "f32[2,2,5,6]", "f32[2,2,5,6]"),
     "%r = attention %x, %y, %z : f32[2,4,3,6]", BAD(IR_TYPE), "the head size of q"},
    {XYZ("f32[2,4,3,8]", "f32[2,3,5,8]", "f32[2,3,5,8]"),
     "%r = attention %x, %y, %z : f32[2,4,3,8]", BAD(IR_TYPE),
     "4 query heads do not divide into 3 key heads"},
    {XYZ("f32[4,3,8]", "f32[1,2,5,8]", "f32[1,2,5,8]"), "%r = attention %x, %y, %z : f32[4,3,8]",
     BAD(IR_TYPE), "operand 0 must have rank 4"},
    {XYZ("f32[1,4,3,8]", "f16[1,2,5,8]", "f32[1,2,5,8]"),
     "%r = attention %x, %y, %z : f32[1,4,3,8]", BAD(IR_TYPE), "one dtype"},
    {XYZ("f32[1,1,3,8]", "f32[1,1,2,8]", "f32[1,1,2,8]"),
     "%r = attention %x, %y, %z {causal=true} : f32[1,1,3,8]", BAD(IR_TYPE),
     "at least as many keys as rows"},
    {XYZ("f32[1,1,3,8]", "f32[1,1,3,8]", "f32[1,1,3,8]"),
     "%r = attention %x, %y, %z {scale=-1} : f32[1,1,3,8]", BAD(IR_ATTRIBUTE), "scale"},
    {XYZP("f32[1,1,3,8]", "f32[1,1,3,8]", "f32[1,1,3,8]", "i32[3]"),
     "%r = attention %x, %y, %z, %p {causal=true} : f32[1,1,3,8]", BAD(IR_ATTRIBUTE),
     "causal and a position operand exclude each other"},
    {XYZP("f32[1,1,3,8]", "f32[1,1,3,8]", "f32[1,1,3,8]", "i32[2]"),
     "%r = attention %x, %y, %z, %p : f32[1,1,3,8]", BAD(IR_TYPE),
     "operand 3 must be a vector of 3, one position per row of q"},
    {XYZP("f32[1,1,3,8]", "f32[1,1,3,8]", "f32[1,1,3,8]", "u8[3]"),
     "%r = attention %x, %y, %z, %p : f32[1,1,3,8]", BAD(IR_TYPE), "operand 3 must be i32"},
    {XYZP("f16[2,4,3,8]", "f16[2,2,5,8]", "f16[2,2,5,6]", "bool[2,1,3,5]"),
     "%r = attention %x, %y, %z, %p {causal=true} : f16[2,4,3,6]", GOOD, NULL},
    {XYZP("f16[2,4,3,8]", "f16[2,2,5,8]", "f16[2,2,5,6]", "f16[1,4,1,1]"),
     "%r = attention %x, %y, %z, %p : f16[2,4,3,6]", GOOD, NULL},
    {XYZP("f16[2,4,3,8]", "f16[2,2,5,8]", "f16[2,2,5,6]", "f32[1,4,1,1]"),
     "%r = attention %x, %y, %z, %p : f16[2,4,3,6]", BAD(IR_TYPE),
     "operand 3, a mask, must be bool or of q's dtype"},
    {XYZP("f32[2,4,3,8]", "f32[2,2,5,8]", "f32[2,2,5,6]", "bool[2,2,3,5]"),
     "%r = attention %x, %y, %z, %p : f32[2,4,3,6]", BAD(IR_TYPE),
     "dim 1 of operand 3, a mask, must be 1 or 4"},
    {XY("f32[4,7]", "i32[4]"), "%r = cross_entropy %x, %y : f32[]", GOOD, NULL},
    {XY("f32[4,7]", "i32[7]"), "%r = cross_entropy %x, %y : f32[]", BAD(IR_TYPE),
     "operand 1 must be a vector of 4, one target per row"},
    {XY("f32[2,4,7]", "i32[4]"), "%r = cross_entropy %x, %y : f32[]", BAD(IR_TYPE), "rank 2"},
    {XY("f32[4,7]", "f32[4]"), "%r = cross_entropy %x, %y : f32[]", BAD(IR_TYPE), "must be i32"},
    {XY("i32[4,7]", "i32[4]"), "%r = cross_entropy %x, %y : i32[]", BAD(IR_TYPE), "f32, f16"},

/* lstm */
#define LSTM(x, h, w, u, b) "%x: " x ", %h: " h ", %w: " w ", %u: " u ", %b: " b
#define LSTM_BAD(x, h, w, u, b, words)                                                             \
    {                                                                                              \
        LSTM(x, h, w, u, b),                                                                       \
            "%r, %s, %t = lstm %x, %h, %h, %w, %u, %b : f32[5,2,4], f32[2,4], f32[2,4]",           \
            BAD(IR_TYPE), words                                                                    \
    }
    {XYZP("f16[5,2,4]", "f16[2,4]", "f16[16,4]", "f16[16]"),
     "%r, %s, %t = lstm %x, %y, %y, %z, %z, %p {reverse=true} : f16[5,2,4], f16[2,4], f16[2,4]",
     GOOD, NULL},
    {XYZP("f32[5,2,3]", "f32[2,4]", "f32[16,3]", "f32[16,4]"),
     "%r, %s, %t = lstm %x, %y, %y, %z, %p : f32[5,2,4], f32[2,4], f32[2,4]", GOOD, NULL},
    LSTM_BAD("f32[5,2,3]", "f32[3,4]", "f32[16,3]", "f32[16,4]", "f32[16]",
             "operand 1 must be [2,4], a state for each of x's batch"),
    LSTM_BAD("f32[5,2,3]", "f32[2,4]", "f32[12,3]", "f32[16,4]", "f32[16]",
             "operand 3 must be [16,3], four gates of the state from x"),
    LSTM_BAD("f32[5,2,3]", "f32[2,4]", "f32[16,3]", "f32[16,3]", "f32[16]",
             "operand 4 must be [16,4], four gates of the state from the state"),
    LSTM_BAD("f32[5,2,3]", "f32[2,4]", "f32[16,3]", "f32[16,4]", "f32[4]",
             "operand 5 must be a vector of 16"),
    LSTM_BAD("f32[5,2,3]", "f16[2,4]", "f32[16,3]", "f32[16,4]", "f32[16]", "one dtype"),
    LSTM_BAD("i32[5,2,3]", "i32[2,4]", "i32[16,3]", "i32[16,4]", "i32[16]", "f32, f16"),
    LSTM_BAD("f32[5,2]", "f32[2,4]", "f32[16,3]", "f32[16,4]", "f32[16]",
             "operand 0 must have rank 3"),
    LSTM_BAD("f32[5,2,3]", "f32[2]", "f32[16,3]", "f32[16,4]", "f32[16]",
             "operand 1 must have rank 2"),
    {XYZP("f32[5,2,3]", "f32[2,4]", "f32[2]", "f32[16,3]"),
     "%r, %s, %t = lstm %x, %y, %z, %p, %p : f32[5,2,4], f32[2,4], f32[2,4]", BAD(IR_TYPE),
     "operand 2 must be [2,4], as operand 1"},

    /* quantisation */
    {XYZ("f16[4,6]", "f16[2,3]", "u8[]"), "%r = quantize %x, %y, %z {dtype=u8} : u8[4,6]", GOOD,
     NULL},
    {XY("f32[4,6]", "f32[]"), "%r = quantize %x, %y : i8[4,6]", GOOD, NULL},
    {XY("i32[4,6]", "f32[]"), "%r = quantize %x, %y : i8[4,6]", BAD(IR_TYPE), "f32, f16"},
    {XY("f32[4,6]", "f16[]"), "%r = quantize %x, %y : i8[4,6]", BAD(IR_TYPE), "one dtype"},
    {XY("f32[4,6]", "f32[6]"), "%r = quantize %x, %y : i8[4,6]", BAD(IR_TYPE),
     "operand 1 must have rank 0, or the rank of operand 0 and dims that divide its dims"},
    {XY("f32[4,6]", "f32[1,4]"), "%r = quantize %x, %y : i8[4,6]", BAD(IR_TYPE), "operand 1"},
    {XY("f32[4,6]", "f32[]"), "%r = quantize %x, %y {dtype=f16} : f16[4,6]", BAD(IR_ATTRIBUTE),
     "dtype must be an integer's"},
    {XYZ("f32[4,6]", "f32[]", "u8[]"), "%r = quantize %x, %y, %z : i8[4,6]", BAD(IR_TYPE),
     "operand 2 must be i8"},
    {XYZ("f32[4,6]", "f32[]", "i8[3,1]"), "%r = quantize %x, %y, %z : i8[4,6]", BAD(IR_TYPE),
     "operand 2 must have rank 0"},
    {XYZ("i8[4,6]", "f16[4,1]", "i8[1,2]"), "%r = dequantize %x, %y, %z : f16[4,6]", GOOD, NULL},
    {XYZ("u8[4]", "f32[2]", "f32[4]"), "%r = dequantize %x, %y, %z : f32[4]", GOOD, NULL},
    {XY("f32[4]", "f32[]"), "%r = dequantize %x, %y : f32[4]", BAD(IR_TYPE),
     "operand 0 must be of integers"},
    {XY("bool[4]", "f32[]"), "%r = dequantize %x, %y : f32[4]", BAD(IR_TYPE), "integers"},
    {XY("i8[4]", "i8[]"), "%r = dequantize %x, %y : f32[4]", BAD(IR_TYPE), "operand 1 must be f32"},
    {XY("i8[4]", "f32[3]"), "%r = dequantize %x, %y : f32[4]", BAD(IR_TYPE), "operand 1 must have"},
    {XYZ("i8[4]", "f32[]", "u8[]"), "%r = dequantize %x, %y, %z : f32[4]", BAD(IR_TYPE),
     "one dtype"},
    {XYZ("i8[4]", "f32[]", "i8[3]"), "%r = dequantize %x, %y, %z : f32[4]", BAD(IR_TYPE),
     "operand 2 must have"},
};

/* ---- */

static size_t graph_of(const rule *r, const char *node, char *text, size_t size) {
    int n = snprintf(text, size, "oir 1\ngraph @g(%s) -> (%%r) {\n  %s\n}\n", r->inputs, node);
    assert_in_range((size_t)n, 1, size - 1);
    return (size_t)n;
}

static void check_good(const rule *r, const char *text, size_t n, orion_diag *diag) {
    orion_ir_graph *g = NULL;
    char want[1024];
    graph_of(r, r->words == NULL ? r->node : r->words, want, sizeof want);
    assert_ok(orion_ir_parse(text, n, "rule", NULL, diag, &g), diag);
    char *got = graph_text(g);
    assert_string_equal(got, want);
    free(got);
    assert_graph_valid(g);
    orion_ir_graph_destroy(&g);
}

static void check_bad(const rule *r, const char *text, size_t n, orion_diag *diag) {
    orion_ir_graph *g = NULL;
    orion_status status = orion_ir_parse(text, n, "rule", NULL, diag, &g);
    if (status != ORION_ERROR_VERIFY) fail_msg("%s: status %d", r->node, (int)status);
    assert_null(g);
    assert_int_equal(orion_diag_count(diag), 1);
    assert_diag(diag, r->message, r->words);
    assert_int_equal(orion_diag_get(diag, 0)->line, 3);
}

static void test_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(rules); i++) {
        char text[1024];
        orion_diag *diag = NULL;
        size_t n = graph_of(&rules[i], rules[i].node, text, sizeof text);
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        print_message("%s\n", rules[i].node);
        (rules[i].message == GOOD ? check_good : check_bad)(&rules[i], text, n, diag);
        orion_diag_destroy(&diag);
    }
}

/* The table above knows every op of ir-ops.def, from both sides. */
static void test_every_op_has_rules(void **state) {
    (void)state;
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        char words[80];
        size_t good = 0, bad = 0;
        snprintf(words, sizeof words, "= %s ", orion_ir_op_at(i)->name);
        for (size_t k = 0; k < ORN_COUNT(rules); k++) {
            if (strstr(rules[k].node, words) == NULL) continue;
            *(rules[k].message == GOOD ? &good : &bad) += 1;
        }
        if (good == 0 || bad == 0) {
            fail_msg("%s has %zu legal and %zu refused examples", orion_ir_op_at(i)->name, good,
                     bad);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_every_op_has_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
