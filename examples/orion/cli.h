/* SPDX-License-Identifier: MIT */
/*
 * What the subcommands of `orion` share: options, messages, the progress bar and the loss curve.
 *
 * Standard output carries results alone (generated text, or one JSON object per line with --json);
 * everything else goes to standard error. Exit codes: 0 done, 1 failed (a file, the data, the
 * device), 2 wrong command line, 130 interrupted.
 */
#ifndef CLI_H
#define CLI_H

#include <orion/orion.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_INTERRUPTED = 130 };

/* ---- options (options.c) ---- */

typedef enum option_kind {
    OPTION_FLAG,  /* --name           bool *      */
    OPTION_TEXT,  /* --name VALUE     const char ** */
    OPTION_UINT,  /* --name N         uint64_t *  with min and max */
    OPTION_NUMBER /* --name X         double *    with min and max */
} option_kind;

typedef struct option {
    const char *name;  /* without the dashes */
    const char *value; /* what the help calls the value; NULL for flags */
    const char *help;
    void *into;
    double min, max; /* of OPTION_UINT and OPTION_NUMBER, inclusive */
    option_kind kind;
    bool given; /* set by parse_options */
} option;

typedef struct command {
    const char *name, *summary;
    const char *usage;   /* the lines after "usage: " */
    const char *details; /* what it does, examples */
} command;

typedef enum parse_result { PARSE_OK, PARSE_HELP, PARSE_ERROR } parse_result;

/* Parse argv[0..argc) (after the subcommand). --help prints the help to standard output; an error
 * prints one line. */
parse_result parse_options(const command *c, option *options, size_t count, int argc, char **argv);
const option *find_option(const option *options, size_t count, const char *name);

/* ---- messages ---- */

/* "orion: text" on standard error, one line. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Print diagnostics, or the status alone if there are none. Returns EXIT_FAILED. */
int report(const orion_diag *diag, orion_status status, const char *doing);
/* A JSON string literal, with quotes. */
void json_string(FILE *f, const char *bytes, size_t n);
/* A JSON number with at most `digits` digits; null for NaN and infinities. */
void json_number(FILE *f, double v, int digits);

/* True once SIGINT has arrived (after catch_interrupts); long work stops at the next step. */
void catch_interrupts(void);
bool interrupted(void);
/* Seconds on a steady clock. */
double now_seconds(void);

/* ---- progress (progress.c) ---- */

/* One line that redraws itself on a terminal; a plain line now and then elsewhere. */
typedef struct progress {
    const char *what;
    uint64_t first, total;
    double started, drawn, printed;
    bool terminal, color;
    int width;
} progress;

void progress_begin(progress *p, const char *what, uint64_t first, uint64_t total);
/* `done` of `total`; `detail` such as "loss 1.234  12,345 tokens/s". */
void progress_update(progress *p, uint64_t done, const char *detail);
/* Clear the bar and print `summary` as a last line (NULL: none). */
void progress_end(progress *p, const char *summary);
/* "42 s", "3 min 05 s", "2 h 10 min"; the result is in `buf` of 32 bytes. */
const char *format_duration(char *buf, double seconds);
/* 12345 -> "12,345"; the result is in `buf` of 32 bytes. */
const char *format_count(char *buf, double n);

/* ---- loss curve (svg.c) ---- */

typedef struct curve {
    double *steps, *losses;
    size_t count, capacity;
} curve;

bool curve_add(curve *c, double step, double loss);
void curve_free(curve *c);
/*
 * Write the curve as one self-contained SVG (atomically): raw losses, their moving average, and a
 * dashed line at `reference` with its label (NAN: none). False with a message on standard error.
 */
bool curve_write_svg(const curve *c, const char *path, const char *title, double reference,
                     const char *label);

/* ---- subcommands ---- */
int cmd_train(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_eval(int argc, char **argv);

#endif
