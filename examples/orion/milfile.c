/* SPDX-License-Identifier: MIT */
/* A MIL program from a file, with the weight files that it refers to. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char model_path[] = "@model_path/";

bool has_suffix(const char *path, const char *suffix) {
    size_t n = strlen(path), k = strlen(suffix);
    return n >= k && strcmp(path + n - k, suffix) == 0;
}

char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (slash == NULL) return strdup(".");
    return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

bool dialect_from_name(const option_list *list, const char *name, uint32_t *out) {
    if (strcmp(name, "ios16") == 0) {
        *out = ORION_MIL_IOS16;
    } else if (strcmp(name, "ios18") == 0) {
        *out = ORION_MIL_IOS18;
    } else if (name[0] != '\0') {
        complain("%s: --dialect wants ios16 or ios18, not '%s'", list->command->name, name);
        return false;
    }
    return true;
}

static orion_status to_stream(void *ctx, const void *bytes, size_t n) {
    return fwrite(bytes, 1, n, ctx) == n ? ORION_OK : ORION_ERROR_IO;
}

orion_writer stream_writer(FILE *stream) {
    return (orion_writer){.size = sizeof(orion_writer), .ctx = stream, .write = to_stream};
}

orion_status mil_file_read(mil_file *f, const char *path) {
    *f = (mil_file){.path = path};
    orion_status status = orion_diag_create(NULL, &f->diag);
    if (status == ORION_OK) status = orion_blob_map_file(path, NULL, f->diag, &f->text);
    if (status != ORION_OK) return status;
    return orion_mil_parse(orion_blob_data(f->text), orion_blob_size(f->text), path, NULL, NULL,
                           f->diag, &f->program);
}

int mil_file_open(mil_file *f, const char *path) {
    orion_status status = mil_file_read(f, path);
    return report(f->diag, status, path);
}

void mil_file_close(mil_file *f) {
    orion_mil_program_destroy(&f->program);
    orion_mil_weights_destroy(&f->weights);
    orion_blob_unref(&f->text);
    orion_diag_destroy(&f->diag);
    free(f->missing);
    f->missing = NULL;
}

/* ---- weight files ---- */

/* Programs of strangers stay below the folder. */
static bool is_below(const char *relative) {
    for (const char *at = relative; at != NULL; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0')) return false;
    }
    return relative[0] != '/' && relative[0] != '\0';
}

static orion_status add_file(mil_file *f, const char *folder, const char *path) {
    size_t prefix = strlen(model_path);
    const char *relative = strncmp(path, model_path, prefix) == 0 ? path + prefix : path;
    size_t size = strlen(folder) + strlen(relative) + 2;
    char *full = malloc(size);
    if (full == NULL) return ORION_ERROR_NO_MEMORY;
    snprintf(full, size, "%s/%s", folder, relative);
    orion_blob *blob = NULL;
    orion_status status = ORION_ERROR_NOT_FOUND;
    if (is_below(relative)) status = orion_blob_map_file(full, NULL, NULL, &blob);
    if (status == ORION_OK) status = orion_mil_weights_add(f->weights, path, blob);
    orion_blob_unref(&blob);
    if (status != ORION_ERROR_NOT_FOUND) {
        free(full);
        return status;
    }
    if (f->missing == NULL) {
        f->missing = full;
    } else {
        free(full);
    }
    return ORION_OK;
}

static orion_status add_files_of(mil_file *f, const char *folder, const orion_mil_value *v) {
    orion_status status = ORION_OK;
    if (orion_mil_value_kind(v) == ORION_MIL_VALUE_BLOB) {
        const char *path = orion_mil_value_text(v);
        bool is_new = path != NULL && orion_mil_weights_find(f->weights, path) == NULL;
        return is_new ? add_file(f, folder, path) : ORION_OK;
    }
    for (size_t i = 0; i < orion_mil_value_count(v) && status == ORION_OK; i++)
        status = add_files_of(f, folder, orion_mil_value_item(v, i));
    return status;
}

static orion_status add_files(mil_file *f, const char *folder, const orion_mil_function *function) {
    orion_status status = ORION_OK;
    for (size_t i = 0; i < orion_mil_function_statement_count(function); i++) {
        const orion_mil_statement *s = orion_mil_function_statement(function, i);
        size_t attributes = orion_mil_statement_attribute_count(s);
        size_t arguments = orion_mil_statement_argument_count(s);
        for (size_t n = 0; n < attributes && status == ORION_OK; n++)
            status = add_files_of(f, folder, orion_mil_statement_attribute(s, n));
        for (size_t n = 0; n < arguments && status == ORION_OK; n++)
            status = add_files_of(f, folder, orion_mil_statement_argument(s, n));
    }
    return status;
}

orion_status mil_file_weights(mil_file *f, const char *folder) {
    char *own = folder == NULL ? folder_of(f->path) : NULL;
    orion_status status = orion_mil_weights_create(NULL, &f->weights);
    if (folder == NULL && own == NULL) status = ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < orion_mil_program_function_count(f->program) && status == ORION_OK; i++)
        status =
            add_files(f, folder == NULL ? own : folder, orion_mil_program_function(f->program, i));
    free(own);
    return status;
}

orion_status mil_target_open(const char *name, orion_diag *diag, orion_mil_target **target) {
    bool is_file = strchr(name, '/') != NULL || has_suffix(name, ".yaml");
    return is_file ? orion_mil_target_load(name, NULL, diag, target)
                   : orion_mil_target_find(name, NULL, diag, target);
}

/* ---- functions ---- */

const char *mil_file_function(const mil_file *f, const char *wanted) {
    if (wanted != NULL || orion_mil_program_find(f->program, "main") != NULL ||
        orion_mil_program_function_count(f->program) != 1)
        return wanted;
    return orion_mil_function_name(orion_mil_program_function(f->program, 0));
}

/* ---- reports ---- */

void record_halves(record *r, const orion_mil_half_report *half) {
    record_count(r, "overflows", half->overflows);
    record_count(r, "nans", half->nans);
    record_count(r, "infinities", half->infinities);
    record_count(r, "subnormals", half->subnormals);
    record_count(r, "vanished", half->vanished);
    record_number(r, "largest", half->largest, 9);
}
