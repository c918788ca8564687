/* SPDX-License-Identifier: MIT */
/* The program `orion`: finds the command, sets up standard input and output, reports the exit code.
 */
#define _XOPEN_SOURCE 700
#include "cli.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static const struct {
    const char *name, *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"train", "train a model, or continue to", cmd_train},
    {"generate", "write text with a model", cmd_generate},
    {"eval", "measure a model on a text", cmd_eval},
    {"lint", "say which rules of a target a MIL program breaks", cmd_lint},
    {"inspect", "show what is in a MIL program or a weight file", cmd_inspect},
    {"convert", "change the spelling of MIL, or between MIL and .oir", cmd_convert},
    {"diff", "say what two MIL programs compute differently", cmd_diff},
    {"compile", "make MIL programs of a graph", cmd_compile},
    {"run", "run a MIL program", cmd_run},
    {"doctor", "say which devices work here", cmd_doctor},
    {"probe", "try the rules of a target on a device", cmd_probe},
};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

static void print_help(FILE *f) {
    fputs("orion - train and run small language models, look at MIL programs\n\n"
          "usage: orion COMMAND [options]\n\ncommands:\n",
          f);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(f, "  %-10s %s\n", commands[i].name, commands[i].summary);
    fputs("\n'orion COMMAND --help' explains a command; 'orion --version' prints the versions.\n\n"
          "examples:\n"
          "  orion train --stories 1 --steps 400 --out out\n"
          "  orion generate --checkpoint out/model.safetensors --prompt \"One day \"\n"
          "  orion eval --checkpoint out/model.safetensors --data text.txt\n"
          "  orion lint model.mil --target M1,M4\n",
          f);
}

static void print_version(void) {
    const struct {
        const char *name;
        uint32_t version;
    } libraries[] = {{"ir", orion_ir_version()},
                     {"mil", orion_mil_version()},
                     {"ane", orion_ane_version()},
                     {"train", orion_train_version()}};
    printf("orion %d.%d.%d\n", ORION_TRAIN_VERSION_MAJOR, ORION_TRAIN_VERSION_MINOR,
           ORION_TRAIN_VERSION_PATCH);
    for (size_t i = 0; i < sizeof libraries / sizeof libraries[0]; i++) {
        uint32_t v = libraries[i].version;
        printf("liborion-%s %u.%u.%u\n", libraries[i].name, v >> 16, v >> 8 & 255, v & 255);
    }
}

static int run(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        print_version();
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) return commands[i].run(argc - 2, argv + 2);
    }
    complain("unknown %s '%s'; try 'orion --help'", argv[1][0] == '-' ? "option" : "command",
             argv[1]);
    return EXIT_USAGE;
}

/*
 * A descriptor 0, 1 or 2 that is closed would be given to the next file opened, and messages would
 * be written into a checkpoint. Open them the wrong way round instead, so that using them fails.
 */
static void occupy_standard_descriptors(void) {
    static const int modes[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", modes[fd]) < 0) return;
    }
}

int main(int argc, char **argv) {
    occupy_standard_descriptors();
    /* Writes to a pipe without a reader or past a limit on files then fail as others do. */
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return close_output(run(argc, argv));
}
