/* SPDX-License-Identifier: MIT */
/* The kernels of one instruction set, by their names in `cpu_kernels`; cpu.h says what they do. */
#ifndef CPU_TABLE_H
#define CPU_TABLE_H

#include "kernels.h"

/* gemm.c */
size_t CPU_FN(gemm_pack_bytes)(int64_t n, int64_t k);
void CPU_FN(gemm_pack)(cpu_pool *pool, int64_t n, int64_t k, const float *b, int64_t ldb,
                       bool trans_b, float *packed);
size_t CPU_FN(gemm_scratch)(const cpu_gemm *g, size_t workers);
void CPU_FN(gemm)(cpu_pool *pool, const cpu_gemm *g, const float *a, const float *b,
                  const float *bias, float *c, void *scratch);
/* chain.c */
void CPU_FN(chain)(cpu_pool *pool, const cpu_chain *chain, void *const *data);
void CPU_FN(convert)(cpu_pool *pool, size_t count, orion_ir_dtype from, const void *src,
                     orion_ir_dtype to, void *dst);
/* lanes.c */
void CPU_FN(lanes_load)(orion_ir_dtype dtype, int64_t n, const void *from, int64_t stride,
                        void *lanes);
void CPU_FN(lanes_store)(orion_ir_dtype dtype, int64_t n, const void *lanes, void *to,
                         int64_t stride);
/* reduce.c */
size_t CPU_FN(reduce_scratch)(const cpu_reduce *r);
void CPU_FN(reduce)(cpu_pool *pool, const cpu_reduce *r, const void *x, void *y, void *scratch);
void CPU_FN(arg)(cpu_pool *pool, const cpu_arg *a, const void *x, int32_t *y);
/* softmax.c */
void CPU_FN(log_sum_exp)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y);
void CPU_FN(softmax)(cpu_pool *pool, const cpu_softmax *s, const float *x, float *y);
int64_t CPU_FN(cross_entropy)(cpu_pool *pool, int64_t rows, int64_t classes, const float *logits,
                              const int32_t *targets, float *loss, float *scratch);
/* norm.c */
void CPU_FN(rms_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                      float *y);
void CPU_FN(layer_norm)(cpu_pool *pool, const cpu_norm *n, const float *x, const float *gamma,
                        const float *beta, float *y);
/* rope.c */
void CPU_FN(rope_table)(cpu_pool *pool, int64_t rows, int64_t half, const double *frequencies,
                        const int32_t *position, float *table);
void CPU_FN(rope)(cpu_pool *pool, const cpu_rope *r, const float *x, const float *table, float *y);
/* attention.c */
size_t CPU_FN(attention_scratch)(const cpu_attention *a, size_t workers);
int64_t CPU_FN(attention)(cpu_pool *pool, const cpu_attention *a, const float *q, const float *k,
                          const float *v, const int32_t *position, float *y, void *scratch);
/* move.c */
int64_t CPU_FN(scatter_add)(cpu_pool *pool, const cpu_scatter_add *s, const float *x,
                            const float *updates, const int32_t *indices, float *y);
void CPU_FN(copy)(cpu_pool *pool, const cpu_copy *c, const void *src, void *dst);

#endif
