/* SPDX-License-Identifier: MIT */
/* `orion compile`: a graph to the MIL programs that a target takes. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const command compile_command = {
    .name = "compile",
    .summary = "make MIL programs of a graph",
    .usage = "orion compile GRAPH.oir -o DIR [--target NAME] [--dialect ios16|ios18] [--json]",
    .details =
        "Without a target, or for cpu, the graph becomes one program, DIR/model.mil, with ops of\n"
        "Orion's own. For a target of the Neural Engine (orion lint --help) it is rewritten to "
        "what\n"
        "that takes and cut into programs: DIR/NAME/model.mil for the device, DIR/NAME/host.oir "
        "for\n"
        "what the host does, DIR/plan.txt with the table that is printed. Weights are beside each\n"
        "program, in weights/weight.bin.",
    .examples = "  orion compile model.oir -o compiled\n"
                "  orion compile model.oir -o compiled-m4 --target M4",
};

typedef struct compilation {
    const char *in, *out, *target_name;
    uint32_t dialect;
    bool json;
    orion_diag *diag;
    orion_ir_graph *graph;
    orion_mil_target *target;
    orion_mil_plan *plan;
} compilation;

/* ---- one program of a plan ---- */

static int write_part(const char *folder, const char *name, const orion_ir_graph *graph) {
    if (graph == NULL) return EXIT_DONE;
    char *path = path_in(folder, name);
    int code = path == NULL ? EXIT_FAILED : graph_write(graph, path);
    free(path);
    return code;
}

static int write_program(const compilation *c, const orion_mil_plan_program *p) {
    char *folder = path_in(c->out, p->name), *path = NULL;
    int code = folder != NULL && make_folder(folder) ? EXIT_DONE : EXIT_FAILED;
    if (code == EXIT_DONE && p->on_host != 0) {
        code = write_part(folder, "host.oir", p->graph);
    } else if (code == EXIT_DONE) {
        uint32_t dialect = c->dialect;
        if (dialect == ORION_MIL_AS_IS) dialect = (uint32_t)orion_mil_target_dialect(c->target);
        path = path_in(folder, "model.mil");
        code = path == NULL ? EXIT_FAILED : graph_lower_to(p->graph, path, dialect, c->diag);
        if (code == EXIT_DONE) code = write_part(folder, "before.oir", p->before);
        if (code == EXIT_DONE) code = write_part(folder, "after.oir", p->after);
    }
    free(path);
    free(folder);
    return code;
}

static bool print_json(const orion_mil_plan_program *p) {
    record r = {.output = true};
    record_begin(&r, "program");
    record_text(&r, "name", p->name, strlen(p->name));
    record_text(&r, "where", p->on_host != 0 ? "host" : "device", p->on_host != 0 ? 4 : 6);
    record_text(&r, "reasons", p->reasons, strlen(p->reasons));
    record_count(&r, "calls", p->calls);
    record_count(&r, "ops", p->ops);
    record_count(&r, "constant_bytes", p->constant_bytes);
    record_count(&r, "port_bytes", p->port_bytes);
    return record_end(&r);
}

static int write_plan(compilation *c) {
    for (size_t i = 0; i < orion_mil_plan_program_count(c->plan); i++) {
        orion_mil_plan_program p = {.size = sizeof p};
        int code = report(c->diag, orion_mil_plan_get_program(c->plan, i, &p), c->in);
        if (code == EXIT_DONE) code = write_program(c, &p);
        if (code == EXIT_DONE && c->json && !print_json(&p)) code = EXIT_FAILED;
        if (code != EXIT_DONE) return code;
    }
    char *path = path_in(c->out, "plan.txt");
    int code = path == NULL ? EXIT_FAILED : plan_write(c->plan, path);
    free(path);
    if (code == EXIT_DONE && !c->json) {
        const orion_writer writer = stream_writer(stdout);
        orion_status status = orion_mil_plan_print(c->plan, &writer);
        if (status != ORION_ERROR_IO) code = report(NULL, status, c->in);
    }
    return code;
}

/* ---- what fp16 does to weights ---- */

/* The device computes in fp16. Say which constants are not what they were there. */
static int report_halves(const compilation *c) {
    orion_mil_half_report all = {.size = sizeof all};
    for (const orion_ir_node *node = orion_ir_graph_first(c->graph); node != NULL;
         node = orion_ir_node_next(node)) {
        size_t bytes;
        const void *data = orion_ir_node_data(node, &bytes);
        if (data == NULL) continue;
        orion_ir_value v = orion_ir_node_result(node, 0);
        if (orion_ir_value_type(c->graph, v).dtype != ORION_IR_F32) continue;
        orion_mil_half_report one = {.size = sizeof one};
        const uint64_t n = bytes / sizeof(float);
        orion_status status = orion_mil_half_count(data, ORION_MIL_FP32, n, &one);
        if (status == ORION_OK) status = orion_mil_half_count(data, ORION_MIL_FP32, n, &all);
        if (status != ORION_OK) return report(NULL, status, c->in);
        const char *name = orion_ir_value_name(c->graph, v);
        if (one.overflows + one.nans != 0)
            complain("%s: constant %s in fp16: of %" PRIu64 " numbers %" PRIu64
                     " overflow and become 65504, %" PRIu64 " are NaN",
                     c->in, name == NULL ? "without a name" : name, n, one.overflows, one.nans);
    }
    if (c->json) {
        record r = {.output = true};
        record_begin(&r, "half");
        record_halves(&r, &all);
        return record_end(&r) ? EXIT_DONE : EXIT_FAILED;
    }
    if (all.subnormals + all.vanished != 0)
        complain("%s: of %" PRIu64 " fp32 constants %" PRIu64 " are subnormal in fp16, %" PRIu64
                 " become 0",
                 c->in, all.elements, all.subnormals, all.vanished);
    return EXIT_DONE;
}

/* ---- the command ---- */

static int compile_for_target(compilation *c) {
    const char *name = c->target_name;
    bool is_file = strchr(name, '/') != NULL || has_suffix(name, ".yaml");
    orion_status status = is_file ? orion_mil_target_load(name, NULL, c->diag, &c->target)
                                  : orion_mil_target_find(name, NULL, c->diag, &c->target);
    if (report(c->diag, status, name) != EXIT_DONE) return EXIT_USAGE;
    status = orion_mil_partition(c->graph, c->target, NULL, NULL, c->diag, &c->plan);
    int code = report(c->diag, status, c->in);
    if (code == EXIT_DONE) code = report_halves(c);
    return code == EXIT_DONE ? write_plan(c) : code;
}

static int compile_whole(const compilation *c) {
    char *path = path_in(c->out, "model.mil");
    int code = path == NULL ? EXIT_FAILED : graph_lower_to(c->graph, path, c->dialect, c->diag);
    if (code == EXIT_DONE && c->json) {
        record r = {.output = true};
        record_begin(&r, "program");
        record_text(&r, "name", "model", strlen("model"));
        record_text(&r, "path", path, strlen(path));
        if (!record_end(&r)) code = EXIT_FAILED;
    }
    free(path);
    return code;
}

static int compile(compilation *c) {
    orion_status status = orion_diag_create(NULL, &c->diag);
    if (status == ORION_OK) status = graph_read(c->in, c->diag, &c->graph);
    int code = report(c->diag, status, c->in);
    if (code == EXIT_DONE && !make_folder(c->out)) code = EXIT_FAILED;
    if (code != EXIT_DONE) return code;
    return strcmp(c->target_name, "cpu") == 0 ? compile_whole(c) : compile_for_target(c);
}

int cmd_compile(int argc, char **argv) {
    compilation c = {.target_name = "cpu", .dialect = ORION_MIL_AS_IS};
    const char *dialect = "";
    option_list list = {.command = &compile_command};
    option_operand(&list, "GRAPH.oir", &c.in);
    option_text(&list, "out", "DIR", "the folder to write to; it is made", &c.out);
    option_letter(&list, 'o');
    option_text(&list, "target", "NAME",
                "cpu, a family or a chip, or a file (docs/targets.md) [cpu]", &c.target_name);
    option_text(&list, "dialect", "NAME", "ios16 (verbose) or ios18 (terse) [the target's; ios18]",
                &dialect);
    option_flag(&list, "json", "print one JSON object per program", &c.json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (c.out == NULL) {
        complain("compile: give -o DIR; try 'orion compile --help'");
        return EXIT_USAGE;
    }
    if (!dialect_from_name(&list, dialect, &c.dialect)) return EXIT_USAGE;
    int code = compile(&c);
    orion_mil_plan_destroy(&c.plan);
    orion_mil_target_destroy(&c.target);
    orion_ir_graph_destroy(&c.graph);
    orion_diag_destroy(&c.diag);
    return code;
}
