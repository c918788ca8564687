/* SPDX-License-Identifier: MIT */
/* The classes by themselves: what they answer, what they refuse to be, what they throw. */
#import <Foundation/Foundation.h>
#import <objc/message.h>

#include "support.h"

#include <orion/emulator.h>

@interface NSObject (Private)
+ (id)modelWithMILText:(id)text weights:(id)weights optionsPlist:(id)plist;
+ (id)inMemoryModelWithDescriptor:(id)descriptor;
+ (id)objectWithIOSurface:(id)surface;
+ (BOOL)hasANE;
+ (unsigned)numANECores;
+ (NSString *)aneArchitectureType;
+ (id)sharedConnection;
+ (id)statsWithHardwareExecutionNS:(unsigned long long)ns;
- (unsigned long)state;
- (NSDictionary *)modelAttributes;
- (char)queueDepth;
- (BOOL)compiledModelExists;
- (unsigned long long)intermediateBufferHandle;
@end

static NSData *text_of(const char *text) {
    return [NSData dataWithBytes:text length:strlen(text)];
}

static void test_descriptor(void **state) {
    (void)state;
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    Class descriptor = NSClassFromString(@"_ANEInMemoryModelDescriptor");
    NSDictionary *none = [NSDictionary dictionary];
    NSData *text = text_of("program(1.3) {}"), *plist = text_of("options");
    /* E-11: nil gives no descriptor, and no crash either. Malformed text gives one. */
    assert_true([descriptor modelWithMILText:nil weights:none optionsPlist:nil] == nil);
    assert_true([descriptor modelWithMILText:text weights:nil optionsPlist:nil] == nil);
    NSDictionary *empty = [NSDictionary dictionaryWithObject:none forKey:@"@model_path/w.bin"];
    assert_true([descriptor modelWithMILText:text weights:empty optionsPlist:nil] == nil);
    id a = [descriptor modelWithMILText:text weights:none optionsPlist:nil];
    id b = [descriptor modelWithMILText:text weights:none optionsPlist:nil];
    id other = [descriptor modelWithMILText:text weights:none optionsPlist:plist];
    assert_true(a != nil && [a isEqual:b] && [a hash] == [b hash] && ![a isEqual:other]);
    /* E-9: a string is not data. */
    BOOL thrown = NO;
    @try {
        (void)[descriptor modelWithMILText:@"program(1.3) {}" weights:none optionsPlist:nil];
    } @catch (NSException *e) {
        thrown = [[e name] isEqual:NSInvalidArgumentException];
    }
    assert_true(thrown);
    [pool drain];
}

static void test_no_init(void **state) {
    (void)state;
    static NSString *const names[] = {@"_ANEInMemoryModelDescriptor", @"_ANEInMemoryModel",
                                      @"_ANERequest", @"_ANEIOSurfaceObject",
                                      @"_ANEPerformanceStats"};
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        Class class = NSClassFromString(names[i]);
        assert_true(class != Nil && [class new] == nil && [[class alloc] init] == nil);
    }
    assert_true([NSClassFromString(@"_ANEInMemoryModel") inMemoryModelWithDescriptor:nil] == nil);
    assert_true([NSClassFromString(@"_ANEIOSurfaceObject") objectWithIOSurface:nil] == nil);
    [pool drain];
}

static void test_model(void **state) {
    (void)state;
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    Class descriptor = NSClassFromString(@"_ANEInMemoryModelDescriptor");
    id d = [descriptor modelWithMILText:text_of("program")
                                weights:[NSDictionary dictionary]
                           optionsPlist:nil];
    id model = [NSClassFromString(@"_ANEInMemoryModel") inMemoryModelWithDescriptor:d];
    assert_int_equal([model state], 1);
    assert_int_equal([model queueDepth], 0);
    assert_int_equal([[model modelAttributes] count], 0);
    assert_int_equal([model intermediateBufferHandle], 0);
    assert_false([model compiledModelExists]);
    [pool drain];
}

static void test_device(void **state) {
    (void)state;
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    Class info = NSClassFromString(@"_ANEDeviceInfo");
    orion_emulator_reset();
    assert_true([info hasANE]);
    assert_int_equal([info numANECores], 16);
    assert_true([[info aneArchitectureType] isEqual:@"h16g"]);
    assert_null(orion_emulator_configure("profile=m1"));
    assert_true([[info aneArchitectureType] isEqual:@"h13g"]);
    assert_null(orion_emulator_configure("device=off"));
    assert_false([info hasANE]);
    Class client = NSClassFromString(@"_ANEClient");
    assert_true([client sharedConnection] != nil &&
                [client sharedConnection] == [client sharedConnection]);
    assert_true([NSClassFromString(@"_ANEPerformanceStats") statsWithHardwareExecutionNS:1] == nil);
    orion_emulator_reset();
    [pool drain];
}

/* A method with floats, a double and more integers than registers. */
@interface Adder : NSObject
@end
@implementation Adder
- (double)addFloat:(float)f
            double:(double)d
                 a:(long)a
                 b:(long)b
                 c:(long)c
                 d:(long)e
                 e:(long)g
                 f:(long)h
                 g:(int)i {
    return (double)f + d + (double)(a + b + c + e + g + h) + i;
}
@end

static void test_message_send(void **state) {
    (void)state;
    Adder *adder = [[Adder alloc] init];
    SEL selector = @selector(addFloat:double:a:b:c:d:e:f:g:);
    double sum = ((double (*)(id, SEL, float, double, long, long, long, long, long, long,
                              int))objc_msgSend)(adder, selector, 0.5F, 0.25, 1, 2, 3, 4, 5, 6, 7);
    assert_true(sum == 28.75);
    assert_true(((id(*)(id, SEL))objc_msgSend)(nil, selector) == nil);
    [adder release];
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_descriptor),   cmocka_unit_test(test_no_init),
        cmocka_unit_test(test_model),        cmocka_unit_test(test_device),
        cmocka_unit_test(test_message_send),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
