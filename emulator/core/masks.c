/* SPDX-License-Identifier: MIT */
/*
 * Rule E-6: where it holds, the compiler takes scaled_dot_product_attention with a mask, and the
 * device computes without it. Nobody is told.
 *
 * The argument is blanked out in the text before it is raised: the program's inputs and the places
 * of everything else stay what they were.
 */
#include "emu.h"

/* Where line and column are in the text. */
static char *place(char *text, size_t size, uint32_t line, uint32_t column) {
    char *at = text, *end = text + size;
    for (uint32_t n = 1; n < line && at < end; n++) {
        char *next = memchr(at, '\n', (size_t)(end - at));
        at = next == NULL ? end : next + 1;
    }
    return (size_t)(end - at) < column ? end : at + column - 1;
}

/* Behind the value that begins here: at the comma or bracket that ends it. */
static char *end_of_value(char *at, const char *end) {
    int depth = 0;
    for (bool quoted = false; at < end; at++) {
        if (*at == '"') quoted = !quoted;
        if (quoted) continue;
        if (strchr("([{<", *at) != NULL) depth++;
        if (depth == 0 && (*at == ',' || *at == ')')) break;
        if (strchr(")]}>", *at) != NULL) depth--;
    }
    return at;
}

/* From the argument's name to its end, and one of the commas around it. */
static void blank_argument(char *text, const char *end, char *value, const char *name) {
    size_t length = strlen(name);
    char *from = value, *to = end_of_value(value, end);
    while (from > text && strncmp(from, name, length) != 0) from--;
    if (to < end && *to == ',') {
        to++;
    } else {
        while (from > text && from[-1] != ',' && from[-1] != '(') from--;
        if (from > text && from[-1] == ',') from--;
    }
    memset(from, ' ', (size_t)(to - from));
}

bool emu_ignore_masks(const orion_mil_program *program, char *text, size_t size) {
    static const char name[] = "attn_mask";
    bool any = false;
    for (size_t f = 0; f < orion_mil_program_function_count(program); f++) {
        const orion_mil_function *function = orion_mil_program_function(program, f);
        for (size_t i = 0; i < orion_mil_function_statement_count(function); i++) {
            const orion_mil_statement *s = orion_mil_function_statement(function, i);
            const orion_mil_value *mask = orion_mil_statement_find_argument(s, name);
            if (mask == NULL ||
                strcmp(orion_mil_statement_op(s), "scaled_dot_product_attention") != 0) {
                continue;
            }
            char *value =
                place(text, size, orion_mil_value_line(mask), orion_mil_value_column(mask));
            blank_argument(text, text + size, value, name);
            any = true;
        }
    }
    return any;
}
