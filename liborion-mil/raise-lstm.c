/* SPDX-License-Identifier: MIT */
/* MIL's lstm: one direction, the usual activations. */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

static orion_status check_word(mil_raiser *r, statement *s, const char *name, const char *must_be) {
    const char *word = must_be;
    bool given;
    TRY(mil_string(r, s, name, &given, &word));
    if (strcmp(word, must_be) == 0) return ORION_OK;
    return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "%s must be %s, not '%s'", name, must_be, word);
}

static orion_status check_activations(mil_raiser *r, statement *s) {
    TRY(check_word(r, s, "recurrent_activation", "sigmoid"));
    TRY(check_word(r, s, "cell_activation", "tanh"));
    return check_word(r, s, "activation", "tanh");
}

static orion_status read_direction(mil_raiser *r, statement *s, bool *reverse) {
    const char *direction = "forward";
    bool given;
    TRY(mil_string(r, s, "direction", &given, &direction));
    *reverse = strcmp(direction, "reverse") == 0;
    if (*reverse || strcmp(direction, "forward") == 0) return ORION_OK;
    return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "direction must be forward or reverse, not '%s'",
                      direction);
}

/* Without output_sequence the first result has the last step only. */
orion_status mil_raise_lstm(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x",
                                        "initial_h",
                                        "initial_c",
                                        "weight_ih",
                                        "weight_hh",
                                        "bias",
                                        "direction",
                                        "output_sequence",
                                        "recurrent_activation",
                                        "cell_activation",
                                        "activation",
                                        NULL};
    enum { OPERANDS = 6 };
    orion_ir_value in[OPERANDS];
    bool given, reverse, sequence = false;
    TRY(mil_only(r, s, names));
    for (size_t i = 0; i < OPERANDS; i++)
        TRY(mil_operand(r, s, names[i], i == OPERANDS - 1, &in[i]));
    TRY(check_activations(r, s));
    TRY(read_direction(r, s, &reverse));
    TRY(mil_bool(r, s, "output_sequence", &given, &sequence));
    orion_ir_attr attr = orion_ir_attr_int("reverse", reverse);
    *out = orion_ir_build(r->b, r->op, in, in[OPERANDS - 1].id == 0 ? 5 : 6, &attr, 1);
    if (sequence) return ORION_OK;
    orion_ir_value last = orion_ir_result(r->b, *out, 1);
    orion_ir_type type = mil_raised_type(r, last);
    const int64_t dims[] = {1, type.dims[0], type.dims[1]};
    r->first = orion_ir_reshape(r->b, last, dims, 3);
    return ORION_OK;
}
