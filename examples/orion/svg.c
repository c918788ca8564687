/* SPDX-License-Identifier: MIT */
/* The loss curve as one self-contained SVG: axes with round ticks, raw losses, moving average, a
 * reference line. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 760, HEIGHT = 420, LEFT = 64, RIGHT = 24, TOP = 48, BOTTOM = 48 };

bool curve_add(curve *c, double step, double loss) {
    if (c->count == c->capacity) {
        size_t capacity = c->capacity == 0 ? 256 : c->capacity * 2;
        double *steps = realloc(c->steps, capacity * sizeof *steps);
        if (steps == NULL) return false;
        c->steps = steps;
        double *losses = realloc(c->losses, capacity * sizeof *losses);
        if (losses == NULL) return false;
        c->losses = losses;
        c->capacity = capacity;
    }
    c->steps[c->count] = step;
    c->losses[c->count++] = loss;
    return true;
}

double curve_tail(const curve *c, size_t window) {
    size_t n = c->count < window ? c->count : window;
    double sum = 0;
    for (size_t i = c->count - n; i < c->count; i++) sum += c->losses[i];
    return n == 0 ? NAN : sum / (double)n;
}

void curve_free(curve *c) {
    free(c->steps);
    free(c->losses);
    *c = (curve){0};
}

/* The round number (1, 2 or 5 times a power of ten) that gives at most `count` ticks over `range`.
 */
static double tick_step(double range, int count) {
    double raw = range / count, power = pow(10, floor(log10(raw)));
    double lead = raw / power;
    return power * (lead <= 1 ? 1 : lead <= 2 ? 2 : lead <= 5 ? 5 : 10);
}

typedef struct frame {
    double x0, x1, y1; /* data ranges; losses start at 0 */
} frame;

static double place_x(const frame *f, double step) {
    return LEFT + (step - f->x0) / (f->x1 - f->x0) * (WIDTH - LEFT - RIGHT);
}

static double place_y(const frame *f, double loss) {
    double inside = loss > f->y1 ? f->y1 : loss;
    return HEIGHT - BOTTOM - inside / f->y1 * (HEIGHT - TOP - BOTTOM);
}

static void write_escaped(FILE *out, const char *s) {
    for (; *s != '\0'; s++) {
        switch (*s) {
        case '<': fputs("&lt;", out); break;
        case '>': fputs("&gt;", out); break;
        case '&': fputs("&amp;", out); break;
        default: fputc(*s, out);
        }
    }
}

static void write_axes(FILE *out, const frame *f, const char *title) {
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" "
            "font-family=\"system-ui,sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
            "<text x=\"%d\" y=\"26\" font-size=\"16\" font-weight=\"600\">",
            WIDTH, HEIGHT, WIDTH, HEIGHT, LEFT);
    write_escaped(out, title);
    fputs("</text>\n<g stroke=\"#e3e6ea\">\n", out);
    double dy = tick_step(f->y1, 6), dx = tick_step(f->x1 - f->x0, 8);
    for (double y = 0; y <= f->y1 * 1.0001; y += dy) {
        fprintf(out, "<path d=\"M%d %.1fH%d\"/>\n", LEFT, place_y(f, y), WIDTH - RIGHT);
    }
    fputs("</g>\n<g fill=\"#555\" text-anchor=\"end\">\n", out);
    for (double y = 0; y <= f->y1 * 1.0001; y += dy) {
        fprintf(out, "<text x=\"%d\" y=\"%.1f\">%g</text>\n", LEFT - 8, place_y(f, y) + 4, y);
    }
    fputs("</g>\n<g fill=\"#555\" text-anchor=\"middle\">\n", out);
    for (double x = ceil(f->x0 / dx) * dx; x <= f->x1 * 1.0001; x += dx) {
        fprintf(out, "<text x=\"%.1f\" y=\"%d\">%g</text>\n", place_x(f, x), HEIGHT - BOTTOM + 18,
                x);
    }
    fprintf(out,
            "<text x=\"%d\" y=\"%d\">step</text>\n"
            "<text transform=\"translate(18 %d) rotate(-90)\">loss, nats per token</text>\n</g>\n",
            (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 10, (TOP + HEIGHT - BOTTOM) / 2);
}

static void write_line(FILE *out, const frame *f, const curve *c, size_t window,
                       const char *style) {
    fprintf(out, "<path fill=\"none\" %s d=\"", style);
    double sum = 0;
    size_t in_window = 0;
    for (size_t i = 0; i < c->count; i++) {
        sum += c->losses[i];
        if (++in_window > window) {
            sum -= c->losses[i - window];
            in_window--;
        }
        double mean = sum / (double)in_window;
        fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', place_x(f, c->steps[i]), place_y(f, mean));
    }
    fputs("\"/>\n", out);
}

static void write_svg(FILE *out, const curve *c, const char *title, double reference,
                      const char *label) {
    frame f = {.x0 = c->count ? c->steps[0] : 0, .x1 = c->count ? c->steps[c->count - 1] : 1};
    if (f.x1 <= f.x0) f.x1 = f.x0 + 1;
    double top = isfinite(reference) ? reference : 0;
    for (size_t i = 0; i < c->count; i++) {
        if (isfinite(c->losses[i]) && c->losses[i] > top) top = c->losses[i];
    }
    double dy = tick_step(top > 0 ? top : 1, 6);
    f.y1 = ceil((top > 0 ? top : 1) / dy) * dy;
    write_axes(out, &f, title);
    if (isfinite(reference)) {
        fprintf(out,
                "<path d=\"M%d %.1fH%d\" stroke=\"#b5651d\" stroke-dasharray=\"6 4\"/>\n"
                "<text x=\"%d\" y=\"%.1f\" fill=\"#b5651d\" text-anchor=\"end\">",
                LEFT, place_y(&f, reference), WIDTH - RIGHT, WIDTH - RIGHT,
                place_y(&f, reference) - 6);
        write_escaped(out, label);
        fputs("</text>\n", out);
    }
    if (c->count != 0) {
        write_line(out, &f, c, 1, "stroke=\"#9cc3e6\" stroke-width=\"1\"");
        size_t window = c->count / 40 + 1;
        write_line(out, &f, c, window, "stroke=\"#0b5cad\" stroke-width=\"2\"");
    }
    fputs("</svg>\n", out);
}

bool curve_write_svg(const curve *c, const char *path, const char *title, double reference,
                     const char *label) {
    size_t length = strlen(path);
    char *temporary = malloc(length + 12);
    if (temporary == NULL) {
        complain("out of memory while drawing %s", path);
        return false;
    }
    snprintf(temporary, length + 12, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(temporary);
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");
    bool fine = out != NULL;
    if (fine) {
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, 0666 & ~mask); /* mkstemp makes it private */
        write_svg(out, c, title, reference, label);
        fine = !ferror(out);
        fine = fclose(out) == 0 && fine;
        fine = fine && rename(temporary, path) == 0;
    } else if (fd >= 0) {
        close(fd);
    }
    if (!fine) {
        complain("cannot write %s: %s", path, strerror(errno));
        if (fd >= 0) unlink(temporary);
    }
    free(temporary);
    return fine;
}
