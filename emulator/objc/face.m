/* SPDX-License-Identifier: MIT */
/* What the classes share: making, counting, naming, errors. */
#import "face.h"

@implementation EMUObject
+ (id)allocWithZone:(NSZone *)zone {
    emu_count(EMU_OBJECTS, 1);
    return [super allocWithZone:zone];
}
+ (id)new {
    return nil;
}
- (id)init {
    [self release];
    return nil;
}
- (void)dealloc {
    emu_count(EMU_OBJECTS, -1);
    [super dealloc];
}
@end

const char *emu_class_of(id object) {
    static const char *const clusters[] = {"NSData",   "NSDictionary", "NSString",
                                           "NSNumber", "NSArray",      "NSURL"};
    if (object == nil) return "nil";
    for (size_t i = 0; i < ORN_COUNT(clusters); i++) {
        if ([object isKindOfClass:objc_getClass(clusters[i])]) return clusters[i];
    }
    return class_getName([object class]);
}

BOOL emu_give_error(const emu_error *error, NSError **out) {
    if (out == NULL || error->domain == NULL) return NO;
    NSString *domain = [NSString stringWithUTF8String:error->domain];
    NSString *text = [NSString stringWithUTF8String:error->text];
    NSDictionary *info = [NSDictionary dictionaryWithObject:text forKey:NSLocalizedDescriptionKey];
    *out = [NSError errorWithDomain:domain code:error->code userInfo:info];
    return NO;
}
