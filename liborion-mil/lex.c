/* SPDX-License-Identifier: MIT */
/* MIL text to tokens, and what numbers and strings mean. */
#include "mil-lex.h"

#include <math.h>

static bool is_ident_start(char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_';
}

static bool is_ident(char c) {
    return is_ident_start(c) || mil_is_digit(c) || c == '@' || c == '.';
}

static void newline(mil_lexer *l) { /* l->at is behind it */
    l->line++;
    l->line_start = l->at;
}

/* Blanks and comments. */
static void skip_blank(mil_lexer *l) {
    while (l->at < l->end) {
        char c = *l->at;
        if (c == '\n') {
            l->at++;
            newline(l);
        } else if (c == ' ' || c == '\t' || c == '\r') {
            l->at++;
        } else if (c == '/' && l->end - l->at > 1 && l->at[1] == '/') {
            while (l->at < l->end && *l->at != '\n') l->at++;
        } else if (c == '/' && l->end - l->at > 1 && l->at[1] == '*') {
            l->at += 2;
            while (l->at < l->end && !(*l->at == '*' && l->end - l->at > 1 && l->at[1] == '/')) {
                if (*l->at++ == '\n') newline(l);
            }
            l->at = l->end - l->at >= 2 ? l->at + 2 : l->end;
        } else {
            return;
        }
    }
}

static void bad(mil_lexer *l, const char *what) {
    l->tok.kind = MIL_TOKEN_BAD;
    l->tok.bad = what;
}

static void lex_string(mil_lexer *l) {
    l->tok.kind = MIL_TOKEN_STRING;
    for (l->at++; l->at < l->end && *l->at != '"'; l->at++) {
        if (*l->at == '\n' || *l->at == '\0') break;
        if (*l->at == '\\' && l->end - l->at > 1 && l->at[1] != '\n' && l->at[1] != '\0') l->at++;
    }
    if (l->at < l->end && *l->at == '"') {
        l->at++;
    } else if (l->at < l->end && *l->at == '\0') {
        bad(l, "a NUL byte in a string");
        l->at++;
    } else {
        bad(l, "a string without closing quote");
    }
}

static bool is_hex(const char *s, size_t n) {
    if (n != 0 && (*s == '-' || *s == '+')) s++, n--;
    return n > 1 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
}

/* Letters, digits and points, and a sign behind the exponent's letter. */
static void lex_number(mil_lexer *l) {
    l->tok.kind = MIL_TOKEN_NUMBER;
    if (*l->at == '-' || *l->at == '+') l->at++;
    bool hex = is_hex(l->at, (size_t)(l->end - l->at));
    char previous = '\0';
    for (; l->at < l->end; previous = *l->at++) {
        char c = *l->at;
        bool exponent =
            hex ? previous == 'p' || previous == 'P' : previous == 'e' || previous == 'E';
        if (!is_ident(c) && !((c == '-' || c == '+') && exponent)) break;
    }
}

void mil_lex(mil_lexer *l) {
    skip_blank(l);
    l->tok =
        (mil_token){.at = l->at, .line = l->line, .column = (uint32_t)(l->at - l->line_start) + 1};
    if (l->at == l->end) {
        l->tok.kind = MIL_TOKEN_END;
        return;
    }
    char c = *l->at;
    char after = l->end - l->at > 1 ? l->at[1] : '\0';
    if (is_ident_start(c)) {
        l->tok.kind = MIL_TOKEN_IDENT;
        while (l->at < l->end && is_ident(*l->at)) l->at++;
    } else if (c == '"') {
        lex_string(l);
    } else if (c == '-' && after == '>') {
        l->tok.kind = MIL_TOKEN_ARROW;
        l->at += 2;
    } else if (mil_is_digit(c) || c == '.' || ((c == '-' || c == '+') && (is_ident(after)))) {
        lex_number(l);
    } else {
        l->at++;
        l->tok.kind = MIL_TOKEN_PUNCT;
        if (strchr("()[]{}<>,=;?", c) == NULL || c == '\0')
            bad(l, "a character that MIL does not use");
    }
    l->tok.n = (size_t)(l->at - l->tok.at);
}

char mil_lex_peek(const mil_lexer *l) {
    mil_lexer copy = *l;
    skip_blank(&copy);
    return copy.at < copy.end ? *copy.at : '\0';
}

/* ---- numbers ---- */

static int hex_digit(char c) {
    if (mil_is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A token that is_hex: the common ones (mantissa of at most 53 bits), exactly and fast. False:
 * leave it to the general parser. */
static bool quick_hex(const char *s, size_t n, double *out) {
    const char *end = s + n;
    bool negative = s < end && *s == '-';
    if (negative || (s < end && *s == '+')) s++;
    if (end - s < 4) return false;
    uint64_t mantissa = 0;
    int scale = 0, digits = 0;
    bool point = false;
    for (s += 2; s < end; s++) {
        if (*s == '.' && !point) {
            point = true;
            continue;
        }
        int digit = hex_digit(*s);
        if (digit < 0) break;
        if (mantissa >> 49 != 0) return false;
        mantissa = mantissa << 4 | (uint64_t)digit;
        digits++;
        if (point) scale -= 4;
    }
    if (digits == 0 || digits > 1000 || s == end || (*s != 'p' && *s != 'P')) return false;
    int64_t exponent;
    size_t left = (size_t)(end - s - 1);
    if (left > 6 || !orn_parse_i64(s + 1, left, &exponent)) return false;
    double v = ldexp((double)mantissa, (int)exponent + scale);
    if (isinf(v)) return false;
    *out = negative ? -v : v;
    return true;
}

bool mil_token_number(const mil_token *t, orion_mil_value *out) {
    double v;
    bool hex = is_hex(t->at, t->n);
    if (orn_parse_i64(t->at, t->n, &out->u.i)) {
        out->form = ORION_MIL_VALUE_INT;
        return true;
    }
    uint64_t huge;
    if (orn_parse_u64(t->at, t->n, &huge)) {
        out->form = ORION_MIL_VALUE_INT;
        out->flags = MIL_VALUE_HUGE;
        out->u.i = (int64_t)huge;
        return true;
    }
    if (!(hex && quick_hex(t->at, t->n, &v)) && !orn_parse_f64(t->at, t->n, &v)) return false;
    out->form = ORION_MIL_VALUE_FLOAT;
    out->flags = hex ? MIL_VALUE_HEX : 0;
    out->u.f = v;
    return true;
}

/* ---- strings ---- */

/* The byte that at[0..] behind a backslash stands for, and in *n how many characters that takes. A
 * backslash before anything unknown stands for itself. */
static int unescape(const char *at, const char *end, size_t *n) {
    static const char letters[] = "\"\\ntr", bytes[] = "\"\\\n\t\r";
    const char *letter = at < end ? memchr(letters, *at, sizeof letters - 1) : NULL;
    *n = 0;
    if (letter != NULL) {
        *n = 1;
        return bytes[letter - letters];
    }
    if (end - at < 3 || *at != 'x' || hex_digit(at[1]) < 0 || hex_digit(at[2]) < 0) return '\\';
    *n = 3;
    return hex_digit(at[1]) * 16 + hex_digit(at[2]);
}

bool mil_token_string(const mil_token *t, orn_text *out) {
    const char *end = t->at + t->n - 1;
    orn_text_bytes(out, "", 0); /* never NULL, also if empty */
    for (const char *s = t->at + 1; s < end;) {
        const char *plain = s;
        while (s < end && *s != '\\') s++;
        orn_text_bytes(out, plain, (size_t)(s - plain));
        if (s == end) break;
        size_t n;
        int byte = unescape(s + 1, end, &n);
        if (byte == 0) return false;
        orn_text_char(out, (char)byte);
        s += 1 + n;
    }
    return true;
}
