/* SPDX-License-Identifier: MIT */
/*
 * Compiling an elementwise chain: axes, instructions, slots.
 *
 * Axes that every operand steps through evenly are joined, so that most chains become one long row.
 * Each value gets a slot: a register (a block of lanes), or the tensor itself where its elements
 * lie in the order of the block.  Registers are given out in program order and taken back after
 * the last use.
 */
#include "kernels.h"

/* ---- axes ---- */

typedef struct ports {
    cpu_chain_port *at;
    size_t count;
} ports;

/* Can axes d - 1 and d be walked as one? A reduced output does not care where the last axis goes,
 * but that axis must stay by itself. */
static bool joins(const int64_t *dims, uint32_t d, const ports *all) {
    for (size_t i = 0; i < all->count; i++) {
        const int64_t *strides = all->at[i].strides;
        if (strides[d - 1] != strides[d] * dims[d]) return false;
    }
    return true;
}

static void drop_axis(int64_t *dims, uint32_t *rank, uint32_t d, const ports *all) {
    for (uint32_t k = d; k + 1 < *rank; k++) {
        dims[k] = dims[k + 1];
        for (size_t i = 0; i < all->count; i++) {
            all->at[i].strides[k] = all->at[i].strides[k + 1];
        }
    }
    --*rank;
}

/* Join axes below `fixed`; axes from there on (the reduced one) stay. */
static void collapse(int64_t *dims, uint32_t *rank, bool keep_last, const ports *all) {
    uint32_t fixed = keep_last && *rank > 0 ? 1 : 0;
    for (uint32_t d = 0; d + fixed < *rank;) {
        if (dims[d] == 1) {
            drop_axis(dims, rank, d, all);
        } else {
            d++;
        }
    }
    for (uint32_t d = 1; d + fixed < *rank;) {
        if (joins(dims, d, all)) {
            dims[d] *= dims[d - 1];
            drop_axis(dims, rank, d - 1, all);
        } else {
            d++;
        }
    }
}

/* ---- instructions ---- */

static bool is_float(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

static void limits(uint32_t dtype, int32_t *low, int32_t *high) {
    switch (dtype) {
    case ORION_IR_U16: *low = 0, *high = UINT16_MAX; break;
    case ORION_IR_U8: *low = 0, *high = UINT8_MAX; break;
    case ORION_IR_I8: *low = INT8_MIN, *high = INT8_MAX; break;
    case ORION_IR_BOOL: *low = 0, *high = 1; break;
    default: *low = INT32_MIN, *high = INT32_MAX; break;
    }
}

/* CPU_LANE_COUNT: the lane stays as it is. */
static cpu_lane_op cast_op(uint32_t from, uint32_t to) {
    if (is_float(from)) {
        switch (to) {
        case ORION_IR_F32: return CPU_LANE_COUNT;
        case ORION_IR_F16: return from == ORION_IR_F16 ? CPU_LANE_COUNT : CPU_LANE_f_to_f16;
        case ORION_IR_BF16: return from == ORION_IR_BF16 ? CPU_LANE_COUNT : CPU_LANE_f_to_bf16;
        case ORION_IR_BOOL: return CPU_LANE_f_to_bool;
        default: return CPU_LANE_f_to_i;
        }
    }
    switch (to) {
    case ORION_IR_F32: return CPU_LANE_i_to_f;
    case ORION_IR_F16: return CPU_LANE_i_to_f16;
    case ORION_IR_BF16: return CPU_LANE_i_to_bf16;
    case ORION_IR_BOOL: return CPU_LANE_i_to_bool;
    default: return from == to ? CPU_LANE_COUNT : CPU_LANE_i_to_i;
    }
}

bool cpu_cast_code(orion_ir_dtype from, orion_ir_dtype to, cpu_lane_code *out) {
    cpu_lane_op op = cast_op(from, to);
    *out = (cpu_lane_code){.op = (uint16_t)op};
    limits(to, &out->low, &out->high);
    return op != CPU_LANE_COUNT;
}

/* Ops on floats and on integers; 0: there is none (CPU_LANE_add is found by its other column). */
static const struct {
    uint16_t on_float, on_integer;
} lane_ops[] = {
#define BOTH(op)  [ORION_IR_OP_##op] = {CPU_LANE_##op, CPU_LANE_i_##op}
#define FLOAT(op) [ORION_IR_OP_##op] = {CPU_LANE_##op, CPU_LANE_COUNT}
    BOTH(add),
    BOTH(sub),
    BOTH(mul),
    FLOAT(div),
    BOTH(max),
    BOTH(min),
    FLOAT(pow),
    BOTH(equal),
    BOTH(less),
    BOTH(less_equal),
    [ORION_IR_OP_select] = {CPU_LANE_select, CPU_LANE_select},
    [ORION_IR_OP_logical_and] = {CPU_LANE_COUNT, CPU_LANE_i_min}, /* of 0 and 1 */
    [ORION_IR_OP_logical_or] = {CPU_LANE_COUNT, CPU_LANE_i_max},
    [ORION_IR_OP_logical_not] = {CPU_LANE_COUNT, CPU_LANE_i_not},
    BOTH(neg),
    BOTH(abs),
    FLOAT(exp),
    FLOAT(log),
    FLOAT(sqrt),
    FLOAT(rsqrt),
    FLOAT(tanh),
    FLOAT(sigmoid),
    FLOAT(relu),
    FLOAT(erf),
    FLOAT(sin),
    FLOAT(cos),
    FLOAT(floor),
    FLOAT(round),
    FLOAT(silu),
    FLOAT(gelu),
#undef BOTH
#undef FLOAT
};

/* Nodes that make nothing new: their value is their operand's. */
static bool is_alias(const cpu_chain_node *n) {
    return n->op == ORION_IR_OP_identity ||
           (n->op == ORION_IR_OP_cast && cast_op(n->dtype, n->to) == CPU_LANE_COUNT);
}

/* The instruction of a node that is neither a constant nor an alias; CPU_LANE_COUNT: none. */
static uint16_t lane_op(const cpu_chain_node *n) {
    if (n->op == ORION_IR_OP_cast) return (uint16_t)cast_op(n->dtype, n->to);
    if (n->op >= ORN_COUNT(lane_ops) || lane_ops[n->op].on_integer == 0) return CPU_LANE_COUNT;
    if (!is_float(n->dtype)) return lane_ops[n->op].on_integer;
    bool tanh_gelu = n->op == ORION_IR_OP_gelu && (n->flags & 1) != 0;
    return tanh_gelu ? CPU_LANE_gelu_tanh : lane_ops[n->op].on_float;
}

static const struct {
    uint8_t operands, cost;
} lane_info[] = {
#define CPU_LANE(name, operands, cost) {operands, cost},
#include "lane-ops.def"
#undef CPU_LANE
};

/* ---- slots ---- */

typedef struct compiler {
    const cpu_chain_desc *desc;
    cpu_chain *chain;
    uint32_t *root; /* per value: itself, or what it is an alias of */
    size_t *last;   /* per value: last node that reads it; n_nodes: an output does */
    uint16_t *slot; /* per value */
    uint64_t taken; /* registers in use */
    size_t next_code, next_constant;
} compiler;

static size_t value_count(const compiler *c) {
    return c->desc->n_inputs + c->desc->n_nodes;
}

static orion_status find_roots(compiler *c) {
    const cpu_chain_desc *d = c->desc;
    for (size_t v = 0; v < value_count(c); v++) c->root[v] = (uint32_t)v;
    for (size_t i = 0; i < d->n_nodes; i++) {
        const cpu_chain_node *n = &d->nodes[i];
        if (n->op == ORION_IR_OP_const) continue;
        size_t operands = 1;
        if (!is_alias(n)) {
            uint16_t op = lane_op(n);
            if (op == CPU_LANE_COUNT) return ORION_ERROR_INVALID_ARGUMENT;
            operands = lane_info[op].operands;
        }
        for (size_t k = 0; k < operands; k++) {
            if (n->in[k] >= d->n_inputs + i) return ORION_ERROR_INVALID_ARGUMENT;
        }
        if (is_alias(n)) c->root[d->n_inputs + i] = c->root[n->in[0]];
    }
    for (size_t i = 0; i < d->n_outputs; i++) {
        if (d->outputs[i].value >= value_count(c)) return ORION_ERROR_INVALID_ARGUMENT;
    }
    return ORION_OK;
}

static bool makes_code(const cpu_chain_node *n) {
    return n->op != ORION_IR_OP_const && !is_alias(n);
}

/* Operand k of node i, as a root. */
static uint32_t operand(const compiler *c, size_t i, size_t k) {
    return c->root[c->desc->nodes[i].in[k]];
}

static void find_last_uses(compiler *c) {
    const cpu_chain_desc *d = c->desc;
    for (size_t v = 0; v < value_count(c); v++) c->last[v] = SIZE_MAX;
    for (size_t i = 0; i < d->n_nodes; i++) {
        if (!makes_code(&d->nodes[i])) continue;
        size_t operands = lane_info[lane_op(&d->nodes[i])].operands;
        for (size_t k = 0; k < operands; k++) c->last[operand(c, i, k)] = i;
    }
    for (size_t i = 0; i < d->n_outputs; i++) c->last[c->root[d->outputs[i].value]] = d->n_nodes;
}

static bool take_register(compiler *c, uint16_t *out) {
    if (c->taken == UINT64_MAX) return false;
    int free = __builtin_ctzll(~c->taken);
    c->taken |= (uint64_t)1 << free;
    c->chain->registers = ORN_MAX(c->chain->registers, (size_t)free + 1);
    *out = (uint16_t)free;
    return true;
}

static void release_after(compiler *c, uint32_t v, size_t node) {
    bool pinned = v < c->desc->n_inputs
                      ? c->chain->inputs[v].access == CPU_ACCESS_PINNED
                      : c->desc->nodes[v - c->desc->n_inputs].op == ORION_IR_OP_const;
    if (!pinned && c->last[v] == node && c->slot[v] < CPU_CHAIN_LIVE) {
        c->taken &= ~((uint64_t)1 << c->slot[v]);
    }
}

static uint32_t constant_bits(const cpu_chain_node *n) {
    int32_t low, high;
    switch (n->dtype) {
    case ORION_IR_F32: return orn_f32_bits((float)n->number);
    case ORION_IR_F16: return orn_f32_bits(orn_f32_from_f16(orn_f16_from_f64(n->number)));
    case ORION_IR_BF16: return orn_f32_bits(orn_f32_from_bf16(orn_bf16_from_f32((float)n->number)));
    default: break;
    }
    limits(n->dtype, &low, &high);
    if (!(n->number > (double)low)) return (uint32_t)low; /* NaN too */
    return n->number >= (double)high ? (uint32_t)high : (uint32_t)(int32_t)n->number;
}

/* Registers for what is there before the first instruction. */
static bool place_inputs_and_constants(compiler *c) {
    const cpu_chain_desc *d = c->desc;
    cpu_chain *chain = c->chain;
    for (size_t i = 0; i < d->n_inputs; i++) {
        c->slot[i] = (uint16_t)(CPU_CHAIN_LIVE + i);
        cpu_access access = chain->inputs[i].access;
        bool in_register = access == CPU_ACCESS_BLOCK || access == CPU_ACCESS_PINNED;
        if (in_register && !take_register(c, &c->slot[i])) return false;
        chain->inputs[i].slot = c->slot[i];
    }
    for (size_t i = 0; i < d->n_nodes; i++) {
        uint32_t v = (uint32_t)(d->n_inputs + i);
        if (d->nodes[i].op != ORION_IR_OP_const || c->last[v] == SIZE_MAX) continue;
        if (!take_register(c, &c->slot[v])) return false;
        chain->constants[c->next_constant++] =
            (cpu_chain_constant){c->slot[v], constant_bits(&d->nodes[i])};
    }
    return true;
}

/* The output that node i may write straight into its tensor, or n_outputs. */
static size_t direct_output(const compiler *c, size_t i) {
    size_t o = 0;
    while (o < c->desc->n_outputs &&
           (c->chain->outputs[o].access != CPU_ACCESS_DIRECT ||
            c->root[c->desc->outputs[o].value] != c->desc->n_inputs + i)) {
        o++;
    }
    return o;
}

static bool place_node(compiler *c, size_t i) {
    const cpu_chain_desc *d = c->desc;
    const cpu_chain_node *n = &d->nodes[i];
    uint32_t v = (uint32_t)(d->n_inputs + i);
    if (!makes_code(n) || c->last[v] == SIZE_MAX) return true;
    cpu_lane_code code = {.op = lane_op(n)};
    limits(n->op == ORION_IR_OP_cast ? n->to : n->dtype, &code.low, &code.high);
    size_t operands = lane_info[code.op].operands, o = direct_output(c, i);
    for (size_t k = 0; k < operands; k++) code.in[k] = c->slot[operand(c, i, k)];
    for (size_t k = 0; k < operands; k++) release_after(c, operand(c, i, k), i);
    if (o < d->n_outputs) {
        c->slot[v] = (uint16_t)(CPU_CHAIN_LIVE + d->n_inputs + o);
    } else if (!take_register(c, &c->slot[v])) {
        return false;
    }
    code.out = c->slot[v];
    c->chain->code[c->next_code++] = code;
    return true;
}

/* Slots for all values and the instructions, with the accesses the ports have now. */
static bool place(compiler *c) {
    c->taken = 0;
    c->next_code = c->next_constant = c->chain->registers = 0;
    if (!place_inputs_and_constants(c)) return false;
    for (size_t i = 0; i < c->desc->n_nodes; i++) {
        if (!place_node(c, i)) return false;
    }
    for (size_t o = 0; o < c->desc->n_outputs; o++) {
        c->chain->outputs[o].slot = c->slot[c->root[c->desc->outputs[o].value]];
    }
    c->chain->n_code = c->next_code;
    c->chain->n_constants = c->next_constant;
    return true;
}

/* ---- accesses ---- */

static bool is_packed(const cpu_chain *chain, const int64_t *strides) {
    int64_t step = 1;
    for (uint32_t d = chain->rank; d-- > 0;) {
        if (strides[d] != step) return false;
        step *= chain->dims[d];
    }
    return true;
}

/* Are the elements of every block side by side, as the lanes want them? */
static bool lies_straight(const cpu_chain *chain, const cpu_chain_port *port) {
    bool lane_sized = port->dtype == ORION_IR_F32 || port->dtype == ORION_IR_I32;
    if (!lane_sized) return false;
    if (chain->group > 1) return is_packed(chain, port->strides);
    return chain->rank == 0 || port->strides[chain->rank - 1] == 1;
}

/* Is it the same in every block: one number, or one row in blocks of whole rows? */
static bool repeats(const cpu_chain *chain, const cpu_chain_port *port) {
    for (uint32_t d = 0; d + 1 < chain->rank; d++) {
        if (port->strides[d] != 0) return false;
    }
    bool one_number = chain->rank == 0 || port->strides[chain->rank - 1] == 0;
    return one_number || (chain->group > 0 && chain->rank > 1);
}

static void choose_inputs(compiler *c) {
    for (size_t i = 0; i < c->desc->n_inputs; i++) {
        cpu_chain_port *port = &c->chain->inputs[i];
        if (c->last[i] == SIZE_MAX) {
            port->access = CPU_ACCESS_UNUSED;
        } else if (repeats(c->chain, port)) {
            port->access = CPU_ACCESS_PINNED;
        } else if (c->last[i] < c->desc->n_nodes && lies_straight(c->chain, port)) {
            port->access = CPU_ACCESS_DIRECT;
        } else {
            /* An input that is stored too is read first: its tensor may be another output's. */
            port->access = CPU_ACCESS_BLOCK;
        }
    }
}

/* The last node that reads a tensor in place: outputs may be that same tensor, so until then none
 * is written. */
static size_t last_direct_read(const compiler *c) {
    size_t last = 0;
    for (size_t i = 0; i < c->desc->n_inputs; i++) {
        if (c->chain->inputs[i].access == CPU_ACCESS_DIRECT) last = ORN_MAX(last, c->last[i]);
    }
    return last;
}

static void choose_outputs(compiler *c) {
    const cpu_chain_desc *d = c->desc;
    size_t reads = last_direct_read(c);
    for (size_t o = 0; o < d->n_outputs; o++) {
        cpu_chain_port *port = &c->chain->outputs[o];
        uint32_t v = c->root[d->outputs[o].value];
        port->access = CPU_ACCESS_BLOCK;
        if (port->reduction != CPU_REDUCE_NONE || v < d->n_inputs) continue;
        size_t node = v - d->n_inputs;
        bool first = direct_output(c, node) == d->n_outputs;
        if (first && makes_code(&d->nodes[node]) && node >= reads &&
            lies_straight(c->chain, port)) {
            port->access = CPU_ACCESS_DIRECT;
        }
    }
}

/* ---- all together ---- */

static bool reduces(const cpu_chain_desc *d) {
    for (size_t i = 0; i < d->n_outputs; i++) {
        if (d->outputs[i].reduction != CPU_REDUCE_NONE) return true;
    }
    return false;
}

static void copy_ports(compiler *c) {
    const cpu_chain_desc *d = c->desc;
    for (size_t i = 0; i < d->n_inputs; i++) {
        cpu_chain_port *port = &c->chain->inputs[i];
        port->access = CPU_ACCESS_PINNED;
        port->dtype = (orion_ir_dtype)d->inputs[i].dtype;
        memcpy(port->strides, d->inputs[i].strides, sizeof port->strides);
    }
    for (size_t i = 0; i < d->n_outputs; i++) {
        cpu_chain_port *port = &c->chain->outputs[i];
        port->access = CPU_ACCESS_BLOCK;
        port->dtype = (orion_ir_dtype)d->outputs[i].dtype;
        port->reduction = (cpu_reduction)d->outputs[i].reduction;
        memcpy(port->strides, d->outputs[i].strides, sizeof port->strides);
    }
}

/* Joined axes, and blocks as large as the room for `registers` allows. */
static void shape_blocks(cpu_chain *chain) {
    enum { LANES_MOST = 2048, LANES_STEP = 64 };
    size_t lanes = CPU_CHAIN_ROOM / sizeof(float) / ORN_MAX(chain->registers, 1);
    chain->block = (int64_t)(ORN_MIN(lanes, LANES_MOST) / LANES_STEP * LANES_STEP);
    chain->row = chain->rank == 0 ? 1 : chain->dims[chain->rank - 1];
    chain->rows = 1;
    for (uint32_t d = 0; d + 1 < chain->rank; d++) chain->rows *= chain->dims[d];
    chain->group = ORN_MIN(chain->block / chain->row, chain->rows);
}

static void add_costs(cpu_chain *chain) {
    chain->lane_cost = (int64_t)(chain->n_inputs + chain->n_outputs);
    for (size_t i = 0; i < chain->n_code; i++) {
        chain->lane_cost += lane_info[chain->code[i].op].cost;
    }
}

static orion_status compile(compiler *c) {
    cpu_chain *chain = c->chain;
    TRY(find_roots(c));
    find_last_uses(c);
    copy_ports(c);
    ports all = {chain->inputs, chain->n_inputs + chain->n_outputs};
    collapse(chain->dims, &chain->rank, chain->reduces, &all);
    /* Once with everything in registers and inputs there all the time, which no choice of accesses
     * can exceed: the number decides the size of a block, and that the accesses. */
    if (!place(c)) return ORION_ERROR_UNSUPPORTED;
    shape_blocks(chain);
    choose_inputs(c);
    choose_outputs(c);
    if (!place(c)) return ORION_ERROR_UNSUPPORTED;
    add_costs(chain);
    return ORION_OK;
}

orion_status cpu_chain_create(orn_arena *arena, const cpu_chain_desc *desc, cpu_chain **out) {
    *out = NULL;
    size_t ports_count = desc->n_inputs + desc->n_outputs;
    if (ports_count > CPU_CHAIN_SLOTS - CPU_CHAIN_LIVE) return ORION_ERROR_UNSUPPORTED;
    cpu_chain *chain = orn_arena_alloc(arena, sizeof *chain);
    compiler c = {.desc = desc, .chain = chain};
    size_t values = desc->n_inputs + desc->n_nodes;
    c.root = orn_arena_alloc(arena, values * sizeof *c.root);
    c.last = orn_arena_alloc(arena, values * sizeof *c.last);
    c.slot = orn_arena_alloc(arena, values * sizeof *c.slot);
    cpu_chain_port *at = orn_arena_alloc(arena, ports_count * sizeof *at);
    cpu_chain_constant *constants = orn_arena_alloc(arena, desc->n_nodes * sizeof *constants);
    cpu_lane_code *code = orn_arena_alloc(arena, desc->n_nodes * sizeof *code);
    if (chain == NULL || c.root == NULL || c.last == NULL || c.slot == NULL || at == NULL ||
        constants == NULL || code == NULL) {
        return ORION_ERROR_NO_MEMORY;
    }
    *chain = (cpu_chain){.rank = desc->rank,
                         .reduces = reduces(desc),
                         .n_inputs = desc->n_inputs,
                         .n_outputs = desc->n_outputs,
                         .inputs = at,
                         .outputs = at + desc->n_inputs,
                         .constants = constants,
                         .code = code};
    memcpy(chain->dims, desc->dims, sizeof chain->dims);
    TRY(compile(&c));
    *out = chain;
    return ORION_OK;
}
