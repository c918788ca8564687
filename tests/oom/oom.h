/* SPDX-License-Identifier: MIT */
/*
 * Every fallible public function with request 0, 1, 2 ... of memory failing.
 *
 * One row per function: the table of each oom-LIBRARY.c names it, and check-table.py notices a
 * function of the headers that no table has. A row prepares its arguments, arms, calls, disarms,
 * names the outputs and releases everything (see oom_loop in support.h).
 */
#ifndef ORION_TEST_OOM_H
#define ORION_TEST_OOM_H

#include "support.h"

#include <orion/ir.h>

typedef struct oom_row {
    const char *function;
    oom_fn call;
} oom_row;

/* Row of a function, whose case is a function of the same name with `on` for `orion`. */
#define ROW(call)                                                                                  \
    { "orion_" #call, on_##call }

/* Run a table as one group of cases. */
int oom_run_rows(const oom_row *rows, size_t count);
#define OOM_RUN(rows) oom_run_rows((rows), sizeof(rows) / sizeof((rows)[0]))

/* What preparation returns must be ORION_OK. */
void oom_prepared(orion_status status);

/* Add a Llama layer with its loss to a builder: every model op that training needs. Inputs tokens,
 * targets and position are i32 [OOM_ROWS]. */
enum { OOM_ROWS = 3 };
void oom_build_layer(orion_ir_builder *b);
/* That layer as a graph in this memory. */
orion_ir_graph *oom_layer(const orion_allocator *a);
/* A writer that takes everything and keeps nothing. */
orion_writer oom_sink(void);

#endif
