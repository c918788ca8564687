/* SPDX-License-Identifier: MIT */
/* Programs: compiled once per identity, looked at through their ports and statistics. */
#include "mixed.h"

/* A program around an entry; takes the entry, also on failure. */
static orion_status wrap(orion_ane_device *device, ane_entry *entry,
                         orion_ane_program **out_program) {
    orion_ane_program *p = orn_zalloc(&device->host.allocator, sizeof *p);
    if (p == NULL) {
        ane_cache_unref(device->cache, entry);
        return ORION_ERROR_NO_MEMORY;
    }
    p->device = orion_ane_device_ref(device);
    p->entry = entry;
    atomic_init(&p->refs, 1);
    *out_program = p;
    return ORION_OK;
}

orion_status orion_ane_program_compile(orion_ane_device *device, const orion_ane_source *source,
                                       orion_diag *diag, orion_ane_program **out_program) {
    *out_program = NULL;
    orion_ane_source s;
    TRY(orn_check_size(source, &s, sizeof s));
    if (s.function == NULL) s.function = "main";
    char identity[ORION_MIL_IDENTITY_BYTES];
    orion_mil_identity(s.text, s.length, s.weights, NULL, 0, identity);
    ane_entry *entry = ane_cache_find(device->cache, identity, s.function);
    if (entry == NULL) {
        ane_code *code;
        TRY(device->backend->compile(device->state, &s, diag, &code));
        entry = ane_cache_add(device->cache, identity, s.function, code);
        if (entry == NULL) return ORION_ERROR_NO_MEMORY;
    }
    return wrap(device, entry, out_program);
}

void ane_source_free(ane_source_text *source) {
    orion_buffer_destroy(&source->text);
    orion_mil_weights_destroy(&source->weights);
}

orion_status ane_lower(const orion_ir_graph *graph, const orion_mil_lower_options *options,
                       const orion_allocator *a, orion_diag *diag, ane_source_text *out) {
    orion_mil_program *program = NULL;
    *out = (ane_source_text){.text = NULL};
    orion_status status = orion_mil_lower(graph, options, a, diag, &program, &out->weights);
    if (status == ORION_OK) status = orion_buffer_create(a, &out->text);
    if (status == ORION_OK) {
        orion_writer writer = orion_buffer_writer(out->text);
        status = orion_mil_print(program, NULL, &writer);
    }
    orion_mil_program_destroy(&program);
    if (status != ORION_OK) {
        ane_source_free(out);
        return status;
    }
    out->source = (orion_ane_source){.size = sizeof out->source,
                                     .text = orion_buffer_data(out->text),
                                     .length = orion_buffer_size(out->text),
                                     .name = orion_ir_graph_name(graph),
                                     .weights = out->weights,
                                     .function = "main"};
    return ORION_OK;
}

/* A graph for a device that needs the CPU beside it. It is known by what the CPU alone would be
 * given, under a name that no function has. */
static orion_status compile_mixed(orion_ane_device *device, const orion_ir_graph *graph,
                                  const orion_ane_source *source, orion_diag *diag,
                                  orion_ane_program **out_program) {
    static const char function[] = "(graph)";
    char identity[ORION_MIL_IDENTITY_BYTES];
    orion_mil_identity(source->text, source->length, source->weights, NULL, 0, identity);
    ane_entry *entry = ane_cache_find(device->cache, identity, function);
    if (entry == NULL) {
        ane_code *code;
        const char *target = device->backend->target(device->state);
        TRY(ane_mixed_compile(device, graph, target, diag, &code));
        entry = ane_cache_add(device->cache, identity, function, code);
        if (entry == NULL) return ORION_ERROR_NO_MEMORY;
    }
    return wrap(device, entry, out_program);
}

orion_status orion_ane_program_compile_graph(orion_ane_device *device, const orion_ir_graph *graph,
                                             orion_diag *diag, orion_ane_program **out_program) {
    *out_program = NULL;
    ane_source_text text;
    TRY(ane_lower(graph, NULL, &device->host.allocator, diag, &text));
    orion_status status = device->backend->target == NULL
                              ? orion_ane_program_compile(device, &text.source, diag, out_program)
                              : compile_mixed(device, graph, &text.source, diag, out_program);
    ane_source_free(&text);
    return status;
}

orion_ane_program *orion_ane_program_ref(orion_ane_program *program) {
    atomic_fetch_add_explicit(&program->refs, 1, memory_order_relaxed);
    return program;
}

void orion_ane_program_unref(orion_ane_program **program) {
    if (program == NULL || *program == NULL) return;
    orion_ane_program *p = *program;
    *program = NULL;
    if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1) return;
    orion_ane_device *device = p->device;
    ane_cache_unref(device->cache, p->entry);
    orn_free(&device->host.allocator, p, sizeof *p);
    orion_ane_device_unref(&device);
}

const char *orion_ane_program_identity(const orion_ane_program *program) {
    return program->entry->identity;
}

size_t orion_ane_program_port_count(const orion_ane_program *program) {
    return program->entry->code->port_count;
}

orion_status orion_ane_program_port(const orion_ane_program *program, size_t i,
                                    orion_ane_port *out_port) {
    static const orion_ane_port none;
    const ane_code *code = program->entry->code;
    bool there = i < code->port_count;
    TRY(orn_fill_sized(there ? &code->ports[i] : &none, out_port, sizeof none));
    return there ? ORION_OK : ORION_ERROR_NOT_FOUND;
}

/* Programs have a few dozen ports and bind each once: a search is all it takes. */
static size_t find_port(const ane_code *code, const char *name) {
    size_t i = 0;
    while (i < code->port_count && strcmp(code->ports[i].name, name) != 0) i++;
    return i;
}

orion_status orion_ane_program_find_port(const orion_ane_program *program, const char *name,
                                         orion_ane_port *out_port) {
    return orion_ane_program_port(program, find_port(program->entry->code, name), out_port);
}

orion_status ane_program_port_index(const orion_ane_program *program, const char *name,
                                    orion_diag *diag, size_t *out_index) {
    const ane_code *code = program->entry->code;
    *out_index = find_port(code, name);
    if (*out_index < code->port_count) return ORION_OK;
    if (diag == NULL) return ORION_ERROR_NOT_FOUND;
    orn_text names;
    orn_text_init(&names, &program->device->host.allocator);
    for (size_t i = 0; i < code->port_count; i++) {
        orn_text_printf(&names, "%s%s", i == 0 ? "" : ", ", code->ports[i].name);
    }
    ORN_ERROR(diag, ANE_PORT, name, "there is no port '%s'; there are: %s", name,
              names.data == NULL ? "" : names.data);
    orn_text_free(&names);
    return ORION_ERROR_NOT_FOUND;
}

orion_status orion_ane_program_get_stats(const orion_ane_program *program,
                                         orion_ane_program_stats *out_stats) {
    const orion_ane_program_stats *stats = &program->entry->code->stats;
    return orn_fill_sized(stats, out_stats, sizeof *stats);
}
