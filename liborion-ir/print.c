/* SPDX-License-Identifier: MIT */
/*
 * The canonical .oir writer. parse.c reads what it writes; both follow this grammar
 * (docs/ir-language.md explains it):
 *
 *   file    = "oir" "1" graph
 *   graph   = "graph" "@" NAME "(" [ input { "," input } ] ")"
 *             "->" "(" output { "," output } ")" "{" { node } "}"
 *   input   = "%" NAME ":" type
 *   output  = [ NAME "=" ] value
 *   node    = value { "," value } "=" ( op | const ) ":" type { "," type }
 *   op      = NAME [ value { "," value } ] [ "{" attr { "," attr } "}" ]
 *   attr    = NAME "=" ( NUMBER | dtype | "[" [ NUMBER { "," NUMBER } ] "]" )
 *   const   = "const" ( NUMBER | "[" NUMBER { "," NUMBER } "]" | hex { hex } )
 *   hex     = '"' { HEXDIGIT } '"'
 *   type    = dtype "[" [ NUMBER { "," NUMBER } ] "]"
 *   value   = "%" ( NAME | DIGITS )
 *   dtype   = "f32" | "f16" | "bf16" | "i32" | "u16" | "u8" | "i8" | "bool"
 *   NUMBER  = [ "-" ] ( decimal | hexadecimal | "inf" | "nan" [ "(0x" HEXDIGITS ")" ] )
 *             | "true" | "false"
 *   NAME    = ( letter | "_" ) { letter | digit | "_" }
 *
 * Blanks and line ends separate tokens and mean nothing else; "#" begins a comment that ends with
 * its line.
 *
 * Canonical form: one node a line, two spaces in front; more than four inputs (or outputs) go one a
 * line; attributes in schema order, those that have their default left out; a constant whose
 * elements have the same bits is one number, up to 64 elements are a list with sixteen a line, more
 * are hexadecimal digits, forty bytes a line: each element its bits, highest digit first. Unnamed
 * values are numbered in the order of their definition.
 */
#include "ir-internal.h"

enum {
    PORTS_PER_LINE = 4,
    NUMBERS_PER_LINE = 16,
    NUMBERS_MAX = 64, /* longer constants are hexadecimal */
    HEX_BYTES_PER_LINE = 40,
    FLUSH_BYTES = 1 << 16
};

typedef struct printer {
    const orion_ir_graph *g;
    const orion_writer *writer;
    orn_text text;
    uint32_t *numbers; /* by value id, of the unnamed values */
    uint32_t next_number;
} printer;

/* Hand the text to the writer once there is enough of it, or now. */
static orion_status flush(printer *p, bool now) {
    TRY(orn_text_status(&p->text));
    if (p->text.size == 0 || (!now && p->text.size < FLUSH_BYTES)) return ORION_OK;
    TRY(p->writer->write(p->writer->ctx, p->text.data, p->text.size));
    p->text.size = 0;
    return ORION_OK;
}

static void print_value(printer *p, uint32_t id) {
    const char *name = ir_val(p->g, id)->name;
    orn_text_char(&p->text, '%');
    if (name != NULL) {
        orn_text_puts(&p->text, name);
    } else {
        orn_text_uint(&p->text, p->numbers[id]);
    }
}

static void print_type(printer *p, const orion_ir_type *type) {
    char text[IR_TYPE_TEXT];
    orn_text_bytes(&p->text, text, ir_format_type(text, type));
}

/* What stands before item i of n in a list of inputs or outputs. */
static void separate(printer *p, size_t i, size_t n) {
    if (i != 0) orn_text_char(&p->text, ',');
    if (n > PORTS_PER_LINE) {
        orn_text_puts(&p->text, "\n    ");
    } else if (i != 0) {
        orn_text_char(&p->text, ' ');
    }
}

static orion_status print_header(printer *p) {
    const orion_ir_graph *g = p->g;
    orn_text_printf(&p->text, "oir 1\ngraph @%s(", g->name);
    for (size_t i = 0; i < g->input_count; i++) {
        separate(p, i, g->input_count);
        print_value(p, g->inputs[i]);
        orn_text_puts(&p->text, ": ");
        print_type(p, &ir_val(g, g->inputs[i])->type);
        TRY(flush(p, false));
    }
    orn_text_puts(&p->text, g->input_count > PORTS_PER_LINE ? "\n) -> (" : ") -> (");
    for (size_t i = 0; i < g->output_count; i++) {
        const ir_output *o = &g->outputs[i];
        const char *name = ir_val(g, o->value)->name;
        separate(p, i, g->output_count);
        if (name == NULL || strcmp(name, o->name) != 0) orn_text_printf(&p->text, "%s = ", o->name);
        print_value(p, o->value);
        TRY(flush(p, false));
    }
    orn_text_puts(&p->text, g->output_count > PORTS_PER_LINE ? "\n) {\n" : ") {\n");
    return flush(p, false);
}

/* ---- constants ---- */

static void print_element(printer *p, orion_ir_dtype dtype, const void *data, size_t i) {
    char text[IR_NUMBER_TEXT];
    orn_text_bytes(&p->text, text, ir_format_element(text, dtype, data, i));
}

static orion_status print_list(printer *p, orion_ir_dtype dtype, const void *data, size_t count) {
    orn_text_puts(&p->text, " [");
    for (size_t i = 0; i < count; i++) {
        if (i != 0) orn_text_char(&p->text, ',');
        if (count > NUMBERS_PER_LINE && i % NUMBERS_PER_LINE == 0) {
            orn_text_puts(&p->text, "\n    ");
        } else if (i != 0) {
            orn_text_char(&p->text, ' ');
        }
        print_element(p, dtype, data, i);
    }
    orn_text_puts(&p->text, count > NUMBERS_PER_LINE ? "\n  ]" : "]");
    return flush(p, false);
}

static orion_status print_hex(printer *p, orion_ir_dtype dtype, const void *data, size_t count) {
    size_t elem = orion_ir_dtype_bytes(dtype), per_line = HEX_BYTES_PER_LINE / elem;
    for (size_t i = 0; i < count; i++) {
        char digits[8];
        uint64_t bits = ir_load_bits(dtype, data, i);
        for (size_t d = 0; d < 2 * elem; d++) {
            digits[d] = "0123456789abcdef"[bits >> (8 * elem - 4 * (d + 1)) & 15];
        }
        if (i % per_line == 0) orn_text_puts(&p->text, i == 0 ? "\n    \"" : "\"\n    \"");
        orn_text_bytes(&p->text, digits, 2 * elem);
        TRY(flush(p, false));
    }
    orn_text_char(&p->text, '"');
    return ORION_OK;
}

static orion_status print_data(printer *p, const orion_ir_node *n) {
    const orion_ir_type *type = &ir_val(p->g, n->out)->type;
    orion_ir_dtype dtype = (orion_ir_dtype)type->dtype;
    const char *data = (const char *)orion_blob_data(n->blob) + n->offset;
    size_t count = (size_t)orion_ir_type_elements(type), elem = orion_ir_dtype_bytes(dtype);
    if (memcmp(data, data + elem, (count - 1) * elem) == 0) { /* all have the bits of the first */
        orn_text_char(&p->text, ' ');
        print_element(p, dtype, data, 0);
        return ORION_OK;
    }
    return count > NUMBERS_MAX ? print_hex(p, dtype, data, count)
                               : print_list(p, dtype, data, count);
}

/* ---- nodes ---- */

static void print_attribute(printer *p, const orion_ir_attr_info *info, const ir_attr *attr) {
    char text[IR_NUMBER_TEXT];
    orn_text_printf(&p->text, "%s=", info->name);
    switch (info->kind) {
    case ORION_IR_ATTR_BOOL: orn_text_puts(&p->text, attr->i != 0 ? "true" : "false"); break;
    case ORION_IR_ATTR_INT: orn_text_int(&p->text, attr->i); break;
    case ORION_IR_ATTR_FLOAT: orn_text_bytes(&p->text, text, ir_format_real(text, attr->f)); break;
    case ORION_IR_ATTR_DTYPE:
        orn_text_puts(&p->text, orion_ir_dtype_name((orion_ir_dtype)attr->i));
        break;
    default:
        orn_text_char(&p->text, '[');
        for (size_t i = 0; i < attr->count; i++) {
            if (i != 0) orn_text_puts(&p->text, ", ");
            orn_text_int(&p->text, attr->ints[i]);
        }
        orn_text_char(&p->text, ']');
    }
}

static orion_status print_attributes(printer *p, const orion_ir_node *n, const ir_op *op) {
    orn_arena scratch;
    orion_status status = ORION_OK;
    bool open = false;
    orn_arena_init(&scratch, &p->text.allocator);
    for (uint32_t i = 0; i < op->info.attr_count; i++) {
        const orion_ir_attr_info *info = &ir_op_attrs(op)[i];
        ir_attr fallback;
        if (ir_attr_default(info, &scratch, &fallback)) {
            if (ir_attr_equal(info->kind, &fallback, &n->attrs[i])) continue;
        } else if (info->fallback[0] != '\0') {
            status = ORION_ERROR_NO_MEMORY;
            break;
        }
        orn_text_puts(&p->text, open ? ", " : " {");
        open = true;
        print_attribute(p, info, &n->attrs[i]);
    }
    if (open) orn_text_char(&p->text, '}');
    orn_arena_clear(&scratch);
    return status;
}

static orion_status print_node(printer *p, const orion_ir_node *n) {
    const ir_op *op = ir_op_get(n->op);
    orn_text_puts(&p->text, "  ");
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (i != 0) orn_text_puts(&p->text, ", ");
        print_value(p, n->out + i);
    }
    orn_text_printf(&p->text, " = %s", op->info.name);
    if (n->op == ORION_IR_OP_const) TRY(print_data(p, n));
    for (uint32_t i = 0; i < n->n_in; i++) {
        orn_text_puts(&p->text, i == 0 ? " " : ", ");
        print_value(p, n->in[i]);
    }
    TRY(print_attributes(p, n, op));
    orn_text_puts(&p->text, " : ");
    for (uint32_t i = 0; i < n->n_out; i++) {
        if (i != 0) orn_text_puts(&p->text, ", ");
        print_type(p, &ir_val(p->g, n->out + i)->type);
    }
    orn_text_char(&p->text, '\n');
    return flush(p, false);
}

/* Number the unnamed values before anything is printed, because outputs come first. */
static void number_values(printer *p) {
    ir_foreach_node (p->g, n) {
        for (uint32_t i = 0; i < n->n_out; i++) {
            if (ir_val(p->g, n->out + i)->name == NULL) p->numbers[n->out + i] = p->next_number++;
        }
    }
}

orion_status orion_ir_print(const orion_ir_graph *graph, const orion_writer *writer) {
    const orion_allocator *a = &graph->arena.allocator;
    printer p = {.g = graph, .writer = writer};
    orn_text_init(&p.text, a);
    p.numbers = orn_zalloc(a, graph->value_count * sizeof *p.numbers);
    orion_status status = p.numbers == NULL ? ORION_ERROR_NO_MEMORY : ORION_OK;
    if (status == ORION_OK) {
        number_values(&p);
        status = print_header(&p);
    }
    for (const orion_ir_node *n = graph->first; n != NULL && status == ORION_OK; n = n->next) {
        status = print_node(&p, n);
    }
    if (status == ORION_OK) {
        orn_text_puts(&p.text, "}\n");
        status = flush(&p, true);
    }
    orn_text_free(&p.text);
    orn_free(a, p.numbers, graph->value_count * sizeof *p.numbers);
    return status;
}
