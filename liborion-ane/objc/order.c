/* SPDX-License-Identifier: MIT */
/*
 * In which order are symbols that nothing lists? A small program tells.
 *
 * Its text declares inputs b, a and outputs d, c, with c = 2a and d = 3b. Bound as if by name, with
 * a = 1 and b = 10, the first output surface gets 2 if both sides are by name, 20 if only the
 * outputs are, 30 if only the inputs are, 3 if neither is. The second must fit.
 */
#include "objc.h"

static const char text[] =
    "program(1.3)\n"
    "{\n"
    "    func main<ios18>(tensor<fp16, [1, 1, 1, 32]> b, tensor<fp16, [1, 1, 1, 32]> a) {\n"
    "        tensor<fp16, [1, 1, 1, 32]> e = add(x = b, y = b)[name = string(\"e\")];\n"
    "        tensor<fp16, [1, 1, 1, 32]> d = add(x = e, y = b)[name = string(\"d\")];\n"
    "        tensor<fp16, [1, 1, 1, 32]> c = add(x = a, y = a)[name = string(\"c\")];\n"
    "    } -> (d, c);\n"
    "}\n";

enum { B, A, D, C, PORTS, ELEMENTS = 32 };

static bool fill(const ane_surfaces *s, void *surface, float value) {
    if (!ane_surfaces_lock(s, surface, ORION_ANE_WRITE)) return false;
    uint16_t *halves = s->base(surface);
    for (size_t i = 0; i < ELEMENTS; i++) halves[i] = orn_f16_from_f32(value);
    ane_surfaces_unlock(s, surface, ORION_ANE_WRITE);
    return true;
}

static bool first_of(const ane_surfaces *s, void *surface, float *out) {
    if (!ane_surfaces_lock(s, surface, ORION_ANE_READ)) return false;
    *out = orn_f32_from_f16(*(const uint16_t *)s->base(surface));
    ane_surfaces_unlock(s, surface, ORION_ANE_READ);
    return true;
}

/* By name, c stands in front of d and a in front of b. */
static orion_status read_verdict(const ane_surfaces *s, void *const *surfaces, orion_diag *diag,
                                 bool declared[2]) {
    static const struct {
        float first, second;
        bool declared[2];
    } verdicts[] = {
        {2, 30, {false, false}},
        {20, 3, {true, false}},
        {30, 2, {false, true}},
        {3, 20, {true, true}},
    };
    float first, second;
    if (!first_of(s, surfaces[C], &first) || !first_of(s, surfaces[D], &second)) {
        return ORION_ERROR_DEVICE;
    }
    for (size_t i = 0; i < ORN_COUNT(verdicts); i++) {
        if (verdicts[i].first != first || verdicts[i].second != second) continue;
        memcpy(declared, verdicts[i].declared, sizeof verdicts[i].declared);
        return ORION_OK;
    }
    ORN_ERROR(diag, ANE_LAYOUT, "modelAttributes",
              "the framework does not list the symbols of a program, and a probe of their order "
              "gives neither that of names nor that of the text");
    return ORION_ERROR_DEVICE;
}

static orion_status try_order(objc_device *d, objc_code *code, void **surfaces, orion_diag *diag) {
    objc_run *run;
    TRY(objc_run_create(code, &run));
    for (size_t i = 0; i < PORTS; i++) objc_run_bind(run, i, surfaces[i]);
    bool filled = fill(&d->surfaces, surfaces[A], 1) && fill(&d->surfaces, surfaces[B], 10);
    orion_status status = filled ? objc_run_execute(run, diag) : ORION_ERROR_DEVICE;
    if (status == ORION_OK) status = read_verdict(&d->surfaces, surfaces, diag, d->declared);
    objc_run_destroy(run);
    return status;
}

static orion_status probe(objc_device *d, orion_diag *diag) {
    const orion_ane_source source = {.size = sizeof source,
                                     .text = text,
                                     .length = sizeof text - 1,
                                     .name = "probe of the order of symbols",
                                     .function = "main"};
    void *surfaces[PORTS] = {NULL};
    objc_code *code;
    TRY(objc_code_create(d, &source, true, diag, &code));
    bool made = true;
    for (size_t i = 0; i < PORTS && made; i++) {
        surfaces[i] = ane_surfaces_create(&d->surfaces, code->code.ports[i].bytes);
        made = surfaces[i] != NULL;
    }
    orion_status status = made ? try_order(d, code, surfaces, diag) : ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < PORTS; i++) {
        if (surfaces[i] != NULL) d->surfaces.release(surfaces[i]);
    }
    objc_code_release(code);
    return status;
}

orion_status objc_order_find(objc_device *device, orion_diag *diag, bool out_declared[2]) {
    pthread_mutex_lock(&device->order_lock);
    orion_status status = device->order_known ? ORION_OK : probe(device, diag);
    device->order_known = status == ORION_OK;
    memcpy(out_declared, device->declared, sizeof device->declared);
    pthread_mutex_unlock(&device->order_lock);
    return status;
}
