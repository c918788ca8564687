/* SPDX-License-Identifier: MIT */
/* Runs a small layer and prints what comes out. Without arguments on the CPU; with the path of a
 * framework, or of its emulator, on a Neural Engine. */
#import "program.h"

#include <math.h>
#include <stdio.h>

static NSString *const layer = @"oir 1\n"
                               @"graph @layer(%x: f32[2,3], %w: f32[4,3]) -> (%y) {\n"
                               @"  %z = linear %x, %w : f32[2,4]\n"
                               @"  %y = silu %z : f32[2,4]\n"
                               @"}\n";

static int complain(NSError *error) {
    fprintf(stderr, "%s %ld: %s\n", [[error domain] UTF8String], (long)[error code],
            [[error localizedDescription] UTF8String]);
    return 1;
}

/* Nonsense becomes an NSError that says where. */
static int refuses_nonsense(void) {
    NSError *error = nil;
    id none = [OrionProgram programWithText:@"oir 1\ngraph @g(" framework:nil error:&error];
    printf("nonsense: %s\n", [[error localizedDescription] UTF8String]);
    return none == nil && [error code] == ORION_ERROR_SYNTAX;
}

static int run(NSString *framework) {
    static const float x[6] = {1, 2, 3, -1, 0, 1};
    static const float w[12] = {1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1};
    NSError *error = nil;
    OrionProgram *program = [OrionProgram programWithText:layer framework:framework error:&error];
    if (program == nil) return complain(error);
    NSDictionary *inputs = [NSDictionary
        dictionaryWithObjectsAndKeys:[NSData dataWithBytes:x length:sizeof x], @"x",
                                     [NSData dataWithBytes:w length:sizeof w], @"w", nil];
    NSDictionary *results = [program run:inputs error:&error];
    if (results == nil) return complain(error);
    const float *y = [[results objectForKey:@"y"] bytes];
    int wrong = 0;
    for (int i = 0; i < 8; i++) {
        const float *row = x + i / 4 * 3, *column = w + i % 4 * 3;
        float z = row[0] * column[0] + row[1] * column[1] + row[2] * column[2];
        printf("%.4f%s", (double)y[i], i % 4 == 3 ? "\n" : " ");
        wrong |= fabsf(y[i] - z / (1 + expf(-z))) > 0.01f;
    }
    return wrong;
}

int main(int argc, char **argv) {
    NSAutoreleasePool *pool = [[NSAutoreleasePool alloc] init];
    NSString *framework = argc > 1 ? [NSString stringWithUTF8String:argv[1]] : nil;
    int failed = run(framework) || !refuses_nonsense();
    [pool drain];
    return failed;
}
