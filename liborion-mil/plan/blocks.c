/* SPDX-License-Identifier: MIT */
/*
 * Where a list of steps is cut.
 *
 * Layers are blocks of steps that repeat. Each step has a fingerprint: its op, attributes and
 * types, and what kind its operands are. A list has period d where fingerprints d apart are equal.
 * Distances between steps of one fingerprint and the last before it vote for periods; the one whose
 * longest run covers most is taken, if that is half of the list at least: what repeats inside of a
 * layer is no layer. Inside a period the cut goes where the fewest bytes cross,
 * which is where only the stream of activations does: between layers. What stands before the first
 * cut and behind the last is a part of its own.
 *
 * All parts of equal length at equal places of the period look alike, so they become one program
 * if their constants are the same or inputs (emit.c compares them in full).
 */
#include "../mil-plan.h"

/* ---- fingerprints ---- */

static uint64_t hash_type(orion_ir_type type, uint64_t seed) {
    return orn_hash_bytes(type.dims, type.rank * sizeof *type.dims,
                          seed * 31 + type.dtype * 16 + type.rank);
}

static uint64_t hash_attributes(const orion_ir_node *n, uint64_t seed) {
    const orion_ir_attr_info *info;
    for (size_t i = 0; (info = orion_ir_op_attr(orion_ir_node_op(n), i)) != NULL; i++) {
        size_t count = 0;
        const int64_t *ints = orion_ir_node_ints(n, info->name, &count);
        int64_t number = orion_ir_node_int(n, info->name);
        double real = orion_ir_node_float(n, info->name);
        if (count != 0) seed = orn_hash_bytes(ints, count * sizeof *ints, seed);
        seed = orn_hash_bytes(&number, sizeof number, seed);
        seed = orn_hash_bytes(&real, sizeof real, seed);
    }
    return seed;
}

static uint64_t fingerprint(const mil_planner *p, const orion_ir_node *n) {
    uint64_t h = hash_attributes(n, (uint64_t)orion_ir_node_op(n) + 1);
    for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
        orion_ir_value v = orion_ir_node_input(n, i);
        bool constant = mil_is_const_node(orion_ir_value_node(p->g, v));
        h = hash_type(orion_ir_value_type(p->g, v), h) + (constant ? 1 : 2);
    }
    for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
        h = hash_type(orion_ir_value_type(p->g, orion_ir_node_result(n, i)), h);
    return h;
}

/* ---- periods ---- */

typedef struct run {
    size_t begin, period, length; /* length: steps in all, a multiple of the period or more */
} run;

typedef struct cutter {
    mil_planner *p;
    size_t begin, count;    /* the list: steps [begin, begin + count) */
    const uint64_t *prints; /* of these steps */
    const uint64_t *live;   /* bytes that cross in front of each */
} cutter;

/* Distances from each step to the last with its fingerprint, as votes. */
static orion_status vote(const cutter *c, uint32_t *votes) {
    orn_map last;
    orion_status status = ORION_OK;
    orn_map_init(&last, &c->p->allocator);
    for (size_t i = 0; i < c->count && status == ORION_OK; i++) {
        const char *key = (const char *)&c->prints[i];
        const uint32_t *before = orn_map_get(&last, key, sizeof c->prints[i]);
        if (before != NULL) votes[i - *before]++;
        status = orn_map_put(&last, key, sizeof c->prints[i], (uint32_t)i);
    }
    orn_map_free(&last);
    return status;
}

static run longest_run(const cutter *c, size_t period) {
    run best = {0, period, 0};
    size_t begin = 0;
    for (size_t i = 0; i + period <= c->count; i++) {
        bool equal = i + period < c->count && c->prints[i] == c->prints[i + period];
        if (equal) continue;
        size_t length = i - begin + period;
        if (i - begin >= period && length > best.length) best = (run){begin, period, length};
        begin = i + 1;
    }
    return best;
}

static orion_status find_run(const cutter *c, run *best) {
    enum { CANDIDATES = 8, SHORTEST = 3 };
    size_t bytes = (c->count + 1) * sizeof(uint32_t);
    uint32_t *votes = orn_zalloc(&c->p->allocator, bytes);
    *best = (run){0, 0, 0};
    if (votes == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = vote(c, votes);
    for (int k = 0; k < CANDIDATES && status == ORION_OK; k++) {
        size_t period = 0;
        for (size_t d = SHORTEST; d <= c->count / 2; d++) {
            if (votes[d] != 0 && (period == 0 || votes[d] > votes[period])) period = d;
        }
        if (period == 0) break;
        votes[period] = 0;
        run found = longest_run(c, period);
        bool longer = found.length > best->length;
        bool shorter = found.length == best->length && found.period < best->period;
        if (longer || (shorter && found.length != 0)) *best = found;
    }
    orn_free(&c->p->allocator, votes, bytes);
    return status;
}

/* Where in the period the fewest bytes cross, looked at in the middle of the run. */
static size_t best_offset(const cutter *c, const run *r) {
    size_t copies = r->length / r->period, best = 0;
    size_t middle = r->begin + (copies / 2) * r->period;
    for (size_t k = 1; k < r->period; k++) {
        size_t at = middle + k < c->count ? middle + k : middle;
        if (c->live[at] < c->live[middle + best]) best = k;
    }
    return best;
}

/* ---- live bytes ---- */

/* live[k]: bytes made in front of step k of the list and used there or behind it, in the list. */
static orion_status find_live(const mil_planner *p, size_t begin, size_t count, uint64_t *live) {
    size_t *last = orn_zalloc(&p->allocator, count * sizeof *last);
    if (last == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t k = 0; k < count; k++) {
        const orion_ir_node *n = p->steps[begin + k].node;
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
            size_t made = p->step_of[orion_ir_node_input(n, i).id];
            if (made > begin) last[made - 1 - begin] = k;
        }
    }
    memset(live, 0, (count + 1) * sizeof *live);
    for (size_t k = 0; k < count; k++) {
        const orion_ir_node *n = p->steps[begin + k].node;
        if (last[k] == 0) continue;
        uint64_t bytes = 0;
        for (size_t i = 0; i < orion_ir_node_result_count(n); i++)
            bytes += mil_value_bytes(p->g, orion_ir_node_result(n, i));
        live[k + 1] += bytes;
        live[last[k] + 1] -= bytes; /* wraps, and so does the sum */
    }
    for (size_t k = 1; k <= count; k++) live[k] += live[k - 1];
    orn_free(&p->allocator, last, count * sizeof *last);
    return ORION_OK;
}

/* ---- limits ---- */

typedef struct size_of_part {
    uint64_t constant_bytes, inputs, outputs;
} size_of_part;

/* `seen` is by value id, with `mark` for this part. */
static size_of_part measure(const mil_planner *p, size_t begin, size_t count, uint32_t *seen,
                            uint32_t mark) {
    size_of_part s = {0, 0, 0};
    for (size_t k = begin; k < begin + count; k++) {
        const orion_ir_node *n = p->steps[k].node;
        for (size_t i = 0; i < orion_ir_node_input_count(n); i++) {
            orion_ir_value v = orion_ir_node_input(n, i);
            size_t made = p->step_of[v.id];
            if (seen[v.id] == mark || (made > begin && made <= begin + count)) continue;
            seen[v.id] = mark;
            if (mil_is_const_node(orion_ir_value_node(p->g, v))) {
                s.constant_bytes += mil_value_bytes(p->g, v);
            } else {
                s.inputs++;
            }
        }
        s.outputs += orion_ir_node_result_count(n);
    }
    return s;
}

static orion_status add_part(mil_planner *p, size_t begin, size_t count) {
    if (!ORN_GROW(&p->allocator, p->parts, p->part_capacity, p->part_count + 1))
        return ORION_ERROR_NO_MEMORY;
    for (size_t k = begin; k < begin + count; k++) p->steps[k].part = (uint32_t)p->part_count;
    p->parts[p->part_count++] =
        (mil_part){.begin = begin, .count = count, .side = p->steps[begin].side};
    return ORION_OK;
}

typedef struct limits {
    uint64_t constant_bytes, ports;
    uint32_t *seen;
    uint32_t mark;
} limits;

/* A part, cut again and again where the fewest bytes cross until it keeps the limits. Outputs are
 * counted from above: every result might be one. */
static orion_status add_within(const cutter *c, limits *l, size_t begin, size_t count) {
    mil_planner *p = c->p;
    if (count == 0) return ORION_OK;
    size_of_part s = measure(p, begin, count, l->seen, ++l->mark);
    bool fits = s.constant_bytes <= l->constant_bytes && s.inputs <= l->ports;
    if (p->steps[begin].side == MIL_SIDE_HOST || fits) return add_part(p, begin, count);
    if (count == 1) {
        const char *op = orion_ir_op_find(orion_ir_node_op(p->steps[begin].node))->name;
        ORN_ERROR(p->diag, MIL_PLAN, op,
                  "one %s has %llu bytes of constants and %llu inputs, more than %s takes", op,
                  (unsigned long long)s.constant_bytes, (unsigned long long)s.inputs,
                  orion_mil_target_name(p->target));
        return ORION_ERROR_UNSUPPORTED;
    }
    size_t best = count / 2;
    for (size_t k = ORN_MAX(count / 4, (size_t)1); k < count - count / 4; k++) {
        if (c->live[begin - c->begin + k] < c->live[begin - c->begin + best]) best = k;
    }
    TRY(add_within(c, l, begin, best));
    return add_within(c, l, begin + best, count - best);
}

/* ---- the whole ---- */

static orion_status cut_list(const cutter *c, limits *l) {
    run r;
    TRY(find_run(c, &r));
    size_t at = 0, blocks = ORN_MAX(c->p->options.blocks, 1u);
    if (r.length * 2 > c->count && !c->p->whole_phases) {
        size_t cut = r.begin + best_offset(c, &r), end = r.begin + r.length;
        TRY(add_within(c, l, c->begin, cut));
        for (at = cut; at + r.period <= end;) {
            size_t left = (end - at) / r.period, count = ORN_MIN(blocks, left) * r.period;
            TRY(add_within(c, l, c->begin + at, count));
            at += count;
        }
    }
    return add_within(c, l, c->begin + at, c->count - at);
}

static orion_status cut_between(mil_planner *p, limits *l, size_t begin, size_t count) {
    cutter c = {.p = p, .begin = begin, .count = count};
    uint64_t *prints = orn_alloc(&p->allocator, count * sizeof *prints);
    uint64_t *live = orn_alloc(&p->allocator, (count + 1) * sizeof *live);
    orion_status status =
        prints == NULL || live == NULL ? ORION_ERROR_NO_MEMORY : find_live(p, begin, count, live);
    if (status == ORION_OK) {
        for (size_t k = 0; k < count; k++) prints[k] = fingerprint(p, p->steps[begin + k].node);
        c.prints = prints;
        c.live = live;
        status = cut_list(&c, l);
    }
    orn_free(&p->allocator, prints, count * sizeof *prints);
    orn_free(&p->allocator, live, (count + 1) * sizeof *live);
    return status;
}

orion_status mil_cut_parts(mil_planner *p) {
    limits l = {.ports = mil_target_limit(p->target, MIL_LIMIT_PORTS)};
    l.constant_bytes = p->options.constant_bytes != 0
                           ? p->options.constant_bytes
                           : mil_target_limit(p->target, MIL_LIMIT_PROGRAM_BYTES);
    l.seen = orn_zalloc(&p->allocator, p->value_bound * sizeof *l.seen);
    if (l.seen == NULL) return ORION_ERROR_NO_MEMORY;
    orion_status status = ORION_OK;
    for (size_t begin = 0, end; begin < p->step_count && status == ORION_OK; begin = end) {
        const mil_step *first = &p->steps[begin];
        for (end = begin; end < p->step_count && p->steps[end].phase == first->phase &&
                          p->steps[end].side == first->side;)
            end++;
        status = cut_between(p, &l, begin, end - begin);
    }
    orn_free(&p->allocator, l.seen, p->value_bound * sizeof *l.seen);
    return status;
}
