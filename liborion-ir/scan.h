/* SPDX-License-Identifier: MIT */
/*
 * Tokens of .oir text: words and punctuation out of (pointer, length), with the place of each.
 *
 * Functions return false on failure, which has then been reported; ir_scan.status keeps the worst.
 * Every token is looked at once and bounded; nothing needs a NUL at the end.
 */
#ifndef IR_SCAN_H
#define IR_SCAN_H

#include "util/util.h"

enum { IR_NAME_LENGTH_MAX = 255 };

typedef struct ir_place {
    uint32_t line, column; /* from 1; columns are bytes */
} ir_place;

typedef struct ir_word {
    const char *s;
    size_t n;
    ir_place at;
} ir_word;

/* Where the scanner is. A copy is enough to come back. */
typedef struct ir_cursor {
    const char *at, *line_start;
    uint32_t line;
} ir_cursor;

typedef struct ir_scan {
    ir_cursor c;
    const char *end;
    const char *source; /* name of the text, or NULL */
    orion_diag *diag;
    orion_status status; /* the worst so far: VERIFY < SYNTAX < NO_MEMORY */
} ir_scan;

/* ---- complaints: all return false ---- */
void ir_scan_worsen(ir_scan *s, orion_status status);
bool ir_scan_no_memory(ir_scan *s);
bool ir_scan_complain(ir_scan *s, orion_status status, orion_message message, ir_place at,
                      const char *fmt, ...) __attribute__((format(printf, 5, 6)));
/* "expected WHAT, found ..." at the next byte. */
bool ir_scan_expected(ir_scan *s, const char *what);
/* The text does not follow the grammar. */
#define IR_SYNTAX_ERROR(s, at, ...)                                                                \
    ir_scan_complain((s), ORION_ERROR_SYNTAX, ORION_MESSAGE_IR_SYNTAX, (at), __VA_ARGS__)
/* It does, but breaks a rule of the IR. */
#define IR_RULE_ERROR(s, message, at, ...)                                                         \
    ir_scan_complain((s), ORION_ERROR_VERIFY, ORION_MESSAGE_##message, (at), __VA_ARGS__)
/* A word in a message: arguments for "%.*s". */
#define IR_SHOWN(w) (int)ORN_MIN((w).n, 64), (w).s

/* ---- looking ---- */
bool ir_is_letter(char c); /* of a name: also '_' */
bool ir_is_digit(char c);
int ir_hex_digit(char c); /* -1 if it is none */
ir_place ir_scan_here(const ir_scan *s);
/* The next byte, or NUL at the end (and for a NUL byte, which no token begins with). */
static inline char ir_scan_peek(const ir_scan *s) {
    return s->c.at < s->end ? *s->c.at : '\0';
}
static inline bool ir_scan_at_end(const ir_scan *s) {
    return s->c.at == s->end;
}
/* Is what comes next the first of its line? */
bool ir_scan_at_line_start(const ir_scan *s);
bool ir_word_is(ir_word w, const char *text);

/* ---- moving: tokens skip the blanks before them ---- */
void ir_scan_blanks(ir_scan *s); /* and comments */
void ir_scan_line(ir_scan *s);   /* to the end of the line */
/* Behind the next c; false at the end of the text. */
bool ir_scan_find(ir_scan *s, char c);
bool ir_scan_accept(ir_scan *s, const char *token);
bool ir_scan_expect(ir_scan *s, const char *token, const char *what);
bool ir_scan_name(ir_scan *s, const char *what, ir_word *out);
/* A number as a word; whether it is one of the wanted kind is seen when it is converted. */
bool ir_scan_number(ir_scan *s, const char *what, ir_word *out);
bool ir_scan_int(ir_scan *s, const char *what, int64_t *out);
/* "%" and a name or digits: out is what stands behind the sign. */
bool ir_scan_label(ir_scan *s, ir_word *out);

#endif
