/* SPDX-License-Identifier: MIT */
/* The reference interpreter's pooling: what lies in each window, one by one. */
#include "eval-internal.h"

#include <math.h>

/* One spatial axis; one that is not there has extent 1. */
typedef struct axis {
    int64_t size, windows, window, stride, before;
} axis;

static axis axis_of(const ir_eval *e, uint32_t i) {
    const ir_attr *attrs = e->node->attrs;
    const orion_ir_type *x = ir_eval_in_type(e, 0);
    if (i + 2 >= x->rank) return (axis){1, 1, 1, 1, 0};
    return (axis){x->dims[i + 2], ir_eval_out_type(e, 0)->dims[i + 2],
                  attrs[IR_ATTR(max_pool, window)].ints[i],
                  attrs[IR_ATTR(max_pool, stride)].ints[i],
                  attrs[IR_ATTR(max_pool, before)].ints[i]};
}

/* The part [begin, end) of window t that lies in x. */
typedef struct range {
    int64_t begin, end;
} range;

static range inside(const axis *a, int64_t t) {
    int64_t begin = t * a->stride - a->before;
    return (range){ORN_MAX(begin, 0), ORN_MIN(begin + a->window, a->size)};
}

static double largest(const double *x, int64_t row, range s, range t) {
    double max = -INFINITY;
    for (int64_t i = s.begin; i < s.end; i++) {
        for (int64_t j = t.begin; j < t.end; j++) {
            double v = x[i * row + j];
            if (isnan(v) || v > max) max = v;
            if (isnan(max)) return max;
        }
    }
    return max;
}

static double total(const double *x, int64_t row, range s, range t) {
    double sum = 0;
    for (int64_t i = s.begin; i < s.end; i++) {
        for (int64_t j = t.begin; j < t.end; j++) sum += x[i * row + j];
    }
    return sum;
}

static double count(range r) {
    return (double)(r.end - r.begin);
}

orion_status ir_eval_pool(ir_eval *e) {
    bool mean = e->node->op == ORION_IR_OP_avg_pool;
    bool exclude = mean && e->node->attrs[IR_ATTR(avg_pool, exclude_padding)].i != 0;
    const orion_ir_type *type = ir_eval_in_type(e, 0);
    const axis a = axis_of(e, 0), b = axis_of(e, 1);
    const double *x = ir_eval_in(e, 0), all = (double)a.window * (double)b.window;
    double *y = ir_eval_out(e, 0);
    for (int64_t plane = 0; plane < type->dims[0] * type->dims[1]; plane++) {
        for (int64_t s = 0; s < a.windows; s++) {
            for (int64_t t = 0; t < b.windows; t++, y++) {
                range rows = inside(&a, s), columns = inside(&b, t);
                *y = mean ? total(x, b.size, rows, columns) /
                                (exclude ? count(rows) * count(columns) : all)
                          : largest(x, b.size, rows, columns);
            }
        }
        x += a.size * b.size;
    }
    return ORION_OK;
}
