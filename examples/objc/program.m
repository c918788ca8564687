/* SPDX-License-Identifier: MIT */
/* Orion's handles are C pointers: an object owns them and gives them back when it goes. */
#import "program.h"

NSString *const OrionErrorDomain = @"orion";

/* Collects what a call has to say; one error for Foundation comes of it. */
static orion_diag *new_diag(void) {
    orion_diag *diag = NULL;
    return orion_diag_create(NULL, &diag) == ORION_OK ? diag : NULL;
}

static NSError *error_of(orion_status status, const orion_diag *diag) {
    NSMutableString *text = [NSMutableString string];
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        [text appendFormat:@"%s%s", i == 0 ? "" : "\n", orion_diag_get(diag, i)->text];
    }
    if ([text length] == 0) [text appendFormat:@"%s", orion_status_string(status)];
    NSDictionary *info = [NSDictionary dictionaryWithObject:text forKey:NSLocalizedDescriptionKey];
    return [NSError errorWithDomain:OrionErrorDomain code:status userInfo:info];
}

@implementation OrionProgram

static orion_status compile(NSString *text, NSString *framework, orion_diag *diag,
                            orion_ane_program **out) {
    const char *utf8 = [text UTF8String];
    uint32_t backend = framework == nil ? ORION_ANE_BACKEND_CPU : ORION_ANE_BACKEND_ANE_OBJC;
    orion_ane_device *device = NULL;
    orion_ir_graph *graph = NULL;
    orion_status s = orion_ane_device_open(
        orion_ane_device_options(.backend = backend,
                                 .framework = [framework fileSystemRepresentation]),
        diag, &device);
    if (s == ORION_OK) s = orion_ir_parse(utf8, strlen(utf8), "program", NULL, diag, &graph);
    if (s == ORION_OK) s = orion_ane_program_compile_graph(device, graph, diag, out);
    orion_ir_graph_destroy(&graph);
    orion_ane_device_unref(&device); /* the program keeps it */
    return s;
}

/* A tensor for each port, bound once for all runs. */
- (orion_status)bindPorts:(orion_diag *)diag {
    orion_status s = orion_ane_run_create(program, &run);
    for (size_t i = 0; i < orion_ane_program_port_count(program) && s == ORION_OK; i++) {
        orion_ane_port port = {.size = sizeof port};
        orion_ane_tensor *tensor = NULL;
        s = orion_ane_program_port(program, i, &port);
        if (s == ORION_OK) s = orion_ane_tensor_create_for(program, port.name, diag, &tensor);
        if (s == ORION_OK) s = orion_ane_run_bind(run, port.name, tensor, diag);
        if (s != ORION_OK) {
            orion_ane_tensor_unref(&tensor);
            break;
        }
        NSString *name = [NSString stringWithUTF8String:port.name];
        [port.is_output ? outputNames : inputNames addObject:name];
        [tensors setObject:[NSValue valueWithPointer:tensor] forKey:name];
    }
    return s;
}

- (id)initWithText:(NSString *)text framework:(NSString *)framework error:(NSError **)error {
    self = [super init];
    if (self == nil) return nil;
    tensors = [[NSMutableDictionary alloc] init];
    inputNames = [[NSMutableArray alloc] init];
    outputNames = [[NSMutableArray alloc] init];
    orion_diag *diag = new_diag();
    orion_status s = compile(text, framework, diag, &program);
    if (s == ORION_OK) s = [self bindPorts:diag];
    if (s != ORION_OK) {
        if (error != NULL) *error = error_of(s, diag);
        [self release];
        self = nil;
    }
    orion_diag_destroy(&diag);
    return self;
}

+ (id)programWithText:(NSString *)text framework:(NSString *)framework error:(NSError **)error {
    return [[[self alloc] initWithText:text framework:framework error:error] autorelease];
}

- (void)dealloc {
    NSEnumerator *values = [tensors objectEnumerator];
    NSValue *value;
    orion_ane_run_destroy(&run);
    while ((value = [values nextObject]) != nil) {
        orion_ane_tensor *tensor = [value pointerValue];
        orion_ane_tensor_unref(&tensor);
    }
    orion_ane_program_unref(&program);
    [tensors release];
    [inputNames release];
    [outputNames release];
    [super dealloc];
}

- (NSArray *)inputNames {
    return inputNames;
}
- (NSArray *)outputNames {
    return outputNames;
}

- (orion_status)write:(NSDictionary *)inputs diag:(orion_diag *)diag {
    NSEnumerator *names = [inputNames objectEnumerator];
    NSString *name;
    orion_status s = ORION_OK;
    while (s == ORION_OK && (name = [names nextObject]) != nil) {
        NSData *data = [inputs objectForKey:name];
        orion_ane_tensor *tensor = [[tensors objectForKey:name] pointerValue];
        s = orion_ane_tensor_write(tensor, ORION_IR_F32, [data bytes], [data length], diag);
    }
    return s;
}

- (NSDictionary *)read:(orion_diag *)diag status:(orion_status *)status {
    NSMutableDictionary *results = [NSMutableDictionary dictionary];
    NSEnumerator *names = [outputNames objectEnumerator];
    NSString *name;
    while (*status == ORION_OK && (name = [names nextObject]) != nil) {
        orion_ane_tensor *tensor = [[tensors objectForKey:name] pointerValue];
        orion_ir_type type = orion_ane_tensor_type(tensor);
        NSMutableData *data = [NSMutableData
            dataWithLength:(NSUInteger)orion_ir_type_elements(&type) * sizeof(float)];
        *status =
            orion_ane_tensor_read(tensor, ORION_IR_F32, [data mutableBytes], [data length], diag);
        [results setObject:data forKey:name];
    }
    return results;
}

- (NSDictionary *)run:(NSDictionary *)inputs error:(NSError **)error {
    orion_diag *diag = new_diag();
    NSDictionary *results = nil;
    orion_status s = [self write:inputs diag:diag];
    if (s == ORION_OK) s = orion_ane_run_execute(run, diag);
    if (s == ORION_OK) results = [self read:diag status:&s];
    if (s != ORION_OK && error != NULL) *error = error_of(s, diag);
    orion_diag_destroy(&diag);
    return s == ORION_OK ? results : nil;
}
@end
