/* SPDX-License-Identifier: MIT */
/* _ANEInMemoryModel: compile, load, evaluate and unload, and what the framework does around them.
 */
#import "face.h"

/* Values of `state`. */
enum { STATE_NEW = 1, STATE_LOADED = 3 };

@implementation _ANEInMemoryModel

+ (id)inMemoryModelWithDescriptor:(_ANEInMemoryModelDescriptor *)d {
    emu_trace("+[_ANEInMemoryModel inMemoryModelWithDescriptor:%s]", emu_class_of(d));
    return [[[self alloc] initWithDesctiptor:d] autorelease];
}

- (id)initWithDesctiptor:(_ANEInMemoryModelDescriptor *)d {
    if (d == nil) {
        [self release];
        return nil;
    }
    descriptor = [d retain];
    hexStringIdentifier = [d->hexStringIdentifier retain];
    modelAttributes = [[NSDictionary alloc] init];
    state = STATE_NEW;
    return self;
}

/* A program that its owner forgets to unload frees its slot with the object. */
- (void)dealloc {
    (void)emu_unload(instance, NULL);
    [descriptor release];
    [hexStringIdentifier release];
    [modelURL release];
    [modelAttributes release];
    [super dealloc];
}

/* ---- files ---- */

- (NSString *)localModelPath {
    return [NSTemporaryDirectory() stringByAppendingPathComponent:hexStringIdentifier];
}

- (const char *)folder {
    return [[self localModelPath] fileSystemRepresentation];
}

- (BOOL)writeFile:(NSString *)name data:(NSData *)data {
    return emu_folder_write([self folder], [name UTF8String], [data bytes], [data length]);
}

/* The weights are written under the keys of the inner dictionaries, which clients think are names
 * of fields: the last one wins. */
- (BOOL)writeWeights {
    NSEnumerator *files = [descriptor->weights objectEnumerator];
    NSDictionary *inner;
    while ((inner = [files nextObject]) != nil) {
        NSEnumerator *names = [inner keyEnumerator];
        NSString *name;
        while ((name = [names nextObject]) != nil) {
            if ([[inner objectForKey:name] isKindOfClass:[NSData class]]) break;
        }
        if (name == nil || ![self writeFile:name data:[inner objectForKey:name]]) return NO;
    }
    return YES;
}

- (NSURL *)saveModelFiles {
    if (modelURL != nil) return modelURL;
    if (![self writeFile:@"net.plist" data:descriptor->networkText]) return nil;
    if (descriptor->optionsPlist != nil && ![self writeFile:@"compiler_options.plist"
                                                       data:descriptor->optionsPlist]) {
        return nil;
    }
    if (![self writeWeights]) return nil;
    modelURL = [[NSURL fileURLWithPath:[self localModelPath]] retain];
    [descriptor release];
    descriptor = nil;
    return modelURL;
}

- (void)traceFiles {
    if (!emu_tracing()) return;
    NSArray *names = [[NSFileManager defaultManager] subpathsAtPath:[self localModelPath]];
    NSEnumerator *sorted = [[names sortedArrayUsingSelector:@selector(compare:)] objectEnumerator];
    NSString *name;
    while ((name = [sorted nextObject]) != nil) {
        BOOL isFolder = NO;
        NSString *path = [[self localModelPath] stringByAppendingPathComponent:name];
        (void)[[NSFileManager defaultManager] fileExistsAtPath:path isDirectory:&isFolder];
        if (!isFolder) emu_trace("  %s", [name UTF8String]);
    }
}

/* ---- the four calls ---- */

- (BOOL)compileWithQoS:(unsigned int)qos options:(NSDictionary *)options error:(NSError **)error {
    emu_error e = {.domain = NULL};
    NSURL *saved = [self saveModelFiles];
    emu_trace("-[_ANEInMemoryModel compileWithQoS:%u options:%s error:%s]", qos,
              emu_class_of(options), error == NULL ? "NULL" : "out");
    [self traceFiles];
    if (saved == nil) return NO;
    if (emu_compile([hexStringIdentifier UTF8String], [self folder], &e)) return YES;
    return emu_give_error(&e, error);
}

- (BOOL)compiledModelExists {
    return emu_compiled([hexStringIdentifier UTF8String]);
}

- (void)purgeCompiledModel {
    emu_trace("-[_ANEInMemoryModel purgeCompiledModel]");
    emu_purge([hexStringIdentifier UTF8String]);
}

- (void)setAttributes:(NSDictionary *)attributes {
    [attributes retain];
    [modelAttributes release];
    modelAttributes = attributes;
}

- (BOOL)loadWithQoS:(unsigned int)qos options:(NSDictionary *)options error:(NSError **)error {
    emu_error e = {.domain = NULL};
    emu_instance *loaded;
    emu_trace("-[_ANEInMemoryModel loadWithQoS:%u options:%s error:%s]", qos, emu_class_of(options),
              error == NULL ? "NULL" : "out");
    if (![self compiledModelExists] && [self saveModelFiles] == nil) return NO;
    if (!emu_load([hexStringIdentifier UTF8String], [self folder], &e, &loaded)) {
        return emu_give_error(&e, error);
    }
    (void)emu_unload(instance, NULL); /* loaded twice */
    instance = loaded;
    [self setAttributes:emu_attributes(emu_instance_program(instance))];
    state = STATE_LOADED;
    return YES;
}

/* Surfaces and indices of one side; stops where the arrays do not fit each other. */
static size_t bindings_of(NSArray *objects, NSArray *indices, emu_binding *out, size_t most) {
    size_t count = [objects count];
    if (count != [indices count] || count > most) return 0;
    for (size_t i = 0; i < count; i++) {
        _ANEIOSurfaceObject *object = [objects objectAtIndex:i];
        out[i] = (emu_binding){.surface = object->surface->memory,
                               .index = [[indices objectAtIndex:i] unsignedIntValue]};
    }
    return count;
}

- (BOOL)evaluateWithQoS:(unsigned int)qos
                options:(NSDictionary *)options
                request:(_ANERequest *)request
                  error:(NSError **)error {
    enum { MOST = 256 };
    emu_binding inputs[MOST], outputs[MOST];
    emu_error e = {.domain = NULL};
    emu_trace("-[_ANEInMemoryModel evaluateWithQoS:%u options:%s request:%s error:%s]", qos,
              emu_class_of(options), emu_class_of(request), error == NULL ? "NULL" : "out");
    emu_request r = {.inputs = inputs, .outputs = outputs};
    if (request != nil) {
        r.input_count = bindings_of(request->inputArray, request->inputIndexArray, inputs, MOST);
        r.output_count =
            bindings_of(request->outputArray, request->outputIndexArray, outputs, MOST);
        r.procedure = [request->procedureIndex unsignedIntValue];
    }
    if (emu_evaluate(instance, sel_getName(_cmd), &r, &e)) return YES;
    return emu_give_error(&e, error);
}

- (BOOL)unloadWithQoS:(unsigned int)qos error:(NSError **)error {
    emu_error e = {.domain = NULL};
    emu_trace("-[_ANEInMemoryModel unloadWithQoS:%u error:%s]", qos,
              error == NULL ? "NULL" : "out");
    bool fine = emu_unload(instance, &e);
    instance = NULL;
    state = STATE_NEW;
    if (!emu_settings_now().unload_keeps_folder) emu_folder_remove([self folder]);
    return fine ? YES : emu_give_error(&e, error);
}

/* ---- properties ---- */

- (NSString *)hexStringIdentifier {
    emu_trace("-[_ANEInMemoryModel hexStringIdentifier]");
    return hexStringIdentifier;
}
- (NSDictionary *)modelAttributes {
    emu_trace("-[_ANEInMemoryModel modelAttributes]");
    if (instance != NULL) emu_instance_looked_at(instance);
    return modelAttributes;
}
- (NSUInteger)state {
    return state;
}
- (char)queueDepth {
    return instance == NULL ? 0 : (char)emu_settings_now().profile.queue_depth;
}
- (unsigned long long)programHandle {
    return instance == NULL ? 0 : emu_instance_handle(instance);
}
/* Programs made of text have none. */
- (unsigned long long)intermediateBufferHandle {
    return 0;
}
- (unsigned int)perfStatsMask {
    return perfStatsMask;
}
- (void)setPerfStatsMask:(unsigned int)mask {
    perfStatsMask = mask;
}
- (NSURL *)modelURL {
    return modelURL;
}
- (void)setModelURL:(NSURL *)url {
    [url retain];
    [modelURL release];
    modelURL = url;
}
@end
