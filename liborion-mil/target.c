/* SPDX-License-Identifier: MIT */
/* Targets: those that are compiled in, those of users, and looking at one. */
#include "mil-target.h"

static const char *const limit_names[MIL_LIMIT_COUNT] = {"rank",
                                                         "width",
                                                         "height",
                                                         "channels",
                                                         "kernel_width",
                                                         "kernel_height",
                                                         "conv_input_channels",
                                                         "conv_output_channels",
                                                         "argument_extent",
                                                         "weight_files",
                                                         "ports",
                                                         "functions",
                                                         "fan_in",
                                                         "fast_operand_bytes",
                                                         "row_elements",
                                                         "min_surface_bytes",
                                                         "program_bytes"};

static const char *const figure_names[MIL_FIGURE_COUNT] = {
    "dispatch_ns",      "matmul_flops", "conv_flops",    "weight_bytes",    "port_bytes",
    "streamed_percent", "compile_ns",   "compile_op_ns", "compile_byte_ps", "load_ns",
    "reload_ns",        "host_flops",   "host_bytes"};

static const char rules_file[] = "rules";

mil_limit mil_limit_find(const char *name) {
    unsigned i = 0;
    while (i < MIL_LIMIT_COUNT && strcmp(limit_names[i], name) != 0) i++;
    return (mil_limit)i;
}

mil_figure mil_figure_find(const char *name) {
    unsigned i = 0;
    while (i < MIL_FIGURE_COUNT && strcmp(figure_names[i], name) != 0) i++;
    return (mil_figure)i;
}

uint64_t mil_target_limit(const orion_mil_target *t, mil_limit limit) {
    return t->limit_sources[limit] == NULL ? UINT64_MAX : t->limits[limit];
}

bool mil_names_add(orion_mil_target *t, mil_names *names, const char *name, size_t n) {
    char *copy = orn_arena_strndup(&t->arena, name, n);
    if (copy == NULL ||
        !ORN_GROW(&t->arena.allocator, names->names, names->capacity, names->count + 1))
        return false;
    names->names[names->count++] = copy;
    return true;
}

mil_rule *mil_rule_find(const orion_mil_target *t, const char *id) {
    for (size_t i = 0; i < t->rule_count; i++) {
        if (strcmp(t->rules[i].shown.id, id) == 0) return &t->rules[i];
    }
    return NULL;
}

bool mil_rule_holds(const orion_mil_target *t, const char *id) {
    const mil_rule *rule = mil_rule_find(t, id);
    return rule != NULL && rule->shown.enabled != 0;
}

const mil_embedded *mil_embedded_find(const char *name) {
    for (size_t i = 0; i < mil_embedded_count; i++) {
        if (strcmp(mil_embedded_files[i].name, name) == 0) return &mil_embedded_files[i];
    }
    return NULL;
}

/* ---- making one ---- */

static bool is_in(const mil_names *names, const char *name) {
    for (size_t i = 0; i < names->count; i++) {
        if (strcmp(names->names[i], name) == 0) return true;
    }
    return false;
}

/* Rules hold for the targets they name and for those based on them; levels come on top. */
static orion_status settle(orion_mil_target *t, orion_diag *diag) {
    for (size_t i = 0; i < t->rule_count; i++) {
        mil_rule *rule = &t->rules[i];
        rule->shown.enabled = 0;
        for (size_t n = 0; n < t->chain.count; n++)
            rule->shown.enabled |= is_in(&rule->targets, t->chain.names[n]);
    }
    for (size_t i = 0; i < t->level_count; i++) {
        const mil_level *level = &t->levels[i];
        mil_rule *rule = mil_rule_find(t, level->id);
        if (rule == NULL) {
            orn_diag(diag, ORION_SEVERITY_ERROR, ORION_MESSAGE_MIL_TARGET_VALUE, level->path,
                     level->line, level->column, level->id, "there is no rule %s", level->id);
            return ORION_ERROR_VERIFY;
        }
        rule->shown.enabled = !level->off;
        if (!level->off) rule->shown.level = level->level;
    }
    return ORION_OK;
}

orion_status mil_target_parse(const char *text, size_t length, const char *path,
                              const orion_allocator *allocator, orion_diag *diag,
                              orion_mil_target **out_target) {
    *out_target = NULL;
    orion_allocator a = orn_allocator(allocator);
    orion_mil_target *t = orn_zalloc(&a, sizeof *t);
    if (t == NULL) return ORION_ERROR_NO_MEMORY;
    orn_arena_init(&t->arena, &a);
    const mil_embedded *rules = mil_embedded_find(rules_file);
    orion_status status =
        mil_target_read(t, rules->text, rules->length, "rules.yaml", true, 0, diag);
    if (status == ORION_OK) status = mil_target_read(t, text, length, path, false, 0, diag);
    if (status == ORION_OK) status = settle(t, diag);
    if (status != ORION_OK) {
        orion_mil_target_destroy(&t);
        return status;
    }
    *out_target = t;
    return ORION_OK;
}

void orion_mil_target_destroy(orion_mil_target **target) {
    if (target == NULL || *target == NULL) return;
    orion_mil_target *t = *target;
    *target = NULL;
    orion_allocator a = t->arena.allocator;
    for (size_t i = 0; i < t->rule_count; i++) {
        mil_names *targets = &t->rules[i].targets;
        orn_free(&a, targets->names, targets->capacity * sizeof *targets->names);
    }
    orn_free(&a, t->chain.names, t->chain.capacity * sizeof *t->chain.names);
    orn_free(&a, t->chips.names, t->chips.capacity * sizeof *t->chips.names);
    orn_free(&a, t->rules, t->rule_capacity * sizeof *t->rules);
    orn_free(&a, t->ops, t->op_capacity * sizeof *t->ops);
    orn_free(&a, t->whole, t->whole_capacity * sizeof *t->whole);
    orn_free(&a, t->levels, t->level_capacity * sizeof *t->levels);
    orn_arena_clear(&t->arena);
    orn_free(&a, t, sizeof *t);
}

orion_status orion_mil_target_load(const char *path, const orion_allocator *allocator,
                                   orion_diag *diag, orion_mil_target **out_target) {
    *out_target = NULL;
    orion_blob *blob;
    TRY(orion_blob_map_file(path, allocator, diag, &blob));
    orion_status status = mil_target_parse(orion_blob_data(blob), orion_blob_size(blob), path,
                                           allocator, diag, out_target);
    orion_blob_unref(&blob);
    return status;
}

/* ---- what is compiled in ---- */

const char *orion_mil_target_builtin(size_t i) {
    for (size_t f = 0; f < mil_embedded_count; f++) {
        if (strcmp(mil_embedded_files[f].name, rules_file) == 0) continue;
        if (i-- == 0) return mil_embedded_files[f].name;
    }
    return NULL;
}

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_ignoring_case(const char *a, const char *b) {
    while (*a != '\0' && lower(*a) == lower(*b)) a++, b++;
    return lower(*a) == lower(*b);
}

static bool has_chip(const orion_mil_target *t, const char *name) {
    for (size_t i = 0; i < t->chips.count; i++) {
        if (equal_ignoring_case(t->chips.names[i], name)) return true;
    }
    return false;
}

static orion_status open_builtin(const char *name, const orion_allocator *allocator,
                                 orion_diag *diag, orion_mil_target **out_target) {
    const mil_embedded *file = mil_embedded_find(name);
    return mil_target_parse(file->text, file->length, file->name, allocator, diag, out_target);
}

static orion_status refuse_name(const char *name, const orion_allocator *allocator,
                                orion_diag *diag) {
    orion_allocator a = orn_allocator(allocator);
    orn_text list;
    orn_text_init(&list, &a);
    const char *builtin;
    for (size_t i = 0; (builtin = orion_mil_target_builtin(i)) != NULL; i++) {
        if (i != 0) orn_text_puts(&list, ", ");
        orn_text_puts(&list, builtin);
    }
    orion_status status = orn_text_status(&list);
    if (status == ORION_OK)
        ORN_ERROR(diag, MIL_NO_TARGET, name, "there is no target '%s'; there are %s", name,
                  list.data);
    orn_text_free(&list);
    return status == ORION_OK ? ORION_ERROR_NOT_FOUND : status;
}

orion_status orion_mil_target_find(const char *name, const orion_allocator *allocator,
                                   orion_diag *diag, orion_mil_target **out_target) {
    *out_target = NULL;
    const char *builtin;
    for (size_t i = 0; (builtin = orion_mil_target_builtin(i)) != NULL; i++) {
        if (strcmp(builtin, name) == 0) return open_builtin(builtin, allocator, diag, out_target);
    }
    for (size_t i = 0; (builtin = orion_mil_target_builtin(i)) != NULL; i++) {
        orion_mil_target *t;
        TRY(open_builtin(builtin, allocator, diag, &t));
        if (has_chip(t, name)) {
            *out_target = t;
            return ORION_OK;
        }
        orion_mil_target_destroy(&t);
    }
    return refuse_name(name, allocator, diag);
}

/* ---- looking at one ---- */

const char *orion_mil_target_name(const orion_mil_target *target) {
    return target->name;
}

const char *orion_mil_target_summary(const orion_mil_target *target) {
    return target->summary;
}

const char *orion_mil_target_chip(const orion_mil_target *target, size_t i) {
    return i < target->chips.count ? target->chips.names[i] : NULL;
}

orion_status orion_mil_target_limit(const orion_mil_target *target, size_t i,
                                    orion_mil_limit *out_limit) {
    orion_mil_limit limit = {.size = sizeof limit};
    orion_status status = ORION_ERROR_NOT_FOUND;
    for (size_t n = 0; n < MIL_LIMIT_COUNT && status != ORION_OK; n++) {
        if (target->limit_sources[n] == NULL || i-- != 0) continue;
        limit.name = limit_names[n];
        limit.source = target->limit_sources[n];
        limit.value = target->limits[n];
        status = ORION_OK;
    }
    TRY(orn_fill_sized(&limit, out_limit, sizeof limit));
    return status;
}

orion_status orion_mil_target_figure(const orion_mil_target *target, size_t i,
                                     orion_mil_figure *out_figure) {
    orion_mil_figure figure = {.size = sizeof figure};
    orion_status status = ORION_ERROR_NOT_FOUND;
    for (size_t n = 0; n < MIL_FIGURE_COUNT && status != ORION_OK; n++) {
        if (target->figure_sources[n] == NULL || i-- != 0) continue;
        figure.name = figure_names[n];
        figure.source = target->figure_sources[n];
        figure.value = target->figures[n];
        status = ORION_OK;
    }
    TRY(orn_fill_sized(&figure, out_figure, sizeof figure));
    return status;
}

orion_mil_dialect orion_mil_target_dialect(const orion_mil_target *target) {
    return mil_rule_holds(target, "X-11") ? ORION_MIL_IOS16 : ORION_MIL_IOS18;
}

static orion_status show_rule(const mil_rule *rule, orion_mil_rule *out_rule) {
    static const orion_mil_rule none;
    TRY(orn_fill_sized(rule == NULL ? &none : &rule->shown, out_rule, sizeof none));
    return rule == NULL ? ORION_ERROR_NOT_FOUND : ORION_OK;
}

orion_status orion_mil_target_rule(const orion_mil_target *target, size_t i,
                                   orion_mil_rule *out_rule) {
    return show_rule(i < target->rule_count ? &target->rules[i] : NULL, out_rule);
}

orion_status orion_mil_target_find_rule(const orion_mil_target *target, const char *id,
                                        orion_mil_rule *out_rule) {
    return show_rule(mil_rule_find(target, id), out_rule);
}
