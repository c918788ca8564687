/* SPDX-License-Identifier: MIT */
/*
 * A client of the framework as people write them: Objective-C, NSClassFromString, objc_msgSend.
 * What it does here is what the emulator must stand, apart from Orion's own way of asking.
 */
#ifndef EMULATOR_CLIENT_H
#define EMULATOR_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a call answered, and the NSError it gave. */
typedef struct answer {
    bool yes, error;
    long code;
    char domain[64];
    char text[1024];
} answer;

typedef struct client client;
typedef struct client_file {
    const char *path; /* "@model_path/..." */
    const void *bytes;
    size_t size;
} client_file;

/* Descriptor, model, and the files in its folder; NULL if there is no descriptor. */
client *client_create(const char *text, const client_file *files, size_t count);
void client_destroy(client *c);
const char *client_identity(const client *c);
const char *client_folder(const client *c);
/* Write the files again, or others, as one does who hopes to change weights. */
void client_write(const client *c, const char *text, const client_file *files, size_t count);

answer client_compile(client *c);
answer client_load(client *c);
answer client_unload(client *c);
/* Reads modelAttributes. */
void client_look(client *c);

/* A surface of so many bytes; never freed before the process ends. */
void *client_surface(size_t bytes);
void *client_bytes(void *surface);
void client_lock(void *surface, bool lock);
/* With surfaces for symbols 0, 1, ... of both sides. */
answer client_evaluate(client *c, void *const *inputs, size_t input_count, void *const *outputs,
                       size_t output_count, int procedure);

#endif
