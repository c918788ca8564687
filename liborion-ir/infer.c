/* SPDX-License-Identifier: MIT */
/*
 * Shape and dtype rules: one function per `rule` of the op table.
 *
 * A rule checks operands and attributes, normalises the attributes in c->attrs (negative axes
 * become positive, axes are sorted, a -1 in a shape becomes its value) and fills c->out. It never
 * sees a wrong number of operands, nor an attribute whose kind is wrong; result types are checked
 * for size by ir_infer itself. Every complaint goes through ir_infer_fail, which puts the op in
 * front and the operand types behind.
 */
#include "infer-internal.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

orion_status ir_infer_fail(ir_infer_context *c, orion_message message, const char *fmt, ...) {
    if (c->diag == NULL) return ORION_ERROR_INVALID_ARGUMENT;
    char text[512], operands[384];
    size_t at = 0;
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    operands[0] = '\0';
    for (size_t i = 0; i < c->n_in; i++) {
        char type[IR_TYPE_TEXT];
        size_t n = ir_format_type(type, &c->in[i]);
        if (at + n + 8 > sizeof operands) {
            memcpy(operands + at, ", ...", 6);
            break;
        }
        if (i != 0) {
            memcpy(operands + at, ", ", 2);
            at += 2;
        }
        memcpy(operands + at, type, n + 1);
        at += n;
    }
    orn_diag(c->diag, ORION_SEVERITY_ERROR, message, c->source, c->line, c->column,
             c->op->info.name, c->n_in == 0 ? "%s: %s%s" : "%s: %s; operands: %s", c->op->info.name,
             text, operands);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* ---- shared checks ---- */

orion_status ir_need_float(ir_infer_context *c, size_t i) {
    if (ir_is_float(c->in[i].dtype)) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be f32, f16 or bf16", i);
}

orion_status ir_need_dtype(ir_infer_context *c, size_t i, orion_ir_dtype dtype) {
    if (c->in[i].dtype == (uint32_t)dtype) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be %s", i, orion_ir_dtype_name(dtype));
}

orion_status ir_need_same_dtype(ir_infer_context *c, size_t a, size_t b) {
    if (c->in[a].dtype == c->in[b].dtype) return ORION_OK;
    return TYPE_ERROR(c, "operands %zu and %zu must have one dtype", a, b);
}

orion_status ir_need_rank(ir_infer_context *c, size_t i, uint32_t rank) {
    if (c->in[i].rank == rank) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must have rank %u", i, rank);
}

orion_status ir_need_rank_from(ir_infer_context *c, size_t i, uint32_t least) {
    if (c->in[i].rank >= least) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must have at least rank %u", i, least);
}

orion_status ir_need_vector(ir_infer_context *c, size_t i, int64_t dim, const char *what) {
    if (c->in[i].rank == 1 && c->in[i].dims[0] == dim) return ORION_OK;
    return TYPE_ERROR(c, "operand %zu must be a vector of %lld, %s", i, (long long)dim, what);
}

orion_status ir_need_dim(ir_infer_context *c, size_t i, uint32_t d, int64_t dim, const char *what) {
    if (c->in[i].dims[d] == dim) return ORION_OK;
    return TYPE_ERROR(c, "dim %u of operand %zu must be %lld, %s", d, i, (long long)dim, what);
}

bool ir_broadcast(const int64_t *a, uint32_t rank_a, const int64_t *b, uint32_t rank_b,
                  int64_t *dims, uint32_t *rank) {
    int64_t out[ORION_IR_RANK_MAX] = {0};
    *rank = ORN_MAX(rank_a, rank_b);
    for (uint32_t i = 0; i < *rank; i++) { /* i counts from the end */
        int64_t x = i < rank_a ? a[rank_a - 1 - i] : 1;
        int64_t y = i < rank_b ? b[rank_b - 1 - i] : 1;
        if (x != y && x != 1 && y != 1) return false;
        out[*rank - 1 - i] = x == 1 ? y : x;
    }
    memcpy(dims, out, sizeof out);
    return true;
}

orion_status ir_broadcast_operands(ir_infer_context *c, const orion_ir_type *a, size_t b,
                                   orion_ir_type *out) {
    orion_ir_type type = {.dtype = a->dtype};
    const orion_ir_type *in = &c->in[b];
    if (!ir_broadcast(a->dims, a->rank, in->dims, in->rank, type.dims, &type.rank)) {
        char text[IR_TYPE_TEXT];
        ir_format_type(text, a);
        return TYPE_ERROR(c,
                          "operand %zu does not broadcast with %s: aligned at the last dim, "
                          "extents must be equal or 1",
                          b, text);
    }
    *out = type;
    return ORION_OK;
}

orion_status ir_axis_in(ir_infer_context *c, int64_t *axis, uint32_t rank) {
    if (*axis < -(int64_t)rank || *axis >= (int64_t)rank) {
        return ATTR_ERROR(c, "axis %lld is outside [-%u, %u)", (long long)*axis, rank, rank);
    }
    if (*axis < 0) *axis += rank;
    return ORION_OK;
}

orion_status ir_list_of(ir_infer_context *c, const ir_attr *attr, const char *name, uint32_t count,
                        int64_t least) {
    if (attr->count != count) {
        return ATTR_ERROR(c, "%s has %zu entries, %u are needed", name, attr->count, count);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (attr->ints[i] < least || attr->ints[i] > INT32_MAX) {
            return ATTR_ERROR(c, "%s[%u] is %lld, outside [%lld, 2^31)", name, i,
                              (long long)attr->ints[i], (long long)least);
        }
    }
    return ORION_OK;
}

orion_status ir_finite_from_zero(ir_infer_context *c, double v, const char *name) {
    if (isfinite(v) && v >= 0) return ORION_OK;
    return ATTR_ERROR(c, "%s must be finite and not negative", name);
}

orion_status ir_set_ints(ir_infer_context *c, ir_attr *attr, const int64_t *ints, size_t count) {
    int64_t *copy = orn_arena_alloc(c->arena, ORN_MAX(count, 1) * sizeof *copy);
    if (copy == NULL) return ORION_ERROR_NO_MEMORY;
    memcpy(copy, ints, count * sizeof *copy);
    attr->ints = copy;
    attr->count = count;
    return ORION_OK;
}

/* ---- all ops ---- */

size_t ir_result_count(const ir_op *op, const ir_attr *attrs) {
    return op->info.results != 255 ? op->info.results : attrs[IR_ATTR(split, sizes)].count;
}

static orion_status check_attribute(ir_infer_context *c, const orion_ir_attr_info *info,
                                    const ir_attr *attr) {
    if (info->kind == ORION_IR_ATTR_BOOL && attr->i != 0 && attr->i != 1) {
        return ATTR_ERROR(c, "%s must be 0 or 1", info->name);
    }
    if (info->kind == ORION_IR_ATTR_DTYPE &&
        (attr->i < 0 || attr->i > UINT8_MAX || !ir_dtype_valid((uint32_t)attr->i))) {
        return ATTR_ERROR(c, "%s is no dtype", info->name);
    }
    return ORION_OK;
}

orion_status ir_infer(ir_infer_context *c) {
    const orion_ir_op_info *info = &c->op->info;
    if (c->n_in < info->min_inputs || (info->max_inputs != 255 && c->n_in > info->max_inputs)) {
        return ir_infer_fail(c, ORION_MESSAGE_IR_OPERANDS, "%zu operands are given, %u%s needed",
                             c->n_in, info->min_inputs,
                             info->max_inputs == info->min_inputs ? " are" : " or more are");
    }
    for (uint32_t i = 0; i < info->attr_count; i++) {
        TRY(check_attribute(c, &ir_op_attrs(c->op)[i], &c->attrs[i]));
    }
    if (c->n_out == 0) return ATTR_ERROR(c, "there must be at least one part");
    TRY(c->op->infer(c));
    for (size_t i = 0; i < c->n_out; i++) {
        if (ir_type_valid(&c->out[i])) continue;
        char text[IR_TYPE_TEXT];
        ir_format_type(text, &c->out[i]);
        return ir_infer_fail(c, ORION_MESSAGE_IR_SHAPE,
                             "the result would be %s, which is not legal", text);
    }
    return ORION_OK;
}
