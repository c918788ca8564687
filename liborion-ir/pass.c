/* SPDX-License-Identifier: MIT */
/*
 * The pass driver: pipelines, the fixpoint, and the checks between passes.
 *
 * A pass is one function over the whole graph that says whether it changed anything. Passes need
 * nothing but a valid graph and leave a valid graph behind; they share no analyses, because a graph
 * keeps none (docs/decisions/0003).
 *
 * "default" repeats its passes until none changes the graph. That ends: let the depth of a constant
 * or an input be 0 and that of any other node 1 + the greatest depth of its operands. Every change
 * by a pass of "default" lowers the sum of the depths of all nodes, or leaves it and lowers the
 * number of nodes: dce removes nodes; identity, cast and cse redirect operands to values that are
 * nowhere deeper and remove the nodes they bypass, or shorten a chain; fold turns nodes into
 * constants. A pair of natural numbers cannot fall for ever.
 */
#include "ir-internal.h"

static const ir_pass *const passes[] = {
    &ir_pass_decompose, &ir_pass_identity, &ir_pass_cast, &ir_pass_fold, &ir_pass_cse, &ir_pass_dce,
};

size_t orion_ir_pass_count(void) {
    return ORN_COUNT(passes);
}

const char *orion_ir_pass_name(size_t i) {
    return i < ORN_COUNT(passes) ? passes[i]->name : NULL;
}

const char *orion_ir_pass_doc(size_t i) {
    return i < ORN_COUNT(passes) ? passes[i]->doc : NULL;
}

/* ---- one pass ---- */

typedef struct driver {
    orion_ir_graph *g;
    orion_ir_pass_options options;
    orion_diag *diag;
    bool changed;
} driver;

/* Replace the graph by what its text says. */
static orion_status round_trip(driver *d) {
    const orion_allocator *a = &d->g->arena.allocator;
    orion_buffer *text;
    orion_ir_graph *fresh = NULL;
    TRY(orion_buffer_create(a, &text));
    orion_writer writer = orion_buffer_writer(text);
    orion_status status = orion_ir_print(d->g, &writer);
    if (status == ORION_OK) {
        status = orion_ir_parse(orion_buffer_data(text), orion_buffer_size(text), "stress", a,
                                d->diag, &fresh);
    }
    orion_buffer_destroy(&text);
    if (status != ORION_OK) return status;
    orion_ir_graph old = *d->g;
    *d->g = *fresh;
    *fresh = old;
    orion_ir_graph_destroy(&fresh);
    return ORION_OK;
}

static orion_status dump(const driver *d, const ir_pass *pass) {
    const orion_writer *writer = d->options.dump;
    orn_text title;
    orn_text_init(&title, &d->g->arena.allocator);
    orn_text_printf(&title, "# after %s\n", pass->name);
    orion_status status = orn_text_status(&title);
    if (status == ORION_OK) status = writer->write(writer->ctx, title.data, title.size);
    orn_text_free(&title);
    return status == ORION_OK ? orion_ir_print(d->g, writer) : status;
}

static orion_status run_pass(driver *d, const ir_pass *pass, bool *changed) {
    *changed = false;
    TRY(pass->run(d->g, d->diag, changed));
    d->changed = d->changed || *changed;
    if (*changed && d->options.dump != NULL) TRY(dump(d, pass));
    if (d->options.verify_each != 0) TRY(orion_ir_verify(d->g, d->diag));
    return d->options.stress != 0 ? round_trip(d) : ORION_OK;
}

static orion_status run_default(driver *d) {
    bool again = true;
    while (again) {
        again = false;
        for (size_t i = 0; i < ORN_COUNT(passes); i++) {
            bool changed = false;
            if (passes[i]->in_default) TRY(run_pass(d, passes[i], &changed));
            again = again || changed;
        }
    }
    return ORION_OK;
}

/* ---- pipelines ---- */

static bool name_is(const char *name, size_t n, const char *wanted) {
    return strlen(wanted) == n && memcmp(name, wanted, n) == 0;
}

static const ir_pass *find_pass(const char *name, size_t n) {
    for (size_t i = 0; i < ORN_COUNT(passes); i++) {
        if (name_is(name, n, passes[i]->name)) return passes[i];
    }
    return NULL;
}

/* Run the pass, or only look for it. */
static orion_status run_name(driver *d, const char *name, size_t n, bool only_look) {
    bool changed;
    const ir_pass *pass = find_pass(name, n);
    bool all = name_is(name, n, "default");
    if (pass == NULL && !all) {
        ORN_ERROR(d->diag, IR_PASS, NULL, "there is no pass \"%.*s\"", (int)ORN_MIN(n, 64), name);
        return ORION_ERROR_NOT_FOUND;
    }
    if (only_look) return ORION_OK;
    return all ? run_default(d) : run_pass(d, pass, &changed);
}

/* Names between commas; an empty pipeline has none. */
static orion_status run_pipeline(driver *d, const char *pipeline, bool only_look) {
    if (pipeline[0] == '\0') return ORION_OK;
    for (const char *name = pipeline;;) {
        size_t n = strcspn(name, ",");
        TRY(run_name(d, name, n, only_look));
        if (name[n] == '\0') return ORION_OK;
        name += n + 1;
    }
}

orion_status orion_ir_run_passes(orion_ir_graph *graph, const char *pipeline,
                                 const orion_ir_pass_options *options, orion_diag *diag,
                                 int *out_changed) {
    driver d = {.g = graph, .diag = diag};
    if (out_changed != NULL) *out_changed = 0;
    TRY(orn_check_size(options, &d.options, sizeof d.options));
    TRY(run_pipeline(&d, pipeline, true));
    TRY(run_pipeline(&d, pipeline, false));
    if (out_changed != NULL) *out_changed = d.changed;
    return ORION_OK;
}

/* ---- the sweep that most passes are ---- */

/* Are all results of the node replaced by other values? */
static bool is_replaced(const ir_sweep *s, const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (ir_resolve(&s->replacements, n->out + i) == n->out + i) return false;
    }
    return true;
}

static orion_status sweep(ir_sweep *s, ir_visit *visit) {
    for (orion_ir_node *n = s->g->first, *next; n != NULL; n = next) {
        orion_ir_node *prev = n->prev;
        for (uint32_t i = 0; i < n->n_in; i++) n->in[i] = ir_resolve(&s->replacements, n->in[i]);
        if (!is_replaced(s, n)) TRY(visit(s, n));
        /* What was put in front of n is visited too. */
        bool grown = n->prev != prev;
        next = !grown ? n->next : prev == NULL ? s->g->first : prev->next;
    }
    return ir_apply(s->g, &s->replacements);
}

orion_status ir_sweep_graph(orion_ir_graph *g, ir_visit *visit, void *ctx, bool *changed) {
    ir_sweep s = {.g = g, .ctx = ctx};
    TRY(ir_replacements_init(&s.replacements, g));
    orion_status status = sweep(&s, visit);
    if (status == ORION_OK) {
        ir_foreach_node_safe (g, n) {
            if (is_replaced(&s, n)) ir_remove(g, n);
        }
        *changed = s.changed;
    }
    ir_replacements_free(&s.replacements);
    return status;
}

orion_status ir_sweep_replace(ir_sweep *s, uint32_t from, uint32_t to) {
    s->changed = true;
    return ir_replace(&s->replacements, from, to);
}
