/* SPDX-License-Identifier: MIT */
/* Shape and dtype rules of the ops that slide a window along spatial axes. */
#include "infer-internal.h"

_Static_assert(IR_ATTR(conv, stride) == IR_ATTR(conv_transpose, stride) &&
                   IR_ATTR(conv, before) == IR_ATTR(conv_transpose, before) &&
                   IR_ATTR(conv, after) == IR_ATTR(conv_transpose, after) &&
                   IR_ATTR(conv, dilation) == IR_ATTR(conv_transpose, dilation) &&
                   IR_ATTR(conv, groups) == IR_ATTR(conv_transpose, groups),
               "ops that share a rule have the same schema");
_Static_assert(IR_ATTR(max_pool, window) == IR_ATTR(avg_pool, window) &&
                   IR_ATTR(max_pool, stride) == IR_ATTR(avg_pool, stride) &&
                   IR_ATTR(max_pool, before) == IR_ATTR(avg_pool, before) &&
                   IR_ATTR(max_pool, after) == IR_ATTR(avg_pool, after),
               "ops that share a rule have the same schema");

/* A list with an entry per spatial axis, of at least `least`; [] becomes `least` everywhere. */
static orion_status spatial_list(ir_infer_context *c, int at, int64_t least) {
    ir_attr *attr = &c->attrs[at];
    uint32_t axes = c->in[0].rank - 2;
    if (attr->count != 0) return ir_list_of(c, attr, ir_op_attrs(c->op)[at].name, axes, least);
    int64_t all[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < axes; i++) all[i] = least;
    return ir_set_ints(c, attr, all, axes);
}

/* x and weight of one rank, 3 or 4, and the attributes; bias, if there is one, of `channels`. */
static orion_status conv_operands(ir_infer_context *c) {
    TRY(ir_need_float(c, 0));
    for (size_t i = 1; i < c->n_in; i++) TRY(ir_need_same_dtype(c, 0, i));
    if (c->in[0].rank != 3 && c->in[0].rank != 4)
        return TYPE_ERROR(c, "operand 0 must have rank 3 or 4");
    TRY(ir_need_rank(c, 1, c->in[0].rank));
    TRY(spatial_list(c, IR_ATTR(conv, stride), 1));
    TRY(spatial_list(c, IR_ATTR(conv, before), 0));
    TRY(spatial_list(c, IR_ATTR(conv, after), 0));
    return spatial_list(c, IR_ATTR(conv, dilation), 1);
}

/* groups divides the channels, of x or of the result. */
static orion_status divides(ir_infer_context *c, int64_t channels, const char *whose) {
    int64_t groups = c->attrs[IR_ATTR(conv, groups)].i;
    if (groups >= 1 && channels % groups == 0) return ORION_OK;
    return ATTR_ERROR(c, "groups is %lld, which does not divide the %lld channels of %s",
                      (long long)groups, (long long)channels, whose);
}

static int64_t entry(const ir_infer_context *c, int at, uint32_t axis) {
    return c->attrs[at].ints[axis];
}

/* Elements that a window covers, gaps included. */
static int64_t window(const ir_infer_context *c, uint32_t axis) {
    return entry(c, IR_ATTR(conv, dilation), axis) * (c->in[1].dims[axis + 2] - 1) + 1;
}

orion_status ir_infer_conv(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *w = &c->in[1];
    TRY(conv_operands(c));
    TRY(divides(c, x->dims[1], "x"));
    TRY(divides(c, w->dims[0], "the result"));
    TRY(ir_need_dim(c, 1, 1, x->dims[1] / c->attrs[IR_ATTR(conv, groups)].i,
                    "the channels of one group of x"));
    if (c->n_in == 3) TRY(ir_need_vector(c, 2, w->dims[0], "one per channel of the result"));
    c->out[0] = *x;
    c->out[0].dims[1] = w->dims[0];
    for (uint32_t i = 0; i + 2 < x->rank; i++) {
        int64_t padded =
            x->dims[i + 2] + entry(c, IR_ATTR(conv, before), i) + entry(c, IR_ATTR(conv, after), i);
        if (padded < window(c, i)) {
            return TYPE_ERROR(c, "on spatial axis %u the window covers %lld, x has %lld", i,
                              (long long)window(c, i), (long long)padded);
        }
        c->out[0].dims[i + 2] = (padded - window(c, i)) / entry(c, IR_ATTR(conv, stride), i) + 1;
    }
    return ORION_OK;
}

orion_status ir_infer_conv_transpose(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0], *w = &c->in[1];
    TRY(conv_operands(c));
    TRY(divides(c, x->dims[1], "x"));
    TRY(ir_need_dim(c, 1, 0, x->dims[1], "the channels of x"));
    c->out[0] = *x;
    c->out[0].dims[1] = w->dims[1] * c->attrs[IR_ATTR(conv, groups)].i; /* both < 2^31 */
    if (c->n_in == 3) {
        TRY(ir_need_vector(c, 2, c->out[0].dims[1], "one per channel of the result"));
    }
    for (uint32_t i = 0; i + 2 < x->rank; i++) {
        int64_t full = (x->dims[i + 2] - 1) * entry(c, IR_ATTR(conv, stride), i) + window(c, i);
        int64_t cut = entry(c, IR_ATTR(conv, before), i) + entry(c, IR_ATTR(conv, after), i);
        if (full <= cut) {
            return ATTR_ERROR(c, "on spatial axis %u before and after leave nothing of %lld", i,
                              (long long)full);
        }
        c->out[0].dims[i + 2] = full - cut;
    }
    return ORION_OK;
}

orion_status ir_infer_pool(ir_infer_context *c) {
    const orion_ir_type *x = &c->in[0];
    TRY(ir_need_float(c, 0));
    if (x->rank != 3 && x->rank != 4) return TYPE_ERROR(c, "operand 0 must have rank 3 or 4");
    TRY(ir_list_of(c, &c->attrs[IR_ATTR(max_pool, window)], "window", x->rank - 2, 1));
    TRY(spatial_list(c, IR_ATTR(max_pool, stride), 1));
    TRY(spatial_list(c, IR_ATTR(max_pool, before), 0));
    TRY(spatial_list(c, IR_ATTR(max_pool, after), 0));
    c->out[0] = *x;
    for (uint32_t i = 0; i + 2 < x->rank; i++) {
        int64_t size = entry(c, IR_ATTR(max_pool, window), i);
        int64_t stride = entry(c, IR_ATTR(max_pool, stride), i);
        int64_t front = entry(c, IR_ATTR(max_pool, before), i) + x->dims[i + 2];
        int64_t padded = front + entry(c, IR_ATTR(max_pool, after), i);
        if (padded < size || padded > INT32_MAX) {
            return TYPE_ERROR(c, "on spatial axis %u the window covers %lld, x has %lld", i,
                              (long long)size, (long long)padded);
        }
        int64_t windows = (padded - size) / stride + 1;
        if (entry(c, IR_ATTR(max_pool, before), i) >= size || (windows - 1) * stride >= front)
            return ATTR_ERROR(c, "on spatial axis %u a window lies outside x", i);
        c->out[0].dims[i + 2] = windows;
    }
    return ORION_OK;
}
