/* SPDX-License-Identifier: MIT */
/*
 * Matrix products: matmul and linear.
 *
 * Both become one gemm on views: a transpose is a flag, a slice is a distance between rows, heads
 * inside of rows are batch strides, and only an operand with gaps in both directions is copied
 * first. Three things make products cheaper:
 *
 *  - An add whose other operand dies there is the product's `accumulate` into that operand. So a
 *    product whose only user is an add is deferred until the add is visited.
 *  - A constant right operand is packed once, when there is more than one row to multiply. With one
 *    row a product is a walk over the weights, which is fastest over the weights as they are.
 *  - Products of one row with small weights cost little more than their call: those that read the
 *    same vector (query, key and value; gate and up) are made one product.
 */
#include "plan.h"

enum { MERGE_BYTES = 1 << 20, MERGE_MAX = 16 };

/* A product, ready to be emitted once the place of its result is known. */
typedef struct product {
    cpu_gemm gemm;
    cpu_view a, b, bias;
} product;

/* The last two axes as a matrix that gemm can read. */
static bool is_matrix(const cpu_view *v, int64_t *ld, bool *transposed) {
    int64_t rows = v->dims[v->rank - 2], columns = v->dims[v->rank - 1];
    int64_t down = v->strides[v->rank - 2], across = v->strides[v->rank - 1];
    *transposed = false;
    *ld = rows == 1 ? columns : down;
    if ((columns == 1 || across == 1) && *ld >= columns) return true;
    *transposed = true;
    *ld = columns == 1 ? rows : across;
    return (rows == 1 || down == 1) && *ld >= rows;
}

static void swap_last(cpu_view *v) {
    int64_t perm[CPU_RANK_MAX];
    for (uint32_t i = 0; i < v->rank; i++) perm[i] = i;
    perm[v->rank - 1] = (int64_t)v->rank - 2;
    perm[v->rank - 2] = (int64_t)v->rank - 1;
    *v = cpu_view_transpose(v, perm);
}

/* A vector as a matrix of one row. */
static void as_rows(cpu_view *v) {
    if (v->rank >= 2) return;
    int64_t dims[2] = {1, v->dims[0]};
    *v = cpu_view_broadcast(v, 2, dims);
}

/* An operand as f32 [..., rows, columns], its last axes swapped if the node says so. */
static orion_status read_matrix(cpu_planner *p, uint32_t value, bool swap, cpu_view *out,
                                int64_t *ld, bool *transposed) {
    TRY(cpu_need_f32(p, value, out));
    as_rows(out);
    if (swap) swap_last(out);
    if (is_matrix(out, ld, transposed)) return ORION_OK;
    TRY(cpu_need_packed(p, value, out));
    as_rows(out);
    if (swap) swap_last(out);
    is_matrix(out, ld, transposed);
    return ORION_OK;
}

/* Broadcast the batch axes of a matrix to those of the result. */
static void spread_batch(cpu_view *v, const cpu_view *result) {
    int64_t dims[CPU_RANK_MAX];
    int64_t down = v->strides[v->rank - 2], across = v->strides[v->rank - 1];
    uint32_t rank = result->rank;
    memcpy(dims, result->dims, sizeof dims);
    dims[rank - 2] = v->dims[v->rank - 2];
    dims[rank - 1] = v->dims[v->rank - 1];
    *v = cpu_view_broadcast(v, rank, dims);
    v->strides[rank - 2] = down; /* also of extents of 1 */
    v->strides[rank - 1] = across;
}

/* What a node multiplies. linear is matmul with its weight transposed; x may be a vector. */
static orion_status read_product(cpu_planner *p, const cpu_node *n, product *out) {
    memset(out, 0, sizeof *out);
    bool linear = n->op == ORION_IR_OP_linear;
    bool swap_a = !linear && orion_ir_node_int(n->ir, "transpose_x") != 0;
    bool swap_b = linear || orion_ir_node_int(n->ir, "transpose_y") != 0;
    cpu_gemm *g = &out->gemm;
    TRY(read_matrix(p, cpu_input(p, n, 0), swap_a, &out->a, &g->lda, &g->trans_a));
    TRY(read_matrix(p, cpu_input(p, n, 1), swap_b, &out->b, &g->ldb, &g->trans_b));
    if (n->input_count == 3) {
        g->has_bias = true;
        TRY(cpu_need_packed(p, cpu_input(p, n, 2), &out->bias));
    }
    cpu_view result = {.rank = cpu_val(p, n->result)->type.rank};
    memcpy(result.dims, cpu_val(p, n->result)->type.dims, sizeof result.dims);
    as_rows(&result);
    g->m = result.dims[result.rank - 2];
    g->n = result.dims[result.rank - 1];
    g->k = out->a.dims[out->a.rank - 1];
    spread_batch(&out->a, &result);
    spread_batch(&out->b, &result);
    return ORION_OK;
}

/* ---- constants ---- */

/* Pack b, or find it packed. */
static orion_status pack(cpu_planner *p, product *x) {
    cpu_gemm *g = &x->gemm;
    const float *data = cpu_constant_data(p, &x->b);
    const cpu_kernels *kernels = p->device->kernels;
    size_t bytes = kernels->gemm_pack_bytes(g->n, g->k);
    x->b.dtype = ORION_IR_F32;
    x->b.offset = 0;
    g->packed = true;
    for (size_t i = 0; i < p->pack_count; i++) {
        const cpu_pack_memo *m = &p->packs[i];
        if (m->data == data && m->n == g->n && m->k == g->k && m->ldb == g->ldb &&
            m->trans == g->trans_b) {
            x->b.buffer = m->buffer;
            return ORION_OK;
        }
    }
    void *packed;
    if (bytes == 0 || !ORN_GROW(&p->allocator, p->packs, p->pack_capacity, p->pack_count + 1)) {
        return ORION_ERROR_NO_MEMORY;
    }
    TRY(cpu_own(p, bytes, &packed));
    kernels->gemm_pack(p->device->pool, g->n, g->k, data, g->ldb, g->trans_b, packed);
    TRY(cpu_constant(p, packed, bytes, &x->b.buffer));
    p->packs[p->pack_count++] = (cpu_pack_memo){.data = data,
                                                .n = g->n,
                                                .k = g->k,
                                                .ldb = g->ldb,
                                                .buffer = x->b.buffer,
                                                .trans = g->trans_b};
    p->plan->code.stats.packed_bytes += bytes;
    return ORION_OK;
}

/* ---- emitting ---- */

/* Fill in the batch of a product whose result has this view; as few batch axes as it can do with.
 */
static void set_batch(product *x, const cpu_view *c) {
    cpu_gemm *g = &x->gemm;
    uint32_t batch = c->rank - 2;
    int64_t down_a, down_b, down_c;
    g->ldc = g->m == 1 ? g->n : c->strides[batch];
    if (!g->trans_a && cpu_view_joins(&x->b, 0, batch, &down_b) && down_b == 0 &&
        cpu_view_joins(&x->a, 0, batch + 1, &down_a) && down_a >= g->k &&
        cpu_view_joins(c, 0, batch + 1, &down_c) && down_c >= g->n) {
        g->m *= cpu_elements(batch, c->dims); /* one b for all: the batch is more rows */
        g->lda = down_a;
        g->ldc = down_c;
        return;
    }
    for (uint32_t i = 0; i < batch; i++) {
        if (c->dims[i] == 1) continue;
        uint32_t at = g->batch_rank++;
        g->batch[at] = c->dims[i];
        g->batch_a[at] = x->a.strides[i];
        g->batch_b[at] = x->b.strides[i];
        g->batch_c[at] = c->strides[i];
    }
}

/* The step of a product into c, for so many nodes. */
static orion_status emit_product(cpu_planner *p, product *x, const cpu_view *result,
                                 uint32_t nodes) {
    cpu_gemm *g = &x->gemm;
    cpu_view c = *result;
    as_rows(&c);
    set_batch(x, &c);
    if (g->batch_rank == 0 && g->m > 1 && cpu_constant_data(p, &x->b) != NULL) TRY(pack(p, x));
    const cpu_view *views[] = {&x->a, &x->b, &c, &x->bias};
    size_t scratch = p->device->kernels->gemm_scratch(g, cpu_pool_threads(p->device->pool));
    TRY(cpu_emit(p, cpu_step_gemm, cpu_keep(p, g, sizeof *g), views, g->has_bias ? 4 : 3, scratch));
    p->plan->steps[p->plan->step_count - 1].nodes = nodes;
    return ORION_OK;
}

static void serve_operands(cpu_planner *p, const cpu_node *n) {
    for (size_t i = 0; i < n->input_count; i++) cpu_served(p, cpu_input(p, n, i));
}

/* A product into memory of its own, in the axis order that its users want if gemm can do that. */
static orion_status emit_alone(cpu_planner *p, cpu_node *n, product *x) {
    uint32_t order[CPU_RANK_MAX];
    cpu_view c;
    bool ordered = cpu_wanted_order(p, n->result, order);
    n->deferred = false;
    TRY(cpu_result(p, n->result, ordered ? order : NULL, &c));
    TRY(emit_product(p, x, &c, 1));
    serve_operands(p, n);
    return ORION_OK;
}

/* ---- adding into the other operand ---- */

/* Is all that becomes of the product a sum with something of its own shape? */
static bool waits_for_add(const cpu_planner *p, const cpu_node *n) {
    const cpu_value *v = cpu_val(p, n->result);
    if (v->uses != 1 || v->user_count != 1) return false;
    const cpu_node *user = &p->nodes[p->users[v->first_user]];
    return user->op == ORION_IR_OP_add &&
           orion_ir_type_equal(&cpu_val(p, cpu_input(p, user, 0))->type,
                               &cpu_val(p, cpu_input(p, user, 1))->type);
}

static bool is_deferred(const cpu_planner *p, uint32_t value) {
    const cpu_value *v = cpu_val(p, value);
    return !v->has_view && v->node != CPU_NONE && p->nodes[v->node].deferred;
}

/* May the sum be made where the other operand lies? */
static bool takes_sum(const cpu_planner *p, const cpu_node *add, uint32_t other) {
    const cpu_value *v = cpu_val(p, other);
    if (!v->has_view || v->view.dtype != ORION_IR_F32 || !cpu_dying(p, other, 1)) return false;
    if (cpu_output_of(p, add->result) != CPU_NONE) return false;
    cpu_view c = v->view;
    int64_t ld;
    bool transposed;
    as_rows(&c);
    return is_matrix(&c, &ld, &transposed) && !transposed;
}

orion_status cpu_lower_accumulate(cpu_planner *p, cpu_node *n, bool *out_done) {
    uint32_t left = cpu_input(p, n, 0), right = cpu_input(p, n, 1);
    *out_done = false;
    if (!is_deferred(p, left) && !is_deferred(p, right)) return ORION_OK;
    /* If both are deferred, the left one becomes the memory to add to. */
    bool second = is_deferred(p, right);
    uint32_t sum = second ? right : left, other = second ? left : right;
    cpu_node *made = &p->nodes[cpu_val(p, sum)->node];
    cpu_view view;
    product x;
    if (is_deferred(p, other)) TRY(cpu_need(p, other, &view));
    TRY(read_product(p, made, &x));
    if (!takes_sum(p, n, other)) return emit_alone(p, made, &x);
    view = cpu_val(p, other)->view;
    x.gemm.accumulate = true;
    TRY(emit_product(p, &x, &view, 2));
    made->deferred = false;
    serve_operands(p, made);
    cpu_define(p, n->result, &view);
    cpu_served(p, other);
    *out_done = true;
    return ORION_OK;
}

/* ---- several products of one vector ---- */

/* Could the node be part of a product of one row with all small constant weights beside it? */
static bool is_mergeable(const cpu_planner *p, const cpu_node *n) {
    if (n->op != ORION_IR_OP_linear || n->input_count != 2 || n->deferred) return false;
    const cpu_value *w = cpu_val(p, cpu_input(p, n, 1)), *y = cpu_val(p, n->result);
    return w->has_view && cpu_constant_data(p, &w->view) != NULL && w->view.dtype == ORION_IR_F32 &&
           cpu_view_is_packed(&w->view) && orion_ir_type_elements(&y->type) == w->type.dims[0] &&
           !waits_for_add(p, n) && cpu_output_of(p, n->result) == CPU_NONE;
}

/* The node and those behind it that read the same vector; *out_bytes of weights in all. */
static size_t find_siblings(const cpu_planner *p, const cpu_node *n, uint32_t *siblings,
                            size_t *out_bytes) {
    const cpu_value *x = cpu_val(p, cpu_input(p, n, 0));
    size_t count = 0;
    *out_bytes = 0;
    for (uint32_t i = 0; i < x->user_count && count < MERGE_MAX; i++) {
        uint32_t user = p->users[x->first_user + i];
        const cpu_node *s = &p->nodes[user];
        if ((s->visited && s != n) || !is_mergeable(p, s)) continue;
        size_t bytes = orion_ir_type_bytes(&cpu_val(p, cpu_input(p, s, 1))->type);
        if (*out_bytes + bytes > MERGE_BYTES) continue;
        *out_bytes += bytes;
        siblings[count++] = user;
    }
    return count;
}

/* The siblings' weights, one below the other. */
static orion_status join_weights(cpu_planner *p, const uint32_t *siblings, size_t count,
                                 size_t bytes, uint32_t *out_buffer) {
    void *joined;
    TRY(cpu_own(p, bytes, &joined));
    char *at = joined;
    for (size_t i = 0; i < count; i++) {
        const cpu_value *w = cpu_val(p, cpu_input(p, &p->nodes[siblings[i]], 1));
        size_t part = orion_ir_type_bytes(&w->type);
        memcpy(at, cpu_constant_data(p, &w->view), part);
        at += part;
    }
    p->plan->code.stats.packed_bytes += bytes;
    return cpu_constant(p, joined, bytes, out_buffer);
}

static orion_status emit_merged(cpu_planner *p, const cpu_node *n, bool *out_done) {
    uint32_t siblings[MERGE_MAX], weights, buffer;
    size_t bytes, count = is_mergeable(p, n) ? find_siblings(p, n, siblings, &bytes) : 0;
    *out_done = count > 1;
    if (!*out_done) return ORION_OK;
    product x;
    TRY(read_product(p, n, &x));
    TRY(join_weights(p, siblings, count, bytes, &weights));
    int64_t k = x.gemm.k, total = (int64_t)(bytes / sizeof(float)) / k;
    TRY(cpu_new_buffer(p, (size_t)total * sizeof(float), &buffer));
    x.b = (cpu_view){.buffer = weights, .dtype = ORION_IR_F32, .rank = 2, .dims = {k, total}};
    x.gemm.n = total;
    x.gemm.ldb = k;
    x.gemm.trans_b = true;
    cpu_view c = {.buffer = buffer, .dtype = ORION_IR_F32, .rank = 2, .dims = {1, total}};
    cpu_strides_in_order(2, c.dims, NULL, c.strides);
    TRY(emit_product(p, &x, &c, (uint32_t)count));
    int64_t offset = 0;
    for (size_t i = 0; i < count; i++) {
        cpu_node *s = &p->nodes[siblings[i]];
        const orion_ir_type *type = &cpu_val(p, s->result)->type;
        cpu_view part = {
            .buffer = buffer, .dtype = ORION_IR_F32, .rank = type->rank, .offset = offset};
        memcpy(part.dims, type->dims, sizeof part.dims);
        cpu_strides_in_order(part.rank, part.dims, NULL, part.strides);
        cpu_define(p, s->result, &part);
        serve_operands(p, s);
        s->visited = true;
        offset += (int64_t)orion_ir_type_elements(type) * (int64_t)sizeof(float);
    }
    return ORION_OK;
}

orion_status cpu_lower_product(cpu_planner *p, cpu_node *n) {
    bool done;
    product x;
    if (!n->deferred && waits_for_add(p, n)) {
        n->deferred = true;
        return ORION_OK;
    }
    TRY(emit_merged(p, n, &done));
    if (done) return ORION_OK;
    TRY(read_product(p, n, &x));
    return emit_alone(p, n, &x);
}
