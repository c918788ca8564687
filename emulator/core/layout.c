/* SPDX-License-Identifier: MIT */
/*
 * In which order requests bind surfaces, and how a surface is laid out.
 *
 * Symbols are sorted by name, byte by byte, upper case first. An element (c, h, w) stands at
 * c * plane + h * row + w * element; rows are a multiple of 64 bytes. Axes in front of the third
 * from the end count as batches, one behind the other.
 */
#include "emu.h"

#include <stdlib.h>

static int by_name(const void *a, const void *b) {
    return strcmp(((const emu_symbol *)a)->name, ((const emu_symbol *)b)->name);
}

static void lay_out(emu_symbol *s, const emu_profile *profile) {
    size_t align = profile->row_align == 0 ? 1 : profile->row_align;
    size_t row = (size_t)s->width * s->element;
    s->row_stride = (row + align - 1) / align * align;
    s->plane_stride = s->row_stride * (size_t)s->height;
    s->batch_stride = s->plane_stride * (size_t)s->channels;
    s->bytes = s->batch_stride * (size_t)s->batches;
}

static bool arrange(emu_symbol *symbols, size_t count, const emu_settings *settings) {
    bool moved = false;
    if (!settings->declared_order) qsort(symbols, count, sizeof *symbols, by_name);
    for (size_t i = 0; i < count; i++) {
        lay_out(&symbols[i], &settings->profile);
        moved |= symbols[i].port != i;
    }
    return moved;
}

void emu_layout(emu_procedure *procedure, const emu_settings *settings) {
    bool inputs = arrange(procedure->inputs, procedure->input_count, settings);
    bool outputs = arrange(procedure->outputs, procedure->output_count, settings);
    procedure->reordered = inputs || outputs;
}
