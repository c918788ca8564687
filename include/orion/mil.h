/* SPDX-License-Identifier: MIT */
/**
 * @file mil.h
 * liborion-mil: Apple's Model Intermediate Language as text, its weight files, and the way between
 * it and the graph IR.
 *
 * A MIL program is text plus named weight files. Parse one, look at it, print it again; lower a
 * graph to one, or raise one to a graph so that it runs anywhere:
 *
 * @code
 *     orion_mil_program *program;
 *     orion_mil_weights *weights;
 *     status = orion_mil_lower(graph, NULL, NULL, diag, &program, &weights);
 *     status = orion_mil_print(program, NULL, &writer);
 *     ...
 *     status = orion_mil_parse(text, length, "model.mil", NULL, NULL, diag, &program);
 *     status = orion_mil_raise(program, weights, NULL, NULL, NULL, diag, &graph);
 * @endcode
 *
 * docs/mil-subset.md gives the grammar, the op table and the rules of the two spellings.
 * Threads: a program and a weights object are externally synchronised; const functions may run in
 * parallel on one nobody changes.
 */
#ifndef ORION_MIL_H
#define ORION_MIL_H

#include "base.h"
#include "ir.h"

#define ORION_MIL_VERSION_MAJOR 0
#define ORION_MIL_VERSION_MINOR 1
#define ORION_MIL_VERSION_PATCH 0
#define ORION_MIL_VERSION_AT_LEAST(major, minor)                                                   \
    (ORION_MIL_VERSION_MAJOR > (major) ||                                                          \
     (ORION_MIL_VERSION_MAJOR == (major) && ORION_MIL_VERSION_MINOR >= (minor)))

ORION_BEGIN_DECLS

/** major << 16 | minor << 8 | patch of the library at run time. */
ORION_API uint32_t orion_mil_version(void);

/* ---- element types ------------------------------------------------------------------------ */

/** Element types of MIL. 1 to 17 are also the numbers used in weight files. */
typedef enum orion_mil_dtype {
    ORION_MIL_DTYPE_NONE = 0,
    ORION_MIL_FP16 = 1,
    ORION_MIL_FP32 = 2,
    ORION_MIL_UINT8 = 3,
    ORION_MIL_INT8 = 4,
    ORION_MIL_BF16 = 5,
    ORION_MIL_INT16 = 6,
    ORION_MIL_UINT16 = 7,
    ORION_MIL_INT4 = 8,
    ORION_MIL_UINT1 = 9,
    ORION_MIL_UINT2 = 10,
    ORION_MIL_UINT4 = 11,
    ORION_MIL_UINT3 = 12,
    ORION_MIL_UINT6 = 13,
    ORION_MIL_INT32 = 14,
    ORION_MIL_UINT32 = 15,
    ORION_MIL_FP8E4M3FN = 16,
    ORION_MIL_FP8E5M2 = 17,
    ORION_MIL_FP64 = 32,
    ORION_MIL_INT64 = 33,
    ORION_MIL_UINT64 = 34,
    ORION_MIL_BOOL = 35,
    ORION_MIL_STRING = 36
} orion_mil_dtype;

/** "fp16", "int32" ...; "none" for anything else. Static. */
ORION_API const char *orion_mil_dtype_name(orion_mil_dtype dtype);
/** The dtype of that name, or ORION_MIL_DTYPE_NONE. */
ORION_API orion_mil_dtype orion_mil_dtype_from_name(const char *name);
/** Bits per element: 1 to 64; 8 for bool; 0 for string and for no dtype. */
ORION_API uint32_t orion_mil_dtype_bits(orion_mil_dtype dtype);
/** The same dtype of the IR, or ORION_IR_DTYPE_NONE if it has none. */
ORION_API orion_ir_dtype orion_mil_dtype_to_ir(orion_mil_dtype dtype);
/** The same dtype of MIL, or ORION_MIL_DTYPE_NONE. */
ORION_API orion_mil_dtype orion_mil_dtype_from_ir(orion_ir_dtype dtype);

/* ---- program text ------------------------------------------------------------------------- */

/** One MIL program: version, attributes, functions. */
typedef struct orion_mil_program orion_mil_program;

/** Limits for texts one does not trust. 0 takes the default. */
typedef struct orion_mil_parse_options {
    size_t size;
    uint64_t max_bytes;  /**< longest text; default 256 MiB, at most 4 GiB - 1 */
    uint32_t max_depth;  /**< deepest nesting of types and of values; default 64, at most 256 */
    uint32_t max_errors; /**< stop after so many errors; default 20 */
} orion_mil_parse_options;

/**
 * Parse MIL text in either spelling (or both mixed). Unknown ops and attributes are kept; names are
 * not resolved here, see orion_mil_verify. Linear time.
 *
 * @param text    `length` bytes, no NUL needed
 * @param source  name shown in diagnostics, or NULL
 * @return ORION_OK; ORION_ERROR_SYNTAX with one diagnostic per error found (line, column, what was
 * expected and found); ORION_ERROR_BUDGET if the text is longer or deeper than the limits;
 * ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the program, which keeps nothing of `text`.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_parse(const char *text, size_t length, const char *ORION_NULLABLE source,
                const orion_mil_parse_options *ORION_NULLABLE options,
                const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
                orion_mil_program **out_program);
ORION_API void orion_mil_program_destroy(orion_mil_program **program);

/** How scalars are spelled. */
typedef enum orion_mil_dialect {
    ORION_MIL_AS_IS = 0,  /**< as in the program */
    ORION_MIL_IOS16 = 16, /**< verbose: program(1.0), ios16, `tensor<string, []>("x")` */
    ORION_MIL_IOS18 = 18  /**< terse: program(1.3), ios18, `string("x")` */
} orion_mil_dialect;

typedef struct orion_mil_print_options {
    size_t size;
    uint32_t dialect; /**< an orion_mil_dialect */
    uint32_t reserved;
} orion_mil_print_options;

/**
 * Print canonical text, laid out as Apple's own compiler prints it. Comments are gone; numbers read
 * back as the same value. print(parse(print(p))) == print(p), byte for byte.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for an unknown dialect; ORION_ERROR_ABI; the
 * writer's error; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_print(const orion_mil_program *program,
                const orion_mil_print_options *ORION_NULLABLE options, const orion_writer *writer);

/**
 * Check what the grammar cannot: every name is defined once and before its use, every returned name
 * exists, literals have the shape and element type that their type says, functions, arguments and
 * attributes are not given twice.
 * @return ORION_OK; ORION_ERROR_VERIFY with one diagnostic per violation; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_verify(const orion_mil_program *program,
                                                         orion_diag *ORION_NULLABLE diag);

/* ---- looking at a program ----------------------------------------------------------------- */
/* All of this is borrowed from the program. Past the end, pointers are NULL and numbers 0. Strings
 * end in a NUL. */

typedef struct orion_mil_function orion_mil_function;
typedef struct orion_mil_statement orion_mil_statement;
typedef struct orion_mil_type orion_mil_type;
typedef struct orion_mil_value orion_mil_value;

/** The version as written, "1.0" or "1.3". */
ORION_API const char *orion_mil_program_version(const orion_mil_program *program);
/** The source name given to parse, or NULL. */
ORION_API const char *ORION_NULLABLE orion_mil_program_source(const orion_mil_program *program);
/** Attributes of the program, such as buildInfo. */
ORION_API size_t orion_mil_program_attribute_count(const orion_mil_program *program);
ORION_API const char *ORION_NULLABLE
orion_mil_program_attribute_name(const orion_mil_program *program, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_program_attribute(const orion_mil_program *program, size_t i);
ORION_API size_t orion_mil_program_function_count(const orion_mil_program *program);
ORION_API const orion_mil_function *ORION_NULLABLE
orion_mil_program_function(const orion_mil_program *program, size_t i);
/** The function of that name, or NULL. */
ORION_API const orion_mil_function *ORION_NULLABLE
orion_mil_program_find(const orion_mil_program *program, const char *name);

ORION_API const char *orion_mil_function_name(const orion_mil_function *function);
/** "ios16", "ios18" ...; "" if none is written. */
ORION_API const char *orion_mil_function_opset(const orion_mil_function *function);
ORION_API uint32_t orion_mil_function_line(const orion_mil_function *function);
ORION_API size_t orion_mil_function_parameter_count(const orion_mil_function *function);
ORION_API const char *ORION_NULLABLE
orion_mil_function_parameter_name(const orion_mil_function *function, size_t i);
ORION_API const orion_mil_type *ORION_NULLABLE
orion_mil_function_parameter_type(const orion_mil_function *function, size_t i);
/** Attributes of a function, such as FlexibleShapeInformation. */
ORION_API size_t orion_mil_function_attribute_count(const orion_mil_function *function);
ORION_API const char *ORION_NULLABLE
orion_mil_function_attribute_name(const orion_mil_function *function, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_function_attribute(const orion_mil_function *function, size_t i);
ORION_API size_t orion_mil_function_statement_count(const orion_mil_function *function);
ORION_API const orion_mil_statement *ORION_NULLABLE
orion_mil_function_statement(const orion_mil_function *function, size_t i);
ORION_API size_t orion_mil_function_output_count(const orion_mil_function *function);
ORION_API const char *ORION_NULLABLE orion_mil_function_output(const orion_mil_function *function,
                                                               size_t i);
/** The statement that defines `name`, or NULL if it is a parameter or unknown. Constant time. */
ORION_API const orion_mil_statement *ORION_NULLABLE
orion_mil_function_definition(const orion_mil_function *function, const char *name);
/** The type of `name` (parameter or result), or NULL if unknown. Constant time. */
ORION_API const orion_mil_type *ORION_NULLABLE
orion_mil_function_type_of(const orion_mil_function *function, const char *name);

/** The op, "conv" ..., without opset suffix. */
ORION_API const char *orion_mil_statement_op(const orion_mil_statement *statement);
/** What stands in <> after the op, or "". */
ORION_API const char *orion_mil_statement_opset(const orion_mil_statement *statement);
/** Where the statement begins in the text; 0 if it was not parsed. */
ORION_API uint32_t orion_mil_statement_line(const orion_mil_statement *statement);
ORION_API uint32_t orion_mil_statement_column(const orion_mil_statement *statement);
ORION_API size_t orion_mil_statement_result_count(const orion_mil_statement *statement);
ORION_API const char *ORION_NULLABLE
orion_mil_statement_result_name(const orion_mil_statement *statement, size_t i);
ORION_API const orion_mil_type *ORION_NULLABLE
orion_mil_statement_result_type(const orion_mil_statement *statement, size_t i);
/** Arguments, in ( ) after the op, in the order written. */
ORION_API size_t orion_mil_statement_argument_count(const orion_mil_statement *statement);
ORION_API const char *ORION_NULLABLE
orion_mil_statement_argument_name(const orion_mil_statement *statement, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_statement_argument(const orion_mil_statement *statement, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_statement_find_argument(const orion_mil_statement *statement, const char *name);
/** Attributes, in [ ] at the end: name, val, and the data of constexpr ops. */
ORION_API size_t orion_mil_statement_attribute_count(const orion_mil_statement *statement);
ORION_API const char *ORION_NULLABLE
orion_mil_statement_attribute_name(const orion_mil_statement *statement, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_statement_attribute(const orion_mil_statement *statement, size_t i);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_statement_find_attribute(const orion_mil_statement *statement, const char *name);

typedef enum orion_mil_type_form {
    ORION_MIL_TYPE_NONE = 0,
    ORION_MIL_TYPE_TENSOR = 1, /**< also scalars: rank 0 */
    ORION_MIL_TYPE_LIST = 2,   /**< one item type, length in dim 0 */
    ORION_MIL_TYPE_TUPLE = 3,
    ORION_MIL_TYPE_DICT = 4, /**< item 0: key, item 1: value */
    ORION_MIL_TYPE_STATE = 5 /**< item 0: what it holds */
} orion_mil_type_form;

/** An extent that is not a number: `?` or a symbol. */
#define ORION_MIL_DIM_UNKNOWN (-1)

ORION_API orion_mil_type_form orion_mil_type_kind(const orion_mil_type *ORION_NULLABLE type);
/** Element type of a tensor or scalar; none for other types. */
ORION_API orion_mil_dtype orion_mil_type_dtype(const orion_mil_type *ORION_NULLABLE type);
ORION_API size_t orion_mil_type_rank(const orion_mil_type *ORION_NULLABLE type);
/** Extent i, or ORION_MIL_DIM_UNKNOWN; 0 past the end. */
ORION_API int64_t orion_mil_type_dim(const orion_mil_type *ORION_NULLABLE type, size_t i);
/** The symbol that stands for extent i, "?" if it is anonymous, or NULL if it is a number. */
ORION_API const char *ORION_NULLABLE
orion_mil_type_symbol(const orion_mil_type *ORION_NULLABLE type, size_t i);
ORION_API size_t orion_mil_type_item_count(const orion_mil_type *ORION_NULLABLE type);
ORION_API const orion_mil_type *ORION_NULLABLE
orion_mil_type_item(const orion_mil_type *ORION_NULLABLE type, size_t i);
/**
 * The IR type of a tensor type.
 * @return ORION_OK; ORION_ERROR_UNSUPPORTED if it is no tensor, has an unknown extent, a dtype that
 * the IR does not have, or a shape past the IR's limits (out_type is then all zero)
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_type_to_ir(const orion_mil_type *ORION_NULLABLE type, orion_ir_type *out_type);
/** Print a type in its own spelling. Returns the writer's error or ORION_ERROR_NO_MEMORY. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_type_print(const orion_mil_type *type,
                                                             const orion_writer *writer);

typedef enum orion_mil_value_form {
    ORION_MIL_VALUE_NONE = 0,
    ORION_MIL_VALUE_NAME = 1, /**< a reference to a parameter or result */
    ORION_MIL_VALUE_INT = 2,
    ORION_MIL_VALUE_FLOAT = 3,
    ORION_MIL_VALUE_BOOL = 4,
    ORION_MIL_VALUE_STRING = 5,
    ORION_MIL_VALUE_LIST = 6,  /**< [a, b] */
    ORION_MIL_VALUE_TUPLE = 7, /**< (a, b) */
    ORION_MIL_VALUE_DICT = 8,  /**< {{k, v}, {k, v}}: items k, v, k, v */
    ORION_MIL_VALUE_BLOB = 9   /**< BLOBFILE(path = ..., offset = ...) */
} orion_mil_value_form;

ORION_API orion_mil_value_form orion_mil_value_kind(const orion_mil_value *ORION_NULLABLE value);
/** The type written in front of the value, or NULL. */
ORION_API const orion_mil_type *ORION_NULLABLE
orion_mil_value_type(const orion_mil_value *ORION_NULLABLE value);
ORION_API uint32_t orion_mil_value_line(const orion_mil_value *ORION_NULLABLE value);
ORION_API uint32_t orion_mil_value_column(const orion_mil_value *ORION_NULLABLE value);
/** INT and BOOL (0 or 1); 0 for others. A uint64 from 2^63 on gives the same 64 bits. */
ORION_API int64_t orion_mil_value_int(const orion_mil_value *ORION_NULLABLE value);
/** INT, FLOAT and BOOL as a number; 0 for others. */
ORION_API double orion_mil_value_float(const orion_mil_value *ORION_NULLABLE value);
/** NAME, STRING: the text; BLOB: the path. NULL for others. */
ORION_API const char *ORION_NULLABLE
orion_mil_value_text(const orion_mil_value *ORION_NULLABLE value);
/** BLOB: offset of the entry's metadata in the file; 0 for others. */
ORION_API uint64_t orion_mil_value_offset(const orion_mil_value *ORION_NULLABLE value);
/** LIST, TUPLE, DICT: number of items. */
ORION_API size_t orion_mil_value_count(const orion_mil_value *ORION_NULLABLE value);
ORION_API const orion_mil_value *ORION_NULLABLE
orion_mil_value_item(const orion_mil_value *ORION_NULLABLE value, size_t i);

/* ---- weight files: MIL Blob Storage version 2 ---------------------------------------------- */
/*
 * Little endian, everything aligned to 64 bytes.
 *
 *   file:      header, then per entry: metadata, data, padding to 64
 *   header     u32 entries; u32 version = 2; 56 bytes 0
 *   metadata   u32 0xDEADBEEF; u32 dtype; u64 bytes; u64 offset of the data; u64 padding bits
 * (dtypes below 8 bits); 32 bytes 0
 *
 * Programs refer to an entry by the offset of its metadata; the first is 64.
 */

/** Collects entries of one weight file. Externally synchronised. */
typedef struct orion_mil_blob_writer orion_mil_blob_writer;

/** No options yet; present so that they can be added. */
typedef struct orion_mil_blob_writer_options {
    size_t size;
    uint32_t keep_duplicates; /**< 1: equal entries are stored again; 0: they share one offset */
    uint32_t reserved;
} orion_mil_blob_writer_options;

ORION_API ORION_MUST_CHECK orion_status orion_mil_blob_writer_create(
    const orion_mil_blob_writer_options *ORION_NULLABLE options,
    const orion_allocator *ORION_NULLABLE allocator, orion_mil_blob_writer **out_writer);
ORION_API void orion_mil_blob_writer_destroy(orion_mil_blob_writer **writer);
/**
 * Append `elements` elements of `dtype`, copied from `data` (packed; below 8 bits: first element in
 * the lowest bits).
 * @param bytes       must be elements x bits / 8, rounded up
 * @param out_offset  [out] offset of the metadata; an equal earlier entry's if there is one
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if dtype cannot be stored or bytes do not fit
 * elements; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_blob_writer_add(orion_mil_blob_writer *writer,
                                                                  orion_mil_dtype dtype,
                                                                  const void *data, size_t bytes,
                                                                  uint64_t elements,
                                                                  uint64_t *out_offset);
/** As orion_mil_blob_writer_add, without copying: keeps a reference to `blob`, whose bytes [at, at
 * + bytes) are the data. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_blob_writer_add_blob(
    orion_mil_blob_writer *writer, orion_mil_dtype dtype, orion_blob *blob, size_t at, size_t bytes,
    uint64_t elements, uint64_t *out_offset);
/** Number of entries so far, shared ones counted once. */
ORION_API size_t orion_mil_blob_writer_count(const orion_mil_blob_writer *writer);
/** The whole file in memory. The writer stays usable. Caller owns the blob. ORION_ERROR_NO_MEMORY.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_blob_writer_finish(const orion_mil_blob_writer *writer, orion_blob **out_blob);
/** Write the file atomically: it appears complete or not at all. ORION_ERROR_IO,
 * ORION_ERROR_NO_MEMORY. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_blob_writer_save(
    const orion_mil_blob_writer *writer, const char *path, orion_diag *ORION_NULLABLE diag);

/** What becomes of floats in fp16. Zero-initialise, but for the size. */
typedef struct orion_mil_half_report {
    size_t size;
    uint64_t elements;
    uint64_t overflows;  /**< finite, and beyond 65504 when rounded */
    uint64_t nans;       /**< not numbers */
    uint64_t infinities; /**< infinite to begin with */
    uint64_t subnormals; /**< subnormal in fp16: not 0 and below 2^-14, with fewer bits */
    uint64_t vanished;   /**< not 0, and 0 in fp16 */
    double largest;      /**< greatest finite magnitude */
} orion_mil_half_report;
/**
 * Look at floats that are in fp16 or shall be.
 * @param data    `elements` of them, packed; no alignment needed
 * @param dtype   ORION_MIL_FP32: what rounding to fp16 would do; ORION_MIL_FP16: what is there
 * @param report  [in,out] the counts are added to
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for another dtype, or if report->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_half_count(const void *data,
                                                             orion_mil_dtype dtype,
                                                             uint64_t elements,
                                                             orion_mil_half_report *report);
/**
 * As orion_mil_blob_writer_add, of fp32 values that are stored as fp16: rounded to nearest, those
 * that overflow become +-65504.
 * @param report  if given, the counts are added to
 * @return as orion_mil_blob_writer_add; ORION_ERROR_INVALID_ARGUMENT also if report->size is not
 * set
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_blob_writer_add_half(orion_mil_blob_writer *writer, const float *data, uint64_t elements,
                               orion_mil_half_report *ORION_NULLABLE report, uint64_t *out_offset);

/** One entry of a weight file. */
typedef struct orion_mil_blob_entry {
    size_t size;
    uint64_t offset;      /**< of the metadata */
    uint64_t data_offset; /**< of the data, from the start of the file */
    uint64_t bytes;       /**< of data */
    uint64_t elements;
    uint32_t dtype;        /**< an orion_mil_dtype, 1 to 17 */
    uint32_t padding_bits; /**< unused bits at the end, below 8 */
} orion_mil_blob_entry;

typedef struct orion_mil_blob_options {
    size_t size;
    const char *ORION_NULLABLE source; /**< file name for diagnostics */
    /** Read: elements of the program's type, from which a lenient reader knows the size; 0: not
     * known. */
    uint64_t elements;
    /** 1: read what other writers get wrong, with a warning (ORION_MESSAGE_MIL_BLOB_REPAIRED) that
     * names the field. Taken from the program instead: a wrong dtype and size, a missing sentinel
     * (bare data at the offset). A data offset of 0 means behind the metadata; offsets need not be
     * multiples of 64. Everything else is checked as ever. */
    uint32_t lenient;
    uint32_t reserved;
} orion_mil_blob_options;

/**
 * Read and check one entry: file header and version, offset alignment and bounds, sentinel, dtype,
 * size, padding, alignment and bounds of the data.
 * @param offset     of the metadata
 * @param dtype      wanted dtype, or ORION_MIL_DTYPE_NONE for any
 * @return ORION_OK; ORION_ERROR_VERIFY with a diagnostic naming the field; ORION_ERROR_ABI
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_blob_read(const orion_blob *blob, uint64_t offset, orion_mil_dtype dtype,
                    const orion_mil_blob_options *ORION_NULLABLE options,
                    orion_diag *ORION_NULLABLE diag, orion_mil_blob_entry *out_entry);
/**
 * Walk a file: *offset 0 reads the first entry, else the one after the entry at *offset, which is
 * replaced by its offset.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND after the last entry; else as orion_mil_blob_read
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_blob_next(
    const orion_blob *blob, uint64_t *offset, const orion_mil_blob_options *ORION_NULLABLE options,
    orion_diag *ORION_NULLABLE diag, orion_mil_blob_entry *out_entry);

/* ---- the weight files of a program --------------------------------------------------------- */

/** Named weight files, kept sorted by path (byte order). */
typedef struct orion_mil_weights orion_mil_weights;
ORION_API ORION_MUST_CHECK orion_status orion_mil_weights_create(
    const orion_allocator *ORION_NULLABLE allocator, orion_mil_weights **out_weights);
ORION_API void orion_mil_weights_destroy(orion_mil_weights **weights);
/**
 * Add a file under the path that programs use, such as "@model_path/weights/weight.bin". Keeps a
 * reference to `blob`.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if the path is empty or taken;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_weights_add(orion_mil_weights *weights,
                                                              const char *path, orion_blob *blob);
/** The file under that path (borrowed), or NULL. */
ORION_API orion_blob *ORION_NULLABLE
orion_mil_weights_find(const orion_mil_weights *ORION_NULLABLE weights, const char *path);
ORION_API size_t orion_mil_weights_count(const orion_mil_weights *ORION_NULLABLE weights);
/** Path and file i in sorted order (borrowed), or NULL past the end. */
ORION_API const char *ORION_NULLABLE
orion_mil_weights_path(const orion_mil_weights *ORION_NULLABLE weights, size_t i);
ORION_API orion_blob *ORION_NULLABLE
orion_mil_weights_get(const orion_mil_weights *ORION_NULLABLE weights, size_t i);

/* ---- targets and rules ---------------------------------------------------------------------- */

/**
 * What is known of a device that compiles MIL: its chips, limits, refused ops and rules, read from
 * YAML (docs/targets.md). The files of the Neural Engine's families are compiled in. Immutable;
 * any thread may read it.
 */
typedef struct orion_mil_target orion_mil_target;

/** The name of target i that is compiled in ("ane", "h11" ... "orion-paper"), or NULL past the
 * end. Static. */
ORION_API const char *ORION_NULLABLE orion_mil_target_builtin(size_t i);
/**
 * A target that is compiled in, by its name ("h16") or by the name of one of its chips ("M4 Max",
 * in any case of letters).
 * @return ORION_OK; ORION_ERROR_NOT_FOUND with a diagnostic that lists the names;
 * ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the target.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_target_find(const char *name, const orion_allocator *ORION_NULLABLE allocator,
                      orion_diag *ORION_NULLABLE diag, orion_mil_target **out_target);
/**
 * A target from a file of yours, which may be based on one that is compiled in and override any of
 * its rules, limits and ops.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND or ORION_ERROR_IO for the file; ORION_ERROR_SYNTAX or
 * ORION_ERROR_VERIFY with line and column; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the target.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_target_load(const char *path, const orion_allocator *ORION_NULLABLE allocator,
                      orion_diag *ORION_NULLABLE diag, orion_mil_target **out_target);
ORION_API void orion_mil_target_destroy(orion_mil_target **target);

/** Name and summary; borrowed from the target, as all strings below. */
ORION_API const char *orion_mil_target_name(const orion_mil_target *target);
ORION_API const char *orion_mil_target_summary(const orion_mil_target *target);
/** Chip i, or NULL past the end. */
ORION_API const char *ORION_NULLABLE orion_mil_target_chip(const orion_mil_target *target,
                                                           size_t i);

/** A limit of a target. */
typedef struct orion_mil_limit {
    size_t size;
    const char *name;   /**< "rank", "width" ...; docs/targets.md lists them */
    const char *source; /**< who measured or read it, and on what */
    uint64_t value;
} orion_mil_limit;
/**
 * Limit i of the target.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND past the end; ORION_ERROR_INVALID_ARGUMENT if
 * out_limit->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_target_limit(const orion_mil_target *target,
                                                               size_t i,
                                                               orion_mil_limit *out_limit);

/** A figure of speed, from which costs are predicted. */
typedef struct orion_mil_figure {
    size_t size;
    const char *name;   /**< "dispatch_ns", "matmul_flops" ...; docs/targets.md lists them */
    const char *source; /**< who measured it, and on what */
    uint64_t value;
} orion_mil_figure;
/** Figure i that is known of the target; errors as orion_mil_target_limit. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_target_figure(const orion_mil_target *target,
                                                                size_t i,
                                                                orion_mil_figure *out_figure);
/** How programs for the target must be spelled: ORION_MIL_IOS16 where rule X-11 holds. */
ORION_API orion_mil_dialect orion_mil_target_dialect(const orion_mil_target *target);

/** How far a rule can be believed. */
typedef enum orion_mil_verdict {
    ORION_MIL_SOLID = 1,     /**< several sources or the code agree */
    ORION_MIL_EXPLAINED = 2, /**< a true symptom of another cause, which is named */
    ORION_MIL_DOUBTFUL = 3   /**< other sources contradict, or it is a hypothesis */
} orion_mil_verdict;

/** One rule as it stands for a target. */
typedef struct orion_mil_rule {
    size_t size;
    const char *id; /**< "E-1", "X-13", "H-1" */
    const char *statement;
    const char *severity; /**< what happens: compile, evaluate, crash, wrong-data, numeric, slow,
                             cost */
    const char *chips;    /**< on which it was seen */
    const char *ORION_NULLABLE os; /**< in which versions it was seen */
    const char *symptom;
    const char *workaround;
    const char *source;
    uint32_t verdict;   /**< an orion_mil_verdict */
    uint32_t level;     /**< an orion_severity: what breaking it is reported as */
    uint32_t enabled;   /**< 1: holds for this target */
    uint32_t decidable; /**< 1: orion_mil_check looks for it; 0: shows at run time only */
} orion_mil_rule;
/** Rule i of the target, those that do not hold for it too; errors as orion_mil_target_limit. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_target_rule(const orion_mil_target *target,
                                                              size_t i, orion_mil_rule *out_rule);
/** The rule of that id; ORION_ERROR_NOT_FOUND if there is none, else as orion_mil_target_rule. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_target_find_rule(const orion_mil_target *target,
                                                                   const char *id,
                                                                   orion_mil_rule *out_rule);

/**
 * Look for the rules of a target that a program breaks. Each finding is one diagnostic with message
 * ORION_MESSAGE_MIL_RULE, the level of the rule, line and column, and the rule's id as its subject;
 * a note with the same subject and place follows, with the workaround, the verdict and the source.
 * What orion_mil_verify finds is reported too, except that a returned name that is not defined is
 * rule E-14.
 * @param weights  if given, the entries of weight files that the program refers to are checked as
 * well
 * @return ORION_OK if nothing is broken at level error; ORION_ERROR_VERIFY otherwise;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_check(const orion_mil_program *program, const orion_mil_weights *ORION_NULLABLE weights,
                const orion_mil_target *target, orion_diag *ORION_NULLABLE diag);

/* ---- difference ----------------------------------------------------------------------------- */

/**
 * Compare two programs by what they compute: names of values, the order of statements and of
 * arguments, name attributes, spelling and whether a parameter is inline or a const do not count.
 * Inputs and outputs are paired by name if both programs have the same names, by position
 * otherwise; so are functions. Data in weight files are compared by path and offset.
 *
 * One line per difference goes to `writer`: `- op 'name' (line N)` is only in `a`, `+` only in `b`,
 * `~` in both with what changed. What merely depends on a difference is not one. Linear time for
 * programs that differ little.
 * @param writer           NULL: count only
 * @param out_differences  [out] number of lines; 0 if the programs are the same
 * @return ORION_OK; the writer's error; ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_diff(const orion_mil_program *a, const orion_mil_program *b,
               const orion_allocator *ORION_NULLABLE allocator,
               const orion_writer *ORION_NULLABLE writer, size_t *out_differences);

/* ---- graph to MIL and back ----------------------------------------------------------------- */

/** How a graph is lowered. */
typedef struct orion_mil_lower_options {
    size_t size;
    const char
        *ORION_NULLABLE target; /**< "cpu" or NULL: model ops stay whole. No other target yet */
    const char *ORION_NULLABLE
        weights_path; /**< path of the weight file; NULL: "@model_path/weights/weight.bin" */
    uint32_t dialect; /**< an orion_mil_dialect; 0: ios18 */
    uint32_t inline_elements; /**< constants with more elements go to the weight file; 0: 64 */
} orion_mil_lower_options;

/**
 * Lower a graph to a program with one function `main`: its parameters are the graph's inputs and
 * its results the graph's outputs, in order and under their names. Every parameter of an op is
 * materialised as a named const. For a device, lower the programs of a plan (orion_mil_partition),
 * in the dialect that orion_mil_target_dialect names.
 * @param out_weights  [out] the weight files; empty if all constants are small
 * @return ORION_OK; ORION_ERROR_UNSUPPORTED for an unknown target; ORION_ERROR_INVALID_ARGUMENT for
 * an unknown dialect or an empty weights_path; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns both; neither keeps the graph.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_lower(const orion_ir_graph *graph, const orion_mil_lower_options *ORION_NULLABLE options,
                const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
                orion_mil_program **out_program, orion_mil_weights **out_weights);

/** How a program is raised. */
typedef struct orion_mil_raise_options {
    size_t size;
    uint32_t lenient; /**< 1: weight files are read as with orion_mil_blob_options.lenient */
    uint32_t reserved;
} orion_mil_raise_options;

/**
 * Raise one function to a graph. Constants in weight files are referenced, not copied. Parameters
 * left out take the defaults that coremltools gives them (docs/mil-subset.md). A state becomes an
 * input, and an output NAME_next behind the others if the function writes it.
 * @param weights   NULL if the program needs none; may be destroyed afterwards
 * @param function  its name; NULL: "main"
 * @return ORION_OK; ORION_ERROR_NOT_FOUND if there is no such function or weight file;
 * ORION_ERROR_VERIFY if the program breaks a rule of orion_mil_verify, an argument is missing or of
 * the wrong kind, a declared type is not what the op gives, or a weight file is malformed;
 * ORION_ERROR_UNSUPPORTED with one diagnostic per statement whose op or type the IR does not have;
 * ORION_ERROR_NO_MEMORY
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_raise(
    const orion_mil_program *program, const orion_mil_weights *ORION_NULLABLE weights,
    const char *ORION_NULLABLE function, const orion_mil_raise_options *ORION_NULLABLE options,
    const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
    orion_ir_graph **out_graph);

/* ---- a graph made legal for a target -------------------------------------------------------- */

/*
 * Passes rewrite a graph so that a target takes what it is lowered to. Which of them change
 * something is read off the target's rules, limits and ops. docs/legalize.md shows each.
 */

/** Number of passes. */
ORION_API size_t orion_mil_pass_count(void);
/** Name of pass i ("expand", "limits" ...) in the order in which they run, or NULL past the end. */
ORION_API const char *ORION_NULLABLE orion_mil_pass_name(size_t i);
/** One sentence about pass i, or NULL. */
ORION_API const char *ORION_NULLABLE orion_mil_pass_doc(size_t i);
/**
 * Run one pass, for people who want to see what it does; orion_mil_partition runs all.
 * @param out_graph  [out] a new graph with the inputs and outputs of `graph`, of the same types
 * @return ORION_OK; ORION_ERROR_NOT_FOUND if there is no such pass; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the graph, which keeps nothing of `graph` but its blobs.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_run_pass(const orion_ir_graph *graph, const char *name, const orion_mil_target *target,
                   const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
                   orion_ir_graph **out_graph);

/* ---- where weights are ---------------------------------------------------------------------- */

typedef enum orion_mil_placement {
    ORION_MIL_PLACE_CONST = 1, /**< constants of the graph: compiled in */
    ORION_MIL_PLACE_INPUT = 2, /**< each an input of its own */
    ORION_MIL_PLACE_PACKED = 3 /**< rows of one input, behind the activations that are as wide */
} orion_mil_placement;

typedef struct orion_mil_place_options {
    size_t size;
    /** CONST: a graph whose outputs are constants (the `before` of INPUT, say); each becomes a
     * constant instead of the input of its name. Its outputs that are inputs, or name no input, are
     * left aside. */
    const orion_ir_graph *ORION_NULLABLE values;
    uint64_t least_elements; /**< smaller constants stay; 0: 65 */
    uint64_t most_rows;      /**< PACKED: of one input, as the target allows; 0: 16384 */
} orion_mil_place_options;

/**
 * Place the weights of a graph: `graph` computes what `out_graph` does with the outputs of
 * `out_before`, which stand in the order of its inputs and have their names (CONST: if its inputs
 * have the values given). `out_before` has the inputs of `graph` and whatever data were in it; it
 * is for the host. To pack, give one program of a plan, not a whole model.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT for an unknown placement, or if `values` computes
 * what it gives for an input, or gives it another type; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns both graphs, which keep nothing of `graph` but blobs.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_place(const orion_ir_graph *graph, orion_mil_placement placement,
                const orion_mil_place_options *ORION_NULLABLE options,
                const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
                orion_ir_graph **out_before, orion_ir_graph **out_graph);

/* ---- a graph cut into programs -------------------------------------------------------------- */

/**
 * A graph as programs for a device and for the host, and the order in which they are called. Every
 * program is a graph; those of the device are legal for the target. Immutable; any thread may read
 * it.
 *
 * Calls exchange values. A value is filled from an input of the graph before the first call, or is
 * the result of one call. To run a plan: make room for the values, fill those with an input, run
 * the calls in order, each on the values it names, and read the outputs. A value may have another
 * float type than the input or output of the graph that it stands for; filling and reading convert.
 */
typedef struct orion_mil_plan orion_mil_plan;

typedef struct orion_mil_partition_options {
    size_t size;
    uint32_t weight_gradients; /**< products that are gradients of weights: 0 on the host, in fp32;
                                  1 on the device */
    uint32_t blocks;           /**< most blocks that repeat (layers) in one program; 0: 1 */
    uint32_t wide_ports; /**< 1: what comes from the host or goes there stays fp32 and is cast in
                            the program, where the target takes cast and ports of two sizes */
    uint32_t reserved;
    uint64_t constant_bytes; /**< most bytes of constants in one program; 0: the target's limit */
} orion_mil_partition_options;

/**
 * Cut a graph into programs that the target takes (docs/legalize.md). What the device cannot do
 * stays on the host; layers that are equal become one program that is called for each. The plan
 * depends on graph, target and options alone.
 * @return ORION_OK; ORION_ERROR_UNSUPPORTED if a single op has more constants or inputs than a
 * program may have; ORION_ERROR_ABI; ORION_ERROR_NO_MEMORY
 * Ownership: the caller owns the plan, which keeps nothing of graph and target but blobs.
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_partition(const orion_ir_graph *graph, const orion_mil_target *target,
                    const orion_mil_partition_options *ORION_NULLABLE options,
                    const orion_allocator *ORION_NULLABLE allocator,
                    orion_diag *ORION_NULLABLE diag, orion_mil_plan **out_plan);
/**
 * The same with exactly one program for the device, called once: what the host does comes before it
 * or after it.
 * @return as orion_mil_partition; ORION_ERROR_UNSUPPORTED also if the host is needed in between, a
 * limit asks for several programs, or nothing is left for the device
 */
ORION_API ORION_MUST_CHECK orion_status
orion_mil_legalize(const orion_ir_graph *graph, const orion_mil_target *target,
                   const orion_mil_partition_options *ORION_NULLABLE options,
                   const orion_allocator *ORION_NULLABLE allocator, orion_diag *ORION_NULLABLE diag,
                   orion_mil_plan **out_plan);
ORION_API void orion_mil_plan_destroy(orion_mil_plan **plan);

/** One program. Everything is borrowed from the plan. */
typedef struct orion_mil_plan_program {
    size_t size;
    const char *name;            /**< "program_0" ... */
    const orion_ir_graph *graph; /**< its inputs and outputs are sorted by name */
    /** Where the target wants ports of one size: run on the host before the program, from the
     * values of a call to its inputs, and after it, from its outputs to the values; NULL: the
     * values are its inputs and outputs. */
    const orion_ir_graph *ORION_NULLABLE before;
    const orion_ir_graph *ORION_NULLABLE after;
    const char *reasons; /**< why the host runs it, such as "integers, loss"; "" on the device */
    uint32_t on_host;    /**< 1: the host runs it */
    uint32_t calls;      /**< how often it is called */
    uint64_t ops;        /**< without constants */
    uint64_t constant_bytes;
    uint64_t port_bytes;    /**< of all inputs and outputs */
    uint64_t largest_bytes; /**< of the largest value */
} orion_mil_plan_program;
ORION_API size_t orion_mil_plan_program_count(const orion_mil_plan *plan);
/**
 * Program i.
 * @return ORION_OK; ORION_ERROR_NOT_FOUND past the end; ORION_ERROR_INVALID_ARGUMENT if
 * out_program->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_plan_get_program(
    const orion_mil_plan *plan, size_t i, orion_mil_plan_program *out_program);

/** One call: inputs[k] is the value for input k of the program, outputs[k] takes its output k. */
typedef struct orion_mil_plan_call {
    size_t size;
    const uint32_t *inputs;
    const uint32_t *outputs;
    size_t input_count;
    size_t output_count;
    uint32_t program;
    uint32_t reserved;
} orion_mil_plan_call;
ORION_API size_t orion_mil_plan_call_count(const orion_mil_plan *plan);
/** Call i, in the order in which they run; errors as orion_mil_plan_get_program. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_plan_get_call(const orion_mil_plan *plan,
                                                                size_t i,
                                                                orion_mil_plan_call *out_call);

/** A value that is no input of the graph. */
#define ORION_MIL_NO_INPUT UINT32_MAX
/** One value that calls exchange. */
typedef struct orion_mil_plan_value {
    size_t size;
    const char *name;   /**< as in the graph, or made up */
    orion_ir_type type; /**< in which it is kept */
    uint32_t input;     /**< the input of the graph that fills it, or ORION_MIL_NO_INPUT */
    uint32_t reserved;
} orion_mil_plan_value;
ORION_API size_t orion_mil_plan_value_count(const orion_mil_plan *plan);
/** Value i; errors as orion_mil_plan_get_program. */
ORION_API ORION_MUST_CHECK orion_status orion_mil_plan_get_value(const orion_mil_plan *plan,
                                                                 size_t i,
                                                                 orion_mil_plan_value *out_value);
/** The value that is output i of the graph, or SIZE_MAX past the end. */
ORION_API size_t orion_mil_plan_output(const orion_mil_plan *plan, size_t i);
/**
 * Print a plan as a table: a line per program with ops, megabytes of weights, of ports and of the
 * largest value, and dispatches; for programs of the host how often they are called and why.
 * Returns the writer's error or ORION_ERROR_NO_MEMORY.
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_plan_print(const orion_mil_plan *plan,
                                                             const orion_writer *writer);

/* ---- what programs cost --------------------------------------------------------------------- */

/** What one program does, and how often. Zero-initialise; calls is 1 for once. */
typedef struct orion_mil_work {
    size_t size;
    uint32_t on_host;        /**< 1: the host runs it */
    uint32_t background;     /**< 1, on the host: it runs while the device does */
    uint64_t calls;          /**< a step has */
    uint64_t ops;            /**< without constants */
    uint64_t constant_bytes; /**< of weights in the program */
    uint64_t conv_flops;     /**< additions and multiplications in convs, a call */
    uint64_t matmul_flops;   /**< in other products */
    uint64_t port_bytes;     /**< of all inputs and outputs */
    uint64_t moved_bytes;    /**< of operands and results of all ops: what the host moves */
    uint64_t largest_bytes;  /**< of the largest value */
} orion_mil_work;
/**
 * Count what a graph does, called once on the device.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if out_work->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_measure(const orion_ir_graph *graph,
                                                          orion_mil_work *out_work);

/** Parts of a cost. */
typedef enum orion_mil_cost_part {
    ORION_MIL_COST_COMPILE = 1,
    ORION_MIL_COST_LOAD = 2,
    ORION_MIL_COST_UPDATE = 4,
    ORION_MIL_COST_DISPATCH = 8,
    ORION_MIL_COST_RUN = 16,
    ORION_MIL_COST_PORTS = 32,
    ORION_MIL_COST_HOST = 64,
    ORION_MIL_COST_STEP = 128,
    ORION_MIL_COST_ALL = 255
} orion_mil_cost_part;

/** Milliseconds, predicted from the figures of a target; 0 where a figure is not known. */
typedef struct orion_mil_cost {
    size_t size;
    double compile_ms;  /**< compile all programs of the device once */
    double load_ms;     /**< load them */
    double update_ms;   /**< load those with constants again, with other weights (rule E-7) */
    double dispatch_ms; /**< of all calls: the time that an empty program takes */
    double run_ms;      /**< of all calls: arithmetic or memory, whichever takes longer */
    double port_ms;     /**< the host fills inputs and reads outputs */
    double host_ms;     /**< what runs on the host */
    double step_ms;     /**< all calls: device and background of the host beside each other, then
                           the rest of the host and the ports */
    uint32_t known;     /**< orion_mil_cost_part bits whose figures the target has */
    uint32_t reserved;
} orion_mil_cost;
/**
 * Predict what works cost together, one after the other, each compiled once and called as often as
 * it says. docs/legalize.md has the formulas; orion_mil_target_figure lists the figures they use
 * with their sources.
 * @param works  `count` of them, all with the same size
 * @return ORION_OK; ORION_ERROR_ABI if works are newer than the library;
 * ORION_ERROR_INVALID_ARGUMENT if out_cost->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_predict(const orion_mil_target *target,
                                                          const orion_mil_work *works, size_t count,
                                                          orion_mil_cost *out_cost);
/**
 * The same for a plan: gradients of weights on the host are its background.
 * @return ORION_OK; ORION_ERROR_INVALID_ARGUMENT if out_cost->size is not set
 */
ORION_API ORION_MUST_CHECK orion_status orion_mil_plan_cost(const orion_mil_plan *plan,
                                                            const orion_mil_target *target,
                                                            orion_mil_cost *out_cost);

/* ---- identity ------------------------------------------------------------------------------- */

/** Bytes of an identity, the NUL included: 3 x 64 hexadecimal digits and two underscores. */
#define ORION_MIL_IDENTITY_BYTES 195

/**
 * The identifier that Apple's framework gives to a program: TEXT_WEIGHTS_OPTIONS, each the
 * upper-case hexadecimal SHA-256 of the text's bytes; of four zero bytes and then the bytes of
 * every weight file, in the order of their paths; and of the option plist. Equal identities mean
 * equal programs.
 * @param weights  NULL: none
 * @param options  bytes of the option plist, or NULL: none
 * @param out_hex  [out] ORION_MIL_IDENTITY_BYTES bytes, ending in a NUL
 */
ORION_API void orion_mil_identity(const char *text, size_t length,
                                  const orion_mil_weights *ORION_NULLABLE weights,
                                  const void *ORION_NULLABLE options, size_t options_length,
                                  char *out_hex);

ORION_END_DECLS

#endif
