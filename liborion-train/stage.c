/* SPDX-License-Identifier: MIT */
/* A model's graph compiled for a device, ready to run. */
#include "train-internal.h"

orion_status train_stage_compile(const orion_ir_graph *graph, orion_ane_device *device,
                                 orion_diag *diag, train_stage *out) {
    *out = (train_stage){0};
    orion_status status = orion_ane_program_compile_graph(device, graph, diag, &out->program);
    if (status == ORION_OK) status = orion_ane_run_create(out->program, &out->run);
    if (status != ORION_OK) train_stage_destroy(out);
    return status;
}

orion_status train_stage_create(const orion_train_model *model,
                                const orion_train_graph_options *options, orion_ane_device *device,
                                orion_diag *diag, train_stage *out) {
    *out = (train_stage){0};
    orion_ir_graph *graph;
    TRY(orion_train_model_graph(model, options, &model->allocator, diag, &graph));
    orion_status status = train_stage_compile(graph, device, diag, out);
    orion_ir_graph_destroy(&graph);
    return status;
}

void train_stage_destroy(train_stage *stage) {
    orion_ane_run_destroy(&stage->run);
    orion_ane_program_unref(&stage->program);
}

orion_status train_stage_tensor(const train_stage *stage, const char *port, orion_diag *diag,
                                orion_ane_tensor **out_tensor) {
    TRY(orion_ane_tensor_create_for(stage->program, port, diag, out_tensor));
    return orion_ane_run_bind(stage->run, port, *out_tensor, diag);
}
