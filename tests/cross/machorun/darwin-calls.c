/* SPDX-License-Identifier: MIT */
/* Numbers that differ: of errors, signals, clocks, limits and locales; and small functions that
 * exist on Darwin alone. */
#define _GNU_SOURCE /* exp10, sincos, strtod_l */
#include "machorun.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* ---- pairs of numbers ---- */

typedef struct pair {
    int darwin, here;
} pair;

#define PAIRS(name, ...) static const pair name[] = {__VA_ARGS__, {-1, -1}}

static int to_here(const pair *pairs, int number, const char *what) {
    for (; pairs->darwin >= 0; pairs++) {
        if (pairs->darwin == number) return pairs->here;
    }
    refuse("Darwin's %s %d is not known", what, number);
}

static int to_darwin(const pair *pairs, int number, const char *what) {
    for (; pairs->here >= 0; pairs++) {
        if (pairs->here == number) return pairs->darwin;
    }
    refuse("Darwin has no %s for %d", what, number);
}

/* ---- errors ---- */

/* Up to 34 the numbers are those of the first Unix, but for 11. */
PAIRS(errors, {11, EDEADLK}, {35, EAGAIN}, {36, EINPROGRESS}, {45, ENOTSUP}, {60, ETIMEDOUT},
      {61, ECONNREFUSED}, {62, ELOOP}, {63, ENAMETOOLONG}, {66, ENOTEMPTY}, {69, EDQUOT},
      {70, ESTALE}, {77, ENOLCK}, {78, ENOSYS}, {84, EOVERFLOW}, {89, ECANCELED}, {92, EILSEQ});

int darwin_error(int number) {
    bool old = number >= 0 && number <= 34 && number != EAGAIN;
    return old ? number : to_darwin(errors, number, "errno");
}

int linux_error(int number) {
    return number >= 0 && number <= 34 && number != 11 ? number : to_here(errors, number, "errno");
}

/* errno is a variable of ours, into which what glibc left in its own is moved when it is read. */
static _Thread_local int darwin_errno;

static int *sub_error(void) {
    if (errno != 0) {
        darwin_errno = darwin_error(errno);
        errno = 0;
    }
    return &darwin_errno;
}

static char *sub_strerror(int number) {
    return strerror(linux_error(number));
}

/* ---- signals ---- */

PAIRS(signals, {1, SIGHUP}, {2, SIGINT}, {3, SIGQUIT}, {4, SIGILL}, {6, SIGABRT}, {8, SIGFPE},
      {9, SIGKILL}, {10, SIGBUS}, {11, SIGSEGV}, {13, SIGPIPE}, {14, SIGALRM}, {15, SIGTERM},
      {17, SIGSTOP}, {19, SIGCONT}, {20, SIGCHLD}, {24, SIGXCPU}, {25, SIGXFSZ}, {30, SIGUSR1},
      {31, SIGUSR2});

enum { DARWIN_RESTART = 0x2, DARWIN_RESETHAND = 0x4, DARWIN_NOCLDSTOP = 0x8 };

typedef void (*handler)(int);

typedef struct darwin_sigaction {
    handler handle;
    uint32_t mask; /* bit N - 1: signal N */
    int flags;
} darwin_sigaction;

/* Handlers compare the number they are called with, so it is Darwin's. */
static handler handlers[65];

static void call_handler(int number) {
    handlers[number](to_darwin(signals, number, "signal"));
}

static handler wrapped(int number, handler handle) {
    if (handle == SIG_DFL || handle == SIG_IGN) return handle;
    handlers[number] = handle;
    return call_handler;
}

static void set_to_here(uint32_t mask, sigset_t *out) {
    sigemptyset(out);
    if (mask == UINT32_MAX) {
        sigfillset(out);
        return;
    }
    for (const pair *p = signals; p->darwin > 0; p++) {
        if (mask >> (p->darwin - 1) & 1) sigaddset(out, p->here);
    }
}

static uint32_t set_to_darwin(const sigset_t *set) {
    uint32_t mask = 0;
    for (const pair *p = signals; p->darwin > 0; p++) {
        if (sigismember(set, p->here) == 1) mask |= UINT32_C(1) << (p->darwin - 1);
    }
    return mask;
}

static int sub_sigaction(int number, const darwin_sigaction *action, darwin_sigaction *old) {
    int here = to_here(signals, number, "signal");
    struct sigaction now = {0}, before;
    handler last = handlers[here];
    if (action != NULL) {
        int known = DARWIN_RESTART | DARWIN_RESETHAND | DARWIN_NOCLDSTOP;
        if (action->flags & ~known) refuse("sigaction: flags 0x%x", (unsigned)action->flags);
        now.sa_handler = wrapped(here, action->handle);
        now.sa_flags = (action->flags & DARWIN_RESTART ? SA_RESTART : 0) |
                       (action->flags & DARWIN_RESETHAND ? (int)SA_RESETHAND : 0) |
                       (action->flags & DARWIN_NOCLDSTOP ? SA_NOCLDSTOP : 0);
        set_to_here(action->mask, &now.sa_mask);
    }
    int result = sigaction(here, action == NULL ? NULL : &now, &before);
    if (result == 0 && old != NULL) {
        handler was = before.sa_handler == call_handler ? last : before.sa_handler;
        *old = (darwin_sigaction){.handle = was, .mask = set_to_darwin(&before.sa_mask)};
    }
    return result;
}

static handler sub_signal(int number, handler handle) {
    int here = to_here(signals, number, "signal");
    handler last = handlers[here];
    handler was = signal(here, wrapped(here, handle));
    return was == call_handler ? last : was;
}

static int sub_raise(int number) {
    return raise(to_here(signals, number, "signal"));
}

static int sub_kill(pid_t process, int number) {
    return kill(process, number == 0 ? 0 : to_here(signals, number, "signal"));
}

static int sub_sigmask(int how, const uint32_t *mask, uint32_t *old) {
    PAIRS(hows, {1, SIG_BLOCK}, {2, SIG_UNBLOCK}, {3, SIG_SETMASK});
    sigset_t set, before;
    if (mask != NULL) set_to_here(*mask, &set);
    int how_here = mask == NULL ? SIG_BLOCK : to_here(hows, how, "sigmask");
    int result = pthread_sigmask(how_here, mask == NULL ? NULL : &set, &before);
    if (result == 0 && old != NULL) *old = set_to_darwin(&before);
    return darwin_error(result);
}

/* ---- clocks, limits, memory ---- */

static int sub_clock(int clock, struct timespec *out) {
    PAIRS(clocks, {0, CLOCK_REALTIME}, {4, CLOCK_MONOTONIC_RAW}, {6, CLOCK_MONOTONIC},
          {8, CLOCK_MONOTONIC}, {12, CLOCK_PROCESS_CPUTIME_ID}, {16, CLOCK_THREAD_CPUTIME_ID});
    return clock_gettime(to_here(clocks, clock, "clock"), out);
}

static long sub_sysconf(int name) {
    PAIRS(names, {29, _SC_PAGESIZE}, {57, _SC_NPROCESSORS_CONF}, {58, _SC_NPROCESSORS_ONLN});
    return sysconf(to_here(names, name, "sysconf"));
}

PAIRS(limits, {1, RLIMIT_FSIZE}, {2, RLIMIT_DATA}, {3, RLIMIT_STACK}, {4, RLIMIT_CORE},
      {5, RLIMIT_AS}, {8, RLIMIT_NOFILE});

static int sub_getrlimit(int resource, struct rlimit *out) {
    return getrlimit((unsigned)to_here(limits, resource & 0xff, "limit"), out);
}

static int sub_setrlimit(int resource, const struct rlimit *limit) {
    return setrlimit((unsigned)to_here(limits, resource & 0xff, "limit"), limit);
}

static void *sub_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset) {
    enum { SHARED = 1, PRIVATE = 2, ANONYMOUS = 0x1000 };
    if (flags & ~(SHARED | PRIVATE | ANONYMOUS)) refuse("mmap: flags 0x%x", (unsigned)flags);
    int here = (flags & SHARED ? MAP_SHARED : 0) | (flags & PRIVATE ? MAP_PRIVATE : 0) |
               (flags & ANONYMOUS ? MAP_ANONYMOUS : 0);
    return mmap(address, size, access, here, fd, offset);
}

/* Of the folders that only Darwin has: the user's own for temporary files. */
static size_t sub_confstr(int name, char *out, size_t size) {
    enum { USER_TEMPORARY_FOLDER = 65537 };
    const char *folder = getenv("TMPDIR");
    if (name != USER_TEMPORARY_FOLDER) refuse("confstr: name %d", name);
    int n = snprintf(out, size, "%s/", folder == NULL ? "/tmp" : folder);
    return n < 0 ? 0 : (size_t)n + 1;
}

/* ---- locales ---- */

static char *sub_setlocale(int category, const char *name) {
    PAIRS(categories, {0, LC_ALL}, {1, LC_COLLATE}, {2, LC_CTYPE}, {3, LC_MONETARY},
          {4, LC_NUMERIC}, {5, LC_TIME}, {6, LC_MESSAGES});
    return setlocale(to_here(categories, category, "locale category"), name);
}

/* No locale is the C locale there. */
static double sub_strtod_l(const char *text, char **end, locale_t locale) {
    static locale_t c;
    if (locale != NULL) refuse("strtod_l: a locale of one's own");
    if (c == NULL) c = newlocale(LC_ALL_MASK, "C", NULL);
    return strtod_l(text, end, c);
}

/* ---- what only Darwin has ---- */

typedef struct sine_and_cosine {
    double sine, cosine;
} sine_and_cosine;

static sine_and_cosine sub_sincos(double x) {
    sine_and_cosine result;
    sincos(x, &result.sine, &result.cosine);
    return result;
}

typedef struct float_sine_and_cosine {
    float sine, cosine;
} float_sine_and_cosine;

static float_sine_and_cosine sub_sincosf(float x) {
    float_sine_and_cosine result;
    sincosf(x, &result.sine, &result.cosine);
    return result;
}

static void sub_pattern16(void *out, const void *pattern, size_t size) {
    unsigned char *bytes = out;
    for (size_t i = 0; i < size; i++) bytes[i] = ((const unsigned char *)pattern)[i % 16];
}

static noreturn void sub_assert(const char *function, const char *file, int line,
                                const char *condition) {
    fprintf(stderr, "%s:%d: %s: assertion failed: %s\n", file, line, function, condition);
    abort();
}

static noreturn void unexpected(void) {
    refuse("a lazy binding is bound too late");
}

const substitute darwin_calls[] = {
    {"__error", ADDRESS_OF(sub_error)},
    {"strerror", ADDRESS_OF(sub_strerror)},
    {"sigaction", ADDRESS_OF(sub_sigaction)},
    {"signal", ADDRESS_OF(sub_signal)},
    {"raise", ADDRESS_OF(sub_raise)},
    {"kill", ADDRESS_OF(sub_kill)},
    {"pthread_sigmask", ADDRESS_OF(sub_sigmask)},
    {"clock_gettime", ADDRESS_OF(sub_clock)},
    {"sysconf", ADDRESS_OF(sub_sysconf)},
    {"confstr", ADDRESS_OF(sub_confstr)},
    {"getrlimit", ADDRESS_OF(sub_getrlimit)},
    {"setrlimit", ADDRESS_OF(sub_setrlimit)},
    {"mmap", ADDRESS_OF(sub_mmap)},
    {"setlocale", ADDRESS_OF(sub_setlocale)},
    {"strtod_l", ADDRESS_OF(sub_strtod_l)},
    {"__sincos_stret", ADDRESS_OF(sub_sincos)},
    {"__sincosf_stret", ADDRESS_OF(sub_sincosf)},
    {"__exp10", ADDRESS_OF(exp10)},
    {"memset_pattern16", ADDRESS_OF(sub_pattern16)},
    {"__assert_rtn", ADDRESS_OF(sub_assert)},
    {"dyld_stub_binder", ADDRESS_OF(unexpected)},
    {NULL, NULL},
};
