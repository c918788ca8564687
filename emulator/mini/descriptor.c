/* SPDX-License-Identifier: MIT */
/* _ANEInMemoryModelDescriptor: text, weights and options, and the name that they give a program. */
#include "mini.h"

#include <stdlib.h>

NSData *mini_weight_file(const NSDictionary *file, const NSString **out_key) {
    if (!mini_is((const mini_object *)file, &class_NSDictionary)) return NULL;
    for (size_t i = 0; i < file->count; i++) {
        if (!mini_is(file->items[i], &class_NSData)) continue;
        if (out_key != NULL) *out_key = (NSString *)file->keys[i];
        return (NSData *)file->items[i];
    }
    return NULL;
}

static emu_bytes bytes_of(const NSData *data) {
    return data == NULL ? (emu_bytes){NULL, 0} : (emu_bytes){data->bytes, data->length};
}

typedef struct named_file {
    const char *name;
    const NSData *data;
} named_file;

static int by_name(const void *a, const void *b) {
    return strcmp(((const named_file *)a)->name, ((const named_file *)b)->name);
}

static NSString *identity_of(const _ANEInMemoryModelDescriptor *d) {
    size_t count = d->weights->count;
    named_file *sorted = calloc(count + 1, sizeof *sorted);
    emu_bytes *files = calloc(count + 1, sizeof *files);
    bool fine = sorted != NULL && files != NULL;
    for (size_t i = 0; fine && i < count; i++) {
        sorted[i] =
            (named_file){.name = ((NSString *)d->weights->keys[i])->bytes,
                         .data = mini_weight_file((NSDictionary *)d->weights->items[i], NULL)};
        fine = sorted[i].data != NULL;
    }
    char hex[ORION_MIL_IDENTITY_BYTES];
    if (fine) {
        qsort(sorted, count, sizeof *sorted, by_name);
        for (size_t i = 0; i < count; i++) files[i] = bytes_of(sorted[i].data);
        fine = emu_identity(bytes_of(d->text), files, count, bytes_of(d->options), hex);
    }
    free(sorted);
    free(files);
    return fine ? mini_string(hex) : NULL;
}

static void descriptor_dealloc(mini_id self) {
    _ANEInMemoryModelDescriptor *d = (_ANEInMemoryModelDescriptor *)self;
    mini_release((mini_id)d->text);
    mini_release((mini_id)d->weights);
    mini_release((mini_id)d->options);
    mini_release((mini_id)d->hex);
}

static mini_id with_text(const mini_class *class, mini_sel selector, NSData *text,
                         NSDictionary *weights, NSData *options) {
    (void)selector;
    emu_trace("+[_ANEInMemoryModelDescriptor modelWithMILText:%s weights:%s optionsPlist:%s]",
              mini_class_of((mini_id)text), mini_class_of((mini_id)weights),
              mini_class_of((mini_id)options));
    if (text == NULL || weights == NULL) {
        emu_trace("  Invalid arguments");
        return NULL;
    }
    _ANEInMemoryModelDescriptor *d = (_ANEInMemoryModelDescriptor *)mini_new(class);
    if (d == NULL) return NULL;
    d->text = (NSData *)mini_retain((mini_id)text);
    d->weights = (NSDictionary *)mini_retain((mini_id)weights);
    d->options = (NSData *)mini_retain((mini_id)options);
    d->hex = (NSString *)mini_retain((mini_id)identity_of(d));
    if (d->hex == NULL) {
        mini_release(&d->object);
        return NULL;
    }
    return mini_autorelease(&d->object);
}

static NSString *hex(_ANEInMemoryModelDescriptor *self, mini_sel selector) {
    (void)selector;
    return self->hex;
}

static const mini_method _ANEInMemoryModelDescriptor_methods[] = {
    MINI_METHOD("hexStringIdentifier", hex),
    MINI_END,
};
static const mini_method _ANEInMemoryModelDescriptor_class_methods[] = {
    MINI_METHOD("modelWithMILText:weights:optionsPlist:", with_text),
    MINI_END,
};
MINI_CLASS(_ANEInMemoryModelDescriptor, &class_NSObject, descriptor_dealloc, 1);
