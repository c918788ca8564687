/* SPDX-License-Identifier: MIT */
/*
 * MIL to a graph: names, statements, the whole function.
 *
 * A const statement makes no node by itself: it binds its name to a literal. Where an op takes it
 * as a parameter the literal is read; where an op takes it as an operand it becomes an IR const,
 * once. To keep our own programs in their order the consts that are operands of table ops are found
 * beforehand and made where they stand.
 *
 * A statement that is refused is reported and its results are marked; what depends on them is
 * skipped, so one run reports every statement that is refused for itself.
 */
#include "mil-raise.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- reporting ---- */

orion_status mil_refuse(mil_raiser *r, const orion_mil_statement *s, orion_message message,
                        const char *fmt, ...) {
    if (r->broken) return ORION_ERROR_INVALID_STATE;
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    orn_diag(r->diag, ORION_SEVERITY_ERROR, message, r->program->source, s->line, s->column,
             s->result_count != 0 ? s->results[0].name : s->op, "%s: %s", s->op, text);
    return message == ORION_MESSAGE_MIL_OP ? ORION_ERROR_UNSUPPORTED : ORION_ERROR_VERIFY;
}

/* The builder has stopped: say why, at this statement. */
static orion_status builder_failed(mil_raiser *r, const orion_mil_statement *s) {
    orion_diag *why = NULL;
    orion_ir_graph *graph = NULL;
    TRY(orion_diag_create(&r->allocator, &why));
    orion_status status = orion_ir_builder_finish(&r->b, why, &graph);
    orion_ir_graph_destroy(&graph);
    r->broken = false;
    if (status != ORION_ERROR_NO_MEMORY) {
        const orion_diag_entry *entry = orion_diag_get(why, 0);
        status = mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "%s",
                            entry == NULL ? orion_status_string(status) : entry->text);
    }
    orion_diag_destroy(&why);
    return status;
}

/* ---- names ---- */

enum { NAME_BYTES = 255, SUFFIX_BYTES = 12 }; /* the IR's limit; what a number may take of it */

mil_raised *mil_find_name(mil_raiser *r, const char *name) {
    const uint32_t *at = orn_map_get(&r->names, name, strlen(name));
    return at == NULL ? NULL : &r->raised[*at];
}

/* A MIL name without the bytes that names of the IR do not have. */
static orion_status clean_name(mil_raiser *r, const char *mil_name, char **out) {
    size_t n = strlen(mil_name);
    if (n != 0 && mil_name[n - 1] == '@' && mil_is_word(mil_name, n - 1)) n--;
    *out = orn_arena_strndup(&r->scratch, mil_name, ORN_MIN(n, (size_t)NAME_BYTES));
    if (*out == NULL) return ORION_ERROR_NO_MEMORY;
    for (char *c = *out; *c != '\0'; c++) {
        bool good = (*c >= 'A' && *c <= 'Z') || (*c >= 'a' && *c <= 'z') || *c == '_' ||
                    (*c >= '0' && *c <= '9' && c != *out);
        if (!good) *c = '_';
    }
    return ORION_OK;
}

/* A name that `taken` does not have, for a MIL name. */
static orion_status graph_name(mil_raiser *r, orn_map *taken, const char *mil_name,
                               const char **out) {
    char *base, *other;
    TRY(clean_name(r, mil_name, &base));
    size_t n = strlen(base), kept = ORN_MIN(n, (size_t)(NAME_BYTES - SUFFIX_BYTES));
    *out = base;
    const uint32_t *next = orn_map_get(taken, base, n);
    if (next == NULL) return orn_map_put(taken, base, n, 1);
    *out = other = orn_arena_alloc(&r->scratch, kept + SUFFIX_BYTES);
    if (other == NULL) return ORION_ERROR_NO_MEMORY;
    uint32_t suffix = *next;
    do {
        snprintf(other, kept + SUFFIX_BYTES, "%.*s_%u", (int)kept, base, (unsigned)suffix++);
    } while (orn_map_get(taken, other, strlen(other)) != NULL);
    TRY(orn_map_put(taken, base, n, suffix));
    return orn_map_put(taken, other, strlen(other), 1);
}

static const char *name_attribute(const orion_mil_statement *s) {
    const orion_mil_value *v = orion_mil_statement_find_attribute(s, "name");
    return v != NULL && v->form == ORION_MIL_VALUE_STRING ? v->u.text : "";
}

/* Name a value after result k of its statement, or after what lowering wrote down; the names that
 * lowering makes up for unnamed values are left out again. */
static orion_status name_value(mil_raiser *r, const orion_mil_statement *s, uint32_t k,
                               orion_ir_value v) {
    const char *text = k == 0 ? mil_hinted_name(name_attribute(s)) : NULL;
    if (text == NULL) text = s->results[k].name;
    if (mil_is_made_up(text)) return ORION_OK;
    TRY(graph_name(r, &r->value_names, text, &text));
    orion_ir_name(r->b, v, text);
    return ORION_OK;
}

/* ---- statements ---- */

static const orion_mil_value *const_value(const orion_mil_statement *s) {
    const orion_mil_value *v = orion_mil_statement_find_attribute(s, "val");
    return v != NULL ? v : orion_mil_statement_find_argument(s, "val");
}

static bool is_const(const orion_mil_statement *s) {
    return strcmp(s->op, "const") == 0 && s->result_count == 1;
}

static bool same_type(const orion_mil_type *a, const orion_mil_type *b) {
    if (a->form != b->form || a->dtype != b->dtype || a->rank != b->rank) return false;
    for (uint32_t i = 0; i < a->rank; i++) {
        if (a->dims[i].extent != b->dims[i].extent) return false;
    }
    return true;
}

orion_status mil_make_raised(mil_raiser *r, mil_raised *x) {
    if (x->value.id != 0) return ORION_OK;
    TRY(mil_make_const(r, x->at, x->literal, x->type, &x->value));
    return r->folding ? ORION_OK : name_value(r, x->at, 0, x->value);
}

static orion_status raise_const(mil_raiser *r, const orion_mil_statement *s, mil_raised *x) {
    const orion_mil_value *v = const_value(s);
    orion_ir_type unused;
    if (v == NULL)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the attribute 'val' is missing");
    if (v->form == ORION_MIL_VALUE_NAME)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the value must be a literal");
    if (v->type != NULL && !same_type(v->type, x->type))
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "the value's type is not the declared one");
    x->literal = v;
    /* One that nothing uses is an unused constant of ours, if the IR can have it. */
    bool idle = !x->used && mil_raise_type(x->type, &unused) == ORION_OK;
    return x->wanted || idle ? mil_make_raised(r, x) : ORION_OK;
}

enum { TYPE_TEXT = 160 };

static void format_type(char text[TYPE_TEXT], const orion_ir_type *type) {
    const char *dtype = orion_ir_dtype_name((orion_ir_dtype)type->dtype);
    size_t n = (size_t)snprintf(text, TYPE_TEXT, "%s[", dtype);
    for (uint32_t i = 0; i < type->rank; i++) {
        n += (size_t)snprintf(text + n, TYPE_TEXT - n, i == 0 ? "%lld" : ",%lld",
                              (long long)type->dims[i]);
    }
    memcpy(text + n, "]", 2);
}

/* What the op gives must be what the statement declares. */
static orion_status check_result(mil_raiser *r, const orion_mil_statement *s, uint32_t k,
                                 orion_ir_value v) {
    orion_ir_type made = mil_raised_type(r, v), declared;
    const orion_mil_type *type = s->results[k].type;
    if (r->broken) return ORION_ERROR_INVALID_STATE;
    if (mil_raise_type(type, &declared) != ORION_OK) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "'%s' is %s", s->results[k].name,
                          mil_type_problem(type));
    }
    if (orion_ir_type_equal(&made, &declared)) return ORION_OK;
    char is[TYPE_TEXT], says[TYPE_TEXT];
    format_type(is, &made);
    format_type(says, &declared);
    return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "gives %s, but '%s' is declared as %s", is,
                      s->results[k].name, says);
}

/* An identity that lowering put in to give a value a second name, or a name to an input or constant
 * that is returned. */
static bool is_alias(const orion_mil_statement *s) {
    return strcmp(s->op, "identity") == 0 && mil_is_alias(name_attribute(s));
}

/* The row for a statement, or NULL: by op and, where two IR ops share it, by the hint. */
static const mil_raise_op *find_row(const mil_raiser *r, const orion_mil_statement *s) {
    const uint32_t *at = orn_map_get(&r->ops, s->op, strlen(s->op));
    if (at == NULL) return NULL;
    const mil_raise_op *row = mil_raise_row(*at);
    orion_ir_op hinted = mil_hinted_op(s->op, name_attribute(s));
    for (size_t i = 0; hinted != ORION_IR_OP_NONE && mil_raise_row(i) != NULL; i++) {
        if (mil_raise_row(i)->op == hinted) return mil_raise_row(i);
    }
    return row;
}

static orion_status index_ops(mil_raiser *r) {
    for (size_t i = 0; mil_raise_row(i) != NULL; i++) {
        const mil_raise_op *row = mil_raise_row(i);
        const char *hint = NULL;
        if (row->op != ORION_IR_OP_NONE) (void)mil_op_name((orion_ir_op)row->op, &hint);
        if (hint != NULL) continue;
        TRY(orn_map_put(&r->ops, row->name, strlen(row->name), (uint32_t)i));
    }
    return ORION_OK;
}

/* Element type of the first operand that is computed, for literals without a type. */
static orion_mil_dtype operand_dtype(mil_raiser *r, const orion_mil_statement *s) {
    for (uint32_t i = 0; i < s->argument_count; i++) {
        const orion_mil_value *v = &s->arguments[i].value;
        const mil_raised *x = v->form == ORION_MIL_VALUE_NAME ? mil_find_name(r, v->u.text) : NULL;
        bool computed = x != NULL && (x->literal == NULL || x->folded);
        if (computed) return (orion_mil_dtype)x->type->dtype;
    }
    return ORION_MIL_DTYPE_NONE;
}

static orion_status emit(mil_raiser *r, const orion_mil_statement *s, const mil_raise_op *row,
                         orion_ir_value *out) {
    r->op = (orion_ir_op)row->op;
    r->first = r->second = (orion_ir_value){0};
    r->hint = operand_dtype(r, s);
    return is_alias(s) ? mil_operand(r, s, "x", false, out) : row->raise(r, s, out);
}

orion_status mil_emit(mil_raiser *r, const orion_mil_statement *s, orion_ir_value *out) {
    const mil_raise_op *row = find_row(r, s);
    return row == NULL ? ORION_ERROR_UNSUPPORTED : emit(r, s, row, out);
}

static orion_status raise_op(mil_raiser *r, const orion_mil_statement *s, const mil_raise_op *row,
                             mil_raised *results) {
    if (row == NULL) {
        const char *why = mil_refusal(s->op);
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the IR has no counterpart of this op%s%s",
                          why == NULL ? "" : ": ", why == NULL ? "" : why);
    }
    const orion_ir_op_info *info = orion_ir_op_find((orion_ir_op)row->op);
    uint32_t count = info == NULL ? 1 : info->results;
    bool multiple = count != 1, any = count == 255;
    bool state = row->raise == mil_raise_read_state || row->raise == mil_raise_write_state;
    bool silent = s->result_count == 0 && row->raise == mil_raise_write_state;
    bool pair = s->result_count == 2 && row->raise == mil_raise_topk;
    if (s->result_count != count && !any && !silent && !pair) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "gives %u result%s, %u are declared",
                          (unsigned)count, count == 1 ? "" : "s", (unsigned)s->result_count);
    }
    orion_ir_value out = {0};
    TRY(emit(r, s, row, &out));
    for (uint32_t k = 0; k < s->result_count; k++) {
        orion_ir_value v = multiple ? orion_ir_result(r->b, out, k) : out;
        if (k == 0 && r->first.id != 0) v = r->first;
        if (k == 1 && r->second.id != 0) v = r->second;
        TRY(check_result(r, s, k, v));
        results[k].value = v;
        if (!is_alias(s) && !state) TRY(name_value(r, s, k, v));
    }
    return ORION_OK;
}

/* ---- the function ---- */

static void mark(mil_raiser *r, const orion_mil_value *v, bool operand) {
    if (v->form == ORION_MIL_VALUE_NAME) {
        mil_raised *x = mil_find_name(r, v->u.text);
        if (x == NULL) return;
        x->used = true;
        if (operand) x->wanted = true;
    }
    for (size_t i = 0; i < orion_mil_value_count(v); i++) mark(r, &v->u.items[i], operand);
}

static bool is_operand(const mil_raise_op *row, const char *argument) {
    size_t count;
    const mil_row *rows = mil_rows((orion_ir_op)row->op, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, argument) == 0) return rows[i].role == MIL_ROLE_IN;
    }
    return false;
}

/* Which constants are operands, and which are used at all. */
static void mark_uses(mil_raiser *r, const mil_raise_op *const *rows) {
    for (size_t i = 0; i < r->function->statement_count; i++) {
        const orion_mil_statement *s = &r->function->statements[i];
        for (uint32_t a = 0; a < s->argument_count; a++) {
            mark(r, &s->arguments[a].value,
                 rows[i] != NULL && is_operand(rows[i], s->arguments[a].name));
        }
    }
    for (uint32_t i = 0; i < r->function->output_count; i++) {
        mil_raised *x = mil_find_name(r, r->function->outputs[i].name);
        if (x != NULL) x->used = x->wanted = true;
    }
}

static orion_status bind_names(mil_raiser *r) {
    const orion_mil_function *f = r->function;
    size_t count = f->parameter_count, at = 0;
    for (size_t i = 0; i < f->statement_count; i++) count += f->statements[i].result_count;
    r->raised = orn_arena_alloc(&r->scratch, (count + 1) * sizeof *r->raised);
    if (r->raised == NULL) return ORION_ERROR_NO_MEMORY;
    for (uint32_t i = 0; i < f->parameter_count; i++) {
        r->raised[at].type = f->parameters[i].type;
        TRY(orn_map_put(&r->names, f->parameters[i].name, strlen(f->parameters[i].name),
                        (uint32_t)at++));
    }
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        for (uint32_t k = 0; k < s->result_count; k++) {
            r->raised[at].type = s->results[k].type;
            r->raised[at].at = s;
            TRY(orn_map_put(&r->names, s->results[k].name, strlen(s->results[k].name),
                            (uint32_t)at++));
        }
    }
    return ORION_OK;
}

static orion_status raise_parameters(mil_raiser *r) {
    for (uint32_t i = 0; i < r->function->parameter_count; i++) {
        const mil_port *port = &r->function->parameters[i];
        const char *name;
        orion_ir_type type;
        const orion_mil_type *state = mil_state_type(port->type);
        if (mil_raise_type(state != NULL ? state : port->type, &type) != ORION_OK) {
            orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_OP, r->program->source,
                     port->line, port->column, port->name, "the parameter '%s' is %s", port->name,
                     mil_type_problem(port->type));
            r->raised[i].refused = true;
            if (r->refused == ORION_OK) r->refused = ORION_ERROR_UNSUPPORTED;
            continue;
        }
        TRY(graph_name(r, &r->value_names, port->name, &name));
        /* No output may have an input's name, but for that input itself, once. */
        TRY(orn_map_put(&r->output_names, name, strlen(name), 1));
        r->raised[i].input_name = name;
        r->raised[i].value = orion_ir_input(r->b, name, type);
        if (r->raised[i].value.id == 0) return ORION_ERROR_NO_MEMORY;
    }
    return ORION_OK;
}

static orion_status raise_statements(mil_raiser *r, const mil_raise_op *const *rows) {
    size_t at = r->function->parameter_count;
    for (size_t i = 0; i < r->function->statement_count; i++) {
        const orion_mil_statement *s = &r->function->statements[i];
        mil_raised *results = &r->raised[at];
        at += s->result_count;
        orion_status status =
            is_const(s) ? raise_const(r, s, results) : raise_op(r, s, rows[i], results);
        if (status == ORION_OK) continue;
        if (status == ORION_ERROR_NO_MEMORY) return status;
        if (status == ORION_ERROR_INVALID_STATE) return builder_failed(r, s);
        if (r->refused == ORION_OK) r->refused = status;
        for (uint32_t k = 0; k < s->result_count; k++) results[k].refused = true;
    }
    return ORION_OK;
}

/* An output has its MIL name, but for bytes that the IR's names do not have and for a value that is
 * returned twice. */
static orion_status raise_output(mil_raiser *r, const mil_output *output) {
    mil_raised *x = mil_find_name(r, output->name);
    if (x->value.id == 0) {
        orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_OP, r->program->source,
                 output->line, output->column, output->name, "'%s' is returned but is no tensor",
                 output->name);
        return ORION_ERROR_UNSUPPORTED;
    }
    const char *name = x->input_name;
    x->input_name = NULL;
    if (name == NULL) TRY(graph_name(r, &r->output_names, output->name, &name));
    orion_ir_output(r->b, name, x->value);
    return ORION_OK;
}

/* What the states have become, behind the function's own results. */
static orion_status raise_states(mil_raiser *r) {
    for (uint32_t i = 0; i < r->function->parameter_count; i++) {
        const mil_port *port = &r->function->parameters[i];
        char wanted[NAME_BYTES + 1];
        const char *name;
        if (!r->raised[i].written) continue;
        snprintf(wanted, sizeof wanted, "%.*s_next", NAME_BYTES - 5, port->name);
        TRY(graph_name(r, &r->output_names, wanted, &name));
        orion_ir_output(r->b, name, r->raised[i].value);
    }
    return ORION_OK;
}

static orion_status raise_outputs(mil_raiser *r) {
    const orion_mil_function *f = r->function;
    bool written = false;
    for (uint32_t i = 0; i < f->parameter_count; i++) written |= r->raised[i].written;
    if (f->output_count == 0 && !written) {
        orn_diag(r->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_OP, r->program->source, f->line,
                 f->column, f->name, "the function '%s' returns nothing", f->name);
        return ORION_ERROR_UNSUPPORTED;
    }
    for (uint32_t i = 0; i < f->output_count; i++) TRY(raise_output(r, &f->outputs[i]));
    return raise_states(r);
}

static orion_status raise_function(mil_raiser *r, orion_ir_graph **out_graph) {
    size_t violations = 0;
    const orion_mil_function *f = r->function;
    TRY(mil_verify_function(r->program, f, r->diag, &violations));
    if (violations != 0) return ORION_ERROR_VERIFY;
    const mil_raise_op **rows =
        orn_arena_alloc(&r->scratch, (f->statement_count + 1) * sizeof *rows);
    if (rows == NULL) return ORION_ERROR_NO_MEMORY;
    TRY(index_ops(r));
    for (size_t i = 0; i < f->statement_count; i++) rows[i] = find_row(r, &f->statements[i]);
    char *name;
    TRY(clean_name(r, f->name, &name));
    TRY(orion_ir_builder_create(name, &r->allocator, &r->b));
    TRY(bind_names(r));
    mark_uses(r, rows);
    TRY(raise_parameters(r));
    TRY(raise_statements(r, rows));
    if (r->refused != ORION_OK) return r->refused;
    TRY(raise_outputs(r));
    return orion_ir_builder_finish(&r->b, r->diag, out_graph);
}

/* Say which functions there are instead. */
static orion_status no_function(const orion_mil_program *program, const char *name,
                                const orion_allocator *allocator, orion_diag *diag) {
    enum { LISTED = 8 };
    orion_allocator a = orn_allocator(allocator);
    size_t count = orion_mil_program_function_count(program);
    orn_text text;
    orn_text_init(&text, &a);
    for (size_t i = 0; i < count && i < LISTED; i++) {
        orn_text_printf(&text, "%s'%s'", i == 0 ? "" : ", ",
                        orion_mil_function_name(orion_mil_program_function(program, i)));
    }
    if (count > LISTED) orn_text_printf(&text, " and %zu more", count - LISTED);
    orion_status status = orn_text_status(&text);
    if (status == ORION_OK) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_FUNCTION, program->source, 0, 0,
                 name, "the program has no function '%s'; it has %s", name,
                 count == 0 ? "none" : text.data);
        status = ORION_ERROR_NOT_FOUND;
    }
    orn_text_free(&text);
    return status;
}

orion_status orion_mil_raise(const orion_mil_program *program, const orion_mil_weights *weights,
                             const char *function, const orion_mil_raise_options *options,
                             const orion_allocator *allocator, orion_diag *diag,
                             orion_ir_graph **out_graph) {
    orion_mil_raise_options o;
    *out_graph = NULL;
    TRY(orn_check_size(options, &o, sizeof o));
    const char *name = function == NULL ? "main" : function;
    const orion_mil_function *f = orion_mil_program_find(program, name);
    if (f == NULL) return no_function(program, name, allocator, diag);
    mil_raiser r = {.program = program,
                    .function = f,
                    .weights = weights,
                    .diag = diag,
                    .lenient = o.lenient != 0};
    r.allocator = orn_allocator(allocator);
    orn_arena_init(&r.scratch, &r.allocator);
    orn_map *maps[] = {&r.names, &r.value_names, &r.output_names, &r.ops, &r.missing};
    for (size_t i = 0; i < ORN_COUNT(maps); i++) orn_map_init(maps[i], &r.allocator);
    orion_status status = raise_function(&r, out_graph);
    orion_ir_builder_destroy(&r.b);
    for (size_t i = 0; i < ORN_COUNT(maps); i++) orn_map_free(maps[i]);
    orn_arena_clear(&r.scratch);
    return status;
}
