/* SPDX-License-Identifier: MIT */
/*
 * The `ane-objc` back end: Apple's Objective-C classes from plain C.
 *
 * Only what Apple's and GNU's runtimes have in common is used: objc_getClass, objc_getMetaClass,
 * sel_registerName, class_respondsToSelector and objc_msgSend, found by name. A message is a call
 * of objc_msgSend cast to the method's own type, never to a variadic one, because Apple's ABI
 * passes variadic arguments elsewhere. BOOL is read as an unsigned char, the only reading that is
 * right for both of Apple's definitions and GNU's.
 *
 * Every function that makes objects runs inside an autorelease pool of its caller; what outlives it
 * is retained.
 */
#ifndef ANE_OBJC_H
#define ANE_OBJC_H

#include "ane-internal.h"
#include "folder.h"

typedef struct objc_object *objc_id;
typedef struct objc_class *objc_class;
typedef struct objc_selector *objc_sel;
typedef unsigned char objc_bool;

/* QOS_CLASS_DEFAULT: what everybody uses. The real-time class, 0, needs an entitlement. */
enum { OBJC_QOS = 21 };

typedef enum objc_class_name {
#define OBJC_CLASS(name) OBJC_##name,
#include "classes.def"
    OBJC_CLASSES
} objc_class_name;

typedef enum objc_message {
#define OBJC_MESSAGE(name, class, kind, selector) OBJC_SEND_##name,
#include "messages.def"
    OBJC_MESSAGES
} objc_message;

/* runtime.c: what a device has found. */
typedef struct objc_system {
    ane_libraries libraries;
    objc_class (*get_class)(const char *name);
    objc_class (*get_metaclass)(const char *name);
    objc_sel (*register_name)(const char *name);
    objc_bool (*responds)(objc_class class, objc_sel selector);
    void (*send)(void);
    objc_id (*temporary_directory)(void);
    objc_class classes[OBJC_CLASSES];
    objc_sel selectors[OBJC_MESSAGES]; /* NULL: an optional one that is missing */
} objc_system;

/* ORION_ERROR_UNSUPPORTED naming what is missing. */
orion_status objc_system_open(objc_system *system, const char *framework, orion_diag *diag);
void objc_system_close(objc_system *system);

/* A message with its type: OBJC_CALL(s, retain, object, objc_id, (objc_id, objc_sel)). */
#define OBJC_CALL(system, message, to, result, types, ...)                                         \
    (((result(*) types)(system)->send)((to), (system)->selectors[OBJC_SEND_##message],             \
                                       ##__VA_ARGS__))

objc_id objc_pool_push(const objc_system *s);
void objc_pool_pop(const objc_system *s, objc_id pool);
objc_id objc_retain_object(const objc_system *s, objc_id object);
void objc_release_object(const objc_system *s, objc_id object); /* NULL is fine */

/* foundation.c: values of Foundation, autoreleased. NULL if memory runs out, or the text is not
 * UTF-8. */
objc_id objc_string(const objc_system *s, const char *text);
objc_id objc_data(const objc_system *s, const void *bytes, size_t size);
objc_id objc_number(const objc_system *s, uint32_t n);
objc_id objc_array(const objc_system *s, const objc_id *objects, size_t count);
objc_id objc_dictionary(const objc_system *s, const objc_id *keys, const objc_id *values,
                        size_t count);
/* Reading what others made: NULL, "" or 0 if it is not there or of another class. */
const char *objc_text_of(const objc_system *s, objc_id string);
bool objc_number_of(const objc_system *s, objc_id number, uint64_t *out_n);
size_t objc_count_of(const objc_system *s, objc_id array);
objc_id objc_item_of(const objc_system *s, objc_id array, size_t i);
objc_id objc_value_of(const objc_system *s, objc_id dictionary, const char *key);

/* errors.c: what an NSError means. */
typedef enum objc_stage { OBJC_COMPILING, OBJC_LOADING, OBJC_EVALUATING } objc_stage;
/* Reports it, with our reading of it, and returns the status for it. `error` NULL: the call failed
 * without one. `subject` is the program's name, or NULL. */
orion_status objc_failure(const objc_system *s, objc_stage stage, objc_id error,
                          const char *subject, orion_diag *diag);

/* ---- a compiled program ---- */

typedef struct objc_device {
    orion_allocator allocator;
    objc_system system;
    ane_surfaces surfaces; /* for the probe of order.c */
    pthread_mutex_t order_lock;
    bool order_known, declared[2]; /* inputs, outputs: bound as the text has them, not by name */
} objc_device;

typedef struct objc_code {
    ane_code code;
    objc_device *device;
    objc_id model, options; /* retained */
    uint32_t *indices;      /* of symbols, by port */
    ane_symbols symbols;
    bool loaded, probe;
} objc_code;

/* backend-objc.c. A probe is bound by name, whatever is known of the order. */
orion_status objc_code_create(objc_device *device, const orion_ane_source *source, bool probe,
                              orion_diag *diag, objc_code **out_code);
void objc_code_release(objc_code *code);

/* model.c: descriptor, model, files, compile, load; and the way back. */
orion_status objc_model_create(objc_code *code, const orion_ane_source *source, orion_diag *diag);
void objc_model_destroy(objc_code *code);

/* run.c */
typedef struct objc_run objc_run;
orion_status objc_run_create(objc_code *code, objc_run **out_run);
void objc_run_destroy(objc_run *run);
void objc_run_bind(objc_run *run, size_t port, void *surface); /* borrowed */
orion_status objc_run_execute(objc_run *run, orion_diag *diag);

/* order.c: in which order are symbols that nothing lists? Tried once per device. */
orion_status objc_order_find(objc_device *device, orion_diag *diag, bool out_declared[2]);

/* ports.c: layout and order of the declared ports, from the loaded model. */
orion_status objc_ports_lay_out(objc_code *code, const char *function, orion_diag *diag);

#endif
