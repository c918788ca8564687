/* SPDX-License-Identifier: MIT */
/*
 * What is known of chips beyond the targets of liborion-mil, as a table.
 *
 * `faithful` is an M4 as the evidence of several sources has it; `orion-paper` is the same chip as
 * one paper words it. Numbers that nobody published for a chip are its neighbour's.
 */
#include "emu.h"

/* What both names of the M4 stand for. */
#define M4_CHIP                                                                                    \
    .target = "h16", .architecture = "h16g", .product = "Mac16,10", .cores = 16, .row_align = 64,  \
    .compile_limit = 119, .slot_limit = 128, .queue_depth = 127

static const emu_profile profiles[] = {
    {.name = "faithful", M4_CHIP},
    {.name = "orion-paper",
     .target = "orion-paper",
     .architecture = "h16g",
     .product = "Mac16,9",
     .cores = 16,
     .row_align = 0,
     .min_surface = 49152,
     .uniform = 1,
     .compile_limit = 119,
     .slot_limit = 128,
     .queue_depth = 127},
    {.name = "m1",
     .target = "h13",
     .architecture = "h13g",
     .product = "Macmini9,1",
     .cores = 16,
     .row_align = 64,
     .compile_limit = 119,
     .slot_limit = 128,
     .queue_depth = 127,
     .mac_limit = 32768,
     .mac_flush = 1,
     .nan_rules = 1,
     .slice_overflow = 1},
    {.name = "m4", M4_CHIP},
    {.name = "m5",
     .target = "h17",
     .architecture = "h17g",
     .product = "Mac17,2",
     .cores = 16,
     .row_align = 64,
     .compile_limit = 119,
     .slot_limit = 128,
     .queue_depth = 127},
};

const emu_profile *emu_profile_at(size_t i) {
    return i < ORN_COUNT(profiles) ? &profiles[i] : NULL;
}

const emu_profile *emu_profile_find(const char *name) {
    size_t i = 0;
    while (i < ORN_COUNT(profiles) && strcmp(profiles[i].name, name) != 0) i++;
    return emu_profile_at(i);
}
