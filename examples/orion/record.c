/* SPDX-License-Identifier: MIT */
/* JSON lines: one object per line, valid UTF-8 whatever the bytes were. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t utf8_length(const char *bytes, size_t n) {
    static const struct {
        unsigned char mask, lead, length;
        uint32_t least;
    } forms[] = {
        {0x80, 0, 1, 0}, {0xe0, 0xc0, 2, 0x80}, {0xf0, 0xe0, 3, 0x800}, {0xf8, 0xf0, 4, 0x10000}};
    const unsigned char *s = (const unsigned char *)bytes;
    for (size_t f = 0; n != 0 && f < sizeof forms / sizeof forms[0]; f++) {
        if ((s[0] & forms[f].mask) != forms[f].lead) continue;
        size_t length = forms[f].length;
        if (length > n) return 0;
        uint32_t code = s[0] & (unsigned char)~forms[f].mask;
        for (size_t i = 1; i < length; i++) {
            if ((s[i] & 0xc0) != 0x80) return 0;
            code = code << 6 | (s[i] & 0x3fu);
        }
        bool surrogate = code >= 0xd800 && code < 0xe000;
        return code < forms[f].least || code > 0x10ffff || surrogate ? 0 : length;
    }
    return 0;
}

static void put_string(FILE *f, const char *s, size_t n) {
    fputc('"', f);
    while (n != 0) {
        size_t length = utf8_length(s, n);
        if (length == 0) {
            fputs("\\ufffd", f);
            length = 1;
        } else if (s[0] == '"' || s[0] == '\\') {
            fprintf(f, "\\%c", s[0]);
        } else if (s[0] == '\n') {
            fputs("\\n", f);
        } else if (length == 1 && s[0] < 0x20) {
            fprintf(f, "\\u%04x", (unsigned)s[0]);
        } else {
            fwrite(s, 1, length, f);
        }
        s += length;
        n -= length;
    }
    fputc('"', f);
}

static FILE *put_key(record *r, const char *key) {
    if (r->memory != NULL) fprintf(r->memory, ",\"%s\":", key);
    return r->memory;
}

void record_begin(record *r, const char *event) {
    r->memory = open_memstream(&r->line, &r->size);
    if (r->memory != NULL) fprintf(r->memory, "{\"event\":\"%s\"", event);
}

void record_text(record *r, const char *key, const char *bytes, size_t n) {
    FILE *f = put_key(r, key);
    if (f != NULL) put_string(f, bytes, n);
}

void record_count(record *r, const char *key, uint64_t n) {
    FILE *f = put_key(r, key);
    if (f != NULL) fprintf(f, "%" PRIu64, n);
}

void record_number(record *r, const char *key, double v, int digits) {
    FILE *f = put_key(r, key);
    if (f == NULL) return;
    /* The program never calls setlocale, so the decimal point is a point. */
    if (isfinite(v)) {
        fprintf(f, "%.*g", digits, v);
    } else {
        fputs("null", f);
    }
}

bool record_end(record *r) {
    if (r->memory == NULL) {
        complain("out of memory");
        return false;
    }
    fputs("}\n", r->memory);
    bool fine = !ferror(r->memory);
    fine = fclose(r->memory) == 0 && fine;
    if (!fine) complain("out of memory");
    if (fine && r->file != NULL)
        fine = fwrite(r->line, 1, r->size, r->file) == r->size && fflush(r->file) == 0;
    if (fine && r->output) fine = write_output(r->line, r->size);
    free(r->line);
    r->line = NULL;
    r->memory = NULL;
    return fine;
}
