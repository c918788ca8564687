/* SPDX-License-Identifier: MIT */
/*
 * MIL's quantisation and its compressed constants: numbers with a scale and an offset, per tensor,
 * per channel or per block, and indices into tables.
 *
 * In ios16 what a constexpr op is made of stands among its attributes, later among its arguments.
 */
#include "mil-raise.h"

typedef const orion_mil_statement statement;

/* v, a number or a vector along `axis` of x, with the rank that the IR wants. */
static orion_status along_axis(mil_raiser *r, statement *s, orion_ir_type x, orion_ir_value *v) {
    orion_ir_type type = mil_raised_type(r, *v);
    int64_t dims[ORION_IR_RANK_MAX] = {1, 1, 1, 1, 1, 1, 1, 1};
    uint32_t axis;
    if (v->id == 0 || type.rank == 0) return ORION_OK;
    if (type.rank != 1 || x.rank == 0) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "scale and zero_point must be numbers or vectors");
    }
    TRY(mil_axis(r, s, "axis", x.rank, 0, &axis));
    if (type.dims[0] != 1 && type.dims[0] != x.dims[axis]) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "a vector of %lld stands along axis %u of extent %lld",
                          (long long)type.dims[0], (unsigned)axis, (long long)x.dims[axis]);
    }
    dims[axis] = type.dims[0];
    *v = orion_ir_reshape(r->b, *v, dims, x.rank);
    return ORION_OK;
}

/* The operands x, scale and perhaps a zero point, as the IR's ops have them. */
static orion_status affine_operands(mil_raiser *r, statement *s, const char *x_name,
                                    orion_ir_value in[3], size_t *count) {
    TRY(mil_operand(r, s, x_name, false, &in[0]));
    TRY(mil_operand(r, s, "scale", false, &in[1]));
    TRY(mil_operand(r, s, "zero_point", true, &in[2]));
    orion_ir_type x = mil_raised_type(r, in[0]);
    TRY(along_axis(r, s, x, &in[1]));
    *count = 2;
    if (in[2].id == 0) return ORION_OK;
    *count = 3;
    return along_axis(r, s, x, &in[2]);
}

orion_status mil_raise_quantize(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"input", "scale",        "zero_point",
                                        "axis",  "output_dtype", NULL};
    orion_ir_value in[3];
    size_t count;
    const char *word = "";
    TRY(mil_only(r, s, names));
    TRY(affine_operands(r, s, "input", in, &count));
    TRY(mil_string(r, s, "output_dtype", NULL, &word));
    orion_ir_attr attr =
        orion_ir_attr_int("dtype", mil_raise_dtype(orion_mil_dtype_from_name(word)));
    if (attr.i != ORION_IR_I8 && attr.i != ORION_IR_U8)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "output_dtype must be int8 or uint8");
    *out = orion_ir_build(r->b, ORION_IR_OP_quantize, in, count, &attr, 1);
    return ORION_OK;
}

orion_status mil_raise_dequantize(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"input", "scale", "zero_point", "axis", NULL};
    orion_ir_value in[3];
    size_t count;
    TRY(mil_only(r, s, names));
    TRY(affine_operands(r, s, "input", in, &count));
    *out = orion_ir_build(r->b, ORION_IR_OP_dequantize, in, count, NULL, 0);
    return ORION_OK;
}

/* ---- compressed constants ---- */

/* The statement with its attributes, but for the name, among its arguments. */
static orion_status with_attributes(mil_raiser *r, statement *s, orion_mil_statement *out) {
    size_t count = s->argument_count;
    mil_binding *all = orn_arena_alloc(&r->scratch, (count + s->attribute_count + 1) * sizeof *all);
    if (all == NULL) return ORION_ERROR_NO_MEMORY;
    if (count != 0) memcpy(all, s->arguments, count * sizeof *all);
    for (uint32_t i = 0; i < s->attribute_count; i++) {
        if (strcmp(s->attributes[i].name, "name") != 0) all[count++] = s->attributes[i];
    }
    *out = *s;
    out->arguments = all;
    out->argument_count = (uint32_t)count;
    return ORION_OK;
}

orion_status mil_raise_constexpr_affine(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"quantized_data", "scale", "zero_point", "axis", NULL};
    orion_mil_statement all;
    orion_ir_value in[3];
    size_t count;
    TRY(with_attributes(r, s, &all));
    TRY(mil_only(r, &all, names));
    TRY(affine_operands(r, &all, "quantized_data", in, &count));
    *out = orion_ir_build(r->b, ORION_IR_OP_dequantize, in, count, NULL, 0);
    return ORION_OK;
}

/* scale and offset have the rank of the data, and dims that divide its dims. */
orion_status mil_raise_constexpr_blockwise(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"data", "scale", "offset", NULL};
    orion_mil_statement all;
    orion_ir_value in[3];
    TRY(with_attributes(r, s, &all));
    TRY(mil_only(r, &all, names));
    for (size_t i = 0; i < 3; i++) TRY(mil_operand(r, &all, names[i], i == 2, &in[i]));
    *out = orion_ir_build(r->b, ORION_IR_OP_dequantize, in, in[2].id == 0 ? 2 : 3, NULL, 0);
    return ORION_OK;
}

orion_status mil_raise_constexpr_cast(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"source_val", "output_dtype", NULL};
    orion_mil_statement all;
    orion_ir_value x;
    const char *word = "";
    TRY(with_attributes(r, s, &all));
    TRY(mil_only(r, &all, names));
    TRY(mil_operand(r, &all, "source_val", false, &x));
    TRY(mil_string(r, &all, "output_dtype", NULL, &word));
    orion_ir_dtype dtype = mil_raise_dtype(orion_mil_dtype_from_name(word));
    if (dtype == ORION_IR_DTYPE_NONE)
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "the IR has no element type '%s'", word);
    *out = mil_to_dtype(r, x, dtype);
    return ORION_OK;
}

/* ---- tables ---- */

/*
 * ios16: one table, and its indices as a stream of bits, the first element in the lowest ones, as
 * many for each as the table's extent needs.
 */
static orion_status from_bits(mil_raiser *r, statement *s, orion_ir_value table,
                              orion_ir_value *out) {
    mil_ints bytes, shape;
    orion_ir_type lut = mil_raised_type(r, table);
    TRY(mil_integers(r, s, "indices", NULL, &bytes));
    TRY(mil_integers(r, s, "shape", NULL, &shape));
    uint32_t bits = 0;
    while (bits <= 8 && (INT64_C(1) << bits) < lut.dims[0]) bits++;
    if (lut.rank != 1 || bits > 8 || lut.dims[0] != INT64_C(1) << bits) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "lut must be a vector of 1, 2, 4 ... 256 numbers");
    }
    orion_ir_type type = orion_ir_type_make(ORION_IR_I32, 0, NULL);
    if (shape.count <= ORION_IR_RANK_MAX)
        type = orion_ir_type_make(ORION_IR_I32, (uint32_t)shape.count, shape.items);
    size_t count = (size_t)orion_ir_type_elements(&type);
    if (shape.count > ORION_IR_RANK_MAX || (count * bits + 7) / 8 != bytes.count) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_TYPE,
                          "indices has %zu bytes, which is not what the shape needs", bytes.count);
    }
    int32_t *indices = orn_arena_alloc(&r->scratch, (count + 1) * sizeof *indices);
    if (indices == NULL) return ORION_ERROR_NO_MEMORY;
    for (size_t i = 0; i < count; i++) {
        indices[i] = 0;
        for (size_t k = 0; k < bits; k++) {
            size_t at = i * bits + k;
            indices[i] |= (int32_t)((bytes.items[at / 8] >> at % 8 & 1) << k);
        }
    }
    orion_ir_value list = orion_ir_constant(r->b, type, indices, count * sizeof *indices);
    *out = mil_take(r, table, list, 0);
    return ORION_OK;
}

/*
 * ios18: a table for each block of the indices, [blocks.., entries, 1]. All tables stand in one
 * row; an index is moved to its block's: index + number of the block * entries, which is what
 * dequantize gives with a scale of 1 and the negative of that as its zero.
 */
static orion_status from_blocks(mil_raiser *r, statement *s, orion_ir_value table,
                                orion_ir_value *out) {
    orion_ir_value indices;
    TRY(mil_operand(r, s, "indices", false, &indices));
    orion_ir_type x = mil_raised_type(r, indices), lut = mil_raised_type(r, table);
    if (r->broken) return ORION_ERROR_INVALID_STATE;
    if (lut.rank != x.rank + 2 || lut.dims[lut.rank - 1] != 1) {
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP,
                          "lut must have the rank of indices and two more axes, the last of "
                          "extent 1");
    }
    orion_ir_type blocks = orion_ir_type_make(ORION_IR_F32, x.rank, lut.dims);
    size_t count = (size_t)orion_ir_type_elements(&blocks);
    int64_t entries = lut.dims[x.rank], all = -1;
    float *zeros = orn_arena_alloc(&r->scratch, (count + 1) * sizeof *zeros);
    if (zeros == NULL) return ORION_ERROR_NO_MEMORY;
    if ((int64_t)count > (INT64_C(1) << 24) / entries) /* beyond it f32 has not every integer */
        return mil_refuse(r, s, ORION_MESSAGE_MIL_OP, "lut has more than 2^24 numbers");
    for (size_t i = 0; i < count; i++) zeros[i] = (float)(-(int64_t)i * entries);
    orion_ir_value in[3] = {indices};
    in[1] = mil_scalar(r, ORION_IR_F32, 1);
    in[2] = orion_ir_constant(r->b, blocks, zeros, count * sizeof *zeros);
    orion_ir_value places = orion_ir_build(r->b, ORION_IR_OP_dequantize, in, 3, NULL, 0);
    places = orion_ir_cast(r->b, places, ORION_IR_I32);
    *out = mil_take(r, orion_ir_reshape(r->b, table, &all, 1), places, 0);
    return ORION_OK;
}

orion_status mil_raise_constexpr_lut(mil_raiser *r, statement *s, orion_ir_value *out) {
    static const char *const names[] = {"indices", "lut", "shape", "vector_axis", NULL};
    orion_mil_statement all;
    orion_ir_value table;
    TRY(with_attributes(r, s, &all));
    TRY(mil_only(r, &all, names));
    TRY(mil_operand(r, &all, "lut", false, &table));
    bool packed = orion_mil_statement_find_argument(&all, "shape") != NULL;
    return (packed ? from_bits : from_blocks)(r, &all, table, out);
}
