/* SPDX-License-Identifier: MIT */
/* What the tables of out-of-memory cases share. */
#include "oom.h"

static void run_row(void **state) {
    const oom_row *row = *state;
    oom_loop(row->function, row->call, NULL);
}

int oom_run_rows(const oom_row *rows, size_t count) {
    struct CMUnitTest *tests = calloc(count, sizeof *tests);
    if (tests == NULL) return 1;
    for (size_t i = 0; i < count; i++) {
        tests[i] = (struct CMUnitTest){
            .name = rows[i].function, .test_func = run_row, .initial_state = (void *)&rows[i]};
    }
    int failed = _cmocka_run_group_tests("oom", tests, count, NULL, NULL);
    free(tests);
    return failed;
}

void oom_prepared(orion_status status) {
    if (status != ORION_OK) fail_msg("preparation failed: %s", orion_status_string(status));
}

enum { WIDTH = 8, HIDDEN = 12, HEADS = 2, VOCAB = 11 };

static orion_ir_value input(orion_ir_builder *b, const char *name, int64_t rows, int64_t columns) {
    const int64_t dims[] = {rows, columns};
    return orion_ir_input(b, name, orion_ir_type_make(ORION_IR_F32, columns == 0 ? 1 : 2, dims));
}

/* [OOM_ROWS, heads x D] -> [1, heads, OOM_ROWS, D] */
static orion_ir_value split_heads(orion_ir_builder *b, orion_ir_value x, int64_t heads) {
    const int64_t shape[] = {1, OOM_ROWS, heads, WIDTH / HEADS}, perm[] = {0, 2, 1, 3};
    return orion_ir_transpose(b, orion_ir_reshape(b, x, shape, 4), perm, 4);
}

static orion_ir_value attention(orion_ir_builder *b, orion_ir_value x, orion_ir_value position) {
    const int64_t perm[] = {0, 2, 1, 3}, shape[] = {OOM_ROWS, WIDTH};
    orion_ir_value q = split_heads(b, orion_ir_linear(b, x, input(b, "wq", WIDTH, WIDTH)), HEADS);
    orion_ir_value k = split_heads(b, orion_ir_linear(b, x, input(b, "wk", WIDTH / 2, WIDTH)), 1);
    orion_ir_value v = split_heads(b, orion_ir_linear(b, x, input(b, "wv", WIDTH / 2, WIDTH)), 1);
    q = orion_ir_rope(b, q, position, 10000, 1);
    k = orion_ir_rope(b, k, position, 10000, 1);
    orion_ir_value y = orion_ir_attention(b, q, k, v, position, 0);
    y = orion_ir_reshape(b, orion_ir_transpose(b, y, perm, 4), shape, 2);
    return orion_ir_linear(b, y, input(b, "wo", WIDTH, WIDTH));
}

void oom_build_layer(orion_ir_builder *b) {
    const int64_t rows[] = {OOM_ROWS};
    const orion_ir_type ids = orion_ir_type_make(ORION_IR_I32, 1, rows);
    orion_ir_value tokens = orion_ir_input(b, "tokens", ids);
    orion_ir_value targets = orion_ir_input(b, "targets", ids);
    orion_ir_value position = orion_ir_input(b, "position", ids);
    orion_ir_value table = input(b, "table", VOCAB, WIDTH);
    orion_ir_value gamma = input(b, "gamma", WIDTH, 0);

    orion_ir_value x = orion_ir_embedding(b, tokens, table);
    x = orion_ir_add(b, x, attention(b, orion_ir_rms_norm(b, x, gamma, 1e-5), position));
    orion_ir_value gate = orion_ir_linear(b, x, input(b, "w1", HIDDEN, WIDTH));
    orion_ir_value up = orion_ir_linear(b, x, input(b, "w3", HIDDEN, WIDTH));
    orion_ir_value ffn = orion_ir_mul(b, orion_ir_silu(b, gate), up);
    x = orion_ir_add(b, x, orion_ir_linear(b, ffn, input(b, "w2", WIDTH, HIDDEN)));
    orion_ir_value half = orion_ir_splat(b, orion_ir_type_make(ORION_IR_F32, 0, NULL), 0.5);
    x = orion_ir_mul(b, orion_ir_identity(b, x), half);
    orion_ir_output(b, "loss", orion_ir_cross_entropy(b, orion_ir_linear(b, x, table), targets));
}

orion_ir_graph *oom_layer(const orion_allocator *a) {
    orion_ir_builder *b = NULL;
    orion_ir_graph *graph = NULL;
    oom_prepared(orion_ir_builder_create("layer", a, &b));
    oom_build_layer(b);
    oom_prepared(orion_ir_builder_finish(&b, NULL, &graph));
    return graph;
}

static orion_status take(void *ctx, const void *bytes, size_t n) {
    (void)ctx;
    (void)bytes;
    (void)n;
    return ORION_OK;
}

orion_writer oom_sink(void) {
    return (orion_writer){.size = sizeof(orion_writer), .write = take};
}
