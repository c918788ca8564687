/* SPDX-License-Identifier: MIT */
/* The version of liborion-mil at run time. */
#include <orion/mil.h>

uint32_t orion_mil_version(void) {
    return ORION_MIL_VERSION_MAJOR << 16 | ORION_MIL_VERSION_MINOR << 8 | ORION_MIL_VERSION_PATCH;
}
