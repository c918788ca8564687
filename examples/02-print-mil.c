/* SPDX-License-Identifier: MIT */
/* Lower a graph to MIL, print the text, raise it again: the way every program of Orion goes. */
#include <orion/mil.h>
#include <stdio.h>

enum { ROWS = 4, WIDTH = 16 };

/* y = silu(rms_norm(x) w^T); w lies in the graph as a constant. */
static orion_status build(orion_diag *diag, orion_ir_graph **out_graph) {
    const int64_t x_shape[] = {ROWS, WIDTH}, w_shape[] = {WIDTH, WIDTH}, row[] = {WIDTH};
    float w[WIDTH * WIDTH];
    for (int i = 0; i < WIDTH * WIDTH; i++) w[i] = (float)(i % 7) * 0.125f - 0.375f;
    orion_ir_builder *b = NULL;
    orion_status s = orion_ir_builder_create("layer", NULL, &b);
    if (s != ORION_OK) return s;
    orion_ir_value x = orion_ir_input(b, "x", orion_ir_type_make(ORION_IR_F32, 2, x_shape));
    orion_ir_value gamma = orion_ir_splat(b, orion_ir_type_make(ORION_IR_F32, 1, row), 1);
    orion_ir_value weight =
        orion_ir_constant(b, orion_ir_type_make(ORION_IR_F32, 2, w_shape), w, sizeof w);
    orion_ir_value h = orion_ir_rms_norm(b, x, gamma, 1e-5);
    orion_ir_output(b, "y", orion_ir_silu(b, orion_ir_linear(b, h, weight)));
    return orion_ir_builder_finish(&b, diag, out_graph);
}

/* What the program is called by Apple's framework, and what is in its weight files. */
static void describe(const orion_buffer *text, const orion_mil_weights *weights) {
    char identity[ORION_MIL_IDENTITY_BYTES];
    orion_mil_identity(orion_buffer_data(text), orion_buffer_size(text), weights, NULL, 0,
                       identity);
    fprintf(stderr, "identity %s\n", identity);
    for (size_t i = 0; i < orion_mil_weights_count(weights); i++) {
        orion_mil_blob_entry entry;
        uint64_t at = 0;
        while (orion_mil_blob_next(orion_mil_weights_get(weights, i), &at, NULL, NULL, &entry) ==
               ORION_OK) {
            fprintf(stderr, "%s at %llu: %llu x %s\n", orion_mil_weights_path(weights, i),
                    (unsigned long long)entry.offset, (unsigned long long)entry.elements,
                    orion_mil_dtype_name((orion_mil_dtype)entry.dtype));
        }
    }
}

int main(void) {
    orion_diag *diag = NULL;
    orion_ir_graph *graph = NULL, *raised = NULL;
    orion_mil_program *program = NULL, *parsed = NULL;
    orion_mil_weights *weights = NULL;
    orion_buffer *text = NULL;
    const orion_writer out = orion_writer_fd(1), err = orion_writer_fd(2);

    orion_status s = orion_diag_create(NULL, &diag);
    if (s == ORION_OK) s = orion_buffer_create(NULL, &text);
    if (s == ORION_OK) s = build(diag, &graph);
    if (s == ORION_OK) s = orion_mil_lower(graph, NULL, NULL, diag, &program, &weights);
    if (s == ORION_OK) {
        const orion_writer into_text = orion_buffer_writer(text);
        s = orion_mil_print(program, NULL, &into_text);
    }
    const char *mil = s == ORION_OK ? orion_buffer_data(text) : "";
    if (s == ORION_OK) s = out.write(out.ctx, mil, orion_buffer_size(text));
    if (s == ORION_OK) describe(text, weights);
    if (s == ORION_OK)
        s = orion_mil_parse(mil, orion_buffer_size(text), "layer.mil", NULL, NULL, diag, &parsed);
    if (s == ORION_OK) s = orion_mil_raise(parsed, weights, NULL, NULL, NULL, diag, &raised);
    if (s != ORION_OK) {
        fprintf(stderr, "%s\n", orion_status_string(s));
        if (orion_diag_print(diag, &err) != ORION_OK) fprintf(stderr, "(no diagnostics)\n");
    }
    orion_ir_graph_destroy(&raised);
    orion_mil_program_destroy(&parsed);
    orion_buffer_destroy(&text);
    orion_mil_weights_destroy(&weights);
    orion_mil_program_destroy(&program);
    orion_ir_graph_destroy(&graph);
    orion_diag_destroy(&diag);
    return s == ORION_OK ? 0 : 1;
}
