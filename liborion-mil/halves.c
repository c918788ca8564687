/* SPDX-License-Identifier: MIT */
/* Floats in half precision, and what is lost. */
#include "mil-internal.h"

#include <math.h>

#define GREATEST_HALF 65504.0f

static bool is_subnormal(uint16_t half) {
    return (half & 0x7c00) == 0 && (half & 0x03ff) != 0;
}

/* Count `f`, whose nearest half is `half`. */
static void count(orion_mil_half_report *r, float f, uint16_t half) {
    r->elements++;
    if (isnan(f)) {
        r->nans++;
        return;
    }
    if (isinf(f)) {
        r->infinities++;
        return;
    }
    r->overflows += (half & 0x7c00) == 0x7c00;
    r->subnormals += is_subnormal(half);
    r->vanished += (half & 0x7fff) == 0 && f != 0;
    r->largest = fmax(r->largest, fabs((double)f));
}

static float load_f32(const unsigned char *data, size_t i) {
    float f;
    memcpy(&f, data + i * sizeof f, sizeof f);
    return f;
}

orion_status orion_mil_half_count(const void *data, orion_mil_dtype dtype, uint64_t elements,
                                  orion_mil_half_report *report) {
    orion_mil_half_report r;
    if (dtype != ORION_MIL_FP32 && dtype != ORION_MIL_FP16) return ORION_ERROR_INVALID_ARGUMENT;
    if (report->size == 0) return ORION_ERROR_INVALID_ARGUMENT;
    TRY(orn_check_size(report, &r, sizeof r));
    for (size_t i = 0; i < elements; i++) {
        if (dtype == ORION_MIL_FP32) {
            float f = load_f32(data, i);
            count(&r, f, orn_f16_from_f32(f));
        } else {
            uint16_t half;
            memcpy(&half, (const unsigned char *)data + i * sizeof half, sizeof half);
            count(&r, orn_f32_from_f16(half), half);
        }
    }
    return orn_fill_sized(&r, report, sizeof r);
}

orion_status orion_mil_blob_writer_add_half(orion_mil_blob_writer *writer, const float *data,
                                            uint64_t elements, orion_mil_half_report *report,
                                            uint64_t *out_offset) {
    *out_offset = 0;
    if (elements >= (uint64_t)1 << 47) return ORION_ERROR_INVALID_ARGUMENT;
    if (report != NULL) TRY(orion_mil_half_count(data, ORION_MIL_FP32, elements, report));
    size_t bytes = (size_t)elements * sizeof(uint16_t);
    orion_blob *blob;
    TRY(orion_blob_copy(NULL, bytes, mil_blob_writer_allocator(writer), &blob));
    uint16_t *halves = (uint16_t *)(uintptr_t)orion_blob_data(blob); /* ours alone as yet */
    for (size_t i = 0; i < elements; i++) {
        float f = data[i];
        bool over = fabsf(f) > GREATEST_HALF && !isinf(f);
        halves[i] = orn_f16_from_f32(over ? copysignf(GREATEST_HALF, f) : f);
    }
    orion_status status = orion_mil_blob_writer_add_blob(writer, ORION_MIL_FP16, blob, 0, bytes,
                                                         elements, out_offset);
    orion_blob_unref(&blob);
    return status;
}
