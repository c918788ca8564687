/* SPDX-License-Identifier: MIT */
/* The progress bar: redrawn in place on a terminal, plain lines every few seconds elsewhere. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double redraw_seconds = 0.1, plain_seconds = 5;
enum { BAR_MIN = 8, BAR_MAX = 40 };

const char *format_duration(char *buf, double seconds) {
    long s = seconds > 0 && seconds < 1e9 ? lround(seconds) : 0;
    if (s < 60) {
        snprintf(buf, 32, "%ld s", s);
    } else if (s < 3600) {
        snprintf(buf, 32, "%ld min %02ld s", s / 60, s % 60);
    } else {
        snprintf(buf, 32, "%ld h %02ld min", s / 3600, s % 3600 / 60);
    }
    return buf;
}

const char *format_count(char *buf, double n) {
    char digits[24];
    int length = snprintf(digits, sizeof digits, "%.0f", n >= 0 && n < 1e15 ? n : 0);
    int out = 0;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) buf[out++] = ',';
        buf[out++] = digits[i];
    }
    buf[out] = '\0';
    return buf;
}

static int terminal_width(void) {
    struct winsize size;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20) return size.ws_col;
    return 80;
}

/* The first of these that is set decides the character set, as in setlocale. */
static bool utf8_terminal(void) {
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        const char *value = getenv(names[i]);
        if (value == NULL || value[0] == '\0') continue;
        return strstr(value, "UTF-8") != NULL || strstr(value, "utf8") != NULL;
    }
    return false;
}

void progress_begin(progress *p, const char *what, uint64_t first, uint64_t total) {
    const char *term = getenv("TERM");
    bool dumb = term != NULL && strcmp(term, "dumb") == 0;
    *p = (progress){.what = what, .first = first, .total = total, .started = now_seconds()};
    p->terminal = isatty(STDERR_FILENO) && !dumb;
    p->color = use_color(STDERR_FILENO);
    p->unicode = utf8_terminal();
    p->printed = p->started;
}

static void draw_bar(const progress *p, uint64_t done, int width) {
    const char *full = p->unicode ? "\u2588" : "#", *empty = p->unicode ? "\u2591" : ".";
    int filled = p->total == 0 ? 0 : (int)((double)width * (double)done / (double)p->total);
    if (p->color) fputs("\033[36m", stderr);
    for (int i = 0; i < width; i++) fputs(i < filled ? full : empty, stderr);
    if (p->color) fputs("\033[0m", stderr);
    fputc(' ', stderr);
}

void progress_update(progress *p, uint64_t done, const char *detail) {
    double now = now_seconds();
    bool last = done >= p->total;
    bool due = p->terminal ? now - p->drawn >= redraw_seconds : now - p->printed >= plain_seconds;
    if (!due && !last) return;

    char left[32], line[256];
    double fresh = (double)(done - p->first);
    double remaining = fresh > 0 ? (now - p->started) / fresh * (double)(p->total - done) : 0;
    int length = snprintf(line, sizeof line, "%" PRIu64 "/%" PRIu64 "  %s  %s left", done, p->total,
                          detail, format_duration(left, remaining));
    if (!p->terminal) {
        p->printed = now;
        fprintf(stderr, "%s %s\n", p->what, line);
        return;
    }
    p->drawn = now;
    /* One column stays free: some terminals wrap when the last one is written. */
    int room = terminal_width() - 1 - (int)strlen(p->what) - 1;
    int bar = room - length - 1;
    fprintf(stderr, "\r%s ", p->what);
    if (bar >= BAR_MIN) draw_bar(p, done, bar < BAR_MAX ? bar : BAR_MAX);
    fprintf(stderr, "%.*s\033[K", room < 0 ? 0 : room, line);
    fflush(stderr);
}

void progress_clear(progress *p) {
    if (p->terminal) fputs("\r\033[K", stderr);
    p->drawn = 0;
}
