/* SPDX-License-Identifier: MIT */
/* Decompositions of single ops, which ir_decompose (decompose.c) chooses from. */
#ifndef IR_DECOMPOSE_H
#define IR_DECOMPOSE_H

#include "emit.h"

orion_ir_value ir_decompose_max_pool(orion_ir_builder *b, const orion_ir_node *n);
orion_ir_value ir_decompose_avg_pool(orion_ir_builder *b, const orion_ir_node *n);
orion_ir_value ir_decompose_quantize(orion_ir_builder *b, const orion_ir_node *n);
orion_ir_value ir_decompose_dequantize(orion_ir_builder *b, const orion_ir_node *n);
void ir_decompose_lstm(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value out[3]);

#endif
