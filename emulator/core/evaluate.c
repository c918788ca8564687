/* SPDX-License-Identifier: MIT */
/*
 * Requests: checked as framework and driver check them, then run on the CPU device.
 *
 * The device reads and writes a surface from its first byte, row by row as the symbol's layout
 * says; it never asks how its owner thinks the surface is laid out.
 */
#include "instance.h"

#include <stdlib.h>

bool emu_request_valid(const emu_request *r) {
    enum { SURFACES_MAX = 255, PROCEDURE_MAX = 128 };
    if (r->input_count == 0 || r->output_count == 0) return false;
    if (r->input_count > SURFACES_MAX || r->output_count > SURFACES_MAX) return false;
    for (size_t i = 0; i < r->input_count; i++) {
        if (r->inputs[i].index >= SURFACES_MAX) return false;
    }
    for (size_t i = 0; i < r->output_count; i++) {
        if (r->outputs[i].index >= SURFACES_MAX) return false;
    }
    return r->procedure <= PROCEDURE_MAX;
}

/* ---- checks of the driver ---- */

typedef struct side {
    const char *what;
    const emu_binding *bindings;
    const emu_symbol *symbols;
    size_t count, first;
} side;

/* The surface that is bound to symbol i, or NULL. */
static emu_surface *surface_of(const side *s, size_t i) {
    for (size_t k = 0; k < s->count; k++) {
        if (s->bindings[k].index == s->first + i) return s->bindings[k].surface;
    }
    return NULL;
}

static bool check_side(const side *s, size_t given, const emu_profile *profile, const char *method,
                       emu_error *error) {
    if (given != s->count) {
        return emu_fail_request(error, method, EMU_STATUS_WRONG_SYMBOLS,
                                "the request has another number of surfaces than the program");
    }
    for (size_t i = 0; i < s->count; i++) {
        emu_surface *surface = surface_of(s, i);
        if (surface == NULL) {
            return emu_fail_request(error, method, EMU_STATUS_WRONG_SYMBOLS,
                                    "the indices of the request are not those of the procedure");
        }
        if (emu_surface_locked(surface)) {
            return emu_fail_request(error, method, EMU_STATUS_TIMED_OUT,
                                    "a surface is locked: the hardware would wait for ever "
                                    "(rule X-26)");
        }
        size_t bytes = emu_surface_bytes(surface), first = emu_surface_bytes(surface_of(s, 0));
        if (bytes < s->symbols[i].bytes || bytes < profile->min_surface ||
            (profile->uniform != 0 && bytes != first)) {
            char why[256];
            orn_text text;
            orion_allocator a = orn_allocator(NULL);
            orn_text_init(&text, &a);
            orn_text_printf(&text, "the surface of %s '%s' has %zu bytes, the program needs %zu%s",
                            s->what, s->symbols[i].name, bytes, s->symbols[i].bytes,
                            profile->uniform != 0 ? ", all of one size" : " (rule X-1)");
            size_t n = text.data == NULL ? 0 : ORN_MIN(text.size, sizeof why - 1);
            if (n > 0) memcpy(why, text.data, n);
            why[n] = '\0';
            orn_text_free(&text);
            return emu_fail_request(error, method, EMU_STATUS_MISMATCH, why);
        }
    }
    return true;
}

/* ---- data ---- */

/* Copies all elements between a surface and packed memory. */
static void copy(const emu_symbol *s, char *packed, char *surface, bool to_surface) {
    size_t row = (size_t)s->width * s->element;
    for (int64_t b = 0; b < s->batches; b++) {
        for (int64_t c = 0; c < s->channels; c++) {
            char *at = surface + (size_t)b * s->batch_stride + (size_t)c * s->plane_stride;
            for (int64_t h = 0; h < s->height; h++, at += s->row_stride, packed += row) {
                memcpy(to_surface ? at : packed, to_surface ? packed : at, row);
            }
        }
    }
}

static bool move(const side *s, orion_ane_tensor **tensors, bool to_surface) {
    for (size_t i = 0; i < s->count; i++) {
        orion_ane_tensor *tensor = tensors[s->symbols[i].port];
        void *packed;
        uint32_t access = to_surface ? ORION_ANE_READ : ORION_ANE_WRITE;
        if (orion_ane_tensor_lock(tensor, access, &packed) != ORION_OK) return false;
        copy(&s->symbols[i], packed, emu_surface_base(surface_of(s, i)), to_surface);
        orion_ane_tensor_unlock(tensor);
    }
    return true;
}

/* With the lock of the instance held. */
static bool make_run(const emu_procedure *p, emu_run *run) {
    if (run->run != NULL) return true;
    run->port_count = orion_ane_program_port_count(p->program);
    run->tensors = calloc(run->port_count, sizeof *run->tensors);
    if (run->tensors == NULL) return false;
    orion_status status = orion_ane_run_create(p->program, &run->run);
    for (size_t i = 0; i < run->port_count && status == ORION_OK; i++) {
        orion_ane_port port = {.size = sizeof port};
        status = orion_ane_program_port(p->program, i, &port);
        if (status == ORION_OK) {
            status = orion_ane_tensor_create_for(p->program, port.name, NULL, &run->tensors[i]);
        }
        if (status == ORION_OK) {
            status = orion_ane_run_bind(run->run, port.name, run->tensors[i], NULL);
        }
    }
    return status == ORION_OK;
}

/* ---- evaluation ---- */

static bool compute(emu_instance *instance, const emu_procedure *p, const side sides[2]) {
    pthread_mutex_lock(&instance->lock);
    emu_run *run = &instance->runs[p - instance->program->procedures];
    bool fine = make_run(p, run) && move(&sides[0], run->tensors, false) &&
                orion_ane_run_execute(run->run, NULL) == ORION_OK &&
                move(&sides[1], run->tensors + p->input_count, true);
    pthread_mutex_unlock(&instance->lock);
    return fine;
}

bool emu_evaluate(emu_instance *instance, const char *method, const emu_request *r,
                  emu_error *error) {
    emu_settings settings = emu_settings_now();
    if (settings.no_device) return emu_fail_code(error, method, EMU_HOST_TOO_OLD, 0);
    if (instance == NULL || !emu_request_valid(r)) {
        if (!settings.strict) return false;
        return emu_fail(error, EMU_DOMAIN, EMU_INFERENCE_ERROR, "%s: %s", method,
                        instance == NULL ? "the model is not loaded (rule X-19)"
                                         : "the request is not valid (rule X-14)");
    }
    const emu_program *program = instance->program;
    /* A program of one procedure takes any number for it. */
    size_t n = program->procedure_count == 1 ? 0 : r->procedure;
    if (n >= program->procedure_count) {
        return emu_fail_request(error, method, EMU_STATUS_WRONG_SYMBOLS, "no such procedure");
    }
    const emu_procedure *p = &program->procedures[n];
    const side sides[2] = {
        {"input", r->inputs, p->inputs, p->input_count, p->first_input},
        {"output", r->outputs, p->outputs, p->output_count, p->first_output},
    };
    if (!check_side(&sides[0], r->input_count, &settings.profile, method, error) ||
        !check_side(&sides[1], r->output_count, &settings.profile, method, error)) {
        return false;
    }
    if (settings.strict && p->reordered && !atomic_load(&instance->looked_at)) {
        return emu_fail_request(error, method, EMU_STATUS_OK,
                                "symbols are bound by name order, which is not the order of the "
                                "text, and modelAttributes was not read (rules E-3, E-19)");
    }
    if (emu_fault_strikes(EMU_FAULT_TIMEOUT)) {
        return emu_fail_request(error, method, EMU_STATUS_TIMED_OUT, "injected");
    }
    if (emu_fault_strikes(EMU_FAULT_INFERENCE) || !compute(instance, p, sides)) {
        return emu_fail_request(error, method, 0x12, "the program failed while running");
    }
    emu_count(EMU_EVALUATIONS, 1);
    emu_count(EMU_CLOCK_NS, (int64_t)p->run_ns);
    return true;
}
