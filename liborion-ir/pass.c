/* SPDX-License-Identifier: MIT */
/*
 * The pass driver: pipelines, the fixpoint, and the checks between passes.
 *
 * A pass is one function over the whole graph that says whether it changed anything. Passes need
 * nothing but a valid graph and leave a valid graph behind; they share no analyses, because a graph
 * keeps none (docs/decisions/0003).
 *
 * A pipeline is text, which both running and printing walk through:
 *
 *   pipeline = [ item { "," item } ]
 *   item     = NAME [ "(" OPTION "=" NUMBER ")" ]     a pass, or the name of a pipeline
 *            | "repeat" "(" pipeline ")"              until no pass changes the graph
 *
 * A repetition ends because only passes that `shrink` the graph may stand in it. Let constants and
 * inputs weigh 1, and any other node what its op weighs (at least 1) plus the weights of its
 * operands (twice, for the base of pow), computed through the whole tree above it. Take the weights
 * of all nodes of the graph, greatest first. Every change by a shrinking pass removes a node or
 * exchanges it for nodes that weigh less, and makes no other node heavier: dce and cse remove;
 * identity and cast redirect to operands, which weigh less than their users, and shorten chains;
 * fold puts a constant for an op; algebra goes by a table whose every rule lowers the weight
 * (passes/algebra.def). Such a list of natural numbers cannot fall for ever.
 */
#include "ir-internal.h"

static const ir_pass *const passes[] = {
    &ir_pass_decompose,
    &ir_pass_identity,
    &ir_pass_cast,
    &ir_pass_algebra,
    &ir_pass_algebra_inexact,
    &ir_pass_fold,
    &ir_pass_cse,
    &ir_pass_dce,
    &ir_pass_dead_inputs,
    &ir_pass_uniform_outputs,
    &ir_pass_remat,
    &ir_pass_parameters,
};

static const struct {
    const char *name, *text;
} pipelines[] = {
    {"default", "repeat(identity,cast,algebra,fold,cse,dce)"},
    {"inexact", "repeat(identity,cast,algebra,algebra_inexact,fold,cse,dce)"},
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

const char *orion_ir_pass_option(size_t i) {
    return i < ORN_COUNT(passes) ? passes[i]->option : NULL;
}

const char *orion_ir_pipeline_name(size_t i) {
    return i < ORN_COUNT(pipelines) ? pipelines[i].name : NULL;
}

/* ---- one pass ---- */

/* A part of a pipeline's text. */
typedef struct span {
    const char *at;
    size_t size;
} span;

/* What walking through a pipeline does. */
typedef enum action { CHECK, RUN, PRINT } action;

typedef struct driver {
    action action;
    orion_ir_graph *g; /* RUN */
    orion_ir_pass_options options;
    orion_diag *diag;
    bool changed;
    const orion_writer *writer; /* PRINT */
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
    ir_graph_exchange(d->g, fresh);
    orion_ir_graph_destroy(&fresh);
    return ORION_OK;
}

static orion_status dump(const driver *d, span item) {
    const orion_writer *writer = d->options.dump;
    TRY(writer->write(writer->ctx, "# after ", 8));
    TRY(writer->write(writer->ctx, item.at, item.size));
    TRY(writer->write(writer->ctx, "\n", 1));
    return orion_ir_print(d->g, writer);
}

static orion_status run_pass(driver *d, const ir_pass *pass, int64_t number, span item) {
    bool changed = false;
    TRY(pass->option == NULL ? pass->run(d->g, d->diag, &changed)
                             : pass->run_with(d->g, number, d->diag, &changed));
    d->changed = d->changed || changed;
    if (changed && d->options.dump != NULL) TRY(dump(d, item));
    if (d->options.verify_each != 0) TRY(orion_ir_verify(d->g, d->diag));
    return d->options.stress != 0 ? round_trip(d) : ORION_OK;
}

/* ---- pipelines ---- */

static bool span_is(span s, const char *wanted) {
    return strlen(wanted) == s.size && memcmp(s.at, wanted, s.size) == 0;
}

static const ir_pass *find_pass(span name) {
    for (size_t i = 0; i < ORN_COUNT(passes); i++) {
        if (span_is(name, passes[i]->name)) return passes[i];
    }
    return NULL;
}

static const char *find_pipeline(span name) {
    for (size_t i = 0; i < ORN_COUNT(pipelines); i++) {
        if (span_is(name, pipelines[i].name)) return pipelines[i].text;
    }
    return NULL;
}

static orion_status fail(const driver *d, span item, const char *why) {
    ORN_ERROR(d->diag, IR_PIPELINE, NULL, "\"%.*s\" %s", (int)ORN_MIN(item.size, 64), item.at, why);
    return ORION_ERROR_INVALID_ARGUMENT;
}

static orion_status print(const driver *d, const char *s, size_t n) {
    return d->action != PRINT ? ORION_OK : d->writer->write(d->writer->ctx, s, n);
}

/* The number in `option=number`, which is all between the parentheses. */
static bool read_option(span text, const char *option, int64_t *number) {
    size_t n = strlen(option);
    uint64_t value;
    if (text.size <= n || memcmp(text.at, option, n) != 0 || text.at[n] != '=') return false;
    if (!orn_parse_u64(text.at + n + 1, text.size - n - 1, &value)) return false;
    *number = (int64_t)value;
    return value <= INT64_MAX;
}

static orion_status walk_pass(driver *d, span item, span name, span options, bool repeated) {
    const ir_pass *pass = find_pass(name);
    int64_t number = 0;
    if (pass == NULL) {
        ORN_ERROR(d->diag, IR_PASS, NULL, "there is no pass \"%.*s\"", (int)ORN_MIN(name.size, 64),
                  name.at);
        return ORION_ERROR_NOT_FOUND;
    }
    if (repeated && !pass->shrinks) return fail(d, item, "must not stand in repeat(...)");
    if (pass->option == NULL && options.at != NULL) return fail(d, item, "takes no option");
    if (pass->option != NULL && !read_option(options, pass->option, &number)) {
        ORN_ERROR(d->diag, IR_PIPELINE, NULL, "\"%.*s\" must be %s(%s=NUMBER)",
                  (int)ORN_MIN(item.size, 64), item.at, pass->name, pass->option);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    return d->action == RUN ? run_pass(d, pass, number, item) : print(d, item.at, item.size);
}

static orion_status walk(driver *d, span text, bool repeated);

static orion_status walk_repeat(driver *d, span body) {
    if (d->action != RUN) {
        TRY(print(d, "repeat(", 7));
        TRY(walk(d, body, true));
        return print(d, ")", 1);
    }
    bool before = d->changed;
    do {
        d->changed = false;
        TRY(walk(d, body, true));
        before = before || d->changed;
    } while (d->changed);
    d->changed = before;
    return ORION_OK;
}

static orion_status walk_item(driver *d, span item, bool repeated) {
    const char *open = memchr(item.at, '(', item.size);
    span name = {item.at, open == NULL ? item.size : (size_t)(open - item.at)}, inner = {NULL, 0};
    if (open != NULL) {
        if (item.at[item.size - 1] != ')') return fail(d, item, "has no ) at its end");
        inner = (span){open + 1, item.size - name.size - 2};
    }
    const char *pipeline = open == NULL ? find_pipeline(name) : NULL;
    bool repeat = open != NULL && span_is(name, "repeat");
    if ((pipeline != NULL || repeat) && repeated) {
        return fail(d, item, "must not stand in repeat(...)");
    }
    if (pipeline != NULL) return walk(d, (span){pipeline, strlen(pipeline)}, false);
    return repeat ? walk_repeat(d, inner) : walk_pass(d, item, name, inner, repeated);
}

/* Bytes up to the first comma outside parentheses. */
static size_t item_size(span text) {
    size_t depth = 0, n = 0;
    for (; n < text.size && (depth != 0 || text.at[n] != ','); n++) {
        if (text.at[n] == '(') depth++;
        if (text.at[n] == ')' && depth != 0) depth--;
    }
    return n;
}

static orion_status walk(driver *d, span text, bool repeated) {
    if (text.size == 0 && !repeated) return ORION_OK;
    for (;;) {
        size_t n = item_size(text);
        TRY(walk_item(d, (span){text.at, n}, repeated));
        if (n == text.size) return ORION_OK;
        TRY(print(d, ",", 1));
        text = (span){text.at + n + 1, text.size - n - 1};
    }
}

orion_status orion_ir_run_passes(orion_ir_graph *graph, const char *pipeline,
                                 const orion_ir_pass_options *options, orion_diag *diag,
                                 int *out_changed) {
    driver d = {.g = graph, .diag = diag};
    span text = {pipeline, strlen(pipeline)};
    if (out_changed != NULL) *out_changed = 0;
    TRY(orn_check_size(options, &d.options, sizeof d.options));
    TRY(walk(&d, text, false));
    d.action = RUN;
    TRY(walk(&d, text, false));
    if (out_changed != NULL) *out_changed = d.changed;
    return ORION_OK;
}

orion_status orion_ir_print_pipeline(const char *pipeline, const orion_writer *writer,
                                     orion_diag *diag) {
    driver d = {.diag = diag, .writer = writer};
    span text = {pipeline, strlen(pipeline)};
    TRY(walk(&d, text, false));
    d.action = PRINT;
    return walk(&d, text, false);
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
