/* SPDX-License-Identifier: MIT */
/* Command-line options from a list: parsing, checking and the help made from it. */
#include "cli.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void add(option_list *list, option row) {
    assert(list->count < OPTIONS_MAX);
    list->rows[list->count++] = row;
}

void option_flag(option_list *list, const char *name, const char *help, bool *into) {
    add(list, (option){.name = name, .help = help, .into = into, .kind = OPTION_FLAG});
}

void option_text(option_list *list, const char *name, const char *value, const char *help,
                 const char **into) {
    add(list,
        (option){
            .name = name, .value = value, .help = help, .into = (void *)into, .kind = OPTION_TEXT});
}

void option_texts(option_list *list, const char *name, const char *value, const char *help,
                  text_list *into) {
    add(list,
        (option){.name = name, .value = value, .help = help, .into = into, .kind = OPTION_TEXTS});
}

void option_count(option_list *list, const char *name, const char *help, uint64_t *into,
                  uint64_t low, uint64_t high) {
    add(list, (option){.name = name,
                       .value = "N",
                       .help = help,
                       .into = into,
                       .low = low,
                       .high = high,
                       .kind = OPTION_COUNT});
}

void option_number(option_list *list, const char *name, const char *value, const char *help,
                   double *into, double min, double max) {
    add(list, (option){.name = name,
                       .value = value,
                       .help = help,
                       .into = into,
                       .min = min,
                       .max = max,
                       .kind = OPTION_NUMBER});
}

void option_letter(option_list *list, char letter) {
    list->rows[list->count - 1].letter = letter;
}

void option_operand(option_list *list, const char *name, const char **into) {
    assert(list->operand_count < OPERANDS_MAX);
    list->operands[list->operand_count].name = name;
    list->operands[list->operand_count++].into = into;
}

static option *find(option_list *list, const char *name, size_t length) {
    for (size_t i = 0; i < list->count; i++) {
        const char *candidate = list->rows[i].name;
        if (strlen(candidate) == length && memcmp(candidate, name, length) == 0)
            return &list->rows[i];
    }
    return NULL;
}

bool option_given(const option_list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->rows[i].name, name) == 0) return list->rows[i].given;
    }
    return false;
}

static void print_help(const option_list *list) {
    const command *c = list->command;
    printf("orion %s - %s\n\nusage: %s\n\n%s\n\noptions:\n", c->name, c->summary, c->usage,
           c->details);
    for (size_t i = 0; i < list->count; i++) {
        const option *o = &list->rows[i];
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->value == NULL ? "" : " ",
                 o->value == NULL ? "" : o->value);
        printf("  %-18s %s", left, o->help);
        if (o->letter != '\0') printf("; also -%c", o->letter);
        putchar('\n');
    }
    printf("  %-18s %s\n\nexamples:\n%s\n", "--help", "show this help", c->examples);
}

static bool parse_count(const char *s, uint64_t *out) {
    if (*s < '0' || *s > '9') return false;
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 10);
    return errno == 0 && *end == '\0';
}

static bool take_value(const command *c, option *o, const char *text) {
    text_list *texts;
    uint64_t count;
    double number;
    char *end;
    switch (o->kind) {
    case OPTION_FLAG: *(bool *)o->into = true; break;
    case OPTION_TEXT: *(const char **)o->into = text; break;
    case OPTION_TEXTS:
        texts = o->into;
        if (texts->count == TEXTS_MAX) {
            complain("%s: --%s can be given %d times", c->name, o->name, TEXTS_MAX);
            return false;
        }
        texts->items[texts->count++] = text;
        break;
    case OPTION_COUNT:
        if (!parse_count(text, &count) || count < o->low || count > o->high) {
            complain("%s: --%s wants a whole number from %" PRIu64 " to %" PRIu64 ", not '%s'",
                     c->name, o->name, o->low, o->high, text);
            return false;
        }
        *(uint64_t *)o->into = count;
        break;
    case OPTION_NUMBER:
        number = strtod(text, &end);
        if (end == text || *end != '\0' || !(number >= o->min && number <= o->max)) {
            complain("%s: --%s wants a number from %g to %g, not '%s'", c->name, o->name, o->min,
                     o->max, text);
            return false;
        }
        *(double *)o->into = number;
        break;
    }
    o->given = true;
    return true;
}

/* The option that `arg` names, as --name, --name=value or -letter; NULL with a message. */
static option *named(option_list *list, const char *arg, const char **value) {
    const char *who = list->command->name;
    for (size_t i = 0; arg[0] == '-' && i < list->count; i++) {
        char letter = list->rows[i].letter;
        if (letter != '\0' && arg[1] == letter && arg[2] == '\0') return &list->rows[i];
    }
    if (strncmp(arg, "--", 2) != 0) {
        complain("%s: unexpected argument '%s'; try 'orion %s --help'", who, arg, who);
        return NULL;
    }
    const char *equals = strchr(arg, '=');
    size_t length = equals == NULL ? strlen(arg + 2) : (size_t)(equals - arg - 2);
    option *o = find(list, arg + 2, length);
    if (o == NULL)
        complain("%s: unknown option '%.*s'; try 'orion %s --help'", who, (int)length + 2, arg,
                 who);
    if (equals != NULL) *value = equals + 1;
    return o;
}

/* Parse argv[*i] and, if it wants one, the value behind it. */
static bool parse_one(option_list *list, int argc, char **argv, int *i) {
    const command *c = list->command;
    const char *arg = argv[*i], *value = NULL;
    if (arg[0] != '-' && list->operands_given < list->operand_count) {
        *list->operands[list->operands_given++].into = arg;
        return true;
    }
    option *o = named(list, arg, &value);
    if (o == NULL) return false;
    if (o->kind == OPTION_FLAG && value != NULL) {
        complain("%s: --%s takes no value", c->name, o->name);
        return false;
    }
    if (o->kind != OPTION_FLAG && value == NULL) {
        if (*i + 1 == argc) {
            complain("%s: --%s needs a value (%s)", c->name, o->name, o->value);
            return false;
        }
        value = argv[++*i];
    }
    return take_value(c, o, value);
}

parse_result parse_options(option_list *list, int argc, char **argv) {
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            print_help(list);
            return PARSE_HELP;
        }
    }
    for (int i = 0; i < argc; i++) {
        if (!parse_one(list, argc, argv, &i)) return PARSE_ERROR;
    }
    if (list->operands_given < list->operand_count) {
        complain("%s: give %s; try 'orion %s --help'", list->command->name,
                 list->operands[list->operands_given].name, list->command->name);
        return PARSE_ERROR;
    }
    return PARSE_OK;
}
