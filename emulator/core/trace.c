/* SPDX-License-Identifier: MIT */
/* The trace: what the client asked, one line per message, with the classes of its arguments. */
#include "emu.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;

bool emu_trace_open(const char *path) {
    pthread_mutex_lock(&lock);
    if (file != NULL) fclose(file);
    file = path[0] == '\0' ? NULL : fopen(path, "w");
    bool fine = file != NULL || path[0] == '\0';
    pthread_mutex_unlock(&lock);
    return fine;
}

/* The settings may name a file, and are read at the first use of anything. */
bool emu_tracing(void) {
    (void)emu_settings_now();
    pthread_mutex_lock(&lock);
    bool open = file != NULL;
    pthread_mutex_unlock(&lock);
    return open;
}

void emu_trace(const char *fmt, ...) {
    va_list args;
    if (!emu_tracing()) return;
    pthread_mutex_lock(&lock);
    if (file != NULL) {
        va_start(args, fmt);
        vfprintf(file, fmt, args);
        va_end(args);
        fputc('\n', file);
        fflush(file);
    }
    pthread_mutex_unlock(&lock);
}
