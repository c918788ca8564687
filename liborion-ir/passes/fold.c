/* SPDX-License-Identifier: MIT */
/*
 * Constant folding: a node whose operands are all constants becomes constants.
 *
 * Needs:  a valid graph.
 * Keeps:  every value as orion_ir_eval gives it in ROUNDED mode, bit for bit: the node is computed
 *         by the reference interpreter and rounded once to its dtype. (In EXACT mode the folded
 *         constants are the one place where something is rounded.)
 *
 * A reshape of a constant becomes a constant over the same bytes, whatever its size. Anything else
 * is computed only if its operands, results and what lies between have at most 2^16 elements in
 * all, so that a splat does not become megabytes of weights. A node that cannot be computed (an
 * index out of range) stays and fails when the graph runs.
 */
#include "eval-internal.h"

#include <math.h>

enum { FOLDED_ELEMENTS_MAX = 1 << 16 };

typedef struct folder {
    double **data; /* by value id; filled only for the node at hand */
} folder;

/* Numbers that are computed on the way and are neither operand nor result: attention's scores. */
static int64_t hidden_elements(const orion_ir_graph *g, const orion_ir_node *n) {
    if (n->op != ORION_IR_OP_attention) return 0;
    const int64_t *q = ir_val(g, n->in[0])->type.dims, *k = ir_val(g, n->in[1])->type.dims;
    return q[0] * q[1] * q[2] * k[2]; /* the operands are small, so this is below 2^32 */
}

/* Are all operands constants, and they and the results small enough? */
static bool is_foldable(const orion_ir_graph *g, const orion_ir_node *n) {
    int64_t elements = 0;
    if (n->n_in == 0) return false;
    for (uint32_t i = 0; i < n->n_in; i++) {
        if (ir_const_of(g, n->in[i]) == NULL) return false;
        elements += orion_ir_type_elements(&ir_val(g, n->in[i])->type);
        if (elements > FOLDED_ELEMENTS_MAX) return false;
    }
    for (uint32_t i = 0; i < n->n_out; i++) {
        elements += orion_ir_type_elements(&ir_val(g, n->out + i)->type);
        if (elements > FOLDED_ELEMENTS_MAX) return false;
    }
    return elements + hidden_elements(g, n) <= FOLDED_ELEMENTS_MAX;
}

/* ---- the doubles that the interpreter works on ---- */

static size_t bytes_of(const orion_ir_graph *g, uint32_t id) {
    return (size_t)orion_ir_type_elements(&ir_val(g, id)->type) * sizeof(double);
}

static orion_status take(folder *f, const orion_ir_graph *g, uint32_t id) {
    if (f->data[id] != NULL) return ORION_OK; /* an operand given twice */
    f->data[id] = orn_alloc(&g->arena.allocator, bytes_of(g, id));
    if (f->data[id] == NULL) return ORION_ERROR_NO_MEMORY;
    const orion_ir_node *n = ir_const_of(g, id);
    if (n == NULL) return ORION_OK;
    orion_ir_dtype dtype = (orion_ir_dtype)ir_val(g, id)->type.dtype;
    const char *bytes = (const char *)orion_blob_data(n->blob) + n->offset;
    size_t elements = bytes_of(g, id) / sizeof(double);
    for (size_t i = 0; i < elements; i++) f->data[id][i] = ir_load(dtype, bytes, i);
    return ORION_OK;
}

static void give_back(folder *f, const orion_ir_graph *g, const orion_ir_node *n) {
    for (uint32_t i = 0; i < n->n_in + n->n_out; i++) {
        uint32_t id = i < n->n_in ? n->in[i] : n->out + i - n->n_in;
        orn_free(&g->arena.allocator, f->data[id], bytes_of(g, id));
        f->data[id] = NULL;
    }
}

/* ---- results ---- */

/* A constant of that type in front of n, over bytes [offset, ...) of the blob, instead of `id`. */
static orion_status put_constant(ir_sweep *s, orion_ir_node *n, uint32_t id, orion_blob *blob,
                                 size_t offset) {
    orion_ir_builder b = ir_builder_at(s->g, n, NULL);
    b.line = n->line;
    orion_ir_value v = ir_emit_const(&b, ir_val(s->g, id)->type, blob, offset);
    return v.id == 0 ? b.status : ir_sweep_replace(s, id, v.id);
}

static orion_status put_result(ir_sweep *s, orion_ir_node *n, uint32_t id, const double *data) {
    orion_ir_type type = ir_val(s->g, id)->type;
    size_t elements = (size_t)orion_ir_type_elements(&type);
    orion_blob *blob;
    TRY(orion_blob_copy(NULL, orion_ir_type_bytes(&type), &s->g->arena.allocator, &blob));
    void *bytes = (void *)(uintptr_t)orion_blob_data(blob); /* ours alone so far */
    for (size_t i = 0; i < elements; i++) {
        /* The sign and payload of a computed NaN are the C library's whim. */
        double v = isnan(data[i]) ? (double)NAN : data[i];
        ir_store((orion_ir_dtype)type.dtype, bytes, i, v);
    }
    orion_status status = put_constant(s, n, id, blob, 0);
    orion_blob_unref(&blob);
    return status;
}

/* Compute n. */
static orion_status compute(folder *f, const orion_ir_graph *g, const orion_ir_node *n) {
    ir_eval e = {.graph = g, .node = n, .data = f->data};
    for (uint32_t i = 0; i < n->n_in; i++) TRY(take(f, g, n->in[i]));
    for (uint32_t i = 0; i < n->n_out; i++) TRY(take(f, g, n->out + i));
    return ir_op_get(n->op)->info.is_model ? ir_eval_model(&e) : ir_eval_core(&e);
}

static orion_status visit(ir_sweep *s, orion_ir_node *n) {
    folder *f = s->ctx;
    const orion_ir_node *operand = n->n_in == 0 ? NULL : ir_const_of(s->g, n->in[0]);
    if (n->op == ORION_IR_OP_reshape && operand != NULL) {
        return put_constant(s, n, n->out, operand->blob, operand->offset);
    }
    if (!is_foldable(s->g, n)) return ORION_OK;
    orion_status status = compute(f, s->g, n);
    for (uint32_t i = 0; i < n->n_out && status == ORION_OK; i++) {
        status = put_result(s, n, n->out + i, f->data[n->out + i]);
    }
    give_back(f, s->g, n);
    return status == ORION_ERROR_INVALID_ARGUMENT ? ORION_OK : status;
}

static orion_status run(orion_ir_graph *g, orion_diag *diag, bool *changed) {
    (void)diag;
    const orion_allocator *a = &g->arena.allocator;
    folder f = {0};
    size_t bytes;
    /* Every value there is now may be replaced by one new constant. */
    if (!orn_mul(g->value_count, 2 * sizeof *f.data, &bytes)) return ORION_ERROR_NO_MEMORY;
    f.data = orn_zalloc(a, bytes);
    if (f.data == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ir_sweep_graph(g, visit, &f, changed);
    orn_free(a, f.data, bytes);
    return status;
}

const ir_pass ir_pass_fold = {
    .name = "fold",
    .doc = "compute nodes whose operands are constants",
    .shrinks = true,
    .run = run,
};
