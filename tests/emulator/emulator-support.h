/* SPDX-License-Identifier: MIT */
/* What tests share that drive the back ends of the Neural Engine against the emulator. */
#ifndef EMULATOR_SUPPORT_H
#define EMULATOR_SUPPORT_H

#include "ane-support.h"

#include <orion/emulator.h>

/* Path of the emulator that was built with these tests. */
const char *emulator_path(void);
/* The functions of orion/emulator.h, found as an app would that does not link to it. */
void emulator_reset(void);
void emulator_configure(const char *settings); /* asserts that it is right */
const char *emulator_complaint(const char *settings);
orion_emulator_counters emulator_counters(void);

/* A device, and diagnostics for what is done with it. The emulator is reset first. The back end is
 * the one that $ORION_TEST_BACKEND names, else `ane-objc`. */
typedef struct bench {
    orion_ane_device *device;
    orion_diag *diag;
} bench;
bench bench_open(const char *settings);
/* Opening this back end with this framework (NULL: Apple's) is refused, in these words. */
void refuse_open(orion_ane_backend backend, const char *framework, const char *part);
void bench_close(bench *b);

/* A program text of one function `main` with these parameters, statements and results. */
char *mil_text(const char *parameters, const char *statements, const char *results);
/* The same with fp16 [1, C, 1, W] ports, declared as y, x and b, a: a = x - y, b = x * y. */
char *two_outputs_text(int channels, int width);

/* A weight file with one fp16 entry, at offset 64. */
orion_mil_weights *half_weights(const char *path, const float *data, size_t count);

orion_status bench_try(bench *b, const char *text, const orion_mil_weights *weights,
                       orion_ane_program **out_program);
/* The program, or the test fails. */
orion_ane_program *bench_compile(bench *b, const char *text, const orion_mil_weights *weights);
/* Refused with this status, message and words. */
void bench_refuse(bench *b, const char *text, orion_status status, orion_message message,
                  const char *part);

/* Runs a bound program on inputs i = 1 + port, 2 + port, ...; the status of the execution. */
orion_status bench_execute(bench *b, ane_bound *bound);

#endif
