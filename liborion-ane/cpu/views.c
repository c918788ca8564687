/* SPDX-License-Identifier: MIT */
/*
 * The algebra of views: shapes and strides, without touching an element.
 *
 * Axes of extent 1 are never stepped along, so their strides mean nothing and are ignored by every
 * question asked here.
 */
#include "plan.h"

int64_t cpu_elements(uint32_t rank, const int64_t *dims) {
    int64_t n = 1;
    for (uint32_t i = 0; i < rank; i++) n *= dims[i];
    return n;
}

size_t cpu_dtype_bytes(uint32_t dtype) {
    return orion_ir_dtype_bytes((orion_ir_dtype)dtype);
}

void cpu_strides_in_order(uint32_t rank, const int64_t *dims, const uint32_t *order,
                          int64_t *strides) {
    int64_t step = 1;
    for (uint32_t i = rank; i-- > 0;) {
        uint32_t axis = order == NULL ? i : order[i];
        strides[axis] = step;
        step *= dims[axis];
    }
}

bool cpu_view_is_packed(const cpu_view *v) {
    int64_t step = 1;
    for (uint32_t i = v->rank; i-- > 0;) {
        if (v->dims[i] != 1 && v->strides[i] != step) return false;
        step *= v->dims[i];
    }
    return true;
}

bool cpu_view_is_dense(const cpu_view *v, uint32_t *order) {
    uint32_t left = (1u << v->rank) - 1; /* axes not placed yet */
    int64_t step = 1;
    for (uint32_t i = v->rank; i-- > 0;) {
        uint32_t axis = CPU_NONE; /* of the smallest stride; extents of 1 go outermost */
        for (uint32_t k = v->rank; k-- > 0;) {
            if ((left & 1u << k) == 0) continue;
            if (axis == CPU_NONE || (v->dims[axis] == 1 && v->dims[k] != 1) ||
                (v->dims[k] != 1 && v->strides[k] < v->strides[axis])) {
                axis = k;
            }
        }
        if (v->dims[axis] != 1 && v->strides[axis] != step) return false;
        step *= v->dims[axis];
        left &= ~(1u << axis);
        order[i] = axis;
    }
    return true;
}

cpu_view cpu_view_transpose(const cpu_view *v, const int64_t *perm) {
    cpu_view out = *v;
    for (uint32_t i = 0; i < v->rank; i++) {
        out.dims[i] = v->dims[perm[i]];
        out.strides[i] = v->strides[perm[i]];
    }
    return out;
}

cpu_view cpu_view_slice(const cpu_view *v, const int64_t *begin, const int64_t *end,
                        const int64_t *step) {
    cpu_view out = *v;
    for (uint32_t i = 0; i < v->rank; i++) {
        out.offset += begin[i] * v->strides[i] * (int64_t)cpu_dtype_bytes(v->dtype);
        out.strides[i] = v->strides[i] * step[i];
        out.dims[i] = (end[i] - begin[i] + step[i] - 1) / step[i];
    }
    return out;
}

cpu_view cpu_view_broadcast(const cpu_view *v, uint32_t rank, const int64_t *dims) {
    cpu_view out = *v;
    out.rank = rank;
    for (uint32_t i = 0; i < rank; i++) {
        bool mine = i + v->rank >= rank;
        uint32_t axis = mine ? i + v->rank - rank : 0;
        out.dims[i] = dims[i];
        out.strides[i] = mine && v->dims[axis] != 1 ? v->strides[axis] : 0;
    }
    return out;
}

bool cpu_view_joins(const cpu_view *v, uint32_t first, uint32_t last, int64_t *out_stride) {
    int64_t stride = 0, extent = 1;
    for (uint32_t i = last; i-- > first;) {
        if (v->dims[i] == 1) continue;
        if (extent == 1) {
            stride = v->strides[i];
        } else if (v->strides[i] != stride * extent) {
            return false;
        }
        extent *= v->dims[i];
    }
    *out_stride = stride;
    return true;
}

bool cpu_view_rows(const cpu_view *v, int64_t *out_stride) {
    if (v->rank == 0) {
        *out_stride = 1;
        return true;
    }
    uint32_t last = v->rank - 1;
    if (v->dims[last] != 1 && v->strides[last] != 1) return false;
    if (!cpu_view_joins(v, 0, last, out_stride)) return false;
    if (cpu_elements(last, v->dims) == 1) *out_stride = v->dims[last];
    return *out_stride >= v->dims[last];
}

/*
 * Walk both shapes from their last axis, always cutting the smaller of the two extents at hand out
 * of the larger, which must be a multiple of it.
 */
bool cpu_space_refine(uint32_t *rank, int64_t *space, uint32_t other_rank, const int64_t *other) {
    int64_t out[CPU_RANK_MAX];
    uint32_t n = 0, i = *rank, k = other_rank;
    int64_t a = 1, b = 1; /* what is left of the axes at hand */
    for (;;) {
        while (a == 1 && i > 0) a = space[--i];
        while (b == 1 && k > 0) b = other[--k];
        if (a == 1 && b == 1) break;
        int64_t cut = ORN_MIN(a, b);
        if (cut == 1 || a % cut != 0 || b % cut != 0 || n == CPU_RANK_MAX) return false;
        out[n++] = cut;
        a /= cut;
        b /= cut;
    }
    *rank = n;
    for (uint32_t r = 0; r < n; r++) space[r] = out[n - 1 - r];
    return true;
}

void cpu_strides_refine(uint32_t rank, const int64_t *dims, const int64_t *strides,
                        uint32_t space_rank, const int64_t *space, int64_t *out) {
    uint32_t i = rank;
    int64_t left = 1, stride = 0;
    for (uint32_t r = space_rank; r-- > 0;) {
        if (space[r] == 1) {
            out[r] = 0;
            continue;
        }
        while (left == 1 && i > 0) {
            left = dims[--i];
            stride = strides[i];
        }
        out[r] = stride;
        stride *= space[r];
        left /= space[r];
    }
}

bool cpu_view_reshape(const cpu_view *v, uint32_t rank, const int64_t *dims, cpu_view *out) {
    uint32_t fine_rank = v->rank;
    int64_t fine[CPU_RANK_MAX], strides[CPU_RANK_MAX];
    memcpy(fine, v->dims, sizeof fine);
    cpu_view made = *v;
    made.rank = rank;
    memset(made.dims, 0, sizeof made.dims);
    memset(made.strides, 0, sizeof made.strides);
    memcpy(made.dims, dims, rank * sizeof *dims);
    if (!cpu_space_refine(&fine_rank, fine, rank, dims)) {
        if (!cpu_view_is_packed(v)) return false;
        cpu_strides_in_order(rank, dims, NULL, made.strides);
        *out = made;
        return true;
    }
    cpu_strides_refine(v->rank, v->dims, v->strides, fine_rank, fine, strides);
    cpu_view split = {.rank = fine_rank};
    memcpy(split.dims, fine, sizeof fine);
    memcpy(split.strides, strides, sizeof strides);
    uint32_t end = fine_rank;
    for (uint32_t i = rank; i-- > 0;) { /* join the pieces that make up each new axis */
        uint32_t begin = end;
        int64_t extent = 1;
        while (extent != dims[i]) extent *= fine[--begin];
        if (!cpu_view_joins(&split, begin, end, &made.strides[i])) return false;
        end = begin;
    }
    *out = made;
    return true;
}
