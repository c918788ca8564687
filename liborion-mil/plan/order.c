/* SPDX-License-Identifier: MIT */
/*
 * The order in which a legal graph runs.
 *
 * Host and device take turns: the phase of a node is how often the path to it has changed sides.
 * All nodes of one phase and side depend on earlier phases and on each other alone, so they can run
 * as one program, and any cut of their list makes programs that can run one after the other.
 *
 * A node runs as late as its users allow. That matters to gradients: what a rule computes again
 * from values of the forward phase could run there, but belongs to the backward phase, and its
 * operands, which are kept anyway, cross instead of its result.
 */
#include "../mil-plan.h"

/* Does only the conversion between a float the caller has and one of another dtype. */
static bool is_float_cast(const mil_planner *p, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_cast || mil_node_side(&p->sides, n) != MIL_SIDE_HOST)
        return false;
    orion_ir_value x = orion_ir_node_input(n, 0), y = orion_ir_node_result(n, 0);
    return mil_is_float(orion_ir_value_type(p->g, x).dtype) &&
           mil_is_float(orion_ir_value_type(p->g, y).dtype);
}

/* An input in another dtype: whoever fills the value converts. */
static bool converts_input(const mil_planner *p, const orion_ir_node *n) {
    return is_float_cast(p, n) && orion_ir_value_node(p->g, orion_ir_node_input(n, 0)) == NULL;
}

/* An output in another dtype: whoever reads the value converts. */
static bool converts_output(const mil_planner *p, const orion_ir_node *n, const uint8_t *used) {
    const orion_ir_node *made = orion_ir_value_node(p->g, orion_ir_node_input(n, 0));
    return is_float_cast(p, n) && used[orion_ir_node_result(n, 0).id] == 0 &&
           !mil_is_const_node(made);
}

static void find_sources(mil_planner *p, uint8_t *used) {
    for (uint32_t id = 0; id < p->value_bound; id++) p->source_of[id] = id;
    mil_foreach_node(p->g, n) {
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++)
            used[orion_ir_node_input(n, i).id] = 1;
    }
    mil_foreach_node(p->g, n) {
        if (converts_input(p, n) || converts_output(p, n, used))
            p->source_of[orion_ir_node_result(n, 0).id] = orion_ir_node_input(n, 0).id;
    }
}

/* ---- phases ---- */

static uint32_t after(const mil_step *made, uint32_t side) {
    return made->side == side ? made->phase : made->phase + 1;
}

/* The step that makes operand i, or NULL. */
static mil_step *maker(const mil_planner *p, const orion_ir_node *n, size_t i) {
    uint32_t step = p->step_of[orion_ir_node_input(n, i).id];
    return step == 0 ? NULL : &p->steps[step - 1];
}

static void list_steps(mil_planner *p) {
    mil_foreach_node(p->g, n) {
        uint32_t id = orion_ir_node_result(n, 0).id;
        if (mil_is_const_node(n) || p->source_of[id] != id) continue;
        mil_step *step = &p->steps[p->step_count++];
        *step = (mil_step){.node = n, .side = (uint32_t)mil_node_side(&p->sides, n)};
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
            const mil_step *made = maker(p, n, i);
            if (made != NULL) step->phase = ORN_MAX(step->phase, after(made, step->side));
        }
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            p->step_of[orion_ir_node_result(n, i).id] = (uint32_t)p->step_count;
    }
}

/* `latest` holds, per step, the last phase that its users allow. */
static void run_late(mil_planner *p, uint32_t *latest) {
    for (size_t i = 0; i < p->step_count; i++) latest[i] = UINT32_MAX;
    for (size_t i = 0; i < orion_ir_graph_output_count(p->g); i++) {
        uint32_t step = p->step_of[p->source_of[orion_ir_graph_output(p->g, i).id]];
        if (step != 0) latest[step - 1] = p->steps[step - 1].phase;
    }
    for (size_t k = p->step_count; k-- > 0;) {
        mil_step *step = &p->steps[k];
        if (latest[k] != UINT32_MAX) step->phase = ORN_MAX(step->phase, latest[k]);
        for (size_t i = 0; i < orion_ir_node_input_count(step->node); i++) {
            const mil_step *made = maker(p, step->node, i);
            if (made == NULL) continue;
            uint32_t most = made->side == step->side ? step->phase : step->phase - 1;
            uint32_t *last = &latest[made - p->steps];
            *last = ORN_MIN(*last, most);
        }
    }
}

/*
 * A phase of the device that nobody needs but outputs (the gradient of a bias, if it depends on the
 * seed alone) is no program of its own: its steps run with the next phase that has some.
 */
static orion_status join_idle_phases(mil_planner *p) {
    enum { EMPTY = 0, IDLE = 1, NEEDED = 2 };
    uint32_t phases = 0;
    for (size_t i = 0; i < p->step_count; i++) phases = ORN_MAX(phases, p->steps[i].phase + 1);
    uint8_t *kind = orn_zalloc(&p->allocator, phases);
    uint32_t *to = orn_alloc(&p->allocator, phases * sizeof *to);
    bool fine = kind != NULL && to != NULL;
    for (size_t i = 0; i < p->step_count && fine; i++) {
        const mil_step *step = &p->steps[i];
        if (step->side == MIL_SIDE_DEVICE) kind[step->phase] = ORN_MAX(kind[step->phase], IDLE);
        for (size_t k = 0; k < orion_ir_node_input_count(step->node); k++) {
            const mil_step *made = maker(p, step->node, k);
            if (made == NULL || made->side != MIL_SIDE_DEVICE) continue;
            if (made->phase != step->phase || made->side != step->side) kind[made->phase] = NEEDED;
        }
    }
    for (uint32_t phase = phases, next = 0; fine && phase-- > 0;) {
        bool joins = kind[phase] == IDLE && next != 0;
        to[phase] = joins ? next : phase;
        if (kind[phase] != EMPTY && !joins) next = phase;
    }
    for (size_t i = 0; i < p->step_count && fine; i++) {
        if (p->steps[i].side == MIL_SIDE_DEVICE) p->steps[i].phase = to[p->steps[i].phase];
    }
    orn_free(&p->allocator, kind, phases);
    orn_free(&p->allocator, to, phases * sizeof *to);
    return fine ? ORION_OK : ORION_ERROR_NO_MEMORY;
}

/* A stable sort by phase and side: places are counted. */
static orion_status sort_steps(mil_planner *p) {
    uint32_t phases = 0;
    for (size_t i = 0; i < p->step_count; i++) phases = ORN_MAX(phases, p->steps[i].phase + 1);
    size_t keys = (size_t)phases * 2 + 1;
    size_t *place = orn_zalloc(&p->allocator, keys * sizeof *place);
    mil_step *sorted = orn_alloc(&p->allocator, p->step_bytes);
    if (place != NULL && sorted != NULL) {
        for (size_t i = 0; i < p->step_count; i++)
            place[p->steps[i].phase * 2 + (p->steps[i].side == MIL_SIDE_DEVICE) + 1]++;
        for (size_t k = 1; k < keys; k++) place[k] += place[k - 1];
        for (size_t i = 0; i < p->step_count; i++) {
            const mil_step *step = &p->steps[i];
            sorted[place[step->phase * 2 + (step->side == MIL_SIDE_DEVICE)]++] = *step;
        }
        memcpy(p->steps, sorted, p->step_count * sizeof *sorted);
        for (size_t i = 0; i < p->step_count; i++) {
            const orion_ir_node *n = p->steps[i].node;
            for (size_t k = 0; k < orion_ir_node_result_count(n); k++)
                p->step_of[orion_ir_node_result(n, k).id] = (uint32_t)i + 1;
        }
    }
    bool fine = place != NULL && sorted != NULL;
    orn_free(&p->allocator, place, keys * sizeof *place);
    orn_free(&p->allocator, sorted, p->step_bytes);
    return fine ? ORION_OK : ORION_ERROR_NO_MEMORY;
}

orion_status mil_order_steps(mil_planner *p) {
    size_t count = orion_ir_graph_node_count(p->g);
    p->value_bound = orion_ir_graph_value_bound(p->g);
    p->step_bytes = count * sizeof *p->steps;
    p->steps = orn_alloc(&p->allocator, p->step_bytes);
    p->step_of = orn_zalloc(&p->allocator, p->value_bound * sizeof *p->step_of);
    p->source_of = orn_zalloc(&p->allocator, p->value_bound * sizeof *p->source_of);
    p->exported = orn_zalloc(&p->allocator, p->value_bound);
    uint32_t *latest = orn_alloc(&p->allocator, count * sizeof *latest);
    bool fine = p->steps != NULL && p->step_of != NULL && p->source_of != NULL &&
                p->exported != NULL && latest != NULL;
    orion_status status = ORION_ERROR_NO_MEMORY;
    if (fine) {
        find_sources(p, p->exported);
        memset(p->exported, 0, p->value_bound);
        list_steps(p);
        run_late(p, latest);
        status = join_idle_phases(p);
        if (status == ORION_OK) status = sort_steps(p);
    }
    orn_free(&p->allocator, latest, count * sizeof *latest);
    return status;
}

/* ---- the order of calls ---- */

static int compare_parts(const mil_part *a, const mil_part *b) {
    if (a->turn != b->turn) return a->turn < b->turn ? -1 : 1;
    if (a->side != b->side) return a->side == MIL_SIDE_DEVICE ? -1 : 1;
    return a->begin < b->begin ? -1 : 1;
}

/* Bottom-up merge sort: parts may be many, and the order must not depend on a C library. */
static void merge_sort(mil_part *parts, mil_part *room, size_t count) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; begin < count; begin += 2 * width) {
            size_t middle = ORN_MIN(begin + width, count), end = ORN_MIN(begin + 2 * width, count);
            size_t a = begin, b = middle;
            for (size_t k = begin; k < end; k++) {
                bool left = a < middle && (b == end || compare_parts(&parts[a], &parts[b]) < 0);
                room[k] = parts[left ? a++ : b++];
            }
        }
        memcpy(parts, room, count * sizeof *parts);
    }
}

/*
 * Parts of the device run in order, from turn 1. One of the host runs behind the last part of the
 * device that it needs, so that what it frees is free early, and the host works while the device
 * does.
 */
orion_status mil_order_parts(mil_planner *p) {
    uint32_t turns = 0;
    for (size_t k = 0; k < p->part_count; k++) {
        mil_part *part = &p->parts[k];
        if (part->side == MIL_SIDE_DEVICE) part->turn = ++turns;
        for (size_t s = part->begin; s < part->begin + part->count; s++) {
            const orion_ir_node *n = p->steps[s].node;
            for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
                const mil_step *made = maker(p, n, i);
                if (made == NULL || made->part == k) continue;
                p->exported[orion_ir_node_input(n, i).id] = 1;
                if (part->side == MIL_SIDE_HOST)
                    part->turn = ORN_MAX(part->turn, p->parts[made->part].turn);
            }
        }
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(p->g); i++)
        p->exported[p->source_of[orion_ir_graph_output(p->g, i).id]] = MIL_IS_OUTPUT;
    mil_part *room = orn_alloc(&p->allocator, p->part_count * sizeof *room);
    if (room == NULL) return ORION_ERROR_NO_MEMORY;
    merge_sort(p->parts, room, p->part_count);
    orn_free(&p->allocator, room, p->part_count * sizeof *room);
    return ORION_OK;
}
