/* SPDX-License-Identifier: MIT */
/* Files of targets and of rules, from YAML (docs/targets.md has the schema). */
#include "mil-target.h"

#include "util/strict-yaml.h"

#include <stddef.h>

/*
 * A file is a tree of mappings. One whose keys are known is described by a table of keys, each with
 * a function that reads its value into a field; one whose keys are names (limits, ops, levels) is
 * read entry by entry. Every function starts at the first event of its value and ends at the last.
 * A key that is unknown, missing or given twice is refused, as is a value of the wrong kind.
 */
enum {
    FILE_BYTES_MAX = 1 << 20,
    BASE_DEPTH_MAX = 4,
};

typedef struct reader {
    orn_yaml yaml;
    orion_mil_target *target;
    unsigned depth;
    bool has_content; /* something that a base would come under */
} reader;

typedef struct word {
    const char *name;
    uint32_t value;
} word;

typedef struct key key;
struct key {
    const char *name;
    orion_status (*read)(reader *r, const key *k, void *field);
    size_t offset; /* of the field */
    const word *words;
    bool is_optional;
};

static orion_status refuse_value(reader *r, const char *subject, const char *expected) {
    ORN_YAML_REFUSE(&r->yaml, r->yaml.event.start_mark, ORION_MESSAGE_MIL_TARGET_VALUE, subject,
                    "%s must be %s", subject, expected);
    return ORION_ERROR_VERIFY;
}

static orion_status refuse_key(reader *r, yaml_mark_t mark, const char *name, const char *problem) {
    ORN_YAML_REFUSE(&r->yaml, mark, ORION_MESSAGE_MIL_TARGET_KEY, name, "%.60s %s", name, problem);
    return ORION_ERROR_VERIFY;
}

/* ---- plain values ---- */

/* The scalar at hand as a string of the target; it must not be empty. */
static orion_status take_text(reader *r, const char *name, const char **out) {
    const char *text = orn_yaml_scalar(&r->yaml);
    size_t n = text == NULL ? 0 : r->yaml.event.data.scalar.length;
    if (n == 0 || memchr(text, '\0', n) != NULL) return refuse_value(r, name, "a text");
    *out = orn_arena_strndup(&r->target->arena, text, n);
    return *out == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

static orion_status read_text(reader *r, const key *k, void *field) {
    return take_text(r, k->name, field);
}

static orion_status read_word(reader *r, const key *k, void *field) {
    const char *text = orn_yaml_plain(&r->yaml);
    for (const word *w = k->words; w->name != NULL; w++) {
        if (text == NULL || strcmp(text, w->name) != 0) continue;
        *(uint32_t *)field = w->value;
        return ORION_OK;
    }
    char expected[128] = "one of:";
    size_t n = strlen(expected);
    for (const word *w = k->words; w->name != NULL; w++) {
        size_t length = strlen(w->name);
        if (n + length + 2 > sizeof expected) break;
        expected[n++] = ' ';
        memcpy(expected + n, w->name, length + 1);
        n += length;
    }
    return refuse_value(r, k->name, expected);
}

/* One of the words, kept as text. */
static orion_status read_word_text(reader *r, const key *k, void *field) {
    uint32_t number = 0;
    TRY(read_word(r, k, &number));
    return take_text(r, k->name, field);
}

static orion_status read_number(reader *r, const key *k, void *field) {
    const char *text = orn_yaml_plain(&r->yaml);
    if (text != NULL && orn_parse_u64(text, r->yaml.event.data.scalar.length, field))
        return ORION_OK;
    return refuse_value(r, k->name, "a whole number");
}

static orion_status read_names(reader *r, const key *k, void *field) {
    mil_names *names = field;
    names->count = 0;
    if (r->yaml.event.type != YAML_SEQUENCE_START_EVENT)
        return refuse_value(r, k->name, "a list of names");
    for (;;) {
        TRY(orn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_SEQUENCE_END_EVENT) return ORION_OK;
        const char *name;
        TRY(take_text(r, k->name, &name));
        if (!mil_names_add(r->target, names, name, strlen(name))) return ORION_ERROR_NO_MEMORY;
    }
}

/* ---- mappings ---- */

static orion_status read_mapping(reader *r, const key *keys, const char *what, void *into) {
    uint32_t seen = 0; /* bit i: key i */
    yaml_mark_t start = r->yaml.event.start_mark;
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT)
        return orn_yaml_refuse_form(&r->yaml, "a mapping");
    for (;;) {
        TRY(orn_yaml_next(&r->yaml));
        if (r->yaml.event.type == YAML_MAPPING_END_EVENT) break;
        const char *name = orn_yaml_scalar(&r->yaml);
        if (name == NULL) return orn_yaml_refuse_form(&r->yaml, "the name of a key");
        uint32_t i = 0;
        while (keys[i].name != NULL && strcmp(keys[i].name, name) != 0) i++;
        if (keys[i].name == NULL || (seen & UINT32_C(1) << i) != 0) {
            return refuse_key(r, r->yaml.event.start_mark, name,
                              keys[i].name == NULL ? "is not a key here" : "is given twice");
        }
        seen |= UINT32_C(1) << i;
        TRY(orn_yaml_next(&r->yaml));
        TRY(keys[i].read(r, &keys[i], (char *)into + keys[i].offset));
    }
    for (uint32_t i = 0; keys[i].name != NULL; i++) {
        if (keys[i].is_optional || (seen & UINT32_C(1) << i) != 0) continue;
        ORN_YAML_REFUSE(&r->yaml, start, ORION_MESSAGE_MIL_TARGET_KEY, keys[i].name,
                        "%s has no key %s", what, keys[i].name);
        return ORION_ERROR_VERIFY;
    }
    return ORION_OK;
}

typedef orion_status (*entry_fn)(reader *r, const char *name, yaml_mark_t mark);

static orion_status read_entry(reader *r, orn_map *seen, entry_fn read) {
    const char *name;
    yaml_mark_t mark = r->yaml.event.start_mark;
    TRY(take_text(r, "a key", &name));
    if (orn_map_get(seen, name, strlen(name)) != NULL)
        return refuse_key(r, mark, name, "is given twice");
    TRY(orn_map_put(seen, name, strlen(name), 1));
    TRY(orn_yaml_next(&r->yaml));
    return read(r, name, mark);
}

static orion_status read_entries(reader *r, entry_fn read) {
    if (r->yaml.event.type != YAML_MAPPING_START_EVENT)
        return orn_yaml_refuse_form(&r->yaml, "a mapping");
    orn_map seen;
    orn_map_init(&seen, &r->target->arena.allocator);
    orion_status status = ORION_OK;
    while (status == ORION_OK) {
        status = orn_yaml_next(&r->yaml);
        if (status != ORION_OK || r->yaml.event.type == YAML_MAPPING_END_EVENT) break;
        status = read_entry(r, &seen, read);
    }
    orn_map_free(&seen);
    return status;
}

/* ---- limits, ops, levels ---- */

typedef struct limit_entry {
    uint64_t value;
    const char *source;
} limit_entry;

static const key limit_keys[] = {
    {.name = "value", .read = read_number, .offset = offsetof(limit_entry, value)},
    {.name = "source", .read = read_text, .offset = offsetof(limit_entry, source)},
    {.name = NULL}};

static orion_status read_limit(reader *r, const char *name, yaml_mark_t mark) {
    mil_limit limit = mil_limit_find(name);
    if (limit == MIL_LIMIT_COUNT) return refuse_key(r, mark, name, "is not a limit");
    limit_entry entry = {0};
    TRY(read_mapping(r, limit_keys, name, &entry));
    r->target->limits[limit] = entry.value;
    r->target->limit_sources[limit] = entry.value == 0 ? NULL : entry.source;
    return ORION_OK;
}

static orion_status read_figure(reader *r, const char *name, yaml_mark_t mark) {
    mil_figure figure = mil_figure_find(name);
    if (figure == MIL_FIGURE_COUNT) return refuse_key(r, mark, name, "is not a figure");
    limit_entry entry = {0};
    TRY(read_mapping(r, limit_keys, name, &entry));
    r->target->figures[figure] = entry.value;
    r->target->figure_sources[figure] = entry.value == 0 ? NULL : entry.source;
    return ORION_OK;
}

static const key whole_keys[] = {
    {.name = "source", .read = read_text, .offset = offsetof(mil_whole_op, source)},
    {.name = NULL}};

static orion_status read_whole_op(reader *r, const char *name, yaml_mark_t mark) {
    orion_mil_target *t = r->target;
    const orion_ir_op_info *op = orion_ir_op_from_name(name);
    if (op == NULL || op->is_model == 0) return refuse_key(r, mark, name, "is not a model op");
    mil_whole_op entry = {.op = name};
    TRY(read_mapping(r, whole_keys, name, &entry));
    if (!ORN_GROW(&t->arena.allocator, t->whole, t->whole_capacity, t->whole_count + 1))
        return ORION_ERROR_NO_MEMORY;
    t->whole[t->whole_count++] = entry;
    return ORION_OK;
}

typedef struct op_entry {
    const char *rule, *source;
    uint32_t doubtful, reserved;
} op_entry;

static const word truth[] = {{"true", 1}, {"false", 0}, {NULL, 0}};
static const key op_keys[] = {
    {.name = "rule", .read = read_text, .offset = offsetof(op_entry, rule)},
    {.name = "source", .read = read_text, .offset = offsetof(op_entry, source)},
    {.name = "doubtful",
     .read = read_word,
     .words = truth,
     .offset = offsetof(op_entry, doubtful),
     .is_optional = true},
    {.name = NULL}};

static orion_status read_op(reader *r, const char *name, yaml_mark_t mark) {
    orion_mil_target *t = r->target;
    op_entry entry = {0};
    TRY(read_mapping(r, op_keys, name, &entry));
    if (mil_rule_find(t, entry.rule) == NULL) {
        ORN_YAML_REFUSE(&r->yaml, mark, ORION_MESSAGE_MIL_TARGET_VALUE, entry.rule,
                        "there is no rule %.60s", entry.rule);
        return ORION_ERROR_VERIFY;
    }
    size_t i = 0;
    while (i < t->op_count && strcmp(t->ops[i].op, name) != 0) i++;
    if (!ORN_GROW(&t->arena.allocator, t->ops, t->op_capacity, i + 1)) return ORION_ERROR_NO_MEMORY;
    t->ops[i] = (mil_refused_op){name, entry.rule, entry.source, entry.doubtful != 0};
    t->op_count = ORN_MAX(t->op_count, i + 1);
    return ORION_OK;
}

enum { LEVEL_OFF = 1000 };
static const word levels_or_off[] = {{"error", ORION_SEVERITY_ERROR},
                                     {"warning", ORION_SEVERITY_WARNING},
                                     {"note", ORION_SEVERITY_NOTE},
                                     {"off", LEVEL_OFF},
                                     {NULL, 0}};

static orion_status read_level(reader *r, const char *name, yaml_mark_t mark) {
    orion_mil_target *t = r->target;
    const key k = {.name = name, .words = levels_or_off};
    uint32_t level = 0;
    TRY(read_word(r, &k, &level));
    const char *path = orn_arena_strndup(&t->arena, r->yaml.path, strlen(r->yaml.path));
    if (path == NULL ||
        !ORN_GROW(&t->arena.allocator, t->levels, t->level_capacity, t->level_count + 1))
        return ORION_ERROR_NO_MEMORY;
    t->levels[t->level_count++] = (mil_level){.id = name,
                                              .path = path,
                                              .level = level,
                                              .off = level == LEVEL_OFF,
                                              .line = (uint32_t)mark.line + 1,
                                              .column = (uint32_t)mark.column + 1};
    return ORION_OK;
}

/* ---- rules ---- */

static const word severities[] = {{"compile", 0}, {"evaluate", 0}, {"crash", 0}, {"wrong-data", 0},
                                  {"numeric", 0}, {"slow", 0},     {"cost", 0},  {NULL, 0}};
static const word levels[] = {{"error", ORION_SEVERITY_ERROR},
                              {"warning", ORION_SEVERITY_WARNING},
                              {"note", ORION_SEVERITY_NOTE},
                              {NULL, 0}};
static const word verdicts[] = {{"solid", ORION_MIL_SOLID},
                                {"explained", ORION_MIL_EXPLAINED},
                                {"doubtful", ORION_MIL_DOUBTFUL},
                                {NULL, 0}};
static const word whens[] = {{"static", 1}, {"runtime", 0}, {NULL, 0}};

#define SHOWN(field) offsetof(mil_rule, shown.field)
static const key rule_keys[] = {
    {.name = "id", .read = read_text, .offset = SHOWN(id)},
    {.name = "statement", .read = read_text, .offset = SHOWN(statement)},
    {.name = "severity", .read = read_word_text, .words = severities, .offset = SHOWN(severity)},
    {.name = "level", .read = read_word, .words = levels, .offset = SHOWN(level)},
    {.name = "verdict", .read = read_word, .words = verdicts, .offset = SHOWN(verdict)},
    {.name = "when", .read = read_word, .words = whens, .offset = SHOWN(decidable)},
    {.name = "targets", .read = read_names, .offset = offsetof(mil_rule, targets)},
    {.name = "chips", .read = read_text, .offset = SHOWN(chips)},
    {.name = "os", .read = read_text, .offset = SHOWN(os), .is_optional = true},
    {.name = "symptom", .read = read_text, .offset = SHOWN(symptom)},
    {.name = "workaround", .read = read_text, .offset = SHOWN(workaround)},
    {.name = "source", .read = read_text, .offset = SHOWN(source)},
    {.name = NULL}};

/* One row of a list; `first` is where this file's rows begin, among which ids are unique. */
static orion_status read_rule(reader *r, orn_map *seen) {
    orion_mil_target *t = r->target;
    yaml_mark_t start = r->yaml.event.start_mark;
    mil_rule rule = {.shown.size = sizeof rule.shown};
    orion_status status = read_mapping(r, rule_keys, "a rule", &rule);
    mil_rule *old = NULL;
    if (status == ORION_OK) {
        size_t n = strlen(rule.shown.id);
        if (orn_map_get(seen, rule.shown.id, n) != NULL)
            status = refuse_key(r, start, rule.shown.id, "is given twice");
        if (status == ORION_OK) status = orn_map_put(seen, rule.shown.id, n, 1);
        old = mil_rule_find(t, rule.shown.id);
    }
    if (status == ORION_OK && old == NULL &&
        !ORN_GROW(&t->arena.allocator, t->rules, t->rule_capacity, t->rule_count + 1))
        status = ORION_ERROR_NO_MEMORY;
    if (status == ORION_OK && old == NULL) old = memset(&t->rules[t->rule_count++], 0, sizeof *old);
    mil_names *unused = status == ORION_OK ? &old->targets : &rule.targets;
    orn_free(&t->arena.allocator, unused->names, unused->capacity * sizeof *unused->names);
    if (status == ORION_OK) *old = rule;
    return status;
}

static orion_status read_rules(reader *r, const key *k, void *field) {
    (void)field;
    r->has_content = true;
    if (r->yaml.event.type != YAML_SEQUENCE_START_EVENT)
        return refuse_value(r, k->name, "a list of rules");
    orn_map seen;
    orn_map_init(&seen, &r->target->arena.allocator);
    orion_status status = ORION_OK;
    while (status == ORION_OK) {
        status = orn_yaml_next(&r->yaml);
        if (status != ORION_OK || r->yaml.event.type == YAML_SEQUENCE_END_EVENT) break;
        status = read_rule(r, &seen);
    }
    orn_map_free(&seen);
    return status;
}

/* ---- a target ---- */

static orion_status read_limits(reader *r, const key *k, void *field) {
    (void)k, (void)field;
    r->has_content = true;
    return read_entries(r, read_limit);
}

static orion_status read_figures(reader *r, const key *k, void *field) {
    (void)k, (void)field;
    r->has_content = true;
    return read_entries(r, read_figure);
}

static orion_status read_whole(reader *r, const key *k, void *field) {
    (void)k, (void)field;
    r->has_content = true;
    return read_entries(r, read_whole_op);
}

static orion_status read_ops(reader *r, const key *k, void *field) {
    (void)k, (void)field;
    r->has_content = true;
    return read_entries(r, read_op);
}

static orion_status read_levels(reader *r, const key *k, void *field) {
    (void)k, (void)field;
    r->has_content = true;
    return read_entries(r, read_level);
}

/* Take all of the base, which is compiled in; only its chips are its own. */
static orion_status read_base(reader *r, const key *k, void *field) {
    orion_mil_target *t = field;
    const char *name, *own_name = t->name, *own_summary = t->summary;
    TRY(take_text(r, k->name, &name));
    const mil_embedded *file = mil_embedded_find(name);
    if (file == NULL || strcmp(name, "rules") == 0 || r->depth == BASE_DEPTH_MAX)
        return refuse_value(r, k->name, "the name of a target that is compiled in");
    if (r->has_content)
        return refuse_key(r, r->yaml.event.start_mark, k->name,
                          "must stand before limits, ops, levels and rules");
    TRY(mil_target_read(t, file->text, file->length, file->name, false, r->depth + 1,
                        r->yaml.diag));
    t->name = own_name;
    t->summary = own_summary;
    t->chips.count = 0;
    return ORION_OK;
}

static const word wordings[] = {{"paper", 1}, {"explained", 0}, {NULL, 0}};

#define TARGET(field) offsetof(orion_mil_target, field)
static orion_status read_wording(reader *r, const key *k, void *field) {
    uint32_t paper = 0;
    TRY(read_word(r, k, &paper));
    *(bool *)field = paper != 0;
    r->has_content = true;
    return ORION_OK;
}

static orion_status read_chips(reader *r, const key *k, void *field) {
    r->has_content = true;
    return read_names(r, k, field);
}

static const key target_keys[] = {
    {.name = "target", .read = read_text, .offset = TARGET(name)},
    {.name = "base", .read = read_base, .is_optional = true},
    {.name = "summary", .read = read_text, .offset = TARGET(summary)},
    {.name = "chips", .read = read_chips, .offset = TARGET(chips), .is_optional = true},
    {.name = "wording",
     .read = read_wording,
     .words = wordings,
     .offset = TARGET(paper),
     .is_optional = true},
    {.name = "limits", .read = read_limits, .is_optional = true},
    {.name = "ops", .read = read_ops, .is_optional = true},
    {.name = "whole", .read = read_whole, .is_optional = true},
    {.name = "figures", .read = read_figures, .is_optional = true},
    {.name = "levels", .read = read_levels, .is_optional = true},
    {.name = "rules", .read = read_rules, .is_optional = true},
    {.name = NULL}};

static const key rules_keys[] = {{.name = "rules", .read = read_rules}, {.name = NULL}};

static orion_status read_file(reader *r, bool only_rules) {
    bool has_root;
    TRY(orn_yaml_open(&r->yaml, &has_root));
    if (!has_root) return orn_yaml_refuse_form(&r->yaml, "a mapping");
    TRY(read_mapping(r, only_rules ? rules_keys : target_keys, "the file", r->target));
    TRY(orn_yaml_close(&r->yaml));
    const char *name = r->target->name;
    if (only_rules || mil_names_add(r->target, &r->target->chain, name, strlen(name)))
        return ORION_OK;
    return ORION_ERROR_NO_MEMORY;
}

orion_status mil_target_read(orion_mil_target *t, const char *text, size_t length, const char *path,
                             bool only_rules, unsigned depth, orion_diag *diag) {
    reader r = {
        .yaml = {.path = path, .diag = diag, .syntax = ORION_MESSAGE_MIL_TARGET_SYNTAX},
        .target = t,
        .depth = depth,
    };
    if (length > FILE_BYTES_MAX) {
        orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_TARGET_SYNTAX, path, 0, 0, NULL,
                 "the file has %zu bytes, more than the %d allowed", length, FILE_BYTES_MAX);
        return ORION_ERROR_SYNTAX;
    }
    TRY(orn_yaml_begin(&r.yaml, text, length));
    orion_status status = read_file(&r, only_rules);
    orn_yaml_end(&r.yaml);
    return status;
}
