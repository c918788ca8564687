/* SPDX-License-Identifier: MIT */
/* Recipes: what to train and how, as YAML (docs/recipe.md). */
#include "trainer-internal.h"

#include "util/strict-yaml.h"

/*
 * The form is two levels of mappings with plain values:
 *
 *   recipe  := mapping of at most: model: section, train: section
 *   section := mapping of FIELD: NUMBER, or nothing
 *
 * It is read event by event, with one function per level.
 */
enum { RECIPE_BYTES_MAX = 1 << 16 };

typedef struct reader {
    orn_yaml yaml;
    orion_train_model_config config;
    orion_train_options options;
} reader;

static orion_status refuse_key(reader *r, const char *key, const char *where, bool is_twice) {
    ORN_YAML_REFUSE(&r->yaml, r->yaml.event.start_mark, ORION_MESSAGE_RECIPE_KEY, key,
                    is_twice ? "%s is given twice in %s" : "there is no %s in %s", key, where);
    return ORION_ERROR_VERIFY;
}

/* ---- levels ---- */

static orion_status read_value(reader *r, const train_field *field, void *into) {
    TRY(orn_yaml_next(&r->yaml));
    const char *text = orn_yaml_plain(&r->yaml);
    if (text != NULL && train_field_parse(field, text, r->yaml.event.data.scalar.length, into))
        return ORION_OK;
    ORN_YAML_REFUSE(&r->yaml, r->yaml.event.start_mark, ORION_MESSAGE_RECIPE_VALUE, field->name,
                    "%s must be %s%s%.40s", field->name, train_field_range(field),
                    text == NULL ? "" : ", not ", text == NULL ? "" : text);
    return ORION_ERROR_VERIFY;
}

static orion_status read_section(reader *r, const train_section *section, void *into) {
    uint32_t seen = 0; /* bit i: field i; no section has as many as 32 */
    TRY(orn_yaml_next(&r->yaml));
    const char *nothing = orn_yaml_plain(&r->yaml);
    if (nothing != NULL && nothing[0] == '\0') return ORION_OK;
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT)
        return orn_yaml_refuse_form(&r->yaml, "a mapping of fields");
    for (;;) {
        TRY(orn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT) return ORION_OK;
        const char *key = orn_yaml_plain(&r->yaml);
        if (key == NULL) return orn_yaml_refuse_form(&r->yaml, "the name of a field");
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
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT)
        return orn_yaml_refuse_form(&r->yaml, "a mapping with the keys model and train");
    for (;;) {
        TRY(orn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT) return ORION_OK;
        const char *key = orn_yaml_plain(&r->yaml);
        if (key == NULL) return orn_yaml_refuse_form(&r->yaml, "model or train");
        size_t i = 0;
        while (i < ORN_COUNT(sections) && strcmp(sections[i].section->name, key) != 0) i++;
        if (i == ORN_COUNT(sections)) return refuse_key(r, key, "a recipe", false);
        if (seen[i]) return refuse_key(r, key, "the recipe", true);
        seen[i] = true;
        TRY(read_section(r, sections[i].section, sections[i].into));
    }
}

static orion_status read_stream(reader *r) {
    bool has_root;
    TRY(orn_yaml_open(&r->yaml, &has_root));
    if (!has_root) return ORION_OK; /* all defaults */
    TRY(read_root(r));
    return orn_yaml_close(&r->yaml);
}

orion_status train_recipe_parse(const char *text, size_t length, const char *path, orion_diag *diag,
                                orion_train_model_config *config, orion_train_options *options) {
    reader r = {.yaml = {.path = path, .diag = diag, .syntax = ORION_MESSAGE_RECIPE_SYNTAX}};
    if (length > RECIPE_BYTES_MAX) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_RECIPE_SYNTAX, path, 0, 0, NULL,
                 "the recipe has %zu bytes, more than the %d allowed", length, RECIPE_BYTES_MAX);
        return ORION_ERROR_SYNTAX;
    }
    TRY(orn_yaml_begin(&r.yaml, text, length));
    orion_status status = read_stream(&r);
    orn_yaml_end(&r.yaml);
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
