/* SPDX-License-Identifier: MIT */
/* A client of the framework as people write them. */
#import <Foundation/Foundation.h>
#import <IOSurface/IOSurface.h>
#import <objc/message.h>

#include "client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct client {
    id model;
    NSString *folder;
    char identity[256], path[1024];
};

typedef BOOL (*step_type)(id, SEL, unsigned int, id, NSError **);

static NSString *string(const char *text) {
    return [NSString stringWithUTF8String:text];
}

static NSDictionary *weights_of(const client_file *files, size_t count) {
    NSMutableDictionary *all = [NSMutableDictionary dictionary];
    for (size_t i = 0; i < count; i++) {
        NSMutableDictionary *inner = [NSMutableDictionary dictionary];
        [inner setObject:[NSNumber numberWithInt:0] forKey:@"offset"];
        [inner setObject:[NSData dataWithBytes:files[i].bytes length:files[i].size] forKey:@"data"];
        [all setObject:inner forKey:string(files[i].path)];
    }
    return all;
}

void client_write(const client *c, const char *text, const client_file *files, size_t count) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSFileManager *manager = [NSFileManager defaultManager];
    [manager createDirectoryAtPath:[c->folder stringByAppendingPathComponent:@"weights"]
        withIntermediateDirectories:YES
                         attributes:nil
                              error:NULL];
    NSString *path = [c->folder stringByAppendingPathComponent:@"model.mil"];
    [[NSData dataWithBytes:text length:strlen(text)] writeToFile:path atomically:NO];
    for (size_t i = 0; i < count; i++) {
        NSString *relative =
            [string(files[i].path) stringByReplacingOccurrencesOfString:@"@model_path/"
                                                             withString:@""];
        path = [c->folder stringByAppendingPathComponent:relative];
        [[NSData dataWithBytes:files[i].bytes length:files[i].size] writeToFile:path atomically:NO];
    }
    [pool drain];
}

client *client_create(const char *text, const client_file *files, size_t count) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    client *c = calloc(1, sizeof *c);
    NSData *mil = [NSData dataWithBytes:text length:strlen(text)];
    id descriptor = ((id(*)(Class, SEL, id, id, id))objc_msgSend)(
        NSClassFromString(@"_ANEInMemoryModelDescriptor"),
        @selector(modelWithMILText:weights:optionsPlist:), mil, weights_of(files, count), nil);
    id model =
        ((id(*)(Class, SEL, id))objc_msgSend)(NSClassFromString(@"_ANEInMemoryModel"),
                                              @selector(inMemoryModelWithDescriptor:), descriptor);
    if (model == nil) {
        free(c);
        [pool drain];
        return NULL;
    }
    c->model = [model retain];
    NSString *identity = ((id(*)(id, SEL))objc_msgSend)(model, @selector(hexStringIdentifier));
    c->folder = [[NSTemporaryDirectory() stringByAppendingPathComponent:identity] retain];
    snprintf(c->identity, sizeof c->identity, "%s", [identity UTF8String]);
    snprintf(c->path, sizeof c->path, "%s", [c->folder fileSystemRepresentation]);
    client_write(c, text, files, count);
    [pool drain];
    return c;
}

void client_destroy(client *c) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    [[NSFileManager defaultManager] removeItemAtPath:c->folder error:NULL];
    [c->model release];
    [c->folder release];
    free(c);
    [pool drain];
}

const char *client_identity(const client *c) {
    return c->identity;
}

const char *client_folder(const client *c) {
    return c->path;
}

static answer answer_of(BOOL yes, NSError *error) {
    answer a = {.yes = yes, .error = error != nil, .code = [error code]};
    if (error != nil) {
        snprintf(a.domain, sizeof a.domain, "%s", [[error domain] UTF8String]);
        snprintf(a.text, sizeof a.text, "%s", [[error localizedDescription] UTF8String]);
    }
    return a;
}

static answer step(client *c, SEL selector) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSError *error = nil;
    BOOL yes = ((step_type)objc_msgSend)(c->model, selector, 21, [NSDictionary dictionary], &error);
    answer a = answer_of(yes, error);
    [pool drain];
    return a;
}

answer client_compile(client *c) {
    return step(c, @selector(compileWithQoS:options:error:));
}

answer client_load(client *c) {
    return step(c, @selector(loadWithQoS:options:error:));
}

answer client_unload(client *c) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSError *error = nil;
    BOOL yes = ((BOOL(*)(id, SEL, unsigned int, NSError **))objc_msgSend)(
        c->model, @selector(unloadWithQoS:error:), 21, &error);
    answer a = answer_of(yes, error);
    [pool drain];
    return a;
}

void client_look(client *c) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    (void)((id(*)(id, SEL))objc_msgSend)(c->model, @selector(modelAttributes));
    [pool drain];
}

void *client_surface(size_t bytes) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSMutableDictionary *properties = [NSMutableDictionary dictionary];
    NSNumber *size = [NSNumber numberWithUnsignedLong:bytes];
    [properties setObject:size forKey:kIOSurfaceWidth];
    [properties setObject:[NSNumber numberWithInt:1] forKey:kIOSurfaceHeight];
    [properties setObject:[NSNumber numberWithInt:1] forKey:kIOSurfaceBytesPerElement];
    [properties setObject:size forKey:kIOSurfaceBytesPerRow];
    [properties setObject:size forKey:kIOSurfaceAllocSize];
    [properties setObject:[NSNumber numberWithInt:0] forKey:kIOSurfacePixelFormat];
    void *surface = (void *)IOSurfaceCreate((CFDictionaryRef)properties);
    [pool drain];
    return surface;
}

void *client_bytes(void *surface) {
    return IOSurfaceGetBaseAddress((IOSurfaceRef)surface);
}

void client_lock(void *surface, bool lock) {
    if (lock) {
        (void)IOSurfaceLock((IOSurfaceRef)surface, 0, NULL);
    } else {
        (void)IOSurfaceUnlock((IOSurfaceRef)surface, 0, NULL);
    }
}

static void wrap(void *const *surfaces, size_t count, NSMutableArray *objects,
                 NSMutableArray *indices) {
    for (size_t i = 0; i < count; i++) {
        id object =
            ((id(*)(Class, SEL, id))objc_msgSend)(NSClassFromString(@"_ANEIOSurfaceObject"),
                                                  @selector(objectWithIOSurface:), (id)surfaces[i]);
        [objects addObject:object];
        [indices addObject:[NSNumber numberWithUnsignedLong:i]];
    }
}

answer client_evaluate(client *c, void *const *inputs, size_t input_count, void *const *outputs,
                       size_t output_count, int procedure) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSMutableArray *in = [NSMutableArray array], *in_indices = [NSMutableArray array];
    NSMutableArray *out = [NSMutableArray array], *out_indices = [NSMutableArray array];
    wrap(inputs, input_count, in, in_indices);
    wrap(outputs, output_count, out, out_indices);
    id request = ((id(*)(Class, SEL, id, id, id, id, id, id, id))objc_msgSend)(
        NSClassFromString(@"_ANERequest"),
        @selector(requestWithInputs:
                       inputIndices:outputs:outputIndices:weightsBuffer:perfStats:procedureIndex:),
        in, in_indices, out, out_indices, nil, nil, [NSNumber numberWithInt:procedure]);
    NSError *error = nil;
    BOOL yes = ((BOOL(*)(id, SEL, unsigned int, id, id, NSError **))objc_msgSend)(
        c->model, @selector(evaluateWithQoS:options:request:error:), 21, [NSDictionary dictionary],
        request, &error);
    answer a = answer_of(yes, error);
    [pool drain];
    return a;
}
