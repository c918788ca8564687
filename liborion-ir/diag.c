/* SPDX-License-Identifier: MIT */
/* The list of diagnostics and the table of messages behind it. */
#include "util/util.h"

enum { DIAG_MAX = 256 };

struct orion_diag {
    orn_arena arena;
    orion_diag_entry entries[DIAG_MAX];
    size_t count, dropped;
};

static const struct message {
    uint32_t number;
    const char *summary, *remedy;
} messages[] = {
#define ORION_MESSAGE(number, name, summary, remedy) {number, summary, remedy},
#include <orion/messages.def>
#undef ORION_MESSAGE
};

static const struct message *find_message(uint32_t number) {
    for (size_t i = 0; i < ORN_COUNT(messages); i++) {
        if (messages[i].number == number) return &messages[i];
    }
    return NULL;
}

const char *orion_message_summary(orion_message message) {
    const struct message *m = find_message((uint32_t)message);
    return m == NULL ? "" : m->summary;
}

const char *orion_message_remedy(orion_message message) {
    const struct message *m = find_message((uint32_t)message);
    return m == NULL ? "" : m->remedy;
}

orion_status orion_diag_create(const orion_allocator *allocator, orion_diag **out_diag) {
    orion_allocator a = orn_allocator(allocator);
    *out_diag = orn_zalloc(&a, sizeof(orion_diag));
    if (*out_diag == NULL) return ORION_ERROR_NO_MEMORY;
    orn_arena_init(&(*out_diag)->arena, &a);
    return ORION_OK;
}

void orion_diag_destroy(orion_diag **diag) {
    if (diag == NULL || *diag == NULL) return;
    orn_arena_clear(&(*diag)->arena);
    orion_allocator a = (*diag)->arena.allocator;
    orn_free(&a, *diag, sizeof(orion_diag));
    *diag = NULL;
}

static bool copy_string(orn_arena *arena, const char **s) {
    if (*s == NULL) return true;
    *s = orn_arena_strndup(arena, *s, strlen(*s));
    return *s != NULL;
}

void orion_diag_add(orion_diag *diag, const orion_diag_entry *entry) {
    if (diag == NULL) return;
    orion_diag_entry copy;
    if (diag->count == DIAG_MAX || orn_check_size(entry, &copy, sizeof copy) != ORION_OK ||
        !copy_string(&diag->arena, &copy.source) || !copy_string(&diag->arena, &copy.subject) ||
        !copy_string(&diag->arena, &copy.text)) {
        diag->dropped++;
        return;
    }
    if (copy.text == NULL) copy.text = orion_message_summary((orion_message)copy.message);
    diag->entries[diag->count++] = copy;
}

size_t orion_diag_count(const orion_diag *diag) {
    return diag == NULL ? 0 : diag->count;
}

size_t orion_diag_dropped(const orion_diag *diag) {
    return diag == NULL ? 0 : diag->dropped;
}

const orion_diag_entry *orion_diag_get(const orion_diag *diag, size_t i) {
    return i < orion_diag_count(diag) ? &diag->entries[i] : NULL;
}

void orion_diag_clear(orion_diag *diag) {
    if (diag == NULL) return;
    orn_arena_clear(&diag->arena);
    diag->count = diag->dropped = 0;
}

orion_status orion_diag_print(const orion_diag *diag, const orion_writer *writer) {
    static const char *const severities[] = {"error", "warning", "note"};
    orn_text t;
    orn_text_init(&t, diag == NULL ? NULL : &diag->arena.allocator);
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = &diag->entries[i];
        if (e->source != NULL) orn_text_printf(&t, "%s:", e->source);
        if (e->line != 0) orn_text_printf(&t, "%u:%u:", e->line, e->column);
        if (t.size != 0 && t.data[t.size - 1] == ':') orn_text_char(&t, ' ');
        orn_text_printf(&t, "%s: %s [ORN-%04u]\n",
                        e->severity < ORN_COUNT(severities) ? severities[e->severity] : "error",
                        e->text, e->message);
        const char *remedy = orion_message_remedy((orion_message)e->message);
        if (remedy[0] != '\0') orn_text_printf(&t, "    %s\n", remedy);
    }
    if (orion_diag_dropped(diag) != 0) orn_text_printf(&t, "... and %zu more\n", diag->dropped);
    orion_status status = orn_text_status(&t);
    if (status == ORION_OK && t.size != 0) status = writer->write(writer->ctx, t.data, t.size);
    orn_text_free(&t);
    return status;
}
