/* SPDX-License-Identifier: MIT */
/* _ANERequest and _ANEIOSurfaceObject: what an evaluation reads and writes; _ANEDeviceInfo. */
#include "mini.h"

/* ---- _ANEIOSurfaceObject ---- */

static void wrapper_dealloc(mini_id self) {
    mini_release((mini_id)((_ANEIOSurfaceObject *)self)->surface);
}

static mini_id with_surface(const mini_class *class, mini_sel selector, IOSurface *surface) {
    (void)selector;
    emu_trace("+[_ANEIOSurfaceObject objectWithIOSurface:%s]", mini_class_of((mini_id)surface));
    if (surface == NULL) return NULL;
    _ANEIOSurfaceObject *wrapper = (_ANEIOSurfaceObject *)mini_new(class);
    if (wrapper == NULL) return NULL;
    wrapper->surface = (IOSurface *)mini_retain((mini_id)surface);
    return mini_autorelease(&wrapper->object);
}

static const mini_method _ANEIOSurfaceObject_methods[] = {MINI_END};
static const mini_method _ANEIOSurfaceObject_class_methods[] = {
    MINI_METHOD("objectWithIOSurface:", with_surface),
    MINI_END,
};
MINI_CLASS(_ANEIOSurfaceObject, &class_NSObject, wrapper_dealloc, 1);

/* ---- _ANERequest ---- */

static void request_dealloc(mini_id self) {
    _ANERequest *r = (_ANERequest *)self;
    mini_release((mini_id)r->inputs);
    mini_release((mini_id)r->input_indices);
    mini_release((mini_id)r->outputs);
    mini_release((mini_id)r->output_indices);
    mini_release((mini_id)r->procedure);
}

static mini_id with_inputs(const mini_class *class, mini_sel selector, NSArray *inputs,
                           NSArray *input_indices, NSArray *outputs, NSArray *output_indices,
                           mini_id weights_buffer, mini_id statistics, NSNumber *procedure) {
    (void)selector;
    emu_trace("+[_ANERequest requestWithInputs:%s inputIndices:%s outputs:%s outputIndices:%s "
              "weightsBuffer:%s perfStats:%s procedureIndex:%s]",
              mini_class_of((mini_id)inputs), mini_class_of((mini_id)input_indices),
              mini_class_of((mini_id)outputs), mini_class_of((mini_id)output_indices),
              mini_class_of(weights_buffer), mini_class_of(statistics),
              mini_class_of((mini_id)procedure));
    _ANERequest *r = (_ANERequest *)mini_new(class);
    if (r == NULL) return NULL;
    r->inputs = (NSArray *)mini_retain((mini_id)inputs);
    r->input_indices = (NSArray *)mini_retain((mini_id)input_indices);
    r->outputs = (NSArray *)mini_retain((mini_id)outputs);
    r->output_indices = (NSArray *)mini_retain((mini_id)output_indices);
    r->procedure = (NSNumber *)mini_retain((mini_id)procedure);
    return mini_autorelease(&r->object);
}

static const mini_method _ANERequest_methods[] = {MINI_END};
static const mini_method _ANERequest_class_methods[] = {
    MINI_METHOD("requestWithInputs:inputIndices:outputs:outputIndices:weightsBuffer:perfStats:"
                "procedureIndex:",
                with_inputs),
    MINI_END,
};
MINI_CLASS(_ANERequest, &class_NSObject, request_dealloc, 1);

/* ---- _ANEDeviceInfo ---- */

static unsigned char has_engine(const mini_class *class, mini_sel selector) {
    (void)class;
    (void)selector;
    return !emu_settings_now().no_device;
}

static unsigned cores(const mini_class *class, mini_sel selector) {
    emu_settings settings = emu_settings_now();
    (void)class;
    (void)selector;
    return settings.no_device ? 0 : settings.profile.cores;
}

static NSString *architecture(const mini_class *class, mini_sel selector) {
    (void)class;
    (void)selector;
    return mini_string(emu_settings_now().profile.architecture);
}

static NSString *product(const mini_class *class, mini_sel selector) {
    (void)class;
    (void)selector;
    return mini_string(emu_settings_now().profile.product);
}

typedef mini_object _ANEDeviceInfo;
static const mini_method _ANEDeviceInfo_methods[] = {MINI_END};
static const mini_method _ANEDeviceInfo_class_methods[] = {
    MINI_METHOD("hasANE", has_engine),
    MINI_METHOD("numANECores", cores),
    MINI_METHOD("aneArchitectureType", architecture),
    MINI_METHOD("productName", product),
    MINI_END,
};
MINI_CLASS(_ANEDeviceInfo, &class_NSObject, NULL, 0);
