/* SPDX-License-Identifier: MIT */
/* The Objective-C runtime by its C interface: functions, classes and selectors, found and checked
 * once. */
#include "objc.h"

static const char *const paths[] = {
    "/System/Library/PrivateFrameworks/AppleNeuralEngine.framework/AppleNeuralEngine",
    "/usr/lib/libobjc.A.dylib",
    "/System/Library/Frameworks/Foundation.framework/Foundation",
};

static const struct class_row {
    const char *name;
    bool optional;
} class_rows[] = {
#define OBJC_CLASS(name)          {#name, false},
#define OBJC_OPTIONAL_CLASS(name) {#name, true},
#include "classes.def"
};

enum kind { CLASS, INSTANCE, OPTIONAL, OPTIONAL_CLASS };

static const struct message {
    const char *selector;
    objc_class_name class;
    enum kind kind;
} messages[] = {
#define OBJC_MESSAGE(name, class, kind, selector) {selector, OBJC_##class, kind},
#include "messages.def"
};

static orion_status missing(orion_diag *diag, const char *what, const char *name) {
    ORN_ERROR(diag, ANE_FRAMEWORK, name, "the framework has no %s %s", what, name);
    return ORION_ERROR_UNSUPPORTED;
}

static orion_status find_functions(objc_system *s, orion_diag *diag) {
    const struct {
        const char *name;
        void *slot;
    } functions[] = {
        {"objc_getClass", &s->get_class},
        {"objc_getMetaClass", &s->get_metaclass},
        {"sel_registerName", &s->register_name},
        {"class_respondsToSelector", &s->responds},
        {"objc_msgSend", &s->send},
        {"NSTemporaryDirectory", &s->temporary_directory},
    };
    for (size_t i = 0; i < ORN_COUNT(functions); i++) {
        if (!ane_resolve(&s->libraries, functions[i].name, functions[i].slot)) {
            return missing(diag, "function", functions[i].name);
        }
    }
    return ORION_OK;
}

static orion_status find_classes(objc_system *s, orion_diag *diag) {
    for (size_t i = 0; i < OBJC_CLASSES; i++) {
        s->classes[i] = s->get_class(class_rows[i].name);
        if (s->classes[i] != NULL || class_rows[i].optional) continue;
        return missing(diag, "class", class_rows[i].name);
    }
    return ORION_OK;
}

static orion_status find_messages(objc_system *s, orion_diag *diag) {
    for (size_t i = 0; i < OBJC_MESSAGES; i++) {
        const struct message *m = &messages[i];
        const char *class = class_rows[m->class].name;
        bool of_class = m->kind == CLASS || m->kind == OPTIONAL_CLASS;
        objc_class answerer = s->classes[m->class];
        if (answerer != NULL && of_class) answerer = s->get_metaclass(class);
        s->selectors[i] = s->register_name(m->selector);
        if (answerer != NULL && s->responds(answerer, s->selectors[i])) continue;
        s->selectors[i] = NULL;
        if (m->kind == CLASS || m->kind == INSTANCE) {
            ORN_ERROR(diag, ANE_FRAMEWORK, m->selector, "class %s does not answer %c%s", class,
                      of_class ? '+' : '-', m->selector);
            return ORION_ERROR_UNSUPPORTED;
        }
    }
    return ORION_OK;
}

orion_status objc_system_open(objc_system *s, const char *framework, orion_diag *diag) {
    if (!ane_libraries_open(&s->libraries, framework, paths, ORN_COUNT(paths), diag)) {
        return ORION_ERROR_UNSUPPORTED;
    }
    orion_status status = find_functions(s, diag);
    if (status == ORION_OK) status = find_classes(s, diag);
    if (status == ORION_OK) status = find_messages(s, diag);
    if (status != ORION_OK) ane_libraries_close(&s->libraries);
    return status;
}

void objc_system_close(objc_system *s) {
    ane_libraries_close(&s->libraries);
}

objc_id objc_pool_push(const objc_system *s) {
    objc_id class = (objc_id)s->classes[OBJC_NSAutoreleasePool];
    objc_id pool = OBJC_CALL(s, pool_alloc, class, objc_id, (objc_id, objc_sel));
    return OBJC_CALL(s, pool_init, pool, objc_id, (objc_id, objc_sel));
}

void objc_pool_pop(const objc_system *s, objc_id pool) {
    OBJC_CALL(s, pool_drain, pool, void, (objc_id, objc_sel));
}

objc_id objc_retain_object(const objc_system *s, objc_id object) {
    return OBJC_CALL(s, retain, object, objc_id, (objc_id, objc_sel));
}

void objc_release_object(const objc_system *s, objc_id object) {
    if (object != NULL) OBJC_CALL(s, release, object, void, (objc_id, objc_sel));
}
