/* SPDX-License-Identifier: MIT */
/* A stranger's program: all four libraries through the umbrella header, nothing but pkg-config
 * known. */
#include <orion/orion.h>
#include <stdio.h>
#include <string.h>

static int same(const char *name, unsigned running, unsigned major, unsigned minor,
                unsigned patch) {
    unsigned compiled = major << 16 | minor << 8 | patch;
    printf("liborion-%s %u.%u.%u\n", name, running >> 16, running >> 8 & 255, running & 255);
    return running == compiled;
}

int main(void) {
    int ok = same("ir", orion_ir_version(), ORION_IR_VERSION_MAJOR, ORION_IR_VERSION_MINOR,
                  ORION_IR_VERSION_PATCH);
    ok &= same("mil", orion_mil_version(), ORION_MIL_VERSION_MAJOR, ORION_MIL_VERSION_MINOR,
               ORION_MIL_VERSION_PATCH);
    ok &= same("ane", orion_ane_version(), ORION_ANE_VERSION_MAJOR, ORION_ANE_VERSION_MINOR,
               ORION_ANE_VERSION_PATCH);
    ok &= same("train", orion_train_version(), ORION_TRAIN_VERSION_MAJOR, ORION_TRAIN_VERSION_MINOR,
               ORION_TRAIN_VERSION_PATCH);

    static const char text[] = "oir 1\n"
                               "graph @twice(%x: f32[4]) -> (%y) {\n"
                               "  %y = add %x, %x : f32[4]\n"
                               "}\n";
    orion_ir_graph *graph = NULL;
    orion_status status = orion_ir_parse(text, sizeof text - 1, "hello.oir", NULL, NULL, &graph);
    if (status != ORION_OK) {
        fprintf(stderr, "parse: %s\n", orion_status_string(status));
        return 1;
    }
    const double x[4] = {1, 2, 3, 4};
    double y[4] = {0, 0, 0, 0};
    const double *inputs[1] = {x};
    double *outputs[1] = {y};
    status = orion_ir_eval(graph, ORION_IR_EVAL_EXACT, inputs, outputs, NULL);
    orion_ir_graph_destroy(&graph);
    printf("%g %g %g %g\n", y[0], y[1], y[2], y[3]);
    return ok && status == ORION_OK && y[3] == 8 ? 0 : 1;
}
