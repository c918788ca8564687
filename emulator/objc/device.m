/* SPDX-License-Identifier: MIT */
/* The small classes: what chip this is, the connection to the daemon, performance counters. */
#import "face.h"

@interface _ANEDeviceInfo : EMUObject
@end
@implementation _ANEDeviceInfo
+ (BOOL)hasANE {
    return !emu_settings_now().no_device;
}
+ (unsigned int)numANEs {
    return [self hasANE] ? 1 : 0;
}
+ (unsigned int)numANECores {
    return [self hasANE] ? emu_settings_now().profile.cores : 0;
}
+ (NSString *)aneArchitectureType {
    return [NSString stringWithUTF8String:emu_settings_now().profile.architecture];
}
+ (NSString *)aneSubType {
    return [self aneArchitectureType];
}
+ (NSString *)productName {
    return [NSString stringWithUTF8String:emu_settings_now().profile.product];
}
+ (NSString *)buildVersion {
    return @"emulated";
}
+ (BOOL)isVirtualMachine {
    return emu_settings_now().no_device;
}
@end

@interface _ANEClient : EMUObject
@end
@implementation _ANEClient
+ (id)sharedConnection {
    static _ANEClient *shared;
    @synchronized(self) {
        if (shared == nil) shared = (_ANEClient *)NSAllocateObject(self, 0, NULL);
    }
    return shared;
}
@end

/* The daemon gives no counters to clients without an entitlement. */
@interface _ANEPerformanceStats : EMUObject
@end
@implementation _ANEPerformanceStats
+ (id)statsWithHardwareExecutionNS:(unsigned long long)ns {
    (void)ns;
    return nil;
}
+ (unsigned int)driverMaskForANEFMask:(unsigned int)mask {
    (void)mask;
    return 0;
}
@end
