/* SPDX-License-Identifier: MIT */
/* `orion lint`: which rules of which targets a MIL program breaks, and what to write instead. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINT_CLEAN = 0, LINT_BROKEN = 1, LINT_NOT_MIL = 2, TARGETS_MAX = 32 };

static const command lint_command = {
    .name = "lint",
    .summary = "say which rules of a target a MIL program breaks",
    .usage = "orion lint FILE.mil [--target NAME[,NAME]] [--weights DIR] [--json]",
    .details = "A target is a family of the Neural Engine (h11 to h17), a chip (M1 to M5), ane "
               "(what holds\n"
               "for all), orion-paper, or a file of yours (docs/targets.md). Every finding has its "
               "place,\n"
               "what to write instead, and on what evidence.\n\n"
               "Exit code: 0 clean, 1 a rule is broken (errors and warnings; notes are advice), 2 "
               "not MIL.",
    .examples = "  orion lint model.mil\n"
                "  orion lint model.mil --target M1,M4 --weights .\n"
                "  orion lint model.mil --target my-mac.yaml --json",
};

/* One finding, and the targets that agree on it. */
typedef struct finding {
    uint32_t line, column, severity;
    char *rule, *text, *fix, *evidence, *targets;
} finding;

typedef struct lint {
    mil_file file;
    orion_mil_target *targets[TARGETS_MAX];
    size_t target_count;
    finding *findings;
    size_t count, capacity;
    uint64_t totals[3]; /* by severity */
    bool json, out_of_memory;
} lint;

static const char *const level_names[] = {"error", "warning", "note"};
static const char *const verdict_names[] = {"", "solid", "explained", "doubtful"};

/* ---- targets ---- */

static orion_status add_target(lint *l, const char *name) {
    orion_status status = mil_target_open(name, l->file.diag, &l->targets[l->target_count]);
    l->target_count += status == ORION_OK;
    return status;
}

/* The targets of a list between commas. Returns an exit code. */
static int open_targets(lint *l, const char *names) {
    char *copy = strdup(names), *rest = copy;
    int code = copy == NULL ? EXIT_FAILED : EXIT_DONE;
    for (char *name; code == EXIT_DONE && rest != NULL;) {
        name = rest;
        rest = strchr(name, ',');
        if (rest != NULL) *rest++ = '\0';
        if (l->target_count == TARGETS_MAX) {
            complain("lint: --target takes at most %d names", TARGETS_MAX);
            code = EXIT_USAGE;
        } else {
            orion_status status = add_target(l, name);
            if (report(l->file.diag, status, name) != EXIT_DONE) code = EXIT_USAGE;
        }
    }
    free(copy);
    return code;
}

/* ---- findings ---- */

static char *copy_of(lint *l, const char *s, size_t n) {
    char *copy = strndup(s, n);
    l->out_of_memory |= copy == NULL;
    return copy;
}

static bool is_same(const finding *f, const orion_diag_entry *e, const char *rule, size_t length) {
    return f->line == e->line && f->column == e->column && f->severity == e->severity &&
           strcmp(f->rule, rule) == 0 && strlen(f->text) == length &&
           strncmp(f->text, e->text, length) == 0;
}

/* The finding was made for this target as well. */
static void add_name(lint *l, finding *f, const char *target) {
    size_t size = strlen(f->targets) + strlen(target) + 3;
    char *joined = malloc(size);
    l->out_of_memory |= joined == NULL;
    if (joined == NULL) return;
    snprintf(joined, size, "%s, %s", f->targets, target);
    free(f->targets);
    f->targets = joined;
}

static finding *new_finding(lint *l) {
    if (l->count == l->capacity) {
        size_t capacity = l->capacity == 0 ? 64 : 2 * l->capacity;
        finding *grown = realloc(l->findings, capacity * sizeof *grown);
        l->out_of_memory |= grown == NULL;
        if (grown == NULL) return NULL;
        l->findings = grown;
        l->capacity = capacity;
    }
    finding *f = &l->findings[l->count++];
    *f = (finding){0};
    return f;
}

static void fill(lint *l, finding *f, const orion_diag_entry *e, const orion_mil_rule *rule,
                 const char *id, size_t length, const char *target) {
    const char *fix =
        rule->id != NULL ? rule->workaround : orion_message_remedy((orion_message)e->message);
    char evidence[1024] = "";
    if (rule->id != NULL)
        snprintf(evidence, sizeof evidence, "%s: %s", verdict_names[rule->verdict], rule->source);
    f->line = e->line;
    f->column = e->column;
    f->severity = e->severity;
    f->rule = copy_of(l, id, strlen(id));
    f->text = copy_of(l, e->text, length);
    f->fix = copy_of(l, fix, strlen(fix));
    f->evidence = copy_of(l, evidence, strlen(evidence));
    f->targets = copy_of(l, target, strlen(target));
}

/* Take one diagnostic of a check, which ends in the names of rule and target. */
static void take(lint *l, const orion_diag_entry *e, const orion_mil_target *target) {
    orion_mil_rule rule = {.size = sizeof rule};
    const char *name = orion_mil_target_name(target);
    char id[64];
    snprintf(id, sizeof id, "ORN-%04u", e->message);
    size_t length = strlen(e->text);
    if (e->message == ORION_MESSAGE_MIL_RULE && e->subject != NULL &&
        orion_mil_target_find_rule(target, e->subject, &rule) == ORION_OK) {
        snprintf(id, sizeof id, "%s", e->subject);
        for (const char *at = e->text; (at = strstr(at, " (rule ")) != NULL; at++)
            length = (size_t)(at - e->text);
    }
    for (size_t i = 0; i < l->count && !l->out_of_memory; i++) {
        if (!is_same(&l->findings[i], e, id, length)) continue;
        add_name(l, &l->findings[i], name);
        return;
    }
    finding *f = new_finding(l);
    if (f == NULL) return;
    fill(l, f, e, &rule, id, length, name);
    l->totals[e->severity]++;
}

static orion_status check(lint *l, const orion_mil_target *target) {
    orion_diag *diag = l->file.diag;
    orion_status status = orion_mil_check(l->file.program, l->file.weights, target, diag);
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        take(l, e, target);
        /* The note behind a finding says what the rule says. */
        if (e->message == ORION_MESSAGE_MIL_RULE) i++;
    }
    if (orion_diag_dropped(diag) != 0)
        complain("lint: %s: %zu more diagnostics for %s", l->file.path, orion_diag_dropped(diag),
                 orion_mil_target_name(target));
    orion_diag_clear(diag);
    return l->out_of_memory               ? ORION_ERROR_NO_MEMORY
           : status == ORION_ERROR_VERIFY ? ORION_OK
                                          : status;
}

static int by_place(const void *a, const void *b) {
    const finding *x = a, *y = b;
    if (x->line != y->line) return x->line < y->line ? -1 : 1;
    if (x->column != y->column) return x->column < y->column ? -1 : 1;
    return strcmp(x->rule, y->rule);
}

/* ---- output ---- */

static bool print_json(const lint *l, const finding *f) {
    record r = {.output = true};
    record_begin(&r, "finding");
    record_text(&r, "file", l->file.path, strlen(l->file.path));
    record_count(&r, "line", f->line);
    record_count(&r, "column", f->column);
    record_text(&r, "level", level_names[f->severity], strlen(level_names[f->severity]));
    record_text(&r, "rule", f->rule, strlen(f->rule));
    record_text(&r, "text", f->text, strlen(f->text));
    record_text(&r, "fix", f->fix, strlen(f->fix));
    record_text(&r, "evidence", f->evidence, strlen(f->evidence));
    record_text(&r, "targets", f->targets, strlen(f->targets));
    return record_end(&r);
}

/* The source line with a caret below; long lines are cut to what stands around the place. */
static void print_source(FILE *out, const lint *l, const finding *f) {
    enum { WIDTH = 100, BEFORE = 40 };
    const char *text = orion_blob_data(l->file.text), *end = text + orion_blob_size(l->file.text);
    for (uint32_t line = 1; line < f->line && text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        text = newline == NULL ? end : newline + 1;
    }
    const char *stop = memchr(text, '\n', (size_t)(end - text));
    size_t length = (size_t)((stop == NULL ? end : stop) - text);
    size_t column = f->column == 0 ? 0 : f->column - 1u;
    if (f->line == 0 || column > length) return;
    size_t skip = 0;
    while (skip < column && text[skip] == ' ') skip++;
    if (column - skip > BEFORE) skip = column - BEFORE;
    size_t shown = length - skip < WIDTH ? length - skip : WIDTH;
    fprintf(out, "%6u | ", f->line);
    for (size_t i = 0; i < shown; i++) {
        unsigned char c = (unsigned char)text[skip + i];
        fputc(c < 0x20 || c >= 0x7f ? '?' : c, out);
    }
    fprintf(out, "\n       | %*s^\n", (int)(column - skip), "");
}

/* Words that may come from the program: no control characters. */
static void print_clean(FILE *out, const char *s) {
    for (; *s != '\0'; s++) fputc((unsigned char)*s < 0x20 || *s == 0x7f ? '?' : *s, out);
}

static void print_finding(FILE *out, const lint *l, const finding *f, bool terminal, bool color) {
    static const char *const colors[] = {"\033[1;31m", "\033[1;33m", "\033[1;36m"};
    fprintf(out, "%s:%u:%u: %s%s:%s ", l->file.path, f->line, f->column,
            color ? colors[f->severity] : "", level_names[f->severity], color ? "\033[0m" : "");
    print_clean(out, f->text);
    fprintf(out, " [%s: %s]\n", f->rule, f->targets);
    if (terminal) print_source(out, l, f);
    fprintf(out, "    %sfix:%s %s\n", color ? "\033[32m" : "", color ? "\033[0m" : "", f->fix);
    if (f->evidence[0] != '\0') fprintf(out, "    evidence: %s\n", f->evidence);
}

static bool print_text(const lint *l) {
    bool terminal = isatty(STDOUT_FILENO), color = use_color(STDOUT_FILENO);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (out == NULL) return false;
    for (size_t i = 0; i < l->count; i++) print_finding(out, l, &l->findings[i], terminal, color);
    fprintf(out, "%s: %llu errors, %llu warnings, %llu notes for", l->file.path,
            (unsigned long long)l->totals[0], (unsigned long long)l->totals[1],
            (unsigned long long)l->totals[2]);
    for (size_t i = 0; i < l->target_count; i++)
        fprintf(out, "%s %s", i == 0 ? "" : ",", orion_mil_target_name(l->targets[i]));
    fputc('\n', out);
    bool fine = fclose(out) == 0 && write_output(text, size);
    free(text);
    return fine;
}

static bool print_all(lint *l) {
    if (!l->json) return print_text(l);
    record r = {.output = true};
    for (size_t i = 0; i < l->count; i++) {
        if (!print_json(l, &l->findings[i])) return false;
    }
    record_begin(&r, "lint");
    record_text(&r, "file", l->file.path, strlen(l->file.path));
    record_count(&r, "errors", l->totals[0]);
    record_count(&r, "warnings", l->totals[1]);
    record_count(&r, "notes", l->totals[2]);
    return record_end(&r);
}

/* ---- the command ---- */

static int run(lint *l, const char *targets, const char *weights) {
    int code = open_targets(l, targets);
    if (code != EXIT_DONE) return code;
    orion_status status = ORION_OK;
    if (weights != NULL) status = mil_file_weights(&l->file, weights);
    if (status == ORION_OK && l->file.missing != NULL) {
        complain("lint: %s: there is no weight file %s", l->file.path, l->file.missing);
        return EXIT_FAILED;
    }
    for (size_t i = 0; i < l->target_count && status == ORION_OK; i++)
        status = check(l, l->targets[i]);
    if (status != ORION_OK) return report(l->file.diag, status, l->file.path);
    if (l->count != 0) qsort(l->findings, l->count, sizeof *l->findings, by_place);
    if (!print_all(l)) return EXIT_FAILED;
    return l->totals[ORION_SEVERITY_ERROR] + l->totals[ORION_SEVERITY_WARNING] == 0 ? LINT_CLEAN
                                                                                    : LINT_BROKEN;
}

static void close_lint(lint *l) {
    for (size_t i = 0; i < l->count; i++) {
        finding *f = &l->findings[i];
        free(f->rule);
        free(f->text);
        free(f->fix);
        free(f->evidence);
        free(f->targets);
    }
    free(l->findings);
    for (size_t i = 0; i < l->target_count; i++) orion_mil_target_destroy(&l->targets[i]);
    mil_file_close(&l->file);
}

int cmd_lint(int argc, char **argv) {
    lint l = {.json = false};
    const char *path = NULL, *targets = "h16", *weights = NULL;
    option_list list = {.command = &lint_command};
    option_operand(&list, "FILE.mil", &path);
    option_text(&list, "target", "NAMES", "targets, chips or files, between commas [h16]",
                &targets);
    option_text(&list, "weights", "DIR", "check the weight files below DIR too", &weights);
    option_flag(&list, "json", "print one JSON object per finding", &l.json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    int code = LINT_NOT_MIL;
    if (mil_file_open(&l.file, path) == EXIT_DONE) code = run(&l, targets, weights);
    close_lint(&l);
    return code;
}
