/* SPDX-License-Identifier: MIT */
/* The scanner of .oir text. */
#include "scan.h"

#include <stdarg.h>
#include <stdio.h>

/* ---- complaints ---- */

void ir_scan_worsen(ir_scan *s, orion_status status) {
    bool stays = s->status == ORION_ERROR_NO_MEMORY ||
                 (s->status == ORION_ERROR_SYNTAX && status == ORION_ERROR_VERIFY);
    if (!stays) s->status = status;
}

bool ir_scan_no_memory(ir_scan *s) {
    ir_scan_worsen(s, ORION_ERROR_NO_MEMORY);
    return false;
}

bool ir_scan_complain(ir_scan *s, orion_status status, orion_message message, ir_place at,
                      const char *fmt, ...) {
    char text[512];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    ir_scan_worsen(s, status);
    orn_diag(s->diag, ORION_SEVERITY_ERROR, message, s->source, at.line, at.column, NULL, "%s",
             text);
    return false;
}

bool ir_scan_expected(ir_scan *s, const char *what) {
    ir_place at = ir_scan_here(s);
    char c = ir_scan_peek(s);
    if (ir_scan_at_end(s)) return IR_SYNTAX_ERROR(s, at, "expected %s, but the text ends", what);
    if (c < ' ' || c > '~') {
        return IR_SYNTAX_ERROR(s, at, "expected %s, found the byte 0x%02x", what, (unsigned char)c);
    }
    return IR_SYNTAX_ERROR(s, at, "expected %s, found '%c'", what, c);
}

/* ---- looking ---- */

bool ir_is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

bool ir_is_digit(char c) {
    return c >= '0' && c <= '9';
}

int ir_hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

ir_place ir_scan_here(const ir_scan *s) {
    return (ir_place){s->c.line, (uint32_t)(s->c.at - s->c.line_start) + 1};
}

bool ir_scan_at_line_start(const ir_scan *s) {
    for (const char *c = s->c.line_start; c < s->c.at; c++) {
        if (*c != ' ' && *c != '\t' && *c != '\r') return false;
    }
    return true;
}

bool ir_word_is(ir_word w, const char *text) {
    return strlen(text) == w.n && memcmp(w.s, text, w.n) == 0;
}

/* ---- moving ---- */

void ir_scan_line(ir_scan *s) {
    while (!ir_scan_at_end(s) && *s->c.at != '\n') s->c.at++;
}

/* Over one byte, which may end a line. */
static void advance(ir_scan *s) {
    if (*s->c.at++ != '\n') return;
    s->c.line++;
    s->c.line_start = s->c.at;
}

void ir_scan_blanks(ir_scan *s) {
    for (;;) {
        char c = ir_scan_peek(s);
        if (c == '#') {
            ir_scan_line(s);
        } else if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
            advance(s);
        } else {
            return;
        }
    }
}

bool ir_scan_find(ir_scan *s, char c) {
    while (!ir_scan_at_end(s) && *s->c.at != c) advance(s);
    if (ir_scan_at_end(s)) return false;
    s->c.at++;
    return true;
}

bool ir_scan_accept(ir_scan *s, const char *token) {
    size_t n = strlen(token);
    ir_scan_blanks(s);
    if ((size_t)(s->end - s->c.at) < n || memcmp(s->c.at, token, n) != 0) return false;
    s->c.at += n;
    return true;
}

bool ir_scan_expect(ir_scan *s, const char *token, const char *what) {
    return ir_scan_accept(s, token) || ir_scan_expected(s, what);
}

/* The word from the start to here. */
static void end_word(const ir_scan *s, ir_word *w) {
    w->n = (size_t)(s->c.at - w->s);
}

static ir_word begin_word(ir_scan *s) {
    ir_scan_blanks(s);
    return (ir_word){s->c.at, 0, ir_scan_here(s)};
}

static bool in_name(char c) {
    return ir_is_letter(c) || ir_is_digit(c);
}

bool ir_scan_name(ir_scan *s, const char *what, ir_word *out) {
    *out = begin_word(s);
    if (!ir_is_letter(ir_scan_peek(s))) return ir_scan_expected(s, what);
    while (in_name(ir_scan_peek(s))) s->c.at++;
    end_word(s, out);
    if (out->n <= IR_NAME_LENGTH_MAX) return true;
    return IR_RULE_ERROR(s, IR_NAME, out->at, "the name %.*s... is longer than %d bytes",
                         IR_SHOWN(*out), IR_NAME_LENGTH_MAX);
}

bool ir_scan_number(ir_scan *s, const char *what, ir_word *out) {
    *out = begin_word(s);
    for (char c = ir_scan_peek(s); in_name(c) || c == '.' || c == '-' || c == '+';) {
        s->c.at++;
        c = ir_scan_peek(s);
    }
    if (s->c.at == out->s) return ir_scan_expected(s, what);
    if (ir_scan_peek(s) == '(') { /* the payload of a NaN */
        do {
            s->c.at++;
        } while (in_name(ir_scan_peek(s)));
        if (ir_scan_peek(s) != ')') return ir_scan_expected(s, "')' behind the payload of a NaN");
        s->c.at++;
    }
    end_word(s, out);
    return true;
}

bool ir_scan_int(ir_scan *s, const char *what, int64_t *out) {
    ir_word w;
    if (!ir_scan_number(s, what, &w)) return false;
    if (orn_parse_i64(w.s, w.n, out)) return true;
    return IR_SYNTAX_ERROR(s, w.at, "expected %s, found %.*s, which is no 64-bit integer", what,
                           IR_SHOWN(w));
}

bool ir_scan_label(ir_scan *s, ir_word *out) {
    if (!ir_scan_expect(s, "%", "a value (% and a name or number)")) return false;
    if (ir_is_letter(ir_scan_peek(s))) return ir_scan_name(s, "a name", out);
    if (!ir_is_digit(ir_scan_peek(s))) return ir_scan_expected(s, "a name or number behind '%'");
    *out = begin_word(s);
    while (ir_is_digit(ir_scan_peek(s))) s->c.at++;
    end_word(s, out);
    if (out->n <= IR_NAME_LENGTH_MAX) return true;
    return IR_RULE_ERROR(s, IR_NAME, out->at, "the number of a value has more than %d digits",
                         IR_NAME_LENGTH_MAX);
}
