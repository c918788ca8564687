/* SPDX-License-Identifier: MIT */
/*
 * What two programs compute differently.
 *
 * First every statement gets a hash of all that it computes (diff-hash.c), and statements of equal
 * hash are partners, first come first. If all have one the functions are the same. One change gives
 * all that depends on it another hash, so the rest is walked in order a second time: a statement
 * whose operands are partners already and that is otherwise the same is a partner silently; else
 * the most similar statement of that op among the first few left is its partner, and what differs
 * between them is told. What is left after that is only on one side.
 */
#include "mil-diff.h"

enum {
    CANDIDATES_MAX = 64, /* looked at per statement, so that time stays linear */
    VALUE_TEXT_MAX = 60
};

typedef struct differ {
    orion_allocator allocator;
    const orion_writer *writer;
    orn_text line;
    size_t differences;
    orion_status status; /* of the writer or NO_MEMORY; sticky */
    mil_diff_side a, b;
    bool in_function; /* more than one function: lines name theirs */
} differ;

/* ---- lines ---- */

static void begin_line(differ *d, char sign) {
    orn_text_char(&d->line, sign);
    orn_text_char(&d->line, ' ');
    if (d->in_function) orn_text_printf(&d->line, "%s: ", d->a.f->name);
}

static void end_line(differ *d) {
    orn_text_char(&d->line, '\n');
    if (d->status == ORION_OK) d->status = orn_text_status(&d->line);
    if (d->status == ORION_OK && d->writer != NULL)
        d->status = d->writer->write(d->writer->ctx, d->line.data, d->line.size);
    d->line.size = 0;
    d->differences++;
}

static void put_statement(differ *d, const orion_mil_statement *s) {
    orn_text_printf(&d->line, "%s '%s'", s->op, s->result_count == 0 ? "" : s->results[0].name);
    if (s->line != 0) orn_text_printf(&d->line, " (line %u)", s->line);
}

static orion_status append(void *ctx, const void *bytes, size_t n) {
    orn_text_bytes(ctx, bytes, n);
    return ORION_OK;
}

/* A value, shortened; a const by its literal. */
static void put_value(differ *d, const mil_diff_side *side, const orion_mil_value *v) {
    if (v == NULL) {
        orn_text_puts(&d->line, "nothing");
        return;
    }
    mil_diff_meaning m = mil_diff_resolve(side, v);
    orn_text text;
    orn_text_init(&text, &d->allocator);
    const orion_writer writer = {.size = sizeof writer, .ctx = &text, .write = append};
    orion_status status =
        mil_value_print(m.kind == MIL_DIFF_LITERAL ? m.literal : v, &d->allocator, &writer);
    if (status == ORION_OK) status = orn_text_status(&text);
    if (d->status == ORION_OK) d->status = status;
    bool is_long = text.size > VALUE_TEXT_MAX;
    orn_text_bytes(&d->line, text.size == 0 ? "" : text.data, is_long ? VALUE_TEXT_MAX : text.size);
    if (is_long) orn_text_puts(&d->line, "...");
    orn_text_free(&text);
}

static void put_type(differ *d, const orion_mil_type *type) {
    const orion_writer writer = {.size = sizeof writer, .ctx = &d->line, .write = append};
    if (type == NULL) {
        orn_text_puts(&d->line, "nothing");
        return;
    }
    orion_status status = orion_mil_type_print(type, &writer);
    if (d->status == ORION_OK) d->status = status;
}

static void put_types(differ *d, const char *what, const orion_mil_type *a,
                      const orion_mil_type *b) {
    orn_text_printf(&d->line, "%s ", what);
    put_type(d, a);
    orn_text_puts(&d->line, " / ");
    put_type(d, b);
}

/* ---- are two values the same, given the partners so far? ---- */

static bool same_value(const differ *d, const orion_mil_value *a, const orion_mil_value *b) {
    if (a == NULL || b == NULL) return a == b;
    if (a->form == ORION_MIL_VALUE_TUPLE && b->form == ORION_MIL_VALUE_TUPLE) {
        bool same = a->count == b->count;
        for (uint32_t i = 0; same && i < a->count; i++)
            same = same_value(d, &a->u.items[i], &b->u.items[i]);
        return same;
    }
    mil_diff_meaning x = mil_diff_resolve(&d->a, a), y = mil_diff_resolve(&d->b, b);
    if (x.kind != y.kind) return false;
    switch (x.kind) {
    case MIL_DIFF_INPUT: return d->a.input_pairs[x.index] == d->b.input_pairs[y.index];
    case MIL_DIFF_LITERAL:
        return mil_diff_hash_literal(x.literal) == mil_diff_hash_literal(y.literal);
    case MIL_DIFF_RESULT: return d->a.nodes[x.index].partner == y.index && x.result == y.result;
    default: return strcmp(a->u.text, b->u.text) == 0;
    }
}

static bool same_types(const orion_mil_statement *a, const orion_mil_statement *b) {
    if (a->result_count != b->result_count) return false;
    for (uint32_t r = 0; r < a->result_count; r++) {
        if (mil_diff_hash_type(a->results[r].type) != mil_diff_hash_type(b->results[r].type))
            return false;
    }
    return true;
}

/* Call `each` with every argument and attribute of either, paired by name; the other is NULL where
 * it is missing. */
typedef void (*pair_fn)(differ *d, const char *name, const orion_mil_value *a,
                        const orion_mil_value *b, void *ctx);
static void each_pair(differ *d, const orion_mil_statement *a, const orion_mil_statement *b,
                      pair_fn each, void *ctx) {
    for (uint32_t i = 0; i < a->argument_count; i++) {
        const char *name = a->arguments[i].name;
        each(d, name, &a->arguments[i].value, orion_mil_statement_find_argument(b, name), ctx);
    }
    for (uint32_t i = 0; i < b->argument_count; i++) {
        const char *name = b->arguments[i].name;
        if (orion_mil_statement_find_argument(a, name) == NULL)
            each(d, name, NULL, &b->arguments[i].value, ctx);
    }
    for (uint32_t i = 0; i < a->attribute_count; i++) {
        const char *name = a->attributes[i].name;
        if (strcmp(name, "name") != 0)
            each(d, name, &a->attributes[i].value, orion_mil_statement_find_attribute(b, name),
                 ctx);
    }
    for (uint32_t i = 0; i < b->attribute_count; i++) {
        const char *name = b->attributes[i].name;
        if (strcmp(name, "name") != 0 && orion_mil_statement_find_attribute(a, name) == NULL)
            each(d, name, NULL, &b->attributes[i].value, ctx);
    }
}

/* ---- partners ---- */

typedef struct likeness {
    uint32_t same, different;
} likeness;

static void count_pair(differ *d, const char *name, const orion_mil_value *a,
                       const orion_mil_value *b, void *ctx) {
    likeness *l = ctx;
    (void)name;
    if (same_value(d, a, b)) {
        l->same++;
    } else {
        l->different++;
    }
}

static void tell_pair(differ *d, const char *name, const orion_mil_value *a,
                      const orion_mil_value *b, void *ctx) {
    bool *first = ctx;
    if (same_value(d, a, b)) return;
    orn_text_puts(&d->line, *first ? ": " : "; ");
    *first = false;
    orn_text_printf(&d->line, "%s ", name);
    put_value(d, &d->a, a);
    orn_text_puts(&d->line, " / ");
    put_value(d, &d->b, b);
}

static void pair_up(differ *d, uint32_t i, uint32_t k) {
    d->a.nodes[i].partner = k;
    d->b.nodes[k].partner = i;
}

static void tell_change(differ *d, const orion_mil_statement *a, const orion_mil_statement *b) {
    bool first = true;
    begin_line(d, '~');
    put_statement(d, a);
    orn_text_puts(&d->line, " / ");
    put_statement(d, b);
    each_pair(d, a, b, tell_pair, &first);
    if (!same_types(a, b)) {
        orn_text_puts(&d->line, first ? ": " : "; ");
        put_types(d, "type", a->result_count == 0 ? NULL : a->results[0].type,
                  b->result_count == 0 ? NULL : b->results[0].type);
    }
    end_line(d);
}

static const char *name_of(const orion_mil_statement *s) {
    return s->result_count == 0 ? "" : s->results[0].name;
}

/* The statement of `a` that is most like statement k of `b`, from the list that begins at *list;
 * *exact if nothing differs but what is told already. */
static uint32_t most_alike(differ *d, const uint32_t *list, uint32_t k, bool *exact) {
    const orion_mil_statement *b = &d->b.f->statements[k];
    uint32_t best = MIL_NOTHING, best_score = 0, seen = 0;
    *exact = false;
    for (uint32_t i = *list; i != MIL_NOTHING && seen < CANDIDATES_MAX; i = d->a.nodes[i].next) {
        const orion_mil_statement *a = &d->a.f->statements[i];
        if (d->a.nodes[i].partner != MIL_NOTHING) continue;
        seen++;
        likeness l = {0, 0};
        each_pair(d, a, b, count_pair, &l);
        bool typed = same_types(a, b);
        if (l.different == 0 && typed) {
            *exact = true;
            return i;
        }
        /* Names do not count, but tell which of equally similar statements is meant. */
        uint32_t score = 4 * l.same + 2 * typed + (strcmp(name_of(a), name_of(b)) == 0);
        if (score <= best_score) continue;
        best = i;
        best_score = score;
    }
    return best_score > 1 ? best : MIL_NOTHING;
}

/* Lists of the statements of `a` that have no partner, by a key of each. */
static orion_status list_by(differ *d, orn_map *map, bool by_op) {
    mil_diff_side *a = &d->a;
    for (size_t n = a->f->statement_count; n-- > 0;) {
        const orion_mil_statement *s = &a->f->statements[n];
        const char *key = by_op ? s->op : (const char *)&a->nodes[n].hash;
        size_t length = by_op ? strlen(s->op) : sizeof a->nodes[n].hash;
        if (a->nodes[n].partner != MIL_NOTHING || mil_diff_is_const(s)) continue;
        const uint32_t *head = orn_map_get(map, key, length);
        a->nodes[n].next = head == NULL ? MIL_NOTHING : *head;
        TRY(orn_map_put(map, key, length, (uint32_t)n));
    }
    return ORION_OK;
}

static void pair_equal(differ *d, orn_map *by_hash) {
    for (uint32_t k = 0; k < d->b.f->statement_count; k++) {
        mil_diff_node *node = &d->b.nodes[k];
        uint32_t *head = orn_map_get(by_hash, (const char *)&node->hash, sizeof node->hash);
        if (mil_diff_is_const(&d->b.f->statements[k]) || head == NULL || *head == MIL_NOTHING)
            continue;
        uint32_t i = *head;
        *head = d->a.nodes[i].next;
        pair_up(d, i, k);
    }
}

/* The second walk; statements of `b` without any partner are told at their place. */
static void pair_alike(differ *d, orn_map *by_op) {
    for (uint32_t k = 0; k < d->b.f->statement_count; k++) {
        const orion_mil_statement *b = &d->b.f->statements[k];
        if (d->b.nodes[k].partner != MIL_NOTHING || mil_diff_is_const(b)) continue;
        uint32_t *head = orn_map_get(by_op, b->op, strlen(b->op));
        while (head != NULL && *head != MIL_NOTHING && d->a.nodes[*head].partner != MIL_NOTHING)
            *head = d->a.nodes[*head].next;
        bool exact = false;
        uint32_t i = head == NULL ? MIL_NOTHING : most_alike(d, head, k, &exact);
        if (i == MIL_NOTHING) {
            begin_line(d, '+');
            put_statement(d, b);
            end_line(d);
            continue;
        }
        if (!exact) tell_change(d, &d->a.f->statements[i], b);
        pair_up(d, i, k);
    }
}

static void tell_removed(differ *d) {
    for (size_t i = 0; i < d->a.f->statement_count; i++) {
        const orion_mil_statement *s = &d->a.f->statements[i];
        if (d->a.nodes[i].partner != MIL_NOTHING || mil_diff_is_const(s)) continue;
        begin_line(d, '-');
        put_statement(d, s);
        end_line(d);
    }
}

static orion_status pair_statements(differ *d) {
    orn_map by_hash, by_op;
    orn_map_init(&by_hash, &d->allocator);
    orn_map_init(&by_op, &d->allocator);
    orion_status status = list_by(d, &by_hash, false);
    if (status == ORION_OK) {
        pair_equal(d, &by_hash);
        status = list_by(d, &by_op, true);
    }
    if (status == ORION_OK) {
        pair_alike(d, &by_op);
        tell_removed(d);
    }
    orn_map_free(&by_hash);
    orn_map_free(&by_op);
    return status;
}

/* ---- inputs and outputs ---- */

static const char *input_name(const orion_mil_function *f, uint32_t i) {
    return f->parameters[i].name;
}

static const char *output_name(const orion_mil_function *f, uint32_t i) {
    return f->outputs[i].name;
}

typedef const char *(*port_name_fn)(const orion_mil_function *f, uint32_t i);

static orion_status map_ports(orn_map *map, const orion_mil_function *f, port_name_fn name,
                              uint32_t *pairs, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        const char *s = name(f, i);
        pairs[i] = i;
        TRY(orn_map_put(map, s, strlen(s), i));
    }
    return ORION_OK;
}

/* Number the ports of both sides: by name if the names are the same and differ from each other, by
 * position otherwise. */
static orion_status pair_ports(differ *d, port_name_fn name, uint32_t *pairs_a, uint32_t count_a,
                               uint32_t *pairs_b, uint32_t count_b) {
    orn_map a, b;
    orn_map_init(&a, &d->allocator);
    orn_map_init(&b, &d->allocator);
    orion_status status = map_ports(&a, d->a.f, name, pairs_a, count_a);
    if (status == ORION_OK) status = map_ports(&b, d->b.f, name, pairs_b, count_b);
    bool same =
        status == ORION_OK && a.count == count_a && b.count == count_b && a.count == b.count;
    for (uint32_t i = 0; i < count_b && same; i++)
        same = orn_map_get(&a, name(d->b.f, i), strlen(name(d->b.f, i))) != NULL;
    for (uint32_t i = 0; i < count_b && same; i++)
        pairs_b[i] = *orn_map_get(&a, name(d->b.f, i), strlen(name(d->b.f, i)));
    orn_map_free(&a);
    orn_map_free(&b);
    return status;
}

static void compare_count(differ *d, const char *what, uint32_t a, uint32_t b) {
    if (a == b) return;
    begin_line(d, '~');
    orn_text_printf(&d->line, "number of %s: %u / %u", what, a, b);
    end_line(d);
}

static void compare_inputs(differ *d) {
    const orion_mil_function *a = d->a.f, *b = d->b.f;
    compare_count(d, "inputs", a->parameter_count, b->parameter_count);
    for (uint32_t k = 0; k < b->parameter_count; k++) {
        uint32_t i = d->b.input_pairs[k];
        if (i >= a->parameter_count ||
            mil_diff_hash_type(a->parameters[i].type) == mil_diff_hash_type(b->parameters[k].type))
            continue;
        begin_line(d, '~');
        orn_text_printf(&d->line, "input '%s': ", b->parameters[k].name);
        put_types(d, "type", a->parameters[i].type, b->parameters[k].type);
        end_line(d);
    }
}

static void compare_outputs(differ *d) {
    const orion_mil_function *a = d->a.f, *b = d->b.f;
    compare_count(d, "outputs", a->output_count, b->output_count);
    for (uint32_t k = 0; k < b->output_count; k++) {
        uint32_t i = d->b.output_pairs[k];
        if (i >= a->output_count) continue;
        const orion_mil_value x = {.form = ORION_MIL_VALUE_NAME, .u.text = a->outputs[i].name};
        const orion_mil_value y = {.form = ORION_MIL_VALUE_NAME, .u.text = b->outputs[k].name};
        if (same_value(d, &x, &y)) continue;
        begin_line(d, '~');
        orn_text_printf(&d->line, "output '%s' is another value: '%s' (line %u) / '%s' (line %u)",
                        y.u.text, x.u.text, a->outputs[i].line, y.u.text, b->outputs[k].line);
        end_line(d);
    }
}

/* ---- functions ---- */

static orion_status begin_side(mil_diff_side *side, orn_arena *arena, const orion_mil_function *f) {
    side->f = f;
    side->nodes = orn_arena_alloc(arena, (f->statement_count + 1) * sizeof *side->nodes);
    side->input_pairs = orn_arena_alloc(arena, (f->parameter_count + 1) * sizeof(uint32_t));
    side->output_pairs = orn_arena_alloc(arena, (f->output_count + 1) * sizeof(uint32_t));
    if (side->nodes == NULL || side->input_pairs == NULL || side->output_pairs == NULL)
        return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < f->statement_count; i++) side->nodes[i].partner = MIL_NOTHING;
    return ORION_OK;
}

static orion_status compare_functions(differ *d, orn_arena *arena, const orion_mil_function *a,
                                      const orion_mil_function *b) {
    TRY(begin_side(&d->a, arena, a));
    TRY(begin_side(&d->b, arena, b));
    TRY(pair_ports(d, input_name, d->a.input_pairs, a->parameter_count, d->b.input_pairs,
                   b->parameter_count));
    TRY(pair_ports(d, output_name, d->a.output_pairs, a->output_count, d->b.output_pairs,
                   b->output_count));
    compare_inputs(d);
    mil_diff_hash(&d->a);
    mil_diff_hash(&d->b);
    TRY(pair_statements(d));
    compare_outputs(d);
    return d->status;
}

static void tell_function(differ *d, char sign, const orion_mil_function *f) {
    orn_text_printf(&d->line, "%c function '%s' (line %u)", sign, f->name, f->line);
    end_line(d);
}

static orion_status compare_programs(differ *d, orn_arena *arena, const orion_mil_program *a,
                                     const orion_mil_program *b) {
    if (a->function_count == 1 && b->function_count == 1)
        return compare_functions(d, arena, &a->functions[0], &b->functions[0]);
    d->in_function = true;
    for (size_t i = 0; i < a->function_count; i++) {
        const orion_mil_function *f = &a->functions[i], *g = orion_mil_program_find(b, f->name);
        if (g == NULL) {
            tell_function(d, '-', f);
        } else {
            TRY(compare_functions(d, arena, f, g));
        }
    }
    for (size_t i = 0; i < b->function_count; i++) {
        if (orion_mil_program_find(a, b->functions[i].name) == NULL)
            tell_function(d, '+', &b->functions[i]);
    }
    return d->status;
}

orion_status orion_mil_diff(const orion_mil_program *a, const orion_mil_program *b,
                            const orion_allocator *allocator, const orion_writer *writer,
                            size_t *out_differences) {
    differ d = {.allocator = orn_allocator(allocator), .writer = writer};
    orn_arena arena;
    orn_arena_init(&arena, &d.allocator);
    orn_text_init(&d.line, &d.allocator);
    orion_status status = compare_programs(&d, &arena, a, b);
    orn_text_free(&d.line);
    orn_arena_clear(&arena);
    *out_differences = status == ORION_OK ? d.differences : 0;
    return status;
}
