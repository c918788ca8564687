/* SPDX-License-Identifier: MIT */
/*
 * What crosses between host and device: two passes.
 *
 * mask   A select whose condition the host computes becomes arithmetic with a row of numbers, which
 *        the host computes too: x + (0 or -1e4) instead of select(c, x, below -1e4), and
 *        x * (1 or 0) instead of select(c, x, 0).
 *        Keeps: what a softmax gives, for e^-1e4 is 0; x * 0 if x is finite.
 * half   All that runs on the device is in fp16; a value that changes sides is cast on the host,
 *        and a bool goes over as 1 or 0. Constants of the device are converted here.
 *        Keeps: every value up to rounding to fp16; constants beyond its range saturate.
 *
 * Both need core ops where the device has no model ops (expand).
 */
#include "../mil-legal.h"

#include <math.h>

static const double masked = -1e4, greatest_half = 65504;

/* ---- mask ---- */

static bool is_host(const mil_rewrite *r, const orion_ir_node *n, size_t i) {
    const mil_sides *sides = r->ctx;
    orion_ir_value v = orion_ir_node_input(n, i);
    return mil_side_of(sides, v) == MIL_SIDE_HOST || mil_const_operand(r->from, n, i) != NULL;
}

/* yes where the condition holds, else no: [same shape as the condition], of x's dtype. */
static orion_ir_value row(mil_rewrite *r, const orion_ir_node *n, orion_ir_value x, double yes,
                          double no) {
    orion_ir_value a = mil_number(r->b, x, yes), b = mil_number(r->b, x, no);
    return orion_ir_select(r->b, mil_mapped(r, n, 0), a, b);
}

static orion_status visit_mask(mil_rewrite *r, const orion_ir_node *n) {
    const mil_sides *sides = r->ctx;
    double number;
    if (orion_ir_node_op(n) != ORION_IR_OP_select || mil_node_side(sides, n) != MIL_SIDE_DEVICE ||
        !is_host(r, n, 0))
        return mil_keep(r, n);
    const orion_ir_node *other = mil_const_operand(r->from, n, 2);
    if (other == NULL || !mil_is_splat(r->from, other, &number) || (number != 0 && number > masked))
        return mil_keep(r, n);
    orion_ir_value x = mil_mapped(r, n, 1);
    if (number == 0) return MIL_REPLACE(r, n, orion_ir_mul(r->b, x, row(r, n, x, 1, 0)));
    return MIL_REPLACE(r, n, orion_ir_add(r->b, x, row(r, n, x, 0, masked)));
}

static orion_status run_mask(const orion_ir_graph *g, const orion_mil_target *target,
                             const mil_side_options *options, const orion_allocator *allocator,
                             orion_diag *diag, orion_ir_graph **out, bool *changed) {
    mil_sides sides;
    *out = NULL;
    TRY(mil_sides_find(g, target, options, allocator, &sides));
    orion_status status =
        mil_rewrite_graph(g, target, visit_mask, &sides, allocator, diag, out, changed);
    mil_sides_free(&sides);
    return status;
}

const mil_pass mil_pass_mask = {
    .name = "mask",
    .doc = "mask by rows of numbers that the host computes",
    .run = run_mask,
};

/* ---- half ---- */

/* What a value is called on either side, as far as it was asked for. */
typedef struct crossing {
    orion_ir_value device, host;
} crossing;

typedef struct halver {
    const mil_sides *old;
    mil_sides *sides;    /* of the new graph; grown as values are made */
    crossing *crossings; /* by old id */
    bool wide_ports;
} halver;

static orion_status note(mil_rewrite *r, orion_ir_value v, mil_side side, mil_reason reason) {
    halver *h = r->ctx;
    mil_sides *s = h->sides;
    if (v.id == 0) return ORION_OK; /* the builder has failed; finish tells */
    if (v.id >= s->count) {
        size_t before = s->count;
        if (!ORN_GROW(&s->allocator, s->cells, s->count, v.id + (size_t)1))
            return ORION_ERROR_NO_MEMORY;
        memset(s->cells + before, 0, s->count - before);
    }
    s->cells[v.id] = mil_cell(side, reason);
    return ORION_OK;
}

/* A constant with its floats in fp16. */
static orion_ir_value half_constant(mil_rewrite *r, const orion_ir_node *n) {
    size_t bytes;
    const void *data = orion_ir_node_data(n, &bytes);
    orion_ir_type type = orion_ir_value_type(r->from, orion_ir_node_result(n, 0));
    orion_ir_dtype dtype = (orion_ir_dtype)type.dtype;
    size_t count = bytes / orion_ir_dtype_bytes(dtype);
    orion_blob *blob;
    type.dtype = ORION_IR_F16;
    if (orion_blob_copy(NULL, count * sizeof(uint16_t), &r->allocator, &blob) != ORION_OK)
        return (orion_ir_value){0};
    uint16_t *to = (uint16_t *)(uintptr_t)orion_blob_data(blob); /* ours alone until returned */
    for (size_t i = 0; i < count; i++) {
        double v = mil_const_element(dtype, data, i);
        if (fabs(v) > greatest_half && !isinf(v)) v = copysign(greatest_half, v);
        to[i] = orn_f16_from_f64(v);
    }
    orion_ir_value v = orion_ir_constant_blob(r->b, type, blob, 0);
    orion_blob_unref(&blob);
    return v;
}

/* A bool as 1 or 0 in fp16, and back. */
static orion_ir_value bool_to_half(mil_rewrite *r, orion_ir_value x, mil_side side,
                                   orion_status *status) {
    orion_ir_type scalar = orion_ir_type_make(ORION_IR_F16, 0, NULL);
    orion_ir_value one = orion_ir_splat(r->b, scalar, 1), zero = orion_ir_splat(r->b, scalar, 0);
    x = orion_ir_select(r->b, x, one, zero);
    *status = note(r, x, side, MIL_REASON_INTEGERS);
    return x;
}

static orion_ir_value half_to_bool(mil_rewrite *r, orion_ir_value x, mil_side side,
                                   orion_status *status) {
    x = orion_ir_less(r->b, mil_number(r->b, x, 0.5), x);
    *status = note(r, x, side, MIL_REASON_INTEGERS);
    return x;
}

/* Operand `v` as a node of that side wants it. */
static orion_status cross(mil_rewrite *r, orion_ir_value v, mil_side to, orion_ir_value *out) {
    halver *h = r->ctx;
    crossing *c = &h->crossings[v.id];
    orion_ir_value *known = to == MIL_SIDE_DEVICE ? &c->device : &c->host, x = r->map[v.id];
    const orion_ir_node *def = orion_ir_value_node(r->from, v);
    orion_ir_type type = orion_ir_value_type(r->from, v);
    mil_side side = mil_side_of(h->old, v);
    orion_status status = ORION_OK;
    if (known->id == 0 && mil_is_const_node(def)) {
        bool converts =
            to == MIL_SIDE_DEVICE && mil_is_float(type.dtype) && type.dtype != ORION_IR_F16;
        *known = converts ? half_constant(r, def) : mil_emit_like(r->b, r->from, def, NULL);
        if (converts && known->id == 0) return ORION_ERROR_NO_MEMORY;
        status = note(r, *known, MIL_SIDE_ANY, MIL_REASON_NONE);
    } else if (known->id == 0 && (side == to || (side == MIL_SIDE_ANY && def == NULL))) {
        *known = x;
    } else if (known->id == 0 && type.dtype == ORION_IR_BOOL) {
        mil_side from = to == MIL_SIDE_DEVICE ? MIL_SIDE_HOST : MIL_SIDE_DEVICE;
        *known = bool_to_half(r, x, from, &status);
        if (status == ORION_OK) *known = half_to_bool(r, *known, to, &status);
    } else if (known->id == 0) {
        uint32_t dtype = to == MIL_SIDE_DEVICE ? (uint32_t)ORION_IR_F16 : type.dtype;
        *known = mil_cast(r->b, x, dtype);
        mil_side where = h->wide_ports ? MIL_SIDE_DEVICE : MIL_SIDE_HOST;
        if (known->id != x.id) status = note(r, *known, where, MIL_REASON_NONE);
    }
    *out = *known;
    return status;
}

/* Casts between floats of the device do nothing any more. */
static bool is_pointless(const orion_ir_node *n, orion_ir_value x, const mil_rewrite *r) {
    return orion_ir_node_op(n) == ORION_IR_OP_cast && mil_type_of(r->b, x).dtype == ORION_IR_F16 &&
           mil_is_float((uint32_t)orion_ir_node_int(n, "dtype"));
}

static orion_status emit_half(mil_rewrite *r, const orion_ir_node *n,
                              const orion_ir_value *operands) {
    halver *h = r->ctx;
    mil_side side = mil_node_side(h->old, n);
    uint32_t first_id = orion_ir_node_result(n, 0).id;
    orion_ir_value first;
    if (side == MIL_SIDE_DEVICE && is_pointless(n, operands[0], r)) {
        r->map[first_id] = operands[0];
        return ORION_OK;
    }
    bool to_float = orion_ir_node_op(n) == ORION_IR_OP_cast && side == MIL_SIDE_DEVICE &&
                    mil_is_float((uint32_t)orion_ir_node_int(n, "dtype"));
    first = to_float ? orion_ir_cast(r->b, operands[0], ORION_IR_F16)
                     : mil_emit_like(r->b, r->from, n, operands);
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        orion_ir_value v = orion_ir_result(r->b, first, i);
        mil_set_result(r, n, i, v);
        TRY(note(r, v, side, mil_reason_of(h->old, orion_ir_node_result(n, 0))));
    }
    return ORION_OK;
}

static orion_status visit_half(mil_rewrite *r, const orion_ir_node *n) {
    halver *h = r->ctx;
    size_t count = orion_ir_node_input_count(n);
    if (mil_is_const_node(n)) return ORION_OK; /* made where it is used */
    orion_ir_value *operands = orn_alloc(&r->allocator, count * sizeof *operands);
    if (operands == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ORION_OK;
    for (size_t i = 0; i < count && status == ORION_OK; i++)
        status = cross(r, orion_ir_node_input(n, i), mil_node_side(h->old, n), &operands[i]);
    if (status == ORION_OK) status = emit_half(r, n, operands);
    orn_free(&r->allocator, operands, count * sizeof *operands);
    return status;
}

/* Outputs have the types they had; one that is a constant is computed on the host. */
static orion_status finish_outputs(mil_rewrite *r) {
    for (size_t i = 0; i < orion_ir_graph_output_count(r->from); i++) {
        orion_ir_value v = orion_ir_graph_output(r->from, i), x;
        TRY(cross(r, v, MIL_SIDE_HOST, &x));
        if (mil_is_const_node(orion_ir_value_node(r->from, v))) {
            x = orion_ir_identity(r->b, x);
            TRY(note(r, x, MIL_SIDE_HOST, MIL_REASON_INTEGERS));
        }
        orion_ir_output(r->b, orion_ir_graph_output_name(r->from, i), x);
    }
    return ORION_OK;
}

static orion_status halve(mil_rewrite *r, orion_diag *diag, orion_ir_graph **out) {
    for (size_t i = 0; i < orion_ir_graph_input_count(r->from); i++) {
        orion_ir_value v = orion_ir_graph_input(r->from, i), x;
        x = orion_ir_input(r->b, orion_ir_value_name(r->from, v), orion_ir_value_type(r->from, v));
        r->map[v.id] = x;
        r->bound = ORN_MAX(r->bound, x.id);
        TRY(note(r, x, MIL_SIDE_HOST, MIL_REASON_NONE));
    }
    mil_foreach_node(r->from, n) TRY(visit_half(r, n));
    TRY(finish_outputs(r));
    return orion_ir_builder_finish(&r->b, diag, out);
}

orion_status mil_make_half(const orion_ir_graph *g, const orion_mil_target *target,
                           mil_sides *sides, bool wide_ports, const orion_allocator *allocator,
                           orion_diag *diag, orion_ir_graph **out) {
    size_t values = orion_ir_graph_value_bound(g);
    mil_sides made = {.allocator = orn_allocator(allocator)};
    halver h = {.old = sides, .sides = &made};
    h.wide_ports = wide_ports && !mil_refuses(target, "cast");
    mil_rewrite r = {.from = g, .target = target, .diag = diag, .ctx = &h};
    r.allocator = made.allocator;
    *out = NULL;
    TRY(orion_ir_builder_create(orion_ir_graph_name(g), &r.allocator, &r.b));
    r.map = orn_zalloc(&r.allocator, values * sizeof *r.map);
    h.crossings = orn_zalloc(&r.allocator, values * sizeof *h.crossings);
    orion_status status =
        r.map == NULL || h.crossings == NULL ? ORION_ERROR_NO_MEMORY : halve(&r, diag, out);
    orion_ir_builder_destroy(&r.b);
    orn_free(&r.allocator, r.map, values * sizeof *r.map);
    orn_free(&r.allocator, h.crossings, values * sizeof *h.crossings);
    mil_sides *unused = status == ORION_OK ? sides : &made;
    mil_sides_free(unused);
    if (status == ORION_OK) *sides = made;
    return status;
}

static orion_status run_half(const orion_ir_graph *g, const orion_mil_target *target,
                             const mil_side_options *options, const orion_allocator *allocator,
                             orion_diag *diag, orion_ir_graph **out, bool *changed) {
    mil_sides sides;
    *out = NULL;
    *changed = true;
    TRY(mil_sides_find(g, target, options, allocator, &sides));
    orion_status status = mil_make_half(g, target, &sides, false, allocator, diag, out);
    mil_sides_free(&sides);
    return status;
}

const mil_pass mil_pass_half = {
    .name = "half",
    .doc = "compute in fp16 on the device, with casts where a value changes sides",
    .run = run_half,
};
