/* SPDX-License-Identifier: MIT */
/* The version of liborion-ane at run time. */
#include <orion/ane.h>

uint32_t orion_ane_version(void) {
    return ORION_ANE_VERSION_MAJOR << 16 | ORION_ANE_VERSION_MINOR << 8 | ORION_ANE_VERSION_PATCH;
}
