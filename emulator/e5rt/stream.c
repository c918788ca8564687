/* SPDX-License-Identifier: MIT */
/* Operations with buffers bound to their ports, and the streams that execute them. */
#include "e5rt.h"

#include <stdlib.h>

/* ---- operations and their ports ---- */

typedef struct op_options {
    e5_object base;
    e5_function *function;
} op_options;

typedef struct operation {
    e5_object base;
    e5_function *function;
    e5_buffer **buffers; /* by symbol: inputs, then outputs; NULL: not bound */
    e5_event **before;
    e5_event *after;
    size_t before_count;
    bool prepared;
} operation;

typedef struct port {
    e5_object base;
    operation *operation;
    size_t symbol;
} port;

static void op_options_destroy(void *self) {
    e5_unref(((op_options *)self)->function);
}

static size_t symbol_count(const operation *o) {
    return o->function->procedure->input_count + o->function->procedure->output_count;
}

static const char *symbol_name(const operation *o, size_t i) {
    const emu_procedure *p = o->function->procedure;
    return i < p->input_count ? p->inputs[i].name : p->outputs[i - p->input_count].name;
}

static void forget_events(operation *o) {
    for (size_t i = 0; i < o->before_count; i++) e5_unref(o->before[i]);
    free(o->before);
    o->before = NULL;
    o->before_count = 0;
}

static void operation_destroy(void *self) {
    operation *o = self;
    for (size_t i = 0; o->buffers != NULL && i < symbol_count(o); i++) e5_unref(o->buffers[i]);
    free(o->buffers);
    forget_events(o);
    e5_unref(o->after);
    e5_unref(o->function);
}

static void port_destroy(void *self) {
    e5_unref(((port *)self)->operation);
}

FACE int64_t e5rt_precompiled_compute_op_create_options_create_with_program_function(void **out,
                                                                                     void *handle) {
    emu_trace("%s", __func__);
    NEED(out != NULL && e5_is(handle, E5_FUNCTION));
    op_options *o = e5_make(E5_OP_OPTIONS, sizeof *o, op_options_destroy);
    if (o != NULL) o->function = e5_ref(handle);
    return e5_give(o, out);
}
RELEASE(e5rt_precompiled_compute_op_create_options_release, E5_OP_OPTIONS)

FACE int64_t e5rt_precompiled_compute_op_create_options_set_operation_name(void *handle,
                                                                           const char *name) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_OP_OPTIONS) && name != NULL);
    return FINE;
}

FACE int64_t e5rt_precompiled_compute_op_create_options_set_allocate_intermediate_buffers(
    void *handle, int allocate) {
    emu_trace("%s %d", __func__, allocate);
    NEED(e5_is(handle, E5_OP_OPTIONS));
    return FINE;
}

FACE int64_t e5rt_execution_stream_operation_create_precompiled_compute_operation_with_options(
    void **out, void *handle) {
    emu_trace("%s", __func__);
    NEED(out != NULL && e5_is(handle, E5_OP_OPTIONS));
    operation *o = e5_make(E5_OPERATION, sizeof *o, operation_destroy);
    if (o == NULL) return e5_fail(FAILED, "out of memory");
    o->function = e5_ref(((op_options *)handle)->function);
    o->buffers = calloc(symbol_count(o) + 1, sizeof *o->buffers);
    if (o->buffers == NULL) {
        e5_unref(o);
        return e5_fail(FAILED, "out of memory");
    }
    *out = o;
    return FINE;
}
RELEASE(e5rt_execution_stream_operation_release, E5_OPERATION)

static int64_t retain_port(void *handle, const char *name, bool output, void **out) {
    NEED(e5_is(handle, E5_OPERATION) && name != NULL && out != NULL);
    operation *o = handle;
    size_t inputs = o->function->procedure->input_count;
    size_t i = output ? inputs : 0, end = output ? symbol_count(o) : inputs;
    while (i < end && strcmp(symbol_name(o, i), name) != 0) i++;
    if (i == end)
        return e5_fail(FAILED, "No %s port named '%s'", output ? "output" : "input", name);
    port *p = e5_make(E5_PORT, sizeof *p, port_destroy);
    if (p == NULL) return e5_fail(FAILED, "out of memory");
    p->operation = e5_ref(o);
    p->symbol = i;
    emu_instance_looked_at(o->function->library->instance); /* names leave no order to get wrong */
    *out = p;
    return FINE;
}

FACE int64_t e5rt_execution_stream_operation_retain_input_port(void *handle, const char *name,
                                                               void **out) {
    emu_trace("%s %s", __func__, name == NULL ? "NULL" : name);
    return retain_port(handle, name, false, out);
}

FACE int64_t e5rt_execution_stream_operation_retain_output_port(void *handle, const char *name,
                                                                void **out) {
    emu_trace("%s %s", __func__, name == NULL ? "NULL" : name);
    return retain_port(handle, name, true, out);
}

/* Programs of this path have no states, and nothing else is read and written under one name. */
FACE int64_t e5rt_execution_stream_operation_retain_inout_port(void *handle, const char *name,
                                                               void **out) {
    NEED(e5_is(handle, E5_OPERATION) && name != NULL && out != NULL);
    return e5_fail(FAILED, "No inout port named '%s'", name);
}
RELEASE(e5rt_io_port_release, E5_PORT)

FACE int64_t e5rt_io_port_bind_buffer_object(void *handle, void *memory) {
    NEED(e5_is(handle, E5_PORT) && e5_is(memory, E5_BUFFER));
    const port *p = handle;
    e5_buffer **slot = &p->operation->buffers[p->symbol];
    e5_buffer *old = *slot;
    *slot = e5_ref(memory);
    e5_unref(old);
    p->operation->prepared = false;
    return FINE;
}

FACE int64_t e5rt_execution_stream_operation_bind_completion_event(void *handle, void *done) {
    NEED(e5_is(handle, E5_OPERATION) && e5_is(done, E5_EVENT));
    operation *o = handle;
    e5_unref(o->after);
    o->after = e5_ref(done);
    return FINE;
}

FACE int64_t e5rt_execution_stream_operation_bind_dependent_events(void *handle, void **events,
                                                                   uint64_t count) {
    enum { EVENTS_MAX = 64 };
    NEED(e5_is(handle, E5_OPERATION) && (events != NULL || count == 0) && count <= EVENTS_MAX);
    for (uint64_t i = 0; i < count; i++) NEED(e5_is(events[i], E5_EVENT));
    operation *o = handle;
    e5_event **copy = calloc((size_t)count + 1, sizeof *copy);
    if (copy == NULL) return e5_fail(FAILED, "out of memory");
    for (uint64_t i = 0; i < count; i++) copy[i] = e5_ref(events[i]);
    forget_events(o);
    o->before = copy;
    o->before_count = (size_t)count;
    return FINE;
}

FACE int64_t e5rt_execution_stream_operation_prepare_op_for_encode(void *handle) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_OPERATION));
    operation *o = handle;
    for (size_t i = 0; i < symbol_count(o); i++) {
        if (o->buffers[i] != NULL) continue;
        return e5_fail(FAILED, "Port '%s' has no buffer object bound", symbol_name(o, i));
    }
    o->prepared = true;
    return FINE;
}

/* ---- streams ---- */

typedef struct stream {
    e5_object base;
    operation **operations;
    size_t count;
} stream;

static void forget_operations(stream *s) {
    for (size_t i = 0; i < s->count; i++) e5_unref(s->operations[i]);
    free(s->operations);
    s->operations = NULL;
    s->count = 0;
}

static void stream_destroy(void *self) {
    forget_operations(self);
}

FACE int64_t e5rt_execution_stream_create(void **out) {
    emu_trace("%s", __func__);
    NEED(out != NULL);
    return e5_give(e5_make(E5_STREAM, sizeof(stream), stream_destroy), out);
}
RELEASE(e5rt_execution_stream_release, E5_STREAM)

FACE int64_t e5rt_execution_stream_encode_operation(void *handle, void *op) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_STREAM) && e5_is(op, E5_OPERATION));
    stream *s = handle;
    if (!((operation *)op)->prepared)
        return e5_fail(FAILED, "Operation is not prepared for encode");
    operation **grown = realloc(s->operations, (s->count + 1) * sizeof *grown);
    if (grown == NULL) return e5_fail(FAILED, "out of memory");
    grown[s->count++] = e5_ref(op);
    s->operations = grown;
    return FINE;
}

static int64_t execute(operation *o) {
    const emu_procedure *p = o->function->procedure;
    for (size_t i = 0; i < o->before_count; i++) {
        if (e5_event_wait(o->before[i]) != FINE) return FAILED;
    }
    emu_binding *bindings = calloc(symbol_count(o) + 1, sizeof *bindings);
    if (bindings == NULL) return e5_fail(FAILED, "out of memory");
    for (size_t i = 0; i < symbol_count(o); i++) {
        size_t index =
            i < p->input_count ? p->first_input + i : p->first_output + i - p->input_count;
        bindings[i] = (emu_binding){.surface = o->buffers[i]->surface, .index = (uint32_t)index};
    }
    emu_request request = {.inputs = bindings,
                           .outputs = bindings + p->input_count,
                           .input_count = p->input_count,
                           .output_count = p->output_count,
                           .procedure = o->function->index};
    *e5_error() = (emu_error){.text = "Invalid request"};
    bool fine = emu_evaluate(o->function->library->instance, "e5rt_execution_stream_execute_sync",
                             &request, e5_error());
    free(bindings);
    if (fine && o->after != NULL) e5_event_signal(o->after);
    return fine ? FINE : FAILED;
}

FACE int64_t e5rt_execution_stream_execute_sync(void *handle) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_STREAM));
    stream *s = handle;
    int64_t result = FINE;
    for (size_t i = 0; i < s->count && result == FINE; i++) result = execute(s->operations[i]);
    return result;
}

FACE int64_t e5rt_execution_stream_reset(void *handle) {
    emu_trace("%s", __func__);
    NEED(e5_is(handle, E5_STREAM));
    forget_operations(handle);
    return FINE;
}

FACE int64_t e5rt_execution_stream_set_quality_of_service(void *handle, uint64_t qos) {
    (void)qos;
    NEED(e5_is(handle, E5_STREAM));
    return FINE;
}

FACE int64_t e5rt_execution_stream_set_ane_execution_priority(void *handle, uint64_t priority) {
    (void)priority;
    NEED(e5_is(handle, E5_STREAM));
    return FINE;
}
