/* SPDX-License-Identifier: MIT */
/*
 * Products by liborion-ane: the only file that knows Orion.
 *
 * A program is compiled for shapes, so each kind of product is compiled when it first comes up and
 * kept with its tensors; from then on a product is: copy in, execute, copy out.
 */
#include "engine.h"

#include <orion/ane.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct product {
    struct product *next;
    matrix a, b, out; /* shapes alone */
    transposed which;
    orion_ane_run *run; /* NULL: the device does not take it */
    orion_ane_tensor *in[2], *result;
} product;

struct offload {
    orion_ane_device *device;
    orion_diag *diag;
    product *products;
};

static int complain(const offload *o, const char *what, orion_status status) {
    const orion_diag_entry *why = orion_diag_get(o->diag, 0);
    fprintf(stderr, "%s: %s\n", what, why == NULL ? orion_status_string(status) : why->text);
    orion_diag_clear(o->diag);
    return 0;
}

offload *offload_create(const char *framework) {
    offload *o = calloc(1, sizeof *o);
    if (o == NULL) return NULL;
    orion_status s = orion_diag_create(NULL, &o->diag);
    if (s == ORION_OK) {
        uint32_t backend = framework == NULL ? ORION_ANE_BACKEND_CPU : ORION_ANE_BACKEND_ANE_OBJC;
        s = orion_ane_device_open(
            orion_ane_device_options(.backend = backend, .framework = framework), o->diag,
            &o->device);
    }
    if (s == ORION_OK) return o;
    complain(o, "offload", s);
    offload_destroy(o);
    return NULL;
}

static void product_free(product *p) {
    orion_ane_run_destroy(&p->run);
    orion_ane_tensor_unref(&p->in[0]);
    orion_ane_tensor_unref(&p->in[1]);
    orion_ane_tensor_unref(&p->result);
    free(p);
}

void offload_destroy(offload *o) {
    if (o == NULL) return;
    while (o->products != NULL) {
        product *next = o->products->next;
        product_free(o->products);
        o->products = next;
    }
    orion_ane_device_unref(&o->device);
    orion_diag_destroy(&o->diag);
    free(o);
}

static orion_ir_type shape_of(const matrix *m) {
    const int64_t dims[] = {(int64_t)m->rows, (int64_t)m->columns};
    return orion_ir_type_make(ORION_IR_F32, 2, dims);
}

/* out = a b as a graph of one op. */
static orion_status describe(const product *p, orion_diag *diag, orion_ir_graph **out_graph) {
    orion_ir_builder *b = NULL;
    orion_status s = orion_ir_builder_create("product", NULL, &b);
    if (s != ORION_OK) return s;
    orion_ir_value x = orion_ir_input(b, "a", shape_of(&p->a));
    orion_ir_value y = orion_ir_input(b, "b", shape_of(&p->b));
    orion_ir_output(b, "out", orion_ir_matmul(b, x, y, p->which == FIRST, p->which == SECOND));
    return orion_ir_builder_finish(&b, diag, out_graph);
}

static orion_status compile(offload *o, product *p) {
    orion_ir_graph *graph = NULL;
    orion_ane_program *program = NULL;
    orion_status s = describe(p, o->diag, &graph);
    if (s == ORION_OK) s = orion_ane_program_compile_graph(o->device, graph, o->diag, &program);
    if (s == ORION_OK) s = orion_ane_tensor_create_for(program, "a", o->diag, &p->in[0]);
    if (s == ORION_OK) s = orion_ane_tensor_create_for(program, "b", o->diag, &p->in[1]);
    if (s == ORION_OK) s = orion_ane_tensor_create_for(program, "out", o->diag, &p->result);
    if (s == ORION_OK) s = orion_ane_run_create(program, &p->run);
    if (s == ORION_OK) s = orion_ane_run_bind(p->run, "a", p->in[0], o->diag);
    if (s == ORION_OK) s = orion_ane_run_bind(p->run, "b", p->in[1], o->diag);
    if (s == ORION_OK) s = orion_ane_run_bind(p->run, "out", p->result, o->diag);
    if (s != ORION_OK) orion_ane_run_destroy(&p->run);
    orion_ane_program_unref(&program); /* the run keeps it */
    orion_ir_graph_destroy(&graph);
    return s;
}

static int same_shape(const matrix *a, const matrix *b) {
    return a->rows == b->rows && a->columns == b->columns;
}

/* The product of this kind; one that cannot be compiled is kept too, and not tried again. */
static product *find(offload *o, const matrix *a, const matrix *b, transposed which, matrix *out) {
    product *p = o->products;
    while (p != NULL && !(p->which == which && same_shape(&p->a, a) && same_shape(&p->b, b))) {
        p = p->next;
    }
    if (p != NULL) return p;
    p = calloc(1, sizeof *p);
    if (p == NULL) return NULL;
    p->which = which;
    p->a = (matrix){a->rows, a->columns, NULL};
    p->b = (matrix){b->rows, b->columns, NULL};
    p->out = (matrix){out->rows, out->columns, NULL};
    p->next = o->products;
    o->products = p;
    orion_status s = compile(o, p);
    if (s != ORION_OK) complain(o, "product", s);
    return p;
}

static size_t bytes_of(const matrix *m) {
    return m->rows * m->columns * sizeof *m->data;
}

static int product_of(void *self, const matrix *a, const matrix *b, transposed which, matrix *out) {
    offload *o = self;
    product *p = find(o, a, b, which, out);
    if (p == NULL || p->run == NULL) return 0;
    orion_status s = orion_ane_tensor_write(p->in[0], ORION_IR_F32, a->data, bytes_of(a), o->diag);
    if (s == ORION_OK) {
        s = orion_ane_tensor_write(p->in[1], ORION_IR_F32, b->data, bytes_of(b), o->diag);
    }
    if (s == ORION_OK) s = orion_ane_run_execute(p->run, o->diag);
    if (s == ORION_OK) {
        s = orion_ane_tensor_read(p->result, ORION_IR_F32, out->data, bytes_of(out), o->diag);
    }
    return s == ORION_OK ? 1 : complain(o, "product", s);
}

multiplier offload_multiplier(offload *o) {
    return (multiplier){.multiply = product_of, .self = o};
}
