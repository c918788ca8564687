/* SPDX-License-Identifier: MIT */
/* `orion run`: any MIL program on a device, with .npy files as inputs and outputs. */
#define _POSIX_C_SOURCE 200809L
#include "cli.h"
#include "npy.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const command run_command = {
    .name = "run",
    .summary = "run a MIL program",
    .usage = "orion run FILE.mil [--input NAME=FILE.npy|zeros|random:SEED]... [--output DIR]\n"
             "                 [--weights DIR] [--function NAME] [--device NAME] [--json]",
    .details =
        "Inputs come from .npy files, which are converted to the port's dtype (floats to floats,\n"
        "integers to integers), from a generator (uniform in [-1, 1), the same everywhere), or "
        "are\n"
        "zeros; every input needs one of the three. Outputs go to DIR/NAME.npy. Without --output\n"
        "only a line for each is printed: its type, least, greatest and mean element, and how "
        "many\n"
        "are not finite.",
    .examples = "  orion run model.mil --input x=random:1\n"
                "  orion run model.mil --input x=x.npy --output results --device cpu",
};

enum { PORTS_MAX = 4096 };

typedef struct run {
    mil_file file;
    const char *folder, *function, *device_name, *output;
    text_list inputs;
    uint64_t threads;
    bool json;
    orion_ane_device *device;
    orion_ane_program *program;
    orion_ane_run *run;
    orion_ane_tensor **tensors; /* by port */
    size_t ports;
} run;

static orion_ane_port port_at(const run *r, size_t i) {
    orion_ane_port port = {.size = sizeof port};
    orion_status status = orion_ane_program_port(r->program, i, &port);
    return status == ORION_OK ? port : (orion_ane_port){.name = ""};
}

/* ---- inputs ---- */

/* The value of the last --input NAME=..., or NULL. */
static const char *input_value(const run *r, const char *name) {
    size_t n = strlen(name);
    for (size_t i = r->inputs.count; i-- > 0;) {
        const char *text = r->inputs.items[i];
        if (strncmp(text, name, n) == 0 && text[n] == '=') return text + n + 1;
    }
    return NULL;
}

static int no_memory(void) {
    complain("out of memory");
    return EXIT_FAILED;
}

/* SplitMix64. */
static double next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (double)((z ^ z >> 31) >> 11) * 0x1p-52 - 1;
}

static int fill_random(run *r, const orion_ane_port *port, orion_ane_tensor *tensor,
                       const char *seed) {
    char *end;
    errno = 0;
    uint64_t state = strtoull(seed, &end, 10);
    if (*seed < '0' || *seed > '9' || *end != '\0' || errno != 0) {
        complain("run: --input %s=random:%s: the seed is no whole number", port->name, seed);
        return EXIT_USAGE;
    }
    if (port->type.dtype != ORION_IR_F32 && port->type.dtype != ORION_IR_F16 &&
        port->type.dtype != ORION_IR_BF16) {
        complain("run: input '%s' is %s: random is for floats; give a file or zeros", port->name,
                 orion_ir_dtype_name((orion_ir_dtype)port->type.dtype));
        return EXIT_USAGE;
    }
    size_t n = (size_t)orion_ir_type_elements(&port->type);
    float *data = malloc(n * sizeof *data);
    if (data == NULL) return no_memory();
    for (size_t i = 0; i < n; i++) data[i] = (float)next_random(&state);
    orion_status status =
        orion_ane_tensor_write(tensor, ORION_IR_F32, data, n * sizeof *data, r->file.diag);
    free(data);
    return report(r->file.diag, status, port->name);
}

enum { SHAPE_MAX = 24 * ORION_IR_RANK_MAX };

/* As "[2, 3]". */
static const char *shape_text(const orion_ir_type *type, char out[SHAPE_MAX]) {
    size_t n = 1;
    out[0] = '[';
    for (uint32_t i = 0; i < type->rank; i++) {
        n += (size_t)snprintf(out + n, SHAPE_MAX - n - 1, "%s%" PRId64, i == 0 ? "" : ", ",
                              type->dims[i]);
    }
    memcpy(out + n, "]", 2);
    return out;
}

/* Axes of extent 1 in front do not count. */
static bool same_shape(const orion_ir_type *file, const orion_ir_type *port) {
    uint32_t i = file->rank, k = port->rank;
    while (i > 0 && k > 0 && file->dims[i - 1] == port->dims[k - 1]) i--, k--;
    while (i > 0 && file->dims[i - 1] == 1) i--;
    while (k > 0 && port->dims[k - 1] == 1) k--;
    return i == 0 && k == 0;
}

static int fill_array(run *r, const orion_ane_port *port, orion_ane_tensor *tensor,
                      const char *path, const npy_array *array) {
    char have[SHAPE_MAX], want[SHAPE_MAX];
    if (!same_shape(&array->type, &port->type)) {
        complain("%s has the shape %s, input '%s' has %s", path, shape_text(&array->type, have),
                 port->name, shape_text(&port->type, want));
        return EXIT_FAILED;
    }
    size_t bytes = orion_ir_type_bytes(&array->type);
    void *data = malloc(bytes);
    if (data == NULL) return no_memory();
    int code = EXIT_FAILED;
    if (npy_read(array, data)) {
        orion_ir_dtype dtype = (orion_ir_dtype)array->type.dtype;
        code = report(r->file.diag,
                      orion_ane_tensor_write(tensor, dtype, data, bytes, r->file.diag), path);
    } else {
        complain("%s: an element is beyond 32 bits", path);
    }
    free(data);
    return code;
}

static int fill_file(run *r, const orion_ane_port *port, orion_ane_tensor *tensor,
                     const char *path) {
    orion_blob *blob = NULL;
    npy_array array;
    int code = report(r->file.diag, orion_blob_map_file(path, NULL, r->file.diag, &blob), path);
    if (code != EXIT_DONE) return code;
    const char *wrong = npy_parse(orion_blob_data(blob), orion_blob_size(blob), &array);
    if (wrong != NULL) {
        complain("%s: %s", path, wrong);
        code = EXIT_FAILED;
    } else {
        code = fill_array(r, port, tensor, path, &array);
    }
    orion_blob_unref(&blob);
    return code;
}

static int fill_input(run *r, size_t i) {
    static const char random[] = "random:";
    orion_ane_port port = port_at(r, i);
    const char *value = input_value(r, port.name);
    if (value == NULL) {
        complain("run: give --input %s=FILE.npy, %s=zeros or %s=random:SEED", port.name, port.name,
                 port.name);
        return EXIT_USAGE;
    }
    if (strcmp(value, "zeros") == 0) return EXIT_DONE; /* as tensors are made */
    if (strncmp(value, random, strlen(random)) == 0) {
        return fill_random(r, &port, r->tensors[i], value + strlen(random));
    }
    return fill_file(r, &port, r->tensors[i], value);
}

/* Every --input names an input. */
static int check_names(const run *r) {
    for (size_t k = 0; k < r->inputs.count; k++) {
        const char *text = r->inputs.items[k], *equals = strchr(text, '=');
        bool found = false;
        for (size_t i = 0; i < r->ports && equals != NULL && !found; i++) {
            orion_ane_port port = port_at(r, i);
            size_t n = strlen(port.name);
            found = port.is_output == 0 && n == (size_t)(equals - text) &&
                    strncmp(port.name, text, n) == 0;
        }
        if (found) continue;
        complain(equals == NULL ? "run: --input wants NAME=VALUE, not '%s'"
                                : "run: --input %s: the program has no such input",
                 text);
        return EXIT_USAGE;
    }
    return EXIT_DONE;
}

/* ---- outputs ---- */

static void describe(const run *r, const orion_ane_port *port, const float *data, size_t n) {
    double least = INFINITY, greatest = -INFINITY, sum = 0;
    size_t finite = 0;
    char shape[SHAPE_MAX];
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(data[i])) continue;
        least = fmin(least, (double)data[i]);
        greatest = fmax(greatest, (double)data[i]);
        sum += (double)data[i];
        finite++;
    }
    double mean = finite == 0 ? NAN : sum / (double)finite;
    if (finite == 0) least = greatest = NAN;
    const char *dtype = orion_ir_dtype_name((orion_ir_dtype)port->type.dtype);
    shape_text(&port->type, shape);
    if (r->json) {
        record line = {.output = true};
        record_begin(&line, "output");
        record_text(&line, "name", port->name, strlen(port->name));
        record_text(&line, "dtype", dtype, strlen(dtype));
        record_text(&line, "shape", shape, strlen(shape));
        record_number(&line, "least", least, 9);
        record_number(&line, "greatest", greatest, 9);
        record_number(&line, "mean", mean, 9);
        record_count(&line, "not_finite", n - finite);
        (void)record_end(&line); /* closing the output says what failed */
        return;
    }
    printf("%-16s %s %s  least %g  greatest %g  mean %g  not finite %zu\n", port->name, dtype,
           shape, least, greatest, mean, n - finite);
}

static bool write_npy(const char *path, const orion_ir_type *type, const void *data, size_t bytes) {
    char header[NPY_HEADER_MAX];
    new_file file;
    if (!new_file_begin(&file, path)) return false;
    fwrite(header, 1, npy_header(type, header), file.stream);
    fwrite(data, 1, bytes, file.stream);
    return new_file_end(&file);
}

static int save(const run *r, const orion_ane_port *port, const orion_ir_type *type,
                const void *data, size_t bytes) {
    char name[300]; /* identifiers have at most 255 bytes */
    snprintf(name, sizeof name, "%s.npy", port->name);
    char *path = path_in(r->output, name);
    if (path == NULL) return EXIT_FAILED;
    int code = write_npy(path, type, data, bytes) ? EXIT_DONE : EXIT_FAILED;
    free(path);
    return code;
}

/* Integers, and bf16, which NumPy lacks, are described as floats. */
static void to_floats(const orion_ir_type *type, const void *data, size_t n, float *out) {
    for (size_t i = 0; i < n; i++) {
        switch (type->dtype) {
        case ORION_IR_I32: out[i] = (float)((const int32_t *)data)[i]; break;
        case ORION_IR_U16: out[i] = ((const uint16_t *)data)[i]; break;
        case ORION_IR_I8: out[i] = ((const int8_t *)data)[i]; break;
        default: out[i] = ((const uint8_t *)data)[i]; break;
        }
    }
}

static int show_output(run *r, size_t i) {
    orion_ane_port port = port_at(r, i);
    orion_ir_type type = port.type, wide = port.type;
    bool is_float =
        type.dtype == ORION_IR_F32 || type.dtype == ORION_IR_F16 || type.dtype == ORION_IR_BF16;
    if (type.dtype == ORION_IR_BF16) type.dtype = ORION_IR_F32;
    wide.dtype = ORION_IR_F32;
    size_t n = (size_t)orion_ir_type_elements(&type), bytes = orion_ir_type_bytes(&type);
    void *data = malloc(bytes);
    float *floats = malloc(n * sizeof *floats);
    int code = data == NULL || floats == NULL ? no_memory() : EXIT_DONE;
    orion_diag *diag = r->file.diag;
    if (code == EXIT_DONE) {
        orion_ir_dtype dtype = (orion_ir_dtype)type.dtype;
        orion_status status = orion_ane_tensor_read(r->tensors[i], dtype, data, bytes, diag);
        if (status == ORION_OK && is_float) {
            status = orion_ane_tensor_read(r->tensors[i], ORION_IR_F32, floats,
                                           orion_ir_type_bytes(&wide), diag);
        }
        code = report(diag, status, port.name);
    }
    if (code == EXIT_DONE) {
        if (!is_float) to_floats(&type, data, n, floats);
        describe(r, &port, floats, n);
        if (r->output != NULL) code = save(r, &port, &type, data, bytes);
    }
    free(data);
    free(floats);
    return code;
}

/* ---- the run ---- */

static int open_program(run *r, const char *path) {
    orion_diag *diag;
    int code = mil_file_open(&r->file, path);
    diag = r->file.diag;
    if (code == EXIT_DONE) code = report(diag, mil_file_weights(&r->file, r->folder), path);
    if (code != EXIT_DONE) return code;
    if (r->file.missing != NULL) {
        complain("%s: there is no weight file %s; say where with --weights DIR", path,
                 r->file.missing);
        return EXIT_FAILED;
    }
    orion_status status = find_device(r->device_name, r->threads, diag, &r->device);
    if (status != ORION_OK) {
        report(diag, status, r->device_name);
        return status == ORION_ERROR_NOT_FOUND ? EXIT_USAGE : EXIT_FAILED;
    }
    const orion_ane_source source = {.size = sizeof source,
                                     .text = orion_blob_data(r->file.text),
                                     .length = orion_blob_size(r->file.text),
                                     .name = path,
                                     .weights = r->file.weights,
                                     .function = mil_file_function(&r->file, r->function)};
    return report(diag, orion_ane_program_compile(r->device, &source, diag, &r->program), path);
}

/* A tensor for every port; an output that is an input under the same name shares its tensor. */
static int bind_ports(run *r) {
    orion_diag *diag = r->file.diag;
    r->ports = orion_ane_program_port_count(r->program);
    r->tensors = r->ports > PORTS_MAX ? NULL : calloc(r->ports + 1, sizeof(orion_ane_tensor *));
    if (r->tensors == NULL) return no_memory();
    orion_status status = orion_ane_run_create(r->program, &r->run);
    for (size_t i = 0; i < r->ports && status == ORION_OK; i++) {
        orion_ane_port port = port_at(r, i);
        size_t same = 0;
        while (same < i && strcmp(port_at(r, same).name, port.name) != 0) same++;
        if (same < i) {
            r->tensors[i] = orion_ane_tensor_ref(r->tensors[same]);
            continue;
        }
        status = orion_ane_tensor_create_for(r->program, port.name, diag, &r->tensors[i]);
        if (status == ORION_OK) {
            status = orion_ane_run_bind(r->run, port.name, r->tensors[i], diag);
        }
    }
    return report(diag, status, r->file.path);
}

static int execute(run *r) {
    int code = bind_ports(r);
    if (code == EXIT_DONE) code = check_names(r);
    for (size_t i = 0; i < r->ports && code == EXIT_DONE; i++) {
        if (port_at(r, i).is_output == 0) code = fill_input(r, i);
    }
    if (code == EXIT_DONE) {
        code = report(r->file.diag, orion_ane_run_execute(r->run, r->file.diag), r->file.path);
    }
    if (code == EXIT_DONE && r->output != NULL && !make_folder(r->output)) code = EXIT_FAILED;
    for (size_t i = 0; i < r->ports && code == EXIT_DONE; i++) {
        if (port_at(r, i).is_output != 0) code = show_output(r, i);
    }
    return code;
}

static void close_run(run *r) {
    orion_ane_run_destroy(&r->run);
    for (size_t i = 0; r->tensors != NULL && i < r->ports; i++) {
        orion_ane_tensor_unref(&r->tensors[i]);
    }
    free(r->tensors);
    orion_ane_program_unref(&r->program);
    orion_ane_device_unref(&r->device);
    mil_file_close(&r->file);
}

int cmd_run(int argc, char **argv) {
    run r = {.device_name = "auto", .threads = 1};
    const char *path = NULL;
    option_list list = {.command = &run_command};
    option_operand(&list, "FILE.mil", &path);
    option_texts(&list, "input", "NAME=VALUE", "FILE.npy, zeros or random:SEED; once per input",
                 &r.inputs);
    option_text(&list, "output", "DIR", "write every output to DIR/NAME.npy", &r.output);
    option_text(&list, "weights", "DIR", "where the weight files are [where FILE.mil is]",
                &r.folder);
    option_text(&list, "function", "NAME", "of several [main, or the only one]", &r.function);
    option_text(&list, "device", "NAME", "where to compute [auto]", &r.device_name);
    option_count(&list, "threads", "processor threads; never change a result [1]", &r.threads, 1,
                 256);
    option_flag(&list, "json", "print one JSON object per output", &r.json);

    parse_result parsed = parse_options(&list, argc, argv);
    if (parsed != PARSE_OK) return parsed == PARSE_HELP ? EXIT_DONE : EXIT_USAGE;
    int code = open_program(&r, path);
    if (code == EXIT_DONE) code = execute(&r);
    close_run(&r);
    return code;
}
