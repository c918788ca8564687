/* SPDX-License-Identifier: MIT */
/*
 * The Objective-C face: Apple's classes and C functions on GNUstep, over the core.
 *
 * Retain and release are done by hand: GNU's runtime has no ARC. Method names and types are those
 * of docs/private-api.md.
 */
#ifndef EMU_FACE_H
#define EMU_FACE_H

#include "../core/emu.h"
#import <Foundation/Foundation.h>

@interface IOSurface : NSObject {
  @public
    emu_surface *memory;
    NSDictionary *properties;
}
@end

/* Like Apple's, these cannot be made by alloc and init. */
@interface EMUObject : NSObject
@end

@interface _ANEInMemoryModelDescriptor : EMUObject {
  @public
    NSData *networkText, *optionsPlist;
    NSDictionary *weights;
    NSString *hexStringIdentifier;
}
+ (id)modelWithMILText:(NSData *)text
               weights:(NSDictionary *)weights
          optionsPlist:(NSData *)optionsPlist;
+ (id)modelWithNetworkDescription:(NSData *)text
                          weights:(NSDictionary *)weights
                     optionsPlist:(NSData *)optionsPlist;
@end

@interface _ANEIOSurfaceObject : EMUObject {
  @public
    IOSurface *surface;
    NSNumber *startOffset;
}
+ (id)objectWithIOSurface:(IOSurface *)surface;
+ (id)objectWithIOSurface:(IOSurface *)surface startOffset:(NSNumber *)offset;
@end

@interface _ANERequest : EMUObject {
  @public
    NSArray *inputArray, *inputIndexArray, *outputArray, *outputIndexArray;
    NSNumber *procedureIndex;
}
+ (id)requestWithInputs:(NSArray *)inputs
           inputIndices:(NSArray *)inputIndices
                outputs:(NSArray *)outputs
          outputIndices:(NSArray *)outputIndices
          weightsBuffer:(id)weightsBuffer
              perfStats:(id)perfStats
         procedureIndex:(NSNumber *)procedureIndex;
@end

@interface _ANEInMemoryModel : EMUObject {
    _ANEInMemoryModelDescriptor *descriptor; /* until its files are written */
    NSString *hexStringIdentifier;
    NSURL *modelURL;
    emu_instance *instance;
    NSDictionary *modelAttributes;
    NSUInteger state;
    unsigned int perfStatsMask;
}
+ (id)inMemoryModelWithDescriptor:(_ANEInMemoryModelDescriptor *)descriptor;
- (id)initWithDesctiptor:(_ANEInMemoryModelDescriptor *)descriptor; /* Apple's spelling */
@end

/* nil, or the class that a client thinks of: NSData for any of its subclasses. */
const char *emu_class_of(id object);
/* Gives an error to a caller who may not want it; returns NO. */
BOOL emu_give_error(const emu_error *error, NSError **out);
/* What modelAttributes says of a loaded program. */
NSDictionary *emu_attributes(const emu_program *program);

#endif
