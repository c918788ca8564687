/* SPDX-License-Identifier: MIT */
/* The version of liborion-ir at run time. */
#include <orion/ir.h>

uint32_t orion_ir_version(void) {
    return ORION_IR_VERSION_MAJOR << 16 | ORION_IR_VERSION_MINOR << 8 | ORION_IR_VERSION_PATCH;
}
