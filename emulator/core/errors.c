/* SPDX-License-Identifier: MIT */
/* The words in which framework, compiler and driver refuse. */
#include "emu.h"

#include <stdarg.h>
#include <stdio.h>

static void format(emu_error *error, const char *domain, long code, const char *fmt, va_list args) {
    if (error == NULL) return;
    error->domain = domain;
    error->code = code;
    vsnprintf(error->text, sizeof error->text, fmt, args);
}

bool emu_fail(emu_error *error, const char *domain, long code, const char *fmt, ...) {
    va_list args;
    va_start(args, fmt);
    format(error, domain, code, fmt, args);
    va_end(args);
    return false;
}

/* By code; NULL where the framework has no words of its own. */
static const char *const texts[] = {
    [2] = "Program requested with real time priority is not allowed",
    [3] = "Program Inference timeout",
    [4] = "Program creation failure",
    [5] = "Program Inference overflow",
    [7] = "Code signing is missing",
    [8] = "Program Inference error",
    [9] = "File access is not allowed",
    [10] = "Model is invalid",
    [11] = "Model key is invalid",
    [12] = "Model was purged by the system",
    [16] = "File not found",
    [17] = "Model identifier not found",
    [22] = "Host too old, ANE hardware not available",
    [23] = "Program not found",
    [24] = "Data not found",
    [25] = "Not supported",
    [26] = "Bad argument",
};

bool emu_fail_code(emu_error *error, const char *method, long code, unsigned detail) {
    if (code == EMU_LOAD_FAILED) {
        return emu_fail(error, EMU_DOMAIN, code, "%s: Program load failure (0x%X)", method, detail);
    }
    bool known = code >= 0 && (size_t)code < ORN_COUNT(texts) && texts[code] != NULL;
    return emu_fail(error, EMU_DOMAIN, code, "%s: %s", method,
                    known ? texts[code] : "Unknown error");
}

bool emu_fail_request(emu_error *error, const char *method, unsigned status, const char *why) {
    enum { STATUS_TYPE = 0x9 };
    long code = status == EMU_STATUS_TIMED_OUT ? EMU_TIMED_OUT : EMU_INFERENCE_ERROR;
    if (emu_settings_now().strict) {
        return emu_fail(error, EMU_DOMAIN, code, "%s: status=0x%x: %s", method, status, why);
    }
    return emu_fail(error, EMU_DOMAIN, code,
                    "%s: ANEProgramProcessRequestDirect() Failed with status=0x%x : "
                    "statusType=0x%x: %s",
                    method, status, (unsigned)STATUS_TYPE, texts[code]);
}

bool emu_fail_compile(emu_error *error, bool invalid_program, const char *why) {
    const char *strict = emu_settings_now().strict ? ": " : "";
    return emu_fail(
        error, EMU_DOMAIN_COMPILER, 1, "_ANECompiler : ANECCompile() FAILED err=(%s)%s%s",
        invalid_program ? "InvalidMILProgram" : " ", strict, strict[0] == '\0' ? "" : why);
}

bool emu_fail_daemon(emu_error *error) {
    enum { XPC_CONNECTION_INTERRUPTED = 4097 };
    return emu_fail(error, EMU_DOMAIN_DAEMON, XPC_CONNECTION_INTERRUPTED,
                    "Couldn't communicate with a helper application.");
}
