/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: what every back end must compute.
 *
 * A family is a table of ops at shapes and attributes (the language of tests/ir/op-support.h). Each
 * row runs on each back end in each float dtype it names, the whole way from graph through MIL text
 * to the device, in several surroundings that give a planner different things to do, and is
 * compared with the reference interpreter within the tolerances of docs/numerics.md. A new back end
 * is a row in main.c.
 */
#ifndef CONFORMANCE_H
#define CONFORMANCE_H

#include "ane-support.h"
#include "op-cases.h"

typedef struct conformance_family {
    const char *name;
    const op_case *cases;
    size_t count;
    double looseness; /* factor on the tolerances: sums of many terms; 0 means 1 */
} conformance_family;

extern const conformance_family family_attention, family_elementwise, family_indices, family_moves,
    family_products, family_reductions, family_rows, family_windows;

/* Names of all ops of a table are found here; the suite fails if one is in none. */
bool family_covers(const conformance_family *family, const char *op);
/* Run all rows of a family on a device. One that computes in f16 is given f16 graphs. */
void family_run(const conformance_family *family, orion_ane_device *device, bool half);

#endif
