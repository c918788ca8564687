/* SPDX-License-Identifier: MIT */
/*
 * The arithmetic of the chip, as a rewrite of the graph.
 *
 * Every float inside becomes f16: the CPU device then stores f16 and accumulates in f32, as the
 * chip does. Ports of f32 are converted at the border. What a profile adds stands as ops behind the
 * op that it belongs to:
 *
 *   mac_limit      sums of products from there on are infinite, though f16 reaches further
 *   mac_flush      sums of products below the smallest normal f16 are 0
 *   nan_rules      NaN is +inf on entry; an op that would make one gives 0; log(0) is -45440
 *   slice_overflow a slice that begins inside a row passes 16 times its values through f16: beyond
 *                  4094 they are infinite
 */
#include "emu.h"

#include <math.h>
#include <stdlib.h>

#define F16_MIN_NORMAL 0x1p-14

typedef struct rewrite {
    const orion_ir_graph *from;
    const emu_profile *profile;
    orion_ir_builder *to;
    orion_ir_value *values; /* by id in `from` */
    orion_ir_value *raw;    /* inputs, before they were converted */
} rewrite;

static bool is_wide(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_BF16;
}

static orion_ir_value scalar(rewrite *w, double number) {
    return orion_ir_splat(w->to, orion_ir_type_make(ORION_IR_F16, 0, NULL), number);
}

/* `v` where it is a number, else `instead`. */
static orion_ir_value replace_nan(rewrite *w, orion_ir_value v, double instead) {
    orion_ir_value is_number = orion_ir_equal(w->to, v, v);
    orion_ir_value other = scalar(w, instead);
    return orion_ir_select(w->to, is_number, v, other);
}

/* Infinite where the size of `v` reaches the limit. */
static orion_ir_value saturate(rewrite *w, orion_ir_value v, double limit) {
    orion_ir_value top = scalar(w, limit);
    orion_ir_value bottom = scalar(w, -limit);
    orion_ir_value above = orion_ir_less_equal(w->to, top, v);
    orion_ir_value below = orion_ir_less_equal(w->to, v, bottom);
    orion_ir_value inf = scalar(w, INFINITY);
    orion_ir_value minus = scalar(w, -INFINITY);
    v = orion_ir_select(w->to, above, inf, v);
    return orion_ir_select(w->to, below, minus, v);
}

static orion_ir_value flush(rewrite *w, orion_ir_value v) {
    orion_ir_value size = orion_ir_abs(w->to, v);
    orion_ir_value least = scalar(w, F16_MIN_NORMAL);
    orion_ir_value small = orion_ir_less(w->to, size, least);
    orion_ir_value zero = scalar(w, 0);
    return orion_ir_select(w->to, small, zero, v);
}

static bool is_product(orion_ir_op op) {
    return op == ORION_IR_OP_matmul || op == ORION_IR_OP_linear || op == ORION_IR_OP_conv ||
           op == ORION_IR_OP_conv_transpose || op == ORION_IR_OP_attention;
}

/* Does the slice begin inside a row? */
static bool is_inner_slice(const orion_ir_node *n) {
    size_t count = 0;
    const int64_t *begin = orion_ir_node_ints(n, "begin", &count);
    return orion_ir_node_op(n) == ORION_IR_OP_slice && count > 0 && begin[count - 1] != 0;
}

/* What the profile does to a result. */
static orion_ir_value guard(rewrite *w, const orion_ir_node *n, orion_ir_value v) {
    orion_ir_op op = orion_ir_node_op(n);
    if (orion_ir_builder_type(w->to, v).dtype != ORION_IR_F16) return v;
    if (is_product(op) && w->profile->mac_limit > 0) v = saturate(w, v, w->profile->mac_limit);
    if (is_product(op) && w->profile->mac_flush != 0) v = flush(w, v);
    /* The next f16 above 4094 is 4096: 16 times that is infinite. */
    if (w->profile->slice_overflow != 0 && is_inner_slice(n)) v = saturate(w, v, 4096);
    if (w->profile->nan_rules != 0) {
        if (op == ORION_IR_OP_log) {
            orion_ir_value floor = scalar(w, -45440);
            v = orion_ir_max(w->to, v, floor);
        }
        v = replace_nan(w, v, 0);
    }
    return v;
}

/* A constant, in f16 if it is a wider float. */
static orion_ir_value constant(rewrite *w, const orion_ir_node *n, orion_ir_type type) {
    size_t offset, count = (size_t)orion_ir_type_elements(&type);
    orion_blob *blob = orion_ir_node_blob(n, &offset);
    if (!is_wide(type.dtype)) return orion_ir_constant_blob(w->to, type, blob, offset);
    const char *from = orion_ir_node_data(n, NULL);
    uint16_t *halves = malloc(count * sizeof *halves);
    if (halves == NULL) return (orion_ir_value){0};
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = 0;
        if (type.dtype == ORION_IR_BF16) {
            memcpy((char *)&bits + 2, from + 2 * i, 2); /* little endian: the upper half */
        } else {
            memcpy(&bits, from + 4 * i, 4);
        }
        halves[i] = orn_f16_from_f32(orn_bits_f32(bits));
    }
    type.dtype = ORION_IR_F16;
    orion_ir_value v = orion_ir_constant(w->to, type, halves, count * sizeof *halves);
    free(halves);
    return v;
}

/* The same op on the rewritten operands, results and all. */
static bool copy_node(rewrite *w, const orion_ir_node *n) {
    enum { ATTRIBUTES_MAX = 16 };
    orion_ir_op op = orion_ir_node_op(n);
    orion_ir_attr attrs[ATTRIBUTES_MAX];
    size_t attr_count = 0, inputs = orion_ir_node_input_count(n);
    const orion_ir_attr_info *info;
    for (; (info = orion_ir_op_attr(op, attr_count)) != NULL; attr_count++) {
        if (attr_count == ATTRIBUTES_MAX) return false;
        orion_ir_attr *a = &attrs[attr_count];
        *a = (orion_ir_attr){.name = info->name};
        switch (info->kind) {
        case ORION_IR_ATTR_FLOAT: a->f = orion_ir_node_float(n, info->name); break;
        case ORION_IR_ATTR_INTS: a->ints = orion_ir_node_ints(n, info->name, &a->int_count); break;
        default: a->i = orion_ir_node_int(n, info->name); break;
        }
        if (info->kind == ORION_IR_ATTR_DTYPE && is_wide((uint32_t)a->i)) a->i = ORION_IR_F16;
    }
    orion_ir_value *in = malloc((inputs + 1) * sizeof *in);
    if (in == NULL) return false;
    for (size_t i = 0; i < inputs; i++) in[i] = w->values[orion_ir_node_input(n, i).id];
    orion_ir_value first = orion_ir_build(w->to, op, in, inputs, attrs, attr_count);
    free(in);
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        orion_ir_value v = orion_ir_result(w->to, first, i);
        w->values[orion_ir_node_result(n, i).id] = guard(w, n, v);
    }
    return true;
}

static void inputs(rewrite *w) {
    for (size_t i = 0; i < orion_ir_graph_input_count(w->from); i++) {
        orion_ir_value v = orion_ir_graph_input(w->from, i);
        orion_ir_type type = orion_ir_value_type(w->from, v);
        orion_ir_value x = orion_ir_input(w->to, orion_ir_value_name(w->from, v), type);
        w->raw[v.id] = x;
        if (is_wide(type.dtype)) x = orion_ir_cast(w->to, x, ORION_IR_F16);
        bool is_float = is_wide(type.dtype) || type.dtype == ORION_IR_F16;
        if (w->profile->nan_rules != 0 && is_float) x = replace_nan(w, x, INFINITY);
        w->values[v.id] = x;
    }
}

static void outputs(rewrite *w) {
    for (size_t i = 0; i < orion_ir_graph_output_count(w->from); i++) {
        orion_ir_value v = orion_ir_graph_output(w->from, i);
        orion_ir_type type = orion_ir_value_type(w->from, v);
        orion_ir_value y = w->values[v.id];
        if (w->raw[v.id].id != 0) {
            y = w->raw[v.id];
        } else if (is_wide(type.dtype)) {
            y = orion_ir_cast(w->to, y, (orion_ir_dtype)type.dtype);
        }
        orion_ir_output(w->to, orion_ir_graph_output_name(w->from, i), y);
    }
}

orion_status emu_numerics(const orion_ir_graph *graph, const emu_profile *profile, orion_diag *diag,
                          orion_ir_graph **out_graph) {
    rewrite w = {.from = graph, .profile = profile};
    *out_graph = NULL;
    w.values = calloc(orion_ir_graph_value_bound(graph), sizeof *w.values);
    w.raw = calloc(orion_ir_graph_value_bound(graph), sizeof *w.raw);
    bool fine = w.values != NULL && w.raw != NULL;
    orion_status status = fine ? ORION_OK : ORION_ERROR_NO_MEMORY;
    if (status == ORION_OK) {
        status = orion_ir_builder_create(orion_ir_graph_name(graph), NULL, &w.to);
    }
    if (status == ORION_OK) {
        inputs(&w);
        const orion_ir_node *n = orion_ir_graph_first(graph);
        for (; n != NULL && status == ORION_OK; n = orion_ir_node_next(n)) {
            if (orion_ir_node_op(n) == ORION_IR_OP_const) {
                orion_ir_value v = orion_ir_node_result(n, 0);
                w.values[v.id] = constant(&w, n, orion_ir_value_type(graph, v));
            } else if (!copy_node(&w, n)) {
                status = ORION_ERROR_NO_MEMORY;
            }
        }
        outputs(&w);
    }
    if (status == ORION_OK) {
        status = orion_ir_builder_finish(&w.to, diag, out_graph);
    } else {
        orion_ir_builder_destroy(&w.to);
    }
    free(w.values);
    free(w.raw);
    return status;
}
