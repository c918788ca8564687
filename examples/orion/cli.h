/* SPDX-License-Identifier: MIT */
/*
 * What the commands of `orion` share: options, messages, a session (device, model, tokenizer),
 * JSON lines, the progress bar and the loss curve.
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
    OPTION_FLAG,
    OPTION_TEXT,
    OPTION_TEXTS,
    OPTION_COUNT,
    OPTION_NUMBER
} option_kind;

/* The values of an option that may be given several times, in their order. */
enum { TEXTS_MAX = 256 };
typedef struct text_list {
    const char *items[TEXTS_MAX];
    size_t count;
} text_list;

typedef struct option {
    const char *name;  /* without the dashes */
    const char *value; /* what the help calls the value; NULL for flags */
    const char *help;
    void *into;         /* bool, const char *, text_list, uint64_t or double, as the kind says */
    uint64_t low, high; /* of a count, inclusive */
    double min, max;    /* of a number, inclusive */
    option_kind kind;
    char letter; /* -letter is the same; or 0 */
    bool given;  /* set by parse_options */
} option;

typedef struct command {
    const char *name, *summary;
    const char *usage;    /* the lines after "usage: " */
    const char *details;  /* what it does */
    const char *examples; /* command lines, one a line */
} command;

/* The options of one command, in the order of its help, and what it wants besides. */
enum { OPTIONS_MAX = 32, OPERANDS_MAX = 2 };
typedef struct option_list {
    const command *command;
    option rows[OPTIONS_MAX];
    size_t count;
    struct {
        const char *name;  /* FILE */
        const char **into; /* set by parse_options */
    } operands[OPERANDS_MAX];
    size_t operand_count, operands_given;
} option_list;

/* The command wants a word without dashes in front, in the order of these calls. */
void option_operand(option_list *list, const char *name, const char **into);

/* The option added last can be given by its letter too. */
void option_letter(option_list *list, char letter);

/* Add an option; *into keeps its value unless the option is given. */
void option_flag(option_list *list, const char *name, const char *help, bool *into);
void option_text(option_list *list, const char *name, const char *value, const char *help,
                 const char **into);
void option_texts(option_list *list, const char *name, const char *value, const char *help,
                  text_list *into);
void option_count(option_list *list, const char *name, const char *help, uint64_t *into,
                  uint64_t low, uint64_t high);
void option_number(option_list *list, const char *name, const char *value, const char *help,
                   double *into, double min, double max);

typedef enum parse_result { PARSE_OK, PARSE_HELP, PARSE_ERROR } parse_result;

/* Parse argv[0..argc), what follows the command's name. --help prints the help to standard output;
 * an error prints one line. */
parse_result parse_options(option_list *list, int argc, char **argv);
/* True if the command line has the option. */
bool option_given(const option_list *list, const char *name);

/* ---- messages and output (output.c) ---- */

/* "orion: text" on standard error, one line. */
void complain(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Print and clear the diagnostics, one line each; the status alone if it is an error without one.
 * `doing` is the file or action at hand. Returns EXIT_DONE or EXIT_FAILED. */
int report(orion_diag *diag, orion_status status, const char *doing);
/* Bytes to standard output at once. False if they cannot be written; close_output says why. */
bool write_output(const char *bytes, size_t n);
/* Text of a model: on a terminal, control characters become '?'. */
bool write_text(const char *bytes, size_t n);
/* Flush standard output. Returns `code`, or EXIT_FAILED with a message if a write failed; if the
 * reader of a pipe has gone the program ends here by SIGPIPE. */
int close_output(int code);

/* A file in the making, beside its place; it appears there complete or not at all. */
typedef struct new_file {
    FILE *stream; /* write to it */
    const char *path;
    char *temporary;
} new_file;
/* False with a message on standard error; then there is nothing to end. */
bool new_file_begin(new_file *file, const char *path);
/* Put it in its place. False with a message on standard error; then nothing is left of it. */
bool new_file_end(new_file *file);
/* True if the descriptor is a terminal that shows colours, and nobody minds. */
bool use_color(int fd);

/* True once SIGINT or SIGTERM has arrived (after catch_interrupts); long work stops at the next
 * step. A second one ends the program at once. */
void catch_interrupts(void);
bool interrupted(void);
/* Seconds on a steady clock. */
double now_seconds(void);

/* ---- JSON lines (record.c) ---- */

/* One JSON object in the making, which goes to a file, to standard output or both. */
typedef struct record {
    FILE *file;  /* NULL: none */
    bool output; /* to standard output too */
    FILE *memory;
    char *line;
    size_t size;
} record;

/* Length of the UTF-8 sequence at s, or 0 if it is not one (cut short, overlong, a surrogate). */
size_t utf8_length(const char *s, size_t n);
/* {"event": event, ... */
void record_begin(record *r, const char *event);
/* Text; bytes that are not UTF-8 become U+FFFD. */
void record_text(record *r, const char *key, const char *bytes, size_t n);
void record_count(record *r, const char *key, uint64_t n);
/* A number with at most `digits` digits; null for NaN and infinities. */
void record_number(record *r, const char *key, double v, int digits);
/* ... }. False if it could not be written everywhere. */
bool record_end(record *r);

/* ---- devices (device.c) ---- */

/* Names that --device takes, "auto" apart; NULL ends them. */
extern const char *const device_names[];
/* Open one. ORION_ERROR_NOT_FOUND if there is no such name. */
orion_status find_device(const char *name, uint64_t threads, orion_diag *diag,
                         orion_ane_device **out_device);

/* ---- what every command needs (session.c) ---- */

typedef struct session {
    const char *weights, *checkpoint, *tokenizer_path, *device_name; /* set by options */
    uint64_t threads;
    orion_diag *diag;
    orion_ane_device *device;
    orion_train_model *model;
    orion_train_tokenizer *tokenizer;
} session;

/* Add --weights, --checkpoint, --tokenizer, --device and --threads. */
void session_options(session *s, option_list *list);
/* Open the device. Returns an exit code. */
int session_open(session *s);
/* True if --weights or --checkpoint is given; else a complaint is printed. */
bool session_has_model(const session *s, const char *name);
/* Load model and tokenizer. Returns an exit code. */
int session_load(session *s);
void session_close(session *s);

/* ---- progress (progress.c) ---- */

/* One line that redraws itself on a terminal; a plain line now and then elsewhere. */
typedef struct progress {
    const char *what;
    uint64_t first, total;
    double started, drawn, printed;
    bool terminal, color, unicode;
} progress;

void progress_begin(progress *p, const char *what, uint64_t first, uint64_t total);
/* `done` of `total`; `detail` such as "loss 1.234  12,345 tokens/s". */
void progress_update(progress *p, uint64_t done, const char *detail);
/* Take the bar away, so that other lines can be printed; the next update draws it again. */
void progress_clear(progress *p);
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
/* Mean of the last `window` losses; NAN if there are none. */
double curve_tail(const curve *c, size_t window);
void curve_free(curve *c);
/* What stands around a curve. */
typedef struct curve_text {
    const char *title, *subtitle;
    double final;     /* marked at the end */
    double reference; /* a dashed line; NAN: none */
    const char *reference_label;
} curve_text;

/* Write the curve as one self-contained SVG, atomically. False with a message on standard error. */
bool curve_write_svg(const curve *c, const char *path, const curve_text *text);

/* ---- the log of a training run (runlog.c) ---- */

/*
 * DIR/log.jsonl: one JSON object per event. Continue it behind `step`: later lines, and a last line
 * that was cut short, are removed; losses of the others go to `c`. With step 0 it starts empty.
 * NULL with a message on standard error.
 */
FILE *runlog_open(const char *path, uint64_t step, curve *c);

/* ---- MIL programs (milfile.c) ---- */

/* A program with its text and the weight files it refers to. */
typedef struct mil_file {
    const char *path;
    orion_diag *diag;
    orion_blob *text;
    orion_mil_program *program;
    orion_mil_weights *weights;
    char *missing; /* a weight file that is not there; NULL if all are */
} mil_file;

/* Read and parse. Returns EXIT_DONE or EXIT_FAILED, with messages on standard error; close it in
 * either case. */
int mil_file_open(mil_file *f, const char *path);
/* The same with the diagnostics in f->diag instead. */
orion_status mil_file_read(mil_file *f, const char *path);
/* Map the weight files below `folder`, or below the program's if it is NULL; @model_path/ in front
 * of their names is left out. One that is not there is `missing`. */
orion_status mil_file_weights(mil_file *f, const char *folder);
void mil_file_close(mil_file *f);
/* The function that `wanted` names; NULL is main, or the only one. The result may be NULL too. */
const char *mil_file_function(const mil_file *f, const char *wanted);
/* A target by name or chip, or from a file: a name with a / or that ends in .yaml. */
orion_status mil_target_open(const char *name, orion_diag *diag, orion_mil_target **target);
/* Folder of a path: "." if it names none. free() it; NULL if memory is out. */
char *folder_of(const char *path);
/* Does `path` end in `suffix`? */
bool has_suffix(const char *path, const char *suffix);
/* What fp16 does to floats, as fields of a record. */
void record_halves(record *r, const orion_mil_half_report *half);
/* A writer to a stdio stream. */
orion_writer stream_writer(FILE *stream);

/* The dialect of --dialect; "" leaves *out alone. False with a message on standard error. */
bool dialect_from_name(const option_list *list, const char *name, uint32_t *out);

/* ---- graphs and programs into files (milwrite.c); messages on standard error ---- */

orion_status graph_read(const char *path, orion_diag *diag, orion_ir_graph **out_graph);
/* "FOLDER/NAME"; free() it. NULL if memory is out. */
char *path_in(const char *folder, const char *name);
/* True if it is there, too. */
bool make_folder(const char *path);
/* Each writes one file, complete or not at all, and returns EXIT_DONE or EXIT_FAILED. */
int mil_write(const orion_mil_program *program, const char *path, uint32_t dialect);
int graph_write(const orion_ir_graph *graph, const char *path);
int plan_write(const orion_mil_plan *plan, const char *path);
/* Lower a graph to the program `path`, with weights/weight.bin beside it if there are large
 * constants. */
int graph_lower_to(const orion_ir_graph *graph, const char *path, uint32_t dialect,
                   orion_diag *diag);

/* ---- commands ---- */

int cmd_train(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_lint(int argc, char **argv);
int cmd_inspect(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_diff(int argc, char **argv);
int cmd_compile(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_probe(int argc, char **argv);
int cmd_doctor(int argc, char **argv);

#endif
