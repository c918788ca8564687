/* SPDX-License-Identifier: MIT */
/*
 * Limits: products with an axis that is too long for the target become products of parts.
 *
 * Needs:  core ops for products (expand).
 * Keeps:  every value; a sum over a long axis is added up part by part.
 *
 *   rows or columns too long   the parts stand beside each other: concat
 *   the common axis too long   the parts are added
 *
 * A part of a constant is a constant of its own; along the first axis it shares the bytes. What is
 * still too long for the device (the joined result, an operand that is cut) stays on the host.
 */
#include "../mil-legal.h"

/* A matrix of which a block is used. */
typedef struct block {
    orion_ir_value v;
    const orion_ir_node *constant; /* or NULL */
    orion_ir_type type;            /* of the whole */
    int64_t begin[2], size[2];     /* of the last two axes */
    bool transposed;
} block;

static uint64_t cap(const mil_rewrite *r, uint32_t axis) {
    return mil_target_limit(r->target, axis == 1 ? MIL_LIMIT_WIDTH : MIL_LIMIT_HEIGHT);
}

/* Longest legal extent of an axis of an operand; constants are not bound. */
static uint64_t block_cap(const mil_rewrite *r, const block *m, uint32_t axis) {
    return m->constant != NULL ? UINT64_MAX : cap(r, axis);
}

/* The block of a constant as a constant. Bytes are shared if they lie together. */
static orion_ir_value constant_block(mil_rewrite *r, const block *m) {
    orion_ir_type type = m->type;
    uint32_t rows = type.rank - 2, columns = type.rank - 1;
    size_t offset, each = orion_ir_dtype_bytes((orion_ir_dtype)type.dtype);
    orion_blob *blob = orion_ir_node_blob(m->constant, &offset), *own;
    size_t pitch = (size_t)type.dims[columns] * each;
    const char *from = (const char *)orion_blob_data(blob) + offset + (size_t)m->begin[0] * pitch +
                       (size_t)m->begin[1] * each;
    bool together = m->size[1] == type.dims[columns];
    type.dims[rows] = m->size[0];
    type.dims[columns] = m->size[1];
    if (together)
        return orion_ir_constant_blob(r->b, type, blob, offset + (size_t)m->begin[0] * pitch);
    size_t row = (size_t)m->size[1] * each, bytes = row * (size_t)m->size[0];
    if (orion_blob_copy(NULL, bytes, &r->allocator, &own) != ORION_OK) return (orion_ir_value){0};
    char *to = (char *)(uintptr_t)orion_blob_data(own); /* ours alone until it is returned */
    for (int64_t i = 0; i < m->size[0]; i++)
        memcpy(to + (size_t)i * row, from + (size_t)i * pitch, row);
    orion_ir_value v = orion_ir_constant_blob(r->b, type, own, 0);
    orion_blob_unref(&own);
    return v;
}

static orion_ir_value take(mil_rewrite *r, const block *m) {
    uint32_t rows = m->type.rank - 2;
    bool whole = m->size[0] == m->type.dims[rows] && m->size[1] == m->type.dims[rows + 1];
    if (whole) return m->v;
    if (m->constant != NULL && m->type.rank == 2) return constant_block(r, m);
    orion_ir_value v = mil_slice(r->b, m->v, rows, m->begin[0], m->size[0]);
    return mil_slice(r->b, v, rows + 1, m->begin[1], m->size[1]);
}

static block operand(const mil_rewrite *r, const orion_ir_node *n, size_t i, const char *flag) {
    block m = {.v = mil_mapped(r, n, i), .constant = mil_const_operand(r->from, n, i)};
    m.type = mil_type_of(r->b, m.v);
    m.transposed = orion_ir_node_int(n, flag) != 0;
    if (m.type.rank >= 2) memcpy(m.size, &m.type.dims[m.type.rank - 2], sizeof m.size);
    return m;
}

/* Number of parts of an axis that may have `most`. */
static int64_t parts_of(int64_t extent, uint64_t most) {
    if (most == 0 || (uint64_t)extent <= most) return 1;
    return (int64_t)(((uint64_t)extent - 1) / most + 1);
}

/* Parts of equal length, but for the last; rows of whole steps are read faster (rule X-20). */
static int64_t part_extent(const mil_rewrite *r, int64_t extent, int64_t parts) {
    uint64_t step = mil_target_limit(r->target, MIL_LIMIT_ROW_ELEMENTS);
    int64_t each = (extent - 1) / parts + 1, whole;
    if (step == 0 || step > (uint64_t)each) return each;
    whole = (each + (int64_t)step - 1) / (int64_t)step * (int64_t)step;
    return whole * (parts - 1) < extent && (uint64_t)whole <= cap(r, 0) &&
                   (uint64_t)whole <= cap(r, 1)
               ? whole
               : each;
}

static orion_ir_value product(mil_rewrite *r, block x, block y);

enum { PARTS_MAX = 64 };

/* Cut `extent` into parts: along `axis` of x, of y, or of both. */
static orion_ir_value cut(mil_rewrite *r, block x, int x_axis, block y, int y_axis, int64_t extent,
                          int64_t parts) {
    orion_ir_value values[PARTS_MAX];
    int64_t each = part_extent(r, extent, parts), done = 0,
            x_begin = x.begin[x_axis < 0 ? 0 : x_axis], y_begin = y.begin[y_axis < 0 ? 0 : y_axis];
    size_t count = 0;
    for (; done < extent && count < PARTS_MAX; done += each, count++) {
        int64_t size = ORN_MIN(each, extent - done);
        if (x_axis >= 0) x.begin[x_axis] = x_begin + done, x.size[x_axis] = size;
        if (y_axis >= 0) y.begin[y_axis] = y_begin + done, y.size[y_axis] = size;
        values[count] = product(r, x, y);
    }
    uint32_t rank = mil_type_of(r->b, values[0]).rank;
    if (x_axis < 0) return mil_concat(r->b, values, count, (int64_t)rank - 1);
    if (y_axis < 0) return mil_concat(r->b, values, count, (int64_t)rank - 2);
    for (size_t i = 1; i < count; i++) values[0] = orion_ir_add(r->b, values[0], values[i]);
    return values[0];
}

/* x y with every axis within the limits. */
static orion_ir_value product(mil_rewrite *r, block x, block y) {
    int m = x.transposed ? 1 : 0, n = y.transposed ? 0 : 1;
    uint64_t most_m = ORN_MIN(block_cap(r, &x, (uint32_t)m), cap(r, 0));
    uint64_t most_n = ORN_MIN(block_cap(r, &y, (uint32_t)n), cap(r, 1));
    uint64_t most_k =
        ORN_MIN(block_cap(r, &x, (uint32_t)(1 - m)), block_cap(r, &y, (uint32_t)(1 - n)));
    int64_t parts = parts_of(x.size[m], most_m);
    if (parts > 1) return cut(r, x, m, y, -1, x.size[m], parts);
    parts = parts_of(y.size[n], most_n);
    if (parts > 1) return cut(r, x, -1, y, n, y.size[n], parts);
    parts = parts_of(x.size[1 - m], most_k);
    if (parts > 1) return cut(r, x, 1 - m, y, 1 - n, x.size[1 - m], parts);
    orion_ir_value a = take(r, &x), b = take(r, &y);
    return orion_ir_matmul(r->b, a, b, x.transposed, y.transposed);
}

/* Would any axis be cut, and into no more parts than there is room for? */
static bool is_too_long(const mil_rewrite *r, const block *m, const orion_ir_type *out) {
    int64_t most = 1;
    for (uint32_t axis = 0; axis < 2; axis++) {
        most = ORN_MAX(most, parts_of(m->size[axis], block_cap(r, m, axis)));
        most = ORN_MAX(most, parts_of(out->dims[out->rank - 2 + axis], cap(r, axis)));
    }
    return most > 1 && most <= PARTS_MAX;
}

static orion_status visit(mil_rewrite *r, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_matmul) return mil_keep(r, n);
    block x = operand(r, n, 0, "transpose_x"), y = operand(r, n, 1, "transpose_y");
    orion_ir_type out = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    if (x.type.rank < 2 || y.type.rank < 2 ||
        !(is_too_long(r, &x, &out) || is_too_long(r, &y, &out)))
        return mil_keep(r, n);
    orion_ir_value v = product(r, x, y);
    return v.id == 0 ? ORION_ERROR_NO_MEMORY : MIL_REPLACE(r, n, v);
}

const mil_pass mil_pass_limits = {
    .name = "limits",
    .doc = "cut products with an axis beyond the limits of the target into parts",
    .visit = visit,
};
