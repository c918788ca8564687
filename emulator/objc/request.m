/* SPDX-License-Identifier: MIT */
/* _ANERequest and _ANEIOSurfaceObject: what an evaluation reads and writes. */
#import "face.h"

@implementation _ANEIOSurfaceObject

- (id)initWithSurface:(IOSurface *)given offset:(NSNumber *)offset {
    if (given == nil) {
        [self release];
        return nil;
    }
    surface = [given retain];
    startOffset = [offset retain];
    return self;
}
+ (id)objectWithIOSurface:(IOSurface *)given {
    emu_trace("+[_ANEIOSurfaceObject objectWithIOSurface:%s]", emu_class_of(given));
    return [[[self alloc] initWithSurface:given offset:nil] autorelease];
}
/* Programs made of text ignore the offset. */
+ (id)objectWithIOSurface:(IOSurface *)given startOffset:(NSNumber *)offset {
    return [[[self alloc] initWithSurface:given offset:offset] autorelease];
}
- (void)dealloc {
    [surface release];
    [startOffset release];
    [super dealloc];
}
- (IOSurface *)ioSurface {
    return surface;
}
- (NSNumber *)startOffset {
    return startOffset;
}
@end

@implementation _ANERequest

- (id)initWithInputs:(NSArray *)inputs
        inputIndices:(NSArray *)inputIndices
             outputs:(NSArray *)outputs
       outputIndices:(NSArray *)outputIndices
      procedureIndex:(NSNumber *)procedure {
    inputArray = [inputs copy];
    inputIndexArray = [inputIndices copy];
    outputArray = [outputs copy];
    outputIndexArray = [outputIndices copy];
    procedureIndex = [procedure retain];
    return self;
}

+ (id)requestWithInputs:(NSArray *)inputs
           inputIndices:(NSArray *)inputIndices
                outputs:(NSArray *)outputs
          outputIndices:(NSArray *)outputIndices
          weightsBuffer:(id)weightsBuffer
              perfStats:(id)perfStats
         procedureIndex:(NSNumber *)procedure {
    emu_trace("+[_ANERequest requestWithInputs:%s inputIndices:%s outputs:%s outputIndices:%s "
              "weightsBuffer:%s perfStats:%s procedureIndex:%s]",
              emu_class_of(inputs), emu_class_of(inputIndices), emu_class_of(outputs),
              emu_class_of(outputIndices), emu_class_of(weightsBuffer), emu_class_of(perfStats),
              emu_class_of(procedure));
    return [[[self alloc] initWithInputs:inputs
                            inputIndices:inputIndices
                                 outputs:outputs
                           outputIndices:outputIndices
                          procedureIndex:procedure] autorelease];
}

+ (id)requestWithInputs:(NSArray *)inputs
           inputIndices:(NSArray *)inputIndices
                outputs:(NSArray *)outputs
          outputIndices:(NSArray *)outputIndices
         procedureIndex:(NSNumber *)procedure {
    return [self requestWithInputs:inputs
                      inputIndices:inputIndices
                           outputs:outputs
                     outputIndices:outputIndices
                     weightsBuffer:nil
                         perfStats:nil
                    procedureIndex:procedure];
}

- (void)dealloc {
    [inputArray release];
    [inputIndexArray release];
    [outputArray release];
    [outputIndexArray release];
    [procedureIndex release];
    [super dealloc];
}

/* As the framework's own check, short of what the core decides. */
- (BOOL)validate {
    return [inputArray count] > 0 && [inputArray count] == [inputIndexArray count] &&
           [outputArray count] > 0 && [outputArray count] == [outputIndexArray count];
}
- (NSArray *)inputArray {
    return inputArray;
}
- (NSArray *)outputArray {
    return outputArray;
}
- (NSNumber *)procedureIndex {
    return procedureIndex;
}
@end
