/* SPDX-License-Identifier: MIT */
/*
 * Nodes without a kernel: a graph of that one node, which the reference interpreter evaluates.
 *
 * Slow, but it means that every op in every dtype runs on the device. How many steps of a program
 * come here is in its statistics.
 */
#include "plan.h"

/* Attributes as the builder takes them, all given. */
static size_t read_attributes(const cpu_node *n, orion_ir_attr *out) {
    size_t count = 0;
    const orion_ir_attr_info *info;
    for (; (info = orion_ir_op_attr((orion_ir_op)n->op, count)) != NULL; count++) {
        orion_ir_attr *a = &out[count];
        *a = (orion_ir_attr){.name = info->name};
        if (info->kind == ORION_IR_ATTR_FLOAT) {
            a->f = orion_ir_node_float(n->ir, info->name);
        } else if (info->kind == ORION_IR_ATTR_INTS) {
            a->ints = orion_ir_node_ints(n->ir, info->name, &a->int_count);
        } else {
            a->i = orion_ir_node_int(n->ir, info->name);
        }
    }
    return count;
}

static orion_status graph_of(cpu_planner *p, const cpu_node *n, orion_ir_graph **out) {
    orion_ir_builder *b;
    size_t attr_room = orion_ir_op_find((orion_ir_op)n->op)->attr_count;
    orion_ir_value *in = orn_arena_alloc(&p->arena, n->input_count * sizeof *in);
    orion_ir_attr *attrs = orn_arena_alloc(&p->arena, attr_room * sizeof *attrs);
    orn_text name;
    if (in == NULL || attrs == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(orion_ir_builder_create("reference", &p->allocator, &b));
    orn_text_init(&name, &p->allocator);
    for (uint32_t i = 0; i < n->input_count; i++) {
        name.size = 0;
        orn_text_printf(&name, "x%u", i);
        if (name.failed) break;
        in[i] = orion_ir_input(b, name.data, cpu_val(p, cpu_input(p, n, i))->type);
    }
    orion_ir_value y =
        orion_ir_build(b, (orion_ir_op)n->op, in, n->input_count, attrs, read_attributes(n, attrs));
    for (uint32_t i = 0; i < n->result_count; i++) {
        name.size = 0;
        orn_text_printf(&name, "y%u", i);
        if (!name.failed) orion_ir_output(b, name.data, orion_ir_result(b, y, i));
    }
    orion_status status = orn_text_status(&name);
    orn_text_free(&name);
    if (status == ORION_OK) return orion_ir_builder_finish(&b, p->diag, out);
    orion_ir_builder_destroy(&b);
    return status;
}

/* Room for all operands and results as doubles, and for the two lists of where they are. */
static bool scratch_bytes(const cpu_reference *r, size_t *out) {
    size_t numbers = 0, pointers = r->input_count + r->result_count;
    for (size_t i = 0; i < pointers; i++) {
        if (!orn_add(numbers, r->elements[i], &numbers)) return false;
    }
    return orn_add(numbers, pointers, &numbers) && orn_mul(numbers, sizeof(double), out);
}

orion_status cpu_lower_reference(cpu_planner *p, cpu_node *n) {
    cpu_plan *plan = p->plan;
    size_t count = n->input_count + n->result_count, scratch;
    cpu_reference *r = orn_arena_alloc(&plan->arena, sizeof *r);
    cpu_view *views = orn_arena_alloc(&p->arena, count * sizeof *views);
    const cpu_view **at = orn_arena_alloc(&p->arena, count * sizeof *at);
    if (r == NULL || views == NULL || at == NULL) return ORION_ERROR_NO_MEMORY;
    *r = (cpu_reference){.input_count = n->input_count,
                         .result_count = n->result_count,
                         .elements = orn_arena_alloc(&plan->arena, count * sizeof *r->elements),
                         .dtypes = orn_arena_alloc(&plan->arena, count * sizeof *r->dtypes)};
    if (r->elements == NULL || r->dtypes == NULL ||
        !ORN_GROW(&p->allocator, plan->graphs, plan->graph_capacity, plan->graph_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(graph_of(p, n, &r->graph));
    plan->graphs[plan->graph_count++] = r->graph;
    for (uint32_t i = 0; i < count; i++) {
        if (i < n->input_count) {
            TRY(cpu_need_packed(p, cpu_input(p, n, i), &views[i]));
        } else {
            TRY(cpu_result(p, n->result + i - n->input_count, NULL, &views[i]));
        }
        at[i] = &views[i];
        r->elements[i] = (size_t)cpu_elements(views[i].rank, views[i].dims);
        r->dtypes[i] = views[i].dtype;
    }
    if (!scratch_bytes(r, &scratch)) return ORION_ERROR_NO_MEMORY;
    TRY(cpu_emit(p, cpu_step_reference, r, at, count, scratch));
    plan->code.stats.reference_steps++;
    for (size_t i = 0; i < n->input_count; i++) cpu_served(p, cpu_input(p, n, i));
    return ORION_OK;
}
