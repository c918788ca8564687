/* SPDX-License-Identifier: MIT */
/*
 * Parameters that the program computes from constants: arithmetic on shapes, as converters leave
 * it.
 *
 * Only where an op needs the number itself, and only then, is the statement behind the name raised
 * a second time, alone: its operands as constants in a graph of its own, which the reference
 * interpreter evaluates. So every op that can be raised can be folded, and nothing else changes.
 * The operands are folded first, to a depth that bounds the recursion; what came out is kept.
 */
#include "mil-raise.h"

enum { DEPTH_MAX = 100, ELEMENTS_MAX = 4096 };

/* ---- results as literals ---- */

static orion_status literal_of(mil_raiser *r, mil_raised *x, const double *numbers, size_t count,
                               orion_ir_dtype dtype) {
    orion_mil_value *list = orn_arena_alloc(&r->scratch, (count + 1) * sizeof *list);
    if (list == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        orion_mil_value *v = &list[i + 1];
        if (mil_is_float(dtype)) {
            v->form = ORION_MIL_VALUE_FLOAT;
            v->u.f = numbers[i];
        } else {
            v->form = dtype == ORION_IR_BOOL ? ORION_MIL_VALUE_BOOL : ORION_MIL_VALUE_INT;
            v->u.i = (int64_t)numbers[i];
        }
    }
    list[0].form = ORION_MIL_VALUE_LIST;
    list[0].count = (uint32_t)count;
    list[0].u.items = list + 1;
    x->literal = x->type->rank == 0 ? list + 1 : list;
    return ORION_OK;
}

static orion_status evaluate(mil_raiser *r, mil_raised *x, const orion_ir_graph *graph) {
    orion_ir_type type = orion_ir_value_type(graph, orion_ir_graph_output(graph, 0));
    int64_t count = orion_ir_type_elements(&type);
    double numbers[ELEMENTS_MAX], *outputs[] = {numbers};
    if (count > ELEMENTS_MAX) return ORION_OK;
    orion_status status = orion_ir_eval(graph, ORION_IR_EVAL_ROUNDED, NULL, outputs, NULL);
    if (status == ORION_ERROR_NO_MEMORY) return status;
    if (status != ORION_OK) return ORION_OK;
    return literal_of(r, x, numbers, (size_t)count, (orion_ir_dtype)type.dtype);
}

/* ---- a statement of its own ---- */

/* Names that a statement takes: of arguments, and inside tuples. */
typedef orion_status name_fn(mil_raiser *r, mil_raised *x, void *ctx);

static orion_status for_names(mil_raiser *r, const orion_mil_value *v, name_fn *fn, void *ctx) {
    if (v->form == ORION_MIL_VALUE_NAME) {
        mil_raised *x = mil_find_name(r, v->u.text);
        return x == NULL ? ORION_OK : fn(r, x, ctx);
    }
    for (size_t i = 0; v->form == ORION_MIL_VALUE_TUPLE && i < v->count; i++)
        TRY(for_names(r, &v->u.items[i], fn, ctx));
    return ORION_OK;
}

static orion_status for_operands(mil_raiser *r, const orion_mil_statement *s, name_fn *fn,
                                 void *ctx) {
    for (uint32_t i = 0; i < s->argument_count; i++)
        TRY(for_names(r, &s->arguments[i].value, fn, ctx));
    return ORION_OK;
}

/* In the graph of the statement the operands are constants that are not made yet. */
static orion_status hide(mil_raiser *r, mil_raised *x, void *ctx) {
    (void)r;
    (void)ctx;
    if (x->value.id != 0) x->hidden = x->value; /* the same name may come again */
    x->value = (orion_ir_value){0};
    return ORION_OK;
}

static orion_status show(mil_raiser *r, mil_raised *x, void *ctx) {
    (void)r;
    (void)ctx;
    x->value = x->hidden;
    return ORION_OK;
}

/* Which result of its statement a name is. */
static uint32_t result_index(const mil_raiser *r, const mil_raised *x) {
    uint32_t k = 0;
    while (x - k > r->raised && (x - k - 1)->at == x->at) k++;
    return k;
}

static orion_status graph_of(mil_raiser *r, const mil_raised *x, orion_ir_graph **out) {
    orion_ir_value v;
    TRY(orion_ir_builder_create("fold", &r->allocator, &r->b));
    orion_status status = mil_emit(r, x->at, &v);
    if (status == ORION_OK) {
        uint32_t k = result_index(r, x);
        bool second = k == 1 && r->second.id != 0;
        if (k != 0) v = second ? r->second : orion_ir_result(r->b, v, k);
        if (k == 0 && r->first.id != 0) v = r->first;
        orion_ir_output(r->b, "y", v);
        status = orion_ir_builder_finish(&r->b, NULL, out);
    }
    orion_ir_builder_destroy(&r->b);
    return status;
}

/* What cannot be evaluated is no constant; only memory that is out is an error. */
static orion_status fold_alone(mil_raiser *r, mil_raised *x) {
    mil_raiser outer = *r;
    orion_ir_graph *graph = NULL;
    r->diag = NULL;
    r->folding = true;
    TRY(for_operands(r, x->at, hide, NULL));
    orion_status status = graph_of(r, x, &graph);
    TRY(for_operands(r, x->at, show, NULL));
    r->b = outer.b;
    r->diag = outer.diag;
    r->broken = outer.broken;
    r->folding = outer.folding;
    r->op = outer.op;
    r->first = outer.first;
    r->second = outer.second;
    r->hint = outer.hint;
    if (status == ORION_ERROR_NO_MEMORY) return status;
    if (status == ORION_OK) status = evaluate(r, x, graph);
    orion_ir_graph_destroy(&graph);
    return status == ORION_ERROR_NO_MEMORY ? status : ORION_OK;
}

/* ---- constants all the way ---- */

/* The extents of a tensor, whatever its elements are. */
static orion_status fold_shape(mil_raiser *r, mil_raised *x) {
    const orion_mil_value *v = orion_mil_statement_find_argument(x->at, "x");
    mil_raised *of =
        v != NULL && v->form == ORION_MIL_VALUE_NAME ? mil_find_name(r, v->u.text) : NULL;
    orion_ir_type type;
    double dims[ORION_IR_RANK_MAX];
    if (of == NULL || mil_raise_type(of->type, &type) != ORION_OK) return ORION_OK;
    for (uint32_t i = 0; i < type.rank; i++) dims[i] = (double)type.dims[i];
    return literal_of(r, x, dims, type.rank, ORION_IR_I32);
}

/* Counts an operand that is no small constant. */
static orion_status count_computed(mil_raiser *r, mil_raised *x, void *ctx) {
    orion_ir_type type;
    TRY(mil_fold(r, x));
    bool small = mil_raise_type(x->type, &type) != ORION_OK || /* a string, say */
                 orion_ir_type_elements(&type) <= ELEMENTS_MAX;
    *(size_t *)ctx += x->literal == NULL || !small;
    return ORION_OK;
}

orion_status mil_fold(mil_raiser *r, mil_raised *x) {
    size_t computed = 0;
    if (x->literal != NULL || x->at == NULL || x->folded || x->refused) return ORION_OK;
    if (r->depth == DEPTH_MAX) return ORION_OK;
    x->folded = true;
    if (strcmp(x->at->op, "shape") == 0) return fold_shape(r, x);
    r->depth++;
    orion_status status = for_operands(r, x->at, count_computed, &computed);
    r->depth--;
    if (status != ORION_OK || computed != 0) return status;
    return fold_alone(r, x);
}
