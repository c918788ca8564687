/* SPDX-License-Identifier: MIT */
/* Command-line options from a table, one-line complaints, JSON fragments, interrupts and the clock.
 */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const option *find_option(const option *options, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(options[i].name, name) == 0) return &options[i];
    }
    return NULL;
}

static void print_help(const command *c, const option *options, size_t count) {
    printf("orion %s - %s\n\nusage: %s\n\n%s\n\noptions:\n", c->name, c->summary, c->usage,
           c->details);
    for (size_t i = 0; i < count; i++) {
        const option *o = &options[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value == NULL ? "" : " ",
                 o->value == NULL ? "" : o->value);
        printf("  %-24s %s\n", left, o->help);
    }
    printf("  %-24s %s\n", "--help", "show this help");
}

static bool parse_uint(const char *s, uint64_t *out) {
    if (*s < '0' || *s > '9') return false;
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0';
}

static parse_result take_value(const command *c, option *o, const char *text) {
    double number;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)o->into = true; break;
    case OPTION_TEXT: *(const char **)o->into = text; break;
    case OPTION_UINT: {
        uint64_t n;
        if (!parse_uint(text, &n) || (double)n < o->min || (double)n > o->max) {
            complain("%s: --%s wants a whole number from %.0f to %.0f, not '%s'", c->name, o->name,
                     o->min, o->max, text);
            return PARSE_ERROR;
        }
        *(uint64_t *)o->into = n;
        break;
    }
    case OPTION_NUMBER: {
        char *end;
        number = strtod(text, &end);
        if (end == text || *end != '\0' || !(number >= o->min && number <= o->max)) {
            complain("%s: --%s wants a number from %g to %g, not '%s'", c->name, o->name, o->min,
                     o->max, text);
            return PARSE_ERROR;
        }
        *(double *)o->into = number;
        break;
    }
    }
    o->given = true;
    return PARSE_OK;
}

parse_result parse_options(const command *c, option *options, size_t count, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(c, options, count);
            return PARSE_HELP;
        }
    }
    for (int i = 0; i < argc; i++) {
        const char *arg = argv[i];
        if (strncmp(arg, "--", 2) != 0) {
            complain("%s: unexpected argument '%s'; try 'orion %s --help'", c->name, arg, c->name);
            return PARSE_ERROR;
        }
        const char *equals = strchr(arg, '=');
        size_t length = equals == NULL ? strlen(arg + 2) : (size_t)(equals - arg - 2);
        option *o = NULL;
        for (size_t k = 0; k < count && o == NULL; k++) {
            if (strlen(options[k].name) == length && memcmp(options[k].name, arg + 2, length) == 0)
                o = &options[k];
        }
        if (o == NULL) {
            complain("%s: unknown option '%.*s'; try 'orion %s --help'", c->name, (int)length + 2,
                     arg, c->name);
            return PARSE_ERROR;
        }
        const char *value = equals == NULL ? NULL : equals + 1;
        if (o->kind == OPTION_FLAG && value != NULL) {
            complain("%s: --%s takes no value", c->name, o->name);
            return PARSE_ERROR;
        }
        if (o->kind != OPTION_FLAG && value == NULL) {
            if (i + 1 == argc) {
                complain("%s: --%s needs a value (%s)", c->name, o->name, o->value);
                return PARSE_ERROR;
            }
            value = argv[++i];
        }
        if (take_value(c, o, value) != PARSE_OK) return PARSE_ERROR;
    }
    return PARSE_OK;
}

void complain(const char *fmt, ...) {
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "orion: %s\n", text);
}

int report(const orion_diag *diag, orion_status status, const char *doing) {
    if (orion_diag_count(diag) == 0) {
        complain("%s: %s", doing, orion_status_string(status));
        return EXIT_FAILED;
    }
    fflush(stderr);
    orion_writer writer = orion_writer_fd(fileno(stderr));
    if (orion_diag_print(diag, &writer) != ORION_OK)
        complain("%s: %s", doing, orion_status_string(status));
    return EXIT_FAILED;
}

void json_string(FILE *f, const char *bytes, size_t n) {
    fputc('"', f);
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)bytes[i];
        if (ch == '"' || ch == '\\') {
            fprintf(f, "\\%c", ch);
        } else if (ch == '\n') {
            fputs("\\n", f);
        } else if (ch < 0x20) {
            fprintf(f, "\\u%04x", ch);
        } else {
            fputc(ch, f);
        }
    }
    fputc('"', f);
}

void json_number(FILE *f, double v, int digits) {
    if (!isfinite(v)) {
        fputs("null", f);
        return;
    }
    /* The program never calls setlocale, so the decimal point is a point. */
    fprintf(f, "%.*g", digits, v);
}

static volatile sig_atomic_t interrupt_flag;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    if (interrupt_flag) _Exit(EXIT_INTERRUPTED); /* the second time at once */
    interrupt_flag = 1;
}

void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt};
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void) {
    return interrupt_flag != 0;
}

double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
