/* SPDX-License-Identifier: MIT */
/* How targets and their rules are stored. */
#ifndef MIL_TARGET_H
#define MIL_TARGET_H

#include "mil-internal.h"

/* Limits by name; the order is that of limit_names in target.c. 0: no such limit. */
typedef enum mil_limit {
    MIL_LIMIT_RANK,
    MIL_LIMIT_WIDTH,
    MIL_LIMIT_HEIGHT,
    MIL_LIMIT_CHANNELS,
    MIL_LIMIT_KERNEL_WIDTH,
    MIL_LIMIT_KERNEL_HEIGHT,
    MIL_LIMIT_CONV_INPUT_CHANNELS,
    MIL_LIMIT_CONV_OUTPUT_CHANNELS,
    MIL_LIMIT_ARGUMENT_EXTENT,
    MIL_LIMIT_WEIGHT_FILES,
    MIL_LIMIT_PORTS,
    MIL_LIMIT_FUNCTIONS,
    MIL_LIMIT_FAN_IN,
    MIL_LIMIT_FAST_OPERAND_BYTES,
    MIL_LIMIT_ROW_ELEMENTS,
    MIL_LIMIT_MIN_SURFACE_BYTES,
    MIL_LIMIT_PROGRAM_BYTES,
    MIL_LIMIT_COUNT
} mil_limit;

/* Figures of speed by name; the order is that of figure_names in target.c. 0: not known. */
typedef enum mil_figure {
    MIL_FIGURE_DISPATCH_NS,
    MIL_FIGURE_MATMUL_FLOPS,
    MIL_FIGURE_CONV_FLOPS,
    MIL_FIGURE_WEIGHT_BYTES,
    MIL_FIGURE_PORT_BYTES,
    MIL_FIGURE_STREAMED_PERCENT,
    MIL_FIGURE_COMPILE_NS,
    MIL_FIGURE_COMPILE_OP_NS,
    MIL_FIGURE_COMPILE_BYTE_PS,
    MIL_FIGURE_LOAD_NS,
    MIL_FIGURE_RELOAD_NS,
    MIL_FIGURE_HOST_FLOPS,
    MIL_FIGURE_HOST_BYTES,
    MIL_FIGURE_COUNT
} mil_figure;

/* A model op that the target takes as one op of MIL. */
typedef struct mil_whole_op {
    const char *op, *source;
} mil_whole_op;

typedef struct mil_names {
    const char **names;
    size_t count, capacity;
} mil_names;

typedef struct mil_rule {
    orion_mil_rule shown;
    mil_names targets; /* for which it holds, and for those based on them */
} mil_rule;

typedef struct mil_refused_op {
    const char *op, *rule, *source;
    bool doubtful;
} mil_refused_op;

/* A change of a rule's level, with its place for the message if there is no such rule. */
typedef struct mil_level {
    const char *id, *path;
    uint32_t level;
    bool off;
    uint32_t line, column;
} mil_level;

struct orion_mil_target {
    orn_arena arena; /* every string */
    const char *name, *summary;
    bool paper;      /* rules are meant as the paper words them, not as they were explained */
    mil_names chain; /* this target and what it is based on */
    mil_names chips;
    uint64_t limits[MIL_LIMIT_COUNT];
    const char *limit_sources[MIL_LIMIT_COUNT]; /* NULL: no such limit */
    uint64_t figures[MIL_FIGURE_COUNT];
    const char *figure_sources[MIL_FIGURE_COUNT]; /* NULL: not known */
    mil_rule *rules;
    size_t rule_count, rule_capacity;
    mil_refused_op *ops;
    size_t op_count, op_capacity;
    mil_whole_op *whole;
    size_t whole_count, whole_capacity;
    mil_level *levels;
    size_t level_count, level_capacity;
};

/* The YAML files that are compiled in, sorted by name. */
typedef struct mil_embedded {
    const char *name, *text;
    size_t length;
} mil_embedded;
extern const mil_embedded mil_embedded_files[];
extern const size_t mil_embedded_count;

/* ---- target.c ---- */
/* The number of a limit, or MIL_LIMIT_COUNT. */
mil_limit mil_limit_find(const char *name);
/* The number of a figure, or MIL_FIGURE_COUNT. */
mil_figure mil_figure_find(const char *name);
/* Does the rule of that id hold for the target? */
bool mil_rule_holds(const orion_mil_target *t, const char *id);
/* The limit, or UINT64_MAX. */
uint64_t mil_target_limit(const orion_mil_target *t, mil_limit limit);
bool mil_names_add(orion_mil_target *t, mil_names *names, const char *name, size_t n);
mil_rule *mil_rule_find(const orion_mil_target *t, const char *id);
const mil_embedded *mil_embedded_find(const char *name);
/* A target from text; see orion_mil_target_load. */
orion_status mil_target_parse(const char *text, size_t length, const char *path,
                              const orion_allocator *allocator, orion_diag *diag,
                              orion_mil_target **out_target);

/* ---- target-read.c ---- */
/* Read one file on top of what `t` has. With `only_rules` it is rules.yaml. */
orion_status mil_target_read(orion_mil_target *t, const char *text, size_t length, const char *path,
                             bool only_rules, unsigned depth, orion_diag *diag);

#endif
