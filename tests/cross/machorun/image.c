/* SPDX-License-Identifier: MIT */
/* Maps Mach-O files, relocates them and binds their imports. */
#include "machorun.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The file begins with a header and load commands. Segments are copied to one block of anonymous
 * memory at their distances from each other; `slide` is where the block lies minus where the file
 * wanted it. Three little programs in the last segment (LC_DYLD_INFO) say which words are addresses
 * to which the slide is added (rebase), and which words take the address of a symbol (bind; the
 * lazy ones are bound at once, too). A trie maps exported names to offsets.
 */
enum {
    MAGIC = (int)0xfeedfacf,
    CPU_ARM64 = 0x0100000c,
    LC_REQUIRED = (int)0x80000000,
    LC_SEGMENT_64 = 0x19,
    LC_LOAD_DYLIB = 0xc,
    LC_LOAD_WEAK_DYLIB = 0x18 | LC_REQUIRED,
    LC_RPATH = 0x1c | LC_REQUIRED,
    LC_DYLD_INFO = 0x22,
    LC_DYLD_INFO_ONLY = 0x22 | LC_REQUIRED,
    LC_MAIN = 0x28 | LC_REQUIRED,
    LC_DYLD_CHAINED_FIXUPS = 0x34 | LC_REQUIRED,
    SECTION_TYPE = 0xff,
    SECTION_INITIALISERS = 0x9,
    SECTION_THREAD_VARIABLES = 0x13,
    MOST_SEGMENTS = 16,
    MOST_DEPENDENCIES = 32
};

typedef struct header {
    uint32_t magic, cpu, subtype, type, commands, command_bytes, flags, reserved;
} header;

typedef struct command {
    uint32_t kind, bytes;
} command;

typedef struct segment {
    command command;
    char name[16];
    uint64_t address, size, offset, file_size;
    uint32_t most_access, access, sections, flags;
} segment;

typedef struct section {
    char name[16], segment[16];
    uint64_t address, size;
    uint32_t offset, align, relocations, relocation_count, flags, reserved[3];
} section;

typedef struct dyld_info {
    command command;
    uint32_t rebase, rebase_size, bind, bind_size, weak, weak_size, lazy, lazy_size, exports,
        exports_size;
} dyld_info;

struct image {
    char path[1024];
    unsigned char *file; /* the whole file, kept: the tables are read from it */
    unsigned char *base;
    uint64_t slide;
    unsigned char *segments[MOST_SEGMENTS]; /* where they lie now */
    size_t segment_count;
    const dyld_info *info;
    image *dependencies[MOST_DEPENDENCIES]; /* by ordinal; NULL: of the system */
    size_t dependency_count;
    uint64_t entry;
    bool initialised;
    image *next;
};

static image *images; /* the first is the one loaded last */

/* ---- numbers and commands ---- */

static uint64_t unsigned_leb(const unsigned char **p) {
    uint64_t value = 0;
    unsigned shift = 0;
    do {
        value |= (uint64_t)(**p & 0x7f) << shift;
        shift += 7;
    } while (*(*p)++ & 0x80);
    return value;
}

static int64_t signed_leb(const unsigned char **p) {
    uint64_t value = 0;
    unsigned shift = 0;
    unsigned char byte;
    do {
        byte = *(*p)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte & 0x80);
    if (shift < 64 && (byte & 0x40)) value |= ~UINT64_C(0) << shift;
    return (int64_t)value;
}

/* The next command after `c`, or the first; NULL after the last. */
static const command *next_command(const image *m, const command *c) {
    const header *h = (const header *)m->file;
    const unsigned char *first = m->file + sizeof *h;
    const unsigned char *next = c == NULL ? first : (const unsigned char *)c + c->bytes;
    return next < first + h->command_bytes ? (const command *)next : NULL;
}

/* The string of a command whose third word says where in the command it begins. */
static const char *command_string(const command *c) {
    return (const char *)c + ((const uint32_t *)c)[2];
}

/* ---- exports ---- */

/* A node: the size of what the name up to here stands for, that (flags, offset), the number of
 * children, and for each the characters that lead to it and its offset in the trie. */
void *image_symbol(const image *m, const char *name) {
    if (m->info == NULL || m->info->exports_size == 0) return NULL;
    const unsigned char *trie = m->file + m->info->exports;
    const unsigned char *p = trie;
    for (;;) {
        uint64_t terminal = unsigned_leb(&p);
        const unsigned char *child = p + terminal;
        if (*name == '\0') {
            if (terminal == 0) return NULL;
            if (unsigned_leb(&p) != 0) refuse("%s: an export that is no plain address", m->path);
            return m->base + unsigned_leb(&p);
        }
        const unsigned char *next = NULL;
        for (unsigned left = *child++; left > 0 && next == NULL; left--) {
            size_t length = strlen((const char *)child);
            bool leads = strncmp(name, (const char *)child, length) == 0;
            child += length + 1;
            uint64_t offset = unsigned_leb(&child);
            if (leads) name += length, next = trie + offset;
        }
        if (next == NULL) return NULL;
        p = next;
    }
}

/* ---- rebase and bind ---- */

static void add_slide(const image *m, unsigned char **place, uint64_t count, uint64_t skip) {
    for (; count > 0; count--) {
        uint64_t word;
        memcpy(&word, *place, sizeof word);
        word += m->slide;
        memcpy(*place, &word, sizeof word);
        *place += sizeof word + skip;
    }
}

static void rebase(const image *m) {
    const unsigned char *p = m->file + m->info->rebase, *end = p + m->info->rebase_size;
    unsigned char *place = NULL;
    while (p < end) {
        unsigned low = *p & 15, operation = *p++ >> 4;
        uint64_t count;
        switch (operation) {
        case 0x0: return;
        case 0x1: break; /* kind of address; all are words */
        case 0x2: place = m->segments[low] + unsigned_leb(&p); break;
        case 0x3: place += unsigned_leb(&p); break;
        case 0x4: place += low * sizeof(uint64_t); break;
        case 0x5: add_slide(m, &place, low, 0); break;
        case 0x6: add_slide(m, &place, unsigned_leb(&p), 0); break;
        case 0x7: add_slide(m, &place, 1, unsigned_leb(&p)); break;
        case 0x8:
            count = unsigned_leb(&p);
            add_slide(m, &place, count, unsigned_leb(&p));
            break;
        default: refuse("%s: rebase operation %u", m->path, operation);
        }
    }
}

/* What is being bound, as the operations set it. */
typedef struct binding {
    const char *name;
    int64_t ordinal, addend;
    bool weak;
} binding;

static uint64_t bound_address(const image *m, const binding *b) {
    void *found = NULL;
    size_t index = (size_t)b->ordinal - 1;
    if (b->ordinal > 0 && index < m->dependency_count && m->dependencies[index] != NULL) {
        found = image_symbol(m->dependencies[index], b->name);
        if (found == NULL && !b->weak) refuse("%s: no symbol %s", m->path, b->name);
    } else {
        found = system_symbol(b->name, b->weak);
    }
    return found == NULL ? 0 : (uint64_t)(uintptr_t)found + (uint64_t)b->addend;
}

static void put(const image *m, const binding *b, unsigned char **place, uint64_t count,
                uint64_t skip) {
    uint64_t address = bound_address(m, b);
    for (; count > 0; count--) {
        memcpy(*place, &address, sizeof address);
        *place += sizeof address + skip;
    }
}

static void bind(const image *m, uint32_t offset, uint32_t size, bool lazy) {
    const unsigned char *p = m->file + offset, *end = p + size;
    unsigned char *place = NULL;
    binding b = {.name = ""};
    while (p < end) {
        unsigned low = *p & 15, operation = *p++ >> 4;
        uint64_t count;
        switch (operation) {
        case 0x0: /* the lazy table ends each symbol with one */
            if (!lazy) return;
            break;
        case 0x1: b.ordinal = low; break;
        case 0x2: b.ordinal = (int64_t)unsigned_leb(&p); break;
        case 0x3: b.ordinal = low == 0 ? 0 : (int64_t)low - 16; break;
        case 0x4:
            b.weak = low & 1;
            b.name = (const char *)p;
            p += strlen(b.name) + 1;
            break;
        case 0x5: break;
        case 0x6: b.addend = signed_leb(&p); break;
        case 0x7: place = m->segments[low] + unsigned_leb(&p); break;
        case 0x8: place += unsigned_leb(&p); break;
        case 0x9: put(m, &b, &place, 1, 0); break;
        case 0xa: put(m, &b, &place, 1, unsigned_leb(&p)); break;
        case 0xb: put(m, &b, &place, 1, low * sizeof(uint64_t)); break;
        case 0xc:
            count = unsigned_leb(&p);
            put(m, &b, &place, count, unsigned_leb(&p));
            break;
        default: refuse("%s: bind operation %u", m->path, operation);
        }
    }
}

/* ---- loading ---- */

static bool read_file(image *m) {
    int fd = open(m->path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0) return false;
    if (fstat(fd, &st) != 0) refuse("%s: cannot stat", m->path);
    void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (file == MAP_FAILED) refuse("%s: cannot map", m->path);
    m->file = file;
    const header *h = file;
    if ((size_t)st.st_size < sizeof *h || h->magic != (uint32_t)MAGIC || h->cpu != CPU_ARM64) {
        refuse("%s: not a Mach-O file for arm64", m->path);
    }
    return true;
}

static const segment *as_segment(const command *c) {
    return c->kind == LC_SEGMENT_64 ? (const segment *)c : NULL;
}

/* __PAGEZERO has no access and no memory: it only keeps addresses free. */
static bool is_mapped(const segment *s) {
    return s->most_access != 0;
}

static void map_segments(image *m) {
    uint64_t low = UINT64_MAX, high = 0;
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        const segment *s = as_segment(c);
        if (s == NULL || !is_mapped(s)) continue;
        if (s->address < low) low = s->address;
        if (s->address + s->size > high) high = s->address + s->size;
    }
    void *base = mmap(NULL, high - low, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) refuse("%s: no memory", m->path);
    m->base = base;
    m->slide = (uint64_t)(uintptr_t)base - low;
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        const segment *s = as_segment(c);
        if (s == NULL) continue;
        if (m->segment_count == MOST_SEGMENTS) refuse("%s: too many segments", m->path);
        unsigned char *place = is_mapped(s) ? m->base + (s->address - low) : NULL;
        m->segments[m->segment_count++] = place;
        if (place != NULL) memcpy(place, m->file + s->offset, s->file_size);
    }
}

/* Code is not written to from now on, nor constants. */
static void protect_segments(const image *m) {
    size_t i = 0;
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        const segment *s = as_segment(c);
        if (s == NULL) continue;
        unsigned char *place = m->segments[i++];
        if (place == NULL || s->size == 0) continue;
        bool constant = strncmp(s->name, "__DATA_CONST", sizeof s->name) == 0;
        int access = (s->access & 1 ? PROT_READ : 0) | (s->access & 4 ? PROT_EXEC : 0) |
                     (s->access & 2 && !constant ? PROT_WRITE : 0);
        if (mprotect(place, s->size, access) != 0) refuse("%s: mprotect", m->path);
        if (access & PROT_EXEC) __builtin___clear_cache((char *)place, (char *)place + s->size);
    }
}

/* `@loader_path/rest` to the folder of the image. */
static void expand(const image *m, const char *name, char *out, size_t size) {
    static const char here[] = "@loader_path/";
    const char *slash = strrchr(m->path, '/');
    int folder = slash == NULL ? 1 : (int)(slash - m->path);
    const char *start = slash == NULL ? "." : m->path;
    int n = strncmp(name, here, sizeof here - 1) == 0
                ? snprintf(out, size, "%.*s/%s", folder, start, name + sizeof here - 1)
                : snprintf(out, size, "%s", name);
    if (n < 0 || (size_t)n >= size) refuse("%s: path too long", m->path);
}

/* A library found by the run paths of the image that asks. */
static image *load_by_run_path(const image *m, const char *leaf) {
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        if (c->kind != (uint32_t)LC_RPATH) continue;
        char folder[1024], path[2048];
        expand(m, command_string(c), folder, sizeof folder);
        snprintf(path, sizeof path, "%s/%s", folder, leaf);
        image *found = image_load(path);
        if (found != NULL) return found;
    }
    refuse("%s: no %s in the run paths", m->path, leaf);
}

static void load_dependency(image *m, const char *name) {
    if (m->dependency_count == MOST_DEPENDENCIES) refuse("%s: too many libraries", m->path);
    image *found = NULL;
    if (strncmp(name, "@rpath/", 7) == 0) {
        found = load_by_run_path(m, name + 7);
    } else if (name[0] == '@') {
        char path[1024];
        expand(m, name, path, sizeof path);
        found = image_load(path);
        if (found == NULL) refuse("%s: no file %s", m->path, path);
    }
    m->dependencies[m->dependency_count++] = found;
}

image *image_load(const char *path) {
    char real[4096];
    if (realpath(path, real) == NULL) return NULL;
    for (image *m = images; m != NULL; m = m->next) {
        if (strcmp(m->path, real) == 0) return m;
    }
    image *m = calloc(1, sizeof *m);
    if (m == NULL) refuse("no memory");
    if (strlen(real) >= sizeof m->path) refuse("%s: path too long", real);
    strcpy(m->path, real);
    if (!read_file(m)) refuse("%s: cannot read", real);
    map_segments(m);
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        switch (c->kind) {
        case LC_DYLD_INFO:
        case (uint32_t)LC_DYLD_INFO_ONLY: m->info = (const dyld_info *)c; break;
        case LC_LOAD_DYLIB:
        case (uint32_t)LC_LOAD_WEAK_DYLIB: load_dependency(m, command_string(c)); break;
        case (uint32_t)LC_MAIN: memcpy(&m->entry, c + 1, sizeof m->entry); break;
        case (uint32_t)LC_DYLD_CHAINED_FIXUPS: refuse("%s: has chained fixups", real);
        default: break;
        }
    }
    if (m->info == NULL) refuse("%s: has no LC_DYLD_INFO", real);
    if (m->info->weak_size != 0) refuse("%s: has weak definitions", real);
    rebase(m);
    bind(m, m->info->bind, m->info->bind_size, false);
    bind(m, m->info->lazy, m->info->lazy_size, true);
    protect_segments(m);
    m->next = images;
    images = m;
    return m;
}

/* ---- starting ---- */

typedef void (*initialiser)(int, char **, char **);

static void initialise(image *m, int argc, char **argv, char **environment) {
    if (m->initialised) return;
    m->initialised = true;
    for (size_t i = 0; i < m->dependency_count; i++) {
        if (m->dependencies[i] != NULL) initialise(m->dependencies[i], argc, argv, environment);
    }
    for (const command *c = NULL; (c = next_command(m, c)) != NULL;) {
        const segment *s = as_segment(c);
        const section *list = s == NULL ? NULL : (const section *)(s + 1);
        for (uint32_t i = 0; s != NULL && i < s->sections; i++) {
            uint32_t type = list[i].flags & SECTION_TYPE;
            if (type == SECTION_THREAD_VARIABLES) refuse("%s: thread-local variables", m->path);
            if (type != SECTION_INITIALISERS) continue;
            const initialiser *f = (const initialiser *)(uintptr_t)(list[i].address + m->slide);
            for (uint64_t k = 0; k < list[i].size / sizeof *f; k++) f[k](argc, argv, environment);
        }
    }
}

void image_initialise(int argc, char **argv, char **environment) {
    for (image *m = images; m != NULL; m = m->next) initialise(m, argc, argv, environment);
}

main_function image_main(const image *m) {
    return m->entry == 0 ? NULL : (main_function)(uintptr_t)(m->base + m->entry);
}
