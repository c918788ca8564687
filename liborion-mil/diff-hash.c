/* SPDX-License-Identifier: MIT */
/*
 * What a statement computes, as a number: a hash of its op, its results' types, its attributes and
 * what its arguments mean, whatever they are called. Operands enter by their own hash, so equal
 * numbers mean equal computations from the inputs on (up to collisions of 64 bits).
 */
#include "mil-diff.h"

static uint64_t mix(uint64_t h, uint64_t v) {
    return orn_hash_bytes(&v, sizeof v, h);
}

static uint64_t mix_text(uint64_t h, const char *s) {
    return orn_hash_bytes(s, strlen(s), h);
}

bool mil_diff_is_const(const orion_mil_statement *s) {
    return strcmp(s->op, "const") == 0;
}

mil_diff_meaning mil_diff_resolve(const mil_diff_side *side, const orion_mil_value *v) {
    if (v->form != ORION_MIL_VALUE_NAME) return (mil_diff_meaning){MIL_DIFF_LITERAL, 0, 0, v};
    const uint32_t *at = orn_map_get(&side->f->names, v->u.text, strlen(v->u.text));
    if (at == NULL) return (mil_diff_meaning){MIL_DIFF_UNKNOWN, 0, 0, NULL};
    if ((*at & MIL_PARAMETER) != 0)
        return (mil_diff_meaning){MIL_DIFF_INPUT, *at & ~MIL_PARAMETER, 0, NULL};
    const orion_mil_statement *s = &side->f->statements[*at];
    const orion_mil_value *val = orion_mil_statement_find_attribute(s, "val");
    if (mil_diff_is_const(s) && val != NULL)
        return (mil_diff_meaning){MIL_DIFF_LITERAL, *at, 0, val};
    uint32_t r = 0;
    while (r + 1 < s->result_count && strcmp(s->results[r].name, v->u.text) != 0) r++;
    return (mil_diff_meaning){MIL_DIFF_RESULT, *at, r, NULL};
}

uint64_t mil_diff_hash_type(const orion_mil_type *type) {
    if (type == NULL) return 0;
    uint64_t h = mix(type->form, type->dtype);
    for (uint32_t i = 0; i < type->rank; i++) {
        const mil_dim *d = &type->dims[i];
        h = d->symbol != NULL ? mix_text(h, d->symbol) : mix(h, (uint64_t)d->extent);
    }
    for (uint32_t i = 0; i < type->item_count; i++) h = mix(h, mil_diff_hash_type(type->items[i]));
    return h;
}

/* Lists are flat: [[1, 2], [3, 4]] and [1, 2, 3, 4] of one type are the same literal. */
static uint64_t mix_literal(uint64_t h, const orion_mil_value *v) {
    double number = orion_mil_value_float(v);
    uint64_t bits;
    if (v->type != NULL) h = mix(h, mil_diff_hash_type(v->type));
    switch (v->form) {
    case ORION_MIL_VALUE_LIST: break;
    case ORION_MIL_VALUE_INT:
    case ORION_MIL_VALUE_FLOAT:
        if (v->form == ORION_MIL_VALUE_INT &&
            ((v->flags & MIL_VALUE_HUGE) != 0 || v->u.i > 1ll << 53 || v->u.i < -(1ll << 53)))
            return mix(h + v->form, (uint64_t)v->u.i);
        memcpy(&bits, &number, sizeof bits);
        return mix(h, bits);
    case ORION_MIL_VALUE_BOOL: return mix(h + v->form, (uint64_t)v->u.i);
    case ORION_MIL_VALUE_NAME:
    case ORION_MIL_VALUE_STRING: return mix_text(h + v->form, v->u.text);
    default: h = mix(h + v->form, v->count); break;
    }
    for (size_t i = 0; i < v->count; i++) h = mix_literal(h, &v->u.items[i]);
    return h;
}

uint64_t mil_diff_hash_literal(const orion_mil_value *v) {
    return mix_literal(0, v);
}

static uint64_t hash_argument(const mil_diff_side *side, const orion_mil_value *v, size_t before) {
    if (v->form == ORION_MIL_VALUE_TUPLE) {
        uint64_t h = v->count;
        for (uint32_t i = 0; i < v->count; i++)
            h = mix(h, hash_argument(side, &v->u.items[i], before));
        return h;
    }
    mil_diff_meaning m = mil_diff_resolve(side, v);
    switch (m.kind) {
    case MIL_DIFF_INPUT: return mix(MIL_DIFF_INPUT, side->input_pairs[m.index]);
    case MIL_DIFF_LITERAL: return mil_diff_hash_literal(m.literal);
    case MIL_DIFF_RESULT:
        return m.index < before ? mix(side->nodes[m.index].hash, m.result) : MIL_DIFF_UNKNOWN;
    default: return MIL_DIFF_UNKNOWN;
    }
}

/* Attributes and arguments in any order: a sum. */
static uint64_t hash_statement(const mil_diff_side *side, size_t i) {
    const orion_mil_statement *s = &side->f->statements[i];
    uint64_t h = mix_text(0, s->op), sum = 0;
    for (uint32_t r = 0; r < s->result_count; r++)
        h = mix(h, mil_diff_hash_type(s->results[r].type));
    for (uint32_t n = 0; n < s->argument_count; n++) {
        const mil_binding *b = &s->arguments[n];
        sum += mix(mix_text(1, b->name), hash_argument(side, &b->value, i));
    }
    for (uint32_t n = 0; n < s->attribute_count; n++) {
        const mil_binding *b = &s->attributes[n];
        if (strcmp(b->name, "name") != 0)
            sum += mix(mix_text(2, b->name), mil_diff_hash_literal(&b->value));
    }
    return mix(h, sum);
}

void mil_diff_hash(mil_diff_side *side) {
    for (size_t i = 0; i < side->f->statement_count; i++)
        side->nodes[i].hash = hash_statement(side, i);
}
