/* SPDX-License-Identifier: MIT */
/* The loss curve as one self-contained SVG: axes with round ticks, raw losses, their moving mean, a
 * reference line. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WIDTH = 760, HEIGHT = 440, LEFT = 64, RIGHT = 24, TOP = 68, BOTTOM = 48 };
/* A line has about so many points, however long the run was. */
enum { LINE_POINTS = 1500 };

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

static void write_head(FILE *out, const char *title, const char *subtitle) {
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\" "
            "height=\"%d\" role=\"img\" font-family=\"system-ui,sans-serif\" font-size=\"12\">\n"
            "<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    write_escaped(out, title);
    fprintf(out,
            "</title>\n<rect width=\"100%%\" height=\"100%%\" fill=\"#fff\"/>\n"
            "<text x=\"%d\" y=\"28\" font-size=\"16\" font-weight=\"600\">",
            LEFT);
    write_escaped(out, title);
    fprintf(out, "</text>\n<text x=\"%d\" y=\"46\" fill=\"#555\">", LEFT);
    write_escaped(out, subtitle);
    fputs("</text>\n", out);
}

static void write_axes(FILE *out, const frame *f) {
    double dy = tick_step(f->y1, 6), dx = fmax(1, tick_step(f->x1 - f->x0, 8));
    fputs("<g stroke=\"#e3e6ea\">\n", out);
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

/* Text that stays readable where it crosses a line. */
static void write_label(FILE *out, double x, double y, const char *color, const char *text) {
    fprintf(out,
            "<text x=\"%.1f\" y=\"%.1f\" fill=\"%s\" text-anchor=\"end\" stroke=\"#fff\" "
            "stroke-width=\"4\" paint-order=\"stroke\">",
            x, y, color);
    write_escaped(out, text);
    fputs("</text>\n", out);
}

/*
 * The losses as a line of means over up to `reach` points on either side, the same number on both
 * so that the line does not lag behind, with one point in `stride` drawn. Both ends of the window
 * only ever move forward, so one running sum serves the whole line.
 */
static void write_line(FILE *out, const frame *f, const curve *c, size_t reach, size_t stride,
                       const char *style) {
    fprintf(out, "<path fill=\"none\" %s d=\"", style);
    double sum = 0;
    size_t low = 0, high = 0; /* the sum is of [low, high) */
    for (size_t i = 0; i < c->count; i++) {
        size_t sides = reach;
        if (sides > i) sides = i;
        if (sides > c->count - 1 - i) sides = c->count - 1 - i;
        while (high < i + sides + 1) sum += c->losses[high++];
        while (low < i - sides) sum -= c->losses[low++];
        if (i % stride != 0 && i != c->count - 1) continue;
        fprintf(out, "%c%.1f %.1f", i == 0 ? 'M' : 'L', place_x(f, c->steps[i]),
                place_y(f, sum / (double)(high - low)));
    }
    fputs("\"/>\n", out);
}

static frame frame_of(const curve *c, double reference) {
    frame f = {.x0 = c->count ? c->steps[0] : 0, .x1 = c->count ? c->steps[c->count - 1] : 1};
    if (f.x1 <= f.x0) { /* a lone point stands in the middle */
        f.x0 -= 1;
        f.x1 += 1;
    }
    double top = isfinite(reference) ? reference : 0;
    for (size_t i = 0; i < c->count; i++) {
        if (c->losses[i] > top) top = c->losses[i];
    }
    double dy = tick_step(top > 0 ? top : 1, 6);
    f.y1 = ceil((top > 0 ? top : 1) / dy) * dy;
    return f;
}

static void write_svg(FILE *out, const curve *c, const curve_text *text) {
    frame f = frame_of(c, text->reference);
    write_head(out, text->title, text->subtitle);
    write_axes(out, &f);
    size_t stride = c->count / LINE_POINTS + 1;
    if (c->count != 0) {
        write_line(out, &f, c, stride / 2, stride, "stroke=\"#9cc3e6\"");
        write_line(out, &f, c, c->count / 80, stride, "stroke=\"#0b5cad\" stroke-width=\"2\"");
    }
    if (isfinite(text->reference)) {
        double y = place_y(&f, text->reference);
        fprintf(out, "<path d=\"M%d %.1fH%d\" stroke=\"#b5651d\" stroke-dasharray=\"6 4\"/>\n",
                LEFT, y, WIDTH - RIGHT);
        write_label(out, WIDTH - RIGHT, y - 6, "#9a5416", text->reference_label);
    }
    if (c->count != 0) {
        double x = place_x(&f, c->steps[c->count - 1]), y = place_y(&f, text->final);
        char label[32];
        snprintf(label, sizeof label, "%.3f", text->final);
        fprintf(out, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"#0b5cad\"/>\n", x, y);
        write_label(out, x, y - 10, "#0b5cad", label);
    }
    fputs("</svg>\n", out);
}

bool curve_write_svg(const curve *c, const char *path, const curve_text *text) {
    new_file file;
    if (!new_file_begin(&file, path)) return false;
    write_svg(file.stream, c, text);
    return new_file_end(&file);
}
