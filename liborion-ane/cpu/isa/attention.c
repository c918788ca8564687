/* SPDX-License-Identifier: MIT */
/*
 * Attention: scores, softmax, mean of values, for a block of query rows at a time.
 *
 * With one row per head (decoding) a block is the rows of all query heads that read one key head,
 * so that keys and values are read once.  Otherwise it is some rows of one head.  Scores of a block
 * are one product with the keys that its furthest row sees; rows that see less are cut short in the
 * softmax and filled with 0; one more product makes the result.  The products run on the calling
 * thread; tasks are blocks.
 */
#include "gemm.h"
#include "rows.h"

enum { BLOCK_ROWS_MOST = 64, BLOCK_SCORES = 64 * 1024 };

typedef struct shape {
    int64_t block_rows; /* query rows of a block */
    int64_t blocks;     /* of a head, or of a key head when decoding */
    bool decoding;
} shape;

static shape shape_of(const cpu_attention *a) {
    if (a->rows == 1) return (shape){a->heads / a->groups, 1, true};
    int64_t rows = ORN_MIN(ORN_MAX(BLOCK_SCORES / a->keys, 8), BLOCK_ROWS_MOST);
    rows = ORN_MIN(rows, a->rows);
    return (shape){rows, cpu_ceil_div(a->rows, rows), false};
}

/* The two products of a block of `rows` rows that see `seen` keys at most. */
static cpu_gemm score_product(const cpu_attention *a, bool decoding, int64_t rows, int64_t seen) {
    return (cpu_gemm){.m = rows,
                      .n = seen,
                      .k = a->depth,
                      .lda = a->q_strides[decoding ? 1 : 2],
                      .ldb = a->k_strides[2],
                      .ldc = a->keys,
                      .trans_b = true};
}
static cpu_gemm value_product(const cpu_attention *a, bool decoding, int64_t rows, int64_t seen) {
    return (cpu_gemm){.m = rows,
                      .n = a->value_depth,
                      .k = seen,
                      .lda = a->keys,
                      .ldb = a->v_strides[2],
                      .ldc = a->y_strides[decoding ? 1 : 2]};
}

/* Floats of one worker: scores, then room for the products. */
static size_t score_floats(const cpu_attention *a) {
    return (size_t)cpu_ceil_div(shape_of(a).block_rows * a->keys, 16) * 16;
}
static size_t worker_floats(const cpu_attention *a) {
    return score_floats(a) + CPU_FN(gemm_room)(shape_of(a).block_rows) / sizeof(float);
}

size_t CPU_FN(attention_scratch)(const cpu_attention *a, size_t workers) {
    return worker_floats(a) * sizeof(float) * workers;
}

typedef struct attention_job {
    const cpu_attention *a;
    shape shape;
    const float *q, *k, *v;
    const int32_t *position;
    float *y, *scratch;
    cpu_cut cut; /* of blocks */
} attention_job;

/* Keys that row t sees. */
static int64_t visible(const attention_job *j, int64_t t) {
    const cpu_attention *a = j->a;
    int64_t seen = a->keys;
    if (j->position != NULL) {
        seen = (int64_t)j->position[t] + 1;
    } else if (a->causal) {
        seen = t + a->keys - a->rows + 1;
    }
    return ORN_MIN(ORN_MAX(seen, 0), a->keys);
}

/* Scores of one row to weights: scaled, softmax over what it sees, 0 up to `width`. */
static void weigh(float *scores, int64_t seen, int64_t width, float scale) {
    for (int64_t i = 0; i < seen; i += VL) {
        int64_t n = ORN_MIN(seen - i, VL);
        v_store_n(scores + i, v_load_n(scores + i, n) * scale, n);
    }
    if (seen > 0) softmax_row(scores, seen, scores);
    memset(scores + seen, 0, (size_t)(width - seen) * sizeof *scores);
}

/* `rows` rows: of heads h .. when decoding, else rows t .. of head h. */
static void attend(const attention_job *j, int64_t b, int64_t h, int64_t t, int64_t rows,
                   float *scratch) {
    const cpu_attention *a = j->a;
    bool decoding = j->shape.decoding;
    float *scores = scratch, *room = scratch + score_floats(a);
    int64_t group = h * a->groups / a->heads, width = 0;
    for (int64_t r = 0; r < rows; r++) width = ORN_MAX(width, visible(j, decoding ? 0 : t + r));
    cpu_gemm g = score_product(a, decoding, rows, width);
    const float *q = j->q + b * a->q_strides[0] + h * a->q_strides[1] + t * a->q_strides[2];
    const float *k = j->k + b * a->k_strides[0] + group * a->k_strides[1];
    const float *v = j->v + b * a->v_strides[0] + group * a->v_strides[1];
    float *y = j->y + b * a->y_strides[0] + h * a->y_strides[1] + t * a->y_strides[2];
    if (width > 0) CPU_FN(gemm_item)(&g, q, k, NULL, scores, room);
    for (int64_t r = 0; r < rows; r++) {
        weigh(scores + r * a->keys, visible(j, decoding ? 0 : t + r), width, a->scale);
    }
    g = value_product(a, decoding, rows, width);
    CPU_FN(gemm_item)(&g, scores, v, NULL, y, room);
}

static void attention_task(void *ctx, size_t task, size_t worker) {
    const attention_job *j = ctx;
    const cpu_attention *a = j->a;
    float *scratch = j->scratch + worker * worker_floats(a);
    for (int64_t i = cpu_cut_begin(j->cut, task); i < cpu_cut_end(j->cut, task); i++) {
        if (j->shape.decoding) {
            int64_t per_group = j->shape.block_rows;
            attend(j, i / a->groups, i % a->groups * per_group, 0, per_group, scratch);
        } else {
            int64_t head = i / j->shape.blocks, t = i % j->shape.blocks * j->shape.block_rows;
            int64_t rows = ORN_MIN(a->rows - t, j->shape.block_rows);
            attend(j, head / a->heads, head % a->heads, t, rows, scratch);
        }
    }
}

int64_t CPU_FN(attention)(cpu_pool *pool, const cpu_attention *a, const float *q, const float *k,
                          const float *v, const int32_t *position, float *y, void *scratch) {
    attention_job j = {.a = a,
                       .shape = shape_of(a),
                       .q = q,
                       .k = k,
                       .v = v,
                       .position = position,
                       .y = y,
                       .scratch = scratch};
    int64_t most = 0;
    for (int64_t t = 0; t < a->rows; t++) {
        if (position != NULL && position[t] < 0) return t;
        most = ORN_MAX(most, visible(&j, t));
    }
    int64_t blocks = a->batch * (j.shape.decoding ? a->groups : a->heads * j.shape.blocks);
    int64_t read = most * (a->depth + a->value_depth);
    j.cut = cpu_cut_by(blocks, read * ORN_MAX(j.shape.block_rows / 4, 1));
    cpu_pool_run(pool, cpu_cut_tasks(j.cut), attention_task, &j);
    return CPU_INDICES_OK;
}
