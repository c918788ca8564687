/* SPDX-License-Identifier: MIT */
/* Growing text, and numbers to and from text without regard to the locale. */
#if defined(__APPLE__)
#include <xlocale.h>
#else
#define _GNU_SOURCE 1
#endif
#include "util.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void orn_text_init(orn_text *t, const orion_allocator *a) {
    *t = (orn_text){.allocator = orn_allocator(a)};
}

void orn_text_free(orn_text *t) {
    if (t->capacity != 0) orn_free(&t->allocator, t->data, t->capacity);
    t->data = NULL;
    t->size = t->capacity = 0;
    t->failed = false;
}

static bool reserve(orn_text *t, size_t more) {
    size_t need;
    if (t->failed) return false;
    if (!orn_add(t->size, more, &need) || !orn_add(need, 1, &need) ||
        !ORN_GROW(&t->allocator, t->data, t->capacity, need)) {
        t->failed = true;
        return false;
    }
    return true;
}

void orn_text_bytes(orn_text *t, const void *s, size_t n) {
    if (!reserve(t, n)) return;
    if (n != 0) memcpy(t->data + t->size, s, n);
    t->size += n;
    t->data[t->size] = '\0';
}

void orn_text_puts(orn_text *t, const char *s) {
    orn_text_bytes(t, s, strlen(s));
}

void orn_text_char(orn_text *t, char c) {
    orn_text_bytes(t, &c, 1);
}

void orn_text_uint(orn_text *t, uint64_t v) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    orn_text_bytes(t, digits + at, sizeof digits - at);
}

void orn_text_int(orn_text *t, int64_t v) {
    if (v < 0) orn_text_char(t, '-');
    orn_text_uint(t, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void orn_text_printf(orn_text *t, const char *fmt, ...) {
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0 && reserve(t, (size_t)n)) {
        vsnprintf(t->data + t->size, (size_t)n + 1, fmt, again);
        t->size += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

orion_status orn_text_status(const orn_text *t) {
    return t->failed ? ORION_ERROR_NO_MEMORY : ORION_OK;
}

/* %.{digits}g with whatever the locale uses as decimal point replaced by '.'. */
static size_t format_g(char *buf, double v, int digits) {
    if (isnan(v)) return (size_t)snprintf(buf, 32, "nan");
    if (isinf(v)) return (size_t)snprintf(buf, 32, v < 0 ? "-inf" : "inf");
    char raw[64];
    int n = snprintf(raw, sizeof raw, "%.*g", digits, v);
    size_t out = 0;
    bool point = false;
    for (int i = 0; i < n; i++) {
        bool plain =
            (raw[i] >= '0' && raw[i] <= '9') || raw[i] == '-' || raw[i] == '+' || raw[i] == 'e';
        if (plain) {
            buf[out++] = raw[i];
        } else if (!point) {
            buf[out++] = '.';
            point = true;
        }
    }
    buf[out] = '\0';
    return out;
}

void orn_text_float(orn_text *t, double v, int digits) {
    char buf[64];
    orn_text_bytes(t, buf, format_g(buf, v, digits > 17 ? 17 : digits));
}

/*
 * The fewest digits that read back as v (as a float if `narrow`). Whole numbers below 10^7 get no
 * exponent: 500000, not 5e+05. They are exact in either type, so more digits change nothing.
 */
static size_t format_shortest(char *buf, double v, bool narrow) {
    const int most = narrow ? 9 : 17, whole = 7;
    size_t n = 0;
    double back = 0, power = 1;
    for (int digits = 1; digits <= most; digits++) {
        n = format_g(buf, v, digits);
        power *= 10;
        if (isnan(v) || !orn_parse_f64(buf, n, &back)) break;
        if (narrow ? (float)back != (float)v : back != v) continue;
        if (fabs(v) >= power && fabs(v) < 1e7) n = format_g(buf, v, whole);
        break;
    }
    return n;
}

size_t orn_format_f64(char *buf, double v) {
    return format_shortest(buf, v, false);
}

size_t orn_format_f32(char *buf, float v) {
    return format_shortest(buf, (double)v, true);
}

bool orn_parse_f64(const char *s, size_t n, double *out) {
    char copy[128];
    if (n == 0 || n >= sizeof copy) return false;
    const char *digits = s[0] == '-' || s[0] == '+' ? s + 1 : s;
    size_t left = n - (size_t)(digits - s);
    bool word = left == 3 && (memcmp(digits, "inf", 3) == 0 || memcmp(digits, "nan", 3) == 0);
    if (!word && !(left > 0 && ((digits[0] >= '0' && digits[0] <= '9') || digits[0] == '.')))
        return false;
    memcpy(copy, s, n);
    copy[n] = '\0';
    char *end;
#if defined(__APPLE__)
    double v = strtod_l(copy, &end, NULL);
#else
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) return false;
    double v = strtod_l(copy, &end, c);
    freelocale(c);
#endif
    if (end != copy + n) return false;
    *out = v;
    return true;
}

bool orn_parse_u64(const char *s, size_t n, uint64_t *out) {
    uint64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] < '0' || s[i] > '9') return false;
        uint64_t digit = (uint64_t)(s[i] - '0');
        if (v > (UINT64_MAX - digit) / 10) return false;
        v = v * 10 + digit;
    }
    if (n == 0) return false;
    *out = v;
    return true;
}

bool orn_parse_i64(const char *s, size_t n, int64_t *out) {
    bool negative = n > 0 && s[0] == '-';
    size_t sign = negative || (n > 0 && s[0] == '+');
    uint64_t v;
    if (!orn_parse_u64(s + sign, n - sign, &v)) return false;
    if (v > (uint64_t)INT64_MAX + (negative ? 1 : 0)) return false;
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

void orn_scan_place(const orn_scan *s, const char *at, uint32_t *line, uint32_t *column) {
    uint32_t l = 1, c = 1;
    for (const char *p = s->begin; p < at && p < s->end; p++) {
        if (*p == '\n') {
            l++;
            c = 1;
        } else {
            c++;
        }
    }
    *line = l;
    *column = c;
}

void orn_diag(orion_diag *diag, orion_severity severity, orion_message message, const char *source,
              uint32_t line, uint32_t column, const char *subject, const char *fmt, ...) {
    if (diag == NULL) return;
    char text[1024];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    orion_diag_add(diag, &(orion_diag_entry){.size = sizeof(orion_diag_entry),
                                             .message = (uint32_t)message,
                                             .severity = (uint32_t)severity,
                                             .source = source,
                                             .line = line,
                                             .column = column,
                                             .subject = subject,
                                             .text = text});
}
