/* SPDX-License-Identifier: MIT */
/*
 * `orion probe`: what the rules of a target predict, against what a device does.
 *
 * Every rule has a folder with small programs, some that break it and some that keep it. Whether
 * one breaks it for the target at hand is asked of the library's check; whether the device takes it
 * and computes the right thing is tried. Each rule is tried in a process of its own, which opens
 * the device and ends: a crash or a hang is a finding, and no rule uses up the compiles of the
 * others.
 */
#define _XOPEN_SOURCE 700
#include "cli.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the programs are installed, if the build does not say. */
#ifndef ORION_RULES_DIR
#define ORION_RULES_DIR "/usr/local/share/orion/rules"
#endif

static const command probe_command = {
    .name = "probe",
    .summary = "try the rules of a target on a device",
    .usage = "orion probe [--device NAME] [--base TARGET] [--rules ID[,ID]] [--out FILE.yaml]\n"
             "                   [--programs DIR] [--pace SECONDS] [--json]",
    .details =
        "For every rule there are small programs that break it and some that keep it. Each is\n"
        "compiled and run, and its results are compared with the CPU's. A rule holds if what\n"
        "breaks it fails and what keeps it works. --out writes a target file with what was found,\n"
        "for orion lint. Failing compilations in a row can stall Apple's compiler service, so the\n"
        "probe waits behind each on the real devices.",
    .examples = "  orion probe --device emulator --rules E-10,X-7 --out probed.yaml\n"
                "  orion probe --device cpu --rules E-10",
};

enum { PROGRAMS_MAX = 16, RULES_MAX = 128, PATIENCE_S = 120 };

typedef enum outcome { WORKS = 1, REFUSED, WRONG, CRASHED, NOT_TRIED } outcome;

/* One program; sent from a child as it is. */
typedef struct trial {
    char file[96], why[768];
    uint32_t outcome, breaks; /* breaks: the target's check says so */
} trial;

typedef enum verdict { HOLDS = 1, FAILS, TOO_LAX, UNKNOWN } verdict;

typedef struct rule_result {
    char id[16];
    trial trials[PROGRAMS_MAX];
    size_t count;
    verdict verdict;
} rule_result;

typedef struct probe {
    const char *device, *base, *rules, *out, *programs;
    uint64_t pace;
    bool json;
    orion_diag *diag;
    orion_mil_target *target;
    rule_result results[RULES_MAX];
    size_t count;
} probe;

static const char *const outcome_names[] = {"",      "works",   "refused",
                                            "wrong", "crashed", "not tried"};
static const char *const verdict_names[] = {"", "holds", "does not hold", "is too lax",
                                            "not decided"};

/* ---- one program on the device, in the child ---- */

/* The device's words, or the library's, in one line. */
static void explain(trial *t, const orion_diag *diag, orion_status status) {
    const orion_diag_entry *entry = orion_diag_get(diag, 0);
    snprintf(t->why, sizeof t->why, "%s",
             entry == NULL ? orion_status_string(status) : entry->text);
}

enum { PORTS_MAX = 512 };

typedef struct bound {
    orion_ane_program *program;
    orion_ane_run *run;
    orion_ane_tensor *tensors[PORTS_MAX];
    size_t ports;
    bool shared; /* an output is an input */
} bound;

static void bound_free(bound *b) {
    orion_ane_run_destroy(&b->run);
    for (size_t i = 0; i < b->ports; i++) orion_ane_tensor_unref(&b->tensors[i]);
    orion_ane_program_unref(&b->program);
}

static bool is_float(uint32_t dtype) {
    return dtype == ORION_IR_F32 || dtype == ORION_IR_F16 || dtype == ORION_IR_BF16;
}

/* Small multiples of 1/8: exact in f16, and so are most of the results. */
static orion_status fill(const orion_ane_port *port, orion_ane_tensor *tensor, orion_diag *diag) {
    if (!is_float(port->type.dtype) || port->is_output != 0) return ORION_OK;
    size_t n = (size_t)orion_ir_type_elements(&port->type);
    float *data = malloc(n * sizeof *data);
    if (data == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < n; i++) data[i] = ((float)(i % 13) - 6) / 8;
    orion_status status =
        orion_ane_tensor_write(tensor, ORION_IR_F32, data, n * sizeof *data, diag);
    free(data);
    return status;
}

/* An output that is an input under the same name is one tensor. */
static orion_ane_tensor *find_shared(const bound *b, const char *name) {
    for (size_t i = 0; i < b->ports; i++) {
        orion_ane_port port = {.size = sizeof port};
        if (orion_ane_program_port(b->program, i, &port) == ORION_OK &&
            strcmp(port.name, name) == 0) {
            return orion_ane_tensor_ref(b->tensors[i]);
        }
    }
    return NULL;
}

static orion_status start(bound *b, orion_ane_device *device, const orion_ane_source *source,
                          orion_diag *diag) {
    *b = (bound){.program = NULL};
    orion_status status = orion_ane_program_compile(device, source, diag, &b->program);
    if (status != ORION_OK) return status;
    size_t count = orion_ane_program_port_count(b->program);
    if (count > PORTS_MAX) return ORION_ERROR_UNSUPPORTED;
    status = orion_ane_run_create(b->program, &b->run);
    for (; b->ports < count && status == ORION_OK; b->ports++) {
        orion_ane_port port = {.size = sizeof port};
        status = orion_ane_program_port(b->program, b->ports, &port);
        orion_ane_tensor **tensor = &b->tensors[b->ports];
        if (status == ORION_OK) *tensor = find_shared(b, port.name);
        b->shared = b->shared || *tensor != NULL;
        if (*tensor != NULL) continue;
        if (status == ORION_OK) {
            status = orion_ane_tensor_create_for(b->program, port.name, diag, tensor);
        }
        if (status == ORION_OK) status = fill(&port, *tensor, diag);
        if (status == ORION_OK) status = orion_ane_run_bind(b->run, port.name, *tensor, diag);
    }
    return status == ORION_OK ? orion_ane_run_execute(b->run, diag) : status;
}

static float *read_floats(const bound *b, size_t i, size_t *out_count) {
    orion_ir_type type = orion_ane_tensor_type(b->tensors[i]);
    *out_count = (size_t)orion_ir_type_elements(&type);
    float *data = malloc(*out_count * sizeof *data);
    if (data == NULL) return NULL;
    if (orion_ane_tensor_read(b->tensors[i], ORION_IR_F32, data, *out_count * sizeof *data, NULL) ==
        ORION_OK) {
        return data;
    }
    free(data);
    return NULL;
}

/* Do all float outputs agree, as far as f16 goes and the reference is finite? Ports of both are in
 * the text's order. */
static bool agree(const bound *a, const bound *b) {
    bool same = a->ports == b->ports;
    for (size_t i = 0; i < a->ports && same; i++) {
        orion_ane_port port = {.size = sizeof port};
        size_t n, m;
        if (orion_ane_program_port(a->program, i, &port) != ORION_OK || port.is_output == 0 ||
            !is_float(port.type.dtype)) {
            continue;
        }
        float *x = read_floats(a, i, &n), *y = read_floats(b, i, &m);
        same = x != NULL && y != NULL && n == m;
        for (size_t k = 0; k < n && same; k++) {
            double difference = fabs((double)x[k] - (double)y[k]);
            same = !isfinite(y[k]) || difference <= 0.02 * (1 + fabs((double)y[k]));
        }
        free(x);
        free(y);
    }
    return same;
}

/* The reference runs on the CPU device; a program that this cannot run is only seen to run. */
static void try_program(trial *t, orion_ane_device *device, orion_ane_device *cpu,
                        const orion_ane_source *source, orion_diag *diag) {
    bound mine, reference;
    orion_diag_clear(diag);
    orion_status status = start(&mine, device, source, diag);
    t->outcome = WORKS;
    if (status != ORION_OK) {
        t->outcome = mine.shared ? NOT_TRIED : REFUSED; /* not every device can share a tensor */
        explain(t, diag, status);
    } else if (start(&reference, cpu, source, NULL) == ORION_OK) {
        if (!agree(&mine, &reference)) {
            t->outcome = WRONG;
            snprintf(t->why, sizeof t->why, "it ran, but its results are not the CPU's");
        }
        bound_free(&reference);
    } else {
        bound_free(&reference);
    }
    bound_free(&mine);
}

/* ---- weights ---- */

/* A file with one entry of this type, all zeros; NULL if memory is out. */
static orion_blob *make_entry(const orion_mil_type *type) {
    orion_ir_type ir;
    orion_mil_blob_writer *writer = NULL;
    orion_blob *blob = NULL;
    uint64_t offset;
    if (orion_mil_type_to_ir(type, &ir) != ORION_OK) return NULL;
    size_t bytes = orion_ir_type_bytes(&ir), elements = (size_t)orion_ir_type_elements(&ir);
    void *zeros = calloc(1, bytes);
    if (zeros != NULL && orion_mil_blob_writer_create(NULL, NULL, &writer) == ORION_OK &&
        orion_mil_blob_writer_add(writer, orion_mil_type_dtype(type), zeros, bytes, elements,
                                  &offset) == ORION_OK &&
        orion_mil_blob_writer_finish(writer, &blob) != ORION_OK) {
        blob = NULL;
    }
    orion_mil_blob_writer_destroy(&writer);
    free(zeros);
    return blob;
}

/* The programs of the rules say what weights they read, not where these are: entries at offset 64
 * are made. False if one is elsewhere. */
static bool make_weights(mil_file *f, const orion_mil_value *v) {
    bool fine = true;
    if (orion_mil_value_kind(v) == ORION_MIL_VALUE_BLOB) {
        const char *path = orion_mil_value_text(v);
        if (orion_mil_value_offset(v) != 64) return false;
        if (orion_mil_weights_find(f->weights, path) != NULL) return true;
        orion_blob *blob = make_entry(orion_mil_value_type(v));
        fine = blob != NULL && orion_mil_weights_add(f->weights, path, blob) == ORION_OK;
        orion_blob_unref(&blob);
    }
    for (size_t i = 0; i < orion_mil_value_count(v) && fine; i++) {
        fine = make_weights(f, orion_mil_value_item(v, i));
    }
    return fine;
}

static bool make_all_weights(mil_file *f) {
    bool fine = true;
    for (size_t i = 0; i < orion_mil_program_function_count(f->program); i++) {
        const orion_mil_function *function = orion_mil_program_function(f->program, i);
        for (size_t k = 0; k < orion_mil_function_statement_count(function); k++) {
            const orion_mil_statement *s = orion_mil_function_statement(function, k);
            for (size_t n = 0; n < orion_mil_statement_attribute_count(s) && fine; n++) {
                fine = make_weights(f, orion_mil_statement_attribute(s, n));
            }
            for (size_t n = 0; n < orion_mil_statement_argument_count(s) && fine; n++) {
                fine = make_weights(f, orion_mil_statement_argument(s, n));
            }
        }
    }
    return fine;
}

/* ---- one file ---- */

/* Does the target say that the program breaks the rule? */
static bool is_broken(const probe *p, const mil_file *f, const char *id) {
    bool found = false;
    orion_diag_clear(f->diag);
    (void)!orion_mil_check(f->program, f->weights, p->target, f->diag);
    for (size_t i = 0; i < orion_diag_count(f->diag) && !found; i++) {
        const orion_diag_entry *e = orion_diag_get(f->diag, i);
        found = e->message == ORION_MESSAGE_MIL_RULE && e->subject != NULL &&
                strcmp(e->subject, id) == 0 && e->severity != ORION_SEVERITY_NOTE;
    }
    return found;
}

static void try_file(const probe *p, const char *id, const char *path, trial *t) {
    mil_file f = {.path = path};
    orion_ane_device *device = NULL, *cpu = NULL;
    orion_status status = mil_file_read(&f, path);
    if (status == ORION_OK) status = mil_file_weights(&f, NULL);
    t->outcome = NOT_TRIED;
    if (status != ORION_OK) {
        explain(t, f.diag, status);
    } else if (f.missing != NULL && !make_all_weights(&f)) {
        snprintf(t->why, sizeof t->why, "it needs a weight file that cannot be made up");
    } else {
        t->breaks = is_broken(p, &f, id);
        orion_diag_clear(f.diag);
        status = find_device(p->device, 1, f.diag, &device);
        if (status == ORION_OK) status = find_device("cpu", 1, f.diag, &cpu);
        if (status != ORION_OK) explain(t, f.diag, status);
    }
    if (cpu != NULL) {
        const orion_ane_source source = {.size = sizeof source,
                                         .text = orion_blob_data(f.text),
                                         .length = orion_blob_size(f.text),
                                         .name = t->file,
                                         .weights = f.weights};
        try_program(t, device, cpu, &source, f.diag);
    }
    orion_ane_device_unref(&device);
    orion_ane_device_unref(&cpu);
    mil_file_close(&f);
}

/* ---- one rule, in a child ---- */

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorted names in a folder that end in `suffix` ("": folders too); NULL ends them. */
static char **names_in(const char *folder, const char *suffix) {
    size_t count = 0, capacity = 0;
    char **names = NULL;
    DIR *dir = opendir(folder);
    for (struct dirent *e; dir != NULL && (e = readdir(dir)) != NULL;) {
        if (e->d_name[0] == '.' || !has_suffix(e->d_name, suffix)) continue;
        if (count + 1 >= capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            char **grown = realloc(names, capacity * sizeof *grown);
            if (grown == NULL) break;
            names = grown;
        }
        names[count] = strdup(e->d_name);
        if (names[count] == NULL) break;
        names[++count] = NULL;
    }
    if (dir != NULL) closedir(dir);
    if (count > 1) qsort(names, count, sizeof *names, by_text);
    return names;
}

static void names_free(char **names) {
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) free(names[i]);
    free(names);
}

/* What the child does: one trial after the other into the pipe. */
static void child(const probe *p, const char *id, const char *folder, int to) {
    char **names = names_in(folder, ".mil");
    alarm(PATIENCE_S);
    for (size_t i = 0; names != NULL && names[i] != NULL && i < PROGRAMS_MAX; i++) {
        trial t = {.outcome = NOT_TRIED};
        char *path = path_in(folder, names[i]);
        if (path == NULL) break;
        snprintf(t.file, sizeof t.file, "%s", names[i]);
        t.outcome = CRASHED; /* sent first: what is behind it may not come back */
        if (write(to, &t, sizeof t) != (ssize_t)sizeof t) break;
        try_file(p, id, path, &t);
        if (write(to, &t, sizeof t) != (ssize_t)sizeof t) break;
        free(path);
        if (t.outcome == REFUSED && p->pace > 0) {
            alarm(PATIENCE_S + (unsigned)p->pace);
            sleep((unsigned)p->pace);
        }
    }
    names_free(names);
}

static verdict judge(const rule_result *r) {
    size_t broken = 0, broken_works = 0, kept = 0, kept_fails = 0;
    for (size_t i = 0; i < r->count; i++) {
        const trial *t = &r->trials[i];
        if (t->outcome == NOT_TRIED) continue;
        broken += t->breaks != 0;
        kept += t->breaks == 0;
        broken_works += t->breaks != 0 && t->outcome == WORKS;
        kept_fails += t->breaks == 0 && t->outcome != WORKS;
    }
    if (broken == 0 || kept == 0) return UNKNOWN;
    if (kept_fails > 0) return TOO_LAX;
    return broken_works > 0 ? FAILS : HOLDS;
}

static bool read_whole(int fd, trial *t) {
    size_t have = 0;
    while (have < sizeof *t) {
        ssize_t n = read(fd, (char *)t + have, sizeof *t - have);
        if (n <= 0) return false;
        have += (size_t)n;
    }
    return true;
}

static bool try_rule(const probe *p, const char *id, const char *folder, rule_result *r) {
    int ends[2];
    fflush(NULL);
    if (pipe(ends) != 0) return false;
    pid_t pid = fork();
    if (pid == 0) {
        close(ends[0]);
        child(p, id, folder, ends[1]);
        _exit(0);
    }
    close(ends[1]);
    snprintf(r->id, sizeof r->id, "%s", id);
    for (trial t; pid > 0 && read_whole(ends[0], &t);) {
        bool again = r->count > 0 && strcmp(r->trials[r->count - 1].file, t.file) == 0;
        if (!again && r->count == PROGRAMS_MAX) break;
        if (!again) r->count++;
        r->trials[r->count - 1] = t;
    }
    close(ends[0]);
    int status = 0;
    if (pid > 0) waitpid(pid, &status, 0);
    if (r->count > 0 && r->trials[r->count - 1].outcome == CRASHED) {
        trial *t = &r->trials[r->count - 1];
        bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
        snprintf(t->why, sizeof t->why, hung ? "it hung" : "the process was ended by signal %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    r->verdict = judge(r);
    return pid > 0;
}

/* ---- output ---- */

static bool print_rule(const probe *p, const rule_result *r) {
    for (size_t i = 0; i < r->count; i++) {
        const trial *t = &r->trials[i];
        if (p->json) {
            record line = {.output = true};
            record_begin(&line, "program");
            record_text(&line, "rule", r->id, strlen(r->id));
            record_text(&line, "file", t->file, strlen(t->file));
            record_count(&line, "breaks", t->breaks);
            record_text(&line, "outcome", outcome_names[t->outcome],
                        strlen(outcome_names[t->outcome]));
            record_text(&line, "why", t->why, strlen(t->why));
            if (!record_end(&line)) return false;
        }
    }
    if (p->json) {
        record line = {.output = true};
        record_begin(&line, "rule");
        record_text(&line, "rule", r->id, strlen(r->id));
        record_text(&line, "verdict", verdict_names[r->verdict], strlen(verdict_names[r->verdict]));
        return record_end(&line);
    }
    printf("%-6s %s\n", r->id, verdict_names[r->verdict]);
    for (size_t i = 0; i < r->count; i++) {
        const trial *t = &r->trials[i];
        bool expected = (t->breaks != 0) == (t->outcome != WORKS);
        if (r->verdict == HOLDS || (expected && t->outcome != NOT_TRIED)) continue;
        printf("       %s, which %s it, %s%s%s\n", t->file, t->breaks != 0 ? "breaks" : "keeps",
               t->outcome == NOT_TRIED ? "was not tried" : outcome_names[t->outcome],
               t->why[0] == '\0' ? "" : ": ", t->why);
    }
    return !ferror(stdout);
}

/* A target file: rules that do not hold are off, doubtful ones that hold are errors. */
static int write_target(const probe *p) {
    new_file file;
    size_t counts[5] = {0};
    for (size_t i = 0; i < p->count; i++) counts[p->results[i].verdict]++;
    if (!new_file_begin(&file, p->out)) return EXIT_FAILED;
    FILE *f = file.stream;
    fprintf(
        f,
        "# What `orion probe` found on the device %s; docs/targets.md has the schema.\n"
        "target: probed\nbase: %s\n"
        "summary: \"%s, probed: %zu rules hold, %zu do not, %zu are too lax, %zu not decided\"\n",
        p->device, orion_mil_target_name(p->target), p->device, counts[HOLDS], counts[FAILS],
        counts[TOO_LAX], counts[UNKNOWN]);
    bool any = false;
    for (size_t i = 0; i < p->count; i++) {
        const rule_result *r = &p->results[i];
        orion_mil_rule rule = {.size = sizeof rule};
        if (orion_mil_target_find_rule(p->target, r->id, &rule) != ORION_OK) continue;
        bool confirmed = r->verdict == HOLDS && rule.verdict == ORION_MIL_DOUBTFUL;
        if (r->verdict != FAILS && !confirmed) continue;
        fprintf(f, "%s  %s: %s\n", any ? "" : "levels:\n", r->id, confirmed ? "error" : "off");
        any = true;
    }
    for (size_t i = 0; i < p->count; i++) {
        for (size_t k = 0; p->results[i].verdict == TOO_LAX && k < p->results[i].count; k++) {
            const trial *t = &p->results[i].trials[k];
            if (t->breaks == 0 && t->outcome != WORKS && t->outcome != NOT_TRIED) {
                fprintf(f, "# %s: %s keeps it and is %s\n", p->results[i].id, t->file,
                        outcome_names[t->outcome]);
            }
        }
    }
    return new_file_end(&file) ? EXIT_DONE : EXIT_FAILED;
}

/* ---- the command ---- */

/* Is the rule asked for? No list: all are. */
static bool is_wanted(const probe *p, const char *id) {
    size_t n = strlen(id);
    for (const char *at = p->rules; at != NULL; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, id, n) == 0 && (at[n] == ',' || at[n] == '\0')) return true;
    }
    return p->rules == NULL;
}

static int try_all(probe *p) {
    char **names = names_in(p->programs, "");
    int code = EXIT_DONE;
    for (size_t i = 0; names != NULL && names[i] != NULL && code == EXIT_DONE; i++) {
        if (!is_wanted(p, names[i]) || p->count == RULES_MAX) continue;
        char *folder = path_in(p->programs, names[i]);
        rule_result *r = &p->results[p->count];
        bool fine = folder != NULL && try_rule(p, names[i], folder, r);
        if (!fine) code = EXIT_FAILED;
        if (fine && r->count > 0) {
            p->count++;
            if (!print_rule(p, r)) code = EXIT_FAILED;
        }
        free(folder);
    }
    names_free(names);
    if (code == EXIT_DONE && p->count == 0) {
        complain("probe: no programs of such rules in %s; say where with --programs DIR",
                 p->programs);
        code = EXIT_FAILED;
    }
    return code;
}

/* The device must be there before every rule is found to fail. */
static int check_device(const probe *p) {
    orion_ane_device *device = NULL;
    pid_t pid = fork();
    if (pid == 0) {
        orion_status status = find_device(p->device, 1, p->diag, &device);
        _exit(status == ORION_ERROR_NOT_FOUND ? EXIT_USAGE : report(p->diag, status, p->device));
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status)) {
        complain("probe: opening the device %s ended the process", p->device);
        return EXIT_FAILED;
    }
    if (WEXITSTATUS(status) == EXIT_USAGE) {
        complain("probe: there is no device '%s'; try 'orion doctor'", p->device);
    }
    return WEXITSTATUS(status);
}

static int run_probe(probe *p) {
    orion_status status = orion_diag_create(NULL, &p->diag);
    if (status == ORION_OK) status = orion_mil_target_find(p->base, NULL, p->diag, &p->target);
    if (report(p->diag, status, p->base) != EXIT_DONE) return EXIT_USAGE;
    int code = check_device(p);
    if (code == EXIT_DONE) code = try_all(p);
    if (code == EXIT_DONE && p->out != NULL) code = write_target(p);
    return code;
}

int cmd_probe(int argc, char **argv) {
    static probe p; /* results are large */
    p = (probe){.device = "ane-objc", .base = "h16", .programs = ORION_RULES_DIR};
    option_list list = {.command = &probe_command};
    option_text(&list, "device", "NAME", "what to probe [ane-objc]", &p.device);
    option_text(&list, "base", "TARGET", "whose rules to try [h16]", &p.base);
    option_text(&list, "rules", "ID[,ID]", "only these [all]", &p.rules);
    option_text(&list, "out", "FILE.yaml", "write a target file with the verdicts", &p.out);
    option_text(&list, "programs", "DIR", "a folder per rule [the installed ones]", &p.programs);
    option_count(&list, "pace", "seconds to wait behind a refused program [15; 0 elsewhere]",
                 &p.pace, 0, 3600);
    option_flag(&list, "json", "print one JSON object per program and rule", &p.json);
    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    if (!option_given(&list, "pace")) p.pace = strncmp(p.device, "ane-", 4) == 0 ? 15 : 0;
    int code = run_probe(&p);
    orion_mil_target_destroy(&p.target);
    orion_diag_destroy(&p.diag);
    return code;
}
