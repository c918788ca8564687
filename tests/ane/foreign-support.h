/* SPDX-License-Identifier: MIT */
/* MIL that others wrote: raised, evaluated by the reference and run on the CPU device, in both
 * spellings, compared with numbers that the test computes itself. */
#ifndef FOREIGN_SUPPORT_H
#define FOREIGN_SUPPORT_H

#include "ane-support.h"

/* One function `main` around statements; `outputs` is what stands in -> (). */
#define FOREIGN(parameters, statements, outputs)                                                   \
    "program(1.3)\n{\nfunc main<ios18>(" parameters ") {\n" statements "} -> (" outputs ");\n}\n"

typedef struct foreign_case {
    const char *text;
    const orion_mil_weights *weights; /* may be NULL */
    const char *function;             /* NULL: main */
    const double *const *inputs;      /* in the order of the function's parameters */
    const double *const *expected;    /* in the order of its outputs, each with all its elements */
    size_t expected_count;            /* of outputs */
    /* |got - expected| <= absolute + relative * |expected| */
    ane_tolerance exact;    /* the reference in EXACT mode: graphs hold f32 constants, no more */
    ane_tolerance device;   /* all zero: that of the output's dtype */
    size_t reference_steps; /* that the device may have */
} foreign_case;
/* Fails the test, naming case, spelling and element, if anything differs. */
void foreign_check(const foreign_case *c);

#endif
