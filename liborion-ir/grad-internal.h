/* SPDX-License-Identifier: MIT */
/*
 * What the parts of autodiff share: grad.c walks the graph backwards, grad-core.c and grad-model.c
 * hold the rules, one per op.
 */
#ifndef IR_GRAD_INTERNAL_H
#define IR_GRAD_INTERNAL_H

#include "emit.h"

/* A differentiation under way. Values are those of the forward graph. */
typedef struct ir_grad {
    orion_ir_builder b;  /* appends the backward nodes */
    bool *active;        /* by value id: on a path from a wanted input to the output */
    uint32_t *cotangent; /* by value id: the sum so far, perhaps in f32; 0 none */
} ir_grad;

/* One elementwise op with one operand, as its rule sees it. */
typedef struct ir_grad_point {
    orion_ir_builder *b;
    orion_ir_value x, y, g; /* operand, result, cotangent of the result */
} ir_grad_point;

/*
 * How an op passes gradients. `operands` has bit i set if operand i may receive one; 0: the op ends
 * every path (its results do not move, or are not float). One of the functions is set, or none:
 * then the op is refused when it is on a path.
 */
typedef struct ir_grad_rule {
    uint32_t operands;
    /* Elementwise, one operand: returns the cotangent of x. What it does not use of x and y need
     * not be kept until the backward pass. */
    orion_ir_value (*unary)(const ir_grad_point *p);
    /* Anything else: calls ir_grad_add for each operand that wants a cotangent. */
    void (*general)(ir_grad *c, const orion_ir_node *n);
    /* No rule of its own: replaced by other ops in the forward graph, whose results it then shares
     * with the backward graph. */
    void (*expand)(orion_ir_builder *b, const orion_ir_node *n,
                   orion_ir_value out[IR_MODEL_RESULTS_MAX]);
} ir_grad_rule;

#define IR_ALL_OPERANDS UINT32_MAX

/* The rules of the core ops and of the model ops. */
ir_grad_rule ir_grad_core(uint32_t op);
ir_grad_rule ir_grad_model(uint32_t op);
void ir_grad_conv(ir_grad *c, const orion_ir_node *n); /* of conv and conv_transpose */

/* ---- for the rules (grad.c) ---- */
/* Does operand i of n want a cotangent? */
bool ir_grad_wants(const ir_grad *c, const orion_ir_node *n, size_t i);
/* The cotangent of result i, of its type; zeros if nothing flowed there. */
orion_ir_value ir_grad_of(ir_grad *c, const orion_ir_node *n, size_t i);
/* Add v to the cotangent of operand i: summed over the axes along which the operand was broadcast,
 * and cast to its dtype. Nothing happens if the operand wants none. */
void ir_grad_add(ir_grad *c, const orion_ir_node *n, size_t i, orion_ir_value v);
/* Add `updates` to the rows `indices` of the cotangent of operand i, in place where there is one.
 */
void ir_grad_scatter(ir_grad *c, const orion_ir_node *n, size_t i, orion_ir_value updates,
                     orion_ir_value indices);

/* v, of the type of a reduction's result, with the reduced axes back as extents 1. */
orion_ir_value ir_grad_keep_axes(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value v);

#endif
