/* SPDX-License-Identifier: MIT */
/* The log of a training run: continued exactly where its checkpoint was written. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Offset behind the last line to keep, or -1 without memory. A run that was killed leaves events of
 * steps that are done again after resuming, and perhaps half a line: all of that is at the end,
 * since steps only grow.
 */
static off_t scan(FILE *f, uint64_t step, curve *c) {
    char *line = NULL;
    size_t capacity = 0;
    ssize_t length;
    off_t keep = 0;
    while (keep >= 0 && (length = getline(&line, &capacity, f)) > 0) {
        char event[16];
        uint64_t at;
        double loss;
        int fields = sscanf(line, "{\"event\":\"%15[a-z]\",\"step\":%" SCNu64 ",\"loss\":%lf",
                            event, &at, &loss);
        if (line[length - 1] != '\n' || fields < 2 || at > step) break;
        keep += length;
        bool has_loss = fields == 3 && strcmp(event, "step") == 0;
        if (has_loss && !curve_add(c, (double)at, loss)) keep = -1;
    }
    free(line);
    return keep;
}

FILE *runlog_open(const char *path, uint64_t step, curve *c) {
    FILE *f = fopen(path, step == 0 ? "w" : "a+");
    off_t keep = 0;
    bool fine = f != NULL;
    if (fine && step != 0) {
        rewind(f);
        keep = scan(f, step, c);
        fine = keep >= 0 && ftruncate(fileno(f), keep) == 0 && fseeko(f, keep, SEEK_SET) == 0;
    }
    if (fine) return f;
    complain("cannot write %s: %s", path, strerror(errno));
    if (f != NULL) fclose(f);
    return NULL;
}
