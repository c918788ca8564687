/* SPDX-License-Identifier: MIT */
/* What of Orion the Swift program uses. */
#include <orion/ane.h>
