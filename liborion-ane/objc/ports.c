/* SPDX-License-Identifier: MIT */
/*
 * Layout and order of ports, from the loaded model's attributes.
 *
 * Requests do not name what they bind: surface i belongs to symbol i, and the order of symbols is
 * the compiler's. The attributes list the symbols; where they do not, order.c finds out.
 */
#include "objc.h"

/* ---- layout ---- */

/* An axis of the device, innermost first: its extent and the bytes between its elements. */
typedef struct axis {
    int64_t extent, stride;
} axis;

enum { WIDTH, HEIGHT, CHANNELS, BATCHES, AXES };

/*
 * The program's axes are the device's, cut differently: both count the same elements in the same
 * order, but one may have axes of extent 1 that the other lacks, and may have several where the
 * other has their product. Walking both from the innermost axis, each axis of the program takes its
 * part of the device's.
 */
static bool match_axes(orion_ane_port *port, axis axes[AXES]) {
    size_t at = WIDTH;
    for (uint32_t i = port->type.rank; i-- > 0;) {
        int64_t extent = port->type.dims[i];
        bool used_up = axes[at].extent == 1 && i + 1 < port->type.rank;
        if (used_up && at + 1 < AXES) at++;
        while (extent > 1 && axes[at].extent == 1 && at + 1 < AXES) at++;
        if (axes[at].extent % extent != 0) return false;
        port->strides[i] = axes[at].stride;
        axes[at].extent /= extent;
        axes[at].stride *= extent;
    }
    while (at + 1 < AXES && axes[at].extent == 1) at++;
    return at + 1 == AXES && axes[at].extent == 1;
}

static orion_status bad_layout(const orion_ane_port *port, orion_diag *diag) {
    ORN_ERROR(diag, ANE_LAYOUT, port->name,
              "the attributes of the compiled program do not fit the type of port '%s'",
              port->name);
    return ORION_ERROR_DEVICE;
}

static bool attribute(const objc_system *s, objc_id entry, const char *key, int64_t *out) {
    uint64_t n;
    if (!objc_number_of(s, objc_value_of(s, entry, key), &n)) return false;
    if (n == 0 || n > (uint64_t)1 << 48) return false;
    *out = (int64_t)n;
    return true;
}

/* Without attributes: rows of 64 bytes, which is what all chips are said to have. */
static void assume_axes(const orion_ane_port *port, int64_t element, axis axes[AXES]) {
    enum { ROW = 64 };
    const orion_ir_type *t = &port->type;
    for (int k = 0; k < AXES; k++) axes[k] = (axis){.extent = 1};
    for (uint32_t k = 0; k < t->rank; k++) {
        axes[ORN_MIN(k, (uint32_t)BATCHES)].extent *= t->dims[t->rank - 1 - k];
    }
    axes[WIDTH].stride = element;
    axes[HEIGHT].stride = (axes[WIDTH].extent * element + ROW - 1) / ROW * ROW;
    axes[CHANNELS].stride = axes[HEIGHT].stride * axes[HEIGHT].extent;
    axes[BATCHES].stride = axes[CHANNELS].stride * axes[CHANNELS].extent;
}

static bool read_axes(const objc_system *s, objc_id entry, int64_t element, axis axes[AXES]) {
    axes[WIDTH].stride = element;
    if (!attribute(s, entry, "Width", &axes[WIDTH].extent) ||
        !attribute(s, entry, "Height", &axes[HEIGHT].extent) ||
        !attribute(s, entry, "Channels", &axes[CHANNELS].extent) ||
        !attribute(s, entry, "RowStride", &axes[HEIGHT].stride) ||
        !attribute(s, entry, "PlaneStride", &axes[CHANNELS].stride)) {
        return false;
    }
    if (!attribute(s, entry, "Batches", &axes[BATCHES].extent)) axes[BATCHES].extent = 1;
    if (!attribute(s, entry, "BatchStride", &axes[BATCHES].stride)) {
        axes[BATCHES].stride = axes[CHANNELS].stride * axes[CHANNELS].extent;
    }
    return true;
}

static orion_status lay_out(const objc_system *s, objc_id entry, orion_ane_port *port,
                            orion_diag *diag) {
    int64_t element = (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)port->type.dtype);
    axis axes[AXES];
    if (entry == NULL) {
        assume_axes(port, element, axes);
    } else if (!read_axes(s, entry, element, axes)) {
        return bad_layout(port, diag);
    }
    int64_t bytes;
    if (__builtin_mul_overflow(axes[BATCHES].stride, axes[BATCHES].extent, &bytes)) {
        return bad_layout(port, diag);
    }
    if (!match_axes(port, axes)) return bad_layout(port, diag);
    port->bytes = (size_t)bytes;
    return ORION_OK;
}

/* ---- names of symbols ---- */

/* "y" is also written "y@output". */
static bool names_symbol(const char *written, const char *symbol) {
    size_t n = strlen(symbol);
    return strncmp(written, symbol, n) == 0 && (written[n] == '\0' || written[n] == '@');
}

/* The entry for a port in LiveInputList or LiveOutputList, or NULL. */
static objc_id find_entry(const objc_system *s, objc_id list, const char *symbol) {
    for (size_t i = 0; i < objc_count_of(s, list); i++) {
        objc_id entry = objc_item_of(s, list, i);
        if (names_symbol(objc_text_of(s, objc_value_of(s, entry, "Name")), symbol) ||
            names_symbol(objc_text_of(s, objc_value_of(s, entry, "Symbol")), symbol)) {
            return entry;
        }
    }
    return NULL;
}

/* The entry of a list that has this number under that key. */
static objc_id find_numbered(const objc_system *s, objc_id list, const char *key, uint64_t n) {
    for (size_t i = 0; i < objc_count_of(s, list); i++) {
        uint64_t have;
        objc_id entry = objc_item_of(s, list, i);
        if (objc_number_of(s, objc_value_of(s, entry, key), &have) && have == n) return entry;
    }
    return NULL;
}

/* Index of a symbol among those of the procedure (`allowed`; NULL: all). */
static bool find_symbol(const objc_system *s, objc_id symbols, objc_id allowed, const char *symbol,
                        uint32_t *out_index) {
    size_t count = allowed == NULL ? objc_count_of(s, symbols) : objc_count_of(s, allowed);
    for (size_t i = 0; i < count; i++) {
        uint64_t k = i;
        if (allowed != NULL && !objc_number_of(s, objc_item_of(s, allowed, i), &k)) return false;
        if (k > UINT32_MAX) return false;
        if (!names_symbol(objc_text_of(s, objc_item_of(s, symbols, (size_t)k)), symbol)) continue;
        *out_index = (uint32_t)k;
        return true;
    }
    return false;
}

/* By name, byte by byte: what has been seen wherever symbols were listed. */
static uint32_t alphabetical_index(const objc_code *code, size_t port) {
    const ane_code *c = &code->code;
    size_t first = port < c->input_count ? 0 : c->input_count;
    size_t end = port < c->input_count ? c->input_count : c->port_count;
    uint32_t before = 0;
    for (size_t i = first; i < end; i++) {
        before += strcmp(code->symbols.names[i], code->symbols.names[port]) < 0;
    }
    return before;
}

static uint32_t declared_index(const objc_code *code, size_t port) {
    size_t first = port < code->code.input_count ? 0 : code->code.input_count;
    return (uint32_t)(port - first);
}

/* Are there ports whose order is not told and matters? */
static bool must_guess(const objc_code *code, objc_id inputs, objc_id outputs) {
    size_t in = code->code.input_count, out = code->code.port_count - in;
    return !code->probe && ((inputs == NULL && in > 1) || (outputs == NULL && out > 1));
}

static orion_status order(objc_code *code, objc_id description, orion_diag *diag) {
    const objc_system *s = &code->device->system;
    bool guessed[2] = {false, false};
    static const char *const arrays[] = {"kANEFModelInputSymbolsArrayKey",
                                         "kANEFModelOutputSymbolsArrayKey"};
    static const char *const index_arrays[] = {"ANEFModelInputSymbolIndexArray",
                                               "ANEFModelOutputSymbolIndexArray"};
    if (must_guess(code, objc_value_of(s, description, arrays[0]),
                   objc_value_of(s, description, arrays[1]))) {
        TRY(objc_order_find(code->device, diag, guessed));
    }
    objc_id procedure = find_numbered(s, objc_value_of(s, description, "ANEFModelProcedures"),
                                      "ANEFModelProcedureID", code->symbols.procedure);
    for (size_t i = 0; i < code->code.port_count; i++) {
        uint32_t side = code->code.ports[i].is_output;
        objc_id symbols = objc_value_of(s, description, arrays[side]);
        objc_id allowed = objc_value_of(s, procedure, index_arrays[side]);
        if (symbols == NULL) {
            code->indices[i] =
                guessed[side] ? declared_index(code, i) : alphabetical_index(code, i);
        } else if (!find_symbol(s, symbols, allowed, code->symbols.names[i], &code->indices[i])) {
            ORN_ERROR(diag, ANE_LAYOUT, code->symbols.names[i],
                      "the compiled program does not list the symbol '%s'", code->symbols.names[i]);
            return ORION_ERROR_DEVICE;
        }
    }
    return ORION_OK;
}

orion_status objc_ports_lay_out(objc_code *code, const char *function, orion_diag *diag) {
    const objc_system *s = &code->device->system;
    objc_id attributes = NULL;
    code->indices =
        orn_zalloc(&code->device->allocator, code->code.port_count * sizeof *code->indices);
    if (code->indices == NULL) return ORION_ERROR_NO_MEMORY;
    if (s->selectors[OBJC_SEND_model_attributes] != NULL) {
        attributes = OBJC_CALL(s, model_attributes, code->model, objc_id, (objc_id, objc_sel));
    }
    objc_id description = objc_value_of(s, attributes, "ANEFModelDescription");
    uint64_t id;
    objc_id ids = objc_value_of(s, description, "kANEFModelProcedureNameToIDMapKey");
    if (objc_number_of(s, objc_value_of(s, ids, function), &id) && id <= UINT32_MAX) {
        code->symbols.procedure = (uint32_t)id;
    }
    objc_id lists =
        objc_item_of(s, objc_value_of(s, attributes, "NetworkStatusList"), code->symbols.procedure);
    objc_id inputs = objc_value_of(s, lists, "LiveInputList");
    objc_id outputs = objc_value_of(s, lists, "LiveOutputList");
    for (size_t i = 0; i < code->code.port_count; i++) {
        orion_ane_port *port = &code->code.ports[i];
        objc_id list = port->is_output ? outputs : inputs;
        objc_id entry = find_entry(s, list, code->symbols.names[i]);
        if (entry == NULL && objc_count_of(s, list) > 0) return bad_layout(port, diag);
        TRY(lay_out(s, entry, port, diag));
    }
    return order(code, description, diag);
}
