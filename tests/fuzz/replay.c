/* SPDX-License-Identifier: MIT */
/* A main for fuzz targets: run each file of the given folders once, in the order of their names. */
#define _POSIX_C_SOURCE 200809L
#include "fuzz.h"

#include <dirent.h>

static int replay(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL || fseek(f, 0, SEEK_END) != 0) return 1;
    long size = ftell(f);
    rewind(f);
    /* Exactly as long as the file, so that a sanitizer sees a read behind its end. */
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (size < 0 || data == NULL || fread(data, 1, (size_t)size, f) != (size_t)size) return 1;
    fclose(f);
    LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
    return 0;
}

static int is_file(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

static int replay_folder(const char *folder, int *failed) {
    struct dirent **entries;
    int n = scandir(folder, &entries, is_file, alphasort);
    for (int i = 0; i < n; i++) {
        char path[4096];
        snprintf(path, sizeof path, "%s/%s", folder, entries[i]->d_name);
        int bad = replay(path);
        printf("[%s] %s\n", bad ? "  FAILED  " : "       OK ", entries[i]->d_name);
        fflush(stdout);
        *failed += bad;
        free(entries[i]);
    }
    if (n >= 0) free(entries);
    return n;
}

int main(int argc, char **argv) {
    int count = 0, failed = 0;
    for (int i = 1; i < argc; i++) {
        int n = replay_folder(argv[i], &failed);
        if (n < 0) fprintf(stderr, "cannot read the folder %s\n", argv[i]);
        count += n > 0 ? n : 0;
    }
    return count == 0 || failed != 0;
}
