/* SPDX-License-Identifier: MIT */
/* Comparing tensors and diagnostics, and reproducible random numbers. */
#include "support.h"

#include <math.h>

/* How far off, in units of the tolerance; infinite where only one of both is NaN. */
static double excess(double actual, double expected, double absolute, double relative) {
    if (isnan(actual) || isnan(expected)) {
        return isnan(actual) && isnan(expected) ? 0.0 : (double)INFINITY;
    }
    double off = fabs(actual - expected);
    if (!(off > 0.0) ||
        (isinf(actual) && isinf(expected) && signbit(actual) == signbit(expected))) {
        return 0.0;
    }
    double allowed = absolute + relative * fabs(expected);
    return allowed > 0.0 ? off / allowed : (double)INFINITY;
}

static void report(size_t at, size_t wrong, size_t n, double actual, double expected) {
    fail_msg("%zu of %zu numbers differ; the worst is [%zu]: %.9g, expected %.9g", wrong, n, at,
             actual, expected);
}

void assert_floats_near(const float *actual, const float *expected, size_t n, double absolute,
                        double relative) {
    size_t worst = 0, wrong = 0;
    double most = 1.0;
    for (size_t i = 0; i < n; i++) {
        double e = excess((double)actual[i], (double)expected[i], absolute, relative);
        if (e > 1.0) wrong++;
        if (e > most) most = e, worst = i;
    }
    if (wrong != 0) report(worst, wrong, n, (double)actual[worst], (double)expected[worst]);
}

void assert_doubles_near(const double *actual, const double *expected, size_t n, double absolute,
                         double relative) {
    size_t worst = 0, wrong = 0;
    double most = 1.0;
    for (size_t i = 0; i < n; i++) {
        double e = excess(actual[i], expected[i], absolute, relative);
        if (e > 1.0) wrong++;
        if (e > most) most = e, worst = i;
    }
    if (wrong != 0) report(worst, wrong, n, actual[worst], expected[worst]);
}

uint64_t test_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double test_random_unit(uint64_t *state) {
    return (double)(test_random(state) >> 11) * 0x1p-52 - 1.0;
}

void assert_diag(const orion_diag *diag, orion_message message, const char *part) {
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        if (e->message != (uint32_t)message) continue;
        if (part == NULL || strstr(e->text, part) != NULL) return;
        if (e->subject != NULL && strstr(e->subject, part) != NULL) return;
    }
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        print_message("diagnostic ORN-%04u line %u: %s\n", (unsigned)e->message, (unsigned)e->line,
                      e->text);
    }
    fail_msg("no diagnostic ORN-%04u with \"%s\"", (unsigned)message, part == NULL ? "" : part);
}

void test_assert_ok(orion_status status, const orion_diag *diag, const char *what, const char *file,
                    int line) {
    if (status == ORION_OK) return;
    for (size_t i = 0; i < orion_diag_count(diag); i++) {
        const orion_diag_entry *e = orion_diag_get(diag, i);
        print_message("diagnostic ORN-%04u %s:%u: %s: %s\n", (unsigned)e->message,
                      e->source == NULL ? "" : e->source, (unsigned)e->line,
                      e->subject == NULL ? "" : e->subject, e->text);
    }
    print_message("%s: %s\n", what, orion_status_string(status));
    _fail(file, line);
}
