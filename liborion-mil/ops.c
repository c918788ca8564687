/* SPDX-License-Identifier: MIT */
/* mil-ops.def as tables: the arguments of each op, the names of ops, and the hints that lowering
 * leaves in name attributes. */
#include "mil-internal.h"

static const mil_row rows[] = {
#define MIL_IN(op_, argument_, need_)                                                              \
    {.name = argument_, .op = ORION_IR_OP_##op_, .role = MIL_ROLE_IN, .need = MIL_NEED_##need_},
#define MIL_ATTR(op_, attr_, parameter_, kind_, fallback_)                                         \
    {.name = parameter_,                                                                           \
     .attr = attr_,                                                                                \
     .value = fallback_,                                                                           \
     .op = ORION_IR_OP_##op_,                                                                      \
     .role = MIL_ROLE_ATTR,                                                                        \
     .kind = MIL_KIND_##kind_},
#define MIL_FIXED(op_, parameter_, kind_, value_, need_)                                           \
    {.name = parameter_,                                                                           \
     .value = value_,                                                                              \
     .op = ORION_IR_OP_##op_,                                                                      \
     .role = MIL_ROLE_FIXED,                                                                       \
     .kind = MIL_KIND_##kind_,                                                                     \
     .need = MIL_NEED_##need_},
#include "mil-ops.def"
};

static const struct {
    uint16_t op;
    const char *name;
} names[] = {
#define MIL_OP(op_, name_, lower_, raise_) {ORION_IR_OP_##op_, name_},
#include "mil-ops.def"
};

static const struct {
    uint16_t op;
    const char *prefix;
} hints[] = {
#define MIL_HINT(op_, prefix_) {ORION_IR_OP_##op_, prefix_},
#include "mil-ops.def"
};

/* The table is in the order of the IR's op numbers; the test of all ops would notice if not. */
const mil_row *mil_rows(orion_ir_op op, size_t *count) {
    size_t low = 0, high = ORN_COUNT(rows);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (rows[middle].op < op) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    *count = 0;
    while (low + *count < ORN_COUNT(rows) && rows[low + *count].op == op) ++*count;
    return *count == 0 ? NULL : &rows[low];
}

const char *mil_op_name(orion_ir_op op, const char **hint) {
    *hint = NULL;
    for (size_t i = 0; i < ORN_COUNT(hints); i++) {
        if (hints[i].op == op) *hint = hints[i].prefix;
    }
    for (size_t i = 0; i < ORN_COUNT(names); i++) {
        if (names[i].op == op) return names[i].name;
    }
    return NULL;
}

/* ---- hints ---- */

static const char *behind(const char *text, const char *prefix) {
    size_t n = strlen(prefix);
    return strncmp(text, prefix, n) == 0 ? text + n : NULL;
}

orion_ir_op mil_hinted_op(const char *mil_name, const char *attribute) {
    for (size_t i = 0; i < ORN_COUNT(hints); i++) {
        const char *unused;
        orion_ir_op op = (orion_ir_op)hints[i].op;
        if (behind(attribute, hints[i].prefix) != NULL &&
            strcmp(mil_op_name(op, &unused), mil_name) == 0)
            return op;
    }
    return ORION_IR_OP_NONE;
}

const char *mil_hinted_name(const char *attribute) {
    const char *name = behind(attribute, MIL_HINT_VALUE);
    for (size_t i = 0; i < ORN_COUNT(hints) && name == NULL; i++)
        name = behind(attribute, hints[i].prefix);
    return name != NULL && *name != '\0' ? name : NULL;
}

bool mil_is_alias(const char *attribute) {
    return behind(attribute, MIL_HINT_OUTPUT) != NULL;
}

bool mil_is_made_up(const char *name) {
    size_t digits = *name == '_' ? strspn(name + 1, "0123456789") : 0;
    return digits != 0 && name[1 + digits] == '\0';
}

bool mil_is_word(const char *name, size_t n) {
    return (n == 4 && memcmp(name, "true", n) == 0) || (n == 5 && memcmp(name, "false", n) == 0);
}
