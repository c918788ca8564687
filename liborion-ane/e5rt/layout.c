/* SPDX-License-Identifier: MIT */
/*
 * How the device lays tensors out, found out by a program whose result tells.
 *
 * The program doubles a tensor with rows shorter than 64 bytes, all elements different. Laid out
 * rightly, every element comes back doubled and in its place; laid out wrongly, rows slide into
 * each other. Both layouts that have been reported are tried; if neither works, the device is not
 * used at all, because its results could not be trusted.
 */
#include "e5rt.h"

/* The spelling that every chip takes. */
static const char probe[] =
    "program(1.0)\n"
    "[buildInfo = dict<tensor<string, []>, tensor<string, []>>({{\"coremlc-version\", "
    "\"3505.4.1\"}})]\n"
    "{\n"
    "    func main<ios16>(tensor<fp16, [1, 4, 3, 5]> x) {\n"
    "            tensor<fp16, [1, 4, 3, 5]> y = add(x = x, y = x)[name = tensor<string, "
    "[]>(\"y\")];\n"
    "        } -> (y);\n"
    "}\n";

enum { CHANNELS = 4, HEIGHT = 3, WIDTH = 5 };

/* f16 of a small integer n * 2: 1 <= n <= 60, exact. */
static uint16_t half_of(uint32_t n) {
    enum { BIAS = 15, MANTISSA = 10 };
    uint32_t e = 31 - (uint32_t)__builtin_clz(n);
    return (uint16_t)((e + BIAS) << MANTISSA | ((n << (MANTISSA - e)) & ((1U << MANTISSA) - 1)));
}

static uint16_t *element(void *data, const orion_ane_port *port, uint32_t n) {
    uint32_t w = n % WIDTH, h = n / WIDTH % HEIGHT, c = n / WIDTH / HEIGHT;
    return (uint16_t *)((char *)data + (int64_t)c * port->strides[1] +
                        (int64_t)h * port->strides[2] + (int64_t)w * port->strides[3]);
}

static bool doubled(const e5_code *code, void *const data[2], e5_run *run) {
    enum { ELEMENTS = CHANNELS * HEIGHT * WIDTH };
    for (uint32_t n = 0; n < ELEMENTS; n++)
        *element(data[0], &code->code.ports[0], n) = half_of(n + 1);
    if (e5_run_execute(run, NULL) != ORION_OK) return false;
    for (uint32_t n = 0; n < ELEMENTS; n++) {
        if (*element(data[1], &code->code.ports[1], n) != half_of(2 * (n + 1))) return false;
    }
    return true;
}

/* Buffers of one size, large enough for either layout: a wrong one must not be refused but seen. */
static bool try_code(const e5_code *code) {
    enum { BYTES = 4096 };
    const e5_api *api = &code->device->api;
    void *buffers[2] = {NULL, NULL}, *data[2];
    e5_run *run = NULL;
    bool fine = e5_run_create(code, &run) == ORION_OK;
    for (size_t i = 0; i < 2 && fine; i++) {
        fine = api->buffer_object_alloc(&buffers[i], BYTES, E5_BUFFER_SURFACE) == 0 &&
               api->buffer_object_get_data_ptr(buffers[i], &data[i]) == 0;
        if (fine) memset(data[i], 0, BYTES);
        if (fine) e5_run_bind(run, i, buffers[i]);
    }
    fine = fine && doubled(code, data, run);
    e5_run_destroy(run);
    for (size_t i = 0; i < 2; i++) {
        if (buffers[i] != NULL) (void)api->buffer_object_release(&buffers[i]);
    }
    return fine;
}

orion_status e5_find_layout(e5_device *d, orion_diag *diag, e5_layout *out_layout) {
    pthread_mutex_lock(&d->lock);
    *out_layout = d->layout;
    pthread_mutex_unlock(&d->lock);
    if (*out_layout != E5_LAYOUT_UNKNOWN) return ORION_OK;
    const orion_ane_source source = {.size = sizeof source,
                                     .text = probe,
                                     .length = sizeof probe - 1,
                                     .name = "layout probe",
                                     .function = "main"};
    static const e5_layout candidates[] = {E5_LAYOUT_ROWS, E5_LAYOUT_PACKED};
    for (size_t i = 0; i < ORN_COUNT(candidates); i++) {
        e5_code *code;
        TRY(e5_compile_source(d, &source, candidates[i], diag, &code));
        bool fine = try_code(code);
        e5_code_release(code);
        if (!fine) continue;
        pthread_mutex_lock(&d->lock);
        *out_layout = d->layout = candidates[i];
        pthread_mutex_unlock(&d->lock);
        return ORION_OK;
    }
    ORN_ERROR(diag, ANE_LAYOUT, "ane-e5rt",
              "a probe gives wrong results with each layout of tensors that is known");
    return ORION_ERROR_UNSUPPORTED;
}
