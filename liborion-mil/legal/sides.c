/* SPDX-License-Identifier: MIT */
/*
 * Where each node runs.
 *
 * The device takes floats alone, and not everything. So a node stays on the host if an integer goes
 * in or comes out, if it depends on nothing but integers (the angles of rope, a causal mask), if
 * the target refuses its op or a tensor of its size. Three kinds stay there because it is better:
 *
 *   loss       what depends on the targets of a cross_entropy, up to the next product: rows as wide
 *              as the vocabulary, which would only go back and forth
 *   gradient   the product of two activations that leads to nothing but an output, which is the
 *              gradient of a weight: the host sums it over batches in fp32
 *   feeds host anything cheap that only the host uses
 *
 * Everything else is the device's. Constants are wherever they are used. Two walks suffice, one
 * down for what operands decide, one up for what users decide.
 */
#include "../mil-legal.h"

typedef struct finder {
    const orion_ir_graph *g;
    const orion_mil_target *target;
    const mil_side_options *options;
    mil_sides *sides;
    uint8_t *marks; /* by value id, of MARK_... */
} finder;

enum {
    MARK_INTEGERS_ONLY = 1, /* depends on integer inputs and constants alone, and not by a table */
    MARK_TARGET = 2,        /* is, or an integer from which comes, a target of the loss */
    MARK_LOSS = 4,          /* depends on a target */
    MARK_WEIGHT = 8,        /* a constant or input, perhaps seen through reshape or transpose */
    MARK_ON_DEVICE = 16,    /* the device uses it */
    MARK_ON_HOST = 32,      /* the host uses it */
    MARK_INSIDE = 64,       /* some user is not on the way to an output alone */
    MARK_OUTPUT = 128       /* is an output */
};

const char *mil_reason_name(mil_reason reason) {
    static const char *const names[] = {"",     "integers", "refused",   "limits",
                                        "loss", "gradient", "feeds host"};
    return names[reason];
}

bool mil_refuses(const orion_mil_target *t, const char *mil_op) {
    static const struct {
        const char *op, *rule;
    } by_wording[] = {{"concat", "E-1"}, {"gelu", "E-10"}, {"rsqrt", "X-4"}};
    for (size_t i = 0; i < ORN_COUNT(by_wording) && t->paper; i++) {
        if (strcmp(by_wording[i].op, mil_op) == 0 && mil_rule_holds(t, by_wording[i].rule))
            return true;
    }
    for (size_t i = 0; i < t->op_count; i++) {
        if (strcmp(t->ops[i].op, mil_op) == 0 && mil_rule_holds(t, t->ops[i].rule))
            return !t->ops[i].doubtful;
    }
    return false;
}

/* ---- what decides by itself ---- */

static bool is_moved(const orion_ir_node *n) {
    orion_ir_op op = orion_ir_node_op(n);
    return op == ORION_IR_OP_reshape || op == ORION_IR_OP_transpose || op == ORION_IR_OP_cast ||
           op == ORION_IR_OP_identity;
}

static bool breaks_limits(const finder *f, orion_ir_value v) {
    static const mil_limit limits[] = {MIL_LIMIT_WIDTH, MIL_LIMIT_HEIGHT, MIL_LIMIT_CHANNELS};
    orion_ir_type type = orion_ir_value_type(f->g, v);
    if (type.rank > mil_target_limit(f->target, MIL_LIMIT_RANK)) return true;
    for (uint32_t i = 0; i < type.rank; i++) {
        mil_limit limit = limits[ORN_MIN(type.rank - 1 - i, 2u)];
        if ((uint64_t)type.dims[i] > mil_target_limit(f->target, limit)) return true;
    }
    return false;
}

static bool has_integer(const finder *f, orion_ir_value v) {
    return mil_is_integer(orion_ir_value_type(f->g, v).dtype);
}

static bool is_constant(const finder *f, orion_ir_value v) {
    return mil_is_const_node(orion_ir_value_node(f->g, v));
}

/* Does any operand that is no constant, or any result, answer to `test`? */
static bool touches(const finder *f, const orion_ir_node *n,
                    bool (*test)(const finder *f, orion_ir_value v)) {
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
        orion_ir_value v = orion_ir_node_input(n, i);
        if (test(f, v) && (test == has_integer || !is_constant(f, v))) return true;
    }
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        if (test(f, orion_ir_node_result(n, i))) return true;
    }
    return false;
}

/* Rule X-10: a conv whose weight is computed crashes the compiler unless it has one image and no
 * gaps in its window. */
static bool breaks_service(const finder *f, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_conv || is_constant(f, orion_ir_node_input(n, 1))) {
        return false;
    }
    size_t count;
    const int64_t *dilation = orion_ir_node_ints(n, "dilation", &count);
    bool gaps = false;
    for (size_t i = 0; i < count; i++) gaps |= dilation[i] != 1;
    return gaps || orion_ir_value_type(f->g, orion_ir_node_input(n, 0)).dims[0] != 1;
}

static bool is_refused(const finder *f, const orion_ir_node *n) {
    const char *hint, *name = mil_op_name(orion_ir_node_op(n), &hint);
    return name == NULL || strncmp(name, "orion_", 6) == 0 || mil_refuses(f->target, name) ||
           breaks_service(f, n);
}

/* A conv with a kernel, channels, or computed weights in a batch that the target does not take
 * (E-16, X-6, X-10). */
static bool breaks_conv_limits(const finder *f, const orion_ir_node *n) {
    if (orion_ir_node_op(n) != ORION_IR_OP_conv) return false;
    orion_ir_type x = orion_ir_value_type(f->g, orion_ir_node_input(n, 0));
    orion_ir_type w = orion_ir_value_type(f->g, orion_ir_node_input(n, 1));
    int64_t width = w.dims[w.rank - 1], height = w.rank > 3 ? w.dims[w.rank - 2] : 1;
    bool computed = !is_constant(f, orion_ir_node_input(n, 1)) && mil_rule_holds(f->target, "X-10");
    size_t count;
    const int64_t *dilation = orion_ir_node_ints(n, "dilation", &count);
    bool dilates = false;
    for (size_t i = 0; i < count; i++) dilates |= dilation[i] != 1;
    return (uint64_t)x.dims[1] > mil_target_limit(f->target, MIL_LIMIT_CONV_INPUT_CHANNELS) ||
           (uint64_t)w.dims[0] > mil_target_limit(f->target, MIL_LIMIT_CONV_OUTPUT_CHANNELS) ||
           (uint64_t)width > mil_target_limit(f->target, MIL_LIMIT_KERNEL_WIDTH) ||
           (uint64_t)height > mil_target_limit(f->target, MIL_LIMIT_KERNEL_HEIGHT) ||
           (computed && (x.dims[0] != 1 || dilates));
}

/* ---- down: what operands decide ---- */

static uint8_t mark_of(const finder *f, orion_ir_value v) {
    return f->marks[v.id];
}

/* Rows of a table and products are activations, whatever chose them. */
static bool makes_activations(const finder *f, const orion_ir_node *n) {
    orion_ir_op op = orion_ir_node_op(n);
    return (op == ORION_IR_OP_embedding || op == ORION_IR_OP_gather || op == ORION_IR_OP_matmul) &&
           mil_is_float(orion_ir_value_type(f->g, orion_ir_node_result(n, 0)).dtype);
}

static uint8_t marks_from_operands(const finder *f, const orion_ir_node *n) {
    uint8_t all = MARK_INTEGERS_ONLY | MARK_WEIGHT, any = 0;
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
        uint8_t m = mark_of(f, orion_ir_node_input(n, i));
        all &= m;
        any |= m;
    }
    uint8_t marks = makes_activations(f, n) ? 0 : all & MARK_INTEGERS_ONLY;
    if (mil_is_const_node(n)) return MARK_INTEGERS_ONLY | MARK_WEIGHT;
    if (is_moved(n)) marks |= all & MARK_WEIGHT;
    if (!mil_is_product(n) && (any & (MARK_TARGET | MARK_LOSS)) != 0) marks |= MARK_LOSS;
    return marks;
}

static mil_reason reason_from_operands(const finder *f, const orion_ir_node *n, uint8_t marks) {
    if (touches(f, n, has_integer) || (marks & MARK_INTEGERS_ONLY) != 0) return MIL_REASON_INTEGERS;
    if ((marks & MARK_LOSS) != 0) return MIL_REASON_LOSS;
    if (is_refused(f, n)) return MIL_REASON_REFUSED;
    return touches(f, n, breaks_limits) || breaks_conv_limits(f, n) ? MIL_REASON_LIMITS
                                                                    : MIL_REASON_NONE;
}

static void set_side(finder *f, const orion_ir_node *n, mil_reason reason) {
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        orion_ir_value v = orion_ir_node_result(n, i);
        mil_side side = reason == MIL_REASON_NONE ? MIL_SIDE_DEVICE : MIL_SIDE_HOST;
        f->sides->cells[v.id] = mil_cell(side, reason);
    }
}

static void walk_down(finder *f) {
    for (size_t i = 0; i < orion_ir_graph_input_count(f->g); i++) {
        orion_ir_value v = orion_ir_graph_input(f->g, i);
        f->marks[v.id] |= has_integer(f, v) ? MARK_INTEGERS_ONLY : MARK_WEIGHT;
        f->sides->cells[v.id] = mil_cell(MIL_SIDE_HOST, MIL_REASON_NONE);
    }
    mil_foreach_node(f->g, n) {
        uint8_t marks = marks_from_operands(f, n);
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            f->marks[orion_ir_node_result(n, i).id] |= marks;
        if (!mil_is_const_node(n)) set_side(f, n, reason_from_operands(f, n, marks));
    }
}

/* ---- up: what users decide ---- */

static bool all_marked(const finder *f, const orion_ir_node *n, uint8_t mark) {
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        if ((mark_of(f, orion_ir_node_result(n, i)) & mark) != mark) return false;
    }
    return true;
}

static bool any_marked(const finder *f, const orion_ir_node *n, uint8_t mark) {
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        if ((mark_of(f, orion_ir_node_result(n, i)) & mark) != 0) return true;
    }
    return false;
}

/* A product x^T y of two matrices of activations, that is a sum over rows, whose result only
 * becomes outputs. */
static bool is_weight_gradient(const finder *f, const orion_ir_node *n) {
    return orion_ir_node_op(n) == ORION_IR_OP_matmul && !any_marked(f, n, MARK_INSIDE) &&
           orion_ir_value_type(f->g, orion_ir_node_result(n, 0)).rank == 2 &&
           orion_ir_node_int(n, "transpose_x") != 0 && orion_ir_node_int(n, "transpose_y") == 0 &&
           (mark_of(f, orion_ir_node_input(n, 0)) & MARK_WEIGHT) == 0 &&
           (mark_of(f, orion_ir_node_input(n, 1)) & MARK_WEIGHT) == 0;
}

static bool only_feeds_host(const finder *f, const orion_ir_node *n) {
    return !mil_is_product(n) && !any_marked(f, n, MARK_ON_DEVICE | MARK_OUTPUT) &&
           all_marked(f, n, MARK_ON_HOST);
}

static void walk_up(finder *f, const orion_ir_node *const *nodes, size_t count) {
    for (size_t i = 0; i < orion_ir_graph_output_count(f->g); i++)
        f->marks[orion_ir_graph_output(f->g, i).id] |= MARK_OUTPUT;
    for (size_t k = count; k-- > 0;) {
        const orion_ir_node *n = nodes[k];
        if (mil_is_const_node(n)) continue;
        bool adds = orion_ir_node_op(n) == ORION_IR_OP_add;
        uint8_t inside = (is_moved(n) || adds) && !any_marked(f, n, MARK_INSIDE) ? 0 : MARK_INSIDE;
        if (mil_node_side(f->sides, n) == MIL_SIDE_DEVICE) {
            if (!f->options->gradients_on_device && is_weight_gradient(f, n)) {
                set_side(f, n, MIL_REASON_GRADIENT);
            } else if (only_feeds_host(f, n)) {
                set_side(f, n, MIL_REASON_FEEDS_HOST);
            }
        }
        bool host = mil_node_side(f->sides, n) == MIL_SIDE_HOST;
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
            f->marks[orion_ir_node_input(n, i).id] |=
                (uint8_t)(inside | (host ? MARK_ON_HOST : MARK_ON_DEVICE));
        }
    }
}

/* Integers from which the targets of a cross_entropy come. */
static void mark_targets(finder *f, const orion_ir_node *const *nodes, size_t count) {
    for (size_t k = count; k-- > 0;) {
        const orion_ir_node *n = nodes[k];
        if (orion_ir_node_op(n) == ORION_IR_OP_cross_entropy)
            f->marks[orion_ir_node_input(n, 1).id] |= MARK_TARGET;
        if (!all_marked(f, n, MARK_TARGET)) continue;
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++)
            f->marks[orion_ir_node_input(n, i).id] |= MARK_TARGET;
    }
}

static void find(finder *f, const orion_ir_node **nodes) {
    size_t count = 0;
    mil_foreach_node(f->g, n) nodes[count++] = n;
    mark_targets(f, nodes, count);
    walk_down(f);
    walk_up(f, nodes, count);
}

orion_status mil_sides_find(const orion_ir_graph *g, const orion_mil_target *target,
                            const mil_side_options *options, const orion_allocator *allocator,
                            mil_sides *out) {
    *out = (mil_sides){.allocator = orn_allocator(allocator)};
    out->count = orion_ir_graph_value_bound(g);
    finder f = {.g = g, .target = target, .options = options, .sides = out};
    size_t bytes = orion_ir_graph_node_count(g) * sizeof(const orion_ir_node *);
    const orion_ir_node **nodes = orn_alloc(&out->allocator, bytes);
    f.marks = orn_zalloc(&out->allocator, out->count);
    out->cells = orn_zalloc(&out->allocator, out->count);
    bool fine = nodes != NULL && f.marks != NULL && out->cells != NULL;
    if (fine) find(&f, nodes);
    orn_free(&out->allocator, nodes, bytes);
    orn_free(&out->allocator, f.marks, out->count);
    if (!fine) mil_sides_free(out);
    return fine ? ORION_OK : ORION_ERROR_NO_MEMORY;
}

void mil_sides_free(mil_sides *s) {
    orn_free(&s->allocator, s->cells, s->count);
    s->cells = NULL;
}
