/* SPDX-License-Identifier: MIT */
/*
 * YAML as a strict stream of events: every refusal has a line and a column.
 *
 * Anchors, aliases, tags and further documents are refused: a file means what it shows. libyaml
 * allocates with malloc; the reader's limit on bytes bounds what it takes.
 */
#ifndef ORN_YAML_H
#define ORN_YAML_H

#include "util/util.h"

#include <yaml.h>

typedef struct orn_yaml {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; YAML_NO_EVENT if none */
    const char *path;
    orion_diag *diag;
    orion_message syntax; /* the message of a text that does not have the form */
} orn_yaml;

/* A diagnostic at a mark of libyaml. */
#define ORN_YAML_REFUSE(y, mark, message, subject, ...)                                            \
    orn_diag((y)->diag, ORION_SEVERITY_ERROR, (message), (y)->path, (uint32_t)(mark).line + 1,     \
             (uint32_t)(mark).column + 1, (subject), __VA_ARGS__)

/* Begin on `text`, which must stay; the fields path, diag and syntax are set. On failure there is
 * nothing to end. */
orion_status orn_yaml_begin(orn_yaml *y, const char *text, size_t length);
void orn_yaml_end(orn_yaml *y);
/* Step to the next event. */
orion_status orn_yaml_next(orn_yaml *y);
/* Step to the root of the only document; *has_root is false if the stream is empty. */
orion_status orn_yaml_open(orn_yaml *y, bool *has_root);
/* Step behind the root: there must be nothing else. */
orion_status orn_yaml_close(orn_yaml *y);
/* The scalar that is the current event, or NULL. */
const char *orn_yaml_scalar(const orn_yaml *y);
/* The same if it is written without quotes, else NULL. */
const char *orn_yaml_plain(const orn_yaml *y);
/* "expected ..." at the current event. Returns ORION_ERROR_SYNTAX. */
orion_status orn_yaml_refuse_form(orn_yaml *y, const char *expected);

#endif
