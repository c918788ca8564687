/* SPDX-License-Identifier: MIT */
/* Tensors: a type, strides and memory that programs can share; locking, writing and reading. */
#include "ane-internal.h"

void ane_packed_strides(const orion_ir_type *type, int64_t strides[ORION_IR_RANK_MAX]) {
    memset(strides, 0, ORION_IR_RANK_MAX * sizeof *strides);
    int64_t step = (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)type->dtype);
    for (uint32_t i = type->rank; i-- > 0; step *= type->dims[i]) strides[i] = step;
}

static orion_status refuse(orion_diag *diag, uint32_t axis, int64_t stride, const char *why) {
    ORN_ERROR(diag, ANE_TENSOR, "strides", "stride %lld of axis %u %s", (long long)stride, axis,
              why);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/*
 * No two elements may share a byte. Taking the axes from the smallest stride up, each stride must
 * step over all that the axes before it cover; axes of extent 1 do not count. Fills the bytes from
 * the first element to the end of the last.
 */
static orion_status check_strides(const orion_ir_type *type, const int64_t *strides,
                                  orion_diag *diag, size_t *out_bytes) {
    int64_t element = (int64_t)orion_ir_dtype_bytes((orion_ir_dtype)type->dtype);
    int64_t covered = element;
    bool taken[ORION_IR_RANK_MAX] = {false};
    for (uint32_t n = 0; n < type->rank; n++) {
        uint32_t axis = ORION_IR_RANK_MAX;
        for (uint32_t i = 0; i < type->rank; i++) {
            if (!taken[i] && (axis == ORION_IR_RANK_MAX || strides[i] < strides[axis])) axis = i;
        }
        taken[axis] = true;
        int64_t stride = strides[axis], span;
        if (stride % element != 0) {
            return refuse(diag, axis, stride, "is no multiple of the element size");
        }
        if (type->dims[axis] == 1) continue;
        if (stride < covered) return refuse(diag, axis, stride, "makes elements overlap");
        if (__builtin_mul_overflow(stride, type->dims[axis] - 1, &span) ||
            __builtin_add_overflow(covered, span, &covered) || covered >= (int64_t)1 << 48) {
            return refuse(diag, axis, stride, "makes the tensor larger than 2^48 bytes");
        }
    }
    *out_bytes = (size_t)covered;
    return ORION_OK;
}

/* A device may touch all of every row and plane, not only up to the last element. */
static size_t whole_rows(const orion_ir_type *type, const int64_t *strides, size_t bytes) {
    enum { ROW_ALIGNMENT = 64 };
    for (uint32_t i = 0; i < type->rank; i++) {
        if (type->dims[i] > 1) bytes = ORN_MAX(bytes, (size_t)(strides[i] * type->dims[i]));
    }
    return (bytes + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
}

orion_status orion_ane_tensor_create(orion_ane_device *device, const orion_ir_type *type,
                                     const int64_t *strides, orion_diag *diag,
                                     orion_ane_tensor **out_tensor) {
    *out_tensor = NULL;
    if (orion_ir_type_bytes(type) == 0) {
        ORN_ERROR(diag, ANE_TENSOR, "type", "a tensor of dtype %s and rank %u cannot be made",
                  orion_ir_dtype_name((orion_ir_dtype)type->dtype), type->rank);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    int64_t packed[ORION_IR_RANK_MAX];
    ane_packed_strides(type, packed);
    if (strides == NULL) strides = packed;
    size_t bytes;
    TRY(check_strides(type, strides, diag, &bytes));

    const orion_allocator *a = &device->host.allocator;
    orion_ane_tensor *t = orn_zalloc(a, sizeof *t);
    if (t == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ane_memory_create(device, whole_rows(type, strides, bytes), &t->memory);
    if (status != ORION_OK) {
        orn_free(a, t, sizeof *t);
        return status;
    }
    t->device = orion_ane_device_ref(device);
    t->type = *type;
    memcpy(t->strides, strides, type->rank * sizeof *strides);
    t->bytes = bytes;
    atomic_init(&t->refs, 1);
    *out_tensor = t;
    return ORION_OK;
}

orion_status orion_ane_tensor_create_for(const orion_ane_program *program, const char *port,
                                         orion_diag *diag, orion_ane_tensor **out_tensor) {
    *out_tensor = NULL;
    size_t i;
    TRY(ane_program_port_index(program, port, diag, &i));
    const orion_ane_port *p = &program->entry->code->ports[i];
    return orion_ane_tensor_create(program->device, &p->type, p->strides, diag, out_tensor);
}

orion_ane_tensor *orion_ane_tensor_ref(orion_ane_tensor *tensor) {
    atomic_fetch_add_explicit(&tensor->refs, 1, memory_order_relaxed);
    return tensor;
}

void orion_ane_tensor_unref(orion_ane_tensor **tensor) {
    if (tensor == NULL || *tensor == NULL) return;
    orion_ane_tensor *t = *tensor;
    *tensor = NULL;
    if (atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
    orion_ane_device *device = t->device;
    ane_memory_destroy(device, &t->memory);
    orn_free(&device->host.allocator, t, sizeof *t);
    orion_ane_device_unref(&device);
}

orion_ir_type orion_ane_tensor_type(const orion_ane_tensor *tensor) {
    return tensor->type;
}

const int64_t *orion_ane_tensor_strides(const orion_ane_tensor *tensor) {
    return tensor->strides;
}

size_t orion_ane_tensor_bytes(const orion_ane_tensor *tensor) {
    return tensor->bytes;
}

orion_status orion_ane_tensor_lock(orion_ane_tensor *tensor, uint32_t access, void **out_data) {
    *out_data = NULL;
    if (tensor->locked != 0) return ORION_ERROR_INVALID_STATE;
    if (access == 0 || (access & ~(uint32_t)(ORION_ANE_READ | ORION_ANE_WRITE)) != 0) {
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    TRY(ane_memory_begin(&tensor->memory, access));
    tensor->locked = access;
    *out_data = tensor->memory.data;
    return ORION_OK;
}

void orion_ane_tensor_unlock(orion_ane_tensor *tensor) {
    if (tensor->locked == 0) return;
    ane_memory_end(&tensor->memory, tensor->locked);
    tensor->locked = 0;
}

/* Lock the tensor for a transfer of `bytes` packed bytes of `dtype`. */
static orion_status begin_transfer(orion_ane_tensor *t, orion_ir_dtype dtype, size_t bytes,
                                   uint32_t access, orion_diag *diag, void **out_data) {
    const char *mine = orion_ir_dtype_name((orion_ir_dtype)t->type.dtype);
    if (!ane_converts(dtype, t->type.dtype)) {
        ORN_ERROR(diag, ANE_TRANSFER, mine, "%s does not convert to or from a tensor of %s",
                  orion_ir_dtype_name(dtype), mine);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    size_t elements = (size_t)orion_ir_type_elements(&t->type);
    if (bytes != elements * orion_ir_dtype_bytes(dtype)) { /* < 2^48 elements of at most 4 bytes */
        ORN_ERROR(diag, ANE_TRANSFER, mine, "%zu bytes given, %zu elements of %s have %zu", bytes,
                  elements, orion_ir_dtype_name(dtype), elements * orion_ir_dtype_bytes(dtype));
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    orion_status status = orion_ane_tensor_lock(t, access, out_data);
    if (status != ORION_OK) {
        ORN_ERROR(diag, ANE_STATE, mine, "the tensor is locked, or its memory cannot be");
    }
    return status;
}

/* The caller's packed side of a transfer. */
static ane_region packed_region(const orion_ir_type *type, orion_ir_dtype dtype, void *data,
                                int64_t strides[ORION_IR_RANK_MAX]) {
    orion_ir_type packed = *type;
    packed.dtype = dtype;
    ane_packed_strides(&packed, strides);
    return (ane_region){.data = data, .strides = strides, .dtype = dtype};
}

orion_status orion_ane_tensor_write(orion_ane_tensor *tensor, orion_ir_dtype dtype,
                                    const void *data, size_t bytes, orion_diag *diag) {
    int64_t strides[ORION_IR_RANK_MAX];
    ane_region from = packed_region(&tensor->type, dtype, (void *)(uintptr_t)data, strides);
    ane_region to = {.strides = tensor->strides,
                     .dtype = tensor->type.dtype,
                     .saturates = tensor->device->host.saturate};
    TRY(begin_transfer(tensor, dtype, bytes, ORION_ANE_WRITE, diag, &to.data));
    ane_convert(tensor->type.rank, tensor->type.dims, &to, &from);
    orion_ane_tensor_unlock(tensor);
    return ORION_OK;
}

orion_status orion_ane_tensor_read(orion_ane_tensor *tensor, orion_ir_dtype dtype, void *data,
                                   size_t bytes, orion_diag *diag) {
    int64_t strides[ORION_IR_RANK_MAX];
    ane_region to = packed_region(&tensor->type, dtype, data, strides);
    ane_region from = {.strides = tensor->strides, .dtype = tensor->type.dtype};
    TRY(begin_transfer(tensor, dtype, bytes, ORION_ANE_READ, diag, &from.data));
    ane_convert(tensor->type.rank, tensor->type.dims, &to, &from);
    orion_ane_tensor_unlock(tensor);
    return ORION_OK;
}
