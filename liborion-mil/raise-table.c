/* SPDX-License-Identifier: MIT */
/* Which function raises which MIL op, and why some have none. */
#include "mil-raise.h"

static const mil_raise_op ops[] = {
#define MIL_OP(op_, name_, lower_, raise_) {name_, mil_raise_##raise_, ORION_IR_OP_##op_},

#define MIL_FOREIGN(name_, raise_) {name_, mil_raise_##raise_, ORION_IR_OP_NONE},

#define MIL_REDUCE(name_, before_, op_, after_) MIL_FOREIGN(name_, reduction)

#define MIL_FORMULA(name_, parameters_, text_) MIL_FOREIGN(name_, formula)

#define MIL_FORMULA2(name_, parameters_, text_, integers_) MIL_FOREIGN(name_, formula)

#include "mil-ops.def"
};

const mil_raise_op *mil_raise_row(size_t i) {
    return i < ORN_COUNT(ops) ? &ops[i] : NULL;
}

static const struct {
    const char *name, *reason;
} refused[] = {
#define MIL_REFUSED(name_, reason_) {name_, reason_},
#include "mil-ops.def"
};

const char *mil_refusal(const char *op) {
    for (size_t i = 0; i < ORN_COUNT(refused); i++) {
        if (strcmp(refused[i].name, op) == 0) return refused[i].reason;
    }
    return NULL;
}
