/* SPDX-License-Identifier: MIT */
/* Names of the status codes. */
#include <orion/base.h>

const char *orion_status_string(orion_status status) {
    switch (status) {
    case ORION_OK: return "success";
    case ORION_ERROR_NO_MEMORY: return "out of memory";
    case ORION_ERROR_INVALID_ARGUMENT: return "invalid argument";
    case ORION_ERROR_INVALID_STATE: return "invalid state";
    case ORION_ERROR_SYNTAX: return "syntax error";
    case ORION_ERROR_VERIFY: return "rule broken";
    case ORION_ERROR_UNSUPPORTED: return "not supported";
    case ORION_ERROR_NOT_FOUND: return "not found";
    case ORION_ERROR_IO: return "input/output error";
    case ORION_ERROR_DEVICE: return "device error";
    case ORION_ERROR_COMPILE: return "compile error";
    case ORION_ERROR_BUDGET: return "limit reached";
    case ORION_ERROR_ABI: return "options from a newer version";
    case ORION_ERROR_CANCELLED: return "cancelled";
    }
    return "unknown status";
}
