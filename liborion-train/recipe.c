/* SPDX-License-Identifier: MIT */
/* Recipes: what to train and how, as YAML (docs/recipe.md). */
#include "trainer-internal.h"

#include <yaml.h>

/*
 * The form is two levels of mappings with plain values:
 *
 *   recipe  := mapping of at most: model: section, train: section
 *   section := mapping of FIELD: NUMBER, or nothing
 *
 * It is read from libyaml's events, which carry line and column, with one function per level.
 * Anchors, aliases, tags and further documents are refused: a file means what it shows.
 *
 * libyaml allocates with malloc; the limit on the file bounds what it takes.
 */
enum { RECIPE_BYTES_MAX = 1 << 16 };

typedef struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; YAML_NO_EVENT if none */
    const char *path;
    orion_diag *diag;
    orion_train_model_config config;
    orion_train_options options;
} reader;

/* ---- events ---- */

#define REFUSE_AT(r, mark, message, subject, ...)                                                  \
    orn_diag((r)->diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_##message, (r)->path,                  \
             (uint32_t)(mark).line + 1, (uint32_t)(mark).column + 1, (subject), __VA_ARGS__)

static orion_status refuse_form(reader *r, const char *expected) {
    REFUSE_AT(r, r->event.start_mark, RECIPE_SYNTAX, NULL, "expected %s", expected);
    return ORION_ERROR_SYNTAX;
}

static orion_status refuse_yaml(reader *r) {
    const yaml_parser_t *p = &r->parser;
    if (p->error == YAML_MEMORY_ERROR) return ORION_ERROR_NO_MEMORY;
    yaml_mark_t mark = p->error == YAML_READER_ERROR ? p->mark : p->problem_mark;
    REFUSE_AT(r, mark, RECIPE_SYNTAX, NULL, "not YAML: %s", p->problem);
    return ORION_ERROR_SYNTAX;
}

static void drop_event(reader *r) {
    yaml_event_delete(&r->event);
    r->event.type = YAML_NO_EVENT;
}

/* Step to the next event. */
static orion_status next(reader *r) {
    drop_event(r);
    if (!yaml_parser_parse(&r->parser, &r->event)) return refuse_yaml(r);
    const yaml_event_t *e = &r->event;
    bool marked = e->type == YAML_ALIAS_EVENT ||
                  (e->type == YAML_SCALAR_EVENT &&
                   (e->data.scalar.anchor != NULL || e->data.scalar.tag != NULL)) ||
                  (e->type == YAML_MAPPING_START_EVENT &&
                   (e->data.mapping_start.anchor != NULL || e->data.mapping_start.tag != NULL));
    return marked ? refuse_form(r, "plain YAML, without anchors, aliases and tags") : ORION_OK;
}

/* The plain scalar that is the current event, or NULL. */
static const char *plain(const reader *r) {
    bool fine =
        r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    return fine ? (const char *)r->event.data.scalar.value : NULL;
}

static orion_status refuse_key(reader *r, const char *key, const char *where, bool is_twice) {
    REFUSE_AT(r, r->event.start_mark, RECIPE_KEY, key,
              is_twice ? "%s is given twice in %s" : "there is no %s in %s", key, where);
    return ORION_ERROR_VERIFY;
}

/* ---- levels ---- */

static orion_status read_value(reader *r, const train_field *field, void *into) {
    TRY(next(r));
    const char *text = plain(r);
    if (text != NULL && train_field_parse(field, text, r->event.data.scalar.length, into))
        return ORION_OK;
    REFUSE_AT(r, r->event.start_mark, RECIPE_VALUE, field->name, "%s must be %s%s%.40s",
              field->name, train_field_range(field), text == NULL ? "" : ", not ",
              text == NULL ? "" : text);
    return ORION_ERROR_VERIFY;
}

static orion_status read_section(reader *r, const train_section *section, void *into) {
    uint32_t seen = 0; /* bit i: field i; no section has as many as 32 */
    TRY(next(r));
    const char *nothing = plain(r);
    if (nothing != NULL && nothing[0] == '\0') return ORION_OK;
    if (r->event.type != YAML_MAPPING_START_EVENT) return refuse_form(r, "a mapping of fields");
    for (;;) {
        TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return ORION_OK;
        const char *key = plain(r);
        if (key == NULL) return refuse_form(r, "the name of a field");
        const train_field *field = train_field_find(section, key);
        if (field == NULL) return refuse_key(r, key, section->name, false);
        uint32_t bit = UINT32_C(1) << (field - section->fields);
        if ((seen & bit) != 0) return refuse_key(r, key, section->name, true);
        seen |= bit;
        TRY(read_value(r, field, into));
    }
}

static orion_status read_root(reader *r) {
    const struct {
        const train_section *section;
        void *into;
    } sections[] = {{&train_section_model, &r->config}, {&train_section_train, &r->options}};
    bool seen[ORN_COUNT(sections)] = {false};
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return refuse_form(r, "a mapping with the keys model and train");
    for (;;) {
        TRY(next(r));
        if (r->event.type == YAML_MAPPING_END_EVENT) return ORION_OK;
        const char *key = plain(r);
        if (key == NULL) return refuse_form(r, "model or train");
        size_t i = 0;
        while (i < ORN_COUNT(sections) && strcmp(sections[i].section->name, key) != 0) i++;
        if (i == ORN_COUNT(sections)) return refuse_key(r, key, "a recipe", false);
        if (seen[i]) return refuse_key(r, key, "the recipe", true);
        seen[i] = true;
        TRY(read_section(r, sections[i].section, sections[i].into));
    }
}

static orion_status read_stream(reader *r) {
    TRY(next(r)); /* the beginning of the stream */
    TRY(next(r));
    if (r->event.type == YAML_STREAM_END_EVENT) return ORION_OK; /* all defaults */
    TRY(next(r));
    TRY(read_root(r));
    TRY(next(r)); /* the end of the document */
    TRY(next(r));
    return r->event.type == YAML_STREAM_END_EVENT ? ORION_OK : refuse_form(r, "one document");
}

orion_status train_recipe_parse(const char *text, size_t length, const char *path, orion_diag *diag,
                                orion_train_model_config *config, orion_train_options *options) {
    reader r = {.path = path, .diag = diag};
    if (length > RECIPE_BYTES_MAX) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_RECIPE_SYNTAX, path, 0, 0, NULL,
                 "the recipe has %zu bytes, more than the %d allowed", length, RECIPE_BYTES_MAX);
        return ORION_ERROR_SYNTAX;
    }
    if (!yaml_parser_initialize(&r.parser)) return ORION_ERROR_NO_MEMORY;
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    orion_status status = read_stream(&r);
    drop_event(&r);
    yaml_parser_delete(&r.parser);
    if (status == ORION_OK) status = orn_fill_sized(&r.config, config, sizeof r.config);
    if (status == ORION_OK) status = orn_fill_sized(&r.options, options, sizeof r.options);
    return status;
}

orion_status orion_train_recipe_load(const char *path, const orion_allocator *allocator,
                                     orion_diag *diag, orion_train_model_config *config,
                                     orion_train_options *options) {
    static const orion_train_model_config no_config;
    static const orion_train_options no_options;
    TRY(orn_fill_sized(&no_config, config, sizeof no_config));
    TRY(orn_fill_sized(&no_options, options, sizeof no_options));
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status = train_recipe_parse(orion_blob_data(blob), orion_blob_size(blob), path,
                                             diag, config, options);
    orion_blob_unref(&blob);
    return status;
}
