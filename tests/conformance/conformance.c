/* SPDX-License-Identifier: MIT */
/* Running the rows of a family: dtypes, surroundings, comparison. */
#include "conformance.h"

#include "graphs.h"

#include <math.h>

/* What stands around the op under test. */
typedef enum surrounding {
    PLAIN,     /* operands are inputs, results are outputs */
    CONSTANTS, /* all operands but the first are constants in the program */
    TURNED,    /* operands are transposes of inputs, and transposes of the results are outputs */
    CHAINED,   /* operands are doubled on the way in, and results on the way out */
    SURROUNDINGS
} surrounding;

static const char *const surrounding_names[] = {"plain", "constants", "turned", "chained"};

bool family_covers(const conformance_family *family, const char *op) {
    for (size_t i = 0; i < family->count; i++) {
        if (strcmp(family->cases[i].op, op) == 0) return true;
    }
    return false;
}

/* ---- the graph ---- */

static orion_ir_value reverse_axes(orion_ir_builder *b, orion_ir_value v) {
    orion_ir_type type = orion_ir_builder_type(b, v);
    int64_t perm[ORION_IR_RANK_MAX];
    for (uint32_t i = 0; i < type.rank; i++) perm[i] = type.rank - 1 - i;
    return type.rank < 2 ? v : orion_ir_transpose(b, v, perm, type.rank);
}

static orion_ir_value halve(orion_ir_builder *b, orion_ir_value v, double factor) {
    orion_ir_type type = orion_ir_builder_type(b, v);
    if (!ir_is_float(type.dtype)) return v;
    orion_ir_type scalar = orion_ir_type_make((orion_ir_dtype)type.dtype, 0, NULL);
    return orion_ir_mul(b, v, orion_ir_splat(b, scalar, factor));
}

/* The operand of the op, from an input or from data. */
static orion_ir_value operand(orion_ir_builder *b, const op_tensor *t, const double *data, size_t i,
                              surrounding s) {
    static const char *const names[OP_TENSORS_MAX] = {"x0", "x1", "x2", "x3", "x4", "x5"};
    orion_ir_type type = t->type;
    if (s == CONSTANTS && i > 0) {
        size_t n = (size_t)orion_ir_type_elements(&type), bytes = orion_ir_type_bytes(&type);
        void *packed = malloc(bytes);
        for (size_t k = 0; k < n; k++) ir_store((orion_ir_dtype)type.dtype, packed, k, data[k]);
        orion_ir_value v = orion_ir_constant(b, type, packed, bytes);
        free(packed);
        return v;
    }
    if (s == TURNED) {
        for (uint32_t k = 0; k < type.rank; k++) type.dims[k] = t->type.dims[type.rank - 1 - k];
        return reverse_axes(b, orion_ir_input(b, names[i], type));
    }
    orion_ir_value v = orion_ir_input(b, names[i], type);
    return s == CHAINED ? halve(b, v, 0.5) : v;
}

/* The single-op graph `one`, in a surrounding. */
static orion_ir_graph *surround(const orion_ir_graph *one, const op_tensors *operands,
                                const op_buffers *data, surrounding s) {
    static const char *const names[] = {"y0", "y1", "y2", "y3"};
    const orion_ir_node *n = one->last;
    const ir_op *op = ir_op_get(n->op);
    orion_ir_builder *b;
    orion_ir_graph *g;
    orion_diag *diag;
    orion_ir_value in[OP_TENSORS_MAX];
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_int_equal(orion_ir_builder_create("surrounded", NULL, &b), ORION_OK);
    for (size_t i = 0; i < operands->count; i++) {
        in[i] = operand(b, &operands->at[i], data->data[i], i, s);
    }
    orion_ir_value first = ir_emit(b, op, in, operands->count, n->attrs);
    for (size_t i = 0; i < n->n_out; i++) {
        orion_ir_value y = orion_ir_result(b, first, i);
        if (s == TURNED) y = reverse_axes(b, y);
        if (s == CHAINED) y = halve(b, y, 2);
        orion_ir_output(b, names[i], y);
    }
    assert_ok(orion_ir_builder_finish(&b, diag, &g), diag);
    orion_diag_destroy(&diag);
    return g;
}

/* ---- comparing ---- */

static void compare(const conformance_family *family, const op_case *c, const orion_ir_graph *g,
                    surrounding s, const op_buffers *have, const op_buffers *want) {
    for (size_t i = 0; i < want->count; i++) {
        orion_ir_type type = orion_ir_value_type(g, orion_ir_graph_output(g, i));
        ane_tolerance t = ane_tolerance_of(type.dtype);
        double loose = family->looseness == 0 ? 1 : family->looseness;
        for (size_t k = 0; k < want->elements[i]; k++) {
            double a = have->data[i][k], e = want->data[i][k];
            bool same = a == e || (a != a && e != e);
            if (same || fabs(a - e) <= loose * (t.absolute + t.relative * fabs(e))) continue;
            char *text = graph_text(g);
            print_message("%s", text);
            free(text);
            fail_msg("%s(%s) %s, %s: result %zu element %zu is %.9g, the reference has %.9g", c->op,
                     c->operands, c->attrs, surrounding_names[s], i, k, a, e);
        }
    }
}

static void run_case(const conformance_family *family, const op_case *c, orion_ane_device *device,
                     orion_ir_dtype dtype, surrounding s) {
    op_tensors operands = op_parse_tensors(c->operands);
    bool floats = false;
    for (size_t i = 0; i < operands.count; i++) {
        if (operands.at[i].type.dtype != ORION_IR_F32) continue;
        operands.at[i].type.dtype = (uint32_t)dtype;
        floats = true;
    }
    if (!floats && dtype != ORION_IR_F32) return; /* nothing new */
    orion_ir_graph *one = op_graph(c->op, &operands, c->attrs);
    op_buffers data = op_inputs(one, &operands, 1);
    orion_ir_graph *g = surround(one, &operands, &data, s);
    op_buffers in = op_inputs_of(g);
    for (size_t i = 0; i < in.count; i++) { /* turned operands: any order of the same elements */
        memcpy(in.data[i], data.data[i], in.elements[i] * sizeof(double));
    }
    op_buffers want = op_eval(g, ORION_IR_EVAL_ROUNDED, &in);
    op_buffers have = ane_eval(device, g, &in);
    compare(family, c, g, s, &have, &want);
    op_buffers_free(&data);
    op_buffers_free(&in);
    op_buffers_free(&want);
    op_buffers_free(&have);
    orion_ir_graph_destroy(&g);
    orion_ir_graph_destroy(&one);
}

void family_run(const conformance_family *family, orion_ane_device *device, bool half) {
    static const orion_ir_dtype dtypes[] = {ORION_IR_F32, ORION_IR_F16, ORION_IR_BF16};
    for (size_t i = 0; i < family->count; i++) {
        for (size_t d = 0; d < ORN_COUNT(dtypes); d++) {
            if (half && dtypes[d] != ORION_IR_F16) continue;
            for (int s = 0; s < SURROUNDINGS; s++) {
                run_case(family, &family->cases[i], device, dtypes[d], (surrounding)s);
            }
        }
    }
}
