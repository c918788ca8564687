/* SPDX-License-Identifier: MIT */
/* What tests of devices share: opening one, running a graph on it, comparing with the reference. */
#include "ane-support.h"

orion_ane_device *ane_open(orion_ane_backend backend, uint32_t threads) {
    orion_ane_device *device;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    const orion_ane_device_options *options =
        orion_ane_device_options(.backend = (uint32_t)backend, .threads = threads,
                                 .framework = backend == ORION_ANE_BACKEND_CPU
                                                  ? NULL
                                                  : getenv("ORION_TEST_EMULATOR"));
    assert_ok(orion_ane_device_open(options, diag, &device), diag);
    orion_diag_destroy(&diag);
    return device;
}

orion_ane_program *ane_compile(orion_ane_device *device, const orion_ir_graph *graph) {
    orion_ane_program *program;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    assert_ok(orion_ane_program_compile_graph(device, graph, diag, &program), diag);
    orion_diag_destroy(&diag);
    return program;
}

ane_bound ane_bind(orion_ane_program *program, bool share) {
    ane_bound b = {.program = program, .count = orion_ane_program_port_count(program)};
    assert_true(b.count <= ORN_COUNT(b.tensors));
    assert_int_equal(orion_ane_run_create(program, &b.run), ORION_OK);
    for (size_t i = 0; i < b.count; i++) {
        orion_ane_port port = {.size = sizeof port};
        assert_int_equal(orion_ane_program_port(program, i, &port), ORION_OK);
        if (!port.is_output) b.inputs++;
        if (share && port.alias != 0) {
            b.tensors[i] = orion_ane_tensor_ref(b.tensors[port.alias - 1]);
        } else {
            assert_int_equal(orion_ane_tensor_create_for(program, port.name, NULL, &b.tensors[i]),
                             ORION_OK);
        }
        assert_int_equal(orion_ane_run_bind(b.run, port.name, b.tensors[i], NULL), ORION_OK);
    }
    return b;
}

void ane_bound_free(ane_bound *b) {
    for (size_t i = 0; i < b->count; i++) orion_ane_tensor_unref(&b->tensors[i]);
    orion_ane_run_destroy(&b->run);
    orion_ane_program_unref(&b->program);
}

void ane_write(const ane_bound *b, size_t port, const double *data) {
    orion_ir_type type = orion_ane_tensor_type(b->tensors[port]);
    size_t n = (size_t)orion_ir_type_elements(&type), bytes = orion_ir_type_bytes(&type);
    void *packed = malloc(bytes);
    for (size_t i = 0; i < n; i++) ir_store((orion_ir_dtype)type.dtype, packed, i, data[i]);
    assert_int_equal(
        orion_ane_tensor_write(b->tensors[port], (orion_ir_dtype)type.dtype, packed, bytes, NULL),
        ORION_OK);
    free(packed);
}

void ane_read(const ane_bound *b, size_t port, double *data) {
    orion_ir_type type = orion_ane_tensor_type(b->tensors[port]);
    size_t n = (size_t)orion_ir_type_elements(&type), bytes = orion_ir_type_bytes(&type);
    void *packed = malloc(bytes);
    assert_int_equal(
        orion_ane_tensor_read(b->tensors[port], (orion_ir_dtype)type.dtype, packed, bytes, NULL),
        ORION_OK);
    for (size_t i = 0; i < n; i++) data[i] = ir_load((orion_ir_dtype)type.dtype, packed, i);
    free(packed);
}

op_buffers ane_eval(orion_ane_device *device, const orion_ir_graph *graph, const op_buffers *in) {
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    ane_bound b = ane_bind(ane_compile(device, graph), false);
    op_buffers out = op_outputs_of(graph);
    for (size_t i = 0; i < b.inputs; i++) ane_write(&b, i, in->data[i]);
    assert_ok(orion_ane_run_execute(b.run, diag), diag);
    for (size_t i = 0; i < out.count; i++) ane_read(&b, b.inputs + i, out.data[i]);
    ane_bound_free(&b);
    orion_diag_destroy(&diag);
    return out;
}

ane_tolerance ane_tolerance_of(uint32_t dtype) {
    switch (dtype) {
    case ORION_IR_F32: return (ane_tolerance){1e-6, 1e-5};
    case ORION_IR_F16: return (ane_tolerance){2e-3, 2e-3};
    case ORION_IR_BF16: return (ane_tolerance){1.6e-2, 1.6e-2};
    default: return (ane_tolerance){0, 0};
    }
}
