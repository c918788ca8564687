/* SPDX-License-Identifier: MIT */
/*
 * Orion in Objective-C: a graph that is compiled and run, with Foundation's types at its door.
 *
 * Written for Apple's compiler and GNU's alike: references are counted by hand, and there are no
 * literals or blocks, which gcc lacks.
 */
#import <Foundation/Foundation.h>
#include <orion/ane.h>

/* The domain of errors; their codes are orion_status, their description is the diagnostics. */
extern NSString *const OrionErrorDomain;

@interface OrionProgram : NSObject {
    orion_ane_program *program;
    orion_ane_run *run;
    NSMutableDictionary *tensors; /* name -> NSValue of orion_ane_tensor * */
    NSMutableArray *inputNames, *outputNames;
}
/* A graph as .oir text, compiled for the CPU or, with the path of a framework or of its emulator,
 * for a Neural Engine. */
+ (id)programWithText:(NSString *)text framework:(NSString *)framework error:(NSError **)error;
- (NSArray *)inputNames;
- (NSArray *)outputNames;
/* Inputs and outputs by name, as data of floats. */
- (NSDictionary *)run:(NSDictionary *)inputs error:(NSError **)error;
@end
