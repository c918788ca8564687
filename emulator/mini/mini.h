/* SPDX-License-Identifier: MIT */
/*
 * The face without GNUstep: a message runtime, the classes of Foundation that clients of the
 * framework need, and the framework's classes, in plain C over the core.
 *
 * It is for places that have no Objective-C: AArch64 under qemu, programs built for macOS that are
 * run on Linux, small containers. Classes and methods are constant tables; a selector is the one
 * copy of its name; objects count their references as NSObject does. It knows the messages that
 * C clients send, not the language: there are no categories, no instance variables, no exceptions.
 * A message that a class does not answer ends the process, as an exception would in a C client.
 */
#ifndef MINI_H
#define MINI_H

#include "../core/emu.h"

#define MINI_API __attribute__((visibility("default")))

typedef struct mini_class mini_class;
typedef const char *mini_sel;

/* What every object begins with. Classes are objects, too; they are never released. */
typedef struct mini_object {
    const mini_class *isa;
    uint32_t references;
    uint32_t reserved;
} mini_object;
typedef mini_object *mini_id;

/* Methods are functions (self, selector, arguments...) with their own types. */
typedef void (*mini_function)(void);
typedef struct mini_method {
    const char *name;
    mini_function function;
} mini_method;

struct mini_class {
    mini_object object; /* isa: the metaclass, whose methods are the + methods */
    const char *name;
    const mini_class *super;
    const mini_method *methods; /* ended by a row without name */
    size_t size;                /* of an object */
    void (*dealloc)(mini_id self);
    uint32_t counted; /* among the objects of the emulator's counters */
    uint32_t reserved;
};

#define MINI_METHOD(name, function)                                                                \
    { name, (mini_function)(function) }
#define MINI_END                                                                                   \
    { NULL, NULL }

/* A class: class_NAME, with methods NAME_methods and + methods NAME_class_methods, objects of type
 * NAME, released by `dealloc` (NULL: nothing to do). */
#define MINI_CLASS(id, super_id, dealloc_, counted_)                                               \
    static const mini_class meta_##id = {.object = {.isa = &meta_##id},                            \
                                         .name = #id,                                              \
                                         .super = &class_NSObject,                                 \
                                         .methods = id##_class_methods};                           \
    const mini_class class_##id = {.object = {.isa = &meta_##id},                                  \
                                   .name = #id,                                                    \
                                   .super = super_id,                                              \
                                   .methods = id##_methods,                                        \
                                   .size = sizeof(id),                                             \
                                   .dealloc = dealloc_,                                            \
                                   .counted = counted_}

extern const mini_class class_NSObject, class_NSAutoreleasePool, class_NSString, class_NSData,
    class_NSNumber, class_NSArray, class_NSDictionary, class_NSError, class_NSFileManager,
    class_IOSurface, class__ANEInMemoryModelDescriptor, class__ANEInMemoryModel, class__ANERequest,
    class__ANEIOSurfaceObject, class__ANEDeviceInfo;

/* ---- runtime.c ---- */

mini_id mini_new(const mini_class *class); /* cleared, one reference; NULL if memory runs out */
mini_id mini_retain(mini_id object);       /* NULL is fine, here and below */
void mini_release(mini_id object);
mini_id mini_autorelease(mini_id object);
bool mini_is(const mini_object *object, const mini_class *class);
mini_id mini_pool(void); /* an autorelease pool; releasing it ends it */

/* ---- foundation.c ---- */

typedef struct NSString {
    mini_object object;
    size_t length;
    char *bytes; /* ended by a NUL, for NSData too */
} NSString;
typedef NSString NSData;

typedef struct NSNumber {
    mini_object object;
    uint64_t value;
} NSNumber;

/* Arrays and dictionaries: immutable, in the order of their making. */
typedef struct NSArray {
    mini_object object;
    size_t count;
    mini_id *items;
} NSArray;
typedef struct NSDictionary {
    mini_object object;
    size_t count;
    mini_id *items, *keys;
} NSDictionary;

typedef struct NSError {
    mini_object object;
    long code;
    NSString *domain, *text;
} NSError;

/* All autoreleased; NULL if memory runs out or an item is NULL. */
NSString *mini_string(const char *text);
NSNumber *mini_number(uint64_t value);
NSArray *mini_array(const mini_id *items, size_t count);
MINI_API NSString *NSTemporaryDirectory(void); /* ends with a slash, as Apple's */
NSDictionary *mini_dictionary(const mini_id *keys, const mini_id *values, size_t count);

bool mini_equal(const mini_object *a, const mini_object *b);
mini_id mini_value(const NSDictionary *dictionary, const mini_object *key);
/* The name of an object's class for the trace; "nil". */
const char *mini_class_of(const mini_object *object);
/* Gives an error to a caller who may not want it; returns NO. */
unsigned char mini_give_error(const emu_error *error, NSError **out);

/* ---- surface.c ---- */

typedef struct IOSurface {
    mini_object object;
    emu_surface *memory;
    NSDictionary *properties;
} IOSurface;

/* ---- descriptor.c, model.c, request.c, attributes.c ---- */

typedef struct _ANEInMemoryModelDescriptor {
    mini_object object;
    NSData *text, *options;
    NSDictionary *weights;
    NSString *hex;
} _ANEInMemoryModelDescriptor;

typedef struct _ANEIOSurfaceObject {
    mini_object object;
    IOSurface *surface;
} _ANEIOSurfaceObject;

typedef struct _ANERequest {
    mini_object object;
    NSArray *inputs, *input_indices, *outputs, *output_indices;
    NSNumber *procedure;
} _ANERequest;

/* The data in the dictionary of one weight file, and under which key it is; NULL if none is. */
NSData *mini_weight_file(const NSDictionary *file, const NSString **out_key);
NSDictionary *mini_attributes(const emu_program *program);

#endif
