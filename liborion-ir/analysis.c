/* SPDX-License-Identifier: MIT */
/* Facts about a graph that several passes want. */
#include "ir-internal.h"

uint32_t *ir_use_counts(const orion_ir_graph *g, const orion_allocator *a) {
    orion_allocator allocator = orn_allocator(a);
    uint32_t *uses = orn_zalloc(&allocator, g->value_count * sizeof *uses);
    if (uses == NULL) return NULL;
    ir_foreach_node (g, n) {
        for (uint32_t i = 0; i < n->n_in; i++) uses[n->in[i]]++;
    }
    for (size_t i = 0; i < g->output_count; i++) uses[g->outputs[i].value]++;
    return uses;
}

bool ir_same_attributes(const orion_ir_node *a, const orion_ir_node *b) {
    const ir_op *op = ir_op_get(a->op);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        if (!ir_attr_equal(ir_op_attrs(op)[i].kind, &a->attrs[i], &b->attrs[i])) return false;
    }
    return true;
}

static uint64_t hash_attribute(uint32_t kind, const ir_attr *attr, uint64_t seed) {
    if (kind == ORION_IR_ATTR_FLOAT) return orn_hash_bytes(&attr->f, sizeof attr->f, seed);
    if (kind != ORION_IR_ATTR_INTS) return orn_hash_bytes(&attr->i, sizeof attr->i, seed);
    return orn_hash_bytes(attr->ints, attr->count * sizeof *attr->ints, seed);
}

uint64_t ir_hash_attributes(const orion_ir_node *n, uint64_t seed) {
    const ir_op *op = ir_op_get(n->op);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        seed = hash_attribute(ir_op_attrs(op)[i].kind, &n->attrs[i], seed);
    }
    return seed;
}

static const void *data_of(const orion_ir_node *n) {
    return (const char *)orion_blob_data(n->blob) + n->offset;
}

bool ir_same_constant(const orion_ir_graph *ga, const orion_ir_node *a, const orion_ir_graph *gb,
                      const orion_ir_node *b) {
    if (!orion_ir_type_equal(&ir_val(ga, a->out)->type, &ir_val(gb, b->out)->type)) return false;
    if (a->blob == b->blob && a->offset == b->offset) return true;
    return memcmp(data_of(a), data_of(b), a->bytes) == 0;
}

uint64_t ir_hash_constant(const orion_ir_graph *g, const orion_ir_node *n, uint64_t seed) {
    uint64_t h = orn_hash_bytes(&ir_val(g, n->out)->type, sizeof(orion_ir_type), seed);
    return orn_hash_bytes(data_of(n), n->bytes, h);
}
