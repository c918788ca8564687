/* SPDX-License-Identifier: MIT */
/*
 * Gradients of convolutions.
 *
 * A convolution and its adjoint are the two directions of one linear map between a big side [N, C,
 * S..] and a small side [N, O, T..], with one weight [O, C/groups, K..]. So the gradient of the
 * operand is the other of the two ops. The gradient of the weight is a third contraction of the
 * same triple: for each pair of channels, a correlation of the big side with the small side as its
 * window. That is a convolution whose batch is the channels of a big group, whose channels are the
 * samples, and in which stride and dilation have changed places.
 *
 * The windows may leave elements at the end of the big side over. Then both gradients work on the
 * part that the windows cover, paddings included, which is cut out or filled up beforehand or
 * afterwards.
 */
#include "grad-internal.h"

typedef struct geometry {
    orion_ir_value big, small, weight;
    orion_ir_type big_type, small_type, weight_type;
    uint32_t axes; /* spatial */
    int64_t groups;
    const int64_t *stride, *before, *dilation;
    int64_t covered[2]; /* by the windows, from `before` on in front of the big side */
    int64_t after[2];   /* what padding behind it they reach; negative: what they leave over */
    bool leftover;
} geometry;

static geometry geometry_of(orion_ir_builder *b, const orion_ir_node *n, orion_ir_value g) {
    bool forward = n->op == ORION_IR_OP_conv;
    geometry s = {.big = forward ? ir_operand(n, 0) : g,
                  .small = forward ? g : ir_operand(n, 0),
                  .weight = ir_operand(n, 1),
                  .groups = n->attrs[IR_ATTR(conv, groups)].i,
                  .stride = n->attrs[IR_ATTR(conv, stride)].ints,
                  .before = n->attrs[IR_ATTR(conv, before)].ints,
                  .dilation = n->attrs[IR_ATTR(conv, dilation)].ints};
    s.big_type = ir_type_of(b, s.big);
    s.small_type = ir_type_of(b, s.small);
    s.weight_type = ir_type_of(b, s.weight);
    s.axes = s.weight_type.rank == 0 ? 0 : s.weight_type.rank - 2;
    for (uint32_t i = 0; i < s.axes; i++) {
        s.covered[i] = (s.small_type.dims[i + 2] - 1) * s.stride[i] +
                       s.dilation[i] * (s.weight_type.dims[i + 2] - 1) + 1;
        s.after[i] = s.covered[i] - s.before[i] - s.big_type.dims[i + 2];
        s.leftover |= s.after[i] < 0;
    }
    return s;
}

static const int64_t none[2] = {0, 0};

static orion_ir_value convolve(orion_ir_builder *b, orion_ir_op op, orion_ir_value x,
                               orion_ir_value w, const geometry *s, const int64_t *stride,
                               const int64_t *dilation) {
    orion_ir_value in[] = {x, w};
    orion_ir_attr attrs[] = {orion_ir_attr_ints("stride", stride, s->axes),
                             orion_ir_attr_ints("before", s->leftover ? none : s->before, s->axes),
                             orion_ir_attr_ints("after", s->leftover ? none : s->after, s->axes),
                             orion_ir_attr_ints("dilation", dilation, s->axes),
                             orion_ir_attr_int("groups", s->groups)};
    return orion_ir_build(b, op, in, 2, attrs, ORN_COUNT(attrs));
}

/* [N, C, S..] with the spatial axes padded in front and behind, then cut to [begin, begin + size).
 */
static orion_ir_value pad_and_cut(orion_ir_builder *b, orion_ir_value x, const int64_t *front,
                                  const int64_t *begin, const int64_t *size, uint32_t axes) {
    orion_ir_type type = ir_type_of(b, x);
    int64_t before[4] = {0}, after[4] = {0}, from[4] = {0}, dims[4] = {type.dims[0], type.dims[1]};
    for (uint32_t i = 0; i < axes; i++) {
        int64_t behind = begin[i] + size[i] - front[i] - type.dims[i + 2];
        before[i + 2] = front[i];
        after[i + 2] = ORN_MAX(behind, 0);
        from[i + 2] = begin[i];
        dims[i + 2] = size[i];
    }
    return ir_cut_out(b, ir_surround(b, x, before, after, axes + 2), from, dims, axes + 2);
}

/* From the small side to the big one. */
static orion_ir_value spread(orion_ir_builder *b, const geometry *s, orion_ir_value small) {
    orion_ir_value y =
        convolve(b, ORION_IR_OP_conv_transpose, small, s->weight, s, s->stride, s->dilation);
    if (!s->leftover) return y;
    return pad_and_cut(b, y, none, s->before, s->big_type.dims + 2, s->axes);
}

static orion_ir_value transpose(orion_ir_builder *b, orion_ir_value x, const int64_t *perm,
                                uint32_t leading, uint32_t axes) {
    int64_t all[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < leading + axes; i++) all[i] = i < leading ? perm[i] : i;
    return orion_ir_transpose(b, x, all, leading + axes);
}

/* [O, C/groups, K..] */
static orion_ir_value weight_gradient(orion_ir_builder *b, const geometry *s) {
    static const int64_t exchange[] = {1, 0}, group_last[] = {2, 1, 0};
    orion_ir_value big = s->big;
    orion_ir_type type = s->big_type;
    if (s->leftover) {
        big = pad_and_cut(b, big, s->before, none, s->covered, s->axes);
        for (uint32_t i = 0; i < s->axes; i++) type.dims[i + 2] = s->covered[i];
    }
    int64_t n = type.dims[0], c = type.dims[1], group = c / s->groups;
    int64_t dims[5] = {n, s->groups, group, type.dims[2], type.dims[3]};
    big = ir_reshape_to(b, big, dims, s->axes + 3);
    big = transpose(b, big, group_last, 3, s->axes);
    int64_t samples[4] = {group, s->groups * n, type.dims[2], type.dims[3]};
    big = ir_reshape_to(b, big, samples, s->axes + 2);
    orion_ir_value small = transpose(b, s->small, exchange, 2, s->axes);
    orion_ir_value y = convolve(b, ORION_IR_OP_conv, big, small, s, s->dilation, s->stride);
    return transpose(b, y, exchange, 2, s->axes);
}

void ir_grad_conv(ir_grad *c, const orion_ir_node *n) {
    orion_ir_builder *b = &c->b;
    orion_ir_value g = ir_grad_of(c, n, 0);
    bool forward = n->op == ORION_IR_OP_conv;
    geometry s = geometry_of(b, n, g);
    if (ir_grad_wants(c, n, 0)) {
        ir_grad_add(c, n, 0,
                    forward ? spread(b, &s, g)
                            : convolve(b, ORION_IR_OP_conv, g, s.weight, &s, s.stride, s.dilation));
    }
    if (ir_grad_wants(c, n, 1)) ir_grad_add(c, n, 1, weight_gradient(b, &s));
    if (n->n_in != 3 || !ir_grad_wants(c, n, 2)) return;
    static const int64_t but_channels[] = {0, 2, 3};
    ir_grad_add(c, n, 2, orion_ir_reduce_sum(b, g, but_channels, s.axes + 1, 0));
}
