/* SPDX-License-Identifier: MIT */
/* modelAttributes: what a loaded program says of its inputs and outputs. */
#import "face.h"

static NSString *string(const char *text) {
    return [NSString stringWithUTF8String:text];
}

static NSNumber *number(uint64_t n) {
    return [NSNumber numberWithUnsignedLongLong:n];
}

static const char *type_name(uint32_t dtype) {
    switch (dtype) {
    case ORION_IR_F16: return "Float16";
    case ORION_IR_F32: return "Float32";
    default: return "UInt8";
    }
}

/* One entry of LiveInputList or LiveOutputList. */
static NSDictionary *describe(const emu_symbol *s) {
    NSMutableDictionary *d = [NSMutableDictionary dictionary];
    [d setObject:string(s->name) forKey:@"Name"];
    [d setObject:string(s->name) forKey:@"Symbol"];
    [d setObject:string(type_name(s->dtype)) forKey:@"Type"];
    [d setObject:number((uint64_t)s->batches) forKey:@"Batches"];
    [d setObject:number((uint64_t)s->channels) forKey:@"Channels"];
    [d setObject:number((uint64_t)s->height) forKey:@"Height"];
    [d setObject:number((uint64_t)s->width) forKey:@"Width"];
    [d setObject:number(s->row_stride) forKey:@"RowStride"];
    [d setObject:number(s->plane_stride) forKey:@"PlaneStride"];
    [d setObject:number(s->batch_stride) forKey:@"BatchStride"];
    return d;
}

static NSArray *describe_all(const emu_symbol *symbols, size_t count) {
    NSMutableArray *all = [NSMutableArray array];
    for (size_t i = 0; i < count; i++) [all addObject:describe(&symbols[i])];
    return all;
}

static NSDictionary *live_lists(const emu_procedure *p) {
    NSMutableDictionary *d = [NSMutableDictionary dictionary];
    [d setObject:string(p->name) forKey:@"Name"];
    [d setObject:describe_all(p->inputs, p->input_count) forKey:@"LiveInputList"];
    [d setObject:describe_all(p->outputs, p->output_count) forKey:@"LiveOutputList"];
    return d;
}

static void add_names(NSMutableArray *to, const emu_symbol *symbols, size_t count,
                      const char *suffix) {
    for (size_t i = 0; i < count; i++) {
        [to addObject:[string(symbols[i].name) stringByAppendingString:string(suffix)]];
    }
}

static NSArray *indices(size_t first, size_t count) {
    NSMutableArray *all = [NSMutableArray array];
    for (size_t i = 0; i < count; i++) [all addObject:number(first + i)];
    return all;
}

static NSDictionary *describe_procedure(const emu_procedure *p, size_t id) {
    NSMutableDictionary *d = [NSMutableDictionary dictionary];
    [d setObject:number(id) forKey:@"ANEFModelProcedureID"];
    [d setObject:indices(p->first_input, p->input_count) forKey:@"ANEFModelInputSymbolIndexArray"];
    [d setObject:indices(p->first_output, p->output_count)
          forKey:@"ANEFModelOutputSymbolIndexArray"];
    return d;
}

static NSDictionary *describe_model(const emu_program *program) {
    NSMutableArray *inputs = [NSMutableArray array], *outputs = [NSMutableArray array];
    NSMutableArray *procedures = [NSMutableArray array];
    NSMutableDictionary *ids = [NSMutableDictionary dictionary];
    for (size_t i = 0; i < program->procedure_count; i++) {
        const emu_procedure *p = &program->procedures[i];
        add_names(inputs, p->inputs, p->input_count, "");
        add_names(outputs, p->outputs, p->output_count, "@output");
        [procedures addObject:describe_procedure(p, i)];
        [ids setObject:number(i) forKey:string(p->name)];
    }
    NSMutableDictionary *d = [NSMutableDictionary dictionary];
    [d setObject:inputs forKey:@"kANEFModelInputSymbolsArrayKey"];
    [d setObject:outputs forKey:@"kANEFModelOutputSymbolsArrayKey"];
    [d setObject:procedures forKey:@"ANEFModelProcedures"];
    [d setObject:ids forKey:@"kANEFModelProcedureNameToIDMapKey"];
    return d;
}

NSDictionary *emu_attributes(const emu_program *program) {
    emu_settings settings = emu_settings_now();
    NSMutableDictionary *d = [NSMutableDictionary dictionary];
    if (!settings.hide_layout) {
        NSMutableArray *lists = [NSMutableArray array];
        for (size_t i = 0; i < program->procedure_count; i++) {
            [lists addObject:live_lists(&program->procedures[i])];
        }
        [d setObject:lists forKey:@"NetworkStatusList"];
    }
    if (!settings.hide_symbols) {
        [d setObject:describe_model(program) forKey:@"ANEFModelDescription"];
    }
    return d;
}
