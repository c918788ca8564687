/* SPDX-License-Identifier: MIT */
/* The passes of legalisation in the order in which they run, and running them. */
#include "../mil-legal.h"

static const mil_pass *const passes[] = {
    &mil_pass_expand, &mil_pass_norm, &mil_pass_rank,  &mil_pass_limits, &mil_pass_conv,
    &mil_pass_concat, &mil_pass_bias, &mil_pass_rsqrt, &mil_pass_truth,  &mil_pass_slice,
    &mil_pass_pad,    &mil_pass_mask, &mil_pass_half,
};

size_t orion_mil_pass_count(void) {
    return ORN_COUNT(passes);
}

const char *orion_mil_pass_name(size_t i) {
    return i < ORN_COUNT(passes) ? passes[i]->name : NULL;
}

const char *orion_mil_pass_doc(size_t i) {
    return i < ORN_COUNT(passes) ? passes[i]->doc : NULL;
}

static orion_status run(const mil_pass *pass, const orion_ir_graph *graph,
                        const orion_mil_target *target, const mil_side_options *options,
                        const orion_allocator *allocator, orion_diag *diag, orion_ir_graph **out,
                        bool *changed) {
    if (pass->run != NULL) return pass->run(graph, target, options, allocator, diag, out, changed);
    return mil_rewrite_graph(graph, target, pass->visit, NULL, allocator, diag, out, changed);
}

/* Replace *g by what the pass makes of it. */
static orion_status apply(const mil_pass *pass, const orion_mil_target *target,
                          const mil_side_options *options, orion_diag *diag,
                          const orion_allocator *allocator, orion_ir_graph **g) {
    orion_ir_graph *fresh;
    bool changed;
    TRY(run(pass, *g, target, options, allocator, diag, &fresh, &changed));
    orion_ir_graph_destroy(g);
    *g = fresh;
    return ORION_OK;
}

orion_status mil_legalize_ops(const orion_ir_graph *graph, const orion_mil_target *target,
                              const mil_side_options *options, const orion_allocator *allocator,
                              orion_diag *diag, orion_ir_graph **out) {
    orion_status status = orion_ir_graph_clone(graph, allocator, out);
    for (size_t i = 0; i < ORN_COUNT(passes) && status == ORION_OK; i++) {
        if (passes[i] == &mil_pass_half) continue;
        status = apply(passes[i], target, options, diag, allocator, out);
        bool tidies = passes[i] == &mil_pass_expand || passes[i] == &mil_pass_mask;
        if (status == ORION_OK && tidies)
            status = orion_ir_run_passes(*out, "default", NULL, diag, NULL);
    }
    if (status != ORION_OK) orion_ir_graph_destroy(out);
    return status;
}

orion_status orion_mil_run_pass(const orion_ir_graph *graph, const char *name,
                                const orion_mil_target *target, const orion_allocator *allocator,
                                orion_diag *diag, orion_ir_graph **out_graph) {
    const mil_side_options options = {.gradients_on_device = false};
    bool changed;
    *out_graph = NULL;
    for (size_t i = 0; i < ORN_COUNT(passes); i++) {
        if (strcmp(passes[i]->name, name) != 0) continue;
        return run(passes[i], graph, target, &options, allocator, diag, out_graph, &changed);
    }
    ORN_ERROR(diag, MIL_PASS, name, "there is no pass of legalisation \"%.64s\"", name);
    return ORION_ERROR_NOT_FOUND;
}
