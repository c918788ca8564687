/* SPDX-License-Identifier: MIT */
/* Values of Foundation: made for the framework, and read from what it gives. */
#include "objc.h"

static objc_id class_of(const objc_system *s, objc_class_name name) {
    return (objc_id)s->classes[name];
}

objc_id objc_string(const objc_system *s, const char *text) {
    return OBJC_CALL(s, string, class_of(s, OBJC_NSString), objc_id,
                     (objc_id, objc_sel, const char *), text);
}

objc_id objc_data(const objc_system *s, const void *bytes, size_t size) {
    return OBJC_CALL(s, data, class_of(s, OBJC_NSData), objc_id,
                     (objc_id, objc_sel, const void *, unsigned long), bytes, size);
}

objc_id objc_number(const objc_system *s, uint32_t n) {
    return OBJC_CALL(s, number, class_of(s, OBJC_NSNumber), objc_id, (objc_id, objc_sel, unsigned),
                     n);
}

objc_id objc_array(const objc_system *s, const objc_id *objects, size_t count) {
    return OBJC_CALL(s, array, class_of(s, OBJC_NSArray), objc_id,
                     (objc_id, objc_sel, const objc_id *, unsigned long), objects, count);
}

objc_id objc_dictionary(const objc_system *s, const objc_id *keys, const objc_id *values,
                        size_t count) {
    return OBJC_CALL(s, dictionary, class_of(s, OBJC_NSDictionary), objc_id,
                     (objc_id, objc_sel, const objc_id *, const objc_id *, unsigned long), values,
                     keys, count);
}

/* Messages to an object of another class would end the process. */
static bool is_a(const objc_system *s, objc_id object, objc_class_name name) {
    return object != NULL && OBJC_CALL(s, is_kind, object, objc_bool,
                                       (objc_id, objc_sel, objc_class), s->classes[name]) != 0;
}

const char *objc_text_of(const objc_system *s, objc_id string) {
    if (!is_a(s, string, OBJC_NSString)) return "";
    const char *text = OBJC_CALL(s, utf8, string, const char *, (objc_id, objc_sel));
    return text == NULL ? "" : text;
}

bool objc_number_of(const objc_system *s, objc_id number, uint64_t *out_n) {
    if (!is_a(s, number, OBJC_NSNumber)) return false;
    *out_n = OBJC_CALL(s, number_value, number, unsigned long long, (objc_id, objc_sel));
    return true;
}

size_t objc_count_of(const objc_system *s, objc_id array) {
    if (!is_a(s, array, OBJC_NSArray)) return 0;
    return OBJC_CALL(s, array_count, array, unsigned long, (objc_id, objc_sel));
}

objc_id objc_item_of(const objc_system *s, objc_id array, size_t i) {
    if (i >= objc_count_of(s, array)) return NULL;
    return OBJC_CALL(s, array_at, array, objc_id, (objc_id, objc_sel, unsigned long), i);
}

objc_id objc_value_of(const objc_system *s, objc_id dictionary, const char *key) {
    if (!is_a(s, dictionary, OBJC_NSDictionary)) return NULL;
    objc_id name = objc_string(s, key);
    return OBJC_CALL(s, dictionary_get, dictionary, objc_id, (objc_id, objc_sel, objc_id), name);
}
