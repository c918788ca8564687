/* SPDX-License-Identifier: MIT */
/*
 * Images in another size. The place in the source that a place in the result looks at depends on
 * extents alone, so nearest neighbours are a gather and bilinear interpolation is a product with a
 * constant matrix, one for the rows and one for the columns.
 */
#include "mil-raise.h"

#include <math.h>

typedef const orion_mil_statement statement;

typedef enum sampling {
    STRICT_ALIGN_CORNERS, /* the corners' centres meet */
    ALIGN_CORNERS,        /* the same, but one place alone looks at the middle */
    DEFAULT,              /* place i looks at i * from / to */
    OFFSET_CORNERS,       /* the source's centres are spread, half a step from either end */
    UNALIGN_CORNERS,      /* pixels are areas that meet at their edges */
    SAMPLINGS
} sampling;

static const char *const sampling_names[SAMPLINGS] = {
    "STRICT_ALIGN_CORNERS", "ALIGN_CORNERS", "DEFAULT", "OFFSET_CORNERS", "UNALIGN_CORNERS"};

static orion_status sampling_mode(mil_raiser *r, statement *s, sampling *out) {
    const char *name = sampling_names[*out];
    bool given;
    TRY(mil_string(r, s, "sampling_mode", &given, &name));
    for (int i = 0; i < SAMPLINGS; i++) {
        *out = (sampling)i;
        if (strcmp(name, sampling_names[i]) == 0) return ORION_OK;
    }
    return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "there is no sampling_mode '%s'", name);
}

/* How an axis is read: `to` places from `from`. */
typedef struct ruler {
    int64_t from, to;
    double ratio; /* source places per place of the result, for DEFAULT and UNALIGN_CORNERS */
    sampling mode;
} ruler;

static double place(const ruler *l, int64_t i) {
    double last = (double)(l->from - 1), at = 0, steps = (double)(l->to - 1);
    double delta = fmax(1, last) / (double)l->to;
    switch (l->mode) {
    case STRICT_ALIGN_CORNERS: at = l->to == 1 ? 0 : (double)i * last / steps; break;
    case ALIGN_CORNERS: at = l->to == 1 ? last / 2 : (double)i * last / steps; break;
    case OFFSET_CORNERS: at = 0.5 * delta + (double)i * delta; break;
    case UNALIGN_CORNERS: at = ((double)i + 0.5) * l->ratio - 0.5; break;
    default: at = (double)i * l->ratio; break;
    }
    return fmin(fmax(at, 0), last);
}

/* ---- one axis ---- */

static orion_status nearest(mil_raiser *r, statement *s, orion_ir_value x, uint32_t axis,
                            const ruler *l, orion_ir_value *out) {
    int32_t *indices;
    TRY(mil_new_indices(r, s, l->to, &indices));
    for (int64_t i = 0; i < l->to; i++) {
        double at = floor((double)i * l->ratio + 1e-9); /* 3 * (1 / 3.0) is place 1 */
        indices[i] = (int32_t)fmin(at, (double)(l->from - 1));
    }
    *out = mil_take_list(r, x, indices, l->to, axis);
    return ORION_OK;
}

/* [to, from]: each row has the weights of the two places next to where it looks. */
static orion_status weights(mil_raiser *r, statement *s, const ruler *l, orion_ir_value *out) {
    float *w;
    TRY(mil_new_floats(r, s, l->to * l->from, &w));
    for (int64_t i = 0; i < l->to; i++) {
        double at = place(l, i), low = floor(at);
        int64_t first = (int64_t)low, second = ORN_MIN(first + 1, l->from - 1);
        w[i * l->from + first] += (float)(1 - (at - low));
        w[i * l->from + second] += (float)(at - low);
    }
    orion_ir_type type = orion_ir_type_make(ORION_IR_F32, 2, (const int64_t[]){l->to, l->from});
    *out = orion_ir_constant(r->b, type, w, (size_t)(l->to * l->from) * sizeof *w);
    return ORION_OK;
}

/* ---- height and width, the last two axes ---- */

static orion_status by_nearest(mil_raiser *r, statement *s, orion_ir_value x, const ruler *rulers,
                               orion_ir_value *out) {
    uint32_t rank = mil_raised_type(r, x).rank;
    *out = x;
    for (uint32_t i = 0; i < 2; i++) {
        if (rulers[i].from != rulers[i].to) TRY(nearest(r, s, *out, rank - 2 + i, &rulers[i], out));
    }
    return ORION_OK;
}

static orion_status by_bilinear(mil_raiser *r, statement *s, orion_ir_value x, const ruler *rulers,
                                orion_ir_value *out) {
    orion_ir_value rows, columns, y = mil_widen(r, x);
    TRY(weights(r, s, &rulers[0], &rows));
    TRY(weights(r, s, &rulers[1], &columns));
    y = orion_ir_matmul(r->b, y, columns, 0, 1);
    y = orion_ir_matmul(r->b, rows, y, 0, 0);
    *out = mil_to_dtype(r, y, mil_dtype_of(r, x));
    return ORION_OK;
}

/* x, and that it has two axes to resize. */
static orion_status image_operand(mil_raiser *r, statement *s, orion_ir_value *x, ruler *rulers) {
    TRY(mil_operand(r, s, "x", false, x));
    orion_ir_type type = mil_raised_type(r, *x);
    if (type.rank < 2) return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE, "x must have two axes");
    for (uint32_t i = 0; i < 2; i++) rulers[i].from = type.dims[type.rank - 2 + i];
    return ORION_OK;
}

static orion_status check_size(mil_raiser *r, statement *s, double to, ruler *l) {
    if (!(to >= 1 && to <= INT16_MAX))
        return mil_refuse(r, s, ORION_MESSAGE_MIL_PARAMETER, "the new extent must be in [1, %d]",
                          INT16_MAX);
    l->to = (int64_t)to;
    return ORION_OK;
}

/* scale_factor_height, scale_factor_width; a factor may be a fraction. */
static orion_status scale_factors(mil_raiser *r, statement *s, ruler *rulers) {
    static const char *const names[] = {"scale_factor_height", "scale_factor_width"};
    for (size_t i = 0; i < 2; i++) {
        double factor = 1;
        bool given;
        TRY(mil_float(r, s, names[i], &given, &factor));
        double to = floor((double)rulers[i].from * factor + 1e-6); /* 0.1 is not one in binary */
        TRY(check_size(r, s, to, &rulers[i]));
        rulers[i].ratio = 1 / factor;
    }
    return ORION_OK;
}

static orion_status target_sizes(mil_raiser *r, statement *s, ruler *rulers) {
    static const char *const names[] = {"target_size_height", "target_size_width"};
    for (size_t i = 0; i < 2; i++) {
        int64_t to = 1;
        bool given;
        TRY(mil_int(r, s, names[i], &given, &to));
        TRY(check_size(r, s, (double)to, &rulers[i]));
        rulers[i].ratio = (double)rulers[i].from / (double)to;
    }
    return ORION_OK;
}

/* ---- the ops ---- */

orion_status mil_raise_upsample_nearest(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "scale_factor_height", "scale_factor_width", NULL};
    orion_ir_value x;
    ruler rulers[2];
    TRY(mil_only(r, s, names));
    TRY(image_operand(r, s, &x, rulers));
    TRY(scale_factors(r, s, rulers));
    return by_nearest(r, s, x, rulers, out);
}

orion_status mil_raise_resize_nearest(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "target_size_height", "target_size_width", NULL};
    orion_ir_value x;
    ruler rulers[2];
    TRY(mil_only(r, s, names));
    TRY(image_operand(r, s, &x, rulers));
    TRY(target_sizes(r, s, rulers));
    return by_nearest(r, s, x, rulers, out);
}

/* half_pixel_centers is of ios16 and says how pixels lie when their corners are not aligned. */
orion_status mil_raise_upsample_bilinear(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {
        "x", "scale_factor_height", "scale_factor_width", "align_corners", "half_pixel_centers",
        NULL};
    orion_ir_value x;
    ruler rulers[2];
    bool given, align = true, half = true;
    TRY(mil_only(r, s, names));
    TRY(image_operand(r, s, &x, rulers));
    TRY(scale_factors(r, s, rulers));
    TRY(mil_bool(r, s, "align_corners", &given, &align));
    TRY(mil_bool(r, s, "half_pixel_centers", &given, &half));
    for (size_t i = 0; i < 2; i++)
        rulers[i].mode = align ? ALIGN_CORNERS : half ? UNALIGN_CORNERS : DEFAULT;
    return by_bilinear(r, s, x, rulers, out);
}

orion_status mil_raise_resize_bilinear(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"x", "target_size_height", "target_size_width",
                                        "sampling_mode", NULL};
    orion_ir_value x;
    ruler rulers[2];
    sampling mode = DEFAULT;
    TRY(mil_only(r, s, names));
    TRY(image_operand(r, s, &x, rulers));
    TRY(target_sizes(r, s, rulers));
    TRY(sampling_mode(r, s, &mode));
    rulers[0].mode = rulers[1].mode = mode;
    return by_bilinear(r, s, x, rulers, out);
}

/* Of ios17, for both: the last `resized_dims` numbers of `shape` are the new extents. */
orion_status mil_raise_resize(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {
        "x", "shape", "resized_dims", "interpolation_mode", "sampling_mode", NULL};
    orion_ir_value x;
    ruler rulers[2];
    mil_ints shape;
    int64_t resized;
    const char *how = "LINEAR";
    sampling mode = DEFAULT;
    bool given;
    TRY(mil_only(r, s, names));
    TRY(image_operand(r, s, &x, rulers));
    TRY(mil_integers(r, s, "shape", NULL, &shape));
    TRY(mil_int(r, s, "resized_dims", NULL, &resized));
    TRY(mil_string(r, s, "interpolation_mode", &given, &how));
    TRY(sampling_mode(r, s, &mode));
    bool linear = strcmp(how, "LINEAR") == 0, nearest_one = strcmp(how, "NEAREST_NEIGHBOR") == 0;
    bool good = resized >= 1 && resized <= 2 && shape.count >= (size_t)resized;
    if (!good || (!linear && !nearest_one) || (nearest_one && mode != DEFAULT)) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "one or two axes can be resized, LINEAR or NEAREST_NEIGHBOR, the latter "
                          "with sampling_mode DEFAULT");
    }
    for (size_t i = 0; i < 2; i++) {
        bool kept = i + (size_t)resized < 2;
        int64_t to = kept ? rulers[i].from : shape.items[shape.count - 2 + i];
        TRY(check_size(r, s, (double)to, &rulers[i]));
        rulers[i].ratio = (double)rulers[i].from / (double)to;
        rulers[i].mode = kept ? STRICT_ALIGN_CORNERS : mode; /* every place looks at itself */
    }
    return nearest_one ? by_nearest(r, s, x, rulers, out) : by_bilinear(r, s, x, rulers, out);
}
