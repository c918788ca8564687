/* SPDX-License-Identifier: MIT */
/* Runs: surfaces bound to ports, and the request that is made of them once. */
#include "objc.h"

struct objc_run {
    objc_code *code;
    objc_id request;  /* retained; NULL: to be made of the surfaces */
    void **surfaces;  /* by port */
    objc_id *objects; /* room for the arrays of a request, by port */
};

void objc_run_destroy(objc_run *r) {
    const orion_allocator *a = &r->code->device->allocator;
    size_t ports = r->code->code.port_count;
    objc_release_object(&r->code->device->system, r->request);
    orn_free(a, r->surfaces, ports * sizeof *r->surfaces);
    orn_free(a, r->objects, 2 * ports * sizeof *r->objects);
    orn_free(a, r, sizeof *r);
}

orion_status objc_run_create(objc_code *code, objc_run **out_run) {
    const orion_allocator *a = &code->device->allocator;
    size_t ports = code->code.port_count;
    objc_run *r = orn_zalloc(a, sizeof *r);
    if (r == NULL) return ORION_ERROR_NO_MEMORY;
    r->code = code;
    r->surfaces = orn_zalloc(a, ports * sizeof *r->surfaces);
    r->objects = orn_zalloc(a, 2 * ports * sizeof *r->objects);
    if (r->surfaces == NULL || r->objects == NULL) {
        objc_run_destroy(r);
        return ORION_ERROR_NO_MEMORY;
    }
    *out_run = r;
    return ORION_OK;
}

/* A request holds its surfaces: another one needs another request. */
void objc_run_bind(objc_run *r, size_t port, void *surface) {
    if (r->surfaces[port] == surface) return;
    r->surfaces[port] = surface;
    objc_release_object(&r->code->device->system, r->request);
    r->request = NULL;
}

/* Surfaces and indices of the ports [first, end), as two arrays. */
static bool make_arrays(objc_run *r, size_t first, size_t end, objc_id *out_surfaces,
                        objc_id *out_indices) {
    const objc_system *s = &r->code->device->system;
    objc_id class = (objc_id)s->classes[OBJC__ANEIOSurfaceObject];
    size_t count = end - first;
    for (size_t i = 0; i < count; i++) {
        r->objects[i] = OBJC_CALL(s, surface, class, objc_id, (objc_id, objc_sel, void *),
                                  r->surfaces[first + i]);
        r->objects[count + i] = objc_number(s, r->code->indices[first + i]);
        if (r->objects[i] == NULL || r->objects[count + i] == NULL) return false;
    }
    *out_surfaces = objc_array(s, r->objects, count);
    *out_indices = objc_array(s, r->objects + count, count);
    return *out_surfaces != NULL && *out_indices != NULL;
}

static orion_status make_request(objc_run *r) {
    const objc_system *s = &r->code->device->system;
    const ane_code *c = &r->code->code;
    objc_id inputs, input_indices, outputs, output_indices;
    if (!make_arrays(r, 0, c->input_count, &inputs, &input_indices) ||
        !make_arrays(r, c->input_count, c->port_count, &outputs, &output_indices)) {
        return ORION_ERROR_NO_MEMORY;
    }
    objc_id request = OBJC_CALL(
        s, request, (objc_id)s->classes[OBJC__ANERequest], objc_id,
        (objc_id, objc_sel, objc_id, objc_id, objc_id, objc_id, objc_id, objc_id, objc_id), inputs,
        input_indices, outputs, output_indices, NULL, NULL,
        objc_number(s, r->code->symbols.procedure));
    if (request == NULL) return ORION_ERROR_NO_MEMORY;
    r->request = objc_retain_object(s, request);
    return ORION_OK;
}

static orion_status evaluate(objc_run *r, orion_diag *diag) {
    const objc_system *s = &r->code->device->system;
    objc_id error = NULL;
    if (r->request == NULL) TRY(make_request(r));
    objc_bool fine = OBJC_CALL(s, model_evaluate, r->code->model, objc_bool,
                               (objc_id, objc_sel, unsigned, objc_id, objc_id, objc_id *), OBJC_QOS,
                               r->code->options, r->request, &error);
    if (fine != 0) return ORION_OK;
    return objc_failure(s, OBJC_EVALUATING, error, NULL, diag);
}

orion_status objc_run_execute(objc_run *r, orion_diag *diag) {
    objc_id pool = objc_pool_push(&r->code->device->system);
    orion_status status = evaluate(r, diag);
    objc_pool_pop(&r->code->device->system, pool);
    return status;
}
