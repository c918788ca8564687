/* SPDX-License-Identifier: MIT */
/* Ops that move elements: gather, scatter_add, slice_update, concat, pad, tile. */
#include "plan.h"

/* A packed operand in the dtype it lies in; 16-bit floats stay so unless they must be moved. */
static orion_status need_raw_packed(cpu_planner *p, uint32_t value, cpu_view *out) {
    TRY(cpu_need(p, value, out));
    return cpu_view_is_packed(out) ? ORION_OK : cpu_need_packed(p, value, out);
}

static void serve_operands(cpu_planner *p, const cpu_node *n) {
    for (size_t i = 0; i < n->input_count; i++) cpu_served(p, cpu_input(p, n, i));
}

/* gather [..a, N, ..b] along an axis; embedding is that along the first, operands swapped. */
orion_status cpu_lower_gather(cpu_planner *p, cpu_node *n) {
    bool embedding = n->op == ORION_IR_OP_embedding;
    uint32_t axis = embedding ? 0 : (uint32_t)orion_ir_node_int(n->ir, "axis");
    cpu_view x, indices, y, rows;
    TRY(need_raw_packed(p, cpu_input(p, n, embedding ? 1 : 0), &x));
    TRY(cpu_need_packed(p, cpu_input(p, n, embedding ? 0 : 1), &indices));
    TRY(cpu_result(p, n->result, NULL, &y));
    rows = y;
    if (x.dtype != y.dtype) TRY(cpu_temporary(p, x.dtype, y.rank, y.dims, &rows));
    cpu_gather g = {.outer = cpu_elements(axis, x.dims),
                    .extent = x.dims[axis],
                    .count = cpu_elements(indices.rank, indices.dims)};
    g.inner_bytes = (size_t)cpu_elements(x.rank - axis - 1, x.dims + axis + 1);
    g.inner_bytes *= cpu_dtype_bytes(x.dtype);
    const cpu_view *views[] = {&x, &indices, &rows};
    TRY(cpu_emit(p, cpu_step_gather, cpu_keep(p, &g, sizeof g), views, 3, 0));
    cpu_emit_indices(p, 1, g.extent);
    if (x.dtype != y.dtype) TRY(cpu_emit_copy(p, &rows, &y));
    serve_operands(p, n);
    return ORION_OK;
}

/*
 * Where an update in place goes: over x if x dies here, else into memory of its own, to which the
 * kernel copies x first. If x is all of an input port that nothing reads any more, and the result
 * is an output port, then both may be bound to one tensor: the copy is then none.
 */
static orion_status updated_result(cpu_planner *p, const cpu_node *n, const cpu_view *x,
                                   cpu_view *out) {
    uint32_t operand = cpu_input(p, n, 0), output = cpu_output_of(p, n->result);
    const cpu_buffer *from = &p->buffers[x->buffer];
    bool whole = cpu_val(p, operand)->view.buffer == x->buffer && x->offset == 0 &&
                 orion_ir_type_bytes(&cpu_val(p, operand)->type) == from->bytes;
    bool last = from->refs == 1 && whole;
    bool in_port = from->place == CPU_PLACE_PORT && from->port >= p->input_count;
    if ((output == CPU_NONE && cpu_dying(p, operand, 1) && whole) || (in_port && last)) {
        *out = *x;
        cpu_define(p, n->result, out);
        return ORION_OK;
    }
    bool is_input = from->place == CPU_PLACE_PORT && from->port < p->input_count;
    uint32_t port = from->port; /* cpu_result may move the buffers */
    TRY(cpu_result(p, n->result, NULL, out));
    const cpu_buffer *to = &p->buffers[out->buffer];
    orion_ane_port *ports = p->plan->code.ports;
    if (is_input && last && to->place == CPU_PLACE_PORT &&
        orion_ir_type_equal(&ports[port].type, &ports[to->port].type)) {
        ports[to->port].alias = port + 1;
    }
    return ORION_OK;
}

orion_status cpu_lower_scatter_add(cpu_planner *p, cpu_node *n) {
    cpu_view x, updates, indices, y;
    if (cpu_working_dtype(cpu_val(p, n->result)->type.dtype) != ORION_IR_F32) {
        return cpu_lower_reference(p, n);
    }
    TRY(cpu_need_packed(p, cpu_input(p, n, 0), &x));
    TRY(cpu_need_packed(p, cpu_input(p, n, 1), &updates));
    TRY(cpu_need_packed(p, cpu_input(p, n, 2), &indices));
    TRY(updated_result(p, n, &x, &y));
    cpu_scatter_add s = {.extent = x.dims[0],
                         .inner = cpu_elements(x.rank - 1, x.dims + 1),
                         .count = cpu_elements(indices.rank, indices.dims)};
    const cpu_view *views[] = {&x, &updates, &indices, &y};
    TRY(cpu_emit(p, cpu_step_scatter_add, cpu_keep(p, &s, sizeof s), views, 4, 0));
    cpu_emit_indices(p, 2, s.extent);
    serve_operands(p, n);
    return ORION_OK;
}

orion_status cpu_lower_slice_update(cpu_planner *p, cpu_node *n) {
    uint32_t axis = (uint32_t)orion_ir_node_int(n->ir, "axis");
    cpu_view x, update, begin, y;
    TRY(cpu_need_packed(p, cpu_input(p, n, 0), &x));
    TRY(cpu_need_packed(p, cpu_input(p, n, 1), &update));
    TRY(cpu_need_packed(p, cpu_input(p, n, 2), &begin));
    TRY(updated_result(p, n, &x, &y));
    size_t inner = (size_t)cpu_elements(x.rank - axis - 1, x.dims + axis + 1);
    cpu_slice_update s = {.outer = cpu_elements(axis, x.dims),
                          .extent = x.dims[axis],
                          .count = update.dims[axis],
                          .inner_bytes = inner * cpu_dtype_bytes(x.dtype)};
    const cpu_view *views[] = {&x, &update, &begin, &y};
    TRY(cpu_emit(p, cpu_step_slice_update, cpu_keep(p, &s, sizeof s), views, 4, 0));
    cpu_emit_indices(p, 2, s.extent - s.count + 1);
    serve_operands(p, n);
    return ORION_OK;
}

/* ---- parts of the result, each copied to its place ---- */

/* The part of y that begins at `begin` and has these dims. */
static cpu_view part_of(const cpu_view *y, const int64_t *begin, const int64_t *dims) {
    int64_t end[CPU_RANK_MAX], step[CPU_RANK_MAX];
    for (uint32_t i = 0; i < y->rank; i++) {
        end[i] = begin[i] + dims[i];
        step[i] = 1;
    }
    return cpu_view_slice(y, begin, end, step);
}

orion_status cpu_lower_concat(cpu_planner *p, cpu_node *n) {
    uint32_t axis = (uint32_t)orion_ir_node_int(n->ir, "axis");
    int64_t begin[CPU_RANK_MAX] = {0};
    cpu_view x, y;
    TRY(cpu_result(p, n->result, NULL, &y));
    for (size_t i = 0; i < n->input_count; i++) {
        TRY(cpu_need(p, cpu_input(p, n, i), &x));
        cpu_view part = part_of(&y, begin, x.dims);
        TRY(cpu_emit_copy(p, &x, &part));
        begin[axis] += x.dims[axis];
    }
    serve_operands(p, n);
    return ORION_OK;
}

/* Fill all, then copy x to its place. */
orion_status cpu_lower_pad(cpu_planner *p, cpu_node *n) {
    size_t count;
    const int64_t *before = orion_ir_node_ints(n->ir, "before", &count);
    double value = orion_ir_node_float(n->ir, "value");
    cpu_view x, y;
    TRY(cpu_need(p, cpu_input(p, n, 0), &x));
    TRY(cpu_result(p, n->result, NULL, &y));
    uint32_t dtype = cpu_val(p, n->result)->type.dtype;
    void *number;
    TRY(cpu_own(p, sizeof(float), &number));
    cpu_store_number(dtype, number, 0, value);
    cpu_view fill = {.dtype = dtype, .rank = y.rank};
    memcpy(fill.dims, y.dims, sizeof fill.dims);
    TRY(cpu_constant(p, number, sizeof(float), &fill.buffer));
    TRY(cpu_emit_copy(p, &fill, &y));
    cpu_view part = part_of(&y, before, x.dims);
    TRY(cpu_emit_copy(p, &x, &part));
    serve_operands(p, n);
    return ORION_OK;
}

/* One copy with two axes, repetition and extent, for each axis that repeats. Where that is more
 * axes than a view has, which takes a tensor of rank 5, the reference serves. */
orion_status cpu_lower_tile(cpu_planner *p, cpu_node *n) {
    size_t count;
    const int64_t *reps = orion_ir_node_ints(n->ir, "reps", &count);
    cpu_view x, y;
    TRY(cpu_need(p, cpu_input(p, n, 0), &x));
    cpu_view from = {.buffer = x.buffer, .dtype = x.dtype, .offset = x.offset};
    for (uint32_t i = 0; i < x.rank; i++) {
        uint32_t axes = reps[i] != 1 && x.dims[i] != 1 ? 2 : 1;
        if (from.rank + axes > CPU_RANK_MAX) return cpu_lower_reference(p, n);
        if (reps[i] != 1) from.dims[from.rank++] = reps[i]; /* stride 0 */
        if (x.dims[i] == 1) continue;
        from.strides[from.rank] = x.strides[i];
        from.dims[from.rank++] = x.dims[i];
    }
    TRY(cpu_result(p, n->result, NULL, &y));
    cpu_view to = from;
    to.buffer = y.buffer;
    to.offset = y.offset;
    to.dtype = y.dtype;
    cpu_strides_in_order(to.rank, to.dims, NULL, to.strides);
    TRY(cpu_emit_copy(p, &from, &to));
    serve_operands(p, n);
    return ORION_OK;
}
