/* SPDX-License-Identifier: MIT */
/*
 * Silero's voice detector, with its real weights, over 30 windows of a made-up signal.
 *
 * The file starts its LSTM from a constant and keeps its states to itself. Here they become
 * parameters and results, so that the state of one window goes into the next. The CPU device and
 * the reference interpreter carry a state each and must agree in every window.
 */
#include "ane-support.h"

#include <math.h>
#include <orion/mil.h>

enum { WINDOWS = 30, SAMPLES = 512, STATE = 128 };

static const struct {
    const char *in_file, *instead;
} edits[] = {
    {"(tensor<fp32, [1, 512]> audio_chunk)",
     "(tensor<fp32, [1, 512]> audio_chunk, tensor<fp32, [1, 128]> state_h, tensor<fp32, [1, 128]> "
     "state_c)"},
    {"initial_c = input_49_batch_first_lstm_h0_squeeze", "initial_c = state_c"},
    {"initial_h = input_49_batch_first_lstm_h0_squeeze", "initial_h = state_h"},
    {"-> (vad_probability)",
     "-> (vad_probability, input_49_batch_first_1, input_49_batch_first_2)"},
};

/* The text with the edits; each place is there once. */
static char *stateful_text(const char *path) {
    char *text = test_read_file(path, NULL);
    for (size_t i = 0; i < ORN_COUNT(edits); i++) {
        char *at = strstr(text, edits[i].in_file);
        assert_non_null(at);
        size_t before = (size_t)(at - text), old = strlen(edits[i].in_file);
        size_t room = strlen(text) + strlen(edits[i].instead) + 1;
        char *edited = malloc(room);
        assert_non_null(edited);
        snprintf(edited, room, "%.*s%s%s", (int)before, text, edits[i].instead, at + old);
        free(text);
        text = edited;
    }
    return text;
}

static orion_ir_graph *raise_silero(orion_diag *diag) {
    char path[600];
    orion_blob *blob;
    orion_mil_program *program;
    orion_mil_weights *weights;
    orion_ir_graph *graph;
    const char *folder = test_data("mil/silero");
    snprintf(path, sizeof path, "%s/model.mil", folder);
    char *text = stateful_text(path);
    snprintf(path, sizeof path, "%s/weights/weight.bin", folder);
    assert_int_equal(orion_blob_map_file(path, NULL, NULL, &blob), ORION_OK);
    assert_int_equal(orion_mil_weights_create(NULL, &weights), ORION_OK);
    assert_int_equal(orion_mil_weights_add(weights, "@model_path/weights/weight.bin", blob),
                     ORION_OK);
    orion_blob_unref(&blob);
    assert_ok(orion_mil_parse(text, strlen(text), "silero", NULL, NULL, diag, &program), diag);
    assert_ok(orion_mil_raise(program, weights, NULL, NULL, NULL, diag, &graph), diag);
    orion_mil_program_destroy(&program);
    orion_mil_weights_destroy(&weights);
    free(text);
    return graph;
}

/* Silence, then noise, then the harmonics of a voice of 120 Hz whose loudness goes up and down, at
 * 16,000 samples a second. */
static void make_window(int window, double *samples) {
    const double tau = 6.283185307179586;
    uint64_t seed = 1 + (uint64_t)window;
    for (int i = 0; i < SAMPLES; i++) {
        double t = (window * SAMPLES + i) / 16000.0, voice = 0;
        for (int k = 1; k <= 12; k++) voice += sin(tau * 120 * k * t) / k;
        double loudness = 0.15 * (1 + sin(tau * 4 * t));
        double noise = 0.02 * test_random_unit(&seed);
        samples[i] = window < 6 ? 0 : window < 12 ? noise : loudness * voice + noise;
    }
}

/* Probability, h and c of one way to run the model; h and c go into the next window. */
typedef struct listener {
    double samples[SAMPLES], probability, h[STATE], c[STATE], next_h[STATE], next_c[STATE];
} listener;

static void keep_state(listener *l) {
    memcpy(l->h, l->next_h, sizeof l->h);
    memcpy(l->c, l->next_c, sizeof l->c);
    assert_true(l->probability >= 0 && l->probability <= 1);
}

static void by_reference(const orion_ir_graph *g, listener *l) {
    const double *const in[] = {l->samples, l->h, l->c};
    double *out[] = {&l->probability, l->next_h, l->next_c};
    assert_int_equal(orion_ir_eval(g, ORION_IR_EVAL_ROUNDED, in, out, NULL), ORION_OK);
    keep_state(l);
}

static void by_device(const ane_bound *b, listener *l, orion_diag *diag) {
    ane_write(b, 0, l->samples);
    ane_write(b, 1, l->h);
    ane_write(b, 2, l->c);
    assert_ok(orion_ane_run_execute(b->run, diag), diag);
    ane_read(b, 3, &l->probability);
    ane_read(b, 4, l->next_h);
    ane_read(b, 5, l->next_c);
    keep_state(l);
}

static void test_windows(void **state) {
    (void)state;
    orion_diag *diag;
    assert_int_equal(orion_diag_create(NULL, &diag), ORION_OK);
    orion_ir_graph *g = raise_silero(diag);
    orion_ane_device *device = ane_open(ORION_ANE_BACKEND_CPU, 2);
    ane_bound bound = ane_bind(ane_compile(device, g), false);
    static listener reference, on_device, forgetful; /* the last starts anew in every window */
    double largest = 0, forgotten = 0;
    assert_int_equal(orion_ir_graph_input_count(g), 3);
    for (int i = 0; i < WINDOWS; i++) {
        make_window(i, reference.samples);
        memcpy(on_device.samples, reference.samples, sizeof reference.samples);
        forgetful = (listener){.probability = 0};
        memcpy(forgetful.samples, reference.samples, sizeof reference.samples);
        by_reference(g, &reference);
        by_device(&bound, &on_device, diag);
        by_reference(g, &forgetful);
        print_message("window %2d: %.6f, on the device %.6f, without a state %.6f\n", i,
                      reference.probability, on_device.probability, forgetful.probability);
        assert_doubles_near(&on_device.probability, &reference.probability, 1, 5e-3, 0);
        assert_doubles_near(on_device.h, reference.h, STATE, 5e-3, 0);
        assert_doubles_near(on_device.c, reference.c, STATE, 1e-2, 1e-2);
        largest = fmax(largest, reference.probability);
        forgotten = fmax(forgotten, fabs(reference.probability - forgetful.probability));
    }
    assert_true(largest > 2 * 5e-3);   /* something is heard: agreement is no accident */
    assert_true(forgotten > 2 * 5e-3); /* the state counts */
    ane_bound_free(&bound);
    orion_ane_device_unref(&device);
    orion_ir_graph_destroy(&g);
    orion_diag_destroy(&diag);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_windows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
