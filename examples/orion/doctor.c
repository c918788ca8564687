/* SPDX-License-Identifier: MIT */
/* `orion doctor`: which devices there are, whether they compute, and why not. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <string.h>
#include <sys/utsname.h>

static const command doctor_command = {
    .name = "doctor",
    .summary = "say which devices work here, and why the others do not",
    .usage = "orion doctor [--json]",
    .details =
        "Opens every device, has it compute something small, and compares the result with\n"
        "what it should be. $ORION_ANE_FRAMEWORK names a library to use in place of Apple's\n"
        "Neural Engine framework.",
    .examples = "  orion doctor\n  orion doctor --json",
};

/* What was found out about a device. */
typedef struct finding {
    const char *name;
    bool opens, works;
    char why[512]; /* it does not work; "" if it does */
} finding;

/* The first diagnostic, or the status alone. */
static void explain(finding *f, const orion_diag *diag, orion_status status) {
    const orion_diag_entry *entry = orion_diag_get(diag, 0);
    const char *text = entry == NULL ? orion_status_string(status) : entry->text;
    snprintf(f->why, sizeof f->why, "%s", text);
}

enum { ROWS = 4, COLUMNS = 5, ELEMENTS = ROWS * COLUMNS };

/* y = x w and z = x - y: a product, an order of ports and a shape that is padded. */
static orion_status build_graph(orion_diag *diag, orion_ir_graph **out_graph) {
    const int64_t dims[2] = {ROWS, COLUMNS}, square[2] = {COLUMNS, COLUMNS};
    orion_ir_builder *b;
    orion_status status = orion_ir_builder_create("doctor", NULL, &b);
    if (status != ORION_OK) return status;
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, dims));
    orion_ir_value w = orion_ir_input(b, "w", orion_ir_type_make(ORION_IR_F32, 2, square));
    orion_ir_value y = orion_ir_matmul(b, x, w, 0, 0);
    orion_ir_value z = orion_ir_sub(b, x, y);
    orion_ir_output(b, "z", z);
    orion_ir_output(b, "y", y);
    return orion_ir_builder_finish(&b, diag, out_graph);
}

typedef struct trial {
    orion_ane_program *program;
    orion_ane_run *run;
    orion_ane_tensor *x, *w, *y, *z;
} trial;

static orion_status bind(trial *t, const char *port, orion_diag *diag, orion_ane_tensor **tensor) {
    orion_status status = orion_ane_tensor_create_for(t->program, port, diag, tensor);
    return status != ORION_OK ? status : orion_ane_run_bind(t->run, port, *tensor, diag);
}

static orion_status prepare(trial *t, orion_diag *diag) {
    float x[ELEMENTS], w[COLUMNS * COLUMNS];
    for (int i = 0; i < ELEMENTS; i++) x[i] = (float)i;
    for (int i = 0; i < COLUMNS * COLUMNS; i++) w[i] = i % (COLUMNS + 1) == 0 ? 3 : 0;
    orion_status status = orion_ane_run_create(t->program, &t->run);
    if (status == ORION_OK) status = bind(t, "x", diag, &t->x);
    if (status == ORION_OK) status = bind(t, "w", diag, &t->w);
    if (status == ORION_OK) status = bind(t, "y", diag, &t->y);
    if (status == ORION_OK) status = bind(t, "z", diag, &t->z);
    if (status == ORION_OK) status = orion_ane_tensor_write(t->x, ORION_IR_F32, x, sizeof x, diag);
    if (status == ORION_OK) status = orion_ane_tensor_write(t->w, ORION_IR_F32, w, sizeof w, diag);
    return status;
}

/* y must be 3 x and z -2 x, exactly. */
static orion_status compare(trial *t, orion_diag *diag, bool *out_right) {
    float y[ELEMENTS], z[ELEMENTS];
    orion_status status = orion_ane_tensor_read(t->y, ORION_IR_F32, y, sizeof y, diag);
    if (status == ORION_OK) status = orion_ane_tensor_read(t->z, ORION_IR_F32, z, sizeof z, diag);
    *out_right = status == ORION_OK;
    for (int i = 0; i < ELEMENTS && *out_right; i++) {
        *out_right = y[i] == 3 * (float)i && z[i] == -2 * (float)i;
    }
    return status;
}

static void try_device(finding *f, orion_ane_device *device, orion_diag *diag) {
    orion_ir_graph *graph = NULL;
    trial t = {.program = NULL};
    bool right = false;
    orion_status status = build_graph(diag, &graph);
    if (status == ORION_OK) {
        status = orion_ane_program_compile_graph(device, graph, diag, &t.program);
    }
    if (status == ORION_OK) status = prepare(&t, diag);
    if (status == ORION_OK) status = orion_ane_run_execute(t.run, diag);
    if (status == ORION_OK) status = compare(&t, diag, &right);
    f->works = right;
    if (status != ORION_OK) {
        explain(f, diag, status);
    } else if (!right) {
        snprintf(f->why, sizeof f->why, "it computes something else than it was told");
    }
    orion_ane_run_destroy(&t.run);
    orion_ane_tensor_unref(&t.x);
    orion_ane_tensor_unref(&t.w);
    orion_ane_tensor_unref(&t.y);
    orion_ane_tensor_unref(&t.z);
    orion_ane_program_unref(&t.program);
    orion_ir_graph_destroy(&graph);
}

static finding examine(const char *name, orion_diag *diag) {
    finding f = {.name = name};
    orion_ane_device *device;
    orion_diag_clear(diag);
    orion_status status = find_device(name, 1, diag, &device);
    if (status != ORION_OK) {
        explain(&f, diag, status);
        return f;
    }
    f.opens = true;
    try_device(&f, device, diag);
    orion_ane_device_unref(&device);
    return f;
}

/* ---- output ---- */

static bool print_system(bool json) {
    struct utsname u;
    char line[512];
    if (uname(&u) != 0) memset(&u, 0, sizeof u);
    if (json) {
        record r = {.output = true};
        record_begin(&r, "system");
        record_text(&r, "system", u.sysname, strlen(u.sysname));
        record_text(&r, "release", u.release, strlen(u.release));
        record_text(&r, "machine", u.machine, strlen(u.machine));
        return record_end(&r);
    }
    int n = snprintf(line, sizeof line, "%s %s on %s\n", u.sysname, u.release, u.machine);
    return write_output(line, (size_t)n);
}

static bool print_finding(const finding *f, bool json) {
    char line[768];
    if (json) {
        record r = {.output = true};
        record_begin(&r, "device");
        record_text(&r, "name", f->name, strlen(f->name));
        record_count(&r, "opens", f->opens);
        record_count(&r, "works", f->works);
        record_text(&r, "why_not", f->why, strlen(f->why));
        return record_end(&r);
    }
    bool emulated = strcmp(f->name, "emulator") == 0;
    int n = snprintf(line, sizeof line, "%-9s %s%s%s\n", f->name,
                     f->works   ? "works"
                     : f->opens ? "does not work: "
                                : "is not here: ",
                     f->why, f->works && emulated ? " (which says nothing about hardware)" : "");
    return write_output(line, (size_t)n);
}

static int doctor(bool json) {
    orion_diag *diag;
    orion_status status = orion_diag_create(NULL, &diag);
    if (status != ORION_OK) return report(NULL, status, "start");
    bool fine = print_system(json), healthy = true;
    for (size_t i = 0; device_names[i] != NULL && fine; i++) {
        finding f = examine(device_names[i], diag);
        fine = print_finding(&f, json);
        /* What is not here is no illness; what is here and computes wrongly is one. */
        healthy = healthy && (f.works || !f.opens);
    }
    orion_diag_destroy(&diag);
    return close_output(fine && healthy ? EXIT_DONE : EXIT_FAILED);
}

int cmd_doctor(int argc, char **argv) {
    bool json = false;
    option_list list = {.command = &doctor_command};
    option_flag(&list, "json", "print one JSON object per line", &json);
    switch (parse_options(&list, argc, argv)) {
    case PARSE_HELP: return close_output(EXIT_DONE);
    case PARSE_ERROR: return EXIT_USAGE;
    default: return doctor(json);
    }
}
