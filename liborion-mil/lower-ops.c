/* SPDX-License-Identifier: MIT */
/* One node of a graph to MIL: its parameters, each a const of its own, and then the op. */
#include "mil-lower.h"

/* ---- arguments ---- */

static orion_status add_argument(mil_lowering *l, const char *name, orion_mil_value value) {
    NO_MEMORY_IF(!ORN_GROW(&l->program->arena.allocator, l->arguments, l->argument_capacity,
                           l->argument_count + 1));
    mil_binding *b = &l->arguments[l->argument_count];
    b->value = value;
    TRY(mil_lower_intern(l, name, &b->name));
    l->argument_count++;
    return ORION_OK;
}

/* A const of its own for a parameter, named after the result it is for. */
static orion_status add_parameter(mil_lowering *l, const orion_ir_node *node, const char *parameter,
                                  orion_mil_value value) {
    const char *name;
    l->text.size = 0;
    orn_text_printf(&l->text, "%s_%s_0", mil_value_name(l, orion_ir_node_result(node, 0)),
                    parameter);
    TRY(orn_text_status(&l->text));
    TRY(mil_unique_name(l, l->text.data, &name));
    TRY(mil_emit_const(l, name, name, value));
    return add_argument(l, parameter, mil_name_value(name));
}

static orion_status add_operand(mil_lowering *l, const orion_ir_node *node, size_t i,
                                const char *argument) {
    return add_argument(l, argument,
                        mil_name_value(mil_value_name(l, orion_ir_node_input(node, i))));
}

/* All operands from `from` on, as a tuple. */
static orion_status add_many(mil_lowering *l, const orion_ir_node *node, size_t from,
                             const char *argument) {
    size_t count = orion_ir_node_input_count(node) - from;
    orion_mil_value *items = orn_arena_alloc(&l->program->arena, count * sizeof *items);
    NO_MEMORY_IF(items == NULL);
    for (size_t i = 0; i < count; i++)
        items[i] = mil_name_value(mil_value_name(l, orion_ir_node_input(node, from + i)));
    return add_argument(l, argument,
                        (orion_mil_value){.form = ORION_MIL_VALUE_TUPLE,
                                          .count = (uint32_t)count,
                                          .u.items = items});
}

/* ---- parameters ---- */

static orion_ir_type operand_type(const mil_lowering *l, const orion_ir_node *node, size_t i) {
    return orion_ir_value_type(l->graph, orion_ir_node_input(node, i));
}

static orion_mil_dtype operand_dtype(const mil_lowering *l, const orion_ir_node *node) {
    return orion_mil_dtype_from_ir((orion_ir_dtype)operand_type(l, node, 0).dtype);
}

static orion_status attr_value(mil_lowering *l, const orion_ir_node *node, const mil_row *row,
                               orion_mil_value *out) {
    size_t count;
    const int64_t *ints;
    switch (row->kind) {
    case MIL_KIND_INT: return mil_int_value(l, orion_ir_node_int(node, row->attr), out);
    case MIL_KIND_BOOL: return mil_bool_value(l, orion_ir_node_int(node, row->attr) != 0, out);
    case MIL_KIND_INTS:
        ints = orion_ir_node_ints(node, row->attr, &count);
        return mil_list_value(l, ORION_MIL_INT32, ints, count, out);
    case MIL_KIND_DTYPE:
        return mil_string_value(l,
                                orion_mil_dtype_name(orion_mil_dtype_from_ir(
                                    (orion_ir_dtype)orion_ir_node_int(node, row->attr))),
                                out);
    case MIL_KIND_FLOATX:
        return mil_number_value(l, orion_ir_node_float(node, row->attr), operand_dtype(l, node),
                                out);
    default: return mil_number_value(l, orion_ir_node_float(node, row->attr), ORION_MIL_FP32, out);
    }
}

static orion_status fixed_value(mil_lowering *l, const orion_ir_node *node, const mil_row *row,
                                orion_mil_value *out) {
    static const int64_t nothing[ORION_IR_RANK_MAX];
    int64_t number = 0;
    (void)orn_parse_i64(row->value, strlen(row->value), &number); /* words are not numbers */
    switch (row->kind) {
    case MIL_KIND_INT: return mil_int_value(l, number, out);
    case MIL_KIND_BOOL: return mil_bool_value(l, strcmp(row->value, "true") == 0, out);
    case MIL_KIND_INTS: return mil_list_value(l, ORION_MIL_INT32, &number, 1, out);
    case MIL_KIND_MASK:
        return mil_list_value(l, ORION_MIL_BOOL, nothing, operand_type(l, node, 0).rank, out);
    case MIL_KIND_FLOATX: return mil_number_value(l, (double)number, operand_dtype(l, node), out);
    default: return mil_string_value(l, row->value, out);
    }
}

/* All arguments that the table gives for the node's op, but for the operand `left_out` (NULL:
 * none).
 */
static orion_status add_rows(mil_lowering *l, const orion_ir_node *node, const char *left_out) {
    size_t count, input = 0, inputs = orion_ir_node_input_count(node);
    const mil_row *rows = mil_rows(orion_ir_node_op(node), &count);
    for (size_t i = 0; i < count; i++) {
        const mil_row *row = &rows[i];
        orion_mil_value value;
        if (row->role == MIL_ROLE_IN) {
            if (left_out != NULL && strcmp(row->name, left_out) == 0) continue;
            if (row->need == MIL_NEED_MANY) {
                TRY(add_many(l, node, input, row->name));
            } else if (input < inputs) {
                TRY(add_operand(l, node, input++, row->name));
            }
            continue;
        }
        if (row->need == MIL_NEED_IOS17 && !l->terse) continue;
        TRY(row->role == MIL_ROLE_ATTR ? attr_value(l, node, row, &value)
                                       : fixed_value(l, node, row, &value));
        TRY(add_parameter(l, node, row->name, value));
    }
    return ORION_OK;
}

/* ---- the op ---- */

/* Arguments in the order of their names, as Apple's tools print them: few, so insertion sort. */
static void sort_arguments(mil_lowering *l) {
    for (size_t i = 1; i < l->argument_count; i++) {
        mil_binding b = l->arguments[i];
        size_t at = i;
        for (; at > 0 && strcmp(b.name, l->arguments[at - 1].name) < 0; at--)
            l->arguments[at] = l->arguments[at - 1];
        l->arguments[at] = b;
    }
}

/* The op itself, with the arguments gathered. */
static orion_status emit_op(mil_lowering *l, const orion_ir_node *node, const char *op,
                            const char *hint) {
    size_t count = orion_ir_node_result_count(node);
    mil_port *results = orn_arena_alloc(&l->program->arena, count * sizeof *results);
    NO_MEMORY_IF(results == NULL);
    for (size_t i = 0; i < count; i++) {
        orion_ir_value v = orion_ir_node_result(node, i);
        results[i].name = mil_value_name(l, v);
        TRY(mil_lower_type(l, orion_ir_value_type(l->graph, v), &results[i].type));
    }
    const char *attribute;
    orion_mil_statement *s;
    TRY(mil_name_attribute(l, orion_ir_node_result(node, 0), hint, &attribute));
    TRY(mil_new_statement(l, op, results, count, attribute, &s));
    sort_arguments(l);
    s->arguments = MIL_COPY(l->program, l->arguments, l->argument_count);
    NO_MEMORY_IF(s->arguments == NULL);
    s->argument_count = (uint32_t)l->argument_count;
    return ORION_OK;
}

static orion_status lower_generic(mil_lowering *l, const orion_ir_node *node, const char *op,
                                  const char *hint) {
    TRY(add_rows(l, node, NULL));
    return emit_op(l, node, op, hint);
}

static orion_status lower_gelu(mil_lowering *l, const orion_ir_node *node, const char *op,
                               const char *hint) {
    bool tanh = orion_ir_node_int(node, "tanh_approximation") != 0;
    orion_mil_value mode;
    TRY(mil_string_value(l, tanh ? "TANH_APPROXIMATION" : "EXACT", &mode));
    TRY(add_parameter(l, node, "mode", mode));
    return lower_generic(l, node, op, hint);
}

/* The parameter pad is before and after, interleaved: [before 0, after 0, before 1, after 1 ...].
 */
static orion_status lower_padded(mil_lowering *l, const orion_ir_node *node, const char *op,
                                 const char *hint) {
    int64_t both[2 * ORION_IR_RANK_MAX];
    size_t rank, after_count;
    const int64_t *before = orion_ir_node_ints(node, "before", &rank);
    const int64_t *after = orion_ir_node_ints(node, "after", &after_count);
    for (size_t i = 0; i < rank; i++) {
        both[2 * i] = before[i];
        both[2 * i + 1] = after[i];
    }
    orion_mil_value pad;
    TRY(mil_list_value(l, ORION_MIL_INT32, both, 2 * rank, &pad));
    TRY(add_parameter(l, node, "pad", pad));
    return lower_generic(l, node, op, hint);
}

static orion_status lower_lstm(mil_lowering *l, const orion_ir_node *node, const char *op,
                               const char *hint) {
    bool reverse = orion_ir_node_int(node, "reverse") != 0;
    orion_mil_value direction;
    TRY(mil_string_value(l, reverse ? "reverse" : "forward", &direction));
    TRY(add_parameter(l, node, "direction", direction));
    return lower_generic(l, node, op, hint);
}

/* MIL's own quantisation, which ios17 brought, where it means the same: bytes, and one scale. */
static orion_status lower_quantize(mil_lowering *l, const orion_ir_node *node, const char *op,
                                   const char *hint) {
    static const char *const arguments[] = {"input", "scale", "zero_point"};
    bool quantize = orion_ir_node_op(node) == ORION_IR_OP_quantize;
    size_t count = orion_ir_node_input_count(node);
    orion_ir_type y = orion_ir_value_type(l->graph, orion_ir_node_result(node, 0));
    uint32_t whole = quantize ? y.dtype : operand_type(l, node, 0).dtype;
    bool plain = l->terse && (whole == ORION_IR_I8 || whole == ORION_IR_U8);
    for (size_t i = 1; i < count; i++) plain = plain && operand_type(l, node, i).rank == 0;
    if (count == 3) plain = plain && operand_type(l, node, 2).dtype == whole;
    if (!plain) return lower_generic(l, node, op, hint);
    for (size_t i = 0; i < count; i++) TRY(add_operand(l, node, i, arguments[i]));
    if (quantize) {
        orion_mil_value dtype;
        TRY(mil_string_value(l, whole == ORION_IR_I8 ? "int8" : "uint8", &dtype));
        TRY(add_parameter(l, node, "output_dtype", dtype));
    }
    return emit_op(l, node, quantize ? "quantize" : "dequantize", hint);
}

/* MIL's own attention, which ios18 brought, where it means the same: as many key heads as query
 * heads, scale 1/sqrt(D), nothing masked but by a mask. */
static orion_status lower_attention(mil_lowering *l, const orion_ir_node *node, const char *op,
                                    const char *hint) {
    static const char *const arguments[] = {"query", "key", "value", "attn_mask"};
    orion_ir_type q = operand_type(l, node, 0), k = operand_type(l, node, 1);
    size_t count = orion_ir_node_input_count(node);
    bool masked = count == 4 && operand_type(l, node, 3).rank == 4;
    bool plain = l->terse && (count == 3 || masked) && q.dims[1] == k.dims[1] &&
                 orion_ir_node_float(node, "scale") == 0 && orion_ir_node_int(node, "causal") == 0;
    if (!plain) {
        TRY(add_rows(l, node, masked ? "position" : NULL));
        return emit_op(l, node, op, hint);
    }
    for (size_t i = 0; i < count; i++) TRY(add_operand(l, node, i, arguments[i]));
    return emit_op(l, node, "scaled_dot_product_attention", hint);
}

orion_status mil_lower_node(mil_lowering *l, const orion_ir_node *node) {
    static const struct {
        uint16_t op;
        orion_status (*lower)(mil_lowering *, const orion_ir_node *, const char *, const char *);
    } lowerings[] = {
#define MIL_OP(op_, name_, how_, unused_) {ORION_IR_OP_##op_, lower_##how_},
#include "mil-ops.def"
    };
    orion_ir_op op = orion_ir_node_op(node);
    const char *hint, *name = mil_op_name(op, &hint);
    if (op == ORION_IR_OP_const) return mil_lower_const(l, node);
    l->argument_count = 0;
    for (size_t i = 0; i < ORN_COUNT(lowerings); i++) {
        if (lowerings[i].op == op) return lowerings[i].lower(l, node, name, hint);
    }
    /* Reached only if the table lacks an op, which a test forbids. */
    const orion_ir_op_info *info = orion_ir_op_find(op);
    ORN_ERROR(l->diag, MIL_OP, mil_value_name(l, orion_ir_node_result(node, 0)),
              "the IR op %s has no MIL form", info == NULL ? "?" : info->name);
    return ORION_ERROR_UNSUPPORTED;
}
