/* SPDX-License-Identifier: MIT */
/* What the tests of single ops share: ops written as text, graphs of one node, evaluation. */
#include "op-support.h"

/* ---- text ---- */

static void skip_blanks(const char **at) {
    *at += strspn(*at, " ");
}

static size_t word_length(const char *at) {
    return strcspn(at, " ;,[]=");
}

/* "[1,2,3]" */
static size_t parse_list(const char **at, int64_t *out, size_t most) {
    size_t n = 0;
    assert_int_equal(**at, '[');
    for (++*at; **at != ']';) {
        size_t length = word_length(*at);
        assert_true(n < most && orn_parse_i64(*at, length, &out[n++]));
        *at += length;
        *at += **at == ',';
    }
    ++*at;
    return n;
}

static enum op_fill parse_fill(const char **at, int64_t *below) {
    static const char *const words[] = {
        [OP_ANY] = "any",     [OP_POSITIVE] = "positive", [OP_APART] = "apart",
        [OP_BELOW] = "below", [OP_TRUTH] = "truth",
    };
    size_t length = word_length(*at);
    for (int i = OP_ANY; i <= OP_TRUTH; i++) {
        if (strlen(words[i]) != length || strncmp(words[i], *at, length) != 0) continue;
        *at += length;
        skip_blanks(at);
        if (i != OP_BELOW) return (enum op_fill)i;
        length = word_length(*at);
        assert_true(orn_parse_i64(*at, length, below));
        *at += length;
        return OP_BELOW;
    }
    return OP_NUMBERS;
}

static op_tensor parse_tensor(const char **at) {
    op_tensor t = {.fill = OP_ANY};
    int64_t dims[ORION_IR_RANK_MAX];
    skip_blanks(at);
    orion_ir_dtype dtype = ir_dtype_by_name(*at, word_length(*at));
    *at += word_length(*at);
    uint32_t rank = (uint32_t)parse_list(at, dims, ORION_IR_RANK_MAX);
    t.type = orion_ir_type_make(dtype, rank, dims);
    assert_true(ir_type_valid(&t.type));
    skip_blanks(at);
    if (**at == ';' || **at == '\0') return t;
    t.fill = parse_fill(at, &t.below);
    for (skip_blanks(at); **at != ';' && **at != '\0'; skip_blanks(at)) {
        size_t length = word_length(*at);
        assert_true(t.count < OP_NUMBERS_MAX && orn_parse_f64(*at, length, &t.numbers[t.count++]));
        *at += length;
    }
    return t;
}

op_tensors op_parse_tensors(const char *text) {
    op_tensors all = {0};
    while (*text != '\0') {
        assert_true(all.count < OP_TENSORS_MAX);
        all.at[all.count++] = parse_tensor(&text);
        text += *text == ';';
    }
    return all;
}

/* One "name=value"; lists go to `ints`. */
static orion_ir_attr parse_attr(const char **at, char name[32], int64_t ints[ORION_IR_RANK_MAX]) {
    size_t length = word_length(*at);
    assert_in_range(length, 1, 31);
    memcpy(name, *at, length);
    name[length] = '\0';
    *at += length;
    assert_int_equal(**at, '=');
    ++*at;
    if (**at == '[') {
        return orion_ir_attr_ints(name, ints, parse_list(at, ints, ORION_IR_RANK_MAX));
    }
    orion_ir_attr attr = {.name = name};
    length = word_length(*at);
    if (orn_parse_f64(*at, length, &attr.f)) {
        attr.i = (int64_t)attr.f;
    } else {
        attr.i = (int64_t)ir_dtype_by_name(*at, length);
        assert_true(attr.i != 0);
    }
    *at += length;
    return attr;
}

/* ---- graphs ---- */

orion_ir_graph *op_graph(const char *op, const op_tensors *operands, const char *attrs) {
    static const char *const x[OP_TENSORS_MAX] = {"x0", "x1", "x2", "x3", "x4", "x5"};
    static const char *const y[] = {"y0", "y1", "y2", "y3"};
    char names[8][32];
    int64_t ints[8][ORION_IR_RANK_MAX];
    orion_ir_attr given[8];
    size_t n_attrs = 0;
    for (skip_blanks(&attrs); *attrs != '\0'; skip_blanks(&attrs), n_attrs++) {
        given[n_attrs] = parse_attr(&attrs, names[n_attrs], ints[n_attrs]);
    }
    orion_ir_builder *b;
    orion_ir_graph *g;
    orion_diag *diag;
    orion_ir_value in[OP_TENSORS_MAX];
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_builder_create("one", NULL, &b), ORION_OK);
    for (size_t i = 0; i < operands->count; i++) {
        in[i] = orion_ir_input(b, x[i], operands->at[i].type);
    }
    const orion_ir_op_info *info = orion_ir_op_from_name(op);
    assert_non_null(info);
    orion_ir_value first =
        orion_ir_build(b, (orion_ir_op)info->op, in, operands->count, given, n_attrs);
    const orion_ir_node *node = first.id == 0 ? NULL : ir_def(b->graph, first.id);
    for (size_t i = 0; node != NULL && i < node->n_out; i++) {
        orion_ir_output(b, y[i], orion_ir_result(b, first, i));
    }
    assert_ok(orion_ir_builder_finish(&b, diag, &g), diag);
    orion_diag_destroy(&diag);
    return g;
}

/* ---- numbers ---- */

static void add_buffer(op_buffers *b, orion_ir_type type) {
    size_t elements = (size_t)orion_ir_type_elements(&type);
    assert_true(b->count < ORN_COUNT(b->data));
    b->data[b->count] = calloc(elements, sizeof(double));
    assert_non_null(b->data[b->count]);
    b->elements[b->count++] = elements;
}

op_buffers op_inputs_of(const orion_ir_graph *g) {
    op_buffers b = {0};
    for (size_t i = 0; i < orion_ir_graph_input_count(g); i++) {
        add_buffer(&b, orion_ir_value_type(g, orion_ir_graph_input(g, i)));
    }
    return b;
}

op_buffers op_outputs_of(const orion_ir_graph *g) {
    op_buffers b = {0};
    for (size_t i = 0; i < orion_ir_graph_output_count(g); i++) {
        add_buffer(&b, orion_ir_value_type(g, orion_ir_graph_output(g, i)));
    }
    return b;
}

void op_buffers_free(op_buffers *b) {
    for (size_t i = 0; i < b->count; i++) free(b->data[i]);
    *b = (op_buffers){0};
}

/* A whole number in [0, n). */
static size_t draw(uint64_t *state, size_t n) {
    return (size_t)(test_random(state) % n);
}

/* Evenly spaced over [-1, 1), each moved a little, then shuffled. */
static void fill_apart(double *data, size_t n, uint64_t *state) {
    for (size_t i = 0; i < n; i++) {
        double jitter = 0.25 * test_random_unit(state);
        data[i] = ((double)i + 0.5 + jitter) * 2 / (double)n - 1;
    }
    for (size_t i = n; i > 1; i--) {
        size_t j = draw(state, i);
        double last = data[i - 1];
        data[i - 1] = data[j];
        data[j] = last;
    }
}

void op_fill(const op_tensor *t, double *data, size_t n, uint64_t *state) {
    if (t->fill == OP_APART) fill_apart(data, n, state);
    if (t->fill == OP_NUMBERS) assert_true(t->count == n || t->count == 1);
    for (size_t i = 0; i < n; i++) {
        double u = test_random_unit(state);
        switch (t->fill) {
        case OP_NUMBERS: data[i] = t->numbers[t->count == 1 ? 0 : i]; break;
        case OP_ANY: data[i] = u < 0 ? u * 0.8 - 0.2 : u * 0.8 + 0.2; break;
        case OP_POSITIVE: data[i] = 1 + u / 2; break;
        case OP_BELOW: data[i] = (double)draw(state, (size_t)t->below); break;
        case OP_TRUTH: data[i] = u < 0 ? 0 : 1; break;
        case OP_APART: break;
        }
    }
}

op_buffers op_inputs(const orion_ir_graph *g, const op_tensors *operands, uint64_t seed) {
    op_buffers b = op_inputs_of(g);
    assert_int_equal(b.count, operands->count);
    for (size_t i = 0; i < b.count; i++) {
        op_fill(&operands->at[i], b.data[i], b.elements[i], &seed);
    }
    return b;
}

op_buffers op_eval(const orion_ir_graph *g, orion_ir_eval_mode mode, const op_buffers *in) {
    orion_diag *diag;
    op_buffers out = op_outputs_of(g);
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ir_eval(g, mode, (const double *const *)in->data, out.data, diag), diag);
    orion_diag_destroy(&diag);
    return out;
}
