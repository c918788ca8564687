/* SPDX-License-Identifier: MIT */
/* Tokens of MIL text, for parse.c. */
#ifndef MIL_LEX_H
#define MIL_LEX_H

#include "mil-internal.h"

typedef enum mil_token_kind {
    MIL_TOKEN_END,
    MIL_TOKEN_IDENT,
    MIL_TOKEN_NUMBER,
    MIL_TOKEN_STRING,
    MIL_TOKEN_PUNCT, /* one character */
    MIL_TOKEN_ARROW,
    MIL_TOKEN_BAD
} mil_token_kind;

typedef struct mil_token {
    const char *at;
    size_t n;
    const char *bad; /* BAD: what is wrong */
    uint32_t line, column;
    mil_token_kind kind;
} mil_token;

typedef struct mil_lexer {
    const char *at, *end, *line_start;
    uint32_t line;
    mil_token tok; /* the current token */
} mil_lexer;

static inline bool mil_is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* Go to the next token. Blanks and comments separate tokens. */
void mil_lex(mil_lexer *l);
/* The first character behind the current token, or NUL. */
char mil_lex_peek(const mil_lexer *l);
/* The value of a NUMBER: an integer of 64 bits if it is one, else a double (infinite if it is too
 * large). False if it is no number. */
bool mil_token_number(const mil_token *t, orion_mil_value *out);
/* The bytes of a STRING, appended; escapes are \" \\ \n \t \r \xHH. False at \x00. */
bool mil_token_string(const mil_token *t, orn_text *out);

#endif
