/* SPDX-License-Identifier: MIT */
/*
 * States. A parameter of type state<T> is an input of type T; if the program writes it, the last
 * value becomes an output NAME_next behind the others, for the next run's input. Where the write is
 * a slice_update the device updates in place, if one tensor is bound to both.
 */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

const orion_mil_type *mil_state_type(const orion_mil_type *type) {
    bool state = type->form == ORION_MIL_TYPE_STATE && type->item_count == 1;
    return state ? type->items[0] : NULL;
}

static orion_status find_state(mil_raiser *r, statement *s, const char *name, mil_raised **out) {
    const orion_mil_value *v = orion_mil_statement_find_argument(s, name);
    *out = v != NULL && v->form == ORION_MIL_VALUE_NAME ? mil_find_name(r, v->u.text) : NULL;
    if (*out == NULL || mil_state_type((*out)->type) == NULL) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER,
                          "'%s' must be a parameter that is a state", name);
    }
    return (*out)->refused ? ORION_ERROR_UNSUPPORTED : ORION_OK;
}

orion_status mil_raise_read_state(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"input", NULL};
    mil_raised *state;
    TRY(mil_only(r, s, names));
    TRY(find_state(r, s, "input", &state));
    *out = state->value;
    return ORION_OK;
}

/* write_state(input, data) and coreml_update_state(state, value), which also gives the value. */
orion_status mil_raise_write_state(mil_raiser *r, statement *s, orion_ir_value *out) {
    bool write = strcmp(s->op, "write_state") == 0;
    const char *const names[] = {write ? "input" : "state", write ? "data" : "value", NULL};
    mil_raised *state;
    orion_ir_type declared;
    TRY(mil_only(r, s, names));
    TRY(find_state(r, s, names[0], &state));
    TRY(mil_operand(r, s, names[1], false, out));
    orion_ir_type type = mil_raised_type(r, *out);
    if (mil_raise_type(mil_state_type(state->type), &declared) != ORION_OK ||
        !orion_ir_type_equal(&type, &declared))
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the value does not have the state's type");
    state->value = *out;
    state->written = true;
    return ORION_OK;
}
