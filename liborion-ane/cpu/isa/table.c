/* SPDX-License-Identifier: MIT */
/* The table of one instruction set. */
#include "table.h"

#define CPU_TEXT_(x) #x
#define CPU_TEXT(x)  CPU_TEXT_(x)

const cpu_kernels CPU_FN(kernels) = {
    .name = CPU_TEXT(CPU_SUFFIX),
    .gemm_pack_bytes = CPU_FN(gemm_pack_bytes),
    .gemm_pack = CPU_FN(gemm_pack),
    .gemm_scratch = CPU_FN(gemm_scratch),
    .gemm = CPU_FN(gemm),
    .chain = CPU_FN(chain),
    .reduce_scratch = CPU_FN(reduce_scratch),
    .reduce = CPU_FN(reduce),
    .softmax = CPU_FN(softmax),
    .log_sum_exp = CPU_FN(log_sum_exp),
    .arg = CPU_FN(arg),
    .rms_norm = CPU_FN(rms_norm),
    .layer_norm = CPU_FN(layer_norm),
    .rope_table = CPU_FN(rope_table),
    .rope = CPU_FN(rope),
    .attention_scratch = CPU_FN(attention_scratch),
    .attention = CPU_FN(attention),
    .cross_entropy = CPU_FN(cross_entropy),
    .gather = cpu_gather_rows,
    .scatter_add = CPU_FN(scatter_add),
    .slice_update = cpu_update_slice,
    .copy = CPU_FN(copy),
    .convert = CPU_FN(convert),
    .lanes_load = CPU_FN(lanes_load),
    .lanes_store = CPU_FN(lanes_store),
};
