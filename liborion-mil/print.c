/* SPDX-License-Identifier: MIT */
/* A program to canonical MIL text, in its own spelling or wholly terse or verbose; laid out as
 * Apple's compiler prints it. */
#include "mil-internal.h"

#include <math.h>

typedef struct printer {
    orn_text text; /* flushed to the writer now and then */
    const orion_writer *writer;
    orion_status status; /* of the writer; sticky */
    uint32_t dialect;
} printer;

enum { FLUSH_BYTES = 64 * 1024 };

static void flush(printer *p) {
    if (p->status == ORION_OK) p->status = orn_text_status(&p->text);
    if (p->status == ORION_OK && p->text.size != 0) {
        p->status = p->writer->write(p->writer->ctx, p->text.data, p->text.size);
    }
    p->text.size = 0;
}

static void puts_(printer *p, const char *s) {
    orn_text_puts(&p->text, s);
}

size_t mil_format_hex(char *buf, double v) {
    static const char digits[] = "0123456789abcdef";
    if (isnan(v)) return (size_t)(memcpy(buf, "nan", 4), 3);
    size_t n = 0;
    if (signbit(v)) buf[n++] = '-';
    v = fabs(v);
    if (isinf(v)) return (size_t)(memcpy(buf + n, "inf", 4), n + 3);
    int exponent = 0;
    uint64_t bits = 0; /* the mantissa as 1.52 fixed point */
    if (v != 0) {
        bits = (uint64_t)ldexp(frexp(v, &exponent), 53);
        exponent--;
    }
    memcpy(buf + n, "0x", 2);
    n += 2;
    buf[n++] = v == 0 ? '0' : '1';
    uint64_t fraction = bits & (((uint64_t)1 << 52) - 1);
    if (fraction != 0) buf[n++] = '.';
    for (; fraction != 0; fraction = (fraction << 4) & (((uint64_t)1 << 52) - 1))
        buf[n++] = digits[fraction >> 48];
    buf[n++] = 'p';
    buf[n++] = exponent < 0 ? '-' : '+';
    unsigned e = (unsigned)(exponent < 0 ? -exponent : exponent);
    char reversed[8];
    size_t count = 0;
    do {
        reversed[count++] = (char)('0' + e % 10);
        e /= 10;
    } while (e != 0);
    while (count != 0) buf[n++] = reversed[--count];
    buf[n] = '\0';
    return n;
}

/* Outside of a typed literal a bare `inf` would be a name, so it gets a sign there. */
static void print_float(printer *p, const orion_mil_value *v, bool in_literal) {
    char buf[48];
    double f = v->u.f;
    if (isnan(f) || isinf(f)) {
        if (!in_literal && !(isinf(f) && f < 0)) puts_(p, "+");
        orn_text_bytes(&p->text, buf, mil_format_hex(buf, f));
    } else if ((v->flags & MIL_VALUE_HEX) != 0) {
        orn_text_bytes(&p->text, buf, mil_format_hex(buf, f));
    } else {
        size_t n = orn_format_f64(buf, f);
        orn_text_bytes(&p->text, buf, n);
        if (memchr(buf, '.', n) == NULL && memchr(buf, 'e', n) == NULL) puts_(p, ".0");
    }
}

static void print_string(printer *p, const char *s) {
    static const char digits[] = "0123456789abcdef";
    orn_text_char(&p->text, '"');
    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\') {
            orn_text_char(&p->text, '\\');
            orn_text_char(&p->text, *s);
        } else if (c == '\n' || c == '\t' || c == '\r') {
            puts_(p, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\r");
        } else if (c < 0x20 || c == 0x7f) {
            puts_(p, "\\x");
            orn_text_char(&p->text, digits[c >> 4]);
            orn_text_char(&p->text, digits[c & 15]);
        } else {
            orn_text_char(&p->text, *s);
        }
    }
    orn_text_char(&p->text, '"');
}

static void print_dim(printer *p, const mil_dim *dim) {
    if (dim->symbol != NULL) {
        puts_(p, dim->symbol);
    } else {
        orn_text_int(&p->text, dim->extent);
    }
}

static void print_type(printer *p, const orion_mil_type *type) {
    static const char *const words[] = {"", "tensor", "list", "tuple", "dict", "state"};
    bool terse = p->dialect == ORION_MIL_AS_IS ? type->terse != 0 : p->dialect == ORION_MIL_IOS18;
    if (type->form == ORION_MIL_TYPE_TENSOR && type->rank == 0 && terse) {
        puts_(p, orion_mil_dtype_name((orion_mil_dtype)type->dtype));
        return;
    }
    puts_(p, words[type->form]);
    puts_(p, "<");
    if (type->form == ORION_MIL_TYPE_TENSOR) {
        puts_(p, orion_mil_dtype_name((orion_mil_dtype)type->dtype));
        puts_(p, ", [");
        for (uint32_t i = 0; i < type->rank; i++) {
            if (i != 0) puts_(p, ", ");
            print_dim(p, &type->dims[i]);
        }
        puts_(p, "]");
    } else {
        for (uint32_t i = 0; i < type->item_count; i++) {
            if (i != 0) puts_(p, ", ");
            print_type(p, type->items[i]);
        }
        if (type->rank != 0) {
            puts_(p, ", ");
            print_dim(p, &type->dims[0]);
        }
    }
    puts_(p, ">");
}

static void print_value(printer *p, const orion_mil_value *v, bool in_literal) {
    if (p->text.size > FLUSH_BYTES) flush(p);
    if (v->type != NULL) {
        print_type(p, v->type);
        puts_(p, "(");
        in_literal = true;
    }
    switch (v->form) {
    case ORION_MIL_VALUE_NAME: puts_(p, v->u.text); break;
    case ORION_MIL_VALUE_INT:
        if ((v->flags & MIL_VALUE_HUGE) != 0) {
            orn_text_uint(&p->text, (uint64_t)v->u.i);
        } else {
            orn_text_int(&p->text, v->u.i);
        }
        break;
    case ORION_MIL_VALUE_FLOAT: print_float(p, v, in_literal); break;
    case ORION_MIL_VALUE_BOOL: puts_(p, v->u.i != 0 ? "true" : "false"); break;
    case ORION_MIL_VALUE_STRING: print_string(p, v->u.text); break;
    case ORION_MIL_VALUE_LIST:
    case ORION_MIL_VALUE_TUPLE:
        puts_(p, v->form == ORION_MIL_VALUE_LIST ? "[" : "(");
        for (uint32_t i = 0; i < v->count; i++) {
            if (i != 0) puts_(p, ", ");
            print_value(p, &v->u.items[i], in_literal);
        }
        puts_(p, v->form == ORION_MIL_VALUE_LIST ? "]" : ")");
        break;
    case ORION_MIL_VALUE_DICT:
        puts_(p, "{");
        for (uint32_t i = 0; i < v->count; i += 2) {
            puts_(p, i == 0 ? "{" : ", {");
            print_value(p, &v->u.items[i], in_literal);
            puts_(p, ", ");
            print_value(p, &v->u.items[i + 1], in_literal);
            puts_(p, "}");
        }
        puts_(p, "}");
        break;
    case ORION_MIL_VALUE_BLOB:
        puts_(p, "BLOBFILE(path = ");
        print_value(p, &v->u.items[0], true);
        puts_(p, ", offset = ");
        print_value(p, &v->u.items[1], true);
        puts_(p, ")");
        break;
    default: break;
    }
    if (v->type != NULL) puts_(p, ")");
}

static void print_bindings(printer *p, const mil_binding *bindings, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i != 0) puts_(p, ", ");
        puts_(p, bindings[i].name);
        puts_(p, " = ");
        print_value(p, &bindings[i].value, false);
    }
}

static void print_attributes(printer *p, const mil_binding *attributes, size_t count) {
    if (count == 0) return;
    puts_(p, "[");
    print_bindings(p, attributes, count);
    puts_(p, "]");
}

static void print_ports(printer *p, const mil_port *ports, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i != 0) puts_(p, ", ");
        print_type(p, ports[i].type);
        puts_(p, " ");
        puts_(p, ports[i].name);
    }
}

static void print_opset(printer *p, const char *opset) {
    if (*opset == '\0') return;
    puts_(p, "<");
    puts_(p, opset);
    puts_(p, ">");
}

static void print_function(printer *p, const orion_mil_function *f) {
    puts_(p, "    func ");
    puts_(p, f->name);
    bool own = p->dialect == ORION_MIL_AS_IS || *f->opset == '\0';
    print_opset(p, own ? f->opset : p->dialect == ORION_MIL_IOS16 ? "ios16" : "ios18");
    puts_(p, "(");
    print_ports(p, f->parameters, f->parameter_count);
    puts_(p, ") ");
    print_attributes(p, f->attributes, f->attribute_count);
    puts_(p, f->attribute_count != 0 ? " {\n" : "{\n");
    for (size_t i = 0; i < f->statement_count; i++) {
        const orion_mil_statement *s = &f->statements[i];
        puts_(p, "            ");
        print_ports(p, s->results, s->result_count);
        if (s->result_count != 0) puts_(p, " = ");
        puts_(p, s->op);
        print_opset(p, s->opset);
        puts_(p, "(");
        print_bindings(p, s->arguments, s->argument_count);
        puts_(p, ")");
        print_attributes(p, s->attributes, s->attribute_count);
        puts_(p, ";\n");
        if (p->text.size > FLUSH_BYTES) flush(p);
    }
    puts_(p, "        } -> (");
    for (uint32_t i = 0; i < f->output_count; i++) {
        if (i != 0) puts_(p, ", ");
        puts_(p, f->outputs[i].name);
    }
    puts_(p, ");\n");
}

orion_status orion_mil_print(const orion_mil_program *program,
                             const orion_mil_print_options *options, const orion_writer *writer) {
    orion_mil_print_options o;
    TRY(orn_check_size(options, &o, sizeof o));
    if (o.dialect != ORION_MIL_AS_IS && o.dialect != ORION_MIL_IOS16 &&
        o.dialect != ORION_MIL_IOS18) {
        return ORION_ERROR_INVALID_ARGUMENT;
    }
    printer p = {.writer = writer, .dialect = o.dialect};
    orn_text_init(&p.text, &program->arena.allocator);
    puts_(&p, "program(");
    puts_(&p, o.dialect == ORION_MIL_AS_IS   ? program->version
              : o.dialect == ORION_MIL_IOS16 ? "1.0"
                                             : "1.3");
    puts_(&p, ")\n");
    print_attributes(&p, program->attributes, program->attribute_count);
    puts_(&p, program->attribute_count != 0 ? "\n{\n" : "{\n");
    for (size_t i = 0; i < program->function_count; i++) print_function(&p, &program->functions[i]);
    puts_(&p, "}\n");
    flush(&p);
    orn_text_free(&p.text);
    return p.status;
}

orion_status orion_mil_type_print(const orion_mil_type *type, const orion_writer *writer) {
    orion_allocator a = orn_allocator(NULL);
    printer p = {.writer = writer};
    orn_text_init(&p.text, &a);
    print_type(&p, type);
    flush(&p);
    orn_text_free(&p.text);
    return p.status;
}

orion_status mil_value_print(const orion_mil_value *value, const orion_allocator *allocator,
                             const orion_writer *writer) {
    printer p = {.writer = writer};
    orn_text_init(&p.text, allocator);
    print_value(&p, value, false);
    flush(&p);
    orn_text_free(&p.text);
    return p.status;
}
