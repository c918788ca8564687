/* SPDX-License-Identifier: MIT */
/*
 * Cast fusion: a cast of a cast becomes one cast where the first loses nothing, and a cast to the
 * dtype that a value has already is removed.
 *
 * Needs:  a valid graph.
 * Keeps:  every value, bit for bit. f32 -> f16 -> f32 rounds and stays; f16 -> f32 -> f16 goes.
 *
 * If every number of dtype A is a number of dtype B, then A -> B -> C starts from the number that
 * A -> C starts from, and every cast rounds once from the number it starts from.
 */
#include "ir-internal.h"

/* Is every number of `from` also one of `to`? */
static bool is_lossless(uint32_t from, uint32_t to) {
#define IN(dtype) (1u << (dtype))
    static const uint32_t holds[] = {
        [ORION_IR_F32] = IN(ORION_IR_F32),
        [ORION_IR_F16] = IN(ORION_IR_F16) | IN(ORION_IR_F32),
        [ORION_IR_BF16] = IN(ORION_IR_BF16) | IN(ORION_IR_F32),
        [ORION_IR_I32] = IN(ORION_IR_I32),
        [ORION_IR_U16] = IN(ORION_IR_U16) | IN(ORION_IR_I32) | IN(ORION_IR_F32),
        /* Integers are exact up to 2^11 in f16 and up to 2^8 in bf16. */
        [ORION_IR_U8] = IN(ORION_IR_U8) | IN(ORION_IR_U16) | IN(ORION_IR_I32) | IN(ORION_IR_F32) |
                        IN(ORION_IR_F16) | IN(ORION_IR_BF16),
        [ORION_IR_I8] = IN(ORION_IR_I8) | IN(ORION_IR_I32) | IN(ORION_IR_F32) | IN(ORION_IR_F16) |
                        IN(ORION_IR_BF16),
        [ORION_IR_BOOL] = ~0u,
    };
#undef IN
    return (holds[from] >> to & 1) != 0;
}

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    const orion_ir_graph *g = s->g;
    if (n->op != ORION_IR_OP_cast) return ORION_OK;
    /* The inner cast has been visited, so there is at most one to skip. */
    const orion_ir_node *inner = ir_def(g, n->in[0]);
    if (inner != NULL && inner->op == ORION_IR_OP_cast &&
        is_lossless(ir_val(g, inner->in[0])->type.dtype, ir_val(g, inner->out)->type.dtype)) {
        n->in[0] = inner->in[0];
        s->changed = true;
    }
    if (ir_val(g, n->in[0])->type.dtype != ir_val(g, n->out)->type.dtype) return ORION_OK;
    return ir_sweep_replace(s, n->out, n->in[0]);
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    return ir_sweep_graph(g, visit, NULL, changed);
}

const ir_pass ir_pass_cast = {
    .name = "cast",
    .doc = "join casts of casts where the first loses nothing; remove casts that change nothing",
    .shrinks = true,
    .run = run,
};
