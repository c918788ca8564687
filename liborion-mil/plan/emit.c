/* SPDX-License-Identifier: MIT */
/*
 * Parts as programs.
 *
 * Two parts are one program if their steps are: op, attributes and types, where operands come from
 * (which input, which earlier step, which constant), and which results leave. All of that is
 * written into a key, in which values are numbered as they are met; equal keys, equal programs. A
 * small constant stands in the key with its bytes, a large one with the place where they are.
 */
#include "../mil-plan.h"

#include <stdio.h>

typedef struct emitter {
    mil_planner *p;
    orn_map programs;           /* key -> program */
    orn_map names;              /* those that values of the legal graph have */
    size_t made_up;             /* names for the others so far */
    orn_text key;               /* of the part at hand */
    uint32_t *local;            /* by value id: its number in the part at hand */
    uint32_t *met_in;           /* by value id: 1 + the part in which it was met last */
    uint32_t *value_of;         /* by value id: 1 + the plan's value */
    uint32_t *inputs, *outputs; /* value ids of the part at hand, in the order of ports */
    size_t input_count, input_capacity, output_count, output_capacity;
    uint32_t locals;
} emitter;

/*
 * The type in which calls exchange a value. A column, such as what a norm divides by, is exchanged
 * as a row: one element a row would take 32 times the memory (rule X-20). A bool that the device
 * has made is exchanged as 1 or 0. Inputs and outputs of the graph keep their types.
 */
static orion_ir_type kept_type(const emitter *e, uint32_t id) {
    const mil_planner *p = e->p;
    orion_ir_type type = orion_ir_value_type(p->g, (orion_ir_value){id});
    const int64_t row[] = {1, orion_ir_type_elements(&type)};
    bool is_column = type.rank >= 2 && type.dims[type.rank - 1] == 1 && row[1] > 1;
    if (p->step_of[id] == 0 || p->exported[id] == MIL_IS_OUTPUT) return type;
    if (type.dtype == ORION_IR_BOOL && p->steps[p->step_of[id] - 1].side == MIL_SIDE_DEVICE)
        type.dtype = ORION_IR_F16;
    if (!is_column || !mil_rule_holds(p->target, "X-20")) return type;
    return orion_ir_type_make((orion_ir_dtype)type.dtype, 2, row);
}

/* A value as it is exchanged, and back. */
static orion_ir_value keep(orion_ir_builder *b, orion_ir_value v, orion_ir_type kept) {
    if (mil_type_of(b, v).dtype == ORION_IR_BOOL && kept.dtype == ORION_IR_F16) {
        orion_ir_type scalar = orion_ir_type_make(ORION_IR_F16, 0, NULL);
        orion_ir_value one = orion_ir_splat(b, scalar, 1), zero = orion_ir_splat(b, scalar, 0);
        v = orion_ir_select(b, v, one, zero);
    }
    return mil_reshape(b, v, kept.dims, kept.rank);
}

static orion_ir_value unkeep(orion_ir_builder *b, orion_ir_value v, orion_ir_type type) {
    if (mil_type_of(b, v).dtype == ORION_IR_F16 && type.dtype == ORION_IR_BOOL)
        v = orion_ir_less(b, mil_number(b, v, 0.5), v);
    return mil_reshape(b, v, type.dims, type.rank);
}

/* ---- keys ---- */

static void key_bytes(emitter *e, const void *bytes, size_t n) {
    orn_text_bytes(&e->key, bytes, n);
}

static void key_number(emitter *e, uint64_t number) {
    key_bytes(e, &number, sizeof number);
}

static void key_type(emitter *e, orion_ir_type type) {
    key_number(e, (uint64_t)type.dtype << 32 | type.rank);
    key_bytes(e, type.dims, type.rank * sizeof *type.dims);
}

static void key_constant(emitter *e, const orion_ir_node *n) {
    enum { SMALL = 4096 };
    size_t bytes, offset;
    const void *data = orion_ir_node_data(n, &bytes);
    const orion_blob *blob = orion_ir_node_blob(n, &offset);
    key_number(e, bytes);
    if (bytes <= SMALL) {
        key_bytes(e, data, bytes);
    } else {
        key_number(e, (uint64_t)(uintptr_t)blob);
        key_number(e, offset);
    }
}

static void key_attributes(emitter *e, const orion_ir_node *n) {
    const orion_ir_attr_info *info;
    key_number(e, orion_ir_node_op(n));
    for (size_t i = 0; (info = orion_ir_op_attr(orion_ir_node_op(n), i)) != NULL; i++) {
        size_t count = 0;
        const int64_t *ints = orion_ir_node_ints(n, info->name, &count);
        double real = orion_ir_node_float(n, info->name);
        key_number(e, (uint64_t)orion_ir_node_int(n, info->name));
        key_bytes(e, &real, sizeof real);
        key_number(e, count);
        if (count != 0) key_bytes(e, ints, count * sizeof *ints);
    }
}

static orion_status push(emitter *e, uint32_t **list, size_t *count, size_t *capacity,
                         uint32_t id) {
    if (!orn_grow(&e->p->allocator, (void **)list, capacity, *count + 1, sizeof **list))
        return ORION_ERROR_NO_MEMORY;
    (*list)[(*count)++] = id;
    return ORION_OK;
}

static void meet(emitter *e, uint32_t part, uint32_t id) {
    e->met_in[id] = part + 1;
    e->local[id] = e->locals++;
}

static orion_status key_operand(emitter *e, uint32_t part, orion_ir_value v) {
    const orion_ir_node *def = orion_ir_value_node(e->p->g, v);
    if (e->met_in[v.id] != part + 1) {
        meet(e, part, v.id);
        key_number(e, UINT64_MAX - (mil_is_const_node(def) ? 1 : 0)); /* a new value */
        key_type(e, orion_ir_value_type(e->p->g, v));
        if (mil_is_const_node(def)) {
            key_constant(e, def);
        } else {
            key_type(e, kept_type(e, v.id));
            TRY(push(e, &e->inputs, &e->input_count, &e->input_capacity, v.id));
        }
    }
    key_number(e, e->local[v.id]);
    return ORION_OK;
}

/* Key and ports of a part. */
static orion_status describe(emitter *e, uint32_t index) {
    const mil_part *part = &e->p->parts[index];
    e->key.size = 0;
    e->locals = 0;
    e->input_count = e->output_count = 0;
    key_number(e, part->side);
    for (size_t s = part->begin; s < part->begin + part->count; s++) {
        const orion_ir_node *n = e->p->steps[s].node;
        key_attributes(e, n);
        key_number(e, orion_ir_node_input_count(n));
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++)
            TRY(key_operand(e, index, orion_ir_node_input(n, i)));
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
            orion_ir_value v = orion_ir_node_result(n, i);
            meet(e, index, v.id);
            key_type(e, orion_ir_value_type(e->p->g, v));
            key_number(e, e->p->exported[v.id] != 0);
            if (e->p->exported[v.id] == 0) continue;
            key_type(e, kept_type(e, v.id));
            TRY(push(e, &e->outputs, &e->output_count, &e->output_capacity, v.id));
        }
    }
    return orn_text_status(&e->key);
}

/* ---- values ---- */

static uint32_t graph_input(const orion_ir_graph *g, orion_ir_value v) {
    size_t i = 0;
    if (orion_ir_value_node(g, v) != NULL) return ORION_MIL_NO_INPUT;
    while (i < orion_ir_graph_input_count(g) && orion_ir_graph_input(g, i).id != v.id) i++;
    return (uint32_t)i;
}

static orion_status take_name(emitter *e, const char *name) {
    return name == NULL ? ORION_OK : orn_map_put(&e->names, name, strlen(name), 1);
}

static orion_status take_names(emitter *e) {
    const orion_ir_graph *g = e->p->g;
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++)
        TRY(take_name(e, orion_ir_value_name(g, orion_ir_graph_input(g, i))));
    mil_foreach_node(g, n) {
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            TRY(take_name(e, orion_ir_value_name(g, orion_ir_node_result(n, i))));
    }
    return ORION_OK;
}

static orion_status plan_value(emitter *e, uint32_t id, uint32_t *out) {
    mil_planner *p = e->p;
    orion_mil_plan *plan = p->plan;
    orion_ir_value source = {p->source_of[id]};
    if (e->value_of[id] == 0) {
        char made_up[24];
        const char *name = orion_ir_value_name(p->g, source);
        if (name == NULL) {
            do {
                snprintf(made_up, sizeof made_up, "v%zu", e->made_up++);
            } while (orn_map_get(&e->names, made_up, strlen(made_up)) != NULL);
            name = made_up;
        }
        name = orn_arena_strndup(&plan->arena, name, strlen(name));
        if (name == NULL || !ORN_GROW(&plan->arena.allocator, plan->values, plan->value_capacity,
                                      plan->value_count + 1))
            return ORION_ERROR_NO_MEMORY;
        plan->values[plan->value_count++] =
            (orion_mil_plan_value){.size = sizeof(orion_mil_plan_value),
                                   .name = name,
                                   .type = kept_type(e, id),
                                   .input = graph_input(p->g, source)};
        e->value_of[id] = (uint32_t)plan->value_count;
    }
    *out = e->value_of[id] - 1;
    return ORION_OK;
}

static orion_status plan_values(emitter *e, const uint32_t *ids, size_t count,
                                const uint32_t **out) {
    uint32_t *list = orn_arena_alloc(&e->p->plan->arena, count * sizeof *list);
    if (list == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) TRY(plan_value(e, ids[i], &list[i]));
    *out = list;
    return ORION_OK;
}

/* ---- calls ---- */

static orion_status find_program(emitter *e, uint32_t part, uint32_t *out) {
    orion_mil_plan *plan = e->p->plan;
    const uint32_t *known = orn_map_get(&e->programs, e->key.data, e->key.size);
    if (known != NULL) {
        *out = *known;
        return ORION_OK;
    }
    const char *key = orn_arena_strndup(&plan->arena, e->key.data, e->key.size);
    if (key == NULL || !ORN_GROW(&plan->arena.allocator, plan->programs, plan->program_capacity,
                                 plan->program_count + 1))
        return ORION_ERROR_NO_MEMORY;
    *out = (uint32_t)plan->program_count;
    TRY(orn_map_put(&e->programs, key, e->key.size, *out));
    plan->programs[plan->program_count++] = (mil_plan_program){.part = part};
    return ORION_OK;
}

static orion_status add_call(emitter *e, uint32_t part) {
    orion_mil_plan *plan = e->p->plan;
    orion_mil_plan_call call = {.size = sizeof call};
    TRY(describe(e, part));
    TRY(find_program(e, part, &call.program));
    TRY(plan_values(e, e->inputs, e->input_count, &call.inputs));
    TRY(plan_values(e, e->outputs, e->output_count, &call.outputs));
    call.input_count = e->input_count;
    call.output_count = e->output_count;
    if (!ORN_GROW(&plan->arena.allocator, plan->calls, plan->call_capacity, plan->call_count + 1))
        return ORION_ERROR_NO_MEMORY;
    plan->calls[plan->call_count++] = call;
    plan->programs[call.program].shown.calls++;
    return ORION_OK;
}

/* ---- programs ---- */

/* The names that values have in the plan, if they are sorted and differ; else numbers in front of
 * them; numbers alone for a program that is called for several layers. */
typedef struct port_names {
    bool sorted, shared;
    unsigned digits;
    char letter;
} port_names;

static const char *value_name(const emitter *e, uint32_t id) {
    return e->p->plan->values[e->value_of[id] - 1].name;
}

static port_names name_ports(const emitter *e, const uint32_t *ids, size_t count, bool shared,
                             char letter) {
    port_names names = {.sorted = true, .shared = shared, .digits = 1, .letter = letter};
    for (size_t most = 10; most < count; most *= 10) names.digits++;
    for (size_t i = 1; i < count; i++)
        names.sorted &= strcmp(value_name(e, ids[i - 1]), value_name(e, ids[i])) < 0;
    return names;
}

/* In e->key, until the next call. */
static const char *port_name(emitter *e, const port_names *names, uint32_t id, size_t i) {
    const char *name = value_name(e, id);
    enum { LONGEST = 240 };
    orn_text *t = &e->key;
    t->size = 0;
    if (names->sorted && !names->shared) {
        orn_text_puts(t, name);
        return t->data;
    }
    char number[24];
    snprintf(number, sizeof number, "%0*zu", (int)names->digits, i);
    orn_text_printf(t, "%c%s", names->letter, number);
    if (!names->shared && strlen(name) <= LONGEST) orn_text_printf(t, "_%s", name);
    return t->data;
}

/* One builder with what stands for each value of the legal graph; e->local has the ids. */
static orion_ir_value take_operand(emitter *e, orion_ir_builder *b, uint32_t part,
                                   orion_ir_value v) {
    const orion_ir_node *def = orion_ir_value_node(e->p->g, v);
    if (e->met_in[v.id] != part + 1) {
        e->met_in[v.id] = part + 1;
        e->local[v.id] = mil_emit_like(b, e->p->g, def, NULL).id;
    }
    return (orion_ir_value){e->local[v.id]};
}

static orion_status emit_steps(emitter *e, orion_ir_builder *b, uint32_t index) {
    const mil_part *part = &e->p->parts[index];
    orion_ir_value few[8], *operands = few;
    size_t room = ORN_COUNT(few);
    orion_status status = ORION_OK;
    for (size_t s = part->begin; s < part->begin + part->count && status == ORION_OK; s++) {
        const orion_ir_node *n = e->p->steps[s].node;
        size_t count = orion_ir_node_input_count(n);
        if (count > room) {
            if (operands != few) orn_free(&e->p->allocator, operands, room * sizeof *operands);
            operands = orn_alloc(&e->p->allocator, count * sizeof *operands);
            if (operands == NULL) return ORION_ERROR_NO_MEMORY;
            room = count;
        }
        for (size_t i = 0; i < count; i++)
            operands[i] = take_operand(e, b, index, orion_ir_node_input(n, i));
        orion_ir_value first = mil_emit_like(b, e->p->g, n, operands);
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
            uint32_t id = orion_ir_node_result(n, i).id;
            e->met_in[id] = index + 1;
            e->local[id] = orion_ir_result(b, first, i).id;
        }
    }
    if (operands != few) orn_free(&e->p->allocator, operands, room * sizeof *operands);
    return status;
}

static void count_work(mil_plan_program *program) {
    orion_mil_plan_program *shown = &program->shown;
    const orion_ir_graph *g = program->graph;
    mil_foreach_node(g, n) {
        if (mil_is_const_node(n)) {
            shown->constant_bytes += mil_value_bytes(g, orion_ir_node_result(n, 0));
            continue;
        }
        shown->ops++;
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            shown->largest_bytes =
                ORN_MAX(shown->largest_bytes, mil_value_bytes(g, orion_ir_node_result(n, i)));
    }
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        uint64_t bytes = mil_value_bytes(g, orion_ir_graph_input(g, i));
        shown->port_bytes += bytes;
        shown->largest_bytes = ORN_MAX(shown->largest_bytes, bytes);
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++)
        shown->port_bytes += mil_value_bytes(g, orion_ir_graph_output(g, i));
}

/* Why its steps stay on the host, as a list of reasons. */
static orion_status list_reasons(emitter *e, mil_plan_program *program) {
    const mil_part *part = &e->p->parts[program->part];
    unsigned seen = 0;
    orn_text *t = &e->key;
    t->size = 0;
    orn_text_puts(t, "");
    for (size_t s = part->begin; s < part->begin + part->count; s++)
        seen |= 1u << mil_reason_of(&e->p->sides, orion_ir_node_result(e->p->steps[s].node, 0));
    for (unsigned r = MIL_REASON_INTEGERS; r <= MIL_REASON_FEEDS_HOST; r++) {
        if ((seen & 1u << r) == 0) continue;
        orn_text_printf(t, "%s%s", t->size == 0 ? "" : ", ", mil_reason_name((mil_reason)r));
    }
    TRY(orn_text_status(t));
    program->shown.reasons = orn_arena_strndup(&e->p->plan->arena, t->data, t->size);
    return program->shown.reasons == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status build_graph(emitter *e, mil_plan_program *program) {
    orion_ir_builder *b;
    uint32_t part = program->part;
    bool shared = program->shown.calls > 1;
    memset(e->met_in, 0, e->p->value_bound * sizeof *e->met_in);
    TRY(describe(e, part));
    memset(e->met_in, 0, e->p->value_bound * sizeof *e->met_in);
    port_names in = name_ports(e, e->inputs, e->input_count, shared, 'i');
    port_names out = name_ports(e, e->outputs, e->output_count, shared, 'o');
    TRY(orion_ir_builder_create(program->shown.name, &e->p->allocator, &b));
    for (size_t i = 0; i < e->input_count; i++) {
        uint32_t id = e->inputs[i];
        orion_ir_type type = orion_ir_value_type(e->p->g, (orion_ir_value){id});
        orion_ir_value v = orion_ir_input(b, port_name(e, &in, id, i), kept_type(e, id));
        e->met_in[id] = part + 1;
        e->local[id] = unkeep(b, v, type).id;
    }
    orion_status status = emit_steps(e, b, part);
    for (size_t i = 0; i < e->output_count && status == ORION_OK; i++) {
        orion_ir_type type = kept_type(e, e->outputs[i]);
        orion_ir_value v = {e->local[e->outputs[i]]};
        const char *name = port_name(e, &out, e->outputs[i], i);
        status = orn_text_status(&e->key);
        if (status == ORION_OK) orion_ir_output(b, name, keep(b, v, type));
    }
    if (status == ORION_OK) return orion_ir_builder_finish(&b, e->p->diag, &program->graph);
    orion_ir_builder_destroy(&b);
    return status;
}

static orion_status build_program(emitter *e, size_t i) {
    mil_plan_program *program = &e->p->plan->programs[i];
    char name[24];
    int n = snprintf(name, sizeof name, "program_%zu", i);
    program->shown.name = orn_arena_strndup(&e->p->plan->arena, name, (size_t)n);
    if (program->shown.name == NULL) return ORION_ERROR_NO_MEMORY;
    program->shown.on_host = e->p->parts[program->part].side == MIL_SIDE_HOST;
    TRY(build_graph(e, program));
    TRY(list_reasons(e, program));
    if (program->shown.on_host == 0) TRY(mil_make_uniform(e->p, program));
    count_work(program);
    program->shown.size = sizeof program->shown;
    program->shown.graph = program->graph;
    program->shown.before = program->before;
    program->shown.after = program->after;
    return ORION_OK;
}

static orion_status list_outputs(emitter *e) {
    orion_mil_plan *plan = e->p->plan;
    plan->output_count = orion_ir_graph_output_count(e->p->g);
    plan->outputs = orn_arena_alloc(&plan->arena, plan->output_count * sizeof *plan->outputs);
    if (plan->outputs == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < plan->output_count; i++) {
        uint32_t id = orion_ir_graph_output(e->p->g, i).id;
        TRY(plan_value(e, e->p->source_of[id], &plan->outputs[i]));
    }
    return ORION_OK;
}

static orion_status emit_all(emitter *e) {
    TRY(take_names(e));
    for (uint32_t part = 0; part < e->p->part_count; part++) TRY(add_call(e, part));
    TRY(list_outputs(e));
    for (size_t i = 0; i < e->p->plan->program_count; i++) TRY(build_program(e, i));
    return ORION_OK;
}

orion_status mil_emit_plan(mil_planner *p) {
    emitter e = {.p = p};
    size_t bytes = p->value_bound * sizeof *e.local;
    orn_map_init(&e.programs, &p->allocator);
    orn_map_init(&e.names, &p->allocator);
    orn_text_init(&e.key, &p->allocator);
    e.local = orn_zalloc(&p->allocator, bytes);
    e.met_in = orn_zalloc(&p->allocator, bytes);
    e.value_of = orn_zalloc(&p->allocator, bytes);
    bool fine = e.local != NULL && e.met_in != NULL && e.value_of != NULL;
    orion_status status = fine ? emit_all(&e) : ORION_ERROR_NO_MEMORY;
    orn_free(&p->allocator, e.local, bytes);
    orn_free(&p->allocator, e.met_in, bytes);
    orn_free(&p->allocator, e.value_of, bytes);
    orn_free(&p->allocator, e.inputs, e.input_capacity * sizeof *e.inputs);
    orn_free(&p->allocator, e.outputs, e.output_capacity * sizeof *e.outputs);
    orn_text_free(&e.key);
    orn_map_free(&e.programs);
    orn_map_free(&e.names);
    return status;
}
