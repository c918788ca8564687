/* SPDX-License-Identifier: MIT */
/* Plans: making one, looking at one, printing one. */
#include "../mil-plan.h"

#include <stdio.h>

/* ---- making one ---- */

static orion_status make_legal(mil_planner *p, const orion_ir_graph *graph) {
    const mil_side_options sides = {.gradients_on_device = p->options.weight_gradients != 0};
    orion_ir_graph *legal, *half = NULL;
    bool uniform = mil_rule_holds(p->target, "E-2") || mil_rule_holds(p->target, "E-18");
    bool wide = p->options.wide_ports != 0 && !uniform;
    TRY(mil_legalize_ops(graph, p->target, &sides, &p->allocator, p->diag, &legal));
    orion_status status = mil_sides_find(legal, p->target, &sides, &p->allocator, &p->sides);
    if (status == ORION_OK)
        status = mil_make_half(legal, p->target, &p->sides, wide, &p->allocator, p->diag, &half);
    orion_ir_graph_destroy(&legal);
    p->g = half;
    return status;
}

static orion_status make_plan(mil_planner *p, const orion_ir_graph *graph) {
    TRY(make_legal(p, graph));
    TRY(mil_order_steps(p));
    TRY(mil_cut_parts(p));
    TRY(mil_order_parts(p));
    return mil_emit_plan(p);
}

static void clear_planner(mil_planner *p) {
    size_t ids = p->value_bound * sizeof(uint32_t);
    mil_sides_free(&p->sides);
    orn_free(&p->allocator, p->steps, p->step_bytes);
    orn_free(&p->allocator, p->step_of, ids);
    orn_free(&p->allocator, p->source_of, ids);
    orn_free(&p->allocator, p->exported, p->value_bound);
    orn_free(&p->allocator, p->parts, p->part_capacity * sizeof *p->parts);
    orion_ir_graph_destroy(&p->g);
}

static orion_status partition(const orion_ir_graph *graph, const orion_mil_target *target,
                              const orion_mil_partition_options *options, bool whole,
                              const orion_allocator *allocator, orion_diag *diag,
                              orion_mil_plan **out_plan) {
    mil_planner p = {.allocator = orn_allocator(allocator), .diag = diag, .target = target};
    *out_plan = NULL;
    TRY(orn_check_size(options, &p.options, sizeof p.options));
    p.sides.allocator = p.allocator;
    p.whole_phases = whole;
    p.plan = orn_zalloc(&p.allocator, sizeof *p.plan);
    if (p.plan == NULL) return ORION_ERROR_NO_MEMORY;
    orn_arena_init(&p.plan->arena, &p.allocator);
    orion_status status = make_plan(&p, graph);
    clear_planner(&p);
    if (status != ORION_OK) {
        orion_mil_plan_destroy(&p.plan);
        return status;
    }
    *out_plan = p.plan;
    return ORION_OK;
}

orion_status orion_mil_partition(const orion_ir_graph *graph, const orion_mil_target *target,
                                 const orion_mil_partition_options *options,
                                 const orion_allocator *allocator, orion_diag *diag,
                                 orion_mil_plan **out_plan) {
    return partition(graph, target, options, false, allocator, diag, out_plan);
}

orion_status orion_mil_legalize(const orion_ir_graph *graph, const orion_mil_target *target,
                                const orion_mil_partition_options *options,
                                const orion_allocator *allocator, orion_diag *diag,
                                orion_mil_plan **out_plan) {
    TRY(partition(graph, target, options, true, allocator, diag, out_plan));
    size_t dispatches = 0;
    const orion_mil_plan *plan = *out_plan;
    for (size_t i = 0; i < plan->call_count; i++)
        dispatches += plan->programs[plan->calls[i].program].shown.on_host == 0;
    if (dispatches == 1) return ORION_OK;
    ORN_ERROR(diag, MIL_PLAN, orion_ir_graph_name(graph),
              "the graph is %zu programs for %s, not one", dispatches,
              orion_mil_target_name(target));
    orion_mil_plan_destroy(out_plan);
    return ORION_ERROR_UNSUPPORTED;
}

void orion_mil_plan_destroy(orion_mil_plan **plan) {
    if (plan == NULL || *plan == NULL) return;
    orion_mil_plan *p = *plan;
    *plan = NULL;
    orion_allocator a = p->arena.allocator;
    for (size_t i = 0; i < p->program_count; i++) {
        orion_ir_graph_destroy(&p->programs[i].graph);
        orion_ir_graph_destroy(&p->programs[i].before);
        orion_ir_graph_destroy(&p->programs[i].after);
    }
    orn_free(&a, p->programs, p->program_capacity * sizeof *p->programs);
    orn_free(&a, p->calls, p->call_capacity * sizeof *p->calls);
    orn_free(&a, p->values, p->value_capacity * sizeof *p->values);
    orn_arena_clear(&p->arena);
    orn_free(&a, p, sizeof *p);
}

/* ---- looking at one ---- */

size_t orion_mil_plan_program_count(const orion_mil_plan *plan) {
    return plan->program_count;
}

size_t orion_mil_plan_call_count(const orion_mil_plan *plan) {
    return plan->call_count;
}

size_t orion_mil_plan_value_count(const orion_mil_plan *plan) {
    return plan->value_count;
}

/* Item i of `count`, `known` bytes each and `stride` apart; zeros past the end. */
static orion_status show(const void *items, size_t count, size_t stride, size_t i, void *out,
                         const void *zeros, size_t known) {
    const void *item = i < count ? (const char *)items + i * stride : zeros;
    TRY(orn_fill_sized(item, out, known));
    return i < count ? ORION_OK : ORION_ERROR_NOT_FOUND;
}

orion_status orion_mil_plan_get_program(const orion_mil_plan *plan, size_t i,
                                        orion_mil_plan_program *out_program) {
    static const orion_mil_plan_program none;
    return show(plan->programs, plan->program_count, sizeof *plan->programs, i, out_program, &none,
                sizeof none);
}

orion_status orion_mil_plan_get_call(const orion_mil_plan *plan, size_t i,
                                     orion_mil_plan_call *out_call) {
    static const orion_mil_plan_call none;
    return show(plan->calls, plan->call_count, sizeof *plan->calls, i, out_call, &none,
                sizeof none);
}

orion_status orion_mil_plan_get_value(const orion_mil_plan *plan, size_t i,
                                      orion_mil_plan_value *out_value) {
    static const orion_mil_plan_value none;
    return show(plan->values, plan->value_count, sizeof *plan->values, i, out_value, &none,
                sizeof none);
}

size_t orion_mil_plan_output(const orion_mil_plan *plan, size_t i) {
    return i < plan->output_count ? plan->outputs[i] : SIZE_MAX;
}

/* ---- printing one ---- */

/* Bytes as megabytes with two places behind the point. */
static void print_megabytes(orn_text *t, uint64_t bytes) {
    uint64_t hundredths = bytes / 10000;
    char text[32];
    int n = snprintf(text, sizeof text, "%llu.%02llu", (unsigned long long)(hundredths / 100),
                     (unsigned long long)(hundredths % 100));
    while (n++ < 11) orn_text_char(t, ' ');
    orn_text_puts(t, text);
}

static void print_number(orn_text *t, uint64_t number, int width) {
    char text[32];
    int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    while (n++ < width) orn_text_char(t, ' ');
    orn_text_puts(t, text);
}

static void print_program(orn_text *t, const orion_mil_plan_program *program) {
    size_t n = strlen(program->name);
    orn_text_puts(t, program->name);
    while (n++ < 12) orn_text_char(t, ' ');
    orn_text_puts(t, program->on_host != 0 ? "host  " : "device");
    print_number(t, program->ops, 6);
    print_megabytes(t, program->constant_bytes);
    print_megabytes(t, program->port_bytes);
    print_megabytes(t, program->largest_bytes);
    print_number(t, program->on_host != 0 ? 0 : program->calls, 11);
    if (program->on_host != 0) orn_text_printf(t, "  %u x %s", program->calls, program->reasons);
    orn_text_char(t, '\n');
}

orion_status orion_mil_plan_print(const orion_mil_plan *plan, const orion_writer *writer) {
    orn_text t;
    uint64_t dispatches = 0, constants = 0;
    orn_text_init(&t, &plan->arena.allocator);
    orn_text_puts(&t, "program     where    ops weights MB   ports MB operand MB dispatches\n");
    for (size_t i = 0; i < plan->program_count; i++) {
        const orion_mil_plan_program *program = &plan->programs[i].shown;
        print_program(&t, program);
        constants += program->constant_bytes;
        if (program->on_host == 0) dispatches += program->calls;
    }
    orn_text_puts(&t, "all                     ");
    print_megabytes(&t, constants);
    print_number(&t, dispatches, 33);
    orn_text_char(&t, '\n');
    orion_status status = orn_text_status(&t);
    if (status == ORION_OK) status = writer->write(writer->ctx, t.data, t.size);
    orn_text_free(&t);
    return status;
}
