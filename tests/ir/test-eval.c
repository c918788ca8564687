/* SPDX-License-Identifier: MIT */
/* The reference interpreter against figures worked out by hand, and its edge cases. */
#include "graphs.h"
#include "op-support.h"

#include <math.h>

/* One op on given operands yields given results. */
typedef struct example {
    const char *op, *operands, *attrs, *results;
} example;

static const example exact[] = {
    {"add", "f32[3] 1 2 3; f32[3] 10 20 30", "", "f32[3] 11 22 33"},
    {"add", "f32[2,1] 1 2; f32[3] 10 20 30", "", "f32[2,3] 11 21 31 12 22 32"},
    {"add", "i32[2] 1 2; i32[] 5", "", "i32[2] 6 7"},
    {"sub", "f32[] 5; f32[2,2] 1 2 3 4", "", "f32[2,2] 4 3 2 1"},
    {"mul", "f32[2,1,2] 1 2 3 4; f32[3,1] 1 10 100", "",
     "f32[2,3,2] 1 2 10 20 100 200 3 4 30 40 300 400"},
    {"div", "f32[3] 1 -6 0; f32[3] 4 3 0", "", "f32[3] 0.25 -2 nan"},
    {"max", "f32[4] 1 5 nan 2; f32[4] 3 -5 1 nan", "", "f32[4] 3 5 nan nan"},
    {"min", "f32[4] 1 5 nan 2; f32[4] 3 -5 1 nan", "", "f32[4] 1 -5 nan nan"},
    {"pow", "f32[4] 2 9 -2 0; f32[4] 10 0.5 3 0", "", "f32[4] 1024 3 -8 1"},
    {"equal", "f32[3] 1 2 nan; f32[3] 1 3 nan", "", "bool[3] 1 0 0"},
    {"equal", "bool[2] 1 0; bool[] 1", "", "bool[2] 1 0"},
    {"less", "i32[3] 1 2 3; i32[] 2", "", "bool[3] 1 0 0"},
    {"less_equal", "i32[3] 1 2 3; i32[] 2", "", "bool[3] 1 1 0"},
    {"select", "bool[2,1] 1 0; f32[3] 1 2 3; f32[] 9", "", "f32[2,3] 1 2 3 9 9 9"},
    {"neg", "i8[3] 1 -2 0", "", "i8[3] -1 2 0"},
    {"abs", "f32[3] 1 -2 -0.5", "", "f32[3] 1 2 0.5"},
    {"exp", "f32[3] 0 1 -inf", "", "f32[3] 1 2.718281828459045 0"},
    {"log", "f32[4] 1 2.718281828459045 0 -1", "", "f32[4] 0 1 -inf nan"},
    {"sqrt", "f32[3] 4 0 -1", "", "f32[3] 2 0 nan"},
    {"rsqrt", "f32[3] 4 0.25 0", "", "f32[3] 0.5 2 inf"},
    {"tanh", "f32[3] 0 1 -100", "", "f32[3] 0 0.7615941559557649 -1"},
    {"sigmoid", "f32[4] 0 1 -1000 1000", "", "f32[4] 0.5 0.7310585786300049 0 1"},
    {"relu", "f32[4] -1 0 2 nan", "", "f32[4] 0 0 2 nan"},
    {"erf", "f32[2] 0 1", "", "f32[2] 0 0.8427007929497149"},
    {"sin", "f32[2] 0 1", "", "f32[2] 0 0.8414709848078965"},
    {"cos", "f32[2] 0 1", "", "f32[2] 1 0.5403023058681398"},
    {"floor", "f32[3] 1.7 -1.2 3", "", "f32[3] 1 -2 3"},
    {"round", "f32[5] 0.5 1.5 2.5 -0.5 -1.6", "", "f32[5] 0 2 2 0 -2"},
    {"identity", "u8[2] 7 200", "", "u8[2] 7 200"},
    {"cast", "f32[6] 1.9 -1.9 3e9 -3e9 nan inf", "dtype=i32",
     "i32[6] 1 -1 2147483647 -2147483648 0 2147483647"},
    {"cast", "f32[4] 300 -5 255.9 17.2", "dtype=u8", "u8[4] 255 0 255 17"},
    {"cast", "f32[3] 200 -200 -1.5", "dtype=i8", "i8[3] 127 -128 -1"},
    {"cast", "i32[3] 70000 -1 65535", "dtype=u16", "u16[3] 65535 0 65535"},
    {"cast", "f32[4] 0 0.25 -3 nan", "dtype=bool", "bool[4] 0 1 1 1"},
    {"cast", "bool[2] 0 1", "dtype=f16", "f16[2] 0 1"},
    {"cast", "f32[1] 0.1", "dtype=f16", "f16[1] 0.1"},
    {"logical_and", "bool[4] 0 0 1 1; bool[4] 0 1 0 1", "", "bool[4] 0 0 0 1"},
    {"logical_or", "bool[2,1] 0 1; bool[2] 0 1", "", "bool[2,2] 0 1 1 1"},
    {"logical_not", "bool[2] 0 1", "", "bool[2] 1 0"},
    {"clip", "f32[6] -7 -0.5 0.25 1 7 nan", "low=-0.5 high=1", "f32[6] -0.5 -0.5 0.25 1 1 nan"},
    {"clip", "f32[3] -inf 2 inf", "low=-inf high=inf", "f32[3] -inf 2 inf"},
    {"reduce_sum", "f32[2,3] 1 2 3 4 5 6", "axes=[1]", "f32[2] 6 15"},
    {"reduce_sum", "f32[2,3] 1 2 3 4 5 6", "axes=[0] keep_dims=1", "f32[1,3] 5 7 9"},
    {"reduce_sum", "f32[2,3] 1 2 3 4 5 6", "axes=[-1,0]", "f32[] 21"},
    {"reduce_sum", "f32[2] 1 2", "axes=[]", "f32[2] 1 2"},
    {"reduce_sum", "i32[2,2,2] 1 2 3 4 5 6 7 8", "axes=[0,2]", "i32[2] 14 22"},
    {"reduce_mean", "f32[2,3] 1 2 3 4 5 6", "axes=[1]", "f32[2] 2 5"},
    {"reduce_mean", "f32[2,2] 1 2 3 4", "axes=[0,1] keep_dims=1", "f32[1,1] 2.5"},
    {"reduce_max", "f32[2,3] 1 7 7 -4 -5 -6", "axes=[1]", "f32[2] 7 -4"},
    {"reduce_max", "f32[2,2] 1 nan -inf -inf", "axes=[1]", "f32[2] nan -inf"},
    {"reduce_min", "f32[2,3] 1 7 7 -4 -5 nan", "axes=[1]", "f32[2] 1 nan"},
    {"reduce_min", "i32[3] 3 -7 5", "axes=[0]", "i32[] -7"},
    {"reduce_argmax", "f32[2,3] 1 7 7 -4 -5 -6", "axis=1", "i32[2] 1 0"},
    {"reduce_argmax", "f32[3,2] 1 nan 3 5 2 nan", "axis=0 keep_dims=1", "i32[1,2] 1 0"},
    {"reduce_argmax", "f32[2,2] -inf -inf nan inf", "", "i32[2] 0 0"},
    {"reduce_argmax", "u8[2,2,2] 1 2 3 4 9 8 7 6", "axis=1", "i32[2,2] 1 1 0 0"},
    {"reduce_argmin", "i32[4] 3 -7 5 -7", "axis=0", "i32[] 1"},
    {"reduce_argmin", "f32[3] 3 nan -1", "axis=0", "i32[] 1"},
    {"reduce_logsumexp", "f32[2,2] 0 0 1000 1000", "axes=[1]",
     "f32[2] 0.6931471805599453 1000.6931471805599"},
    {"reduce_logsumexp", "f32[2,2] 0 1.0986122886681098 0 1.6094379124341003",
     "axes=[0,1] keep_dims=1", "f32[1,1] 2.302585092994046"},
    {"reduce_logsumexp", "f32[4,2] -inf -inf inf 5 -inf 3 nan 3", "axes=[1]",
     "f32[4] -inf inf 3 nan"},
    {"matmul", "f32[2,3] 1 2 3 4 5 6; f32[3,2] 1 2 3 4 5 6", "", "f32[2,2] 22 28 49 64"},
    {"matmul", "f32[3,2] 1 4 2 5 3 6; f32[3,2] 1 2 3 4 5 6", "transpose_x=1",
     "f32[2,2] 22 28 49 64"},
    {"matmul", "f32[2,3] 1 2 3 4 5 6; f32[2,3] 1 3 5 2 4 6", "transpose_y=1",
     "f32[2,2] 22 28 49 64"},
    {"matmul", "f32[3,2] 1 4 2 5 3 6; f32[2,3] 1 3 5 2 4 6", "transpose_x=1 transpose_y=1",
     "f32[2,2] 22 28 49 64"},
    {"matmul", "f32[2,1,1,2] 1 2 3 4; f32[2,2,1] 1 2 3 4", "", "f32[2,2,1,1] 5 11 11 25"},
    {"conv", "f32[1,1,4] 1 2 3 4; f32[1,1,2] 1 10; f32[1] 0.5", "", "f32[1,1,3] 21.5 32.5 43.5"},
    {"conv", "f32[1,1,4] 1 2 3 4; f32[1,1,2] 1 10", "stride=[2] before=[1] after=[1]",
     "f32[1,1,3] 10 32 4"},
    {"conv", "f32[1,1,4] 1 2 3 4; f32[1,1,2] 1 10", "dilation=[3]", "f32[1,1,1] 41"},
    {"conv", "f32[1,2,2] 1 2 3 4; f32[2,1,1] 10 100", "groups=2", "f32[1,2,2] 10 20 300 400"},
    {"conv", "f32[1,2,2] 1 2 3 4; f32[1,2,1] 10 100; f32[1] 0", "", "f32[1,1,2] 310 420"},
    {"conv", "f32[1,1,2,3] 1 2 3 4 5 6; f32[1,1,2,2] 1 10 100 1000", "", "f32[1,1,1,2] 5421 6532"},
    {"conv_transpose", "f32[1,1,2] 1 2; f32[1,1,2] 1 10; f32[1] 0.5", "",
     "f32[1,1,3] 1.5 12.5 20.5"},
    {"conv_transpose", "f32[1,1,2] 1 2; f32[1,1,2] 1 10", "stride=[2] before=[1]",
     "f32[1,1,3] 10 2 20"},
    {"conv_transpose", "f32[1,2,1] 1 2; f32[2,2,1] 1 10 100 1000", "", "f32[1,2,1] 201 2010"},
    {"conv_transpose", "f32[1,1,1,2] 1 2; f32[1,1,2,2] 1 10 100 1000", "",
     "f32[1,1,2,3] 1 12 20 100 1200 2000"},
    {"max_pool", "f32[1,1,5] 3 1 4 1 5", "window=[2]", "f32[1,1,4] 3 4 4 5"},
    {"max_pool", "f32[1,1,4] -3 -1 -4 nan", "window=[3] stride=[2] before=[2] after=[1]",
     "f32[1,1,3] -3 -1 nan"},
    {"max_pool", "f32[1,2,2,2] 1 2 3 4 8 7 6 5", "window=[2,1]", "f32[1,2,1,2] 3 4 8 7"},
    {"avg_pool", "f32[1,1,4] 1 3 5 7", "window=[2] stride=[2]", "f32[1,1,2] 2 6"},
    {"avg_pool", "f32[1,1,3] 2 4 6", "window=[2] before=[1] after=[1]", "f32[1,1,4] 1 3 5 3"},
    {"avg_pool", "f32[1,1,3] 2 4 6", "window=[2] before=[1] after=[1] exclude_padding=1",
     "f32[1,1,4] 2 3 5 6"},
    {"avg_pool", "f32[1,1,2,2] 1 2 3 6", "window=[2,2]", "f32[1,1,1,1] 3"},
    {"reshape", "f32[2,3] 1 2 3 4 5 6", "shape=[3,-1]", "f32[3,2] 1 2 3 4 5 6"},
    {"reshape", "f32[1] 4", "shape=[]", "f32[] 4"},
    {"transpose", "f32[2,3] 1 2 3 4 5 6", "perm=[1,0]", "f32[3,2] 1 4 2 5 3 6"},
    {"transpose", "f32[1,2,2] 1 2 3 4", "perm=[2,0,1]", "f32[2,1,2] 1 3 2 4"},
    {"slice", "f32[2,4] 1 2 3 4 5 6 7 8", "begin=[0,1] end=[2,4] stride=[1,2]", "f32[2,2] 2 4 6 8"},
    {"concat", "f32[2,1] 1 2; f32[2,2] 3 4 5 6", "axis=-1", "f32[2,3] 1 3 4 2 5 6"},
    {"concat", "f32[1,2] 1 2; f32[1,2] 3 4; f32[1,2] 5 6", "axis=0", "f32[3,2] 1 2 3 4 5 6"},
    {"split", "f32[2,3] 1 2 3 4 5 6", "axis=1 sizes=[1,2]", "f32[2,1] 1 4; f32[2,2] 2 3 5 6"},
    {"pad", "f32[1,2] 1 2", "before=[1,0] after=[0,1] value=9", "f32[2,3] 9 9 9 1 2 9"},
    {"tile", "f32[1,2] 1 2", "reps=[2,2]", "f32[2,4] 1 2 1 2 1 2 1 2"},
    {"gather", "f32[3,2] 1 2 3 4 5 6; i32[2] 2 0", "", "f32[2,2] 5 6 1 2"},
    {"gather", "f32[2,3] 1 2 3 4 5 6; i32[2,1] 2 0", "axis=1", "f32[2,2,1] 3 1 6 4"},
    {"gather", "f32[3] 1 2 3; i32[] 1", "", "f32[] 2"},
    {"scatter_add", "f32[3,2] 1 1 1 1 1 1; f32[3,2] 1 2 3 4 5 6; i32[3] 2 0 2", "",
     "f32[3,2] 4 5 1 1 7 9"},
    {"slice_update", "f32[2,3] 1 2 3 4 5 6; f32[2,1] 8 9; i32[1] 2", "axis=1",
     "f32[2,3] 1 2 8 4 5 9"},
    {"slice_update", "f32[3,1] 1 2 3; f32[2,1] 8 9; i32[1] 0", "axis=0", "f32[3,1] 8 9 3"},
    {"softmax", "f32[2,2] 0 0.6931471805599453 1000 1000", "",
     "f32[2,2] 0.3333333333333333 0.6666666666666666 0.5 0.5"},
    {"softmax", "f32[2,2] 0 7 0.6931471805599453 7", "axis=0",
     "f32[2,2] 0.3333333333333333 0.5 0.6666666666666666 0.5"},
    {"softmax", "f32[3] nan 1 2", "", "f32[3] nan nan nan"},
    {"log_softmax", "f32[2] 1000 1000", "", "f32[2] -0.6931471805599453 -0.6931471805599453"},
    {"silu", "f32[4] 0 1 -1 -1000", "", "f32[4] 0 0.7310585786300049 -0.2689414213699951 0"},
    {"gelu", "f32[3] 0 1 -1", "", "f32[3] 0 0.8413447460685429 -0.15865525393145707"},
    {"gelu", "f32[2] 1 -1", "tanh_approximation=1", "f32[2] 0.841191990608276 -0.158808009391724"},
    {"linear", "f32[1,2,2] 1 2 3 4; f32[3,2] 1 0 0 1 1 1", "", "f32[1,2,3] 1 2 3 3 4 7"},
    {"linear", "f32[2] 1 2; f32[1,2] 3 4; f32[1] 0.5", "", "f32[1] 11.5"},
    {"embedding", "i32[2,1] 1 0; f32[2,3] 1 2 3 4 5 6", "", "f32[2,1,3] 4 5 6 1 2 3"},
    {"rms_norm", "f32[2,2] 3 4 0 0; f32[2] 1 2", "epsilon=0.5",
     "f32[2,2] 0.8320502943378437 2.218800784900916 0 0"},
    {"layer_norm", "f32[1,2] 1 3; f32[2] 1 2; f32[2] 10 20", "epsilon=0", "f32[1,2] 9 22"},
    {"rope", "f32[2,2] 1 0 1 0; i32[2] 0 1", "",
     "f32[2,2] 1 0 0.5403023058681398 0.8414709848078965"},
    {"rope", "f32[1,4] 1 0 1 0; i32[1] 2", "theta=4",
     "f32[1,4] -0.4161468365471424 0.9092974268256817 0.5403023058681398 0.8414709848078965"},
    {"rope", "f32[1,4] 1 1 0 0; i32[1] 2", "theta=4 interleaved=0",
     "f32[1,4] -0.4161468365471424 0.5403023058681398 0.9092974268256817 0.8414709848078965"},
    {"rope", "f32[1,2] 0.5403023058681398 0.8414709848078965; i32[1] 1", "inverse=1",
     "f32[1,2] 1 0"},
    /* q.k is 0 for every key: the rows are plain means of what they see. */
    {"attention", "f32[1,1,2,1] 0; f32[1,1,2,1] 1; f32[1,1,2,2] 1 10 3 30", "",
     "f32[1,1,2,2] 2 20 2 20"},
    {"attention", "f32[1,1,2,1] 0; f32[1,1,2,1] 1; f32[1,1,2,2] 1 10 3 30", "causal=1",
     "f32[1,1,2,2] 1 10 2 20"},
    {"attention", "f32[1,1,1,1] 0; f32[1,1,3,1] 1; f32[1,1,3,1] 1 3 5", "causal=1",
     "f32[1,1,1,1] 3"},
    {"attention", "f32[1,1,2,1] 0; f32[1,1,3,1] 1; f32[1,1,3,1] 1 3 5; i32[2] 9 0", "",
     "f32[1,1,2,1] 3 1"},
    /* Heads 0 and 1 read key head 0, heads 2 and 3 key head 1. */
    {"attention", "f32[1,4,1,1] 0; f32[1,2,1,1] 1; f32[1,2,1,1] 5 7", "", "f32[1,4,1,1] 5 5 7 7"},
    /* exp(2 * 1 * ln 3 / 2) : exp(0) = 3 : 1 */
    {"attention",
     "f32[1,1,1,4] 2 0 0 0; f32[1,1,2,4] 1.0986122886681098 0 0 0 0 0 0 0; "
     "f32[1,1,2,1] 4 8",
     "", "f32[1,1,1,1] 5"},
    {"attention", "f32[1,1,1,1] 1; f32[1,1,2,1] 1.0986122886681098 0; f32[1,1,2,1] 4 8", "scale=2",
     "f32[1,1,1,1] 4.4"},
    /* Masks: keys hidden, log 3 added to one, all hidden, one hidden beside causal. */
    {"attention", "f32[1,1,2,1] 0; f32[1,1,3,1] 1; f32[1,1,3,1] 1 3 5; bool[1,1,2,3] 1 0 1 0 1 0",
     "", "f32[1,1,2,1] 3 3"},
    {"attention",
     "f32[1,1,1,1] 0; f32[1,1,2,1] 1; f32[1,1,2,1] 4 8; f32[1,1,1,2] 1.0986122886681098 0", "",
     "f32[1,1,1,1] 5"},
    {"attention", "f32[1,1,1,1] 0; f32[1,1,2,1] 1; f32[1,1,2,1] 4 8; bool[1,1,1,1] 0", "",
     "f32[1,1,1,1] 6"},
    {"attention", "f32[1,1,2,1] 0; f32[1,1,3,1] 1; f32[1,1,3,1] 1 3 5; bool[1,1,1,3] 0 1 1",
     "causal=1", "f32[1,1,2,1] 3 4"},
    {"cross_entropy", "f32[2,2] 0 1.0986122886681098 5 5; i32[2] 1 0", "",
     "f32[] 0.4904146265058631"},
    {"cross_entropy", "f32[2,2] 0 1.0986122886681098 5 5; i32[2] -100 0", "",
     "f32[] 0.6931471805599453"},
    {"cross_entropy", "f32[1,2] 1 2; i32[1] -1", "", "f32[] 0"},
    /* Gates are open (1000) or shut (-1000): c = c + 1, h = tanh(c); then c = c of before. */
    {"lstm",
     "f32[2,1,1] 1 0; f32[1,1] 0; f32[1,1] 1; f32[4,1] 2000 0 0 1000; f32[4,1] 0 0 0 0; "
     "f32[4] -1000 1000 1000 0",
     "",
     "f32[2,1,1] 0.9640275800758169 0.9640275800758169; f32[1,1] 0.9640275800758169; f32[1,1] 2"},
    {"lstm",
     "f32[2,1,1] 1 0; f32[1,1] 0; f32[1,1] 0; f32[4,1] 2000 0 0 1000; f32[4,1] 0 0 0 0; "
     "f32[4] -1000 1000 1000 0",
     "reverse=1", "f32[2,1,1] 0.7615941559557649 0; f32[1,1] 0.7615941559557649; f32[1,1] 1"},
    /* All gates half open, z = tanh(h). */
    {"lstm", "f32[1,1,1] 5; f32[1,1] 1; f32[1,1] 2; f32[4,1] 0; f32[4,1] 0 0 0 1", "",
     "f32[1,1,1] 0.4405648141721129; f32[1,1] 0.4405648141721129; f32[1,1] 1.3807970779778824"},
    {"quantize", "f32[6] 1 -1 0.75 0.25 1000 nan; f32[] 0.5", "", "i8[6] 2 -2 2 0 127 0"},
    {"quantize", "f32[1,4] 1 2 3 -4; f32[1,2] 0.5 1; u8[1,1] 3", "dtype=u8", "u8[1,4] 5 7 6 0"},
    {"dequantize", "u8[2,2] 1 2 3 4; f32[2,1] 0.5 10; u8[] 2", "", "f32[2,2] -0.5 0 10 20"},
    {"dequantize", "i8[4] 1 2 3 -4; f32[2] 0.5 1; f32[] 0.5", "", "f32[4] 0.25 0.75 2.5 -4.5"},
};

/* Every result is rounded once to its dtype; inputs are too. */
static const example rounded[] = {
    {"identity", "f32[2] 0.1 1e-46", "", "f32[2] 0.100000001490116119384765625 0"},
    {"identity", "f16[3] 0.1 65519.99 65520", "", "f16[3] 0.0999755859375 65504 inf"},
    {"identity", "bf16[2] 0.1 1e39", "", "bf16[2] 0.10009765625 inf"},
    {"identity", "i32[2] 1.9 -3e9", "", "i32[2] 1 -2147483648"},
    {"add", "f16[2] 2048 2048; f16[2] 1 3", "", "f16[2] 2048 2052"},
    {"add", "f32[1] 16777216; f32[1] 1", "", "f32[1] 16777216"},
    {"add", "i8[2] 100 -100; i8[2] 100 -100", "", "i8[2] 127 -128"},
    {"mul", "u8[1] 20; u8[1] 20", "", "u8[1] 255"},
    {"exp", "f16[1] 12", "", "f16[1] inf"},
    {"cast", "f32[2] 0.1 70000", "dtype=f16", "f16[2] 0.0999755859375 inf"},
    /* 1 + 2^-11 + 2^-12 is above the middle, so one rounding goes up; adding in steps would not. */
    {"reduce_sum", "f16[3] 1 0.00048828125 0.000244140625", "axes=[0]", "f16[] 1.0009765625"},
    /* The middle between 1 and the next f16, a little above it, and above it by less than an f32
     * can say: rounding twice would be wrong. */
    {"cast", "f32[2] 1.00048828125 1.0004884004592896", "dtype=f16", "f16[2] 1 1.0009765625"},
    {"matmul", "f32[1,2] 4097 1; f32[2,1] 4097 -16785408", "", "f32[1,1] 1"},
    {"sigmoid", "f32[1] 1", "", "f32[1] 0.731058597564697265625"},
};

static void check_example(const example *x, orion_ir_eval_mode mode) {
    op_tensors operands = op_parse_tensors(x->operands), results = op_parse_tensors(x->results);
    orion_ir_graph *g = op_graph(x->op, &operands, x->attrs);
    op_buffers in = op_inputs(g, &operands, 1), out = op_eval(g, mode, &in);
    assert_int_equal(out.count, results.count);
    for (size_t i = 0; i < out.count; i++) {
        const op_tensor *want = &results.at[i];
        orion_ir_type type = orion_ir_value_type(g, orion_ir_graph_output(g, i));
        assert_true(orion_ir_type_equal(&type, &want->type));
        assert_int_equal(want->count, out.elements[i]);
        double tolerance = mode == ORION_IR_EVAL_EXACT ? 1e-14 : 0;
        assert_doubles_near(out.data[i], want->numbers, want->count, tolerance, tolerance);
    }
    op_buffers_free(&in);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&g);
}

static void test_exact(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(exact); i++) {
        print_message("%s %s\n", exact[i].op, exact[i].attrs);
        check_example(&exact[i], ORION_IR_EVAL_EXACT);
    }
}

static void test_rounded(void **state) {
    (void)state;
    for (size_t i = 0; i < ORN_COUNT(rounded); i++) {
        print_message("%s %s\n", rounded[i].op, rounded[i].attrs);
        check_example(&rounded[i], ORION_IR_EVAL_ROUNDED);
    }
}

/* A row for each op of the table, so that none goes without. */
static void test_every_op_has_an_example(void **state) {
    (void)state;
    for (size_t i = 0; i < orion_ir_op_count(); i++) {
        const char *name = orion_ir_op_at(i)->name;
        bool found = strcmp(name, "const") == 0; /* test_constants */
        for (size_t j = 0; j < ORN_COUNT(exact); j++) found |= strcmp(exact[j].op, name) == 0;
        if (!found) fail_msg("%s has no example", name);
    }
}

static void test_constants(void **state) {
    (void)state;
    static const double want[] = {-1.5, 0, 2.5, INFINITY};
    static const orion_ir_dtype dtypes[] = {ORION_IR_F32, ORION_IR_F16, ORION_IR_BF16};
    const int64_t dims[] = {4};
    for (size_t d = 0; d < ORN_COUNT(dtypes); d++) {
        orion_ir_builder *b;
        orion_ir_graph *g;
        unsigned char data[16];
        orion_ir_type type = orion_ir_type_make(dtypes[d], 1, dims);
        for (size_t i = 0; i < 4; i++) ir_store(dtypes[d], data, i, want[i]);
        assert_int_equal(orion_ir_builder_create("c", NULL, &b), ORION_OK);
        orion_ir_output(b, "y", orion_ir_constant(b, type, data, orion_ir_type_bytes(&type)));
        assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
        op_buffers in = {0}, out = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
        assert_doubles_near(out.data[0], want, 4, 0, 0);
        op_buffers_free(&out);
        orion_ir_graph_destroy(&g);
    }
}

/* Every float is an f16, whatever its dtype: what the same graph in f16 gives. */
static void test_half(void **state) {
    (void)state;
    static const char form[] = "oir 1\n"
                               "graph @g(%%x: %s[3], %%i: i32[3]) -> (%%y, %%i2) {\n"
                               "  %%c = const [0.1, 60000, 30] : %s[3]\n"
                               "  %%a = mul %%x, %%c : %s[3]\n"
                               "  %%b = exp %%a : %s[3]\n"
                               "  %%y = add %%b, %%x : %s[3]\n"
                               "  %%i2 = add %%i, %%i : i32[3]\n"
                               "}\n";
    static const char *const dtypes[] = {"f32", "f16"};
    op_buffers out[ORN_COUNT(dtypes)];
    for (size_t d = 0; d < ORN_COUNT(dtypes); d++) {
        const char *t = dtypes[d];
        char text[512];
        snprintf(text, sizeof text, form, t, t, t, t, t);
        orion_ir_graph *g = graph_parse(text);
        op_buffers in = op_inputs_of(g);
        memcpy(in.data[0], (double[]){1.0009765625 + 1e-4, -1, 1.5}, 3 * sizeof(double));
        memcpy(in.data[1], (double[]){1 << 20, -7, 100001}, 3 * sizeof(double));
        out[d] = op_eval(g, ORION_IR_EVAL_HALF, &in);
        if (d == 1) {
            op_buffers same = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
            assert_memory_equal(same.data[0], out[d].data[0], 3 * sizeof(double));
            op_buffers_free(&same);
        }
        op_buffers_free(&in);
        orion_ir_graph_destroy(&g);
    }
    assert_memory_equal(out[0].data[0], out[1].data[0], 3 * sizeof(double));
    assert_true(out[0].data[1][0] == 1 << 21 && out[0].data[1][2] == 200002);
    for (size_t d = 0; d < ORN_COUNT(dtypes); d++) op_buffers_free(&out[d]);
}

/* Run-time indices out of range: the operands, and what the message must say. */
static void test_bad_indices(void **state) {
    (void)state;
    static const example bad[] = {
        {"gather", "f32[3,2] 1; i32[2] 0 3", "",
         "gather: element 1 of operand 1 is 3, which is no index in [0, 3)"},
        {"gather", "f32[3] 1; i32[] -1", "", "element 0 of operand 1 is -1"},
        {"gather", "f32[3] 1; i32[] nan", "", "element 0 of operand 1 is nan"},
        {"gather", "f32[3] 1; i32[] 0.5", "", "element 0 of operand 1 is 0.5"},
        {"scatter_add", "f32[3] 1; f32[1] 1; i32[1] 3", "", "operand 2 is 3"},
        {"slice_update", "f32[3] 1; f32[2] 1; i32[1] 2", "axis=0", "no index in [0, 2)"},
        {"embedding", "i32[1] 4; f32[4,2] 1", "", "embedding: element 0 of operand 0 is 4"},
        {"cross_entropy", "f32[1,4] 1; i32[1] 4", "", "operand 1 is 4"},
        {"attention", "f32[1,1,1,2] 1; f32[1,1,1,2] 1; f32[1,1,1,2] 1; i32[1] -1", "",
         "attention: element 0 of operand 3 is -1"},
    };
    for (size_t i = 0; i < ORN_COUNT(bad); i++) {
        op_tensors operands = op_parse_tensors(bad[i].operands);
        orion_ir_graph *g = op_graph(bad[i].op, &operands, bad[i].attrs);
        op_buffers in = op_inputs(g, &operands, 1), out = op_outputs_of(g);
        orion_diag *diag;
        assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
        for (size_t j = 0; j < out.elements[0]; j++) out.data[0][j] = 7;
        assert_int_equal(
            orion_ir_eval(g, ORION_IR_EVAL_EXACT, (const double *const *)in.data, out.data, diag),
            ORION_ERROR_INVALID_ARGUMENT);
        assert_diag(diag, ORION_MESSAGE_IR_INDEX, bad[i].results);
        for (size_t j = 0; j < out.elements[0]; j++) assert_true(out.data[0][j] == 7);
        orion_diag_destroy(&diag);
        op_buffers_free(&in);
        op_buffers_free(&out);
        orion_ir_graph_destroy(&g);
    }
}

/* A chain of `length` nodes on `elements` numbers, with one unused node beside it. */
static orion_ir_graph *chain(const orion_allocator *allocator, size_t length, int64_t elements) {
    orion_ir_builder *b;
    orion_ir_graph *g;
    assert_int_equal(orion_ir_builder_create("chain", allocator, &b), ORION_OK);
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 1, &elements));
    orion_ir_output(b, "x_again", x);
    orion_ir_exp(b, x);
    for (size_t i = 0; i < length; i++) x = orion_ir_mul(b, x, x);
    orion_ir_output(b, "y", x);
    orion_ir_output(b, "y_again", x);
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    return g;
}

/* The peak does not grow with the length of a chain, inputs may be outputs, values may be twice. */
static void test_memory(void **state) {
    (void)state;
    enum { ELEMENTS = 10000, LENGTH = 50 };
    test_heap heap;
    char why[256];
    test_heap_init(&heap);
    orion_ir_graph *g = chain(&heap.allocator, LENGTH, ELEMENTS);
    size_t before = heap.live_bytes;
    op_buffers in = op_inputs_of(g);
    for (size_t i = 0; i < ELEMENTS; i++) in.data[0][i] = i % 2 == 0 ? 1 : -1;
    op_buffers out = op_eval(g, ORION_IR_EVAL_EXACT, &in);
    assert_true(out.data[0][1] == -1 && out.data[1][1] == 1 && out.data[2][1] == 1);
    assert_int_equal(heap.live_bytes, before);
    assert_in_range(heap.peak_bytes - before, ELEMENTS * sizeof(double),
                    3 * ELEMENTS * sizeof(double));
    op_buffers_free(&in);
    op_buffers_free(&out);
    orion_ir_graph_destroy(&g);
    assert_null(test_heap_check(&heap, why, sizeof why));
    test_heap_fini(&heap);
}

/* One graph for both modes: attention takes scratch memory of its own. */
static orion_status eval_oom(oom_case *oom, void *ctx) {
    const orion_ir_eval_mode *mode = ctx;
    const int64_t dims[] = {1, 1, 2, 2};
    orion_ir_builder *b;
    orion_ir_graph *g;
    double x[4] = {1, 2, 3, 4}, y[4];
    const double *in[] = {x};
    double *out[] = {y};
    assert_int_equal(orion_ir_builder_create("one", &oom->heap.allocator, &b), ORION_OK);
    orion_ir_value v = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 4, dims));
    orion_ir_value qkv[] = {v, v, v};
    orion_ir_output(b, "y", orion_ir_build(b, ORION_IR_OP_attention, qkv, 3, NULL, 0));
    assert_int_equal(orion_ir_builder_finish(&b, NULL, &g), ORION_OK);
    oom_arm(oom);
    orion_status status = orion_ir_eval(g, *mode, in, out, NULL);
    oom_disarm(oom);
    orion_ir_graph_destroy(&g);
    return status;
}

static void test_out_of_memory(void **state) {
    (void)state;
    orion_ir_eval_mode modes[] = {ORION_IR_EVAL_EXACT, ORION_IR_EVAL_ROUNDED, ORION_IR_EVAL_HALF};
    oom_loop("orion_ir_eval", eval_oom, &modes[0]);
    oom_loop("orion_ir_eval, rounded", eval_oom, &modes[1]);
    oom_loop("orion_ir_eval, half", eval_oom, &modes[2]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exact),
        cmocka_unit_test(test_rounded),
        cmocka_unit_test(test_every_op_has_an_example),
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_bad_indices),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
