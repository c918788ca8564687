/* SPDX-License-Identifier: MIT */
/*
 * Algebraic rewrites: terms of elementwise ops become cheaper ones, by the table algebra.def.
 *
 * Needs:  a valid graph.
 * Keeps:  "algebra" every value, bit for bit; "algebra_inexact" every value up to rounding, but not
 *         what becomes of NaN, infinities, overflow and the sign of zero.
 *
 * A sweep tries the rules of each node's op in the order of the table. The operands of the node
 * are rewritten already, and what a rule puts in front of it is visited next, so one run does all
 * there is to do but for terms that a new node completes. A result with several ops is taken only
 * if it replaces nodes that nobody else uses, for else the graph would grow.
 */
#include "passes/algebra.h"
#include "emit.h"
#include "infer-internal.h"

#include <math.h>

enum { NO_RULE = UINT16_MAX };

typedef struct rewriter {
    const ir_rule *rules;
    uint16_t *next;       /* rule that follows in the chain of the same op */
    uint16_t first[256];  /* by op */
    const uint32_t *uses; /* by value id, as they were when the pass began */
    size_t use_count;
} rewriter;

/* What the letters of a rule stand for. */
typedef struct binding {
    uint32_t value[IR_RULE_LETTERS];
    double number[IR_RULE_LETTERS];
} binding;

/* ---- matching ---- */

static bool same_number(double a, double b) {
    return a == b && signbit(a) == signbit(b);
}

static bool is_power_of_two(orion_ir_dtype dtype, double v) {
    int exponent;
    if (!isfinite(v) || fabs(frexp(v, &exponent)) != 0.5) return false;
    return ir_round_to(dtype, 1 / v) * v == 1;
}

static bool match_letter(const orion_ir_graph *g, const ir_term *t, uint32_t value, binding *b) {
    double number = 0;
    if (b->value[t->letter] != 0) return b->value[t->letter] == value;
    if (t->kind != IR_TERM_VALUE && !ir_splat_of(g, value, &number)) return false;
    orion_ir_dtype dtype = (orion_ir_dtype)ir_val(g, value)->type.dtype;
    if (t->kind == IR_TERM_POWER && !is_power_of_two(dtype, number)) return false;
    b->value[t->letter] = value;
    b->number[t->letter] = number;
    return true;
}

/* Is the value what the term says, if the operands of the ops in `flips` are exchanged? */
static bool match(const orion_ir_graph *g, const ir_rule *rule, uint8_t term, uint32_t value,
                  uint32_t flips, binding *b) {
    const ir_term *t = &rule->terms[term];
    double number;
    if (t->kind == IR_TERM_NUMBER) {
        return ir_splat_of(g, value, &number) && same_number(number, t->number);
    }
    if (t->kind != IR_TERM_OP) return match_letter(g, t, value, b);
    const orion_ir_node *n = ir_def(g, value);
    if (n == NULL || n->op != t->op || n->n_in != t->n_in) return false;
    for (uint8_t i = 0; i < t->n_in; i++) {
        uint8_t k = (flips & t->flip) != 0 ? (uint8_t)(1 - i) : i;
        if (!match(g, rule, t->in[k], n->in[i], flips, b)) return false;
    }
    return true;
}

static bool match_any_order(const orion_ir_graph *g, const ir_rule *rule, const orion_ir_node *n,
                            binding *b) {
    for (uint32_t flips = 0; flips < 1u << rule->flips; flips++) {
        *b = (binding){{0}, {0}};
        if (match(g, rule, rule->pattern, n->out, flips, b)) return true;
    }
    return false;
}

static bool takes_dtype(const ir_rule *rule, uint32_t dtype) {
    if (rule->dtypes == IR_RULE_any) return true;
    return ir_is_float(dtype) == (rule->dtypes == IR_RULE_float) && dtype != ORION_IR_BOOL;
}

/* Are the ops that the pattern matched below its root used by it alone? */
static bool is_private(const rewriter *w, const orion_ir_graph *g, const ir_rule *rule,
                       const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_in; i++) {
        const orion_ir_node *def = ir_def(g, n->in[i]);
        bool matched = def != NULL && def->op != ORION_IR_OP_const;
        if (rule->result_ops > 1 && matched && n->in[i] < w->use_count && w->uses[n->in[i]] > 1) {
            return false;
        }
    }
    return true;
}

/* ---- results ---- */

/* Shape of the result: its letters broadcast together; rank 0 if it has none. */
static bool result_dims(const orion_ir_graph *g, const ir_rule *rule, uint8_t term,
                        const binding *b, orion_ir_type *shape) {
    const ir_term *t = &rule->terms[term];
    if (t->kind == IR_TERM_VALUE) {
        const orion_ir_type *type = &ir_val(g, b->value[t->letter])->type;
        orion_ir_type joint = *shape;
        if (!ir_broadcast(shape->dims, shape->rank, type->dims, type->rank, joint.dims,
                          &joint.rank)) {
            return false;
        }
        *shape = joint;
    }
    for (uint8_t i = 0; t->kind == IR_TERM_OP && i < t->n_in; i++) {
        if (!result_dims(g, rule, t->in[i], b, shape)) return false;
    }
    return true;
}

static double number_of(const ir_rule *rule, uint8_t term, const binding *b) {
    const ir_term *t = &rule->terms[term];
    switch (t->kind) {
    case IR_TERM_NUMBER: return t->number;
    case IR_TERM_TIMES: return number_of(rule, t->in[0], b) * number_of(rule, t->in[1], b);
    case IR_TERM_PLUS: return number_of(rule, t->in[0], b) + number_of(rule, t->in[1], b);
    case IR_TERM_RECIP: return 1 / number_of(rule, t->in[0], b);
    default: return b->number[t->letter];
    }
}

static orion_ir_value emit(orion_ir_builder *to, const ir_rule *rule, uint8_t term,
                           const binding *b, orion_ir_dtype dtype) {
    const ir_term *t = &rule->terms[term];
    orion_ir_value in[IR_TERM_OPERANDS] = {{0}};
    if (t->kind == IR_TERM_VALUE) return (orion_ir_value){b->value[t->letter]};
    if (t->kind != IR_TERM_OP) {
        return orion_ir_splat(to, orion_ir_type_make(dtype, 0, NULL), number_of(rule, term, b));
    }
    for (uint8_t i = 0; i < t->n_in; i++) in[i] = emit(to, rule, t->in[i], b, dtype);
    return orion_ir_build(to, (orion_ir_op)t->op, in, t->n_in, NULL, 0);
}

/* Rewrite n by the rule that it matches; *done if the shapes allow it. */
static orion_status rewrite(ir_sweep *s, orion_ir_node *n, const ir_rule *rule, const binding *b,
                            bool *done) {
    const orion_ir_type type = ir_val(s->g, n->out)->type;
    orion_ir_dtype dtype = (orion_ir_dtype)ir_val(s->g, n->in[0])->type.dtype;
    const ir_term *result = &rule->terms[rule->result];
    orion_ir_builder to = ir_builder_at(s->g, n, NULL);
    orion_ir_value v;
    to.line = n->line;
    if (result->kind == IR_TERM_NUMBER) {
        v = ir_fill(&to, type, result->number);
    } else {
        orion_ir_type shape = {.dtype = type.dtype};
        if (!result_dims(s->g, rule, rule->result, b, &shape)) return ORION_OK;
        if (!orion_ir_type_equal(&shape, &type)) return ORION_OK;
        v = emit(&to, rule, rule->result, b, dtype);
    }
    TRY(to.status);
    *done = true;
    return ir_sweep_replace(s, n->out, v.id);
}

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    rewriter *w = s->ctx;
    uint16_t i = n->op < ORN_COUNT(w->first) ? w->first[n->op] : NO_RULE;
    bool done = false;
    for (; i != NO_RULE && !done; i = w->next[i]) {
        const ir_rule *rule = &w->rules[i];
        binding b;
        if (!takes_dtype(rule, ir_val(s->g, n->in[0])->type.dtype) ||
            !match_any_order(s->g, rule, n, &b) || !is_private(w, s->g, rule, n)) {
            continue;
        }
        TRY(rewrite(s, n, rule, &b, &done));
    }
    return ORION_OK;
}

/* ---- the passes ---- */

/* Chains of the rules by op, in the order of the table. */
static orion_status read_table(ir_rule *rules, rewriter *w, bool exact) {
    uint16_t last[ORN_COUNT(w->first)];
    for (size_t op = 0; op < ORN_COUNT(w->first); op++) w->first[op] = last[op] = NO_RULE;
    for (uint16_t i = 0; i < ir_rule_count(); i++) {
        if (!ir_rule_compile(i, &rules[i])) return ORION_ERROR_INVALID_STATE;
        uint16_t op = rules[i].terms[rules[i].pattern].op;
        w->next[i] = NO_RULE;
        if (rules[i].exact != exact) continue;
        *(last[op] == NO_RULE ? &w->first[op] : &w->next[last[op]]) = i;
        last[op] = i;
    }
    return ORION_OK;
}

static orion_status run_rules(orion_ir_graph *g, bool exact, bool *changed) {
    const orion_allocator *a = &g->arena.allocator;
    size_t count = ir_rule_count(), use_count = g->value_count;
    ir_rule *rules = orn_alloc(a, count * sizeof *rules);
    uint16_t *next = orn_alloc(a, count * sizeof *next);
    uint32_t *uses = ir_use_counts(g, a);
    orion_status status = ORION_ERROR_NO_MEMORY;
    if (rules != NULL && next != NULL && uses != NULL) {
        rewriter w = {.rules = rules, .next = next, .uses = uses, .use_count = use_count};
        status = read_table(rules, &w, exact);
        if (status == ORION_OK) status = ir_sweep_graph(g, visit, &w, changed);
    }
    orn_free(a, rules, count * sizeof *rules);
    orn_free(a, next, count * sizeof *next);
    orn_free(a, uses, use_count * sizeof *uses);
    return status;
}

static orion_status run_exact(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    return run_rules(g, true, changed);
}

static orion_status run_inexact(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    return run_rules(g, false, changed);
}

const ir_pass ir_pass_algebra = {
    .name = "algebra",
    .doc = "rewrite terms of elementwise ops into cheaper ones with the same bits",
    .shrinks = true,
    .run = run_exact,
};

const ir_pass ir_pass_algebra_inexact = {
    .name = "algebra_inexact",
    .doc = "rewrite terms of elementwise ops into cheaper ones that may round differently",
    .shrinks = true,
    .run = run_inexact,
};
