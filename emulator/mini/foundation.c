/* SPDX-License-Identifier: MIT */
/* The values of Foundation that clients of the framework make and read. */
#include "mini.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* ---- strings and data ---- */

static NSString *make_bytes(const mini_class *class, const void *bytes, size_t length) {
    NSString *s = (NSString *)mini_new(class);
    if (s == NULL) return NULL;
    s->bytes = malloc(length + 1);
    if (s->bytes == NULL) {
        mini_release(&s->object);
        return NULL;
    }
    if (length > 0) memcpy(s->bytes, bytes, length);
    s->bytes[length] = '\0';
    s->length = length;
    return (NSString *)mini_autorelease(&s->object);
}

static void bytes_dealloc(mini_id self) {
    free(((NSString *)self)->bytes);
}

NSString *mini_string(const char *text) {
    return make_bytes(&class_NSString, text, strlen(text));
}

static NSString *string_with_utf8(const mini_class *class, mini_sel selector, const char *text) {
    (void)selector;
    return make_bytes(class, text, strlen(text));
}

static const char *string_utf8(NSString *self, mini_sel selector) {
    (void)selector;
    return self->bytes;
}

static unsigned long bytes_length(NSString *self, mini_sel selector) {
    (void)selector;
    return self->length;
}

static const mini_method NSString_methods[] = {
    MINI_METHOD("UTF8String", string_utf8),
    MINI_METHOD("length", bytes_length),
    MINI_END,
};
static const mini_method NSString_class_methods[] = {
    MINI_METHOD("stringWithUTF8String:", string_with_utf8),
    MINI_END,
};
MINI_CLASS(NSString, &class_NSObject, bytes_dealloc, 0);

static NSData *data_with_bytes(const mini_class *class, mini_sel selector, const void *bytes,
                               unsigned long length) {
    (void)selector;
    return make_bytes(class, bytes, length);
}

static const void *data_bytes(NSData *self, mini_sel selector) {
    (void)selector;
    return self->bytes;
}

static const mini_method NSData_methods[] = {
    MINI_METHOD("bytes", data_bytes),
    MINI_METHOD("length", bytes_length),
    MINI_END,
};
static const mini_method NSData_class_methods[] = {
    MINI_METHOD("dataWithBytes:length:", data_with_bytes),
    MINI_END,
};
MINI_CLASS(NSData, &class_NSObject, bytes_dealloc, 0);

/* ---- numbers ---- */

NSNumber *mini_number(uint64_t value) {
    NSNumber *n = (NSNumber *)mini_new(&class_NSNumber);
    if (n != NULL) n->value = value;
    return (NSNumber *)mini_autorelease((mini_id)n);
}

static NSNumber *number_with_unsigned(const mini_class *class, mini_sel selector, unsigned value) {
    (void)class;
    (void)selector;
    return mini_number(value);
}

static NSNumber *number_with_int(const mini_class *class, mini_sel selector, int value) {
    (void)class;
    (void)selector;
    return mini_number((uint64_t)(int64_t)value);
}

static NSNumber *number_with_long_long(const mini_class *class, mini_sel selector,
                                       long long value) {
    (void)class;
    (void)selector;
    return mini_number((uint64_t)value);
}

static unsigned long long number_value(NSNumber *self, mini_sel selector) {
    (void)selector;
    return self->value;
}

static unsigned number_unsigned_value(NSNumber *self, mini_sel selector) {
    (void)selector;
    return (unsigned)self->value;
}

static const mini_method NSNumber_methods[] = {
    MINI_METHOD("unsignedLongLongValue", number_value),
    MINI_METHOD("longLongValue", number_value),
    MINI_METHOD("unsignedIntValue", number_unsigned_value),
    MINI_END,
};
static const mini_method NSNumber_class_methods[] = {
    MINI_METHOD("numberWithUnsignedInt:", number_with_unsigned),
    MINI_METHOD("numberWithInt:", number_with_int),
    MINI_METHOD("numberWithLongLong:", number_with_long_long),
    MINI_METHOD("numberWithUnsignedLongLong:", number_with_long_long),
    MINI_END,
};
MINI_CLASS(NSNumber, &class_NSObject, NULL, 0);

/* ---- arrays and dictionaries ---- */

static void release_all(mini_id *items, size_t count) {
    for (size_t i = 0; items != NULL && i < count; i++) mini_release(items[i]);
    free(items);
}

/* Each is retained; NULL if one is NULL. */
static mini_id *retain_all(const mini_id *items, size_t count) {
    mini_id *copy = calloc(count + 1, sizeof *copy);
    for (size_t i = 0; copy != NULL && i < count; i++) {
        if (items[i] == NULL) {
            release_all(copy, i);
            return NULL;
        }
        copy[i] = mini_retain(items[i]);
    }
    return copy;
}

static void array_dealloc(mini_id self) {
    NSArray *array = (NSArray *)self;
    release_all(array->items, array->count);
}

NSArray *mini_array(const mini_id *items, size_t count) {
    NSArray *array = (NSArray *)mini_new(&class_NSArray);
    if (array == NULL) return NULL;
    array->items = retain_all(items, count);
    if (array->items == NULL) {
        mini_release(&array->object);
        return NULL;
    }
    array->count = count;
    return (NSArray *)mini_autorelease(&array->object);
}

static NSArray *array_with(const mini_class *class, mini_sel selector, const mini_id *items,
                           unsigned long count) {
    (void)class;
    (void)selector;
    return mini_array(items, count);
}

static unsigned long array_count(NSArray *self, mini_sel selector) {
    (void)selector;
    return self->count;
}

/* Apple's throws an exception, which ends a C client. */
static mini_id array_at(NSArray *self, mini_sel selector, unsigned long i) {
    if (i < self->count) return self->items[i];
    fprintf(stderr, "-[NSArray %s]: index %lu beyond bounds %zu\n", selector, i, self->count);
    abort();
}

static const mini_method NSArray_methods[] = {
    MINI_METHOD("count", array_count),
    MINI_METHOD("objectAtIndex:", array_at),
    MINI_END,
};
static const mini_method NSArray_class_methods[] = {
    MINI_METHOD("arrayWithObjects:count:", array_with),
    MINI_END,
};
MINI_CLASS(NSArray, &class_NSObject, array_dealloc, 0);

static void dictionary_dealloc(mini_id self) {
    NSDictionary *d = (NSDictionary *)self;
    release_all(d->items, d->count);
    release_all(d->keys, d->count);
}

NSDictionary *mini_dictionary(const mini_id *keys, const mini_id *values, size_t count) {
    NSDictionary *d = (NSDictionary *)mini_new(&class_NSDictionary);
    if (d == NULL) return NULL;
    d->items = retain_all(values, count);
    d->keys = retain_all(keys, count);
    d->count = count;
    if (d->items == NULL || d->keys == NULL) {
        mini_release(&d->object);
        return NULL;
    }
    return (NSDictionary *)mini_autorelease(&d->object);
}

mini_id mini_value(const NSDictionary *d, const mini_object *key) {
    for (size_t i = 0; d != NULL && i < d->count; i++) {
        if (mini_equal(d->keys[i], key)) return d->items[i];
    }
    return NULL;
}

static NSDictionary *dictionary_with(const mini_class *class, mini_sel selector,
                                     const mini_id *values, const mini_id *keys,
                                     unsigned long count) {
    (void)class;
    (void)selector;
    return mini_dictionary(keys, values, count);
}

static unsigned long dictionary_count(NSDictionary *self, mini_sel selector) {
    (void)selector;
    return self->count;
}

static mini_id dictionary_get(NSDictionary *self, mini_sel selector, mini_id key) {
    (void)selector;
    return mini_value(self, key);
}

static const mini_method NSDictionary_methods[] = {
    MINI_METHOD("count", dictionary_count),
    MINI_METHOD("objectForKey:", dictionary_get),
    MINI_END,
};
static const mini_method NSDictionary_class_methods[] = {
    MINI_METHOD("dictionaryWithObjects:forKeys:count:", dictionary_with),
    MINI_END,
};
MINI_CLASS(NSDictionary, &class_NSObject, dictionary_dealloc, 0);

bool mini_equal(const mini_object *a, const mini_object *b) {
    if (a == b) return true;
    if (a == NULL || b == NULL || a->isa != b->isa) return false;
    if (a->isa == &class_NSNumber)
        return ((const NSNumber *)a)->value == ((const NSNumber *)b)->value;
    if (a->isa != &class_NSString && a->isa != &class_NSData) return false;
    const NSString *x = (const NSString *)a, *y = (const NSString *)b;
    return x->length == y->length && memcmp(x->bytes, y->bytes, x->length) == 0;
}

const char *mini_class_of(const mini_object *object) {
    return object == NULL ? "nil" : object->isa->name;
}

/* ---- errors ---- */

static void error_dealloc(mini_id self) {
    NSError *e = (NSError *)self;
    mini_release((mini_id)e->domain);
    mini_release((mini_id)e->text);
}

unsigned char mini_give_error(const emu_error *error, NSError **out) {
    if (out == NULL || error->domain == NULL) return 0;
    NSError *e = (NSError *)mini_new(&class_NSError);
    if (e == NULL) return 0;
    NSString *domain = mini_string(error->domain), *text = mini_string(error->text);
    e->domain = (NSString *)mini_retain((mini_id)domain);
    e->text = (NSString *)mini_retain((mini_id)text);
    e->code = error->code;
    *out = (NSError *)mini_autorelease(&e->object);
    return 0;
}

static long error_code(NSError *self, mini_sel selector) {
    (void)selector;
    return self->code;
}

static NSString *error_domain(NSError *self, mini_sel selector) {
    (void)selector;
    return self->domain;
}

static NSString *error_text(NSError *self, mini_sel selector) {
    (void)selector;
    return self->text;
}

static const mini_method NSError_methods[] = {
    MINI_METHOD("code", error_code),
    MINI_METHOD("domain", error_domain),
    MINI_METHOD("localizedDescription", error_text),
    MINI_END,
};
static const mini_method NSError_class_methods[] = {MINI_END};
MINI_CLASS(NSError, &class_NSObject, error_dealloc, 0);

/* ---- files ---- */

static mini_id default_manager(const mini_class *class, mini_sel selector) {
    (void)selector;
    return mini_autorelease(mini_new(class));
}

static unsigned char remove_item(mini_id self, mini_sel selector, NSString *path, NSError **out) {
    emu_error e = {.domain = EMU_DOMAIN_DAEMON, .code = 4};
    (void)self;
    (void)selector;
    if (access(path->bytes, F_OK) == 0) {
        emu_folder_remove(path->bytes);
        return 1;
    }
    snprintf(e.text, sizeof e.text, "%s", strerror(errno));
    return mini_give_error(&e, out);
}

typedef mini_object NSFileManager;
static const mini_method NSFileManager_methods[] = {
    MINI_METHOD("removeItemAtPath:error:", remove_item),
    MINI_END,
};
static const mini_method NSFileManager_class_methods[] = {
    MINI_METHOD("defaultManager", default_manager),
    MINI_END,
};
MINI_CLASS(NSFileManager, &class_NSObject, NULL, 0);

NSString *NSTemporaryDirectory(void) {
    char path[4096];
    const char *root = getenv("TMPDIR");
    if (root == NULL || root[0] != '/') root = "/tmp";
    size_t length = strlen(root);
    int n = snprintf(path, sizeof path, "%s%s", root, root[length - 1] == '/' ? "" : "/");
    return n < 0 || (size_t)n >= sizeof path ? NULL : mini_string(path);
}
