/* SPDX-License-Identifier: MIT */
/* Graphs from text, text from graphs, equality of graphs. */
#include "graphs.h"

orion_ir_graph *graph_parse(const char *text) {
    orion_ir_graph *g = NULL;
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_parse(text, strlen(text), "test", NULL, diag, &g), diag);
    orion_diag_destroy(&diag);
    return g;
}

char *graph_text(const orion_ir_graph *g) {
    orion_buffer *buffer = NULL;
    assert_int_equal(orion_buffer_create(NULL, &buffer), ORION_OK);
    orion_writer writer = orion_buffer_writer(buffer);
    assert_int_equal(orion_ir_print(g, &writer), ORION_OK);
    char *text = malloc(orion_buffer_size(buffer) + 1);
    assert_non_null(text);
    memcpy(text, orion_buffer_data(buffer), orion_buffer_size(buffer) + 1);
    orion_buffer_destroy(&buffer);
    return text;
}

/* Two graphs walked side by side; values with equal numbers in `twin` are the same. */
typedef struct walk {
    const orion_ir_graph *a, *b;
    uint32_t *twin; /* by value id of a: its counterpart in b */
    char *why;
    size_t size;
} walk;

#define DIFFERS(w, ...) (snprintf((w)->why, (w)->size, __VA_ARGS__), false)

static bool same_string(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static bool same_value(walk *w, orion_ir_value a, orion_ir_value b) {
    orion_ir_type ta = orion_ir_value_type(w->a, a), tb = orion_ir_value_type(w->b, b);
    const char *na = orion_ir_value_name(w->a, a), *nb = orion_ir_value_name(w->b, b);
    if (!orion_ir_type_equal(&ta, &tb)) return DIFFERS(w, "types of %u and %u", a.id, b.id);
    if (!same_string(na, nb)) {
        return DIFFERS(w, "names %s and %s", na == NULL ? "-" : na, nb == NULL ? "-" : nb);
    }
    w->twin[a.id] = b.id;
    return true;
}

static bool same_attribute(const orion_ir_node *a, const orion_ir_node *b,
                           const orion_ir_attr_info *info) {
    if (info->kind == ORION_IR_ATTR_FLOAT) {
        double x = orion_ir_node_float(a, info->name), y = orion_ir_node_float(b, info->name);
        return memcmp(&x, &y, sizeof x) == 0;
    }
    if (info->kind != ORION_IR_ATTR_INTS) {
        return orion_ir_node_int(a, info->name) == orion_ir_node_int(b, info->name);
    }
    size_t n, m;
    const int64_t *x = orion_ir_node_ints(a, info->name, &n);
    const int64_t *y = orion_ir_node_ints(b, info->name, &m);
    return n == m && memcmp(x, y, n * sizeof *x) == 0;
}

static bool same_node(walk *w, const orion_ir_node *a, const orion_ir_node *b) {
    const orion_ir_op_info *op = orion_ir_op_find(orion_ir_node_op(a));
    size_t n = 0, m = 0;
    if (orion_ir_node_op(a) != orion_ir_node_op(b)) return DIFFERS(w, "ops, one %s", op->name);
    if (orion_ir_node_input_count(a) != orion_ir_node_input_count(b) ||
        orion_ir_node_result_count(a) != orion_ir_node_result_count(b)) {
        return DIFFERS(w, "operand or result counts of %s", op->name);
    }
    for (size_t i = 0; i < orion_ir_node_input_count(a); i++) {
        if (w->twin[orion_ir_node_input(a, i).id] != orion_ir_node_input(b, i).id) {
            return DIFFERS(w, "operand %zu of %s", i, op->name);
        }
    }
    for (size_t i = 0; i < op->attr_count; i++) {
        const orion_ir_attr_info *info = orion_ir_op_attr(orion_ir_node_op(a), i);
        if (!same_attribute(a, b, info)) return DIFFERS(w, "%s of %s", info->name, op->name);
    }
    const void *x = orion_ir_node_data(a, &n), *y = orion_ir_node_data(b, &m);
    if (n != m || (n != 0 && memcmp(x, y, n) != 0)) return DIFFERS(w, "data of a constant");
    for (size_t i = 0; i < orion_ir_node_result_count(a); i++) {
        if (!same_value(w, orion_ir_node_result(a, i), orion_ir_node_result(b, i))) return false;
    }
    return true;
}

static bool same_graph(walk *w) {
    const orion_ir_graph *a = w->a, *b = w->b;
    if (strcmp(orion_ir_graph_name(a), orion_ir_graph_name(b)) != 0) return DIFFERS(w, "names");
    if (orion_ir_graph_input_count(a) != orion_ir_graph_input_count(b) ||
        orion_ir_graph_output_count(a) != orion_ir_graph_output_count(b) ||
        orion_ir_graph_node_count(a) != orion_ir_graph_node_count(b)) {
        return DIFFERS(w, "numbers of inputs, outputs or nodes");
    }
    for (size_t i = 0; i < orion_ir_graph_input_count(a); i++) {
        if (!same_value(w, orion_ir_graph_input(a, i), orion_ir_graph_input(b, i))) return false;
    }
    const orion_ir_node *n = orion_ir_graph_first(a), *m = orion_ir_graph_first(b);
    for (; n != NULL; n = orion_ir_node_next(n), m = orion_ir_node_next(m)) {
        if (!same_node(w, n, m)) return false;
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(a); i++) {
        if (w->twin[orion_ir_graph_output(a, i).id] != orion_ir_graph_output(b, i).id ||
            strcmp(orion_ir_graph_output_name(a, i), orion_ir_graph_output_name(b, i)) != 0) {
            return DIFFERS(w, "output %zu", i);
        }
    }
    return true;
}

const char *graph_difference(const orion_ir_graph *a, const orion_ir_graph *b, char *why,
                             size_t size) {
    walk w = {.a = a, .b = b, .why = why, .size = size};
    w.twin = calloc(orion_ir_graph_value_bound(a), sizeof *w.twin);
    assert_non_null(w.twin);
    bool same = same_graph(&w);
    free(w.twin);
    return same ? NULL : why;
}

void assert_round_trip(const orion_ir_graph *g) {
    char why[160];
    char *text = graph_text(g);
    orion_ir_graph *back = graph_parse(text);
    if (graph_difference(g, back, why, sizeof why) != NULL) {
        print_message("%s", text);
        fail_msg("parse(print(g)) is not g: %s", why);
    }
    char *again = graph_text(back);
    assert_string_equal(again, text);
    free(again);
    free(text);
    orion_ir_graph_destroy(&back);
}

void assert_graph_valid(const orion_ir_graph *g) {
    orion_diag *diag = NULL;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_status status = orion_ir_verify(g, diag);
    if (status != ORION_OK) {
        char *text = graph_text(g);
        print_message("%s", text);
        free(text);
    }
    assert_ok(status, diag);
    orion_diag_destroy(&diag);
}
