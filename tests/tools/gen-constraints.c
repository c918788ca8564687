/* SPDX-License-Identifier: MIT */
/*
 * Prints docs/constraints.md from the rules that are compiled into liborion-mil, or checks it.
 *
 * usage: gen-constraints              print
 *        gen-constraints --check FILE is FILE what would be printed?
 */
#include <orion/mil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char intro[] =
    "# Constraints\n\n"
    "What is known of MIL programs on the Apple Neural Engine, and how far it can be believed. "
    "`E-`\n"
    "rules are the twenty of the Orion paper (arXiv 2603.06728), `X-` rules come from other "
    "projects\n"
    "and from reading Apple's framework, `H-1` is a hypothesis. None was measured by this "
    "project.\n"
    "`orion lint` looks for those that the text decides; the others show at run time.\n"
    "[Targets](targets.md) says how the data are kept, and how to add to them.\n\n"
    "This file is generated from `liborion-mil/targets/`: `meson compile -C build constraints`.\n";

static void must(orion_status status) {
    if (status == ORION_OK) return;
    fprintf(stderr, "gen-constraints: %s\n", orion_status_string(status));
    exit(1);
}

static void put(orion_buffer *out, const char *text) {
    orion_writer writer = orion_buffer_writer(out);
    must(writer.write(writer.ctx, text, strlen(text)));
}

/* Text of a table cell. */
static void cell(orion_buffer *out, const char *text) {
    put(out, "| ");
    for (; *text != '\0'; text++) {
        char c[] = {*text, '\0'};
        put(out, *text == '|' ? "\\|" : *text == '<' ? "&lt;" : c);
    }
    put(out, " ");
}

static orion_mil_target *target(size_t i) {
    const char *name = orion_mil_target_builtin(i);
    orion_mil_target *t = NULL;
    if (name != NULL) must(orion_mil_target_find(name, NULL, NULL, &t));
    return t;
}

/* The targets for which a rule holds, those that differ in level with it. */
static void where(orion_buffer *out, const char *id) {
    static const char *const levels[] = {"error", "warning", "note"};
    orion_mil_target *t;
    size_t shown = 0;
    char level[8] = "";
    put(out, "| ");
    for (size_t i = 0; (t = target(i)) != NULL; i++) {
        orion_mil_rule rule = {.size = sizeof rule};
        must(orion_mil_target_find_rule(t, id, &rule));
        if (rule.enabled) {
            if (shown++ != 0) put(out, strcmp(level, levels[rule.level]) == 0 ? ", " : "; ");
            if (strcmp(level, levels[rule.level]) != 0) {
                snprintf(level, sizeof level, "%s", levels[rule.level]);
                put(out, level);
                put(out, ": ");
            }
            put(out, orion_mil_target_name(t));
        }
        orion_mil_target_destroy(&t);
    }
    put(out, shown == 0 ? "none " : " ");
}

static void print_rules(orion_buffer *out, const orion_mil_target *t, int decidable) {
    static const char *const verdicts[] = {"", "solid", "explained", "doubtful"};
    orion_mil_rule rule = {.size = sizeof rule};
    put(out, decidable ? "\n## Decided by the text\n\n" : "\n## Seen at run time only\n\n");
    put(out,
        "| rule | statement | what happens | symptom | seen on | verdict | what to do | level: "
        "targets | source |\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; orion_mil_target_rule(t, i, &rule) == ORION_OK; i++) {
        if ((rule.decidable != 0) != (decidable != 0)) continue;
        char seen[256];
        snprintf(seen, sizeof seen, "%s%s%s", rule.chips, rule.os == NULL ? "" : "; ",
                 rule.os == NULL ? "" : rule.os);
        cell(out, rule.id);
        cell(out, rule.statement);
        cell(out, rule.severity);
        cell(out, rule.symptom);
        cell(out, seen);
        cell(out, verdicts[rule.verdict]);
        cell(out, rule.workaround);
        where(out, rule.id);
        cell(out, rule.source);
        put(out, "|\n");
    }
}

static void print_limits(orion_buffer *out) {
    orion_mil_target *t;
    put(out, "\n## Limits\n\n| target | limit | value | source |\n|---|---|---|---|\n");
    for (size_t i = 0; (t = target(i)) != NULL; i++) {
        orion_mil_limit limit = {.size = sizeof limit};
        for (size_t n = 0; orion_mil_target_limit(t, n, &limit) == ORION_OK; n++) {
            char value[32];
            snprintf(value, sizeof value, "%llu", (unsigned long long)limit.value);
            cell(out, orion_mil_target_name(t));
            cell(out, limit.name);
            cell(out, value);
            cell(out, limit.source);
            put(out, "|\n");
        }
        orion_mil_target_destroy(&t);
    }
}

int main(int argc, char **argv) {
    orion_buffer *out;
    must(orion_buffer_create(NULL, &out));
    orion_mil_target *first = target(0);
    put(out, intro);
    print_rules(out, first, 1);
    print_rules(out, first, 0);
    print_limits(out);
    orion_mil_target_destroy(&first);
    int code = 0;
    if (argc == 3 && strcmp(argv[1], "--check") == 0) {
        orion_blob *file;
        must(orion_blob_map_file(argv[2], NULL, NULL, &file));
        code = orion_blob_size(file) != orion_buffer_size(out) ||
               memcmp(orion_blob_data(file), orion_buffer_data(out), orion_buffer_size(out)) != 0;
        orion_blob_unref(&file);
        printf("[%s] %s is what the rules say\n", code == 0 ? "       OK " : "  FAILED  ", argv[2]);
    } else {
        fwrite(orion_buffer_data(out), 1, orion_buffer_size(out), stdout);
    }
    orion_buffer_destroy(&out);
    return code;
}
