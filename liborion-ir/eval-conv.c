/* SPDX-License-Identifier: MIT */
/* The reference interpreter's convolutions: every product, one by one. */
#include "eval-internal.h"

typedef struct conv {
    int64_t batch, big, small, groups; /* channels of the two sides */
    int64_t big_size[2], small_size[2], kernel[2];
    int64_t stride[2], before[2], dilation[2];
} conv;

/*
 * A convolution reads `big` [batch, big, ..] through windows and makes `small` [batch, small, ..];
 * its adjoint goes the other way. The weight is [small, big/groups, ..] for both. A spatial axis
 * that is not there has extent 1 and stands first.
 */
static conv conv_of(const ir_eval *e) {
    bool forward = e->node->op == ORION_IR_OP_conv;
    const orion_ir_type *x = ir_eval_in_type(e, 0), *y = ir_eval_out_type(e, 0);
    const orion_ir_type *big = forward ? x : y, *small = forward ? y : x;
    const orion_ir_type *w = ir_eval_in_type(e, 1);
    const ir_attr *attrs = e->node->attrs;
    conv c = {.batch = big->dims[0],
              .big = big->dims[1],
              .small = small->dims[1],
              .groups = attrs[IR_ATTR(conv, groups)].i,
              .big_size = {1, 1},
              .small_size = {1, 1},
              .kernel = {1, 1},
              .stride = {1, 1},
              .dilation = {1, 1}};
    for (uint32_t i = 0; i + 2 < x->rank; i++) {
        uint32_t to = i + 4 - x->rank;
        c.big_size[to] = big->dims[i + 2];
        c.small_size[to] = small->dims[i + 2];
        c.kernel[to] = w->dims[i + 2];
        c.stride[to] = attrs[IR_ATTR(conv, stride)].ints[i];
        c.before[to] = attrs[IR_ATTR(conv, before)].ints[i];
        c.dilation[to] = attrs[IR_ATTR(conv, dilation)].ints[i];
    }
    return c;
}

/* Where element (k0, k1) of window (t0, t1) lies in a channel of the big side; -1: in the padding.
 */
static int64_t place(const conv *c, int64_t t0, int64_t t1, int64_t k0, int64_t k1) {
    int64_t s0 = t0 * c->stride[0] + k0 * c->dilation[0] - c->before[0];
    int64_t s1 = t1 * c->stride[1] + k1 * c->dilation[1] - c->before[1];
    bool inside = s0 >= 0 && s0 < c->big_size[0] && s1 >= 0 && s1 < c->big_size[1];
    return inside ? s0 * c->big_size[1] + s1 : -1;
}

/* All products of one channel of each side: y += w x, from big to small or from small to big. */
static void pair(const conv *c, const double *w, const double *x, double *y, bool forward) {
    for (int64_t t0 = 0; t0 < c->small_size[0]; t0++) {
        for (int64_t t1 = 0; t1 < c->small_size[1]; t1++) {
            int64_t small = t0 * c->small_size[1] + t1;
            for (int64_t k0 = 0; k0 < c->kernel[0]; k0++) {
                for (int64_t k1 = 0; k1 < c->kernel[1]; k1++) {
                    int64_t big = place(c, t0, t1, k0, k1);
                    if (big < 0) continue;
                    double weight = w[k0 * c->kernel[1] + k1];
                    y[forward ? small : big] += weight * x[forward ? big : small];
                }
            }
        }
    }
}

static void fill_with_bias(ir_eval *e) {
    const orion_ir_type *y = ir_eval_out_type(e, 0);
    ir_eval_lines lines = ir_eval_lines_of(y, 1);
    int64_t count = orion_ir_type_elements(y);
    for (int64_t i = 0; i < count; i++) {
        ir_eval_out(e, 0)[i] = e->node->n_in == 3 ? ir_eval_in(e, 2)[i / lines.inner % lines.n] : 0;
    }
}

orion_status ir_eval_conv(ir_eval *e) {
    bool forward = e->node->op == ORION_IR_OP_conv;
    conv c = conv_of(e);
    int64_t big_group = c.big / c.groups, small_group = c.small / c.groups;
    int64_t big_plane = c.big_size[0] * c.big_size[1];
    int64_t small_plane = c.small_size[0] * c.small_size[1];
    int64_t taps = c.kernel[0] * c.kernel[1];
    fill_with_bias(e);
    for (int64_t n = 0; n < c.batch; n++) {
        for (int64_t s = 0; s < c.small; s++) {
            int64_t small = (n * c.small + s) * small_plane;
            for (int64_t i = 0; i < big_group; i++) {
                int64_t big = (n * c.big + s / small_group * big_group + i) * big_plane;
                pair(&c, ir_eval_in(e, 1) + (s * big_group + i) * taps,
                     ir_eval_in(e, 0) + (forward ? big : small),
                     ir_eval_out(e, 0) + (forward ? small : big), forward);
            }
        }
    }
    return ORION_OK;
}
