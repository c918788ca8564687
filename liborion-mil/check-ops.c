/* SPDX-License-Identifier: MIT */
/* Rules that one statement keeps or breaks. */
#include "mil-check.h"

#define CHECK(name) static void name(mil_checker *c, const orion_mil_statement *s)

static bool has(const orion_mil_statement *s, const char *argument) {
    return orion_mil_statement_find_argument(s, argument) != NULL;
}

/* A literal without a type in front, such as `axis = 1`. */
static bool is_untyped(const orion_mil_value *v) {
    return v != NULL && v->type == NULL && v->form != ORION_MIL_VALUE_NAME &&
           v->form != ORION_MIL_VALUE_TUPLE;
}

static int64_t extent(const orion_mil_type *type, uint32_t i) {
    return type->dims[i].extent;
}

/* ---- ops that are refused, or only when a parameter is left out ---- */

/* Refused as such by the paper; explained by the parameter that was left out. */
static void refused_without(mil_checker *c, const orion_mil_statement *s, const char *parameter) {
    if (c->target->paper) {
        mil_finding(c, mil_place_of(s), "%s is refused", s->op);
    } else if (!has(s, parameter)) {
        mil_finding(c, mil_place_of(s), "%s without %s is refused", s->op, parameter);
    }
}

CHECK(concat) {
    const orion_mil_value *axis = orion_mil_statement_find_argument(s, "axis");
    if (!c->target->paper && has(s, "interleave") && is_untyped(axis)) {
        mil_finding(c, mil_place_of(s), "the axis of concat has no type");
    } else {
        refused_without(c, s, "interleave");
    }
}

CHECK(gelu) {
    refused_without(c, s, "mode");
}

CHECK(rsqrt) {
    refused_without(c, s, "epsilon");
}

CHECK(neg) {
    mil_finding(c, mil_place_of(s), "there is no op neg");
}

CHECK(matmul_flags) {
    static const char *const flags[] = {"transpose_x", "transpose_y"};
    for (size_t i = 0; i < ORN_COUNT(flags); i++) {
        const orion_mil_value *v = orion_mil_statement_find_argument(s, flags[i]);
        bool inline_flag =
            v != NULL && v->form != ORION_MIL_VALUE_NAME && (c->target->paper || v->type == NULL);
        if (v != NULL && !inline_flag) continue;
        mil_finding(c, mil_place_of(s),
                    v == NULL ? "matmul has no %s" : "%s of matmul is not a named const", flags[i]);
        return;
    }
}

CHECK(implicit_parameters) {
    static const struct {
        const char *op, *parameters[6];
    } rows[] = {
        {"conv", {"pad_type", "strides", "pad", "dilations", "groups"}},
        {"softmax", {"axis"}},
        {"reduce_sum", {"keep_dims"}},
        {"reduce_mean", {"keep_dims"}},
        {"reduce_max", {"keep_dims"}},
        {"reduce_min", {"keep_dims"}},
        {"reduce_l2_norm", {"keep_dims"}},
        {"reduce_sum_square", {"keep_dims"}},
        {"reduce_log_sum_exp", {"keep_dims"}},
        {"reduce_argmax", {"axis", "keep_dims"}},
        {"reduce_argmin", {"axis", "keep_dims"}},
        {"log", {"epsilon"}},
        {"layer_norm", {"epsilon"}},
        {"instance_norm", {"epsilon"}},
        {"batch_norm", {"epsilon"}},
        {"pad", {"mode", "constant_val"}},
        {"leaky_relu", {"alpha"}},
        {"elu", {"alpha"}},
        {"gather", {"axis"}},
    };
    for (size_t i = 0; i < ORN_COUNT(rows); i++) {
        if (strcmp(rows[i].op, s->op) != 0) continue;
        for (const char *const *p = rows[i].parameters; *p != NULL; p++) {
            if (has(s, *p)) continue;
            mil_finding(c, mil_place_of(s), "%s leaves %s to a default", s->op, *p);
            return;
        }
    }
}

CHECK(attention_mask) {
    if (has(s, "attn_mask")) mil_finding(c, mil_place_of(s), "the attn_mask is ignored");
}

CHECK(matmul_of_constant) {
    const char *const names[] = {"x", "y"};
    for (size_t i = 0; i < ORN_COUNT(names); i++) {
        const orion_mil_value *v = orion_mil_statement_find_argument(s, names[i]);
        if (v == NULL || !mil_is_constant(c, v)) continue;
        mil_finding(c, mil_place_of(s), "matmul by constant weights is slower than a 1x1 conv");
        return;
    }
}

/* ---- conv ---- */

CHECK(conv_bias) {
    const orion_mil_type *bias = mil_argument_type(c, s, "bias");
    if (!has(s, "bias")) return;
    if (c->target->paper) {
        mil_finding(c, mil_place_of(s), "conv with a bias is refused");
    } else if (mil_is_shaped(bias, 0) && bias->rank != 1) {
        mil_finding(c, mil_place_of(s), "the bias of conv has rank %u, not 1", bias->rank);
    }
}

CHECK(conv_channels) {
    const orion_mil_type *x = mil_argument_type(c, s, "x"), *w = mil_argument_type(c, s, "weight");
    if (mil_is_shaped(x, 3) &&
        (uint64_t)extent(x, 1) > mil_limit_of(c, MIL_LIMIT_CONV_INPUT_CHANNELS)) {
        mil_finding(c, mil_place_of(s), "conv has %lld input channels", (long long)extent(x, 1));
    } else if (mil_is_shaped(w, 3) &&
               (uint64_t)extent(w, 0) > mil_limit_of(c, MIL_LIMIT_CONV_OUTPUT_CHANNELS)) {
        mil_finding(c, mil_place_of(s), "conv has %lld output channels", (long long)extent(w, 0));
    }
}

CHECK(conv_kernel) {
    const orion_mil_type *w = mil_argument_type(c, s, "weight");
    if (!mil_is_shaped(w, 3)) return;
    uint64_t width = (uint64_t)extent(w, w->rank - 1);
    uint64_t height = w->rank > 3 ? (uint64_t)extent(w, w->rank - 2) : 1;
    uint64_t widest = mil_limit_of(c, MIL_LIMIT_KERNEL_WIDTH);
    uint64_t highest = mil_limit_of(c, MIL_LIMIT_KERNEL_HEIGHT);
    if (width <= widest && height <= highest) return;
    mil_finding(c, mil_place_of(s), "the kernel is %llu high and %llu wide, more than %llu by %llu",
                (unsigned long long)height, (unsigned long long)width, (unsigned long long)highest,
                (unsigned long long)widest);
}

/* Has the literal list a number other than 1? */
static bool has_other_than_one(const orion_mil_value *list) {
    for (size_t i = 0; i < orion_mil_value_count(list); i++) {
        if (orion_mil_value_int(orion_mil_value_item(list, i)) != 1) return true;
    }
    return false;
}

CHECK(dynamic_conv) {
    const orion_mil_value *w = orion_mil_statement_find_argument(s, "weight");
    const orion_mil_type *x = mil_argument_type(c, s, "x");
    if (w == NULL || mil_is_constant(c, w)) return;
    if (mil_is_shaped(x, 1) && extent(x, 0) != 1) {
        mil_finding(c, mil_place_of(s), "conv has computed weights and batch %lld",
                    (long long)extent(x, 0));
    } else if (has_other_than_one(
                   mil_constant(c, orion_mil_statement_find_argument(s, "dilations")))) {
        mil_finding(c, mil_place_of(s), "conv has computed weights and dilations");
    }
}

/* ---- shapes ---- */

void mil_check_extents(mil_checker *c, const orion_mil_type *type, const char *name, mil_place at) {
    static const char *const axes[] = {"last axis", "second last axis", "axis"};
    const mil_limit limits[] = {MIL_LIMIT_WIDTH, MIL_LIMIT_HEIGHT, MIL_LIMIT_CHANNELS};
    if (type->form != ORION_MIL_TYPE_TENSOR) return;
    if (type->rank > mil_limit_of(c, MIL_LIMIT_RANK))
        mil_finding(c, at, "'%s' has rank %u", name, type->rank);
    for (uint32_t i = 0; i < type->rank; i++) {
        uint32_t from_end = ORN_MIN(type->rank - 1 - i, 2u);
        int64_t n = extent(type, i);
        if (type->dims[i].symbol != NULL ||
            (n > 0 && (uint64_t)n <= mil_limit_of(c, limits[from_end])))
            continue;
        mil_finding(c, at, "the %s of '%s' has extent %lld", axes[from_end], name, (long long)n);
        return;
    }
}

CHECK(extents) {
    if (strcmp(s->op, "const") == 0) return;
    for (uint32_t r = 0; r < s->result_count; r++) {
        const mil_port *result = &s->results[r];
        mil_check_extents(c, result->type, result->name, (mil_place){result->line, result->column});
    }
}

CHECK(argument_extent) {
    const orion_mil_type *x = mil_argument_type(c, s, "x");
    const orion_mil_value *axis = mil_constant(c, orion_mil_statement_find_argument(s, "axis"));
    if (strncmp(s->op, "reduce_arg", strlen("reduce_arg")) != 0 || !mil_is_shaped(x, 1)) return;
    int64_t i = axis == NULL ? -1 : orion_mil_value_int(axis);
    if (i < 0) i += x->rank;
    if (i < 0 || i >= x->rank) return;
    if ((uint64_t)extent(x, (uint32_t)i) > mil_limit_of(c, MIL_LIMIT_ARGUMENT_EXTENT))
        mil_finding(c, mil_place_of(s), "%s goes over %lld elements", s->op,
                    (long long)extent(x, (uint32_t)i));
}

CHECK(slice_offset) {
    const orion_mil_value *begin = mil_constant(c, orion_mil_statement_find_argument(s, "begin"));
    size_t n = orion_mil_value_count(begin);
    bool is_slice = strcmp(s->op, "slice_by_index") == 0 || strcmp(s->op, "slice_by_size") == 0;
    if (!is_slice || n == 0) return;
    int64_t at = orion_mil_value_int(orion_mil_value_item(begin, n - 1));
    const orion_mil_value *mask =
        mil_constant(c, orion_mil_statement_find_argument(s, "begin_mask"));
    if (at == 0 || orion_mil_value_int(orion_mil_value_item(mask, n - 1)) != 0) return;
    mil_finding(c, mil_place_of(s), "the slice begins at %lld of the last axis", (long long)at);
}

/* ---- what no back end supports ---- */

static bool is_symbolic(const orion_mil_type *type) {
    for (uint32_t i = 0; type->form == ORION_MIL_TYPE_TENSOR && i < type->rank; i++) {
        if (type->dims[i].symbol != NULL) return true;
    }
    return false;
}

CHECK(unsupported_form) {
    for (uint32_t r = 0; r < s->result_count; r++) {
        const mil_port *result = &s->results[r];
        if (!is_symbolic(result->type)) continue;
        mil_finding(c, (mil_place){result->line, result->column}, "'%s' has symbolic extents",
                    result->name);
        return;
    }
}

CHECK(conv_rank) {
    const orion_mil_type *x = mil_argument_type(c, s, "x");
    if (mil_is_shaped(x, 5)) mil_finding(c, mil_place_of(s), "conv in 3 dimensions");
}

/* Only the last two axes can be padded: all but the last four numbers must be 0. */
CHECK(pad_axes) {
    const orion_mil_value *pad = mil_constant(c, orion_mil_statement_find_argument(s, "pad"));
    for (size_t i = 0; i + 4 < orion_mil_value_count(pad); i++) {
        if (orion_mil_value_int(orion_mil_value_item(pad, i)) == 0) continue;
        mil_finding(c, mil_place_of(s), "pad of another axis than the last two");
        return;
    }
}

CHECK(fan_in) {
    for (uint32_t i = 0; i < s->argument_count; i++) {
        const orion_mil_value *v = &s->arguments[i].value;
        if (v->form != ORION_MIL_VALUE_TUPLE || v->count <= mil_limit_of(c, MIL_LIMIT_FAN_IN))
            continue;
        mil_finding(c, mil_place_of(s), "%s joins %u values", s->op, v->count);
        return;
    }
}

/* ---- weight files ---- */

static void check_entry(mil_checker *c, const orion_mil_value *v, const orion_mil_type *type) {
    uint64_t offset = orion_mil_value_offset(v);
    const char *path = orion_mil_value_text(v);
    mil_place at = {v->line, v->column};
    if (offset < 64 || offset % 64 != 0) {
        mil_finding(c, at, "offset %llu is not that of an entry's metadata",
                    (unsigned long long)offset);
        return;
    }
    orion_blob *blob = orion_mil_weights_find(c->weights, path);
    if (blob == NULL) return;
    orion_mil_blob_entry entry = {.size = sizeof entry};
    orion_mil_dtype dtype = type == NULL ? ORION_MIL_DTYPE_NONE : (orion_mil_dtype)type->dtype;
    if (orion_mil_blob_read(blob, offset, dtype, NULL, NULL, &entry) != ORION_OK) {
        mil_finding(c, at, "'%s' has no entry of %s with its metadata at %llu", path,
                    orion_mil_dtype_name(dtype), (unsigned long long)offset);
    } else if (mil_is_shaped(type, 0) && entry.bytes != mil_type_bytes(type)) {
        mil_finding(c, at, "the entry has %llu bytes, its type %llu",
                    (unsigned long long)entry.bytes, (unsigned long long)mil_type_bytes(type));
    }
}

CHECK(blob_offsets) {
    for (uint32_t i = 0; i < s->attribute_count + s->argument_count; i++) {
        const mil_binding *b =
            i < s->attribute_count ? &s->attributes[i] : &s->arguments[i - s->attribute_count];
        if (b->value.form == ORION_MIL_VALUE_BLOB) check_entry(c, &b->value, b->value.type);
    }
}

const mil_statement_check mil_statement_checks[] = {
    {"E-1", "concat", concat},
    {"E-6", "scaled_dot_product_attention", attention_mask},
    {"E-8", NULL, blob_offsets},
    {"E-10", "gelu", gelu},
    {"E-12", "matmul", matmul_flags},
    {"E-13", "conv", conv_bias},
    {"E-16", "conv", conv_channels},
    {"E-17", "matmul", matmul_of_constant},
    {"X-4", "rsqrt", rsqrt},
    {"X-6", "conv", conv_kernel},
    {"X-7", NULL, extents},
    {"X-7", NULL, argument_extent},
    {"X-9", NULL, slice_offset},
    {"X-10", "conv", dynamic_conv},
    {"X-13", NULL, unsupported_form},
    {"X-13", "conv", conv_rank},
    {"X-13", "pad", pad_axes},
    {"X-22", NULL, fan_in},
    {"X-24", "neg", neg},
    {"H-1", NULL, implicit_parameters},
};
const size_t mil_statement_check_count = ORN_COUNT(mil_statement_checks);
