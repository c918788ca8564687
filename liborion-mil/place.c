/* SPDX-License-Identifier: MIT */
/*
 * Where the weights of a graph are: in it as constants, inputs of their own, or rows of one input.
 *
 * Every placement gives two graphs: `before`, from the inputs of the old graph to those of the new
 * one, and the new one. Together they compute what the old one does.
 *
 *   INPUT    a large constant becomes an input; `before` holds its data
 *   CONST    an input becomes the constant that a given graph has as its output of that name
 *   PACKED   floats of one dtype and one last axis W become rows of one input [rows, W]:
 * activations first, then weights, as they stand; `before` joins them, the graph cuts them apart.
 *            Offsets are on the second last axis, where they do no harm on M1 and M2 (rule X-9)
 */
#include "mil-legal.h"

#include <stdio.h>

enum { DEFAULT_LEAST = 65, DEFAULT_ROWS = 16384 };

/* A value that is packed: rows [begin, begin + rows) of group `group`. */
typedef struct item {
    uint32_t id; /* of an input or constant in the old graph */
    uint32_t group;
    int64_t begin, rows;
} item;

typedef struct group {
    uint32_t dtype, items;
    int64_t width, rows;
} group;

typedef struct placer {
    orion_allocator allocator;
    orion_diag *diag;
    const orion_ir_graph *from;
    orion_mil_place_options options;
    orion_mil_placement placement;
    orion_ir_builder *before, *b;
    orion_ir_value *given;  /* by old id: in `before` */
    orion_ir_value *placed; /* by old id: in the new graph */
    item *items;
    size_t item_count, item_capacity;
    group *groups;
    size_t group_count, group_capacity;
    orn_map names; /* taken in the old graph */
    size_t made_up;
} placer;

static orion_ir_type type_of(const placer *p, uint32_t id) {
    return orion_ir_value_type(p->from, (orion_ir_value){id});
}

static bool is_large(const placer *p, const orion_ir_node *n) {
    orion_ir_type type = orion_ir_value_type(p->from, orion_ir_node_result(n, 0));
    uint64_t least = p->options.least_elements != 0 ? p->options.least_elements : DEFAULT_LEAST;
    return mil_is_const_node(n) && mil_is_float(type.dtype) &&
           (uint64_t)orion_ir_type_elements(&type) >= least;
}

/* ---- names ---- */

static orion_status take_name(placer *p, const char *name) {
    return name == NULL ? ORION_OK : orn_map_put(&p->names, name, strlen(name), 1);
}

static orion_status take_names(placer *p) {
    for (size_t i = 0; i < orion_ir_graph_input_count(p->from); i++)
        TRY(take_name(p, orion_ir_value_name(p->from, orion_ir_graph_input(p->from, i))));
    for (size_t i = 0; i < orion_ir_graph_output_count(p->from); i++)
        TRY(take_name(p, orion_ir_graph_output_name(p->from, i)));
    mil_foreach_node(p->from, n) {
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            TRY(take_name(p, orion_ir_value_name(p->from, orion_ir_node_result(n, i))));
    }
    return ORION_OK;
}

/* PREFIX_0, PREFIX_1 ...: the first that nothing has. */
static void make_name(placer *p, const char *prefix, char name[32]) {
    do {
        snprintf(name, 32, "%s_%zu", prefix, p->made_up++);
    } while (orn_map_get(&p->names, name, strlen(name)) != NULL);
}

/* ---- packing ---- */

static int64_t width_of(orion_ir_type type) {
    return type.rank == 0 ? 1 : type.dims[type.rank - 1];
}

/* The group that has room for it, else a new one. */
static orion_status add_item(placer *p, uint32_t id) {
    orion_ir_type type = type_of(p, id);
    int64_t width = width_of(type), rows = orion_ir_type_elements(&type) / width;
    int64_t most = p->options.most_rows != 0 ? (int64_t)p->options.most_rows : DEFAULT_ROWS;
    size_t g = 0;
    while (g < p->group_count && (p->groups[g].dtype != type.dtype || p->groups[g].width != width ||
                                  p->groups[g].rows + rows > most))
        g++;
    if (!ORN_GROW(&p->allocator, p->groups, p->group_capacity, g + 1) ||
        !ORN_GROW(&p->allocator, p->items, p->item_capacity, p->item_count + 1))
        return ORION_ERROR_NO_MEMORY;
    if (g == p->group_count)
        p->groups[p->group_count++] = (group){.dtype = type.dtype, .width = width};
    group *in = &p->groups[g];
    p->items[p->item_count++] = (item){id, (uint32_t)g, in->rows, rows};
    in->items++;
    in->rows += rows;
    return ORION_OK;
}

static orion_status find_items(placer *p) {
    for (size_t i = 0; i < orion_ir_graph_input_count(p->from); i++) {
        uint32_t id = orion_ir_graph_input(p->from, i).id;
        if (mil_is_float(type_of(p, id).dtype)) TRY(add_item(p, id));
    }
    mil_foreach_node(p->from, n) {
        if (is_large(p, n)) TRY(add_item(p, orion_ir_node_result(n, 0).id));
    }
    return ORION_OK;
}

/* A group of one is left alone. */
static bool is_packed(const placer *p, const item *it) {
    return p->groups[it->group].items > 1;
}

static orion_status join_group(placer *p, uint32_t g, const char *name) {
    size_t count = p->groups[g].items, n = 0;
    orion_ir_value *parts = orn_alloc(&p->allocator, count * sizeof *parts);
    if (parts == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < p->item_count; i++) {
        const item *it = &p->items[i];
        if (it->group == g)
            parts[n++] = MIL_RESHAPE(p->before, p->given[it->id], it->rows, p->groups[g].width);
    }
    orion_ir_output(p->before, name, mil_concat(p->before, parts, count, 0));
    orn_free(&p->allocator, parts, count * sizeof *parts);
    return ORION_OK;
}

static void cut_group(placer *p, uint32_t g, orion_ir_value packed) {
    for (size_t i = 0; i < p->item_count; i++) {
        const item *it = &p->items[i];
        if (it->group != g) continue;
        orion_ir_type type = type_of(p, it->id);
        orion_ir_value rows = mil_slice(p->b, packed, 0, it->begin, it->rows);
        p->placed[it->id] = mil_reshape(p->b, rows, type.dims, type.rank);
    }
}

static orion_status pack(placer *p) {
    for (uint32_t g = 0; g < p->group_count; g++) {
        char name[32];
        const int64_t dims[] = {p->groups[g].rows, p->groups[g].width};
        if (p->groups[g].items < 2) continue;
        make_name(p, "packed", name);
        TRY(join_group(p, g, name));
        cut_group(p, g,
                  orion_ir_input(p->b, name,
                                 orion_ir_type_make((orion_ir_dtype)p->groups[g].dtype, 2, dims)));
    }
    return ORION_OK;
}

/* ---- inputs and constants ---- */

/* An input of the new graph that `before` passes on, or holds. */
static void pass_on(placer *p, uint32_t id, const char *name) {
    p->placed[id] = orion_ir_input(p->b, name, type_of(p, id));
    orion_ir_output(p->before, name, p->given[id]);
}

static orion_status refuse(placer *p, const char *name, const char *why) {
    ORN_ERROR(p->diag, MIL_PLACEMENT, name, "weight '%s' %s", name, why);
    return ORION_ERROR_INVALID_ARGUMENT;
}

/* The constant that `values` has for an input, if it has one. */
static orion_status bind_constant(placer *p, uint32_t id, const char *name, bool *bound) {
    const orion_ir_graph *values = p->options.values;
    size_t i = 0, count = values == NULL ? 0 : orion_ir_graph_output_count(values);
    while (i < count && strcmp(orion_ir_graph_output_name(values, i), name) != 0) i++;
    *bound = i < count;
    if (!*bound) return ORION_OK;
    orion_ir_value v = orion_ir_graph_output(values, i);
    const orion_ir_node *n = orion_ir_value_node(values, v);
    orion_ir_type wanted = type_of(p, id), type = orion_ir_value_type(values, v);
    if (n == NULL) { /* an input that is passed on */
        *bound = false;
        return ORION_OK;
    }
    if (!mil_is_const_node(n)) return refuse(p, name, "is computed, no constant");
    if (!orion_ir_type_equal(&wanted, &type)) return refuse(p, name, "is of another type");
    p->placed[id] = mil_emit_like(p->b, values, n, NULL);
    return ORION_OK;
}

static bool is_item(const placer *p, uint32_t id) {
    for (size_t i = 0; i < p->item_count; i++) {
        if (p->items[i].id == id) return is_packed(p, &p->items[i]);
    }
    return false;
}

static orion_status place_inputs(placer *p) {
    for (size_t i = 0; i < orion_ir_graph_input_count(p->from); i++) {
        orion_ir_value v = orion_ir_graph_input(p->from, i);
        const char *name = orion_ir_value_name(p->from, v);
        bool done = false;
        p->given[v.id] = orion_ir_input(p->before, name, type_of(p, v.id));
        if (p->placement == ORION_MIL_PLACE_CONST) TRY(bind_constant(p, v.id, name, &done));
        if (p->placement == ORION_MIL_PLACE_PACKED) done = is_item(p, v.id);
        if (!done) pass_on(p, v.id, name);
    }
    return ORION_OK;
}

static void place_constants(placer *p) {
    mil_foreach_node(p->from, n) {
        orion_ir_value v = orion_ir_node_result(n, 0);
        bool packed = p->placement == ORION_MIL_PLACE_PACKED && is_item(p, v.id);
        if (!packed && !(p->placement == ORION_MIL_PLACE_INPUT && is_large(p, n))) continue;
        char made_up[32];
        const char *name = orion_ir_value_name(p->from, v);
        p->given[v.id] = mil_emit_like(p->before, p->from, n, NULL);
        if (packed) continue;
        if (name == NULL) make_name(p, "weight", made_up);
        pass_on(p, v.id, name == NULL ? made_up : name);
    }
}

/* ---- the rest of the graph ---- */

static orion_status copy_rest(placer *p) {
    mil_rewrite r = {.from = p->from, .allocator = p->allocator, .diag = p->diag};
    r.b = p->b;
    r.map = p->placed;
    for (uint32_t id = 0; id < orion_ir_graph_value_bound(p->from); id++)
        r.bound = ORN_MAX(r.bound, p->placed[id].id);
    mil_foreach_node(p->from, n) {
        if (p->placed[orion_ir_node_result(n, 0).id].id == 0) TRY(mil_keep(&r, n));
    }
    for (size_t i = 0; i < orion_ir_graph_output_count(p->from); i++)
        orion_ir_output(p->b, orion_ir_graph_output_name(p->from, i),
                        p->placed[orion_ir_graph_output(p->from, i).id]);
    return ORION_OK;
}

static orion_status place(placer *p, orion_ir_graph **out_before, orion_ir_graph **out_graph) {
    TRY(take_names(p));
    if (p->placement == ORION_MIL_PLACE_PACKED) TRY(find_items(p));
    TRY(place_inputs(p));
    place_constants(p);
    TRY(pack(p));
    TRY(copy_rest(p));
    TRY(orion_ir_builder_finish(&p->before, p->diag, out_before));
    return orion_ir_builder_finish(&p->b, p->diag, out_graph);
}

orion_status orion_mil_place(const orion_ir_graph *graph, orion_mil_placement placement,
                             const orion_mil_place_options *options,
                             const orion_allocator *allocator, orion_diag *diag,
                             orion_ir_graph **out_before, orion_ir_graph **out_graph) {
    placer p = {.allocator = orn_allocator(allocator), .diag = diag, .from = graph};
    *out_before = *out_graph = NULL;
    TRY(orn_check_size(options, &p.options, sizeof p.options));
    p.placement = placement;
    if (placement < ORION_MIL_PLACE_CONST || placement > ORION_MIL_PLACE_PACKED) {
        ORN_ERROR(diag, MIL_PLACEMENT, NULL, "there is no placement %d", (int)placement);
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    size_t bytes = orion_ir_graph_value_bound(graph) * sizeof *p.given;
    orn_map_init(&p.names, &p.allocator);
    p.given = orn_zalloc(&p.allocator, bytes);
    p.placed = orn_zalloc(&p.allocator, bytes);
    orion_status status = p.given == NULL || p.placed == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) status = orion_ir_builder_create("before", &p.allocator, &p.before);
    if (status == ORION_OK)
        status = orion_ir_builder_create(orion_ir_graph_name(graph), &p.allocator, &p.b);
    if (status == ORION_OK) status = place(&p, out_before, out_graph);
    if (status != ORION_OK) orion_ir_graph_destroy(out_before);
    orion_ir_builder_destroy(&p.before);
    orion_ir_builder_destroy(&p.b);
    orn_free(&p.allocator, p.given, bytes);
    orn_free(&p.allocator, p.placed, bytes);
    orn_free(&p.allocator, p.items, p.item_capacity * sizeof *p.items);
    orn_free(&p.allocator, p.groups, p.group_capacity * sizeof *p.groups);
    orn_map_free(&p.names);
    return status;
}
