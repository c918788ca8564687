/* SPDX-License-Identifier: MIT */
/* _ANEInMemoryModelDescriptor: text, weights and options, and the name that they give a program. */
#import "face.h"

#include <stdlib.h>

@implementation _ANEInMemoryModelDescriptor

/* The file in the inner dictionary. The framework takes the first value, which with the keys that
 * everybody uses is the data. */
static NSData *file_of(NSDictionary *inner) {
    NSEnumerator *values = [inner objectEnumerator];
    id value;
    while ((value = [values nextObject]) != nil) {
        if ([value isKindOfClass:[NSData class]]) return value;
    }
    return nil;
}

static emu_bytes bytes_of(NSData *data) {
    return (emu_bytes){[data bytes], [data length]};
}

static NSString *identity_of(NSData *text, NSDictionary *weights, NSData *options) {
    NSArray *keys = [[weights allKeys] sortedArrayUsingSelector:@selector(compare:)];
    size_t count = [keys count];
    emu_bytes *files = calloc(count + 1, sizeof *files);
    bool fine = files != NULL;
    for (size_t i = 0; i < count && fine; i++) {
        NSData *file = file_of([weights objectForKey:[keys objectAtIndex:i]]);
        fine = file != nil;
        if (fine) files[i] = bytes_of(file);
    }
    char hex[ORION_MIL_IDENTITY_BYTES];
    emu_bytes plist = options == nil ? (emu_bytes){NULL, 0} : bytes_of(options);
    fine = fine && emu_identity(bytes_of(text), files, count, plist, hex);
    free(files);
    return fine ? [NSString stringWithUTF8String:hex] : nil;
}

- (id)initWithNetworkText:(NSData *)text
                  weights:(NSDictionary *)files
             optionsPlist:(NSData *)options
               isMILModel:(BOOL)isMILModel {
    (void)isMILModel;
    if (text == nil || files == nil) {
        emu_trace("  Invalid arguments");
        [self release];
        return nil;
    }
    networkText = [[NSData alloc] initWithBytes:[text bytes] length:[text length]];
    weights = [files retain];
    optionsPlist = [options copy];
    hexStringIdentifier = [identity_of(networkText, weights, optionsPlist) retain];
    if (hexStringIdentifier == nil) {
        [self release];
        return nil;
    }
    return self;
}

+ (id)modelWithMILText:(NSData *)text weights:(NSDictionary *)files optionsPlist:(NSData *)options {
    emu_trace("+[_ANEInMemoryModelDescriptor modelWithMILText:%s weights:%s optionsPlist:%s]",
              emu_class_of(text), emu_class_of(files), emu_class_of(options));
    return [[[self alloc] initWithNetworkText:text
                                      weights:files
                                 optionsPlist:options
                                   isMILModel:YES] autorelease];
}

+ (id)modelWithNetworkDescription:(NSData *)text
                          weights:(NSDictionary *)files
                     optionsPlist:(NSData *)options {
    return [[[self alloc] initWithNetworkText:text weights:files optionsPlist:options
                                   isMILModel:NO] autorelease];
}

- (void)dealloc {
    [networkText release];
    [weights release];
    [optionsPlist release];
    [hexStringIdentifier release];
    [super dealloc];
}

- (NSString *)hexStringIdentifier {
    return hexStringIdentifier;
}
- (NSData *)networkText {
    return networkText;
}
- (NSDictionary *)weights {
    return weights;
}
- (NSData *)optionsPlist {
    return optionsPlist;
}
- (NSUInteger)hash {
    return [hexStringIdentifier hash];
}
- (BOOL)isEqual:(id)other {
    return
        [other isKindOfClass:[_ANEInMemoryModelDescriptor class]] &&
        [hexStringIdentifier isEqual:((_ANEInMemoryModelDescriptor *)other)->hexStringIdentifier];
}
@end
