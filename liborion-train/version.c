/* SPDX-License-Identifier: MIT */
/* The version of liborion-train at run time. */
#include <orion/train.h>

uint32_t orion_train_version(void) {
    return (uint32_t)ORION_TRAIN_VERSION_MAJOR << 16 | (uint32_t)ORION_TRAIN_VERSION_MINOR << 8 |
           (uint32_t)ORION_TRAIN_VERSION_PATCH;
}
