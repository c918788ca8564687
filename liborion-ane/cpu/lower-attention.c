/* SPDX-License-Identifier: MIT */
/*
 * Rotary embedding and attention.
 *
 * Both take their operands by strides, so that heads stay where the products before them have put
 * them: rope turns rows in place when nothing else reads them, and attention writes its rows in the
 * order in which the transpose behind it wants them.
 */
#include "plan.h"

#include <math.h>

/* ---- rope ---- */

/* The table of cosines and sines for these positions: one step per run, whoever asks. */
static orion_status rope_table(cpu_planner *p, uint32_t position, int64_t rows, int64_t depth,
                               double theta, cpu_view *out) {
    for (size_t i = 0; i < p->rope_count; i++) {
        const cpu_rope_memo *m = &p->ropes[i];
        if (m->position == position && m->depth == depth && m->theta == theta) {
            *out = m->table;
            return ORION_OK;
        }
    }
    cpu_view at;
    const int64_t half = depth / 2, dims[3] = {rows, 2, half};
    double *frequencies = orn_arena_alloc(&p->plan->arena, (size_t)half * sizeof *frequencies);
    if (frequencies == NULL ||
        !ORN_GROW(&p->allocator, p->ropes, p->rope_capacity, p->rope_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    cpu_rope_frequencies(theta, depth, frequencies);
    TRY(cpu_need_packed(p, position, &at));
    const int32_t *known = cpu_constant_data(p, &at);
    if (known != NULL) {
        size_t bytes = (size_t)(rows * depth) * sizeof(float);
        void *table;
        TRY(cpu_own(p, bytes, &table));
        p->device->kernels->rope_table(p->device->pool, rows, half, frequencies, known, table);
        *out = (cpu_view){.dtype = ORION_IR_F32, .rank = 3};
        memcpy(out->dims, dims, sizeof dims);
        cpu_strides_in_order(3, dims, NULL, out->strides);
        TRY(cpu_constant(p, table, bytes, &out->buffer));
    } else {
        TRY(cpu_temporary(p, ORION_IR_F32, 3, dims, out));
        cpu_rope_table_desc desc = {.rows = rows, .half = half, .frequencies = frequencies};
        const cpu_view *views[] = {&at, out};
        TRY(cpu_emit(p, cpu_step_rope_table, cpu_keep(p, &desc, sizeof desc), views, 2, 0));
    }
    p->ropes[p->rope_count++] =
        (cpu_rope_memo){.table = *out, .position = position, .depth = depth, .theta = theta};
    return ORION_OK;
}

/* x as [B, H, T, D] with D packed: missing axes in front are 1, surplus ones are joined. */
static bool as_heads(const cpu_view *x, cpu_view *out) {
    int64_t dims[4] = {1, 1, 1, 1};
    uint32_t surplus = x->rank > 4 ? x->rank - 4 : 0;
    for (uint32_t i = surplus; i < x->rank; i++) dims[i + 4 - x->rank] = x->dims[i];
    dims[0] *= cpu_elements(surplus, x->dims);
    return cpu_view_reshape(x, 4, dims, out) && out->strides[3] == 1;
}

/* Where the result goes: over x, or in x's axis order. */
static orion_status rope_result(cpu_planner *p, const cpu_node *n, uint32_t operand,
                                const cpu_view *x, cpu_view *out) {
    uint32_t order[CPU_RANK_MAX];
    bool free_to_place = cpu_output_of(p, n->result) == CPU_NONE;
    bool same = cpu_val(p, operand)->view.buffer == x->buffer;
    if (free_to_place && same && cpu_dying(p, operand, 1)) {
        *out = *x;
        cpu_define(p, n->result, out);
        return ORION_OK;
    }
    bool dense = cpu_view_is_dense(x, order) && order[x->rank - 1] == x->rank - 1;
    return cpu_result(p, n->result, dense ? order : NULL, out);
}

orion_status cpu_lower_rope(cpu_planner *p, cpu_node *n) {
    uint32_t operand = cpu_input(p, n, 0), position = cpu_input(p, n, 1);
    cpu_view x, y, from, to, table;
    TRY(cpu_need_f32(p, operand, &x));
    if (!as_heads(&x, &from)) {
        TRY(cpu_need_packed(p, operand, &x));
        as_heads(&x, &from);
    }
    cpu_rope r = {.interleaved = orion_ir_node_int(n->ir, "interleaved") != 0,
                  .inverse = orion_ir_node_int(n->ir, "inverse") != 0};
    memcpy(r.dims, from.dims, sizeof r.dims);
    TRY(rope_table(p, position, r.dims[2], r.dims[3], orion_ir_node_float(n->ir, "theta"), &table));
    TRY(rope_result(p, n, operand, &x, &y));
    as_heads(&y, &to);
    memcpy(r.x_strides, from.strides, sizeof r.x_strides);
    memcpy(r.y_strides, to.strides, sizeof r.y_strides);
    const cpu_view *views[] = {&from, &table, &to};
    TRY(cpu_emit(p, cpu_step_rope, cpu_keep(p, &r, sizeof r), views, 3, 0));
    cpu_served(p, operand);
    cpu_served(p, position);
    return ORION_OK;
}

/* ---- attention ---- */

/* An operand as f32 with its last axis packed. */
static orion_status need_rows(cpu_planner *p, uint32_t value, cpu_view *out) {
    TRY(cpu_need_f32(p, value, out));
    if (out->dims[3] == 1 || out->strides[3] == 1) return ORION_OK;
    return cpu_need_packed(p, value, out);
}

orion_status cpu_lower_attention(cpu_planner *p, cpu_node *n) {
    cpu_view q, k, v, y, position = {0};
    uint32_t order[CPU_RANK_MAX];
    bool placed = n->input_count == 4;
    if (placed && cpu_val(p, cpu_input(p, n, 3))->type.rank == 4) /* a mask: there is no kernel */
        return cpu_lower_reference(p, n);
    TRY(need_rows(p, cpu_input(p, n, 0), &q));
    TRY(need_rows(p, cpu_input(p, n, 1), &k));
    TRY(need_rows(p, cpu_input(p, n, 2), &v));
    if (placed) TRY(cpu_need_packed(p, cpu_input(p, n, 3), &position));
    TRY(cpu_result(p, n->result, cpu_wanted_order(p, n->result, order) ? order : NULL, &y));
    double scale = orion_ir_node_float(n->ir, "scale");
    cpu_attention a = {.batch = q.dims[0],
                       .heads = q.dims[1],
                       .groups = k.dims[1],
                       .rows = q.dims[2],
                       .keys = k.dims[2],
                       .depth = q.dims[3],
                       .value_depth = v.dims[3],
                       .scale = (float)(scale != 0 ? scale : 1 / sqrt((double)q.dims[3])),
                       .causal = orion_ir_node_int(n->ir, "causal") != 0};
    memcpy(a.q_strides, q.strides, sizeof a.q_strides);
    memcpy(a.k_strides, k.strides, sizeof a.k_strides);
    memcpy(a.v_strides, v.strides, sizeof a.v_strides);
    memcpy(a.y_strides, y.strides, sizeof a.y_strides);
    const cpu_view *views[] = {&q, &k, &v, &y, &position};
    size_t scratch = p->device->kernels->attention_scratch(&a, cpu_pool_threads(p->device->pool));
    TRY(cpu_emit(p, placed ? cpu_step_attention_position : cpu_step_attention,
                 cpu_keep(p, &a, sizeof a), views, placed ? 5 : 4, scratch));
    if (placed) cpu_emit_indices(p, 4, a.keys);
    for (size_t i = 0; i < n->input_count; i++) cpu_served(p, cpu_input(p, n, i));
    return ORION_OK;
}
