/* SPDX-License-Identifier: MIT */
/* Shape and dtype rules of the model ops. */
#include "infer-internal.h"

#include <math.h>

_Static_assert(IR_ATTR(softmax, axis) == IR_ATTR(log_softmax, axis),
               "ops that share a rule have the same schema");

orion_status ir_infer_axis_float(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    TRY(ir_axis_in(c, &c->attrs[IR_ATTR(softmax, axis)].i, c->in[0].rank));
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_clip(ir_infer_context *c) {
    double low = c->attrs[IR_ATTR(clip, low)].f, high = c->attrs[IR_ATTR(clip, high)].f;
    TRY(ir_need_float(c, 0));
    if (!(low <= high)) return ATTR_ERROR(c, "low must not be above high, and neither a NaN");
    c->out[0] = c->in[0];
    return ORION_OK;
}

orion_status ir_infer_linear(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *w = &c->in[1];
    TRY(ir_need_float(c, 0));
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(ir_need_rank_from(c, 0, 1));
    TRY(ir_need_rank(c, 1, 2));
    TRY(ir_need_dim(c, 1, 1, x->dims[x->rank - 1], "the last dim of operand 0"));
    if (c->n_in == 3) {
        TRY(ir_need_same_dtype(c, 0, 2));
        TRY(ir_need_vector(c, 2, w->dims[0], "one per row of the weight"));
    }
    c->out[0] = *x;
    c->out[0].dims[x->rank - 1] = w->dims[0];
    return ORION_OK;
}

orion_status ir_infer_embedding(ir_infer_context *c) {
    TRY(ir_need_dtype(c, 0, ORION_IR_I32));
    TRY(ir_need_float(c, 1));
    TRY(ir_need_rank(c, 1, 2));
    return ir_gathered(c, 1, 0, 0);
}

static orion_status norm(ir_infer_context *c, double epsilon) {
    const orion_ir_type *x = &c->in[0];
    TRY(ir_need_float(c, 0));
    TRY(ir_need_rank_from(c, 0, 1));
    for (size_t i = 1; i < c->n_in; i++) {
        TRY(ir_need_same_dtype(c, 0, i));
        TRY(ir_need_vector(c, i, x->dims[x->rank - 1], "one per element of the last axis"));
    }
    c->out[0] = *x;
    return ir_finite_from_zero(c, epsilon, "epsilon");
}

orion_status ir_infer_rms_norm(ir_infer_context *c) {
    return norm(c, c->attrs[IR_ATTR(rms_norm, epsilon)].f);
}

orion_status ir_infer_layer_norm(ir_infer_context *c) {
    return norm(c, c->attrs[IR_ATTR(layer_norm, epsilon)].f);
}

orion_status ir_infer_rope(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0];
    double theta = c->attrs[IR_ATTR(rope, theta)].f;
    TRY(ir_need_float(c, 0));
    TRY(ir_need_rank_from(c, 0, 2));
    if (x->dims[x->rank - 1] % 2 != 0)
        return TYPE_ERROR(c, "the last dim of operand 0 must be even");
    TRY(ir_need_dtype(c, 1, ORION_IR_I32));
    TRY(ir_need_vector(c, 1, x->dims[x->rank - 2], "one position per row"));
    if (!isfinite(theta) || theta <= 0) return ATTR_ERROR(c, "theta must be finite and positive");
    c->out[0] = *x;
    return ORION_OK;
}

/* Operand 3 broadcasts to the scores [B, H, T, S]. */
static orion_status attention_mask(ir_infer_context *c) {
    const orion_ir_type *q = &c->in[0], *mask = &c->in[3];
    const int64_t scores[] = {q->dims[0], q->dims[1], q->dims[2], c->in[1].dims[2]};
    if (mask->dtype != ORION_IR_BOOL && mask->dtype != q->dtype)
        return TYPE_ERROR(c, "operand 3, a mask, must be bool or of q's dtype");
    for (uint32_t d = 0; d < 4; d++) {
        if (mask->dims[d] == 1 || mask->dims[d] == scores[d]) continue;
        return TYPE_ERROR(c, "dim %u of operand 3, a mask, must be 1 or %lld", d,
                          (long long)scores[d]);
    }
    return ORION_OK;
}

orion_status ir_infer_attention(ir_infer_context *c) {
    const orion_ir_type *q = &c->in[0], *k = &c->in[1], *v = &c->in[2];
    bool causal = c->attrs[IR_ATTR(attention, causal)].i != 0;
    TRY(ir_need_float(c, 0));
    for (size_t i = 0; i < 3; i++) {
        TRY(ir_need_same_dtype(c, 0, i));
        TRY(ir_need_rank(c, i, 4));
    }
    TRY(ir_need_dim(c, 1, 0, q->dims[0], "the batch of q"));
    TRY(ir_need_dim(c, 2, 0, q->dims[0], "the batch of q"));
    TRY(ir_need_dim(c, 2, 1, k->dims[1], "the heads of k"));
    TRY(ir_need_dim(c, 2, 2, k->dims[2], "the keys of k"));
    TRY(ir_need_dim(c, 1, 3, q->dims[3], "the head size of q"));
    if (q->dims[1] % k->dims[1] != 0) {
        return TYPE_ERROR(c, "%lld query heads do not divide into %lld key heads",
                          (long long)q->dims[1], (long long)k->dims[1]);
    }
    if (c->n_in == 4 && c->in[3].rank == 4) {
        TRY(attention_mask(c));
    } else if (c->n_in == 4) {
        TRY(ir_need_dtype(c, 3, ORION_IR_I32));
        TRY(ir_need_vector(c, 3, q->dims[2], "one position per row of q"));
        if (causal) return ATTR_ERROR(c, "causal and a position operand exclude each other");
    }
    if (causal && k->dims[2] < q->dims[2]) {
        return TYPE_ERROR(c,
                          "causal needs at least as many keys as rows, or the first rows see none");
    }
    TRY(ir_finite_from_zero(c, c->attrs[IR_ATTR(attention, scale)].f, "scale"));
    c->out[0] = *q;
    c->out[0].dims[3] = v->dims[3];
    return ORION_OK;
}

orion_status ir_infer_cross_entropy(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    TRY(ir_need_rank(c, 0, 2));
    TRY(ir_need_dtype(c, 1, ORION_IR_I32));
    TRY(ir_need_vector(c, 1, c->in[0].dims[0], "one target per row"));
    c->out[0] = (orion_ir_type){.dtype = c->in[0].dtype};
    return ORION_OK;
}

/* ---- lstm ---- */

static orion_status need_matrix(ir_infer_context *c, size_t i, int64_t rows, int64_t columns,
                                const char *what) {
    TRY(ir_need_same_dtype(c, 0, i));
    if (c->in[i].rank == 2 && c->in[i].dims[0] == rows && c->in[i].dims[1] == columns)
        return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be [%lld,%lld], %s", i, (long long)rows,
                      (long long)columns, what);
}

orion_status ir_infer_lstm(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0];
    TRY(ir_need_float(c, 0));
    TRY(ir_need_rank(c, 0, 3));
    TRY(ir_need_rank(c, 1, 2));
    int64_t h = c->in[1].dims[1];
    TRY(need_matrix(c, 1, x->dims[1], h, "a state for each of x's batch"));
    TRY(need_matrix(c, 2, x->dims[1], h, "as operand 1"));
    TRY(need_matrix(c, 3, 4 * h, x->dims[2], "four gates of the state from x"));
    TRY(need_matrix(c, 4, 4 * h, h, "four gates of the state from the state"));
    if (c->n_in == 6) {
        TRY(ir_need_same_dtype(c, 0, 5));
        TRY(ir_need_vector(c, 5, 4 * h, "four gates of the state"));
    }
    c->out[0] = *x;
    c->out[0].dims[2] = h;
    c->out[1] = c->out[2] = c->in[1];
    return ORION_OK;
}

/* ---- quantisation ---- */

/* Operand i is one number, or one for each of equal blocks of x. */
static orion_status need_blocks(ir_infer_context *c, size_t i) {
    const orion_ir_type *x = &c->in[0], *s = &c->in[i];
    if (s->rank == 0) return ORION_OK;
    bool divides = s->rank == x->rank;
    for (uint32_t d = 0; divides && d < x->rank; d++) divides = x->dims[d] % s->dims[d] == 0;
    return divides ? ORION_OK
                   : TYPE_ERROR(c,
                                "operand %zu must have rank 0, or the rank of operand 0 and dims "
                                "that divide its dims",
                                i);
}

static bool is_quantized(uint32_t dtype) {
    return dtype != ORION_IR_BOOL && !ir_is_float(dtype);
}

orion_status ir_infer_quantize(ir_infer_context *c) {
    uint32_t dtype = (uint32_t)c->attrs[IR_ATTR(quantize, dtype)].i;
    TRY(ir_need_float(c, 0));
    TRY(ir_need_same_dtype(c, 0, 1));
    TRY(need_blocks(c, 1));
    if (!is_quantized(dtype)) return ATTR_ERROR(c, "dtype must be an integer's");
    if (c->n_in == 3) {
        TRY(ir_need_dtype(c, 2, (orion_ir_dtype)dtype));
        TRY(need_blocks(c, 2));
    }
    c->out[0] = c->in[0];
    c->out[0].dtype = dtype;
    return ORION_OK;
}

orion_status ir_infer_dequantize(ir_infer_context *c) {
    if (!is_quantized(c->in[0].dtype)) return TYPE_ERROR(c, "operand 0 must be of integers");
    TRY(ir_need_float(c, 1));
    TRY(need_blocks(c, 1));
    if (c->n_in == 3) {
        if (c->in[2].dtype != c->in[1].dtype) TRY(ir_need_same_dtype(c, 0, 2));
        TRY(need_blocks(c, 2));
    }
    c->out[0] = c->in[0];
    c->out[0].dtype = c->in[1].dtype;
    return ORION_OK;
}
