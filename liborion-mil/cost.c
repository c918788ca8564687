/* SPDX-License-Identifier: MIT */
/*
 * What programs cost on a target.
 *
 * The model is the one that fits published measurements best for its size (docs/legalize.md): a
 * program takes a fixed time, and then as long as its arithmetic or its bytes take, whichever is
 * longer. Everything it rests on is a figure in the target's file, with its source. A cost whose
 * figures the target does not have is not guessed: it is 0 and not among the known ones.
 *
 *   compile   programs x compile_ns + ops x compile_op_ns + bytes of constants x compile_byte_ps
 *   load      programs x load_ns
 *   update    programs with constants x reload_ns
 *   dispatch  calls x dispatch_ns
 *   run       per call: max(flops / rate, bytes / weight_bytes), slower if a value is streamed
 *   ports     bytes of ports / port_bytes
 *   host      per call: max(flops / host_flops, bytes / host_bytes)
 */
#include "mil-plan.h"
#include "mil-target.h"

/* ---- what a graph does ---- */

static uint64_t elements(const orion_ir_graph *g, orion_ir_value v) {
    orion_ir_type type = orion_ir_value_type(g, v);
    return (uint64_t)orion_ir_type_elements(&type);
}

/* Extent of the last axis, or of the one before if `transposed`. */
static uint64_t common_axis(orion_ir_type type, bool transposed) {
    uint32_t back = transposed ? 2 : 1;
    return type.rank < back ? 1 : (uint64_t)type.dims[type.rank - back];
}

/* Multiplications and additions of a product; 0 for other ops. */
static uint64_t product_flops(const orion_ir_graph *g, const orion_ir_node *n) {
    const char *name = orion_ir_op_find(orion_ir_node_op(n))->name;
    uint64_t results = elements(g, orion_ir_node_result(n, 0));
    orion_ir_type x, w;
    if (orion_ir_node_input_count(n) < 2) return 0;
    x = orion_ir_value_type(g, orion_ir_node_input(n, 0));
    w = orion_ir_value_type(g, orion_ir_node_input(n, 1));
    if (strcmp(name, "matmul") == 0)
        return 2 * results * common_axis(x, orion_ir_node_int(n, "transpose_x") != 0);
    if (strcmp(name, "linear") == 0) return 2 * results * common_axis(w, false);
    if (strcmp(name, "attention") == 0) {
        uint64_t scores = elements(g, orion_ir_node_input(n, 0)) / common_axis(x, false);
        return 4 * scores * common_axis(w, true) * common_axis(x, false);
    }
    if (strcmp(name, "conv") == 0 && w.rank != 0)
        return 2 * results * (elements(g, orion_ir_node_input(n, 1)) / (uint64_t)w.dims[0]);
    return 0;
}

static void count_node(const orion_ir_graph *g, const orion_ir_node *n, orion_mil_work *w) {
    uint64_t flops = product_flops(g, n);
    bool is_conv = strcmp(orion_ir_op_find(orion_ir_node_op(n))->name, "conv") == 0;
    if (mil_is_const_node(n)) {
        w->constant_bytes += mil_value_bytes(g, orion_ir_node_result(n, 0));
        return;
    }
    w->ops++;
    *(is_conv ? &w->conv_flops : &w->matmul_flops) += flops;
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++)
        w->moved_bytes += mil_value_bytes(g, orion_ir_node_input(n, i));
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++) {
        uint64_t bytes = mil_value_bytes(g, orion_ir_node_result(n, i));
        w->moved_bytes += bytes;
        w->largest_bytes = ORN_MAX(w->largest_bytes, bytes);
    }
}

orion_status orion_mil_measure(const orion_ir_graph *graph, orion_mil_work *out_work) {
    orion_mil_work w = {.size = sizeof w, .calls = 1};
    mil_foreach_node(graph, n) count_node(graph, n, &w);
    for (size_t i = 0; i < orion_ir_graph_input_count(graph); i++)
        w.port_bytes += mil_value_bytes(graph, orion_ir_graph_input(graph, i));
    for (size_t i = 0; i < orion_ir_graph_output_count(graph); i++)
        w.port_bytes += mil_value_bytes(graph, orion_ir_graph_output(graph, i));
    return orn_fill_sized(&w, out_work, sizeof w);
}

/* ---- what it costs ---- */

typedef struct predictor {
    const orion_mil_target *target;
    orion_mil_cost cost;
    double background_ms; /* of the host, beside the device */
    uint32_t missing;     /* parts of the cost for which a figure is missing */
} predictor;

/* The figure, for a part of the cost that needs it. */
static double figure(predictor *p, mil_figure f, uint32_t part) {
    if (p->target->figure_sources[f] != NULL) return (double)p->target->figures[f];
    p->missing |= part;
    return 0;
}

/* amount / rate in milliseconds, where rate is a second's; 0 if it is not known. */
static double time_of(predictor *p, uint64_t amount, mil_figure rate, uint32_t part) {
    if (amount == 0) return 0;
    double each = figure(p, rate, part);
    return each == 0 ? 0 : (double)amount / each * 1e3;
}

static double larger(double a, double b) {
    return a > b ? a : b;
}

static void add_host(predictor *p, const orion_mil_work *w) {
    const uint32_t part = ORION_MIL_COST_HOST;
    double flops = time_of(p, w->conv_flops + w->matmul_flops, MIL_FIGURE_HOST_FLOPS, part);
    double ms =
        larger(flops, time_of(p, w->moved_bytes, MIL_FIGURE_HOST_BYTES, part)) * (double)w->calls;
    p->cost.host_ms += ms;
    if (w->background != 0) p->background_ms += ms;
}

static void add_device(predictor *p, const orion_mil_work *w) {
    const double ns = 1e-6, ps = 1e-9;
    double calls = (double)w->calls;
    double arithmetic = time_of(p, w->conv_flops, MIL_FIGURE_CONV_FLOPS, ORION_MIL_COST_RUN) +
                        time_of(p, w->matmul_flops, MIL_FIGURE_MATMUL_FLOPS, ORION_MIL_COST_RUN);
    double memory =
        time_of(p, w->constant_bytes + w->port_bytes, MIL_FIGURE_WEIGHT_BYTES, ORION_MIL_COST_RUN);
    double run = larger(arithmetic, memory);
    uint64_t fast = mil_target_limit(p->target, MIL_LIMIT_FAST_OPERAND_BYTES);
    if (w->largest_bytes > fast && p->target->figure_sources[MIL_FIGURE_STREAMED_PERCENT] != NULL)
        run *= (double)p->target->figures[MIL_FIGURE_STREAMED_PERCENT] / 100;
    p->cost.run_ms += run * calls;
    p->cost.dispatch_ms += figure(p, MIL_FIGURE_DISPATCH_NS, ORION_MIL_COST_DISPATCH) * ns * calls;
    p->cost.port_ms +=
        time_of(p, w->port_bytes, MIL_FIGURE_PORT_BYTES, ORION_MIL_COST_PORTS) * calls;
    p->cost.compile_ms += figure(p, MIL_FIGURE_COMPILE_NS, ORION_MIL_COST_COMPILE) * ns;
    if (p->target->figure_sources[MIL_FIGURE_COMPILE_OP_NS] != NULL)
        p->cost.compile_ms +=
            (double)p->target->figures[MIL_FIGURE_COMPILE_OP_NS] * ns * (double)w->ops;
    if (p->target->figure_sources[MIL_FIGURE_COMPILE_BYTE_PS] != NULL)
        p->cost.compile_ms +=
            (double)p->target->figures[MIL_FIGURE_COMPILE_BYTE_PS] * ps * (double)w->constant_bytes;
    p->cost.load_ms += figure(p, MIL_FIGURE_LOAD_NS, ORION_MIL_COST_LOAD) * ns;
    if (w->constant_bytes != 0)
        p->cost.update_ms += figure(p, MIL_FIGURE_RELOAD_NS, ORION_MIL_COST_UPDATE) * ns;
}

static void add_work(predictor *p, const orion_mil_work *w) {
    if (w->on_host != 0) {
        add_host(p, w);
    } else {
        add_device(p, w);
    }
}

/* What is not known is 0; the step is known if all that it adds up is. */
static orion_status finish(predictor *p, orion_mil_cost *out_cost) {
    orion_mil_cost *c = &p->cost;
    const uint32_t step_parts =
        ORION_MIL_COST_DISPATCH | ORION_MIL_COST_RUN | ORION_MIL_COST_PORTS | ORION_MIL_COST_HOST;
    const struct {
        uint32_t part;
        double *ms;
    } parts[] = {{ORION_MIL_COST_COMPILE, &c->compile_ms},   {ORION_MIL_COST_LOAD, &c->load_ms},
                 {ORION_MIL_COST_UPDATE, &c->update_ms},     {ORION_MIL_COST_RUN, &c->run_ms},
                 {ORION_MIL_COST_DISPATCH, &c->dispatch_ms}, {ORION_MIL_COST_PORTS, &c->port_ms},
                 {ORION_MIL_COST_HOST, &c->host_ms}};
    double device = c->dispatch_ms + c->run_ms;
    c->size = sizeof *c;
    c->step_ms = larger(device, p->background_ms) + c->port_ms + c->host_ms - p->background_ms;
    if ((p->missing & step_parts) != 0) c->step_ms = 0;
    c->known = ORION_MIL_COST_ALL & ~p->missing;
    if ((p->missing & step_parts) != 0) c->known &= ~(uint32_t)ORION_MIL_COST_STEP;
    for (size_t i = 0; i < ORN_COUNT(parts); i++) {
        if ((p->missing & parts[i].part) != 0) *parts[i].ms = 0;
    }
    return orn_fill_sized(c, out_cost, sizeof *c);
}

orion_status orion_mil_predict(const orion_mil_target *target, const orion_mil_work *works,
                               size_t count, orion_mil_cost *out_cost) {
    predictor p = {.target = target};
    const char *at = (const char *)works;
    for (size_t i = 0; i < count; i++) {
        orion_mil_work w;
        TRY(orn_check_size(at, &w, sizeof w));
        add_work(&p, &w);
        at += works->size;
    }
    return finish(&p, out_cost);
}

orion_status orion_mil_plan_cost(const orion_mil_plan *plan, const orion_mil_target *target,
                                 orion_mil_cost *out_cost) {
    predictor p = {.target = target};
    for (size_t i = 0; i < plan->program_count; i++) {
        const orion_mil_plan_program *program = &plan->programs[i].shown;
        orion_mil_work w = {.size = sizeof w};
        TRY(orion_mil_measure(program->graph, &w));
        w.on_host = program->on_host;
        w.background = strcmp(program->reasons, mil_reason_name(MIL_REASON_GRADIENT)) == 0;
        w.calls = program->calls;
        add_work(&p, &w);
    }
    return finish(&p, out_cost);
}
