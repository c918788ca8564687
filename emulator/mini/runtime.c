/* SPDX-License-Identifier: MIT */
/* The runtime: classes and selectors by name, messages, references and autorelease pools. */
#include "mini.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- classes ---- */

static const mini_class *const classes[] = {
    &class_NSObject,
    &class_NSAutoreleasePool,
    &class_NSString,
    &class_NSData,
    &class_NSNumber,
    &class_NSArray,
    &class_NSDictionary,
    &class_NSError,
    &class_NSFileManager,
    &class_IOSurface,
    &class__ANEInMemoryModelDescriptor,
    &class__ANEInMemoryModel,
    &class__ANERequest,
    &class__ANEIOSurfaceObject,
    &class__ANEDeviceInfo,
};

MINI_API const mini_class *objc_getClass(const char *name);
const mini_class *objc_getClass(const char *name) {
    for (size_t i = 0; i < ORN_COUNT(classes); i++) {
        if (strcmp(classes[i]->name, name) == 0) return classes[i];
    }
    return NULL;
}

MINI_API const mini_class *objc_getMetaClass(const char *name);
const mini_class *objc_getMetaClass(const char *name) {
    const mini_class *class = objc_getClass(name);
    return class == NULL ? NULL : class->object.isa;
}

static mini_function find(const mini_class *class, mini_sel selector) {
    for (; class != NULL; class = class->super) {
        for (const mini_method *m = class->methods; m->name != NULL; m++) {
            if (strcmp(m->name, selector) == 0) return m->function;
        }
    }
    return NULL;
}

MINI_API unsigned char class_respondsToSelector(const mini_class *class, mini_sel selector);
unsigned char class_respondsToSelector(const mini_class *class, mini_sel selector) {
    return find(class, selector) != NULL;
}

/* ---- selectors ---- */

typedef struct selector_list {
    struct selector_list *next;
    char name[];
} selector_list;

/* They live as long as the process, like those of any runtime. */
static selector_list *selectors;
static pthread_mutex_t selectors_lock = PTHREAD_MUTEX_INITIALIZER;

MINI_API mini_sel sel_registerName(const char *name);
mini_sel sel_registerName(const char *name) {
    pthread_mutex_lock(&selectors_lock);
    selector_list *s = selectors;
    while (s != NULL && strcmp(s->name, name) != 0) s = s->next;
    size_t size = strlen(name) + 1;
    if (s == NULL && (s = malloc(sizeof *s + size)) != NULL) {
        memcpy(s->name, name, size);
        s->next = selectors;
        selectors = s;
    }
    pthread_mutex_unlock(&selectors_lock);
    return s == NULL ? NULL : s->name;
}

/* ---- messages ---- */

static mini_id answer_nothing(void) {
    return NULL;
}

/* What objc_msgSend (../objc/msgsend-*.S) jumps to. */
mini_function objc_msg_lookup(mini_id object, mini_sel selector);
mini_function objc_msg_lookup(mini_id object, mini_sel selector) {
    if (object == NULL) return (mini_function)answer_nothing;
    mini_function function = find(object->isa, selector);
    if (function != NULL) return function;
    fprintf(stderr, "%c[%s %s]: unrecognized selector\n",
            object->isa->object.isa == object->isa ? '+' : '-', object->isa->name, selector);
    abort();
}

/* ---- references ---- */

mini_id mini_new(const mini_class *class) {
    mini_id object = calloc(1, class->size);
    if (object == NULL) return NULL;
    object->isa = class;
    object->references = 1;
    if (class->counted) emu_count(EMU_OBJECTS, 1);
    return object;
}

/* Classes have no references to count. */
static bool is_class(const mini_object *object) {
    return object->references == 0;
}

mini_id mini_retain(mini_id object) {
    if (object != NULL && !is_class(object)) {
        __atomic_fetch_add(&object->references, 1, __ATOMIC_RELAXED);
    }
    return object;
}

void mini_release(mini_id object) {
    if (object == NULL || is_class(object)) return;
    if (__atomic_fetch_sub(&object->references, 1, __ATOMIC_ACQ_REL) != 1) return;
    if (object->isa->dealloc != NULL) object->isa->dealloc(object);
    if (object->isa->counted) emu_count(EMU_OBJECTS, -1);
    free(object);
}

bool mini_is(const mini_object *object, const mini_class *class) {
    if (object == NULL) return false;
    const mini_class *c = object->isa;
    while (c != NULL && c != class) c = c->super;
    return c != NULL;
}

/* ---- pools ---- */

typedef struct NSAutoreleasePool {
    mini_object object;
    struct NSAutoreleasePool *outer;
    mini_id *objects;
    size_t count, capacity;
} NSAutoreleasePool;

static _Thread_local NSAutoreleasePool *innermost;

/* Without a pool an object stays, as with Apple's runtime, which says so on standard error. */
mini_id mini_autorelease(mini_id object) {
    NSAutoreleasePool *pool = innermost;
    const orion_allocator libc = orn_allocator(NULL);
    if (object == NULL) return NULL;
    if (pool == NULL || !ORN_GROW(&libc, pool->objects, pool->capacity, pool->count + 1)) {
        fprintf(stderr, "%s %p autoreleased with no pool in place\n", object->isa->name,
                (void *)object);
        return object;
    }
    pool->objects[pool->count++] = object;
    return object;
}

static NSAutoreleasePool *pool_init(NSAutoreleasePool *pool, mini_sel selector) {
    (void)selector;
    if (pool == NULL) return NULL;
    pool->outer = innermost;
    innermost = pool;
    return pool;
}

/* Pools that were made inside and forgotten go first. */
static void pool_dealloc(mini_id self) {
    NSAutoreleasePool *pool = (NSAutoreleasePool *)self;
    const orion_allocator libc = orn_allocator(NULL);
    while (innermost != NULL && innermost != pool) mini_release(&innermost->object);
    while (pool->count > 0) mini_release(pool->objects[--pool->count]);
    orn_free(&libc, pool->objects, pool->capacity * sizeof *pool->objects);
    innermost = pool->outer;
}

mini_id mini_pool(void) {
    return (mini_id)pool_init((NSAutoreleasePool *)mini_new(&class_NSAutoreleasePool), NULL);
}

static mini_id pool_alloc(const mini_class *class, mini_sel selector) {
    (void)selector;
    return mini_new(class);
}

static void pool_drain(mini_id self, mini_sel selector) {
    (void)selector;
    mini_release(self);
}

static const mini_method NSAutoreleasePool_methods[] = {
    MINI_METHOD("init", pool_init),
    MINI_METHOD("drain", pool_drain),
    MINI_END,
};
static const mini_method NSAutoreleasePool_class_methods[] = {
    MINI_METHOD("alloc", pool_alloc),
    MINI_END,
};
MINI_CLASS(NSAutoreleasePool, &class_NSObject, pool_dealloc, 0);

/* ---- NSObject ---- */

static mini_id object_retain(mini_id self, mini_sel selector) {
    (void)selector;
    return mini_retain(self);
}

static void object_release(mini_id self, mini_sel selector) {
    (void)selector;
    mini_release(self);
}

static mini_id object_autorelease(mini_id self, mini_sel selector) {
    (void)selector;
    return mini_autorelease(self);
}

static const mini_class *object_class(mini_id self, mini_sel selector) {
    (void)selector;
    return is_class(self) ? (const mini_class *)self : self->isa;
}

static unsigned char object_is_kind(mini_id self, mini_sel selector, const mini_class *class) {
    (void)selector;
    return mini_is(self, class);
}

static unsigned char object_is_equal(mini_id self, mini_sel selector, mini_id other) {
    (void)selector;
    return mini_equal(self, other);
}

static const mini_method NSObject_methods[] = {
    MINI_METHOD("retain", object_retain),
    MINI_METHOD("release", object_release),
    MINI_METHOD("autorelease", object_autorelease),
    MINI_METHOD("class", object_class),
    MINI_METHOD("isKindOfClass:", object_is_kind),
    MINI_METHOD("isEqual:", object_is_equal),
    MINI_END,
};
static const mini_method NSObject_class_methods[] = {MINI_END};
typedef mini_object NSObject;
MINI_CLASS(NSObject, NULL, NULL, 0);
