/* SPDX-License-Identifier: MIT */
/* Strict YAML from libyaml's events. */
#include "util/strict-yaml.h"

orion_status orn_yaml_refuse_form(orn_yaml *y, const char *expected) {
    ORN_YAML_REFUSE(y, y->event.start_mark, y->syntax, NULL, "expected %s", expected);
    return ORION_ERROR_SYNTAX;
}

static orion_status refuse_yaml(orn_yaml *y) {
    const yaml_parser_t *p = &y->parser;
    if (p->error == YAML_MEMORY_ERROR) return ORION_ERROR_NO_MEMORY;
    yaml_mark_t mark = p->error == YAML_READER_ERROR ? p->mark : p->problem_mark;
    ORN_YAML_REFUSE(y, mark, y->syntax, NULL, "not YAML: %s", p->problem);
    return ORION_ERROR_SYNTAX;
}

static void drop_event(orn_yaml *y) {
    yaml_event_delete(&y->event);
    y->event.type = YAML_NO_EVENT;
}

orion_status orn_yaml_begin(orn_yaml *y, const char *text, size_t length) {
    if (!yaml_parser_initialize(&y->parser)) return ORION_ERROR_NO_MEMORY;
    yaml_parser_set_input_string(&y->parser, (const unsigned char *)text, length);
    y->event.type = YAML_NO_EVENT;
    return ORION_OK;
}

void orn_yaml_end(orn_yaml *y) {
    drop_event(y);
    yaml_parser_delete(&y->parser);
}

static bool is_marked(const yaml_event_t *e) {
    switch (e->type) {
    case YAML_ALIAS_EVENT: return true;
    case YAML_SCALAR_EVENT: return e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL;
    case YAML_MAPPING_START_EVENT:
        return e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL;
    case YAML_SEQUENCE_START_EVENT:
        return e->data.sequence_start.anchor != NULL || e->data.sequence_start.tag != NULL;
    default: return false;
    }
}

orion_status orn_yaml_next(orn_yaml *y) {
    drop_event(y);
    if (!yaml_parser_parse(&y->parser, &y->event)) return refuse_yaml(y);
    if (!is_marked(&y->event)) return ORION_OK;
    return orn_yaml_refuse_form(y, "plain YAML, without anchors, aliases and tags");
}

orion_status orn_yaml_open(orn_yaml *y, bool *has_root) {
    TRY(orn_yaml_next(y)); /* the beginning of the stream */
    TRY(orn_yaml_next(y));
    *has_root = y->event.type != YAML_STREAM_END_EVENT;
    return *has_root ? orn_yaml_next(y) : ORION_OK;
}

orion_status orn_yaml_close(orn_yaml *y) {
    TRY(orn_yaml_next(y)); /* the end of the document */
    TRY(orn_yaml_next(y));
    return y->event.type == YAML_STREAM_END_EVENT ? ORION_OK
                                                  : orn_yaml_refuse_form(y, "one document");
}

const char *orn_yaml_scalar(const orn_yaml *y) {
    return y->event.type == YAML_SCALAR_EVENT ? (const char *)y->event.data.scalar.value : NULL;
}

const char *orn_yaml_plain(const orn_yaml *y) {
    bool fine =
        y->event.type == YAML_SCALAR_EVENT && y->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return fine ? (const char *)y->event.data.scalar.value : NULL;
}
