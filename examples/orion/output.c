/* SPDX-License-Identifier: MIT */
/* One-line messages, standard output that notices every failure, interrupts and the clock. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

void complain(const char *fmt, ...) {
    char text[2048];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    fprintf(stderr, "orion: %s\n", text);
}

/* `doing` is a file or an action; it comes first where the entry does not name its own place. */
static void print_entry(const orion_diag_entry *e, const char *doing) {
    char place[1100] = "";
    if (e->source != NULL && e->line != 0) {
        snprintf(place, sizeof place, "%s:%u:%u: ", e->source, e->line, e->column);
    } else if (e->source != NULL || strstr(e->text, doing) == NULL) {
        snprintf(place, sizeof place, "%s: ", e->source != NULL ? e->source : doing);
    }
    const char *remedy = orion_message_remedy((orion_message)e->message);
    complain("%s%s%s [ORN-%04u]%s%s", e->severity == ORION_SEVERITY_ERROR ? "" : "warning: ", place,
             e->text, e->message, remedy[0] == '\0' ? "" : " ", remedy);
}

int report(orion_diag *diag, orion_status status, const char *doing) {
    for (size_t i = 0; i < orion_diag_count(diag); i++) print_entry(orion_diag_get(diag, i), doing);
    size_t dropped = orion_diag_dropped(diag);
    if (dropped != 0) complain("... and %zu more", dropped);
    if (status != ORION_OK && orion_diag_count(diag) == 0)
        complain("%s: %s", doing, orion_status_string(status));
    orion_diag_clear(diag);
    return status == ORION_OK ? EXIT_DONE : EXIT_FAILED;
}

/* errno of the first failed write to standard output. */
static int output_error;

bool write_output(const char *bytes, size_t n) {
    if (output_error != 0) return false;
    errno = 0;
    if (fwrite(bytes, 1, n, stdout) == n && fflush(stdout) == 0) return true;
    output_error = errno != 0 ? errno : EIO;
    return false;
}

bool write_text(const char *bytes, size_t n) {
    static int terminal = -1;
    if (terminal < 0) terminal = isatty(STDOUT_FILENO);
    if (!terminal) return write_output(bytes, n);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes[i];
        bool plain = c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7f);
        if (!write_output(plain ? &bytes[i] : "?", 1)) return false;
    }
    return true;
}

int close_output(int code) {
    errno = 0;
    if (output_error == 0 && (fflush(stdout) != 0 || ferror(stdout)))
        output_error = errno != 0 ? errno : EIO;
    if (fclose(stdout) != 0 && output_error == 0) output_error = errno;
    if (output_error == 0) return code;
    if (output_error == EPIPE) {
        signal(SIGPIPE, SIG_DFL);
        raise(SIGPIPE);
    }
    complain("cannot write to standard output: %s", strerror(output_error));
    return EXIT_FAILED;
}

bool new_file_begin(new_file *file, const char *path) {
    size_t size = strlen(path) + 12;
    *file = (new_file){.path = path, .temporary = malloc(size)};
    if (file->temporary == NULL) {
        complain("out of memory while writing %s", path);
        return false;
    }
    snprintf(file->temporary, size, "%s.tmp-XXXXXX", path);
    int fd = mkstemp(file->temporary);
    file->stream = fd < 0 ? NULL : fdopen(fd, "w");
    if (file->stream == NULL) {
        complain("cannot write %s: %s", path, strerror(errno));
        if (fd >= 0) {
            close(fd);
            unlink(file->temporary);
        }
        free(file->temporary);
        return false;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask); /* mkstemp makes it private */
    return true;
}

bool new_file_end(new_file *file) {
    bool fine = !ferror(file->stream);
    fine = fclose(file->stream) == 0 && fine;
    fine = fine && rename(file->temporary, file->path) == 0;
    if (!fine) {
        complain("cannot write %s: %s", file->path, strerror(errno));
        unlink(file->temporary);
    }
    free(file->temporary);
    return fine;
}

bool use_color(int fd) {
    const char *term = getenv("TERM"), *no_color = getenv("NO_COLOR");
    bool dumb = term != NULL && strcmp(term, "dumb") == 0;
    return isatty(fd) && !dumb && (no_color == NULL || no_color[0] == '\0');
}

static volatile sig_atomic_t interrupt_flag;

static void on_interrupt(int signal_number) {
    (void)signal_number;
    if (interrupt_flag) _Exit(EXIT_INTERRUPTED);
    interrupt_flag = 1;
}

void catch_interrupts(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool interrupted(void) {
    return interrupt_flag != 0;
}

double now_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
