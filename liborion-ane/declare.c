/* SPDX-License-Identifier: MIT */
/* Ports as a program's text declares them: names and types. Layout is the device's business. */
#include "ane-internal.h"

/* As raising names it: identifiers of MIL may have '@' and '.', names of ports do not. */
static char *port_name(const orion_allocator *a, const char *symbol) {
    char *name = orn_strdup(a, symbol);
    if (name == NULL) return NULL;
    for (char *c = name; *c != '\0'; c++) {
        if (*c == '@' || *c == '.') *c = '_';
    }
    return name;
}

static orion_status declare(const orion_allocator *a, const orion_mil_function *f, size_t i,
                            orion_diag *diag, ane_code *code, ane_symbols *symbols) {
    bool output = i >= code->input_count;
    const char *symbol = output ? orion_mil_function_output(f, i - code->input_count)
                                : orion_mil_function_parameter_name(f, i);
    orion_ane_port *port = &code->ports[i];
    if (orion_mil_type_to_ir(orion_mil_function_type_of(f, symbol), &port->type) != ORION_OK) {
        ORN_ERROR(diag, ANE_LAYOUT, symbol, "port '%s' has a type that no tensor can have", symbol);
        return ORION_ERROR_UNSUPPORTED;
    }
    port->size = sizeof *port;
    port->is_output = output;
    port->name = port_name(a, symbol);
    symbols->names[i] = orn_strdup(a, symbol);
    return port->name == NULL || symbols->names[i] == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status declare_all(const orion_allocator *a, const orion_mil_function *f,
                                orion_diag *diag, ane_code *code, ane_symbols *symbols) {
    code->input_count = orion_mil_function_parameter_count(f);
    code->port_count = code->input_count + orion_mil_function_output_count(f);
    if (code->input_count == 0) {
        ORN_ERROR(diag, ANE_LAYOUT, orion_mil_function_name(f),
                  "function '%s' has no input: the framework takes no such request",
                  orion_mil_function_name(f));
        return ORION_ERROR_UNSUPPORTED;
    }
    code->ports = orn_zalloc(a, code->port_count * sizeof *code->ports);
    symbols->names = orn_zalloc(a, code->port_count * sizeof *symbols->names);
    if (code->ports == NULL || symbols->names == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < code->port_count; i++) TRY(declare(a, f, i, diag, code, symbols));
    return ORION_OK;
}

orion_status ane_declare(const orion_allocator *a, const orion_ane_source *source, orion_diag *diag,
                         ane_code *code, ane_symbols *symbols) {
    orion_mil_program *program;
    TRY(orion_mil_parse(source->text, source->length, source->name, NULL, a, diag, &program));
    orion_status status = orion_mil_verify(program, diag);
    const orion_mil_function *f = NULL;
    size_t count = orion_mil_program_function_count(program);
    for (size_t i = 0; i < count && status == ORION_OK && f == NULL; i++) {
        const orion_mil_function *candidate = orion_mil_program_function(program, i);
        if (strcmp(orion_mil_function_name(candidate), source->function) != 0) continue;
        symbols->procedure = (uint32_t)i;
        f = candidate;
    }
    if (status == ORION_OK && f == NULL) {
        ORN_ERROR(diag, MIL_FUNCTION, source->function, "the program has no function '%s'",
                  source->function);
        status = ORION_ERROR_NOT_FOUND;
    }
    if (status == ORION_OK) status = declare_all(a, f, diag, code, symbols);
    orion_mil_program_destroy(&program);
    return status;
}

void ane_declared_free(const orion_allocator *a, ane_code *code, ane_symbols *symbols) {
    for (size_t i = 0; i < code->port_count; i++) {
        if (code->ports != NULL) orn_strfree(a, (char *)(uintptr_t)code->ports[i].name);
        if (symbols->names != NULL) orn_strfree(a, symbols->names[i]);
    }
    orn_free(a, code->ports, code->port_count * sizeof *code->ports);
    orn_free(a, symbols->names, code->port_count * sizeof *symbols->names);
}
