/* SPDX-License-Identifier: MIT */
/*
 * The walk over the graph: every value ends as a view, every node as steps or as nothing.
 *
 * Whether memory may be overwritten is a matter of counting. A buffer's refs are the uses of the
 * values in it that no emitted step has served. A view node moves its uses to the buffer it looks
 * at; a node that waits (in a group, or as a deferred product) still holds the uses of its
 * operands. So refs equal to the uses that a step is about to serve means that nothing will read
 * the buffer after that step.
 */
#include "plan.h"

/* More groups than this are not kept waiting, so that searches and recursion stay short. */
enum { LAZY_DEPTH = 8, FOLLOW_DEPTH = 8 };

/* ---- buffers, constants, steps ---- */

static orion_status add_buffer(cpu_planner *p, cpu_buffer buffer, uint32_t *out) {
    if (!ORN_GROW(&p->allocator, p->buffers, p->buffer_capacity, p->buffer_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    buffer.first = CPU_NONE;
    p->buffers[p->buffer_count] = buffer;
    *out = (uint32_t)p->buffer_count++;
    return ORION_OK;
}

orion_status cpu_new_buffer(cpu_planner *p, size_t bytes, uint32_t *out) {
    return add_buffer(p, (cpu_buffer){.place = CPU_PLACE_WORKSPACE, .bytes = bytes}, out);
}

orion_status cpu_constant(cpu_planner *p, const void *data, size_t bytes, uint32_t *out_buffer) {
    cpu_buffer buffer = {.place = CPU_PLACE_CONSTANT, .data = data, .bytes = bytes, .fixed = true};
    return add_buffer(p, buffer, out_buffer);
}

orion_status cpu_own(cpu_planner *p, size_t bytes, void **out) {
    cpu_plan *plan = p->plan;
    if (!ORN_GROW(&p->allocator, plan->owned, plan->owned_capacity, plan->owned_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    *out = orn_alloc_aligned(&p->allocator, bytes, CPU_SCRATCH_ALIGN);
    if (*out == NULL) return ORION_ERROR_NO_MEMORY;
    plan->owned[plan->owned_count++] = (cpu_owned){.data = *out, .bytes = bytes};
    return ORION_OK;
}

const void *cpu_constant_data(const cpu_planner *p, const cpu_view *v) {
    const cpu_buffer *b = &p->buffers[v->buffer];
    return b->place == CPU_PLACE_CONSTANT ? (const char *)b->data + v->offset : NULL;
}

void *cpu_keep(cpu_planner *p, const void *desc, size_t bytes) {
    void *copy = orn_arena_alloc(&p->plan->arena, bytes);
    if (copy != NULL) memcpy(copy, desc, bytes);
    return copy;
}

/* Name of what the node being lowered gives, for diagnostics. */
static const char *subject_of(const cpu_planner *p, const cpu_node *n) {
    return orion_ir_value_name(p->graph, (orion_ir_value){n->result});
}

orion_status cpu_emit(cpu_planner *p, cpu_step_fn *run, const void *desc,
                      const cpu_view *const *views, size_t count, size_t scratch) {
    cpu_plan *plan = p->plan;
    if (desc == NULL ||
        !ORN_GROW(&p->allocator, plan->steps, plan->step_capacity, plan->step_count + 1) ||
        !ORN_GROW(&p->allocator, plan->addresses, plan->address_capacity,
                  plan->address_count + count)) {
        return ORION_ERROR_NO_MEMORY;
    }
    const cpu_node *n = &p->nodes[p->here];
    plan->steps[plan->step_count] = (cpu_step){.run = run,
                                               .desc = desc,
                                               .first = (uint32_t)plan->address_count,
                                               .count = (uint32_t)count,
                                               .op = n->op,
                                               .nodes = 1,
                                               .subject = subject_of(p, n)};
    for (size_t i = 0; i < count; i++) {
        cpu_buffer *b = &p->buffers[views[i]->buffer];
        if (b->first == CPU_NONE) b->first = (uint32_t)plan->step_count;
        b->last = (uint32_t)plan->step_count;
        /* The buffer's number, until cpu_place_buffers knows its place. */
        plan->addresses[plan->address_count++] =
            (cpu_address){.offset = (size_t)views[i]->offset, .port = views[i]->buffer};
    }
    plan->step_count++;
    plan->scratch_bytes = ORN_MAX(plan->scratch_bytes, scratch);
    return ORION_OK;
}

void cpu_emit_indices(cpu_planner *p, uint32_t which, int64_t limit) {
    cpu_step *step = &p->plan->steps[p->plan->step_count - 1];
    step->indices = which;
    step->limit = limit;
}

/* A chain without nodes: it loads one dtype and stores another. */
static orion_status converting_chain(orn_arena *arena, const cpu_view *from, const cpu_view *to,
                                     cpu_chain **out) {
    cpu_chain_input input = {.dtype = from->dtype};
    cpu_chain_output output = {.value = 0, .dtype = to->dtype};
    cpu_chain_desc desc = {
        .rank = from->rank, .inputs = &input, .outputs = &output, .n_inputs = 1, .n_outputs = 1};
    memcpy(desc.dims, from->dims, sizeof desc.dims);
    memcpy(input.strides, from->strides, sizeof input.strides);
    memcpy(output.strides, to->strides, sizeof output.strides);
    return cpu_chain_create(arena, &desc, out);
}

static cpu_copy copy_between(const cpu_view *from, const cpu_view *to) {
    cpu_copy copy = {.rank = from->rank, .element_bytes = (uint32_t)cpu_dtype_bytes(to->dtype)};
    for (uint32_t i = 0; i < from->rank; i++) {
        copy.dims[i] = from->dims[i];
        copy.src_strides[i] = from->strides[i] * copy.element_bytes;
        copy.dst_strides[i] = to->strides[i] * copy.element_bytes;
    }
    return copy;
}

orion_status cpu_emit_copy(cpu_planner *p, const cpu_view *from, const cpu_view *to) {
    const cpu_view *views[] = {from, to};
    if (from->dtype == to->dtype) {
        cpu_copy copy = copy_between(from, to);
        return cpu_emit(p, cpu_step_copy, cpu_keep(p, &copy, sizeof copy), views, 2, 0);
    }
    cpu_chain *chain;
    TRY(converting_chain(&p->plan->arena, from, to, &chain));
    return cpu_emit(p, cpu_step_chain, chain, views, 2, 0);
}

/* The same now, from a constant to memory of the plan. */
static orion_status copy_constant(cpu_planner *p, const cpu_view *from, cpu_view *to) {
    size_t bytes = (size_t)cpu_elements(to->rank, to->dims) * cpu_dtype_bytes(to->dtype);
    void *data;
    TRY(cpu_own(p, bytes, &data));
    void *at[] = {(void *)(uintptr_t)cpu_constant_data(p, from), data};
    if (from->dtype == to->dtype) {
        cpu_copy copy = copy_between(from, to);
        p->device->kernels->copy(p->device->pool, &copy, at[0], at[1]);
    } else {
        cpu_chain *chain;
        TRY(converting_chain(&p->arena, from, to, &chain));
        p->device->kernels->chain(p->device->pool, chain, at);
    }
    return cpu_constant(p, data, bytes, &to->buffer);
}

/* ---- values ---- */

uint32_t cpu_working_dtype(uint32_t dtype) {
    return dtype == ORION_IR_F16 || dtype == ORION_IR_BF16 ? ORION_IR_F32 : dtype;
}

static cpu_view packed_view(uint32_t buffer, uint32_t dtype, uint32_t rank, const int64_t *dims) {
    cpu_view v = {.buffer = buffer, .dtype = dtype, .rank = rank};
    memcpy(v.dims, dims, rank * sizeof *dims);
    cpu_strides_in_order(rank, dims, NULL, v.strides);
    return v;
}

orion_status cpu_temporary(cpu_planner *p, uint32_t dtype, uint32_t rank, const int64_t *dims,
                           cpu_view *out) {
    uint32_t buffer;
    size_t bytes;
    if (!orn_mul((size_t)cpu_elements(rank, dims), cpu_dtype_bytes(dtype), &bytes)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(cpu_new_buffer(p, bytes, &buffer));
    p->buffers[buffer].fixed = true;
    *out = packed_view(buffer, dtype, rank, dims);
    return ORION_OK;
}

void cpu_define(cpu_planner *p, uint32_t value, const cpu_view *view) {
    cpu_value *v = cpu_val(p, value);
    v->view = *view;
    v->has_view = true;
    v->is_lazy = false;
    p->buffers[view->buffer].refs += v->uses - v->inner;
}

void cpu_served(cpu_planner *p, uint32_t value) {
    p->buffers[cpu_val(p, value)->view.buffer].refs--;
}

bool cpu_dying(const cpu_planner *p, uint32_t value, uint32_t uses) {
    const cpu_buffer *b = &p->buffers[cpu_val(p, value)->view.buffer];
    return b->place == CPU_PLACE_WORKSPACE && !b->fixed && b->refs == uses;
}

/* The only use of a value hands its memory on: a reshape, or an update of it in place. */
static uint32_t follow(const cpu_planner *p, uint32_t value) {
    const cpu_value *v = cpu_val(p, value);
    for (uint32_t i = 0; i < v->user_count; i++) {
        const cpu_node *n = &p->nodes[p->users[v->first_user + i]];
        bool keeps = n->op == ORION_IR_OP_reshape || n->op == ORION_IR_OP_identity;
        bool updates = n->op == ORION_IR_OP_slice_update || n->op == ORION_IR_OP_scatter_add;
        if (keeps || (updates && v->uses == 1 && cpu_input(p, n, 0) == value)) return n->result;
    }
    return 0;
}

uint32_t cpu_output_of(const cpu_planner *p, uint32_t value) {
    for (int depth = 0; value != 0 && depth < FOLLOW_DEPTH; depth++) {
        uint32_t output = cpu_val(p, value)->output;
        if (output != CPU_NONE && p->outputs[output].owner == CPU_NONE) return output;
        value = follow(p, value);
    }
    return CPU_NONE;
}

bool cpu_wanted_order(const cpu_planner *p, uint32_t value, uint32_t *order) {
    const cpu_value *v = cpu_val(p, value);
    uint32_t rank = v->type.rank;
    if (v->user_count == 0 || v->user_count != v->uses || rank == 0) return false;
    for (uint32_t i = 0; i < v->user_count; i++) {
        const cpu_node *n = &p->nodes[p->users[v->first_user + i]];
        if (n->op != ORION_IR_OP_transpose) return false;
        size_t count;
        const int64_t *perm = orion_ir_node_ints(n->ir, "perm", &count);
        if (perm[rank - 1] != (int64_t)rank - 1) return false;
        for (uint32_t k = 0; k < rank; k++) {
            if (i != 0 && order[k] != (uint32_t)perm[k]) return false;
            order[k] = (uint32_t)perm[k];
        }
    }
    return true;
}

orion_status cpu_result(cpu_planner *p, uint32_t value, const uint32_t *order, cpu_view *out) {
    const orion_ir_type *type = &cpu_val(p, value)->type;
    uint32_t dtype = cpu_working_dtype(type->dtype), buffer;
    uint32_t output = dtype == type->dtype ? cpu_output_of(p, value) : CPU_NONE;
    if (output != CPU_NONE) {
        p->outputs[output].owner = value;
        buffer = p->outputs[output].buffer;
        order = NULL;
    } else {
        size_t bytes = orion_ir_type_bytes(type) / cpu_dtype_bytes(type->dtype);
        TRY(cpu_new_buffer(p, bytes * cpu_dtype_bytes(dtype), &buffer)); /* < 2^49 */
    }
    *out = packed_view(buffer, dtype, type->rank, type->dims);
    cpu_strides_in_order(type->rank, type->dims, order, out->strides);
    cpu_define(p, value, out);
    return ORION_OK;
}

/* ---- view nodes ---- */

static bool is_view_op(uint32_t op) {
    return op == ORION_IR_OP_reshape || op == ORION_IR_OP_identity || op == ORION_IR_OP_transpose ||
           op == ORION_IR_OP_slice || op == ORION_IR_OP_split;
}

/* The parts of a split: slices along its axis, one behind the other. */
static void resolve_split(cpu_planner *p, const cpu_node *n, const cpu_view *x) {
    size_t count;
    uint32_t axis = (uint32_t)orion_ir_node_int(n->ir, "axis");
    const int64_t *sizes = orion_ir_node_ints(n->ir, "sizes", &count);
    int64_t begin[CPU_RANK_MAX] = {0}, end[CPU_RANK_MAX], step[CPU_RANK_MAX];
    for (uint32_t i = 0; i < x->rank; i++) {
        end[i] = x->dims[i];
        step[i] = 1;
    }
    end[axis] = 0;
    for (uint32_t i = 0; i < n->result_count; i++) {
        begin[axis] = end[axis];
        end[axis] += sizes[i];
        cpu_view part = cpu_view_slice(x, begin, end, step);
        cpu_define(p, n->result + i, &part);
    }
}

/* Give the results of a view node their views. Only a reshape may have to copy. */
static orion_status resolve(cpu_planner *p, cpu_node *n) {
    uint32_t x = cpu_input(p, n, 0);
    size_t count;
    cpu_view from, to;
    TRY(cpu_need(p, x, &from));
    const orion_ir_type *type = &cpu_val(p, n->result)->type;
    if (n->op == ORION_IR_OP_split) {
        resolve_split(p, n, &from);
        cpu_served(p, x);
        return ORION_OK;
    }
    if (n->op == ORION_IR_OP_transpose) {
        to = cpu_view_transpose(&from, orion_ir_node_ints(n->ir, "perm", &count));
    } else if (n->op == ORION_IR_OP_slice) {
        to = cpu_view_slice(&from, orion_ir_node_ints(n->ir, "begin", &count),
                            orion_ir_node_ints(n->ir, "end", &count),
                            orion_ir_node_ints(n->ir, "stride", &count));
    } else if (!cpu_view_reshape(&from, type->rank, type->dims, &to)) {
        uint32_t here = p->here;
        p->here = (uint32_t)(n - p->nodes);
        TRY(cpu_need_packed(p, x, &from));
        p->here = here;
        cpu_view_reshape(&from, type->rank, type->dims, &to);
    }
    cpu_define(p, n->result, &to);
    cpu_served(p, x);
    return ORION_OK;
}

/* View nodes wait as long as what they look at does, so that a reshape does not end a group. */
static orion_status visit_view(cpu_planner *p, cpu_node *n) {
    cpu_value *x = cpu_val(p, cpu_input(p, n, 0));
    uint32_t depth = x->has_view ? 0 : x->lazy_depth + 1;
    if (depth == 0 || depth > LAZY_DEPTH) return resolve(p, n);
    for (uint32_t i = 0; i < n->result_count; i++) {
        cpu_val(p, n->result + i)->is_lazy = true;
        cpu_val(p, n->result + i)->lazy_depth = depth;
    }
    return ORION_OK;
}

orion_status cpu_need(cpu_planner *p, uint32_t value, cpu_view *out) {
    cpu_value *v = cpu_val(p, value);
    if (!v->has_view) {
        cpu_node *n = &p->nodes[v->node];
        if (v->is_lazy) {
            TRY(resolve(p, n));
        } else if (n->deferred) {
            TRY(cpu_lower_product(p, n));
        } else {
            TRY(cpu_flush(p, v->group));
        }
    }
    *out = v->view;
    return ORION_OK;
}

/* A packed copy in the working dtype, made once. */
static orion_status widen(cpu_planner *p, cpu_value *v) {
    if (v->has_wide) return ORION_OK;
    cpu_view to = packed_view(0, cpu_working_dtype(v->view.dtype), v->view.rank, v->view.dims);
    if (cpu_constant_data(p, &v->view) != NULL) {
        TRY(copy_constant(p, &v->view, &to));
    } else {
        TRY(cpu_temporary(p, to.dtype, to.rank, to.dims, &to));
        TRY(cpu_emit_copy(p, &v->view, &to));
    }
    v->wide = to;
    v->has_wide = true;
    return ORION_OK;
}

orion_status cpu_need_f32(cpu_planner *p, uint32_t value, cpu_view *out) {
    TRY(cpu_need(p, value, out));
    if (out->dtype == cpu_working_dtype(out->dtype)) return ORION_OK;
    TRY(widen(p, cpu_val(p, value)));
    *out = cpu_val(p, value)->wide;
    return ORION_OK;
}

orion_status cpu_need_packed(cpu_planner *p, uint32_t value, cpu_view *out) {
    TRY(cpu_need_f32(p, value, out));
    if (cpu_view_is_packed(out)) return ORION_OK;
    TRY(widen(p, cpu_val(p, value)));
    *out = cpu_val(p, value)->wide;
    return ORION_OK;
}

/* ---- the walk ---- */

static cpu_lower_fn *const lowering[] = {
    [ORION_IR_OP_matmul] = cpu_lower_product,
    [ORION_IR_OP_linear] = cpu_lower_product,
    [ORION_IR_OP_reduce_sum] = cpu_lower_reduce,
    [ORION_IR_OP_reduce_mean] = cpu_lower_reduce,
    [ORION_IR_OP_reduce_max] = cpu_lower_reduce,
    [ORION_IR_OP_reduce_min] = cpu_lower_reduce,
    [ORION_IR_OP_softmax] = cpu_lower_softmax,
    [ORION_IR_OP_log_softmax] = cpu_lower_softmax,
    [ORION_IR_OP_rms_norm] = cpu_lower_norm,
    [ORION_IR_OP_layer_norm] = cpu_lower_norm,
    [ORION_IR_OP_rope] = cpu_lower_rope,
    [ORION_IR_OP_attention] = cpu_lower_attention,
    [ORION_IR_OP_cross_entropy] = cpu_lower_cross_entropy,
    [ORION_IR_OP_gather] = cpu_lower_gather,
    [ORION_IR_OP_embedding] = cpu_lower_gather,
    [ORION_IR_OP_scatter_add] = cpu_lower_scatter_add,
    [ORION_IR_OP_slice_update] = cpu_lower_slice_update,
    [ORION_IR_OP_concat] = cpu_lower_concat,
    [ORION_IR_OP_pad] = cpu_lower_pad,
    [ORION_IR_OP_tile] = cpu_lower_tile,
};

static orion_status visit(cpu_planner *p, cpu_node *n) {
    bool done = false;
    p->here = (uint32_t)(n - p->nodes);
    if (n->op == ORION_IR_OP_const || n->visited) return ORION_OK;
    n->visited = true;
    if (is_view_op(n->op)) return visit_view(p, n);
    if (n->op == ORION_IR_OP_add) TRY(cpu_lower_accumulate(p, n, &done));
    if (done) return ORION_OK;
    if (cpu_is_elementwise(n->op)) return cpu_fuse(p, (uint32_t)(n - p->nodes));
    cpu_lower_fn *lower = n->op < ORN_COUNT(lowering) ? lowering[n->op] : NULL;
    return lower != NULL ? lower(p, n) : cpu_lower_reference(p, n);
}

/* What the steps have not put into its port yet is copied there. */
static orion_status finish_outputs(cpu_planner *p) {
    for (size_t i = 0; i < p->output_count; i++) {
        cpu_output *o = &p->outputs[i];
        cpu_view from;
        if (o->stored) continue;
        TRY(cpu_need(p, o->value, &from));
        const orion_ir_type *type = &cpu_val(p, o->value)->type;
        cpu_view to = packed_view(o->buffer, type->dtype, type->rank, type->dims);
        bool there = from.buffer == o->buffer && from.offset == 0 && cpu_view_is_packed(&from);
        if (!there) {
            uint32_t node = cpu_val(p, o->value)->node;
            if (node != CPU_NONE) p->here = node;
            TRY(cpu_emit_copy(p, &from, &to));
        }
        cpu_served(p, o->value);
    }
    return ORION_OK;
}

static orion_status walk(cpu_planner *p) {
    for (size_t i = 0; i < p->node_count; i++) {
        TRY(visit(p, &p->nodes[i]));
        TRY(cpu_settle(p, (uint32_t)i));
    }
    TRY(cpu_flush_all(p));
    return finish_outputs(p);
}

/* ---- the plan ---- */

/* Addresses were buffer numbers while planning. */
static void link_addresses(cpu_planner *p) {
    cpu_plan *plan = p->plan;
    for (size_t i = 0; i < plan->address_count; i++) {
        cpu_address *a = &plan->addresses[i];
        const cpu_buffer *b = &p->buffers[a->port];
        size_t offset = a->offset + (b->place == CPU_PLACE_WORKSPACE ? b->offset : 0);
        *a = (cpu_address){.place = b->place, .port = b->port, .offset = offset};
        if (b->place == CPU_PLACE_CONSTANT) a->constant = (const char *)b->data + offset;
    }
}

static void count_steps(cpu_plan *plan) {
    plan->code.stats.steps = plan->step_count;
    for (size_t i = 0; i < plan->step_count; i++) {
        plan->code.stats.fused_nodes += plan->steps[i].nodes - 1;
    }
}

static void planner_free(cpu_planner *p) {
    const orion_allocator *a = &p->allocator;
    orn_free(a, p->buffers, p->buffer_capacity * sizeof *p->buffers);
    orn_free(a, p->groups, p->group_capacity * sizeof *p->groups);
    orn_free(a, p->ropes, p->rope_capacity * sizeof *p->ropes);
    orn_free(a, p->packs, p->pack_capacity * sizeof *p->packs);
    orn_arena_clear(&p->arena);
}

orion_status cpu_plan_create(const cpu_device *device, orion_ir_graph *graph, orion_diag *diag,
                             cpu_plan **out_plan) {
    *out_plan = NULL;
    cpu_plan *plan = orn_zalloc(&device->allocator, sizeof *plan);
    if (plan == NULL) {
        orion_ir_graph_destroy(&graph);
        return ORION_ERROR_NO_MEMORY;
    }
    plan->device = device;
    plan->graph = graph;
    plan->code.stats.size = sizeof plan->code.stats;
    orn_arena_init(&plan->arena, &device->allocator);
    cpu_planner p = {.plan = plan,
                     .device = device,
                     .graph = graph,
                     .diag = diag,
                     .allocator = device->allocator};
    orn_arena_init(&p.arena, &device->allocator);
    orion_status status = cpu_read_graph(&p);
    if (status == ORION_OK) status = walk(&p);
    if (status == ORION_OK) status = cpu_place_buffers(&p);
    if (status == ORION_OK) {
        link_addresses(&p);
        count_steps(plan);
        *out_plan = plan;
    } else {
        cpu_plan_destroy(plan);
    }
    planner_free(&p);
    return status;
}

void cpu_plan_destroy(cpu_plan *plan) {
    orion_allocator a = plan->device->allocator;
    for (size_t i = 0; i < plan->owned_count; i++) {
        orn_free(&a, plan->owned[i].data, plan->owned[i].bytes);
    }
    for (size_t i = 0; i < plan->graph_count; i++) orion_ir_graph_destroy(&plan->graphs[i]);
    orn_free(&a, plan->owned, plan->owned_capacity * sizeof *plan->owned);
    orn_free(&a, plan->graphs, plan->graph_capacity * sizeof *plan->graphs);
    orn_free(&a, plan->steps, plan->step_capacity * sizeof *plan->steps);
    orn_free(&a, plan->addresses, plan->address_capacity * sizeof *plan->addresses);
    orn_arena_clear(&plan->arena);
    orion_ir_graph_destroy(&plan->graph);
    orn_free(&a, plan, sizeof *plan);
}
