/* SPDX-License-Identifier: MIT */
/* Ports as the text declares them, laid out as the device lays tensors out. */
#include "e5rt.h"

enum { ROW_ALIGNMENT = 64 };

static void lay_out(orion_ane_port *port, e5_layout layout) {
    ane_packed_strides(&port->type, port->strides);
    uint32_t rank = port->type.rank;
    if (layout == E5_LAYOUT_ROWS && rank >= 2) {
        int64_t row = port->strides[rank - 2];
        row = (row + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
        for (uint32_t i = rank - 1; i-- > 0; row *= port->type.dims[i]) port->strides[i] = row;
    }
    int64_t bytes = (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)port->type.dtype);
    for (uint32_t i = 0; i < rank; i++) {
        bytes = ORN_MAX(bytes, port->strides[i] * port->type.dims[i]);
    }
    if (layout == E5_LAYOUT_ROWS)
        bytes = (bytes + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
    port->bytes = (size_t)bytes;
}

void e5_ports_lay_out(ane_code *code, e5_layout layout) {
    for (size_t i = 0; i < code->port_count; i++) lay_out(&code->ports[i], layout);
}
