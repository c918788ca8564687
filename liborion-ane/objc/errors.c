/* SPDX-License-Identifier: MIT */
/*
 * What the framework's errors mean.
 *
 * An NSError has a domain, a code and a text; the text often carries the driver's status, which
 * says more than the code. Rows are tried in order; the first that fits gives our reading of it and
 * the status that a caller can branch on.
 */
#include "objc.h"

typedef struct reading {
    const char *domain; /* NULL: any, and a failure without an error too */
    long code;          /* 0: any */
    const char *part;   /* of the text; NULL: any */
    const char *meaning;
    const char *advice;
    orion_status status;
} reading;

#define ANE      "com.apple.appleneuralengine"
#define COMPILER "com.apple.appleneuralengine.compiler"

static const reading compiling[] = {
    {COMPILER, 0, "InvalidMILProgram", "the compiler does not take the program's text",
     "check it with orion_mil_check against the chip's target", ORION_ERROR_COMPILE},
    {COMPILER, 0, NULL, "the compiler gave up without a reason",
     "check the text with orion_mil_check; if it is right, the process may have used up its "
     "compiles (about 119): start another one",
     ORION_ERROR_COMPILE},
    {ANE, 16, NULL, "a file of the model was not there when the compiler looked",
     "look whether something cleans the folder for temporary files", ORION_ERROR_IO},
    {ANE, 9, "mismatch", "the files are not those that the model was made of",
     "look whether something writes to the folder for temporary files", ORION_ERROR_IO},
    {"NSCocoaErrorDomain", 0, NULL, "the connection to the compiler service broke off",
     "try again after a few seconds; a program that breaks it each time crashes the compiler",
     ORION_ERROR_DEVICE},
    {NULL, 0, NULL, "compiling failed without an error: the framework could not write its files",
     "look at the free space of the disk with the folder for temporary files", ORION_ERROR_IO},
};

static const reading loading[] = {
    {ANE, 0, "0x50004", "no program slot is free",
     "release programs: those that nothing runs any more, and the device's cache",
     ORION_ERROR_BUDGET},
    {ANE, 0, "must re-compile", "no program slot is free",
     "release programs: those that nothing runs any more, and the device's cache",
     ORION_ERROR_BUDGET},
    {ANE, 22, NULL, "there is no Neural Engine for this process, as in a virtual machine",
     "use the device cpu", ORION_ERROR_UNSUPPORTED},
    {ANE, 3, NULL, "loading took too long", "try again", ORION_ERROR_DEVICE},
    {COMPILER, 0, NULL, "the program had to be compiled again, and the compiler refused it",
     "check the text with orion_mil_check against the chip's target", ORION_ERROR_COMPILE},
    {"NSCocoaErrorDomain", 0, NULL, "the connection to the daemon broke off", "try again",
     ORION_ERROR_DEVICE},
    {NULL, 0, NULL, "loading failed", "try again; if it stays so, compile the program again",
     ORION_ERROR_DEVICE},
};

static const reading evaluating[] = {
    {ANE, 0, "status=0x1d", "a surface does not have the size that the program wants",
     "make tensors with orion_ane_tensor_create_for, for this very program", ORION_ERROR_DEVICE},
    {ANE, 0, "status=0x2 ", "the request does not name the program's symbols",
     "report this with the program: the order of its ports was misunderstood", ORION_ERROR_DEVICE},
    {ANE, 3, NULL, "the Neural Engine did not answer in time",
     "unlock all tensors; try again; if it stays so, open the device again", ORION_ERROR_DEVICE},
    {ANE, 22, NULL, "there is no Neural Engine for this process, as in a virtual machine",
     "use the device cpu", ORION_ERROR_DEVICE},
    {ANE, 23, NULL, "the program is not loaded any more", "open the device again",
     ORION_ERROR_DEVICE},
    {ANE, 0, NULL, "the program failed while it ran", "try again", ORION_ERROR_DEVICE},
    {NULL, 0, NULL,
     "evaluation failed without an error: the framework found the request not valid, or the "
     "program "
     "not loaded",
     "open the device again", ORION_ERROR_DEVICE},
};

typedef struct failure {
    const char *domain, *text;
    long code;
} failure;

static bool fits(const reading *r, const failure *f) {
    if (r->domain == NULL) return true;
    return strcmp(r->domain, f->domain) == 0 && (r->code == 0 || r->code == f->code) &&
           (r->part == NULL || strstr(f->text, r->part) != NULL);
}

/* The last row of each table fits everything. */
static const reading *read_failure(const reading *table, const failure *f) {
    while (!fits(table, f)) table++;
    return table;
}

orion_status objc_failure(const objc_system *s, objc_stage stage, objc_id error,
                          const char *subject, orion_diag *diag) {
    static const struct {
        const reading *table;
        orion_message message;
        const char *doing;
    } stages[] = {
        [OBJC_COMPILING] = {compiling, ORION_MESSAGE_ANE_COMPILE, "compile"},
        [OBJC_LOADING] = {loading, ORION_MESSAGE_ANE_LOAD, "load"},
        [OBJC_EVALUATING] = {evaluating, ORION_MESSAGE_ANE_EVALUATE, "run"},
    };
    failure f = {.domain = "", .text = ""};
    if (error != NULL) {
        f.domain = objc_text_of(s, OBJC_CALL(s, error_domain, error, objc_id, (objc_id, objc_sel)));
        f.text = objc_text_of(s, OBJC_CALL(s, error_text, error, objc_id, (objc_id, objc_sel)));
        f.code = OBJC_CALL(s, error_code, error, long, (objc_id, objc_sel));
    }
    const reading *r = read_failure(stages[stage].table, &f);
    const char *name = subject == NULL ? "the program" : subject;
    if (error == NULL) {
        orn_diag(diag, ORION_SEVERITY_ERROR, stages[stage].message, NULL, 0, 0, subject,
                 "cannot %s %s: %s; %s", stages[stage].doing, name, r->meaning, r->advice);
    } else {
        orn_diag(diag, ORION_SEVERITY_ERROR, stages[stage].message, NULL, 0, 0, subject,
                 "cannot %s %s: %s; %s (%s %d: %s)", stages[stage].doing, name, r->meaning,
                 r->advice, f.domain, (int)f.code, f.text);
    }
    return r->status;
}
