/* SPDX-License-Identifier: MIT */
/* The op table and its attribute schemas, made from ir-ops.def. */
#include "ir-internal.h"

/* One struct per op with one byte per attribute: its size counts them. */
struct slots_begin {
    char at_start;
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    }                                                                                              \
    ;                                                                                              \
    struct slots_##name {                                                                          \
        char at_start;
#define ORION_IR_ATTR(op, name, kind, fallback, doc) char slot_##name;
#include <orion/ir-ops.def>
};

enum level { CORE = 0, MODEL = 1 };

static const ir_op ops[] = {
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    {{sizeof(orion_ir_op_info), #name, doc, number, level, min_inputs, max_inputs, results,        \
      sizeof(struct slots_##name) - 1},                                                            \
     IR_ATTR_BEGIN_##name,                                                                         \
     ir_infer_##rule},
#include <orion/ir-ops.def>
};

static const orion_ir_attr_info attributes[] = {
#define ORION_IR_ATTR(op, name, kind, fallback, doc)                                               \
    {sizeof(orion_ir_attr_info), #name, fallback, doc, ORION_IR_ATTR_##kind, 0},
#include <orion/ir-ops.def>
};

/* Position in the table plus one, by number. */
enum {
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    POSITION_##name,
#include <orion/ir-ops.def>
};
static const uint8_t positions[] = {
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    [number] = POSITION_##name + 1,
#include <orion/ir-ops.def>
};

_Static_assert(ORN_COUNT(ops) < 255, "positions are bytes");
_Static_assert(ORN_COUNT(attributes) == IR_ATTR_TOTAL, "every attribute follows its op");
#define ORION_IR_OP(name, number, level, rule, min_inputs, max_inputs, results, doc)               \
    _Static_assert((number) > 0 && (min_inputs) <= (max_inputs) && (results) >= 1 &&               \
                       sizeof(doc) > 1 && sizeof(struct slots_##name) - 1 <= IR_ATTRS_MAX,         \
                   "row of " #name);
#include <orion/ir-ops.def>

const ir_op *ir_op_get(uint32_t op) {
    if (op >= ORN_COUNT(positions) || positions[op] == 0) return NULL;
    return &ops[positions[op] - 1];
}

const ir_op *ir_op_by_name(const char *name, size_t length) {
    for (size_t i = 0; i < ORN_COUNT(ops); i++) {
        const char *candidate = ops[i].info.name;
        if (strncmp(candidate, name, length) == 0 && candidate[length] == '\0') return &ops[i];
    }
    return NULL;
}

const orion_ir_attr_info *ir_op_attrs(const ir_op *op) {
    return attributes + op->first_attr;
}

size_t orion_ir_op_count(void) {
    return ORN_COUNT(ops);
}

const orion_ir_op_info *orion_ir_op_at(size_t i) {
    return i < ORN_COUNT(ops) ? &ops[i].info : NULL;
}

const orion_ir_op_info *orion_ir_op_find(orion_ir_op op) {
    const ir_op *found = ir_op_get((uint32_t)op);
    return found == NULL ? NULL : &found->info;
}

const orion_ir_op_info *orion_ir_op_from_name(const char *name) {
    const ir_op *found = name == NULL ? NULL : ir_op_by_name(name, strlen(name));
    return found == NULL ? NULL : &found->info;
}

const orion_ir_attr_info *orion_ir_op_attr(orion_ir_op op, size_t i) {
    const ir_op *found = ir_op_get((uint32_t)op);
    return found == NULL || i >= found->info.attr_count ? NULL : ir_op_attrs(found) + i;
}

/* "[1, 1]" into the arena. */
static bool default_ints(const char *text, orn_arena *arena, ir_attr *out) {
    size_t n = 0;
    for (const char *p = text; *p != '\0'; p++) n += *p == ',';
    int64_t *ints = orn_arena_alloc(arena, (n + 1) * sizeof *ints);
    if (ints == NULL) return false;
    out->count = 0;
    for (const char *p = text + 1; *p != ']' && *p != '\0';) {
        size_t digits = strspn(p, "-0123456789");
        if (!orn_parse_i64(p, digits, &ints[out->count++])) return false;
        p += digits;
        p += strspn(p, ", ");
    }
    out->ints = ints;
    return true;
}

bool ir_attr_default(const orion_ir_attr_info *info, orn_arena *arena, ir_attr *out) {
    const char *text = info->fallback;
    *out = (ir_attr){0};
    if (text[0] == '\0') return false;
    switch (info->kind) {
    case ORION_IR_ATTR_BOOL: out->i = strcmp(text, "true") == 0; return true;
    case ORION_IR_ATTR_INT: return orn_parse_i64(text, strlen(text), &out->i);
    case ORION_IR_ATTR_FLOAT: return orn_parse_f64(text, strlen(text), &out->f);
    case ORION_IR_ATTR_DTYPE: out->i = orion_ir_dtype_from_name(text); return true;
    default: return default_ints(text, arena, out);
    }
}

bool ir_attr_equal(uint32_t kind, const ir_attr *a, const ir_attr *b) {
    if (kind == ORION_IR_ATTR_FLOAT) return memcmp(&a->f, &b->f, sizeof a->f) == 0;
    if (kind != ORION_IR_ATTR_INTS) return a->i == b->i;
    return a->count == b->count &&
           (a->count == 0 || memcmp(a->ints, b->ints, a->count * sizeof *a->ints) == 0);
}
