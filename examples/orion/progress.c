/* SPDX-License-Identifier: MIT */
/* The progress bar: redrawn in place on a terminal, plain lines every few seconds elsewhere. */
#define _DEFAULT_SOURCE
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const double redraw_seconds = 0.1, plain_seconds = 5;

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

void progress_begin(progress *p, const char *what, uint64_t first, uint64_t total) {
    const char *term = getenv("TERM");
    bool dumb = term != NULL && strcmp(term, "dumb") == 0;
    *p = (progress){.what = what, .first = first, .total = total, .started = now_seconds()};
    p->terminal = isatty(STDERR_FILENO) && !dumb;
    p->color = p->terminal && getenv("NO_COLOR") == NULL;
    p->printed = p->started;
}

void progress_update(progress *p, uint64_t done, const char *detail) {
    double now = now_seconds();
    bool last = done >= p->total;
    char left[32];
    double elapsed = now - p->started;
    double fresh = (double)(done - p->first);
    double remaining = fresh > 0 ? elapsed / fresh * (double)(p->total - done) : 0;
    format_duration(left, remaining);
    if (!p->terminal) {
        if (!last && now - p->printed < plain_seconds) return;
        p->printed = now;
        fprintf(stderr, "%s %llu/%llu  %s  %s left\n", p->what, (unsigned long long)done,
                (unsigned long long)p->total, detail, left);
        return;
    }
    if (!last && now - p->drawn < redraw_seconds) return;
    p->drawn = now;
    char tail[256];
    int tail_length =
        snprintf(tail, sizeof tail, " %llu/%llu  %s  %s left", (unsigned long long)done,
                 (unsigned long long)p->total, detail, left);
    int room = terminal_width() - 1 - (int)strlen(p->what) - 1 - tail_length;
    int bar = room < 8 ? 0 : room > 40 ? 40 : room;
    int full = p->total == 0 ? 0 : (int)((double)bar * (double)done / (double)p->total);
    fprintf(stderr, "\r%s ", p->what);
    if (p->color) fputs("\033[36m", stderr);
    for (int i = 0; i < bar; i++) fputs(i < full ? "\u2588" : "\u2591", stderr);
    if (p->color) fputs("\033[0m", stderr);
    fprintf(stderr, "%s\033[K", tail);
    fflush(stderr);
}

void progress_end(progress *p, const char *summary) {
    if (p->terminal) fputs("\r\033[K", stderr);
    if (summary != NULL) fprintf(stderr, "%s\n", summary);
    fflush(stderr);
}
