/* SPDX-License-Identifier: MIT */
/* Made-up stories from a grammar (stories.def): the corpus that needs no file. */
#include "trainer-internal.h"

/*
 * A story is one alternative of the rule `plot`, expanded. Before that the cast is drawn and bound
 * to names: the hero with his or her pronouns, a friend of another kind, a colour and so on, so
 * that whatever is said early in the story is said the same way later. A plot also draws a case,
 * such as what was lost: its parts (the thing, how it went, who can fetch it) belong together and
 * are bound as one. Everything not bound is drawn afresh where it stands, which makes the wording
 * vary. One counter-based generator per story makes all choices, in the order of the text.
 */

typedef struct slice {
    const char *at;
    size_t length;
} slice;

typedef struct rule {
    const char *name;
    const char *const *alternatives;
    uint32_t count;
} rule;

#define STORY_RULE(name, ...) static const char *const rule_##name[] = {__VA_ARGS__};
#include "stories.def"

static const rule rules[] = {
#define STORY_RULE(name, ...) {#name, rule_##name, ORN_COUNT(rule_##name)},
#include "stories.def"
};

/* Rules of which one alternative holds for a whole story. */
static const char *const once[] = {"friend_kind", "mood", "home", "giver", "colour"};

typedef struct binding {
    slice name, value;
} binding;

typedef struct teller {
    train_rng rng;
    const orion_writer *writer;
    binding bound[32];
    size_t count;
} teller;

static slice slice_of(const char *text) {
    return (slice){text, strlen(text)};
}

/* The bytes up to `end`, which are taken off `text` with it; all of it if there is no `end`. */
static slice cut(slice *text, char end) {
    const char *stop = memchr(text->at, end, text->length);
    slice head = {text->at, stop == NULL ? text->length : (size_t)(stop - text->at)};
    size_t taken = head.length + (stop != NULL);
    text->at += taken;
    text->length -= taken;
    return head;
}

static bool equal(slice a, slice b) {
    return a.length == b.length && memcmp(a.at, b.at, a.length) == 0;
}

static slice draw(teller *t, slice name) {
    for (size_t i = 0; i < ORN_COUNT(rules); i++) {
        if (equal(slice_of(rules[i].name), name)) {
            return slice_of(rules[i].alternatives[train_rng_below(&t->rng, rules[i].count)]);
        }
    }
    return (slice){"", 0};
}

static slice draw_named(teller *t, const char *name) {
    return draw(t, slice_of(name));
}

static void bind(teller *t, slice name, slice value) {
    if (t->count < ORN_COUNT(t->bound)) t->bound[t->count++] = (binding){name, value};
}

static void bind_named(teller *t, const char *name, slice value) {
    bind(t, slice_of(name), value);
}

/* "key=value|key=value" */
static void bind_parts(teller *t, slice parts) {
    while (parts.length != 0) {
        slice value = cut(&parts, '|');
        slice name = cut(&value, '=');
        bind(t, name, value);
    }
}

static const char *const pronouns[2] = {
    "he=she|him=her|his=her|He=She|His=Her",
    "he=he|him=him|his=his|He=He|His=His",
};

static void draw_cast(teller *t) {
    bool is_child = train_rng_below(&t->rng, 2) == 0;
    uint64_t boy = train_rng_below(&t->rng, 2);
    bind_parts(t, slice_of(pronouns[boy]));
    bind_named(t, "kind", is_child ? slice_of(rule_child[boy]) : draw_named(t, "animal"));
    bind_named(t, "hand", slice_of(is_child ? "hand" : "paw"));
    slice name = draw_named(t, boy ? "boy" : "girl"), friend_name;
    do {
        friend_name = draw_named(t, train_rng_below(&t->rng, 2) == 0 ? "girl" : "boy");
    } while (friend_name.at == name.at);
    bind_named(t, "name", name);
    bind_named(t, "friend", friend_name);
    for (size_t i = 0; i < ORN_COUNT(once); i++) bind_named(t, once[i], draw_named(t, once[i]));
}

static slice value_of(teller *t, slice name) {
    for (size_t i = 0; i < t->count; i++) {
        if (equal(t->bound[i].name, name)) return t->bound[i].value;
    }
    return draw(t, name);
}

/* Texts nest a few levels; the bound keeps a slip in the grammar from recursing for ever. */
enum { DEPTH_MAX = 8 };

static orion_status tell(teller *t, slice text, int depth) {
    while (text.length != 0) {
        slice literal = cut(&text, '{');
        if (literal.length != 0) {
            TRY(t->writer->write(t->writer->ctx, literal.at, literal.length));
        }
        slice name = cut(&text, '}');
        if (name.length != 0 && depth < DEPTH_MAX) TRY(tell(t, value_of(t, name), depth + 1));
    }
    return ORION_OK;
}

orion_status orion_train_stories_print(uint64_t seed, uint64_t index, const orion_writer *writer) {
    teller t = {.rng = train_rng_make(seed, TRAIN_STREAM_STORY, index), .writer = writer};
    draw_cast(&t);
    slice plot = draw_named(&t, "plot");
    slice which = cut(&plot, ':');
    bind_parts(&t, draw(&t, which));
    plot.at++; /* the blank behind the colon */
    plot.length--;
    return tell(&t, plot, 0);
}
